// ui.js: what the views of the console share: numbers and times as people read them, trouble
// in words, and the question that stands before everything dangerous.

import { byId, knows, lang, make, say } from './kit.js';

const whole = new Intl.NumberFormat(lang, { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat(lang, { maximumFractionDigits: 2 });
export const number = (value) => (value === null || value === undefined || Number.isNaN(value) ? '–' : Math.abs(value) < 10 ? fine.format(value) : whole.format(value));
export const percent = (share) => (share === null || share === undefined || Number.isNaN(share) ? '–' : `${whole.format(share * 100)} %`);

const clock = new Intl.DateTimeFormat(lang, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const exact = new Intl.DateTimeFormat(lang, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const day = new Intl.DateTimeFormat(lang, { month: 'short', day: 'numeric' });
const sameDay = (a, b) => a.toDateString() === b.toDateString();

// "21:14", with the day where it is not today; always this device's zone, which the foot names.
export function hour(iso, format = clock) {
  const at = new Date(iso);
  return sameDay(at, new Date()) ? format.format(at) : `${day.format(at)} ${format.format(at)}`;
}
export const moment = (iso) => hour(iso, exact);
export const timeAt = (iso) => make('time', { dateTime: iso, title: iso }, moment(iso));

// The service takes tags that look like one; the browser knows those that are one.
export function languageOf(tag, into = lang) {
  try {
    return new Intl.DisplayNames(into, { type: 'language' }).of(tag);
  } catch {
    return tag;
  }
}

// A key's words, or what the server said where there are none.
export const wordsOr = (key, otherwise) => (knows(key) ? say(key) : otherwise);

export function sayTrouble(error) {
  if (error.status === 401) return say('error.admin-token-required');
  if (knows(`error.${error.code}`)) return say(`error.${error.code}`);
  return error.problem?.detail ?? say('error.other', error.message);
}

export function notice(text) {
  byId('notice').textContent = text;
}

// A handler that tells what goes wrong instead of losing it.
export function guarded(work, tell = notice) {
  return async (event) => {
    event?.preventDefault();
    tell('');
    try {
      await work(event);
    } catch (error) {
      if (!('problem' in error)) throw error;
      tell(sayTrouble(error));
    }
  };
}

// A knob's value, as it is told from and to.
export function told(value) {
  if (value === null || value === undefined || value === '') return '–';
  if (typeof value === 'boolean') return say(value ? 'on' : 'off');
  if (typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value)) return moment(value);
  if (typeof value !== 'object') return String(value);
  return Object.keys(value).length === 0 ? '–' : JSON.stringify(value); // of a knob that is newer than this page
}

export const badge = (state) => make('strong', { className: `badge ${state}` }, wordsOr(`state.${state}`, state));

// A row of label and value; the value is what is looked for.
// How far the clock of Redis is off, once that is more than the machines of a house may differ; '' if it is not.
const CLOCK_OFF_MS = 1000;
export function clockOff(live) {
  const { clock_ahead_ms: ahead = 0, clock_behind_ms: behind = 0 } = live ?? {}; // null: nothing came yet
  if (Math.max(ahead, behind) < CLOCK_OFF_MS) return '';
  return say(ahead > behind ? 'live.clock-ahead' : 'live.clock-behind', number(Math.max(ahead, behind) / 1000));
}

// While the seats are down, time stands still for those inside; '' if it runs.
export const visitsHalted = (live) => (live?.visits_halted ? say('live.visits-halted') : '');

// Presale codes that Redis has lost, and nobody but the operator has; '' if none is missing.
export const codesMissing = (live) => (live?.codes_missing > 0 ? say('live.codes-missing', number(live.codes_missing)) : '');

export function fact(label, value, title) {
  const row = make('div', {}, make('dt', {}, label), make('dd', {}, value));
  if (title !== undefined) row.title = title;
  return row;
}

// What a view's refresh answers when it was not its turn to ask anybody: so nothing new is known.
export const SKIPPED = Symbol('skipped');

// Pressed again while it works it does nothing; it is not disabled for that, which would take the focus
// from it, and whether it is to be disabled afterwards its work may have said.
export function button(text, work, properties = {}, tell = notice) {
  const made = make('button', { type: 'button', ...properties }, text);
  const press = guarded(async (event) => {
    made.setAttribute('aria-busy', 'true');
    try {
      await work(event);
    } finally {
      made.removeAttribute('aria-busy');
    }
  }, tell);
  made.addEventListener('click', (event) => {
    if (!made.hasAttribute('aria-busy')) press(event);
  });
  return made;
}

// "Really?": what will happen, line by line; a word to type where there is no way back. Focus begins
// at "no" and Escape means no.
export function confirmed({ title, text, lines = [], yes, word }) {
  const dialog = byId('confirm');
  byId('confirm-title').textContent = title;
  byId('confirm-text').textContent = text;
  byId('confirm-lines').replaceChildren(...lines.map((line) => make('li', {}, line)));
  byId('confirm-lines').hidden = lines.length === 0;
  byId('confirm-yes').textContent = yes;
  byId('confirm-word').hidden = word === undefined;
  byId('confirm-ask').textContent = word === undefined ? '' : say('confirm.word', word);
  const input = byId('confirm-input');
  input.value = '';
  const judge = () => { byId('confirm-yes').disabled = word !== undefined && input.value.trim() !== word; };
  input.oninput = judge;
  judge();
  dialog.returnValue = 'no';
  dialog.showModal();
  (word === undefined ? byId('confirm-no') : input).focus();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes' && (word === undefined || input.value.trim() === word)), { once: true });
  });
}

// Where Enter is pressed in the field, the first button of a dialog would be "no": it shall be "yes"
// once the word is right, and nothing before.
byId('confirm-input').addEventListener('keydown', (event) => {
  if (event.key !== 'Enter') return;
  event.preventDefault();
  if (!byId('confirm-yes').disabled) byId('confirm').close('yes');
});

// Makes the children of `at` like these, touching only what differs, so that nobody loses the focus,
// an opened fold or a word half read. For what carries no listeners.
export function show(at, ...children) {
  alike(at, make('div', {}, ...children));
}

function alike(old, fresh) {
  const wanted = [...fresh.childNodes];
  wanted.forEach((node, n) => {
    const there = old.childNodes[n];
    if (there === undefined) old.append(node);
    else if (there.nodeType !== node.nodeType || there.nodeName !== node.nodeName) there.replaceWith(node);
    else if (node.nodeType !== Node.ELEMENT_NODE) {
      if (there.data !== node.data) there.data = node.data;
    } else {
      for (const { name } of [...there.attributes]) if (!node.hasAttribute(name) && name !== 'open') there.removeAttribute(name);
      for (const { name, value } of node.attributes) if (there.getAttribute(name) !== value) there.setAttribute(name, value);
      alike(there, node);
    }
  });
  while (old.childNodes.length > wanted.length) old.lastChild.remove();
}

// datetime-local has no zone: it is this device's.
export function toLocal(iso) {
  if (!iso) return '';
  const at = new Date(iso);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60000).toISOString().slice(0, 19);
}
export const fromLocal = (text) => (text === '' ? null : new Date(text).toISOString());
export const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

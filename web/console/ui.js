// ui.js: shared by the console's views: readable numbers and times, errors in words, and the confirmation before
// everything dangerous.

import { byId, digitsOf, knows, lang, locale, make, say } from './kit.js';

const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat(locale, { maximumFractionDigits: 2 });
export const number = (value) => (value === null || value === undefined || Number.isNaN(value) ? '–' : Math.abs(value) < 10 ? fine.format(value) : whole.format(value));
// A rounded amount, where the exact one does not fit.
export function shortMoney(minor, currency) {
  const format = (style) => new Intl.NumberFormat(locale, { ...style, notation: 'compact', maximumSignificantDigits: 4 });
  const amount = minor / 10 ** digitsOf(currency);
  return lang === 'ko' && currency === 'KRW' ? `${format({}).format(amount)}원` : format({ style: 'currency', currency }).format(amount);
}
export const percent = (share) => (share === null || share === undefined || Number.isNaN(share) ? '–' : `${whole.format(share * 100)} %`);

export const clock = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
export const exact = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const day = new Intl.DateTimeFormat(locale, { month: 'short', day: 'numeric' });
const date = new Intl.DateTimeFormat(locale, { year: 'numeric', month: 'short', day: 'numeric' });
const zoneShort = new Intl.DateTimeFormat('en', { timeZoneName: 'shortOffset' });
const sameDay = (a, b) => a.toDateString() === b.toDateString();

// "21:14", with the day if it is not today, and the year if it is not this one; always in this device's zone, which the
// footer names.
export function hour(iso, format = clock) {
  const [at, now] = [new Date(iso), new Date()];
  const of = at.getFullYear() === now.getFullYear() ? day : date;
  return sameDay(at, now) ? format.format(at) : `${of.format(at)} ${format.format(at)}`;
}
export const moment = (iso) => hour(iso, exact);
export const timeAt = (iso) => make('time', { dateTime: iso, title: iso }, moment(iso));

// The service accepts anything that looks like a language tag; the browser knows the real ones.
export function languageOf(tag, into = lang) {
  try {
    return new Intl.DisplayNames(into, { type: 'language' }).of(tag);
  } catch {
    return tag;
  }
}

// The phrase of a key, or else the server's text.
export const wordsOr = (key, otherwise) => (knows(key) ? say(key) : otherwise);

export function sayTrouble(error) {
  if (knows(`error.${error.code}`)) return say(`error.${error.code}`);
  if (error.status === 401) return say('error.admin-token-required');
  return error.problem?.detail ?? say('error.other', error.message);
}

export function notice(text) {
  byId('notice').textContent = text;
}

// Clears a field after its act is done, unless the operator has typed something new meanwhile.
export function taken(field) {
  const { value } = field;
  return () => {
    if (field.value === value) field.value = '';
  };
}

// A handler that shows errors instead of losing them.
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

// The same for a form that saves: pressed twice, it is sent once.
export function saving(work) {
  let isUnderWay = false;
  return guarded(async (event) => {
    if (isUnderWay) return;
    isUnderWay = true;
    try {
      await work(event);
    } finally {
      isUnderWay = false;
    }
  });
}

// A knob's value, as shown in "from ... to ...".
export function textOf(value) {
  if (value === null || value === undefined || value === '') return '–';
  if (typeof value === 'boolean') return say(value ? 'on' : 'off');
  if (typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value)) return moment(value);
  if (typeof value !== 'object') return String(value);
  return Object.keys(value).length === 0 ? '–' : JSON.stringify(value); // a knob newer than this page
}

export const badge = (state) => make('strong', { className: `badge ${state}` }, wordsOr(`state.${state}`, state));

export const levelWords = (level) => say(`verdict.level.${level}`);
// The reason for a verdict or an alarm, with its values as people read them.
export function reasonOf({ level, key, values }) {
  const put = (value) => {
    if (typeof value === 'number') return number(value);
    if (value?.word) return wordsOr(value.word, value.otherwise);
    if (value?.shut) return wordsOr(`shut.${value.shut}`, value.shut);
    if (value?.time) return moment(value.time);
    return value?.share === undefined ? value : percent(value.share);
  };
  const words = values.map(put);
  return ['fine', 'rest'].includes(level) ? say(`verdict.${key}`, ...words) : say(`alarm.${key}`, ...words);
}
// The verdict at the top of the page: a sign, a word, and the reason.
export const byVerdict = (one, ...more) => [icon(one.level), make('p', {}, make('strong', {}, levelWords(one.level)), ` ${reasonOf(one)}`, ...more)];

// A field with its label, its purpose, and its error.
export function fieldOf(input, words, ...help) {
  const [hint, wrong] = [make('span', { className: 'small', id: `help-${input.id}` }, ...help), make('span', { className: 'wrong', id: `wrong-${input.id}` })];
  input.setAttribute('aria-describedby', `${hint.id} ${wrong.id}`);
  return make('div', { className: input.type === 'checkbox' ? 'field tick' : 'field' }, make('label', { htmlFor: input.id }, words), input, hint, wrong);
}

// Shows a field's error; '' clears it. True if it is ''.
export function blame(input, words) {
  byId(`wrong-${input.id}`).textContent = words;
  if (words === '') input.removeAttribute('aria-invalid');
  else input.setAttribute('aria-invalid', 'true');
  return words === '';
}

// '' if the field's text is a valid rate; otherwise why not.
export function rateFault({ value: text }) {
  const rate = Number(text);
  if (text.trim() === '' || !(rate >= 0 && rate <= 100000)) return say('rule.between', number(0), number(100000));
  return Math.round(rate * 1000) === rate * 1000 ? '' : say('rule.milli');
}

// The words for an item of checklist.js.
function termsWords({ by, percent: share, until, before_start_s: before, version }) {
  const ofBuyer = [percent(share / 100), until && say('terms.until-at', hour(until)), before !== null && say('terms.hours', (before / 3600).toLocaleString(locale, { maximumFractionDigits: 1 }))];
  return [say(`terms.by.${by}`), ...(by === 'buyer' ? ofBuyer : []), version === 0 && say('terms.default')].filter(Boolean).join(' · ');
}
const checkValue = { part: (name) => say(`part.${name}`), terms: termsWords };
export const checkWords = ({ key, done, value }) => say(`check.${key}.${done ? 'done' : 'todo'}`, checkValue[key]?.(value) ?? value);

// A row of label and value.
export function fact(label, value, title) {
  const row = make('div', {}, make('dt', {}, label), make('dd', {}, value));
  if (title !== undefined) row.title = title;
  return row;
}

// A box that scrolls sideways, for a mouse and for keys.
export const scrollBox = (label, properties = {}, ...children) =>
  make('div', { className: 'scroll', tabIndex: 0, role: 'region', 'aria-label': label, ...properties }, ...children);

export const tableOf = (heads, rows) => make('table', {}, make('thead', {}, make('tr', {}, ...heads.map((words) => make('th', { scope: 'col' }, words)))), make('tbody', {}, ...rows));

// Returned by a view's refresh that made no request, so nothing is new.
export const SKIPPED = Symbol('skipped');

// Ignores presses while its work runs. It is not disabled for that: it would lose the focus, and the work may decide
// whether it is disabled afterwards.
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

// One question at a time: a second one would change the words of the first under the operator's finger, and one press
// would answer both.
let asked = Promise.resolve();
export function confirmed(question) {
  const answer = asked.then(() => ask(question));
  asked = answer.catch(() => {});
  return answer;
}

// Asks for confirmation. It shows what will happen, line by line, and a word to type if it cannot be undone. `why` is
// the recorded reason as {text, needed}: the initial text, and whether it is required. The focus starts on the word to
// type, else on "no"; Escape means no. Returns null, or {why} after "yes".
function ask({ title, text, lines = [], yes, word, why }) {
  const dialog = byId('confirm');
  byId('confirm-title').textContent = title;
  byId('confirm-text').textContent = text;
  byId('confirm-lines').replaceChildren(...lines.map((line) => make('li', {}, line)));
  byId('confirm-lines').hidden = lines.length === 0;
  byId('confirm-yes').textContent = yes;
  byId('confirm-word').hidden = word === undefined;
  byId('confirm-ask').textContent = word === undefined ? '' : say('confirm.word', word);
  byId('confirm-reason').hidden = why === undefined;
  byId('confirm-why-ask').textContent = say(why?.needed ? 'confirm.why-needed' : 'confirm.why');
  const [input, reason] = [byId('confirm-input'), byId('confirm-why')];
  input.value = '';
  reason.value = why?.text ?? '';
  const isSure = () => (word === undefined || input.value.trim() === word) && (!why?.needed || reason.value.trim() !== '');
  const judge = () => { byId('confirm-yes').disabled = !isSure(); };
  input.oninput = judge;
  reason.oninput = judge;
  judge();
  dialog.returnValue = 'no';
  dialog.showModal();
  (word !== undefined ? input : byId('confirm-no')).focus();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes' && isSure() ? { why: reason.value.trim() } : null), { once: true });
  });
}

// Enter in a field would press the dialog's first button, "no". It must mean "yes" once everything is filled in, and do
// nothing before.
for (const id of ['confirm-input', 'confirm-why']) {
  byId(id).addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.isComposing) return;
    event.preventDefault();
    if (!byId('confirm-yes').disabled) byId('confirm').close('yes');
  });
}

// Makes the children of `at` equal to these, changing only what differs, so that the focus, open folds and the reading
// position stay. Only for elements without listeners.
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
      for (const { name, value } of node.attributes) {
        if (there.getAttribute(name) === value) continue;
        if (name === 'style') there.style.cssText = value; // the content security policy allows no styles in markup
        else there.setAttribute(name, value);
      }
      alike(there, node);
    }
  });
  while (old.childNodes.length > wanted.length) old.lastChild.remove();
}

// datetime-local has no zone: its value is in this device's.
export function toLocal(iso) {
  if (!iso) return '';
  const at = new Date(iso);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60000).toISOString().slice(0, 19);
}
export const fromLocal = (text) => (text === '' ? null : new Date(text).toISOString());
export const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;
// "Asia/Seoul, GMT+9": shown next to times.
export const zoneName = () => (zone() === 'UTC' ? 'UTC' : `${zone()}, ${zoneShort.formatToParts(new Date()).find(({ type }) => type === 'timeZoneName').value}`);

// From the icons in the page.
export const icon = (name) => byId(`icon-${name}`).content.firstElementChild.cloneNode(true);

// A whole view for an empty or failed state: a picture, what it is, what to do.
export function drawn(name, title, text, ...acts) {
  return make('section', { className: `card drawn drawn-${name}` }, icon(name), make('h2', {}, title), make('p', {}, text), ...acts);
}

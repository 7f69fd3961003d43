// show.js: displays data on the waiting page. It decides nothing and makes no requests.

import { announce, byId, kept, knows, lang, locale, minutes, say, serverNow } from './kit.js';

export const line = byId('line');
export const event = line.dataset.event;
const name = byId('name').textContent;
const DAY_S = 86_400;

// A value stored in this browser for this event.
export const note = (key) => kept(`fg_${key}_${event}`);

let zone = line.dataset.zone || undefined;
try {
  new Date().toLocaleString('en', { timeZone: zone });
} catch { // the browser does not know it
  zone = undefined;
}

const timesOf = (ms, form, its) => [zone, undefined].map((timeZone) => new Date(ms).toLocaleString(its, { ...form, timeZone }));
export const isAbroad = (ms = byId('show')?.dataset.starts ?? Date.now()) => new Set(timesOf(ms)).size > 1;

// Times are the hall's. This device's is added if it differs, once the rarer phrases are there.
export function timeOf(ms, form = { dateStyle: 'full', timeStyle: 'short' }, its = locale) {
  const [there, here] = timesOf(ms, form, its);
  return there === here || !knows('more.here') ? there : say('more.here', there, here);
}

export function put(at, text) {
  if (at.textContent !== text) at.textContent = text;
}
export const fill = (id, text) => put(byId(id), text);

// ---- views ----

const inView = (element) => element.getClientRects().length > 0;
const heading = () => [...line.querySelectorAll('h2')].find(inView);

const STEP = { soon: 0, join: 0, draw: 0, waiting: 0, called: 1, opening: 2, admitted: 2 };

export function showView(view, state) {
  if (state) line.dataset.state = state;
  if (line.dataset.view === view) return;
  for (const [i, step] of [...byId('steps').children].entries()) step.setAttribute('aria-current', i === STEP[view] ? 'step' : 'false');
  const focused = document.activeElement;
  line.dataset.from = line.dataset.view;
  line.dataset.view = view;
  announce(heading()?.textContent ?? '');
  // If the focused element is now hidden, the focus moves to the new heading, not to the top of the page.
  if (focused && focused !== document.body && !inView(focused)) heading()?.focus();
}

export function showTitle(before) {
  document.title = before ? `${before} – ${name}` : name;
}

export function showUpdated() {
  fill('updated', say('live.updated', timeOf(serverNow(), { timeStyle: 'medium' })));
}

// In the visitor's language, else English, else any.
export function showMessage(messages) {
  const text = messages[lang] ?? messages.en ?? Object.values(messages)[0] ?? '';
  fill('message', text);
  byId('message').hidden = text === '';
}

// ---- changes with time alone ----

export function countdown(ms) {
  const s = Math.max(0, Math.ceil(ms / 1000));
  if (s < 3600) return minutes(ms);
  const hours = Math.floor((s % DAY_S) / 3600);
  const rest = `${hours}:${String(Math.floor(s / 60) % 60).padStart(2, '0')}:${String(s % 60).padStart(2, '0')}`;
  return s < DAY_S ? rest : say('live.days', Math.floor(s / DAY_S), rest);
}

// When the line closes for all who have not entered by then; null: an operator closes it.
let closes = null;
export function showCloses(at = closes) {
  closes = at;
  byId('closes').hidden = !at;
  if (at) fill('closes', say('live.closes', timeOf(at)));
}

// The countdown to the pre-queue or the opening, and its time; `begins` is in ms, 0: unknown. At the opening the
// entries close, and the draw may have to wait for its beacon.
export function showBegins(begins, gathers, opens) {
  const closed = begins && begins <= serverNow() && line.dataset.state === 'pre-queue';
  for (const id of ['soon-count', 'draw-count']) {
    byId(id).hidden = !begins || closed;
    if (begins) fill(id, countdown(begins - serverNow()));
  }
  if (!begins || (closed && !knows('more.closed'))) return;
  const opening = say('live.opens', timeOf(opens));
  const words = closed ? say(line.dataset.beacon ? 'more.awaits' : 'more.closed') : gathers ? `${say('live.gathers', timeOf(begins))} ${opening}` : opening;
  for (const at of line.querySelectorAll('.begins')) put(at, words);
}

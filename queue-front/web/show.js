// show.js: how the waiting page says what it was told. It decides nothing and asks nobody.

import { announce, byId, lang, minutes, say, serverNow } from './kit.js';

export const line = byId('line');
export const event = line.dataset.event;
const name = byId('name').textContent;
const DAY_S = 86_400;
const SAY_AT_MIN = [60, 30, 15, 10, 5, 2, 1]; // announced when the wait falls below these

// A few words kept by the browser. They are a comfort: where nothing may be kept, nothing breaks.
export const keep = {
  get(key) {
    try {
      return JSON.parse(localStorage.getItem(`fg_${key}_${event}`));
    } catch {
      return null;
    }
  },
  set(key, value) {
    try {
      localStorage.setItem(`fg_${key}_${event}`, JSON.stringify(value));
    } catch { /* full, or forbidden */ }
  },
};

const number = (n) => n.toLocaleString(lang);
const clockTime = (ms) => new Date(ms).toLocaleTimeString(lang);
const fullTime = (ms) => new Date(ms).toLocaleString(lang, { dateStyle: 'full', timeStyle: 'short' });

function put(at, text) {
  if (at.textContent !== text) at.textContent = text;
}
const fill = (id, text) => put(byId(id), text);

// ---- the wait, in the same words as the page has without a script (waiting_gaps.c) ----

const inMinutes = ({ p50_s: p50, p90_s: p90 }) => {
  const low = Math.max(1, Math.round(p50 / 60));
  return [low, Math.max(low, Math.ceil(p90 / 60))];
};

function waitInWords(eta) {
  if (eta.p50_s === null) return say('live.eta.unknown');
  const [low, high] = inMinutes(eta);
  if (eta.p50_s >= DAY_S) return say('live.eta.days');
  if (low >= 120) return say('live.eta.hours', Math.floor(low / 60), Math.ceil(high / 60));
  if (eta.p90_s < 60) return say('live.eta.under');
  if (high === 1) return say('live.eta.minute');
  return low === high ? say('live.eta.about', low) : say('live.eta.range', low, high);
}

function noteOf({ eta, eta_reason: reason }) {
  if (eta.p50_s === null) return '';
  const [low, high] = inMinutes(eta);
  const notes = [say(low === high || eta.p50_s >= DAY_S ? 'live.eta.single' : 'live.eta.note')];
  if (reason) notes.unshift(say(`live.reason.${reason}`));
  if (eta.basis === 'knobs') notes.push(say('live.eta.knobs'));
  return notes.join(' ');
}

let saidMin = Infinity;

function announceWait(eta) {
  if (eta.p50_s === null) return;
  const [, high] = inMinutes(eta);
  const step = SAY_AT_MIN.filter((min) => high <= min).at(-1);
  if (step === undefined || step >= saidMin) return;
  if (saidMin !== Infinity) announce(say('live.said.eta', waitInWords(eta)));
  saidMin = step;
}

// ---- the bar ----

// How much of those who were before this visitor at first are gone. It never goes back, also when
// somebody before them, who had gone, is there again; nor by a reload.
function showBar({ position, ahead }) {
  let bar = keep.get('bar');
  if (bar?.position !== position) bar = { position, first: ahead, shown: 0 };
  const done = bar.first > 0 ? Math.max(0, 1 - ahead / bar.first) : 1;
  bar.shown = Math.max(bar.shown, Math.round(1000 * done));
  keep.set('bar', bar);
  byId('bar').value = bar.shown;
}

// ---- views ----

const inView = (element) => element.getClientRects().length > 0;
const heading = () => [...line.querySelectorAll('h2')].find(inView);

export function showView(view, state) {
  if (state) line.dataset.state = state;
  if (line.dataset.view === view) return;
  const focused = document.activeElement;
  line.dataset.view = view;
  announce(heading()?.textContent ?? '');
  // Whoever had the focus on what is gone now goes on at the new heading, not at the page's top.
  if (focused && focused !== document.body && !inView(focused)) heading()?.focus();
  saidMin = Infinity;
}

export function showTitle(before) {
  document.title = before ? `${before} – ${name}` : name;
}

export function showMe(me) {
  const hasPosition = me.position !== null;
  if (hasPosition) {
    fill('position', number(me.position));
    fill('sold-position', number(me.position));
    fill('ahead', number(me.ahead));
    if (me.place === 'waiting') showBar(me);
  } else {
    fill('entry', number(me.entry));
  }
  byId('sold-kept').hidden = !hasPosition;
  fill('eta', waitInWords(me.eta));
  fill('eta-note', noteOf(me));
  const doubt = ['unsure', 'likely'].includes(me.odds?.sold_out) && me.place === 'waiting';
  byId('odds').hidden = !doubt;
  if (doubt) fill('odds', say(`live.odds.${me.odds.sold_out}`));
  if (line.dataset.view === 'waiting') {
    announceWait(me.eta);
    showTitle(say('live.ahead-title', number(me.ahead)));
  }
}

// Which line it is, of several, and its share of the calls.
export function showLane(lanes, id = 'general') {
  const mine = lanes?.find((lane) => lane.id === id);
  if (mine) fill('lane', say('live.lane', mine.id === 'general' ? say('live.lane.general') : mine.name, mine.share));
  if (mine || !lanes) byId('lane').hidden = !mine;
}

export function showUpdated() {
  fill('updated', say('live.updated', clockTime(serverNow())));
}

// The visitor's language, else English, else whatever there is.
export function showMessage(messages) {
  const text = messages[lang] ?? messages.en ?? Object.values(messages)[0] ?? '';
  fill('message', text);
  byId('message').hidden = text === '';
}

// ---- what passes by itself ----

export function countdown(ms) {
  const s = Math.max(0, Math.ceil(ms / 1000));
  if (s < 3600) return minutes(ms);
  const hours = Math.floor((s % DAY_S) / 3600);
  const rest = `${hours}:${String(Math.floor(s / 60) % 60).padStart(2, '0')}:${String(s % 60).padStart(2, '0')}`;
  return s < DAY_S ? rest : say('live.days', Math.floor(s / DAY_S), rest);
}

// When it is over for all who have not entered by then; null: by hand.
export function showCloses(at) {
  byId('closes').hidden = !at;
  if (at) fill('closes', say('live.closes', fullTime(Date.parse(at))));
}

// Until the pre-queue or the opening; `begins` is a time in ms, 0: not known. At the opening the entries are
// closed, and the draw may have to wait for its beacon.
export function showBegins(begins, gathers) {
  const closed = begins && begins <= serverNow() && line.dataset.state === 'pre-queue';
  for (const id of ['soon-count', 'draw-count']) {
    byId(id).hidden = !begins || closed;
    if (begins) fill(id, countdown(begins - serverNow()));
  }
  if (!begins) return;
  const words = closed ? say(line.dataset.beacon ? 'live.awaits' : 'live.closed') : say(gathers ? 'live.gathers' : 'live.opens', fullTime(begins));
  for (const at of line.querySelectorAll('.begins')) put(at, words);
}

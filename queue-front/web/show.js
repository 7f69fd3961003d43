// show.js: how the waiting page shows what it has received. It decides nothing and makes no
// requests.

import { announce, byId, knows, lang, locale, minutes, moreWords, say, serverNow } from './kit.js';
import { shownWait } from './shown.js';

export const line = byId('line');
export const event = line.dataset.event;
const name = byId('name').textContent;
const DAY_S = 86_400;
const SAY_AT_MIN = [60, 30, 15, 10, 5, 2, 1]; // announced when the wait falls below these

// A few values that the browser keeps. They are a convenience: where storage is forbidden, nothing
// breaks.
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

const number = (n) => n.toLocaleString(locale);
const clockTime = (ms) => new Date(ms).toLocaleTimeString(locale);
const fullTime = (ms) => new Date(ms).toLocaleString(locale, { dateStyle: 'full', timeStyle: 'short' });
// As in each language and without a script.
const timeOfDay = (ms) => (ms ? new Date(ms).toTimeString().slice(0, 5) : '');

function put(at, text) {
  if (at.textContent !== text) at.textContent = text;
}
const fill = (id, text) => put(byId(id), text);

// ---- the wait, in the same words as on the page without a script (waiting_gaps.c) ----

const numberOf = ({ unit, number: n }) => (unit ? `${n} ${say(`live.eta.${unit}${n > 1 ? 's' : ''}`)}` : '');

// A reason whose words are still on their way is the one that the page came with, if it is any.
function showReason({ eta, eta_reason: reason }) {
  const key = `more.reason.${reason}`;
  if (!reason) fill('reason', eta.basis === 'knobs' ? say('live.eta.knobs') : '');
  else if (knows(key)) fill('reason', say(key));
}

let saidMin = Infinity;

function announceWait({ p50_s: p50 }, words) {
  const step = SAY_AT_MIN.filter((min) => p50 !== null && p50 <= 60 * min).at(-1);
  if (step === undefined || step >= saidMin) return;
  if (saidMin !== Infinity) announce(say('live.said.eta', words));
  saidMin = step;
}

// `me` says how long the wait was when it was made, which may be a while ago.
function showWait(me) {
  const open = line.dataset.state === 'open';
  const shown = shownWait(me.eta, me.made);
  const words = numberOf(shown);
  fill('turn', say(open && words ? 'live.turn' : 'live.turn.unknown'));
  fill('eta', words || say('live.eta.unknown'));
  const [before, after = ''] = say(`live.say.${shown.advice}`).split('{0}');
  const at = byId('say').children;
  for (const [i, text] of [before, timeOfDay(shown.back), after].entries()) put(at[i], text);
  for (const id of ['likely', 'latest']) fill(id, timeOfDay(shown[id]));
  showReason(me);
  if (line.dataset.view !== 'waiting') return;
  announceWait(me.eta, words);
  showTitle(open ? words : '');
}

// ---- the picture of the line ----

// Which share of those who were ahead of this visitor at first are gone. It never falls, neither
// when somebody ahead who had gone comes back nor after a reload. The dots are the people ahead:
// they move up when somebody has gone, and only then. The rest of the way is the time until p90;
// its pale end is the part after p50.
const DOTS = 14; // px from one to the next

function showBar({ position, ahead, eta }) {
  let bar = keep.get('bar');
  if (bar?.position !== position) bar = { position, first: ahead, shown: 0 };
  const done = bar.first > 0 ? Math.max(0, 1 - ahead / bar.first) : 1;
  bar.shown = Math.max(bar.shown, Math.round(1000 * done));
  keep.set('bar', bar);
  const gone = bar.shown / 10;
  const sure = eta.p90_s ? gone + (100 - gone) * eta.p50_s / eta.p90_s : 100;
  const picture = byId('bar');
  const [way, unsure, walked, self] = picture.children;
  const draw = (part, what, value) => part.setAttribute(what, `${value}%`);
  picture.setAttribute('aria-valuenow', bar.shown);
  draw(way, 'x1', gone);
  way.setAttribute('stroke-dashoffset', -DOTS * Math.max(0, bar.first - ahead));
  draw(unsure, 'x', sure);
  draw(unsure, 'width', 100 - sure);
  draw(walked, 'width', gone);
  draw(self, 'cx', gone);
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
  // If the focused element is hidden now, the focus moves to the new heading, not to the top of the
  // page.
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
  showWait(me);
  const doubt = ['unsure', 'likely'].includes(me.odds?.sold_out) && me.place === 'waiting';
  if ((doubt || me.eta_reason) && !knows('more.odds.likely')) moreWords().then((got) => got && showMe(me));
  byId('odds').hidden = !doubt;
  if (doubt && knows('more.odds.likely')) fill('odds', say(`more.odds.${me.odds.sold_out}`));
}

// Which of several lines this is, and its share of the calls.
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

// ---- what changes with time alone ----

export function countdown(ms) {
  const s = Math.max(0, Math.ceil(ms / 1000));
  if (s < 3600) return minutes(ms);
  const hours = Math.floor((s % DAY_S) / 3600);
  const rest = `${hours}:${String(Math.floor(s / 60) % 60).padStart(2, '0')}:${String(s % 60).padStart(2, '0')}`;
  return s < DAY_S ? rest : say('live.days', Math.floor(s / DAY_S), rest);
}

// When the line closes for all who have not entered by then; null: it is closed by hand.
export function showCloses(at) {
  byId('closes').hidden = !at;
  if (at) fill('closes', say('live.closes', fullTime(Date.parse(at))));
}

// The countdown to the pre-queue or the opening, and when that is; `begins` is a time in ms, 0: not
// known. At the opening the entries close, and the draw may have to wait for its beacon.
export function showBegins(begins, gathers, opens) {
  const closed = begins && begins <= serverNow() && line.dataset.state === 'pre-queue';
  for (const id of ['soon-count', 'draw-count']) {
    byId(id).hidden = !begins || closed;
    if (begins) fill(id, countdown(begins - serverNow()));
  }
  if (!begins) return;
  const opening = say('live.opens', fullTime(opens));
  const words = closed ? say(line.dataset.beacon ? 'live.awaits' : 'live.closed') : gathers ? `${say('live.gathers', fullTime(begins))} ${opening}` : opening;
  for (const at of line.querySelectorAll('.begins')) put(at, closed && at.closest('.on-join') ? '' : words); // who joins now comes after the draw
}

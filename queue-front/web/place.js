// place.js: shows a visitor's place: the wait, the line and the lane. The page without a script shows the wait in the
// same words (waiting_gaps.c). wait.js loads this file for the first place, together with the rarer phrases.

import { announce, byId, locale, say, serverNow } from './kit.js';
import { event, fill, line, note, put, showTitle, timeOf } from './show.js';
import { drawQueue } from './queue.js';
import { shownWait, waitAt } from './shown.js';

const SAY_AT_MIN = [60, 30, 15, 10, 5, 2, 1]; // announced when the wait falls below these
const number = (n) => n.toLocaleString(locale);
// HH:MM in every language, as on the page without a script.
const timeOfDay = (ms) => (ms ? timeOf(ms, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }, 'en-GB') : '');

const unitOf = ({ unit, number: n }) => (unit ? say(`more.eta.${unit}${n > 1 ? 's' : ''}`) : '');

// Fills the parts of a sentence around a time of day.
function fillAround(id, key, ms) {
  const [before, after = ''] = say(key).split('{0}');
  for (const [i, text] of [before, timeOfDay(ms), after].entries()) put(byId(id).children[i], text);
}

let saidMin = Infinity;

function announceWait({ p50_s: p50 }, words) {
  const step = SAY_AT_MIN.filter((min) => p50 !== null && p50 <= 60 * min).at(-1);
  if (step === undefined || step >= saidMin) return;
  if (saidMin !== Infinity) announce(say('more.said.eta', words));
  saidMin = step;
}

// `me` has the wait at the time of the response, which may be a while ago.
function showWait(me) {
  const open = line.dataset.state === 'open';
  const shown = shownWait(me.eta, me.made);
  const words = shown.unit ? `${shown.number} ${unitOf(shown)}` : '';
  fill('turn', say(open && words ? 'more.turn' : 'more.turn.unknown'));
  for (const [i, text] of [shown.number ?? '', unitOf(shown)].entries()) put(byId('eta').children[i], String(text));
  fill('draw-eta', words);
  fillAround('say', `more.say.${shown.advice}`, shown.back);
  for (const id of ['likely', 'latest']) fill(id, timeOfDay(shown[id]));
  fill('reason', me.eta_reason ? say(`more.reason.${me.eta_reason}`) : me.eta.basis === 'knobs' ? say('more.eta.knobs') : '');
  if (line.dataset.view !== 'waiting') {
    saidMin = Infinity;
    return;
  }
  announceWait(me.eta, words);
  showTitle(open ? words : '');
}

let waiting = Number(line.dataset.waiting); // people in this line

// The visitor's dot never moves back, neither when somebody ahead returns nor after a reload.
function showQueue({ position, ahead }) {
  let lowest = note('ahead').get();
  if (lowest?.position !== position || ahead < lowest.ahead) lowest = { position, ahead };
  note('ahead').set(lowest);
  drawQueue(byId('queue'), lowest.ahead, waiting, say('more.gate'));
}

// Updates this place from its line's part of the shared status, between two responses of its own.
export function follow(me, own) {
  // At most as many people as numbers in between; fewer, if some are known to have left.
  me.ahead = Math.min(me.ahead, Math.max(0, me.position - own.serving - 1));
  me.eta = { ...me.eta, ...waitAt(own.eta, me.ahead), basis: own.eta_basis };
  me.eta_reason = own.eta_reason ?? me.eta_reason;
  me.made = serverNow();
  ({ waiting } = own);
}

export function showMe(me) {
  const hasPosition = me.position !== null;
  if (hasPosition) {
    fill('position', number(me.position));
    fill('sold-position', number(me.position));
    fill('ahead', say(me.ahead > 1 ? 'more.ahead' : `more.ahead-${me.ahead}`, number(me.ahead)));
    if (me.place === 'waiting') showQueue(me);
  } else {
    fill('entry', number(me.entry));
  }
  byId('sold-kept').hidden = !hasPosition;
  showWait(me);
  if (me.place === 'called') fillAround('called-text', 'more.called.text', Date.parse(me.call_expires_at));
  const doubt = ['unsure', 'likely'].includes(me.odds?.sold_out) && me.place === 'waiting';
  byId('odds').hidden = !doubt;
  if (doubt) fill('odds', say(`more.odds.${me.odds.sold_out}`));
}

// The name of this lane, and its share of the calls.
export function showLane(lanes, id = 'general') {
  const mine = lanes.find((lane) => lane.id === id);
  if (!mine) return;
  fill('lane', say('more.lane', mine.id === 'general' ? say('more.lane.general') : mine.name, mine.share));
  byId('lane').hidden = false;
  if (id !== 'general') byId('anew')?.remove(); // the way into a lane
}

// ---- why this place, and with another device ----

const onOpen = (id, act) => byId(id).addEventListener('toggle', ({ target }) => { if (target.open) act(); });

export function begin(fetched, ask, getMe) {
  onOpen('why', async () => {
    const { explain } = await fetched('why');
    explain(byId('why-more'), event, Number(line.dataset.entry), getMe());
  });
  onOpen('move', async () => {
    const { offer } = await fetched('move');
    offer(byId('move-more'), ask);
  });
}

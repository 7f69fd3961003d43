// turn.js: the visitor's turn, from the call to the visit's end. It shows the time left, warns in time to extend it,
// and leads to the hall. wait.js loads it once there is a place.

import { announce, byId, moreWords, say, serverNow } from './kit.js';
import { countdown, event, line, showTitle } from './show.js';

const WARN_S = [60, 30, 10]; // announced at these; the second leaves at least 20 s to act
const RING_S = 30;
const SEATS_MS = 15_000; // timeout, after which the seats count as down
const DOWN = 502; // and above: the proxy cannot reach the seat service
const AGAIN_MS = 5000; // between polls for the end of a visit or of its pause: each second's tick would push back the poll
const RENEWED_EVERY = 4; // renews the pass at every fourth check of a missing hall
const IN = ['called', 'admitted', 'opening'];

const alertBox = byId('alert');
let me = null;
let hands = null; // from wait.js: ask, again, jitter, notice, pause, retryAfter, setOpening, take
let said = Infinity;
const rung = new Set();
let asksAfter = 0;

const put = (id, text) => { if (byId(id).textContent !== text) byId(id).textContent = text; };

// Once per occasion, and only if the visitor requested it.
function ring(occasion, words) {
  if (rung.has(occasion) || !alertBox.checked) return;
  rung.add(occasion);
  import('./alert.js').then((alert) => alert.ring(words, byId('name').textContent, byId('pass').textContent)).catch(() => { rung.delete(occasion); });
}

export async function arm(byHand) {
  const alert = await import('./alert.js');
  put('alert-note', alertBox.checked ? say(await alert.arm(byHand)) : '');
}

// Announces the time left of a call or visit, and rings near its end. `more`: it can be extended.
function warn(ends, words, more) {
  const ms = ends - serverNow();
  const s = Math.ceil(ms / 1000);
  const step = WARN_S.filter((at) => s <= at).at(-1);
  if (step !== undefined && step < said && s > 0) announce(say(more ? 'more.left.extend' : 'more.left', countdown(ms)));
  said = step ?? Infinity;
  if (s <= RING_S && s > 0) ring(`left ${ends}`, say('more.left', countdown(ms)));
  showTitle(`${countdown(ms)} ${words}`);
  return [countdown(ms), s <= RING_S];
}

function showCall() {
  const expires = me.call_expires_at && me.place === 'called' && me.state !== 'frozen' ? Date.parse(me.call_expires_at) : 0;
  const left = byId('left');
  left.hidden = byId('left-label').hidden = !expires;
  byId('extend').hidden = !expires || me.extensions_left === 0;
  if (!expires) return showTitle(say('more.called'));
  const [text, late] = warn(expires, say('more.called'), !byId('extend').hidden);
  put('left', text);
  left.classList.toggle('late', late);
}

function showVisit() {
  const [expires, ends] = [Date.parse(me.session_expires_at), Date.parse(me.session_ends_at)];
  byId('stay').hidden = !(expires < ends);
  if (!expires) return;
  const halted = Boolean(me.visits_halted);
  if (halted) showTitle(say('more.visit'));
  const [text, late] = halted ? ['', false] : warn(expires, say('more.visit'), expires < ends);
  put('visit-left', halted ? say('more.halted') : say('more.visit-left', text));
  byId('visit-left').classList.toggle('late', late);
  if ((!halted && expires > serverNow()) || performance.now() < asksAfter) return;
  asksAfter = performance.now() + AGAIN_MS;
  hands.again(1000);
}

export function tick() {
  if (line.dataset.view === 'called') showCall();
  else if (line.dataset.view === 'admitted') showVisit();
  else if (line.dataset.view === 'sold-out') rung.clear(); // a call that a sell-out interrupted rings again
}

export function show(next, given) {
  [me, hands] = [next, given];
  if (line.dataset.view === 'called') {
    const late = me.place === 'late';
    if (late && byId('called-text').textContent !== say('more.late')) announce(say('more.late'));
    if (late) for (const [i, text] of [say('more.late'), '', ''].entries()) byId('called-text').children[i].textContent = text;
    ring(`called ${me.position}`, say('more.called'));
  }
  tick();
}

// ---- acts ----

// For seat pages that send a bearer token; ours uses the cookie. Gone when this tab closes.
function keep({ pass }) {
  try {
    sessionStorage.setItem(`fg_pass_${event}`, pass);
  } catch { /* storage is full or forbidden */ }
}

// Continues the visit with a new pass.
async function renew() {
  const answer = await hands.ask('POST', 'session');
  if (!answer.ok) return false;
  const pass = await answer.json();
  keep(pass);
  [me.session_expires_at, me.session_ends_at] = [pass.expires_at, pass.ends_at];
  return true;
}

const tellExtended = (done) => hands.notice(say(done ? 'more.extended' : 'live.unavailable'));

export async function extend() {
  const answer = await hands.ask('POST', 'extend');
  if (answer.ok) hands.take({ me: await answer.json() });
  else if (answer.status === 410) location.replace(`/e/${event}?notice=${(await answer.json()).code}`);
  else hands.again(0);
  tellExtended(answer.ok);
}

export async function stay() {
  const done = await renew();
  hands.again(0);
  tellExtended(done);
}

const statusOf = (at) => fetch(at, { cache: 'no-store', signal: AbortSignal.timeout?.(SEATS_MS) }).catch(() => ({ status: DOWN }));

// Returns why visitors cannot be sent to the hall yet; '' if they can. Our hall has one page for all events, so the
// event is requested too. A page of another origin cannot be checked.
async function missing(url) {
  const { origin, pathname } = new URL(url, location);
  if (origin !== location.origin) return '';
  if ((await statusOf(url)).status >= DOWN) return 'more.opening';
  if (pathname !== `/seats/${event}`) return '';
  const hall = await statusOf(`/v1/seats/${event}`);
  if (hall.status >= 500) return 'more.opening';
  return hall.status === 404 && (await hall.json().catch(() => ({}))).code === 'event-unknown' ? 'more.no-hall' : '';
}

// While the hall is missing, the page shows only that and keeps the visit alive, also after a reload.
async function goOn(pass) {
  keep(pass);
  me.session_expires_at = pass.expires_at;
  for (let round = 0, why; (why = await missing(pass.next_url)) !== ''; round++) {
    if (!IN.includes(line.dataset.view)) return hands.setOpening(false);
    put('opening', say(me.visits_halted && why === 'more.opening' ? 'more.opening-paused' : why));
    hands.notice('');
    hands.setOpening(true);
    announce(byId('opening').textContent);
    history.replaceState(null, '', '#in');
    await hands.pause(hands.jitter(4000));
    if (me.visits_halted) hands.again(0); // to see when the pause ends
    const isDue = round % RENEWED_EVERY === 1 || Date.parse(me.session_expires_at) - serverNow() < 60_000;
    if (isDue) await renew().catch(() => {});
  }
  hands.setOpening(false);
  history.replaceState(null, '', location.pathname);
  location.assign(pass.next_url);
}

export async function enter() {
  await moreWords();
  while (['called', 'admitted'].includes(line.dataset.view)) {
    const answer = await hands.ask('POST', 'pass').catch(() => null);
    if (answer === null || answer.status === 429 || answer.status >= 500) {
      hands.notice(say('more.entering'));
      await hands.pause(answer ? hands.retryAfter(answer) : hands.jitter(2000));
      continue;
    }
    if (answer.ok) return goOn(await answer.json());
    const { code } = await answer.json();
    if (answer.status === 410 || code.startsWith('member-')) return location.replace(`/e/${event}?notice=${code}`);
    if (code !== 'not-yet') {
      if (code !== 'event-frozen') hands.notice(say('live.unavailable'));
      return hands.again(0);
    }
    hands.notice(say('more.next-free'));
    await hands.pause(hands.retryAfter(answer));
  }
  hands.notice('');
}

// wait.js: keeps the waiting page current while it is open. Without it the page reloads itself.
//
// It has two sources. `me` is polled as often as the server says. Only `me` knows this visitor, and each poll is a sign of
// life, without which the line would assume that the visitor has left. The stream of the shared status makes the page
// quick. It brings a pause, a message or a sell-out at once. A visitor who has just been called polls at once; after a
// draw, the polls of all participants are spread over some seconds. If the stream is blocked, polling alone does the same,
// a little later. Only one tab of a browser has the stream, because browsers allow few connections to a host.
//
// A cached page has neither the time nor an owner: cached.js personalises it. It opens no stream, which caches cannot
// serve, until there is a place.
//
// All times are the server's (kit.js). After sleep, and whenever the page becomes visible again, it requests everything
// again.

import { byId, moreWords, noteDate, notePageTime, onWake, say, serverNow } from './kit.js';
import { event, isAbroad, line, note, showBegins, showCloses, showMessage, showTitle, showUpdated, showView } from './show.js';

const ASK_TIMEOUT_MS = 15_000;
const KEPT_MS = 2000; // caches may keep the status this long: its Date counts as that much older
const QUIET_POLL_MS = 60_000; // status polls while the stream is up
const STREAM_AGAIN_MS = 4000;
const TURN_READY_MS = 3000;
const SOON_MS = 3000; // spreads a crowd's polls after an opening

let me = JSON.parse(byId('me').textContent); // null: no place
if (me) me.made = Date.parse(line.dataset.now);
let lanes = null; // from the status; until then the page shows them as rendered
const home = byId('updated').firstChild.href; // never the cached page
const cached = !line.dataset.now;
let opens = Date.parse(line.dataset.opens) || 0;
const gathers = Date.parse(line.dataset.gathers) || 0;

// Nobody can enter with this place any longer: the rendered page says why, and what the visitor can do.
let { over } = line.dataset;
const FULL = ['', 'line-full']; // the only refusal that comes and goes while a page is open
const OVER = ['expired', 'ended', 'done'];

const notice = (text) => {
  const at = byId('notice');
  if (at.textContent !== text) at.textContent = text;
};
const jitter = (ms) => ms * (0.75 + Math.random() / 2);
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

async function ask(method, path, headers, body) {
  const sentAt = performance.now();
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), ASK_TIMEOUT_MS);
  try {
    const answer = await fetch(`/v1/queue/${event}/${path}`, {
      method,
      headers: { Accept: 'application/json', ...headers },
      body,
      cache: 'no-store',
      signal: stop.signal,
    });
    noteDate(answer, sentAt - (path === 'status' ? KEPT_MS : 0));
    return answer;
  } finally {
    clearTimeout(timer);
  }
}

// ---- visible state ----

let opening = false; // set by turn.js: this visitor's hall is missing

const still = (state) => state === 'paused' || state === 'frozen';

function viewOf() {
  if (me.state === 'closed' && me.place !== 'admitted') return 'closed';
  if (over) return 'expired';
  if (opening) return 'opening';
  if (me.place === 'admitted') return 'admitted';
  if (me.state === 'sold-out') return 'sold-out';
  if (me.position === null) return 'draw';
  return me.place === 'late' ? 'called' : me.place;
}

function see() {
  note('place').set(1);
  if (!over && OVER.includes(me.place)) return location.replace(home);
  if (!place) return withPlace(); // until then the page stays as rendered
  const view = viewOf();
  showView(view, me.state);
  place.showMe(me);
  if (lanes) place.showLane(lanes, me.lane);
  if (view === 'called' || view === 'admitted' || opening) withTurn().catch(() => {});
  if (!['called', 'admitted', 'waiting'].includes(view)) showTitle('');
  showClocks();
}

let place = null; // place.js, once loaded
let placing = null; // while loading

async function withPlace() {
  placing ??= fetched('place');
  const its = await placing;
  while (!await moreWords()) await pause(jitter(2000));
  if (place) return;
  place = its;
  place.begin(fetched, ask, () => me);
  if (me) see();
}

function seeNoPlace(state) {
  const joins = state === 'pre-queue' || state === 'open' || still(state);
  if (line.dataset.view === 'moved' && joins) return showView('moved', state);
  showView(['sold-out', 'closed'].includes(state) ? state : joins ? 'join' : 'soon', state);
  byId('sold-kept').hidden = true;
  showTitle('');
}

function beginning() {
  const state = line.dataset.state;
  const gathering = gathers > serverNow() && state !== 'pre-queue';
  return [gathering ? gathers : opens, gathering];
}

let askedFor = 0;

function showClocks() {
  const view = line.dataset.view;
  turn?.tick();
  const invited = view === 'join' && line.dataset.state === 'pre-queue';
  if (view !== 'soon' && view !== 'draw' && !invited) return;
  const [begins, gathering] = beginning();
  showBegins(begins, gathering, opens);
  if (!invited && begins && begins <= serverNow() && askedFor !== begins) {
    askedFor = begins;
    again(Math.random() * SOON_MS);
  }
}

// Loads a rarely needed file, retrying until it succeeds. A browser may remember that an address failed, so each try
// has its own address.
async function fetched(file) {
  for (let tries = 0; ; tries += 1) {
    const address = `./${file}.js${tries > 0 ? `?${tries}` : ''}`; // not in import(): it would be bundled
    try {
      return await import(address);
    } catch {
      await pause(jitter(2000));
    }
  }
}

// ---- shared status ----

let shownPrices = ''; // the prices as last shown

async function tellPrices(prices) {
  const text = JSON.stringify(prices);
  if (text === shownPrices) return;
  shownPrices = text;
  const [{ showPrices }] = await Promise.all([fetched('prices'), moreWords()]);
  const gone = showPrices(prices);
  if (gone) notice(gone);
}

function onStatus(status) {
  showMessage(status.message);
  showCloses(status.closes_at);
  byId('prices').hidden = !status.prices;
  if (status.prices) tellPrices(status.prices).catch(() => {});
  opens = Date.parse(status.opens_at) || 0;
  lanes = status.lanes ?? [];
  if (FULL.includes(line.dataset.refused)) line.dataset.refused = status.full ? FULL[1] : '';
  if (!me) {
    showUpdated(); // no other data follows
    return seeNoPlace(status.state);
  }
  const before = me.state;
  const wasDraw = me.position === null;
  me.state = status.state;
  // While sold out or frozen a call has no end: only `me` knows the new one.
  if (before !== me.state && ['called', 'late'].includes(me.place) && !me.call_expires_at) {
    again(Math.random() * 300);
    return;
  }
  if (wasDraw && before !== me.state && me.state === 'open') {
    again(Math.random() * Math.min(SOON_MS, status.poll_after_ms));
    return;
  }
  const own = me.lane ? lanes.find(({ id }) => id === me.lane) : status;
  const waits = me.position !== null && me.place === 'waiting' && own?.serving !== undefined;
  if (waits && own.serving >= me.position) again(Math.random() * 300);
  if (waits) place?.follow(me, own);
  if (waits || before !== me.state || lanes.length > 0) see();
}

// ---- requests ----

let timer = 0;
let asked = 0; // numbers the requests: responses to older ones are ignored
let lost = false;
let failures = 0;

function again(ms) {
  clearTimeout(timer);
  timer = setTimeout(poll, ms);
}

async function askMe() {
  const answer = await ask('GET', 'me');
  if (answer.status === 401) return { gone: (await answer.json()).code };
  if (!answer.ok) throw new Error(String(answer.status));
  return { me: await answer.json() };
}

async function askStatus() {
  const answer = await ask('GET', 'status');
  if (!answer.ok) throw new Error(String(answer.status));
  return { status: await answer.json() };
}

function take(reply) {
  if (reply.me) {
    // Another tab has joined again; each lane counts from 1. The same place stays over, even if this front does not
    // know it yet.
    if (me?.position && (reply.me.position !== me.position || reply.me.lane !== me.lane)) settle(reply.me);
    else {
      me = { ...reply.me, made: serverNow() };
      see();
    }
    setStale(Boolean(me.stale));
    return me.poll_after_ms;
  }
  if (reply.gone) {
    me = null;
    if (reply.gone === 'ticket-moved') location.replace(home);
    // The event was created again: visitors of the previous one join the new one.
    if (reply.gone === 'event-renewed') join().catch(onLost);
    return 0;
  }
  onStatus(reply.status);
  setStale(Boolean(reply.status.stale));
  return streamUp ? QUIET_POLL_MS : jitter(reply.status.poll_after_ms);
}

async function poll() {
  const mine = ++asked;
  let reply;
  try {
    reply = await (me ? askMe() : askStatus());
  } catch {
    if (mine === asked) onLost();
    return;
  }
  if (mine !== asked) return;
  onFound();
  again(take(reply));
}

function onLost() {
  failures += 1;
  lost = true;
  notice(say('live.lost'));
  again(jitter(Math.min(20_000, 1000 * 2 ** failures)));
}

function onFound() {
  failures = 0;
  showUpdated();
  if (!lost) return;
  lost = false;
  notice(say('live.back'));
  setTimeout(() => { if (byId('notice').textContent === say('live.back')) notice(''); }, 5000);
}

let stale = false;

function setStale(now) {
  if (!now && stale) notice('');
  stale = now;
  if (now) moreWords().then((got) => got && stale && notice(say('more.stale')));
}

// ---- the stream ----

let source = null;
let streamUp = false;
let streamTimer = 0;
let streamRefusals = 0; // since the last stream that opened; without a stream the page polls

function startStream() {
  clearTimeout(streamTimer);
  source?.close();
  source = new EventSource(`/v1/queue/${event}/stream`);
  source.onopen = () => {
    streamUp = true;
    streamRefusals = 0;
  };
  source.addEventListener('status', ({ data }) => onStatus(JSON.parse(data)));
  // Reconnects with jitter, because a browser would reconnect after the same delay as all others.
  source.onerror = () => {
    source.close();
    streamUp = false;
    streamTimer = setTimeout(startStream, jitter(STREAM_AGAIN_MS * 2 ** Math.min(6, streamRefusals)));
    streamRefusals += 1;
  };
}

function holdStream() {
  if (!window.EventSource) return;
  if (!navigator.locks) return startStream();
  // Never released: the browser gives the lock to another tab when this one is closed.
  navigator.locks.request(`fg_stream_${event}`, () => new Promise(startStream)).catch(() => {});
}

// ---- acts ----

const retryAfter = (answer) => jitter(1000 * Number(answer.headers.get('Retry-After') ?? 2));

// Not every page has every form.
function onForm(id, act) {
  byId(id)?.addEventListener('submit', async (submit) => {
    submit.preventDefault();
    const button = submit.target.querySelector('button');
    if (button.getAttribute('aria-disabled') === 'true') return; // a disabled button would lose the focus
    for (const is of ['aria-disabled', 'aria-busy']) button.setAttribute(is, 'true');
    notice('');
    try {
      await act(submit.target);
    } catch {
      notice(say('live.unavailable'));
    }
    for (const was of ['aria-disabled', 'aria-busy']) button.removeAttribute(was);
  });
}

// Retries until there is a response: with this page's cookie, ten joins are one place. If a challenge expired while the
// phone slept, a new one is requested.
async function join(invited = {}, body, form) {
  withPlace(); // early, to be loaded before the response
  await known;
  for (let headers = invited, worked = 0; ;) {
    let answer = null;
    try {
      answer = await ask('POST', 'join', headers, body);
    } catch {
      notice(say('live.lost'));
      await pause(jitter(2000));
      continue;
    }
    if (answer.ok) {
      return settle(await answer.json());
    }
    if (answer.status === 428 && worked < 3) {
      worked += 1;
      const task = await answer.json();
      const { work } = await fetched('slowed');
      headers = { ...invited, 'X-Proof-Of-Work': await work(task) };
    } else if ([401, 409, 422].includes(answer.status) ||
      /"(codes-missing|line-full|too-many-(codes|wrong-tokens))"/.test(await answer.clone().text())) {
      const { refuse } = await fetched('slowed');
      return refuse(answer, home, form);
    } else if (answer.status === 429 || answer.status === 503) {
      if (await moreWords()) notice(say(answer.status === 429 ? 'more.limited' : 'more.joining'));
      const reply = await answer.json().catch(() => ({}));
      if (reply.reference) fetched('slowed').then(({ showAppeal }) => showAppeal(reply));
      await pause(retryAfter(answer));
    } else {
      throw new Error(String(answer.status));
    }
  }
}

function settle(joined) {
  notice('');
  over = '';
  if (cached && !me) holdStream();
  me = { ...joined, made: serverNow() };
  line.dataset.entry = me.entry ?? me.position;
  see();
  showUpdated();
  again(me.poll_after_ms);
  if (!lanes && Number(line.dataset.lanes) > 0) askStatus().then(({ status }) => onStatus(status)).catch(() => {}); // the stream will bring it
}

async function leave() {
  const answer = await ask('POST', 'leave');
  if (answer.status === 401) return again(0); // it was given up in another tab
  if (!answer.ok) throw new Error(String(answer.status));
  note('ahead').set(null);
  location.replace(`${home}?notice=left`);
}

// ---- the turn ----

const alertBox = byId('alert');
let turn = null; // turn.js, once loaded
let turning = null; // while loading

const setOpening = (is) => {
  opening = is;
  if (is) see(); // otherwise the hall follows, or another view is shown already
};

async function withTurn(act) {
  [turn] = await Promise.all([turning ??= fetched('turn'), moreWords()]);
  turn.show(me, { again, ask, jitter, notice, pause, retryAfter, setOpening, take });
  return act?.();
}

alertBox.addEventListener('change', () => {
  note('alert').set(alertBox.checked);
  withTurn(() => turn.arm(true)).catch(() => {});
});

// ---- the promise of the draw, for notedOf() in draw-check.js ----

const promise = `commitment_${line.dataset.incarnation}`;
if (line.dataset.commitment && ['draft', 'scheduled', 'pre-queue'].includes(line.dataset.state) && !note(promise).get()) {
  note(promise).set(line.dataset.commitment);
}

// ---- with another device ----

const withMove = (act) => fetched('move').then(act);
const readCode = () => { if (location.hash.includes('=')) withMove((move) => move.read()); };
addEventListener('hashchange', readCode);

// ---- asleep and awake ----

function wake() {
  if (source) startStream();
  again(Math.random() * 200);
}

onWake(wake);
setInterval(showClocks, 1000);
addEventListener('online', wake);
addEventListener('offline', () => { lost = true; notice(say('live.lost')); });

// ---- begin ----

document.documentElement.classList.add('live');
notePageTime(line.dataset.now);
if (location.search.includes('notice=')) history.replaceState(null, '', location.pathname + location.hash);
for (const id of ['join', 'again', 'anew']) onForm(id, () => join());
// A header takes no other characters, and no invitation has any.
onForm('guest', (form) => join({ 'X-Invitation': byId('invitation').value.trim().replace(/[^ -~]/g, '?') }, undefined, form));
onForm('coded', (form) => join({}, JSON.stringify({ code: byId('presale-code').value.trim() }), form));
for (const id of ['pass', 'next']) onForm(id, () => withTurn(() => turn.enter()));
for (const id of ['extend', 'stay']) onForm(id, () => withTurn(() => turn[id]()));
onForm('leave', leave);
onForm('take', () => withMove((move) => move.take(ask, home)));
alertBox.checked = note('alert').get() === true;
if (alertBox.checked) withTurn(() => turn.arm(false)).catch(() => {});
if (me) see();
setTimeout(() => { if (me) withTurn(); }, TURN_READY_MS); // loads it before it is needed
if (location.hash === '#in') byId(line.dataset.view === 'admitted' ? 'next' : 'pass').requestSubmit();
if (isAbroad()) fetched('abroad').then((abroad) => abroad.tell()).then(() => [showCloses, showClocks].forEach((tell) => tell())).catch(() => {});
showUpdated();
showClocks();
readCode();
again(jitter(Number(line.dataset.poll)));
const known = cached ? fetched('cached').then(({ begin }) => begin(ask, settle, home)) : holdStream();

// Scripts that are loaded later import these from here, the file that the page loads first.
export { announce, byId, lang, locale, make, minutes, moreWords, say, serverNow } from './kit.js';
export * from './show.js';

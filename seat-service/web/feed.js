// feed.js: receives seat changes from the event stream or, if that fails, by polling.

import { applyChanges, byId, call, fetchPicture, info, path, plan, readPicture, say, sinceOf, soon } from './hall.js';
import { isOther, Live } from './live.js';
import { refuse } from './visit.js';

const LOST_MS = 2_000; // how long the stream may be down before the page says so

let hearer; // {onChange(), onAreas(areas), onPrices(prices), onFound()}
let live;

// A short interruption is not shown. After any interruption the stream brings the seats up to date, and onFound()
// reloads the holds.
let lost = 0;
let stream = null;

function onLost(afterMs) {
  if (lost === 0) lost = setTimeout(() => { byId('lost').textContent = say('lost'); }, afterMs);
}

function onFound() {
  if (lost === 0) return;
  clearTimeout(lost);
  lost = 0;
  byId('lost').textContent = '';
  hearer.onFound();
}

// Reloads the page after a correction of the plan. Until then changes are ignored: their numbers may mean other seats
// and categories.
function isCorrected(hash) {
  if (hash === undefined || hash === info.plan) return false;
  stream?.close();
  soon(() => location.reload());
  return true;
}

// Ignores counts of standing places that are older than the last ones. After a resync or on another journal branch,
// versions cannot be compared, so the counts are used.
let areasOf = { version: 0 };

function hearAreas({ version, line, areas }, anew) {
  if (version < areasOf.version && !isOther(line, areasOf.line) && !anew) return;
  areasOf = { version, line };
  hearer.onAreas(areas);
}

function follow() {
  stream?.close();
  stream = new EventSource(`${path}/stream?since=${sinceOf(plan)}`);
  stream.addEventListener('open', onFound);
  stream.addEventListener('seats', (message) => {
    const changes = JSON.parse(message.data);
    if (isCorrected(changes.plan)) return;
    hearAreas(changes, false);
    hearer.onPrices(changes.prices);
    live.take(changes);
  });
  stream.addEventListener('resync', (message) => {
    const news = JSON.parse(message.data);
    if (isCorrected(news.plan)) return;
    hearAreas(news, true);
    hearer.onPrices(news.prices);
    live.renew(news.version, news.line);
  });
  // The browser reconnects by itself after a lost connection, but not after a response that is not a stream.
  stream.addEventListener('error', () => {
    onLost(LOST_MS);
    if (stream.readyState === EventSource.CLOSED) soon(poll);
  });
}

async function poll() {
  try {
    const changes = await call('GET', `${path}/availability?since=${sinceOf(plan)}`);
    if (isCorrected(changes.plan)) return;
    hearAreas(changes, changes.resync);
    hearer.onPrices(changes.prices);
    if (changes.resync) await live.renew(changes.version, changes.line);
    else live.take(changes);
    follow();
  } catch (error) {
    if (error.status === 401) {
      refuse(error, poll);
      return;
    }
    if (error.status === 422) plan.line = ''; // an older service accepts only a version without a branch
    soon(poll);
  }
}

export function openFeed(hearers) {
  hearer = hearers;
  live = new Live(plan, { fetchPicture, read: readPicture, apply: applyChanges, onChange: hearer.onChange, later: (again) => soon(() => { if (byId('gone').hidden) again(); }) });
  addEventListener('offline', () => onLost(0));
  addEventListener('online', () => { if (lost) poll(); });
  follow();
}

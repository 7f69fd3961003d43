// feed.js: news of the seats: from the stream or, where that does not come through, by polling.

import { applyChanges, byId, call, fetchPicture, info, path, plan, readPicture, say, sinceOf, soon } from './hall.js';
import { isOther, Live } from './live.js';
import { refuse } from './visit.js';

const LOST_MS = 2_000; // without the stream, before the page says so

let told; // {onChange(), onAreas(areas), onPrices(prices), onFound()}
let live;

// A connection that is back within a moment is not worth a word. After a longer cut the stream
// brings the seats up to date, and we ask for the hold.
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
  told.onFound();
}

// The document was corrected: everything that is shown may be another.
function hearPlan(hash) {
  if (hash !== undefined && hash !== info.plan) soon(() => location.reload());
}

// The counts of standing places are those of their message's version. After a resync, or in another line, they are taken as
// they are.
let areasOf = { version: 0 };

function hearAreas({ version, line, areas }, anew) {
  if (version < areasOf.version && !isOther(line, areasOf.line) && !anew) return;
  areasOf = { version, line };
  told.onAreas(areas);
}

function follow() {
  stream?.close();
  stream = new EventSource(`${path}/stream?since=${sinceOf(plan)}`);
  stream.addEventListener('open', onFound);
  stream.addEventListener('seats', (message) => {
    const changes = JSON.parse(message.data);
    hearAreas(changes, false);
    told.onPrices(changes.prices);
    hearPlan(changes.plan);
    live.take(changes);
  });
  stream.addEventListener('resync', (message) => {
    const news = JSON.parse(message.data);
    hearAreas(news, true);
    told.onPrices(news.prices);
    hearPlan(news.plan);
    live.renew(news.version, news.line);
  });
  // The browser reconnects by itself after a lost connection, but not after an answer that is not a
  // stream.
  stream.addEventListener('error', () => {
    onLost(LOST_MS);
    if (stream.readyState === EventSource.CLOSED) soon(poll);
  });
}

async function poll() {
  try {
    const changes = await call('GET', `${path}/availability?since=${sinceOf(plan)}`);
    hearAreas(changes, changes.resync);
    told.onPrices(changes.prices);
    hearPlan(changes.plan);
    if (changes.resync) await live.renew(changes.version, changes.line);
    else live.take(changes);
    follow();
  } catch (error) {
    if (error.status === 401) {
      refuse(error, poll);
      return;
    }
    if (error.status === 422) plan.line = ''; // a program of before there were lines, which reads a bare number
    soon(poll);
  }
}

export function openFeed(hearers) {
  told = hearers;
  live = new Live(plan, { fetchPicture, read: readPicture, apply: applyChanges, onChange: told.onChange, later: (again) => soon(() => { if (byId('gone').hidden) again(); }) });
  addEventListener('offline', () => onLost(0));
  addEventListener('online', () => { if (lost) poll(); });
  follow();
}

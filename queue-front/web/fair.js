// fair.js: one page about the draw: the promise, the time until the beacon's value and, after the draw, a full check in this
// browser. It checks the seed, the beacon (only a drand round loads the curve's library), and the visitor's own number.
//
// It requests only public data, and computes each check itself. It stores the commitment on the first visit and compares it
// after the draw.

import { byId, locale, make, minutes, moreWords, noteDate, say, serverNow } from './kit.js';
import { checkBeacon } from './beacon-check.js';
import { commitmentOf, notedOf, openDraw } from './draw-check.js';

const [, , event] = location.pathname.split('/');
const lane = new URLSearchParams(location.search).get('lane');
const path = `/v1/queue/${event}/fairness${lane ? `?lane=${encodeURIComponent(lane)}` : ''}`;
const CALM_MS = 15_000;
const SOON_MS = 2000;
const MARKS = { true: '\u2713', false: '\u2717', null: '?' };

let info = null;
let draw = null;
let judged = ''; // the last response, as text

const time = (iso) => new Date(iso).toLocaleString(locale, { dateStyle: 'medium', timeStyle: 'medium' });
const fill = (id, text) => { if (byId(id).textContent !== text) byId(id).textContent = text; };

// ---- the promise ----

function kindOf({ promised }) {
  return promised?.kind ?? 'none';
}

function showFacts() {
  const { promised } = info;
  const kind = kindOf(info);
  const rows = [[say('more.fair.commitment'), make('code', {}, info.commitment ?? '\u2013')],
    [say('more.fair.beacon'), say(`more.fair.kind.${kind}`)]];
  if (promised?.words) rows.push([say('more.fair.words'), promised.words]);
  if (kind === 'drand') rows.push([say('more.fair.round'), String(promised.round)]);
  if (promised?.chain) rows.push([say('more.fair.chain'), make('code', {}, promised.chain)]);
  if (promised?.at) rows.push([say('more.fair.due'), time(promised.at)]);
  if (kind !== 'none') rows.push([say('more.fair.late'), say('more.fair.late-rule', promised.late_s)]);
  if (promised?.changes > 0) rows.push([say('more.fair.changes'), say('more.fair.changed', promised.changes, time(promised.since))]);
  if (info.closed_at) rows.push([say('more.fair.closed'), time(info.closed_at)], [say('more.fair.entries'), info.entries.toLocaleString(locale)]);
  if (info.drawn) rows.push([say('more.fair.drawn'), time(info.drawn_at)], [say('more.fair.seed'), make('code', {}, info.seed)], [say('more.fair.value'), info.beacon === '' ? '\u2013' : make('code', {}, info.beacon)]);
  byId('facts').replaceChildren(...rows.map(([name, value]) => make('div', {}, make('dt', {}, name), make('dd', {}, value))));
  byId('promise').hidden = false;
  fill('proves-beacon', say(`more.fair.proves.${kind}`));
}

function showClock() {
  const due = info && !info.drawn && info.promised?.at ? Date.parse(info.promised.at) : 0;
  byId('count').hidden = !due || due - serverNow() > 86_400_000;
  if (!due) return;
  const left = due - serverNow();
  fill('count', left > 0 ? minutes(left) : '0:00');
  const late = info.closed_at && left < -5000;
  byId('count').classList.toggle('late', Boolean(late));
}

function showNow() {
  const state = info.drawn ? 'drawn' : info.closed_at ? (info.promised ? 'waits' : 'closed') : info.state === 'pre-queue' ? 'gathers' : ['draft', 'scheduled'].includes(info.state) ? 'before' : 'none';
  fill('now', say(`more.fair.now.${state}`));
}

// ---- the outcome ----

async function verify() {
  const noted = notedOf(info);
  const same = await commitmentOf(info.seed) === info.commitment;
  const checks = [{ what: 'seed', good: same, numbers: [] }];
  if (noted) checks.push({ what: 'noted', good: noted === info.commitment, numbers: [] });
  const verifyRound = async (...of) => (await import('./bls.min.js')).verifyRound(...of);
  checks.push(...await checkBeacon(info, verifyRound));
  draw = info.entries > 0 ? await openDraw(info) : null;
  byId('checks').replaceChildren(...checks.map(({ what, good, numbers }) => {
    const mark = make('strong', { role: 'img', 'aria-label': say(`more.fair.is.${good}`) }, MARKS[good]);
    return make('li', { className: { true: 'good', false: 'wrong', null: 'open' }[good] }, mark, make('span', {}, say(what === 'quicknet' && good ? 'more.fair.check.quicknet-good' : `more.fair.check.${what}`, ...numbers)));
  }));
  const wrong = checks.some(({ good }) => good === false);
  byId('verdict').className = wrong ? 'wrong' : 'good';
  fill('verdict', say(wrong ? 'more.fair.does-not-fit' : checks.some(({ what }) => what === 'late') ? 'more.fair.fits-late' : 'more.fair.fits'));
  byId('result').hidden = false;
  byId('own').hidden = !draw;
  showWhere();
}

function showWhere() {
  const entry = Number(byId('entry').value.replace(/\D/g, ''));
  if (!draw || !Number.isSafeInteger(entry) || entry < 1) return fill('where', '');
  fill('where', say(entry > info.entries ? 'more.fair.after' : 'more.fair.position', entry.toLocaleString(locale), draw.position(entry).toLocaleString(locale)));
}

// ---- requests ----

function pauseMs() {
  if (info.drawn || ['sold-out', 'closed'].includes(info.state)) return 0;
  const due = Date.parse(info.promised?.at ?? '') || Infinity;
  return info.closed_at || due - serverNow() < 60_000 ? SOON_MS : CALM_MS;
}

async function look() {
  let wait = CALM_MS;
  try {
    const sentAt = performance.now();
    const answer = await fetch(path, { headers: { Accept: 'application/json' }, cache: 'no-store' });
    noteDate(answer, sentAt);
    if (answer.status === 404) return fill('notice', say('more.fair.unknown'));
    if (!answer.ok) throw new Error(String(answer.status));
    info = await answer.json();
    fill('notice', '');
    notedOf(info);
    const text = JSON.stringify(info);
    try {
      if (info.drawn && !crypto.subtle) fill('notice', say('more.fair.cannot-check'));
      else if (info.drawn && text !== judged) await verify();
    } finally { // the result is above the facts, so both appear at once
      showFacts();
      showNow();
      showClock();
    }
    judged = text;
    wait = pauseMs();
  } catch {
    fill('notice', say('more.why.failed'));
  }
  if (wait > 0) setTimeout(look, wait * (0.75 + Math.random() / 2));
}

document.documentElement.classList.add('live');
byId('back').href = `/e/${event}`;
for (const link of document.querySelectorAll('a[hreflang]')) link.href = `?${lane ? `lane=${encodeURIComponent(lane)}&` : ''}lang=${link.hreflang}${location.hash}`;
byId('published').href = path;
byId('entry').addEventListener('input', showWhere);
const [, own] = /^#entry=(\d{1,12})$/.exec(location.hash) ?? [];
if (own) byId('entry').value = own;
fill('command', `node queue-front/verify/verify-draw.js '${location.origin}${path}' --entry ${own ?? 'N'}\nqueue-front verify-draw '${location.origin}${path}' --entry ${own ?? 'N'}`);
while (!await moreWords()) await new Promise((again) => { setTimeout(again, SOON_MS); });
setInterval(showClock, 500);
look();

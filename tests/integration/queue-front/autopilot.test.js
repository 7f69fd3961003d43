// The autopilot as a black box: a health page with changing metrics, fronts that read it, and the resulting rate.

import assert from 'node:assert/strict';
import test from 'node:test';
import { serve, until } from '../../lib-js/index.js';
import { invitationsOf, live, makeEvent, openSite, patch, startFront, startFronts, Visitor } from './support.js';

const INTERVAL_MS = 1000;
const PILOT = { on: true, ceiling: 20, floor: 2, target_p99_ms: 300, backlog_max: 50 };

let newest; // deployment

// A service's page of metrics. It serves `page.figures`: a text, or { p99_ms, backlog }; null: it closes the connection.
// Each time it is read, a hundred requests more were served, and one in a hundred took longer than p99_ms.
async function openPage(scope, figures) {
  const page = { figures, asked: 0 };
  const buckets = [50, 290, 412, Infinity].map((ms) => ({ ms, count: 0 }));
  const served = ({ p99_ms, backlog }) => {
    for (const bucket of buckets) bucket.count += bucket.ms === Infinity ? 100 : bucket.ms >= p99_ms ? 99 : 0;
    const lines = buckets.map(({ ms, count }) => `fairgate_http_request_duration_seconds_bucket{le="${ms === Infinity ? '+Inf' : ms / 1000}"} ${count}\n`);
    return lines.join('') + (backlog === undefined ? '' : `fairgate_sagas_open ${backlog}\n`);
  };
  const { url } = await serve(scope, (req, res) => {
    page.asked += 1;
    if (page.figures === null) return req.socket.destroy();
    return res.end(typeof page.figures === 'string' ? page.figures : served(page.figures));
  });
  return Object.assign(page, { url: `${url}/metrics` });
}

// The page must exist before the fronts do, so the deployment is started around it.
async function openFlight(t, { fronts = 1, knobs = {}, pages = [{ p99_ms: 50 }] } = {}) {
  const site = await openSite(t, { fronts: 0 });
  site.pages = [];
  for (const figures of pages) site.pages.push(await openPage(site.scope, figures));
  const health = site.pages.map(({ url }) => url).join(', ');
  await startFronts(site, fronts, { autopilot: { ...(health ? { health } : {}), interval: `${INTERVAL_MS}ms` } });
  await makeEvent(site, 'show', { rate_per_s: 5, max_active: 0, burst: 1, autopilot: PILOT, ...knobs });
  newest = site;
  return site;
}

const show = async (front) => (await front.admin.get('/admin/events/show')).json;

const flown = (front, what, judge) => until(what, async () => {
  const { autopilot_state: state } = await show(front);
  return judge(state) && state;
});

async function fillLine(site, people = 400) {
  await Promise.all(Array.from({ length: people }, () => site.front.http.post('/v1/queue/show/join')));
}

const trail = async (front) => (await front.admin.get('/admin/events/show/audit')).json.audit
  .filter(({ who }) => who === 'autopilot');

// Pages that are silent for three intervals lower the rate to its floor. If this process was delayed for as long, they were
// silent: then the flight is repeated.
function flight(name, fly) {
  test(name, async (t) => {
    for (let tried = 1; ; tried += 1) {
      try {
        return await fly(t);
      } catch (error) {
        const wasSilent = (await trail(newest.fronts.at(-1))).some(({ because }) => because.reason === 'no-feedback');
        if (tried === 3 || !wasSilent) throw error;
      }
    }
  });
}

flight('it climbs to the ceiling and cuts when latency rises', async (t) => {
  const site = await openFlight(t, { knobs: { rate_per_s: 18.5 } });
  const { front, pages: [page] } = site;
  await fillLine(site);
  const top = await flown(front, 'the ceiling', (s) => s.rate_per_s === 20);
  assert.deepEqual(top.reading, { p99_ms: 50, error_share: null, held: null, backlog: null });
  assert.equal((await show(front)).rate_per_s, 18.5, 'the document has the rate of the operator');
  assert.equal((await live(front, 'show')).rate_per_s, 20);
  assert.equal((await front.http.get('/v1/queue/show/status')).json.rate_per_s, 20);

  page.figures = { p99_ms: 412 };
  await flown(front, 'a cut', ({ last_move: move }) =>
    move.why === 'p99 412 ms, target 300 ms' && move.from_per_s > move.to_per_s
    && move.because.reason === 'latency' && move.because.measured === 412 && move.because.limit === 300);
  page.figures = { p99_ms: 50, backlog: 500 };
  await flown(front, 'the floor, for the backlog', (s) => s.reason === 'saga-backlog' && s.rate_per_s === 2);

  const entries = await trail(front);
  assert.ok(entries.length >= 4, 'the climb, the ceiling, the cuts');
  for (const { what, from, to, why, because } of entries) {
    assert.equal(what, 'rate');
    assert.ok(to.rate_per_s <= 20 && to.rate_per_s >= 2, `${from.rate_per_s} to ${to.rate_per_s}`);
    assert.ok(why.length > 5);
    assert.deepEqual(Object.keys(because), ['reason', 'measured', 'limit']);
  }
  const steps = entries.map(({ from, to, why }) => [from.rate_per_s, to.rate_per_s, why]).reverse();
  assert.deepEqual(steps[0], [18.5, 18.901, 'all within limits']);
  assert.deepEqual(steps[1].slice(1), [20, 'all within limits']);
  assert.deepEqual(steps[2], [20, 14, 'p99 412 ms, target 300 ms']);
  assert.equal(steps.at(-1)[2], 'open sagas 500, at most 50');
  assert.deepEqual(entries[0].because, { reason: 'saga-backlog', measured: 500, limit: 50 });
  assert.deepEqual(entries.at(-1).because, { reason: 'climb', measured: null, limit: null });
});

flight('a crowd in a lane raises the rate, until those called fill the hall', async (t) => {
  const lanes = [{ id: 'fans', name: 'Fan club', share: 30, invitations: 80 }];
  const { front } = await openFlight(t, { knobs: { lanes, max_active: 40 } });
  const codes = await until('the lane', () => invitationsOf(front, 'show'));
  await Promise.all(codes.map((code) =>
    front.http.post('/v1/queue/show/join', { headers: { 'x-invitation': code } })));
  await until('a climb', async () => (await trail(front)).some(({ because, to }) => because.reason === 'climb' && to.rate_per_s > 5));
  await flown(front, 'a full hall', (s) => s.reason === 'unused');
});

test('silent health pages set the lowest rate, and it climbs from there', async (t) => {
  const site = await openFlight(t, { pages: [{ p99_ms: 50 }, 'fairgate_sagas_open 3\n'] });
  const { front, pages: [page, other] } = site;
  await fillLine(site);
  await flown(front, 'both to be heard', (s) => s.reading?.backlog === 3 && s.reading.p99_ms === 50 && s.rate_per_s > 5);
  other.figures = null; // one of two suffices: the silent one counts
  await flown(front, 'the floor', (s) => s.reason === 'no-feedback' && s.rate_per_s === 2);
  const [silence] = await trail(front);
  assert.equal(silence.why, 'the health pages are silent: floor');
  assert.deepEqual(silence.because, { reason: 'no-feedback', measured: null, limit: null });
  other.figures = '<html>busy</html>'; // an answer, but not a page of metrics
  const asked = other.asked;
  await until('that page to be read', () => other.asked > asked + 2);
  assert.equal((await show(front)).autopilot_state.rate_per_s, 2);
  other.figures = 'fairgate_sagas_open 4\n';
  await flown(front, 'a climb', (s) => s.reason === 'climb' && s.rate_per_s > 2);
  assert.ok(page.asked > 3);
});

test('without health pages the autopilot uses the lowest rate', async (t) => {
  const site = await openFlight(t, { pages: [] });
  await flown(site.front, 'the floor', (s) => s.rate_per_s === 2 && s.reason === 'no-feedback');
  await patch(site.front, 'show', { autopilot: { on: false } });
  const off = await show(site.front);
  assert.equal(off.autopilot_state, null);
  assert.equal((await live(site.front, 'show')).rate_per_s, 5);
  await patch(site.front, 'show', { autopilot: { on: true } });
  assert.equal((await show(site.front)).autopilot_state.reason, 'set');
});

flight('it goes on from a rate set by hand', async (t) => {
  const site = await openFlight(t, { pages: [{ p99_ms: 290 }] }); // close to the limit: it stays
  const { front } = site;
  await flown(front, 'a decision', (s) => s.reason === 'steady');
  await patch(front, 'show', { rate_per_s: 9 });
  assert.equal((await show(front)).autopilot_state.rate_per_s, 9);
  await patch(front, 'show', { rate_per_s: 500 });
  assert.equal((await show(front)).autopilot_state.rate_per_s, 20, 'not above the ceiling');
  const doc = await show(front);
  assert.ok(doc.autopilot_state);
  const { version } = await patch(front, 'show', { ...doc, burst: 7 });
  assert.equal(version, doc.version + 1);
  // The autopilot's moves make no versions: they do not conflict with an operator's undo and If-Match.
  await patch(front, 'show', { autopilot: { ceiling: 10 } });
  assert.equal((await show(front)).autopilot_state.rate_per_s, 10, 'a lower ceiling holds at once');
  assert.equal((await front.admin.post('/admin/events/show/actions/undo')).status, 200);
  assert.equal((await show(front)).autopilot.ceiling, 20);
  await patch(front, 'show', { rate_per_s: 0 });
  const { asked } = site.pages[0];
  await until('two more intervals', () => site.pages[0].asked > asked + 3);
  assert.equal((await show(front)).autopilot_state.rate_per_s, 0, 'a stopped line stays stopped');
});

flight('one of two fronts decides in each interval', async (t) => {
  const site = await openFlight(t, { fronts: 2, knobs: { rate_per_s: 18.5 } });
  const [one, two] = site.fronts;
  await fillLine(site);
  await flown(one, 'the ceiling', (s) => s.rate_per_s === 20);
  const entries = await trail(one);
  assert.equal(entries.filter(({ why, from }) => why === 'all within limits' && from.rate_per_s === 18.5).length, 1,
    'both read the same, one wrote it');
  // A third front on the same line that cannot reach the services.
  const deaf = await startFront(site, {
    autopilot: { health: 'http://127.0.0.1:9/metrics', interval: `${INTERVAL_MS}ms` },
  });
  await until('the deaf one to have tried', async () =>
    (await deaf.metrics()).get('fairgate_health_pages_total{outcome="silent"}') > 6);
  assert.equal((await show(one)).autopilot_state.rate_per_s, 20);
  await one.kill();
  site.pages[0].figures = { p99_ms: 412 };
  await flown(two, 'a cut by the other', (s) => s.reason === 'latency');
  await new Visitor(two, 'show').joined();
});

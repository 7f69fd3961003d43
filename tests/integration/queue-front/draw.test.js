// The draw: there is exactly one, whatever happens meanwhile, and outsiders can reproduce it.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { assertProblem, runProgram, until } from '../../lib-js/index.js';
import { commitmentOf, openDraw } from '../../../queue-front/web/draw-check.js';
import { act, at, claims, fairnessOf, FAST, live, makeEvent, makePreQueue, openSite, patch, untilDrawnEverywhere, untilState, Visitor } from './support.js';

const PRICE = { kind: 'text', words: 'the closing price of the day' };

function crowd(site, count) {
  return Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const visitor = new Visitor(site.fronts[i % site.fronts.length], 'show');
      visitor.entry = (await visitor.joined()).entry;
      return visitor;
    }),
  );
}

// Every visitor has the place of the published draw, on every front.
async function assertPlaces(site, visitors, shown) {
  const draw = await openDraw(shown);
  const seen = new Set();
  for (const visitor of visitors) {
    const want = draw.position(visitor.entry);
    for (const front of site.fronts) {
      const { json } = await visitor.me({ front });
      assert.equal(json.position, want, `entry ${visitor.entry}`);
      assert.equal(json.entry, undefined);
    }
    assert.ok(!seen.has(want), 'nobody shares a place');
    seen.add(want);
  }
}

// judges: draw
test('every position is that of the published, repeatable draw, and verify-draw finds a forged one', async (t) => {
  const site = await openSite(t, { fronts: 2 });
  await makeEvent(site, 'show', { ...FAST, rate_per_s: 0, prequeue_at: at(0), opens_at: at(3600_000), beacon: PRICE }, { open: false });
  const before = await fairnessOf(site.front);
  await act(site.front, 'show', 'schedule');
  for (const front of site.fronts) await untilState(front, 'show', 'pre-queue');
  assert.deepEqual(
    { ...before, commitment: null },
    { event: 'show', incarnation: before.incarnation, state: 'draft', algorithm: 'fairgate-draw-1', commitment: null, source: null,
      promised: { ...PRICE, late_s: 120, since: null, changes: 0 }, closed_at: null, drawn: false,
      entries: null, seed: null, beacon: null, proof: null, drawn_at: null });
  const { promised } = await fairnessOf(site.front);
  assert.ok(Date.parse(promised.since) > 0, 'from the scheduling on it is a promise');
  const visitors = await crowd(site, 60);
  const { json: waiting } = await visitors[0].me();
  assert.equal(waiting.position, null);
  assert.equal(waiting.ahead, null, 'nobody can know');
  assert.equal(waiting.entry, visitors[0].entry);
  assertProblem(await visitors[0].pass(), 409, 'event-not-open');

  await act(site.front, 'show', 'draw', { body: { beacon: 'closing price 2741.03', why: 'doors' } });
  const shown = await untilDrawnEverywhere(site);
  assert.equal(shown.entries, 60);
  assert.equal(shown.beacon, 'closing price 2741.03');
  assert.deepEqual(shown.proof, PRICE);
  assert.deepEqual(shown.promised, promised);
  assert.equal(shown.commitment, before.commitment, 'promised before the pre-queue opened');
  assert.equal(await commitmentOf(shown.seed), shown.commitment);
  await assertPlaces(site, visitors, shown);
  const late = await new Visitor(site.front, 'show').joined();
  assert.equal(late.position, 61, 'behind the draw, first come first served');

  const draw = await openDraw(shown);
  const file = join(site.scope.dir(), 'fairness.json');
  writeFileSync(file, JSON.stringify(shown));
  const url = `http://127.0.0.1:${site.front.port}/v1/queue/show/fairness`;
  for (const source of [file, url]) {
    const run = runProgram('queue-front', ['verify-draw', source, '--entry', '17',
      '--commitment', before.commitment]);
    assert.equal(run.status, 0, run.stderr);
    assert.match(run.stdout, /commitment {2}fits/);
    assert.match(run.stdout, /60, each position given once/);
    assert.match(run.stdout, /NOT CHECKED here: that it is/);
    assert.match(run.stdout, new RegExp(`17 -> position ${draw.position(17)}\\b`));
  }

  const verify = (answer, ...more) => {
    writeFileSync(file, typeof answer === 'string' ? answer : JSON.stringify(answer));
    return runProgram('queue-front', ['verify-draw', file, ...more]).status;
  };
  assert.equal(verify({ ...shown, seed: '00'.repeat(32) }), 1, 'another seed');
  assert.equal(verify(shown, '--commitment', '00'.repeat(32)), 1, 'another commitment than noted');
  assert.equal(verify(before), 1, 'not held yet');
  assert.equal(verify({ ...shown, algorithm: 'trust-me' }), 2);
  assert.equal(verify('{'), 2);
  assert.equal(runProgram('queue-front', ['verify-draw']).status, 2);
  const nowhere = runProgram('queue-front', ['verify-draw', url.replace('show', 'nowhere')]);
  assert.equal(nowhere.status, 2);
  assert.match(nowhere.stderr, /nowhere\/fairness: answered 404/);
});

test('operators who press at once, on two fronts, and press again: one draw', async (t) => {
  const site = await openSite(t, { fronts: 2 });
  await makePreQueue(site, 'show', { ...FAST, beacon: PRICE });
  const visitors = await crowd(site, 20);
  await until('a tick that knows of all joins', async () => (await live(site.front, 'show')).issued === 20);
  assert.equal((await visitors[0].me()).json.eta_reason, undefined, 'no slowdown before the opening');
  const press = (i) => site.fronts[i % 2].admin.post('/admin/events/show/actions/draw', {
    body: { beacon: `operator ${i}` },
  });
  const answers = await Promise.all(Array.from({ length: 6 }, (_, i) => press(i)));
  const won = answers.findIndex(({ status }) => status === 200);
  assert.equal(answers.filter(({ status }) => status === 200).length, 1);
  for (const answer of answers) if (answer.status !== 200) assertProblem(answer, 409, 'already-drawn');
  const shown = await untilDrawnEverywhere(site);
  assert.equal(shown.beacon, `operator ${won}`);
  assert.equal(assertProblem(await press(7), 409, 'already-drawn').entries, 20);
  await act(site.front, 'show', 'pause');
  assertProblem(await press(8), 409, 'already-drawn');
  assert.deepEqual({ ...(await fairnessOf(site.front)), state: '' }, { ...shown, state: '' });
  await assertPlaces(site, visitors, shown);
});

test('an event draws by itself at opens_at, and calls by position', async (t) => {
  const site = await openSite(t, { fronts: 2 });
  await makePreQueue(site, 'show', { ...FAST, rate_per_s: 0 });
  const visitors = await crowd(site, 30);
  await patch(site.front, 'show', { opens_at: at(500) });
  const shown = await untilDrawnEverywhere(site);
  assert.equal(shown.beacon, '');
  assert.equal(shown.entries, 30);
  const draw = await openDraw(shown);
  await assertPlaces(site, visitors, shown);
  const byPosition = [...visitors].sort((a, b) => draw.position(a.entry) - draw.position(b.entry));
  await site.front.admin.patch('/admin/events/show', { body: { rate_per_s: 20, burst: 1 } });
  await byPosition[2].untilCalled();
  await site.front.admin.patch('/admin/events/show', { body: { rate_per_s: 0 } });
  const { serving } = (await site.front.http.get('/v1/queue/show/status')).json;
  const first = await byPosition[0].entered({ front: site.fronts[1] });
  assert.equal(claims(first.pass).place, 1);
  if (serving < 29) assertProblem(await byPosition[29].pass(), 409, 'not-yet');
  await byPosition[0].session();
  await until('the slot to be seen', async () => (await live(site.front, 'show')).active === 1);
});

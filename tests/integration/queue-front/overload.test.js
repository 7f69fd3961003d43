// Overload: new places are shed first, with a time to retry, while visitors with a place are answered as usual. A Redis that
// is stopped for a moment makes any machine too slow, however fast it is.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, client, until } from '../../lib-js/index.js';
import { openShow, Visitor } from './support.js';

// Overloaded once this many joins wait for Redis. A slow machine, too, sends as many before the first of them is given up.
const FEW = { config: { line: { joins_waiting: 16 } } };
const CROWD = 600;

const joinOnce = ({ fronts }, i, key) => client({ port: fronts[i % fronts.length].port }).post('/v1/queue/show/join', {
  headers: { 'idempotency-key': key },
});

const isShed = ({ answer }) => answer.status === 503 && answer.json.code === 'overloaded';

test('joins under overload get 503, me and pass are answered', async (t) => {
  const site = await openShow(t, { rate_per_s: 1000, burst: 1000, max_active: 0 }, { fronts: 2, ...FEW });
  const waiting = await Visitor.withPlace(site.front, 'show');
  await waiting.untilCalled();
  await site.redis.pause();
  const answers = []; // in order of arrival
  const done = Promise.all(Array.from({ length: CROWD }, async (_, i) => {
    const key = `crowd-${i}`;
    answers.push({ key, answer: await joinOnce(site, i, key) });
  }));
  await until('joins to be shed', () => answers.filter(isShed).length >= 20); // enough that they do not all get the same time by chance
  assert.equal((await waiting.me()).status, 200, 'a waiting visitor is answered as usual');
  // Passes are still accepted while joins are shed: only Redis does not answer.
  assertProblem(await waiting.pass(), 503, 'unavailable');
  const again = await waiting.join();
  assert.equal(again.status, 200, 'and a visitor with a place has it');
  await site.redis.resume();
  await until('the pass', async () => [200, 201].includes((await waiting.pass()).status));
  await done;

  const sent = answers.filter(({ answer }) => answer.status !== 201);
  for (const { answer } of sent) assertProblem(answer, 503, answer.json.code === 'overloaded' ? 'overloaded' : 'unavailable');
  const times = answers.filter(isShed).map(({ answer }) => Number(answer.headers['retry-after']));
  for (const back of times) assert.ok(Number.isInteger(back) && back >= 1 && back <= 120, `Retry-After: ${back}`);
  assert.ok(new Set(times).size >= 2, `they come back at one time, ${times[0]}`);
  const shed = await Promise.all(site.fronts.map(async (front) => (await front.metrics()).get('fairgate_joins_total{outcome="shed"}')));
  assert.equal(shed[0] + shed[1], times.length);
  // They retry with the same key, whenever a 503 says so.
  const left = sent.map(({ key }) => key);
  const places = [1, ...answers.filter(({ answer }) => answer.status === 201).map(({ answer }) => answer.json.position)];
  await until('everybody to have a place', async () => {
    const back = await Promise.all(left.splice(0, 100).map(async (key, i) => ({ key, answer: await joinOnce(site, i, key) })));
    for (const { key, answer } of back) {
      if (answer.status >= 300) left.push(key);
      else places.push(answer.json.position);
    }
    return left.length === 0;
  }, { timeoutMs: 60_000 });
  assert.equal(new Set(places).size, CROWD + 1, 'everybody has a place of their own');
  assert.equal(Number(await site.redis.command('GET', 'fg:{show}:seq')), CROWD + 1, 'and there are no others');
});

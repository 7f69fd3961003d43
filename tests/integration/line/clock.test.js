// The same scripts on Redis's own clock, with fronts that tick at the same time.

import assert from 'node:assert/strict';
import test from 'node:test';
import { startRedis } from '../../lib-js/redis.js';
import { openScope } from '../../lib-js/scope.js';
import { Clockwork, Front } from './line.js';

test('five fronts at once on the real clock give the rate of one', async (t) => {
  const scope = openScope(t);
  const clockwork = await new Clockwork(await startRedis(scope), { real: true }).load();
  const fronts = [1, 2, 3, 4, 5].map((i) => new Front(clockwork, 'real', { id: `front-${i}` }));
  const [one] = fronts;
  await one.create({ rate_milli: 2_000_000, burst: 1 });
  for (let i = 0; i < 3; i += 1) await one.join(2000);
  const start = await one.tick();

  let longestGapMs = 0;
  let last = start.now_ms;
  while (last - start.now_ms < 1000) {
    const views = await Promise.all(fronts.map((front) => front.tick()));
    for (const view of views) {
      longestGapMs = Math.max(longestGapMs, view.now_ms - last);
      last = view.now_ms;
    }
  }
  const seconds = (last - start.now_ms) / 1000;
  const called = Math.max(...fronts.map((front) => front.view.serving)) - start.serving;
  assert.ok(called <= 2000 * (seconds + 0.25) + 1, `${called} calls in ${seconds} s`);
  // Nothing is lost either, unless this machine stood still for longer than a stall may count.
  if (longestGapMs < 250) assert.ok(called >= 2000 * seconds - 3, `${called} calls in ${seconds} s`);
});

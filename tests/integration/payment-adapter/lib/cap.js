// Drives queries to the user database into their cap.

import assert from 'node:assert/strict';
import { until } from '../../../lib-js/index.js';

// storm() returns promises of simultaneous logins, counted() the number of queries so far. Runs until some logins were
// refused and two seconds of the cap were used, however long that takes; no second may have more.
export async function assertCapHolds({ perS, storm, counted }) {
  const from = await counted();
  const seen = []; // the count at a time between `first` and `last`
  let refused = 0;
  await until('the cap to be met, and two seconds of it to be used', async () => {
    refused += (await Promise.all(storm())).filter(({ status }) => status === 503).length;
    const first = Date.now();
    const total = (await counted()) - from;
    seen.push({ first, total, last: Date.now() });
    return refused > 0 && total >= 2 * perS;
  }, { everyMs: 0 });
  for (const { total, last } of seen) {
    const earlier = seen.findLast(({ first }) => first <= last - 1000);
    if (earlier === undefined) continue;
    const [asked, ms] = [total - earlier.total, last - earlier.first];
    assert.ok(asked <= 1 + (perS * ms) / 1000, `${asked} in ${ms} ms`);
  }
}

// Overload: three times as many newcomers as the line can take, each due at an instant of its own. What is
// asked for is goodput, places given within a second, beside the peak of a closed loop; and what those
// feel meanwhile who wait or are called.
//
// Front and Redis share core 0, those who come core 1. They come over so many connections as an edge
// keeps, one request at a time on each; who finds none free for a quarter of a second is turned away by
// the edge. A few connections are an edge that bounds what it sends at once, many are one that does not.

import { makeSecrets, startRedis, until } from '../../tests/lib-js/index.js';
import { programPath } from '../../tests/lib-js/service.js';
import { median, sameWork, spread } from './lib/compare.js';
import { EVENT, LOAD_CORE, SERVER_CORE, startFront } from './lib/front.js';
import { cpuUs, pin, runPinned } from './lib/machine.js';

const ROUNDS = Number(process.env.BENCH_OVERLOAD_ROUNDS ?? 3);
const SECONDS = process.env.BENCH_SECONDS ?? '3';
const PEAK_OVER = [64, 256];
const OVER = [256, 4096, 12_000];
const TIMES = 3;

// Called, with a pass: whose polls and passes are to go on as ever.
async function guest(front) {
  const body = { name: 'Bench', rate_per_s: 1, burst: 1, max_active: 0, call_ttl_s: 3600, session_ttl_s: 3600, session_max_s: 3600 };
  await front.admin.put(`/admin/events/${EVENT}`, { body });
  await front.admin.post(`/admin/events/${EVENT}/actions/open`, { body: {} });
  const path = (call) => `/v1/queue/${EVENT}/${call}`;
  await until('the event to be open', async () => (await front.http.get(path('status'))).json?.state === 'open');
  const { ticket } = (await front.http.post(path('join'), {})).json;
  await until('the pass', async () => [200, 201].includes((await front.http.post(path('pass'), { token: ticket })).status));
  return ticket;
}

export default async function suite({ scope, add }) {
  const secrets = makeSecrets(scope);
  const redis = await startRedis(scope);
  const front = await startFront(scope, redis, secrets);
  pin(redis.child.pid, SERVER_CORE);
  const ticket = await guest(front);

  let run = 0;
  const surge = async (connections, offered = null) => {
    const argv = [programPath('surge'), '-p', String(front.port), '-e', EVENT, '-s', SECONDS];
    const salt = `o${process.pid}-${run += 1}`;
    const pace = offered === null ? [] : ['-o', String(Math.round(offered))];
    const before = cpuUs(front.child.pid);
    const [crowd, one] = (await Promise.all([
      runPinned(LOAD_CORE, [...argv, '-c', String(connections), '-k', salt, ...pace]),
      runPinned(LOAD_CORE, [...argv, '-c', '0', '-t', ticket, '-m', '200', '-q', '50']),
    ])).map((text) => JSON.parse(text));
    const { join, duration_us: tookUs } = crowd;
    if (join.bad + join.lost > 0) throw new Error(`joins met what they should not: ${JSON.stringify(join)}`);
    if (offered !== null) sameWork('newcomers who were due', { asked: (offered * tookUs) / 1e6, due: join.due }, 0.05);
    const cpu = cpuUs(front.child.pid) - before;
    return { ...crowd, good: (join.good * 1e6) / tookUs, cpu: cpu / (join.good + join.late + join.refused), one };
  };

  const peaks = [];
  const rounds = OVER.map(() => []);
  for (let round = 0; round < ROUNDS; round += 1) {
    const closed = [];
    for (const connections of PEAK_OVER) closed.push((await surge(connections)).good);
    peaks.push(Math.max(...closed));
    for (const [n, connections] of OVER.entries()) {
      const taken = await surge(connections, TIMES * peaks.at(-1));
      rounds[n].push({ ...taken, share: taken.good / peaks.at(-1) });
    }
  }
  add({ name: 'peak: places a second, closed loop', value: spread(peaks) });
  for (const [n, connections] of OVER.entries()) {
    const of = (pick) => spread(rounds[n].map(pick));
    const over = `${TIMES} times the peak over ${connections} connections`;
    add({ name: `${over}: goodput, of the peak`, value: of(({ share }) => share), ...(n === 0 ? { atLeast: 0.95 } : {}) });
    add({ name: `${over}: of the answered, refused`, value: of(({ join }) => join.refused / (join.good + join.late + join.refused)) });
    add({ name: `${over}: CPU of the front by answer`, value: of(({ cpu }) => cpu), unit: 'us' });
    add({ name: `${over}: me, p99`, value: of(({ one }) => one.me.p99_us / 1000), unit: 'ms' });
    add({ name: `${over}: pass, p99`, value: of(({ one }) => one.pass.p99_us / 1000), unit: 'ms' });
    const unserved = rounds[n].map(({ one }) => one.me.due + one.pass.due - one.me.good - one.pass.good);
    add({ name: `${over}: me and pass not answered within a second`, value: median(unserved), atMost: 0 });
  }
}

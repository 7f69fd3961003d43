// Overload: three times as many newcomers as the line can take, each with its own due time. The figures are
// goodput (places given within a second) relative to the peak of a closed loop, and the delay of people who
// wait or are called at the same time.
//
// Front and Redis share core 0, the newcomers have core 1. They use a fixed number of connections, one request
// at a time on each, as an edge does. A newcomer who finds none free for a quarter of a second is turned away,
// as by an edge. Few connections stand for an edge that limits concurrent requests, many for one that does not.
//
// Also the cost of garbage: the CPU time of a refused request, relative to a poll in the same round. It must
// not cost the front much more than the request of a waiting visitor.

import { makeSecrets, startRedis, until } from '../../tests/lib-js/index.js';
import { median, sameWork, spread } from './lib/compare.js';
import { EVENT, LOAD_CORE, SERVER_CORE, startFront } from './lib/front.js';
import { cpuUs, pin } from './lib/machine.js';
import { surge } from './lib/surge.js';
import { wrk } from './lib/wrk.js';

const ROUNDS = Number(process.env.BENCH_OVERLOAD_ROUNDS ?? 3);
const SECONDS = process.env.BENCH_SECONDS ?? '3';
const PEAK_OVER = [64, 256];
const OVER = [256, 4096, 12_000];
const TIMES = 3;
const GARBAGE_OF_POLL = 1.25; // a refusal is a longer text than a place

// Lets one visitor in. Their polls and passes must stay fast during the overload.
async function guest(front) {
  const body = { name: 'Bench', rate_per_s: 1, burst: 1, max_active: 0, call_ttl_s: 3600, session_ttl_s: 3600, session_max_s: 3600 };
  await front.admin.put(`/admin/events/${EVENT}`, { body });
  await front.admin.post(`/admin/events/${EVENT}/actions/open`, { body: {} });
  const path = (call) => `/v1/queue/${EVENT}/${call}`;
  await until('the event to be open', async () => (await front.http.get(path('status'))).json?.state === 'open');
  const { ticket } = (await front.http.post(path('join'), {})).json;
  await until('the pass', async () => [200, 201].includes((await front.http.post(path('pass'), { token: ticket })).status));
  const { pass } = (await front.http.post(path('pass'), { token: ticket })).json;
  return { ticket, pass };
}

// Requests that anybody can make who has read the page or was inside once. All of them are refused.
function garbageOf(ticket, pass) {
  const [head, body] = pass.split('.');
  const put = (object) => Buffer.from(JSON.stringify(object)).toString('base64url');
  const claims = JSON.parse(Buffer.from(body, 'base64url'));
  const signature = Buffer.alloc(64, 7).toString('base64url');
  const nobody = `${head}.${put({ ...claims, sub: `${EVENT}.1.${'A'.repeat(38)}` })}.${signature}`;
  return {
    "verify: a public key's name, no session of ours": { call: 'verify', bearer: nobody },
    'verify: a session of ours, a wrong signature': { call: 'verify', bearer: `${head}.${body}.${signature}` },
    'verify: two kilobytes': { call: 'verify', bearer: `${head}.${'A'.repeat(1800)}.${signature}` },
    'session: no session of ours': { call: 'session', method: 'POST', bearer: nobody },
    'me: a ticket of nobody': { call: 'me', bearer: `${ticket.slice(0, -4)}AAAA` },
    'pass: a ticket of nobody': { call: 'pass', method: 'POST', bearer: `${ticket.slice(0, -4)}AAAA` },
    'move: no JSON': { call: 'move', method: 'POST', body: '['.repeat(1000) },
    'move: a mistyped code': { call: 'move', method: 'POST', body: '{"code":"ABCD-EFGH-JKM"}' },
  };
}

async function garbage(front, { ticket, pass }, add) {
  const cost = async ({ call, method, bearer, body }, allowStatus) => {
    const env = { ...(bearer ? { WRK_BEARER: bearer } : {}), ...(method ? { WRK_METHOD: method } : {}), ...(body ? { WRK_BODY: body } : {}) };
    const before = cpuUs(front.child.pid);
    const { requests } = await wrk({ url: `http://127.0.0.1:${front.port}/v1/queue/${EVENT}/${call}`, core: LOAD_CORE, env, allowStatus });
    return (cpuUs(front.child.pid) - before) / requests;
  };
  const kinds = Object.entries(garbageOf(ticket, pass));
  const shares = kinds.map(() => []);
  for (let round = 0; round < ROUNDS; round += 1) {
    const poll = await cost({ call: 'me', bearer: ticket }, false);
    for (const [n, [, kind]] of kinds.entries()) shares[n].push((await cost(kind, true)) / poll);
  }
  for (const [n, [what]] of kinds.entries())
    add({ name: `garbage, CPU of a poll: ${what}`, value: spread(shares[n]), atMost: GARBAGE_OF_POLL });
}

export default async function suite({ scope, add }) {
  const secrets = makeSecrets(scope);
  const redis = await startRedis(scope);
  const front = await startFront(scope, redis, secrets);
  pin(redis.child.pid, SERVER_CORE);
  const inside = await guest(front);
  const { ticket } = inside;
  await garbage(front, inside, add);

  let run = 0;
  const crowdOf = async (connections, offered) => {
    const salt = `o${process.pid}-${run += 1}`;
    const before = cpuUs(front.child.pid);
    const [crowd, one] = await Promise.all([
      surge(front, { connections, seconds: SECONDS, salt, rate: offered }),
      surge(front, { connections: 0, seconds: SECONDS, salt, more: ['-t', ticket, '-m', 200, '-q', 50] }),
    ]);
    const { join, duration_us: tookUs } = crowd;
    if (offered !== undefined) sameWork('newcomers who were due', { asked: (offered * tookUs) / 1e6, due: join.due }, 0.05);
    const cpu = cpuUs(front.child.pid) - before;
    return { ...crowd, good: (join.good * 1e6) / tookUs, cpu: cpu / (join.good + join.late + join.refused), one };
  };

  const peaks = [];
  const rounds = OVER.map(() => []);
  for (let round = 0; round < ROUNDS; round += 1) {
    const closed = [];
    for (const connections of PEAK_OVER) closed.push((await crowdOf(connections)).good);
    peaks.push(Math.max(...closed));
    for (const [n, connections] of OVER.entries()) {
      const taken = await crowdOf(connections, TIMES * peaks.at(-1));
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

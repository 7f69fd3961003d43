// Wrong clocks of real servers: Redis's clock steps by an hour, and a failover leads to a host whose clock is an hour
// off. No visit and no call is lost, no gate opens early, and no wait jumps. Each service reports that its clock and
// its store's differ.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, delay, openClock, openScope, startRedis, startReplica, startSentinels, until } from '../lib-js/index.js';
import { besideWorld, openWorld } from '../integration/payment-adapter/lib/world.js';
import { startSandbox } from '../integration/psp-sandbox/sandbox.js';
import { act, at, live, makeEvent, openSite, patch, untilState, Visitor } from '../integration/queue-front/support.js';
import { hall, openPostgres, openSeats, opens, operator, ROLE, visitor } from '../integration/seat-service/site.js';

const HOUR = 3600_000;
const bearer = (pass) => ({ headers: { authorization: `Bearer ${pass}` } });

// One event with three visitors inside, one called and not yet inside, and twelve waiting; and one that opens in half
// an hour, with a gate that opens ten minutes before.
async function openLine(site) {
  const { front, fronts } = site;
  await makeEvent(site, 'show', { rate_per_s: 1, burst: 4, max_active: 4, call_ttl_s: 600, session_ttl_s: 60, grace_s: 60 });
  await makeEvent(site, 'gate', { prequeue_at: at(HOUR / 3), opens_at: at(HOUR / 2), closes_at: at(HOUR * 5 / 6) }, { open: false });
  await act(front, 'gate', 'schedule');
  for (const one of fronts) await untilState(one, 'gate', 'scheduled');
  const visitors = [];
  for (let i = 0; i < 16; i += 1) {
    visitors[i] = new Visitor(fronts[i % fronts.length], 'show');
    await visitors[i].joined();
  }
  const passes = [];
  for (const visitor of visitors.slice(0, 3)) passes.push((await visitor.entered()).pass);
  await visitors[3].untilCalled();
  for (const one of fronts) await until('all to know of it', async () => (await live(one, 'show')).active === 3);
  return { visitors, passes, waits: await waits(visitors) };
}

const waits = (visitors) => Promise.all(visitors.slice(4).map(async (visitor) => (await visitor.me()).json));

// Calls that may meet the loss itself are repeated, as clients do on request.
const answered = (what, call) => until(what, async () => {
  const answer = await call();
  return answer.status !== 503 && answer;
});

async function judge(site, { visitors, passes, waits: before }) {
  const lost = site.fronts[1];
  for (const [i, pass] of passes.entries())
    assert.equal((await answered('the visit to go on', () => visitors[i].session({ front: lost, ...bearer(pass) }))).status, 200);
  const called = (await visitors[3].me()).json;
  assert.deepEqual([called.state, called.called], ['open', true], 'a called visitor stays called');
  const leftMs = Date.parse(called.call_expires_at) - Date.now();
  assert.ok(leftMs > 0 && leftMs < 660_000, `${leftMs} ms to come in`);
  for (const [i, now] of (await waits(visitors)).entries()) {
    assert.equal(now.position, before[i].position);
    assert.ok(now.ahead <= before[i].ahead, `${now.ahead} ahead, ${before[i].ahead} before`);
    assert.equal(now.called, false, 'nobody is called by a clock');
    assert.ok(Math.abs(now.eta.p50_s - before[i].eta.p50_s) < 60, `a wait of ${now.eta.p50_s} s, ${before[i].eta.p50_s} before`);
  }
  for (const front of site.fronts) {
    assert.equal((await front.admin.get('/admin/events/gate')).json.state, 'scheduled', 'no gate opened or closed');
    assert.equal((await live(front, 'show')).active, 3);
  }
}

// Waits for a reported difference of at least the clock's error, less the duration of the call.
const untilApart = (service, store, offMs) => until(`${service.program} to tell of a clock ${offMs} ms off`, async () => {
  const apart = (await service.metrics()).get(`fairgate_clock_apart_ms{store="${store}"}`);
  return offMs === 0 ? apart === 0 : apart > Math.abs(offMs) - 10_000 && apart < Math.abs(offMs) + 10_000;
});

async function untilReported(site, aheadMs) {
  const name = aheadMs > 0 ? 'clock_ahead_ms' : 'clock_behind_ms';
  for (const front of site.fronts)
    await until('the wrong clock to be reported', async () => Math.abs((await live(front, 'show'))[name] - Math.abs(aheadMs)) < 10_000);
}

test('a clock that is set forward by an hour and back again, under four fronts', async (t) => {
  const scope = openScope(t);
  const clock = openClock(scope);
  const redis = await startRedis(scope, { clock });
  const site = await openSite(t, { scope, fronts: 4, config: { redis: { path: redis.socket } } });
  const line = await openLine(site);
  for (const off of [HOUR, 0, -HOUR, 0]) {
    clock.set(off);
    const [s] = await redis.command('TIME');
    assert.ok(Math.abs(Number(s) * 1000 - Date.now() - off) < 60_000, 'the clock is wrong indeed');
    if (off !== 0) await untilReported(site, off);
    for (const front of site.fronts) await untilApart(front, 'redis', off);
    await judge(site, line);
  }
  assert.equal((await line.visitors[3].entered()).session !== undefined, true);
});

for (const off of [HOUR, -HOUR]) {
  test(`a failover to a host whose clock is an hour ${off > 0 ? 'ahead' : 'behind'}`, async (t) => {
    const scope = openScope(t);
    const master = await startRedis(scope);
    const replicas = [];
    for (let n = 0; n < 2; n += 1) replicas.push(await startReplica(scope, master, { clock: openClock(scope, off) }));
    const sentinels = await startSentinels(scope, master, { name: 'line' });
    const site = await openSite(t, { scope, fronts: 4, config: {
      redis: { sentinels: sentinels.map(({ port }) => `127.0.0.1:${port}`).join(','), master: 'line' } } });
    const line = await openLine(site);
    for (const replica of replicas)
      await until('the replica to have all', async () => Number(await replica.command('ZCARD', 'fg:{show}:active')) === 3);
    await master.kill();
    await until('a replica to be in charge', async () => {
      const roles = await Promise.all(replicas.map((replica) => replica.command('ROLE')));
      return roles.some(([role]) => role === 'master');
    });
    await untilReported(site, off);
    await judge(site, line);
    assert.ok((await line.visitors[3].entered({ front: site.fronts[1] })).pass, 'a called visitor comes in');
    // And the line moves on by the event's own time.
    await patch(site.front, 'show', { rate_per_s: 10, max_active: 6 });
    await line.visitors[4].entered();
  });
}

test('seats and payments tell that the clock of PostgreSQL is wrong, and that it is right again', async (t) => {
  const scope = openScope(t);
  const clock = openClock(scope);
  const seats = await openSeats(scope, await openPostgres(scope, {}, null, clock));
  const { pay } = await openWorld(scope, { clock });
  for (const off of [0, HOUR, -HOUR, 0]) {
    clock.set(off);
    for (const service of [seats, pay]) await untilApart(service, 'postgresql', off);
  }
});

// ---- a machine of the seats ----

const DAY = 24 * HOUR;
const WRONG = [['an hour ahead', HOUR, 4], ['an hour behind', -HOUR], ['a day ahead', DAY], ['a day behind', -DAY], ['ten years ahead', 3650 * DAY], ['ten years behind', -3650 * DAY]];
const inHalfAnHour = () => {
  const body = hall({ limits: { hold_ttl_s: 300 } });
  body.categories[1].on_sale_at = at(HOUR / 2);
  return body;
};

const untilSays = (seats, reason) => until(`it to say ${reason}`, async () => (await seats.private.get('/readyz')).text.includes(`"${reason}"`));

// Processes that share the events, each on a machine with its own clock. The first has the event "one".
async function openOwners(scope, processes, offMs, reason, { postgres, ...keys } = {}) {
  postgres ??= await openPostgres(scope);
  const clocks = Array.from({ length: processes }, (_, n) => openClock(scope, n === 0 ? 0 : offMs));
  const open = (n, more) => openSeats(scope, postgres, {
    shares: processes, env: clocks[n].env, config: { journal: { instance: `seats-${n}` } }, ...more });
  const first = await open(0, keys);
  await operator(first, 'one').import(inHalfAnHour());
  await until('the event to be owned', () => opens(first, 'one'));
  const others = await Promise.all(clocks.slice(1).map((_, i) => open(i + 1, { office: first.office, secrets: first.secrets, ready: false })));
  for (const one of others) await untilSays(one, reason);
  return { first, others, clocks };
}

async function holdSome(seats, n) {
  const buyers = Array.from({ length: n }, () => visitor(seats, 'one'));
  const held = await Promise.all(buyers.map(async (buyer, i) => (await buyer.hold({ seats: [`r${i + 1}s1`] })).json.hold));
  assert.ok(held.every((hold) => typeof hold === 'string'));
  return held;
}

async function judgeSeats(seats, held) {
  await until('the event to be open, with every hold', async () => {
    const { categories } = (await operator(seats, 'one').read()).json;
    return categories?.find(({ name }) => name === 'Front').held === held.length;
  });
  const early = await visitor(seats, 'one').hold({ seats: ['r9s1'] });
  assertProblem(early, 409, 'not-on-sale');
  const { server_time: time } = (await visitor(seats, 'one').info()).json;
  assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000, `it is ${time} there`);
}

for (const [how, offMs, processes = 2] of WRONG) {
  test(`a machine whose clock is ${how} judges no seats, here or elsewhere, until it is right, of ${processes}`, async (t) => {
    const { first, others, clocks } = await openOwners(openScope(t), processes, offMs, 'clock-apart');
    const held = await holdSome(first, 4);
    assertProblem(await operator(others[0], 'two').import(hall()), 503, 'clock-apart');
    await judgeSeats(first, held);
    await first.kill();
    await delay(3000); // a standby takes over within two
    for (const one of others) assert.equal(await opens(one, 'one'), false);
    clocks[1].set(0);
    await judgeSeats(others[0], held);
  });

  test(`a machine whose clock steps to ${how} goes on selling by PostgreSQL's, of ${processes}`, async (t) => {
    const { first, others, clocks } = await openOwners(openScope(t), processes, 0, 'standby');
    const held = await holdSome(first, 4);
    for (const clock of clocks) clock.set(offMs);
    await judgeSeats(first, held);
    await first.kill();
    const opened = () => Promise.all(others.map((one) => opens(one, 'one')));
    const nth = await until('one to go on', async () => (await opened()).indexOf(true) + 1);
    const heir = others[nth - 1];
    await judgeSeats(heir, held);

    // Restarted while all machines are wrong, alone or with others, a process sells nothing until its machine is right.
    await Promise.all(others.map((one) => one.stop()));
    for (const one of [heir, ...others.toSpliced(nth - 1, 1), first]) {
      await one.start(false);
      await untilSays(one, 'clock-apart');
      assertProblem(await visitor(heir, 'one').hold({ seats: ['r9s2'] }), 503, 'clock-apart');
    }
    await delay(3000);
    assert.deepEqual([await opens(first, 'one'), ...await opened()], Array(processes).fill(false));
    clocks[nth].set(0);
    await judgeSeats(heir, held);
  });
}

// The adapter is configured with the process that owns nothing, as its clock was wrong from the start.
for (const [how, offMs] of WRONG.slice(0, 2)) {
  test(`an order waits for its buyer while the seats' machines are ${how}`, async (t) => {
    const scope = openScope(t);
    const sandbox = await startSandbox(scope, { returnUrls: 'http://tickets.example/' });
    const payClock = openClock(scope);
    let owners;
    const world = await openWorld(scope, {
      env: payClock.env,
      psp: { stripe_url: `http://127.0.0.1:${sandbox.port}`, stripe_key: sandbox.keyFile, stripe_webhook_secret: sandbox.hookFile, stripe_flow: 'intents' },
      async before(opening) {
        owners = await openOwners(scope, 2, offMs, 'clock-apart', besideWorld(opening, ROLE));
        const { port, privatePort } = owners.others[0];
        opening.options.seats = { url: `http://127.0.0.1:${port}`, internal_url: `http://127.0.0.1:${privatePort}` };
      },
    });
    const buyer = await world.login();
    const order = async (row) => {
      const visit = visitor(owners.first, 'one', { session: `visit-${row}` });
      const { hold } = (await visit.hold({ seats: [`r${row}s1`] })).json;
      const id = await world.ordered(buyer, { hold, pass: visit.token }, { body: { event: 'one' } });
      const { server_time: time } = (await buyer.get(`/v1/pay/orders/${id}`)).json;
      assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000, `it is ${time} there`);
      return id;
    };
    const orders = [await order(1)];
    owners.clocks[0].set(offMs);
    orders.push(await order(2));
    const moves = () => Number(world.postgres.sql('SELECT min(moves) FROM pay.saga', 'pay'));
    // And so is a checkout's machine, which begins again and hears from no buyer.
    for (const off of [0, offMs]) {
      if (off !== 0) {
        payClock.set(off);
        await world.pay.restart();
      }
      const before = moves();
      await until('both orders to be judged by the clock', () => moves() > before + 1);
    }
    for (const id of orders) {
      const { data } = await sandbox.stripe().paymentIntents.list();
      const payment = data.find(({ metadata }) => metadata.order === id);
      await world.untilStatus(buyer, id, 'pending_payment');
      await sandbox.stripe().paymentIntents.confirm(payment.id, { payment_method: 'pm_card_visa', return_url: 'http://tickets.example/' });
      await world.untilStatus(buyer, id, 'completed');
    }
  });
}

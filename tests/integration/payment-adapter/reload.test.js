// SIGHUP: keys and knobs change during purchases, without failures. And replicas with the same configuration, which must be
// told apart.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import test from 'node:test';
import { assertProblem, openProxy, openScope, until } from '../../lib-js/index.js';
import { openWorld } from './lib/world.js';

const scope = openScope(test);
const world = await openWorld(scope, { saga: { instance: '' }, http: { loops: 2 } });
const buyer = await world.login();

const began = Date.now();
const { socketDir, port } = world.postgres;
const wire = await openProxy(scope, { to: { path: `${socketDir}/.s.PGSQL.${port}` } });
wire.fault('reset');
const early = await world.startPay({ database: { conninfo: `host=127.0.0.1 port=${wire.port} dbname=pay user=postgres` } }, { ready: false });

const write = (path, text) => writeFileSync(path, text, { mode: 0o600 });
const reloaded = (words = 'reloaded') => {
  const count = () => world.pay.child.logLines().filter(({ msg }) => msg.startsWith(words)).length;
  const before_ = count();
  world.pay.child.signal('SIGHUP');
  return until(`the log to say "${words}"`, () => count() > before_);
};
const kids = async () => (await world.pay.http.get('/v1/pay/ticket-keys')).json.keys.map(({ kid }) => kid);
// From all loops: a connection may reach any of them.
const kidsOfAll = async () => new Set((await Promise.all(Array.from({ length: 30 }, kids))).map((list) => list.join()));

// Buys until stopped. Returns {bought: [{order, tickets}], refused: [text], stop()}.
function openSales(workers) {
  const sales = { bought: [], refused: [], over: false };
  const good = (answer, ...allowed) => {
    if (!allowed.includes(answer.status)) sales.refused.push(answer.text);
    return answer;
  };
  const buyOne = async (login) => {
    const visitor = await world.login(login);
    const { order } = good(await world.order(visitor, world.hold()), 201).json;
    const [intent] = await until('the payment', () => world.psp.of(order).length > 0 && world.psp.of(order));
    const { body, headers } = world.psp.signed(world.psp.authorise(intent.id));
    good(await world.pay.http.post('/v1/pay/webhooks/stripe', { body, headers }), 204);
    await world.untilStatus(visitor, order, 'completed');
    sales.bought.push({ order, tickets: good(await visitor.get(`/v1/pay/orders/${order}/tickets`), 200).json.tickets });
  };
  const work = async (_, nth) => {
    while (!sales.over) await buyOne(`user${100 + nth}@example.com`);
  };
  const running = Promise.all(Array.from({ length: workers }, work));
  sales.more = (count) => {
    const from = sales.bought.length;
    return Promise.race([until('more orders', () => sales.bought.length >= from + count), running]);
  };
  sales.stop = () => {
    sales.over = true;
    return running;
  };
  return sales;
}

test('ticket, provider, webhook and service keys rotate without a refusal', async () => {
  const sales = openSales(3);
  await sales.more(6);
  const [first] = await kids();

  // All neighbours accept the old and the new one.
  const token = world.secrets.read('service-token');
  const hook = world.psp.webhookSecret;
  world.psp.oldKey = world.psp.key;
  world.psp.key = `sk_test_${randomBytes(8).toString('hex')}`;
  world.seats.oldToken = world.queue.oldToken = token;
  world.seats.token = world.queue.serviceToken = randomBytes(32).toString('hex');
  const newHook = `whsec_${randomBytes(8).toString('hex')}`;
  world.secret('psp-key-file', world.psp.key);
  world.secret('webhook-file', `${newHook} ${hook}`);
  write(world.secrets.path('service-token'), world.seats.token);
  write(world.secrets.path('door-ed25519.pem'), execFileSync('openssl', ['genpkey', '-algorithm', 'ED25519']));
  await reloaded();
  await until('both loops to have taken them up', async () => (await kidsOfAll()).size === 1 && (await kids())[0] !== first);
  const [second, ...others] = await kids();
  assert.notEqual(second, first);
  assert.deepEqual(others, [first], 'existing tickets stay valid');
  world.psp.webhookSecret = newHook;
  await sales.more(6);

  // No neighbour accepts the old ones any longer.
  world.psp.calls.length = world.seats.calls.length = 0;
  world.secret('webhook-file', newHook);
  await reloaded();
  await sales.more(6);
  await sales.stop();
  assert.deepEqual(sales.refused, []);
  const shown = new Set([...world.psp.calls, ...world.seats.calls.filter(({ path }) => path.startsWith('/internal/'))].map(({ headers }) => headers.authorization));
  assert.deepEqual([...shown].sort(), [`Bearer ${world.psp.key}`, `Bearer ${world.seats.token}`].sort());
  const { body, headers } = world.psp.signed(world.psp.events[0], { secret: hook });
  assert.equal((await world.pay.http.post('/v1/pay/webhooks/stripe', { body, headers })).status, 401);
  for (const { tickets } of sales.bought) for (const { token } of tickets) assert.equal((await world.scan(token)).status, 200);
});

test('a reload changes the login throttle', async () => {
  const wrong = () => until('an answer', async () => { // a busy machine may postpone a login
    const answer = await world.visitor().post('/v1/pay/login', { login: 'user120@example.com', password: 'wrong' });
    return answer.json.code !== 'login-busy' && answer;
  });
  for (let i = 0; i < 4; i += 1) assertProblem(await wrong(), 401, 'bad-credentials');
  world.pay.configure(world.config({ login: { free_fails: 2, pause: '1h', pause_max: '1h' } }));
  await reloaded();
  let tries = 0; // a hundred were free before
  while ((await wrong()).status === 401 && tries < 20) tries += 1;
  assertProblem(await wrong(), 429, 'too-many-attempts');
  world.pay.configure(world.config());
  await reloaded();
});

test('a reload with an unreadable key or setting changes nothing', async () => {
  const before_ = await kids();
  const good = execFileSync('cat', [world.secrets.path('door-ed25519.pem')]);
  write(world.secrets.path('door-ed25519.pem'), 'no key');
  await reloaded('reload failed');
  world.pay.configure(world.config({ login: { free_fails: 0 } }));
  write(world.secrets.path('door-ed25519.pem'), good);
  await reloaded('reload failed');
  world.pay.configure(world.config());
  assert.deepEqual(await kids(), before_);
  await world.bought(buyer);
});

// The number of requests for the hold, minus attempts that are known to have failed.
const askedTwice = (order) => {
  const asked = extensions(order);
  const timedOut = world.postgres.sql(`SELECT count(*) FROM pay.saga_step t JOIN pay.saga s ON s.id = t.saga WHERE s.subject = '${order}' AND t.mark = 3`, 'pay');
  return asked > 1 + Number(timedOut);
};
const extensions = (order) => world.seats.calls.filter(({ path, body }) => path.endsWith('/extend') && body.includes(order)).length;
const ownerOf = (order) => world.postgres.sql(`SELECT owner FROM pay.saga WHERE subject = '${order}'`, 'pay');

test('a new process with the same config does not reclaim another\'s sagas', async () => {
  const gate = world.seats.gate('/extend');
  const making = world.order(buyer, world.hold());
  await gate.reached;
  const { order } = (await making).json;
  assert.equal(ownerOf(order).replace(/^\d+\//, ''), `${hostname()}:${world.pay.privatePort}`);
  const replica = await world.startPay();
  assert.equal(askedTwice(order), false);
  gate.open();
  await until('the payment to exist', () => world.psp.of(order).length > 0);
  assert.equal(askedTwice(order), false);
  await replica.stop();
});

test('a start waits for PostgreSQL, however late it comes, and says so', async () => {
  await until('more than a command waits', () => Date.now() - began > 35_000);
  assert.ok(early.child.logLines().some(({ msg, why }) => msg.startsWith('PostgreSQL is down') && why.includes('127.0.0.1')));
  wire.heal();
  await early.untilReady();
  await early.stop();
});

test('a restarted process reclaims its sagas at once', async () => {
  const gate = world.seats.gate('/extend');
  const making = world.order(buyer, world.hold());
  await gate.reached;
  const { order } = (await making).json;
  await world.pay.kill();
  await world.pay.start(); // a lease lasts 45 s
  await until('the payment to exist', () => world.psp.of(order).length > 0, { timeoutMs: 60_000 });
  gate.open();
});

test('a separate secret for hashes changes holders, and no existing ticket', async () => {
  const buyOne = async () => (await buyer.tickets(await world.bought(buyer)))[0];
  const holder = ({ token }) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).h;
  const [before_, again] = [await buyOne(), await buyOne()];
  assert.equal(holder(before_), holder(again));
  await world.pay.stop();
  world.pay.configure(world.config({ keys: { hashes: world.secrets.path('hash-key') } }));
  await world.pay.start();
  assert.notEqual(holder(await buyOne()), holder(before_));
  assert.equal((await world.scan(before_.token)).status, 200);
});

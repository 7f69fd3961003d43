// The load on the company's user database and its shop does not depend on the number of our processes, nor on their loops:
// caps, shares and pauses belong to the deployment.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { assertStatus, openScope, ROOT, runProgram, until } from '../../lib-js/index.js';
import { openWorld, PASSWORD } from './lib/world.js';

const scope = openScope(test);
const SHOP_PER_S = 10;
const USERS_PER_S = 20;
const BUYERS = 4; // the shop gets each buyer's orders one after another
const site = { http: { loops: 2 }, users: { queries_per_s: USERS_PER_S }, login: { free_fails: 1000 } };
const world = await openWorld(scope, { ...site, shop: { per_s: SHOP_PER_S } });
const second = await world.startPay();
world.psp.autoPay = true;

const login = (pay, name) => world.visitor(pay).post('/v1/pay/login', { login: name, password: PASSWORD });
const counted = async (name) => {
  const all = await Promise.all([world.pay, second].map((pay) => pay.metrics()));
  return all.reduce((sum, metrics) => sum + (metrics.get(name) ?? 0), 0);
};

// Arrival times, with at most `most` within any second.
function assertPace(times, most, what) {
  for (const at of times) {
    const within = times.filter((other) => other >= at && other < at + 1000).length;
    assert.ok(within <= most, `${what}: ${within} in one second, ${most} are allowed`);
  }
}

// Makes orders whose messages to the shop wait until release().
async function letters(count) {
  const buyers = Array.from({ length: BUYERS }, () => world.visitor());
  for (const [i, buyer] of buyers.entries())
    await until('a login', async () => (await buyer.post('/v1/pay/login', { login: `user${100 + i}@example.com`, password: PASSWORD })).status === 200);
  world.postgres.sql("ALTER TABLE pay.shop_outbox ALTER due_at SET DEFAULT now() + interval '1 day'", 'pay');
  const orders = await Promise.all(Array.from({ length: count }, (_, i) => world.orderedAs(buyers[i % BUYERS], 'completed')));
  await until('their letters', () => Number(world.postgres.sql(
    `SELECT count(*) FROM pay.shop_outbox WHERE order_id IN ('${orders.join("','")}')`, 'pay')) === count);
  return orders;
}

const release = () => world.postgres.sql(
  'ALTER TABLE pay.shop_outbox ALTER due_at SET DEFAULT now(); UPDATE pay.shop_outbox SET due_at = now() WHERE done_at IS NULL', 'pay');

// Until some logins were refused and two seconds of the cap were used, however long that takes; no second may have more.
test('two processes of two loops together keep the cap of the user database', async () => {
  const storm = () => Promise.all([world.pay, second].flatMap((pay) => [0, 1, 2, 3, 4].map((i) => login(pay, `user${100 + i + (pay === second ? 10 : 0)}@example.com`))));
  const from = await counted('fairgate_users_db_queries_total');
  const seen = []; // the count at a time between `first` and `last`
  let refused = 0;
  await until('the cap to be met, and two seconds of it to be used', async () => {
    refused += (await storm()).filter(({ status }) => status === 503).length;
    const first = Date.now();
    const total = (await counted('fairgate_users_db_queries_total')) - from;
    seen.push({ first, total, last: Date.now() });
    return refused > 0 && total >= 2 * USERS_PER_S;
  }, { everyMs: 0 });
  for (const { total, last } of seen) {
    const earlier = seen.findLast(({ first }) => first <= last - 1000);
    if (earlier === undefined) continue;
    const [asked, ms] = [total - earlier.total, last - earlier.first];
    assert.ok(asked <= 1 + (USERS_PER_S * ms) / 1000, `${asked} in ${ms} ms`);
  }
});

test('a storm of mails leaves logins their share, and a storm of logins leaves mails theirs', async () => {
  await letters(1);
  release();
  const order = world.postgres.sql('SELECT id FROM pay.orders LIMIT 1', 'pay');
  const sent = () => Number(world.postgres.sql("SELECT count(*) FROM pay.mail_outbox WHERE kind LIKE 'k%' AND error = 'unsendable'", 'pay'));
  world.postgres.sql(
    `INSERT INTO pay.mail_outbox (order_id, member, kind, lang) SELECT '${order}', '100', 'k' || i, 'en' FROM generate_series(1, 400) i`, 'pay');
  await until('mails to be looked up', () => sent() > 10, { timeoutMs: 60_000 });
  // Meanwhile logins continue and storm themselves, and then mails continue.
  let good = 0;
  const before = sent();
  await until('logins next to the mails', async () => {
    const answers = await Promise.all([world.pay, second].flatMap((pay) =>
      [0, 1, 2].map((i) => login(pay, `user${120 + i + (pay === second ? 10 : 0)}@example.com`))));
    good += answers.filter(({ status }) => status === 200).length;
    return good >= 10 && sent() >= before + 5;
  }, { timeoutMs: 60_000 });
  world.postgres.sql('DELETE FROM pay.mail_outbox', 'pay');
});

test('two processes of two loops together keep the shop\'s rate', async () => {
  const orders = await letters(20);
  const from = world.shop.arrived.length;
  release();
  await until('all to arrive', () => orders.every((order) => world.shop.orders.has(`${order}-completed`)), { timeoutMs: 60_000 });
  // Calls under way during a pause arrive together with later ones: one order per customer.
  assertPace(world.shop.arrived.slice(from).map(({ at }) => at), SHOP_PER_S + BUYERS, 'orders to the shop');
});

test('a pause that the shop requests holds for all processes', async () => {
  const orders = await letters(16);
  world.shop.fault('/orders', { status: 429, headers: { 'retry-after': '3' } }, 1);
  const calls = () => world.shop.calls.filter(({ method }) => method === 'POST').length;
  const from = calls();
  release();
  const refusedAt = await until('the refusal', () => calls() > from && world.shop.calls.filter(({ method }) => method === 'POST')[from].at);
  await until('the pause to be written down', () => world.postgres.sql(
    `SELECT last_value / 1000 >= ${refusedAt} + 2500 FROM pay.pace_shop`, 'pay') === 't');
  const knownAt = Date.now();
  await until('all to arrive', () => orders.every((order) => world.shop.orders.has(`${order}-completed`)), { timeoutMs: 60_000 });
  const times = world.shop.calls.filter(({ method }) => method === 'POST').slice(from + 1).map(({ at }) => at);
  const soon = times.filter((at) => at > knownAt && at < refusedAt + 2900);
  assert.ok(soon.length < BUYERS, `while it rests nothing comes but what was under way: ${soon.map((at) => at - refusedAt)}`);
});

// ---- by an index ----

const MILLION = 1_000_000;
const explained = (sql, param) => world.postgres.sql(
  `SET plan_cache_mode = force_generic_plan; PREPARE asked AS ${sql}; EXPLAIN EXECUTE asked('${param}')`, 'big');

test('each question to the user table goes by an index, among a million rows', () => {
  world.postgres.sql('CREATE DATABASE big', 'postgres');
  world.postgres.sql(
    `CREATE TABLE users (id bigint PRIMARY KEY, email text NOT NULL, password_hash text NOT NULL, lang text NOT NULL DEFAULT 'ko', active boolean NOT NULL DEFAULT true);
     INSERT INTO users SELECT i, 'user' || i || '@example.com', 'x' FROM generate_series(1, ${MILLION}) i;
     CREATE UNIQUE INDEX users_email ON users (lower(email)); ANALYZE users`, 'big');
  const help = runProgram('payment-adapter', ['--help']).stdout;
  const part = readFileSync(join(ROOT, 'infra/stack/parts/payment-adapter'), 'utf8');
  const readme = readFileSync(join(ROOT, 'payment-adapter/README.md'), 'utf8');
  const questions = [
    ...[...help.matchAll(/(?:login|mail)_sql:[^]*?bytes; (SELECT .*?) if not given/g)].map(([, sql]) => sql),
    ...[...part.matchAll(/_sql = "(.*)"/g)].map(([, sql]) => sql.replace('\\$', '$')),
    ...[...readme.matchAll(/_sql = "(.*)"/g)].map(([, sql]) => sql),
  ];
  assert.ok(questions.length >= 4, questions.join('\n'));
  for (const sql of questions) {
    const plan = explained(sql, sql.includes('email)') ? 'user77@example.com' : '77');
    assert.doesNotMatch(plan, /Seq Scan/, `${sql}\n${plan}`);
    assert.match(plan, /Index/, `${sql}\n${plan}`);
  }
});

test('a query without an index and too few connections in the user database are logged at the start', async () => {
  world.postgres.sql('ALTER ROLE reader CONNECTION LIMIT 15', 'shop');
  const pay = await world.startPay({ users: { mail_sql: 'SELECT email FROM users WHERE id::text = $1', connections: 8 } });
  await until('the log to tell it', () => /no index of the user database[^\n]*mail_sql/.test(pay.child.log()));
  await until('the log to tell the limit', () => /CONNECTION LIMIT[^\n]*"needed":16/.test(pay.child.log()));
  world.postgres.sql('ALTER ROLE reader CONNECTION LIMIT -1', 'shop');
  assert.doesNotMatch(world.pay.child.log(), /no index of the user database[^\n]*mail_sql/);
  await pay.stop();
});

test('a member number that is not a number belongs to nobody, and is no failure of the database', async () => {
  const buyer = world.visitor();
  await until('a login', async () => (await buyer.post('/v1/pay/login', { login: 'user105@example.com', password: PASSWORD })).status === 200);
  const order = await world.orderedAs(buyer, 'completed');
  world.postgres.sql(`INSERT INTO pay.mail_outbox (order_id, member, kind, lang) SELECT '${order}', 'nobody' || i, 'completed', 'en' FROM generate_series(1, 7) i`, 'pay');
  const told = () => world.postgres.sql("SELECT string_agg(DISTINCT coalesce(error, 'waits'), ',') FROM pay.mail_outbox WHERE member LIKE 'nobody%'", 'pay');
  await until('each of them to be nobody', () => told() === 'no address');
});

// An order that waits for the seats takes a process's one slot, so other processes take over orders made there. All three
// would wait for two and a half seconds if the called process knew only its own moves.
test('an order says how to pay as soon as that is known, whichever process has found it out', async () => {
  const busy = await world.startPay({ http: { loops: 1 }, saga: { slots: 1, calls: 1, idle: '1m', instance: 'busy' } });
  const buyer = await world.login('bcrypt@example.com', PASSWORD, busy);
  const waiting = [];
  const gates = [];
  await until('its slot to be taken', async () => { // another process may be faster
    const gate = world.seats.gate('/extend');
    gates.push(gate);
    waiting.push(world.order(buyer, world.hold()));
    await gate.reached;
    return world.postgres.sql("SELECT count(*) FROM pay.saga WHERE owner LIKE '%/busy' AND leased AND state < 2", 'pay') === '1';
  });
  const took = [];
  for (let i = 0; i < 3 || (i < 20 && !took.some((ms) => ms < 2400)); i += 1) { // a busy machine takes longer itself
    const began = performance.now();
    const made = assertStatus(await world.order(buyer, world.hold()), 201);
    if (made.json.payment) took.push(performance.now() - began);
  }
  for (const gate of gates) gate.open();
  await Promise.all(waiting);
  assert.ok(Math.min(...took) < 2400, `the quickest took ${Math.round(Math.min(...took))} ms`);
});

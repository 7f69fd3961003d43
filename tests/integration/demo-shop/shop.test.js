// The existing company: its customers, its partner, its database.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createPublicKey, verify } from 'node:crypto';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { assertProblem, assertPrompt, openProxy, openScope, renderConfig, runProgram, until } from '../../lib-js/index.js';
import { anOrder, API_KEY, logIn, startShop } from './shop.js';

const scope = openScope(test);
const shop = await startShop(scope, { hashes: 'cheap' });
seedUsual();

// Four more customers in a database of their own, by a shop without settings for hashes.
function seedUsual() {
  shop.postgres.sql('CREATE DATABASE usual');
  const config = join(scope.tempDir('usual-'), 'shop.conf');
  const http = { port: 1 };
  const database = { conninfo: shop.postgres.conninfo('usual') };
  writeFileSync(config, renderConfig({ http, private: { ...http, token_file: shop.apiKeyPath }, database, seed: { users: 24 } }));
  const { status, stderr } = runProgram('demo-shop', ['seed', '--config', config]);
  assert.equal(status, 0, stderr);
}

const kindsIn = (database) => shop.postgres.rows(
  "SELECT substring(password_hash from '^[$](?:6[$](?:rounds=[0-9]+)?|2b[$][0-9]+|argon2id[$][^$]+[$][^$]+)|^pbkdf2_sha256[$][0-9]+') AS kind, count(*)::int AS n FROM users GROUP BY 1",
  database,
).map(({ kind, n }) => `${n} ${kind}`).sort();

test('customers are spread over four formats of hashes, of the usual cost unless a cheaper one is set', () => {
  assert.deepEqual(kindsIn('demo_shop'), ['50 $2b$04', '50 $6$rounds=1000', '50 $argon2id$v=19$m=8,t=1,p=1', '50 pbkdf2_sha256$1000']);
  assert.deepEqual(kindsIn('usual'), ['1 $2b$10', '1 $6$', '1 $argon2id$v=19$m=19456,t=2,p=1', '1 pbkdf2_sha256$390000']);
});

test('the twenty demo users can all log in, and their list is private', async () => {
  const users = shop.users();
  assert.equal(users.length, 20);
  assert.equal(statSync(shop.demoUsersPath).mode & 0o777, 0o600);
  for (const { login, password } of users) {
    const { customer, http } = await logIn(shop, login, password);
    const me = await http.get('/api/me');
    assert.equal(me.json.customer, customer);
    assert.equal(me.json.login, login);
  }
});

test('seeding waits for a PostgreSQL that starts after it', async (t) => {
  const { socketDir, port } = shop.postgres;
  const wire = await openProxy(openScope(t), { to: { path: `${socketDir}/.s.PGSQL.${port}` } });
  wire.fault('reset');
  const seeded = shop.seedBeside({ FAIRGATE_DATABASE_CONNINFO: `host=127.0.0.1 port=${wire.port} dbname=demo_shop user=postgres` });
  await until('it was refused', () => wire.met.reset > 0);
  wire.heal();
  assert.equal((await seeded).status, 0);
});

test('seeding again changes nothing; a lost list gets new passwords; more customers are added', async () => {
  const before = shop.sql('SELECT count(*), sum(hashtext(password_hash)) FROM users');
  assert.equal(shop.seed().status, 0);
  assert.equal(shop.sql('SELECT count(*), sum(hashtext(password_hash)) FROM users'), before);
  const [old] = shop.users();
  rmSync(shop.demoUsersPath);
  assert.equal(shop.seed({ FAIRGATE_SEED_USERS: '260' }).status, 0);
  const [now] = shop.users();
  assert.equal(now.login, old.login);
  assert.notEqual(now.password, old.password);
  await logIn(shop, now.login, now.password);
  await assert.rejects(logIn(shop, old.login, old.password), /401/);
  assert.equal(shop.sql('SELECT count(*) FROM users'), '260');
  await logIn(shop, 'customer000240@shop.example');
});

test('the home page shows the concert and leads to its line, in the language of the browser', async () => {
  for (const [language, words] of Object.entries({ en: /My orders[^]*World Tour[^]*1 May 2030[^]*Harbour Stadium/, ko: /주문 내역[^]*월드 투어[^]*2030년 5월 1일[^]*하버 스타디움/ })) {
    const page = await shop.http.get('/', { headers: { 'accept-language': language } });
    assert.match(page.headers['content-type'], /^text\/html/);
    assert.match(page.text, words);
    assert.match(page.text, /href="http:\/\/localhost:8080\/e\/concert\?a=1&amp;b=2"/);
  }
});

// The steady customers, below, browse, log in and buy.
test('a basket becomes an order, or nothing does', async () => {
  const { http } = await logIn(shop, 'customer000002@shop.example');
  const stock = () => shop.sql("SELECT stock FROM products WHERE sku = 'sku-0001'");
  const before = Number(stock());
  const bought = await http.post('/api/checkout', {
    body: { lines: [{ sku: 'sku-0001', quantity: 2 }, { sku: 'sku-0002' }, { sku: 'sku-0001' }] },
  });
  assert.equal(bought.status, 201);
  assert.equal(bought.json.total, 3 * 2000 + 3000);
  const [mine] = (await http.get('/api/my/orders')).json.orders;
  assert.deepEqual([mine.order, mine.what, mine.seats], [bought.json.order, { ko: '공책 1 × 3, 머그잔 2 × 1', en: 'Notebook 1 × 3, Mug 2 × 1' }, null]);
  const lacking = await http.post('/api/checkout', { body: { lines: [{ sku: 'sku-0001' }, { sku: 'last-one', quantity: 2 }] } });
  assertProblem(lacking, 409, 'out-of-stock');
  assert.equal(Number(stock()), before - 3);
});

test("a partner's order comes in once, however often it is handed in", async () => {
  const { customer, http } = await logIn(shop, 'customer000009@shop.example');
  const line = (_, i) => ({ place: `${i}`.padStart(128, 'R'), category: 'R'.repeat(128), price: 1000, count: 1, fee: 0 });
  const lines = Array.from({ length: 100 }, line); // an order's maximum, with the longest names
  const more = { event_name: 'A concert', installation: '0123456a', terms: 'vat_basis_points=1000', lines };
  const order = anOrder(customer, { seats: lines.map(({ place }) => place), ...more });
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => shop.partner.post('/api/orders/import', { body: order })),
  );
  assert.deepEqual(answers.map((answer) => answer.status).sort(), [200, 200, 200, 200, 200, 200, 200, 201]);
  assert.equal(new Set(answers.map((answer) => answer.json.order)).size, 1);
  const changed = await shop.partner.post('/api/orders/import', { body: { ...order, amount: 1 } });
  assertProblem(changed, 409, 'external-id-taken');
  const read = await shop.partner.get(`/api/orders/import/${order.external_id}`);
  assert.equal(read.json.amount, order.amount);
  assert.deepEqual([read.json.seats, read.json.lines, read.json.event_name], [order.seats, lines, 'A concert']);
  assert.equal(read.json.customer, customer);
  const mine = (await http.get('/api/my/orders')).json.orders;
  assert.deepEqual([mine[0].source, mine[0].what, mine[0].seats], ['partner', { ko: 'A concert' }, order.seats]);
  assert.equal(mine[0].status, 'completed');
});

test('an order whose seats moved has the new ones, at its price', async () => {
  const { customer } = await logIn(shop, 'customer000011@shop.example');
  const order = anOrder(customer);
  const moved = { ...order, kind: 'moved', seats: ['Z-1'] };
  assertProblem(await shop.partner.post('/api/orders/import', { body: moved }), 404, 'unknown-order');
  const post = async (body) => (await shop.partner.post('/api/orders/import', { body, headers: { 'idempotency-key': body.kind } })).status;
  const posted = [];
  for (const body of [order, moved, moved, order]) posted.push(await post(body)); // at last an old message, delivered again
  assert.deepEqual(posted, [201, 200, 200, 200]);
  const read = (await shop.partner.get(`/api/orders/import/${order.external_id}`)).json;
  assert.deepEqual([read.seats, read.amount, read.status, read.letters], [['Z-1'], order.amount, 'completed', 2]);
  shop.sql("DELETE FROM partner_letters WHERE letter = 'completed'"); // as if the shop had taken the order before it noted messages
  assert.equal(await post(order), 200);
  assert.equal((await shop.partner.get(`/api/orders/import/${order.external_id}`)).json.letters, null);
});

test('a refund follows its order, once', async () => {
  const { customer } = await logIn(shop, 'customer000010@shop.example');
  const order = anOrder(customer);
  const refund = { ...order, kind: 'refunded', refund_amount: 1, refund_vat: 1, fees: 1, vat: 1 }; // as for a partial refund, and for an event with fees
  assertProblem(await shop.partner.post('/api/orders/import', { body: refund }), 404, 'unknown-order');
  await shop.partner.post('/api/orders/import', { body: order });
  const first = await shop.partner.post('/api/orders/import', { body: refund });
  assert.equal(first.status, 200);
  assert.equal(first.json.status, 'refunded');
  assert.equal((await shop.partner.post('/api/orders/import', { body: refund })).status, 200);
  const late = await shop.partner.post('/api/orders/import', { body: order });
  assert.equal(late.status, 200); // the order again, after its refund: known, and stays refunded
  assert.equal(late.json.status, 'refunded');
  const read = (await shop.partner.get(`/api/orders/import/${order.external_id}`)).json;
  assert.equal(read.status, 'refunded');
  assert.match(read.refunded_at, /Z$/);
});

test('what a partner may not hand in is refused with a pointer to it', async () => {
  const { customer } = await logIn(shop, 'customer000011@shop.example');
  const refuse = async (extra, status, code) => {
    const answer = await shop.partner.post('/api/orders/import', { body: anOrder(customer, extra) });
    assertProblem(answer, status, code);
    return answer.json.detail;
  };
  assert.match(await refuse({ amount: -1 }, 400, 'bad-order'), /\/amount/);
  assert.match(await refuse({ seats: [] }, 400, 'bad-order'), /\/seats/);
  assert.match(await refuse({ seats: [7] }, 400, 'bad-order'), /\/seats\/0/);
  assert.match(await refuse({ kind: 'gone' }, 400, 'bad-order'), /\/kind/);
  assert.match(await refuse({ created_at: 'now' }, 400, 'bad-order'), /\/created_at/);
  assert.match(await refuse({ customer: 'x' }, 400, 'bad-order'), /\/customer/);
  assert.match(await refuse({ more: 1 }, 400, 'bad-order'), /\/more/);
  await refuse({ customer: '99999999' }, 422, 'unknown-customer');
  const naked = await shop.http.post('/api/orders/import', { body: anOrder(customer) });
  assertProblem(naked, 401, 'unknown-key');
  assertProblem(await shop.http.get('/api/orders/import', { token: `${API_KEY}x` }), 401, 'unknown-key');
});

test('a partner reads its orders back in the order of their arrival', async () => {
  const { customer } = await logIn(shop, 'customer000012@shop.example');
  const sent = [];
  for (let i = 0; i < 7; i += 1) {
    const order = anOrder(customer);
    await shop.partner.post('/api/orders/import', { body: order });
    sent.push(order.external_id);
  }
  const seen = [];
  let after = 0;
  for (;;) {
    const page = (await shop.partner.get(`/api/orders/import?limit=3&after=${after}`)).json;
    if (page.orders.length === 0) break;
    seen.push(...page.orders.map((order) => order.external_id));
    after = page.next;
  }
  assert.deepEqual(seen.slice(-7), sent);
  assert.equal(new Set(seen).size, seen.length);
});

test('a customer who is logged in here gets a token that a partner can believe', async () => {
  const { http, customer } = await logIn(shop, 'customer000005@shop.example');
  const { token } = (await http.post('/api/session/token')).json;
  const [head, payload, signature] = token.split('.');
  const { alg, kid, typ } = JSON.parse(Buffer.from(head, 'base64url'));
  assert.equal(alg, 'ES256');
  assert.equal(typ, 'JWT');
  const { keys } = (await shop.http.get('/.well-known/jwks.json')).json;
  const jwk = keys.find((key) => key.kid === kid);
  const good = verify(
    'sha256',
    Buffer.from(`${head}.${payload}`),
    { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature, 'base64url'),
  );
  assert.ok(good);
  const claims = JSON.parse(Buffer.from(payload, 'base64url'));
  assert.equal(claims.sub, customer);
  assert.equal(claims.iss, 'shop');
  assert.equal(claims.aud, 'a-partner');
  assert.equal(claims.exp - claims.iat, 120);
  assert.ok(claims.jti.length >= 32);
  const again = (await http.post('/api/session/token')).json.token;
  assert.notEqual(again, token);
  assertProblem(await shop.http.post('/api/session/token'), 401, 'login-required');
});

test("a partner's role reads the columns of a login and nothing else", () => {
  const as = (text) => shop.postgres.trySql(text, 'demo_shop', 'reader');
  assert.equal(as('SELECT id, email, password_hash, lang FROM users LIMIT 1').status, 0);
  for (const text of [
    'SELECT name FROM users',
    'SELECT * FROM users',
    'SELECT * FROM addresses',
    'SELECT * FROM orders',
    'SELECT * FROM sessions',
    "UPDATE users SET email = ''",
    'DELETE FROM users',
    'INSERT INTO products VALUES (1)',
  ]) {
    const done = as(text);
    assert.notEqual(done.status, 0, text);
    assert.match(done.stderr, /permission denied/, text);
  }
});

test('without its database the shop says so, and is back by itself', async () => {
  const style = /<link rel="stylesheet" href="([^"]+)"/.exec((await shop.http.get('/')).text)[1];
  await shop.postgres.kill();
  await until('the shop to notice', async () => (await shop.private.get('/readyz')).status === 503);
  const asked = performance.now();
  const away = await shop.http.get('/api/products');
  assertProblem(away, 503, 'busy');
  assertPrompt(1000, performance.now() - asked);
  assert.equal(away.headers['retry-after'], '1');
  assert.equal((await shop.http.get(style)).status, 200);
  await shop.postgres.start();
  await until('the shop to be back', async () => (await shop.private.get('/readyz')).status === 200);
  assert.equal((await shop.http.get('/api/products')).status, 200);
});

test('orders come in at the pace of the shop', async () => {
  const slow = await shop.sibling({ per_s: 5, burst: 2 });
  const hand = (order) => slow.http.post('/api/orders/import', { body: order, token: API_KEY });
  const answers = [];
  const began = performance.now();
  const refused = await until('some to be refused', async () => {
    answers.push(...await Promise.all(Array.from({ length: 20 }, () => hand(anOrder('1')))));
    return answers.find((answer) => answer.status === 429);
  });
  const taken = answers.filter((answer) => answer.status !== 429).length;
  const most = 2 + Math.ceil(5 * (performance.now() - began) / 1000);
  assert.ok(taken <= most, `${taken} of ${answers.length}, at most ${most}`);
  assertProblem(refused, 429, 'too-fast');
  assert.equal(refused.headers['retry-after'], '1');
  const order = anOrder('1');
  await until('one to be taken twice', async () => (await hand(order)).status === 200);
});

// The kernel establishes connections even if nobody accepts them, and lists both ends.
const connectionsTo = (port) => {
  const ESTABLISHED = '01';
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return readFileSync('/proc/net/tcp', 'latin1').split('\n').map((line) => line.trim().split(/ +/))
    .filter(([, , remote, state]) => state === ESTABLISHED && remote.endsWith(`:${hex}`)).length;
};

test('the steady customers shop, and say how long they waited', async () => {
  const script = fileURLToPath(new URL('../../../infra/demo/demo-shop/customers.js', import.meta.url));
  const args = ['--url', `http://127.0.0.1:${shop.port}`, '--seconds', '3', '--rate', '20'];
  const run = (more) => {
    return new Promise((resolve) => {
      execFile('node', [script, ...args, ...more], (error, stdout) => {
        resolve({ code: error?.code ?? 0, result: JSON.parse(stdout.trim().split('\n').at(-1)) });
      });
    });
  };
  const { code, result } = await run(['--users', shop.demoUsersPath]);
  assert.equal(code, 0, JSON.stringify(result.errors));
  assert.ok(result.visits > 40 && result.visits < 80, `${result.visits}`);
  for (const kind of ['list', 'product', 'page', 'login', 'buy']) {
    assert.ok(result[kind].n > 0, kind);
    assert.ok(result[kind].p50 <= result[kind].p99 && result[kind].p99 <= result[kind].max, kind);
  }
  shop.pause(); // a stalled shop shows in the times of all visits in that time
  const running = run([]);
  await until('some to wait', () => connectionsTo(shop.port) >= 8);
  setTimeout(() => shop.resume(), 1500);
  const stalled = (await running).result;
  assert.ok(stalled.all.p90 > 300 && stalled.all.max > 800, JSON.stringify(stalled.all));
});

// Logins against the company's user table, which must not be disturbed.

import assert from 'node:assert/strict';
import http from 'node:http';
import test from 'node:test';
import { assertProblem, assertPrompt, assertStatus, CookieJar, mangled, openScope, until } from '../../lib-js/index.js';
import { HASHES, openWorld, PASSWORD } from './lib/world.js';

const scope = openScope(test);
const world = await openWorld(scope);

const once = (visitor, name, password = PASSWORD, headers) =>
  visitor.post('/v1/pay/login', { login: name, password }, headers);

// A busy machine may postpone a login.
const patiently = (ask) => until('an answer', async () => {
  const answer = await ask();
  return answer.json?.code !== 'login-busy' && answer;
});
const login = (...how) => patiently(() => once(...how));

test('each hash format of the table logs in, whatever the case of the login', async () => {
  for (const [index, name] of Object.keys(HASHES).entries()) {
    const visitor = world.visitor();
    const answer = await login(visitor, `${name.toUpperCase()}@example.com`);
    assert.equal(answer.status, 200, `${name}: ${answer.text}`);
    assert.equal(answer.json.member, String(index + 1));
    const cookie = visitor.jar.get('fg_session');
    assert.ok(cookie.attributes.includes('httponly') && cookie.attributes.includes('samesite=lax'));
    const me = await visitor.get('/v1/pay/me');
    assert.deepEqual(me.json, { member: String(index + 1), lang: index % 2 ? 'en' : 'ko' });
    assertProblem(await login(world.visitor(), `${name}@example.com`, 'wrong'), 401, 'bad-credentials');
  }
});

test('an unknown login looks and costs the same as a wrong password', async () => {
  // A hash whose cost dominates a login, for existing and unknown users alike.
  const costly = '$2b$10$S5.CNEuPbSus1ARMr2638.cI/C5VUTOaybMKRSpa0d.fKi5GJpImm';
  world.postgres.sql(`UPDATE users SET password_hash = '${costly}' WHERE id BETWEEN 130 AND 134`, 'shop');
  const pay = await world.startPay({ users: { unknown_hash: costly }, login: { free_fails: 1000 } });
  const worked = async () => (await pay.metrics()).get('process_cpu_seconds_total');
  const work = async (nameOf) => {
    const before = await worked();
    for (let i = 130; i < 135; i += 1) assertProblem(await login(world.visitor(pay), nameOf(i), 'wrong'), 401, 'bad-credentials');
    return await worked() - before;
  };
  const [known, unknown] = [await work((i) => `user${i}@example.com`), await work((i) => `nobody${i}@example.com`)];
  assert.ok(Math.abs(known - unknown) < 0.5 * Math.max(known, unknown), `${known} s, ${unknown} s`);
  for (const stored of ['NULL', "'!x'", "'plain'"]) { // an account without a password, and one whose hash cannot be checked
    world.postgres.sql(`UPDATE users SET password_hash = ${stored} WHERE id BETWEEN 135 AND 139`, 'shop');
    const without = await work((i) => `user${i + 5}@example.com`);
    assert.ok(Math.abs(known - without) < 0.5 * Math.max(known, without), `${known} s, ${without} s for ${stored}`);
  }
  await pay.stop();
});

test('a login rotates the cookie, a logout ends it at the server', async () => {
  const visitor = world.visitor();
  await login(visitor, 'bcrypt@example.com');
  const first = visitor.jar.get('fg_session').value;
  await login(visitor, 'bcrypt@example.com');
  const second = visitor.jar.get('fg_session').value;
  assert.notEqual(first, second);
  const me = (value) => world.pay.http.get('/v1/pay/me', { headers: { cookie: `fg_session=${value}` } });
  assertProblem(await me(first), 401, 'login-required');
  assert.equal((await me(second)).status, 200);
  assert.equal((await visitor.post('/v1/pay/logout')).status, 204);
  assertProblem(await me(second), 401, 'login-required');
  for (const junk of ['', 'x', 'a'.repeat(43), 'a'.repeat(500), "' OR 1=1 --"])
    assertProblem(await me(encodeURIComponent(junk)), 401, 'login-required');
  // The stored value is not the cookie.
  const stored = world.postgres.sql('SELECT string_agg(token, \' \') FROM pay.session', 'pay');
  assert.ok(!stored.includes(first) && !stored.includes(second));
});

test('posts from other sites, other types and malformed bodies are refused', async () => {
  const evil = { origin: 'https://evil.example' };
  assertProblem(await login(world.visitor(), 'bcrypt@example.com', PASSWORD, evil), 403, 'cross-origin');
  assertProblem(await world.visitor().post('/v1/pay/logout', {}, evil), 403, 'cross-origin');
  const form = await world.pay.http.post('/v1/pay/login', {
    body: 'login=a&password=b',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  assertProblem(form, 415, 'not-json');
  const bad = [{}, { login: 'a' }, { login: '', password: 'x' }, { login: 'a', password: 'x', admin: true }, { login: 1, password: 'x' }, { login: 'a', password: 'x'.repeat(1025) }];
  for (const body of bad) assertProblem(await world.visitor().post('/v1/pay/login', body), 400, 'bad-request');
  assertProblem(await login(world.visitor(), "' OR '1'='1", 'x'), 401, 'bad-credentials');
});

test('guesses throttle the account and the address for a while', async () => {
  const pay = await world.startPay({ login: { free_fails: 3, pause: '1s', window: '10m' } });
  const visitor = world.visitor(pay);
  world.postgres.sql('DELETE FROM pay.throttle', 'pay');
  for (let i = 0; i < 3; i += 1) assertProblem(await login(visitor, 'user101@example.com', 'x'), 401, 'bad-credentials');
  const refused = await until('a try within the pause', async () => {
    const answer = await login(visitor, 'user101@example.com');
    for (let i = 0; i < 3 && answer.status === 200; i += 1) await login(visitor, 'user101@example.com', 'x');
    return answer.status !== 200 && answer;
  });
  assertProblem(refused, 429, 'too-many-attempts');
  assert.ok(Number(refused.headers['retry-after']) >= 1);
  assert.equal((await login(visitor, 'user102@example.com')).status, 200);
  await until('the pause to be over', async () => (await login(visitor, 'user101@example.com')).status === 200);
  // Thirty different accounts from one address: the address is throttled.
  let last;
  for (let i = 0; i < 40 && last?.status !== 429; i += 1)
    last = await login(visitor, `user${100 + i}@example.com`, 'x');
  assertProblem(last, 429, 'too-many-attempts');
  assert.equal(world.postgres.sql("SELECT count(*) FILTER (WHERE key LIKE '%example%'), count(*) > 0 FROM pay.throttle", 'pay'), '0|t', 'no login is stored');
  world.postgres.sql('DELETE FROM pay.throttle', 'pay');
  await pay.stop();
});

// Logins from separate addresses, as far as one machine has them.
const from = (pay, last, jar = null) => {
  const agent = new http.Agent({ localAddress: `127.0.0.${last}` });
  return async (name, password = 'x') => {
    const answer = await patiently(() => pay.http.post('/v1/pay/login', { body: { login: name, password }, headers: jar?.headers ?? {}, agent }));
    jar?.take(answer);
    return answer;
  };
};

test('guesses at an account lock out nobody but the guesser', async () => {
  const pay = await world.startPay({ login: { free_fails: 2, pause: '10m', pause_max: '10m', window: '15m' } });
  world.postgres.sql('DELETE FROM pay.throttle', 'pay');
  const victim = 'user111@example.com';
  const guesser = from(pay, 9);
  let last;
  for (let i = 0; i < 10 && last?.status !== 429; i += 1) last = await guesser(victim);
  assertProblem(last, 429, 'too-many-attempts');
  assert.equal((await from(pay, 10)(victim, PASSWORD)).status, 200, 'the owner, elsewhere');
  assertProblem(await guesser(victim, PASSWORD), 429, 'too-many-attempts');
  await pay.stop();
});

test('guesses from many addresses do not throttle a known browser', async () => {
  const pay = await world.startPay({ login: { free_fails: 1, pause: '10m', pause_max: '10m', window: '15m' } });
  world.postgres.sql('DELETE FROM pay.throttle', 'pay');
  const victim = 'user112@example.com', jar = new CookieJar();
  const owner = from(pay, 200, jar);
  assert.equal((await owner(victim.toUpperCase(), PASSWORD)).status, 200);
  const device = jar.get('fg_device');
  assert.ok(device.attributes.includes('httponly') && device.attributes.includes('samesite=lax'));
  for (let i = 0; i < 20; i += 1) assertProblem(await from(pay, 20 + i)(victim), 401, 'bad-credentials');
  const refused = await from(pay, 60)(victim, PASSWORD);
  assertProblem(refused, 429, 'too-many-attempts');
  assert.ok(Number(refused.headers['retry-after']) <= 61, 'not for long: it may be the owner, somewhere new');
  // An unknown account is treated alike.
  for (let i = 0; i < 20; i += 1) assertProblem(await from(pay, 20 + i)('nobody112@example.com'), 401, 'bad-credentials');
  assertProblem(await from(pay, 60)('nobody112@example.com'), 429, 'too-many-attempts');
  assert.equal((await owner(victim, PASSWORD)).status, 200, 'the owner does not notice');
  const headers = (value) => ({ headers: { cookie: `fg_device=${value}` } });
  for (const value of ['x', device.value.slice(0, -2), mangled(device.value), Buffer.alloc(28).toString('base64url')])
    assertProblem(await from(pay, 61, { ...headers(value), take() {} })(victim, PASSWORD), 429, 'too-many-attempts');
  // The cookie is for its own account, and a browser that guesses is throttled, too.
  assertProblem(await owner('nobody112@example.com', PASSWORD), 429, 'too-many-attempts');
  for (let i = 0; i < 2; i += 1) assertProblem(await owner(victim), 401, 'bad-credentials');
  assertProblem(await owner(victim, PASSWORD), 429, 'too-many-attempts');
  await pay.stop();
});

test('parallel guesses do not evade the throttle', async () => {
  const visitor = world.visitor();
  // Of twenty simultaneous logins to an account most are rejected.
  let turnedAway = 0;
  for (let nth = 0; nth < 8 && turnedAway < 10; nth += 1) {
    const answers = await Promise.all(Array.from({ length: 20 }, () => login(visitor, `user${110 + nth}@example.com`, 'x')));
    const by = (status) => answers.filter((answer) => answer.status === status).length;
    assert.ok(by(401) >= 1);
    assert.equal(by(401) + by(429), 20);
    turnedAway = by(429);
  }
  assert.ok(turnedAway >= 10, `${20 - turnedAway} were checked at once`);
});

test('beyond the hash queue a login gets Retry-After', async () => {
  const pay = await world.startPay({ http: { loops: 3 }, login: { hash_queue: 2, free_fails: 1000 } });
  const shed = await until('some of thirty to be too many, if they come at the same time', async () => {
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, i) => once(world.visitor(pay), `user${100 + i}@example.com`)),
    );
    const some = answers.filter(({ status }) => status === 503);
    return some.length > 0 && some.length < 30 && some;
  });
  for (const answer of shed) {
    assertProblem(answer, 503, 'login-busy');
    assert.ok(Number(answer.headers['retry-after']) >= 1);
  }
  const seen = await pay.metrics();
  assert.ok(seen.get('fairgate_hash_refused_total') > 0);
  assert.equal(seen.get('fairgate_hash_queue'), 0, 'each check has given its place back');
  await pay.stop();
});

test('a hash for which there is no memory is no wrong guess', async () => {
  const large = '$argon2id$v=19$m=65536,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
  world.postgres.sql(`UPDATE users SET password_hash = '${large}' WHERE id = 129`, 'shop');
  const env = { ASAN_OPTIONS: `${process.env.ASAN_OPTIONS}:max_allocation_size_mb=32:allocator_may_return_null=1:log_path=stderr` };
  const pay = await world.startPay({ login: { free_fails: 1 } }, { env });
  const visitor = world.visitor(pay);
  for (let i = 0; i < 3; i += 1) assertProblem(await once(visitor, 'user129@example.com'), 503, 'login-busy');
  await pay.stop();
});

test('checks that are under way when the service ends harm nothing', async () => {
  const slow = '$2b$13$S5.CNEuPbSus1ARMr2638.cI/C5VUTOaybMKRSpa0d.fKi5GJpImm';
  world.postgres.sql(`UPDATE users SET password_hash = '${slow}' WHERE id BETWEEN 138 AND 139`, 'shop');
  const pay = await world.startPay({ http: { drain_timeout: '1ms' } });
  const asked = [138, 139].map((i) => once(world.visitor(pay), `user${i}@example.com`).catch(() => 'cut'));
  await until('both checks to be under way', async () => (await pay.metrics()).get('fairgate_hash_queue') === 2);
  assert.equal((await pay.stop()).code, 0);
  assert.deepEqual(await Promise.all(asked), ['cut', 'cut']);
});

test('with the user database gone a login is 503 at once', async () => {
  const pay = await world.startPay({ users: { conninfo: 'host=127.0.0.1 port=1 dbname=shop user=reader' } }, { ready: false });
  await until('that to be all that it lacks', async () => {
    const answer = await pay.private.get('/readyz').catch(() => null);
    return answer?.json.reasons?.every(({ condition }) => condition === 'users');
  });
  for (let i = 0; i < 4; i += 1) {
    const start = Date.now();
    assertProblem(await once(world.visitor(pay), 'bcrypt@example.com'), 503, 'login-busy');
    assertPrompt(1000, Date.now() - start);
  }
  await pay.stop();
});

test("the reader's sessions cannot write, whatever the role may", async () => {
  const pay = await world.startPay({
    users: { conninfo: world.postgres.conninfo('shop'), login_sql: "WITH w AS (DELETE FROM users WHERE email = $1 RETURNING id) SELECT id::text, 'x' FROM w" },
  });
  assert.equal((await once(world.visitor(pay), 'bcrypt@example.com')).status, 503);
  assert.equal(world.postgres.sql("SELECT count(*) FROM users WHERE email = 'bcrypt@example.com'", 'shop'), '1');
  await pay.stop();
});

test("the shop's signed token logs in once, and only if everything in it is right", async () => {
  const now = Math.floor(Date.now() / 1000);
  const claims = (more) => ({ iss: 'shop', aud: 'fairgate', sub: '77', jti: `j${Math.random()}`, iat: now, exp: now + 60, ...more });
  const by = (token) => world.visitor().post('/v1/pay/login', { token });
  const good = world.queue.token(claims({ lang: 'en' }), { typ: 'JWT' });
  const visitor = world.visitor();
  assertStatus(await visitor.post('/v1/pay/login', { token: good }), 200);
  assert.deepEqual((await visitor.get('/v1/pay/me')).json, { member: '77', lang: 'en' });
  assertProblem(await by(good), 401, 'token-used');
  const bad = [
    claims({ iss: 'else' }),
    claims({ aud: 'else' }),
    claims({ exp: now - 60, iat: now - 120 }),
    claims({ exp: now + 86400 }),
    claims({ sub: undefined }),
    claims({ jti: undefined }),
  ];
  for (const one of bad) assertProblem(await by(world.queue.token(one, { typ: 'JWT' })), 401, 'bad-token');
  assertProblem(await by(world.queue.token(claims(), { typ: 'fairgate-pass+jwt' })), 401, 'bad-token');
  assertProblem(await by(world.queue.token(claims(), { typ: 'JWT', alg: 'none' })), 401, 'bad-token');
  // A new key of the shop is found without a restart.
  world.queue.addKey();
  const seen = new Set();
  await until('the new key', async () => seen.add((await by(shopToken('77'))).status).has(200));
  assert.ok(seen.has(503), 'try again while it is fetched');
});

// The shop's token for one member, valid for a minute.
function shopToken(sub) {
  const now = Math.floor(Date.now() / 1000);
  return world.queue.token({ iss: 'shop', aud: 'fairgate', sub, jti: `j${Math.random()}`, iat: now, exp: now + 60 }, { typ: 'JWT' });
}

test("the shop's token is used up only together with the session: neither an error nor a death in between costs it", async () => {
  const [refused, killed] = [shopToken('81'), shopToken('82')];
  const sessions = (member) => world.postgres.sql(`SELECT count(*) FROM pay.session WHERE member = '${member}'`, 'pay');
  const by = (token) => world.visitor().post('/v1/pay/login', { token });

  // The database rejects sessions.
  world.postgres.sql('ALTER TABLE pay.session ADD CONSTRAINT shut CHECK (member <> \'81\')', 'pay');
  assertProblem(await by(refused), 503, 'login-busy');
  world.postgres.sql('ALTER TABLE pay.session DROP CONSTRAINT shut', 'pay');
  assert.equal((await by(refused)).status, 200);
  assertProblem(await by(refused), 401, 'token-used');
  assert.equal(sessions('81'), '1');

  // Its process dies before the session is written.
  const unlock = await world.lock('pay', 'pay.session');
  const answer = by(killed);
  const waits = "FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%INTO session%'";
  await until('the login to wait for the table', () => world.postgres.sql(`SELECT count(*) ${waits}`, 'pay') === '1');
  world.postgres.sql(`SELECT pg_terminate_backend(pid) ${waits}`, 'pay');
  assertProblem(await answer, 503, 'login-busy');
  unlock();
  assert.equal((await until('a connection', async () => {
    const again = await by(killed);
    return again.status !== 503 && again;
  })).status, 200);
  assertProblem(await by(killed), 401, 'token-used');
  assert.equal(sessions('82'), '1');
});

test('a login by token whose answer was lost is repeated by the browser that sent it, for a minute, and by nobody else', async () => {
  const token = shopToken('83'), key = 'b0f1a5ce5e55104e';
  const by = (idem, visitor = world.visitor()) =>
    visitor.post('/v1/pay/login', { token }, idem === null ? {} : { 'idempotency-key': idem });
  assert.equal((await by(key)).status, 200); // its answer is lost
  const visitor = world.visitor();
  assert.equal((await by(key, visitor)).status, 200);
  assert.equal((await visitor.get('/v1/pay/me')).json.member, '83');
  for (const other of [null, 'b0f1a5ce5e55104f', 'x']) assertProblem(await by(other), 401, 'token-used');
  // Both at once: one waits for the other, and sees its result.
  const both = await Promise.all([by(key), by(key)]);
  assert.deepEqual(both.map(({ status }) => status), [200, 200]);
  world.postgres.sql("UPDATE pay.webhook_event SET received_at = now() - interval '61 s' WHERE provider = 'sso'", 'pay');
  assertProblem(await by(key), 401, 'token-used');
  // A short, guessable key proves nothing: the token works only once.
  const short = shopToken('84');
  const once = () => world.visitor().post('/v1/pay/login', { token: short }, { 'idempotency-key': '1' });
  assert.equal((await once()).status, 200);
  assertProblem(await once(), 401, 'token-used');
});

test("wrong tokens of the shop are looked at a bounded number of times a minute, by address", async () => {
  const by = (token, address) => world.visitor().post('/v1/pay/login', { token }, { 'x-forwarded-for': address });
  const forged = `${shopToken('77').split('.').slice(0, 2).join('.')}.${Buffer.alloc(64, 7).toString('base64url')}`;
  const refused = await until('the bound', async () => {
    const answer = await by(forged, '198.51.100.7');
    if (answer.status === 429) return answer;
    assertProblem(answer, 401, 'bad-token');
    return null;
  }, { everyMs: 1 });
  assertProblem(refused, 429, 'too-many-wrong-tokens');
  assert.ok(Number(refused.headers['retry-after']) <= 61);
  assert.equal((await by(shopToken('77'), '198.51.100.8')).status, 200);
});

// Access control: every call of the three contracts against a whole stack. Who may call it, whose data it returns, which
// extra input it accepts, and what its headers allow a browser. New calls are covered automatically, since the lists are the
// contracts. docs/THREATS.md maps these tests to the OWASP API Top 10.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { assertProblem, assertStatus, client, CookieJar, crlf, delay, letIn, mangled, openCollector, openContract, openRaw, openScope, openStack, psqlPath, rawExchange, request, ROOT, until } from '../../lib-js/index.js';
import { procText } from '../../lib-js/proc.js';
import { boundsIn, families, logFields, metricsTable, ruleGroups } from '../../lib-js/observe.js';

const SERVICES = ['queue-front', 'seat-service', 'payment-adapter'];
const EVENT = 'demo';
// Shorter timeouts of each service than in production. (A body may be a hall of megabytes.)
const PATIENCE = { FAIRGATE_HTTP_HEAD_TIMEOUT: '3s', FAIRGATE_HTTP_BODY_TIMEOUT: '10s', FAIRGATE_HTTP_WRITE_TIMEOUT: '3s' };
const EVIL = 'https://evil.example';
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

// Every call of a contract: {service, number, method, path, security}; number selects its ports. isForm: it accepts only
// forms, and redirects to their page, which shows the refusal.
const CALLS = SERVICES.flatMap((service, n) => {
  const { paths, security: usual } = openContract(`${service}/openapi.yaml`).document;
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).filter(([method]) => ['get', 'put', 'post', 'patch', 'delete'].includes(method)).map(([method, { security = usual, tags, requestBody, responses }]) => ({
      service, number: n + 1, method: method.toUpperCase(), path, security, isPage: tags.includes('pages'),
      isForm: '303' in responses && Object.keys(requestBody?.content ?? {}).join() === FORM['content-type'], name: `${service}: ${method.toUpperCase()} ${path}`,
    })));
});
const isPrivate = ({ path }) => /^\/(admin|internal|console|design)\b/.test(path);
const isOpen = ({ security }) => security.some((way) => Object.keys(way).length === 0) || security.length === 0;
const takesBody = ({ method }) => method !== 'GET' && method !== 'DELETE';
// Bodies that would be accepted from a permitted caller.
const BODIES = { '/v1/pay/orders': { event: EVENT, hold: 'h0' }, '/v1/pay/tickets/{ticket}/transfer': { to: 'x@shop.example' }, '/v1/seats/{event}/holds/{hold}': { add: ['x'] } };
// Fields of the forms on the page without scripts.
const FIELDS = { '/v1/seats/{event}/plain': 'quantity=1&category=', '/v1/seats/{event}/plain/{hold}': 'act=release' };
const bodyOf = (call) => {
  if (call.isForm) return FIELDS[call.path];
  return takesBody(call) ? (BODIES[call.path] ?? {}) : undefined;
};
const typeOf = (call) => (call.isForm ? FORM : {});
// The code with which a form redirects to its page.
const refusedForm = (call, answer, what) => {
  assert.equal(answer.status, 303, `${what}: ${answer.status} ${answer.text}`);
  const [page, code] = answer.headers.location.split('?refused=');
  assert.equal(page, call.path.replace('{event}', EVENT).replace(/\/\{hold\}$/, ''), what);
  assert.equal(answer.text, '', what);
  assert.match(answer.headers['cache-control'], /no-store/, what);
  return code;
};
const wants = (call, who) => call.security.some((way) => who in way);

describe('the walls', async () => {
  const scope = openScope(test);
  const secretsSeen = []; // secrets that visitors received; no log may contain them

  const at = (offset, token) => client({ port: stack.base + offset, token });
  const filled = (path, { order = 'o0', hold = 'h0', ticket = 't0' } = {}) => path
    .replace('{event}', EVENT).replace('{id}', order).replace('{hold}', hold).replace('{ticket}', ticket)
    .replace('{saga}', '1').replace('{action}', path.startsWith('/internal') ? 'extend' : 'open').replace(/\{[^}]+\}/g, 'x');

  // A session may call the seats only so often, and a busy machine may postpone a login; rejected calls are retried.
  const patiently = (method, path, options) => until(`an answer to ${method} ${path}`, async () => {
    const answer = await stack.edge.call(method, path, options);
    return answer.status !== 429 && answer.json?.code !== 'login-busy' && !answer.headers.location?.endsWith('?refused=too-many-requests') && answer;
  });

  async function enter(headers = {}) {
    const { ticket, pass, session } = await stack.enter(EVENT, headers);
    const taken = assertStatus(await stack.edge.post(`/v1/seats/${EVENT}/holds`, { token: pass, body: { best_available: { quantity: 2 } }, headers }), 201);
    const { hold } = taken.json;
    secretsSeen.push(ticket, pass);
    return { ticket, pass, session, hold };
  }

  // Bob's hold, which no form of another visitor may change.
  const heldByBob = async () => {
    const { status, json } = await patiently('GET', `/v1/seats/${EVENT}/holds/${bob.hold}`, { token: bob.pass });
    assert.equal(status, 200);
    return json.seats;
  };

  async function login(n) {
    const jar = new CookieJar();
    const who = JSON.parse(stack.read('demo-users.json'))[n];
    jar.take(await patiently('POST', '/v1/pay/login', { body: who }));
    secretsSeen.push(who.login, who.password, jar.get('fg_session').value);
    return jar;
  }

  async function buy(jar, { pass, hold }, more = {}) {
    const headers = { ...jar.headers, 'idempotency-key': randomUUID(), ...more };
    const made = assertStatus(await stack.edge.post('/v1/pay/orders', { token: pass, body: { event: EVENT, hold }, headers }), 201);
    await stack.payAt(made.json.payment.checkout_url);
    const { order } = made.json;
    await until('the order to be complete', async () =>
      (await stack.edge.get(`/v1/pay/orders/${order}`, { headers: jar.headers })).json.status === 'completed');
    const { tickets } = (await stack.edge.get(`/v1/pay/orders/${order}/tickets`, { headers: jar.headers })).json;
    secretsSeen.push(...tickets.map(({ token }) => token));
    return { order, tickets };
  }

  const collector = await openCollector(scope); // for traces
  const stack = await openStack(scope, { env: { FAIRGATE_TRACE_ENDPOINT: collector.url, FAIRGATE_TRACE_SAMPLE: '1000', FAIRGATE_LOG_REQUESTS: '1', FAIRGATE_EDGE_REQUESTS_PER_10S: '100000', FAIRGATE_EDGE_NEW_CONNECTIONS_PER_10S: '100000', ...PATIENCE } });
  await stack.up();
  await letIn(stack, EVENT, { rate_per_s: 1000, burst: 1000, max_active: 0 });
  const visit = await enter();
  const jar = await login(0);
  const alice = { jar, hold: visit.hold, ...await buy(jar, visit) }; // has bought: {jar, order, tickets, hold}
  const bob = { jar: await login(1), ...await enter() }; // has neither held nor ordered: {jar, ticket, pass, session, hold}

  // ---- who may call ----

  test('private calls accept no token but their own', async () => {
    const guarded = CALLS.filter((call) => isPrivate(call) && !isOpen(call));
    assert.ok(guarded.length > 50, 'the contracts are read');
    const tokens = { admin: stack.secret('admin-token'), service: stack.secret('service-token') };
    for (const call of guarded) {
      const ask = (token, headers) => at(call.number + 10, token).call(call.method, filled(call.path), { headers });
      const refused = [undefined, 'x', `${tokens.admin}x`, tokens.admin.slice(1), bob.pass];
      if (!wants(call, 'service')) refused.push(tokens.service);
      for (const token of refused) assert.equal((await ask(token)).status, 401, `${call.name} with ${token}`);
      assert.equal((await ask(undefined, { ...bob.jar.headers, authorization: `Basic ${btoa(`admin:${tokens.admin}`)}` })).status, 401, call.name);
    }
  });

  test('nothing private is on a public listener, or behind the edge', async () => {
    const token = stack.secret('admin-token');
    for (const call of CALLS.filter(isPrivate)) {
      for (const offset of [0, call.number]) {
        const answer = await at(offset, token).call(call.method, filled(call.path));
        assert.equal(answer.status, 404, `${call.name} on port +${offset}`);
      }
    }
  });

  test('personal data is refused without a valid credential', async () => {
    const closed = CALLS.filter((call) => !isPrivate(call) && !isOpen(call));
    assert.ok(closed.length > 25);
    assert.deepEqual(closed.filter(({ isForm }) => isForm).map(({ path }) => path), Object.keys(FIELDS));
    const held = await heldByBob();
    const wrong = [{}, { authorization: 'Bearer x' }, { authorization: 'Bearer a.b.c' }, { cookie: `fg_session=x; fg_ticket_${EVENT}=x; fg_pass_${EVENT}=x` }];
    for (const call of closed) {
      for (const headers of wrong) {
        const what = `${call.name} with ${JSON.stringify(headers)}`;
        const answer = await stack.edge.call(call.method, filled(call.path, call.isForm ? bob : {}), { headers: { ...headers, ...typeOf(call), 'idempotency-key': 'k' }, body: bodyOf(call) });
        if (call.isForm) {
          assert.equal(refusedForm(call, answer, what), 'pass-missing', what);
          continue;
        }
        assert.equal(answer.status, 401, `${what}: ${answer.text}`);
        if (!call.isPage) assertProblem(answer, 401, answer.json.code);
      }
    }
    const [head, claims, signature] = bob.pass.split('.');
    for (const call of closed.filter(({ isForm }) => isForm)) {
      const answer = await stack.edge.call(call.method, filled(call.path, bob), { token: [head, claims, mangled(signature)].join('.'), headers: FORM, body: bodyOf(call) });
      assert.equal(refusedForm(call, answer, call.name), 'pass-invalid', call.name);
    }
    assert.deepEqual(await heldByBob(), held);
  });

  // One credential does not replace another, not even the operator's.
  test('no token is accepted in place of another kind', async () => {
    // A visit's session is no credential: the console and logs show it.
    assert.match(bob.session, /^demo\./);
    const keys = { ticket: bob.ticket, pass: bob.pass, visit: bob.session, admin: stack.secret('admin-token'), service: stack.secret('service-token') };
    const held = await heldByBob();
    for (const call of CALLS.filter((one) => !isPrivate(one) && !isOpen(one))) {
      for (const [kind, token] of Object.entries(keys)) {
        if (wants(call, kind) && !wants(call, 'session')) continue;
        const what = `${call.name} with a ${kind}`;
        const answer = await stack.edge.call(call.method, filled(call.path, call.isForm ? bob : {}), { token, headers: { ...typeOf(call), 'idempotency-key': 'k' }, body: bodyOf(call) });
        if (call.isForm) assert.equal(refusedForm(call, answer, what), 'pass-missing', what);
        else assert.equal(answer.status, 401, `${what}: ${answer.text}`);
      }
    }
    assert.deepEqual(await heldByBob(), held);
  });

  // ---- whose things ----

  test("another's id gets the same answer as an unknown id", async () => {
    const ofAlice = { order: alice.order, hold: alice.hold, ticket: alice.tickets[0].ticket };
    assert.ok(Object.values(ofAlice).every((id) => typeof id === 'string' && id.length > 8), JSON.stringify(ofAlice));
    const of = CALLS.filter(({ path }) => /^\/(v1|pay|seats)\b.*\{(id|hold|ticket)\}/.test(path));
    assert.ok(of.length >= 14);
    for (const call of of) {
      const ask = (ids) => patiently(call.method, filled(call.path, ids), {
        token: bob.pass, headers: { ...bob.jar.headers, ...typeOf(call), 'idempotency-key': randomUUID() },
        body: bodyOf(call),
      });
      const made = Object.fromEntries(Object.entries(ofAlice).map(([kind, id]) => [kind, [...id].reverse().join('')]));
      const [theirs, none] = [await ask(ofAlice), await ask(made)];
      if (call.isForm) {
        assert.deepEqual([theirs, none].map((answer) => refusedForm(call, answer, call.name)), ['hold-unknown', 'hold-unknown'], call.name);
        assert.deepEqual(Object.keys(theirs.headers), Object.keys(none.headers), call.name);
        continue;
      }
      if (call.isPage && isOpen(call)) { // a redirect to the login
        const [one, other] = [[theirs, ofAlice], [none, made]].map(([{ status, text }, ids]) => [status, text.replaceAll(ids.order, 'ID')]);
        assert.deepEqual(one, other, call.name);
        continue;
      }
      assert.equal(theirs.status, 404, `${call.name}: ${theirs.text}`);
      assert.deepEqual([theirs.status, theirs.json?.code, theirs.json?.detail], [none.status, none.json?.code, none.json?.detail], call.name);
      assert.ok(!theirs.text.includes(ofAlice.order) || call.isPage, call.name);
    }
    const order = (await stack.edge.get(`/v1/pay/orders/${alice.order}`, { headers: alice.jar.headers })).json;
    assert.equal(order.status, 'completed', 'and nothing came of it');
  });

  test("ordering another visitor's hold is refused", async () => {
    const headers = { ...alice.jar.headers, 'idempotency-key': randomUUID() };
    const other = await enter();
    const answer = await stack.edge.post('/v1/pay/orders', { token: other.pass, headers, body: { event: EVENT, hold: bob.hold } });
    assertProblem(answer, 404, 'hold-unknown');
  });

  // ---- what a service could do, were it somebody else's ----

  test('database roles have no server rights, the reader only reads users', () => {
    const OF_NOBODY = ['CREATE ROLE mine', 'CREATE DATABASE mine', "ALTER SYSTEM SET work_mem = '1MB'", 'SELECT * FROM pg_authid', "SELECT pg_read_file('/etc/passwd')",
      "COPY (SELECT 1) TO PROGRAM 'true'", "COPY (SELECT 1) TO '/tmp/mine'", 'SET ROLE postgres'];
    const OF_READERS = ["UPDATE users SET name = 'mine'", 'DELETE FROM users', 'INSERT INTO users DEFAULT VALUES', 'TRUNCATE users', 'CREATE TABLE mine (x int)'];
    // The statements that are refused, one per line.
    const refused = (role, database, statements) => {
      const where = `host=127.0.0.1 port=${stack.base + 7} user=${role} dbname=${database} passfile=${join(stack.dir, `secrets/pgpass-${role}`)}`;
      const done = spawnSync(psqlPath(), [where, '-XAtq', ...statements.flatMap((one) => ['-c', one])], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } });
      return done.stderr.trim().split('\n').filter((line) => /^ERROR: +(permission denied|must be|cannot execute)/.test(line));
    };
    for (const [role, database] of [['seat_service', 'seat_service'], ['payment_adapter', 'payment_adapter'], ['fairgate_reader', 'demo_shop']]) {
      const errors = refused(role, database, OF_NOBODY);
      assert.equal(errors.length, OF_NOBODY.length, `${role}: ${errors.join('; ')}`);
    }
    const errors = refused('fairgate_reader', 'demo_shop', OF_READERS);
    assert.equal(errors.length, OF_READERS.length, errors.join('; '));
    // Even if a transaction declares that it will write.
    const writes = OF_READERS.flatMap((one) => [`BEGIN READ WRITE; ${one}`, 'ROLLBACK']);
    assert.equal(refused('fairgate_reader', 'demo_shop', writes).length, OF_READERS.length);
    const tables = stack.rows('demo_shop', "SELECT c.oid::regclass::text AS name, has_any_column_privilege('fairgate_reader', c.oid, 'SELECT') AS read FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'v') AND n.nspname NOT IN ('pg_catalog', 'information_schema')");
    assert.ok(tables.length > 1);
    assert.deepEqual(tables.filter(({ read }) => read).map(({ name }) => name), ['users']);
  });

  // ---- what is taken ----

  test('an unexpected member of a body is refused', async () => {
    const extra = { total: 1, price: 1, currency: 'usd', seats: ['A-1'], buyer: '1', role: 'admin', is_admin: true, status: 'completed' };
    const headers = { ...bob.jar.headers, 'idempotency-key': randomUUID() };
    const tries = [
      ['POST', '/v1/pay/orders', { event: EVENT, hold: bob.hold }],
      ['POST', `/v1/seats/${EVENT}/holds`, { best_available: { quantity: 1 } }],
      ['PATCH', `/v1/seats/${EVENT}/holds/${bob.hold}`, { add: [] }],
      ['POST', `/v1/seats/${EVENT}/proposals`, { best_available: { quantity: 1 } }],
      ['POST', '/v1/pay/login', JSON.parse(stack.read('demo-users.json'))[2]],
    ];
    const held = await heldByBob();
    for (const [method, path, body] of tries) {
      for (const [key, value] of Object.entries(extra)) {
        const answer = await patiently(method, path, { token: bob.pass, headers: { ...headers, 'idempotency-key': randomUUID() }, body: { ...body, [key]: value } });
        assert.ok([400, 422].includes(answer.status), `${method} ${path} with ${key}: ${answer.status} ${answer.text}`);
      }
    }
    assert.deepEqual(await heldByBob(), held);
  });

  test('no header or query overrides a method', async () => {
    const path = `/v1/seats/${EVENT}/holds/${bob.hold}`;
    for (const header of ['x-http-method-override', 'x-http-method', 'x-method-override']) {
      for (const [method, status] of [['GET', 200], ['POST', 405]])
        assert.equal((await patiently(method, path, { token: bob.pass, headers: { [header]: 'DELETE' } })).status, status);
    }
    assert.equal((await patiently('GET', `${path}?_method=DELETE`, { token: bob.pass })).status, 200);
    assert.equal((await patiently('GET', path, { token: bob.pass })).status, 200);
  });

  // No visitor's call contains an address that a service then calls: those come from the configuration.
  test("no visitor's call takes a URL", () => {
    for (const service of SERVICES) {
      const { document } = openContract(`${service}/openapi.yaml`);
      const found = [];
      const look = (schema, where) => {
        if (schema === null || typeof schema !== 'object') return;
        if (schema.$ref) return look(schema.$ref.slice(2).split('/').reduce((all, key) => all[key.replaceAll('~1', '/')], document), where);
        if (schema.format === 'uri') found.push(where);
        for (const [key, value] of Object.entries(schema.properties ?? {})) {
          if (/url|uri|href|callback|host/i.test(key)) found.push(`${where}.${key}`);
          look(value, `${where}.${key}`);
        }
        for (const key of ['allOf', 'anyOf', 'oneOf']) for (const one of schema[key] ?? []) look(one, where);
        look(schema.items, `${where}[]`);
      };
      for (const [path, item] of Object.entries(document.paths)) {
        if (/^\/(admin|internal)/.test(path)) continue;
        for (const [method, { requestBody, parameters = [] }] of Object.entries(item)) {
          for (const { schema } of Object.values(requestBody?.content ?? {})) look(schema, `${method} ${path}`);
          for (const { name } of parameters) if (/url|uri|next|return|redirect|callback/i.test(name ?? '')) found.push(`${method} ${path}?${name}`);
        }
      }
      assert.deepEqual(found, [], service);
    }
  });

  // ---- headers for browsers ----

  const own = () => ({ cookie: [alice.jar.headers.cookie, `fg_pass_${EVENT}=${bob.pass}`, `fg_ticket_${EVENT}=${bob.ticket}`].join('; ') });
  const pages = () => [`/e/${EVENT}`, `/e/${EVENT}/fairness`, `/seats/${EVENT}`, '/pay/checkout', `/pay/orders/${alice.order}`, `/pay/tickets/${alice.order}`, '/nothing'];

  test('each page has a strict CSP, no frames and no-store', async () => {
    for (const path of pages()) {
      const page = await stack.edge.get(path, { headers: { ...own(), accept: 'text/html' } });
      assert.ok([200, 404].includes(page.status), `${path}: ${page.status}`);
      assert.match(page.headers['content-type'], /^text\/html; charset=utf-8$/, path);
      const policy = page.headers['content-security-policy'] ?? '';
      assert.match(policy, /default-src 'none'/, path);
      assert.match(policy, /frame-ancestors 'none'/, path);
      assert.match(policy, /base-uri 'none'/, path);
      assert.doesNotMatch(policy.replace(/style-src[^;]*/, ''), /unsafe-|\*/, path);
      assert.equal(page.headers['x-content-type-options'], 'nosniff', path);
      assert.match(page.headers['cache-control'], /no-store/, path);
    }
  });

  test('edge answers name no server software, personal ones are no-store', async () => {
    const personal = [`/v1/queue/${EVENT}/me`, `/v1/seats/${EVENT}/holds/${bob.hold}`, '/v1/pay/me', `/v1/pay/orders/${alice.order}`, `/v1/pay/orders/${alice.order}/tickets`];
    const shared = [`/v1/queue/${EVENT}/status`, '/.well-known/jwks.json', `/v1/seats/${EVENT}/availability`, '/v1/pay/ticket-keys', '/nothing', '/'];
    for (const path of [...personal, ...shared]) {
      const answer = await patiently('GET', path, { headers: { ...own(), ...(path.startsWith('/v1/seats') ? { authorization: `Bearer ${bob.pass}` } : {}) } });
      assert.ok([200, 302, 404].includes(answer.status), `${path}: ${answer.status}`);
      assert.equal(answer.headers['x-content-type-options'], 'nosniff', path);
      for (const name of ['server', 'x-powered-by', 'via']) assert.equal(answer.headers[name], undefined, `${name} of ${path}`);
      if (personal.includes(path)) assert.match(answer.headers['cache-control'] ?? '', /no-store/, path);
      if (answer.status === 404) assert.match(answer.headers['cache-control'] ?? '', /no-store/, path);
    }
  });

  test('a refusal is no-store', async () => {
    for (const path of [`/v1/queue/${EVENT}/me`, '/v1/queue/none/status', `/v1/seats/${EVENT}`, '/v1/pay/me', '/v1/pay/orders/x', '/e/none', '/seats/none/x']) {
      const answer = await stack.edge.get(path);
      assert.ok(answer.status >= 400, `${path}: ${answer.status}`);
      assert.match(answer.headers['cache-control'] ?? '', /no-store/, `${path}: ${answer.status}`);
    }
  });

  test('cookies with rights are HttpOnly and SameSite', async () => {
    const answers = [
      await stack.edge.post(`/v1/queue/${EVENT}/join`),
      await stack.edge.post(`/v1/queue/${EVENT}/pass`, { token: bob.ticket }),
      await patiently('POST', '/v1/pay/login', { body: JSON.parse(stack.read('demo-users.json'))[3] }),
    ];
    for (const answer of answers) {
      const lines = answer.headers['set-cookie'] ?? [];
      assert.ok(lines.length > 0, answer.text);
      for (const line of lines) {
        assert.match(line, /; HttpOnly\b/i, line);
        assert.match(line, /; SameSite=(Lax|Strict)\b/i, line);
        assert.doesNotMatch(line, /; Domain=/i, line);
      }
    }
    // The edge's scheme decides whether cookies are Secure; port +3 trusts its proxy.
    const tls = await until('a login', async () => {
      const answer = await at(3).post('/v1/pay/login', { body: JSON.parse(stack.read('demo-users.json'))[4], headers: { 'x-forwarded-proto': 'https' } });
      return answer.status === 200 && answer;
    });
    for (const line of tls.headers['set-cookie']) assert.match(line, /; Secure\b/i, line);
  });

  test('a page of another origin reads nothing and changes nothing', async () => {
    const held = await heldByBob();
    for (const call of CALLS.filter((one) => !isPrivate(one) && !one.path.endsWith('/stream'))) {
      const path = filled(call.path, { order: alice.order, hold: bob.hold, ticket: alice.tickets[0].ticket });
      const preflight = await stack.edge.call('OPTIONS', path, { headers: { origin: EVIL, 'access-control-request-method': call.method } });
      const answer = call.method === 'GET' ? await stack.edge.get(path, { headers: { ...own(), origin: EVIL } })
        : await stack.edge.call(call.method, path, { headers: { ...own(), ...FORM, origin: EVIL, 'idempotency-key': randomUUID() }, body: call.isForm ? bodyOf(call) : takesBody(call) ? 'a=b' : undefined });
      for (const one of [preflight, answer]) assert.equal(one.headers['access-control-allow-origin'], undefined, call.name);
      if (call.isForm) assert.equal(refusedForm(call, answer, call.name), 'pass-missing', call.name);
      else if (call.method !== 'GET' && !isOpen(call)) assert.ok([400, 401, 403, 415].includes(answer.status), `${call.name}: ${answer.status} ${answer.text}`);
    }
    assert.deepEqual(await heldByBob(), held);
    // A pass in a cookie is checked only if the request comes from our own page.
    for (const call of CALLS.filter(({ isForm }) => isForm)) {
      const headers = { ...own(), ...FORM, origin: `http://127.0.0.1:${stack.base}` };
      const answer = await patiently(call.method, filled(call.path, bob), { headers, body: 'a=b' });
      assert.equal(refusedForm(call, answer, call.name), 'bad-field', call.name);
    }
  });

  test('a foreign Host header is not reflected', async () => {
    for (const path of [...pages(), '/', `/v1/queue/${EVENT}/status`]) {
      const answer = await stack.edge.get(path, { headers: { ...own(), host: 'evil.example', 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example' } });
      assert.ok(!`${JSON.stringify(answer.headers)}${answer.text}`.includes('evil.example'), path);
    }
  });

  // ---- what is not a request ----

  test('no path traversal leaves the served folders', async () => {
    const ways = ['../../../../etc/passwd', '..%2f..%2f..%2fetc%2fpasswd', '%2e%2e/%2e%2e/etc/passwd', '....//....//etc/passwd', '%252e%252e%252fetc%252fpasswd', '..%5c..%5cetc%5cpasswd', '..%c0%af..%c0%afetc/passwd', 'x%00.css', '/etc/passwd'];
    for (const [offset, folder] of [[1, '/assets/'], [2, '/seats/-/x/'], [3, '/pay/-/x/'], [11, '/console/-/x/']]) {
      for (const way of ways) {
        for (const port of offset < 10 ? [0, offset] : [offset]) {
          const { answers } = await rawExchange({ port: stack.base + port, bytes: crlf(`GET ${folder}${way} HTTP/1.1\nHost: a\nConnection: close\n\n`) });
          assert.ok([400, 404].includes(answers[0]?.status), `${port} ${folder}${way}: ${answers[0]?.status}`);
          assert.doesNotMatch(answers[0].text, /root:/);
        }
      }
    }
  });

  // The edge and a service must agree where a request ends. Each of these hides a join in what one of them could take for a
  // body: if they disagreed, a place would be given.
  test('no request is smuggled past the edge', async () => {
    const hidden = `POST /v1/queue/${EVENT}/join HTTP/1.1\r\nHost: a\r\nIdempotency-Key: smuggled\r\nContent-Length: 0\r\n\r\n`;
    const head = (...lines) => ['POST /v1/pay/logout HTTP/1.1', 'Host: a', ...lines, '', ''].join('\r\n');
    const chunked = `0\r\n\r\n${hidden}`;
    const tries = {
      'CL.TE': head(`Content-Length: ${chunked.length}`, 'Transfer-Encoding: chunked') + chunked,
      'TE.CL': head('Transfer-Encoding: chunked', 'Content-Length: 4') + `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`,
      'TE with a space': head(`Content-Length: ${chunked.length}`, 'Transfer-Encoding : chunked') + chunked,
      'TE that is no coding': head(`Content-Length: ${chunked.length}`, 'Transfer-Encoding: xchunked') + chunked,
      'TE twice': head(`Content-Length: ${chunked.length}`, 'Transfer-Encoding: chunked', 'Transfer-Encoding: identity') + chunked,
      'TE with a tab': head(`Content-Length: ${chunked.length}`, 'Transfer-Encoding:\tchunked') + chunked,
      'TE folded': head(`Content-Length: ${chunked.length}`, 'Transfer-Encoding:\r\n chunked') + chunked,
      'CL twice': head('Content-Length: 0', `Content-Length: ${hidden.length}`) + hidden,
      'CL with a sign': head(`Content-Length: +${hidden.length}`) + hidden,
      'CL as a list': head(`Content-Length: ${hidden.length}, ${hidden.length}`) + hidden,
      'a chunk size that wraps around': head('Transfer-Encoding: chunked') + `10000000000000000\r\n${hidden}`,
      'a bare line feed as the end': `POST /v1/pay/logout HTTP/1.1\nHost: a\nContent-Length: ${hidden.length}\n\n${hidden}`,
      'a header in a trailer': head('Transfer-Encoding: chunked', 'Trailer: Content-Length') + `0\r\nContent-Length: ${hidden.length}\r\n\r\n`,
    };
    const issued = async () => Number(/^fairgate_line_issued\{event="demo"\} (\d+)/m.exec((await at(11).get('/metrics')).text)[1]);
    const { position: before_ } = (await stack.edge.post(`/v1/queue/${EVENT}/join`)).json;
    await until('the line to tell all joins so far', async () => (await issued()) === before_);
    for (const port of [0, 3]) {
      for (const [what, bytes] of Object.entries(tries)) {
        const { answers } = await rawExchange({ port: stack.base + port, bytes, n: 2, timeoutMs: 5000 }).catch(() => ({ answers: [] }));
        assert.ok(answers.every(({ status }) => status !== 201), `${what} at +${port}`);
      }
    }
    // The next requests on the edge's connections get their own answers.
    for (let i = 0; i < 20; i += 1) assert.equal((await stack.edge.get('/v1/pay/me', { headers: bob.jar.headers })).status, 200);
    assert.equal((await stack.edge.post(`/v1/queue/${EVENT}/join`)).status, 201);
    await until('the line to tell the one join', async () => (await issued()) > before_);
    assert.equal(await issued(), before_ + 1);
  });

  // ---- clients that do not behave ----

  // The services without an edge in front: each closes these connections by itself.
  test('a slow, silent or endless client is cut off, others are served', async () => {
    const post = { 1: `/v1/queue/${EVENT}/move`, 2: `/v1/seats/${EVENT}/holds`, 3: '/v1/pay/login' };
    const page = { 1: `/e/${EVENT}`, 2: `/seats/${EVENT}`, 3: '/pay/checkout' };
    const head = 'GET /x HTTP/1.1\r\nHost: a\r\n';
    const open = async (offset, bytes = '', options = {}) => {
      const connection = await openRaw({ port: stack.base + offset, ...options });
      scope.defer(() => connection.destroy());
      if (bytes !== '') await connection.send(bytes);
      return connection;
    };
    const answerOf = async (connection) => (await connection.untilClosed())[0]?.status;
    const goes = async (offset, bytes) => {
      const connection = await open(offset, bytes, { allowHalfOpen: true });
      connection.end();
      return answerOf(connection);
    };
    const drip = async (connection) => {
      while (!connection.closed) {
        await connection.send('x');
        await delay(200);
      }
      return connection.answers()[0]?.status;
    };
    const WAYS = {
      'drips its head': [408, async (offset) => drip(await open(offset, `${head}X-Slow: `))],
      'drips its body': [408, async (offset) =>
        drip(await open(offset, `POST ${post[offset]} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{`))],
      'says nothing': [undefined, async (offset) => answerOf(await open(offset))],
      'has too many headers': [431, async (offset) => answerOf(await open(offset, `${head}${'X-A: b\r\n'.repeat(100)}\r\n`))],
      'has a head without an end': [431, async (offset) => {
        const connection = await open(offset);
        for (let i = 0; i < 40 && !connection.closed; i += 1) await connection.send(`X-${i}: ${'y'.repeat(1000)}\r\n`.replace(/^/, i === 0 ? head : ''));
        return answerOf(connection);
      }],
      'goes in the middle of its head': [undefined, (offset) => goes(offset, head)],
      'goes once it has asked': [404, (offset) => goes(offset, `${head}\r\n`)],
      // It would notice the end only by reading, so the service's metrics are checked.
      'never reads': [undefined, async (offset) => {
        const connection = await open(offset);
        connection.socket.pause();
        connection.socket.write(`GET ${page[offset]} HTTP/1.1\r\nHost: a\r\n\r\n`.repeat(3000));
      }],
    };
    const services = await Promise.all([1, 2, 3].map(async (offset) => ({ offset, pid: (await stack.parts())[SERVICES[offset - 1]].pid })));
    const state = async ({ offset, pid }) => ({
      memoryKb: Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]),
      files: readdirSync(`/proc/${pid}/fd`).length,
      open: Number(/^fairgate_http_connections\{[^}]*"public"[^}]*\} (\d+)/m.exec((await at(offset + 10).get('/metrics')).text)[1]),
    });
    const before_ = await Promise.all(services.map(state));

    let over = false;
    const others = (async () => {
      for (let n = 0; !over || n === 0; n += 1) {
        for (const path of [`/v1/queue/${EVENT}/status`, '/v1/pay/me', `/seats/${EVENT}`]) assert.equal((await stack.edge.get(path, { headers: own() })).status, 200, path);
        await delay(50);
      }
    })();
    const attacks = services.flatMap(({ offset }) => Object.entries(WAYS).flatMap(([what, [status, attack]]) =>
      Array.from({ length: 5 }, async () => assert.equal(await attack(offset), status, `${SERVICES[offset - 1]}: who ${what}`))));
    try {
      await Promise.all(attacks);
    } finally {
      over = true;
      await others;
    }
    for (const [n, service] of services.entries()) {
      await until('their connections to be gone', async () => (await state(service)).open <= before_[n].open + 3);
      const { memoryKb, files } = await state(service);
      assert.ok(memoryKb - before_[n].memoryKb < 32_768, `${SERVICES[n]}: ${before_[n].memoryKb} KB, then ${memoryKb} KB`);
      assert.ok(files <= before_[n].files + 10, `${SERVICES[n]}: ${before_[n].files} files, then ${files}`);
    }
  });

  // ---- what is written down ----

  test("visitors' texts cannot forge a log line", async () => {
    const mark = 'smuggled-line';
    const lines = [`%0a{"level":"error","message":"${mark}"}`, `%0d%0a${mark}`, `\u001b[31m${mark}`];
    for (const text of lines) {
      await stack.edge.get(`/v1/queue/${encodeURIComponent(text)}/status`);
      await stack.edge.post('/v1/pay/login', { body: { login: `a\n{"message":"${mark}"}`, password: `b\r\n${mark}` } });
      await stack.edge.get('/v1/pay/me', { headers: { 'user-agent': mark, referer: mark, traceparent: `00-${mark}`, cookie: `fg_session=${mark}` } });
      await request({ port: stack.base + 3, path: `/v1/pay/orders/${encodeURIComponent(text)}`, headers: bob.jar.headers });
    }
    let told = 0;
    for (const service of SERVICES) {
      for (const line of stack.read(`log/${service}/current`).trim().split('\n').filter((one) => one.startsWith('{'))) {
        const { msg } = JSON.parse(line); // each is whole
        assert.ok(!msg.includes(mark), line);
        told += 1;
      }
      assert.ok(!stack.read(`log/${service}/current`).split('\n').some((line) => line.startsWith(mark)), service);
    }
    assert.ok(told > 50, 'requests were logged');
  });

  test('no secret is in a log, an argument, an environment or a core dump', async () => {
    const made = readdirSync(join(stack.dir, 'secrets')).flatMap((name) =>
      stack.read(`secrets/${name}`).split('\n').filter((line) => line.length >= 16 && !line.startsWith('-----')).map((line) => line.split(/[ :]/).at(-1)));
    const secrets = [...new Set([...made, ...secretsSeen])].filter((one) => one.length >= 8);
    assert.ok(secrets.length > 20);
    const look = (where, text) => {
      const at_ = secrets.findIndex((secret) => text.includes(secret));
      assert.equal(at_, -1, `${where} has the secret number ${at_}`);
    };
    for (const path of readdirSync(join(stack.dir, 'log'), { recursive: true }).filter((name) => /(^|\/)(current|deaths|@.*)$|\.log$/.test(name)))
      look(path, readFileSync(join(stack.dir, 'log', path), 'latin1'));
    const pids = stack.processes().map((line) => line.split(' ')[0]);
    assert.ok(pids.length >= 8);
    for (const pid of pids) for (const file of ['cmdline', 'environ']) look(`${file} of ${pid}`, procText(pid, file));
    const parts = await stack.parts();
    for (const service of SERVICES)
      assert.match(readFileSync(`/proc/${parts[service].pid}/limits`, 'utf8'), /^Max core file size +[01] +[01] /m, service);
  });

  // From every program, at the most detailed level, while a visitor joins, logs in, buys and transfers a ticket.
  const FORMS = { text: (value) => typeof value === 'string', number: Number.isInteger, bool: (value) => typeof value === 'boolean', time: (value) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value) };

  test('logs are of one form, and have nothing of a person in them', async () => {
    const token = stack.secret('admin-token');
    const level = async (to) => {
      for (const n of [1, 2, 3]) assert.equal((await at(n + 10, token).put('/log/level', { body: { level: to } })).status, 204);
    };
    const people = { agent: 'Marvin-the-Browser/42', from: '203.0.113.77', to: 'trillian.astra@shop.example', card: '4242424242424242', typed: 'zaphod.b@shop.example' };
    const headers = { 'user-agent': people.agent, 'x-forwarded-for': people.from };
    await level('debug');
    const visit = await enter();
    const jar = await login(5);
    const { tickets } = await buy(jar, visit);
    for (const n of [1, 2, 3]) for (const path of [`/v1/queue/${EVENT}/me`, `/v1/seats/${EVENT}`, '/v1/pay/me']) await at(n).get(path, { headers: { ...headers, ...jar.headers } });
    await at(3).post('/v1/pay/login', { body: { login: people.typed, password: 'not-mine' }, headers });
    const given = await stack.edge.post(`/v1/pay/tickets/${tickets[0].ticket}/transfer`, { body: { to: people.to }, headers: { ...jar.headers, 'idempotency-key': randomUUID() } });
    assert.ok(given.status < 500, given.text);
    await level('info');

    const { login: address } = JSON.parse(stack.read('demo-users.json'))[5];
    const [{ name }] = stack.rows('demo_shop', `SELECT name FROM users WHERE lower(email) = lower('${address}')`);
    const fields = logFields();
    const seen = new Set();
    for (const service of SERVICES) {
      for (const file of readdirSync(join(stack.dir, 'log', service)).filter((one) => one === 'current' || one.startsWith('@'))) {
        const text = stack.read(`log/${service}/${file}`);
        for (const [what, word] of Object.entries({ ...people, address, name })) assert.ok(!text.includes(word), `${service} wrote down a visitor's ${what}`);
        assert.doesNotMatch(text, /[\w.+-]+@[\w-]+\.[a-z]{2,}/i, `${service} wrote down a mail address`);
        for (const line of text.trim().split('\n').filter((one) => !one.startsWith('stack: '))) {
          const entry = JSON.parse(line);
          assert.deepEqual(Object.keys(entry).slice(0, 4), ['ts', 'level', 'service', 'msg'], line);
          assert.equal(entry.service, service);
          assert.ok(['debug', 'info', 'warn', 'error'].includes(entry.level) && entry.msg.length > 0, line);
          for (const [field, value] of Object.entries(entry)) {
            assert.ok(fields.has(field), `${field} is in no table: ${line}`);
            assert.ok(FORMS[fields.get(field)](value), `${field} is no ${fields.get(field)}: ${line}`);
            seen.add(field);
          }
        }
      }
    }
    for (const field of ['traceparent', 'path', 'took_us', 'saga', 'event']) assert.ok(seen.has(field), field);
  });

  // The headers of a browser on each request of a visit; the parent of each span is another span or the browser's.
  test('a visit is one trace, through all services to the provider and the shop, and has nothing of a person in it', async () => {
    const [trace, browser] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')];
    const headers = { traceparent: `00-${trace}-${browser}-01` };
    const jar = await login(6);
    const { order, tickets } = await buy(jar, await enter(headers), headers);
    const WANTED = ['queue-front POST /v1/queue/{event}/join', 'queue-front POST /v1/queue/{event}/pass', 'seat-service POST /v1/seats/{event}/holds',
      'payment-adapter POST /v1/pay/orders', 'seat-service GET /v1/seats/{event}/holds/{hold}', 'payment-adapter saga extend_hold', 'payment-adapter saga create_payment',
      'payment-adapter saga confirm_seats', 'payment-adapter saga capture', 'payment-adapter saga issue_tickets', 'payment-adapter saga end_session', 'payment-adapter saga hand_over',
      'seat-service POST /internal/events/{event}/holds/{hold}/{action}', 'queue-front POST /internal/sessions/{session}/end',
      'psp-sandbox POST /v1/payment_intents/{id}/capture', 'payment-adapter shop completed', 'demo-shop POST /api/orders/import'];
    const named = () => collector.of(trace).map(({ service, name }) => `${service} ${name}`);
    await until('all of its spans', () => WANTED.every((one) => named().includes(one)));
    const spans = collector.of(trace);
    const ids = new Set([browser, ...spans.map(({ spanId }) => spanId)]);
    assert.equal(ids.size, spans.length + 1, 'each has an id of its own');
    for (const span of spans) {
      assert.ok(ids.has(span.parentSpanId), `${span.name} stands below ${span.parentSpanId}`);
      assert.ok(BigInt(span.endTimeUnixNano) >= BigInt(span.startTimeUnixNano));
      assert.equal(span.status, undefined, JSON.stringify(span));
    }
    const asked = spans.find(({ name }) => name === 'POST /v1/pay/orders');
    for (const { name, parentSpanId } of spans.filter((span) => span.name.startsWith('saga '))) assert.equal(parentSpanId, asked.spanId, name);
    // Each call is a child of the step that made it, and the work for it is a child of the call.
    const way = (name) => {
      const names = [];
      for (let span = spans.find((one) => `${one.service} ${one.name}` === name); span !== undefined; span = spans.find(({ spanId }) => spanId === span.parentSpanId)) names.push(`${span.service} ${span.name}`);
      return names.reverse();
    };
    const ordered = 'payment-adapter POST /v1/pay/orders';
    assert.deepEqual(way('demo-shop POST /api/orders/import'), [ordered, 'payment-adapter saga end_session', 'payment-adapter shop completed', 'demo-shop POST /api/orders/import']);
    assert.deepEqual(way('psp-sandbox POST /v1/payment_intents/{id}/capture'), [ordered, 'payment-adapter saga capture', 'payment-adapter provider capture', 'psp-sandbox POST /v1/payment_intents/{id}/capture']);
    assert.deepEqual(way('queue-front POST /internal/sessions/{session}/end'), [ordered, 'payment-adapter saga end_session', 'payment-adapter line end', 'queue-front POST /internal/sessions/{session}/end']);
    const { sagas } = (await at(13, stack.secret('admin-token')).get(`/admin/sagas?state=all&order=${order}`)).json;
    assert.ok(sagas[0].trace.includes(trace), 'and operators find it');
    const { login: address, password } = JSON.parse(stack.read('demo-users.json'))[6];
    const told = JSON.stringify(collector.spans);
    for (const word of [address, password, jar.get('fg_session').value, order, ...tickets.map(({ token }) => token), ...secretsSeen]) assert.ok(!told.includes(word), word);
    assert.doesNotMatch(told, /[\w.+-]+@[\w-]+\.[a-z]{2,}/i);
  });

  test('the runbook\'s database queries run', () => {
    const asked = [...readFileSync(join(ROOT, 'docs/operate/runbook.md'), 'utf8').matchAll(/psql -d (\w+) -c "([^"]+)"/g)];
    assert.ok(asked.length > 0);
    for (const [, database, statement] of asked) stack.sql(database, statement);
  });

  // ---- what is counted ----

  test('the handbook names each figure that a program tells, with its type and labels, and no other', async () => {
    const table = metricsTable();
    const bounds = new Map();
    const told = new Set();
    for (const [n, service] of SERVICES.entries()) {
      for (const [name, { type, labels, bounds: les }] of families((await at(n + 11).get('/metrics')).text)) {
        const row = table.find((one) => one.name === name);
        assert.ok(row !== undefined, `${service} tells ${name}`);
        assert.ok(row.section === 'Every program' || row.section === service, `${name} stands below ${row.section}`);
        assert.equal(row.type, type, name);
        assert.deepEqual([...labels].sort(), [...row.labels].sort(), name);
        for (const le of les) bounds.set(`${name} ${le}`, true);
        told.add(name);
      }
    }
    assert.deepEqual(table.filter(({ name, meaning, section }) => !told.has(name) && name !== 'up' && section !== 'The host' && !/only with/.test(meaning)).map(({ name }) => name), []);
    for (const { rules } of ruleGroups()) for (const { expr } of rules) for (const [name, le] of boundsIn(expr)) assert.ok(bounds.has(`${name} ${le}`), `${name} has no bound ${le}`);
  });
});

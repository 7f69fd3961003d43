// What the operator's console needs from this service: the map without a pass, and CORS for the console's page and no other.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, assertStatus, openContract, openScope, request, runProgram, until } from '../../lib-js/index.js';
import { hall, importHall, openPostgres, openSeats, operator, visitor } from './site.js';

const ORIGIN = 'http://localhost:18091';
const scope = openScope(test);
const contract = openContract('seat-service/openapi.yaml');
const postgres = await openPostgres(scope);
const seats = await openSeats(scope, postgres, { config: { private: { origins: `https://console.example, ${ORIGIN}` } } });
await importHall(seats, 'night', hall());

const preflight = (path, origin, method = 'POST') =>
  request({
    port: seats.privatePort,
    method: 'OPTIONS',
    path,
    headers: { origin, 'access-control-request-method': method, 'access-control-request-headers': 'authorization,content-type' },
  });

test('the operator sees plan and seats without a pass, and what has changed since', async () => {
  const ask = async (path, headers) => contract.check('GET', path, await seats.admin.get(path, { headers }));
  const plan = await ask('/admin/events/night/plan?form=rows');
  assert.equal(plan.json.seats, 100);
  await ask('/admin/events/night/plan?form=balls');
  assertProblem(await ask('/admin/events/none/plan'), 404, 'event-unknown');
  const before = await ask('/admin/events/night/availability');
  assert.equal(before.json.states, 'f'.repeat(100));
  const { json: held } = await visitor(seats, 'night').hold({ seats: ['r1s1'] });
  assert.ok(held.hold);
  assert.equal((await operator(seats, 'night').block({ seats: ['r1s2'] })).status, 200);
  const changes = await until('both changes', async () => {
    const { json } = await ask(`/admin/events/night/availability?since=${before.json.version}`);
    return json.held.length + json.blocked.length === 2 && json;
  });
  assert.deepEqual([changes.held, changes.blocked], [[0], [1]]);
  for (const path of ['plan', 'availability'])
    assertProblem(await seats.private.get(`/admin/events/night/${path}`), 401, 'admin-token-required');
});

test('the page of a listed origin may call and read, also what is refused', async () => {
  for (const origin of [ORIGIN, 'https://console.example']) {
    const asked = assertStatus(await preflight('/admin/events/night/block', origin), 204);
    assert.equal(asked.headers['access-control-allow-origin'], origin);
    assert.equal(asked.headers['access-control-allow-credentials'], undefined);
    assert.match(asked.headers['access-control-allow-methods'], /\bPOST\b/);
    assert.match(asked.headers['access-control-allow-headers'], /\bAuthorization\b/);
    assert.match(asked.headers.vary, /Origin/);
  }
  // A browser's preflight has no token; so every process gives the same answer.
  assert.equal((await preflight('/nothing/there', ORIGIN)).text, '');
  assert.equal((await preflight('/nothing/there', ORIGIN)).status, 204);
  const read = assertStatus(await seats.admin.get('/admin/events/night/availability', { headers: { origin: ORIGIN } }), 200);
  assert.equal(read.headers['access-control-allow-origin'], ORIGIN);
  assert.match(read.headers['access-control-expose-headers'], /\bETag\b/);
  const refused = assertStatus(await seats.private.get('/admin/events', { headers: { origin: ORIGIN } }), 401);
  assert.equal(refused.headers['access-control-allow-origin'], ORIGIN);
});

test('no other origin may, not even a similar one or the public listener\'s', async () => {
  const strangers = ['null', 'http://localhost', 'http://localhost:180911', `${ORIGIN}.evil.example`, 'https://console.example.evil.example', 'HTTP://LOCALHOST:18091', 'http://a.example, https://console.example'];
  for (const origin of strangers) {
    const asked = await preflight('/admin/events/night/block', origin);
    const read = await seats.admin.get('/admin/events', { headers: { origin } });
    for (const answer of [asked, read]) {
      const told = Object.keys(answer.headers).filter((name) => name.startsWith('access-control-'));
      assert.deepEqual(told, [], origin);
      assert.match(answer.headers.vary, /Origin/);
    }
  }
  const open = await seats.http.get('/v1/seats/night', { headers: { origin: ORIGIN } });
  assert.equal(open.headers['access-control-allow-origin'], undefined);
});

test('a list with something else than origins on it is refused before anything starts', async () => {
  const answer = runProgram('seat-service', ['--check-config', '--config', seats.configPath], { env: { FAIRGATE_PRIVATE_ORIGINS: 'http://localhost:1/console' } });
  assert.equal(answer.status, 2);
  assert.match(answer.stderr, /private\.origins.*"http:\/\/localhost:1\/console"/);
});

// Finding an event when several processes share the events: each process publishes its own, the wrong one names the owner,
// and an edge uses that.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { assertProblem, client, freePort, openScope, ROOT, runProgram, until } from '../../lib-js/index.js';
import { hall, holdLock, importHall, openAnother, openFollower, openPair, openPostgres, openSale, openSeats, operator, opens, untilWaiting, visitor } from './site.js';

const NAME_LOCKS = 4606786 + 4; // LOCK_CLASS and STORE_LOCK_NAME of store.c

const owners = async (seats) => (await seats.private.get('/internal/owners', { token: seats.secrets.read('service-token') })).json.events;
const pages = (seats) => Promise.all(['/readyz', '/followz'].map(async (page) => (await seats.private.get(page)).status));

test('each process tells where every event is, and the wrong one sends to the right one', async (t) => {
  const { postgres, first, second } = await openPair(t);
  const [one, two] = [first, second].map(({ port, privatePort }, n) => ({ owner: `seats${n + 1}`, address: `127.0.0.1:${port}`, private_address: `127.0.0.1:${privatePort}` }));
  const told = await until('the first to know', async () => {
    const all = await owners(first);
    return all.every((event) => event.owner !== undefined) && all;
  });
  const epochs = told.map(({ epoch }) => epoch); // 1, or more for an event that went to the other process first
  assert.deepEqual(told, [{ event: 'one', here: true, epoch: epochs[0], ...one }, { event: 'two', here: false, epoch: epochs[1], ...two }]);
  const registry = postgres.sql("SELECT event, epoch, split_part(instance, '#', 1), address, private_address FROM seats.registry ORDER BY event", 'seats');
  assert.equal(registry, [['one', one], ['two', two]].map(([event, { owner, address, private_address: within }], n) => [event, epochs[n], owner, address, within].join('|')).join('\n'));

  const wrong = await operator(first, 'two').read();
  assertProblem(wrong, 421, 'event-elsewhere');
  assert.deepEqual({ owner: wrong.json.owner, address: wrong.json.address, private_address: wrong.json.private_address }, two);
  const sent = await visitor(first, 'two').hold({ seats: ['r1s1'] });
  assertProblem(sent, 503, 'standby');
  assert.equal(sent.headers['fairgate-owner'], 'seats2', 'a name, which an edge knows');
  assert.equal(sent.json.address, undefined, 'visitors learn of no address');
  for (const seats of [first, second]) {
    const shown = await until('the event to be shown', async () => {
      const answer = await visitor(seats, 'two').info();
      return answer.status === 200 && answer;
    });
    assert.equal(shown.headers['fairgate-owner'], 'seats2', 'from any process');
  }
  assert.equal((await operator(first, 'two').import(hall())).status, 421, 'a repeated import, too');
  assert.equal((await operator(second, 'two').import(hall())).status, 200);
});

// An owner without sharing, and its standby.
async function openFollowed(t) {
  const { scope, postgres, seats: owner } = await openSale(t, ['one']);
  return { owner, standby: await openFollower(scope, postgres, owner) };
}

test('a single owner publishes no address, and its standby answers as before', async (t) => {
  const { owner, standby } = await openFollowed(t);
  const wrong = await operator(standby, 'one').read();
  assertProblem(wrong, 503, 'standby');
  await until('the standby to follow', async () => (await pages(standby)).join() === '503,200');
  assert.deepEqual(await pages(owner), [200, 200]);
  assert.equal(wrong.headers['fairgate-owner'], undefined);
  assert.deepEqual(await owners(standby), [{ event: 'one', here: false }]);
  assert.deepEqual(await owners(owner), [{ event: 'one', here: true, epoch: 1, owner: 'seat-service', address: '', private_address: '' }]);
});

test('a second process of the same name reports it and owns nothing meanwhile', async (t) => {
  const scope = openScope(t);
  const postgres = await openPostgres(scope);
  const same = { shares: 2, config: { journal: { instance: 'seats1' } } };
  const first = await openSeats(scope, postgres, same);
  await until('the first to take its place', async () => (await first.private.get('/readyz')).status === 200);
  const second = await openAnother(scope, postgres, first, same);
  const reasons = async () => (await second.private.get('/readyz')).json.reasons.map(({ reason: one }) => one);
  await until('the second to name the mistake', async () => (await reasons()).includes('instance-taken'));
  const line = await until('it to be logged', () => second.child.logLines().find(({ setting }) => setting === '[journal] instance'));
  assert.deepEqual([line.level, line.instance], ['error', 'seats1']);
  assert.deepEqual(await pages(second), [503, 503]);
  const refused = await operator(second, 'one').import(hall());
  assertProblem(refused, 503, 'instance-taken');
  assert.match(refused.json.detail, /\[journal\] instance/);
  const asked = await visitor(second, 'one').info();
  assertProblem(asked, 503, 'instance-taken');
  assert.doesNotMatch(asked.json.detail, /journal/, 'visitors learn of no setting');
  for (const event of ['one', 'two']) assert.equal((await operator(first, event).import(hall())).status, 201, 'the first has all');
  const sent = await until('the second to know whose it is', async () => {
    const answer = await operator(second, 'two').read();
    return answer.status === 421 && answer;
  });
  assert.equal(sent.json.private_address, `127.0.0.1:${first.privatePort}`);
  await first.kill();
  await until('the second to take both over', async () => (await opens(second, 'one')) && opens(second, 'two'));
  await second.untilReady();
});

test('an owner that lost its name\'s lock sells on, but imports nothing', async (t) => {
  const scope = openScope(t);
  const postgres = await openPostgres(scope);
  const owner = await openSeats(scope, postgres, { shares: 2, config: { journal: { instance: 'seats1' } } });
  await importHall(owner, 'one', hall());
  const name = postgres.sql(`SELECT classid || ', ' || objid FROM pg_locks WHERE classid = ${NAME_LOCKS}`, 'seats');
  const taking = holdLock(scope, postgres, `SELECT pg_advisory_lock(${name})`);
  await untilWaiting('another to want its name', postgres, 'ExclusiveLock');
  postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'fairgate seat-service journal'", 'seats');
  const other = await taking;
  const ready = await until('it to say so', async () => {
    const answer = await owner.private.get('/readyz');
    return answer.status === 200 && answer.json.warns === 'instance-taken' && answer;
  });
  assert.deepEqual([ready.json.ready, ready.json.role], [true, 'owner']);
  const line = await until('it to be logged', () => owner.child.logLines().find(({ setting }) => setting === '[journal] instance'));
  assert.match(line.why, /keeps what it owns/);
  assertProblem(await operator(owner, 'two').import(hall()), 503, 'instance-taken');
  assert.equal((await visitor(owner, 'one').hold({ seats: ['r1s1'] })).status, 201);
  assertProblem(await visitor(owner, 'two').info(), 404, 'event-unknown');
  assertProblem(await operator(owner, 'two').read(), 404, 'event-unknown');
  await other.letGo();
  await until('its name to be its own again', async () => (await owner.private.get('/readyz')).json.warns === undefined);
  assert.equal((await operator(owner, 'two').import(hall())).status, 201);
});

test('a standby that is asked to import says that it is one', async (t) => {
  const { standby } = await openFollowed(t);
  assertProblem(await operator(standby, 'two').import(hall()), 503, 'standby');
});

test('processes that share events must have an address', (t) => {
  const dir = openScope(t).tempDir('owners-');
  const judged = (owner) => {
    const path = join(dir, 'seat-service.conf');
    writeFileSync(path, `[postgres]\nconninfo = "host=x"\n[passes]\nkeys_file = "x"\n[holds]\nkeys_file = "x"\n[http]\nport = 0\n[private]\nport = 0\ntoken_file = "x"\n[owner]\n${owner}\n`, { mode: 0o600 });
    return runProgram('seat-service', ['--config', path, '--check-config']).stderr;
  };
  assert.match(judged('owners = 2'), /share events need address and private_address/);
  assert.match(judged('address = "a:1"'), /both address and private_address/);
  assert.match(judged('owners = 17'), /16/);
});

// ---- the edge ----

async function openEdge(scope, pair) {
  const port = await freePort();
  const dir = scope.tempDir('edge-');
  const map = join(dir, 'owners.map');
  writeFileSync(map, '');
  const servers = pair.map(({ port: open, privatePort }, n) => `    server seats${n + 1} 127.0.0.1:${open} check port ${privatePort}`);
  const lines = readFileSync(join(ROOT, 'infra/edge/owners.cfg'), 'utf8').replaceAll('@FILES@/owners.map', map);
  writeFileSync(join(dir, 'edge.cfg'), `global
    log stdout format raw local0 notice
defaults
    mode http
    timeout connect 700ms
    timeout client 60s
    timeout server 60s
    option redispatch 1
frontend edge
    bind 127.0.0.1:${port}
    default_backend seats
backend seats
    balance random(2)
    option httpchk GET /readyz
    default-server inter 300ms fastinter 200ms fall 2 rise 1
${lines}
${servers.join('\n')}
`);
  scope.spawn('edge', ['haproxy', '-db', '-f', join(dir, 'edge.cfg')], { stays: true });
  const http = client({ port });
  await until('the edge to serve', () => http.get('/').then(() => true));
  return http;
}

test('an edge learns from the wrong process where an event is, and again when that has died', async (t) => {
  const { scope, first, second } = await openPair(t);
  const http = await openEdge(scope, [first, second]);
  const buyer = (event) => visitor({ http, office: first.office }, event);
  // Any process, here at random, shows the event and names its owner: each request after that goes there. If an owner is
  // slow to confirm its health, the edge has no server for a moment, and answers without a code.
  const proposes = (event) => until('an answer', async () => {
    const { status, json } = await http.post(`/v1/seats/${event}/proposals`, { token: buyer(event).token, body: { best_available: { quantity: 2 } } });
    return (status === 200 || json?.code === 'standby') && status;
  });
  const found = (event) => until(`${event} to be found`, async () => (await buyer(event).info()).status === 200 && (await proposes(event)) === 200);
  for (const event of ['one', 'two']) {
    const info = await until(`${event} to be shown`, async () => {
      const answer = await buyer(event).info();
      return answer.status === 200 && answer;
    });
    assert.equal(info.headers['fairgate-owner'], undefined, 'which is for the edge alone');
    for (let n = 0; n < 20; n += 1) assert.equal(await proposes(event), 200);
    const held = await buyer(event).hold({ seats: ['r1s1', 'r1s2'] });
    assert.equal(held.status, 201);
    assert.equal(held.headers['fairgate-owner'], undefined);
  }
  await second.kill();
  await until('the first to have both', () => opens(first, 'two'));
  await found('two');
  for (let n = 0; n < 20; n += 1) assert.equal(await proposes('two'), 200);
  assert.equal((await buyer('two').hold({ seats: ['r1s1'] })).status, 409, 'with what was held');
});

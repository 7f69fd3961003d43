// The filled-in configs of an installation without a single point of failure (infra/ha): each installed program checks that
// it would start with its own. `make ha-drill`, which `make soak` runs, checks that everything survives lost machines.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { client, freePort, openScope, programPath, ROOT, serve, until } from '../lib-js/index.js';
import { behindCrowd, judgeFullEdge, MOST, openCrowded } from '../lib-js/full-edge.js';
import { edgeAlone, haproxy } from '../../infra/ha/fairgate.js';
import { filled, Site } from '../../infra/ha/site.js';
import { Visitors } from '../../infra/ha/visitors.js';

const site = new Site();
after(() => site.close());
site.prepare();

const said = (program, ...words) => {
  const done = spawnSync(program, words, { encoding: 'utf8' });
  assert.equal(done.status, 0, `${program} ${words.join(' ')}: ${done.error ?? ''}${done.stdout}${done.stderr}`);
  return done.stdout + done.stderr;
};
const isHere = (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

test('both edges: HAProxy takes its file, keepalived its own', (t) => {
  for (const machine of site.named('edge')) {
    const { edge, keepalived } = site.writeEdge(machine);
    assert.doesNotMatch(said('haproxy', '-c', '-f', edge), /WARNING/);
    if (isHere('keepalived')) said('keepalived', '-t', '-f', keepalived);
    else t.diagnostic('keepalived is not installed');
  }
});

test('the edge of a place that may be lost: HAProxy takes its file', () => {
  const [machine] = site.named('edge');
  assert.doesNotMatch(said('haproxy', '-c', '-f', edgeAlone(machine, 'gala', '10.0.0.0/8')), /WARNING/);
});

// An edge in front of two seat processes, whose health the test sets, and which record the requests they get. `behind`: the
// port that stands in for fronts and checkout.
async function openEdge(t, { settings, behind } = {}) {
  const scope = openScope(t);
  const configs = site.writeEdge(site.named('edge')[0], settings);
  let text = readFileSync(configs.edge, 'utf8');
  if (behind !== undefined) text = behindCrowd(text, behind);
  const said = {}, checks = {}; // each machine's /readyz, and how often it was requested
  for (const { name, address } of site.named('seats')) {
    said[name] = [503, { role: 'standby' }];
    checks[name] = 0;
    const { port } = await serve(scope, (request, answer) => {
      const asked = request.url === '/readyz';
      checks[name] += asked;
      const [status, body] = asked ? said[name] : [200, { name }];
      answer.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
    text = text.replaceAll(`${address}:8082 check port 8092`, `127.0.0.1:${port} check`).replaceAll(new RegExp(`${address}:80[89]2`, 'g'), `127.0.0.1:${port}`);
  }
  const ports = {};
  for (const bind of text.match(/(?<=^ +bind )\S+/gm)) ports[/\d+$/.exec(bind)[0]] = await freePort();
  const file = `${configs.edge}.here`;
  writeFileSync(file, text.replaceAll(/^( +bind )\S*:(\d+)$/gm, (_, bind, port) => `${bind}127.0.0.1:${ports[port]}`));
  const { pid } = scope.spawn('haproxy', haproxy(file), { stays: true });
  const edge = client({ port: ports[8080] });
  const inside = client({ port: ports[8092] });
  const by = async (path, method = 'GET') => {
    const answer = await edge.call(method, path).catch(() => null);
    return answer?.status === 200 ? answer.json.name : answer?.status;
  };
  // Sets a machine's health, and waits until the three backends that check it know.
  const says = async (name, status, body) => {
    said[name] = [status, body];
    const before = checks[name];
    await until('it to have been asked often enough', () => checks[name] >= before + 15);
  };
  return { ports, edge, inside, by, says, pid };
}

test('an edge that is full serves those inside, its health and the services', async (t) => {
  const { ports } = await openEdge(t, { settings: { maxconn: String(MOST) }, behind: await openCrowded(openScope(t)) });
  await judgeFullEdge(ports[8080], [[ports[8404], '/healthz'], [ports[8091], '/readyz']], site.event);
});

test('the edge gives back the memory that a crowd took', async (t) => {
  const { edge, pid } = await openEdge(t);
  await until('it to listen', async () => (await edge.get('/healthz').catch(() => null))?.status === 200);
  assert.match(readFileSync(`/proc/${pid}/maps`, 'utf8'), /libjemalloc\.so/);
});

test('the edge prefers a proven owner of the seats to one that is cut off', async (t) => {
  const { by, says } = await openEdge(t);
  const served = (what, name) => until(what, async () => (await by('/v1/seats/gala')) === name && (await by('/seats/gala')) === name && (await by('/v1/seats/gala/plan')) === name);
  const [first, second] = site.named('seats').map(({ name }) => name);
  await served('nobody to be there', 503);
  await says(first, 200, { role: 'owner' });
  await served('the owner to be found', first);
  await says(first, 503, { role: 'cut' });
  await served('the one that is cut to go on alone', first);
  await says(second, 200, { role: 'owner' });
  await served('its successor to be found', second);
  await says(second, 503, { role: 'standby' });
  await says(first, 503, { role: 'standby' });
  await served('nobody to be left', 503);
});

test('without an owner of the seats visitors get Retry-After, services do not', async (t) => {
  const { edge, inside, says } = await openEdge(t);
  const path = '/internal/events/gala/holds/1/confirm';
  const [first] = site.named('seats').map(({ name }) => name);
  const refused = (asked) => until('nobody to be there', async () => {
    const answer = await asked().catch(() => null);
    return answer?.status === 503 && answer.json.code === 'unavailable' && answer;
  });
  assert.equal((await refused(() => edge.get('/v1/seats/gala'))).headers['retry-after'], '2');
  assert.equal((await refused(() => inside.post(path))).headers['retry-after'], undefined);
  await says(first, 200, { role: 'owner' });
  await until('the owner to be asked', async () => (await inside.post(path)).status === 200);
});

test('only reads of a hall go to each process that shows it', async (t) => {
  const { by, says } = await openEdge(t);
  const [first, second] = site.named('seats').map(({ name }) => name);
  const LOOKS = ['plan', 'availability', 'availability?since=7', 'stream?since=7'].map((what) => `/v1/seats/gala/${what}`);
  const all = async (paths, method) => new Set(await Promise.all(Array.from({ length: 5 }, () => paths.map((path) => by(path, method))).flat()));
  // A machine that answers a check late is down until the next check.
  const asked = (what, name, paths, method) => until(what, async () => isDeepStrictEqual(await all(paths, method), new Set([name])));
  await says(first, 200, { role: 'owner', shows: false });
  await says(second, 503, { role: 'standby', shows: true });
  await asked('the other to be asked: an owner that reads plans has other things to do', second, LOOKS);
  await asked('the owner to be asked', first, ['/v1/seats/gala', '/v1/seats/gala/holds/1', '/seats/gala']);
  await asked('the owner to be asked for what changes', first, ['/v1/seats/gala/holds', '/v1/seats/gala/availability'], 'POST');
  await says(first, 200, { role: 'owner', shows: true });
  await until('both to be asked', async () => (await all(LOOKS)).size === 2);
  await says(second, 503, { role: 'standby', shows: false });
  await asked('the owner alone to be asked', first, LOOKS);
  await says(first, 200, { role: 'owner', shows: false });
  await asked('the owner to be asked as before, though nobody shows it', first, LOOKS);
});

test('with shared seats both edges\' configs find the owners', () => {
  const shared = new Site({ owners: 2 });
  after(() => shared.close());
  shared.prepare();
  for (const machine of shared.named('edge')) {
    const { edge } = shared.writeEdge(machine);
    said('haproxy', '-c', '-f', edge);
    const backends = readFileSync(edge, 'utf8').split(/^(?=backend )/m);
    const finds = backends.filter((text) => /^ +use-server %/m.test(text)).map((text) => /^backend (\S+)/.exec(text)[1]);
    assert.deepEqual(finds, ['seat-service', 'seat-service-unproven', 'seat-service-pages', 'seat-service-streams', 'inside-seats-private']);
  }
  for (const machine of shared.named('seats')) {
    const conf = shared.seatsConf(machine);
    said(programPath('seat-service'), '--check-config', '--config', shared.write(machine, 'service.conf', conf));
    for (const line of [`instance = "${machine.name}"`, 'owners = 2', `address = "${machine.address}:8082"`]) assert.ok(conf.includes(`\n${line}\n`), line);
  }
  assert.doesNotMatch(site.seatsConf(site.named('seats')[0]), /owners/, 'off unless asked for');
});

test('the services accept their configs', () => {
  const all = { front: ['queue-front', 'frontConf'], seats: ['seat-service', 'seatsConf'], pay: ['payment-adapter', 'payConf'] };
  for (const [prefix, [program, conf]] of Object.entries(all))
    for (const machine of site.named(prefix))
      said(programPath(program), '--check-config', '--config', site.write(machine, 'service.conf', site[conf](machine)));
});

test('Redis starts with its config, also after Sentinel rewrote it, with its ACL', async (t) => {
  const scope = openScope(t);
  const [machine, other] = site.named('store');
  mkdirSync(machine.path('redis'));
  site.certified(machine, machine.path('tls'));
  const { acl, redis } = site.redisConf(machine, machine);
  site.write(machine, 'users.acl', acl);
  const file = site.write(machine, 'redis.conf', redis.replace(/^(port|tls-port) .*$/gm, '$1 0'));
  const start = () => scope.spawn('redis', ['redis-server', file], { stays: true });
  const first = start();
  const socket = machine.path('redis.sock');
  const ask = (user, password, ...words) => spawnSync('redis-cli', ['-s', socket, '--user', user, '--no-auth-warning', ...words], { encoding: 'utf8', env: { ...process.env, REDISCLI_AUTH: password } });
  await until('it to answer', () => ask('operator', site.passwords.operator, 'ping').stdout === 'PONG\n');
  assert.match(ask('fairgate', site.passwords.redis, 'get', 'fg:x').stdout, /^\n$/);
  assert.match(ask('fairgate', site.passwords.redis, 'get', 'another').stdout, /^NOPERM/);
  assert.match(spawnSync('redis-cli', ['-s', socket, 'ping'], { encoding: 'utf8' }).stdout, /^NOAUTH/);
  // As Sentinel does at a failover; Redis must start with the resulting file.
  assert.equal(ask('operator', site.passwords.operator, 'config', 'rewrite').stdout, 'OK\n');
  await first.stop();
  start();
  await until('it to answer again', () => ask('operator', site.passwords.operator, 'ping').stdout === 'PONG\n');
  assert.match(site.redisConf(other, machine).redis, new RegExp(`^replicaof ${machine.address} 6379$`, 'm'));
  assert.match(site.sentinelConf(other, machine), /^sentinel auth-pass line [0-9a-f]+$/m);
});

// [server, files of its data, first holder of the key, whether its Patroni is ended once pg2 has the key]
const KEYLESS = [
  ['a primary that had the key', { 'postmaster.pid': `${process.pid}\n` }, 'pg1', true],
  ['a primary that never had it', { 'postmaster.pid': `${process.pid}\n` }, '', false],
  ['a replica', { 'postmaster.pid': `${process.pid}\n`, 'standby.signal': '' }, 'pg1', false],
  ['a server that is repaired', { 'postmaster.pid': `-${process.pid}\n` }, 'pg1', false],
  ['a server that has crashed', { 'postmaster.pid': '99999999\n' }, 'pg1', false],
  ['a primary that is stopping', { 'postmaster.pid': `${process.pid}\nstopping\n` }, 'pg1', false],
  ['a server that is stopped', {}, 'pg1', false],
];

for (const [what, files, first, ended] of KEYLESS)
  test(`primary-watch ${ended ? 'ends' : 'leaves'} the Patroni of ${what}`, async (t) => {
    const scope = openScope(t);
    const dir = scope.dir();
    const asked = { '/cluster': 0, '/v3/kv/range': 0 };
    let holder = first;
    const { port } = await serve(scope, async (request, answer) => {
      const key = Buffer.from((await json(request).catch(() => ({}))).key ?? '', 'base64').toString();
      asked[request.url] += 1;
      const value = key.endsWith('/leader') ? holder : '{}';
      answer.end(JSON.stringify({ members: [], kvs: value && [{ value: Buffer.from(value).toString('base64') }] }));
    });
    const file = join(dir, 'patroni.yml');
    const [machine] = site.named('pg');
    writeFileSync(file, site.patroniConf(machine).replace('protocol: https', 'protocol: http').replace(/(?<=hosts: ).*/, `127.0.0.1:${port}`)
      .replace(/(?<=connect_address: ).*:8008/, `127.0.0.1:${port}`).replace(/(?<=data_dir: ).*/, dir));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
    writeFileSync(join(dir, 'patroni'), 'while :; do sleep 1; done\n');
    const patroni = scope.spawn('patroni', ['sh', join(dir, 'patroni'), file], { stays: true });
    patroni.mayEnd = ended;
    scope.spawn('primary-watch', ['sh', join(ROOT, 'infra/ha/etc/primary-watch'), file], { stays: true });
    const more = (path) => {
      const before = asked[path];
      return until('more turns', () => asked[path] >= before + 3);
    };
    await more(ended ? '/v3/kv/range' : '/cluster');
    holder = 'pg2';
    if (ended) await until('it to end', () => !existsSync(`/proc/${patroni.pid}`));
    else await more('/cluster');
  });

// The errors that no visitor expects, in turn.
const BAD = [
  [404, 'application/problem+json', '{"code":"not-found"}'],
  [200, 'text/html', '<p>It works!</p>'],
  [500, 'text/plain', 'oops'],
  [200, 'application/json', '{"half":'],
  [502, 'text/html', '<h1>502 Bad Gateway</h1>'],
  [200, 'application/json', ''],
];
const GOOD = [
  [/ \/v1\/pay\/login$/, 'login', { id: 'alice' }],
  [/\/join$/, 'join', (n) => ({ position: n })],
  [/\/pass$/, 'pass', { pass: 'x' }],
  [/\/me$/, 'me', null],
  [/\/availability$/, 'availability', {}],
  [/^POST .*\/holds$/, 'hold', { hold: 'h', seats: ['r1s1', 'r1s2'] }],
  [/^DELETE .*\/holds\/h$/, 'release', {}],
  [/^POST .*\/orders$/, 'order', { order: 'o' }],
  [/^GET .*\/orders\/o$/, 'order asked for', { order: 'o', status: 'failed', reason: 'the test' }],
];

test('a drill\'s visitor reports a bad answer and starts again', { timeout: 300_000 }, async (t) => {
  const asked = {}, well = {};
  const places = new Map(); // by address
  const server = await serve(openScope(t), (request, answer) => {
    request.resume();
    const [, what, body] = GOOD.find(([path]) => path.test(`${request.method} ${request.url}`));
    const nth = asked[what] = (asked[what] ?? 0) + 1;
    const say = (status, type, text) => answer.writeHead(status, { 'content-type': type }).end(text);
    if (nth <= 2 * BAD.length) return say(...BAD[nth % BAD.length]);
    well[what] = (well[what] ?? 0) + 1;
    const from = request.headers['x-forwarded-for'];
    if (what === 'join') places.set(from, nth);
    return say(200, 'application/json', JSON.stringify(what === 'me' ? { position: places.get(from) } : body instanceof Function ? body(nth) : body));
  });
  const visitors = new Visitors({ visitors: { host: '127.0.0.1', port: server.port }, event: 'gala', users: () => [{ user: 'alice' }] });
  visitors.come({ poll: 1, join: 1, picture: 1, hold: 1, buy: 1 });
  try {
    await until('each of them to have gone on', () => GOOD.every(([, what]) => well[what] >= 3), { timeoutMs: 120_000 });
  } finally {
    await visitors.go();
  }
  for (const [, what] of GOOD) assert.ok(visitors.findings.some((text) => text.includes(`${what} was answered`)), `${what}: ${visitors.findings.join('\n')}`);
});

test('a config\'s unfilled placeholder or unknown value is an error', () => {
  assert.throws(() => filled('a @NAME@ b', {}), /@NAME@ is not filled in/);
  assert.throws(() => filled('a b', { NAME: 'x' }), /no @NAME@/);
  assert.equal(filled('a @NAME@ @NAME@', { NAME: '$&' }), 'a $& $&');
  for (const machine of site.named('pg')) assert.match(site.patroniConf(machine), new RegExp(`^name: ${machine.name}$`, 'm'));
});

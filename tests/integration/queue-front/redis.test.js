// Redis in a hardened set-up: a user with only the needed rights, passwords, names instead of addresses, TLS, a master that
// stops writing when its replica is gone. Real servers, with the files of infra/redis.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, readdirSync, readFileSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  beginMove, freePort, openScope, programPath, ROOT, runProgram, startCluster, startRedis, startReplica, startSentinels, until, untilInStep,
} from '../../lib-js/index.js';
import { Link } from '../../lib-js/redis.js';
import { channels } from '../../lib-js/wire.js';
import { act, makeEvent, openSite, openShow, startFront, Visitor } from './support.js';

const PASSWORD = 'correct horse';
const MOVING = { rate_per_s: 100, burst: 100, max_active: 0, call_ttl_s: 600 };
const shipped = readFileSync(join(ROOT, 'infra/redis/redis-acl.conf'), 'utf8');
const allowed = /^user fairgate .*$/m.exec(shipped)[0].match(/ \+\S+/g).map((word) => word.slice(2));

// The users in the shipped file with this password, installed as its head says.
function aclFile(scope, ...more) {
  const path = join(scope.tempDir('acl-'), 'users.acl');
  const users = shipped.split('\n').filter((line) => line.startsWith('user ')).concat(more).join('\n');
  writeFileSync(path, `${users.replaceAll('0'.repeat(64), createHash('sha256').update(PASSWORD).digest('hex'))}\n`);
  return path;
}

// The shipped configuration, except what a test sets for each server.
function redisConf(scope) {
  const path = join(scope.tempDir('conf-'), 'redis.conf');
  const own = /^(bind|port|unixsocket|unixsocketperm|dir|daemonize) .*$/gm;
  writeFileSync(path, readFileSync(join(ROOT, 'infra/redis/redis.conf'), 'utf8')
    .replace(own, '').replace(/^aclfile .*$/m, `aclfile ${aclFile(scope)}`));
  return path;
}

function secret(scope, text) {
  const path = join(scope.tempDir('secret-'), 'password');
  writeFileSync(path, `${text}\n`, { mode: 0o600 });
  return path;
}

const userOf = (scope) => ({ user: 'fairgate', password_file: secret(scope, PASSWORD) });

// A script's writes are stored as a transaction, and Redis checks the default user's rights when it loads one.
test('Redis loads its data with the default user off', async (t) => {
  const scope = openScope(t);
  const redis = await startRedis(scope);
  await redis.command('EVAL', "redis.call('SET', 'fg:1', 1) redis.call('SET', 'fg:2', 2)", 0);
  await redis.stop();
  const [, off] = /^# (user default off.*)$/m.exec(shipped);
  redis.settings.aclfile = aclFile(scope, off);
  redis.command = async (...words) => {
    const link = await Link.open(redis.socket, () => {});
    if (words[0] === 'PING') await assert.rejects(link.command(words), /NOAUTH/);
    await link.command(['AUTH', 'fairgate', PASSWORD]);
    return words[0] === 'PING' ? 'PONG' : link.command(words);
  };
  await redis.start();
  assert.equal(await redis.command('EXISTS', 'fg:1', 'fg:2'), 2);
});

function openGuarded(t, options = {}) {
  const scope = openScope(t);
  return openSite(t, {
    scope,
    redis: { settings: { include: aclFile(scope) } },
    config: { redis: userOf(scope) },
    ...options,
  });
}

// The line of the shipped sentinel.conf that lets fronts in, with this password.
function sentinelUser(password) {
  const [, line] = /^(user fairgate .*)$/m.exec(readFileSync(join(ROOT, 'infra/redis/sentinel.conf'), 'utf8'));
  return line.replace('0'.repeat(64), createHash('sha256').update(password).digest('hex'));
}

// The user's denied commands and keys.
async function refused(redis) {
  return (await redis.command('ACL', 'LOG')).map((row) => row[row.indexOf('object') + 1]);
}

// An event's life: rows of the trail, places, visits, and an end.
async function visit(site, event) {
  const visitor = new Visitor(site.front, event);
  await visitor.join();
  await visitor.me();
  await visitor.pass();
  await visitor.session();
  await visitor.leave();
  await new Visitor(site.front, event).join();
  await site.front.admin.get(`/admin/events/${event}/audit`);
  await site.front.admin.get(`/admin/events/${event}/series`);
}

// A busy machine may have a failure of its own first.
const unready = (front, words = /./) => until(`the front to say ${words}`, async () => {
  const { status, json } = await front.private.get('/readyz');
  return status === 503 && words.test(json.redis ?? '') && json.redis;
});

describe('users', { concurrency: true }, () => {
  test('the shipped user may do what an event needs from its draft to its deletion', async (t) => {
    const site = await openGuarded(t);
    await makeEvent(site, 'show', MOVING, { open: false });
    await makeEvent(site, 'door', MOVING);
    const visitor = await Visitor.inside(site.front, 'door');
    assert.equal((await visitor.session()).status, 200);
    assert.equal((await visitor.leave()).status, 204);
    await visit(site, 'door');
    await site.redis.command('SCRIPT', 'FLUSH');
    await new Visitor(site.front, 'door').joined();
    for (const action of ['pause', 'resume', 'sold-out', 'close']) await act(site.front, 'door', action);
    for (const of of ['', '/events/door']) assert.equal((await site.front.admin.get(`/admin${of}/audit`)).status, 200);
    assert.equal((await site.front.admin.delete('/admin/events/show', { headers: { 'If-Match': '"1"' } })).status, 204);
    assert.deepEqual(await refused(site.redis), []);
    for (const { file, command } of called()) assert.ok(allowed.includes(command), `${file} calls ${command}`);
    const used = new Set(called().map(({ command }) => command));
    const own = ['eval', 'evalsha', 'script|load', 'info', 'cluster|slots', 'asking', 'publish', 'wait', 'xrevrange'];
    assert.deepEqual(shipped.match(/(?<= &)fg:\S+/g), channels);
    assert.deepEqual(allowed.filter((name) => !used.has(name) && !own.includes(name)), [], 'nobody needs these');
  });

  test('the shipped user may run no other command and reach no other key', async (t) => {
    const site = await openGuarded(t);
    await site.redis.command('SET', 'other', 'x');
    const say = (...words) => execFileSync('redis-cli',
      ['-s', site.redis.socket, '--user', 'fairgate', '--pass', PASSWORD, '--no-auth-warning', ...words], { encoding: 'utf8' });
    for (const words of [
      ['FLUSHALL'], ['FLUSHDB'], ['CONFIG', 'GET', '*'], ['CONFIG', 'SET', 'dir', '/'], ['KEYS', '*'], ['SCAN', '0'],
      ['GET', 'other'], ['SET', 'other', 'y'], ['DEL', 'other'], ['SMEMBERS', 'fgother'], ['LATENCY', 'DOCTOR'],
      ['SHUTDOWN'], ['ACL', 'LIST'], ['MONITOR'], ['SUBSCRIBE', 'x'], ['PUBLISH', 'x', 'y'], ['REPLICAOF', 'NO', 'ONE'],
      ['CLIENT', 'LIST'], ['SAVE'], ['SCRIPT', 'FLUSH'], ['CLUSTER', 'RESET'], ['MIGRATE', '::1', '1', 'fg:x', '0', '1'],
      ['RENAME', 'fg:x', 'fg:y'], ['FUNCTION', 'LIST'], ['SORT', 'fg:x'], ['RESTORE', 'fg:x', '0', 'x'],
    ]) assert.match(say(...words), /NOPERM/, words.join(' '));
    assert.match(say('EVAL', 'return redis.call("GET", "other")', '0'), /can't access|ACL failure|NOPERM|No permissions/i);
    assert.match(say('EVAL', 'return redis.call("KEYS", "*")', '0'), /can't run|ACL failure|NOPERM|no permissions/i);
    assert.match(say('GET', 'fg:nothing'), /^\s*$/);
  });

  // The first test compares the others with the scripts.
  test('each command that a front itself calls needs its permission', async (t) => {
    const site = await openGuarded(t);
    await makeEvent(site, 'show', MOVING);
    const missed = async (command, poke) => {
      await site.redis.command('ACL', 'SETUSER', 'fairgate', `-${command}`);
      await until(`${command} to be missed`, async () => {
        await poke();
        return (await refused(site.redis)).some((object) => object === command);
      });
      await site.redis.command('ACL', 'SETUSER', 'fairgate', `+${command}`);
      await site.redis.command('ACL', 'LOG', 'RESET');
    };
    for (const command of ['evalsha', 'xrevrange']) await missed(command, () => visit(site, 'show'));
    const again = () => site.redis.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await missed('script|load', again);
    await missed('info', again);
    await missed('eval', () => site.redis.command('SCRIPT', 'FLUSH'));
    await site.front.untilReady();
  });

  test('in a cluster too: it may ask for the slots, and follow them while they move', async (t) => {
    const scope = openScope(t);
    const cluster = await startCluster(scope, 3, async () => ({ settings: { include: aclFile(scope) } }));
    const { nodes } = cluster;
    const redis = { cluster: `127.0.0.1:${nodes[0].port}`, ...userOf(scope) };
    const site = await openSite(t, { scope, config: { redis } });
    for (const event of ['one', 'two', 'three', 'four']) {
      await makeEvent(site, event, MOVING);
      await visit(site, event);
    }
    const everywhere = async (...words) => { for (const node of nodes) await node.command(...words); };
    const anyRefused = async () => (await Promise.all(nodes.map(refused))).flat();
    assert.deepEqual(await anyRefused(), []);

    // The slot of the set of events moves, so commands on that set are answered with ASK.
    const slot = await nodes[0].command('CLUSTER', 'KEYSLOT', 'fg:events');
    const from = cluster.owner(slot);
    const to = nodes.find((node) => node !== from);
    const move = await beginMove(cluster, slot, from, to);
    await move.sendAll();
    await everywhere('CONFIG', 'RESETSTAT');
    await everywhere('ACL', 'SETUSER', 'fairgate', '-asking');
    const put = (event) => site.front.admin.put(`/admin/events/${event}`, { body: {} });
    await until('asking to be missed', async () => {
      await put('five');
      return (await anyRefused()).includes('asking');
    });
    await everywhere('ACL', 'SETUSER', 'fairgate', '+asking');
    await everywhere('ACL', 'LOG', 'RESET');
    await until('a new event to be taken by the server that ASK names', async () => [200, 201].includes((await put('six')).status));
    assert.ok((await to.commandCalls()).asking > 0);
    await move.end();
    assert.ok((await to.command('SMEMBERS', 'fg:events')).includes('six'));
    for (const event of ['one', 'six']) assert.equal((await site.front.admin.get(`/admin/events/${event}`)).status, 200);
    assert.deepEqual(await anyRefused(), []);

    // Without the slot map none of them can be reached, and that is reported.
    await everywhere('ACL', 'SETUSER', 'fairgate', '-cluster|slots');
    const stranger = await startFront(site, { redis, ready: false });
    await unready(stranger, /NOPERM.*cluster\|slots/);
    await everywhere('ACL', 'SETUSER', 'fairgate', '+cluster|slots');
    await stranger.untilReady();
  });

  test('a front that may not log in says so, and comes up when it may', async (t) => {
    const redis = userOf(openScope(t));
    const site = await openGuarded(t, { config: { redis } });
    await site.redis.command('ACL', 'SETUSER', 'fairgate', 'off');
    await site.redis.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await unready(site.front, /refused user fairgate: WRONGPASS/);
    await until('the log to tell it', () => /refused user fairgate: WRONGPASS/.test(site.front.child.log()));
    await site.redis.command('ACL', 'SETUSER', 'fairgate', 'on', '-info');
    await unready(site.front, /NOPERM.*info/);
    await site.redis.command('ACL', 'SETUSER', 'fairgate', '+info');
    await site.front.untilReady();
    assert.equal((await site.front.private.get('/readyz')).json.redis, undefined);
    writeFileSync(redis.password_file, 'another one');
    site.front.child.signal('SIGHUP');
    await until('the reload to be refused', () => /reload failed.*password: a new password takes a restart/.test(site.front.child.log()));
    assert.doesNotMatch(site.front.child.log(), new RegExp(PASSWORD));
  });
});

// The commands in the scripts.
function called() {
  const dir = join(ROOT, 'queue-front/lua');
  return readdirSync(dir, { recursive: true }).filter((name) => name.endsWith('.lua')).flatMap((file) => {
    const text = readFileSync(join(dir, file), 'utf8');
    assert.doesNotMatch(text, /[^_\w]call\(\s*[^')\s]/, `${file}: a command by another name than its own`);
    return [...text.matchAll(/[^_\w]call\(\s*'(\w+)'/g)].map(([, name]) => ({ file, command: name.toLowerCase() }));
  });
}

describe('ways', { concurrency: true }, () => {
  test('an unknown name is reported and delays nothing', async (t) => {
    const scope = openScope(t);
    const redis = await startRedis(scope);
    const site = await openShow(t, MOVING, { scope, config: { redis: { path: undefined, host: 'localhost', port: redis.port } } });
    await new Visitor(site.front, 'show').joined();
    const lost = await startFront(site, { redis: { path: undefined, host: 'redis.invalid' }, ready: false });
    await unready(lost, /redis\.invalid|not resolved in time/);
    assert.equal((await lost.private.get('/healthz')).status, 200);
  });

  test('the addresses of a name are tried in turn', { skip: process.getuid() !== 0 && 'mounting wants root' }, async (t) => {
    const scope = openScope(t);
    // Resolvers return 127.0.0.1 first for local names, and nothing listens there.
    const redis = await startRedis(scope, { settings: { bind: '127.0.0.3' } });
    const site = await openSite(t, { scope, config: { redis: { path: redis.socket } } });
    const front = await startFront(site, { redis: { path: undefined, host: 'line.example', port: redis.port }, ready: false });
    await unready(front);
    await front.stop();
    const hosts = join(scope.tempDir('hosts-'), 'hosts');
    writeFileSync(hosts, '127.0.0.3 line.example\n127.0.0.1 line.example\n');
    front.child = scope.spawn('front-with-hosts', [
      'unshare', '--mount', 'sh', '-c', `mount --bind ${hosts} /etc/hosts && exec "$@"`, 'sh',
      programPath('queue-front'), '--config', front.configPath], { stays: true });
    await front.untilReady();
  });

  test('a master without its replica takes nothing new, and goes on with it', async (t) => {
    const scope = openScope(t);
    const sentinel = readFileSync(join(ROOT, 'infra/redis/sentinel.conf'), 'utf8');
    const downAfterMs = Number(/down-after-milliseconds line (\d+)/.exec(sentinel)[1]);
    const limits = readFileSync(join(ROOT, 'queue-front/src/redis/redis_limits.h'), 'utf8');
    const confirmMs = [...limits.matchAll(/CONFIRM_\w+ = (\d+)/g)].reduce((sum, [, ms]) => sum + Number(ms), 0);
    assert.ok(confirmMs > 0 && confirmMs < downAfterMs, 'left before there is another');
    const settings = { include: redisConf(scope), masterauth: PASSWORD };
    const redis = await startRedis(scope, { settings });
    const replica = await startReplica(scope, redis, { settings });
    await until('the master to see it', async () => /lag=[01]\b/.test(await redis.command('INFO', 'replication')));
    const site = await openShow(t, MOVING, { scope, config: { redis: { path: redis.socket } } });
    const early = await Visitor.withPlace(site.front, 'show');
    await replica.kill();
    await until('joins to be refused', async () => (await new Visitor(site.front, 'show').join()).status === 503);
    assert.equal((await early.me()).status, 200);
    await replica.start();
    await replica.command('REPLICAOF', '127.0.0.1', redis.port);
    await until('joins to be taken', async () => (await new Visitor(site.front, 'show').join()).status === 201);
    await replica.kill(); // Redis won't exit while it rewrites its file, as a replica does after a sync
  });

  test('a unix socket that is not there yet, is a file, or was left behind by one who died', async (t) => {
    const scope = openScope(t);
    const redis = await startRedis(scope, { settings: { include: aclFile(scope) } });
    const user = userOf(scope);
    const site = await openShow(t, MOVING, { scope, config: { redis: { path: redis.socket, ...user } } });
    await new Visitor(site.front, 'show').joined();
    const dir = scope.tempDir('socket-');
    const path = join(dir, 'redis.sock');
    const front = await startFront(site, { redis: { path, ...user }, ready: false });
    await unready(front, new RegExp(`${path}.*No such file`));
    writeFileSync(path, '');
    await unready(front, /refused/i);
    unlinkSync(path);
    symlinkSync(redis.socket, path);
    await front.untilReady();
    await until('it to know the event', async () => (await new Visitor(front, 'show').join()).status === 201);
    await redis.kill(); // the socket file stays; an attempt in progress reports a reset
    await unready(front, /refused/i);
    await redis.start();
    await until('joins to be taken again', async () => (await new Visitor(front, 'show').join()).status === 201);
    assert.deepEqual(await refused(redis), []);
  });

  test('settings that do not go together are refused in words', (t) => {
    const scope = openScope(t);
    const path = join(scope.tempDir(), 'x.conf');
    for (const [lines, words] of [
      ['user = "fairgate"', /redis\.user.*password_file/],
      ['sentinel_password_file = "x"', /redis\.sentinel_password_file.*sentinels/],
      ['host = "redis:6379"', /redis\.host/],
      ['cluster = "a b:1"', /redis\.cluster/],
      ['tls_ca = "x"', /redis\.tls_ca.*tls = true/],
      ['tls_key = "x"\ntls = true', /redis\.tls_key.*tls_cert/],
      ['tls = true\npath = "/x"', /redis\.tls.*unix socket/],
    ]) {
      writeFileSync(path, `[http]\nport = 1\n[private]\nport = 2\ntoken_file = "x"\n[keys]\ntickets = "x"\nidentities = "x"\ndraws = "x"\npasses = "x"\n[redis]\n${lines}\n`);
      const { status, stdout, stderr } = runProgram('queue-front', ['--check-config', '--config', path]);
      assert.notEqual(status, 0);
      assert.match(stdout + stderr, words);
      assert.match(stdout + stderr, /x\.conf:12: /);
    }
  });
});

// The test's own certificate authority. make(name, {san, days}) returns {cert, key}.
function openAuthority(scope) {
  const dir = scope.tempDir('tls-');
  const at = (name) => join(dir, name);
  const openssl = (...words) => execFileSync('openssl', words, { stdio: ['ignore', 'pipe', 'pipe'] });
  const request = (name) => openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
    '-keyout', at(`${name}.key`), '-out', at(`${name}.csr`), '-subj', `/CN=${name}`);
  openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
    '-keyout', at('ca.key'), '-out', at('ca.crt'), '-subj', '/CN=the test');
  return {
    ca: at('ca.crt'),
    make(name, { san = 'DNS:localhost,IP:127.0.0.1', days = 2 } = {}) {
      request(name);
      writeFileSync(at(`${name}.ext`), `subjectAltName=${san}\n`);
      openssl('x509', '-req', '-in', at(`${name}.csr`), '-CA', at('ca.crt'), '-CAkey', at('ca.key'), '-CAcreateserial',
        '-days', String(days), '-extfile', at(`${name}.ext`), '-out', at(`${name}.crt`));
      return { cert: at(`${name}.crt`), key: at(`${name}.key`) };
    },
  };
}

const tlsSettings = (authority, { cert, key }, port, more = {}) => ({
  port: 0,
  'tls-port': port,
  'tls-cert-file': cert,
  'tls-key-file': key,
  'tls-ca-cert-file': authority.ca,
  'tls-auth-clients': 'no',
  'tls-replication': 'yes',
  ...more,
});

async function startTlsRedis(scope, authority, certificate, more) {
  const port = await freePort();
  return startRedis(scope, { port, settings: tlsSettings(authority, certificate, port, more) });
}

const byTls = (redis, authority, more = {}) =>
  ({ redis: { path: undefined, host: '127.0.0.1', port: redis.port, tls: true, tls_ca: authority.ca, ...more } });

describe('TLS', { concurrency: true }, () => {
  test('the life of an event, and a crowd at once, by TLS to a server with users', async (t) => {
    const scope = openScope(t);
    const authority = openAuthority(scope);
    const redis = await startTlsRedis(scope, authority, authority.make('redis'), { include: aclFile(scope) });
    const site = await openSite(t, { scope, fronts: 2, config: byTls(redis, authority, { host: 'localhost', ...userOf(scope) }) });
    await makeEvent(site, 'show', { ...MOVING, message: { en: 'x'.repeat(900), ko: 'y'.repeat(900) } });
    await Visitor.inside(site.front, 'show');
    await visit(site, 'show');
    const places = await Promise.all(Array.from({ length: 300 }, (_, i) => new Visitor(site.fronts[i % 2], 'show').joined()));
    assert.equal(new Set(places.map(({ position }) => position)).size, 300);
    await redis.kill();
    await until('the loss to be reported', async () => (await site.front.private.get('/readyz')).status === 503);
    await redis.start();
    for (const front of site.fronts) await front.untilReady();
    await until('joins to be taken', async () => (await new Visitor(site.front, 'show').join()).status === 201);
  });

  test('log and /readyz name the fault of a certificate', async (t) => {
    const scope = openScope(t);
    const authority = openAuthority(scope);
    const stranger = openAuthority(scope);
    const expired = authority.make('expired', { days: -1 });
    const cases = [
      ['expired', await startTlsRedis(scope, authority, expired), authority, {}, /TLS with 127\.0\.0\.1: certificate has expired/],
      ['unknown', await startTlsRedis(scope, authority, authority.make('good')), stranger, {},
        /TLS with 127\.0\.0\.1: (unable to get local issuer|self-signed certificate)/],
      ['name', await startTlsRedis(scope, authority, authority.make('other', { san: 'DNS:redis.example' })), authority, {},
        /TLS with 127\.0\.0\.1: IP address mismatch, the certificate is not for 127\.0\.0\.1/],
      ['named', await startTlsRedis(scope, authority, authority.make('again')), authority, { tls_name: 'redis.example' },
        /TLS with 127\.0\.0\.1: hostname mismatch, the certificate is not for redis\.example/i],
      ['plain', await startRedis(scope), authority, {}, /nobody answered the TLS handshake in time/],
      ['old', await startTlsRedis(scope, authority, authority.make('old'), { 'tls-protocols': 'TLSv1.1' }), authority, {},
        /TLS with 127\.0\.0\.1: /],
    ];
    const scaffold = { scope, secrets: (await openSite(t, { scope, config: byTls(cases[1][1], authority) })).secrets };
    for (const [what, redis, trusted, more, words] of cases) {
      const front = await startFront(scaffold, { ...byTls(redis, trusted, more), ready: false });
      await unready(front, words);
      await until(`${what} to be in the log`, () => words.test(front.child.log()));
      await front.stop();
    }
    const named = cases.find(([what]) => what === 'name')[1];
    await startFront(scaffold, byTls(named, authority, { tls_name: 'redis.example' })); // returns once it is ready
  });

  test('a server that wants a certificate of ours gets it, a new one after SIGHUP', async (t) => {
    const scope = openScope(t);
    const authority = openAuthority(scope);
    const redis = await startTlsRedis(scope, authority, authority.make('redis'), { 'tls-auth-clients': 'yes' });
    const { cert, key } = authority.make('front');
    chmodSync(key, 0o600);
    const site = await openSite(t, { scope, config: byTls(redis, authority, { tls_cert: cert, tls_key: key }) });
    const bare = await startFront(site, { ...byTls(redis, authority), ready: false });
    let said = '';
    await until('the refusal to be reported', async () => /TLS with 127\.0\.0\.1: .*certificate/.test(said += await unready(bare)));
    assert.doesNotMatch(said, /reset|hung up/, 'the server says why before it hangs up');
    await bare.stop();
    authority.make('front', { days: -1 });
    site.front.child.signal('SIGHUP');
    await until('the new one to be refused', async () => {
      await redis.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      return /TLS with 127\.0\.0\.1: .*(certificate|expired)/.test((await site.front.private.get('/readyz')).json.redis);
    });
    authority.make('front');
    site.front.child.signal('SIGHUP');
    await site.front.untilReady();
  });

  test('user, password and TLS work together with replicas and sentinels', async (t) => {
    const scope = openScope(t);
    const authority = openAuthority(scope);
    const certificate = authority.make('redis');
    const settings = { include: redisConf(scope), masterauth: PASSWORD };
    const master = await startTlsRedis(scope, authority, certificate, settings);
    const replicas = [await startTlsRedis(scope, authority, certificate, settings), await startTlsRedis(scope, authority, certificate, settings)];
    for (const replica of replicas) {
      await replica.command('REPLICAOF', '127.0.0.1', master.port);
      await untilInStep(replica);
    }
    const tlsLines = Object.entries(tlsSettings(authority, certificate, 0))
      .map(([name, value]) => `${name} ${value}`).filter((line) => !/^(port|tls-port)/.test(line));
    const sentinels = await startSentinels(scope, master, {
      name: 'line', tls: true, settings: [...tlsLines, sentinelUser('sesame'), 'sentinel auth-user line sentinel', `sentinel auth-pass line "${PASSWORD}"`],
    });
    const redis = {
      sentinels: ['nobody.invalid:1', ...sentinels.map(({ port }) => `localhost:${port}`)].join(','), master: 'line',
      ...userOf(scope),
      sentinel_user: 'fairgate', sentinel_password_file: secret(scope, 'sesame'),
      tls: true, tls_ca: authority.ca,
    };
    const site = await openShow(t, MOVING, { scope, fronts: 2, config: { redis } });
    const visitor = await Visitor.inside(site.front, 'show');
    assert.deepEqual(await refused(master), []);
    for (const [wrong, words] of [
      [{ sentinel_password_file: secret(scope, PASSWORD) }, /refused user fairgate: WRONGPASS/],
      [{ password_file: secret(scope, 'sesame') }, /refused user fairgate: WRONGPASS/],
      [{ tls_ca: openAuthority(scope).ca }, /certificate/],
      [{ tls: undefined, tls_ca: undefined }, /./],
    ]) {
      const stranger = await startFront(site, { redis: { ...redis, ...wrong }, ready: false });
      await unready(stranger, words);
      await stranger.stop();
    }
    await master.kill();
    await until('joins to be taken by another', async () => (await new Visitor(site.fronts[1], 'show').join()).status === 201);
    await until('the visit to go on at the other front', async () => (await visitor.session()).status === 200);
    for (const replica of replicas) assert.deepEqual(await refused(replica), []);
    for (const replica of replicas) await replica.kill(); // Redis won't exit while it rewrites its file, as a replica does after a sync
  });

  test('a cluster by TLS, of which one node is named', async (t) => {
    const scope = openScope(t);
    const authority = openAuthority(scope);
    const certificate = authority.make('redis');
    const cluster = await startCluster(scope, 3, async () => {
      const port = await freePort();
      return { port, settings: tlsSettings(authority, certificate, port, { 'tls-cluster': 'yes' }) };
    });
    const [first] = cluster.nodes; // the front learns the other nodes from its answers
    const site = await openSite(t, {
      scope, config: { redis: { cluster: `localhost:${first.port}`, tls: true, tls_ca: authority.ca } },
    });
    for (const event of ['one', 'two', 'three', 'four', 'five']) {
      await makeEvent(site, event, MOVING);
      await new Visitor(site.front, event).joined();
    }
  });
});

// The edge: the requests it forwards or rejects, the headers about the visitor, and a front that dies behind it. HAProxy
// with infra/edge/haproxy.cfg as `make up` fills it in, around stand-ins.

import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import { join } from 'node:path';
import net from 'node:net';
import { before, describe, test } from 'node:test';
import tls from 'node:tls';
import {
  assertProblem,
  assertPrompt,
  client,
  crlf,
  fakeBuild,
  openRaw,
  openScope,
  freePort,
  openStack,
  openStream,
  rawExchange,
  ROOT,
  until,
} from '../lib-js/index.js';
import { byHttp1, byHttp2, judgeFullEdge, MOST, openCrowded, patient } from '../lib-js/full-edge.js';
import { selfSign } from './certificate.js';
import { code, FLAG, FRAME, frame, getHead, H2, header } from '../lib-js/h2.js';

const REQUESTS_PER_10S = 400;

describe('the edge', () => {
  const scope = openScope(test);
  let stack;

  before(async () => {
    stack = await openStack(scope, {
      env: {
        FAIRGATE_BUILD_DIR: fakeBuild(scope, ['queue-front', 'seat-service']),
        FAIRGATE_QUEUE_FRONTS: '2',
        FAIRGATE_EDGE_REQUESTS_PER_10S: String(REQUESTS_PER_10S),
        FAIRGATE_EDGE_CONNECTIONS: '40',
      },
    });
    await stack.up();
  });

  test('routes each path to its service', async () => {
    const served = async (path) => (await stack.edge.get(path)).json?.port - stack.base;
    const fronts = [1, 21];
    for (const path of ['/e/demo', '/v1/queue/demo/status', '/.well-known/jwks.json', '/assets/x']) {
      assert.ok(fronts.includes(await served(path)), path);
    }
    assert.equal(await served('/v1/seats/demo'), 2);
    assert.equal(await served('/seats/demo'), 2);
  });

  test('has a config without HAProxy warnings', () => {
    const { status, stderr } = spawnSync('haproxy', ['-c', '-f', join(stack.dir, 'conf/edge.cfg')], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.doesNotMatch(stderr, /WARNING|ALERT/);
  });

  test('shows the sample event at /', async () => {
    const answer = await stack.edge.get('/');
    assert.equal(answer.status, 302);
    assert.equal(answer.headers.location, '/e/demo');
  });

  for (const [name, status, problem, method, ...paths] of [
    ['has no route to private paths', 404, 'not-found', 'GET', '/admin/events', '/internal/x', '/metrics', '/readyz', '/console', '/v2'],
    ['answers 503 for a service that is down', 503, 'unavailable', 'GET', '/v1/pay/me'],
    ['answers 502 for a service with an invalid response', 502, 'bad-gateway', 'GET', '/e/nonsense'],
    ['refuses TRACE with 405', 405, 'method-not-allowed', 'TRACE', '/e/demo'],
  ])
    test(name, async () => {
      for (const path of paths) assertProblem(await stack.edge.call(method, path), status, problem);
    });

  test('sets the client\'s address and ignores forwarding headers', async () => {
    const headers = {
      'X-Forwarded-For': '203.0.113.9',
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Host': 'evil.example',
      'X-Real-IP': '203.0.113.9',
      Forwarded: 'for=203.0.113.9',
    };
    const seen = (await stack.edge.get('/e/demo', { headers })).json.headers;
    assert.equal(seen['x-forwarded-for'], '127.0.0.1');
    assert.equal(seen['x-forwarded-proto'], 'http');
    assert.equal(seen['x-forwarded-host'], `127.0.0.1:${stack.base}`);
    assert.ok(!JSON.stringify(seen).includes('203.0.113.9'));
  });

  const malformed = {
    'a head without a host': 'GET /e/demo HTTP/1.1\n\n',
    'two hosts': 'GET /e/demo HTTP/1.1\nHost: a\nHost: b\n\n',
    'a space before the colon': 'GET /e/demo HTTP/1.1\nHost : a\n\n',
    'two lengths': 'POST /e/demo HTTP/1.1\nHost: a\nContent-Length: 1\nContent-Length: 2\n\nxx',
    'a step upwards': 'GET /e/../admin/events HTTP/1.1\nHost: a\n\n',
    'a hidden step upwards': 'GET /e/%2e%2E/admin HTTP/1.1\nHost: a\n\n',
    'a NUL in the path': 'GET /e/demo%00 HTTP/1.1\nHost: a\n\n',
    'no HTTP at all': 'HELLO\n\n',
  };
  // HAProxy refuses what it can parse by our rules, in a form that programs can read. Unparsable requests get its own page.
  const parsed = ['a head without a host', 'a step upwards', 'a hidden step upwards', 'a NUL in the path'];
  for (const [what, text] of Object.entries(malformed)) {
    test(`answers ${what} with 400`, async () => {
      const { answers } = await rawExchange({ port: stack.base, bytes: crlf(text) });
      assert.deepEqual(answers.map(({ status }) => status), [400]);
      if (parsed.includes(what)) assertProblem(answers[0], 400, 'malformed-request');
    });
  }

  // The services reject these; the contracts say that visitors are served.
  const repaired = {
    'a folded header': ['GET /e/demo HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n', { 'x-a': /^b +c$/ }],
    'lines that end in LF alone': ['GET /e/demo HTTP/1.1\nHost: a\nX-A: b\n\n', { 'x-a': /^b$/ }],
    'a length next to chunks': [
      'POST /e/demo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
      { 'content-length': undefined, 'transfer-encoding': /^chunked$/ }],
  };
  for (const [what, [bytes, headers]] of Object.entries(repaired)) {
    test(`repairs ${what}, so that the service can read it in one way`, async () => {
      const { answers } = await rawExchange({ port: stack.base, bytes });
      assert.deepEqual(answers.map(({ status }) => status), [200]);
      const seen = JSON.parse(answers[0].text).headers;
      for (const [name, value] of Object.entries(headers))
        if (value === undefined) assert.equal(seen[name], undefined);
        else assert.match(seen[name], value);
      if (what === 'a length next to chunks') assert.equal(answers[0].headers.connection, 'close');
    });
  }

  test('answers a page in words, in the first language of the browser', async () => {
    const open = (path, language) => stack.edge.get(path, { headers: { accept: 'text/html,*/*', 'accept-language': language } });
    for (const [path, status] of [['/e/nonsense', 502], ['/pay/checkout', 503], ['/admin/events', 404]]) {
      for (const [lang, language] of [['ko', 'ko-KR,en;q=0.8'], ['en', 'en-GB,ko;q=0.8'], ['en', 'fr']]) {
        const page = await open(path, language);
        assert.equal(page.status, status, path);
        assert.equal(page.headers['content-type'], 'text/html; charset=utf-8');
        assert.equal(page.headers['cache-control'], 'no-store');
        assert.ok(page.text.includes(`<html lang="${lang}">`), `${path}, ${language}`);
      }
    }
  });

  test('moves reads and repeatable joins to another front when one dies', async () => {
    const { pid } = (await stack.parts())['queue-front'];
    const ports = new Set();
    const join_ = { headers: { 'Idempotency-Key': 'k1' } };
    for (let i = 0; i < 60; i += 1) {
      if (i === 20) await stack.kill('queue-front', pid);
      const answer =
        i % 2 === 0
          ? await stack.edge.get('/v1/queue/demo/status')
          : await stack.edge.post('/v1/queue/demo/join', join_);
      assert.equal(answer.status, 200, `request ${i}: ${answer.text}`);
      ports.add(answer.json.port);
    }
    assert.equal(ports.size, 2, 'both fronts were in use');
    await until('both fronts', async () => {
      const parts = await stack.parts();
      return parts['queue-front'].ready && parts['queue-front-2'].ready;
    });
  });

  test('ends a client that dawdles over its head', async () => {
    const slow = await openRaw({ port: stack.base });
    scope.defer(() => slow.destroy());
    await slow.send('GET /e/demo HTTP/1.1\r\nHost: a\r\nX-Slow: ');
    const started = performance.now();
    const [answer] = await slow.untilClosed(60_000);
    assert.equal(answer.status, 408);
    assertPrompt(10_000, performance.now() - started);
  });

  test('refuses a source that holds too many connections', async () => {
    const held = [];
    for (let i = 0; i < 41; i += 1) held.push(await openRaw({ port: stack.base }));
    // They are in the kernel's queue until the edge accepts them.
    const refused = await until('a refusal', async () => {
      const answer = await stack.edge.get('/e/demo');
      return answer.status === 200 ? null : answer;
    });
    for (const connection of held) connection.destroy();
    assertProblem(refused, 429, 'too-many-connections');
  });

  test('refuses a source above the request limit with 429', async () => {
    // All at once: one after the other they may take longer than the ten-second window.
    const bytes = crlf('GET /e/demo HTTP/1.1\nHost: a\n\n').repeat(REQUESTS_PER_10S + 1);
    const answers = [];
    await until('a refusal', async () => {
      answers.push(...(await rawExchange({ port: stack.base, localAddress: '127.0.5.2', bytes, n: REQUESTS_PER_10S + 1 })).answers);
      return answers.at(-1)?.status === 429;
    });
    assertProblem(answers.at(-1), 429, 'too-many-requests');
    assert.ok(answers.some((answer) => answer.status === 200));
  });
});

test('its pages have the style that their policy allows', () => {
  const [css, settings] = ['page.css', 'haproxy.cfg'].map((name) => readFileSync(join(ROOT, 'infra/edge', name), 'utf8'));
  const hash = createHash('sha256').update(css.replaceAll('\n', '')).digest('base64');
  assert.ok(settings.includes(`style-src 'sha256-${hash}'`), hash);
});

test('a burst of requests by HTTP/1 is refused one by one, and not all at one moment', async (t) => {
  const scope = openScope(t);
  const stack = await openStack(scope, { env: { FAIRGATE_BUILD_DIR: fakeBuild(scope, ['queue-front']), FAIRGATE_EDGE_REQUESTS_PER_10S: '100' } });
  await stack.up();
  const from = { port: stack.base, localAddress: '127.0.5.1' };
  const connection = await openRaw(from);
  scope.defer(() => connection.destroy());
  const began = performance.now();
  const bytes = crlf('GET /e/demo HTTP/1.1\nHost: a\n\n');
  await connection.send(bytes.repeat(200));
  const answers = (await connection.answersOf(102)).slice(0, 102);
  assert.deepEqual(answers.map(({ status }) => status), [...Array(100).fill(200), 429, 429]);
  assertProblem(answers.at(-1), 429, 'too-many-requests');
  assert.equal(answers.at(-1).headers['retry-after'], '5');
  assert.ok(performance.now() - began >= 200, 'each came no earlier than the shortest wait after the one before');

  // Each request waits in a randomly drawn backend; the backends differ in their delay.
  const wait = /^backend (late-\d)[^\n]*\n +timeout tarpit \d+ms$/gm;
  const all = [...stack.read('conf/edge.cfg').matchAll(wait)].map(([, name]) => name);
  assert.equal(all.length, 8);
  const ask = () => rawExchange({ ...from, bytes, n: 1 });
  const rows = () => execFileSync('socat', ['-t5', '-', join(stack.dir, 'edge.sock')], { input: 'show stat\n', encoding: 'utf8' }).split('\n').map((line) => line.split(','));
  await until('somebody to have had each of the waits', async () => {
    await Promise.all(Array.from({ length: 40 }, ask));
    return rows().filter(([name, whose, , , , , , sessions]) => all.includes(name) && whose === 'BACKEND' && Number(sessions) > 0).length === all.length;
  });
});

// Peers are identified by the loopback address that they connect from.
const CDN = '127.0.1.9';
const OUTER_CDN = '198.51.100.7'; // in front of the first one; nobody connects from here
const BALANCER = '127.0.2.9';
const STRANGER = '127.0.3.9';

describe('the edge behind a CDN and a balancer', () => {
  const scope = openScope(test);
  let stack;

  const setUp = async (env) => {
    const at = await openStack(scope, {
      env: {
        FAIRGATE_BUILD_DIR: fakeBuild(scope, ['queue-front']),
        FAIRGATE_EDGE_TRUSTED: '127.0.1.0/24, 198.51.100.0/24,2001:db8:cd::/48',
        FAIRGATE_EDGE_PROXY_PROTOCOL: '127.0.2.0/24',
        FAIRGATE_EDGE_REQUESTS_PER_10S: '20',
        ...env,
      },
      name: env.name ?? 'run',
    });
    await at.up();
    return at;
  };
  before(async () => {
    stack = await setUp({});
  });

  const ask = async (peer, headers = {}, before = '', at = stack) => {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const head = `GET /e/demo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${lines.join('')}\r\n`;
    const bytes = Buffer.concat([Buffer.from(before, 'latin1'), Buffer.from(head)]);
    const { answers } = await rawExchange({ port: at.base, localAddress: peer, bytes });
    return answers[0];
  };
  const visitor = async (...how) => {
    const { status, json } = await ask(...how);
    assert.equal(status, 200);
    return json.headers['x-forwarded-for'];
  };
  const through = (hops) => ({ 'X-Forwarded-For': hops });
  // The limit is twenty in ten seconds: a slow machine repeats until it is reached.
  const refused = (...how) => until('a refusal', async () => {
    const answers = await Promise.all(Array.from({ length: 21 }, () => ask(...how)));
    return answers.find(({ status }) => status === 429);
  });

  test('takes the visitor from the CDN, IPv4 and IPv6', async () => {
    assert.equal(await visitor(CDN, through('203.0.113.5')), '203.0.113.5');
    assert.equal(await visitor(CDN, through('2001:db8:7::1')), '2001:db8:7::1');
    assert.equal(await visitor(CDN, through('203.0.113.5:4711')), '203.0.113.5');
    assert.equal(await visitor(CDN, through('[2001:db8:7::1]:4711')), '2001:db8:7::1');
    assert.equal(await visitor(CDN), CDN);
  });

  test('skips known proxies and trusts no hop before the visitor', async () => {
    assert.equal(await visitor(CDN, through(`203.0.113.5, ${OUTER_CDN}`)), '203.0.113.5');
    assert.equal(await visitor(CDN, through('203.0.113.5, 2001:db8:cd::8, 198.51.100.8')), '203.0.113.5');
    assert.equal(await visitor(CDN, through(`192.0.2.66, 203.0.113.5,${OUTER_CDN}`)), '203.0.113.5');
    assert.equal(await visitor(CDN, { ...through('192.0.2.66'), 'x-forwarded-for': OUTER_CDN }), '192.0.2.66');
  });

  test('treats the hop that wrote an invalid address as the visitor', async () => {
    assert.equal(await visitor(CDN, through('garbage')), CDN);
    assert.equal(await visitor(CDN, through('203.0.113.5, unknown')), CDN);
    assert.equal(await visitor(CDN, through(`203.0.113.5, _x, ${OUTER_CDN}`)), OUTER_CDN);
    assert.equal(await visitor(CDN, through('garbage, 203.0.113.5')), '203.0.113.5');
  });

  test('ignores forwarding headers of unknown proxies', async () => {
    const headers = { ...through('203.0.113.5'), 'CF-Connecting-IP': '203.0.113.5', 'X-Forwarded-Proto': 'https' };
    const { json } = await ask(STRANGER, headers);
    assert.equal(json.headers['x-forwarded-for'], STRANGER);
    assert.equal(json.headers['x-forwarded-proto'], 'http');
    assert.ok(!JSON.stringify(json.headers).includes('203.0.113.5'));
  });

  test('knows from the CDN that the visitor came by TLS', async () => {
    const { json, headers } = await ask(CDN, { ...through('203.0.113.5'), 'X-Forwarded-Proto': 'https' });
    assert.equal(json.headers['x-forwarded-proto'], 'https');
    assert.match(headers['strict-transport-security'], /^max-age=/);
  });

  test('limits each visitor behind a CDN separately', async () => {
    assertProblem(await refused(CDN, through('203.0.113.77')), 429, 'too-many-requests');
    assert.equal((await ask(CDN, through('203.0.113.78'))).status, 200);
    for (let i = 0; i < 22; i += 1) assert.equal((await ask(CDN, through(`203.0.112.${i}`))).status, 200);
  });

  const v1 = (from) => `PROXY TCP${from.includes(':') ? 6 : 4} ${from} ${from.includes(':') ? '::1' : '127.0.0.1'} 4711 80\r\n`;
  const v2 = (address) => {
    const head = Buffer.from('0d0a0d0a000d0a515549540a21', 'hex');
    const rest = Buffer.from([address.length === 4 ? 0x11 : 0x21, 0, address.length * 2 + 4]);
    return Buffer.concat([head, rest, Buffer.from(address), Buffer.alloc(address.length), Buffer.from([0x12, 0x67, 0, 80])]).toString('latin1');
  };

  test('takes the address from a balancer\'s PROXY protocol, both versions', async () => {
    assert.equal(await visitor(BALANCER, {}, v1('203.0.113.5')), '203.0.113.5');
    assert.equal(await visitor(BALANCER, {}, v1('2001:db8:7::1')), '2001:db8:7::1');
    assert.equal(await visitor(BALANCER, through('192.0.2.66'), v2([203, 0, 113, 6])), '203.0.113.6');
    const v6 = [0x20, 1, 0xd, 0xb8, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
    assert.equal(await visitor(BALANCER, {}, v2(v6)), '2001:db8:7::2');
    assert.equal(await visitor(BALANCER, through('203.0.113.9'), v1(OUTER_CDN)), '203.0.113.9');
  });

  test('limits each visitor behind a balancer separately', async () => {
    assertProblem(await refused(BALANCER, {}, v1('203.0.113.87')), 429, 'too-many-requests');
    assert.equal((await ask(BALANCER, {}, v1('203.0.113.88'))).status, 200);
  });

  test('takes the PROXY protocol from nobody else, and nothing else from a balancer', async () => {
    assert.equal((await ask(STRANGER, {}, v1('203.0.113.5'))).status, 400);
    assert.equal((await ask(STRANGER, {}, v2([203, 0, 113, 5]))).status, 400);
    assert.equal(await ask(BALANCER), undefined); // closed without an answer
    assert.equal(await ask(BALANCER, {}, 'PROXY TCP4 garbage\r\n'), undefined);
  });

  test('can take the visitor from a header with one address', async () => {
    // A setting stays until it is changed.
    await stack.up({ FAIRGATE_EDGE_CLIENT_IP_HEADER: 'CF-Connecting-IP' });
    const headers = { ...through('192.0.2.66'), 'CF-Connecting-IP': '2001:db8:7::5' };
    assert.equal(await visitor(CDN, headers), '2001:db8:7::5');
    assert.equal(await visitor(CDN, through('192.0.2.66')), CDN);
    assert.equal(await visitor(STRANGER, headers), STRANGER);
  });

  test('does not start with an invalid network, and names the line', async () => {
    const { status, stderr } = await stack.command('up', { FAIRGATE_EDGE_TRUSTED: '10.0.0.0/8, 10.0.0.0/33' });
    assert.notEqual(status, 0);
    assert.match(stderr, /10\.0\.0\.0\/33/);
    assert.match(stderr, /line 2 of file '[^\n']*edge\.trusted\.lst'/);
    const strange = await stack.command('up', { FAIRGATE_EDGE_PROXY_PROTOCOL: 'everybody' });
    assert.match(strange.stderr, /FAIRGATE_EDGE_PROXY_PROTOCOL=everybody: networks/);
  });
});

function certificate(scope) {
  const pem = join(scope.tempDir(), 'edge.pem');
  selfSign(pem);
  return pem;
}

// A whole stack around stand-ins, with a certificate.
async function openTls(scope, env = {}) {
  const stack = await openStack(scope, {
    env: { FAIRGATE_BUILD_DIR: fakeBuild(scope, ['queue-front']), FAIRGATE_TLS_PEM: certificate(scope), ...env },
  });
  assert.match(await stack.up(), /https:\/\/localhost:/);
  return stack;
}

// What a browser keeps of a connection, and whether the edge resumes the session.
function connectOnce(port, options = {}) {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['http/1.1'], ...options });
    let session;
    let reused;
    socket.on('secureConnect', () => { reused = socket.isSessionReused(); });
    socket.on('session', (given) => { session = given; });
    socket.on('error', reject);
    socket.on('close', () => resolve({ reused, session }));
    socket.end('GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    socket.resume();
  });
}

test('a session is taken up again after a restart of the edge and a rotation of the keys, and not after another', async (t) => {
  const scope = openScope(t);
  const stack = await openTls(scope);
  const resumes = async (session, options) => (await connectOnce(stack.base, { ...options, session })).reused;
  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    const only = { minVersion: version, maxVersion: version };
    const { session, reused } = await connectOnce(stack.base, only);
    assert.equal(reused, false);
    assert.equal(await resumes(session, only), true, version);
  }
  const { session } = await connectOnce(stack.base);
  const { edge } = await stack.parts();
  await stack.kill('edge');
  await until('another edge', async () => {
    const now = (await stack.parts()).edge;
    return now.pid !== edge.pid && now.ready;
  });
  assert.equal(await resumes(session), true);
  const rotate = (...flags) => execFileSync(join(ROOT, 'infra/edge/ticket-keys'), [...flags, join(stack.dir, 'secrets/tls-ticket-keys'), join(stack.dir, 'edge.sock')]);
  // The key that signs is the second of three.
  rotate();
  const later = (await connectOnce(stack.base)).session;
  assert.equal(await resumes(session), true);
  rotate();
  assert.equal(await resumes(session), false);
  assert.equal(await resumes(later), true);
});

test('the other edge gets the ticket keys, also those of a rotation that it missed', async (t) => {
  const scope = openScope(t);
  const tools = scope.tempDir(), keys = join(tools, 'keys');
  writeFileSync(keys, Array.from({ length: 3 }, () => `${randomBytes(80).toString('base64')}\n`).join(''));
  writeFileSync(join(tools, 'peers'), 'two\n');
  const bounded = 'case "$*" in *ConnectTimeout=*ServerAliveInterval=*) ;; *) exit 9;; esac';
  for (const [name, words] of [['scp', 'until [ "${2%%:*}" = two ]; do shift; done; cp "$1" "${2#two:}"'], ['ssh', 'until [ "$1" = two ]; do shift; done; shift; sh -c "$*"']])
    writeFileSync(join(tools, name), `#!/bin/sh\n${bounded}\n${words}\n`, { mode: 0o755 });
  const pem = certificate(scope), [here, there] = [await freePort(), await freePort()];
  const [one, two] = [here, there].map((port) => runEdge(scope, `certificate = ${pem}\nlisten_tls = 127.0.0.1:${port}\nticket_keys = ${keys}\nfronts = 127.0.0.1:1`));
  const rotate = join(ROOT, 'infra/edge/ticket-keys');
  const resumes = async () => (await connectOnce(there, { session: (await connectOnce(here)).session })).reused;
  await until('both', async () => await resumes().catch(() => false));
  for (let n = 0; n < 2; n += 1) execFileSync(rotate, [keys, one]);
  assert.equal(await resumes(), false);
  execFileSync(join(ROOT, 'infra/edge/to-peers'), [keys, `${rotate} --tell ${keys} ${two}`], { env: { ...process.env, PATH: `${tools}:${process.env.PATH}`, FAIRGATE_EDGE_PEERS: join(tools, 'peers') } });
  assert.equal(await resumes(), true);
});

test('the script for a certificate fails if certbot could not hand it over', (t) => {
  const scope = openScope(t);
  const [etc, tools] = [scope.tempDir(), scope.tempDir()];
  mkdirSync(join(etc, 'secrets'));
  cpSync(join(ROOT, 'infra/edge/edge.conf'), join(etc, 'edge.conf'));
  for (const name of ['certbot', 'systemctl', 'fairgate-edge']) writeFileSync(join(tools, name), '#!/bin/sh\n', { mode: 0o755 });
  const script = readFileSync(join(ROOT, 'infra/edge/certificate'), 'utf8').replaceAll('/etc/fairgate', etc);
  const make = () => spawnSync('sh', ['-c', script, 'certificate', '-d', 'tickets.example'], { encoding: 'utf8', env: { ...process.env, PATH: `${tools}:${process.env.PATH}` } });
  const failed = make();
  assert.deepEqual([failed.status, /run this again with --force-renewal/.test(failed.stderr)], [1, true], failed.stderr);
  cpSync(certificate(scope), join(etc, 'secrets/edge.pem'));
  assert.equal(make().status, 0);
});

// Sends early data as browsers do, after a first connection; returns the answer.
async function sayEarly(scope, port, request) {
  const dir = scope.tempDir();
  const [session, file] = [join(dir, 'session'), join(dir, 'request')];
  writeFileSync(file, request);
  const say = (argv, input) => new Promise((resolve) => {
    const child = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-tls1_3', '-ign_eof', ...argv]);
    let text = '';
    child.stdout.on('data', (bytes) => { text += bytes; });
    child.on('close', () => resolve(text));
    child.stdin.end(input);
  });
  await say(['-sess_out', session], request);
  return say(['-sess_in', session, '-early_data', file], request);
}

function get(session, path) {
  return new Promise((resolve, reject) => {
    const call = session.request({ ':path': path });
    let headers;
    let body = '';
    call.on('response', (h) => (headers = h));
    call.on('data', (text) => (body += text));
    call.on('end', () => resolve({ headers, body }));
    call.on('error', reject);
    call.end();
  });
}

// Also attacks that HTTP/2 allows and HTTP/1 does not. Each attacker has its own address.
describe('the edge with a certificate', () => {
  const scope = openScope(test);
  const PER_10S = 100;
  const NEW_PER_10S = 60;
  let stack;
  let pid;

  before(async () => {
    stack = await openTls(scope, { FAIRGATE_EDGE_REQUESTS_PER_10S: String(PER_10S), FAIRGATE_EDGE_NEW_CONNECTIONS_PER_10S: String(NEW_PER_10S) });
    ({ pid } = (await stack.parts()).edge);
  });

  const open = async (localAddress) => {
    const h2 = await H2.open({ port: stack.base, localAddress });
    scope.defer(() => h2.destroy());
    return h2;
  };
  const memoryKb = () => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
  const othersAreAnswered = async () => {
    const session = http2.connect(`https://localhost:${stack.base}`, { rejectUnauthorized: false });
    const { headers, body } = await get(session, '/e/demo');
    const { alpnProtocol } = session;
    session.close();
    assert.equal(headers[':status'], 200);
    return { headers, body, alpnProtocol };
  };
  // Sends as fast as the edge accepts, until it ends the connection. Returns how many times.
  async function flood(h2, make) {
    let sent = 0;
    await until('the edge to end it', async () => {
      for (let i = 0; i < 50 && !h2.closed; i += 1, sent += 1) h2.send(...make(sent));
      await h2.drained();
      return h2.closed;
    }, { everyMs: 1 });
    return sent;
  }

  test('speaks TLS and HTTP/2', async () => {
    const { headers, body, alpnProtocol } = await othersAreAnswered();
    assert.match(headers['strict-transport-security'], /^max-age=\d+$/);
    assert.equal(alpnProtocol, 'h2');
    assert.equal(JSON.parse(body).headers['x-forwarded-proto'], 'https');
  });

  // Data sent before the handshake is complete may be a replayed recording.
  test('early data is refused, and the same is answered once the handshake is over', async () => {
    const output = await sayEarly(scope, stack.base, 'GET /e/demo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    assert.match(output, /^Reused, TLSv1\.3/m);
    assert.match(output, /^Early data was (not sent|rejected)/m);
    assert.equal(output.match(/^HTTP\/1\.1 200/gm).length, 1);
  });

  test('its allocator is one that gives back what a crowd took', () => {
    assert.match(readFileSync(`/proc/${pid}/maps`, 'utf8'), /libjemalloc\.so/);
  });

  test('a head that never ends is ended where heads end, at 16 KB', async () => {
    const before_ = memoryKb();
    const h2 = await open('127.0.4.1');
    h2.send(frame(FRAME.HEADERS, FLAG.END_STREAM, 1, getHead('/e/demo')));
    const more = Buffer.concat(Array.from({ length: 40 }, (_, i) => header(`x-${i}`, 'y'.repeat(100))));
    await flood(h2, () => [frame(FRAME.CONTINUATION, 0, 1, more)]);
    assert.equal(h2.of(FRAME.HEADERS).length, 0, 'nobody was asked');
    assert.ok(memoryKb() - before_ < 16_384, `${before_} KB, then ${memoryKb()} KB`);
    await othersAreAnswered();
  });

  test('rapid stream resets count as requests and get the source refused', async () => {
    const before_ = memoryKb();
    const h2 = await open('127.0.4.2');
    await flood(h2, (n) => [
      frame(FRAME.HEADERS, FLAG.END_STREAM | FLAG.END_HEADERS, 2 * n + 1, getHead('/v1/queue/demo/status')),
      frame(FRAME.RST_STREAM, 0, 2 * n + 1, code(8)),
    ]);
    assert.ok(memoryKb() - before_ < 16_384, `${before_} KB, then ${memoryKb()} KB`);
    await assert.rejects(open('127.0.4.2'));
    await othersAreAnswered();
  });

  test('new connections per address are limited before the TLS handshake', async () => {
    const from = '127.0.4.4';
    let opened = 0;
    await until('a refusal', async () => {
      const tries = await Promise.allSettled(Array.from({ length: 20 }, () => H2.open({ port: stack.base, localAddress: from })));
      for (const { value } of tries) value?.destroy();
      opened += tries.filter(({ status }) => status === 'fulfilled').length;
      return opened > 0 && tries.every(({ status }) => status === 'rejected');
    }, { everyMs: 1 });
    assert.ok(opened >= NEW_PER_10S, `${opened} were opened`);
    await othersAreAnswered();
  });

  test('more streams than were offered are refused, each by itself', async () => {
    const h2 = await open('127.0.4.3');
    for (let n = 0; n < 150; n += 1) h2.send(frame(FRAME.HEADERS, FLAG.END_STREAM | FLAG.END_HEADERS, 2 * n + 1, getHead('/v1/queue/demo/stream')));
    await until('refusals', () => h2.of(FRAME.RST_STREAM).length >= 50);
    for (const { payload } of h2.of(FRAME.RST_STREAM)) assert.equal(payload.readUInt32BE(0), 7, 'REFUSED_STREAM: nothing was done, ask again');
    assert.ok(!h2.closed);
    h2.destroy();
    await othersAreAnswered();
  });
});

test('streams have connections of their own: beyond them streams are refused, requests are not', async (t) => {
  const scope = openScope(t);
  const stack = await openStack(scope, {
    env: { FAIRGATE_BUILD_DIR: fakeBuild(scope, ['queue-front', 'seat-service']), FAIRGATE_QUEUE_FRONTS: '1', STREAMS_MAX: '3' },
  });
  await stack.up();
  for (const path of ['/v1/queue/demo/stream', '/v1/seats/demo/stream']) {
    const held = [];
    for (let n = 0; n < 3; n += 1) held.push(await openStream({ port: stack.base, path }));
    for (const stream of held) assert.deepEqual((await stream.find('the first event', () => true)).json, { first: true });
    assertProblem(await stack.edge.get(path), 503, 'unavailable');
    assert.equal((await stack.edge.get(path.replace('stream', 'status'))).status, 200);
    for (const stream of held) stream.close();
  }
});

// Runs the edge alone, with these settings. `change`: edits its configuration. Returns its socket.
function runEdge(scope, settings, change = (text) => text) {
  const dir = scope.tempDir('edge-');
  const [conf, cfg] = ['edge.conf', 'edge.cfg'].map((name) => join(dir, name));
  writeFileSync(conf, `${settings}\nsocket = ${dir}/edge.sock\n`);
  execFileSync(join(ROOT, 'infra/edge/fairgate-edge'), [conf, cfg]);
  writeFileSync(cfg, change(readFileSync(cfg, 'utf8')));
  scope.spawn('haproxy', ['haproxy', '-db', '-f', cfg], { stays: true });
  return `${dir}/edge.sock`;
}

for (const [what, by] of [['HTTP/1', byHttp1], ['HTTP/2', byHttp2]]) test(`a full edge serves visitors who have a place, its health and the services, and tells the others at once, by ${what}`, async (t) => {
  const scope = openScope(t);
  const [front, listen, health] = [await openCrowded(scope), await freePort(), await freePort()];
  const visitors = by === byHttp2 ? `certificate = ${certificate(scope)}\nlisten_tls = 127.0.0.1:${listen}` : `listen = 127.0.0.1:${listen}`;
  runEdge(scope, `${visitors}\nhealth = 127.0.0.1:${health}\nfronts = 127.0.0.1:${front}:${front}\npay = 127.0.0.1:${front}:${front}\nmaxconn = ${MOST}`, patient);
  await judgeFullEdge(listen, [[health, '/healthz']], 'demo', by);
  const crowd = Array.from({ length: MOST + 20 }, () => net.connect(listen, '127.0.0.1').on('error', () => {})); // the last ones wait in the kernel's queue
  scope.defer(() => crowd.forEach((one) => one.destroy()));
  await Promise.all(crowd.map((one) => new Promise((resolve) => { one.once('connect', resolve); })));
  assert.equal((await client({ port: health }).get('/healthz')).status, 200);
});

test('an uploaded picture is read from its service once, whatever a request names or asks of caches, and by no query', async (t) => {
  const scope = openScope(t);
  const [listen, port] = [await freePort(), await freePort()];
  const read = [];
  const service = http.createServer(({ url }, answer) => {
    if (url !== '/healthz') read.push(url);
    answer.writeHead(200, { 'cache-control': 'public, max-age=31536000, immutable' }).end('picture');
  }).listen(port, '127.0.0.1');
  scope.defer(() => service.close());
  runEdge(scope, `listen = 127.0.0.1:${listen}\npay = 127.0.0.1:${port}:${port}`);
  const path = '/pay/-/demo/0123456789abcdef/picture';
  const get = (host, query = '', headers = {}) => client({ port: listen }).get(path + query, { headers: { Host: host, ...headers } });
  await until('the first', async () => (await get('here')).status === 200);
  for (const host of ['there', 'here:8080', 'HERE']) assert.equal((await get(host)).text, 'picture');
  for (const asked of [{ 'Cache-Control': 'no-cache' }, { Pragma: 'no-cache' }, { Authorization: 'Bearer x' }]) assert.equal((await get('here', '', asked)).text, 'picture');
  for (const scheme of ['a1', 'a2']) assert.equal((await client({ port: listen }).get(`${scheme}://here${path}`, { headers: { Host: 'here' } })).text, 'picture');
  assert.equal((await get('here', '?x')).status, 404);
  assert.deepEqual(read, [path]);
});

test('the port that redirects to TLS ends each answered connection, and no address can fill it', async (t) => {
  const scope = openScope(t);
  const [listen, port] = [await freePort(), await freePort()];
  runEdge(scope, `certificate = ${certificate(scope)}\nlisten_tls = 127.0.0.1:${listen}\nredirect = 127.0.0.1:${port}\nfronts = 127.0.0.1`);
  await until('the edge', () => openRaw({ port }).then((one) => (one.destroy(), true), () => false));
  const { answers } = await rawExchange({ port, bytes: crlf('GET /e/demo HTTP/1.1\nHost: localhost\n\n'), n: 2, timeoutMs: 5_000 });
  assert.deepEqual(answers.map(({ status }) => status), [301], 'the connection ended, so that others may come');
  const crowd = Array.from({ length: 250 }, () => net.connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' }).on('error', () => {}));
  scope.defer(() => crowd.forEach((one) => one.destroy()));
  await until('a tenth of its 2,000 connections', () => crowd.filter(({ closed }) => !closed).length === 200);
});

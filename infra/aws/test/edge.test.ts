// Runs the edge of AWS: it finds servers by names whose addresses change, finds the seats' owner, and trusts the balancer
// about the visitor's address. Servers are stubs; HAProxy and its configuration are real.

import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type IncomingHttpHeaders, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { edgeConfig, FILES, withoutComments } from '../src/edge.js';
import { ROOT } from '../src/sale.js';
import { nameServer } from './names.js';

const NET = `127.${64 + ((process.pid >> 8) & 127)}.${process.pid & 255}`; // addresses of this machine that nobody else has
const EDGE = `${NET}.1`, INSIDE = `${NET}.2`;
const DOMAIN = 'fairgate.internal';
const LONG = { timeout: 120_000 };

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  by: string;
  saw: IncomingHttpHeaders;
}

// The balancer's headers: the addresses that CloudFront wrote, and the scheme.
const FROM_BALANCER = { host: 'tickets.example', 'x-forwarded-for': '198.51.100.9, 203.0.113.7', 'x-forwarded-proto': 'https' };

function get(host: string, port: number, path: string, headers: Record<string, string> = FROM_BALANCER): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host, port, path, headers, agent: false, timeout: 5000 }, (res) => {
      let body = '';
      res.on('data', (chunk) => (body += chunk)).on('end', () => {
        const told = body.startsWith('{"by"') ? (JSON.parse(body) as { by: string; saw: IncomingHttpHeaders }) : { by: '', saw: {} };
        resolve({ status: res.statusCode!, headers: res.headers, ...told });
      });
    });
    asked.on('error', reject).on('timeout', () => asked.destroy(new Error('no answer'))).end();
  });
}

// Waits until it holds, or until the test's timeout.
async function until(what: () => Promise<boolean>): Promise<void> {
  while (!(await what().catch(() => false))) await new Promise((resolve) => { setTimeout(resolve, 50); });
}

class StandIn {
  #servers: Server[] = [];
  ready = true;
  constructor(readonly name: string, readonly address: string) {}

  async open(port: number): Promise<this> {
    const served = createServer((req, res) => res.end(JSON.stringify({ by: this.name, saw: req.headers })));
    const health = createServer((req, res) => {
      const well = req.url === '/healthz' || this.ready;
      if (req.url === '/healthz' || req.url === '/readyz') res.writeHead(well ? 200 : 503).end(JSON.stringify({ role: this.ready ? 'owner' : 'standby' }));
      else res.end(JSON.stringify({ by: this.name, saw: req.headers }));
    });
    for (const [server, at] of [[served, port], [health, port + 10]] as const) {
      await new Promise<void>((resolve) => { server.listen(at, this.address, resolve); });
      this.#servers.push(server);
    }
    return this;
  }

  close(): void {
    for (const server of this.#servers.splice(0)) {
      server.close();
      server.closeAllConnections();
    }
  }
}

const front1 = new StandIn('front1', `${NET}.21`), front2 = new StandIn('front2', `${NET}.22`);
const seatsA = new StandIn('seats-a', `${NET}.31`), seatsB = new StandIn('seats-b', `${NET}.32`);
const pay = new StandIn('pay', `${NET}.41`);
const known = new Map<string, string[]>([
  [`queue-front.${DOMAIN}`, [front1.address]], [`payment-adapter.${DOMAIN}`, [pay.address]],
  [`seats-a.${DOMAIN}`, [seatsA.address]], [`seats-b.${DOMAIN}`, [seatsB.address]],
]);
let haproxy: ChildProcess | undefined;
let dir = '';
let names: Awaited<ReturnType<typeof nameServer>> | undefined;

before(async () => {
  names = await nameServer((name) => known.get(name));
  await Promise.all([front1.open(8081), front2.open(8081), seatsA.open(8082), seatsB.open(8082), pay.open(8083)]);
  seatsB.ready = false;
  dir = mkdtempSync(join(tmpdir(), 'fairgate-edge-'));
  writeFileSync(join(dir, 'edge.trusted.lst'), '127.0.0.1\n');
  const config = withoutComments(edgeConfig({ bind: `${EDGE}:8080`, inside: INSIDE, domain: DOMAIN, event: 'tour', fronts: ['queue-front', 'queue-front-2'], maxconn: 200 }))
    .replaceAll(FILES, dir).replaceAll('/usr/share/fairgate/edge', join(ROOT, 'infra/edge'))
    .replace('parse-resolv-conf', `nameserver here 127.0.0.1:${names.port}`);
  writeFileSync(join(dir, 'edge.cfg'), config);
  haproxy = spawn('setpriv', ['--pdeathsig', 'KILL', 'haproxy', '-db', '-f', join(dir, 'edge.cfg')], { stdio: 'ignore' });
});

after(() => {
  haproxy?.kill('SIGKILL');
  names?.close();
  for (const one of [front1, front2, seatsA, seatsB, pay]) one.close();
  if (dir !== '') rmSync(dir, { recursive: true });
});

test('what the names lead to answers: line, seats, checkout, and their pages', LONG, async () => {
  for (const [path, by] of [['/v1/queue/tour/status', 'front1'], ['/v1/seats/tour', 'seats-a'], ['/v1/pay/me', 'pay']] as const) {
    await until(async () => (await get(EDGE, 8080, path)).by === by);
  }
  for (const [path, by] of [['/e/tour', 'front1'], ['/seats/tour', 'seats-a'], ['/pay/checkout', 'pay']] as const) {
    await until(async () => (await get(EDGE, 8080, path, { ...FROM_BALANCER, accept: 'text/html' })).by === by);
  }
});

test('the visitor is whom CloudFront saw, reached by TLS; what the visitor claims stays outside', LONG, async () => {
  await until(async () => (await get(EDGE, 8080, '/v1/queue/tour/status')).by === 'front1');
  const { saw, headers } = await get(EDGE, 8080, '/v1/queue/tour/status', { ...FROM_BALANCER, 'x-real-ip': '192.0.2.1' });
  assert.deepEqual([saw['x-forwarded-for'], saw['x-forwarded-proto'], saw['x-forwarded-host'], saw['x-real-ip']], ['203.0.113.7', 'https', 'tickets.example', undefined]);
  assert.match(headers['strict-transport-security']!, /max-age/);
});

test('a full edge serves visitors who have a place, and its health', LONG, async (context) => {
  const shared = (name: string): Promise<any> => import(join(ROOT, 'tests/lib-js', name));
  const [{ behindCrowd, judgeFullEdge, MOST, openCrowded }, { freePort, openScope }] = [await shared('full-edge.js'), await shared('index.js')];
  const scope = openScope(context), file = join(scope.tempDir(), 'edge.cfg');
  const [crowded, listen, health] = [await openCrowded(scope), await freePort(), await freePort()];
  const config = edgeConfig({ bind: `127.0.0.1:${listen}`, health: `127.0.0.1:${health}`, domain: DOMAIN, event: 'tour', maxconn: MOST })
    .replaceAll(/-f \S+edge\.trusted\.lst/g, '255.255.255.255').replaceAll(FILES, scope.tempDir()).replaceAll('/usr/share/fairgate/edge', join(ROOT, 'infra/edge'));
  writeFileSync(file, behindCrowd(config, crowded));
  scope.spawn('haproxy', ['haproxy', '-db', '-f', file], { stays: true });
  await judgeFullEdge(listen, [[health, '/healthz']], 'tour');
});

test('who owns the seats is asked for them, from outside and from beside the adapter, and the other one after it takes over', LONG, async () => {
  for (const [owner, follower] of [[seatsA, seatsB], [seatsB, seatsA]] as const) {
    owner.ready = true;
    follower.ready = false;
    await until(async () => (await get(EDGE, 8080, '/v1/seats/tour')).by === owner.name);
    await until(async () => (await get(INSIDE, 8082, '/v1/seats/tour')).by === owner.name);
    await until(async () => (await get(INSIDE, 8092, '/internal/events/tour/holds/x')).by === owner.name);
  }
});

test('a front that Fargate has put elsewhere is found by its name', LONG, async () => {
  await until(async () => (await get(EDGE, 8080, '/v1/queue/tour/status')).by === 'front1');
  known.set(`queue-front.${DOMAIN}`, [front2.address]);
  front1.close();
  await until(async () => (await get(EDGE, 8080, '/v1/queue/tour/status')).by === 'front2');
  await until(async () => (await get(EDGE, 8080, '/e/tour', { ...FROM_BALANCER, accept: 'text/html' })).by === 'front2');
  await until(async () => (await get(INSIDE, 8091, '/internal/sessions/x/end')).by === 'front2');
});

test('more fronts than one name has addresses for are found by a second name', LONG, async () => {
  await front1.open(8081);
  known.set(`queue-front-2.${DOMAIN}`, [front1.address]);
  front2.close();
  await until(async () => (await get(EDGE, 8080, '/v1/queue/tour/status')).by === 'front1');
  await until(async () => (await get(EDGE, 8080, '/e/tour', { ...FROM_BALANCER, accept: 'text/html' })).by === 'front1');
});

// The helpers themselves: a wrong helper makes every test that uses it worthless.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import test from 'node:test';
import { OwnTime } from '../lib-js/own-time.js';
import {
  assertProblem,
  client,
  Contract,
  CookieJar,
  freePort,
  openScope,
  until,
  serve,
} from '../lib-js/index.js';

const alive = (pid) => existsSync(`/proc/${pid}`);

test('a scope ends its processes and removes its folders', async () => {
  const scope = openScope();
  const dir = scope.dir();
  const child = scope.spawn('sleeper', ['sleep', '600']);
  await until('the process to stand', () => alive(child.pid));
  await scope.close();
  assert.ok(!alive(child.pid));
  assert.ok(!existsSync(dir));
});

test('a call ends in time, also while a server takes no connection', { timeout: 60_000 }, async (t) => {
  const scope = openScope(t);
  const port = await freePort();
  const listens = `require("net").createServer().listen({ port: ${port}, host: "127.0.0.1", backlog: 1 })`;
  const child = scope.spawn('server', [process.execPath, '-e', listens], { stays: true });
  const call = () => client({ port, timeoutMs: 100 }).get('/');
  await until('it to listen', async () => (await call().catch((error) => error)).code !== 'ECONNREFUSED');
  process.kill(child.pid, 'SIGSTOP');
  scope.defer(() => process.kill(child.pid, 'SIGCONT'));
  await Promise.all(Array.from({ length: 8 }, () => assert.rejects(call(), /no answer in 100 ms/)));
});

// A signalled file closes its scopes; tests that fail because of that finish meanwhile.
test('a second close() during a close keeps the order of cleanups', async () => {
  const scope = openScope();
  const undone = [];
  let end;
  scope.defer(() => undone.push('what it stands on'));
  scope.defer(() => new Promise((resolve) => { end = () => { undone.push('what takes time'); resolve(); }; }));
  const closes = [scope.close(), scope.close()];
  await Promise.resolve();
  end();
  await Promise.all(closes);
  assert.deepEqual(undone, ['what takes time', 'what it stands on']);
  scope.defer(() => undone.push('what came later'));
  await scope.close();
  assert.equal(undone.at(-1), 'what came later');
});

test('a program that ends early is reported at once, with its last output', async (t) => {
  const scope = openScope(t);
  const child = scope.spawn('failing', ['sh', '-c', 'echo no such config; exit 3']);
  const waiting = until('readiness', () => child.assertRunning(), { timeoutMs: 60_000 });
  await assert.rejects(waiting, /failing ended \(status 3\):\nno such config/);
});

test('the client keeps cookies and judges problems', async (t) => {
  const scope = openScope(t);
  const { port } = await serve(scope, (request, answer) => {
    if (request.headers.cookie === 'a=1') {
      answer.writeHead(429, { 'content-type': 'application/problem+json', 'retry-after': '2' });
      answer.end('{"status":429,"code":"too-many","title":"Too many"}');
    } else {
      answer.writeHead(200, { 'set-cookie': 'a=1; HttpOnly; Path=/' });
      answer.end();
    }
  });
  const jar = new CookieJar();
  const web = client({ port });
  jar.take(await web.get('/'));
  assert.ok(jar.get('a').attributes.includes('httponly'));
  const refused = await web.get('/', { headers: jar.headers });
  assertProblem(refused, 429, 'too-many');
  assert.throws(() => assertProblem(refused, 429, 'other-code'));
});

test('an answer with invalid JSON is an error of its call', async (t) => {
  const { port } = await serve(openScope(t), (request, answer) => answer.writeHead(200, { 'content-type': 'application/json' }).end('{"half":'));
  await assert.rejects(client({ port }).get('/here'), /GET \/here: 200 with a body that is not what it says/);
});

test('a contract accepts what it promises and nothing else', () => {
  const contract = new Contract({
    openapi: '3.1.0',
    paths: {
      '/v1/{event}/me': {
        get: {
          responses: {
            200: {
              headers: { 'Cache-Control': { required: true, schema: { type: 'string' } } },
              content: { 'application/json': { schema: { $ref: '#/components/schemas/Me' } } },
            },
            404: { description: 'none' },
          },
        },
      },
    },
    components: {
      schemas: { Me: { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } } },
    },
  });
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  const good = { status: 200, headers, text: '{"n":1}', json: { n: 1 } };
  contract.check('GET', '/v1/demo/me?x=1', good);
  assert.deepEqual(contract.unseen(), ['GET /v1/{event}/me 404']);
  const refused = (method, path, answer, why) =>
    assert.throws(() => contract.check(method, path, answer), why);
  refused('GET', '/v2/demo/me', good, /not in the contract/);
  refused('POST', '/v1/demo/me', good, /not in the contract/);
  refused('GET', '/v1/demo/me', { ...good, status: 500 }, /not in the contract/);
  refused('GET', '/v1/demo/me', { ...good, json: { n: 'x' } }, /must be integer/);
  refused('GET', '/v1/demo/me', { ...good, headers: { 'content-type': 'text/html' } }, /header/);
});

test('a process without CPU time uses up little of its own time', async (t) => {
  const scope = openScope(t);
  const cpu = /^Cpus_allowed_list:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1];
  const spin = (name, nice) => scope.spawn(name, ['taskset', '-c', cpu, 'nice', '-n', String(nice), process.execPath, '-e', 'for (;;);']).pid;
  const ranMs = (pid) => Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
  const hog = spin('hog', 0);
  const starved = spin('starved', 19);
  const asleep = scope.spawn('asleep', ['sleep', '600']).pid;
  await until('all to be at it', () => ranMs(hog) > 100 && ranMs(starved) > 0 && ranMs(asleep) > 0);
  const [from, ranBefore, times] = [performance.now(), ranMs(hog), [starved, asleep].map((pid) => new OwnTime(pid))];
  times.forEach((time) => time.look());
  const began = times.map(({ ms }) => ms);
  await until('one to have been kept waiting', () => {
    times.forEach((time) => time.look());
    return ranMs(hog) - ranBefore > 300 && times[1].wants < 0.1;
  });
  const passed = performance.now() - from;
  const [waited, slept] = times.map(({ ms }, i) => ms - began[i]);
  assert.ok(waited < passed / 2, `${waited} ms of ${passed} for one that hardly ran`);
  assert.ok(slept > passed / 2, `${slept} ms of ${passed} for one that slept`);
  assert.ok(times[0].wants > 0.5, `${times[0].wants} processors for one that wanted one`);
});

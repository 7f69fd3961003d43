// full-edge.js: three hundred visitors at an edge that has two hundred connections for them. `node full-edge.js PORT HEALTH EVENT`
// judges one from inside its network; openCrowded serves tests that have only an edge.

import assert from 'node:assert/strict';
import http from 'node:http';
import { until } from './wait.js';

export const MOST = 200; // the edge's `maxconn`
const VISITORS = 300;
const AT_ONCE = 10;
const TRIES = 20;
const EYES = { accept: 'text/html' };

// {status, headers, text, end}: of a stream as soon as it begins.
function ask(port, path, { method = 'GET', headers = {}, agent = false } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port, path, method, headers, agent }, (answer) => {
      const { statusCode: status, headers: given } = answer;
      const told = { status, headers: given, text: '', gone: false, end: () => request.destroy() };
      answer.on('data', (bytes) => { told.text += bytes; }).on('close', () => { told.gone = true; }).on('error', () => {});
      if (given['content-type'] === 'text/event-stream') resolve(told);
      else answer.on('end', () => resolve(told));
    });
    request.on('error', reject).end();
  });
}

// A first view, a place, a stream: all on one connection.
async function come(port, event) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const page = await ask(port, `/e/${event}`, { headers: EYES, agent });
  if (page.status !== 200) {
    agent.destroy();
    return { page };
  }
  const place = await ask(port, `/v1/queue/${event}/join`, { method: 'POST', agent });
  assert.equal(place.status, 201, place.text);
  const cookie = place.headers['set-cookie'].map((one) => one.split(';')[0]).join('; ');
  const stream = await ask(port, `/v1/queue/${event}/stream`, { headers: { cookie }, agent });
  return { page, cookie, stream, leave: () => { stream.end(); agent.destroy(); } };
}

// `port`: of the visitors' listener. `others`: [[port, path]] that visitors cannot fill.
export async function judgeFullEdge(port, others, event) {
  const isInside = async (cookie) => Promise.all([
    ask(port, `/e/${event}`, { headers: { ...EYES, cookie } }),
    ask(port, `/v1/queue/${event}/me`, { headers: { cookie } }),
    ask(port, '/pay/checkout', { headers: { ...EYES, cookie } }),
  ]).then((answers) => answers.map(({ status }) => status));
  const first = await until('the first visitor to wait', async () => {
    const visitor = await come(port, event);
    assert.equal(visitor.stream?.status, 200);
    return visitor;
  });
  const asEver = await isInside(first.cookie);
  assert.deepEqual(asEver.slice(0, 2), [200, 200]);

  const crowd = [first];
  while (crowd.length < VISITORS) crowd.push(...await Promise.all(Array.from({ length: AT_ONCE }, () => come(port, event))));
  const busy = crowd.filter(({ page }) => page.status !== 200);
  const waits = crowd.filter(({ stream }) => stream?.status === 200);
  for (const { page } of busy) {
    assert.match(page.text, /<html/);
    assert.deepEqual([page.status, page.headers.connection, page.headers['retry-after']], [503, 'close', '5']);
  }
  for (const { stream } of crowd.filter((one) => one.stream !== undefined && !waits.includes(one)))
    assert.deepEqual([stream.status, JSON.parse(stream.text).code], [503, 'edge-full']);
  assert.ok(busy.length >= VISITORS - MOST, `${busy.length} got the busy page`);
  assert.ok(waits.length >= 0.8 * MOST, `${waits.length} wait`);

  for (let n = 0; n < TRIES; n += 1) {
    const { cookie } = waits[n];
    assert.equal((await ask(port, `/e/${event}`, { headers: EYES })).status, 503);
    assert.equal((await ask(port, `/v1/queue/${event}/stream`, { headers: { cookie } })).status, 503);
    assert.deepEqual(await isInside(cookie), asEver);
    for (const [other, path] of others) assert.equal((await ask(other, path)).status, 200, path);
  }
  assert.equal(waits.filter(({ stream }) => stream.gone).length, 0);
  for (const { leave } of crowd) leave?.();
  await until('room again', async () => (await ask(port, `/e/${event}`, { headers: EYES })).status === 200);
}

// What stands behind an edge alone: it gives places and streams to everybody. -> its port
export async function openCrowded(scope) {
  const server = http.createServer(({ url }, answer) => {
    if (url.endsWith('/join')) answer.writeHead(201, { 'set-cookie': 'fg_ticket_x=x' }).end();
    else if (url.endsWith('/stream')) answer.writeHead(200, { 'content-type': 'text/event-stream' }).write('\n');
    else answer.end('served');
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  scope.defer(() => server.close().closeAllConnections());
  return server.address().port;
}

if (import.meta.filename === process.argv[1]) await judgeFullEdge(Number(process.argv[2]), [[Number(process.argv[3]), '/healthz']], process.argv[4]);

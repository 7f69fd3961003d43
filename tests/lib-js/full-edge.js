// full-edge.js: three hundred visitors at an edge that accepts two hundred connections.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import { serve } from './serve.js';
import { until } from './wait.js';

export const MOST = 200; // the edge's `maxconn`
const VISITORS = 300;
const AT_ONCE = 10;
const TRIES = 20;
const EYES = { accept: 'text/html' };
const IMAGE = /<img[^>]* src=([^ >]+)/;

// Returns {status, headers, text, gone}; for a stream, as soon as it begins.
async function read(status, headers, bytes) {
  const reply = { status, headers, text: '', gone: false };
  bytes.on('data', (part) => { reply.text += part; }).on('close', () => { reply.gone = true; }).on('error', () => {});
  if (headers['content-type'] !== 'text/event-stream') await once(bytes, 'end');
  return reply;
}

// A visitor's single connection. `endsBy`: the page in the answer leads to the connection's end.
export function byHttp1(port) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const ask = (path, method = 'GET', headers = {}) => new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port, path, method, headers, agent }, (answer) => resolve(read(answer.statusCode, answer.headers, answer)));
    request.on('error', reject).end();
  });
  const endsBy = ({ headers, text }) => {
    assert.equal(headers.connection, 'close');
    assert.doesNotMatch(text, IMAGE); // it would take another connection
  };
  return { ask, endsBy, leave: () => agent.destroy() };
}

export function byHttp2(port) {
  const session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false }).on('error', () => {});
  const ask = (path, method = 'GET', headers = {}) => new Promise((resolve, reject) => {
    const stream = session.request({ ...headers, ':path': path, ':method': method });
    stream.on('response', (head) => resolve(read(head[':status'], head, stream))).on('error', reject).end();
  });
  const endsBy = async ({ text }) => {
    await assert.rejects(ask(IMAGE.exec(text)[1]));
    await until('the connection to end', () => session.destroyed);
  };
  return { ask, endsBy, leave: () => session.destroy() };
}

async function isBusy(page, { endsBy }) {
  const seen = page.text.replaceAll(/<div hidden>.*?<\/div>/gs, '');
  assert.match(seen, /people are here[^]*접속자/);
  assert.doesNotMatch(seen, /network|네트워크/);
  assert.deepEqual([page.status, page.headers['retry-after']], [503, '5']);
  await endsBy(page);
}

// A first view, a place and a stream, all on one connection.
export async function come(connect, event) {
  const connection = connect();
  const { ask, leave } = connection;
  const page = await ask(`/e/${event}`, 'GET', EYES);
  if (page.status !== 200) {
    await isBusy(page, connection);
    leave();
    return { page };
  }
  const place = await ask(`/v1/queue/${event}/join`, 'POST');
  assert.equal(place.status, 201, place.text);
  const cookie = place.headers['set-cookie'].map((one) => one.split(';')[0]).join('; ');
  const stream = await ask(`/v1/queue/${event}/stream`, 'GET', { cookie });
  return { page, cookie, stream, leave };
}

// `port`: the visitors' listener. `others`: [[port, path]] of listeners that visitors cannot fill.
export async function judgeFullEdge(port, others, event, by = byHttp1) {
  const connect = () => by(port);
  const isInside = async (cookie) => {
    const answers = [];
    for (const path of [`/e/${event}`, `/v1/queue/${event}/me`, '/pay/checkout']) {
      const { ask, leave } = connect();
      answers.push((await ask(path, 'GET', { ...EYES, cookie })).status);
      leave();
    }
    return answers;
  };
  const first = await until('the first visitor to wait', async () => {
    const visitor = await come(connect, event);
    assert.equal(visitor.stream?.status, 200);
    return visitor;
  });
  const asEver = await isInside(first.cookie);
  assert.deepEqual(asEver.slice(0, 2), [200, 200]);

  const crowd = [first];
  while (crowd.length < VISITORS) crowd.push(...await Promise.all(Array.from({ length: AT_ONCE }, () => come(connect, event))));
  // Rejected visitors may still have been counted: more come until one is too many.
  const held = () => crowd.filter(({ page }) => page.status === 200).length;
  while (held() < 0.95 * MOST - 1) crowd.push(await come(connect, event));
  const busy = crowd.filter(({ page }) => page.status !== 200);
  const waits = crowd.filter(({ stream }) => stream?.status === 200);
  for (const { stream } of crowd.filter((one) => one.stream !== undefined && !waits.includes(one)))
    assert.deepEqual([stream.status, JSON.parse(stream.text).code], [503, 'edge-full']);
  assert.ok(busy.length >= VISITORS - MOST, `${busy.length} got the busy page`);
  assert.ok(waits.length >= 0.8 * MOST, `${waits.length} wait`);

  for (let n = 0; n < TRIES; n += 1) {
    const { cookie } = waits[n];
    const late = connect();
    if (by === byHttp2) { // a browser that shows no images, and one that loads them over two connections
      assert.equal((await late.ask(`/e/${event}`, 'GET', EYES)).status, 503);
      const other = connect();
      await other.endsBy(await late.ask(`/e/${event}`, 'GET', EYES));
    }
    await isBusy(await late.ask(`/e/${event}`, 'GET', EYES), late);
    late.leave();
    const again = connect();
    assert.equal((await again.ask(`/v1/queue/${event}/stream`, 'GET', { cookie })).status, 503);
    again.leave();
    assert.deepEqual(await isInside(cookie), asEver);
    for (const [other, path] of others) {
      const outside = byHttp1(other);
      assert.equal((await outside.ask(path)).status, 200, path);
      outside.leave();
    }
  }
  assert.equal(waits.filter(({ stream }) => stream.gone).length, 0);

  // More people poll than the edge has room for, and a buyer comes back.
  const pollers = Array.from({ length: MOST / 4 }, connect);
  const refused = new Set();
  void Promise.allSettled(pollers.map(async ({ ask }) => {
    for (let n = 0; n < 3; n += 1) if ((await ask(`/v1/queue/${event}/me`, 'GET', { cookie: first.cookie })).status === 503) refused.add(n);
  }));
  await until('a poll to be refused', () => refused.size > 0);
  const buyer = connect();
  const inside = { ...EYES, cookie: `${first.cookie}; fg_pass_x=x` };
  assert.equal((await buyer.ask('/pay/checkout', 'GET', inside)).status, asEver[2]);
  for (let n = 0; n < 2; n += 1) assert.equal((await buyer.ask(`/v1/queue/${event}/me`, 'GET', inside)).status, 200);
  for (const { leave } of [...pollers, buyer]) leave();
  for (const { leave } of crowd) leave?.();
  await until('room again', async () => {
    const visitor = await come(connect, event);
    visitor.leave?.();
    return visitor.page.status === 200;
  });
}

// An edge config without failing checks: the stand-ins behind it cannot answer while the test computes.
export const patient = (config) => config.replaceAll(' fall 2 ', ' fall 10000 ');

// Such a config, with this port in the place of fronts and checkout.
export const behindCrowd = (config, port) => patient(config)
  .replaceAll(/^( +server)(?:-template)? ((?:front|pay)\S*) (?:"?1-\S+ )?\S+( check)?(?: port \d+)?( track \S+)?.*$/gm, `$1 $2 127.0.0.1:${port}$3$4`);

// A stand-in behind an edge: it gives places and streams to everybody. Returns its port.
export async function openCrowded(scope) {
  const server = await serve(scope, ({ url }, answer) => {
    if (url.endsWith('/join')) answer.writeHead(201, { 'set-cookie': 'fg_ticket_x=x' }).end();
    else if (url.endsWith('/stream')) {
      const beats = setInterval(() => answer.write('\n'), 1000); // by HTTP/1 the edge notices from it that a visitor has left
      answer.writeHead(200, { 'content-type': 'text/event-stream' }).on('close', () => clearInterval(beats)).flushHeaders();
    }
    else answer.end('served');
  });
  return server.port;
}

// Tests all faults of the wire (tests/lib-js/proxy.js): a fault that does less than it says makes every test with it
// worthless.

import assert from 'node:assert/strict';
import net from 'node:net';
import { join } from 'node:path';
import test from 'node:test';
import { openProxy, openScope, until, within } from '../lib-js/index.js';
import { reset } from '../lib-js/proxy.js';

// An echo server that records the input of each connection; at `path` if given.
async function openEcho(scope, path = null) {
  const heard = [];
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    const one = { text: '', ended: false, reset: false };
    heard.push(one);
    socket.on('data', (bytes) => {
      one.text += bytes;
      socket.write(bytes);
    });
    socket.on('end', () => {
      one.ended = true;
      socket.end('bye');
    });
    socket.on('error', () => { one.reset = true; });
  });
  const at = path === null ? { port: 0, host: '127.0.0.1' } : { path };
  await new Promise((resolve) => { server.listen(at, resolve); });
  scope.defer(() => server.close());
  return { port: server.address().port, heard };
}

async function call(scope, port) {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const caller = { socket, text: '', ended: false, error: null, closed: false };
  socket.on('data', (bytes) => { caller.text += bytes; });
  socket.on('end', () => { caller.ended = true; });
  socket.on('error', (error) => { caller.error = error.code; });
  socket.on('close', () => { caller.closed = true; });
  scope.defer(() => socket.destroy());
  await new Promise((resolve) => { for (const what of ['connect', 'close']) socket.once(what, resolve); });
  caller.says = async (text, answer = caller.text + text) => {
    socket.write(text);
    await until(`"${answer}"`, () => caller.text === answer);
  };
  return caller;
}

async function openBoth(t, options = {}) {
  const scope = openScope(t);
  const echo = await openEcho(scope);
  const wire = await openProxy(scope, { to: { port: echo.port }, ...options });
  return { echo, wire, callers: (n = 1) => Promise.all(Array.from({ length: n }, () => call(scope, wire.port))) };
}

test('a wire without a fault carries everything, and both ends of a stream', async (t) => {
  const { wire, callers } = await openBoth(t);
  const [caller] = await callers();
  await caller.says('x'.repeat(1_000_000));
  caller.socket.end();
  await until('the answer behind it', () => caller.text.endsWith('bye') && caller.ended);
  await until('nothing to stand', () => wire.standing === 0);
  assert.deepEqual(wire.met, {});
});

test('late bytes come in their order, and not before their time', async (t) => {
  const { wire, callers } = await openBoth(t);
  const [caller] = await callers();
  wire.fault('late', { ms: 40, jitterMs: 40 });
  const began = performance.now();
  for (let n = 0; n < 10; n += 1) caller.socket.write(`${n}`);
  await until('all of it', () => caller.text === '0123456789');
  assert.ok(performance.now() - began >= 75, 'there and back');
  assert.deepEqual(wire.met, { late: 1 });
});

test('a slow drip is whole in the end, and faster once it is healed', async (t) => {
  const { wire, callers } = await openBoth(t);
  const [caller] = await callers();
  wire.fault('drip', { bytes: 1, everyMs: 5 });
  await caller.says('drop by drop');
  caller.socket.write('y'.repeat(100_000));
  await until('some of it', () => caller.text.length > 20);
  assert.ok(caller.text.length < 1000);
  wire.heal();
  await until('the rest', () => caller.text.length === 100_012);
});

for (const way of ['there', 'back', undefined])
  test(`what is held ${way ?? 'both ways'} arrives when the wire is healed`, async (t) => {
    const { echo, wire, callers } = await openBoth(t);
    const [caller] = await callers();
    await caller.says('a');
    wire.fault('hold', { way });
    caller.socket.write('b');
    if (way === 'back') await until('it to be heard', () => echo.heard[0].text === 'ab');
    await until('it to be held', () => wire.met.hold === 1);
    assert.equal(caller.text, 'a');
    wire.heal();
    await until('all of it', () => caller.text === 'ab');
    assert.equal(caller.closed, false);
  });

for (const way of ['there', 'back', undefined])
  test(`what is lost ${way ?? 'both ways'} never arrives, and healing resets what misses it`, async (t) => {
    const { echo, wire, callers } = await openBoth(t);
    const [caller, quiet] = await callers(2);
    await caller.says('a');
    await quiet.says('q');
    wire.fault('lose', { way });
    caller.socket.write('b');
    await until('it to be lost', () => wire.met.lose === 1);
    assert.equal(caller.text, 'a');
    assert.equal(echo.heard.some(({ text }) => text === 'ab'), way === 'back');
    wire.heal();
    await until('both ends to know', () => caller.closed && echo.heard.some(({ reset }) => reset));
    assert.equal(caller.error, 'ECONNRESET');
    await quiet.says('q', 'qq');
  });

test('an answer is cut in its middle', async (t) => {
  const { wire, callers } = await openBoth(t);
  const [caller] = await callers();
  wire.fault('cut', { after: 5 });
  caller.socket.write('0123456789');
  await until('the end', () => caller.ended);
  assert.equal(caller.text, '01234');
  assert.deepEqual(wire.met, { cut: 1 });
});

test('a half-closed connection still answers', async (t) => {
  const { echo, wire, callers } = await openBoth(t);
  const [caller] = await callers();
  await caller.says('a');
  wire.fault('half', { way: 'there' });
  await until('the server to see the end', () => echo.heard[0].ended);
  await until('its last words', () => caller.text === 'abye');
});

test('connections are reset, new ones as well, until it is healed', async (t) => {
  const { echo, wire, callers } = await openBoth(t);
  const [caller] = await callers();
  await caller.says('a');
  wire.fault('reset');
  await until('both ends to know', () => caller.error === 'ECONNRESET' && echo.heard[0].reset);
  const [late] = await callers();
  await until('it to be refused', () => late.closed);
  assert.equal(late.error, 'ECONNRESET');
  wire.heal();
  const [fine] = await callers();
  await fine.says('b');
});

test('a share of the connections has the fault, and the seed says which', async (t) => {
  const drawn = [];
  for (let n = 0; n < 2; n += 1) {
    const { wire, callers } = await openBoth(t, { seed: 7 });
    wire.fault('reset', { share: 0.5 });
    const all = [];
    for (let i = 0; i < 16; i += 1) {
      const [caller] = await callers();
      caller.socket.write('x');
      await until('either', () => caller.closed || caller.text === 'x');
      all.push(caller.closed);
    }
    drawn.push(all);
  }
  assert.deepEqual(drawn[0], drawn[1]);
  assert.ok(drawn[0].includes(true) && drawn[0].includes(false), `${drawn[0]}`);
});

test('a wire to a unix socket, which cannot be reset, is closed with its connections all the same', async (t) => {
  const scope = openScope(t);
  const path = join(scope.dir(), 'echo');
  const { heard } = await openEcho(scope, path);
  const wire = await openProxy(scope, { to: { path } });
  const caller = await call(scope, wire.port);
  await caller.says('there');
  await wire.close();
  await until('both ends to hear of it', () => caller.closed && (heard[0].ended || heard[0].reset));
});

test('a connection that is reset while its end is under way is gone', async (t) => {
  const scope = openScope(t);
  const closed = new Promise((resolve) => {
    const server = net.createServer((socket) => {
      socket.once('close', resolve);
      socket.end();
      reset(socket);
    });
    scope.defer(() => server.close());
    server.listen(0, '127.0.0.1', () => call(scope, server.address().port));
  });
  await within(60_000, 'its end', closed);
});

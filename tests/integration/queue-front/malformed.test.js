// Requests that no decent client sends: told so, and hung up on.

import assert from 'node:assert/strict';
import test from 'node:test';
import { crlf, openRaw, rawExchange } from '../../lib-js/index.js';
import { openShow } from './support.js';

const CASES = {
  'a bare line feed': 'GET /v1/queue/show/status HTTP/1.1\nHost: x\n\n',
  'a folded header': crlf('GET /v1/queue/show/me HTTP/1.1\nHost: x\nCookie: a=b\n c=d\n\n'),
  'two hosts': crlf('GET /v1/queue/show/me HTTP/1.1\nHost: x\nHost: y\n\n'),
  'no host': crlf('GET /v1/queue/show/me HTTP/1.1\nAccept: */*\n\n'),
  'length and chunks': crlf(
    'POST /v1/queue/show/join HTTP/1.1\nHost: x\nContent-Length: 5\nTransfer-Encoding: chunked\n\n0\n\n'),
  'two lengths': crlf(
    'POST /v1/queue/show/join HTTP/1.1\nHost: x\nContent-Length: 1\nContent-Length: 2\n\nab'),
  'a length that is not a number': crlf('POST /v1/queue/show/join HTTP/1.1\nHost: x\nContent-Length: -1\n\n'),
  'a space before the colon': crlf('GET /v1/queue/show/me HTTP/1.1\nHost : x\n\n'),
  'a NUL in a header': crlf('GET /v1/queue/show/me HTTP/1.1\nHost: x\nCookie: a=\0b\n\n'),
  'no HTTP at all': 'hello\r\n\r\n',
};

test('malformed requests get 400 and the end of the connection', async (t) => {
  const house = await openShow(t, { rate_per_s: 0 });
  for (const [what, bytes] of Object.entries(CASES)) {
    const connection = await openRaw({ port: house.front.port });
    await connection.send(bytes);
    const [answer, ...more] = await connection.untilClosed();
    assert.equal(answer?.status, 400, `${what}: ${connection.text}`);
    assert.equal(more.length, 0, what);
    connection.destroy();
  }
  assert.equal((await house.front.http.get('/v1/queue/show/status')).status, 200);
});

test('what is too large is 413, 414 or 431', async (t) => {
  const house = await openShow(t, { rate_per_s: 0 });
  const { port } = house.front;
  const statusOf = async (bytes) => (await rawExchange({ port, bytes: crlf(bytes) })).answers[0]?.status;
  const big = 'x'.repeat(70_000);
  assert.equal(await statusOf(`POST /v1/queue/show/join HTTP/1.1\nHost: x\nContent-Length: ${big.length}\n\n`), 413);
  assert.equal(await statusOf(`GET /v1/queue/show/me HTTP/1.1\nHost: x\nCookie: ${big}\n\n`), 431);
  assert.equal(await statusOf(`GET /${big} HTTP/1.1\nHost: x\n\n`), 414);
});

test('strange paths, cookies and queries are answered, never believed', async (t) => {
  const house = await openShow(t, { rate_per_s: 0 });
  const get = (path, headers) => house.front.http.get(path, { headers });
  for (const path of ['/v1/queue/show%00/me', '/v1/queue/../me', '/v1/queue//me', '/e/%ff', '/v1/queue/SHOW/me']) {
    assert.equal((await get(path)).status, 404, path);
  }
  for (const cookie of ['fg_ticket_show=', 'fg_ticket_show', '=;;=', `fg_ticket_show=${'A'.repeat(48)}`]) {
    assert.equal((await get('/v1/queue/show/me', { cookie })).status, 401, cookie);
  }
  const page = await get('/e/show?lang=%3Cscript%3E&notice=%3Cxmp%3E', { 'accept-language': ';;q=9,<>' });
  assert.equal(page.status, 200);
  assert.doesNotMatch(page.text, /<xmp>|%3C/);
});

// Requests that no correct client sends: rejected, and the connection closed.

import assert from 'node:assert/strict';
import test from 'node:test';
import { crlf, openRaw } from '../../lib-js/index.js';
import { openShow } from './support.js';

// http_server_test.c has the other malformed and oversized requests; its rows cannot hold a NUL.
test('a NUL in a header gets 400 and the end of the connection', async (t) => {
  const site = await openShow(t, { rate_per_s: 0 });
  const connection = await openRaw({ port: site.front.port });
  await connection.send(crlf('GET /v1/queue/show/me HTTP/1.1\nHost: x\nCookie: a=\0b\n\n'));
  const [answer, ...more] = await connection.untilClosed();
  assert.equal(answer?.status, 400, connection.text);
  assert.equal(more.length, 0);
  assert.equal((await site.front.http.get('/v1/queue/show/status')).status, 200);
});

test('malformed paths, cookies and queries are refused or ignored', async (t) => {
  const site = await openShow(t, { rate_per_s: 0 });
  const get = (path, headers) => site.front.http.get(path, { headers });
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

// The auth_request recipe of infra/edge, in a real nginx between a shop and a front: a stand-in that records its requests,
// and a real one.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { assertProblem, client, freePort, openScope, openStream, rawExchange, ROOT, serve, startNginx, until } from '../lib-js/index.js';
import { claims, makeEvent, openSite, Visitor } from './queue-front/support.js';

// On `port`, in front of the shop and a front.
function openGuard(scope, { port, frontPort, shopPort, more = '' }) {
  const edge = join(ROOT, 'infra/edge');
  startNginx(scope, `server {
    listen 127.0.0.1:${port};
    set_real_ip_from 127.0.1.0/24;
    set_real_ip_from 198.51.100.0/24;
    real_ip_header X-Forwarded-For;
    real_ip_recursive on;
    set $fairgate_event demo;
    set $fairgate_front http://127.0.0.1:${frontPort};
    include ${edge}/nginx-auth-request.conf;
    ${more}
    location /sale/ { include ${edge}/nginx-guard.conf; proxy_pass http://127.0.0.1:${shopPort}; }
    location / { proxy_pass http://127.0.0.1:${shopPort}; }
  }`);
}

describe('nginx with auth_request', () => {
  const scope = openScope(test);
  let web;
  let port;
  let front;
  const shopSaw = [];

  before(async () => {
    const dir = scope.tempDir();
    const frontPort = await freePort();
    port = await freePort();
    web = client({ port });

    const config = join(dir, 'front.conf');
    writeFileSync(config, `[http]\nport = ${frontPort}\n`);
    const program = join(ROOT, 'tests/integration/fake-service.js');
    front = scope.spawn('front', [program, '--config', config], { stays: true });

    const shop = await serve(scope, (request, answer) => {
      shopSaw.push(request.url);
      answer.end('a seat in the first row');
    });
    openGuard(scope, { port, frontPort, shopPort: shop.port, more: 'set $fairgate_scheme https;' });
    await until('nginx and the front', async () => (await web.get('/e/demo')).status === 200);
  });

  test('sends a visitor without a pass to the line, without a request to the shop', async () => {
    for (const method of ['GET', 'POST']) {
      const answer = await web.call(method, '/sale/seats', { headers: { accept: 'text/html,*/*' } });
      assert.equal(answer.status, 303);
      assert.equal(answer.headers.location, '/e/demo', 'whatever scheme and port the visitor sees');
    }
    assert.ok(!shopSaw.includes('/sale/seats'));
  });

  test('serves the line on the same host name and passes the client\'s address', async () => {
    const headers = { 'X-Forwarded-For': '203.0.113.9' };
    const { json } = await web.get('/v1/queue/demo/status', { headers });
    assert.equal(json.url, '/v1/queue/demo/status');
    assert.equal(json.headers['x-forwarded-for'], '127.0.0.1');
    assert.equal(json.headers['x-forwarded-proto'], 'https', 'as it was set for a CDN');
    const stream = await openStream({ port, path: '/v1/queue/demo/stream' });
    await stream.find('the first event', ({ json: data }) => data.first);
    stream.close();
  });

  test('leaves the shop its own files', async () => {
    for (const path of ['/assets/app.css', '/assets/0123/app.css', '/.well-known/security.txt', '/.well-known/jwks.json/x'])
      assert.equal((await web.get(path)).text, 'a seat in the first row', path);
    assert.equal((await web.get('/.well-known/jwks.json')).json.url, '/.well-known/jwks.json');
  });

  test('takes the client\'s address from a CDN and from nobody else', async () => {
    const ask = async (localAddress, hops) => {
      const bytes = `GET /v1/queue/demo/status HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ${hops}\r\n\r\n`;
      const { answers } = await rawExchange({ port, localAddress, bytes });
      return answers[0].json.headers['x-forwarded-for'];
    };
    assert.equal(await ask('127.0.1.9', '192.0.2.66, 203.0.113.5, 198.51.100.7'), '203.0.113.5');
    assert.equal(await ask('127.0.1.9', '2001:db8:7::1'), '2001:db8:7::1');
    assert.equal(await ask('127.0.1.9', 'garbage'), '127.0.1.9');
    assert.equal(await ask('127.0.3.9', '203.0.113.5'), '127.0.3.9');
  });

  test('does not expose the verify subrequest', async () => {
    assert.equal((await web.get('/fairgate-verify')).status, 404);
  });

  test('fails closed for guarded paths only', async () => {
    await front.kill();
    const refused = await web.get('/sale/seats', { headers: { cookie: 'pass=good' } });
    assertProblem(refused, 503, 'waiting-room-unavailable');
    assert.equal((await web.get('/imprint')).text, 'a seat in the first row');
  });
});

describe('nginx before the pages of a shop, with a real front', () => {
  const scope = openScope(test);
  let site;
  let port;
  let web;
  before(async () => {
    const shop = await serve(scope, (request, answer) => answer.end(request.url));
    site = await openSite(null, { scope, config: { passes: { next_url: '/fairgate-back' } } });
    await makeEvent(site, 'demo', { rate_per_s: 1000, burst: 1000, session_ttl_s: 20, session_max_s: 60 });
    port = await freePort();
    web = { http: client({ port }) };
    openGuard(scope, { port, frontPort: site.front.port, shopPort: shop.port });
    await until('nginx', async () => (await web.http.get('/e/demo')).status === 200);
  });
  const PAGE = { accept: 'text/html' };

  test('a visitor comes back to the page that was asked for, and stays inside while active', async () => {
    const visitor = new Visitor(web, 'demo');
    const ask = async (path, headers = PAGE) =>
      visitor.jar.take(await web.http.get(path, { headers: { ...visitor.jar.headers, ...headers } }));
    assert.equal((await ask('/sale/seats?row=7')).headers.location, '/e/demo');
    await visitor.joined();
    const { pass, next_url: next } = await visitor.entered();
    const back = await ask(next);
    assert.equal(back.headers.location, '/sale/seats?row=7');
    const shopToken = { ...PAGE, authorization: 'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJzaG9wIn0.c2hvcA' };
    await until('a visit longer than the first pass', async () => {
      const answer = await ask('/sale/seats?row=7', shopToken);
      if (answer.status !== 200) throw Object.assign(new Error(`${answer.status}`), { fatal: true });
      return claims(visitor.jar.get('fg_pass_demo').value).exp > claims(pass).exp + 5;
    });
  });

  test('the files of the line\'s page come from the front', async () => {
    const { text } = await web.http.get('/e/demo', { headers: PAGE });
    const files = ['/assets/sw.js', '/assets/preview.png', ...[...text.matchAll(/"(\/assets\/[^"]+)"/g)].map(([, path]) => path)];
    assert.ok(files.length > 4, text);
    for (const path of files) assert.notEqual((await web.http.get(path)).text, path);
  });

  test('a script gets the address of the line, and the way back leads to no other host', async () => {
    const refused = await web.http.get('/sale/price', { headers: { accept: 'application/json' } });
    assert.equal(assertProblem(refused, 401, 'pass-required').line, '/e/demo');
    for (const to of ['', '@evil.example/', 'https://evil.example/', '//evil.example/', '/\\evil.example/', '/\t/evil.example/']) {
      const { headers } = await web.http.get('/fairgate-back', { headers: { cookie: `fairgate_back=${to}` } });
      assert.equal(headers.location, '/', to);
    }
    const split = await web.http.get('/sale/a;Domain=example', { headers: PAGE });
    assert.equal(split.headers['set-cookie'], undefined);
    assert.equal((await web.http.post('/sale/a', { headers: PAGE })).headers['set-cookie'], undefined);
  });
});

// The auth_request recipe of infra/edge, in a real nginx between a shop and a front's stand-in.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { assertProblem, client, freePort, openScope, openStream, rawExchange, ROOT, until } from '../lib-js/index.js';

describe('nginx with auth_request', () => {
  const scope = openScope();
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

    const shop = http.createServer((request, answer) => {
      shopSaw.push(request.url);
      answer.end('a seat in the first row');
    });
    const shopPort = await freePort();
    await new Promise((resolve) => shop.listen(shopPort, '127.0.0.1', resolve));
    scope.defer(() => {
      shop.closeAllConnections();
      shop.close();
    });

    const edge = join(ROOT, 'infra/edge');
    writeFileSync(
      join(dir, 'nginx.conf'),
      `daemon off; pid ${dir}/nginx.pid; error_log stderr; events {}
      http {
        access_log off;
        client_body_temp_path ${dir}/body; proxy_temp_path ${dir}/proxy;
        fastcgi_temp_path ${dir}/f; uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s;
        server {
          listen 127.0.0.1:${port};
          set_real_ip_from 127.0.1.0/24;
          set_real_ip_from 198.51.100.0/24;
          real_ip_header X-Forwarded-For;
          real_ip_recursive on;
          set $fairgate_event demo;
          set $fairgate_front http://127.0.0.1:${frontPort};
          include ${edge}/nginx-auth-request.conf;
          location /sale/ { include ${edge}/nginx-guard.conf; proxy_pass http://127.0.0.1:${shopPort}; }
          location / { proxy_pass http://127.0.0.1:${shopPort}; }
        }
      }`,
    );
    // As root nginx would give its workers to another user, who cannot enter the test's folder.
    const user = process.getuid() === 0 ? ['-g', 'user root;'] : [];
    scope.spawn('nginx', ['nginx', '-p', dir, '-c', join(dir, 'nginx.conf'), ...user]);
    await until('nginx and the front', async () => (await web.get('/e/demo')).status === 200);
  });
  after(() => scope.close());

  test('leads a visitor without a pass to the line, and the shop hears nothing', async () => {
    for (const method of ['GET', 'POST']) {
      const answer = await web.call(method, '/sale/seats');
      assert.equal(answer.status, 303);
      assert.equal(new URL(answer.headers.location, 'http://x').pathname, '/e/demo');
    }
    assert.ok(!shopSaw.includes('/sale/seats'));
  });

  test('lets a visitor with a pass in', async () => {
    const answer = await web.get('/sale/seats', { headers: { cookie: 'pass=good' } });
    assert.equal(answer.text, 'a seat in the first row');
  });

  test('has the line itself on the same host name, and says who asks', async () => {
    const headers = { 'X-Forwarded-For': '203.0.113.9' };
    const { json } = await web.get('/v1/queue/demo/status', { headers });
    assert.equal(json.url, '/v1/queue/demo/status');
    assert.equal(json.headers['x-forwarded-for'], '127.0.0.1');
    const stream = await openStream({ port, path: '/v1/queue/demo/stream' });
    await stream.find('the first event', ({ json: data }) => data.first);
    stream.close();
  });

  test('says for whom a CDN asks, and believes nobody else', async () => {
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

  test('keeps its question to itself', async () => {
    assert.equal((await web.get('/fairgate-verify')).status, 404);
  });

  test('fails closed, and only for what is guarded', async () => {
    await front.kill();
    const refused = await web.get('/sale/seats', { headers: { cookie: 'pass=good' } });
    assertProblem(refused, 503, 'waiting-room-unavailable');
    assert.equal((await web.get('/imprint')).text, 'a seat in the first row');
  });
});

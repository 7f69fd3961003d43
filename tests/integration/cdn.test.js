// First views through a real cache, with the configs of infra/edge that a company copies; the front counts the requests that
// reach it. FAIRGATE_VIEWS is the number of views (600), FAIRGATE_KEPT how many seconds a page is cached (1).

import assert from 'node:assert/strict';
import http from 'node:http';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { client, freePort, openScope, openStream, ROOT, seededRng, startNginx, until } from '../lib-js/index.js';
import { act, makeEvent, openSite, patch, Visitor } from './queue-front/support.js';

const VIEWS = Number(process.env.FAIRGATE_VIEWS ?? 600);
const AT_ONCE = 40;
const KEPT_S = Number(process.env.FAIRGATE_KEPT ?? 1);
const PAGES = 2 * 2; // languages, and codings that browsers accept
const FILES = 3 * 2; // style, script, icon
const STATUSES = 2;

async function openCache(scope, edgePort) {
  const port = await freePort();
  const gaps = { CACHE: scope.tempDir('cache-'), LISTEN: `127.0.0.1:${port}`, EDGE: `http://127.0.0.1:${edgePort}` };
  startNginx(scope, Object.entries(gaps).reduce(
    (text, [gap, value]) => text.replaceAll(`@${gap}@`, value), readFileSync(join(ROOT, 'infra/edge/nginx-cache.conf'), 'utf8')));
  return port;
}

const BROWSERS = [
  { 'accept-language': 'ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7', 'accept-encoding': 'gzip, deflate, br, zstd' },
  { 'accept-language': 'ko', 'accept-encoding': 'gzip, deflate, br' },
  { 'accept-language': 'en-GB,en;q=0.5', 'accept-encoding': 'gzip, deflate' },
  { 'accept-language': 'de-DE,de;q=0.9', 'accept-encoding': 'br, gzip' },
];

describe('first views through nginx', () => {
  const scope = openScope();
  const agent = new http.Agent({ keepAlive: true, maxSockets: AT_ONCE });
  const rng = seededRng();
  let site;
  let port;
  let web;

  before(async () => {
    site = await openSite(null, { scope, config: { web: { page_kept: `${KEPT_S}s` }, http: { trusted_proxies: '127.0.0.1' } } });
    await makeEvent(site, 'show', { rate_per_s: 0, opens_at: new Date(Date.now() + 3600_000).toISOString() }, { open: false });
    port = await openCache(scope, site.front.port);
    web = client({ port, agent });
    await until('nginx', async () => (await web.get('/assets/icon.svg')).status === 200);
  });
  after(async () => {
    agent.destroy();
    await scope.close();
  });

  const reached = async () => {
    const { text } = await site.front.admin.get('/metrics');
    return [...text.matchAll(/^fairgate_http_requests_total\{[^}]*listener="public"[^}]*\} (\d+)$/gm)]
      .reduce((sum, [, count]) => sum + Number(count), 0);
  };

  async function view(path, checked) {
    const headers = { ...rng.pick(BROWSERS), cookie: `_ga=${rng.below(1e9)}; theme=dark` };
    const page = await web.get(`${path}?utm_source=${rng.below(1e9)}`, { headers: { ...headers, accept: 'text/html' } });
    assert.equal(page.status, 200);
    assert.equal(page.headers['set-cookie'], undefined);
    assert.equal(page.headers['content-language'], headers['accept-language'].startsWith('ko') ? 'ko' : 'en');
    for (const file of checked) assert.equal((await web.get(file, { headers })).status, 200);
  }

  async function views(count) {
    const plain = (await site.front.http.get('/e/show')).text;
    const files = [...new Set([...plain.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path]) => path))];
    assert.equal(files.length, 3);
    const before = await reached();
    const began = performance.now();
    let left = count;
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      while (left-- > 0) await view('/e/show', [...files, '/v1/queue/show/status']);
    }));
    const took = (performance.now() - began) / 1000;
    return { took, came: await reached() - before };
  }

  // One request per object and caching period, and one more of each where a period begins.
  const bound = (took) => PAGES * (Math.floor(took / KEPT_S) + 2) + FILES + STATUSES * (Math.floor(took) + 2);

  test('in each state few requests reach the front, however many visitors come', async (t) => {
    const states = { schedule: 'scheduled', open: 'open', pause: 'paused', 'sold-out': 'sold-out', close: 'closed' };
    for (const [action, state] of Object.entries(states)) {
      await act(site.front, 'show', action);
      await until(`nginx to have the page of ${state}`, async () => (await web.get('/e/show')).text.includes(`data-state="${state}"`));
      const { took, came } = await views(VIEWS / 5);
      t.diagnostic(`${action}: ${VIEWS / 5} first views of 5 requests in ${took.toFixed(1)} s, ${came} requests reached the front`);
      assert.ok(came <= bound(took), `${came} requests in ${took} s, at most ${bound(took)}`);
    }
  });

  test('a change is visible in time, and still few requests reach the front', async (t) => {
    await makeEvent(site, 'later', { rate_per_s: 0 });
    const says = async (words) => (await web.get('/e/later', { headers: { 'accept-language': 'en' } })).text.includes(words);
    assert.equal(await says('Doors open'), false);
    const before = await reached();
    const began = performance.now();
    await patch(site.front, 'later', { message: { en: 'Doors open at six' } });
    let asked = 0;
    await until('the change', () => {
      asked += 1;
      return says('Doors open');
    });
    const took = (performance.now() - began) / 1000;
    const came = await reached() - before;
    t.diagnostic(`seen after ${took.toFixed(1)} s; asked ${asked} times, ${came} reached the front`);
    assert.ok(came <= bound(took), `${came} requests in ${took} s`);
    // Once seen, it stays: there is no second copy that lags behind.
    for (let i = 0; i < 20; i += 1) assert.ok(await says('Doors open'));
    const status = await until('the status', async () => {
      const { json } = await web.get('/v1/queue/later/status');
      return json.message?.en === 'Doors open at six' && json;
    });
    assert.equal(status.state, 'open');
  });

  test('a visitor\'s place, own page and stream bypass the cache', async () => {
    await makeEvent(site, 'own', { rate_per_s: 0 });
    const visitors = [1, 2].map(() => new Visitor({ http: web }, 'own'));
    for (const [i, visitor] of visitors.entries()) {
      await web.get('/e/own', { headers: { 'accept-language': 'en' } });
      assert.equal((await visitor.joined()).position, i + 1);
    }
    for (const [i, visitor] of visitors.entries()) {
      assert.equal((await visitor.me()).json.position, i + 1);
      for (const path of ['/e/own', '/e/own/mine']) {
        const page = await web.get(path, { headers: { ...visitor.jar.headers, 'accept-language': 'en' } });
        assert.match(page.text, new RegExp(`id="position">${i + 1}<`));
      }
    }
    const stranger = await web.get('/e/own', { headers: { 'accept-language': 'en' } });
    assert.match(stranger.text, /data-view="join"/);
    const stream = await openStream({ port, path: '/v1/queue/own/stream' });
    await stream.find('the status', ({ json }) => json.state === 'open');
    await act(site.front, 'own', 'pause');
    await stream.find('the pause', ({ json }) => json.state === 'paused');
    stream.close();
  });
});

// The waiting page as a cache may store it (`[web] page_kept`): its headers in each state, and that it has nothing of a
// visitor in it.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertStatus, until } from '../../lib-js/index.js';
import { act, at, makeEvent, openSite, openShow, patch, untilState, Visitor } from './support.js';

const HTML = { accept: 'text/html', 'accept-encoding': 'gzip', 'accept-language': 'en' };
const KEPT = { config: { web: { page_kept: '5s' } } };
const LIVE = 'public, max-age=5, stale-while-revalidate=5, stale-if-error=60';
const OVER = 'public, max-age=60, stale-while-revalidate=60, stale-if-error=86400';
const HOUR_MS = 3600_000;

test('in each state the cached page is the same for everybody, with its max-age', async (t) => {
  const site = await openSite(t, KEPT);
  const ask = (headers = {}) => site.front.http.get('/e/show', { headers: { ...HTML, ...headers } });
  const judge = async (state, cacheControl = LIVE) => {
    await untilState(site.front, 'show', state);
    const page = await until(`the page of ${state}`, async () => {
      const answer = await site.front.http.get('/e/show', { headers: { accept: 'text/html' } });
      return answer.text.includes(`data-state="${state}"`) && ask();
    });
    assert.equal(page.status, 200);
    assert.equal(page.headers['cache-control'], cacheControl, state);
    assert.equal(page.headers.vary, 'Accept-Encoding, Accept-Language');
    assert.equal(page.headers['set-cookie'], undefined);
    // Another visitor, with their own, the site's and one of our cookies.
    const other = await ask({ cookie: 'fg_visitor=AAAAAAAAAAAAAAAAAAAAAA; _ga=1; fg_lang=ko', 'x-forwarded-for': '198.51.100.7' });
    assert.deepEqual(other.body, page.body);
    assert.equal(other.headers.etag, page.headers.etag);
    const same = assertStatus(await ask({ 'if-none-match': `"other", W/${page.headers.etag}` }), 304);
    assert.equal(same.body.length, 0);
    assert.equal(same.headers['cache-control'], cacheControl);
    assert.equal(same.headers.etag, page.headers.etag);
    return page.headers.etag;
  };
  await makeEvent(site, 'show', { rate_per_s: 0, prequeue_at: at(HOUR_MS), opens_at: at(2 * HOUR_MS) }, { open: false });
  const tags = [await judge('draft')];
  await act(site.front, 'show', 'schedule');
  tags.push(await judge('scheduled'));
  await patch(site.front, 'show', { prequeue_at: at(-1000) });
  tags.push(await judge('pre-queue'));
  await act(site.front, 'show', 'open');
  tags.push(await judge('open'));
  await act(site.front, 'show', 'pause');
  tags.push(await judge('paused'));
  await act(site.front, 'show', 'resume');
  await act(site.front, 'show', 'sold-out');
  tags.push(await judge('sold-out'));
  await act(site.front, 'show', 'close');
  tags.push(await judge('closed', OVER));
  assert.equal(new Set(tags).size, tags.length);
});

test('a changed message changes the page\'s ETag', async (t) => {
  const site = await openShow(t, { rate_per_s: 0 }, KEPT);
  const ask = (path, headers = {}) => site.front.http.get(path, { headers: { ...HTML, ...headers } });
  const before = (await ask('/e/show')).headers.etag;
  await patch(site.front, 'show', { message: { en: 'Doors open at six' } });
  const after = await until('another page', async () => {
    const answer = await ask('/e/show');
    return answer.headers.etag !== before && answer;
  });
  assert.notEqual(after.headers.etag, before);
  assert.equal((await ask('/e/show', { 'if-none-match': before })).status, 200);
  // Only a language in the address changes the page; headers do not.
  const korean = await ask('/e/show?lang=ko');
  assert.equal(korean.headers['content-language'], 'ko');
  assert.equal(korean.headers.vary, 'Accept-Encoding');
  assert.equal(korean.headers['set-cookie'], undefined);
  assert.deepEqual((await ask('/e/show?lang=ko', { 'accept-language': 'fr' })).body, korean.body);
  const unknown = await ask('/e/show?lang=xx', { 'accept-language': 'ko' });
  assert.equal(unknown.headers['content-language'], 'ko');
  assert.equal(unknown.headers.vary, 'Accept-Encoding, Accept-Language');
  const nothing = assertStatus(await ask('/e/nothing'), 404);
  assert.equal(nothing.headers['cache-control'], 'public, max-age=1');
  assert.equal(nothing.headers['set-cookie'], undefined);
});

test('personal pages are no-store, and forms lead to them', async (t) => {
  const site = await openShow(t, { rate_per_s: 0 }, KEPT);
  const visitor = new Visitor(site.front, 'show');
  const ask = async (path) => visitor.jar.take(await site.front.http.get(path, { headers: { ...HTML, ...visitor.jar.headers, 'accept-encoding': '' } }));
  const own = (page) => {
    assert.equal(page.status, 200);
    assert.equal(page.headers['cache-control'], 'private, no-store');
    assert.equal(page.headers.etag, undefined);
    return page.text;
  };
  // Without a script: from the cached page to the visitor's own, which sets the cookie.
  const first = await ask('/e/show');
  assert.match(first.text, /<noscript><meta http-equiv="refresh" content="0; url=\/e\/show\/mine"><\/noscript>/);
  assert.match(own(await ask('/e/show/mine')), /data-view="join"/);
  assert.ok(visitor.jar.get('fg_visitor'));
  own(await ask('/e/show?notice=left'));
  const joined = await visitor.join({ headers: { ...HTML, origin: `http://127.0.0.1:${site.front.port}` }, body: '' });
  assert.equal(joined.headers.location, '/e/show/mine');
  assert.match(own(await ask('/e/show/mine')), /content="\d+; url=\/e\/show\/mine"/);
  // A cache that respects cookies passes this on, and gets an uncacheable answer.
  assert.match(own(await ask('/e/show')), /data-view="waiting"/);
  // A cache that ignores them serves the common page: its form still leads to the place.
  const again = await visitor.join({ headers: { ...HTML, origin: `http://127.0.0.1:${site.front.port}` }, body: '' });
  assert.equal(again.headers.location, '/e/show/mine');
  assert.match(own(await ask('/e/show/mine')), /id="position">1</);
});

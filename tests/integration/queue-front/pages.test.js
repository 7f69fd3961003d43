// The waiting page without JavaScript: with forms and redirects alone, as a browser uses them.

import assert from 'node:assert/strict';
import { readFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { crc32, gunzipSync, inflateSync } from 'node:zlib';
import { makeSecrets, openScope, until } from '../../lib-js/index.js';
import { act, at, makeEvent, openShow, openSite, patch, runFront, Visitor } from './support.js';

const HTML = { accept: 'text/html,application/xhtml+xml' };

const view = (page) => /data-view="([^"]*)"/.exec(page.text)[1];
const state = (page) => /data-state="([^"]*)"/.exec(page.text)[1];

class Browser extends Visitor {
  async page(query = '') {
    const answer = this.jar.take(
      await this.front.http.get(`/e/${this.event}${query}`, { headers: { ...this.jar.headers, ...HTML } }));
    assert.equal(answer.status, 200);
    return answer;
  }

  async submit(call) {
    const answer = await this.call('POST', call, {
      headers: { ...HTML, origin: `http://127.0.0.1:${this.front.port}` },
      body: '',
    });
    assert.equal(answer.status, 303, answer.text);
    return answer.headers.location;
  }
}

test('the whole path works by forms: join, wait, be called, enter', async (t) => {
  const site = await openShow(t, { rate_per_s: 0, name: 'Tom & "Jerry"' });
  const browser = new Browser(site.front, 'show');
  const first = await browser.page();
  assert.equal(view(first), 'join');
  assert.match(first.text, /<h1 id="name">Tom &amp; &quot;Jerry&quot;<\/h1>/);
  assert.match(first.text, /<noscript><meta http-equiv="refresh" content="\d+; url=\/e\/show">/);
  assert.equal(await browser.submit('join'), '/e/show');
  const waiting = await browser.page();
  assert.equal(view(waiting), 'waiting');
  assert.match(waiting.text, /id="position">1</);
  await act(site.front, 'show', 'pause');
  assert.equal(state(await browser.page()), 'paused');
  assert.equal(view(await browser.page()), 'waiting');
  await act(site.front, 'show', 'resume');
  await patch(site.front, 'show', { rate_per_s: 100, message: { en: 'Line 1\nLine <2>' } });
  await until('the call', async () => view(await browser.page()) === 'called');
  assert.match((await browser.page()).text, /Line 1\nLine &lt;2&gt;/);
  assert.equal(await browser.submit('pass'), '/seats/show');
  assert.equal(view(await browser.page()), 'admitted');
  assert.equal(await browser.submit('leave'), '/e/show?notice=left');
  assert.equal(view(await browser.page()), 'join');
});

test('the language comes from the address, then the cookie, then the browser', async (t) => {
  const site = await openShow(t, { rate_per_s: 0, message: { en: 'hello', ko: '안녕' } });
  const get = (query, headers = {}) => site.front.http.get(`/e/show${query}`, { headers });
  const korean = await get('?lang=ko', { 'accept-language': 'en' });
  assert.match(korean.text, /<html lang="ko">/);
  assert.match(korean.text, /안녕/);
  assert.equal(korean.headers['content-language'], 'ko');
  assert.match(korean.headers['set-cookie'].join(), /fg_lang=ko/);
  assert.match((await get('', { cookie: 'fg_lang=ko', 'accept-language': 'en' })).text, /<html lang="ko">/);
  assert.match((await get('', { 'accept-language': 'fr, ko;q=0.5' })).text, /<html lang="ko">/);
  assert.match((await get('', {})).text, /<html lang="en">[^]*hello/);
});

test('no inline script runs, and what the page needs it has', async (t) => {
  const site = await openShow(t, { rate_per_s: 0 });
  const page = await site.front.http.get('/e/show');
  const policy = page.headers['content-security-policy'];
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe|\*/);
  assert.doesNotMatch(page.text, /<script>|<script (?!type="application\/json")[^>]*>[^<]|style=|onclick/);
});

for (const lang of ['ko', 'en']) {
  test(`the first view is at most 13,000 bytes, heads and all, ${lang}`, async (t) => {
    const site = await openSite(t, { config: { shipped: true, web: { public_url: 'https://tickets.example.com' } } });
    await makeEvent(site, 'show', { rate_per_s: 0, name: 'A name of usual length', message: { ko: '안내 말씀 '.repeat(20), en: 'A notice '.repeat(20) } });
    const headers = { 'accept-language': lang, 'accept-encoding': 'gzip, br' };
    const sizes = {};
    const weigh = async (path) => {
      const answer = await site.front.http.get(path, { headers });
      assert.equal(answer.status, 200, path);
      const head = Object.entries(answer.headers).reduce((sum, [name, value]) => sum + name.length + String(value).length + 4, 15);
      sizes[path] = answer.body.length + head;
      return answer;
    };
    const page = await weigh('/e/show');
    assert.equal(page.headers['content-encoding'], 'gzip');
    const html = gunzipSync(page.body).toString();
    const paths = new Set([...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map((match) => match[1]));
    assert.ok(paths.size >= 3);
    for (const path of paths) {
      // Brotli's copy is made in the background, while the program answers with gzip.
      const file = await until(`${path} by brotli`, async () => {
        const answer = await weigh(path);
        return (path.endsWith('.svg') || answer.headers['content-encoding'] === 'br') && answer;
      });
      assert.match(file.headers['cache-control'], /immutable/);
    }
    const bytes = Object.values(sizes).reduce((sum, size) => sum + size);
    t.diagnostic(`${bytes} bytes: ${JSON.stringify(sizes)}`);
    assert.ok(bytes <= 13_000, `${bytes} bytes: ${JSON.stringify(sizes, null, 1)}`);
    // A client without compression gets the same page.
    const numbers = (text) => text.replace(/data-(now|poll)="[^"]*"/g, '').replace(/content="\d+; /, '');
    const plain = await site.front.http.get('/e/show', { headers: { 'accept-language': lang } });
    assert.equal(numbers(plain.text), numbers(html));
  });
}

for (const [name, config, ways] of [
  ['to the shop and to the orders', { web: { shop_url: 'https://shop.example/?a=1&b=2' } }, ['/pay/orders', 'https://shop.example/?a=1&amp;b=2']],
  ['nowhere, having neither', { passes: { next_url: 'https://hall.example/' } }, []],
]) {
  test(`an unknown address and the end of a sale lead on ${name}`, async (t) => {
    const site = await openShow(t, { rate_per_s: 0 }, { config });
    const nowhere = await site.front.http.get('/e/nix', { headers: { 'accept-language': 'ko' } });
    assert.equal(nowhere.status, 404);
    assert.match(nowhere.text, /찾는 화면이 없습니다/);
    for (const page of [nowhere, await site.front.http.get('/e/show')]) {
      assert.deepEqual([...page.text.matchAll(/<a class="[^"]*button[^"]*" href="([^"]*)"/g)].map((found) => found[1]).sort(), ways);
    }
  });
}

// browser/trouble.test.js checks their sentences.
test('a page says what state the event is in, and a refused form leads to one that offers the next step', async (t) => {
  const site = await openSite(t);
  const opensAt = at(3_600_000);
  async function refused(who, call, code, its) {
    assert.equal(await who.submit(call), `/e/${who.event}?notice=${code}`);
    assert.equal(view(await who.page(`?notice=${code}`)), its, code);
  }
  await makeEvent(site, 'show', { opens_at: opensAt, rate_per_s: 0 }, { open: false });
  const browser = new Browser(site.front, 'show');
  assert.match((await browser.page()).text, new RegExp(`opens on .*${opensAt.slice(11, 16)} UTC\\.`));
  await refused(browser, 'join', 'event-not-open', 'soon');
  await act(site.front, 'show', 'open');
  for (const call of ['pass', 'extend', 'leave']) await refused(browser, call, 'place-gone', 'join');
  await browser.joined();
  await refused(browser, 'pass', 'not-yet', 'waiting');
  await patch(site.front, 'show', { code_required: true });
  const phone = new Browser(site.front, 'show');
  await phone.call('POST', 'move', { body: { code: (await browser.call('POST', 'move', { body: {} })).json.code } });
  for (const call of ['pass', 'leave']) await refused(browser, call, 'ticket-moved', 'moved');
  await refused(browser, 'join', 'code-required', 'moved');
  assert.match((await browser.page()).text, /id="presale" class="[^"]*on-moved[^"]* only only-open/);
  await act(site.front, 'show', 'sold-out');
  await refused(new Browser(site.front, 'show'), 'join', 'event-sold-out', 'sold-out');
  await act(site.front, 'show', 'close');
  for (const call of ['pass', 'extend']) await refused(phone, call, 'event-closed', 'closed');
  assert.equal(await new Browser(site.front, 'nowhere').submit('join'), '/e/nowhere');
});

// ---- the picture of a shared link ----

// A PNG's chunks, each with a correct checksum.
function chunksOf(png) {
  assert.equal(png.toString('latin1', 0, 8), '\x89PNG\r\n\x1a\n');
  const found = new Map();
  for (let at = 8; at < png.length;) {
    const end = at + 8 + png.readUInt32BE(at);
    assert.equal(png.readUInt32BE(end), crc32(png.subarray(at + 4, end)));
    found.set(png.toString('latin1', at + 4, at + 8), png.subarray(at + 8, end));
    at = end + 4;
  }
  return found;
}

test('the picture of an event comes after the page, and an event without one has no box', async (t) => {
  const site = await openSite(t);
  await makeEvent(site, 'show', { rate_per_s: 0, picture: '/pictures/tour.webp' });
  await makeEvent(site, 'bare', { rate_per_s: 0 });
  const [shown, bare] = await Promise.all(['show', 'bare'].map((id) => site.front.http.get(`/e/${id}`)));
  assert.match(shown.text, /<img id="picture" [^>]*src="\/pictures\/tour\.webp" alt="" loading="lazy">/);
  assert.doesNotMatch(bare.text, /id="picture"/);
});

const metaOf = (page, name) => new RegExp(`<meta (?:property|name)="${name}" content="([^"]*)">`).exec(page.text)?.[1];

test('a shared link has a name, words and a picture', async (t) => {
  const site = await openSite(t, { config: { web: { public_url: 'https://tickets.example' }, brand: { colour: '#7a1fa2' } } });
  await makeEvent(site, 'show', { rate_per_s: 0, name: 'Night & Day', about: { en: '21 March, Harbour Stadium', ko: '3월 21일, 하버 스타디움' } });
  for (const [lang, about] of [['en', '21 March, Harbour Stadium'], ['ko', '3월 21일, 하버 스타디움']]) {
    const page = await site.front.http.get('/e/show', { headers: { 'accept-language': lang } });
    assert.equal(metaOf(page, 'og:title'), 'Night &amp; Day');
    assert.match(page.text, new RegExp(`property="og:description" content="${about}"`));
    assert.equal(metaOf(page, 'og:image'), 'https://tickets.example/assets/preview.png');
  }
  const picture = await site.front.http.get('/assets/preview.png');
  assert.equal(picture.headers['content-type'], 'image/png');
  assert.ok(picture.body.length < 40_000, `${picture.body.length} bytes`);
  const chunks = chunksOf(picture.body);
  const [width, height] = [0, 4].map((at) => chunks.get('IHDR').readUInt32BE(at));
  assert.deepEqual([width, height], [1200, 630]);
  assert.equal(inflateSync(chunks.get('IDAT')).length, height * (1 + width / 2));
  assert.equal(chunks.get('PLTE').toString('hex', 0, 3), '7a1fa2');
  assert.equal(chunks.get('PLTE').toString('hex', 45), 'ffffff');
});

test('a link has no picture without the address of the site', async (t) => {
  const scope = openScope(t);
  const drawing = readFileSync(new URL('../../../queue-front/web/preview.png', import.meta.url));
  const path = join(scope.tempDir('preview-'), 'own.png');
  writeFileSync(path, drawing); // in grey, which no brand uses
  const site = await openShow(t, { rate_per_s: 0 }, { scope, config: { brand: { preview: path } } });
  assert.equal(metaOf(await site.front.http.get('/e/show'), 'og:image'), undefined);
  assert.deepEqual((await site.front.http.get('/assets/preview.png')).body, drawing);
});

// ---- the operator's own look ----

const SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><circle cx="4" cy="4" r="4"/></svg>';

function brandOf(scope, files = {}) {
  const texts = join(scope.tempDir('brand-'), 'texts');
  mkdirSync(texts);
  writeFileSync(`${texts}/../logo.svg`, SVG);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(texts, name), text);
  return { name: 'Seoul "Arts" & Co', logo: join(texts, '../logo.svg'), colour: '#7a1fa2', dark_colour: '#d9a6f5', texts };
}

test('an operator gives the pages a brand and a language', async (t) => {
  const scope = openScope(t);
  const english = readFileSync(new URL('../../../queue-front/web/text.en', import.meta.url), 'utf8');
  const japanese = english.replace(/^language.name = .*/m, 'language.name = 日本語').replace(/^join.title = .*/m, 'join.title = 列に並ぶ');
  const brand = brandOf(scope, {
    'en.txt': '# ours\njoin.title = Come in <b>\n[seat-service]\nno.such = thing\n'.replace('<b>', '&'),
    'ja.txt': `[queue-front]\n${japanese}`,
  });
  const site = await openShow(t, { rate_per_s: 0 }, { scope, config: { brand } });
  const page = await site.front.http.get('/e/show');
  assert.match(page.text, /<h2[^>]*>Come in &amp;<\/h2>/);
  const logo = /<p class="brand"><img src="([^"]+)" alt="Seoul &quot;Arts&quot; &amp; Co"><\/p>/.exec(page.text)[1];
  const image = await site.front.http.get(logo);
  assert.equal(image.text, SVG);
  assert.equal(image.headers['content-type'], 'image/svg+xml');
  assert.match(image.headers['content-security-policy'], /sandbox/);
  const base = await site.front.http.get(/href="([^"]+wait.css)"/.exec(page.text)[1]);
  assert.match(base.text, /--signal: #7a1fa2; --on-signal: #fff;/);
  assert.match(base.text, /dark\) \{ :root \{ --signal: #d9a6f5; --on-signal: #000;/);
  const other = await site.front.http.get('/e/show', { headers: { 'accept-language': 'ja-JP, en;q=0.5' } });
  assert.match(other.text, /<html lang="ja">[^]*日本語[^]*列に並ぶ/);
  assert.equal(other.headers['content-language'], 'ja');
});

test('an invalid brand or half a language is refused', (t) => {
  const scope = openScope(t);
  const secrets = makeSecrets(scope);
  const check = (brand) => runFront(scope, secrets, { brand }, '--check-config');
  const good = brandOf(scope);
  const fine = check(good);
  assert.equal(fine.status, 0, fine.stderr);
  for (const [wrong, told] of [
    [{ colour: 'purple' }, /is not of the form #rrggbb/],
    [{ logo: secrets.path('admin-token') }, /is no SVG, PNG or WebP/],
    [{ logo: '/nowhere.svg' }, /nowhere.svg/],
    [{ preview: good.logo }, /is no PNG of 1200 x 630/],
    [{ name: '' }, /a logo needs it/],
    [{ texts: '/nowhere' }, /brand.texts: \/nowhere/],
    [brandOf(scope, { 'japanese.txt': '' }), /two or three small letters/],
  ]) {
    const done = check({ ...good, ...wrong });
    assert.notEqual(done.status, 0, JSON.stringify(wrong));
    assert.match(done.stdout + done.stderr, told);
  }
});

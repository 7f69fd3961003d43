// The waiting page from a cache that ignores cookies and languages: the script adapts it to the visitor.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openShop } from '../integration/queue-front/shop.js';
import { client, openScope, until } from '../lib-js/index.js';
import { openLine } from './line-world.js';
import { clickFor, closeAfterEach, openBrowser } from './world.js';

describe('the waiting page out of a cache', async () => {
  const scope = openScope(test);

  const shop = openShop();
  const config = { line: { gone_after: '1h' }, web: { page_kept: '5s' }, members: { keys: shop.file } };
  const [line, browser] = await Promise.all([openLine(scope, { config }), openBrowser(scope)]);
  closeAfterEach();

  // Every visitor of the event's address gets these bytes, in English.
  async function visitorOfCache(id, options = {}) {
    const { text: body } = await client({ port: line.base }).get(`/e/${id}`, { headers: { 'accept-language': 'en' } });
    const visitor = await line.visitor(browser, { locale: 'en-GB', ...options });
    visitor.asked = [];
    visitor.page.on('request', (request) => visitor.asked.push(`${request.method()} ${new URL(request.url()).pathname}`));
    await visitor.page.context().route(`${line.at}/e/${id}`, (route) => route.fulfill({ status: 200, contentType: 'text/html; charset=utf-8', body }));
    await line.go(visitor, id);
    return visitor;
  }

  test('a visitor who joined finds the place again from the same bytes, without a poll', async () => {
    await line.open('show');
    await line.crowd('show', 3);
    const visitor = await visitorOfCache('show');
    await visitor.view('join');
    await visitor.page.waitForFunction(() => document.cookie.includes('fg_visitor='));
    // The shared status may be kept, so its date counts less than that of the slower join.
    await visitor.page.route('**/status', async (route) => {
      const answer = await route.fetch();
      await route.fulfill({ response: answer, headers: { ...answer.headers(), date: new Date(Date.now() - 60_000).toUTCString() } });
    });
    await visitor.page.route('**/join', async (route) => {
      await new Promise((resolve) => { setTimeout(resolve, 500); });
      await route.continue();
    });
    const aheadMs = () => visitor.page.evaluate(async () => (await import(document.querySelector('script[type=module]').src)).serverNow() - Date.now());
    await visitor.page.evaluate(() => document.dispatchEvent(new Event('visibilitychange'))); // forgets earlier dates
    await until('the date of the status', async () => await aheadMs() < -50_000);
    assert.ok(!visitor.asked.some((one) => one.endsWith('/stream')), visitor.asked.join());
    assert.ok(!visitor.asked.some((one) => one.endsWith('/me')), visitor.asked.join());
    const [join] = await Promise.all([
      visitor.page.waitForRequest((request) => request.url().endsWith('/join')),
      visitor.page.waitForRequest((request) => request.url().endsWith('/stream')),
      line.join(visitor),
    ]);
    assert.match((await join.allHeaders()).cookie, /fg_visitor=[\w-]{22}\b/);
    assert.equal(await visitor.page.textContent('#position'), '4');
    assert.ok(Math.abs(await aheadMs()) < 5000);
    await visitor.page.reload();
    await visitor.view('waiting');
    assert.equal(await visitor.page.textContent('#position'), '4');
    // One lost answer hides no place, and the visitor's own page stores that there is one.
    await visitor.page.evaluate(() => localStorage.clear());
    await line.go(visitor, 'show/mine');
    await visitor.view('waiting');
    await visitor.page.route('**/me', (route) => route.fulfill({ status: 503 }), { times: 1 });
    await line.go(visitor, 'show');
    await visitor.view('waiting');
    visitor.wrong.length = 0; // the browser logs the refused request
    // The cookie that the script sets works like the server's: without the ticket it is the same place.
    await visitor.page.context().clearCookies({ name: /ticket/ });
    await visitor.page.reload();
    await visitor.view('join');
    await line.join(visitor);
    assert.equal(await visitor.page.textContent('#position'), '4');
  });

  test('the page is in the reader\'s language, or in that of the address', async () => {
    await line.open('languages');
    const visitor = await visitorOfCache('languages', { locale: 'ko-KR' });
    await visitor.page.locator('html[lang=ko]').waitFor();
    await visitor.view('join');
    await clickFor(visitor.page, 'nav a[lang=en]', 'html[lang=en]');
    await visitor.page.waitForFunction(() => document.cookie.includes('fg_lang=en'));
    await line.go(visitor, 'languages');
    await visitor.view('join');
    await visitor.page.waitForFunction(() => document.cookie.includes('fg_visitor='));
    assert.equal(await visitor.page.getAttribute('html', 'lang'), 'en');
  });

  test('a member who logs in after joining is offered the members\' line', async () => {
    await line.open('laned', { lanes: [{ id: 'fans', name: 'Fans', share: 30 }] });
    const visitor = await visitorOfCache('laned');
    await line.join(visitor);
    await visitor.page.context().addCookies([{ name: 'fg_member', value: shop.token('kim', { claims: { lane: 'fans' } }), url: line.at }]);
    await visitor.page.reload();
    await clickFor(visitor.page, '#anew button', '#lane', { hasText: '“Fans”' });
    await line.go(visitor, 'laned'); // who is in a lane stays on the cached page
    await visitor.page.locator('#lane', { hasText: '“Fans”' }).waitFor();
    assert.match(visitor.page.url(), /\/e\/laned$/);
  });

  test('without a script the page links to a page with forms for everything', async () => {
    await line.open('plain');
    const visitor = await visitorOfCache('plain', { javaScriptEnabled: false });
    await visitor.page.waitForURL(/\/e\/plain\/mine$/);
    await clickFor(visitor.page, '#join button', '#line[data-view=waiting]');
    assert.equal(await visitor.page.textContent('#position'), '1');
    await line.go(visitor, 'plain');
    await visitor.page.waitForURL(/\/e\/plain\/mine$/);
    await visitor.page.locator('#line[data-view=waiting]').waitFor();
  });
});

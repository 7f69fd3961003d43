// A visitor's whole way, in a real browser at a phone's size, through the whole stack: the shop's home, waiting page,
// hall, checkout, payment provider, ticket, and the shop's list of orders.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openScope, openStack, request, until } from '../lib-js/index.js';
import { openLooks } from './look.js';
import { backOf, clickFor, closeAfterEach, customer, downloaded, goFor, openBrowser, openFirefox, payByCard, Visitor } from './world.js';

describe('pages', async () => {
  const scope = openScope(test);
  const looks = openLooks(scope, 'journey');

  const stack = await openStack(scope, { hashes: 'usual' });
  await stack.up();
  const browser = await openBrowser(scope);
  closeAfterEach();

  const MAP = { drawn: '#map' };
  const LIST = { few: ['#list-seats li'] };
  // The same date and place on every page, in the hall's time and in the time of a device elsewhere.
  const LINES = {
    ko: '2030년 5월 1일 (수) 19:00\u00a0· 하버 스타디움, 인천\u00a0· 입장 17:30',
    en: 'Wed 1 May 2030, 19:00\u00a0· Harbour Stadium, Incheon\u00a0· Doors 17:30',
  };
  const HERE = { ko: '', en: " (11:00 by this device's clock)" };

  async function told({ page, language }, selector, here = HERE[language]) {
    const wanted = LINES[language].replace(/(?=\u00a0)/, here);
    await until(wanted, async () => (await page.locator(selector).first().textContent()) === wanted);
  }

  // Runs in a page, before anything else. Reports which parts move before the visitor acts, and by how much in all (CLS).
  function reportShifts() {
    let sum = 0;
    const observer = new PerformanceObserver((list) => {
      for (const { value, sources } of list.getEntries()) {
        sum += value;
        console.info(`moved ${sum.toFixed(3)} ${location.pathname} ${sources.map(({ node }) => node?.id || node?.nodeName)}`);
      }
    });
    observer.observe({ type: 'layout-shift', buffered: true });
    for (const act of ['pointerdown', 'keydown', 'resize']) addEventListener(act, () => observer.disconnect(), true);
  }

  async function noteShifts(visitor) {
    await visitor.page.addInitScript(reportShifts);
    visitor.page.on('console', (message) => {
      const [text, sum] = /^moved (\S+) .*/.exec(message.text()) ?? [];
      if (sum > 0.02 && !text.includes('/tickets ')) visitor.wrong.push(text); // tickets do not wait for their script
    });
  }

  async function buy(visitor, who) {
    const { page } = visitor;
    await clickFor(page, '#cart-pay', '#login-form');
    await visitor.survey(looks, `${visitor.name}-login`);
    await page.fill('#login-name', who.login);
    await page.fill('#login-password', `${who.password}x`);
    await clickFor(page, '#login-form button', '#notice:not(:empty)');
    await visitor.survey(looks, `${visitor.name}-login-wrong`);
    await page.fill('#login-password', who.password);
    await clickFor(page, '#login-form button', '#pay-button');
    await told(visitor, '#event-show');
    await visitor.survey(looks, `${visitor.name}-checkout`);
    await page.click('#pay-button');
    await page.waitForURL(`http://localhost:${stack.base + 4}/pay/**`);
    // Back from the provider unpaid: the order waits and links to the provider again.
    await page.goto(await backOf(page));
    await visitor.survey(looks, `${visitor.name}-order-pending`);
    await page.click('#pay-link');
    await payByCard(page);
    await told(visitor, '.receipt .when');
    await visitor.survey(looks, `${visitor.name}-order-completed`);
    await page.click('a[href^="/pay/tickets/"]');
    await page.locator('.ticket svg').first().waitFor();
    await told(visitor, '.ticket .when');
    const { text: calendar } = await downloaded(page, '#calendar');
    assert.match(calendar, /\r\nDTSTART:20300501T100000Z\r\n/);
    assert.match(calendar, visitor.language === 'ko' ? /\r\nLOCATION:하버 스타디움\\, 인천\r\n/ : /\r\nLOCATION:Harbour Stadium\\, Incheon\r\n/);
    await visitor.survey(looks, `${visitor.name}-tickets`);
  }

  // The company's existing shop: its customer finds the tickets among the orders, and still buys stationery.
  async function shopAsEver(visitor, who, seats) {
    const { page } = visitor;
    await page.goto(`http://localhost:${stack.base + 5}/my/orders`);
    await page.fill('[name=login]', who.login);
    await page.fill('[name=password]', who.password);
    await clickFor(page, '#login button', '#logout:not([hidden])');
    const first = page.locator('#orders li').first();
    await until('the tickets to be handed over', async () => (await page.reload(), await first.textContent()).includes('World Tour at the Harbour Stadium · '));
    assert.equal((await first.locator('span').textContent()).split(', ').length, seats);
    await visitor.judge(`${visitor.name}-shop-orders`);
    await page.click('header a[href="/"]');
    await page.locator('#goods button').nth(2).click();
    await page.locator('#announce:not(:empty)').waitFor();
    await clickFor(page, 'header a[href="/my/orders"]', '#orders li', { hasText: ' 2 × 1' });
  }

  for (const [name, options, n] of [['ko', { deviceScaleFactor: 1, timezoneId: 'Asia/Seoul' }, 0], ['en-dark', { deviceScaleFactor: 1, locale: 'en-GB', timezoneId: 'Europe/London', colorScheme: 'dark', reducedMotion: 'reduce' }, 1], ['en-firefox', { deviceScaleFactor: 1, locale: 'en-GB', timezoneId: 'Europe/London' }, 3]]) {
    test(`a visitor walks the whole way, ${name}`, async () => {
      const visitor = await Visitor.open(name === 'en-firefox' ? await openFirefox(scope) : browser, stack, options);
      visitor.name = name;
      const { page } = visitor;
      await noteShifts(visitor);
      await page.goto(`http://localhost:${stack.base + 5}/`);
      await page.locator('#goods li').first().waitFor();
      await visitor.judge(`${name}-shop`);
      await page.click('main a');
      await told(visitor, '#show', '');
      if (visitor.language === 'en') await page.locator('#here', { hasText: 'Wed 1 May 2030, 11:00' }).waitFor();
      await page.click('#join button');
      await page.locator('#pass button').click({ timeout: 60_000 });
      await visitor.ready();
      await told(visitor, '#show');
      await visitor.survey(looks, `${name}-hall-far`, MAP);
      await page.focus('#map-top');
      for (const key of ['ArrowRight', 'Enter']) await page.keyboard.press(key);
      await page.click('#card-view');
      await page.waitForFunction(() => document.querySelector('#sight img')?.naturalWidth === 640);
      await visitor.judge(`${name}-sight`);
      await page.click('#sight-close');
      await visitor.survey(looks, `${name}-hall-near`, MAP);
      await page.keyboard.press('Escape');
      await page.click('#show-list');
      await visitor.survey(looks, `${name}-list`, LIST);
      await page.click('#show-map');
      await visitor.takeBest(2);
      await page.locator('#cart-pay').waitFor();
      await visitor.stands();
      await page.click('#zoom-all'); // which seats they are is random
      await visitor.survey(looks, `${name}-held`, MAP);
      const places = await page.locator('#cart-seats li').count();
      await page.reload();
      await visitor.ready();
      await page.locator('#cart-pay').waitFor();
      await buy(visitor, customer(stack, n));
      assert.equal(await page.locator('.ticket svg').count(), places);
      // The order ends the visit and frees its slot.
      if (visitor.hasLook) {
        assert.equal(await page.locator('.ticket').first().evaluate((one) => getComputedStyle(one).backgroundColor), 'rgb(255, 255, 255)', 'for scanners, in both schemes');
        await page.emulateMedia({ media: 'print' });
        const size = page.viewportSize();
        await page.setViewportSize({ width: 718, height: 1047 }); // A4 without its margins
        const [above, high] = await page.locator('.ticket').first().evaluate((one) => [one.getBoundingClientRect().top, one.offsetHeight]);
        assert.ok(above + 3 * high + 40 <= 1047, `three on a page, each ${high} px high`);
        await looks.see(page, `${name}-tickets-print`);
        await page.emulateMedia({ media: null });
        await page.setViewportSize(size);
      }
      await goFor(page, `${visitor.at}/seats/demo`, '#gone');
      await visitor.survey(looks, `${name}-gone`);
      await goFor(page, `${visitor.at}/e/demo/fairness`, '#promise');
      await visitor.judge(`${name}-fairness`, { axe: false });
      await goFor(page, `${visitor.at}/pay/orders`, '.receipt');
      await shopAsEver(visitor, customer(stack, n), places);
    });
  }

  const held = (page, count) => page.waitForFunction((wanted) => document.querySelectorAll('#cart-seats li').length === wanted, count);

  test('held seats survive a reload, and two tabs show the same', async () => {
    const visitor = await Visitor.open(browser, stack);
    const { page } = visitor;
    await visitor.enter();
    await visitor.takeBest(3);
    await page.reload();
    await visitor.ready();
    await held(page, 3);
    const second = await page.context().newPage();
    await second.goto(`${visitor.at}/seats/demo`);
    await held(second, 3);
    await second.click('#cart-open');
    await second.locator('#cart-seats button').last().click(); // the first seat of a row would leave a single seat
    await held(page, 2);
    // A closed tab releases no seats.
    await second.close();
    const third = await page.context().newPage();
    await third.goto(`${visitor.at}/seats/demo`);
    await held(third, 2);
    await visitor.giveBack();
    await held(page, 0);
    await held(third, 0);
  });

  test('a seat on its way to its visitor is never shown as another\'s', async () => {
    const visitor = await Visitor.open(browser, stack, { locale: 'en-GB' });
    const { page } = visitor;
    await visitor.enter();
    await visitor.openRow(50, 4);
    const before = await page.textContent('#list-row option:checked');
    let answer;
    await page.route('**/holds', async (route) => {
      answer = await route.fetch();
      // The stream sends the change before this response arrives.
      await page.waitForFunction((old) => document.querySelector('#list-row option:checked').textContent !== old, before);
      assert.match(await visitor.seat(2).textContent(), /one moment/);
      await route.fulfill({ response: answer });
    }, { times: 1 });
    await visitor.seat(2).click();
    await page.locator('#list-seats li:nth-child(3) button[aria-pressed=true]').waitFor();
    assert.match(await visitor.seat(2).textContent(), /yours/);
    assert.equal(answer.status(), 201);
    // The same on the map, in the text below it.
    await page.evaluate(() => {
      globalThis.told = [];
      new MutationObserver(() => globalThis.told.push(document.getElementById('seat').textContent)).observe(document.getElementById('seat'), { childList: true, characterData: true });
    });
    await page.click('#show-map');
    await page.focus('#map-top');
    await page.keyboard.press('ArrowRight');
    await page.route('**/holds/*', async (route) => {
      const free = await page.textContent('#categories');
      answer = await route.fetch();
      await page.waitForFunction((old) => document.getElementById('categories').textContent !== old, free);
      await route.fulfill({ response: answer });
    }, { times: 1 });
    for (let n = 0; n < 2; n += 1) await page.keyboard.press('Enter'); // first its card, then its button
    await held(page, 2);
    const told = await page.evaluate(() => globalThis.told);
    assert.match(told.at(-1), /yours/);
    assert.ok(told.some((text) => /one moment/.test(text)), told.join('; '));
    assert.ok(!told.some((text) => /being bought/.test(text)), told.join('; '));
    await visitor.giveBack();
    await held(page, 0);
  });

  test('the hall without a network says so, keeps held seats and recovers by itself', async () => {
    const visitor = await Visitor.open(browser, stack, { locale: 'en-GB' });
    const other = await Visitor.open(browser, stack);
    const { page } = visitor;
    await Promise.all([visitor.enter(), other.enter()]);
    await visitor.takeBest(2);
    await visitor.openRow(40, 3);
    await page.context().setOffline(true);
    await page.locator('#lost:not(:empty)').waitFor();
    await visitor.judge('hall-lost');
    assert.match(await page.textContent('#lost'), /Connection lost/);
    // An attempt during the outage reports its failure and loses nothing.
    await page.click('#cart-open');
    await page.locator('#cart-seats button').first().click();
    await page.locator('#trouble:not([hidden])').waitFor({ timeout: 60_000 });
    assert.match(await page.textContent('#trouble-text'), /connection/i);
    assert.equal(await page.locator('#cart-seats li').count(), 2);
    await other.openRow(40, 3);
    await other.seat(2).click();
    await other.page.locator('#cart-seats li').waitFor({ state: 'attached' });
    await page.context().setOffline(false);
    await page.locator('#lost').waitFor({ state: 'hidden' });
    await page.locator('#list-seats li:nth-child(3) button[aria-disabled=true]').waitFor();
    assert.equal(await page.locator('#cart-seats li').count(), 2);
    await visitor.giveBack();
    await page.locator('#cart-seats li').first().waitFor({ state: 'detached' });
  });

  for (const [how, query] of [['WebGL', ''], ['plain canvas', '?plain']]) {
    test(`a seat is taken and given back on the map by keys alone, ${how}`, async () => {
      const visitor = await Visitor.open(browser, stack, { locale: 'en-GB' });
      const { page } = visitor;
      await visitor.enter();
      if (query) {
        await page.goto(`${visitor.at}/seats/demo${query}`);
        await visitor.ready();
      }
      await page.focus('#map-top');
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('ArrowDown');
      const where = await page.textContent('#seat');
      assert.match(where, /row .*seat .*free/);
      for (let n = 0; n < 2; n += 1) await page.keyboard.press('Enter'); // first its card, then its button
      await page.locator('#cart-seats li').waitFor({ state: 'attached' });
      assert.ok(where.startsWith((await page.textContent('#cart-seats li span')).split(' · ')[0]));
      await visitor.judge(`keys-${query ? 'plain' : 'webgl'}`);
      for (let n = 0; n < 2; n += 1) await page.keyboard.press('Enter');
      await page.locator('#cart-seats li').waitFor({ state: 'detached' });
    });
  }

  for (const [name, options, n, words, refund] of [['en', { locale: 'en-GB' }, 2, /^(.+), row (.+), seat (.+)$/, 'Refund'], ['ko-firefox-dark', { colorScheme: 'dark' }, 4, /^(.+) (.+)열 (.+)번$/, '환불하기']]) test(`the whole way by keys alone, from the line to the refund, ${name}`, async () => {
    const visitor = await Visitor.open(name === 'en' ? browser : await openFirefox(scope, options.colorScheme), stack, options);
    const { page } = visitor;
    const { keyboard } = page;
    const who = customer(stack, n);
    // Moves from control to control with Tab, each with a visible focus.
    async function reach(selector) {
      for (let tabs = 0; tabs < 60; tabs += 1) {
        const { here, outline } = await page.evaluate((wanted) => {
          const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
          return { here: document.activeElement.matches(wanted), outline: `${outlineStyle} ${outlineWidth}` };
        }, selector);
        if (!here) {
          await keyboard.press('Tab');
          continue;
        }
        assert.match(outline, /^(solid|auto) [1-9]/, selector);
        return;
      }
      assert.fail(`${selector} is not reached by Tab`);
    }
    async function press(selector) {
      await reach(selector);
      await keyboard.press('Enter');
    }

    await page.goto(`${visitor.at}/e/demo`);
    assert.equal(await page.evaluate(() => matchMedia('(prefers-color-scheme: dark)').matches), options.colorScheme === 'dark');
    await visitor.judge('by-keys-line');
    await press('#join button');
    await page.locator('#pass button').waitFor();
    await visitor.judge('by-keys-called');
    await press('#pass button');
    await page.waitForURL('**/seats/demo');
    await visitor.ready();
    await press('#show-list');
    await reach('#list-zone');
    for (let n = 0; n < 3; n += 1) await keyboard.press('ArrowDown');
    await reach('#list-row');
    await keyboard.press('ArrowDown');
    await visitor.judge('by-keys-list');
    await press('#list-seats button[aria-disabled=false]');
    await held(page, 1);
    const seat = (await page.textContent('#cart-seats li span')).split(' · ')[0];
    await visitor.judge('by-keys-held');
    await press('#cart-pay');
    await page.locator('#login-form').waitFor();
    await visitor.judge('by-keys-login');
    await reach('#login-name');
    await keyboard.type(who.login);
    await reach('#login-password');
    await keyboard.type(who.password);
    await keyboard.press('Enter');
    await page.locator('#pay-button').waitFor();
    const BOUGHT = /World Tour at the Harbour Stadium/;
    const says = async (selector, ...parts) => {
      const text = await page.textContent(selector);
      for (const part of ['2030', ...parts]) assert.ok(text.includes(part), `${selector}: ${part}: ${text}`);
    };
    assert.match(await page.textContent('#summary'), BOUGHT);
    await says('#summary', seat);
    assert.match(await page.title(), BOUGHT);
    await visitor.judge('by-keys-checkout');
    await press('#pay-button');
    await page.waitForURL(`http://localhost:${stack.base + 4}/pay/**`);
    for (const [name, text] of [['number', '4242424242424242'], ['exp', '12/34'], ['cvc', '123']]) {
      await reach(`[name=${name}]`);
      await keyboard.type(text);
    }
    await press('main form button');
    await page.locator('main[data-status=completed]').waitFor({ timeout: 60_000 });
    assert.match(await page.title(), BOUGHT);
    await says('.receipt', seat);
    await visitor.judge('by-keys-order');
    await press('a[href^="/pay/tickets/"]');
    await page.locator('.ticket svg').first().waitFor();
    await visitor.judge('by-keys-ticket');
    assert.match(await page.title(), BOUGHT);
    await says('.ticket', ...words.exec(seat).slice(1));
    await page.goBack();
    await press('details summary');
    await reach('[data-act=refund]');
    assert.equal((await page.textContent('[data-act=refund]')).trim(), `${refund} ${await page.textContent('.total data')}`, 'how much is said before it is done');
    await keyboard.press('Enter');
    await page.locator('main[data-status=refunded]').waitFor({ timeout: 60_000 });
    assert.equal(await page.getAttribute('main a.button', 'href'), '/e/demo', 'the visit is over: the way leads by the line');
    await visitor.judge('by-keys-refunded');
  });

  test('without a pass the hall says where to get one', async () => {
    const visitor = await Visitor.open(browser, stack, { locale: 'en-GB' });
    await goFor(visitor.page, `${visitor.at}/seats/demo`, '#gone');
    await visitor.judge('no-pass');
    assert.ok((await visitor.page.getAttribute('#gone-link', 'href')).endsWith('/e/demo#in'));
  });

  test('early hints name the hall\'s files, and nothing for an unknown name', async () => {
    const hall = await request({ port: stack.base + 2, path: '/seats/demo' });
    for (const what of ['plan?form=rows', 'availability?form=octets']) assert.ok(String(hall.headers.link).includes(`</v1/seats/demo/${what}>; rel=preload`));
    const strange = await request({ port: stack.base + 2, path: '/seats/a>;b' });
    assert.equal(strange.status, 200);
    assert.equal(strange.headers.link, undefined);
  });

  test('pages and files are compressed; files are cached for ever, pages never', async () => {
    for (const page of ['/seats/demo', '/pay/checkout']) {
      const plain = await request({ port: stack.base, path: page });
      assert.equal(plain.status, 200);
      assert.match(plain.headers['cache-control'], /no-store/);
      assert.doesNotMatch(plain.headers['content-security-policy'], /unsafe|\*/);
      const files = [...plain.text.matchAll(/(?:href|src)="([^"]+\/-\/[^"]+)"/g)].map((match) => match[1]);
      assert.equal(files.length, 2);
      let bytes = 0;
      for (const path of files) {
        const packed = await request({ port: stack.base, path, headers: { 'accept-encoding': 'gzip, br' } });
        assert.equal(packed.headers['content-encoding'], 'br', path);
        assert.match(packed.headers['cache-control'], /immutable/);
        bytes += Number(packed.headers['content-length']);
        const old = await request({ port: stack.base, path: path.replace(/\/[0-9a-f]{16}\//, '/0000000000000000/') });
        assert.equal(old.headers['cache-control'], 'no-store');
      }
      assert.ok(bytes < 24 * 1024, `${page}: files of ${bytes} bytes`);
    }
  });
});

// Error states of the hall, the checkout and an order: each in both languages, on a phone and at a desk, by
// axe and by its look (a share of these in `make test`). Some states are simulated here; journey.test.js and
// checkout.test.js check the real way in and out.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openScope, openStack, until } from '../lib-js/index.js';
import { hall } from '../integration/seat-service/site.js';
import { openLooks } from './look.js';
import { openSaid, sentencesOf, writeWords } from './said.js';
import { alter, backOf, buy, clickFor, closeAfterEach, customer, goFor, logIn, openBrowser, Visitor } from './world.js';

const MANNERS = [
  ['ko', { deviceScaleFactor: 1 }],
  ['en', { deviceScaleFactor: 1, locale: 'en-GB', colorScheme: 'dark', reducedMotion: 'reduce' }],
];
const LIST = { few: ['#list-seats li', '#offers button'] };

describe('pages in trouble', async () => {
  const scope = openScope(test);
  const looks = openLooks(scope, 'trouble');

  // A small hall with its own line; its seats are a person's distance apart.
  async function makeEvent(id, more) {
    const name = 'The second night';
    const body = hall({ rows: 2, seatsPerRow: 10, name, limits: { max_per_hold: 20 }, ...more });
    const [zone] = body.plan.zones;
    for (const row of zone.rows) {
      row.position.y = 3 * row.position.y + 60;
      for (const seat of row.seats) seat.position.x *= 3;
    }
    body.plan.size = { width: 360, height: 240 };
    body.focal_point = { x: 165, y: 0 };
    assert.equal((await seats.put(`/admin/events/${id}`, { body })).status, 201);
    assert.equal((await queue.put(`/admin/events/${id}`, { body: { name, rate_per_s: 100, burst: 100 } })).status, 201);
    assert.equal((await queue.post(`/admin/events/${id}/actions/open`)).status, 200);
  }

  const stack = await openStack(scope);
  await stack.up();
  const [queue, seats, pay] = ['queue', 'seats', 'pay'].map((part) => stack.admin(part));
  await makeEvent('small', { seats: [{ guid: 'r1s4', restricted_view: true, sight: 'A pillar on the left' }], zones: [{ zone: 'Hall', entrance: 'Gate B', floor: 'Level 1' }] });
  await makeEvent('floor', { area: 50 });
  const browser = await openBrowser(scope);
  closeAfterEach();

  // A faster buyer without a page.
  async function rival(event, ask) {
    const { pass: token } = await stack.enter(event);
    const held = await stack.edge.post(`/v1/seats/${event}/holds`, { token, body: ask });
    assert.equal(held.status, 201, held.text);
    return () => stack.edge.delete(`/v1/seats/${event}/holds/${held.json.hold}`, { token });
  }

  // Texts that are true whenever they are shown.
  const said = {
    seats: openSaid('hall', 'seat-service', /^(map\.(hint|help)|fees\.told)$/),
    pay: openSaid('pay', 'payment-adapter', /^(login\.text|pay\.text|terms\..*|ticket\.(show|you|hand-on-text)|order\.refund-text)$/),
  };

  async function see(visitor, what, how) {
    const { page, name } = visitor;
    await said[new URL(page.url()).pathname.split('/')[1]].note(page, what, name, 'main');
    await visitor.inspect(looks, `${visitor.name}-${what}`, ['desktop', 'phone'], how); // then continues on the phone
  }

  // Replaces the next response.
  const refuse = (page, path, status, problemOf) => page.route(path, (route) => {
    const problem = problemOf(route.request().postDataJSON());
    return route.fulfill({ status, headers: { 'retry-after': '0' }, contentType: 'application/problem+json', body: JSON.stringify({ status, ...problem }) });
  }, { times: 1 });

  const untilShown = (page, id) => page.locator(`#${id}:not([hidden]):not(:empty)`).waitFor();

  const cart = (page, count) => page.waitForFunction((wanted) => document.querySelectorAll('#cart-seats li').length === wanted, count);

  async function giveBack(visitor) {
    await visitor.giveBack();
    await cart(visitor.page, 0);
  }

  async function come(name, options) {
    const visitor = await Visitor.open(browser, stack, options);
    visitor.name = name;
    return visitor;
  }

  // visit/outage.test.js takes the seats down for real.
  test('a visit with an expired pass continues by itself, and one that ended says so', async () => {
    const visitor = await come('en', MANNERS[1][1]);
    const { page } = visitor;
    await visitor.enter('small');
    await refuse(page, '**/v1/seats/small', 401, () => ({ code: 'pass-expired' }));
    const renewed = page.waitForResponse((answer) => answer.url().endsWith('/v1/queue/small/session') && answer.ok());
    await page.reload();
    await renewed;
    await visitor.ready();
    assert.equal(await page.isHidden('#gone'), true);
    await page.request.post(`${visitor.at}/v1/queue/small/leave`);
    await refuse(page, '**/v1/seats/small', 401, () => ({ code: 'pass-expired' }));
    await page.reload();
    await page.locator('#gone').waitFor();
    assert.match(await page.textContent('#gone-text'), /has run out/);
  });

  for (const [n, [name, options]] of MANNERS.entries()) {
    test(`in a hall whose event was recreated, ${name}`, async () => {
      const visitor = await come(name, options);
      const { page } = visitor;
      await refuse(page, '**/v1/seats/small', 401, () => ({ code: 'event-renewed' }));
      await goFor(page, `${visitor.at}/seats/small`, '#gone');
      assert.match(await page.textContent('#gone-text'), { en: /set up again.*join again/, ko: /새로 만들어졌습니다.*다시 참여/ }[name]);
      await visitor.judge(`trouble-${name}-made-again`);
    });

    test(`in the hall, ${name}`, async () => {
      const visitor = await come(name, options);
      const { page } = visitor;
      const calm = () => page.click('#trouble-close');
      await goFor(page, `${visitor.at}/seats/demo`, '#gone');
      await see(visitor, 'not-called');
      await visitor.enter();

      await visitor.openRow(30, 5 + n);
      await page.route('**/holds', async (route) => {
        await rival('demo', { seats: route.request().postDataJSON().seats });
        await route.continue();
      }, { times: 1 });
      await visitor.seat(4).click();
      await page.locator('#offers button').first().waitFor();
      assert.equal(await visitor.seat(4).getAttribute('aria-disabled'), 'true');
      await see(visitor, 'conflict', LIST);
      await page.locator('#offers button').first().click();
      await cart(page, 1);
      await page.locator('#trouble').waitFor({ state: 'hidden' });
      await see(visitor, 'conflict-resolved', LIST);
      await giveBack(visitor);
      await refuse(page, '**/holds', 409, ({ seats: ids }) => ({ code: 'seats-taken', seats: ids, alternatives: [] }));
      await visitor.seat(8).click();
      await untilShown(page, 'trouble');
      assert.equal(await visitor.seat(8).getAttribute('aria-disabled'), 'true', 'marked by the page: no stream says so');
      await see(visitor, 'conflict-none', LIST);
      await calm();

      await page.click('#best summary');
      await refuse(page, '**/proposals', 409, () => ({ code: 'sold-out' }));
      await page.click('#best-form button');
      await untilShown(page, 'trouble');
      await see(visitor, 'nothing-fits', LIST);
      await calm();

      // A hold that expires at once.
      let short;
      await page.route('**/holds', async (route) => {
        if (route.request().method() === 'GET') {
          await route.fetch({ method: 'DELETE', url: `${route.request().url()}/${short}` });
          return route.fulfill({ json: { holds: [] } });
        }
        const answer = await route.fetch();
        const hold = await answer.json();
        short = hold.hold;
        return route.fulfill({ response: answer, json: { ...hold, expires_at: new Date(Date.now() - 1000).toISOString() } });
      }, { times: 2 });
      await page.click('#best-form button');
      await page.locator('#proposals .main').first().click();
      await untilShown(page, 'trouble');
      await page.locator('#cart-back[hidden]').waitFor({ state: 'attached' });
      await see(visitor, 'ran-out', LIST);
      await calm();

      await page.context().setOffline(true);
      await untilShown(page, 'lost');
      await see(visitor, 'cut', LIST);
      await page.context().setOffline(false);
      await page.locator('#lost').waitFor({ state: 'hidden' });
      await page.route('**/v1/seats/**', (route) => route.abort());
      await page.reload();
      await page.waitForFunction(() => /connection|연결/i.test(document.getElementById('wait').textContent));
      await see(visitor, 'unreachable');
    });

    test(`what is chosen in the hall, ${name}`, async () => {
      const visitor = await come(name, options);
      const { page } = visitor;
      const chip = page.locator('#categories button');
      await visitor.enter();
      await chip.nth(2).click();
      await see(visitor, 'filtered', { drawn: '#map' });
      await visitor.openRow(0, 1);
      await see(visitor, 'filtered-list', LIST);
      await chip.nth(2).click();
      assert.equal(await chip.first().getAttribute('aria-pressed'), 'true', 'a second press shows all again');
      await page.click('#show-map');
      await page.emulateMedia({ contrast: 'more' });
      await see(visitor, 'contrast', { drawn: '#map' });
      await page.emulateMedia({ contrast: null });
      await visitor.takeBest(4);
      const first = await page.textContent('#cart-seats');
      await page.click('#cart-others');
      await page.locator('#offers button').nth(1).waitFor();
      assert.equal(await page.textContent('#cart-seats'), first, 'held until others are chosen');
      await see(visitor, 'others', LIST);
      await page.locator('#offers button').nth(1).click();
      await page.waitForFunction((old) => document.getElementById('cart-seats').textContent !== old, first);
      await see(visitor, 'others-taken');
      await visitor.openRow(60, 3);
      await visitor.seat(2).click({ force: true });
      await untilShown(page, 'trouble');
      assert.match(await page.textContent('#trouble-text'), /4/);
      await see(visitor, 'limit', LIST);
      await giveBack(visitor);
    });

    test(`a hall with nothing left, and one with standing places, ${name}`, async () => {
      const visitor = await come(name, options);
      const { page } = visitor;
      await visitor.enter('small');
      // The list and the cart describe a seat as the map does.
      await visitor.openRow(0, 0);
      assert.equal(await page.textContent('#list-way'), 'Gate B · Level 1');
      assert.match(await visitor.seat(3).textContent(), / · .+ · A pillar on the left$/);
      await visitor.seat(3).click();
      await cart(page, 1);
      assert.match(await page.textContent('#cart-seats'), /A pillar on the left/);
      await see(visitor, 'sight');
      await giveBack(visitor);
      await page.click('#show-map');
      assert.equal(await page.isVisible('#full'), false);
      const all = Array.from({ length: 20 }, (_, i) => `r${Math.floor(i / 10) + 1}s${i % 10 + 1}`);
      const leave = await rival('small', { seats: all });
      await untilShown(page, 'full');
      await see(visitor, 'full', { drawn: '#map' });
      assert.equal((await leave()).status, 204);
      await page.locator('#full').waitFor({ state: 'hidden' });
      await visitor.enter('floor');
      await see(visitor, 'standing', { drawn: '#map' });
      const free = (count) => page.waitForFunction((wanted) => document.querySelector('#areas .area').textContent.match(/\d+(?=\D*$)/)[0] === wanted, String(count));
      await free(50);
      const go = await rival('floor', { area: 'floor', quantity: 3 });
      await free(47);
      assert.equal((await go()).status, 204);
      await free(50);
      // Standing places need a separate order.
      await page.selectOption('#areas select', '3');
      await page.click('#areas button');
      await cart(page, 1);
      assert.equal(await page.textContent('#cart-seats li'), 'floor × 3');
      await see(visitor, 'standing-held', { drawn: '#map' });
      await visitor.openRow(0, 0);
      await visitor.seat(3).click();
      await untilShown(page, 'trouble');
      await see(visitor, 'seats-and-standing', LIST);
      assert.equal(await page.locator('#cart-seats li').count(), 1);
      await giveBack(visitor);
      await free(50);
    });

    test(`at the checkout and with the order, ${name}`, async () => {
      const visitor = await come(name, options);
      const { page } = visitor;
      const who = customer(stack, 10 + n);
      await visitor.enter();
      await visitor.takeBest(2);
      await goFor(page, `${visitor.at}/pay/checkout?event=demo&hold=nothing`, '#back.main');
      await see(visitor, 'checkout-nothing');
      await page.goto(`${visitor.at}/seats/demo`);
      await visitor.ready();

      let reads = 0;
      await alter(page, '**/holds/*', () => {
        const late = { state: 'expired', places: [], total: 0, expires_at: new Date(Date.now() + 7_200_000).toISOString() }; // it can still be paid for
        return reads++ ? late : { expires_at: new Date(Date.now() - 1000).toISOString() };
      }, { times: 2 });
      await clickFor(page, '#cart-pay', '#back.main');
      await see(visitor, 'checkout-ran-out');
      await page.reload();
      await page.fill('#login-name', who.login);
      await page.fill('#login-password', who.password);
      await page.route('**/v1/pay/login', (route) => route.fulfill({ status: 429, headers: { 'retry-after': '75' }, json: { code: 'too-many-attempts', retry_after_s: 75 } }), { times: 1 });
      await page.click('#login-form button');
      await untilShown(page, 'notice'); // and does not wait silently
      assert.match(await page.textContent('#notice'), /1:15/);
      assert.ok(await page.evaluate(() => document.activeElement.matches('#login-form button')), 'the keys are where they were');
      await see(visitor, 'login-throttled');
      await clickFor(page, '#login-form button', '#pay-button');
      await refuse(page, '**/v1/pay/orders', 409, () => ({ code: 'hold-expired' }));
      await clickFor(page, '#pay-button', '#back.main:focus');
      assert.ok(await page.isHidden('#pay-button'));
      await page.reload();
      await page.locator('#pay-button').waitFor();
      await page.context().setOffline(true);
      await page.click('#pay-button');
      await untilShown(page, 'notice');
      await see(visitor, 'checkout-cut');
      await page.context().setOffline(false);
      await page.click('#pay-button');
      await page.waitForURL(`http://localhost:${stack.base + 4}/pay/**`);
      const back = await backOf(page);

      // The hall while the order is open.
      await page.goto(`${visitor.at}/seats/demo`);
      await visitor.ready();
      await page.locator('#cart-pay').waitFor();
      assert.ok(await page.locator('#cart-back').evaluate((button) => button.hidden));
      await page.click('#zoom-all'); // which seats they are is random
      await see(visitor, 'paying', { drawn: '#map' });

      // An idle order, in each of its states.
      const order = new URL(back).pathname.split('/').at(-1);
      await until('the buyer to be waited for', async () => (await pay.get(`/admin/sagas?state=all&order=${order}`)).json.sagas[0].step === 'await_buyer');
      const park = `WITH p AS (UPDATE pay.saga SET parked = true, cause = 'psp-silent' WHERE subject = '${order}' AND NOT leased RETURNING 1) SELECT count(*) FROM p`;
      await until('no worker to have it in hand', () => stack.sql('payment_adapter', park) === '1');
      for (const status of ['confirming', 'cancelled', 'expired', 'failed', 'refunding', 'refunded', 'parked']) {
        await page.goto('about:blank'); // an open page would react to the change and interfere
        stack.sql('payment_adapter', `UPDATE pay.orders SET status = '${status}' WHERE id = '${order}'`);
        await goFor(page, back, `main[data-status=${status}]`);
        await see(visitor, `order-${status}`);
      }
      await page.goto(`${visitor.at}/pay/orders/o_nothing`);
      await see(visitor, 'order-unknown');
      await page.context().clearCookies({ name: /session/ });
      await goFor(page, back, 'main a[href*="back="]');
      await see(visitor, 'order-stranger');
    });

    test(`a transferred ticket, for its giver and its receiver, ${name}`, async () => {
      const [visitor, friend] = [await come(name, options), await come(name, options)];
      const { page } = visitor;
      await friend.page.goto(`${friend.at}/pay/checkout?back=/pay/tickets/o_nothing`);
      await logIn(friend.page, customer(stack, 14 + n));
      await friend.page.waitForURL((url) => url.pathname === '/pay/tickets/o_nothing');
      await see(friend, 'tickets-unknown');
      await friend.page.click('#other');
      await logIn(friend.page, customer(stack, 14 + n));
      await friend.page.locator('#other').waitFor();
      const { member } = await friend.page.evaluate(async () => (await fetch('/v1/pay/me')).json());

      await visitor.enter();
      await visitor.takeBest(1);
      await buy(page, customer(stack, 12 + n));
      await page.click('a[href^="/pay/tickets/"]');
      await page.click('.ticket summary');
      await see(visitor, 'hand-on');
      await page.context().setOffline(true);
      await page.fill('.ticket [name=to]', String(member));
      await clickFor(page, '.ticket [data-hand-on] button', '.ticket .notice:not(:empty)');
      assert.equal(await page.locator('.ticket svg').count(), 1);
      await see(visitor, 'hand-on-cut');
      await page.context().setOffline(false);
      await clickFor(page, '.ticket [data-hand-on] button', '.ticket .offer');
      assert.ok((await page.textContent('.ticket .offer')).includes(page.url()), 'the address is shown');
      assert.equal(await page.locator('.ticket svg').count(), 1, 'until it is taken it is its owner\'s');
      await see(visitor, 'ticket-offered');

      await goFor(friend.page, page.url(), '[data-take]');
      await see(friend, 'ticket-to-take');
      await clickFor(friend.page, '[data-take]', '.ticket svg');
      await see(friend, 'ticket-from-somebody');
      await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange'))); // makes the open page notice
      assert.ok((await page.textContent('.ticket.void')).includes(page.url()), 'the address is still told');
      await see(visitor, 'tickets-gone');
      await page.click('a[href^="/pay/orders/"]');
      const order = new URL(page.url()).pathname.split('/').pop();
      assert.equal(await page.locator('[data-act=refund]').count(), 0);
      await see(visitor, 'refund-handed-on');
      assert.equal((await pay.post(`/admin/orders/${order}/refund`, { body: { reason: 'as the buyer asked' } })).status, 202);
      await page.reload();
      await page.locator('main[data-status=refunded]').waitFor();
      await friend.page.reload();
      await friend.page.locator('.ticket.void').waitFor();
      await see(friend, 'ticket-refunded');
    });
  }

  // A page without a script is opened with the code of the refusal.
  const REFUSED = { 'queue-front': [/^notice/, '/e/small?notice='], 'seat-service': [/^(error|gone)/, '/v1/seats/small/plain?refused='], 'payment-adapter': [/^error/, '/pay/login/orders?wait=75&refused='] };
  test('each refusal has a sentence in each language', async () => {
    const { pass: token } = await stack.enter('small');
    for (const [service, [family, at]] of Object.entries(REFUSED)) {
      const rows = [];
      for (const lang of ['en', 'ko']) {
        for (const [id, sentence] of sentencesOf(`${service}/web/text.${lang}`).filter(([its]) => family.test(its))) {
          const { text } = await stack.edge.get(`${at}${id.split('.')[1]}&lang=${lang}`, { token });
          const words = /class="notice"[^>]*>([^<]*)/.exec(text)[1].replaceAll('&#39;', "'");
          assert.match(words, sentence);
          rows.push([id, lang, words]);
        }
      }
      writeWords(`refused-${service}`, rows);
    }
  });

  for (const [name, its] of Object.entries(said)) test(`each sentence of ${name} belongs to one state`, () => its.judge());
});

// The checkout and the order: with a reload, the back button, a second tab or a cut
// network in each state, and a transferred ticket.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertProblem, openScope, openStack, until } from '../lib-js/index.js';
import { backOf, clickFor, closeAfterEach, customer, downloaded, goFor, logIn, openBrowser, payByCard, Visitor } from './world.js';

describe('checkout', async () => {
  const scope = openScope(test);

  const stack = await openStack(scope, {
    env: {
      FAIRGATE_LINKS_TERMS: 'https://shop.example/terms',
      FAIRGATE_LINKS_PRIVACY: 'https://shop.example/privacy',
      FAIRGATE_LINKS_SUPPORT: 'mailto:help@shop.example',
      FAIRGATE_LINKS_PASSWORD: 'https://shop.example/forgotten',
    },
  });
  await stack.up();
  const browser = await openBrowser(scope);
  closeAfterEach();

  const atProvider = () => `http://localhost:${stack.base + 4}/pay/**`;

  async function toCheckout(options, quantity = 1) {
    const visitor = await Visitor.open(browser, stack, options);
    await visitor.enter();
    await visitor.takeBest(quantity);
    await clickFor(visitor.page, '#cart-pay', '#login-form');
    return visitor;
  }

  async function login({ page }, who) {
    await logIn(page, who);
    await page.locator('#pay-button').waitFor();
  }

  // The next hold that this page reads has just run out by its clock: the server knows better.
  const late = (page) => page.route('**/v1/seats/*/holds/*', async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, json: { ...await answer.json(), expires_at: new Date(Date.now() - 1000).toISOString() } });
  }, { times: 1 });

  const orderOf = (page) => new URL(page.url()).pathname.split('/').at(-1);

  const desk = async (order) => (await stack.admin('pay').get(`/admin/orders/${order}`)).json;
  const hallSeat = (n) => JSON.parse(stack.read('demo-hall.json')).plan.zones.at(-1).rows.at(-1).seats.at(n).seat_guid;
  async function deskMoves(order, from, to) {
    const body = { seats: [{ from, to }], other_category: from !== to, reason: 'a camera' };
    assert.equal((await stack.admin('pay').post(`/admin/orders/${order}/move`, { body })).status, 202);
    await until('the move to end', async () => (await desk(order)).moving.length === 0);
  }
  const lookAgain = async (page, ...shown) => {
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
    await page.locator(...shown).waitFor();
  };

  test('the checkout lists the parts of the sum, and the rules next to the button', async () => {
    const visitor = await Visitor.open(browser, stack, { locale: 'en-GB' });
    const { page } = visitor;
    let due = 0;
    let free = false;
    let down = null;
    await page.route('**/v1/seats/*/holds/*', async (route) => {
      if (down) return route.fulfill({ status: down.status, contentType: 'application/problem+json', json: down });
      const answer = await route.fetch();
      if (route.request().method() !== 'GET') return route.fulfill({ response: answer });
      const hold = await answer.json();
      if (free) return route.fulfill({ response: answer, json: { ...hold, total: 0, fees: 0 } });
      due = hold.total + 2_000;
      return route.fulfill({ response: answer, json: { ...hold, fees: 2_000, vat_basis_points: 1_000, vat: Math.round(due / 11) } });
    });
    await visitor.enter();
    await visitor.takeBest(1);
    await clickFor(page, '#cart-pay', '#login-form');
    assert.equal(await page.getAttribute('#link-password', 'href'), 'https://shop.example/forgotten');
    await login(visitor, customer(stack, 7));
    const won = (minor) => `₩${minor.toLocaleString('en')}`;
    assert.match(await page.textContent('#fees'), /Fees\s*₩2,000/);
    assert.equal(await page.textContent('#total'), won(due));
    assert.equal(await page.textContent('#pay-button'), `Pay ${won(due)}`);
    assert.ok((await page.textContent('#vat')).includes(won(Math.round(due / 11))));
    const agreed = await page.locator('#agree a:visible').evaluateAll((links) => links.map(({ href }) => href));
    assert.deepEqual(agreed, ['https://shop.example/terms', 'https://shop.example/privacy'], 'what has no address is not named');
    const [rules, button] = await Promise.all(['#agree', '#pay-button'].map((what) => page.locator(what).boundingBox()));
    assert.ok(rules.y + rules.height <= button.y, 'what is agreed to is read before the button');
    assert.equal(await page.getAttribute('#link-support', 'href'), 'mailto:help@shop.example');
    await visitor.judge('parts');
    free = true;
    down = { status: 503, code: 'unavailable' };
    await page.reload();
    await page.locator('#again').waitFor();
    await visitor.judge('not-now');
    down = null;
    await page.click('#again a');
    await page.locator('#terms').getByText('You can return the tickets until').waitFor();
    assert.equal(await page.textContent('#pay-button'), 'Get the tickets');
    assert.deepEqual([await page.isVisible('#fees'), await page.isVisible('#vat'), await page.isVisible('#pay-text')], [false, false, false]);
    down = { status: 401, code: 'event-renewed' };
    await page.reload();
    await page.locator('#notice').getByText('This event was set up again').waitFor();
    assert.ok(!await page.isVisible('#again'));
  });

  test('terms that changed after they were shown are shown before the order is made', async () => {
    const visitor = await toCheckout({ locale: 'en-GB' });
    const { page } = visitor;
    await login(visitor, customer(stack, 4));
    await page.locator('#terms').getByText('You can get a refund').waitFor();
    const pay = stack.admin('pay');
    const path = '/admin/events/demo/refund-terms';
    const set = async (terms) => {
      const { version } = (await pay.get(path)).json;
      const answer = await pay.put(path, { headers: { 'if-match': `"${version}"` }, body: { percent: 100, handed_on: false, reason: 'a test', ...terms } });
      assert.equal(answer.status, 200, answer.text);
    };
    await set({ by: 'operator' });
    await page.click('#pay-button');
    await page.locator('#notice').getByText('The refund terms have changed').waitFor();
    assert.equal(await page.textContent('#terms'), 'The organiser handles refunds for this event.');
    await page.click('#pay-button');
    await page.waitForURL(atProvider());
    await set({ by: 'buyer', before_start_s: 86_400 });
  });

  test('a reload, the back button and a second tab lead to one order and one payment', async () => {
    const visitor = await toCheckout({});
    const { page } = visitor;
    const who = customer(stack, 5);
    const checkout = page.url();
    await page.reload();
    await page.locator('#login-form').waitFor();
    await login(visitor, who);
    await page.reload();
    await page.locator('#pay-button').waitFor();
    const second = await page.context().newPage();
    await late(second);
    await second.goto(page.url());
    await second.locator('#clock', { hasText: /[1-9]/ }).waitFor();
    await second.locator('#pay-button').waitFor();
    await page.click('#pay-button');
    await page.waitForURL(atProvider());
    await second.click('#pay-button');
    await second.waitForURL(atProvider());
    const returns = await Promise.all([page, second].map(backOf));
    assert.equal(returns[0], returns[1]);
    await page.reload();
    await page.goBack(); // from the provider: the checkout is still there and leads to the same order
    await page.locator('#pay-button').waitFor();
    await page.click('#pay-button');
    await page.waitForURL(atProvider());
    // Only the address has these values while the payment is open, so a reload must send them again.
    await second.goto(`${returns[0].split('?')[0]}?paymentKey=k&lang=en`);
    await second.locator('main[data-status=pending_payment]').waitFor();
    assert.equal(new URL(second.url()).search, '?paymentKey=k&lang=en');
    // It waits there, with a wrong clock and through a sleep, and changes when the first tab has paid.
    await second.addInitScript(() => {
      const [wall, elapsed, every] = [Date.now, performance.now.bind(performance), setInterval];
      globalThis.slept = 0;
      globalThis.ticks = {};
      globalThis.setInterval = (act, ms) => {
        globalThis.ticks[ms] = act;
        return every(act, ms);
      };
      Date.now = () => wall() + 86_400_000;
      performance.now = () => elapsed() - globalThis.slept;
    });
    await second.goto(returns[0]);
    await second.locator('main[data-status=pending_payment]').waitFor();
    await second.locator('#clock', { hasText: /^[1-9]\d?:\d\d$/ }).waitFor();
    const looks = (act) => Promise.all([second.waitForResponse(`**/v1/pay/orders/${orderOf(second)}`), second.evaluate(act)]);
    await looks(() => { globalThis.slept = 36_000_000; });
    await second.locator('#clock', { hasText: /^[1-9]\d?:\d\d$/ }).waitFor();
    await looks(() => { globalThis.ticks[120_000](); });
    let asked = 0;
    second.on('request', () => { asked += 1; });
    await looks(() => {
      globalThis.slept += 60_000;
      document.dispatchEvent(new Event('visibilitychange'));
      globalThis.ticks[1000]();
    });
    assert.equal(asked, 1, 'the tick after a wake is no second one');
    await payByCard(visitor.page);
    await second.locator('main[data-status=completed]').waitFor({ timeout: 60_000 });
    // The page removes from its address what the provider added, such as secrets.
    await goFor(page, `${new URL(page.url()).href.split('?')[0]}?payment_intent_client_secret=s&lang=en`, 'main[data-status=completed]');
    assert.equal(new URL(page.url()).search, '?lang=en');
    const order = orderOf(page);
    assert.equal(order, orderOf(second));
    // The seats are bought and the visit is almost over: old links to the checkout lead to the order.
    await page.goto(checkout);
    await page.waitForURL(`**/pay/orders/${order}`);
    await page.locator('main[data-status=completed]').waitFor();
  });

  test('the visit goes on while the seats wait to be paid', async () => {
    const { page } = await toCheckout({});
    let signs = 0;
    await page.route('**/v1/queue/demo/session', (route) => {
      signs += 1;
      return route.fulfill({ json: { expires_at: new Date().toISOString() } }); // soon over: the next is due at once
    });
    await page.reload();
    await until('a second sign of life', () => signs > 1);
    // A page that was in the background reads its hold again, also soon after it did.
    await Promise.all([page.waitForResponse('**/v1/seats/*/holds/*'), lookAgain(page, '#clock')]);
    await page.route('**/v1/seats/*/holds/*', (route) => route.fulfill({ status: 404, contentType: 'application/problem+json', json: { status: 404, code: 'hold-unknown' } }));
    await lookAgain(page, '#back.main');
    assert.ok(await page.isHidden('#deadline'));
  });

  test('the customer shown as logged in is the one who pays, despite another tab', async () => {
    const visitor = await toCheckout({ locale: 'en-GB' });
    const { page } = visitor;
    const [mine, other] = [customer(stack, 4), customer(stack, 5)];
    await login(visitor, mine);
    assert.equal(await page.textContent('#account'), `Logged in as ${mine.login}`);
    const { member } = await page.evaluate(async (body) => {
      const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': 'another-tab-1' };
      return (await fetch('/v1/pay/login', { method: 'POST', headers, body: JSON.stringify(body) })).json();
    }, { login: other.login, password: other.password });
    await clickFor(page, '#pay-button', '#notice:not(:empty)');
    assert.match(await page.textContent('#notice'), /the login have changed/);
    assert.equal(await page.textContent('#account'), `Logged in as member ${member}`);
    const refuse = (status, code, options) => page.route('**/v1/pay/orders', (route) => route.fulfill({ status, contentType: 'application/problem+json', json: { status, code } }), options);
    await refuse(401, 'login-required', { times: 1 });
    await page.route('**/v1/pay/me', (route) => route.abort()); // and who is logged in cannot be read
    await page.click('#pay-button');
    await page.locator('#notice').getByText('Connection lost').waitFor();
    await page.unroute('**/v1/pay/me');
    await refuse(409, 'event-cancelled');
    await page.click('#pay-button');
    await page.locator('#notice').getByText('The event has been cancelled').waitFor();
    assert.ok(!await page.isVisible('#pay-button'));
  });

  test('seats that another tab exchanged for others of the same price are shown before they are ordered', async () => {
    const visitor = await toCheckout({ locale: 'en-GB' });
    const { page } = visitor;
    await login(visitor, customer(stack, 8));
    const before = await page.textContent('#seats');
    const exchanged = await page.evaluate(async () => {
      const path = `/v1/seats/demo/holds/${new URLSearchParams(location.search).get('hold')}`;
      const { seats, total } = await (await fetch(path)).json();
      const { alternatives } = await (await fetch(`${path}/alternatives`)).json();
      const body = JSON.stringify({ add: alternatives.find((other) => other.total === total).seats, remove: seats });
      return (await fetch(path, { method: 'PATCH', headers: { 'Content-Type': 'application/json', 'Idempotency-Key': 'another-tab-2' }, body })).status;
    });
    assert.equal(exchanged, 200);
    await clickFor(page, '#pay-button', '#notice:not(:empty)');
    assert.match(await page.textContent('#notice'), /The seats, the price/);
    assert.notEqual(await page.textContent('#seats'), before);
    await page.click('#pay-button');
    await page.waitForURL(atProvider());
  });

  test('a network cut in any state loses nothing', async () => {
    const visitor = await toCheckout({ locale: 'en-GB' });
    const { page } = visitor;
    const who = customer(stack, 6);
    const cut = (off) => page.context().setOffline(off);
    const assertShown = async (name) => {
      await page.locator('#notice:not(:empty)').waitFor({ timeout: 60_000 });
      assert.match(await page.textContent('#notice'), /Connection lost/);
      await visitor.judge(`cut-${name}`);
      await cut(false);
    };
    await page.fill('#login-name', who.login);
    await page.fill('#login-password', who.password);
    await cut(true);
    await page.click('#login-form button');
    await assertShown('login');
    await clickFor(page, '#login-form button', '#pay-button');
    await cut(true);
    await page.click('#pay-button');
    await assertShown('order');
    await page.click('#pay-button');
    await page.waitForURL(atProvider());
    await goFor(page, await backOf(page), 'main[data-status=pending_payment]');
    // An order continues without its page; the page shows the current state when the network is back.
    await cut(true);
    const loaded = page.waitForEvent('load');
    await assertShown('order-under-way');
    await loaded;
    await page.click('details summary');
    await page.click('[data-act=cancel]');
    await page.locator('main[data-status=cancelled]').waitFor({ timeout: 60_000 });
    await visitor.judge('cancelled');
  });

  test('the page waits for a payment service that is down when the buyer returns', async () => {
    const visitor = await toCheckout({ locale: 'en-GB' });
    const { page } = visitor;
    await login(visitor, customer(stack, 9));
    await page.click('#pay-button');
    await page.waitForURL(atProvider());
    const back = await backOf(page);
    await stack.without('payment-adapter', async () => {
      // Programs get JSON and people get a page, whether or not the edge has noticed the outage.
      assertProblem(await stack.edge.get('/pay/checkout'), 503, 'unavailable');
      await page.goto(back);
      assert.match(await page.textContent('main'), /Your place, your seats and your order are kept.*자동으로 다시 시도하니/s);
    });
    await page.locator('main[data-status=pending_payment]').waitFor({ timeout: 60_000 });
    await page.click('#pay-link');
    await payByCard(visitor.page);
  });

  test('a ticket is transferred, and a saved page shows its codes without a network', async () => {
    const visitor = await toCheckout({ locale: 'en-GB' }, 2);
    const { page } = visitor;
    await login(visitor, customer(stack, 7));
    const friend = await Visitor.open(browser, stack, { locale: 'en-GB' });
    await goFor(friend.page, `${friend.at}/pay/checkout?back=/pay/orders/o_x`, '#login-form');
    assert.equal(await friend.page.textContent('h1'), 'Log in', 'an order\'s page does not ask for a checkout login');
    assert.ok(!await friend.page.isVisible('#back'), 'nor was in a hall');
    await friend.judge('login-alone');
    await friend.page.fill('#login-name', customer(stack, 8).login);
    await friend.page.fill('#login-password', customer(stack, 8).password);
    await friend.page.click('#login-form button');
    await friend.page.waitForURL((url) => url.pathname === '/pay/orders/o_x');
    const member = await friend.page.evaluate(async () => (await (await fetch('/v1/pay/me')).json()).member);
    await page.click('#pay-button');
    await page.waitForURL(atProvider());
    await payByCard(visitor.page);
    await page.click('a[href^="/pay/tickets/"]');
    await page.locator('.ticket svg').nth(1).waitFor();
    const order = orderOf(page);
    await visitor.judge('tickets');
    assert.deepEqual(await page.locator('.nth').allTextContents(), ['1 of 2', '2 of 2']);
    const gates = await page.locator('.gate').evaluateAll((all) => all.map((gate) => {
      const [own, list] = [gate, gate.parentElement].map((element) => element.getBoundingClientRect());
      const below = own.top >= gate.previousElementSibling.getBoundingClientRect().bottom;
      return own.right === list.right && (!below || own.left === list.left);
    }));
    assert.deepEqual(gates, [true, true], 'the gate fills what the seat leaves of its row, or a row');
    await page.evaluate(() => {
      globalThis.locks = [];
      navigator.wakeLock.request = async () => {
        const lock = { release() { globalThis.locks.splice(globalThis.locks.indexOf(lock), 1); } };
        globalThis.locks.push(lock);
        return lock;
      };
    });
    const locks = () => page.evaluate(() => globalThis.locks.length);
    await page.locator('[data-large]').nth(1).click();
    await page.locator('#bright svg').waitFor();
    assert.equal(await locks(), 1, 'the screen stays on');
    await page.evaluate(() => { // another app was in front: the browser lets go of the lock
      globalThis.locks = [];
      document.dispatchEvent(new Event('visibilitychange'));
    });
    assert.equal(await locks(), 1, 'again');
    assert.equal(await page.textContent('#bright-seat'), await page.locator('.ticket').nth(1).getAttribute('aria-label'));
    await visitor.judge('ticket-large');
    await page.keyboard.press('Escape');
    await page.locator('#bright').waitFor({ state: 'hidden' });
    await until('the screen to be let go', async () => (await locks()) === 0);
    assert.match((await downloaded(page, '#calendar')).text, /^BEGIN:VCALENDAR\r\n.*DTSTART:2030\d{4}T\d{6}Z\r\nSUMMARY:World Tour.*END:VCALENDAR\r\n$/s);
    await page.locator('.ticket details summary').first().click();
    await visitor.judge('hand-on');
    await page.locator('.ticket [name=to]').first().fill(String(member));
    await page.locator('.ticket [data-hand-on] button').first().click();
    await page.locator('.ticket .offer').waitFor();
    assert.match(await page.locator('.ticket .offer').textContent(), new RegExp(`/pay/tickets/${order}\\s*`));
    assert.equal(await page.locator('.ticket svg').count(), 2, 'an offered ticket is still its owner\'s');
    await visitor.judge('offered');
    // Without a network the tickets stay on the screen, and actions report that they failed.
    await page.context().setOffline(true);
    assert.equal(await page.locator('.ticket svg').count(), 2);
    await page.locator('.ticket details summary').nth(1).click();
    await page.locator('.ticket [name=to]').nth(1).fill(String(member));
    await page.locator('.ticket [data-hand-on] button').nth(1).click();
    await page.locator('.ticket .notice:not(:empty)').waitFor({ timeout: 60_000 });
    assert.match(await page.locator('.ticket .notice').nth(1).textContent(), /Connection lost/);
    await visitor.judge('cut-ticket');
    await page.context().setOffline(false);
    await friend.page.goto(`${friend.at}/pay/tickets/${order}`);
    assert.equal(await friend.page.locator('.ticket svg').count(), 0);
    await clickFor(friend.page, '[data-take]', '.ticket svg');
    assert.equal(await friend.page.locator('.ticket svg').count(), 1);
    await lookAgain(page, '.ticket.void');
    // The desk transfers one ticket and reissues the other: both open pages show the new tickets.
    for (const { member: owner, seat, state } of (await desk(order)).tickets) {
      if (state !== 'valid') continue;
      const at = owner === String(member) ? friend.page : page;
      const old = await at.textContent('.ticket:not(.void) .id');
      await deskMoves(order, seat, at === page ? seat : hallSeat(-2));
      await lookAgain(at, '.ticket:not(.void) .id', { hasNotText: old });
    }
    await friend.page.locator('#announce', { hasText: /Your seats are now: .+/ }).waitFor();
    // A saved page is complete: the code is in the page, not behind a link.
    const saved = await friend.page.content();
    const offline = await (await browser.newContext({ javaScriptEnabled: false, offline: true })).newPage();
    await offline.setContent(saved.replaceAll(/<(link|script)[^>]*(>.*?<\/script)?>/gs, ''));
    assert.ok((await offline.locator('.ticket svg').boundingBox()).width > 100);
    await offline.context().close();
  });

  test('seats that the desk moves are shown on open pages and said aloud', async () => {
    const visitor = await toCheckout({ locale: 'en-GB' });
    const { page } = visitor;
    await login(visitor, customer(stack, 10));
    await page.click('#pay-button');
    await page.waitForURL(atProvider());
    await payByCard(page);
    const order = orderOf(page);
    const tickets = await page.context().newPage();
    await goFor(tickets, `${visitor.at}/pay/tickets/${order}`, '.ticket svg');
    const { seats: [from], places: [{ price }] } = await desk(order);
    await deskMoves(order, from, hallSeat(-1));
    const { places: [place] } = await desk(order);
    assert.deepEqual([place.id, place.price], [hallSeat(-1), price], 'what was paid stays its price');
    for (const one of [page, tickets]) await lookAgain(one, '#announce', { hasText: `Your seats are now: ${place.zone}, row ${place.row}, seat ${place.number}` });
    await visitor.judge('moved');
    // Each answer, faked once, has one change.
    const when = { starts_at: '2031-01-01T10:00:00Z' };
    const where = { venue: { name: { en: 'Elsewhere' } } };
    for (const [one, path, change] of [[page, '', { status: 'refunding' }], [page, '', { event_cancelled: true }], [page, '', when], [tickets, '/tickets', when], [page, '', where], [tickets, '/tickets', where]]) {
      await one.route(`**/v1/pay/orders/${order}${path}`, async (route) => {
        const answer = await route.fetch();
        const json = await answer.json();
        await route.fulfill({ response: answer, json: { ...json, ...change, ...(path && { tickets: json.tickets.map((ticket) => ({ ...ticket, ...change })) }) } });
      }, { times: 1 });
      await Promise.all([one.waitForEvent('load'), lookAgain(one, 'main')]);
    }
    await Promise.all([page, tickets].map(async (one) => {
      let loads = 0;
      one.on('load', () => { loads += 1; });
      await Promise.all([one.waitForResponse('**/v1/pay/orders/**'), lookAgain(one, 'main')]);
      await one.evaluate(() => new Promise((later) => { setTimeout(later, 500); }));
      assert.equal(loads, 0, 'nothing has changed');
    }));
  });

  for (const [name, options, n] of [['plain-ko', { locale: 'ko-KR' }, 12], ['plain-en-dark', { locale: 'en-GB', colorScheme: 'dark' }, 13]]) {
    test(`a browser without a script buys tickets, ${name}`, async () => {
      const visitor = await Visitor.open(browser, stack, { ...options, javaScriptEnabled: false });
      const { page } = visitor;
      const who = customer(stack, n);
      // Axe is a script: it checks the same page in a browser with scripts.
      const judge = async (state) => {
        const twin = await Visitor.open(browser, stack, { ...options, storageState: await page.context().storageState() });
        await twin.page.goto(page.url());
        assert.equal(await twin.page.locator('script').count(), 0);
        await twin.judge(`${name}-${state}`);
        await twin.close();
      };
      await page.goto(`${visitor.at}/e/demo`);
      await page.locator('noscript .note').first().waitFor({ state: 'attached' });
      await page.click('#join button');
      await page.locator('#pass button').click({ timeout: 60_000 });
      await page.waitForURL('**/v1/seats/demo/plain');
      await judge('hall');
      // A quantity above an order's limit is rejected with a message, and nothing is taken.
      await page.locator('[name=quantity]').first().evaluate((field) => field.removeAttribute('max'));
      await page.locator('[name=quantity]').first().fill('99');
      await page.click('form:has(fieldset) button');
      await page.waitForURL(/refused=too-many$/);
      assert.match(await page.locator('.notice').textContent(), /\d/);
      await page.locator('[name=quantity]').first().fill('2');
      await page.locator('[name=category]:enabled').last().check();
      await page.click('form:has(fieldset) button');
      await page.locator('button[name=remove]').nth(1).waitFor();
      assert.equal(page.url(), `${visitor.at}/v1/seats/demo/plain`);
      await judge('held');
      // A reload and the back button take nothing a second time.
      await page.reload();
      await page.goBack();
      await page.goForward();
      assert.equal(await page.locator('button[name=remove]').count(), 2);
      await page.locator('button[name=remove]').first().click();
      await page.locator('main li:not(:has(form))').waitFor();
      await clickFor(page, '[name=act]', 'fieldset');
      await page.locator('[name=quantity]').first().fill('2');
      await page.click('form:has(fieldset) button');
      await page.locator('button[name=remove]').nth(1).waitFor();
      await page.click('a[href^="/pay/checkout/"]');
      await judge('login');
      await page.fill('#login-name', who.login);
      await page.fill('#login-password', `${who.password}x`);
      await clickFor(page, 'button.main', '.notice');
      await judge('login-wrong');
      await page.fill('#login-name', who.login);
      await page.fill('#login-password', who.password);
      await page.click('button.main');
      await page.locator('[name=refund_terms]').waitFor({ state: 'attached' });
      await judge('checkout');
      assert.ok(await page.isVisible('form[action="/v1/queue/demo/session"] button'));
      const checkout = page.url();
      await page.click('button.main');
      await page.waitForURL('**/pay/orders/*');
      const order = page.url();
      await page.goto(checkout); // the hold has become this order
      assert.equal(page.url(), order);
      await page.click('#pay-link');
      await payByCard(visitor.page);
      await page.click('a[href^="/pay/tickets/"]');
      await page.locator('.ticket svg').first().waitFor();
      assert.equal(await page.locator('.ticket svg').count(), 2);
      const tickets = page.url();
      await page.goto(`${visitor.at}/v1/seats/demo/plain`); // the order has ended the visit
      await page.locator('a[href="/e/demo"]').waitFor();
      await judge('gone');
      // In another browser, or logged out, the way to the tickets is a login.
      await page.context().clearCookies();
      await page.goto(tickets);
      await page.click('a[href^="/pay/login/"]');
      await page.fill('#login-name', who.login);
      await page.fill('#login-password', who.password);
      await page.click('button.main');
      await page.locator('.ticket svg').first().waitFor();
      assert.equal(page.url(), tickets);
    });
  }
});

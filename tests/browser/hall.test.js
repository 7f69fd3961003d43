// The hall's page with the seat service alone: reserved seats, presale codes, drawn shapes, and a stream that
// loses a change. (journey.test.js covers the whole way from the line to the ticket.)

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openScope, until } from '../lib-js/index.js';
import { hall, importHall, openPostgres, openSeats, operator, visitor } from '../integration/seat-service/site.js';
import { alter, closeAfterEach, enterHall, openBrowser, SIZES } from './world.js';

// Two rows of the first category with a stage in front of them; the first seats of row 2 are wheelchair
// places with companions beside them, row 8 is a club's.
function drawnHall() {
  const body = hall({ area: 50, channels: [{ id: 'club', name: 'Club', code: 'open sesame' }], limits: { orphan_rule: false } });
  body.plan.zones[0].rows.forEach((row, r) => {
    row.position.y = 25 * (r + 1);
    row.seats.forEach((seat, s) => { seat.position.x = 20 * s; });
  });
  body.plan.zones[0].rows[8].seat_label = 'Stuhl %s';
  body.plan.zones[0].areas = [
    { shape: 'rectangle', color: '#2b2b33', border_color: '#000000', position: { x: 20, y: -60 }, rectangle: { width: 140, height: 40 }, text: { text: 'Bühne', color: '#ffffff', size: 20, position: { x: 70, y: 20 } } },
    { shape: 'polygon', color: '#f4d03f', position: { x: -70, y: 20 }, polygon: { points: [{ x: 0, y: 0 }, { x: 40, y: 30 }, { x: 0, y: 60 }] }, text: { text: 'Bar', size: 12, position: { x: 14, y: 30 } } },
    { shape: 'circle', border_color: '#c0392b', position: { x: 230, y: 60 }, circle: { radius: 20 } },
    { shape: 'text', position: { x: 90, y: 290 }, text: { text: 'Foyer', size: 16, position: { x: 0, y: 0 } } },
  ];
  body.rows = [{ zone: 'Hall', row: '8', channel: 'club' }];
  body.seats = [
    { guid: 'r2s1', accessible: true }, { guid: 'r2s2', companion_of: 'r2s1' },
    { guid: 'r2s3', accessible: true }, { guid: 'r2s4', companion_of: 'r2s3' },
  ];
  return body;
}

describe('the hall', async () => {
  const scope = openScope(test);
  let events = 0;

  const seats = await openSeats(scope, await openPostgres(scope));
  const browser = await openBrowser(scope);
  closeAfterEach();

  async function enter({ fees, change = () => {}, ...options } = {}) {
    const event = `hall-${(events += 1)}`;
    const body = { ...drawnHall(), ...(fees && { fees }) };
    change(body);
    await importHall(seats, event, body);
    const guest = await enterHall(browser, seats, event, options);
    return { event, guest, page: guest.page, other: visitor(seats, event) };
  }

  test('a service without journal branches is asked by the bare number', async () => {
    const refused = [];
    let followed; // which may be before the page counts as opened
    const prepare = (page) => {
      followed = page.waitForResponse((answer) => /\/stream\?since=\d+$/.test(answer.url()) && answer.ok());
      return page.route(/\/(stream|availability)\?since=\d+-/, (route) => refused.push(route.request().url()) && route.fulfill({ status: 422, json: { code: 'bad-since' } }));
    };
    const { guest, other } = await enter({ prepare });
    await followed;
    assert.ok(refused.some((url) => url.includes('/availability')));
    assert.equal((await other.hold({ seats: ['r5s1'] })).status, 201);
    await guest.openRow(0, 4);
    await guest.seat(0).getByText('being bought').waitFor();
  });

  const cart = (page) => page.locator('#cart-seats li').allTextContents();
  const untilHeld = (page, count) => until(`${count} to be held`, async () => {
    if ((await cart(page)).length === count) return true;
    throw new Error(`the page says "${await page.locator('#trouble-text').textContent()}"`);
  });

  test('best available finds a wheelchair place and its companion, by keys alone', async () => {
    const { guest, page } = await enter();
    await page.locator('#needs summary').focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Space');
    assert.ok(await page.locator('#access').isChecked());
    await guest.takeBest(2);
    assert.match((await cart(page)).join(), /accessible.*for a companion/s);
    await guest.judge('hall-needs-phone');
  });

  test('fees are next to the prices and in the sum of the cart', async () => {
    const { guest, page } = await enter({ fees: { per_seat: 1000, per_order: 500, basis_points: 150 } });
    assert.equal(await page.textContent('#fees'), 'Plus fees: ₩1,000 a ticket + 1.5% of the price + ₩500 an order.');
    await page.click('#best summary');
    await page.click('#best-form .main');
    const card = page.locator('#proposals-list li').first();
    assert.match(await card.textContent(), /₩300,000 plus fees \(₩150,000 each\)/);
    await card.locator('.main').click();
    await until('the whole sum', async () => (await page.textContent('#cart-sum')) === 'Tickets: 2 – ₩307,000 incl. ₩7,000 fees');
    await guest.judge('hall-fees');
    const none = await enter();
    await none.page.click('#cart-open');
    assert.equal(await none.page.isVisible('#fees'), false);
  });

  test('a browser without storage shows every hold of the visit, to pay or to release', async () => {
    const { event, guest, page, other } = await enter();
    await guest.openRow(0, 4);
    await guest.seat(0).click();
    await untilHeld(page, 1);
    const path = `/v1/seats/${event}/holds`;
    const ask = (...with_) => page.evaluate(([at, body]) => fetch(at, body && { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }).then((answer) => answer.json()), [path, ...with_]);
    for (const body of [{ area: 'floor', quantity: 2 }, { seats: ['r9s1', 'r9s2'] }]) assert.equal((await ask(body)).state, 'open');
    await page.evaluate(() => localStorage.clear()); // only the service still knows the holds
    await page.reload();
    await guest.ready();
    await untilHeld(page, 1);
    const more = page.locator('#cart-more li');
    assert.deepEqual((await more.locator('span').allTextContents()).sort(), ['Hall, row 9, Stuhl 1–\u20602 – ₩198,000', 'floor × 2 – ₩300,000']);
    const held = (await ask()).holds.map(({ hold }) => hold);
    await page.click('#cart-open');
    const pays = page.locator('#cart a:visible');
    assert.deepEqual((await pays.evaluateAll((links) => links.map(({ href }) => new URL(href).searchParams.get('hold')))).sort(), held.sort());
    await guest.judge('hall-holds');
    await page.click('#cart-open');
    await guest.openRow(0, 8);
    await guest.seat(0).getByText('yours').waitFor();
    await guest.seat(0).click(); // releases one seat of its hold, whichever that is
    await page.click('#cart-open');
    await more.getByText('row 5, seat 1').waitFor();
    await more.locator('button').first().click();
    await until('one hold less', async () => (await more.count()) === 1);
    await guest.giveBack();
    await page.locator('#cart-sum').getByText('You have no seats yet').waitFor();
    assert.equal((await other.hold({ seats: ['r5s1', 'r6s1'] })).status, 201);
    assert.equal((await ask({ seats: ['r6s4', 'r6s5'] })).state, 'open');
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
    await untilHeld(page, 2);
    await page.click('#areas button');
    await guest.shows('trouble-text', /need separate orders/);
  });

  test('places taken before the holds are known are shown next to them', async () => {
    const { guest, page } = await enter();
    await guest.openRow(0, 4);
    await guest.seat(0).click();
    await untilHeld(page, 1);
    const letGo = await guest.hold('**/holds', 'GET');
    await Promise.all([page.waitForRequest('**/holds'), page.reload()]);
    await page.click('#areas button');
    letGo();
    await page.locator('#cart-more li', { hasText: 'row 5, seat 1' }).waitFor({ state: 'attached' });
    assert.deepEqual(await cart(page), ['floor × 1']);
  });

  test('a hall whose owner restarts says so, and opens by itself', async () => {
    let opens;
    const prepare = async (page) => {
      await page.route('**/v1/seats/*', (route) => route.fulfill({ status: 503, json: { code: 'standby' } }));
      opens = page.locator('#wait').getByText('The hall is opening').waitFor().then(() => page.unroute('**/v1/seats/*'));
    };
    await enter({ prepare });
    await opens;
  });

  test('the picture of the event comes last, into its box: by itself at a desk, with the cart on a phone', async () => {
    for (const size of ['desktop', 'phone']) {
      const asked = [];
      const prepare = async (page) => {
        await page.route('**/v1/queue/**', (route) => route.fulfill({ json: { picture: '/pictures/tour.svg' } }));
        await page.route('**/pictures/tour.svg', (route) => {
          asked.push(route.request().url());
          return route.fulfill({ contentType: 'image/svg+xml', body: '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="22"><rect width="40" height="22"/></svg>' });
        });
      };
      const { guest, page } = await enter({ prepare, viewport: SIZES[size] });
      await page.locator('#picture[src]').waitFor({ state: 'attached' });
      if (size === 'phone') {
        assert.deepEqual(asked, []);
        await page.click('#cart-open');
      }
      await page.waitForFunction(() => document.getElementById('picture').naturalWidth > 0);
      const { width, height } = await page.locator('#picture').boundingBox();
      assert.ok(Math.abs(width / height - 40 / 22) < 0.02, `${width} by ${height}`);
      await guest.judge(`hall-picture-${size}`);
    }
  });

  test('a seat is called what tickets call it', async () => {
    const { guest, page } = await enter();
    await guest.openRow(0, 8);
    assert.match(await guest.seat(0).textContent(), /^Stuhl 1 – /);
    await guest.seat(0).click();
    await untilHeld(page, 1);
    assert.match((await cart(page))[0], /^Hall, row 9, Stuhl 1/);
  });

  test('a seat that the filter leaves out is not taken, and its price shows with the filter', async () => {
    const { guest, page } = await enter();
    await page.click('#categories button >> nth=2'); // Back; rows 1 to 5 are Front
    await guest.openRow(0, 4);
    await guest.seat(0).getByText('another category').waitFor();
    const changes = [];
    page.on('request', (one) => { if (/\/holds(\/|$)/.test(one.url()) && one.method() !== 'GET') changes.push(one.method()); });
    await guest.seat(0).click({ force: true });
    await page.click('#categories button >> nth=1');
    assert.match(await guest.seat(0).textContent(), /₩150,000/);
    assert.match(await page.textContent('#cart-sum'), /no seats yet/);
    assert.deepEqual(changes, []);
    await guest.seat(0).click();
    await untilHeld(page, 1);
  });

  test('an answer that is cut, and one that never comes, are asked for again', async () => {
    const { guest, page } = await enter({ prepare: (one) => one.addInitScript(() => { // its patience is shorter here
      const { timeout } = AbortSignal;
      AbortSignal.timeout = (ms) => timeout.call(AbortSignal, ms / 5);
    }) });
    const broken = [];
    const cut = async (route) => route.fulfill({ response: await route.fetch(), body: '{"hold":"h' });
    const lost = (route) => route.fetch(); // the browser never sees it
    await guest.openRow(0, 4);
    for (const [n, fails] of [cut, lost].entries()) {
      await page.route(/\/holds(\/|$)/, (route) => { broken.push(route.request().method()); return fails(route); }, { times: 1 });
      await guest.seat(n).click();
      await untilHeld(page, n + 1);
    }
    assert.deepEqual(broken, ['POST', 'PATCH']);
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    assert.equal(await page.textContent('#trouble-text'), '');
  });

  test('a hold that ended while the page was away is not missed', async () => {
    const { guest, page } = await enter({
      change: (body) => { body.limits.hold_ttl_s = 10; },
      prepare: (one) => one.addInitScript(() => { // the page is woken before its clock ticks
        const repeat = globalThis.setInterval;
        globalThis.setInterval = (work, ms) => (ms === 500 ? 0 : repeat(work, ms));
      }),
    });
    await guest.openRow(0, 4);
    await guest.seat(0).click();
    await untilHeld(page, 1);
    await until('its end', async () => {
      await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
      return /no seats yet/.test(await page.textContent('#cart-sum'));
    }, { everyMs: 500 });
    await guest.shows('trouble-text', /time to pay has run out/);
  });

  test('a reserved place needs a confirmation, on the list and on the map', async () => {
    const { guest, page } = await enter();
    await guest.openRow(0, 1);
    await guest.seat(0).click();
    await page.locator('#trouble').getByText('kept for people who need it').waitFor();
    await guest.judge('hall-access-asked');
    await page.locator('#offers button').click();
    await untilHeld(page, 1);
    assert.ok(await page.locator('#access').isChecked(), 'and is not asked again');
    await guest.seat(1).click();
    await untilHeld(page, 2);
  });

  // The server would refuse all of these holds.
  test('nothing is on offer that a press would not get', async () => {
    const { guest, page } = await enter({
      change: (body) => {
        body.categories[1].on_sale_at = new Date(Date.now() + 3_600_000).toISOString();
        body.limits.max_per_hold = 2;
        Object.assign(body, { time_zone: 'Asia/Seoul', starts_at: '2035-06-12T10:00:00Z' });
      },
      timezoneId: 'Asia/Seoul',
    });
    const posted = [];
    page.on('request', (request) => { if (request.method() !== 'GET' && request.url().includes('/holds')) posted.push(request.url()); });
    const [front, back] = (await page.locator('#categories small').allTextContents()).slice(-2);
    assert.equal(front, '46', 'neither accessible seats nor their companions');
    assert.match(back, /^on sale from \w+ \d+ \w+ \d{4}, \d\d:\d\d$/);
    assert.ok(await page.locator('#best-category option').nth(2).isDisabled());
    const press = async (row, n, words) => {
      await guest.openRow(0, row);
      assert.equal(await guest.seat(n).getAttribute('aria-disabled'), 'true');
      await guest.seat(n).click({ force: true });
      await guest.shows('trouble-text', words);
      await page.click('#trouble-close');
    };
    await press(5, 0, /^Sales begin on/);
    await guest.judge('hall-early');
    await press(1, 1, /goes with the accessible seat/);
    assert.deepEqual(posted, []);
    await guest.openRow(0, 0);
    for (const n of [0, 1]) {
      await guest.seat(n).click();
      await untilHeld(page, n + 1);
    }
    await press(0, 2, /at most 2 tickets/);
    assert.equal(posted.length, 2);
    await guest.giveBack();
    await guest.openRow(0, 5);
    await page.evaluate(() => { // the sale begins, and no answer sets the clock back
      const now = performance.now.bind(performance);
      performance.now = () => now() + 3_600_000;
      const { get } = Headers.prototype, { json } = Response.prototype;
      Headers.prototype.get = function ofOthers(name) { return name === 'Date' ? null : get.call(this, name); };
      Response.prototype.json = async function timeless() { return { ...await json.call(this), server_time: undefined }; };
    });
    await guest.seat(0).getByText('₩').waitFor();
  });

  test('a wrong presale code is reported at its field, and a valid one opens its seats', async () => {
    const { guest, page } = await enter();
    await guest.openRow(0, 7);
    assert.match(await guest.seat(0).textContent(), /with a code only/);
    await guest.seat(0).click();
    await page.locator('#trouble').getByText('people with a code').waitFor();
    await page.locator('#offers').getByText('Seat code').click();
    assert.equal(await page.evaluate(() => document.activeElement.id), 'code');
    await page.keyboard.type('open sesam');
    await page.keyboard.press('Enter');
    await page.locator('#code-told').getByText('does not open seats here').waitFor();
    assert.equal(await page.locator('#code').getAttribute('aria-invalid'), 'true');
    await guest.judge('hall-code-wrong');
    await page.route('**/codes', (route) => route.fulfill({ json: { channel: 'club', name: 'Club', on_sale_at: '2035-05-03T10:00:00Z' } }), { times: 1 });
    await page.click('#code-form button');
    await page.locator('#code-told').getByText('on Thu 3 May 2035, 10:00').waitFor();
    await page.fill('#code', 'open sesame');
    await page.click('#code-form button');
    await page.locator('#code-told').getByText('Code accepted: Club').waitFor();
    assert.doesNotMatch(await guest.seat(0).textContent(), /with a code/);
    await guest.seat(0).click();
    await untilHeld(page, 1);
    await page.reload();
    await guest.ready();
    await page.locator('#code-told').getByText('Code accepted').waitFor({ state: 'attached' });
  });

  test('the map shows the plan\'s shapes, in light and in dark', async () => {
    for (const colorScheme of ['light', 'dark']) {
      for (const size of ['phone', 'desktop']) {
        const { guest, page } = await enter({ colorScheme, viewport: SIZES[size] });
        const inked = await page.locator('#map canvas').first().evaluate((canvas) => {
          const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          let n = 0;
          for (let i = 3; i < data.length; i += 4) n += data[i] > 0;
          return n;
        });
        assert.ok(inked > 500, `${inked} points`);
        await guest.judge(`hall-drawn-${colorScheme}-${size}`);
        await page.click('#zoom-in');
        await page.click('#zoom-in');
        await guest.judge(`hall-drawn-near-${colorScheme}-${size}`, { axe: false });
      }
    }
  });

  test('a visit that ends soon says so, and a press extends it', async () => {
    const later = (s) => new Date(Date.now() + 1000 * s).toISOString();
    const ending = (s, at = later(s)) => ({ expires_at: at, ends_at: at }); // the same instant for both
    let session = ending(1800);
    // A function is called once, when the page asks, so that its countdown does not begin earlier.
    const answer = (route) => {
      if (typeof session === 'function') session = session();
      return session ? route.fulfill({ status: session.code ? 410 : 200, json: session }) : route.abort();
    };
    const { guest, page } = await enter({ prepare: (one) => one.route('**/v1/queue/**', answer) });
    assert.ok(await page.isHidden('#visit'), 'half an hour is long');

    // Retried with more time if the page loads so slowly that its last ten seconds have begun.
    for (let s = 14, early = false; !early; s *= 2) {
      session = () => ({ expires_at: later(s), ends_at: later(600) });
      await page.reload();
      await guest.ready();
      await until('the page to have asked', () => typeof session !== 'function');
      const hidden = await page.isHidden('#visit');
      early = Date.parse(session.expires_at) - Date.now() > 11_000;
      assert.ok(hidden || !early, 'the page makes it longer by itself');
    }
    session = null; // no further sign of life succeeds
    await page.locator('#visit').getByText(/Your visit ends in 0:0\d, and we cannot extend it/).waitFor();
    await guest.judge('hall-visit-unheard');
    await Promise.all([page.waitForRequest('**/v1/queue/**'), page.click('#visit-stay')]);
    session = ending(600); // the page may ask by itself just now, and hide the button
    await page.dispatchEvent('#visit-stay', 'click');
    await page.locator('#visit').waitFor({ state: 'hidden' });

    session = () => ending(40);
    await page.reload();
    await page.locator('#visit').getByText(/^Your visit ends in 0:\d\d\. It cannot be extended/).waitFor();
    assert.ok(await page.isHidden('#visit-stay'));
    await page.waitForFunction(() => /Your visit ends in/.test(document.getElementById('announce').textContent));
    await guest.judge('hall-visit-ends');
    session = { code: 'session-expired' };
    await page.locator('#gone').waitFor();
    await page.locator('#gone-link:focus').waitFor();
    assert.match(await page.textContent('#announce'), /is over\s+Your time to choose seats has run out/);
    await page.evaluate(() => new Promise((later_) => { setTimeout(later_, 600); })); // let the countdown run on
    assert.ok(await page.isHidden('#visit'));
    for (const [code, says] of [[session.code, /has run out/], ['session-ended', /you have left/], ['order-complete', /Your order is complete/]]) {
      session = { code };
      await page.reload();
      await page.locator('#gone-text').getByText(says).waitFor();
    }
    await page.context().close();
  });

  test('a price change is on an open page at once', async () => {
    const { event, guest, page } = await enter();
    await guest.openRow(0, 4);
    assert.match(await guest.seat(0).textContent(), /₩150,000/);
    await page.click('#best summary');
    await page.click('#best-form .main');
    await page.locator('#proposals-list li').first().waitFor();
    assert.equal((await operator(seats, event).price({ prices: { Front: 123000 } })).status, 200);
    await page.locator('#categories').getByText('₩123,000').waitFor();
    await page.locator('#areas').getByText('₩123,000').waitFor();
    assert.match(await page.textContent('#best-category'), /Front ₩123,000/);
    assert.equal(await page.isVisible('#proposals'), false, 'its sums are those of the old price');
    await guest.openRow(0, 4);
    await guest.seat(0).getByText('₩123,000').waitFor();
    assert.equal((await operator(seats, event).price({ prices: { Back: 88000 } })).status, 200);
    await page.locator('#list-cards').getByText('₩88,000').waitFor();
    await page.click('#show-map');
    await guest.shows('where-text', /from ₩88,000/);
  });

  test('an open page shows a corrected hall, and keeps what is held', async () => {
    const { event, guest, page } = await enter();
    // Its end, by this answer, is over: another tab's payment has moved it.
    await alter(page, '**/holds', () => ({ expires_at: new Date(Date.now() - 5000).toISOString() }), { times: 1 });
    await guest.openRow(0, 4);
    await guest.seat(0).click();
    await page.locator('.row > span', { hasText: /[1-9].* left/ }).waitFor({ state: 'attached' });
    assert.ok(await page.isHidden('#trouble'), await page.textContent('#trouble-text'));
    await untilHeld(page, 1);
    const boss = operator(seats, event);
    const { json } = await boss.document();
    json.plan.zones[0].rows[4].row_number = 'Loge';
    json.plan.categories.push({ name: 'Box', color: '#27ae60' });
    json.categories.push({ name: 'Box', price: 200000 });
    assert.equal((await boss.correct({ ...json, areas: [{ ...json.areas[0], name: 'Pit' }] })).status, 200);
    await page.locator('#areas').getByText('Pit').waitFor();
    await untilHeld(page, 1);
    await page.click('#show-list');
    await until('the label to be there', async () => (await page.locator('#list-row option').allTextContents()).some((text) => text.includes('Loge')));
  });
});

// Sets up a sale at the console, from "New event" to a bought ticket, without a command line. And what the form derives: the
// plan of blocks and standing areas, what is missing, times in another zone.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { client, openScope, openStack, ROOT, runProgram, until } from '../lib-js/index.js';
import { accessibleIn, bodyOf, documentOf, pictureOf, planOf, pricesOf, saleOf, seatsByRow, withAccessible, withoutAccessible } from '../../web/console/blocks.js';
import { binding, checklist, missing } from '../../web/console/checklist.js';
import { fromPlace, isZone, readPlace, toPlace } from '../../web/console/place.js';
import { clickFor, closeAfterEach, customer, logIn, openBrowser, openFirefox, Operator, payByCard, Visitor } from './world.js';

const SALE = {
  kind: 'blocks', base: null, currency: 'KRW', charges: { per_seat: 0, per_order: 900, basis_points: 0, vat_basis_points: 1000 }, limits: { max_per_hold: 4, max_per_buyer: 6 },
  categories: [{ name: 'R', color: '#b23a48', price: 99000 }, { name: 'Floor', color: '#3a6ea5', price: 77000 }],
  blocks: [
    { name: 'Left', rows: 3, seats: 4, category: 0, accessible: 1, channel: 0, adjacent: false }, { name: 'Right', rows: 2, seats: 6, category: 0, accessible: 0, channel: 2, adjacent: true },
    { name: 'Balcony', rows: 28, seats: 2, category: 0, accessible: 0, channel: 0, adjacent: false },
  ],
  areas: [{ name: 'Front', capacity: 400, category: 1, channel: 1 }],
  channels: [{ name: 'Fans', code: 'fans-only' }, { name: 'House', code: '' }],
};
const SHOW = { name: 'Spring', stage: 'STAGE', starts_at: '2027-05-01T10:00:00Z', doors_at: null, time_zone: 'Asia/Seoul', venue: { name: 'Hall' } };

describe('a hall of blocks', () => {
  const seats = ({ zones }) => zones.flatMap((zone) => zone.rows.flatMap((row) => row.seats.map((seat) => ({ ...seat, row: row.row_number, x: zone.position.x + seat.position.x, y: zone.position.y + seat.position.y }))));

  test('each block has its rows and seats, neighbours touch and blocks do not', () => {
    const plan = planOf(SALE, SHOW);
    const all = seats(plan);
    assert.equal(all.length, 12 + 12 + 56);
    assert.equal(new Set(all.map(({ seat_guid: guid }) => guid)).size, all.length);
    assert.deepEqual([all[1].x - all[0].x, all[1].y - all[0].y], [20, 0]);
    assert.equal(all.at(-1).row, 'AB');
    assert.equal(all.at(-1).seat_guid, '3-AB-2');
    const [, , left, right, balcony] = plan.zones;
    assert.equal(right.position.y, left.position.y);
    assert.ok(right.position.x - left.position.x > 4 * 20 + 34, 'an aisle');
    assert.ok(balcony.position.y > Math.max(...all.slice(0, 24).map(({ y }) => y)));
    for (const { x, y } of all) assert.ok(x > 0 && y > 0 && x < plan.size.width && y < plan.size.height);
    assert.deepEqual(plan.zones.map(({ name }) => name), ['STAGE', 'Front', 'Left', 'Right', 'Balcony']);
  });

  test('an import body is read back as the same blocks', () => {
    const body = bodyOf(SALE, SHOW);
    assert.deepEqual(body.areas, [{ id: 'area-1', name: 'Front', category: 'Floor', capacity: 400, channel: 'channel-1' }]);
    assert.deepEqual(body.channels, [{ id: 'channel-1', name: 'Fans', code: 'fans-only' }, { id: 'channel-2', name: 'House' }]);
    assert.deepEqual(body.zones, [{ zone: 'block-2', channel: 'channel-2' }]);
    assert.deepEqual(body.seats, [{ guid: '1-C-1', accessible: true }, { guid: '1-C-2', companion_of: '1-C-1' }]);
    assert.equal('doors_at' in body, false);
    const doors = { ...SALE, base: { doors_at: '2030-01-01T09:00:00Z' } };
    assert.deepEqual([SHOW, { ...SHOW, starts_at: null }].map((show) => bodyOf(doors, show).doors_at), [undefined, '2030-01-01T09:00:00Z']);
    assert.deepEqual([body.fees, body.vat_basis_points], [{ per_order: 900 }, 1000]);
    const { base, ...read } = saleOf(JSON.parse(JSON.stringify({ ...body, rows: [] })));
    assert.deepEqual({ ...read, base: null }, SALE);
    const free = bodyOf({ ...read, base, charges: { per_order: 0 } }, SHOW);
    assert.deepEqual(['rows' in free, 'fees' in free, 'vat_basis_points' in free], [true, false, false]);
  });

  test('the line shows what one seat costs with all fees', () => {
    const hall = { currency: 'KRW', fees: { per_seat: 500, per_order: 900, basis_points: 1250 }, categories: [{ name: 'R', price: 99_000 }, { name: 'A', price: 44_444 }] };
    assert.deepEqual(pricesOf(hall, null), { currency: 'KRW', categories: { R: { price: 112_775, gone: false }, A: { price: 51_400, gone: false } } });
    const shown = { currency: 'EUR', categories: { A: { price: 1, gone: true }, Old: { price: 2, gone: false } } };
    assert.deepEqual(pricesOf({ ...hall, fees: undefined }, shown).categories, { A: { price: 44_444, gone: true }, Old: null, R: { price: 99_000, gone: false } });
    assert.equal(pricesOf({ ...hall, categories: Array.from({ length: 17 }, (_, n) => ({ name: `${n}`, price: 1 })) }, null), null);
  });

  test('another plan is kept as it is; prices, limits and date change', () => {
    const body = bodyOf(SALE, SHOW);
    const marked = { ...body, seats: [{ guid: '1-A-1', accessible: true }] };
    const moved = structuredClone(body);
    moved.plan.zones[3].rows[0].seats[0].position.x += 1;
    for (const document of [marked, moved, { ...body, areas: [{ ...body.areas[0], channel: 'fans' }] }, { ...body, focal_point: { x: 0, y: 0 } }]) {
      const sale = saleOf(document);
      assert.equal(sale.kind, 'file');
      const next = bodyOf({ ...sale, limits: { max_per_hold: 2, max_per_buyer: 0 } }, { ...SHOW, name: 'Autumn' });
      assert.deepEqual(next, { ...document, name: 'Autumn', limits: { max_per_hold: 2, max_per_buyer: 0 } });
      const coded = bodyOf({ ...sale, channels: sale.channels.map((one, n) => ({ ...one, code: n === 0 ? '' : 'new-house' })) }, SHOW);
      assert.deepEqual(coded.channels, [{ id: 'channel-1', name: 'Fans' }, { id: 'channel-2', name: 'House', code: 'new-house' }]);
    }
  });

  test('a plan without prices is read, and an invalid plan is refused', () => {
    const { plan } = bodyOf(SALE, SHOW);
    const sale = saleOf(documentOf(plan));
    assert.deepEqual(sale.categories.map(({ name, price }) => [name, price]), [['R', undefined], ['Floor', undefined]]);
    const limitsOf = (limits) => saleOf({ ...documentOf(plan), limits }).limits;
    assert.deepEqual(limitsOf({}), { max_per_hold: 8, max_per_buyer: 8 });
    assert.deepEqual(limitsOf({ max_per_hold: 12 }), { max_per_hold: 12, max_per_buyer: 12 });
    for (const json of [null, 7, [], {}, { plan: {} }, { zones: 'none' }]) assert.equal(documentOf(json), null);
  });

  test('wheelchair places of a plan are marked, and unmarked again', () => {
    const { plan } = bodyOf(SALE, SHOW);
    plan.zones[2].rows[1].row_label = 'Row %s';
    const [left] = seatsByRow(plan);
    assert.deepEqual([left.name, left.rows.map(({ name }) => name), left.rows[0].seats[1]], ['Left', ['A', 'Row B', 'C'], { guid: '1-A-2', name: '2' }]);
    const marked = withAccessible(withAccessible(withAccessible({ plan }, '1-A-1', '1-A-2'), '1-A-1', '1-A-3'), '1-B-1');
    assert.deepEqual(accessibleIn(marked), [{ guid: '1-A-1', companions: ['1-A-2', '1-A-3'] }, { guid: '1-B-1', companions: [] }]);
    const seen = { ...marked, seats: marked.seats.map((one) => (one.guid === '1-A-2' ? { ...one, aisle: true } : one)) };
    assert.deepEqual(withoutAccessible(seen, '1-A-1').seats, [{ guid: '1-A-2', aisle: true }, { guid: '1-B-1', accessible: true }]);
    assert.deepEqual(accessibleIn({ plan }), []);
  });

  test('the picture has a dot for each seat and the shapes of the plan', () => {
    const { dots, shapes, box } = pictureOf(planOf(SALE, SHOW));
    assert.deepEqual([dots.get('R').seats, dots.get('R').d.match(/M/g).length], [80, 80]);
    assert.deepEqual(shapes.map(({ shape, text }) => [shape, text.text]), [['rectangle', 'STAGE'], ['rectangle', 'Front']]);
    assert.ok(box.left < box.right && box.top < box.bottom);
    assert.equal(pictureOf(planOf({ ...SALE, blocks: [] }, SHOW)).box, null);
  });
});

describe('the checklist', () => {
  const DOC = { starts_at: '2027-05-01T10:00:00Z', venue: { name: 'Hall' }, opens_at: '2027-03-01T10:00:00Z', rate_per_s: 2 };
  const PARTS = ['queue', 'seats', 'pay', 'front-2'].map((name) => ({ name, ready: true }));
  const HALL = { currency: 'KRW', categories: [{ name: 'R', price: 1 }] };
  const TERMS = { version: 0, by: 'buyer', until: null, before_start_s: null, percent: 100 };
  const now = Date.parse('2027-04-30T10:00:00Z');
  const left = ({ doc = {}, hall = HALL, parts = PARTS, isTaken = true, terms = {} }) => checklist({ doc: { ...DOC, ...doc }, hall, parts, isTaken, terms: { ...TERMS, ...terms }, now }).filter(({ done }) => !done).map(({ step, key, value }) => [step, key, value]);

  test('a whole sale lacks nothing', () => assert.deepEqual(left({}), []));

  test('each thing that is missing is named with its step', () => {
    assert.deepEqual(left({ doc: { venue: null } }), [['event', 'show', '']]);
    assert.deepEqual(left({ doc: { starts_at: null } }), [['event', 'show', '']]);
    assert.deepEqual(left({ hall: null }), [['hall', 'hall', '']]);
    assert.deepEqual(left({ hall: { categories: [...HALL.categories, { name: 'A', price: 0 }] } }), [['hall', 'prices', 'A']]);
    assert.deepEqual(left({ isTaken: false }), [['hall', 'currency', 'KRW']]);
    const over = { until: '2027-04-30T10:00:00Z' };
    for (const terms of [over, { before_start_s: 86_400 }]) assert.deepEqual(left({ terms }).map(([step, key]) => [step, key]), [['terms', 'terms']]);
    for (const terms of [{ ...over, by: 'operator' }, { until: '2027-04-30T10:00:01Z', before_start_s: 86_399 }]) assert.deepEqual(left({ terms }), []);
    assert.deepEqual(left({ doc: { opens_at: null } }), [['opening', 'opens_at', '']]);
    assert.deepEqual(left({ doc: { rate_per_s: 0 } }), [['opening', 'rate', '']]);
    assert.deepEqual(left({ parts: PARTS.map((part) => ({ ...part, ready: part.name === 'queue' })) }), [['parts', 'part', 'seats'], ['parts', 'part', 'pay']]);
    assert.deepEqual(left({ parts: [{ name: 'seats', ready: true, reason: 'not JSON' }] }), [['parts', 'part', 'seats']]);
  });

  test('an unknown hall is not reported as missing; a manual opening needs no time', () => {
    const items = checklist({ doc: { ...DOC, opens_at: null }, hall: undefined, parts: [], isTaken: true });
    assert.deepEqual(items.map(({ key }) => key), ['show', 'opens_at', 'rate']);
    assert.deepEqual([missing(items), binding(items)], [[], []]);
    const known = checklist({ doc: DOC, hall: HALL, parts: [], isTaken: true, terms: TERMS, now });
    assert.deepEqual(binding(known).map(({ key }) => key), ['currency', 'terms']);
    assert.deepEqual(binding(checklist({ doc: DOC, hall: HALL, parts: [] })), []);
  });
});

describe('the clocks of a place', () => {
  test('a time is read as the place shows it, on both sides of a change of clocks', () => {
    for (const [zone, text, iso] of [
      ['Asia/Seoul', '2027-05-01T19:00', '2027-05-01T10:00:00.000Z'], ['UTC', '2027-05-01T19:00', '2027-05-01T19:00:00.000Z'],
      ['America/New_York', '2027-03-14T01:59', '2027-03-14T06:59:00.000Z'], ['America/New_York', '2027-03-14T03:00', '2027-03-14T07:00:00.000Z'],
      ['America/New_York', '2027-11-07T00:59', '2027-11-07T04:59:00.000Z'], ['America/New_York', '2027-11-07T02:00', '2027-11-07T07:00:00.000Z'],
    ]) assert.deepEqual([fromPlace(text, zone), toPlace(iso, zone)], [iso, text]);
    assert.deepEqual([fromPlace('', 'UTC'), toPlace(null, 'UTC')], [null, '']);
    const exact = '2027-05-01T10:00:30Z';
    assert.deepEqual([['2027-05-01T19:00', exact], ['2027-05-01T19:01', exact], ['', exact], ['', null]].map(([text, was]) => readPlace(text, was, 'Asia/Seoul')), [exact, '2027-05-01T10:01:00.000Z', null, null]);
    assert.deepEqual(['Asia/Seoul', 'Mars/Olympus', ''].map(isZone), [true, false, false]);
  });
});

const MANNERS = {
  'desk-en': { locale: 'en-GB', viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1 },
  'phone-ko-dark': { locale: 'ko-KR', colorScheme: 'dark', viewport: { width: 360, height: 740 } },
  firefox: { locale: 'en-GB', viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1 },
};
const SIZES = [[360, 'light'], [360, 'dark'], [1280, 'dark'], [1280, 'light']];

const CLS_MOST = 0.02;
const watchShifts = (page) => page.addInitScript(() => {
  globalThis.shifts = [];
  new PerformanceObserver((list) => globalThis.shifts.push(...list.getEntries().map(({ value }) => value))).observe({ type: 'layout-shift', buffered: true });
});
const shiftOf = (page) => page.evaluate(() => globalThis.shifts.reduce((all, value) => all + value, 0));

describe('a sale is set up', async () => {
  const scope = openScope(test);

  const stack = await openStack(scope);
  await stack.up();
  const token = stack.secret('admin-token');
  const [queue, seats, pay] = [11, 12, 13].map((n) => client({ port: stack.base + n, token }));
  const browser = await openBrowser(scope);
  closeAfterEach();

  const doc = async (id) => (await queue.get(`/admin/events/${id}`)).json;
  const hall = async (id) => (await seats.get(`/admin/events/${id}`)).json;
  const terms = async (id) => (await pay.get(`/admin/events/${id}/refund-terms`)).json;

  async function open(name, at = '') {
    const boss = await Operator.open(name === 'firefox' ? await openFirefox(scope) : browser, stack, MANNERS[name]);
    await boss.signInAt(`${at}`);
    return boss;
  }

  // Checks by axe and takes a picture.
  async function see(boss, what) {
    const { page } = boss;
    const before = page.viewportSize();
    for (const [width, colorScheme] of boss.hasLook ? boss.share(SIZES) : [[1280, 'light']]) {
      await page.setViewportSize({ width, height: 800 });
      if (boss.hasLook) await page.emulateMedia({ colorScheme });
      await boss.judge(`setup-${what}-${boss.language}-${width}-${colorScheme}`);
    }
    await page.setViewportSize(before);
  }

  const at = (page, step) => page.locator(`#setup-steps a[href$="/${step}"][aria-current=step]`).waitFor();

  // The text in English or in Korean.
  const has = (boss, text, en, ko) => assert.match(text, boss.language === 'ko' ? ko : en);

  for (const name of Object.keys(MANNERS)) {
    test(`from a new event to a ticket, ${name}`, async () => {
      const id = `spring-${name}`;
      const boss = await open(name);
      const { page } = boss;
      await page.click('#new-event summary');
      await page.fill('#new-name', `Spring ${name}!`);
      assert.equal(await page.inputValue('#new-id'), id);
      await page.keyboard.press('Enter');

      // If it is opened too early, it says what is missing.
      await at(page, 'event');
      await clickFor(page, '#act-open', '#confirm[open]');
      const told = (await page.locator('#confirm-lines li').allTextContents()).join('\n');
      has(boss, told, /Date or venue is missing.*\n.*No hall is imported/, /일시나 공연장이 없습니다.*\n.*좌석 배치가 없어/);
      await see(boss, 'dialog');
      await page.click('#confirm-no');

      await page.fill('#setup-zone', 'Asia/Seul');
      await page.fill('#setup-starts', '2027-05-01T19:00');
      await page.fill('#setup-doors', '2027-05-01T19:30');
      await page.fill('#setup-address', '1 River Road');
      await page.click('#setup-save');
      assert.deepEqual(await page.locator('[aria-invalid]').evaluateAll((all) => all.map((one) => one.id)), ['setup-doors', 'setup-zone', 'setup-venue']);
      assert.equal(await page.evaluate(() => document.activeElement.id), 'setup-doors');
      await see(boss, 'event-wrong');
      await page.fill('#setup-doors', '2027-05-01T18:00');
      await page.fill('#setup-zone', 'Asia/Seoul');
      await page.fill('#setup-venue', 'River Hall');
      await page.fill(`#setup-about-${boss.language}`, 'With friends');
      await page.fill('#setup-picture', '//else.example/poster.webp');
      await page.click('#setup-save');
      assert.equal(await page.evaluate(() => document.activeElement.id), 'setup-picture');
      const readable = { headers: { 'access-control-allow-origin': '*' }, contentType: 'image/svg+xml' };
      await page.route('**/views/none.svg', (route) => route.fulfill({ ...readable, status: 404, body: '' })); // Firefox would report the edge's own, which no page may read
      await page.fill('#setup-picture', '/views/none.svg');
      await page.click('#setup-save');
      await page.locator('#wrong-setup-picture', { hasText: `${stack.base}/views/none.svg` }).waitFor();
      const large = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 22"><!--${' '.repeat(20_000)}--></svg>`;
      await page.route('**/views/large.svg', (route) => route.fulfill({ ...readable, body: large }));
      await page.fill('#setup-picture', '/views/large.svg');
      await page.click('#setup-save');
      await page.locator('#wrong-setup-picture', { hasText: '20,0' }).waitFor();
      await page.setInputFiles('#setup-upload', { name: 'poster.png', mimeType: 'image/png', buffer: Buffer.from('no picture') });
      await page.click('#setup-save');
      await page.locator('#wrong-setup-upload:not(:empty)').waitFor();
      await page.setInputFiles('#setup-upload', join(ROOT, 'infra/screens/ticket.png')); // 70 kB
      await page.click('#setup-save');
      await at(page, 'hall');
      const { starts_at: starts, doors_at: doors, time_zone: zone, venue, picture } = await doc(id);
      assert.match(picture, /^\/pay\/-\/[0-9a-f]{32}\/picture$/);
      assert.deepEqual((await doc(id)).about, { [boss.language]: 'With friends' });
      assert.deepEqual([starts, doors, zone, venue].map((one) => one?.slice?.(0, 16) ?? one), ['2027-05-01T10:00', '2027-05-01T09:00', 'Asia/Seoul', { name: 'River Hall', address: '1 River Road' }]);
      await page.locator('#undo-target', { hasText: 'Night Shift' }).waitFor();
      assert.doesNotMatch(await page.textContent('#undo-target'), /needs|Created|만듦/);

      // The hall: two blocks, one next to the other, and a standing area, each with its category. The picture follows.
      const dots = () => page.locator('#hall-picture path').evaluateAll((all) => all.map((one) => one.getAttribute('d').match(/M/g).length));
      assert.deepEqual(await dots(), [200]);
      await page.fill('#hall-blocks-rows-0', '5');
      await page.fill('#hall-blocks-seats-0', '0');
      assert.deepEqual(await dots(), []);
      await page.click('#setup-save');
      assert.equal(await page.evaluate(() => document.activeElement.id), 'hall-blocks-seats-0');
      await see(boss, 'hall-wrong');
      await page.fill('#hall-blocks-seats-0', '12');
      await page.click('#hall-add-blocks');
      assert.equal(await page.evaluate(() => document.activeElement.id), 'hall-blocks-name-1');
      await page.keyboard.type('Side');
      await page.check('#hall-blocks-adjacent-1');
      await page.fill('#hall-blocks-accessible-0', '7');
      await page.click('#setup-save');
      assert.equal(await page.evaluate(() => document.activeElement.id), 'hall-blocks-accessible-0');
      await page.fill('#hall-blocks-accessible-0', '2');
      await page.click('#hall-add-channels');
      await page.keyboard.type('Fans');
      assert.match(await page.inputValue('#hall-channels-code-0'), /^[A-Z2-9]{12}$/);
      await page.fill('#hall-channels-code-0', 'fans-2027');
      await page.selectOption('#hall-blocks-channel-1', { label: 'Fans' });
      await page.fill('#hall-categories-category-name-0', 'Seats');
      await page.click('#hall-add-categories');
      await page.keyboard.type('Floor');
      await page.fill('#hall-currency', 'krw');
      await page.fill('#hall-categories-price-0', '99000');
      await page.fill('#hall-categories-price-1', '0');
      await page.click('#hall-add-areas');
      await page.fill('#hall-areas-capacity-0', '300');
      await page.selectOption('#hall-areas-category-0', { label: 'Floor' });
      await page.fill('#hall-per-buyer', '6');
      await page.fill('#hall-per_seat', '500');
      await page.fill('#hall-vat_basis_points', '10.001');
      await page.click('#setup-save');
      assert.equal(await page.evaluate(() => document.activeElement.id), 'hall-vat_basis_points');
      await page.fill('#hall-vat_basis_points', '7.5');
      assert.deepEqual(await dots(), [120]);
      has(boss, await page.textContent('#hall-picture figcaption'), /^120 seats, 300 standing placesSeats: 120 · ₩99,000Floor: 300 · ₩0$/, /^좌석 120석, 스탠딩 300자리Seats: 120 · 99,000원Floor: 300 · 0원$/);
      await see(boss, 'hall');

      // Unsaved input survives a visit to another view.
      await page.click('#setup-steps a[href$="/check"]');
      await page.locator('#setup-list li').first().waitFor();
      await clickFor(page, '#setup-steps a[href$="/hall"]', '#hall-blocks-name-1');
      assert.deepEqual(await dots(), [120]);
      await page.click('#setup-save');

      // Nobody has ordered yet, so the first terms need no reason.
      await at(page, 'terms');
      await page.fill('#terms-percent', '101');
      await page.keyboard.press('Enter');
      assert.equal(await page.evaluate(() => document.activeElement.id), 'terms-percent');
      await see(boss, 'terms-wrong');
      await page.fill('#terms-percent', '80');
      await page.fill('#terms-before', '36.5');
      await page.fill('#terms-until', '2027-04-30T23:00');
      await page.keyboard.press('Enter');
      await at(page, 'opening');
      const { by, percent, before_start_s: beforeS, until: lastDay } = await terms(id);
      assert.deepEqual([by, percent, beforeS, lastDay.slice(0, 16)], ['buyer', 80, 131_400, '2027-04-30T14:00']);
      const { seats: count, areas, categories, limits, currency, name: title, venue: where } = await hall(id);
      assert.deepEqual([count, areas.map((one) => one.capacity), categories.map((one) => [one.name, one.price]), currency, title, where.name], [120, [300], [['Seats', 99000], ['Floor', 0]], 'KRW', `Spring ${name}!`, 'River Hall']);
      assert.deepEqual([limits.max_per_hold, limits.max_per_buyer], [8, 6]);
      assert.deepEqual([(await hall(id)).fees.per_seat, (await hall(id)).vat_basis_points], [500, 750]);
      await page.fill('#setup-rate', '-1');
      await page.click('#setup-save');
      assert.equal(await page.evaluate(() => document.activeElement.id), 'setup-rate');
      await page.fill('#setup-rate', '50');
      await page.fill('#setup-visitors', '100000');
      has(boss, (await page.locator('#setup-rate-told li').allTextContents()).join('\n'), /5 waiting rooms(.|\n)*227 calls/, /대기열 5대(.|\n)*호출 227건/);
      has(boss, await page.textContent('#setup-rate-told'), /Sold out about 1 minute after(.|\n)*34 minutes(.|\n)*2,921 people(.|\n)*maximum of 1,000/, /1분 뒤 매진(.|\n)*34분(.|\n)*2,921명(.|\n)*1,000명/);
      has(boss, await page.textContent('#setup-rate-told'), /180,000 people an hour.*420 places/, /180,000명.*420개/);
      await page.fill('#setup-opens', '2027-03-01T20:00');
      await see(boss, 'opening');
      await page.keyboard.press('Enter');

      // The checklist names the category with price zero and leads to its step, which now has the imported hall.
      await at(page, 'check');
      assert.deepEqual([(await doc(id)).opens_at.slice(0, 16), (await doc(id)).rate_per_s], ['2027-03-01T11:00', 50]);
      await page.locator('#setup-list li.wrong', { hasText: 'Floor' }).waitFor();
      assert.equal(await page.locator('#setup-list li.wrong').count(), 1);
      await see(boss, 'check');
      await page.click('#setup-list li.wrong a');
      await at(page, 'hall');
      assert.equal(await page.inputValue('#hall-blocks-name-1'), 'Side');
      await page.fill('#hall-categories-price-1', '77000');
      await page.click('#setup-save');
      await at(page, 'terms');
      assert.equal((await hall(id)).categories[1].price, 77000);
      const lineShows = async () => Object.values((await doc(id)).prices.categories).map(({ price }) => price);
      assert.deepEqual(await lineShows(), [99500, 77500], 'with the fee per seat');
      await page.click('#setup-steps a[href$="/check"]');
      await page.locator('#setup-list li').first().waitFor();
      assert.equal(await page.locator('#setup-list li.wrong').count(), 0);
      const forVisitors = await page.locator('#setup-test, #to-page').evaluateAll((all) => all.map(({ href }) => href));

      await clickFor(page, '#act-open', '#confirm[open]');
      const lines = await page.locator('#confirm-lines li').allTextContents();
      assert.equal(lines.length, 3, 'who is touched, and what is binding');
      has(boss, lines[1], /^The payment provider takes KRW\.$/, /^KRW: 결제 대행사에서 결제할 수/);
      has(boss, lines[2], /^Refunds: The buyer, online · 80 % · until .* · until 36\.5 hours before the event$/, /^환불 조건: 구매자 \(온라인\) · 80 % · .*까지 · 공연 36\.5시간 전까지$/);
      await clickFor(page, '#confirm-yes', '.badge.open');

      // A visitor sees it with its picture, which does not shift the page when it loads.
      const guest = await Visitor.open(browser, stack, MANNERS[name]);
      await watchShifts(guest.page);
      assert.deepEqual(forVisitors, Array(2).fill(`${guest.at}/e/${id}`));
      await guest.page.goto(forVisitors[0]);
      await guest.page.waitForFunction(() => document.getElementById('picture').naturalWidth > 0);
      assert.ok(await shiftOf(guest.page) <= CLS_MOST);
      await stack.edge.get(picture);
      const { headers, body } = await stack.edge.get(picture);
      assert.ok(headers.age >= 0 && body.length <= 20_000, `${body.length} bytes, kept by the edge: ${JSON.stringify(headers)}`);
      await guest.judge(`setup-hero-${boss.language}`);
      await guest.enter(id);
      await guest.takeBest(2);
      await guest.page.click('#cart-pay');
      await logIn(guest.page, customer(stack, Object.keys(MANNERS).indexOf(name)));
      await guest.page.click('#pay-button');
      await payByCard(guest.page);
      await clickFor(guest.page, 'a[href^="/pay/tickets/"]', '.ticket svg >> nth=0');
      await guest.close();

      // A visitor gets a seat; seats of a channel need its code.
      const { pass } = await stack.enter(id);
      const held = await stack.edge.post(`/v1/seats/${id}/holds`, { token: pass, body: { best_available: { quantity: 2 } } });
      assert.equal(held.json.picture, picture, 'for the ticket');
      assert.equal(held.status, 201, held.text);
      assert.equal((await hall(id)).accessible, true);
      assert.equal((await stack.edge.post(`/v1/seats/${id}/codes`, { token: pass, body: { code: 'fans-2027' } })).json.name, 'Fans');

      // From now on corrections need a confirmation. New prices apply to new holds; existing orders keep theirs.
      await page.click('#setup-steps a[href$="/hall"]');
      await page.fill('#hall-per-buyer', '4');
      await page.fill('#hall-categories-price-0', '88000');
      await clickFor(page, '#setup-save', '#confirm[open]');
      has(boss, await page.textContent('#confirm-lines'), /waiting page/, /대기 페이지/);
      await page.click('#confirm-yes');
      await at(page, 'terms');
      const priced = await hall(id);
      assert.deepEqual([priced.limits.max_per_buyer, priced.categories[0].price], [4, 88000]);
      assert.deepEqual(await lineShows(), [88500, 77500]);
      const old = (await stack.edge.get(`/v1/seats/${id}/holds/${held.json.hold}`, { token: pass })).json;
      assert.equal(old.total, 2 * 99000, JSON.stringify(old));
      await page.click('#setup-steps a[href$="/hall"]');
      assert.equal(await page.inputValue('#hall-categories-price-0'), '88000');
      await page.fill('#hall-currency', 'jpy');
      await page.click('#setup-save');
      await page.click('#confirm-yes');
      await page.locator('#hall-clashes li', { hasText: '/currency' }).waitFor();
      has(boss, await page.textContent('#setup-trouble'), /have to stay/, /바꿀 수 없습니다/);
      await see(boss, 'hall-refused');
      await page.click('#setup-steps a[href$="/terms"]');
      await page.selectOption('#terms-by', 'operator');
      await clickFor(page, '#setup-save', '#confirm[open]');
      assert.equal(await page.isDisabled('#confirm-yes'), true, 'a reason is needed');
      await page.fill('#confirm-why', 'the promoter asks for it');
      await page.click('#confirm-yes');
      await at(page, 'opening');
      assert.equal((await terms(id)).by, 'operator');

      // A new date goes to both the line and the hall. The line may show other prices than the hall's.
      await queue.patch(`/admin/events/${id}`, { body: { prices: { categories: { Floor: { price: 66_000 } } } } });
      await page.reload();
      await page.click('#setup-steps a[href$="/event"]');
      await page.waitForFunction(() => document.getElementById('setup-shown')?.naturalWidth > 0);
      await see(boss, 'event');
      await page.fill('#setup-starts', '2027-05-02T19:00');
      await page.fill('#setup-doors', '');
      await page.click('#setup-save');
      await page.click('#confirm-yes');
      await at(page, 'hall');
      for (const one of [await doc(id), await hall(id)]) assert.deepEqual([one.starts_at.slice(0, 16), one.doors_at ?? null], ['2027-05-02T10:00', null]);
      assert.deepEqual(await lineShows(), [88500, 66_000]);

      // "All settings" leads there, and has no date of its own.
      await page.click('#tabs a[href$="/knobs"]');
      await clickFor(page, '#knob-form a[href$="/setup/event"]', '#setup-name');
      await page.goBack();
      await page.locator(`#knob-about-${boss.language}`).waitFor();
      assert.equal(await page.locator('#knob-starts_at, #knob-name, #knob-time_zone').count(), 0);
      await see(boss, 'knobs');

      // The same sale a week later, under its own id.
      await page.click('#tabs a[href$="/setup"]');
      await page.click('#copy summary');
      await page.click('#copy-save');
      assert.equal(await page.evaluate(() => document.activeElement.id), 'copy-starts');
      await page.fill('#copy-starts', '2027-05-09T19:00');
      assert.equal(await page.inputValue('#copy-id'), `${id}-2027-05-09`);
      await page.fill('#copy-id', id);
      await page.click('#copy-save');
      await page.locator('#wrong-copy-id:not(:empty)').waitFor();
      await see(boss, 'copy-wrong');
      await page.fill('#copy-starts', '2027-05-09T20:00');
      await page.keyboard.press('Enter');
      await page.waitForURL(`**/${id}-2027-05-09/setup`);
      const [line, its, back] = await Promise.all([doc, hall, terms].map((read) => read(`${id}-2027-05-09`)));
      assert.deepEqual([line.state, line.rate_per_s, line.opens_at, line.starts_at.slice(0, 16), line.about], ['draft', 50, null, '2027-05-09T11:00', { [boss.language]: 'With friends' }]);
      assert.equal(line.prices.categories.Seats.price, 88500);
      assert.match(line.picture, /^\/pay\/-\//);
      assert.equal(its.picture, line.picture);
      assert.notEqual(line.picture, (await doc(id)).picture, 'which is retired with its event');
      assert.deepEqual([its.seats, its.categories[0].price, its.fees.per_seat, its.starts_at.slice(0, 16)], [120, 88000, 500, '2027-05-09T11:00']);
      assert.deepEqual([back.by, back.percent, back.until.slice(0, 16)], ['operator', 80, '2027-05-07T15:00']);
    });

    test(`a hall comes from a file, ${name}`, async () => {
      const id = `file-${name}`;
      assert.equal((await queue.put(`/admin/events/${id}`, { body: { name: 'From a file', starts_at: '2028-01-01T10:00:30Z', time_zone: 'Asia/Seoul' } })).status, 201);
      const boss = await open(name, `#/events/${id}/setup/hall`);
      const { page } = boss;
      // A sample is offered ready to use, with a code of its own instead of the one that everybody knows.
      await page.selectOption('#hall-kind', 'arena');
      await page.locator('#hall-picture path').nth(3).waitFor();
      has(boss, await page.textContent('#hall-picture p'), /^12,000 seats, 3,000 standing places$/, /^좌석 12,000석, 스탠딩 3,000자리$/);
      assert.deepEqual([await page.inputValue('#hall-currency'), await page.inputValue('#hall-categories-price-0')], ['KRW', '220000']);
      assert.match(await page.inputValue('#hall-channels-code-0'), /^[A-Z2-9]{12}$/);
      await see(boss, 'sample');

      // The largest hall once; the others are quicker to draw.
      const demo = JSON.parse(name === 'desk-en' ? stack.read('demo-hall.json') : runProgram('halls', ['arena']).stdout);
      const file = (json) => ({ name: 'hall.json', mimeType: 'application/json', buffer: Buffer.from(json) });
      await page.selectOption('#hall-kind', 'file');
      assert.equal(await page.isVisible('#setup-save'), false);
      await page.setInputFiles('#hall-file', file('{"zones": 1'));
      await page.locator('#wrong-hall-file:not(:empty)').waitFor();
      await see(boss, 'file-wrong');

      // A plan alone has no prices.
      await page.setInputFiles('#hall-file', file(JSON.stringify(demo.plan)));
      await page.locator('#hall-picture path').nth(2).waitFor();
      await page.fill('#hall-currency', 'EUR');
      await page.click('#setup-save');
      assert.equal(await page.evaluate(() => document.activeElement.id), 'hall-categories-price-0');
      assert.equal(await page.isVisible('#hall-add-categories'), false);

      // A whole document has everything.
      await page.setInputFiles('#hall-file', file(JSON.stringify(demo)));
      await until('its currency', async () => (await page.inputValue('#hall-currency')) === demo.currency);
      await page.fill('#hall-categories-price-0', '123000');
      await page.fill('#hall-per-hold', '3');
      await page.fill('#hall-channels-code-0', 'choir-2028');
      await see(boss, 'file');
      let sent = 0;
      page.on('request', (request) => { if (request.method() === 'PUT') sent += 1; });
      const letGo = await boss.hold(`**/admin/events/${id}`);
      await clickFor(page, '#setup-save', '#setup-save[aria-busy]');
      await page.press('#hall-per-hold', 'Enter');
      letGo();
      await at(page, 'terms');
      assert.equal(sent, 1, 'pressed twice, sent once');
      const imported = await hall(id);
      const count = demo.plan.zones.flatMap(({ rows }) => rows).flatMap((row) => row.seats).length;
      assert.deepEqual([imported.seats, imported.categories[0].price, imported.limits.max_per_hold, imported.accessible], [count, 123000, 3, true]);
      assert.equal((await seats.get(`/admin/events/${id}/document`)).json.channels[0].code, 'choir-2028');
      // The line keeps its date, to the second; the file fills in what the line did not have.
      const { starts_at: starts, venue } = await doc(id);
      assert.deepEqual([Date.parse(starts), Date.parse(imported.starts_at), venue], [Date.parse('2028-01-01T10:00:30Z'), Date.parse('2028-01-01T10:00:30Z'), demo.venue]);
      // Wheelchair places are marked by row and seat. A companion's seat can't be one itself.
      const marks = async () => accessibleIn((await seats.get(`/admin/events/${id}/document`)).json);
      const before = await marks();
      await page.click('#setup-steps a[href$="/hall"]');
      await page.locator('#hall-marks summary', { hasText: `: ${before.length}` }).click();
      await page.selectOption('#mark-row', { index: 2 });
      await page.selectOption('#mark-place', { index: 3 });
      await page.selectOption('#mark-companion', { index: 4 });
      const [place, companion] = await Promise.all(['place', 'companion'].map((name) => page.inputValue(`#mark-${name}`)));
      await page.click('#mark');
      await page.locator('#marks li').nth(before.length).waitFor();
      assert.equal(await page.locator(`#mark-place option[value="${companion}"]`).count(), 0);
      assert.equal(await page.inputValue('#mark-place'), place);
      await see(boss, 'marks');
      await page.click('#setup-save');
      await at(page, 'terms');
      const after = await marks(); // in the order of the plan
      const nth = after.findIndex(({ guid }) => guid === place);
      assert.deepEqual([after[nth].companions, after.toSpliced(nth, 1)], [[companion], before]);
      await page.click('#setup-steps a[href$="/hall"]');
      await page.click('#hall-marks summary');
      await page.locator('#marks button').nth(nth).click();
      await page.click('#setup-save');
      await at(page, 'terms');
      assert.deepEqual(await marks(), before);
      await page.click('#setup-steps a[href$="/event"]');
      await page.fill('#setup-address-en', 'Elsewhere');
      await page.click('#setup-save');
      await at(page, 'hall');
      assert.equal(await page.inputValue('#hall-kind'), 'file');
      assert.deepEqual([(await doc(id)).venue.address, Date.parse((await hall(id)).starts_at)], [{ ...demo.venue.address, en: 'Elsewhere' }, Date.parse('2028-01-01T10:00:30Z')]);
    });
  }

  test('no step shifts while it loads', async () => {
    const jumped = [];
    for (const viewport of [{ width: 1366, height: 768 }, { width: 360, height: 740 }]) {
      const boss = await Operator.open(browser, stack, { ...MANNERS['desk-en'], viewport });
      const { page } = boss;
      await watchShifts(page);
      await boss.signInAt('#/events');
      await page.locator('#events li').first().waitFor();
      for (const step of ['event', 'hall', 'terms', 'opening', 'check']) {
        await page.goto('about:blank');
        await page.goto(`${boss.at}/console#/events/demo/setup/${step}`);
        await at(page, step);
        await page.waitForLoadState('networkidle');
        const sum = await shiftOf(page);
        if (sum > CLS_MOST) jumped.push(`${step} at ${viewport.width}: ${sum.toFixed(3)}`);
      }
    }
    assert.deepEqual(jumped, []);
  });
});

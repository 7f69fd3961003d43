// The map of the hall: its header, touch, small screens, and proposals. Alone with its service. A hook records
// the texts that the page writes on the canvas.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openScope, until } from '../lib-js/index.js';
import { hall, importHall, openPostgres, openSeats, operator, visitor } from '../integration/seat-service/site.js';
import { importBody } from '../../infra/demo/halls/samples.js';
import { contrast, rgbOf } from '../../seat-service/web/colours.js';
import { Sections } from '../../seat-service/web/sections.js';
import { Tags } from '../../seat-service/web/tags.js';
import { countFree, Grid, readPlan } from '../../web/plan.js';
import { signsOf, toneOf } from '../../seat-service/web/paint.js';
import { clickFor, closeAfterEach, enterHall, openBrowser, SIZES } from './world.js';

const PHONE = { viewport: SIZES.phone, hasTouch: true, isMobile: true };

// Two adjacent sections of thirty rows of forty, with the stage on their left; the cheap one is grey.
function wideHall() {
  const body = hall({ rows: 30, seatsPerRow: 40, limits: { orphan_rule: false, max_per_hold: 4 } });
  const [first] = body.plan.zones;
  first.rows.forEach((row, r) => {
    row.row_number = `R${r + 1}`;
    row.position.y = 25 * (r + 1);
    row.seats.forEach((seat, s) => Object.assign(seat, { position: { x: 20 * s, y: 0 }, category: 'Front' }));
  });
  const second = structuredClone(first);
  Object.assign(second, { name: 'Balcony 7', position: { x: 1000, y: 0 } });
  for (const row of second.rows) for (const seat of row.seats) Object.assign(seat, { seat_guid: `b${seat.seat_guid}`, category: 'Back' });
  Object.assign(first, { name: 'Stalls 3', areas: [{ shape: 'rectangle', color: '#2b2b33', position: { x: -200, y: 40 }, rectangle: { width: 60, height: 600 } }] });
  body.plan.zones.push(second);
  body.plan.categories[1].color = '#7a7a7a';
  body.plan.size = { width: 2100, height: 800 };
  body.focal_point = { x: -150, y: 400 };
  return body;
}

// A picture of the view, as an operator serves it.
const PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 160 90" width="160" height="90"><path fill="#1c1c24" d="M0 0h160v90H0z"/><path fill="#8a5a2b" d="M45 45h70l12 18H33z"/><path fill="#d8b45a" d="M52 22h56v23H52z"/></svg>';
function hallWithView() {
  const body = wideHall();
  body.zones = [{ zone: 'Stalls 3', view: '/views/stalls-3.svg', entrance: 'Gate A' }, { zone: 'Balcony 7', sight: 'seen from the side' }];
  return body;
}

// Runs before the page: records the texts on the map's canvas since it was last cleared.
function hear() {
  const { fillText, clearRect } = CanvasRenderingContext2D.prototype;
  globalThis.written = [];
  CanvasRenderingContext2D.prototype.clearRect = function clear(...box) {
    if (this.canvas.id === 'map-top') globalThis.written = [];
    return clearRect.apply(this, box);
  };
  CanvasRenderingContext2D.prototype.fillText = function write(text, x, y, ...more) {
    if (this.canvas.id === 'map-top') globalThis.written.push({ text, x, y });
    return fillText.call(this, text, x, y, ...more);
  };
}

describe('the map of the hall', async () => {
  const scope = openScope(test);
  let events = 0;

  const seats = await openSeats(scope, await openPostgres(scope));
  const browser = await openBrowser(scope);
  closeAfterEach();

  async function enter({ first = () => {}, query = '', body = wideHall(), ...options } = {}) {
    const event = `map-${(events += 1)}`;
    await importHall(seats, event, body);
    const prepare = async (page) => {
      await page.addInitScript(hear);
      await first(page);
    };
    const guest = await enterHall(browser, seats, event, { prepare, query, ...options });
    const { page } = guest;
    const box = await page.locator('#map').boundingBox() ?? { x: 0, y: 0, width: 0, height: 0 }; // behind the list
    return { event, guest, page, box, middle: [box.x + box.width / 2, box.y + box.height / 2], other: visitor(seats, event) };
  }

  const drawn = (page) => page.evaluate(() => new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(() => done(globalThis.written))); }));
  const cart = (page, count) => until(`${count} in the cart`, async () => await page.locator('#cart-seats li').count() === count);
  const seatLine = (page) => page.textContent('#seat');
  // The map's scale and offset, from the drawn numbers of two neighbours.
  async function view(page) {
    const texts = await drawn(page);
    const n = texts.findIndex(({ text }, at) => Number(texts[at + 1]?.text) === Number(text) + 1);
    if (n < 0) return { pitch: 0, y: 0 };
    const [a, b] = [texts[n], texts[n + 1]];
    return { pitch: Math.hypot(b.x - a.x, b.y - a.y), y: a.y - (b.y - a.y) * Number(a.text) };
  }

  // A seat whose number is well within the map.
  const aSeat = async (page) => (await drawn(page)).find(({ text, x, y }) => /^\d+$/.test(text) && Math.min(x, y) > 40 && Math.max(x, y) < 260);

  // Touches carry their own times, so their delivery speed does not matter.
  async function fingers(page) {
    const session = await page.context().newCDPSession(page);
    const began = Date.now() / 1000;
    return async (ms, type, ...points) => {
      await session.send('Input.dispatchTouchEvent', { type, timestamp: began + ms / 1000, touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
      await drawn(page);
    };
  }

  test('the header names section, price, free seats and stage; zoomed out it is empty', async () => {
    const { guest, page, middle } = await enter({ viewport: SIZES.desktop });
    assert.match(await page.textContent('#where-text'), /^Whole hall · 2,400 left · from ₩99,000$/);
    assert.equal(await page.textContent('#where-stage'), '');
    await page.mouse.click(middle[0] + 250, middle[1]);
    await guest.stands();
    await drawn(page);
    assert.match(await page.textContent('#where-text'), /^Balcony 7 · Back ₩99,000 · 1,200 left$/);
    assert.equal(await page.textContent('#where-stage'), 'Stage ←');
    await guest.judge('map-where');
    await page.click('#zoom-all');
    await guest.stands();
    await drawn(page);
    assert.match(await page.textContent('#where-text'), /^Whole hall/);
  });

  test('an upright screen has the stage on top', async () => {
    const { guest, page, middle } = await enter(PHONE);
    await page.touchscreen.tap(middle[0], middle[1] + 60);
    await guest.stands();
    await drawn(page);
    assert.equal(await page.textContent('#where-stage'), 'Stage ↑');
  });

  const settled = (page) => page.evaluate(() => new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(done)); }));
  // The distance of a seat, at a point of the map, from its card.
  const awayOf = (page, at) => page.evaluate(({ x, y }) => {
    const [card, map] = ['card', 'map-top'].map((id) => document.getElementById(id).getBoundingClientRect());
    return Math.hypot(Math.max(card.left - map.left - x, 0, x + map.left - card.right), Math.max(card.top - map.top - y, 0, y + map.top - card.bottom));
  }, at);
  const FEES = { per_seat: 1000, per_order: 500, basis_points: 150 };
  const WAYS = {
    touch: [PHONE, (page, x, y) => page.touchscreen.tap(x, y)],
    mouse: [{ viewport: SIZES.desktop }, (page, x, y) => page.mouse.click(x, y)],
  };
  for (const [way, [options, press]] of Object.entries(WAYS)) {
    test(`a press on a section zooms in, a second one opens a seat's card, and a button takes it: ${way}`, async () => {
      const { guest, page, middle } = await enter({ ...options, body: { ...hallWithView(), fees: FEES } });
      await press(page, middle[0] - (way === 'mouse' ? 150 : 0), middle[1] - (way === 'mouse' ? 0 : 60));
      await guest.stands();
      const { pitch } = await view(page);
      assert.ok(pitch > 28.2, `${pitch} px from seat to seat`);
      await cart(page, 0);
      const { text, x, y } = await aSeat(page);
      const box = await page.locator('#map-top').boundingBox();
      if (way === 'mouse') await page.mouse.click(box.x + x, box.y + y, { button: 'right' }); // opens the browser's menu only
      assert.ok(await page.isHidden('#card'));
      await press(page, box.x + x, box.y + y);
      await page.locator('#card-name').getByText(new RegExp(`^Stalls 3, row R\\d+, seat ${text}$`)).waitFor();
      await guest.stands();
      assert.equal(await page.textContent('#card-price'), '₩153,250 incl. ₩3,250 fees + ₩500 an order');
      assert.equal(await page.textContent('#card-facts'), 'Front · Gate A');
      assert.ok(await page.isVisible('#card-view'));
      const seat = (await drawn(page)).filter((other) => other.text === text).sort((a, b) => Math.hypot(a.x - x, a.y - y) - Math.hypot(b.x - x, b.y - y))[0];
      const away = await awayOf(page, seat);
      assert.ok(away > 0 && away <= 120, `${away} px from its seat`);
      await cart(page, 0);
      await guest.judge(`map-card-${way}`);
      await page.click('#card-take');
      await cart(page, 1);
      assert.ok(await page.isHidden('#card'));
    });
  }

  test('empty ground does nothing, wherever and however often it is pressed', async () => {
    const { guest, page, box } = await enter(PHONE);
    const before = await page.textContent('#where-text');
    const picture = () => page.locator('#map').screenshot();
    const still = await picture();
    for (const [x, y] of [[4, 50], [4, 50], [box.width - 4, box.height - 70]]) {
      await page.touchscreen.tap(box.x + x, box.y + y);
      await guest.stands();
      await drawn(page);
    }
    assert.deepEqual(await picture(), still);
    assert.equal(await page.textContent('#where-text'), before);
  });

  test('two fingers pinch, one flicks, a double tap zooms in', async () => {
    const { guest, page, middle: [x, between] } = await enter(PHONE);
    const y = between + 100; // on the lower section
    const touch = await fingers(page);
    await touch(0, 'touchStart', [x - 20, y], [x + 20, y]);
    for (let n = 1; n <= 10; n += 1) await touch(20 * n, 'touchMove', [x - 20 - 13 * n, y], [x + 20 + 13 * n, y]);
    await touch(220, 'touchEnd');
    const before = await view(page);
    assert.ok(before.pitch > 14, `${before.pitch} px after the pinch`);

    await touch(1000, 'touchStart', [x, y]);
    await touch(1020, 'touchEnd');
    await touch(1120, 'touchStart', [x, y]);
    await touch(1140, 'touchEnd');
    await guest.stands();
    const closer = await view(page);
    assert.ok(closer.pitch > before.pitch * 1.4, `two taps come closer: ${before.pitch} to ${closer.pitch}`);

    await touch(2000, 'touchStart', [x, y]);
    for (let n = 1; n <= 5; n += 1) await touch(2000 + 10 * n, 'touchMove', [x, y - 12 * n]);
    const lifted = await view(page);
    assert.ok(closer.y - lifted.y > 30, 'it follows the finger');
    await touch(2060, 'touchEnd');
    await until('it to go on by itself, even beyond all seats', async () => {
      const { pitch, y: now } = await view(page);
      return pitch === 0 || now < lifted.y - 5;
    });
    await cart(page, 0);
  });

  test('a button stops a flick', async () => {
    const { guest, page, middle: [x, y] } = await enter(PHONE);
    const touch = await fingers(page);
    await page.touchscreen.tap(x, y);
    await guest.stands();
    await touch(2000, 'touchStart', [x, y + 40]);
    for (let n = 1; n <= 5; n += 1) await touch(2000 + 10 * n, 'touchMove', [x, y + 40 - 12 * n]);
    await touch(2060, 'touchEnd');
    await page.evaluate(() => document.getElementById('zoom-all').click());
    await guest.stands();
    await drawn(page);
    assert.match(await page.textContent('#where-text'), /^Whole hall/);
    const [before, later] = [await page.locator('#map').screenshot(), await drawn(page).then(() => page.locator('#map').screenshot())];
    assert.deepEqual(before, later);
  });

  test('reduced motion turns off flick and glide', async () => {
    const { page, middle: [x, y] } = await enter({ ...PHONE, reducedMotion: 'reduce' });
    const touch = await fingers(page);
    await page.evaluate(() => {
      globalThis.glided = false;
      new MutationObserver(() => { globalThis.glided = true; }).observe(document.getElementById('map'), { attributes: true, attributeFilter: ['data-gliding'] });
    });
    await page.touchscreen.tap(x, y);
    await touch(2000, 'touchStart', [x, y]);
    for (let n = 1; n <= 5; n += 1) await touch(2000 + 10 * n, 'touchMove', [x, y - 12 * n]);
    const lifted = await view(page);
    await touch(2060, 'touchEnd');
    assert.deepEqual(await view(page), lifted);
    assert.equal(await page.evaluate(() => globalThis.glided), false);
  });

  test('a row has its letter at both ends', async () => {
    const { guest, page, middle } = await enter({ viewport: SIZES.desktop });
    await page.mouse.click(middle[0] + 200, middle[1]);
    await guest.stands();
    await page.click('#zoom-out'); // until both ends are in view
    await guest.stands();
    const texts = await drawn(page);
    // The two labels of a row are drawn one after the other.
    const rows = texts.filter(({ text }, n) => texts[n + 1]?.text === text && texts[n + 1].y === texts[n].y);
    assert.ok(rows.length > 3, `${rows.length} rows with two letters`);
    assert.ok(rows.every(({ x }, n) => n === 0 || x === rows[0].x), 'below each other');
  });

  // The axis along which rows follow each other (a phone rotates this hall), the gutter, and how to get there.
  const GUTTERS = {
    above: [PHONE, 'x', (label) => label.y < 70, async () => {}],
    aside: [{ viewport: SIZES.desktop }, 'y', (label) => label.x < 28, (page) => page.click('#zoom-in')],
  };
  for (const [side, [options, axis, isThere, closer]] of Object.entries(GUTTERS)) {
    test(`a gutter ${side} names the rows in view, while the map moves too`, async () => {
      const { guest, page, box, middle: [x, y] } = await enter(options);
      await (options.hasTouch ? page.touchscreen.tap(x, y + 100) : page.mouse.click(x + 200, y));
      await guest.stands();
      await closer(page);
      await guest.stands();
      const labels = async () => (await drawn(page)).filter((label) => /^R/.test(label.text) && isThere(label));
      const named = await labels();
      const seatsInView = (await drawn(page)).filter(({ text, ...at }) => /^\d+$/.test(text) && at.y > 70 && at.y < box.height && at.x > 28 && at.x < box.width);
      assert.ok(seatsInView.length > 20, `${seatsInView.length} seats`);
      for (const seat of seatsInView) assert.ok(named.some((label) => Math.abs(label[axis] - seat[axis]) < 3), `seat ${seat.text} at ${seat.x}, ${seat.y}: ${named.map((label) => `${label.text} ${label[axis]}`)}`);
      // During a glide no seat numbers are drawn, but row labels are. On a busy machine one may be over before it is drawn.
      const glides = (button) => page.evaluate((id) => new Promise((told) => {
        document.getElementById(id).click();
        const look = () => {
          const texts = globalThis.written.map(({ text }) => text);
          if (!document.querySelector('[data-gliding]')) told(false);
          else if (texts.some((text) => /^R/.test(text)) && !texts.some((text) => /^\d+$/.test(text))) told(true);
          else requestAnimationFrame(look);
        };
        requestAnimationFrame(look);
      }), button);
      await until('a glide to be drawn', async () => await glides('zoom-in') || glides('zoom-out'));
      await guest.stands();
    });
  }

  test('a phone that is turned keeps the middle and the scale', async () => {
    const { guest, page, middle: [x, y] } = await enter(PHONE);
    await page.touchscreen.tap(x, y + 100);
    await guest.stands();
    // The seat nearest to the middle, and how far it is from there.
    const central = async () => {
      const { width, height } = await page.locator('#map').boundingBox();
      const [seat] = (await drawn(page)).filter(({ text }) => /^\d+$/.test(text)).map(({ text, x: right, y: down }) => ({ text, off: Math.hypot(right - width / 2, down - height / 2) })).sort((a, b) => a.off - b.off);
      return { ...seat, ...await view(page) };
    };
    const before = await central();
    for (const [width, height] of [[740, 360], [360, 740], [740, 360], [360, 740]]) {
      await page.setViewportSize({ width, height });
      await settled(page);
      await settled(page);
      const after = await central();
      assert.equal(after.text, before.text);
      assert.ok(Math.abs(after.off - before.off) < 8, `${after.off} px from the middle, ${before.off} before`);
      assert.ok(Math.abs(after.pitch - before.pitch) < 0.1, `${after.pitch} px from seat to seat, ${before.pitch} before`);
    }
  });

  test('the line below the map clears when the pointer leaves a seat', async () => {
    const { guest, page, middle } = await enter({ viewport: SIZES.desktop });
    const hint = await seatLine(page);
    await page.mouse.click(...middle);
    await guest.stands();
    const { text, x, y } = await aSeat(page);
    const box = await page.locator('#map-top').boundingBox();
    await page.mouse.move(box.x + x, box.y + y);
    assert.match(await seatLine(page), new RegExp(`seat ${text} ·`));
    await page.mouse.move(5, 5);
    assert.equal(await seatLine(page), hint, 'the pointer has left');
    await guest.takeBest(2);
    assert.match(await seatLine(page), /yours/);
    await page.click('#show-list');
    assert.match(await page.textContent('#list-seats button[aria-pressed=true]'), /yours/, 'the list opens where they are');
    await page.click('#show-map');
    await guest.giveBack();
    await cart(page, 0);
    assert.equal(await seatLine(page), hint);
  });

  // The uncovered part of the map, as a share of the window.
  const shareOfMap = (page) => page.evaluate(() => {
    let [seen, all] = [0, 0];
    for (let y = 2; y < innerHeight; y += 4) {
      for (let x = 2; x < innerWidth; x += 4) {
        all += 1;
        if (document.elementFromPoint(x, y)?.id === 'map-top') seen += 1;
      }
    }
    return seen / all;
  });
  // Visible controls that are covered at their centre.
  const coveredControls = (page) => page.evaluate(() => [...document.querySelectorAll('button, a, summary, select, input')].filter((control) => {
    if (!control.checkVisibility({ visibilityProperty: true })) return false;
    const { left, top, width, height } = control.getBoundingClientRect();
    const strip = control.closest('#categories, #offers, #proposals-list')?.getBoundingClientRect(); // scrolls
    if (strip && (left + width / 2 > strip.right || left + width / 2 < strip.left)) return false;
    return !control.contains(document.elementFromPoint(left + width / 2, top + height / 2));
  }).map((control) => control.id || control.textContent));

  const WINDOWS = [[360, 640], [360, 740], [390, 664], [740, 360]];
  // With a concert's name and place, for a buyer elsewhere: a header of several lines.
  const concert = () => Object.assign(wideHall(), {
    name: 'Naru World Tour 2027: The Last Winter Night', starts_at: '2027-06-12T10:00:00Z', doors_at: '2027-06-12T08:30:00Z',
    time_zone: 'Asia/Seoul', venue: { name: 'Harbour Stadium', address: '25 Seongdong-ro, Incheon' },
  });
  const visitEnds = (inS) => async (page) => {
    const at = new Date(Date.now() + 1000 * inS).toISOString();
    await page.route('**/session', (route) => route.fulfill({ json: { expires_at: at, ends_at: at } }));
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
    await page.locator('#visit').waitFor({ state: inS < 120 ? 'visible' : 'hidden' });
  };
  // Each notice, and how it appears and disappears.
  const NOTICES = {
    none: [async () => {}, async () => {}],
    lost: [async (page) => {
      await page.evaluate(() => dispatchEvent(new Event('offline')));
      await page.locator('#lost').getByText('Connection lost').waitFor();
    }, async (page) => {
      await page.evaluate(() => dispatchEvent(new Event('online')));
      await page.waitForFunction(() => document.getElementById('lost').textContent === '');
    }],
    visit: [visitEnds(110), visitEnds(1800)],
    proposals: [async (page) => {
      await page.click('#best summary');
      await page.click('#best-form .main');
      await page.locator('#proposals-list li').first().waitFor();
    }, (page) => page.click('#proposals-close')],
    offers: [async (page) => {
      await page.click('#cart-others');
      await page.locator('#offers button').first().waitFor();
    }, (page) => page.click('#trouble-close')],
  };
  for (const held of [0, 1, 4]) {
    for (const notice of Object.keys(NOTICES).slice(0, held === 0 ? -1 : undefined)) {
      test(`the map has 45 % of a phone's window: ${held} seats, notice: ${notice}`, async () => {
        const { guest, page } = await enter({ ...PHONE, body: concert(), timezoneId: 'America/New_York' });
        if (held > 0) await guest.takeBest(held);
        const [comes, goes] = NOTICES[notice];
        for (const [width, height] of WINDOWS) {
          await page.setViewportSize({ width, height });
          await settled(page);
          await comes(page);
          await settled(page);
          const share = await shareOfMap(page);
          assert.ok(share >= 0.45, `${(100 * share).toFixed(1)} % of ${width}x${height}`);
          assert.deepEqual(await coveredControls(page), [], `${width}x${height}`);
          await guest.judge(`map-window-${held}-${notice}-${width}-${height}`);
          await goes(page);
        }
      });
    }
  }

  test('a card covers no control, in all windows', async () => {
    const { guest, page } = await enter({ ...PHONE, body: hallWithView() });
    for (const [width, height] of WINDOWS) {
      await page.setViewportSize({ width, height });
      await settled(page);
      await page.focus('#map-top');
      for (const key of ['ArrowRight', 'ArrowDown', 'Enter']) await page.keyboard.press(key);
      await page.locator('#card').waitFor();
      await guest.stands();
      await drawn(page);
      assert.deepEqual(await coveredControls(page), [], `${width}x${height}`);
      await guest.judge(`map-card-${width}-${height}`);
      await page.keyboard.press('Escape');
      assert.equal(await page.evaluate(() => document.activeElement.id), 'map-top');
    }
  });

  test('the cart opens as a sheet on a phone, and is open on a desk', async () => {
    const { guest, page } = await enter(PHONE);
    await guest.takeBest(2);
    assert.ok(await page.isHidden('#cart-seats'));
    await page.click('#cart-open');
    await page.locator('#cart-seats li').nth(1).waitFor();
    assert.ok(await page.isVisible('#legend'));
    await guest.judge('map-sheet');
    await page.keyboard.press('Escape');
    assert.ok(await page.isHidden('#cart-seats'));
    await page.setViewportSize(SIZES.desktop);
    await page.locator('#cart-seats li').nth(1).waitFor();
    await page.locator('#cart-open:disabled').waitFor({ state: 'attached' });
    const shared = await page.evaluate(() => document.getElementById('map').getBoundingClientRect().right <= document.getElementById('cart').getBoundingClientRect().left);
    assert.ok(shared, 'right of the map');
  });

  // Two rings of small sections around a stage that is a thin bar without a label.
  function bowl() {
    const body = wideHall();
    const [zone] = body.plan.zones;
    body.plan.zones = Array.from({ length: 24 }, (_, n) => {
      const [ring, step] = [n < 12 ? 500 : 800, n % 12];
      const [x, y] = [1000 + ring * Math.cos(step * Math.PI / 7 - 0.8), 1000 + ring * Math.sin(step * Math.PI / 7 - 0.8)];
      const rows = zone.rows.slice(0, 5).map((row, r) => ({ ...row, position: { x: 0, y: 25 * r }, seats: row.seats.slice(0, 6).map((seat, s) => ({ ...seat, seat_guid: `z${n}-${r}-${s}`, category: n < 12 ? 'Front' : 'Back' })) }));
      return { ...zone, name: `Grandstand-${n}-of-the-bowl`, position: { x, y }, areas: n > 0 ? [] : [{ shape: 'rectangle', color: '#2b2b33', position: { x: 900 - x, y: 350 - y }, rectangle: { width: 200, height: 20 } }], rows };
    });
    Object.assign(body, { focal_point: { x: 1000, y: 360 } });
    return body;
  }

  test('prices lie next to small sections, never on one, on each other, on the stage or over the edge', async () => {
    const { page } = await enter({
      ...PHONE, body: bowl(),
      first: (early) => early.addInitScript(() => {
        const { roundRect, clearRect } = CanvasRenderingContext2D.prototype;
        globalThis.pills = [];
        CanvasRenderingContext2D.prototype.clearRect = function clear(...box) {
          if (this.canvas.id === 'map-top') globalThis.pills = [];
          return clearRect.apply(this, box);
        };
        CanvasRenderingContext2D.prototype.roundRect = function note(x, y, width, height, ...more) {
          globalThis.pills.push({ x, y, width, height });
          return roundRect.call(this, x, y, width, height, ...more);
        };
      }),
    });
    for (const [width, height] of [...WINDOWS, [1280, 800]]) {
      await page.setViewportSize({ width, height });
      await settled(page);
      await drawn(page);
      // The share of each pill that covers something drawn on the ground.
      const pills = await page.evaluate(() => {
        const soil = document.querySelector('#map canvas');
        const ratio = soil.width / soil.clientWidth;
        return globalThis.pills.map((pill) => {
          const { data } = soil.getContext('2d').getImageData(pill.x * ratio, pill.y * ratio, pill.width * ratio, pill.height * ratio);
          let covered = 0;
          for (let n = 3; n < data.length; n += 4) covered += data[n] > 0 ? 4 / data.length : 0;
          return { ...pill, covered };
        });
      });
      const box = await page.locator('#map').boundingBox();
      assert.ok(pills.length >= 2, `${pills.length} at ${width}x${height}`);
      pills.forEach((pill, n) => {
        assert.ok(pill.x >= 0 && pill.y >= 0 && pill.x + pill.width <= box.width && pill.y + pill.height <= box.height, `over the edge at ${width}x${height}`);
        assert.ok(pill.covered < 0.05, `${pill.covered} of ${JSON.stringify(pill)} at ${width}x${height} lies on something`);
        for (const other of pills.slice(n + 1)) assert.ok(pill.x + pill.width <= other.x || other.x + other.width <= pill.x || pill.y + pill.height <= other.y || other.y + other.height <= pill.y, 'on each other');
      });
    }
  });

  // The area of a polygon, x and y alternating, and the part of it within a box.
  const areaOf = (points) => Math.abs(points.reduce((twice, x, n) => (n % 2 ? twice : twice + x * points[(n + 3) % points.length] - points[(n + 2) % points.length] * points[n + 1]), 0)) / 2;
  function within(points, { left, right, top, bottom }) {
    for (const [axis, limit, side] of [[0, left, 1], [0, right, -1], [1, top, 1], [1, bottom, -1]]) {
      const inside = (n) => side * (points[n + axis] - limit) >= 0;
      const kept = [];
      for (let n = 0; n < points.length; n += 2) {
        const next = (n + 2) % points.length;
        if (inside(n)) kept.push(points[n], points[n + 1]);
        if (inside(n) === inside(next)) continue;
        const share = (limit - points[n + axis]) / (points[next + axis] - points[n + axis]);
        kept.push(...[0, 1].map((at) => points[n + at] + share * (points[next + at] - points[n + at])));
      }
      points = kept;
    }
    return points;
  }

  // What is wrong with the tags of a plan, on maps of these sizes, at several scales.
  function wrongTags(plan, Kind) {
    const wrong = [];
    const { room: { left, right, top, bottom } } = plan;
    const words = plan.categories.map(({ name }) => `${name} 132,000원`);
    let placed = 0;
    for (const [width, height] of [[360, 420], [740, 240], [940, 560]])
      for (const closer of [1, 1.3, 1.7, 2.2, 3]) {
        const k = closer * Math.min(width / (right - left), height / (bottom - top));
        const view = { k, x: width / 2 - k * (left + right) / 2, y: height / 2 - k * (top + bottom) / 2 };
        const map = { view, width, height, taken: { top: 0, right: 0, bottom: 0 }, grid: new Grid(plan), stageBox: null, stageWide: 0, news: 1 };
        const tags = new Kind(map, (c) => words[c]);
        tags.arrange(plan.zones, words, (text) => 6.5 * text.length);
        placed += tags.placed.length;
        for (const { x, y, half, category, inside } of tags.placed) {
          const pill = { left: x - half / k, right: x + half / k, top: y - 11 / k, bottom: y + 11 / k };
          const covered = plan.zones.flatMap(({ parts }) => parts.map((part) => ({ its: part.category === category, area: areaOf(within(part.outline, pill)), of: areaOf(part.outline) })));
          const own = covered.filter(({ its }) => its).reduce((sum, { area }) => sum + area, 0);
          if (covered.some(({ area, of }) => area > 0.2 * of)) wrong.push(`${words[category]} covers more than a fifth, ${closer}x at ${width}`);
          if (inside && own < 0.99 * 44 * half / k / k) wrong.push(`${words[category]} lies beside what it names, ${closer}x at ${width}`);
        }
      }
    assert.ok(placed >= 5, `${placed} tags`);
    return wrong;
  }

  // Careless ones: in a section of any size, or in the section's middle whatever its price there.
  class Large extends Tags {
    around(part, half) { return [{ ...part.middle, inside: true }, ...super.around(part, half)]; }
  }
  class Elsewhere extends Tags {
    around(part, half) { return super.around({ ...part, ...this.first.get(part) }, half); }

    arrange(zones, ...more) {
      this.first = new Map(zones.flatMap(({ parts: [first, ...others] }) => others.map((part) => [part, { middle: first.middle, box: first.box, area: first.area, outline: first.outline }])));
      const { price } = this;
      this.price = (c) => (c === 1 ? price(c) : ''); // no other tag is in the way
      super.arrange(zones, ...more);
    }
  }

  test('a price covers at most a fifth of what it names, and lies on nothing else', async () => {
    globalThis.Path2D ??= class { lineTo() {} closePath() {} };
    const twoPrices = wideHall();
    for (const { rows } of twoPrices.plan.zones) rows.forEach((row, r) => row.seats.forEach((seat) => { seat.category = r < 20 ? 'Front' : 'Back'; }));
    for (const [name, body] of Object.entries({ theatre: importBody('theatre'), arena: importBody('arena'), bowl: bowl(), 'two-prices': twoPrices })) {
      await importHall(seats, `tags-${name}`, body);
      const plan = readPlan((await visitor(seats, `tags-${name}`).plan({}, '?form=rows')).json);
      countFree(plan, plan.categories.map(() => true));
      new Sections(plan);
      assert.deepEqual(wrongTags(plan, Tags), [], name);
      assert.notDeepEqual(wrongTags(plan, name === 'two-prices' ? Elsewhere : Large), [], name);
    }
  });

  test('the best seats are shown with place and price, then replace the held ones', async () => {
    const { guest, page } = await enter({ viewport: SIZES.desktop });
    await page.click('#best summary');
    await page.click('#best-form button');
    const cards = page.locator('#proposals-list li');
    await cards.nth(1).waitFor();
    assert.match(await cards.first().textContent(), /Stalls 3, row .*Front · ₩300,000 \(₩150,000 each\)/, 'near the stage first');
    await guest.stands();
    const numbers = (await drawn(page)).map(({ text }) => text);
    assert.ok(numbers.includes('1') && numbers.includes('2'));
    await cart(page, 0);
    await guest.judge('map-proposed');
    await page.click('#best summary');
    await page.selectOption('#best-wish', 'price');
    await page.click('#best-form button');
    await cards.first().getByText('Balcony 7').waitFor();
    await cards.first().locator('.main').click();
    await cart(page, 2);
    assert.ok(await page.isHidden('#proposals'));
    assert.match(await page.textContent('#cart-sum'), /198,000/);
    await page.click('#best summary');
    await page.selectOption('#best-wish', 'near');
    await page.click('#best-form button');
    assert.equal(await cards.first().locator('.main').textContent(), 'Replace my seats');
    await cards.first().locator('.main').click();
    await page.waitForFunction(() => /300,000/.test(document.getElementById('cart-sum').textContent));
    await cart(page, 2);
    // If another buyer was faster, an alternative replaces the held seats too.
    await page.route('**/holds/*', (route) => route.fulfill({ status: 409, json: { code: 'seats-taken', seats: ['br9s1'], alternatives: [{ seats: ['br1s1', 'br1s2'], total: 198000 }] } }), { times: 1 });
    await page.click('#best summary');
    await page.click('#best-form button');
    await cards.first().locator('.main').click();
    await page.click('#offers button');
    await page.waitForFunction(() => /198,000/.test(document.getElementById('cart-sum').textContent));
    await cart(page, 2);
  });

  test('a proposal that another buyer takes says so', async () => {
    const { guest, page, other } = await enter({ viewport: SIZES.desktop });
    const told = page.waitForResponse('**/proposals');
    await page.click('#best summary');
    await page.click('#best-form button');
    const { proposals } = await (await told).json();
    await page.locator('#proposals .main').first().waitFor();
    for (const { seats: ids } of proposals) assert.equal((await other.hold({ seats: ids })).status, 201);
    for (const n of [0, 1]) await page.locator('#proposals .main').nth(n).getByText('just taken').waitFor();
    const focused = () => page.evaluate(() => document.activeElement.closest('[id]')?.id);
    assert.equal(await focused(), 'proposals-list', 'the focus stays where it was');
    await page.keyboard.press('Enter');
    await cart(page, 0);
    assert.ok(await page.isVisible('#proposals'), 'a press does nothing any more');
    await guest.judge('map-proposed-gone');
    await page.click('#proposals-close');
    assert.equal(await focused(), 'best', 'and goes to where it came from');
  });

  test('a proposal\'s button follows the held seats', async () => {
    const { guest, page } = await enter({ viewport: SIZES.desktop });
    await guest.openRow(0, 20);
    await page.click('#show-map');
    await page.click('#best summary');
    await page.click('#best-form button');
    const take = page.locator('#proposals .main').first();
    await take.getByText('Select', { exact: true }).waitFor();
    await page.click('#show-list');
    await guest.seat(0).click();
    await cart(page, 1);
    await take.getByText('Replace my seats').waitFor();
    await guest.giveBack();
    await cart(page, 0);
    await take.getByText('Select', { exact: true }).waitFor();
  });

  test('"Find my seats" works before the second script has loaded', async () => {
    let letGo;
    const held = new Promise((go) => { letGo = go; });
    const { page } = await enter({
      first: async (early) => {
        await early.route('**/later.js', async (route) => {
          await early.waitForFunction(() => document.getElementById('hall').dataset.seen === 'seats');
          await early.click('#best summary');
          letGo(await early.locator('#best-form .main').isDisabled());
          await route.continue();
        });
      },
    });
    assert.equal(await held, true);
    await page.click('#best-form .main');
    await page.locator('#proposals .main').first().waitFor();
  });

  test('a seat pressed before the second script has loaded shows its card after it', async () => {
    const { page } = await enter({
      viewport: SIZES.desktop,
      first: (early) => early.route('**/later.js', async (route) => {
        await early.waitForFunction(() => document.getElementById('hall').dataset.seen === 'seats');
        const { x, y, width, height } = await early.locator('#map-top').boundingBox();
        await early.mouse.click(x + width / 2 + 250, y + height / 2);
        await early.waitForFunction(() => !document.querySelector('[data-gliding]'));
        const at = await aSeat(early);
        for (let n = 0; n < 2; n += 1) await early.mouse.click(x + at.x, y + at.y); // an impatient visitor
        await route.continue();
      }),
    });
    await page.click('#card-take');
    await cart(page, 1);
  });

  test('the filter has its colours when the list is opened first', async () => {
    const { page } = await enter({ first: (early) => early.addInitScript(() => localStorage.setItem('fg-view', '"list"')) });
    assert.ok(await page.isVisible('#list-view'));
    const fills = await page.locator('#categories path').evaluateAll((all) => all.map((sign) => sign.getAttribute('fill')));
    assert.equal(new Set(fills).size, 2);
    assert.ok(fills.every((fill) => /^rgb/.test(fill)), fills.join());
  });

  test('a seat taken from the list leaves nothing gliding on the map behind it', async () => {
    const { guest, page } = await enter(PHONE);
    await guest.openRow(0, 0);
    await guest.seat(3).click();
    await cart(page, 1);
    await guest.stands();
    await page.click('#show-map');
    await guest.stands();
  });

  test('a closed panel passes the focus to the map', async () => {
    const { guest, page, middle } = await enter(PHONE);
    await page.touchscreen.tap(...middle);
    await guest.stands();
    const { x, y } = await aSeat(page);
    const box = await page.locator('#map-top').boundingBox();
    await page.touchscreen.tap(box.x + x, box.y + y);
    await page.focus('#card-close');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'map-top');
  });

  test('one press selects one price, another all; each shows its free seats', async () => {
    const { page } = await enter(PHONE);
    const chips = page.locator('#categories button');
    assert.deepEqual(await chips.allTextContents(), ['All', 'Front₩150,0001,200', 'Back₩99,0001,200']);
    await chips.nth(2).click();
    assert.deepEqual(await chips.evaluateAll((all) => all.map((one) => one.getAttribute('aria-pressed'))), ['false', 'false', 'true']);
    await drawn(page);
    assert.match(await page.textContent('#where-text'), /· 1,200 left/);
    await chips.nth(1).click();
    assert.deepEqual(await chips.evaluateAll((all) => all.map((one) => one.getAttribute('aria-pressed'))), ['false', 'true', 'false']);
    await chips.nth(1).click();
    await drawn(page);
    assert.match(await page.textContent('#where-text'), /2,400 left/);
    assert.equal(await chips.first().getAttribute('aria-pressed'), 'true');
  });

  test('filtered seats are pale in their colour; taken seats are grey', async () => {
    const { guest, page, middle, other } = await enter({
      viewport: SIZES.desktop, query: '?plain',
      first: (early) => early.addInitScript(() => { // records the fill colours, canvas by canvas
        const { fill } = CanvasRenderingContext2D.prototype;
        globalThis.filled = {};
        CanvasRenderingContext2D.prototype.fill = function note(...path) {
          const canvas = [...document.querySelectorAll('#map canvas')].indexOf(this.canvas);
          (globalThis.filled[canvas] ??= new Map()).set(String(this.fillStyle), this.globalAlpha);
          return fill.apply(this, path);
        };
      }),
    });
    const filled = async (canvas, work) => {
      await page.evaluate(() => { globalThis.filled = {}; });
      await work();
      await guest.stands();
      await drawn(page);
      return page.evaluate((n) => [...globalThis.filled[n] ?? []], canvas);
    };
    const grey = (colour) => {
      const rgb = colour.startsWith('#') ? colour.slice(1).match(/../g).map((hex) => Number.parseInt(hex, 16)) : colour.match(/[\d.]+/g).map(Number);
      return Math.max(...rgb) - Math.min(...rgb) < 25;
    };
    const [seats_, legend] = [1, page.locator('#legend-other')];
    assert.ok(await legend.isHidden());
    const afar = await filled(0, () => page.locator('#categories button').nth(1).click());
    assert.equal(afar.filter(([colour]) => !grey(colour)).length, 2, 'both sections keep their colours');
    assert.ok(Math.min(...afar.map(([, alpha]) => alpha)) < 0.1, 'one of them is hardly filled');
    assert.ok(await legend.isVisible());
    assert.equal((await other.hold({ seats: ['br15s20'] })).status, 201);
    await page.waitForFunction(() => document.querySelectorAll('#categories small')[1].textContent === '1,199');
    const near = await filled(seats_, () => page.mouse.click(middle[0] + 250, middle[1]));
    assert.equal(near.filter(([colour]) => grey(colour)).length, 1, `the seat that is held: ${near.join(' ')}`);
    assert.ok(near.length > 1, 'and the others');
    assert.match(await page.textContent('#where-text'), /^Balcony 7 · another category$/);
    await guest.judge('map-filtered');
  });

  test('the list begins with the cheapest sections and shows adjacent seats', async () => {
    const { event, guest, page } = await enter(PHONE);
    await page.click('#show-list');
    const cards = page.locator('#list-cards [data-zone]');
    assert.deepEqual(await cards.allTextContents(), ['Balcony 7₩99,0001200 left · up to 40 together', 'Stalls 3₩150,0001200 left · up to 40 together']);
    await guest.judge('map-list-cards');
    await cards.first().click();
    assert.equal(await page.locator('#list-zone').inputValue(), '1');
    assert.match(await page.textContent('#list-row option:checked'), /up to 40 together/);
    const wrong = await page.locator('#list-seats .joined').evaluateAll((seats) => seats.filter((seat) => {
      seat.scrollIntoView({ block: 'center' });
      const { right, top } = seat.getBoundingClientRect();
      const isLast = seat.nextElementSibling.getBoundingClientRect().top > top;
      return isLast === (document.elementFromPoint(right + 3, top + 22) === seat);
    }).length);
    assert.equal(wrong, 0, 'no seat is joined to the edge');
    assert.equal((await operator(seats, event).price({ prices: { Back: 200000 } })).status, 200);
    await cards.first().getByText('₩200,000').waitFor();
    await page.click('#show-map');
    await page.click('#show-list');
    assert.match(await cards.first().textContent(), /^Stalls 3/, 'the cheapest after a price change');
  });

  test('a section\'s view is shown if it has a picture, and loaded only then', async () => {
    const asked = [];
    const { guest, page, middle } = await enter({
      viewport: SIZES.desktop, body: hallWithView(),
      first: (early) => early.route('**/views/*', (route) => {
        asked.push(new URL(route.request().url()).pathname);
        return route.fulfill({ contentType: 'image/svg+xml', body: PICTURE });
      }),
    });
    const openCard = async (aside) => {
      await page.mouse.click(middle[0] + aside, middle[1]);
      await guest.stands();
      const { x, y } = await aSeat(page);
      const box = await page.locator('#map-top').boundingBox();
      await page.mouse.click(box.x + x, box.y + y);
      await page.locator('#card').waitFor();
      await guest.stands();
    };
    await openCard(150);
    assert.match(await page.textContent('#card-name'), /^Balcony 7/);
    assert.ok(await page.isHidden('#card-view'), 'not where there is none');
    await page.click('#card-close');
    await page.click('#zoom-all');
    await guest.stands();
    await openCard(-150);
    assert.deepEqual(asked, []);
    await page.click('#card-view');
    await page.waitForFunction(() => document.querySelector('#sight img')?.naturalWidth === 160);
    assert.equal(await page.getAttribute('#sight img', 'alt'), 'View from Stalls 3');
    assert.deepEqual(asked, ['/views/stalls-3.svg']);
    await guest.judge('map-sight');
    await page.keyboard.press('Escape');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'card-view');
  });

  test('two sections are compared side by side, with live numbers', async () => {
    const { guest, page, other } = await enter({
      ...PHONE, body: hallWithView(),
      first: (early) => early.route('**/views/*', (route) => route.fulfill({ contentType: 'image/svg+xml', body: PICTURE })),
    });
    await page.click('#show-list');
    const pick = (name) => page.click(`#list-cards button[aria-label="Compare: ${name}"]`);
    await pick('Balcony 7');
    assert.match(await page.textContent('#compare'), /Balcony 7: choose a second section/);
    await pick('Stalls 3');
    const cells = () => page.locator('#compare tr').evaluateAll((rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent)));
    assert.deepEqual(await cells(), [
      ['', 'Balcony 7', 'Stalls 3'],
      ['Price', 'Back ₩99,000', 'Front ₩150,000'],
      ['Seats left', '1200', '1200'],
      ['Together', '40', '40'],
      ['Closer to the stage than', '25% of the seats', '75% of the seats'],
      ['Good to know', 'seen from the side', '–'],
      ['Way in', '–', 'Gate A'],
      ['View', '–', ''],
      ['', 'Show its seats', 'Show its seats'],
    ]);
    await page.locator('#compare img[alt="View from Stalls 3"]').waitFor();
    for (const viewport of [SIZES.phone, SIZES.tablet, SIZES.desktop]) {
      await page.setViewportSize(viewport);
      await guest.judge(`map-compared-${viewport.width}`);
    }
    assert.equal((await other.hold({ seats: ['r1s1'] })).status, 201);
    await page.waitForFunction(() => document.querySelector('#compare tbody tr:nth-child(2) td:nth-child(3)').textContent === '1199');
    await page.locator('#compare .main').first().click();
    assert.equal(await page.inputValue('#list-zone'), '1');
    await pick('Stalls 3');
    assert.match(await page.textContent('#compare'), /Balcony 7: choose a second/);
  });

  test('a hall without shapes has a stage clear of its seats, even with one row', async () => {
    const body = hall({ rows: 1, seatsPerRow: 12 });
    body.plan.zones[0].rows[0].row_number = 'A';
    body.plan.zones[0].rows[0].seats.forEach((seat, s) => Object.assign(seat, { position: { x: 20 * s, y: 0 } }));
    const { guest, page, box } = await enter({
      ...PHONE, body,
      first: (early) => early.addInitScript(() => { // records the texts on the ground
        const { fillText } = CanvasRenderingContext2D.prototype;
        CanvasRenderingContext2D.prototype.fillText = function write(text, x, y, ...more) {
          if (this.canvas !== document.getElementById('map-top')) globalThis.ground = { text, y };
          return fillText.call(this, text, x, y, ...more);
        };
      }),
    });
    const seats_ = (await drawn(page)).filter(({ text }) => /^\d+$/.test(text));
    assert.equal(seats_.length, 12, 'all of them with their numbers');
    const { text, y } = await page.evaluate(() => globalThis.ground);
    assert.equal(text, 'STAGE');
    assert.ok(y > 0 && y < box.height && y < seats_[0].y - 20, `${y} above ${seats_[0].y}`);
    for (const name of ['phone', 'desktop']) {
      await page.setViewportSize(SIZES[name]);
      await guest.judge(`map-one-row-${name}`);
    }
  });

  test('a hall of standing places alone shows its areas below the stage', async () => {
    const body = hall({ area: 500 });
    body.plan.zones[0].rows = [];
    const { guest, page } = await enter({ ...PHONE, body });
    assert.ok(await page.isHidden('#map-view'));
    assert.ok(await page.isHidden('#best'));
    await page.locator('#areas .stage').waitFor();
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      for (const name of ['phone', 'tablet', 'desktop']) {
        await page.setViewportSize(SIZES[name]);
        await guest.judge(`map-standing-${name}-${colorScheme}`);
      }
    }
    await page.selectOption('#areas select', '2');
    await clickFor(page, '#areas button', '#cart-seats li');
    await page.waitForFunction(() => document.querySelector('#areas meter').value === 498);
    await page.locator('#areas button', { hasText: 'Change' }).waitFor();
    await page.selectOption('#areas select', '3');
    await page.click('#areas button');
    await page.locator('#cart-seats', { hasText: 'floor × 3' }).waitFor();
    await page.waitForFunction(() => document.querySelector('#areas meter').value === 497);
    await page.reload();
    await page.locator('#areas button', { hasText: 'Change' }).waitFor();
    assert.equal(await page.inputValue('#areas select'), '3', 'what is held');
    await guest.giveBack();
    await page.locator('#areas button', { hasText: 'Take' }).waitFor();
  });

  test('a category of standing places alone is neither filtered by nor searched', async () => {
    const body = wideHall();
    body.plan.categories.unshift({ name: 'Pit', color: '#27ae60' });
    body.categories.unshift({ name: 'Pit', price: 70000 });
    body.areas = [{ id: 'pit', category: 'Pit', capacity: 9 }];
    const { page } = await enter({ body });
    await page.locator('#areas').getByText('₩70,000').waitFor();
    assert.deepEqual(await page.locator('#categories button:visible').allTextContents(), ['All', 'Front₩150,0001,200', 'Back₩99,0001,200']);
    assert.deepEqual(await page.locator('#best-category option').allTextContents(), ['Any', 'Front ₩150,000', 'Back ₩99,000']);
  });

  test('the dearer a category, the earlier its silhouette and colour; the sixth repeats the first with a slot', async () => {
    const body = wideHall();
    body.plan.categories[0].color = body.plan.categories[1].color; // a plan's colours are overridden
    const { page } = await enter({ body });
    const signs = await page.locator('#categories path').evaluateAll((all) => {
      const style = getComputedStyle(document.documentElement);
      const tokens = [1, 2].map((n) => style.getPropertyValue(`--cat-${n}`).trim().slice(1).match(/../g).map((hex) => Number.parseInt(hex, 16)).join(' '));
      return all.map((sign, n) => [sign.getAttribute('d'), sign.getAttribute('fill') === `rgb(${tokens[n]})`]);
    });
    assert.notEqual(signs[0][0], signs[1][0]);
    assert.ok(signs.every(([, right]) => right), JSON.stringify(signs));
    assert.deepEqual(signsOf([10, 60, 30, 50, 20, 40, 5]), [6, 1, 4, 2, 5, 3, 7]);
    assert.deepEqual([1, 5, 6, 7].map(toneOf), [0, 4, 0, 1]);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      const [on, ...colours] = await page.evaluate(() => ['on-cat', 'cat-1', 'cat-2', 'cat-3', 'cat-4', 'cat-5'].map((name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()));
      for (const colour of colours) assert.ok(contrast(rgbOf(on), rgbOf(colour)) >= 4.5, `a number on ${colour} is read`);
    }
  });
});

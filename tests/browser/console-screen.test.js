// What the console derives: the verdict, the forecast against the plan, rates. And in a browser, with a
// waiting room alone: the first screen, the big screen, shortcuts and night mode.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { openScope, until } from '../lib-js/index.js';
import { act, makeEvent, startFront } from '../integration/queue-front/support.js';
import { perMinute, quietMs, showUp } from '../../web/console/figures.js';
import { againstPlan, forecast } from '../../web/console/forecast.js';
import { alarms, frontGone, frontsKept, LIMITS, TODO, verdict } from '../../web/console/verdict.js';
import { openLine } from './line-world.js';
import { openLooks } from './look.js';
import { writeWords } from './said.js';
import { clickFor, closeAfterEach, goFor, openBrowser, Operator } from './world.js';

const MINUTE = 60_000;
const NOON = Date.parse('2026-05-02T12:00:00Z');

// A sale on a calm night, with the given differences.
function night({ live = {}, doc = {}, ...rest } = {}) {
  const calm = { waiting: 1200, active: 300, outstanding: 10, rate_per_s: 2, service_rate_per_s: 2, show_up: 0.9, stale: false, visits_halted: false, hall_missing: false, codes_missing: 0, clock_ahead_ms: 0, clock_behind_ms: 0 };
  return {
    now: NOON, doc: { state: 'open', max_active: 400, opens_at: null, ...doc }, live: { ...calm, ...live }, shut: null, home: 'a:8111', silentMs: 500,
    parts: ['queue', 'seats', 'pay'].map((name) => ({ name, ready: true })), fronts: [{ place: 'a:8091', silent_ms: 400 }], pace: { joined: 90, called: 120, admitted: 110 }, stalledMs: 0,
    errors: { queue: 0, seats: 0, pay: 0 }, orders: { open: 3, parked: 0, completed: 20, failed: 1 }, quietMs: 5000,
    seats: { free: 9000, held: 300, sold: 800, blocked: 0 }, drift: 0, plan: { kind: 'in-time', byMs: 0 }, ...rest,
  };
}

const without = (name) => ['queue', 'seats', 'pay', 'front-2'].map((one) => ({ name: one, ready: one !== name }));

describe('the verdict', () => {
  test('a calm night is fine, with its figures', () => {
    assert.deepEqual(verdict(night()), { level: 'fine', key: 'open', values: [1200, 120] });
    assert.equal(verdict(night({ live: { waiting: 0 } })).key, 'open-calm');
    assert.deepEqual(verdict(night({ live: { active: 390 } })), { level: 'fine', key: 'open-full', values: [1200, 400] });
    assert.equal(verdict(night({ doc: { state: 'pre-queue' } })).key, 'pre-queue-calm');
    for (const beacon of [undefined, { kind: 'text', at: null, late_s: 120 }]) assert.deepEqual(verdict(night({ doc: { state: 'pre-queue', opens_at: new Date(NOON - MINUTE).toISOString(), beacon } })), { level: 'fine', key: 'pre-queue-closed', values: [] });
    for (const state of ['draft', 'scheduled', 'sold-out', 'closed']) assert.deepEqual([verdict(night({ doc: { state } })).level, verdict(night({ doc: { state } })).key], ['rest', state]);
  });

  const WRONG = [
    ['broken', 'silent', { silentMs: LIMITS.silent_ms }],
    ['broken', 'shut', { shut: 'identity-key-missing' }],
    ['broken', 'stale', { live: { stale: true } }],
    ['broken', 'down.seats', { parts: without('seats') }],
    ['broken', 'down.pay', { parts: without('pay') }],
    ['broken', 'down.queue', { parts: without('queue') }],
    ['broken', 'no-hall', { live: { hall_missing: true } }],
    ['broken', 'out', { parts: [{ name: 'seats', ready: true, reason: 'not JSON' }] }],
    ['broken', 'visits-halted', { live: { visits_halted: true } }],
    ['broken', 'codes-missing', { live: { codes_missing: 7 } }],
    ['broken', 'opens-late', { doc: { state: 'scheduled', opens_at: new Date(NOON - MINUTE).toISOString() } }],
    ['broken', 'opens-late', { doc: { state: 'pre-queue', beacon: null, opens_at: new Date(NOON - MINUTE).toISOString() } }],
    ['broken', 'opens-late', { doc: { state: 'pre-queue', beacon: { kind: 'drand', at: new Date(NOON - 3 * MINUTE).toISOString(), late_s: 120 }, opens_at: new Date(NOON - 4 * MINUTE).toISOString() } }],
    ['broken', 'stalled', { stalledMs: LIMITS.stalled_ms }],
    ['broken', 'errors', { errors: { queue: 0, seats: LIMITS.errors_broken, pay: 0 } }],
    ['broken', 'failing', { orders: { open: 0, parked: 0, completed: 2, failed: LIMITS.failing } }],
    ['look', 'frozen', { doc: { state: 'frozen' } }],
    ['look', 'paused', { doc: { state: 'paused' } }],
    ['look', 'rate-zero', { live: { rate_per_s: 0 } }],
    ['look', 'no-seats', { seats: { free: 0, held: 0, sold: 9, blocked: 0 } }],
    ['look', 'full', { live: { active: 390 }, pace: { joined: 90, called: 0, admitted: 0 } }],
    ['look', 'full', { live: { active: 385 }, pace: { joined: 90, called: 0, admitted: 0 } }], // latecomers have a reserved place
    ['look', 'quiet', { quietMs: LIMITS.quiet_ms }],
    ['look', 'parked', { orders: { open: 0, parked: 1, completed: 2, failed: 0 } }],
    ['look', 'drift', { drift: 1 }],
    ['look', 'errors', { errors: { queue: 3, seats: 0, pay: 0 } }],
    ['look', 'front-silent', { fronts: [{ place: 'a:8091', silent_ms: 400 }, { place: 'b:8091', silent_ms: LIMITS.front_ms }] }],
    ['look', 'down.other', { parts: without('front-2') }],
    ['look', 'late', { plan: { kind: 'late', byMs: 15 * MINUTE } }],
    ['look', 'clock-ahead', { live: { clock_ahead_ms: 1000 } }],
    ['look', 'clock-behind', { live: { clock_behind_ms: 1000 } }],
    ['look', 'show-up', { live: { show_up: 0.3 } }],
  ];

  test('each trouble alone has its level and its name', () => {
    for (const [level, key, facts] of WRONG) assert.deepEqual(alarms(night(facts)).map((one) => [one.level, one.key, one.key in TODO]), [[level, key, true]], key);
  });

  test('each trouble and each calm state has words of its own, in both languages', () => {
    for (const lang of ['en', 'ko']) {
      const rows = readFileSync(new URL(`../../web/console/console.${lang}`, import.meta.url), 'utf8').split('\n').map((row) => row.split(/ = (.*)/));
      const said = rows.filter(([key]) => /^(verdict|alarm)\.(?!level|more|as-of)/.test(key)).map(([key, words]) => [key, words]);
      for (const [, key] of WRONG) assert.ok(said.some(([id]) => id === `alarm.${key}`), key);
      assert.equal(new Set(said.map(([, words]) => words)).size, said.length, lang);
      writeWords(`console-${lang}`, said);
    }
  });

  test('the worst trouble comes first, and nothing is broken without a sale', () => {
    const both = night({ parts: without('seats'), drift: 4, live: { clock_ahead_ms: 9000 } });
    assert.equal(verdict(both).key, 'down.seats');
    assert.equal(alarms(both).length, 3);
    assert.equal(verdict(night({ doc: { state: 'draft' }, parts: without('seats') })).level, 'look');
  });

  test('a front that fell silent stays named until an operator says it is meant to be gone', () => {
    const places = (listed, ms) => frontsKept(listed.map(([place, silent]) => ({ place, silent_ms: silent })), NOON + ms).map(({ place, silent_ms: silent }) => `${place} ${silent}`);
    assert.deepEqual(places([['a', 0], ['b', 10], ['c', 0]], 0), ['a 0', 'b 10', 'c 0']);
    assert.deepEqual(places([['a', 0], ['b', LIMITS.front_ms]], LIMITS.front_ms), ['a 0', `b ${LIMITS.front_ms}`], 'c left in order');
    assert.deepEqual(places([['a', 0]], 20 * MINUTE), ['a 0', `b ${20 * MINUTE}`]);
    frontGone('b');
    assert.deepEqual(places([['a', 0], ['b', 21 * MINUTE]], 21 * MINUTE), ['a 0']);
    assert.deepEqual(places([['a', 0], ['b', 1]], 22 * MINUTE), ['a 0', 'b 1']);
    places([['a', LIMITS.front_ms], ['b', LIMITS.front_ms]], 23 * MINUTE);
    assert.deepEqual(places([['a', 0]], 24 * MINUTE), ['a 0'], 'an outage of Redis, and b left in order');
    places([['a', LIMITS.front_ms]], 25 * MINUTE);
    assert.deepEqual(places([], 45 * MINUTE), [`a ${20 * MINUTE + LIMITS.front_ms}`], 'it was alone');
  });

  test('a cause groups its own consequences only', () => {
    const found = alarms(night({ parts: without('seats'), live: { visits_halted: true }, errors: { queue: 0, seats: 70, pay: 3 }, quietMs: LIMITS.quiet_ms, drift: 1 }));
    assert.deepEqual(found.map(({ key, hides }) => [key, hides?.map((one) => one.key)]), [
      ['down.seats', ['visits-halted', 'errors', 'quiet']], ['drift', undefined], ['errors', undefined],
    ]);
    const silent = alarms(night({ silentMs: LIMITS.silent_ms, parts: without('pay'), drift: 1 }));
    assert.deepEqual(silent.map(({ key, hides }) => [key, hides.length]), [['silent', 2]]);
  });

  test('missing figures are no trouble', () => {
    assert.deepEqual(alarms(night({ orders: null, seats: null, parts: [], errors: {}, plan: null, pace: { called: null } })), []);
  });

  test('a line without calls is never fine without a reason', () => {
    const still = { joined: 90, called: 0, admitted: 0 };
    assert.deepEqual(verdict(night({ live: { active: 390 }, pace: still })), { level: 'look', key: 'full', values: [400, 1200], where: 'live' });
    assert.deepEqual(verdict(night({ pace: still })), { level: 'fine', key: 'open-slow', values: [1200] });
    assert.equal(verdict(night({ live: { active: 390 }, pace: { ...still, called: null } })).key, 'open-full', 'not known yet');
  });

  test('a slow line does not count as stalled', () => {
    assert.deepEqual(alarms(night({ live: { rate_per_s: 0.02 }, stalledMs: 200_000 })), []);
    assert.equal(verdict(night({ live: { rate_per_s: 0.02 }, stalledMs: 250_000 })).key, 'stalled');
  });
});

describe('the forecast', () => {
  // One row per second for six minutes, up to noon.
  const rows = (perS, joined = 0) => Array.from({ length: 361 }, (_, n) => ({ at: NOON - (360 - n) * 1000, serving: Math.floor(n * perS), joined: 5000 + Math.floor(n * joined) }));
  const of = (more) => forecast({ now: NOON, state: 'open', waiting: 1200, rows: rows(2), ...more });
  const inMinutes = (at) => Math.round((at - NOON) / MINUTE * 10) / 10;

  test('a steady line ends as planned, in a narrow band', () => {
    const { kind, early, late } = of({});
    assert.equal(kind, 'ends');
    assert.deepEqual([inMinutes(early), inMinutes(late)], [9.5, 10.5]);
  });

  test('further joins move the late edge, or remove it', () => {
    assert.deepEqual([of({ rows: rows(2, 1) }).kind, inMinutes(of({ rows: rows(2, 1) }).late)], ['ends', 22.2]);
    const growing = of({ rows: rows(2, 3) });
    assert.deepEqual([growing.kind, growing.late, growing.joined, growing.called], ['grows', null, 180, 120]);
  });

  test('the forecast says when it is unknown', () => {
    assert.equal(of({ waiting: 0 }).kind, 'empty');
    assert.equal(of({ state: 'paused' }).kind, 'stopped');
    assert.equal(of({ rows: rows(2).slice(-20) }).kind, 'unknown');
    assert.equal(of({ rows: rows(0) }).kind, 'never');
    assert.equal(of({ rows: rows(2), waiting: 10_000_000 }).kind, 'never');
  });

  test('compared with the plan it is in time, close or late', () => {
    const end = of({});
    const plan = (minutes) => againstPlan(end, NOON + minutes * MINUTE).kind;
    assert.deepEqual([plan(12), plan(10), plan(8), plan(-2)], ['in-time', 'close', 'close', 'late']);
    assert.equal(againstPlan(end, null).kind, 'none');
    assert.equal(againstPlan({ kind: 'stopped' }, NOON).kind, 'none');
  });

  test('a rate per minute needs two rows and skips a counter that fell', () => {
    assert.equal(perMinute(rows(2), 'serving'), 120);
    assert.equal(perMinute(rows(2).slice(-31), 'serving'), 120);
    assert.equal(perMinute(rows(2).slice(-11), 'serving'), null);
    assert.equal(perMinute([{ at: 0, serving: 9 }, { at: MINUTE, serving: 3 }], 'serving'), null);
    const orders = [0, 0, 7, 7].map((completed, minute) => ({ at: minute * MINUTE, completed }));
    assert.deepEqual([orders, orders.slice(2), orders.slice(0, 2), []].map((known) => quietMs(known, 9 * MINUTE) / MINUTE), [8, 7, 0, 0]);
    assert.deepEqual(showUp([{ at: 0, show_up: 1, admitted: 0, no_shows: 0 }, { at: 1, show_up: 0.5, admitted: 1, no_shows: 1 }]), [null, 0.5]);
  });
});

const MANNERS = {
  'phone-ko-dark': { locale: 'ko-KR', colorScheme: 'dark', viewport: { width: 360, height: 740 } },
  'desk-en': { locale: 'en-GB', colorScheme: 'light', viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1 },
};
const UPDATES = 4; // as many as it takes to refresh each part
const WIDTHS = [360, 768, 1280, 1920];
const LUCK = { few: ['.chart', '#alarms li'], not: ['.facts', '.vital .value', '.vital .note', '.vital .small', '#plan p', '.chart .legend', '#as-of'], across: true };

describe('the first screen', async () => {
  const scope = openScope(test);
  const looks = openLooks(scope, 'console-screen');

  const line = await openLine(scope);
  const browser = await openBrowser(scope);
  closeAfterEach();
  const desk = { base: line.front.privatePort - 11, secret: (name) => line.site.secrets.read(name) };

  const doc = (id) => line.front.admin.get(`/admin/events/${id}`).then(({ json }) => json);
  const level = (page, name) => page.locator(`#verdict.${name}`).waitFor();

  async function see(boss, what) {
    const before = boss.page.viewportSize();
    for (const width of boss.share(WIDTHS)) { // two of them in `make test`
      await boss.page.setViewportSize({ width, height: before.height });
      await boss.judge(`screen-${what}-${width}`);
    }
    await boss.page.setViewportSize(before);
    await looks.see(boss.page, what, LUCK);
  }

  // The figures stay while they are refreshed.
  const shifts = (page) => page.evaluate((updates) => new Promise((told) => {
    let sum = 0;
    let left = updates;
    const note = (list) => { for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) sum += value; };
    const watch = new PerformanceObserver((list) => note(list));
    watch.observe({ type: 'layout-shift', buffered: false });
    new MutationObserver((_, of) => {
      if (--left > 0) return;
      of.disconnect();
      requestAnimationFrame(() => requestAnimationFrame(() => {
        note({ getEntries: () => watch.takeRecords() });
        told(sum);
      }));
    }).observe(document.getElementById('as-of'), { childList: true, characterData: true, subtree: true });
  }), UPDATES);

  for (const [name, options] of Object.entries(MANNERS)) {
    test(`the first screen, shortcuts and the big screen, ${name}`, async () => {
      const id = await makeEvent(line.site, `screen-${name}`, { name: 'The first night', rate_per_s: 0.5, burst: 1, max_active: 40 });
      await line.crowd(id, 30);
      const boss = await Operator.open(browser, desk, options);
      const { page } = boss;
      await page.addInitScript(() => { Element.prototype.requestFullscreen = async () => { globalThis.isFull = true; }; });
      await boss.signInAt(`#/events/${id}`);

      // The verdict, and the figures, each with its curve or its row of people.
      await level(page, 'fine');
      await page.locator('#vital-waiting .strip .there').waitFor({ state: 'attached' });
      await page.locator('#vital-alarms .spark path[d^=M]').waitFor({ state: 'attached' });
      assert.match(await page.textContent('#vital-pace .value'), /^(–|\+[\d,]+ −[\d,]+)$/);
      assert.match(await page.textContent('#as-of'), /\d\d:\d\d:\d\d.*GMT|\d\d:\d\d:\d\d.*UTC/);
      assert.ok((await page.locator('#verdict').boundingBox()).y < 300);
      assert.ok((await page.locator('#vital-waiting').boundingBox()).y < 740 - 100);
      assert.ok(await shifts(page) < 0.01);
      await see(boss, `${name}-fine`);

      // The forecast is compared with the planned end.
      const end = new Date(Date.now() + 3600_000).toISOString();
      assert.equal((await line.front.admin.patch(`/admin/events/${id}`, { body: { planned_end_at: end } })).status, 200);
      await page.locator('#plan p', { hasText: /^(Planned end|계획한 종료 시각): (?!.*(rate|속도))/ }).waitFor();

      // Shortcuts do nothing while the operator types; a pause takes two keys.
      await page.keyboard.press('r');
      assert.equal(await page.evaluate(() => document.activeElement.id), 'quick-rate');
      await page.keyboard.type('b?p1');
      assert.equal(await page.isVisible('#vitals'), true);
      assert.equal(await page.locator('dialog[open], #big').count(), 0);
      await page.fill('#quick-rate', '1000000');
      await page.keyboard.press('Enter');
      assert.match(await page.textContent('#wrong-quick-rate'), /100,000/);
      await page.fill('#quick-rate', '20');
      await page.keyboard.press('Enter');
      await page.locator('#confirm[open]').waitFor();
      await page.fill('#confirm-why', 'the hall is empty');
      await page.keyboard.press('Enter');
      await until('the rate', async () => (await doc(id)).rate_per_s === 20);
      await page.evaluate(() => document.activeElement.blur());
      await page.keyboard.press('p');
      assert.equal(await page.evaluate(() => document.activeElement.id), 'act-pause');
      assert.equal((await doc(id)).state, 'open');
      await page.keyboard.press('Enter');
      await level(page, 'look');
      await page.locator('.alarm.look').waitFor();
      await page.keyboard.press('0');
      await page.locator('#audit').getByText('the hall is empty').waitFor();
      await page.keyboard.press('2');
      await page.locator('#knob-form').waitFor();
      assert.equal(await page.evaluate(() => new Date(document.getElementById('knob-planned_end_at').value).getTime()), Math.floor(Date.parse(end) / 1000) * 1000);

      // The text for visitors, for each language; a text that is too long is reported at its field.
      await page.fill('#knob-about-en', 'x'.repeat(300));
      assert.match(await page.textContent('#wrong-knob-about-en'), /300/);
      await page.fill('#knob-about-en', '2 May, Harbour Hall');
      await clickFor(page, '#apply', '#undo-knobs');
      assert.deepEqual((await doc(id)).about, { en: '2 May, Harbour Hall' });

      // The list of shortcuts can turn them off.
      await page.evaluate(() => document.activeElement.blur());
      await page.keyboard.press('?');
      await page.locator('#keys[open]').waitFor();
      await boss.judge(`screen-${name}-keys`);
      await looks.see(page, `${name}-keys`, LUCK);
      await page.uncheck('#keys-on');
      await page.keyboard.press('Escape');
      await page.keyboard.press('1');
      assert.equal(await page.isVisible('#knob-form'), true);
      await page.click('#shortcuts');
      await page.check('#keys-on');
      await page.click('#keys-close');
      await page.evaluate(() => document.activeElement.blur());

      // The chosen scheme is kept until it is the device's own.
      const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      const [by, was] = [options.colorScheme, await ground()];
      await page.keyboard.press('n');
      assert.notEqual(await ground(), was);
      await page.reload();
      await page.locator('#knob-form').waitFor();
      assert.notEqual(await ground(), was);
      await boss.judge(`screen-${name}-other-scheme`);
      await page.click('#night');
      assert.equal(await ground(), was);
      assert.deepEqual(await page.evaluate(() => Object.keys(localStorage)), []);

      // The big screen: figures, no buttons, always dark; a silent service is shown at once.
      if (name === 'desk-en') await page.keyboard.press('b');
      else await page.evaluate(() => document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'ㅠ', code: 'KeyB', bubbles: true }))); // as a Korean keyboard types it
      await page.locator('#big #vital-waiting').waitFor();
      assert.equal(await page.evaluate(() => globalThis.isFull), true);
      assert.equal(await page.locator('button:visible, a:visible, input:visible').count(), 0);
      assert.ok(await page.evaluate(() => parseFloat(getComputedStyle(document.querySelector('#big .value')).fontSize)) > (by === 'light' ? 80 : 30));
      assert.equal(await ground(), 'rgb(11, 13, 17)');
      for (const width of [360, 1920]) {
        await page.setViewportSize({ width, height: 800 });
        await boss.judge(`screen-${name}-big-${width}`);
      }
      await page.setViewportSize(options.viewport);
      await looks.see(page, `${name}-big`, LUCK);
      await page.route('**/admin/events?*', (route) => route.abort());
      await until('the silence on the page', () => page.locator('#verdict.broken').isVisible());
      await page.unrouteAll({ behavior: 'ignoreErrors' });
      await level(page, 'look');
      await page.keyboard.press('Escape');
      await page.locator('#tabs').waitFor();
      assert.equal(await ground(), was);
      await act(line.front, id, 'resume');
      await level(page, 'fine');
    });
  }

  test('an alarm leads to its section of the runbook, in the language of the reader', async () => {
    const id = await makeEvent(line.site, 'todo', { name: 'The fourth night', rate_per_s: 1 });
    await act(line.front, id, 'pause');
    for (const [name, options] of Object.entries(MANNERS)) {
      const boss = await Operator.signedIn(browser, desk, options, `#/events/${id}`);
      const { page } = boss;
      await page.locator('#alarms a', { hasText: name === 'desk-en' ? 'What to do' : '조치 방법' }).click();
      await page.locator('#runbook h2', { hasText: 'Nobody is called' }).waitFor();
      await page.locator('#runbook pre', { hasText: 'fairgate resume demo' }).waitFor();
      assert.equal(await page.isVisible('#act-resume'), true);
      await page.locator('#runbook strong', { hasText: name === 'desk-en' ? 'Symptom' : '증상' }).waitFor();
      await boss.judge(`screen-runbook-${name}`);
      await clickFor(page, '#runbook a[href$="FairgateTicksLate"]', '#runbook h2', { hasText: 'FairgateTicksLate' });
      await boss.close();
    }
  });

  test('what operators did is marked in the charts', async () => {
    const id = await makeEvent(line.site, 'marks', { name: 'The third night', rate_per_s: 1 });
    const boss = await Operator.signedIn(browser, desk, MANNERS['desk-en'], `#/events/${id}`);
    const { page } = boss;
    await page.locator('.chart canvas').first().waitFor();
    for (const action of ['pause', 'resume']) await act(line.front, id, action);
    await line.front.admin.patch(`/admin/events/${id}`, { body: { rate_per_s: 7 } });
    for (const words of ['Pause', 'Resume', 'Settings changed']) await page.locator(`.chart >> nth=1 >> .mark[title*="${words}"]`).waitFor({ state: 'attached' });
    const [mark, chart] = await Promise.all(['.chart .mark', '.chart .plot'].map((name) => page.locator(name).first().boundingBox()));
    assert.ok(mark.x >= chart.x && mark.x <= chart.x + chart.width && mark.height > 50, JSON.stringify({ mark, chart }));
    assert.equal(await page.evaluate(() => getComputedStyle(document.querySelector('.plot .mark')).borderLeftColor), 'rgb(244, 72, 11)');
  });

  test('a front that dies is named', async () => {
    const id = await makeEvent(line.site, 'fronts', { name: 'The second night' });
    const other = await startFront(line.site);
    const boss = await Operator.signedIn(browser, desk, MANNERS['desk-en'], '#/parts');
    const { page } = boss;
    await page.locator('#fronts li', { hasText: `:${other.privatePort}` }).locator('.ready').waitFor();
    await page.goto(`${boss.at}/console#/events/${id}`);
    await level(page, 'fine');
    await other.kill();
    await page.locator('#alarms .look', { hasText: `:${other.privatePort}` }).waitFor();
    assert.match(await page.textContent('#verdict'), new RegExp(`:${other.privatePort} has not reported for \\d+ s`));
    await page.goto(`${boss.at}/console#/parts`);
    await boss.judge('screen-front-silent');
    await page.locator('#fronts li', { hasText: `:${other.privatePort}` }).getByRole('button').click();
    await page.goto(`${boss.at}/console#/events/${id}`);
    await level(page, 'fine');
  });

  test('no event, no answer and no token: each has a page with a way out', async () => {
    const boss = await Operator.open(browser, desk, MANNERS['desk-en']);
    const { page } = boss;
    let answer = (route) => route.fulfill({ json: { events: [] } });
    await page.route(/\/admin\/events$/, (route) => answer(route));
    await boss.signInAt();
    await page.locator('.drawn-empty svg').waitFor();
    await boss.judge('screen-no-event');
    await looks.see(page, 'no-event', LUCK);
    await page.click('.drawn-empty button');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'new-name');

    await page.route('**/admin/events/gone', (route) => route.abort());
    await goFor(page, `${boss.at}/console#/events/gone`, '.drawn-lost svg');
    await boss.judge('screen-lost');
    await looks.see(page, 'lost', LUCK);

    answer = (route) => route.fulfill({ status: 401, json: { code: 'admin-token-required' } });
    await goFor(page, `${boss.at}/console#/events`, '#sign-in-trouble:not(:empty)');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'token');
    await page.unrouteAll({ behavior: 'ignoreErrors' });
  });
});

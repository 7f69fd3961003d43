// Presale codes, prices and limits at the console: lanes that need codes, lists of codes, prices, sold-out
// categories and appeals. A waiting room alone, and real browsers: phone and desk, light and dark, both languages.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openScope, until } from '../lib-js/index.js';
import { act, Visitor } from '../integration/queue-front/support.js';
import { makeEvent, openLine } from './line-world.js';
import { clickFor, closeAfterEach, openBrowser, Operator } from './world.js';

const SIZES = { 390: { width: 390, height: 844 }, 1280: { width: 1280, height: 800 } };
const MANNERS = {
  'ko-dark': { locale: 'ko-KR', colorScheme: 'dark', viewport: SIZES[390] },
  'en-light': { locale: 'en-GB', colorScheme: 'light', viewport: SIZES[1280], deviceScaleFactor: 1 },
};

describe('the console, around a sale', async () => {
  const scope = openScope(test);

  const line = await openLine(scope);
  const browser = await openBrowser(scope);
  closeAfterEach();
  const desk = { base: line.front.privatePort - 11, secret: (name) => line.site.secrets.read(name) }; // what an operator's browser needs to know about it

  const admin = (path) => line.front.admin.get(path).then(({ json }) => json);
  const doc = (id) => admin(`/admin/events/${id}`);
  const codes = async (id) => (await admin(`/admin/events/${id}/codes`)).codes;

  async function open(name, id, view) {
    const boss = await Operator.open(browser, desk, MANNERS[name]);
    await boss.signInAt(`#/events/${id}/${view === 'knob' ? 'knobs' : view}`);
    await boss.page.locator(`#${view === 'audit' ? 'appeal' : view}-form`).waitFor();
    return boss;
  }

  // Checks by axe and takes a picture, at both widths and in both schemes: `make test` takes two of the four.
  async function see(boss, what) {
    const before = boss.page.viewportSize();
    for (const [width, colorScheme] of boss.share([[390, 'light'], [390, 'dark'], [1280, 'dark'], [1280, 'light']])) {
      await boss.page.setViewportSize(SIZES[width]);
      await boss.page.emulateMedia({ colorScheme });
      await boss.judge(`${what}-${width}-${colorScheme}`);
    }
    await boss.page.setViewportSize(before);
  }

  async function press(page, ...keys) {
    for (const key of keys) await page.keyboard.press(key);
  }

  for (const name of Object.keys(MANNERS)) {
    test(`a lane is set to need codes, ${name}`, async () => {
      const id = await makeEvent(line.site, `lane-${name}`, { name: 'The first night', lanes: [{ id: 'fans', name: 'Fan club', share: 30, invitations: 3 }] }, { open: false });
      const boss = await open(name, id, 'lanes');
      const { page } = boss;
      await page.focus('#lane-invitations-0');
      await press(page, 'Tab', 'Space');
      await see(boss, `sale-lanes-${name}`);
      await press(page, 'Enter');
      await page.locator('#undo-lanes').waitFor();
      const was = { id: 'fans', name: 'Fan club', share: 30, invitations: 3 };
      assert.deepEqual((await doc(id)).lanes, [{ ...was, code_required: true }]);
      assert.equal(await page.isChecked('#lane-coded-0'), true);
      await page.click('#lanes-apply');
      await page.uncheck('#lane-coded-0');
      await page.click('#lanes-apply');
      await until('it to ask for none', async () => (await doc(id)).lanes[0].code_required === undefined);
    });

    test(`codes are loaded, counted and deleted, ${name}`, async () => {
      const id = await makeEvent(line.site, `codes-${name}`, { name: 'The first night', rate_per_s: 0, lanes: [{ id: 'fans', name: 'Fan club', share: 30, code_required: true }] });
      const boss = await open(name, id, 'codes');
      const { page } = boss;
      assert.equal(await page.isVisible('#codes-none'), true);
      assert.equal(await page.isVisible('#codes-drop'), false);

      // Errors name their line, and nothing is sent.
      await page.focus('#codes-list');
      await page.keyboard.insertText('good-one-1\n\nabc\nwith ümlaut\ngoodone1\nGOOD-ONE-2\n');
      assert.equal(await page.locator('#codes-faults li').count(), 2);
      assert.match(await page.locator('#codes-faults li').nth(0).textContent(), /3/);
      assert.match(await page.locator('#codes-faults li').nth(1).textContent(), /4/);
      assert.match(await page.textContent('#codes-sum'), /2.*1/);
      await page.fill('#codes-uses', '1.5');
      await page.fill('#codes-channel', 'with space');
      await see(boss, `sale-codes-wrong-${name}`);
      await page.click('#codes-send');
      assert.equal(await page.evaluate(() => document.activeElement.id), 'codes-list');
      assert.deepEqual(await codes(id), []);

      // A list longer than one call takes, from a file; the rest by keys alone.
      const list = Array.from({ length: 2345 }, (_, n) => `FAN-${String(n).padStart(6, '0')}`).join('\r\n');
      await page.setInputFiles('#codes-file', { name: 'codes.txt', mimeType: 'text/plain', buffer: Buffer.from(list) });
      await page.locator('#codes-faults:empty').waitFor({ state: 'attached' });
      await until('the list to be read', async () => (await page.inputValue('#codes-list')).length > 20_000);
      await press(page, 'Tab', 'ArrowDown', 'Tab');
      await page.keyboard.type('2');
      await press(page, 'Tab');
      await page.fill('#codes-channel', 'presale');
      await page.fill('#codes-uses', '2');
      await page.focus('#codes-channel');
      await press(page, 'Enter');
      await page.locator('#codes-now tbody tr').waitFor();
      await until('all to be loaded', async () => (await codes(id))[0]?.codes === 2345);
      await until('the list to be taken', async () => (await page.inputValue('#codes-list')) === '');

      // Text typed during a transfer stays.
      await page.fill('#codes-list', 'FAN-000000');
      const load = await boss.hold('**/codes');
      await page.click('#codes-send');
      await page.fill('#codes-list', 'NEXT-0001');
      load();
      await page.locator('#applied', { hasText: /^1 codes|코드 1개/ }).waitFor();
      assert.equal(await page.inputValue('#codes-list'), 'NEXT-0001');
      await page.fill('#codes-list', '');
      assert.deepEqual(await codes(id), [{ lane: 'fans', channel: 'presale', codes: 2345, uses: 4690, used: 0 }]);

      // A visitor with a code is counted, and the page shows it.
      const visitor = new Visitor(line.front, id);
      await until('a place', async () => (await visitor.join({ body: { code: 'fan-000007' } })).status === 201);
      const row = () => page.locator('#codes-now tbody tr').first().locator('td').allTextContents();
      await until('the use to be shown', async () => (await row())[2] === '1');
      assert.deepEqual(await row(), ['presale', '2,345', '1', '4,689']);
      await see(boss, `sale-codes-${name}`);

      // Loading codes is no change that an undo takes back, so the dialog names the change before it, and so it does
      // when the autopilot has made the newest entries.
      const moves = Array(100).fill({ at: new Date().toISOString(), version: 2, who: 'autopilot', what: 'rate', from: { rate_per_s: 20 }, to: { rate_per_s: 14 }, why: 'errors', because: null });
      await page.route('**/audit?limit=100', (route) => route.fulfill({ json: { event: id, audit: moves } }));
      await clickFor(page, '#act-undo', '#confirm[open]');
      assert.match(await page.locator('#confirm-lines li').first().textContent(), /^(Open|열기)/);
      await page.click('#confirm-no');

      // Codes are deleted after the operator types the event's id.
      await page.click('#codes-drop');
      assert.equal(await page.isDisabled('#confirm-yes'), true);
      await see(boss, `sale-codes-drop-${name}`);
      await page.fill('#confirm-input', id);
      await press(page, 'Enter');
      assert.equal(await page.isVisible('#confirm[open]'), true, 'why is not said');
      await page.fill('#confirm-why', 'a list of last year');
      await press(page, 'Enter');
      await page.locator('#codes-none').waitFor();
      assert.deepEqual(await codes(id), []);
      await boss.view('audit');
      await page.locator('#audit li').nth(3).waitFor();
      assert.doesNotMatch(await page.textContent('#audit'), /FAN-?0|undefined|codes\.|codes-deleted/);
    });

    test(`the contact for appeals is set for each language, ${name}`, async () => {
      const id = await makeEvent(line.site, `contact-${name}`, { name: 'The first night', rate_per_s: 0, appeal: { ja: 'tel:+81-3-0000-0000' } });
      const boss = await open(name, id, 'knob');
      const { page } = boss;
      assert.equal(await page.inputValue('#knob-appeal-ja'), 'tel:+81-3-0000-0000');
      await page.fill('#knob-appeal-en', 'call us');
      await press(page, 'Enter');
      assert.equal(await page.evaluate(() => document.activeElement.id), 'knob-appeal-en');
      assert.match(await page.textContent('#wrong-knob-appeal-en'), /https:.*mailto:.*tel:/);
      await see(boss, `sale-contact-wrong-${name}`);
      await page.fill('#knob-appeal-en', 'https://help.example/line');
      await page.fill('#knob-appeal-ko', ' tel:+82-2-000-0000 ');
      await page.fill('#knob-appeal-ja', '');
      await press(page, 'Enter');
      await page.locator('#undo-knobs').waitFor();
      assert.deepEqual((await doc(id)).appeal, { en: 'https://help.example/line', ko: 'tel:+82-2-000-0000' });
      await page.click('#undo-knobs');
      await until('it to be undone', async () => (await doc(id)).appeal.ja === 'tel:+81-3-0000-0000');
      await until('the fields to say so', async () => (await page.inputValue('#knob-appeal-en')) === '');
      await boss.view('audit');
      await page.locator('#audit li').nth(2).waitFor();
      assert.match(await page.textContent('#audit'), /https:\/\/help\.example\/line/);
      assert.doesNotMatch(await page.textContent('#audit'), /undefined|null|knob\./);
    });

    test(`an appeal is looked up by its reference, ${name}`, async () => {
      const id = await makeEvent(line.site, `appeal-${name}`, { name: 'The first night', rate_per_s: 0, joins_per_ip_per_min: 1, appeal: { en: 'tel:+82-2-000-0000' } });
      const { json: { reference } } = await until('the limit', async () => {
        const answer = await new Visitor(line.front, id).join();
        return answer.status === 429 && answer;
      });
      const boss = await open(name, id, 'audit');
      const { page } = boss;
      await page.focus('#appeal-reference');
      await page.keyboard.type('AAAA-AAAA');
      await press(page, 'Enter');
      await page.locator('#wrong-appeal-reference:not(:empty)').waitFor();
      assert.equal(await page.evaluate(() => document.activeElement.id), 'appeal-reference');
      await see(boss, `sale-appeal-wrong-${name}`);
      await page.fill('#appeal-reference', reference.toLowerCase());
      assert.equal(await page.textContent('#wrong-appeal-reference'), '');
      await press(page, 'Enter');
      await page.locator('#appeal-found:not(:empty)').waitFor();
      assert.match(await page.textContent('#appeal-found'), { 'ko-dark': /\d\d:\d\d.*같은 네트워크 주소/, 'en-light': /\d\d:\d\d.*same network address/ }[name]);
      await see(boss, `sale-appeal-${name}`);
    });

    test(`prices are set, and one category is gone for all who wait, ${name}`, async () => {
      const id = await makeEvent(line.site, `prices-${name}`, { name: 'The first night', rate_per_s: 0 });
      const boss = await open(name, id, 'prices');
      const { page } = boss;
      assert.equal(await page.isVisible('#prices-none'), true);
      await page.fill('#prices-currency', 'kr');
      for (const [n, [label, amount]] of [['R', '143000'], ['S "x"', '99000.5'], ['A', '66000']].entries()) {
        await page.click('#price-add');
        assert.equal(await page.evaluate(() => document.activeElement.id), `price-name-${n}`);
        await page.keyboard.type(label);
        await press(page, 'Tab');
        await page.keyboard.type(amount);
      }
      await press(page, 'Enter');
      assert.equal(await page.evaluate(() => document.activeElement.id), 'prices-currency');
      await see(boss, `sale-prices-wrong-${name}`);
      await page.fill('#prices-currency', 'krw');
      assert.equal(await page.locator('#prices [aria-invalid]').count(), 2);
      await page.fill('#price-name-1', 'S');
      await page.fill('#price-amount-1', '99000');
      assert.match(await page.textContent('#prices-told'), /66,000.*143,000/);
      await clickFor(page, '#prices-apply', '#undo-prices');
      const priced = (gone) => ({ currency: 'KRW', categories: { R: { price: 143000, gone: false }, S: { price: 99000, gone: false }, A: { price: 66000, gone } } });
      assert.deepEqual((await doc(id)).prices, priced(false));

      // Mark the cheap category as gone, by keys alone; the undo next to it reverts that.
      await page.focus('#price-amount-2');
      await press(page, 'Tab', 'Space');
      assert.match(await page.textContent('#prices-told'), /99,000.*143,000/);
      await press(page, 'Enter');
      await until('all to know', async () => (await line.front.http.get(`/v1/queue/${id}/status`)).json.prices.from === 99000);
      assert.deepEqual((await doc(id)).prices, priced(true));
      await see(boss, `sale-prices-${name}`);
      await page.click('#undo-prices');
      await until('it to be there again', async () => (await doc(id)).prices.categories.A.gone === false);
      await until('the tick to be taken away', async () => !(await page.isChecked('#price-gone-2')));

      // A removed category is gone; an event without categories shows no prices.
      await page.click('#prices li:nth-child(2) button');
      await page.click('#prices-apply');
      await until('it to be out', async () => (await doc(id)).prices.categories.S === undefined);
      await page.locator('#undo-prices').waitFor();
      await act(line.front, id, 'pause'); // by somebody else: the button would undo this
      await page.locator('#undo-prices').waitFor({ state: 'detached' });
      for (const wait of [1, 0]) {
        await page.click('#prices li:nth-child(1) button');
        await page.waitForFunction((left) => document.querySelectorAll('#prices li').length === left, wait);
      }
      await page.click('#prices-apply');
      await until('no prices', async () => (await doc(id)).prices === null);
    });
  }
});

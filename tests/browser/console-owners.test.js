// The console where two processes share the events' seats: an event that the part "seats" does not own is
// requested from the other process, which is a part of its own.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { freePort, openScope, until } from '../lib-js/index.js';
import { hall, openPair, operator, opens } from '../integration/seat-service/site.js';
import { makeEvent, openLine } from './line-world.js';
import { closeAfterEach, openBrowser, Operator } from './world.js';

describe('the console with shared seats', async () => {
  const scope = openScope(test);
  const ports = [await freePort(), await freePort()]; // private ones, of the two
  const line = await openLine(scope, { config: { console: { parts: `seats=http://localhost:${ports[0]}, seats2=http://localhost:${ports[1]}` } } });
  const origins = `http://localhost:${line.front.privatePort}`;
  const pair = await openPair(scope, { document: hall({ area: 50 }), each: (n) => ({ privatePort: ports[n - 1], config: { private: { origins } } }) });
  const browser = await openBrowser(scope);
  closeAfterEach();
  const base = line.front.privatePort - 11;
  const desk = { base, listeners: [11, ...ports.map((port) => port - base)], secret: (name) => line.site.secrets.read(name) };

  const blocked = async (seats, event) => (await operator(seats, event).read()).json.areas[0].blocked;

  test('a hall imported while the list is open appears on it', async () => {
    const boss = await Operator.open(browser, desk, { locale: 'en-GB' });
    const { page } = boss;
    await makeEvent(line.site, 'late', { name: 'A night of few words' });
    const absent = page.waitForResponse((answer) => answer.url().endsWith('/admin/events/late') && answer.url().includes(`:${ports[0]}`) && answer.status() === 404);
    await boss.signInAt('#/events');
    const card = page.locator('#events > li', { hasText: 'A night of few words' });
    await card.waitFor();
    await absent;
    assert.equal(await card.locator('.bar-with-words').count(), 0);
    const imported = await operator(pair.first, 'late').import(hall());
    assert.ok([201, 421].includes(imported.status), imported.text);
    await card.locator('.bar-with-words').waitFor({ timeout: 60_000 });
  });

  test('without access to the list of halls, an event without a hall is not polled', async () => {
    const boss = await Operator.open(browser, desk, { locale: 'en-GB' });
    const { page } = boss;
    await makeEvent(line.site, 'bare', { name: 'A night without seats' }, { open: false });
    const isList = (url) => url.pathname === '/admin/events' && Number(url.port) === ports[0];
    await page.route(isList, (route) => route.fulfill({ status: 403, headers: { 'access-control-allow-origin': '*' }, json: { code: 'forbidden' } }));
    const seen = { absent: 0, turns: 0 };
    page.on('response', (answer) => {
      if (answer.url().endsWith('/admin/events/bare') && answer.status() === 404) seen.absent += 1;
      if (answer.url() === `http://localhost:${ports[0]}/readyz` && seen.absent > 0) seen.turns += 1;
    });
    await boss.signInAt('#/events');
    await until('three more turns', () => seen.turns > 3);
    assert.equal(seen.absent, 1);
    const imported = await operator(pair.first, 'bare').import(hall());
    assert.ok([201, 421].includes(imported.status), imported.text);
    await page.evaluate(() => { location.hash = '#/events/bare'; });
    await page.click('#act-open'); // it requests the event again
    await page.locator('#confirm[open]').waitFor();
    assert.match(await page.textContent('#confirm-text'), /From now on people are called/);
  });

  test('an event of the other process is shown and changed, and found at the first after a takeover', async () => {
    const boss = await Operator.open(browser, desk, { locale: 'en-GB' });
    const { page } = boss;
    await makeEvent(line.site, 'two', { name: 'The second night' });
    await boss.signInAt('#/events/two/seats');
    await page.locator('#seat-sums').waitFor();
    // A version without a journal branch is refused.
    const named = /\/availability\?since=\d+-/;
    const refused = page.waitForRequest(named);
    await page.route(named, (route) => route.fulfill({ status: 422, headers: { 'access-control-allow-origin': '*' }, json: { code: 'bad-since' } }));
    await refused;
    await page.waitForResponse((answer) => /\/availability\?since=\d+$/.test(answer.url()) && answer.ok());
    await page.unroute(named);
    const block = async (owner, sum) => {
      await page.locator('details:has(#area) > summary').click();
      await page.locator('details:has(#area)').getByRole('button').first().click();
      await until('a place to be blocked at its owner', async () => (await blocked(owner, 'two')) === sum);
      await page.locator('#area option', { hasText: new RegExp(` ${sum}\\)$`) }).waitFor({ state: 'attached' });
    };
    await block(pair.second, 1);
    assert.equal((await operator(pair.second, 'two').price({ prices: { Front: 140000 }, reason: 'few came' })).status, 200);
    await boss.view('audit');
    for (const words of ['Seats blocked: 1', 'Seat price changed from ₩150,000 to ₩140,000', 'Hall imported']) await page.locator('#audit').getByText(words).waitFor();
    await page.goto(`${boss.at}/console#/parts`);
    for (const part of ['queue', 'seats', 'seats2']) await page.locator(`#part-${part}.ready`).waitFor();
    assert.equal(await page.locator('.part .wrong').count(), 0, 'each takes the token');

    await pair.second.kill();
    await until('the first to have both', () => opens(pair.first, 'two'));
    await page.goto(`${boss.at}/console#/events/two/seats`);
    await until('the hall to be shown', async () => {
      if (await page.locator('#seat-sums').isVisible()) return true;
      await page.reload(); // the first one may not have been found at once
      return false;
    }, { everyMs: 500 });
    await block(pair.first, 2);
  });
});

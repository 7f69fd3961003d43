// A night as its operator and a buyer see it, in browsers alone: from "New event" to a sold-out sale, and its cancellation.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openScope, openStack, until } from '../lib-js/index.js';
import { buy, clickFor, confirm, customer, openBrowser, Operator, Visitor } from './world.js';

const MANNER = { locale: 'en-GB', viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1 };

test('from a new event to a sold-out night and its cancellation', async (t) => {
  const scope = openScope(t);
  const stack = await openStack(scope);
  await stack.up();
  const browser = await openBrowser(scope);
  const boss = await Operator.signedIn(browser, stack, MANNER);
  const { page } = boss;
  // Fills a step in, and saves it.
  const step = async (fields, next) => {
    for (const [id, value] of Object.entries(fields)) await page.fill(`#${id}`, value);
    await clickFor(page, '#setup-save', `#setup-steps a[href$="/${next}"][aria-current=step]`);
  };

  await page.click('#new-event summary');
  await page.fill('#new-name', 'Last Night');
  await page.keyboard.press('Enter');
  await step({ 'setup-starts': '2035-05-01T19:00', 'setup-zone': 'Asia/Seoul', 'setup-venue': 'River Hall' }, 'hall');
  await step({ 'hall-blocks-rows-0': '1', 'hall-blocks-seats-0': '2', 'hall-categories-category-name-0': 'Seats', 'hall-currency': 'KRW', 'hall-categories-price-0': '99000' }, 'terms');
  await step({}, 'opening');
  await step({ 'setup-rate': '50' }, 'check');
  await clickFor(page, '#act-open', '#confirm[open]');
  await clickFor(page, '#confirm-yes', '.badge.open');

  const buyer = await Visitor.open(browser, stack, MANNER);
  await buyer.enter('last-night');
  await buyer.takeBest(2);
  await buy(buyer.page, customer(stack, 0));
  const order = buyer.page.url();

  // Nothing is left, so the line ends.
  await page.click('#endings summary');
  await page.click('#act-sold-out');
  await clickFor(page, '#confirm-yes', '.badge.sold-out');
  const late = await Visitor.open(browser, stack, MANNER);
  const shows = async (view) => {
    await late.page.goto(`${late.at}/e/last-night`);
    await late.view(view);
    assert.equal(await late.page.isVisible('#join button'), false);
  };
  await shows('sold-out');

  await boss.view('doors');
  await page.click('#cancel-event');
  await confirm(page, { input: 'last-night', why: 'the singer is ill' });
  await page.locator('#cancel-about', { hasText: 'the singer is ill' }).waitFor();
  await page.locator('.badge.closed').waitFor();
  await until('the money to be on its way', async () => {
    await buyer.page.goto(order);
    return await buyer.page.locator('main[data-status=refunded]', { hasText: 'The event has been cancelled. Your money is on its way back.' }).count() === 1;
  }, { everyMs: 1000 });
  await buyer.page.goto(order.replace('/orders/', '/tickets/'));
  assert.equal(await buyer.page.locator('.ticket svg').count(), 0, 'a ticket that opens no door');
  await shows('closed');
  for (const { wrong } of [boss, buyer, late]) assert.deepEqual(wrong, []);
});

// The taps that a newcomer needs for five tasks on a screen 360 px wide. A choice in a list counts as two taps;
// scrolling and typing are free. Raising a number needs a reason.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { openScope, openStack } from '../lib-js/index.js';
import { openLine } from './line-world.js';
import { buy, customer, openBrowser, SIZES, Visitor } from './world.js';

const PHONE = { locale: 'en-GB', viewport: SIZES.phone, hasTouch: true, isMobile: true };
const TARGET_PX = 24; // least width and height of a tap target: WCAG 2.2, 2.5.8

// Counts the taps of one task.
function finger() {
  let taps = 0;
  return {
    get taps() { return taps; },
    async tap(target) {
      await target.waitFor();
      const { width, height } = await target.boundingBox();
      assert.ok(Math.min(width, height) >= TARGET_PX, `${target} is ${width} x ${height}`);
      await target.tap();
      taps += 1;
    },
  };
}

describe('five tasks in taps', () => {
  const scope = openScope(test);
  let browser;

  before(async () => { browser = await openBrowser(scope); });

  test('understand when I get in: 1', async () => {
    const line = await openLine(scope);
    const visitor = await line.visitor(browser, PHONE);
    const { page } = visitor;
    await line.go(visitor, await line.busy('tapped'));
    const joining = finger();
    await joining.tap(page.locator('#join button'));
    await visitor.view('waiting');
    await page.locator('#ahead').getByText(/1([01]\d|20)/).waitFor(); // some of the 120 may have been called
    await page.locator('#eta').getByText(/\d+ min/).waitFor();
    assert.equal(joining.taps, 1);
    await visitor.close();
  });

  test('two cheap adjacent seats near the stage: 3, other ones: 2, transfer a ticket: 4, find my refund: 1', async () => {
    const stack = await openStack(scope);
    await stack.up();
    const visitor = await Visitor.open(browser, stack, PHONE);
    const { page } = visitor;
    await visitor.enter();

    const choosing = finger();
    await choosing.tap(page.locator('#best summary'));
    await choosing.tap(page.locator('#best-form .main'));
    const cards = page.locator('#proposals-list li');
    await cards.nth(1).waitFor();
    const prices = (await cards.allTextContents()).map((text) => Number(/₩([\d,]+)/.exec(text)[1].replaceAll(',', '')));
    await choosing.tap(cards.nth(prices.indexOf(Math.min(...prices))).locator('.main'));
    await page.locator('#cart-seats li').nth(1).waitFor({ state: 'attached' });
    const places = () => page.locator('#cart-seats li span').allTextContents();
    const first = await places();
    const [a, b] = first.map((text) => Number(/seat (\d+)/.exec(text)[1]));
    assert.equal(Math.abs(a - b), 1, 'beside each other');
    assert.equal(choosing.taps, 3);

    const changing = finger();
    await changing.tap(page.locator('#cart-others'));
    const offered = await page.locator('#offers button').first().textContent();
    await changing.tap(page.locator('#offers button').first());
    await page.waitForFunction((old) => !document.getElementById('cart-seats').textContent.includes(old), first[0].split(' · ')[0]);
    const taken = (await places()).map((text) => Number(/seat (\d+)/.exec(text)[1]));
    assert.equal(taken.length, 2);
    assert.ok(offered.includes(`seat ${Math.min(...taken)}–\u2060${Math.max(...taken)} –`), `${offered}: ${taken}`);
    assert.equal(changing.taps, 2);

    await buy(page, customer(stack, 3));
    await page.tap('a[href^="/pay/tickets/"]');
    const ticket = page.locator('.ticket').first();

    const giving = finger();
    await giving.tap(ticket.locator('details summary'));
    await giving.tap(ticket.locator('input[name=to]'));
    await page.keyboard.type(String(customer(stack, 4).member ?? 5));
    await giving.tap(ticket.locator('[data-hand-on] button'));
    await giving.tap(ticket.locator('.offer button').first());
    assert.equal(giving.taps, 4);

    // A transfer that nobody accepted ends with the order's refund.
    const returning = finger();
    await returning.tap(page.locator('.ways a[href^="/pay/orders/"]'));
    await returning.tap(page.locator('details', { has: page.locator('[data-act=refund]') }).locator('summary'));
    await returning.tap(page.locator('[data-act=refund]'));
    await page.locator('main[data-status=refunded]').waitFor({ timeout: 60_000 });
    assert.equal(returning.taps, 3);

    await page.goto(page.url().replace('/orders/', '/tickets/')); // where the mail's link leads
    const finding = finger();
    await finding.tap(page.locator('.ways a[href^="/pay/orders/"]'));
    await page.locator('main[data-status=refunded]').waitFor();
    await page.locator('dt', { hasText: /refund/i }).waitFor();
    assert.equal(finding.taps, 1);
    await visitor.close();
  });
});

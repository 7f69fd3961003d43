// screens.js [FOLDER]: takes the README's pictures of a whole stack as `make run` starts it: the waiting page, the hall and
// the ticket on a phone, the operator's console on a desk.

import { mkdirSync } from 'node:fs';
import { openScope, openStack } from '../lib-js/index.js';
import { clickFor, customer, logIn, openBrowser, Operator, payByCard, Visitor } from './world.js';

const PHONE = { width: 390, height: 780 };
const DESK = { width: 1180, height: 780 };
const WAITING = 40;
const folder = process.argv[2] ?? new URL('../../infra/screens/', import.meta.url).pathname;

async function pay(page, { login, password }) {
  await page.click('#cart-pay');
  await logIn(page, { login, password });
  await page.click('#pay-button');
  await payByCard(page);
}

async function take(scope) {
  const stack = await openStack(scope, { env: { FAIRGATE_DEMO: '1' } });
  await stack.up();
  const queue = stack.admin('queue');
  const steer = async (knobs) => {
    const changed = await queue.patch('/admin/events/demo', { body: knobs });
    if (changed.status !== 200) throw new Error(`a knob: ${changed.status} ${changed.text}`);
  };
  const browser = await openBrowser(scope);
  const shot = (page, name) => page.screenshot({ path: `${folder}/${name}.png` });

  await steer({ rate_per_s: 0.5, burst: 1, message: { en: 'There are seats in every category.' } });
  for (let n = 0; n < WAITING; n += 1) await stack.edge.post('/v1/queue/demo/join', { headers: { 'idempotency-key': `screen-${n}` } });
  const visitor = await Visitor.open(browser, stack, { locale: 'en-GB', viewport: PHONE });
  const { page } = visitor;
  await page.goto(`${visitor.at}/e/demo`);
  await clickFor(page, '#join button', '#ahead:not(:empty)');
  await shot(page, 'waiting');

  const operator = await Operator.open(browser, stack, { locale: 'en-GB', viewport: DESK });
  await operator.signInAt();
  await operator.page.click('a[href*="demo"]');
  await steer({ rate_per_s: 5, burst: 5 });
  await operator.page.locator('canvas').first().waitFor();

  await page.locator('#pass button').click({ timeout: 60_000 });
  await visitor.ready();
  await steer({ rate_per_s: 2, burst: 2 });
  for (let n = 0; n < 6 * WAITING; n += 1) await stack.edge.post('/v1/queue/demo/join', { headers: { 'idempotency-key': `crowd-${n}` } });
  await visitor.takeBest(2);
  await shot(page, 'hall');
  await pay(page, customer(stack, 0));
  await page.click('a[href^="/pay/tickets/"]');
  await page.locator('.ticket svg').first().waitFor();
  await shot(page, 'ticket');
  await operator.page.locator('#vital-pace .value', { hasText: /\d.*\d/ }).waitFor(); // half a minute is enough to tell
  await shot(operator.page, 'console');
  await operator.close();
  await visitor.close();
}

mkdirSync(folder, { recursive: true });
const scope = openScope();
try {
  await take(scope);
} finally {
  await scope.close();
}

// screens.js [FOLDER]: takes the pictures of README and handbook, in English and Korean, of a whole stack as `make run` starts
// it: the waiting page, the hall and the ticket on a phone, the operator's console on a desk.

import { mkdirSync } from 'node:fs';
import { openScope, openStack } from '../lib-js/index.js';
import { buy, clickFor, customer, openBrowser, Operator, Visitor } from './world.js';

const PHONE = { viewport: { width: 390, height: 780 }, deviceScaleFactor: 1.5, timezoneId: 'Asia/Seoul' };
const DESK = { viewport: { width: 1180, height: 780 }, deviceScaleFactor: 1, timezoneId: 'Asia/Seoul' };
const WAITING = 40;
const folder = process.argv[2] ?? new URL('../../infra/screens/', import.meta.url).pathname;

async function take(scope) {
  const stack = await openStack(scope, { env: { FAIRGATE_DEMO: '1' } });
  await stack.up();
  const queue = stack.admin('queue');
  const steer = async (knobs) => {
    const changed = await queue.patch('/admin/events/demo', { body: knobs });
    if (changed.status !== 200) throw new Error(`a knob: ${changed.status} ${changed.text}`);
  };
  const crowd = async (name, size) => {
    for (let n = 0; n < size; n += 1) await stack.edge.post('/v1/queue/demo/join', { headers: { 'idempotency-key': `${name}-${n}` } });
  };
  const browser = await openBrowser(scope);
  const shot = ({ page, language }, name) => page.screenshot({ path: `${folder}/${name}${language === 'en' ? '' : `.${language}`}.png` });

  await steer({ rate_per_s: 0.5, burst: 1, message: { en: 'Every category still has seats.', ko: '모든 등급에 좌석이 남아 있습니다.' } });
  await crowd('screen', WAITING);
  const [visitors, operators] = [[], []];
  for (const locale of ['en-GB', 'ko-KR']) {
    const visitor = await Visitor.open(browser, stack, { locale, ...PHONE });
    await visitor.page.goto(`${visitor.at}/e/demo`);
    await clickFor(visitor.page, '#join button', '#ahead:not(:empty)');
    await shot(visitor, 'waiting');
    visitors.push(visitor);
    operators.push(await Operator.signedIn(browser, stack, { locale, ...DESK }, '#/events/demo'));
  }
  await steer({ rate_per_s: 5, burst: 5 });
  for (const { page } of visitors) await page.locator('#pass button').click({ timeout: 60_000 });
  await steer({ rate_per_s: 2, burst: 2 });
  await crowd('crowd', 6 * WAITING);
  for (const [n, visitor] of visitors.entries()) {
    const { page } = visitor;
    await visitor.ready();
    await visitor.takeBest(2);
    await shot(visitor, 'hall');
    await buy(page, customer(stack, n));
    await clickFor(page, 'a[href^="/pay/tickets/"]', '.ticket svg >> nth=0');
    await shot(visitor, 'ticket');
    await visitor.close();
  }
  for (const operator of operators) {
    await operator.page.locator('#vital-pace .value', { hasText: /\d.*\d/ }).waitFor(); // half a minute is enough to tell
    await operator.page.locator('#vital-orders .value', { hasText: '2' }).waitFor();
    await shot(operator, 'console');
    await operator.close();
  }
}

mkdirSync(folder, { recursive: true });
const scope = openScope();
try {
  await take(scope);
} finally {
  await scope.close();
}

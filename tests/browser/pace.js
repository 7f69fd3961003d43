// pace.js [RUNS]: measures the hall of 66,000 seats under real conditions: opened over fast 3G with an empty browser cache,
// and used on a phone four times slower than this machine. A tool, not a test: its output is recorded in
// seat-service/README.md.
//
//   hall    the hall is visible: its sections, and the free share of each
//   seats   every seat is there, and can be zoomed to and taken

import { openScope, openStack } from '../lib-js/index.js';
import { openBrowser, Visitor } from './world.js';

const RUNS = Number(process.argv[2] ?? 5);
const FAST_3G = { offline: false, latency: 562.5, downloadThroughput: 1.6e6 / 8, uploadThroughput: 750e3 / 8 };
const SLOWER = 4;

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

// Runs in the page before the page's own scripts.
function watch() {
  globalThis.seen = {};
  globalThis.slowest = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (entry.interactionId) globalThis.slowest.push([Math.round(entry.duration), entry.name, entry.target?.id ?? '']);
  }).observe({ type: 'event', durationThreshold: 16 });
  const note = () => {
    const what = document.getElementById('hall')?.dataset.seen;
    if (!what || globalThis.seen[what]) return;
    globalThis.seen[what] = 1;
    requestAnimationFrame(() => requestAnimationFrame(() => { globalThis.seen[what] = Math.round(performance.now()); }));
  };
  new MutationObserver(note).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ['data-seen'] });
}

async function load(browser, stack, state, told) {
  const visitor = await Visitor.open(browser, stack, { locale: 'en-GB', storageState: state });
  const { page } = visitor;
  await page.addInitScript(watch);
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  await session.send('Network.emulateNetworkConditions', FAST_3G);
  await page.goto(`${visitor.at}/seats/demo`);
  await visitor.ready();
  await page.waitForFunction(() => globalThis.seen.seats > 1);
  const seen = await page.evaluate(() => globalThis.seen);
  if (told) {
    const rows = await page.evaluate(() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].map((entry) => [entry.startTime, entry.responseStart, entry.responseEnd, entry.transferSize, new URL(entry.name).pathname + new URL(entry.name).search]));
    for (const [start, first, end, bytes, path] of rows) console.log(`  ${[start, first, end].map((ms) => String(Math.round(ms)).padStart(5)).join(' ')} ms ${String(bytes).padStart(6)} B  ${path}`);
  }
  await page.context().close();
  return seen;
}

async function use(browser, stack, state) {
  const visitor = await Visitor.open(browser, stack, { locale: 'en-GB', storageState: state });
  const { page } = visitor;
  await page.addInitScript(watch);
  await page.goto(`${visitor.at}/seats/demo`);
  await visitor.ready();
  const session = await page.context().newCDPSession(page);
  await session.send('Emulation.setCPUThrottlingRate', { rate: SLOWER });
  const map = await page.locator('#map-top').boundingBox();
  const middle = [map.x + map.width / 2, map.y + map.height / 2];
  await page.mouse.move(...middle);
  for (let n = 0; n < 6; n += 1) await page.click('#zoom-in');
  for (let n = 0; n < 10; n += 1) await page.mouse.wheel(0, n < 5 ? -120 : 120);
  await page.mouse.down();
  for (let n = 0; n < 20; n += 1) await page.mouse.move(middle[0] + 6 * n, middle[1] + 2 * n);
  await page.mouse.up();
  await page.focus('#map-top');
  for (const key of ['ArrowRight', 'ArrowDown', 'ArrowLeft', 'ArrowUp', '+', '-', 'Home']) await page.keyboard.press(key);
  await page.mouse.click(...middle);
  for (let n = 0; n < 2; n += 1) await page.locator('#categories button').nth(1).click();
  await page.click('#show-list');
  await page.selectOption('#list-zone', '30');
  await page.locator('#list-seats button[aria-disabled=false]').first().click();
  await page.locator('#cart-pay').waitFor();
  await page.click('#show-map');
  await visitor.giveBack();
  await page.locator('#cart-pay').waitFor({ state: 'hidden' });
  const slowest = await page.evaluate(() => globalThis.slowest.toSorted((a, b) => b[0] - a[0]).slice(0, 6));
  await page.context().close();
  return slowest;
}

const scope = openScope();
try {
  const stack = await openStack(scope, { hashes: 'usual' });
  await stack.up();
  const browser = await openBrowser(scope);
  const first = await Visitor.open(browser, stack);
  await first.enter();
  const state = await first.page.context().storageState();
  await first.page.context().close();
  const all = [];
  for (let n = 0; n < RUNS; n += 1) all.push(await load(browser, stack, state, n === RUNS - 1));
  for (const what of ['hall', 'seats']) console.log(`${what}: median ${median(all.map((seen) => seen[what]))} ms of ${all.map((seen) => seen[what]).join(' ')}`);
  console.log('slowest interactions, CPU four times slower:');
  for (const [ms, name, id] of await use(browser, stack, state)) console.log(`  ${ms} ms ${name} ${id}`);
} finally {
  await scope.close();
}

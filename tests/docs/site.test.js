// The handbook as pages: built, opened from its folder by a browser, on a phone and on a desktop, searched in both
// languages. `make docs-test` runs this.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { test } from 'node:test';
import { handbook, ROOT } from '../../infra/docs/pages.js';
import { openBrowser, SIZES } from '../browser/world.js';
import { openScope } from '../lib-js/index.js';

const scope = openScope(test);
const out = join(scope.dir(), 'docs');
execFileSync('node', [join(ROOT, 'infra/docs/build.js'), out], { stdio: ['ignore', 'ignore', 'inherit'] });
const browser = await openBrowser(scope);
const page = await (await browser.newContext({ viewport: SIZES.desktop })).newPage();
const wrong = [];
page.on('pageerror', (error) => wrong.push(error.message));
page.on('requestfailed', (request) => wrong.push(`not there: ${request.url()}`));
page.on('request', (request) => { if (!request.url().startsWith('file:')) wrong.push(`asked for ${request.url()}`); });

const open = (name) => page.goto(pathToFileURL(join(out, name)).href);
const site = (source) => source.replace(/^docs\//, '').replace(/\.md$/, '.html');

test('every page stands on a phone and on a desktop, and asks nobody for anything', async () => {
  for (const size of ['phone', 'desktop']) {
    await page.setViewportSize(SIZES[size]);
    for (const source of handbook()) {
      await open(site(source));
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${source} is ${wide} px wider than a ${size}`);
      assert.equal(await page.locator('main h1').count(), 1, source);
      const pictures = await page.locator('main img').evaluateAll((all) => all.filter((img) => img.naturalWidth === 0).map((img) => img.src));
      assert.deepEqual(pictures, [], source);
    }
  }
  assert.deepEqual(wrong, []);
});

for (const [from, words, there, place] of [
  ['index.html', 'max_active rate', /operate\/before\.html/],
  ['index.html', 'beacon', /concepts\.html|glossary\.html/],
  ['ko/index.html', '환불', /ko\//],
  ['ko/index.html', '대기열은', /ko\//], // a noun with its particle
  ['index.html', 'jurnal erors', /runbook\.html#fairgatejournalerrors/, 'first'],
  ['index.html', 'FairgateLineStlae', /runbook\.html#fairgatelinestale/, 'first'],
  ['index.html', 'nobody is called', /runbook\.html#nobody-is-called/, 'first'],
]) {
  test(`"${words}" is found from ${from}`, async () => {
    await page.setViewportSize(SIZES.desktop);
    await open(from);
    await page.fill('#words', words);
    const links = await page.locator('#found a').evaluateAll((all) => all.map(({ href }) => href));
    assert.ok((place === 'first' ? links.slice(0, 1) : links).some((link) => there.test(link)), `${words}: ${links.join(' ')}`);
    await page.locator('#found a').first().click();
    await page.locator('main h1').waitFor();
    assert.ok(links.includes(page.url()));
  });
}

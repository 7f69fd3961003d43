// The edge's own pages, shown when no service answers, in both languages, on a
// phone and at a desk, by axe and by their looks (at a share of these in `make test`). The stack is one of stand-ins, two of them missing.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fakeBuild, openScope, openStack, until } from '../lib-js/index.js';
import { openLooks } from './look.js';
import { closeAfterEach, openBrowser, share, Visitor } from './world.js';

const MANNERS = [
  ['ko', { deviceScaleFactor: 1 }],
  ['en', { deviceScaleFactor: 1, locale: 'en-GB', colorScheme: 'dark' }],
];
const SIDES = ['phone', 'desktop'];
const AGAIN = /<meta http-equiv="refresh" content="\d+">\n/;

describe("the edge's own pages", async () => {
  const scope = openScope(test);
  const looks = openLooks(scope, 'edge');

  const stack = await openStack(scope, { env: { FAIRGATE_BUILD_DIR: fakeBuild(scope, ['queue-front']), FAIRGATE_EDGE_REQUESTS_PER_10S: '100' } });
  await stack.up();
  const browser = await openBrowser(scope);
  closeAfterEach();

  // Sends requests too fast, so that the next one from here is refused.
  const ask = async () => (await stack.edge.get('/v1/queue/demo/status')).status;
  const hurry = () => until('a refusal', async () => (await Promise.all(Array.from({ length: 50 }, ask))).includes(429));

  for (const [n, [what, { path, status, retries, first }]] of Object.entries({
    down: { path: '/seats/demo', status: 503, retries: true },
    nothing: { path: '/tickets', status: 404, retries: false },
    busy: { path: '/e/demo', status: 429, retries: true, first: hurry },
  }).entries()) {
    for (const [name, options] of MANNERS) {
      test(`${what}, ${name}`, async () => {
        const visitor = await Visitor.open(browser, stack, options);
        const { page } = visitor;
        // Keeps the page from retrying by itself during this test.
        await page.route('**', async (route) => {
          // On a slow machine the rate may have dropped below the limit by then.
          const answer = await until('the page', async () => {
            await first?.();
            const one = await route.fetch();
            return one.status() === status && one;
          });
          const text = await answer.text();
          assert.equal(AGAIN.test(text), retries);
          await route.fulfill({ response: answer, body: text.replace(AGAIN, '') });
        }, { times: 1 });
        assert.equal((await page.goto(visitor.at + path)).status(), status);
        // Both languages are present, the visitor's first.
        const own = page.locator(`section[lang=${name}]`);
        assert.equal(await page.getAttribute('html', 'lang'), name);
        const tops = await page.locator('section').evaluateAll((all) => all.map((one) => one.getBoundingClientRect().top));
        assert.equal(await own.evaluate((one) => one.getBoundingClientRect().top), Math.min(...tops));
        await visitor.inspect(looks, `${what}-${name}`, SIDES, {}, share(SIDES, name, n));
      });
    }
  }
});

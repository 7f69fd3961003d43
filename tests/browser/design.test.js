// The page of all elements, /design: each in all its states, in our colours and in an operator's unreadable
// ones, in both schemes, by axe and by its look; and the effects of pointer and focus.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openLooks } from './look.js';
import { openSite, startFront } from '../integration/queue-front/support.js';
import { closeAfterEach, openBrowser, Visitor } from './world.js';
import { openScope } from '../lib-js/index.js';

const MANNERS = [
  ['ko', { locale: 'ko-KR' }],
  ['en', { locale: 'en-GB', colorScheme: 'dark', reducedMotion: 'reduce' }],
];

describe('the page of all parts', async () => {
  const scope = openScope(test);
  const looks = openLooks(scope, 'design');
  const fronts = {};

  const [site, browser] = await Promise.all([openSite(null, { scope }), openBrowser(scope)]);
  closeAfterEach();
  fronts.ours = site.front;
  fronts.branded = await startFront(site, { brand: { name: 'Seoul Arts', colour: '#ffe14d' } });

  async function open(look, options) {
    const visitor = await Visitor.open(browser, { base: fronts[look].privatePort }, { deviceScaleFactor: 1, ...options });
    await visitor.page.goto(`${visitor.at}/design`);
    return visitor;
  }

  for (const [n, look] of ['ours', 'branded'].entries()) {
    for (const [lang, options] of MANNERS) {
      test(`${look}, ${lang}`, async () => {
        const visitor = await open(look, options);
        visitor.states = n;
        await visitor.survey(looks, `design-${look}-${lang}`);
      });
    }
  }

  test('Korean headings and controls are as tight as English ones', async () => {
    const tight = [];
    for (const [, options] of MANNERS) {
      const visitor = await open('ours', options);
      tight.push(await visitor.page.locator('h1, h2, button').evaluateAll((all) => all.map((one) => parseFloat(getComputedStyle(one).lineHeight) / parseFloat(getComputedStyle(one).fontSize))));
      await visitor.close();
    }
    assert.deepEqual(...tight);
  });

  test('from 320 to 2560 px nothing is wider than the screen', async () => {
    const visitor = await open('ours', { locale: 'ko-KR' });
    for (const width of [320, 360, 480, 768, 1280, 1920, 2560]) {
      await visitor.page.setViewportSize({ width, height: 800 });
      await visitor.judge(`design-${width}`, { axe: false });
    }
  });

  test('axe runs again on a changed page, not on a changed clock', async () => {
    const visitor = await open('ours', { locale: 'en-GB' });
    visitor.keeps = false;
    const { page } = visitor;
    await page.evaluate(() => {
      const clock = Object.assign(document.createElement('p'), { id: 'ticking', textContent: '10:00' });
      document.querySelector('main').append(clock);
    });
    await visitor.judge('design-clock');
    await page.evaluate(() => {
      const { run } = globalThis.axe;
      globalThis.asked = 0;
      globalThis.axe.run = (options) => {
        globalThis.asked += 1;
        return run(options);
      };
      document.getElementById('ticking').textContent = '9:59';
      document.getElementById('ticking').className = 'ticked';
    });
    await visitor.judge('design-clock-later');
    assert.equal(await page.evaluate(() => globalThis.asked), 0);
    const change = (property, value) => page.evaluate(([name, its]) => document.getElementById('ticking').style.setProperty(name, its), [property, value]);
    await change('color', '#ccc');
    await assert.rejects(visitor.judge('design-clock-pale'), /color-contrast/);
    await change('display', 'none');
    await visitor.judge('design-clock-hidden');
    await page.evaluate(() => { document.getElementById('ticking').className = 'late'; }); // of another colour, if it were seen
    await visitor.judge('design-clock-hidden-otherwise');
    assert.equal(await page.evaluate(() => globalThis.asked), 2);
    await page.evaluate(() => document.querySelector('main').append(document.createElement('button')));
    await assert.rejects(visitor.judge('design-nameless'), /button-name/);
  });

  test('a page that changed during axe\'s run is not cached', async () => {
    const visitor = await open('ours', { locale: 'en-GB' });
    visitor.keeps = false;
    const { page } = visitor;
    const turn = (colour) => page.evaluate((its) => { document.getElementById('pale').style.color = its; }, colour);
    await page.evaluate(() => document.querySelector('main').append(Object.assign(document.createElement('p'), { id: 'pale', textContent: 'pale' })));
    await visitor.judge('design-pale-not-yet');
    await turn('#ccc');
    await page.evaluate(() => {
      const { run } = globalThis.axe;
      globalThis.axe.run = (options) => {
        document.getElementById('pale').style.color = '';
        return run(options);
      };
    });
    await visitor.judge('design-pale-no-more');
    await page.evaluate(() => { delete globalThis.axe; }); // the next test expects the page without it
    await turn('#ccc');
    await assert.rejects(visitor.judge('design-pale'), /color-contrast/);
  });

  test('pointer, press, focus, busy, disabled and invalid are visible', async () => {
    for (const [, options] of MANNERS) {
      const visitor = await open('branded', options);
      const { page } = visitor;
      const style = (at, what) => page.locator(at).first().evaluate((one, name) => getComputedStyle(one)[name], what);
      const settled = () => page.evaluate(() => document.getAnimations().forEach((one) => { if (one instanceof CSSTransition) one.finish(); }));
      for (const [at, what] of [['#main', 'backgroundColor'], ['#plain', 'borderTopColor']]) {
        const before_ = await style(at, what);
        await page.hover(at);
        await settled();
        assert.notEqual(await style(at, what), before_, at);
        await page.mouse.down();
        await settled();
        assert.notEqual(await style(at, 'transform'), 'none', at);
        await page.mouse.up();
      }
      await page.focus('#main');
      await page.keyboard.press('Tab');
      await page.keyboard.press('Shift+Tab');
      assert.equal(await style('#main', 'outlineStyle'), 'solid');
      assert.equal(await style('#main', 'outlineWidth'), '3px');
      assert.equal(await style('#controls button:disabled', 'borderTopStyle'), 'dashed');
      assert.notEqual(await style('#controls [aria-invalid]', 'borderTopColor'), await style('#field', 'borderTopColor'));
      const ring = await page.locator('#controls [aria-busy]').first().evaluate((one) => [getComputedStyle(one, '::after').borderTopStyle, getComputedStyle(one, '::after').animationName]);
      assert.deepEqual(ring, ['solid', 'none'], 'no motion where nobody moves');
      await visitor.close();
    }
  });
});

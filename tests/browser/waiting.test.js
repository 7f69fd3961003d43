// The waiting page in each of its states: at three sizes, in two languages, by axe and by its look.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openLooks } from './look.js';
import { openBrowser, SIZES } from './world.js';
import { openLine } from './line-world.js';
import { openScope } from '../lib-js/index.js';

describe('the waiting page in each state', () => {
  const scope = openScope();
  const looks = openLooks('waiting');
  let line;
  let browser;

  before(async () => {
    [line, browser] = await Promise.all([openLine(scope), openBrowser(scope)]);
  });
  after(async () => {
    await scope.close();
    looks.close();
  });

  // Everything that can be seen of one state, in one language, by one visitor.
  async function judge(visitor, name, axed) {
    for (const [size, viewport] of Object.entries(SIZES)) {
      await visitor.page.setViewportSize(viewport);
      await visitor.judge(`wait-${name}-${size}`, { axe: axed.includes(size) });
      await looks.see(visitor.page, `${name}-${size}`);
    }
  }

  for (const [lang, options] of [['ko', {}], ['en', { locale: 'en-GB', colorScheme: 'dark', reducedMotion: 'reduce' }]]) {
    for (const state of ['soon', 'join', 'join-draw', 'draw', 'waiting', 'paused', 'frozen', 'called', 'late', 'admitted', 'expired', 'sold-out', 'closed', 'notfound']) {
      test(`${state}, ${lang}`, async () => {
        const visitor = await line.visitor(browser, options);
        await line.bring(visitor, state);
        await judge(visitor, `${state}-${lang}`, lang === 'en' ? ['phone', 'desktop'] : ['phone', 'tablet', 'desktop']);
        await visitor.close();
      });
    }

    test(`without a script all of it is there, ${lang}`, async () => {
      for (const state of ['soon', 'draw', 'waiting', 'paused', 'called', 'sold-out']) {
        const visitor = await line.visitor(browser, { ...options, javaScriptEnabled: false });
        await line.bring(visitor, state);
        await visitor.page.screenshot({ path: visitor.shot(`wait-${state}-${lang}-noscript`), fullPage: true });
        await looks.see(visitor.page, `${state}-${lang}-noscript`);
        await visitor.close();
      }
    });
  }

  test('in high contrast and forced colours', async () => {
    for (const [name, options] of [['contrast', { contrast: 'more' }], ['forced', { forcedColors: 'active' }]]) {
      const visitor = await line.visitor(browser, options);
      await line.bring(visitor, 'waiting');
      await visitor.judge(`wait-waiting-${name}`);
      await visitor.close();
    }
  });
});

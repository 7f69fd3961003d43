// The waiting page in each of its states: at three sizes, in two languages, by axe and by its look; in `make test` at
// a share of these.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openLooks } from './look.js';
import { openSaid } from './said.js';
import { alter, clickFor, closeAfterEach, goFor, openBrowser, share, SIZES } from './world.js';
import { act, openLine, patch } from './line-world.js';
import { openScope } from '../lib-js/index.js';

const MANNERS = [['ko', {}], ['en', { locale: 'en-GB', colorScheme: 'dark', reducedMotion: 'reduce' }]];
const STATES = ['soon', 'join', 'join-draw', 'draw', 'waiting', 'paused', 'frozen', 'called', 'late', 'admitted', 'expired', 'done', 'sold-out', 'closed', 'notfound'];

const FACTS = /^live\.opens$|^expired\.again$|^more\.ahead|^waiting\.dots$/; // true whenever they are shown
// Waits as in `me`: people ahead, p50, p90. Variants of a state follow a slash.
const WAITS = { 'wait-unknown': [7, null, null], 'wait-near': [1, 50, 70], 'wait-unsure': [0, 900, 1700], 'wait-back': [1680, 840, 960], 'wait-back/hours': [90_000, 9000, 9900], 'wait-later': [2_000_000, 200_000, 210_000] };

describe('the waiting page in each state', async () => {
  const scope = openScope(test);
  const looks = openLooks(scope, 'waiting');

  const [line, browser] = await Promise.all([openLine(scope), openBrowser(scope)]);
  closeAfterEach();

  const said = openSaid('waiting', 'queue-front', FACTS);
  // A page offers to join or to enter only if that call would succeed. A visitor with a place need not join.
  const FORMS = { pass: '#pass, #next', join: '#join, #again' };
  const PLACED = ['draw', 'waiting', 'paused', 'frozen', 'called', 'late', 'admitted', 'sold-out'];
  async function offersWhatIsDone({ page, event }, state) {
    for (const [act, forms] of Object.entries(FORMS)) {
      if (act === 'join' && PLACED.includes(state)) continue;
      const offered = await page.locator(forms).filter({ visible: true }).count() > 0;
      const answer = await page.request.post(`${line.at}/v1/queue/${event}/${act}`);
      assert.equal(offered, answer.ok(), `${act}: ${answer.status()} ${await answer.text()}`);
    }
  }
  const note = ({ page }, state, lang) => said.note(page, state, lang, '.card:visible, .nothing:visible');

  for (const [lang, options] of MANNERS) {
    for (const [n, state] of STATES.entries()) {
      test(`${state}, ${lang}`, async () => {
        const visitor = await line.visitor(browser, options);
        await line.bring(visitor, state);
        await note(visitor, state === 'waiting' ? 'wait-back/20' : state, lang);
        await visitor.inspect(looks, `${state}-${lang}`, Object.keys(SIZES), {}, share(Object.keys(SIZES), lang, n));
        await offersWhatIsDone(visitor, state);
      });
    }

    test(`without a script all of it is there, ${lang}`, async () => {
      for (const state of ['soon', 'draw', 'waiting', 'paused', 'called', 'sold-out']) {
        const visitor = await line.visitor(browser, { ...options, javaScriptEnabled: false });
        await line.bring(visitor, state);
        await visitor.picture(`wait-${state}-${lang}-noscript`);
        await looks.see(visitor.page, `${state}-${lang}-noscript`);
        await visitor.close();
      }
    });
  }

  // Brings the visitor into a paused line, so that nothing changes during the test.
  async function stand(visitor) {
    await line.enter(visitor, await line.event('show-still', (id) => line.open(id)));
  }

  // For states that differ only in part of the page: on a phone and at a desk.
  async function glance(visitor, what, lang) {
    await visitor.inspect(looks, `${what}-${lang}`, ['desktop', 'phone']); // then continues on the phone
  }

  for (const [lang, options] of MANNERS) {
    test(`details of a place, and its notices, ${lang}`, async () => {
      const visitor = await line.visitor(browser, options);
      const { page } = visitor;
      await stand(visitor);
      for (const [fold, filled] of [['#why', '#why-more p:nth-child(3)'], ['#move', '#move-more svg.qr'], ['#give-up', '#leave button']]) {
        await clickFor(page, `${fold} summary`, filled);
        await glance(visitor, fold.slice(1), lang);
        await page.click(`${fold} summary`);
      }
      await alter(page, '**/me', () => ({ odds: { sold_out: 'likely', seats_left: 5, ahead: 120, seats_per_visitor: 2 } }));
      await visitor.asks();
      await visitor.shows('odds', lang === 'en' ? /Probably no seats/ : /가능성이 큽니다/);
      await glance(visitor, 'odds', lang);
      await page.route('**/me', (route) => route.abort('internetdisconnected')); // requests from here do not notice that the page is offline
      await page.context().setOffline(true);
      await page.locator('#notice:not(:empty)').waitFor();
      await glance(visitor, 'lost', lang);
    });

    test(`a place that moves to another device, on both, ${lang}`, async () => {
      const [first, second] = [await line.visitor(browser, options), await line.visitor(browser, options)];
      await stand(first);
      await first.page.click('#move summary');
      const address = await first.page.locator('#move-more svg.qr').getAttribute('aria-label');
      await goFor(second.page, address, '#take button');
      await glance(second, 'bring', lang);
      await second.page.click('#take button');
      await second.view('waiting');
      await first.asks();
      await first.view('moved');
      await glance(first, 'moved', lang);
      await first.page.click('.on-moved summary');
      await glance(first, 'moved-anew', lang);
    });

    test(`an invitation, and the work that a join may cost, ${lang}`, async () => {
      const event = await line.event('show-laned', (id) => line.open(id, { pow_bits: 19, lanes: [{ id: 'fans', name: 'The fan club', share: 30, invitations: 5 }] }));
      const visitor = await line.visitor(browser, options);
      const { page } = visitor;
      await goFor(page, `${line.at}/e/${event}#invitation=ABCD-EFGH`, '#guest button');
      const below = (inner, outer) => page.evaluate((both) => both.map((at) => document.querySelector(at).getBoundingClientRect()).reduce((one, other) => other.bottom - one.bottom), [inner, outer]);
      assert.ok(await below('#guest button', 'details:has(#guest)') >= 8, 'the button is within its box');
      await glance(visitor, 'invited', lang);
      // A worker whose script never loads never finishes.
      await page.route('**/pow*.js', () => {});
      await Promise.all([page.waitForRequest('**/pow*.js'), page.click('#join button')]);
      await page.locator('#work').waitFor();
      await glance(visitor, 'work', lang);
    });
  }

  // Its own event, so that nothing else changes during the test.
  for (const [lang, options] of MANNERS) {
    test(`prices, and one that is gone, ${lang}`, async () => {
      const prices = { currency: 'KRW', categories: { VIP: { price: 165000 }, R: { price: 143000 }, S: { price: 99000 } } };
      const event = await line.open(`priced-${lang}`, { prices });
      const visitor = await line.visitor(browser, options);
      await line.enter(visitor, event);
      await visitor.page.locator('#prices li').nth(2).waitFor();
      await patch(line.front, event, { prices: { categories: { S: { gone: true } } } });
      await visitor.page.locator('#prices li[data-gone]').waitFor();
      await visitor.page.waitForFunction(() => [document.getElementById('announce'), document.getElementById('notice')].every((at) => /S$/.test(at.textContent)));
      await glance(visitor, 'priced', lang);
    });
  }

  test('the button that leads in stays where it is when the rest of its script comes', async () => {
    const visitor = await line.visitor(browser, { locale: 'en-GB' });
    const { page } = visitor;
    const letGo = await visitor.hold(/\/turn[^/]*\.js/, 'GET');
    await line.bring(visitor, 'called');
    await page.evaluate(() => Promise.all(document.getAnimations().map(({ finished }) => finished))); // the call slides in
    const first = await page.locator('#pass button').boundingBox();
    letGo();
    await page.waitForFunction(() => /^\d+:\d\d /.test(document.title)); // the title counts down in them
    assert.deepEqual(await page.locator('#pass button').boundingBox(), first);
    const moves = () => page.locator('.out .you').evaluate((one) => getComputedStyle(one).animationName);
    assert.equal(await moves(), 'out');
    await page.reload();
    assert.equal(await moves(), 'none', 'a visitor steps out once');
  });

  for (const [lang, options] of MANNERS) {
    test(`further states, and every kind of wait, ${lang}`, async () => {
      const visitor = await line.visitor(browser, options);
      for (const state of ['paused', 'frozen']) {
        await line.go(visitor, await line.event(`join-${state}`, (id) => line.open(id).then(() => act(line.front, id, state === 'paused' ? 'pause' : 'freeze')).then(() => id)));
        await visitor.view('join');
        await note(visitor, `join-${state}`, lang);
      }
      for (const [why, knobs] of [['code', { code_required: true }], ['member', { member_required: true }], ['full', { line_max: 1 }]]) {
        const id = await line.open(`join-${why}-${lang}`, knobs);
        await line.go(visitor, id);
        if (why === 'full') await line.crowd(id, 1);
        await visitor.page.locator('.refused:visible').waitFor();
        await note(visitor, `join/${why}`, lang);
        await offersWhatIsDone(visitor, 'join');
        if (why === 'full') await patch(line.front, id, { line_max: 2 });
        if (why === 'full') await visitor.page.locator('#join button').waitFor();
      }
      await line.go(visitor, await line.event('show-lanes', (id) => line.open(id, { lanes: [{ id: 'fans', name: 'The fan club', share: 30, invitations: 5 }] })));
      await visitor.view('join');
      await note(visitor, 'join-lanes', lang);
      await line.enter(visitor, await line.open(`call-frozen-${lang}`, { rate_per_s: 1000 }));
      await visitor.view('called');
      await act(line.front, `call-frozen-${lang}`, 'freeze');
      await visitor.page.locator('#line[data-state=frozen]').waitFor();
      await note(visitor, 'called-frozen', lang);
      await offersWhatIsDone(visitor, 'called');
      let me;
      await visitor.page.route('**/stream', (route) => route.abort());
      await visitor.page.route('**/me', (route) => route.fulfill({ json: me }));
      await stand(visitor);
      for (const [name, [ahead, p50, p90]] of Object.entries(WAITS)) {
        me = { event: 'show-still', state: 'open', place: 'waiting', position: ahead + 1, ahead, called: false, call_expires_at: null, poll_after_ms: 60_000, eta: { p50_s: p50, p90_s: p90, basis: 'measured' } };
        await visitor.asks();
        await visitor.shows('position', new RegExp(`^${(ahead + 1).toLocaleString('en')}$`));
        await note(visitor, name, lang);
      }
    });
  }

  test('each sentence of a card belongs to one state', () => said.judge());

  test('in high contrast and forced colours', async () => {
    for (const [name, options] of [['contrast', { contrast: 'more' }], ['forced', { forcedColors: 'active' }]]) {
      const visitor = await line.visitor(browser, options);
      await line.bring(visitor, 'waiting');
      await visitor.judge(`wait-waiting-${name}`);
      await visitor.close();
    }
  });
});

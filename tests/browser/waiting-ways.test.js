// The waiting page when it is closed and reopened, reloaded, opened twice, offline, suspended, with a wrong clock, or used
// by keyboard alone.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openDraw } from '../../queue-front/web/draw-check.js';
import { openBeacons } from '../lib-js/beacon.js';
import { openScope, until } from '../lib-js/index.js';
import { act, at, makePreQueue, openLine, patch } from './line-world.js';
import { alter, clickFor, closeAfterEach, goFor, openBrowser } from './world.js';

const EN = { locale: 'en-GB' };
const WAIT = ['eta', 'turn', 'say', 'likely', 'latest', 'reason', 'ahead', 'queue'];

describe('around the waiting page', async () => {
  const scope = openScope(test);

  const [line, browser] = await Promise.all([openLine(scope), openBrowser(scope)]);
  closeAfterEach();

  const text = (visitor, id) => visitor.page.textContent(`#${id}`);
  // The number of dots before the visitor's own.
  const dots = (visitor) => visitor.page.evaluate(() => {
    const [x, y] = ['cx', 'cy'].map((key) => Number(document.querySelector('#queue .you').getAttribute(key)));
    const row = (y - 20) / 34;
    return 20 * row + (row % 2 ? (x - 14) / 14 : 19 - (x - 14) / 14);
  });

  async function waiting(id, people = 20, knobs = {}) {
    await line.open(id, knobs);
    await line.crowd(id, people);
    const visitor = await line.visitor(browser, EN);
    await line.enter(visitor, id);
    return visitor;
  }

  async function called(id, knobs = { rate_per_s: 1000 }) {
    const visitor = await waiting(id, 0, knobs);
    await visitor.view('called');
    return visitor;
  }

  const untilStreamed = (id) => until('the stream', async () => /streams"?:\s*[1-9]/.test(JSON.stringify((await line.front.admin.get('/admin/events')).json.events.find((one) => one.id === id))));

  test('reload, back and a second tab show one place, and the dot never goes back', async () => {
    const visitor = await waiting('tabs');
    assert.equal(await dots(visitor), 20);
    await patch(line.front, 'tabs', { rate_per_s: 0.2, burst: 1 });
    await until('the dot to move', async () => await dots(visitor) < 20);
    await patch(line.front, 'tabs', { rate_per_s: 0 });
    const moved = await dots(visitor);
    await visitor.page.reload();
    await visitor.view('waiting');
    assert.ok(await dots(visitor) <= moved);
    const tab = await visitor.page.context().newPage();
    await tab.goto(`${line.at}/e/tabs`);
    assert.equal(await tab.textContent('#position'), '21');
    await tab.goto(`${line.at}/v1/queue/tabs/fairness`);
    await tab.goBack();
    await tab.locator('#line[data-view=waiting]').waitFor();
    assert.equal(await tab.textContent('#position'), '21');
    // One tab gives up the place, and the other one shows that.
    await tab.click('#give-up summary');
    await clickFor(tab, '#leave button', '#line[data-view=join]');
    await visitor.asks();
    await visitor.view('join');
  });

  for (const state of ['soon', 'join', 'draw', 'waiting', 'paused', 'called', 'sold-out']) {
    test(`the network is cut and comes back: ${state}`, async () => {
      const visitor = await line.visitor(browser, EN);
      await line.bring(visitor, state);
      const view = await visitor.page.getAttribute('#line', 'data-view');
      await visitor.page.context().setOffline(true);
      await visitor.shows('notice', /Connection lost/);
      if (state === 'waiting') await visitor.judge('wait-lost');
      assert.equal(await visitor.page.getAttribute('#line', 'data-view'), view);
      await visitor.page.context().setOffline(false);
      await visitor.shows('notice', /^(You are connected again\.)?$/);
      await visitor.view(view);
    });
  }

  test('the stream sends message, pause, freeze and sold out without polls', async () => {
    const visitor = await waiting('told', 300, { rate_per_s: 0.01 });
    await untilStreamed('told');
    let asked = 0;
    const began = performance.now();
    visitor.page.on('request', (request) => { asked += /\/(me|status)$/.test(request.url()) ? 1 : 0; });
    await patch(line.front, 'told', { message: { en: 'Line <1>\nline 2' } });
    await visitor.shows('message', /^Line <1>\nline 2$/);
    await act(line.front, 'told', 'pause');
    await visitor.page.locator('#line[data-state=paused] .on-waiting > .only-paused').waitFor();
    await act(line.front, 'told', 'freeze');
    await visitor.page.locator('#line[data-state=frozen] .on-waiting > .only-frozen').waitFor();
    await act(line.front, 'told', 'unfreeze');
    await act(line.front, 'told', 'resume');
    await act(line.front, 'told', 'sold-out');
    await visitor.view('sold-out');
    assert.equal(await text(visitor, 'sold-position'), '301');
    const rarely = 2 + Math.floor((performance.now() - began) / 10_000); // it polls now and then in spite of the stream
    assert.ok(asked <= rarely, `${asked} questions`);
  });

  test('without the stream the polls return the same', async () => {
    await line.open('polled');
    const visitor = await line.visitor(browser, EN);
    await visitor.page.route('**/stream', (route) => route.abort());
    await line.enter(visitor, 'polled');
    await act(line.front, 'polled', 'pause');
    await visitor.page.locator('#line[data-state=paused]').waitFor();
    await act(line.front, 'polled', 'resume');
    await patch(line.front, 'polled', { rate_per_s: 100 });
    await visitor.view('called');
  });

  test('a place that another tab has given up is gone in this one, too', async () => {
    const visitor = await waiting('gave-up');
    await visitor.page.route('**/me', (route) => route.abort()); // this tab does not know yet
    const tab = await visitor.page.context().newPage();
    await tab.goto(`${line.at}/e/gave-up`);
    await tab.click('#give-up summary');
    await clickFor(tab, '#leave button', '#line[data-view=join]');
    await visitor.page.unroute('**/me');
    await visitor.page.click('#give-up summary');
    await visitor.page.click('#leave button');
    await visitor.view('join');
    assert.doesNotMatch(await text(visitor, 'notice'), /didn't work/);
  });

  test('a browser whose storage is full enters as any other', async () => {
    await line.open('full', { rate_per_s: 1000 });
    const visitor = await line.visitor(browser, EN);
    await visitor.page.addInitScript(() => { Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }; });
    await line.enter(visitor, 'full');
    await visitor.view('called');
    await visitor.page.click('#pass button');
    await visitor.page.waitForURL(/\/seats\/full/);
  });

  test('called: notification, title, countdown, and the way in', async () => {
    await line.open('calls', { call_ttl_s: 598 });
    const visitor = await line.visitor(browser, EN);
    const { page } = visitor;
    await page.addInitScript(() => {
      globalThis.notes = [];
      globalThis.tones = 0;
      // Grant notifications: a headless browser shows no prompt.
      globalThis.Notification = class extends EventTarget {
        static permission = 'default';
        static requestPermission() { return Promise.resolve(this.permission = 'granted'); }
        constructor(title, options) { super(); globalThis.notes.push([title, options.tag]); }
        close() {}
      };
      const start = OscillatorNode.prototype.start;
      OscillatorNode.prototype.start = function count(...when) { globalThis.tones += 1; return start.apply(this, when); };
    });
    await line.enter(visitor, 'calls');
    await page.check('#alert');
    await visitor.shows('alert-note', /hear this sound/);
    const probe = await page.evaluate(() => globalThis.tones);
    assert.equal(probe, 2, 'it sounds once, to be known again');
    await patch(line.front, 'calls', { rate_per_s: 100 });
    await visitor.view('called');
    await page.waitForFunction(() => globalThis.notes.length === 1 && globalThis.tones === 8);
    assert.deepEqual(await page.evaluate(() => globalThis.notes), [['It is your turn', '/e/calls']]);
    assert.match(await page.title(), /^[5-9]:\d\d It is your turn – The first night$/);
    assert.match(await text(visitor, 'left'), /^[5-9]:\d\d$/);
    // A front that does not know of the call yet makes no second one of it.
    await alter(page, '**/me', () => ({ place: 'waiting', called: false, call_expires_at: null }), { times: 1 });
    await visitor.asks();
    await visitor.view('waiting');
    await visitor.asks();
    await visitor.view('called');
    assert.equal(await page.evaluate(() => globalThis.notes.length), 1);
    // A call that a sell-out interrupts returns with its time, and rings again.
    await act(line.front, 'calls', 'sold-out');
    await visitor.view('sold-out');
    await Promise.all([page.waitForResponse('**/me'), visitor.asks()]);
    await act(line.front, 'calls', 'open');
    await visitor.view('called');
    assert.match(await text(visitor, 'called-text'), /^Enter by \d\d:\d\d\./);
    assert.match(await text(visitor, 'left'), /^[5-9]:\d\d$/);
    await page.waitForFunction(() => globalThis.notes.length === 2);
    await page.click('#pass button');
    await page.waitForURL(/\/seats\/calls/);
    assert.match(await page.evaluate(() => sessionStorage.getItem('fg_pass_calls')), /^ey/);
    await page.goBack();
    await visitor.view('admitted');
  });

  test('a wrong clock changes no countdown', async () => {
    const visitor = await line.visitor(browser, EN);
    await visitor.page.clock.install({ time: new Date('2031-05-05T05:05:05Z') });
    await line.bring(visitor, 'soon');
    const { json } = await line.front.admin.get('/admin/events/show-soon');
    await visitor.shows('soon-count', /\d/);
    const [, days, h, m, s] = /^(?:(\d+) d )?(\d+):(\d+):(\d+)$/.exec(await text(visitor, 'soon-count'));
    const shown = (((Number(days ?? 0) * 24 + Number(h)) * 60 + Number(m)) * 60 + Number(s)) * 1000;
    assert.ok(Math.abs(Date.parse(json.prequeue_at) - Date.now() - shown) < 60_000, `${shown}`);
  });

  test('a tab polls at once when it wakes, and shows the current state', async () => {
    const visitor = await line.visitor(browser, EN);
    await visitor.page.clock.install();
    await line.open('slept', { call_ttl_s: 3600 });
    await line.enter(visitor, 'slept');
    await visitor.page.clock.pauseAt(Date.now() + 5000);
    await patch(line.front, 'slept', { rate_per_s: 100 });
    await until('the call', async () => (await line.front.http.get('/v1/queue/slept/status')).json.serving >= 1);
    await visitor.page.clock.fastForward('50:00');
    await visitor.page.clock.runFor(2000);
    await visitor.page.clock.resume();
    await visitor.view('called');
    await visitor.shows('left', /^(1:00:00|59:\d\d)$/);
  });

  test('keys alone reach everything, and the focus is never lost', async () => {
    await line.open('keys');
    const visitor = await line.visitor(browser, EN);
    const { page } = visitor;
    const focus = () => page.evaluate(() => document.activeElement.textContent.trim() || document.activeElement.id);
    await line.go(visitor, 'keys');
    while (await focus() !== 'Join the line') await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await visitor.view('waiting');
    assert.equal(await focus(), 'You are in line');
    while (await focus() !== 'Why this wait, and why this place?') await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await visitor.shows('why-more', /no draw/);
    await visitor.judge('wait-why');
    while (await focus() !== 'Give up my place') await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    assert.equal(await focus(), 'Yes, give it up');
    await visitor.judge('wait-leave');
    await page.keyboard.press('Enter');
    await visitor.view('join');
  });

  test('the page checks the draw against the promise that it stored', async () => {
    const visitor = await line.visitor(browser, EN);
    await makePreQueue(line.site, 'drawn', { rate_per_s: 0, beacon: { kind: 'text', words: 'the closing price' } });
    await line.crowd('drawn', 9);
    await line.enter(visitor, 'drawn');
    assert.equal(await text(visitor, 'entry'), '10');
    await visitor.page.click('#why summary');
    await visitor.shows('why-more', /[0-9a-f]{64}.*compare it after the draw/);
    await line.crowd('drawn', 5);
    await act(line.front, 'drawn', 'draw', { body: { beacon: 'closing price' } });
    await visitor.view('waiting');
    await visitor.page.click('#why summary');
    await visitor.page.click('#why summary');
    await visitor.shows('why-more', /number 10 of 15 in the draw has place \d+\..*saved before the draw/);
    await visitor.judge('wait-why-drawn');
    // Reports a false draw. One in fifteen other prices would have drawn the same place for this entry; this price is not
    // one of those.
    await alter(visitor.page, '**/fairness', async (published) => {
      const drawnWith = async (beacon) => (await openDraw({ ...published, beacon })).position(10);
      const real = await drawnWith(published.beacon);
      let price = 0;
      while (await drawnWith(`${price}`) === real) price += 1;
      return { beacon: `${price}` };
    });
    await visitor.page.click('#why summary');
    await visitor.page.click('#why summary');
    await visitor.shows('why-more', /This does not match!/);
    // Another device that takes over the place checks the same draw.
    await clickFor(visitor.page, '#move summary', '#move-more .code');
    const second = await line.visitor(browser, EN);
    await goFor(second.page, `${line.at}/e/drawn#move=${await visitor.page.textContent('#move-more .code')}`, '#take button:focus');
    await second.page.keyboard.press('Enter');
    await second.view('waiting');
    await second.page.click('#why summary');
    await second.shows('why-more', /number 10 of 15 in the draw has place|does not match/);
    assert.match(await text(second, 'why-more'), /number 10 of 15/);
  });

  test('the place moves to another device by QR code, and the first one says so', async () => {
    const first = await waiting('moves');
    await clickFor(first.page, '#move summary', '#move-more svg.qr');
    await first.judge('wait-move');
    const code = await first.page.textContent('#move-more .code');
    const address = await first.page.getAttribute('#move-more svg.qr', 'aria-label');
    assert.equal(address, `${line.at}/e/moves#move=${code}`);
    const second = await line.visitor(browser, { locale: 'ko-KR' });
    await goFor(second.page, address, '#take button:focus');
    assert.equal(await second.page.inputValue('#code'), code);
    await second.judge('wait-bring');
    assert.equal(await first.page.getAttribute('#line', 'data-view'), 'waiting', 'nothing moves before the yes');
    await second.page.keyboard.press('Enter');
    await second.view('waiting');
    assert.equal(await text(second, 'position'), '21');
    await first.asks();
    await first.view('moved');
    await first.judge('wait-moved');
    await first.page.reload();
    await first.view('moved');
    // A mistyped code costs nothing, and is there to be corrected; a valid one restores the place.
    await second.page.click('#move summary');
    const back = await second.page.locator('#move-more .code').textContent();
    await first.page.click('#bring summary');
    await first.page.fill('#code', 'AAAA-BBBB CCCC');
    await first.page.keyboard.press('Enter');
    await first.shows('notice', /typing error/);
    await first.page.locator('#code:focus').waitFor();
    assert.equal(await first.page.inputValue('#code'), 'AAAA-BBBB CCCC');
    assert.doesNotMatch(first.page.url(), /AAAA/);
    await first.page.fill('#code', back.toLowerCase().replaceAll('-', ' '));
    await first.page.keyboard.press('Enter');
    await first.view('waiting');
    assert.equal(await text(first, 'position'), '21');
  });

  test('after moving the place away a visitor may join again, at the end', async () => {
    const first = await waiting('moves-anew', 4);
    await first.page.click('#move summary');
    const code = await first.page.locator('#move-more .code').textContent();
    const second = await line.visitor(browser, EN);
    await goFor(second.page, `${line.at}/e/moves-anew#move=${code}`, '#take button:focus');
    await second.page.keyboard.press('Enter');
    await second.view('waiting');
    await first.asks();
    await first.view('moved');
    await first.page.click('.on-moved summary');
    await first.judge('wait-moved-anew');
    await first.page.click('#anew button');
    await first.view('waiting');
    assert.deepEqual([await text(first, 'position'), await text(second, 'position')], ['6', '5']);
  });

  test('a visitor of a lane checks the draw of that lane', async () => {
    await makePreQueue(line.site, 'drawn-lane', { rate_per_s: 0, lanes: [{ id: 'fans', name: 'Fans', share: 30, invitations: 9 }] });
    const { invitations } = (await line.front.admin.get('/admin/events/drawn-lane/lanes/fans/invitations')).json;
    const [mine, ...others] = invitations.map(({ code }) => code);
    for (const code of others) await line.front.http.post('/v1/queue/drawn-lane/join', { headers: { 'x-invitation': code } });
    const visitor = await line.visitor(browser, EN);
    await line.enter(visitor, 'drawn-lane'); // stores the general line's commitment
    await goFor(visitor.page, `${line.at}/e/drawn-lane#invitation=${mine}`, '#guest button:focus');
    await visitor.page.keyboard.press('Enter');
    await visitor.shows('entry', /^9$/);
    // A later step of the schedule gives a wait, too.
    await alter(visitor.page, '**/me', () => ({ eta: { p50_s: 1500, p90_s: 1800, basis: 'knobs' } }));
    await act(line.front, 'drawn-lane', 'draw');
    await visitor.view('waiting');
    await visitor.page.click('#why summary');
    await visitor.shows('why-more', /Nobody is being called right now/);
    await visitor.shows('why-more', /number 9 of 9 in the draw has place \d\./);
    await clickFor(visitor.page, '#why-more a', '#verdict.good');
  });

  test('the page names its lane and share; an invitation leads into another lane', async () => {
    const fans = { id: 'fans', name: 'Fan <club>', share: 30, invitations: 5 };
    await line.open('laned', { lanes: [fans] });
    const { invitations } = (await line.front.admin.get('/admin/events/laned/lanes/fans/invitations')).json;
    await line.crowd('laned', 3);
    const visitor = await line.visitor(browser, EN);
    await line.enter(visitor, 'laned');
    await visitor.shows('lane', /“for everyone”.* 70 of 100/);
    assert.equal(await text(visitor, 'position'), '4');
    // A mistyped code changes nothing; a link fills the field.
    await visitor.page.click('#invite summary');
    await visitor.page.fill('#invitation', '초대 no such thing'); // typed with a Korean keyboard
    await visitor.page.click('#guest button');
    await visitor.shows('notice', /not for this event/);
    await visitor.page.locator('#invitation:focus').waitFor();
    assert.equal(await visitor.page.inputValue('#invitation'), '초대 no such thing');
    assert.equal(await text(visitor, 'position'), '4');
    // One guess too many is explained and not repeated.
    await visitor.page.route('**/join', (route) => route.fulfill({ status: 429, headers: { 'retry-after': '1' }, contentType: 'application/problem+json', body: '{"status":429,"code":"too-many-codes"}' }), { times: 1 });
    await visitor.page.fill('#invitation', 'no such thing');
    await visitor.page.click('#guest button');
    await visitor.shows('notice', /Too many wrong codes/);
    await goFor(visitor.page, `${line.at}/e/laned#invitation=${invitations[0].code}`, '#guest button:focus');
    await visitor.judge('wait-invited');
    await visitor.page.keyboard.press('Enter');
    await visitor.shows('lane', /“Fan <club>”.* 30 of 100/);
    assert.equal(await text(visitor, 'position'), '1');
    await visitor.page.reload();
    await visitor.shows('lane', /“Fan <club>”.* 30 of 100/);
    // The page shows the operator's change at once.
    await patch(line.front, 'laned', { lanes: [{ ...fans, share: 45 }] });
    await visitor.shows('lane', / 45 of 100/);
    await visitor.close();
    const plain = await line.visitor(browser, { locale: 'ko-KR', javaScriptEnabled: false });
    await line.go(plain, 'laned');
    await plain.page.click('#invite summary');
    await plain.page.fill('#invitation', invitations[1].code);
    await plain.page.click('#guest button');
    await plain.view('waiting');
    assert.match(await text(plain, 'lane'), /‘Fan <club>’.* 45번/);
    assert.equal(await text(plain, 'position'), '2');
  });

  test('a typed code brings the place without a script too', async () => {
    const first = await waiting('moves-plain', 4);
    await first.page.click('#move summary');
    const code = await first.page.locator('#move-more .code').textContent();
    const second = await line.visitor(browser, { ...EN, javaScriptEnabled: false });
    await line.go(second, 'moves-plain');
    await second.page.click('#bring summary');
    await second.page.fill('#code', code);
    await second.page.click('#take button');
    await second.view('waiting');
    assert.equal(await text(second, 'position'), '5');
  });

  test('the page shows the opening time, joined or not, with and without a script', async () => {
    for (const javaScriptEnabled of [true, false]) {
      const visitor = await line.visitor(browser, { ...EN, javaScriptEnabled });
      for (const state of ['join-draw', 'draw']) {
        await line.bring(visitor, state);
        assert.match(await visitor.page.locator('.begins:visible').textContent(), /opens .*20\d\d/, `${state}, ${javaScriptEnabled}`);
      }
      await visitor.close();
    }
  });

  test('at the opening of a draw the page says that entries are closed and what it waits for', async () => {
    const beacons = await openBeacons(scope);
    for (const relay of beacons.relays) relay.mood = 'down';
    const drawn = await openLine(scope, { config: { line: { gone_after: '1h' }, beacon: beacons.config } });
    await makePreQueue(drawn.site, 'awaits', { rate_per_s: 0, beacon: { kind: 'drand', late_s: 600 } });
    const visitors = [];
    for (const options of [EN, { locale: 'ko-KR' }, { ...EN, javaScriptEnabled: false }]) {
      const visitor = await drawn.visitor(browser, options);
      await drawn.enter(visitor, 'awaits');
      await visitor.view('draw');
      visitors.push(visitor);
    }
    await patch(drawn.front, 'awaits', { opens_at: at(1500) });
    for (const [i, words] of [/^Entries are closed\. The draw is waiting for the beacon/, /^참여가 마감되었습니다\. 비컨/, /^Entries are closed/].entries()) {
      const { page } = visitors[i];
      await until('the page to say so', async () => {
        if (i === 2) await page.reload();
        return words.test(await page.locator('.begins:visible').textContent());
      });
      assert.equal(await page.locator('#draw-count').isVisible(), false);
    }
    for (const relay of beacons.relays) relay.mood = 'fine';
    for (const visitor of visitors.slice(0, 2)) {
      await visitor.view('waiting');
      await visitor.close();
    }
    await visitors[2].close();
  });

  test('the page shows the closing time and its removal, with and without a script', async () => {
    await line.open('closing', { closes_at: at(9 * 3600_000) });
    for (const options of [{ locale: 'ko-KR', javaScriptEnabled: false }, EN]) {
      const visitor = await line.visitor(browser, options);
      const closes = visitor.page.locator('#closes:visible');
      await line.go(visitor, 'closing');
      await visitor.view('join');
      assert.match(await closes.textContent(), options === EN ? /closes on .*20\d\d/ : /20\d\d.*종료됩니다/);
      await line.join(visitor);
      assert.match(await closes.textContent(), options === EN ? /closes on .*20\d\d/ : /20\d\d.*종료됩니다/);
      if (options === EN) {
        await patch(line.front, 'closing', { closes_at: null });
        await closes.waitFor({ state: 'hidden' });
      }
      await visitor.close();
    }
  });

  test('the page tells a late visitor that the call is still valid', async () => {
    const visitor = await line.visitor(browser, EN);
    await line.bring(visitor, 'late');
    await visitor.shows('announce', /still enter/);
  });

  // By keyboard alone: the focus stays on the button.
  test('a call and a visit that end soon say so, and one key extends them', async () => {
    const visitor = await called('hurried', { rate_per_s: 1000, call_ttl_s: 55, grace_s: 600, session_ttl_s: 55, session_max_s: 3600 });
    const { page } = visitor;
    const left = () => page.evaluate(() => document.title.split(' ')[0].split(':').reduce((sum, n) => 60 * sum + Number(n), 0));
    // More time is shown only after it was granted.
    const inVain = async (act, button) => {
      await page.route(`**/${act}`, (route) => route.fulfill({ status: 503, json: { status: 503, code: 'unavailable' } }), { times: 1 });
      await page.focus(button);
      await page.keyboard.press('Enter');
      await visitor.shows('notice', /didn't work/);
    };
    await visitor.shows('announce', /left. Press “I need more time”/);
    assert.match(await page.title(), /^0:\d\d It is your turn/);
    await inVain('extend', '#extend button');
    await page.keyboard.press('Enter');
    await visitor.shows('notice', /more time now/);
    await until('more time in the title', async () => await left() > 55);
    await visitor.judge('wait-hurried');
    await line.pass(visitor);
    await visitor.view('admitted');
    await visitor.shows('announce', /left. Press/);
    assert.match(await page.title(), /^0:\d\d You are in/);
    const ends = async () => (await (await page.request.get(`${line.at}/v1/queue/hurried/me`)).json()).session_expires_at;
    const before_ = await ends();
    await inVain('session', '#stay button');
    await until('the visit to be longer', async () => {
      await page.keyboard.press('Enter');
      return await ends() > before_;
    });
    await visitor.shows('notice', /more time now/);
    visitor.wrong.length = 0; // the browser logs refused requests
  });

  test('a visit that runs out says so without a press', async () => {
    const visitor = await called('outlived', { rate_per_s: 1000, session_ttl_s: 10, session_max_s: 10 });
    await line.pass(visitor);
    await visitor.view('admitted', 'expired'); // a busy machine may take the whole visit to show it
    await visitor.view('expired');
    const words = () => visitor.page.locator('.on-expired.card').innerText();
    assert.match(await words(), /You can join again/);
    await act(line.front, 'outlived', 'sold-out');
    await visitor.page.locator('#line[data-state=sold-out]').waitFor();
    assert.match(await words(), /The event is sold out/);
    assert.doesNotMatch(await words(), /join again/i);
    await act(line.front, 'outlived', 'open');
    await visitor.page.locator('#again').waitFor();
    // Another tab that shows the end follows when the visitor joins again here; each lane counts from 1.
    const tabs = await Promise.all([visitor.page, visitor.page].map((page) => page.context().newPage()));
    for (const tab of tabs) await goFor(tab, `${line.at}/e/outlived`, '#line[data-view=expired]');
    await alter(tabs[1], '**/me', () => ({ lane: 'fans', position: 1 }));
    await patch(line.front, 'outlived', { rate_per_s: 0 });
    await visitor.page.click('#again button');
    await visitor.view('waiting');
    for (const tab of tabs) {
      await tab.evaluate(() => dispatchEvent(new Event('online')));
      await tab.locator('#line[data-view=waiting]').waitFor();
    }
  });

  test('a called member without the shop\'s token reads what to do', async () => {
    const visitor = await called('signed-out');
    await visitor.page.route('**/pass', (route) => route.fulfill({ status: 401, json: { status: 401, code: 'member-required' } }));
    await visitor.page.click('#pass button');
    await visitor.shows('notice', /for members. Please sign in/);
    visitor.wrong.length = 0; // the browser logs refused requests
  });

  test('the page retries files that it loads on demand', async () => {
    const visitor = await line.visitor(browser, EN);
    const { page } = visitor;
    let refused = 0;
    await page.route('**/turn.js*', (route) => {
      refused += 1;
      return refused <= 2 ? route.abort('internetdisconnected') : route.continue();
    });
    await line.open('late-parts', { rate_per_s: 10, burst: 10 });
    await line.enter(visitor, 'late-parts');
    await visitor.view('called');
    await page.waitForFunction(() => /^\d+:\d\d$/.test(document.title.split(' ')[0]));
    assert.ok(refused > 2, String(refused));
  });

  test('a phrase that has not come is left out, and no name is shown for it', async () => {
    const { page } = await called('late-words');
    await page.route('**/more.*.json', (route) => route.abort());
    const turn = page.waitForResponse(/\/turn\.js/);
    await page.reload();
    await turn;
    await page.evaluate(() => new Promise((drawn) => { requestAnimationFrame(() => requestAnimationFrame(drawn)); }));
    assert.doesNotMatch(await page.title(), /more/);
    await page.unroute('**/more.*.json');
    await page.waitForFunction(() => /It is your turn/.test(document.title));
  });

  test('from the seats the page leads straight back in, and waits during an outage', async () => {
    const visitor = await called('metre');
    const { page } = visitor;
    await page.click('#pass button');
    await page.waitForURL(/\/seats\/metre/);
    await page.evaluate(() => sessionStorage.clear());
    let down = true;
    await page.route('**/seats/metre', (route) => (down ? route.fulfill({ status: 503, body: '' }) : route.continue()));
    await page.goto(`${line.at}/e/metre#in`);
    const isOpening = async (text) => {
      await visitor.view('opening');
      await visitor.shows('opening', text);
      assert.deepEqual(await page.locator('#line :is(button, .count, #visit-left, #called-text, #notice:not(:empty)):visible').allTextContents(), [], 'one sentence');
      assert.equal(await page.title(), 'The first night', 'and no clock that stands still');
    };
    await isOpening(/hall is opening/);
    await visitor.judge('waiting-opening');
    let halted = true;
    await alter(page.context(), '**/me', () => ({ ...(halted && { visits_halted: true }), poll_after_ms: 60_000 }));
    await page.evaluate(() => dispatchEvent(new Event('online'))); // polls at once
    await isOpening(/time is not running/);
    const tab = await page.context().newPage();
    await tab.goto(`${line.at}/e/metre`);
    await tab.waitForFunction(() => /time is not running/.test(document.getElementById('visit-left').textContent));
    assert.equal(await tab.title(), 'You are in – The first night');
    halted = false; // the pause was too long
    await tab.waitForFunction(() => /^Time left: \d+:\d\d$/.test(document.getElementById('visit-left').textContent));
    await tab.close();
    await isOpening(/hall is opening. Your visit is kept/);
    await page.context().unroute('**/me');
    await page.reload(); // continues with it
    await isOpening(/hall is opening/);
    const hall = (status, code) => (route) => route.fulfill({ status, contentType: 'application/problem+json', body: JSON.stringify({ status, code }) });
    await page.route('**/v1/seats/metre', hall(404, 'event-unknown'));
    down = false;
    await isOpening(/hall of this event is not open yet/);
    await page.route('**/v1/seats/metre', hall(503, 'event-asleep'));
    await isOpening(/hall is opening/);
    await page.unroute('**/v1/seats/metre');
    await page.waitForURL(/\/seats\/metre$/);
    assert.ok(await page.evaluate(() => sessionStorage.getItem('fg_pass_metre')));
    visitor.wrong.length = 0; // the browser logs failed requests
  });

  test('to enter during an outage one press is enough; the page keeps trying', async () => {
    const visitor = await called('metre-busy');
    const { page } = visitor;
    const ways = [
      (route) => route.fulfill({ status: 503, headers: { 'retry-after': '0' }, contentType: 'application/problem+json', body: '{"status":503,"code":"unavailable"}' }),
      (route) => route.fulfill({ status: 429, headers: { 'retry-after': '0' }, contentType: 'application/problem+json', body: '{"status":429,"code":"too-many-requests"}' }),
      (route) => route.abort(),
    ];
    await page.route('**/pass', async (route) => (ways.shift() ?? ((passed) => passed.continue()))(route));
    const told = page.waitForFunction(() => /keeps trying/.test(document.getElementById('notice').textContent));
    await page.click('#pass button');
    await told;
    await page.waitForURL(/\/seats\/metre-busy/);
    assert.equal(ways.length, 0);
    visitor.wrong.length = 0; // the browser logs failed requests
  });

  test('the page shows when to be back, in the reader\'s own time, and for how long it is then their turn', async () => {
    for (const [locale, zone, back, have] of [
      ['en-GB', 'Europe/London', /^Be back by \d\d:\d\d\. You can close this page/, '2 minutes to enter'],
      ['en-US', 'America/New_York', /^Be back by \d\d:\d\d\. You can close this page/, '2 minutes to enter'],
      ['ko-KR', 'Asia/Seoul', /^\d\d:\d\d까지 돌아오세요\./, '2분 안에 입장'],
    ]) {
      const visitor = await line.visitor(browser, { locale, timezoneId: zone });
      const { page } = visitor;
      let eta = { p50_s: 1500, p90_s: 1800, basis: 'measured' };
      await page.route('**/stream', (route) => route.abort());
      await alter(page, '**/me', () => ({ eta }));
      await line.bring(visitor, 'waiting');
      await visitor.asks();
      await visitor.shows('eta', /^25 /);
      await visitor.shows('say', back);
      await page.click('#why summary');
      await page.locator('#why-more p').first().waitFor();
      const [perMinute, ahead] = (await page.locator('#why-more p').first().textContent()).match(/\d+(\.\d+)?/g).slice(-2).map(Number);
      assert.equal(perMinute, Number(((ahead + 1) / 25).toPrecision(2)), 'the shown wait, not the allowed rate');
      assert.equal(await page.locator('dt', { hasText: /Then you have|내 차례가 되면/ }).locator('xpath=../dd').textContent(), have);
      // Half of the visitors wait 25 minutes; nine in ten are not called in the first 20.
      const [from, to, by, now] = (await page.evaluate(() => [...['likely', 'latest', 'say'].map((id) => document.getElementById(id).textContent), new Date().toTimeString()])) // at one instant
        .map((one) => one.match(/\d+:\d\d/)[0].split(':').map(Number)).map(([h, m]) => 60 * h + m);
      const between = (a, b) => (b - a + 1440) % 1440;
      assert.deepEqual([between(by, from), between(from, to)].map((min) => min === 5 || min === 6), [true, true], `${by}, ${from}, ${to}`);
      assert.ok(between(now, from) <= 26, `${from} at ${now}`);
      // A wait of over a week is unknown, and one of seconds is too coarse: neither says how fast people are called.
      for (const p50_s of [null, 2]) {
        eta = { p50_s, p90_s: p50_s, basis: p50_s === null ? 'unknown' : 'measured' };
        await visitor.asks();
        await visitor.shows('likely', p50_s === null ? /^$/ : /\d/);
        await page.click('#why summary');
        await page.click('#why summary');
        await page.waitForFunction(() => document.querySelector('#why-more p')?.textContent === document.getElementById('ahead').textContent);
      }
      await visitor.close();
    }
  });

  // Two pages of one place: as served, and after its script has run. Later updates are blocked.
  test('all that is said of the wait is the same without a script, in each language', async () => {
    await line.open('one-fact', { rate_per_s: 0, starts_at: '2027-06-12T10:00:00Z', time_zone: 'Asia/Seoul' });
    await act(line.front, 'one-fact', 'pause'); // while open, a line that has not moved for fifteen seconds shows no wait
    await line.crowd('one-fact', 120);
    const place = await line.visitor(browser, EN);
    await line.enter(place, 'one-fact');
    const storageState = await place.page.context().storageState();
    await place.close();
    const seen = new Set();
    for (const rate of [0, 0.1, 0.02, 0.005, 0.001]) {
      await patch(line.front, 'one-fact', { rate_per_s: rate, burst: 1 });
      for (const [locale, timezoneId] of [['en-GB', 'Europe/London'], ['ko-KR', 'Asia/Seoul']]) {
        const visitor = await line.visitor(browser, { locale, storageState, timezoneId });
        await visitor.page.route(/\/(me|status|stream)$/, (route) => route.abort());
        await visitor.page.addInitScript(() => document.addEventListener('readystatechange', () => {
          new MutationObserver(() => { globalThis.drawn = true; }).observe(document.getElementById('queue'), { childList: true });
        }, { once: true }));
        await act(line.front, 'one-fact', 'resume');
        const came = await (await visitor.page.goto(`${line.at}/e/one-fact`)).text();
        await act(line.front, 'one-fact', 'pause');
        await visitor.page.waitForFunction(() => globalThis.drawn);
        const said = await visitor.page.evaluate(([ids, html]) => {
          const pages = [new DOMParser().parseFromString(html, 'text/html'), document];
          const shown = (at) => (at.id === 'queue' ? at.innerHTML : at.textContent.trim());
          return ids.map((id) => [id, ...pages.map((page) => shown(page.getElementById(id)))]);
        }, [WAIT, came]);
        const here = / \((\d\d:\d\d) by the clock of this device\)/; // in London; all else is in the hall's time
        for (const [id, plain, scripted] of said) assert.equal(scripted.replace(here, ''), plain, `${id}, ${rate} a second, ${locale}`);
        const [, , latest] = said.find(([id]) => id === 'latest');
        assert.equal(here.test(latest), locale === 'en-GB' && latest !== '', latest);
        await visitor.judge('one-fact', { axe: false }); // two times on one line are wider than a phone
        seen.add(`${locale} ${said[0][1]}`);
        await visitor.close();
      }
    }
    assert.equal(seen.size, 10, [...seen].join());
  });

  test('the wait and its times follow a new rate with the stream alone', async () => {
    const visitor = await waiting('slower', 120, { rate_per_s: 0.1, burst: 1 });
    const { page } = visitor;
    await untilStreamed('slower');
    await page.route('**/me', () => {}); // the page's own poll never gets an answer
    await patch(line.front, 'slower', { rate_per_s: 0.05 });
    await visitor.shows('eta', /^[34]\d minutes$/);
    const [minutes, back, likely, latest, now] = await page.evaluate(() => {
      const at = (text) => { const [h, m] = text.match(/\d+:\d\d/)[0].split(':').map(Number); return 60 * h + m; };
      const of = (id) => document.getElementById(id).textContent;
      return [parseInt(of('eta'), 10), ...['say', 'likely', 'latest'].map((id) => at(of(id))), at(new Date().toTimeString())];
    });
    const after = (time) => (time - now + 1440) % 1440;
    assert.ok(Math.abs(after(likely) - minutes) <= 1, `${minutes} minutes, ${likely} at ${now}`);
    assert.ok(after(back) <= after(likely) && after(likely) <= after(latest), `${back}, ${likely}, ${latest} at ${now}`);
    assert.match(await page.title(), new RegExp(`^${minutes} minutes – `));
  });

  test('the times of the line are the hall\'s, and this device\'s if they differ', async () => {
    const show = { starts_at: '2027-06-12T10:00:00Z', time_zone: 'Asia/Seoul', closes_at: '2027-06-12T09:05:00Z' };
    await line.open('abroad', { ...show, rate_per_s: 1000, call_ttl_s: 600 });
    for (const [locale, timezoneId, plain, here] of [
      ['en-GB', 'Europe/London', /^It closes on Sat 12 June 2027, 18:05\./, / 18:05 \(.* 10:05 by the clock of this device\)\./],
      ['ko-KR', 'America/New_York', /^2027년 6월 12일 \(토\) 18:05에 종료됩니다\./, /오후 6:05\(이 기기의 시각으로 .* 오전 5:05\)에/],
      ['ko-KR', 'Asia/Seoul', /18:05에/, /^[^(]* 오후 6:05에/],
    ]) {
      const visitor = await line.visitor(browser, { locale, timezoneId, javaScriptEnabled: false });
      await line.enter(visitor, 'abroad');
      assert.match(await text(visitor, 'closes'), plain);
      const by = await text(visitor, 'left');
      const scripted = await line.visitor(browser, { locale, timezoneId, storageState: await visitor.page.context().storageState() });
      await line.go(scripted, 'abroad');
      await scripted.shows('closes', here);
      await scripted.shows('called-text', new RegExp(`\\b${by}`));
      for (const one of [visitor, scripted]) await one.close();
    }
  });

  test('dates are in the reader\'s form; before a pre-queue the page shows the opening', async () => {
    for (const [locale, pattern] of [['en-GB', /From \w+,? \d+ \w+ \d{4} at \d\d:\d\d .* opens on \w+,? \d+ \w+ \d{4}/], ['en-US', /From \w+, \w+ \d+, \d{4} .* opens on \w+, \w+ \d+/]]) {
      for (const javaScriptEnabled of [true, false]) {
        const visitor = await line.visitor(browser, { locale, javaScriptEnabled });
        await line.bring(visitor, 'soon');
        const told = await visitor.page.locator('.on-soon .begins').textContent();
        assert.match(told, javaScriptEnabled ? pattern : /From \w+ \d+ \w+ \d{4}, \d\d:\d\d UTC .* opens on .*\d UTC\./);
        await visitor.close();
      }
    }
  });

  test('on phones a service worker shows the call, with a link in', async () => {
    await line.open('worker', { call_ttl_s: 90 });
    const visitor = await line.visitor(browser, { ...EN, permissions: ['notifications'] });
    const { page } = visitor;
    await page.addInitScript(() => {
      globalThis.shown = [];
      ServiceWorkerRegistration.prototype.showNotification = async function show(title, { tag, actions, data }) {
        globalThis.shown.push([title, tag, data, actions.map((one) => one.title).join(), new URL(this.scope).pathname]);
      };
    });
    await line.enter(visitor, 'worker');
    await page.check('#alert');
    await visitor.shows('alert-note', /./);
    await patch(line.front, 'worker', { rate_per_s: 100 });
    await visitor.view('called');
    await page.locator('#alert').waitFor({ state: 'hidden' }); // there is no permission left to request
    if (await page.evaluate(() => Notification.permission) === 'granted') {
      await page.waitForFunction(() => globalThis.shown.length === 1);
      assert.deepEqual(await page.evaluate(() => globalThis.shown), [['It is your turn', '/e/worker', '/e/worker', 'Enter', '/e/']]);
    }
  });

  test('a worker does the proof of work and shows its progress', async () => {
    await line.open('worked', { pow_bits: 19 });
    const visitor = await line.visitor(browser, EN);
    const letGo = await visitor.hold('**/pow*.js', 'GET'); // a fast one might end before it is visible
    await line.go(visitor, 'worked');
    await clickFor(visitor.page, '#join button', '#work');
    await visitor.judge('wait-work');
    letGo();
    await visitor.view('waiting');
    await visitor.page.locator('#work').waitFor({ state: 'hidden' });
  });

  test('a long or impossible proof of work shows the contact for appeals', async () => {
    await line.open('toiled', { pow_bits: 8, appeal: { en: 'https://help.example/line' } });
    const { page } = await line.visitor(browser, EN);
    await page.clock.install();
    await page.goto(`${line.at}/e/toiled`);
    const given = page.locator('#appeal a[href="https://help.example/line"]');
    // A worker whose script never loads never finishes.
    let release;
    await page.route('**/pow*.js', (route) => { release = () => route.abort(); });
    await page.clock.pauseAt(Date.now() + 5000); // only the seconds from here on pass
    await Promise.all([page.waitForRequest('**/pow*.js'), page.click('#join button')]);
    await page.clock.runFor(7000);
    assert.ok(await page.isHidden('#appeal'), 'work is done soon, mostly');
    await page.clock.runFor(2000);
    await given.waitFor();
    await page.clock.resume();
    await page.reload();
    await Promise.all([page.waitForRequest('**/pow*.js'), page.click('#join button')]);
    release();
    await given.waitFor();
    await page.context().close();
  });

  test('a screen reader announces changes that matter, not each poll', async () => {
    const visitor = await line.visitor(browser, EN);
    await visitor.page.addInitScript(() => {
      globalThis.said = [];
      document.addEventListener('DOMContentLoaded', () => {
        const note = () => globalThis.said.push(document.getElementById('announce').textContent);
        new MutationObserver(note).observe(document.getElementById('announce'), { childList: true, characterData: true, subtree: true });
      });
    });
    let minutes = 20;
    const me = () => ({ event: 'said', state: 'open', place: 'waiting', position: 900, ahead: minutes * 10, called: false, call_expires_at: null, poll_after_ms: 1000, eta: { p50_s: minutes * 50, p90_s: minutes * 60, basis: 'measured' } });
    await visitor.page.route('**/me', (route) => {
      minutes = Math.max(1, minutes - 1);
      return route.fulfill({ json: me() });
    });
    await visitor.page.clock.install();
    await line.open('said');
    await line.enter(visitor, 'said');
    while (minutes > 1) await visitor.page.clock.runFor(1000);
    await visitor.shows('eta', /^1 minute$/);
    const said = await visitor.page.evaluate(() => globalThis.said.filter((words) => /Expected/.test(words)));
    assert.ok(said.length <= 6, said.join(' | '));
    assert.ok(said.includes('Expected wait: 10 minutes'), said.join(' | '));
  });
});

// The page of the draw: the promise, the wait for the beacon, and the whole draw with the round's signature
// checked in the visitor's browser.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openBeacons } from '../lib-js/beacon.js';
import { openScope, until } from '../lib-js/index.js';
import { openDraw } from '../../queue-front/web/draw-check.js';
import { act, at, makeEvent, makePreQueue, openLine, patch } from './line-world.js';
import { alter, closeAfterEach, openBrowser } from './world.js';

const WAYS = [
  { name: 'en-light', locale: 'en-GB', colorScheme: 'light' },
  { name: 'ko-dark', locale: 'ko-KR', colorScheme: 'dark', viewport: { width: 1280, height: 800 } },
];

describe('the page of the draw', async () => {
  const scope = openScope(test);

  const beacons = await openBeacons(scope);
  const [line, browser] = await Promise.all([openLine(scope, { config: { line: { gone_after: '1h' }, beacon: beacons.config } }), openBrowser(scope)]);
  closeAfterEach();

  const fairness = async (id) => (await line.front.http.get(`/v1/queue/${id}/fairness`)).json;

  async function gather(id, beacon) {
    await makePreQueue(line.site, id, { name: 'The first night', rate_per_s: 0, beacon });
    await line.crowd(id, 7);
  }

  for (const { name, ...way } of WAYS) {
    // judges: draw
    test(`a promise, a wait, and a draw that the browser checks: ${name}`, async () => {
      const id = `fair-${name}`;
      const korean = way.locale === 'ko-KR';
      await gather(id, { kind: 'drand', late_s: 3600 });
      const visitor = await line.visitor(browser, way);
      const { page } = visitor;
      const files = [];
      page.on('request', (request) => files.push(request.url()));
      // By keyboard from the waiting page.
      await line.enter(visitor, id);
      assert.equal(await page.textContent('#entry'), '8');
      await page.click('#why summary');
      await page.locator('#why-more a').focus();
      await page.keyboard.press('Enter');
      await page.waitForURL(`**/e/${id}/fairness#entry=8`);
      await visitor.shows('now', korean ? /아직 아무도 모릅니다/ : /Nobody knows the beacon's value yet/);
      const promised = await fairness(id);
      assert.ok((await page.textContent('#facts')).includes(promised.commitment));
      await visitor.judge(`fair-promised-${name}`);

      for (const relay of beacons.relays) relay.mood = 'down';
      await patch(line.front, id, { opens_at: at(500) });
      await page.route('**/more.*.json', (route) => route.abort(), { times: 1 }); // its phrases, which it gets the second time
      await page.reload(); // its next poll may be some seconds away
      await visitor.shows('now', korean ? /마감되어/ : /Entries are closed, and how many/);
      assert.doesNotMatch(await page.textContent('#fair'), /more\./);
      await visitor.judge(`fair-waits-${name}`);
      assert.equal(files.some((url) => url.endsWith('bls.min.js')), false, 'not before there is something to check');
      for (const relay of beacons.relays) relay.mood = 'fine';
      await page.locator('#verdict.good').waitFor();
      const shown = await fairness(id);
      assert.ok(files.some((url) => url.endsWith('bls.min.js')));
      assert.equal(await page.locator('#checks .wrong').count(), 0);
      assert.equal(await page.locator('#checks .good').count(), 5, await page.textContent('#checks'));
      const place = (await openDraw(shown)).position(8);
      assert.equal(await page.inputValue('#entry'), '8');
      await visitor.shows('where', korean ? new RegExp(`순번은 ${place}번`) : new RegExp(`has place ${place}\\.`));
      await visitor.judge(`fair-drawn-${name}`);

      // Another round's signature fails the check, even with its own hash.
      const other = beacons.chain.beacon(shown.proof.round + 1);
      await alter(page, '**/v1/queue/*/fairness', ({ proof }) => ({ beacon: other.randomness, proof: { ...proof, signature: other.signature } }));
      await page.reload();
      await page.locator('#verdict.wrong').waitFor();
      assert.equal(await page.locator('#checks .wrong').count(), 1);
      await visitor.judge(`fair-forged-${name}`);
    });
  }

  test('a late beacon and an operator\'s value: the page says what each proves', async () => {
    await gather('late', { kind: 'text', words: 'the lottery numbers of Saturday', late_s: 5 });
    await gather('words', { kind: 'text', words: 'the lottery numbers of Saturday' });
    const visitor = await line.visitor(browser, { locale: 'en-GB' });
    await act(line.front, 'words', 'draw', { body: { beacon: '3 8 15 16' } });
    await patch(line.front, 'late', { opens_at: at(300) });
    await visitor.page.goto(`${line.at}/e/words/fairness`);
    await visitor.shows('checks', /named "3 8 15 16"\. Compare it with its source: the lottery numbers/);
    await visitor.page.click('details summary');
    await visitor.shows('proves', /no program can/);
    await visitor.judge('fair-words');
    await until('the late draw', async () => (await fairness('late')).drawn);
    await visitor.page.goto(`${line.at}/e/late/fairness`);
    await visitor.shows('verdict', /the beacon was late: the secret alone decided/);
    await visitor.page.goto(`${line.at}/e/late/fairness?lane=nowhere#entry=9`);
    await visitor.shows('notice', /no such event/);
    await visitor.page.click('nav a[hreflang=ko]');
    await visitor.page.waitForURL('**/fairness?lane=nowhere&lang=ko#entry=9');
    assert.equal((await visitor.page.goto(`${line.at}/e/nothing/fairness`)).status(), 404);
  });

  test('an event that is created again has a promise of its own', async () => {
    const visitor = await line.visitor(browser, { locale: 'en-GB' });
    const { page } = visitor;
    await makeEvent(line.site, 'again', {}, { open: false });
    await line.go(visitor, 'again');
    assert.equal((await line.front.admin.delete('/admin/events/again', { headers: { 'If-Match': '"1"' } })).status, 204);
    await gather('again', { kind: 'text', words: 'the weather' });
    await line.enter(visitor, 'again');
    await act(line.front, 'again', 'draw', { body: { beacon: 'rain' } });
    await visitor.view('waiting');
    await page.click('#why summary');
    await visitor.shows('why-more', /number 8 of 8 in the draw has place \d\..*saved before the draw/);
    await page.click('#why-more a');
    await visitor.shows('checks', /saved before the draw/);
    assert.equal(await page.locator('#checks .wrong').count(), 0, await page.textContent('#checks'));
  });

  test('without a script the page says how to check', async () => {
    const visitor = await line.visitor(browser, { locale: 'en-GB', javaScriptEnabled: false });
    await visitor.page.goto(`${line.at}/e/words/fairness`);
    assert.match(await visitor.page.textContent('main'), /Without it, use the command below/);
  });
});

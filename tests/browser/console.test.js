// An operator's night, in a real browser: on a phone in the dark, in Korean, and at a desk, in
// English. One page, three services; the API confirms each action that the page reports.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { client, CookieJar, openScope, openStack, until } from '../lib-js/index.js';
import { hall, importHall } from '../integration/seat-service/site.js';
import { openLooks } from './look.js';
import { clickFor, closeAfterEach, confirm, customer, downloaded, goFor, openBrowser, openFirefox, Operator } from './world.js';

const MANNERS = {
  'phone-ko-dark': { locale: 'ko-KR', colorScheme: 'dark', viewport: { width: 360, height: 740 } },
  'desk-en': { locale: 'en-GB', viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1, reducedMotion: 'reduce' },
};

// Parts that differ between runs: digits of counts, entries of the trail, a chart's legend, the
// reconciliation's result. One chart represents its neighbours.
const LUCK = {
  few: ['#events li', '#letters li', '#audit li', '#timeline li', '#sagas li', '#scanner-list li', '#conflicts li', '.chart'],
  not: ['.count', '.facts', '.verdict', '.vitals', '#alarms', '#plan', '#as-of', '#endings p', '.bar-with-words', '.chart .legend', '.chart .scroll', '#event-state', '#reconcile div', '#autopilot-now p', '#audit .sides'],
  across: true,
};
// At a desk the knobs are in columns, and one more line can move a group into another column.
const luckOf = ({ name }) => (name === 'desk-en' ? { ...LUCK, few: [...LUCK.few, '#knob-form .group'] } : LUCK);

describe('the console', async () => {
  const scope = openScope(test);
  const looks = openLooks(scope, 'console');
  const bought = {}; // by each manner's guest

  const doc = async (id = 'demo') => (await queue.get(`/admin/events/${id}`)).json;

  const sql = (text, database = 'payment_adapter') => stack.sql(database, text);

  // A busy machine may refuse for a moment.
  const joinLine = (key) => until('a place', async () => {
    const { json } = await stack.edge.post('/v1/queue/demo/join', { headers: { 'idempotency-key': key } });
    return json.ticket && json;
  });

  // A buyer before the payment.
  async function makeOrder(key, n) {
    const { ticket } = await joinLine(key);
    const pass = await until('a pass', async () => {
      const answer = await stack.edge.post('/v1/queue/demo/pass', { token: ticket });
      return answer.status === 201 && answer.json.pass;
    });
    const hold = await until('a hold', async () => (await stack.edge.post('/v1/seats/demo/holds', { token: pass, body: { best_available: { quantity: 2 } }, headers: { 'idempotency-key': key } })).json.hold);
    const jar = new CookieJar();
    await until('a login', async () => jar.take(await stack.edge.post('/v1/pay/login', { body: customer(stack, n) })).status === 200);
    const ask = () => stack.edge.post('/v1/pay/orders', { token: pass, body: { event: 'demo', hold }, headers: { ...jar.headers, 'idempotency-key': key } });
    return until('an order with its payment', async () => { // on a busy machine the first answer lacks it
      const { status, json, text } = await ask();
      assert.ok([200, 201].includes(status), text);
      return json.payment && json;
    });
  }

  // Also pays with a card that the provider's sandbox accepts. Returns {order, jar, tickets}.
  async function buyTickets(key, n) {
    const made = await makeOrder(key, n);
    const provider = client({ port: stack.base + 4 });
    const { pathname, search } = new URL(made.payment.checkout_url);
    const page = (await provider.get(pathname + search)).text;
    const fields = Object.fromEntries([...page.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)].map(([, name, value]) => [name, value]));
    const body = new URLSearchParams({ ...fields, number: '4242424242424242', exp: '12/34', cvc: '123' }).toString();
    const action = /<form method="post" action="([^"]*)"/.exec(page)[1].replaceAll('&amp;', '&');
    const paid = await provider.post(action, { body, headers: { 'content-type': 'application/x-www-form-urlencoded' } });
    assert.equal(paid.status, 303, paid.text);
    return made.order;
  }

  // A slow line with visitors.
  async function fillLine(name) {
    await queue.patch('/admin/events/demo', { body: { rate_per_s: 0.5, burst: 1 } });
    await Promise.all(Array.from({ length: 60 }, (_, n) => joinLine(`${name}-${n}`)));
  }

  const sagaOf = async (id) => (await pay.get(`/admin/sagas?state=all&order=${id}`)).json.sagas[0];

  // Its order is then parked for the operator.
  async function park() {
    await until('the buyer to be waited for', async () => (await sagaOf(order)).step === 'await_buyer');
    await until('no worker to have it in hand', () => sql(`WITH p AS (UPDATE pay.saga SET parked = true, cause = 'psp-silent'
      WHERE subject = '${order}' AND NOT leased RETURNING 1) SELECT count(*) FROM p`) === '1');
    sql(`UPDATE pay.orders SET status = 'parked' WHERE id = '${order}'`);
  }

  const stack = await openStack(scope);
  await stack.up();
  const token = stack.secret('admin-token');
  const [queue, seats, pay] = [11, 12, 13].map((n) => client({ port: stack.base + n, token }));
  const { order } = await makeOrder('buyer', 2);
  for (const [n, name] of Object.keys(MANNERS).entries()) bought[name] = await buyTickets(`guest-${name}`, 3 + n);
  const ordersOverTime = async () => (await pay.get('/admin/events/demo/counts')).json.points.map(([at]) => at);
  await until('it to be counted', async () => (await ordersOverTime()).length > 0);
  const browser = await openBrowser(scope);
  closeAfterEach();

  // Checks by axe and by its look, and takes a picture.
  async function see(boss, what, not = []) {
    const luck = luckOf(boss);
    await boss.judge(`${boss.name}-${what}`);
    await looks.see(boss.page, `${boss.name}-${what}`, { ...luck, not: [...luck.not, ...not] });
  }

  // On a phone and at a desk, in the manner's language: `make test` takes one of them.
  async function survey(boss, what) {
    for (const size of boss.share(['phone', 'desktop'])) {
      await boss.resize(size);
      await boss.judge(`${boss.name}-${what}-${size}`);
    }
    await boss.page.setViewportSize(MANNERS[boss.name].viewport);
    // A chart adapts to its new width on an event.
    await boss.page.waitForFunction(() => [...document.querySelectorAll('.plot canvas')].every((one) => Math.abs(one.clientWidth - one.closest('.plot').clientWidth) <= 1));
    await looks.see(boss.page, `${boss.name}-${what}`, luckOf(boss));
  }

  // The page also shows what happened before it was opened.
  async function lookBack({ page }, openedAt) {
    const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
    const before = (await ordersOverTime()).filter((at) => at < openedAt).map((at) => clock.format(at));
    const orders = page.locator('.chart').nth(6);
    await orders.locator('summary').click();
    await until('orders from before', async () => (await orders.locator('tbody th').allTextContents()).some((time) => before.includes(time)));
  }

  async function turnKnobs(boss) {
    const { page, name } = boss;
    await boss.view('knobs');
    await page.locator('#preview:not(:empty)').waitFor();
    await see(boss, 'knobs');

    // Entering a rate previews when the last visitor would enter.
    await page.fill('#knob-rate_per_s', '2');
    await page.locator('#preview strong').waitFor();
    assert.match(await page.textContent('#preview strong'), /\b2\b.*\d\d:\d\d/);

    // An invalid value is reported at its field, by the page and by the service.
    await page.fill('#knob-burst', '0');
    await page.click('#apply');
    assert.match(await page.textContent('#wrong-knob-burst'), /1.*1,000,000/);
    assert.equal(await page.evaluate(() => document.activeElement.id), 'knob-burst');
    await see(boss, 'knobs-invalid');
    await page.fill('#knob-burst', '1');
    await page.fill('#knob-session_ttl_s', '4000');
    await clickFor(page, '#apply', '[id^=wrong-knob-session]:not(:empty)');
    assert.equal((await doc()).session_ttl_s, 300);
    await page.fill('#knob-session_ttl_s', '300');

    // A dangerous change needs a confirmation; Escape means no.
    await page.fill('#knob-rate_per_s', '90');
    await clickFor(page, '#apply', '#confirm[open]');
    assert.match(await page.textContent('#confirm-lines'), /0\.5 → 90/);
    await see(boss, 'confirm');
    await page.keyboard.press('Escape');
    await page.locator('#confirm').waitFor({ state: 'hidden' });
    assert.equal((await doc()).rate_per_s, 0.5);
    await page.fill('#why', `more, says ${name}`);
    await page.click('#apply');
    await clickFor(page, '#confirm-yes', '#undo-knobs');
    assert.equal((await doc()).rate_per_s, 90);
    await page.waitForFunction(() => document.querySelectorAll('#preview p').length === 1); // the warning is gone
    await see(boss, 'applied');
    await page.click('#undo-knobs');
    await until('it to be undone', async () => (await doc()).rate_per_s === 0.5);
    await page.locator('#undo-knobs').waitFor({ state: 'detached' });
    assert.equal(await page.inputValue('#knob-rate_per_s'), '0.5');
  }

  async function scheduleAndPilot(boss) {
    const { page } = boss;
    await page.click('#schedule-add');
    await page.click('#schedule-add');
    await page.fill('#step-rate-1', ''); // is not 0
    await page.click('#apply');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'step-rate-1');
    await page.fill('#step-rate-1', '3');
    await page.check('#autopilot-on');
    await page.fill('#autopilot-ceiling', '1');
    await clickFor(page, '#apply', '#undo-knobs');
    const { schedule, autopilot } = await doc();
    assert.deepEqual(schedule.map((step) => step.rate_per_s), [0.5, 3]);
    assert.ok(Date.parse(schedule[0].at) < Date.parse(schedule[1].at));
    assert.deepEqual([autopilot.on, autopilot.ceiling], [true, 1]);
    await page.locator('#autopilot-now dl').waitFor();
    await see(boss, 'schedule');
    // Undone elsewhere: then nothing is left to undo next to the button.
    await page.click('#act-undo');
    await page.click('#confirm-yes');
    await until('the schedule to be undone', async () => (await doc()).schedule.length === 0);
    await page.locator('#undo-knobs').waitFor({ state: 'detached' });
  }

  async function freeze(boss) {
    const { page } = boss;
    await page.click('#act-freeze');
    await clickFor(page, '#confirm-yes', '.badge.frozen');
    assert.equal((await doc()).state, 'frozen');
    await see(boss, 'frozen', ['#autopilot-now']); // it may have noticed already
    await clickFor(page, '#act-unfreeze', '.badge.open');
    // Actions that end a sale are in a separate fold, screens away from daily ones. Closing cannot be undone, so the
    // operator must type the event's id and a reason.
    assert.equal(await page.isVisible('#act-close'), false);
    await page.click('#endings summary');
    const boxes = (...ids) => page.evaluate((all) => all.map((id) => document.querySelector(id).getBoundingClientRect().toJSON()), ids); // at one moment
    const [close, pause] = await boxes('#act-close', '#act-pause');
    assert.ok(close.y - pause.y > 200);
    assert.equal(await page.locator('#endings :is(#act-pause, #act-freeze, #act-undo), #controls :is(#act-close, #act-sold-out)').count(), 0);
    await page.click('#act-close');
    await page.fill('#confirm-input', 'dem');
    assert.equal(await page.isDisabled('#confirm-yes'), true);
    await page.keyboard.press('Enter');
    await page.fill('#confirm-input', 'demo');
    assert.equal(await page.isDisabled('#confirm-yes'), true, 'why is not said');
    await page.fill('#confirm-why', 'the show is off');
    assert.equal(await page.isDisabled('#confirm-yes'), false);
    await see(boss, 'close', ['#autopilot-now']);
    await page.click('#confirm-no');
    assert.equal((await doc()).state, 'open');
    // The undo dialog names the last action.
    await clickFor(page, '#act-pause', '.badge.paused');
    await page.click('#act-undo');
    await page.locator('#confirm-lines li').nth(1).waitFor();
    const back = { 'desk-en': 'State: paused → open', 'phone-ko-dark': '상태: 일시 정지 → 진행 중' }[boss.name];
    assert.equal(await page.locator('#confirm-lines li').nth(1).textContent(), back);
    await see(boss, 'undo', ['#autopilot-now']);
    await clickFor(page, '#confirm-yes', '.badge.open');
  }

  async function tell(boss) {
    const { page, name } = boss;
    await boss.view('message');
    await page.fill('#message-en', `Soon <b>faster</b>, ${name}`);
    await page.fill('#message-ko', '');
    assert.deepEqual(await page.locator('.told').allTextContents(), [`Soon <b>faster</b>, ${name}`, `Soon <b>faster</b>, ${name}`]);
    await page.fill('#message-ko', '곧 빨라집니다');
    await clickFor(page, '#send', '#applied button');
    assert.deepEqual((await doc()).message, { en: `Soon <b>faster</b>, ${name}`, ko: '곧 빨라집니다' });
    await see(boss, 'message');
  }

  async function blockSeats(boss) {
    const { page } = boss;
    await boss.view('seats');
    await page.locator('#hall-map').waitFor();
    await see(boss, 'seats');
    // Changes by other operators are visible, too.
    const [first] = JSON.parse(stack.read('demo-hall.json')).plan.zones[5].rows[0].seats;
    const tells = (count) => page.waitForFunction((wanted) => document.querySelector('#seat-sums > div:nth-child(4) dd').textContent === wanted, count, { timeout: 60_000 });
    for (const [what, count] of [['block', '1'], ['unblock', '0']]) {
      assert.equal((await seats.post(`/admin/events/demo/${what}`, { body: { seats: [first.seat_guid] } })).status, 200);
      await tells(count);
    }
    assert.equal(await page.textContent('#notice'), '');
    const blocked = async () => (await seats.get('/admin/events/demo')).json.categories.reduce((sum, one) => sum + one.blocked, 0);
    const before = await blocked();
    // On the map, by keyboard alone.
    await page.focus('#hall-map');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Shift+ArrowRight');
    await page.keyboard.press('Shift+ArrowRight');
    assert.match(await page.textContent('#chosen-sum'), /3/);
    await page.fill('#block-reason', 'a camera stands there');
    await clickFor(page, '#block', '#outcome:not(:empty)');
    await until('three to be blocked', async () => (await blocked()) === before + 3);
    // The cursor is on the last one of them.
    await page.focus('#hall-map');
    await page.keyboard.press('Space');
    await page.keyboard.press('Shift+ArrowLeft');
    await page.keyboard.press('Shift+ArrowLeft');
    await see(boss, 'seats-blocked');
    await page.click('#unblock');
    await until('them to be free again', async () => (await blocked()) === before);
    await tells('0');
    await page.locator('#unblock:disabled').waitFor(); // nothing is selected any longer
    await see(boss, 'seats-unblocked');
    // By section, row and number.
    await page.click('#picker summary');
    await page.selectOption('#pick-zone', '1');
    await page.selectOption('#pick-row', '1');
    await page.click('#pick');
    const many = Number((await page.textContent('#chosen-sum')).match(/\d+/)[0]);
    assert.ok(many > 3);
    await page.click('#block');
    if (many >= 20) await page.click('#confirm-yes');
    await until('the row to be blocked', async () => (await blocked()) === before + many);
    await page.click('#pick');
    await page.click('#unblock');
    if (many >= 20) await page.click('#confirm-yes');
    await until('the row to be free again', async () => (await blocked()) === before);
  }

  // The trail shows the changes in words: old and new by knob, a message by language.
  async function readTrail({ page, name }) {
    const texts = await page.locator('#audit > li').allTextContents();
    const has = (...words) => assert.ok(texts.some((entry) => words.every((word) => entry.includes(word))), `${words}: ${texts.join(' | ')}`);
    assert.doesNotMatch(texts.join(), /[{}[\]]|\w\.\w+_|undefined/);
    if (name === 'desk-en') {
      has('Rate0.5 → 90', `Why: more, says ${name}`);
      has('Settings changed', 'Message, English', `→ “Soon <b>faster</b>, ${name}”`);
      has('Settings changed', 'Rate by time– → 0.5 a second from ', ', 3 a second from ', 'Autopilotoff → on', 'Autopilot: Ceiling (people/s)', ' → 1');
      has('Freeze', 'Stateopen → frozen');
      has('Undo', 'Version');
    } else {
      has('속도0.5 → 90', `사유: more, says ${name}`);
      has('설정 변경', `안내문 (영어)`, `‘Soon <b>faster</b>, ${name}’`, '안내문 (한국어)', '‘곧 빨라집니다’');
      has('설정 변경', '시간별 속도– → ', '부터 초당 0.5명, ', '부터 초당 3명', '자동 조절끔 → 켬', '자동 조절: 상한 (명/초)', ' → 1');
      has('긴급 정지 Night Shift (관리자 토큰)', '상태진행 중 → 긴급 정지');
      has('되돌리기', '버전');
    }
  }

  async function retry(boss) {
    const { page } = boss;
    await park();
    await page.click('#menu a[href="#/orders"]');
    await page.selectOption('#saga-state', 'parked');
    const link = page.locator('#sagas .saga.parked a');
    await link.waitFor();
    await page.locator('#reconcile div p').first().waitFor();
    await survey(boss, 'orders');
    await link.click();
    await page.locator('svg.graph .node.here').waitFor();
    await survey(boss, 'order');
    await page.click('#retry');
    assert.notEqual(await page.textContent('#wrong-saga-reason'), '');
    await page.fill('#saga-reason', 'the provider answers again');
    await clickFor(page, '#compensate', '#confirm[open]');
    await see(boss, 'compensate');
    await page.click('#confirm-no');
    await clickFor(page, '#retry', '#saga-state .badge.running');
    const { state, saga } = await sagaOf(order);
    assert.equal(state, 'running');
    const { timeline } = (await pay.get(`/admin/sagas/${saga}`)).json;
    assert.ok(timeline.some(({ result, detail }) => result === 'operator' && detail === 'the provider answers again'));
  }

  async function ceremony(boss) {
    const { page, name } = boss;
    const id = `draw-${name}`;
    await page.click('#menu a[href="#/events"]');
    await page.click('#new-event summary');
    await page.fill('#new-id', id);
    await page.fill('#new-name', 'Lottery');
    await clickFor(page, '#new-event button', '#setup-form');
    const inMinutes = (n) => new Date(Date.now() + n * 60_000).toISOString();
    await queue.patch(`/admin/events/${id}`, { body: { prequeue_at: new Date(Date.now() + 200).toISOString(), opens_at: inMinutes(60) } });
    await clickFor(page, '#act-schedule', '#confirm[open]');
    assert.match(await page.textContent('#confirm-text'), boss.language === 'ko' ? /이 공연의 좌석이 없거나/ : /has no hall for this event/);
    await boss.judge(`${boss.name}-no-hall`);
    await page.fill('#confirm-input', id);
    assert.equal(await page.isDisabled('#confirm-yes'), true, 'and a reason');
    await confirm(page, { why: 'a draw alone' });
    await page.locator('#verdict.broken', { hasText: boss.language === 'ko' ? /이 공연의 좌석이 없어/ : /has no hall for this event/ }).waitFor();
    await until('the pre-queue', async () => (await doc(id)).state === 'pre-queue');
    for (let n = 0; n < 5; n++) await stack.edge.post(`/v1/queue/${id}/join`, { headers: { 'idempotency-key': `entry-${n}` } });
    await clickFor(page, '#tabs a[href$="/draw"]', '#act-draw');
    const { commitment } = (await queue.get(`/admin/events/${id}/fairness`)).json;
    assert.ok((await page.textContent('#draw')).includes(commitment));
    assert.equal(await page.inputValue('#beacon-kind'), 'none', 'nothing was promised');
    await page.selectOption('#beacon-kind', 'text');
    await page.fill('#beacon-words', "Saturday's lottery numbers");
    await clickFor(page, '#act-promise', '#beacon');
    assert.match(await page.textContent('#beacon-help'), /lottery/);
    await page.fill('#beacon', '3 8 15 16 23 42');
    await see(boss, 'draw');
    await page.click('#act-draw');
    await page.click('#confirm-yes');
    await page.fill('#confirm-input', id); // a sale begins without a hall
    await confirm(page, { why: 'a draw alone' });
    await page.locator('#verdict.good').waitFor();
    await page.fill('#entry', '2');
    assert.match(await page.textContent('#where'), /2.*[1-5]/);
    await see(boss, 'drawn');
    assert.equal((await queue.get(`/admin/events/${id}/fairness`)).json.beacon, '3 8 15 16 23 42');
  }

  async function lanes(boss) {
    const { page, name } = boss;
    const id = `lanes-${name}`;
    assert.equal((await queue.put(`/admin/events/${id}`, { body: { name: 'Lanes' } })).status, 201);
    await goFor(page, `${boss.at}/console#/events/${id}/lanes`, '#lane-add');
    assert.equal(await page.isVisible('#lanes-none'), true);
    await page.click('#lane-add');
    await page.fill('#lane-name-0', 'Fan <b>club</b>');
    await page.fill('#lane-id-0', 'General!');
    await page.fill('#lane-share-0', '100');
    await clickFor(page, '#lanes-apply', '#lane-id-0[aria-invalid]');
    await page.locator('#lanes-rest.wrong').waitFor();
    await see(boss, 'lanes-wrong');
    await page.fill('#lane-id-0', 'fans');
    await page.fill('#lane-share-0', '30');
    await page.fill('#lane-invitations-0', '3');
    assert.match(await page.textContent('#lanes-rest'), /70/);
    await clickFor(page, '#lanes-apply', '#undo-lanes');
    assert.deepEqual((await doc(id)).lanes, [{ id: 'fans', name: 'Fan <b>club</b>', share: 30, invitations: 3 }]);
    await page.locator('#lanes-now td >> text=30 %').waitFor();
    await clickFor(page, '.codes summary', '.codes textarea');
    const { invitations } = (await queue.get(`/admin/events/${id}/lanes/fans/invitations`)).json;
    assert.deepEqual((await page.inputValue('.codes textarea')).split('\n'), invitations.map(({ code }) => code));
    await survey(boss, 'lanes');
    await page.click('#undo-lanes');
    await until('the lane to be undone', async () => (await doc(id)).lanes.length === 0);
    await page.locator('#lanes-none').waitFor();
    // Once people may join, the page shows who waits in which lane, and lanes can't change.
    const settled = async (what, answer) => assert.equal((await answer).status, 200, `${what}: ${(await answer).text}`);
    await settled('lanes', queue.patch(`/admin/events/${id}`, { body: { lanes: [{ id: 'press', name: 'Press', share: 20, invitations: 2 }], rate_per_s: 0 } }));
    await settled('open', queue.post(`/admin/events/${id}/actions/open`, { body: { without: ['hall'] } }));
    await until('it to be open', async () => (await doc(id)).state === 'open');
    const [{ code }] = (await queue.get(`/admin/events/${id}/lanes/press/invitations`)).json.invitations;
    await until('the invited to have a place', async () => (await stack.edge.post(`/v1/queue/${id}/join`, { headers: { 'x-invitation': code } })).json.ticket);
    const live = async () => (await queue.get('/admin/events')).json.events.find((one) => one.id === id).live;
    await until('one to wait in the lane', async () => (await live()).lanes[0].waiting === 1);
    await until('the page to tell so', async () => /^Press20 %1/.test(await page.textContent('#lanes-now tbody tr:nth-child(2)')));
    await page.locator('#lanes-fixed:not([hidden])').waitFor();
    assert.equal(await page.isVisible('#lane-add'), false);
    assert.equal(await page.isDisabled('#lane-id-0'), true);
    await see(boss, 'lanes-open');
    // What a rate would mean for each lane, at the knob's finest resolution.
    await boss.view('knobs');
    await page.locator('#preview li').nth(1).waitFor();
    await until('what that rate would mean', async () => {
      await page.fill('#knob-rate_per_s', '0.25');
      return page.locator('#preview li strong').nth(1).isVisible();
    }, { everyMs: 1000 });
    assert.match(await page.textContent('#preview p strong'), /0\.25.*\d\d:\d\d/);
    assert.match((await page.locator('#preview li strong').allTextContents())[1], /^Press: .*\d\d:\d\d.*\(1/);
    await see(boss, 'knobs-lanes');
  }

  // "I'm Kim, row A seat 12."
  for (const [n, [name, options]] of [...Object.entries(MANNERS), ['firefox', MANNERS['desk-en']]].entries()) {
    test(`a caller is found by a seat and refunded in three clicks, ${name}`, async () => {
      const id = await buyTickets(`caller-${name}`, 6 + n);
      await until('it to be sold', async () => (await pay.get(`/admin/orders/${id}`)).json.status === 'completed');
      const { places, order_number: number, event_name: event } = (await pay.get(`/admin/orders/${id}`)).json;
      const boss = await Operator.signedIn(name === 'firefox' ? await openFirefox(scope) : browser, stack, options, '#/orders');
      boss.name = name;
      const { page } = boss;
      await page.locator('#desk-words').waitFor();
      await page.selectOption('#desk-event', { label: event });
      await page.fill('#desk-words', name.includes('ko') ? `${places[0].row}열 ${places[0].number}번` : `${places[0].zone}, row ${places[0].row} seat ${places[0].number}`);
      await page.press('#desk-words', 'Enter');
      const link = page.locator('#desk-orders a', { hasText: number });
      await link.waitFor();
      await page.locator('#desk-orders tr', { has: page.locator('a', { hasText: number }) }).locator('td', { hasText: `${places[0].number}–\u2060${places[1].number}` }).waitFor();
      await boss.judge(`${name}-desk`);
      await link.click();
      await page.locator('#desk-refund').waitFor();
      await page.click('#desk-parts summary');
      await boss.judge(`${name}-desk-order`);
      await page.check('#desk-acts fieldset input >> nth=0');
      await clickFor(page, '#desk-part', '#confirm[open]');
      assert.ok((await page.textContent('#confirm-lines')).includes(places[0].zone), 'seats by their names');
      await page.click('#confirm-no');
      // An impossible move is refused with a reason.
      await page.fill('#desk-to', 'Row 9, seat 99');
      await page.click('#desk-move');
      await confirm(page, { why: 'a camera' });
      await page.locator('#notice:not(:empty)').waitFor();
      await page.fill('#desk-member', '999');
      await page.click('#desk-transfer');
      await confirm(page, { why: 'their friend comes' });
      await page.locator('#desk-trail li', { hasText: 'their friend comes' }).waitFor();
      await page.locator('td', { hasText: '→ 999' }).waitFor();
      await page.click('#desk-refund');
      await confirm(page, { why: 'they called' });
      await page.locator('#desk-status .badge.refunded').waitFor();
      await page.locator('#desk-trail li', { hasText: 'they called' }).waitFor();
      assert.equal(await page.isVisible('#desk-refund'), false);
      const { status, refunded, amount, acts } = (await pay.get(`/admin/orders/${id}`)).json;
      assert.deepEqual([status, refunded, acts.find(({ act }) => act === 'refund').reason], ['refunded', amount, 'they called']);
      // A mail address leads to that customer's orders.
      await page.goto(`${boss.at}/console#/orders`);
      await page.fill('#desk-words', customer(stack, 6 + n).login);
      await page.click('#desk-find');
      await link.waitFor();
      await page.fill('#desk-words', 'ZZ-ZZZ-ZZZ');
      await clickFor(page, '#desk-find', '#desk-told:not(:empty)');
      assert.equal(await page.isVisible('#desk-orders'), false);
    });
  }

  // What callers say, what the desk types, and the clicks from there to the end. Typing is not a click.
  const CALLS = [
    ['I’m Kim, row A seat 12, and I want my money back', ({ kim }) => kim.places[0], 3, (desk) => desk.act('#desk-refund'), ({ kim }) => kim.status === 'refunded'],
    ['I did not get the mail', ({ lee }) => lee.login, 3, (desk) => desk.act('#desk-mail'), ({ lee }) => lee.acts.some(({ act }) => act === 'mail-again')],
    ['I typed my mail wrong', ({ lee }) => lee.login, 3, (desk) => desk.act('#desk-mail'), ({ lee }) => lee.acts.filter(({ act }) => act === 'mail-again').length === 2],
    ['which gate?', ({ lee }) => lee.order_number, 1, (desk, { lee }) => desk.reads('#main td', lee.places[0].entrance)],
    ['is it cancelled?', ({ lee }) => lee.tickets[0].ticket_number, 1, (desk) => desk.reads('#desk-status', /Harbour/)],
    ['my ticket was stolen', ({ lee }) => lee.tickets[1].ticket_number, 3, (desk) => desk.act('#desk-anew'), ({ lee }) => lee.tickets.filter(({ state }) => state === 'valid').length === 2 && lee.tickets.filter(({ state }) => state === 'revoked').length === 2],
    ['I need a wheelchair place', ({ park }) => park.order_number, 6, async (desk) => {
      for (const button of ['#desk-parts summary', '#desk-acts fieldset input', '#desk-other']) await desk.click(button);
      await desk.page.fill('#desk-to', await wheelchairPlace());
      await desk.act('#desk-move');
    }, ({ park }) => park.moved_at !== undefined],
    ['my friend can’t come', ({ lee }) => lee.member, 6, async (desk) => {
      for (const button of ['#desk-parts summary', '#desk-acts fieldset input', '#desk-free']) await desk.click(button);
      await desk.act('#desk-part');
    }, ({ lee }) => lee.seats.length === 1 && lee.refunded > 0],
    ['I was charged too much', ({ park }) => park.order_number, 4, async (desk) => {
      // As if it had been in euros.
      await desk.page.route('**/admin/orders/o_*', async (route) => {
        const response = await route.fetch();
        await route.fulfill({ response, json: { ...(await response.json()), currency: 'EUR' } });
      }, { times: 1 });
      await desk.page.reload();
      await desk.click('#desk-parts summary');
      await desk.page.fill('#desk-amount', '10.5');
      await desk.act('#desk-part');
    }, ({ park }) => park.refunded === 1050],
    ['that card is stolen, says the bank', ({ park }) => park.order_number, 5, async (desk) => {
      for (const button of ['#desk-parts summary', '#desk-acts fieldset input']) await desk.click(button);
      await desk.act('#desk-block');
    }, ({ park }) => park.seats.length === 1 && park.refunded === 1050],
    ['I paid twice', ({ twice }) => twice.login, 3, (desk) => desk.act('#desk-refund'), ({ twice, once }) => twice.status === 'refunded' && once.status === 'completed'],
  ];

  async function wheelchairPlace() {
    const taken = new Set((await seats.get('/admin/events/demo/export')).json.map((one) => one.seat));
    return JSON.parse(stack.read('demo-hall.json')).seats.find(({ guid, accessible }) => accessible && !taken.has(guid)).guid;
  }

  test('the commonest calls', async () => {
    const made = {};
    for (const [who, n] of [['kim', 10], ['lee', 11], ['park', 12], ['once', 13], ['twice', 13]]) made[who] = { id: await buyTickets(`call-${who}`, n), n };
    const orders = async () => Object.fromEntries(await Promise.all(Object.entries(made).map(async ([who, { id, n }]) => [who, { ...(await pay.get(`/admin/orders/${id}`)).json, login: customer(stack, n).login }])));
    await until('all to be sold', async () => Object.values(await orders()).every(({ status }) => status === 'completed'));
    const boss = await Operator.signedIn(browser, stack, MANNERS['desk-en'], '#/orders');
    const { page } = boss;
    let clicks;
    const desk = {
      page,
      async click(button) {
        clicks += 1;
        await page.click(button);
      },
      async act(button) {
        await desk.click(button);
        await page.fill('#confirm-why', 'they called');
        await desk.click('#confirm-yes');
        await page.locator('#confirm').waitFor({ state: 'hidden' });
      },
      reads: (at, hasText) => page.locator(at, { hasText }).first().waitFor(),
    };
    for (const [says, typed, most, act, done = () => true] of CALLS) {
      clicks = 0;
      await page.goto(`${boss.at}/console#/orders`);
      const known = await orders();
      const words = typed(known);
      await page.fill('#desk-words', words.row ? `${words.zone}, row ${words.row} seat ${words.number}` : words);
      if (words.row) await page.selectOption('#desk-event', known.kim.event);
      await page.press('#desk-words', 'Enter');
      await page.locator('#desk-orders a').first().waitFor();
      await desk.click('#desk-orders tbody tr:first-child a');
      await page.locator('#desk-refund').waitFor();
      await act(desk, known);
      await until(says, async () => done(await orders()));
      assert.equal(clicks, most, says);
    }
  });

  for (const [name, options] of Object.entries(MANNERS)) {
    test(`the operator's night, ${name}`, async () => {
      const boss = await Operator.open(browser, stack, options);
      boss.name = name;
      await fillLine(name);
      const { page } = boss;
      await page.goto(`${boss.at}/console`);
      await survey(boss, 'sign-in');
      await boss.signIn('not the token');
      await page.locator('#sign-in-trouble:not(:empty)').waitFor();
      assert.equal(await page.getAttribute('#token', 'aria-invalid'), 'true');
      await see(boss, 'wrong-token');
      await boss.signIn();
      await page.locator('#events .bar').first().waitFor();
      await survey(boss, 'events');
      const openedAt = Date.now();
      await page.click('#events a[href="#/events/demo"]');
      await page.locator('.chart canvas').nth(8).waitFor();
      await survey(boss, 'live');
      await page.click('.chart summary >> nth=0');
      await see(boss, 'live-table');
      await lookBack(boss, openedAt);
      await turnKnobs(boss);
      await scheduleAndPilot(boss);
      await freeze(boss);
      await tell(boss);
      await blockSeats(boss);
      await boss.view('audit');
      await page.locator('#audit li').nth(5).waitFor();
      assert.ok((await page.textContent('#audit')).includes(`more, says ${name}`));
      assert.ok((await page.textContent('#audit')).includes('Night Shift'));
      await page.locator('#audit > li:first-child', { hasText: /Seats unblocked: \d+|좌석 \d+석 차단 해제/ }).waitFor(); // the seat service writes it within seconds
      await page.locator('#audit > li', { hasText: /Seats blocked: 3 admin token .* to .*Why: a camera|좌석 3석 차단 관리자 토큰 .*부터 .*까지사유: a camera/ }).first().waitFor();
      await readTrail(boss);
      await see(boss, 'audit', ['#audit > li > *']); // the autopilot may have acted since, and then its entry is first
      await retry(boss);
      await ceremony(boss);
      await lanes(boss);
    });
  }

  for (const [n, [name, options]] of Object.entries(MANNERS).entries()) {
    test(`doors and refunds, ${name}`, async () => {
      const boss = await Operator.open(browser, stack, options);
      boss.name = name;
      const { page } = boss;
      const id = bought[name];
      const jar = new CookieJar();
      await until('a login', async () => jar.take(await stack.edge.post('/v1/pay/login', { body: customer(stack, 3 + n) })).status === 200);
      const tickets = () => until('two tickets', async () => {
        const { json } = await stack.edge.get(`/v1/pay/orders/${id}/tickets`, { headers: jar.headers });
        return json.tickets?.length === 2 && json.tickets;
      });
      const [first] = await tickets();
      const why = (words) => page.fill('#why', words);
      // The services may know of an action before the page has the answer.
      const heard = () => page.waitForFunction(() => document.getElementById('why').value === '');
      const quiet = () => page.locator('#notice:empty').waitFor({ state: 'attached' });
      await boss.signInAt('#/events/demo/doors');
      await page.locator('#undo-in').waitFor();

      // A scanner's token is shown once, opens one gate, and is revoked.
      await page.fill('#scanner-gate', `Gate ${name}`);
      await clickFor(page, '#scanner-form button', '#notice:not(:empty)');
      assert.equal(await page.evaluate(() => document.activeElement.id), 'why');
      await why('the opening night');
      const issue = await boss.hold('**/scanners');
      await page.click('#scanner-form button');
      await page.press('#scanner-hours', 'Enter'); // pressed twice, issued once
      await page.fill('#scanner-gate', 'the next gate');
      issue();
      await page.locator('#scanner-token').waitFor();
      await page.locator(`#scanner-list li:has-text("Gate ${name}")`).waitFor();
      await heard();
      assert.equal(await page.inputValue('#scanner-gate'), 'the next gate');
      await page.fill('#scanner-gate', '');
      const token = await page.textContent('#scanner-token');
      const door = (what, body) => stack.edge.post(`/v1/pay/door/${what}`, { token, body });
      assert.equal((await stack.edge.get('/v1/pay/door', { token })).json.gate, `Gate ${name}`);
      await quiet();
      assert.equal(await page.locator(`#scanner-list li:has-text("Gate ${name}")`).count(), 1);
      await survey(boss, 'doors');

      // A mistaken check-in is undone; a visitor came in before a gate's late scans arrived.
      assert.equal((await door('checkin', { token: first.token })).status, 200);
      await page.fill('#undo-token', first.token);
      await page.fill('#undo-gate', `Gate ${name}`);
      await why('the wrong guest');
      const undo = await boss.hold('**/checkin/undo');
      await page.click('#undo-form button');
      await page.fill('#undo-token', 'the next ticket');
      undo();
      await until('the ticket to be as before', async () => (await tickets())[0].state === 'valid');
      await heard();
      assert.equal(await page.inputValue('#undo-token'), 'the next ticket');
      await page.fill('#undo-token', '');
      assert.equal((await door('checkin', { token: first.token })).status, 200);
      // A scan in the same millisecond would count as the same scan.
      const late = await door('checkin', { scans: [{ token: first.token, at: new Date(Date.now() - 60_000).toISOString() }] });
      assert.equal(late.json.results?.[0].code, 'already-used', late.text);
      await page.locator(`#conflicts li:has-text("${id}")`).waitFor();

      // A mail that the shop refused too often is sent again.
      sql(`UPDATE pay.shop_outbox SET done_at = NULL, due_at = 'infinity', error = '409 no-such-event' WHERE order_id = '${id}' AND kind = 'completed'`);
      await page.locator(`#letters li:has-text("${id}")`).waitFor();
      await quiet();
      await see(boss, 'doors-letter');
      await page.click(`#letters li:has-text("${id}") button`);
      await page.locator(`#letters li:has-text("${id}")`).waitFor({ state: 'detached' });
      // So are mails that were given up, one or all.
      assert.equal(await page.isVisible('#parked-mails'), false);
      sql(`INSERT INTO pay.mail_outbox (order_id, member, kind, lang, due_at, error) SELECT '${id}', '1', 'moved-9' || i, 'en', 'infinity', 'smtp 550' FROM generate_series(1, 3) i`);
      const given = (count) => until(`${count} mails`, async () => await page.locator(`#mails li.card:has-text("${id}")`).count() === count);
      await given(3);
      await page.click(`#mails li.card:has-text("${id}") button`);
      await given(2);
      await page.click('#mails button[value="all"]');
      await given(0);
      await why('the scanner was lost');
      await page.click(`#scanner-list li:has-text("Gate ${name}") button`);
      await page.click('#confirm-yes');
      await until('the scanner to be revoked', async () => (await stack.edge.get('/v1/pay/door', { token })).status === 401);
    });
  }

  for (const [name, options] of [...Object.entries(MANNERS), ['firefox', MANNERS['desk-en']]]) {
    test(`another date, and none at all, ${name}`, async () => {
      const id = `ill-${name}`;
      const zone = { time_zone: 'Asia/Seoul' };
      const inHall = name === 'firefox'; // else the waiting room knows the zone
      assert.equal((await queue.put(`/admin/events/${id}`, { body: { name: 'A night', ...(!inHall && zone) } })).status, 201);
      if (inHall) await importHall({ admin: stack.admin('seats') }, id, hall(zone));
      const boss = await Operator.signedIn(inHall ? await openFirefox(scope) : browser, stack, options, `#/events/${id}/doors`);
      const { page } = boss;
      await page.locator('#postpone-form').waitFor();
      // As for a role of some events; a reload may overtake it.
      await page.route('**/admin/letters', (route) => route.fetch().then((response) => route.fulfill({ response, status: 403 })).catch(() => {}));
      await page.reload();
      await page.locator('#postpone-form').waitFor();
      assert.equal(await page.isVisible('#parked-letters'), false);
      const inAll = async (member) => [await doc(id), ...(inHall ? [(await stack.admin('seats').get(`/admin/events/${id}`)).json] : [])].map((one) => one[member] ?? null);
      const before = await inAll('starts_at');
      await page.fill('#postpone-starts', '2031-06-01T19:30');
      await page.fill('#postpone-doors', '2031-06-01T18:30');
      await page.fill('#postpone-until', '2020-05-01T12:00');
      await page.click('#postpone-form button');
      await confirm(page, { why: 'the singer is ill' });
      await page.locator('#notice:not(:empty)').waitFor();
      assert.deepEqual(await inAll('starts_at'), before, 'a refused postponement changes nothing');
      await page.fill('#postpone-until', '2031-05-01T12:00');
      await page.click('#postpone-form button');
      assert.match((await page.locator('#confirm-lines li').allTextContents()).join(), boss.language === 'ko' ? /입장 시작: .*6:30/ : /Doors open: .*18:30/);
      await confirm(page, { why: 'the singer is ill' });
      await until('the doors everywhere', async () => (await inAll('doors_at')).every((at) => at === '2031-06-01T09:30:00.000Z'));
      for (const at of await inAll('starts_at')) assert.equal(at, '2031-06-01T10:30:00.000Z', 'which new orders show');

      // Another time of the doors alone.
      await page.locator('#postpone-now', { hasText: /2031.*the singer is ill/ }).waitFor();
      await page.fill('#postpone-doors', '');
      await page.click('#postpone-form button');
      assert.match((await page.locator('#confirm-lines li').allTextContents()).join(), boss.language === 'ko' ? /이전 시각은 삭제/ : /earlier one is removed/);
      await confirm(page, { why: 'the singer is ill' });
      await until('no doors anywhere', async () => (await inAll('doors_at')).every((at) => at === null));
      const moved = await until('the new date', async () => {
        const { status, json } = await pay.get(`/admin/events/${id}/postponement`);
        return status === 200 && json.at !== null && json.doors_at === null && json;
      });
      assert.deepEqual([moved.reason, moved.doors_at, moved.times], ['the singer is ill', null, 1]);
      assert.deepEqual([moved.starts_at, moved.refund_until], ['2031-06-01T10:30:00.000Z', '2031-05-01T03:00:00.000Z'], 'in the hall’s zone');
      await page.reload();
      await page.locator('#postpone-now', { hasText: /2031.*the singer is ill/ }).waitFor();

      // Finance may cancel, but not close the line.
      const asRole = async (role) => {
        await page.evaluate((whose) => sessionStorage.setItem('fg_whose', whose), JSON.stringify({ role }));
        await page.reload();
        return page.locator('#cancel-line').textContent();
      };
      assert.match(await asRole('finance'), boss.language === 'ko' ? /운영 또는 관리/ : /Ask an operator/);
      assert.match(await asRole('admin'), boss.language === 'ko' ? /대기열도 함께 종료/ : /closed, too/);

      await page.click('#cancel-event');
      assert.equal(await page.isDisabled('#confirm-yes'), true);
      await confirm(page, { input: id, why: 'the singer is still ill' });
      await page.locator('#cancel-sums dd').first().waitFor();
      assert.match(await page.textContent('#cancel-about'), /the singer is still ill/);
      assert.equal(await page.isVisible('#cancel-event'), false);
      assert.equal((await queue.get(`/admin/events/${id}`)).json.state, 'closed', 'with the same press');
      await boss.judge(`${name}-doors-cancelled`);
    });
  }

  const TABS = ['live', 'knobs', 'lanes', 'codes', 'prices', 'message', 'draw', 'seats', 'doors', 'audit', 'runbook', 'setup'];
  const [LOW, PHONE] = [{ width: 1366, height: 650 }, { width: 360, height: 740 }];

  // Where each control of the bar can be pressed; null where something covers it or it is out of sight.
  const places = (page) => page.evaluate(() => Object.fromEntries(['#event-state', '#quick-rate', '#act-pause', '#act-freeze', '#act-undo'].map((name) => {
    const one = document.querySelector(name);
    const box = one?.getBoundingClientRect();
    const met = box && document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    return [name, met && one.contains(met) ? [box.left, box.top].map(Math.round).join() : null];
  })));

  test('the bar is in sight at the same place on every tab, wherever it is scrolled to', async () => {
    await queue.post('/admin/events/demo/actions/resume').catch(() => null);
    for (const viewport of [LOW, PHONE]) {
      const boss = await Operator.signedIn(browser, stack, { ...MANNERS['desk-en'], viewport }, '#/events/demo');
      const { page } = boss;
      const seen = new Map();
      for (const tab of TABS) {
        await goFor(page, `${boss.at}/console#/events/demo/${tab}`, `#tabs a[href$="/${tab}"][aria-current]`);
        await page.locator('#view > *').first().waitFor({ state: 'attached' });
        await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
        seen.set(tab, await places(page));
        const high = await page.evaluate(() => document.getElementById('controls').offsetHeight);
        assert.ok(high < (viewport === LOW ? 80 : 130), `${high} px`);
      }
      for (const [tab, at] of seen) {
        assert.deepEqual(Object.keys(at).filter((name) => at[name] === null), [], `${tab} at ${viewport.width}`);
        assert.deepEqual(at, seen.get('live'), tab);
      }
      await boss.close();
    }
  });

  test('on a phone the head has one line, and the reason has room', async () => {
    for (const locale of ['en-GB', 'ko-KR']) {
      const boss = await Operator.signedIn(browser, stack, { locale, viewport: PHONE }, '#/events/demo/draw');
      await boss.page.locator('#view .card').first().waitFor();
      const [languages, out, reason, gap] = await boss.page.evaluate(() => {
        const [box, below, card] = ['#reason input', '.below', '#view .card'].map((one) => document.querySelector(one).getBoundingClientRect());
        const high = (one) => document.querySelector(one).offsetHeight;
        return [high('#languages'), high('#sign-out'), box.width, card.top - below.bottom];
      });
      assert.ok(languages <= 44 && out <= 44 && reason > 300 && gap > 7.9, `${locale}: ${[languages, out, reason, gap]}`);
      await boss.close();
    }
  });

  test('no tab shifts while it loads', async () => {
    for (const viewport of [{ width: 1366, height: 768 }, PHONE]) {
      const boss = await Operator.open(browser, stack, { ...MANNERS['desk-en'], viewport });
      const { page } = boss;
      await page.addInitScript(() => {
        globalThis.shifts = [];
        new PerformanceObserver((list) => globalThis.shifts.push(...list.getEntries().map(({ value, sources }) => ({ value, what: sources.map(({ node }) => node?.id || node?.className || node?.nodeName) })))).observe({ type: 'layout-shift', buffered: true });
      });
      await boss.signInAt('#/events');
      const jumped = [];
      for (const place of ['events', 'orders', 'parts', ...TABS.map((tab) => `events/demo/${tab}`)]) {
        await page.goto('about:blank');
        await goFor(page, `${boss.at}/console#/${place}`, 'h1');
        await page.waitForLoadState('networkidle');
        const shifts = await page.evaluate(() => globalThis.shifts);
        const sum = shifts.reduce((all, { value }) => all + value, 0);
        if (sum > 0.02) jumped.push(`${place} at ${viewport.width}: ${sum.toFixed(3)} ${JSON.stringify(shifts)}`);
      }
      assert.deepEqual(jumped, []);
      await boss.close();
    }
  });

  test('the chart of errors has one line per part, since the sale began', async () => {
    const boss = await Operator.open(browser, stack, MANNERS['desk-en']);
    const { page } = boss;
    const now = Date.now();
    const minutes = Array.from({ length: 11 }, (_, n) => now - (10 - n) * 60_000);
    const sums = {
      queue: [0, 0, 30, 30, 30, 30, 30, 30, 30, 30, 30],
      seats: [7, 7, 7, 0, 0, 10, 10, 10, 10, 10, 10], // reset in between
      pay: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20],
    };
    await page.route('**/admin/events/demo/series?*', (route) => route.fulfill({ json: { event: 'demo', series: minutes.map((at, n) => ({ at: new Date(at).toISOString(), errors: sums.queue[n] })) } }));
    const points = (which) => minutes.map((at, n) => [at, sums[which][n]]);
    const headers = { 'access-control-allow-origin': '*' };
    await page.route('**/admin/events/demo/counts', (route) => {
      const which = route.request().url().includes(`:${stack.base + 12}/`) ? 'seats' : 'pay';
      return route.fulfill({ headers, json: { event: 'demo', columns: ['at', 'errors'], points: points(which), now: { errors: sums[which].at(-1) }, server_time: new Date(now).toISOString() } });
    });
    await boss.signInAt('#/events/demo');
    const errors = page.locator('.chart').nth(8);
    await errors.locator('.legend >> text=/0 to/').first().waitFor();
    const texts = await errors.locator('.legend li').allTextContents();
    for (const [n, words] of [/^Waiting room.*0 to 180$/, /^Seat service.*0 to 60$/, /^Payment adapter.*0 to 120$/].entries()) assert.match(texts[n], words);
    await page.unrouteAll({ behavior: 'ignoreErrors' });
  });

  test('takings are captures less refunds; list prices are labelled as such', async () => {
    const boss = await Operator.open(browser, stack, MANNERS['desk-en']);
    const { page } = boss;
    const columns = ['at', 'completed', 'open', 'parked', 'captured', 'given_back'];
    const counted = (numbers) => page.route(`**:${stack.base + 13}/admin/events/demo/counts`, (route) => {
      const now = Object.fromEntries(columns.map((name, n) => [name, numbers[n - 1]]));
      return route.fulfill({ headers: { 'access-control-allow-origin': '*' }, json: { event: 'demo', columns, points: [[Date.now() - 60_000, 0, 0, 0, 0, 0]], now, server_time: new Date().toISOString() } });
    });
    await counted([3, 0, 0, 396_000, 132_000]);
    // Standing places only: half of them are sold.
    await page.route(`**:${stack.base + 12}/admin/events/demo`, async (route) => {
      const response = await route.fetch();
      const json = { ...(await response.json()), seats: 0, categories: [{ name: 'Floor', price: 1, free: 50, held: 0, sold: 50, blocked: 0 }] };
      await route.fulfill({ response, json });
    });
    await boss.signInAt('#/events/demo');
    await page.locator('#vital-money .value', { hasText: '₩264,000' }).waitFor();
    await page.locator('#vital-orders .strip .there[d$="h99.1"]').waitFor({ state: 'attached' });
    assert.match(await page.textContent('#vital-money .small'), /^₩396k captured, ₩132k refunded$/i);
    const facts = await page.locator('#live').innerText();
    for (const [name, sum] of [['Captured', '₩396,000'], ['Refunded', '₩132,000'], ['Takings (captured less refunded)', '₩264,000']]) assert.match(facts.replaceAll('\n', ' '), new RegExp(`${name.replace(/[()]/g, '[$&]')} *${sum}`));
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await page.route(`**:${stack.base + 13}/admin/events/demo/counts`, (route) => route.abort());
    await page.reload();
    await page.locator('#vital-money .small', { hasText: 'at list price' }).waitFor();
    await page.unrouteAll({ behavior: 'ignoreErrors' });
  });

  test('a view whose file does not load says so, and comes by itself', async () => {
    const boss = await Operator.signedIn(browser, stack, MANNERS['desk-en'], '#/events/demo');
    const { page } = boss;
    await page.locator('#vital-waiting').waitFor();
    for (const [file, view, shown] of [['seats.js', 'seats', '#hall-map'], ['runbook.md', 'runbook', '#runbook']]) {
      await page.route(`**/${file}`, (route) => route.abort());
      await clickFor(page, `#tabs a[href$="/${view}"]`, '.drawn-lost');
      await page.unroute(`**/${file}`);
      await page.locator(shown).waitFor();
    }
  });

  test('of two questions at once each is asked and answered', async () => {
    const id = 'two-questions';
    assert.equal((await queue.put(`/admin/events/${id}`, { body: { name: 'Two' } })).status, 201);
    const boss = await Operator.signedIn(browser, stack, MANNERS['desk-en'], `#/events/${id}`);
    const { page } = boss;
    await page.click('#endings summary');
    let letGo;
    const gone = new Promise((resolve) => { letGo = resolve; });
    const terms = `**/admin/events/${id}/refund-terms`;
    await page.route(terms, async (route) => {
      await gone;
      return route.continue();
    });
    await page.click('#act-open'); // looks first at what is missing
    await clickFor(page, '#act-close', '#confirm[open]');
    const title = await page.textContent('#confirm-title');
    assert.match(title, /^Close/);
    const looked = page.waitForResponse(terms);
    letGo();
    await looked;
    await page.evaluate(() => new Promise((drawn) => { requestAnimationFrame(() => requestAnimationFrame(drawn)); }));
    assert.equal(await page.textContent('#confirm-title'), title);
    await page.click('#confirm-no');
    await page.locator('#confirm[open] #confirm-title', { hasText: /^Open/ }).waitFor();
    await page.click('#confirm-no');
    assert.equal((await doc(id)).state, 'draft');
  });

  test('typed input survives another operator\'s change, and does not undo it', async () => {
    const id = 'two-operators';
    assert.equal((await queue.put(`/admin/events/${id}`, { body: { name: 'Two' } })).status, 201);
    const patch = async (body) => assert.equal((await queue.patch(`/admin/events/${id}`, { body })).status, 200);
    const boss = await Operator.signedIn(browser, stack, MANNERS['desk-en'], `#/events/${id}/knobs`);
    const { page } = boss;
    const elsewhere = () => page.locator('#applied', { hasText: 'Changed elsewhere' }).waitFor();
    await page.fill('#knob-burst', '7');
    await page.focus('#why');
    await patch({ grace_s: 77, schedule: [{ at: '2035-01-01T10:00:00Z', rate_per_s: 3 }] });
    await elsewhere();
    assert.deepEqual([await page.inputValue('#knob-burst'), await page.inputValue('#knob-grace_s'), await page.inputValue('#step-rate-0')], ['7', '77', '3']);
    await clickFor(page, '#apply', '#undo-knobs');
    const { burst, grace_s: grace, schedule } = await doc(id);
    assert.deepEqual([burst, grace, schedule.length], [7, 77, 1]);

    await boss.view('lanes');
    await page.click('#lane-add');
    await page.fill('#lane-name-0', 'Fans');
    await page.fill('#lane-id-0', 'fans');
    await page.focus('#why');
    await patch({ lanes: [{ id: 'press', name: 'Press', share: 20, invitations: 2 }] });
    await elsewhere();
    assert.equal(await page.inputValue('#lane-id-0'), 'fans');

    await boss.view('message');
    await page.locator('#message-en').waitFor();
    await patch({ message: { en: 'Soon' } });
    await page.waitForFunction(() => document.getElementById('message-en').value === 'Soon');
    await page.fill('#message-en', 'Sooner');
    await page.focus('#why');
    await patch({ message: { en: 'Late' } });
    await elsewhere();
    assert.equal(await page.inputValue('#message-en'), 'Sooner');

    await page.goto(`${boss.at}/console#/events/${id}/setup/opening`);
    await page.fill('#setup-opens', '2035-01-01T20:00');
    await patch({ rate_per_s: 60 });
    await page.waitForFunction(() => document.getElementById('quick-rate').value === '60');
    await page.click('#setup-save');
    await page.locator('#setup-steps a[href$="/check"][aria-current=step]').waitFor();
    assert.deepEqual([(await doc(id)).rate_per_s, (await doc(id)).opens_at.slice(0, 10)], [60, '2035-01-01']);
  });

  test('a list answers the search that was made, and so does its next page', async () => {
    const boss = await Operator.signedIn(browser, stack, MANNERS['desk-en'], '#/orders');
    const { page } = boss;
    const { order_number: number } = (await pay.get(`/admin/orders/${order}`)).json;
    const search = async (words) => {
      await page.fill('#desk-words', words);
      await page.press('#desk-words', 'Enter');
    };
    let letGo;
    const gone = new Promise((resolve) => { letGo = resolve; });
    await page.route('**/admin/orders?q=nobody*', async (route) => {
      await gone;
      return route.continue();
    });
    await page.route(`**/admin/orders?q=${number}*`, async (route) => { // as if there were more
      const response = await route.fetch();
      await route.fulfill({ response, json: { ...await response.json(), before: order } });
    });
    await search('nobody@fairgate.example');
    await search(number);
    await page.locator('#desk-orders a', { hasText: number }).waitFor();
    const late = page.waitForResponse('**/admin/orders?q=nobody*');
    letGo();
    await late;
    await page.evaluate(() => new Promise((drawn) => { requestAnimationFrame(() => requestAnimationFrame(drawn)); }));
    assert.ok(await page.isVisible('#desk-orders'));
    await page.fill('#desk-words', 'somebody else');
    const [next] = await Promise.all([page.waitForRequest(/admin\/orders\?.*before=/), page.click('#desk-more')]);
    assert.equal(new URL(next.url()).searchParams.get('q'), number);
  });

  test('a failed preview is retried, and an empty line is announced once', async () => {
    const boss = await Operator.open(browser, stack, MANNERS['desk-en']);
    const { page } = boss;
    assert.equal((await queue.put('/admin/events/calm', { body: { name: 'Calm' } })).status, 201);
    await boss.signInAt('#/events');
    await page.locator('#events').waitFor();
    let cut = 0;
    await page.route('**/admin/events/calm/preview', (route) => {
      cut += 1;
      return route.abort();
    }, { times: 1 });
    await goFor(page, `${boss.at}/console#/events/calm/knobs`, '#preview p');
    assert.equal(cut, 1);
    const both = Promise.all(['/preview', '/preview?rate_per_s=7'].map((end) => page.waitForResponse((answer) => answer.url().endsWith(end))));
    await page.fill('#knob-rate_per_s', '7');
    await both;
    await page.evaluate(() => new Promise((drawn) => { requestAnimationFrame(() => requestAnimationFrame(drawn)); }));
    assert.deepEqual(await page.locator('#preview p').allTextContents(), ['Nobody is waiting right now.']);
  });

  for (const name of Object.keys(MANNERS)) {
    test(`a past event is found, archived and deleted, ${name}`, async () => {
      const id = `over-${name}`;
      assert.equal((await queue.put(`/admin/events/${id}`, { body: { name: 'Last spring' } })).status, 201);
      assert.equal((await queue.post(`/admin/events/${id}/actions/close`)).status, 200);
      await until('it to be over', async () => (await queue.get('/admin/ended')).json.events.some((one) => one.id === id));
      const boss = await Operator.signedIn(browser, stack, MANNERS[name], '#/orders');
      const { page } = boss;
      await page.locator(`#desk-event option[value="${id}"]`).waitFor({ state: 'attached' }); // its orders can be searched by seat
      await goFor(page, `${boss.at}/console#/events`, '#ended-events');
      await page.click('#ended-events summary');
      await page.fill('#ended-words', 'SPRING');
      await page.press('#ended-words', 'Enter');
      await boss.judge(`console-ended-${name}`);
      await page.click(`#ended a[href="#/events/${id}"]`);

      // Refused without an archive, unless it is confirmed twice.
      await page.click('#endings summary');
      await page.click('#act-delete');
      await confirm(page, { input: id, why: 'made by mistake' });
      await page.waitForFunction((words) => document.getElementById('confirm-text').textContent.includes(words), name.includes('ko') ? '보관되지' : 'NOT been archived');
      await page.click('#confirm-no');
      assert.equal((await queue.get(`/admin/events/${id}`)).status, 200);

      const file = await downloaded(page, '#act-archive');
      assert.match(file.name, new RegExp(`^${id}-.*[.]ndjson$`));
      const lines = file.text.trimEnd().split('\n').map((line) => JSON.parse(line));
      assert.deepEqual([lines[0].format, lines[0].document.name, lines.at(-1).parts > 1], ['fairgate-archive', 'Last spring', true]);
      await until('it to be archived', async () => (await queue.get(`/admin/events/${id}/audit`)).json.audit[0].what === 'archive');

      await page.click('#act-delete');
      await page.fill('#confirm-input', id);
      await page.fill('#confirm-why', 'it is over');
      await boss.judge(`console-delete-${name}`);
      await clickFor(page, '#confirm-yes', '#events');
      assert.equal((await queue.get(`/admin/events/${id}`)).status, 404);
    });
  }

  // The provider refuses its payment and its refund: after two refusals it is parked.
  async function parkForReal(n) {
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const control = stack.admin('psp');
    const bank = client({ port: stack.base + 4 });
    const { order: id, payment } = await makeOrder(`refused-${n}`, n);
    const faults = new URLSearchParams({ fault: 'capture:error=402,cancel:error=402*2' });
    assert.equal((await control.post('/control/faults', { body: String(faults), headers: form })).status, 201);
    const paid = await bank.post(new URL(payment.checkout_url).pathname, { body: 'number=4242424242424242', headers: form });
    assert.equal(paid.status, 303, paid.text);
    return until('it to be parked', async () => {
      const saga = await sagaOf(id);
      return saga.state === 'parked' && saga;
    });
  }

  for (const [n, name] of Object.keys(MANNERS).entries()) {
    test(`a reversal that the provider refuses is parked, found, retried and ended, ${name}`, async () => {
      await queue.patch('/admin/events/demo', { body: { rate_per_s: 50, burst: 50 } });
      const { saga, order: id } = await parkForReal(4 + n);
      const boss = await Operator.signedIn(browser, stack, MANNERS[name], '#/orders');
      boss.name = name;
      const { page } = boss;
      const found = page.locator('#reconcile li', { hasText: id });
      await until('the difference to be found', async () => {
        await page.click('#reconcile-now');
        return (await found.count()) > 0;
      }, { everyMs: 500 });
      assert.match(await found.textContent(), name === 'desk-en' ? /^Parked order.*waits for a person.*reverse it/ : /^보류된 주문.*사람의 손을 기다립니다.*되돌리십시오/);
      await boss.judge(`${name}-drift`);
      await looks.see(page, `${name}-drift`, { ...LUCK, few: [...LUCK.few, '#reconcile li'], not: [...LUCK.not.filter((what) => what !== '#reconcile div'), '#reconcile li *'] }); // which difference is the first is luck
      // It is accepted with a reason, listed separately, and reverted.
      const decide = async (button) => {
        await found.locator(`button[name="${button}"]`).click();
        await confirm(page, { why: 'as agreed' });
      };
      await decide('accept');
      await clickFor(page, '#reconcile summary', '#reconcile details li', { hasText: 'as agreed' });
      await decide('withdraw');
      await page.locator('#reconcile div > ul > li', { hasText: id }).locator('button[name="accept"]').waitFor();
      await found.getByRole('button', { name: id }).click();
      await page.waitForFunction((its) => document.getElementById('saga-order').value === its, id);
      await clickFor(page, `#sagas a[href="#/orders/${saga}"]`, 'svg.graph .node.undo.failed.here');
      await see(boss, 'order-back');
      // Retried, it is refused once more, and then rolled back. The next action's reason is typed before the page has the
      // answer.
      await page.fill('#saga-reason', 'asked the provider');
      const retry = await boss.hold('**/retry');
      await page.click('#retry');
      await page.fill('#saga-reason', 'the provider has mended it');
      retry();
      await until('it to be parked again', async () => {
        const { state, timeline } = (await pay.get(`/admin/sagas/${saga}`)).json;
        return state === 'parked' && timeline.at(-1).result === 'failed' && timeline.some(({ result }) => result === 'operator');
      });
      assert.equal(await page.isVisible('#compensate'), false, 'it is turned back already');
      await page.locator('#timeline', { hasText: 'asked the provider' }).waitFor();
      assert.equal(await page.inputValue('#saga-reason'), 'the provider has mended it');
      await clickFor(page, '#retry', '#saga-state .badge.undone');
      assert.equal(await page.isVisible('#saga-acts'), false);
      await see(boss, 'order-undone');
    });
  }

  test('an alarm is shown in every view for as long as it lasts', async () => {
    const boss = await Operator.signedIn(browser, stack, MANNERS['desk-en'], '#/orders');
    const { page } = boss;
    await page.locator('#reconcile div p').first().waitFor();
    let cut = 0;
    await page.route('**/admin/sagas*', (route) => {
      cut += 1;
      return route.abort();
    });
    await page.route('**/admin/sagas/*', (route) => route.abort());
    await page.locator('#notice:not(:empty)').waitFor();
    await page.evaluate(() => {
      const place = document.getElementById('notice');
      new MutationObserver(() => { if (place.textContent === '') place.dataset.silent = 'yes'; }).observe(place, { childList: true, characterData: true, subtree: true });
    });
    const before = cut;
    await until('it to have asked twice more', () => cut >= before + 2);
    assert.equal(await page.getAttribute('#notice', 'data-silent'), null);
    const words = await page.textContent('#notice');
    await page.evaluate(() => { location.hash = '#/orders/1'; });
    await page.locator('#sagas').waitFor({ state: 'detached' });
    await page.locator('#notice:not(:empty)').waitFor();
    assert.equal(await page.textContent('#notice'), words);
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await page.locator('#saga-state').waitFor();
    assert.equal(await page.textContent('#notice'), '');
  });

  // As in the trail; with what the page says of each, in English and in Korean.
  const MOVES = [
    ['latency', 812, 300, /was 812 ms, allowed are 300 ms/, /응답이 812 ms, 허용 300 ms/],
    ['errors', 0.035, 0.02, /3\.5 % of the answers failed, allowed are 2 %/, /3\.5 % 실패, 허용 2 %/],
    ['held-seats', 1500, 1000, /1,500 seats are held, allowed are 1,000/, /1,500석, 허용 1,000석/],
    ['saga-backlog', 600, 500, /600 orders are in progress, allowed are 500/, /주문 600건, 허용 500건/],
    ['no-feedback', null, null, /services are silent/, /소식이 없어/],
    ['climb', null, null, /all within limits/, /모두 한계 안/],
    ['ceiling', null, null, /at the ceiling/, /상한에 도달/],
    ['set', null, null, /set by the operator/, /운영자나/],
    ['schedule', null, null, /a step of the rate by time/, /시간별 속도의 단계/],
    ['opens_at', null, null, /opening time has come/, /오픈 시각이 됨/],
    ['prequeue_at', null, null, /pre-queue has come/, /사전 대기 시작 시각이 됨/],
    ['seats-back', 7, null, /7 seats came back/, /7석이 다시 나옴/],
    ['store-lost', null, null, /Redis was lost/, /Redis 손실/],
    ['clock-ahead', 3600000, 5000, /3,600,000 ms ahead/, /3,600,000ms 빨라/],
  ];

  for (const name of Object.keys(MANNERS)) {
    test(`the trail gives reasons of automatic moves in the page's language, ${name}`, async () => {
      const boss = await Operator.open(browser, stack, MANNERS[name]);
      boss.name = name;
      const { page } = boss;
      const at = new Date().toISOString();
      const why = 'said by the service';
      const moves = MOVES.map(([reason, measured, limit]) => ({ at, version: 3, who: 'autopilot', what: 'rate', from: { rate_per_s: 20 }, to: { rate_per_s: 14 }, why, because: { reason, measured, limit } }));
      const [{ because }] = moves;
      const before = { at, version: 2, who: 'autopilot', what: 'rate', from: null, to: null, why };
      await page.route('**/admin/events/demo/audit?limit=*', (route) => route.fulfill({ json: { event: 'demo', audit: [...moves, before] } }));
      await page.route('**/admin/events/demo', async (route) => {
        const answer = await route.fetch();
        const state = { rate_per_s: 14, reason: 'latency', decided_at: at, heard_at: at, reading: { p99_ms: 812, error_share: null, held: 5, backlog: 0 }, last_move: { at, from_per_s: 20, to_per_s: 14, why, because } };
        await route.fulfill({ response: answer, json: { ...await answer.json(), autopilot_state: state } });
      });
      await boss.signInAt('#/events/demo/audit');
      await page.locator('#audit > li').nth(MOVES.length).waitFor();
      const texts = await page.locator('#audit > li').allTextContents();
      const words = name === 'desk-en' ? 3 : 4;
      for (const [n, move] of MOVES.entries()) {
        assert.match(texts[n], move[words]);
        assert.ok(!texts[n].includes(why), texts[n]);
      }
      assert.ok(texts[MOVES.length].includes(why), 'what is older than the codes has its sentence');
      await see(boss, 'audit-moves');
      await boss.view('knobs');
      await page.locator('#autopilot-now dl').waitFor();
      assert.match(await page.textContent('#autopilot-now'), MOVES[0][words]);
      await see(boss, 'autopilot-moved');
      await page.unrouteAll({ behavior: 'ignoreErrors' });
    });
  }

  test('keys alone lead in, to an event\'s knobs and out, with a visible focus', async () => {
    const boss = await Operator.open(browser, stack, MANNERS['desk-en']);
    const { page } = boss;
    await goFor(page, `${boss.at}/console`, '#token:focus');
    await page.keyboard.type(stack.secret('admin-token'));
    await page.keyboard.press('Tab');
    await page.keyboard.type('Night Shift');
    await page.keyboard.press('Enter');
    await page.locator('#events a').first().waitFor();
    // Never out at the end of the page: there Debian's headless Firefox loses its focus for good.
    const reach = async (what, key = 'Tab') => {
      for (let n = 0; n < 150; n++) {
        await page.keyboard.press(key);
        const seen = await page.evaluate((selector) => {
          const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
          return { here: document.activeElement.matches(selector), at: document.activeElement.outerHTML.slice(0, 80), outline: `${outlineStyle} ${outlineWidth}` };
        }, what);
        assert.match(seen.outline, /^(solid|auto) [1-9]/, `${seen.at}: ${seen.outline}`);
        if (seen.here) return;
      }
      assert.fail(`${what} is not reached`);
    };
    await reach('#events a[href="#/events/demo"]');
    await page.keyboard.press('Enter');
    await page.locator('main:focus #tabs').waitFor();
    await reach('#tabs a[href$="/knobs"]');
    await page.keyboard.press('Enter');
    await page.locator('main:focus #knob-form').waitFor();
    await reach('#knob-rate_per_s');
    await reach('#apply');
    await page.keyboard.press('Enter');
    await page.locator('#applied:not(:empty)').waitFor();
    await reach('#skip', 'Shift+Tab');
    await reach('#sign-out');
    await page.keyboard.press('Enter');
    await page.locator('#sign-in').waitFor();
    assert.deepEqual(await page.evaluate(() => [Object.keys(sessionStorage), Object.keys(localStorage), document.cookie]), [[], [], '']);
  });

  for (const name of Object.keys(MANNERS)) {
    test(`a part is shown as down during an outage and as up after it, ${name}`, async () => {
      const boss = await Operator.signedIn(browser, stack, MANNERS[name], '#/parts');
      boss.name = name;
      const { page } = boss;
      for (const part of ['queue', 'seats', 'pay']) await page.locator(`#part-${part}.ready`).waitFor();
      await survey(boss, 'parts');
      await stack.without('seat-service', async () => {
        await page.locator('#part-seats.silent').waitFor();
        await page.locator('#down:not([hidden])').waitFor();
        await survey(boss, 'parts-down');
        await goFor(page, `${boss.at}/console#/events/demo/seats`, '#seats-trouble');
        await survey(boss, 'seats-down');
      });
      await goFor(page, `${boss.at}/console#/parts`, '#part-seats.ready');
    });
  }

  test('a stopped seat service is one alarm, and its figures show their age', async () => {
    const boss = await Operator.open(browser, stack, MANNERS['desk-en']);
    const { page } = boss;
    await queue.patch('/admin/events/demo', { body: { rate_per_s: 50, burst: 50 } });
    await boss.signInAt('#/events/demo');
    await page.locator('#vital-seats .value', { hasText: /\d/ }).waitFor();
    // Earlier tests' alarms may end meanwhile. An alarm is identified by its section of the runbook.
    const alarms = () => page.evaluate(() => [[...document.querySelectorAll('#alarms a[href*="/runbook/"]')].map(({ hash }) => hash), document.querySelector('#vital-alarms .value').textContent]);
    const [before] = await alarms();
    await stack.without('seat-service', async () => {
      await page.locator('#verdict.broken', { hasText: 'The seat service is down' }).waitFor();
      await page.locator('#alarms summary', { hasText: 'Hides' }).waitFor();
      const [now, shown] = await alarms();
      assert.equal(now.filter((one) => !before.includes(one)).length, 1, String(now));
      assert.equal(shown, String(now.length));
      await page.locator('#vital-seats.stale .small', { hasText: /^As of \d\d:\d\d:\d\d$/ }).waitFor();
      const ends = await page.evaluate(() => document.querySelector('#vital-seats path').getBBox().width);
      assert.ok(ends < 100, `the curve ends where the data end: ${ends}`);
      const seatsChart = page.locator('.chart').nth(5);
      await seatsChart.locator('li.stale', { hasText: 'As of' }).nth(1).waitFor();
      await boss.judge('console-seats-stopped');
    });
    await page.locator('#vital-seats:not(.stale)').waitFor();
  });

  // Last, because nobody repairs the event: it stays unreadable.
  test('an unreadable event is named on the page, and the others keep working', async () => {
    sql(
      `WITH e AS (INSERT INTO seats.event (id) VALUES ('broken') RETURNING no),
            d AS (INSERT INTO seats.document SELECT no, '', 'no plan' FROM e)
       INSERT INTO seats.owner (event, chain) SELECT no, decode(repeat('00', 32), 'hex') FROM e`,
      'seat_service',
    );
    await queue.put('/admin/events/broken', { body: { name: 'Broken' } });
    const boss = await Operator.signedIn(browser, stack, MANNERS['desk-en'], '#/parts');
    const { page } = boss;
    await page.locator('#part-seats.ready .out').getByText(/broken.*not JSON/).waitFor();
    await page.locator('#down:not([hidden])').waitFor();
    await page.goto(`${boss.at}/console#/events`);
    await page.locator('#events li', { hasText: 'Broken' }).getByText(/not JSON/).waitFor();
    // The bar of the other moves with its seats, and the policy has nothing to say to that.
    const before = await page.locator('#events .bar').first().getAttribute('aria-label');
    const [{ seats: some }] = JSON.parse(stack.read('demo-hall.json')).plan.zones[7].rows;
    assert.equal((await seats.post('/admin/events/demo/block', { body: { seats: some.slice(0, 9).map((one) => one.seat_guid) } })).status, 200);
    await until('the bar to tell', async () => (await page.locator('#events .bar').first().getAttribute('aria-label')) !== before);
    await page.goto(`${boss.at}/console#/events/broken/seats`);
    await page.locator('#seats-trouble').getByText(/not JSON/).waitFor();
    await goFor(page, `${boss.at}/console#/events/demo/seats`, '#map-help');
  });
});

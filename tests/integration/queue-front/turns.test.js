// What visitors see after their turn, and how they join again.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertProblem, assertStatus, delay, openScope, until } from '../../lib-js/index.js';
import { makeEvent, makePreQueue, openSite, patch, startFront, untilState, Visitor } from './support.js';

const HTML = { accept: 'text/html' };

const scope = openScope(test);
const site = await openSite(null, { scope, fronts: 2 });
let made = 0;

const event = (knobs = {}) => makeEvent(site, `show-${made += 1}`, { rate_per_s: 100, max_active: 0, ...knobs });

describe('a turn that is over', () => {
  const end = (session, body) => site.front.admin.post(`/internal/sessions/${session}/end`, { body });

  const untilPlace = (visitor, place, front) => until(`the place to be ${place}`, async () => {
    const { json } = await visitor.me({ front });
    return json.place === place && json;
  });

  async function joinsAnew(visitor) {
    const again = assertStatus(await visitor.join(), 201);
    assert.ok(again.json.position > visitor.first.position);
    const repeated = assertStatus(await visitor.join(asks(visitor.first.ticket)), 200);
    assert.equal(repeated.json.position, again.json.position, 'the ticket of the turn leads there');
  }

  test('is done on every front once the order is completed', async () => {
    const visitor = await Visitor.inside(site.front, await event());
    assert.equal((await visitor.me()).json.place, 'admitted');
    assert.equal((await end(visitor.visit.session, { order: 'o_1' })).status, 204);
    for (const front of site.fronts) {
      const me = await untilPlace(visitor, 'done', front);
      assert.deepEqual([me.called, me.call_expires_at, me.can_join], [false, null, true]);
    }
    const refused = await visitor.pass();
    assertProblem(refused, 410, 'order-complete');
    assert.equal(refused.json.can_join, true);
    assertProblem(await visitor.session(), 410, 'order-complete');
    await joinsAnew(visitor);
  });

  test('is ended without an order, and done when the order comes late', async () => {
    const visitor = await Visitor.inside(site.front, await event());
    assert.equal((await end(visitor.visit.session)).status, 204);
    await untilPlace(visitor, 'ended');
    assertProblem(await visitor.pass(), 410, 'session-ended');
    const form = await visitor.pass({ headers: HTML, body: '' });
    assert.equal(form.headers.location, `/e/${visitor.event}?notice=session-ended`);
    const page = await site.front.http.get(`${form.headers.location}&lang=en`, { headers: visitor.jar.headers });
    assert.match(page.text, /data-view="expired"[^]*You can join again/);
    assert.equal((await end(visitor.visit.session, { order: 'o_1' })).status, 204);
    await untilPlace(visitor, 'done');
    assert.equal((await end(visitor.visit.session)).status, 204);
    assertProblem(await visitor.pass(), 410, 'order-complete');
    assertProblem(await end(visitor.visit.session, ['o_1']), 400, 'json-invalid');
    await joinsAnew(visitor);
  });

  test('is ended when the time of the visit is over', async () => {
    const visitor = await Visitor.inside(site.front, await event({ session_ttl_s: 1, session_max_s: 1 }));
    await untilPlace(visitor, 'ended');
    assertProblem(await visitor.pass(), 410, 'session-expired');
    await joinsAnew(visitor);
  });

  // `leave` deletes the cookies; a program that keeps its ticket may still show it.
  const asks = (ticket, front = site.front) => ({ front, headers: { authorization: `Bearer ${ticket}` } });

  test('is ended at every front once the place was given up, before the opening, waiting or called', async () => {
    const gathers = await makePreQueue(site, `show-${made += 1}`);
    const places = { [gathers]: 'waiting', [await event({ rate_per_s: 0 })]: 'waiting', [await event()]: 'called' };
    const left = [];
    for (const [id, place] of Object.entries(places)) {
      const visitor = new Visitor(site.front, id);
      const { ticket } = await visitor.joined();
      for (const front of site.fronts) await untilPlace(visitor, place, front);
      assert.equal((await visitor.leave()).status, 204);
      const { json: me } = await visitor.me(asks(ticket));
      assert.deepEqual([me.place, me.called, me.call_expires_at, me.can_join], ['ended', false, null, true], id);
      left.push({ id, visitor, ticket });
    }
    const late = await startFront(site);
    for (const { id, visitor, ticket } of left) {
      for (const front of [site.fronts[1], late])
        await until(`a front to know it of ${id}`, async () => (await visitor.me(asks(ticket, front))).json.place === 'ended');
      const again = assertStatus(await visitor.join(asks(ticket)), 201);
      const same = await visitor.join(asks(ticket, late));
      assert.deepEqual([same.status, same.json.position, same.json.entry], [200, again.json.position, again.json.entry], same.text);
    }
    await late.stop();
  });

  test('is never handed out again, however often one name has given a place up', async () => {
    const id = await event({ rate_per_s: 0 });
    const join = (front) => front.http.post(`/v1/queue/${id}/join`, { headers: { 'idempotency-key': 'mine' } });
    const asked = async () => (await site.front.metrics()).get('fairgate_store_joins_total');
    let before;
    for (let n = 1; n <= 40; n += 1) {
      before = await asked();
      const { json } = assertStatus(await join(site.front), 201);
      assert.equal(json.position, n);
      assert.equal((await join(site.fronts[1])).json.position, n);
      assertStatus(await new Visitor(site.front, id).leave(asks(json.ticket)), 204);
    }
    assert.ok(await asked() - before <= 3, 'calls for a place do not grow with the turns');
  });

  test('is not over for one who stands at the door, however long the hall is full', async () => {
    const id = await event({ max_active: 2, call_ttl_s: 12, grace_s: 0 });
    const first = await Visitor.inside(site.front, id);
    const second = new Visitor(site.front, id);
    const { position } = await second.joined();
    await second.untilCalled();
    await patch(site.front, id, { max_active: 1 });
    assertProblem(await second.pass(), 409, 'not-yet');
    for (const front of site.fronts)
      await until('each front to know of the knock', async () => Date.parse((await second.me({ front })).json.call_expires_at) > Date.now() + 20_000);
    const retryUntil = Date.now() + 16_000; // without retries the call would be over after twelve seconds
    while (Date.now() < retryUntil) {
      assertProblem(await second.pass(), 409, 'not-yet');
      for (const front of site.fronts) {
        const { json } = await second.me({ front });
        assert.deepEqual([json.called, json.can_join], [true, undefined], JSON.stringify(json));
      }
      assert.equal((await second.join()).json.position, position);
      await delay(300);
    }
    await first.leave();
    await second.entered();
  });

  test('leads nowhere once the event is sold out', async () => {
    const id = await event();
    const visitor = await Visitor.inside(site.front, id);
    await site.front.admin.post(`/admin/events/${id}/actions/sold-out`);
    await untilState(site.front, id, 'sold-out');
    await end(visitor.visit.session, { order: 'o_1' });
    assert.equal((await untilPlace(visitor, 'done')).can_join, false);
    const page = await site.front.http.get(`/e/${id}`, { headers: { ...visitor.jar.headers, ...HTML } });
    assert.match(page.text, /data-view="expired" data-state="sold-out"[^]*Your order is complete/);
  });
});

describe('more time', () => {
  async function called(knobs) {
    const visitor = await Visitor.withPlace(site.front, await event(knobs));
    visitor.call_ = await visitor.untilCalled();
    return visitor;
  }
  const extend = (visitor, options) => visitor.call('POST', 'extend', options);

  test('for a call is added ten times at every front', async () => {
    const visitor = await called({ call_ttl_s: 10, grace_s: 0 });
    const other = await Visitor.withPlace(site.front, visitor.event);
    await other.untilCalled();
    const ends = [];
    for (let left = 9; left >= 0; left -= 1) {
      const { status, json } = await extend(visitor);
      assert.deepEqual([status, json.extensions_left, json.called], [200, left, true]);
      ends.push(Date.parse(json.call_expires_at));
    }
    assert.ok(ends[0] >= Date.parse(visitor.call_.call_expires_at) + 10_000);
    assert.deepEqual(ends, ends.map((_, i) => ends[0] + 10_000 * i));
    assertProblem(await extend(visitor), 409, 'extensions-exhausted');
    await until('the other front to know', async () =>
      Date.parse((await visitor.me({ front: site.fronts[1] })).json.call_expires_at) === ends.at(-1));
    await until('the call of the other to run out', async () => (await other.me()).json.place === 'expired');
    assertProblem(await extend(other), 410, 'call-expired');
    assert.equal((await visitor.me()).json.place, 'called');
    await until('the pass', async () => (await visitor.pass()).status === 201);
    assertProblem(await extend(visitor), 409, 'already-inside');
  });

  test('is not for those who wait, and not for strangers', async () => {
    const visitor = await called();
    await site.front.admin.post(`/admin/events/${visitor.event}/actions/pause`);
    await untilState(site.front, visitor.event, 'paused');
    const waits = await Visitor.withPlace(site.front, visitor.event);
    assertProblem(await extend(waits), 409, 'not-yet');
    assertProblem(await extend(new Visitor(site.front, visitor.event)), 401, 'ticket-invalid');
  });

  test('is a button without a script: for a call, and for a visit', async () => {
    const visitor = await called({ call_ttl_s: 60, session_ttl_s: 60, session_max_s: 600 });
    const page = async () => (await site.front.http.get(`/e/${visitor.event}`, { headers: { ...visitor.jar.headers, ...HTML } })).text;
    assert.match(await page(), /data-view="called"[^]*id="extend"><button/);
    const extended = await extend(visitor, { headers: HTML, body: '' });
    assert.equal(extended.headers.location, `/e/${visitor.event}?notice=extended`);
    await visitor.pass();
    assert.match(await page(), /data-view="admitted"[^]*id="visit-left">Your visit is kept until[^]*id="stay"><button/);
    const { json: before_ } = await visitor.me();
    assert.ok(Date.parse(before_.session_ends_at) > Date.parse(before_.session_expires_at));
    const stayed = await visitor.session({ headers: HTML, body: '' });
    assert.equal(stayed.headers.location, `/e/${visitor.event}?notice=extended`);
    assert.ok(Date.parse((await visitor.me()).json.session_expires_at) >= Date.parse(before_.session_expires_at));
    await site.front.admin.post(`/admin/events/${visitor.event}/actions/close`);
    await untilState(site.front, visitor.event, 'closed');
    assert.match(await page(), /data-view="admitted" data-state="closed"/, 'those inside keep the way back to the seats');
    assertStatus(await visitor.pass(), 200);
    const left = await visitor.leave({ headers: HTML, body: '' });
    assert.equal(left.headers.location, `/e/${visitor.event}?notice=left`);
  });
});

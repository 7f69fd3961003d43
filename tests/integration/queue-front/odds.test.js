// Will it sell out first? Visitors see their odds while seats are fed, the same on every front.

import assert from 'node:assert/strict';
import test from 'node:test';
import { until } from '../../lib-js/index.js';
import { invitationsOf, makeEvent, openSite, patch, untilLanes, Visitor } from './support.js';

const feed = (front, seats_left) =>
  front.admin.put('/admin/events/show/seats-left', { body: { seats_left } });

test('the odds follow the seats while they are fed, those of a lane by its share of the calls', async (t) => {
  const site = await openSite(t, { fronts: 2 });
  const [one, two] = site.fronts;
  await makeEvent(site, 'show', {
    rate_per_s: 1000, burst: 1000, max_active: 0, seats_left: true,
    lanes: [{ id: 'fans', name: 'Fan club', share: 30, invitations: 500 }],
  });
  const lanes = async (front) => (await front.http.get('/v1/queue/show/status')).json.lanes;
  for (const front of site.fronts) await untilLanes(front, 'show');
  const codes = await invitationsOf(one, 'show');
  const newcomer = async (fan) => {
    const visitor = new Visitor(one, 'show');
    const joined = await visitor.joined(fan ? { headers: { 'x-invitation': codes.pop() } } : {});
    assert.deepEqual([joined.lane, joined.odds], [fan ? 'fans' : undefined, undefined], 'one feed is no measurement');
    return visitor;
  };
  const many = async (count, work) => {
    const done = [];
    for (let i = 0; i < count; i += 10) done.push(...await Promise.all(Array.from({ length: 10 }, work)));
    return done;
  };
  assert.equal((await feed(one, 320)).status, 204);
  // Sixty visitors of the general lane and forty fans come, buy two seats each and leave.
  for (const [count, fan] of [[60, false], [40, true]]) {
    await many(count, async () => {
      const visitor = await newcomer(fan);
      await visitor.entered();
      await visitor.leave();
    });
  }
  await patch(one, 'show', { rate_per_s: 0, burst: 1 });
  const general = await many(100, () => newcomer(false));
  const fans = await many(60, () => newcomer(true));
  // Where both lines are now, with saved tokens spent: the same twice in a row.
  let before = '';
  await until('this front to have seen all of them', async () => {
    const all = await lanes(one);
    const now = all.map(({ issued, serving, waiting }) => `${issued}:${serving}:${waiting}`).join();
    const still = now === before && all[0].issued === 160 && all[1].issued === 100;
    before = now;
    const { json } = await one.admin.get('/admin/events');
    return still && json.events[0].live.active === 0;
  });
  // 120 seats are left, for sixty more visitors: 42 of the general lane and 18 fans.
  assert.equal((await feed(one, 120)).status, 204);
  const meOf = async (visitor, front) => (await visitor.me({ front })).json;
  const byAhead = async (visitors, front) => {
    const all = await Promise.all(visitors.map((visitor) => meOf(visitor, front)));
    return new Map(all.filter(({ place }) => place === 'waiting').map((me) => [me.ahead, me.odds]));
  };
  for (const front of site.fronts) {
    await until('the odds', async () => (await meOf(general.at(-1), front)).odds && (await meOf(fans.at(-1), front)).odds);
    const [plain, fan] = [await byAhead(general, front), await byAhead(fans, front)];
    assert.deepEqual(plain.get(5), { sold_out: 'unlikely', seats_left: 120, ahead: 5, seats_per_visitor: 2 });
    assert.equal(plain.get(20).sold_out, 'unlikely');
    assert.equal(plain.get(42).sold_out, 'unsure');
    assert.equal(plain.get(80).sold_out, 'likely');
    assert.deepEqual(fan.get(5), { sold_out: 'unlikely', seats_left: 120, ahead: 5, seats_per_visitor: 2 });
    assert.equal(fan.get(18).sold_out, 'unsure');
    assert.equal(fan.get(40).sold_out, 'likely', 'though in the general lane forty ahead are few');
  }
  const [first, second] = await lanes(two);
  const { odds } = (await two.http.get('/v1/queue/show/status')).json;
  assert.deepEqual(first.odds, { unlikely_upto: odds.unlikely_upto, likely_from: odds.likely_from });
  for (const [visitors, { odds: { unlikely_upto: safe, likely_from: lost } }] of [[general, first], [fans, second]]) {
    for (const { position, odds: mine } of await Promise.all(visitors.map((visitor) => meOf(visitor, two)))) {
      if (!mine) continue; // called by a saved token
      assert.equal(mine.sold_out, position >= lost ? 'likely' : position <= safe ? 'unlikely' : 'unsure');
    }
  }

  assert.equal((await feed(two, 0)).status, 204);
  await until('it to be likely for all', async () =>
    [...(await byAhead([...general, ...fans], two)).values()].every(({ sold_out }) => sold_out === 'likely'));
  await patch(one, 'show', { seats_left: false });
  await until('the odds to be gone', async () => (await meOf(general.at(-1), two)).odds === undefined);
});

// Lanes: invited visitors wait in a separate line with a stated share of the calls, which everybody can see.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { assertProblem, assertStatus, runProgram, until } from '../../lib-js/index.js';
import { openDraw } from '../../../queue-front/web/draw-check.js';
import { answered } from './crowd.js';
import { asMember, openShop } from './shop.js';
import { act, fairnessOf, invitationsOf, joinInTurn, makeEvent, makePreQueue, openShow, openSite, patch, untilDrawn, untilLanes, untilShardsHear, untilState, Visitor } from './support.js';

const LANES = [{ id: 'fans', name: 'Fan club', share: 30, invitations: 500 }];
const STILL = { rate_per_s: 0, lanes: LANES };
const status = async (front) => (await front.http.get('/v1/queue/show/status')).json;
const laneOf = async (front, id) => (await status(front)).lanes.find((lane) => lane.id === id);

const invited = (code) => ({ headers: { 'x-invitation': code } });

async function openLanes(t, knobs, options = {}) {
  const site = await openShow(t, knobs, options);
  for (const front of site.fronts) await untilLanes(front, 'show');
  site.codes = await invitationsOf(site.front, 'show');
  return site;
}

async function fill(site, general, fans) {
  const all = [...Array.from({ length: general }, (_, i) => ({ headers: { 'idempotency-key': `filled-${i}` } })), ...site.codes.slice(0, fans).map(invited)];
  await Promise.all(all.map(async (options, i) => {
    const answer = await answered(() => site.fronts[i % site.fronts.length].http.post('/v1/queue/show/join', options));
    assert.ok([200, 201].includes(answer.status), answer.text);
  }));
}

test('a lane has its own places and shows its share of the calls', async (t) => {
  const site = await openLanes(t, STILL, { fronts: 2 });
  await fill(site, 3, 0);
  const fan = new Visitor(site.front, 'show');
  const joined = await fan.joined(invited(site.codes[0].toLowerCase().replaceAll('-', ' ')));
  assert.equal(joined.position, 1);
  assert.equal(joined.lane, 'fans');
  assert.equal((await fan.me({ front: site.fronts[1] })).json.ahead, 0);
  const plain = await new Visitor(site.fronts[1], 'show').joined();
  assert.equal(plain.position, 4);
  assert.equal(plain.lane, undefined);
  assert.deepEqual([joined.lane_share, plain.lane_share], [30, 70]);
  await until('the numbers', async () => (await laneOf(site.front, 'fans')).issued === 1);
  const { lanes } = await status(site.fronts[1]);
  assert.deepEqual(lanes.map(({ id, name, share }) => [id, name, share]),
    [['general', 'general', 70], ['fans', 'Fan club', 30]]);
  assert.equal((await fan.join()).json.position, 1, 'the same ticket again');
  const again = await new Visitor(site.fronts[1], 'show').join(invited(site.codes[0]));
  assert.equal(again.status, 200, 'one invitation is one place');
  assert.equal(again.json.position, 1);
});

test('a preview says of each lane when the last of it would enter', async (t) => {
  const site = await openLanes(t, STILL);
  await fill(site, 70, 6);
  const preview = async (rate) =>
    (await site.front.admin.get(`/admin/events/show/preview?rate_per_s=${rate}`)).json;
  const { waiting, last_enters_at: last, lanes } = await until('all to be counted', async () => {
    const seen = await preview(10);
    return seen.waiting === 76 && seen;
  });
  assert.equal(waiting, 76);
  assert.deepEqual(lanes.map(({ id, share, waiting: there }) => [id, share, there]), [['general', 70, 70], ['fans', 30, 6]]);
  // 30 of 100 calls are theirs: the six are called after 20, all others after 76.
  const [general, fans] = lanes.map(({ last_enters_at: at }) => Date.parse(at));
  assert.equal(general, Date.parse(last));
  assert.ok(Math.abs(general - fans - 5600) <= 100, `${general - fans} ms between the last of both`);
  assert.ok((await preview(0)).lanes.every(({ last_enters_at: at }) => at === null));
});

test('a visitor without an invitation does not enter the lane', async (t) => {
  const site = await openLanes(t, STILL);
  const visitor = () => new Visitor(site.front, 'show');
  const good = site.codes[1];
  const wrong = good.replace(/^./, (c) => (c === '0' ? '2' : '0'));
  for (const code of [wrong, 'x', `${good}0`, good.slice(0, -1)]) {
    assertProblem(await visitor().join(invited(code)), 422, 'invitation-invalid');
  }
  await makeEvent(site, 'other', STILL);
  assertProblem(await visitor().join({ ...invited(good), event: 'other' }), 422, 'invitation-invalid');
  await untilShardsHear(site, 'show', (await patch(site.front, 'show', { lanes: [{ ...LANES[0], invitations: 1 }] })).version);
  assertProblem(await visitor().join(invited(good)), 422, 'invitation-invalid');
  assert.equal((await visitor().join(invited(site.codes[0]))).status, 201);
  // Visitors with a place see this, too, and keep the place.
  const there = visitor();
  const { position } = await there.joined();
  assertProblem(await there.join(invited(wrong)), 422, 'invitation-invalid');
  assert.deepEqual([(await there.join()).status, (await there.join()).json.position], [200, position]);
  const page = await visitor().join({ headers: { accept: 'text/html', 'x-invitation': 'x' }, body: '' });
  assert.equal(page.headers.location, '/e/show?notice=invitation-invalid');
  assertProblem(await site.front.http.get('/v1/queue/show@1/status'), 404, 'event-unknown');
  const { ticket } = await visitor().joined();
  const bytes = Buffer.from(ticket, 'base64url');
  bytes[2] = 1;
  assertProblem(await site.front.http.get('/v1/queue/show/me', { token: bytes.toString('base64url') }),
    401, 'ticket-invalid');
});

test('a member token may open a lane and stays in it', async (t) => {
  const shop = openShop();
  const site = await openLanes(t, { rate_per_s: 1000, burst: 100, max_active: 0, lanes: LANES },
    { fronts: 2, config: { members: { keys: shop.file } } });
  const fan = (sub) => asMember(shop.token(sub, { claims: { lane: 'fans' } }));
  const kim = new Visitor(site.front, 'show');
  assert.equal((await kim.joined(fan('kim'))).lane, 'fans');
  assert.equal((await new Visitor(site.front, 'show').join(fan('kim'))).status, 200, 'one place');
  assert.equal((await new Visitor(site.front, 'show').joined(asMember(shop.token('lee')))).lane, undefined);
  await makeEvent(site, 'still', STILL);
  const ann = new Visitor(site.front, 'still');
  assert.equal((await ann.joined()).lane, undefined, 'not logged in yet');
  for (const [{ headers }, offers] of [[{}, false], [asMember(shop.token('ann')), false], [fan('ann'), true]]) {
    const page = await site.front.http.get('/e/still?lang=en', { headers: { ...ann.jar.headers, ...headers } });
    assert.equal(page.text.includes('id="anew"'), offers);
  }
  assert.equal((await ann.joined(fan('ann'))).lane, 'fans');
  const again = await ann.join(fan('ann'));
  assert.deepEqual([again.status, again.json.lane], [200, 'fans']);
  const dan = await Visitor.withPlace(site.front, 'still');
  await act(site.front, 'still', 'sold-out');
  await untilState(site.front, 'still', 'sold-out');
  assert.equal((await dan.join(fan('dan'))).status, 200, 'places are kept');
  const bea = await Visitor.withPlace(site.front, 'show');
  await bea.untilCalled();
  const called = await bea.join(fan('bea'));
  assert.deepEqual([called.status, called.json.lane, called.json.called], [200, undefined, true], 'a call is better than a lane');
  assert.equal((await new Visitor(site.front, 'show').joined(
    asMember(shop.token('eve', { claims: { lane: 'vip' } })))).lane, undefined);
  const { code } = (await kim.call('POST', 'move', { body: {} })).json;
  const phone = new Visitor(site.fronts[1], 'show');
  const moved = assertStatus(await phone.call('POST', 'move', { body: { code }, ...fan('kim') }), 200);
  assert.equal(moved.json.lane, 'fans');
  for (const front of site.fronts) {
    await until('the news', async () => (await kim.me({ front })).json.code === 'ticket-moved');
  }
  const pass = await until('the pass', async () => {
    const answer = await phone.pass(fan('kim'));
    return answer.status === 201 && answer.json;
  });
  // The pass comes from Redis, `me` from the front's picture, which may be a tick older.
  await until('the picture', async () => (await phone.me()).json.place === 'admitted');
  assert.equal((await phone.session()).json.session, pass.session);
  assert.equal((await phone.leave()).status, 204);
  assertProblem(await site.front.http.post('/v1/queue/show/session', { token: pass.pass }), 410, 'session-ended');
});

test('a front that has not seen a lane yet gives its visitors no other place', async (t) => {
  const site = await openLanes(t, STILL);
  const fan = new Visitor(site.front, 'show');
  const { ticket } = await fan.joined(invited(site.codes[0]));
  await site.front.stop();
  await site.redis.command('HDEL', 'fg:{show}:@1:cfg', 'boot'); // so that the lane heals after its event
  await site.front.start(false);
  const again = await until('the lane', async () => {
    const answer = await fan.join();
    return answer.status !== 503 && answer;
  });
  assert.deepEqual([again.status, again.json.ticket], [200, ticket]);
});

test('a lane that stays keeps its number, to which its invitations are bound', async (t) => {
  const site = await openLanes(t, STILL);
  const [press, fans] = [{ id: 'press', share: 10 }, { id: 'fans', share: 20 }];
  await makeEvent(site, 'later', { ...STILL, lanes: [press, fans] }, { open: false });
  const put = (lanes) => site.front.admin.patch('/admin/events/later', { body: { lanes } });
  for (const lanes of [[fans, press], [fans], [{ id: 'vip', share: 5 }, press, fans]])
    assert.equal(assertProblem(await put(lanes), 422, 'knob-invalid').pointer, '/lanes');
  for (const lanes of [[press, fans, { id: 'vip', share: 5 }], [press], [{ id: 'vip', share: 5 }]]) assert.equal((await put(lanes)).status, 200);
  // An invitation or a code that was handed out must not open another lane.
  const vip = { id: 'vip', share: 5, invitations: 3 };
  const refused = async () => {
    for (const lanes of [[press, fans], []]) assert.equal(assertProblem(await put(lanes), 422, 'knob-invalid').pointer, '/lanes');
  };
  assert.equal((await put([vip])).status, 200);
  await refused();
  await site.front.admin.put('/admin/events/later/codes', { body: { lane: 'vip', codes: ['VIP-CODE'] } });
  await until('news of the code', async () => (await put([vip, fans])).status === 200 && (await put([vip])).status === 422);
  assertProblem(await site.front.admin.post('/admin/events/later/actions/undo'), 409, 'undo-impossible');
  assert.equal((await put([{ ...vip, invitations: 0 }, fans])).status, 200);
  await refused();
});

test('lanes are fixed once joins open but shares are not', async (t) => {
  const site = await openLanes(t, STILL);
  const put = (lanes) => site.front.admin.patch('/admin/events/show', { body: { lanes } });
  for (const [lanes, pointer] of [
    [[], '/lanes'],
    [[...LANES, { id: 'press', share: 5 }], '/lanes'],
    [[{ ...LANES[0], id: 'vip' }], '/lanes'],
  ]) {
    const answer = await put(lanes);
    assert.equal(assertProblem(answer, 422, 'knob-invalid').pointer, pointer, JSON.stringify(lanes));
  }
  assert.equal((await put([{ ...LANES[0], share: 55 }])).status, 200);
  const untilShare = (share) => until(`${share} %`, async () => (await laneOf(site.front, 'fans')).share === share);
  await untilShare(55);
  await act(site.front, 'show', 'undo');
  await untilShare(30);
  const { audit } = (await site.front.admin.get('/admin/events/show/audit')).json;
  assert.equal(audit.find(({ what }) => what === 'change').to.lanes[0].share, 55);
});

test('each lane has its own repeatable draw, which verify-draw judges as well', async (t) => {
  const site = await openSite(t, { fronts: 2 });
  await makePreQueue(site, 'show', STILL);
  for (const front of site.fronts) await untilLanes(front, 'show');
  site.codes = await invitationsOf(site.front, 'show');
  const visitors = await joinInTurn(site, 'show', 12, (i) => (i % 3 === 0 ? invited(site.codes[i]) : {}));
  const fairness = (lane) => fairnessOf(site.front, 'show', `?lane=${lane}`);
  const before = { general: await fairness('general'), fans: await fairness('fans') };
  assert.notEqual(before.general.commitment, before.fans.commitment);
  assert.deepEqual(['general', 'fans'].map((lane) => before[lane].incarnation), Array(2).fill((await site.front.admin.get('/admin/events/show')).json.incarnation));
  assertProblem(await site.front.http.get('/v1/queue/show/fairness?lane=vip'), 404, 'lane-unknown');
  await act(site.front, 'show', 'draw');
  for (const visitor of visitors) {
    visitor.place = await until('the draw', async () => (await visitor.me()).json.position);
  }
  for (const [i, visitor] of visitors.entries()) {
    const lane = i % 3 === 0 ? 'fans' : 'general';
    const drawn = await untilDrawn(site.front, 'show', `?lane=${lane}`);
    assert.equal(drawn.entries, lane === 'fans' ? 4 : 8);
    assert.equal(drawn.commitment, before[lane].commitment);
    assert.equal(visitor.place, (await openDraw(drawn)).position(visitor.first.entry));
  }
  const [fan] = visitors;
  const shown = await fairness('fans');
  assert.notEqual(shown.seed, (await fairness('general')).seed);
  const file = join(site.scope.dir(), 'fairness.json');
  writeFileSync(file, JSON.stringify(shown));
  const run = runProgram('queue-front', ['verify-draw', file, '--entry', String(fan.first.entry), '--commitment', before.fans.commitment]);
  assert.equal(run.status, 0, run.stderr);
  assert.match(run.stdout, /lane {8}fans/);
  assert.match(run.stdout, new RegExp(`${fan.first.entry} -> position ${fan.place}\\b`));
  await site.redis.restartEmpty();
  for (const visitor of visitors) {
    await until('health', async () => {
      const { json } = await visitor.me();
      assert.equal(json.position, visitor.place);
      return json.stale === undefined;
    });
  }
  assert.deepEqual(await fairness('fans'), shown);
  assertProblem(await site.front.admin.post('/admin/events/show/actions/draw'), 409, 'already-drawn');
  const late = await until('a join', async () => {
    const answer = await new Visitor(site.front, 'show').join(invited(site.codes[400]));
    return answer.status === 201 && answer.json;
  });
  assert.ok(late.position > 4, 'behind all who were there');
  assert.equal(late.lane, 'fans');
});

// Places are given by the rules of that moment: not by a front's outdated picture, another visitor's key, or used proof of
// work. And a member is inside only once.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import test from 'node:test';
import { assertProblem, until } from '../../lib-js/index.js';
import { asMember, openShop } from './shop.js';
import { act, at, FAST, invitationsOf, makeEvent, openShow, openSite, patch, solve, STILL, untilLanes, untilState, Visitor } from './support.js';

const from = (address) => ({ 'x-forwarded-for': address });

async function solvedWork(front) {
  const task = assertProblem(await front.http.post('/v1/queue/show/join'), 428, 'proof-of-work-required');
  return solve(task.challenge, task.bits, () => {});
}
// A lane's picture comes with its own tick, so an answer may still lack the position.
async function positionOf(front, { json }) {
  if (json.position !== null) return json.position;
  return until('the position', async () =>
    (await front.http.get('/v1/queue/show/me', { token: json.ticket })).json.position);
}
const seq = async (site, id) => Number(await site.redis.command('GET', `fg:{${id}}:seq`) ?? 0);

// ---- rules that change ----

// Joins on all fronts at once while it lasts; returns how often each status was seen.
function hammer(site, id) {
  const seen = { going: true, joins: 0, placed: [] };
  const worker = async (front) => {
    while (seen.going) {
      const answer = await front.http.post(`/v1/queue/${id}/join`);
      seen.joins += 1;
      if (answer.status < 300) seen.placed.push(answer.json);
      else assert.ok([409, 428, 503].includes(answer.status), answer.text);
    }
  };
  const done = Promise.all(Array.from({ length: 16 }, (_, i) => worker(site.fronts[i % site.fronts.length])));
  seen.stop = () => {
    seen.going = false;
    return done;
  };
  return seen;
}

// judges: entry
test('no way of opening gives a place without proof of work', async (t) => {
  const site = await openSite(t, { fronts: 2 });
  let joins = 0;
  for (let round = 0; joins < 10_000; round += 1) {
    const id = `show-${round}`;
    await makeEvent(site, id, { ...STILL, pow_bits: 8 }, { open: false });
    for (const front of site.fronts) await untilState(front, id, 'draft');
    const crowd = hammer(site, id);
    const kind = ['by hand', 'by the clock', 'by a pre-queue'][round % 3];
    if (kind === 'by hand') {
      await act(site.front, id, 'open');
    } else {
      await patch(site.front, id, kind === 'by the clock' ? { opens_at: at(300) } : { prequeue_at: at(300), opens_at: at(600) });
      await act(site.front, id, 'schedule');
    }
    for (const front of site.fronts) await untilState(front, id, 'open');
    for (const action of ['pause', 'resume', 'sold-out', 'resume', 'freeze', 'unfreeze', 'pause']) {
      const answer = await site.fronts[1].admin.post(`/admin/events/${id}/actions/${action}`);
      if (answer.status !== 200) continue; // not every one continues from the previous one
    }
    const enough = crowd.joins + 500;
    await until('more joins', () => crowd.joins >= enough);
    await crowd.stop();
    joins += crowd.joins;
    assert.deepEqual(crowd.placed, [], `${kind}: places without work`);
    assert.equal(await seq(site, id), 0);
  }
  t.diagnostic(`${joins} joins`);
});

// ---- keys ----

test('an Idempotency-Key of another visitor gives no place of theirs', async (t) => {
  const site = await openShow(t, STILL, { fronts: 2 });
  let turn = 0;
  const join = async (headers) => {
    const answer = await site.fronts[(turn += 1) % 2].http.post('/v1/queue/show/join',
      { headers: { 'idempotency-key': 'order-1001', ...headers } });
    assert.ok(answer.status < 300, answer.text);
    return [answer.status, answer.json.position];
  };
  const cookie = () => `fg_visitor=${randomBytes(16).toString('base64url')}`;
  // Without a cookie: a retry from the same address is the same visitor, answered or not; another address is another one.
  assert.deepEqual(await join(from('198.51.100.1')), [201, 1]);
  assert.deepEqual(await join(from('198.51.100.1')), [200, 1]);
  assert.deepEqual(await join(from('198.51.100.2')), [201, 2]);
  assert.deepEqual(await join(from('2001:db8:1:1::1')), [201, 3]);
  assert.deepEqual(await join(from('2001:db8:1:1::2')), [200, 3]);
  assert.deepEqual(await join(from('2001:db8:1:2::1')), [201, 4]);
  // With a cookie, from the page or made by the client: the same visitor from any address.
  const [kim, lee] = [cookie(), cookie()];
  assert.deepEqual(await join({ cookie: kim, ...from('198.51.100.1') }), [201, 5]);
  assert.deepEqual(await join({ cookie: kim, ...from('203.0.113.9') }), [200, 5]);
  assert.deepEqual(await join({ cookie: lee, ...from('198.51.100.1') }), [201, 6]);
  assert.deepEqual(await join({ cookie: lee }), [200, 6]);
  assert.deepEqual(await join({ cookie: kim, 'idempotency-key': 'order-1002' }), [201, 7]);
  assert.equal(await seq(site, 'show'), 7, 'and no retry left a ghost');
});

// ---- work ----

test('one work is one place, whatever the key of the join is', async (t) => {
  const shop = openShop();
  const site = await openSite(t, { fronts: 2, config: { members: { keys: shop.file } } });
  const lanes = [{ id: 'fans', name: 'Fans', share: 30, invitations: 20 }];
  await makeEvent(site, 'show', { ...STILL, pow_bits: 6, lanes });
  for (const front of site.fronts) await untilLanes(front, 'show');
  const codes = await invitationsOf(site.front, 'show');
  let turn = 0;
  const join = (work, headers = {}) => site.fronts[(turn += 1) % 2].http.post('/v1/queue/show/join',
    { headers: { 'x-proof-of-work': work, ...headers } });
  const placed = async (...args) => {
    const answer = await join(...args);
    assert.ok(answer.status < 300, answer.text);
    return [answer.status, answer.json.lane ?? 'general', await positionOf(site.fronts[turn % 2], answer)];
  };
  const assertUsed = async (...args) => {
    const problem = assertProblem(await join(...args), 428, 'proof-of-work-required');
    assert.equal(problem.reason, 'used');
    assert.ok(problem.challenge);
  };
  const key = (name) => ({ 'idempotency-key': name });
  const invited = (n) => ({ 'x-invitation': codes[n] });

  const nameless = await solvedWork(site.front);
  assert.deepEqual(await placed(nameless), [201, 'general', 1]);
  assert.deepEqual(await placed(nameless), [200, 'general', 1]);
  await assertUsed(nameless, key('a'));
  await assertUsed(nameless, invited(0));

  const keyed = await solvedWork(site.front);
  assert.deepEqual(await placed(keyed, key('b')), [201, 'general', 2]);
  assert.deepEqual(await placed(keyed, key('b')), [200, 'general', 2]);
  assert.deepEqual(await placed(await solvedWork(site.front), key('b')), [200, 'general', 2], 'new work, the same key');
  await assertUsed(keyed, key('c'));

  const guest = await solvedWork(site.front);
  assert.deepEqual(await placed(guest, invited(0)), [201, 'fans', 1]);
  assert.deepEqual(await placed(guest, invited(0)), [200, 'fans', 1]);
  for (const n of [1, 2, 3]) await assertUsed(guest, invited(n));
  await assertUsed(guest);
  await patch(site.front, 'show', { member_required: true });
  await until('the other front to see it', async () => (await join('x', key('x'))).status !== 429
    && (await site.fronts[1].admin.get('/admin/events/show')).json.member_required);
  const members = await solvedWork(site.front);
  const member = (name) => ({ 'x-member-token': shop.token(name) });
  assert.deepEqual(await placed(members, member('kim')), [201, 'general', 3]);
  assert.deepEqual(await placed(members, member('kim')), [200, 'general', 3]);
  for (const name of ['lee', 'pat', 'sam']) await assertUsed(members, member(name));
  assert.deepEqual(await placed(await solvedWork(site.front), member('lee')), [201, 'general', 4], 'no number was spent');
  assert.deepEqual([await seq(site, 'show'), Number(await site.redis.command('GET', 'fg:{show}:@1:seq'))], [4, 1]);
});

// ---- members ----

// judges: entry
test('a member has one place and one visit by several invitations', async (t) => {
  const shop = openShop();
  const site = await openSite(t, { fronts: 2, config: { members: { keys: shop.file } } });
  const lanes = ['fans', 'press'].map((id) => ({ id, name: id, share: 30, invitations: 20 }));
  await makeEvent(site, 'show', { ...FAST, member_required: true, lanes });
  for (const front of site.fronts) await untilLanes(front, 'show');
  const [fans, press] = [await invitationsOf(site.front, 'show'), await invitationsOf(site.front, 'show', 'press')];
  let turn = 0;
  const visitor = () => new Visitor(site.fronts[(turn += 1) % 2], 'show');
  const kim = asMember(shop.token('kim')), lee = asMember(shop.token('lee'));
  const by = (who, code) => ({ headers: { ...who.headers, 'x-invitation': code } });

  const fan = visitor(), reporter = visitor(), plain = visitor();
  assert.equal((await fan.joined(by(kim, fans[0]))).lane, 'fans');
  assert.equal((await reporter.joined(by(kim, press[0]))).lane, 'press');
  assert.equal((await plain.joined(kim)).lane, undefined);
  for (const code of fans.slice(0, 5)) {
    const again = await visitor().join(by(kim, code));
    assert.deepEqual([again.status, await positionOf(site.fronts[turn % 2], again)], [200, 1],
      'more invitations are no more places');
  }
  assertProblem(await visitor().join(by(lee, fans[0])), 422, 'invitation-used');
  const other = await visitor().join(by(lee, fans[1]));
  assert.equal(await positionOf(site.fronts[turn % 2], other), 2, 'one that was shown and not needed is good');

  await plain.untilCalled();
  await reporter.untilCalled();
  const { session } = await fan.entered(kim);
  for (const other of [plain, reporter]) {
    const refused = await other.pass(kim);
    assertProblem(refused, 409, 'member-inside');
    assert.equal((await other.me()).json.called, true, 'the call is as it was');
  }
  const html = await plain.pass({ ...kim, headers: { ...kim.headers, accept: 'text/html' }, body: '' });
  assert.equal(html.headers.location, '/e/show?notice=member-inside');
  assert.equal((await fan.pass(kim)).json.session, session, 'the visit itself goes on');
  assert.equal((await fan.session()).status, 200);
  // Of many simultaneous ones only one enters, once the visit is over.
  await site.front.admin.post(`/internal/sessions/${session}/end`);
  const tries = await Promise.all(Array.from({ length: 8 }, (_, i) => (i % 2 ? plain : reporter).pass(kim)));
  const inside = new Set(tries.filter(({ status }) => status < 300).map(({ json }) => json.session));
  assert.equal(inside.size, 1, 'one of the two places');
  for (const answer of tries) if (answer.status >= 300) assertProblem(answer, 409, 'member-inside');
});

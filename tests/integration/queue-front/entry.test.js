// Who gets a place is judged by the rules of the moment at which it is given: by no front's picture of a
// moment ago, by nobody else's key, by no work that was used before. And a member is inside once.

import assert from 'node:assert/strict';
import test from 'node:test';
import { assertProblem, until } from '../../lib-js/index.js';
import { asMember, openShop } from './shop.js';
import { act, makeEvent, openHouse, patch, untilState, Visitor } from './support.js';

const STILL = { rate_per_s: 0 };
const seq = async (house, id) => Number(await house.redis.command('GET', `fg:{${id}}:seq`) ?? 0);

// ---- rules that change ----

// Joins on all fronts at once for as long as it goes; answers how often each status was seen.
function hammer(house, id, headers = {}) {
  const seen = { going: true, joins: 0, placed: [] };
  const worker = async (front) => {
    while (seen.going) {
      const answer = await front.http.post(`/v1/queue/${id}/join`, { headers });
      seen.joins += 1;
      if (answer.status < 300) seen.placed.push(answer.json);
      else assert.ok([409, 428, 503].includes(answer.status), answer.text);
    }
  };
  const done = Promise.all(Array.from({ length: 16 }, (_, i) => worker(house.fronts[i % house.fronts.length])));
  seen.stop = () => {
    seen.going = false;
    return done;
  };
  return seen;
}

test('over openings of every kind, nobody gets a place without the work that it costs', async (t) => {
  const house = await openHouse(t, { fronts: 2 });
  let joins = 0;
  for (let round = 0; joins < 10_000; round += 1) {
    const id = `show-${round}`;
    await makeEvent(house, id, { ...STILL, pow_bits: 8 }, { open: false });
    for (const front of house.fronts) await untilState(front, id, 'draft');
    const crowd = hammer(house, id);
    const kind = ['by hand', 'by the clock', 'by a pre-queue'][round % 3];
    if (kind === 'by hand') {
      await act(house.front, id, 'open');
    } else {
      const soon = (ms) => new Date(Date.now() + ms).toISOString();
      await patch(house.front, id, kind === 'by the clock' ? { opens_at: soon(300) }
        : { prequeue_at: soon(300), opens_at: soon(600) });
      await act(house.front, id, 'schedule');
    }
    for (const front of house.fronts) await untilState(front, id, 'open');
    for (const action of ['pause', 'resume', 'sold-out', 'resume', 'freeze', 'unfreeze', 'pause']) {
      const answer = await house.fronts[1].admin.post(`/admin/events/${id}/actions/${action}`);
      if (answer.status !== 200) continue; // not every one leads on from where the last has led
    }
    const enough = crowd.joins + 500;
    await until('more joins', () => crowd.joins >= enough);
    await crowd.stop();
    joins += crowd.joins;
    assert.deepEqual(crowd.placed, [], `${kind}: places without work`);
    assert.equal(await seq(house, id), 0);
  }
  t.diagnostic(`${joins} joins`);
});

test('a rule that was just made holds on every front from the moment that its maker is told', async (t) => {
  const shop = openShop();
  const house = await openHouse(t, { fronts: 2, config: { members: { keys: shop.file } } });
  const lanes = [{ id: 'fans', name: 'Fans', share: 30, invitations: 20 }];
  await makeEvent(house, 'show', { ...STILL, lanes });
  const codes = (await house.front.admin.get('/admin/events/show/lanes/fans/invitations?limit=20')).json.invitations;
  const crowd = (headers = {}) => Promise.all(Array.from({ length: 40 }, () =>
    house.fronts[1].http.post('/v1/queue/show/join', { headers })));
  await until('the lane on the other front', async () => {
    const { lanes: told } = (await house.fronts[1].http.get('/v1/queue/show/status')).json;
    return told?.[1]?.issued !== undefined;
  });
  for (const [rule, open, status, headers] of [
    [{ pow_bits: 8 }, { pow_bits: 0 }, 428],
    [{ member_required: true }, { member_required: false }, 401],
    [{ lanes: [{ ...lanes[0], invitations: 1 }] }, { lanes }, 422, { 'x-invitation': codes[9].code }],
  ]) {
    for (let round = 0; round < 10; round += 1) {
      await patch(house.front, 'show', rule);
      for (const answer of await crowd(headers)) assert.equal(answer.status, status, answer.text);
      await patch(house.front, 'show', open);
      await until('the other front to ask for less', async () =>
        (await house.fronts[1].http.post('/v1/queue/show/join', { headers })).status < 300);
    }
  }
});

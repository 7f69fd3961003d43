// A sharded line with the real program: numbers of shards become unique places without gaps except listed holes, at any
// front, whatever dies meanwhile.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { addReplica, assertProblem, assertStatus, cutReplica, openScope, startCluster, until } from '../../lib-js/index.js';
import { answered, assertEveryTicketStands, Crowd } from './crowd.js';
import { STATE } from '../line/line.js';
import { assertPlacesAreWhole, assertRepeatsAreTheSame, range } from './places.js';
import { act, makeEvent, openShow, openSite, patch, untilShardsHear } from './support.js';

const SHARDS = 4;
const OVER_SHARDS = { shards: SHARDS, rate_per_s: 0 };
const ports = (nodes) => nodes.map(({ port }) => `127.0.0.1:${port}`).join(',');

const serverOf = async (cluster, key) => cluster.owner(await cluster.nodes[0].command('CLUSTER', 'KEYSLOT', key));

// People join while this master dies with data that its replica never had.
const WIDTH = 16; // joins in progress at once

async function throughAFailover(t, scope, cluster, master) {
  const replica = await addReplica(scope, cluster, master);
  const site = await openShow(t, OVER_SHARDS, { scope, fronts: 2, config: { redis: { cluster: ports(cluster.nodes) } } });
  const crowd = await Crowd.begun(120, site, WIDTH);
  await cutReplica(master, replica);
  await crowd.untilPlaces(120);
  await master.kill();
  await crowd.stopAfter(120);
  return { site, crowd, replica };
}

describe('a line over shards', { concurrency: true }, () => {
  // judges: place
  test('every join has one place and every shard gives some', async (t) => {
    const site = await openShow(t, OVER_SHARDS, { fronts: 2, config: { http: { loops: 3 } } });
    const crowd = await Crowd.begun(300, site, 16);
    await crowd.stop();
    const cuts = await assertPlacesAreWhole(crowd, site.redis);
    assert.deepEqual(cuts.leftOut, []);
    assert.equal(crowd.places.size, cuts.places);
    for (const k of range([0, SHARDS - 1])) assert.ok(Number(await site.redis.command('GET', `fg:{show:${k}}:seq`)) > 0, `shard ${k}`);
    assert.equal(await site.redis.command('GET', 'fg:{show}:seq'), String(cuts.places));
    await assertRepeatsAreTheSame(crowd, site.fronts);
    await assertEveryTicketStands(site, crowd.tickets.slice(-10));
  });

  test('a changed document reaches all shards', async (t) => {
    const site = await openShow(t, OVER_SHARDS, { fronts: 2 });
    const crowd = new Crowd(site, 8);
    for (let i = 1; i <= 4; i += 1) {
      await patch(site.front, 'show', { burst: i });
      await crowd.untilPlaces(40);
    }
    await crowd.stop();
    await assertPlacesAreWhole(crowd, site.redis);
    await act(site.front, 'show', 'close');
    for (const { http } of site.fronts) {
      const answer = await answered(() => http.post('/v1/queue/show/join', { headers: { 'idempotency-key': 'late' } }));
      assertProblem(answer, 409, 'event-closed');
    }
    for (const k of range([0, SHARDS - 1]))
      await until(`shard ${k} to hear of it`, async () => (await site.redis.command('HGET', `fg:{show:${k}}:cfg`, 'state')) === String(STATE.CLOSED));
  });

  test('a shard whose master dies is sealed and leaves a hole', async (t) => {
    const scope = openScope(t);
    const cluster = await startCluster(scope, 3);
    const home = await serverOf(cluster, 'fg:{show}:cfg');
    const names = await serverOf(cluster, 'fg:events');
    const shards = await Promise.all(range([0, SHARDS - 1]).map((k) => serverOf(cluster, `fg:{show:${k}}:cfg`)));
    const master = shards.find((node) => node !== home && node !== names);
    assert.ok(master !== undefined, 'a server that has a shard and neither the event nor the list of events');
    const { site, crowd } = await throughAFailover(t, scope, cluster, master);
    const cuts = await assertPlacesAreWhole(crowd, home, { ghosts: WIDTH });
    assert.ok(cuts.leftOut.length > 0, 'no hole was listed');
    await crowd.assertPlaces(site);
  });

  test('fronts restore the cuts lost with a master', async (t) => {
    const scope = openScope(t);
    const cluster = await startCluster(scope, 3);
    const { site, crowd, replica } = await throughAFailover(t, scope, cluster, await serverOf(cluster, 'fg:{show}:cfg'));
    await assertPlacesAreWhole(crowd, replica, { ghosts: WIDTH });
    await crowd.assertPlaces(site);
    await assertRepeatsAreTheSame(crowd, site.fronts);
  });

  test('a deleted event takes its shards along', async (t) => {
    const site = await openShow(t, OVER_SHARDS, { fronts: 2 });
    const crowd = await Crowd.begun(100, site, 8);
    await crowd.stop();
    const { version } = await act(site.front, 'show', 'close');
    await untilShardsHear(site, 'show', version, SHARDS);
    assertStatus(await site.front.admin.delete('/admin/events/show?unarchived=true', { headers: { 'if-match': `"${version}"` } }), 204);
    // A front that queries a shard once more leaves a key that expires by itself.
    const staying = async () => {
      const keys = await site.redis.command('KEYS', 'fg:{show*');
      const lives = await Promise.all(keys.map((key) => site.redis.command('PTTL', key)));
      return keys.filter((_, i) => lives[i] === -1);
    };
    await until('nothing of it to stay', async () => (await staying()).length === 0);
    await site.redis.command('DEL', 'fg:{show}:erased'); // it stays for a minute, which ending.test.js judges
    await makeEvent(site, 'show', OVER_SHARDS);
    const again = await Crowd.begun(100, site, 8);
    await again.stop();
    const cuts = await assertPlacesAreWhole(again, site.redis);
    assert.equal(again.places.size, cuts.places);
  });
});

describe('how many shards there are', () => {
  test('is fixed once the event exists', async (t) => {
    const site = await openSite(t);
    const { front } = site;
    await makeEvent(site, 'one', {}, { open: false });
    await makeEvent(site, 'four', OVER_SHARDS, { open: false });
    assert.equal((await front.admin.get('/admin/events/one')).json.shards, 1);
    assert.equal((await front.admin.get('/admin/events/four')).json.shards, SHARDS);
    for (const [id, body] of [['one', { shards: 2 }], ['four', { shards: 1 }], ['four', { shards: 8 }]])
      assert.equal(assertProblem(await front.admin.patch(`/admin/events/${id}`, { body }), 422, 'knob-invalid').pointer, '/shards');
    assertProblem(await front.admin.put('/admin/events/four', { body: {} }), 422, 'knob-invalid');
    await patch(front, 'four', { shards: SHARDS, burst: 5 });
  });

  test('a front that does not know the shards yet gives no place', async (t) => {
    const { front, redis } = await openShow(t);
    await front.http.post('/v1/queue/show/join', { headers: { 'idempotency-key': 'first' } });
    assert.equal(await redis.command('GET', 'fg:{show}:seq'), '1');
    await redis.command('HSET', 'fg:{show}:cfg', 'shards', '4'); // as another front with another document would have created it
    assertStatus(await front.http.post('/v1/queue/show/join', { headers: { 'idempotency-key': 'second' } }), 503);
    assert.equal(await redis.command('GET', 'fg:{show}:seq'), '1');
  });
});

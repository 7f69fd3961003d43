// More than one Redis: a master that sentinels replace, a cluster whose slots move and whose masters die. Data that never
// reached a replica is lost, although visitors saw it: no position gets worse, and none is given twice.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  addReplica, beginMove, cutReplica, openScope, startCluster, startRedis, startReplica,
  startSentinels, until,
} from '../../lib-js/index.js';
import { Crowd } from './crowd.js';
import { live, makeEvent, openSite, Visitor } from './support.js';

const MOVING = { rate_per_s: 50, burst: 50, max_active: 0, call_ttl_s: 600 };
const ports = (list) => list.map(({ port }) => `127.0.0.1:${port}`).join(',');

const sum = async (site, name) => {
  const all = await Promise.all(site.fronts.map((front) => front.metrics()));
  return all.reduce((total, one) => total + one.get(name), 0);
};

// Known places are unchanged, and the line keeps moving.
async function assertWhole(site, crowd, early, seen) {
  await crowd.assertPlaces(site);
  for (const [i, visitor] of early.entries()) {
    const { json } = await visitor.me();
    assert.equal(json.position, seen[i].position);
    assert.ok(json.ahead <= seen[i].ahead, `${json.ahead} ahead, ${seen[i].ahead} before`);
    assert.ok(json.called || !seen[i].called, 'a called visitor stays called');
  }
  const serving = async () => (await live(site.front, 'show')).serving;
  const before = await serving();
  await new Visitor(site.front, 'show').joined(); // all others may have been called by now
  await until('the line to move', async () => (await serving()) > before);
}

// Two fronts, ten visitors whose places are known, and a crowd that begins to join.
async function openCrowded(t, scope, redis) {
  const site = await openSite(t, { scope, fronts: 2, config: { redis } });
  await makeEvent(site, 'show', MOVING);
  const early = await Promise.all(Array.from({ length: 10 }, (_, i) => Visitor.withPlace(site.fronts[i % 2], 'show')));
  return { site, early, crowd: await Crowd.begun(100, site, 8) };
}

const look = (visitors) => Promise.all(visitors.map(async (visitor) => (await visitor.me()).json));

// In parallel, because they mostly wait for servers to agree.
describe('failover', { concurrency: true }, () => {
  // judges: place
  test('a sentinel failover that loses acknowledged joins costs nobody a place', async (t) => {
    const scope = openScope(t);
    const master = await startRedis(scope);
    const replicas = [await startReplica(scope, master), await startReplica(scope, master)];
    const sentinels = await startSentinels(scope, master, { name: 'line' });
    await sentinels[0].child.stop(); // the first one to be queried does not answer
    const { site, early, crowd } = await openCrowded(t, scope, { sentinels: ports(sentinels), master: 'line' });

    // The number of places given before the fronts left the master, and how many of them it lost with its replicas.
    const cutOff = async () => {
      for (const replica of replicas) await cutReplica(master, replica);
      const known = await Promise.all(replicas.map(async (replica) => Number(await replica.command('GET', 'fg:{show}:seq'))));
      const turned = crowd.turned;
      await until('a master that no replica confirms to be left', () => crowd.turned > turned + 20);
      return crowd.places.size - Math.max(...known);
    };
    const heal = () => Promise.all(replicas.map((replica) => replica.command('CONFIG', 'SET', 'masterauth', '')));
    while (await cutOff() <= 0) await heal();
    const seen = await look(early);
    await master.kill();
    await heal();

    await crowd.untilPlaces(200);
    const roles = await Promise.all(replicas.map(async (replica) => (await replica.command('ROLE'))[0]));
    assert.deepEqual(roles.sort(), ['master', 'slave']);
    assert.ok(await sum(site, 'fairgate_store_heals_total') > 0);

    await master.start(); // back, and still claims to be the master
    await crowd.stopAfter(100);
    await assertWhole(site, crowd, early, seen);
  });

  test('a slot that moves under load is followed', async (t) => {
    const scope = openScope(t);
    const cluster = await startCluster(scope, 3);
    const { site, early, crowd } = await openCrowded(t, scope, { cluster: ports(cluster.nodes.slice(0, 2)) });

    const slot = await cluster.nodes[0].command('CLUSTER', 'KEYSLOT', 'fg:{show}:cfg');
    const from = cluster.owner(slot);
    const to = cluster.nodes.find((node) => node !== from);
    const seen = await look(early);
    const turned = crowd.turned;
    for (const node of [from, to]) await node.command('CONFIG', 'RESETSTAT');
    const move = await beginMove(cluster, slot, from, to);
    await until('joins to be turned away meanwhile', () => crowd.turned > turned + 20);
    await move.send(['fg:{show}:cfg']); // from now on the old node answers ASK
    await until('more of them', () => crowd.turned > turned + 40);
    assert.equal((await early[0].me()).status, 200);
    const errors = await Promise.all([from, to].map((node) => node.command('INFO', 'errorstats')));
    assert.match(errors[0], /errorstat_TRYAGAIN/);
    assert.match(errors[0], /errorstat_ASK/);
    assert.match(errors[1], /errorstat_TRYAGAIN/);
    for (const text of errors) assert.doesNotMatch(text, /errorstat_ERR/, 'a script did half of its work');
    await move.sendAll();
    await move.end();
    await crowd.untilPlaces(200);
    assert.ok(await sum(site, 'fairgate_store_redirects_total') > 0);
    assert.equal(await from.command('CLUSTER', 'COUNTKEYSINSLOT', slot), 0);
    await crowd.stop();
    await assertWhole(site, crowd, early, seen);
  });

  test('while no event comes or goes the registry does not list them, whichever servers have their lines', async (t) => {
    const scope = openScope(t);
    const cluster = await startCluster(scope, 3);
    const site = await openSite(t, { scope, config: { redis: { cluster: ports(cluster.nodes) } } });
    for (const event of ['one', 'two', 'three', 'four']) await makeEvent(site, event, MOVING);
    const registry = cluster.owner(await cluster.nodes[0].command('CLUSTER', 'KEYSLOT', 'fg:events'));
    // Each check counts the events; only one that has to name them reads them all.
    await until('six looks that list nothing', async () => {
      const before = await registry.commandCalls();
      await until('six looks', async () => (await registry.commandCalls()).scard >= before.scard + 6);
      return (await registry.commandCalls()).smembers === before.smembers;
    });
  });

  // judges: place
  test('a dead master with acknowledged joins loses no place', async (t) => {
    const scope = openScope(t);
    const cluster = await startCluster(scope, 3);
    const slot = await cluster.nodes[0].command('CLUSTER', 'KEYSLOT', 'fg:{show}:cfg');
    const master = cluster.owner(slot);
    const replica = await addReplica(scope, cluster, master);
    const { site, early, crowd } = await openCrowded(t, scope, { cluster: ports(cluster.nodes) });

    await cutReplica(master, replica);
    await crowd.untilPlaces(200);
    const seen = await look(early);
    await master.kill();
    await crowd.untilPlaces(200);
    assert.ok(await sum(site, 'fairgate_store_heals_total') > 0);
    await crowd.stop();
    await assertWhole(site, crowd, early, seen);
  });
});

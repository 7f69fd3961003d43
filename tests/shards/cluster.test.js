// One event's shards in a real cluster, each server a machine of its own (a network namespace), under load: slots that
// move, masters that nobody hears, replicas that are promoted. Judged by every ticket that was given: each place is one
// visitor's, none is missing but those of holes, and whoever asks again is told the same.
//
// `make shards-test`, as root; part of `make soak`.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lan } from '../../infra/ha/machines.js';
import { assertEveryTicketStands, Crowd } from '../integration/queue-front/crowd.js';
import { assertPlacesAreWhole, assertRepeatsAreTheSame, range } from '../integration/queue-front/places.js';
import { makeEvent, openHouse } from '../integration/queue-front/support.js';
import { addReplica, beginMove, client, openScope, startCluster, until } from '../lib-js/index.js';

const SHARDS = 4;
const OVER_SHARDS = { shards: SHARDS, rate_per_s: 0 };
const NET = '198.18.79';
const FRONTS = `${NET}.1`; // they run on this machine
const WIDTH = 24;
const HOME = 'fg:{show}:cfg'; // of the cuts, and of all that goes by places
const shardKey = (k) => `fg:{show:${k}}:cfg`;

// Three masters with a replica each, every one of the six on a machine of its own, and two fronts.
class Region {
  static async open(t) {
    const region = new Region();
    region.scope = openScope(t);
    region.lan = new Lan(NET, region.scope.tempDir('lan-'), 'fgt');
    region.scope.defer(() => region.lan.close());
    region.lan.open();
    let last = 10;
    const onMachine = async () => {
      last += 1;
      const machine = region.lan.add(`redis${last}`, last);
      machine.plug();
      return { machine };
    };
    region.cluster = await startCluster(region.scope, 3, onMachine);
    region.nodes = [...region.cluster.nodes];
    region.replicas = new Map();
    for (const master of region.cluster.nodes) {
      const replica = await addReplica(region.scope, region.cluster, master, await onMachine());
      region.replicas.set(master, replica);
      region.nodes.push(replica);
    }
    const cluster = region.nodes.map(({ address, port }) => `${address}:${port}`).join(',');
    region.house = await openHouse(t, { scope: region.scope, fronts: 2, config: { redis: { cluster } } });
    return region;
  }

  // Who answers for this key now.
  async ownerOf(key) {
    return until(`somebody to have ${key}`, async () => {
      for (const node of this.nodes.filter(({ child, machine }) => child.running && machine.connected)) {
        if (await node.command('EXISTS', key).catch(() => null) !== null) return node;
      }
      return null;
    });
  }

  // A master that has a shard, and neither the cuts nor the list of events; and that of the cuts.
  async someShardsMaster() {
    const others = [await this.ownerOf(HOME), await this.ownerOf('fg:events')];
    for (const k of range([0, SHARDS - 1])) {
      const node = await this.ownerOf(shardKey(k));
      if (!others.includes(node)) return node;
    }
    throw new Error('each server that has a shard has something else, too');
  }

  open(knobs = {}, options = {}) {
    return makeEvent(this.house, 'show', { ...OVER_SHARDS, ...knobs }, options);
  }

  // What everybody was told stands: all places, all tickets at each front; and those of `keys` when they join again.
  async judge(crowd, keys, { ghosts = 0 } = {}) {
    const cuts = await assertPlacesAreWhole(crowd, await this.ownerOf(HOME), { ghosts });
    await inSlices(crowd.tickets, (tickets) => assertEveryTicketStands(this.house, tickets));
    await inSlices([...keys], (some) => assertRepeatsAreTheSame(crowd, this.house.fronts, { keys: some }));
    return cuts;
  }
}

// Thousands were told something: not all of it is asked one after the other.
const inSlices = (all, judge) => Promise.all(range([0, 15]).map((nth) => all.filter((_, i) => i % 16 === nth))
  .filter((slice) => slice.length > 0).map(judge));

const roleOf = async (node) => (await node.command('ROLE'))[0];
const untilMaster = (node) => until('the replica to be promoted', async () => (await roleOf(node)) === 'master');
const untilReplica = (node) => until('the old master to follow', async () => {
  const [role, , , state] = await node.command('ROLE');
  return role === 'slave' && state === 'connected';
});

// All that was told so far, which its replicas have as well.
async function kept(region, crowd) {
  const told = new Map(crowd.places);
  await until('replicas to have it', async () => {
    for (const node of region.nodes.filter(({ machine }) => machine.connected)) {
      if ((await roleOf(node)) === 'master' && (await node.command('WAIT', 1, 1000)) < 1) return false;
    }
    return true;
  });
  return told;
}

// Of visitors who come only now, this many have a place: of whatever shards can be reached.
async function othersGetPlaces(region, crowd, count) {
  let next = 0;
  await until('places for others', async () => {
    const answers = await Promise.all(range([1, 8]).map(async () => {
      next += 1;
      const key = `other-${next}`;
      const { port } = region.house.fronts[next % 2];
      const answer = await client({ port }).post('/v1/queue/show/join', { headers: { 'idempotency-key': key }, timeoutMs: 3000 }).catch(() => null);
      if (answer !== null && [200, 201].includes(answer.status)) {
        crowd.places.set(key, answer.json.position);
        crowd.tickets.push({ ticket: answer.json.ticket, place: answer.json.position });
        return true;
      }
      crowd.runs.push(crowd.join(key, next)); // it asks until it is told
      return false;
    }));
    count -= answers.filter(Boolean).length;
    return count <= 0;
  });
}

const turnedAway = (crowd, n) => {
  const from = crowd.turned;
  return until(`${n} to be turned away`, () => crowd.turned >= from + n);
};

// One slot after the other goes to the next server.
async function moveSlots(region, crowd, keys) {
  for (const key of keys) {
    const from = await region.ownerOf(key);
    const { nodes } = region.cluster;
    const to = nodes[(nodes.indexOf(from) + 1) % nodes.length];
    const move = await beginMove(region.cluster, await from.command('CLUSTER', 'KEYSLOT', key), from, to);
    await turnedAway(crowd, 4);
    await move.send([key]); // from now on the old one says ASK
    await turnedAway(crowd, 4);
    await move.sendAll();
    await move.end();
    await crowd.untilPlaces(2 * WIDTH);
  }
}

async function assertNoHalfScripts(region) {
  for (const node of region.nodes) assert.doesNotMatch(await node.command('INFO', 'errorstats'), /errorstat_ERR/, 'a script did half of its work');
}

test('a shard that moves to another server under load keeps every number', async (t) => {
  const region = await Region.open(t);
  await region.open();
  const crowd = new Crowd(region.house, WIDTH);
  await crowd.untilPlaces(100);
  await moveSlots(region, crowd, [shardKey(1)]);
  await crowd.stop();
  await region.judge(crowd, crowd.places);
  await assertNoHalfScripts(region);
});

test('all shards and the slot of the cuts move, one after the other, and back', async (t) => {
  const region = await Region.open(t);
  await region.open();
  const crowd = new Crowd(region.house, WIDTH);
  await crowd.untilPlaces(100);
  const all = [HOME, ...range([0, SHARDS - 1]).map(shardKey)];
  for (let round = 0; round < 3; round += 1) await moveSlots(region, crowd, all);
  await crowd.stop();
  await region.judge(crowd, crowd.places);
  await assertNoHalfScripts(region);
});

// The master of a shard, or of the cuts.
for (const [what, masterOf] of [
  ['a shard', (region) => region.someShardsMaster()],
  ['the cuts', (region) => region.ownerOf(HOME)],
]) {
  test(`the master of ${what} that nobody hears any more is replaced, and follows when it is back`, async (t) => {
    const region = await Region.open(t);
    await region.open();
    const crowd = new Crowd(region.house, WIDTH);
    await crowd.untilPlaces(120);
    const master = await masterOf(region);
    const replica = region.replicas.get(master);
    const before = await kept(region, crowd);
    master.machine.cut();
    await untilMaster(replica);
    await crowd.untilPlaces(120);
    master.machine.join();
    await untilReplica(master);
    await crowd.untilPlaces(60);
    await crowd.stop();
    await region.judge(crowd, before, { ghosts: WIDTH });
  });

  test(`the master of ${what} that no front reaches, but its replica does, costs nobody a place`, async (t) => {
    const region = await Region.open(t);
    await region.open();
    const crowd = new Crowd(region.house, WIDTH);
    await crowd.untilPlaces(120);
    const master = await masterOf(region);
    for (let round = 0; round < 3; round += 1) {
      master.machine.part(FRONTS);
      await turnedAway(crowd, 2 * WIDTH);
      if (what === 'a shard') await othersGetPlaces(region, crowd, 10);
      master.machine.meet(FRONTS);
      await crowd.untilPlaces(60);
    }
    assert.equal(await roleOf(master), 'master', 'its replica had no reason');
    await crowd.stop();
    await region.judge(crowd, crowd.places);
  });

  test(`the master of ${what} that fronts alone still reach gives nothing that its replica gives again`, async (t) => {
    const region = await Region.open(t);
    await region.open();
    const crowd = new Crowd(region.house, WIDTH);
    await crowd.untilPlaces(120);
    const master = await masterOf(region);
    const others = region.nodes.filter((node) => node !== master);
    const before = await kept(region, crowd);
    for (const { address } of others) master.machine.part(address);
    await untilMaster(region.replicas.get(master));
    await crowd.untilPlaces(120);
    for (const { address } of others) master.machine.meet(address);
    await untilReplica(master);
    await crowd.untilPlaces(60);
    await crowd.stop();
    await region.judge(crowd, before, { ghosts: WIDTH });
  });

  test(`the master of ${what} that its replica does not hear dies with what only it knew`, async (t) => {
    const region = await Region.open(t);
    await region.open();
    const crowd = new Crowd(region.house, WIDTH);
    await crowd.untilPlaces(120);
    const master = await masterOf(region);
    const replica = region.replicas.get(master);
    const before = await kept(region, crowd);
    master.machine.part(replica.address);
    await crowd.untilPlaces(120);
    await master.kill();
    await untilMaster(replica);
    await crowd.untilPlaces(120);
    await crowd.stop();
    await region.judge(crowd, before, { ghosts: WIDTH });
  });
}

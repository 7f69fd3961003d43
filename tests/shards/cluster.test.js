// One event's shards in a real cluster, each server a machine of its own (a network namespace), under load: slots that
// move, masters that nobody reaches, replicas that are promoted. Judged by every ticket that was given: each place is one
// visitor's, none is missing but those of holes, and a repeated join gets the same answer.
//
// `make shards-test`, as root; part of `make soak`.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { Lan } from '../../infra/ha/machines.js';
import { openDraw } from '../../queue-front/web/draw-check.js';
import { assertEveryTicketStands, Crowd } from '../integration/queue-front/crowd.js';
import { assertPlacesAreWhole, assertRepeatsAreTheSame, range } from '../integration/queue-front/places.js';
import { act, invitationsOf, makeEvent, makePreQueue, openSite, untilDrawnEverywhere } from '../integration/queue-front/support.js';
import { addReplica, assertStatus, beginMove, client, isMaster, openScope, startCluster, until } from '../lib-js/index.js';

const run = promisify(execFile);
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
    region.site = await openSite(t, { scope: region.scope, fronts: 2, config: { redis: { cluster } } });
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

  open(knobs = {}) {
    return makeEvent(this.site, 'show', { ...OVER_SHARDS, ...knobs });
  }

  // All answers are still true: all places, all tickets at each front; and those of `keys` when they join again.
  async judge(crowd, keys, { ghosts = 0 } = {}) {
    const cuts = await assertPlacesAreWhole(crowd, await this.ownerOf(HOME), { ghosts });
    await inSlices(crowd.tickets, (tickets) => assertEveryTicketStands(this.site, tickets));
    await inSlices([...keys], (some) => assertRepeatsAreTheSame(crowd, this.site.fronts, { keys: some }));
    return cuts;
  }
}

// With an event in which so many have a place by now, while more come.
async function underLoad(t, places) {
  const region = await Region.open(t);
  await region.open();
  const crowd = await Crowd.begun(places, region.site, WIDTH);
  return { region, crowd };
}

// There are thousands of answers, so they are checked in parallel.
const inSlices = (all, judge) => Promise.all(range([0, 15]).map((nth) => all.filter((_, i) => i % 16 === nth))
  .filter((slice) => slice.length > 0).map(judge));

const untilMaster = (node) => until('the replica to be promoted', () => isMaster(node));
// Redis gives up a change of roles that has not come about within five seconds. Then it is asked for again.
async function handOver(to) {
  let askedMs = -Infinity;
  await until('the replica to be promoted', async () => {
    if (await isMaster(to)) return true;
    if (performance.now() - askedMs < 10_000) return false;
    askedMs = performance.now();
    await to.command('CLUSTER', 'FAILOVER');
    return false;
  });
}

const untilReplica = (node) => until('the old master to follow', async () => {
  const [role, , , state] = await node.command('ROLE');
  return role === 'slave' && state === 'connected';
});

// All answers so far, which its replicas have as well.
async function kept(region, crowd, masters = region.cluster.nodes) {
  const told = new Map(crowd.places);
  for (const master of masters) await until('its replica to have it', async () => (await master.command('WAIT', 1, 1000)) >= 1);
  return told;
}

// Of visitors who come only now, this many have a place: of whatever shards can be reached.
async function othersGetPlaces(region, crowd, count) {
  let next = 0;
  await until('places for others', async () => {
    const answers = await Promise.all(range([1, 8]).map(async () => {
      next += 1;
      const key = `other-${next}`;
      const { port } = region.site.fronts[next % 2];
      const answer = await client({ port }).post('/v1/queue/show/join', { headers: { 'idempotency-key': key }, timeoutMs: 3000 }).catch(() => null);
      if (answer !== null && [200, 201].includes(answer.status)) {
        crowd.places.set(key, answer.json.position);
        crowd.tickets.push({ ticket: answer.json.ticket, place: answer.json.position });
        return true;
      }
      crowd.runs.push(crowd.join(key, next)); // repeated until it is answered
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

const countIn = (text, pattern) => Number(pattern.exec(text)?.[1] ?? 0);

// redis-cli tells each master of a slot that has moved, also one that has just become a replica and refuses to hear it.
async function assertNoHalfScripts(region) {
  for (const node of region.nodes) {
    const errors = countIn(await node.command('INFO', 'errorstats'), /errorstat_ERR:count=(\d+)/);
    const refused = countIn(await node.command('INFO', 'commandstats'), /cmdstat_cluster\|setslot:.*failed_calls=(\d+)/);
    assert.equal(errors, refused, 'a script did half of its work');
  }
}

test('a shard that moves to another server under load keeps every number', async (t) => {
  const { region, crowd } = await underLoad(t, 100);
  await moveSlots(region, crowd, [shardKey(1)]);
  await crowd.stop();
  await region.judge(crowd, crowd.places);
  await assertNoHalfScripts(region);
});

test('all shards and the slot of the cuts move, one after the other, and back', async (t) => {
  const { region, crowd } = await underLoad(t, 100);
  const all = [HOME, ...range([0, SHARDS - 1]).map(shardKey)];
  for (let round = 0; round < 3; round += 1) await moveSlots(region, crowd, all);
  await crowd.stop();
  await region.judge(crowd, crowd.places);
  await assertNoHalfScripts(region);
});

// As an operator does it. The master that has no slot any more becomes a replica of the one that has them.
test('redis-cli reshards all slots of the master of the cuts under load', async (t) => {
  const { region, crowd } = await underLoad(t, 100);
  const from = await region.ownerOf(HOME);
  const [to, third] = region.cluster.nodes.filter((node) => node !== from);
  await crowd.untilPlaces(50);
  const done = await run('redis-cli', ['--cluster', 'reshard', `${third.address}:${third.port}`, '--cluster-yes',
    '--cluster-from', await region.cluster.id(from), '--cluster-to', await region.cluster.id(to), '--cluster-slots', String(16384)]);
  assert.match(done.stdout, /Moving slot/);
  assert.equal(await region.ownerOf(HOME), to);
  await crowd.stopAfter(100);
  await region.judge(crowd, crowd.places);
  await assertNoHalfScripts(region);
});

// Its keys are gone, and with them what it remembers of people: a repeated join has another place. Nobody else does.
test('a shard that is emptied under load gives no number twice, and every ticket stands', async (t) => {
  const { region, crowd } = await underLoad(t, 120);
  const master = await region.someShardsMaster();
  for (let round = 0; round < 3; round += 1) {
    await master.command('FLUSHALL');
    await crowd.untilPlaces(120);
  }
  await crowd.stop();
  await region.judge(crowd, [], { ghosts: 3 * WIDTH });
});

const MASTERS = [
  ['a shard', (region) => region.someShardsMaster()],
  ['the cuts', (region) => region.ownerOf(HOME)], // and of the codes
];

for (const [what, masterOf] of MASTERS) {
  test(`the master of ${what} that nobody reaches is replaced, and follows when it is back`, async (t) => {
    const { region, crowd } = await underLoad(t, 120);
    const master = await masterOf(region);
    const replica = region.replicas.get(master);
    const before = await kept(region, crowd);
    master.machine.cut();
    await untilMaster(replica);
    await crowd.untilPlaces(120);
    master.machine.join();
    await untilReplica(master);
    await crowd.stopAfter(60);
    await region.judge(crowd, before, { ghosts: WIDTH });
  });

  test(`the master of ${what} that no front reaches, but its replica does, costs nobody a place`, async (t) => {
    const { region, crowd } = await underLoad(t, 120);
    const master = await masterOf(region);
    for (let round = 0; round < 3; round += 1) {
      master.machine.part(FRONTS);
      await turnedAway(crowd, 2 * WIDTH);
      if (what === 'a shard') await othersGetPlaces(region, crowd, 10);
      master.machine.meet(FRONTS);
      await crowd.untilPlaces(60);
    }
    assert.ok(await isMaster(master), 'its replica had no reason');
    await crowd.stop();
    await region.judge(crowd, crowd.places);
  });

  test(`the master of ${what} that fronts alone still reach gives nothing that its replica gives again`, async (t) => {
    const { region, crowd } = await underLoad(t, 120);
    const master = await masterOf(region);
    const others = region.nodes.filter((node) => node !== master);
    const before = await kept(region, crowd);
    for (const { address } of others) master.machine.part(address);
    await untilMaster(region.replicas.get(master));
    await crowd.untilPlaces(120);
    for (const { address } of others) master.machine.meet(address);
    await untilReplica(master);
    await crowd.stopAfter(60);
    await region.judge(crowd, before, { ghosts: WIDTH });
  });

  test(`the master of ${what} that its replica does not hear dies with what only it knew`, async (t) => {
    const { region, crowd } = await underLoad(t, 120);
    const master = await masterOf(region);
    const replica = region.replicas.get(master);
    const before = await kept(region, crowd);
    master.machine.part(replica.address);
    await crowd.untilPlaces(120);
    await master.kill();
    await untilMaster(replica);
    await crowd.stopAfter(120);
    await region.judge(crowd, before, { ghosts: WIDTH });
  });
}

test('each master gives its slots to its replica in good order, there and back, under load', async (t) => {
  const { region, crowd } = await underLoad(t, 100);
  for (const [master, replica] of region.replicas) {
    for (const [to, from] of [[replica, master], [master, replica]]) {
      await handOver(to);
      await untilReplica(from);
      await crowd.untilPlaces(60);
    }
  }
  await crowd.stop();
  await region.judge(crowd, crowd.places);
});

test('a cluster that no front reaches for a while, and whose servers do not reach each other', async (t) => {
  const { region, crowd } = await underLoad(t, 120);
  for (const { machine } of region.nodes) machine.cut();
  await turnedAway(crowd, 4 * WIDTH);
  for (const { machine } of region.nodes) machine.join();
  await crowd.stopAfter(120);
  await region.judge(crowd, crowd.places);
});

// Codes and invitations: what is claimed before a number is given, through the loss of the server that the claim is at.
const codesOf = async (front) => (await front.admin.get('/admin/events/show/codes')).json.codes[0];

async function replaced(region, master) {
  master.machine.cut();
  await untilMaster(region.replicas.get(master));
}

for (const [what, masterOf] of MASTERS) {
  test(`a code opens as many places as it has uses while the master of ${what} is replaced`, async (t) => {
    const USES = 400;
    const region = await Region.open(t);
    const { site } = region;
    await region.open({ code_required: true });
    assertStatus(await site.front.admin.put('/admin/events/show/codes', { body: { codes: ['SHARED-CODE'], uses: USES } }), 200);
    const crowd = await Crowd.begun(150, site, WIDTH, { shows: () => ({ body: { code: 'SHARED-CODE' } }) });
    const before = await kept(region, crowd);
    await replaced(region, await masterOf(region));
    await until('the code to be used up', () => crowd.refused.size >= 20);
    await crowd.stop();
    assert.deepEqual([...new Set(crowd.refused.values())], ['code-used-up']);
    assert.equal((await codesOf(site.front)).used, USES);
    // What was under way at the loss may have used it without being remembered.
    assert.ok(crowd.places.size >= USES && crowd.places.size <= USES + WIDTH, `${crowd.places.size} of ${USES}`);
    crowd.assertNoPlaceTwice();
    await assertEveryTicketStands(site, crowd.tickets);
    for (const [key, place] of before) {
      const again = await site.front.http.post('/v1/queue/show/join', { headers: { 'idempotency-key': key }, body: { code: 'SHARED-CODE' } });
      assert.equal(again.json.position, place, again.text);
    }
  });

  test(`an invitation is one place, shown by anybody, while the master of ${what} is replaced`, async (t) => {
    const INVITED = 300;
    const region = await Region.open(t);
    const { site } = region;
    await region.open({ lanes: [{ id: 'fans', share: 30, invitations: INVITED }] });
    const codes = await invitationsOf(site.front, 'show');
    const codeOf = (nth) => codes[nth % INVITED];
    const crowd = await Crowd.begun(100, site, WIDTH, { shows: (nth) => ({ headers: { 'x-invitation': codeOf(nth) } }) });
    const before = await kept(region, crowd);
    await replaced(region, await masterOf(region));
    const asked = crowd.next; // later joins reach the promoted one
    await crowd.stopAfter(2 * INVITED + WIDTH); // each is shown by another key as well
    const placeOf = new Map();
    for (const [key, place] of crowd.places) {
      const nth = Number(key.split('-')[1]);
      if (!before.has(key) && nth < asked) continue; // under way at the loss: nobody knows whether it was kept
      const code = codeOf(nth);
      if (!placeOf.has(code)) placeOf.set(code, place);
      assert.equal(placeOf.get(code), place, `${code}, shown by ${key}`);
    }
    assert.equal(placeOf.size, INVITED);
    assert.equal(new Set(placeOf.values()).size, INVITED, 'a place was given twice');
    await inSlices(crowd.tickets, (tickets) => assertEveryTicketStands(site, tickets));
  });
}

test('a draw of all shards goes through the loss of a shard before it and of the cuts behind it', async (t) => {
  const region = await Region.open(t);
  const { site } = region;
  await makePreQueue(site, 'show', OVER_SHARDS);
  const crowd = await Crowd.begun(150, site, WIDTH);
  await replaced(region, await region.someShardsMaster());
  await crowd.stopAfter(150);
  const cuts = await assertPlacesAreWhole(crowd, await region.ownerOf(HOME), { ghosts: WIDTH });

  await act(site.front, 'show', 'draw');
  const draw = await openDraw(await untilDrawnEverywhere(site));
  const drawn = crowd.tickets.map(({ ticket, place: entry }) => ({ ticket, place: draw.position(entry) }));
  assert.equal(new Set(drawn.map(({ place }) => place)).size, drawn.length);
  await assertEveryTicketStands(site, drawn);
  const home = await region.ownerOf(HOME);
  await kept(region, crowd, [home]);
  await replaced(region, home);
  const late = await Crowd.begun(20, site, 4, { name: 'late' });
  await late.stop();
  await assertEveryTicketStands(site, [...drawn, ...late.tickets]);
  for (const place of late.places.values()) assert.ok(place > cuts.places, `${place} is among those who were drawn`);
});

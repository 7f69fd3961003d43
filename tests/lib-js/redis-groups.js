// Groups of real Redis servers: a master with a replica and sentinels, or a cluster. Timeouts are short enough for a test,
// but long enough that a busy machine does not make a server seem dead.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './ports.js';
import { startRedis } from './redis.js';
import { until } from './wait.js';

const SENTINELS = 3;
const role = async (redis) => (await redis.command('ROLE'))[0];

export async function startReplica(scope, master, options = {}) {
  const replica = await startRedis(scope, options);
  await replica.command('REPLICAOF', '127.0.0.1', master.port);
  await untilInStep(replica);
  return replica;
}

export function untilInStep(replica) {
  return until('the replica to be in step', async () => (await replica.command('ROLE'))[3] === 'connected');
}

// Cuts the replica off after it is in sync: whatever the master acknowledges from now on is lost with it.
export async function cutReplica(master, replica) {
  const [, written] = await master.command('ROLE');
  await until('the replica to have it', async () => (await replica.command('ROLE'))[4] >= written);
  await replica.command('CONFIG', 'SET', 'masterauth', 'not-the-password');
  await master.command('CLIENT', 'KILL', 'TYPE', 'replica');
  await until('the replica to be cut off', async () => (await replica.command('ROLE'))[3] !== 'connected');
}

// Returns [{port, child}]; the files have these extra lines. They have agreed on the master `name` and on each other.
export async function startSentinels(scope, master, { name, settings = [], tls = false }) {
  const sentinels = [];
  for (let i = 0; i < SENTINELS; i += 1) {
    const port = await freePort();
    const dir = scope.tempDir('sentinel-');
    const file = join(dir, 'sentinel.conf');
    writeFileSync(file, [
      ...(tls ? ['port 0', `tls-port ${port}`] : [`port ${port}`]),
      'bind 127.0.0.1',
      `dir ${dir}`,
      `unixsocket ${join(dir, 'redis.sock')}`,
      `sentinel monitor ${name} 127.0.0.1 ${master.port} ${Math.floor(SENTINELS / 2) + 1}`,
      `sentinel down-after-milliseconds ${name} 3000`,
      `sentinel failover-timeout ${name} 3000`,
      ...settings,
      '',
    ].join('\n'));
    const child = scope.spawn(`sentinel-${port}`, ['redis-server', file, '--sentinel'], { deathSignal: 'KILL', stays: true });
    sentinels.push({ port, child });
  }
  const told = /\+sentinel sentinel/g;
  await until('the sentinels to know each other', () =>
    sentinels.every(({ child }) => (child.log().match(told) ?? []).length >= SENTINELS - 1));
  await until('the sentinels to know the replica', () =>
    sentinels.every(({ child }) => child.log().includes('+slave slave')));
  return sentinels;
}

export const isMaster = async (redis) => (await role(redis)) === 'master';

const SLOTS = 16_384;

// Masters that share the slots evenly. Returns {nodes: [Redis], owner(slot), ...}. `options` returns startRedis() options
// that are added to the cluster's settings.
export async function startCluster(scope, count = 3, options = async () => ({})) {
  const nodes = [];
  for (let i = 0; i < count; i += 1) nodes.push(await startNode(scope, await options()));
  const each = Math.ceil(SLOTS / count);
  for (const [i, node] of nodes.entries()) {
    await node.command('CLUSTER', 'SET-CONFIG-EPOCH', i + 1);
    await node.command('CLUSTER', 'ADDSLOTSRANGE', i * each, Math.min((i + 1) * each, SLOTS) - 1);
  }
  const cluster = { nodes, id: (node) => node.command('CLUSTER', 'MYID'), owner: (slot) => nodes[Math.floor(slot / each)] };
  for (const node of nodes.slice(1)) await meet(node, nodes[0]);
  await untilKnown(nodes, nodes);
  return cluster;
}

async function startNode(scope, options = {}) {
  return startRedis(scope, {
    ...options,
    settings: {
      'cluster-enabled': 'yes',
      'cluster-config-file': 'nodes.conf',
      'cluster-node-timeout': 3000,
      'cluster-port': await freePort(),
      ...options.settings,
    },
  });
}

async function meet(node, first) {
  await node.command('CLUSTER', 'MEET', first.address, first.port, first.settings['cluster-port']);
}

function untilKnown(nodes, known) {
  return until('the cluster to be whole', async () => {
    for (const node of nodes) {
      if (!(await node.command('CLUSTER', 'INFO')).includes('cluster_state:ok')) return false;
      if ((await node.command('CLUSTER', 'NODES')).trim().split('\n').length < known.length) return false;
    }
    return true;
  });
}

// Adds a server to the cluster, as a replica of `master`.
export async function addReplica(scope, cluster, master, options = {}) {
  const replica = await startNode(scope, options);
  await meet(replica, cluster.nodes[0]);
  const id = await cluster.id(master);
  await untilKnown([...cluster.nodes, replica], [...cluster.nodes, replica]);
  await replica.command('CLUSTER', 'REPLICATE', id);
  await untilInStep(replica);
  return replica;
}

// Both sides know that the slot is moving, but no key has moved yet. Returns the move, to continue it.
export async function beginMove(cluster, slot, from, to) {
  await to.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', await cluster.id(from));
  await from.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', await cluster.id(to));
  const send = (keys) => from.command('MIGRATE', to.address, to.port, '', 0, 5000, 'KEYS', ...keys);
  return {
    send,
    async sendAll() {
      for (;;) {
        const keys = await from.command('CLUSTER', 'GETKEYSINSLOT', slot, 100);
        if (keys.length === 0) return;
        await send(keys);
      }
    },
    async end() {
      for (const node of [to, from, ...cluster.nodes]) {
        await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', await cluster.id(to));
      }
    },
  };
}

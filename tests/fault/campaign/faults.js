// The faults of the campaign, a row each. While a crowd is at a sale, `strike` happens `times` times, at moments that
// the seed draws; the function it returns ends it again `lasts` later ([least, most] in ms). A part that the fault may
// end is listed in `ends`. `needs` says what a sale must provide, see sale.js.
//
// A strike reports with `note` what it did, and each wire what it hit: a run in which nothing was hit does not count.

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { FAULTS } from '../../lib-js/proxy.js';
import { NOW, OURS } from './sale.js';

const KILLED = ['queue-front', 'seat-service', 'payment-adapter', 'redis', 'postgres', 'demo-shop'];
const STOPPED = [...KILLED, 'psp-sandbox'];
const WIRES = ['front-redis', 'seats-postgres', 'adapter-postgres', 'adapter-seats', 'adapter-provider', 'adapter-shop', 'edge-services'];
const SERVICES = ['queue-front', 'seat-service', 'payment-adapter'];

const any = (part, rng) => (part === 'queue-front' ? rng.pick(OURS.slice(0, 2)) : part);
const bound = (name, rng) => ({
  late: { ms: rng.between(5, 100), jitterMs: rng.between(0, 300) },
  drip: { bytes: rng.between(50, 400), everyMs: 5 },
  hold: { way: rng.pick(['there', 'back', undefined]) },
  lose: { way: rng.pick(['there', 'back', undefined]) },
  cut: {},
  half: { way: rng.pick(['there', 'back']) },
  reset: {},
}[name]);

// ---- what is done ----

const kill = (part) => async (sale, rng, note) => {
  const one = any(part, rng);
  if (sale.kill(one)) note(`${one} killed`);
};

const stop = (part) => async (sale, rng, note) => {
  const one = any(part, rng);
  if (!sale.stack.signal(one, 'SIGSTOP')) return undefined;
  note(`${one} stopped`);
  return async () => sale.stack.signal(one, 'SIGCONT');
};

// All wires of that name get the same fault, each for a share of its connections.
async function badWires(sale, rng, note) {
  const mode = rng.pick(FAULTS);
  const options = { ...bound(mode, rng), share: rng.pick([1, 1, 0.5]) };
  for (const wire of Object.values(sale.wires)) wire.fault(mode, options);
  note(`${mode} ${JSON.stringify(options)}`);
  return async () => {
    for (const wire of Object.values(sale.wires)) wire.heal();
  };
}

async function fullDisk(sale, rng, note) {
  sale.disk.fill();
  note('disk full');
  if (sale.needs.disk.of === 'postgres') note(`${await sale.wantLogs()} further logs were had`);
  return async () => sale.disk.empty();
}

async function slowDisk(sale, rng, note) {
  const ms = rng.between(20, 200);
  sale.disk.slow(ms);
  note(`${ms} ms a sync`);
  return async () => sale.disk.slow(0);
}

// Cuts the power of everything on that disk; the unsynced data is lost, or all but a share of it.
async function cutPower(sale, rng, note) {
  const { of } = sale.needs.disk;
  sale.disk.cut();
  await sale.stack.takeAway(of);
  const { unsynced } = { unsynced: '?', ...figures(sale.disk) };
  sale.disk.powerOn({ seed: rng.below(1 << 30), keep: rng.pick([0, 0, 50]) });
  note(`power cut, ${unsynced} blocks unsynced`);
  sale.stack.begin(of);
}

function figures(disk) {
  try {
    return disk.figures();
  } catch {
    return {}; // a wire reports nothing while its power is off
  }
}

const limitOf = (pid, name) => new RegExp(`^${name} +(\\S+)`, 'm').exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))?.[1];
const setLimit = (pid, option, value) => {
  if (existsSync(`/proc/${pid}`)) execFileSync('prlimit', ['--pid', String(pid), `--${option}=${value}:`]);
};

async function fewFiles(sale, rng, note) {
  const part = rng.pick(OURS);
  const pid = sale.stack.pid(part);
  if (pid === null) return undefined;
  const [before, open] = [limitOf(pid, 'Max open files'), readdirSync(`/proc/${pid}/fd`).length];
  setLimit(pid, 'nofile', open + 2);
  note(`${part}: two files more than ${open}`);
  return async () => setLimit(pid, 'nofile', before);
}

// Gives the process no more memory: its next allocations fail.
async function fewMemory(sale, rng, note) {
  const part = rng.pick(OURS);
  const pid = sale.stack.pid(part);
  if (pid === null) return undefined;
  setLimit(pid, 'data', 1 << 20); // less than it has: it keeps that, and gets no more
  note(`${part}: no memory`);
  return async () => setLimit(pid, 'data', 'unlimited');
}

async function fullRedis(sale, rng, note) {
  const used = Number(/used_memory:(\d+)/.exec(sale.redis('INFO', 'memory'))[1]);
  sale.redis('CONFIG', 'SET', 'maxmemory', used);
  note(`maxmemory ${used}`);
  return async () => sale.redis('CONFIG', 'SET', 'maxmemory', 0);
}

const stepClock = (program) => async (sale, rng, note) => {
  const ms = rng.pick([-1, 1]) * rng.pick([700, 5_000, 60_000]);
  sale.clocks[program].set(ms);
  note(`clock ${ms} ms`);
  return async () => sale.clocks[program].set(0);
};

async function failOver(sale, rng, note) {
  await sale.promote();
  note('promoted');
  return async () => {
    await sale.rejoin();
    note('the old primary follows');
  };
}

async function failOverRedis(sale, rng, note) {
  await sale.stack.takeAway('redis');
  note('master killed');
  return async () => {
    const [role] = await sale.redisReplica.command('ROLE');
    note(`its replica is ${role}`);
    sale.stack.begin('redis');
  };
}

// Replaces one part after the other by the other version, the seats first on the way up.
const roll = (way) => async (sale, rng, note) => {
  const order = ['seat-service', 'payment-adapter', 'queue-front', 'queue-front-2'];
  for (const part of way === 'up' ? order : order.reverse()) {
    sale.setVersion(part.replace(/-\d+$/, ''), way === 'up' ? NOW : sale.before());
    await sale.renew(part);
    note(`${part} renewed`);
  }
};

async function anything(sale, rng, note) {
  const part = rng.pick(KILLED);
  return rng.chance(0.5) ? kill(part)(sale, rng, note) : stop(part)(sale, rng, note);
}

// ---- the rows ----

const rows = [
  { name: 'none', what: 'nothing at all, to know what the table is worth', times: 0, strike: async () => {} },
  ...KILLED.map((part) => ({ name: `kill ${part}`, what: 'kill -9, twice', times: 2, ends: [part], strike: kill(part) })),
  {
    name: 'crash points', what: 'payment-adapter kills itself at edges of its sagas that the seed draws', times: 0, ends: ['payment-adapter'],
    needs: (rng) => ({ halts: [rng.between(300, 900), rng.between(20, 600), rng.between(20, 600)] }), strike: async () => {},
  },
  ...STOPPED.map((part) => ({ name: `stop ${part}`, what: 'SIGSTOP, twice', times: 2, lasts: [500, 4000], strike: stop(part) })),
  ...WIRES.map((wire) => ({ name: `wire ${wire}`, what: 'three windows, in each one way of being bad', times: 3, lasts: [500, 3000], needs: () => ({ wires: [wire] }), strike: badWires })),
  { name: 'disk full: postgres', what: 'not a byte is left, twice', times: 2, lasts: [1000, 4000], ends: ['postgres'], needs: () => ({ disk: { of: 'postgres', kind: 'small' } }), strike: fullDisk },
  { name: 'disk full: redis', what: 'not a byte is left, twice', times: 2, lasts: [1000, 4000], ends: ['redis'], needs: () => ({ disk: { of: 'redis', kind: 'small' } }), strike: fullDisk },
  { name: 'disk slow: postgres', what: 'each sync takes 20 to 200 ms, and everything waits', times: 2, lasts: [1000, 4000], needs: () => ({ disk: { of: 'postgres', kind: 'forgetful' } }), strike: slowDisk },
  { name: 'power: postgres', what: 'power cut, what was not synced is lost, twice', times: 2, ends: ['postgres'], needs: () => ({ disk: { of: 'postgres', kind: 'forgetful' } }), strike: cutPower },
  { name: 'power: redis', what: 'power cut, what was not synced is lost, twice', times: 2, ends: ['redis'], needs: () => ({ disk: { of: 'redis', kind: 'forgetful' } }), strike: cutPower },
  { name: 'open files', what: 'two files more for one service, twice', times: 2, lasts: [1000, 3000], strike: fewFiles },
  { name: 'memory', what: 'no further memory for one service', times: 2, lasts: [300, 1500], strike: fewMemory },
  { name: 'redis full', what: 'maxmemory is reached, twice', times: 2, lasts: [500, 3000], strike: fullRedis },
  ...SERVICES.map((name) => ({ name: `clock ${name}`, what: 'its wall clock steps, by up to a minute, and back', times: 2, lasts: [500, 3000], needs: () => ({ clock: [name] }), strike: stepClock(name) })),
  { name: 'failover: postgres', what: 'the primary dies, its synchronous replica is promoted, the old one returns as a replica', times: 1, lasts: [2000, 4000], ends: ['postgres'], needs: () => ({ replica: true }), strike: failOver },
  { name: 'failover: redis', what: 'the master dies, Sentinels promote its replica, the old one returns as a master', times: 1, lasts: [3000, 5000], ends: ['redis'], needs: () => ({ sentinels: true }), strike: failOverRedis },
  { name: 'upgrade', what: 'from the version before, part by part, with sagas on their way', times: 1, needs: (rng, before) => ({ begins: before() }), strike: roll('up') },
  { name: 'downgrade', what: 'to the version before, part by part, with sagas on their way', times: 1, strike: roll('down') },
  { name: 'anything', what: 'kills and stops of any part, five times', times: 5, lasts: [300, 2500], ends: KILLED, strike: anything },
];

export const faults = rows.map((row) => ({ lasts: [0, 0], ends: [], needs: () => ({}), ...row }));

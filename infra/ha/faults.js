// faults.js: the drill's faults, in order. A fault is {name, role, bar, stepsBar, brokenMs, strike(): mend}. `role` is what
// another machine must take over; `bar` is how long a visitor may have to retry, `stepsBar` how long a step of an order may
// take; `brokenMs` is the least time that it stays broken. Both bars are for a quiet machine.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { postmasterOf } from './site.js';

// What is promised: Redis and PostgreSQL, a replica of which commits wait for, are replaced within four seconds, all else
// within two.
const BAR_MS = 2_000;
const STORE_BAR_MS = 4_000;
// A primary or Patroni that hangs keeps its key for its ttl, and the replica's Patroni waits two seconds for its answer.
const HUNG_BAR_MS = 7_000;
// A step that met a fault is retried after a random pause; the buyer sees that the order is in progress and need not act.
const STEPS_BAR_MS = 5_000;
// Another adapter takes over the steps of one that hangs or is gone when its lease ends (saga.lease).
const LEASE_MS = 20_000;

// `roles`: which machine has each role now.
function placesOf(site, roles) {
  const machine = (name) => site.machine(name);
  const other = (prefix, name) => site.named(prefix).find((each) => each.name !== name);
  return {
    edge: machine(roles.address), seats: machine(roles.seats), redis: machine(roles.redis), postgres: machine(roles.postgres),
    etcd: machine(roles.etcd), otherEdge: other('edge', roles.address), standby: other('seats', roles.seats), otherStore: other('store', roles.redis), replica: other('pg', roles.postgres),
  };
}

// [display name, machine, process, role, bar, time for a lease to end]
const KILLED = [
  ['HAProxy at the address', 'edge', 'haproxy', 'address'],
  ['keepalived at the address', 'edge', 'keepalived', 'address'],
  ['a waiting room', 'front1', 'queue-front', null],
  ['the owner of the seats', 'seats', 'seat-service', 'seats'],
  ['the standby of the seats', 'standby', 'seat-service', null],
  ['an adapter', 'pay1', 'payment-adapter', null],
  ["Redis's master", 'redis', 'redis', 'redis', STORE_BAR_MS],
  ['a replica of Redis', 'otherStore', 'redis', null],
  ['a Sentinel', 'otherStore', 'sentinel', null],
  ['an etcd', 'store1', 'etcd', null],
  ['Patroni of the primary', 'postgres', 'patroni', 'postgres', STORE_BAR_MS],
  ["PostgreSQL's primary", 'postgres', 'postmaster', 'postgres', STORE_BAR_MS],
  ["PostgreSQL's replica", 'replica', 'postmaster', null, STORE_BAR_MS],
];

const STOPPED = [
  ['HAProxy at the address', 'edge', 'haproxy', 'address'],
  ['a waiting room', 'front1', 'queue-front', null],
  ['the owner of the seats', 'seats', 'seat-service', 'seats'],
  ['an adapter', 'pay1', 'payment-adapter', null, BAR_MS, LEASE_MS],
  ["Redis's master", 'redis', 'redis', 'redis', STORE_BAR_MS],
  ['a Sentinel', 'otherStore', 'sentinel', null],
  ["etcd's leader", 'etcd', 'etcd', 'etcd'],
  ['Patroni of the primary', 'postgres', 'patroni', 'postgres', HUNG_BAR_MS],
  ["PostgreSQL's primary", 'postgres', 'postmaster', 'postgres', HUNG_BAR_MS],
];

const DOES = { edge1: 'edge', edge2: 'edge', seats1: 'seats', seats2: 'seats', store1: 'redis', store2: 'redis', store3: 'redis', pg1: 'postgres', pg2: 'postgres' };
const MACHINES = ['edge1', 'edge2', 'front1', 'front2', 'front3', 'seats1', 'seats2', 'pay1', 'pay2', 'store1', 'store2', 'store3', 'pg1', 'pg2'];
// Not the edge: namespaces mute it only above ARP, so it would keep attracting visitors.
const MUTED = ['seats', 'redis', 'postgres'];

const childrenOf = (pid) => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);

// All of PostgreSQL's processes hang together, as they do when its disk hangs.
const processFault = (verb, signal, [what, where, process_, role, bar = BAR_MS, leaseMs = 0]) => ({
  name: `${verb} ${what}`,
  role,
  bar,
  stepsBar: Math.max(STEPS_BAR_MS, bar, leaseMs),
  brokenMs: leaseMs,
  strike(site, roles) {
    const machine = placesOf(site, roles)[where] ?? site.machine(where);
    const pid = process_ === 'postmaster' ? postmasterOf(machine) : machine.pid(process_);
    const send = (name, pids) => spawnSync('kill', [`-${name}`, ...pids]); // to those that still live
    send(signal, [pid]);
    if (signal === 'SIGKILL') return () => {};
    const pids = [pid, ...childrenOf(pid)]; // now that it makes no more
    send(signal, pids);
    return () => send('SIGCONT', pids);
  },
});

// What a machine's fault means depends on its role at that moment.
function machineFault(verb, name, roles, [begin, end]) {
  const part = { edge: 'address', seats: 'seats', redis: 'redis', postgres: 'postgres' }[DOES[name]];
  const does = part && roles[part] === name ? part : null;
  const leaseMs = name.startsWith('pay') ? LEASE_MS : 0;
  const titles = { address: 'has the address', seats: 'owns the seats', redis: "has Redis's master", postgres: 'has the primary' };
  return {
    name: `${verb} ${name}${does ? `, which ${titles[does]}` : ''}`,
    role: does,
    bar: name.startsWith('pg') || does === 'redis' ? STORE_BAR_MS : BAR_MS,
    stepsBar: Math.max(STEPS_BAR_MS, leaseMs),
    brokenMs: leaseMs,
    strike(site) {
      begin(site.machine(name));
      return () => end(site.machine(name));
    },
  };
}

// As in infra/ha/GUIDE, where one machine runs both.
const primaryAndLeader = (roles) => ({
  ...machineFault('power off', roles.postgres, roles, power),
  name: `power off ${roles.postgres} and ${roles.etcd}, primary and leader of etcd`,
  strike(site) {
    const both = [roles.postgres, roles.etcd].map((name) => site.machine(name));
    both.forEach((machine) => machine.powerOff());
    return () => Promise.all(both.map((machine) => machine.powerOn()));
  },
});

const power = [(machine) => machine.powerOff(), (machine) => machine.powerOn()];
const cable = [(machine) => machine.cut(), (machine) => machine.join()];
const voice = [(machine) => machine.mute(), (machine) => machine.unmute()];

// Each is a function from the roles at its turn to the fault.
export function faults() {
  return [
    ...KILLED.map((row) => () => processFault('kill -9', 'SIGKILL', row)),
    ...STOPPED.map((row) => () => processFault('stop', 'SIGSTOP', row)),
    ...MACHINES.map((name) => (roles) => machineFault('power off', name, roles, power)),
    ...MACHINES.map((name) => (roles) => machineFault('cut off', name, roles, cable)),
    primaryAndLeader,
    ...MUTED.map((place) => (roles) => machineFault('not heard:', roles[place], roles, voice)),
  ];
}

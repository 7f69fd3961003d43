// Compares one owner of two events with one owner for each, while both events are under a rush. Both sides have two processes on the
// same PostgreSQL, and each process has both halls in memory. They differ only in the number of commit streams. The cost of a hold
// is printed for both processes together, and for the backends. Each hold takes one place of a standing area. A first rush, which is
// not reported, says how long the others may be so that the area does not sell out.

import { join } from 'node:path';
import { until } from '../../tests/lib-js/index.js';
import { hall, openPostgres, openSeats, opens, operator, ROLE } from '../../tests/integration/seat-service/site.js';
import { inTurns, ratio, sameWork, spread } from './lib/compare.js';
import { cpuUs } from './lib/machine.js';
import { SETTINGS } from './lib/postgres.js';
import { rush, writePasses } from './lib/rush.js';

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);
const SECONDS = Number(process.env.BENCH_SECONDS ?? 3);
const CONNECTIONS = 256; // per event
const EVENTS = ['one', 'two'];
const PLACES = 1_000_000;

// Starts two processes on their own database. With `shares` each owns one event, without it one owns both.
async function openSide(scope, postgres, name, shares) {
  postgres.sql(`CREATE DATABASE ${name} OWNER ${ROLE}`);
  const store = { conninfo: (_, user) => postgres.conninfo(name, user) };
  const config = (n) => ({ http: { loops: 1 }, journal: { instance: `seats${n}` } });
  const first = await openSeats(scope, store, { shares, config: config(1) });
  const second = await openSeats(scope, store, { shares, config: config(2), office: first.office, secrets: first.secrets, ready: shares > 0 });
  const side = { name, postgres, processes: [first, second], owners: {}, passes: {} };
  const dir = scope.tempDir('passes-');
  for (const event of EVENTS) {
    const limits = { hold_ttl_s: 3600, hold_max_s: 7200 };
    await operator(first, event).import( hall({ limits, area: PLACES })); // 421: the other process owns it
    await until(`${event} of ${name} to be open`, async () => {
      for (const seats of side.processes) if (await opens(seats, event)) side.owners[event] = seats;
      return side.owners[event] !== undefined;
    }, { timeoutMs: 60_000 });
    side.passes[event] = join(dir, event);
    writePasses(side.passes[event], first.office, event, CONNECTIONS);
  }
  const owners = new Set(EVENTS.map((event) => side.owners[event])).size;
  if (owners !== (shares > 0 ? 2 : 1)) throw new Error(`not comparable: ${name} has ${owners} owners`);
  return side;
}

// By pid: vacuum workers come and go during a run.
const backendsUs = ({ postgres, name }) => new Map(
  postgres.sql(`SELECT pid FROM pg_stat_activity WHERE datname = '${name}' AND application_name LIKE 'fairgate%'`).split('\n').filter(Boolean).map((pid) => [pid, cpuUs(Number(pid))]),
);
const usedSince = (before, after) => [...after].reduce((sum, [pid, us]) => sum + us - (before.get(pid) ?? 0), 0);
const serviceUs = ({ processes }) => processes.reduce((sum, { child }) => sum + cpuUs(child.pid), 0);
async function counted({ processes }, name) {
  const all = await Promise.all(processes.map((seats) => seats.metrics()));
  return all.reduce((sum, metrics) => sum + (metrics.get(name) ?? 0), 0);
}

const journaled = (side) => counted(side, 'fairgate_journal_changes_total');

// Waits for the snapshots that a rush has made due; otherwise they would be made during the next rush.
async function untilQuiet(side) {
  await until('the auditors to be through', async () => (await counted(side, 'fairgate_auditor_changes_total')) >= (await journaled(side)), { timeoutMs: 60_000 });
}

async function measure(side, seconds) {
  await untilQuiet(side);
  const [service, backends, changes, commits] = [serviceUs(side), backendsUs(side), await journaled(side), await counted(side, 'fairgate_journal_commits_total')];
  const reports = await Promise.all(EVENTS.map((event) => rush({
    port: side.owners[event].port, event, passesFile: side.passes[event], connections: CONNECTIONS, seconds, area: 'floor',
  })));
  const held = reports.reduce((sum, { requests }) => sum + requests, 0);
  const written = (await journaled(side)) - changes;
  sameWork('holds journaled', { answered: held, journaled: written });
  return {
    rate: reports.reduce((sum, { requests, duration_us: us }) => sum + (requests * 1e6) / us, 0),
    service: (serviceUs(side) - service) / held,
    backends: usedSince(backends, backendsUs(side)) / held,
    perCommit: written / ((await counted(side, 'fairgate_journal_commits_total')) - commits),
  };
}

export default async function suite({ scope, add }) {
  const postgres = await openPostgres(scope, SETTINGS);
  const sides = { one: await openSide(scope, postgres, 'one_owner', 0), two: await openSide(scope, postgres, 'two_owners', 2) };
  const found = { one: [], two: [], again: [] };
  const [first, most] = [await measure(sides.two, 1), 0.7 * (PLACES / (2 * ROUNDS))]; // side `one` rushes twice in a round
  const seconds = Math.min(SECONDS, Math.floor(most / (first.rate / EVENTS.length)));
  if (seconds < 1) throw new Error('the area is too small for this machine');
  const turn = (name, side) => async () => {
    found[name].push(await measure(side, seconds));
    return found[name].at(-1).rate;
  };
  await inTurns({ one: turn('one', sides.one), two: turn('two', sides.two), again: turn('again', sides.one) }, ROUNDS);
  const of = (what) => Object.fromEntries(Object.entries(found).map(([name, runs]) => [name, runs.map((run) => run[what])]));
  const labels = { one: 'one owner of both events', two: 'an owner of each' };
  for (const [name, label] of Object.entries(labels)) {
    add({ name: `holds, ${label}`, value: spread(of('rate')[name]), unit: '/s' });
    add({ name: `CPU of a hold, both processes, ${label}`, value: spread(of('service')[name]), unit: 'us' });
    add({ name: `CPU of a hold in PostgreSQL, ${label}`, value: spread(of('backends')[name]), unit: 'us' });
    add({ name: `holds in a commit, ${label}`, value: spread(of('perCommit')[name]) });
  }
  for (const [what, label] of [['rate', 'holds a second'], ['service', 'CPU of a hold, both processes'], ['backends', 'CPU of a hold in PostgreSQL']]) {
    add({ name: `${label}: two owners of one`, value: ratio(of(what), 'two', 'one'), unit: 'x' });
    add({ name: `${label}: null against null, one owner and itself`, value: ratio(of(what), 'again', 'one'), unit: 'x' });
  }
}

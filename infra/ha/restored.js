// restored.js: both databases, all Redis and all fronts are lost at once, and come back from the backup and the copy
// of the line, on the installation as it is: Patroni, Sentinel, users of Redis, an edge that moves. Nothing that was
// archived and copied may be missing.

import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../../tests/lib-js/wait.js';

const ARCHIVED_MS = 60_000;

const primary = async (site) => site.machine((await until('a primary', async () => {
  const roles = await site.roles();
  return roles.postgres !== null && !roles.postgres.includes('+') && roles;
}, { timeoutMs: ARCHIVED_MS })).postgres);

export async function backedUp(site) {
  const machine = await primary(site);
  site.recover(machine, 'begin');
  site.recover(machine, 'backup', 'full');
  // The timer of the other machine makes none.
  site.recover(site.named('pg').find((other) => other !== machine), 'backup', 'incr');
}

// The newest WAL, into the repository; the line, into a folder.
async function kept(site, folder) {
  const machine = await primary(site);
  const segment = site.sql('postgres', 'SELECT pg_walfile_name(pg_switch_wal());');
  await until('the archive to have all', () => site.sql('postgres', `SELECT last_archived_wal >= '${segment}' FROM pg_stat_archiver;`) === 't', { timeoutMs: ARCHIVED_MS });
  site.recover(site.machine('store2'), 'line-save', folder);
  return machine;
}

export async function lostAndRestored(site) {
  const folder = join(site.dir, 'copies');
  const machine = await kept(site, folder);
  const [stores, databases, fronts] = ['store', 'pg', 'front'].map((prefix) => site.named(prefix));
  for (const each of [...databases, ...stores, ...fronts]) each.powerOff();
  for (const each of databases) rmSync(each.path('pg/data'), { recursive: true });
  for (const each of stores) rmSync(each.path('redis/appendonlydir'), { recursive: true });

  const copy = join(folder, readdirSync(folder).filter((name) => name.endsWith('.rdb')).sort().at(-1));
  for (const each of stores) {
    site.recover(each, 'line-load', copy);
    await each.powerOn();
  }
  await machine.powerOn([]); // its network, and no Patroni
  await until('etcd to answer', () => {
    try {
      return site.recover(machine, 'restore') !== null;
    } catch (error) {
      if (!/patronictl/.test(error.stderr)) throw error;
      return false;
    }
  }, { timeoutMs: ARCHIVED_MS, everyMs: 500 });
  await machine.powerOn();
  site.recover(machine, 'opened');
  for (const each of [...databases.filter((other) => other !== machine), ...fronts]) await each.powerOn();
  await site.whole();
}

// --migrate: the program alone upgrades a database before a rollout, without listening.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openProxy, openScope, programPath, ROOT, runBeside, startPostgres, until } from '../lib-js/index.js';

const scope = openScope(test);
const PROGRAMS = {
  'seat-service': { schema: 'seats', setting: 'FAIRGATE_POSTGRES_CONNINFO', more: { FAIRGATE_HOLDS_KEYS_FILE: '/none', FAIRGATE_PASSES_KEYS_FILE: '/none' } },
  'payment-adapter': { schema: 'pay', setting: 'FAIRGATE_DATABASE_CONNINFO', more: { FAIRGATE_KEYS_TICKETS: '/none', FAIRGATE_KEYS_SERVICE_TOKEN: '/none', FAIRGATE_SSO_JWKS_URL: 'http://localhost/', FAIRGATE_PSP_STRIPE_URL: 'http://localhost', FAIRGATE_PSP_STRIPE_KEY: '/none', FAIRGATE_PSP_STRIPE_WEBHOOK_SECRET: '/none' } },
};
const postgres = await startPostgres(scope, { databases: Object.keys(PROGRAMS) });

for (const [program, { schema, setting, more }] of Object.entries(PROGRAMS)) {
  const settings = (conninfo) => ({ FAIRGATE_HTTP_PORT: '0', FAIRGATE_PRIVATE_PORT: '0', FAIRGATE_PRIVATE_TOKEN_FILE: '/none', [setting]: conninfo, ...more });
  const migrate = (conninfo) => runBeside(program, ['--migrate'], { env: settings(conninfo) });

  test(`${program} migrates its database, and a second run changes nothing`, async () => {
    for (let time = 0; time < 2; time += 1) {
      const { status, stdout, stderr } = await migrate(postgres.conninfo(program));
      assert.deepEqual([status, stdout], [0, `${program}: the database is as this program wants it\n`], stderr);
    }
    const steps = readdirSync(join(ROOT, program, 'sql')).filter((name) => /^\d{3}_.*\.sql$/.test(name)).length;
    assert.equal(Number(postgres.sql(`SELECT count(*) FROM ${schema}.migration`, program)), steps);
    const unlogged = postgres.sql("SELECT relname FROM pg_class WHERE relkind = 'S' AND relpersistence = 'u'", program);
    assert.equal(unlogged, '', 'a replica that is promoted before its first restartpoint cannot read them');
  });

  test(`${program} accepts a newer schema only if it is compatible`, async () => {
    const further = (oldest) => postgres.sql(`INSERT INTO ${schema}.migration (step, name, checksum, oldest) SELECT max(step) + 1, 'later', '', ${oldest} FROM ${schema}.migration`, program);
    further('max(step)');
    assert.equal((await migrate(postgres.conninfo(program))).status, 0);
    further('max(step) + 1');
    const { status, stderr } = await migrate(postgres.conninfo(program));
    assert.equal(status, 1);
    assert.match(stderr, /the database is at step \d+ and newer than this program/);
  });

  test(`${program} reports a missing database`, async () => {
    const { status, stderr } = await migrate(`host=${postgres.socketDir} port=${postgres.port} dbname=nowhere user=postgres connect_timeout=5`);
    assert.equal(status, 1);
    assert.match(stderr, /nowhere/);
  });

  test(`${program} waits for a PostgreSQL that starts after it`, async (t) => {
    const wire = await openProxy(openScope(t), { to: { path: `${postgres.socketDir}/.s.PGSQL.${postgres.port}` } });
    wire.fault('reset');
    const migrated = migrate(`host=127.0.0.1 port=${wire.port} dbname=postgres user=postgres`);
    await until('it was refused often', () => wire.met.reset > 3);
    wire.heal();
    const { status, stderr } = await migrated;
    assert.deepEqual([status, stderr], [0, 'No connection to PostgreSQL. Retrying for up to 30 s.\n']);
  });

  test(`${program} ends at SIGTERM while it waits for PostgreSQL, also as a container's first process`, async (t) => {
    const own = openScope(t);
    const wire = await openProxy(own, { to: { path: `${postgres.socketDir}/.s.PGSQL.${postgres.port}` } });
    wire.fault('reset');
    const container = own.spawn('container', ['unshare', '--pid', '--kill-child', programPath(program), '--migrate'], { env: settings(`host=127.0.0.1 port=${wire.port} dbname=postgres user=postgres`) });
    await until('it was refused', () => wire.met.reset > 1);
    process.kill(Number(readFileSync(`/proc/${container.pid}/task/${container.pid}/children`, 'latin1')), 'SIGTERM');
    await container.ends();
    assert.equal(container.exit.code, 128 + 15);
  });
}

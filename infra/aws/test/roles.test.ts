// Runs the task that creates the databases' roles, with a real PostgreSQL whose owner has the rights of Aurora's: it owns
// the databases and may create roles, but is no superuser. It runs twice, as after a new password.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ROOT } from '../src/sale.js';
import { ofType, templates } from './made.js';

interface Server {
  port: number;
  socketDir: string;
  sql: (text: string) => unknown;
}

interface Lib {
  openScope: (t: TestContext) => { tempDir: (name: string) => string };
  startPostgres: (scope: unknown) => Promise<Server>;
  psqlPath: () => string;
}

const DATABASES = ['seat_service', 'payment_adapter'];

test('roles are made with the rights of their own database and of no other, and get a new password', { timeout: 300_000 }, async (t) => {
  const { openScope, startPostgres, psqlPath } = (await import(join(ROOT, 'tests/lib-js/index.js'))) as Lib;
  const scope = openScope(t);
  const server = await startPostgres(scope);
  server.sql('CREATE ROLE fairgate_owner LOGIN CREATEROLE CREATEDB');
  for (const name of DATABASES) server.sql(`CREATE DATABASE ${name} OWNER fairgate_owner`);

  const definition = ofType(templates().first, 'AWS::ECS::TaskDefinition').find(([, { Properties }]) => (Properties.Family as string).endsWith('-roles'))![1].Properties;
  const [{ Command, Secrets }] = definition.ContainerDefinitions as [{ Command: [string, string, { 'Fn::Join': ['', unknown[]] }]; Secrets: { Name: string }[] }];
  assert.deepEqual(Secrets.map(({ Name }) => Name).sort(), ['CA', ...DATABASES.flatMap((name) => [`OWNER_${name}`, `ROLE_${name}`].map((one) => one.toUpperCase()))].sort());
  const script = Command[2]['Fn::Join'][1].map((part) => (typeof part === 'string' ? part : 'AURORA')).join('')
    .replaceAll(/host=AURORA port=\d+ (dbname=\S+ user=\S+) sslmode=verify-full sslrootcert=\S+?"/g, `host=${server.socketDir} port=${server.port} $1"`)
    .replaceAll('/tmp/ca.pem', join(scope.tempDir('ca-'), 'ca.pem'));
  assert.doesNotMatch(script, /AURORA/);
  const env = { ...process.env, PATH: `${dirname(psqlPath())}:${process.env['PATH']}`, ...Object.fromEntries(Secrets.map(({ Name }) => [Name, `it's-${Name}`])) };
  for (const time of ['first', 'second']) {
    const { status, stderr } = spawnSync(Command[0], [Command[1], script], { env, encoding: 'utf8' });
    assert.equal(status, 0, `${time}: ${stderr}`);
  }

  const as = (role: string, database: string, text: string) =>
    spawnSync(psqlPath(), ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', `host=${server.socketDir} port=${server.port} dbname=${database} user=${role}`, '-c', text], { encoding: 'utf8' });
  for (const role of DATABASES) {
    const other = DATABASES.find((name) => name !== role)!;
    const own = as(role, role, 'CREATE SCHEMA own; CREATE TABLE public.t (n int); SELECT count(*) FROM public.t');
    assert.deepEqual([own.status, own.stdout.trim()], [0, '0'], own.stderr);
    assert.match(as(role, other, 'SELECT 1').stderr, /permission denied for database/);
    assert.equal(as('postgres', 'postgres', `SELECT rolpassword LIKE 'SCRAM%' AND NOT rolsuper AND NOT rolcreatedb AND NOT rolcreaterole FROM pg_authid WHERE rolname = '${role}'`).stdout.trim(), 't');
  }
});

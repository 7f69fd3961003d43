// A private PostgreSQL on a unix socket and a port. The server refuses to run as root; then it runs as `postgres`, a user of
// Debian's package.

import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './ports.js';
import { until } from './wait.js';

const AS_ROOT = process.getuid() === 0;
const USER = AS_ROOT ? 'postgres' : null;
const AS_USER = AS_ROOT ? ['setpriv', '--reuid', USER, '--regid', USER, '--clear-groups'] : [];

// A statement that takes longer waits for a lock that is never released.
const SQL_MAX_MS = 120_000;

// The program folder of the newest installed server.
export function postgresBin() {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).map(Number).sort((a, b) => b - a) : [];
  const found = versions.map((v) => `${root}/${v}/bin`).find((bin) => existsSync(`${bin}/postgres`));
  if (found === undefined) throw new Error('no PostgreSQL server below /usr/lib/postgresql');
  return found;
}

// That server's own client. The psql in PATH is Debian's wrapper script for it, and takes five times as long.
export const psqlPath = () => join(postgresBin(), 'psql');

// Makes a cluster by copying one.
export const CLUSTER = fileURLToPath(new URL('cluster', import.meta.url));

// startPostgres(scope, {settings, databases: ['seats']}) returns a Postgres that answers. Superuser "postgres", no password
// (the socket's folder is private; TCP only from 127.0.0.1). With a `disk` (disk.js) its data is there, with real syncs;
// with a `clock` (clock.js) it uses that clock.
export async function startPostgres(scope, { settings = {}, port = null, databases = [], disk = null, clock = null } = {}) {
  const postgres = new Postgres(scope, settings, port ?? (await freePort()), disk, clock);
  postgres.initdb();
  await postgres.start();
  for (const name of databases) postgres.sql(`CREATE DATABASE "${name}"`);
  return postgres;
}

// Starts a replica of it, under the name in synchronous_standby_names.
export async function startPostgresReplica(scope, primary, settings = {}) {
  const replica = new Postgres(scope, { ...settings, hot_standby: 'on' }, await freePort());
  const from = `${primary.conninfo()} application_name=second`;
  const argv = [`${primary.bin}/pg_basebackup`, '-D', replica.data, '-R', '-X', 'stream', '-c', 'fast', '-d', from];
  const [program, ...rest] = [...AS_USER, ...argv];
  execFileSync(program, rest, { cwd: '/', stdio: 'pipe' });
  chmodSync(replica.data, 0o700);
  await replica.start();
  return replica;
}

class Postgres {
  constructor(scope, settings, port, disk = null, clock = null) {
    this.scope = scope;
    this.settings = settings;
    this.port = port;
    this.bin = postgresBin();
    this.dir = scope.tempDir('pg-');
    this.disk = disk;
    this.clock = clock;
    this.data = join(disk?.dir ?? this.dir, 'data');
    this.socketDir = this.dir;
    this.child = null;
    if (AS_ROOT) execFileSync('chown', [USER, this.dir]);
    chmodSync(this.dir, 0o755);
  }

  // libpq's conninfo of a database for a role, for config files.
  conninfo(database = 'postgres', user = 'postgres') {
    return `host=${this.socketDir} port=${this.port} dbname=${database} user=${user}`;
  }

  // Needed on a disk that can lose power, and for measurements.
  #isDurable() {
    return this.disk !== null || process.env.FAIRGATE_DURABLE !== undefined;
  }

  initdb() {
    if (this.#isDurable()) this.#make();
    else execFileSync(CLUSTER, [this.bin, this.data]);
  }

  #make() {
    mkdirSync(this.data, { recursive: true });
    if (AS_ROOT) execFileSync('chown', [USER, this.data]);
    const argv = [`${this.bin}/initdb`, '-D', this.data, '-U', 'postgres', '-A', 'trust'];
    argv.push('-E', 'UTF8', '--locale=C.UTF-8', '--no-instructions');
    const [program, ...rest] = [...AS_USER, ...argv];
    const done = spawnSync(program, rest, { encoding: 'utf8', cwd: '/' });
    if (done.status !== 0) throw new Error(`initdb: ${done.stderr}${done.stdout}`);
  }

  async start() {
    const settings = {
      port: this.port,
      listen_addresses: '127.0.0.1',
      unix_socket_directories: this.socketDir,
      max_connections: 60,
      shared_buffers: '64MB',
      // The kernel keeps what its processes wrote, even if they die.
      ...(this.#isDurable() ? {} : { fsync: 'off' }),
      ...this.settings,
    };
    const argv = Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
    this.child = this.scope.spawn(
      `postgres-${this.port}`,
      [`${this.bin}/postgres`, '-D', this.data, ...argv],
      // SIGINT: fast shutdown; SIGQUIT: immediate, should the test runner itself be killed.
      { user: USER, cwd: '/', endSignal: 'SIGINT', deathSignal: 'QUIT', stays: true, env: this.clock?.env },
    );
    this.child.mayEnd = this.disk !== null; // it may die if its disk fails
    await until(
      'postgres to answer',
      () => {
        this.child.assertRunning();
        return this.#isReady();
      },
      { timeoutMs: 120_000, everyMs: 20 },
    );
  }

  // Reads the server's own pid file, which costs neither a client nor a backend. The file of a dead server has another pid.
  #isReady() {
    const path = join(this.data, 'postmaster.pid');
    if (!existsSync(path)) return false;
    const lines = readFileSync(path, 'utf8').split('\n');
    return Number(lines[0]) === this.child.pid && lines[7]?.trim() === 'ready';
  }

  // Stops it in order ("fast": cuts connections, writes everything).
  async stop() {
    await this.child.stop('SIGINT', 60_000);
  }

  // Kills the disk at once, then the server; unsynced data is lost when power comes back, except `keep` percent of it.
  async powerCut(survivors) {
    this.disk.cut();
    await this.kill();
    this.disk.powerOn(survivors);
  }

  // Kills the postmaster and every backend at once. The kernel lives on and keeps unsynced writes: this is no power cut.
  async kill() {
    const family = this.backendPids();
    this.child.signal('SIGKILL');
    for (const pid of family) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // it exited by itself
      }
    }
    await this.child.kill();
    await until('every backend to be gone', () => family.every((pid) => !existsSync(`/proc/${pid}`)));
  }

  // Children of the postmaster, from the kernel's list.
  backendPids() {
    const path = `/proc/${this.child.pid}/task/${this.child.pid}/children`;
    return readFileSync(path, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  }

  // A query's rows as plain text, columns separated by `|`; throws the server's message on an error.
  sql(text, database = 'postgres', user = 'postgres') {
    const done = this.trySql(text, database, user);
    if (done.status !== 0) throw new Error(`psql: ${done.error ?? done.stderr}`);
    return done.stdout.trimEnd();
  }

  // A query's rows as objects.
  rows(query, database = 'postgres') {
    const json = this.sql(`SELECT coalesce(json_agg(q), '[]') FROM (${query}) q`, database);
    return JSON.parse(json);
  }

  trySql(text, database = 'postgres', user = 'postgres') {
    const argv = ['-h', this.socketDir, '-p', String(this.port), '-U', user, '-d', database];
    return spawnSync(`${this.bin}/psql`, [...argv, '-XAtq', '-v', 'ON_ERROR_STOP=1', '-f', '-'], {
      input: text,
      encoding: 'utf8',
      timeout: SQL_MAX_MS,
    });
  }
}

// place.js: a whole stack with backups as in recover's files, and the failures of its stores. It has its own ports, folders,
// repository and copies. The shop's database is a separate server: it belongs to the company, and keeps what we lose.

import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, chmodSync, mkdirSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { letIn } from '../../tests/lib-js/crowd.js';
import { client } from '../../tests/lib-js/http.js';
import { postgresBin, startPostgres } from '../../tests/lib-js/postgres.js';
import { ROOT } from '../../tests/lib-js/service.js';
import { buildWithLimits, openStack } from '../../tests/lib-js/stack.js';
import { until } from '../../tests/lib-js/wait.js';
import { completed } from '../ha/fairgate.js';

const execute = promisify(execFile);
const BIN = join(process.env.FAIRGATE_BUILD_DIR ?? join(ROOT, 'build/release'), 'bin');
const HERE = join(ROOT, 'infra/recover');
const READY_MS = 120_000;
const LIMITS = { max_per_buyer: 0, hold_ttl_s: 60, hold_max_s: 300 };
const OWNER = process.getuid() === 0 ? 'postgres' : null;
const read = (name) => readFileSync(join(HERE, name), 'utf8');

// Runs a program next to the stack as PostgreSQL's user.
const asOwner = (argv) => (OWNER === null ? argv : ['setpriv', '--reuid', OWNER, '--regid', OWNER, '--clear-groups', '--', ...argv]);

export class Place {
  bin = BIN;
  event = 'demo';
  waiting = 'wait'; // an event that has a line and no seats

  constructor(scope) {
    this.scope = scope;
    this.folders = 0;
  }

  async open() {
    this.dir = this.scope.tempDir('place-');
    chmodSync(this.dir, 0o711);
    await this.#company();
    this.stack = await openStack(this.scope, { cluster: 'usual', env: { FAIRGATE_BUILD_DIR: this.#build(), FAIRGATE_QUEUE_FRONTS: '2', FAIRGATE_EDGE_TRUSTED: '127.0.0.1', FAIRGATE_UP_TIMEOUT_S: '150' } });
    this.stack.timeoutMs = 400_000;
    this.fronts = ['queue-front', 'queue-front-2'];
    await this.stack.up();
    for (const part of ['postgres', 'redis', ...this.fronts, 'seats-feed']) this.stack.mayDie(part);
    // A process whose journal is shorter than its answers ends, and starts again with the restored state.
    this.stack.mayDie('seat-service', 'status 1', 4);
    this.visitors = { host: '127.0.0.1', port: this.stack.base };
    const knobs = { rate_per_s: 50, burst: 50, max_active: 0, session_ttl_s: 1800, joins_per_ip_per_min: 10_000, pow_bits: 0 };
    await letIn(this.stack, this.event, knobs);
    await this.#secondEvent({ ...knobs, rate_per_s: 1, burst: 1 });
    await this.#backedUp();
  }

  users() {
    return JSON.parse(this.stack.read('demo-users.json'));
  }

  async #company() {
    this.company = await startPostgres(this.scope, { databases: ['demo_shop'] });
    this.company.sql('CREATE ROLE demo_shop LOGIN; CREATE ROLE fairgate_reader LOGIN; ALTER DATABASE demo_shop OWNER TO demo_shop');
    this.company.sql('GRANT ALL ON SCHEMA public TO demo_shop; GRANT USAGE ON SCHEMA public TO fairgate_reader', 'demo_shop');
  }

  // The built programs, but with a separate server for the shop's database, and a smaller hall.
  #build() {
    const own = {
      'demo-shop': `FAIRGATE_DATABASE_CONNINFO='${this.company.conninfo('demo_shop', 'demo_shop')}'`,
      'payment-adapter': `FAIRGATE_USERS_CONNINFO='${this.company.conninfo('demo_shop', 'fairgate_reader')}'`,
    };
    const build = buildWithLimits(this.scope, LIMITS, { names: readdirSync(BIN).filter((each) => !(each in own)), from: BIN, hall: 'arena' });
    for (const [name, setting] of Object.entries(own)) writeFileSync(join(build, 'bin', name), `#!/bin/sh\n${setting} exec ${BIN}/${name} "$@"\n`, { mode: 0o755 });
    return build;
  }

  secret(name) {
    return this.stack.secret(name);
  }

  rows(database, query) {
    return database === 'demo_shop' ? this.company.rows(query, database) : this.stack.rows(database, query);
  }

  admin(part) {
    return this.stack.admin(part);
  }

  async #secondEvent(knobs) {
    const queue = this.admin('queue');
    for (const answer of [await queue.put(`/admin/events/${this.waiting}`, { body: { name: 'A night to wait for', ...knobs } }), await queue.post(`/admin/events/${this.waiting}/actions/open`, { body: { without: ['hall'] } })])
      if (answer.status >= 300) throw new Error(`the second event: ${answer.status} ${answer.text}`);
  }

  // ---- backups ------------------------------------------------------------------------------------------

  // A folder that PostgreSQL's user can write to.
  owned(name) {
    const path = join(this.dir, name);
    mkdirSync(path, { mode: 0o700 });
    if (OWNER !== null) execFileSync('chown', [OWNER, path]);
    return path;
  }

  #settings() {
    const { stack } = this;
    this.socket = realpathSync(join(stack.dir, 'postgres'));
    this.data = join(this.socket, 'data');
    this.wal = join(this.owned('disk-of-wal'), 'pg_wal');
    this.repository = this.owned('repository');
    this.config = join(this.dir, 'pgbackrest.conf');
    const word = execFileSync(join(HERE, 'recover'), ['secret'], { encoding: 'utf8' }).trim();
    writeFileSync(this.config, completed(read('pgbackrest.conf'), [
      ['repo1-path=/var/lib/pgbackrest', `repo1-path=${this.repository}\nlog-path=${this.owned('log')}\nlock-path=${this.owned('lock')}`],
      ['CIPHER_PASS', word],
      ['/var/spool/pgbackrest', this.owned('spool')],
      ['pg1-path=/var/lib/postgresql/15/main', `pg1-path=${this.data}`],
      ['pg1-port=5432', `pg1-port=${stack.base + 7}`],
      ['/var/run/postgresql', this.socket],
    ]), { mode: 0o640 });
    if (OWNER !== null) execFileSync('chown', [OWNER, this.config]);
    const at = (offset) => `http://127.0.0.1:${stack.base + offset}`;
    writeFileSync(join(this.dir, 'recover.conf'), completed(read('recover.conf'), [
      ['PGBACKREST_CONFIG=/etc/pgbackrest.conf', `PGBACKREST_CONFIG=${this.config}`],
      ['PG_OWNER=postgres', `PG_OWNER=${OWNER ?? process.env.USER}`],
      ['PG_DATA=/var/lib/postgresql/15/main', `PG_DATA=${this.data}`],
      ['PG_WAL=', `PG_WAL=${this.wal}`],
      ['host=/var/run/postgresql ', `host=${this.socket} port=${stack.base + 7} user=postgres `],
      ['/run/redis/redis-server.sock', join(stack.dir, 'redis.sock')],
      ['REDIS_DATA=/var/lib/redis', `REDIS_DATA=${join(stack.dir, 'redis')}`],
      ['https://api.stripe.com', at(4)],
      ['/etc/fairgate/secrets/psp-key', join(stack.dir, 'secrets/psp-key')],
      ['https://shop.example', at(5)],
      ['/etc/fairgate/secrets/shop-api-key', join(stack.dir, 'secrets/shop-api-key')],
    ]), { mode: 0o600 });
  }

  // The output of `recover`; an error contains all of it.
  async recover(...words) {
    const env = {
      ...process.env, FAIRGATE_RECOVER_CONF: join(this.dir, 'recover.conf'),
      FAIRGATE_PROFILES: join(this.stack.dir, 'fairgate.profiles'), PATH: `${BIN}:${postgresBin()}:${process.env.PATH}`,
    };
    try {
      return (await execute(join(HERE, 'recover'), words, { env, maxBuffer: 1 << 26 })).stdout.trimEnd();
    } catch (error) {
      throw Object.assign(new Error(`recover ${words.join(' ')}: ${error.stdout}${error.stderr}`), { said: error.stdout });
    }
  }

  // The lines of archive.conf, adapted to this server.
  async #backedUp() {
    this.#settings();
    for (const [, name, value] of read('archive.conf').matchAll(/^([a-z_]+) = '?([^'\n]*)'?$/gm))
      this.stack.sql('postgres', `ALTER SYSTEM SET ${name} = '${value.replace('pgbackrest ', `pgbackrest --config=${this.config} `)}'`);
    appendFileSync(join(this.data, 'hba.conf'), 'local replication postgres trust\n'); // for the receiver
    await this.stack.without('postgres', () => {
      execFileSync('mv', [join(this.data, 'pg_wal'), this.wal]);
      symlinkSync(this.wal, join(this.data, 'pg_wal'));
    });
    await this.databaseOpen();
    await this.recover('begin');
    await this.recover('backup', 'full');
  }

  // The newest WAL in the repository.
  archived() {
    return JSON.parse(execFileSync(...this.#info(), { encoding: 'utf8' }))[0].archive.at(-1).max;
  }

  #info() {
    const [program, ...words] = asOwner(['pgbackrest', `--config=${this.config}`, '--stanza=fairgate', '--output=json', 'info']);
    return [program, words];
  }

  // Makes the repository unreachable until it is given back. WAL waits to be sent.
  cutRepository() {
    renameSync(this.repository, `${this.repository}.away`);
    return () => renameSync(`${this.repository}.away`, this.repository);
  }

  // Streams all WAL into a folder of another machine; from now on commits wait for it.
  async receive() {
    const folder = join(this.dir, `received-${this.folders += 1}`);
    const env = { FAIRGATE_RECOVER_CONF: join(this.dir, 'recover.conf') };
    const child = this.scope.spawn(`receive-${this.folders}`, [join(HERE, 'recover'), 'receive', folder, `host=${this.socket} port=${this.stack.base + 7} user=postgres`], { env });
    child.mayEnd = true; // it ends with its server
    await this.#standby('fairgate_wal');
    await until('the receiver to be in step', () => this.stack.sql('postgres', "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") === '1');
    return folder;
  }

  async #standby(names) {
    this.stack.sql('postgres', `ALTER SYSTEM SET synchronous_standby_names = '${names}'`);
    this.stack.sql('postgres', 'SELECT pg_reload_conf()');
  }

  // ---- parts --------------------------------------------------------------------------------------------

  kill(...parts) {
    return this.stack.takeAway(...parts);
  }

  begin(...parts) {
    this.stack.begin(...parts);
  }

  wipeData() {
    rmSync(this.data, { recursive: true });
  }

  wipeDatabase() {
    this.wipeData();
    rmSync(this.wal, { recursive: true });
  }

  wipeRedis() {
    rmSync(join(this.stack.dir, 'redis', 'appendonlydir'), { recursive: true });
  }

  databaseOpen() {
    const asked = [join(postgresBin(), 'pg_isready'), '-q', '-h', this.socket, '-p', String(this.stack.base + 7)];
    return until('PostgreSQL to be open', () => spawnSync(asked[0], asked.slice(1)).status === 0 && this.stack.sql('postgres', 'SELECT pg_is_in_recovery()') === 'f', { timeoutMs: READY_MS });
  }

  // Every part, with everything it needs.
  serving() {
    return until('every part to be ready', async () => {
      const ready = await Promise.all([11, 31, 12, 13].map((offset) => client({ port: this.stack.base + offset, timeoutMs: 2000 }).get('/readyz').catch(() => null)));
      return ready.every((answer) => answer?.status === 200);
    }, { timeoutMs: READY_MS, everyMs: 50 });
  }

  // Every front knows the event: a front that did not make it may take a second.
  knows(event) {
    return until(`every front to know ${event}`, async () => {
      const answers = await Promise.all([1, 21].map((offset) => client({ port: this.stack.base + offset, timeoutMs: 2000 }).get(`/v1/queue/${event}/status`).catch(() => null)));
      return answers.every((answer) => answer?.status === 200);
    }, { timeoutMs: READY_MS, everyMs: 50 });
  }

  // Inserts missing rows into a table, in COPY's format.
  load(database, table, rows) {
    const columns = this.stack.sql(database, `SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute
      WHERE attrelid = '${table}'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''`);
    const text = `CREATE TEMP TABLE back AS SELECT ${columns} FROM ${table} LIMIT 0;\nCOPY back FROM STDIN;\n${rows}\\.\nINSERT INTO ${table} (${columns}) SELECT * FROM back ON CONFLICT DO NOTHING;\n`;
    execFileSync(join(postgresBin(), 'psql'), ['-h', this.socket, '-p', String(this.stack.base + 7), '-U', 'postgres', '-d', database, '-XAtq', '-v', 'ON_ERROR_STOP=1'], { input: text });
  }

  // Runs `work` on a second server with restored data, next to the first.
  async beside(data, work) {
    const port = this.stack.base + 9;
    const own = { data_directory: data, hba_file: join(data, 'hba.conf'), port, unix_socket_directories: this.socket, archive_mode: 'off' };
    const argv = [join(postgresBin(), 'postgres'), '-D', data, ...Object.entries(own).flatMap(([key, value]) => ['-c', `${key}=${value}`])];
    const child = this.scope.spawn('beside', argv, { user: OWNER, cwd: '/', endSignal: 'SIGINT', deathSignal: 'QUIT', stays: true });
    const psql = (database, ...words) => execFileSync(join(postgresBin(), 'psql'), ['-h', this.socket, '-p', String(port), '-U', 'postgres', '-d', database, '-XAtq', '-v', 'ON_ERROR_STOP=1', ...words], { encoding: 'utf8', maxBuffer: 1 << 28 });
    await until('the copy to be open', () => {
      child.assertRunning();
      return psql('postgres', '-c', 'SELECT pg_is_in_recovery()').trim() === 'f';
    }, { timeoutMs: READY_MS });
    try {
      return await work(psql);
    } finally {
      await child.stop('SIGINT');
    }
  }
}

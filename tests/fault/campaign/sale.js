// One sale that can be broken: a whole stack, in which a script of ours starts each program. The script gives a program
// its wires, wrong clock, crash points or version at its next start.

import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, chmodSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  buildWithLimits, client, delay, freePort, letIn, openClock, openForgetfulDisk, openProxy, openSmallDisk, openStack, postgresBin, psqlPath, ROOT,
  startReplica, startSentinels, targetsOf, until,
} from '../../lib-js/index.js';
import { makeAccounts } from '../../../loadtest/lib/accounts.js';

export const EVENT = 'demo';
export const OURS = ['queue-front', 'queue-front-2', 'seat-service', 'payment-adapter'];
const PROGRAMS = ['queue-front', 'seat-service', 'payment-adapter', 'psp-sandbox', 'demo-shop'];
export const NOW = join(ROOT, 'build/release/bin');
const RENEWED = ['queue-front', 'seat-service', 'payment-adapter'];
const SMALL_MB = { postgres: 176, redis: 16 };
const LOGS_MAX = 40;
const LIMITS = { hold_ttl_s: 15, hold_max_s: 45 };
const READY_MS = 60_000;
const UP_MS = 300_000; // several sales start at the same time

// An older version refuses a setting that it does not know; its operator had a file without it.
const OWN_CONFIG = `if [ -n "$OLDER" ]; then
    own=$2.older.$$
    cp "$2" "$own"
    while line=$("$PROGRAM" --check-config --config "$own" 2>&1 | sed -n "s|.*$own:\\([0-9]*\\): .* is not known.*|\\1|p") && [ -n "$line" ]; do
        sed -i "$line"d "$own"
    done
    set -- "$1" "$own"
fi
`;
const byRoot = process.getuid() === 0 ? ['setpriv', '--reuid', 'postgres', '--regid', 'postgres', '--clear-groups'] : [];
const asPostgres = (...argv) => {
  const [program, ...rest] = [...byRoot, ...argv];
  const done = spawnSync(program, rest, { cwd: '/', encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`${argv[0]}: ${done.stderr}`);
};

// `needs`: {wires: [...], disk: {of, kind}, replica, sentinels, clock: [program], halts: [number],
// begins: folder of programs}
export async function openSale(scope, needs, seed, visitors) {
  const sale = new Sale(scope, needs, seed);
  await sale.open(visitors);
  return sale;
}

class Sale {
  wires = {};
  clocks = {};
  #env = {}; // program -> {NAME: value}
  #bin = {}; // program -> folder

  constructor(scope, needs, seed) {
    this.scope = scope;
    this.needs = needs;
    this.seed = seed;
    this.dir = scope.tempDir('sale-');
  }

  async open(visitors) {
    const build = this.#makeBuild();
    await this.#openDisk(); // before the stack, which ends before it
    this.stack = await openStack(this.scope, { cluster: 'usual', env: { FAIRGATE_BUILD_DIR: build, FAIRGATE_QUEUE_FRONTS: '2', FAIRGATE_UP_TIMEOUT_S: String(UP_MS / 2000) } });
    this.stack.timeoutMs = UP_MS;
    mkdirSync(this.stack.dir, { recursive: true });
    chmodSync(this.stack.dir, 0o711);
    execFileSync(join(ROOT, 'infra/stack/secrets'), [join(this.stack.dir, 'secrets')]);
    await this.#layWires();
    this.#useDisk();
    if (this.needs.replica) await this.#knowBoth();
    for (const name of this.needs.clock ?? []) {
      this.clocks[name] = openClock(this.scope);
      this.setEnv(name, this.clocks[name].env);
    }
    if (this.needs.begins !== undefined) for (const name of RENEWED) this.setVersion(name, this.needs.begins);
    await this.stack.up();
    // The stack's own files were written long before a power cut, so sync them.
    if (this.needs.disk?.of === 'postgres') execFileSync('sync', ['hba.conf', 'postgresql.conf'].map((name) => join(this.stack.dir, 'postgres/data', name)));
    if (this.needs.replica) await this.#follow();
    if (this.needs.sentinels) await this.#watchRedis();
    await letIn(this.stack, EVENT, { rate_per_s: 25, burst: 25, max_active: 250, pow_bits: 6 });
    this.targets = { ...targetsOf(this.stack), users_file: makeAccounts(this.stack, visitors) };
    const fronts = this.frontPorts ?? [1, 21].map((offset) => this.stack.base + offset);
    this.targets.queue = fronts.map((port) => `127.0.0.1:${port}`).join(',');
    for (const [name, wire] of Object.entries(this.edgeWires ?? {})) this.targets[name] = `127.0.0.1:${wire.port}`;
  }

  // ---- programs ----

  #makeBuild() {
    const build = buildWithLimits(this.scope, LIMITS, { names: [], hall: 'theatre' });
    for (const name of PROGRAMS) {
      this.#bin[name] = NOW;
      this.#env[name] = {};
      this.#write(name);
      writeFileSync(join(build, 'bin', name), `#!/bin/sh\n. ${this.dir}/${name}.env\n${OWN_CONFIG}exec "$PROGRAM" "$@"\n`, { mode: 0o755 });
    }
    if (this.needs.halts) writeFileSync(join(this.dir, 'halts'), `${this.needs.halts.join('\n')}\n`);
    return build;
  }

  #write(name) {
    const lines = Object.entries(this.#env[name]).map(([key, value]) => `export ${key}='${value}'`);
    if (this.needs.halts && name === 'payment-adapter') {
      const halts = join(this.dir, 'halts');
      lines.push(`FAIRGATE_SAGA_HALT_AT=$(sed -n 1p ${halts})`, `sed -i 1d ${halts}`,
        '[ -z "$FAIRGATE_SAGA_HALT_AT" ] || export FAIRGATE_SAGA_HALT_AT');
    }
    lines.push(`OLDER=${this.#bin[name] === NOW ? '' : 'yes'}`);
    writeFileSync(join(this.dir, `${name}.env`), `${[...lines, `PROGRAM=${this.#bin[name]}/${name}`].join('\n')}\n`);
  }

  setEnv(name, env) {
    Object.assign(this.#env[name], env);
    this.#write(name);
  }

  setVersion(name, folder = NOW) {
    this.#bin[name] = folder;
    this.#write(name);
  }

  // ---- wires ----

  async #wire(name, port) {
    this.wires[name] = await openProxy(this.scope, { to: { port }, seed: this.seed });
    return this.wires[name];
  }

  async #layWires() {
    const { base } = this.stack;
    for (const name of this.needs.wires ?? []) {
      if (name === 'front-redis') {
        const { port } = await this.#wire(name, base + 6);
        this.setEnv('queue-front', { FAIRGATE_REDIS_PATH: '', FAIRGATE_REDIS_PORT: port });
      } else if (name === 'seats-postgres') {
        const { port } = await this.#wire(name, base + 7);
        this.setEnv('seat-service', { FAIRGATE_POSTGRES_CONNINFO: this.#conninfo([port], 'seat_service', 'seat_service') });
      } else if (name === 'adapter-postgres') {
        const { port } = await this.#wire(name, base + 7);
        this.#adapterAt([port]);
      } else if (name === 'adapter-seats') {
        const [open, internal] = [await this.#wire(name, base + 2), await this.#wire(`${name}, private`, base + 12)];
        this.setEnv('payment-adapter', { FAIRGATE_SEATS_URL: open.url, FAIRGATE_SEATS_INTERNAL_URL: internal.url });
      } else if (name === 'adapter-provider') {
        this.setEnv('payment-adapter', { FAIRGATE_PSP_STRIPE_URL: (await this.#wire(name, base + 4)).url });
      } else if (name === 'adapter-shop') {
        const url = `${(await this.#wire(name, base + 5)).url}/api/orders/import`;
        this.setEnv('payment-adapter', { FAIRGATE_SHOP_URL: url, FAIRGATE_SHOP_LIST_URL: url });
      } else if (name === 'edge-services') {
        this.edgeWires = { seats: await this.#wire('edge-seats', base + 2), pay: await this.#wire('edge-pay', base + 3) };
        const fronts = [await this.#wire('edge-front', base + 1), await this.#wire('edge-front-2', base + 21)];
        this.frontPorts = fronts.map(({ port }) => port);
      } else {
        throw new Error(`a wire ${name}?`);
      }
    }
  }

  #conninfo(ports, database, role, more = '') {
    const file = join(this.stack.dir, 'secrets', `pgpass-wire-${role}`);
    writeFileSync(file, `*:*:*:${role}:${this.stack.secret(`db-${role}`)}\n`, { mode: 0o600 });
    return `host=${ports.map(() => '127.0.0.1')} port=${ports} dbname=${database} user=${role} passfile=${file}${more}`;
  }

  #adapterAt(ports, more = '') {
    this.setEnv('payment-adapter', {
      FAIRGATE_DATABASE_CONNINFO: this.#conninfo(ports, 'payment_adapter', 'payment_adapter', more),
      FAIRGATE_USERS_CONNINFO: this.#conninfo(ports, 'demo_shop', 'fairgate_reader'),
    });
  }

  // ---- disks ----

  async #openDisk() {
    if (!this.needs.disk) return;
    const { of, kind } = this.needs.disk;
    this.disk = kind === 'small' ? openSmallDisk(this.scope, SMALL_MB[of]) : await openForgetfulDisk(this.scope);
  }

  #useDisk() {
    if (!this.needs.disk) return;
    const { of } = this.needs.disk;
    const [home, data] = [join(this.stack.dir, of), join(this.disk.dir, of)];
    if (of === 'redis') {
      mkdirSync(data);
      symlinkSync(data, home);
      return;
    }
    // Its socket is next to its data, and our disk has no sockets: so only the data is on the disk.
    mkdirSync(home, { mode: 0o700 });
    mkdirSync(data, { mode: 0o700 });
    if (byRoot.length > 0) execFileSync('chown', ['postgres', home, data]);
    asPostgres(join(postgresBin(), 'initdb'), '-D', data, '-U', 'postgres', '--auth-local=trust', '--auth-host=reject', '-E', 'UTF8', '--locale=C.UTF-8', '--no-instructions');
    symlinkSync(data, join(home, 'data'));
  }

  // ---- a pair of PostgreSQLs ----

  async #knowBoth() {
    this.replica = { port: await freePort(), dir: this.scope.tempDir('replica-') };
    const ports = [this.stack.base + 7, this.replica.port];
    const writable = ' target_session_attrs=read-write';
    this.setEnv('seat-service', { FAIRGATE_POSTGRES_CONNINFO: this.#conninfo(ports, 'seat_service', 'seat_service', writable) });
    this.#adapterAt(ports, writable);
    this.setEnv('demo-shop', { FAIRGATE_DATABASE_CONNINFO: this.#conninfo(ports, 'demo_shop', 'demo_shop', writable) });
  }

  // Starts a synchronous replica, named as the primary expects.
  async #follow() {
    const { stack, replica } = this;
    const data = join(stack.dir, 'postgres/data');
    appendFileSync(join(data, 'hba.conf'), 'local replication postgres trust\n');
    stack.sql('postgres', 'SELECT pg_reload_conf()');
    chmodSync(replica.dir, 0o711);
    replica.data = join(replica.dir, 'data');
    if (process.getuid() === 0) execFileSync('chown', ['postgres', replica.dir]);
    const from = `host=${join(stack.dir, 'postgres')} port=${stack.base + 7} user=postgres application_name=second`;
    asPostgres(join(postgresBin(), 'pg_basebackup'), '-D', replica.data, '-R', '-X', 'stream', '-c', 'fast', '-d', from);
    const own = { data_directory: replica.data, hba_file: join(replica.data, 'hba.conf'), port: replica.port, unix_socket_directories: replica.dir };
    const argv = [join(postgresBin(), 'postgres'), '-D', replica.data, ...Object.entries(own).flatMap(([key, value]) => ['-c', `${key}=${value}`])];
    replica.child = this.scope.spawn('replica', argv, { user: byRoot.length > 0 ? 'postgres' : null, cwd: '/', endSignal: 'SIGINT', deathSignal: 'QUIT', stays: true });
    stack.sql('postgres', "ALTER SYSTEM SET synchronous_standby_names = 'second'");
    stack.sql('postgres', 'SELECT pg_reload_conf()');
    await until('the replica to be in step', () => stack.sql('postgres', "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") === '1');
  }

  // The primary is dead; promotes its replica.
  async promote() {
    await this.stack.takeAway('postgres');
    this.stack.database = { dir: this.replica.dir, port: this.replica.port };
    this.stack.sql('postgres', 'SELECT pg_promote()');
  }

  // The old primary returns as a replica: it follows the new one from the point where they diverged.
  async rejoin() {
    const data = realpathSync(join(this.stack.dir, 'postgres/data'));
    const from = `host=${this.replica.dir} port=${this.replica.port} user=postgres dbname=postgres`;
    const kept = ['hba.conf', 'postgresql.conf'].map((name) => [join(data, name), readFileSync(join(data, name))]);
    asPostgres(join(postgresBin(), 'pg_rewind'), '-D', data, '--source-server', from, '--no-sync');
    for (const [path, bytes] of kept) writeFileSync(path, bytes);
    writeFileSync(join(data, 'postgresql.auto.conf'), `primary_conninfo = '${from} application_name=first'\n`);
    writeFileSync(join(data, 'standby.signal'), '');
    if (process.getuid() === 0) execFileSync('chown', ['postgres', ...['postgresql.auto.conf', 'standby.signal'].map((name) => join(data, name))]);
    this.stack.begin('postgres');
    await until('the old primary to follow', () => this.stack.sql('postgres', 'SELECT count(*) FROM pg_stat_replication') === '1');
  }

  // ---- Redis with a replica and sentinels ----

  async #watchRedis() {
    const { stack } = this;
    const master = { port: stack.base + 6 };
    this.redisReplica = await startReplica(this.scope, master);
    const sentinels = await startSentinels(this.scope, master, { name: 'line' });
    this.setEnv('queue-front', {
      FAIRGATE_REDIS_PATH: '', FAIRGATE_REDIS_MASTER: 'line',
      FAIRGATE_REDIS_SENTINELS: sentinels.map(({ port }) => `127.0.0.1:${port}`).join(','),
    });
    for (const part of ['queue-front', 'queue-front-2']) await this.renew(part);
  }

  redis(...words) {
    return execFileSync('redis-cli', ['-s', join(this.stack.dir, 'redis.sock'), ...words.map(String)], { encoding: 'utf8' }).trim();
  }

  // ---- parts ----

  // kill -9. The supervisor restarts it.
  kill(part) {
    const gone = this.stack.signal(part, 'SIGKILL');
    this.stack.letStart(part);
    return gone;
  }

  // Restarts the part gracefully, with the current script.
  async renew(part) {
    await this.stack.renew(part, READY_MS);
    await this.ready(part);
  }

  privatePort(part) {
    const { base } = this.stack;
    return { 'queue-front': base + 11, 'queue-front-2': base + 31, 'seat-service': base + 12, 'payment-adapter': base + 13, 'demo-shop': base + 15, 'psp-sandbox': base + 14 }[part];
  }

  ready(part, timeoutMs = READY_MS) {
    const http = client({ port: this.privatePort(part), timeoutMs: 2000 });
    return until(`${part} to be ready`, async () => {
      this.stack.letStart(part);
      return (await http.get('/readyz')).status === 200;
    }, { timeoutMs, everyMs: 100 });
  }

  async allReady() {
    for (const part of [...OURS, 'demo-shop', 'psp-sandbox']) await this.ready(part);
  }

  // Waits until the crowd's first visitor has a place.
  async untilThere() {
    const [port] = this.targets.queue.split(',')[0].split(':').slice(1);
    const front = client({ port: Number(port), timeoutMs: 2000 });
    await until('somebody to have come', async () => (await front.get(`/v1/queue/${EVENT}/status`)).json.issued > 0, { timeoutMs: 120_000, everyMs: 100 });
  }

  #ask(database, text) {
    const { dir = join(this.stack.dir, 'postgres'), port = this.stack.base + 7 } = this.stack.database;
    const argv = ['-h', dir, '-p', String(port), '-U', 'postgres', '-d', database, '-XAtqc', text];
    return new Promise((resolve) => { execFile(psqlPath(), argv, { timeout: 2000 }, (error, stdout) => resolve(error === null ? stdout.trim() : null)); });
  }

  // PostgreSQL has created some log files in advance. Makes it use them all up: so few orders would not fill one. ->
  // how many it had
  async wantLogs() {
    let had = 0;
    while (had < LOGS_MAX && await this.#ask('seat_service', "SELECT pg_logical_emit_message(false, 'x', 'x'); SELECT pg_switch_wal()") !== null) had += 1;
    return had;
  }

  // Waits until a saga is at that step, or the time is up. The sale goes on meanwhile.
  async untilStep(step, timeoutMs) {
    const end = Date.now() + timeoutMs;
    while (Date.now() < end) {
      if (await this.#ask('payment_adapter', `SELECT 1 FROM pay.saga WHERE state < 2 AND step = ${step} LIMIT 1`) === '1') return true;
      await delay(50);
    }
    return false;
  }
}

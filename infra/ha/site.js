// site.js: Fairgate without a single point of failure, on fifteen machines (machines.js):
//
//   edge1 edge2            HAProxy and keepalived: one address for visitors, one for the services inside
//   front1 front2 front3   the waiting room; none leads
//   seats1 seats2          one owns the seats, the other follows; or both share the events (OWNERS=2)
//   pay1 pay2              login, checkout, tickets; both work, by leases
//   store1 store2 store3   Redis (one master, two replicas), Sentinel, etcd
//   pg1 pg2                PostgreSQL, primary and synchronous replica, under Patroni
//   company                the shop and the payment provider, which the drill never breaks
//
// Configs are the shipped ones if there are any (infra/edge, infra/redis, etc/ here), with names and addresses filled in.
// infra/stack/secrets makes one set of secrets for all.

import { execFile, execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { client } from '../../tests/lib-js/http.js';
import { ROOT } from '../../tests/lib-js/service.js';
import { until } from '../../tests/lib-js/wait.js';
import { completed, conf, edgeMade, Fairgate, fileOf, haproxy, pgBin, READY_MS } from './fairgate.js';

const NET = '198.18.77'; // in a network for load tests that is routed nowhere (RFC 2544)
const VISITORS = `${NET}.10`;
const INSIDE = `${NET}.9`;
const MACHINES = {
  edge1: 11, edge2: 12, front1: 21, front2: 22, front3: 23, seats1: 31, seats2: 32, pay1: 41, pay2: 42,
  store1: 51, store2: 52, store3: 53, pg1: 61, pg2: 62, company: 71,
};
const EVENT = 'night';

const execute = promisify(execFile);

// Fills in each name between @. Every value must be used, and no name may remain.
export function filled(text, values) {
  let out = text;
  for (const [name, value] of Object.entries(values)) {
    if (!out.includes(`@${name}@`)) throw new Error(`there is no @${name}@`);
    out = out.replaceAll(`@${name}@`, () => value);
  }
  const left = /@[A-Z_]+@/.exec(out);
  if (left) throw new Error(`${left[0]} is not filled in`);
  return out;
}

export const postmasterOf = (machine) => Number(readFileSync(machine.path('pg/data/postmaster.pid'), 'utf8').split('\n')[0]);

// The lines on TLS in the configs of Redis and Sentinel.
const withTls = (text, folder) => completed(text.replace(/^# (?=port 0$|tls-)/gm, ''), [['/etc/redis/tls', folder]]);

const primaryWatch = (...words) => ['sh', '-c', fileOf('infra/ha/etc/primary-watch'), 'primary-watch', ...words];

export class Site extends Fairgate {
  // `owners`: how many machines share the seats' events; with one, the other follows.
  constructor({ owners = Number(process.env.FAIRGATE_SEAT_OWNERS || 1) } = {}) {
    super('ha', { net: NET, event: EVENT, visitors: { host: VISITORS, port: 8080 } });
    this.owners = owners;
    this.passwords = Object.fromEntries(['redis', 'replica', 'sentinel', 'operator', 'superuser', 'replicator', 'rewinder'].map((name) => [name, randomBytes(18).toString('hex')]));
  }

  // Machines whose names begin with the prefix.
  named(prefix) {
    return [...this.lan.machines.values()].filter(({ name }) => name.startsWith(prefix));
  }

  #addresses(prefix, port) {
    return this.named(prefix).map(({ address }) => `${address}:${port}`).join(',');
  }

  // Makes folders and secrets; there are no machines yet.
  prepare() {
    this.makeSecrets();
    writeFileSync(this.secretPath('redis-password'), this.passwords.redis, { mode: 0o600 });
    for (const [name, last] of Object.entries(MACHINES)) this.lan.add(name, last);
    execFileSync(join(ROOT, 'infra/ha/etc/certificates'), [this.#tlsPath(), ...[...this.lan.machines.values()].map(({ name, address }) => `${name}=${address}`)]);
  }

  #tlsPath(...names) {
    return join(this.dir, 'tls', ...names);
  }

  // Copies a machine's certificate into one of its folders, where its programs may read it.
  certified(machine, folder, own = () => {}) {
    mkdirSync(folder);
    own(folder, 0o700);
    for (const [from, to] of [[`${machine.name}.crt`, 'machine.crt'], [`${machine.name}.key`, 'machine.key'], ['ca.crt', 'ca.crt']]) {
      copyFileSync(this.#tlsPath(from), join(folder, to));
      own(join(folder, to), 0o600);
    }
    return folder;
  }

  // A client of etcd or Patroni, with a certificate as they have.
  #clientOf({ address }, port) {
    const [ca, cert, key] = ['ca.crt', 'company.crt', 'company.key'].map((name) => readFileSync(this.#tlsPath(name)));
    return client({ host: address, port, tls: { ca, cert, key }, timeoutMs: 1000 });
  }

  async open() {
    this.prepare();
    this.lan.open();
    this.#stores();
    this.#databases();
    await this.companyOpen(this.machine('company'));
    await this.#rolesMade();
    this.#edges();
    this.#fronts();
    this.#seats();
    this.#pay();
    await this.whole(READY_MS);
    await this.#eventMade();
    await this.whole(READY_MS);
  }

  // ---- Redis, Sentinel, etcd -------------------------------------------------------------------------

  redisConf(machine, master) {
    const hash = (name) => `#${createHash('sha256').update(this.passwords[name]).digest('hex')}`;
    const zeros = `#${'0'.repeat(64)}`;
    const acl = completed(fileOf('infra/redis/redis-acl.conf'), [
      [`user fairgate on ${zeros}`, `user fairgate on ${hash('redis')}`],
      [`user replica on ${zeros}`, `user replica on ${hash('replica')}`],
      [`user sentinel on ${zeros}`, `user sentinel on ${hash('sentinel')}`],
      ['# user default off', `user operator on ${hash('operator')} allkeys allchannels +@all\nuser default off`],
    ]);
    const redis = completed(withTls(fileOf('infra/redis/redis.conf'), machine.path('tls')), [
      ['/etc/redis/users.acl', machine.path('users.acl')],
      ['/run/redis/redis-server.sock', machine.path('redis.sock')],
      ['dir /var/lib/redis', `dir ${machine.path('redis')}`],
      ['# masterauth PASSWORD', `masterauth ${this.passwords.replica}`],
      ...(machine === master ? [] : [['# replicaof redis-1.example 6379', `replicaof ${master.address} 6379`]]),
    ]);
    return { acl: acl.split('\n').filter((line) => line.startsWith('user ')).join('\n').concat('\n'), redis };
  }

  sentinelConf(machine, master) {
    return completed(withTls(fileOf('infra/redis/sentinel.conf'), machine.path('tls')), [
      ['dir /var/lib/redis', `dir ${machine.path('sentinel')}`],
      ['redis-1.example', master.address],
      ['# sentinel auth-pass line PASSWORD', `sentinel auth-pass line ${this.passwords.sentinel}`],
      [`user fairgate on #${'0'.repeat(64)}`, `user fairgate on #${createHash('sha256').update(this.passwords.redis).digest('hex')}`],
      ['# requirepass PASSWORD', `requirepass ${this.passwords.sentinel}`],
      ['# sentinel sentinel-pass PASSWORD', `sentinel sentinel-pass ${this.passwords.sentinel}`],
    ]);
  }

  #stores() {
    const stores = this.named('store');
    for (const machine of stores) {
      for (const folder of ['redis', 'sentinel', 'etcd']) mkdirSync(machine.path(folder), { mode: 0o700 });
      const tls = this.certified(machine, machine.path('tls'));
      const [cert, key, ca] = ['machine.crt', 'machine.key', 'ca.crt'].map((name) => join(tls, name));
      const { acl, redis } = this.redisConf(machine, stores[0]);
      this.write(machine, 'users.acl', acl);
      machine.run('redis', ['redis-server', this.write(machine, 'redis.conf', redis)]);
      machine.run('sentinel', ['redis-server', this.write(machine, 'sentinel.conf', this.sentinelConf(machine, stores[0])), '--sentinel']);
      const url = (port, address = machine.address) => `https://${address}:${port}`;
      machine.run('etcd', [
        'etcd', '--name', machine.name, '--data-dir', machine.path('etcd'),
        '--listen-client-urls', url(2379), '--advertise-client-urls', url(2379),
        '--listen-peer-urls', url(2380), '--initial-advertise-peer-urls', url(2380),
        '--initial-cluster', stores.map(({ name, address }) => `${name}=${url(2380, address)}`).join(','),
        '--client-cert-auth', '--cert-file', cert, '--key-file', key, '--trusted-ca-file', ca,
        '--peer-client-cert-auth', '--peer-cert-file', cert, '--peer-key-file', key, '--peer-trusted-ca-file', ca,
        '--initial-cluster-state', 'new', '--log-level', 'warn', '--heartbeat-interval', '50', '--election-timeout', '500',
      ]);
    }
  }

  // ['master' | 'slave', ...], as redis-cli prints it.
  async redisRole(machine) {
    const argv = ['-h', machine.address, '--tls', '--cacert', this.#tlsPath('ca.crt'), '--user', 'operator', '--no-auth-warning', 'ROLE'];
    const { stdout } = await execute('redis-cli', argv, { timeout: 1000, env: { ...process.env, REDISCLI_AUTH: this.passwords.operator } });
    return stdout.split('\n');
  }

  // ---- PostgreSQL ----------------------------------------------------------------------------------------

  patroniConf(machine) {
    return filled(fileOf('infra/ha/etc/patroni.yml'), {
      NAME: machine.name, ADDRESS: machine.address, DIR: machine.path('pg'), DATA: machine.path('pg/data'),
      BIN: pgBin(), TLS: machine.path('pg/tls'), NET: `${NET}.0/24`, ETCD: this.#addresses('store', 2379),
      SUPERUSER_PASSWORD: this.passwords.superuser,
      REPLICATOR_PASSWORD: this.passwords.replicator,
      REWINDER_PASSWORD: this.passwords.rewinder,
    }).replace(/pgbackrest .*/, "'true'"); // tests/packages/guide.test.js drills backups, on machines with packages
  }

  #databases() {
    for (const machine of this.named('pg')) {
      this.postgresFolder(machine);
      this.certified(machine, machine.path('pg/tls'), this.ownedByPostgres);
      const path = this.write(machine, 'patroni.yml', this.patroniConf(machine));
      this.ownedByPostgres(path, 0o600);
      machine.run('patroni', ['patroni', path], { user: 'postgres', env: { HOME: machine.path('pg'), PGPASSFILE: '' }, onEnd: () => machine.once(primaryWatch(path, '--own')) }); // as etc/patroni.service.conf
      machine.run('primary-watch', primaryWatch(path), { user: 'postgres' });
    }
  }

  // The result of a query in one of the databases, whichever machine is primary.
  sql(database, text) {
    const company = this.machine('company');
    if (database === 'demo_shop') return this.sqlOn(company, database, text);
    const where = `host=${this.#databaseHosts()} dbname=${database} user=postgres target_session_attrs=read-write connect_timeout=2`;
    return this.psql(company, ['-d', where], text, { PGPASSWORD: this.passwords.superuser });
  }

  #databaseHosts() {
    return this.named('pg').map(({ address }) => address).join(',');
  }

  patroni(machine) {
    return this.#clientOf(machine, 8008);
  }

  async #databaseOf(role, name, first) {
    this.sql(first, this.roleText(role));
    this.sql(first, `GRANT pg_read_all_stats TO ${role};`);
    this.sql(first, `CREATE DATABASE ${name} OWNER ${role};`);
    // A replica without the database yet would keep rejecting what the primary accepts.
    await until(`${name} at both`, () => this.sql(name, 'SELECT 1;') === '1');
    this.sql(name, `REVOKE ALL ON DATABASE ${name} FROM PUBLIC; REVOKE CREATE ON SCHEMA public FROM PUBLIC; GRANT ALL ON SCHEMA public TO ${role};`);
  }

  async #rolesMade() {
    // A cluster restarts more than once while it is being made.
    await until('PostgreSQL with its replica', async () => (await this.#replicated()) === null, { timeoutMs: READY_MS, everyMs: 250 });
    for (const role of ['seat_service', 'payment_adapter']) await this.#databaseOf(role, role, 'postgres');
  }

  // ---- edges ------------------------------------------------------------------------------------------

  keepalivedConf(machine) {
    const edges = this.named('edge');
    return filled(fileOf('infra/ha/etc/keepalived.conf'), {
      PORT: '8404', PRIORITY: String(110 - 10 * edges.indexOf(machine)), ADDRESS: machine.address, VISITORS, INSIDE,
      PEER: edges.filter((other) => other !== machine).map(({ address }) => address).join(' '),
    });
  }

  writeEdge(machine, more = {}) {
    const servers = (prefix) => this.named(prefix).map(({ name, address }) => `${name}=${address}`).join(' ');
    const edge = edgeMade(machine, {
      event: EVENT, inside: INSIDE, fronts: servers('front'), seats: servers('seats'), pay: servers('pay'), owners: this.owners > 1 ? 'yes' : 'no', ...more,
    }, `${NET}.1`); // a health check names its client
    return { edge, keepalived: this.write(machine, 'keepalived.conf', this.keepalivedConf(machine)) };
  }

  #edges() {
    for (const machine of this.named('edge')) {
      const { edge, keepalived } = this.writeEdge(machine);
      machine.once(['sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_nonlocal_bind']); // for the inner address, before it is here
      machine.run('haproxy', haproxy(edge));
      machine.run('keepalived', ['keepalived', '-n', '-l', '-P', '-f', keepalived, '-p', machine.path('keepalived.pid'), '-r', machine.path('vrrp.pid')]);
    }
  }

  async #hasAddress(machine) {
    const { stdout } = await execute('ip', ['-n', machine.namespace, '-o', '-4', 'addr', 'show', 'dev', 'eth0']);
    return stdout.includes(`${VISITORS}/`);
  }

  // ---- services --------------------------------------------------------------------------------------------

  #sections(machine) {
    return this.sections(machine, { inside: INSIDE, trusted: this.named('edge').map(({ address }) => address).join(','), databases: this.#databaseHosts(), ca: this.#tlsPath('ca.crt') });
  }

  frontConf(machine) {
    const { front } = this.#sections(machine);
    return conf({
      ...front,
      redis: {
        sentinels: this.#addresses('store', 26379), master: 'line', user: 'fairgate', password_file: this.secretPath('redis-password'), tls: true, tls_ca: this.#tlsPath('ca.crt'),
        sentinel_user: 'fairgate', sentinel_password_file: this.secretPath('redis-password'),
      },
      visits: {
        ...front.visits,
        served_by: this.named('seats').map(({ address }) => `http://${address}:8092/metrics`).join(','),
        paid_at: this.named('pay').map(({ address }) => `http://${address}:8093/readyz`).join(','),
      },
    });
  }

  seatsConf(machine) {
    return conf({
      ...this.#sections(machine).seats,
      journal: { instance: machine.name }, // the edges' name for it
      ...(this.owners > 1 && { owner: { owners: this.owners, address: `${machine.address}:8082`, private_address: `${machine.address}:8092` } }),
    });
  }

  payConf(machine) {
    return conf(this.#sections(machine).pay);
  }

  #fronts() {
    for (const machine of this.named('front')) this.runService(machine, 'queue-front', this.frontConf(machine));
  }

  #seats() {
    for (const machine of this.named('seats')) this.runService(machine, 'seat-service', this.seatsConf(machine));
  }

  #pay() {
    for (const machine of this.named('pay')) this.runService(machine, 'payment-adapter', this.payConf(machine));
  }

  // Addresses of the private listeners: the owner's and a front's are the inner address.
  admin(part) {
    const [host, port] = { queue: [INSIDE, 8091], seats: [INSIDE, 8092], psp: [this.machine('company').address, 8094], pay: [this.machine('pay1').address, 8093] }[part];
    return client({ host, port, token: this.secret('admin-token'), timeoutMs: 60_000 });
  }

  async #eventMade() {
    // Ready, and up at the edges.
    const must = async (ask, what) => {
      const answer = await until(what, async () => {
        const heard = await ask();
        return heard.status !== 503 && heard.json?.code !== 'sale-incomplete' && heard;
      });
      if (answer.status >= 300) throw new Error(`${what}: ${answer.status} ${answer.text}`);
    };
    await must(() => this.admin('seats').put(`/admin/events/${EVENT}`, { body: this.arena() }), 'the hall');
    const queue = this.admin('queue');
    await must(() => queue.put(`/admin/events/${EVENT}`, { body: { name: 'A night that nothing stops', rate_per_s: 50, burst: 50, max_active: 0, session_ttl_s: 1800, joins_per_ip_per_min: 10_000 } }), 'the event');
    await must(() => queue.post(`/admin/events/${EVENT}/actions/open`, { body: {} }), 'opening it');
    // One front created it; the others learn of it later.
    for (const { address } of this.named('front')) {
      const front = client({ host: address, port: 8081, timeoutMs: 1000 });
      await until('all fronts to have it open', async () => (await front.get(`/v1/queue/${EVENT}/status`)).json?.state === 'open');
    }
  }

  // ---- who does what now, and whether all do --------------------------------------------------------------

  async #ready(machine, port) {
    return (await client({ host: machine.address, port, timeoutMs: 1000 }).get('/readyz').catch(() => null))?.status === 200;
  }

  // {address, seats, redis, postgres, etcd}: the machine with that role, or null.
  async roles() {
    const first = async (machines, does) => {
      const found = await Promise.all(machines.map((machine) => Promise.resolve().then(() => does(machine)).catch(() => false)));
      return machines.filter((_, n) => found[n]).map(({ name }) => name).join('+') || null;
    };
    const on = (prefix) => this.named(prefix).filter((machine) => machine.powered && machine.connected);
    return {
      address: await first(on('edge'), (machine) => this.#hasAddress(machine)),
      seats: await first(on('seats'), (machine) => this.#ready(machine, 8092)),
      redis: await first(on('store'), async (machine) => (await this.redisRole(machine))[0] === 'master'),
      postgres: await first(on('pg'), async (machine) => (await this.patroni(machine).get('/primary')).status === 200),
      etcd: await first(on('store'), async (machine) => {
        const { json } = await this.#clientOf(machine, 2379).post('/v3/maintenance/status', { body: {} });
        return json.header.member_id === json.leader;
      }),
    };
  }

  // null, or what is there instead of a primary and a synchronous replica.
  async #replicated() {
    const asked = await Promise.all(this.named('pg').map((machine) => this.patroni(machine).get('/cluster').catch(() => null)));
    const members = asked.find((answer) => answer?.status === 200)?.json?.members ?? [];
    const runs = (wanted) => members.some(({ role, state }) => role === wanted && ['running', 'streaming'].includes(state));
    return runs('leader') && runs('sync_standby') ? null : `PostgreSQL has ${members.map(({ name, role, state }) => `${name} ${role} ${state}`).join(', ') || 'no members'}`;
  }

  // What is missing until everything has its spare again.
  async missing() {
    const said = [];
    const must = (holds, what) => holds || said.push(what);
    const roles = await this.roles();
    must(/^edge\d$/.test(roles.address ?? ''), `the visitors' address is at ${roles.address}`);
    must(new RegExp(`^seats\\d(\\+seats\\d){0,${this.owners - 1}}$`).test(roles.seats ?? ''), `seats are owned by ${roles.seats}`);
    must(/^store\d$/.test(roles.redis ?? ''), `Redis's master is ${roles.redis}`);
    must(/^pg\d$/.test(roles.postgres ?? ''), `PostgreSQL's primary is ${roles.postgres}`);
    for (const machine of this.named('edge')) {
      const answer = await client({ host: machine.address, port: 8080, timeoutMs: 1000 }).get('/healthz').catch(() => null);
      must(answer?.status === 200, `${machine.name} does not serve`);
      must(machine.pid('keepalived') !== null, `${machine.name} has no keepalived`);
    }
    for (const machine of this.named('front')) must(await this.#ready(machine, 8091), `${machine.name} is not ready`);
    for (const machine of this.named('pay')) must(await this.#ready(machine, 8093), `${machine.name} is not ready`);
    for (const machine of this.named('seats')) {
      const answer = await client({ host: machine.address, port: 8092, timeoutMs: 1000 }).get('/readyz').catch(() => null);
      must(['owner', 'standby'].includes(answer?.json?.role), `${machine.name} is ${answer?.json?.role ?? 'away'}`);
    }
    for (const machine of this.named('store')) {
      const role = await this.redisRole(machine).catch(() => []);
      must(role[0] === 'master' || role[3] === 'connected', `Redis of ${machine.name} is ${role[0] ?? 'away'}, ${role[3] ?? ''}`);
      const health = await this.#clientOf(machine, 2379).get('/health').catch(() => null);
      must(/true/.test(health?.text ?? ''), `etcd of ${machine.name} is not healthy`);
    }
    const lacks = await this.#replicated();
    must(lacks === null, lacks);
    return said;
  }

  async whole(timeoutMs = 90_000) {
    let said = [];
    try {
      await until('everything to have its spare', async () => (said = await this.missing()).length === 0, { timeoutMs, everyMs: 300 });
    } catch {
      throw new Error(`after ${timeoutMs / 1000} s: ${said.join('; ')}`);
    }
  }
}

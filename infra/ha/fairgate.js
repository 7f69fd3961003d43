// fairgate.js: what all sets of machines share (site.js, ../recover/region.js): one set of secrets, a company with its shop
// and its payment provider, and services that find each other. Configs are the shipped ones if there are any, with names and
// addresses filled in.

import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../../tests/lib-js/service.js';
import { until } from '../../tests/lib-js/wait.js';
import { Lan } from './machines.js';

export const BIN = join(process.env.FAIRGATE_BUILD_DIR ?? join(ROOT, 'build/release'), 'bin');
export const READY_MS = 120_000;
const ROLES = ['seat_service', 'payment_adapter', 'demo_shop', 'fairgate_reader'];

export const fileOf = (path) => readFileSync(join(ROOT, path), 'utf8');

// Replaces a line or a word in files that people complete by hand.
export function completed(text, changes) {
  let out = text;
  for (const [from, to] of changes) {
    if (!out.includes(from)) throw new Error(`there is no "${from}"`);
    out = out.replaceAll(from, () => to);
  }
  return out;
}

// {section: {key: value}} in the services' format.
export const conf = (sections) => Object.entries(sections).map(([section, keys]) =>
  [`[${section}]`, ...Object.entries(keys).map(([key, value]) => `${key} = ${typeof value === 'number' ? value : JSON.stringify(value)}`), ''].join('\n')).join('\n');

export const pgBin = () => {
  const versions = readdirSync('/usr/lib/postgresql').map(Number).sort((a, b) => b - a);
  return `/usr/lib/postgresql/${versions[0]}/bin`;
};

// HAProxy's configuration, made by infra/edge/fairgate-edge from these settings; `trusted`: networks that the edge trusts.
export function edgeMade(machine, settings, trusted) {
  const from = machine.path('edge.conf'), to = machine.path('edge.cfg');
  const all = { listen: ':8080', health: ':8404', maxconn: '5000', seats_check: '/readyz', socket: machine.path('edge.sock'), trusted, ...settings };
  writeFileSync(from, Object.entries(all).map(([name, value]) => `${name} = ${value}\n`).join(''));
  execFileSync(join(ROOT, 'infra/edge/fairgate-edge'), [from, to]);
  return to;
}

// The edge of a machine that runs each service once.
export function edgeAlone(machine, event, trusted) {
  const here = `${machine.name}=${machine.address}`;
  return edgeMade(machine, { event, fronts: here, seats: here, pay: here }, trusted);
}

// An edge's command; infra/edge/allocator.conf says why it uses this allocator.
export const haproxy = (file) => ['env', 'LD_PRELOAD=libjemalloc.so.2', 'haproxy', '-db', '-f', file];

export class Fairgate {
  // `visitors`: {host, port} of the visitors' address.
  constructor(name, { net, event, visitors }) {
    this.dir = mkdtempSync(join(tmpdir(), `fairgate-${name}-`));
    chmodSync(this.dir, 0o711);
    this.secrets = join(this.dir, 'secrets');
    this.net = net;
    this.lan = new Lan(net, this.dir);
    this.event = event;
    this.visitors = visitors;
  }

  close() {
    this.lan.close();
    rmSync(this.dir, { recursive: true, force: true });
  }

  machine(name) {
    return this.lan.machines.get(name);
  }

  // ---- secrets and files --------------------------------------------------------------------------------

  makeSecrets() {
    execFileSync(join(ROOT, 'infra/stack/secrets'), [this.secrets]);
    for (const role of ROLES) writeFileSync(this.secretPath(`pgpass-${role}`), `*:*:*:${role}:${this.secret(`db-${role}`)}\n`, { mode: 0o600 });
  }

  secretPath(name) {
    return join(this.secrets, name);
  }

  secret(name) {
    return readFileSync(this.secretPath(name), 'utf8').trim();
  }

  // The shop's customers: {login, password}.
  users() {
    return JSON.parse(readFileSync(join(this.dir, 'demo-users.json'), 'utf8'));
  }

  write(machine, name, text, mode = 0o600) {
    const path = machine.path(name);
    writeFileSync(path, text, { mode });
    return path;
  }

  // ---- PostgreSQL ---------------------------------------------------------------------------------------

  ownedByPostgres(path, mode) {
    const uid = Number(execFileSync('id', ['-u', 'postgres'], { encoding: 'utf8' }));
    chownSync(path, uid, uid);
    chmodSync(path, mode);
  }

  // Returns the folder for the data.
  postgresFolder(machine) {
    mkdirSync(machine.path('pg'));
    this.ownedByPostgres(machine.path('pg'), 0o700);
    return machine.path('pg/data');
  }

  postgresStarted(machine) {
    const settings = { listen_addresses: machine.address, unix_socket_directories: machine.path('pg'), max_connections: 120 };
    machine.run('postgres', [`${pgBin()}/postgres`, '-D', machine.path('pg/data'), ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`])], { user: 'postgres' });
    return until(`PostgreSQL of ${machine.name}`, () => this.sqlOn(machine, 'postgres', 'SELECT 1') === '1', { timeoutMs: READY_MS });
  }

  // `hba`: lines for users other than the superuser and those with a password.
  postgresMade(machine, hba = '') {
    const data = this.postgresFolder(machine);
    machine.once([`${pgBin()}/initdb`, '-D', data, '-U', 'postgres', '--auth-local=trust', '--auth-host=scram-sha-256', '-E', 'UTF8', '--locale=C.UTF-8'], { user: 'postgres' });
    writeFileSync(join(data, 'pg_hba.conf'), `local all postgres trust\n${hba}host all all ${this.net}.0/24 scram-sha-256\n`);
    return this.postgresStarted(machine);
  }

  psql(machine, words, text, env = {}) {
    const argv = [`${pgBin()}/psql`, ...words, '-XAtq', '-v', 'ON_ERROR_STOP=1'];
    return machine.once(argv, { user: 'postgres', env: { HOME: '/', ...env }, input: text }).trimEnd();
  }

  sqlOn(machine, database, text) {
    return this.psql(machine, ['-h', machine.path('pg'), '-U', 'postgres', '-d', database], text);
  }

  // Rows from one of its databases, on whichever machine it runs; `sql` is the set's own.
  rows(database, query) {
    return JSON.parse(this.sql(database, `SELECT coalesce(json_agg(q), '[]') FROM (${query}) q;\n`));
  }

  roleText(role) {
    return `CREATE ROLE ${role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '${this.secret(`db-${role}`)}';`;
  }

  // ---- the company: its shop and its provider -------------------------------------------------------------

  async companyOpen(machine) {
    await this.postgresMade(machine);
    for (const role of ['demo_shop', 'fairgate_reader']) this.sqlOn(machine, 'postgres', this.roleText(role));
    this.sqlOn(machine, 'postgres', 'CREATE DATABASE demo_shop OWNER demo_shop;');
    this.sqlOn(machine, 'demo_shop', 'GRANT ALL ON SCHEMA public TO demo_shop; GRANT USAGE ON SCHEMA public TO fairgate_reader;');
    mkdirSync(machine.path('psp'), { mode: 0o700 });
    const shop = this.write(machine, 'demo-shop.conf', conf({
      http: { host: machine.address, port: 8085 },
      private: { host: machine.address, port: 8095, token_file: this.secretPath('admin-token') },
      database: { conninfo: `host=${machine.address} dbname=demo_shop user=demo_shop passfile=${this.secretPath('pgpass-demo_shop')}` },
      session: { key: this.secretPath('shop-es256.pem'), audience: 'fairgate' },
      partner: { name: 'fairgate', api_key: this.secretPath('shop-api-key'), reader_role: 'fairgate_reader' },
      seed: { demo_users: join(this.dir, 'demo-users.json') },
    }));
    machine.once([join(BIN, 'demo-shop'), 'seed', '--config', shop]);
    machine.run('demo-shop', [join(BIN, 'demo-shop'), '--config', shop]);
    this.runService(machine, 'psp-sandbox', conf({
      http: { host: machine.address, port: 8084 },
      private: { host: machine.address, port: 8094, token_file: this.secretPath('admin-token') },
      log: { requests: 0 },
      keys: { secret_key: this.secretPath('psp-key'), webhook_secret: this.secretPath('psp-webhook-secret') },
      pages: { public_url: `http://${machine.address}:8084`, return_urls: `${this.visitorsUrl}/` },
      bank: { journal: machine.path('psp/journal') },
      webhook: { url: `${this.visitorsUrl}/v1/pay/webhooks/stripe` },
      toss: { webhook_url: `${this.visitorsUrl}/v1/pay/webhooks/toss` },
    }));
  }

  get visitorsUrl() {
    return `http://${this.visitors.host}:${this.visitors.port}`;
  }

  // ---- services -----------------------------------------------------------------------------------------

  runService(machine, program, text) {
    machine.run(program, [join(BIN, program), '--config', this.write(machine, `${program}.conf`, text)]);
  }

  // Sections that all three services have in every set, on that machine. `inside`: the address by which they find each
  // other; `trusted`: proxies that may name a client's address; `databases`: PostgreSQL's hosts; `ca`: who signs their
  // certificates, if they have any.
  sections(machine, { inside, trusted, databases, ca }) {
    const company = this.machine('company').address;
    const at = (port) => `http://${inside}:${port}`;
    const tls = ca === undefined ? '' : ` sslmode=verify-full sslrootcert=${ca}`;
    const conninfo = (role) => `host=${databases} port=5432 dbname=${role} user=${role} passfile=${this.secretPath(`pgpass-${role}`)} target_session_attrs=read-write${tls}`;
    const listens = (port) => ({
      http: { host: machine.address, port, drain_timeout: '5s', trusted_proxies: trusted },
      private: { host: machine.address, port: port + 10, token_file: this.secretPath('admin-token'), service_token_file: this.secretPath('service-token'), origins: at(8091) },
    });
    return {
      front: {
        ...listens(8081),
        keys: {
          tickets: this.secretPath('ticket-keys'), identities: this.secretPath('identity-keys'),
          draws: this.secretPath('draw-keys'), passes: this.secretPath('pass-es256.pem'),
        },
        visits: { served_by: `${at(8092)}/metrics`, ended_at: at(8092), token_file: this.secretPath('service-token') },
      },
      seats: {
        ...listens(8082),
        postgres: { conninfo: conninfo('seat_service') },
        passes: { keys_url: `${at(8081)}/.well-known/jwks.json` },
        holds: { keys_file: this.secretPath('hold-keys') },
      },
      pay: {
        ...listens(8083),
        database: { conninfo: conninfo('payment_adapter') },
        users: {
          conninfo: `host=${company} dbname=demo_shop user=fairgate_reader passfile=${this.secretPath('pgpass-fairgate_reader')}`,
          login_sql: 'SELECT id::text, password_hash, lang FROM users WHERE lower(email) = lower($1) AND active',
          mail_sql: 'SELECT email FROM users WHERE id = $1::bigint AND active',
        },
        sso: { jwks_url: `http://${company}:8085/.well-known/jwks.json` },
        queue: { url: at(8081), internal_url: at(8091) },
        seats: { url: at(8082), internal_url: at(8092) },
        keys: {
          service_token: this.secretPath('service-token'), seats_admin_token: this.secretPath('admin-token'),
          tickets: this.secretPath('door-ed25519.pem'), hashes: this.secretPath('hash-key'),
        },
        psp: {
          stripe_url: `http://${company}:8084`, stripe_key: this.secretPath('psp-key'), stripe_webhook_secret: this.secretPath('psp-webhook-secret'),
          toss_url: `http://${company}:8084`, toss_key: this.secretPath('psp-key'), toss_checkout_url: `http://${company}:8084/toss/pay`, per_s: 20000,
        },
        // After this, another adapter takes over a dead adapter's sagas. No attempt takes longer than 10 s.
        saga: { lease: '15s' },
        web: { public_url: this.visitorsUrl },
        shop: { url: `http://${company}:8085/api/orders/import`, list_url: `http://${company}:8085/api/orders/import`, key: this.secretPath('shop-api-key') },
      },
    };
  }

  // The hall of the sample arena, for people who buy repeatedly.
  arena(limits) {
    const hall = JSON.parse(execFileSync(join(BIN, 'halls'), ['arena'], { encoding: 'utf8', maxBuffer: 1 << 26 }));
    Object.assign(hall.limits, { max_per_buyer: 0, hold_ttl_s: 60, orphan_rule: false, ...limits });
    return hall;
  }
}

// region.js: `make recover-drill REGION=1`. Two places and the company, each on its own machine (infra/ha/machines.js): an
// edge, a front, Redis, the seats, an adapter, PostgreSQL. The first place sells. The second has the same secrets, follows
// the first one's PostgreSQL asynchronously, and receives an archive of each event now and then; its services run but are
// not ready. Then the link between them breaks, people keep buying, and the first place is switched off.
//
// DNS is simulated by one address that leads to one place or the other (on AWS: a failover record of Route 53, infra/aws).
// The TTL of a DNS answer (60 s there) must be added to the printed times.
//
// Checked: all waiting visitors keep their places, purchases after the link broke are named and settled as after any restore
// (database.js), and money equals the orders. Printed: what visitors saw, what was lost, how long it took.

import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { client } from '../../tests/lib-js/http.js';
import { ROOT } from '../../tests/lib-js/service.js';
import { until } from '../../tests/lib-js/wait.js';
import { BIN, completed, conf, edgeAlone, Fairgate, fileOf, haproxy, pgBin, READY_MS } from '../ha/fairgate.js';
import { come, settle } from './database.js';
import { ageOf, counted } from './record.js';

const execute = promisify(execFile);
const NET = '198.18.78';
const RELAY = { host: `${NET}.1`, port: 8080 };
const PARTS = ['haproxy', 'queue-front', 'seat-service', 'payment-adapter'];
const say = (text = '') => process.stdout.write(`${text}\n`);
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;
const must = (answer, what) => {
  if (answer.status >= 300) throw new Error(`${what}: ${answer.status} ${answer.text}`);
  return answer;
};

// One address with a switchable target. Switching cuts existing connections, as when a place vanishes.
class Relay {
  #open = new Set();

  listen() {
    this.server = net.createServer((from) => {
      const to = net.connect({ host: this.target, port: 8080 });
      for (const [one, other] of [[from, to], [to, from]]) {
        this.#open.add(one);
        one.on('error', () => {});
        one.on('close', () => {
          this.#open.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    });
    return new Promise((resolve) => { this.server.listen(RELAY.port, RELAY.host, resolve); });
  }

  lead(address) {
    this.target = address;
    for (const socket of this.#open) socket.destroy();
  }

  close() {
    this.server?.close();
    for (const socket of this.#open) socket.destroy();
  }
}

class Region extends Fairgate {
  relay = new Relay();

  constructor() {
    super('region', { net: NET, event: 'night', visitors: RELAY });
  }

  async open() {
    this.makeSecrets();
    this.first = this.lan.add('first', 11);
    this.second = this.lan.add('second', 21);
    this.company = this.lan.add('company', 31);
    this.place = this.first;
    this.lan.open();
    await this.relay.listen();
    this.relay.lead(this.first.address);
    await this.companyOpen(this.company);
    await this.#primary();
    await this.#follower();
    for (const machine of [this.first, this.second]) this.#services(machine);
    await this.ready();
    await this.#events();
  }

  close() {
    this.relay.close();
    super.close();
  }

  // ---- PostgreSQL ---------------------------------------------------------------------------------------

  sql(database, text) {
    return this.sqlOn(database === 'demo_shop' ? this.company : this.place, database, text);
  }

  async #primary() {
    // The following place is trusted by its address: these machines have a network of their own.
    await this.postgresMade(this.first, `local replication postgres trust\nhost replication postgres ${this.second.address}/32 trust\n`);
    for (const role of ['seat_service', 'payment_adapter']) {
      this.sqlOn(this.first, 'postgres', this.roleText(role));
      this.sqlOn(this.first, 'postgres', `CREATE DATABASE ${role} OWNER ${role};`);
      this.sqlOn(this.first, role, `GRANT ALL ON SCHEMA public TO ${role};`);
    }
  }

  // Asynchronous: no seat waits for another region.
  async #follower() {
    const data = this.postgresFolder(this.second);
    this.second.once([`${pgBin()}/pg_basebackup`, '-D', data, '-R', '-X', 'stream', '-c', 'fast', '-d', `host=${this.first.address} user=postgres application_name=second`], { user: 'postgres' });
    await this.postgresStarted(this.second);
    await until('the second place to follow', () => this.sqlOn(this.first, 'postgres', "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") === '1');
  }

  // ---- a place ------------------------------------------------------------------------------------------

  #services(machine) {
    const company = this.company.address;
    const url = (port) => `http://${machine.address}:${port}`;
    const { front, seats, pay } = this.sections(machine, { inside: machine.address, trusted: machine.address, databases: machine.address });
    mkdirSync(machine.path('redis'), { mode: 0o700 });
    machine.run('redis', ['redis-server', '--port', '0', '--unixsocket', machine.path('redis.sock'), '--dir', machine.path('redis'), '--appendonly', 'yes', '--appendfsync', 'always', '--save', '']);
    this.runService(machine, 'queue-front', conf({ ...front, redis: { path: machine.path('redis.sock') } }));
    this.runService(machine, 'seat-service', conf(seats));
    this.runService(machine, 'payment-adapter', conf(pay));
    machine.run('haproxy', haproxy(edgeAlone(machine, this.event, `${NET}.1`)));
    this.write(machine, 'profiles', conf({ default: { queue: url(8091), seats: url(8092), pay: url(8093), token_file: this.secretPath('admin-token') } }));
    this.write(machine, 'recover.conf', completed(fileOf('infra/recover/recover.conf'), [
      ['host=/var/run/postgresql ', `host=${machine.path('pg')} user=postgres `], ['/run/redis/redis-server.sock', machine.path('redis.sock')],
      ['https://api.stripe.com', `http://${company}:8084`], ['/etc/fairgate/secrets/psp-key', this.secretPath('psp-key')],
      ['https://shop.example', `http://${company}:8085`], ['/etc/fairgate/secrets/shop-api-key', this.secretPath('shop-api-key')],
    ]));
  }

  // Runs `recover` on that machine, as its operator.
  async recover(...words) {
    const machine = this.place;
    const env = { ...process.env, FAIRGATE_RECOVER_CONF: machine.path('recover.conf'), FAIRGATE_PROFILES: machine.path('profiles'), PATH: `${BIN}:${pgBin()}:${process.env.PATH}` };
    try {
      return (await execute('nsenter', [`--net=/run/netns/${machine.namespace}`, join(ROOT, 'infra/recover/recover'), ...words], { env, maxBuffer: 1 << 26 })).stdout.trimEnd();
    } catch (error) {
      throw Object.assign(new Error(`recover ${words.join(' ')}: ${error.stdout}${error.stderr}`), { said: error.stdout });
    }
  }

  admin(part) {
    const [host, port] = part === 'psp' ? [this.company.address, 8094] : [this.place.address, { queue: 8091, seats: 8092, pay: 8093 }[part]];
    return client({ host, port, token: this.secret('admin-token'), timeoutMs: 60_000 });
  }

  ready() {
    return until(`${this.place.name} to be ready`, async () => {
      const all = await Promise.all([8091, 8092, 8093].map((port) => client({ host: this.place.address, port, timeoutMs: 1000 }).get('/readyz').catch(() => null)));
      const edge = await client({ host: this.place.address, port: 8080, timeoutMs: 1000 }).get('/healthz').catch(() => null);
      return [...all, edge].every((answer) => answer?.status === 200);
    }, { timeoutMs: READY_MS, everyMs: 100 });
  }

  async #events() {
    must(await this.admin('seats').put(`/admin/events/${this.event}`, { body: this.arena({ hold_max_s: 300 }) }), 'the hall');
    const queue = this.admin('queue');
    const knobs = { name: 'A night in two places', rate_per_s: 50, burst: 50, max_active: 0, session_ttl_s: 1800, joins_per_ip_per_min: 10_000 };
    for (const [event, own] of [[this.event, {}], ['wait', { rate_per_s: 1, burst: 1 }]]) {
      must(await queue.put(`/admin/events/${event}`, { body: { ...knobs, ...own } }), event);
      must(await queue.post(`/admin/events/${event}/actions/open`, { body: { without: ['hall'] } }), `opening ${event}`);
    }
  }
}

// The answers that visitors' programs got in that time: {"503 seats-not-open": 17, ...}
function seen(visitors, from) {
  const said = {};
  for (const gap of visitors.flatMap(({ gaps }) => gaps)) if (gap.from + gap.ms > from) for (const what of gap.said) said[what] = (said[what] ?? 0) + 1;
  return Object.entries(said).sort((a, b) => b[1] - a[1]).map(([what, many]) => `${what} (${many} times)`).join(', ');
}

async function drill(region) {
  say(`bringing up two places and the company in ${region.dir} ...`);
  await region.open();
  const buyers = come(region);
  const waiting = come(region, { poll: 15, join: 2, picture: 0, hold: 0, buy: 0 }, 'wait');
  await buyers.record.until('tickets', 4);
  await waiting.record.until('place', 40);

  const copies = join(region.dir, 'copies');
  await region.recover('line-save', copies);
  say('the second place has a replica of the database and archives of the events');
  region.second.cut();
  const cutAt = Date.now();
  await buyers.record.until('tickets', 2, cutAt);
  await waiting.record.until('place', 20, cutAt);

  region.first.powerOff();
  const at = Date.now();
  say(`the link was broken for ${seconds(at - cutAt)}; now the first place is off`);
  const leaving = buyers.visitors.giveUp(); // some wait for an answer that never comes
  region.second.join();
  region.place = region.second;
  const said = await region.recover('promote', copies, '--first-is-off');
  say(said.split('\n').map((line) => `    ${line}`).join('\n'));
  await region.ready();
  const readyMs = Date.now() - at;
  region.relay.lead(region.second.address);

  const led = Date.now();
  await waiting.record.until('place', 20, led);
  const others = come(region);
  await others.record.until('order', 1);
  await leaving;
  const lost = await buyers.record.lost(region);
  await others.record.until('tickets', 4);
  await Promise.all([others.visitors.go(), waiting.visitors.go()]);
  const displaced = await waiting.visitors.displaced();

  say(`    the second place was ready after ${seconds(readyMs)}; a place was given again after ${seconds(waiting.record.of('place', led)[0].at - at)}, an order after ${seconds(others.record.of('order')[0].at - at)}`);
  say(`    waiting visitors saw meanwhile: ${seen([waiting.visitors], at)}`);
  say(`    of ${waiting.visitors.places} places ${displaced.length} are others now`);
  say(`    lost of what buyers were answered: ${counted(lost)}; RPO ${seconds(ageOf(lost, at))} (the link had been broken for ${seconds(at - cutAt)})`);
  const { findings, told } = await settle(region, lost);
  for (const line of told) say(`    ${line}`);
  findings.push(...others.visitors.findings, ...waiting.visitors.findings, ...displaced.map(({ position, said: now }) => `place ${position} is now ${now}`));
  if (lost.length === 0) findings.push('nothing was lost, though the link was broken: the drill drilled nothing');
  return findings;
}

const region = new Region();
let ended = false;
function end(status) {
  if (ended) return;
  ended = true;
  region.close();
  process.exit(status);
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => end(1));
try {
  const findings = await drill(region);
  for (const finding of findings) say(`    FOUND: ${finding}`);
  say(findings.length === 0 ? '1 passed, 0 failed' : '0 passed, 1 failed');
  end(findings.length === 0 ? 0 : 1);
} catch (error) {
  process.stderr.write(`region: ${error.stack}\n`);
  for (const machine of region.lan.machines.values())
    for (const part of [...PARTS, 'postgres', 'redis']) {
      try {
        process.stderr.write(`== ${machine.name} ${part}\n${readFileSync(machine.path(`${part}.log`), 'utf8').split('\n').slice(-6).join('\n')}\n`);
      } catch { /* it has none */ }
    }
  end(1);
}

// Types the steps of infra/ha/GUIDE, unchanged, on three Debians with systemd. The result is a set that survives the loss of a
// machine. Done twice: with new machines, and with a machine that already sells tickets. Then stores and machines are
// lost. `make guide-test` runs it, as root, with the packages of `make deb`.

import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before, describe } from 'node:test';
import { conf, Fairgate } from '../../infra/ha/fairgate.js';
import { Visitors } from '../../infra/ha/visitors.js';
import { client, CookieJar, ROOT, until } from '../lib-js/index.js';
import { openMachines } from './machines.js';
import { untilKnown } from './sale.js';
import { blocksTyped, commandsOf } from './typed.js';

const WORK = join(ROOT, 'build/guide-machines');
const DEBIAN = join(ROOT, 'build/guide-debian.tar');
const BARE = 'systemd-sysv,dbus,openssh-server,openssh-client,iproute2,hostname';
const GUIDE = readFileSync(join(ROOT, 'infra/ha/GUIDE'), 'utf8');
const ADDRESS = Object.fromEntries([...GUIDE.matchAll(/\b(one|two|three)=([\d.]+)/g)].map(([, name, address]) => [name, address]));
const [, VISITORS] = /visitors=([\d.]+)/.exec(GUIDE);
const [, NET, OUTSIDE] = /net=(([\d.]+)\.0\/\S+)/.exec(GUIDE);
const MACHINES = Object.keys(ADDRESS);
const MOST = 30;
const NETWORK = `fairgate-guide-${process.pid}`;
const SLOW = { timeoutMs: 180_000, everyMs: 500 };

// [{number, machines, which, script}]: the reader does a step without commands; `which`: new, sold, or undefined for both.
const STEPS = GUIDE.split(/^(?=\d+\. )/m).slice(1).map((step) => {
  const [, number, names, which] = /^(\d+)\. ((?:one|two|three)(?: two| three)*)(?:, (new|sold))?: /.exec(step);
  return { number: Number(number), machines: names.split(' '), which, script: blocksTyped(step).join('') };
});

let machines;
const on = (machine, script) => machines.on(machine, script);

async function openSet() {
  const others = [...GUIDE.matchAll(/apt-get install -qy (.*)/g)].flatMap(([, names]) => names.split(' ')).filter((name) => !name.startsWith('fairgate'));
  machines = openMachines(WORK, { tar: DEBIAN, include: BARE, fetch: ['haproxy', 'libjemalloc2', 'socat', 'ca-certificates', ...new Set(others)] });
  mkdirSync(join(WORK, 'backups'));
  machines.podman('network', 'create', '--internal', '--subnet', NET, NETWORK);
  for (const machine of MACHINES) {
    machines.unpack(machine);
    machines.offer(machine, 'now', 'build/deb');
    machines.fetch(machine, 'update', '-o', 'Dir::Etc::SourceList=/dev/null', '-o', 'APT::Get::List-Cleanup=0');
    machines.fetch(machine, '--download-only', 'install', 'fairgate');
    const hosts = MACHINES.flatMap((name) => ['--add-host', `${name}:${ADDRESS[name]}`]);
    await machines.start(machine, '--network', NETWORK, '--ip', ADDRESS[machine], '--hostname', machine, ...hosts, '-v', `${WORK}/backups:/mnt/backups`);
  }
  on('one', "mkdir -p -m 700 /root/.ssh; ssh-keygen -qt ed25519 -N '' -f /root/.ssh/id_ed25519; echo 'StrictHostKeyChecking accept-new' >/root/.ssh/config");
  for (const machine of MACHINES) on(machine, `mkdir -p -m 700 /root/.ssh; echo '${on('one', 'cat /root/.ssh/id_ed25519.pub')}' >/root/.ssh/authorized_keys; systemctl start ssh`);
}

function closeSet() {
  machines.forget();
  machines.podman('network', 'rm', '--force', NETWORK);
  rmSync(WORK, { recursive: true, force: true });
}

function typesSteps(which, ofReader = () => {}) {
  for (const step of STEPS.filter((one) => [which, undefined].includes(one.which)))
    test(`step ${step.number}`, () => {
      if (step.script === '') ofReader();
      for (const machine of step.machines) on(machine, `[ ! -r /root/site ] || . /root/site\n${step.script}`);
    });
}

const ready = (machine, from) => on(from, `for port in 8091 8092 8093; do curl -s -o /dev/null -w '%{http_code} ' http://${ADDRESS[machine]}:$port/readyz || true; done`);
// [machine with the primary, machine with the replica, patronictl's list]. The primary is on `one` unless that was slow.
const leads = () => {
  const list = on('one', 'patronictl -c /etc/patroni/config.yml list');
  const leader = /(one|two) +\|[^|]*\| Leader/.exec(list)?.[1];
  return leader && [leader, leader === 'one' ? 'two' : 'one', list];
};
const untilWhole = (pay = 200) => until('all services, one of the seats as a standby, and PostgreSQL twice', () => {
  const roles = leads();
  assert.match(roles?.[2] ?? 'no leader', /Sync Standby/);
  assert.equal([ready('one', 'two'), ready('two', 'two')].sort().join(), `200 200 ${pay},200 503 ${pay}`);
  return roles;
}, SLOW);

test('the guide has few steps, one after the other', () => {
  assert.ok(STEPS.length <= MOST);
  assert.deepEqual(STEPS.map(({ number }) => number), STEPS.map((_, n) => n + 1));
});

describe('a set of new machines', () => {
  before(openSet);
  after(closeSet);
  typesSteps('new');

  test('is whole, and lacks only the customers of a shop', async () => {
    await untilWhole(503);
    const lacks = on('one', `curl -s http://${ADDRESS.one}:8093/readyz | jq -r '.. | .condition? // empty' | sort -u`);
    assert.equal(lacks, 'users');
  });

  const psql = (mode) => `PGPASSWORD=$(secret postgres-password) psql -qc '' "host=$one user=postgres dbname=postgres sslmode=${mode} sslrootcert=$tls/ca.crt"`;
  const certified = 'curl -fsm 5 --cacert $tls/ca.crt --cert $tls/two.crt --key $tls/two.key';
  // [refused, the same with TLS or a certificate]
  const IN_CLEAR = [
    ['command redis-cli -h $one ping', 'redis-cli -h $one ping'],
    ['command redis-cli -h $one -p 26379 ping', 'redis-cli -h $one -p 26379 ping'],
    ['curl -fsm 5 http://$one:2379/health', `${certified} https://$one:2379/health`],
    ['curl -fsm 5 --cacert $tls/ca.crt https://$one:2379/health', `${certified} https://$one:2379/version`],
    ['curl -fsm 5 http://$one:8008/cluster', 'curl -fsm 5 --cacert $tls/ca.crt https://$one:8008/cluster'],
    ['curl -fsm 5 --cacert $tls/ca.crt -X POST https://$one:8008/reload', `${certified} -X POST https://$one:8008/reload`],
    [psql('disable'), psql('verify-full')],
  ];
  for (const [refused, taken] of IN_CLEAR)
    test(`refuses ${refused}`, () => {
      on('two', `. /root/site; ${taken}`);
      assert.throws(() => on('two', `. /root/site; ${refused}`));
    });
});

// The shop and the payment provider. They run on this host, at its address in the set's network.
class Company extends Fairgate {
  sold = [];
  places = [];

  constructor() {
    super('guide', { net: OUTSIDE, event: 'demo', visitors: { host: VISITORS, port: 80 } });
    this.here = this.lan.add('company', 1);
    this.here.inside = (argv, user) => ['setpriv', '--pdeathsig', 'KILL', ...(user ? ['--reuid', user, '--regid', user, '--clear-groups'] : []), '--', ...argv];
    this.makeSecrets();
  }

  record(answer) {
    if (answer.what === 'tickets') this.sold.push(answer);
    if (answer.what === 'place') this.places.push(answer.position);
  }

  // The adapter's configuration as the company's operators edit it.
  written(text) {
    const { users, psp, shop, web } = this.sections(this.here, { inside: '', trusted: '', databases: '' }).pay;
    return Object.entries({ users, psp, shop, web }).reduce((out, [name, keys]) =>
      out.replace(new RegExp(`^\\[${name}\\]\n(.+\n)*`, 'm'), () => conf({ [name]: keys }).replaceAll(this.secrets, '/etc/fairgate/secrets')), text);
  }

  close() {
    this.here.retire();
    for (const { child } of this.here.processes.values()) child?.kill('SIGKILL');
    super.close();
  }
}

describe('a set that one machine with a sale becomes', () => {
  const crowds = [];
  let company;
  const recover = (machine, command) => on(machine, `/usr/share/fairgate/recover/recover ${command}`);
  const address = (act) => on('one', `ip address ${act} ${VISITORS}/24 dev eth0`); // the visitors' address, as long as there is one machine

  before(openSet);
  after(() => {
    company?.close();
    closeSet();
  });

  async function sells() {
    const crowd = new Visitors(company);
    crowds.push(crowd);
    crowd.come({ poll: 1, join: 0, picture: 0, hold: 0, buy: 1 });
    await until('somebody to have tickets', () => crowd.bought.length > 0 || crowd.findings.length > 0, SLOW).finally(() => crowd.go());
    assert.deepEqual(crowd.findings, []);
  }

  async function keepsAll() {
    const page = client({ ...company.visitors });
    const [user] = company.users();
    for (const crowd of crowds) assert.deepEqual(await crowd.displaced(), []);
    const jar = new CookieJar();
    jar.take(await page.post('/v1/pay/login', { body: user }));
    for (const { order, tickets } of company.sold) {
      const answer = await page.get(`/v1/pay/orders/${order}/tickets`, { headers: jar.headers });
      assert.deepEqual(answer.json?.tickets?.map(({ ticket }) => ticket), tickets, answer.text);
    }
    await sells();
    assert.equal(new Set(company.places).size, company.places.length, 'no place is given twice');
  }

  test('begins with a sale by README.Debian', async () => {
    const etc = join(machines.rootOf('one'), 'etc/fairgate');
    on('one', 'apt-get install -qy fairgate redis-server postgresql');
    address('add');
    company = new Company();
    await company.companyOpen(company.here);
    cpSync(company.secrets, join(etc, 'secrets'), { recursive: true });
    writeFileSync(join(etc, 'payment-adapter.conf'), company.written(readFileSync(join(etc, 'payment-adapter.conf'), 'utf8')));
    for (const block of blocksTyped(on('one', 'cat /usr/share/doc/fairgate-common/README.Debian'))) on('one', block);
    await until('all services', () => on('one', "for port in 8091 8092 8093; do curl -s -o /dev/null -w '%{http_code} ' http://127.0.0.1:$port/readyz || true; done") === '200 200 200', SLOW);
    on('one', `jq '.limits.max_per_buyer = 0 | .limits.orphan_rule = false' /usr/share/fairgate/halls/theatre.json >/root/hall.json
      fairgate halls import demo /root/hall.json
      fairgate create demo rate_per_s=50 burst=50 max_active=0 joins_per_ip_per_min=10000 session_ttl_s=7200 session_max_s=7200
      fairgate open demo`);
    await untilKnown(client({ ...company.visitors }), 'demo');
    await sells();
  });

  typesSteps('sold', () => address('del'));

  test('is whole, with every place and ticket, and sells', async () => {
    await untilWhole();
    await keepsAll();
  });

  test("answers the runbook's questions to Redis, Sentinel and Patroni", () => {
    const asked = commandsOf(readFileSync(join(ROOT, 'docs/operate/runbook.md'), 'utf8')).filter((line) => /^(redis-cli|patronictl)/.test(line) && !/ CLUSTER |grep/.test(line));
    for (const command of asked) {
      const said = on('one', `. /root/site; ${command}`);
      assert.ok(said.length > 0 || /slowlog/.test(command), command);
      assert.doesNotMatch(said, /^(ERR|NO[A-Z]+|WRONGPASS) /m, command);
    }
    assert.ok(asked.some((command) => /sentinel/.test(command)) && asked.some((command) => /^patronictl/.test(command)));
  });

  test('loses Patroni of the machine that leads, and its PostgreSQL with it', async () => {
    const [lost, other] = await untilWhole();
    on(lost, 'systemctl kill -s KILL --kill-who=main patroni');
    await until('the other one to lead', () => leads()?.[0] === other, SLOW);
    await untilWhole();
    await keepsAll();
  });

  test('loses PostgreSQL of the machine that leads, with its data', async () => {
    const [lost, other] = await untilWhole();
    on(lost, 'cd /var/lib/postgresql/15; kill -KILL $(head -n 1 main/postmaster.pid); until rm -rf main; do :; done');
    await until('the other one to lead', () => leads()?.[0] === other, SLOW);
    await untilWhole();
    await keepsAll();
  });

  test('loses every Redis, with its data', async () => {
    for (const machine of MACHINES) on(machine, 'systemctl kill -s KILL redis-server; systemctl stop redis-server; rm -rf /var/lib/redis/appendonlydir');
    for (const machine of MACHINES) on(machine, 'systemctl start redis-server');
    await untilWhole();
    await keepsAll();
  });

  test('loses both databases, every Redis and every front, and comes back from a backup and a copy of the line', async () => {
    const [first, second] = await untilWhole();
    const sql = (text) => on(first, `runuser -u postgres -- psql -XAtqc "${text}"`);
    const segment = sql('SELECT pg_walfile_name(pg_switch_wal())');
    await until('the archive to have all', () => sql(`SELECT last_archived_wal >= '${segment}' FROM pg_stat_archiver`) === 't', SLOW);
    on(first, 'systemctl start fairgate-line-save');
    for (const machine of [second, first]) on(machine, 'systemctl stop fairgate-feed fairgate-queue-front fairgate-seat-service fairgate-payment-adapter patroni; rm -rf /var/lib/postgresql/15/main');
    for (const machine of MACHINES) on(machine, 'systemctl stop redis-server; rm -rf /var/lib/redis/appendonlydir');
    const copy = on(first, 'ls /mnt/backups/line/line-*.rdb').split('\n').at(-1);
    for (const machine of MACHINES) recover(machine, `line-load ${copy}`);
    for (const machine of MACHINES) on(machine, 'systemctl start redis-server');
    recover(first, 'restore');
    on(first, 'systemctl start patroni');
    recover(first, 'opened');
    for (const machine of [second, first]) on(machine, 'systemctl start patroni fairgate-queue-front fairgate-seat-service fairgate-payment-adapter fairgate-feed');
    await untilWhole();
    await keepsAll();
  });

  test('loses the machine that leads: the other one has the seats, and sells', async () => {
    const [lost, other] = await untilWhole();
    machines.podman('kill', machines.nameOf(lost));
    await until('everything at the other one', () => ready(other, other) === '200 200 200', SLOW);
    await keepsAll();
  });
});

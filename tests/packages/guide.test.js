// The set that may lose a machine, made by infra/ha/GUIDE: its steps, typed as they are on three Debians with systemd, and
// then one of them is lost. `make guide-test` runs it, as root, with the packages of `make deb`.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { ROOT, until } from '../lib-js/index.js';
import { openMachines } from './machines.js';
import { blocksTyped, commandsOf } from './typed.js';

const WORK = join(ROOT, 'build/guide-machines');
const DEBIAN = join(ROOT, 'build/guide-debian.tar');
const BARE = 'systemd-sysv,dbus,openssh-server,openssh-client,iproute2,hostname';
const GUIDE = readFileSync(join(ROOT, 'infra/ha/GUIDE'), 'utf8');
const ADDRESS = Object.fromEntries([...GUIDE.matchAll(/\b(one|two|three)=([\d.]+)/g)].map(([, name, address]) => [name, address]));
const [, VISITORS] = /visitors=([\d.]+)/.exec(GUIDE);
const [, NET] = /net=(\S+)/.exec(GUIDE);
const MACHINES = Object.keys(ADDRESS);
const MOST = 30;
const NETWORK = `fairgate-guide-${process.pid}`;
const SLOW = { timeoutMs: 180_000, everyMs: 500 };

// [{number, machines, script}]: a step without commands is the reader's.
const STEPS = GUIDE.split(/^(?=\d+\. )/m).slice(1).map((step) => {
  const [, number, names] = /^(\d+)\. ((?:one|two|three)(?: two| three)*): /.exec(step);
  return { number: Number(number), machines: names.split(' '), script: blocksTyped(step).join('') };
});

let machines;
const on = (machine, script) => machines.on(machine, script);

before(async () => {
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
});

after(() => {
  machines.forget();
  machines.podman('network', 'rm', '--force', NETWORK);
  rmSync(WORK, { recursive: true, force: true });
});

const ready = (machine, from) => on(from, `for port in 8091 8092 8093; do curl -s -o /dev/null -w '%{http_code} ' http://${ADDRESS[machine]}:$port/readyz || true; done`);
// A new visitor's place.
const newPlace = (from) => JSON.parse(on(from, `curl -sS -m 5 -X POST http://${VISITORS}/v1/queue/demo/join`)).position;
// Whose PostgreSQL takes writes: one, unless it was too slow meanwhile; and the other one.
const leads = () => {
  const list = on('one', 'patronictl -c /etc/patroni/config.yml list');
  const leader = /(one|two) +\|[^|]*\| Leader/.exec(list)?.[1];
  return leader && [leader, leader === 'one' ? 'two' : 'one', list];
};

test('the guide has few steps, one after the other', () => {
  assert.ok(STEPS.length <= MOST);
  assert.deepEqual(STEPS.map(({ number }) => number), STEPS.map((_, n) => n + 1));
});

for (const { number, machines: which, script } of STEPS.filter((step) => step.script)) {
  test(`step ${number}`, () => {
    for (const machine of which) on(machine, `[ ! -r /root/site ] || . /root/site\n${script}`);
  });
}

test('is whole', async () => {
  await until('all services, and one of the seats as a standby', () => [ready('one', 'two'), ready('two', 'two')].sort().join() === '200 200 200,200 503 200', SLOW);
  await until('WAL to arrive', () => on(leads()[0], 'runuser -u postgres -- pgbackrest --stanza=fairgate check || echo no') === '', SLOW);
  on('two', 'systemctl start fairgate-line-save; ls /mnt/backups/line/line-*.rdb');
  on('two', 'fairgate halls import demo /usr/share/fairgate/halls/theatre.json; fairgate create demo; fairgate open demo');
  await until('a place', () => newPlace('two') > 0, SLOW);
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

test('loses the machine that leads: places go on behind those that were given, and the other one owns the seats', async () => {
  const [lost, other] = await until('a leader', leads, { everyMs: 500 });
  const last = newPlace(other);
  machines.podman('kill', machines.nameOf(lost));
  assert.ok(await until('a place', () => newPlace(other), SLOW) > last);
  await until('everything at the other one', () => ready(other, other) === '200 200 200', SLOW);
  assert.match(on(other, 'fairgate halls list'), /^demo +owned +yes/m);
});

// The set that may lose a machine, made by infra/ha/GUIDE: its steps, typed as they are on three Debians with systemd, and
// then one of them is lost. `make guide-test` runs it, as root, with the packages of `make deb`.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { ROOT, until } from '../lib-js/index.js';
import { closeSigner, CONTAINERS, openSigner } from './podman.js';
import { commandsOf } from './typed.js';

const WORK = join(ROOT, 'build/guide-machines');
const DEBIAN = join(ROOT, 'build/guide-debian.tar'); // with the packages of others that the guide installs; `make clean` forgets it
const BARE = 'systemd-sysv,dbus,openssh-server,openssh-client,iproute2,hostname';
const GUIDE = readFileSync(join(ROOT, 'infra/ha/GUIDE'), 'utf8');
const ADDRESS = Object.fromEntries([...GUIDE.matchAll(/\b(one|two|three)=([\d.]+)/g)].map(([, name, address]) => [name, address]));
const [, VISITORS] = /visitors=([\d.]+)/.exec(GUIDE);
const [, NET] = /net=(\S+)/.exec(GUIDE);
const MACHINES = Object.keys(ADDRESS);
const MOST = 30;
const NETWORK = `fairgate-guide-${process.pid}`;
const nameOf = (machine) => `${NETWORK}-${machine}`;

function run(what, argv, env = {}) {
  const { status, stdout, stderr, error } = spawnSync(what, argv, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive', CONTAINERS_CONF: join(WORK, 'containers.conf'), ...env }, maxBuffer: 1 << 26 });
  assert.equal(status, 0, `${what} ${argv.join(' ')}: ${error ?? ''}${stdout}${stderr}`);
  return stdout;
}
const podman = (...argv) => run('podman', ['--root', join(WORK, 'store'), '--runroot', join(WORK, 'run'), '--storage-driver', 'vfs', ...argv]);
const on = (machine, script) => podman('exec', '-e', 'HOME=/root', '-e', 'LC_ALL=C', '-e', 'DEBIAN_FRONTEND=noninteractive', nameOf(machine), 'bash', '-ec', script).trim();

// [{number, machines, script}]: a step without commands is the reader's.
const STEPS = GUIDE.split(/^(?=\d+\. )/m).slice(1).map((step) => {
  const [, number, names] = /^(\d+)\. ((?:one|two|three)(?: two| three)*): /.exec(step);
  return { number: Number(number), machines: names.split(' '), script: step.match(/^ {7}.*\n/gm)?.join('').replace(/^ {7}/gm, '') ?? '' };
});

let signer;
before(async () => {
  rmSync(WORK, { recursive: true, force: true });
  mkdirSync(join(WORK, 'backups'), { recursive: true });
  writeFileSync(join(WORK, 'containers.conf'), `${CONTAINERS}[network]\nnetwork_backend = "netavark"\nnetwork_config_dir = "${WORK}/networks"\n`);
  signer = openSigner(join(WORK, 'keys'));
  const [, release] = /^VERSION_CODENAME=(\w+)/m.exec(readFileSync('/etc/os-release', 'utf8'));
  const root = (machine) => join(WORK, machine);
  const others = [...GUIDE.matchAll(/apt-get install -qy (.*)/g)].flatMap(([, names]) => names.split(' ')).filter((name) => !name.startsWith('fairgate'));
  if (!existsSync(DEBIAN)) {
    const hook = `chroot "$1" apt-get -qy --no-install-recommends --download-only install haproxy libjemalloc2 socat ca-certificates ${[...new Set(others)].join(' ')}`;
    run('mmdebstrap', ['--quiet', '--variant=minbase', '--skip=cleanup/apt', `--include=${BARE}`, `--customize-hook=${hook}`, release, `${DEBIAN}.new.tar`]);
    renameSync(`${DEBIAN}.new.tar`, DEBIAN);
  }
  podman('network', 'create', '--internal', '--subnet', NET, NETWORK);
  for (const machine of MACHINES) {
    mkdirSync(root(machine));
    run('tar', ['-xf', DEBIAN, '-C', root(machine), '--numeric-owner', '--xattrs', '--xattrs-include=*']);
    execFileSync(join(ROOT, 'infra/apt'), [join(ROOT, 'build/deb'), join(root(machine), 'packages')], { env: { ...process.env, ...signer } });
    writeFileSync(join(root(machine), 'etc/apt/sources.list.d/fairgate.list'), `deb [signed-by=/packages/fairgate.asc] file:/packages ${release} main\n`);
    writeFileSync(join(root(machine), 'etc/apt/apt.conf.d/guide'), 'APT::Install-Recommends "false";\n');
    run('chroot', [root(machine), 'apt-get', '-q', 'update', '-o', 'Dir::Etc::SourceList=/dev/null', '-o', 'APT::Get::List-Cleanup=0']);
    run('chroot', [root(machine), 'apt-get', '-qy', '--download-only', 'install', 'fairgate']);
    const hosts = MACHINES.flatMap((name) => ['--add-host', `${name}:${ADDRESS[name]}`]);
    podman('run', '--detach', '--privileged', '--network', NETWORK, '--ip', ADDRESS[machine], '--hostname', machine, ...hosts, '-v', `${WORK}/backups:/mnt/backups`,
      '--systemd', 'always', '--name', nameOf(machine), '--rootfs', root(machine), '/sbin/init');
    await until(`${machine} to be up`, () => /^(running|degraded)$/.test(on(machine, 'systemctl is-system-running || true')), { timeoutMs: 120_000, everyMs: 500 });
  }
  on('one', "mkdir -p -m 700 /root/.ssh; ssh-keygen -qt ed25519 -N '' -f /root/.ssh/id_ed25519; echo 'StrictHostKeyChecking accept-new' >/root/.ssh/config");
  for (const machine of MACHINES) on(machine, `mkdir -p -m 700 /root/.ssh; echo '${on('one', 'cat /root/.ssh/id_ed25519.pub')}' >/root/.ssh/authorized_keys; systemctl start ssh`);
});

after(() => {
  for (const machine of MACHINES) podman('rm', '--force', '--ignore', '--time', '5', nameOf(machine));
  podman('network', 'rm', '--force', NETWORK);
  closeSigner(signer);
  rmSync(WORK, { recursive: true, force: true });
});

test('the guide has few steps, one after the other', () => {
  assert.ok(STEPS.length <= MOST);
  assert.deepEqual(STEPS.map(({ number }) => number), STEPS.map((_, n) => n + 1));
});

for (const { number, machines, script } of STEPS.filter((step) => step.script)) {
  test(`step ${number}`, () => {
    for (const machine of machines) on(machine, `[ ! -r /root/site ] || . /root/site\n${script}`);
  });
}

const ready = (machine, from) => on(from, `for port in 8091 8092 8093; do curl -s -o /dev/null -w '%{http_code} ' http://${ADDRESS[machine]}:$port/readyz || true; done`);
// A new visitor's place.
const newPlace = (from) => JSON.parse(on(from, `curl -sS -m 5 -X POST http://${VISITORS}/v1/queue/demo/join`)).position;
// Whose PostgreSQL takes writes: one, unless it was too slow meanwhile; and the other one.
const leads = () => {
  const leader = /(one|two) +\|[^|]*\| Leader/.exec(on('one', 'patronictl -c /etc/patroni/config.yml list'))?.[1];
  return leader && [leader, leader === 'one' ? 'two' : 'one'];
};

test('what the guide made is whole', async () => {
  await until('all services, and one of the seats as a standby', () => [ready('one', 'two'), ready('two', 'two')].sort().join() === '200 200 200,200 503 200', { timeoutMs: 120_000, everyMs: 500 });
  await until('WAL to arrive', () => on(leads()[0], 'runuser -u postgres -- pgbackrest --stanza=fairgate check || echo no') === '', { timeoutMs: 120_000, everyMs: 500 });
  on('two', 'systemctl start fairgate-line-save; ls /mnt/backups/line/line-*.rdb');
  on('two', 'fairgate halls import demo /usr/share/fairgate/halls/theatre.json; fairgate create demo; fairgate open demo');
  await until('a place', () => newPlace('two') > 0, { timeoutMs: 60_000, everyMs: 500 });
});

test("the runbook's questions to Redis, Sentinel and Patroni are answered", () => {
  const asked = commandsOf(readFileSync(join(ROOT, 'docs/operate/runbook.md'), 'utf8')).filter((line) => /^(redis-cli|patronictl)/.test(line) && !/ CLUSTER |grep/.test(line));
  for (const command of asked) {
    const said = on('one', `. /root/site; ${command}`);
    assert.ok(said.length > 0 || /slowlog/.test(command), command);
    assert.doesNotMatch(said, /^(ERR|NO[A-Z]+|WRONGPASS) /m, command);
  }
  assert.ok(asked.some((command) => /sentinel/.test(command)) && asked.some((command) => /^patronictl/.test(command)));
});

test('the machine that leads is lost: places go on behind those that were given, and the other one owns the seats', async () => {
  const [lost, other] = await until('a leader', leads, { everyMs: 500 });
  const last = newPlace(other);
  podman('kill', nameOf(lost));
  assert.ok(await until('a place', () => newPlace(other), { timeoutMs: 120_000, everyMs: 500 }) > last);
  await until('everything at the other one', () => ready(other, other) === '200 200 200', { timeoutMs: 120_000, everyMs: 500 });
  assert.match(on(other, 'fairgate halls list'), /^demo +owned +yes/m);
});

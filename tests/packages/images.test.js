// Tests the container images: their contents, and that a second release has the same bytes. Then compose.yaml starts a
// whole Fairgate, and visitors go from the line to a ticket. With shared-seats.yaml an owner is also killed.
// `make images-test` runs it, as root.
//
// The build uses a storage of its own, and podman uses networks of its own. Only Debian's packages come from outside;
// after that the test reaches only containers on this machine.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, lstatSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before, describe } from 'node:test';
import { blocksOf } from '../../infra/docs/pages.js';
import { client, freePortBase, ROOT, until } from '../lib-js/index.js';
import { assertClosed, assertGivesBack, closeSigner, imageOf, openPodman, openSigner, run, USER, VERSION } from './podman.js';
import { openSale, walkThrough } from './sale.js';

const IMAGES = ['queue-front', 'seat-service', 'payment-adapter', 'edge', 'ctl'];
const PROGRAM = { edge: 'usr/sbin/haproxy', ctl: 'usr/bin/fairgate' };
const ABOVE_BASE_MAX = 60e6;
const WORK = join(ROOT, 'build/images-test');
const [UP, OPEN, DOWN] = blocksOf(readFileSync(join(ROOT, 'infra/compose/README.md'), 'utf8')).map(({ text }) => text); // typed as they are

let machine;
let env;
const podman = (...argv) => run(env, 'podman', ...argv);
const inspect = (name, where = env) => JSON.parse(run(where, 'podman', 'image', 'inspect', imageOf(name)))[0];

before(() => {
  machine = openPodman(WORK);
  env = machine.storage('store');
  run(env, 'infra/images/build');
});

after(() => machine.close());

function* filesBelow(dir, path = '') {
  for (const entry of readdirSync(join(dir, path), { withFileTypes: true })) {
    const at = join(path, entry.name);
    yield at;
    if (entry.isDirectory()) yield* filesBelow(dir, at);
  }
}

function mounted(name, look) {
  const root = podman('image', 'mount', imageOf(name)).trim();
  try {
    return look(root);
  } finally {
    podman('image', 'unmount', imageOf(name));
  }
}

for (const name of IMAGES) {
  test(`${name} is one program for a user who owns nothing, on the base that all share`, () => {
    const base = inspect('base');
    const image = inspect(name);
    assert.equal(image.Config.User, `${USER}:${USER}`);
    assert.deepEqual(image.RootFS.Layers.slice(0, -1), base.RootFS.Layers);
    assert.ok(image.Size - base.Size < ABOVE_BASE_MAX, `${image.Size - base.Size} bytes above the base`);
    const labels = Object.fromEntries(Object.entries(image.Labels).map(([key, value]) => [key.replace('org.opencontainers.image.', ''), value]));
    assert.equal(labels.version, VERSION);
    assert.equal(labels.licenses, 'Apache-2.0');
    assert.match(labels.title, /^Fairgate: /);
    assert.match(labels.revision, /^[0-9a-f]{40}$/);
    assert.equal(new Date(image.Created).getTime(), new Date(labels.created).getTime());
    const program = PROGRAM[name] ?? `usr/bin/${name}`;
    assert.equal(image.Config.Entrypoint[0], `/${program}`);
    mounted(name, (root) => {
      const files = [...filesBelow(root)];
      assert.deepEqual(files.filter((path) => /^usr\/s?bin\//.test(path)), [program]);
      for (const path of files) {
        const { mode, uid, gid } = lstatSync(join(root, path));
        assert.deepEqual([uid, gid], [0, 0], path);
        assert.equal(mode & 0o6000, 0, `${path} takes on another's rights`);
        if ((mode & 0o170000) !== 0o120000 && path !== 'tmp') assert.equal(mode & 0o022, 0, `${path} can be written to`);
      }
    });
  });

  test(`${name} carries a bill of what is in it`, () => {
    mounted(name, (root) => {
      const bom = JSON.parse(readFileSync(join(root, 'usr/share/sbom/fairgate.cdx.json'), 'utf8'));
      assert.deepEqual([bom.bomFormat, bom.specVersion, bom.metadata.component.name], ['CycloneDX', '1.6', `fairgate/${name}`]);
      const named = new Map(bom.components.map((one) => [one.name, one]));
      for (const list of readdirSync(join(root, 'var/lib/dpkg/status.d')).filter((one) => !one.startsWith('fairgate'))) assert.ok(named.get(list)?.licenses.length > 0, list);
      assert.ok(named.has('libc6'));
      if (name === 'edge') assert.ok(named.has('haproxy'));
      else {
        const program = name === 'ctl' ? 'fairgate' : name;
        assert.equal(named.get(program).hashes[0].content, createHash('sha256').update(readFileSync(join(root, 'usr/bin', program))).digest('hex'));
      }
    });
  });
}

test('a release is signed, complete, and says of what it was made', { skip: VERSION.endsWith('.changed') && 'something is not committed' }, (t) => {
  const signer = { ...env, ...openSigner(join(WORK, 'keys')) };
  t.after(() => closeSigner(signer));
  const dist = join(ROOT, 'build/dist');
  run(signer, 'infra/release');
  run(signer, 'gpg', '--verify', join(dist, 'SHA256SUMS.asc'), join(dist, 'SHA256SUMS'));
  const sums = new Map(readFileSync(join(dist, 'SHA256SUMS'), 'utf8').trim().split('\n').map((line) => line.split('  ').reverse()));
  for (const [path, sum] of sums) assert.equal(createHash('sha256').update(readFileSync(join(dist, path))).digest('hex'), sum, path);
  assert.deepEqual([...filesBelow(dist)].filter((path) => lstatSync(join(dist, path)).isFile() && !/^SHA256SUMS|InRelease$/.test(path)).sort(), [...sums.keys()].sort());
  const { predicate, subject } = JSON.parse(readFileSync(join(dist, 'provenance.json'), 'utf8'));
  for (const { name, digest } of subject) assert.equal(digest.sha256, sums.get(name), name);
  assert.equal(subject.length, sums.size - 1);
  for (const name of ['libuv1-dev', 'haproxy']) assert.ok(predicate.buildDefinition.resolvedDependencies.some(({ uri }) => uri.startsWith(`pkg:deb/debian/${name}@`)), name);
  const { components } = JSON.parse(readFileSync(join(dist, 'sbom.json'), 'utf8'));
  for (const name of ['queue-front', 'seat-service', 'payment-adapter']) {
    const [{ content }] = components.find((one) => one.name === name).hashes;
    mounted(name, (root) => assert.equal(createHash('sha256').update(readFileSync(join(root, 'usr/bin', name))).digest('hex'), content, name));
  }
  const other = machine.storage('other');
  for (const name of IMAGES) {
    run(other, 'podman', 'load', '--quiet', '--input', join(dist, 'images', `fairgate-${name}.tar`));
    assert.equal(inspect(name, other).Id, inspect(name).Id, name);
  }

  const elsewhere = join(WORK, 'elsewhere');
  run(env, 'git', 'clone', '-q', ROOT, elsewhere);
  cpSync(join(ROOT, 'build/deb'), join(elsewhere, 'build/deb'), { recursive: true }); // `make reproducible` builds them twice
  const again = { ...signer, ...machine.storage('again'), FAIRGATE_SNAPSHOT: join(ROOT, 'build/images/snapshot'), HOME: WORK, TZ: 'Asia/Seoul' };
  run(again, join(elsewhere, 'infra/images/build'), ...IMAGES);
  run(again, join(elsewhere, 'infra/release'));
  assert.equal(readFileSync(join(elsewhere, 'build/dist/SHA256SUMS'), 'utf8'), readFileSync(join(dist, 'SHA256SUMS'), 'utf8'), 'the same bytes, elsewhere and later');
});

// Containers started by the README's commands in a folder of their own. `files` go between compose.yaml and demo.yaml.
function openComposed(name, ...files) {
  const project = 'compose';
  const dir = join(WORK, name, 'infra/compose');
  const secrets = join(dir, 'secrets');
  const argv = ['compose.yaml', ...files, 'demo.yaml'].flatMap((file) => ['-f', join(dir, file)]);
  const type = (text, from = dir) => run(settings, 'bash', '-ec', `cd ${from}\n${text.replace('compose.yaml', ['compose.yaml', ...files].join(' -f '))}`);
  const ports = {};
  const settings = {};
  const container = (service) => `${project}_${service}_1`;
  const logs = () => podman('ps', '-a', '--format', '{{.Names}}').trim().split('\n').map((one) => `== ${one}\n${spawnSync('podman', ['logs', '--tail', '15', one], { env, encoding: 'utf8' }).stderr}`).join('\n');
  return {
    project, secrets, argv, ports, settings, container, type,
    compose: (...more) => run(settings, 'podman-compose', ...argv, ...more),
    look: (service) => JSON.parse(podman('container', 'inspect', container(service)))[0],
    admin: (port) => client({ port: ports[port], token: readFileSync(join(secrets, 'admin-token'), 'utf8').trim(), timeoutMs: 60_000 }),
    users: () => join(podman('volume', 'inspect', '--format', '{{.Mountpoint}}', `${project}_shop`).trim(), 'demo-users.json'),
    async orLogs(work) {
      try {
        return await work();
      } catch (error) {
        throw new Error(`${error.message}\n${logs()}`);
      }
    },
    async up() {
      for (const part of ['infra/compose', 'infra/stack/secrets']) cpSync(join(ROOT, part), join(WORK, name, part), { recursive: true });
      symlinkSync(join(ROOT, 'build'), join(WORK, name, 'build'));
      const base = await freePortBase();
      writeFileSync(join(dir, 'fairgate.profiles'), readFileSync(join(dir, 'fairgate.profiles'), 'utf8').replace(/80(8|9)(\d)/g, (_, nine, n) => base + (nine - 8) * 10 + Number(n)));
      Object.assign(ports, { edge: base, psp: base + 4, shop: base + 5, queue: base + 11, seats: base + 12, pay: base + 13, seats1: base + 14, seats2: base + 15 });
      Object.assign(settings, {
        ...env, FAIRGATE_LISTEN: `127.0.0.1:${ports.edge}`, FAIRGATE_PUBLIC_URL: `http://localhost:${ports.edge}`,
        FAIRGATE_CONSOLE_PORT: ports.queue, FAIRGATE_SEATS_PORT: ports.seats, FAIRGATE_SEATS_1_PORT: ports.seats1, FAIRGATE_SEATS_2_PORT: ports.seats2,
        FAIRGATE_PAY_PORT: ports.pay, FAIRGATE_PSP_PORT: ports.psp, FAIRGATE_SHOP_PORT: ports.shop,
      });
      type(UP, join(WORK, name));
    },
    down() {
      type(DOWN);
      podman('volume', 'rm', '--all', '--force');
      for (const network of podman('network', 'ls', '--format', '{{.Name}}').split('\n').filter((one) => one.startsWith(`${project}_`))) spawnSync('podman', ['network', 'rm', '--force', network], { env });
    },
  };
}

describe('compose.yaml', () => {
  let stack;
  const look = (service) => stack.look(service);

  before(async () => {
    stack = openComposed('all');
    await stack.up();
  });

  after(() => stack.down());

  test('brings everything up', () => stack.orLogs(() => openSale({ ...stack, name: 'A night in containers', event: 'night' })));

  test('leads from the line to a ticket', () => stack.orLogs(() => walkThrough({ ...stack, users: stack.users(), event: 'night' })));

  test('has an event by the commands of its page', async () => {
    stack.type(OPEN);
    await until('the event', async () => (await client({ port: stack.ports.edge }).get('/v1/queue/demo/status')).json?.state === 'open');
  });

  test('is asked by the command line from a container of its own', () => {
    writeFileSync(join(WORK, 'profiles'), '[default]\nqueue = "http://queue-front:8091"\nseats = "http://seat-service:8092"\npay = "http://payment-adapter:8093"\ntoken_file = "/run/secrets/admin-token"\n');
    const said = podman(
      'run', '--rm', '--read-only', '--cap-drop', 'ALL', '--network', `${stack.project}_inside`, '-v', `${WORK}/profiles:/run/profiles:ro`,
      '-v', `${stack.secrets}/admin-token:/run/secrets/admin-token:ro`, '-e', 'FAIRGATE_PROFILES=/run/profiles', imageOf('ctl'), 'events',
    );
    assert.match(said, /A night in containers/);
  });

  test('runs each of them closed: nothing to write to, no right, no other user, its own secrets', () => {
    for (const service of ['redis', 'postgres', 'queue-front', 'seat-service', 'payment-adapter', 'edge']) {
      const { HostConfig, EffectiveCaps, State, Mounts } = look(service);
      assert.deepEqual([HostConfig.ReadonlyRootfs, HostConfig.Privileged, EffectiveCaps ?? []], [true, false, []], service);
      assertClosed(State.Pid, service);
      const given = Mounts.filter(({ Destination }) => Destination.startsWith('/run/secrets/'));
      for (const { Source, RW } of given) assert.deepEqual([RW, statSync(Source).mode & 0o777], [false, 0o600], Source);
    }
    const given = (service) => look(service).Mounts.map(({ Destination }) => Destination);
    assert.ok(!given('queue-front').some((path) => /pgpass|db-|psp-/.test(path)));
    assert.ok(!given('seat-service').some((path) => /psp-|ticket-keys|payment/.test(path)));
    assert.deepEqual(given('edge').filter((path) => path.startsWith('/run/secrets')), []);
  });

  test('runs each of ours with an allocator that gives back what a crowd took', () => {
    for (const service of ['queue-front', 'seat-service', 'payment-adapter', 'edge']) assertGivesBack(look(service).State.Pid, service);
  });

  test('hands the issuer of operators to all three services, and none unless there is one', () => {
    const services = ['queue-front', 'seat-service', 'payment-adapter'];
    const told = (service) => Object.fromEntries(look(service).Config.Env.map((line) => line.split(/=(.*)/s)).filter(([name]) => name.startsWith('FAIRGATE_OPERATORS_')));
    const names = ['AUDIENCE', 'ISSUER', 'KEYS', 'ROLE_PREFIX'].map((name) => `FAIRGATE_OPERATORS_${name}`);
    for (const service of services) assert.deepEqual(Object.entries(told(service)).sort(), names.map((name) => [name, '']), service);
    const given = Object.fromEntries(names.map((name) => [name, `x-${name}`]));
    // Debian's podman-compose has no `config`, but a dry run prints the podman commands.
    const { stdout, stderr } = spawnSync('podman-compose', ['--dry-run', ...stack.argv, 'up', '-d'], { env: { ...stack.settings, ...given }, cwd: ROOT, encoding: 'utf8' });
    const commands = (stdout + stderr).split('\n');
    for (const service of services) {
      const made = commands.find((line) => line.includes(`--name=${stack.container(service)} `));
      for (const name of names) assert.ok(made?.includes(`${name}=x-${name}`), `${service}: ${name}: ${made}`);
    }
  });

  // Whether a process in the network of one container can connect to another's port.
  const reaches = (from, to, port) => Object.values(look(to).NetworkSettings.Networks).some(({ IPAddress }) =>
    spawnSync('nsenter', [`--net=/proc/${look(from).State.Pid}/ns/net`, 'timeout', '2', 'bash', '-c', `exec 3<>/dev/tcp/${IPAddress}/${port}`]).status === 0);

  test('lets each reach what it needs: the stores are not for all, and the provider is for the adapter', () => {
    const may = { redis: [6379, ['queue-front']], postgres: [5432, ['seat-service', 'payment-adapter']] };
    for (const [store, [port, friends]] of Object.entries(may))
      for (const service of ['queue-front', 'seat-service', 'payment-adapter', 'edge'])
        assert.equal(reaches(service, store, port), friends.includes(service), `${service} and ${store}`);
    assert.ok(reaches('payment-adapter', 'demo-shop', 8085));
  });

  test('ends in good order on SIGTERM', () => {
    stack.compose('stop', '-t', '60');
    for (const service of ['edge', 'queue-front', 'seat-service', 'payment-adapter', 'postgres', 'redis']) assert.equal(look(service).State.ExitCode, 0, service);
  });
});

describe('shared-seats.yaml', () => {
  const PROCESSES = { 'seat-service-0': ['seat-service', 'seats'], 'seat-service-1': ['seat-service-1', 'seats1'], 'seat-service-2': ['seat-service-2', 'seats2'] };
  const EVENTS = ['one', 'two'];
  let stack;

  before(async () => {
    stack = openComposed('shared', 'shared-seats.yaml');
    await stack.up();
  });

  after(() => stack.down());

  // The only process that reports the event as open, or null.
  async function ownerOf(event) {
    const owners = [];
    for (const [name, [, port]] of Object.entries(PROCESSES)) {
      const { json } = await stack.admin(port).get('/admin/events').catch(() => ({}));
      if (json?.events.some((one) => one.event === event && one.open)) owners.push(name);
    }
    return owners.length === 1 ? owners[0] : null;
  }

  const bought = (event) => stack.orLogs(() => walkThrough({ ...stack, users: stack.users(), event }));

  test('brings up processes of the seats that share the events', () => stack.orLogs(async () => {
    for (const event of EVENTS) {
      await openSale({ ...stack, name: `Night ${event}`, event });
      await until(`${event} to have an owner`, () => ownerOf(event), { timeoutMs: 60_000, everyMs: 200 });
    }
    const owners = await Promise.all(EVENTS.map(ownerOf));
    assert.equal(new Set(owners).size, EVENTS.length, `owned by ${owners}`);
  }));

  for (const event of EVENTS) test(`sells event ${event} through the edge`, () => bought(event));

  test('goes on selling both when an owner is killed', async () => {
    const owner = await ownerOf('one');
    podman('kill', stack.container(PROCESSES[owner][0]));
    await stack.orLogs(() => until('another to own its event', async () => ![null, owner].includes(await ownerOf('one')), { timeoutMs: 60_000, everyMs: 100 }));
    for (const event of EVENTS) await bought(event);
  });
});

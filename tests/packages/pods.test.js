// Runs what infra/kubernetes renders: podman plays the pods of the overlay `small`, patched for an invented company, and
// visitors go from the line to a ticket. `make kube-test` runs it, as root.
//
// podman is no cluster, so this file stands in for the following. The first test checks that no kind is forgotten.
//   - controllers: makes a pod from a StatefulSet; podman itself handles a Deployment
//   - the kubelet: mounts secrets, config maps and empty folders, and runs each probe (podman would use curl, which our
//     images lack)
//   - Services: names in podman's network, and host ports for people
//   - CloudNativePG: the PostgreSQL image of compose.yaml, one container per database
// Not tested: network policies (tests/lib-js/manifests.js computes them), budgets and scaling.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import yaml from 'js-yaml';
import { client, freePortBase, ROOT, until } from '../lib-js/index.js';
import { kustomized } from '../lib-js/manifests.js';
import { assertClosed, assertGivesBack, imageOf, openPodman, run, TAG, USER } from './podman.js';
import { openSale, walkThrough } from './sale.js';

const WORK = join(ROOT, 'build/kube-test');
const NETWORK = `fairgate-pods-${process.pid}`;
const SERVICES = ['queue-front', 'seat-service', 'payment-adapter'];
const IMAGES = [...SERVICES, 'edge', 'ctl', 'redis', 'postgres', 'demo'];
const secrets = join(WORK, 'secrets');
const ports = {};
let machine;
let env;
let documents;

const podman = (...argv) => run(env, 'podman', ...argv);
const named = (kind, name) => documents.find((one) => one.kind === kind && one.metadata.name === name);
const workloadOf = (name) => named('Deployment', name) ?? named('StatefulSet', name);
const admin = (port) => client({ port: ports[port], token: readFileSync(join(secrets, 'admin-token'), 'utf8').trim(), timeoutMs: 60_000 });
const containers = (...more) => JSON.parse(podman('ps', '-a', '--format', 'json', ...more)).filter(({ IsInfra }) => !IsInfra);
const logs = () => containers().map(({ Names, Id, State, ExitCode }) => {
  const { stdout, stderr } = spawnSync('podman', ['logs', '--tail', '15', Id], { env, encoding: 'utf8' });
  return `== ${Names[0]} ${State} ${ExitCode}\n${stdout}${stderr}`;
}).join('\n');
async function orLogs(work) {
  try {
    return await work();
  } catch (error) {
    throw new Error(`${error.message}\n${logs()}`);
  }
}

// ---- what a company patches ----

// The invented company of compose's demo. In its settings ${NAME:-default} is replaced, and $$ becomes $.
const demo = yaml.load(readFileSync(join(ROOT, 'infra/compose/demo.yaml'), 'utf8')).services;
const given = () => ({ FAIRGATE_VERSION: TAG, FAIRGATE_PUBLIC_URL: `http://localhost:${ports.edge}`, FAIRGATE_PSP_PORT: ports.psp });
const filled = (text) => String(text).replace(/\$\$|\$\{(\w+):-([^}]*)\}/g, (all, name, usual) => (all === '$$' ? '$' : given()[name] ?? usual));
const settingsOf = (service) => Object.fromEntries(Object.entries(service.environment).map(([key, value]) => [key, filled(value)]));

function ofCompany() {
  const publicUrl = given().FAIRGATE_PUBLIC_URL;
  const map = (name, data) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data });
  mkdirSync(join(WORK, 'company'));
  writeFileSync(join(WORK, 'company/company.yaml'), [map('payment-adapter', { ...settingsOf(demo['payment-adapter']), FAIRGATE_WEB_PUBLIC_URL: publicUrl }), map('queue-front', { FAIRGATE_WEB_PUBLIC_URL: publicUrl })].map((one) => yaml.dump(one)).join('---\n'));
  writeFileSync(join(WORK, 'company/kustomization.yaml'), yaml.dump({ apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization', bases: ['overlays/small', 'canary'].map((folder) => `../../../infra/kubernetes/${folder}`), patchesStrategicMerge: ['company.yaml'], images: [...IMAGES.map((name) => ({ name: imageOf(name).split(':')[0], newTag: TAG })), { name: 'localhost/fairgate/queue-front-new', newName: imageOf('queue-front').split(':')[0], newTag: TAG }] }));
  return kustomized('../../build/kube-test/company');
}

// ---- the kubelet ----

// Writes the files of a Secret or a ConfigMap as a kubelet does: owned by root, readable for the pod's group.
function laidDown(name, files, mode) {
  const dir = join(WORK, 'given', name);
  mkdirSync(dir, { recursive: true, mode: 0o755 });
  for (const [file, bytes] of Object.entries(files)) {
    writeFileSync(join(dir, file), bytes);
    chownSync(join(dir, file), 0, USER);
    chmodSync(join(dir, file), mode);
  }
  return { path: dir, type: 'Directory' };
}

// An empty folder that the pod's group may write to. podman's own belongs to root, and pods share it if the names are equal.
function empty(name) {
  const dir = join(WORK, 'empty', name);
  mkdirSync(dir, { recursive: true });
  chownSync(dir, 0, USER);
  chmodSync(dir, 0o2777);
  return { path: dir, type: 'Directory' };
}

let secretFiles; // by Secret and name
function volumeOf(pod, { name, secret, configMap }) {
  if (secret) return { name, hostPath: laidDown(`secret-${secret.secretName}`, secretFiles[secret.secretName] ?? (secret.optional ? {} : null), secret.defaultMode) };
  if (configMap) return { name, hostPath: laidDown(`map-${configMap.name}`, named('ConfigMap', configMap.name).data, 0o644) };
  return { name, hostPath: empty(`${pod}-${name}`) };
}

// The pod's names in the network: those of the Services that select it.
function aliasesOf(workload) {
  const { labels } = workload.spec.template.metadata;
  const found = documents.filter(({ kind, spec }) => kind === 'Service' && Object.entries(spec.selector).every(([key, value]) => labels[key] === value));
  return found.flatMap(({ metadata: { name, namespace } }) => [name, `${name}.${namespace}.svc.cluster.local`]);
}
const network = (aliases) => [NETWORK, aliases.map((alias) => `alias=${alias}`).join(',')].filter((part) => part !== '').join(':');

// A workload's pod for podman: with the volumes above, without probes. It keeps only published ports, because podman opens
// every port on all addresses of the machine.
function podOf(workload, published = {}) {
  const { metadata, spec } = structuredClone(workload.spec.template);
  spec.restartPolicy = 'OnFailure'; // with `Always` podman restarts the init container for ever
  spec.volumes = [...(spec.volumes ?? []), ...(workload.spec.volumeClaimTemplates ?? []).map((claim) => claim.metadata)].map((volume) => volumeOf(workload.metadata.name, volume));
  for (const container of spec.containers) {
    for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) delete container[probe];
    container.ports = (container.ports ?? []).filter(({ name }) => published[name]).map((port) => ({ ...port, hostPort: published[port.name], hostIP: '127.0.0.1' }));
  }
  return { metadata, spec };
}

function played(name, published) {
  const workload = workloadOf(name);
  const template = podOf(workload, published);
  const pod = workload.kind === 'Deployment'
    ? { ...workload, spec: { ...workload.spec, template } }
    : { apiVersion: 'v1', kind: 'Pod', ...template, metadata: { ...template.metadata, name: `${name}-0` } };
  const file = join(WORK, `${name}.yaml`);
  const maps = template.spec.containers.flatMap(({ envFrom = [] }) => envFrom).map(({ configMapRef }) => named('ConfigMap', configMapRef.name)).filter(Boolean);
  writeFileSync(file, [...maps, pod].map((one) => yaml.dump(one)).join('---\n'));
  podman('kube', 'play', '--quiet', '--network', network(aliasesOf(workload)), file);
}

// A workload's running containers, found by the labels that its Service and its budget select.
const running = (name) => containers(...Object.entries(workloadOf(name).spec.selector.matchLabels).flatMap(([key, value]) => ['--filter', `label=${key}=${value}`]));
const mainOf = (name) => {
  const [container] = running(name).filter(({ Names }) => !/-(secrets|migrate)$/.test(Names[0]));
  return JSON.parse(podman('container', 'inspect', container.Id))[0];
};

// Runs a command in a process's network namespace, from where the kubelet and `kubectl port-forward` connect.
const within = (pid, ...argv) => spawnSync('nsenter', [`--net=/proc/${pid}/ns/net`, ...argv], { encoding: 'utf8' });
const asks = (pid, at, ...more) => within(pid, 'curl', '-s', '-m', '5', ...more, `http://${at}`).stdout;
const listens = (pid, port) => within(pid, 'timeout', '5', 'bash', '-c', `exec 3<>/dev/tcp/127.0.0.1/${port}`).status === 0;

function isGreen(probe, container, { State, Id }) {
  const port = (asked) => container.ports.find(({ name }) => name === asked).containerPort;
  if (probe.httpGet) return /^[23]/.test(asks(State.Pid, `127.0.0.1:${port(probe.httpGet.port)}${probe.httpGet.path}`, '-o', '/dev/null', '-w', '%{http_code}'));
  if (probe.tcpSocket) return listens(State.Pid, port(probe.tcpSocket.port));
  return spawnSync('podman', ['exec', Id, ...probe.exec.command], { env }).status === 0;
}

async function turnsGreen(name) {
  const [container] = workloadOf(name).spec.template.spec.containers;
  for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'])
    await until(`${probe} of ${name}`, () => isGreen(container[probe], container, mainOf(name)), { timeoutMs: 180_000, everyMs: 300 });
}

// ---- engines, and a company: containers as compose has them ----

const CLOSED = ['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--tmpfs', '/tmp'];
function stands(alias, image, needed, more = [], command = []) {
  const mounts = needed.flatMap((file) => ['-v', `${secrets}/${file}:/run/secrets/${file}:ro`]);
  podman('run', '-d', '--name', `${NETWORK}-${alias}`, ...CLOSED, '--network', network([alias]), ...mounts, ...more, image, ...command);
}

function engines() {
  for (const { metadata, spec } of documents.filter(({ kind }) => kind === 'Cluster')) stands(`${metadata.name}-rw`, imageOf('postgres'), [`db-${spec.bootstrap.initdb.owner}`]);
  played('redis');
}

function company() {
  stands('postgres', imageOf('postgres'), demo.postgres.secrets);
  for (const name of ['demo-shop-seed', 'demo-shop', 'psp-sandbox']) {
    const service = demo[name];
    const said = Object.entries(settingsOf(service)).flatMap(([key, value]) => ['-e', `${key}=${value}`]);
    const kept = service.volumes.flatMap((volume) => ['-v', `${NETWORK}-${volume}`]);
    const published = name === 'psp-sandbox' ? service.ports.flatMap((port) => ['-p', filled(port)]) : [];
    stands(name, filled(service.image), service.secrets, [...said, ...kept, ...published, '--restart', 'on-failure'], service.command); // restarts until the database is there
  }
}

// ---- the tests ----

before(async () => {
  machine = openPodman(WORK);
  env = machine.storage('store');
  run(env, 'infra/images/build');
  run(env, 'infra/stack/secrets', secrets);
  secretFiles = Object.fromEntries(yaml.loadAll(run(env, 'infra/kubernetes/secrets', secrets)).map(({ metadata, data }) =>
    [metadata.name, Object.fromEntries(Object.entries(data).map(([file, bytes]) => [file, Buffer.from(bytes, 'base64')]))]));
  run(env, 'chown', '-R', `${USER}:${USER}`, secrets);
  const base = await freePortBase();
  Object.assign(ports, { edge: base, psp: base + 4, queue: base + 11, seats: base + 12, pay: base + 13 });
  documents = ofCompany();
  podman('network', 'create', NETWORK);
  engines();
  company();
});

after(() => {
  for (const argv of [['pod', 'rm', '--all', '--force', '--time', '0'], ['rm', '--all', '--force', '--time', '0', '--volumes'], ['network', 'rm', '--force', NETWORK]]) spawnSync('podman', argv, { env });
  machine.close();
});

test('each kind of document is played, is stood in for, or is left out by name', () => {
  const played_ = ['ConfigMap', 'Deployment', 'StatefulSet'];
  const stoodInFor = ['Cluster', 'Service'];
  const leftOut = ['HorizontalPodAutoscaler', 'Namespace', 'NetworkPolicy', 'PodDisruptionBudget', 'ServiceAccount'];
  assert.deepEqual([...new Set(documents.map(({ kind }) => kind))].sort(), [...played_, ...stoodInFor, ...leftOut].sort());
  // Names in podman's network cannot map ports, so the Service's port must be the container's. Only the edge's differ.
  const moved = documents.filter(({ kind }) => kind === 'Service').flatMap(({ metadata, spec }) => spec.ports.map(({ port, targetPort }) => {
    const workload = documents.find((one) => ['Deployment', 'StatefulSet'].includes(one.kind) && one.metadata.labels['app.kubernetes.io/name'] === spec.selector['app.kubernetes.io/name']);
    const { containerPort } = workload.spec.template.spec.containers[0].ports.find(({ name }) => name === targetPort);
    return containerPort === port ? null : `${metadata.name}:${port} is ${containerPort}`;
  })).filter((one) => one !== null);
  assert.deepEqual(moved, ['edge:80 is 8080', 'edge:443 is 8443']);
});

test('every probe of every pod turns green', () => orLogs(async () => {
  await turnsGreen('redis');
  // A kubelet retries a service's migration until the database is there; podman does not.
  for (const { metadata: { name } } of documents.filter(({ kind }) => kind === 'Cluster')) {
    const { State } = JSON.parse(podman('container', 'inspect', `${NETWORK}-${name}-rw`))[0];
    await until(`${name} to listen`, () => listens(State.Pid, 5432), { timeoutMs: 120_000, everyMs: 300 });
  }
  played('queue-front', { private: ports.queue });
  played('seat-service', { private: ports.seats });
  played('payment-adapter', { private: ports.pay });
  played('edge', { http: ports.edge });
  played('seats-feed');
  for (const name of [...SERVICES, 'edge']) await turnsGreen(name);
}));

test('each process is closed, gives back what a crowd took, and has its secrets as files that nobody else can read', () => {
  for (const name of ['redis', ...SERVICES, 'edge', 'seats-feed']) {
    const { HostConfig, State } = mainOf(name);
    assert.equal(HostConfig.ReadonlyRootfs, true, name);
    assertClosed(State.Pid, name);
    assertGivesBack(State.Pid, name);
  }
  for (const name of SERVICES) {
    const dir = `/proc/${mainOf(name).State.Pid}/root/run/secrets`;
    const files = run(env, 'find', dir, '-type', 'f', '-printf', '%f %U %m\n').trim().split('\n').sort();
    assert.deepEqual(files, Object.keys(secretFiles[name]).sort().map((file) => `${file} ${USER} 400`), name);
  }
});

test('pods lead from the line to a ticket', () => orLogs(async () => {
  await openSale({ ports, admin, name: 'A night in pods' });
  const volume = podman('volume', 'inspect', '--format', '{{.Mountpoint}}', `${NETWORK}-shop`).trim();
  await walkThrough({ ports, admin, users: join(volume, 'demo-users.json') });
}));

test('the edge gives a new version its share, and takes it from its own address alone', () => orLogs(async () => {
  played('queue-front-new');
  await turnsGreen('queue-front-new');
  const edge = mainOf('edge').State.Pid;
  const [address] = within(edge, 'hostname', '-I').stdout.trim().split(' ');
  assert.equal(asks(mainOf('queue-front').State.Pid, `${address}:8404/share?percent=100`, '-X', 'POST', '-o', '/dev/null', '-w', '%{http_code}'), '403');
  assert.equal(asks(edge, '127.0.0.1:8404/share?percent=100', '-X', 'POST'), '100');
  const versions = () => ['queue-front', 'queue-front-new'].map((name) => Number(/^fairgate_http_requests_total\{listener="public"\} (\d+)$/m.exec(asks(mainOf(name).State.Pid, '127.0.0.1:8091/metrics'))?.[1]));
  await until('the new version to be asked', async () => {
    const [before, after] = [versions(), await client({ port: ports.edge }).get('/v1/queue/demo/status').then(versions)];
    return after[0] === before[0] && after[1] > before[1];
  });
}));

test('each pod ends in good order within its grace', () => orLogs(async () => {
  for (const name of ['seats-feed', 'edge', 'queue-front-new', ...SERVICES, 'redis']) {
    const { Pod, Id } = running(name)[0];
    const { terminationGracePeriodSeconds = 30 } = workloadOf(name).spec.template.spec;
    podman('pod', 'stop', '--time', String(terminationGracePeriodSeconds), Pod);
    assert.equal(JSON.parse(podman('container', 'inspect', Id))[0].State.ExitCode, 0, name);
  }
}));

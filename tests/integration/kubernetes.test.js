// The manifests of infra/kubernetes, rendered as kubectl would apply them. tests/lib-js/manifests.js has the checks.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import yaml from 'js-yaml';
import { client, freePortBase, openScope, ROOT, until } from '../lib-js/index.js';
import { behindCrowd, judgeFullEdge, MOST, openCrowded } from '../lib-js/full-edge.js';
import { edgeOf, faultsOf, ISSUER_AT, judgesOf, kustomized, sharedSeats } from '../lib-js/manifests.js';
import { RULES_OF_PODS } from '../lib-js/observe.js';
import { selfSign } from './certificate.js';

const read = (path) => readFileSync(join(ROOT, path), 'utf8');
const small = kustomized('overlays/small');
const production = kustomized('overlays/production');

for (const [name, documents] of Object.entries({ small, production }))
  describe(name, () => {
    for (const [title, judge] of judgesOf(documents)) test(title, judge);
  });

// The result of an overlay with both as its bases.
describe('with operator accounts', () => {
  const documents = [...small, ...kustomized('operators')];
  for (const [title, judge] of judgesOf(documents, { issuer: ISSUER_AT })) test(title, judge);
});

test('operator accounts are off unless they are configured', () => {
  const services = small.filter(({ kind, metadata }) => ['Deployment', 'StatefulSet'].includes(kind) && ['queue-front', 'seat-service', 'payment-adapter'].includes(metadata.name));
  assert.equal(services.length, 3);
  for (const { spec } of services) assert.deepEqual(spec.template.spec.containers[0].envFrom.at(-1), { configMapRef: { name: 'operators', optional: true } });
  assert.doesNotMatch(JSON.stringify(small), /FAIRGATE_OPERATORS/);
  const { data } = kustomized('operators').find(({ kind }) => kind === 'ConfigMap');
  assert.match(data.FAIRGATE_OPERATORS_ISSUER, /^https:/);
});

test('each PodMonitor names a port of its pods and a job of the PrometheusRule, which names no other', (t) => {
  const monitors = kustomized('monitors');
  const { spec: rules } = yaml.load(readFileSync(RULES_OF_PODS, 'utf8'));
  const jobs = [...JSON.stringify(rules).matchAll(/absent\(up\{job=\\"([\w-]+)/g)].map(([, job]) => job);
  assert.equal(jobs.length, monitors.length);
  const file = join(openScope(t).tempDir(), 'rules.yml');
  writeFileSync(file, yaml.dump(rules));
  execFileSync('promtool', ['check', 'rules', file]);
  for (const { kind, metadata, spec } of monitors) {
    assert.equal(kind, 'PodMonitor');
    const pods = small.find((one) => ['Deployment', 'StatefulSet'].includes(one.kind) && one.metadata.name === metadata.name).spec.template;
    for (const [label, value] of Object.entries(spec.selector.matchLabels)) assert.equal(pods.metadata.labels[label], value);
    const [{ port, relabelings: [{ replacement }] }] = spec.podMetricsEndpoints;
    assert.ok(pods.spec.containers[0].ports.some(({ name }) => name === port), `${metadata.name}: ${port}`);
    assert.ok(jobs.includes(replacement), replacement);
  }
});

test('the schema check finds a misspelt field and a wrong type', async () => {
  const planted = (change) => {
    const copy = structuredClone(small.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'edge'));
    change(copy.spec.template.spec);
    return faultsOf(copy);
  };
  assert.deepEqual(await planted(() => {}), []);
  assert.notDeepEqual(await planted((pod) => { pod.containers[0].readinesProbe = {}; }), []);
  assert.notDeepEqual(await planted((pod) => { pod.terminationGracePeriodSeconds = 'long'; }), []);
});

const shared = sharedSeats();

describe('with shared seats', () => {
  for (const [title, judge] of judgesOf(shared)) test(title, judge);
});

const edgeSettings = (documents) => documents.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'edge').data;

// Runs the edge as in a pod of these documents. `ports` maps the image's ports to the test's. `change`: edits its configuration.
// `within`: a command that runs it.
async function openEdge(t, documents, settings, change = (config) => config, within = []) {
  const scope = openScope(t);
  const { dir, config, file } = edgeOf(scope);
  const base = await freePortBase();
  const ports = {};
  writeFileSync(file, change(config).replaceAll('/tmp/edge.sock', join(dir, 'edge.sock')).replace(/^( +bind )[^:\s]*:(\d+)/gm, (all, bind, port) => `${bind}127.0.0.1:${ports[port] ??= base + Object.keys(ports).length}`));
  scope.spawn('haproxy', [...within, 'haproxy', '-db', '-f', file], { env: { ...edgeSettings(documents), ...settings(dir) }, stays: true });
  const clear = client({ port: ports[8080] });
  await until('the edge', async () => (await clear.get('/healthz').catch(() => null))?.status === 200);
  return { ports, clear };
}

test('the edge serves TLS with a Secret\'s certificate and redirects HTTP to it', async (t) => {
  const { ports, clear } = await openEdge(t, production, (dir) => {
    const [key, crt] = ['tls.key', 'tls.crt'].map((name) => join(dir, name));
    selfSign(key, crt);
    const keys = join(dir, 'keys');
    writeFileSync(keys, Array.from({ length: 3 }, () => `${randomBytes(80).toString('base64')}\n`).join(''));
    return { FAIRGATE_EDGE_TLS_PEM: crt, FAIRGATE_EDGE_TICKET_KEYS: keys };
  });
  const sent = await clear.get('/e/world-tour?lang=ko', { headers: { host: 'tickets.example' } });
  assert.deepEqual([sent.status, sent.headers.location], [301, 'https://tickets.example/e/world-tour?lang=ko']);
  const answer = await new Promise((resolve, reject) => { https.get({ port: ports[8443], path: '/', rejectUnauthorized: false, agent: false }, resolve).on('error', reject); });
  assert.deepEqual([answer.resume().statusCode, answer.headers.location], [302, '/e/world-tour']);
  assert.match(execFileSync('sh', ['-c', `openssl s_client -tls1_2 -connect 127.0.0.1:${ports[8443]} </dev/null 2>&1`], { encoding: 'utf8' }), /session ticket:/);
  const { volumes, containers: [{ volumeMounts, ports: open }] } = production.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'edge').spec.template.spec;
  assert.ok(open.some(({ containerPort }) => containerPort === 8443));
  const { mountPath } = volumeMounts.find(({ name }) => name === 'tls');
  const { FAIRGATE_EDGE_TLS_PEM: pem, FAIRGATE_EDGE_TICKET_KEYS: keys } = edgeSettings(production);
  assert.deepEqual([pem, keys], ['tls.crt', 'tls-ticket-keys'].map((name) => join(mountPath, name)));
  assert.deepEqual(volumes.find(({ name }) => name === 'tls').projected.sources.map(({ secret }) => secret.name), ['edge-tls', 'edge-ticket-keys']);
});

const compose = { kind: 'ConfigMap', metadata: { name: 'edge' }, data: yaml.load(read('infra/compose/compose.yaml')).services.edge.environment };
for (const [what, documents] of [['Kubernetes', small], ['compose', [compose]]])
  test(`a full edge in ${what} serves visitors who have a place, its health and the services`, async (t) => {
    const port = await openCrowded(openScope(t));
    const { ports } = await openEdge(t, documents, () => ({ FAIRGATE_EDGE_MAXCONN: String(MOST) }), (config) => behindCrowd(config, port));
    await judgeFullEdge(ports[8080], [[ports[8404], '/healthz'], [ports[8091], '/readyz']], 'demo');
  });

const limited = (path, bytes) => ['prlimit', '--nofile=20000', 'unshare', '-m', 'sh', '-ec', `mount -t tmpfs none /sys/fs/cgroup; mkdir /sys/fs/cgroup/memory; echo ${bytes} >/sys/fs/cgroup/${path}; exec "$@"`, 'sh'];
for (const [what, within, most] of [
  ['the memory of its container', limited('memory.max', 2 ** 28), 2621],
  ['the memory of a container of cgroups version 1', limited('memory/memory.limit_in_bytes', 2 ** 28), 2621],
  ['the files of its container', ['prlimit', '--nofile=3000'], 909],
])
  test(`an edge without FAIRGATE_EDGE_MAXCONN has as many connections as ${what} allows`, async (t) => {
    const { ports } = await openEdge(t, small, () => ({}), undefined, within);
    const figures = async () => (await client({ port: ports[8404] }).get('/metrics')).text;
    await until('the bound', async () => (await figures()).includes(`\nhaproxy_frontend_limit_sessions{proxy="edge"} ${most}\n`));
    await until('a larger one of the process', async () => (await figures()).includes(`\nhaproxy_process_max_connections ${Math.floor(1.1 * most)}\n`));
  });

test('the load balancer has the company\'s class and source ranges', () => {
  const { metadata, spec } = production.find(({ kind, metadata: { name } }) => kind === 'Service' && name === 'edge');
  assert.ok(Object.keys(metadata.annotations).length > 0 && spec.loadBalancerClass && spec.loadBalancerSourceRanges.length > 0);
  assert.equal(spec.externalTrafficPolicy, 'Local');
});

test('a POST to the edge itself sets the share of a new version', async (t) => {
  const { ports, clear } = await openEdge(t, small, () => ({}));
  const health = client({ port: ports[8404] });
  const marked = async () => [(await clear.get('/e/demo')).headers['set-cookie']].flat().join().includes('fg_version=');
  assert.deepEqual([(await health.get('/share')).text, await marked()], ['0', false]);
  for (const wrong of ['101', '-1', '05', 'all', '']) assert.equal((await health.post(`/share?percent=${wrong}`)).status, 400, wrong);
  assert.equal((await health.post('/share?percent=5')).text, '5');
  assert.deepEqual([(await health.get('/share?percent=7')).text, await marked()], ['5', true], 'only a POST changes it');
  assert.notEqual((await clear.post('/share?percent=9')).text, '9');
  const later = await openEdge(t, small, () => ({ FAIRGATE_EDGE_NEW_SHARE: '7' }));
  assert.equal((await client({ port: later.ports[8404] }).get('/share')).text, '7', 'one that starts again');
});

test('a new version has its own pods and name, and the current one\'s rights', async () => {
  const canary = kustomized('canary');
  for (const document of canary) assert.deepEqual(await faultsOf(document), []);
  const [[service], [pods]] = ['Service', 'Deployment'].map((wanted) => canary.filter(({ kind }) => kind === wanted));
  const fits = ({ selector }, { template }) => Object.entries(selector.matchLabels ?? selector).every(([key, value]) => template.metadata.labels[key] === value);
  const current = (wanted) => small.find(({ kind, metadata }) => kind === wanted && metadata.name === 'queue-front').spec;
  const table = [service.spec, pods.spec, current('Service'), current('Deployment')].map((chosen) => [pods.spec, current('Deployment')].map((of) => fits(chosen, of)));
  assert.deepEqual(table, [[true, false], [true, false], [false, true], [false, true]]);
  assert.equal(`${service.metadata.name}.${service.metadata.namespace}.svc.cluster.local`, edgeSettings(small).FAIRGATE_EDGE_NEW_FRONT);
  for (const { spec } of small.filter(({ kind }) => ['NetworkPolicy', 'PodDisruptionBudget'].includes(kind))) assert.equal(JSON.stringify(spec).includes('fairgate.dev/version'), false);
});

test('with shared seats the edge finds owners by pod name', (t) => {
  const { config, file } = edgeOf(openScope(t));
  writeFileSync(file, config);
  for (const documents of [small, shared]) {
    const { status, stderr } = spawnSync('haproxy', ['-c', '-V', '-f', file], { encoding: 'utf8', env: { PATH: process.env.PATH, ...edgeSettings(documents) } });
    assert.equal(status, 0, stderr);
    assert.doesNotMatch(stderr, /WARNING/);
  }
  assert.match(config, /^ +monitor fail if \{ stopping \}$/m, 'or a pod that is to end would get new connections');
  assert.equal(small.some((document) => JSON.stringify(document).includes('OWNERS')), false);
  const pods = shared.find(({ kind, metadata }) => kind === 'StatefulSet' && metadata.name === 'seat-service');
  assert.equal(pods.spec.replicas, 3);
  const pages = shared.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'queue-front').data.FAIRGATE_VISITS_SERVED_BY;
  assert.deepEqual(pages.split(','), Array.from({ length: pods.spec.replicas }, (_, n) => `http://${pods.metadata.name}-${n}.${pods.spec.serviceName}:8092/metrics`));
  const names = [...config.matchAll(/^ +server (\S+) "\$\{FAIRGATE_EDGE_SEAT_(\d)\}:\d+"/gm)];
  assert.ok(names.every(([, server, n]) => server === `seat-service-${n}`));
  for (const [, , n] of names) assert.ok(config.includes(`presetenv FAIRGATE_EDGE_SEAT_${n} "seat-service-${n}.\${FAIRGATE_EDGE_SEATS}"`), 'servers are called as their pods are');
  for (let n = 0; n < pods.spec.replicas; n += 1) assert.equal(names.filter(([, server]) => server === `${pods.metadata.name}-${n}`).length, 7, 'requests, pages and streams, what is shown and its streams, unproven ones, and inside');
});

// The process sees all cores of its node, but not its own limit.
test('a service has a loop for each core that its limit gives it', () => {
  for (const name of ['queue-front', 'seat-service', 'payment-adapter']) {
    const of = (...kinds) => small.find(({ kind, metadata }) => kinds.includes(kind) && metadata.name === name);
    const { limits } = of('Deployment', 'StatefulSet').spec.template.spec.containers[0].resources;
    assert.equal(of('ConfigMap').data.FAIRGATE_HTTP_LOOPS, limits.cpu, name);
  }
});

test('Redis refuses writes before its memory is full, also while it rewrites its file', () => {
  const bytes = (text) => Number.parseInt(text, 10) * { mb: 2 ** 20, Mi: 2 ** 20, Gi: 2 ** 30 }[text.replace(/\d+/, '')];
  const { args, resources } = small.find(({ kind, metadata }) => kind === 'StatefulSet' && metadata.name === 'redis').spec.template.spec.containers[0];
  const { redis } = yaml.load(read('infra/kubernetes/overlays/production/redis-values.yaml'));
  for (const [maxmemory, { limits }] of [[args[args.indexOf('--maxmemory') + 1], resources], [redis.config.maxmemory, redis.resources]])
    assert.ok(bytes(maxmemory) * 2 <= bytes(limits.memory) * 0.8, `${maxmemory} of ${limits.memory}`);
  assert.equal(redis.config['maxmemory-policy'], 'noeviction');
});

test('the README names the tested engines with their versions, and every file', () => {
  const readme = read('infra/kubernetes/README.md');
  assert.match(readme, /CloudNativePG \d+\.\d+/);
  assert.match(readme, /redis-ha \d+\.\d+\.\d+/);
  for (const name of readdirSync(join(ROOT, 'infra/kubernetes')).filter((one) => one !== 'README.md')) assert.ok(readme.includes(name), name);
});

// manifests.js: checks rendered manifests against the published schemas, our own rules (what a pod may do, who reaches
// whom), and the programs, which know their settings. Not in index.js, because it needs packages (js-yaml,
// kubernetes-models).

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import yaml from 'js-yaml';
import { openScope, programPath, ROOT } from './index.js';

const SERVICES = ['queue-front', 'seat-service', 'payment-adapter'];
const ELSEWHERE = ['postgresql.cnpg.io/v1 Cluster']; // CRDs of an operator, without a published schema
const OUTSIDE = 'the world outside';
export const ISSUER_AT = '10.30.0.10/32'; // of infra/kubernetes/operators
const read = (path) => readFileSync(join(ROOT, path), 'utf8');
const version = read('VERSION').trim();

// What kubectl would apply for a folder of infra/kubernetes.
export const kustomized = (folder) => yaml.loadAll(execFileSync('kubectl', ['kustomize', join(ROOT, 'infra/kubernetes', folder)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));

// The image's configuration, and a folder with the lists of networks.
export function edgeOf(scope) {
  const dir = scope.tempDir('edge-');
  for (const name of ['edge.trusted.lst', 'edge.proxy-protocol.lst']) writeFileSync(join(dir, name), '');
  const config = execFileSync(join(ROOT, 'infra/edge/fairgate-edge'), ['infra/images/edge.conf'], { cwd: ROOT, encoding: 'utf8' })
    .replaceAll('/usr/share/fairgate/edge', join(ROOT, 'infra/edge')).replaceAll('/etc/fairgate/edge', dir);
  return { dir, config, file: join(dir, 'haproxy.cfg') };
}

// The small overlay with the shared-seats component.
export function sharedSeats() {
  const dir = mkdtempSync(join(tmpdir(), 'fairgate-shared-'));
  const from = (folder) => relative(dir, join(ROOT, 'infra/kubernetes', folder));
  try {
    writeFileSync(join(dir, 'kustomization.yaml'), `apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: fairgate\nresources: [${from('overlays/small')}]\ncomponents: [${from('shared-seats')}]\n`);
    return kustomized(relative(join(ROOT, 'infra/kubernetes'), dir));
  } finally {
    rmSync(dir, { recursive: true });
  }
}

// ---- the published schemas ----

// Those validators accept unknown members, as the schemas do, but read every member that they know. So an unread member is
// unknown. Returns {value, unread: () => paths}.
function watched(value, path = '') {
  if (typeof value !== 'object' || value === null) return { value, unread: () => [] };
  const seen = new Set();
  const parts = Object.fromEntries(Object.entries(value).map(([key, part]) => [key, watched(part, `${path}/${key}`)]));
  const get = (target, key, self) => (seen.add(key), Object.hasOwn(parts, key) ? parts[key].value : Reflect.get(target, key, self));
  const unread = () => Object.entries(parts).flatMap(([key, part]) => (seen.has(key) ? part.unread() : [`${path}/${key} is no word of the schema`]));
  return { value: new Proxy(value, { get }), unread };
}

export async function faultsOf(document) {
  const { apiVersion, kind } = document;
  const models = await import(`kubernetes-models/${apiVersion}`);
  if (models[kind] === undefined) return [`${apiVersion} has no ${kind}`];
  const looked = watched(new models[kind](document));
  try {
    models[kind].prototype.validate.call(looked.value);
    return looked.unread();
  } catch (error) {
    return [error.message];
  }
}

// ---- pods ----

const WORKLOADS = ['Deployment', 'StatefulSet'];
const workloads = (documents) => documents.filter(({ kind }) => WORKLOADS.includes(kind));
const podOf = (workload) => workload.spec.template.spec;
const labelsOf = (workload) => workload.spec.template.metadata.labels;
const containersOf = (pod) => [...(pod.initContainers ?? []), ...pod.containers];
const matches = (selector, labels) =>
  Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value) &&
  (selector.matchExpressions ?? []).every(({ key, operator, values }) => (assert.equal(operator, 'In'), values.includes(labels[key])));

// A rule that a pod breaks, in words.
function pleas(workload) {
  const pod = podOf(workload);
  const must = [];
  const expect = (holds, what) => holds || must.push(what);
  const { runAsNonRoot, runAsUser, seccompProfile } = pod.securityContext ?? {};
  expect(runAsNonRoot === true && runAsUser > 0, 'a user that is not root');
  expect(seccompProfile?.type === 'RuntimeDefault', 'the seccomp profile of the runtime');
  expect(pod.automountServiceAccountToken === false, 'no token of the service account');
  expect(pod.enableServiceLinks === false, 'no addresses of services in its environment');
  expect(pod.serviceAccountName && pod.serviceAccountName !== 'default', 'a service account of its own');
  expect(!pod.hostNetwork && !pod.hostPID && !pod.hostIPC, 'nothing of its host');
  expect((pod.volumes ?? []).every((volume) => !volume.hostPath), 'no folder of its host');
  for (const { name, image, securityContext: context = {}, resources = {}, env = [] } of containersOf(pod)) {
    expect(context.readOnlyRootFilesystem === true, `${name}: a root that is read-only`);
    expect(context.allowPrivilegeEscalation === false && !context.privileged, `${name}: no way to more rights`);
    expect((context.capabilities?.drop ?? []).includes('ALL') && !context.capabilities.add, `${name}: no capability`);
    for (const bound of ['requests', 'limits']) for (const of of ['cpu', 'memory']) expect(resources[bound]?.[of], `${name}: ${bound} of ${of}`);
    expect(new RegExp(`/fairgate/[a-z-]+(:${version.replaceAll('.', '\\.')}|@sha256:[0-9a-f]{64})$`).test(image), `${name}: an image of this version`);
    expect(env.every((one) => one.valueFrom?.secretKeyRef === undefined), `${name}: secrets as files`);
  }
  return must;
}

// Rules for a whole set of documents: a title and a test for each. `issuer`: the addresses that sign the operators' tokens,
// where all three services may fetch its keys.
export function judgesOf(documents, { issuer = null } = {}) {
  const judges = [];
  const must = (title, judge) => judges.push([title, judge]);
  const named = (kind, name) => documents.find((one) => one.kind === kind && one.metadata.name === name);

  must('each document is what its published schema says', async () => {
    assert.ok(documents.length > 30);
    for (const document of documents.filter(({ apiVersion, kind }) => !ELSEWHERE.includes(`${apiVersion} ${kind}`)))
      assert.deepEqual(await faultsOf(document), [], `${document.kind} ${document.metadata.name}`);
  });

  must('each pod is closed', () => {
    assert.ok(workloads(documents).length >= 5);
    for (const workload of workloads(documents)) assert.deepEqual(pleas(workload), [], workload.metadata.name);
  });

  must('no secret is in it', () => {
    assert.deepEqual(documents.filter(({ kind }) => kind === 'Secret'), []);
    const text = JSON.stringify(documents);
    assert.doesNotMatch(text, /password=|BEGIN [A-Z ]*PRIVATE KEY|sk_(test|live)_|whsec_/);
  });

  must('what runs has probes, a budget, a spread over zones, and an end that is longer than its drain', () => {
    for (const workload of workloads(documents).filter(({ metadata }) => !['redis', 'seats-feed'].includes(metadata.name))) {
      const { name } = workload.metadata;
      const pod = podOf(workload);
      const [container] = pod.containers;
      for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) {
        const asked = container[probe].httpGet ?? container[probe].tcpSocket;
        assert.ok(container.ports.some((port) => port.name === asked.port), `${name}: ${probe}`);
        assert.match(asked.path ?? '/healthz', /^\/(healthz|readyz|followz)$/);
        assert.ok(!['http', 'https'].includes(asked.port), `${name}: ${probe} must not share a limit of connections with visitors`);
      }
      assert.ok(documents.some(({ kind, spec }) => kind === 'PodDisruptionBudget' && matches(spec.selector, labelsOf(workload))), `${name}: a budget`);
      assert.deepEqual(pod.topologySpreadConstraints.map(({ topologyKey }) => topologyKey).sort(), ['kubernetes.io/hostname', 'topology.kubernetes.io/zone']);
      for (const { labelSelector } of pod.topologySpreadConstraints) assert.ok(matches(labelSelector, labelsOf(workload)), name);
      const seconds = (key) => Number(/^(\d+)s$/.exec(named('ConfigMap', name).data[key])[1]);
      if (name !== 'edge') assert.ok(pod.terminationGracePeriodSeconds > seconds('FAIRGATE_HTTP_DRAIN_DELAY') + seconds('FAIRGATE_HTTP_DRAIN_TIMEOUT') + 5, name);
    }
  });

  must('what is scaled is there, and so is every figure by which it is', () => {
    const figures = execFileSync('grep', ['-rhoE', '"fairgate_[a-z_]+"', '--include=*.c', ...SERVICES, 'common'], { cwd: ROOT, encoding: 'utf8' });
    const scalers = documents.filter(({ kind }) => kind === 'HorizontalPodAutoscaler');
    assert.equal(scalers.length, 3);
    for (const { spec } of scalers) {
      // A replica count here would make the next apply remove pods that the scaler added.
      assert.equal(named(spec.scaleTargetRef.kind, spec.scaleTargetRef.name).spec.replicas, undefined);
      assert.ok(spec.minReplicas <= spec.maxReplicas);
      for (const { pods: { metric: { name } } } of spec.metrics.filter(({ type }) => type === 'Pods')) {
        assert.ok(figures.includes(`"${name}"`) || name.startsWith('haproxy_'), name);
        assert.ok(read('infra/kubernetes/prometheus-adapter.yaml').includes(name), name);
      }
    }
  });

  must('what a database with replicas has committed is on two machines, and the one that takes over has it', () => {
    for (const { metadata, spec } of documents.filter(({ kind, spec }) => kind === 'Cluster' && spec.instances > 1))
      assert.deepEqual([spec.minSyncReplicas, spec.postgresql.synchronous], [undefined, { method: 'any', number: 1, dataDurability: 'required', failoverQuorum: true }], metadata.name);
  });

  must('images may come from a registry that wants a password', () => {
    for (const { metadata, imagePullSecrets } of documents.filter(({ kind }) => kind === 'ServiceAccount')) assert.deepEqual(imagePullSecrets, [{ name: 'registry' }], metadata.name);
  });

  // ---- settings ----

  const imageEnv = (service) => Object.fromEntries(read(`infra/images/env/${service}`).trim().split('\n').map((line) => line.split(/=(.*)/s)));
  const environmentOf = (workload, service) => {
    const [container] = podOf(workload).containers;
    const maps = (container.envFrom ?? []).map(({ configMapRef: { name, optional } }) => (optional ? named('ConfigMap', name)?.data ?? {} : named('ConfigMap', name).data));
    const single = Object.fromEntries((container.env ?? []).map(({ name, value }) => [name, value ?? 'a-pod']));
    return Object.assign({}, imageEnv(service), ...maps, single);
  };

  must('a pod brings its database up before it starts, and no Job is in the way of an upgrade', () => {
    assert.deepEqual(documents.filter(({ kind }) => kind === 'Job'), []);
    for (const workload of workloads(documents).filter(({ metadata }) => ['seat-service', 'payment-adapter'].includes(metadata.name))) {
      const { initContainers: [, { image, args, envFrom }], containers: [main] } = podOf(workload);
      assert.deepEqual([image, args, envFrom], [main.image, ['--migrate'], main.envFrom.slice(0, 1)]);
    }
  });

  for (const service of SERVICES) {
    must(`${service} knows every setting, and takes what is set`, () => {
      const help = execFileSync(programPath(service), ['--help'], { encoding: 'utf8' });
      const known = [];
      let section;
      for (const line of help.split('\n')) {
        section = /^\[(\w+)\]$/.exec(line)?.[1] ?? section;
        const key = /^ {2}(\w+): /.exec(line)?.[1];
        if (section && key) known.push(`FAIRGATE_${section}_${key}`.toUpperCase());
      }
      assert.ok(known.length > 30);
      for (const workload of workloads(documents).filter(({ metadata }) => metadata.name === service)) {
        const env = environmentOf(workload, service);
        assert.deepEqual(Object.keys(env).filter((key) => !known.includes(key)), []);
        const checked = spawnSync(programPath(service), ['--check-config'], { encoding: 'utf8', env: { PATH: process.env.PATH, ...env } });
        assert.equal(checked.status, 0, checked.stdout + checked.stderr);
      }
    });
  }

  must('the edge knows every setting', (t) => {
    const { config } = edgeOf(openScope(t));
    for (const key of Object.keys(named('ConfigMap', 'edge').data)) assert.ok(config.includes(`\${${key}}`) || config.includes(`defined(${key})`), key);
  });

  must('each service is given the secrets that its settings name, as files of a Secret, and no others', (t) => {
    const dir = join(openScope(t).tempDir(), 'secrets');
    execFileSync(join(ROOT, 'infra/stack/secrets'), [dir]);
    for (const name of ['redis-password', 'mail-password']) if (JSON.stringify(documents).includes(`/run/secrets/${name}`)) execFileSync('sh', ['-c', `umask 077; echo word >${dir}/${name}`]);
    const made = yaml.loadAll(execFileSync(join(ROOT, 'infra/kubernetes/secrets'), [dir], { encoding: 'utf8' }));
    // The chart of Redis reads its password as a variable, of which a newline would be a part.
    for (const { data } of made) for (const [name, value] of Object.entries(data)) if (name.endsWith('-password')) assert.equal(atob(value), 'word', name);
    for (const service of SERVICES) {
      const workload = workloads(documents).find(({ metadata }) => metadata.name === service);
      const wanted = [...JSON.stringify(environmentOf(workload, service)).matchAll(/\/run\/secrets\/([\w.-]+)/g)].map(([, name]) => name);
      const given = Object.keys(made.find(({ metadata }) => metadata.name === service).data);
      assert.deepEqual([...new Set(wanted)].sort(), given.sort(), service);
      const pod = podOf(workload);
      assert.equal(pod.volumes.find(({ name }) => name === 'given').secret.secretName, service);
      assert.deepEqual(pod.initContainers[0].args, ['secrets', '/run/given', '/run/secrets']);
      assert.equal(pod.containers[0].volumeMounts.find(({ name }) => name === 'secrets').mountPath, '/run/secrets');
    }
    for (const { spec } of documents.filter(({ kind }) => kind === 'Cluster')) assert.ok(made.some(({ metadata }) => metadata.name === spec.bootstrap.initdb.secret.name));
  });

  // ---- who reaches whom ----

  // Everything with labels and ports: our pods, and those that operators make for databases.
  const places = new Map([
    ...workloads(documents).map((workload) => [workload.metadata.name, { labels: labelsOf(workload), ports: podOf(workload).containers.flatMap(({ ports }) => ports ?? []) }]),
    ...documents.filter(({ kind }) => kind === 'Cluster').map(({ metadata }) => [metadata.name, { labels: { 'cnpg.io/cluster': metadata.name }, ports: [{ name: 'postgres', containerPort: 5432 }] }]),
  ]);
  if (!places.has('redis')) places.set('redis', { labels: { 'app.kubernetes.io/name': 'redis' }, ports: [{ name: 'redis', containerPort: 6379 }, { name: 'sentinel', containerPort: 26379 }] });
  const policies = documents.filter(({ kind }) => kind === 'NetworkPolicy');
  const on = (place, type) => policies.filter(({ spec }) => spec.policyTypes.includes(type) && matches(spec.podSelector, place.labels));
  const isPort = (place, rule, port) => rule.ports === undefined || rule.ports.some((one) => one.port === port || place.ports?.some(({ name, containerPort }) => name === one.port && containerPort === port));
  const isIssuer = ({ ipBlock }) => issuer !== null && ipBlock?.cidr === issuer;
  const isPeer = (peers, other) => peers === undefined || peers.some((peer) => (other === OUTSIDE ? peer.ipBlock !== undefined && !isIssuer(peer) : peer.podSelector !== undefined && peer.namespaceSelector === undefined && matches(peer.podSelector, other.labels)));
  const leaves = (from, to, port) => on(from, 'Egress').some(({ spec }) => (spec.egress ?? []).some((rule) => isPeer(rule.to, to) && isPort(to, rule, port)));
  const enters = (from, to, port) => on(to, 'Ingress').some(({ spec }) => (spec.ingress ?? []).some((rule) => isPeer(rule.from, from) && isPort(to, rule, port)));
  const reaches = (from, to, port) => leaves(places.get(from), places.get(to), port) && enters(places.get(from), places.get(to), port);

  must('each pod has a network policy of its own besides the one that allows nothing', () => {
    for (const [name, place] of places) for (const type of ['Ingress', 'Egress'])
      assert.ok(on(place, type).some(({ spec }) => Object.keys(spec.podSelector).length > 0), `${name}: ${type}`);
    assert.deepEqual(Object.keys(policies.find(({ metadata }) => metadata.name === 'nobody').spec), ['podSelector', 'policyTypes']);
  });

  must('stores are reached by those that keep something there', () => {
    const friends = (store, port) => [...places.keys()].filter((name) => name !== store && reaches(name, store, port)).sort();
    assert.deepEqual(friends('redis', 6379), ['queue-front']);
    assert.deepEqual(friends('seats-db', 5432), ['seat-service']);
    assert.deepEqual(friends('pay-db', 5432), ['payment-adapter']);
  });

  must('the shop is reached by the adapter alone, and visitors reach nothing but the edge', () => {
    const inTown = (place) => on(place, 'Egress').flatMap(({ spec }) => spec.egress ?? []).flatMap(({ to = [] }) => to).filter((peer) => peer.ipBlock !== undefined && !peer.ipBlock.cidr.startsWith('0.0.0.0/0') && !isIssuer(peer));
    for (const name of [...SERVICES, 'edge', 'seats-feed']) assert.equal(inTown(places.get(name)).length > 0, name === 'payment-adapter', name);
    for (const name of ['queue-front', 'payment-adapter']) assert.ok(leaves(places.get(name), OUTSIDE, 443), name);
    for (const name of ['seat-service', 'edge', 'seats-feed']) assert.ok(!leaves(places.get(name), OUTSIDE, 443), name);
    const asks = (name) => on(places.get(name), 'Egress').some(({ spec }) => (spec.egress ?? []).some(({ to = [] }) => to.some(isIssuer)));
    assert.deepEqual([...places.keys()].filter(asks).sort(), issuer === null ? [] : [...SERVICES].sort(), 'who asks the issuer');
    const open = (name) => on(places.get(name), 'Ingress').some(({ spec }) => (spec.ingress ?? []).some(({ from }) => from === undefined));
    assert.deepEqual([...places.keys()].filter(open), ['edge']);
    const [public_] = on(places.get('edge'), 'Ingress').flatMap(({ spec }) => spec.ingress ?? []).filter(({ from }) => from === undefined);
    assert.deepEqual(public_.ports, [{ port: 'http' }, { port: 'https' }]);
  });

  must('mail gets to its server, traces to their collector', () => {
    const lets = (name, port, peer) => on(places.get(name), 'Egress').some(({ spec }) => (spec.egress ?? []).some(({ to, ports }) => to?.some(peer) && ports.some((one) => one.port === port)));
    for (const name of SERVICES) {
      const { FAIRGATE_TRACE_ENDPOINT: traces = 'http://otel.monitoring:4318', FAIRGATE_MAIL_URL: mail } = named('ConfigMap', name).data;
      const [, space, port] = /^http:\/\/[\w-]+\.([\w-]+):(\d+)$/.exec(traces);
      assert.ok(lets(name, Number(port), ({ namespaceSelector }) => namespaceSelector?.matchLabels['kubernetes.io/metadata.name'] === space), name);
      if (mail) assert.ok(lets(name, Number(new URL(mail).port), ({ ipBlock }) => ipBlock?.cidr.endsWith('/32')), name);
    }
  });

  must('a server that proves who it is does so to authorities that the image has', () => {
    const files = [...JSON.stringify(documents).matchAll(/sslmode=verify-full sslrootcert=([^ "]+)/g)].map(([, file]) => file);
    assert.ok(files.length > 0 && files.every((file) => read('infra/images/build').includes(`$root${file}`)), String(files)); // libpq of Debian 12 knows no `system`
  });

  // host, port of each address in a setting: "http://inside:8092/metrics", "host=seats-db-rw", a name for the edge.
  const addressesOf = (name) => {
    const data = Object.entries(named('ConfigMap', name)?.data ?? {});
    const urls = data.filter(([key]) => !/ORIGINS|CONSOLE|PUBLIC_URL/.test(key)).flatMap(([, value]) => [...value.matchAll(/http:\/\/(?:[\w-]+-\d+\.)?([\w-]+):(\d+)/g)].map(([, host, port]) => [host, Number(port)]));
    const databases = data.flatMap(([, value]) => [...value.matchAll(/\bhost=([\w-]+)-rw\b/g)].map(([, host]) => [host, 5432]));
    const edge = { FRONTS: [8081, 8091], SEATS: [8082, 8092], PAY: [8083, 8093] };
    const named_ = data.flatMap(([key, value]) => (edge[key.replace('FAIRGATE_EDGE_', '')] ?? []).map((port) => [/^([\w-]+)\.fairgate\.svc\.cluster\.local$/.exec(value)[1], port]));
    const redis = data.filter(([key]) => key === 'FAIRGATE_REDIS_HOST').map(([, host]) => [host, 6379]);
    return [...urls, ...databases, ...redis, ...named_];
  };

  must('every address that is handed out exists and is allowed', () => {
    let seen = 0;
    for (const name of [...SERVICES, 'edge', 'seats-feed']) for (const [host, port] of addressesOf(name)) {
      const service = named('Service', host);
      const target = service ? [...places].find(([, place]) => matches({ matchLabels: service.spec.selector }, place.labels))[0] : host;
      assert.ok(places.has(target), `${name}: ${host}`);
      if (service) assert.ok(places.get(target).ports.some((one) => service.spec.ports.some((asked) => asked.port === port && (one.name === asked.targetPort)) && one.containerPort === port), `${host}:${port}`);
      assert.ok(reaches(name, target, port), `${name} to ${host}:${port}`);
      seen += 1;
    }
    assert.ok(seen >= 18, String(seen));
  });
  return judges;
}

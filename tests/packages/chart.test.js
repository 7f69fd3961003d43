// The chart of infra/kubernetes/chart, rendered: it gives the same documents as kustomize, which are judged as those are, and
// each value does something. By helm where there is one, otherwise by tests/packages/render.go, which renders Go's templates
// with sprig as helm does. `make chart-test` runs it.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import Ajv from 'ajv';
import yaml from 'js-yaml';
import { openScope, ROOT } from '../lib-js/index.js';
import { ISSUER_AT, judgesOf, kustomized, sharedSeats } from '../lib-js/manifests.js';

const CHART = join(ROOT, 'infra/kubernetes/chart');
const RENDER = join(ROOT, 'build/render');
const preset = (name) => join(CHART, `values/${name}.yaml`);
const read = (path) => readFileSync(path, 'utf8');
const values = yaml.load(read(join(CHART, 'values.yaml')));
const schema = JSON.parse(read(join(CHART, 'values.schema.json')));
const helm = spawnSync('helm', ['version']).status === 0;

const scope = openScope();
after(() => scope.close());

const command = (files, namespace) => (helm
  ? ['helm', 'template', 'fairgate', CHART, '--namespace', namespace, ...files.flatMap((file) => ['--values', file])]
  : [RENDER, CHART, 'fairgate', namespace, ...files]);

function rendered(files = [], namespace = 'fairgate') {
  assert.ok(helm || existsSync(RENDER), 'neither helm nor build/render is there: make chart-test');
  const [program, ...argv] = command(files, namespace);
  const { status, stdout, stderr } = spawnSync(program, argv, { encoding: 'utf8', maxBuffer: 1 << 26 });
  assert.equal(status, 0, stderr);
  return yaml.loadAll(stdout).filter((document) => document !== null);
}

let files = 0;
function withValues(changed) {
  const file = join(scope.dir(), `${files += 1}.yaml`);
  writeFileSync(file, JSON.stringify(changed));
  return file;
}

// What only helm has use for: when a job runs, and sums by which pods are started again.
function plain(document) {
  const copy = structuredClone(document);
  for (const { annotations } of [copy.metadata, copy.spec?.template?.metadata ?? {}])
    for (const key of Object.keys(annotations ?? {})) if (/^(helm\.sh|checksum)\//.test(key)) delete annotations[key];
  for (const metadata of [copy.metadata, copy.spec?.template?.metadata ?? {}]) if (Object.keys(metadata.annotations ?? { some: 1 }).length === 0) delete metadata.annotations;
  return copy;
}
const byName = (documents) => Object.fromEntries(documents.map((document) => [`${document.apiVersion} ${document.kind} ${document.metadata.name}`, document]));
const sets = { base: [], small: [preset('small')], production: [preset('production')] };

for (const [name, given] of Object.entries(sets)) {
  test(`${name}: the chart's documents are those of kustomize, but for the namespace, which helm is told of`, () => {
    const wanted = byName(kustomized(name === 'base' ? 'base' : `overlays/${name}`).filter(({ kind }) => kind !== 'Namespace'));
    const got = byName(rendered(given).map(plain));
    assert.deepEqual(Object.keys(got).sort(), Object.keys(wanted).sort());
    for (const [key, document] of Object.entries(wanted)) assert.deepEqual(got[key], document, key);
  });
}

for (const name of ['small', 'production']) {
  describe(name, () => {
    for (const [title, judge] of judgesOf(rendered(sets[name]))) test(title, judge);
  });
}

// As infra/kubernetes/operators has it.
const PERSONS = {
  operators: { issuer: 'https://id.house.example/realms/staff', audience: 'https://fairgate.house.example', keys: 'https://id.house.example/realms/staff/certs', rolePrefix: 'fairgate-', cidrs: [ISSUER_AT] },
};

describe('with operators as persons', () => {
  const documents = rendered([preset('small'), withValues(PERSONS)]);
  for (const [title, judge] of judgesOf(documents, { issuer: ISSUER_AT })) test(title, judge);

  test('it is the same as by kustomize', () => {
    const wanted = byName([...kustomized('overlays/small'), ...kustomized('operators')].filter(({ kind }) => kind !== 'Namespace'));
    const got = byName(documents.map(plain));
    assert.deepEqual(Object.keys(got).sort(), Object.keys(wanted).sort());
    for (const [key, document] of Object.entries(wanted)) assert.deepEqual(got[key], document, key);
  });

  test('the services are started again, and the edge is not', () => {
    const sums = (all) => ['queue-front', 'seat-service', 'payment-adapter', 'edge'].map((name) => podOf(all, name).metadata.annotations['checksum/settings']);
    const usual = sums(rendered([preset('small')]));
    assert.deepEqual(sums(documents).map((sum, n) => sum === usual[n]), [false, false, false, true]);
  });
});

describe('with seats that are shared', () => {
  const owned = (owners, replicas) => rendered([preset('small'), withValues({ seatService: { owners, ...(replicas && { replicas }) } })]);
  const documents = owned(2);
  for (const [title, judge] of judgesOf(documents)) test(title, judge);

  test('it is the same as by kustomize', () => {
    const wanted = byName(sharedSeats().filter(({ kind }) => kind !== 'Namespace'));
    const got = byName(documents.map(plain));
    assert.deepEqual(Object.keys(got).sort(), Object.keys(wanted).sort());
    for (const [key, document] of Object.entries(wanted)) assert.deepEqual(got[key], document, key);
  });

  test('there is one process more than owners, or as many as are asked for, and fronts ask each of them', () => {
    for (const [owners, replicas, runs] of [[2, undefined, 3], [4, 2, 5], [2, 6, 6]]) {
      const all = owned(owners, replicas);
      assert.equal(all.find(({ kind, metadata }) => kind === 'StatefulSet' && metadata.name === 'seat-service').spec.replicas, runs);
      assert.deepEqual(settingsOf(all, 'queue-front').FAIRGATE_VISITS_SERVED_BY.split(','), Array.from({ length: runs }, (_, n) => `http://seat-service-${n}.seat-service:8092/metrics`));
      assert.deepEqual([settingsOf(all, 'seat-service').FAIRGATE_OWNER_OWNERS, settingsOf(all, 'edge').FAIRGATE_EDGE_SEAT_OWNERS], [`${owners}`, `${owners}`]);
    }
  });
});

// ---- values ----

const isMap = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
function laid(over, under) {
  const both = { ...under };
  for (const [key, value] of Object.entries(over)) both[key] = isMap(value) && isMap(under[key]) ? laid(value, under[key]) : value;
  return both;
}
const judgeValues = new Ajv().compile(schema);
const fits = (over) => judgeValues(laid(over, values));

test('what is set by the chart itself is what its schema allows, and mistakes are not', () => {
  for (const over of [{}, ...['small', 'production'].map((name) => yaml.load(read(preset(name))))]) assert.ok(fits(over), JSON.stringify(judgeValues.errors));
  for (const over of [
    { replicas: 3 }, { seatService: { owners: 0 } }, { seatService: { owners: 8 } }, { queueFront: { replica: 3 } }, { queueFront: { replicas: '3' } }, { queueFront: { settings: { redis_host: 'x' } } },
    { queueFront: { settings: { FAIRGATE_LOG_REQUESTS: 1 } } }, { publicUrl: 'tickets.example' }, { image: { digests: { front: `sha256:${'0'.repeat(64)}` } } },
    { image: { digests: { edge: '1.0.0' } } }, { edge: { resources: { limits: { cpu: 2 } } } }, { databases: { options: 'password=secret' } },
    { shop: { users: 'host=x password=secret' } }, { operators: { issuer: 'https://id.example' } }, { operators: { ...PERSONS.operators, keys: 'http://id.example/jwks' } }, { shop: { network: [{ cidr: '10.0.0.1', port: 443 }] } }, { redis: { sentinels: 'a:1, b:2' } },
  ]) assert.ok(!fits(over), JSON.stringify(over));
});

// Another value that the schema allows.
function otherThan(value, path) {
  if (path.at(-1) === 'digests') return { edge: `sha256:${'a'.repeat(64)}` };
  if (path.at(-1) === 'settings') return { FAIRGATE_LOG_LEVEL: 'debug' };
  if (path.join('.') === 'edge.service') return 'ClusterIP';
  if (Array.isArray(value)) return path.at(-1) === 'cidrs' ? ['192.0.2.0/24'] : [];
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'number') return value + 1;
  return value.includes('://') ? `${value}x` : `1${value}`;
}

function* leavesOf(value, path = []) {
  if (isMap(value) && Object.keys(value).length > 0) for (const [key, part] of Object.entries(value)) yield* leavesOf(part, [...path, key]);
  else yield [path, value];
}

test('each value does something', () => {
  const whole = laid({ redis: { create: true }, ...PERSONS }, laid(yaml.load(read(preset('production'))), values));
  const text = (given) => JSON.stringify(rendered([withValues(given)]));
  const usual = text(whole);
  const idle = [];
  for (const [path, value] of leavesOf(whole)) {
    const over = path.reduceRight((part, key) => ({ [key]: part }), otherThan(value, path));
    assert.ok(fits(laid(over, whole)), `${path.join('.')}: ${JSON.stringify(judgeValues.errors)}`);
    if (text(laid(over, whole)) === usual) idle.push(path.join('.'));
  }
  assert.deepEqual(idle, []);
});

const settingsOf = (documents, name) => documents.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === name).data;
const podOf = (documents, name) => documents.find(({ kind, metadata }) => ['Deployment', 'StatefulSet'].includes(kind) && metadata.name === name).spec.template;

test('a setting of yours comes last, and what changes starts the pods again that read it, and no others', () => {
  const sums = (documents) => Object.fromEntries(['queue-front', 'seat-service', 'payment-adapter', 'edge'].map((name) => [name, podOf(documents, name).metadata.annotations['checksum/settings']]));
  const before = rendered();
  const now = rendered([withValues({ queueFront: { settings: { FAIRGATE_HTTP_DRAIN_DELAY: '9s', FAIRGATE_LOG_LEVEL: 'debug' } } })]);
  const { FAIRGATE_HTTP_DRAIN_DELAY, FAIRGATE_LOG_LEVEL } = settingsOf(now, 'queue-front');
  assert.deepEqual([FAIRGATE_HTTP_DRAIN_DELAY, FAIRGATE_LOG_LEVEL], ['9s', 'debug']);
  assert.deepEqual(Object.keys(sums(now)).filter((name) => sums(now)[name] !== sums(before)[name]), ['queue-front']);
});

test('in another namespace everything is there, and is found there', () => {
  const documents = rendered([preset('small')], 'tickets');
  assert.deepEqual(documents.filter(({ metadata }) => metadata.namespace !== 'tickets'), []);
  assert.equal(settingsOf(documents, 'edge').FAIRGATE_EDGE_FRONTS, 'queue-front.tickets.svc.cluster.local');
  assert.doesNotMatch(JSON.stringify(documents), /fairgate\.svc/);
});

test('an engine that is not in the cluster is reached at its address by those that keep something there, and by nobody else', () => {
  const given = { redis: ['192.0.2.1/32', 6379], seats: ['192.0.2.2/32', 5432], pay: ['192.0.2.3/32', 5432] };
  const cidrs = (name) => ({ cidrs: [given[name][0]] });
  const policies = rendered([withValues({ redis: cidrs('redis'), databases: { seats: cidrs('seats'), pay: cidrs('pay') } })]).filter(({ kind }) => kind === 'NetworkPolicy');
  const whoReaches = ([cidr, port]) => policies.filter(({ spec }) => (spec.egress ?? []).some(({ to = [], ports }) => to.some(({ ipBlock }) => ipBlock?.cidr === cidr) && ports.some((one) => one.port === port))).map(({ metadata }) => metadata.name).sort();
  assert.deepEqual(whoReaches(given.redis), ['queue-front']);
  assert.deepEqual(whoReaches(given.seats), ['migrations', 'seat-service']);
  assert.deepEqual(whoReaches(given.pay), ['migrations', 'payment-adapter']);
});

test('an image is named by its digest where there is one', () => {
  const digest = `sha256:${'b'.repeat(64)}`;
  const image = (documents, name) => podOf(documents, name).spec.containers[0].image;
  const documents = rendered([withValues({ image: { digests: { edge: digest } } })]);
  assert.equal(image(documents, 'edge'), `localhost/fairgate/edge@${digest}`);
  assert.match(image(documents, 'queue-front'), /^localhost\/fairgate\/queue-front:\d/);
});

test('migrations run after an install and before an upgrade, and a second one takes the place of the first', () => {
  const jobs = rendered().filter(({ kind }) => kind === 'Job');
  assert.equal(jobs.length, 2);
  for (const { metadata } of jobs) assert.deepEqual(metadata.annotations, { 'helm.sh/hook': 'post-install,pre-upgrade', 'helm.sh/hook-delete-policy': 'before-hook-creation' });
});

test('the chart is of this version', () => {
  const { version, appVersion } = yaml.load(read(join(CHART, 'Chart.yaml')));
  const ours = read(join(ROOT, 'VERSION')).trim();
  assert.deepEqual([version, appVersion], [ours, ours]);
});

if (helm) {
  test('helm finds nothing wrong with it', () => {
    for (const given of Object.values(sets)) {
      const { status, stdout } = spawnSync('helm', ['lint', '--strict', CHART, ...given.flatMap((file) => ['--values', file])], { encoding: 'utf8' });
      assert.equal(status, 0, stdout);
    }
  });
}

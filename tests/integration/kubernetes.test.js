// The manifests of infra/kubernetes, rendered as kubectl would apply them. tests/lib-js/manifests.js has the judges; the chart of
// the same is judged by tests/packages/chart.test.js.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { ROOT } from '../lib-js/index.js';
import { faultsOf, ISSUER_AT, judgesOf, kustomized } from '../lib-js/manifests.js';

const read = (path) => readFileSync(join(ROOT, path), 'utf8');
const small = kustomized('overlays/small');

for (const [name, documents] of Object.entries({ small, production: kustomized('overlays/production') }))
  describe(name, () => {
    for (const [title, judge] of judgesOf(documents)) test(title, judge);
  });

// What an overlay gives that names both as its bases.
describe('with operators as persons', () => {
  const documents = [...small, ...kustomized('operators')];
  for (const [title, judge] of judgesOf(documents, { issuer: ISSUER_AT })) test(title, judge);
});

test('nobody is a person unless somebody says so', () => {
  const services = small.filter(({ kind, metadata }) => ['Deployment', 'StatefulSet'].includes(kind) && ['queue-front', 'seat-service', 'payment-adapter'].includes(metadata.name));
  assert.equal(services.length, 3);
  for (const { spec } of services) assert.deepEqual(spec.template.spec.containers[0].envFrom.at(-1), { configMapRef: { name: 'operators', optional: true } });
  assert.doesNotMatch(JSON.stringify(small), /FAIRGATE_OPERATORS/);
  const { data } = kustomized('operators').find(({ kind }) => kind === 'ConfigMap');
  assert.match(data.FAIRGATE_OPERATORS_ISSUER, /^https:/);
});

test('a word that is misspelt, or of the wrong kind, would be seen', async () => {
  const planted = (change) => {
    const copy = structuredClone(small.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'edge'));
    change(copy.spec.template.spec);
    return faultsOf(copy);
  };
  assert.deepEqual(await planted(() => {}), []);
  assert.notDeepEqual(await planted((pod) => { pod.containers[0].readinesProbe = {}; }), []);
  assert.notDeepEqual(await planted((pod) => { pod.terminationGracePeriodSeconds = 'long'; }), []);
});

test('the README names the engines with the versions that were looked at, and every file is told of', () => {
  const readme = read('infra/kubernetes/README.md');
  assert.match(readme, /CloudNativePG \d+\.\d+/);
  assert.match(readme, /redis-ha \d+\.\d+\.\d+/);
  for (const name of readdirSync(join(ROOT, 'infra/kubernetes')).filter((one) => one !== 'README.md')) assert.ok(readme.includes(name), name);
});

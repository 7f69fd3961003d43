// The manifests of infra/kubernetes, rendered as kubectl would apply them. tests/lib-js/manifests.js has the judges; the chart of
// the same is judged by tests/packages/chart.test.js.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { ROOT } from '../lib-js/index.js';
import { faultsOf, judgesOf, kustomized } from '../lib-js/manifests.js';

const read = (path) => readFileSync(join(ROOT, path), 'utf8');
const small = kustomized('overlays/small');

for (const [name, documents] of Object.entries({ small, production: kustomized('overlays/production') }))
  describe(name, () => {
    for (const [title, judge] of judgesOf(documents)) test(title, judge);
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

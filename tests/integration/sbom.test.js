// The bill of materials: it follows its standard, names everything that runs, and omits nothing that a program loads or a
// page contains.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import test from 'node:test';
import Ajv from 'ajv';
import addFormats from 'ajv-formats';
import { ROOT } from '../lib-js/service.js';

const BUILD = join(ROOT, 'build/release');
const make = () => execFileSync('node', [join(ROOT, 'infra/sbom.js'), BUILD], { encoding: 'utf8', maxBuffer: 1 << 26, stdio: ['ignore', 'pipe', 'ignore'] });
const text = make();
const bom = JSON.parse(text);
const required = bom.components.filter(({ scope }) => scope === 'required');
const named = (name) => required.find((one) => one.name === name);

test('the list is valid CycloneDX and reproducible', () => {
  const schemas = join(dirname(createRequire(import.meta.url).resolve('@cyclonedx/cyclonedx-library/package.json')), 'res/schema');
  const schema = (name) => JSON.parse(readFileSync(join(schemas, `${name}.SNAPSHOT.schema.json`), 'utf8'));
  const ajv = new Ajv.default({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addFormat('iri-reference', true); // ajv-formats lacks it
  for (const name of ['spdx', 'jsf-0.82', 'cryptography-defs']) ajv.addSchema(schema(name), `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`);
  const validate = ajv.compile(schema('bom-1.6'));
  assert.ok(validate(bom), JSON.stringify(validate.errors));
  assert.equal(make(), text);
});

for (const program of ['queue-front', 'seat-service', 'payment-adapter']) {
  test(`${program} is in it, with every library that it loads`, () => {
    const path = join(BUILD, 'bin', program);
    assert.equal(named(program).hashes[0].content, createHash('sha256').update(readFileSync(path)).digest('hex'));
    const { dependsOn } = bom.dependencies.find(({ ref }) => ref === program);
    for (const ref of dependsOn) assert.ok(required.some((one) => one['bom-ref'] === ref), ref);
    const loaded = [...execFileSync('readelf', ['-dW', path], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } }).matchAll(/\(NEEDED\).*\[lib([a-z]+)/g)].map(([, name]) => name);
    assert.ok(loaded.length > 5);
    const packages = { c: 'libc6', m: 'libc6', crypt: 'libcrypt', hiredis: 'libhiredis', ssl: 'libssl', crypto: 'libssl', z: 'zlib1g', gcc: 'libgcc', brotlienc: 'libbrotli' };
    for (const name of loaded) assert.ok(dependsOn.some((ref) => ref.startsWith(`pkg:deb/debian/${packages[name] ?? `lib${name}`}`)), `${name} in ${dependsOn.join(' ')}`);
  });
}

test('it lists the libraries bundled in pages, with their versions', () => {
  const first = (path) => readFileSync(join(ROOT, path), 'utf8').split('\n')[0];
  const carried = [first('build/bundles/web/console/uplot.js'), first('build/bundles/queue-front/web/bls.min.js')].flatMap((line) => [...line.matchAll(/(@?[\w/-]+) (\d+\.\d+\.\d+)/g)]);
  assert.equal(carried.length, 3);
  for (const [, name, version] of carried) assert.equal(named(name)?.version, version, name);
});

test('what runs has a licence, and build tools are marked as excluded', () => {
  for (const one of required) assert.ok(one.licenses.length > 0, one.name);
  for (const name of ['redis-server', 'postgresql', 'haproxy', 'node-llhttp']) assert.ok(named(name), name);
  for (const name of ['clang', 'esbuild', 'playwright-core']) assert.equal(named(name), undefined, name);
  assert.ok(bom.components.some(({ name, scope }) => name === 'esbuild' && scope === 'excluded'));
});

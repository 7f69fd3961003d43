// sbom-parts.js: builds the parts of a bill of materials (CycloneDX 1.6), for sbom.js (the tree) and images/sbom.js (an
// image).

import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = new URL('..', import.meta.url).pathname;
const IN_PAGES = ['uplot', '@noble/curves', '@noble/hashes']; // infra/vendor.js

export const read = (path) => readFileSync(join(ROOT, path), 'utf8');
export const byRef = (a, b) => (a['bom-ref'] < b['bom-ref'] ? -1 : 1);

// ---- our programs ----

export const PROGRAMS = {
  'queue-front': 'The waiting room.',
  'seat-service': 'The seats.',
  'payment-adapter': 'Login, checkout, tickets.',
  fairgate: 'The command line.',
};
export const LICENCE = [{ license: { id: 'Apache-2.0' } }];
export const version = execFileSync(join(ROOT, 'infra/version'), { encoding: 'utf8' }).trim();

export const program = (name, path, description) => ({
  'bom-ref': name, type: 'application', name, version, description, scope: 'required', licenses: LICENCE,
  hashes: [{ alg: 'SHA-256', content: createHash('sha256').update(readFileSync(path)).digest('hex') }],
});

// ---- Debian ----

// The short licence names in the Files and License paragraphs of a package's copyright file.
function licencesOf(name, root) {
  const path = `${root}/usr/share/doc/${name}/copyright`;
  if (!existsSync(path)) return [];
  const named = [...readFileSync(path, 'utf8').matchAll(/^License: *(\S[^\n]*)$/gm)].map(([, said]) => said.trim());
  return named.length > 0 ? [...new Set(named)].sort() : [`as /usr/share/doc/${name}/copyright has it`];
}

// `row` has dpkg's fields by their names; `root` is where the package's files are.
export function debian(row, { scope, type = 'library', release, root = '' }) {
  const { Package: name, Version: version, Architecture: arch, Homepage: home } = row;
  const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${arch}&distro=debian-${release}`;
  return {
    type, 'bom-ref': purl, name, version, scope,
    licenses: licencesOf(name, root).map((one) => ({ license: { name: one } })), purl,
    ...(home ? { externalReferences: [{ type: 'website', url: home }] } : {}),
    properties: [{ name: 'debian:source', value: `${row['source:Package']} ${row['source:Version']}` }],
  };
}

// ---- npm ----

const lock = JSON.parse(read('package-lock.json')).packages;

function npm(path, scope) {
  const { version, license, integrity } = lock[path];
  const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
  const [algorithm, digest] = integrity.split(/-(.*)/s);
  return {
    type: 'library', 'bom-ref': purl, name, version, scope, purl,
    licenses: license === undefined ? [] : /[ ()]/.test(license) ? [{ expression: license }] : [{ license: { id: license } }],
    hashes: [{ alg: algorithm.replace('sha', 'SHA-'), content: Buffer.from(digest, 'base64').toString('hex') }],
  };
}

// The npm packages in pages (`required`), and those that build and check them.
export function npmPackages() {
  const inPages = (path) => IN_PAGES.some((name) => path === `node_modules/${name}`);
  const all = Object.keys(lock).filter((path) => path !== '').map((path) => npm(path, inPages(path) ? 'required' : 'excluded'));
  return [...new Map(all.map((one) => [one['bom-ref'], one])).values()];
}

// ---- the bill ----

// A tree without git history (an unpacked archive) has its date from SOURCE_DATE_EPOCH.
const history = (...argv) => spawnSync('git', argv, { cwd: ROOT, encoding: 'utf8' }).stdout?.trim() ?? '';
const epoch = Number(process.env.SOURCE_DATE_EPOCH ?? history('log', '-1', '--format=%ct'));

// The same components give the same bytes: the serial number is a digest.
export function bill(component, components, dependencies) {
  const digest = createHash('sha256').update(JSON.stringify([version, components])).digest('hex');
  const uuid = `${digest.slice(0, 8)}-${digest.slice(8, 12)}-5${digest.slice(13, 16)}-8${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
  return `${JSON.stringify({
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json', bomFormat: 'CycloneDX', specVersion: '1.6', serialNumber: `urn:uuid:${uuid}`, version: 1,
    metadata: { timestamp: new Date(epoch * 1000).toISOString(), component },
    components, dependencies: dependencies.sort((a, b) => (a.ref < b.ref ? -1 : 1)),
  }, null, 1)}\n`;
}

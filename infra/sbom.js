// sbom.js [BUILD]: what runs when Fairgate runs, as a bill of materials (CycloneDX 1.6) on standard output,
// and its licences on standard error. BUILD is build/release.
//
// It asks what is there, never the network: our programs which libraries they load (ldd), Debian whose
// files those are and in which version (dpkg), package-lock.json what the pages carry of other people's
// work. Scope `required` is what runs in production; `excluded` is what builds and judges it. The same tree
// on the same machine gives the same bytes: the time is that of the last commit (SOURCE_DATE_EPOCH), the
// serial number is a digest.

import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = new URL('..', import.meta.url).pathname;
const BUILD = resolve(process.argv[2] ?? join(ROOT, 'build/release'));
const PROGRAMS = {
  'queue-front': 'The waiting room.',
  'seat-service': 'The seats.',
  'payment-adapter': 'Login, checkout, tickets.',
  fairgate: 'The command line.',
};
const SERVERS = ['redis-server', 'postgresql', 'haproxy'];
// Theirs is compiled into our programs, so no library of theirs is loaded.
const COMPILED_IN = { 'node-llhttp': ['queue-front', 'seat-service', 'payment-adapter'], 'libck-dev': ['seat-service'] };
const IN_PAGES = ['uplot', '@noble/curves', '@noble/hashes']; // infra/vendor.js

const read = (path) => readFileSync(join(ROOT, path), 'utf8');
const ask = (what, ...argv) => execFileSync(what, argv, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' }, cwd: ROOT });
const byRef = (a, b) => (a['bom-ref'] < b['bom-ref'] ? -1 : 1);

// ---- Debian ----

// Of a package's copyright file, the short names that its Files and License paragraphs give.
function licencesOf(name) {
  const path = `/usr/share/doc/${name}/copyright`;
  if (!existsSync(path)) return [];
  const named = [...readFileSync(path, 'utf8').matchAll(/^License: *(\S[^\n]*)$/gm)].map(([, said]) => said.trim());
  return named.length > 0 ? [...new Set(named)].sort() : [`as /usr/share/doc/${name}/copyright has it`];
}

// What dpkg says of these, by name; of one that is not installed it says nothing.
const FIELDS = ['Package', 'Version', 'Architecture', 'source:Package', 'source:Version', 'Homepage', 'Depends'];
const release = /^VERSION_ID="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? '';
function installed(names) {
  const said = spawnSync('dpkg-query', ['-W', '-f', `\${db:Status-Status}\t${FIELDS.map((field) => `\${${field}}`).join('\t')}\n`, ...names], { encoding: 'utf8', maxBuffer: 1 << 24 }).stdout;
  const rows = said.trimEnd().split('\n').map((line) => line.split('\t')).filter(([status]) => status === 'installed');
  return new Map(rows.map(([, ...values]) => [values[0], Object.fromEntries(FIELDS.map((field, n) => [field, values[n]]))]));
}

function debian({ Package: name, Version: version, Architecture: arch, Homepage: home, ...more }, scope) {
  const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${arch}&distro=debian-${release}`;
  return {
    type: SERVERS.includes(name) ? 'application' : 'library', 'bom-ref': purl, name, version, scope,
    licenses: licencesOf(name).map((one) => ({ license: { name: one } })), purl,
    ...(home ? { externalReferences: [{ type: 'website', url: home }] } : {}),
    properties: [{ name: 'debian:source', value: `${more['source:Package']} ${more['source:Version']}` }],
  };
}

// path -> package whose file it is. What lies in /lib was packed as /lib, or as /usr/lib.
function ownersOf(paths) {
  const ways = (path) => [...new Set([path, realpathSync(path)].flatMap((one) => [one, one.replace(/^\/usr\//, '/'), one.replace(/^\/lib/, '/usr/lib')]))];
  const said = spawnSync('dpkg', ['-S', ...new Set(paths.flatMap(ways))], { encoding: 'utf8', maxBuffer: 1 << 24, env: { ...process.env, LC_ALL: 'C' } }).stdout;
  const owners = new Map(said.trimEnd().split('\n').map((line) => [line.slice(line.indexOf(': ') + 2), line.split(/[:,]/)[0]]));
  return new Map(paths.map((path) => {
    const way = ways(path).find((one) => owners.has(one));
    if (way === undefined) throw new Error(`${path}, which a program loads, is no package's`);
    return [path, owners.get(way)];
  }));
}

const librariesOf = (program) => [...ask('ldd', program).matchAll(/^\t(?:\S+ => )?(\/\S+) \(/gm)].map(([, path]) => path);

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

// ---- all of it ----

// A tree without its history (an unpacked archive) is of no version that we know.
const history = (...argv) => spawnSync('git', argv, { cwd: ROOT, encoding: 'utf8' }).stdout?.trim() ?? '';
const epoch = Number(process.env.SOURCE_DATE_EPOCH ?? history('log', '-1', '--format=%ct'));
const version = history('describe', '--tags', '--always') || 'unknown';
const ours = { 'bom-ref': 'fairgate', type: 'application', name: 'fairgate', version, licenses: [{ license: { id: 'Apache-2.0' } }] };
const dependencies = [];

const loaded = Object.fromEntries(Object.keys(PROGRAMS).map((name) => [name, librariesOf(join(BUILD, 'bin', name))]));
const owners = ownersOf([...new Set(Object.values(loaded).flat())]);
const tools = [...read('infra/deps').matchAll(/^(?:run|test|bench|browser) +(\S+) +\S/gm)].map(([, name]) => name);
const known = installed([...new Set([...owners.values(), ...Object.keys(COMPILED_IN), ...SERVERS, ...tools])]);
// `postgresql` is only a name: the version that it stands for is what runs.
const versioned = [...known.get('postgresql').Depends.matchAll(/(postgresql-\d+)/g)].map(([, name]) => name);
for (const [name, row] of installed(versioned)) known.set(name, row);

const runs = new Set([...owners.values(), ...Object.keys(COMPILED_IN), ...SERVERS, ...versioned]);
const packed = new Map([...known].map(([name, row]) => [name, debian(row, runs.has(name) ? 'required' : 'excluded')]));
const refOf = (name) => packed.get(name)['bom-ref'];

const programs = Object.entries(PROGRAMS).map(([name, description]) => {
  const compiled = Object.keys(COMPILED_IN).filter((one) => COMPILED_IN[one].includes(name));
  dependencies.push({ ref: name, dependsOn: [...new Set([...loaded[name].map((path) => owners.get(path)), ...compiled].map(refOf))].sort() });
  return {
    'bom-ref': name, type: 'application', name, version, description, scope: 'required', licenses: ours.licenses,
    hashes: [{ alg: 'SHA-256', content: createHash('sha256').update(readFileSync(join(BUILD, 'bin', name))).digest('hex') }],
  };
});
const servers = [...SERVERS, ...versioned].map(refOf);

const packages = Object.keys(lock).filter((path) => path !== '');
const inPages = (path) => IN_PAGES.some((name) => path === `node_modules/${name}`);
const pages = [...new Map(packages.map((path) => npm(path, inPages(path) ? 'required' : 'excluded')).map((one) => [one['bom-ref'], one])).values()];

const components = [...programs, ...packed.values(), ...pages].sort(byRef);
dependencies.push({ ref: 'fairgate', dependsOn: [...programs.map((one) => one['bom-ref']), ...servers, ...pages.filter(({ scope }) => scope === 'required').map((one) => one['bom-ref'])].sort() });

const digest = createHash('sha256').update(JSON.stringify([version, components])).digest('hex');
const uuid = `${digest.slice(0, 8)}-${digest.slice(8, 12)}-5${digest.slice(13, 16)}-8${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
process.stdout.write(`${JSON.stringify({
  $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json', bomFormat: 'CycloneDX', specVersion: '1.6', serialNumber: `urn:uuid:${uuid}`, version: 1,
  metadata: { timestamp: new Date(epoch * 1000).toISOString(), component: ours },
  components, dependencies: dependencies.sort((a, b) => (a.ref < b.ref ? -1 : 1)),
}, null, 1)}\n`);

const namesOf = ({ licenses }) => licenses.map((one) => one.expression ?? one.license.id ?? one.license.name);
process.stderr.write('What runs, and under which licences:\n');
for (const one of components.filter(({ scope }) => scope === 'required')) process.stderr.write(`  ${one.name} ${one.version}: ${namesOf(one).join(', ')}\n`);

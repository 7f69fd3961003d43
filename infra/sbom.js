// sbom.js [BUILD]: writes what runs in production, as a bill of materials (CycloneDX 1.6), to standard output, and its
// licences to standard error. BUILD defaults to build/release.
//
// It never uses the network. ldd lists the libraries that our programs load, dpkg the Debian packages and versions that own
// them, and package-lock.json the third-party code in the pages. Scope `required` is what runs in production; `excluded` is
// what builds and checks it. The same tree on the same machine gives the same bytes: the time is that of the last commit
// (SOURCE_DATE_EPOCH), and the serial number is a digest.

import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { bill, byRef, debian, LICENCE, npmPackages, program, PROGRAMS, read, ROOT, version } from './sbom-parts.js';

const BUILD = resolve(process.argv[2] ?? join(ROOT, 'build/release'));
const SERVERS = ['redis-server', 'postgresql', 'haproxy'];
// It is compiled into our programs, so no library of its own is loaded.
const COMPILED_IN = { 'node-llhttp': ['queue-front', 'seat-service', 'payment-adapter'] };

const ask = (what, ...argv) => execFileSync(what, argv, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' }, cwd: ROOT });

// ---- Debian ----

// dpkg's data on these packages, by name; packages that are not installed are left out.
const FIELDS = ['Package', 'Version', 'Architecture', 'source:Package', 'source:Version', 'Homepage', 'Depends'];
const release = /^VERSION_ID="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? '';
function installed(names) {
  const said = spawnSync('dpkg-query', ['-W', '-f', `\${db:Status-Status}\t${FIELDS.map((field) => `\${${field}}`).join('\t')}\n`, ...names], { encoding: 'utf8', maxBuffer: 1 << 24 }).stdout;
  const rows = said.trimEnd().split('\n').map((line) => line.split('\t')).filter(([status]) => status === 'installed');
  return new Map(rows.map(([, ...values]) => [values[0], Object.fromEntries(FIELDS.map((field, n) => [field, values[n]]))]));
}

// path -> package that owns the file. A file in /lib may be packaged as /lib or as /usr/lib.
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

const librariesOf = (path) => [...ask('ldd', path).matchAll(/^\t(?:\S+ => )?(\/\S+) \(/gm)].map(([, library]) => library);

// ---- all of it ----

const dependencies = [];

const loaded = Object.fromEntries(Object.keys(PROGRAMS).map((name) => [name, librariesOf(join(BUILD, 'bin', name))]));
const owners = ownersOf([...new Set(Object.values(loaded).flat())]);
const tools = [...read('infra/deps').matchAll(/^(?:run|test|bench|browser) +(\S+) +\S/gm)].map(([, name]) => name);
const known = installed([...new Set([...owners.values(), ...Object.keys(COMPILED_IN), ...SERVERS, ...tools])]);
// `postgresql` is a metapackage: the versioned package that it depends on is what runs.
const versioned = [...known.get('postgresql').Depends.matchAll(/(postgresql-\d+)/g)].map(([, name]) => name);
for (const [name, row] of installed(versioned)) known.set(name, row);

const runs = new Set([...owners.values(), ...Object.keys(COMPILED_IN), ...SERVERS, ...versioned]);
const packed = new Map([...known].map(([name, row]) => [name, debian(row, { release, scope: runs.has(name) ? 'required' : 'excluded', type: SERVERS.includes(name) ? 'application' : 'library' })]));
const refOf = (name) => packed.get(name)['bom-ref'];

const programs = Object.entries(PROGRAMS).map(([name, description]) => {
  const compiled = Object.keys(COMPILED_IN).filter((one) => COMPILED_IN[one].includes(name));
  dependencies.push({ ref: name, dependsOn: [...new Set([...loaded[name].map((path) => owners.get(path)), ...compiled].map(refOf))].sort() });
  return program(name, join(BUILD, 'bin', name), description);
});
const servers = [...SERVERS, ...versioned].map(refOf);

const pages = npmPackages();
const components = [...programs, ...packed.values(), ...pages].sort(byRef);
dependencies.push({ ref: 'fairgate', dependsOn: [...programs.map((one) => one['bom-ref']), ...servers, ...pages.filter(({ scope }) => scope === 'required').map((one) => one['bom-ref'])].sort() });

const ours = { 'bom-ref': 'fairgate', type: 'application', name: 'fairgate', version, licenses: LICENCE };
process.stdout.write(bill(ours, components, dependencies));

const namesOf = ({ licenses }) => licenses.map((one) => one.expression ?? one.license.id ?? one.license.name);
process.stderr.write('What runs, and under which licences:\n');
for (const one of components.filter(({ scope }) => scope === 'required')) process.stderr.write(`  ${one.name} ${one.version}: ${namesOf(one).join(', ')}\n`);

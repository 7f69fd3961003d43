// sbom.js NAME LAYER...: what an image holds, as a bill of materials (CycloneDX) on standard output. LAYER are the
// folders that it is made of, the base first; each has in var/lib/dpkg/status.d what was unpacked into it. Programs
// of ours are listed with their digests, pages with what they carry of other people's work.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bill, byRef, debian, LICENCE, npmPackages, program, version } from '../sbom-parts.js';

const OURS = ['queue-front', 'seat-service', 'payment-adapter', 'fairgate', 'demo-shop', 'psp-sandbox'];
const [name, ...layers] = process.argv.slice(2);
const release = /^VERSION_ID="?([^"\n]*)/m.exec(readFileSync(join(layers[0], 'usr/lib/os-release'), 'utf8'))[1];

function rowOf(text) {
  const row = Object.fromEntries([...text.matchAll(/^([A-Z][\w-]*): *(.*)$/gm)].map(([, field, value]) => [field, value]));
  const [, source, sourceVersion] = /^(\S+)(?: \((.*)\))?$/.exec(row.Source ?? row.Package);
  return { ...row, 'source:Package': source, 'source:Version': sourceVersion ?? row.Version };
}

const components = layers.flatMap((layer) => {
  const list = join(layer, 'var/lib/dpkg/status.d');
  const packages = existsSync(list) ? readdirSync(list).map((file) => rowOf(readFileSync(join(list, file), 'utf8'))) : [];
  const programs = OURS.filter((one) => existsSync(join(layer, 'usr/bin', one)));
  return [
    ...packages.filter((row) => !row.Package.startsWith('fairgate')).map((row) => debian(row, { release, scope: 'required', root: layer })),
    ...programs.map((one) => program(one, join(layer, 'usr/bin', one))),
    ...(programs.some((one) => one !== 'fairgate') ? npmPackages().filter(({ scope }) => scope === 'required') : []),
  ];
}).sort(byRef);

const image = { 'bom-ref': `image:${name}`, type: 'container', name: `fairgate/${name}`, version, licenses: LICENCE };
process.stdout.write(bill(image, components, [{ ref: image['bom-ref'], dependsOn: components.map((one) => one['bom-ref']).sort() }]));

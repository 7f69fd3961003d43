// sbom.js NAME LAYER...: writes a bill of materials (CycloneDX) of an image to standard output. LAYERs are the folders it is
// made of, the base first; var/lib/dpkg/status.d in each lists the packages unpacked into it. Our own programs are listed
// with their digests, pages with the third-party code in them.

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

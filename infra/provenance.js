// provenance.js FOLDER BUILDINFO DEB...: an in-toto statement with SLSA's predicate of what the files below FOLDER were made
// from: the commit, the packages present in Debian's build (BUILDINFO), those unpacked into the images (DEB) and the npm
// packages (package-lock.json). Signatures are not among the files.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { read, version } from './sbom-parts.js';

const [folder, buildinfo, ...debs] = process.argv.slice(2);
const git = (...argv) => execFileSync('git', argv, { encoding: 'utf8' }).trim();
const digest = (bytes) => ({ sha256: createHash('sha256').update(bytes).digest('hex') });

const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && entry.name !== 'InRelease')
  .map((entry) => join(entry.parentPath ?? entry.path, entry.name)).sort();
const unpacked = (deb) => {
  const [name, version] = basename(deb).split('_'); // a colon of the version is %3a
  return { uri: `pkg:deb/debian/${name}@${encodeURIComponent(decodeURIComponent(version))}`, digest: digest(readFileSync(deb)) };
};
const packages = [.../^Installed-Build-Depends:\n((?: .+\n)+)/m.exec(readFileSync(buildinfo, 'utf8'))[1].matchAll(/^ (\S+) \(= (\S+)\)/gm)];

process.stdout.write(`${JSON.stringify({
  _type: 'https://in-toto.io/Statement/v1',
  subject: files.map((path) => ({ name: relative(folder, path), digest: digest(readFileSync(path)) })),
  predicateType: 'https://slsa.dev/provenance/v1',
  predicate: {
    buildDefinition: {
      buildType: 'https://fairgate.invalid/make-release/v1',
      externalParameters: { version, target: 'release' },
      resolvedDependencies: [
        { uri: 'git+https://fairgate.invalid/fairgate', digest: { gitCommit: git('rev-parse', 'HEAD') } },
        { uri: 'package-lock.json', digest: digest(read('package-lock.json')) },
        ...packages.map(([, name, installed]) => ({ uri: `pkg:deb/debian/${name}@${encodeURIComponent(installed)}` })),
        ...debs.map(unpacked),
      ],
    },
    runDetails: { builder: { id: 'https://fairgate.invalid/builder' }, metadata: { finishedOn: git('log', '-1', '--format=%cI') } },
  },
}, null, 2)}\n`);

// Builds the programs of the previous version, which the upgrade and downgrade faults need: once, in build/before, from
// the commit in the file `before`. That commit must have the steps that today's newest step names as `oldest`, because a
// program refuses a database that needs newer ones. So update the file when a step needs that.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../lib-js/service.js';

const PROGRAMS = ['queue-front', 'seat-service', 'payment-adapter'];

// -> the folder of its programs
export function before() {
  if (process.env.FAIRGATE_BEFORE) return process.env.FAIRGATE_BEFORE;
  const commit = readFileSync(join(ROOT, 'tests/fault/campaign/before'), 'utf8').trim();
  const tree = join(ROOT, 'build/before', commit);
  const bin = join(tree, 'build/release/bin');
  if (PROGRAMS.every((name) => existsSync(join(bin, name)))) return bin;
  mkdirSync(tree, { recursive: true });
  const tar = execFileSync('git', ['-C', ROOT, 'archive', commit], { maxBuffer: 1 << 28 });
  execFileSync('tar', ['-x', '-C', tree], { input: tar });
  execFileSync('ln', ['-sfn', join(ROOT, 'node_modules'), join(tree, 'node_modules')]); // for bundling the pages' scripts
  const targets = PROGRAMS.map((name) => `build/release/bin/${name}`);
  execFileSync('make', ['--no-print-directory', '-C', tree, '-j2', 'VARIANT=release', ...targets], { stdio: ['ignore', 'ignore', 'inherit'] });
  return bin;
}

// bench.js [SUITE...]: measures the README's figures and prints each with its bar. Suites are the files *.suite.js next to
// this one. Without a name all of them run except `hostile`, which takes a quarter of an hour.
//
// A suite is reported as BROKEN if its sides did not do the same work, if it does not end, or if it throws; the others
// continue. It is also BROKEN if other programs use the machine before it or after it, unless BENCH_BUSY=1.
//
// The servers share core 0 and the load core 1 unless a suite says otherwise. A missed bar is printed as MISSED and makes
// the exit status 1.

import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openScope, within } from '../../tests/lib-js/index.js';
import { busyShare } from './lib/machine.js';
import { Report } from './lib/report.js';

process.env.FAIRGATE_VARIANT ??= 'release';
process.env.FAIRGATE_DURABLE = '1'; // tests/lib-js/postgres.js

const here = fileURLToPath(new URL('.', import.meta.url));
const all = readdirSync(here)
  .filter((file) => file.endsWith('.suite.js'))
  .map((file) => file.slice(0, -'.suite.js'.length))
  .sort();
const wanted = process.argv.length > 2 ? process.argv.slice(2) : all.filter((name) => name !== 'hostile');
for (const name of wanted) {
  if (!all.includes(name)) {
    process.stderr.write(`bench: no suite called ${name}; there are: ${all.join(', ')}\n`);
    process.exit(2);
  }
}

const MINUTES = 8; // the limit of a suite that exports none
const BUSY = 0.15; // share of all cores; an idle machine uses a few percent
const LOOK_MS = 2000, LOOKS = 15; // programs that have just ended may still cause writes

async function quiet() {
  if (process.env.BENCH_BUSY === '1') return;
  let busy;
  for (let look = 0; look < LOOKS; look += 1) {
    busy = await busyShare(LOOK_MS);
    if (busy <= BUSY) return;
  }
  throw new Error(`other programs use ${(100 * busy).toFixed(0)} % of this machine: no figure would tell anything (BENCH_BUSY=1 measures all the same)`);
}

const report = new Report();
let fail; // rejects the current suite: an uncaught exception must not end the others
process.on('uncaughtException', (error) => fail(error));
for (const name of wanted) {
  process.stdout.write(`\n${name}\n`);
  const scope = openScope();
  const began = performance.now();
  try {
    await quiet();
    const { default: suite, minutes = MINUTES } = await import(`./${name}.suite.js`);
    const add = (row) => report.add({ suite: name, ...row });
    const thrown = new Promise((_, reject) => { fail = reject; });
    await within(minutes * 60_000, `the suite ${name} to end`, Promise.race([suite({ scope, add }), thrown]));
  } catch (error) {
    report.broken(name, error);
  }
  await scope.close().then(quiet).catch((error) => report.broken(name, error));
  report.suiteTook(name, (performance.now() - began) / 1000);
}
const folder = fileURLToPath(new URL('../../build/bench', import.meta.url));
report.save(folder);
process.stdout.write(`\n${report.summary()}; the report is ${folder}/report.json\n`);
process.exit(report.failed > 0 ? 1 : 0);

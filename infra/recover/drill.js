// drill.js [WORDS]: `make recover-drill`. A stack with backups, visitors who buy and wait, and each case of database.js and
// line.js in turn: broken, restored by `recover`, compared with the answers to visitors. One row each:
//
//   fault | lost: acknowledged and gone | RPO: age of the oldest loss | RTO: until visitors are served again
//
// RTO is the machine's part only: no human has to wake up, understand and decide. Times are printed and not checked. WORDS:
// only cases with matching names ("line", "dropped"). Exits with 1 if there were findings.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openScope } from '../../tests/lib-js/scope.js';
import { ROOT } from '../../tests/lib-js/service.js';
import { CASES as DATABASE } from './database.js';
import { CASES as LINE } from './line.js';
import { Place } from './place.js';
import { counted } from './record.js';

const OUT = join(ROOT, 'build/recover');
const say = (text = '') => process.stdout.write(`${text}\n`);
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;
const WIDTHS = [60, 46, 8, 8];
const row = (...cells) => say(`| ${cells.map((cell, n) => String(cell).padEnd(WIDTHS[n])).join(' | ')} |`);

async function one(place, { name, promise, run }) {
  const result = await run(place).catch((error) => ({ lost: [], rpoMs: 0, rtoMs: 0, told: [], findings: [error.stack] }));
  row(name, result.lost.length === 0 ? '-' : counted(result.lost), seconds(result.rpoMs), seconds(result.rtoMs));
  for (const line of result.told) say(`    ${line}`);
  for (const finding of result.findings) say(`    FOUND: ${finding}`);
  return { name, promise, lost: counted(result.lost), rpo_ms: result.rpoMs, rto_ms: result.rtoMs, told: result.told, findings: result.findings };
}

async function drill(scope, words) {
  const place = new Place(scope);
  say('bringing up a stack, its first backup ...');
  await place.open();
  say(`${await place.recover('status')}\n`);
  row('fault', 'lost', 'RPO', 'RTO');
  say(`|${WIDTHS.map((width) => '-'.repeat(width + 2)).join('|')}|`);
  const rows = [];
  for (const each of [...DATABASE, ...LINE].filter(({ name }) => new RegExp(words).test(name))) rows.push(await one(place, each));
  mkdirSync(OUT, { recursive: true });
  writeFileSync(join(OUT, 'drill.json'), `${JSON.stringify({ at: new Date().toISOString(), rows }, null, 1)}\n`);
  const bad = rows.filter(({ findings }) => findings.length > 0).length;
  say(`\n${OUT}/drill.json`);
  say(`${rows.length - bad} passed, ${bad} failed`);
  return bad === 0 && rows.length > 0;
}

const scope = openScope();
let good = false;
try {
  good = await drill(scope, process.argv.slice(2).join(' '));
} catch (error) {
  process.stderr.write(`recover-drill: ${error.stack}\n`);
}
await scope.close().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  good = false;
});
process.exit(good ? 0 : 1);

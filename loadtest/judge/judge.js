// judge.js: checks the records of a run.
//
//   judge.js [--scenario FILE] [--seats-max N] [--json FILE] [--history FILE] RECORD...
//
// The scenario, with overrides from the environment, says what the run must achieve ([expect]) and what the operator allowed
// ([stage]). --history writes the answers to visitors in the format of tests/history/check.js.
//
// Exit status 0: the answers to all visitors are consistent, and enough visitors got through. 1: otherwise; prints the reasons.

import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { historyOf } from './history.js';
import { Records, endNames, kindNames } from './records.js';
import { TALLIES, judge, usual } from './rules.js';

const CROWD = process.env.FAIRGATE_CROWD ?? fileURLToPath(new URL('../../build/release/bin/crowd', import.meta.url));
const TITLES = { ...Object.fromEntries(TALLIES.map((name) => [name, name])), visitors: 'people', held_most: 'held<=' };

// The limits and expectations of the scenario.
function ofScenario(path) {
  const { stage, expect } = JSON.parse(execFileSync(CROWD, [path, '--i-own-this-host', '--print'], { encoding: 'utf8' }));
  return { rate_milli: stage.rate_per_s * 1000, burst: stage.burst, active_max: stage.max_active, expect };
}

function* report(sums) {
  const { ended, manners, found, kinds } = sums;
  yield `${sums.visitors} visitors, ${sums.places} places, ${sums.passes} passes, ${sums.orders} orders, ${sums.tickets} with tickets for ${sums.seats} seats, ${sums.paid} paid`;
  for (const [how, count] of ended.entries()) if (count > 0) yield `  ${endNames[how].padEnd(12)} ${count}`;
  yield `  ${'manner'.padEnd(10)}${TALLIES.map((name) => ` ${TITLES[name].padStart(8)}`).join('')}`;
  for (const manner of manners) yield `  ${manner.name.padEnd(10)}${TALLIES.map((name) => ` ${String(manner[name]).padStart(8)}`).join('')}`;
  yield `  surely inside at the same time: at most ${sums.active_most}`;
  const percent = (part) => (100 * part / sums.eta_judged).toFixed(1);
  if (sums.eta_judged > 0)
    yield `  waits promised when joining: ${sums.eta_judged} judged, p50 off by ${(sums.eta_off_p50_milli / 10).toFixed(1)} % (median) and ` +
      `${(sums.eta_off_p90_milli / 10).toFixed(1)} % (p90); over by p50 ${percent(sums.eta_within_p50)} %, by p90 ${percent(sums.eta_within_p90)} %`;
  yield `  answers: ${sums.answered}, ${sums.lost} lost`;
  for (const text of found) yield `FOUND: ${text}`;
  for (const [kind, count] of Object.entries(kinds)) {
    const written = found.filter((text) => text.startsWith(`${kind}: `)).length;
    if (count > written) yield `... and ${count - written} more of ${kind}`;
  }
}

function writeHistory(path, records, conf) {
  const file = openSync(path, 'w');
  let pile = '';
  for (const line of historyOf(records, conf)) {
    pile += `${JSON.stringify(line)}\n`;
    if (pile.length < 1 << 20) continue;
    writeSync(file, pile);
    pile = '';
  }
  writeSync(file, pile);
  closeSync(file);
}

// For other programs: with names instead of indexes.
const asJson = ({ ended: _ended, manners, answers, ...sums }) => JSON.stringify({
  ...sums,
  manners: Object.fromEntries(manners.map(({ name, ...tallies }) => [name, tallies])),
  answers: Object.fromEntries(answers.map((classes, kind) => [kindNames[kind], classes])),
});

function main() {
  const text = { type: 'string' };
  const { values: asked, positionals } = parseArgs({
    allowPositionals: true,
    options: { 'scenario': text, 'seats-max': text, 'json': text, 'history': text },
  });
  const conf = { ...usual, ...(asked.scenario && ofScenario(asked.scenario)), ...(asked['seats-max'] && { seats_max: Number(asked['seats-max']) }) };
  if (positionals.length === 0) throw new Error('which records?');
  const records = new Records(positionals.map((path) => ({ path, bytes: readFileSync(path) })));
  const verdict = judge(records, conf);
  if (asked.history) writeHistory(asked.history, records, conf);
  console.log([...report(verdict)].join('\n'));
  if (asked.json) writeFileSync(asked.json, asJson(verdict));
  return verdict.findings > 0 ? 1 : 0;
}

try {
  process.exitCode = main();
} catch (error) {
  console.error(`judge: ${error.message}`);
  process.exitCode = 2;
}

// check.js FILE|FOLDER...: reads histories (README.md; in a folder, all *.jsonl files) and checks whether all answers in
// each can be true together. A contradiction is printed as the fewest operations that cause it. The last line is
// "N passed, N failed". Exits with 1 if anything was found or could not be checked.
//
//   --json    prints the verdicts, one per line
//   --quiet   prints no line for a history without findings

import { readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { judgeMoney } from './money.js';
import { judgePlaces } from './places.js';
import { NoHistory, readHistory } from './record.js';
import { judgeSeats } from './seats.js';

const FOUND_MAX = 20; // printed per kind; all are counted
const NOT_TOLD = new Set(['op', 'by', 'from', 'to', 'answer', 'nth', 'fact', 'at']);

// -> {of, judged, bundles, wide: [text], found: [{invariant, kind, what, ops}]}
export function check(history) {
  const seats = judgeSeats(history);
  const places = judgePlaces(history);
  const money = judgeMoney(history);
  return {
    of: history.settings.of,
    judged: seats.judged + places.judged + money.judged,
    bundles: seats.bundles,
    wide: seats.wide,
    found: [...seats.found, ...places.found, ...money.found],
  };
}

// ---- for people ----

const seconds = (us, zero) => `${((us - zero) / 1e6).toFixed(3)}`.padStart(9);
const shown = (value) => (Array.isArray(value) ? value.join(' ') : String(value));

function details(line, zero) {
  return Object.entries(line).filter(([name]) => !NOT_TOLD.has(name))
    .map(([name, value]) => (name === 'until' ? `until ${seconds(value, zero).trim()}` : `${name} ${shown(value)}`)).join(', ');
}

function sentence(line, zero) {
  if (line.fact !== undefined) return `${seconds(line.at, zero)}               ${line.fact}: ${details(line, zero)}`;
  const to = line.to === undefined ? '        …' : seconds(line.to, zero);
  const nth = line.nth === undefined ? '' : `  (line ${line.nth})`;
  return `${seconds(line.from, zero)} .. ${to} s  ${line.by}: ${line.op} ${details(line, zero)}: ${line.answer}${nth}`;
}

export function story({ invariant, kind, what, ops }) {
  const zero = Math.min(...ops.map((line) => line.from ?? line.at));
  return [`${invariant} ${kind}: ${what}`, ...ops.map((line) => `    ${sentence(line, zero)}`)].join('\n');
}

// The findings as text: the first ones of each kind, then the number of the others.
function storiesOf(found) {
  const lines = [];
  const counts = new Map();
  for (const one of found) {
    const count = (counts.get(one.kind) ?? 0) + 1;
    counts.set(one.kind, count);
    if (count <= FOUND_MAX) lines.push(`FOUND: ${story(one)}`);
  }
  for (const [kind, count] of counts) if (count > FOUND_MAX) lines.push(`... and ${count - FOUND_MAX} more of ${kind}`);
  return lines;
}

// A finding as one line, for lists of findings.
export const shortly = ({ invariant, kind, what, ops }) => `${invariant} ${kind}: ${what} [${ops.map((line) => sentence(line, 0).trim()).join(' | ')}]`;

// ---- the program ----

const filesOf = (path) => (statSync(path, { throwIfNoEntry: false })?.isDirectory() ? readdirSync(path).filter((name) => name.endsWith('.jsonl')).sort().map((name) => join(path, name)) : [path]);

function judgeFile(path, { json, quiet }) {
  const began = performance.now();
  const verdict = check(readHistory(path));
  const tookS = (performance.now() - began) / 1000;
  const { of, judged, bundles, wide, found } = verdict;
  const passed = found.length === 0 && wide.length === 0;
  if (json) console.log(JSON.stringify({ file: path, ...verdict, stories: storiesOf(found) }));
  else {
    for (const text of [...wide.map((what) => `too wide to be judged: ${what}`), ...storiesOf(found)]) console.log(text);
    if (!passed || judged === 0 || !quiet) console.log(`${basename(path)}, of ${of}: ${judged} operations and facts, ${bundles} seats or sets of seats, in ${tookS.toFixed(2)} s: ${found.length === 0 ? 'nothing found' : `${found.length} FOUND`}`);
  }
  return { passed, judged };
}

function main(argv) {
  const options = { json: argv.includes('--json'), quiet: argv.includes('--quiet') };
  const files = argv.filter((word) => !word.startsWith('--')).flatMap(filesOf);
  if (files.length === 0) {
    console.error('usage: check.js [--json] [--quiet] FILE|FOLDER...');
    return 2;
  }
  const began = performance.now();
  let passed = 0;
  let judged = 0;
  for (const path of files) {
    try {
      const verdict = judgeFile(path, options);
      passed += verdict.passed;
      judged += verdict.judged;
    } catch (error) {
      if (!(error instanceof NoHistory) && error.code === undefined) throw error;
      console.log(`FOUND: ${path}: ${error.message}`);
    }
  }
  if (judged === 0) passed = 0; // a single history may be empty (a world without a sale), but not all of them
  if (options.quiet) console.log(`${judged} operations and facts of ${files.length} histories, in ${((performance.now() - began) / 1000).toFixed(1)} s`);
  if (!options.json) console.log(`${passed} passed, ${files.length - passed} failed`);
  return passed === files.length ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exit(main(process.argv.slice(2)));

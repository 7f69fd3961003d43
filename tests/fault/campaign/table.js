// One table of all runs: what broke, what must hold, how often it was tried, what came of it.

import { faults } from './faults.js';
import { INVARIANTS } from './judge.js';

const names = Object.keys(INVARIANTS);

const HEAD = ['fault', 'what is done', 'runs', ...names, 'void', 'rest'];
const NOTHING = { from: '', to: '', commits: [], rows: new Map(), lists: new Map() };
const LISTS_MAX = 20; // more trees than ever add runs at one time

// What a table says of itself: {from, to, commits, rows: name -> {runs, broken: {I1: n, ...}, void, restS}, lists: first -> runs}.
export function readTable(text) {
  const [, from, to, commits] = /^\d+ runs, (\S+) to (\S+), of ([\w, ]+)\. /m.exec(text) ?? [];
  if (from === undefined) throw new Error('this is no table of faults');
  const lines = text.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith(`| ${HEAD[0]} |`));
  const rows = lines.map((line) => {
    const cells = line.split('|').slice(1, -1).map((cell) => cell.trim());
    if (cells.length !== HEAD.length) throw new Error(`a row of ${cells.length} cells: ${line}`);
    const cell = (name) => Number.parseInt(cells[HEAD.indexOf(name)], 10) || 0;
    return [cells[0], { runs: cell('runs'), broken: Object.fromEntries(names.map((name) => [name, cell(name)])), void: cell('void'), restS: cell('rest') }];
  });
  const [, lists = ''] = /^<!-- lists: (.*) -->$/m.exec(text) ?? [];
  const had = lists.split(', ').filter(Boolean).map((list) => list.split(' ')).map(([first, count]) => [first, Number(count)]);
  return { from, to, commits: commits.split(', '), rows: new Map(rows), lists: new Map(had) };
}

// The table `text` with those of `runs` that it hasn't yet. Runs are only ever appended to their list, so the table says how many
// of each it has; a list is known by when its first run ended. All of this is one file: whoever dies over it has added them or not.
export function withRuns(text, runs) {
  const before = readTable(text);
  if (runs.length === 0) return text;
  const [{ at: first }] = runs;
  const added = runs.slice(before.lists.get(first) ?? 0).filter(({ kept }) => !kept); // `kept`: as runs were marked once
  before.lists.delete(first);
  const lists = [...before.lists, [first, runs.length]].slice(-LISTS_MAX);
  return tableOf(added, { ...before, lists: new Map(lists) });
}

// These runs, and what an earlier table counted.
function counted(runs, before = { runs: 0, broken: {}, void: 0, restS: 0 }) {
  const judged = runs.filter((run) => run.broken === undefined && run.hit);
  const broken = (invariant) => judged.filter((run) => run.found[invariant].length > 0).length;
  return {
    runs: before.runs + judged.length,
    broken: Object.fromEntries(names.map((name) => [name, (before.broken[name] ?? 0) + broken(name)])),
    void: before.void + runs.length - judged.length,
    restS: Math.max(before.restS, ...judged.map((run) => Math.round(run.restMs / 1000))),
  };
}

function row({ name, what }, { runs, broken, void: empty, restS }) {
  const cells = names.map((invariant) => (runs === 0 ? '' : broken[invariant] || '·'));
  return `| ${name} | ${what} | ${runs} | ${cells.join(' | ')} | ${empty || ''} | ${runs === 0 ? '' : `${restS} s`} |`;
}

// `kept`: an earlier table, as readTable() read it, whose runs count as well.
export function tableOf(runs, kept = NOTHING) {
  const commits = [...new Set([...kept.commits, ...runs.map(({ commit }) => commit)])];
  const days = [kept.from, kept.to, ...runs.map(({ at }) => at.slice(0, 10))].filter((day) => day !== '').sort();
  const rows = faults.map((fault) => [fault, counted(runs.filter((run) => run.fault === fault.name), kept.rows.get(fault.name))]);
  const all = rows.reduce((sum, [, counts]) => sum + counts.runs + counts.void, 0);
  const lines = [
    '# Faults, invariants, runs, results',
    '',
    `${all} runs, ${days[0] ?? 'never'} to ${days.at(-1) ?? 'never'}${commits.length > 0 ? `, of ${commits.join(', ')}` : ''}. In each a crowd of 300 buys in a theatre of 1,000`,
    'seats while the fault strikes at moments that a seed draws. A dot: held in every run; a number: in so many runs it',
    'did not. "Void" are runs that hit nothing or came to no end; they are not counted as runs. "Rest" is how long the',
    'slowest took, after its crowd was gone, until all books were closed (with up to a minute of holds that run out).',
    '`make faults` runs it, `tests/fault/campaign/` has it.',
    '',
    ...Object.entries(INVARIANTS).map(([name, what]) => `- ${name}: ${what}`),
    '',
    `| ${HEAD.join(' | ')} |`,
    `|${HEAD.map(() => '---|').join('')}`,
    ...rows.map(([fault, counts]) => row(fault, counts)),
    '',
    ...faults.filter(({ known }) => known !== undefined).flatMap(({ name, known }) => [`**${name}.** ${known}`, '']),
    ...(kept.lists.size > 0 ? [`<!-- lists: ${[...kept.lists].map((list) => list.join(' ')).join(', ')} -->`, ''] : []),
  ];
  return lines.join('\n');
}

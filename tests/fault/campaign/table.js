// One table of all runs: fault, runs, how often each invariant broke, void runs, slowest rest. Fields are between tabs.

import { faults } from './faults.js';
import { INVARIANTS } from './judge.js';

const names = Object.keys(INVARIANTS);

const HEAD = ['fault', 'runs', ...names, 'void', 'rest_s'];
const NOTHING = { from: '', to: '', commits: [], rows: new Map(), lists: new Map() };
const LISTS_MAX = 20; // more trees than ever add runs at the same time

// Parses a table: {from, to, commits, rows: name -> {runs, broken: {I1: n, ...}, void, restS}, lists: first -> runs}.
export function readTable(text) {
  const [, from, to, commits] = /^# \d+ runs, (\S+) to (\S+), of ([\w, ]+)$/m.exec(text) ?? [];
  if (from === undefined) throw new Error('this is no table of faults');
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#') && !line.startsWith(`${HEAD[0]}\t`));
  const rows = lines.map((line) => {
    const cells = line.split('\t');
    if (cells.length !== HEAD.length) throw new Error(`a row of ${cells.length} cells: ${line}`);
    const cell = (name) => Number(cells[HEAD.indexOf(name)]);
    return [cells[0], { runs: cell('runs'), broken: Object.fromEntries(names.map((name) => [name, cell(name)])), void: cell('void'), restS: cell('rest_s') }];
  });
  const [, lists = ''] = /^# lists: (.*)$/m.exec(text) ?? [];
  const had = lists.split(', ').filter(Boolean).map((list) => list.split(' ')).map(([first, count]) => [first, Number(count)]);
  return { from, to, commits: commits.split(', '), rows: new Map(rows), lists: new Map(had) };
}

// Adds the runs that the table `text` lacks. Lists of runs only grow at their end, so the table stores the length of
// each list; a list is identified by the end of its first run. The table is one file, replaced atomically, so a run is
// never added twice.
export function withRuns(text, runs) {
  const before = readTable(text);
  if (runs.length === 0) return text;
  const [{ at: first }] = runs;
  const added = runs.slice(before.lists.get(first) ?? 0).filter(({ kept }) => !kept); // `kept`: a mark of older lists
  before.lists.delete(first);
  const lists = [...before.lists, [first, runs.length]].slice(-LISTS_MAX);
  return tableOf(added, { ...before, lists: new Map(lists) });
}

// Counts these runs and those of an earlier table.
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

function row({ name }, { runs, broken, void: empty, restS }) {
  return [name, runs, ...names.map((invariant) => broken[invariant]), empty, Math.max(restS, 0)].join('\t');
}

// `kept`: an earlier table, as returned by readTable(), whose runs count as well.
export function tableOf(runs, kept = NOTHING) {
  const commits = [...new Set([...kept.commits, ...runs.map(({ commit }) => commit)])];
  const days = [kept.from, kept.to, ...runs.map(({ at }) => at.slice(0, 10))].filter((day) => day !== '').sort();
  const rows = faults.map((fault) => [fault, counted(runs.filter((run) => run.fault === fault.name), kept.rows.get(fault.name))]);
  const all = rows.reduce((sum, [, counts]) => sum + counts.runs + counts.void, 0);
  const lines = [
    '# Runs of `make faults`: for each fault the runs, how many of them broke each invariant, runs that hit nothing or did',
    '# not end (void), and the longest time until all books were closed. campaign/faults.js says what each fault does.',
    `# ${all} runs, ${days[0] ?? 'never'} to ${days.at(-1) ?? 'never'}, of ${commits.join(', ') || 'nothing'}`,
    ...(kept.lists.size > 0 ? [`# lists: ${[...kept.lists].map((list) => list.join(' ')).join(', ')}`] : []),
    HEAD.join('\t'),
    ...rows.map(([fault, counts]) => row(fault, counts)),
    '',
  ];
  return lines.join('\n');
}

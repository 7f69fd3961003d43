// One table of all runs: fault, runs, how often each invariant broke, void runs, slowest rest. Fields are between tabs.

import { faults } from './faults.js';
import { INVARIANTS } from './judge.js';

const names = Object.keys(INVARIANTS);

function rowOf({ name }, runs) {
  const judged = runs.filter((run) => run.broken === undefined && run.hit);
  const broken = (invariant) => judged.filter((run) => run.found[invariant].length > 0).length;
  const restS = Math.max(0, ...judged.map((run) => Math.round(run.restMs / 1000)));
  return [name, judged.length, ...names.map(broken), runs.length - judged.length, restS].join('\t');
}

export function tableOf(runs) {
  const days = runs.map(({ at }) => at.slice(0, 10)).sort();
  const commits = [...new Set(runs.map(({ commit }) => commit))];
  const lines = [
    '# Runs of `make faults`: for each fault the runs, how many of them broke each invariant, runs that hit nothing or did',
    '# not end (void), and the longest time until all books were closed. campaign/faults.js says what each fault does.',
    `# ${runs.length} runs, ${days[0] ?? 'never'} to ${days.at(-1) ?? 'never'}, of ${commits.join(', ') || 'nothing'}`,
    ['fault', 'runs', ...names, 'void', 'rest_s'].join('\t'),
    ...faults.map((fault) => rowOf(fault, runs.filter((run) => run.fault === fault.name))),
    '',
  ];
  return lines.join('\n');
}

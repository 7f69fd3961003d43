// One table of all runs: what broke, what must hold, how often it was tried, what came of it.

import { faults } from './faults.js';
import { INVARIANTS } from './judge.js';

const names = Object.keys(INVARIANTS);

function row({ name, what }, runs) {
  const judged = runs.filter((run) => run.broken === undefined && run.hit);
  const broken = (invariant) => judged.filter((run) => run.found[invariant].length > 0).length;
  const rest = judged.map((run) => run.restMs / 1000).sort((a, b) => a - b);
  const cells = names.map((invariant) => (judged.length === 0 ? '' : broken(invariant) || '·'));
  return `| ${name} | ${what} | ${judged.length} | ${cells.join(' | ')} | ${runs.length - judged.length || ''} | ${rest.length === 0 ? '' : `${rest.at(-1).toFixed(0)} s`} |`;
}

export function tableOf(runs) {
  const commits = [...new Set(runs.map(({ commit }) => commit))];
  const days = runs.map(({ at }) => at.slice(0, 10)).sort();
  const lines = [
    '# Faults, invariants, runs, results',
    '',
    `${runs.length} runs, ${days[0] ?? 'never'} to ${days.at(-1) ?? 'never'}${commits.length > 0 ? `, of ${commits.join(', ')}` : ''}. In each a crowd of 300 buys in a theatre of 1,000`,
    'seats while the fault strikes at moments that a seed draws. A dot: held in every run; a number: in so many runs it',
    'did not. "Void" are runs that hit nothing or came to no end; they are not counted as runs. "Rest" is how long the',
    'slowest took, after its crowd was gone, until all books were closed (with up to a minute of holds that run out).',
    '`make faults` runs it, `tests/fault/campaign/` has it.',
    '',
    ...Object.entries(INVARIANTS).map(([name, what]) => `- ${name}: ${what}`),
    '',
    `| fault | what is done | runs | ${names.join(' | ')} | void | rest |`,
    `|---|---|---|${names.map(() => '---|').join('')}---|---|`,
    ...faults.map((fault) => row(fault, runs.filter((run) => run.fault === fault.name))),
    '',
    ...faults.filter(({ known }) => known !== undefined).flatMap(({ name, known }) => [`**${name}.** ${known}`, '']),
  ];
  return lines.join('\n');
}

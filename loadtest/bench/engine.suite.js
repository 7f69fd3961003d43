// The seat engine alone, in the 66,000-seat hall: loadtest/engine measures, this suite reads its output. It runs twice;
// the ratio of the two claim + free figures is this suite's noise.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { programPath } from '../../tests/lib-js/index.js';
import { spread } from './lib/compare.js';
import { runPinned } from './lib/machine.js';

const FIGURES = {
  bare: /bare CAS pair +([\d.]+) ns/,
  pairs: /claim \+ free .* ([\d.]+) M\/s/,
  ofBare: /claim \+ free .* ([\d.]+) x bare/,
  holds: /hold \+ release .* ([\d.]+) M\/s/,
  shared: /two, same block .* ([\d.]+) x two apart/,
  best: /best available .*p99 ([\d.]+) us/,
  memory: /memory .* empty, ([\d.]+) with/,
  recovery: /recovery .* in ([\d.]+) s/,
};

async function measured(file) {
  const output = await runPinned('0,1', [programPath('engine-bench'), file]);
  if (!output.includes('state the same')) throw new Error(`not comparable: another state recovered:\n${output}`);
  return Object.fromEntries(Object.entries(FIGURES).map(([name, pattern]) => {
    const found = pattern.exec(output);
    if (found === null) throw new Error(`engine-bench did not say ${pattern}:\n${output}`);
    return [name, Number(found[1])];
  }));
}

export default async function engine({ scope, add }) {
  const file = join(scope.tempDir('engine-'), 'stadium.json');
  writeFileSync(file, await runPinned('0,1', [programPath('halls'), 'stadium']));
  const [one, two] = [await measured(file), await measured(file)];
  const both = (name) => spread([one[name], two[name]]);
  add({ name: 'bare CAS pair', value: both('bare'), unit: 'ns' });
  add({ name: 'claim + free of a seat', value: both('pairs'), unit: 'M/s', atLeast: 10 });
  add({ name: 'claim + free of a bare CAS pair', value: both('ofBare'), unit: 'x', atMost: 2 });
  add({ name: 'null against null: claim + free, second run of first', value: two.pairs / one.pairs });
  add({ name: 'hold + release with all rules', value: both('holds'), unit: 'M/s', note: 'a whole hold, as a request makes it: slot, limits, rules, timer wheel, two changes' });
  add({ name: 'two threads on one block, of two apart', value: both('shared'), unit: 'x', atLeast: 0.5 });
  add({ name: 'best available, 4 adjacent, 70 % sold: p99', value: both('best'), unit: 'us', atMost: 20 });
  add({ name: 'memory a seat, sold out', value: both('memory'), unit: 'B', atMost: 64 });
  add({ name: 'recovery of 66,000 seats and 1 M changes', value: both('recovery'), unit: 's', atMost: 2 });
}

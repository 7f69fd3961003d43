// What a test file cost, for infra/black-box.js to tell: how long it took, and the processor's seconds of its
// process and of all that ended below it. What a stack's supervisor starts is not below it, and of a browser
// only a part is.

import { appendFileSync, readFileSync } from 'node:fs';

const TICKS_PER_S = 100; // of /proc, on every Linux
const TO = process.env.FAIRGATE_COSTS;

export const costsOf = (text) => text.split('\n').filter(Boolean).map((line) => JSON.parse(line));

if (TO !== undefined) {
  process.on('exit', () => {
    const told = readFileSync('/proc/self/stat', 'latin1');
    const ticks = told.slice(told.lastIndexOf(')') + 2).split(' ').slice(11, 15); // own and those of children, user and system
    const cpu = ticks.reduce((sum, n) => sum + Number(n), 0) / TICKS_PER_S;
    try {
      appendFileSync(TO, `${JSON.stringify({ file: process.argv[1], cpu, took: process.uptime() })}\n`);
    } catch {
      // the run has gone; an error here would keep this process from ending
    }
  });
}

// The cost of a test file, for infra/black-box.js: its duration, and the CPU seconds of its process and of all ended
// children. Processes of a stack's supervisor are not included, and a browser only partly.

import { appendFileSync, readFileSync } from 'node:fs';

const TICKS_PER_S = 100; // of /proc, on every Linux
const TO = process.env.FAIRGATE_COSTS;

export const costsOf = (text) => text.split('\n').filter(Boolean).map((line) => JSON.parse(line));

if (TO !== undefined) {
  process.on('exit', () => {
    const told = readFileSync('/proc/self/stat', 'latin1');
    const ticks = told.slice(told.lastIndexOf(')') + 2).split(' ').slice(11, 15); // user and system time, own and children's
    const cpu = ticks.reduce((sum, n) => sum + Number(n), 0) / TICKS_PER_S;
    try {
      appendFileSync(TO, `${JSON.stringify({ file: process.argv[1], cpu, took: process.uptime() })}\n`);
    } catch {
      // the run's folder is gone; an error here would keep this process from ending
    }
  });
}

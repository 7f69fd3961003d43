// Newcomers who join a front's event, sent by the program `surge` (loadtest/floor). Parses its output; a join with any other
// result than a place or a refusal is an error.

import { programPath } from '../../../tests/lib-js/index.js';
import { EVENT, LOAD_CORE } from './front.js';
import { runPinned } from './machine.js';

// Without `rate` a closed loop. `more`: words for the other options.
export async function surge(front, { connections, seconds, salt, rate, core = LOAD_CORE, more = [] }) {
  const words = ['-p', front.port, '-e', EVENT, '-c', connections, '-s', seconds, '-k', salt, ...(rate === undefined ? [] : ['-o', Math.round(rate)]), ...more];
  const report = JSON.parse(await runPinned(core, [programPath('surge'), ...words.map(String)]));
  if (report.join.bad + report.join.lost > 0) throw new Error(`joins: ${JSON.stringify(report.join)}`);
  return report;
}

// Newcomers who join a front's event, sent by the program `surge` (loadtest/floor). Returns its report; throws if a join got
// neither a place nor a refusal.

import { programPath } from '../../../tests/lib-js/index.js';
import { EVENT, LOAD_CORE } from './front.js';
import { runPinned } from './machine.js';

// Without `rate` it is a closed loop. `more`: further options.
export async function surge(front, { connections, seconds, salt, rate, more = [] }) {
  const words = ['-p', front.port, '-e', EVENT, '-c', connections, '-s', seconds, '-k', salt, ...(rate === undefined ? [] : ['-o', Math.round(rate)]), ...more];
  const report = JSON.parse(await runPinned(LOAD_CORE, [programPath('surge'), ...words.map(String)]));
  if (report.join.bad + report.join.lost > 0) throw new Error(`joins: ${JSON.stringify(report.join)}`);
  return report;
}

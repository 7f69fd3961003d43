// Buyers who each take a seat and then the next one, by the program `rush` (loadtest/floor). An answer that is
// neither a hold nor a refusal is no work, and then there is no figure.

import { programPath } from '../../../tests/lib-js/index.js';
import { runPinned } from './machine.js';

export const BOTH_CORES = '0,1';

// seats, perRow: of the hall; or area: places of it. rate: an open loop; 0: a closed one.
export async function rush({ port, event, path = `/v1/seats/${event}/holds`, passesFile, connections, seconds, rate = 0, area, seats, perRow }) {
  const wish = area === undefined ? ['-n', seats, '-r', perRow] : ['-a', area];
  const argv = [programPath('rush'), '-p', port, '-u', path, '-t', passesFile, '-c', connections, '-s', seconds, '-o', rate, ...wish];
  const report = JSON.parse(await runPinned(BOTH_CORES, argv.map(String)));
  if (report.held !== report.requests || report.errors.lost > 0) throw new Error(`holds: ${JSON.stringify(report)}`);
  return report;
}

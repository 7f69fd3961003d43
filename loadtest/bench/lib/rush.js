// Buyers who hold one seat after another, sent by the program `rush` (loadtest/floor). Any answer that is not a hold makes
// the run an error.

import { writeFileSync } from 'node:fs';
import { programPath } from '../../../tests/lib-js/index.js';
import { hall, importHall } from '../../../tests/integration/seat-service/site.js';
import { runPinned } from './machine.js';

export const BOTH_CORES = '0,1';
export const HALL = { rows: 1000, seatsPerRow: 250 };
export const SEATS = HALL.rows * HALL.seatsPerRow;

// Writes passes for `count` visitors of the event, one per line.
export function writePasses(file, office, event, count) {
  writeFileSync(file, Array.from({ length: count }, () => `${office.pass(event, { ttl: 3600 })}\n`).join(''));
}

// Imports a hall with SEATS free seats and `area` standing places, and writes passes for it.
export async function openHall(seats, event, { area, passesFile, connections }) {
  const limits = { orphan_rule: false, hold_ttl_s: 3600, hold_max_s: 7200 };
  await importHall(seats, event, hall({ ...HALL, limits, area }));
  writePasses(passesFile, seats.office, event, connections);
}

// Holds seats of that hall or, with `area`, places of that area. rate > 0 is an open loop, 0 a closed one.
export async function rush({ port, event, passesFile, connections, seconds, rate = 0, area }) {
  const path = `/v1/seats/${event}/holds`;
  const wish = area === undefined ? ['-n', SEATS, '-r', HALL.seatsPerRow] : ['-a', area];
  const argv = [programPath('rush'), '-p', port, '-u', path, '-t', passesFile, '-c', connections, '-s', seconds, '-o', rate, ...wish];
  const report = JSON.parse(await runPinned(BOTH_CORES, argv.map(String)));
  if (report.held !== report.requests || report.errors.lost > 0) throw new Error(`holds: ${JSON.stringify(report)}`);
  return report;
}

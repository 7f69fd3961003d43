#!/usr/bin/env node
// halls: writes one of three halls as an import body for the seat service, and the view from each of its sections.
//
//     halls theatre | arena | stadium  > body.json
//     halls views DIR                  one SVG for each section of all halls: DIR/S1.svg, ...
//
// theatre    1,000 seats: stalls and balcony, curved rows around a stage, two aisles
// arena     15,000: a bowl of two tiers around a floor with 3,000 standing places
// stadium   66,000: three tiers around a pitch, sections behind the stage closed

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HALLS, importBody, seatAt, sectionsOf } from './samples.js';
import { viewFrom } from './view.js';

// The view is from the middle seat of each section's middle row.
function writeViews(hall, dir) {
  for (const { id, tier: its, rows } of sectionsOf(hall)) {
    const row = rows[Math.floor(its.rows / 2)];
    writeFileSync(join(dir, `${id}.svg`), viewFrom(hall, seatAt(hall, row, Math.floor(row.seats / 2)), its.height + row.number * its.rise));
  }
}

const [what, dir, ...more] = process.argv.slice(2);
if (what === 'views' && dir && more.length === 0) for (const hall of Object.values(HALLS)) writeViews(hall, dir);
else if (Object.hasOwn(HALLS, what ?? '') && dir === undefined) process.stdout.write(`${JSON.stringify(importBody(what))}\n`);
else {
  console.error('usage: halls theatre | arena | stadium > body.json\n       halls views DIR');
  process.exitCode = 2;
}

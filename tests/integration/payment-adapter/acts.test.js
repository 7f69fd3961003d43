// Statements that move money, seats and tickets, one run at a time: acts.sql.

import assert from 'node:assert/strict';
import test from 'node:test';
import { openScope, startPostgres } from '../../lib-js/index.js';
import { ACTS, fits, makeRows, runActs, wantsOf } from './lib/acts.js';

const scope = openScope(test);
const postgres = await startPostgres(scope, { databases: ['acts'] });
makeRows(postgres, 'acts');
const [found] = runActs(postgres, 'acts', null, [null]);
ACTS.forEach((block, i) => test(block.name, () => {
  const wants = wantsOf(block);
  assert.deepEqual(wants.map((want, k) => (fits(want, found[i][k]) ? want : found[i][k])), wants);
}));

// Checks that no statement reads a whole large table: prepares each as its service does, and inspects the plan.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readStatements, typesOf } from '../../infra/statements.js';
import { ROOT } from '../../tests/lib-js/index.js';

// The statements in a service's files, each with its name, argument types and text.
export function statementsOf(service) {
  const folder = join(ROOT, service, 'sql/statements');
  const files = readdirSync(folder).map((name) => join(folder, name)).sort();
  return readStatements(service, files).statements.map(({ name, args, text }) =>
    ({ name, types: args.length === 0 ? [] : typesOf(args).split(', '), text: text.replace(/\s+/g, ' ') }));
}

// payment-adapter's src/store/statements.c sets up its request connections like this. The seat service sets nothing,
// so the planner's own choice tells more there.
const SETUP = {
  'payment-adapter': 'SET search_path = pay; SET enable_seqscan = off; SET jit = off; SET plan_cache_mode = force_generic_plan;',
  'seat-service': 'SET search_path = seats; SET jit = off; SET plan_cache_mode = force_generic_plan;',
};

function asked({ name, types, text }) {
  const nulls = types.map(() => 'NULL').join(', ');
  return `PREPARE ${name}${types.length > 0 ? ` (${types.join(', ')})` : ''} AS ${text.replace(/;$/, '')};
    EXPLAIN (FORMAT JSON) EXECUTE ${name}${types.length > 0 ? ` (${nulls})` : ''};`;
}

// Yields nodes that read a whole table or index, that is, without an index condition. A partial index may be small
// anyway. Not reported: an unfiltered scan right below a LIMIT, which ends it early.
function* wholeReads(node, limited = false) {
  const type = node['Node Type'];
  const whole = type === 'Seq Scan' || (/^(Bitmap )?Index (Only )?Scan$/.test(type) && node['Index Cond'] === undefined);
  if (whole && !(limited && node.Filter === undefined)) {
    const filtered = node.Filter === undefined ? '' : `, filtered: ${node.Filter}`;
    yield { relation: node['Index Name'] ?? node['Relation Name'], text: `${type} of ${node['Index Name'] ?? node['Relation Name']}${filtered}` };
  }
  for (const child of node.Plans ?? []) yield* wholeReads(child, type === 'Limit' || (limited && type === 'LockRows'));
}

// Tables and indexes with more than `rows` rows.
const largeOnes = (postgres, database, rows) =>
  new Set(postgres.sql(`SELECT relname FROM pg_class WHERE reltuples > ${rows} AND relkind IN ('r', 'i')`, database).split('\n'));

// The tables and indexes that each statement's current plan reads whole: [{service, name, reads: [{relation, told}]}]
export const wholeReadsOf = (postgres, service, database) =>
  statementsOf(service).map((statement) => {
    const [{ Plan: plan }] = JSON.parse(postgres.sql(`${SETUP[service]} ${asked(statement)}`, database));
    return { service, name: statement.name, reads: [...wholeReads(plan)] };
  });

// Returns the statements that read a large table or index whole: [{service, name, reads: ['Seq Scan of orders']}]
export function readersOfAll(postgres, service, database, rows) {
  const large = largeOnes(postgres, database, rows);
  return wholeReadsOf(postgres, service, database)
    .map(({ reads, ...rest }) => ({ ...rest, reads: reads.filter(({ relation }) => large.has(relation)).map(({ text }) => text) }))
    .filter(({ reads }) => reads.length > 0);
}

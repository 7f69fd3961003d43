// The compiler of statements (infra/statements.js): its output for SQL, and what it rejects.
// tests/unit/*/**/statements_test.c checks that its output works with the server.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readStatements } from '../../infra/statements.js';
import { ROOT } from '../lib-js/index.js';

const dir = mkdtempSync(join(tmpdir(), 'statements-'));
after(() => rmSync(dir, { recursive: true }));
const file = join(dir, 'one.sql');

function textOf(sql) {
  writeFileSync(file, sql);
  return readStatements('a-service', [file]).statements.at(-1).text;
}

const NAMES = '--= state.h state_name\n--= RUNNING 1\n--= WORD \'word\'\n';
const FRAGMENTS = '-- fragment: both(a, b)\n:a = :b\n-- fragment: twice(x)\n:both(:x, (:x, 2))\n';
const HEAD = '-- statement: one\n--> id bigint\n--> note text null\n';

for (const [name, sql, text] of [
  ['arguments are numbered and cast', `${HEAD}SELECT :note, :id, :id;`, 'SELECT $2::text, $1::bigint, $1::bigint'],
  ["C's names are their values", `${NAMES}-- statement: one\nSELECT :RUNNING, :WORD;`, "SELECT 1, 'word'"],
  ['quotes, casts and comments are left alone', `${HEAD}SELECT ':id--', :id::int, ":note" -- :more\nWHERE :note;`, 'SELECT \':id--\', $1::bigint::int, ":note"\nWHERE $2::text'],
  ['a fragment takes its arguments whole', `${HEAD}SELECT :both(f(:id, 1), :note);\n${FRAGMENTS}`, 'SELECT f($1::bigint, 1) = $2::text'],
  ['a fragment may call another', `${FRAGMENTS}-- statement: one\n--> id bigint\nSELECT :twice(:id);`, 'SELECT $1::bigint = ($1::bigint, 2)'],
  ["a shape's arguments come first", '-- statement: one\n--> two.*\n--> c boolean\nSELECT :c, :b, :a;\n-- shape: two\n--> a text\n--> b text', 'SELECT $3::boolean, $2::text, $1::text'],
  ['a list is an array for each column', '-- connection: pg.h\n-- statement: one\n--> rows.seq bigint\nSELECT UNNEST(:rows.seq);', 'SELECT UNNEST($1::bigint[])'],
]) test(name, () => assert.equal(textOf(sql), text));

for (const [what, sql] of [
  ['one does not use its argument note', `${HEAD}SELECT :id;`],
  ['one has no argument other', '-- statement: one\nSELECT :other;'],
  ['statement one is there twice', '-- statement: one\nSELECT 1;\n-- statement: one\nSELECT 1;'],
  ['one does not end with a semicolon', '-- statement: one\nSELECT 1'],
  ['SQL outside of any statement: SELECT 1;', 'SELECT 1;'],
  ['the type `money` is not known here', '-- statement: one\n--> a money\nSELECT :a;'],
  ['what is `nul`?', '-- statement: one\n--> a text nul\nSELECT :a;'],
  ['there is no fragment none', '-- statement: one\nSELECT :none();'],
  ['there is no shape none', '-- statement: one\n--> none.*\nSELECT 1;'],
  ['a shape stands first: two.*', '-- shape: two\n--> a text\n-- statement: one\n--> b text\n--> two.*\nSELECT :a, :b;'],
  ['fragment loop calls itself', '-- fragment: loop()\n:loop()\n-- statement: one\nSELECT :loop();'],
  ['arguments are called by their names: $1', '-- statement: one\nSELECT $1;'],
  ['one is a copy, so its arguments are numbers', '-- connection: pg.h\n-- statement: one copy\n--> a text\nSELECT :a;'],
  ['one does not only read', '-- statement: one reads\nSELECT 1 FOR SHARE;'],
  ['a name, once, and its value', '--= state.h\n--= RUNNING 1\n--= RUNNING 2'],
]) test(`refused: ${what}`, () => assert.throws(() => textOf(sql), (error) => error.message.startsWith(`${file}:`) && error.message.includes(what)));

test('a file that is wrong stops the build, with its line', () => {
  writeFileSync(file, '-- statement: one\n\nSELECT $1;\n');
  const { status, stderr } = spawnSync(process.execPath, [join(ROOT, 'infra/statements.js'), 'a-service', dir, file], { encoding: 'utf8' });
  assert.equal(status, 1);
  assert.match(stderr, new RegExp(`^${file}:1: arguments are called by their names`));
  writeFileSync(file, '-- statement: one\nSELECT 1;\n');
  execFileSync(process.execPath, [join(ROOT, 'infra/statements.js'), 'a-service', dir, file]);
  assert.match(readFileSync(join(dir, 'statements.h.inc'), 'utf8'), /void sql_one\(struct pg_pool \*pg, pg_on_done \*on_done, void \*ctx\);/);
});

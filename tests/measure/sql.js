// sql [--at PATTERN] [--seeds N] [--list]: do the random histories of tests/sim notice a change to a statement? Changes each
// statement that pay-real or sql-real runs: drops a condition, makes a WHEN false, keeps a column that a SET changes, swaps a
// sign or moves a bound, one at a time, and plays histories against PostgreSQL. A change lives if they print the same as
// without it: the simulator's double may then differ from the statement in the same way.
//
//   --at PATTERN   only statements whose name matches
//   --seeds N      histories per change (default 8)
//   --list         only prints the possible changes
//
// Prints the changes that lived, and the statements that write and that no history runs. Ends with "N passed, N failed": N
// statements of which a change was noticed, and of which none was.

import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readStatements } from '../../infra/statements.js';
import { openScope, programPath, startPostgres } from '../lib-js/index.js';
import { inParallel, JOBS, short } from './cores.js';

const STEPS = 500;
const RUN_MS_MAX = 600_000; // a changed statement may make a history wait for ever

const { values: asked } = parseArgs({ options: { at: { type: 'string', default: '.' }, seeds: { type: 'string', default: '8' }, list: { type: 'boolean' } } });

// ---- changes ---------------------------------------------------------------------------------------

const ENDS = /^(AND|OR|WHERE|GROUP|ORDER|LIMIT|FOR|RETURNING|UNION|JOIN|LEFT|CROSS|FROM|THEN|ELSE|WHEN|END|HAVING|OFFSET|ON|SET|,)$/;
const SIGNS = { '+': '-', '-': '+', '<': '<=', '<=': '<', '>': '>=', '>=': '>', '=': '<>' };

// Keywords, commas and parentheses outside of quotes: {at, end, word, depth}; "(" is as deep as what is inside.
function tokensOf(text) {
  let depth = 0;
  return [...text.matchAll(/'[^']*'|"[^"]*"|[(),]|\b[A-Z]+\b/g)].filter(([word]) => !/^['"]/.test(word)).map(({ 0: word, index: at }) => {
    if (word === ')') depth -= 1;
    if (word === '(') depth += 1;
    return { at, end: at + word.length, word, depth };
  });
}

// The token after which the condition or value behind tokens[i] is over.
const endOf = (tokens, i, ends) => tokens.slice(i + 1).find(({ word, depth }) => depth < tokens[i].depth || (depth === tokens[i].depth && ends.test(word)));

function conditionsOf(text, tokens) {
  return tokens.flatMap(({ word, at, end }, i) => {
    const next = endOf(tokens, i, word === 'WHEN' ? /^(AND|OR|THEN)$/ : ENDS);
    const until = next?.at ?? text.length;
    if (/^(AND|OR)$/.test(word)) return [{ at, until, by: '' }];
    if (!/^(WHERE|ON|WHEN|ELSE|\()$/.test(word)) return [];
    const never = word === 'WHEN' ? [{ at: end, until: endOf(tokens, i, /^THEN$/).at, by: ' false' }] : [];
    if (/^(AND|OR)$/.test(next?.word)) return [...never, { at: end, until: next.end, by: '' }];
    return /^(ELSE|\()$/.test(word) ? [] : [...never, { at: end, until, by: ' true' }];
  });
}

function columnsOf(text, tokens) {
  return tokens.flatMap(({ word, at: setAt, depth }, i) => {
    if (word !== 'SET') return [];
    const last = endOf(tokens, i, /^(FROM|WHERE|RETURNING)$/)?.at ?? text.length;
    const commas = [...tokens.keys()].filter((k) => k > i && tokens[k].at < last && tokens[k].word === ',' && tokens[k].depth === depth);
    const [, row] = /UPDATE \S+ (\w+)\s+$/.exec(text.slice(0, setAt)) ?? [];
    return [i, ...commas].flatMap((k) => {
      const next = endOf(tokens, k, /^(,|FROM|WHERE|RETURNING)$/);
      const until = next?.at ?? text.length;
      if (next?.word === ',') return [{ at: tokens[k].end, until: next.end, by: '' }];
      if (k !== i) return [{ at: tokens[k].at, until, by: ' ' }];
      const [begin, column] = /^\s+(\w+) = /.exec(text.slice(tokens[k].end, until)) ?? [];
      return column ? [{ at: tokens[k].end + begin.length, until, by: row ? `${row}.${column}` : column }] : [];
    });
  });
}

const signsOf = (text) => [...text.matchAll(/'[^']*'| (?:<=?|>=?|[+-]|=(?= \$))\s/g)].filter(([sign]) => sign.trim() in SIGNS)
  .map(({ 0: sign, index: at }) => ({ at, until: at + sign.length, by: ` ${SIGNS[sign.trim()]}` }));

// Each as long as the statement, so that it can be written into the program.
function changesOf(statement) {
  const text = statement.copy ?? statement.text;
  const tokens = tokensOf(text);
  return [...conditionsOf(text, tokens), ...columnsOf(text, tokens), ...signsOf(text)].filter(({ at, until, by }) => by.length <= until - at && by.trim() !== text.slice(at, until).trim()).map(({ at, until, by }) => ({
    statement,
    before: text,
    text: text.slice(0, at) + by.padEnd(until - at) + text.slice(until),
    says: `${short(text.slice(Math.max(0, at - 20), until))} -> ${by.trim() || 'dropped'}`,
  }));
}

// ---- playing ---------------------------------------------------------------------------------------

const scope = openScope();
const servers = await Promise.all(Array.from({ length: JOBS }, () => startPostgres(scope, { settings: { autovacuum: 'off' } })));
let databases = 0;

function makeDatabase(server) {
  const name = `h${databases += 1}`;
  server.sql(`CREATE DATABASE ${name}`);
  return name;
}

// Resolves to what the program prints; to null if it fails, or differs from `expected`.
function play(program, server, database, seed, expected = null) {
  return new Promise((resolve) => {
    const env = { ...process.env, ASAN_OPTIONS: '' }; // as in double.test.js
    const child = spawn(program, [seed, STEPS, server.conninfo(database)].map(String), { env, stdio: ['ignore', 'pipe', 'ignore'], timeout: RUN_MS_MAX, killSignal: 'SIGKILL' });
    let printed = '';
    child.stdout.on('data', (bytes) => {
      printed += bytes;
      if (expected !== null && !expected.startsWith(printed)) child.kill('SIGKILL');
    });
    child.on('close', (status) => resolve(status !== 0 || (expected ?? printed) !== printed ? null : printed));
  });
}

class Histories {
  constructor(service, program, schemas) {
    const folder = `${service}/sql/statements`;
    this.schemas = schemas;
    this.program = programPath(program);
    this.bytes = readFileSync(this.program);
    this.statements = readStatements(service, readdirSync(folder).map((name) => join(folder, name))).statements.filter(({ name }) => new RegExp(asked.at).test(name));
    this.printed = [];
  }

  // Returns the changes that PostgreSQL accepts, of the statements that its log shows.
  async begin(server) {
    for (let seed = 1; seed <= Number(asked.seeds) && this.statements.length > 0; seed += 1) {
      this.database = makeDatabase(server);
      server.sql(`ALTER DATABASE ${this.database} SET log_statement = 'all'`);
      this.printed.push(await play(this.program, server, this.database, seed));
      if (this.printed.at(-1) === null) throw new Error(`${this.program} fails as it is`);
    }
    const log = readFileSync(server.child.logPath, 'utf8').replaceAll('\n\t', '\n');
    const runs = ({ text, copy }) => copy !== undefined || log.includes(text);
    this.statements.filter((statement) => !runs(statement) && /\b(INSERT|UPDATE|DELETE)\b/.test(statement.text)).forEach(({ name }) => console.log(`${name} is in no history`));
    return this.statements.filter(runs).flatMap((statement) => this.#accepted(server, changesOf(statement)));
  }

  #accepted(server, changes) {
    const prepared = changes.map(({ text }, i) => `PREPARE p${i} AS ${text.replace(/^COPY \((.*)\) TO STDOUT.*$/s, '$1').replaceAll('%lld', '1')};\n\\if :ERROR\n\\else\n\\echo ${i}\n\\endif\n`);
    const good = server.trySql(`\\set ON_ERROR_STOP 0\nSET search_path = ${this.schemas};\n${prepared.join('')}`, this.database).stdout.split('\n');
    return changes.filter((_, i) => good.includes(String(i))).map((change) => ({ ...change, histories: this }));
  }

  async notice({ text, before }, server) {
    const program = `${scope.tempDir('sql-')}/program`;
    const bytes = Buffer.from(this.bytes);
    bytes.write(text, bytes.indexOf(before));
    writeFileSync(program, bytes, { mode: 0o755 });
    let same = true;
    for (let i = 0; same && i < this.printed.length; i += 1) {
      const database = makeDatabase(server);
      same = await play(program, server, database, i + 1, this.printed[i]) !== null;
      server.sql(`DROP DATABASE ${database} WITH (FORCE)`);
    }
    rmSync(program);
    return !same;
  }
}

const both = [new Histories('payment-adapter', 'pay-real', 'play, pay, pg_catalog'), new Histories('seat-service', 'sql-real', 'seats')];
const changes = (await Promise.all(both.map((histories, i) => histories.begin(servers[i % JOBS])))).flat();
const noticed = new Map(changes.map(({ statement }) => [statement.name, 0]));
if (asked.list) changes.forEach(({ statement, says }) => console.log(`${statement.name}: ${says}`));
else
  await inParallel(changes, async (change, worker) => {
    const { name } = change.statement;
    if (await change.histories.notice(change, servers[worker])) noticed.set(name, noticed.get(name) + 1);
    else console.log(`lived in ${name}: ${change.says}`);
  });
await scope.close();
const failed = asked.list ? [] : [...noticed].filter(([, count]) => count === 0);
failed.forEach(([name]) => console.log(`no change of ${name} is noticed`));
console.log(`${changes.length} changes, ${[...noticed.values()].reduce((sum, n) => sum + n, 0)} noticed`);
console.log(`${noticed.size - failed.length} passed, ${failed.length} failed`);
process.exitCode = failed.length === 0 && noticed.size > 0 ? 0 : 1;

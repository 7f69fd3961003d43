// sql [--at PATTERN] [--seeds N] [--list]: do tests notice a change to a statement that moves money, seats or tickets? Changes
// each statement that pay-real or sql-real runs: drops a condition, makes a WHEN false, keeps a column that a SET changes, swaps
// a sign or moves a bound, one at a time. Histories are played against PostgreSQL through a proxy: before a statement runs, it
// runs with each change that nothing has noticed, and is rolled back. A change lives if the statement always returns the same
// and leaves rows that the history prints in the same way: the simulator's double may then differ in the same way. Before that,
// acts.sql of the payments' tests runs with each change.
//
//   --at PATTERN   only statements whose name matches
//   --seeds N      histories of each service (default 8)
//   --list         only prints the possible changes
//
// tests/measure/sql.tsv lists changes that may live, and why; they are not tried. Prints a row per statement, the changes that
// lived, and the statements that write and that nothing here runs. Ends with "N passed, N failed": N statements of which a
// change was noticed, and of which none was.

import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readStatements } from '../../infra/statements.js';
import { openScope, programPath, startPostgres } from '../lib-js/index.js';
import { actsOf, fits, makeRows, runActs, wantsOf } from '../integration/payment-adapter/lib/acts.js';
import { inParallel, JOBS, keyOfRow, rowsOf, short } from './cores.js';

const STEPS = 500;
const RUN_MS_MAX = 3_600_000;
const LASTING = /pg_terminate_backend|advisory_lock|advisory_unlock/; // no rollback undoes them
const LIVING = 'tests/measure/sql.tsv';
// Nothing here is to survive a crash, and to compile a statement takes longer than to run it.
const SETTINGS = { autovacuum: 'off', jit: 'off', full_page_writes: 'off', synchronous_commit: 'off' };

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

function changesOf(statement) {
  const { text } = statement;
  const tokens = tokensOf(text);
  return [...conditionsOf(text, tokens), ...columnsOf(text, tokens), ...signsOf(text)].filter(({ at, until, by }) => by.length <= until - at && by.trim() !== text.slice(at, until).trim().toLowerCase()).map(({ at, until, by }) => ({
    statement,
    before: text,
    text: `${text.slice(0, at)}${by} ${text.slice(until)}`,
    says: `${short(text.slice(Math.max(0, at - 20), until))} -> ${by.trim() || 'dropped'}`,
  }));
}

// ---- trying ----------------------------------------------------------------------------------------

const scope = openScope();
const servers = await Promise.all(Array.from({ length: JOBS }, () => startPostgres(scope, { settings: SETTINGS })));
let databases = 0;

const int32 = (n) => { const bytes = Buffer.alloc(4); bytes.writeInt32BE(n); return bytes; };
const frame = (type, ...parts) => Buffer.concat([Buffer.from(type), int32(4 + parts.reduce((sum, { length }) => sum + length, 0)), ...parts]);
const textEnd = (bytes, from = 0) => bytes.indexOf(0, from);
const SYNC = frame('S');
const query = (sql) => frame('Q', Buffer.from(`${sql}\0`));

// Calls `take` with the type and bytes of each message. A client's first one has no type.
function eachFrame(take, isClient) {
  let rest = Buffer.alloc(0);
  let head = isClient ? 0 : 1;
  return (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    while (rest.length >= head + 4 && rest.length >= head + rest.readInt32BE(head)) {
      const length = head + rest.readInt32BE(head);
      take(head === 0 ? '' : String.fromCharCode(rest[0]), rest.subarray(0, length));
      rest = rest.subarray(length);
      head = 1;
    }
  };
}

// A session of a history. Before the server gets the statements up to a Sync, they are tried in transactions that are rolled
// back: as they are, and with each change that nothing has noticed.
class Session {
  constructor(judge, client, path) {
    Object.assign(this, { judge, client, server: connect(path), known: new Map(), batch: [], queue: [], answers: [] });
    client.on('data', eachFrame((type, bytes) => this.#take(type, bytes), true));
    this.server.on('data', eachFrame((type, bytes) => this.#answer(type, bytes), false));
    for (const [one, other] of [[client, this.server], [this.server, client]]) one.on('close', () => other.destroy()).on('error', () => other.destroy());
  }

  #take(type, bytes) {
    this.batch.push({ type, bytes });
    if (!/[PBDECH]/.test(type) || type === '') this.queue.push(this.batch.splice(0));
    if (!this.busy) this.#pump();
  }

  async #pump() {
    this.busy = true;
    while (this.queue.length > 0) {
      const batch = this.queue.shift();
      const calls = this.#callsOf(batch);
      if (batch.at(-1).type === 'S' && calls.length > 0) await this.#try(calls);
      const answered = /[SQ]/.test(batch.at(-1).type) ? new Promise((resolve) => { this.answers.push({ resolve }); }) : null;
      this.server.write(Buffer.concat(batch.map(({ bytes }) => bytes)));
      await answered;
    }
    this.busy = false;
  }

  // The statements that a batch runs: {text, types, rest}, where the rest of a Bind are its values.
  #callsOf(batch) {
    const calls = [];
    for (const { type, bytes } of batch) {
      const first = textEnd(bytes, 5) + 1;
      const second = textEnd(bytes, first) + 1;
      if (type === 'P') this.known.set(bytes.toString('utf8', 5, first - 1), { text: bytes.toString('utf8', first, second - 1), types: bytes.subarray(second) });
      if (type === 'B') calls.push({ ...this.known.get(bytes.toString('utf8', first, second - 1)), rest: bytes.subarray(second) });
      if (type === 'Q' && bytes.includes('PREPARE print')) this.judge.prepare = bytes.toString('utf8', bytes.indexOf('PREPARE print'), bytes.length - 1);
    }
    return calls;
  }

  #answer(type, bytes) {
    const waits = this.answers[0];
    if (waits?.got === undefined) this.client.write(bytes);
    else if (type === 'D' || type === 'C') waits.got.push(bytes.toString('latin1'));
    else if (type === 'E') waits.got.push(/\0C([0-9A-Z]{5})\0/.exec(bytes.toString('latin1'))[1]);
    if (type !== 'Z' || waits === undefined) return;
    this.answers.shift();
    waits.resolve(waits.got);
  }

  #ask(...messages) {
    const answers = messages.filter((bytes) => bytes === SYNC || bytes[0] === 'Q'.charCodeAt(0)).map(() => new Promise((resolve) => { this.answers.push({ got: [], resolve }); }));
    this.server.write(Buffer.concat(messages));
    return Promise.all(answers);
  }

  // What the statements return, and what the tables have then. PostgreSQL chooses the order of rows.
  async #outcome(calls, reset) {
    const sent = calls.flatMap(({ text, types, rest }) => [frame('P', Buffer.from(`\0${text}\0`), types), frame('B', Buffer.from('\0\0'), rest), frame('E', Buffer.from('\0'), int32(0))]);
    const [, results, rows] = await this.#ask(query('BEGIN'), ...sent, SYNC, query(this.judge.shows), query(`ROLLBACK; ${reset}`));
    return JSON.stringify([results.sort(), rows]);
  }

  async #try(calls) {
    const open = calls.flatMap(({ text }, at) => (this.judge.open.get(text) ?? []).map((change) => ({ change, at })));
    calls.forEach(({ text }) => this.judge.seen.add(text));
    if (open.length === 0 || calls.some(({ text }) => LASTING.test(text))) return;
    if (this.judge.prepare !== undefined && !this.isPrepared) await this.#ask(query(this.judge.prepare));
    this.isPrepared = this.judge.prepare !== undefined;
    const [[row]] = await this.#ask(query(this.judge.sequences));
    const reset = row.slice(11);
    const [was, again] = [await this.#outcome(calls, reset), await this.#outcome(calls, reset)];
    if (was !== again) return;
    for (const { change, at } of open) {
      const changed = calls.map((call, i) => (i === at ? { ...call, text: change.text } : call));
      if (!change.noticed && await this.#outcome(changed, reset) !== was) this.judge.note(change);
    }
  }
}

// Changes to a statement that a block of acts.sql notices.
function tryActs(judge, [text, changes]) {
  const { name } = changes[0].statement;
  const blocks = actsOf(name);
  if (blocks.length === 0) return;
  judge.seen.add(text);
  const [was, ...found] = runActs(servers[0], 'acts', name, [text, ...changes.map((change) => change.text)]);
  const wants = blocks.map((block) => wantsOf(block, name));
  const passes = (run) => wants.every((of, i) => of.every((want, k) => fits(want, run[i][k])));
  if (!passes(was)) throw new Error(`acts.sql: ${name} differs as it is`);
  changes.forEach((change, i) => { if (!passes(found[i])) judge.note(change); });
}

// Resolves to whether a program ends well.
function runs(program, args, env) {
  return new Promise((resolve) => {
    const child = spawn(program, args.map(String), { env: { ...process.env, ...env }, stdio: 'ignore', timeout: RUN_MS_MAX, killSignal: 'SIGKILL' });
    child.on('close', (status) => resolve(status === 0));
  });
}

class Judge {
  constructor({ service, history, schemas, sequences, shows }) {
    const folder = `${service}/sql/statements`;
    Object.assign(this, { schemas, sequences, shows, program: programPath(history), open: new Map(), seen: new Set() });
    this.statements = readStatements(service, readdirSync(folder).map((name) => join(folder, name))).statements.filter(({ name, copy }) => copy === undefined && new RegExp(asked.at).test(name));
  }

  // Finds the changes that PostgreSQL accepts.
  async begin(server) {
    const database = this.#makeDatabase(server);
    await runs(this.program, [1, 1, server.conninfo(database)], {});
    this.changes = this.#accepted(server, database, this.statements.flatMap(changesOf));
  }

  #makeDatabase(server) {
    const name = `h${databases += 1}`;
    server.sql(`CREATE DATABASE ${name}`);
    return name;
  }

  #accepted(server, database, changes) {
    const prepared = changes.map(({ text }, i) => `PREPARE p${i} AS ${text};\n\\if :ERROR\n\\else\n\\echo ${i}\n\\endif\n`);
    const good = server.trySql(`\\set ON_ERROR_STOP 0\nSET search_path = ${this.schemas};\n${prepared.join('')}`, database).stdout.split('\n');
    return changes.filter((_, i) => good.includes(String(i)));
  }

  // Tries the changes that are left in a history.
  async play(server, seed) {
    const folder = scope.tempDir('sql-');
    const database = this.#makeDatabase(server);
    const sessions = createServer((client) => new Session(this, client, `${server.socketDir}/.s.PGSQL.${server.port}`));
    await new Promise((resolve) => { sessions.listen(`${folder}/.s.PGSQL.${server.port}`, resolve); });
    const ok = await runs(this.program, [seed, STEPS, server.conninfo(database).replace(server.socketDir, folder)], { ASAN_OPTIONS: '' });
    sessions.close();
    if (!ok) throw new Error(`${this.program} ${seed} fails`);
  }

  note(change) {
    change.noticed = true;
    this.open.set(change.before, this.open.get(change.before).filter((other) => other !== change));
  }
}

const PAYMENTS = {
  service: 'payment-adapter',
  history: 'pay-real',
  schemas: 'play, pay, pg_catalog',
  sequences: `SELECT format('SELECT setval(''saga_id_seq'', %s, %L), setval(''outbox_id_seq'', %s, %L), setval(''audit_id_seq'', %s, %L)',
    s.last_value, s.is_called, o.last_value, o.is_called, a.last_value, a.is_called) FROM saga_id_seq s, outbox_id_seq o, audit_id_seq a`,
  shows: "EXECUTE print('')", // the rows that the history prints
};
const SEATS = {
  service: 'seat-service',
  history: 'sql-real',
  schemas: 'seats',
  sequences: "SELECT format('SELECT setval(''event_no_seq'', %s, %L)', last_value, is_called) FROM event_no_seq",
  shows: `SELECT jsonb_agg(to_jsonb(r) - '{changed,created_at,asleep_at,taken_at,wanted_until,made_at}'::text[] ORDER BY r::text) FROM (
    SELECT event, to_jsonb(o) || jsonb_build_object('wanted', wanted_until > clock_timestamp()) AS r FROM owner o UNION ALL
    SELECT no, to_jsonb(e) || jsonb_build_object('asleep', asleep_at IS NULL) FROM event e UNION ALL SELECT event, to_jsonb(j) FROM journal j UNION ALL
    SELECT event, to_jsonb(s) FROM sold s UNION ALL SELECT event, to_jsonb(s) FROM sold_area s UNION ALL SELECT event, to_jsonb(s) FROM snapshot s) t (e, r)`,
};

const living = new Set(rowsOf(LIVING).map((row) => keyOfRow(...row.slice(0, -1))));
const keyOf = ({ statement, says }) => keyOfRow(statement.name, says);
const judges = [PAYMENTS, SEATS].map((what) => new Judge(what));
for (const judge of judges) {
  await judge.begin(servers[0]);
  for (const change of judge.changes.filter((one) => !living.has(keyOf(one)))) judge.open.set(change.before, [...judge.open.get(change.before) ?? [], change]);
}
servers[0].sql('CREATE DATABASE acts');
makeRows(servers[0], 'acts');
if (!asked.list) [...judges[0].open].forEach((open) => tryActs(judges[0], open));
const plays = Array.from({ length: Number(asked.seeds) }, (_, i) => judges.map((judge) => ({ judge, seed: i + 1 }))).flat();
if (!asked.list) await inParallel(plays.filter(({ judge }) => judge.changes.length > 0), ({ judge, seed }, worker) => judge.play(servers[worker], seed));
await scope.close();
let passed = 0;
let failed = 0;
for (const { changes, seen, statements } of judges)
  for (const { name, text } of statements) {
    const its = changes.filter(({ statement }) => statement.name === name);
    if (its.length === 0) continue;
    const listed = its.filter((change) => living.has(keyOf(change)));
    const lived = its.filter((change) => !change.noticed && !listed.includes(change));
    if (asked.list) its.forEach((change) => console.log(keyOf(change)));
    else if (LASTING.test(text)) console.log(`${name}: not tried, since no rollback undoes it`);
    else if (!seen.has(text)) { if (/\b(INSERT|UPDATE|DELETE)\b/.test(text)) console.log(`nothing here runs ${name}`); }
    else {
      lived.forEach((change) => console.log(`lived\t${keyOf(change)}`));
      console.log(`${name}: ${its.length} changes, ${its.length - listed.length - lived.length} noticed, ${listed.length} listed, ${lived.length} lived`);
      if (lived.length < its.length) passed += 1;
      else failed += 1;
    }
  }
const keys = new Set(judges.flatMap(({ changes }) => changes).map(keyOf));
const stale = asked.at === '.' ? [...living].filter((key) => !keys.has(key)) : [];
stale.forEach((key) => console.log(`listed, but no change: ${key}`));
console.log(`${passed} passed, ${failed + stale.length} failed`);
process.exitCode = failed + stale.length === 0 && (passed > 0 || asked.list) ? 0 : 1;

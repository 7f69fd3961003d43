// statements.js: generates C from a service's sql/statements/*.sql. Each statement has one list of arguments and one of
// columns above it. They become structs, functions that bind and read them, and what a test compares with the real server.
//
//   node infra/statements.js SERVICE FOLDER FILE.sql ...   writes to FOLDER
//
//     statements.h.inc      the enum of statements, the structs, the functions' declarations
//     statements.c.inc      the functions
//     statements.table.inc  rows of struct pg_statement: name and text
//     statements.test.inc   the argument and column types of each statement: STATEMENT(), and WORD()
//
// With "-- connection: pg.h" in one of its files, a service gets binary binding for that connection, and no table:
// seat-service/sql/README.md. payment-adapter/sql/README.md describes the format of the files. Comments are dropped: the
// server receives only the statement.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

let where = ''; // file and line, or the statement's place, for error messages
const fail = (what) => { throw new Error(`${where}: ${what}`); };

// ---- reading the files ---------------------------------------------------------------------------

class Book {
  constructor(service) {
    this.service = service;
    this.kinds = { statement: new Map(), shape: new Map(), fragment: new Map() };
    this.headers = [];
    this.constants = new Map(); // name -> {value, namer}
    this.binary = false; // a connection of pg.h
  }

  get statements() { return [...this.kinds.statement.values()]; }
  get shapes() { return [...this.kinds.shape.values()]; }

  open(kind, name, more = {}) {
    if (!/^[a-z][a-z0-9_]*$/.test(name)) fail(`a ${kind} needs a name in small letters: ${name}`);
    if (this.kinds[kind].has(name)) fail(`${kind} ${name} is there twice`);
    const block = { kind, name, place: where, args: [], columns: [], body: '', ...more };
    this.kinds[kind].set(name, block);
    return block;
  }

  // "-- fragment: age_us(at)"
  openFragment(head) {
    const [, name, names] = /^([^(]*)\((.*)\)$/.exec(head) ?? fail('a fragment is NAME(ARGUMENTS), also without arguments');
    return this.open('fragment', name, { names: names === '' ? [] : names.split(/, */) });
  }

  // "NAME TYPE [null] [signed] [enum NAME]", or "SHAPE.*".
  field([name, type, ...options], isArgument) {
    if (name.endsWith('.*')) return { shape: name.slice(0, -2), of: isArgument ? 'args' : 'columns' };
    const field = { name, type };
    while (options.length > 0) {
      const option = options.shift();
      if (option === 'enum' && options.length > 0) field.enum = options.shift();
      else if (['null', 'signed'].includes(option) || (this.binary && option === 'borrow')) field[option] = true;
      else fail(`what is \`${option}\`?`);
    }
    return this.binary ? linkField(field) : poolField(field, isArgument);
  }

  // "HEADER [FUNCTION]" opens a list of names, "NAME VALUE" is one of them.
  nameConstant(words) {
    const [name, value] = words;
    if (name.endsWith('.h')) {
      this.headers.push(name);
      this.namer = value;
      return;
    }
    if (words.length !== 2 || !/^[A-Z][A-Z0-9_]*$/.test(name) || this.constants.has(name)) fail('a name, once, and its value');
    this.constants.set(name, { value, namer: this.namer });
  }

  read(file) {
    let block = {};
    readFileSync(file, 'utf8').split('\n').forEach((line, i) => {
      where = `${file}:${i + 1}`;
      const [mark, ...words] = line.trim().split(/\s+/);
      const [, what] = /^-- (connection|statement|shape|fragment): /.exec(line) ?? [];
      if (what === 'statement') block = this.open('statement', words[1], { way: words[2] });
      else if (what === 'shape') block = this.open('shape', words[1]);
      else if (what === 'fragment') block = this.openFragment(line.slice('-- fragment: '.length));
      else if (line.startsWith('--= ')) this.nameConstant(words);
      else if (/^--[<>] /.test(line)) {
        if (block.kind !== 'statement' && block.kind !== 'shape') fail('no statement and no shape has begun');
        const list = mark === '-->' ? block.args : block.columns;
        list.push(this.field(words, mark === '-->'));
        if (list.length > 1 && list.at(-1).shape) fail(`a shape stands first: ${words[0]}`);
      } else if (what !== 'connection') {
        const text = line.replace(/('[^']*'|"[^"]*")|--.*/g, '$1').trimEnd();
        if (text !== '' && block.kind !== 'statement' && block.kind !== 'fragment') fail(`SQL outside of any statement: ${text}`);
        if (text !== '') block.body += `${text}\n`;
      }
    });
  }
}

// A shape may be defined after the statements that use it.
function findShapes(book, { place, args, columns }) {
  where = place;
  for (const field of [...args, ...columns].filter(({ shape }) => shape)) field.shape = book.kinds.shape.get(field.shape) ?? fail(`there is no shape ${field.shape}`);
}

/** A service's statements, each with the text that is sent to the server. */
export function readStatements(service, files) {
  const book = new Book(service);
  book.binary = files.some((file) => readFileSync(file, 'utf8').split('\n').includes('-- connection: pg.h'));
  files.forEach((file) => book.read(file));
  [...book.shapes, ...book.statements].forEach((block) => findShapes(book, block));
  book.statements.forEach((statement) => takeText(book, statement));
  where = service;
  return book;
}

// ---- what stands for what ------------------------------------------------------------------------

const flat = (fields) => fields.flatMap((field) => (field.shape ? field.shape[field.of] : [field]));

// The position from `from` on where `text` first has one of `wanted` outside of quotes and parentheses.
function place(text, from, wanted) {
  let depth = 0;
  for (let i = from; i < text.length; i += 1) {
    const c = text[i];
    if (c === "'" || c === '"') i = text.indexOf(c, i + 1);
    if (i < 0) break;
    if (depth === 0 && wanted === c) return i;
    if (c === '(') depth += 1;
    if (c === ')') depth -= 1;
    if (depth < 0) break;
  }
  return fail(`a ${wanted} is missing: ${text.slice(from, from + 40)}`);
}

class Expander {
  constructor(book, statement, parameter) {
    Object.assign(this, { book, statement, parameter });
  }

  call(name, given, scope) {
    const { names, body } = this.book.kinds.fragment.get(name) ?? fail(`there is no fragment ${name}`);
    if (scope.level > 8) fail(`fragment ${name} calls itself`);
    const values = new Map();
    let rest = given;
    names.forEach((each, i) => {
      const end = i < names.length - 1 ? place(rest, 0, ',') : rest.length;
      values.set(each, this.text(rest.slice(0, end).replace(/^[ \n]+/, ''), scope));
      rest = rest.slice(end + 1);
    });
    return this.text(body, { level: scope.level + 1, values }).replace(/\n$/, '');
  }

  // :name is an argument of the statement or the fragment; :NAME is a C constant; :name(...) is a fragment.
  text(text, scope = { level: 0, values: new Map() }) {
    let out = '';
    const TOKEN = /('[^']*'|"[^"]*"|::)|:([A-Za-z_][A-Za-z0-9_]*)(\.[a-z_]+)?|([:$])|[^'":$]+/y;
    while (TOKEN.lastIndex < text.length) {
      const from = TOKEN.lastIndex;
      const [all, , word, dotted, wrong] = TOKEN.exec(text) ?? fail(`what is \`${text.slice(from, from + 20)}\`?`);
      if (wrong === '$') fail(`arguments are called by their names: ${text.slice(from, from + 20)}`);
      if (wrong === ':') fail(`what is \`${text.slice(from, from + 20)}\`?`);
      if (word === undefined) {
        out += all;
        continue;
      }
      const name = dotted && this.statement.numbers.has(word + dotted) ? word + dotted : word;
      TOKEN.lastIndex = from + 1 + name.length;
      if (text[TOKEN.lastIndex] === '(') {
        const open = TOKEN.lastIndex + 1;
        const end = place(`${text.slice(open)}`, 0, ')');
        out += this.call(name, text.slice(open, open + end), scope);
        TOKEN.lastIndex = open + end + 1;
      } else {
        out += scope.values.get(name) ?? this.book.constants.get(name)?.value ?? this.parameter(name);
      }
    }
    return out;
  }
}

const reads = ({ way }) => way === 'reads';
const shares = ({ way }) => way === 'shares';

// Arguments are numbered in the order of the list, those of a shape first.
function takeText(book, statement) {
  where = statement.place;
  const used = new Set();
  statement.numbers = new Map(flat(statement.args).map((field, i) => [field.name, { n: i + 1, field }]));
  const argument = (name) => {
    used.add(name);
    return statement.numbers.get(name) ?? fail(`${statement.name} has no argument ${name}`);
  };
  if (!statement.body.endsWith(';\n')) fail(`${statement.name} does not end with a semicolon`);
  const body = statement.body.slice(0, -2);
  statement.text = new Expander(book, statement, (name) => `$${argument(name).n}::${sqlType(argument(name).field)}`).text(body);
  if (statement.way === 'copy') copyText(book, statement, body, argument);
  if (reads(statement) && /\b(INSERT|UPDATE|DELETE|SHARE)\b/.test(statement.text)) fail(`${statement.name} does not only read`);
  for (const name of statement.numbers.keys()) if (!used.has(name)) fail(`${statement.name} does not use its argument ${name}`);
}

// COPY takes no parameters, so values become part of the text; only numbers are safe there.
function copyText(book, statement, body, argument) {
  if (body.includes('%')) fail(`${statement.name} is a copy, so it cannot have a %`);
  statement.copied = '';
  const text = new Expander(book, statement, (name) => {
    if (!/^(bigint|integer)$/.test(argument(name).field.type)) fail(`${statement.name} is a copy, so its arguments are numbers`);
    statement.copied += `, (long long)args->${name}`;
    return '%lld';
  }).text(body);
  statement.copy = `COPY (${text}) TO STDOUT (FORMAT binary)`;
}

// ---- what both connections share -----------------------------------------------------------------

const INTEGERS = { bigint: '64_t', integer: '32_t', smallint: '16_t' };
const integer = (field, type = field.type) => `${field.signed ? 'int' : 'uint'}${INTEGERS[type]} `;
const sqlType = (field) => field.type + (field.list ? '[]' : '');
const cast = (field) => `(${field.c.trimEnd()})`;

export const typesOf = (fields, isNamed = false) => flat(fields).map((field) => (isNamed ? `${field.name} ` : '') + sqlType(field)).join(', ');

// A list of fields that is just one shape uses that shape's struct.
const isOwn = (fields) => fields.length > 0 && !(fields.length === 1 && fields[0].shape);
const typeOf = (block, fields, end) => `struct sql_${fields.length === 1 && fields[0].shape ? fields[0].shape.name : block.name}_${end}`;
const argsType = (block) => typeOf(block, block.args, 'args');
const rowType = (block) => typeOf(block, block.columns, 'row');
const rowReader = (block) => `${rowType(block)} sql_${block.name}_row(const PGresult *res, int row)`;
const shapeField = ({ shape, of }) => `    struct sql_${shape.name}_${of === 'args' ? 'args' : 'row'} ${shape.name};\n`;

const cString = (text) => `"${text.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n"\n    "')}"`;

function header(book, include, content) {
  const guard = `FG_${book.service.toUpperCase().replaceAll('-', '_')}_SQL_STATEMENTS_H`;
  return `/* Made of ${book.service}/sql/statements/ by infra/statements.js. */\n#ifndef ${guard}\n#define ${guard}\n\n#include "${include}"\n\n` +
    `${book.headers.map((name) => `#include "${name}"\n`).join('')}\n${content}\n#endif\n`;
}

// The fields of a row, read from the first column on.
function readRow(block, read) {
  let column = 0;
  const lines = block.columns.map((field) => {
    if (field.shape) {
      column = field.shape.columns.length;
      return `        .${field.shape.name} = sql_${field.shape.name}_row(res, row),\n`;
    }
    const at = `(res, row, ${column++})`;
    const flag = field.flag ? `        .has_${field.name} = !pg_null${at},\n` : '';
    return `${flag}        .${field.cName} = ${field.flag ? `pg_null${at} ? 0 : ` : ''}${read(field, at)},\n`;
  });
  return `${rowReader(block)}\n{\n    return (${rowType(block)}){\n${lines.join('')}    };\n}\n\n`;
}

function words(book) {
  return [...book.constants].filter(([, { value }]) => value.startsWith("'"))
    .map(([name, { value, namer }]) => `WORD(${cString(value.slice(1, -1))}, ${namer ? `${namer}(${name})` : name})\n`).join('');
}

// ---- a pool (pg_pool.h) --------------------------------------------------------------------------

function poolField(field, isArgument) {
  const isText = !field.enum && (/^(text|jsonb)$/.test(field.type) || field.type.endsWith('[]'));
  const c = field.enum ? `enum ${field.enum} ` : isText ? (isArgument ? 'const char *' : 'struct span ')
    : field.type === 'numeric' ? integer(field, 'bigint') : field.type in INTEGERS ? integer(field)
      : field.type === 'boolean' ? 'bool ' : fail(`the type \`${field.type}\` is not known here`);
  // A text column with an enum is stored as a word: C has NAME_name() and NAME_parse() for it. A nullable number or boolean
  // has a bool next to it.
  return { ...field, isText, c, cName: field.name, isWord: field.enum && field.type === 'text', flag: field.null && !isText };
}

const poolStruct = (fields, tag) => `${tag} {\n${fields.map((field) => (field.shape ? shapeField(field)
  : `${field.flag ? `    bool has_${field.name};\n` : ''}    ${field.c}${field.name};\n`)).join('')}};\n\n`;

function signature(block, kind) {
  const args = block.args.length > 0 ? `const ${argsType(block)} *args` : '';
  const after = args && `, ${args}`;
  if (kind === 'alone') return `PGresult *sql_${block.name}(PGconn *pq${after})`;
  if (kind === 'add') return `void sql_${block.name}_add(struct pg_job *job${after})`;
  return `void sql_${block.name}(struct pg_pool *pg${after}, pg_on_done *on_done, void *ctx)`;
}

// Readers come first, then sharers, then the rest: the enum's order.
const ofPool = ({ statements }) => [...statements.filter(reads), ...statements.filter(shares),
  ...statements.filter((block) => block.way !== 'alone' && !reads(block) && !shares(block))];

function poolHeader(book) {
  const pooled = ofPool(book);
  const shapes = book.shapes.map((shape) => (shape.args.length > 0 ? poolStruct(shape.args, argsType(shape)) : '') +
    (shape.columns.length > 0 ? `${poolStruct(shape.columns, rowType(shape))}${rowReader(shape)};\n\n` : ''));
  const statements = book.statements.map((block) => `/* ${block.place} */\n${isOwn(block.args) ? poolStruct(block.args, argsType(block)) : ''}` +
    `${isOwn(block.columns) ? poolStruct(block.columns, rowType(block)) : ''}` +
    `${(block.way === 'alone' ? ['alone'] : ['add', 'send']).map((kind) => `${signature(block, kind)};\n`).join('')}` +
    `${isOwn(block.columns) ? `${rowReader(block)};\n` : ''}\n`);
  const names = pooled.map(({ name }) => `    SQL_${name.toUpperCase()},\n`).join('');
  const [readers, sharers] = [reads, shares].map((way) => pooled.filter(way).length);
  return header(book, 'pg/pg_pool.h', `enum statement {\n${names}    SQL_STATEMENTS,\n};\n\nenum { SQL_READERS = ${readers}, SQL_SHARERS = ${sharers} }; /* the first ones, and the next */\n\n${shapes.join('')}${statements.join('').slice(0, -1)}`);
}

// The arguments as texts: {words, asserts, numbers}.
function bind(fields, at, out = { words: [], asserts: '', numbers: 0 }) {
  for (const field of fields) {
    const from = at + field.name;
    if (field.shape) {
      bind(field.shape.args, isOwn(fields) ? `${at}${field.shape.name}.` : at, out);
      continue;
    }
    const number = () => `pg_${field.signed ? 'i64' : 'u64'}_text(&numbers[${out.numbers++}], (${field.signed ? 'int' : 'uint'}64_t)${from})`;
    const word = field.isWord ? `${field.enum}_name(${from})` : field.isText ? from
      : field.type === 'boolean' ? `(${from} ? "true" : "false")` : number();
    if (field.isText && !field.null) out.asserts += `    assert(${from} != NULL);\n`;
    out.words.push(field.flag && !field.isWord ? `${at}has_${field.name} ? ${word} : NULL` : word);
  }
  return out;
}

function poolFunctions(book) {
  const checks = [...book.constants].filter(([, { value }]) => !value.startsWith("'"))
    .map(([name, { value }]) => `static_assert((int)${name} == ${value}, "sql/statements says otherwise");\n`);
  const read = (field, at) => (field.isWord ? `${field.enum}_parse(pg_text${at})` : field.isText ? `pg_text${at}`
    : field.type === 'boolean' ? `pg_bool${at}` : `${cast(field)}${field.signed ? 'pg_i64' : 'pg_u64'}${at}`);
  const functions = book.statements.map((block) => {
    const bound = bind(block.args, 'args->');
    const params = block.args.length === 0 ? '' : `${bound.asserts}${bound.numbers > 0 ? `    struct pg_number numbers[${bound.numbers}];\n` : ''}` +
      `    const char *const params[] = {\n${bound.words.map((word) => `        ${word},\n`).join('')}    };\n`;
    const given = `${bound.words.length}, ${params ? 'params' : 'NULL'}`;
    const define = (kind, call) => `${signature(block, kind)}\n{\n${params}    ${call};\n}\n\n`;
    const row = isOwn(block.columns) ? readRow(block, read) : '';
    if (block.way === 'alone')
      return row + define('alone', `return PQexecParams(pq, ${cString(block.text)}, ${bound.words.length}, NULL, ${params ? 'params' : 'NULL'}, NULL, NULL, 0)`);
    const name = `SQL_${block.name.toUpperCase()}`;
    return row + define('add', `pg_job_add(job, ${name}, ${given})`) + define('send', `pg_pool_query(pg, ${name}, ${given}, on_done, ctx)`);
  });
  return `${checks.join('')}\n${book.shapes.filter(({ columns }) => columns.length > 0).map((shape) => readRow(shape, read)).join('')}${functions.join('')}`;
}

function poolParts(book) {
  const pooled = ofPool(book);
  return {
    h: poolHeader(book),
    c: poolFunctions(book),
    table: pooled.map(({ name, text }) => `[SQL_${name.toUpperCase()}] = {"${name}",\n    ${cString(text)}},\n`).join(''),
    test: pooled.map(({ name, args, columns }) => `STATEMENT(SQL_${name.toUpperCase()}, "${typesOf(args)}", "${typesOf(columns, true)}")\n`).join('') + words(book),
  };
}

// ---- a connection (pg.h) -------------------------------------------------------------------------

const LINK_KINDS = { bigint: 'i64', integer: 'i32', smallint: 'i16', timestamptz: 'time', boolean: 'bool' };
const WIDTHS = { bigint: 8, timestamptz: 8, integer: 4, smallint: 2 };

// An argument "rows.seq" is a column of a list: C has a struct for one element, with a field for each column, and the
// statement takes an array for each column. An argument may also be an array by itself: its elements and their number.
function linkField(field) {
  const [, list, element] = /^(?:(.*)\.)?(.*)$/.exec(field.name);
  const base = field.type.replace(/\[\]$/, '');
  const isSpan = !field.enum && /^(text|bytea)$/.test(base);
  const c = field.enum ? `enum ${field.enum} ` : isSpan ? 'struct span ' : base === 'timestamptz' ? 'uint64_t '
    : base in INTEGERS ? integer(field, base) : base === 'boolean' ? 'bool ' : fail(`the type \`${base}\` is not known to a connection of pg.h`);
  return {
    ...field, list, element, isSpan, c, isArray: base !== field.type, kind: LINK_KINDS[base] ?? base,
    cName: element + (field.type === 'timestamptz' ? '_ms' : ''), flag: field.null && !isSpan,
  };
}

const member = (field) => (field.flag ? `    bool has_${field.element};\n` : '') +
  (field.isArray ? `    const ${field.c}*${field.cName};\n    uint32_t ${field.cName}_len;\n` : `    ${field.c}${field.cName};\n`);
const isFirst = (fields, i) => fields[i].list !== fields[i - 1]?.list; // the first of its list
const ofList = (fields, { list }) => fields.filter((other) => other.list === list);

function linkStruct(block, fields, tag) {
  const lists = fields.filter((field, i) => field.list && isFirst(fields, i))
    .map((field) => `struct sql_${block.name}_${field.list} {\n${ofList(fields, field).map(member).join('')}};\n\n`);
  const members = fields.map((field, i) => (field.shape ? shapeField(field) : !field.list ? member(field)
    : isFirst(fields, i) ? `    const struct sql_${block.name}_${field.list} *${field.list};\n    uint32_t ${field.list}_len;\n` : ''));
  return `${lists.join('')}${tag} {\n${members.join('')}};\n\n`;
}

// Arguments of prepared statements stay in the caller's memory until sent; others' lists are in the connection's.
const hasLists = (block) => flat(block.args).some((field) => field.list || field.isArray);
const isQuery = (block) => block.columns.length > 0;

function linkSignature(block) {
  const given = `struct pg *pg${block.way === 'prepared' ? ', struct pg_args *bound' : ''}${block.args.length > 0 ? `, const ${argsType(block)} *args` : ''}`;
  const rest = block.way === 'copy' ? 'int (*on_row)(void *ctx, struct span row), void *ctx, struct err_slot *err'
    : block.way === 'prepared' ? 'struct err_slot *err' : `struct err_slot *err, ${isQuery(block) ? 'PGresult **out' : 'uint64_t *rows'}`;
  return `int sql_${block.name}(${given}, ${rest})`;
}

const linkReader = (block) => (block.way === 'copy' ? `bool sql_${block.name}_row(struct span bytes, ${rowType(block)} *row)` : rowReader(block));

function linkHeader(book) {
  const shapes = book.shapes.filter(({ args }) => args.length > 0).map((shape) => linkStruct(shape, shape.args, argsType(shape)));
  const statements = book.statements.map((block) => `/* ${block.place} */\n${isOwn(block.args) ? linkStruct(block, block.args, argsType(block)) : ''}` +
    `${isQuery(block) ? `${linkStruct(block, block.columns, rowType(block))}${linkReader(block)};\n` : ''}${linkSignature(block)};\n\n`);
  return header(book, 'pg/pg.h', `${shapes.join('')}${statements.join('')}/* On each connection, once. */\nint sql_prepare(struct pg *pg, struct err_slot *err);\n`);
}

const bound = (field, from) => (field.kind.startsWith('i') ? `(int${field.kind.slice(1)}_t)${from}` : from);
const put = (field, from) => `pg_array_${field.isSpan ? 'bytes' : field.kind}(bound, ${bound(field, from)})`;
const putArray = (kind, of, each) => `    pg_array_open(bound, PG_ARRAY_${kind.toUpperCase()}, ${of}_len);\n` +
  `    for (uint32_t i = 0; i < ${of}_len; i++)\n        ${each};\n    pg_array_close(bound);\n`;

function linkBind(block, fields, at) {
  return fields.map((field) => {
    const from = `${at}${field.cName}`;
    if (field.shape) return linkBind(field.shape, field.shape.args, isOwn(block.args) ? `${at}${field.shape.name}.` : at);
    if (field.list) {
      const one = `${at}${field.list}[i].`;
      const isThere = one + (field.isSpan ? `${field.cName}.ptr != NULL` : `has_${field.element}`);
      const each = put(field, one + field.cName);
      return putArray(field.kind, at + field.list, field.null ? `${isThere} ? ${each} : pg_array_null(bound)` : each);
    }
    if (field.isArray) return putArray(field.kind, from, put(field, `${from}[i]`));
    if (field.kind === 'i16' || field.kind === 'time' || field.flag) fail(`${block.name}: pg_args.h has no single ${field.type} of that kind`);
    return `    pg_arg_${field.kind}${field.borrow ? '_borrow' : ''}(bound, ${bound(field, from)});\n`;
  }).join('');
}

function linkRead(field, at) {
  if (field.isSpan) return `pg_text${at}`;
  if (field.kind === 'bool') return `pg_bool${at}`;
  if (field.kind === 'time') return `pg_time_ms(pg_i64${at})`;
  return `${cast(field)}${{ i64: 'pg_i64', i32: 'pg_i32' }[field.kind] ?? fail(`pg_value.h reads no ${field.type}`)}${at}`;
}

// Rows come from the network, so the length of each number is checked before it is read.
function linkReadCopy(block) {
  const lines = block.columns.map((field) => {
    const { name, type } = field;
    if (field.isSpan) return `    if (!pg_field(&bytes, &row->${name}))\n        return false;\n`;
    return `    struct span ${name};\n    if (!pg_field(&bytes, &${name}) || ${name}.len != ${WIDTHS[type] ?? fail(`${block.name}: a copy reads no ${type}`)})\n` +
      `        return false;\n    row->${field.cName} = ${type === 'timestamptz' ? 'pg_time_ms' : cast(field)}(pg_field_int(${name}));\n`;
  });
  return `${linkReader(block)}\n{\n${lines.join('')}    return true;\n}\n\n`;
}

const SINGLES_BYTES = 1024; // all arguments of a statement that are not lists

// The size of each array: its head, and each element's length field and bytes.
const listBytes = (fields) => flat(fields).filter(({ list, isArray }) => list || isArray).map((field) => {
  const of = field.list ? `args->${field.list}` : `args->${field.cName}`;
  return field.isSpan ? `    for (uint32_t i = 0; i < ${of}_len; i++)\n        bytes += 4 + ${of}[i]${field.list ? `.${field.cName}` : ''}.len;\n    bytes += 20;\n`
    : `    bytes += 20 + (size_t)${of}_len * ${4 + (WIDTHS[field.type.replace(/\[\]$/, '')] ?? 1)};\n`;
}).join('');

function linkBody(block) {
  if (block.way === 'copy')
    return `    char sql[${block.copy.length + 256}];\n    int len = snprintf(sql, sizeof(sql), ${cString(block.copy)}${block.copied});\n` +
      '    assert(len > 0 && (size_t)len < sizeof(sql));\n    (void)len;\n    return pg_copy(pg, sql, on_row, ctx, err);\n';
  const args = block.args.length === 0 ? 'NULL' : block.way === 'prepared' ? 'bound' : '&own';
  const own = args !== '&own' ? '' : hasLists(block) ? `    struct pg_args own, *bound = &own;\n    size_t bytes = ${SINGLES_BYTES};\n${listBytes(block.args)}` +
    '    int rc = pg_bind(pg, bytes, bound, err);\n    if (rc < 0)\n        return rc;\n'
    : `    uint8_t memory[${SINGLES_BYTES}];\n    struct pg_args own, *bound = &own;\n    pg_args_init(bound, memory, sizeof(memory));\n`;
  const call = block.way === 'prepared' ? `pg_pipeline_add(pg, "${block.name}", ${args}, err)`
    : `${isQuery(block) ? 'pg_query' : 'pg_change'}(pg, ${cString(block.text)}, ${args}, err, ${isQuery(block) ? 'out' : 'rows'})`;
  return `${own}${linkBind(block, block.args, 'args->')}    return ${call};\n`;
}

function linkParts(book) {
  const functions = book.statements.map((block) => (!isQuery(block) ? '' : block.way === 'copy' ? linkReadCopy(block) : readRow(block, linkRead)) +
    `${linkSignature(block)}\n{\n${linkBody(block)}}\n\n`);
  const prepares = book.statements.filter(({ way }) => way === 'prepared')
    .map(({ name, text }) => `    if (rc == 0)\n        rc = pg_prepare(pg, "${name}", ${cString(text)}, err);\n`);
  return {
    h: linkHeader(book),
    c: `${functions.join('')}int sql_prepare(struct pg *pg, struct err_slot *err)\n{\n    int rc = 0;\n${prepares.join('')}    return rc;\n}\n`,
    table: '',
    test: book.statements.map(({ name, text, args, columns }) => `STATEMENT("${name}", ${cString(text)}, "${typesOf(args)}", "${typesOf(columns, true)}")\n`).join(''),
  };
}

// ---- all of it -----------------------------------------------------------------------------------

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [service, folder, ...files] = process.argv.slice(2);
  try {
    const book = readStatements(service, files);
    for (const [part, text] of Object.entries(book.binary ? linkParts(book) : poolParts(book))) writeFileSync(join(folder, `statements.${part}.inc`), text);
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}

// wire.js: generates from queue-front/lua/wire.list what fronts (C) and the scripts in Redis (Lua) are built from.
//
//   node infra/wire.js LUA_FOLDER OUT_FOLDER
//
//     line_names.h      enums, numbers, knobs
//     line_wire.h       requests and replies, with writers and readers
//     line_scripts.inc  the scripts as C strings
//
// In a script a name of the list becomes a number; no local is created for it at run time. Comments are dropped. A name with
// the prefix of an ask, a reply, a cfg or the knobs that is not in the list is an error.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const fail = (what) => { throw new Error(what); };

// ---- reading the list ----------------------------------------------------------------------------

/** Returns {blocks: [{kind, name, prefix, rows: [{words, note}]}], ...}, with the declarations of all blocks by kind. */
export function readWire(folder) {
  const blocks = [];
  readFileSync(join(folder, 'wire.list'), 'utf8').split('\n').forEach((line) => {
    const [text, ...rest] = line.split(/(?<!.*-- .*)-- /);
    const words = text.trim().split(/\s+/);
    if (words[0] === '' || words[0].startsWith('#')) return;
    if (!line.startsWith(' ')) blocks.push({ kind: words[0], name: words[1], prefix: words[2], rows: [] });
    else blocks.at(-1).rows.push({ words, note: rest.length > 0 ? ` /* ${rest.join('-- ')} */` : '' });
  });
  const wire = { folder, blocks, numbers: new Map(), lists: new Map(), sizes: new Map(), scripts: new Map() };
  blocks.forEach((block) => (READERS[block.kind] ?? fail(`no such kind: ${block.kind}`))(wire, block));
  return wire;
}

function addNumber({ numbers }, name, number) {
  if (numbers.has(name)) fail(`${name} stands for two things`);
  numbers.set(name, number);
}

// The words of an ask, a reply or a cfg, numbered from `first` on.
function addWords(wire, block, names, first, widthOf = () => 1) {
  const whole = `${block.kind}_${block.name}`;
  let at = first;
  for (const name of names) {
    addNumber(wire, `${whole}.${name}`, at);
    at += widthOf(name);
  }
  wire.lists.set(whole, names.map((name) => `'${name}'`).join(', '));
  wire.sizes.set(whole, at - 1);
  return whole;
}

function addWhole(wire, block) {
  block.fields = block.rows.map(({ words: [name, type, max], note }) => ({ name, type, max, note }));
  const wrong = block.fields.find(({ type }) => !/^(u64|u64\?|text|list|knobs)$/.test(type));
  if (wrong) fail(`no such type: ${wrong.type}`);
  const widthOf = (name) => (block.fields.find((field) => field.name === name).type === 'knobs' ? wire.knobs.length : 1);
  block.whole = addWords(wire, block, block.fields.map(({ name }) => name), block.kind === 'ask' ? 2 : 1, widthOf);
}

const CFG_FIRST = ['clock_off_us', 'incarnation']; // the first of every cfg list: cfg_read() in prelude.lua reads them

const READERS = {
  enum: (wire, { rows }) => rows.forEach(({ words: [own, as, other] }, i) => addNumber(wire, as === 'as' ? other : own, i)),
  numbers: (wire, { rows }) => rows.forEach(({ words: [number, name] }) => addNumber(wire, name, Number(number))),
  keys: (wire, { name, rows }) => {
    rows.forEach(({ words: [key] }) => addNumber(wire, `${name}.${key.replace(/:$/, '')}`, `'${key}'`));
    wire.sizes.set(name, rows.length);
  },
  channels: () => {},
  knobs: (wire, { rows }) => { wire.knobs = rows.map(({ words: [name, max], note }) => ({ name, max, note })); },
  cfg: (wire, block) => addWords(wire, block, [...CFG_FIRST, ...block.rows.flatMap(({ words }) => words)], 1),
  scripts: ({ scripts }, { rows }) => rows.forEach(({ words: [name, ...files] }) => scripts.set(name, [...(scripts.get(name) ?? []), ...files])),
  ask: addWhole,
  reply: addWhole,
};

// ---- C -------------------------------------------------------------------------------------------

const guarded = (guard, content) => `/* Made of wire.list. */\n#ifndef ${guard}\n#define ${guard}\n\n${content}\n#endif\n`;

function namesOf({ blocks, knobs, scripts }) {
  const parts = blocks.map(({ kind, name, prefix, rows }) => {
    if (kind === 'enum')
      return `\nenum ${name} {\n${rows.map(({ words: [own], note }) => `    ${prefix}_${own},${note}\n`).join('')}` +
        `    ${prefix}_${name.replace(/^.*_/, '').toUpperCase()}_COUNT,\n};\n`;
    if (kind === 'keys')
      return rows.filter(({ words }) => words[1]).map(({ words: [key, own], note }) => `\n#define ${own} "${key}"${note}\n`).join('');
    if (kind === 'channels')
      return rows.map(({ words: [channel, own], note }) => `\n#define ${own} "$${channel.length}\\r\\n${channel}\\r\\n"${note}\n`).join('');
    if (kind !== 'numbers') return '';
    return rows.filter(({ words }) => words[2]).map(({ words: [number, , own], note }) => (Number(number) >= 2 ** 30
      ? `\n#define ${own} UINT64_C(${number})${note}\n` : `\nenum { ${own} = ${number} };${note}\n`)).join('');
  });
  return guarded('FG_LINE_NAMES_H', `#include <stdint.h>\n${parts.join('')}
/* What the scripts need of an event's document, as numbers. The document itself is opaque to them. */
struct line_knobs {
${knobs.map(({ name, note }) => `    uint64_t ${name};${note}\n`).join('')}};

enum { LINE_KNOBS = ${knobs.length} };

enum line_script {
${[...scripts.keys()].map((name) => `    SCRIPT_${name.toUpperCase()},\n`).join('')}    SCRIPT_COUNT,
};
`);
}

const C_TYPES = { text: 'struct span ', list: 'const redisReply *', knobs: 'struct line_knobs ' };
const PUTS = { 'text': 'resp_word(command, ', 'u64?': 'wire_put_or_none(command, ', 'knobs': 'wire_put_knobs(command, &' };
const GETS = { 'text': 'resp_get_str', 'list': 'resp_array', 'u64?': 'wire_get_or_none', 'knobs': 'wire_get_knobs' };

// The position of each field, and the number of words; knobs take several words.
function positionsOf({ whole, fields }) {
  const names = [...fields.map(({ name }) => `${whole}_${name}`), `${whole}_WORDS`].map((name) => name.toUpperCase());
  return `\nenum {\n${names.map((name, i) => `    ${name}${fields[i - 1]?.type === 'knobs' ? ` = ${names[i - 1]} + LINE_KNOBS` : ''},\n`).join('')}};\n`;
}

function check({ name, type, max }) {
  const at = `out->${name}`;
  if (max === undefined) return '';
  if (type === 'text') return ` && ${at}.len <= ${max}`;
  return type === 'u64?' ? ` && (${at} == WIRE_NONE || ${at} <= ${max})` : ` && ${at} <= ${max}`;
}

const all = (conditions) => `    return ${conditions.join(' &&\n           ')};\n`;

function wholeOf(block) {
  const { kind, whole, fields } = block;
  const struct = `\nstruct ${whole} {\n${fields.map(({ name, type, note }) => `    ${C_TYPES[type] ?? 'uint64_t '}${name};${note}\n`).join('')}};\n`;
  const body = kind === 'ask'
    ? `static inline void ${whole}_put(struct text *command, const struct ${whole} *ask)\n{\n` +
      `${fields.map(({ name, type }) => `    ${PUTS[type] ?? 'resp_u64(command, '}ask->${name});\n`).join('')}}\n`
    : `static inline bool ${whole}_read(const redisReply *reply, size_t at, struct ${whole} *out)\n{\n` +
      `${all(fields.map((field) => `${GETS[field.type] ?? 'resp_get_u64'}(reply, at + ${`${whole}_${field.name}`.toUpperCase()}, &out->${field.name})${check(field)}`))}}\n`;
  return `${struct}${positionsOf(block)}\n${body}`;
}

function wireOf({ blocks, knobs }) {
  const limited = knobs.filter(({ max }) => max);
  return guarded('FG_LINE_WIRE_H', `#include "core/line/line.h"
#include "core/line/moves.h"
#include "core/line/turns.h"
#include "line/line_limits.h"
#include "redis/resp.h"

#include <assert.h>

/* Where there is no number: '' in Lua. */
#define WIRE_NONE UINT64_MAX

static inline void wire_put_or_none(struct text *command, uint64_t number)
{
    if (number == WIRE_NONE)
        resp_word(command, (struct span){NULL, 0});
    else
        resp_u64(command, number);
}

static inline bool wire_get_or_none(const redisReply *reply, size_t at, uint64_t *out)
{
    struct span text;
    *out = WIRE_NONE;
    return (resp_get_str(reply, at, &text) && text.len == 0) || resp_get_u64(reply, at, out);
}

static inline void wire_put_knobs(struct text *command, const struct line_knobs *knobs)
{
${limited.map(({ name, max }) => `    assert(knobs->${name} <= ${max});\n`).join('')}${knobs.map(({ name }) => `    resp_u64(command, knobs->${name});\n`).join('')}}

static inline bool wire_get_knobs(const redisReply *reply, size_t at, struct line_knobs *knobs)
{
${all(knobs.map(({ name, max }, i) => `resp_get_u64(reply, at + ${i}, &knobs->${name})${max ? ` && knobs->${name} <= ${max}` : ''}`))}}
${blocks.filter(({ whole }) => whole).map(wholeOf).join('')}`);
}

// ---- scripts -------------------------------------------------------------------------------------

// A hash of the lists: it changes when a list of fields changes.
function formOf({ blocks, lists }) {
  const text = blocks.filter(({ whole }) => whole).map(({ whole }) => whole + lists.get(whole)).join('');
  return [...text].reduce((sum, letter) => (sum * 31 + "abcdefghijklmnopqrstuvwxyz_', ".indexOf(letter) + 1) % 1000003, 0);
}

function known(wire, token) {
  const [of, field] = token.split('.');
  if (wire.numbers.has(token)) return wire.numbers.get(token);
  if (token === 'knobs.names') return wire.knobs.map(({ name }) => `'${name}'`).join(', ');
  if (token === 'knobs.count') return wire.knobs.length;
  if (!wire.sizes.has(of)) return token;
  const special = { words: () => wire.sizes.get(of), form: () => formOf(wire), names: () => wire.lists.get(of) };
  return (special[field] ?? fail)(`no such field: ${token}`);
}

// A line with its names as numbers, without the comment after "--".
const TOKEN = /(--.*)|([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^A-Za-z_'"-]+|./g;
const plain = (wire, line) => line.replace(TOKEN, (all_, comment, name) => (comment ? '' : name ? known(wire, name) : all_)).trimEnd();

/** The text of a script, as Redis gets it. */
export function scriptText(wire, script) {
  return (wire.scripts.get(script) ?? fail(`no such script: ${script}`)).flatMap((name) => {
    const file = `${name}.lua`;
    return readFileSync(join(wire.folder, file), 'utf8').split('\n').map((line) => {
      const text = plain(wire, line);
      if (/^ *local ([A-Za-z_, ]*, )?[0-9']/.test(text)) fail(`${file} has a local of the list: ${text}`);
      return text === '' ? '' : `${text}\n`;
    });
  }).join('');
}

function scriptsOf(wire) {
  const cLine = (line) => `"${line.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('??', '?\\?')}\\n"\n`;
  return [...wire.scripts.keys()].map((name) =>
    `SCRIPT_OF(${name.toUpperCase()}, "${name}",\n${scriptText(wire, name).trimEnd().split('\n').map(cLine).join('')})\n`).join('');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder, out] = process.argv.slice(2);
  try {
    const wire = readWire(folder);
    const made = { 'line_names.h': namesOf(wire), 'line_wire.h': wireOf(wire), 'line_scripts.inc': scriptsOf(wire) };
    for (const [name, text] of Object.entries(made)) writeFileSync(join(out, name), text);
  } catch (error) {
    console.error(`wire.list: ${error.message}`);
    process.exitCode = 1;
  }
}

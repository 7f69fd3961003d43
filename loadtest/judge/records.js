// records.js: reads the records of a crowd in the format of loadtest/crowd/scenario/record.h: 40 bytes each. Records of all
// processes are sorted by time.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const RECORD_LEN = 40;
const VISITORS_MAX = 1 << 24;
const source = (name) => readFileSync(fileURLToPath(new URL(`../crowd/${name}`, import.meta.url)), 'utf8');
const header = source('scenario/record.h');

// The rows of an enum, without the prefix: ['WHO', 'ENTRY', ...]
const rowsOf = (text, name) => [...new RegExp(`enum ${name} \\{([^}]*)\\}`).exec(text)[1].matchAll(/(?:^|[{,])\s*[A-Z]+_(\w+)(?= =|,|\s*$)/gm)].map(([, row]) => row).filter((row) => row !== 'KINDS');
const numbered = (rows) => Object.fromEntries(rows.map((row, i) => [row, i]));
const named = (prefix, rows) => rows.map((row) => new RegExp(`\\[${prefix}_${row}\\] = "([^"]*)"`).exec(source('scenario/record.c'))[1]);

const [kinds, tricks, ends] = ['record_kind', 'record_trick', 'record_end'].map((name) => rowsOf(header, name));
export const KIND = numbered(kinds);
export const SENT = numbered(rowsOf(header, 'record_sent'));
export const GONE = numbered(rowsOf(header, 'record_gone'));
export const VOID = numbered(rowsOf(header, 'record_void'));
export const TRICK = numbered(tricks);
export const END = numbered(ends);
export const MANNER = numbered(rowsOf(source('scenario/scenario.h'), 'manner'));
export const FLAG = { WAITING: 1, STALE: 2, EARLY: 4 };

export const kindNames = kinds.map((row) => row.toLowerCase());
export const trickNames = named('TRICK', tricks);
export const endNames = named('END', ends);
export const mannerNames = Object.keys(MANNER).map((row) => row.toLowerCase());

/** A cursor over the records of all files. The judge reads hashes as (inexact) numbers: it only compares them. A history has them in full. */
export class Records {
  constructor(files) {
    const wrong = files.find(({ bytes }) => bytes.length % RECORD_LEN !== 0);
    if (wrong) throw new Error(`${wrong.path} is no record, or was cut off`);
    this.bytes = Buffer.concat(files.map(({ bytes }) => bytes));
    this.length = this.bytes.length / RECORD_LEN;
    this.order = Uint32Array.from({ length: this.length }, (_, i) => i);
    this.visitors = 0;
    this.end_us = 0;
    const times = Float64Array.from(this.order, (i) => this.at(i).check(i).at_us);
    this.order.sort((a, b) => times[a] - times[b] || a - b);
  }

  at(i) {
    this.from = i * RECORD_LEN;
    return this;
  }

  // Validates the record; updates the number of visitors and the time of the last record.
  check(i) {
    if (this.kind >= kinds.length || this.visitor >= VISITORS_MAX) throw new Error(`record ${i} is not a record`);
    if (this.kind === KIND.END && !(this.value < ends.length)) throw new Error(`record ${i} is no end`);
    this.visitors = Math.max(this.visitors, this.visitor + 1);
    this.end_us = Math.max(this.end_us, this.at_us);
    return this;
  }

  #long(offset) {
    return this.bytes.readUInt32LE(this.from + offset + 4) * 2 ** 32 + this.bytes.readUInt32LE(this.from + offset);
  }

  #hex(offset) {
    return this.bytes.readBigUInt64LE(this.from + offset).toString(16).padStart(16, '0');
  }

  get at_us() { return this.#long(0); }
  get value() { return this.#long(8); }
  get more() { return this.#long(16); }
  get value_id() { return this.#hex(8); }
  get more_id() { return this.#hex(16); }
  get promise() { return { p50: this.bytes.readUInt32LE(this.from + 20), p90: this.bytes.readUInt32LE(this.from + 16) }; }
  get visitor() { return this.bytes.readUInt32LE(this.from + 24); }
  get took_us() { return this.bytes.readUInt32LE(this.from + 28); }
  get status() { return this.bytes.readUInt16LE(this.from + 32); }
  get kind() { return this.bytes[this.from + 34]; }
  get flags() { return this.bytes[this.from + 35]; }
  get asked_us() { return this.at_us - this.took_us; }

  * [Symbol.iterator]() {
    for (const i of this.order) yield this.at(i);
  }
}

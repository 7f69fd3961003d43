// Reads a history: a file of JSON lines, see README.md. An invalid line is rejected with its number, so that no line is
// silently ignored.

import { readFileSync } from 'node:fs';

const ANSWERS = ['ok', 'refused', 'unknown'];
const text = (value) => typeof value === 'string' && value !== '';
const time = (value) => Number.isSafeInteger(value);
const count = (value) => Number.isSafeInteger(value) && value >= 0;
const texts = (value) => Array.isArray(value) && value.length > 0 && value.every(text);
const maybe = (is) => (value) => value === undefined || is(value);
const flag = maybe((value) => typeof value === 'boolean');

// The fields of each operation: always, and if the response is `ok`. Retries under the same key are one operation, from
// the first call to the response.
const OPS = {
  // `ok`: all `seats` belong to this hold from one moment on, `until` then. `wants`: requested seats; `taken`: seats
  // named by a refusal; `again`: an earlier try got no response, or one that settles nothing.
  hold: { always: { wants: maybe(texts), taken: maybe(texts), again: flag }, ok: { hold: text, seats: texts, until: maybe(time) } },
  // A change adds and removes in one step. Once ordered, a hold is changed by the steps of a saga: extend, confirm,
  // giveback, refund. A confirm may take the seats of an expired hold if they are free.
  change: { always: { hold: text, add: maybe(texts), remove: maybe(texts) } },
  release: { always: { hold: text } },
  order: { always: { hold: text, order: maybe(text), amount: maybe(count) }, ok: { order: text, amount: count } },
  extend: { always: { hold: text, until: maybe(time) } },
  confirm: { always: { hold: text } },
  giveback: { always: { hold: text } },
  refund: { always: { hold: text } },
  gone: { always: { hold: text } },
  ticket: { always: { hold: text, order: maybe(text) } },
  join: { always: {}, ok: { place: maybe(count), entry: maybe(count) } },
  look: { always: {}, ok: { place: count, ahead: count, waiting: flag, stale: flag } },
  called: { always: {}, ok: { place: count } },
  enter: { always: {}, ok: { place: count } },
  leave: { always: {} },
  paid: { always: { order: text }, ok: { amount: count } },
};
// Facts of the books: true from `at` on.
const FACTS = {
  intent: { order: text, amount: count },
  captured: { order: text, amount: count },
  refunded: { order: text, amount: count },
  status: { order: text, status: text, amount: count, credited: maybe(count), seats: maybe((value) => Array.isArray(value) && value.every(text)), final: flag },
  shop: { order: text, kind: text, amount: maybe(count) },
  sold: { seat: text, order: maybe(text), hold: maybe(text) },
  ticket: { order: text, seat: text, hold: text },
  loss: {},
  end: { books: maybe((value) => Array.isArray(value) && value.every(text)) },
};

// Settings in the first line.
const SETTINGS = {
  of: maybe(text), // the writer
  saga: maybe((value) => ['seen', 'unseen'].includes(value)), // unseen: steps of sagas are not in the history
  slack_us: maybe(count), // how far the clock that ends holds may be ahead
  gone_after_us: maybe(count), // a visitor silent for this long may count as gone
  lag_us: maybe(count), // how old a front's unmarked view of the line may be
  widest: maybe(count), // states of a seat to search at most
  exact: flag, // nothing was lost, so each response says how far the line had come
  rate_milli: maybe(count), // calls in a thousand seconds; the rate is only checked if this is known
  burst: maybe(count),
};

export class NoHistory extends Error {}

function must(is, nth, what) {
  if (!is) throw new NoHistory(`line ${nth}: ${what}`);
}

function mustHave(fields, line, nth) {
  for (const [name, is] of Object.entries(fields)) must(is(line[name]), nth, `${line.op ?? line.fact ?? 'a history'} with ${name} ${JSON.stringify(line[name])}`);
}

function judgeOp(line, nth) {
  const { always, ok } = OPS[line.op];
  must(text(line.by), nth, `${line.op} by ${JSON.stringify(line.by)}`);
  must(time(line.from), nth, `${line.op} from ${JSON.stringify(line.from)}`);
  must(ANSWERS.includes(line.answer), nth, `an answer ${JSON.stringify(line.answer)}`);
  must(line.answer === 'unknown' ? line.to === undefined : time(line.to) && line.to >= line.from, nth, `${line.op} to ${JSON.stringify(line.to)}`);
  mustHave(always, line, nth);
  if (line.answer === 'ok') mustHave(ok ?? {}, line, nth);
}

// Parses a line as a JSON object, or rejects the history.
function parse(source, nth) {
  let line;
  try {
    line = JSON.parse(source);
  } catch {
    throw new NoHistory(`line ${nth}: no JSON`);
  }
  must(typeof line === 'object' && line !== null && !Array.isArray(line), nth, `no object: ${source}`);
  return line;
}

// Parses and validates a line, and adds its number.
function read(source, nth) {
  const line = parse(source, nth);
  if (line.op !== undefined) {
    must(text(line.op) && Object.hasOwn(OPS, line.op), nth, `no such operation: ${line.op}`);
    judgeOp(line, nth);
  } else {
    must(text(line.fact) && Object.hasOwn(FACTS, line.fact), nth, `no such fact: ${line.fact}`);
    must(time(line.at), nth, `${line.fact} at ${JSON.stringify(line.at)}`);
    mustHave(FACTS[line.fact], line, nth);
  }
  line.nth = nth;
  return line;
}

// -> {settings, ops, facts} of lines that are known to be valid.
export function wholeOf(first, lines) {
  const settings = { of: 'somebody', saga: 'seen', slack_us: 0, gone_after_us: 90_000_000, lag_us: 2_000_000, burst: 0, ...first };
  return { settings, ops: lines.filter(({ op }) => op !== undefined), facts: lines.filter(({ fact }) => fact !== undefined) };
}

// The same for `lines` that are texts or objects.
export function historyOf(lines) {
  const rows = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
  const first = rows.length > 0 ? parse(rows[0], 1) : {};
  must(first.history === 1, 1, 'no {"history":1,...}');
  mustHave(SETTINGS, first, 1);
  return wholeOf(first, rows.slice(1).map((line, i) => read(line, i + 2)));
}

export const readHistory = (path) => historyOf(readFileSync(path, 'utf8').trimEnd().split('\n'));

// history.js: the records as a history (tests/history/README.md): one line for each thing that a visitor asked, from the first
// try under its key to the answer that came, or to none. What is one operation there is several records here, with
// others' in between, so each visitor's is kept until it is whole.
//
// Names of seats, holds and orders are hashes, as in the records. What sagas do is not in them.

import { END, FLAG, GONE, KIND, MANNER, SENT, TRICK } from './records.js';

// An answer of a front shows the line as it was up to a second before: then the front says that its picture is stale. Twice
// that, for a front that its machine did not let run and that does not know yet how old its picture is.
export const LAG_US = 2_000_000;
const NO_ID = '0'.repeat(16);
const filled = (name, ids) => (ids.length > 0 ? { [name]: ids } : {});

/** Lines of the history: its settings, then the operations. */
export function* historyOf(records, { gone_after_ms: goneAfterMs, rate_milli, burst }) {
  yield { history: 1, of: 'a crowd', saga: 'unseen', lag_us: LAG_US, gone_after_us: goneAfterMs * 1000, exact: true, ...(rate_milli === undefined ? {} : { rate_milli, burst }) };
  const askers = Array.from({ length: records.visitors }, (_, number) => ({ by: `visitor-${number}`, wants: [], taken: [], seats: [], hold: NO_ID, order: NO_ID, held_at: 0, manner: 0 }));
  for (const record of records) {
    const who = askers[record.visitor];
    for (const { op, from, answer = 'ok', to = record.at_us, ...more } of ON_RECORD[record.kind]?.(record, who) ?? [])
      yield { op, by: who.by, from, ...more, answer, ...(to > 0 ? { to } : {}) };
  }
}

// What never came.
function* lose(record, who, only = ['hold', 'order', 'release']) {
  for (const op of only) {
    const from = who[`${op}_from`];
    who[`${op}_from`] = undefined;
    if (from !== undefined) yield { op, from, ...(op === 'hold' ? filled('wants', who.wants) : { hold: who.hold }), answer: 'unknown', to: 0 };
  }
}

// What is under way ends with this; a hold that nobody knows the beginning of has none.
function* finish(op, who, more) {
  const from = who[`${op}_from`] ?? 0;
  who[`${op}_from`] = undefined;
  yield { op, from, ...more };
}

function* onSent(record, who) {
  if (record.value === SENT.ORDER) who.order_from = record.at_us;
  else if (record.value === SENT.DROP) who.release_from = record.at_us;
  else if (record.value === SENT.HOLD) {
    yield* lose(record, who, ['hold']);
    Object.assign(who, { hold_from: record.at_us, wants: [], taken: [], again: false });
  }
}

const again = (who) => (who.again ? { again: true } : {});
const SEATS_MAX = 8;

const add = (list) => function* addId(record, who) {
  if (who[list].length < SEATS_MAX) who[list].push(record.value_id);
};

// The seats of a hold and its end follow.
function* onHold(record, who) {
  Object.assign(who, { held_at: record.at_us, seats: [] });
  who.hold_from ??= record.asked_us;
}

function* onUntil(record, who) {
  who.hold = record.more_id;
  const until = record.value > 0 ? { until: record.value } : {};
  yield* finish('hold', who, { ...again(who), ...filled('wants', who.wants), ...filled('seats', who.seats), hold: who.hold, ...until, to: who.held_at });
}

// A refusal that is not for the moment only: it ends what was asked. Without an answer, or after one that settles nothing, the next
// try may want other seats.
function* onOther(record, who) {
  const holds = record.kind === KIND.OTHER || record.value === TRICK.HOARD;
  if (!holds || who.hold_from === undefined || record.status === 429) return;
  if (record.status < 400 || record.status >= 500) who.again = true;
  else yield* finish('hold', who, { ...again(who), ...filled('wants', who.wants), ...filled('taken', who.taken), answer: 'refused' });
}

function* onOrder(record, who) {
  if (who.order_from === undefined) return; // the same answer again
  who.order = record.more_id;
  yield* finish('order', who, { hold: who.hold, order: who.order, amount: record.value });
}

// The answer to giving seats back, if that is what was asked. One that finds nothing on a later try leaves open whether it was
// the first that did it.
function* onStep(record, who) {
  if (who.release_from !== undefined && record.status < 300) yield* finish('release', who, { hold: who.hold });
}

function* onGone(record, who) {
  if (record.value === GONE.HOLD) yield { op: 'gone', from: record.asked_us, hold: who.hold };
}

// With or without money: seats that are sold for good.
function* onTicket(record, who) {
  yield { op: 'ticket', from: record.asked_us, hold: who.hold, order: record.more_id };
}

function* onSold(record, who) {
  yield* lose(record, who); // a saga whose order was never answered
  yield { op: 'ticket', from: record.asked_us, hold: who.hold };
}

function* onPaid(record, who) {
  yield { op: 'paid', from: record.asked_us, order: who.order, amount: record.value };
}

const place = (op, number) => function* onPlace(record) {
  const seen = record.kind === KIND.WAIT
    ? { ahead: record.more, waiting: (record.flags & FLAG.WAITING) !== 0, stale: (record.flags & FLAG.STALE) !== 0 } : {};
  if (record.value !== 0) yield { op, from: record.asked_us, [number]: record.value, ...seen };
};

function* onWho(record, who) {
  who.manner = record.value;
}

function* onEnd(record, who) {
  yield* lose(record, who);
  if (record.value === END.LEFT || (who.manner >> MANNER.LEAVER) & 1) yield { op: 'leave', from: record.at_us, answer: 'unknown', to: 0 };
}

// Records of other kinds say nothing about seats, orders or places.
const ON_RECORD = {
  [KIND.ENTRY]: place('join', 'entry'), [KIND.JOIN]: place('join', 'place'), [KIND.WAIT]: place('look', 'place'), [KIND.CALLED]: place('called', 'place'), [KIND.PASS]: place('enter', 'place'),
  [KIND.SENT]: onSent, [KIND.WANT]: add('wants'), [KIND.TAKEN]: add('taken'), [KIND.SEAT]: add('seats'),
  [KIND.HOLD]: onHold, [KIND.UNTIL]: onUntil, [KIND.OTHER]: onOther, [KIND.TRICK]: onOther, [KIND.ORDER]: onOrder, [KIND.STEP]: onStep,
  [KIND.GONE]: onGone, [KIND.PAID]: onPaid, [KIND.TICKET]: onTicket, [KIND.SOLD]: onSold, [KIND.WHO]: onWho, [KIND.END]: onEnd,
};

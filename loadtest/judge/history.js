// history.js: converts the records to a history (tests/history/README.md): one line per operation of a visitor, from the
// first try under its key to the answer, if one came. An operation there is several records here, interleaved with those
// of other visitors, so each visitor's records are collected until the operation is complete.
//
// Names of seats, holds and orders are hashes, as in the records. Steps of sagas are not recorded.

import { END, FLAG, GONE, KIND, MANNER, SENT, TRICK } from './records.js';

// A front's answer shows the line at most one second late; after that the front marks its picture as stale. Twice that, for
// a front that got no CPU time and has not noticed yet how old its picture is.
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

// Yields the pending operations as unanswered.
function* lose(record, who, only = ['hold', 'order', 'release']) {
  for (const op of only) {
    const from = who[`${op}_from`];
    who[`${op}_from`] = undefined;
    if (from !== undefined) yield { op, from, ...(op === 'hold' ? filled('wants', who.wants) : { hold: who.hold }), answer: 'unknown', to: 0 };
  }
}

// Completes the pending operation; `from` is 0 if its start was not recorded.
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

// The records of the hold's seats and its expiry follow.
function* onHold(record, who) {
  Object.assign(who, { held_at: record.at_us, seats: [] });
  who.hold_from ??= record.asked_us;
}

function* onUntil(record, who) {
  who.hold = record.more_id;
  const until = record.value > 0 ? { until: record.value } : {};
  yield* finish('hold', who, { ...again(who), ...filled('wants', who.wants), ...filled('seats', who.seats), hold: who.hold, ...until, to: who.held_at });
}

// A final refusal (4xx except 429) completes the hold. After no answer, or one that decides nothing, the next try may ask for
// other seats.
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

// Completes a pending release, if there is one. A retry that finds nothing to release does not: the first try may have
// released the seats.
function* onStep(record, who) {
  if (who.release_from !== undefined && record.status < 300) yield* finish('release', who, { hold: who.hold });
}

function* onGone(record, who) {
  if (record.value === GONE.HOLD) yield { op: 'gone', from: record.asked_us, hold: who.hold };
}

// Seats that are sold for good, paid or free of charge.
function* onTicket(record, who) {
  yield { op: 'ticket', from: record.asked_us, hold: who.hold, order: record.more_id };
}

function* onSold(record, who) {
  yield* lose(record, who); // an order request that was never answered
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

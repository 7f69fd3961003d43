// Checks seats: each is a register that is free, held or sold, and all responses about it must be linearizable
// (search.js). Linearizability is local, so registers are checked one by one. But a call for several seats takes effect
// for all of them at once, so the seats of each such call are also checked together. Calls whose seats overlap in a
// ring (a and b, b and c, c and a) are not checked as a ring.

import { contradiction } from './search.js';

const BUNDLE_MAX = 24; // seats are bits
const JUDGED = new Set(['change', 'release', 'extend', 'confirm', 'giveback', 'refund', 'gone', 'ticket']);
const NEVER = Infinity;
const unseenMoment = { release: 'release', giveback: 'giveback', confirm: 'confirm', refund: 'refund' };

// ---- holds ----

class Hold {
  constructor(op) {
    this.id = op.hold;
    this.ops = [op];
    this.seats = new Set(op.seats);
    this.from = { release: NEVER, giveback: NEVER, confirm: NEVER, refund: NEVER, saga: NEVER };
  }

  add(op, saga) {
    for (const seat of op.add ?? []) this.seats.add(seat);
    const moment = op.op === 'order' ? 'saga' : unseenMoment[op.op];
    const mayBeUnseen = op.answer === 'unknown' || (op.op === 'order' && saga === 'unseen');
    if (mayBeUnseen && moment !== undefined) this.from[moment] = Math.min(this.from[moment], op.from);
    if (op.answer === 'ok' && JUDGED.has(op.op)) this.ops.push(op);
  }
}

// -> {holds: Map, found, judged}
function gather({ ops, settings }) {
  const holds = new Map();
  const found = [];
  let judged = 0;
  for (const op of ops) {
    if (op.op !== 'hold' || op.answer !== 'ok') continue;
    const other = holds.get(op.hold);
    if (other === undefined) holds.set(op.hold, new Hold(op));
    else if (other.ops[0].by !== op.by) found.push({ invariant: 'I1', kind: 'two-owners', what: `hold ${op.hold} was given to both`, ops: [other.ops[0], op] });
    judged += 1;
  }
  for (const op of ops) {
    if (op.op === 'hold' || !holds.has(op.hold)) continue;
    holds.get(op.hold).add(op, settings.saga);
    judged += 1;
  }
  return { holds, found, judged };
}

// A change without a response may have happened or not: its seats are left out from then on (not that of its hold's
// order).
function unsure(ops) {
  const seats = new Set();
  for (const op of ops) if (op.op === 'change' && op.answer === 'unknown') for (const seat of [...(op.add ?? []), ...(op.remove ?? [])]) seats.add(`${op.hold} ${seat}`);
  return seats;
}

// Seats that the books list as sold, or that have a ticket, count like responses.
function addSold(holds, facts, ops) {
  const byOrder = new Map();
  for (const op of ops) if (op.op === 'order' && op.order !== undefined) byOrder.set(op.order, op.hold);
  for (const fact of facts) {
    if (fact.fact !== 'sold' && fact.fact !== 'ticket') continue;
    const hold = holds.get(fact.hold) ?? holds.get(byOrder.get(fact.order));
    hold?.seats.add(fact.seat);
    hold?.ops.push({ ...fact, op: 'sold', by: 'books', from: fact.at, to: fact.at, answer: 'ok' });
  }
}

// ---- one bundle of seats ----

const bits = (seats, of) => (seats ?? []).reduce((sum, seat) => sum | (of.has(seat) ? 1 << of.get(seat) : 0), 0);

// The operations of these holds on these seats, as numbers.
function projected(bundle, holds) {
  const of = new Map(bundle.map((seat, i) => [seat, i]));
  const ops = [];
  holds.forEach((hold, h) => {
    for (const op of hold.ops) {
      if (op.op === 'sold' && !of.has(op.seat)) continue;
      ops.push({ op: op.op, h, from: op.from, to: op.to, until: op.until ?? (op.op === 'hold' ? NEVER : undefined),
        seats: bits(op.op === 'sold' ? [op.seat] : op.seats, of), add: bits(op.add, of), remove: bits(op.remove, of), line: op });
    }
  });
  return ops;
}

const judgeBundle = (bundle, holds, limits) => contradiction(projected(bundle, holds), holds, limits);

// Constraints that may be dropped from a contradiction: without them more is possible, so those left are needed.
const LOOSE = new Set(['gone', 'ticket', 'extend', 'sold']);

function without(hold, op) {
  return { ...hold, ops: hold.ops.filter((one) => one !== op) };
}

// The smallest contradiction: drops whole holds as long as it remains, then single responses.
function smallest(bundle, holds, limits, contradicts) {
  let left = holds;
  const still = (fewer) => {
    const result = judgeBundle(bundle, fewer, limits);
    return result !== null && result.op !== undefined;
  };
  const { to } = contradicts.op.line;
  const cut = left.map((hold) => ({ ...hold, ops: hold.ops.filter((op) => op.to <= to || op.op === 'hold') }));
  if (still(cut)) left = cut;
  for (let i = left.length - 1; i >= 0; i -= 1) {
    const fewer = left.filter((_, n) => n !== i);
    if (still(fewer)) left = fewer;
  }
  for (let i = 0; i < left.length; i += 1) {
    for (const op of left[i].ops.filter((one) => LOOSE.has(one.op))) {
      const fewer = left.map((hold, n) => (n === i ? without(hold, op) : hold));
      if (still(fewer)) left = fewer;
    }
  }
  return { holds: left, ...judgeBundle(bundle, left, limits) };
}

const KINDS = {
  hold: ['I1', 'two-owners'], change: ['I1', 'two-owners'], confirm: ['I1', 'two-owners'],
  extend: ['I3', 'gone-early'], release: ['I3', 'gone-early'], gone: ['I3', 'gone-early'],
  ticket: ['I3', 'ticket-without-seat'], sold: ['I3', 'sold-and-lost'], giveback: ['I3', 'given-back-sold'],
};

function tell(bundle, { holds, op }) {
  const [invariant, kind] = holds.length > 1 && op.op !== 'gone' ? KINDS.hold : KINDS[op.op];
  const ops = holds.flatMap((hold) => hold.ops).sort((a, b) => a.from - b.from);
  const lost = holds.flatMap(({ id, from }) => Object.entries(from).filter(([, at]) => at < NEVER).map(([what, at]) => ({ op: what, by: 'unanswered', hold: id, from: at, answer: 'unknown' })));
  const atOnce = bundle.length > 1;
  const about = atOnce ? `seats ${bundle.join(', ')}: no one order does for all of them` : `seat ${bundle[0]}: there is no order in which all of this can have been answered`;
  return { invariant, kind: atOnce ? 'not-at-once' : kind, what: about, ops: [...ops, ...lost.sort((a, b) => a.from - b.from)] };
}

// ---- which bundles ----

function bySeat(holds) {
  const of = new Map();
  for (const hold of holds.values()) {
    for (const seat of hold.seats) {
      if (!of.has(seat)) of.set(seat, []);
      of.get(seat).push(hold);
    }
  }
  return of;
}

// Sets of seats that some call took together and of which another call has at least two.
function together(holds, of) {
  const sets = new Map();
  for (const hold of holds.values()) {
    const seats = [...hold.seats].sort();
    if (seats.length < 2 || seats.length > BUNDLE_MAX) continue;
    const shared = new Map();
    for (const seat of seats) for (const other of of.get(seat)) shared.set(other, (shared.get(other) ?? 0) + 1);
    shared.delete(hold);
    if ([...shared.values()].some((n) => n > 1)) sets.set(seats.join('\n'), seats);
  }
  return [...sets.values()];
}

// ---- refusals ----

// The widest interval in which a hold may have had each seat.
function claims(history, holds) {
  const of = new Map();
  const wild = [];
  for (const op of history.ops) {
    if (op.op !== 'hold' && op.op !== 'change') continue;
    const seats = op.op === 'change' ? op.add : op.seats ?? op.wants;
    const ended = op.answer === 'ok' && op.op === 'hold' ? endOf(holds.get(op.hold)) : NEVER;
    const claim = { op, from: op.from, to: op.answer === 'refused' ? op.to : ended };
    // The requested seats are unknown, at all or at an earlier try.
    if (op.op === 'hold' && op.wants === undefined && (seats === undefined || op.again)) wild.push({ ...claim, to: op.to ?? NEVER });
    if (seats === undefined) continue;
    for (const seat of seats) {
      if (!of.has(seat)) of.set(seat, []);
      of.get(seat).push(claim);
    }
  }
  return { of, wild };
}

// The latest possible end of a hold.
function endOf(hold) {
  const last = hold.ops.filter(({ op }) => ['release', 'giveback', 'refund'].includes(op)).map(({ to }) => to);
  const retaken = hold.ops.some(({ op }) => op === 'confirm') || hold.from.confirm < NEVER || hold.from.saga < NEVER;
  const back = hold.ops.some(({ op }) => op === 'giveback' || op === 'refund');
  return last.length === 0 || (retaken && !back) ? NEVER : Math.max(...last);
}

// A refusal for taken seats needs another caller who had or requested them.
function refusals(history, holds, found) {
  const { of, wild } = claims(history, holds);
  let judged = 0;
  for (const op of history.ops) {
    if (op.op !== 'hold' || op.answer !== 'refused' || op.taken === undefined) continue;
    judged += 1;
    const met = ({ op: other, from, to }) => other !== op && from <= op.to && to >= op.from;
    if (op.taken.some((seat) => (of.get(seat) ?? []).some(met)) || wild.some(met)) continue;
    const near = op.taken.flatMap((seat) => of.get(seat) ?? []).map(({ op: other }) => other).filter((other) => other !== op && other.to <= op.from);
    const last = near.sort((a, b) => b.to - a.to).slice(0, 1);
    found.push({ invariant: 'I4', kind: 'refused-for-nobody', what: `seat ${op.taken[0]} is said to be taken, and nobody can have had it`, ops: [...last, op] });
  }
  return judged;
}

// -> {judged, bundles, wide: [text], found: [{invariant, kind, what, ops}]}
export function judgeSeats(history) {
  const limits = { slackUs: history.settings.slack_us, widest: history.settings.widest ?? 5000 };
  const { holds, found, judged } = gather(history);
  addSold(holds, history.facts, history.ops);
  const of = bySeat(holds);
  const spoilt = unsure(history.ops);
  const bad = new Set();
  const wide = [];
  let bundles = 0;
  const look = (bundle) => {
    const here = [...new Set(bundle.flatMap((seat) => of.get(seat)))];
    if (here.some(({ id }) => bundle.some((seat) => spoilt.has(`${id} ${seat}`)))) return;
    bundles += 1;
    const result = judgeBundle(bundle, here, limits);
    if (result?.wide) wide.push(`seats ${bundle.join(', ')}: ${here.length} holds`);
    if (result?.op === undefined) return;
    for (const seat of bundle) bad.add(seat);
    found.push(tell(bundle, smallest(bundle, here, limits, result)));
  };
  for (const seat of of.keys()) look([seat]);
  for (const bundle of together(holds, of)) if (!bundle.some((seat) => bad.has(seat))) look(bundle);
  const refused = refusals(history, holds, found);
  return { judged: judged + refused, bundles, wide, found };
}

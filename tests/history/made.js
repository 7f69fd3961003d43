// Generated histories: legal ones, made by a model with one clock, and lies planted in them. Each response in a legal
// history was true at some moment, and is recorded with an interval around that.

const S = 1_000_000;
const TTL = 20 * S;

const around = (rng, at, wide = S) => ({ from: at - rng.below(wide), to: at + rng.below(wide) });
const unknown = ({ from }) => ({ from, answer: 'unknown' });

// ---- seats ----

class Hall {
  lines = [];
  at = 100 * S;
  holds = [];
  next = 0;

  constructor(rng, seats) {
    this.rng = rng;
    this.owner = new Map(Array.from({ length: seats }, (_, i) => [`s${i}`, null]));
  }

  #free() {
    return [...this.owner].filter(([, hold]) => hold === null).map(([seat]) => seat);
  }

  #end(hold, how) {
    for (const [seat, owner] of this.owner) if (owner === hold) this.owner.set(seat, null);
    hold.how = how;
  }

  #tell(op, by, fields, { lost = 0.1 } = {}) {
    const when = around(this.rng, this.at);
    const silent = this.rng.chance(lost);
    this.lines.push({ op, by, ...(silent ? unknown(when) : { ...when, answer: 'ok' }), ...fields });
    return !silent;
  }

  // A call that was lost before it took effect.
  #lost(op, hold) {
    this.lines.push({ op, by: hold.by, ...unknown(around(this.rng, this.at)), hold: hold.id });
  }

  hold() {
    const free = this.rng.shuffle(this.#free());
    const seats = free.slice(0, 1 + this.rng.below(4)).sort();
    if (seats.length === 0) return;
    this.next += 1;
    const hold = { id: `h${this.next}`, by: `v${this.next}`, seats, until: this.at + TTL, how: 'held' };
    for (const seat of seats) this.owner.set(seat, hold);
    const when = around(this.rng, this.at);
    if (this.rng.chance(0.15)) {
      this.lines.push({ op: 'hold', by: hold.by, ...unknown(when), wants: seats });
      hold.nobodys = true;
    } else {
      this.lines.push({ op: 'hold', by: hold.by, ...when, answer: 'ok', hold: hold.id, seats, until: hold.until });
    }
    this.holds.push(hold);
  }

  refused() {
    const taken = [...this.owner].filter(([, hold]) => hold !== null);
    if (taken.length === 0) return;
    const [seat] = this.rng.pick(taken);
    this.next += 1;
    this.lines.push({ op: 'hold', by: `v${this.next}`, ...around(this.rng, this.at), answer: 'refused', wants: [seat], taken: [seat] });
  }

  act() {
    const hold = this.rng.pick(this.holds);
    if (hold === undefined) return;
    if (hold.how === 'held' && hold.until <= this.at && this.rng.chance(0.7)) this.#end(hold, 'gone');
    else if (!hold.nobodys) this.#step(hold);
  }

  #step(hold) {
    if (this.rng.chance(0.1)) {
      this.#lost(this.rng.pick(['release', 'extend', 'confirm', 'giveback', 'refund']), hold);
    } else if (hold.how === 'held') {
      this.#ofHeld(hold, this.rng.below(5));
    } else if (hold.how === 'sold') {
      if (this.rng.chance(0.5)) this.#tell('ticket', hold.by, { hold: hold.id }, { lost: 0 });
      else if (this.rng.chance(0.5)) this.#tell('confirm', 'saga', { hold: hold.id });
      else { this.#tell('refund', 'saga', { hold: hold.id }); this.#end(hold, 'ended'); }
    } else {
      this.#tell('gone', hold.by, { hold: hold.id }, { lost: 0 });
    }
  }

  #ofHeld(hold, what) {
    if (what === 0) { this.#tell('release', hold.by, { hold: hold.id }); this.#end(hold, 'gone'); }
    if (what === 1) { hold.until = this.at + 2 * TTL; this.#tell('extend', 'saga', { hold: hold.id, until: hold.until }); }
    if (what === 2 || what === 3) { this.#tell('confirm', 'saga', { hold: hold.id }); hold.how = 'sold'; }
    if (what === 4) { this.#tell('giveback', 'saga', { hold: hold.id }); this.#end(hold, 'ended'); }
  }
}

// Seats and their states, from the callers' view.
export function legalSeats(rng, { seats = 6, steps = 60 } = {}) {
  const hall = new Hall(rng, seats);
  for (let i = 0; i < steps; i += 1) {
    hall.at += rng.below(6 * S);
    const dice = rng.below(10);
    if (dice < 4) hall.hold();
    else if (dice < 5) hall.refused();
    else hall.act();
  }
  return [{ history: 1, of: 'made up' }, ...rng.shuffle(hall.lines)];
}

// The interval in which a hold certainly existed: before any request to end it, and before it expires.
function surely(lines, hold) {
  const others = lines.filter((line) => line.hold === hold.hold && line !== hold);
  if (others.some(({ op }) => op === 'change')) return null;
  const to = Math.min(hold.until, ...others.filter(({ op }) => ['release', 'giveback', 'refund'].includes(op)).map(({ from }) => from));
  return to - hold.to > 10 ? { from: hold.to + 1, to: to - 1 } : null;
}

// Lies about seats: each takes a legal history and returns an impossible one, or null.
export const seatLies = {
  'I1 two-owners': (rng, lines) => {
    const holds = lines.filter(({ op, answer }) => op === 'hold' && answer === 'ok').map((hold) => [hold, surely(lines, hold)]).filter(([, sure]) => sure !== null);
    if (holds.length === 0) return null;
    const [hold, sure] = rng.pick(holds);
    const at = sure.from + rng.below(sure.to - sure.from - 2);
    return [...lines, { op: 'hold', by: 'liar', from: at, to: at + 2, answer: 'ok', hold: 'lie', seats: [rng.pick(hold.seats)], until: at + TTL }];
  },
  'I3 gone-early': (rng, lines) => {
    const holds = lines.filter(({ op, answer }) => op === 'hold' && answer === 'ok').map((hold) => [hold, surely(lines, hold)]).filter(([, sure]) => sure !== null);
    if (holds.length === 0) return null;
    const [hold, sure] = rng.pick(holds);
    return [...lines, { op: 'gone', by: hold.by, ...sure, answer: 'ok', hold: hold.hold }];
  },
  'I3 ticket-without-seat': (rng, lines) => {
    const unsold = lines.filter(({ op, answer, hold }) => op === 'hold' && answer === 'ok' && !lines.some((line) => line.hold === hold && line.op === 'confirm'));
    if (unsold.length === 0) return null;
    const hold = rng.pick(unsold);
    return [...lines, { op: 'ticket', by: hold.by, from: hold.to + S, to: hold.to + 2 * S, answer: 'ok', hold: hold.hold }];
  },
  'I4 refused-for-nobody': (rng, lines) => {
    const at = (100 + rng.below(50)) * S;
    return [...lines, { op: 'hold', by: 'liar', from: at, to: at + S, answer: 'refused', wants: ['fresh'], taken: ['fresh'] }];
  },
};

// ---- the line ----

export function legalLine(rng, { visitors = 40 } = {}) {
  const lines = [];
  const drawn = rng.chance(0.5) ? rng.below(visitors / 2) : 0;
  const lag = 2 * S;
  let at = 100 * S;
  const people = [];
  for (let n = 0; n < drawn; n += 1) {
    at += rng.below(S / 10);
    lines.push({ op: 'join', by: `v${n}`, ...around(rng, at, S / 4), answer: 'ok', entry: n + 1 });
    people.push({ by: `v${n}` });
  }
  at += 10 * S;
  const places = rng.shuffle(Array.from({ length: drawn }, (_, i) => i + 1));
  people.forEach((one, i) => { one.place = places[i]; lines.push({ op: 'join', by: one.by, ...around(rng, at, S / 4), answer: 'ok', place: one.place }); });
  for (let n = drawn; n < visitors; n += 1) {
    at += rng.below(S / 10);
    people.push({ by: `v${n}`, place: n + 1 });
    lines.push({ op: 'join', by: `v${n}`, ...around(rng, at, S / 4), answer: 'ok', place: n + 1 });
    if (rng.chance(0.2)) lines.push({ op: 'join', by: `v${n}`, from: at + S, to: at + 2 * S, answer: 'ok', place: n + 1 });
  }
  for (let serving = 0; serving <= visitors; serving += 1 + rng.below(3)) {
    at += rng.below(4 * S);
    for (const one of people) {
      // A front may show data as old as the lag; here it is at most that old.
      const seen = Math.max(0, one.place - 1 - Math.max(0, serving - 1));
      if (one.inside) continue;
      if (one.place <= serving) { one.inside = true; lines.push({ op: 'enter', by: one.by, ...around(rng, at + 2 * S, S / 4), answer: 'ok', place: one.place }); }
      else if (rng.chance(0.5)) lines.push({ op: 'look', by: one.by, from: at + rng.below(S), to: at + S + rng.below(lag / 2), answer: 'ok', place: one.place, ahead: seen, waiting: true });
    }
    at += 4 * S;
  }
  return [{ history: 1, of: 'made up', gone_after_us: 10_000 * S }, ...rng.shuffle(lines)];
}

const answered = (lines, which) => lines.filter(({ op, answer }) => op === which && answer === 'ok');

export const lineLies = {
  'I6 two-places': (rng, lines) => {
    const join = rng.pick(answered(lines, 'join').filter(({ place }) => place !== undefined));
    return [...lines, { ...join, by: 'liar' }];
  },
  'I6 order-of-joins': (rng, lines) => {
    const first = answered(lines, 'join').filter(({ place }) => place !== undefined).sort((a, b) => a.to - b.to)[0];
    const lower = { ...first, by: 'liar', place: 0, from: first.to + S, to: first.to + 2 * S };
    return [...lines, lower];
  },
  'I6 jump': (rng, lines) => {
    const look = rng.pick(answered(lines, 'look'));
    if (look === undefined) return null;
    const at = look.from - 3 * S;
    return [...lines, { op: 'enter', by: 'liar', from: at - S, to: at, answer: 'ok', place: look.place + 1000 }];
  },
  'I6 ahead-rose': (rng, lines) => {
    const look = rng.pick(answered(lines, 'look'));
    if (look === undefined) return null;
    return [...lines, { ...look, from: look.to + 3 * S, to: look.to + 4 * S, ahead: look.ahead + 1000 }];
  },
};

// ---- money ----

export function legalMoney(rng, { orders = 12 } = {}) {
  const lines = [];
  for (let n = 0; n < orders; n += 1) {
    const order = `o${n}`;
    const amount = 1000 * (1 + rng.below(4));
    let at = (100 + rng.below(50)) * S;
    const fact = (name, fields) => lines.push({ fact: name, at: (at += rng.below(S)), order, ...fields });
    fact('intent', { amount });
    const fate = rng.pick(['completed', 'cancelled', 'refunded', 'failed']);
    const takes = fate === 'completed' || fate === 'refunded';
    if (takes) {
      fact('captured', { amount });
      fact('shop', { kind: 'completed', amount });
      lines.push({ op: 'paid', by: `v${n}`, from: at, to: at + S, answer: 'ok', order, amount });
      lines.push({ op: 'ticket', by: `v${n}`, from: at, to: at + S, answer: 'ok', order, hold: `h${n}` });
    }
    if (takes) fact('ticket', { seat: `s${n}`, hold: `h${n}` });
    if (fate === 'completed') fact('sold', { seat: `s${n}` });
    if (fate === 'refunded') { fact('refunded', { amount }); fact('shop', { kind: 'refunded', amount }); }
    fact('status', { status: fate, amount });
  }
  lines.push({ fact: 'end', at: 1000 * S, books: ['provider', 'orders', 'seats', 'shop', 'tickets'] });
  return [{ history: 1, of: 'made up' }, ...rng.shuffle(lines)];
}

const pickFact = (rng, lines, name, when = () => true) => rng.pick(lines.filter((line) => line.fact === name && when(line)));
const ofOrder = (lines, order, name) => lines.find((line) => line.order === order && line.fact === name);

export const moneyLies = {
  'I2 over-captured': (rng, lines) => {
    const one = pickFact(rng, lines, 'captured');
    return one && [...lines, { ...one, at: one.at + S }];
  },
  'I2 over-refunded': (rng, lines) => {
    const one = pickFact(rng, lines, 'refunded');
    const captured = one && ofOrder(lines, one.order, 'captured');
    return one && lines.map((line) => (line === captured ? { ...line, at: one.at + 1 } : line));
  },
  'I2 sum': (rng, lines) => {
    const one = pickFact(rng, lines, 'captured', ({ order }) => ofOrder(lines, order, 'status').status === 'completed');
    return one && lines.filter((line) => line !== one);
  },
  'I2 seats': (rng, lines) => {
    const one = pickFact(rng, lines, 'sold');
    return one && lines.filter((line) => line !== one);
  },
  'I1 two-owners': (rng, lines) => {
    const one = pickFact(rng, lines, 'sold');
    const other = one && pickFact(rng, lines, 'sold', (line) => line !== one);
    return other && [...lines, { ...one, order: other.order }];
  },
  'I1 tickets': (rng, lines) => {
    const one = pickFact(rng, lines, 'ticket', ({ order }) => ofOrder(lines, order, 'status').status === 'completed');
    return one && rng.pick([[...lines, { ...one }], lines.filter((line) => line !== one), lines.map((line) => (line === one ? { ...one, seat: 'another' } : line))]);
  },
  'I3 told': (rng, lines) => {
    const one = pickFact(rng, lines, 'status', ({ status }) => status === 'failed');
    return one && [...lines, { op: 'paid', by: 'v', from: 1, to: 2, answer: 'ok', order: one.order, amount: one.amount }, { op: 'ticket', by: 'v', from: 1, to: 2, answer: 'ok', order: one.order, hold: 'h' }];
  },
  'I4 open': (rng, lines) => {
    const one = pickFact(rng, lines, 'status');
    return lines.map((line) => (line === one ? { ...line, status: 'confirming' } : line));
  },
  'I7 shop': (rng, lines) => {
    const one = pickFact(rng, lines, 'shop', ({ kind }) => kind === 'completed');
    return one && (rng.chance(0.5) ? [...lines, { ...one, at: one.at + 1 }] : lines.filter((line) => line !== one));
  },
};

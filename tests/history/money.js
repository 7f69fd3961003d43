// Checks money per order (I2, I7): the facts of the provider's, the adapter's and the shop's books in order of time, and
// what buyers saw.
//
//   over-captured    more was captured than the order costs
//   over-refunded    at some moment, more was refunded than captured
//   sum              at the end, captured less refunded is the amount less partial refunds if the order is completed,
//                    otherwise 0
//   seats            at the end, a completed order has its seats, and sold seats belong to a completed order
//   two-owners       at the end, a seat is sold to one order (I1)
//   tickets          at the end, a completed order has a ticket for each seat (I1)
//   shop             at the end, the shop has each completed order once, and nothing else (I7)
//   told             a buyer with tickets paid the price (I2), and the books have the order as completed or refunded (I3)
//   open             at the end, no order is in progress (I4): calls without a response were retried
//
// The fact `end` names the books that were closed; rules "at the end" apply only to these. `valid` among them means that
// the tickets listed are all valid ones, so orders that are not completed must have none.

const finding = (invariant, kind, what, ops) => ({ invariant, kind, what, ops });
const KEEPS = new Set(['completed']);
const OPEN = new Set(['pending_payment', 'confirming', 'refunding', 'parked']);
const seatsOf = (facts) => facts.map(({ seat }) => seat).sort().join(' ');
const sum = (facts) => facts.reduce((total, { amount }) => total + (amount ?? 0), 0);

class Account {
  intent = null;
  captured = [];
  refunded = [];
  status = null;
  shop = [];
  seats = [];
  tickets = [];
  issued = [];
  paid = [];

  constructor(order) {
    this.order = order;
  }

  *add(fact) {
    if (fact.fact === 'intent') this.intent ??= fact;
    else if (fact.fact === 'status') this.status = fact;
    else if (fact.fact === 'sold') this.seats.push(fact);
    else if (fact.fact === 'ticket') this.issued.push(fact);
    else this[fact.fact].push(fact);
    if (fact.fact === 'captured') yield* this.#captured();
    if (fact.fact === 'refunded') yield* this.#refunded();
  }

  *#captured() {
    if (this.intent !== null && sum(this.captured) > this.intent.amount)
      yield finding('I2', 'over-captured', `${sum(this.captured)} were taken for ${this.order}, which costs ${this.intent.amount}`, [this.intent, ...this.captured]);
  }

  *#refunded() {
    if (sum(this.refunded) > sum(this.captured))
      yield finding('I2', 'over-refunded', `${sum(this.refunded)} were given back of ${this.order}, and ${sum(this.captured)} taken`, [...this.captured, ...this.refunded]);
  }

  get kept() {
    return sum(this.captured) - sum(this.refunded);
  }

  get moved() {
    return [...this.captured, ...this.refunded];
  }

  *end(books) {
    const status = this.status?.status;
    const amount = this.status?.amount ?? this.intent?.amount ?? 0;
    if (books.has('orders') && OPEN.has(status)) {
      yield finding('I4', 'open', `${this.order} is ${status} at the end`, [this.status]);
      return;
    }
    const keeps = KEEPS.has(status);
    if (books.has('orders') && books.has('provider') && this.kept !== (keeps ? amount - (this.status.credited ?? 0) : 0))
      yield finding('I2', 'sum', `${this.order} is ${status ?? 'not in the books'}, and ${this.kept} of ${amount} is kept`, [...this.moved, ...this.#last()]);
    if (books.has('orders') && books.has('seats') && (keeps !== this.seats.length > 0 || this.#hasOthers(keeps)))
      yield finding('I2', 'seats', `${this.order} is ${status ?? 'not in the books'} and has ${this.seats.length} seats`, [...this.seats, ...this.#last()]);
    if (books.has('tickets') && (keeps || books.has('valid')) && seatsOf(this.issued) !== seatsOf(keeps ? this.seats : []))
      yield finding('I1', 'tickets', `${this.order} has ${this.seats.length} seats, and ${this.issued.length} tickets were written for it`, [...this.issued, ...this.seats]);
    if (books.has('orders') && books.has('shop')) yield* this.#endOfShop(keeps, amount);
    if (books.has('orders')) yield* this.#endOfNamed(keeps);
  }

  // Whether the sold seats differ from those that the order names. Partially refunded orders are not compared.
  #hasOthers(keeps) {
    const { seats, credited } = this.status ?? {};
    return keeps && seats !== undefined && !credited && seatsOf(this.seats) !== [...seats].sort().join(' ');
  }

  #last() {
    return this.status === null ? [] : [this.status];
  }

  *#endOfShop(keeps, amount) {
    const has = this.shop.filter(({ kind }) => kind === 'completed');
    const back = this.shop.filter(({ kind }) => kind === 'refunded');
    const right = keeps ? has.length === 1 && back.length === 0 : has.length === back.length && has.length <= 1;
    const odd = has.some((fact) => fact.amount !== undefined && fact.amount !== amount);
    if (!right || odd)
      yield finding('I7', 'shop', `${this.order} is ${this.status?.status ?? 'not in the books'}, and the shop has it ${has.length} times, ${back.length} taken back`, [...this.shop, ...this.#last()]);
  }

  *#endOfNamed(keeps) {
    const status = this.status?.status;
    if (this.tickets.length > 0 && !keeps && status !== 'refunded')
      yield finding('I3', 'told', `${this.tickets[0].by} has tickets of ${this.order}, which is ${status ?? 'not in the books'}`, [...this.tickets, ...this.#last()]);
  }

  *told() {
    if (this.tickets.length > 0 && this.intent !== null && this.paid.length > 0 && sum(this.paid.slice(0, 1)) !== this.intent.amount)
      yield finding('I2', 'told', `${this.order} costs ${this.intent.amount}, and ${this.paid[0].amount} were paid for its tickets`, [...this.paid, ...this.tickets]);
    if (this.tickets.length > 0 && this.paid.length === 0 && this.captured.length === 0)
      yield finding('I2', 'told', `${this.order} has tickets, and nobody paid for it`, this.tickets);
  }
}

function* soldTwice(facts) {
  const sold = new Map();
  for (const fact of facts.filter(({ fact: name }) => name === 'sold')) {
    const other = sold.get(fact.seat);
    if (other !== undefined) yield finding('I1', 'two-owners', `seat ${fact.seat} is sold to ${other.order} and to ${fact.order}`, [other, fact]);
    sold.set(fact.seat, fact);
  }
}

// -> {judged, found}
export function judgeMoney({ ops, facts }) {
  const accounts = new Map();
  const of = (order) => accounts.get(order) ?? accounts.set(order, new Account(order)).get(order);
  const found = [];
  const told = ops.filter(({ answer }) => answer === 'ok').filter(({ op, order }) => order !== undefined && ['order', 'paid', 'ticket'].includes(op));
  const ledger = facts.filter(({ order }) => order !== undefined);
  for (const fact of [...ledger].sort((a, b) => a.at - b.at || a.nth - b.nth)) found.push(...of(fact.order).add(fact));
  for (const op of told) {
    const account = of(op.order);
    if (op.op === 'order') account.intent ??= op;
    else account[op.op === 'paid' ? 'paid' : 'tickets'].push(op);
  }
  const end = facts.find(({ fact }) => fact === 'end');
  const books = new Set(end?.books ?? []);
  if (books.has('seats')) found.push(...soldTwice(facts));
  for (const account of accounts.values()) {
    found.push(...account.told());
    if (end !== undefined) found.push(...account.end(books));
  }
  return { judged: told.length + ledger.length, found };
}

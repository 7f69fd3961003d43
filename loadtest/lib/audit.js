// Audits the stack after the crowd: money = seats = orders = tickets = the shop's orders, now or soon (tests/history/money.js);
// nothing is unfinished or held past its expiry. Queries every part directly, since the crowd's judge only has visitors'
// answers; its counts (`claimed`) must match, so that two empty totals do not pass.

import { factsOf, waitingForShop } from '../../tests/history/books.js';
import { judgeMoney } from '../../tests/history/money.js';
import { historyOf } from '../../tests/history/record.js';
import { until } from '../../tests/lib-js/wait.js';

const ENDED = ['completed', 'cancelled', 'expired', 'failed', 'refunded'];
const HELD_AFTER_MS = 5_000; // expired seats are free within two seconds; twice that, and some margin
const sum = (facts) => facts.reduce((total, { amount }) => total + amount, 0);

// Each finding begins with its name. `claimed`: the judge's verdict, {tickets, paid, held_until_ms}.
// Returns {orders, completed, seats, captured, inShop, toShop, notJudged, findings: [text]}.
export async function audit(stack, event, { settleMs = 150_000, claimed = null } = {}) {
  const books = new Books(stack, event, settleMs);
  await books.money();
  if (claimed !== null) await books.heldSeats(claimed.held_until_ms);
  await books.shop();
  const sums = await books.judged();
  if (claimed !== null) books.asShown(claimed, sums);
  return { orders: books.orders.length, ...sums, notJudged: books.notJudged, findings: books.findings };
}

class Books {
  findings = [];
  notJudged = [];

  constructor(stack, event, settleMs) {
    this.stack = stack;
    this.event = event;
    this.settleMs = settleMs;
  }

  #must(holds, what) {
    if (!holds) this.findings.push(what);
  }

  // Returns whether the condition became true in time.
  #settled(what, condition, timeoutMs = this.settleMs) {
    return until(what, condition, { timeoutMs, everyMs: 250 }).then(() => true, () => false);
  }

  // Nobody pays any more: orders under way end by themselves. A paid order may still be pending_payment
  // if the adapter has not processed its webhook yet. So the provider is queried first: there the money
  // is authorized and not yet captured.
  async money() {
    const bank = this.stack.admin('psp');
    let reserved = 0;
    await this.#settled('every paid order to come to its end', async () => {
      reserved = (await bank.get('/control/ledger')).json.currencies.krw?.authorized ?? 0;
      this.orders = this.stack.rows('payment_adapter', 'SELECT status, expires_at FROM pay.orders');
      this.open = this.orders.filter(({ status }) => !ENDED.includes(status));
      return reserved === 0 && this.open.every(({ status }) => status === 'pending_payment');
    });
    this.#must(reserved === 0, `half-done: the provider has ${reserved} reserved for orders`);
  }

  // Each hold has an announced expiry, each unpaid order a deadline. After the last of these no seat
  // may be held.
  async heldSeats(heldUntilMs) {
    const lastMs = Math.max(heldUntilMs, ...this.open.map((order) => Date.parse(order.expires_at)));
    const waitMs = Math.max(0, lastMs + HELD_AFTER_MS - Date.now());
    if (waitMs > this.settleMs) {
      this.notJudged.push(`seats may be held for ${Math.round(waitMs / 1000)} s more`);
      return;
    }
    let held = 0;
    const free = await this.#settled('no seat to be held', async () => {
      ({ held } = (await this.stack.admin('seats').get(`/admin/events/${this.event}/counts`)).json.now);
      return held === 0;
    }, waitMs + 1);
    this.#must(free, `stuck-hold: ${held} seats are held, ${Math.round((Date.now() - lastMs) / 1000)} s after the last hold ran out`);
  }

  // The shop takes orders at its own rate, each once.
  async shop() {
    await this.#settled('the shop to have everything', () => waitingForShop(this.stack).length === 0);
    const parked = waitingForShop(this.stack).filter((row) => row.parked).length;
    this.#must(parked === 0, `shop-refused: ${parked} messages lie still, the shop will not have them`);
  }

  // Compares all books with each other.
  async judged() {
    const facts = await factsOf(this.stack, this.event, String);
    for (const { kind, what } of judgeMoney(historyOf([{ history: 1 }, ...facts])).found) this.findings.push(`${kind}: ${what}`);
    const of = (name, is = () => true) => facts.filter((fact) => fact.fact === name && is(fact));
    const inShop = of('shop', ({ amount }) => amount !== undefined).length;
    return {
      completed: of('status', ({ status }) => status === 'completed').length,
      seats: of('sold').length,
      captured: sum(of('captured')) - sum(of('refunded')),
      inShop,
      toShop: of('shop', ({ kind }) => kind === 'completed').length - inShop,
    };
  }

  asShown({ tickets, paid }, { completed, captured }) {
    this.#must(completed >= tickets, `told-orders: ${tickets} buyers have tickets, ${completed} orders are completed`);
    this.#must(captured >= paid, `told-money: buyers with tickets paid ${paid}, the provider has ${captured}`);
    this.#must(completed > 0 || tickets > 0, 'nothing-sold: no order was completed, so that nothing could be compared');
  }
}

// After the crowd: money = seats = orders = tickets = what the shop has or will have, nothing half done,
// nothing held after its time. Asked of each part by itself; a crowd's judge knows only the answers to
// visitors, and what it counted (`told`) must be found here: empty totals agree, too.

import { client } from '../../tests/lib-js/http.js';
import { until } from '../../tests/lib-js/wait.js';

const ENDED = ['completed', 'cancelled', 'expired', 'failed', 'refunded'];
const HELD_AFTER_MS = 5_000; // seats whose time is over are free within two seconds; twice that, and room
const sum = (values) => values.reduce((total, value) => total + value, 0);

// Findings begin with their name. `told`: the crowd's verdict, {tickets, paid, held_until_ms}.
// -> {orders, seats, money, findings: [text]}
export async function audit(stack, event, { settleMs = 150_000, told = null } = {}) {
  const books = new Books(stack, event, settleMs);
  const money = await books.money();
  await books.seatsAndTickets();
  if (told !== null) await books.heldSeats(told.held_until_ms);
  const inShop = await books.shop();
  if (told !== null) books.asTold(told, money);
  const { orders, completed, findings, notJudged } = books;
  return { orders: orders.length, completed: completed.length, seats: books.sold, captured: money, ...inShop, notJudged, findings };
}

class Books {
  findings = [];
  notJudged = [];

  constructor(stack, event, settleMs) {
    this.stack = stack;
    this.event = event;
    this.settleMs = settleMs;
    this.token = stack.secret('admin-token');
    this.seats = this.#asks('seats', 12);
  }

  // The private listener of a part: of a stack by its port, elsewhere as it says itself.
  #asks(part, offset) {
    return this.stack.admin?.(part) ?? client({ port: this.stack.base + offset, token: this.token, timeoutMs: 120_000 });
  }

  #must(holds, what) {
    if (!holds) this.findings.push(what);
  }

  // Whether it came to be so in time.
  #settled(what, condition, timeoutMs = this.settleMs) {
    return until(what, condition, { timeoutMs, everyMs: 250 }).then(() => true, () => false);
  }

  #readOrders() {
    this.orders = this.stack.rows('payment_adapter', 'SELECT id, status, amount, seats, expires_at FROM pay.orders');
    this.completed = this.orders.filter(({ status }) => status === 'completed');
    this.open = this.orders.filter(({ status }) => !ENDED.includes(status));
    return this.orders;
  }

  // Nobody pays any more: what is under way comes to its end by itself. Some of those who were paid for
  // may still say pending_payment, where the adapter has its webhooks before it; the provider, asked
  // first, knows them as money that is reserved and not yet taken.
  async money() {
    const bank = this.#asks('psp', 14);
    const ledger = async () => (await bank.get('/control/ledger')).json.currencies.krw ?? { authorized: 0, captured: 0, refunded: 0 };
    const halfDone = () => this.open.filter(({ status }) => status !== 'pending_payment');
    let reserved = 0;
    const settled = await this.#settled('every paid order to come to its end', async () => {
      reserved = (await ledger()).authorized;
      this.#readOrders();
      return reserved === 0 && halfDone().length === 0;
    });
    this.#must(settled, `half-done: ${halfDone().length} orders are ${[...new Set(halfDone().map(({ status }) => status))]}; the provider has ${reserved} reserved for orders`);
    const { captured, refunded } = await ledger();
    const owed = sum(this.completed.map(({ amount }) => amount));
    this.#must(captured - refunded === owed, `money: the provider has ${captured - refunded}, orders say ${owed}`);
    return captured - refunded;
  }

  async seatsAndTickets() {
    const ordered = this.completed.flatMap(({ id, seats }) => seats.map((seat) => `${id} ${seat}`)).sort();
    const exported = (await this.seats.get(`/admin/events/${this.event}/export`)).json;
    const once = new Set(exported.map(({ seat }) => seat));
    this.sold = exported.length;
    this.#must(once.size === exported.length, `sold-twice: ${exported.length - once.size} seats`);
    const sold = exported.map(({ seat, order }) => `${order} ${seat}`).sort();
    this.#must(JSON.stringify(sold) === JSON.stringify(ordered), `seats: the seat service has ${sold.length} sold, orders say ${ordered.length}, or others`);
    const tickets = this.stack
      .rows('payment_adapter', 'SELECT order_id, seat FROM pay.ticket WHERE revoked_at IS NULL')
      .map(({ order_id: order, seat }) => `${order} ${seat}`)
      .sort();
    this.#must(JSON.stringify(tickets) === JSON.stringify(ordered), `tickets: ${tickets.length} for ${ordered.length} seats, or for others`);
  }

  // Each hold has an announced end; an unpaid order has a deadline of its own. After the last
  // of them no seat is held.
  async heldSeats(heldUntilMs) {
    const lastMs = Math.max(heldUntilMs, ...this.open.map((order) => Date.parse(order.expires_at)));
    const waitMs = Math.max(0, lastMs + HELD_AFTER_MS - Date.now());
    if (waitMs > this.settleMs) {
      this.notJudged.push(`seats may be held for ${Math.round(waitMs / 1000)} s more`);
      return;
    }
    let held = 0;
    const free = await this.#settled('no seat to be held', async () => {
      ({ held } = (await this.seats.get(`/admin/events/${this.event}/counts`)).json.now);
      return held === 0;
    }, waitMs + 1);
    this.#must(free, `stuck-hold: ${held} seats are held, ${Math.round((Date.now() - lastMs) / 1000)} s after the last hold ran out`);
  }

  // The shop takes orders at its own pace. Each completed order is there once, or waits for it.
  async shop() {
    const outbox = () => this.stack.rows('payment_adapter', "SELECT order_id, due_at = 'infinity' AS parked FROM pay.shop_outbox WHERE done_at IS NULL AND kind = 'completed'");
    await this.#settled('the shop to have everything', () => outbox().length === 0);
    const waiting = outbox(); // read first: an order that arrives in between is in both lists, never in neither
    const shop = this.stack.rows('demo_shop', "SELECT external_id, amount FROM orders WHERE source <> 'shop'");
    const amounts = new Map(this.orders.map(({ id, amount }) => [id, amount]));
    const has = new Set(shop.map(({ external_id: id }) => id));
    const waits = new Set(waiting.map(({ order_id: id }) => id));
    const parked = waiting.filter((row) => row.parked).length;
    const lost = this.completed.filter(({ id }) => !has.has(id) && !waits.has(id));
    this.#must(lost.length === 0, `shop-lost: ${lost.length} completed orders are neither in the shop nor on their way to it: ${lost.slice(0, 3).map(({ id }) => id)}`);
    this.#must(parked === 0, `shop-refused: ${parked} orders lie still, the shop will not have them`);
    this.#must(has.size === shop.length, `shop-twice: ${shop.length - has.size} orders`);
    this.#must(shop.every(({ external_id: id, amount }) => amounts.get(id) === Number(amount)), 'shop-stranger: it has an order that we have not, or for another amount');
    return { inShop: shop.length, toShop: waiting.length };
  }

  asTold({ tickets, paid }, money) {
    this.#must(this.completed.length >= tickets, `told-orders: ${tickets} buyers have tickets, ${this.completed.length} orders are completed`);
    this.#must(money >= paid, `told-money: buyers with tickets paid ${paid}, the provider has ${money}`);
    this.#must(this.completed.length > 0 || tickets > 0, 'nothing-sold: no order was completed, so that nothing could be compared');
  }
}

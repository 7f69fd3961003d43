// After the crowd: money = seats = orders = tickets = what the shop knows, and nothing half done.
// Asked of each part by itself; a crowd's judge knows only what visitors were told.

import { client } from '../../tests/lib-js/http.js';
import { until } from '../../tests/lib-js/wait.js';

const ENDED = ['completed', 'cancelled', 'expired', 'failed', 'refunded'];
const sum = (values) => values.reduce((total, value) => total + value, 0);

// -> {orders, seats, money, findings: [text]}
export async function audit(stack, event, { settleMs = 150_000 } = {}) {
  const token = stack.secret('admin-token');
  const findings = [];
  const must = (holds, what) => holds || findings.push(what);

  const bank = client({ port: stack.base + 14, token });
  const ledger = async () => (await bank.get('/control/ledger')).json.currencies.krw ?? { authorized: 0, captured: 0, refunded: 0 };

  // Nobody pays any more: what is under way comes to its end by itself. Some of those who were paid for
  // may still say pending_payment, where the adapter has its webhooks before it; the provider, asked
  // first, knows them as money that is reserved and not yet taken.
  const rows = () => stack.rows('payment_adapter', 'SELECT id, status, amount, seats FROM pay.orders');
  const open = (orders) => orders.filter(({ status }) => !ENDED.includes(status) && status !== 'pending_payment');
  let orders = rows();
  let reserved = 0;
  const settled = async () => {
    reserved = (await ledger()).authorized;
    orders = rows();
    return reserved === 0 && open(orders).length === 0;
  };
  await until('every paid order to come to its end', settled, { timeoutMs: settleMs, everyMs: 1000 })
    .catch(() => findings.push(`${open(orders).length} orders are half done: ${[...new Set(open(orders).map(({ status }) => status))]}; the provider has ${reserved} reserved for orders`));
  const done = orders.filter(({ status }) => status === 'completed');
  const ordered = done.flatMap(({ id, seats }) => seats.map((seat) => `${id} ${seat}`)).sort();

  const { captured: taken, refunded } = await ledger();
  const captured = taken - refunded;
  must(captured === sum(done.map(({ amount }) => amount)), `the provider has ${captured}, orders say ${sum(done.map(({ amount }) => amount))}`);

  const seats = client({ port: stack.base + 12, token, timeoutMs: 120_000 });
  const sold = (await seats.get(`/admin/events/${event}/export`)).json;
  const soldOnce = new Set(sold.map(({ seat }) => seat));
  must(soldOnce.size === sold.length, `${sold.length - soldOnce.size} seats are sold twice`);
  const told = sold.map(({ seat, order }) => `${order} ${seat}`).sort();
  must(JSON.stringify(told) === JSON.stringify(ordered), `the seat service has ${told.length} seats sold, orders say ${ordered.length}, or others`);

  const tickets = stack
    .rows('payment_adapter', 'SELECT order_id, seat FROM pay.ticket WHERE revoked_at IS NULL')
    .map((ticket) => `${ticket.order_id} ${ticket.seat}`)
    .sort();
  must(JSON.stringify(tickets) === JSON.stringify(ordered), `${tickets.length} tickets for ${ordered.length} seats`);

  // The shop takes orders at its own pace: what it has must be right, and the rest must be on its way.
  const shop = stack.rows('demo_shop', "SELECT external_id, amount FROM orders WHERE source <> 'shop'");
  const amounts = new Map(orders.map(({ id, amount }) => [id, amount]));
  must(new Set(shop.map(({ external_id: id }) => id)).size === shop.length, 'the shop has an order twice');
  must(shop.every(({ external_id: id, amount }) => amounts.get(id) === Number(amount)), 'the shop has an order that we have not, or for another amount');

  return { orders: orders.length, completed: done.length, seats: sold.length, captured, inShop: shop.length, findings };
}

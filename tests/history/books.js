// The books of a whole stack as facts of a crowd's history, once nothing is under way any more. Seats, holds and orders
// are named as the crowd names them: by a hash.

import { client } from '../lib-js/http.js';

// FNV-1a of 64 bits, as loadtest/crowd has it.
export function nameOf(text) {
  let hash = 14695981039346656037n;
  for (const byte of Buffer.from(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 1099511628211n);
  return hash.toString(16).padStart(16, '0');
}

async function asked(port, token, path) {
  const { status, json } = await client({ port, token, timeoutMs: 60_000 }).get(path);
  if (status !== 200) throw new Error(`${path}: ${status}`);
  return json;
}

// An order that nobody paid for is nobody's yet.
const isTold = ({ status }) => status !== 'pending_payment';

// -> the facts of the provider, the orders, the seats, the tickets and the shop
export async function factsOf(stack, event) {
  const token = stack.secret('admin-token');
  const [{ rows }, sold] = await Promise.all([
    asked(stack.base + 14, token, '/control/ledger?by=order'),
    asked(stack.base + 12, token, `/admin/events/${event}/export`),
  ]);
  const orders = stack.rows('payment_adapter', 'SELECT id, status, amount, refund_amount FROM pay.orders').filter(isTold);
  const tickets = stack.rows('payment_adapter', 'SELECT t.order_id, t.seat, o.hold FROM pay.ticket t JOIN pay.orders o ON o.id = t.order_id WHERE t.revoked_at IS NULL');
  const shop = stack.rows('demo_shop', "SELECT external_id, status, amount FROM orders WHERE source <> 'shop'");
  const at = Date.now() * 1000;
  const facts = [];
  const add = (fact, order, fields) => facts.push({ fact, at, order: nameOf(order), ...fields });
  for (const { value, captured, refunded } of rows) {
    if (captured > 0) add('captured', value, { amount: captured });
    if (refunded > 0) add('refunded', value, { amount: refunded });
  }
  for (const { id, status, amount, refund_amount: credited } of orders) add('status', id, { status, amount: Number(amount), credited: Number(credited) });
  for (const { seat, order, hold } of sold) add('sold', order, { seat: nameOf(seat), ...(hold ? { hold: nameOf(hold) } : {}) });
  for (const { order_id: order, seat, hold } of tickets) add('ticket', order, { seat: nameOf(seat), hold: nameOf(hold) });
  for (const { external_id: order, status, amount } of shop) {
    add('shop', order, { kind: 'completed', amount: Number(amount) });
    if (status === 'refunded') add('shop', order, { kind: 'refunded' });
  }
  facts.push({ fact: 'end', at, books: ['provider', 'orders', 'seats', 'shop', 'tickets'] });
  return facts;
}

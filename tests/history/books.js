// Converts the books of a whole stack, once everything has ended, to facts of a crowd's history. Seats, holds and orders
// are named by the crowd's hashes.

// FNV-1a of 64 bits, as in loadtest/crowd.
export function nameOf(text) {
  let hash = 14695981039346656037n;
  for (const byte of Buffer.from(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 1099511628211n);
  return hash.toString(16).padStart(16, '0');
}

async function asked(listener, path) {
  const { status, json } = await listener.get(path);
  if (status !== 200) throw new Error(`${path}: ${status}`);
  return json;
}

// An unpaid order is not in the books yet.
const isTold = ({ status }) => status !== 'pending_payment';

/** Messages that the shop does not have yet; those it will never get are `parked`. */
export const waitingForShop = (stack) =>
  stack.rows('payment_adapter', "SELECT order_id, kind, due_at = 'infinity' AS parked FROM pay.shop_outbox WHERE done_at IS NULL AND kind IN ('completed', 'refunded')");

// The shop's orders, and those on their way. These are read first: a message that arrives meanwhile is in both.
function* shopFacts(stack) {
  const waiting = waitingForShop(stack).filter(({ parked }) => !parked);
  const known = new Set();
  for (const { external_id: order, status, amount } of stack.rows('demo_shop', "SELECT external_id, status, amount FROM orders WHERE source <> 'shop'")) {
    yield { order, kind: 'completed', amount: Number(amount) };
    known.add(`${order} completed`);
    if (status === 'refunded') yield { order, kind: 'refunded' };
    if (status === 'refunded') known.add(`${order} refunded`);
  }
  for (const { order_id: order, kind } of waiting) if (!known.has(`${order} ${kind}`)) yield { order, kind };
}

// -> facts of provider, orders, seats, tickets and shop. `name`: the name of a seat, hold or order
export async function factsOf(stack, event, name = nameOf) {
  const [{ rows }, sold] = await Promise.all([
    asked(stack.admin('psp'), '/control/ledger?by=order'),
    asked(stack.admin('seats'), `/admin/events/${event}/export`),
  ]);
  const orders = stack.rows('payment_adapter', 'SELECT id, status, amount, refund_amount, seats FROM pay.orders').filter(isTold);
  const tickets = stack.rows('payment_adapter', 'SELECT t.order_id, t.seat, o.hold FROM pay.ticket t JOIN pay.orders o ON o.id = t.order_id WHERE t.revoked_at IS NULL');
  const at = Date.now() * 1000;
  const facts = [];
  const add = (fact, order, fields) => facts.push({ fact, at, order: name(order), ...fields });
  for (const { value, captured, refunded } of rows) {
    if (captured > 0) add('captured', value, { amount: captured });
    if (refunded > 0) add('refunded', value, { amount: refunded });
  }
  for (const { id, status, amount, refund_amount: credited, seats } of orders)
    add('status', id, { status, amount: Number(amount), credited: Number(credited), seats: seats.map((seat) => name(seat)) });
  for (const { seat, order, hold } of sold) add('sold', order, { seat: name(seat), ...(hold ? { hold: name(hold) } : {}) });
  for (const { order_id: order, seat, hold } of tickets) add('ticket', order, { seat: name(seat), hold: name(hold) });
  for (const { order, ...fact } of shopFacts(stack)) add('shop', order, fact);
  facts.push({ fact: 'end', at, books: ['provider', 'orders', 'seats', 'shop', 'tickets', 'valid'] });
  return facts;
}

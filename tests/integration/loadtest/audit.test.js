// The books of an on-sale, as the load tests audit them: true ones agree, and each thing that can be
// wrong in them is found by its name. The parts are stand-ins here that answer what a test puts down.

import assert from 'node:assert/strict';
import test from 'node:test';
import { audit } from '../../../loadtest/lib/audit.js';

const ORDERS = ['o1', 'o2'];

// Two orders of one seat each, without any error.
function trueBooks() {
  return {
    orders: ORDERS.map((id, n) => ({ id, status: 'completed', amount: 100, refund_amount: null, seats: [`s${n}`], expires_at: '2020-01-01T00:00:00Z' })),
    sold: ORDERS.map((id, n) => ({ order: id, seat: `s${n}`, hold: `h${n}` })),
    tickets: ORDERS.map((id, n) => ({ order_id: id, seat: `s${n}`, hold: `h${n}` })),
    outbox: [],
    shop: ORDERS.map((id) => ({ external_id: id, status: 'completed', amount: 100 })),
    ledger: ORDERS.map((value) => ({ value, captured: 100, refunded: 0 })),
    reserved: 0,
    held: 0,
    claimed: { tickets: 2, paid: 200, held_until_ms: 0 },
  };
}

// The names of the findings in books with that change.
async function found(change = () => {}) {
  const books = trueBooks();
  change(books);
  const answers = {
    '/control/ledger': () => ({ currencies: { krw: { authorized: books.reserved } } }),
    '/control/ledger?by=order': () => ({ rows: books.ledger }),
    '/admin/events/show/export': () => books.sold,
    '/admin/events/show/counts': () => ({ now: { held: books.held } }),
  };
  const tables = [['pay.ticket', 'tickets'], ['pay.orders', 'orders'], ['pay.shop_outbox', 'outbox'], ["source <> 'shop'", 'shop']];
  const stack = {
    admin: () => ({ get: async (path) => ({ status: 200, json: answers[path]() }) }),
    rows: (_, query) => books[tables.find(([word]) => query.includes(word))[1]],
  };
  const { findings } = await audit(stack, 'show', { settleMs: 300, claimed: books.claimed });
  return findings.map((text) => text.split(':')[0]);
}

// judges: money
test('true books agree, and each wrong one is found by its name', async () => {
  assert.deepEqual(await found(), []);
  const wrong = [
    ['half-done', (books) => { books.reserved = 100; }],
    ['open', (books) => { books.orders.push({ id: 'o3', status: 'confirming', amount: 1, refund_amount: null, seats: [], expires_at: books.orders[0].expires_at }); }],
    ['sum', (books) => { books.ledger[1].captured = 200; }],
    ['sum', (books) => { books.ledger.push({ value: 'o3', captured: 100, refunded: 0 }); }],
    ['seats', (books) => { books.orders[1].seats = ['s2']; }],
    ['seats,tickets,seats', (books) => { books.sold[1].order = 'o9'; }],
    ['two-owners,seats,tickets', (books) => { books.sold.push({ order: 'o1', seat: 's1' }); }],
    ['tickets', (books) => { books.tickets.pop(); }],
    ['tickets', (books) => { books.tickets.push({ order_id: 'o3', seat: 's2', hold: 'h2' }); }],
    ['stuck-hold', (books) => { books.held = 3; }],
    ['shop', (books) => { books.shop.pop(); }],
    ['shop-refused,shop', (books) => { books.shop.pop(); books.outbox.push({ order_id: 'o2', kind: 'completed', parked: true }); }],
    ['shop', (books) => { books.shop.push(books.shop[0]); }],
    ['shop', (books) => { books.shop[0].amount = 99; }],
    ['shop', (books) => { books.shop.push({ external_id: 'o3', status: 'completed', amount: 100 }); }],
    ['told-orders', (books) => { books.claimed.tickets = 3; }],
    ['told-money', (books) => { books.claimed.paid = 201; }],
    ['nothing-sold', (books) => {
      for (const list of ['orders', 'sold', 'tickets', 'shop', 'ledger']) books[list] = [];
      books.claimed = { tickets: 0, paid: 0, held_until_ms: 0 };
    }],
  ];
  for (const [names, change] of wrong) assert.deepEqual(await found(change), names.split(','));
});

test('an order that waits for the shop is not lost, and seats that may be held are not stuck', async () => {
  assert.deepEqual(await found((books) => { books.shop.pop(); books.outbox.push({ order_id: 'o2', kind: 'completed', parked: false }); }), []);
  assert.deepEqual(await found((books) => { books.held = 3; books.claimed.held_until_ms = Date.now() + 60_000; }), []);
});

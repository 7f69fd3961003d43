// The books of an on-sale, as the load tests audit them: true ones agree, and each thing that can be
// wrong in them is found by its name. The parts are stand-ins here that answer what a test puts down.

import assert from 'node:assert/strict';
import http from 'node:http';
import test from 'node:test';
import { freePortBase, openScope } from '../../lib-js/index.js';
import { audit } from '../../../loadtest/lib/audit.js';

const ORDERS = ['o1', 'o2'];

// Two orders of a seat each, all of it in order.
function trueBooks() {
  return {
    orders: ORDERS.map((id, n) => ({ id, status: 'completed', amount: 100, seats: [`s${n}`], expires_at: '2020-01-01T00:00:00Z' })),
    sold: ORDERS.map((id, n) => ({ order: id, seat: `s${n}` })),
    tickets: ORDERS.map((id, n) => ({ order_id: id, seat: `s${n}` })),
    outbox: [],
    shop: ORDERS.map((id) => ({ external_id: id, amount: 100 })),
    ledger: { authorized: 0, captured: 200, refunded: 0 },
    held: 0,
    told: { tickets: 2, paid: 200, held_until_ms: 0 },
  };
}

function serve(scope, port, answer) {
  const server = http.createServer((req, res) => {
    res.setHeader('content-type', 'application/json');
    res.end(JSON.stringify(answer(req.url)));
  });
  scope.defer(() => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); }));
  return new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
}

async function openBooks(t) {
  const scope = openScope(t);
  const base = await freePortBase();
  let books;
  await serve(scope, base + 12, (url) => (url.endsWith('/export') ? books.sold : { now: { held: books.held } }));
  await serve(scope, base + 14, () => ({ currencies: { krw: books.ledger } }));
  const tables = [['pay.orders', 'orders'], ['pay.ticket', 'tickets'], ['pay.shop_outbox', 'outbox'], ["source <> 'shop'", 'shop']];
  const stack = {
    base,
    secret: () => 'token',
    rows: (_, query) => books[tables.find(([word]) => query.includes(word))[1]],
  };
  return async (change = () => {}) => {
    books = trueBooks();
    change(books);
    const { findings } = await audit(stack, 'show', { settleMs: 300, told: books.told });
    return findings.map((text) => text.split(':')[0]);
  };
}

// judges: money
test('true books agree, and each wrong one is found by its name', async (t) => {
  const found = await openBooks(t);
  assert.deepEqual(await found(), []);
  const wrong = {
    'half-done': (books) => { books.orders.push({ id: 'o3', status: 'confirming', amount: 1, seats: [], expires_at: books.orders[0].expires_at }); },
    money: (books) => { books.ledger.captured = 300; },
    seats: (books) => { books.sold[1].order = 'o9'; },
    'sold-twice,seats': (books) => { books.sold.push({ order: 'o1', seat: 's1' }); },
    tickets: (books) => { books.tickets.pop(); },
    'stuck-hold': (books) => { books.held = 3; },
    'shop-lost': (books) => { books.shop.pop(); },
    'shop-refused': (books) => { books.shop.pop(); books.outbox.push({ order_id: 'o2', parked: true }); },
    'shop-twice': (books) => { books.shop.push(books.shop[0]); },
    'shop-stranger': (books) => { books.shop[0].amount = 99; },
    'told-orders': (books) => { books.told.tickets = 3; },
    'told-money': (books) => { books.told.paid = 201; },
    'nothing-sold': (books) => {
      for (const list of ['orders', 'sold', 'tickets', 'shop']) books[list] = [];
      books.ledger.captured = 0;
      books.told = { tickets: 0, paid: 0, held_until_ms: 0 };
    },
  };
  for (const [names, change] of Object.entries(wrong)) assert.deepEqual(await found(change), names.split(','));
});

test('an order that waits for the shop is not lost, and seats that may be held are not stuck', async (t) => {
  const found = await openBooks(t);
  assert.deepEqual(await found((books) => { books.shop.pop(); books.outbox.push({ order_id: 'o2', parked: false }); }), []);
  assert.deepEqual(await found((books) => { books.held = 3; books.told.held_until_ms = Date.now() + 60_000; }), []);
});

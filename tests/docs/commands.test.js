// Every command of the handbook, typed as written: each page on its own stack, and the tutorial from an empty machine, since
// it starts and stops a stack.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { after, before, describe, test } from 'node:test';
import { handbook } from '../../infra/docs/pages.js';
import { assertStatus, CookieJar, openScope, openStack, until } from '../lib-js/index.js';
import { openClone, runPage, stepsOf } from './run.js';

const TUTORIAL = 'docs/tutorial.md';
const korean = (page) => page.startsWith('docs/ko/'); // the same commands: tests/integration/docs.test.js

const EVENT = 'demo';
let buyers = 0;

// Each line about an order of its own: of three seats, and others that stay free for a move.
async function aboutOrders(stack, lines) {
  const { edge } = stack;
  const held = async () => {
    const { pass } = await stack.enter(EVENT);
    const { json } = assertStatus(await edge.post(`/v1/seats/${EVENT}/holds`, { token: pass, body: { best_available: { quantity: 3 } } }), 201);
    return { pass, ...json };
  };
  const spares = [];
  const told = [];
  for (const line of lines) {
    const spare = await held();
    spares.push(spare);
    const { pass, hold } = await held();
    const buyer = JSON.parse(stack.read('demo-users.json'))[buyers++];
    const jar = new CookieJar();
    jar.take(await edge.post('/v1/pay/login', { body: buyer }));
    const { order, payment } = assertStatus(await edge.post('/v1/pay/orders', { token: pass, body: { event: EVENT, hold }, headers: { ...jar.headers, 'idempotency-key': hold } }), 201).json;
    await stack.payAt(payment.checkout_url);
    const sold = await until('tickets', async () => {
      const { json } = await edge.get(`/v1/pay/orders/${order}`, { headers: jar.headers });
      return json.status === 'completed' && json;
    });
    const [{ row, number }] = sold.places;
    told.push(line.replace(/\br\d+s\d+(=r\d+s\d+)?/g, (text, to) => {
      const seat = sold.seats.shift();
      const isSame = text === `${to?.slice(1)}${to}`;
      return to === undefined ? seat : `${seat}=${isSame ? seat : spare.seats.shift()}`;
    }).replace('ORDER', order).replace('K7-4M2-9QX', sold.order_number).replace('kim@shop.example', buyer.login)
      .replace('row A seat 12', `row ${row} seat ${number}`).replace('EVENT', EVENT)
      .replace(/^fairgate (refund|move) .*/, '$& --yes'));
  }
  for (const { pass, hold } of spares) await edge.call('DELETE', `/v1/seats/${EVENT}/holds/${hold}`, { token: pass }); // one that has expired is as free
  return told;
}

async function openPlace() {
  const scope = openScope();
  const stack = await openStack(scope, { name: '.run' });
  openClone(scope.dir());
  return { scope, stack, where: { dir: scope.dir(), base: stack.base, env: stack.env, aboutOrders: (lines) => aboutOrders(stack, lines) } };
}

describe('with a stack', () => {
  let place;
  before(async () => {
    place = await openPlace();
    // By the clone's own script, so that a page's `make up` finds nothing changed.
    await promisify(execFile)('make', ['up'], { cwd: place.where.dir, env: { ...process.env, ...place.where.env } });
    assert.ok(lstatSync(join(place.where.dir, 'node_modules')).isSymbolicLink(), 'the tree has its packages');
    place.stack.mayDie('seat-service', 'signal 9'); // docs/operate/game-day.md
  });
  after(() => place.scope.close());

  // The shop's page creates an order without a buyer, which every later reconciliation would report.
  const last = (page) => Number(page === 'docs/integrate/shop.md');
  const pages = handbook().filter((each) => each !== TUTORIAL && !korean(each) && stepsOf(each).length > 0);
  for (const page of pages.sort((a, b) => last(a) - last(b))) {
    test(`${page} says what works`, async () => {
      assert.ok(await runPage(page, place.where) > 0);
    });
  }
});

test('the tutorial leads from nothing to an installation that is ended again', async (t) => {
  const { scope, where } = await openPlace();
  t.after(() => scope.close());
  assert.ok(await runPage(TUTORIAL, where) > 10);
});

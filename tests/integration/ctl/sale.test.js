// The command line for the seats and the checkout: halls, sagas, refunds, moves, doors, money.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { openScope, serve, until } from '../../lib-js/index.js';
import { openSite } from '../payment-adapter/lib/site.js';
import { copyOrders, EVENT } from '../payment-adapter/lib/world.js';
import { hall } from '../seat-service/site.js';
import { cells, commandLine, done, EXIT, refused } from './fairgate.js';

const scope = openScope(test);
const world = await openSite(scope, { halls: hall({ limits: { orphan_rule: false }, area: 50 }) });
world.psp.autoPay = true;
const buyer = await world.login();
const services = { seats: world.site, pay: world.pay, tokenFile: world.secrets.path('admin-token') };
const fairgate = commandLine(scope, services);
const line = await serve(scope, (_, answer) => answer.end('{"audit":[]}'));
const withLine = commandLine(scope, { ...services, queue: { privatePort: line.port } });
const withoutSeats = commandLine(scope, { ...services, seats: undefined, queue: { privatePort: line.port } });

async function buy(...seats) {
  const visit = world.visit();
  const answer = await visit.hold({ seats });
  assert.equal(answer.status, 201, answer.text);
  const order = await world.ordered(buyer, { hold: answer.json.hold, pass: visit.token });
  await world.untilStatus(buyer, order, 'completed');
  return { order, tickets: (await buyer.get(`/v1/pay/orders/${order}/tickets`)).json.tickets };
}
const sagaOf = async (order, kind) =>
  (await fairgate('sagas', 'list', '--state', 'all', '--order', order, '--json')).json.sagas.find(({ definition }) => definition.startsWith(kind));

// A full page names the option that continues it, and the last page none.
async function assertPaged(...words) {
  const seen = new Set();
  for (let from = [], pages = 1; from !== undefined; pages += 1) {
    const { stdout } = done(await fairgate(...words, ...from));
    const next = /\nThe next page: (--\w+) (\S+)\n$/.exec(stdout);
    for (const row of cells(stdout.slice(0, next?.index))) {
      assert.ok(!seen.has(row.join()), row.join());
      seen.add(row.join());
    }
    from = next?.slice(1);
    if (from === undefined) assert.ok(pages > 1, words.join(' '));
  }
}

test('a hall is imported, shown, blocked, priced, counted and exported', async () => {
  const document = (await fairgate('halls', 'document', EVENT, '--json')).stdout;
  const file = join(scope.tempDir('hall-'), 'hall.json');
  const body = JSON.parse(document);
  body.limits.max_per_buyer = 0;
  body.plan.zones[0].rows[0].seats[1].radius = 10;
  writeFileSync(file, JSON.stringify(body));
  const imported = done(await fairgate('halls', 'import', 'second', file));
  assert.match(imported.stdout, /^CATEGORY +PRICE +FREE/);
  assert.match(imported.stdout, /\nNo limit: max_per_buyer\n/);
  assert.match(imported.stdout, /\nLEFT-OUT .*\n\/plan\/zones\/0\/rows\/0\/seats\/1\/radius +1 +the map draws/);
  assert.match(done(await fairgate('halls', 'import', 'second', file)).stdout, /It was there/);
  refused(await commandLine(scope, { ...services, queue: { privatePort: 1 } })('halls', 'import', 'second', file), EXIT.unknown, /queue-front cannot be reached.*\n.*the hall is in place, .* run this again/);
  const corrected = JSON.stringify({ ...JSON.parse(document), name: 'Corrected' });
  refused(await fairgate('halls', 'correct', 'second', '-', { input: corrected }), EXIT.usage, /--yes/);
  assert.match(done(await fairgate('halls', 'correct', 'second', '-', '--yes', '--why', 'a typo', { input: corrected })).stdout, /^CATEGORY +PRICE +FREE/);
  assert.equal((await fairgate('halls', 'show', 'second', '--json')).json.name, 'Corrected');
  done(await fairgate('halls', 'block', 'second', 'r1s1'));
  refused(await fairgate('halls', 'correct', 'second', '-', '--yes', { input: JSON.stringify({ ...JSON.parse(document), currency: 'CHF' }) }), EXIT.refused, /what has to stay; \/ what is blocked must be unblocked first, .*\(correction-refused\)/);
  done(await fairgate('halls', 'unblock', 'second', 'r1s1'));
  refused(await fairgate('halls', 'import', 'third', '-', { input: '{"name": 1}' }), EXIT.refused, /\(bad-/);
  assert.deepEqual(cells(done(await fairgate('halls', 'list')).stdout).map(([id]) => id).sort(), [EVENT, 'second'].sort());

  const blockedSeats = async () => (await fairgate('halls', 'show', 'second', '--json')).json.categories.reduce((sum, { blocked }) => sum + blocked, 0);
  done(await fairgate('halls', 'block', 'second', 'r1s1', 'r1s2', '--why', 'camera'));
  await until('them to be shown', async () => (await blockedSeats()) === 2);
  refused(await fairgate('halls', 'block', 'second', 'r1s1', 'r1s3'), EXIT.refused, /r1s1.*\(seats-taken\)/);
  assert.equal(await blockedSeats(), 2, 'all of them or none');
  refused(await fairgate('halls', 'block', 'second', 'nowhere'), EXIT.refused, /seat-unknown/);
  done(await fairgate('halls', 'unblock', 'second', 'r1s1', 'r1s2'));
  await until('them to be free', async () => (await blockedSeats()) === 0);
  assert.match(done(await fairgate('halls', 'counts', 'second')).stdout, /^blocked +\d+$/m);
  await until('the seats to be on the trail', async () => /camera[^]*revised .*a typo/.test((await fairgate('halls', 'audit', 'second')).stdout));

  const [category, other] = (await fairgate('halls', 'show', 'second', '--json')).json.categories;
  refused(await fairgate('halls', 'price', 'second', `${category.name}=777`), EXIT.usage, /--yes/);
  for (const wrong of [category.name, `${category.name}=much`]) refused(await fairgate('halls', 'price', 'second', wrong, '--yes'), EXIT.usage, /CATEGORY=PRICE/);
  refused(await fairgate('halls', 'price', 'second', `${category.name}=777`, `${other.name}=778`, `${category.name}=779`, '--yes'), EXIT.usage, new RegExp(`${category.name} is there twice`));
  done(await fairgate('halls', 'price', 'second', `${category.name}=777`, `${other.name}=778`, '--yes', '--why', 'few came'));
  assert.equal((await fairgate('halls', 'show', 'second', '--json')).json.categories[0].price, 777);
  await until('the price to be on the trail', async () => new RegExp(`priced .*${category.name} .*${category.price} .*777 .*few came`).test((await fairgate('halls', 'audit', 'second')).stdout));
  const told = done(await withLine('audit', 'second')).stdout;
  assert.match(told, new RegExp(`seats +- +few came +priced ${category.name} ${category.price} to 777$`, 'm'), 'in the one list of all trails');
  refused(await fairgate('halls', 'show', 'nothing'), EXIT.refused, /event-unknown/);

  refused(await fairgate('cancel', 'second', '--why', 'ill'), EXIT.usage, /^fairgate: second: Corrected\. All tickets become void/);
  for (const seats of [undefined, { privatePort: 1 }])
    refused(await commandLine(scope, { ...services, seats })('cancel', 'second', '--why', 'ill'), EXIT.usage, /^fairgate: second: its hall cannot be read now\. All tickets become void/);
  const postpone = (until) => withoutSeats('postpone', 'second', 'starts_at=2031-05-01T18:00:00Z', `refund_until=${until}`, '--why', 'ill', '--yes');
  refused(await postpone('2031-01-01T00:00:00Z'), EXIT.refused, /hall-has-another-date/);
  done(await fairgate('halls', 'correct', 'second', '-', '--yes', { input: JSON.stringify({ ...JSON.parse(document), starts_at: '2031-05-01T18:00:00Z' }) }));
  done(await postpone('2031-01-01T00:00:00Z'));
  const { stdout } = done(await postpone('2031-02-01T00:00:00Z'));
  for (const shown of [/^refund_until +2031-02-01 /m, /^times +1$/m, /^mails_waiting +0$/m]) assert.match(stdout, shown);
});

test('a sale is followed: sagas, counts, the export of what is sold', async () => {
  const { order } = await buy('r2s1', 'r2s2');
  await until('the saga to be through', async () => (await sagaOf(order, 'checkout')).state === 'completed');
  const saga = await sagaOf(order, 'checkout');
  assert.match(done(await fairgate('sagas', 'show', String(saga.saga))).stdout, new RegExp(`^order +${order}$`, 'm'));
  assert.match((await fairgate('sagas', 'list', '--state', 'all')).stdout, new RegExp(order));
  refused(await fairgate('sagas', 'show', '999999'), EXIT.refused, /saga-unknown/);
  refused(await fairgate('sagas', 'retry', String(saga.saga)), EXIT.usage, /--why TEXT is missing/);
  refused(await fairgate('sagas', 'retry', String(saga.saga), '--why', 'x'), EXIT.refused, /./);
  refused(await fairgate('sagas', 'compensate', String(saga.saga), '--why', 'x'), EXIT.usage, /--yes/);
  refused(await fairgate('sagas', 'compensate', String(saga.saga), '--why', 'x', '--yes'), EXIT.refused, /./);

  for (const words of [['find', 'row 2 seat 1', '--event', EVENT], ['list', EVENT]])
    assert.ok(cells(done(await fairgate('orders', ...words)).stdout).some((row) => row.includes(order)), words[0]);
  const { order_number: number } = (await fairgate('orders', 'find', order, '--json')).json.orders[0];
  assert.match(done(await fairgate('orders', 'show', number.replaceAll('-', ''))).stdout, new RegExp(`^order +${order}$`, 'm'));
  done(await fairgate('mails', 'again', number, '--why', 'it did not come'));
  assert.match(done(await fairgate('orders', 'counts', EVENT)).stdout, /^captured +\d+$/m);
  assert.match(done(await withLine('report', EVENT)).stdout, /^ {2}sold +2 of 150 \(1\.3 %\)\n[^]*^ {2}kept +[\d,]+ KRW$/m, 'standing places are part of the whole');
  assert.match(done(await withoutSeats('report', EVENT)).stdout, /^ {2}kept +\d+ in minor units$/m, 'the currency is not known');
  assert.ok(cells((await fairgate('halls', 'export', EVENT)).stdout).some((row) => row[0] === 'r2s1' && row.includes(order)));
  const csv = done(await fairgate('halls', 'export', EVENT, '--csv')).stdout.trimEnd().split(/\r?\n/);
  assert.ok(csv.some((line) => line.includes('r2s2') && line.includes(order)));
  // Three pages of copies of the order, with a name that a spreadsheet would take for a formula.
  copyOrders(world.postgres, order, 401, `jsonb_build_object('id', 'o_' || i, 'hold', i, 'idem_key', i, 'event', 'paged',
    'purchase', jsonb_set(o.purchase, '{lines,0,place}', '"=1\\"2"'))`);
  const [head, ...rows] = done(await fairgate('orders', 'lines', 'paged')).stdout.trimEnd().split(/[\r\n]+/);
  assert.match(head, /^order,status,/);
  assert.equal(new Set(rows.map((row) => row.split(',')[0])).size, 401);
  assert.equal(rows.filter((row) => row.includes(`,"'=1""2",,"`)).length, 401);
  assert.equal(rows.length, 2 * 401);
  for (const words of [['list', 'paged'], ['find', buyer.member]]) await assertPaged('orders', ...words, '--limit', '200');
  world.postgres.sql("DELETE FROM pay.orders WHERE event = 'paged'", 'pay');
  done(await fairgate('letters', 'list'));
  refused(await fairgate('letters', 'retry', '4711'), EXIT.refused, /letter-unknown/);
  done(await fairgate('mails', 'list'));
  refused(await fairgate('mails', 'retry', '4711'), EXIT.refused, /mail-unknown/);
  world.postgres.sql(`INSERT INTO pay.mail_outbox (order_id, member, kind, lang, due_at, error)
    SELECT '${order}', '1', 'moved-' || i, 'en', 'infinity', 'smtp 550' FROM generate_series(1, 501) i`, 'pay');
  assert.match(done(await fairgate('mails', 'list')).stdout, /^1 more waits\.$/m);
  for (const said of ['\n1 more waits.\n', '\n', '\n'])
    assert.equal(done(await fairgate('mails', 'retry', 'all')).stdout, `On its way again: all.${said}`);
  refused(await fairgate('tickets', 'revoke', order, '--why', 'x'), EXIT.refused, /tickets-unknown/);
});

test('tickets are let in from the input, once, and taken back with a reason', async () => {
  const { order, tickets } = await buy('r3s1', 'r3s2');
  const input = `${tickets.map(({ token }) => token).join('\n')}\n`;
  const first = done(await fairgate('checkin', EVENT, 'west', { input }));
  assert.deepEqual(first.stdout.trimEnd().split('\n').map((line) => line.split(/ +/)[0]), ['in', 'in']);
  const second = await fairgate('checkin', EVENT, 'west', { input });
  assert.deepEqual([second.status, second.stdout.match(/already-used/g).length], [EXIT.refused, 2]);
  assert.match(done(await fairgate('doors', EVENT)).stdout, /^inside +2$/m);
  refused(await fairgate('checkin', EVENT, 'west', '--undo', { input }), EXIT.usage, /--why/);
  assert.match(done(await fairgate('checkin', EVENT, 'west', '--undo', '--why', 'wrong gate', { input })).stdout, /^undone/m);
  assert.match((await fairgate('checkin', EVENT, 'west', { input: 'nonsense\n' })).stdout, /refused/);
  refused(await fairgate('checkin', EVENT, 'west'), EXIT.usage, /no ticket came/);
  refused(await fairgate('move', order, 'r3s1', '--why', 'x', '--yes'), EXIT.usage, /FROM=TO/);
});

test('seats are moved, and an order is given back, only with a reason and a yes', async () => {
  const { order } = await buy('r4s1');
  refused(await fairgate('move', order, 'r4s1=r4s2', '--yes'), EXIT.usage, /--why/);
  refused(await fairgate('move', order, 'r4s1=r4s2', '--why', 'broken chair'), EXIT.usage, /Move the seats\?/);
  done(await fairgate('move', order, 'r4s1=r4s2', '--why', 'broken chair', '--yes'));
  await until('the seat to be moved', async () => (await world.soldSeats()).includes(`${order} r4s2`));
  await until('the move to be through', async () => (await sagaOf(order, 'move')).state === 'completed');
  assert.match(done(await fairgate('transfer', order, '999', 'r4s2', '--why', 'a friend comes')).stdout, /^999 can accept/m);
  refused(await fairgate('refund', order, '--why', 'ill'), EXIT.usage, /--yes/);
  refused(await fairgate('refund', order, 'r4s2', '--free', '--why', 'ill', '--yes'), EXIT.refused, /whole-order/);
  done(await fairgate('refund', order, '--why', 'a column in front', '--amount', '1000', '--yes'));
  await until('the part to be refunded', async () => (await sagaOf(order, 'credit')).state === 'completed');
  done(await fairgate('refund', order, '--why', 'ill', '--percent', '50', '--yes'));
  await world.untilStatus(buyer, order, 'refunded');
  await assertPaged('sagas', 'list', '--state', 'all', '--limit', '2');
  for (const act of [['cancel', 'nothing'], ['postpone', 'nothing', 'starts_at=2031-05-01T18:00:00Z', 'refund_until=2031-01-01T00:00:00Z']])
    refused(await fairgate(...act, '--why', 'ill', '--yes'), EXIT.refused, /event-unknown/);
  refused(await fairgate('refund', 'ord_nothing', '--why', 'x', '--yes'), EXIT.refused, /order-unknown|not-found|bad-request/);
});

test('terms of refund are changed as they were read', async () => {
  assert.match(done(await fairgate('terms', 'show', EVENT)).stdout, /^percent +\d+$/m);
  done(await fairgate('terms', 'set', EVENT, 'by=operator', 'percent=80', '--why', 'festival rules'));
  const terms = (await fairgate('terms', 'show', EVENT, '--json')).json;
  assert.deepEqual([terms.by, terms.percent], ['operator', 80]);
  refused(await fairgate('terms', 'set', EVENT, 'percent=0', '--why', 'x'), EXIT.refused, /./);
});

test('a scanner is made, listed and revoked; its token is shown once', async () => {
  const made = (await fairgate('scanners', 'create', EVENT, 'north', '--why', 'evening', '--expires', '3600', '--json')).json;
  assert.ok(made.token.length > 20);
  const listed = done(await fairgate('scanners', 'list', EVENT)).stdout;
  assert.match(listed, new RegExp(`${made.scanner} +north +yes`));
  assert.ok(!listed.includes(made.token));
  done(await fairgate('scanners', 'revoke', EVENT, made.scanner, '--why', 'lost'));
  assert.match((await fairgate('scanners', 'list', EVENT)).stdout, new RegExp(`${made.scanner} +north +no`));
});

test('a reconciliation that finds a difference ends with 1', async () => {
  const answer = await fairgate('reconcile', 'now');
  assert.match(answer.stdout, /^\d+ differences?, as of \d{4}-/, answer.stderr);
  const shown = await fairgate('reconcile', 'show', '--json');
  const { drift, not_reached: away } = shown.json;
  assert.equal(shown.status, drift > 0 || away.length > 0 ? EXIT.refused : EXIT.done);
  assert.equal(answer.status, shown.status);
});

test('a difference is accepted by its name, and ends reconciliation with 0 until that is withdrawn', async () => {
  world.postgres.sql("UPDATE pay.orders SET amount = amount + 1, changed_at = now() - interval '1 hour' WHERE status = 'completed'", 'pay');
  const run = () => until('all to be reached', async () => {
    const answer = await fairgate('reconcile', 'now', '--json');
    return answer.json?.not_reached.length === 0 && answer;
  });
  const { status, json } = await run();
  assert.ok(status === EXIT.refused && json.drift > 0);
  const { difference } = json.items[0];
  refused(await fairgate('reconcile', 'accept', difference), EXIT.usage, /--why/);
  for (const item of json.items) done(await fairgate('reconcile', 'accept', item.difference, '--why', 'as agreed'));
  assert.equal((await run()).status, EXIT.done);
  assert.match(done(await fairgate('reconcile', 'show')).stdout, new RegExp(`^${json.drift} accepted$[^]*^${difference} .*as agreed$`, 'm'));
  done(await fairgate('reconcile', 'withdraw', difference, '--why', 'a mistake'));
  assert.equal((await run()).json.drift, 1);
  refused(await fairgate('reconcile', 'accept', 'nothing', '--why', 'x'), EXIT.refused, /difference-unknown/);
});

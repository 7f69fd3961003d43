// Before an opening, each service has the size of `fairgate size` with a zone to spare; and the printed costs are right.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { month, once, readPrices, SALES, sum, table } from '../src/cost.js';
import { BIN, checked, fileOf, sizeFor, times } from '../src/sale.js';
import { ofType, PERSONS, personsTemplates, SALE, templates } from './made.js';

test('with one zone of three lost there are as many machines as `fairgate size` wants, and each can hold what is its part', () => {
  for (const visitors of SALES) {
    const { edges, fronts, pays, maxconn, pspPerS, usersPerS } = sizeFor({ ...SALE, visitors });
    const asked = ['size', '--cdn', '--visitors', `${visitors}`, '--seats', `${SALE.seats}`, '--placed', '60', '--edge-cores', `${edges.cpu / 1024}`, '--front-cores', `${fronts.cpu / 1024}`, '--json'];
    const { parts, settings } = JSON.parse(execFileSync(join(BIN, 'fairgate'), asked, { encoding: 'utf8' })) as { parts: { part: string; count: number; memory_gb: number }[]; settings: { setting: string; least: number }[] };
    for (const [name, { count, memoryMb }] of Object.entries({ edge: edges, 'queue-front': fronts, 'payment-adapter': pays })) {
      const part = parts.find((one) => one.part === name)!;
      assert.ok(count - Math.ceil(count / 3) >= part.count, `${visitors}: ${count} of ${name}`);
      assert.ok(memoryMb >= part.memory_gb * 1024, `${visitors}: memory of ${name}`);
    }
    assert.ok(maxconn * (edges.count - Math.ceil(edges.count / 3)) >= visitors && 2 * (maxconn * 1.1 + 500) < 1_048_576, `${visitors}: ${maxconn}`);
    for (const [name, given] of Object.entries({ 'psp.per_s': pspPerS, 'users.queries_per_s': usersPerS })) assert.ok(given >= settings.find(({ setting }) => setting === name)!.least, name);
  }
});

test('the idle profile is a few cores, and nothing of it grows for an opening', () => {
  const { edges, fronts, seats, pays, database } = sizeFor({ ...SALE, profile: 'idle' });
  for (const { count, cpu } of [edges, fronts, seats, pays]) assert.deepEqual([count, cpu], [2, 1024]);
  assert.equal(database, 'db.r7g.large');
  for (const type of ['AWS::ApplicationAutoScaling::ScalableTarget', 'AWS::Scheduler::Schedule']) assert.deepEqual(ofType(personsTemplates().first, type), []);
});

test('bytes to visitors are those of SCALE.md', () => {
  const rows = [...fileOf('infra/SCALE.md').matchAll(/^\| ([\d,]+) \| \d+ edges?, \d+ fronts?, \d+ shards? \| [^|]+ \| ([\d,]+) GB \|/gm)].map((row) => [row[1]!, row[2]!].map((one) => Number(one.replaceAll(',', ''))));
  for (const visitors of SALES) {
    const [, gb] = rows.find(([there]) => there === visitors)!;
    assert.ok(Math.abs(sizeFor({ ...SALE, visitors }).traffic.gb / gb! - 1) < 0.25, `${visitors}: ${gb}`);
  }
});

test('services grow before the opening and shrink after it, at times that do not hang on the day', () => {
  const { up, down } = times(SALE);
  assert.equal(new Date(up).toISOString(), '2027-05-01T10:00:00.000Z');
  assert.equal(new Date(down).toISOString(), '2027-05-01T15:00:00.000Z');
  const { edges, fronts } = sizeFor(SALE);
  const targets = ofType(templates().first, 'AWS::ApplicationAutoScaling::ScalableTarget').map(([, { Properties }]) => Properties);
  assert.equal(targets.length, 3); // of edges, and of fronts by two names
  for (const { ScheduledActions, MinCapacity, MaxCapacity } of targets) {
    const [rise, fall] = ScheduledActions;
    assert.deepEqual([rise.Schedule, fall.Schedule], ['at(2027-05-01T10:00:00)', 'at(2027-05-01T15:00:00)']);
    assert.equal(rise.ScalableTargetAction.MinCapacity, MaxCapacity);
    assert.deepEqual(fall.ScalableTargetAction, { MinCapacity, MaxCapacity: MinCapacity }); // only a lower maximum takes tasks away
    assert.ok([edges.count, Math.ceil(fronts.count / 2)].includes(MaxCapacity));
  }
  const calls = ofType(templates().first, 'AWS::Scheduler::Schedule').map(([, { Properties }]) => Properties.ScheduleExpression);
  assert.deepEqual(calls, ['at(2027-05-01T10:00:00)', 'at(2027-05-01T15:00:00)']);
  assert.deepEqual(ofType(templates().second, 'AWS::ApplicationAutoScaling::ScalableTarget'), []);
});

test('the settings of a sale are validated before anything is made of them', () => {
  const wrong = (change: object) => assert.throws(() => checked({ ...SALE, ...change }), /sale\.json|no size/);
  wrong({ opensAt: 'tomorrow' });
  wrong({ opensAt: '2027-13-01T11:00:00Z' });
  wrong({ visitors: 200_000_000 });
  wrong({ profile: 'morning' });
  wrong({ warmMinutes: 5 });
  wrong({ awake: 'both' });
  wrong({ awake: 'second', second: undefined });
  wrong({ primary: { ...SALE.primary, zones: ['ap-northeast-2a', 'ap-northeast-2a', 'ap-northeast-2c'] } });
  wrong({ second: { ...SALE.second!, cidr: SALE.primary.cidr } });
  wrong({ second: { ...SALE.second!, region: SALE.primary.region, zones: SALE.primary.zones } });
  wrong({ operators: { ...PERSONS.operators!, audience: '' } });
  wrong({ operators: { ...PERSONS.operators!, issuer: 'http://id.example' } });
});

test('prices have a date and a source, and the bill has no line for nothing', () => {
  const prices = readPrices();
  assert.match(prices.asOf, /^\d{4}-\d\d$/);
  assert.ok(prices.source.length > 20);
  for (const visitors of SALES) {
    const size = sizeFor({ ...SALE, visitors });
    for (const [what, money] of [...month(prices, SALE, size), ...once(prices, { ...SALE, visitors }, size)]) assert.ok(money > 0, what);
  }
});

test('a larger sale costs more, and the printed table says what was summed', () => {
  const prices = readPrices();
  const bills = SALES.map((visitors) => sum(once(prices, { ...SALE, visitors }, sizeFor({ ...SALE, visitors }))));
  assert.ok(bills[0]! < bills[1]! && bills[1]! < bills[2]!);
  const printed = table(prices, SALE);
  for (const bill of bills) assert.ok(printed.includes(Math.round(bill).toLocaleString('en')), `${bill}`);
  assert.ok(printed.includes(prices.asOf) && printed.includes(prices.source));
});

test('README.md has the sums that are printed now', () => {
  const readme = fileOf('infra/aws/README.md');
  const sums = table(readPrices(), SALE).split('\n').filter((line) => /^ *(visitors|together) /.test(line));
  assert.equal(sums.length, 4);
  for (const line of sums) assert.ok(readme.includes(line), line);
});

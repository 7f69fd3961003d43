// Before an opening everything has its size, which is SCALE.md's with a zone to lose; and it costs what is printed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { month, once, readPrices, scaleRows, sum, table, traffic } from '../src/cost.js';
import { checked, fileOf, sizeFor, sizes, times } from '../src/sale.js';
import { ofType, PERSONS, SALE, templates } from './made.js';

test('the table of SCALE.md has a row for each size, and with one zone of three lost as many cores are left', () => {
  const rows = scaleRows();
  assert.deepEqual(rows.map(({ visitors }) => visitors), sizes().map(({ visitors }) => visitors));
  const [, edgeCores, frontCores] = /edges of (\d+) cores, fronts of (\d+)\./.exec(fileOf('infra/SCALE.md'))!.map(Number) as [number, number, number];
  rows.forEach((row, i) => {
    const { edges, fronts } = sizes()[i]!;
    const left = ({ count, cpu }: typeof edges) => (count - Math.ceil(count / 3)) * (cpu / 1024);
    assert.ok(left(edges) >= row.edges * edgeCores, `${row.visitors}: ${left(edges)} cores of edges`);
    assert.ok(left(fronts) >= row.fronts * frontCores, `${row.visitors}: ${left(fronts)} cores of fronts`);
  });
});

test('polls follow from the bytes, and are as many as SCALE.md counts in a second, for as long as the line lasts', () => {
  for (const row of scaleRows()) {
    const polls = traffic(row).millions * 1e6 - 2 * row.visitors;
    const seconds = polls / row.pollsPerS; // 50,000 seats, fifty a second: a thousand, while the line gets shorter
    assert.ok(seconds > 600 && seconds < 1100, `${row.visitors}: ${seconds} s`);
  }
});

test('services grow before the opening and shrink after it, at times that do not hang on the day', () => {
  const { up, down } = times(SALE);
  assert.equal(new Date(up).toISOString(), '2027-05-01T10:00:00.000Z');
  assert.equal(new Date(down).toISOString(), '2027-05-01T15:00:00.000Z');
  const size = sizeFor(SALE.visitors);
  const targets = ofType(templates().first, 'AWS::ApplicationAutoScaling::ScalableTarget').map(([, { Properties }]) => Properties);
  assert.equal(targets.length, 3);
  for (const { ScheduledActions, MinCapacity, MaxCapacity } of targets) {
    const [rise, fall] = ScheduledActions;
    assert.deepEqual([rise.Schedule, fall.Schedule], ['at(2027-05-01T10:00:00)', 'at(2027-05-01T15:00:00)']);
    assert.equal(rise.ScalableTargetAction.MinCapacity, MaxCapacity);
    assert.equal(fall.ScalableTargetAction.MinCapacity, MinCapacity);
    assert.ok([size.edges.count, size.fronts.count, size.pays.count].includes(MaxCapacity));
  }
  const calls = ofType(templates().first, 'AWS::Scheduler::Schedule').map(([, { Properties }]) => Properties.ScheduleExpression);
  assert.deepEqual(calls, ['at(2027-05-01T10:00:00)', 'at(2027-05-01T15:00:00)']);
  assert.deepEqual(ofType(templates().second, 'AWS::ApplicationAutoScaling::ScalableTarget'), []);
});

test('the settings of a sale are validated before anything is made of them', () => {
  const wrong = (change: object) => assert.throws(() => checked({ ...SALE, ...change }), /sale\.json|no size/);
  wrong({ opensAt: 'tomorrow' });
  wrong({ opensAt: '2027-13-01T11:00:00Z' });
  wrong({ visitors: 20_000_000 });
  wrong({ warmMinutes: 5 });
  wrong({ awake: 'both' });
  wrong({ awake: 'second', second: undefined });
  wrong({ primary: { ...SALE.primary, zones: ['ap-northeast-2a', 'ap-northeast-2a', 'ap-northeast-2c'] } });
  wrong({ second: { ...SALE.second!, cidr: SALE.primary.cidr } });
  wrong({ second: { ...SALE.second!, region: SALE.primary.region, zones: SALE.primary.zones } });
  wrong({ shop: { ...SALE.shop, delivery: 'pigeon' } });
  wrong({ operators: { ...PERSONS.operators!, audience: '' } });
  wrong({ operators: { ...PERSONS.operators!, issuer: 'http://id.example' } });
});

test('prices have a date and a source, and the bill has no line for nothing', () => {
  const prices = readPrices();
  assert.match(prices.asOf, /^\d{4}-\d\d$/);
  assert.ok(prices.source.length > 20);
  for (const row of scaleRows()) {
    const size = sizeFor(row.visitors);
    for (const [what, money] of [...month(prices, SALE, size), ...once(prices, SALE, size, row)].filter(([what]) => what !== 'more tasks')) assert.ok(money > 0, what);
  }
});

test('a larger sale costs more, and the printed table says what was summed', () => {
  const prices = readPrices();
  const bills = scaleRows().map((row) => sum(once(prices, SALE, sizeFor(row.visitors), row)));
  assert.ok(bills[0]! < bills[1]! && bills[1]! < bills[2]!);
  const printed = table(prices, SALE);
  for (const bill of bills) assert.ok(printed.includes(Math.round(bill).toLocaleString('en')), `${bill}`);
  assert.ok(printed.includes(prices.asOf) && printed.includes(prices.source));
});

test('README.md has the sums that are printed now', () => {
  const readme = fileOf('infra/aws/README.md');
  const sums = table(readPrices(), SALE).split('\n').filter((line) => /^ *(visitors|together) /.test(line));
  assert.equal(sums.length, 3);
  for (const line of sums) assert.ok(readme.includes(line), line);
});

test('gigabytes to visitors cost at CloudFront about what SCALE.md takes for them; the rest of a sale is requests', () => {
  const prices = readPrices();
  const cents = Number(/a gigabyte (0\.\d+)/.exec(fileOf('infra/SCALE.md').replaceAll('\n', ' '))![1]);
  assert.ok(Math.abs(prices.perGb['cdn']! - cents) <= 0.01);
});

// Each alert of infra/observe/alerts.yml is an alarm with the same condition; an expression that is not understood is an error.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { alarms, JOBS, metrics } from '../src/alerts.js';
import { fileOf } from '../src/sale.js';
import { ofType, templates } from './made.js';

const YML = 'infra/observe/alerts.yml';
const names = (parse(fileOf(YML)) as { groups: { rules: { alert: string }[] }[] }).groups.flatMap(({ rules }) => rules.map(({ alert }) => alert));
const one = (expr: string, more = '') => alarms(`groups:\n  - name: x\n    rules:\n      - alert: A\n        expr: ${expr}\n${more}        labels: { severity: page }\n        annotations: { summary: s }\n`)[0]!;

test('every alert has its alarm, in both regions, and each metric in a query is one that the alert names', () => {
  const text = fileOf(YML);
  for (const template of [templates().first, templates().second]) {
    const made = ofType(template, 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => Properties).filter(({ AlarmName }) => AlarmName !== undefined && !AlarmName.includes('-FairgateSlo'));
    const plain = made.map(({ AlarmName }) => (AlarmName as string).replace(/^fairgate-(first|second)-/, '').replace(/-.*/, ''));
    assert.deepEqual([...new Set(plain)], names);
    for (const { Metrics } of made) {
      for (const { Expression } of Metrics as { Expression: string }[]) {
        const metric = /\("([a-z_]+)"\)/.exec(Expression)?.[1];
        if (metric !== undefined) assert.ok(text.includes(metric), metric);
      }
    }
  }
});

test('page and look are two topics, and an alarm tells its own', () => {
  const made = ofType(templates().first, 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => Properties).filter(({ AlarmActions }) => AlarmActions !== undefined);
  const told = new Map(made.map(({ AlarmName, AlarmActions }) => [AlarmName, AlarmActions[0].Ref as string]));
  for (const { name, severity } of alarms()) assert.match(told.get(`fairgate-first-${name}`)!, new RegExp(`^Topic${severity}`), name);
});

test('forms of expressions, as they are asked of CloudWatch', () => {
  const query = (expr: string) => {
    const { queries, threshold, operator } = one(expr);
    return [queries[0]!.sql, queries[0]!.periodS, operator, threshold];
  };
  assert.deepEqual(query('min by (event) (a_b) == 1'), ['SELECT MIN("a_b") FROM SCHEMA("Fairgate", "event", "part") GROUP BY "event"', 60, 'GreaterThanOrEqualToThreshold', 1]);
  assert.deepEqual(query('max by (event) (a_b) == 0'), ['SELECT MAX("a_b") FROM SCHEMA("Fairgate", "event", "part") GROUP BY "event"', 60, 'LessThanOrEqualToThreshold', 0]);
  assert.deepEqual(query('a_b{state="out"} > 0'), ['SELECT MAX("a_b") FROM SCHEMA("Fairgate", "part", "state") WHERE "state" = \'out\'', 60, 'GreaterThanThreshold', 0]);
  assert.deepEqual(query('max by (event) (increase(a_b[5m])) > 5000'), ['SELECT SUM("a_b") FROM SCHEMA("Fairgate", "event", "part") GROUP BY "event"', 300, 'GreaterThanThreshold', 5000]);
  assert.deepEqual(query('max by (instance) (a_b) > 5'), ['SELECT MAX("a_b") FROM SCHEMA("Fairgate", "part")', 60, 'GreaterThanThreshold', 5]);
  assert.deepEqual(query('sum by (why) (increase(a_b{why!="x",why!="y"}[15m])) > 10'), ['SELECT SUM("a_b") FROM SCHEMA("Fairgate", "part", "why") WHERE "why" != \'x\' AND "why" != \'y\' GROUP BY "why"', 900, 'GreaterThanThreshold', 10]);
  const some = one('sum(increase(a_b[5m])) > 0.01 * sum(increase(c_d[5m]))');
  assert.deepEqual([some.queries.map(({ sql, periodS }) => [sql, periodS]), some.expression], [[['SELECT SUM("a_b") FROM SCHEMA("Fairgate", "part")', 300], ['SELECT SUM("c_d") FROM SCHEMA("Fairgate", "part")', 300]], 'IF(m0 > 0.01 * m1, 1, 0)']);
  assert.deepEqual(query('max by (event) (max_over_time(a_b[5m])) > 9'), ['SELECT MAX("a_b") FROM SCHEMA("Fairgate", "event", "part") GROUP BY "event"', 300, 'GreaterThanThreshold', 9]);
  const words = one('sum(increase(a_b{why=~"x|y"}[5m])) > 100 + 2 * sum(increase(a_b{why="z"}[5m]))');
  assert.deepEqual([words.queries.map(({ sql }) => /WHERE .*/.exec(sql)![0]), words.expression], [['x', 'y', 'z'].map((word) => `WHERE "why" = '${word}'`), 'IF(m0 + m1 > 100 + 2 * m2, 1, 0)']);
  const soon = one('max by (event) (a_b) == 1 and max by (event) (c_d) < time() + 3600');
  assert.deepEqual([soon.queries[1]!.sql, soon.expression], ['SELECT MIN("c_d") FROM SCHEMA("Fairgate", "part")', 'IF(m0 == 1 AND m1 < EPOCH(m1) + 3600, 1, 0)']);
  assert.equal(one('a_b > 0 and a_b < 150').expression, 'IF(m0 > 0 AND m1 < 150, 1, 0)');
  assert.equal(one('max by (event) (a_b) > 9 or max by (event) (c_d) > 8').expression, 'IF(m0 > 9 OR m1 > 8, 1, 0)');
  assert.equal(one('a_b > 0', '        for: 5m\n').minutes, 5);
  assert.equal(one('a_b > 0', '        for: 15s\n').minutes, 1);
});

test('errors are judged service by service, as a part of all its answers', () => {
  const errors = alarms().filter(({ name }) => name.startsWith('FairgateErrors'));
  assert.deepEqual(errors.map(({ name }) => name), Object.keys(JOBS).map((job) => `FairgateErrors-${job}`));
  for (const { expression, queries } of errors) {
    assert.equal(expression, 'IF(m0 > 0.05 * m1, 1, 0)');
    assert.match(queries[0]!.sql, /"class" = '5xx'/);
    assert.doesNotMatch(queries[1]!.sql, /5xx/);
  }
});

test('an expression of a form that is not understood is an error, not another alarm', () => {
  for (const expr of ['rate(a_b[5m]) > 1', 'a_b offset 5m > 1', 'absent(a_b)', 'a_b{x=~"y"} > 0', 'avg by (event) (a_b) > 1', 'a_b > c_d', 'histogram_quantile(0.9, a_b) > 1']) {
    assert.throws(() => one(expr), Error, expr);
  }
});

test('the collector reads every task, and hands on each metric with each set of labels that is asked for', () => {
  const task = ofType(templates().first, 'AWS::ECS::TaskDefinition').find(([, { Properties }]) => (Properties.Family as string).endsWith('-collector'))![1].Properties;
  const text = JSON.stringify(task.ContainerDefinitions[0].Environment);
  for (const [job, port] of Object.entries(JOBS)) {
    assert.ok(text.includes(`${job}.fairgate.internal`), job);
    assert.ok(text.includes(`\\"port\\":${port}`) || text.includes(`\\\\\\"port\\\\\\":${port}`), `${job} at ${port}`);
  }
  for (const { name } of metrics(alarms())) assert.ok(text.includes(`^${name}$`), name);
});

test('AWS itself reports a service that is gone', () => {
  const made = Object.keys(Object.fromEntries(ofType(templates().first, 'AWS::CloudWatch::Alarm'))).filter((id) => id.startsWith('FairgateGone'));
  assert.equal(made.length, ofType(templates().first, 'AWS::ECS::Service').length);
});

// Each alert of build/observe/slo.yml is a composite alarm of windows with the same conditions and numbers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { bucketsOf, burns, WITHIN, windowsOf, type Window } from '../src/promises.js';
import { fileOf } from '../src/sale.js';
import { ofType, templates } from './made.js';

interface Rule { alert?: string; expr: string; labels: { slo?: string; severity?: string } }
const TEXT = fileOf('build/observe/slo.yml');
const groups = (parse(TEXT) as { groups: { rules: Rule[] }[] }).groups;
const alerts = groups.flatMap(({ rules }) => rules).filter(({ alert }) => alert !== undefined);
const SECONDS: Record<string, number> = { '1m': 60, '5m': 300, '30m': 1800, '6h': 21600 };

const properties = (type: string, region: 'first' | 'second') => ofType(templates()[region], type).map(([, { Properties }]) => Properties);

// A rule's conditions, parsed from its text: for each pair, [window, limit] and the least number of calls.
const told = (expr: string) => [...expr.matchAll(/\(([^()]*)\)/g)].map(([, pair]) => ({
  windows: [...pair!.matchAll(/slo_bad:ratio(\w+)\{[^}]*\} > ([\d.]+)/g)].map(([, window, limit]) => [SECONDS[window!], Number(limit)]),
  calls: Number(/slo_all:rate\w+\{[^}]*\} > ([\d.]+)/.exec(pair!)?.[1] ?? 0),
}));

test('every alert has its alarm, in both regions, which tells whom it should; its windows are there and tell nobody', () => {
  for (const region of ['first', 'second'] as const) {
    const alarms = new Map(properties('AWS::CloudWatch::Alarm', region).map((one) => [one.AlarmName, one]));
    const composed = properties('AWS::CloudWatch::CompositeAlarm', region);
    assert.deepEqual(composed.map(({ AlarmName }) => AlarmName).sort(), alerts.map(({ alert, labels }) => `fairgate-${region}-${alert}-${labels.severity}`).sort());
    for (const { AlarmName, AlarmRule, AlarmActions, OKActions } of composed) {
      assert.match(AlarmActions[0].Ref, new RegExp(`^Topic${AlarmName.split('-').at(-1)}`));
      assert.deepEqual(OKActions, AlarmActions);
      const windows = [...AlarmRule.matchAll(/ALARM\("([^"]+)"\)/g)].map(([, name]) => name);
      assert.equal(windows.length, AlarmName.endsWith('-page') ? 4 : 2);
      for (const name of windows) assert.equal(alarms.get(name)?.AlarmActions, undefined, name);
      assert.match(AlarmRule, /^\(ALARM\("[^"]+"\) AND ALARM\("[^"]+"\)\)( OR \(ALARM\("[^"]+"\) AND ALARM\("[^"]+"\)\))?$/);
    }
  }
});

// Evaluates a formula of metric math, with one value for each metric.
function computed({ expression }: Window, values: Record<string, number>): number {
  const script = expression.replace(/FILL\((\w+), 0\)/g, '($1 ?? 0)').replace(/^IF\((.*), (.*), 0\)$/, '($1) ? ($2) : 0');
  return Number(new Function(...Object.keys(values), `return ${script};`)(...Object.values(values)));
}

test('a share of calls: the windows, limits and least numbers of calls are those of the rule, and the formula is its share', () => {
  let seen = 0;
  for (const burn of burns()) {
    const rule = told(alerts.find(({ alert, labels }) => burn.name === `${alert}-${labels.severity}`)!.expr);
    assert.equal(burn.anyOf.length, rule.length, burn.name);
    burn.anyOf.forEach((pair, i) => pair.forEach((window, half) => {
      if (!window.figures.some(({ id }) => id === 'good')) return;
      seen += 1;
      assert.deepEqual([window.periodS, window.threshold], rule[i]!.windows[half], window.name);
      assert.ok(window.figures.every(({ stat }) => stat === 'Sum'));
      const others = Object.fromEntries(window.figures.filter(({ id }) => !['good', 'all0'].includes(id)).map(({ id }) => [id, 50]));
      const bad = (good: number, all0: number) => computed(window, { good, all0, ...others });
      const all = 950 + Object.keys(others).length * 50;
      assert.ok(Math.abs(bad(900, 950) - (1 - 900 / all)) < 1e-9, window.name);
      const least = half === 0 ? Math.round(rule[i]!.calls * window.periodS) : 0;
      const some = Object.fromEntries(Object.keys(others).map((id) => [id, 0]));
      assert.equal(computed(window, { good: 0, all0: least, ...some }), 0, `${window.name}: ${least} calls are too few`);
      assert.equal(computed(window, { good: 0, all0: least + 1, ...some }), 1, window.name);
    }));
  }
  assert.equal(seen, 6 * 6, 'six promises of calls, six windows each');
});

test('a share of time is so many bad minutes of a window', () => {
  const minutes = Object.fromEntries(windowsOf(burns()).filter(({ figures }) => !figures.some(({ id }) => id === 'good')).map((window) => [window.name, [window.periodS, window.periods, window.badPeriods]]));
  assert.deepEqual(minutes, {
    'FairgateSloPositions-page-5m': [60, 5, 1], 'FairgateSloPositions-page-5m-still': [60, 1, 1],
    'FairgateSloPositions-page-30m': [60, 30, 1], 'FairgateSloPositions-page-30m-still': [60, 5, 1],
    'FairgateSloPositions-look-6h': [60, 180, 2], 'FairgateSloPositions-look-6h-still': [60, 30, 1], // a query looks back three hours
    'FairgateSloDrift-page-5m': [60, 5, 1], 'FairgateSloDrift-page-5m-still': [60, 1, 1],
    'FairgateSloDrift-page-30m': [60, 30, 1], 'FairgateSloDrift-page-30m-still': [60, 5, 1],
    'FairgateSloDrift-look-6h': [60, 360, 1], 'FairgateSloDrift-look-6h-still': [60, 30, 1],
  });
  const one = (name: string) => windowsOf(burns()).find((window) => window.name === name)!;
  const positions = one('FairgateSloPositions-page-5m');
  assert.equal(positions.query?.sql, 'SELECT MIN("fairgate_line_stale") FROM SCHEMA("Fairgate", "event", "part") GROUP BY "event"');
  assert.equal(positions.expression, 'MAX(m0)');
  const drift = one('FairgateSloDrift-page-5m');
  assert.deepEqual(drift.figures.map(({ name, stat }) => [name, stat]), [['fairgate_drift', 'Maximum'], ['fairgate_reconcile_last_seconds', 'Maximum']]);
  assert.equal(drift.expression, 'IF(m0 > 0 OR (m1 > 0 AND EPOCH(m1) - m1 > 600), 1, 0)');
});

test('a rule that is written otherwise is an error, not another alarm', () => {
  const changes: [string | RegExp, string][] = [
    ['> 0.072 and fairgate:slo_bad:ratio1m{slo="join"}', '>= 0.072 and fairgate:slo_bad:ratio1m{slo="join"}'],
    ['fairgate:slo_bad:ratio1m{slo="join"} > 0.072', 'fairgate:slo_bad:ratio1m{slo="hold"} > 0.072'],
    ['expr: 1 - sum(rate(fairgate_call_duration_seconds_bucket{call="join",le="1.048576"}[5m]))', 'expr: 2 - sum(rate(fairgate_call_duration_seconds_bucket{call="join",le="1.048576"}[5m]))'],
    [/(record: fairgate:slo_all:rate5m\n\s+expr: .*?)call="join"/, '$1call="me"'],
    ['max(min by (event) (fairgate_line_stale))', 'avg(fairgate_line_stale)'],
    ['time() - max(fairgate_reconcile_last_seconds > 0)', 'time() - min(fairgate_reconcile_last_seconds)'],
    ['record: fairgate:slo_bad:ratio30m', 'record: fairgate:slo_bad:ratio31m'],
  ];
  for (const [what, by] of changes) {
    const changed = TEXT.replace(what, by);
    assert.notEqual(changed, TEXT, String(what));
    assert.throws(() => burns(changed), Error, String(what));
  }
});

test('buckets by which promises are judged, and no others, are figures of their own, which the collector hands on', () => {
  const pattern = new RegExp(`^${bucketsOf(burns())}$`);
  const said = [...TEXT.matchAll(/(fairgate_\w+_seconds)_bucket\{(?:call="\w+",)?le="([\d.]+)"\}/g)].map(([, name, le]) => `${name}_bucket;${le}`);
  assert.ok(said.length > 0);
  for (const one of said) assert.match(one, pattern);
  for (const one of ['fairgate_call_duration_seconds_bucket;+Inf', 'fairgate_order_to_ticket_seconds_bucket;+Inf']) assert.match(one, pattern);
  for (const one of ['fairgate_call_duration_seconds_bucket;0.001024', 'fairgate_call_duration_seconds_bucket;1x048576', 'fairgate_http_seconds_bucket;+Inf', 'fairgate_call_duration_seconds_count;']) assert.doesNotMatch(one, pattern);

  const task = ofType(templates().first, 'AWS::ECS::TaskDefinition').find(([, { Properties }]) => (Properties.Family as string).endsWith('-collector'))![1].Properties;
  const text = JSON.stringify(task.ContainerDefinitions[0].Environment).replaceAll('\\', '');
  assert.ok(text.includes(`convert_gauge_to_sum("cumulative", true) where IsMatch(name, "${WITHIN}$$")`));
  assert.ok(text.includes('{"target_label":"deployment","replacement":"fairgate"}'));
  for (const { name, dimensions } of windowsOf(burns()).flatMap(({ figures }) => figures))
    assert.ok(text.includes(`{"dimensions":[${JSON.stringify(Object.keys(dimensions).sort())}],"metric_name_selectors":["^${name}$"]}`), name);
});

test('each figure is one that a program exports', () => {
  const known = fileOf('docs/operate/metrics.md');
  for (const { metrics } of windowsOf(burns())) for (const { name } of metrics) assert.ok(known.includes(`\`${name.replace(WITHIN, '')}\``), name);
});

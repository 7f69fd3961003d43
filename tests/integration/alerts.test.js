// The alerts: promtool reads them, each fires when its figures go bad and is silent before, each has a line in the
// runbook, and each figure that a service calls trouble has an alert.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { dump, load } from 'js-yaml';
import { openScope, ROOT } from '../lib-js/index.js';

const PATH = join(ROOT, 'infra/observe/alerts.yml');
const rules = load(readFileSync(PATH, 'utf8')).groups.flatMap((group) => group.rules);

// What makes each fire: its series, with the value of a good half hour and of a bad one. `xN` steps of a minute follow.
const GOOD = 30;
const rising = (by) => `0+0x${GOOD} ${by}+${by}x30`;
const level = (good, bad) => `${good}+0x${GOOD} ${bad}+0x30`;
const event = '{event="night"}';
const CASES = {
  FairgateDown: [['up{job="fairgate-queue"}', level(1, 0)]],
  FairgateLineStale: [[`fairgate_line_stale${event}`, level(0, 1)]],
  FairgateVisitsHalted: [[`fairgate_line_visits_halted${event}`, level(0, 1)]],
  FairgateCodesMissing: [[`fairgate_line_codes_missing${event}`, level(0, 3)]],
  FairgateEventShut: [['fairgate_events_shut', level(0, 1)]],
  FairgateClockOff: [[`fairgate_line_clock_behind_ms${event}`, level(20, 3000)], [`fairgate_line_clock_ahead_ms${event}`, level(0, 0)]],
  FairgateTicksLate: [[`fairgate_line_late_ms${event}`, rising(2000)]],
  FairgateBeaconLate: [['fairgate_beacon_late_total', rising(1)]],
  FairgateRedisTimeouts: [['fairgate_store_timeouts_total', rising(5)]],
  FairgateMemberKeysFail: [['fairgate_member_keys_total{outcome="failed"}', rising(1)]],
  FairgateEndingsUntold: [['fairgate_endings_untold_total', rising(1)]],
  // An owner that ends and comes back without its database, beside a standby that never had the event.
  FairgateSeatsNotOpen: [['fairgate_seats_open{event="night",instance="a"}', `1+0x${GOOD} _ 0+0x30`], ['fairgate_seats_open{event="night",instance="b"}', '0+0x70']],
  FairgateEventOut: [['fairgate_seats_events{state="out"}', level(0, 1)]],
  FairgateAuditorFails: [['fairgate_auditor_failures_total', rising(1)]],
  FairgateJournalErrors: [['fairgate_journal_errors_total', rising(1)]],
  FairgateIdemShort: [['fairgate_idem_kept_seconds', level(600, 60)]],
  FairgateHoldsUnremembered: [['fairgate_seats_unremembered_total', rising(1)]],
  FairgatePayClockApart: [['fairgate_pay_seats_clock_apart_ms{instance="a"}', level(0, 60_000)]],
  FairgatePayDatabaseGone: [['fairgate_pay_db_connected', level(4, 0)]],
  FairgateSagasParked: [['fairgate_sagas_parked', level(0, 1)]],
  FairgateSagasUnknown: [['fairgate_sagas_unknown', level(0, 1)]],
  FairgateSagasOverdue: [['fairgate_sagas_overdue_microseconds', level(2e6, 9e7)]],
  FairgateDrift: [['fairgate_drift', level(0, 1)]],
  FairgateReconcileBroken: [['fairgate_reconcile_broken_total', rising(1)]],
  FairgateShopLags: [['fairgate_shop_lag_microseconds', level(6e7, 1e9)]],
  FairgateShopLettersParked: [['fairgate_shop_letters_parked', level(0, 1)]],
  FairgateMailLags: [['fairgate_mail_lag_microseconds', level(6e7, 1e9)]],
  FairgateUnknownOutcomes: [['fairgate_pay_db_unknown_total', rising(1)]],
  FairgateErrors: [['fairgate_http_responses_total{job="fairgate-pay",class="5xx"}', rising(60)], ['fairgate_http_responses_total{job="fairgate-pay",class="2xx"}', '0+600x60']],
  FairgateWarnings: [['fairgate_warnings_total{what="a"}', rising(1)]],
  FairgateOddEvents: [['fairgate_odd_events_total{what="a"}', rising(1)]],
};
// What is left of the first series' labels when the rule has taken its sum.
const LABELS = {
  FairgateSeatsNotOpen: { event: 'night' },
  FairgatePayClockApart: { instance: 'a' },
  FairgateErrors: { job: 'fairgate-pay' },
};

const labelsOf = (series) => Object.fromEntries([...series.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));

test('each alert fires when its figures go bad, and not before', (t) => {
  assert.deepEqual(rules.map(({ alert }) => alert).sort(), Object.keys(CASES).sort());
  const alert_rule_test = rules.flatMap(({ alert, labels, annotations }) => {
    const fired = [{ exp_labels: { ...labels, ...(LABELS[alert] ?? labelsOf(CASES[alert][0][0])) }, exp_annotations: annotations }];
    return [
      { eval_time: `${GOOD}m`, alertname: alert, exp_alerts: [] },
      { eval_time: `${GOOD + 12}m`, alertname: alert, exp_alerts: fired },
    ];
  });
  const input_series = Object.values(CASES).flat().map(([series, values]) => ({ series, values }));
  const tests = [{ interval: '1m', input_series, alert_rule_test }];
  const path = join(openScope(t).tempDir(), 'alerts.test.yml');
  writeFileSync(path, dump({ rule_files: [PATH], evaluation_interval: '1m', tests }));
  const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', path], { encoding: 'utf8' });
  assert.equal(status, 0, `${stdout}${stderr}`);
});

test('the runbook says what to do about each, and about no other', () => {
  const runbook = readFileSync(join(ROOT, 'infra/observe/README.md'), 'utf8');
  const told = [...runbook.matchAll(/^\| (Fairgate\w+) \| ./gm)].map(([, name]) => name);
  assert.deepEqual(told, rules.map(({ alert }) => alert));
});

// By their names, as a service gives them: a new figure of that kind wants a rule.
const TROUBLE = /_(codes_missing|visits_halted|stale|shut|parked|unknown|unknown_total|failures_total|broken_total|late_total|late_ms|store_timeouts_total|unremembered_total|overdue_microseconds|lag_microseconds|drift|warnings_total|odd_events_total|journal_errors_total|clock_(ahead|behind)_ms)$/;

test('every figure in a rule is one of a service, and every figure of trouble is in a rule', () => {
  const sources = ['queue-front/src', 'seat-service/src', 'payment-adapter/src', 'common']
    .flatMap((room) => readdirSync(join(ROOT, room), { recursive: true }).map((path) => join(ROOT, room, path))).filter((path) => path.endsWith('.c'));
  const text = sources.map((path) => readFileSync(path, 'utf8')).join('\n');
  const figures = new Set([...text.matchAll(/"(fairgate_\w+)"/g)].map(([, name]) => name));
  const ruled = new Set(rules.flatMap(({ expr }) => expr.match(/fairgate_\w+/g) ?? []));
  assert.deepEqual([...ruled].filter((name) => !figures.has(name)), []);
  assert.deepEqual([...figures].filter((name) => TROUBLE.test(name) && !ruled.has(name)), []);
});

// What infra/observe and the handbook say about metrics: promtool reads the rules, each alert fires when its metrics turn
// bad and not before, each has its section in the runbook with valid commands, and rules, dashboards and the table of
// metrics name exactly the services' metrics. tests/integration/visit/walls.test.js compares the table with running
// programs.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { dump } from 'js-yaml';
import { BOARDS } from '../../infra/observe/boards.js';
import { OBJECTIVES } from '../../infra/observe/objectives.js';
import { TODO } from '../../web/console/verdict.js';
import { openContract, openScope, ROOT, runBeside } from '../lib-js/index.js';
import { DASHBOARDS, DEPENDS, EVERY_RULE, familyOf, isOfOthers, logFields, metricsTable, namesIn, ruleGroups, RULE_FILES } from '../lib-js/observe.js';

const [ALERTS, SLOS] = RULE_FILES;
const rules = ruleGroups([ALERTS]).flatMap((group) => group.rules);
const all = ruleGroups(EVERY_RULE).flatMap((group) => group.rules);
const alerts = all.filter(({ alert }) => alert);
const names = [...new Set(alerts.map(({ alert }) => alert))];

function promtool(...args) {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
  assert.equal(status, 0, `${stdout}${stderr}`);
}

// Rules under test, in promtool's format.
function tried(t, rule_files, evaluation_interval, tests) {
  const path = join(openScope(t).tempDir(), 'rules.test.yml');
  writeFileSync(path, dump({ rule_files, evaluation_interval, tests }, { noRefs: true }));
  promtool('test', 'rules', path);
}

// The series that make each alert fire: values of a good half hour, then of a bad one. `xN`: steps of a minute.
const GOOD = 30;
const rising = (by) => `0+0x${GOOD} ${by}+${by}x30`;
const level = (good, bad) => `${good}+0x${GOOD} ${bad}+0x30`;
const event = '{event="night"}';
const CASES = {
  FairgateDown: [['up{job="fairgate-queue"}', level(1, 0)]],
  FairgateLineStale: [[`fairgate_line_stale${event}`, level(0, 1)]],
  FairgateVisitsHalted: [['fairgate_line_visits_halted{event="with a hall"}', level(0, 1)]],
  FairgateHallMissing: [[`fairgate_line_hall_missing${event}`, level(0, 1)], [`fairgate_line_opens_at_seconds${event}`, level(0, 0)]],
  FairgateCodesMissing: [[`fairgate_line_codes_missing${event}`, level(0, 3)]],
  FairgatePresaleGuessed: [['fairgate_presale_codes_total{outcome="unknown"}', rising(30)], ['fairgate_presale_codes_total{outcome="taken"}', '0+5x60']],
  FairgateCodesBounded: [[`fairgate_line_wrong_codes${event}`, level(20, 1000)]],
  FairgateEventShut: [['fairgate_events_shut', level(0, 1)]],
  FairgateClockOff: [[`fairgate_line_clock_behind_ms${event}`, level(20, 3000)], [`fairgate_line_clock_ahead_ms${event}`, level(0, 0)]],
  FairgateTicksLate: [[`fairgate_line_late_ms${event}`, rising(2000)]],
  FairgateBeaconLate: [['fairgate_beacon_late_total', rising(1)]],
  FairgateRedisTimeouts: [['fairgate_store_timeouts_total', rising(5)]],
  FairgateCutsSlow: [['fairgate_store_cut_joins_slow_total', rising(60)], ['fairgate_store_cut_joins_total', '0+600x60']],
  FairgateShardSilent: [['fairgate_store_shard_silent_total', rising(30)]],
  FairgateShardSealed: [['fairgate_store_shard_seals_total', rising(1)]],
  FairgateMemberKeysFail: [['fairgate_member_keys_total{outcome="failed"}', rising(1)]],
  FairgateEndingsUntold: [['fairgate_endings_untold_total', rising(1)]],
  // An owner that ends and comes back without its database, next to a standby that never had the event.
  FairgateSeatsNotOpen: [['fairgate_seats_open{event="night",instance="a"}', `1+0x${GOOD} _ 0+0x30`], ['fairgate_seats_open{event="night",instance="b"}', '0+0x70']],
  FairgateEventOut: [['fairgate_seats_events{state="out"}', level(0, 1)]],
  FairgateEventsFull: [['fairgate_seats_events_refused', level(0, 1)]],
  FairgateAuditorFails: [['fairgate_auditor_failures_total', rising(1)]],
  FairgateJournalErrors: [['fairgate_journal_errors_total', rising(1)]],
  FairgateIdemShort: [['fairgate_idem_kept_seconds', level(600, 0)]],
  FairgateHoldsUnremembered: [['fairgate_seats_unremembered_total', rising(1)]],
  FairgateSeatCodesGuessed: [['fairgate_seats_codes_unchecked_total', rising(30)], ['fairgate_seats_codes_wrong_total', '0+5x60']],
  FairgateWalArchiveFails: [['fairgate_wal_archive_failures_total{job="fairgate-pay"}', rising(2)]],
  FairgateWalArchiveLate: [['fairgate_wal_archive_late_ms{job="fairgate-seats",instance="a"}', level(0, 600_000)], ['fairgate_wal_archive_late_ms{job="fairgate-seats",instance="b"}', '0+0x60']],
  FairgateSnapshotOld: [['fairgate_database_snapshot_ms{job="fairgate-seats",instance="a"}', level(0, 600_000)], ['fairgate_database_snapshot_ms{job="fairgate-seats",instance="b"}', '0+0x60']],
  FairgatePayClockApart: [['fairgate_pay_seats_clock_apart_ms{instance="a"}', level(0, 60_000)]],
  FairgatePayDatabaseGone: [['fairgate_pay_db_connected', level(4, 0)]],
  FairgatePspRefusesUs: [['fairgate_psp_refused_us_total{provider="stripe"}', rising(1)]],
  FairgateUsersDbAway: [['fairgate_users_db_held_back_total{why="breaker"}', rising(1)], ['fairgate_users_db_held_back_total{why="cap"}', '0+5x60']],
  FairgateSagasParked: [['fairgate_sagas_parked', level(0, 1)]],
  FairgateSagasUnknown: [['fairgate_sagas_unknown', level(0, 1)]],
  FairgateSagasOverdue: [['fairgate_sagas_overdue_microseconds', level(2e6, 9e7)]],
  FairgateDrift: [['fairgate_drift', level(0, 1)]],
  FairgateReconcileBroken: [['fairgate_reconcile_broken_total', rising(1)]],
  FairgateReconcileSeatsLate: [['fairgate_reconcile_seats_age_seconds', level(60, 4000)]],
  FairgateShopLags: [['fairgate_shop_lag_microseconds', level(6e7, 1e9)]],
  FairgateShopLettersParked: [['fairgate_shop_letters_parked', level(0, 1)]],
  FairgateOutboxHeld: [['fairgate_shop_orders_total{outcome="held_back"}', '0+0x60'], ['fairgate_mails_total{outcome="held_back"}', rising(1)]],
  FairgateMailLags: [['fairgate_mail_lag_microseconds', level(6e7, 1e9)]],
  FairgateMailsGivenUp: [['fairgate_mails_total{outcome="given_up"}', rising(1)], ['fairgate_mails_total{outcome="sent"}', '0+5x60']],
  FairgateUnknownOutcomes: [['fairgate_pay_db_unknown_total', rising(1)]],
  FairgateSeatsClockApart: [['fairgate_seats_clock_apart_ms{instance="a"}', level(0, 6000)]],
  FairgateClockApart: [['fairgate_clock_apart_ms{instance="a",store="redis"}', level(900, 1100)]],
  FairgateErrors: [['fairgate_http_responses_total{job="fairgate-pay",class="5xx"}', rising(60)], ['fairgate_http_responses_total{job="fairgate-pay",class="2xx"}', '0+600x60']],
  FairgateBoundReached: [['fairgate_bound_refused_total{job="fairgate-queue",bound="line-full"}', rising(1)], ['fairgate_bound_refused_total{job="fairgate-queue",bound="overloaded"}', '7+0x60']],
  FairgateWarnings: [['fairgate_warnings_total{what="a"}', rising(1)]],
  // Expired tokens, all day, are not an alarm.
  FairgateOperatorTokensRefused: [['fairgate_operator_tokens_refused_total{reason="signature"}', rising(2)], ['fairgate_operator_tokens_refused_total{reason="expired"}', '0+5x60']],
  FairgateOddEvents: [['fairgate_odd_events_total{what="a"}', rising(1)]],
};
// The labels of the first series that remain after the rule's sum.
const LABELS = {
  FairgatePresaleGuessed: {},
  FairgateSeatCodesGuessed: {},
  FairgateSeatsNotOpen: { event: 'night' },
  FairgatePayClockApart: { instance: 'a' },
  FairgateUsersDbAway: {},
  FairgateOutboxHeld: {},
  FairgateErrors: { job: 'fairgate-pay' },
  FairgateWalArchiveLate: { job: 'fairgate-seats' },
  FairgateSnapshotOld: { job: 'fairgate-seats' },
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
  tried(t, [ALERTS], '1m', [{ interval: '1m', input_series, alert_rule_test }]);
});

test('a missing hall fires one alert', (t) => {
  const input_series = Object.entries({ visits_halted: 1, hall_missing: 1, opens_at_seconds: 0 })
    .map(([name, value]) => ({ series: `fairgate_line_${name}${event}`, values: `${value}+0x60` }));
  tried(t, [ALERTS], '1m', [{ interval: '1m', input_series, alert_rule_test: [{ eval_time: `${GOOD}m`, alertname: 'FairgateVisitsHalted', exp_alerts: [] }] }]);
});

// ---- what a sale depends on ----

const JOBS = ['queue', 'seats', 'pay', 'edge', 'redis', 'postgres', 'node'];
const gone = `1+0x${GOOD} _x30`;
// The age, in seconds, of something that is first renewed and then not any more.
const aged = (age) => `${-age}+60x${GOOD} ${GOOD * 60 - age}+0x30`;
const DAY = 86400;
const DEPENDENCIES = {
  FairgateTargetsMissing: { of: { job: 'fairgate-edge' }, series: JOBS.map((job) => [`up{job="fairgate-${job}"}`, job === 'edge' ? gone : '1+0x60']) },
  FairgateLastOne: { of: { job: 'fairgate-queue' }, series: [['up{job="fairgate-queue",instance="a"}', '1+0x60'], ['up{job="fairgate-queue",instance="b"}', gone], ['up{job="fairgate-pay",instance="old"}', gone], ['up{job="fairgate-pay",instance="new"}', '_x28 1+0x30']] },
  FairgateRestarts: { of: { job: 'fairgate-pay' }, series: [['process_start_time_seconds{job="fairgate-pay"}', rising(60)], ['haproxy_process_start_time_seconds{job="fairgate-edge"}', '1+0x60']] },
  FairgateFilesShort: { of: { job: 'fairgate-queue' }, series: [['process_open_fds{job="fairgate-queue"}', level(700, 810)], ['process_max_fds{job="fairgate-queue"}', '1000+0x60']] },
  FairgateOpeningPassed: { of: { event: 'night' }, series: [[`fairgate_line_unopened${event}`, '1+0x60'], [`fairgate_line_opens_at_seconds${event}`, `${GOOD * 60}+0x60`], ['fairgate_line_unopened{event="over"}', '0+0x60'], ['fairgate_line_opens_at_seconds{event="over"}', '60+0x60'], ['fairgate_line_unopened{event="unset"}', '1+0x60'], ['fairgate_line_opens_at_seconds{event="unset"}', '0+0x60']] },
  FairgateSeatsFeedOld: { of: { event: 'night' }, series: [[`fairgate_line_seats_fed_seconds${event}`, aged(5)], ['fairgate_line_seats_fed_seconds{event="off"}', '0+0x60'], ['fairgate_line_seats_fed_seconds{event="night",instance="b"}', '1+0x60']] },
  FairgateSeatsBehind: { of: { instance: 'b' }, series: [['fairgate_seats_behind_ms{instance="b"}', level(40, 5000)]] },
  FairgateReconcileNever: { of: {}, series: [['fairgate_reconcile_last_seconds', `0+0x10 60+60x${GOOD - 12} 0+0x40`]], at: 20 },
  FairgateWebhooksRefused: { of: {}, series: [['fairgate_webhooks_total{outcome="refused"}', rising(2)], ['fairgate_webhooks_total{outcome="good"}', '0+50x60']] },
  FairgateEdgeFull: { of: { proxy: 'edge' }, series: [['haproxy_frontend_current_sessions{proxy="edge"}', level(70, 81)], ['haproxy_frontend_limit_sessions{proxy="edge"}', '100+0x60']] },
  FairgateEdgeErrors: { of: {}, series: [['haproxy_frontend_http_responses_total{proxy="edge",code="5xx"}', rising(60)], ['haproxy_frontend_http_responses_total{proxy="edge",code="2xx"}', '0+600x60']] },
  FairgateEdgeServersGone: { of: { proxy: 'queue-front' }, series: [['haproxy_backend_status{proxy="queue-front",state="DOWN"}', level(0, 1)], ['haproxy_backend_status{proxy="views",state="DOWN"}', '1+0x60']] },
  FairgateCertificateEnds: { of: {}, series: [['fairgate_edge_certificate_ends_seconds', level(14 * DAY + 3600, 14 * DAY)]] },
  FairgateTicketKeysOld: { of: {}, series: [['fairgate_edge_ticket_keys_seconds', level(0, -2 * DAY)]] },
  FairgateRedisDown: { of: { instance: 'r' }, series: [['redis_up{instance="r"}', level(1, 0)]] },
  FairgateRedisReplicaLost: { of: {}, series: [['redis_connected_slaves{instance="r"}', level(2, 1)], ['redis_connected_slaves{instance="s"}', '0+0x60']] },
  FairgateRedisMemory: { of: {}, series: [['redis_memory_used_bytes', '81+0x60'], ['redis_memory_max_bytes', level(200, 100)]] },
  FairgateRedisNotSaved: { of: {}, series: [['redis_aof_last_write_status', level(1, 0)], ['redis_rdb_last_bgsave_status', '1+0x60']] },
  FairgatePostgresDown: { of: {}, series: [['pg_up', level(1, 0)]] },
  FairgatePostgresReplicaLost: { of: {}, series: [['pg_stat_replication_pg_wal_lsn_diff{state="streaming",application_name="b"}', gone], ['pg_stat_replication_pg_wal_lsn_diff{state="streaming",application_name="pg_basebackup"}', '0+0x5 _x60']] },
  FairgatePostgresReplicaBehind: { of: { application_name: 'b' }, series: [['pg_stat_replication_pg_wal_lsn_diff{application_name="b"}', level(1e6, 3e8)]] },
  FairgatePostgresConnections: { of: { instance: 'p' }, series: [['pg_stat_activity_count{instance="p",state="active"}', level(40, 60)], ['pg_stat_activity_count{instance="p",state="idle"}', '30+0x60'], ['pg_settings_max_connections{instance="p"}', '100+0x60']] },
  FairgateDiskFills: { of: { instance: 'h', device: 'd' }, series: [['node_filesystem_avail_bytes{instance="h",device="d",fstype="ext4"}', `90+0x${GOOD} 80-2x30`], ['node_filesystem_size_bytes{instance="h",device="d",fstype="ext4"}', '100+0x60'], ['node_filesystem_avail_bytes{instance="h",device="t",fstype="tmpfs"}', '0+0x60'], ['node_filesystem_size_bytes{instance="h",device="t",fstype="tmpfs"}', '100+0x60'],
    ['node_filesystem_avail_bytes{instance="new",device="d",fstype="ext4"}', '60-1x4 56+0x55'], ['node_filesystem_size_bytes{instance="new",device="d",fstype="ext4"}', '100+0x60']], at: 10 }, // the writes of a first start
  FairgateMemoryShort: { of: {}, series: [['node_memory_MemAvailable_bytes', level(11, 9)], ['node_memory_MemTotal_bytes', '100+0x60']] },
  FairgateConnectionsTracked: { of: {}, series: [['node_nf_conntrack_entries', level(79, 81)], ['node_nf_conntrack_entries_limit', '100+0x60']] },
  FairgateFiguresOld: { of: { instance: 'h' }, series: [['node_textfile_mtime_seconds{instance="h",file="/a/fairgate.prom"}', aged(30)], ['node_textfile_scrape_error{instance="h"}', '0+0x60']], after: 20 },
  FairgateBackupOld: { of: {}, series: [['fairgate_backup_seconds{type="full"}', level(-6 * DAY, -7 * DAY)], ['fairgate_backup_seconds{type="incr"}', level(0, -2 * DAY)]] },
  FairgateLineCopyOld: { of: {}, series: [['fairgate_backup_line_seconds', aged(30)], ['fairgate_line_waiting{event="night"}', '5+0x60']] },
  FairgateRestoreUntested: { of: {}, series: [['fairgate_backup_tested_seconds', level(-30 * DAY, -32 * DAY)]] },
};

test('each thing that a sale depends on has an alert that fires when it goes, and not before', (t) => {
  const depends = new Map(ruleGroups([DEPENDS]).flatMap((group) => group.rules).map((rule) => [rule.alert, rule]));
  const fired = ({ alert, labels, annotations }, of) => [{ exp_labels: { ...labels, ...of }, exp_annotations: annotations }];
  const watchdog = depends.get('FairgateWatchdog');
  assert.deepEqual([...depends.keys()].sort(), [...Object.keys(DEPENDENCIES), 'FairgateWatchdog'].sort());
  tried(t, [DEPENDS], '1m', Object.entries(DEPENDENCIES).map(([alertname, { of, series, at = GOOD, after = 15 }]) => ({
    name: alertname, interval: '1m',
    input_series: series.map(([name, values]) => ({ series: name, values })),
    alert_rule_test: [
      { eval_time: `${at}m`, alertname, exp_alerts: [] },
      { eval_time: `${GOOD + after}m`, alertname, exp_alerts: fired(depends.get(alertname), of) },
      { eval_time: `${at}m`, alertname: 'FairgateWatchdog', exp_alerts: fired(watchdog, {}) },
    ],
  })));
});

// ---- what was promised ----

const STEP_S = 30;
const BUSY = 500; // calls a step
const steps = (minutes) => Math.round((minutes * 60) / STEP_S);

// A counter that rises by that much per step, over spans of [minutes, bad share].
function counter(spans, rise) {
  let value = 0;
  return spans.map(([minutes, share]) => {
    const by = rise(share);
    const text = `${value}+${by}x${steps(minutes) - 1}`;
    value += by * steps(minutes);
    return text;
  }).join(' ');
}
const gauge = (spans, of) => spans.map(([minutes, share]) => `${of(share)}+0x${steps(minutes) - 1}`).join(' ');

// An objective's series over such spans. `manner`: bad calls are slow, or fail.
const FIGURES = {
  eta: (spans, manner, calls) => [['fairgate_waits_judged_total', counter(spans, () => calls)], ['fairgate_waits_kept_total', counter(spans, (share) => calls * (1 - share))]],
  ticket: (spans, manner, calls) => served(spans, manner, calls, ['fairgate_order_to_ticket_seconds', '', '29.360128'], 'fairgate_tickets_missed_total'),
  positions: (spans) => [['fairgate_line_stale{event="night",instance="a"}', gauge(spans, (share) => Math.ceil(share))], ['fairgate_line_stale{event="night",instance="b"}', gauge(spans, (share) => Math.ceil(share))]],
  drift: (spans, manner) => (manner === 'fails'
    ? [['fairgate_drift', gauge(spans, Math.ceil)], ['fairgate_reconcile_last_seconds', counter(spans, () => STEP_S)]]
    : [['fairgate_drift', gauge(spans, () => 0)], ['fairgate_reconcile_last_seconds', gauge(spans, (share) => (share > 0 ? 1 : 1e9))]]),
};
function served(spans, manner, calls, [family, labels, le], failed) {
  const good = (share) => calls * (1 - share);
  return [
    [`${family}_bucket{${labels}le="${le}"}`, counter(spans, good)],
    [`${family}_count${labels && `{${labels}}`}`, counter(spans, manner === 'fails' ? good : () => calls)],
    [`${failed}${labels && `{${labels}}`}`, counter(spans, manner === 'fails' ? (share) => calls * share : () => 0)],
  ];
}
const figuresOf = ({ slo, bad }, ...told) => {
  if (FIGURES[slo]) return FIGURES[slo](...told);
  const [, call, le] = /call="(\w+)",le="([^"]+)"/.exec(bad('1m'));
  return served(...told, ['fairgate_call_duration_seconds', `call="${call}",`, le], 'fairgate_call_failures_total').map(([series, values]) => [series.replace(',}', '}'), values]);
};

const isTime = ({ now }) => now !== undefined;
// The bad share over the last minutes of everything.
function over(spans, minutes) {
  let left = minutes;
  let bad = 0;
  for (const [span, share] of [...spans].reverse()) {
    bad += Math.min(left, span) * share;
    left -= Math.min(left, span);
  }
  return bad / (minutes - left);
}

// Each: spans of an objective, calls per step, and whether it pages.
const STORIES = {
  'all is well': { spans: () => [[40, 0]] },
  'all comes too late for the last five minutes': { spans: () => [[30, 0], [5, 1]], page: true },
  'all fails for the last five minutes': { spans: () => [[30, 0], [5, 1]], manner: 'fails', page: true },
  // Much within five minutes, but not yet too much within thirty.
  'it begins to fail': { spans: (one) => [[40, 0], one.page ? [5, 0.9] : [3, 40 * one.budget]], only: (one) => !isTime(one), page: true },
  'it fails for long, and never much': { spans: (one) => [[5, 0], [31, (one.page ? 3 : 8) * one.budget]], only: (one) => !isTime(one), page: true },
  'a little too much fails all the time': { spans: (one) => (isTime(one) ? [[25, 0], [1, 1], [15, 0]] : [[40, 1.5 * one.budget]]) },
  'all failed, and is well again': { spans: () => [[30, 0], [6, 1], [10, 0]], manner: 'fails' },
  'all fails, and hardly anybody asks': { spans: () => [[25, 1]], calls: 0.25, only: (one) => !isTime(one), silent: true },
};

test('each alert has a drill on the real thing', () => {
  const [, drills] = /^const DRILLS = \[$(.*?)^\];$/ms.exec(readFileSync(join(ROOT, 'tests/observe/depends.test.js'), 'utf8'));
  const drilled = [...drills.matchAll(/^ {4}(\w+): \[/gm)].map(([, name]) => name);
  assert.deepEqual([...drilled, 'FairgateDown'].sort(), names.toSorted()); // the last one: observe.test.js
});

test('an SLO alerts by its burn rate, and not otherwise', (t) => {
  tried(t, [SLOS], '1m', Object.entries(STORIES).map(([name, { spans, manner = 'slow', calls = BUSY, page = false, only = () => true, silent = false }]) => {
    const some = OBJECTIVES.filter(only);
    return {
      name, interval: `${STEP_S}s`,
      input_series: some.flatMap((one) => figuresOf(one, spans(one), manner, calls)).map(([series, values]) => ({ series, values })),
      alert_rule_test: some.map((one) => {
        const isOver = (minutes) => over(spans(one), minutes) > one.budget;
        const severities = silent ? [] : [...(page ? ['page'] : []), ...(isOver(360) && isOver(30) ? ['look'] : [])];
        const told = (severity) => ({ exp_labels: { severity, slo: one.slo }, exp_annotations: alerts.find(({ alert }) => alert === one.alert).annotations });
        return { eval_time: `${spans(one).reduce((sum, [minutes]) => sum + minutes, 0) - 1}m`, alertname: one.alert, exp_alerts: severities.map(told) };
      }),
    };
  }));
});

// ---- the runbook ----

const runbook = readFileSync(join(ROOT, 'docs/operate/runbook.md'), 'utf8');
const parts = new Map(runbook.split(/^### /m).slice(1).map((part) => [part.slice(0, part.indexOf('\n')), part.split(/^## /m)[0]]));

test('the runbook has a part for each alert and each alarm of the console, and for no other, and each alert leads there', () => {
  const ofConsole = new Set(Object.values(TODO).filter((name) => !name.startsWith('Fairgate')));
  assert.deepEqual([...parts.keys()].sort(), [...names, ...ofConsole].sort());
  assert.deepEqual(Object.values(TODO).filter((name) => !parts.has(name)), [], "an alarm of the console leads to a part that isn't there");
  for (const { alert, annotations } of alerts) assert.equal(annotations.runbook_url, `file:///usr/share/fairgate/observe/docs/operate/runbook.md#${alert.toLowerCase()}`);
  for (const [name, part] of parts) for (const told of ['**Symptom:**', '**Do']) assert.ok(part.includes(told), `${name}: ${told}`);
});

test('the Korean runbook has the same parts in the same order', () => {
  const korean = readFileSync(join(ROOT, 'docs/ko/operate/runbook.md'), 'utf8').split(/^### /m).slice(1);
  assert.deepEqual(korean.map((part) => part.slice(0, part.indexOf('\n'))), [...parts.keys()]);
  for (const part of korean) for (const told of ['**증상:**', '**조치:**']) assert.ok(part.includes(told), part);
});

// Limits of a caller: of a visitor, an address or an order.
const OF_CALLERS = new Set(['extensions-exhausted', 'hold-busy', 'moves-exhausted', 'too-many', 'too-many-attempts', 'too-many-codes', 'too-many-joins', 'too-many-requests', 'too-many-wrong-passes', 'too-many-wrong-tokens']);

test('each code of a reached bound is counted and in the runbook', () => {
  const codes = ['queue-front', 'seat-service', 'payment-adapter'].flatMap((service) => openContract(`${service}/openapi.yaml`).document.components.schemas.Problem.properties.code.enum);
  const ours = [...new Set(codes.filter((code) => /full|too-many|busy|overloaded|exhausted/.test(code) && !OF_CALLERS.has(code)))].sort();
  assert.ok(ours.length > 10);
  const counted = [...readFileSync(join(ROOT, 'common/http/http_reply.c'), 'utf8').matchAll(/\{"([a-z-]+)", 0\}/g)];
  const told = [...parts.get('FairgateBoundReached').matchAll(/^\| `([a-z-]+)` \|/gm)];
  for (const rows of [counted, told]) assert.deepEqual(rows.map(([, code]) => code), ours);
});

// No server listens: a valid command reports that (3), an invalid one (2) says what is wrong with it.
test('each command of fairgate in the runbook is one that it takes', async (t) => {
  const scope = openScope(t);
  const dir = scope.tempDir();
  writeFileSync(join(dir, 'profiles'), '[default]\nqueue = "http://127.0.0.1:1"\nseats = "http://127.0.0.1:1"\npay = "http://127.0.0.1:1"\n');
  const files = { 'codes.txt': 'AAAA-BBBB\n', 'hall.json': '{}\n' };
  for (const [name, words] of Object.entries(files)) writeFileSync(join(dir, name), words);
  const commands = [...new Set([...runbook.matchAll(/^fairgate (.*)$|`fairgate ([^`]+)`/gm)].map(([, line, inline]) => line ?? inline))];
  assert.ok(commands.length > 25);
  const env = { FAIRGATE_PROFILES: join(dir, 'profiles'), FAIRGATE_TOKEN: 'x'.repeat(32) };
  for (const command of commands) {
    const args = [...command.matchAll(/"([^"]*)"|([^\s"]+="[^"]*")|(\S+)/g)].map(([, quoted, pair, word]) => quoted ?? pair?.replaceAll('"', '') ?? word);
    if (!args.includes('--yes')) args.push('--yes');
    const { status, stdout, stderr } = await runBeside('fairgate', args.map((word) => (word in files ? join(dir, word) : word)), { env });
    assert.notEqual(status, 2, `fairgate ${command}: ${stdout}${stderr}`);
  }
});

// A unit's journal also has systemd's own lines, which are not JSON.
test('the runbook\'s log queries use existing fields', () => {
  const commands = [...runbook.matchAll(/journalctl .*-o cat \| (jq .*)$/gm)].map(([, command]) => command);
  assert.ok(commands.length > 5);
  const line = JSON.stringify(Object.fromEntries([...logFields().keys()].map((field) => [field, 'x'])));
  for (const command of commands) {
    const asked = [...command.matchAll(/\.(\w+)/g)].map(([, field]) => field);
    assert.deepEqual(asked.filter((field) => !logFields().has(field)), [], command);
    const { status, stderr } = spawnSync('sh', ['-c', command], { input: `Started fairgate-queue-front.service.\n${line}\n`, encoding: 'utf8' });
    assert.equal(status, 0, `${command}: ${stderr}`);
  }
});

// ---- figures ----

const table = metricsTable();
const known = new Set(table.map(({ name }) => name));
const recorded = new Set(all.filter(({ record }) => record).map(({ record }) => record));
const isKnown = (name) => isOfOthers(name) || known.has(familyOf(name)) || known.has(name) || recorded.has(name) || name === 'ALERTS';

test('ticket keys have an age if the edge uses them, and a certificate that is not served has ended', (t) => {
  const conf = join(openScope(t).tempDir('figures-'), 'conf');
  writeFileSync(conf, `EDGE_TLS=127.0.0.1:1\nEDGE_CONFIG=${conf}.cfg\nTICKET_KEYS=${conf}\nbackups() { :; }\n`);
  const printed = () => spawnSync(join(ROOT, 'infra/observe/figures'), ['-'], { encoding: 'utf8', env: { ...process.env, FAIRGATE_FIGURES_CONF: conf } }).stdout;
  assert.doesNotMatch(printed(), /ticket_keys|certificate/);
  writeFileSync(`${conf}.cfg`, `    bind :443 ssl crt x tls-ticket-keys ${conf} alpn h2\n`);
  assert.match(printed(), /^fairgate_edge_certificate_ends_seconds 0\nfairgate_edge_ticket_keys_seconds \d+$/m);
});

test('the table names each figure of a service, and no other', () => {
  const sources = ['queue-front/src', 'seat-service/src', 'payment-adapter/src', 'common']
    .flatMap((room) => readdirSync(join(ROOT, room), { recursive: true }).map((path) => join(ROOT, room, path))).filter((path) => path.endsWith('.c')).concat(join(ROOT, 'infra/observe/figures'));
  // A setting's default may have the same name, as an issuer's claim does.
  const text = sources.map((path) => readFileSync(path, 'utf8')).join('\n').replace(/CONFIG_STRING, AT\(\w+\),\s+"\w*"/g, '').replace(/\bfigure (\w+)/g, '"$1"').replace(/"(\w+)\{/g, '"$1"');
  const figures = new Set([...text.matchAll(/"((?:fairgate|process)_\w+)"/g)].map(([, name]) => name).filter((name) => !name.endsWith('_bucket')));
  assert.deepEqual([...figures].sort(), [...known].filter((name) => name !== 'up').sort());
  assert.equal(known.size, table.length, 'each is listed once');
  for (const { name, meaning, korean } of table) assert.ok(meaning.length > 5 && /[가-힣]/.test(korean), name);
  for (const { alert, record, expr } of all) for (const name of namesIn(expr)) assert.ok(isKnown(name), `${alert ?? record} asks for ${name}`);
});

// Metrics of trouble by their names in a service: a new one of that kind needs a rule.
const TROUBLE = /_(codes_missing|hall_missing|visits_halted|stale|shut|parked|unknown|unknown_total|failures_total|broken_total|late_total|late_ms|store_timeouts_total|unremembered_total|overdue_microseconds|lag_microseconds|drift|warnings_total|odd_events_total|journal_errors_total|clock_(ahead|behind|apart)_ms|refused_us_total|missed_total)$/;

test('every figure of trouble is in a rule', () => {
  assert.deepEqual(table.filter(({ name, alerts: told }) => TROUBLE.test(name) && told.length === 0).map(({ name }) => name), []);
});

// Replaces Grafana's variables.
const asAsked = (expr) => expr.replaceAll('$__rate_interval', '1m').replaceAll('$event', '.*');

test('each dashboard expression is valid and uses known metrics', (t) => {
  const boards = DASHBOARDS.map((path) => JSON.parse(readFileSync(path, 'utf8')));
  assert.equal(boards.length, Object.keys(BOARDS).length);
  const asked = boards.flatMap(({ title, panels }) => panels.flatMap((panel) => (panel.targets ?? []).map(({ expr }) => ({ where: `${title}: ${panel.title}`, expr }))));
  assert.ok(asked.length > 80);
  for (const { where, expr } of asked) {
    assert.ok(namesIn(expr).length > 0, `${where}: ${expr}`);
    for (const name of namesIn(expr)) assert.ok(isKnown(name), `${where} asks for ${name}`);
  }
  const path = join(openScope(t).tempDir(), 'asked.yml');
  writeFileSync(path, dump({ groups: [{ name: 'asked', rules: asked.map(({ expr }, n) => ({ record: `asked:${n}`, expr: asAsked(expr) })) }] }));
  promtool('check', 'rules', path);
  promtool('check', 'rules', ...EVERY_RULE);
  assert.equal(new Set(boards.map(({ uid }) => uid)).size, boards.length);
});

test('a figure that an alert hangs on is on a dashboard', () => {
  const shown = new Set(Object.values(BOARDS).flatMap(({ rows }) => Object.values(rows).flat().flatMap(({ asks }) => Object.values(asks).flatMap(namesIn))).map(familyOf));
  const wanted = table.filter(({ alerts: told, name }) => told.length > 0 && name !== 'up' && !/_(clock_|codes_missing|visits_halted)/.test(name)).map(({ name }) => name);
  const missing = wanted.filter((name) => !shown.has(name));
  assert.deepEqual(missing, []);
});

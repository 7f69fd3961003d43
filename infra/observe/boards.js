// The dashboards: rows of panels, each with its Prometheus queries and unit. make.js converts them to Grafana's JSON.
// `{event}` selects the chosen event, `{job}` the chosen instances.

const EVENT = 'event=~"$event"';
const p99 = (name, by = '') => `histogram_quantile(0.99, sum by (le${by}) (rate(${name}[$__rate_interval])))`;
const share = (part, whole) => `sum(rate(${part}[$__rate_interval])) / sum(rate(${whole}[$__rate_interval]))`;
const rate = (name, by = '') => `sum${by && ` by (${by})`} (rate(${name}[$__rate_interval]))`;
const panel = (title, unit, asks, more = {}) => ({ title, unit, asks: typeof asks === 'string' ? { '': asks } : asks, ...more });

const SALE = {
  uid: 'fairgate-sale', title: 'Fairgate: the sale', about: 'One look on the day of the sale: what was promised, the line, the seats, the money.', event: true,
  rows: {
    'What was promised': [
      panel('Budget used, times too fast (5 min)', 'none', { '{{slo}}': 'fairgate:slo_bad:ratio5m / on (slo) fairgate:slo_budget' }),
      panel('Budget of six hours left', 'percentunit', { '{{slo}}': '1 - fairgate:slo_bad:ratio6h / on (slo) fairgate:slo_budget' }),
      panel('What wakes somebody', 'none', { '{{alertname}}': 'sum by (alertname, severity) (ALERTS{alertstate="firing",alertname=~"Fairgate.*"})' }),
    ],
    'The way through': [
      panel('People who wait, and inside', 'short', { wait: `sum(max by (event) (fairgate_line_waiting{${EVENT}}))`, inside: `sum(max by (event) (fairgate_line_active{${EVENT}}))` }),
      panel('Let in a second, and the rate that is set', 'short', { 'let in': `sum(max by (event) (rate(fairgate_line_admitted{${EVENT}}[$__rate_interval])))`, set: `sum(max by (event) (fairgate_line_rate_milli{${EVENT}})) / 1000` }),
      panel('Seats', 'short', { free: `sum(max by (event) (fairgate_seats_free{${EVENT}}))`, held: `sum(max by (event) (fairgate_seats_held{${EVENT}}))`, sold: `sum(max by (event) (fairgate_seats_sold{${EVENT}}))` }),
      panel('Orders a minute', 'short', { '{{end}}': `${rate('fairgate_sagas_total', 'end')} * 60` }),
    ],
    'How long people wait for an answer': [
      panel('Calls, 99 of 100', 's', { '{{call}}': p99('fairgate_call_duration_seconds_bucket', ', call') }),
      panel('Calls that could not be served', 'percentunit', { '{{call}}': 'sum by (call) (rate(fairgate_call_failures_total[$__rate_interval])) / (sum by (call) (rate(fairgate_call_failures_total[$__rate_interval])) + sum by (call) (rate(fairgate_call_duration_seconds_count[$__rate_interval])))' }),
      panel('From payment to tickets, 99 of 100', 's', p99('fairgate_order_to_ticket_seconds_bucket')),
    ],
  },
};

const LINE = {
  uid: 'fairgate-line', title: 'Fairgate: the line', about: 'queue-front and its Redis.', event: true,
  rows: {
    'The line': [
      panel('Places', 'short', { 'given out': `max by (event) (fairgate_line_issued{${EVENT}})`, called: `max by (event) (fairgate_line_serving{${EVENT}})`, 'stepped over': `max by (event) (fairgate_line_skipped{${EVENT}})` }),
      panel('Called and not yet come; calls that ran out', 'short', { outstanding: `max by (event) (fairgate_line_outstanding{${EVENT}})`, 'no shows a minute': `max by (event) (rate(fairgate_line_no_shows{${EVENT}}[$__rate_interval])) * 60` }),
      panel('Told from memory', 'none', { '{{event}}': `min by (event) (fairgate_line_stale{${EVENT}})` }, { max: 1 }),
      panel('Waits for its opening', 'none', { '{{event}}': `max by (event) (fairgate_line_unopened{${EVENT}})` }, { max: 1 }),
      panel('Time until the opening', 's', { '{{event}}': `max by (event) (fairgate_line_opens_at_seconds{${EVENT}} > 0) - time()` }),
      panel('Age of the number of seats left', 's', { '{{event}}': `time() - max by (event) (fairgate_line_seats_fed_seconds{${EVENT}} > 0)` }),
      panel('Time lost because no tick came', 'ms', { '{{event}}': `max by (event) (increase(fairgate_line_late_ms{${EVENT}}[$__rate_interval]))` }),
    ],
    'Who comes': [
      panel('Joins a second', 'short', { '{{outcome}}': rate('fairgate_joins_total', 'outcome') }),
      panel('Passes a second', 'short', { '{{outcome}}': rate('fairgate_passes_total', 'outcome') }),
      panel('Presale codes a second', 'short', { '{{outcome}}': rate('fairgate_presale_codes_total', 'outcome') }),
      panel('Invalid codes in this minute', 'short', { '{{event}}': `max by (event) (fairgate_line_wrong_codes{${EVENT}})` }),
      panel('Events that let nobody in here', 'short', 'max(fairgate_events_shut)'),
      panel('Not delivered or not received, per hour', 'short', { 'endings untold': 'sum(increase(fairgate_endings_untold_total[1h]))', 'draws without a beacon': 'sum(increase(fairgate_beacon_late_total[1h]))', 'keys of members: {{outcome}}': 'sum by (outcome) (increase(fairgate_member_keys_total[1h]))' }),
      panel('Invalid, or refused unread, per second', 'short', { tickets: rate('fairgate_tickets_invalid_total'), 'too many wrong ones': rate('fairgate_refused_unchecked_total') }),
    ],
    'Promised waits': [
      panel('Called within the later of the two waits', 'percentunit', { 'at the join': share('fairgate_waits_kept_total', 'fairgate_waits_judged_total'), 'of late, {{event}}': `max by (event) (fairgate_eta_coverage_milli{${EVENT}}) / 1000` }, { max: 1 }),
      panel('Error of the earlier wait', 'percentunit', { 'at the join': `${share('fairgate_waits_error_milli_total', 'fairgate_waits_judged_total')} / 1000`, 'of late, {{event}}': `max by (event) (fairgate_eta_error_milli{${EVENT}}) / 1000` }),
    ],
    Redis: [
      panel('Calls a second', 'short', { sent: rate('fairgate_store_calls_total'), answered: rate('fairgate_store_answers_total'), 'given up': rate('fairgate_store_timeouts_total') }),
      panel('Joins per call', 'short', share('fairgate_store_joins_total', 'fairgate_store_join_calls_total')),
      panel('Requests that wait for it', 'short', 'sum(fairgate_pending)'),
      panel('Reconnects, redirects, heals', 'short', { reconnects: rate('fairgate_store_reconnects_total'), redirects: rate('fairgate_store_redirects_total'), heals: rate('fairgate_store_heals_total') }),
    ],
    'Lines over shards': [
      panel('How long a join waits for its cut', 's', { mean: `${share('fairgate_store_cut_wait_microseconds_total', 'fairgate_store_cut_joins_total')} / 1e6` }),
      panel('Of those, longer than 100 ms', 'percentunit', share('fairgate_store_cut_joins_slow_total', 'fairgate_store_cut_joins_total')),
      panel('Cuts a second', 'short', { '{{outcome}}': rate('fairgate_store_cuts_total', 'outcome') }),
      panel('Shards that seal, are silent, put off', 'short', { sealed: rate('fairgate_store_shard_seals_total'), silent: rate('fairgate_store_shard_silent_total'), 'put off': rate('fairgate_store_shard_put_off_total') }),
    ],
  },
};

const SEATS = {
  uid: 'fairgate-seats', title: 'Fairgate: the seats', about: 'seat-service and its journal in PostgreSQL.', event: true,
  rows: {
    'The hall': [
      panel('Seats', 'short', Object.fromEntries(['free', 'held', 'sold', 'blocked'].map((state) => [`${state}, {{event}}`, `max by (event) (fairgate_seats_${state}{${EVENT}})`]))),
      panel('Open for sale', 'none', { '{{event}}': `max by (event) (fairgate_seats_open{${EVENT}})` }, { max: 1 }),
      panel('Sales without a hall', 'none', { '{{event}}': `max by (event) (fairgate_line_hall_missing{${EVENT}})` }, { max: 1 }),
      panel('Events by what is done with them', 'short', { '{{state}}': 'max by (state) (fairgate_seats_events)', refused: 'max(fairgate_seats_events_refused)' }),
    ],
    'What happens, a second': [
      panel('Holds', 'short', { taken: rate('fairgate_seats_holds_total'), changed: rate('fairgate_seats_changed_total'), 'given back': rate('fairgate_seats_released_total'), 'ran out': rate('fairgate_seats_expired_total'), sold: rate('fairgate_seats_confirmed_total'), refunded: rate('fairgate_seats_refunded_total') }),
      panel('Somebody else was first, of all tries', 'percentunit', 'sum(rate(fairgate_seats_conflicts_total[$__rate_interval])) / (sum(rate(fairgate_seats_conflicts_total[$__rate_interval])) + sum(rate(fairgate_seats_holds_total[$__rate_interval])))'),
      panel('Undone, since they could not be written', 'short', rate('fairgate_seats_refused_total')),
      panel('Channel codes', 'short', { wrong: rate('fairgate_seats_codes_wrong_total'), 'not checked': rate('fairgate_seats_codes_unchecked_total') }),
      panel('Late payments', 'short', { 'sold after all': rate('fairgate_seats_retaken_total'), 'seats gone': rate('fairgate_seats_gone_total'), 'not remembered': rate('fairgate_seats_unremembered_total') }),
    ],
    'The journal': [
      panel('A transaction', 's', { 'half of them': 'histogram_quantile(0.5, sum by (le) (rate(fairgate_journal_commit_seconds_bucket[$__rate_interval])))', '99 of 100': p99('fairgate_journal_commit_seconds_bucket') }),
      panel('Changes in it', 'short', { mean: share('fairgate_journal_batch_sum', 'fairgate_journal_batch_count') }),
      panel('Changes that wait', 'short', 'max(fairgate_journal_waiting)'),
      panel('Errors, reconnects, takeovers', 'short', { errors: rate('fairgate_journal_errors_total'), reconnects: rate('fairgate_journal_reconnects_total'), takeovers: rate('fairgate_journal_takeovers_total') }),
      panel('Snapshots an hour', 'short', { made: 'sum(increase(fairgate_auditor_snapshots_total[1h]))', failed: 'sum(increase(fairgate_auditor_failures_total[1h]))' }),
      panel('WAL of the whole server', 'Bps', rate('fairgate_journal_wal_bytes_total')),
      panel('Repeated requests are remembered for', 's', 'min(fairgate_idem_kept_seconds)'),
    ],
  },
};

const PAY = {
  uid: 'fairgate-pay', title: 'Fairgate: the money', about: 'payment-adapter, the provider, the shop.', event: false,
  rows: {
    Orders: [
      panel('Ended a minute', 'short', { '{{end}}': `${rate('fairgate_sagas_total', 'end')} * 60` }),
      panel('Under way, and waiting for a person', 'short', { 'under way': 'max(fairgate_sagas_open)', parked: 'max(fairgate_sagas_parked)', 'of an unknown kind': 'max(fairgate_sagas_unknown)' }),
      panel('The most overdue', 's', 'max(fairgate_sagas_overdue_microseconds) / 1e6'),
      panel('From payment to tickets', 's', { 'half of them': 'histogram_quantile(0.5, sum by (le) (rate(fairgate_order_to_ticket_seconds_bucket[$__rate_interval])))', '99 of 100': p99('fairgate_order_to_ticket_seconds_bucket') }),
      panel('Paid and without tickets, a minute', 'short', `${rate('fairgate_tickets_missed_total')} * 60`),
    ],
    'Do the books agree?': [
      panel('Disagreements', 'short', 'max(fairgate_drift)'),
      panel('Since the last look', 's', 'time() - max(fairgate_reconcile_last_seconds > 0)'),
      panel("The oldest comparison of an event's seats", 's', 'max(fairgate_reconcile_seats_age_seconds)'),
      panel('Looks that could not follow a link', 'short', rate('fairgate_reconcile_broken_total')),
    ],
    'The provider': [
      panel('Calls to peers a second', 'short', { '{{outcome}}': rate('fairgate_pay_calls_total', 'outcome'), 'under way': 'sum(fairgate_pay_calls_under_way)' }),
      panel('Calls to providers, and tries held back', 'short', { calls: rate('fairgate_psp_calls_total'), 'held back: {{purpose}}': rate('fairgate_psp_held_back_total', 'purpose') }),
      panel('Refused because of our key or contract', 'short', { '{{provider}}': rate('fairgate_psp_refused_us_total', 'provider') }),
      panel('Webhooks a second', 'short', { '{{outcome}}': rate('fairgate_webhooks_total', 'outcome') }),
    ],
    'The shop, its users, mails': [
      panel('Orders that the shop does not have yet', 'short', { waiting: 'max(fairgate_shop_lag_orders)', parked: 'max(fairgate_shop_letters_parked)' }),
      panel('Age of the oldest', 's', { 'for the shop': 'max(fairgate_shop_lag_microseconds) / 1e6', mails: 'max(fairgate_mail_lag_microseconds) / 1e6' }),
      panel('Mails, and orders to the shop, a minute', 'short', { 'orders: {{outcome}}': `${rate('fairgate_shop_orders_total', 'outcome')} * 60`, '{{outcome}}': `${rate('fairgate_mails_total', 'outcome')} * 60` }),
      panel('Logins a second', 'short', { '{{outcome}}': rate('fairgate_logins_total', 'outcome') }),
      panel('Questions to the user database', 'short', { asked: rate('fairgate_users_db_queries_total'), 'held back: {{why}}': rate('fairgate_users_db_held_back_total', 'why') }),
      panel('Password checks that wait', 'short', 'max(fairgate_hash_queue)'),
    ],
    'Its database': [
      panel('Connections, and jobs that wait for one', 'short', { connections: 'sum(fairgate_pay_db_connected)', waiting: 'sum(fairgate_pay_db_queued)' }),
      panel('Jobs a second', 'short', { sent: rate('fairgate_pay_db_jobs_total'), 'never sent': rate('fairgate_pay_db_refused_total'), 'unknown outcome': rate('fairgate_pay_db_unknown_total') }),
    ],
  },
};

const PROGRAMS = {
  uid: 'fairgate-programs', title: 'Fairgate: the programs', about: 'Processes, connections, answers, and what should not happen.', event: false,
  rows: {
    'Are they there?': [
      panel('Up', 'none', { '{{job}} {{instance}}': 'up{job=~"fairgate.*"}' }, { max: 1 }),
      panel('Versions', 'none', { '{{program}} {{version}}': 'count by (program, version) (fairgate_build_info)' }),
      panel('Odd events and warnings an hour', 'short', { '{{what}}': 'sum by (what) (increase(fairgate_odd_events_total[1h]) > 0)', 'warning: {{what}}': 'sum by (what) (increase(fairgate_warnings_total[1h]) > 0)' }),
    ],
    Answers: [
      panel('A second', 'short', { '{{job}} {{class}}': rate('fairgate_http_responses_total{listener="public"}', 'job, class') }),
      panel('All public requests, 99 of 100', 's', { '{{job}}': p99('fairgate_http_request_duration_seconds_bucket{listener="public"}', ', job') }),
      panel('Malformed, too slow, over a bound', 'short', { malformed: rate('fairgate_http_malformed_total'), 'too slow': rate('fairgate_http_timeouts_total'), 'over a bound': rate('fairgate_http_refused_total') }),
      panel('Refused over a bound', 'short', { '{{job}} {{bound}}': rate('fairgate_bound_refused_total', 'job, bound') }),
      panel("Operators' tokens that opened nothing, an hour", 'short', { '{{reason}}': 'sum by (reason) (increase(fairgate_operator_tokens_refused_total[1h]) > 0)' }),
      panel('Connections and streams', 'short', { '{{job}}': 'sum by (job) (fairgate_http_connections)', '{{job}} streams': 'sum by (job) (fairgate_http_streams)' }),
      panel('Bytes', 'Bps', { '{{job}} in': rate('fairgate_http_received_bytes_total', 'job'), '{{job}} out': rate('fairgate_http_sent_bytes_total', 'job') }),
    ],
    'What a sale depends on': [
      panel('Connections of the edge, of the bound', 'percentunit', { '{{instance}}': 'haproxy_frontend_current_sessions{proxy="edge"} / haproxy_frontend_limit_sessions{proxy="edge"}' }, { max: 1 }),
      panel("The edge's answers", 'short', { '{{code}}': 'sum by (code) (rate(haproxy_frontend_http_responses_total{proxy="edge"}[$__rate_interval]))' }),
      panel('Replicas', 'none', { Redis: 'sum(redis_connected_slaves)', PostgreSQL: 'count(pg_stat_replication_pg_wal_lsn_diff{state="streaming"})' }),
      panel('Replicas of PostgreSQL are behind', 'bytes', { '{{application_name}}': 'max by (application_name) (pg_stat_replication_pg_wal_lsn_diff)' }),
      panel('Processes of the seats are behind', 'ms', { '{{instance}}': 'fairgate_seats_behind_ms' }),
      panel('Room left', 'percentunit', { 'disk {{instance}} {{mountpoint}}': 'node_filesystem_avail_bytes{fstype!~"tmpfs|ramfs"} / node_filesystem_size_bytes', 'memory {{instance}}': 'node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes' }, { max: 1 }),
      panel('Age', 's', { 'backup {{type}}': 'time() - max by (type) (fairgate_backup_seconds)', 'copy of the line': 'time() - max(fairgate_backup_line_seconds)', 'tested restore': 'time() - max(fairgate_backup_tested_seconds)', 'ticket keys': 'time() - min(fairgate_edge_ticket_keys_seconds)' }),
      panel('The certificate ends in', 's', 'min(fairgate_edge_certificate_ends_seconds) - time()'),
      panel('Starts an hour', 'short', { '{{job}} {{instance}}': 'changes(process_start_time_seconds{job=~"fairgate.*"}[1h])' }),
    ],
    Processes: [
      panel('Processor', 'percentunit', { '{{job}} {{instance}}': 'rate(process_cpu_seconds_total{job=~"fairgate.*"}[$__rate_interval])' }),
      panel('Memory in RAM', 'bytes', { '{{job}} {{instance}}': 'process_resident_memory_bytes{job=~"fairgate.*"}' }),
      panel('Memory asked for and not given back', 'bytes', { '{{job}} {{instance}}': 'fairgate_memory_allocated_bytes' }),
      panel("Files of PostgreSQL's log that could not be kept, an hour", 'short', { '{{job}}': 'max by (job) (increase(fairgate_wal_archive_failures_total[1h]))' }),
      panel('Oldest snapshot of the database', 'ms', { '{{job}}': 'max by (job) (fairgate_database_snapshot_ms)' }),
      panel("PostgreSQL's log, not in the archive for", 'ms', { '{{job}}': 'max by (job) (fairgate_wal_archive_late_ms)' }),
      panel('Files, of the limit', 'percentunit', { '{{job}} {{instance}}': 'process_open_fds{job=~"fairgate.*"} / process_max_fds{job=~"fairgate.*"}' }),
      panel('Its clock and that of its store are apart', 'ms', { '{{job}} {{instance}}: {{store}}': 'fairgate_clock_apart_ms' }),
    ],
  },
};

export const BOARDS = { sale: SALE, line: LINE, seats: SEATS, pay: PAY, programs: PROGRAMS };

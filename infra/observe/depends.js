// Alerts about what a sale depends on (presence, age, redundancy, room left), in addition to alerts.js. HAProxy exports the
// edge's metrics, Debian's exporters those of Redis, PostgreSQL and the hosts, and `figures` those of certificate, keys and
// backups. prometheus.yml has the jobs. tests/observe/depends.test.js provokes each alert.

import { look, page, rule } from './alerts.js';

export const DEPENDS = {
  'fairgate-presence': [
    // A dead man's switch. It always fires; the receiver raises the alarm when it stops.
    rule('none')('FairgateWatchdog', 'Prometheus and Alertmanager work',
      'vector(1)'),
    page('FairgateTargetsMissing', 'Nobody watches a part of the sale',
      'absent(up{job="fairgate-queue"}) or absent(up{job="fairgate-seats"}) or absent(up{job="fairgate-pay"}) or absent(up{job="fairgate-edge"}) or absent(up{job="fairgate-redis"}) or absent(up{job="fairgate-postgres"}) or absent(up{job="fairgate-node"})', '1m'),
    // Alerts about a lost spare compare with the average, since a rollout or a copy of Redis adds one for a moment.
    page('FairgateLastOne', 'Of several of a kind one is left',
      'count by (job) (up{job=~"fairgate.*"} == 1) == 1 and (avg_over_time(count by (job) (up{job=~"fairgate.*"} == 1)[6h:1m]) > 1.5 or avg_over_time(count by (job) (up{job=~"fairgate.*"} == 1)[7d:10m]) > 1.5)', '1m'),
    // PostgreSQL resets its statistics when it recovers from a crash; Debian's exporter does not export when it started.
    page('FairgateRestarts', 'A program ends and starts again and again',
      'changes(process_start_time_seconds{job=~"fairgate.*"}[10m]) > 2 or changes(haproxy_process_start_time_seconds[10m]) > 2 or changes(pg_stat_bgwriter_stats_reset_total[10m]) > 2 or resets(redis_uptime_in_seconds[10m]) > 2'),
    page('FairgateFilesShort', 'A program has opened four fifths of the files that it may',
      'process_open_fds{job=~"fairgate.*"} > 0.8 * process_max_fds{job=~"fairgate.*"}', '30s'),
    page('FairgateOpeningPassed', 'An event should have opened',
      'max by (event) (fairgate_line_unopened) == 1 and max by (event) (fairgate_line_opens_at_seconds > 0) < time() - 60'),
    look('FairgateSeatsFeedOld', 'The waiting room does not hear how many seats are left',
      'time() - max by (event) (fairgate_line_seats_fed_seconds > 0) > 60', '1m'),
    look('FairgateSeatsBehind', 'A process of the seats does not follow the owner',
      'max by (instance) (fairgate_seats_behind_ms) > 250', '1m'),
    page('FairgateReconcileNever', 'No reconciliation has ended yet',
      'max(fairgate_reconcile_last_seconds) == 0', '15m'),
    look('FairgateWebhooksRefused', 'Webhooks are refused: a wrong secret, or somebody forges them',
      'sum(increase(fairgate_webhooks_total{outcome="refused"}[10m])) > 5'),
  ],
  'fairgate-edge': [
    page('FairgateEdgeFull', 'The edge has four fifths of the connections that it may have',
      'haproxy_frontend_current_sessions{proxy="edge"} > 0.8 * haproxy_frontend_limit_sessions{proxy="edge"}', '15s'),
    page('FairgateEdgeErrors', 'One answer of the edge in twenty is an error',
      'sum(rate(haproxy_frontend_http_responses_total{proxy="edge",code="5xx"}[5m])) > 0.05 * sum(rate(haproxy_frontend_http_responses_total{proxy="edge"}[5m]))', '1m'),
    page('FairgateEdgeServersGone', 'The edge reaches no server of a service',
      'max by (proxy) (haproxy_backend_status{state="DOWN",proxy=~"queue-front|seat-service|payment-adapter"}) == 1', '15s'),
    look('FairgateCertificateEnds', 'The certificate that visitors get ends within two weeks',
      'min(fairgate_edge_certificate_ends_seconds) - time() < 1209600', '2m'),
    look('FairgateTicketKeysOld', 'The keys of TLS session tickets were not turned for a day',
      'time() - min(fairgate_edge_ticket_keys_seconds) > 90000'),
  ],
  'fairgate-redis': [
    page('FairgateRedisDown', 'A Redis does not answer its exporter',
      'redis_up == 0', '15s'),
    page('FairgateRedisReplicaLost', 'Redis has fewer replicas than it had',
      'sum(redis_connected_slaves) < 0.8 * avg_over_time(sum(redis_connected_slaves)[1d:1m]) or sum(redis_connected_slaves) < 0.8 * avg_over_time(sum(redis_connected_slaves)[7d:10m])', '1m'),
    look('FairgateRedisMemory', 'Redis has used four fifths of its memory, or has no bound',
      'redis_memory_used_bytes > 0.8 * redis_memory_max_bytes', '1m'),
    page('FairgateRedisNotSaved', 'Redis could not write to its disk',
      'redis_aof_last_write_status == 0 or redis_aof_last_bgrewrite_status == 0 or redis_rdb_last_bgsave_status == 0'),
  ],
  'fairgate-postgres': [
    page('FairgatePostgresDown', 'A PostgreSQL does not answer its exporter',
      'pg_up == 0', '15s'),
    page('FairgatePostgresReplicaLost', 'PostgreSQL has fewer replicas than it had',
      '(count(pg_stat_replication_pg_wal_lsn_diff{state="streaming",application_name!="pg_basebackup"}) or vector(0)) < 0.8 * avg_over_time((count(pg_stat_replication_pg_wal_lsn_diff{state="streaming",application_name!="pg_basebackup"}) or vector(0))[1d:1m]) or (count(pg_stat_replication_pg_wal_lsn_diff{state="streaming",application_name!="pg_basebackup"}) or vector(0)) < 0.8 * avg_over_time((count(pg_stat_replication_pg_wal_lsn_diff{state="streaming",application_name!="pg_basebackup"}) or vector(0))[7d:10m])', '1m'),
    look('FairgatePostgresReplicaBehind', 'A replica of PostgreSQL is 256 MB behind',
      'max by (application_name) (pg_stat_replication_pg_wal_lsn_diff{application_name!="pg_basebackup"}) > 268435456', '1m'),
    look('FairgatePostgresConnections', 'PostgreSQL has few connections left',
      'sum by (instance) (pg_stat_activity_count) > 0.85 * max by (instance) (pg_settings_max_connections)', '1m'),
  ],
  'fairgate-node': [
    page('FairgateDiskFills', 'A disk is nine tenths full, or will be within four hours',
      'min by (instance, device) (node_filesystem_avail_bytes{fstype!~"tmpfs|ramfs|squashfs|iso9660"} / node_filesystem_size_bytes) < 0.1 or min by (instance, device) (predict_linear(node_filesystem_avail_bytes{fstype!~"tmpfs|ramfs|squashfs|iso9660"}[1h], 14400) / node_filesystem_size_bytes and node_filesystem_avail_bytes offset 30m) < 0', '5m'),
    page('FairgateMemoryShort', 'A host has a tenth of its memory left, or has killed a program for want of it',
      'node_memory_MemAvailable_bytes < 0.1 * node_memory_MemTotal_bytes or increase(node_vmstat_oom_kill[10m]) > 0', '1m'),
    page('FairgateConnectionsTracked', "A host's table of connections is four fifths full",
      'node_nf_conntrack_entries > 0.8 * node_nf_conntrack_entries_limit', '30s'),
    look('FairgateFiguresOld', 'The ages of backups, certificate and keys are not measured',
      'time() - min by (instance) (node_textfile_mtime_seconds{file=~".*/fairgate.prom"}) > 600 or absent(node_textfile_mtime_seconds{file=~".*/fairgate.prom"}) or max by (instance) (node_textfile_scrape_error) == 1', '2m'),
  ],
  'fairgate-backup': [
    look('FairgateBackupOld', 'There is no backup of today, or no full one of this week',
      'time() - max(fairgate_backup_seconds) > 93600 or time() - max(fairgate_backup_seconds{type="full"}) > 694800 or absent(fairgate_backup_seconds{type="full"})', '5m'),
    look('FairgateLineCopyOld', 'People wait, and the last copy of the line is more than five minutes old',
      '(time() - max(fairgate_backup_line_seconds) > 300 or absent(fairgate_backup_line_seconds)) and on () sum(fairgate_line_waiting) > 0', '2m'),
    look('FairgateRestoreUntested', 'No restore has been tested for a month',
      'time() - max(fairgate_backup_tested_seconds) > 2678400 or absent(fairgate_backup_tested_seconds)', '5m'),
  ],
};

-- server.sql: how a PostgreSQL server is doing. A statement of each service that keeps something there.
--
-- The archive of the server's log is what a lost server is restored from (docs/operate/recover.md).
-- A command that fails counts its failures; one that hangs fails never, and an idle server has nothing to
-- keep. So it is asked whether a file of the log is full and not kept, and then for how long none was.
--
-- `snapshot_ms`: for how long the oldest snapshot of the database has been open; until it ends no vacuum takes away
-- what was replaced. Of a replica's snapshot only the number of transactions since is known: each counts as a
-- millisecond. Other roles' sessions count only for a member of pg_read_all_stats.

-- `late_ms`: since the last file was kept, while there is one to keep: the file before the one that is
-- being written. Names of files sort as the log goes on. 0: there is none, or no archive. A server that has
-- begun again since has had no longer to keep it.
-- statement: server_state
--< failures    bigint
--< late_ms     bigint
--< snapshot_ms bigint
SELECT failed_count AS failures, CASE
        WHEN current_setting('archive_mode') = 'off' OR pg_is_in_recovery() THEN 0
        WHEN left(last_archived_wal, 24) >= pg_walfile_name(
            pg_current_wal_lsn() - pg_size_bytes(current_setting('wal_segment_size'))) THEN 0
        ELSE greatest(0, 1000 * extract(epoch FROM now()
            - greatest(last_archived_time, pg_postmaster_start_time())))
    END::bigint AS late_ms,
    (SELECT coalesce(greatest(1000 * extract(epoch FROM now() - min(since)), max(transactions)), 0)
        FROM (
            SELECT xact_start AS since, NULL::bigint AS transactions
            FROM pg_stat_activity
            WHERE datname = current_database() AND coalesce(backend_xid, backend_xmin) IS NOT NULL
                AND backend_type = 'client backend'
            UNION ALL
            SELECT prepared, NULL FROM pg_prepared_xacts WHERE database = current_database()
            UNION ALL
            SELECT NULL, age(backend_xmin) FROM pg_stat_replication
            UNION ALL
            SELECT NULL, age(xmin) FROM pg_replication_slots
        ) holder
    )::bigint AS snapshot_ms
FROM pg_stat_archiver;

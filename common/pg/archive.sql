-- archive.sql: how the archive of a server's log is doing, from which a lost server is restored
-- (docs/operate/recover.md). A statement of each service that keeps something in PostgreSQL.
--
-- A command that fails counts its failures; one that hangs fails never, and an idle server has nothing to
-- keep. So it is asked whether a file of the log is full and not kept, and then for how long none was.
-- Any role may ask.

-- `late_ms`: since the last file was kept, while there is one to keep: the file before the one that is
-- being written. Names of files sort as the log goes on. 0: there is none, or no archive. A server that has
-- begun again since has had no longer to keep it.
-- statement: server_archive
--< failures bigint
--< late_ms  bigint
SELECT failed_count AS failures, CASE
        WHEN current_setting('archive_mode') = 'off' OR pg_is_in_recovery() THEN 0
        WHEN left(last_archived_wal, 24) >= pg_walfile_name(
            pg_current_wal_lsn() - pg_size_bytes(current_setting('wal_segment_size'))) THEN 0
        ELSE greatest(0, 1000 * extract(epoch FROM now()
            - greatest(last_archived_time, pg_postmaster_start_time())))
    END::bigint AS late_ms
FROM pg_stat_archiver;

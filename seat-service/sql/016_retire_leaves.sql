-- 016_retire_leaves.sql: the owner of an event that is marked lets go of it, as of one that is put to sleep.

-- Until its lock is ours, which it is until the session ends; ten seconds at most, or as long as the session says.
CREATE FUNCTION retire_wait(ev text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    until timestamptz := clock_timestamp() + coalesce(current_setting('fairgate.retire_wait', true), '10s')::interval;
BEGIN
    WHILE NOT coalesce(pg_try_advisory_lock(4606786, no_of(ev)), TRUE) AND clock_timestamp() < until LOOP
        PERFORM pg_sleep(0.1);
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION retire_refusals(ev text, after interval) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT * FROM retire_open(ev, after);
    IF NOT FOUND AND NOT pg_try_advisory_lock(4606786, no_of(ev)) THEN
        RETURN NEXT format('%s still has it in use; it is marked now, so that this process lets go of it once nothing '
            'uses it, and nobody takes it after that: run this again', (SELECT instance FROM owner WHERE event = no_of(ev)));
    END IF;
END $$;

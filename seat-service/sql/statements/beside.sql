-- beside.sql: tables next to the journal: sessions that were ended early, and counts over time.

-- Each write also deletes the expired sessions among the oldest rows, of which it looks at more than it adds.
-- statement: ended_write
--> rows.session bigint
--> rows.until   timestamptz
WITH over AS (
    DELETE FROM ended_session
    WHERE no IN (
            SELECT no
            FROM (SELECT no, until FROM ended_session ORDER BY no LIMIT 100 + 2 * cardinality(:rows.session)) oldest
            WHERE until < now())
        AND session <> ALL (:rows.session)
)
INSERT INTO ended_session (session, until)
SELECT DISTINCT ON (session) session, until
FROM UNNEST(:rows.session, :rows.until) AS e (session, until)
ORDER BY session, until DESC
ON CONFLICT (session) DO UPDATE SET until = excluded.until;

-- statement: ended_read
--> after   bigint
--> room    integer
--< no      bigint
--< session bigint
--< until   timestamptz
SELECT no, session, until
FROM ended_session
WHERE no > :after AND until > now()
ORDER BY no DESC
LIMIT :room;

-- Writes a point for each of these events, and deletes their points that are `keep_ms` older.
-- statement: counted_write
--> rows.event   text
--> rows.at      timestamptz
--> rows.free    integer
--> rows.held    integer
--> rows.sold    integer
--> rows.blocked integer
--> rows.errors  bigint
--> keep_ms      bigint
WITH p AS (
    SELECT e.no, c.*
    FROM UNNEST(:rows.event, :rows.at, :rows.free, :rows.held, :rows.sold, :rows.blocked,
            :rows.errors) AS c (id, at, free, held, sold, blocked, errors)
    JOIN event e ON e.id = c.id
), over AS (
    DELETE FROM counted
    USING p
    WHERE counted.event = p.no AND counted.at < p.at - :keep_ms * interval '1 millisecond'
)
INSERT INTO counted (event, at, free, held, sold, blocked, errors)
SELECT no, at, free, held, sold, blocked, errors
FROM p
ON CONFLICT DO NOTHING;

-- statement: counted_read
--> event   text
--> room    integer
--< at      timestamptz
--< free    integer
--< held    integer
--< sold    integer
--< blocked integer
--< errors  bigint
SELECT c.at, c.free, c.held, c.sold, c.blocked, c.errors
FROM counted c
JOIN event e ON e.no = c.event
WHERE e.id = :event
ORDER BY c.at DESC
LIMIT :room;

-- Orders and errors over time, for the operator's charts, in rows of ten seconds.
--
-- Numbers only rise, so two processes may count the same sagas. A row for ten seconds with activity is preceded by one
-- for the ten seconds before, so that charts show no activity until then.

-- How far back counting restarts: a commit becomes visible only after the times that it wrote.
-- fragment: counted_newest()
(SELECT coalesce(max(at), '-infinity') FROM counted WHERE event <> '')

-- fragment: counted_again(at)
:at - interval '30 s'

-- OFFSET 0 forces a lookup for each row, even in a plan made when the tables were empty.
-- fragment: order_of_saga(s)
CROSS JOIN LATERAL (
    SELECT event, status, amount, refund_amount, credits FROM orders WHERE id = :s.subject OFFSET 0
) o

-- What a completed refund or credit returned.
-- fragment: gave_back(s)
CASE
    WHEN :s.key LIKE 'refund.%' THEN coalesce(o.refund_amount, o.amount) - :credited(o)
    WHEN :s.key LIKE 'credit.%' THEN (o.credits->(:s.data::jsonb->>'credit')->>'amount')::bigint
    ELSE 0
END

-- Sagas that ended since the last count; tries whose outcome is unknown; sagas that are open now; and events that had
-- open sagas and may have none now.
-- statement: count_sagas
WITH since AS MATERIALIZED (
    SELECT :counted_again(:counted_newest()) AS at
), found (event, at, completed, refunded, cancelled, expired, failed, unanswered, open, parked,
    captured, given_back) AS (
    SELECT o.event, counted_at(s.ended_at),
        count(*) FILTER (WHERE s.state = :SAGA_COMPLETED AND :is_checkout(s)),
        count(*) FILTER (WHERE s.state = :SAGA_COMPLETED AND s.key LIKE 'refund.%'),
        count(*) FILTER (WHERE s.state = :SAGA_UNDONE AND o.status = :ORDER_CANCELLED),
        count(*) FILTER (WHERE s.state = :SAGA_UNDONE AND o.status = :ORDER_EXPIRED),
        count(*) FILTER (WHERE s.state = :SAGA_UNDONE AND o.status = :ORDER_FAILED),
        0, NULL::bigint, NULL::bigint,
        coalesce(sum(o.amount) FILTER (WHERE s.state = :SAGA_COMPLETED AND :is_checkout(s)), 0),
        coalesce(sum(:gave_back(s)) FILTER (WHERE s.state = :SAGA_COMPLETED), 0)
    FROM saga s
    :order_of_saga(s)
    WHERE s.ended_at >= (SELECT at FROM since)
    GROUP BY 1, 2
    UNION ALL
    SELECT o.event, counted_at(t.at), 0, 0, 0, 0, 0, count(*), NULL, NULL,
        0, 0
    FROM saga_step t
    CROSS JOIN LATERAL (SELECT subject FROM saga WHERE id = t.saga OFFSET 0) s
    :order_of_saga(s)
    WHERE t.mark = :SAGA_MARK_UNKNOWN AND t.at >= (SELECT at FROM since)
    GROUP BY 1, 2
    UNION ALL
    SELECT o.event, counted_at(now()), 0, 0, 0, 0, 0, 0,
        count(*) FILTER (WHERE NOT s.parked), count(*) FILTER (WHERE s.parked), 0, 0
    FROM (
        SELECT s.subject, s.parked FROM saga s WHERE :is_open(s) AND NOT s.parked
        UNION ALL
        SELECT s.subject, s.parked FROM saga s WHERE :awaits_operator(s)
    ) s
    :order_of_saga(s)
    GROUP BY 1
    UNION ALL
    SELECT DISTINCT event, counted_at(now()), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    FROM counted
    WHERE at >= (SELECT at FROM since) AND open + parked > 0
)
INSERT INTO counted AS c (event, at, completed, refunded, cancelled, expired, failed, unanswered, open,
    parked, captured, given_back)
SELECT event, at, sum(completed), sum(refunded), sum(cancelled), sum(expired), sum(failed),
    sum(unanswered), max(open), max(parked), sum(captured), sum(given_back)
FROM (
    SELECT * FROM found
    UNION ALL
    SELECT event, at - interval '10 s', 0, 0, 0, 0, 0, 0, NULL, NULL, 0, 0 FROM found
) f
GROUP BY event, at
ORDER BY event, at
ON CONFLICT (event, at) DO UPDATE
SET completed = greatest(c.completed, excluded.completed),
    refunded = greatest(c.refunded, excluded.refunded),
    cancelled = greatest(c.cancelled, excluded.cancelled),
    expired = greatest(c.expired, excluded.expired),
    failed = greatest(c.failed, excluded.failed),
    unanswered = greatest(c.unanswered, excluded.unanswered),
    open = coalesce(excluded.open, c.open), parked = coalesce(excluded.parked, c.parked),
    captured = greatest(c.captured, excluded.captured),
    given_back = greatest(c.given_back, excluded.given_back);

-- Counts known only to a process: each adds its own.
-- statement: count_ours
--> errors     integer
--> unanswered integer
INSERT INTO counted AS c (event, at, errors, unanswered)
VALUES ('', counted_at(now()) - interval '10 s', 0, 0), ('', counted_at(now()), :errors, :unanswered)
ON CONFLICT (event, at) DO UPDATE
SET errors = c.errors + excluded.errors, unanswered = c.unanswered + excluded.unanswered;

-- If an event has more than rows_max rows, each pair is merged. Rows of the last hour stay, since the newest of them
-- are counted again.
-- statement: count_thin
--> rows_max bigint
WITH newest AS MATERIALIZED (
    SELECT :counted_newest() AS at
), long AS (
    SELECT event
    FROM counted
    WHERE event = ANY (ARRAY(
        SELECT DISTINCT event
        FROM counted
        WHERE at >= (SELECT :counted_again(at) FROM newest)
    ))
    GROUP BY event
    HAVING count(*) > :rows_max
), pair AS (
    SELECT event, min(at) AS gone, max(at) AS at, sum(completed) AS completed,
        sum(refunded) AS refunded, sum(cancelled) AS cancelled, sum(expired) AS expired,
        sum(failed) AS failed, sum(unanswered) AS unanswered, sum(errors) AS errors,
        sum(captured) AS captured, sum(given_back) AS given_back
    FROM (
        SELECT c.*, row_number() OVER (PARTITION BY event ORDER BY at) AS nth
        FROM counted c
        WHERE event = ANY (ARRAY(SELECT event FROM long))
            AND at < CASE event WHEN '' THEN now() ELSE (SELECT at FROM newest) END
                - interval '1 hour'
    ) r
    GROUP BY event, (nth + 1) / 2
    HAVING count(*) = 2
), gone AS (
    DELETE FROM counted c
    USING pair p
    WHERE c.event = p.event AND c.at = p.gone
)
UPDATE counted c
SET completed = p.completed, refunded = p.refunded, cancelled = p.cancelled, expired = p.expired,
    failed = p.failed, unanswered = p.unanswered, errors = p.errors, captured = p.captured,
    given_back = p.given_back
FROM pair p
WHERE c.event = p.event AND c.at = p.at;

-- Sums since the first row, thinned to `most` points. The newest ten seconds have not ended. A row with only a
-- process's errors does not know how many sagas are open: such numbers are null, and `now` has the last known ones.
-- statement: counted
--> event text
--> most  integer
--< doc   text
WITH p AS (
    SELECT (extract(epoch FROM least(r.at, now())) * 1000)::bigint AS at,
        sum(r.completed) OVER w AS completed, sum(r.refunded) OVER w AS refunded,
        sum(r.cancelled) OVER w AS cancelled, sum(r.expired) OVER w AS expired,
        sum(r.failed) OVER w AS failed, sum(r.unanswered) OVER w AS unanswered,
        sum(r.errors) OVER w AS errors, r.open, r.parked,
        sum(r.captured) OVER w AS captured, sum(r.given_back) OVER w AS given_back,
        count(*) OVER () - row_number() OVER w AS age, count(*) OVER () / :most + 1 AS stride
    FROM (
        SELECT at, sum(completed) AS completed, sum(refunded) AS refunded, sum(cancelled) AS cancelled,
            sum(expired) AS expired, sum(failed) AS failed, sum(unanswered) AS unanswered,
            sum(errors) AS errors, max(open) AS open, max(parked) AS parked, sum(captured) AS captured,
            sum(given_back) AS given_back
        FROM counted
        WHERE event IN (:event, '')
        GROUP BY at
    ) r
    WINDOW w AS (ORDER BY r.at)
)
SELECT jsonb_build_object('event', :event, 'server_time', :iso(now()),
    'columns', '["at", "completed", "refunded", "cancelled", "expired", "failed", "unanswered", "errors", "open", "parked",
        "captured", "given_back"]'::jsonb,
    'points', coalesce(jsonb_agg(jsonb_build_array(at, completed, refunded, cancelled, expired, failed, unanswered, errors,
        open, parked, captured, given_back) ORDER BY age DESC) FILTER (WHERE age % stride = 0), '[]'),
    'now', jsonb_build_object('completed', coalesce(max(completed), 0), 'refunded', coalesce(max(refunded), 0),
        'cancelled', coalesce(max(cancelled), 0), 'expired', coalesce(max(expired), 0), 'failed', coalesce(max(failed), 0),
        'unanswered', coalesce(max(unanswered), 0), 'errors', coalesce(max(errors), 0),
        'open', coalesce((array_agg(open ORDER BY age) FILTER (WHERE open IS NOT NULL))[1], 0),
        'parked', coalesce((array_agg(parked ORDER BY age) FILTER (WHERE parked IS NOT NULL))[1], 0),
        'captured', coalesce(max(captured), 0), 'given_back', coalesce(max(given_back), 0)))::text AS doc
FROM p;

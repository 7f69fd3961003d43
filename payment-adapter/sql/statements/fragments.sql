-- Shared by many statements. A fragment is inserted as text where it is called.

-- Microseconds since a time, and until a time.
-- fragment: age_us(at)
(extract(epoch FROM now() - :at) * 1000000)::bigint

-- fragment: left_us(at)
(extract(epoch FROM :at - now()) * 1000000)::bigint

-- fragment: ms(number)
:number * interval '1 ms'

-- fragment: us(number)
(:number)::bigint * interval '1 us'

-- fragment: time_of_ms(unix_ms)
to_timestamp(:unix_ms / 1000.0)

-- Only for a transaction of its own: no caller waits for the disk while the rate's lock is held, and a crash may lose
-- what was paid.
-- fragment: not_awaited()
set_config('synchronous_commit', 'off', true)

-- Due for at most `back_ms` (store/look.h). As a row comparison: the planner takes two bounds on one column for a
-- narrow range, and would read and sort all due rows instead of stopping at the first rows of the index.
-- fragment: is_due_since(row)
:row.due_at <= now() AND (:row.due_at, :row.id) > (now() - :ms(:back_ms), 0)

-- Times as in JSON.
-- fragment: iso(at)
to_char(:at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')

-- Not ended. This wording lets PostgreSQL use the index saga_due.
-- fragment: is_open(saga)
:saga.state < :SAGA_COMPLETED

-- For rows that are looked up by key. A connection's plans stay, and may be made before a sale's tables have grown;
-- then a partial index, read from end to end, looks as cheap as the key. This wording offers the planner no index.
-- fragment: is_open_one(saga)
:saga.state + 0 < :SAGA_COMPLETED

-- fragment: is_running_one(saga)
:saga.state + 0 = :SAGA_RUNNING

-- fragment: is_unrevoked(row)
num_nulls(:row.revoked_at) = 1

-- fragment: is_checkout(saga)
:saga.key LIKE 'checkout.%'

-- The purchase says whether an order is for seats or for places in an area; names do not.
-- fragment: is_standing(o)
coalesce((:o.purchase->'lines'->0->>'standing')::boolean, false)

-- Due now, unless a worker has leased it: then its move sees that `wake` has risen.
-- fragment: woken()
wake = wake + 1,
due_at = CASE WHEN leased AND due_at > now() THEN due_at ELSE now() END

-- The part of its refund_amount that credits returned.
-- fragment: credited(o)
(SELECT coalesce(sum((c.value->>'amount')::bigint), 0) FROM jsonb_each(:o.credits) AS c)::bigint

-- The order's places, followed by those that credits returned.
-- fragment: all_places(o)
:o.places || (
    SELECT coalesce(jsonb_agg(DISTINCT g), '[]')
    FROM jsonb_each(:o.credits) AS c, jsonb_array_elements(c.value->'gone') AS g
    WHERE NOT :o.seats ? (g->>'id')
)

-- A saga is moving this ticket's seat to another one; until it ends the ticket is not valid.
-- fragment: is_moving(o, t)
coalesce(:o.moving ? :t.seat, false)

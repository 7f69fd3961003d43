-- The terms on which an order can be refunded: those of an event, or of the event '', whose row comes from the
-- configuration and applies to all others. Version 0: this event has no terms of its own.

-- Different terms have different ids; a default's id is never an event's.
-- fragment: terms_id(t)
CASE WHEN :t.event = '' THEN 'default-' ELSE 'event-' END || :t.version

-- statement: terms_read
--> event          text
--< id             text
--< version        integer
--< granted_to     text
--< until_at       text
--< before_start_s bigint null
--< percent        smallint
--< handed_on      boolean
SELECT :terms_id(t) AS id, CASE WHEN event = '' THEN 0 ELSE version END AS version, granted_to,
    :iso(until_at) AS until_at, before_start_s, percent, handed_on
FROM refund_terms t
WHERE event IN (:event, '')
ORDER BY event DESC
LIMIT 1;

-- The terms of an order that is made now, for its purchase.
-- statement: terms_for reads
--> event  text
--> show   jsonb
--< id     text
--< refund text
SELECT :terms_id(t) AS id, refund_terms_of(:event, (:show->>'starts_at')::timestamptz)::text AS refund
FROM refund_terms t
WHERE t.event IN (:event, '')
ORDER BY t.event DESC
LIMIT 1;

-- Sets the terms only if their version is still the one that was read; 0: the event had none of its own.
-- statement: terms_set
--> event          text
--> granted_to     text
--> until_ms       bigint null
--> before_start_s bigint null
--> percent        smallint
--> handed_on      boolean
--> version        integer
--> reason         text
--> who            text   null
--< id             bigint
WITH w AS (
    INSERT INTO refund_terms AS t (event, granted_to, until_at, before_start_s, percent, handed_on)
    SELECT :event, :granted_to, :time_of_ms(:until_ms), :before_start_s, :percent, :handed_on
    WHERE :version = coalesce((SELECT version FROM refund_terms WHERE event = :event), 0)
    ON CONFLICT (event) DO UPDATE
    SET granted_to = excluded.granted_to, until_at = excluded.until_at,
        before_start_s = excluded.before_start_s, percent = excluded.percent,
        handed_on = excluded.handed_on, changed_at = now(), version = t.version + 1
    WHERE t.version = :version
    RETURNING t.*
)
INSERT INTO audit (event, act, subject, actor, reason, detail, who)
SELECT event, 'refund-terms', event, :ACTOR_OPERATOR, :reason, jsonb_build_object(
    'from', (SELECT to_jsonb(r) - 'event' FROM refund_terms r WHERE r.event = :event),
    'to', to_jsonb(w) - 'event'), :who
FROM w
RETURNING id;

-- The configured terms, stored when the service starts or reloads.
-- statement: terms_default alone
--> granted_to     text
--> before_start_s bigint
--> percent        smallint
--> handed_on      boolean
INSERT INTO pay.refund_terms AS t (event, version, granted_to, before_start_s, percent, handed_on)
VALUES ('', 0, :granted_to, :before_start_s, :percent, :handed_on)
ON CONFLICT (event) DO UPDATE
SET granted_to = :granted_to, before_start_s = :before_start_s, percent = :percent,
    handed_on = :handed_on, version = t.version + 1
WHERE (t.granted_to, t.before_start_s, t.percent, t.handed_on)
    IS DISTINCT FROM (:granted_to, :before_start_s, :percent, :handed_on);

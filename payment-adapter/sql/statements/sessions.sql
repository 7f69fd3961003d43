-- Login sessions, and throttling of wrong passwords.

-- A login ends the browser's previous session. A login by the shop's token (jti; stored in the table of the webhooks)
-- uses up the token in the same statement: a token is never used up without a session. For a minute the browser may
-- repeat the call, in case the answer was lost; its idempotency key identifies it.
-- statement: session_create
--> token  text
--> member text
--> lang   text
--> ttl_ms bigint
--> before text
--> jti    text null
--> key    text null
--< begun  bigint
WITH use AS (
    INSERT INTO webhook_event AS e (provider, id, kind, payment)
    SELECT 'sso', :jti, 'login', :key
    WHERE :jti IS NOT NULL
    ON CONFLICT (provider, id) DO UPDATE
    SET kind = e.kind
    WHERE e.payment = :key AND e.received_at > now() - interval '1 minute'
    RETURNING id
), new AS (
    INSERT INTO session (token, member, lang, expires_at)
    SELECT :token, :member, :lang, now() + :ms(:ttl_ms)
    WHERE :jti IS NULL OR EXISTS (SELECT FROM use)
    RETURNING token
), old AS (
    UPDATE session
    SET revoked_at = now()
    WHERE token = :before AND revoked_at IS NULL AND EXISTS (SELECT FROM new)
)
SELECT count(*) AS begun
FROM new;

-- statement: session_read reads
--> token  text
--< member text
--< lang   text
SELECT member, lang
FROM session
WHERE token = :token AND revoked_at IS NULL AND expires_at > now();

-- statement: session_revoke
--> token text
UPDATE session
SET revoked_at = now()
WHERE token = :token AND revoked_at IS NULL;

-- Deletes expired rows, a limited number at a time. No provider repeats an event for longer than
-- four days.
-- statement: session_sweep
WITH gone AS (
    DELETE FROM session
    WHERE token = ANY (ARRAY(
        SELECT token
        FROM session
        WHERE expires_at < now() - interval '1 day'
        LIMIT 1000
    ))
), told AS (
    DELETE FROM webhook_event
    WHERE ctid = ANY (ARRAY(
        SELECT ctid
        FROM webhook_event
        WHERE received_at < now() - interval '7 days'
        LIMIT 5000
    ))
)
DELETE FROM throttle
WHERE key = ANY (ARRAY(SELECT key FROM throttle WHERE since < now() - interval '1 day' LIMIT 1000));

-- How long the caller still has to wait: the longest pause of these keys.
-- statement: throttle_read
--> keys    text[]
--< left_us bigint
SELECT coalesce(max(:left_us(until)), 0)::bigint AS left_us
FROM throttle
WHERE key = ANY (:keys) AND until > now();

-- Free failures: ten times as many for an address, and twenty times as many for an account across all addresses.
-- fragment: free_fails()
(CASE left(t.key, 2) WHEN 'i:' THEN 10 WHEN 'g:' THEN 20 ELSE 1 END * :free_fails)

-- The window has ended: counting starts again.
-- fragment: is_long_ago()
t.since < now() - :ms(:window_ms)

-- Some failures are free; then the pause doubles, up to the longest. The pause for an account across all addresses is
-- a minute at most: that makes guessing slow enough, and the owner may be using a new browser.
-- statement: throttle_fail
--> keys         text[]
--> free_fails   integer
--> window_ms    bigint
--> pause_ms     bigint
--> pause_max_ms bigint
INSERT INTO throttle AS t (key, fails, since, until)
SELECT key, 1, now(), NULL
FROM unnest(:keys) AS key
ON CONFLICT (key) DO UPDATE
SET fails = CASE WHEN :is_long_ago() THEN 1 ELSE t.fails + 1 END,
    since = CASE WHEN :is_long_ago() THEN now() ELSE t.since END,
    until = CASE
        WHEN :is_long_ago() THEN NULL
        WHEN t.fails + 1 < :free_fails() THEN NULL
        ELSE now() + interval '1 ms' * least(
            CASE WHEN t.key LIKE 'g:%' THEN least(:pause_max_ms, 60000) ELSE :pause_max_ms END,
            :pause_ms * (2 ^ least(20, t.fails + 1 - :free_fails()))::bigint)
    END;

-- statement: throttle_clear
--> key text
DELETE FROM throttle
WHERE key = :key;

-- The pace of queries to the company's user database, which all processes share: first from the purpose's own share
-- (an interval of 0: no share), then from the common part.
-- statement: pace_users
--> share              text
--> interval_us        bigint
--> burst_us           bigint
--> common_interval_us bigint
--> common_burst_us    bigint
--< granted            boolean
SELECT CASE
    WHEN (SELECT granted FROM pace_pay(:share, 1, :interval_us, :burst_us)) > 0 THEN TRUE
    ELSE (SELECT granted FROM pace_pay('users', 1, :common_interval_us, :common_burst_us)) > 0
END AS granted
FROM :not_awaited();

/* statements.c: see statements.h.
 *
 * Plans: what is asked by key has one plan for ever (generic). The engine's connections plan each
 * statement anew, which costs a commit of a thousand moves less than a millisecond: a batch of one
 * and a batch of a thousand want different plans, and a plan made while the tables were new and
 * empty would read them whole for as long as the connection lives. (It was so: a fresh database
 * began at a quarter of its speed.) */
#include "statements.h"

/* Requests plan once, at the latest when the tables are still empty, and every statement of theirs
 * finds its rows by an index: without this the plan of a small table, which reads it whole, stays
 * after it has grown. (It did: an order's timeline read all steps of all sagas, and buyers who
 * watched theirs kept the provider's webhooks from the database for seconds.) */
#define BY_INDEX ", set_config('enable_seqscan', 'off', false)"

/* Costs that the planner takes for large, of a table that it thinks has grown or of a scan that it
 * is to avoid, make it compile a statement: for seconds, to save milliseconds. */
#define SETUP(PLANS)                                                                               \
    "SELECT set_config('search_path', 'pay', false),"                                              \
    " set_config('statement_timeout', '8s', false), set_config('jit', 'off', false),"              \
    " set_config('plan_cache_mode', '" PLANS "', false)"

const char statements_setup[] = SETUP("force_generic_plan") BY_INDEX;
const char statements_setup_engine[] = SETUP("force_custom_plan");

/* How many microseconds ago, and from now. */
#define AGE_US(AT)  "(extract(epoch FROM now() - " AT ") * 1000000)::bigint"
#define LEFT_US(AT) "(extract(epoch FROM " AT " - now()) * 1000000)::bigint"
#define ISO(AT)     "to_char(" AT " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"

/* An effect is stored if its move is: the same token, the number after the move. Sent again after a
 * lost answer it matches again, and changes nothing. */
#define EFFECT_ROWS(COLUMNS)                                                                       \
    " FROM jsonb_to_recordset($1::jsonb) AS r(saga bigint, lease bigint, moves integer,"           \
    " \"order\" text, " COLUMNS ")"                                                                \
    " JOIN saga s ON s.id = r.saga AND s.token = r.lease AND s.moves = r.moves WHERE "

/* Due now, unless a worker has it in hand: then its move will see that the wake has risen. */
#define WOKEN                                                                                      \
    "wake = wake + 1, due_at = CASE WHEN leased AND due_at > now() THEN due_at ELSE now() END"

/* Counting begins anew so far back: a commit is seen only after the times that it wrote. */
#define COUNT_NEWEST "(SELECT coalesce(max(at), '-infinity') FROM counted WHERE event <> '')"
#define COUNT_AGAIN  " - interval '30 s'"
/* OFFSET 0: looked up one by one, also by a plan of the time when the tables were empty. */
#define ORDER_OF_SAGA                                                                              \
    " CROSS JOIN LATERAL (SELECT event, status FROM orders WHERE id = s.subject OFFSET 0) o"

#define ORDER_COLUMNS                                                                              \
    "o.id, o.event, o.hold, o.member, o.status, coalesce(o.cause, ''), o.currency, o.amount,"      \
    " o.seats::text, o.provider, coalesce(o.payment, ''), coalesce(o.secret, ''),"                 \
    " coalesce(o.url, ''), " ISO("o.expires_at") ", " ISO(                                         \
        "o.created_at") ", o.idem_body, o.lang,"                                                   \
                        " coalesce(nullif(o.event_name, ''), o.event), coalesce(" ISO(             \
                            "o.starts_at") ", ''), o.places::text"

const struct pg_statement statements[SQL_STATEMENTS] = {
    [SQL_LEASE] =
        {"lease",
         "WITH due AS MATERIALIZED ("
         " SELECT id FROM saga WHERE state < 2 AND NOT parked AND due_at <= now()"
         " AND key = ANY ($2::text[]) ORDER BY due_at LIMIT $1::bigint FOR UPDATE SKIP LOCKED)"
         " UPDATE saga s SET token = s.token + 1, leased = true, owner = $4,"
         " due_at = now() + $3::bigint * interval '1 ms' FROM due WHERE s.id = due.id"
         " RETURNING s.id, s.token, s.moves, s.wake, s.key, s.state, s.step, s.cancel, s.tries,"
         " " AGE_US("s.step_at") ", s.cause, s.trace, s.data"},
    [SQL_MOVES] =
        {"moves",
         "WITH m AS MATERIALIZED ("
         " SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::integer[], $4::integer[],"
         " $5::smallint[], $6::boolean[], $7::smallint[], $8::integer[], $9::integer[],"
         " $10::text[], $11::text[], $12::smallint[], $13::smallint[], $14::boolean[],"
         " $15::integer[], $16::bigint[], $17::text[], $18::text[]) WITH ORDINALITY"
         " AS m(id, token, moves, wake, at_step, undo, mark, tried, took_us, code, detail,"
         " state, step, parked, tries, delay_ms, cause, data, nth)"
         "), moved AS ("
         " UPDATE saga s SET state = m.state, step = m.step, parked = m.parked, tries = m.tries,"
         " moves = s.moves + 1, cause = coalesce(m.cause, ''), data = coalesce(m.data, s.data),"
         " leased = m.delay_ms < 0,"
         " step_at = CASE WHEN s.step <> m.step OR s.state <> m.state THEN now()"
         "  ELSE s.step_at END,"
         " due_at = CASE WHEN m.delay_ms < 0 THEN"
         "   CASE WHEN s.due_at < now() + $19::bigint * interval '0.5 ms'"
         "    THEN now() + $19::bigint * interval '1 ms' ELSE s.due_at END"
         "  WHEN s.wake <> m.wake THEN now() ELSE now() + m.delay_ms * interval '1 ms' END,"
         " ended_at = CASE WHEN m.state >= 2 THEN now() END"
         " FROM m WHERE s.id = m.id AND s.token = m.token AND s.moves = m.moves"
         /* The barrier: a step whose effect is recorded is not recorded again. */
         " AND (m.mark <> 0 OR (SELECT b.attempt FROM saga_step b WHERE b.saga = m.id"
         "  AND b.step = m.at_step AND b.undo = m.undo AND b.attempt = 0) IS NULL)"
         " RETURNING m.nth, s.cancel, s.wake, " LEFT_US(
             "s.due_at") " AS left_us"
                         "), logged AS ("
                         " INSERT INTO saga_step (saga, step, undo, attempt, mark, tried, took_us, "
                         "code, detail)"
                         " SELECT m.id, m.at_step, m.undo, CASE WHEN m.mark = 0 THEN 0 ELSE "
                         "m.moves + 1 END,"
                         " m.mark, m.tried, m.took_us, m.code, m.detail"
                         " FROM m JOIN moved USING (nth) WHERE m.mark <> 6)"
                         /* Not moved now, but moved by this very lease before: its answer was lost.
                          */
                         " SELECT CASE WHEN moved.nth IS NOT NULL THEN true"
                         "  ELSE s.token = m.token AND s.moves = m.moves + 1 END,"
                         " coalesce(moved.cancel, s.cancel, false), coalesce(moved.wake, s.wake, "
                         "0),"
                         " coalesce(moved.left_us, " LEFT_US(
                             "s.due_at") ", 0)"
                                         " FROM m LEFT JOIN moved USING (nth)"
                                         " LEFT JOIN saga s ON moved.nth IS NULL AND s.id = m.id "
                                         "ORDER BY m.nth"},
    [SQL_EFFECT_STATUS] = {"effect_status",
                           "UPDATE orders o SET status = r.status, cause = nullif(r.cause, ''),"
                           " changed_at = now()" EFFECT_ROWS(
                               "status text, cause text") "o.id = r.\"order\""},
    [SQL_EFFECT_PAYMENT] = {"effect_payment",
                            "UPDATE orders o SET payment = r.payment, secret = r.secret,"
                            " url = r.url, changed_at = now()" EFFECT_ROWS(
                                "payment text, secret text, url text") "o.id = r.\"order\""},
    [SQL_EFFECT_EXPIRY] = {"effect_expiry",
                           "UPDATE orders o SET expires_at = to_timestamp(r.expires_ms / 1000.0),"
                           " changed_at = now()" EFFECT_ROWS(
                               "expires_ms bigint") "o.id = r.\"order\""},
    [SQL_EFFECT_TICKET] =
        {"effect_ticket",
         "INSERT INTO ticket (id, order_id, event, seat, member, holder, kid, token)"
         " SELECT r.ticket, r.\"order\", r.event, r.seat, r.member, r.holder, r.kid, "
         "r.token" EFFECT_ROWS("ticket text, event text, seat text, member text, holder text, kid "
                               "text, token text") "true ON CONFLICT (id) DO NOTHING"},
    [SQL_EFFECT_REVOKE] = {"effect_revoke",
                           "UPDATE ticket t SET revoked_at = now()" EFFECT_ROWS(
                               "none text") "t.order_id = r.\"order\" AND t.revoked_at IS NULL"},
    [SQL_EFFECT_SHOP] =
        {"effect_shop",
         "INSERT INTO shop_outbox (order_id, member, kind)"
         " SELECT r.\"order\", r.member, r.kind" EFFECT_ROWS(
             "member text, kind text") "true ON CONFLICT (order_id, kind) DO NOTHING"},
    [SQL_EFFECT_MAIL] =
        {"effect_mail",
         "INSERT INTO mail_outbox (order_id, member, kind, lang)"
         " SELECT r.\"order\", r.member, r.kind, r.lang" EFFECT_ROWS(
             "member text, kind text, lang text") "true ON CONFLICT (order_id, kind) DO NOTHING"},

    [SQL_ORDER_CREATE] =
        {"order_create",
         "WITH o AS (INSERT INTO orders (id, event, hold, member, lang, provider, currency, amount,"
         " seats, status, idem_key, idem_body, expires_at, event_name, starts_at, places) VALUES"
         " ($1, $2, $3, $4, $5, $6, $7, $8::bigint, $9::jsonb, 'pending_payment', $10, $11,"
         " to_timestamp($12::bigint / 1000.0), $16, nullif($17, '')::timestamptz, $18::jsonb)"
         " ON CONFLICT DO NOTHING RETURNING id)"
         " INSERT INTO saga (key, subject, trace, data) SELECT $13, o.id, $14, $15 FROM o"
         " RETURNING id"},
    [SQL_ORDER_BY_IDEM] = {"order_by_idem",
                           "SELECT " ORDER_COLUMNS ", o.idem_key FROM orders o"
                           " WHERE (o.member = $1 AND o.idem_key = $2)"
                           " OR (o.event = $3 AND o.hold = $4)"
                           " ORDER BY (o.member = $1 AND o.idem_key = $2) DESC LIMIT 1"},
    [SQL_ORDER_READ] = {"order_read", "SELECT " ORDER_COLUMNS " FROM orders o WHERE o.id = $1"},
    [SQL_ORDER_TIMELINE] =
        {"order_timeline",
         "SELECT s.id, s.key, t.step, t.undo, t.mark, t.tried, t.took_us, coalesce(t.code, ''),"
         " " ISO("t.at") ", s.state, s.step, s.parked,"
                         " CASE WHEN s.state < 2 AND NOT s.parked AND NOT s.leased THEN " ISO(
                             "s.due_at") " END"
                                         " FROM saga s LEFT JOIN saga_step t ON t.saga = s.id "
                                         "WHERE s.subject = $1"
                                         " ORDER BY s.id, t.at, t.tried LIMIT 200"},
    [SQL_ORDER_CANCEL] = {"order_cancel",
                          "UPDATE saga SET cancel = true, " WOKEN
                          " WHERE subject = $1 AND key LIKE 'checkout.%' AND state = 0"
                          " AND step < $2::smallint AND NOT parked RETURNING id"},
    [SQL_ORDER_REFUND] =
        {"order_refund",
         "WITH o AS (UPDATE orders SET status = 'refunding', changed_at = now()"
         " WHERE id = $1 AND status = 'completed' AND NOT EXISTS (SELECT FROM checkin c"
         "  JOIN ticket t ON t.id = c.ticket WHERE t.order_id = $1) RETURNING id)"
         " INSERT INTO saga (key, subject, trace, data) SELECT $2, o.id, $3, c.data FROM o"
         " JOIN saga c ON c.subject = o.id AND c.key LIKE 'checkout.%' RETURNING id"},
    [SQL_ORDER_TICKETS] =
        {"order_tickets",
         "SELECT t.id, t.seat, t.event, t.token, t.revoked_at IS NOT NULL,"
         " c.ticket IS NOT NULL, t.member, " ISO(
             "t.issued_at") ", coalesce(nullif(o.event_name, ''), o.event),"
                            " coalesce(" ISO(
                                "o.starts_at") ", ''), coalesce(p.at, 0),"
                                               " coalesce(p.place->>'zone', ''), "
                                               "coalesce(p.place->>'row', ''),"
                                               " coalesce(p.place->>'number', ''),"
                                               " coalesce(p.place->>'category', ''), o.member"
                                               " FROM ticket t JOIN orders o ON o.id = t.order_id"
                                               " LEFT JOIN checkin c ON c.ticket = t.id"
                                               " LEFT JOIN LATERAL jsonb_array_elements(o.places)"
                                               "  WITH ORDINALITY AS p(place, at) ON "
                                               "p.place->>'id' = t.seat"
                                               " WHERE t.order_id = $1 AND t.replaced_by IS NULL"
                                               " ORDER BY p.at, t.seat LIMIT 200"},
    [SQL_ORDER_WAKE_BY_PAYMENT] = {"order_wake_by_payment",
                                   "UPDATE saga s SET " WOKEN " FROM orders o"
                                   " WHERE o.payment = $1 AND s.subject = o.id AND s.state < 2"
                                   " AND NOT s.parked RETURNING s.id"},

    [SQL_TICKET_READ] =
        {"ticket_read",
         "SELECT t.id, t.order_id, t.event, t.seat, t.member, t.token,"
         " t.revoked_at IS NOT NULL, c.gate, " ISO(
             "c.scanned_at") ", o.status"
                             " FROM ticket t JOIN orders o ON o.id = t.order_id"
                             " LEFT JOIN checkin c ON c.ticket = t.id WHERE t.id = $1"},
    [SQL_TICKET_TRANSFER] =
        {"ticket_transfer",
         "WITH old AS (UPDATE ticket t SET revoked_at = now(), replaced_by = $3"
         " WHERE t.id = $1 AND t.member = $2 AND t.revoked_at IS NULL"
         " AND NOT EXISTS (SELECT FROM checkin c WHERE c.ticket = t.id)"
         " AND EXISTS (SELECT FROM orders o WHERE o.id = t.order_id AND o.status = 'completed')"
         " RETURNING t.order_id, t.event, t.seat)"
         " INSERT INTO ticket (id, order_id, event, seat, member, holder, kid, token)"
         " SELECT $3, order_id, event, seat, $4, $5, $6, $7 FROM old RETURNING id"},
    [SQL_TICKET_REVOKED] =
        {"ticket_revoked",
         "SELECT id, " ISO(
             "revoked_at") " FROM ticket WHERE event = $1"
                           " AND revoked_at IS NOT NULL ORDER BY revoked_at LIMIT 20000"},
    [SQL_CHECKIN] = {"checkin",
                     "INSERT INTO checkin (ticket, gate, scanned_at, offline)"
                     " SELECT t.id, $2, to_timestamp($3::bigint / 1000.0), $4::boolean"
                     " FROM ticket t JOIN orders o ON o.id = t.order_id"
                     " WHERE t.id = $1 AND t.revoked_at IS NULL AND o.status = 'completed'"
                     " ON CONFLICT (ticket) DO NOTHING RETURNING ticket"},
    [SQL_CHECKIN_WHY] =
        {"checkin_why",
         "SELECT t.seat, t.revoked_at IS NOT NULL, o.status, c.gate,"
         " " ISO("c.scanned_at") " FROM ticket t JOIN orders o ON o.id = t.order_id"
                                 " LEFT JOIN checkin c ON c.ticket = t.id WHERE t.id = $1"},
    [SQL_CHECKIN_CONFLICT] = {"checkin_conflict",
                              "INSERT INTO checkin_conflict (ticket, gate, scanned_at, reason)"
                              " VALUES ($1, $2, to_timestamp($3::bigint / 1000.0), $4)"
                              " ON CONFLICT DO NOTHING"},

    /* A login ends the session that the browser had before. */
    [SQL_SESSION_CREATE] = {"session_create",
                            "WITH old AS (UPDATE session SET revoked_at = now() WHERE token = $5"
                            " AND revoked_at IS NULL)"
                            " INSERT INTO session (token, member, lang, expires_at)"
                            " VALUES ($1, $2, $3, now() + $4::bigint * interval '1 ms')"},
    [SQL_SESSION_READ] =
        {"session_read",
         "SELECT member, lang, " LEFT_US(
             "expires_at") " FROM session"
                           " WHERE token = $1 AND revoked_at IS NULL AND expires_at > now()"},
    [SQL_SESSION_REVOKE] = {"session_revoke",
                            "UPDATE session SET revoked_at = now() WHERE revoked_at IS NULL"
                            " AND (token = $1 OR member = $2) RETURNING token"},
    [SQL_SESSION_SWEEP] = {"session_sweep",
                           "WITH gone AS (DELETE FROM session WHERE token IN (SELECT token"
                           " FROM session WHERE expires_at < now() - interval '1 day' LIMIT 1000))"
                           " DELETE FROM throttle WHERE key IN (SELECT key FROM throttle"
                           " WHERE since < now() - interval '1 day' LIMIT 1000)"},
    [SQL_THROTTLE_READ] = {"throttle_read",
                           "SELECT coalesce(max(" LEFT_US(
                               "until") "), 0)::bigint FROM throttle"
                                        " WHERE key = ANY ($1::text[]) AND until > now()"},
    /* $2: fails that are free; $3: the window; then the pause doubles from $4 to $5. */
    [SQL_THROTTLE_FAIL] =
        {"throttle_fail",
         "INSERT INTO throttle AS t (key, fails, since, until)"
         " SELECT key, 1, now(), NULL FROM unnest($1::text[]) AS key"
         " ON CONFLICT (key) DO UPDATE SET"
         " fails = CASE WHEN t.since < now() - $3::bigint * interval '1 ms' THEN 1"
         "  ELSE t.fails + 1 END,"
         " since = CASE WHEN t.since < now() - $3::bigint * interval '1 ms' THEN now()"
         "  ELSE t.since END,"
         " until = CASE WHEN t.since < now() - $3::bigint * interval '1 ms' THEN NULL"
         "  WHEN t.fails + 1 < (CASE WHEN t.key LIKE 'i:%' THEN 10 ELSE 1 END) * $2::integer"
         "  THEN NULL"
         "  ELSE now() + least($5::bigint, $4::bigint * (2 ^ least(20, t.fails + 1 - (CASE WHEN"
         "   t.key LIKE 'i:%' THEN 10 ELSE 1 END) * $2::integer))::bigint) * interval '1 ms' END"},
    [SQL_THROTTLE_CLEAR] = {"throttle_clear", "DELETE FROM throttle WHERE key = $1"},

    /* A batch of them, as columns. Answers for each: is it new, has its saga still to be woken (as
     * somebody was just changing the row), its payment, was any saga woken. */
    [SQL_WEBHOOK_EVENTS] =
        {"webhook_events",
         "WITH h AS MATERIALIZED (SELECT provider, id, coalesce(kind, '') AS kind, payment, nth,"
         "  row_number() OVER (PARTITION BY provider, id ORDER BY nth) AS copy"
         "  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])"
         "  WITH ORDINALITY AS h(provider, id, kind, payment, nth)"
         "), e AS (INSERT INTO webhook_event (provider, id, kind, payment)"
         "  SELECT provider, id, kind, payment FROM h WHERE copy = 1 ORDER BY provider, id"
         "  ON CONFLICT DO NOTHING RETURNING provider, id, payment"
         "), open AS MATERIALIZED (SELECT s.id, o.payment FROM orders o"
         "  JOIN saga s ON s.subject = o.id WHERE s.state < 2 AND NOT s.parked"
         "  AND o.payment IN (SELECT payment FROM e)"
         "), free AS MATERIALIZED (SELECT s.id FROM saga s WHERE s.id IN (SELECT id FROM open)"
         "  FOR UPDATE SKIP LOCKED"
         "), w AS (UPDATE saga s SET " WOKEN " FROM free WHERE s.id = free.id RETURNING s.id)"
         " SELECT e.id IS NOT NULL, e.id IS NOT NULL AND EXISTS (SELECT FROM open"
         "  WHERE open.payment = e.payment AND open.id NOT IN (SELECT id FROM w)), h.payment,"
         "  EXISTS (SELECT FROM w)"
         " FROM h LEFT JOIN e ON h.copy = 1 AND e.provider = h.provider AND e.id = h.id"
         " ORDER BY h.nth"},

    /* A token of the shop, which counts once; it is kept beside what others told us. */
    [SQL_TOKEN_USE] = {"token_use", "WITH e AS (INSERT INTO webhook_event (provider, id, kind)"
                                    " VALUES ('sso', $1, 'login') ON CONFLICT DO NOTHING"
                                    " RETURNING id) SELECT count(*) FROM e"},

    /* In order for each customer: only the oldest open letter of each, and later ones not before
     * it is through. The due time doubles as a lease, so that two instances do not take the same
     * one, and a worker that dies gives it back by itself. */
    [SQL_SHOP_TAKE] =
        {"shop_take",
         "WITH due AS (SELECT b.id FROM shop_outbox b WHERE b.done_at IS NULL"
         " AND b.due_at <= now() AND NOT EXISTS (SELECT FROM shop_outbox e"
         "  WHERE e.member = b.member AND e.id < b.id AND e.done_at IS NULL)"
         " ORDER BY b.due_at, b.id LIMIT $1::bigint FOR UPDATE OF b SKIP LOCKED)"
         " UPDATE shop_outbox b SET due_at = now() + $2::bigint * interval '1 ms',"
         " tries = tries + 1 FROM due, orders o WHERE b.id = due.id AND o.id = b.order_id"
         " RETURNING b.id, b.kind, b.tries, o.id, o.member, o.event, o.currency, o.amount,"
         " o.seats::text, o.provider, coalesce(o.payment, ''), " ISO("o.created_at")},
    [SQL_SHOP_DONE] =
        {"shop_done", "UPDATE shop_outbox SET done_at = now(), error = NULL WHERE id = $1::bigint"},
    [SQL_SHOP_LATER] = {"shop_later",
                        "UPDATE shop_outbox SET due_at = now() + $2::bigint * interval '1 ms',"
                        " error = $3 WHERE id = $1::bigint AND done_at IS NULL"},
    [SQL_MAIL_TAKE] =
        {"mail_take",
         "WITH due AS (SELECT id FROM mail_outbox WHERE done_at IS NULL AND due_at <= now()"
         " ORDER BY due_at LIMIT $1::bigint FOR UPDATE SKIP LOCKED)"
         " UPDATE mail_outbox b SET due_at = now() + $2::bigint * interval '1 ms',"
         " tries = tries + 1 FROM due, orders o WHERE b.id = due.id AND o.id = b.order_id"
         " RETURNING b.id, b.kind, b.tries, b.lang, o.id, o.member,"
         " coalesce(nullif(o.event_name, ''), o.event), o.amount, o.currency,"
         " jsonb_array_length(o.seats), coalesce((SELECT string_agg(concat_ws(E'\\t', p->>'zone',"
         "  p->>'row', p->>'number'), E'\\n' ORDER BY at) FROM jsonb_array_elements(o.places)"
         "  WITH ORDINALITY AS p(p, at)), '')"},
    [SQL_MAIL_DONE] = {"mail_done",
                       "UPDATE mail_outbox SET done_at = now(), error = $2 WHERE id = $1::bigint"},
    [SQL_MAIL_LATER] = {"mail_later",
                        "UPDATE mail_outbox SET due_at = now() + $2::bigint * interval '1 ms',"
                        " error = $3 WHERE id = $1::bigint AND done_at IS NULL"},
    [SQL_LAGS] =
        {"lags",
         "SELECT (SELECT count(*) FROM shop_outbox WHERE done_at IS NULL),"
         " coalesce((SELECT " AGE_US(
             "min(made_at)") " FROM shop_outbox WHERE done_at IS NULL), 0),"
                             " (SELECT count(*) FROM mail_outbox WHERE done_at IS NULL),"
                             " coalesce((SELECT " AGE_US(
                                 "min(made_at)") " FROM mail_outbox WHERE done_at IS NULL), 0),"
                                                 " (SELECT count(*) FROM saga WHERE parked),"
                                                 " (SELECT count(*) FROM saga WHERE state < 2 AND "
                                                 "NOT parked),"
                                                 " coalesce((SELECT " AGE_US(
                                                     "min(due_at)") "  FROM saga WHERE state < 2 "
                                                                    "AND NOT parked AND due_at < "
                                                                    "now()), 0)"},

    [SQL_SAGA_LIST] =
        {"saga_list",
         "SELECT s.id, s.key, s.subject, s.state, s.step, s.parked, s.cause, s.tries, s.moves,"
         " " ISO("s.started_at") ", " ISO("s.step_at") ", " ISO("s.due_at") ", " ISO(
             "s.ended_at") ", s.cancel, s.trace, s.leased FROM saga s"
                           " WHERE ($1 = 'all' OR ($1 = 'parked' AND s.parked) OR ($1 = 'open' AND "
                           "s.state < 2))"
                           " AND ($2::text IS NULL OR s.subject = $2) AND ($3::bigint IS NULL OR "
                           "s.id < $3)"
                           " ORDER BY s.id DESC LIMIT $4::bigint"},
    [SQL_SAGA_READ] =
        {"saga_read",
         "SELECT s.id, s.key, s.subject, s.state, s.step, s.parked, s.cause, s.tries, s.moves,"
         " " ISO("s.started_at") ", " ISO("s.step_at") ", " ISO("s.due_at") ", " ISO(
             "s.ended_at") ", s.cancel, s.trace, s.leased, s.data FROM saga s WHERE s.id = "
                           "$1::bigint"},
    [SQL_SAGA_STEPS] =
        {"saga_steps",
         "SELECT step, undo, attempt, mark, tried, took_us, coalesce(code, ''),"
         " coalesce(detail, ''), " ISO(
             "at") " FROM saga_step WHERE saga = $1::bigint"
                   " ORDER BY at, undo, CASE WHEN undo THEN -step ELSE step END, tried"
                   " LIMIT 1000"},
    /* A parked saga goes on, a sleeping one at once. With a fresh token, whoever had it is out. */
    [SQL_SAGA_RETRY] =
        {"saga_retry",
         "WITH s AS (UPDATE saga SET parked = false, due_at = now(), leased = false, wake = wake + "
         "1,"
         " token = token + 1, tries = 0, moves = moves + 1, step_at = now(),"
         " cause = CASE WHEN state = 0 THEN '' ELSE cause END"
         " WHERE id = $1::bigint AND state < 2 RETURNING id, step, state, moves, subject, tries),"
         " l AS (INSERT INTO saga_step (saga, step, undo, attempt, mark, tried, took_us, code,"
         " detail) SELECT id, step, state = 1, moves, 7, 0, 0, 'retry', $2 FROM s),"
         " o AS (UPDATE orders SET status = $3, changed_at = now() FROM s"
         "  WHERE orders.id = s.subject AND orders.status = 'parked')"
         " SELECT id FROM s"},
    /* Above the pivot only: for those parked at it, which an operator has looked at. */
    [SQL_SAGA_COMPENSATE] =
        {"saga_compensate",
         "WITH s AS (UPDATE saga SET parked = false, cancel = false, due_at = now(), leased = "
         "false,"
         " wake = wake + 1, token = token + 1, tries = 0, moves = moves + 1, step_at = now(),"
         " state = 1, step = $3::smallint, cause = 'operator'"
         " WHERE id = $1::bigint AND state = 0 AND step <= $4::smallint AND key = $5"
         " RETURNING id, step, moves, subject),"
         " l AS (INSERT INTO saga_step (saga, step, undo, attempt, mark, tried, took_us, code,"
         " detail) SELECT id, step, false, moves, 7, 0, 0, 'compensate', $2 FROM s),"
         " o AS (UPDATE orders SET status = 'failed', cause = 'operator', changed_at = now() FROM s"
         "  WHERE orders.id = s.subject)"
         " SELECT id FROM s"},

    /* Numbers only rise, so two processes that count the same change nothing. Ten seconds in which
     * something happened follow ten that say up to when nothing had. */
    [SQL_COUNT_SAGAS] =
        {"count_sagas",
         "WITH since AS MATERIALIZED (SELECT " COUNT_NEWEST COUNT_AGAIN " AS at), found (event, at,"
         "  completed, refunded, cancelled, expired, failed, unanswered, open, parked) AS ("
         " SELECT o.event, counted_at(s.ended_at),"
         "  count(*) FILTER (WHERE s.state = 2 AND s.key LIKE 'checkout.%'),"
         "  count(*) FILTER (WHERE s.state = 2 AND s.key LIKE 'refund.%'),"
         "  count(*) FILTER (WHERE s.state = 3 AND o.status = 'cancelled'),"
         "  count(*) FILTER (WHERE s.state = 3 AND o.status = 'expired'),"
         "  count(*) FILTER (WHERE s.state = 3 AND o.status = 'failed'), 0, NULL::bigint, "
         "NULL::bigint"
         "  FROM saga s" ORDER_OF_SAGA " WHERE s.ended_at >= (SELECT at FROM since) GROUP BY 1, 2"
         " UNION ALL"
         " SELECT o.event, counted_at(t.at), 0, 0, 0, 0, 0, count(*), NULL, NULL"
         "  FROM saga_step t"
         "  CROSS JOIN LATERAL (SELECT subject FROM saga WHERE id = t.saga OFFSET 0) s"
         "" ORDER_OF_SAGA " WHERE t.mark = 3 AND t.at >= (SELECT at FROM since) GROUP BY 1, 2"
         " UNION ALL"
         " SELECT o.event, counted_at(now()), 0, 0, 0, 0, 0, 0,"
         "  count(*) FILTER (WHERE NOT s.parked), count(*) FILTER (WHERE s.parked)"
         "  FROM (SELECT subject, parked FROM saga WHERE state < 2 AND NOT parked"
         "   UNION ALL SELECT subject, parked FROM saga WHERE parked) s" ORDER_OF_SAGA " GROUP BY 1"
         " UNION ALL"
         /* Of those that had some under way and may have none now. */
         " SELECT DISTINCT event, counted_at(now()), 0, 0, 0, 0, 0, 0, 0, 0 FROM counted"
         "  WHERE at >= (SELECT at FROM since) AND open + parked > 0)"
         " INSERT INTO counted AS c (event, at, completed, refunded, cancelled, expired, failed,"
         "  unanswered, open, parked)"
         " SELECT event, at, sum(completed), sum(refunded), sum(cancelled), sum(expired),"
         "  sum(failed), sum(unanswered), max(open), max(parked) FROM (SELECT * FROM found"
         "   UNION ALL"
         "   SELECT event, at - interval '10 s', 0, 0, 0, 0, 0, 0, NULL, NULL FROM found) f"
         " GROUP BY event, at ORDER BY event, at"
         " ON CONFLICT (event, at) DO UPDATE SET"
         " completed = greatest(c.completed, excluded.completed),"
         " refunded = greatest(c.refunded, excluded.refunded),"
         " cancelled = greatest(c.cancelled, excluded.cancelled),"
         " expired = greatest(c.expired, excluded.expired),"
         " failed = greatest(c.failed, excluded.failed),"
         " unanswered = greatest(c.unanswered, excluded.unanswered),"
         " open = coalesce(excluded.open, c.open), parked = coalesce(excluded.parked, c.parked)"},
    [SQL_COUNT_OURS] =
        {"count_ours", "INSERT INTO counted AS c (event, at, errors, unanswered)"
                       " VALUES ('', counted_at(now()) - interval '10 s', 0, 0),"
                       "  ('', counted_at(now()), $1::integer, $2::integer)"
                       " ON CONFLICT (event, at) DO UPDATE SET errors = c.errors + excluded.errors,"
                       " unanswered = c.unanswered + excluded.unanswered"},
    /* Of an event that has more than $1 rows, two become one; the last hour's stay, as the newest
     * of them are counted again. */
    [SQL_COUNT_THIN] =
        {"count_thin",
         "WITH newest AS MATERIALIZED (SELECT " COUNT_NEWEST " AS at"
         "), long AS (SELECT event FROM counted WHERE event = ANY (ARRAY(SELECT DISTINCT event "
         "FROM counted"
         "   WHERE at >= (SELECT at" COUNT_AGAIN " FROM newest)))"
         "  GROUP BY event HAVING count(*) > $1::bigint"
         "), pair AS (SELECT event, min(at) AS gone, max(at) AS at, sum(completed) AS completed,"
         "  sum(refunded) AS refunded, sum(cancelled) AS cancelled, sum(expired) AS expired,"
         "  sum(failed) AS failed, sum(unanswered) AS unanswered, sum(errors) AS errors"
         "  FROM (SELECT c.*, row_number() OVER (PARTITION BY event ORDER BY at) AS nth"
         "   FROM counted c WHERE event = ANY (ARRAY(SELECT event FROM long))"
         "   AND at < CASE event WHEN '' THEN now() ELSE (SELECT at FROM newest) END"
         "    - interval '1 hour') r"
         "  GROUP BY event, (nth + 1) / 2 HAVING count(*) = 2"
         "), gone AS (DELETE FROM counted c USING pair p WHERE c.event = p.event AND c.at = p.gone)"
         " UPDATE counted c SET completed = p.completed, refunded = p.refunded,"
         " cancelled = p.cancelled, expired = p.expired, failed = p.failed,"
         " unanswered = p.unanswered, errors = p.errors"
         " FROM pair p WHERE c.event = p.event AND c.at = p.at"},
    /* Sums since the first row. The newest ten seconds are not over yet. */
    [SQL_COUNTED] =
        {"counted",
         "SELECT (extract(epoch FROM least(at, now())) * 1000)::bigint, sum(completed) OVER w,"
         " sum(refunded) OVER w, sum(cancelled) OVER w, sum(expired) OVER w, sum(failed) OVER w,"
         " sum(unanswered) OVER w, sum(errors) OVER w, open, parked"
         " FROM (SELECT at, sum(completed) AS completed, sum(refunded) AS refunded,"
         "   sum(cancelled) AS cancelled, sum(expired) AS expired, sum(failed) AS failed,"
         "   sum(unanswered) AS unanswered, sum(errors) AS errors, max(open) AS open,"
         "   max(parked) AS parked FROM counted WHERE event IN ($1, '') GROUP BY at) r"
         " WINDOW w AS (ORDER BY at) ORDER BY at"},

    [SQL_RECONCILE_CURSOR] = {"reconcile_cursor",
                              "SELECT event FROM reconcile_cursor WHERE provider = $1"},
    [SQL_RECONCILE_EVENTS] =
        {"reconcile_events",
         "WITH c AS (INSERT INTO reconcile_cursor (provider, event) SELECT $1, $2"
         "  WHERE $2::text IS NOT NULL"
         "  ON CONFLICT (provider) DO UPDATE SET event = $2, at = now()),"
         " r AS (SELECT payment, max(nullif(\"order\", '')) AS order_id, max(amount) AS amount,"
         "  max(captured) AS captured, max(refunded) AS refunded, max(state) AS state"
         "  FROM jsonb_to_recordset($3::jsonb) AS r(payment text, \"order\" text, amount bigint,"
         "  captured bigint, refunded bigint, state smallint) GROUP BY payment)"
         " INSERT INTO psp_payment AS p (provider, payment, order_id, amount, captured, refunded,"
         " state) SELECT $1, payment, order_id, amount, captured, refunded, state FROM r"
         " ON CONFLICT (provider, payment) DO UPDATE SET"
         " order_id = coalesce(p.order_id, excluded.order_id),"
         " amount = greatest(p.amount, excluded.amount),"
         " captured = greatest(p.captured, excluded.captured),"
         " refunded = greatest(p.refunded, excluded.refunded),"
         " state = greatest(p.state, excluded.state), seen_at = now()"},
    [SQL_RECONCILE_SHOP] =
        {"reconcile_shop",
         "WITH c AS (INSERT INTO reconcile_cursor (provider, event) VALUES ('shop', $1)"
         "  ON CONFLICT (provider) DO UPDATE SET event = $1, at = now())"
         " INSERT INTO shop_order (external_id, amount) SELECT external_id, amount"
         " FROM jsonb_to_recordset($2::jsonb) AS r(external_id text, amount bigint)"
         " ON CONFLICT (external_id) DO UPDATE SET amount = excluded.amount, seen_at = now()"},
    /* $1: how long ago something has to be to be more than on its way. Cancelled (3) means at Toss
     * that all was given back, at Stripe that nothing was taken: there, money in it is drift. */
    [SQL_RECONCILE_DRIFT] =
        {"reconcile_drift",
         "WITH late AS (SELECT now() - $1::bigint * interval '1 ms' AS at)"
         " SELECT * FROM ("
         " SELECT 'completed-without-money' AS kind, o.id, coalesce(p.payment, o.payment, ''),"
         "  format('captured %s of %s', coalesce(p.captured, 0), o.amount)"
         "  FROM late, orders o LEFT JOIN psp_payment p"
         "   ON p.provider = o.provider AND p.payment = o.payment"
         "  WHERE o.status = 'completed' AND o.changed_at < late.at"
         "  AND coalesce(p.captured, 0) <> o.amount"
         " UNION ALL"
         " SELECT 'money-without-order', coalesce(p.order_id, ''), p.payment,"
         "  format('captured %s, refunded %s, order %s', p.captured, p.refunded,"
         "   coalesce(o.status, 'unknown'))"
         "  FROM late, psp_payment p LEFT JOIN orders o ON o.id = p.order_id"
         "  WHERE p.captured > p.refunded AND p.seen_at < late.at"
         "  AND NOT (p.state = 3 AND p.provider = 'toss')"
         "  AND (o.id IS NULL OR (o.changed_at < late.at"
         "   AND o.status NOT IN ('completed', 'refunding', 'parked')))"
         " UNION ALL"
         " SELECT 'given-back-without-refund', o.id, p.payment, format('captured %s', p.captured)"
         "  FROM late, psp_payment p JOIN orders o"
         "   ON o.provider = p.provider AND o.payment = p.payment"
         "  WHERE p.captured > 0"
         "  AND (p.refunded >= p.captured OR (p.state = 3 AND p.provider = 'toss'))"
         "  AND o.status = 'completed' AND o.changed_at < late.at AND p.seen_at < late.at"
         " UNION ALL"
         " SELECT 'captured-twice', p.order_id, max(p.payment), format('%s payments', count(*))"
         "  FROM psp_payment p WHERE p.captured > p.refunded"
         "  AND NOT (p.state = 3 AND p.provider = 'toss')"
         "  AND p.order_id IS NOT NULL"
         "  GROUP BY p.order_id HAVING count(*) > 1"
         " UNION ALL"
         " SELECT 'authorisation-left', o.id, p.payment, format('order %s', o.status)"
         "  FROM late, psp_payment p JOIN orders o ON o.id = p.order_id"
         "  WHERE p.state = 1 AND p.seen_at < late.at AND o.changed_at < late.at"
         "  AND o.status IN ('cancelled', 'expired', 'failed')"
         "  AND NOT EXISTS (SELECT FROM saga s WHERE s.subject = o.id AND s.state < 2)"
         " UNION ALL"
         " SELECT 'moving-without-saga', o.id, coalesce(o.payment, ''), format('order %s', "
         "o.status)"
         "  FROM orders o WHERE o.status IN ('pending_payment', 'confirming', 'refunding')"
         "  AND NOT EXISTS (SELECT FROM saga s WHERE s.subject = o.id AND s.state < 2)"
         " UNION ALL"
         " SELECT 'tickets-missing', o.id, coalesce(o.payment, ''), format('%s tickets for %s "
         "seats',"
         "  (SELECT count(*) FROM ticket t WHERE t.order_id = o.id AND t.revoked_at IS NULL),"
         "  jsonb_array_length(o.seats))"
         "  FROM orders o WHERE o.status = 'completed' AND jsonb_array_length(o.seats) <>"
         "  (SELECT count(*) FROM ticket t WHERE t.order_id = o.id AND t.revoked_at IS NULL)"
         " UNION ALL"
         " SELECT 'tickets-left', o.id, coalesce(o.payment, ''), format('order %s', o.status)"
         "  FROM orders o WHERE o.status IN ('refunded', 'cancelled', 'expired', 'failed')"
         "  AND EXISTS (SELECT FROM ticket t WHERE t.order_id = o.id AND t.revoked_at IS NULL)"
         " UNION ALL"
         " SELECT 'parked', s.subject, s.id::text, format('saga at step %s: %s', s.step, s.cause)"
         "  FROM saga s WHERE s.parked"
         " UNION ALL"
         " SELECT 'not-at-shop', b.order_id, b.kind, coalesce(b.error, 'waiting')"
         "  FROM late, shop_outbox b WHERE b.done_at IS NULL AND b.made_at < late.at"
         "  AND b.error IS NOT NULL"
         " UNION ALL"
         /* Only where the shop's list is read at all. */
         " SELECT 'lost-at-shop', b.order_id, b.kind, format('handed over at %s', b.done_at)"
         "  FROM late, shop_outbox b JOIN reconcile_cursor c ON c.provider = 'shop'"
         "  WHERE b.kind = 'completed' AND b.done_at < late.at AND c.at > b.done_at"
         "  AND NOT EXISTS (SELECT FROM shop_order p WHERE p.external_id = b.order_id)"
         " UNION ALL"
         " SELECT 'other-amount-at-shop', o.id, '', format('%s there, %s here', p.amount, o.amount)"
         "  FROM shop_order p JOIN orders o ON o.id = p.external_id WHERE p.amount <> o.amount"
         " UNION ALL"
         " SELECT 'unknown-at-shop', '', p.external_id, format('amount %s', p.amount)"
         "  FROM shop_order p WHERE NOT EXISTS (SELECT FROM orders o WHERE o.id = p.external_id)"
         " ) d ORDER BY 1, 2 LIMIT 500"},
    [SQL_RECONCILE_SEATS] =
        {"reconcile_seats",
         "WITH late AS (SELECT now() - $2::bigint * interval '1 ms' AS at),"
         " sold AS (SELECT jsonb_array_elements_text($3::jsonb) AS seat),"
         " ours AS (SELECT o.id, o.status, o.changed_at, e.seat FROM orders o,"
         "  jsonb_array_elements_text(o.seats) AS e(seat) WHERE o.event = $1)"
         " SELECT 'seat-not-sold', ours.id, '', ours.seat FROM late, ours"
         "  WHERE ours.status = 'completed' AND ours.changed_at < late.at"
         "  AND NOT EXISTS (SELECT FROM sold WHERE sold.seat = ours.seat)"
         "  AND ours.seat NOT LIKE '%#%'"
         " UNION ALL"
         " SELECT 'sold-without-order', '', '', sold.seat FROM sold"
         "  WHERE NOT EXISTS (SELECT FROM late, ours WHERE ours.seat = sold.seat"
         "   AND (ours.changed_at >= late.at OR ours.status IN"
         "    ('completed', 'confirming', 'refunding', 'parked')"
         "    OR EXISTS (SELECT FROM saga s WHERE s.subject = ours.id AND s.state < 2)))"
         " LIMIT 500"},
    [SQL_RECONCILE_EVENTS_SOLD] = {"reconcile_events_sold",
                                   "SELECT DISTINCT event FROM orders"
                                   " WHERE changed_at > now() - interval '1 day' LIMIT 16"},
};

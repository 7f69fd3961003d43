/* statements.c: see statements.h.
 *
 * Plans: what is asked by key has one plan for ever (generic). The engine's connections plan each
 * statement anew, which costs a commit of a thousand moves less than a millisecond: a batch of one
 * and a batch of a thousand want different plans, and a plan made while the tables were new and
 * empty would read them whole for as long as the connection lives. (It was so: a fresh database
 * began at a quarter of its speed.) */
#include "store/statements.h"

#include <assert.h>
#include <stdio.h>

#include "payment-adapter/sql/statements.c.inc"

/* Requests plan once, at the latest when the tables are still empty, and every statement of theirs
 * finds its rows by an index: without this the plan of a small table, which reads it whole, stays
 * after it has grown. (It did: an order's timeline read all steps of all sagas, and buyers who
 * watched theirs kept the provider's webhooks from the database for seconds.) */
#define BY_INDEX ", set_config('enable_seqscan', 'off', false)"

/* A commit is an answer to somebody, so it waits for the disk, whatever the server's default is: a
 * company may have told its server not to wait. */
#define DURABLE ", set_config('synchronous_commit', 'on', false)"

/* Costs that the planner takes for large, of a table that it thinks has grown or of a scan that it
 * is to avoid, make it compile a statement: for seconds, to save milliseconds. */
#define SETUP(PLANS)                                                                               \
    "SELECT set_config('search_path', 'pay', false),"                                              \
    " set_config('statement_timeout', '8s', false), set_config('jit', 'off', false),"              \
    " set_config('plan_cache_mode', '" PLANS "', false)" DURABLE

const char statements_setup[] = SETUP("force_generic_plan") BY_INDEX;
const char statements_setup_engine[] = SETUP("force_custom_plan");

/* How many microseconds ago, and from now. */
#define AGE_US(AT)  "(extract(epoch FROM now() - " AT ") * 1000000)::bigint"
#define LEFT_US(AT) "(extract(epoch FROM " AT " - now()) * 1000000)::bigint"
#define ISO(AT)     "to_char(" AT " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"

/* A seat of these is on its way to another, by a saga: its ticket is good for nothing meanwhile. */
#define IS_MOVING "coalesce(o.moving ? t.seat, false)"

/* Due now, unless a worker has it in hand: then its move will see that the wake has risen. */
#define WOKEN                                                                                      \
    "wake = wake + 1, due_at = CASE WHEN leased AND due_at > now() THEN due_at ELSE now() END"

#define US(TEXT) "(" TEXT ")::bigint * interval '1 us'"

/* Ten times as many of an address, and twenty of an account wherever it is tried from. */
#define FREE_FAILS                                                                                 \
    "(CASE left(t.key, 2) WHEN 'i:' THEN 10 WHEN 'g:' THEN 20 ELSE 1 END * $2::integer)"

/* One customer's letters go one after another. */
#define SHOP_DUE                                                                                   \
    "b.done_at IS NULL AND b.due_at <= now() AND NOT EXISTS (SELECT FROM shop_outbox e"            \
    "  WHERE e.member = b.member AND e.id < b.id AND e.done_at IS NULL"                            \
    "  AND (e.due_at < 'infinity' OR e.order_id = b.order_id))"
/* What is wanted, as far as it is paid for. */
#define SHOP_GRANTED                                                                               \
    "least((SELECT n FROM wanted), 1 + floor(extract(epoch FROM now() + " US(                      \
        "$4 - $3::bigint") " - greatest(p.paid, now())) * 1000000 / $3)::integer)"

/* Counting begins anew so far back: a commit is seen only after the times that it wrote. */
#define COUNT_NEWEST "(SELECT coalesce(max(at), '-infinity') FROM counted WHERE event <> '')"
#define COUNT_AGAIN  " - interval '30 s'"
/* OFFSET 0: looked up one by one, also by a plan of the time when the tables were empty. */
#define ORDER_OF_SAGA                                                                              \
    " CROSS JOIN LATERAL (SELECT event, status FROM orders WHERE id = s.subject OFFSET 0) o"

/* An order's id as we make them (order_http.c). */
#define IS_OURS(COLUMN) "(coalesce(" COLUMN ", '') ~ '^o_[A-Za-z0-9_-]{20}$')"

#define ORDER_COLUMNS                                                                              \
    "o.id, o.event, o.hold, o.member, o.status, coalesce(o.cause, ''), o.currency, o.amount,"      \
    " o.seats::text, o.provider, coalesce(o.payment, ''), coalesce(o.secret, ''),"                 \
    " coalesce(o.url, ''), " ISO("o.expires_at") ", " ISO(                                         \
        "o.created_at") ", o.idem_body, o.lang,"                                                   \
                        " coalesce(nullif(o.event_name, ''), o.event), coalesce(" ISO(             \
                            "o.starts_at") ", ''), o.places::text,"                                \
                                           " coalesce(o.refund_terms, refund_terms_of(o.event, "   \
                                           "o.starts_at))::text, o.refund_amount,"                 \
                                           " coalesce(o.purchase->>'digest', ''), coalesce(" ISO(  \
                                               "o.moved_at") ", '')"

const struct pg_statement statements[SQL_ALL] = {
#include "payment-adapter/sql/statements.table.inc"
    /* clang-format on */
    /* $3, $4: interval and burst of the house. */
    [SQL_SHOP_TAKE] =
        {"shop_take",
         "WITH wanted AS MATERIALIZED (SELECT count(*)::integer AS n"
         "  FROM (SELECT FROM shop_outbox b WHERE " SHOP_DUE " LIMIT $1::bigint) w),"
         " pace AS (INSERT INTO pace AS p (name, paid)"
         "  SELECT 'shop', now() + " US(
             "$3") " FROM wanted WHERE n > 0"
                   "  ON CONFLICT (name) DO UPDATE SET granted = " SHOP_GRANTED ","
                   "   paid = greatest(p.paid, now()) + " SHOP_GRANTED
                   " * " US("$3") "  WHERE p.paid <= now() + " US(
                       "$4 - $3::bigint") " RETURNING granted),"
                                          " due AS (SELECT b.id FROM shop_outbox b WHERE " SHOP_DUE
                                          "  ORDER BY b.due_at, b.id LIMIT coalesce((SELECT "
                                          "granted FROM pace), 0)"
                                          "  FOR UPDATE OF b SKIP LOCKED)"
                                          " UPDATE shop_outbox b SET due_at = now() + $2::bigint * "
                                          "interval '1 ms',"
                                          " tries = tries + 1 FROM due, orders o WHERE b.id = "
                                          "due.id AND o.id = b.order_id"
                                          " RETURNING b.id, b.kind, b.tries, o.id, o.member, "
                                          "o.event, o.currency, o.amount,"
                                          " o.seats::text, o.provider, coalesce(o.payment, "
                                          "''), " ISO(
                                              "o.created_at") ","
                                                              " CASE WHEN b.kind = 'refunded' AND "
                                                              "o.refund_amount < o.amount"
                                                              "  THEN o.refund_amount ELSE 0 END, "
                                                              "coalesce(o.purchase->>'digest', "
                                                              "'')"},
    [SQL_SHOP_PAUSE] = {"shop_pause",
                        "INSERT INTO pace AS p (name, paid)"
                        " VALUES ('shop', now() + $1::bigint * interval '1 ms')"
                        " ON CONFLICT (name) DO UPDATE SET paid = greatest(p.paid, excluded.paid)"},
    [SQL_SHOP_DONE] =
        {"shop_done", "UPDATE shop_outbox SET done_at = now(), error = NULL WHERE id = $1::bigint"},
    /* $4: by a no; the $5th in a row parks it. */
    [SQL_SHOP_LATER] = {"shop_later",
                        "UPDATE shop_outbox SET error = $3,"
                        " refused = CASE WHEN $4::boolean THEN refused + 1 ELSE 0 END,"
                        " due_at = CASE WHEN $4 AND refused + 1 >= $5::integer THEN 'infinity'"
                        "  ELSE now() + $2::bigint * interval '1 ms' END"
                        " WHERE id = $1::bigint AND done_at IS NULL RETURNING due_at = 'infinity'"},
    [SQL_SHOP_PARKED] =
        {"shop_parked",
         "SELECT id, order_id, split_part(kind, '-', 1), tries, coalesce(error, ''), " ISO(
             "made_at") " FROM shop_outbox WHERE done_at IS NULL"
                        " AND due_at = 'infinity' ORDER BY id LIMIT 500"},
    [SQL_SHOP_RETRY] = {"shop_retry",
                        "UPDATE shop_outbox SET due_at = now(), refused = 0 WHERE id = $1::bigint"
                        " AND done_at IS NULL AND due_at = 'infinity' RETURNING order_id,"
                        " split_part(kind, '-', 1)"},
    /* Who is not the buyer is told of the seats that were theirs. */
    [SQL_MAIL_TAKE] =
        {"mail_take",
         "WITH due AS (SELECT id FROM mail_outbox WHERE done_at IS NULL AND due_at <= now()"
         " ORDER BY due_at LIMIT $1::bigint FOR UPDATE SKIP LOCKED)"
         " UPDATE mail_outbox b SET due_at = now() + $2::bigint * interval '1 ms',"
         " tries = tries + 1 FROM due, orders o WHERE b.id = due.id AND o.id = b.order_id"
         " RETURNING b.id, b.kind, b.tries, b.lang, o.id, b.member,"
         " coalesce(nullif(o.event_name, ''), o.event), CASE WHEN b.kind = 'refunded'"
         "  THEN coalesce(o.refund_amount, o.amount) ELSE o.amount END, o.currency,"
         " CASE WHEN b.member = o.member THEN jsonb_array_length(o.seats)"
         "  ELSE (SELECT count(DISTINCT seat) FROM ticket t WHERE t.order_id = o.id"
         "   AND t.member = b.member AND t.replaced_by IS NULL) END,"
         " coalesce((SELECT string_agg(concat_ws(E'\\t', p->>'zone',"
         "  p->>'row', p->>'number'), E'\\n' ORDER BY at) FROM jsonb_array_elements(o.places)"
         "  WITH ORDINALITY AS p(p, at) WHERE b.member = o.member OR p->>'id' IN (SELECT seat"
         "  FROM ticket t WHERE t.order_id = o.id AND t.member = b.member"
         "  AND t.replaced_by IS NULL)), '')"},
    [SQL_MAIL_DONE] = {"mail_done",
                       "UPDATE mail_outbox SET done_at = now(), error = $2 WHERE id = $1::bigint"},
    [SQL_MAIL_LATER] =
        {"mail_later",
         "UPDATE mail_outbox SET due_at = now() + $2::bigint * interval '1 ms',"
         " tries = tries - $4::integer, error = $3 WHERE id = $1::bigint AND done_at IS NULL"},
    [SQL_LAGS] =
        {"lags",
         "SELECT (SELECT count(*) FROM shop_outbox WHERE done_at IS NULL AND due_at < 'infinity'),"
         " coalesce((SELECT " AGE_US(
             "min(made_at)") " FROM shop_outbox WHERE done_at IS NULL AND due_at < 'infinity'), 0),"
                             " (SELECT count(*) FROM mail_outbox WHERE done_at IS NULL),"
                             " coalesce((SELECT " AGE_US(
                                 "min(made_at)") " FROM mail_outbox WHERE done_at IS NULL), 0),"
                                                 " (SELECT count(*) FROM saga WHERE parked),"
                                                 " (SELECT count(*) FROM saga WHERE state < 2 AND "
                                                 "NOT parked),"
                                                 " coalesce((SELECT " AGE_US(
                                                     "min(due_at)") "  FROM saga WHERE state < 2 "
                                                                    "AND NOT parked AND due_at < "
                                                                    "now()), 0),"
                                                                    " (SELECT count(*) FROM "
                                                                    "shop_outbox WHERE done_at IS "
                                                                    "NULL AND due_at = "
                                                                    "'infinity')"},

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
    /* A parked saga goes on, a sleeping one at once. With a fresh token, whoever had it is out. It
     * stands where it was read ($4); and only an order's newest saga has a say in its status. */
    [SQL_SAGA_RETRY] =
        {"saga_retry",
         "WITH s AS (UPDATE saga SET parked = false, due_at = now(), leased = false, wake = wake + "
         "1,"
         " token = token + 1, tries = 0, moves = moves + 1, step_at = now(),"
         " cause = CASE WHEN state = 0 THEN '' ELSE cause END"
         " WHERE id = $1::bigint AND state < 2 AND moves = $4::integer"
         " RETURNING id, step, state, moves, subject, tries),"
         " l AS (INSERT INTO saga_step (saga, step, undo, attempt, mark, tried, took_us, code,"
         " detail) SELECT id, step, state = 1, moves, 7, 0, 0, 'retry', $2 FROM s),"
         " o AS (UPDATE orders SET status = $3, cause = NULL, changed_at = now() FROM s"
         "  WHERE orders.id = s.subject AND orders.status = 'parked'"
         "  AND NOT EXISTS (SELECT FROM saga n WHERE n.subject = s.subject AND n.id > s.id))"
         " SELECT id FROM s"},
    /* Above the pivot only: for those parked at it, which an operator has looked at. What is undone
     * was reckoned from the step at which it was read: it must not have moved since ($6). */
    [SQL_SAGA_COMPENSATE] =
        {"saga_compensate",
         "WITH s AS (UPDATE saga SET parked = false, cancel = false, due_at = now(), leased = "
         "false,"
         " wake = wake + 1, token = token + 1, tries = 0, moves = moves + 1, step_at = now(),"
         " state = 1, step = $3::smallint, cause = 'operator'"
         " WHERE id = $1::bigint AND state = 0 AND step <= $4::smallint AND key = $5"
         " AND moves = $6::integer"
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
    /* Of a payment that does not name its order, ours is the one that knows it. */
    [SQL_RECONCILE_EVENTS] =
        {"reconcile_events",
         "WITH c AS (INSERT INTO reconcile_cursor (provider, event) SELECT $1, $2"
         "  WHERE $2::text IS NOT NULL"
         "  ON CONFLICT (provider) DO UPDATE SET event = $2, at = now()),"
         " e AS MATERIALIZED (SELECT * FROM jsonb_to_recordset($3::jsonb) AS e(payment text,"
         "  \"order\" text, amount bigint, captured bigint, refunded bigint, state smallint,"
         "  \"return\" text, return_kind text, return_amount bigint, return_state smallint)),"
         " back AS (INSERT INTO psp_return AS r (provider, id, payment, kind, amount, state)"
         "  SELECT $1, \"return\", min(payment), min(return_kind), max(return_amount),"
         "  max(return_state) FROM e WHERE \"return\" <> '' GROUP BY \"return\""
         "  ON CONFLICT (provider, id) DO UPDATE SET amount = greatest(r.amount, excluded.amount),"
         "  state = greatest(r.state, excluded.state), seen_at = now()),"
         " r AS (SELECT payment, max(nullif(\"order\", '')) AS order_id, max(amount) AS amount,"
         "  max(captured) AS captured, max(refunded) AS refunded, max(state) AS state"
         "  FROM e GROUP BY payment)"
         " INSERT INTO psp_payment AS p (provider, payment, order_id, amount, captured, refunded,"
         " state) SELECT $1, payment, coalesce(order_id,"
         "  (SELECT min(o.id) FROM orders o WHERE o.payment = r.payment)),"
         " amount, captured, refunded, state FROM r"
         " ON CONFLICT (provider, payment) DO UPDATE SET"
         " order_id = coalesce(p.order_id, excluded.order_id),"
         " amount = greatest(p.amount, excluded.amount),"
         " captured = greatest(p.captured, excluded.captured),"
         " refunded = greatest(p.refunded, excluded.refunded),"
         " state = greatest(p.state, excluded.state), seen_at = now()"},
    [SQL_RECONCILE_GAP] = {"reconcile_gap",
                           "UPDATE reconcile_cursor SET gap_from = at, gap_at = now()"
                           " WHERE provider = $1"},
    /* The account may be shared: what names no order of ours is not of our business. */
    [SQL_RECONCILE_FOREIGN] = {"reconcile_foreign",
                               "SELECT count(*), coalesce(sum(captured - back), 0)::bigint"
                               " FROM psp_money WHERE captured > back AND NOT " IS_OURS(
                                   "order_id")},
    [SQL_RECONCILE_SHOP] =
        {"reconcile_shop",
         "WITH c AS (INSERT INTO reconcile_cursor (provider, event) VALUES ('shop', $1)"
         "  ON CONFLICT (provider) DO UPDATE SET event = $1, at = now())"
         " INSERT INTO shop_order (external_id, amount) SELECT external_id, amount"
         " FROM jsonb_to_recordset($2::jsonb) AS r(external_id text, amount bigint)"
         " ON CONFLICT (external_id) DO UPDATE SET amount = excluded.amount, seen_at = now()"},
    /* $1: how long ago something has to be to be more than on its way; $2: rows of each kind. */
    [SQL_RECONCILE_DRIFT] =
        {"reconcile_drift",
         "WITH late AS (SELECT now() - $1::bigint * interval '1 ms' AS at)"
         " SELECT * FROM (SELECT d.*, count(*) OVER (PARTITION BY kind),"
         "  row_number() OVER (PARTITION BY kind ORDER BY id, payment) AS nth FROM ("
         " SELECT 'completed-without-money' AS kind, o.id,"
         "  coalesce(p.payment, o.payment, '') AS payment,"
         "  format('captured %s of %s', coalesce(p.captured, 0), o.amount)"
         "  FROM late, orders o LEFT JOIN psp_payment p"
         "   ON p.provider = o.provider AND p.payment = o.payment"
         "  WHERE o.status = 'completed' AND o.changed_at < late.at"
         "  AND coalesce(p.captured, 0) <> o.amount"
         " UNION ALL"
         " SELECT CASE WHEN m.failed > 0 THEN 'refund-failed' ELSE 'money-without-order' END,"
         "  coalesce(m.order_id, ''), m.payment,"
         "  format('captured %s, refunded %s, failed %s, order %s', m.captured, m.back, m.failed,"
         "   coalesce(o.status, 'unknown'))"
         "  FROM late, psp_money m LEFT JOIN orders o ON o.id = m.order_id"
         "  WHERE m.captured > m.back + m.disputed AND m.seen_at < late.at AND " IS_OURS(
             "m.order_id") "  AND (o.id IS NULL OR (o.changed_at < late.at"
                           "   AND o.status NOT IN ('completed', 'refunding', 'parked')"
                           /* What the terms of refunds keep is the house's. */
                           "   AND NOT (o.status = 'refunded' AND m.captured - m.back - m.disputed"
                           "    <= o.amount - o.refund_amount)))"
                           " UNION ALL"
                           " SELECT CASE WHEN m.back >= m.captured THEN 'given-back-without-refund'"
                           "   ELSE 'refunded-in-part' END, o.id, m.payment,"
                           "  format('captured %s, given back %s', m.captured, m.back)"
                           "  FROM late, psp_money m JOIN orders o"
                           "   ON o.provider = m.provider AND o.payment = m.payment"
                           "  WHERE m.captured > 0 AND m.back > 0"
                           "  AND o.status = 'completed' AND o.changed_at < late.at AND m.seen_at "
                           "< late.at"
                           " UNION ALL"
                           " SELECT CASE r.state WHEN 0 THEN 'disputed' ELSE 'dispute-lost' END, "
                           "o.id, r.payment,"
                           "  format('%s of %s, order %s', r.amount, o.amount, o.status)"
                           "  FROM psp_return r JOIN orders o ON o.provider = r.provider AND "
                           "o.payment = r.payment"
                           "  WHERE r.kind = 'dispute' AND (r.state = 0 OR (r.state = 2 AND "
                           "o.status = 'completed'))"
                           " UNION ALL"
                           " SELECT 'events-missed', '', c.provider, format('read until %s, read "
                           "again at %s', " ISO("c.gap_from") ", " ISO(
                               "c.gap_at") ")"
                                           "  FROM reconcile_cursor c WHERE c.gap_at > now() - "
                                           "interval '7 days'"
                                           " UNION ALL"
                                           " SELECT 'captured-twice', p.order_id, max(p.payment), "
                                           "format('%s payments', count(*))"
                                           "  FROM psp_money p WHERE p.captured > p.back + "
                                           "p.disputed AND "
                                           "p.order_id IS NOT NULL"
                                           "  GROUP BY p.order_id HAVING count(*) > 1"
                                           " UNION ALL"
                                           " SELECT 'authorisation-left', o.id, p.payment, "
                                           "format('order %s', o.status)"
                                           "  FROM late, psp_payment p JOIN orders o ON o.id = "
                                           "p.order_id"
                                           "  WHERE p.state = 1 AND p.seen_at < late.at AND "
                                           "o.changed_at < late.at"
                                           "  AND o.status IN ('cancelled', 'expired', 'failed')"
                                           "  AND NOT EXISTS (SELECT FROM saga s WHERE s.subject = "
                                           "o.id AND s.state < 2)"
                                           " UNION ALL"
                                           " SELECT 'moving-without-saga', o.id, "
                                           "coalesce(o.payment, ''), format('order %s', "
                                           "o.status)"
                                           "  FROM orders o WHERE o.status IN ('pending_payment', "
                                           "'confirming', 'refunding')"
                                           "  AND NOT EXISTS (SELECT FROM saga s WHERE s.subject = "
                                           "o.id AND s.state < 2)"
                                           " UNION ALL"
                                           " SELECT 'tickets-missing', o.id, coalesce(o.payment, "
                                           "''), format('%s tickets for %s "
                                           "seats',"
                                           "  (SELECT count(*) FROM ticket t WHERE t.order_id = "
                                           "o.id AND t.revoked_at IS NULL),"
                                           "  jsonb_array_length(o.seats))"
                                           "  FROM orders o WHERE o.status = 'completed' AND "
                                           "o.moving IS NULL AND jsonb_array_length(o.seats) <>"
                                           "  (SELECT count(*) FROM ticket t WHERE t.order_id = "
                                           "o.id AND t.revoked_at IS NULL)"
                                           " UNION ALL"
                                           " SELECT 'tickets-left', o.id, coalesce(o.payment, ''), "
                                           "format('order %s', o.status)"
                                           "  FROM orders o WHERE o.status IN ('refunded', "
                                           "'cancelled', 'expired', 'failed')"
                                           "  AND EXISTS (SELECT FROM ticket t WHERE t.order_id = "
                                           "o.id AND t.revoked_at IS NULL)"
                                           " UNION ALL"
                                           " SELECT 'parked', s.subject, s.id::text, format('saga "
                                           "at step %s: %s', s.step, s.cause)"
                                           "  FROM saga s WHERE s.parked"
                                           " UNION ALL"
                                           " SELECT 'not-at-shop', b.order_id, b.kind, "
                                           "coalesce(b.error, 'waiting')"
                                           "  FROM late, shop_outbox b WHERE b.done_at IS NULL AND "
                                           "b.made_at < late.at"
                                           "  AND b.error IS NOT NULL"
                                           " UNION ALL"
                                           /* Only where the shop's list is read at all. */
                                           " SELECT 'lost-at-shop', b.order_id, b.kind, "
                                           "format('handed over at %s', b.done_at)"
                                           "  FROM late, shop_outbox b JOIN reconcile_cursor c ON "
                                           "c.provider = 'shop'"
                                           "  WHERE b.kind = 'completed' AND b.done_at < late.at "
                                           "AND c.at > b.done_at"
                                           "  AND NOT EXISTS (SELECT FROM shop_order p WHERE "
                                           "p.external_id = b.order_id)"
                                           " UNION ALL"
                                           " SELECT 'other-amount-at-shop', o.id, '', format('%s "
                                           "there, %s here', p.amount, o.amount)"
                                           "  FROM shop_order p JOIN orders o ON o.id = "
                                           "p.external_id WHERE p.amount <> o.amount"
                                           " UNION ALL"
                                           " SELECT 'unknown-at-shop', '', p.external_id, "
                                           "format('amount %s', p.amount)"
                                           "  FROM shop_order p WHERE NOT EXISTS (SELECT FROM "
                                           "orders o WHERE o.id = p.external_id)"
                                           " ) d) n WHERE nth <= $2::bigint ORDER BY 1, 2"},
    /* $3: seat-service's list as it came; $4: rows of each kind. */
    /* $3: what is sold, [{"seat", "order", ...}]. Seats, orders and tickets have to agree on whose
     * each seat is. Places of areas have numbers of their order's and are left out. */
    [SQL_RECONCILE_SEATS] =
        {"reconcile_seats",
         "WITH late AS (SELECT now() - $2::bigint * interval '1 ms' AS at),"
         " sold AS (SELECT e->>'seat' AS seat, coalesce(e->>'order', '') AS id"
         "  FROM jsonb_array_elements($3::jsonb) AS e WHERE e->>'seat' IS NOT NULL),"
         " ours AS (SELECT o.id, o.status, o.changed_at, e.seat FROM orders o,"
         "  jsonb_array_elements_text(o.seats) AS e(seat) WHERE o.event = $1),"
         " good AS (SELECT t.id, t.seat, t.order_id, t.issued_at < late.at AND o.changed_at < "
         "late.at"
         "   AS old FROM late, ticket t JOIN orders o ON o.id = t.order_id"
         "  WHERE t.event = $1 AND t.revoked_at IS NULL AND t.seat NOT LIKE '%#%')"
         " SELECT * FROM (SELECT d.*, count(*) OVER (PARTITION BY kind),"
         "  row_number() OVER (PARTITION BY kind ORDER BY id, seat) AS nth FROM ("
         " SELECT 'seat-not-sold' AS kind, ours.id, '', format('%s%s', ours.seat, coalesce("
         "   ' is sold to ' || (SELECT max(sold.id) FROM sold WHERE sold.seat = ours.seat), ''))"
         "   AS seat"
         "  FROM late, ours WHERE ours.status = 'completed' AND ours.changed_at < late.at"
         "  AND NOT EXISTS (SELECT FROM sold WHERE sold.seat = ours.seat AND sold.id = ours.id)"
         "  AND ours.seat NOT LIKE '%#%'"
         " UNION ALL"
         " SELECT 'sold-without-order', sold.id, '', sold.seat FROM sold"
         "  WHERE NOT EXISTS (SELECT FROM late, ours WHERE ours.seat = sold.seat"
         "   AND ours.id = sold.id AND (ours.changed_at >= late.at OR ours.status IN"
         "    ('completed', 'confirming', 'refunding', 'parked')"
         "    OR EXISTS (SELECT FROM saga s WHERE s.subject = ours.id AND s.state < 2)))"
         " UNION ALL"
         " SELECT 'two-orders', max(id), '', format('%s: %s', seat, string_agg(id, ', ' ORDER BY "
         "id))"
         "  FROM ours WHERE status = 'completed' AND seat NOT LIKE '%#%'"
         "  GROUP BY seat HAVING count(*) > 1"
         " UNION ALL"
         " SELECT 'two-tickets', max(order_id), '', format('%s: %s', seat,"
         "   string_agg(format('%s of %s', id, order_id), ', ' ORDER BY id))"
         "  FROM good GROUP BY seat HAVING count(*) > 1"
         " UNION ALL"
         " SELECT 'ticket-without-seat', good.order_id, '', format('%s for %s, which is %s', "
         "good.id,"
         "   good.seat, coalesce('sold to ' || sold.id, 'not sold'))"
         "  FROM good LEFT JOIN sold ON sold.seat = good.seat"
         "  WHERE good.old AND sold.id IS DISTINCT FROM good.order_id"
         " ) d) n WHERE nth <= $4::bigint"},
    [SQL_RECONCILE_EVENTS_SOLD] = {"reconcile_events_sold",
                                   "SELECT DISTINCT event FROM orders"
                                   " WHERE changed_at > now() - interval '1 day' LIMIT 16"},
};

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
    [SQL_ORDER_CREATE] =
        {"order_create",
         "WITH o AS (INSERT INTO orders (id, event, hold, member, lang, provider, currency, amount,"
         " seats, status, idem_key, idem_body, expires_at, event_name, starts_at, places,"
         " purchase, refund_terms) VALUES"
         " ($1, $2, $3, $4, $5, $6, $7, $8::bigint, $9::jsonb, 'pending_payment', $10, $11,"
         " to_timestamp($12::bigint / 1000.0), $16, nullif($17, '')::timestamptz, $18::jsonb,"
         " $19::jsonb, refund_terms_of($2, nullif($17, '')::timestamptz))"
         " ON CONFLICT DO NOTHING RETURNING id)"
         " INSERT INTO saga (key, subject, trace, data) SELECT $13, o.id, $14, $15 FROM o"
         " RETURNING id"},
    [SQL_ORDER_BY_IDEM] = {"order_by_idem",
                           "SELECT " ORDER_COLUMNS ", o.idem_key FROM orders o"
                           " WHERE (o.member = $1 AND o.idem_key = $2)"
                           " OR (o.event = $3 AND o.hold = $4 AND (o.cause IS NULL"
                           "  OR o.cause NOT IN ('buyer-limit', 'purchase-differs')))"
                           " ORDER BY (o.member = $1 AND o.idem_key = $2) DESC LIMIT 1"},
    [SQL_ORDER_READ] = {"order_read", "SELECT " ORDER_COLUMNS " FROM orders o WHERE o.id = $1"},
    /* Of the orders $1, of which the rows of $2 are known: those whose row is another one by now.
     */
    [SQL_ORDERS_CHANGED] =
        {"orders_changed",
         "SELECT " ORDER_COLUMNS ", o.xmin::text FROM unnest($1::text[], $2::text[]) AS w(id, seen)"
         " JOIN orders o ON o.id = w.id WHERE o.xmin::text IS DISTINCT FROM w.seen"},
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
                          " AND step < ($2::jsonb->>key)::smallint AND NOT parked RETURNING id"},
    /* A check-in, a transfer and a refund decide by what the others may be changing, and by
     * several tables: each first takes the order's row, in a statement of its own, so that the next
     * one sees whatever the one before committed. NO KEY: rows that refer to an order may be
     * written meanwhile. */
    [SQL_ORDER_LOCK] = {"order_lock", "SELECT FROM orders WHERE id = $1 FOR NO KEY UPDATE"},
    /* After SQL_ORDER_LOCK. Answers why not, or NULL. By the buyer ($4) on the order's terms; by
     * the operator, for a reason, the part ($6) that is asked for. What was used is not given back.
     */
    [SQL_ORDER_REFUND] =
        {"order_refund",
         "WITH o AS MATERIALIZED (SELECT o.id, o.event, o.amount, o.status, o.member,"
         "  o.moving, coalesce(o.refund_terms, refund_terms_of(o.event, o.starts_at)) AS terms"
         "  FROM orders o WHERE o.id = $1"
         "), no AS MATERIALIZED (SELECT CASE WHEN o.status <> 'completed' OR o.moving IS NOT NULL"
         "   OR EXISTS (SELECT"
         "   FROM checkin c JOIN ticket t ON t.id = c.ticket WHERE t.order_id = $1)"
         "   THEN 'not-refundable' WHEN $4 = 'operator' THEN NULL"
         "  WHEN o.terms->>'by' <> 'buyer' THEN 'refund-by-operator'"
         "  WHEN now() > (o.terms->>'until')::timestamptz THEN 'refund-too-late'"
         "  WHEN NOT (o.terms->>'handed_on')::boolean AND EXISTS (SELECT FROM ticket t"
         "   WHERE t.order_id = $1 AND t.member <> o.member) THEN 'tickets-handed-on'"
         "  END AS code FROM o"
         "), u AS (UPDATE orders SET status = 'refunding', changed_at = now(), refund_amount ="
         "  greatest(1, orders.amount * coalesce($6::integer, (o.terms->>'percent')::integer)"
         "   / 100) FROM o, no WHERE orders.id = o.id AND no.code IS NULL"
         "  RETURNING orders.id, orders.event, orders.refund_amount"
         "), a AS (INSERT INTO audit (event, act, subject, actor, reason, detail)"
         "  SELECT event, 'refund', id, $4, $5, jsonb_build_object('amount', refund_amount)"
         "  FROM u"
         "), s AS (INSERT INTO saga (key, subject, trace, data) SELECT $2, u.id, $3,"
         "  (c.data::jsonb || jsonb_build_object('refund', u.refund_amount))::text FROM u"
         "  JOIN saga c ON c.subject = u.id AND c.key LIKE 'checkout.%')"
         " SELECT code FROM no"},
    /* And after SQL_ORDER_REFUND or SQL_ORDER_MOVE: the shop and the buyer hear of the order before
     * they hear of its refund or move, also if the checkout has not come to its last step yet. The
     * engine may be writing the same letters: in this order, and one statement each, neither waits
     * for the other in a ring.
     */
    [SQL_ORDER_REFUND_SHOP] = {"order_refund_shop",
                               "INSERT INTO shop_outbox (order_id, member, kind)"
                               " SELECT id, member, 'completed' FROM orders WHERE id = $1"
                               " AND (status = 'refunding' OR moving IS NOT NULL)"
                               " ON CONFLICT (order_id, kind) DO NOTHING"},
    [SQL_ORDER_REFUND_MAIL] = {"order_refund_mail",
                               "INSERT INTO mail_outbox (order_id, member, kind, lang)"
                               " SELECT id, member, 'completed', lang FROM orders WHERE id = $1"
                               " AND (status = 'refunding' OR moving IS NOT NULL)"
                               " ON CONFLICT (order_id, kind, member) DO NOTHING"},
    /* After SQL_ORDER_LOCK. $4: [{from, to}]. Answers why not, or NULL. That a new seat has a good
     * ticket is known here; whether it is held the seats will say. */
    [SQL_ORDER_MOVE] =
        {"order_move",
         "WITH o AS MATERIALIZED (SELECT id, event, status, moving, moves, lang FROM orders"
         "  WHERE id = $1"
         "), m AS MATERIALIZED (SELECT e.at, e.seat->>'from' AS \"from\", e.seat->>'to' AS \"to\","
         "  t.id AS ticket, t.member, coalesce(t.lang, o.lang) AS lang FROM o,"
         "  jsonb_array_elements($4::jsonb) WITH ORDINALITY AS e(seat, at) LEFT JOIN ticket t"
         "   ON t.order_id = $1 AND t.seat = e.seat->>'from' AND t.revoked_at IS NULL"
         "   AND t.seat NOT LIKE '%#%'"
         "), no AS MATERIALIZED (SELECT CASE"
         "  WHEN o.status <> 'completed' OR o.moving IS NOT NULL THEN 'not-completed'"
         "  WHEN EXISTS (SELECT FROM m WHERE ticket IS NULL) THEN 'seat-not-in-order'"
         "  WHEN EXISTS (SELECT FROM m JOIN checkin c ON c.ticket = m.ticket) THEN 'ticket-used'"
         "  WHEN EXISTS (SELECT FROM m JOIN ticket t ON t.event = o.event AND t.seat = m.\"to\""
         "   AND t.revoked_at IS NULL AND t.seat NOT LIKE '%#%') THEN 'seats-taken' END AS code"
         "  FROM o"
         "), u AS (UPDATE orders SET moving = (SELECT jsonb_agg(m.\"from\") FROM m),"
         "  changed_at = now() FROM no WHERE orders.id = $1 AND no.code IS NULL"
         "  RETURNING orders.id, orders.event, orders.moves"
         "), a AS (INSERT INTO audit (event, act, subject, actor, reason, detail)"
         "  SELECT event, 'move', id, 'operator', $5, jsonb_build_object('seats', $4::jsonb)"
         "  FROM u"
         "), s AS (INSERT INTO saga (key, subject, trace, data) SELECT $2, u.id, $3,"
         "  (c.data::jsonb - 'seats' || jsonb_build_object('move', u.moves + 1, 'moves',"
         "   (SELECT jsonb_agg(to_jsonb(m) - 'at' ORDER BY m.at) FROM m)))::text FROM u"
         "  JOIN saga c ON c.subject = u.id AND c.key LIKE 'checkout.%')"
         " SELECT code FROM no"},
    [SQL_TERMS_READ] = {"terms_read",
                        "SELECT CASE WHEN event = '' THEN 0 ELSE version END, granted_to, " ISO(
                            "until_at") ", before_start_s, percent, handed_on FROM refund_terms"
                                        " WHERE event IN ($1, '') ORDER BY event DESC LIMIT 1"},
    /* $7: the version that was read; 0: there were none for this event. */
    [SQL_TERMS_SET] =
        {"terms_set",
         "WITH w AS (INSERT INTO refund_terms AS t (event, granted_to, until_at, before_start_s,"
         "  percent, handed_on) SELECT $1, $2, to_timestamp($3::bigint / 1000.0), $4::bigint,"
         "  $5::smallint, $6::boolean"
         "  WHERE $7::integer = coalesce((SELECT version FROM refund_terms WHERE event = $1), 0)"
         "  ON CONFLICT (event) DO UPDATE SET granted_to = excluded.granted_to,"
         "  until_at = excluded.until_at, before_start_s = excluded.before_start_s,"
         "  percent = excluded.percent, handed_on = excluded.handed_on, changed_at = now(),"
         "  version = t.version + 1 WHERE t.version = $7::integer RETURNING t.*)"
         " INSERT INTO audit (event, act, subject, actor, reason, detail)"
         " SELECT event, 'refund-terms', event, 'operator', $8, jsonb_build_object("
         "  'from', (SELECT to_jsonb(r) - 'event' FROM refund_terms r WHERE r.event = $1),"
         "  'to', to_jsonb(w) - 'event') FROM w RETURNING id"},
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
                                               " coalesce(p.place->>'category', ''), o.member,"
                                               " CASE WHEN t.revoked_at IS NULL THEN t.offered_to "
                                               "END"
                                               ", o.moved_at IS NOT NULL"
                                               " FROM ticket t JOIN orders o ON o.id = t.order_id"
                                               " LEFT JOIN checkin c ON c.ticket = t.id"
                                               " LEFT JOIN LATERAL jsonb_array_elements(o.places)"
                                               "  WITH ORDINALITY AS p(place, at) ON "
                                               "p.place->>'id' = t.seat"
                                               " WHERE t.order_id = $1 AND t.replaced_by IS NULL"
                                               " ORDER BY p.at, t.seat LIMIT 200"},
    [SQL_ORDER_WAKE] = {"order_wake", "UPDATE saga s SET " WOKEN
                                      " WHERE s.subject = $1 AND s.state < 2 AND NOT s.parked"
                                      " RETURNING s.id"},
    /* What the buyer brought back: only while the order waits for them, and only once. */
    [SQL_ORDER_PAYMENT_KEY] =
        {"order_payment_key",
         "UPDATE saga s SET data = jsonb_set(s.data::jsonb, '{payment_key}',"
         "  to_jsonb($2::text))::text, " WOKEN " WHERE s.subject = $1 AND s.key LIKE 'checkout.%'"
         " AND s.state = 0 AND s.step <= ($3::jsonb->>s.key)::smallint AND NOT s.parked"
         " AND s.data::jsonb->>'payment_key' IS DISTINCT FROM $2 RETURNING s.id"},

    [SQL_TICKET_READ] =
        {"ticket_read",
         "SELECT t.id, t.order_id, t.event, t.seat, t.member, t.token,"
         " t.revoked_at IS NOT NULL, c.gate, " ISO(
             "c.scanned_at") ", o.status, coalesce(o.purchase->>'digest', ''),"
                             " coalesce(t.offered_to, '')"
                             " FROM ticket t JOIN orders o ON o.id = t.order_id"
                             " LEFT JOIN checkin c ON c.ticket = t.id WHERE t.id = $1"},
    [SQL_TICKET_LOCK] = {"ticket_lock",
                         "SELECT FROM orders WHERE id = (SELECT order_id FROM ticket WHERE id = $1)"
                         " FOR NO KEY UPDATE"},
    /* After SQL_TICKET_LOCK, as the check-in. */
    /* To nobody ($3 is NULL) the offer is taken back. */
    [SQL_TICKET_OFFER] =
        {"ticket_offer",
         "UPDATE ticket t SET offered_to = $3"
         " WHERE t.id = $1 AND t.member = $2 AND t.revoked_at IS NULL AND t.hops < $4::integer"
         " AND NOT EXISTS (SELECT FROM checkin c WHERE c.ticket = t.id)"
         " AND EXISTS (SELECT FROM orders o WHERE o.id = t.order_id AND o.status = 'completed'"
         "  AND NOT " IS_MOVING ") RETURNING t.order_id"},
    [SQL_TICKET_ACCEPT] =
        {"ticket_accept",
         "WITH old AS (UPDATE ticket t SET revoked_at = now(), replaced_by = $3,"
         " offered_to = NULL WHERE t.id = $1 AND t.offered_to = $2 AND t.revoked_at IS NULL"
         " AND NOT EXISTS (SELECT FROM checkin c WHERE c.ticket = t.id)"
         " AND EXISTS (SELECT FROM orders o WHERE o.id = t.order_id AND o.status = 'completed'"
         "  AND NOT " IS_MOVING ") RETURNING t.order_id, t.event, t.seat, t.hops)"
         " INSERT INTO ticket (id, order_id, event, seat, member, holder, kid, token, lang, hops)"
         " SELECT $3, order_id, event, seat, $2, $4, $5, $6, $7, hops + 1 FROM old"
         " RETURNING order_id"},
    [SQL_TICKET_REVOKED] = {"ticket_revoked",
                            "SELECT id FROM ticket WHERE event = $1 AND revoked_at IS NOT NULL"
                            " AND id > $2 ORDER BY id LIMIT $3::bigint"},
    /* After SQL_TICKET_LOCK. $5: the event of this door; $6: who scans. Whoever went out comes in
     * again, by a scan that was made after that. */
    [SQL_CHECKIN] =
        {"checkin",
         "WITH i AS (INSERT INTO checkin AS c (ticket, gate, scanned_at, offline)"
         "  SELECT t.id, $2, to_timestamp($3::bigint / 1000.0), $4::boolean"
         "  FROM ticket t JOIN orders o ON o.id = t.order_id WHERE t.id = $1 AND t.event = $5"
         "  AND t.revoked_at IS NULL AND o.status = 'completed' AND NOT " IS_MOVING
         "  ON CONFLICT (ticket) DO UPDATE SET gate = excluded.gate, out_at = NULL,"
         "  scanned_at = excluded.scanned_at, offline = excluded.offline, recorded_at = now(),"
         "  entries = c.entries + 1 WHERE c.out_at <= excluded.scanned_at RETURNING c.entries)"
         " INSERT INTO audit (event, act, subject, actor, gate)"
         " SELECT $5, CASE WHEN entries > 1 THEN 'in-again' ELSE 'in' END, $1, $6, $2 FROM i"
         " RETURNING act"},
    [SQL_CHECKIN_WHY] =
        {"checkin_why",
         "SELECT t.event <> $2, t.revoked_at IS NOT NULL OR " IS_MOVING ", o.status, c.gate, " ISO(
             "c.scanned_at") ", (extract(epoch FROM c.scanned_at) * 1000)::bigint"
                             " FROM ticket t JOIN orders o ON o.id = t.order_id"
                             " LEFT JOIN checkin c ON c.ticket = t.id WHERE t.id = $1"},
    [SQL_CHECKIN_CONFLICT] = {"checkin_conflict",
                              "INSERT INTO checkin_conflict (ticket, gate, scanned_at, reason)"
                              " VALUES ($1, $2, to_timestamp($3::bigint / 1000.0), $4)"
                              " ON CONFLICT DO NOTHING"},
    [SQL_CHECKOUT] =
        {"checkout",
         "WITH u AS (UPDATE checkin c SET out_at = greatest(now(), c.scanned_at) FROM ticket t"
         "  WHERE c.ticket = $1 AND t.id = c.ticket AND t.event = $2 AND c.out_at IS NULL"
         "  RETURNING c.ticket)"
         " INSERT INTO audit (event, act, subject, actor, gate, reason)"
         " SELECT $2, 'out', ticket, $4, $3, $5 FROM u RETURNING act"},
    /* By the gate that let it in, and soon ($6): a first entry was none, a later one is out again.
     * What is not used any more may be refunded, so the order's row is taken first. */
    [SQL_CHECKIN_UNDO] =
        {"checkin_undo",
         "WITH c AS MATERIALIZED (SELECT c.ticket, c.entries FROM checkin c"
         "  JOIN ticket t ON t.id = c.ticket WHERE c.ticket = $1 AND t.event = $2 AND c.gate = $3"
         "  AND c.out_at IS NULL AND c.recorded_at > now() - $6::bigint * interval '1 ms'"
         "), d AS (DELETE FROM checkin USING c WHERE checkin.ticket = c.ticket AND c.entries = 1"
         "  RETURNING checkin.ticket"
         "), u AS (UPDATE checkin SET out_at = scanned_at, entries = c.entries - 1 FROM c"
         "  WHERE checkin.ticket = c.ticket AND c.entries > 1 RETURNING checkin.ticket)"
         " INSERT INTO audit (event, act, subject, actor, gate, reason)"
         " SELECT $2, 'undo', ticket, $4, $3, $5"
         " FROM (SELECT ticket FROM d UNION ALL SELECT ticket FROM u) x RETURNING act"},

    [SQL_SCANNER_FIND] =
        {"scanner_find",
         "SELECT id, event, gate, " ISO(
             "expires_at") " FROM scanner"
                           " WHERE hash = $1 AND revoked_at IS NULL AND expires_at > now()"},
    [SQL_SCANNER_CREATE] =
        {"scanner_create",
         "WITH s AS (INSERT INTO scanner (id, event, gate, hash, expires_at)"
         "  SELECT $1, $2, $3, $4, now() + $5::bigint * interval '1 s'"
         "  WHERE (SELECT count(*) FROM scanner WHERE event = $2 AND revoked_at IS NULL"
         "   AND expires_at > now()) < $7::bigint RETURNING id, expires_at),"
         " a AS (INSERT INTO audit (event, act, subject, actor, gate, reason)"
         "  SELECT $2, 'scanner-created', id, 'operator', $3, $6 FROM s)"
         " SELECT " ISO("expires_at") " FROM s"},
    [SQL_SCANNER_LIST] =
        {"scanner_list",
         "SELECT id, gate, " ISO("created_at") ", " ISO("expires_at") ", " ISO(
             "revoked_at") ", revoked_at IS NULL AND expires_at > now()"
                           " FROM scanner WHERE event = $1 ORDER BY created_at DESC LIMIT 1000"},
    [SQL_SCANNER_REVOKE] =
        {"scanner_revoke",
         "WITH s AS (UPDATE scanner SET revoked_at = now() WHERE id = $2 AND event = $1"
         "  AND revoked_at IS NULL RETURNING id, gate),"
         " a AS (INSERT INTO audit (event, act, subject, actor, gate, reason)"
         "  SELECT $1, 'scanner-revoked', id, 'operator', gate, $3 FROM s)"
         " SELECT id FROM scanner WHERE id = $2 AND event = $1"},
    [SQL_DOOR_COUNTS] = {"door_counts",
                         "SELECT count(*), count(*) FILTER (WHERE c.out_at IS NULL)"
                         " FROM ticket t JOIN checkin c ON c.ticket = t.id WHERE t.event = $1"},
    [SQL_DOOR_CONFLICTS] =
        {"door_conflicts",
         "SELECT x.ticket, t.seat, t.order_id, x.gate, " ISO("x.scanned_at") ", x.reason, " ISO(
             "x.recorded_at") " FROM checkin_conflict x"
                              " JOIN ticket t ON t.id = x.ticket WHERE t.event = $1"
                              " ORDER BY x.recorded_at DESC LIMIT 500"},
    [SQL_AUDIT_LIST] =
        {"audit_list",
         "SELECT id, " ISO(
             "at") ", act, subject, actor, gate, reason, detail::text"
                   " FROM audit WHERE event = $1 AND ($2::bigint IS NULL OR id < $2)"
                   " AND ($3::text IS NULL OR subject = $3) ORDER BY id DESC LIMIT 200"},

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
                           " FROM session WHERE expires_at < now() - interval '1 day' LIMIT 1000)),"
                           /* No provider repeats an event for longer than four days. */
                           " told AS (DELETE FROM webhook_event WHERE (provider, id) IN (SELECT"
                           " provider, id FROM webhook_event"
                           " WHERE received_at < now() - interval '7 days' LIMIT 5000))"
                           " DELETE FROM throttle WHERE key IN (SELECT key FROM throttle"
                           " WHERE since < now() - interval '1 day' LIMIT 1000)"},
    [SQL_THROTTLE_READ] = {"throttle_read",
                           "SELECT coalesce(max(" LEFT_US(
                               "until") "), 0)::bigint FROM throttle"
                                        " WHERE key = ANY ($1::text[]) AND until > now()"},
    /* $2: fails that are free; $3: the window; then the pause doubles from $4 to $5. An account has
     * to bear guesses from everywhere for a minute at most: they are slow then, and its owner may
     * be at a new browser. */
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
         "  WHEN t.fails + 1 < " FREE_FAILS " THEN NULL"
         "  ELSE now() + least(CASE WHEN t.key LIKE 'g:%' THEN least($5::bigint, 60000)"
         "   ELSE $5::bigint END, $4::bigint * (2 ^ least(20, t.fails + 1 - " FREE_FAILS
         "   ))::bigint) * interval '1 ms' END"},
    [SQL_THROTTLE_CLEAR] = {"throttle_clear", "DELETE FROM throttle WHERE key = $1"},

    /* A batch of them, as columns. Only what is about an open order of ours is kept: by its
     * payment, or by the order that the payment names. Answers for each: is it new, has its saga
     * still to be woken (as somebody was just changing the row), its order, was any saga woken, is
     * it ours. */
    [SQL_WEBHOOK_EVENTS] =
        {"webhook_events",
         "WITH h AS MATERIALIZED (SELECT provider, id, coalesce(kind, '') AS kind, payment,"
         "  \"order\", nth, row_number() OVER (PARTITION BY provider, id ORDER BY nth) AS copy"
         "  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])"
         "  WITH ORDINALITY AS h(provider, id, kind, payment, \"order\", nth)"
         "), named AS MATERIALIZED (SELECT o.id, h.nth FROM h JOIN orders o ON o.payment = "
         "h.payment"
         "  UNION SELECT o.id, h.nth FROM h JOIN orders o ON o.id = h.\"order\""
         "), about AS MATERIALIZED (SELECT DISTINCT ON (n.nth) n.nth, s.id AS saga, s.subject"
         "  FROM named n JOIN saga s ON s.subject = n.id WHERE s.state < 2 AND NOT s.parked"
         "  ORDER BY n.nth, s.id DESC"
         "), e AS (INSERT INTO webhook_event (provider, id, kind, payment)"
         "  SELECT provider, id, kind, payment FROM h JOIN about USING (nth) WHERE copy = 1"
         "  ORDER BY provider, id ON CONFLICT DO NOTHING RETURNING provider, id"
         "), fresh AS MATERIALIZED (SELECT a.saga, a.nth FROM e"
         "  JOIN h ON h.provider = e.provider AND h.id = e.id AND h.copy = 1 JOIN about a USING "
         "(nth)"
         "), free AS MATERIALIZED (SELECT s.id FROM saga s"
         "  WHERE s.id IN (SELECT saga FROM fresh) FOR UPDATE SKIP LOCKED"
         "), w AS (UPDATE saga s SET " WOKEN " FROM free WHERE s.id = free.id RETURNING s.id)"
         " SELECT fresh.nth IS NOT NULL,"
         "  fresh.nth IS NOT NULL AND fresh.saga NOT IN (SELECT id FROM w), about.subject,"
         "  EXISTS (SELECT FROM w), about.nth IS NOT NULL"
         " FROM h LEFT JOIN about USING (nth) LEFT JOIN fresh USING (nth) ORDER BY h.nth"},

    /* A token of the shop, which counts once; it is kept beside what others told us. */
    [SQL_TOKEN_USE] = {"token_use", "WITH e AS (INSERT INTO webhook_event (provider, id, kind)"
                                    " VALUES ('sso', $1, 'login') ON CONFLICT DO NOTHING"
                                    " RETURNING id) SELECT count(*) FROM e"},

    /* In order for each customer: only the oldest open letter of each, and later ones not before
     * it is through; a parked one holds up those of its own order only. The due time doubles as a
     * lease, so that two instances do not take the same one, and a worker that dies gives it back
     * by itself. */
    /* $1: of whose share; $2, $3: its interval and burst, 0: there is none; $4, $5: the same of
     * what is everybody's. Whoever waited for the row has an old now(), and takes less for it. */
    /* Left alone by the formatter, which would give each letter a line of its own. */
    /* clang-format off */
    [SQL_PACE_USERS] =
        {"pace_users",
         "WITH own AS (INSERT INTO pace AS p (name, paid)"
         "  SELECT $1, now() + " US("$2") " WHERE $2::bigint > 0"
         "  ON CONFLICT (name) DO UPDATE SET paid = greatest(p.paid, now()) + " US("$2")
         "  WHERE p.paid <= now() + " US("$3 - $2::bigint") " RETURNING name),"
         " common AS (INSERT INTO pace AS p (name, paid)"
         "  SELECT 'users', now() + " US("$4") " WHERE NOT EXISTS (SELECT FROM own)"
         "  ON CONFLICT (name) DO UPDATE SET paid = greatest(p.paid, now()) + " US("$4")
         "  WHERE p.paid <= now() + " US("$5 - $4::bigint") " RETURNING name)"
         " SELECT EXISTS (SELECT FROM own) OR EXISTS (SELECT FROM common)"},
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

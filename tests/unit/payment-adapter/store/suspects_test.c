/* suspects_test.c: what a reconciliation compares, against a real server: what has changed, a slice
 * of everything else, and what disagreed before; never all there is.
 *
 * A statement of a row (script.h) is SQL, or one of these; "-> N" is the number that it gives:
 *
 *   orders N               creates orders
 *   dispute|refund ID PAYMENT AMOUNT STATE   the provider shows this return of money
 *   refunded SUM [PAYMENT] the provider shows so much refunded, of this or of every payment
 *   granted SUM [ORDER]    so much was refunded from here
 *   delivered [ORDER KIND,...]   the shop took these messages; default: that each is completed
 *   page AFTER UPTO [ORDER AMOUNT]...   a page of the shop's list; AFTER -: its first
 *   cursor N               the shop's list was read up to this message
 *   collect SLICE ROOM     collects so many suspects at most
 *   compare [part]         the differences, of whole lists or with one missing
 *   compare until o_a1     ... if the shop was asked for no later order that its list lacks
 *   reconcile SLICE        collects and compares
 *   accept [KIND]          an operator accepts all differences, or those of a kind
 *   accepted, kinds        compares, and counts those that are accepted; the kinds of the others
 *   suspects, foreign      how many suspects there are; how many payments of others
 *   refusals               how many reasons there are not to retire the event */
#include "script.h"

#include "store/database.h"

#include <inttypes.h>

#define TICKET "INSERT INTO ticket (id, order_id, event, seat, member, holder, kid, token) "

static const struct script_row rows[] = {
    {"each_order_is_compared_in_turn_and_differences_stay_reported",
     "orders 25; UPDATE psp_payment SET captured = 0; reconcile 10 -> 10; reconcile 10 -> 20;"
     "reconcile 10 -> 25; SELECT count(passed_at) FROM reconciled -> 1;"
     "UPDATE psp_payment SET captured = 100; reconcile 10 -> 0"},
    /* Lists that were not complete are compared again. */
    {"orders_that_agree_leave_no_suspects",
     "orders 25; collect 10 10000; suspects -> 10; compare part -> 0; suspects -> 10;"
     "compare -> 0; suspects -> 0"},
    /* It stays a suspect until it agrees and has had time to change. */
    {"order_whose_saga_has_ended_is_compared_at_once",
     "orders 25; DELETE FROM ticket WHERE id = 't9'; UPDATE reconciled SET order_after = 'o_a9';"
     "reconcile 1 -> 0; UPDATE saga SET ended_at = now() WHERE subject = 'o_a9';"
     "reconcile 1 -> 1;" TICKET "SELECT 't9', 'o_a9', 'gala', 's9', 'm9', '', '', '';"
     "compare -> 0; suspects WHERE id = 'o_a9' -> 1;"
     "UPDATE suspect SET at = now() - interval '1 hour'; compare -> 0;"
     "suspects WHERE id = 'o_a9' -> 0"},
    /* At first the payment may still be in flight. */
    {"payment_with_news_from_its_provider_is_compared_at_once",
     "orders 25; UPDATE reconciled SET order_after = 'o_a9', payment_provider = 'stripe',"
     " payment_after = 'p9'; EXECUTE reconcile_events ('stripe', 'e1', '[{\"payment\": \"p9\","
     " \"amount\": 100, \"captured\": 100, \"refunded\": 30, \"state\": 2, \"return\": \"\"}]');"
     "compare -> 0; UPDATE psp_payment SET seen_at = now() - interval '1 hour'; compare -> 1"},
    {"money_that_went_out_twice_is_a_difference",
     "orders 3; UPDATE ticket SET revoked_at = now(); UPDATE orders SET status = 'refunded', "
     "refund_amount = 50; refunded 50; reconcile 10 -> 0; refunded 100 p1; compare -> 0; "
     "reconcile 10 -> 1; dispute d2 p2 50 0; reconcile 10 -> 2; UPDATE psp_return SET state = 2; "
     "reconcile 10 -> 2; UPDATE psp_return SET state = 1; reconcile 10 -> 1"},
    /* The provider refuses to refund a disputed payment. p2 is refunded, and keeps its share. */
    {"money_that_a_lost_dispute_took_cannot_be_kept",
     "orders 2; UPDATE ticket SET revoked_at = now(); UPDATE orders SET status = 'refunded', "
     "refund_amount = 90; refunded 90 p2; dispute d1 p1 100 2; reconcile 10 -> 0; refunded 90; "
     "reconcile 10 -> 1"},
    /* An operator refunded 30 here, and no ticket of it is void. */
    {"part_that_was_refunded_here_is_no_difference",
     "orders 2; granted 30; refunded 30; reconcile 10 -> 0; refunded 40 p1; compare -> 0; "
     "reconcile 10 -> 1; granted 50; reconcile 10 -> 2; UPDATE orders SET moving = '[]'; "
     "INSERT INTO saga (key, subject, data) SELECT 'credit.1', id, '{}' FROM orders; "
     "reconcile 10 -> 0"},
    /* An operator accepted that the saga stays parked; then money went back elsewhere. */
    {"parked_refund_of_a_part_hides_no_difference_of_money",
     "orders 3; UPDATE orders SET refund_amount = 30, moving = '[]'; INSERT INTO saga (key, "
     "subject, data, parked) SELECT 'credit.1', id, '{}', true FROM orders; reconcile 10 -> 3; "
     "accept; compare -> 0; refunded 40 p1; reconcile 10 -> 2; dispute d2 p2 60 2; "
     "reconcile 10 -> 4; UPDATE orders SET status = 'refunded' WHERE id = 'o_a3'; "
     "DELETE FROM ticket WHERE order_id = 'o_a3'; refunded 50 p3; reconcile 10 -> 6"},
    /* The refund was refused, and the buyer paid by bank transfer. */
    {"parked_order_is_accepted_with_the_sum_that_its_provider_has",
     "orders 2; UPDATE orders SET status = 'parked' WHERE id = 'o_a1'; UPDATE saga SET parked = "
     "true, state = 0, ended_at = NULL WHERE subject = 'o_a1'; reconcile 10 -> 1; accept; "
     "compare -> 0; refusals -> 0; SELECT count(*) FROM drift_accepted WHERE detail LIKE '% 100 "
     "left of its payments, in minor units of KRW' -> 1; refunded 100 p1; reconcile 10 -> 1; "
     "refusals -> 3; accept; compare -> 0; refusals -> 0; dispute d1 p1 100 2; reconcile 10 -> 1; "
     "refusals -> 3; DELETE FROM psp_return; reconcile 10 -> 1; refusals -> 3"},
    {"order_that_is_shut_for_a_saga_has_one",
     "orders 2; UPDATE orders SET moving = '[]' WHERE id = 'o_a1'; reconcile 10 -> 1; refusals ->"
     " 1; accept; compare -> 0; refusals -> 0"},
    {"lost_dispute_of_a_used_ticket_is_settled_by_a_refund_of_its_sum",
     "orders 2; dispute d1 p1 60 2; reconcile 10 -> 1; granted 60 o_a1; reconcile 10 -> 0; "
     "UPDATE psp_return SET amount = 70; reconcile 10 -> 1"},
    {"refund_from_here_beside_a_lost_dispute_is_no_second_difference",
     "orders 1; granted 30; refunded 30; dispute d1 p1 70 2; reconcile 10 -> 1; compare -> 1; "
     "granted 100; reconcile 10 -> 0"},
    {"payment_that_its_order_does_not_name_is_to_keep_nothing",
     "orders 2; INSERT INTO psp_payment (provider, payment, order_id, amount, captured, refunded, "
     "state, seen_at) VALUES ('stripe', 'x1', 'o_a1', 100, 100, 100, 2, now() - interval '1 "
     "hour'); reconcile 10 -> 0; dispute d1 x1 100 2; reconcile 10 -> 1"},
    {"free_order_is_to_keep_nothing_of_a_payment_that_names_it",
     "orders 2; UPDATE orders SET amount = 0, payment = NULL WHERE id = 'o_a1'; "
     "reconcile 10 -> 1; refunded 100 p1; reconcile 10 -> 0; dispute d1 p1 100 2; "
     "reconcile 10 -> 1"},
    /* The shop took it after the saga had ended, and does not list it. */
    {"delivered_message_is_looked_up_in_the_shops_list",
     "orders 25; UPDATE reconciled SET order_after = 'o_a9'; cursor 1; INSERT INTO shop_outbox "
     "(order_id, member, kind, made_at) VALUES ('o_a9', 'm9', 'completed', now() - interval '1 "
     "hour'); reconcile 1 -> 0; UPDATE shop_outbox SET done_at = now(); reconcile 1 -> 0; "
     "UPDATE shop_outbox SET done_at = now() - interval '1 hour'; reconcile 1 -> 1"},
    /* A page is read again if the shop does not say what comes next. */
    {"order_that_the_shop_lists_twice_is_a_difference",
     "orders 4; page - 9 o_a1 100 o_a1 100; reconcile 10 -> 1; page 2 9 o_a2 100 o_a3 100; "
     "page 2 9 o_a2 100 o_a3 100; reconcile 10 -> 1; DELETE FROM suspect; page 4 9 o_a3 100 o_a4 "
     "100; suspects WHERE id = 'o_a3' -> 1; reconcile 10 -> 2; accept; compare -> 0"},
    {"row_that_a_whole_round_no_longer_shows_is_no_difference",
     "orders 2; page - 9 o_x 1 o_a1 99; reconcile 10 -> 2; page - 9; compare -> 0"},
    {"lost_order_that_the_shop_has_taken_back_is_no_difference",
     "INSERT INTO void_order (id, taken_back) VALUES ('o_0123456aABCDEFGHIJKLMNOP', true), "
     "('o_0123456aABCDEFGHIJKLMNOQ', false); UPDATE installation SET id = '0123456a'; "
     "page - 9 o_0123456aABCDEFGHIJKLMNOP 1 o_0123456aABCDEFGHIJKLMNOQ 1; reconcile 10 -> 1"},
    /* o_a2 was not asked for. */
    {"missing_order_is_lost_only_if_the_shop_denied_it_and_stays_a_suspect_until_then",
     "orders 2; delivered; cursor 1; collect 10 10000; compare until o_a1 -> 1; compare -> 2; "
     "accept; compare until o_a1 -> 0; accepted until o_a1 -> 2"},
    /* When the list was read, a minute ago, the message was too young. */
    {"order_stays_a_suspect_until_the_shops_list_is_late_enough",
     "orders 2; INSERT INTO shop_outbox (order_id, member, kind, done_at)"
     " VALUES ('o_a1', 'm1', 'completed', now() - interval '150 s');"
     "INSERT INTO reconcile_cursor (provider, event, at) VALUES ('shop', '1', now() - interval '1 "
     "minute'); INSERT INTO suspect (list, id, at) VALUES ('', 'o_a1', now() - interval '140 s');"
     "compare -> 0; UPDATE reconcile_cursor SET at = now(); compare -> 1"},
    /* An order that is unknown here, and one with another amount. */
    {"new_rows_of_the_shops_list_are_compared",
     "orders 25; page 1 4 o_x 1 o_a9 99 o_a8 100; compare -> 2; compare -> 2; "
     "DELETE FROM shop_order WHERE external_id <> 'o_a8'; UPDATE suspect SET at = now() - interval "
     "'1 hour'; compare -> 0; suspects -> 0"},
    /* Unknown until the rest of the list is read. */
    {"message_is_looked_up_once_the_list_was_read_to_its_end",
     "orders 2; delivered; page 1 1 o_a1 100; reconcile 10 -> 0; page 1 1; reconcile 10 -> 1; "
     "page 2 0; reconcile 10 -> 1"},
    {"page_of_an_older_run_is_not_stored",
     "EXECUTE reconcile_shop ('7', '1', '9', '{\"orders\": [{\"external_id\": \"o_x\", \"amount\": "
     "1}]}');"
     "suspects -> 0; SELECT count(*) FROM shop_order -> 0;"
     "SELECT count(*) FROM reconcile_cursor -> 0"},
    {"payments_of_others_are_reported_after_a_whole_round",
     "INSERT INTO psp_payment (provider, payment, amount, captured, state)"
     " SELECT provider, concat('x', i), 10, 10, 2"
     " FROM (VALUES ('stripe'), ('toss')) p (provider), generate_series(1, 6) i;"
     "reconcile 5 -> 0; foreign -> 0; reconcile 5 -> 0; foreign -> 0; reconcile 5 -> 0;"
     "foreign -> 12; reconcile 5 -> 0; foreign -> 12; reconcile 5 -> 0; reconcile 5 -> 0;"
     "foreign -> 12; SELECT foreign_amount FROM reconciled -> 120"},
    /* Each was paid twice, and the shop lists one. Two of the payments turn out to be ours, one by
     * an id of the form that named no installation. */
    {"sales_of_another_installation_are_no_differences",
     "UPDATE installation SET id = '0123456a';"
     "INSERT INTO psp_payment (provider, payment, order_id, captured, seen_at)"
     " SELECT 'stripe', concat('x', i), 'o_0123456bABCDEFGHIJKLMNOP', 10, 'epoch'"
     " FROM generate_series(1, 4) i; UPDATE psp_payment SET order_id = 'shop-7' WHERE payment > "
     "'x2';"
     "INSERT INTO shop_order (external_id, amount) VALUES ('o_0123456bABCDEFGHIJKLMNOP', 10);"
     "reconcile 5000 -> 0; foreign -> 4;"
     "UPDATE psp_payment SET order_id = 'o_0123456aABCDEFGHIJKLMNOP' WHERE payment = 'x1';"
     "UPDATE psp_payment SET order_id = 'o_ABCDEFGHIJKLMNOPQRST' WHERE payment = 'x2';"
     "reconcile 5000 -> 1; foreign -> 3"},
    /* The provider refunded 30 of 100, then 40, then 30 after all. */
    {"accepted_difference_is_counted_apart_until_its_sum_changes",
     "orders 3; refunded 30 p1; reconcile 10 -> 1; accepted -> 0; refusals -> 1; accept; "
     "compare -> 0; accepted -> 1; refusals -> 0; reconcile 10 -> 0; refunded 40 p1; "
     "compare -> 1; accepted -> 0; refusals -> 1; accept; compare -> 0; refusals -> 0; "
     "refunded 30 p1; compare -> 1; refusals -> 1; refunded 40 p1; compare -> 1; accept; "
     "compare -> 0; granted 40 o_a1; compare -> 0; granted 0 o_a1; reconcile 10 -> 1; "
     "refusals -> 1; SELECT count(*) FROM audit WHERE act = 'difference-accepted' AND subject = "
     "'o_a1' -> 3; SELECT count(*) FROM audit WHERE act = 'difference-withdrawn' AND subject = "
     "'o_a1' -> 3"},
    {"acceptance_of_one_dispute_stays_when_another_begins",
     "orders 1; dispute d1 p1 10 0; reconcile 10 -> 1; accept; compare -> 0; dispute d2 p1 10 0; "
     "compare -> 1; accepted -> 1"},
    /* The difference is the same, but another part of its money is refunded here. */
    {"refund_that_changes_the_sum_of_an_accepted_difference_brings_it_back",
     "orders 2; refunded 30 p1; dispute d2 p2 60 2; reconcile 10 -> 2; accept; compare -> 0; "
     "refusals -> 0; granted 20; accepted -> 0; compare -> 2; refusals -> 1; accept; "
     "compare -> 0; accepted -> 2; refusals -> 0; SELECT count(*) FROM drift_accepted -> 2"},
    {"accepted_order_without_a_payment_can_be_retired",
     "orders 1; DELETE FROM psp_payment; UPDATE orders SET payment = NULL; reconcile 10 -> 1;"
     "accept; compare -> 0; refusals -> 0"},
    /* p1 and x1 are both of o_a1; only what was accepted of each is excused. */
    {"acceptance_of_one_payment_does_not_excuse_another",
     "orders 1; INSERT INTO psp_payment (provider, payment, order_id, amount, captured, state, "
     "seen_at) VALUES ('stripe', 'x1', 'o_a1', 100, 100, 2, now() - interval '1 hour'); "
     "refunded 30 p1; reconcile 10 -> 2; accept refunded-in-part; compare -> 1; refusals -> 1; "
     "accept captured-twice; compare -> 0; refusals -> 0; refunded 100 x1; refusals -> 1; "
     "compare -> 0; refusals -> 0"},
    {"each_kind_can_be_accepted",
     "orders 20; UPDATE psp_payment SET captured = 0 WHERE payment = 'p1'; "
     "UPDATE orders SET status = 'cancelled' WHERE id IN ('o_a2', 'o_a9'); refunded 100 p3; "
     "refunded 100 p5; refunded 100 p6; refunded 50 p4; UPDATE orders SET status = 'refunded', "
     "refund_amount = 50 WHERE id = 'o_a5'; UPDATE orders SET status = 'refunded' WHERE id = "
     "'o_a6'; refund r6 p6 100 2; dispute d7 p7 100 0; dispute d8 p8 100 2; "
     "UPDATE psp_payment SET captured = 0, state = 1 WHERE payment = 'p9'; "
     "INSERT INTO psp_payment (provider, payment, order_id, amount, captured, state) VALUES "
     "('stripe', 'x10', 'o_a10', 100, 100, 2), ('stripe', 'x11', 'o_old', 100, 100, 2); "
     "INSERT INTO retired_order (id, event, provider) VALUES ('o_old', 'past', 'stripe'); "
     "UPDATE orders SET status = 'confirming' WHERE id = 'o_a12'; DELETE FROM ticket WHERE id = "
     "'t13'; UPDATE saga SET parked = true, state = 0, ended_at = NULL WHERE subject = 'o_a14'; "
     "INSERT INTO shop_outbox (order_id, member, kind, error, made_at) VALUES ('o_a15', 'm15', "
     "'completed', '500', now() - interval '1 hour'); delivered o_a16 completed; "
     "page 1 9 o_a17 1 o_x 1; UPDATE reconcile_cursor SET gap_from = now(), gap_at = now(); "
     "reconcile 5000 -> 24; kinds -> 20; accept; compare -> 0; accepted -> 24; "
     "UPDATE psp_return SET state = 1 WHERE id = 'd7'; refusals -> 0"},
    /* Actions that no other test performs. */
    {"order_that_the_shop_lost_is_handed_over_again_with_its_refund",
     "orders 2; cursor 1; delivered o_a1 completed,refunded; reconcile 10 -> 1; "
     "EXECUTE shop_retry ('1', NULL); compare -> 0; SELECT count(*) FROM shop_outbox WHERE done_at "
     "IS NULL AND due_at <= now() -> 2"},
    /* A refund of a part, and then a move. A row that was read before says nothing of them. */
    {"letter_that_the_shop_lost_is_handed_over_again",
     "orders 2; delivered o_a1 completed,credited-1,moved-2; cursor 1; INSERT INTO shop_order "
     "(external_id, amount, letters) VALUES ('o_a1', 100, 3); reconcile 10 -> 0; "
     "UPDATE shop_order SET letters = 2; reconcile 10 -> 1; UPDATE shop_order SET letters = 1; "
     "compare -> 2; UPDATE shop_order SET seen_at = now() - interval '1 hour'; compare -> 0; "
     "UPDATE shop_order SET seen_at = now(); reconcile 10 -> 2; EXECUTE shop_retry ('3', NULL); "
     "compare -> 1; EXECUTE shop_retry ('2', NULL); compare -> 0"},
    {"order_that_the_shop_lost_later_is_missing_when_its_list_was_read_again",
     "orders 2; delivered; INSERT INTO shop_order (external_id, amount, after, seen_at) SELECT id, "
     "100, '5', now() - interval '2 days' FROM orders; cursor 9; reconcile 10 -> 0; page 9 9; "
     "reconcile 10 -> 0; EXECUTE reconcile_shop ('0', '', '1', '{\"orders\": [{\"external_id\": "
     "\"o_a2\", \"amount\": 100}], \"next\": \"7\"}'); suspects -> 0; reconcile 10 -> 0; "
     "page 7 9; reconcile 10 -> 1; SELECT count(*) FROM reconcile_cursor WHERE event = '7' -> 1; "
     "SELECT count(*) FROM shop_order WHERE twice -> 0"},
    {"tickets_left_of_an_order_that_is_over_are_revoked",
     "orders 2; EXECUTE tickets_revoke ('o_a1', 'why', NULL); reconcile 10 -> 0;"
     "UPDATE orders SET status = 'failed' WHERE id = 'o_a1'; DELETE FROM psp_payment WHERE order_id"
     " = 'o_a1'; reconcile 10 -> 1; EXECUTE tickets_revoke ('o_a1', 'why', NULL); compare -> 0;"
     "SELECT count(*) FROM audit WHERE act = 'tickets-revoked' -> 1"},
    {"suspects_beyond_the_room_come_in_the_next_runs",
     "orders 30; UPDATE reconciled SET order_after = 'o_b', payment_after = 'p_b';"
     "UPDATE saga SET ended_at = now() + id * interval '1 ms'; collect 1 12;"
     "suspects WHERE at > '-infinity' -> 12; collect 1 12; suspects WHERE at > '-infinity' -> 12;"
     "DELETE FROM suspect; collect 1 12; DELETE FROM suspect; collect 1 12;"
     "suspects WHERE id = 'o_a30' -> 1"},
};

static struct pg *pg;

__attribute__((format(printf, 1, 2))) static void run(const char *format, ...)
{
    char sql[2048];
    va_list values;
    va_start(values, format);
    vsnprintf(sql, sizeof(sql), format, values);
    va_end(values);
    pg_fixture_run(pg, sql);
}

/* Completed an hour ago, with a ticket, a payment and a message that the shop lists; the sagas
 * ended before the first reconciliation. They are called o_a1 to o_aN. */
SCRIPT_VERB(insert_orders, "orders")
{
    run("INSERT INTO orders (id, event, hold, member, lang, provider, currency, amount, seats,"
        "    status, payment, idem_key, idem_body, expires_at, changed_at)"
        "  SELECT 'o_a' || i, 'gala', 'h' || i, 'm' || i, 'en', 'stripe', 'KRW', 100, '[\"s\"]',"
        "    'completed', 'p' || i, 'k' || i, '', now(), now() - interval '1 hour'"
        "  FROM generate_series(1, %1$s) i;" TICKET
        "  SELECT 't' || i, 'o_a' || i, 'gala', 's' || i, 'm' || i, '', '', ''"
        "  FROM generate_series(1, %1$s) i;"
        "INSERT INTO psp_payment (provider, payment, order_id, amount, captured, state, seen_at)"
        "  SELECT 'stripe', 'p' || i, 'o_a' || i, 100, 100, 2, now() - interval '1 hour'"
        "  FROM generate_series(1, %1$s) i;"
        "INSERT INTO saga (key, subject, data, state, ended_at)"
        "  SELECT 'checkout.1', 'o_a' || i, '{}', 2, now() - interval '1 hour'"
        "  FROM generate_series(1, %1$s) i",
        script_word(line, 1));
}

SCRIPT_DOES("dispute|refund",
            run("INSERT INTO psp_return (provider, id, payment, kind, amount, state)"
                " VALUES ('stripe', '%s', '%s', '%s', %s, %s)",
                script_word(line, 1), script_word(line, 2), line->words[0], script_word(line, 3),
                script_word(line, 4)))
SCRIPT_DOES("refunded", run("UPDATE psp_payment SET refunded = %s WHERE '%s' IN (payment, '')",
                            script_word(line, 1), line->len > 2 ? line->words[2] : ""))
SCRIPT_DOES("granted", run("UPDATE orders SET refund_amount = %s WHERE '%s' IN (id, '')",
                           script_word(line, 1), line->len > 2 ? line->words[2] : ""))
SCRIPT_DOES("delivered",
            run("INSERT INTO shop_outbox (order_id, member, kind, done_at)"
                " SELECT id, member, kind, now() - interval '1 hour'"
                " FROM orders, unnest('{%s}'::text[]) kind WHERE '%s' IN (id, '')",
                line->len > 2 ? line->words[2] : "completed", line->len > 1 ? line->words[1] : ""))
SCRIPT_DOES("cursor", run("INSERT INTO reconcile_cursor (provider, event) VALUES ('shop', '%s')",
                          script_word(line, 1)))

SCRIPT_VERB(store_page, "page")
{
    char orders[1024] = "";
    int len = 0;
    for (unsigned i = 3; i < line->len; i += 2)
        len += snprintf(orders + len, sizeof(orders) - (size_t)len,
                        "%s{\"external_id\": \"%s\", \"amount\": %s}", i > 3 ? ", " : "",
                        line->words[i], script_word(line, i + 1));
    run("EXECUTE reconcile_shop ('0', '%s', '%s', '{\"orders\": [%s]}')",
        strcmp(script_word(line, 1), "-") == 0 ? "" : line->words[1], script_word(line, 2), orders);
}

/* asked: the shop has answered for each missing order up to this one */
#define DRIFT(WHOLE, ASKED)                                                                        \
    "EXECUTE reconcile_drift ('120000', '20', '1000', '" WHOLE "', '0', '" ASKED "', true)"
#define COMPARE DRIFT("true", "o_z")

/* -> how many were found of all kinds, or how many kinds */
static int64_t count(const char *sql, bool accepted, bool kinds)
{
    int64_t found = 0;
    PGresult *res = pg_fixture_query(pg, sql);
    for (int row = 0; row < PQntuples(res); row++) {
        if (pg_i64(res, row, 5) == 1 && !PQgetisnull(res, row, 8) == accepted)
            found += kinds ? 1 : pg_i64(res, row, 4);
    }
    PQclear(res);
    return found;
}

SCRIPT_VERB(accept_found, "accept")
{
    PGresult *res = pg_fixture_query(pg, COMPARE);
    for (int row = 0; row < PQntuples(res); row++) {
        const char *column[7];
        char sum[24] = "null";
        for (int i = 0; i < 7; i++)
            column[i] = PQgetvalue(res, row, i);
        if (line->len > 1 && strcmp(column[0], line->words[1]) != 0)
            continue;
        if (!PQgetisnull(res, row, 7))
            snprintf(sum, sizeof(sum), "%" PRIi64, pg_i64(res, row, 7));
        run("UPDATE reconcile_run SET report = jsonb_build_object('items', jsonb_build_array("
            "jsonb_build_object('kind', '%s', 'order', '%s', 'payment', '%s', 'detail', '%s',"
            " 'difference', '%s', 'sum', %s)))",
            column[0], column[1], column[2], column[3], column[6], sum);
        run("EXECUTE reconcile_accept ('%s', 'why', 'kim')", column[6]);
    }
    PQclear(res);
}

/* "... -> N" */
static void expect(const struct script_line *line, int64_t got)
{
    const char *want = strstr(line->text, "-> ");
    assert_non_null(want);
    script_expect(line, want + 3, (uint64_t)got);
}

SCRIPT_DOES("UPDATE|INSERT|DELETE|EXECUTE", pg_fixture_run(pg, line->text))

/* "SELECT ... -> N", "suspects [WHERE ...] -> N", "foreign -> N" */
SCRIPT_VERB(select_number, "SELECT|suspects|foreign|refusals")
{
    static const char *const names[] = {"SELECT", "suspects", "foreign", "refusals", NULL};
    static const char *const what[] = {"SELECT", "SELECT count(*) FROM suspect",
                                       "SELECT foreign_payments FROM reconciled",
                                       "SELECT count(*) FROM retire_refusals('gala', '0')"};
    char sql[1024];
    const char *rest = script_rest(line, 0);
    snprintf(sql, sizeof(sql), "%s %.*s", what[script_choice(line, line->words[0], names)],
             (int)(strstr(rest, "->") - rest), rest);
    expect(line, pg_fixture_number(pg, sql));
}

static void collect(const char *slice, const char *room)
{
    run("EXECUTE reconcile_collect ('%s', '%s')", slice, room);
}

SCRIPT_DOES("collect", collect(script_word(line, 1), script_word(line, 2)))

SCRIPT_VERB(expect_differences, "compare|reconcile|accepted|kinds")
{
    const char *verb = line->words[0];
    if (strcmp(verb, "reconcile") == 0)
        collect(script_word(line, 1), "10000");
    expect(line, count(script_has(line, "part")    ? DRIFT("false", "o_z")
                       : script_has(line, "until") ? DRIFT("true", "o_a1")
                                                   : COMPARE,
                       strcmp(verb, "accepted") == 0, strcmp(verb, "kinds") == 0));
}

static void set_up(void)
{
    pg = database_open();
    pg_fixture_run(pg,
                   "TRUNCATE orders, order_payment, ticket, psp_payment, psp_return, saga, "
                   "shop_outbox, shop_order, void_order,"
                   "  suspect, traded, reconciled, reconcile_cursor, drift_accepted, retired_order,"
                   "  audit RESTART IDENTITY CASCADE;"
                   "INSERT INTO reconciled DEFAULT VALUES");
}

static void tear_down(void)
{
    pg_close(pg);
}

UNIT_ONCE(database_apply, NULL)
SCRIPT_TESTS_IN(rows, script_verbs, set_up, tear_down)

/* suspects_test.c: what a reconciliation looks at, against a real server: what has changed, a slice
 * of everything else, and what disagreed before; never all there is. */
#include "unit.h"

#include "store/database.h"
#include "store/statements.h"

#include <stdio.h>
#include <string.h>

enum { ROOM = 10000, KEPT = 1000, LISTED = 20 };

static struct pg_fixture *server;

static int64_t suspects(struct pg *pg)
{
    return database_number(pg, "SELECT count(*) FROM suspect");
}

static void collect(struct pg *pg, int slice)
{
    char sql[128];
    snprintf(sql, sizeof(sql), "EXECUTE reconcile_collect ('%d', '%d')", slice, ROOM);
    database_run(pg, sql);
}

/* -> how many were found of all kinds */
static int compare(struct pg *pg, bool whole)
{
    char sql[128];
    snprintf(sql, sizeof(sql), "EXECUTE reconcile_drift ('120000', '%d', '%d', '%s')", LISTED, KEPT,
             whole ? "true" : "false");
    PGresult *res = database_query(pg, sql);
    int found = 0;
    for (int row = 0; row < PQntuples(res); row++) {
        if (pg_i64(res, row, 5) == 1)
            found += (int)pg_i64(res, row, 4);
    }
    PQclear(res);
    return found;
}

static int reconcile(struct pg *pg, int slice)
{
    collect(pg, slice);
    return compare(pg, true);
}

/* Completed an hour ago, with a ticket, a payment and a letter that the shop lists; the sagas ended
 * before anybody reconciled. They are called o_a1 to o_aN. */
static void insert_orders(struct pg *pg, int orders)
{
    char sql[2048];
    snprintf(
        sql, sizeof(sql),
        "INSERT INTO orders (id, event, hold, member, lang, provider, currency, amount, seats,"
        "    status, payment, idem_key, idem_body, expires_at, changed_at)"
        "  SELECT 'o_a' || i, 'gala', 'h' || i, 'm' || i, 'en', 'stripe', 'KRW', 100, '[\"s\"]',"
        "    'completed', 'p' || i, 'k' || i, '', now(), now() - interval '1 hour'"
        "  FROM generate_series(1, %1$d) i;"
        "INSERT INTO ticket (id, order_id, event, seat, member, holder, kid, token)"
        "  SELECT 't' || i, 'o_a' || i, 'gala', 's' || i, 'm' || i, '', '', ''"
        "  FROM generate_series(1, %1$d) i;"
        "INSERT INTO psp_payment (provider, payment, order_id, amount, captured, state, seen_at)"
        "  SELECT 'stripe', 'p' || i, 'o_a' || i, 100, 100, 2, now() - interval '1 hour'"
        "  FROM generate_series(1, %1$d) i;"
        "INSERT INTO saga (key, subject, data, state, ended_at)"
        "  SELECT 'checkout.1', 'o_a' || i, '{}', 2, now() - interval '1 hour'"
        "  FROM generate_series(1, %1$d) i",
        orders);
    database_run(pg, sql);
}

static void each_order_is_compared_in_turn_and_differences_stay_reported(void **state)
{
    struct pg *pg = *state;
    insert_orders(pg, 25);
    database_run(pg, "UPDATE psp_payment SET captured = 0");
    int before = 0;
    for (int i = 0; i < 3; i++) { /* slices of 10, 10 and 5 */
        int found = reconcile(pg, 10);
        assert_in_range(found, before + 1, 25);
        before = found;
    }
    assert_int_equal(25, before);
    assert_int_equal(1, database_number(pg, "SELECT count(passed_at) FROM reconciled"));
    database_run(pg, "UPDATE psp_payment SET captured = 100");
    assert_int_equal(0, reconcile(pg, 10));
}

static void orders_that_agree_leave_no_suspects(void **state)
{
    struct pg *pg = *state;
    insert_orders(pg, 25);
    collect(pg, 10);
    assert_int_equal(10, suspects(pg));
    assert_int_equal(0, compare(pg, false));
    assert_int_equal(10, suspects(pg)); /* a list was missing: they are looked at again */
    assert_int_equal(0, compare(pg, true));
    assert_int_equal(0, suspects(pg));
}

static void order_whose_saga_has_ended_is_compared_at_once(void **state)
{
    struct pg *pg = *state;
    insert_orders(pg, 25);
    database_run(pg,
                 "DELETE FROM ticket WHERE id = 't9'; UPDATE reconciled SET order_after = 'o_a9'");
    assert_int_equal(0, reconcile(pg, 1));
    database_run(pg, "UPDATE saga SET ended_at = now() WHERE subject = 'o_a9'");
    assert_int_equal(1, reconcile(pg, 1));
    /* It stays one until it agrees and has had time to change. */
    database_run(pg, "INSERT INTO ticket (id, order_id, event, seat, member, holder, kid, token)"
                     "  SELECT 't9', 'o_a9', 'gala', 's9', 'm9', '', '', ''");
    assert_int_equal(0, compare(pg, true));
    assert_int_equal(1, database_number(pg, "SELECT count(*) FROM suspect WHERE id = 'o_a9'"));
    database_run(pg, "UPDATE suspect SET at = now() - interval '1 hour'");
    assert_int_equal(0, compare(pg, true));
    assert_int_equal(0, database_number(pg, "SELECT count(*) FROM suspect WHERE id = 'o_a9'"));
}

static void payment_with_news_from_its_provider_is_compared_at_once(void **state)
{
    struct pg *pg = *state;
    insert_orders(pg, 25);
    database_run(pg, "UPDATE reconciled SET order_after = 'o_a9', payment_provider = 'stripe',"
                     "  payment_after = 'p9'");
    database_run(
        pg, "EXECUTE reconcile_events ('stripe', 'e1', '[{\"payment\": \"p9\", \"amount\": 100,"
            "  \"captured\": 100, \"refunded\": 30, \"state\": 2, \"return\": \"\"}]')");
    assert_int_equal(0, compare(pg, true)); /* it may still be on its way */
    database_run(pg, "UPDATE psp_payment SET seen_at = now() - interval '1 hour'");
    assert_int_equal(1, compare(pg, true));
}

/* The shop took it after the saga had ended, and does not list it. */
static void delivered_letter_is_looked_for_in_the_shops_list(void **state)
{
    struct pg *pg = *state;
    insert_orders(pg, 25);
    database_run(pg,
                 "UPDATE reconciled SET order_after = 'o_a9';"
                 "INSERT INTO reconcile_cursor (provider, event) VALUES ('shop', '1');"
                 "INSERT INTO shop_outbox (order_id, member, kind, made_at) VALUES ('o_a9', 'm9',"
                 "  'completed', now() - interval '1 hour')");
    assert_int_equal(0, reconcile(pg, 1));
    database_run(pg, "UPDATE shop_outbox SET done_at = now()");
    assert_int_equal(0, reconcile(pg, 1));
    database_run(pg, "UPDATE shop_outbox SET done_at = now() - interval '1 hour'");
    assert_int_equal(1, reconcile(pg, 1));
}

/* An order that is unknown here, and one with another amount. */
static void new_rows_of_the_shops_list_are_compared(void **state)
{
    struct pg *pg = *state;
    insert_orders(pg, 25);
    database_run(pg, "EXECUTE reconcile_shop ('1', '[{\"external_id\": \"o_x\", \"amount\": 1},"
                     "  {\"external_id\": \"o_a9\", \"amount\": 99}, {\"external_id\": \"o_a8\", "
                     "\"amount\": 100}]')");
    for (int i = 0; i < 2; i++)
        assert_int_equal(2, compare(pg, true));
    database_run(pg, "DELETE FROM shop_order WHERE external_id <> 'o_a8';"
                     "UPDATE suspect SET at = now() - interval '1 hour'");
    assert_int_equal(0, compare(pg, true));
    assert_int_equal(0, suspects(pg));
}

static void payments_of_others_are_reported_after_a_whole_round(void **state)
{
    struct pg *pg = *state;
    database_run(pg, "INSERT INTO psp_payment (provider, payment, amount, captured, state)"
                     "  SELECT provider, 'x' || i, 10, 10, 2"
                     "  FROM (VALUES ('stripe'), ('toss')) p (provider), generate_series(1, 6) i");
    const int reported[] = {0, 0, 12, 12, 12, 12};
    for (int i = 0; i < 6; i++) {
        assert_int_equal(0, reconcile(pg, 5));
        assert_int_equal(reported[i],
                         database_number(pg, "SELECT foreign_payments FROM reconciled"));
    }
    assert_int_equal(120, database_number(pg, "SELECT foreign_amount FROM reconciled"));
}

static void suspects_beyond_the_room_come_in_the_next_runs(void **state)
{
    struct pg *pg = *state;
    insert_orders(pg, 30);
    database_run(pg, "UPDATE reconciled SET order_after = 'o_b', payment_after = 'p_b';"
                     "UPDATE saga SET ended_at = now() + id * interval '1 ms'");
    database_run(pg, "EXECUTE reconcile_collect ('1', '12')");
    assert_int_equal(12,
                     database_number(pg, "SELECT count(*) FROM suspect WHERE at > '-infinity'"));
    database_run(pg, "EXECUTE reconcile_collect ('1', '12')");
    assert_int_equal(12,
                     database_number(pg, "SELECT count(*) FROM suspect WHERE at > '-infinity'"));
    database_run(pg,
                 "DELETE FROM suspect; EXECUTE reconcile_collect ('1', '12'); DELETE FROM suspect;"
                 "EXECUTE reconcile_collect ('1', '12')");
    assert_int_equal(1, database_number(pg, "SELECT count(*) FROM suspect WHERE id = 'o_a30'"));
}

static int start(void **state)
{
    (void)state;
    server = pg_fixture_start();
    database_apply(server);
    return 0;
}

static int end(void **state)
{
    (void)state;
    pg_fixture_end(server);
    return 0;
}

static int open_empty(void **state)
{
    const enum statement of_a_run[] = {SQL_RECONCILE_COLLECT, SQL_RECONCILE_DRIFT,
                                       SQL_RECONCILE_EVENTS, SQL_RECONCILE_SHOP};
    struct pg *pg = database_open(server);
    database_run(pg, statements_setup);
    database_run(pg,
                 "TRUNCATE orders, ticket, psp_payment, psp_return, saga, shop_outbox, shop_order,"
                 "  suspect, traded, reconciled, reconcile_cursor CASCADE;"
                 "INSERT INTO reconciled DEFAULT VALUES");
    for (size_t i = 0; i < sizeof(of_a_run) / sizeof(of_a_run[0]); i++)
        database_prepare(pg, of_a_run[i]);
    *state = pg;
    return 0;
}

static int close_it(void **state)
{
    pg_close(*state);
    return 0;
}

#define ON_EMPTY(test) cmocka_unit_test_setup_teardown(test, open_empty, close_it)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_EMPTY(each_order_is_compared_in_turn_and_differences_stay_reported),
        ON_EMPTY(orders_that_agree_leave_no_suspects),
        ON_EMPTY(order_whose_saga_has_ended_is_compared_at_once),
        ON_EMPTY(payment_with_news_from_its_provider_is_compared_at_once),
        ON_EMPTY(delivered_letter_is_looked_for_in_the_shops_list),
        ON_EMPTY(new_rows_of_the_shops_list_are_compared),
        ON_EMPTY(payments_of_others_are_reported_after_a_whole_round),
        ON_EMPTY(suspects_beyond_the_room_come_in_the_next_runs),
    };
    return cmocka_run_group_tests(tests, start, end);
}

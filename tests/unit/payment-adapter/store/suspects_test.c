/* suspects_test.c: what a reconciliation compares, against a real server: what has changed, a slice
 * of everything else, and what disagreed before; never all there is.
 *
 * A step is SQL, or one of these: "orders N" creates orders; "collect SLICE" collects suspects;
 * "compare" and "compare part" give the number of differences, of whole lists or with one missing;
 * "reconcile SLICE" collects and compares. */
#include "unit.h"

#include "store/database.h"
#include "store/statements.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 14 };

struct row {
    const char *name;
    struct {
        const char *does;
        int64_t gives; /* of SELECT, compare and reconcile */
    } steps[STEPS_MAX];
};

#define SUSPECTS "SELECT count(*) FROM suspect"
#define TICKET   "INSERT INTO ticket (id, order_id, event, seat, member, holder, kid, token) "
#define FOREIGN  "SELECT foreign_payments FROM reconciled"

static const struct row rows[] = {
    {"each_order_is_compared_in_turn_and_differences_stay_reported",
     {{"orders 25", 0},
      {"UPDATE psp_payment SET captured = 0", 0},
      {"reconcile 10", 10},
      {"reconcile 10", 20},
      {"reconcile 10", 25},
      {"SELECT count(passed_at) FROM reconciled", 1},
      {"UPDATE psp_payment SET captured = 100", 0},
      {"reconcile 10", 0}}},
    {"orders_that_agree_leave_no_suspects",
     {{"orders 25", 0},
      {"collect 10", 0},
      {SUSPECTS, 10},
      {"compare part", 0},
      {SUSPECTS, 10}, /* they are compared again */
      {"compare", 0},
      {SUSPECTS, 0}}},
    {"order_whose_saga_has_ended_is_compared_at_once",
     {{"orders 25", 0},
      {"DELETE FROM ticket WHERE id = 't9'", 0},
      {"UPDATE reconciled SET order_after = 'o_a9'", 0},
      {"reconcile 1", 0},
      {"UPDATE saga SET ended_at = now() WHERE subject = 'o_a9'", 0},
      {"reconcile 1", 1},
      /* It stays a suspect until it agrees and has had time to change. */
      {TICKET "SELECT 't9', 'o_a9', 'gala', 's9', 'm9', '', '', ''", 0},
      {"compare", 0},
      {SUSPECTS " WHERE id = 'o_a9'", 1},
      {"UPDATE suspect SET at = now() - interval '1 hour'", 0},
      {"compare", 0},
      {SUSPECTS " WHERE id = 'o_a9'", 0}}},
    {"payment_with_news_from_its_provider_is_compared_at_once",
     {{"orders 25", 0},
      {"UPDATE reconciled SET order_after = 'o_a9', payment_provider = 'stripe',"
       "  payment_after = 'p9'",
       0},
      {"EXECUTE reconcile_events ('stripe', 'e1', '[{\"payment\": \"p9\", \"amount\": 100,"
       "  \"captured\": 100, \"refunded\": 30, \"state\": 2, \"return\": \"\"}]')",
       0},
      {"compare", 0}, /* it may still be on its way */
      {"UPDATE psp_payment SET seen_at = now() - interval '1 hour'", 0},
      {"compare", 1}}},
    /* The shop took it after the saga had ended, and does not list it. */
    {"delivered_message_is_looked_up_in_the_shops_list",
     {{"orders 25", 0},
      {"UPDATE reconciled SET order_after = 'o_a9'", 0},
      {"INSERT INTO reconcile_cursor (provider, event) VALUES ('shop', '1')", 0},
      {"INSERT INTO shop_outbox (order_id, member, kind, made_at) VALUES ('o_a9', 'm9',"
       "  'completed', now() - interval '1 hour')",
       0},
      {"reconcile 1", 0},
      {"UPDATE shop_outbox SET done_at = now()", 0},
      {"reconcile 1", 0},
      {"UPDATE shop_outbox SET done_at = now() - interval '1 hour'", 0},
      {"reconcile 1", 1}}},
    /* An order that is unknown here, and one with another amount. */
    {"new_rows_of_the_shops_list_are_compared",
     {{"orders 25", 0},
      {"EXECUTE reconcile_shop ('1', '[{\"external_id\": \"o_x\", \"amount\": 1},"
       "  {\"external_id\": \"o_a9\", \"amount\": 99},"
       "  {\"external_id\": \"o_a8\", \"amount\": 100}]')",
       0},
      {"compare", 2},
      {"compare", 2},
      {"DELETE FROM shop_order WHERE external_id <> 'o_a8'", 0},
      {"UPDATE suspect SET at = now() - interval '1 hour'", 0},
      {"compare", 0},
      {SUSPECTS, 0}}},
    {"payments_of_others_are_reported_after_a_whole_round",
     {{"INSERT INTO psp_payment (provider, payment, amount, captured, state)"
       "  SELECT provider, 'x' || i, 10, 10, 2"
       "  FROM (VALUES ('stripe'), ('toss')) p (provider), generate_series(1, 6) i",
       0},
      {"reconcile 5", 0},
      {FOREIGN, 0},
      {"reconcile 5", 0},
      {FOREIGN, 0},
      {"reconcile 5", 0},
      {FOREIGN, 12},
      {"reconcile 5", 0},
      {FOREIGN, 12},
      {"reconcile 5", 0},
      {"reconcile 5", 0},
      {FOREIGN, 12},
      {"SELECT foreign_amount FROM reconciled", 120}}},
#define COLLECT12 "EXECUTE reconcile_collect ('1', '12')"
    {"suspects_beyond_the_room_come_in_the_next_runs",
     {{"orders 30", 0},
      {"UPDATE reconciled SET order_after = 'o_b', payment_after = 'p_b'", 0},
      {"UPDATE saga SET ended_at = now() + id * interval '1 ms'", 0},
      {COLLECT12, 0},
      {SUSPECTS " WHERE at > '-infinity'", 12},
      {COLLECT12, 0},
      {SUSPECTS " WHERE at > '-infinity'", 12},
      {"DELETE FROM suspect; " COLLECT12 "; DELETE FROM suspect; " COLLECT12, 0},
      {SUSPECTS " WHERE id = 'o_a30'", 1}}},
};

static struct pg_fixture *server;
static struct pg *pg;

/* Completed an hour ago, with a ticket, a payment and a message that the shop lists; the sagas
 * ended before the first reconciliation. They are called o_a1 to o_aN. */
static void insert_orders(int orders)
{
    char sql[2048];
    snprintf(
        sql, sizeof(sql),
        "INSERT INTO orders (id, event, hold, member, lang, provider, currency, amount, seats,"
        "    status, payment, idem_key, idem_body, expires_at, changed_at)"
        "  SELECT 'o_a' || i, 'gala', 'h' || i, 'm' || i, 'en', 'stripe', 'KRW', 100, '[\"s\"]',"
        "    'completed', 'p' || i, 'k' || i, '', now(), now() - interval '1 hour'"
        "  FROM generate_series(1, %1$d) i;" TICKET
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

/* -> how many were found of all kinds */
static int64_t compare(bool whole)
{
    int64_t found = 0;
    PGresult *res =
        database_query(pg, whole ? "EXECUTE reconcile_drift ('120000', '20', '1000', 'true')"
                                 : "EXECUTE reconcile_drift ('120000', '20', '1000', 'false')");
    for (int row = 0; row < PQntuples(res); row++) {
        if (pg_i64(res, row, 5) == 1)
            found += pg_i64(res, row, 4);
    }
    PQclear(res);
    return found;
}

static int64_t run_step(const char *does)
{
    const char *number = strrchr(does, ' ');
    if (strncmp(does, "SELECT", 6) == 0)
        return database_number(pg, does);
    if (strncmp(does, "compare", 7) == 0)
        return compare(number == NULL);
    if (strncmp(does, "orders", 6) == 0) {
        insert_orders(atoi(number));
        return 0;
    }
    bool reconcile = strncmp(does, "reconcile", 9) == 0;
    if (reconcile || strncmp(does, "collect", 7) == 0) {
        char sql[128];
        snprintf(sql, sizeof(sql), "EXECUTE reconcile_collect ('%d', '10000')", atoi(number));
        database_run(pg, sql);
        return reconcile ? compare(true) : 0;
    }
    database_run(pg, does);
    return 0;
}

static void run_row(void **state)
{
    const struct row *row = *state;
    const enum statement of_a_run[] = {SQL_RECONCILE_COLLECT, SQL_RECONCILE_DRIFT,
                                       SQL_RECONCILE_EVENTS, SQL_RECONCILE_SHOP};
    pg = database_open(server);
    database_run(pg, statements_setup);
    database_run(pg,
                 "TRUNCATE orders, ticket, psp_payment, psp_return, saga, shop_outbox, shop_order,"
                 "  suspect, traded, reconciled, reconcile_cursor CASCADE;"
                 "INSERT INTO reconciled DEFAULT VALUES");
    for (size_t i = 0; i < sizeof(of_a_run) / sizeof(of_a_run[0]); i++)
        database_prepare(pg, of_a_run[i]);
    for (unsigned i = 0; i < STEPS_MAX && row->steps[i].does != NULL; i++) {
        int64_t gave = run_step(row->steps[i].does);
        if (gave != row->steps[i].gives)
            fail_msg("step %u, %s: %lld", i, row->steps[i].does, (long long)gave);
    }
    pg_close(pg);
}

int main(void)
{
    enum { ROWS = sizeof(rows) / sizeof(rows[0]) };
    struct CMUnitTest tests[ROWS];
    for (size_t i = 0; i < ROWS; i++)
        tests[i] = (struct CMUnitTest){
            .name = rows[i].name, .test_func = run_row, .initial_state = (void *)&rows[i]};
    server = pg_fixture_start();
    database_apply(server);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pg_fixture_end(server);
    return failed;
}

/* statements_test.c: the statements against a real server: their parameters and columns match their
 * structs, their names are C's, and each connection is prepared for them.
 *
 * A statement of a row (script.h) is SQL; "-> N" is how many rows it returns. */
#include "script.h"
#include "statement_shape.h"

#include "store/database.h"
#include "store/statements.h"

static struct pg *pg; /* with all statements prepared, and no rows */

/* "EXPLAIN EXECUTE name (NULL, NULL)" */
static void plan_of(const struct pg_statement *statement, char *sql, size_t size)
{
    snprintf(sql, size,
             "SELECT coalesce(array_length(parameter_types, 1), 0)::bigint"
             " FROM pg_prepared_statements WHERE name = '%s'",
             statement->name);
    int64_t params = pg_fixture_number(pg, sql);
    int len = snprintf(sql, size, "EXPLAIN EXECUTE %s", statement->name);
    for (int64_t i = 0; i < params; i++)
        len += snprintf(sql + len, size - (size_t)len, "%sNULL", i == 0 ? "(" : ",");
    snprintf(sql + len, size - (size_t)len, "%s", params > 0 ? ")" : "");
}

TEST_CASE(statement_parameters_and_columns_match_its_structs)
{
    unsigned shapes = 0;
    PGconn *pq = PQconnectdb(pg_fixture_dsn());
    assert_int_equal(CONNECTION_OK, PQstatus(pq));
    PQclear(PQexec(pq, statements_setup));
#define STATEMENT(NUMBER, TAKES, GIVES)                                                            \
    statement_shape_assert(pq, statements[NUMBER].name, statements[NUMBER].sql, TAKES, GIVES);     \
    shapes++;
#define WORD(SQL, C)
#include "payment-adapter/sql/statements.test.inc"
#undef STATEMENT
#undef WORD
    assert_int_equal(SQL_STATEMENTS, shapes); /* each statement has its shape */
    PQfinish(pq);
}

TEST_CASE(words_of_sql_match_those_of_c)
{
#define STATEMENT(NUMBER, TAKES, GIVES)
#define WORD(SQL, C) assert_string_equal(SQL, C);
#include "payment-adapter/sql/statements.test.inc"
}

TEST_CASE(no_statement_is_jit_compiled)
{
    for (int i = 0; i < SQL_STATEMENTS; i++) {
        char sql[512];
        plan_of(&statements[i], sql, sizeof(sql));
        PGresult *res = pg_fixture_query(pg, sql);
        for (int row = 0; row < PQntuples(res); row++) {
            if (strstr(PQgetvalue(res, row, 0), "JIT") != NULL)
                fail_msg("%s is compiled", statements[i].name);
        }
        PQclear(res);
    }
}

SCRIPT_VERB(run_sql, "SELECT|INSERT|UPDATE|EXECUTE")
{
    char sql[1024];
    snprintf(sql, sizeof(sql), "%s", line->text);
    char *want = strstr(sql, "-> ");
    if (want == NULL) {
        pg_fixture_run(pg, sql);
        return;
    }
    *want = '\0';
    PGresult *res = pg_fixture_query(pg, sql);
    int count = PQntuples(res);
    PQclear(res);
    script_expect(line, want + 3, (uint64_t)count);
}

static const struct script_row rows[] = {
    /* Undoing begins at the step at which the operator's call read the saga. A saga that has moved
     * on since, from the payment to the seats, would keep its seats sold and lose its money. So
     * might one whose capture is under way, or was called without an answer. */
    {"operator_acts_only_on_the_saga_state_that_was_read",
     "INSERT INTO saga (key, subject, data, step, moves) VALUES ('checkout.1', 'o_1', '{}', 2, 7);"
     "UPDATE saga SET step = 3, moves = 8;"
     "EXECUTE saga_compensate ('1', 'why', 'lee', '1', '4', 'checkout.1', '7') -> 0;"
     "EXECUTE saga_retry ('1', 'why', 'lee', 'confirming', '7') -> 0;"
     "SELECT FROM saga WHERE state = 0 AND step = 3 -> 1;"
     "EXECUTE saga_compensate ('1', 'why', 'lee', '3', '4', 'checkout.1', '8') -> 1;"
     "SELECT FROM saga WHERE state = 1 AND step = 3 -> 1;"
     "SELECT FROM saga_step WHERE who = 'lee' -> 1;"
     "UPDATE saga SET state = 0, step = 4, leased = true;"
     "EXECUTE saga_compensate ('1', 'why', 'lee', '3', '4', 'checkout.1', '9') -> 0;"
     "UPDATE saga SET leased = false, tries = 1;"
     "EXECUTE saga_retry ('1', 'why', 'lee', 'confirming', '9') -> 1;"
     "EXECUTE saga_compensate ('1', 'why', 'lee', '3', '4', 'checkout.1', '10') -> 0;"
     "UPDATE saga SET parked = true;"
     "EXECUTE saga_compensate ('1', 'why', 'lee', '3', '4', 'checkout.1', '10') -> 1"},
    /* The page names the reason of an order that failed. */
    {"retry_of_an_undo_keeps_why_the_order_failed",
     "INSERT INTO orders (id, event, hold, member, lang, provider, currency, amount, seats, status,"
     " cause, idem_key, idem_body, expires_at) VALUES ('o_r', 'gala', 'r', 'm', 'en', 'toss', "
     "'KRW', 100, '[\"s\"]', 'parked', 'virtual-account', 'r', '', now());"
     "INSERT INTO saga (key, subject, data, state, step, parked, cause)"
     " VALUES ('checkout.1', 'o_r', '{}', 1, 1, true, 'virtual-account');"
     "EXECUTE saga_retry ('1', 'why', 'lee', 'failed', 0) -> 1;"
     "SELECT FROM orders WHERE id = 'o_r' AND status = 'failed' AND cause = 'virtual-account' "
     "-> 1"},
    /* An order at its third step may be canceled under version 1, whose pivot is the fifth, and is
     * past its pivot under version 2. The program does not have version 3. */
    {"cancel_works_above_the_pivot_of_the_orders_own_version",
     "INSERT INTO saga (key, subject, data, step) SELECT concat('checkout.', version),"
     " concat('o_v', version), '{}', 3 FROM generate_series(1, 3) AS version;"
     "EXECUTE order_cancel ('o_v$a', '{\"checkout.1\": 4, \"checkout.2\": 2}') -> $b;"
     "SELECT FROM saga WHERE cancel AND subject = 'o_v1' -> $b;"
     "SELECT FROM saga WHERE cancel -> $b || 1 1|2 0|3 0"},
};

/* The checkout of the second is parked while it gives back what was reserved. */
TEST_CASE(lines_of_paid_orders_have_no_order_that_is_parked_before_its_capture)
{
    static const char orders[] =
        "INSERT INTO orders (id, event, hold, member, lang, provider, currency, amount, seats,"
        "    status, idem_key, idem_body, expires_at)"
        "  SELECT 'o_l' || i, 'gala', 'l' || i, 'm', 'en', 'stripe', 'KRW', 100, '[\"s\"]',"
        "    CASE i WHEN 3 THEN 'completed' ELSE 'parked' END, 'l' || i, '', now()"
        "  FROM generate_series(1, 3) i;"
        "INSERT INTO saga (key, subject, data, step, parked) VALUES"
        "  ('checkout.1', 'o_l1', '{}', 5, true), ('checkout.1', 'o_l2', '{}', 3, true),"
        "  ('checkout.1', 'o_l3', '{}', 8, false)";
    static const char lines[] = "EXECUTE order_lines ('gala', '', '{\"checkout.1\": 4}', '9')";
    pg_fixture_run(pg, orders);
    PGresult *res = pg_fixture_query(pg, lines);
    assert_int_equal(2, PQntuples(res));
    assert_string_equal("o_l1", PQgetvalue(res, 0, 0));
    assert_string_equal("o_l3", PQgetvalue(res, 1, 0));
    PQclear(res);
}

static void set_up(void)
{
    pg = database_open();
    pg_fixture_run(pg, "TRUNCATE orders, saga, saga_step RESTART IDENTITY CASCADE");
}

static void tear_down(void)
{
    pg_close(pg);
}

UNIT_ONCE(database_apply, NULL)
UNIT_BETWEEN(set_up, tear_down)
SCRIPT_TESTS(rows, script_verbs)

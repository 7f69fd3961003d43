/* pg_test.c: one connection to a real server. */
#include "unit.h"

#include "base/clock.h"
#include "pg/pg.h"
#include "pg/pg_link.h"
#include "pg_fixture.h"

#include <unistd.h>

static struct pg *pg; /* of each test */
static struct err_slot err;
static PGresult *res;

static void open_by(const char *dsn, uint32_t connect_ms, uint32_t query_ms)
{
    struct pg_conf conf = {dsn, "test", "s", connect_ms, query_ms};
    unit_must(pg_open(&conf, &err, &pg), &err);
}

static void open_pg(void)
{
    pg = pg_fixture_open("s");
}

static void close_pg(void)
{
    PQclear(res);
    res = NULL;
    pg_close(pg);
    pg = NULL;
}

UNIT_BETWEEN(open_pg, close_pg)

TEST_CASE(each_kind_of_parameter_is_returned)
{
    uint8_t memory[2048];
    struct pg_args args;
    pg_args_init(&args, memory, sizeof(memory));
    pg_arg_i32(&args, -5);
    pg_arg_i64(&args, INT64_MIN);
    pg_arg_text(&args, SPAN("h\xc3\xa9"));
    pg_arg_bytea(&args, (struct span){"a\0b", 3});
    pg_arg_bool(&args, true);
    pg_array_open(&args, PG_ARRAY_I16, 2);
    pg_array_i16(&args, -1);
    pg_array_i16(&args, 300);
    pg_array_close(&args);
    pg_array_open(&args, PG_ARRAY_BYTEA, 2);
    pg_array_bytes(&args, SPAN("xy"));
    pg_array_null(&args);
    pg_array_close(&args);
    pg_array_open(&args, PG_ARRAY_TIME, 1);
    pg_array_time(&args, 1700000000123);
    pg_array_close(&args);
    pg_array_open(&args, PG_ARRAY_I64, 0);
    pg_array_close(&args);
    int rc = pg_query(pg,
                      "SELECT $1, $2, $3, $4, $5, $6[1] + $6[2], $7[1], $7[2] IS NULL, $8[1],"
                      " cardinality($9), ($8[1] AT TIME ZONE 'UTC')::text",
                      &args, &err, &res);
    unit_must(rc, &err);
    assert_int_equal(-5, pg_i32(res, 0, 0));
    assert_true(pg_i64(res, 0, 1) == INT64_MIN);
    assert_span(pg_text(res, 0, 2), "h\xc3\xa9");
    assert_true(span_eq((struct span){"a\0b", 3}, pg_text(res, 0, 3)));
    assert_true(pg_bool(res, 0, 4));
    assert_span(pg_text(res, 0, 6), "xy");
    assert_true(pg_bool(res, 0, 7));
    assert_true(pg_time_ms(pg_i64(res, 0, 8)) == 1700000000123);
    assert_true(pg_time_ms(INT64_MAX) == INT64_MAX / 1000); /* infinity */
    assert_true(pg_time_ms(INT64_MIN) == 0);
    assert_int_equal(0, pg_i32(res, 0, 9));
    assert_span(pg_text(res, 0, 10), "2023-11-14 22:13:20.123");
}

TEST_CASE(a_connection_has_its_name_and_its_schema)
{
    res = pg_fixture_query(
        pg, "SELECT current_setting('search_path'), current_setting('application_name')");
    assert_span(pg_text(res, 0, 0), "s");
    assert_span(pg_text(res, 0, 1), "test");
}

TEST_CASE(an_error_of_the_server_leaves_the_connection_usable)
{
    assert_int_equal(ERR_PEER, pg_query(pg, "SELECT 1/0", NULL, &err, &res));
    assert_string_equal("22012", pg_sqlstate(pg));
    assert_int_equal(7, pg_fixture_number(pg, "SELECT 7"));
}

TEST_CASE(parameters_that_do_not_fit_are_not_sent)
{
    uint8_t memory[8];
    struct pg_args args;
    pg_args_init(&args, memory, sizeof(memory));
    pg_arg_text(&args, SPAN("nine char"));
    assert_int_equal(ERR_FULL, pg_query(pg, "SELECT $1", &args, &err, &res));
    pg_fixture_run(pg, "SELECT 1");
}

TEST_CASE(a_query_has_a_deadline)
{
    close_pg();
    open_by(pg_fixture_dsn(), 5000, 100);
    uint64_t began_us = clock_mono_us(clock_system());
    assert_int_equal(ERR_TIMEOUT, pg_run(pg, "SELECT pg_sleep(30)", &err));
    assert_true(clock_mono_us(clock_system()) - began_us < 15000000);
}

TEST_CASE(an_ended_backend_is_a_lost_connection)
{
    assert_int_equal(ERR_CLOSED, pg_run(pg, "SELECT pg_terminate_backend(pg_backend_pid())", &err));
}

TEST_CASE(an_address_without_a_server_is_an_error)
{
    struct pg_conf conf = {"host=/nonexistent user=postgres", "test", "s", 500, 500};
    struct pg *none;
    assert_int_equal(ERR_CLOSED, pg_open(&conf, &err, &none));
    assert_says(&err, "connecting");
}

/* ---- the pipeline ---- */

TEST_CASE(a_silent_host_does_not_hold_up_the_next_host)
{
    char dsn[512];
    int silent;
    pg_fixture_behind_silence(dsn, sizeof(dsn), &silent);
    close_pg();
    open_by(dsn, 4000, 5000);
    pg_fixture_run(pg, "SELECT 1");
    close(silent);
}

static void sum_rows(void *ctx, unsigned nth, const PGresult *row)
{
    int *sum = ctx;
    assert_int_equal(*sum == 0 ? 0 : 1, nth);
    *sum += pg_i32(row, 0, 0);
}

TEST_CASE(a_pipeline_is_one_transaction)
{
    uint8_t memory[64];
    struct pg_args args;
    pg_fixture_run(pg, "CREATE TEMP TABLE t (v integer PRIMARY KEY)");
    unit_must(pg_prepare(pg, "ins", "INSERT INTO t VALUES ($1::integer) RETURNING v", &err), &err);
    for (int last = 3; last <= 4; last++) { /* 3 again: a unique key; then 4 */
        int sum = 0;
        unit_must(pg_pipeline_begin(pg, &err), &err);
        for (int v = 3; v <= 4; v++) {
            pg_args_init(&args, memory, sizeof(memory));
            pg_arg_i32(&args, v == 4 ? last : v);
            unit_must(pg_pipeline_add(pg, "ins", &args, &err), &err);
        }
        int rc = pg_pipeline_end(pg, sum_rows, &sum, &err);
        assert_int_equal(last == 3 ? ERR_PEER : 0, rc);
        if (last == 3)
            assert_string_equal("23505", pg_sqlstate(pg));
        else
            assert_int_equal(7, sum);
    }
    assert_int_equal(2, pg_fixture_number(pg, "SELECT count(*) FROM t"));
}

/* ---- COPY ---- */

struct copied {
    int rows, stop_at;
    int64_t sum;
};

static int on_row(void *ctx, struct span row)
{
    struct copied *copied = ctx;
    struct span number, text;
    assert_true(pg_field(&row, &number));
    assert_true(pg_field(&row, &text));
    assert_false(pg_field(&row, &text));
    assert_null(text.ptr);
    copied->sum += pg_field_int(number);
    copied->rows += 1;
    return copied->rows == copied->stop_at ? ERR_STATE : 0;
}

TEST_CASE(a_copy_gives_every_row_and_can_be_stopped)
{
    const char *query = "COPY (SELECT i::bigint, NULL::text FROM generate_series(1, 10000) i)"
                        " TO STDOUT (FORMAT binary)";
    struct copied all = {0};
    unit_must(pg_copy(pg, query, on_row, &all, &err), &err);
    assert_int_equal(10000, all.rows);
    assert_true(all.sum == 50005000);
    struct copied some = {.stop_at = 3};
    assert_int_equal(ERR_STATE, pg_copy(pg, query, on_row, &some, &err));
    assert_int_equal(3, some.rows);
    assert_int_equal(ERR_PEER, pg_copy(pg, "COPY (SELECT 1/0) TO STDOUT", on_row, &some, &err));
    pg_fixture_run(pg, "SELECT 1");
}

TEST_CASE(rows_that_are_not_read_end_the_connection)
{
    alarm(60); /* a loop would never end: libpq reports rows on each call */
    assert_int_equal(ERR_CLOSED, pg_run(pg, "COPY (SELECT 1) TO STDOUT", &err));
    alarm(0);
}

/* Without memory libpq invents a result, although the commit may have happened. */
TEST_CASE(an_error_of_libpq_is_not_an_answer_of_the_server)
{
    char sqlstate[PG_SQLSTATE_BYTES] = "";
    PGconn *conn = PQconnectdb(pg_fixture_dsn());
    const struct {
        PGresult *result;
        int rc;
    } rows[] = {
        {PQmakeEmptyPGresult(conn, PGRES_FATAL_ERROR), ERR_CLOSED}, /* libpq's own */
        {PQmakeEmptyPGresult(conn, PGRES_BAD_RESPONSE), ERR_CLOSED},
        {PQmakeEmptyPGresult(conn, PGRES_PIPELINE_ABORTED), ERR_PEER},
        {PQexec(conn, "SELECT 1/0"), ERR_PEER},
    };
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(rows[i].rc, pg_link_judge(conn, rows[i].result, sqlstate));
        PQclear(rows[i].result);
    }
    assert_string_equal("22012", sqlstate);
    PQfinish(conn);
}

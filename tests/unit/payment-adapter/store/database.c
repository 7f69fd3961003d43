/* database.c: see database.h. */
#include "store/database.h"

#include "store/schema.h"
#include "store/statements.h"
#include "unit.h"

void database_apply(const struct pg_fixture *server)
{
    struct err_slot err;
    if (schema_migrate(pg_fixture_dsn(server), NULL, &err) < 0)
        fail_msg("%s", err.text);
}

struct pg *database_open(const struct pg_fixture *server)
{
    const struct pg_conf conf = {
        .dsn = pg_fixture_dsn(server), .app = "test", .connect_ms = 60000, .query_ms = 60000};
    struct err_slot err;
    struct pg *pg = NULL;
    if (pg_open(&conf, &err, &pg) < 0)
        fail_msg("%s", err.text);
    return pg;
}

void database_run(struct pg *pg, const char *sql)
{
    struct err_slot err;
    if (pg_run(pg, sql, &err) < 0)
        fail_msg("%s: %s", sql, err.text);
}

PGresult *database_query(struct pg *pg, const char *sql)
{
    struct err_slot err;
    PGresult *res = NULL;
    if (pg_query(pg, sql, NULL, &err, &res) < 0)
        fail_msg("%s: %s", sql, err.text);
    return res;
}

int64_t database_number(struct pg *pg, const char *sql)
{
    PGresult *res = database_query(pg, sql);
    int64_t number = PQgetlength(res, 0, 0) == 4 ? pg_i32(res, 0, 0) : pg_i64(res, 0, 0);
    PQclear(res);
    return number;
}

void database_prepare(struct pg *pg, int statement)
{
    struct err_slot err;
    if (pg_prepare(pg, statements[statement].name, statements[statement].sql, &err) < 0)
        fail_msg("%s: %s", statements[statement].name, err.text);
}

/* statements_test.c: a real server describes each statement, and what it says has to be what the
 * structs of sql/statements say: types of arguments, names and types of columns. */
#include "pg_fixture.h"
#include "tables/migrate.h"
#include "tables/statements.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

enum { LIST_MAX = 2048 };

struct statement {
    const char *name, *sql;
    const char *takes, *gives; /* "bigint, text"; "id bigint, key text" */
};

#define STATEMENT(NAME, SQL, TAKES, GIVES) {NAME, SQL, TAKES, GIVES},
static const struct statement statements[] = {
#include "seat-service/sql/statements.test.inc"
};
#undef STATEMENT

static void add_type(PGconn *pq, Oid type, char *list)
{
    char sql[64];
    size_t len = strlen(list);
    snprintf(sql, sizeof(sql), "SELECT format_type(%u, NULL)", type);
    PGresult *res = PQexec(pq, sql);
    assert_int_equal(PGRES_TUPLES_OK, PQresultStatus(res));
    const char *name = PQgetvalue(res, 0, 0);
    size_t plain = strcspn(name, "["); /* "timestamp with time zone[]" */
    if (strncmp(name, "timestamp with time zone", plain) == 0)
        snprintf(list + len, LIST_MAX - len, "timestamptz%s", name + plain);
    else
        snprintf(list + len, LIST_MAX - len, "%s", name);
    PQclear(res);
}

static void describe(PGconn *pq, const char *name, char *takes, char *gives)
{
    PGresult *told = PQdescribePrepared(pq, name);
    assert_int_equal(PGRES_COMMAND_OK, PQresultStatus(told));
    takes[0] = gives[0] = '\0';
    for (int i = 0; i < PQnparams(told); i++) {
        strcat(takes, i > 0 ? ", " : "");
        add_type(pq, PQparamtype(told, i), takes);
    }
    for (int i = 0; i < PQnfields(told); i++) {
        size_t len = strlen(gives);
        snprintf(gives + len, LIST_MAX - len, "%s%s ", i > 0 ? ", " : "", PQfname(told, i));
        add_type(pq, PQftype(told, i), gives);
    }
    PQclear(told);
}

static void a_statement_takes_and_gives_what_its_structs_say(void **state)
{
    (void)state;
    struct pg_fixture *server = pg_fixture_start();
    struct err_slot err = {0};
    struct pg_conf conf = {pg_fixture_dsn(server), "test", MIGRATE_SCHEMA, 5000, 5000};
    struct pg *pg;
    assert_int_equal(0, pg_open(&conf, &err, &pg));
    assert_int_equal(0, migrate_run(pg, &err));
    PGconn *pq = PQconnectdb(pg_fixture_dsn(server));
    PQclear(PQexec(pq, "SET search_path = " MIGRATE_SCHEMA));
    for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++) {
        const struct statement *statement = &statements[i];
        char takes[LIST_MAX], gives[LIST_MAX];
        PGresult *prepared = PQprepare(pq, statement->name, statement->sql, 0, NULL);
        if (PQresultStatus(prepared) != PGRES_COMMAND_OK)
            fail_msg("%s: %s", statement->name, PQresultErrorMessage(prepared));
        PQclear(prepared);
        describe(pq, statement->name, takes, gives);
        if (strcmp(statement->takes, takes) != 0)
            fail_msg("%s takes\n  %s, and its struct says\n  %s", statement->name, takes,
                     statement->takes);
        if (strcmp(statement->gives, gives) != 0)
            fail_msg("%s gives\n  %s, and its struct says\n  %s", statement->name, gives,
                     statement->gives);
    }
    PQfinish(pq);
    pg_close(pg);
    pg_fixture_end(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_statement_takes_and_gives_what_its_structs_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

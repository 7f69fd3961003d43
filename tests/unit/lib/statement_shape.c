/* statement_shape.c: see statement_shape.h. */
#include "statement_shape.h"

#include "unit.h"

enum { LIST_MAX = 4096 };

/* Appends a type's name: "bigint", "timestamptz[]". */
static void add_type(PGconn *pq, Oid type, char *list)
{
    static const char timestamptz[] = "timestamp with time zone";
    char sql[64];
    size_t len = strlen(list);
    snprintf(sql, sizeof(sql), "SELECT format_type(%u, NULL)", type);
    PGresult *res = PQexec(pq, sql);
    assert_int_equal(PGRES_TUPLES_OK, PQresultStatus(res));
    const char *name = PQgetvalue(res, 0, 0);
    bool is_long = strncmp(name, timestamptz, strlen(timestamptz)) == 0;
    snprintf(list + len, LIST_MAX - len, "%s%s", is_long ? "timestamptz" : "",
             is_long ? name + strlen(timestamptz) : name);
    PQclear(res);
}

void statement_shape_assert(PGconn *pq, const char *name, const char *sql, const char *takes,
                            const char *gives)
{
    char args[LIST_MAX] = "", columns[LIST_MAX] = "";
    PGresult *prepared = PQprepare(pq, name, sql, 0, NULL);
    if (PQresultStatus(prepared) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", name, PQresultErrorMessage(prepared));
    PQclear(prepared);
    PGresult *described = PQdescribePrepared(pq, name);
    assert_int_equal(PGRES_COMMAND_OK, PQresultStatus(described));
    for (int i = 0; i < PQnparams(described); i++) {
        strcat(args, i > 0 ? ", " : "");
        add_type(pq, PQparamtype(described, i), args);
    }
    for (int i = 0; i < PQnfields(described); i++) {
        size_t len = strlen(columns);
        snprintf(columns + len, LIST_MAX - len, "%s%s ", i > 0 ? ", " : "", PQfname(described, i));
        add_type(pq, PQftype(described, i), columns);
    }
    PQclear(described);
    if (strcmp(takes, args) != 0)
        fail_msg("%s takes\n  %s, and its struct says\n  %s", name, args, takes);
    if (strcmp(gives, columns) != 0)
        fail_msg("%s gives\n  %s, and its struct says\n  %s", name, columns, gives);
}

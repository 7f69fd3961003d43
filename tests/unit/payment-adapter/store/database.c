/* database.c: see database.h. */
#include "store/database.h"

#include "store/schema.h"
#include "store/statements.h"
#include "unit.h"

void database_apply(void)
{
    struct err_slot err;
    unit_must(schema_migrate(pg_fixture_dsn(), NULL, &err), &err);
}

struct pg *database_open(void)
{
    struct err_slot err;
    struct pg *pg = pg_fixture_open(NULL);
    pg_fixture_run(pg, statements_setup);
    for (int i = 0; i < SQL_STATEMENTS; i++) {
        if (pg_prepare(pg, statements[i].name, statements[i].sql, &err) < 0)
            fail_msg("%s: %s", statements[i].name, err.text);
    }
    return pg;
}

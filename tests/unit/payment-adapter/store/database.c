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

void database_prepare(struct pg *pg, int statement)
{
    struct err_slot err;
    if (pg_prepare(pg, statements[statement].name, statements[statement].sql, &err) < 0)
        fail_msg("%s: %s", statements[statement].name, err.text);
}

/* migrate.c: the migrations of seat-service/sql/, compiled into the program, in order
 * (pg/pg_migrate.h). */
#include "tables/migrate.h"

#include "pg/pg_migrate.h"
#include "shell_limits.h"

/* infra/embed.js makes a C string of each file. */
static const struct pg_migrate_step steps[] = {
    {.name = "001_seats", .sql =
#include "seat-service/sql/001_seats.sql.inc"
    },
};

enum { STEPS = sizeof(steps) / sizeof(steps[0]) };

static struct pg_migrate the_steps(void (*on_wait)(const char *words))
{
    return (struct pg_migrate){MIGRATE_SCHEMA, 1, steps, STEPS, on_wait};
}

int migrate_run(struct pg *pg, struct err_slot *err)
{
    const struct pg_migrate migrate = the_steps(NULL);
    return pg_migrate_run(pg, &migrate, err);
}

int migrate_alone(const char *dsn, void (*on_wait)(const char *words), struct err_slot *err)
{
    const struct pg_conf conf = {
        .dsn = dsn,
        .app = "fairgate seat-service migrate",
        .schema = MIGRATE_SCHEMA,
        .connect_ms = JOURNAL_CONNECT_MS,
        .query_ms = MIGRATE_ALONE_MS,
    };
    const struct pg_migrate migrate = the_steps(on_wait);
    return pg_migrate_alone(&conf, &migrate, err);
}

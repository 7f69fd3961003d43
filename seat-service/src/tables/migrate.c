/* migrate.c: the files of seat-service/sql/, compiled into the program, in sequence
 * (pg/pg_migrate.h). A step that has run anywhere is never edited, because its checksum is in the
 * database; a change is another step. Processes that start at once wait for each other, and all but
 * one find nothing to do. */
#include "tables/migrate.h"

#include "pg/pg_migrate.h"
#include "rim_limits.h"

/* The build makes a C string of each file; see the Makefile. */
static const struct pg_migrate_step steps[] = {
    {
        "001_journal",
#include "seat-service/sql/001_journal.sql.inc"
    },
    {
        "002_holds",
#include "seat-service/sql/002_holds.sql.inc"
    },
    {
        "003_packs",
#include "seat-service/sql/003_packs.sql.inc"
    },
    {
        "004_annals",
#include "seat-service/sql/004_annals.sql.inc"
    },
    {
        "005_holds_room",
#include "seat-service/sql/005_holds_room.sql.inc"
    },
    {
        "006_counted_errors",
#include "seat-service/sql/006_counted_errors.sql.inc"
    },
    {
        "007_incarnation",
#include "seat-service/sql/007_incarnation.sql.inc"
    },
    {
        "008_acts",
#include "seat-service/sql/008_acts.sql.inc"
    },
    {
        "009_vacuum",
#include "seat-service/sql/009_vacuum.sql.inc"
    },
    {
        "010_registry",
#include "seat-service/sql/010_registry.sql.inc"
    },
    {
        "011_retired",
#include "seat-service/sql/011_retired.sql.inc"
    },
    {
        "012_asleep",
#include "seat-service/sql/012_asleep.sql.inc"
    },
    {
        "013_moves",
#include "seat-service/sql/013_moves.sql.inc"
    },
    {
        "014_act_who",
#include "seat-service/sql/014_act_who.sql.inc"
    },
    {
        "015_act_price",
#include "seat-service/sql/015_act_price.sql.inc"
    },
    {
        "016_retire_leaves",
#include "seat-service/sql/016_retire_leaves.sql.inc"
    },
    {
        "017_line",
#include "seat-service/sql/017_line.sql.inc"
    },
};

enum { STEPS = sizeof(steps) / sizeof(steps[0]) };

unsigned migrate_newest(void)
{
    return STEPS;
}

static int bring_up(struct pg *pg, void (*on_wait)(const char *words), struct err_slot *err)
{
    const struct pg_migrate migrate = {MIGRATE_SCHEMA, 1, steps, STEPS, on_wait};
    return pg_migrate_run(pg, &migrate, err);
}

int migrate_run(struct pg *pg, struct err_slot *err)
{
    return bring_up(pg, NULL, err);
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
    struct pg *pg;
    int rc = pg_open(&conf, err, &pg);
    if (rc < 0)
        return rc;
    rc = bring_up(pg, on_wait, err);
    pg_close(pg);
    return rc;
}

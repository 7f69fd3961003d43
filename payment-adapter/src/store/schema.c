/* schema.c: the files of payment-adapter/sql/, compiled into the program, in sequence
 * (pg/pg_migrate.h), and the wall of tickets: the unique index that keeps a seat from having two
 * valid tickets (I1). A database that already has such a pair cannot have the index yet, so each
 * start tries to create it until it stands. */
#include "store/schema.h"

#include "pg/pg_migrate.h"

enum {
    LOCK = 2,
    CONNECT_MS = 30000,
    STEP_MS = 3600000, /* an index over a large table takes its time */
};

/* The build makes a C string of each file; see the Makefile. */
static const struct pg_migrate_step steps[] = {
    {
        "001_pay",
#include "payment-adapter/sql/001_pay.sql.inc"
    },
    {
        "002_shop",
#include "payment-adapter/sql/002_shop.sql.inc"
    },
    {
        "003_places",
#include "payment-adapter/sql/003_places.sql.inc"
    },
    {
        "004_counted",
#include "payment-adapter/sql/004_counted.sql.inc"
    },
    {
        "005_limits",
#include "payment-adapter/sql/005_limits.sql.inc"
    },
    {
        "006_shutting",
#include "payment-adapter/sql/006_shutting.sql.inc"
    },
    {
        "007_doors",
#include "payment-adapter/sql/007_doors.sql.inc"
    },
    {
        "008_providers",
#include "payment-adapter/sql/008_providers.sql.inc"
    },
    {
        "009_pace",
#include "payment-adapter/sql/009_pace.sql.inc"
    },
    {
        "010_refund_terms",
#include "payment-adapter/sql/010_refund_terms.sql.inc"
    },
    {
        "011_purchase",
#include "payment-adapter/sql/011_purchase.sql.inc"
    },
    {
        "012_returns",
#include "payment-adapter/sql/012_returns.sql.inc"
    },
    {
        "013_ticket_wall",
#include "payment-adapter/sql/013_ticket_wall.sql.inc"
    },
    {
        "014_offers",
#include "payment-adapter/sql/014_offers.sql.inc"
    },
    {
        "015_moves",
#include "payment-adapter/sql/015_moves.sql.inc"
    },
    {
        "016_money_back",
#include "payment-adapter/sql/016_money_back.sql.inc"
    },
    {
        "017_money",
#include "payment-adapter/sql/017_money.sql.inc"
    },
    {
        "018_vacuum",
#include "payment-adapter/sql/018_vacuum.sql.inc"
    },
    {
        "019_suspects",
#include "payment-adapter/sql/019_suspects.sql.inc"
    },
    {
        "020_years",
#include "payment-adapter/sql/020_years.sql.inc"
    },
    {
        "021_doors",
#include "payment-adapter/sql/021_doors.sql.inc"
    },
    {
        "022_retired",
#include "payment-adapter/sql/022_retired.sql.inc"
    },
    {
        "023_sold_pages",
#include "payment-adapter/sql/023_sold_pages.sql.inc"
    },
    {
        "024_letters_traced",
#include "payment-adapter/sql/024_letters_traced.sql.inc"
    },
    {
        "025_who",
#include "payment-adapter/sql/025_who.sql.inc"
    },
};

enum { STEPS = sizeof(steps) / sizeof(steps[0]) };

static int bring_up(const char *conninfo, void (*on_wait)(const char *words), struct err_slot *err)
{
    const struct pg_conf conf = {conninfo, "payment-adapter", NULL, CONNECT_MS, STEP_MS};
    const struct pg_migrate migrate = {"pay", LOCK, steps, STEPS, on_wait};
    struct pg *pg;
    int rc = pg_open(&conf, err, &pg);
    if (rc < 0)
        return rc;
    rc = pg_migrate_run(pg, &migrate, err);
    pg_close(pg);
    return rc;
}

/* Whatever stands in its way is reported as a warning, which libpq writes to stderr, and does not
 * prevent the start. The lock is the migrations' own: two processes creating the same index at once
 * would fail. Nobody waits for it (pg/pg_migrate.c says why): whoever has it comes here next. */
static int raise_wall(const char *conninfo, struct err_slot *err)
{
    PGconn *pq = PQconnectdb(conninfo);
    int rc = 0;
    PGresult *res = PQexec(pq, "BEGIN; SET LOCAL client_min_messages = warning;"
                               "SELECT CASE WHEN pg_try_advisory_xact_lock(4606785, 2)"
                               " THEN pay.ticket_wall() END;"
                               "COMMIT");
    if (PQresultStatus(res) != PGRES_COMMAND_OK)
        rc = err_set(err, ERR_PEER, "the wall of tickets: %s", PQerrorMessage(pq));
    PQclear(res);
    PQfinish(pq);
    return rc;
}

int schema_migrate(const char *conninfo, void (*on_wait)(const char *words), struct err_slot *err)
{
    int rc = bring_up(conninfo, on_wait, err);
    return rc == 0 ? raise_wall(conninfo, err) : err_wrap(err, "database");
}

int schema_apply(const char *conninfo, struct err_slot *err)
{
    return schema_migrate(conninfo, NULL, err);
}

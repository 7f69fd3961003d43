/* schema.c: see schema.h. A file that was applied is never edited; what has to change becomes a
 * further file. DDL is part of a transaction in PostgreSQL: a file that fails leaves nothing. */
#include "store/schema.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

/* The build makes a C string of each file; see the Makefile. */
static const char *const files[] = {
#include "payment-adapter/sql/001_pay.sql.inc"
    ,
#include "payment-adapter/sql/002_shop.sql.inc"
    ,
#include "payment-adapter/sql/003_places.sql.inc"
    ,
#include "payment-adapter/sql/004_counted.sql.inc"
    ,
#include "payment-adapter/sql/005_limits.sql.inc"
    ,
#include "payment-adapter/sql/006_shutting.sql.inc"
    ,
#include "payment-adapter/sql/007_doors.sql.inc"
    ,
#include "payment-adapter/sql/008_providers.sql.inc"
    ,
#include "payment-adapter/sql/009_pace.sql.inc"
    ,
#include "payment-adapter/sql/010_refund_terms.sql.inc"
    ,
#include "payment-adapter/sql/011_purchase.sql.inc"
    ,
#include "payment-adapter/sql/012_returns.sql.inc"
    ,
#include "payment-adapter/sql/013_ticket_wall.sql.inc"
    ,
#include "payment-adapter/sql/014_offers.sql.inc"
    ,
#include "payment-adapter/sql/015_moves.sql.inc"
};

enum { FILES = sizeof(files) / sizeof(files[0]) };

static int run(PGconn *pq, const char *what, const char *sql, struct err_slot *err)
{
    PGresult *res = PQexec(pq, sql);
    ExecStatusType status = PQresultStatus(res);
    PQclear(res);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return 0;
    return err_set(err, ERR_PEER, "%s: %s", what, PQerrorMessage(pq));
}

static int applied(PGconn *pq, struct err_slot *err)
{
    PGresult *res = PQexec(pq, "SELECT coalesce(max(step), 0) FROM pay.migration");
    if (PQresultStatus(res) != PGRES_TUPLES_OK) {
        PQclear(res);
        return err_set(err, ERR_PEER, "reading the schema's version: %s", PQerrorMessage(pq));
    }
    int step = atoi(PQgetvalue(res, 0, 0));
    PQclear(res);
    return step;
}

static int apply_missing(PGconn *pq, struct err_slot *err)
{
    int step = applied(pq, err);
    if (step > (int)FILES)
        return err_set(err, ERR_STATE, "the schema is at step %d, this program knows %d", step,
                       (int)FILES);
    for (; step >= 0 && step < (int)FILES; step++) {
        char note[96], what[32];
        snprintf(what, sizeof(what), "schema step %d", step + 1);
        snprintf(note, sizeof(note), "INSERT INTO pay.migration (step) VALUES (%d)", step + 1);
        int rc = run(pq, what, files[step], err);
        if (rc == 0)
            rc = run(pq, what, note, err);
        if (rc < 0)
            return rc;
    }
    return step < 0 ? step : 0;
}

int schema_apply(const char *conninfo, struct err_slot *err)
{
    PGconn *pq = PQconnectdb(conninfo);
    int rc = 0;
    if (PQstatus(pq) != CONNECTION_OK) {
        rc = err_set(err, ERR_PEER, "database: %s", PQerrorMessage(pq));
        goto finish;
    }
    /* The number means nothing but "the payment adapter's schema"; the lock ends with the
     * transaction. CREATE SCHEMA needs a right even where there is nothing to create. */
    rc = run(pq, "schema",
             "BEGIN; SET LOCAL client_min_messages = warning;"
             "SELECT pg_advisory_xact_lock(4606785, 2);"
             "DO $$ BEGIN IF to_regnamespace('pay') IS NULL THEN CREATE SCHEMA pay; END IF; END $$;"
             "CREATE TABLE IF NOT EXISTS pay.migration ("
             "  step integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())",
             err);
    if (rc == 0)
        rc = apply_missing(pq, err);
    if (rc == 0) /* what stands in its way is told as a warning, and keeps nobody from starting */
        rc = run(pq, "the wall of tickets", "SELECT pay.ticket_wall()", err);
    if (rc == 0)
        rc = run(pq, "schema", "COMMIT", err);
finish:
    PQfinish(pq);
    return rc;
}

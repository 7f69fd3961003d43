/* migrate.c: the files of seat-service/sql/, in the program, in order.
 *
 * A step is applied once, whole, and remembered with the SHA-256 of its text. A step that was
 * applied is never edited; what has to change becomes a further step. All of it is one transaction,
 * as PostgreSQL lets DDL be part of one: a step that fails leaves nothing behind. */
#include "tables/migrate.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

struct step {
    const char *name;
    const char *sql;
};

/* The build makes a C string of each file; see the Makefile. */
static const struct step steps[] = {
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
};

enum { STEPS = sizeof(steps) / sizeof(steps[0]) };

/* The lock is the transaction's: it ends with it, whichever way. Its number means nothing but
 * "Fairgate's seats are being migrated". CREATE SCHEMA asks for a right even where there is nothing
 * to create, so it is not asked for then. */
static const char SQL_OPEN[] =
    "BEGIN;"
    "SELECT pg_advisory_xact_lock(4606785, 1);"
    "DO $$ BEGIN"
    "  IF to_regnamespace('seats') IS NULL THEN CREATE SCHEMA seats; END IF;"
    "END $$;"
    "CREATE TABLE IF NOT EXISTS seats.migration ("
    "  step integer PRIMARY KEY, name text NOT NULL, checksum bytea NOT NULL,"
    "  applied_at timestamptz NOT NULL DEFAULT now())";

static void checksum_of(const struct step *step, uint8_t out[crypto_hash_sha256_BYTES])
{
    struct span sql = span_of(step->sql);
    crypto_hash_sha256(out, (const uint8_t *)sql.ptr, sql.len);
}

/* What is there must be a beginning of what we know. *applied counts it. */
static int check_applied(struct pg *pg, struct err_slot *err, unsigned *applied)
{
    PGresult *res;
    int rc = pg_query(pg, "SELECT step, name, checksum FROM seats.migration ORDER BY step", NULL,
                      err, &res);
    if (rc < 0)
        return rc;
    int rows = PQntuples(res);
    if (rows > (int)STEPS)
        rc = err_set(err, ERR_STATE,
                     "the database is at step %d and newer than this program, which knows %d",
                     pg_i32(res, rows - 1, 0), (int)STEPS);
    for (int i = 0; rc == 0 && i < rows; i++) {
        uint8_t checksum[crypto_hash_sha256_BYTES];
        checksum_of(&steps[i], checksum);
        struct span there = pg_text(res, i, 2);
        if (pg_i32(res, i, 0) != i + 1 ||
            !span_eq(there, (struct span){(const char *)checksum, sizeof(checksum)}))
            rc = err_set(err, ERR_STATE, "step %d of the database is not this program's %s", i + 1,
                         steps[i].name);
    }
    PQclear(res);
    *applied = (unsigned)rows;
    return rc;
}

static int apply(struct pg *pg, unsigned nth, struct err_slot *err)
{
    int rc = pg_run(pg, steps[nth].sql, err);
    if (rc < 0)
        return err_wrap(err, "step %s", steps[nth].name);
    uint8_t memory[512], checksum[crypto_hash_sha256_BYTES];
    checksum_of(&steps[nth], checksum);
    struct pg_args args;
    pg_args_init(&args, memory, sizeof(memory));
    pg_arg_i32(&args, (int32_t)nth + 1);
    pg_arg_text(&args, span_of(steps[nth].name));
    pg_arg_bytea(&args, (struct span){(const char *)checksum, sizeof(checksum)});
    return pg_change(pg, "INSERT INTO seats.migration (step, name, checksum) VALUES ($1, $2, $3)",
                     &args, err, NULL);
}

unsigned migrate_newest(void)
{
    return STEPS;
}

int migrate_run(struct pg *pg, struct err_slot *err)
{
    unsigned applied = 0;
    int rc = pg_run(pg, SQL_OPEN, err);
    if (rc == 0)
        rc = check_applied(pg, err, &applied);
    for (unsigned nth = applied; rc == 0 && nth < STEPS; nth++)
        rc = apply(pg, nth, err);
    if (rc == 0)
        rc = pg_run(pg, "COMMIT", err);
    if (rc == 0)
        return 0;
    (void)pg_run(pg, "ROLLBACK", NULL);
    return err_wrap(err, "schema");
}

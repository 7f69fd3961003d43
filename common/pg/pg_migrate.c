/* pg_migrate.c: all steps run in one transaction, since PostgreSQL's DDL is transactional: a failed
 * step leaves nothing behind, nor do the steps before it.
 *
 * The lock belongs to the session. It is polled, so that a wait can be reported.
 *
 * A step may lock a table exclusively. While it waits for a transaction that has read the table, a
 * backup for example, all others who want the table wait behind it, and nothing is sold. So it
 * waits for a second, is rolled back, lets the others go first, and is tried again. */
#include "pg/pg_migrate.h"

#include "base/clock.h"
#include "system/system.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SQL_MAX = 2048,
    WORDS_MAX = 512,
    LOCK_AGAIN_US = 100000,
    TABLE_AGAIN_MIN_US =
        500000, /* pause between two attempts to lock a table; doubles up to the next */
    TABLE_AGAIN_MAX_US = 8000000,
    START_AGAIN_US = 400000,
};

/* The lock's first number is a constant for "Fairgate". */
static int try_lock(struct pg *pg, const struct pg_migrate *migrate, struct err_slot *err,
                    bool *got)
{
    char sql[128];
    snprintf(sql, sizeof(sql), "SELECT pg_try_advisory_lock(4606785, %d)::integer", migrate->lock);
    PGresult *res;
    int rc = pg_query(pg, sql, NULL, err, &res);
    if (rc < 0)
        return rc;
    *got = pg_i32(res, 0, 0) != 0;
    PQclear(res);
    return 0;
}

#define SESSION "'process ' || l.pid || coalesce(' (' || nullif(a.application_name, '') || ')', '')"

/* The query `who` returns one text, or nothing if no other process is in the way any longer. */
static bool show_wait(struct pg *pg, const struct pg_migrate *migrate, const char *what,
                      const char *who, const struct pg_args *args)
{
    char words[WORDS_MAX];
    PGresult *res;
    if (pg_query(pg, who, args, NULL, &res) < 0)
        return false; /* the next attempt finds out why */
    bool known = PQntuples(res) == 1 && !pg_null(res, 0, 0);
    if (known) {
        struct span found = pg_text(res, 0, 0);
        snprintf(words, sizeof(words), "schema %s: %s: %.*s. Retrying for up to %u s.",
                 migrate->schema, what, (int)found.len, found.ptr, pg_answer_ms(pg) / 1000);
        migrate->on_wait(words);
    }
    PQclear(res);
    return known;
}

static bool show_program(struct pg *pg, const struct pg_migrate *migrate)
{
    char sql[SQL_MAX];
    snprintf(sql, sizeof(sql),
             "SELECT " SESSION " FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)"
             " WHERE l.locktype = 'advisory' AND l.classid = 4606785 AND l.objid = %d AND l.granted"
             " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
             migrate->lock);
    return show_wait(pg, migrate, "another program is still applying its steps", sql, NULL);
}

/* The current step, for reports about waiting. */
struct progress {
    unsigned nth;   /* the step begun last; steps_len: none */
    char began[64]; /* start of the attempt, by the server's clock */
    bool shown_program, shown_tables;
};

/* Reports which transactions had locked the step's tables before the attempt began, or all that
 * hold one now if this role may not see the times. */
static bool show_tables(struct pg *pg, const struct pg_migrate *migrate,
                        const struct progress *progress)
{
    static const char sql[] =
        "SELECT string_agg(words, '; ') FROM ("
        " SELECT c.relname || ', by ' || " SESSION " AS words"
        " FROM pg_locks l JOIN pg_class c ON c.oid = l.relation"
        " LEFT JOIN pg_stat_activity a USING (pid)"
        " WHERE l.granted AND l.pid <> pg_backend_pid() AND c.relkind IN ('r', 'p')"
        " AND c.relnamespace = to_regnamespace($1) AND $2 ~ ('\\m' || c.relname || '\\M')"
        " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND coalesce(a.xact_start < $3::timestamptz, true)"
        " GROUP BY c.relname, l.pid, a.application_name, a.xact_start"
        " ORDER BY a.xact_start, l.pid, c.relname LIMIT 3) AS held";
    const struct pg_migrate_step *step = &migrate->steps[progress->nth];
    size_t size = strlen(step->sql) + SQL_MAX;
    uint8_t *memory = malloc(size);
    char what[WORDS_MAX / 2];
    struct pg_args args;
    if (memory == NULL)
        return false;
    pg_args_init(&args, memory, size);
    pg_arg_text(&args, span_of(migrate->schema));
    pg_arg_text(&args, span_of(step->sql));
    pg_arg_text(&args, span_of(progress->began));
    snprintf(what, sizeof(what), "step %s waits for a table that is in use", step->name);
    bool shown = show_wait(pg, migrate, what, sql, &args);
    free(memory);
    return shown;
}

static int note_time(struct pg *pg, struct progress *progress, struct err_slot *err)
{
    PGresult *res;
    int rc = pg_query(pg, "SELECT clock_timestamp()::text", NULL, err, &res);
    if (rc < 0)
        return rc;
    span_to_cstr_cut(pg_text(res, 0, 0), progress->began, sizeof(progress->began));
    PQclear(res);
    return 0;
}

static int lock(struct pg *pg, const struct pg_migrate *migrate, struct progress *progress,
                struct err_slot *err)
{
    uint64_t until_us = clock_mono_us(clock_system()) + (uint64_t)pg_answer_ms(pg) * 1000;
    for (;;) {
        bool got;
        int rc = try_lock(pg, migrate, err, &got);
        if (rc < 0 || got)
            return rc;
        if (clock_mono_us(clock_system()) >= until_us)
            return err_set(err, ERR_TIMEOUT, "another program is still at its steps");
        if (migrate->on_wait != NULL && !progress->shown_program)
            progress->shown_program = show_program(pg, migrate);
        system_sleep_us(LOCK_AGAIN_US);
    }
}

static struct span checksum_of(const struct pg_migrate_step *step,
                               uint8_t out[crypto_hash_sha256_BYTES])
{
    struct span sql = span_of(step->sql);
    crypto_hash_sha256(out, (const uint8_t *)sql.ptr, sql.len);
    return (struct span){(const char *)out, crypto_hash_sha256_BYTES};
}

static int remember(struct pg *pg, const struct pg_migrate *migrate, unsigned nth,
                    struct err_slot *err)
{
    char sql[256];
    snprintf(sql, sizeof(sql),
             "INSERT INTO %s.migration (step, name, checksum, oldest) VALUES ($1, $2, $3, $4)",
             migrate->schema);
    const struct pg_migrate_step *step = &migrate->steps[nth];
    assert(step->oldest <= nth + 1);
    uint8_t memory[512], checksum[crypto_hash_sha256_BYTES];
    struct pg_args args;
    pg_args_init(&args, memory, sizeof(memory));
    pg_arg_i32(&args, (int32_t)nth + 1);
    pg_arg_text(&args, span_of(step->name));
    pg_arg_bytea(&args, checksum_of(step, checksum));
    pg_arg_i32(&args, (int32_t)(step->oldest > 0 ? step->oldest : nth + 1));
    return pg_change(pg, sql, &args, err, NULL);
}

/* The applied steps must begin with those we know; unknown ones must allow a program with our
 * number of steps. *applied counts them. */
static int check_applied(struct pg *pg, const struct pg_migrate *migrate, struct err_slot *err,
                         unsigned *applied)
{
    char sql[128];
    snprintf(sql, sizeof(sql),
             "SELECT step, checksum, max(oldest) OVER () FROM %s.migration ORDER BY step",
             migrate->schema);
    PGresult *res;
    int rc = pg_query(pg, sql, NULL, err, &res);
    if (rc < 0)
        return rc;
    int rows = PQntuples(res), known = (int)migrate->steps_len;
    if (rows > known && pg_i32(res, 0, 2) > known)
        rc = err_set(err, ERR_STATE,
                     "the database is at step %d and newer than this program, which knows %d and"
                     " would have to know %d",
                     pg_i32(res, rows - 1, 0), known, pg_i32(res, 0, 2));
    for (int i = 0; rc == 0 && i < rows && i < known; i++) {
        uint8_t checksum[crypto_hash_sha256_BYTES];
        if (pg_i32(res, i, 0) != i + 1 ||
            !span_eq(pg_text(res, i, 1), checksum_of(&migrate->steps[i], checksum)))
            rc = err_set(err, ERR_STATE, "the schema has another %s: use the version that made it",
                         migrate->steps[i].name);
    }
    PQclear(res);
    *applied = (unsigned)rows;
    return rc;
}

static int apply_missing(struct pg *pg, const struct pg_migrate *migrate, struct progress *progress,
                         struct err_slot *err)
{
    unsigned applied = 0;
    /* CREATE SCHEMA needs a right even if the schema exists, so it is run only if it does not. */
    const char *sql = "BEGIN; SET LOCAL lock_timeout = '1s';"
                      "DO $$ BEGIN"
                      "  IF to_regnamespace('%1$s') IS NULL THEN CREATE SCHEMA %1$s; END IF;"
                      "END $$;"
                      "CREATE TABLE IF NOT EXISTS %1$s.migration ("
                      "  step integer PRIMARY KEY, name text NOT NULL, checksum bytea NOT NULL,"
                      "  oldest integer NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())";
    char text[SQL_MAX];
    int len = snprintf(text, sizeof(text), sql, migrate->schema);
    assert(len > 0 && len < SQL_MAX);
    int rc = pg_run(pg, text, err);
    if (rc == 0)
        rc = check_applied(pg, migrate, err, &applied);
    for (unsigned nth = applied; rc == 0 && nth < migrate->steps_len; nth++) {
        progress->nth = nth;
        rc = pg_run(pg, migrate->steps[nth].sql, err);
        rc = rc < 0 ? err_wrap(err, "step %s", migrate->steps[nth].name)
                    : remember(pg, migrate, nth, err);
    }
    if (rc == 0)
        rc = pg_run(pg, "COMMIT", err);
    if (rc < 0)
        (void)pg_run(pg, "ROLLBACK", NULL);
    return rc;
}

static int unlock(struct pg *pg, const struct pg_migrate *migrate, struct err_slot *err)
{
    char sql[128];
    snprintf(sql, sizeof(sql), "SELECT pg_advisory_unlock(4606785, %d)", migrate->lock);
    int rc = pg_run(pg, sql, err);
    return rc < 0 ? err_wrap(err, "giving the lock back") : 0;
}

/* Another transaction has held a table for too long. */
static bool is_in_use(const struct pg *pg, int rc)
{
    return rc == ERR_PEER && strcmp(pg_sqlstate(pg), "55P03") == 0;
}

/* A lock that cannot be released ends only with the connection, so that is an error even if all
 * steps are applied: no other process could start while the caller kept using the connection. */
static int attempt(struct pg *pg, const struct pg_migrate *migrate, struct progress *progress,
                   struct err_slot *err)
{
    progress->nth = migrate->steps_len;
    int rc = migrate->on_wait != NULL ? note_time(pg, progress, err) : 0;
    if (rc == 0)
        rc = lock(pg, migrate, progress, err);
    if (rc == 0) {
        rc = apply_missing(pg, migrate, progress, err);
        struct err_slot unsaid; /* report the reason of a failed step, not its consequences */
        int unlocked = unlock(pg, migrate, rc == 0 ? err : &unsaid);
        rc = unlocked < 0 ? unlocked : rc; /* a second lock must not be taken: no retry */
    }
    return rc;
}

int pg_migrate_run(struct pg *pg, const struct pg_migrate *migrate, struct err_slot *err)
{
    const uint64_t until_us =
        clock_mono_us(clock_system()) + (uint64_t)pg_answer_ms(pg) * UINT64_C(1000);
    uint64_t again_us = TABLE_AGAIN_MIN_US;
    struct progress progress = {0};
    struct err_slot unsaid;
    err = err != NULL ? err : &unsaid; /* err_wrap() needs a slot to return the code */
    int rc = attempt(pg, migrate, &progress, err);
    while (is_in_use(pg, rc) && clock_mono_us(clock_system()) + again_us < until_us) {
        if (migrate->on_wait != NULL && progress.nth < migrate->steps_len && !progress.shown_tables)
            progress.shown_tables = show_tables(pg, migrate, &progress);
        system_sleep_us(again_us);
        again_us = again_us * 2 < TABLE_AGAIN_MAX_US ? again_us * 2 : TABLE_AGAIN_MAX_US;
        rc = attempt(pg, migrate, &progress, err);
    }
    return rc == 0 ? 0 : err_wrap(err, "schema");
}

/* A ping counts a standby as up, which target_session_attrs refuses while there is no primary. */
static bool is_down(const char *const *keys, const char *const *values)
{
    PGPing ping = PQpingParams(keys, values, 1);
    if (ping != PQPING_OK)
        return ping == PQPING_REJECT || ping == PQPING_NO_RESPONSE;
    PGconn *conn = PQconnectdbParams(keys, values, 1);
    bool standby = PQstatus(conn) == CONNECTION_BAD &&
                   strstr(PQerrorMessage(conn), "session is read-only") != NULL;
    PQfinish(conn);
    return standby;
}

void pg_await(const char *dsn, uint64_t within_us,
              void (*on_down)(const void *ctx, const char *why), const void *ctx)
{
    const char *const keys[] = {"dbname", "connect_timeout", NULL};
    const char *const values[] = {dsn, "10", NULL};
    const uint64_t began_us = clock_mono_us(clock_system());
    while (is_down(keys, values) && clock_mono_us(clock_system()) - began_us < within_us) {
        if (on_down != NULL) { /* a ping says nothing more */
            PGconn *conn = PQconnectdbParams(keys, values, 1);
            on_down(ctx, PQerrorMessage(conn));
            PQfinish(conn);
            on_down = NULL;
        }
        system_sleep_us(START_AGAIN_US);
    }
}

static void show_down(const void *ctx, const char *why)
{
    const struct pg_migrate *migrate = ctx;
    (void)why; /* if it stays down, pg_open() says it */
    migrate->on_wait("No connection to PostgreSQL. Retrying for up to 30 s.");
}

int pg_migrate_alone(const struct pg_conf *conf, const struct pg_migrate *migrate,
                     struct err_slot *err)
{
    if (migrate->on_wait != NULL)
        pg_await(conf->dsn, PG_AWAIT_US, show_down, migrate);
    struct pg *pg;
    int rc = pg_open(conf, err, &pg);
    if (rc < 0)
        return rc;
    rc = pg_migrate_run(pg, migrate, err);
    pg_close(pg);
    return rc;
}

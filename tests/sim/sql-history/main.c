/* sql-real SEED STEPS DSN: runs a history (play.h) against an empty PostgreSQL. */
#include "play.h"

#include "journal/store.h"
#include "tables/migrate.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct pg *watcher, *stranger;

static void pause_ms(uint32_t ms)
{
    nanosleep(&(struct timespec){ms / 1000, (long)(ms % 1000) * 1000000}, NULL);
}

static int ask(const char *sql)
{
    struct err_slot err;
    PGresult *res;
    if (pg_query(watcher, sql, NULL, &err, &res) < 0) {
        fprintf(stderr, "%s: %s\n", sql, err.text);
        exit(1);
    }
    int found = PQntuples(res) > 0 ? pg_i32(res, 0, 0) : 0;
    PQclear(res);
    return found;
}

static void lock_rows(bool take)
{
    struct err_slot err;
    int rc = pg_run(stranger, take ? "BEGIN; SELECT FROM owner FOR UPDATE" : "ROLLBACK", &err);
    assert(rc == 0);
}

static int lock_holder(int32_t key)
{
    char sql[128];
    snprintf(sql, sizeof(sql),
             "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = %d AND granted",
             (int)key);
    return ask(sql);
}

static void await_end(int pid)
{
    char sql[128];
    snprintf(sql, sizeof(sql), "SELECT pid FROM pg_stat_activity WHERE pid = %d", pid);
    while (pid != 0 && ask(sql) != 0)
        pause_ms(1);
}

int main(int argc, char **argv)
{
    static const char *const ids[] = PLAY_EVENTS;
    struct play play;
    struct err_slot err;
    if (!play_read(argc, argv, &play) || *play.dsn == '\0') {
        fprintf(stderr, "sql-real SEED STEPS DSN\n");
        return 2;
    }
    struct pg_conf conf = {play.dsn, "watcher", MIGRATE_SCHEMA, 60000, 60000};
    int rc = pg_open(&conf, &err, &watcher);
    rc = rc < 0 ? rc : pg_open(&conf, &err, &stranger);
    rc = rc < 0 ? rc : migrate_run(watcher, &err);
    rc = rc < 0 ? rc
                : pg_run(watcher, "INSERT INTO retired VALUES ('gone', 0, '', '', 0, '{}')", &err);
    for (int32_t i = 0, no; rc == 0 && i < (int32_t)(sizeof(ids) / sizeof(ids[0])); i++) {
        rc = store_event_create(watcher, span_of(ids[i]), SPAN(""), SPAN(""), SPAN(""), &err, &no);
        assert(rc < 0 || no == i + 1);
    }
    if (rc < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    int32_t gone;
    rc = store_event_create(watcher, SPAN("gone"), SPAN(""), SPAN(""), SPAN(""), &err, &gone);
    assert(rc == ERR_EXISTS);
    play_run(&play, &(struct play_side){pause_ms, lock_rows, lock_holder, await_end});
    pg_close(stranger);
    pg_close(watcher);
    return 0;
}

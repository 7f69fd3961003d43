/* sql-double SEED STEPS: runs a history (sql-history/play.h) against the simulator's PostgreSQL. */
#include "postgres/server.h"
#include "postgres/sql.h"
#include "sql-history/play.h"

#include <stdio.h>
#include <stdlib.h>

static struct sim_proc proc = {.name = "history"};
static bool is_over;

static void pause_ms(uint32_t ms)
{
    sim_sleep(ms * (uint64_t)SIM_MS);
}

static void lock_rows(bool take)
{
    for (unsigned row = 0; row < SERVER_ROWS; row++)
        if (!take)
            server_unlock_row(row);
        else if (!server_lock_row(row))
            abort();
}

static int lock_holder(int32_t key)
{
    (void)key;
    return 0;
}

static void await_end(int pid)
{
    (void)pid;
    sim_sleep(SIM_MS);
}

static void run(void *ctx)
{
    play_run(ctx, &(struct play_side){pause_ms, lock_rows, lock_holder, await_end});
    is_over = true;
}

static bool over(void)
{
    return is_over;
}

int main(int argc, char **argv)
{
    static const char *const ids[] = PLAY_EVENTS;
    struct play play;
    if (!play_read(argc, argv, &play)) {
        fprintf(stderr, "sql-double SEED STEPS\n");
        return 2;
    }
    sim_begin(play.seed, false);
    for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
        sql_begin(ids[i], "", NULL);
    sim_proc_start(&proc);
    (void)sim_spawn(&proc, run, &play);
    (void)sim_run(UINT64_MAX, SIM_MS, over);
    fflush(stdout);
    _Exit(0); /* skips freeing what killed processes may have left */
}

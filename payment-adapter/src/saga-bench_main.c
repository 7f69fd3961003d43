/* saga-bench_main.c: how many sagas a second the engine runs when the steps cost nothing, which
 * leaves the engine, the barrier and PostgreSQL.
 *
 *     saga-bench CONNINFO [SAGAS [SLOTS [WORKERS]]]
 *
 * Each saga has 8 steps; each step's effect is stored by itself before the next one starts. The
 * caller provides the database. It is durable if its settings are (fsync, synchronous_commit);
 * these are printed, and so are the commits per saga that PostgreSQL counts. */
#include "saga/worker.h"
#include "store/schema.h"
#include "store/statements.h"
#include "system/system.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void instant(struct saga_call *call, void *ctx)
{
    (void)ctx;
    saga_call_finish(call, &(struct saga_outcome){.verdict = SAGA_DONE});
}

static const struct saga_step step = {.name = "step",
                                      .run = instant,
                                      .peer = SAGA_PEER_NONE,
                                      .timeout_ms = 1000,
                                      .deadline_ms = 10000,
                                      .retry_first_ms = 10,
                                      .retry_cap_ms = 100};
static const struct saga_step *const steps[] = {&step, &step, &step, &step,
                                                &step, &step, &step, &step};
static const struct saga_def def = {.key = "bench.1", .steps = steps, .steps_len = 8, .pivot = 4};
static const struct saga_def *const defs[] = {&def};

struct bench {
    uint64_t want, ended;
    struct worker *workers[8];
    struct pg_pool *pgs[8];
    char owners[8][20];
    uint32_t workers_len;
};

static void on_stored(void *ctx, const struct saga_row *row, const struct saga_move *move)
{
    struct bench *bench = ctx;
    (void)row;
    if (!saga_ended(move->state) || ++bench->ended < bench->want)
        return;
    for (uint32_t i = 0; i < bench->workers_len; i++) {
        uv_stop(uv_default_loop());
    }
}

static const char *ask(PGconn *pq, const char *sql)
{
    static char text[128];
    PGresult *res = PQexec(pq, sql);
    if (PQresultStatus(res) != PGRES_TUPLES_OK && PQresultStatus(res) != PGRES_COMMAND_OK) {
        fprintf(stderr, "%s: %s", sql, PQerrorMessage(pq));
        exit(1);
    }
    snprintf(text, sizeof(text), "%s", PQntuples(res) > 0 ? PQgetvalue(res, 0, 0) : "");
    PQclear(res);
    return text;
}

static uint64_t commits(PGconn *pq)
{
    ask(pq, "SELECT pg_stat_clear_snapshot()");
    ask(pq, "SELECT pg_stat_force_next_flush()");
    return strtoull(
        ask(pq, "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"),
        NULL, 10);
}

static void start_workers(struct bench *bench, const char *conninfo, uint32_t slots)
{
    for (uint32_t i = 0; i < bench->workers_len; i++) {
        struct err_slot err = {0};
        struct pg_pool_conf pg = {.loop = uv_default_loop(),
                                  .what = "bench",
                                  .conninfo = conninfo,
                                  .setup = statements_setup,
                                  .connections = 1,
                                  .depth = 8,
                                  .queue_max = 64,
                                  .deadline_ms = 10000,
                                  .statements = statements,
                                  .statements_len = SQL_STATEMENTS,
                                  .clock = clock_system(),
                                  .rng = rng_system()};
        if (pg_pool_create(&pg, &err, &bench->pgs[i]) < 0)
            exit(1);
        snprintf(bench->owners[i], sizeof(bench->owners[i]), "bench/%u", i);
        struct worker_conf worker = {.loop = uv_default_loop(),
                                     .pg = bench->pgs[i],
                                     .defs = defs,
                                     .defs_len = 1,
                                     .slots = slots,
                                     .calls_max = slots,
                                     .idle_ms = 50,
                                     .lease_ms = 45000,
                                     .owner = bench->owners[i],
                                     .clock = clock_system(),
                                     .rng = rng_system(),
                                     .on_stored = on_stored,
                                     .ctx = bench};
        if (worker_create(&worker, &err, &bench->workers[i]) < 0) {
            fprintf(stderr, "%s\n", err.text);
            exit(1);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc < 2 || sodium_init() < 0) {
        fprintf(stderr, "usage: saga-bench CONNINFO [SAGAS [SLOTS [WORKERS]]]\n");
        return 2;
    }
    struct bench bench = {.want = argc > 2 ? strtoull(argv[2], NULL, 10) : 20000};
    uint32_t slots = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 1024;
    bench.workers_len = argc > 4 ? (uint32_t)strtoul(argv[4], NULL, 10) : 1;
    if (bench.workers_len < 1 || bench.workers_len > 8)
        return 2;
    struct err_slot err = {0};
    if (schema_migrate(argv[1], NULL, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    PGconn *pq = PQconnectdb(argv[1]);
    char sql[256];
    snprintf(sql, sizeof(sql),
             "INSERT INTO pay.saga (key, subject, data) SELECT 'bench.1', 'b' || i,"
             " '{\"order\":\"b\"}' FROM generate_series(1, %" PRIu64 ") i",
             bench.want);
    ask(pq, sql);
    ask(pq, "ANALYZE pay.saga");
    printf("fsync=%s ", ask(pq, "SHOW fsync"));
    printf("synchronous_commit=%s ", ask(pq, "SHOW synchronous_commit"));
    printf("full_page_writes=%s\n", ask(pq, "SHOW full_page_writes"));
    uint64_t before = commits(pq);
    uint64_t start_us = clock_mono_us(clock_system());
    start_workers(&bench, argv[1], slots);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    double seconds = (double)(clock_mono_us(clock_system()) - start_us) / 1e6;
    for (uint32_t i = 0; i < bench.workers_len; i++) {
        worker_close(bench.workers[i]);
        pg_pool_close(bench.pgs[i]);
    }
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    /* Backends report their counts when they end, at the latest: wait until all are gone. */
    while (strcmp(ask(pq, "SELECT count(*) FROM pg_stat_activity"
                          " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                          " AND backend_type = 'client backend'"),
                  "0") != 0)
        system_sleep_us(10000);
    uint64_t after = commits(pq);
    printf("%" PRIu64
           " sagas of 8 steps in %.2f s: %.0f sagas/s, %.0f steps/s, %.4f commits a saga\n",
           bench.want, seconds, (double)bench.want / seconds, 8.0 * (double)bench.want / seconds,
           (double)(after - before) / (double)bench.want);
    printf("steps recorded: %s\n",
           ask(pq, "SELECT count(*) FROM pay.saga_step t JOIN pay.saga s ON s.id = t.saga"
                   " WHERE s.key = 'bench.1' AND t.attempt = 0"));
    PQfinish(pq);
    return 0;
}

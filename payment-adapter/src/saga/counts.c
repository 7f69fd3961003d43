/* counts.c: see counts.h.
 *
 * What became of the orders is not counted as it happens, which would be one more write for each of
 * them: each ten seconds one statement reckons it from the sagas that ended since the last time and
 * a little before (SQL_COUNT_SAGAS). So the sums are those of the sagas' rows, whatever was killed
 * when, and any number of processes may count. What only a process knows, how often it answered a
 * visitor with 5xx and how often the shop kept silent, each loop adds for itself; of a process that
 * dies the last ten seconds of these are missing.
 *
 * Threading: each loop has its own; the sagas are counted by loop 0. */
#include "saga/counts.h"

#include "api/guard.h"
#include "base/rfc3339.h"
#include "letters/outbox.h"
#include "observe/log.h"
#include "pay_limits.h"
#include "store/statements.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { COUNT_TICKS = 100, COUNTS_BODY_MAX = 256 * 1024 };

/* What a process knows by itself: counters that only rise. */
struct ours {
    uint64_t errors, unanswered;
};

struct counts {
    struct pay *pay;
    struct ours told, telling;
    uint32_t ticks;
    bool is_telling, failing;
};

/* ---- counting ---- */

static void note_failure(struct counts *counts, const struct pg_answer *answer)
{
    bool failing = answer->rc < 0;
    if (failing && !counts->failing) { /* once, not with every attempt */
        struct err_slot err;
        err_set(&err, answer->rc, "%s %s", answer->sqlstate, answer->text);
        log_failure(counts->pay->loop->log, "orders and errors are not counted", &err);
    }
    counts->failing = failing;
}

static void on_sagas(void *ctx, const struct pg_answer *answer)
{
    note_failure(ctx, answer);
}

static void count_sagas(struct counts *counts)
{
    char rows_max[16];
    snprintf(rows_max, sizeof(rows_max), "%d", COUNTED_ROWS_MAX);
    const char *const params[] = {rows_max};
    struct pg_job *job = pg_job_create(counts->pay->pg, on_sagas, counts);
    if (job == NULL)
        return; /* the next time counts these as well */
    pg_job_add(job, SQL_COUNT_SAGAS, 0, NULL);
    pg_job_add(job, SQL_COUNT_THIN, 1, params);
    pg_job_send(job);
}

static struct ours ours_now(const struct pay *pay)
{
    const struct http_stats *http = http_server_stats(pay->loop->server);
    const struct outbox_stats *shop = outbox_stats(pay->outbox);
    return (struct ours){
        .errors = atomic_load_explicit(&http->status[5], memory_order_relaxed),
        .unanswered = atomic_load_explicit(&shop->unanswered, memory_order_relaxed),
    };
}

static void on_ours(void *ctx, const struct pg_answer *answer)
{
    struct counts *counts = ctx;
    note_failure(counts, answer);
    counts->is_telling = false;
    if (answer->rc == 0 || answer->rc == ERR_UNKNOWN) /* rather too few than twice */
        counts->told = counts->telling;
}

static void count_ours(struct counts *counts)
{
    struct ours now = ours_now(counts->pay);
    uint64_t errors = now.errors - counts->told.errors;
    uint64_t unanswered = now.unanswered - counts->told.unanswered;
    if (counts->is_telling || errors + unanswered == 0)
        return;
    char errors_text[24], unanswered_text[24];
    snprintf(errors_text, sizeof(errors_text), "%" PRIu64, errors);
    snprintf(unanswered_text, sizeof(unanswered_text), "%" PRIu64, unanswered);
    const char *const params[] = {errors_text, unanswered_text};
    counts->telling = now;
    counts->is_telling = true;
    pg_pool_query(counts->pay->pg, SQL_COUNT_OURS, 2, params, on_ours, counts);
}

void counts_tick(struct counts *counts)
{
    if (counts->ticks++ % COUNT_TICKS != 0)
        return;
    count_ours(counts);
    if (counts->pay->loop->index == 0)
        count_sagas(counts);
}

/* ---- telling ---- */

/* The columns of SQL_COUNTED. */
static const char *const columns[] = {"at",     "completed",  "refunded", "cancelled", "expired",
                                      "failed", "unanswered", "errors",   "open",      "parked"};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]), OPEN = COLUMNS - 2 };

struct visit {
    struct http_req *req;
    struct pay *pay;
    char event[ORDER_EVENT_MAX];
};

static void put_number(struct text *body, const PGresult *res, int row, int column)
{
    if (PQgetisnull(res, row, column))
        json_nil(body);
    else
        json_u64(body, pg_u64(res, row, column));
}

static void put_points(struct text *body, const PGresult *res)
{
    int len = PQntuples(res);
    int stride = len / COUNTS_POINTS_MAX + 1;
    for (int row = 0; row < len; row++) {
        if ((len - 1 - row) % stride != 0)
            continue;
        json_open(body, '[');
        for (int column = 0; column < COLUMNS; column++)
            put_number(body, res, row, column);
        json_close(body, ']');
    }
}

/* As of the last row; how many are under way is not in rows that tell errors only. */
static void put_now(struct text *body, const PGresult *res)
{
    int last = PQntuples(res) - 1;
    for (int column = 1; column < COLUMNS; column++) {
        int row = last;
        while (column >= OPEN && row > 0 && PQgetisnull(res, row, column))
            row--;
        bool known = row >= 0 && !PQgetisnull(res, row, column);
        json_member_u64(body, columns[column], known ? pg_u64(res, row, column) : 0);
    }
}

static void put_counts(struct text *body, const struct visit *visit, const PGresult *res)
{
    char memory[RFC3339_LEN];
    struct text time = text_on(memory, sizeof(memory));
    json_open(body, '{');
    json_member_cstr(body, "event", visit->event);
    json_key(body, "columns");
    json_open(body, '[');
    for (int column = 0; column < COLUMNS; column++)
        json_str(body, span_of(columns[column]));
    json_close(body, ']');
    json_key(body, "points");
    json_open(body, '[');
    put_points(body, res);
    json_close(body, ']');
    json_key(body, "now");
    json_open(body, '{');
    put_now(body, res);
    json_close(body, '}');
    rfc3339_put(&time, clock_wall_us(visit->pay->loop->clock) / 1000);
    json_member_str(body, "server_time", text_span(&time));
    json_close(body, '}');
}

static void on_counted(void *ctx, const struct pg_answer *answer)
{
    struct visit *visit = ctx;
    char *memory = answer->rc == 0 ? malloc(COUNTS_BODY_MAX) : NULL;
    if (memory == NULL) {
        guard_unavailable(visit->req, answer->rc);
        free(visit);
        return;
    }
    struct text body = text_on(memory, COUNTS_BODY_MAX);
    put_counts(&body, visit, answer->results[0]);
    assert(!body.overflown); /* COUNTS_POINTS_MAX rows of at most ten numbers of 20 digits */
    http_reply(
        visit->req,
        &(struct http_reply){.status = 200, .type = "application/json", .body = text_span(&body)});
    free(memory);
    free(visit);
}

static void on_get_counts(struct http_req *req, void *ctx)
{
    (void)ctx;
    struct visit *visit = calloc(1, sizeof(*visit));
    if (visit == NULL) {
        guard_unavailable(req, ERR_NOMEM);
        return;
    }
    if (!guard_id(req, 0, visit->event, sizeof(visit->event))) {
        free(visit);
        return;
    }
    visit->req = req;
    visit->pay = pay_of(req);
    const char *const params[] = {visit->event};
    pg_pool_query(visit->pay->pg, SQL_COUNTED, 1, params, on_counted, visit);
}

int counts_routes(struct http_router *private_routes, struct err_slot *err)
{
    const struct http_route all[] = {
        {HTTP_METHOD_GET, "/admin/events/{event}/counts", on_get_counts, NULL, 0},
    };
    return http_router_add_all(private_routes, all, sizeof(all) / sizeof(all[0]), err);
}

/* ---- a life ---- */

int counts_create(struct pay *pay, struct err_slot *err, struct counts **out)
{
    struct counts *counts = calloc(1, sizeof(*counts));
    if (counts == NULL)
        return err_set(err, ERR_NOMEM, "counts over time");
    counts->pay = pay;
    *out = counts;
    return 0;
}

void counts_destroy(struct counts *counts)
{
    free(counts);
}

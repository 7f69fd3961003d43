/* marks-bench_main.c: how long the fronts take to send Redis the signs of life of everybody who
 * waits.
 *
 *   marks-bench SOCKET EVENT PLACES LOOPS
 *
 * Creates LOOPS stores, each like a front loop's, on one loop. All of them hear all PLACES at once,
 * which is worse than behind an edge: that spreads the polls, so each front hears only some. Redis
 * must have issued the places. Prints {"seconds"} once every mark of every store has arrived. */
#include "base/clock.h"
#include "base/rng.h"
#include "base/text.h"
#include "core/line/seen.h"
#include "line/line_store.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

enum {
    LOOPS_MAX = 64,
    TICK_MS = 100,
    GONE_AFTER_MS = 90000,
    LOOK_MS = 10,
    PATIENCE_MS = 180000,
};

struct bench {
    uv_loop_t loop;
    uv_timer_t timer;
    struct span event;
    uint64_t places;
    unsigned loops;
    struct line_store *store[LOOPS_MAX];
    uint64_t begun_us, marked_us; /* 0: not yet */
    uint64_t seconds_milli;
};

static void on_view(void *ctx, const struct line_view *view)
{
    (void)ctx;
    (void)view;
}

static void on_event(void *ctx, const char *id, bool here)
{
    (void)ctx;
    (void)id;
    (void)here;
}

static void describe(void *ctx, const struct line_view *view, struct text *card)
{
    (void)ctx;
    (void)view;
    TEXT_LIT(card, "{}");
}

static struct seen *seen_of(const struct bench *bench, unsigned which)
{
    const struct line_view *view = line_store_view(bench->store[which], bench->event);
    return view != NULL && !view->stale && view->issued >= bench->places ? view->seen : NULL;
}

/* Room for all, and nothing left to send. */
static bool is_calm(const struct bench *bench)
{
    for (unsigned i = 0; i < bench->loops; i++) {
        const struct seen *seen = seen_of(bench, i);
        if (seen == NULL || (uint64_t)seen->pages * SEEN_PAGE_PLACES <= bench->places ||
            !seen_all_sent(seen) || seen->sent_len > 0)
            return false;
    }
    return true;
}

static void on_timer(uv_timer_t *timer)
{
    struct bench *bench = timer->data;
    uint64_t now_us = clock_mono_us(clock_system());
    bool late = now_us - bench->begun_us > PATIENCE_MS * UINT64_C(1000);
    if (!is_calm(bench) && !late)
        return;
    if (bench->marked_us == 0 && !late) {
        for (unsigned i = 0; i < bench->loops; i++) {
            struct seen *seen = seen_of(bench, i);
            for (uint64_t place = 1; place <= bench->places; place++)
                seen_mark(seen, place);
            assert(!seen_all_sent(seen));
        }
        bench->marked_us = clock_mono_us(clock_system());
        return;
    }
    if (!late)
        bench->seconds_milli = (now_us - bench->marked_us) / 1000;
    uv_close((uv_handle_t *)timer, NULL);
    for (unsigned i = 0; i < bench->loops; i++)
        line_store_close(bench->store[i]);
}

static int open_stores(struct bench *bench, const char *socket, struct err_slot *err)
{
    struct line_store_conf conf = {
        .loop = &bench->loop,
        .redis_path = socket,
        .tick_period_ms = TICK_MS,
        .gone_after_ms = GONE_AFTER_MS,
        .clock = clock_system(),
        .rng = rng_system(),
        .on_view = on_view,
        .on_event = on_event,
        .describe = describe,
    };
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < bench->loops; i++)
        rc = line_store_create(&conf, err, &bench->store[i]);
    return rc;
}

int main(int argc, char **argv)
{
    static struct bench bench;
    struct err_slot err = {0};
    uint64_t loops;
    if (argc != 5 || !span_u64(span_of(argv[3]), LINE_PLACE_MAX, &bench.places) ||
        !span_u64(span_of(argv[4]), LOOPS_MAX, &loops) || bench.places == 0 || loops == 0) {
        fprintf(stderr, "usage: marks-bench SOCKET EVENT PLACES LOOPS (at most %d)\n", LOOPS_MAX);
        return 2;
    }
    bench.event = span_of(argv[2]);
    bench.loops = (unsigned)loops;
    bench.begun_us = clock_mono_us(clock_system());
    uv_loop_init(&bench.loop);
    if (open_stores(&bench, argv[1], &err) < 0) {
        fprintf(stderr, "marks-bench: %s\n", err.text);
        return 1;
    }
    uv_timer_init(&bench.loop, &bench.timer);
    bench.timer.data = &bench;
    uv_timer_start(&bench.timer, on_timer, LOOK_MS, LOOK_MS);
    uv_run(&bench.loop, UV_RUN_DEFAULT);
    if (bench.seconds_milli == 0) {
        fprintf(stderr, "marks-bench: not all marks were sent in %d s\n", PATIENCE_MS / 1000);
        return 1;
    }
    printf("{\"seconds\":%" PRIu64 ".%03" PRIu64 "}\n", bench.seconds_milli / 1000,
           bench.seconds_milli % 1000);
    return 0;
}

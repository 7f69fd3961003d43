/* keeper.c: see keeper.h.
 *
 * The replica gets the scripts' writes, each with the primary's time of the write, so executing
 * them gives the same state. A failover keeps the writes that had arrived: it cuts between two
 * scripts, since Redis sends a script's writes as one. A restart is the same with the tail that the
 * append-only file lacked. Both change the run id, forget scripts and close all connections. The
 * old primary is gone for good: this world has no split brain. */
#include "queue/front/keeper.h"

#include "queue/front/lines.h"
#include "redis-model/command.h"
#include "redis-model/script.h"
#include "stage/faults.h"
#include "stage/probes.h"
#include "stage/sim.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LAG_MAX_MS = 1500, FORGETS_MS = 40, KEPT_MS = 4000, STEP_MAX_S = 600 };

/* One write on its way to the replica. */
struct written {
    uint64_t at_us, clock_us, script;
    struct span *words;
    size_t len;
};

static struct {
    struct keeper_ears ears;
    struct keyspace *primary, *replica;
    struct scripts *scripts;
    struct written *tail; /* writes that the replica has not executed */
    size_t tail_len, tail_cap;
    uint64_t script; /* number of the running script */
    uint32_t run;
    bool down, has_given; /* has_given: the last script gave a place */
    uint64_t busy_until_us, full_until_us;
    int64_t ahead_us; /* how far its clock is ahead of the world's */
} keeper;

/* ---- time ---- */

static uint64_t redis_now_us(void)
{
    return sim_wall_us(NULL) + (uint64_t)keeper.ahead_us;
}

uint32_t keeper_run(void)
{
    return keeper.down ? 0 : keeper.run;
}

uint64_t keeper_busy_us(void)
{
    return keeper.busy_until_us > sim_us() ? keeper.busy_until_us - sim_us() : 0;
}

/* ---- the replica ---- */

static void forget_first(size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < keeper.tail[i].len; k++)
            free((void *)(uintptr_t)keeper.tail[i].words[k].ptr);
        free(keeper.tail[i].words);
    }
    keeper.tail_len -= n;
    if (keeper.tail_len > 0)
        memmove(keeper.tail, keeper.tail + n, keeper.tail_len * sizeof(*keeper.tail));
}

/* Replicates the writes until then, in whole scripts. */
static void replicate(uint64_t until_us)
{
    struct bytes out = {0};
    size_t n = 0;
    while (n < keeper.tail_len && keeper.tail[n].at_us <= until_us) {
        const struct written *one = &keeper.tail[n++];
        out.len = 0;
        command_do(keeper.replica, one->clock_us, one->words, one->len, &out);
    }
    bytes_free(&out);
    if (n > 0)
        forget_first(n);
}

static void on_write(void *ctx, const struct span *words, size_t len)
{
    (void)ctx;
    if (keeper.tail_len == keeper.tail_cap) {
        keeper.tail_cap = keeper.tail_cap > 0 ? 2 * keeper.tail_cap : 1024;
        keeper.tail = realloc(keeper.tail, keeper.tail_cap * sizeof(*keeper.tail));
        assert(keeper.tail != NULL);
    }
    struct span *copy = sim_copy(words, len * sizeof(*words));
    for (size_t i = 0; i < len; i++)
        copy[i].ptr = sim_copy(words[i].ptr, words[i].len);
    keeper.tail[keeper.tail_len++] =
        (struct written){sim_us(), redis_now_us(), keeper.script, copy, len};
    struct line_ref line;
    struct span name;
    if (span_eq(words[0], SPAN("SET")) && lines_read_key(words[1], &line, &name))
        keeper.has_given |= span_eq(name, SPAN("seq"));
    keeper.ears.on_write(words, len);
}

/* ---- calls ---- */

static void answer_info(struct bytes *out)
{
    char text[96];
    snprintf(text, sizeof(text), "# Server\r\nredis_version:7.0.15\r\nrun_id:%040" PRIx32 "\r\n",
             keeper.run);
    reply_bulk(out, span_of(text));
}

static void forget(void *ctx);

static void run_script(const struct span *words, size_t len, struct bytes *out)
{
    const struct script_host host = {.keyspace = keeper.primary,
                                     .now_us = redis_now_us(),
                                     .full = keeper.full_until_us > sim_us(),
                                     .on_write = on_write};
    keeper.script += 1;
    keeper.has_given = false;
    scripts_eval(keeper.scripts, &host, words, len, out);
    if (keeper.has_given && fault_now(FAULT_REDIS_FORGETS))
        sim_after(NULL, sim_between(SIM_MS, FORGETS_MS * SIM_MS), forget, NULL);
    if (out->len > 4 && memcmp(out->ptr, "-OOM", 4) == 0)
        probe_reached(PROBE_LINE_FULL_MEMORY);
    if (keeper.tail_len > 0 && keeper.tail[0].at_us + KEPT_MS * SIM_MS < sim_us())
        replicate(sim_us() - KEPT_MS * SIM_MS);
}

/* The write adds a new event to the set of events. */
static void put_in_set(const struct span *words, size_t len, struct bytes *out)
{
    if (keeper.full_until_us > sim_us()) {
        reply_error(out, "OOM command not allowed when used memory > 'maxmemory'.");
        return;
    }
    keeper.script += 1;
    command_do(keeper.primary, redis_now_us(), words, len, out);
    on_write(NULL, words, len);
}

void keeper_do(const struct span *words, size_t len, struct bytes *out)
{
    char sha[SCRIPT_SHA_LEN + 1];
    assert(keeper_run() != 0 && len > 0);
    if (span_eq(words[0], SPAN("AUTH")))
        reply_status(out, "OK");
    else if (span_eq_nocase(words[0], SPAN("INFO")))
        answer_info(out);
    else if (span_eq_nocase(words[0], SPAN("SCRIPT")) && len == 3) {
        if (scripts_load(keeper.scripts, words[2], sha, out))
            reply_bulk(out, span_of(sha));
    } else if (span_starts(words[0], SPAN("EVAL")))
        run_script(words, len, out);
    else if (span_eq_nocase(words[0], SPAN("SADD")))
        put_in_set(words, len, out);
    else
        reply_error(out, "ERR only this is done here");
}

/* ---- faults ---- */

static void step_clock(int64_t us)
{
    sim_note("the clock of Redis is stepped by %" PRId64 " ms", us / SIM_MS);
    keeper.ahead_us += us;
    keeper.ears.on_step(us);
}

void keeper_set_clock(void)
{
    int64_t most = sim_below(SIM_FAULTS, 2) == 0 ? 4 : STEP_MAX_S;
    if (keeper.ahead_us != 0 && sim_below(SIM_FAULTS, 2) == 0)
        step_clock(-keeper.ahead_us);
    else
        step_clock((int64_t)sim_below(SIM_FAULTS, 2 * (uint64_t)most * SIM_S) - most * SIM_S);
}

static void come_back(void *ctx)
{
    (void)ctx;
    keeper.down = false;
    sim_note("Redis is back");
}

/* Redis is down for a while and returns with the replica's data. */
static void begin_again(const char *how)
{
    sim_note("Redis %s: %zu writes are lost", how, keeper.tail_len);
    if (keeper.tail_len > 0)
        probe_reached(PROBE_LINE_LOST);
    forget_first(keeper.tail_len);
    keyspace_free(keeper.primary);
    keeper.primary = keeper.replica;
    keeper.replica = keyspace_copy(keeper.primary);
    scripts_flush(keeper.scripts);
    keeper.run += 1;
    keeper.down = true;
    keeper.full_until_us = keeper.busy_until_us = 0;
    sim_after(NULL, sim_between(50 * SIM_MS, 3 * (uint64_t)SIM_S), come_back, NULL);
    keeper.ears.on_loss();
}

static void fail_over(void)
{
    uint64_t lag_us =
        sim_below(SIM_FAULTS, 3) == 0 ? 0 : sim_below(SIM_FAULTS, LAG_MAX_MS) * SIM_MS;
    replicate(sim_us() > lag_us ? sim_us() - lag_us : 0);
    begin_again("fails over");
    if (fault_now(FAULT_CLOCKS))
        step_clock((int64_t)sim_below(SIM_FAULTS, 6 * (uint64_t)SIM_S) - 3 * SIM_S);
}

/* Fronts tick every 100 ms, so only the front that gave the place knows it. */
static void forget(void *ctx)
{
    (void)ctx;
    if (keeper.down)
        return;
    replicate(sim_us() - sim_between(FORGETS_MS * SIM_MS, LAG_MAX_MS * SIM_MS));
    begin_again("fails over and forgets a place");
}

static void wipe(void)
{
    keyspace_free(keeper.replica);
    keeper.replica = keyspace_make();
    begin_again("is wiped");
}

void keeper_fault(uint32_t ms)
{
    if (keeper.down)
        return;
    if (fault_within(FAULT_REDIS_FAILOVER, ms)) {
        fail_over();
    } else if (fault_within(FAULT_REDIS_RESTART, ms)) {
        replicate(sim_us() - sim_below(SIM_FAULTS, SIM_S));
        begin_again("restarts");
    } else if (fault_within(FAULT_REDIS_WIPE, ms)) {
        wipe();
    }
    if (fault_within(FAULT_REDIS_FULL, ms))
        keeper.full_until_us = sim_us() + sim_below(SIM_FAULTS, 8 * (uint64_t)SIM_S);
    if (fault_within(FAULT_REDIS_SLOW, ms))
        keeper.busy_until_us = sim_us() + sim_below(SIM_FAULTS, 3 * (uint64_t)SIM_S);
    if (fault_within(FAULT_REDIS_CLOCK, ms))
        keeper_set_clock();
}

void keeper_begin(const struct keeper_ears *ears)
{
    keeper.ears = *ears;
    keeper.primary = keyspace_make();
    keeper.replica = keyspace_make();
    keeper.scripts = scripts_make();
    keeper.run = 1;
}

/* ---- for the checkers ---- */

struct span keeper_text(const char *key)
{
    const struct entry *entry = keyspace_find(keeper.primary, span_of(key));
    return entry != NULL ? bytes_span(&entry->value.text) : (struct span){NULL, 0};
}

struct span keeper_field(const char *key, const char *field)
{
    struct entry *entry = keyspace_find(keeper.primary, span_of(key));
    const struct item *item = entry != NULL ? value_item(&entry->value, span_of(field)) : NULL;
    return item != NULL ? bytes_span(&item->value) : (struct span){NULL, 0};
}

uint64_t keeper_event_ms(unsigned event)
{
    struct span offset =
        keeper_field(lines_key((struct line_ref){event, 0}, "cfg"), "clock_off_us");
    char text[32] = "0";
    (void)span_to_cstr(offset, text, sizeof(text));
    return (uint64_t)((int64_t)redis_now_us() + strtoll(text, NULL, 10)) / SIM_MS;
}

uint32_t keeper_items(const char *key)
{
    const struct entry *entry = keyspace_find(keeper.primary, span_of(key));
    return entry != NULL ? (uint32_t)entry->value.len : 0;
}

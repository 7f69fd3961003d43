/* reconcile.c: a run is a chain: for each provider with a list, pages of events until there are no
 * more; pages of what the shop has accepted; for each event on sale, the seats; then those rows of
 * our own tables that changed or are next in turn (reconcile.sql). A failed link is named in the
 * report and the chain continues, so a provider that is down does not hide a disagreement about
 * seats.
 *
 * Rows younger than GRACE_MS may still be in transit and are not drift. I1, I2 and I7 are checked
 * here in production, by comparing the records of all services.
 *
 * No kind of drift hides another: each is counted in full, and listed up to LISTED_MAX. What an
 * operator accepted is counted and listed separately, until its sum changes. Money in the
 * provider's account that names no order of ours is not drift (the shop may use the account too),
 * and is counted separately.
 *
 * The lists of seats and of the shop go to the database unparsed, page by page: fifty thousand
 * seats are megabytes. Parsing them here would block this loop, and neither this process nor the
 * buffers of its connections, which never shrink, should grow with the number of sales.
 *
 * One process compares at a time. A run is a lease in reconcile_run, renewed while the run lasts:
 * when its process dies, another begins the next run once the lease has expired. A process that was
 * suspended learns at its next renewal that it lost its run, and can no longer store a report. Each
 * process reads the last run's results from there.
 *
 * The shop's list is read on from where the last run stopped, and once a day from its beginning. In
 * between it passes over an order that the shop committed after a later one. So letters that the
 * list lacks are reported as lost only if the shop, asked for their order, lacks them, too: at most
 * LISTED_MAX orders in a run, in the order of ids.
 *
 * A run respects the shop's rate limit: each such call is paid for like a message to the shop, and
 * waits while the shop has asked for a pause. */
#include "saga/reconcile.h"

#include "base/grow.h"
#include "base/magic.h"
#include "base/rng.h"
#include "login/pace.h"
#include "observe/log.h"
#include "saga/drift_words.h"
#include "service/persons.h"
#include "store/statements.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    GRACE_MS = 120000,
    ITEMS_MAX = 1000,
    LISTED_MAX = 20, /* per kind and comparison: a thousand of a kind are one problem */
    /* How many orders, payments and orders of the shop a run compares, changed or not: with a run
     * per minute, seven million a day. */
    SLICE = 5000,
    SUSPECTS_MAX = 50000, /* a run's statement can compare these in time */
    KEPT_MAX = 2000,      /* disagreements of a kind; the rest are found again in their turn */
    PAGES_MAX = 1000,
    SHOP_PAGE = 100,
    EVENTS_MAX = 16, /* events whose seats a run compares; the rest come in their turn */
    SEATS_CALL_MS = 10000,
    /* The request wakes an event that sleeps, within a second as a rule. */
    SEATS_WAKE_MS = 1000,
    SEATS_WAITS_MAX = 3, /* per event */
    SEATS_PAGE = 2000,   /* some 400 KB */
    SEATS_PAGES_MAX = 500,
    SEATS_REPLY_MAX = 8 * 1024 * 1024,
    BROKEN_MAX = 8,
    /* Time per run for the shop's list: at 1 call a second 14 pages, more than the shop is sent in
     * a minute. The next run reads on. */
    SHOP_READ_MS = 20000,
    POLL_MS = 1000, /* checks whether a run is due; the statement mostly changes nothing */
    RENEW_MS = 2000,
    LEASE_MS = 15000,      /* longer than a statement's timeout (pay.c) */
    LIST_MAX = 512 * 1024, /* a thousand items */
    REPORT_MAX = 2 * LIST_MAX + 8192,
};

struct reconcile {
    uint32_t magic;
    struct reconcile_conf conf;
    uint32_t shop_interval_us, shop_burst_us;
    uint64_t poll_us;
    bool polling, running, closing;
    unsigned out; /* calls in flight */
    void (*on_done)(void *ctx, int rc);
    void *ctx;
    /* the run */
    uint64_t id, renew_us;
    uint64_t renewing;                         /* the run whose renewal is in flight; 0: none */
    bool lost;                                 /* another process has started the next run */
    void (*then)(struct reconcile *reconcile); /* continues at then_us; NULL: a call continues it */
    uint64_t then_us;
    uint64_t shop_until_us;
    bool shop_ended;          /* its list was read to the end */
    bool reads_on;            /* the next run reads on in its list */
    char order[ORDER_ID_MAX]; /* the shop is asked for this one; "": for its list */
    char asked[ORDER_ID_MAX]; /* the last one for which it has answered */
    uint32_t psp, pages;
    uint32_t page_len; /* events per page; halved when a page exceeds the answer limit */
    bool older;        /* the very first run: reads back to the oldest event */
    char cursor[96];   /* where the next page begins */
    char newest[96];
    uint32_t events_len, event;
    uint32_t waits; /* for this event */
    bool again;     /* this page of seats was requested from another process before */
    char events[EVENTS_MAX][ORDER_EVENT_MAX];
    char reader[17];     /* the id of this reading of the seats */
    uint32_t seats_part; /* the page being read, and the last seat before it */
    char seats_after[ORDER_SEAT_MAX];
    /* The listed items as JSON: those not accepted, and those accepted. */
    struct text items[2];
    char memory[2][LIST_MAX];
    uint32_t items_len;
    char first[32];           /* kind of the first item that is not accepted; "": none */
    uint64_t drift, accepted; /* including unlisted ones */
    const char *broken[BROKEN_MAX];
    uint32_t broken_len;
    bool whole; /* no list of a provider or the shop failed */
    uint64_t began_us;

    struct reconcile_stats stats;
};

MAGIC(reconcile, 0x3a700007);

static uint64_t now_us(const struct reconcile *reconcile)
{
    return clock_mono_us(reconcile->conf.clock);
}

static void free_if_over(struct reconcile *reconcile)
{
    if (!reconcile->closing || reconcile->out > 0)
        return;
    MAGIC_END(reconcile, reconcile);
    free(reconcile);
}

/* True: the run was abandoned, and the memory may have been freed. */
static bool is_over(struct reconcile *reconcile)
{
    assert(reconcile->out > 0);
    reconcile->out--;
    bool closing = reconcile->closing;
    free_if_over(reconcile);
    return closing;
}

static void answer_operator(struct reconcile *reconcile, int rc)
{
    void (*on_done)(void *ctx, int rc) = reconcile->on_done;
    reconcile->on_done = NULL;
    if (on_done != NULL)
        on_done(reconcile->ctx, rc);
}

/* rc 0: with a report */
static void end_run(struct reconcile *reconcile, int rc)
{
    assert(reconcile->running);
    reconcile->running = false;
    reconcile->then = NULL;
    answer_operator(reconcile, rc);
}

/* True: the run must not continue. */
static bool came_back(struct reconcile *reconcile)
{
    if (is_over(reconcile))
        return true;
    bool lost = reconcile->lost;
    if (lost)
        end_run(reconcile, ERR_STATE);
    return lost;
}

/* Leaves a part out of this run; the report names it. */
static void leave_out(struct reconcile *reconcile, const char *what)
{
    if (reconcile->broken_len < BROKEN_MAX)
        reconcile->broken[reconcile->broken_len++] = what;
}

static void break_link(struct reconcile *reconcile, const char *what)
{
    assert(reconcile->running);
    atomic_fetch_add_explicit(&reconcile->stats.broken, 1, memory_order_relaxed);
    leave_out(reconcile, what);
}

static void wait_then(struct reconcile *reconcile, uint64_t wait_us,
                      void (*then)(struct reconcile *reconcile))
{
    assert(reconcile->running);
    assert(reconcile->then == NULL); /* a run is a chain */
    reconcile->then = then;
    reconcile->then_us = now_us(reconcile) + wait_us;
}

/* Counts a statement whose answer continues this run. */
static struct pg_pool *asking(struct reconcile *reconcile)
{
    assert(!reconcile->closing);
    reconcile->out++;
    return reconcile->conf.pg;
}

/* A service's answer, for the database to parse. NULL: empty, or out of memory. */
static const char *as_it_came(const struct outcall_answer *answer, struct grow *text)
{
    if (answer->rc == 0 && answer->status == 200)
        grow_add(text, answer->body);
    return text->len > 0 ? grow_cstr(text) : NULL;
}

/* Who caused the database to reject a list: classes 21, 22 and 23 are about the list's contents. */
static const char *at_fault(const struct pg_answer *answer, const char *neighbour)
{
    const char *code = answer->sqlstate;
    return code[0] == '2' && code[1] >= '1' && code[1] <= '3' ? neighbour : "database";
}

static void ask_cursor(struct reconcile *reconcile, const char *provider, pg_on_done *on_done)
{
    const struct sql_reconcile_cursor_args args = {.provider = provider};
    sql_reconcile_cursor(asking(reconcile), &args, on_done, reconcile);
}

/* ---- the end of a run ---- */

/* Items that do not fit are counted only. */
static void put_item(struct text *text, const struct sql_drift_row *row)
{
    const struct text before = *text;
    json_open(text, '{');
    json_member_str(text, "difference", row->name);
    json_member_str(text, "kind", row->kind);
    json_member_str(text, "order", row->id);
    json_member_str(text, "payment", row->payment);
    json_member_str(text, "detail", row->detail);
    if (row->has_sum) {
        json_key(text, "sum");
        json_i64(text, row->sum);
    }
    if (row->accepted_at.ptr != NULL) {
        json_member_open(text, "accepted", '{');
        json_member_str(text, "at", row->accepted_at);
        json_member_str(text, "reason", row->reason);
        json_member_some(text, "who", row->who);
        json_close(text, '}');
    }
    const char *means, *todo;
    if (drift_words(row->kind, &means, &todo)) {
        json_member_cstr(text, "means", means);
        json_member_cstr(text, "todo", todo);
    }
    json_close(text, '}');
    if (text->overflown)
        *text = before;
}

static void put_items(const struct text *items, struct text *report)
{
    json_member_open(report, "items", '[');
    json_raw(report, text_span(items));
    json_close(report, ']');
}

static void set_gauges(struct reconcile *reconcile, uint64_t drift, uint64_t accepted,
                       uint64_t ended_s, uint64_t seats_age_s)
{
    atomic_store_explicit(&reconcile->stats.drift, drift, memory_order_relaxed);
    atomic_store_explicit(&reconcile->stats.accepted, accepted, memory_order_relaxed);
    atomic_store_explicit(&reconcile->stats.last_s, ended_s, memory_order_relaxed);
    atomic_store_explicit(&reconcile->stats.seats_age_s, seats_age_s, memory_order_relaxed);
}

/* The report's own row decides: a renewal that arrived after the run's end was rejected too. */
static void on_ended(void *ctx, const struct pg_answer *answer)
{
    struct reconcile *reconcile = MAGIC_OF(reconcile, ctx);
    if (is_over(reconcile))
        return;
    bool stored = answer->rc == 0 && PQntuples(answer->results[0]) == 1;
    if (!stored) {
        end_run(reconcile, answer->rc < 0 ? answer->rc : ERR_STATE);
        return;
    }
    const struct sql_reconcile_end_row row = sql_reconcile_end_row(answer->results[0], 0);
    set_gauges(reconcile, reconcile->drift, reconcile->accepted, row.ended_s, row.seats_age_s);
    atomic_fetch_add_explicit(&reconcile->stats.runs, 1, memory_order_relaxed);
    if (reconcile->drift > 0) {
        struct log_line line;
        log_begin(&line, reconcile->conf.log, LOG_LEVEL_ERROR, "reconciliation found drift");
        log_u64(&line, "items", reconcile->drift);
        log_cstr(&line, "first", reconcile->first);
        log_end(&line);
    }
    end_run(reconcile, 0);
}

static void take_items(struct reconcile *reconcile, const PGresult *res)
{
    for (int i = 0; i < PQntuples(res); i++) {
        const struct sql_drift_row row = sql_drift_row(res, i);
        bool accepted = row.accepted_at.ptr != NULL;
        if (row.nth == 1)
            *(accepted ? &reconcile->accepted : &reconcile->drift) += row.of_kind;
        if (!accepted && reconcile->first[0] == '\0')
            span_to_cstr_cut(row.kind, reconcile->first, sizeof(reconcile->first));
        if (reconcile->items_len < ITEMS_MAX) {
            reconcile->items_len++;
            put_item(&reconcile->items[accepted], &row);
        }
    }
}

static void on_drift(void *ctx, const struct pg_answer *answer)
{
    struct reconcile *reconcile = MAGIC_OF(reconcile, ctx);
    if (came_back(reconcile))
        return;
    if (answer->rc == 0)
        take_items(reconcile, answer->results[0]);
    else
        break_link(reconcile, "database");
    assert(reconcile->running);
    assert(reconcile->then == NULL);
    assert(reconcile->items_len <= ITEMS_MAX);
    char *memory = malloc(REPORT_MAX);
    if (memory == NULL) {
        end_run(reconcile, ERR_NOMEM);
        return;
    }
    struct text report = text_on(memory, REPORT_MAX - 1);
    /* All of the report but what the database adds. */
    json_open(&report, '{');
    put_items(&reconcile->items[false], &report);
    json_member_open(&report, "accepted", '{');
    json_member_u64(&report, "count", reconcile->accepted);
    put_items(&reconcile->items[true], &report);
    json_close(&report, '}');
    json_member_open(&report, "not_reached", '[');
    for (uint32_t i = 0; i < reconcile->broken_len; i++)
        json_str(&report, span_of(reconcile->broken[i]));
    json_close(&report, ']');
    json_close(&report, '}');
    assert(!report.overflown);
    memory[report.len] = '\0';
    const struct sql_reconcile_end_args args = {
        .run = reconcile->id,
        .drift = reconcile->drift,
        .report = memory,
        .whole = reconcile->whole && !reconcile->reads_on,
        .took_ms = (now_us(reconcile) - reconcile->began_us) / 1000 + 1,
        .grace_ms = GRACE_MS};
    sql_reconcile_end(asking(reconcile), &args, on_ended, reconcile);
    free(memory);
}

/* ---- seats ---- */

static void next_seats(struct reconcile *reconcile);

static void on_seats_compared(void *ctx, const struct pg_answer *answer)
{
    struct reconcile *reconcile = MAGIC_OF(reconcile, ctx);
    if (came_back(reconcile))
        return;
    if (answer->rc == 0)
        take_items(reconcile, answer->results[0]);
    else
        break_link(reconcile, "database");
    next_seats(reconcile);
}

static void next_seats_page(struct reconcile *reconcile);

static void on_seats_kept(void *ctx, const struct pg_answer *answer)
{
    struct reconcile *reconcile = MAGIC_OF(reconcile, ctx);
    if (came_back(reconcile))
        return;
    if (answer->rc == 0) {
        const struct sql_reconcile_sold_page_row page =
            sql_reconcile_sold_page_row(answer->results[0], 0);
        reconcile->seats_part++;
        assert(reconcile->seats_part <= SEATS_PAGES_MAX);
        if (page.len != SEATS_PAGE) { /* the last one */
            assert(reconcile->event > 0);
            const struct sql_reconcile_seats_args args = {
                .event = reconcile->events[reconcile->event - 1],
                .grace_ms = GRACE_MS,
                .reader = reconcile->reader,
                .pages = reconcile->seats_part,
                .most = LISTED_MAX,
                .run = reconcile->id};
            sql_reconcile_seats(asking(reconcile), &args, on_seats_compared, reconcile);
        } else if (reconcile->seats_part == SEATS_PAGES_MAX || page.last.len == 0 ||
                   !span_to_cstr(page.last, reconcile->seats_after,
                                 sizeof(reconcile->seats_after))) {
            break_link(reconcile, "seat-service");
            next_seats(reconcile);
        } else {
            next_seats_page(reconcile);
        }
        return;
    }
    break_link(reconcile, at_fault(answer, "seat-service"));
    next_seats(reconcile);
}

static void ask_for_seats(struct reconcile *reconcile);

/* Another process has the event, or had it when the map was read. */
static void on_map(void *ctx, bool found)
{
    struct reconcile *reconcile = MAGIC_OF(reconcile, ctx);
    assert(reconcile->again); /* so the map is read once per page */
    if (came_back(reconcile))
        return;
    if (found) {
        ask_for_seats(reconcile);
        return;
    }
    break_link(reconcile, "seat-service");
    next_seats(reconcile);
}

/* The export lists sold seats, [{"seat", "order", ...}], then the standing places of each hold,
 * [{"area", "places", "order", "hold", ...}]; the database parses it. */
static void on_export(void *ctx, const struct outcall_answer *answer)
{
    struct reconcile *reconcile = MAGIC_OF(reconcile, ctx);
    if (came_back(reconcile))
        return;
    struct span event = span_of(reconcile->events[reconcile->event - 1]);
    if (seats_map_misled(reconcile->conf.seats_map, event, answer) && !reconcile->again) {
        reconcile->again = true;
        reconcile->out++;
        seats_map_read(reconcile->conf.seats_map, event, on_map, reconcile);
        return;
    }
    if (answer->rc == 0 && answer->status == 503 && reconcile->waits < SEATS_WAITS_MAX) {
        reconcile->waits++;
        wait_then(reconcile, SEATS_WAKE_MS * UINT64_C(1000), next_seats_page);
        return;
    }
    struct grow sold = {0};
    const char *text = as_it_came(answer, &sold);
    if (text == NULL) {
        break_link(reconcile, "seat-service");
        grow_free(&sold);
        next_seats(reconcile);
        return;
    }
    const struct sql_reconcile_sold_page_args args = {
        .reader = reconcile->reader, .part = reconcile->seats_part, .seats = text};
    sql_reconcile_sold_page(asking(reconcile), &args, on_seats_kept, reconcile);
    grow_free(&sold);
}

static void ask_for_seats(struct reconcile *reconcile)
{
    const struct reconcile_conf *conf = &reconcile->conf;
    char memory[CONFIG_STRING_MAX + 128 + 3 * ORDER_SEAT_MAX], auth[320];
    struct text url = text_on(memory, sizeof(memory));
    assert(reconcile->event > 0);
    const char *event = reconcile->events[reconcile->event - 1];
    seats_map_put(reconcile->conf.seats_map, SEATS_PRIVATE, span_of(event), &url);
    text_printf(&url, "/admin/events/%s/export?limit=%d", event, SEATS_PAGE);
    if (reconcile->seats_after[0] != '\0') {
        TEXT_LIT(&url, "&after=");
        outcall_escape(&url, span_of(reconcile->seats_after));
    }
    text_char(&url, '\0');
    assert(!url.overflown);
    snprintf(auth, sizeof(auth), "Authorization: Bearer %s", conf->seats_token);
    struct outcall call = {.url = memory,
                           .headers = {auth},
                           .timeout_ms = SEATS_CALL_MS,
                           .reply_max = SEATS_REPLY_MAX,
                           .on_done = on_export,
                           .ctx = reconcile};
    reconcile->out++;
    outcall_send(conf->outcalls, &call);
}

static void next_seats_page(struct reconcile *reconcile)
{
    reconcile->again = false;
    ask_for_seats(reconcile);
}

static void next_seats(struct reconcile *reconcile)
{
    assert(reconcile->event <= reconcile->events_len);
    if (reconcile->event == reconcile->events_len) {
        const struct sql_reconcile_drift_args args = {
            .grace_ms = GRACE_MS,
            .most = LISTED_MAX,
            .kept = KEPT_MAX,
            .whole = reconcile->whole,
            .run = reconcile->id,
            .asked = reconcile->shop_ended ? reconcile->asked : NULL,
            .seats = reconcile->conf.seats_token[0] != '\0'};
        sql_reconcile_drift(asking(reconcile), &args, on_drift, reconcile);
        return;
    }
    reconcile->event++;
    reconcile->waits = 0;
    reconcile->seats_part = 0;
    reconcile->seats_after[0] = '\0';
    if (reconcile->conf.seats_token[0] == '\0') {
        break_link(reconcile, "seat-service: keys.seats_admin_token is not set");
        next_seats(reconcile);
        return;
    }
    next_seats_page(reconcile);
}

static void on_events_sold(void *ctx, const struct pg_answer *answer)
{
    struct reconcile *reconcile = MAGIC_OF(reconcile, ctx);
    if (came_back(reconcile))
        return;
    reconcile->event = reconcile->events_len = 0;
    if (answer->rc < 0)
        break_link(reconcile, "database");
    for (int i = 0; answer->rc == 0 && i < PQntuples(answer->results[0]); i++) {
        if (reconcile->events_len < EVENTS_MAX)
            span_to_cstr_cut(sql_reconcile_events_sold_row(answer->results[0], i).event,
                             reconcile->events[reconcile->events_len++], ORDER_EVENT_MAX);
    }
    next_seats(reconcile);
}

/* ---- the shop ---- */

static void next_shop_call(struct reconcile *reconcile);

static void compare_seats(struct reconcile *reconcile)
{
    const struct sql_reconcile_events_sold_args args = {.grace_ms = GRACE_MS, .most = EVENTS_MAX};
    sql_reconcile_events_sold(asking(reconcile), &args, on_events_sold, reconcile);
}

static const char unasked[] = "shop: some orders that its list lacks were not asked for";

static void on_unlisted(void *ctx, const struct pg_answer *answer)
{
    struct reconcile *reconcile = MAGIC_OF(reconcile, ctx);
    if (came_back(reconcile))
        return;
    assert(reconcile->shop_ended);
    if (answer->rc < 0) {
        break_link(reconcile, at_fault(answer, "shop"));
        compare_seats(reconcile);
        return;
    }
    memcpy(reconcile->asked, reconcile->order, sizeof(reconcile->asked));
    if (PQntuples(answer->results[0]) == 0) {
        compare_seats(reconcile);
    } else if (reconcile->pages == LISTED_MAX) {
        leave_out(reconcile, unasked);
        compare_seats(reconcile);
    } else {
        reconcile->pages++;
        span_to_cstr_cut(sql_reconcile_unlisted_row(answer->results[0], 0).id, reconcile->order,
                         sizeof(reconcile->order));
        next_shop_call(reconcile);
    }
}

/* `found`: what the shop has of the order for which it was asked, or NULL. */
static void next_unlisted(struct reconcile *reconcile, const char *found)
{
    assert(found == NULL || reconcile->order[0] != '\0');
    const struct sql_reconcile_unlisted_args args = {
        .run = reconcile->id, .grace_ms = GRACE_MS, .after = reconcile->order, .found = found};
    sql_reconcile_unlisted(asking(reconcile), &args, on_unlisted, reconcile);
}

static void on_collected(void *ctx, const struct pg_answer *answer)
{
    struct reconcile *reconcile = MAGIC_OF(reconcile, ctx);
    if (came_back(reconcile))
        return;
    if (answer->rc < 0)
        break_link(reconcile, "database");
    reconcile->pages = 0;
    reconcile->shop_until_us = now_us(reconcile) + SHOP_READ_MS * UINT64_C(1000);
    if (reconcile->shop_ended && reconcile->conf.settings->shop_url[0] != '\0')
        next_unlisted(reconcile, NULL);
    else
        compare_seats(reconcile);
}

static void collect(struct reconcile *reconcile)
{
    const struct sql_reconcile_collect_args args = {.slice = SLICE, .room = SUSPECTS_MAX};
    /* A list that is read on is reported, too, but has not failed. */
    reconcile->whole &= reconcile->broken_len == (reconcile->reads_on ? 1 : 0);
    sql_reconcile_collect(asking(reconcile), &args, on_collected, reconcile);
}

static void leave_shop(struct reconcile *reconcile)
{
    assert(reconcile->running);
    if (reconcile->order[0] != '\0')
        compare_seats(reconcile);
    else
        collect(reconcile);
}

static void on_shop_kept(void *ctx, const struct pg_answer *answer)
{
    struct reconcile *reconcile = MAGIC_OF(reconcile, ctx);
    if (came_back(reconcile))
        return;
    if (answer->rc < 0) {
        break_link(reconcile, at_fault(answer, "shop"));
        collect(reconcile);
        return;
    }
    const struct sql_reconcile_shop_row page = sql_reconcile_shop_row(answer->results[0], 0);
    span_to_cstr_cut(page.event, reconcile->cursor, sizeof(reconcile->cursor));
    reconcile->pages++;
    reconcile->shop_ended = page.len != SHOP_PAGE;
    if (reconcile->shop_ended)
        collect(reconcile);
    else
        next_shop_call(reconcile);
}

static void on_shop_answer(void *ctx, const struct outcall_answer *answer)
{
    struct reconcile *reconcile = MAGIC_OF(reconcile, ctx);
    if (came_back(reconcile))
        return;
    uint32_t pause_ms = pace_pause_ms(answer->status, answer->retry_after_s);
    if (pause_ms > 0) /* if this is lost, the next call is rejected again */
        sql_shop_pause(reconcile->conf.pg,
                       &(struct sql_shop_pause_args){pause_ms, reconcile->shop_interval_us,
                                                     reconcile->shop_burst_us},
                       pg_ignore, NULL);
    struct grow page = {0};
    const char *text = as_it_came(answer, &page);
    if (text == NULL && (reconcile->order[0] == '\0' || answer->status != 404)) {
        break_link(reconcile, "shop");
        leave_shop(reconcile);
    } else if (reconcile->order[0] != '\0') {
        next_unlisted(reconcile, text);
    } else {
        const struct sql_reconcile_shop_args args = {
            .run = reconcile->id, .event = reconcile->cursor, .full = SHOP_PAGE, .page = text};
        sql_reconcile_shop(asking(reconcile), &args, on_shop_kept, reconcile);
    }
    grow_free(&page);
}

static void run_out_of_time(struct reconcile *reconcile)
{
    assert(reconcile->pages > 0);
    if (reconcile->pages == 1) {
        break_link(reconcile, "shop");
    } else if (reconcile->order[0] != '\0') {
        leave_out(reconcile, unasked);
    } else {
        reconcile->reads_on = true;
        leave_out(reconcile, "shop: the next run reads on in its list");
    }
    leave_shop(reconcile);
}

static void on_shop_paced(void *ctx, const struct pg_answer *answer)
{
    struct reconcile *reconcile = MAGIC_OF(reconcile, ctx);
    if (came_back(reconcile))
        return;
    if (answer->rc < 0) {
        break_link(reconcile, "database");
        leave_shop(reconcile);
        return;
    }
    uint64_t wait_us = sql_pace_shop_row(answer->results[0], 0).wait_us;
    if (wait_us == 0) {
        const struct reconcile_conf *conf = &reconcile->conf;
        assert(reconcile->pages > 0);
        assert(reconcile->pages <= PAGES_MAX);
        char url[CONFIG_STRING_MAX + 160], auth[320];
        if (reconcile->order[0] != '\0')
            snprintf(url, sizeof(url), "%s/%s", conf->settings->shop_url, reconcile->order);
        else
            snprintf(url, sizeof(url), "%s?limit=%d%s%s", conf->settings->shop_list_url, SHOP_PAGE,
                     reconcile->cursor[0] != '\0' ? "&after=" : "", reconcile->cursor);
        snprintf(auth, sizeof(auth), "Authorization: Bearer %s", conf->shop_key);
        struct outcall call = {.url = url,
                               .headers = {auth},
                               .timeout_ms = (uint32_t)conf->settings->shop_timeout_ms,
                               .on_done = on_shop_answer,
                               .ctx = reconcile};
        reconcile->out++;
        outcall_send(conf->outcalls, &call);
    } else if (now_us(reconcile) + wait_us >= reconcile->shop_until_us)
        run_out_of_time(reconcile);
    else
        wait_then(reconcile, wait_us, next_shop_call);
}

static void next_shop_call(struct reconcile *reconcile)
{
    if (reconcile->pages > PAGES_MAX || now_us(reconcile) >= reconcile->shop_until_us) {
        run_out_of_time(reconcile);
        return;
    }
    const struct sql_pace_shop_args args = {.interval_us = reconcile->shop_interval_us,
                                            .burst_us = reconcile->shop_burst_us};
    sql_pace_shop(asking(reconcile), &args, on_shop_paced, reconcile);
}

static void on_shop_cursor(void *ctx, const struct pg_answer *answer)
{
    struct reconcile *reconcile = MAGIC_OF(reconcile, ctx);
    if (came_back(reconcile))
        return;
    reconcile->cursor[0] = '\0';
    reconcile->pages = 1;
    reconcile->shop_until_us = now_us(reconcile) + SHOP_READ_MS * UINT64_C(1000);
    if (answer->rc == 0 && PQntuples(answer->results[0]) == 1)
        span_to_cstr_cut(sql_reconcile_cursor_row(answer->results[0], 0).event, reconcile->cursor,
                         sizeof(reconcile->cursor));
    next_shop_call(reconcile);
}

/* ---- providers ---- */

static void next_psp(struct reconcile *reconcile);
static void next_page(struct reconcile *reconcile);

static void on_page_kept(void *ctx, const struct pg_answer *answer)
{
    struct reconcile *reconcile = MAGIC_OF(reconcile, ctx);
    if (came_back(reconcile))
        return;
    if (answer->rc < 0) {
        break_link(reconcile, "database");
        next_psp(reconcile);
    } else if (reconcile->pages == 0 || reconcile->pages > PAGES_MAX) {
        reconcile->whole &= reconcile->pages == 0;
        next_psp(reconcile);
    } else {
        next_page(reconcile);
    }
}

static void put_row(struct text *text, const struct psp_event_row *row)
{
    json_open(text, '{');
    json_member_cstr(text, "payment", row->event.payment);
    json_member_cstr(text, "order", row->event.order);
    json_member_u64(text, "amount", row->amount);
    json_member_u64(text, "captured", row->captured);
    json_member_u64(text, "refunded", row->refunded);
    json_member_u64(text, "state", row->state);
    json_member_cstr(text, "return", row->ret.id);
    json_member_cstr(text, "return_kind", row->ret.dispute ? "dispute" : "refund");
    json_member_u64(text, "return_amount", row->ret.amount);
    json_member_u64(text, "return_state", row->ret.state);
    json_close(text, '}');
}

static void begin_list(struct reconcile *reconcile)
{
    assert(reconcile->psp > 0);
    assert(reconcile->psp <= reconcile->conf.psps_len);
    const struct psp_driver *driver = reconcile->conf.psps[reconcile->psp - 1].driver;
    reconcile->older = reconcile->cursor[0] == '\0' && !driver->onward;
    reconcile->page_len = PSP_EVENTS_MAX;
}

static void on_gap_kept(void *ctx, const struct pg_answer *answer)
{
    struct reconcile *reconcile = MAGIC_OF(reconcile, ctx);
    if (came_back(reconcile))
        return;
    if (answer->rc < 0) {
        break_link(reconcile, "database");
        next_psp(reconcile);
        return;
    }
    begin_list(reconcile);
    next_page(reconcile);
}

static void on_events(void *ctx, const struct psp_events *events)
{
    struct reconcile *reconcile = MAGIC_OF(reconcile, ctx);
    if (came_back(reconcile))
        return;
    if (events->lost && reconcile->cursor[0] != '\0' && reconcile->newest[0] == '\0') {
        /* After about a month the provider forgets events, and our position with them. We record
         * the gap, and read the list again as on the first day. */
        const struct sql_reconcile_gap_args gap = {
            .provider = reconcile->conf.psps[reconcile->psp - 1].driver->name,
            .run = reconcile->id};
        reconcile->cursor[0] = '\0';
        log_say(reconcile->conf.log, LOG_LEVEL_ERROR,
                "the provider has forgotten our position in its list: reading again from the "
                "oldest event");
        sql_reconcile_gap(asking(reconcile), &gap, on_gap_kept, reconcile);
        return;
    }
    if (events->rc == ERR_RANGE && reconcile->page_len > 1) {
        reconcile->page_len /= 2;
        next_page(reconcile);
        return;
    }
    if (events->rc < 0 || events->len == 0) {
        if (events->rc < 0)
            break_link(reconcile, "provider");
        next_psp(reconcile);
        return;
    }
    char memory[224 * 1024];
    const struct psp_event_row *widest = events->rows;
    enum { ESCAPED = sizeof("\\u0001") - 1, NAMES_AND_NUMBERS = 320 };
    static_assert(sizeof(memory) > PSP_EVENTS_MAX * (ESCAPED * (sizeof(widest->event.payment) +
                                                                sizeof(widest->event.order) +
                                                                sizeof(widest->ret.id)) +
                                                     NAMES_AND_NUMBERS),
                  "all rows fit, whatever a provider calls them");
    struct text rows = text_on(memory, sizeof(memory) - 1);
    json_open(&rows, '[');
    for (uint32_t i = 0; i < events->len; i++) {
        if (events->rows[i].event.payment[0] != '\0')
            put_row(&rows, &events->rows[i]);
    }
    json_close(&rows, ']');
    assert(!rows.overflown);
    memory[rows.len] = '\0';
    const char *first = events->rows[0].event.id, *last = events->rows[events->len - 1].event.id;
    if (!reconcile->older || reconcile->newest[0] == '\0')
        snprintf(reconcile->newest, sizeof(reconcile->newest), "%s", last);
    snprintf(reconcile->cursor, sizeof(reconcile->cursor), "%s", reconcile->older ? first : last);
    reconcile->pages = events->more ? reconcile->pages + 1 : 0;
    /* Going back, the position is stored only once the oldest event is reached: an interrupted run
     * starts over rather than leaving a gap. */
    bool keep = !reconcile->older || !events->more;
    const struct sql_reconcile_events_args args = {
        .provider = reconcile->conf.psps[reconcile->psp - 1].driver->name,
        .event = keep ? reconcile->newest : NULL,
        .rows = memory};
    sql_reconcile_events(asking(reconcile), &args, on_page_kept, reconcile);
}

static void next_page(struct reconcile *reconcile)
{
    assert(reconcile->psp > 0);
    assert(reconcile->pages > 0);
    assert(reconcile->pages <= PAGES_MAX);
    struct psp *psp = &reconcile->conf.psps[reconcile->psp - 1];
    reconcile->out++;
    assert(reconcile->page_len > 0);
    psp->driver->events(psp, reconcile->cursor, reconcile->older, reconcile->page_len, on_events,
                        reconcile);
}

static void on_cursor(void *ctx, const struct pg_answer *answer)
{
    struct reconcile *reconcile = MAGIC_OF(reconcile, ctx);
    if (came_back(reconcile))
        return;
    reconcile->cursor[0] = reconcile->newest[0] = '\0';
    reconcile->pages = 1;
    if (answer->rc == 0 && PQntuples(answer->results[0]) == 1)
        span_to_cstr_cut(sql_reconcile_cursor_row(answer->results[0], 0).event, reconcile->cursor,
                         sizeof(reconcile->cursor));
    begin_list(reconcile);
    next_page(reconcile);
}

static void next_psp(struct reconcile *reconcile)
{
    const struct reconcile_conf *conf = &reconcile->conf;
    if (reconcile->psp < conf->psps_len) {
        const struct psp_driver *driver = conf->psps[reconcile->psp++].driver;
        ask_cursor(reconcile, driver->name, on_cursor);
        return;
    }
    const struct settings *settings = reconcile->conf.settings;
    if (settings->shop_list_url[0] == '\0' || reconcile->conf.shop_key[0] == '\0') {
        collect(reconcile);
        return;
    }
    ask_cursor(reconcile, "shop", on_shop_cursor);
}

/* ---- the lease of a run ---- */

/* Begins the run if it was granted. A grant that arrives before the answer that our last run has
 * ended is left to expire. */
static void take_run(struct reconcile *reconcile, const struct pg_answer *answer)
{
    const struct sql_reconcile_take_row row = sql_reconcile_take_row(answer->results[0], 0);
    set_gauges(reconcile, row.drift, row.accepted, row.ended_s, row.seats_age_s);
    if (row.has_run && !reconcile->running) {
        assert(!reconcile->closing);
        reconcile->running = reconcile->whole = true;
        reconcile->lost = false;
        reconcile->id = row.run;
        reconcile->began_us = now_us(reconcile);
        reconcile->renew_us = reconcile->began_us + RENEW_MS * UINT64_C(1000);
        reconcile->psp = 0;
        reconcile->shop_ended = reconcile->reads_on = false;
        reconcile->order[0] = reconcile->asked[0] = '\0';
        for (int i = 0; i < 2; i++)
            reconcile->items[i] = text_on(reconcile->memory[i], LIST_MAX);
        reconcile->items_len = reconcile->broken_len = 0;
        reconcile->drift = reconcile->accepted = 0;
        reconcile->first[0] = '\0';
        next_psp(reconcile);
    }
}

static void on_polled(void *ctx, const struct pg_answer *answer)
{
    struct reconcile *reconcile = MAGIC_OF(reconcile, ctx);
    if (is_over(reconcile))
        return;
    assert(reconcile->polling);
    reconcile->polling = false;
    if (answer->rc == 0)
        take_run(reconcile, answer);
}

static void on_wanted(void *ctx, const struct pg_answer *answer)
{
    struct reconcile *reconcile = MAGIC_OF(reconcile, ctx);
    if (is_over(reconcile))
        return;
    if (answer->rc == 0)
        take_run(reconcile, answer);
    if (!reconcile->running)
        answer_operator(reconcile, answer->rc < 0 ? answer->rc : ERR_STATE);
}

static void take(struct reconcile *reconcile, bool wanted, pg_on_done *on_done)
{
    const struct sql_reconcile_take_args args = {.owner = reconcile->conf.instance,
                                                 .lease_ms = LEASE_MS,
                                                 .every_ms =
                                                     reconcile->conf.settings->reconcile_every_ms,
                                                 .wanted = wanted};
    sql_reconcile_take(asking(reconcile), &args, on_done, reconcile);
}

static void on_renewed(void *ctx, const struct pg_answer *answer)
{
    struct reconcile *reconcile = MAGIC_OF(reconcile, ctx);
    if (is_over(reconcile))
        return;
    bool refused = answer->rc == 0 && PQntuples(answer->results[0]) == 0;
    if (refused && reconcile->running && reconcile->renewing == reconcile->id)
        reconcile->lost = true;
    assert(reconcile->renewing > 0);
    reconcile->renewing = 0;
}

/* ---- create and destroy ---- */

int reconcile_create(const struct reconcile_conf *conf, struct err_slot *err,
                     struct reconcile **out)
{
    assert(conf->psps_len == 0 || conf->psps != NULL);
    assert(conf->seats_token != NULL);
    assert(conf->shop_key != NULL);
    struct reconcile *reconcile = calloc(1, sizeof(*reconcile));
    if (reconcile == NULL)
        return err_set(err, ERR_NOMEM, "reconciliation");
    MAGIC_BEGIN(reconcile, reconcile);
    reconcile->conf = *conf;
    snprintf(reconcile->reader, sizeof(reconcile->reader), "%016" PRIx64, rng_u64(rng_system()));
    assert(conf->instance[0] != '\0');
    reconcile_use_pace(reconcile, conf->shop_per_s);
    *out = reconcile;
    return 0;
}

void reconcile_use_pace(struct reconcile *reconcile, uint32_t shop_per_s)
{
    pace_of(shop_per_s, &reconcile->shop_interval_us, &reconcile->shop_burst_us);
}

void reconcile_tick(struct reconcile *reconcile)
{
    uint64_t now = now_us(reconcile);
    if (!reconcile->running) {
        if (!reconcile->polling && now >= reconcile->poll_us) {
            uint64_t every_ms = reconcile->conf.settings->reconcile_every_ms;
            reconcile->polling = true;
            reconcile->poll_us = now + (every_ms < POLL_MS ? every_ms : POLL_MS) * 1000;
            take(reconcile, false, on_polled);
        }
        return;
    }
    if (reconcile->renewing == 0 && now >= reconcile->renew_us) {
        const struct sql_reconcile_renew_args args = {.run = reconcile->id, .lease_ms = LEASE_MS};
        assert(reconcile->running);
        reconcile->renewing = reconcile->id;
        reconcile->renew_us = now_us(reconcile) + RENEW_MS * UINT64_C(1000);
        sql_reconcile_renew(asking(reconcile), &args, on_renewed, reconcile);
    }
    void (*then)(struct reconcile *) = reconcile->then;
    if (then == NULL || now < reconcile->then_us)
        return;
    reconcile->then = NULL;
    if (reconcile->lost)
        end_run(reconcile, ERR_STATE);
    else
        then(reconcile);
}

int reconcile_now(struct reconcile *reconcile, void (*on_done)(void *ctx, int rc), void *ctx)
{
    assert(on_done != NULL);
    if (reconcile->running || reconcile->on_done != NULL)
        return ERR_STATE;
    reconcile->on_done = on_done;
    reconcile->ctx = ctx;
    take(reconcile, true, on_wanted);
    return 0;
}

void reconcile_close(struct reconcile *reconcile)
{
    if (reconcile == NULL)
        return;
    assert(!reconcile->closing);
    reconcile->closing = true;
    answer_operator(reconcile, ERR_CLOSED);
    free_if_over(reconcile);
}

const struct reconcile_stats *reconcile_stats(const struct reconcile *reconcile)
{
    return &reconcile->stats;
}

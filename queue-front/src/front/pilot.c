/* pilot.c: one round per interval: all pages are requested at once; when the last has answered or
 * failed, core/autopilot.h decides and the store gets the move. Every process does so; the script
 * accepts only the first decision of an interval (lua/pilot.lua), so it does not matter if one
 * process dies or cannot reach the services.
 *
 * All pages must answer. Of three services, the silent one is the one to worry about.
 *
 * A percentile needs enough samples. While a page has too few new ones, the reading that it is
 * compared with is kept, but for at most RIPEN_ROUNDS, since then it is too old.
 *
 * Threading: none, the first loop owns all of it. */
#include "front/pilot.h"

#include "core/load/autopilot.h"

#include <assert.h>
#include <stdlib.h>

enum {
    RIPEN_ROUNDS = 6,
    PAGE_TIMEOUT_MS = 2000, /* at most two intervals, so that a third is in time */
    AUDIT_MAX = 512,
};

struct page {
    struct pilot *pilot;
    struct health_look before, now;
    bool has_before, answered;
    unsigned rounds; /* since `before` */
};

struct pilot {
    struct front *front;
    struct front_line *event;
    uint64_t next_us;
    unsigned asking;
    bool deciding;
    struct page page[PAGES_MAX];
};

struct decision {
    struct line_admin line; /* first: the store returns a pointer to it */
    struct front *front;
    struct line_pilot_move move;
    char why[LINE_PILOT_WHY_MAX], because[LINE_PILOT_BECAUSE_MAX];
    char reading[LINE_PILOT_READING_MAX], audit[AUDIT_MAX];
};

static void on_decided(struct line_admin *line)
{
    struct decision *decision = (struct decision *)line;
    struct front_line *event = front_line_find(decision->front, span_of(line->event));
    if (event != NULL && event->pilot != NULL)
        event->pilot->deciding = false;
    free(decision);
}

static void propose(struct pilot *pilot, const struct autopilot_ask *ask,
                    const struct autopilot_move *move, enum autopilot_reason before)
{
    struct decision *decision = calloc(1, sizeof(*decision));
    if (decision == NULL)
        return; /* the next round retries */
    decision->front = pilot->front;
    struct text why = text_on(decision->why, sizeof(decision->why));
    struct text reading = text_on(decision->reading, sizeof(decision->reading));
    struct text because = text_on(decision->because, sizeof(decision->because));
    autopilot_why(&why, ask, move);
    autopilot_because(&because, ask, move);
    if (ask->reading != NULL)
        health_json(&reading, ask->reading);
    decision->move = (struct line_pilot_move){
        .interval_ms = ask->interval_ms,
        .silent_ms = ask->interval_ms * AUTOPILOT_SILENT_INTERVALS,
        .answered = ask->reading != NULL,
        .from_milli = ask->rate_milli,
        .to_milli = move->rate_milli,
        .reason = autopilot_reason_name(move->reason),
        .why = why.overflown ? SPAN("(too long to tell)") : text_span(&why),
        .because = because.overflown ? SPAN("null") : text_span(&because),
        .reading = reading.overflown ? SPAN("null") : text_span(&reading),
    };
    bool worth = autopilot_is_notable(ask, move, before);
    struct text audit = text_on(decision->audit, sizeof(decision->audit));
    if (worth) {
        TEXT_LIT(&audit, "{\"who\":\"autopilot\",\"what\":\"rate\",\"from\":{\"rate_per_s\":");
        text_milli(&audit, (int64_t)decision->move.from_milli);
        TEXT_LIT(&audit, "},\"to\":{\"rate_per_s\":");
        text_milli(&audit, (int64_t)decision->move.to_milli);
        TEXT_LIT(&audit, "},");
        json_member_str(&audit, "why", decision->move.why);
        json_member_raw(&audit, "because", decision->move.because);
        TEXT_LIT(&audit, "}");
        assert(!audit.overflown);
    }
    decision->line.audit = text_span(&audit);
    memcpy(decision->line.event, pilot->event->id, sizeof(decision->line.event));
    decision->line.call = LINE_PILOT;
    decision->line.pilot = &decision->move;
    decision->line.on_done = on_decided;
    pilot->deciding = true;
    line_store_admin(pilot->front->store, &decision->line);
}

static bool read_pages(struct pilot *pilot, struct health_reading *reading)
{
    const struct front *front = pilot->front;
    bool all = front->health.len > 0;
    *reading = (struct health_reading){0};
    for (unsigned i = 0; i < front->health.len; i++) {
        struct page *page = &pilot->page[i];
        all = all && page->answered;
        if (!page->answered)
            continue;
        const struct health_look *before = page->has_before ? &page->before : NULL;
        health_add(reading, before, &page->now);
        if (before == NULL || health_ripe(before, &page->now) || ++page->rounds >= RIPEN_ROUNDS) {
            page->before = page->now;
            page->has_before = true;
            page->rounds = 0;
        }
    }
    return all && autopilot_hears(&pilot->event->doc, reading);
}

static void round_over(struct pilot *pilot)
{
    const struct line_view *view = pilot->event->view;
    struct health_reading reading;
    bool answered = read_pages(pilot, &reading);
    /* A rate of 0 was set by hand or schedule: no move goes below the floor. */
    if (!view->pilot.on || view->pilot.rate_milli == 0 || view->stale || pilot->deciding)
        return;
    uint64_t now_ms = front_line_now_ms(pilot->front, pilot->event);
    struct front_sum sum = front_sum(pilot->front, pilot->event);
    uint64_t inside = view->active + sum.outstanding;
    bool has_room = view->knobs.max_active == 0 || inside < view->knobs.max_active;
    bool was_cut = view->pilot.from_milli > view->pilot.rate_milli;
    struct autopilot_ask ask = {
        .doc = &pilot->event->doc,
        .reading = answered ? &reading : NULL,
        .rate_milli = view->pilot.rate_milli,
        /* A higher rate would let people in. */
        .used = view->state == LINE_OPEN && !view->no_hall && sum.waiting > 0 && has_room,
        .since_cut_ms =
            was_cut && now_ms > view->pilot.moved_ms ? now_ms - view->pilot.moved_ms : UINT64_MAX,
        .interval_ms = pilot->front->config->autopilot_interval_ms,
    };
    enum autopilot_reason before = AUTOPILOT_SET;
    autopilot_reason_parse(span_of(view->pilot.reason), &before);
    struct autopilot_move move = autopilot_decide(&ask);
    propose(pilot, &ask, &move, before);
}

static void on_page(void *ctx, const struct outcall_answer *answer)
{
    struct page *page = ctx;
    struct pilot *pilot = page->pilot;
    if (pilot->event == NULL) { /* deleted in the meantime */
        if (--pilot->asking == 0)
            free(pilot);
        return;
    }
    page->answered = answer->rc == 0 && answer->status == 200 &&
                     health_parse(answer->body, front_line_id(pilot->event), &page->now);
    front_count(page->answered ? &pilot->front->stats.health_answered
                               : &pilot->front->stats.health_silent);
    assert(pilot->asking > 0);
    if (--pilot->asking == 0 && !pilot->front->closing)
        round_over(pilot);
}

void pilot_look(struct front *front, struct front_line *event)
{
    uint64_t now_us = clock_mono_us(front->loop->clock);
    if (front->loop->index != 0 || !event->view->pilot.on || event->view->stale)
        return;
    struct pilot *pilot = event->pilot;
    if (pilot == NULL) {
        pilot = calloc(1, sizeof(*pilot));
        if (pilot == NULL)
            return;
        pilot->front = front;
        pilot->event = event;
        event->pilot = pilot;
    }
    if (pilot->asking > 0 || pilot->deciding || now_us < pilot->next_us)
        return;
    pilot->next_us = now_us + front->config->autopilot_interval_ms * 1000;
    uint64_t patience_ms = 2 * front->config->autopilot_interval_ms;
    pilot->asking = front->health.len;
    for (unsigned i = 0; i < front->health.len; i++) {
        pilot->page[i].pilot = pilot;
        struct outcall call = {
            .url = front->health.url[i],
            .timeout_ms = (uint32_t)(patience_ms < PAGE_TIMEOUT_MS ? patience_ms : PAGE_TIMEOUT_MS),
            .reply_max = PAGE_BYTES_MAX,
            .on_done = on_page,
            .ctx = &pilot->page[i],
        };
        outcall_send(front->health.outcalls, &call);
    }
    if (front->health.len == 0)
        round_over(pilot); /* on without a page counts as silence, which leads to the floor */
}

void pilot_destroy(struct front_line *event)
{
    struct pilot *pilot = event->pilot;
    event->pilot = NULL;
    if (pilot == NULL)
        return;
    pilot->event = NULL;
    if (pilot->asking == 0 || pilot->front->closing)
        free(pilot); /* otherwise freed with the last pending answer */
}

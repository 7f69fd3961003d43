/* sale.c: asks each seat service for the event by name, GET /internal/events/{event}, and each page
 * of the payment service whether it is ready. One positive answer is enough. The seat service also
 * answers for sleeping events without waking them, unlike /metrics, which lists only events in
 * memory.
 *
 * An operator's act depends on the current answers, and silence counts as missing. For the alarm
 * and the visit clock (served_put()), events are checked one after the other, each every few
 * seconds unless it was seen served, and silence changes nothing: seats that are down have their
 * own alarm.
 *
 * Threading: none, the first loop owns all of it. */
#include "front/sale.h"

#include "front/front_internal.h"
#include "front/served.h"

#include "base/json_in.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    LOOK_US = 5000000,
    ANSWER_MS = 2000,
    REPLY_MAX = 4096, /* a problem document; a longer answer counts as silence */
    TOKEN_HEADER_MAX = VISITS_TOKEN_BYTES_MAX + 32,
    URL_MAX = 2048,
};

const char *const sale_part_names[SALE_PARTS + 1] = {"hall", "payment", NULL};

struct sale {
    struct front *front;
    struct page_list pages[SALE_PARTS];
    bool looking; /* for the alarm: one event at a time */
};

struct question {
    struct sale *sale;
    char event[LINE_EVENT_ID_MAX + 1];
    unsigned asking; /* calls under way */
    unsigned there;  /* one bit per part that answered yes */
    bool no_hall;
    char unready[SALE_UNREADY_MAX + 1];
    sale_on_found *on_found;
    void *ctx;
    struct sale_call {
        struct question *question;
        enum sale_part part;
    } call[SALE_PARTS * PAGES_MAX];
};

static unsigned bit(enum sale_part part)
{
    return 1u << part;
}

/* Another page's 404 says nothing about the hall. Payment's /readyz lists reasons: one suffices. */
static void read_refusal(struct question *question, enum sale_part part,
                         const struct outcall_answer *answer)
{
    struct err_slot err;
    json_t *said;
    if (part == SALE_PAYMENT)
        snprintf(question->unready, sizeof(question->unready), "it answers %u", answer->status);
    if (json_in_parse(answer->body, &err, &said) < 0)
        return;
    const char *code = json_string_value(json_object_get(said, "code"));
    const json_t *first = json_array_get(json_object_get(said, "reasons"), 0);
    const char *reason = json_string_value(json_object_get(first, "reason"));
    if (part == SALE_PAYMENT && reason != NULL)
        span_to_cstr_cut(span_of(reason), question->unready, sizeof(question->unready));
    if (part == SALE_HALL && answer->status == 404 && code != NULL &&
        strcmp(code, "event-unknown") == 0)
        question->no_hall = true;
    json_decref(said);
}

static void on_answer(void *ctx, const struct outcall_answer *answer)
{
    const struct sale_call *call = ctx;
    struct question *question = call->question;
    const struct sale *sale = question->sale;
    if (answer->rc == 0 && answer->status == 200)
        question->there |= bit(call->part);
    else if (answer->rc == 0)
        read_refusal(question, call->part, answer);
    assert(question->asking > 0);
    if (--question->asking > 0)
        return;
    unsigned known = 0; /* a part without a URL is not checked */
    for (enum sale_part part = 0; part < SALE_PARTS; part++)
        known |= sale->pages[part].len > 0 ? bit(part) : 0;
    const struct sale_found found = {
        .event = span_of(question->event),
        .missing = known & ~question->there,
        .no_hall = question->no_hall && (question->there & bit(SALE_HALL)) == 0,
        .unready = question->unready,
        .closed = sale->front->closing,
    };
    question->on_found(question->ctx, &found);
    free(question);
}

static void send_call(struct question *question, unsigned nth, enum sale_part part,
                      const char *page)
{
    struct sale *sale = question->sale;
    char url[URL_MAX], token[TOKEN_HEADER_MAX];
    const struct secret_file *secret = sale->front->keys->visits;
    struct text header = text_on(token, sizeof(token) - 1);
    question->call[nth] = (struct sale_call){question, part};
    struct outcall call = {
        .url = page,
        .timeout_ms = ANSWER_MS,
        .reply_max = REPLY_MAX,
        .on_done = on_answer,
        .ctx = &question->call[nth],
    };
    if (part == SALE_HALL) {
        int len = snprintf(url, sizeof(url), "%s/internal/events/%s", page, question->event);
        assert(len > 0 && len < (int)sizeof(url)); /* a setting has at most 1,000 bytes */
        TEXT_LIT(&header, "Authorization: Bearer ");
        text_put(&header, secret_file_span(secret));
        assert(!header.overflown);
        token[header.len] = '\0';
        call.url = url;
        call.headers[0] = token;
    }
    outcall_send(sale->pages[part].outcalls, &call);
}

int sale_ask(struct front *front, struct span event, sale_on_found *on_found, void *ctx)
{
    struct sale *sale = front->sale;
    assert(sale != NULL);
    if (front->closing)
        return ERR_CLOSED; /* an act that waited for its retry */
    struct question *question = calloc(1, sizeof(*question));
    if (question == NULL)
        return ERR_NOMEM;
    question->sale = sale;
    question->on_found = on_found;
    question->ctx = ctx;
    bool fits = span_to_cstr(event, question->event, sizeof(question->event));
    assert(fits);
    for (enum sale_part part = 0; part < SALE_PARTS; part++)
        question->asking += sale->pages[part].len;
    unsigned nth = 0;
    for (enum sale_part part = 0; part < SALE_PARTS; part++) {
        for (unsigned i = 0; i < sale->pages[part].len; i++)
            send_call(question, nth++, part, sale->pages[part].url[i]);
    }
    return 0;
}

/* Rendered here, since on_view comes only when the line changes. */
static void set_hall(struct front_line *event, bool missing, bool found)
{
    bool changes = event->hall_missing != missing;
    event->hall_missing = missing;
    event->hall_found = found;
    served_put(event);
    if (changes)
        figures_show(event);
}

static void on_looked(void *ctx, const struct sale_found *found)
{
    struct sale *sale = ctx;
    sale->looking = false;
    struct front_line *event = front_line_find(sale->front, found->event);
    if (event == NULL || found->closed)
        return;
    if (found->no_hall)
        set_hall(event, true, false);
    else if ((found->missing & bit(SALE_HALL)) == 0)
        set_hall(event, false, true);
}

void sale_look(struct front *front, struct front_line *event)
{
    struct sale *sale = front->sale;
    uint64_t now_us = clock_mono_us(front->loop->clock);
    if (sale == NULL || sale->pages[SALE_HALL].len == 0)
        return;
    /* People gather for the event, or are being let in. */
    enum line_state state = event->view->state;
    bool needs_hall = state != LINE_DRAFT && state != LINE_SOLD_OUT && state != LINE_CLOSED;
    if (!needs_hall || event->served == SERVED_YES)
        set_hall(event, false, needs_hall);
    else if (!sale->looking && now_us >= event->hall_next_us &&
             sale_ask(front, front_line_id(event), on_looked, sale) == 0) {
        sale->looking = true;
        event->hall_next_us = now_us + LOOK_US;
    }
}

int sale_create(struct front *front, struct err_slot *err)
{
    const struct front_config *config = front->config;
    if (front->loop->index != 0 ||
        (config->visits_ended_at[0] == '\0' && config->visits_paid_at[0] == '\0'))
        return 0;
    struct sale *sale = calloc(1, sizeof(*sale));
    if (sale == NULL)
        return err_set(err, ERR_NOMEM, "the look at what a sale needs");
    sale->front = front;
    const char *const lists[SALE_PARTS] = {
        [SALE_HALL] = config->visits_ended_at, [SALE_PAYMENT] = config->visits_paid_at};
    int rc = 0;
    for (enum sale_part part = 0; rc == 0 && part < SALE_PARTS; part++)
        rc = page_list_open(&sale->pages[part], front->loop->uv, lists[part], config->visits_tls_ca,
                            err);
    if (rc < 0) {
        for (enum sale_part part = 0; part < SALE_PARTS; part++)
            page_list_close(&sale->pages[part]);
        free(sale);
        return rc;
    }
    front->sale = sale;
    return 0;
}

void sale_close(struct sale *sale)
{
    if (sale == NULL)
        return;
    for (enum sale_part part = 0; part < SALE_PARTS; part++)
        page_list_close(&sale->pages[part]);
}

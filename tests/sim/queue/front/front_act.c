/* front_act.c: see front_act.h. */
#include "queue/front/front_act.h"

#include "core/event/draw_seal.h"
#include "core/event/event_state.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DOC_BYTES = 16 * 1024, DRAW_BYTES = 1024 };

struct acting {
    struct line_admin line; /* first: the store hands back a pointer to it */
    struct front *front;
    struct ask *ask;
    char doc[DOC_BYTES], seal[DRAW_SEAL_LEN_MAX], draw[DRAW_BYTES];
    struct line_codes codes;
    uint8_t digests[ASK_PRESALES][LINE_CODE_BYTES];
};

static void on_acted(struct line_admin *line)
{
    struct acting *act = (struct acting *)line;
    front_answer(act->front, act->ask, (int)line->outcome);
    free(act);
}

static bool write_document(struct acting *act, const struct line_view *view)
{
    struct event_doc_fault fault;
    struct event_doc *doc = calloc(1, sizeof(*doc));
    assert(doc != NULL);
    struct span patch = span_of(act->ask->patch), id = front_event(act->ask);
    const struct event_doc_now now = {.state = view != NULL ? view->state : LINE_DRAFT,
                                      .version = view != NULL ? view->version : 0};
    int rc = view == NULL ? event_doc_parse(patch, id, &fault, doc)
                          : event_doc_patch(view->doc, patch, id, &now, &fault, doc);
    struct text text = text_on(act->doc, sizeof(act->doc));
    if (rc == 0) {
        event_doc_json(&text, doc);
        act->line.doc = text_span(&text);
        act->line.knobs = event_doc_knobs(doc);
    }
    assert(!text.overflown);
    free(doc);
    return rc == 0;
}

/* As act.c seals seeds. */
static void seal_seeds(struct acting *act, const struct line_view *view)
{
    struct draw_seal seal;
    struct text text = text_on(act->seal, sizeof(act->seal));
    if (view != NULL && (view->draw.has_seal || view->draw.drawn))
        return;
    draw_seal_make(&act->front->house->keys, front_event(act->ask), sim_rng(SIM_SYSTEM), &seal);
    draw_seal_put(&text, &seal);
    assert(!text.overflown);
    act->line.seal = text_span(&text);
}

/* As drawing_put(). */
static void bring_draw(struct acting *act, const struct line_view *view)
{
    struct text text = text_on(act->draw, sizeof(act->draw));
    text_printf(&text, "{\"beacon\":\"lot %" PRIu64 "\",\"proof\":\"{}\",\"seeds\":\"",
                act->ask->lot);
    for (unsigned lane = 0; view->draw.has_seal && lane <= LANES_MAX; lane++) {
        uint8_t seed[DRAW_SEED_BYTES];
        bool opened = draw_seal_open(&act->front->house->keys, &view->draw.seal,
                                     front_event(act->ask), lane, seed);
        assert(opened);
        for (unsigned i = 0; i < sizeof(seed); i++)
            text_printf(&text, "%02x", seed[i]);
    }
    TEXT_LIT(&text, "\"}");
    assert(!text.overflown);
    act->line.draw = text_span(&text);
}

static void bring_move(struct acting *act, const struct line_view *view)
{
    act->line.from = view->state;
    act->line.to = act->ask->to;
    if (view->state == LINE_PRE_QUEUE && act->ask->to == LINE_OPEN)
        bring_draw(act, view);
}

/* As admin_codes.c. */
static void bring_codes(struct acting *act)
{
    const struct ask_load *load = &act->ask->load;
    struct line_codes *codes = &act->codes;
    codes->call = load->call;
    codes->lane = load->lane;
    codes->uses = load->uses;
    snprintf(codes->channel, sizeof(codes->channel), "%s", ASK_CHANNEL(load->lane));
    for (unsigned code = load->first; load->step > 0 && code <= ASK_PRESALES; code += load->step)
        ask_digest(code, act->digests[codes->len++]);
    codes->digest = (const uint8_t(*)[LINE_CODE_BYTES])act->digests;
    act->line.codes = codes;
}

static enum line_admin_call call_of(enum ask_kind kind)
{
    static const enum line_admin_call calls[] = {[ASK_CREATE] = LINE_CREATE,
                                                 [ASK_PRESALE] = LINE_CODES,
                                                 [ASK_CHANGE] = LINE_CHANGE,
                                                 [ASK_MOVE] = LINE_TRANSITION};
    return calls[kind];
}

static bool brings_document(const struct ask *ask)
{
    return ask->kind == ASK_CREATE || ask->kind == ASK_CHANGE;
}

void front_act_handle(struct front *front, struct ask *ask)
{
    const struct line_view *view = front_general(front, ask);
    struct acting *act = calloc(1, sizeof(*act));
    assert(act != NULL);
    act->front = front;
    act->ask = ask;
    act->line.on_done = on_acted;
    snprintf(act->line.event, sizeof(act->line.event), "%s", lines_event(ask->line.event));
    act->line.audit = SPAN("{\"who\":\"kim\",\"what\":\"knobs\"}");
    act->line.call = call_of(ask->kind);
    if (ask->kind != ASK_CREATE && view == NULL) { /* as answer_event_unknown() */
        front_answer(front, ask, LINE_UNKNOWN);
        free(act);
        return;
    }
    if ((ask->kind == ASK_MOVE && !event_state_may(view->state, ask->to)) ||
        (brings_document(ask) && !write_document(act, ask->kind == ASK_CREATE ? NULL : view))) {
        front_answer(front, ask, LINE_UNAVAILABLE);
        free(act);
        return;
    }
    if (ask->kind == ASK_MOVE)
        bring_move(act, view);
    if (ask->kind == ASK_PRESALE)
        bring_codes(act);
    else
        seal_seeds(act, view);
    act->line.if_version = ask->kind == ASK_CHANGE ? view->version : 0;
    line_store_admin(front->store, &act->line);
}

/* admin_draw.c: a draw is only trustworthy if its beacon was promised while nobody could know the
 * value. So each action that affects the promise goes through this file. Scheduling makes the
 * promise. A change of the document settles it again while entries are open, and cannot change it
 * afterwards. A draw by hand is refused if the promised value comes by itself. */
#include "admin/admin_draw.h"

#include "admin/admin_answer.h"
#include "api/refusal.h"
#include "front/drawing.h"

#include <assert.h>

bool admin_draw_settle(struct act *act, const struct front_line *event)
{
    const struct beacon_sources *sources = &act->front->shared->beacons;
    struct event_doc *doc = &act->doc;
    struct event_doc_fault fault = {{0}, {0}};
    bool promised = event != NULL && event->view->state != LINE_DRAFT;
    bool chosen = event == NULL || !beacon_same_choice(&event->doc.beacon, &doc->beacon);
    if (event != NULL && event->view->draw.closed) {
        if (chosen)
            fault = (struct event_doc_fault){"/beacon", "is fixed: the entries are closed"};
        else if (!event->view->draw.drawn && doc->opens_at_ms != event->doc.opens_at_ms)
            fault = (struct event_doc_fault){"/opens_at", "has passed: the entries are closed, and "
                                                          "the draw waits for its beacon"};
        doc->beacon = event->doc.beacon;
    } else if (chosen && doc->beacon.kind == BEACON_DRAND && !sources->drand) {
        fault = (struct event_doc_fault){"/beacon/kind", "cannot be asked: [beacon] of the "
                                                         "configuration does not say where"};
    } else {
        beacon_settle(&doc->beacon, promised ? &event->doc.beacon : NULL, sources, doc->opens_at_ms,
                      promised ? front_line_now_ms(act->front, event) : 0);
    }
    if (fault.rule[0] != '\0')
        admin_answer_fault(act->req, ERR_RANGE, &fault);
    return fault.rule[0] == '\0';
}

/* Whether a pre-queue may be drawn and opened by hand now. False: the request was answered. */
static bool may_draw(struct act *act, const struct front_line *event, struct span value)
{
    const struct beacon *beacon = &event->doc.beacon;
    if (event->shut == FRONT_SHUT_DOCUMENT) /* what was promised is not known */
        admin_answer_unreadable(act->req, event);
    else if (beacon->kind == BEACON_DRAND)
        refusal_say(act->req, REFUSAL_BEACON_NOT_YET,
                    "The draw was promised with a value of %s that comes after opens_at, and opens "
                    "the line by itself then. An earlier opens_at promises an earlier one.",
                    beacon_kind_name(beacon->kind));
    else if (beacon->kind == BEACON_TEXT && value.len == 0)
        refusal_say(act->req, REFUSAL_BEACON_MISSING,
                    "The draw was promised with: %s. Give its value as \"beacon\".", beacon->words);
    else if (beacon->kind == BEACON_NONE && value.len > 0)
        refusal_reply(act->req, REFUSAL_BEACON_UNPROMISED);
    else
        return true;
    return false;
}

bool admin_draw_make(struct act *act, const struct front_line *event, struct span value)
{
    char memory[2 * BEACON_WORDS_MAX + 64];
    struct text proof = text_on(memory, sizeof(memory));
    struct text draw = text_on(act->json, sizeof(act->json));
    if (!may_draw(act, event, value))
        return false;
    drawing_put_said(&proof, &event->doc.beacon, value.len > 0);
    assert(!proof.overflown);
    if (!drawing_put(act->front, event, value, text_span(&proof), &draw)) {
        refusal_say(act->req, REFUSAL_SEED_KEY,
                    "The seeds were sealed with key %u, which is not in [keys] draws.",
                    event->view->draw.seal.key_id);
        return false;
    }
    assert(!draw.overflown);
    act->line.draw = text_span(&draw);
    return true;
}

bool admin_draw_promise(struct act *act, const struct front_line *event)
{
    if (!act_may_rewrite(act, event))
        return false;
    act->doc = event->doc;
    beacon_settle(&act->doc.beacon, NULL, &act->front->shared->beacons, act->doc.opens_at_ms,
                  front_line_now_ms(act->front, event));
    act->line.if_version = event->view->version;
    return act_put_document(act);
}

/* restore_api.c: restores an event from its archive. archive.h decides whether the file is complete
 * and ours, and the document's own reader whether the document is valid. The store decides whether
 * such an event exists already, in the same step that creates it. Restoring the same file twice
 * restores once. */
#include "ended/ended.h"

#include "admin/act.h"
#include "api/answer.h"
#include "api/refusal.h"
#include "base/json_in.h"
#include "core/event/draw_seal.h"
#include "core/event/event_state.h"
#include "ended/archive.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

enum {
    RESTORE_JSON_MAX = 2 * ARCHIVE_PROOF_MAX + 8192
}; /* its proof, each quote escaped, and
       numbers */

struct restore {
    struct act act;
    struct archive archive;
    enum archive_fault fault;
    struct err_slot err;
    struct secrets *keys;
    char *json; /* restored by the script in addition to the document */
};

static void on_end(struct act *act)
{
    struct restore *restore = (struct restore *)act;
    archive_deinit(&restore->archive);
    secrets_unref(restore->keys);
    free(restore->json);
}

static void answer_restored(struct act *act)
{
    enum line_outcome outcome = act->line.outcome;
    if (outcome == LINE_OK || outcome == LINE_SAME) {
        act->created = outcome == LINE_OK;
        act_answer_seen(act);
    } else if (outcome == LINE_CONFLICT) {
        refusal_reply(act->req, REFUSAL_EVENT_EXISTS);
    } else {
        act_done(act);
    }
}

static void refuse_archive(struct act *act, enum archive_fault fault, const char *why)
{
    static const enum refusal by_fault[] = {
        [ARCHIVE_UNREADABLE] = REFUSAL_ARCHIVE_UNREADABLE,
        [ARCHIVE_OTHER] = REFUSAL_ARCHIVE_FORMAT,
        [ARCHIVE_INCOMPLETE] = REFUSAL_ARCHIVE_INCOMPLETE,
        [ARCHIVE_TAMPERED] = REFUSAL_ARCHIVE_TAMPERED,
        [ARCHIVE_KEY_MISSING] = REFUSAL_ARCHIVE_KEY,
    };
    assert(fault != ARCHIVE_GOOD);
    if (fault == ARCHIVE_NO_MEMORY)
        answer_overloaded(act->req);
    else
        refusal_say(act->req, by_fault[fault], "%s", why);
}

/* The archived document, and the rest for the script. False: the request was answered. */
static bool read_archived(struct restore *restore)
{
    struct act *act = &restore->act;
    const struct archive *archive = &restore->archive;
    struct event_doc_fault fault = {{0}, {0}};
    struct text doc = text_on(act->json, sizeof(act->json));
    json_in_put(&doc, archive->document);
    int rc = doc.overflown ? ERR_RANGE
                           : event_doc_load(text_span(&doc), archive->event, &fault, &act->doc);
    if (rc < 0) {
        refuse_archive(act, rc == ERR_NOMEM ? ARCHIVE_NO_MEMORY : ARCHIVE_UNREADABLE,
                       "Its document cannot be read by this program.");
        return false;
    }
    if (json_array_size(json_object_get(archive->restore, "lines")) != 1 + act->doc.lanes_len) {
        refuse_archive(act, ARCHIVE_UNREADABLE, "It does not tell of each of its lanes.");
        return false;
    }
    restore->json = malloc(RESTORE_JSON_MAX);
    struct text json = text_on(restore->json, restore->json != NULL ? RESTORE_JSON_MAX : 0);
    if (restore->json != NULL)
        json_in_put(&json, archive->restore);
    if (restore->json == NULL || json.overflown) {
        answer_overloaded(act->req);
        return false;
    }
    act->line.doc = text_span(&doc);
    act->line.knobs = event_doc_knobs(&act->doc);
    act->line.draw = text_span(&json);
    act->has_doc = true;
    return true;
}

/* Additional needs of a running event: the key for a pending draw, and the operator's confirmation
 * if the draw may have been held since. The file cannot tell, and a second draw would give out
 * different places. False: the request was answered. */
static bool judge_draw(struct act *act, const struct archive *archive)
{
    uint64_t now_ms = clock_wall_us(act->front->loop->clock) / 1000;
    struct draw_seal seal;
    act->line.to = (enum line_state)archive->state;
    if (act->line.to == LINE_SCHEDULED && act->doc.prequeue_at_ms > 0 &&
        act->doc.prequeue_at_ms <= now_ms)
        act->line.to = LINE_PRE_QUEUE; /* there may be entries already */
    if (act->line.to > LINE_PRE_QUEUE || archive->drawn || !draw_seal_parse(archive->seal, &seal))
        return true;
    for (unsigned lane = 0; lane <= act->doc.lanes_len; lane++) {
        uint8_t seed[DRAW_SEED_BYTES];
        bool opened = draw_seal_open(&act->front->keys->draws, &seal, archive->event, lane, seed);
        sodium_memzero(seed, sizeof(seed));
        if (opened)
            continue;
        refusal_say(act->req, REFUSAL_SEED_KEY,
                    "Its draw is still to be held, by key %u of [keys] draws, which is not here.",
                    (unsigned)seal.key_id);
        return false;
    }
    bool due = act->doc.opens_at_ms > 0 && act->doc.opens_at_ms <= now_ms;
    if (act->line.to == LINE_PRE_QUEUE && due && !archive->closed_entries &&
        !span_eq(http_req_query_arg(act->req, SPAN("redraw")), SPAN("true"))) {
        refusal_reply(act->req, REFUSAL_DRAW_UNKNOWN);
        return false;
    }
    return true;
}

/* Off the loop: the archive may have megabytes. */
static void read_archive(void *ctx)
{
    struct restore *restore = ctx;
    restore->fault = archive_read(http_req_body(restore->act.req), &restore->keys->draws,
                                  &restore->err, &restore->archive);
}

static void on_archive_read(void *ctx)
{
    struct restore *restore = ctx;
    struct act *act = &restore->act;
    const struct archive *archive = &restore->archive;
    struct span event = archive->event;
    if (restore->fault != ARCHIVE_GOOD) {
        refuse_archive(act, restore->fault, restore->err.text);
    } else if (!span_eq(event, span_of(act->line.event))) {
        refusal_say(act->req, REFUSAL_ARCHIVE_OF_ANOTHER, "It is the archive of the event %.*s.",
                    (int)event.len, event.ptr);
    } else if (read_archived(restore) && judge_draw(act, archive)) {
        char memory[256];
        struct text to = text_on(memory, sizeof(memory));
        json_open(&to, '{');
        json_member_u64(&to, "version", archive->version);
        json_member_cstr(&to, "state", event_state_name(act->line.to));
        json_member_str(&to, "incarnation", archive->incarnation);
        json_close(&to, '}');
        assert(!to.overflown);
        act_audit(act, "restore", SPAN("null"), text_span(&to));
        act->line.incarnation = archive->incarnation;
        act->line.if_version = archive->version;
        act_ask(act, LINE_RESTORE, answer_restored);
    }
}

static void on_restore(struct http_req *req)
{
    struct front *front = front_of(req);
    if (!front->complete) {
        answer_starting(req);
        return;
    }
    struct restore *restore = act_begin(req, sizeof(*restore), NULL);
    if (restore == NULL)
        return;
    restore->keys = secrets_ref(front->keys);
    restore->act.on_end = on_end;
    act_read(&restore->act, read_archive, on_archive_read);
}

const struct http_route restore_api_routes[] = {
    {HTTP_METHOD_POST, "/admin/events/{event}/actions/restore", on_restore, NULL, RESTORE_BODY_MAX},
    {.pattern = NULL},
};

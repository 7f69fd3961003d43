/* invite_api.c: hands out invitation codes for a lane.
 *
 * Nothing is kept of an invitation: a code is computed from its number and a key
 * (core/token/invitation.c). So the list is made again each time it is read, and the event's
 * document says up to which number codes are good. Lowering that number takes back the
 * invitations above it. */
#include "admin/admin.h"

#include "api/answer.h"
#include "api/refusal.h"
#include "core/token/invitation.h"
#include "front/front.h"

#include <stdlib.h>

enum { ROWS_DEFAULT = 100, ROWS_MAX = 1000, ROW_BYTES = 64 };

static bool read_number(const struct http_req *req, struct span name, uint64_t max, uint64_t *out)
{
    struct span given = http_req_query_arg(req, name);
    return given.ptr == NULL || (span_u64(given, max, out) && *out > 0);
}

static void put_rows(struct text *json, const struct front_line *event, struct invitation first,
                     uint64_t upto)
{
    json_open(json, '[');
    for (struct invitation one = first; one.number <= upto; one.number++) {
        char memory[INVITATION_TEXT_LEN];
        struct text code = text_on(memory, sizeof(memory));
        invitation_put(&code, &event->identity->codes, front_line_id(event), one);
        json_open(json, '{');
        json_member_u64(json, "number", one.number);
        json_member_str(json, "code", text_span(&code));
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void on_invitations(struct http_req *req)
{
    const struct front *front = front_of(req);
    const struct front_line *event = answer_unless_event(req, front);
    if (event == NULL)
        return;
    if (event->shut != FRONT_OPEN) {
        answer_shut(req, front_line_id(event), event->shut);
        return;
    }
    unsigned lane = event_doc_lane(&event->doc, http_req_param(req, 1));
    if (lane == 0 || lane > event->doc.lanes_len) {
        refusal_reply(req, REFUSAL_LANE_UNKNOWN);
        return;
    }
    uint64_t from = 1, limit = ROWS_DEFAULT;
    if (!read_number(req, SPAN("from"), INVITATIONS_MAX, &from) ||
        !read_number(req, SPAN("limit"), ROWS_MAX, &limit)) {
        refusal_say(req, REFUSAL_LIMIT, "from is a number from 1 to %d, limit from 1 to %d.",
                    INVITATIONS_MAX, ROWS_MAX);
        return;
    }
    uint64_t good = event->doc.lane[lane - 1].invitations;
    uint64_t upto = from + limit - 1 < good ? from + limit - 1 : good;
    size_t cap = (size_t)(limit * ROW_BYTES) + 512;
    char *memory = malloc(cap);
    if (memory == NULL) {
        answer_overloaded(req);
        return;
    }
    struct text json = text_on(memory, cap);
    json_open(&json, '{');
    json_member_str(&json, "event", front_line_id(event));
    json_member_cstr(&json, "lane", event->doc.lane[lane - 1].id);
    json_member_u64(&json, "good", good);
    json_key(&json, "invitations");
    put_rows(&json, event, (struct invitation){(uint8_t)lane, (uint32_t)from}, upto);
    json_close(&json, '}');
    answer_json(req, 200, &json, NULL);
    free(memory);
}

const struct http_route invite_api_routes[] = {
    {HTTP_METHOD_GET, "/admin/events/{event}/lanes/{lane}/invitations", on_invitations, NULL, 0},
    {.pattern = NULL},
};

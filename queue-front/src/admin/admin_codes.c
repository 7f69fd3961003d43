/* admin_codes.c: loads, counts and deletes presale codes. Codes arrive in clear text or as SHA-256.
 * Either way only digests leave this file, keyed with the event and its identity, so neither Redis
 * nor the audit trail can reveal a code. Answers contain only numbers, by lane and channel. */
#include "admin/admin.h"

#include "admin/act.h"
#include "api/answer.h"
#include "api/refusal.h"
#include "base/json_in.h"
#include "core/token/presale.h"

#include <assert.h>

struct codes_act {
    struct act act;
    struct line_codes codes;
    /* Of the body: */
    int unread, rc;
    struct err_slot err;
    char lane[EVENT_LANE_ID_MAX + 1];
    uint8_t sha[CODES_PUT_MAX][PRESALE_SHA_BYTES];
};

static const char *lane_id(const struct event_doc *doc, unsigned lane)
{
    return lane > 0 && lane <= doc->lanes_len ? doc->lane[lane - 1].id : "general";
}

/* Only numbers, no codes. */
static void answer_groups(struct codes_act *codes, const struct front_line *event)
{
    struct act *act = &codes->act;
    struct text json = text_on(act->json, sizeof(act->json));
    json_open(&json, '{');
    json_member_cstr(&json, "event", act->line.event);
    if (codes->codes.call == LINE_CODES_PUT)
        json_member_u64(&json, "added", codes->codes.added);
    json_member_open(&json, "codes", '[');
    for (uint32_t i = 0; i < codes->codes.groups_len; i++) {
        const struct line_code_group *group = &codes->codes.group[i];
        json_open(&json, '{');
        json_member_cstr(&json, "lane", lane_id(&event->doc, group->lane));
        if (group->channel[0] != '\0')
            json_member_cstr(&json, "channel", group->channel);
        else
            json_member_null(&json, "channel");
        json_member_u64(&json, "codes", group->codes);
        json_member_u64(&json, "uses", group->uses);
        json_member_u64(&json, "used", group->used);
        json_close(&json, '}');
    }
    json_close(&json, ']');
    json_close(&json, '}');
    assert(!json.overflown);
    answer_json(act->req, 200, &json, NULL);
}

static void answer_codes(struct act *act)
{
    const struct front_line *event = act_event(act);
    enum line_outcome outcome = act->line.outcome;
    if (outcome == LINE_GONE) {
        act_done(act);
    } else if (outcome == LINE_EXHAUSTED) {
        refusal_say(act->req, REFUSAL_CODES_FULL,
                    "An event has at most 100,000 codes, of %d lanes and channels. None of these "
                    "was loaded.",
                    CODE_GROUPS_MAX);
    } else if (outcome == LINE_OK && event != NULL) {
        answer_groups((struct codes_act *)act, event);
    } else {
        if (event == NULL)
            act->line.outcome = LINE_UNKNOWN;
        act_refuse(act);
    }
}

static void read_codes(struct codes_act *codes, struct json_in *in, bool plain)
{
    const char *name = plain ? "codes" : "digests";
    json_t *list;
    if (!json_in_array(in, name, 1, CODES_PUT_MAX, &list))
        return;
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct span text;
        if (!json_in_item_str(in, name, list, i, 1, PRESALE_INPUT_MAX, &text))
            return;
        if (!(plain ? presale_digest(text, codes->sha[i])
                    : span_hex(text, codes->sha[i], PRESALE_SHA_BYTES))) {
            json_in_refuse(in, name,
                           plain ? "must be of 4 to 64 visible ASCII characters each"
                                 : "must be SHA-256 in hex each");
            return;
        }
    }
    codes->codes.len = (uint32_t)json_array_size(list);
}

/* {"lane", "channel", "uses", "codes" or "digests"}; off the loop. */
static void read_load(void *ctx)
{
    struct codes_act *codes = ctx;
    json_t *json;
    codes->unread = json_in_parse(http_req_body(codes->act.req), &codes->err, &json);
    if (codes->unread < 0)
        return;
    struct json_in in;
    struct span lane = SPAN("general"), channel = SPAN("");
    json_in_object(&in, json, &codes->err);
    if (json_in_has(&in, "lane"))
        json_in_str(&in, "lane", 1, EVENT_LANE_ID_MAX, &lane);
    if (json_in_has(&in, "channel"))
        json_in_str(&in, "channel", 1, LINE_CHANNEL_MAX, &channel);
    codes->codes.uses = 1;
    if (json_in_has(&in, "uses"))
        json_in_u64(&in, "uses", 0, CODE_USES_MAX, &codes->codes.uses);
    if (!span_to_cstr(lane, codes->lane, sizeof(codes->lane)))
        json_in_refuse(&in, "lane", "must be a lane of this event");
    if (!span_is_visible(channel) || span_has_any(channel, "\"\\") ||
        !span_to_cstr(channel, codes->codes.channel, sizeof(codes->codes.channel)))
        json_in_refuse(&in, "channel", "must be of visible ASCII characters");
    bool plain = json_in_has(&in, "codes");
    if (plain == json_in_has(&in, "digests"))
        json_in_refuse(&in, "codes", "give either codes or digests");
    else
        read_codes(codes, &in, plain);
    codes->rc = json_in_end(&in);
    json_decref(json);
}

static void on_load_read(void *ctx)
{
    struct codes_act *codes = ctx;
    if (codes->unread < 0)
        answer_body_unread(codes->act.req, &codes->err);
    else if (codes->rc < 0)
        refusal_say(codes->act.req, REFUSAL_CODES, "%s", codes->err.text);
    else
        act_try(&codes->act);
}

/* Converts the digests to the stored form. False: answered. */
static bool sign_codes(struct codes_act *codes, const struct front_line *event)
{
    uint8_t(*digests)[LINE_CODE_BYTES] = (void *)codes->act.json;
    static_assert((int)CODES_PUT_MAX * (int)LINE_CODE_BYTES <= (int)EVENT_DOC_BYTES_MAX, "room");
    codes->codes.lane = event_doc_lane(&event->doc, span_of(codes->lane));
    if (codes->codes.lane > event->doc.lanes_len) {
        refusal_say(codes->act.req, REFUSAL_CODES, "/lane: must be a lane of this event");
        return false;
    }
    for (uint32_t i = 0; i < codes->codes.len; i++)
        presale_sign(&event->identity->codes, front_line_id(event), codes->sha[i], digests[i]);
    codes->codes.digest = (const uint8_t(*)[LINE_CODE_BYTES])digests;
    return true;
}

static void audit_codes(struct codes_act *codes, const struct front_line *event)
{
    char memory[512];
    struct text to = text_on(memory, sizeof(memory));
    if (codes->codes.call == LINE_CODES_DROP) {
        act_audit(&codes->act, "codes-deleted", SPAN("null"), SPAN("null"));
        return;
    }
    json_open(&to, '{');
    json_member_cstr(&to, "lane", lane_id(&event->doc, codes->codes.lane));
    json_member_cstr(&to, "channel", codes->codes.channel);
    json_member_u64(&to, "uses", codes->codes.uses);
    json_member_u64(&to, "codes", codes->codes.len);
    json_close(&to, '}');
    assert(!to.overflown);
    act_audit(&codes->act, "codes", SPAN("null"), text_span(&to));
}

static void ask_codes(struct act *act, const struct front_line *event)
{
    struct codes_act *codes = (struct codes_act *)act;
    enum line_codes_call call = codes->codes.call;
    if (event->shut != FRONT_OPEN) {
        answer_shut(act->req, front_line_id(event), event->shut);
    } else if (call != LINE_CODES_PUT || sign_codes(codes, event)) {
        if (call != LINE_CODES_COUNT)
            audit_codes(codes, event);
        act->line.codes = &codes->codes;
        act_ask(act, LINE_CODES, answer_codes);
    }
}

/* Also for an event that ended long ago: it is loaded first. */
static void begin(struct http_req *req, enum line_codes_call call)
{
    struct codes_act *codes = act_begin(req, sizeof(*codes), ask_codes);
    if (codes == NULL)
        return;
    codes->codes.call = call;
    if (call == LINE_CODES_PUT)
        act_read(&codes->act, read_load, on_load_read);
    else
        act_try(&codes->act);
}

static void on_codes_put(struct http_req *req)
{
    begin(req, LINE_CODES_PUT);
}

static void on_codes_count(struct http_req *req)
{
    begin(req, LINE_CODES_COUNT);
}

static void on_codes_drop(struct http_req *req)
{
    begin(req, LINE_CODES_DROP);
}

const struct http_route admin_codes_routes[] = {
    {HTTP_METHOD_PUT, "/admin/events/{event}/codes", on_codes_put, NULL, CODES_BODY_MAX},
    {HTTP_METHOD_GET, "/admin/events/{event}/codes", on_codes_count, NULL, 0},
    {HTTP_METHOD_DELETE, "/admin/events/{event}/codes", on_codes_drop, NULL, 0},
    {.pattern = NULL},
};

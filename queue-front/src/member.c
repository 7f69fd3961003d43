/* member.c: the token's signature costs us some fifty times a hash, so it is looked at only where
 * an event asks for members, after any work that it asks for. */
#include "member.h"

#include "answer.h"
#include "member_keys.h"

#include "core/pass.h"
#include "crypto/jwt.h"

/* 0, or as jwt_verify(); ERR_NOT_FOUND: there is no token, or nobody whose tokens we believe;
 * ERR_UNKNOWN: the key it names may yet come. */
static int member_of(const struct http_req *req, const struct front *front,
                     const struct front_event *event, bool run_out_ok, struct visitor *out,
                     unsigned *lane)
{
    struct span token = span_trim(http_req_header_named(req, SPAN("X-Member-Token")));
    if (token.len == 0)
        token = http_req_cookie(req, SPAN(MEMBER_COOKIE));
    const struct jwks *keys = member_keys_now(front);
    if (token.len > 0 && member_keys_awaited(front))
        return ERR_UNKNOWN;
    if (keys == NULL || token.len == 0)
        return ERR_NOT_FOUND;
    const struct jwt_rules rules = {
        .typ = MEMBER_TYPE,
        .iss = front->config->members_issuer,
        .aud = front->config->members_audience,
        .leeway_s = PASS_LEEWAY_S,
        .run_out_ok = run_out_ok,
        .clock = front->loop->clock,
    };
    struct err_slot err;
    struct jwt jwt;
    int rc = jwt_verify(keys, &rules, token, &err, &jwt);
    if (rc == ERR_UNKNOWN && !member_keys_doubt(front))
        return ERR_AUTH;
    if (rc < 0)
        return rc;
    struct span sub = jwt.claims.sub;
    if (sub.len > 0)
        *out = visitor_by_member(front->keys->visitors, front_event_id(event), sub);
    const json_t *claim = json_object_get(jwt.payload, "lane");
    unsigned found = LANES_MAX + 1;
    if (json_is_string(claim))
        found = event_doc_lane(&event->doc,
                               (struct span){json_string_value(claim), json_string_length(claim)});
    *lane = found <= LANES_MAX ? found : 0;
    jwt_deinit(&jwt);
    return sub.len > 0 ? 0 : ERR_AUTH;
}

bool member_check(struct http_req *req, const struct front *front, const struct front_event *event,
                  struct visitor *member, unsigned *lane)
{
    *member = (struct visitor){.has_idem = false};
    *lane = 0;
    if (!event->doc.member_required && event->doc.lanes_len == 0)
        return true;
    int rc = member_of(req, front, event, false, member, lane);
    if (event->doc.member_required) {
        if (rc < 0)
            answer_member_required(req, rc, event->id);
        return rc == 0;
    }
    if (rc < 0 || *lane == 0) { /* a line for everybody needs no token; one may open a lane */
        *member = (struct visitor){.has_idem = false};
        *lane = 0;
    }
    return true;
}

bool member_holds(struct http_req *req, const struct front *front, const struct front_event *event,
                  const uint8_t visitor[LINE_VISITOR_BYTES])
{
    struct visitor member;
    unsigned lane;
    int rc = member_of(req, front, event, true, &member, &lane);
    if (rc < 0) {
        answer_member_required(req, rc, event->id);
        return false;
    }
    if (memcmp(member.id, visitor, LINE_VISITOR_BYTES) == 0)
        return true;
    http_problem(req, 403, "member-differs", "This place is another member's.");
    return false;
}

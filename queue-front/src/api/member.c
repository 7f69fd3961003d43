/* member.c: identifies the shop's member behind a request. Verifying a token's signature costs some
 * fifty hashes, so it is done only for events that require members, and only after any proof of
 * work. An unknown key may be new, so the shop's keys are fetched before the token is rejected. */
#include "api/member.h"

#include "api/answer.h"
#include "api/refusal.h"
#include "base/ip.h"
#include "front/member_keys.h"

#include "core/token/pass.h"
#include "crypto/jwt.h"
#include "front_limits.h"

enum { MEMBER_LEEWAY_S = 5 }; /* the shop's clock may differ */

struct found {
    struct visitor visitor;
    struct member_name name;
    unsigned lane;
    bool holds; /* the ticket's visitor is this member */
};

/* Tries every identity key: a ticket that outlived a Redis and its fronts may be older than its
 * event's current key. */
static bool is_visitor(const struct front *front, struct span event, struct span sub,
                       const uint8_t visitor[LINE_VISITOR_BYTES])
{
    const struct identity_ring *ring = &front->keys->identities;
    bool found = false;
    for (uint32_t i = 0; i < ring->len; i++) {
        struct visitor member = visitor_by_member(ring->key[i].visitors, event, sub);
        found |= memcmp(member.id, visitor, LINE_VISITOR_BYTES) == 0;
    }
    return found;
}

static struct span token_of(const struct http_req *req)
{
    struct span token = span_trim(http_req_header_named(req, SPAN("X-Member-Token")));
    return token.len > 0 ? token : http_req_cookie(req, SPAN(MEMBER_COOKIE));
}

bool member_shows_token(const struct http_req *req, const struct front_line *event)
{
    return (event->doc.member_required || event->doc.lanes_len > 0) && token_of(req).len > 0;
}

/* 0, or as jwt_verify(). ERR_NOT_FOUND: no token, or no issuer is trusted; ERR_UNKNOWN: its key may
 * still arrive. */
static int member_of(const struct http_req *req, struct front *front,
                     const struct front_line *event,
                     const uint8_t holder_or_null[LINE_VISITOR_BYTES], struct found *out)
{
    struct span id = front_line_id(event), token = token_of(req);
    const struct jwks *keys = member_keys_now(front);
    if (token.len > 0 && member_keys_awaited(front))
        return ERR_UNKNOWN;
    if (keys == NULL || token.len == 0)
        return ERR_NOT_FOUND;
    const struct jwt_rules rules = {
        .typ = MEMBER_TYPE,
        .iss = front->config->members_issuer,
        .aud = front->config->members_audience,
        .leeway_s = MEMBER_LEEWAY_S,
        .run_out_ok = holder_or_null != NULL,
        .clock = front->loop->clock,
    };
    uint8_t site[IP_BYTES];
    ip_site(http_req_addr(req), site);
    struct span who = {(const char *)site, sizeof(site)};
    uint64_t now_ms = http_server_now_us(http_req_server(req)) / 1000;
    if (tally_wait_ms(&front->tokens_wrong, who, TOKENS_WRONG_MAX, now_ms) > 0) {
        front_count(&front->stats.refused_unchecked);
        return ERR_FULL;
    }
    struct err_slot err;
    struct jwt jwt;
    int rc = jwt_verify(keys, &rules, token, &err, &jwt);
    if (rc == ERR_AUTH)
        tally_add(&front->tokens_wrong, who, now_ms);
    if (rc == ERR_UNKNOWN && !member_keys_doubt(front))
        return ERR_AUTH;
    if (rc < 0)
        return rc;
    struct span sub = jwt.claims.sub;
    bool named = sub.len > 0;
    if (named) {
        out->name = member_name_make(id, sub);
        if (holder_or_null != NULL)
            out->holds = is_visitor(front, front_line_scope(event), sub, holder_or_null);
        else
            out->visitor =
                visitor_by_member(event->identity->visitors, front_line_scope(event), sub);
    }
    const json_t *claim = json_object_get(jwt.payload, "lane");
    unsigned found = LANES_MAX + 1;
    if (json_is_string(claim))
        found = event_doc_lane(&event->doc,
                               (struct span){json_string_value(claim), json_string_length(claim)});
    out->lane = found <= LANES_MAX ? found : 0;
    jwt_deinit(&jwt);
    return named ? 0 : ERR_AUTH;
}

bool member_check(struct http_req *req, struct front *front, const struct front_line *event,
                  struct visitor *member, unsigned *lane)
{
    *member = (struct visitor){.has_idem = false};
    *lane = 0;
    if (!event->doc.member_required && event->doc.lanes_len == 0)
        return true;
    struct found found;
    int rc = member_of(req, front, event, NULL, &found);
    /* A key that is being fetched may open a lane: a place in the general line would lose it. */
    bool awaits = rc == ERR_UNKNOWN && member_keys_doubt(front);
    if (rc == ERR_FULL || rc == ERR_NOMEM || awaits || (rc < 0 && event->doc.member_required)) {
        answer_member_required(req, rc, event->id);
        return false;
    }
    /* A line for everybody needs no token, but a token may open a lane. */
    if (rc == 0 && (event->doc.member_required || found.lane > 0)) {
        *member = found.visitor;
        *lane = found.lane;
    }
    return true;
}

unsigned member_lane(const struct http_req *req, struct front *front,
                     const struct front_line *event)
{
    struct found found;
    if (event->shut != FRONT_OPEN || event->doc.lanes_len == 0 ||
        member_of(req, front, event, NULL, &found) < 0)
        return 0;
    return found.lane;
}

bool member_holds(struct http_req *req, struct front *front, const struct front_line *event,
                  const uint8_t visitor[LINE_VISITOR_BYTES], struct member_name *name_or_null)
{
    struct found found;
    int rc = member_of(req, front, event, visitor, &found);
    if (rc < 0) {
        answer_member_required(req, rc, event->id);
        return false;
    }
    if (found.holds) {
        if (name_or_null != NULL)
            *name_or_null = found.name;
        return true;
    }
    answer_refusal(req, front_line_id(event), REFUSAL_MEMBER_DIFFERS);
    return false;
}

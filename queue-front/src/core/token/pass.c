/* pass.c: the claims of a pass: iss, aud (the event), sub (the session), jti (the session's MAC,
 * which is as unique as the session), iat and exp; place and visitor, for tracing. A member's pass
 * has `member`: payment compares it with the logged-in account, and the seat service counts a
 * member's seats over all visits. `incarnation` identifies the event among those with this id.
 * `channel` names the seats that a presale code opened when the place was taken.
 *
 * A pass lives as long as its session does without a heartbeat, and each heartbeat brings the next
 * one. It ends with the last whole second of the session, and readers allow no leeway: while a pass
 * is valid its slot is held, so no more than `max_active` are inside. */
#include "core/token/pass.h"

#include "base/base64.h"

#include <assert.h>

static struct span jti_of(struct span session)
{
    /* The last 22 characters of the tail cover exactly the MAC. */
    enum { JTI_LEN = 22 };
    assert(session.len > JTI_LEN);
    assert(memchr(session.ptr + session.len - JTI_LEN, '.', JTI_LEN) == NULL); /* of the tail */
    return span_skip(session, session.len - JTI_LEN);
}

int pass_put(struct text *out, const struct jwks *keys, const char *issuer,
             const struct pass_grant *grant, struct err_slot *err)
{
    const struct jwks_key *key = jwks_signer(keys);
    if (key == NULL)
        return err_set(err, ERR_NOT_FOUND, "no key to sign passes with");
    assert(grant->event.len > 0 && grant->event.len <= LINE_EVENT_ID_MAX);
    assert(grant->session.len <= SESSION_LEN_MAX && grant->place > 0);
    char memory[288];
    struct text extra = text_on(memory, sizeof(memory));
    json_member_u64(&extra, "place", grant->place);
    json_member_u64(&extra, "ends", grant->ends_s);
    TEXT_LIT(&extra, ",\"visitor\":\"");
    base64_put(&extra, grant->visitor, sizeof(grant->visitor));
    text_char(&extra, '"');
    if (grant->member.text[0] != '\0')
        json_member_cstr(&extra, "member", grant->member.text);
    if (grant->incarnation.len > 0)
        json_member_str(&extra, "incarnation", grant->incarnation);
    if (grant->channel.len > 0)
        json_member_str(&extra, "channel", grant->channel);
    assert(!extra.overflown);
    struct jwt_claims claims = {
        .iss = span_of(issuer),
        .aud = grant->event,
        .sub = grant->session,
        .jti = jti_of(grant->session),
        /* Expiry uses Redis's clock and issue uses ours, which may be ahead, and a session may be
         * in its last second. Readers compare `exp`; `iat` only has to be earlier. */
        .iat_s = grant->now_s < grant->expires_s ? grant->now_s : grant->expires_s - 1,
        .exp_s = grant->expires_s,
        .extra = text_span(&extra),
    };
    return jwt_sign(key, PASS_TYPE, &claims, err, out);
}

static int read_claims(const struct jwt *jwt, struct err_slot *err, struct pass *out)
{
    struct pass pass = {.expires_s = jwt->claims.exp_s};
    const json_t *place = json_object_get(jwt->payload, "place");
    const json_t *ends = json_object_get(jwt->payload, "ends");
    const json_t *visitor = json_object_get(jwt->payload, "visitor");
    const json_t *member = json_object_get(jwt->payload, "member");
    if (!span_to_cstr(jwt->claims.sub, pass.session, sizeof(pass.session)) ||
        !json_is_integer(place) || json_integer_value(place) <= 0 ||
        line_lane_of((uint64_t)json_integer_value(place)) > LANES_MAX || !json_is_integer(ends) ||
        json_integer_value(ends) <= 0 || !json_is_string(visitor))
        return err_set(err, ERR_AUTH, "pass without session, place, end or visitor");
    struct span visitor_text = {json_string_value(visitor), json_string_length(visitor)};
    if (!base64_decode_exact(visitor_text, pass.visitor, sizeof(pass.visitor)))
        return err_set(err, ERR_AUTH, "pass with a visitor that is none of ours");
    struct span name = {json_string_value(member), json_string_length(member)};
    if (member != NULL && (!json_is_string(member) ||
                           !span_to_cstr(name, pass.member.text, sizeof(pass.member.text))))
        return err_set(err, ERR_AUTH, "pass with a member that is none of ours");
    const json_t *incarnation = json_object_get(jwt->payload, "incarnation");
    struct span which = {json_string_value(incarnation), json_string_length(incarnation)};
    if (incarnation != NULL && (!json_is_string(incarnation) || !line_incarnation_ok(which) ||
                                !span_to_cstr(which, pass.incarnation, sizeof(pass.incarnation))))
        return err_set(err, ERR_AUTH, "pass with an incarnation that is none of ours");
    const json_t *channel = json_object_get(jwt->payload, "channel");
    struct span opened = {json_string_value(channel), json_string_length(channel)};
    if (channel != NULL &&
        (!json_is_string(channel) || !span_to_cstr(opened, pass.channel, sizeof(pass.channel))))
        return err_set(err, ERR_AUTH, "pass with a channel that is none of ours");
    pass.place = (uint64_t)json_integer_value(place);
    pass.ends_s = (uint64_t)json_integer_value(ends);
    assert(pass.place > 0 && pass.ends_s > 0 && pass.session[0] != '\0');
    *out = pass;
    return 0;
}

int pass_session(const struct mac_ring *ring, struct span event, struct span token,
                 struct session *out)
{
    static const struct span mark = {"\"sub\":\"", 7};
    char memory[PASS_LEN_MAX];
    struct span header, payload, name;
    struct span rest = span_cut(token, '.', &header);
    size_t len;
    if (token.len > PASS_LEN_MAX || rest.ptr == NULL || span_cut(rest, '.', &payload).ptr == NULL ||
        payload.len == 0 || !base64_decode(payload, memory, sizeof(memory), &len))
        return ERR_SYNTAX;
    /* In our own format, without spaces; a quote inside a text has a backslash before it. */
    const char *at = memmem(memory, len, mark.ptr, mark.len);
    if (at == NULL)
        return ERR_SYNTAX;
    size_t behind = (size_t)(at - memory) + mark.len;
    if (span_cut((struct span){memory + behind, len - behind}, '"', &name).ptr == NULL)
        return ERR_SYNTAX;
    struct session session;
    int rc = session_parse(ring, name, &session);
    if (rc < 0)
        return rc;
    if (!span_eq(session.event, event))
        return ERR_AUTH;
    session.event = event;
    assert(session.place > 0);
    *out = session;
    return 0;
}

int pass_verify(const struct jwks *keys, const char *issuer, struct span event, struct span token,
                const struct clock *clock, bool run_out_ok, struct err_slot *err, struct pass *out)
{
    char audience[LINE_EVENT_ID_MAX + 1];
    if (!span_to_cstr(event, audience, sizeof(audience)))
        return err_set(err, ERR_AUTH, "event of %zu bytes", event.len);
    struct jwt_rules rules = {
        .typ = PASS_TYPE,
        .iss = issuer,
        .aud = audience,
        .iat_ahead_ok = true,
        .clock = clock,
        .run_out_ok = run_out_ok,
    };
    struct jwt jwt;
    int rc = jwt_verify(keys, &rules, token, err, &jwt);
    if (rc < 0)
        return rc == ERR_UNKNOWN ? ERR_AUTH
                                 : rc; /* passes use our own keys: no others can arrive */
    rc = read_claims(&jwt, err, out);
    jwt_deinit(&jwt);
    return rc;
}

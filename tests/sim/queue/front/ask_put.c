/* ask_put.c: the HTTP requests of browsers and operators' tools. */
#include "queue/front/proc.h"

#include "base/base64.h"
#include "core/token/invitation.h"
#include "core/token/visitor.h"
#include "crypto/jwt.h"

#include <assert.h>
#include <inttypes.h>

enum { TOKEN_S = 30 * 86400, BODY_MAX = 1024 };

static void put_member(struct text *out, const struct ask *ask)
{
    char sub_memory[24], lane_memory[64];
    struct text sub = text_on(sub_memory, sizeof(sub_memory));
    struct text lane = text_on(lane_memory, sizeof(lane_memory));
    struct err_slot err;
    text_u64(&sub, ask->member);
    if (ask->asked_lane > 0)
        json_member_cstr(&lane, "lane", lines_lane(ask->asked_lane));
    const struct jwt_claims claims = {.iss = SPAN(ASK_SHOP),
                                      .aud = SPAN(GUEST_ISSUER),
                                      .sub = text_span(&sub),
                                      .iat_s = SIM_EPOCH_S - TOKEN_S,
                                      .exp_s = SIM_EPOCH_S + TOKEN_S,
                                      .extra = text_span(&lane)};
    TEXT_LIT(out, "X-Member-Token: ");
    int rc = jwt_sign(proc_fleet()->shop, MEMBER_TYPE, &claims, &err, out);
    assert(rc == 0);
    TEXT_LIT(out, "\r\n");
}

static void put_invitation(struct text *out, const struct ask *ask)
{
    const struct invitation invitation = {.lane = (uint8_t)ask->asked_lane,
                                          .number = (uint32_t)ask->invitation};
    TEXT_LIT(out, "X-Invitation: ");
    invitation_put(out, &proc_fleet()->keys->identities.key[0].codes,
                   span_of(lines_event(ask->line.event)), invitation);
    TEXT_LIT(out, "\r\n");
}

/* ---- bodies ---- */

static void put_codes(struct text *body, const struct ask_load *load)
{
    const char *channel = ASK_CHANNEL(load->lane);
    char code[ASK_PRESALE_MAX];
    json_open(body, '{');
    if (load->lane > 0)
        json_member_cstr(body, "lane", lines_lane(load->lane));
    if (channel[0] != '\0')
        json_member_cstr(body, "channel", channel);
    json_member_u64(body, "uses", load->uses);
    json_member_open(body, "codes", '[');
    for (unsigned n = load->first; n <= ASK_PRESALES; n += load->step) {
        ask_presale_text(n, code);
        json_str(body, span_of(code));
    }
    json_close(body, ']');
    json_close(body, '}');
}

static void put_body(struct text *body, const struct ask *ask)
{
    char code[ASK_PRESALE_MAX];
    if (ask->kind == ASK_JOIN && ask->presale != 0) {
        ask_presale_text(ask->presale, code);
        text_printf(body, "{\"code\":\"%s\"}", code);
    } else if (ask->kind == ASK_TAKE) {
        text_printf(body, "{\"code\":\"%.*s\"}", MOVE_CODE_LEN, ask->code);
    } else if (ask->kind == ASK_DONE) {
        TEXT_LIT(body, "{\"order\":\"one\"}");
    } else if (ask->kind == ASK_CREATE || ask->kind == ASK_CHANGE) {
        text_str(body, ask->patch);
    } else if (ask->kind == ASK_MOVE && ask->lot != 0) {
        text_printf(body, "{\"beacon\":\"lot %" PRIu64 "\"}", ask->lot);
    } else if (ask->kind == ASK_PRESALE && ask->load.step > 0) {
        put_codes(body, &ask->load);
    }
}

/* ---- all of it ---- */

static void put_line(struct text *out, const struct ask *ask)
{
    static const struct {
        const char *method, *path; /* path relative to the event's */
    } calls[] = {
        [ASK_JOIN] = {"POST", "/join"},   [ASK_ME] = {"GET", "/me"},
        [ASK_PASS] = {"POST", "/pass"},   [ASK_BEAT] = {"POST", "/session"},
        [ASK_LEAVE] = {"POST", "/leave"}, [ASK_EXTEND] = {"POST", "/extend"},
        [ASK_CODE] = {"POST", "/move"},   [ASK_TAKE] = {"POST", "/move"},
        [ASK_CREATE] = {"PUT", ""},       [ASK_PRESALE] = {"PUT", "/codes"},
        [ASK_CHANGE] = {"PATCH", ""},     [ASK_MOVE] = {"POST", "/actions/"},
        [ASK_DELETE] = {"DELETE", ""},
    };
    bool drops = ask->kind == ASK_PRESALE && ask->load.step == 0;
    if (ask->kind == ASK_DONE) {
        text_printf(out, "POST /internal/sessions/%s/end", ask->session);
    } else {
        text_str(out, drops ? "DELETE" : calls[ask->kind].method);
        text_str(out, ask->kind >= ASK_CREATE ? " /admin/events/" : " /v1/queue/");
        text_str(out, lines_event(ask->line.event));
        text_str(out, calls[ask->kind].path);
    }
    if (ask->kind == ASK_MOVE)
        text_str(out, ask->action);
    if (ask->unarchived)
        TEXT_LIT(out, "?unarchived=true");
    TEXT_LIT(out, " HTTP/1.1\r\nHost: line\r\n");
}

static bool is_by_name(const struct ask *ask)
{
    return ask->kind == ASK_JOIN || ask->kind == ASK_TAKE;
}

/* A member, or an invited visitor, joins from any device; work is bound to one. */
static uint64_t device_of(const struct ask *ask)
{
    bool has_name = ask->member != 0 || ask->invitation != 0;
    return ask->kind == ASK_JOIN && has_name ? ask->device : 0;
}

static void put_cookies(struct text *out, const struct ask *ask)
{
    const uint64_t visitor[2] = {ask->who, device_of(ask)};
    TEXT_LIT(out, "Cookie: ");
    if (ask->shows_ticket)
        text_printf(out, TICKET_COOKIE_PREFIX "%s=%s; ", lines_event(ask->line.event), ask->ticket);
    if (ask->kind == ASK_LEAVE && ask->pass[0] != '\0')
        text_printf(out, PASS_COOKIE_PREFIX "%s=%s; ", lines_event(ask->line.event), ask->pass);
    TEXT_LIT(out, VISITOR_COOKIE "=");
    if (is_by_name(ask) && ask_has_cookie(ask))
        base64_put(out, visitor, sizeof(visitor));
    TEXT_LIT(out, "\r\n");
}

void ask_put(struct text *out, const struct ask *ask)
{
    char memory[BODY_MAX];
    struct text body = text_on(memory, sizeof(memory));
    put_line(out, ask);
    if (ask->kind == ASK_BEAT)
        text_printf(out, "Authorization: Bearer %s\r\n", ask->pass);
    else
        put_cookies(out, ask);
    if (is_by_name(ask) && !ask_has_cookie(ask))
        text_printf(out, "Idempotency-Key: %" PRIu64 ".%" PRIu64 "\r\n", ask->who, device_of(ask));
    if (ask->kind == ASK_CREATE)
        TEXT_LIT(out, "If-None-Match: *\r\n");
    if (ask->if_version > 0)
        text_printf(out, "If-Match: \"%" PRIu64 "\"\r\n", ask->if_version);
    if (ask->member != 0)
        put_member(out, ask);
    if (ask->kind == ASK_JOIN && ask->invitation != 0)
        put_invitation(out, ask);
    if (ask->kind == ASK_JOIN && ask->work != 0)
        text_printf(out, "X-Proof-Of-Work: %s\r\n", ask->solution);
    put_body(&body, ask);
    text_printf(out, "Content-Length: %zu\r\n\r\n", body.len);
    text_put(out, text_span(&body));
    assert(!body.overflown && !out->overflown);
}

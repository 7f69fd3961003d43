/* caller.c: finds the ticket, pass and visitor of a request. A ticket has at most 60 characters and
 * no dot, a pass has dots, so both use the same bearer header. Cookie names contain the event, so
 * one browser can wait for several. Cheap checks come first: a MAC before a signature, and neither
 * twice in a row for the same ticket. */
#include "api/caller.h"

#include "core/line/moves.h"
#include "core/line/seen.h"
#include "front_limits.h"

#include "base/ip.h"

#include <assert.h>

static bool is_pass(struct span token)
{
    return token.len > 0 && memchr(token.ptr, '.', token.len) != NULL;
}

bool caller_ticket_is_bearer(const struct http_req *req)
{
    struct span bearer = http_req_bearer(req);
    return bearer.ptr != NULL && !is_pass(bearer);
}

struct span caller_ticket_text(const struct http_req *req, const struct front_line *event)
{
    struct span bearer = http_req_bearer(req);
    if (bearer.ptr != NULL && !is_pass(bearer))
        return bearer;
    return http_req_cookie(req, (struct span){event->ticket_cookie, event->ticket_cookie_len});
}

/* A pipelining client sends the same ticket with each request. The last verified ticket stays valid
 * for the same keys, event and second, so the other requests of a packet need no MAC. Nothing more
 * is cached: the next visitor's ticket is verified. */
static int read_ticket(const struct http_req *req, const struct front *front,
                       const struct front_line *event, struct ticket *out)
{
    struct front_seen *seen = &front_of(req)->seen;
    uint64_t now_s = front_wall_s(front);
    struct span text = caller_ticket_text(req, event);
    if (text.ptr == NULL)
        return ERR_NOT_FOUND;
    if (http_req_repeats(req) && seen->event == event && seen->now_s == now_s &&
        span_eq_secret(text, (struct span){seen->text, seen->text_len})) {
        *out = seen->ticket;
        return 0;
    }
    int rc = ticket_parse(&front->keys->tickets, front_line_id(event), text, now_s,
                          front->config->ticket_lifetime_ms / 1000, out);
    if (rc < 0)
        return rc;
    seen->event = event;
    seen->now_s = now_s;
    seen->ticket = *out;
    assert(text.len <= sizeof(seen->text)); /* it was parsed */
    memcpy(seen->text, text.ptr, text.len);
    seen->text_len = (uint32_t)text.len;
    return 0;
}

int caller_ticket(const struct http_req *req, const struct front *front,
                  const struct front_line *event, struct ticket *out)
{
    int rc = read_ticket(req, front, event, out);
    if (rc == 0 && out->tag != event->view->tag)
        rc = ERR_EXISTS;
    if (rc < 0 && rc != ERR_NOT_FOUND)
        front_count(&front_of(req)->stats.tickets_invalid);
    if (rc < 0)
        return rc;
    const struct front_line *line = front_line_in(front, event, out->lane);
    if (line == NULL)
        return ERR_CLOSED;
    /* Signed, and for this event: nobody else may get its number, even if Redis has lost it. */
    if (out->entry > line->view->issued)
        line_store_saw_place(front->store, line->id, out->entry);
    return out->moves < moves_of(line->view->moves, out->entry) ? ERR_STATE : 0;
}

/* Verifying a signature costs as much as ten polls. So the session's MAC is checked first, and
 * rejects everybody who was never inside. A visitor who was, and who sends wrong signatures with
 * the session, is rejected unchecked after some attempts from that address. */
static int check_pass(const struct http_req *req, struct front *front,
                      const struct front_line *event, struct span token, bool run_out_ok,
                      struct pass *out)
{
    struct session session;
    int rc = pass_session(&front->keys->tickets, front_line_id(event), token, &session);
    if (rc < 0) /* the session is not ours */
        return rc;
    struct {
        uint8_t site[IP_BYTES];
        uint64_t place;
        uint8_t visitor[LINE_VISITOR_BYTES];
    } key;
    memset(&key, 0, sizeof(key));
    ip_site(http_req_addr(req), key.site);
    key.place = session.place;
    memcpy(key.visitor, session.visitor, sizeof(key.visitor));
    struct span who = {(const char *)&key, sizeof(key)};
    uint64_t now_ms = http_server_now_us(http_req_server(req)) / 1000;
    if (tally_wait_ms(&front->passes_wrong, who, PASSES_WRONG_MAX, now_ms) > 0) {
        front_count(&front->stats.refused_unchecked);
        return ERR_FULL;
    }
    struct err_slot err;
    rc = pass_verify(front->keys->passes, front->config->pass_issuer, front_line_id(event), token,
                     front->loop->clock, run_out_ok, &err, out);
    if (rc == ERR_AUTH || rc == ERR_SYNTAX)
        tally_add(&front->passes_wrong, who, now_ms);
    return rc;
}

int caller_pass(const struct http_req *req, struct front *front, const struct front_line *event,
                bool run_out_ok, struct pass *out)
{
    struct span cookie =
        http_req_cookie(req, (struct span){event->pass_cookie, event->pass_cookie_len});
    struct span token = http_req_bearer(req);
    struct session session;
    /* Next to our cookie, a bearer may be the shop's own token. */
    if (!is_pass(token) ||
        (cookie.len > 0 &&
         pass_session(&front->keys->tickets, front_line_id(event), token, &session) < 0))
        token = cookie;
    if (token.len == 0)
        return ERR_NOT_FOUND;
    int rc = check_pass(req, front, event, token, run_out_ok, out);
    return rc == 0 && strcmp(out->incarnation, event->view->incarnation) != 0 ? ERR_EXISTS : rc;
}

/* ---- the place of a ticket ----
 *
 * From the picture and the pass of the request. The pass is checked only after the place has been
 * called, when visitors poll rarely, so waiting never costs a signature. */

/* While the visit clock is paused, visits outlive their passes. An unused pass then stays valid
 * until it is renewed or the visit's own time ends. The end of a visit is known from elsewhere
 * (core/line/turns.h), so nobody stays inside because of this. */
static bool may_go_on(const struct front *front, const struct front_line *line,
                      const struct pass *pass)
{
    enum { NEWS_S = 5 }; /* the end of a visit arrives with a tick */
    const struct line_view *view = line->view;
    return view->halted_ms > 0 || pass->expires_s + NEWS_S > front_wall_s(front) ||
           front_line_now_ms(front, line) < view->resumed_ms + view->knobs.session_ttl_ms;
}

/* Returns 0, or ERR_NOMEM: the pass could not be checked. */
static int look_at_pass(const struct http_req *req, const struct front_line *line,
                        struct place *place)
{
    struct pass pass;
    struct front *front = front_of(req);
    int rc = caller_pass(req, front, line, true, &pass);
    if (rc < 0 || pass.place != line_place_of(line->view->lane, place->position) ||
        !may_go_on(front, line, &pass))
        return rc == ERR_NOMEM ? rc : 0;
    place->state = PLACE_ADMITTED;
    place->call_expires_ms = 0;
    place->session_expires_ms = pass.expires_s * 1000;
    place->session_ends_ms = pass.ends_s * 1000;
    return 0;
}

struct place caller_place(const struct http_req *req, const struct front *front,
                          const struct front_line *line, uint64_t entry, bool *unread)
{
    struct place place = place_at(line->view, entry, front_line_now_ms(front, line));
    if (place.position != 0) /* before the draw no place is called or missed */
        seen_mark(line->view->seen, place.position);
    bool ended = place.state == PLACE_ENDED || place.state == PLACE_DONE;
    int rc = place.state != PLACE_WAITING && !ended ? look_at_pass(req, line, &place) : 0;
    if (unread != NULL)
        *unread = rc < 0;
    return place;
}

/* ---- origin ---- */

/* A browser sends Origin with every POST; programs send none. SameSite keeps cookies from most
 * foreign pages; this check covers the rest (a sub-domain is same-site, but not us). */
bool caller_same_origin(const struct http_req *req, const struct front *front)
{
    struct span origin = http_req_header(req, HTTP_HEADER_ORIGIN);
    if (origin.ptr == NULL)
        return true;
    struct span host = origin;
    if (span_starts(host, SPAN("https://")))
        host = span_skip(host, 8);
    else if (span_starts(host, SPAN("http://")))
        host = span_skip(host, 7);
    else
        return false;
    bool is_known = span_eq_nocase(host, http_req_header(req, HTTP_HEADER_HOST));
    struct span list = span_of(front->config->web_origins), item;
    while (!is_known && list.ptr != NULL) {
        list = span_cut(list, ',', &item);
        item = span_trim(item);
        is_known = item.len > 0 && span_eq_nocase(item, origin);
    }
    return is_known;
}

struct span caller_whose(const struct http_req *req, uint8_t site[16])
{
    struct span cookie = http_req_cookie(req, SPAN(VISITOR_COOKIE));
    if (visitor_cookie_ok(cookie))
        return cookie;
    ip_site(http_req_addr(req), site);
    return (struct span){(const char *)site, 16};
}

bool caller_wants_page(const struct http_req *req)
{
    struct span accept = http_req_header(req, HTTP_HEADER_ACCEPT);
    return accept.len > 0 && memmem(accept.ptr, accept.len, "text/html", 9) != NULL;
}

void caller_set_cookie(const struct http_req *req, struct text *headers, struct span name,
                       struct span value, uint64_t max_age_s)
{
    TEXT_LIT(headers, "Set-Cookie: ");
    text_put(headers, name);
    text_char(headers, '=');
    text_put(headers, value);
    TEXT_LIT(headers, "; Path=/; Max-Age=");
    text_u64(headers, max_age_s);
    TEXT_LIT(headers, "; HttpOnly; SameSite=Lax");
    if (http_req_is_tls(req))
        TEXT_LIT(headers, "; Secure");
    TEXT_LIT(headers, "\r\n");
}

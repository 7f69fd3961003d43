/* peers.c: turns a request into an HTTP call and the answer into a verdict (peer_judge()). */
#include "psp/peers.h"

#include "base/rfc3339.h"
#include "base/text.h"
#include "core/checkout/seat_names.h"
#include "crypto/member_name.h"

#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    URL_MAX = 1024,
    TERMS_ROOM = 6 * PURCHASE_TERMS_MAX,
    SEATS_ROOM = ORDER_SEATS_MAX * (6 * ORDER_SEAT_MAX), /* with every byte escaped */
    BODY_MAX = 512 + (SEATS_ROOM > TERMS_ROOM ? SEATS_ROOM : TERMS_ROOM),
};

static_assert(2 * (int)MOVING_SEATS_MAX <= (int)ORDER_SEATS_MAX,
              "a move's seats, old and new, fit");

/* Without the places nobody knows which seats the order has now, so the request is repeated. An
 * answer that does not fit into memory is still an answer, not silence. */
static void read_places(struct peer_call *peer, const json_t *body)
{
    struct seat_names *places = malloc(sizeof(*places));
    bool has_any = json_array_size(json_object_get(body, "places")) > 0;
    if (places != NULL && has_any) {
        seat_names_read(body, places);
        has_any = strcmp(places->json, "[]") != 0;
        peer->places = has_any ? strdup(places->json) : NULL;
    }
    free(places);
    if (peer->places != NULL)
        return;
    psp_answer(peer, SAGA_UNKNOWN, has_any ? "no-memory" : "no-places", NULL);
    peer->answered = has_any;
}

static void ask(struct peers_http *peers, struct peer_call *peer);

/* The map was read because the event was not at that address; the call has its verdict already. */
static void on_map(void *ctx, bool found)
{
    struct peer_call *peer = ctx;
    if (!found) {
        peer->on_done(peer);
        return;
    }
    peer->retry_ms = 0;
    ask(peer->answerer, peer);
}

static void on_answer(void *ctx, const struct outcall_answer *answer)
{
    struct peer_call *peer = ctx;
    const struct peers_http *peers = peer->answerer;
    enum peer_about about = peer_question(peer->op)->about;
    struct span event = span_of(peer->order->event);
    if (about == PEER_ABOUT_HOLD && seats_map_misled(peers->seats_map, event, answer) &&
        !peer->again) {
        peer->again = true;
        psp_answer_unknown(peer, answer);
        seats_map_read(peers->seats_map, event, on_map, peer);
        return;
    }
    json_t *body;
    if (psp_read_body(peer, answer, &body)) {
        const char *code = json_string_value(json_object_get(body, "code"));
        const char *detail = json_string_value(json_object_get(body, "detail"));
        unsigned status = answer->rc < 0 ? 0 : answer->status;
        enum saga_verdict verdict = peer_judge(peer->op, status, &code);
        if (verdict == SAGA_UNKNOWN && code == NULL)
            psp_answer_unknown(peer, answer);
        else
            psp_answer(peer, verdict, code, verdict == SAGA_DONE ? NULL : detail);
        if (verdict == SAGA_DONE) {
            const struct peer_question *question = peer_question(peer->op);
            if (question->reads_expiry) {
                const char *at = json_string_value(json_object_get(body, "expires_at"));
                uint64_t ms;
                if (at != NULL && rfc3339_parse(span_of(at), &ms))
                    peer->expires_ms = ms;
            }
            if (question->reads_places)
                read_places(peer, body);
            if (question->reads_category)
                peer->same_category = json_is_true(json_object_get(body, "same_category"));
        }
    }
    json_decref(body);
    peer->on_done(peer);
}

/* What was bought, for the seat service to compare; it knows places and prices from the hold. */
static void put_purchase(struct text *body, const struct order *order)
{
    if (order->purchase[0] == '\0')
        return;
    json_member_open(body, "purchase", '{');
    json_member_cstr(body, "digest", order->purchase);
    json_member_u64(body, "fees", order->fees);
    json_member_cstr(body, "terms", order->terms);
    json_close(body, '}');
}

static void put_seats(struct text *body, const char *name, const struct moving *moving, bool to)
{
    json_member_open(body, name, '[');
    for (uint32_t i = 0; i < moving->len; i++)
        json_str(body, span_of(to ? moving->seats[i].to : moving->seats[i].from));
    json_close(body, ']');
}

/* The seat service only counts the standing places of a hold; their numbers are ours. */
static void put_back(struct text *body, const struct moving *moving)
{
    if (moving->standing)
        json_member_u64(body, "keep", moving->kept);
    else
        put_seats(body, "seats", moving, false);
}

static void dispatch(struct peers_http *peers, struct peer_call *peer, const char *url)
{
    const struct peer_question *question = peer_question(peer->op);
    char auth[320], trace[96], memory[BODY_MAX];
    struct text body = text_on(memory, sizeof(memory));
    json_open(&body, '{');
    json_member_cstr(&body, "order", peer->order->id);
    if (question->sends_member) {
        struct member_name member =
            member_name_make(span_of(peer->order->event), span_of(peer->order->member));
        json_member_cstr(&body, "member", member.text);
    }
    if (question->sends_purchase)
        put_purchase(&body, peer->order);
    if (question->sends_seats) {
        put_seats(&body, "from", peer->moving, false);
        put_seats(&body, "to", peer->moving, true);
    }
    if (question->sends_returned)
        put_back(&body, peer->moving);
    json_close(&body, '}');
    assert(!body.overflown);
    peer->answerer = peers;
    snprintf(auth, sizeof(auth), "Authorization: Bearer %s", peers->service_token);
    snprintf(trace, sizeof(trace), "traceparent: %s", peer->trace != NULL ? peer->trace : "");
    struct outcall out = {
        .method = "POST",
        .url = url,
        .headers = {auth, "Content-Type: application/json", trace},
        .body = text_span(&body),
        .timeout_ms = peer->timeout_ms,
        .on_done = on_answer,
        .ctx = peer,
    };
    outcall_send(peers->outcalls, &out);
}

static void put_hold_url(struct text *url, const struct peers_http *peers,
                         const struct order *order, const char *name)
{
    seats_map_put(peers->seats_map, SEATS_PRIVATE, span_of(order->event), url);
    TEXT_LIT(url, "/internal/events/");
    outcall_escape(url, span_of(order->event));
    TEXT_LIT(url, "/holds/");
    outcall_escape(url, span_of(order->hold));
    text_printf(url, "/%s", name);
}

static void put_visit_url(struct text *url, const char *peer_url, const struct order *order,
                          const char *name)
{
    text_printf(url, "%s/internal/sessions/", peer_url);
    outcall_escape(url, span_of(order->session));
    text_printf(url, "/%s", name);
}

static void ask(struct peers_http *peers, struct peer_call *peer)
{
    const struct order *order = peer->order;
    const struct peer_question *question = peer_question(peer->op);
    struct psp *psp = NULL;
    char memory[URL_MAX];
    struct text url = text_on(memory, sizeof(memory) - 1);
    switch (question->about) {
    case PEER_ABOUT_HOLD:
        put_hold_url(&url, peers, order, question->name);
        break;
    case PEER_ABOUT_SEATS_VISIT:
        put_visit_url(&url, peers->seats_url, order, question->name);
        break;
    case PEER_ABOUT_LINE_VISIT:
        put_visit_url(&url, peers->queue_url, order, question->name);
        break;
    case PEER_ABOUT_PAYMENT:
        psp = peers_http_psp(peers, span_of(order->provider));
        if (psp != NULL) {
            psp->driver->start(psp, peer);
            return;
        }
        /* The provider was removed from the configuration: an unreachable address keeps the order
         * waiting, so that it gets noticed. */
        break;
    }
    assert(!url.overflown);
    memory[url.len] = '\0';
    dispatch(peers, peer, memory);
}

static void start(void *ctx, struct peer_call *peer)
{
    peer->again = false;
    ask(ctx, peer);
}

struct peers peers_http_peers(struct peers_http *peers)
{
    return (struct peers){start, peers};
}

struct psp *peers_http_psp(const struct peers_http *peers, struct span name)
{
    for (uint32_t i = 0; i < peers->psps_len; i++) {
        if (span_eq(name, span_of(peers->psps[i].driver->name)))
            return &peers->psps[i];
    }
    return NULL;
}

/* drawing.c: requests the beacon value of a draw, and decides which answers to accept.
 *
 * drand: every relay is asked for the round, once a second from the time when it is due. An answer
 * is valid if it is for that round and its randomness is the hash of its signature. Checking the
 * signature itself takes a pairing on BLS12-381, which no system library has. So at least `agree`
 * relays must give the same signature, and the proof says how many did. The fairness page and the
 * program next to verify-draw check the pairing, so a wrong value cannot go unnoticed. Relays that
 * lie together would have to agree on it in the few seconds after the round is due.
 *
 * Only the relays' answers are kept between looks. Each process asks for itself, so it does not
 * matter if one dies.
 *
 * Threading: none, the first loop owns all of it. */
#include "front/drawing.h"

#include "core/event/draw_seal.h"
#include "core/event/event_state.h"
#include "line/line_limits.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    ASK_US = 1000000, /* one request per second and relay, while a value is due */
    ANSWER_TIMEOUT_MS = 2500,
    PATIENCE_US = 4 * ANSWER_TIMEOUT_MS * 1000, /* a value still missing after this time is late */
    ANSWER_BYTES_MAX = 64 * 1024,               /* a round is 300 bytes */
    AUDIT_MAX = 512,
    URL_MAX = CONFIG_STRING_MAX + BEACON_HASH_LEN + 64,
};

struct relay_answer {
    struct drawing *drawing;
    char signature[BEACON_SIGN_LEN + 1]; /* "": none yet */
    char value[BEACON_HASH_LEN + 1];
};

struct drawing {
    struct front *front;
    struct front_line *event; /* NULL: released while a call was under way */
    struct beacon beacon;     /* the round it waits for */
    uint64_t next_us;
    uint64_t since_us; /* time of the first request; 0: none yet */
    unsigned asking;
    bool holding;
    bool said; /* the missing key was logged */
    struct relay_answer relay[PAGES_MAX];
};

struct holding {
    struct line_admin line; /* first: the store returns a pointer to it */
    struct drawing *drawing;
    char audit[AUDIT_MAX];
    char draw[DRAWING_BYTES_MAX];
};

/* ---- settings ---- */

int drawings_sources(const struct front_config *config, struct err_slot *err,
                     struct beacon_sources *out)
{
    unsigned relays = 0;
    int rc = page_list_check("beacon.drand", config->beacon_drand, err, &relays);
    if (rc < 0)
        return rc;
    if (relays > 0 && relays < config->beacon_agree)
        return err_set(err, ERR_RANGE,
                       "beacon.agree: %" PRIu64 " relays must agree, but beacon.drand names %u",
                       config->beacon_agree, relays);
    struct span chain = span_of(config->beacon_chain), key = span_of(config->beacon_key);
    if (chain.len != BEACON_HASH_LEN || !span_is_of(chain, SPAN_HEX))
        return err_set(err, ERR_RANGE, "beacon.chain: must be %d lower-case hex digits",
                       BEACON_HASH_LEN);
    if (key.len != BEACON_KEY_LEN || !span_is_of(key, SPAN_HEX))
        return err_set(err, ERR_RANGE, "beacon.key: must be %d lower-case hex digits",
                       BEACON_KEY_LEN);
    *out = (struct beacon_sources){
        .drand = relays > 0,
        .period_ms = config->beacon_period_ms,
        .genesis_ms = config->beacon_genesis_s * 1000,
        .gap_ms = config->beacon_gap_ms,
    };
    memcpy(out->chain, config->beacon_chain, sizeof(out->chain) - 1);
    memcpy(out->key, config->beacon_key, sizeof(out->key) - 1);
    return 0;
}

/* ---- arguments of a draw ---- */

bool drawing_put(const struct front *front, const struct front_line *event, struct span beacon,
                 struct span proof, struct text *out)
{
    char memory[(1 + LANES_MAX) * 2 * DRAW_SEED_BYTES + 1];
    struct text seeds = text_on(memory, sizeof(memory));
    const struct line_draw *draw = &event->view->draw;
    for (unsigned lane = 0; draw->has_seal && lane <= LANES_MAX; lane++) {
        uint8_t seed[DRAW_SEED_BYTES];
        char hex[2 * DRAW_SEED_BYTES + 1];
        if (!draw_seal_open(&front->keys->draws, &draw->seal, front_line_id(event), lane, seed))
            return false;
        sodium_bin2hex(hex, sizeof(hex), seed, sizeof(seed));
        text_str(&seeds, hex);
        sodium_memzero(seed, sizeof(seed));
    }
    json_open(out, '{');
    json_member_str(out, "beacon", beacon);
    json_member_str(out, "proof", proof);
    json_member_str(out, "seeds", text_span(&seeds));
    json_close(out, '}');
    return true;
}

void drawing_put_said(struct text *out, const struct beacon *beacon, bool named)
{
    json_open(out, '{');
    json_member_cstr(out, "kind", named ? "text" : "none");
    if (named)
        json_member_cstr(out, "words", beacon->words);
    json_close(out, '}');
}

/* ---- hold the entries ---- */

static void release(struct drawing *drawing)
{
    if (drawing->event == NULL && drawing->asking == 0 && !drawing->holding)
        free(drawing);
}

static void on_held(struct line_admin *line)
{
    struct holding *holding = (struct holding *)line;
    struct drawing *drawing = holding->drawing;
    drawing->holding = false; /* if it failed, the next look retries */
    release(drawing);
    free(holding);
}

static void hold(struct drawing *drawing, struct span value, const struct text *proof,
                 const char *why)
{
    const struct front_line *event = drawing->event;
    assert(!proof->overflown);
    struct holding *holding = calloc(1, sizeof(*holding));
    if (holding == NULL)
        return; /* the next look retries */
    holding->drawing = drawing;
    struct text draw = text_on(holding->draw, sizeof(holding->draw));
    if (!drawing_put(drawing->front, event, value, text_span(proof), &draw)) {
        struct log_line line;
        if (!drawing->said) {
            drawing->said = true;
            log_begin(&line, drawing->front->loop->log, LOG_LEVEL_ERROR,
                      "a draw waits for the key that its seeds were sealed with");
            log_cstr(&line, "event", drawing->event->id);
            log_u64(&line, "key_id", drawing->event->view->draw.seal.key_id);
            log_end(&line);
        }
        free(holding);
        return;
    }
    assert(!draw.overflown);
    struct text audit = text_on(holding->audit, sizeof(holding->audit));
    json_open(&audit, '{');
    json_member_cstr(&audit, "who", "system");
    json_member_cstr(&audit, "what", "draw");
    json_member_cstr(&audit, "from", event_state_name(LINE_PRE_QUEUE));
    json_member_cstr(&audit, "to", event_state_name(LINE_OPEN));
    json_member_cstr(&audit, "why", why);
    json_member_open(&audit, "because", '{');
    json_member_cstr(&audit, "reason", why);
    json_member_u64(&audit, "measured", drawing->beacon.round);
    json_member_null(&audit, "limit");
    json_close(&audit, '}');
    json_close(&audit, '}');
    assert(!audit.overflown);
    holding->line.audit = text_span(&audit);
    memcpy(holding->line.event, event->id, sizeof(holding->line.event));
    holding->line.call = LINE_TRANSITION;
    holding->line.from = LINE_PRE_QUEUE;
    holding->line.to = LINE_OPEN;
    holding->line.if_version = event->view->version;
    holding->line.draw = text_span(&draw);
    holding->line.on_done = on_held;
    drawing->holding = true;
    line_store_admin(drawing->front->store, &holding->line);
}

/* ---- drand ---- */

/* The signature that most relays gave, if there are enough of them. */
static const struct relay_answer *agreed(const struct drawing *drawing, unsigned *relays)
{
    const struct relay_answer *best = NULL;
    *relays = 0;
    for (unsigned i = 0; i < drawing->front->relays.len; i++) {
        const struct relay_answer *one = &drawing->relay[i];
        unsigned same = 0;
        for (unsigned k = 0; k < drawing->front->relays.len; k++)
            same += strcmp(one->signature, drawing->relay[k].signature) == 0 ? 1 : 0;
        if (one->signature[0] != '\0' && same > *relays) {
            *relays = same;
            best = one;
        }
    }
    return *relays >= drawing->front->config->beacon_agree ? best : NULL;
}

static void on_round(void *ctx, const struct outcall_answer *answer)
{
    struct relay_answer *relay = ctx;
    struct drawing *drawing = relay->drawing;
    assert(drawing->asking > 0);
    drawing->asking--;
    if (drawing->event == NULL || drawing->front->closing) {
        release(drawing);
        return;
    }
    struct err_slot err;
    bool came = answer->rc == 0 && answer->status == 200;
    bool good = came && beacon_drand_answer(answer->body, drawing->beacon.round, &err,
                                            relay->signature, relay->value) == 0;
    if (!came || good)
        return;
    struct log_line line;
    log_begin(&line, drawing->front->loop->log, LOG_LEVEL_WARN, "a beacon's answer is no good");
    log_cstr(&line, "event", drawing->event->id);
    log_cstr(&line, "relay", drawing->front->relays.url[relay - drawing->relay]);
    log_cstr(&line, "why", err.text);
    log_end(&line);
}

/* ---- looks ---- */

static struct drawing *drawing_of(struct front *front, struct front_line *event)
{
    const struct line_draw *draw = &event->view->draw;
    if (event->drawing != NULL)
        return event->drawing;
    struct drawing *drawing = calloc(1, sizeof(*drawing));
    if (drawing == NULL)
        return NULL; /* the next look retries */
    drawing->front = front;
    drawing->event = event;
    drawing->beacon = beacon_after(&event->doc.beacon, &front->shared->beacons, draw->closed_ms);
    for (unsigned i = 0; i < PAGES_MAX; i++)
        drawing->relay[i].drawing = drawing;
    event->drawing = drawing;
    return drawing;
}

static void ask_again(struct drawing *drawing)
{
    uint64_t now_us = clock_mono_us(drawing->front->loop->clock);
    if (drawing->asking > 0 || now_us < drawing->next_us)
        return;
    drawing->next_us = now_us + ASK_US;
    if (drawing->since_us == 0)
        drawing->since_us = now_us;
    /* The settings have changed since the promise: this process does not have the chain. */
    if (drawing->beacon.kind == BEACON_DRAND &&
        strcmp(drawing->beacon.chain, drawing->front->shared->beacons.chain) == 0) {
        const struct page_list *relays = &drawing->front->relays;
        for (unsigned i = 0; i < relays->len; i++) {
            if (drawing->relay[i].signature[0] != '\0')
                continue;
            char memory[URL_MAX];
            struct text url = text_on(memory, sizeof(memory) - 1);
            struct span relay = span_of(relays->url[i]);
            if (relay.ptr[relay.len - 1] == '/')
                relay.len--;
            text_printf(&url, "%.*s/%s/public/%" PRIu64, (int)relay.len, relay.ptr,
                        drawing->beacon.chain, drawing->beacon.round);
            memory[url.len] = '\0';
            assert(!url.overflown);
            const struct outcall call = {
                .url = memory,
                .timeout_ms = ANSWER_TIMEOUT_MS,
                .reply_max = ANSWER_BYTES_MAX,
                .on_done = on_round,
                .ctx = &drawing->relay[i],
            };
            drawing->asking++;
            outcall_send(relays->outcalls, &call);
        }
    }
}

/* Long past its time: after an outage, or for a restored event, the value is already published and
 * only has to be fetched. */
static bool is_late(const struct drawing *drawing, uint64_t now_ms)
{
    const struct beacon *beacon = &drawing->beacon;
    uint64_t late_us = beacon->late_s * 1000000;
    uint64_t patience_us = late_us < PATIENCE_US ? late_us : PATIENCE_US;
    uint64_t asked_us = clock_mono_us(drawing->front->loop->clock) - drawing->since_us;
    return now_ms >= beacon->at_ms + beacon->late_s * 1000 &&
           (drawing->since_us == 0 || asked_us >= patience_us);
}

void drawing_look(struct front *front, struct front_line *event)
{
    const struct line_view *view = event->view;
    if (front->loop->index != 0 || view->stale || event->doc_version != view->version)
        return;
    if (view->state != LINE_PRE_QUEUE || !view->draw.closed || view->draw.drawn) {
        drawing_forget(event);
        return;
    }
    struct drawing *drawing = drawing_of(front, event);
    if (drawing == NULL || drawing->holding)
        return;
    uint64_t now_ms = front_line_now_ms(front, event);
    const struct beacon *beacon = &drawing->beacon;
    if (beacon->kind == BEACON_NONE) {
        char memory[64];
        struct text proof = text_on(memory, sizeof(memory));
        drawing_put_said(&proof, beacon, false);
        hold(drawing, SPAN(""), &proof, "opens_at");
        return;
    }
    if (beacon->kind != BEACON_TEXT && now_ms >= beacon->at_ms)
        ask_again(drawing);
    if (beacon->kind == BEACON_DRAND && now_ms >= beacon->at_ms) {
        unsigned relays;
        const struct relay_answer *answer = agreed(drawing, &relays);
        if (answer != NULL) {
            char memory[1024];
            struct text proof = text_on(memory, sizeof(memory));
            json_open(&proof, '{');
            json_member_cstr(&proof, "kind", "drand");
            json_member_cstr(&proof, "chain", drawing->beacon.chain);
            json_member_u64(&proof, "round", drawing->beacon.round);
            json_member_cstr(&proof, "signature", answer->signature);
            json_member_cstr(&proof, "checked", "relays");
            json_member_u64(&proof, "relays", relays);
            json_member_u64(&proof, "relays_asked", drawing->front->relays.len);
            json_close(&proof, '}');
            hold(drawing, span_of(answer->value), &proof, "beacon");
        }
    }
    if (!drawing->holding && is_late(drawing, now_ms)) {
        char memory[512];
        struct text proof = text_on(memory, sizeof(memory));
        json_open(&proof, '{');
        json_member_cstr(&proof, "kind", "none");
        json_member_bool(&proof, "late", true);
        json_member_cstr(&proof, "promised", beacon_kind_name(drawing->beacon.kind));
        if (drawing->beacon.kind == BEACON_DRAND)
            json_member_u64(&proof, "round", drawing->beacon.round);
        json_member_u64(&proof, "waited_s", drawing->beacon.late_s);
        json_close(&proof, '}');
        front_count(&drawing->front->stats.beacon_late);
        hold(drawing, SPAN(""), &proof, "beacon-late");
    }
}

void drawing_forget(struct front_line *event)
{
    struct drawing *drawing = event->drawing;
    if (drawing == NULL)
        return;
    event->drawing = NULL;
    drawing->event = NULL;
    release(drawing);
}

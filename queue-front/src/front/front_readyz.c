/* front_readyz.c: one broken event does not make the process unready. The others are served, and
 * the body names the broken one for monitoring. Anybody who reaches the private listener may read
 * it; names of keys and events are not secret. */
#include "front/front_readyz.h"

#include "base/json_time.h"
#include "front/front.h"

#include <stdatomic.h>

enum { USED_MAX = 2 * MAC_RING_MAX, SHUT_MAX = 32 };

struct look {
    struct text *body;
    unsigned shut_len;
    char used[USED_MAX][LINE_IDENTITY_MAX + 1];
    unsigned used_len;
    uint64_t promised[4]; /* one bit per key id */
};

static void put_mac_names(struct text *body, const struct mac_ring *ring)
{
    char name[MAC_NAME_MAX + 1];
    mac_key_name(&ring->key[0], name);
    json_member_cstr(body, "signs", name);
    json_member_open(body, "holds", '[');
    for (uint32_t i = 0; i < ring->len; i++) {
        mac_key_name(&ring->key[i], name);
        json_str(body, span_of(name));
    }
    json_close(body, ']');
}

/* Visitors of a closed event need not be recognised any longer. */
static void note_used(struct front_line *event, void *ctx)
{
    struct look *look = ctx;
    const char *name = event->view->identity;
    if (event->view->state == LINE_CLOSED || name[0] == '\0')
        return;
    for (unsigned i = 0; i < look->used_len; i++) {
        if (strcmp(look->used[i], name) == 0)
            return;
    }
    if (look->used_len < USED_MAX)
        memcpy(look->used[look->used_len++], name, strlen(name) + 1);
}

static void put_identities(struct text *body, const struct secrets *keys, const struct front *first)
{
    const struct identity_ring *ring = &keys->identities;
    struct look look = {.used_len = 0};
    json_member_open(body, "identities", '{');
    json_member_cstr(body, "signs", ring->key[0].name);
    json_member_time(body, "since", keys->identities_since_ms);
    json_member_open(body, "holds", '[');
    for (uint32_t i = 0; i < ring->len; i++)
        json_str(body, span_of(ring->key[i].name));
    json_close(body, ']');
    front_each_event(first, note_used, &look);
    json_member_open(body, "used", '[');
    for (unsigned i = 0; i < look.used_len; i++)
        json_str(body, span_of(look.used[i]));
    json_close(body, ']');
    json_close(body, '}');
}

/* Whether a draw of this event may still be held. */
static bool may_draw(const struct line_view *view)
{
    enum line_state state = view->state == LINE_FROZEN ? view->frozen_from : view->state;
    return view->draw.has_seal && !view->draw.drawn && state != LINE_CLOSED &&
           (state <= LINE_PRE_QUEUE || view->draw.closed);
}

/* Keys of draws that are promised but not yet held. */
static void note_promised(struct front_line *event, void *ctx)
{
    struct look *look = ctx;
    uint8_t id = event->view->draw.seal.key_id;
    if (event->view->lane == 0 && may_draw(event->view))
        look->promised[id / 64] |= UINT64_C(1) << id % 64;
}

static void put_draws(struct text *body, const struct secrets *keys, const struct front *first)
{
    char name[MAC_NAME_MAX + 1];
    struct look look = {.used_len = 0};
    json_member_open(body, "draws", '{');
    put_mac_names(body, &keys->draws);
    front_each_event(first, note_promised, &look);
    json_member_open(body, "used", '[');
    for (uint32_t i = 0; i < keys->draws.len; i++) {
        const struct mac_ring_key *key = &keys->draws.key[i];
        mac_key_name(key, name);
        if ((look.promised[key->id / 64] >> key->id % 64 & 1) != 0)
            json_str(body, span_of(name));
    }
    json_close(body, ']');
    json_close(body, '}');
}

static void put_shut(struct front_line *event, void *ctx)
{
    struct look *look = ctx;
    if (!front_is_shut(event) || event->view->lane > 0 || look->shut_len == SHUT_MAX)
        return;
    if (look->shut_len++ == 0) {
        json_member_open(look->body, "shut", '[');
    }
    json_open(look->body, '{');
    json_member_cstr(look->body, "event", event->id);
    json_member_cstr(look->body, "reason", front_shut_name(event->shut));
    json_close(look->body, '}');
}

void front_readyz(void *ctx, struct text *body)
{
    struct front_shared *shared = ctx;
    const struct front *first = shared->first;
    if (first == NULL)
        return;
    uv_mutex_lock(&shared->keys_lock);
    struct secrets *keys = secrets_ref(shared->keys);
    uv_mutex_unlock(&shared->keys_lock);
    unsigned behind = 0;
    for (unsigned i = 0; i < shared->loops; i++) {
        /* acquire: pairs with front_use_keys() */
        uint64_t serial = atomic_load_explicit(&shared->keys_serial[i], memory_order_acquire);
        behind += serial < keys->serial;
    }
    json_member_open(body, "keys", '{');
    json_member_u64(body, "loops_behind", behind);
    json_member_open(body, "tickets", '{');
    json_member_time(body, "since", keys->tickets_since_ms);
    put_mac_names(body, &keys->tickets);
    json_close(body, '}');
    put_identities(body, keys, first);
    json_member_open(body, "passes", '{');
    json_member_str(body, "signs", jwks_key_kid(jwks_signer(keys->passes)));
    json_member_time(body, "since", keys->passes_since_ms);
    json_member_open(body, "holds", '[');
    for (size_t i = 0; i < jwks_len(keys->passes); i++)
        json_str(body, jwks_key_kid(jwks_at(keys->passes, i)));
    json_close(body, ']');
    json_close(body, '}');
    put_draws(body, keys, first);
    json_close(body, '}');
    secrets_unref(keys);
    /* From the first loop's view. */
    const char *trouble = line_store_trouble(first->store);
    if (trouble[0] != '\0' && !line_store_ready(first->store))
        json_member_cstr(body, "redis", trouble);
    struct look look = {.body = body};
    front_each_event(first, put_shut, &look);
    if (look.shut_len > 0)
        json_close(body, ']');
}

/* bank.c: lists that only grow, so an object's id contains its place in its list and finding it
 * takes one lookup. The visible part of an object is stored as JSON and updated in place; a link to
 * another object is that object's id. Only events are dropped: the newest EVENTS_KEPT_MAX are kept.
 *
 * A JSON object keeps its members in insertion order. For idempotency keys that is also the order
 * in which they expire, so the oldest is always the first. */
#include "bank.h"

#include "must.h"

#include <assert.h>

#define API_VERSION "2026-10-28.endive" /* what events are written as */

enum { ALPHABET = 62, PLACE_DIGITS = 6 };

static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

const struct kind_info bank_kinds[KIND_COUNT] = {
    [INTENT] = {"payment_intent", "pi_", "id", {{"latest_charge", CHARGE}}},
    [CHARGE] = {"charge", "ch_", "id", {{"payment_intent", INTENT}}},
    [REFUND] = {"refund", "re_", "id", {{"charge", CHARGE}, {"payment_intent", INTENT}}},
    [SESSION] = {"checkout.session", "cs_test_", "id", {{"payment_intent", INTENT}}},
    [EVENT] = {"event", "evt_", "id", {{NULL, 0}}},
    [PAYMENT] = {NULL, "tpk_", "paymentKey", {{NULL, 0}}},
    [TRANSACTION] = {NULL, "txn_", "transactionKey", {{NULL, 0}}},
};

/* ---- lists ---- */

void bank_id(struct call *call, const char *prefix, char *out)
{
    out = stpcpy(out, prefix);
    for (unsigned i = 0; i < BANK_ID_RANDOM; i++)
        *out++ = alphabet[rng_below(&call->rng.rng, ALPHABET)];
    *out = '\0';
}

static struct object *add(struct call *call, enum kind kind)
{
    struct list *list = &call->bank->lists[kind];
    struct object *object = must(calloc(1, sizeof(*object)));
    object->kind = kind;
    object->place = list->count;
    object->created_s = call->now_s;
    bank_id(call, bank_kinds[kind].prefix, object->id);
    char *digit = object->id + strlen(object->id);
    uint32_t place = object->place;
    for (unsigned i = 0; i < PLACE_DIGITS; i++, place /= ALPHABET)
        *--digit = alphabet[place % ALPHABET];
    assert(place == 0); /* 62^6 is beyond 2^32 */
    assert(list->count < OBJECTS_MAX);
    if (list->count == list->cap) {
        list->cap = list->cap == 0 ? 64 : list->cap * 2;
        list->items = must(reallocarray(list->items, list->cap, sizeof(struct object *)));
    }
    list->items[list->count++] = object;
    return object;
}

struct object *bank_make(struct call *call, enum kind kind, json_t *shown)
{
    struct object *object = add(call, kind);
    object->shown = must(shown);
    object->hidden = must(json_object());
    bank_set(object, json_pack("{s:s}", bank_kinds[kind].id_member, object->id));
    if (bank_kinds[kind].name != NULL)
        bank_set(object, json_pack("{s:s,s:I,s:b}", "object", bank_kinds[kind].name, "created",
                                   (json_int_t)call->now_s, "livemode", 0));
    return object;
}

struct object *bank_find(const struct bank *bank, enum kind kind, struct span id)
{
    const struct list *list = &bank->lists[kind];
    uint64_t place = 0;
    if (id.len < PLACE_DIGITS)
        return NULL;
    for (size_t i = id.len - PLACE_DIGITS; i < id.len; i++) {
        const char *digit = memchr(alphabet, id.ptr[i], ALPHABET);
        if (digit == NULL)
            return NULL;
        place = place * ALPHABET + (uint64_t)(digit - alphabet);
    }
    struct object *object = place < list->count ? list->items[place] : NULL;
    return object != NULL && span_eq(span_of(object->id), id) ? object : NULL;
}

struct object *bank_linked(const struct bank *bank, const struct object *object, const char *member)
{
    const struct kind_link *link = bank_kinds[object->kind].links;
    const char *id = bank_text(object, member);
    while (strcmp(link->member, member) != 0) {
        link++;
        assert(link->member != NULL);
    }
    struct object *linked = bank_find(bank, link->to, span_of(id));
    assert((linked != NULL) == (id != NULL));
    return linked;
}

struct object *bank_find_secret(const struct bank *bank, struct span secret)
{
    enum { ID_LEN = 3 + BANK_ID_RANDOM };
    if (secret.len <= ID_LEN)
        return NULL;
    struct object *intent = bank_find(bank, INTENT, (struct span){secret.ptr, ID_LEN});
    bool same =
        intent != NULL && span_eq_secret(span_of(bank_text(intent, "client_secret")), secret);
    return same ? intent : NULL;
}

const char *bank_text(const struct object *object, const char *member)
{
    return json_string_value(json_object_get(object->shown, member));
}

int64_t bank_number(const struct object *object, const char *member)
{
    return json_integer_value(json_object_get(object->shown, member));
}

const char *bank_hidden(const struct object *object, const char *member)
{
    return json_string_value(json_object_get(object->hidden, member));
}

void bank_set(struct object *object, json_t *members)
{
    int rc = json_object_update_new(object->shown, must(members));
    assert(rc == 0);
}

void bank_hide(struct object *object, json_t *members)
{
    int rc = json_object_update_new(object->hidden, must(members));
    assert(rc == 0);
}

/* ---- written ---- */

/* The paths that lead through this member, from there on; true if there are any. */
static bool expand_inside(const struct expand *expand, const char *member, struct expand *inside)
{
    bool whole = false;
    inside->len = 0;
    for (unsigned i = 0; expand != NULL && i < expand->len; i++) {
        struct span head, rest = span_cut(expand->paths[i], '.', &head);
        if (!span_eq(head, span_of(member)))
            continue;
        whole = true;
        if (rest.ptr != NULL)
            inside->paths[inside->len++] = rest;
    }
    return whole;
}

void bank_put(struct text *out, const struct bank *bank, const struct object *object,
              const struct expand *expand)
{
    const char *member;
    json_t *value;
    if (object->kind == EVENT) {
        json_raw(out, span_of(object->text));
        json_member_u64(out, "pending_webhooks", object->pending);
        json_close(out, '}');
        return;
    }
    json_open(out, '{');
    json_object_foreach(object->shown, member, value)
    {
        struct expand inside;
        json_key(out, member);
        if (expand_inside(expand, member, &inside) && json_is_string(value)) {
            bank_put(out, bank, bank_linked(bank, object, member), &inside);
        } else {
            json_in_put(out, value);
            out->comma = true;
        }
    }
    json_close(out, '}');
}

/* ---- webhooks ---- */

static void free_object(struct object *object)
{
    if (object == NULL)
        return;
    json_decref(object->shown);
    json_decref(object->hidden);
    free(object->text);
    free(object);
}

static struct object *add_event(struct call *call, const char *type)
{
    struct list *list = &call->bank->lists[EVENT];
    struct object *event = add(call, EVENT);
    event->type = type;
    if (list->count > EVENTS_KEPT_MAX) {
        struct object **oldest = &list->items[list->count - EVENTS_KEPT_MAX - 1];
        free_object(*oldest);
        *oldest = NULL;
    }
    return event;
}

static bool is_sent(const struct settings *set, const char *type)
{
    struct span each, rest = span_of(set->webhook_events);
    bool enabled = span_eq(rest, SPAN("*"));
    while (!enabled && rest.ptr != NULL) {
        rest = span_cut(rest, ',', &each);
        enabled = span_eq(span_trim(each), span_of(type));
    }
    return enabled && set->webhook_url[0] != '\0';
}

void bank_emit_json(struct call *call, const char *type, json_t *object)
{
    struct object *event = add_event(call, type);
    char key[IDEM_KEY_BYTES_MAX + 1] = "";
    (void)span_to_cstr(call->key, key, sizeof(key));
    json_t *json =
        json_pack("{s:s,s:s,s:s,s:I,s:{s:o},s:b,s:{s:s,s:s?},s:s}", "id", event->id, "object",
                  "event", "api_version", API_VERSION, "created", (json_int_t)call->now_s, "data",
                  "object", object, "livemode", 0, "request", "id", call->request,
                  "idempotency_key", key[0] != '\0' ? key : NULL, "type", type);
    event->pending = is_sent(call->bank->settings, type);
    event->text = must(json_in_text(must(json), 0));
    event->text[strlen(event->text) - 1] = '\0';
    json_decref(json);
}

void bank_emit(struct call *call, const char *type, const struct object *object)
{
    bank_emit_json(call, type, json_incref(object->shown));
}

void bank_notice(struct call *call, json_t *body)
{
    struct object *event = add_event(call, "PAYMENT_STATUS_CHANGED");
    event->of_toss = true;
    event->pending = call->bank->settings->toss_webhook_url[0] != '\0';
    event->text = must(json_in_text(must(body), 0));
    json_decref(body);
}

/* ---- answers under idempotency keys ---- */

const json_t *bank_kept(struct bank *bank, enum flavour flavour, struct span key, uint64_t now_s)
{
    json_t *kept = bank->kept[flavour];
    void *oldest;
    while ((oldest = json_object_iter(kept)) != NULL) {
        json_t *at = json_object_get(json_object_iter_value(oldest), "at");
        if (now_s < (uint64_t)json_integer_value(at) + IDEM_TTL_S &&
            json_object_size(kept) < IDEM_KEYS_MAX)
            break;
        json_object_deln(kept, json_object_iter_key(oldest), json_object_iter_key_len(oldest));
    }
    return json_object_getn(kept, key.ptr, key.len);
}

void bank_keep(struct call *call, enum flavour flavour, struct span key, const char *digest)
{
    json_t *kept = call->bank->kept[flavour];
    assert(json_object_getn(kept, key.ptr, key.len) == NULL);
    json_t *answer =
        json_pack("{s:I,s:i,s:s,s:s%}", "at", (json_int_t)call->now_s, "status", (int)call->status,
                  "digest", digest, "body", call->body.ptr, call->body.len);
    int rc = json_object_setn_new(kept, key.ptr, key.len, must(answer));
    assert(rc == 0);
}

/* ---- the whole ---- */

struct bank *bank_create(const struct settings *settings)
{
    struct bank *bank = must(calloc(1, sizeof(*bank)));
    bank->settings = settings;
    bank->scratch = text_on(must(malloc(ANSWER_BYTES_MAX)), ANSWER_BYTES_MAX);
    bank->orders = must(json_object());
    bank->kept[STRIPE] = must(json_object());
    bank->kept[TOSS] = must(json_object());
    return bank;
}

void bank_destroy(struct bank *bank)
{
    if (bank == NULL)
        return;
    for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
        struct list *list = &bank->lists[kind];
        for (uint32_t i = 0; i < list->count; i++)
            free_object(list->items[i]);
        free(list->items);
    }
    json_decref(bank->orders);
    json_decref(bank->kept[STRIPE]);
    json_decref(bank->kept[TOSS]);
    free(bank->scratch.ptr);
    free(bank);
}

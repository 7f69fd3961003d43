/* bank.c: lists that only grow, so that an object's place in its list is part of its id and finding
 * it takes one look. Only events are dropped: the newest EVENTS_KEPT_MAX are kept, and the place of
 * an older one stays empty. */
#include "bank/bank.h"

#include "core/idem.h"
#include "core/strmap.h"

#include <assert.h>
#include <stdlib.h>

enum { OBJECT_BYTES_MAX = 256 * 1024 }; /* one intent with its largest metadata and charge */

/* ---- lists ---- */

int bank_add(struct list *list, void *item, struct err_slot *err)
{
    assert(item != NULL);
    if (list->count == OBJECTS_MAX)
        return err_set(err, ERR_FULL, "%d objects of one kind", OBJECTS_MAX);
    if (list->count == list->cap) {
        uint32_t cap = list->cap == 0 ? 64 : list->cap * 2;
        void **items = realloc(list->items, cap * sizeof(*items));
        if (items == NULL)
            return err_set(err, ERR_NOMEM, "list of %u objects", cap);
        list->items = items;
        list->cap = cap;
    }
    list->items[list->count++] = item;
    return 0;
}

static void *item_at(const struct list *list, uint32_t place)
{
    assert(place < list->count);
    return list->items[place];
}

/* Every object begins with its id, so one search serves all kinds. */
void *bank_find(const struct list *list, struct span id, const char *prefix, uint32_t *place)
{
    uint32_t at;
    if (!ident_place(id, prefix, &at) || at >= list->count)
        return NULL;
    const char *item = list->items[at];
    if (item == NULL || !span_eq(span_of(item), id))
        return NULL;
    if (place != NULL)
        *place = at;
    return list->items[at];
}

#define BEGINS_AS_OBJECT(type)                                                                     \
    static_assert(offsetof(type, id) == offsetof(struct object, id) &&                             \
                      offsetof(type, created_s) == offsetof(struct object, created_s),             \
                  "lists read the head of an object")
BEGINS_AS_OBJECT(struct intent);
BEGINS_AS_OBJECT(struct session);
BEGINS_AS_OBJECT(struct charge);
BEGINS_AS_OBJECT(struct refund);
BEGINS_AS_OBJECT(struct event);
BEGINS_AS_OBJECT(struct endpoint);
static_assert(offsetof(struct payment, key) == 0, "bank_find() compares the first member");
static_assert(offsetof(struct transaction, key) == 0, "bank_find() compares the first member");

struct intent *bank_intent(const struct bank *bank, uint32_t place)
{
    return item_at(&bank->intents, place);
}

struct session *bank_session(const struct bank *bank, uint32_t place)
{
    return item_at(&bank->sessions, place);
}

struct charge *bank_charge(const struct bank *bank, uint32_t place)
{
    return item_at(&bank->charges, place);
}

static struct refund *bank_refund(const struct bank *bank, uint32_t place)
{
    return item_at(&bank->refunds, place);
}

struct event *bank_event(const struct bank *bank, uint32_t place)
{
    return item_at(&bank->events, place);
}

struct endpoint *bank_endpoint(const struct bank *bank, uint32_t place)
{
    return item_at(&bank->endpoints, place);
}

struct payment *bank_payment(const struct bank *bank, uint32_t place)
{
    return item_at(&bank->payments, place);
}

struct intent *bank_find_intent(const struct bank *bank, struct span id, uint32_t *place)
{
    return bank_find(&bank->intents, id, "pi_", place);
}

struct session *bank_find_session(const struct bank *bank, struct span id, uint32_t *place)
{
    return bank_find(&bank->sessions, id, "cs_test_", place);
}

struct charge *bank_find_charge(const struct bank *bank, struct span id, uint32_t *place)
{
    return bank_find(&bank->charges, id, "ch_", place);
}

struct refund *bank_find_refund(const struct bank *bank, struct span id, uint32_t *place)
{
    return bank_find(&bank->refunds, id, "re_", place);
}

struct event *bank_find_event(const struct bank *bank, struct span id, uint32_t *place)
{
    return bank_find(&bank->events, id, "evt_", place);
}

struct endpoint *bank_find_endpoint(const struct bank *bank, struct span id, uint32_t *place)
{
    struct endpoint *endpoint = bank_find(&bank->endpoints, id, "we_", place);
    return endpoint != NULL && !endpoint->deleted ? endpoint : NULL;
}

struct payment *bank_find_payment(const struct bank *bank, struct span key, uint32_t *place)
{
    return bank_find(&bank->payments, key, "tpk_", place);
}

struct transaction *bank_find_transaction(const struct bank *bank, struct span key, uint32_t *place)
{
    return bank_find(&bank->transactions, key, "txn_", place);
}

struct intent *bank_find_secret(const struct bank *bank, struct span secret, uint32_t *place)
{
    enum { ID_LEN = 3 + IDENT_RANDOM + IDENT_PLACE };
    if (secret.len <= ID_LEN)
        return NULL;
    struct intent *intent = bank_find_intent(bank, (struct span){secret.ptr, ID_LEN}, place);
    return intent != NULL && span_eq_secret(span_of(intent->secret), secret) ? intent : NULL;
}

uint32_t bank_sweep(const struct bank *bank, const struct list *list, uint32_t *cursor,
                    uint64_t now_s,
                    bool (*is_due)(const struct bank *bank, uint32_t place, uint64_t now_s))
{
    enum { STEP = 20000 };
    for (unsigned looked = 0; looked < STEP && looked < list->count; looked++) {
        uint32_t place = *cursor < list->count ? *cursor : 0;
        *cursor = place + 1;
        if (is_due(bank, place, now_s))
            return place;
    }
    return PLACE_NONE;
}

/* ---- events ---- */

static bool endpoint_wants(const struct endpoint *endpoint, const char *type)
{
    if (endpoint->deleted)
        return false;
    struct span rest = span_of(endpoint->events);
    while (rest.ptr != NULL) {
        struct span wanted;
        rest = span_cut(rest, ',', &wanted);
        if (span_eq(wanted, SPAN("*")) || span_eq(wanted, span_of(type)))
            return true;
    }
    return false;
}

struct text *bank_object(struct desk_call *at)
{
    struct text *object = &at->bank->object;
    *object = text_on(object->ptr, object->cap);
    return object;
}

static struct event *make_event(struct desk_call *at, struct list *list, const char *prefix)
{
    const struct text *object = &at->bank->object;
    assert(!object->overflown); /* sized for the largest object that the bounds allow */
    struct event *event = calloc(1, sizeof(*event) + object->len);
    if (event == NULL)
        return NULL;
    ident_make(event->id, prefix, list->count, at->rng);
    event->created_s = at->now_s;
    event->object_len = (uint32_t)object->len;
    memcpy(event->object, object->ptr, object->len);
    memcpy(event->request, at->answer->request, sizeof(event->request));
    struct span key = at->call->key;
    size_t cut = key.len < sizeof(event->request_key) ? key.len : sizeof(event->request_key) - 1;
    if (cut > 0)
        memcpy(event->request_key, key.ptr, cut);
    return event;
}

/* The list keeps only the newest; an older one's place stays empty. */
static void drop_old(struct list *list)
{
    if (list->count <= EVENTS_KEPT_MAX)
        return;
    uint32_t place = list->count - EVENTS_KEPT_MAX - 1;
    free(list->items[place]);
    list->items[place] = NULL;
}

/* An event without memory is lost, like one that a receiver never confirms: polling and
 * reconciliation exist for that. */
void bank_emit(struct desk_call *at, const char *type, uint32_t intent)
{
    struct bank *bank = at->bank;
    struct event *event = make_event(at, &bank->events, "evt_");
    if (event == NULL)
        return;
    event->type = type;
    event->intent = intent;
    for (uint32_t i = 0; i < bank->endpoints.count; i++) {
        if (endpoint_wants(bank_endpoint(bank, i), type))
            event->pending |= (uint16_t)(1u << i);
    }
    if (bank_add(&bank->events, event, NULL) < 0) {
        free(event);
        return;
    }
    drop_old(&bank->events);
}

void bank_notice(struct desk_call *at)
{
    struct event *notice = make_event(at, &at->bank->notices, "ntc_");
    if (notice == NULL)
        return;
    notice->type = "PAYMENT_STATUS_CHANGED";
    notice->intent = INTENT_NONE;
    notice->pending = 1;
    if (bank_add(&at->bank->notices, notice, NULL) < 0) {
        free(notice);
        return;
    }
    drop_old(&at->bank->notices);
}

/* ---- the whole ---- */

char *bank_copy(struct span text)
{
    char *copy = malloc(text.len + 1);
    if (copy == NULL)
        return NULL;
    if (text.len > 0)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}

static struct span order_of(void *ctx, uint32_t place)
{
    const struct bank *bank = ctx;
    return span_of(bank_payment(bank, place)->order);
}

/* Its id is the same after each restart, because it has a seed of its own. */
static int add_configured_endpoint(struct bank *bank, struct err_slot *err)
{
    struct rng_seeded rng;
    rng_seeded_init(&rng, 0x77656e64706f696eu);
    struct endpoint *endpoint = calloc(1, sizeof(*endpoint));
    if (endpoint == NULL)
        return err_set(err, ERR_NOMEM, "webhook endpoint");
    const char *url = bank->conf.webhook_url;
    ident_make(endpoint->id, "we_", 0, &rng.rng);
    endpoint->deleted = url == NULL;
    endpoint->url = bank_copy(span_of(url != NULL ? url : ""));
    endpoint->events = bank_copy(SPAN("*"));
    struct span secret = span_of(bank->conf.webhook_secret);
    int rc = 0;
    if (endpoint->url == NULL || endpoint->events == NULL)
        rc = err_set(err, ERR_NOMEM, "webhook endpoint");
    else if (url != NULL && !span_to_cstr(secret, endpoint->secret, sizeof(endpoint->secret)))
        rc = err_set(err, ERR_RANGE, "a webhook secret of %zu bytes", secret.len);
    else
        rc = bank_add(&bank->endpoints, endpoint, err);
    if (rc == 0)
        return 0;
    free(endpoint->url);
    free(endpoint->events);
    free(endpoint);
    return rc;
}

int bank_create(const struct bank_conf *conf, struct err_slot *err, struct bank **out)
{
    struct bank *bank = calloc(1, sizeof(*bank));
    if (bank == NULL)
        return err_set(err, ERR_NOMEM, "bank");
    bank->conf = *conf;
    char *scratch = malloc(ANSWER_BYTES_MAX);
    char *object = malloc(OBJECT_BYTES_MAX);
    bank->scratch = text_on(scratch, ANSWER_BYTES_MAX);
    bank->object = text_on(object, OBJECT_BYTES_MAX);
    int rc = ERR_NOMEM;
    if (scratch == NULL || object == NULL) {
        err_set(err, ERR_NOMEM, "answers of %d bytes", ANSWER_BYTES_MAX);
        goto destroy_bank;
    }
    rc = strmap_create(order_of, bank, err, &bank->orders);
    for (unsigned i = 0; rc == 0 && i < 2; i++)
        rc = idem_create(IDEM_KEYS_MAX, IDEM_TTL_S, err, &bank->idem[i]);
    if (rc == 0)
        rc = add_configured_endpoint(bank, err);
    if (rc < 0)
        goto destroy_bank;
    *out = bank;
    return 0;

destroy_bank:
    bank_destroy(bank);
    return rc;
}

static void free_endpoint(struct endpoint *endpoint)
{
    free(endpoint->url);
    free(endpoint->description);
    free(endpoint->events);
    meta_deinit(&endpoint->meta);
}

static void free_payment(struct payment *payment)
{
    for (unsigned i = 0; i < payment->cancels_len; i++)
        free(payment->cancels[i].reason);
    free(payment->cancels);
    free(payment->order_name);
}

void bank_session_free(struct session *session)
{
    if (session == NULL)
        return;
    meta_deinit(&session->meta);
    meta_deinit(&session->intent_meta);
    free(session->name);
    free(session->success_url);
    free(session->cancel_url);
    free(session->reference);
    free(session);
}

static void free_list(struct list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
}

void bank_destroy(struct bank *bank)
{
    if (bank == NULL)
        return;
    for (uint32_t i = 0; i < bank->intents.count; i++)
        intent_deinit(bank_intent(bank, i));
    for (uint32_t i = 0; i < bank->refunds.count; i++)
        meta_deinit(&bank_refund(bank, i)->meta);
    for (uint32_t i = 0; i < bank->endpoints.count; i++)
        free_endpoint(bank_endpoint(bank, i));
    for (uint32_t i = 0; i < bank->payments.count; i++)
        free_payment(bank_payment(bank, i));
    for (uint32_t i = 0; i < bank->sessions.count; i++)
        bank_session_free(bank_session(bank, i));
    free(bank->sessions.items);
    free_list(&bank->intents);
    free_list(&bank->charges);
    free_list(&bank->refunds);
    free_list(&bank->events);
    free_list(&bank->endpoints);
    free_list(&bank->payments);
    free_list(&bank->notices);
    free_list(&bank->transactions);
    strmap_destroy(bank->orders);
    idem_destroy(bank->idem[0]);
    idem_destroy(bank->idem[1]);
    free(bank->scratch.ptr);
    free(bank->object.ptr);
    free(bank);
}

/* bank.c: lists that only grow, so that an object's place in its list is part of its id and finding
 * it takes one look. What an API writes of an object is kept as JSON and changed where the object
 * changes; a link to another object is that object's id. Only events are dropped: the newest
 * EVENTS_KEPT_MAX are kept. */
#include "bank/bank.h"

#include "core/must.h"

#include <assert.h>
#include <stdio.h>

/* ---- lists ---- */

static void add(struct list *list, void *item)
{
    assert(list->count < OBJECTS_MAX);
    if (list->count == list->cap) {
        list->cap = list->cap == 0 ? 64 : list->cap * 2;
        list->items = must(realloc(list->items, list->cap * sizeof(*list->items)));
    }
    list->items[list->count++] = item;
}

struct object *bank_make(struct desk_call *at, enum kind kind, json_t *shown)
{
    struct list *list = &at->bank->lists[kind];
    struct object *object = must(calloc(1, sizeof(*object)));
    ident_make(object->id, kinds[kind].prefix, list->count, at->rng);
    object->created_s = at->now_s;
    object->kind = kind;
    object->shown = must(shown);
    object_set_text(object, kinds[kind].id_member, object->id);
    if (kinds[kind].name != NULL) {
        object_set_text(object, "object", kinds[kind].name);
        object_set_number(object, "created", (int64_t)at->now_s);
        object_set(object, "livemode", json_false());
    }
    add(list, object);
    return object;
}

/* Objects and events begin with their id. */
static_assert(offsetof(struct object, id) == 0 && offsetof(struct event, id) == 0,
              "one search and one list serve both");

void *bank_find(const struct bank *bank, enum kind kind, struct span id)
{
    const struct list *list = &bank->lists[kind];
    uint32_t place;
    if (!ident_place(id, kinds[kind].prefix, &place) || place >= list->count)
        return NULL;
    void *item = list->items[place];
    return item != NULL && span_eq(span_of(item), id) ? item : NULL;
}

struct object *bank_linked(const struct bank *bank, const struct object *object, const char *member)
{
    const struct kind_link *link = kinds[object->kind].links;
    const char *id = object_text(object, member);
    while (strcmp(link->member, member) != 0) {
        link++;
        assert(link->member != NULL);
    }
    if (id == NULL)
        return NULL;
    struct object *linked = bank_find(bank, link->to, span_of(id));
    assert(linked != NULL);
    return linked;
}

struct object *bank_find_secret(const struct bank *bank, struct span secret)
{
    enum { ID_LEN = 3 + IDENT_RANDOM + IDENT_PLACE };
    if (secret.len <= ID_LEN)
        return NULL;
    struct object *intent = bank_find(bank, INTENT, (struct span){secret.ptr, ID_LEN});
    bool same =
        intent != NULL && span_eq_secret(span_of(object_text(intent, "client_secret")), secret);
    return same ? intent : NULL;
}

/* ---- written ---- */

/* Of the paths those that lead through this member, from there on; true if there are any. */
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

void bank_put_event(struct text *out, const struct event *event)
{
    json_raw(out, span_of(event->text));
    json_member_u64(out, "pending_webhooks", event->pending);
    json_close(out, '}');
}

/* ---- webhooks ---- */

static struct event *add_event(struct desk_call *at, enum kind kind, const char *type)
{
    struct list *list = &at->bank->lists[kind];
    struct event *event = must(calloc(1, sizeof(*event)));
    ident_make(event->id, kinds[kind].prefix, list->count, at->rng);
    event->type = type;
    add(list, event);
    if (list->count > EVENTS_KEPT_MAX) {
        struct event *old = list->items[list->count - EVENTS_KEPT_MAX - 1];
        list->items[list->count - EVENTS_KEPT_MAX - 1] = NULL;
        if (old != NULL)
            free(old->text);
        free(old);
    }
    return event;
}

void bank_emit_json(struct desk_call *at, const char *type, json_t *object)
{
    struct event *event = add_event(at, EVENT, type);
    char key[IDEM_KEY_BYTES_MAX + 1] = "";
    (void)span_to_cstr(at->call->key, key, sizeof(key));
    json_t *json =
        json_pack("{s:s,s:s,s:s,s:I,s:{s:o},s:b,s:{s:s,s:s?},s:s}", "id", event->id, "object",
                  "event", "api_version", BANK_API_VERSION, "created", (json_int_t)at->now_s,
                  "data", "object", object, "livemode", 0, "request", "id", at->answer->request,
                  "idempotency_key", key[0] != '\0' ? key : NULL, "type", type);
    event->pending = at->bank->conf.has_webhook;
    event->text = must(json_in_text(must(json), 0));
    event->text[strlen(event->text) - 1] = '\0';
    json_decref(json);
}

void bank_emit(struct desk_call *at, const char *type, const struct object *object)
{
    bank_emit_json(at, type, json_incref(object->shown));
}

void bank_notice(struct desk_call *at, json_t *body)
{
    struct event *notice = add_event(at, NOTICE, "PAYMENT_STATUS_CHANGED");
    notice->text = must(json_in_text(must(body), 0));
    notice->pending = true;
    json_decref(body);
}

/* ---- the whole ---- */

struct bank *bank_create(const struct bank_conf *conf)
{
    struct bank *bank = must(calloc(1, sizeof(*bank)));
    bank->conf = *conf;
    bank->scratch = text_on(must(malloc(ANSWER_BYTES_MAX)), ANSWER_BYTES_MAX);
    bank->orders = must(json_object());
    idem_init(&bank->idem[0]);
    idem_init(&bank->idem[1]);
    return bank;
}

static void free_item(enum kind kind, void *item)
{
    if (kind == EVENT || kind == NOTICE) {
        struct event *event = item;
        if (event != NULL)
            free(event->text);
    } else {
        struct object *object = item;
        json_decref(object->shown);
        json_decref(object->hidden);
    }
    free(item);
}

void bank_destroy(struct bank *bank)
{
    if (bank == NULL)
        return;
    for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
        struct list *list = &bank->lists[kind];
        for (uint32_t i = 0; i < list->count; i++)
            free_item(kind, list->items[i]);
        free(list->items);
    }
    json_decref(bank->orders);
    idem_deinit(&bank->idem[0]);
    idem_deinit(&bank->idem[1]);
    free(bank->scratch.ptr);
    free(bank);
}

/* effect.c: each effect is a small JSON object that a statement reads by member names
 * (sql/statements/effects.sql), always with the order it is about. It is built on the stack,
 * because all but one kind have a known bound; only the places of a moved order can be long and
 * need the heap. The required members are asserted: an effect without its order would update
 * nothing, unnoticed. */
#include "core/checkout/effect.h"

#include "base/text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { EFFECT_TEXT_MAX = 4096 };

struct effect_text {
    struct text text;
    char memory[EFFECT_TEXT_MAX];
};

static struct text *effect_open(struct effect_text *effect, const char *order)
{
    assert(order[0] != '\0'); /* statements find the order by it */
    effect->text = text_on(effect->memory, sizeof(effect->memory));
    json_open(&effect->text, '{');
    json_member_cstr(&effect->text, "order", order);
    return &effect->text;
}

static void effect_close(struct effect_text *effect, struct saga_effects *effects, enum effect kind)
{
    json_close(&effect->text, '}');
    assert(kind < EFFECT_COUNT);
    assert(!effect->text.overflown);
    saga_effects_add(effects, (uint8_t)kind, text_span(&effect->text));
}

void effect_status(struct saga_effects *effects, const char *order, enum order_status status,
                   const char *cause)
{
    assert(status < ORDER_STATUS_COUNT);
    assert(cause != NULL);
    struct effect_text effect;
    struct text *text = effect_open(&effect, order);
    json_member_cstr(text, "status", order_status_name(status));
    json_member_cstr(text, "cause", cause);
    effect_close(&effect, effects, EFFECT_STATUS);
}

void effect_payment(struct saga_effects *effects, const char *order, const char *payment,
                    const char *secret, const char *url)
{
    assert(payment[0] != '\0'); /* drivers return no payment without an id */
    struct effect_text effect;
    struct text *text = effect_open(&effect, order);
    json_member_cstr(text, "payment", payment);
    json_member_cstr(text, "secret", secret);
    json_member_cstr(text, "url", url);
    effect_close(&effect, effects, EFFECT_PAYMENT);
}

void effect_expiry(struct saga_effects *effects, const char *order, uint64_t expires_ms)
{
    assert(expires_ms > 0);
    struct effect_text effect;
    json_member_u64(effect_open(&effect, order), "expires_ms", expires_ms);
    effect_close(&effect, effects, EFFECT_EXPIRY);
}

static void put_ticket(struct text *text, const struct ticket *ticket, const char *token)
{
    assert(ticket->id[0] != '\0');
    assert(token[0] != '\0');
    json_member_cstr(text, "ticket", ticket->id);
    json_member_cstr(text, "event", ticket->event);
    json_member_cstr(text, "seat", ticket->seat);
    json_member_cstr(text, "holder", ticket->holder);
    json_member_cstr(text, "kid", ticket->kid);
    json_member_cstr(text, "token", token);
}

void effect_ticket(struct saga_effects *effects, const struct order *order,
                   const struct ticket *ticket, const char *token)
{
    assert(strcmp(ticket->order, order->id) == 0);
    struct effect_text effect;
    struct text *text = effect_open(&effect, order->id);
    put_ticket(text, ticket, token);
    json_member_cstr(text, "member", order->member);
    effect_close(&effect, effects, EFFECT_TICKET);
}

void effect_plain(struct saga_effects *effects, enum effect kind, const char *order)
{
    assert(kind == EFFECT_REVOKE || kind == EFFECT_MOVE_SHUT || kind == EFFECT_PART_FREED);
    struct effect_text effect;
    effect_open(&effect, order);
    effect_close(&effect, effects, kind);
}

bool effect_move_seats(struct saga_effects *effects, const char *order, const char *places)
{
    assert(places[0] == '['); /* psp/peers.c accepts nothing else */
    size_t cap = strlen(places) + 128;
    char *memory = malloc(cap);
    if (memory == NULL)
        return false;
    struct text text = text_on(memory, cap);
    json_open(&text, '{');
    json_member_cstr(&text, "order", order);
    json_member_raw(&text, "places", span_of(places));
    json_close(&text, '}');
    assert(!text.overflown);
    saga_effects_add(effects, EFFECT_MOVE_SEATS, text_span(&text));
    free(memory);
    return true;
}

void effect_move_ticket(struct saga_effects *effects, const char *order, const char *old,
                        const struct ticket *ticket, const char *token)
{
    struct effect_text effect;
    struct text *text = effect_open(&effect, order);
    assert(strcmp(old, ticket->id) != 0);
    json_member_cstr(text, "old", old);
    put_ticket(text, ticket, token);
    effect_close(&effect, effects, EFFECT_MOVE_TICKET);
}

void effect_move_end(struct saga_effects *effects, const char *order, uint32_t number, bool moved)
{
    struct effect_text effect;
    struct text *text = effect_open(&effect, order);
    assert(number >= 1);
    json_member_u64(text, "number", number);
    json_member_bool(text, "moved", moved);
    effect_close(&effect, effects, EFFECT_MOVE_END);
}

static void add_letter(struct saga_effects *effects, enum effect kind, const char *order,
                       const char *member, const char *lang, const char *about)
{
    struct effect_text effect;
    struct text *text = effect_open(&effect, order);
    assert(about[0] != '\0');
    json_member_cstr(text, "member", member);
    json_member_cstr(text, "kind", about);
    json_member_cstr(text, "lang", lang);
    effect_close(&effect, effects, kind);
}

void effect_letter(struct saga_effects *effects, enum effect kind, const struct order *order,
                   const char *about)
{
    assert(kind == EFFECT_SHOP || kind == EFFECT_MAIL);
    add_letter(effects, kind, order->id, order->member, order->lang, about);
}

void effect_mail_to(struct saga_effects *effects, const char *order, const char *member,
                    const char *lang, const char *about)
{
    assert(member[0] != '\0');
    add_letter(effects, EFFECT_MAIL, order, member, lang, about);
}

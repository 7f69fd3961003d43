/* effect.c: see effect.h. */
#include "core/effect.h"

#include "base/text.h"

#include <assert.h>

enum { EFFECT_TEXT_MAX = 4096 };

struct effect_text {
    struct text text;
    char memory[EFFECT_TEXT_MAX];
};

static struct text *effect_open(struct effect_text *effect, const char *order)
{
    effect->text = text_on(effect->memory, sizeof(effect->memory));
    json_open(&effect->text, '{');
    json_member_cstr(&effect->text, "order", order);
    return &effect->text;
}

static void effect_close(struct effect_text *effect, struct saga_effects *effects, enum effect kind)
{
    json_close(&effect->text, '}');
    assert(!effect->text.overflown);
    saga_effects_add(effects, (uint8_t)kind, text_span(&effect->text));
}

void effect_status(struct saga_effects *effects, const char *order, enum order_status status,
                   const char *cause)
{
    struct effect_text effect;
    struct text *text = effect_open(&effect, order);
    json_member_cstr(text, "status", order_status_name(status));
    json_member_cstr(text, "cause", cause);
    effect_close(&effect, effects, EFFECT_STATUS);
}

void effect_payment(struct saga_effects *effects, const char *order, const char *payment,
                    const char *secret, const char *url)
{
    struct effect_text effect;
    struct text *text = effect_open(&effect, order);
    json_member_cstr(text, "payment", payment);
    json_member_cstr(text, "secret", secret);
    json_member_cstr(text, "url", url);
    effect_close(&effect, effects, EFFECT_PAYMENT);
}

void effect_expiry(struct saga_effects *effects, const char *order, uint64_t expires_ms)
{
    struct effect_text effect;
    json_member_u64(effect_open(&effect, order), "expires_ms", expires_ms);
    effect_close(&effect, effects, EFFECT_EXPIRY);
}

void effect_ticket(struct saga_effects *effects, const struct order *order,
                   const struct ticket *ticket, const char *token)
{
    struct effect_text effect;
    struct text *text = effect_open(&effect, order->id);
    json_member_cstr(text, "ticket", ticket->id);
    json_member_cstr(text, "event", ticket->event);
    json_member_cstr(text, "seat", ticket->seat);
    json_member_cstr(text, "holder", ticket->holder);
    json_member_cstr(text, "kid", ticket->kid);
    json_member_cstr(text, "token", token);
    json_member_cstr(text, "member", order->member);
    effect_close(&effect, effects, EFFECT_TICKET);
}

void effect_revoke(struct saga_effects *effects, const char *order)
{
    struct effect_text effect;
    effect_open(&effect, order);
    effect_close(&effect, effects, EFFECT_REVOKE);
}

void effect_letter(struct saga_effects *effects, enum effect kind, const struct order *order,
                   const char *about)
{
    struct effect_text effect;
    assert(kind == EFFECT_SHOP || kind == EFFECT_MAIL);
    struct text *text = effect_open(&effect, order->id);
    json_member_cstr(text, "member", order->member);
    json_member_cstr(text, "kind", about);
    json_member_cstr(text, "lang", order->lang);
    effect_close(&effect, effects, kind);
}

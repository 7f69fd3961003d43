/* intent.h: one payment: its states, its amounts, and what may be done to it when. Pure: no clock,
 * no list, no JSON. Callers check intent_may() first; an act that is not allowed is a bug.
 *
 *   requires_payment_method -> requires_confirmation -> [requires_action ->] requires_capture
 *                                                                          -> succeeded
 *   a declined card leads back to requires_payment_method; canceled from all but succeeded */
#ifndef FG_PSP_SANDBOX_INTENT_H
#define FG_PSP_SANDBOX_INTENT_H

#include "core/card.h"
#include "core/ident.h"
#include "core/meta.h"
#include "core/psp_limits.h"

enum intent_status {
    INTENT_REQUIRES_PAYMENT_METHOD,
    INTENT_REQUIRES_CONFIRMATION,
    INTENT_REQUIRES_ACTION,
    INTENT_REQUIRES_CAPTURE,
    INTENT_SUCCEEDED,
    INTENT_CANCELED,
    INTENT_STATUS_COUNT,
};

enum intent_act {
    INTENT_ACT_UPDATE, /* amount, currency, card; description and metadata can always change */
    INTENT_ACT_CONFIRM,
    INTENT_ACT_AUTHENTICATE,
    INTENT_ACT_CAPTURE,
    INTENT_ACT_CANCEL,
    INTENT_ACT_COUNT,
};

enum intent_capture { INTENT_AUTOMATIC, INTENT_AUTOMATIC_ASYNC, INTENT_MANUAL };

#define INTENT_NONE  UINT32_MAX /* no such place */
#define SESSION_NONE UINT32_MAX

struct intent {
    char id[IDENT_MAX];
    uint64_t created_s;
    char secret[IDENT_SECRET_MAX];
    char payment_method[IDENT_MAX]; /* empty: none */
    const struct card *card;        /* set exactly when payment_method is */
    const struct card *refusal;     /* why the last attempt was refused, or NULL */
    bool authentication_failed;     /* the last attempt ended because the buyer declined */
    enum intent_status status;
    enum intent_capture capture_method;
    bool confirmation_manual;
    char currency[4];
    int64_t amount;
    int64_t capturable;
    int64_t received;
    int64_t refunded;
    uint64_t canceled_s;             /* 0: not canceled */
    const char *cancellation_reason; /* a literal, or NULL */
    uint32_t charge;                 /* the latest attempt's place, or INTENT_NONE */
    uint32_t session;                /* the checkout session that made it, or SESSION_NONE */
    struct meta meta;
    char *description; /* malloced or NULL, as the next two */
    char *descriptor;
    char *return_url;
    uint32_t fault_used[FAULT_SPECS_MAX]; /* how often each fault of its metadata has struck */
};

const char *intent_status_name(enum intent_status status);
const char *intent_capture_name(enum intent_capture method);

bool intent_may(const struct intent *intent, enum intent_act act);

/* The card that the next confirm will use, under this id. */
void intent_use_card(struct intent *intent, const struct card *card, const char *payment_method);

/* Confirmed, and the card asks its holder: requires_action. */
void intent_ask(struct intent *intent);
/* The card was accepted: succeeded, or requires_capture if capture is manual. */
void intent_approve(struct intent *intent);
/* The card was refused or (refusal NULL) its holder declined: back to requires_payment_method. */
void intent_refuse(struct intent *intent, const struct card *refusal);
/* 1..capturable; what is not captured is released at once. */
void intent_capture(struct intent *intent, int64_t amount);
void intent_cancel(struct intent *intent, const char *reason, uint64_t now_s);

int64_t intent_refundable(const struct intent *intent);
void intent_refund(struct intent *intent, int64_t amount); /* 1..refundable */

void intent_deinit(struct intent *intent);

#endif

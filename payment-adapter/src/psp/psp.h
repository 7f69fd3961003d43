/* psp.h: a payment provider behind one interface: six questions, a webhook to judge, and the
 * provider's own list of what happened. psp_list.h lists them. */
#ifndef FG_PAY_PSP_H
#define FG_PAY_PSP_H

#include "base/clock.h"
#include "core/checkout/peer.h"
#include "core/pace/pace.h"
#include "outcall/outcall.h"
#include "psp/psp_list.h"
#include "psp/psp_settings.h"

#include <jansson.h>

struct psp;
struct logger;

/* What all loops of the process have together of the providers; of each, by its place in the list.
 */
struct psp_shared {
    struct pace pace;
    struct psp_heard {
        _Atomic uint64_t at_us;     /* monotonic: when a webhook last woke an order; 0: never */
        _Atomic uint64_t strangers; /* calls that were refused for what we are: key, contract */
    } heard[PSP_PROVIDERS];
};

struct psp_conf {
    const char *api_url;         /* "https://api.stripe.com", no slash at the end */
    const char *key;             /* secret */
    const char *webhook_secrets; /* what webhooks are signed with, parted by spaces; secret */
    const char *checkout_url;    /* where the buyer pays: the client's secret is put behind it */
    const char *return_url; /* where the buyer comes back to: the order's id is put behind it */
    uint32_t timeout_ms;
    struct outcalls *outcalls; /* borrowed */
    const struct clock *clock;
    struct logger *log;
    struct psp_shared *shared; /* borrowed */
};

/* What a webhook says, once it is believed. For Toss it is a hint, to be read back. */
struct psp_event {
    char id[96]; /* unique at the provider */
    char kind[64];
    char payment[ORDER_PAYMENT_MAX];
    char order[ORDER_ID_MAX]; /* as the payment names it; "" */
};

enum { PSP_EVENTS_MAX = 100 };
#define PSP_WHOLE ((uint64_t)INT64_MAX)

struct psp_events {
    int rc;    /* 0, or it could not be read */
    bool lost; /* with rc: the provider does not know the event that was named */
    bool more; /* there are further ones in the direction that was asked for */
    uint32_t len;
    struct psp_event_row {
        struct psp_event event;
        uint64_t amount, captured;
        uint64_t refunded; /* PSP_WHOLE: all that was taken */
        enum payment_state state;
        struct psp_return { /* money that goes back, or is asked back; id "": none */
            char id[64];
            bool dispute; /* of the buyer's bank; otherwise a refund */
            uint64_t amount;
            enum payment_return state;
        } ret;
    } rows[PSP_EVENTS_MAX]; /* oldest first */
};

struct psp_driver {
    const char *name;      /* as in psp_list.h */
    const char *label;     /* of its metrics: provider="stripe" */
    const char *version;   /* a header that goes along with each call; NULL: none */
    const char *signature; /* the head line by which its webhooks are signed; NULL: they are not */
    /* What it puts into the address that the buyer comes back to, as a hint for the saga: its name
     * of the payment, the order, the amount. NULL: nothing. */
    const struct psp_hint *hint;
    /* Its part of [psp], ended by a row without a section; offsets are those of psp_settings. */
    const struct config_setting *settings;
    /* What one setting alone cannot tell, of a provider that is used. */
    int (*check)(const struct psp_settings *settings, struct err_slot *err);
    /* The five PEER_PSP_* operations. */
    void (*start)(struct psp *psp, struct peer_call *call);
    /* ERR_AUTH: not from the provider; ERR_TIMEOUT: signed too long ago or ahead; ERR_SYNTAX. An
     * event that is about no payment has payment "". */
    int (*webhook)(const struct psp *psp, struct span signature, struct span body, uint64_t now_s,
                   struct err_slot *err, struct psp_event *out);
    /* A page of events newer than `id`, or with `older` older than it; id "": the newest there are,
     * or the oldest where the list is only read onward. */
    void (*events)(struct psp *psp, const char *id, bool older,
                   void (*on_done)(void *ctx, const struct psp_events *events), void *ctx);
    bool onward; /* its list is read from the oldest on, never with `older` */
    /* Does this answer say that it does not know the event that was named? */
    bool (*is_lost)(const json_t *answer);
};

struct psp_hint {
    const char *payment, *order, *amount;
};

#define PSP_DECLARE(NAME) extern const struct psp_driver psp_##NAME;
PSP_LIST(PSP_DECLARE)
extern const struct psp_driver *const psp_drivers[PSP_PROVIDERS]; /* in the list's order */

struct psp {
    const struct psp_driver *driver;
    uint32_t place; /* in the list */
    struct psp_conf conf;
};

/* Stripe's signature, by itself, for tests: "t=...,v1=...". Both sides of the clock are bounded by
 * tolerance_s; several v1 and several secrets (parted by spaces) serve a rotation. */
int psp_stripe_verify(struct span secrets, struct span signature, struct span body, uint64_t now_s,
                      uint64_t tolerance_s, struct err_slot *err);

/* Helpers of the drivers. */
/* GET `url` with this Authorization, and then what read() makes of the answer. */
void psp_list_get(struct psp *psp, const char *url, const char *auth,
                  void (*read)(const json_t *list, struct psp_events *events),
                  void (*on_done)(void *ctx, const struct psp_events *events), void *ctx);
void psp_tell(struct peer_call *call, enum saga_verdict verdict, const char *code,
              const char *detail);
/* A call of this provider leaves: counted and paid for. */
void psp_send(struct psp *psp, const struct outcall *call);
/* It will not have us, whatever the order: UNKNOWN, counted and logged for a person to see. */
void psp_tell_stranger(struct psp *psp, struct peer_call *call, const char *detail);
/* No answer that can be understood: UNKNOWN, with what is known about why. */
void psp_tell_unknown(struct peer_call *call, const struct outcall_answer *answer);

#endif

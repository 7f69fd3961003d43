/* psp.h: a payment provider behind one interface: five operations, a webhook to judge, and the
 * provider's own list of what happened. psp_list.h lists the providers. */
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

/* What all loops of the process share about the providers (the pace is one with other processes);
 * `heard` by place in the list. */
struct psp_shared {
    struct pace pace;
    struct psp_heard {
        _Atomic uint64_t at_us;     /* monotonic: when a webhook last woke an order; 0: never */
        _Atomic uint64_t strangers; /* calls refused because of us: key, contract */
    } heard[PSP_PROVIDERS];
};

struct psp_conf {
    const char *api_url;         /* "https://api.stripe.com", no slash at the end */
    const char *key;             /* secret */
    const char *webhook_secrets; /* what webhooks are signed with, separated by spaces; secret */
    const char *checkout_url;    /* where the buyer pays; the client secret is appended */
    const char *return_url;      /* where the buyer comes back to; the order's id is appended */
    uint32_t timeout_ms;
    uv_loop_t *uv;
    struct outcalls *outcalls; /* borrowed */
    const struct clock *clock;
    struct logger *log;
    struct psp_shared *shared; /* borrowed */
};

/* What a webhook says, once it is authenticated. For Toss it is a hint, to be verified by reading.
 */
struct psp_event {
    char id[96]; /* unique at the provider */
    char kind[64];
    char payment[ORDER_PAYMENT_MAX];
    char order[ORDER_ID_MAX]; /* as the payment names it, or "" */
};

enum { PSP_EVENTS_MAX = 100 }; /* of a page, and Stripe's own limit */
#define PSP_WHOLE ((uint64_t)INT64_MAX)

struct psp_events {
    int rc;         /* 0, or it could not be read; ERR_RANGE: the page is too long, fewer may fit */
    bool lost;      /* with rc: the provider does not know the event that we named */
    bool more;      /* there are more in the requested direction */
    uint32_t limit; /* as it was asked for */
    uint32_t len;
    struct psp_event_row {
        struct psp_event event;
        uint64_t amount, captured;
        uint64_t refunded; /* PSP_WHOLE: everything that was captured */
        enum payment_state state;
        struct psp_return { /* money that goes back or is claimed back; id "": none */
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
    const char *version;   /* a header sent with each call; NULL: none */
    const char *signature; /* the header that signs its webhooks; NULL: they are not signed */
    const char *currency;  /* ISO 4217: the only one that it takes; NULL: it takes several */
    const char *const *test_keys; /* what keys begin with that move no money; ended by NULL */
    /* What the provider appends to the return address, as a hint for the saga: its own key of the
     * payment, the order, the amount. NULL: nothing. */
    const struct psp_hint *hint;
    /* Its part of [psp], ended by a row without a section; offsets are into psp_settings. */
    const struct config_setting *settings;
    /* Checks that span several settings, for a provider in use. */
    int (*check)(const struct psp_settings *settings, struct err_slot *err);
    /* The five PEER_PSP_* operations. */
    void (*start)(struct psp *psp, struct peer_call *call);
    /* ERR_AUTH: not from the provider; ERR_TIMEOUT: signed too long ago or in the future;
     * ERR_SYNTAX; ERR_NOMEM: it has to be sent again. An event that concerns no payment has payment
     * "". */
    int (*webhook)(const struct psp *psp, struct span signature, struct span body, uint64_t now_s,
                   struct err_slot *err, struct psp_event *out);
    /* At most `limit` events newer than `id`, or with `older`, older than it; id "": the newest
     * there are, or the oldest if the list can only be read forward. */
    void (*events)(struct psp *psp, const char *id, bool older, uint32_t limit,
                   void (*on_done)(void *ctx, const struct psp_events *events), void *ctx);
    bool onward; /* its list is read forward from the oldest, never with `older` */
    /* Does this answer say that it does not know the event we named? */
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

/* Stripe's signature check by itself, for tests: "t=...,v1=...". The clocks may differ by
 * tolerance_s either way; several v1 and several secrets (separated by spaces) allow a rotation. */
int psp_stripe_verify(struct span secrets, struct span signature, struct span body, uint64_t now_s,
                      uint64_t tolerance_s, struct err_slot *err);

/* Helpers of the drivers. */
/* GETs `url` with this Authorization; read() turns the answer into events. */
void psp_list_get(struct psp *psp, const char *url, const char *auth, uint32_t limit,
                  void (*read)(const json_t *list, struct psp_events *events),
                  void (*on_done)(void *ctx, const struct psp_events *events), void *ctx);
void psp_tell(struct peer_call *call, enum saga_verdict verdict, const char *code,
              const char *detail);
/* Sends a call to this provider, counting and paying for it. */
void psp_send(struct psp *psp, const struct outcall *call);
/* The provider rejects us, whatever the order: UNKNOWN, counted, and logged for a person to see. */
void psp_tell_stranger(struct psp *psp, struct peer_call *call, const char *detail);
/* No answer that can be understood: UNKNOWN, with whatever is known about the reason. */
void psp_tell_unknown(struct peer_call *call, const struct outcall_answer *answer);
/* What the answer says; NULL if that is no JSON, or there was none. False: there is no memory to
 * read it, and UNKNOWN has been reported, since it may be a yes or a no. */
bool psp_read_body(struct peer_call *call, const struct outcall_answer *answer, json_t **out);

#endif

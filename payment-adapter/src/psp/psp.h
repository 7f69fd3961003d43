/* psp.h: a payment provider behind one interface: five operations, webhook verification, and the
 * provider's own list of events. psp_list.h lists the providers. */
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

/* What all loops of the process share about the providers (other processes share the pace too);
 * `seen` is indexed by place in the list. */
struct psp_shared {
    struct pace pace;
    struct psp_seen {
        _Atomic uint64_t at_us;      /* monotonic: when a webhook last woke an order; 0: never */
        _Atomic uint64_t strangers;  /* calls refused because of our key or contract */
        _Atomic uint64_t refused_us; /* monotonic: our key's newest refusal; 0: accepted since */
    } seen[PSP_PROVIDERS];
};

struct psp_conf {
    const char *api_url;         /* "https://api.stripe.com", no slash at the end */
    const char *key;             /* secret */
    const char *webhook_secrets; /* secrets that sign webhooks, separated by spaces; secret */
    const char *checkout_url;    /* where the buyer pays; the client secret is appended */
    const char *return_url;      /* where the buyer comes back to; the order's id is appended */
    uint32_t timeout_ms;
    uv_loop_t *uv;
    struct outcalls *outcalls; /* borrowed */
    const struct clock *clock; /* the seat service's: orders end by it */
    struct logger *log;
    struct psp_shared *shared; /* borrowed */
};

/* What an authenticated webhook says. For Toss it is only a hint, to be verified by reading the
 * payment. */
struct psp_event {
    char id[96]; /* unique at the provider */
    char kind[64];
    char payment[ORDER_PAYMENT_MAX];
    char order[ORDER_ID_MAX]; /* as the payment names it, or "" */
};

enum { PSP_EVENTS_MAX = 100 }; /* per page: Stripe's own limit */
#define PSP_WHOLE ((uint64_t)INT64_MAX)

struct psp_events {
    int rc;         /* 0, or a failure; ERR_RANGE: the page is too long, fewer may fit */
    bool lost;      /* with rc: the provider no longer knows the event that we named */
    bool more;      /* more events exist in the requested direction */
    uint32_t limit; /* as requested */
    uint32_t len;
    struct psp_event_row {
        struct psp_event event;
        uint64_t amount, captured;
        uint64_t refunded; /* PSP_WHOLE: everything that was captured */
        enum payment_state state;
        struct psp_return { /* money refunded or claimed back; id "": none */
            char id[64];
            bool dispute; /* by the buyer's bank; otherwise a refund */
            uint64_t amount;
            enum payment_return state;
        } ret;
    } rows[PSP_EVENTS_MAX]; /* oldest first */
};

struct psp_driver {
    const char *name;      /* as in psp_list.h */
    const char *label;     /* for its metrics: provider="stripe" */
    const char *version;   /* a header sent with each call; NULL: none */
    const char *signature; /* the header that signs its webhooks; NULL: they are not signed */
    uint32_t refund_calls; /* at most: the look at the payment before it, and the refund */
    const char *const *test_keys; /* prefixes of keys that move no money; NULL ends them */
    /* Whether it counts amounts of this currency in the minor units of ISO 4217. */
    bool (*takes)(const char *currency);
    /* What the provider appends to the return address, as a hint for the saga: its own payment key,
     * the order, the amount. NULL: nothing. */
    const struct psp_hint *hint;
    /* Its part of [psp], terminated by a row without a section; offsets are into psp_settings. */
    const struct config_setting *settings;
    /* Checks that span several settings, for a provider in use. */
    int (*check)(const struct psp_settings *settings, struct err_slot *err);
    /* The five PEER_PSP_* operations. */
    void (*start)(struct psp *psp, struct peer_call *call);
    /* ERR_AUTH: not from the provider; ERR_TIMEOUT: signed too long ago or in the future;
     * ERR_SYNTAX; ERR_NOMEM: the provider has to resend it. An event that concerns no payment has
     * payment "". */
    int (*webhook)(const struct psp *psp, struct span signature, struct span body, uint64_t now_s,
                   struct err_slot *err, struct psp_event *out);
    /* At most `limit` events newer than `id` or, with `older`, older than `id`. id "": the newest
     * events, or the oldest if the list can only be read forward. */
    void (*events)(struct psp *psp, const char *id, bool older, uint32_t limit,
                   void (*on_done)(void *ctx, const struct psp_events *events), void *ctx);
    bool onward; /* the list is read forward from the oldest, never with `older` */
    /* Whether this answer says that the provider no longer knows the event we named. */
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

/* Exposes Stripe's signature check to tests: "t=...,v1=...". The clocks may differ by tolerance_s
 * either way; several v1 and several secrets (separated by spaces) allow a rotation. */
int psp_stripe_verify(struct span secrets, struct span signature, struct span body, uint64_t now_s,
                      uint64_t tolerance_s, struct err_slot *err);

/* Helpers of the drivers. */
/* GETs `url` with this Authorization; read() turns the answer into events. */
void psp_list_get(struct psp *psp, const char *url, const char *auth, uint32_t limit,
                  void (*read)(const json_t *list, struct psp_events *events),
                  void (*on_done)(void *ctx, const struct psp_events *events), void *ctx);
void psp_answer(struct peer_call *call, enum saga_verdict verdict, const char *code,
                const char *detail);
/* Sends a call to this provider, counting and paying for it. */
void psp_send(struct psp *psp, const struct outcall *call);
/* Notes from any answer whether the provider takes our key. */
void psp_note_key(struct psp *psp, const struct outcall_answer *answer);
/* The provider rejects us, whatever the order: UNKNOWN, counted, and logged for the operator. */
void psp_answer_stranger(struct psp *psp, struct peer_call *call, const char *detail);
/* No intelligible answer: UNKNOWN, with what is known about the reason. */
void psp_answer_unknown(struct peer_call *call, const struct outcall_answer *answer);
/* The answer's JSON, or NULL if there was none. False: out of memory; UNKNOWN has been reported,
 * since the answer may be a yes or a no. */
bool psp_read_body(struct peer_call *call, const struct outcall_answer *answer, json_t **out);

#endif

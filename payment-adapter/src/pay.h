/* pay.h: what the payment adapter has: once for the process (keys), once for each loop (databases,
 * calls, sagas). Handlers reach theirs by pay_of(req). */
#ifndef FG_PAY_PAY_H
#define FG_PAY_PAY_H

#include "base/secret_file.h"
#include "core/checkout/checkout.h"
#include "core/pace/slots.h"
#include "login/hasher.h"
#include "login/session.h"
#include "login/users.h"
#include "outcall/jwks_feed.h"
#include "pace/tally.h"
#include "psp/peers.h"
#include "saga/worker.h"
#include "service/service.h"
#include "settings.h"
#include "web/lang.h"

struct login;
struct pages;        /* pages/pages.h */
struct site;         /* web/site.h */
struct pay_texts;    /* pay.c */
struct watches;      /* order_watch.h */
struct outbox;       /* outbox.h */
struct mailer;       /* mailer.h */
struct reconcile;    /* reconcile.h */
struct order_series; /* saga/order_series.h */
struct webhooks;     /* webhooks.h */

/* What all loops of the process take from together. */
struct pay_caps {
    struct gate questions; /* to the user database */
    struct hash_queue hashing;
    struct psp_shared psp;
};

/* How fast one scanner, one address of scanners and one member may be, over all loops. */
struct paces {
    struct slots scanners, addresses, members;
};

/* What SIGHUP reads anew: the secrets from their files, and the knobs that can change at run time.
 * Read-only once it is made. A reload makes another one; each loop holds on to its own until it
 * has taken up the next. */
struct pay_keys {
    _Atomic uint32_t refs;
    struct secret_file *service_token, *shop_key, *seats_admin, *mail_password;
    struct secret_file *psp_key[PSP_PROVIDERS], *psp_webhook[PSP_PROVIDERS];
    struct ticket_signer *signer;
    struct ticket_keys ticket_keys; /* the signer's, and those of before */
    char *ticket_keys_json;         /* as published */
    uint8_t throttle_key[32];       /* for hashes of accounts and addresses */
    struct pay_knobs {
        uint64_t free_fails, window_ms, pause_ms, pause_max_ms; /* [login] */
        uint32_t shop_per_s;
    } knobs;
};

/* Of the process, as long as it lives. */
struct pay_common {
    struct pay_caps *caps;
    struct paces *paces;
    struct pages *pages;
    const struct site *site; /* of the pages */
    char instance[CONFIG_STRING_MAX];
    uv_mutex_t lock;
    struct pay_keys *keys; /* below the lock: the newest */
};

int pay_common_init(struct pay_common *common, const struct settings *settings,
                    struct err_slot *err);
void pay_common_deinit(struct pay_common *common);
/* Reads all secrets of `settings`, with the knobs of `knobs`, and makes them the newest; those of
 * before stay if it fails. Old tickets stay good: keys that signed in this process are kept. May
 * block. */
int pay_keys_load(struct pay_common *common, const struct settings *settings,
                  const struct settings *knobs, struct logger *log, struct err_slot *err);
/* The newest, held until it is let go. Any thread. */
const struct pay_keys *pay_keys_take(struct pay_common *common);
void pay_keys_let_go(const struct pay_keys *keys);

enum { PAY_LAGS = 8 };

/* Of one loop. */
struct pay {
    struct service_loop *loop;
    const struct settings *settings;
    struct pay_common *common;
    const struct pay_keys *keys; /* taken; another one after each reload */
    struct pay_texts *texts;
    struct pg_pool *pg;
    struct pg_pool *saga_pg; /* the engine's own: its commits stand before nobody's page */
    struct users *users;     /* NULL: no login by password */
    struct outcalls *outcalls;
    struct hasher *hasher;
    struct sessions *sessions;
    struct jwks_feed *passes, *sso; /* sso NULL: off */
    struct psp psps[PSP_PROVIDERS]; /* those that are used */
    struct psp *psp_list[PSP_PROVIDERS];
    uint32_t psps_len;
    struct peers_http *peers;
    struct checkout *checkout;
    struct worker *worker;
    struct watches *watches;
    struct webhooks *webhooks;
    struct outbox *outbox;
    struct mailer *mailer;
    struct reconcile *reconcile; /* loop 0 only */
    struct order_series *series;
    struct halt halt;
    uv_timer_t timer; /* sweeps, lags, readiness */
    uint32_t ticks;
    struct login *login_list;        /* login_http.c: under way */
    uint32_t logins;                 /* so many */
    struct tally tokens_wrong;       /* login_http.c: the shop's, by address */
    _Atomic uint64_t lags[PAY_LAGS]; /* as SQL_LAGS answers them */
    _Atomic uint64_t parked_ever, completed_ever, undone_ever;
    _Atomic uint64_t webhooks_good, webhooks_bad, webhooks_repeated, webhooks_strange;
    _Atomic uint64_t logins_good, logins_bad, logins_throttled, logins_shed;
    bool closing;
};

int pay_open(struct service_loop *loop, struct pay_common *common, struct err_slot *err,
             struct pay **out);
/* After a reload: from here on with the newest keys and knobs. */
void pay_use_keys(struct pay *pay);
void pay_drain(struct pay *pay);
/* Every handle is closed; the memory is freed when the loop has seen the last of them. */
void pay_close(struct pay *pay);

static inline struct pay *pay_of(const struct http_req *req)
{
    return service_loop_of(req)->ctx;
}

static inline const char *pay_lang(const struct session *session)
{
    return session->lang[0] != '\0' ? session->lang : lang_tag(LANG_OF_MEMBERS);
}

/* Each answers for a part of the API. */
int login_routes(struct http_router *routes, struct err_slot *err);
int order_routes(struct http_router *routes, struct err_slot *err);
int move_routes(struct http_router *private_routes, struct err_slot *err);
int ticket_routes(struct http_router *routes, struct err_slot *err);
int webhook_routes(struct http_router *routes, struct err_slot *err);
int admin_routes(struct http_router *private_routes, struct err_slot *err);
int order_series_routes(struct http_router *private_routes, struct err_slot *err);
int door_routes(struct http_router *routes, struct http_router *private_routes,
                struct err_slot *err);

#endif

/* pay_loop.h: what a request's handler reaches through pay_of(req): some once per process (secrets,
 * caps), the rest once per loop (databases, calls, sagas). Modules below the API have confs of
 * their own. */
#ifndef FG_PAY_PAY_LOOP_H
#define FG_PAY_PAY_LOOP_H

#include "core/checkout/checkout.h"
#include "core/pace/gate.h"
#include "login/session.h"
#include "login/users.h"
#include "outcall/jwks_feed.h"
#include "pace/tally.h"
#include "psp/peers.h"
#include "saga/ticket_times.h"
#include "saga/worker.h"
#include "secrets.h"
#include "service/service.h"
#include "settings.h"
#include "web/lang.h"

struct login;
struct pages;     /* pages/pages.h */
struct pay_own;   /* pay.c */
struct site;      /* web/site.h */
struct watches;   /* order_watch.h */
struct outbox;    /* letters/outbox.h */
struct reconcile; /* reconcile.h */
struct webhooks;  /* webhooks.h */

/* How much work of one kind may be under way. */
struct pay_limit {
    uint32_t max;
    _Atomic uint64_t used; /* waiting for a thread or running; never above max */
};

/* Limits that all loops of the process share. */
struct pay_caps {
    struct gate questions; /* to the user database */
    struct pay_limit hashing, drawing, listing, webhooks;
    struct psp_shared psp;
};

/* Work of a millisecond or more, within a limit: `run` on libuv's pool, then `then` on the loop, as
 * service_run() says. */
struct pay_work {
    struct service_loop *loop;
    void (*run)(void *ctx);
    void (*then)(void *ctx);
    void *ctx;
    struct pay_limit *limit; /* NULL: the work is short, and both run at once */
    struct service_job job;
};

/* False: the limit is reached, and nothing runs. `then` may free the work. */
bool pay_work_begin(struct pay_work *work);

/* Rates per scanner, scanner address, member, and address that brings payment keys, over all
 * loops. */
struct paces {
    struct gate_set scanners, addresses, members, hints;
};

/* One per process. */
struct pay_common {
    struct pay_caps *caps;
    struct seats_clock seats_clock;
    struct paces *paces;
    struct pages *pages;
    const struct site *site; /* of the pages */
    char instance[CONFIG_STRING_MAX];
    char installation[ORDER_INSTALLATION_CHARS + 1]; /* this installation, as in ids of orders */
    struct secrets_newest secrets;
};

/* Lags of messages to the shop, mails, sagas and the archiving of the database's log. */
enum pay_lag {
    LAG_SHOP,
    LAG_SHOP_US,
    LAG_SHOP_PARKED,
    LAG_MAIL,
    LAG_MAIL_US,
    LAG_SAGAS_PARKED,
    LAG_SAGAS_OPEN,
    LAG_SAGAS_US,
    LAG_ARCHIVE_FAILURES,
    LAG_ARCHIVE_MS,
    LAG_SNAPSHOT_MS,
    PAY_LAGS,
};

/* One per loop. */
struct pay {
    struct service_loop *loop;
    const struct settings *settings;
    struct pay_common *common;
    const struct secrets *secrets; /* taken; replaced after each reload */
    struct pay_own *own;
    struct pg_pool *pg;
    struct users *users; /* NULL: no login by password */
    struct outcalls *outcalls;
    struct sessions *sessions;
    struct jwks_feed *passes, *sso; /* sso NULL: off */
    struct psp psps[PSP_PROVIDERS]; /* providers in use */
    uint32_t psps_len;
    struct seats_map *seats_map;
    struct peers_http peers;
    struct checkout *checkout;
    struct worker *worker;
    struct watches *watches;
    struct webhooks *webhooks;
    struct outbox *shop, *mails;
    struct reconcile *reconcile; /* loop 0 only */
    struct login *login_list;    /* login_http.c: in progress */
    uint32_t logins;             /* their number */
    struct tally tokens_wrong;   /* login_http.c: wrong tokens of the shop, by address */
    _Atomic uint64_t lags[PAY_LAGS];
    _Atomic uint64_t db_clock_apart_ms;
    _Atomic uint64_t parked_ever, completed_ever, undone_ever;
    struct ticket_times ticket_times;
    _Atomic uint64_t logins_good, logins_bad, logins_throttled, logins_shed, hashes_refused;
    bool closing;
};

static inline struct pay *pay_of(const struct http_req *req)
{
    return service_loop_of(req)->ctx;
}

static inline const char *pay_lang(const struct session *session)
{
    return session->lang[0] != '\0' ? session->lang : lang_tag(LANG_OF_MEMBERS);
}

#endif

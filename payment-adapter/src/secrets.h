/* secrets.h: the secrets of the process, and the knobs that can change at run time: everything that
 * SIGHUP reloads. */
#ifndef FG_PAY_SECRETS_H
#define FG_PAY_SECRETS_H

#include "base/secret_file.h"
#include "core/checkout/ticket.h"
#include "observe/log.h"
#include "psp/psp_list.h"
#include "settings.h"

#include <stdatomic.h>
#include <uv.h>

/* One reading, immutable once made. A reload makes another; each loop keeps its own until it has
 * taken the next. */
struct secrets {
    _Atomic uint32_t refs;
    struct secret_file *service_token, *shop_key, *seats_admin, *mail_password;
    struct secret_file *psp_key[PSP_PROVIDERS], *psp_webhook[PSP_PROVIDERS];
    struct ticket_signer *signer;
    struct ticket_keys ticket_keys; /* the signer's, and earlier ones */
    char *ticket_keys_json;         /* as published */
    uint8_t throttle_key[32];       /* for hashes of accounts and addresses */
    struct knobs {
        uint64_t free_fails, window_ms, pause_ms, pause_max_ms; /* [login] */
        uint32_t shop_per_s;
    } knobs;
};

/* One per process. */
struct secrets_newest {
    uv_mutex_t lock;
    struct secrets *secrets; /* under the lock; NULL: none read yet */
};

void secrets_init(struct secrets_newest *newest);
void secrets_deinit(struct secrets_newest *newest);
/* Reads all secrets of `settings`, with the knobs of `knobs`, and makes them the newest; on
 * failure, the previous ones stay. Old tickets stay valid: keys that signed in this process are
 * kept. May block. */
int secrets_load(struct secrets_newest *newest, const struct settings *settings,
                 const struct settings *knobs, struct logger *log, struct err_slot *err);
/* The newest, held until secrets_let_go(). Any thread. */
const struct secrets *secrets_take(struct secrets_newest *newest);
void secrets_let_go(const struct secrets *secrets);

#endif

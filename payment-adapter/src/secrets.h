/* secrets.h: the secrets of the process, and the knobs that can change at run time: what SIGHUP
 * reads again. */
#ifndef FG_PAY_SECRETS_H
#define FG_PAY_SECRETS_H

#include "base/secret_file.h"
#include "core/checkout/ticket.h"
#include "observe/log.h"
#include "psp/psp_list.h"
#include "settings.h"

#include <stdatomic.h>
#include <uv.h>

/* One reading. Read-only once it is made. A reload makes another one; each loop holds on to its own
 * until it has taken up the next. */
struct secrets {
    _Atomic uint32_t refs;
    struct secret_file *service_token, *shop_key, *seats_admin, *mail_password;
    struct secret_file *psp_key[PSP_PROVIDERS], *psp_webhook[PSP_PROVIDERS];
    struct ticket_signer *signer;
    struct ticket_keys ticket_keys; /* the signer's, and those of before */
    char *ticket_keys_json;         /* as published */
    uint8_t throttle_key[32];       /* for hashes of accounts and addresses */
    struct knobs {
        uint64_t free_fails, window_ms, pause_ms, pause_max_ms; /* [login] */
        uint32_t shop_per_s;
    } knobs;
};

/* Of the process. */
struct secrets_newest {
    uv_mutex_t lock;
    struct secrets *secrets; /* below the lock; NULL: none were read yet */
};

void secrets_init(struct secrets_newest *newest);
void secrets_deinit(struct secrets_newest *newest);
/* Reads all secrets of `settings`, with the knobs of `knobs`, and makes them the newest; those of
 * before stay if it fails. Old tickets stay good: keys that signed in this process are kept. May
 * block. */
int secrets_load(struct secrets_newest *newest, const struct settings *settings,
                 const struct settings *knobs, struct logger *log, struct err_slot *err);
/* The newest, held until it is let go. Any thread. */
const struct secrets *secrets_take(struct secrets_newest *newest);
void secrets_let_go(const struct secrets *secrets);

#endif

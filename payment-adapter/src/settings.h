/* settings.h: the configuration of the payment adapter; `payment-adapter --help` prints it. */
#ifndef FG_PAY_SETTINGS_H
#define FG_PAY_SETTINGS_H

#include "config/config.h"
#include "psp/psp_list.h"
#include "psp/psp_settings.h"
#include "web/brand.h"

struct settings {
    /* [database] our own */
    char db_conninfo[CONFIG_STRING_MAX];
    uint64_t db_connections;
    /* [users] the company's */
    char users_conninfo[CONFIG_STRING_MAX];
    uint64_t users_connections, users_timeout_ms, users_queries_per_s;
    char users_login_sql[CONFIG_STRING_MAX];
    char users_mail_sql[CONFIG_STRING_MAX];
    char users_unknown_hash[CONFIG_STRING_MAX];
    /* [login] */
    uint64_t login_free_fails, login_window_ms, login_pause_ms, login_pause_max_ms;
    uint64_t session_ttl_ms, hash_queue;
    char origins[CONFIG_STRING_MAX];
    /* [sso] */
    char sso_jwks_url[CONFIG_STRING_MAX], sso_issuer[CONFIG_STRING_MAX];
    char sso_audience[CONFIG_STRING_MAX], sso_typ[CONFIG_STRING_MAX];
    /* [queue] */
    char queue_url[CONFIG_STRING_MAX], queue_internal_url[CONFIG_STRING_MAX];
    char queue_issuer[CONFIG_STRING_MAX];
    /* [seats] */
    char seats_url[CONFIG_STRING_MAX], seats_internal_url[CONFIG_STRING_MAX];
    /* [keys] */
    char service_token[CONFIG_STRING_MAX], seats_admin[CONFIG_STRING_MAX];
    char ticket_key[CONFIG_STRING_MAX], ticket_old_keys[CONFIG_STRING_MAX];
    char hashes_key[CONFIG_STRING_MAX];
    /* [psp] */
    unsigned psp_default; /* its place in the list */
    struct psp_settings psp[PSP_PROVIDERS];
    uint64_t psp_timeout_ms, psp_per_s;
    /* [web] */
    char public_url[CONFIG_STRING_MAX], time_zone[CONFIG_STRING_MAX];
    char tls_ca[CONFIG_STRING_MAX];
    /* [links] pages of the seller; "": none */
    char terms_url[CONFIG_STRING_MAX], privacy_url[CONFIG_STRING_MAX];
    char refunds_url[CONFIG_STRING_MAX], support_url[CONFIG_STRING_MAX];
    char password_url[CONFIG_STRING_MAX];
    /* [shop] */
    char shop_list_url[CONFIG_STRING_MAX];
    char shop_url[CONFIG_STRING_MAX], shop_key[CONFIG_STRING_MAX];
    uint64_t shop_per_s, shop_timeout_ms, shop_retry_max_ms;
    /* [mail] */
    char mail_url[CONFIG_STRING_MAX], mail_from[CONFIG_STRING_MAX];
    char mail_user[CONFIG_STRING_MAX], mail_password[CONFIG_STRING_MAX];
    bool mail_tls;
    uint64_t mail_timeout_ms;
    /* [saga] */
    uint64_t saga_slots, saga_calls, saga_idle_ms, poll_first_ms, poll_cap_ms, poll_rare_ms;
    uint64_t lease_ms;
    char instance[CONFIG_STRING_MAX];
    uint64_t halt_at;
    /* [refund] */
    unsigned refund_by;
    uint64_t refund_before_start_ms, refund_percent;
    bool refund_handed_on;
    /* [reconcile] */
    uint64_t reconcile_every_ms;
    uint64_t retire_after_ms;
    /* [brand] */
    struct brand_settings brand;
};

enum { SETTINGS_MAX = 128 };

/* All settings, including each provider's; returns how many. */
size_t settings_list(struct config_setting out[SETTINGS_MAX]);

/* Checks that span several settings. */
int settings_check(void *config, struct err_slot *err);

#endif

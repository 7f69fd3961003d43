/* settings.c: the table of settings, from which the parser, `--help` and the range checks are made;
 * the providers' own rows are inserted from their drivers. settings_check() has only what a single
 * row cannot express. A setting that names a file says so with "file:"; the secret itself is never
 * in the configuration. */
#include "settings.h"

#include "sale/zone.h"

#include "page/wording.h"
#include "psp/psp.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

static const char *const refund_words[] = {"buyer", "operator", NULL};

#define AT(MEMBER)   offsetof(struct settings, MEMBER)
#define LEN(ARRAY)   (sizeof(ARRAY) / sizeof((ARRAY)[0]))
#define URL_OR_EMPTY 0, CONFIG_STRING_MAX - 1, NULL
#define TEXT         1, CONFIG_STRING_MAX - 1, NULL
#define DAY_MS       UINT64_C(86400000)

static const struct config_setting first[] = {
    {"database", "conninfo", CONFIG_STRING, AT(db_conninfo), NULL, TEXT,
     "libpq connection string of our own PostgreSQL; passwords by passfile="},
    {"database", "connections", CONFIG_U64, AT(db_connections), "4", 1, 16, NULL,
     "connections of each loop"},

    {"users", "conninfo", CONFIG_STRING, AT(users_conninfo), "", URL_OR_EMPTY,
     "the same of the company's user database, with a role that can only read; empty: no login by "
     "password"},
    {"users", "connections", CONFIG_U64, AT(users_connections), "2", 1, 8, NULL,
     "connections of each loop"},
    {"users", "timeout", CONFIG_DURATION, AT(users_timeout_ms), "800ms", 50, 5000, NULL,
     "how long a query may take before the answer is 503"},
    {"users", "queries_per_s", CONFIG_U64, AT(users_queries_per_s), "50", 1, 100000, NULL,
     "queries of the user database in a second, of all processes together, at most: a quarter is "
     "for logins alone, an eighth for mails"},
    {"users", "login_sql", CONFIG_STRING, AT(users_login_sql),
     "SELECT id::text, password_hash FROM users WHERE lower(email) = lower($1) LIMIT 1", TEXT,
     "$1 is the login; returns id and hash, and optionally a language. It needs an index"},
    {"users", "mail_sql", CONFIG_STRING, AT(users_mail_sql),
     "SELECT email FROM users WHERE id = $1::bigint", TEXT,
     "$1 is the id; returns the address. It needs an index: compare the bare column, and cast $1"},
    {"users", "unknown_hash", CONFIG_STRING, AT(users_unknown_hash),
     "$2b$10$CwTycUXWue0Thq9StjUM0uJ8mVuqZOvkR1fFZL1eGxYbPq4ZPZ1Ja", TEXT,
     "hashes separated by spaces, with the costs of real ones: what an unknown login is checked "
     "against"},

    {"login", "free_fails", CONFIG_U64, AT(login_free_fails), "5", 1, 1000, NULL,
     "wrong passwords of an account from one address, or from a browser that has logged in to it "
     "before, until it must wait; ten times as many from an address for all accounts, and twenty "
     "times as many for an account from everywhere"},
    {"login", "window", CONFIG_DURATION, AT(login_window_ms), "15m", 1000, DAY_MS, NULL,
     "wrong passwords are forgotten after this"},
    {"login", "pause", CONFIG_DURATION, AT(login_pause_ms), "1s", 100, DAY_MS, NULL,
     "the first pause; each further wrong password doubles it"},
    {"login", "pause_max", CONFIG_DURATION, AT(login_pause_max_ms), "15m", 100, DAY_MS, NULL,
     "the longest pause"},
    {"login", "session_ttl", CONFIG_DURATION, AT(session_ttl_ms), "12h", 60000, 30 * DAY_MS, NULL,
     "how long a session lives"},
    {"login", "hash_queue", CONFIG_U64, AT(hash_queue), "64", 1, 1024, NULL,
     "password checks that may run or wait, of all loops together; more are answered 503"},
    {"login", "origins", CONFIG_STRING, AT(origins), "", URL_OR_EMPTY,
     "further origins from which pages may post, separated by commas; our own is always allowed"},

    {"sso", "jwks_url", CONFIG_STRING, AT(sso_jwks_url), "", URL_OR_EMPTY,
     "public keys of the shop, for logging in by its signed token; empty: off"},
    {"sso", "issuer", CONFIG_STRING, AT(sso_issuer), "shop", TEXT, "iss of the shop's token"},
    {"sso", "audience", CONFIG_STRING, AT(sso_audience), "fairgate", TEXT, "its aud"},
    {"sso", "type", CONFIG_STRING, AT(sso_typ), "JWT", TEXT, "its typ"},

    {"queue", "url", CONFIG_STRING, AT(queue_url), "http://127.0.0.1:8081", TEXT,
     "queue-front, whose passes are accepted"},
    {"queue", "internal_url", CONFIG_STRING, AT(queue_internal_url), "http://127.0.0.1:8091", TEXT,
     "its private listener"},
    {"queue", "issuer", CONFIG_STRING, AT(queue_issuer), "fairgate", TEXT, "iss of the passes"},

    {"seats", "url", CONFIG_STRING, AT(seats_url), "http://127.0.0.1:8082", TEXT, "seat-service"},
    {"seats", "internal_url", CONFIG_STRING, AT(seats_internal_url), "http://127.0.0.1:8092", TEXT,
     "its private listener"},

    {"keys", "service_token", CONFIG_STRING, AT(service_token), NULL, TEXT,
     "file: the token that we show the private listeners of other services"},
    {"keys", "seats_admin_token", CONFIG_STRING, AT(seats_admin), "", URL_OR_EMPTY,
     "file: seat-service's admin token, to compare its sold seats; empty: not compared"},
    {"keys", "tickets", CONFIG_STRING, AT(ticket_key), NULL, TEXT,
     "file: the Ed25519 key that signs tickets, PKCS#8 PEM"},
    {"keys", "hashes", CONFIG_STRING, AT(hashes_key), "", URL_OR_EMPTY,
     "file: a secret for the hashes of holders, accounts and addresses; empty: derived from the "
     "key "
     "that signs tickets, and changes with it"},
    {"keys", "old_tickets", CONFIG_STRING, AT(ticket_old_keys), "", URL_OR_EMPTY,
     "file: further public keys of tickets, a JWKS: former and future ones"},

    {"psp", "default", CONFIG_WORD, AT(psp_default), "stripe", 0, 0, psp_names,
     "the provider of orders that name none"},
    {"psp", "timeout", CONFIG_DURATION, AT(psp_timeout_ms), "8s", 100, 10000, NULL, "of one call"},
    {"psp", "per_s", CONFIG_U64, AT(psp_per_s), "100", 1, 1000000, NULL,
     "calls to the providers in a second, of all processes together: what the account allows; "
     "captures go before polls"},
};

/* The providers' own settings come between these two. */
static const struct config_setting rest[] = {
    {"web", "public_url", CONFIG_STRING, AT(public_url), "http://127.0.0.1:8080", TEXT,
     "our address for visitors, without a slash at the end: for links and return addresses"},
    {"web", "time_zone", CONFIG_STRING, AT(time_zone), "UTC", TEXT,
     "the time zone (Asia/Seoul) of mails and of pages without a script, if a show's hall names "
     "none"},
    {"web", "tls_ca", CONFIG_STRING, AT(tls_ca), "", URL_OR_EMPTY,
     "file: certificates to trust instead of the system's"},

    {"links", "terms", CONFIG_STRING, AT(terms_url), "", URL_OR_EMPTY,
     "the seller's terms of sale, linked at the order button, like privacy and refunds; empty: "
     "no link"},
    {"links", "privacy", CONFIG_STRING, AT(privacy_url), "", URL_OR_EMPTY,
     "the seller's privacy notice"},
    {"links", "refunds", CONFIG_STRING, AT(refunds_url), "", URL_OR_EMPTY,
     "the seller's rules for cancelling and refunds"},
    {"links", "support", CONFIG_STRING, AT(support_url), "", URL_OR_EMPTY,
     "where buyers get help: https:, mailto: or tel:; on checkout, orders, tickets and in mails"},
    {"links", "password", CONFIG_STRING, AT(password_url), "", URL_OR_EMPTY,
     "the shop's page for forgotten passwords, linked at the login"},

    {"shop", "url", CONFIG_STRING, AT(shop_url), "", URL_OR_EMPTY,
     "URL to which finished orders are posted; empty: they are kept"},
    {"shop", "list_url", CONFIG_STRING, AT(shop_list_url), "", URL_OR_EMPTY,
     "URL of the shop's list of our orders, to compare with ours; empty: not compared"},
    {"shop", "key", CONFIG_STRING, AT(shop_key), "", URL_OR_EMPTY, "file: the shop's API key"},
    {"shop", "per_s", CONFIG_U64, AT(shop_per_s), "20", 1, 100000, NULL,
     "calls to the shop in a second, of all processes together, at most: orders, and reads of its "
     "list"},
    {"shop", "timeout", CONFIG_DURATION, AT(shop_timeout_ms), "10s", 100, 60000, NULL,
     "of one call"},
    {"shop", "retry_max", CONFIG_DURATION, AT(shop_retry_max_ms), "1m", 100, DAY_MS, NULL,
     "the longest pause between two tries of one order"},

    {"mail", "url", CONFIG_STRING, AT(mail_url), "", URL_OR_EMPTY,
     "smtp://host:port or smtps://; empty: mails are kept"},
    {"mail", "from", CONFIG_STRING, AT(mail_from), "tickets@fairgate.invalid", TEXT,
     "the sender's address"},
    {"mail", "user", CONFIG_STRING, AT(mail_user), "", URL_OR_EMPTY, "for SMTP's AUTH"},
    {"mail", "password", CONFIG_STRING, AT(mail_password), "", URL_OR_EMPTY,
     "file: and its password"},
    {"mail", "tls", CONFIG_BOOL, AT(mail_tls), "false", 0, 0, NULL,
     "true: never without TLS; false: TLS if the server offers it"},
    {"mail", "timeout", CONFIG_DURATION, AT(mail_timeout_ms), "20s", 100, 120000, NULL,
     "of one mail"},

    {"saga", "slots", CONFIG_U64, AT(saga_slots), "1024", 1, 4096, NULL,
     "sagas that a loop works on at a time"},
    {"saga", "calls", CONFIG_U64, AT(saga_calls), "512", 1, 4096, NULL,
     "steps of sagas under way at a time"},
    {"saga", "idle", CONFIG_DURATION, AT(saga_idle_ms), "200ms", 5, 60000, NULL,
     "how often to look for due sagas, also those of other processes"},
    {"saga", "lease", CONFIG_DURATION, AT(lease_ms), "45s", 2000, 3600000, NULL,
     "how long a worker owns a saga; after that, another one takes it"},
    {"saga", "instance", CONFIG_STRING, AT(instance), "", URL_OR_EMPTY,
     "this process's name among those that share a database; after a restart it goes on at once "
     "with its own work; empty: its host and the port of its private listener"},
    {"saga", "poll", CONFIG_DURATION, AT(poll_first_ms), "2s", 10, 600000, NULL,
     "the first pause between polls of the provider while the buyer pays"},
    {"saga", "poll_max", CONFIG_DURATION, AT(poll_cap_ms), "8s", 10, 600000, NULL,
     "later pauses double, up to this while no webhooks arrive"},
    {"saga", "poll_rare", CONFIG_DURATION, AT(poll_rare_ms), "2m", 10, 3600000, NULL,
     "and up to this while they do"},
    {"saga", "halt_at", CONFIG_U64, AT(halt_at), "0", 0, UINT64_MAX, NULL,
     "for tests: the process kills itself at this edge, see crash_point.h; 0: never"},

    {"refund", "by", CONFIG_WORD, AT(refund_by), "buyer", 0, 0, refund_words,
     "who may refund an order, unless an operator says otherwise for the event"},
    {"refund", "before_start", CONFIG_DURATION, AT(refund_before_start_ms), "24h", 0, 366 * DAY_MS,
     NULL, "how long before the event's start refunds by buyers end"},
    {"refund", "percent", CONFIG_U64, AT(refund_percent), "100", 1, 100, NULL,
     "the part of the amount that a buyer gets back"},
    {"refund", "handed_on", CONFIG_BOOL, AT(refund_handed_on), "false", 0, 0, NULL,
     "whether buyers may refund an order while another member has a ticket of it"},

    {"reconcile", "every", CONFIG_DURATION, AT(reconcile_every_ms), "1m", 100, DAY_MS, NULL,
     "how often seats, orders, provider and shop are compared"},

    {"retire", "after", CONFIG_DURATION, AT(retire_after_ms), "180d", 0, 3660 * DAY_MS, NULL,
     "how long after it began an event stays: money may be asked back for months"},

    BRAND_SETTINGS(AT(brand)),
};

struct settings_table {
    struct config_setting *rows;
    size_t len;
};

static void add(struct settings_table *table, const struct config_setting *rows, size_t len,
                size_t offset)
{
    for (size_t i = 0; i < len; i++) {
        assert(table->len < SETTINGS_MAX);
        table->rows[table->len] = rows[i];
        table->rows[table->len++].offset += offset;
    }
}

size_t settings_list(struct config_setting out[SETTINGS_MAX])
{
    struct settings_table table = {.rows = out};
    add(&table, first, LEN(first), 0);
    for (uint32_t i = 0; i < PSP_PROVIDERS; i++) {
        const struct config_setting *own = psp_drivers[i]->settings;
        size_t len = 0;
        while (own[len].section != NULL)
            len++;
        add(&table, own, len, AT(psp) + i * sizeof(struct psp_settings));
    }
    add(&table, rest, LEN(rest), 0);
    return table.len;
}

static int check_psp(const struct settings *settings, struct err_slot *err)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < PSP_PROVIDERS; i++) {
        if (settings->psp[i].url[0] != '\0')
            rc = psp_drivers[i]->check(&settings->psp[i], err);
    }
    if (rc == 0 && settings->psp[settings->psp_default].url[0] == '\0')
        return err_set(err, ERR_RANGE, "psp.default is %s, but psp.%s_url is not set",
                       psp_names[settings->psp_default], psp_names[settings->psp_default]);
    return rc;
}

/* Shown in pages and mails, so it must look like an address: ASCII, with other letters encoded as
 * %.. or xn--. */
static bool is_link(const char *url, bool contact)
{
    static const char *const schemes[] = {"https://", "http://", "mailto:", "tel:"};
    enum { OF_PAGES = 2, SCHEMES = sizeof(schemes) / sizeof(schemes[0]) };
    for (const unsigned char *at = (const unsigned char *)url; *at != '\0'; at++) {
        if (*at <= ' ' || *at >= 0x7f || strchr("\"'<>\\", *at) != NULL)
            return false;
    }
    for (unsigned i = 0; i < (contact ? SCHEMES : OF_PAGES); i++) {
        size_t len = strlen(schemes[i]);
        if (strncmp(url, schemes[i], len) == 0 && url[len] != '\0')
            return true;
    }
    return url[0] == '\0';
}

static int check_links(const struct settings *settings, struct err_slot *err)
{
    const struct {
        const char *name, *url;
    } pages[] = {{"terms", settings->terms_url},
                 {"privacy", settings->privacy_url},
                 {"refunds", settings->refunds_url},
                 {"password", settings->password_url}};
    for (size_t i = 0; i < LEN(pages); i++) {
        if (!is_link(pages[i].url, false))
            return err_set(err, ERR_RANGE, "links.%s must be an http: or https: address",
                           pages[i].name);
    }
    if (!is_link(settings->support_url, true))
        return err_set(err, ERR_RANGE,
                       "links.support must be an http:, https:, mailto: or tel: address");
    return 0;
}

int settings_check(void *config, struct err_slot *err)
{
    const struct settings *settings = config;
    if (settings->saga_calls > settings->saga_slots)
        return err_set(err, ERR_RANGE, "saga.calls must not be more than saga.slots");
    if (settings->poll_cap_ms < settings->poll_first_ms)
        return err_set(err, ERR_RANGE, "saga.poll_max must not be less than saga.poll");
    if (settings->poll_rare_ms < settings->poll_cap_ms)
        return err_set(err, ERR_RANGE, "saga.poll_rare must not be less than saga.poll_max");
    if (settings->shop_url[0] != '\0' && settings->shop_key[0] == '\0')
        return err_set(err, ERR_RANGE, "shop.url needs shop.key");
    if (settings->users_conninfo[0] == '\0' && settings->sso_jwks_url[0] == '\0')
        return err_set(err, ERR_RANGE, "nobody could log in: users.conninfo or sso.jwks_url");
    struct zone_clock clock;
    if (!zone_clock_at(span_of(settings->time_zone), 0, &clock))
        return err_set(err, ERR_RANGE, "web.time_zone: there is no zone %s", settings->time_zone);
    int rc = check_psp(settings, err);
    if (rc == 0)
        rc = check_links(settings, err);
    return rc < 0 ? rc : brand_check(&settings->brand, err);
}

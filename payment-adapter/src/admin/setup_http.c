/* setup_http.c: settings that are not fit for a sale, each with its cure, for `fairgate doctor` and
 * for the console, which names the currency of its sale. "bad" is never intended; "note" may be, as
 * in a trial, or where no mails are sent. An answer names hosts, but never a key. */
#include "admin/routes.h"

#include "api/guard.h"
#include "letters/mail.h"
#include "login/users.h"
#include "psp/psp.h"

#include <stdio.h>

enum { SETUP_BODY_MAX = 16384, SETTING_MAX = 48, SENTENCE_MAX = CONFIG_STRING_MAX + 128 };

static const char bad[] = "bad", note[] = "note";

static void find(struct text *body, const char *level, const char *code, const char *setting,
                 const char *what, const char *mend)
{
    json_open(body, '{');
    json_member_cstr(body, "code", code);
    json_member_cstr(body, "setting", setting);
    json_member_cstr(body, "level", level);
    json_member_cstr(body, "what", what);
    json_member_cstr(body, "mend", mend);
    json_close(body, '}');
}

/* ---- hosts ---- */

/* The host in a web or mail address: after scheme and user. */
static struct span host_of(const char *address)
{
    const char *scheme = strstr(address, "://");
    const char *from = scheme != NULL ? scheme + strlen("://") : address;
    struct span user, host = {from, strcspn(from, "/?#")};
    struct span behind = span_cut(host, '@', &user);
    if (behind.ptr != NULL)
        host = behind;
    if (span_starts(host, SPAN("[")))
        span_cut(span_skip(host, 1), ']', &host);
    else
        span_cut(host, ':', &host);
    return host;
}

static bool is_below(struct span host, const char *domain)
{
    size_t len = strlen(domain);
    if (host.len < len || !span_eq_nocase(span_skip(host, host.len - len), span_of(domain)))
        return false;
    return host.len == len || host.ptr[host.len - len - 1] == '.';
}

/* Names that RFC 2606 reserves for examples and tests, so they never resolve. */
static bool is_placeholder(struct span host)
{
    static const char *const reserved[] = {"example",     "invalid",     "test",
                                           "example.com", "example.net", "example.org"};
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
        if (is_below(host, reserved[i]))
            return true;
    return false;
}

static bool is_local(const char *address)
{
    struct span host = host_of(address);
    return is_below(host, "localhost") || span_starts(host, SPAN("127.")) ||
           span_eq(host, SPAN("::1"));
}

static void judge_host(struct text *body, const char *setting, const char *address)
{
    char what[SENTENCE_MAX];
    struct span host = host_of(address);
    if (!is_placeholder(host))
        return;
    snprintf(what, sizeof(what), "%s leads to %.*s, a name reserved for examples", setting,
             (int)host.len, host.ptr);
    find(body, bad, "placeholder", setting, what, "write the real one, and restart");
}

/* ---- settings ---- */

static bool is_test_key(const struct psp_driver *driver, const struct secret_file *key)
{
    for (const char *const *begin = driver->test_keys; *begin != NULL; begin++)
        if (key != NULL && span_starts(secret_file_span(key), span_of(*begin)))
            return true;
    return false;
}

/* Buyers' orders name no provider, so they go to the default one. */
static void judge_currency(struct text *body, unsigned provider, struct span asked)
{
    char currency[sizeof("KRW")], what[SENTENCE_MAX];
    if (!span_to_cstr(asked, currency, sizeof(currency)) ||
        strspn(currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") + 1 != sizeof(currency) ||
        psp_drivers[provider]->takes(currency))
        return;
    snprintf(what, sizeof(what), "%s, the default provider, does not take %s: nobody could pay",
             psp_names[provider], currency);
    find(body, bad, "currency", "psp.default", what,
         "sell in another currency, or name a provider that takes it, and restart");
}

static void on_get_setup(struct http_req *req)
{
    const struct pay *pay = pay_of(req);
    const struct settings *settings = pay->settings;
    char memory[SETUP_BODY_MAX];
    struct text body = text_on(memory, sizeof(memory));
    json_open(&body, '{');
    json_member_open(&body, "findings", '[');
    /* Everything on one machine is a trial, and needs no warnings. */
    bool provider = false;
    for (uint32_t i = 0; i < PSP_PROVIDERS; i++)
        provider = provider || (settings->psp[i].url[0] != '\0' && !is_local(settings->psp[i].url));
    judge_currency(&body, settings->psp_default, http_req_query_arg(req, SPAN("currency")));
    judge_host(&body, "web.public_url", settings->public_url);
    if (provider && is_local(settings->public_url))
        find(&body, note, "local", "web.public_url",
             "web.public_url leads to this machine: no buyer comes back from the provider",
             "write what visitors open, and restart");
    for (uint32_t i = 0; i < PSP_PROVIDERS; i++)
        if (settings->psp[i].url[0] != '\0') {
            const struct psp_settings *set = &pay->settings->psp[i];
            const struct psp_driver *driver = psp_drivers[i];
            char url[SETTING_MAX], page[SETTING_MAX], key[SETTING_MAX], what[SENTENCE_MAX];
            snprintf(url, sizeof(url), "psp.%s_url", driver->name);
            snprintf(page, sizeof(page), "psp.%s_checkout_url", driver->name);
            snprintf(key, sizeof(key), "psp.%s_key", driver->name);
            if (is_test_key(driver, pay->secrets->psp_key[i])) {
                snprintf(what, sizeof(what), "%s holds a test key: no money moves", key);
                find(&body, note, "test-key", key, what,
                     "put the account's live key into its file, and reload");
            }
            judge_host(&body, url, set->url);
            judge_host(&body, page, set->checkout_url);
            if (is_local(set->url) && !is_local(pay->settings->public_url)) {
                snprintf(what, sizeof(what), "%s leads to this machine: it is no provider", url);
                find(&body, note, "local", url, what, "write the provider's own, and restart");
            }
        }
    if (settings->mail_url[0] == '\0')
        find(&body, note, "mail-unset", "mail.url", "mail.url is empty: mails are kept, not sent",
             "name the mail server and mail.from, and restart");
    else if (!mail_address_is_sane(span_of(settings->mail_from)))
        find(&body, bad, "mail-from", "mail.from", "mail.from is no address: mails are kept",
             "write one address of yours without a name, and restart");
    else
        judge_host(&body, "mail.from", settings->mail_from);
    judge_host(&body, "mail.url", settings->mail_url);
    if (pay->users == NULL)
        find(&body, note, "users-unset", "users.conninfo",
             "users.conninfo is empty: nobody logs in by password, and mails have no address",
             "name the user database, and restart");
    else if (!users_reached(pay->users))
        find(&body, bad, "users-away", "users.conninfo",
             "the user database does not let us in: nobody logs in by password, and mails wait",
             "start it, or mend the role and password in users.conninfo; the log says what it "
             "answered");
    judge_host(&body, "sso.jwks_url", pay->settings->sso_jwks_url);
    if (settings->shop_url[0] == '\0')
        find(&body, note, "shop-unset", "shop.url",
             "shop.url is empty: finished orders are kept, and the shop hears of none",
             "name the shop's order API, and restart");
    judge_host(&body, "shop.url", settings->shop_url);
    json_close(&body, ']');
    json_close(&body, '}');
    guard_reply(req, 200, &body, SPAN("Cache-Control: no-store\r\n"));
}

const struct http_route setup_routes[] = {
    {HTTP_METHOD_GET, "/admin/setup", on_get_setup, NULL, 0},
    {.pattern = NULL},
};

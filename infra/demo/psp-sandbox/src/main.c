/* main.c: the settings and the program. All state belongs to one loop: every call is a step of one
 * state machine, so a second thread would have nothing to do. */
#include "api.h"
#include "entry.h"
#include "hosted.h"
#include "version.inc"

#include <sodium.h>

#define AT(member) offsetof(struct settings, member)

static const struct config_setting settings[] = {
    {"keys", "secret_key", CONFIG_STRING, AT(secret_key), NULL, 1, 0, NULL,
     "file with the sk_test_... that callers show"},
    {"keys", "webhook_secret", CONFIG_STRING, AT(webhook_secret), "", 0, 0, NULL,
     "file with the whsec_... that webhooks to [webhook] url are signed with"},
    {"pages", "public_url", CONFIG_STRING, AT(public_url), "http://127.0.0.1:8084", 8, 512, NULL,
     "where a browser finds the hosted pages, without a slash at the end"},
    {"pages", "return_urls", CONFIG_STRING, AT(return_urls), "", 0, 0, NULL,
     "what a return address may begin with, parted by commas"},
    {"bank", "journal", CONFIG_STRING, AT(journal), NULL, 1, 0, NULL,
     "append-only file with everything that has happened"},
    {"webhook", "url", CONFIG_STRING, AT(webhook_url), "", 0, 0, NULL,
     "an endpoint that needs no registration"},
    {"webhook", "events", CONFIG_STRING, AT(webhook_events), "*", 0, 0, NULL,
     "the types that it gets, parted by commas; *: all"},
    {"webhook", "retry", CONFIG_DURATION, AT(webhook_retry_ms), "1s", 1, 3600000, NULL,
     "the first pause between two tries; doubled each time"},
    {"webhook", "attempts_max", CONFIG_U64, AT(webhook_attempts_max), "12", 1, 100, NULL,
     "tries in all"},
    {"toss", "webhook_url", CONFIG_STRING, AT(toss_webhook_url), "", 0, 0, NULL,
     "where Toss's unsigned webhooks go"},
    {"toss", "retry", CONFIG_DURATION, AT(toss_retry_ms), "1s", 1, 3600000, NULL,
     "the first pause between two tries; times four each time"},
};

/* A host with a slash behind it, so that the prefix cannot be continued to another host. */
static bool is_prefix_of_one_host(struct span url)
{
    size_t scheme = span_starts(url, SPAN("http://"))    ? 7
                    : span_starts(url, SPAN("https://")) ? 8
                                                         : 0;
    struct span host, rest = span_cut(span_skip(url, scheme), '/', &host);
    return scheme > 0 && rest.ptr != NULL && host.len > 0 &&
           memchr(host.ptr, '@', host.len) == NULL;
}

static int check(void *config, struct err_slot *err)
{
    const struct settings *set = config;
    if (set->webhook_url[0] != '\0' && set->webhook_secret[0] == '\0')
        return err_set(err, ERR_RANGE, "[webhook] url needs [keys] webhook_secret");
    if (set->public_url[strlen(set->public_url) - 1] == '/')
        return err_set(err, ERR_RANGE, "[pages] public_url ends with a slash");
    for (struct span rest = span_of(set->return_urls); rest.ptr != NULL;) {
        struct span url;
        rest = span_cut(rest, ',', &url);
        url = span_trim(url);
        if (url.len > 0 && !is_prefix_of_one_host(url))
            return err_set(err, ERR_SYNTAX, "return_urls: %.*s is not http(s)://host/...",
                           (int)url.len, url.ptr);
    }
    return 0;
}

static int start(struct service *service, struct http_router *routes,
                 struct http_router *private_routes, struct err_slot *err)
{
    if (service_loops(service) != 1)
        return err_set(err, ERR_RANGE, "[http] loops: the sandbox runs on one");
    if (sodium_init() < 0)
        return err_set(err, ERR_IO, "libsodium");
    int rc = hosted_create(routes, err, service_ctx(service));
    if (rc == 0)
        rc = api_add_routes(routes, err);
    if (rc == 0)
        rc = api_add_control(private_routes, err);
    return rc;
}

static int loop_start(struct service_loop *loop, struct err_slot *err)
{
    static const struct metrics_desc waiting = {"psp_webhooks_waiting", "Webhooks on their way",
                                                NULL};
    struct entry *entry;
    int rc = entry_create(loop, err, &entry);
    if (rc < 0)
        return rc;
    loop->ctx = entry;
    rc = metrics_gauge(loop->metrics, &waiting, &webhooks_stats(entry->webhooks)->waiting, err);
    if (rc < 0)
        entry_close(entry);
    return rc;
}

static void loop_stop(struct service_loop *loop)
{
    struct entry *entry = loop->ctx;
    metrics_forget(loop->metrics, &webhooks_stats(entry->webhooks)->waiting);
    entry_close(entry);
}

static void stop(struct service *service)
{
    hosted_destroy(service_ctx(service));
}

int main(int argc, char **argv)
{
    static struct settings config;
    static struct hosted hosted; /* outlives the loop */
    const struct service_conf conf = {
        .name = "psp-sandbox",
        .version = FAIRGATE_VERSION,
        .settings = settings,
        .settings_len = sizeof(settings) / sizeof(settings[0]),
        .config = &config,
        .ctx = &hosted,
        .check = check,
        .start = start,
        .loop_start = loop_start,
        .loop_stop = loop_stop,
        .stop = stop,
    };
    return service_main(&conf, argc, argv);
}

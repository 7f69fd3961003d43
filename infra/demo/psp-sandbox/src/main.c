/* main.c: the settings, and what is made from them. All state belongs to one loop: every call is a
 * move of one state machine, so a second thread would have nothing to do. */
#include "base/secret_file.h"
#include "hosted/hosted.h"
#include "hosted/page.h"
#include "http/app.h"
#include "service/service.h"
#include "version.inc"

#include <sodium.h>
#include <stddef.h>
#include <stdlib.h>

struct settings {
    char secret_key[CONFIG_STRING_MAX];
    char webhook_secret[CONFIG_STRING_MAX];
    char public_url[CONFIG_STRING_MAX];
    char return_urls[CONFIG_STRING_MAX];
    char journal[CONFIG_STRING_MAX];
    bool fsync;
    uint64_t capture_window_ms;
    char webhook_url[CONFIG_STRING_MAX];
    uint64_t webhook_retry_ms;
    uint64_t webhook_attempts_max;
    char toss_webhook_url[CONFIG_STRING_MAX];
    uint64_t toss_retry_ms;
};

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
    {"bank", "fsync", CONFIG_BOOL, AT(fsync), "false", 0, 0, NULL,
     "answer when the disk has it, not when the kernel has it"},
    {"bank", "capture_window", CONFIG_DURATION, AT(capture_window_ms), "7d", 1000,
     UINT64_C(366) * 24 * 3600 * 1000, NULL, "how long an authorisation lasts"},
    {"webhook", "url", CONFIG_STRING, AT(webhook_url), "", 0, 0, NULL,
     "an endpoint that needs no registration"},
    {"webhook", "retry", CONFIG_DURATION, AT(webhook_retry_ms), "1s", 1, 3600000, NULL,
     "the first pause between two tries; doubled each time"},
    {"webhook", "attempts_max", CONFIG_U64, AT(webhook_attempts_max), "12", 1, 100, NULL,
     "tries in all"},
    {"toss", "webhook_url", CONFIG_STRING, AT(toss_webhook_url), "", 0, 0, NULL,
     "where Toss's unsigned webhooks go"},
    {"toss", "retry", CONFIG_DURATION, AT(toss_retry_ms), "1s", 1, 3600000, NULL,
     "the first pause between two tries; times four each time"},
};

/* One file, read into `out`; an error says which. */
static int read_secret(const char *path, char *out, size_t cap, struct err_slot *err)
{
    struct secret_file *file;
    int rc = secret_file_read(path, err, &file);
    if (rc < 0)
        return rc;
    if (!span_to_cstr(secret_file_span(file), out, cap))
        rc = err_set(err, ERR_RANGE, "%s: a secret has at most %zu bytes", path, cap - 1);
    secret_file_destroy(file);
    return rc;
}

static int check(void *config, struct err_slot *err)
{
    const struct settings *set = config;
    if (set->webhook_url[0] != '\0' && set->webhook_secret[0] == '\0')
        return err_set(err, ERR_RANGE, "[webhook] url needs [keys] webhook_secret");
    size_t len = strlen(set->public_url);
    if (set->public_url[len - 1] == '/')
        return err_set(err, ERR_RANGE, "[pages] public_url ends with a slash");
    return 0;
}

static int start(struct service *service, struct http_router *routes,
                 struct http_router *private_routes, struct err_slot *err)
{
    if (service_loops(service) != 1)
        return err_set(err, ERR_RANGE, "[http] loops: the sandbox runs on one");
    if (sodium_init() < 0)
        return err_set(err, ERR_IO, "libsodium");
    struct page_set *pages = service_ctx(service);
    int rc = page_open(err, pages);
    if (rc == 0)
        rc = site_routes(pages->site, routes, err);
    if (rc == 0)
        rc = app_add_api(routes, err);
    if (rc == 0)
        rc = hosted_add_routes(routes, err);
    if (rc == 0)
        rc = app_add_control(private_routes, err);
    return rc;
}

static void on_broken(void *ctx, const struct err_slot *err)
{
    struct service *service = ctx;
    log_failure(service_log(service), "the journal cannot be written", err);
    service_fail(service, "the journal cannot be written");
}

static int add_metrics(struct service_loop *loop, struct app *app, struct err_slot *err)
{
    const struct webhook_sender_stats *stats = webhook_sender_stats(desk_webhooks(app->desk));
    const struct {
        struct metrics_desc desc;
        const _Atomic uint64_t *value;
    } counters[] = {
        {{"psp_webhook_attempts_total", "Webhooks sent, repeats included", NULL}, &stats->attempts},
        {{"psp_webhook_confirmed_total", "Webhooks that were confirmed", NULL}, &stats->confirmed},
        {{"psp_webhook_given_up_total", "Webhooks that were given up", NULL}, &stats->given_up},
        {{"psp_webhook_overflow_total", "Webhooks lost because too many wait", NULL},
         &stats->overflow},
    };
    for (unsigned i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
        int rc = metrics_counter(loop->metrics, &counters[i].desc, counters[i].value, err);
        if (rc < 0)
            return rc;
    }
    struct metrics_desc waiting = {"psp_webhooks_waiting", "Webhooks on their way", NULL};
    return metrics_gauge(loop->metrics, &waiting, &stats->waiting, err);
}

static int make_desk(struct service_loop *loop, struct app *app, struct err_slot *err)
{
    const struct settings *set = loop->config;
    char secret[IDENT_SECRET_MAX] = "";
    bool hooked = set->webhook_url[0] != '\0';
    int rc = hooked ? read_secret(set->webhook_secret, secret, sizeof(secret), err) : 0;
    if (rc < 0)
        return rc;
    struct desk_conf conf = {
        .loop = loop->uv,
        .clock = loop->clock,
        .rng = rng_system(),
        .log = loop->log,
        .bank = {.capture_window_s = set->capture_window_ms / 1000,
                 .public_url = set->public_url,
                 .has_webhook = hooked},
        .journal_path = set->journal,
        .journal_fsync = set->fsync,
        .webhooks = {.url = hooked ? set->webhook_url : NULL,
                     .secret = secret,
                     .retry_ms = set->webhook_retry_ms,
                     .attempts_max = (unsigned)set->webhook_attempts_max,
                     .toss_url = set->toss_webhook_url[0] != '\0' ? set->toss_webhook_url : NULL,
                     .toss_retry_ms = set->toss_retry_ms},
        .on_broken = on_broken,
        .ctx = loop->service,
    };
    return desk_create(&conf, err, &app->desk);
}

static int loop_start(struct service_loop *loop, struct err_slot *err)
{
    const struct settings *set = loop->config;
    struct app *app = calloc(1, sizeof(*app));
    if (app == NULL)
        return err_set(err, ERR_NOMEM, "application");
    app->pages = service_ctx(loop->service);
    char key[APP_AUTH_MAX];
    int rc = read_secret(set->secret_key, key, sizeof(key), err);
    if (rc == 0)
        rc = app_set_key(app, span_of(key), err);
    if (rc == 0)
        rc = app_set_return_urls(app, span_of(set->return_urls), err);
    if (rc == 0)
        rc = make_desk(loop, app, err);
    if (rc < 0)
        goto free_app;
    rc = add_metrics(loop, app, err);
    if (rc < 0)
        goto close_desk;
    loop->ctx = app;
    return 0;

close_desk:
    desk_close(app->desk);
free_app:
    free(app);
    return rc;
}

static void loop_stop(struct service_loop *loop)
{
    struct app *app = loop->ctx;
    metrics_forget(loop->metrics, webhook_sender_stats(desk_webhooks(app->desk)));
    desk_close(app->desk);
    free(app);
}

static void stop(struct service *service)
{
    page_close(service_ctx(service));
}

int main(int argc, char **argv)
{
    static struct settings config;
    static struct page_set pages; /* outlive the loop */
    struct service_conf conf = {
        .name = "psp-sandbox",
        .version = FAIRGATE_VERSION,
        .settings = settings,
        .settings_len = sizeof(settings) / sizeof(settings[0]),
        .config = &config,
        .ctx = &pages,
        .check = check,
        .start = start,
        .loop_start = loop_start,
        .loop_stop = loop_stop,
        .stop = stop,
    };
    return service_main(&conf, argc, argv);
}

/* main.c: the payment adapter: login, checkout, tickets. README.md next to src/ explains how it
 * works; cli.h lists the commands that are not the service. */
#include "admin/refund_terms_http.h"
#include "admin/routes.h"
#include "api/order_watch.h"
#include "api/routes.h"
#include "api/webhooks.h"
#include "archive/retire.h"
#include "cli.h"
#include "doors/routes.h"
#include "letters/outbox.h"
#include "page/wording.h"
#include "pages/pages.h"
#include "pay.h"
#include "pg/pg_migrate.h"
#include "retiring.h"
#include "saga/reconcile.h"
#include "store/schema.h"
#include "version.inc"
#include "web/site.h"

#include <assert.h>
#include <curl/curl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* ---- metrics ---- */

#define LEN(ARRAY) (sizeof(ARRAY) / sizeof((ARRAY)[0]))

static int add_pay_metrics(struct pay *pay, struct err_slot *err)
{
    const struct pg_pool_stats *pg = pg_pool_stats(pay->pg);
    const struct outcall_stats *calls = outcalls_stats(pay->outcalls);
    const struct webhooks_stats *webhooks = webhooks_stats(pay->webhooks);
    const struct metrics_row all[] = {
        {"fairgate_sagas_total", "sagas ended or parked", "end=\"completed\"", &pay->completed_ever,
         false},
        {"fairgate_sagas_total", "", "end=\"undone\"", &pay->undone_ever, false},
        {"fairgate_sagas_total", "", "end=\"parked\"", &pay->parked_ever, false},
        {"fairgate_tickets_missed_total",
         "orders that were paid, then undone or parked before there were tickets", NULL,
         &pay->ticket_times.missed, false},
        {"fairgate_logins_total", "logins by outcome", "outcome=\"good\"", &pay->logins_good,
         false},
        {"fairgate_logins_total", "", "outcome=\"bad\"", &pay->logins_bad, false},
        {"fairgate_logins_total", "", "outcome=\"throttled\"", &pay->logins_throttled, false},
        {"fairgate_logins_total", "", "outcome=\"shed\"", &pay->logins_shed, false},
        {"fairgate_webhooks_total", "webhooks by outcome", "outcome=\"good\"", &webhooks->good,
         false},
        {"fairgate_webhooks_total", "", "outcome=\"repeated\"", &webhooks->repeated, false},
        {"fairgate_webhooks_total", "", "outcome=\"refused\"", &webhooks->bad, false},
        {"fairgate_webhooks_total", "", "outcome=\"about_nothing_here\"", &webhooks->strange,
         false},
        {"fairgate_pay_db_jobs_total", "jobs for our database", NULL, &pg->jobs, false},
        {"fairgate_pay_db_refused_total", "jobs that were never sent", NULL, &pg->refused, false},
        {"fairgate_pay_db_unknown_total", "jobs of unknown outcome", NULL, &pg->unknown, false},
        {"fairgate_pay_db_connected", "open connections", NULL, &pg->connected, true},
        {"fairgate_pay_db_queued", "jobs that wait for a connection", NULL, &pg->queued, true},
        {"fairgate_pay_calls_total", "calls to peers", "outcome=\"answered\"", &calls->answered,
         false},
        {"fairgate_pay_calls_total", "", "outcome=\"failed\"", &calls->failed, false},
        {"fairgate_pay_calls_total", "", "outcome=\"refused\"", &calls->refused, false},
        {"fairgate_pay_calls_under_way", "calls to peers under way", NULL, &calls->under_way, true},
        {"fairgate_shop_orders_total", "orders given to the shop", "outcome=\"taken\"",
         outbox_count(pay->shop, OUTBOX_SENT), false},
        {"fairgate_shop_orders_total", "", "outcome=\"refused\"",
         outbox_count(pay->shop, OUTBOX_REFUSED), false},
        {"fairgate_shop_orders_total", "", "outcome=\"unanswered\"",
         outbox_count(pay->shop, OUTBOX_LATER), false},
        {"fairgate_shop_orders_total", "", "outcome=\"held_back\"",
         outbox_count(pay->shop, OUTBOX_HELD), false},
        {"fairgate_mails_total", "mails", "outcome=\"sent\"", outbox_count(pay->mails, OUTBOX_SENT),
         false},
        {"fairgate_mails_total", "", "outcome=\"failed\"", outbox_count(pay->mails, OUTBOX_LATER),
         false},
        {"fairgate_mails_total", "", "outcome=\"given_up\"",
         outbox_count(pay->mails, OUTBOX_GIVEN_UP), false},
        {"fairgate_mails_total", "", "outcome=\"held_back\"", outbox_count(pay->mails, OUTBOX_HELD),
         false},
        {"fairgate_order_stream_looks_total", "queries for changed orders that are watched", NULL,
         &order_watches_stats(pay->watches)->looks, false},
        {"fairgate_hash_refused_total", "password checks refused", NULL, &pay->hashes_refused,
         false},
    };
    const struct metrics_desc times = {"fairgate_order_to_ticket_seconds",
                                       "from an order's payment to its tickets", NULL};
    int rc = metrics_histogram(pay->loop->metrics, &times, METRICS_UNIT_SECONDS,
                               &pay->ticket_times.took, err);
    return rc < 0 ? rc : metrics_add_all(pay->loop->metrics, all, LEN(all), err);
}

static int add_users_metrics(struct pay *pay, struct err_slot *err)
{
    if (pay->users == NULL)
        return 0;
    const struct users_stats *users = users_stats(pay->users);
    const struct metrics_row all[] = {
        {"fairgate_users_db_queries_total", "queries of the company's user database", NULL,
         &users->asked, false},
        {"fairgate_users_db_held_back_total", "queries held back", "why=\"cap\"", &users->capped,
         false},
        {"fairgate_users_db_held_back_total", "", "why=\"breaker\"", &users->broken, false},
    };
    return metrics_add_all(pay->loop->metrics, all, LEN(all), err);
}

static int add_psp_metrics(struct pay *pay, struct err_slot *err)
{
    struct psp_shared *shared = &pay->common->caps->psp;
    const struct pace *pace = &shared->pace;
    const struct metrics_row all[] = {
        {"fairgate_psp_calls_total", "calls to the payment providers", NULL, &pace->calls, false},
        {"fairgate_psp_held_back_total", "calls to the providers that waited for the rate limit",
         "purpose=\"poll\"", &pace->held_back[PACE_POLL], false},
        {"fairgate_psp_held_back_total", "", "purpose=\"make\"", &pace->held_back[PACE_MAKE],
         false},
        {"fairgate_psp_held_back_total", "", "purpose=\"take\"", &pace->held_back[PACE_TAKE],
         false},
        {"fairgate_psp_pace_unheard_total",
         "reports of calls to the providers that the database did not answer: meanwhile this "
         "process keeps to its last pace",
         NULL, &pace->unanswered, false},
    };
    int rc = metrics_add_all(pay->loop->metrics, all, LEN(all), err);
    for (uint32_t i = 0; rc == 0 && i < PSP_PROVIDERS; i++) {
        const struct metrics_row refused = {
            "fairgate_psp_refused_us_total",
            i == 0 ? "calls refused because of our key, account or contract; needs attention" : "",
            psp_drivers[i]->label, &shared->seen[i].strangers, false};
        rc = metrics_add_all(pay->loop->metrics, &refused, 1, err);
    }
    return rc;
}

/* Measured by one loop only. */
static int add_single_metrics(struct pay *pay, struct err_slot *err)
{
    if (pay->reconcile == NULL)
        return 0;
    int rc = add_psp_metrics(pay, err);
    if (rc == 0)
        rc = metrics_clock_apart(pay->loop->metrics, "postgresql", &pay->db_clock_apart_ms, err);
    if (rc < 0)
        return rc;
    const struct reconcile_stats *reconcile = reconcile_stats(pay->reconcile);
    const struct metrics_row all[] = {
        {"fairgate_pay_seats_clock_apart_ms",
         "difference between the clocks of this machine and the seat service", NULL,
         &pay->common->seats_clock.apart_ms, true},
        {"fairgate_hash_queue", "password checks under way or waiting", NULL,
         &pay->common->caps->hashing.used, true},
        {"fairgate_shop_lag_orders", "orders that the shop does not have yet", NULL,
         &pay->lags[LAG_SHOP], true},
        {"fairgate_shop_lag_microseconds", "age of the oldest of them", NULL,
         &pay->lags[LAG_SHOP_US], true},
        {"fairgate_shop_letters_parked", "messages that the shop refuses, parked for an operator",
         NULL, &pay->lags[LAG_SHOP_PARKED], true},
        {"fairgate_mail_lag_mails", "mails that are not sent yet", NULL, &pay->lags[LAG_MAIL],
         true},
        {"fairgate_mail_lag_microseconds", "age of the oldest of them", NULL,
         &pay->lags[LAG_MAIL_US], true},
        {"fairgate_sagas_parked", "sagas that wait for an operator", NULL,
         &pay->lags[LAG_SAGAS_PARKED], true},
        {"fairgate_sagas_unknown",
         "open sagas of definitions unknown to this program; needs attention", NULL,
         worker_unknown(pay->worker), true},
        {"fairgate_sagas_open", "sagas under way", NULL, &pay->lags[LAG_SAGAS_OPEN], true},
        {"fairgate_sagas_overdue_microseconds", "how long the most overdue saga has been due", NULL,
         &pay->lags[LAG_SAGAS_US], true},
        {"fairgate_wal_archive_failures_total", "WAL files that could not be archived", NULL,
         &pay->lags[LAG_ARCHIVE_FAILURES], false},
        {"fairgate_wal_archive_late_ms",
         "for how long no WAL file was archived while one was ready", NULL,
         &pay->lags[LAG_ARCHIVE_MS], true},
        {"fairgate_database_snapshot_ms", "for how long the oldest snapshot has been open", NULL,
         &pay->lags[LAG_SNAPSHOT_MS], true},
        {"fairgate_drift", "disagreements that the last reconciliation found", NULL,
         &reconcile->drift, true},
        {"fairgate_drift_accepted", "disagreements that an operator accepted", NULL,
         &reconcile->accepted, true},
        {"fairgate_reconcile_last_seconds", "when it ended, unix time", NULL, &reconcile->last_s,
         true},
        {"fairgate_reconcile_seats_age_seconds",
         "how long ago the seats of some event that trades were last compared", NULL,
         &reconcile->seats_age_s, true},
        {"fairgate_reconcile_runs_total", "reconciliations", NULL, &reconcile->runs, false},
        {"fairgate_reconcile_broken_total", "lookups of reconciliations that failed", NULL,
         &reconcile->broken, false},
    };
    return metrics_add_all(pay->loop->metrics, all, LEN(all), err);
}

/* ---- hooks ---- */

static int migrate(void *config, void (*on_wait)(const char *words), struct err_slot *err)
{
    const struct settings *settings = config;
    return schema_migrate(settings->db_conninfo, on_wait, err);
}

static const struct http_route *const open_routes[] = {
    login_routes, order_routes,        ticket_routes,  webhook_routes,
    door_routes,  refund_terms_routes, picture_routes, NULL};
static const struct http_route *const operators[] = {
    admin_routes,           desk_routes,
    event_routes,           move_routes,
    setup_routes,           door_private_routes,
    scanner_routes,         refund_terms_private_routes,
    picture_private_routes, NULL};

static void log_down(const void *service, const char *why)
{
    log_text(service_log(service), LOG_LEVEL_WARN, "PostgreSQL is down: waiting for it", "why",
             why);
}

static int start(struct service *service, struct http_router *routes,
                 struct http_router *private_routes, struct err_slot *err)
{
    const struct settings *settings = service_config(service);
    struct pay_common *common = service_ctx(service);
    /* Replicas share one configuration but must not share a name: at its start, each would reclaim
     * the other's leases. */
    static_assert(sizeof(common->instance) >= SERVICE_PLACE_MAX, "a place is a name");
    if (settings->instance[0] != '\0')
        memcpy(common->instance, settings->instance, sizeof(common->instance));
    else
        service_place(service, common->instance);
    log_text(service_log(service), LOG_LEVEL_INFO, "sagas are being processed", "instance",
             common->instance);
    int rc = wording_settle_zone(settings->time_zone, err);
    if (rc == 0)
        pg_await(settings->db_conninfo, UINT64_MAX, log_down, service);
    if (rc == 0)
        rc = schema_migrate(settings->db_conninfo, NULL, err);
    if (rc == 0)
        rc = schema_installation(settings->db_conninfo, err, common->installation,
                                 sizeof(common->installation));
    if (rc == 0)
        rc = refund_terms_default(settings, err);
    if (rc == 0)
        rc = worker_reclaim(settings->db_conninfo, common->instance, err);
    if (rc == 0)
        rc = pay_common_init(common, settings, err);
    if (rc == 0)
        rc = secrets_load(&common->secrets, settings, settings, service_log(service), err);
    if (rc == 0)
        users_look_at_plans(settings, service_loops(service), service_log(service));
    if (rc == 0)
        rc = pages_create(settings, err, &common->pages);
    if (rc == 0) {
        common->site = pages_site(common->pages);
        rc = pages_routes(common->pages, routes, err);
    }
    if (rc == 0)
        rc = http_router_add_tables(routes, open_routes, err);
    return rc == 0 ? http_router_add_tables(private_routes, operators, err) : rc;
}

static int loop_start(struct service_loop *loop, struct err_slot *err)
{
    struct pay *pay;
    int rc = pay_open(loop, service_ctx(loop->service), err, &pay);
    if (rc < 0)
        return rc;
    loop->ctx = pay;
    rc = add_pay_metrics(pay, err);
    if (rc == 0)
        rc = add_users_metrics(pay, err);
    if (rc == 0)
        rc = add_single_metrics(pay, err);
    if (rc < 0) {
        pay_close(pay);
        loop->ctx = NULL;
    }
    return rc;
}

/* Secret files keep the paths given at start; knobs are read from the new configuration. */
static int reload(struct service *service, struct err_slot *err)
{
    const struct settings *settings = service_config(service);
    struct pay_common *common = service_ctx(service);
    struct settings *now = calloc(1, sizeof(*now));
    if (now == NULL)
        return err_set(err, ERR_NOMEM, "settings");
    int rc = service_settings_again(service, now, err);
    if (rc == 0)
        rc = secrets_load(&common->secrets, settings, now, service_log(service), err);
    if (rc == 0)
        rc = refund_terms_default(now, err);
    free(now);
    return rc;
}

static void loop_reload(struct service_loop *loop)
{
    if (loop->ctx != NULL)
        pay_use_keys(loop->ctx);
}

static void loop_drain(struct service_loop *loop)
{
    if (loop->ctx != NULL)
        pay_drain(loop->ctx);
}

static void loop_stop(struct service_loop *loop)
{
    if (loop->ctx != NULL)
        pay_close(loop->ctx);
}

static void stop(struct service *service)
{
    struct pay_common *common = service_ctx(service);
    pages_destroy(common->pages);
    pay_common_deinit(common);
}

int main(int argc, char **argv)
{
    if (cli_is_command(argc, argv))
        return cli_run(argc, argv);
    if (sodium_init() < 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        return 1;
    struct settings *settings = calloc(1, sizeof(*settings));
    struct pay_common common = {0};
    struct config_setting list[SETTINGS_MAX];
    if (settings == NULL)
        return 1;
    static const struct call_name calls[] = {
        {"login", HTTP_METHOD_POST, "/v1/pay/login"},
        {"order", HTTP_METHOD_POST, "/v1/pay/orders"},
        {NULL, HTTP_METHOD_GET, NULL},
    };
    /* Operators run the sale; refunds and moves of sold seats need other roles. */
    static const struct service_call roles[] = {
        {HTTP_METHOD_POST, "/admin/orders/{order}/refund", PERSON_DESK | PERSON_FINANCE},
        {HTTP_METHOD_POST, "/admin/orders/{order}/revoke-tickets", PERSON_DESK | PERSON_FINANCE},
        {HTTP_METHOD_POST, "/admin/orders/{order}/move", PERSON_DESK},
        {HTTP_METHOD_POST, "/admin/orders/{order}/transfer", PERSON_DESK},
        {HTTP_METHOD_POST, "/admin/orders/{order}/mail", PERSON_DESK | PERSON_OPERATOR},
        {HTTP_METHOD_POST, "/admin/mails/{id}/retry", PERSON_DESK | PERSON_OPERATOR},
        {HTTP_METHOD_POST, "/admin/letters/{id}/retry", PERSON_FINANCE | PERSON_OPERATOR},
        {HTTP_METHOD_POST, "/admin/sagas/{id}/retry", PERSON_FINANCE | PERSON_OPERATOR},
        {HTTP_METHOD_POST, "/admin/sagas/{id}/compensate", PERSON_FINANCE},
        {HTTP_METHOD_POST, "/admin/reconcile", PERSON_FINANCE | PERSON_OPERATOR},
        {HTTP_METHOD_POST, "/admin/reconcile/{difference}/accept", PERSON_FINANCE},
        {HTTP_METHOD_POST, "/admin/reconcile/{difference}/withdraw",
         PERSON_FINANCE | PERSON_OPERATOR},
        {HTTP_METHOD_PUT, "/admin/events/{event}/refund-terms", PERSON_FINANCE},
        {HTTP_METHOD_POST, "/admin/events/{event}/cancellation", PERSON_FINANCE},
        {HTTP_METHOD_PUT, "/admin/events/{event}/postponement", PERSON_FINANCE},
        {HTTP_METHOD_GET, NULL, 0},
    };
    const struct service_conf conf = {
        .name = "payment-adapter",
        .version = FAIRGATE_VERSION,
        .commands = cli_commands,
        .settings = list,
        .settings_len = settings_list(list),
        .config = settings,
        .ctx = &common,
        .private_roles = roles,
        .calls = calls,
        .check = settings_check,
        .migrate = migrate,
        .start = start,
        .loop_start = loop_start,
        .reload = reload,
        .loop_reload = loop_reload,
        .loop_drain = loop_drain,
        .loop_stop = loop_stop,
        .stop = stop,
    };
    int rc = retire_is_asked(argc, argv) ? retiring_run(&conf, argc, argv)
                                         : service_main(&conf, argc, argv);
    free(settings);
    curl_global_cleanup();
    return rc;
}

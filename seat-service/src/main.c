/* main.c: creates the parts of seat-service, connects them, and destroys them at the end. README.md
 * describes how a request passes through them.
 *
 * Threads: the loops (turn.c), the committer (committer.c), the reader (reader.c), the auditor
 * (auditor.c), and libuv's pool, for imports, exports and other slow work. */
#include "api/buyer_api.h"
#include "api/hall_api.h"
#include "api/hall_page.h"
#include "api/operation.h"
#include "api/operator_api.h"
#include "api/order_api.h"
#include "api/place_api.h"
#include "api/plain_page.h"
#include "archive/retire.h"
#include "core/engine/engine.h"
#include "crypto/mac.h"
#include "loop/auditor.h"
#include "loop/ended.h"
#include "loop/series.h"
#include "loop/turn.h"
#include "replay.h"
#include "retiring.h"
#include "service/service.h"
#include "settings.h"
#include "tables/migrate.h"
#include "version.inc"

#include <assert.h>
#include <curl/curl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static_assert((int)SERVICE_LOOPS_MAX <= (int)ENGINE_THREAD_SLOTS_MAX, "a slot for each loop");

/* The state of the process, which all loops share. */
struct seats {
    struct settings settings;
    struct service *service;
    struct mac_ring hold_keys;
    struct pass_revoked *revoked;
    struct idem *idem;
    struct rate *rate;
    struct sale_clock sale;
    struct events *events;
    struct commit_queue *queue;
    struct journal *journal;
    _Atomic(struct auditor *) auditor; /* atomic: the reader may read it during start() */
    struct ended *ended;
    struct series *series;
    struct operation_list *operations;
    struct site *hall;
    struct plain_page *plain;
    struct turn *turns[SERVICE_LOOPS_MAX];
    struct jwks_feed *keys[SERVICE_LOOPS_MAX];
    struct service_loop *first_loop;
    struct counter_stats stats;
};

static int migrate(void *config, void (*on_wait)(const char *words), struct err_slot *err)
{
    const struct settings *settings = config;
    return migrate_alone(settings->conninfo, on_wait, err);
}

/* Another process owns our events, or acknowledged changes are lost: the state in memory is
 * invalid. The process ends, and becomes a standby when it is restarted. */
static void on_fenced(void *ctx, const char *reason)
{
    struct seats *seats = ctx;
    service_fail(seats->service, reason);
}

static void on_event_leaves(void *ctx)
{
    struct seats *seats = ctx;
    struct auditor *auditor = seats->auditor;
    if (auditor != NULL)
        auditor_nudge(auditor);
}

static int add_metrics(struct seats *seats, struct metrics *metrics, struct err_slot *err)
{
    const struct journal_stats *journal = journal_stats(seats->journal);
    const struct auditor_stats *auditor = auditor_stats(seats->auditor);
    const struct metrics_row rows[] = {
        {"fairgate_seats_holds_total", "holds taken", NULL, &seats->stats.holds, false},
        {"fairgate_seats_changed_total", "holds changed", NULL, &seats->stats.changed, false},
        {"fairgate_seats_released_total", "holds released", NULL, &seats->stats.released, false},
        {"fairgate_seats_expired_total", "holds that expired", NULL, &seats->stats.expired, false},
        {"fairgate_seats_extended_total", "holds extended by orders", NULL, &seats->stats.extended,
         false},
        {"fairgate_seats_confirmed_total", "holds sold", NULL, &seats->stats.confirmed, false},
        {"fairgate_seats_retaken_total", "expired holds sold after all", NULL,
         &seats->stats.retaken, false},
        {"fairgate_seats_gone_total", "late payments whose seats were gone", NULL,
         &seats->stats.late_gone, false},
        {"fairgate_seats_unremembered_total",
         "holds that expired while being paid and could not be remembered", NULL,
         &seats->stats.unremembered, false},
        {"fairgate_seats_refunded_total", "sold holds refunded", NULL, &seats->stats.refunded,
         false},
        {"fairgate_seats_conflicts_total", "requests that lost a seat", NULL,
         &seats->stats.conflicts, false},
        {"fairgate_seats_refused_total", "changes undone because they could not be written", NULL,
         &seats->stats.refused, false},
        {"fairgate_seats_replayed_total", "answers to repeated idempotency keys", NULL,
         &seats->stats.replays, false},
        {"fairgate_seats_codes_wrong_total", "channel codes that were wrong", NULL,
         &seats->stats.codes_wrong, false},
        {"fairgate_seats_codes_unchecked_total",
         "channel codes refused without a check, since too many were wrong", NULL,
         &seats->stats.codes_unchecked, false},
        {"fairgate_idem_pushed_out_total",
         "outcomes of repeatable requests forgotten early for lack of memory", NULL,
         &idem_stats(seats->idem)->pushed_out, false},
        {"fairgate_journal_commits_total", "transactions", NULL, &journal->commits, false},
        {"fairgate_journal_changes_total", "changes written", NULL, &journal->changes, false},
        {"fairgate_journal_refused_total", "changes refused", NULL, &journal->refused, false},
        {"fairgate_journal_errors_total", "transactions that PostgreSQL refused", NULL,
         &journal->errors, false},
        {"fairgate_journal_reconnects_total", "connections made", NULL, &journal->reconnects,
         false},
        {"fairgate_journal_takeovers_total", "events taken over", NULL, &journal->takeovers, false},
        {"fairgate_journal_settled_written_total",
         "commits of unknown outcome that turned out written", NULL, &journal->settled_written,
         false},
        {"fairgate_journal_settled_again_total",
         "commits of unknown outcome that were written again", NULL, &journal->settled_again,
         false},
        {"fairgate_journal_wal_bytes_total", "WAL of the whole server", NULL, &journal->wal_bytes,
         false},
        {"fairgate_journal_wal_syncs_total", "WAL flushes of the whole server", NULL,
         &journal->wal_flushes, false},
        {"fairgate_auditor_changes_total", "changes replayed and checked", NULL, &auditor->changes,
         false},
        {"fairgate_auditor_snapshots_total", "snapshots made", NULL, &auditor->snapshots, false},
        {"fairgate_auditor_failures_total", "rounds that failed", NULL, &auditor->failures, false},
        {"fairgate_journal_waiting", "changes in the ring", NULL, &journal->lag, true},
        {"fairgate_seats_clock_apart_ms",
         "how far the time by which seats are judged is from PostgreSQL's", NULL,
         &seats->sale.apart_ms, true},
        {"fairgate_idem_room", "how many outcomes of repeatable requests fit in memory", NULL,
         &idem_stats(seats->idem)->room, true},
        {"fairgate_idem_kept_seconds",
         "the shortest recent time for which such an outcome was kept", NULL,
         &idem_stats(seats->idem)->kept_s, true},
        {"fairgate_seats_events_refused",
         "sleeping events that are requested while there is no room in memory", NULL,
         &journal->events_refused, true},
        {"fairgate_seats_behind_ms",
         "age of the oldest hall shown for an event that another process owns", NULL,
         events_behind_ms(seats->events), true},
    };
    const struct metrics_desc batch = {"fairgate_journal_batch", "changes in each transaction",
                                       NULL};
    const struct metrics_desc commit = {"fairgate_journal_commit_seconds",
                                        "from sending a batch to its reply", NULL};
    int rc = metrics_add_all(metrics, rows, sizeof(rows) / sizeof(rows[0]), err);
    if (rc == 0)
        rc = metrics_histogram(metrics, &batch, METRICS_UNIT_ONE, &journal->batch, err);
    if (rc == 0)
        rc = metrics_histogram(metrics, &commit, METRICS_UNIT_SECONDS, &journal->commit_us, err);
    if (rc == 0)
        rc = metrics_clock_apart(metrics, "postgresql", &journal->clock_apart_ms, err);
    for (enum journal_state state = 0; rc == 0 && state < JOURNAL_STATES; state++) {
        const struct metrics_labels labels =
            metrics_one_label("state", span_of(journal_state_name(state)));
        const struct metrics_desc desc = {"fairgate_seats_events",
                                          "events of this process, by state", labels.text};
        rc = metrics_gauge(metrics, &desc, &journal->events[state], err);
    }
    return rc;
}

static int start_journal(struct seats *seats, struct err_slot *err)
{
    const struct settings *settings = &seats->settings;
    struct commit_queue_conf queue = {service_loops(seats->service), COMMIT_ENTRIES_PER_PORT};
    int rc = commit_queue_create(&queue, err, &seats->queue);
    if (rc < 0)
        return rc;
    struct journal_conf journal = {
        .dsn = settings->conninfo,
        .instance = settings->instance,
        .events = settings->events,
        .owners = (uint32_t)settings->owners,
        .places = (uint32_t)settings->places,
        .memory = settings->memory,
        .idle_ms = settings->idle_ms,
        .batch_max = (uint32_t)settings->batch_max,
        .queue = seats->queue,
        .clock = clock_system(),
        .sale = &seats->sale,
        .rng = rng_system(),
        .log = service_log(seats->service),
        .host = events_host(seats->events),
    };
    span_to_cstr_cut(span_of(settings->address), journal.address.open,
                     sizeof(journal.address.open)); /* settings.c limits its length */
    span_to_cstr_cut(span_of(settings->private_address), journal.address.within,
                     sizeof(journal.address.within));
    rc = journal_start(&journal, err, &seats->journal);
    if (rc < 0)
        return rc;
    struct auditor_conf auditor = {
        .dsn = settings->conninfo,
        .snapshot_every = settings->snapshot_every,
        .changes = &journal_stats(seats->journal)->changes,
        .events = seats->events,
        .clock = clock_system(),
        .log = service_log(seats->service),
    };
    struct auditor *started = NULL;
    rc = auditor_start(&auditor, err, &started);
    seats->auditor = started;
    return rc;
}

static int start_tables(struct seats *seats, struct err_slot *err)
{
    struct ended_conf ended = {
        .dsn = seats->settings.conninfo,
        .revoked = seats->revoked,
        .log = service_log(seats->service),
    };
    int rc = ended_create(&ended, err, &seats->ended);
    if (rc < 0)
        return rc;
    struct series_conf series = {
        .dsn = seats->settings.conninfo,
        .events = seats->settings.events,
        .service = seats->service,
        .metrics = service_metrics(seats->service),
        .log = service_log(seats->service),
    };
    return series_create(&series, err, &seats->series);
}

static int make_shared(struct seats *seats, struct err_slot *err)
{
    const struct settings *settings = &seats->settings;
    int rc = mac_ring_load(settings->hold_keys_file, err, &seats->hold_keys);
    if (rc == 0)
        rc = pass_revoked_create(err, &seats->revoked);
    if (rc == 0)
        rc = idem_create(settings->idem_memory, err, &seats->idem);
    if (rc == 0)
        rc = rate_create(err, &seats->rate);
    if (rc < 0)
        return rc;
    sale_clock_init(&seats->sale, clock_system());
    struct events_conf events = {
        .clock = &seats->sale.clock,
        .loops = service_loops(seats->service),
        .idem = seats->idem,
        .revoked = seats->revoked,
        .fenced = on_fenced,
        .leaves = on_event_leaves,
        .ctx = seats,
    };
    return events_create(&events, err, &seats->events);
}

static const struct http_route *const buyers[] = {buyer_api_routes, NULL};
static const struct http_route *const operators[] = {order_api_routes, operator_api_routes,
                                                     hall_api_routes, place_api_routes, NULL};

static int start(struct service *service, struct http_router *routes,
                 struct http_router *private_routes, struct err_slot *err)
{
    struct seats *seats = service_ctx(service);
    seats->service = service;
    int rc = make_shared(seats, err);
    if (rc == 0)
        rc = start_journal(seats, err);
    if (rc == 0)
        rc = start_tables(seats, err);
    if (rc == 0)
        rc = operation_list_create(seats->settings.conninfo, err, &seats->operations);
    if (rc == 0)
        rc = add_metrics(seats, service_metrics(service), err);
    if (rc == 0)
        rc = hall_page_create(&seats->settings.brand, err, &seats->hall);
    if (rc == 0)
        rc = site_routes(seats->hall, routes, err);
    if (rc == 0)
        rc = plain_page_create(seats->hall, err, &seats->plain);
    if (rc == 0)
        rc = http_router_add_tables(routes, buyers, err);
    return rc == 0 ? http_router_add_tables(private_routes, operators, err) : rc;
}

/* For an edge that spreads reads: whether this process shows all its events, except those that are
 * out or asleep. False if it may have been replaced. */
static bool shows_all(const struct seats *seats)
{
    struct journal_view view;
    enum journal_role role = journal_role(seats->journal);
    bool all = role != JOURNAL_CONNECTING && role != JOURNAL_FENCED, any = false;
    for (uint32_t nth = 0; all && journal_next(seats->journal, &nth, &view);) {
        const struct event *event = events_nth(seats->events, view.nth);
        bool shown = event != NULL && events_shows(seats->events, event);
        any = any || shown;
        all = shown || view.state == JOURNAL_EVENT_OUT || view.state == JOURNAL_EVENT_ASLEEP;
    }
    return all && (any || role != JOURNAL_LOADING) && !journal_is_unproven(seats->journal);
}

/* Adds to /readyz whether all events are shown, why an owner that still sells needs attention, and
 * which events are out and why: the process is ready for the others. */
static void put_out(void *ctx, struct text *body)
{
    enum { OUT_MAX = 8, REASON_MAX = 160, NEEDS = 64 + EVENT_ID_MAX + 6 * REASON_MAX };
    static_assert(OUT_MAX * NEEDS + 64 <= SERVICE_READYZ_MAX, "all of it fits");
    const struct seats *seats = ctx;
    struct journal_view view;
    unsigned listed = 0;
    if (seats->journal == NULL)
        return;
    json_member_bool(body, "shows", shows_all(seats));
    enum journal_reason warns = journal_reason(seats->journal);
    if (journal_role(seats->journal) == JOURNAL_OWNER && warns != JOURNAL_REASON_NONE)
        json_member_cstr(body, "warns", journal_reason_name(warns));
    uint32_t nth = 0;
    while (listed < OUT_MAX && journal_next(seats->journal, &nth, &view)) {
        if (view.state != JOURNAL_EVENT_OUT)
            continue;
        if (listed++ == 0) {
            json_member_open(body, "out", '[');
        }
        struct span reason = span_of(view.reason);
        reason.len = reason.len < REASON_MAX ? reason.len : REASON_MAX;
        json_open(body, '{');
        json_member_cstr(body, "event", view.id);
        json_member_str(body, "reason", reason);
        json_close(body, '}');
    }
    if (listed > 0)
        json_close(body, ']');
}

/* Checked for each /readyz: an owner that was suspended answers before its first tick runs. */
static const char *unready(void *ctx)
{
    const struct seats *seats = ctx;
    return seats->journal != NULL && journal_is_unproven(seats->journal) ? "ownership-unproven"
                                                                         : NULL;
}

static bool follows(void *ctx)
{
    const struct seats *seats = ctx;
    return seats->journal != NULL && journal_reason(seats->journal) == JOURNAL_REASON_STANDBY &&
           shows_all(seats);
}

/* Each tick of loop 0. An owner that lost PostgreSQL stays ready at first: it shows the hall and
 * rejects changes with 503, which is better than no page (see unready()). An owner whose name
 * another process uses continues to sell its events. */
static void on_tick(void *ctx, const char *reason)
{
    struct seats *seats = ctx;
    enum journal_role role = journal_role(seats->journal);
    service_ready(seats->first_loop, "journal", journal_writes(seats->journal) ? NULL : reason);
    service_role(seats->service, journal_role_name(role));
    ended_tick(seats->ended, seats->first_loop->ctx);
    series_tick(seats->series, seats->first_loop->ctx);
}

static void on_keys(void *ctx)
{
    service_ready(ctx, "keys", NULL);
}

/* The waiting room's keys, for verifying passes. Each loop has its own copy, so that no request
 * takes a lock. */
static int open_keys(struct service_loop *loop, const struct settings *settings,
                     struct err_slot *err, struct jwks_feed **out)
{
    const struct jwks_feed_conf feed = {
        .whose = "the waiting room's",
        .url = settings->keys_url,
        .file = settings->keys_file,
        .refresh_ms = settings->keys_refresh_ms,
        .retry_max_ms = KEYS_RETRY_MS,
        .doubt_ms = KEYS_RETRY_MS,
        .loop = loop->uv,
        .clock = loop->clock,
        .rng = loop->rng,
        .log = loop->log,
        .on_first = on_keys,
        .ctx = loop,
    };
    service_ready(loop, "keys", "keys-missing");
    return jwks_feed_create(&feed, err, out);
}

static int loop_start(struct service_loop *loop, struct err_slot *err)
{
    struct seats *seats = service_ctx(loop->service);
    struct jwks_feed **keys = &seats->keys[loop->index];
    int rc = open_keys(loop, &seats->settings, err, keys);
    if (rc < 0)
        return rc;
    struct turn_conf conf = {
        .loop =
            {
                .uv = loop->uv,
                .server = loop->server,
                .events = seats->events,
                .journal = seats->journal,
                .queue = seats->queue,
                .nth = loop->index,
                .idem = seats->idem,
                .rate = seats->rate,
                .idle_ms = seats->settings.idle_ms,
                .hold_keys = &seats->hold_keys,
                .passes = {*keys, seats->revoked, seats->settings.issuer, loop->clock},
                .clock = loop->clock,
                .log = loop->log,
                .stats = &seats->stats,
                .plain = &seats->plain->answers,
                .ended = seats->ended,
                .series = seats->series,
                .operations = seats->operations,
            },
        .on_tick = loop->index == 0 ? on_tick : NULL,
        .ctx = seats,
    };
    struct turn **turn = &seats->turns[loop->index];
    rc = turn_create(&conf, err, turn);
    if (rc < 0) {
        jwks_feed_close(*keys);
        return rc;
    }
    loop->ctx = turn_loop(*turn);
    if (loop->index == 0) {
        seats->first_loop = loop;
        service_ready(loop, "journal", "starting");
    }
    return 0;
}

static void loop_stop(struct service_loop *loop)
{
    struct seats *seats = service_ctx(loop->service);
    if (loop->index == 0) {
        ended_answer_all(seats->ended);
        operation_answer_all(seats->operations);
    }
    turn_close(seats->turns[loop->index]);
    jwks_feed_close(seats->keys[loop->index]);
}

static void stop(struct service *service)
{
    struct seats *seats = service_ctx(service);
    if (seats->auditor != NULL)
        auditor_stop(seats->auditor);
    if (seats->journal != NULL)
        journal_stop(seats->journal);
    for (unsigned i = 0; i < SERVICE_LOOPS_MAX; i++)
        turn_destroy(seats->turns[i]);
    journal_destroy(seats->journal);
    auditor_destroy(seats->auditor);
    commit_queue_destroy(seats->queue);
    operation_list_destroy(seats->operations);
    series_destroy(seats->series);
    ended_destroy(seats->ended);
    plain_page_destroy(seats->plain);
    site_destroy(seats->hall);
    events_destroy(seats->events);
    rate_destroy(seats->rate);
    idem_destroy(seats->idem);
    pass_revoked_destroy(seats->revoked);
    mac_ring_wipe(&seats->hold_keys);
}

int main(int argc, char **argv)
{
    if (sodium_init() < 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        return 1;
    if (argc > 1 && strcmp(argv[1], "replay") == 0)
        return replay_main(argc - 1, argv + 1);
    struct seats *seats = calloc(1, sizeof(*seats));
    if (seats == NULL)
        return 1;
    static const struct call_name calls[] = {
        {"hold", HTTP_METHOD_POST, "/v1/seats/{event}/holds"},
        {NULL, HTTP_METHOD_GET, NULL},
    };
    static const struct service_call roles[] = {
        {HTTP_METHOD_PUT, "/admin/events/{event}", PERSON_ADMIN},
        {HTTP_METHOD_GET, "/admin/events/{event}", PERSON_ANY | PERSON_FEED},
        /* Read by a feed of the version before. */
        {HTTP_METHOD_GET, "/admin/events/{event}/counts", PERSON_ANY | PERSON_FEED},
        {HTTP_METHOD_POST, "/admin/events/{event}/place", PERSON_ADMIN},
        {HTTP_METHOD_POST, "/admin/events/{event}/price", PERSON_ADMIN},
        /* The document contains the channels' codes. */
        {HTTP_METHOD_GET, "/admin/events/{event}/document", PERSON_OPERATOR},
        {HTTP_METHOD_GET, NULL, 0},
    };
    struct service_conf conf = {
        .name = "seat-service",
        .version = FAIRGATE_VERSION,
        .commands = "seat-service replay --config FILE [--event E] [--at TIME | --seq N] "
                    "[--seats]\n" RETIRING_COMMANDS,
        .settings = settings_table,
        .settings_len = settings_len,
        .config = &seats->settings,
        .ctx = seats,
        .clock = &seats->sale.clock,
        .private_roles = roles,
        .calls = calls,
        .check = settings_check,
        .migrate = migrate,
        .readyz = put_out,
        .unready = unready,
        .follows = follows,
        .start = start,
        .loop_start = loop_start,
        .loop_stop = loop_stop,
        .stop = stop,
    };
    int code = retire_is_asked(argc, argv) ? retiring_run(&conf, argc, argv)
                                           : service_main(&conf, argc, argv);
    free(seats);
    curl_global_cleanup();
    return code;
}

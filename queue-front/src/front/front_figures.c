/* front_figures.c: the metrics of a front: counters of the loop, gauges of each line.
 *
 * The loop writes them and the scrape reads them. They are unregistered before their memory is
 * freed, since a scrape may come at any time. */
#include "front/front_internal.h"

#include "front/member_keys.h"

#include <assert.h>

struct gauge {
    const char *name, *help;
    uint64_t value;
};

static uint64_t in_milli(double value)
{
    return (uint64_t)(value * 1000.0 + 0.5);
}

static void list_gauges(const struct front_line *event, struct gauge out[FRONT_GAUGES])
{
    const struct line_view *view = event->view;
    const struct promise_book *book = &event->promises;
    const struct gauge all[] = {
        {"fairgate_line_issued", "Places given out.", view->issued},
        {"fairgate_line_serving", "Places called.", view->serving},
        {"fairgate_line_skipped", "Ghosts stepped over, ever.", view->skipped},
        {"fairgate_line_nobodys", "Places ahead that a heal left out and nobody has shown.",
         view->nobodys},
        {"fairgate_line_waiting", "People who wait.", view->waiting},
        {"fairgate_line_active", "Sessions inside.", view->active},
        {"fairgate_line_outstanding", "Called and not yet come.", view->outstanding},
        {"fairgate_line_admitted", "Passes given, ever.", view->admitted},
        {"fairgate_line_no_shows", "Calls that ran out, ever.", view->no_shows},
        {"fairgate_eta_judged", "Promised waits compared with the real ones.", book->judged},
        {"fairgate_eta_kept", "Of these: called by p90.", book->kept},
        {"fairgate_eta_error_milli", "How far p50 was off of late, thousandths of the real wait.",
         in_milli(book->error)},
        {"fairgate_eta_coverage_milli", "Share of late called by p90, thousandths.",
         in_milli(book->kept_lately)},
        {"fairgate_eta_scale_milli", "Correction of the spread, thousandths.",
         in_milli(promise_scale(book))},
        {"fairgate_line_rate_milli", "Calls a second in force, thousandths.",
         view->knobs.rate_milli},
        {"fairgate_line_late_ms",
         "How long nobody was called because no tick came in time, in total.", view->late_ms},
        {"fairgate_line_clock_ahead_ms",
         "So far the clock of Redis is ahead of the event's time, which takes no part in its "
         "jumps.",
         view->clock_ahead_ms},
        {"fairgate_line_clock_behind_ms", "The same, behind it.", view->clock_behind_ms},
        {"fairgate_line_codes_missing",
         "Presale codes that Redis has lost: until they are loaded again nobody joins with one.",
         line_codes_missing(view)},
        {"fairgate_line_wrong_codes", "Invalid codes of presales and moves in this minute.",
         view->wrong_codes},
        {"fairgate_line_visits_halted", "1 while visits take no time, as nobody sees them served.",
         view->halted_ms > 0},
        {"fairgate_line_hall_missing",
         "1 while the seat service has no hall for an event that sells.", event->hall_missing},
        {"fairgate_line_gathers_at_seconds",
         "When people may gather for the draw, in seconds since 1970; 0: not said.",
         event->doc.prequeue_at_ms / 1000},
        {"fairgate_line_opens_at_seconds",
         "When the line opens by itself, in seconds since 1970; 0: not said.",
         event->doc.opens_at_ms / 1000},
        {"fairgate_line_seats_fed_seconds",
         "When this front last took a number of seats left, in seconds since 1970; at first, when "
         "it began the event; 0: seats_left is off, or there is no sale.",
         event->doc.seats_left && view->state != LINE_DRAFT && view->state != LINE_CLOSED
             ? event->fed_us / 1000000
             : 0},
        {"fairgate_line_unopened", "1 while the event waits for its opening.",
         view->state == LINE_SCHEDULED || view->state == LINE_PRE_QUEUE},
        {"fairgate_line_stale", "1 while the picture is old.", view->stale},
    };
    static_assert(sizeof(all) / sizeof(all[0]) == FRONT_GAUGES, "one value each");
    memcpy(out, all, sizeof(all));
}

/* On the first loop only: all loops see the same line, and their gauges would be added up. */
void figures_begin_event(struct front *front, struct front_line *event)
{
    if (front->loop->index != 0)
        return;
    char labels[METRICS_LABELS_MAX];
    struct text text = text_on(labels, sizeof(labels) - 1);
    metrics_label(&text, "event", span_of(event->id));
    labels[text.len] = '\0';
    struct gauge gauges[FRONT_GAUGES];
    list_gauges(event, gauges);
    for (size_t i = 0; i < FRONT_GAUGES; i++) {
        struct err_slot err;
        struct metrics_desc desc = {gauges[i].name, gauges[i].help, labels};
        if (metrics_gauge(front->loop->metrics, &desc, &event->gauge[i], &err) < 0)
            log_failure(front->loop->log, "a gauge is not shown", &err);
    }
}

void figures_end_event(struct front *front, struct front_line *event)
{
    if (front->loop->index != 0)
        return;
    for (size_t i = 0; i < FRONT_GAUGES; i++)
        metrics_forget(front->loop->metrics, &event->gauge[i]);
}

void figures_show(struct front_line *event)
{
    struct gauge gauges[FRONT_GAUGES];
    list_gauges(event, gauges);
    for (size_t i = 0; i < FRONT_GAUGES; i++)
        front_show(&event->gauge[i], gauges[i].value);
}

void front_seats_fed(const struct front *front, struct front_line *event)
{
    event->fed_us = clock_wall_us(front->loop->clock);
    figures_show(event); /* setting the same value has no effect */
}

struct counter {
    const char *name, *labels, *help;
    const _Atomic uint64_t *value;
};

enum { COUNTERS_MAX = 64 };

/* Returns the number of counters. */
static size_t list_counters(const struct front *front, struct counter out[COUNTERS_MAX])
{
    const struct front_stats *own = &front->stats;
    const struct line_store_stats *line = line_store_stats(front->store);
    const char *joins = "fairgate_joins_total", *passes = "fairgate_passes_total";
    const char *of_joins = "Joins by outcome.", *of_passes = "Passes by outcome.";
    const char *codes = "fairgate_presale_codes_total";
    const char *of_codes = "Presale codes in joins by outcome.";
    const struct counter all[] = {
        {joins, "outcome=\"new\"", of_joins, &own->joins_new},
        {joins, "outcome=\"again\"", of_joins, &own->joins_again},
        {joins, "outcome=\"refused\"", of_joins, &own->joins_refused},
        {joins, "outcome=\"unavailable\"", of_joins, &own->joins_unavailable},
        {joins, "outcome=\"unworked\"", of_joins, &own->joins_unworked},
        {joins, "outcome=\"shed\"", of_joins, &own->joins_shed},
        {joins, "outcome=\"full\"", of_joins, &own->joins_full},
        {"fairgate_joins_judged_again_total", NULL,
         "Joins judged again because the event had changed.", &own->joins_judged_again},
        {codes, "outcome=\"taken\"", of_codes, &own->codes_taken},
        {codes, "outcome=\"required\"", of_codes, &own->codes_required},
        {codes, "outcome=\"unknown\"", of_codes, &own->codes_unknown},
        {codes, "outcome=\"used-up\"", of_codes, &own->codes_used_up},
        {codes, "outcome=\"guesses\"", of_codes, &own->codes_guesses},
        {codes, "outcome=\"missing\"", of_codes, &own->codes_missing},
        {passes, "outcome=\"new\"", of_passes, &own->passes_new},
        {passes, "outcome=\"again\"", of_passes, &own->passes_again},
        {passes, "outcome=\"not-yet\"", of_passes, &own->passes_not_yet},
        {passes, "outcome=\"expired\"", of_passes, &own->passes_expired},
        {passes, "outcome=\"unavailable\"", of_passes, &own->passes_unavailable},
        {"fairgate_waits_judged_total", NULL, "Admitted visitors whose ticket promised a wait.",
         &own->waits_judged},
        {"fairgate_waits_kept_total", NULL, "Of these: called by p90.", &own->waits_kept},
        {"fairgate_waits_error_milli_total", NULL,
         "Of these: how far p50 was off, thousandths of the real wait, summed.",
         &own->waits_error_milli},
        {"fairgate_endings_untold_total", NULL,
         "Visitors who left and whose pass expired before the services behind were notified.",
         &own->endings_unreported},
        {"fairgate_refused_unchecked_total", NULL,
         "Passes, member tokens and codes refused unread: too many of them were wrong.",
         &own->refused_unchecked},
        {"fairgate_tickets_invalid_total", NULL, "Tickets not believed.", &own->tickets_invalid},
        {"fairgate_moves_total", NULL, "Places carried to another device.", &own->moves},
        {"fairgate_status_renders_total", NULL, "Shared statuses written.", &own->renders},
        {"fairgate_status_broadcasts_total", NULL, "Statuses sent to streams.", &own->broadcasts},
        {"fairgate_health_pages_total", "outcome=\"heard\"", "Health pages asked for.",
         &own->health_answered},
        {"fairgate_health_pages_total", "outcome=\"silent\"", "Health pages asked for.",
         &own->health_silent},
        {"fairgate_beacon_answers_total", "outcome=\"heard\"", "Beacons asked for a value.",
         &own->beacon_answered},
        {"fairgate_beacon_answers_total", "outcome=\"silent\"", "Beacons asked for a value.",
         &own->beacon_silent},
        {"fairgate_beacon_late_total", NULL, "Draws that went on without their beacon.",
         &own->beacon_late},
        {"fairgate_store_calls_total", NULL, "Calls sent to Redis.", &line->calls},
        {"fairgate_store_answers_total", NULL, "Calls that Redis answered.", &line->answers},
        {"fairgate_store_timeouts_total", NULL, "Calls given up.", &line->timeouts},
        {"fairgate_store_reconnects_total", NULL, "New connections to Redis.", &line->reconnects},
        {"fairgate_store_redirects_total", NULL, "Calls that Redis sent elsewhere.",
         &line->redirects},
        {"fairgate_store_joins_total", NULL, "Joins sent to Redis.", &line->joins},
        {"fairgate_store_join_calls_total", NULL, "Calls that carried them.", &line->join_calls},
        {"fairgate_store_ticks_total", NULL, "Ticks answered.", &line->ticks},
        {"fairgate_store_heals_total", NULL, "Lines made whole again.", &line->heals},
        {"fairgate_store_cuts_total", "outcome=\"made\"", "Cuts of lines in shards.",
         &line->cuts_made},
        {"fairgate_store_cuts_total", "outcome=\"lost\"", "Cuts of lines in shards.",
         &line->cuts_lost},
        {"fairgate_store_cut_joins_total", NULL, "Joins that got their places by a cut.",
         &line->joins_cut},
        {"fairgate_store_cut_wait_microseconds_total", NULL,
         "How long these had waited for their cuts, in total.", &line->joins_cut_wait_us},
        {"fairgate_store_cut_joins_slow_total", NULL, "Those that waited for more than 100 ms.",
         &line->joins_cut_slow},
        {"fairgate_store_shard_seals_total", NULL, "Shards begun anew behind a hole.",
         &line->seals},
        {"fairgate_store_shard_silent_total", NULL, "Shards that did not say how far they are.",
         &line->shards_silent},
        {"fairgate_store_shard_put_off_total", NULL,
         "Joins and claims that a shard put off to its next cut.", &line->joins_put_off},
    };
    size_t len = sizeof(all) / sizeof(all[0]);
    static_assert(sizeof(all) / sizeof(all[0]) + 2 <= COUNTERS_MAX, "room for each");
    memcpy(out, all, sizeof(all));
    if (front->member_keys != NULL) {
        const struct jwks_feed_stats *keys = jwks_feed_stats(front->member_keys);
        const char *name = "fairgate_member_keys_total", *help = "Key sets asked of the shop.";
        out[len++] = (struct counter){name, "outcome=\"fetched\"", help, &keys->fetched};
        out[len++] = (struct counter){name, "outcome=\"failed\"", help, &keys->failed};
    }
    return len;
}

int figures_begin(struct front *front, struct err_slot *err)
{
    struct counter counters[COUNTERS_MAX];
    size_t len = list_counters(front, counters);
    for (size_t i = 0; i < len; i++) {
        struct metrics_desc desc = {counters[i].name, counters[i].help, counters[i].labels};
        int rc = metrics_counter(front->loop->metrics, &desc, counters[i].value, err);
        if (rc < 0)
            return rc;
    }
    struct metrics_desc pending = {"fairgate_pending", "Requests that wait for Redis.", NULL};
    struct metrics_desc shut = {
        "fairgate_events_shut",
        "Events that let nobody new in here: no readable document, or no identity key.", NULL};
    int rc = metrics_gauge(front->loop->metrics, &pending, &front->stats.pending, err);
    if (rc == 0)
        rc = metrics_gauge(front->loop->metrics, &shut, &front->stats.events_shut, err);
    if (rc == 0 && front->loop->index == 0) /* the scrape adds up all loops' values */
        rc = metrics_clock_apart(front->loop->metrics, "redis",
                                 &line_store_stats(front->store)->clock_apart_ms, err);
    return rc;
}

void figures_end(struct front *front)
{
    struct counter counters[COUNTERS_MAX];
    size_t len = list_counters(front, counters);
    for (size_t i = 0; i < len; i++)
        metrics_forget(front->loop->metrics, (const void *)counters[i].value);
    metrics_forget(front->loop->metrics, &front->stats.pending);
    metrics_forget(front->loop->metrics, &front->stats.events_shut);
    metrics_forget(front->loop->metrics, &line_store_stats(front->store)->clock_apart_ms);
}

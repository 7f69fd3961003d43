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
        {"fairgate_line_visits_halted", "1 while visits take no time, as the seats are not served.",
         view->halted_ms > 0},
        {"fairgate_line_hall_missing",
         "1 while the seat service has no hall for an event that sells.", event->hall_missing},
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

int figures_begin(struct front *front, struct err_slot *err)
{
    struct metrics *metrics = front->loop->metrics;
    const struct front_stats *own = &front->stats;
    const struct line_store_stats *line = line_store_stats(front->store);
    const char *joins = "fairgate_joins_total", *passes = "fairgate_passes_total";
    const char *of_joins = "Joins by outcome.", *of_passes = "Passes by outcome.";
    const char *codes = "fairgate_presale_codes_total";
    const char *of_codes = "Presale codes in joins by outcome.";
    const struct metrics_row all[] = {
        {joins, of_joins, "outcome=\"new\"", &own->joins_new, false},
        {joins, of_joins, "outcome=\"again\"", &own->joins_again, false},
        {joins, of_joins, "outcome=\"refused\"", &own->joins_refused, false},
        {joins, of_joins, "outcome=\"unavailable\"", &own->joins_unavailable, false},
        {joins, of_joins, "outcome=\"unworked\"", &own->joins_unworked, false},
        {joins, of_joins, "outcome=\"shed\"", &own->joins_shed, false},
        {joins, of_joins, "outcome=\"full\"", &own->joins_full, false},
        {"fairgate_joins_judged_again_total", "Joins judged again because the event had changed.",
         NULL, &own->joins_judged_again, false},
        {codes, of_codes, "outcome=\"taken\"", &own->codes_taken, false},
        {codes, of_codes, "outcome=\"required\"", &own->codes_required, false},
        {codes, of_codes, "outcome=\"unknown\"", &own->codes_unknown, false},
        {codes, of_codes, "outcome=\"used-up\"", &own->codes_used_up, false},
        {codes, of_codes, "outcome=\"guesses\"", &own->codes_guesses, false},
        {codes, of_codes, "outcome=\"missing\"", &own->codes_missing, false},
        {passes, of_passes, "outcome=\"new\"", &own->passes_new, false},
        {passes, of_passes, "outcome=\"again\"", &own->passes_again, false},
        {passes, of_passes, "outcome=\"not-yet\"", &own->passes_not_yet, false},
        {passes, of_passes, "outcome=\"expired\"", &own->passes_expired, false},
        {passes, of_passes, "outcome=\"unavailable\"", &own->passes_unavailable, false},
        {"fairgate_waits_judged_total", "Admitted visitors whose ticket promised a wait.", NULL,
         &own->waits_judged, false},
        {"fairgate_waits_kept_total", "Of these: called by p90.", NULL, &own->waits_kept, false},
        {"fairgate_waits_error_milli_total",
         "Of these: how far p50 was off, thousandths of the real wait, summed.", NULL,
         &own->waits_error_milli, false},
        {"fairgate_endings_untold_total",
         "Visitors who left and whose pass expired before the services behind were notified.", NULL,
         &own->endings_unreported, false},
        {"fairgate_refused_unchecked_total",
         "Passes, member tokens and codes refused unread: too many of them were wrong.", NULL,
         &own->refused_unchecked, false},
        {"fairgate_tickets_invalid_total", "Tickets not believed.", NULL, &own->tickets_invalid,
         false},
        {"fairgate_health_pages_total", "Health pages asked for.", "outcome=\"heard\"",
         &own->health_answered, false},
        {"fairgate_health_pages_total", "Health pages asked for.", "outcome=\"silent\"",
         &own->health_silent, false},
        {"fairgate_beacon_late_total", "Draws that went on without their beacon.", NULL,
         &own->beacon_late, false},
        {"fairgate_store_calls_total", "Calls sent to Redis.", NULL, &line->calls, false},
        {"fairgate_store_answers_total", "Calls that Redis answered.", NULL, &line->answers, false},
        {"fairgate_store_timeouts_total", "Calls given up.", NULL, &line->timeouts, false},
        {"fairgate_store_reconnects_total", "New connections to Redis.", NULL, &line->reconnects,
         false},
        {"fairgate_store_redirects_total", "Calls that Redis sent elsewhere.", NULL,
         &line->redirects, false},
        {"fairgate_store_joins_total", "Joins sent to Redis.", NULL, &line->joins, false},
        {"fairgate_store_join_calls_total", "Calls that carried them.", NULL, &line->join_calls,
         false},
        {"fairgate_store_ticks_total", "Ticks answered.", NULL, &line->ticks, false},
        {"fairgate_store_heals_total", "Lines made whole again.", NULL, &line->heals, false},
        {"fairgate_store_cuts_total", "Cuts of lines in shards.", "outcome=\"made\"",
         &line->cuts_made, false},
        {"fairgate_store_cuts_total", "Cuts of lines in shards.", "outcome=\"lost\"",
         &line->cuts_lost, false},
        {"fairgate_store_cut_joins_total", "Joins that got their places by a cut.", NULL,
         &line->joins_cut, false},
        {"fairgate_store_cut_wait_microseconds_total",
         "How long these had waited for their cuts, in total.", NULL, &line->joins_cut_wait_us,
         false},
        {"fairgate_store_cut_joins_slow_total", "Those that waited for more than 100 ms.", NULL,
         &line->joins_cut_slow, false},
        {"fairgate_store_shard_seals_total", "Shards begun anew behind a hole.", NULL, &line->seals,
         false},
        {"fairgate_store_shard_silent_total", "Shards that did not say how far they are.", NULL,
         &line->shards_silent, false},
        {"fairgate_store_shard_put_off_total",
         "Joins and claims that a shard put off to its next cut.", NULL, &line->joins_put_off,
         false},
        {"fairgate_pending", "Requests that wait for Redis.", NULL, &own->pending, true},
        {"fairgate_events_shut",
         "Events that let nobody new in here: no readable document, or no identity key.", NULL,
         &own->events_shut, true},
    };
    int rc = metrics_add_all(metrics, all, sizeof(all) / sizeof(all[0]), err);
    if (rc == 0 && front->member_keys != NULL) {
        const struct jwks_feed_stats *keys = jwks_feed_stats(front->member_keys);
        const char *name = "fairgate_member_keys_total", *help = "Key sets asked of the shop.";
        const struct metrics_row asked[] = {
            {name, help, "outcome=\"fetched\"", &keys->fetched, false},
            {name, help, "outcome=\"failed\"", &keys->failed, false},
        };
        rc = metrics_add_all(metrics, asked, 2, err);
    }
    if (rc == 0 && front->loop->index == 0) /* the scrape adds up all loops' values */
        rc = metrics_clock_apart(metrics, "redis", &line->clock_apart_ms, err);
    return rc;
}

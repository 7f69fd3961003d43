/* report.c: the summary of a sale for the organizer: how many people came, how long they waited,
 * what was sold, and what operators changed and why.
 *
 * The mean wait follows from Little's law: the number of waiting people, summed over time, divided
 * by those who left the line (admitted or gone). No person is recorded for it. It covers the same
 * span as the series, and the report prints that span next to it. */
#include "watch/report.h"

#include "acts/runs.h"
#include "acts/trail.h"
#include "base/json_in.h"
#include "sale/currency.h"
#include "show/plain.h"
#include "show/value.h"

#include <stdlib.h>

enum { NUMBER_MAX = 48, REPORT_CALLS = 6 };

static const struct {
    enum command_service service;
    const char *path;
    bool may_lack; /* a missing answer is shown as unknown */
} asked[REPORT_CALLS] = {
    {COMMAND_LINE, "/admin/events/{EVENT}", false},
    {COMMAND_LINE, "/admin/events/{EVENT}/series?limit=5000", false},
    {COMMAND_SEATS, "/admin/events/{EVENT}", true},
    {COMMAND_PAY, "/admin/events/{EVENT}/counts", true},
    {COMMAND_PAY, "/admin/events/{EVENT}/doors", true},
    {COMMAND_LINE, "/admin/events?id={EVENT}", false},
};

json_t *report_line(const json_t *series)
{
    size_t len = json_array_size(series);
    const json_t *first = json_array_get(series, 0);
    const json_t *last = len > 0 ? json_array_get(series, len - 1) : NULL;
    const json_t *peak = first;
    double waited = 0;
    for (size_t i = 0; i < len; i++) {
        const json_t *row = json_array_get(series, i);
        if (value_number(row, "waiting") > value_number(peak, "waiting"))
            peak = row;
        if (i > 0) {
            const json_t *before = json_array_get(series, i - 1);
            waited += (value_number(before, "waiting") + value_number(row, "waiting")) / 2 *
                      ((double)value_time_ms(row, "at") - (double)value_time_ms(before, "at")) /
                      1000;
        }
    }
    double left = value_number(last, "serving") - value_number(first, "serving");
    return json_pack(
        "{s:O?, s:O?, s:f, s:f, s:f, s:f, s:O?, s:o, s:f, s:f}", "from", value_at(first, "at"),
        "to", value_at(last, "at"), "joined", value_number(last, "joined"), "admitted",
        value_number(last, "admitted"), "no_shows", value_number(last, "no_shows"), "peak_waiting",
        value_number(peak, "waiting"), "peak_at", value_at(peak, "at"), "mean_wait_s",
        left > 0 ? json_real(waited / left) : json_null(), "told_judged",
        value_number(last, "eta_join.judged"), "told_kept", value_number(last, "eta_join.kept"));
}

void report_money(struct grow *out, double minor, struct span currency)
{
    char memory[NUMBER_MAX];
    struct text text = text_on(memory, sizeof(memory));
    if (currency.len == 0) { /* only the seats know how many digits it has */
        plain_format(out, "%.0f in minor units", minor);
        return;
    }
    if (minor < 0)
        text_char(&text, '-');
    currency_put(&text, currency, (uint64_t)(minor < 0 ? -minor : minor));
    text_char(&text, ' ');
    grow_add(out, text_span(&text));
    plain_put(out, currency);
}

/* ---- the page ---- */

static void put_line(struct grow *out, const json_t *line)
{
    double judged = value_number(line, "told_judged");
    bool has_lanes = json_array_size(value_at(line, "lanes")) > 0;
    bool summed = value_at(line, "general") != NULL; /* the series has no lanes */
    value_fill(out, "\nThe line, from {from} to {to}\n", line);
    if (has_lanes && !summed)
        grow_add(out, SPAN("  of the general line alone:\n"));
    value_fill(out, "  joined    {joined:0}\n  admitted  {admitted:0}\n  no-shows  {no_shows:0}\n",
               line);
    if (summed)
        grow_add(out, SPAN("  of the general line alone:\n"));
    value_fill(out, "  longest   {peak_waiting:0} at {peak_at}\n", line);
    value_fill(out,
               json_is_null(value_at(line, "mean_wait_s")) ? "  mean wait not known\n"
                                                           : "  mean wait {mean_wait_s:0} s\n",
               line);
    if (judged > 0)
        plain_format(out, "  promises  %.1f %% of %.0f waits were kept\n",
                     value_number(line, "told_kept") / judged * 100, judged);
}

static void put_seats(struct grow *out, const json_t *hall, size_t width)
{
    const json_t *categories = value_at(hall, "categories");
    grow_add(out, SPAN("\nThe seats\n"));
    if (categories == NULL) {
        grow_add(out, SPAN("  not known\n"));
        return;
    }
    double sold = value_sum(categories, "sold");
    double all = sold + value_sum(categories, "free") + value_sum(categories, "held") +
                 value_sum(categories, "blocked"); /* standing places, too */
    plain_format(out, "  sold      %.0f of %.0f (%.1f %%)\n\n", sold, all,
                 all > 0 ? sold / all * 100 : 0);
    value_rows(out, categories,
               "name:CATEGORY price:PRICE sold:SOLD held:HELD free:FREE blocked:BLOCKED", width);
}

static void put_orders(struct grow *out, const json_t *now, struct span currency)
{
    double captured = value_number(now, "captured"), back = value_number(now, "given_back");
    grow_add(out, SPAN("\nThe orders\n"));
    if (now == NULL) {
        grow_add(out, SPAN("  not known\n"));
        return;
    }
    value_fill(out,
               "  completed {completed:0}, of these refunded {refunded:0}\n"
               "  failed    {failed:0}   expired {expired:0}   cancelled {cancelled:0}   under way "
               "{open:0}   parked {parked:0}\n  taken     ",
               now);
    report_money(out, captured, currency);
    grow_add(out, SPAN("\n  refunds   "));
    report_money(out, back, currency);
    grow_add(out, SPAN("\n  kept      "));
    report_money(out, captured - back, currency);
    grow_add(out, SPAN("\n"));
}

static void put_page(const struct job *job, struct grow *out, const json_t *page)
{
    value_fill(out, "{id}  {name}  ({state})\n", value_at(page, "event"));
    put_line(out, value_at(page, "line"));
    put_seats(out, value_at(page, "hall"), job->width);
    put_orders(out, value_at(page, "orders"), value_text(value_at(page, "hall"), "currency"));
    const json_t *doors = value_at(page, "doors");
    if (value_number(doors, "entered") > 0) {
        value_fill(out, "\nThe doors\n  entered   {entered:0}   inside {inside:0}   ", doors);
        plain_format(out, "conflicts %zu\n", json_array_size(value_at(doors, "conflicts")));
    }
    grow_add(out, SPAN("\nWhat was changed\n\n"));
    value_rows(out, value_at(page, "changes"), TRAIL_COLUMNS, job->width);
}

int report_run(struct job *job)
{
    struct call calls[REPORT_CALLS] = {{.method = NULL}};
    struct trails trails = {.len = 0};
    int status = EXIT_DONE;
    /* A service that does not know the event leaves its part empty. One that does not answer ends
     * the report: half a page about money is worse than none. */
    for (size_t i = 0; status == EXIT_DONE && i < REPORT_CALLS; i++)
        status = job_look(job, asked[i].service, asked[i].path, asked[i].may_lack, &calls[i]);
    if (status == EXIT_DONE)
        status = trail_fetch(job, &trails);
    if (status == EXIT_DONE) {
        /* The counts of an event with lanes: the series has the general line's only. */
        json_t *line = report_line(value_at(calls[1].json, "series"));
        json_t *events = json_object_get(calls[5].json, "events");
        json_t *live = json_object_get(json_array_get(events, 0), "live");
        json_t *general = json_object_get(live, "general");
        json_object_set(line, "lanes", json_object_get(calls[0].json, "lanes"));
        if (general != NULL && json_object_set(line, "general", general) == 0)
            json_object_update_existing(line, live);
        json_t *page =
            json_pack("{s:O?, s:o, s:O?, s:O?, s:O?, s:o?}", "event", calls[0].json, "line", line,
                      "hall", calls[2].json, "orders", value_at(calls[3].json, "now"), "doors",
                      calls[4].json, "changes", trail_list(&trails));
        status = job_put_document(job, page, put_page);
    }
    for (size_t i = 0; i < REPORT_CALLS; i++)
        call_free(&calls[i]);
    trail_free(&trails);
    return status;
}

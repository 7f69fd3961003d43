/* sale.c: imports halls from files, checks tickets from a scanner, and moves seats in pairs. */
#include "acts/runs.h"

#include "acts/generic.h"
#include "base/json_in.h"
#include "show/plain.h"
#include "show/value.h"

#include <sodium.h>
#include <stdlib.h>

/* Shows what the document leaves unlimited, and what of it was dropped. */
static int show_gaps(const struct job *job, const json_t *event)
{
    struct grow out = {.ptr = NULL};
    const json_t *dropped = value_at(event, "dropped"), *limit;
    size_t i;
    json_array_foreach(value_at(event, "unlimited"), i, limit)
    {
        grow_add(&out, SPAN("No limit: "));
        value_show(&out, limit);
        grow_add(&out, SPAN("\n"));
    }
    if (json_array_size(dropped) > 0)
        value_rows(&out, dropped, "path:LEFT-OUT count:COUNT why:WHY", job->width);
    return grow_is_empty(&out) ? EXIT_DONE : job_put(job, &out);
}

void sale_copy_show(const json_t *from, json_t *into)
{
    static const char *const members[] = {"starts_at", "doors_at", "time_zone", "venue"};
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        json_t *value = json_object_get(from, members[i]);
        if (json_object_get(into, members[i]) == NULL)
            json_object_set_new(into, members[i], value != NULL ? json_incref(value) : json_null());
    }
}

static int patch_line(struct job *job, const json_t *wanted)
{
    struct call call = {.method = NULL, .why = job->why};
    char *body = json_in_text(wanted, 0);
    int status = job_call(job, COMMAND_LINE, "PATCH", "/admin/events/{EVENT}", &call);
    call.body = span_of(body);
    if (body == NULL)
        status = job_say(job, EXIT_REFUSED, "out of memory");
    if (status == EXIT_DONE)
        status = job_make(job, COMMAND_LINE, &call);
    free(body);
    call_free(&call);
    return status;
}

/* The hall's document says when and where the show is. If the line has the event, copies that to it
 * for the visitors who wait. */
static int update_line(struct job *job, const json_t *hall)
{
    struct call line = {.method = NULL};
    int status = job_look(job, COMMAND_LINE, "/admin/events/{EVENT}", true, &line);
    if (status == EXIT_DONE && line.json != NULL) {
        json_t *wanted = json_object(), *is = json_object();
        sale_copy_show(line.json, is);
        sale_copy_show(hall, wanted);
        if (!json_equal(is, wanted))
            status = patch_line(job, wanted);
        json_decref(is);
        json_decref(wanted);
    }
    call_free(&line);
    return status;
}

/* The steps after a hall was accepted: whatever becomes of them, something has happened. */
static int end_hall(struct job *job, int status, const json_t *hall)
{
    if (status == EXIT_DONE && !job_option(job, OPTION_JSON))
        status = show_gaps(job, hall);
    int line = status == EXIT_DONE ? update_line(job, hall) : EXIT_DONE;
    if (line == EXIT_DONE)
        return status;
    return job_say(job, line == EXIT_AWAY ? EXIT_UNKNOWN : line,
                   "the hall is in place, but the line does not show its date yet: run this again");
}

int sale_import(struct job *job)
{
    struct call call = {.method = NULL};
    int status = generic_send_file(job, &call);
    if (status == EXIT_DONE && !job_option(job, OPTION_JSON) && call.status == 200)
        fputs("It was there, from the same document.\n", job->out);
    else if (status == EXIT_DONE)
        status = generic_show(job, &call);
    status = end_hall(job, status, call.json);
    call_free(&call);
    return status;
}

/* If-Match protects a correction that another operator made in between. */
int sale_correct(struct job *job)
{
    struct call read = {.method = NULL}, write = {.if_match = read.etag, .why = job->why};
    int status = job_get(job, COMMAND_SEATS, "/admin/events/{EVENT}", &read);
    if (status == EXIT_DONE)
        status = generic_send_file(job, &write);
    if (status == EXIT_DONE)
        status = generic_show(job, &write);
    status = end_hall(job, status, write.json);
    call_free(&read);
    call_free(&write);
    return status;
}

int sale_lines(struct job *job)
{
    char next[CTL_URL_MAX] = "/admin/events/{EVENT}/lines";
    int status = EXIT_DONE;
    for (unsigned part = 0; status == EXIT_DONE && next[0] != '\0'; part++) {
        if (part == CTL_PARTS_MAX)
            return job_say(job, EXIT_REFUSED, "the list has no end");
        struct call call = {.method = NULL};
        status = job_get(job, COMMAND_PAY, next, &call);
        memcpy(next, call.link, sizeof(next));
        status = generic_end(job, status, &call);
    }
    return status;
}

int sale_move(struct job *job)
{
    struct call call = {.method = NULL};
    json_t *pairs = json_array();
    const struct args *args = job->args;
    int status = EXIT_DONE;
    for (size_t i = args_words_from(args, "FROM=TO"); i < args->words_len; i++) {
        struct span from;
        struct span to = span_cut(span_of(args->word[i]), '=', &from);
        json_t *pair = to.ptr == NULL ? NULL
                                      : json_pack("{s:s%, s:s%}", "from", from.ptr, from.len, "to",
                                                  to.ptr, to.len);
        if (pair == NULL || json_array_append_new(pairs, pair) != 0) {
            status = job_say(job, EXIT_USAGE, "%.60s: a seat is moved as FROM=TO", args->word[i]);
            break;
        }
    }
    return generic_send_made(job, status, json_pack("{s:o}", "seats", pairs), &call);
}

int sale_price(struct job *job)
{
    struct call call = {.method = NULL};
    json_t *prices = json_object();
    const struct args *args = job->args;
    int status = EXIT_DONE;
    for (size_t i = args_words_from(args, "CATEGORY=PRICE"); i < args->words_len; i++) {
        const char *word = args->word[i], *price = strrchr(word, '=');
        uint64_t number;
        if (price == NULL || !span_u64(span_of(price + 1), INT64_MAX, &number)) {
            status = job_say(job, EXIT_USAGE, "%.60s: a price is set as CATEGORY=PRICE", word);
            break;
        }
        size_t len = (size_t)(price - word);
        if (json_object_getn(prices, word, len) != NULL) {
            status = job_say(job, EXIT_USAGE, "%.*s is there twice", (int)len, word);
            break;
        }
        json_object_setn_new(prices, word, len, json_integer((json_int_t)number));
    }
    return generic_send_made(job, status, json_pack("{s:o}", "prices", prices), &call);
}

/* The API replaces the terms as a whole, and only the version that was read. So this reads them,
 * changes the named members, and writes them on the condition that they are still the same. */
int sale_terms_set(struct job *job)
{
    static const char *const kept[] = {"by", "until", "before_start_s", "percent", "handed_on"};
    struct call read = {.method = NULL}, write = {.method = NULL};
    json_t *body = json_object();
    int status = job_get(job, COMMAND_PAY, "/admin/events/{EVENT}/refund-terms", &read);
    for (size_t i = 0; status == EXIT_DONE && i < sizeof(kept) / sizeof(kept[0]); i++)
        json_object_set(body, kept[i], json_object_get(read.json, kept[i]));
    if (status == EXIT_DONE)
        status = job_read_settings(job, args_words_from(job->args, "TERM=VALUE"), body);
    write.if_match = read.etag;
    status = generic_send_made(job, status, body, &write);
    call_free(&read);
    return status;
}

/* Exits with 1 if there is a difference, so that a timer can call it. */
int sale_reconcile(struct job *job)
{
    struct call call = {.method = NULL};
    struct grow out = {.ptr = NULL};
    int status = generic_send(job, NULL, &call);
    if (status != EXIT_DONE) {
        call_free(&call);
        return status;
    }
    double drift = value_number(call.json, "drift");
    size_t not_reached = json_array_size(value_at(call.json, "not_reached"));
    if (job_option(job, OPTION_JSON)) {
        status = job_put_raw(job, &call);
    } else {
        plain_format(&out, "%.0f %s", drift, drift == 1 ? "difference" : "differences");
        value_fill(&out, ", as of {at}\n", call.json);
        if (not_reached > 0)
            value_fill(&out, "not reached: {not_reached}\n", call.json);
        if (drift > 0)
            value_rows(&out, value_at(call.json, "items"),
                       "difference:DIFFERENCE kind:KIND order:ORDER payment:PAYMENT detail:DETAIL "
                       "todo:WHAT_TO_DO",
                       job->width);
        const json_t *accepted = value_at(call.json, "accepted");
        if (value_number(accepted, "count") > 0) {
            value_fill(&out, "{count:0} accepted\n", accepted);
            value_rows(&out, value_at(accepted, "items"),
                       "difference:DIFFERENCE kind:KIND order:ORDER payment:PAYMENT "
                       "detail:DETAIL accepted.who:WHO accepted.reason:WHY",
                       job->width);
        }
        status = job_put(job, &out);
    }
    call_free(&call);
    return status == EXIT_DONE && (drift > 0 || not_reached > 0) ? EXIT_REFUSED : status;
}

/* ---- the door ---- */

enum { TICKET_MAX = 2048 }; /* three times a ticket's token */

static void show_scan(const struct job *job, const struct call *call)
{
    struct grow line = {.ptr = NULL};
    bool undone = value_at(call->json, "act") != NULL;
    bool admit = json_is_true(value_at(call->json, "admit"));
    grow_add(&line, undone ? SPAN("undone  ") : admit ? SPAN("in      ") : SPAN("refused "));
    plain_put(&line, value_text(call->json, "seat"));
    if (value_at(call->json, "code") != NULL)
        value_fill(&line, "  {code}", call->json);
    grow_add(&line, SPAN("\n"));
    job_put(job, &line);
    fflush(job->out);
}

static int scan(struct job *job, const char *ticket, bool undo)
{
    struct call call = {.method = NULL};
    int status =
        job_call(job, COMMAND_PAY, "POST", undo ? "/admin/checkin/undo" : "/admin/checkin", &call);
    json_t *body = json_pack("{s:s, s:s, s:s}", "event", job_event(job), "gate",
                             args_word(job->args, "GATE"), "token", ticket);
    if (undo)
        json_object_set_new(body, "reason", json_string(job->why));
    char *text = json_in_text(body, JSON_COMPACT);
    json_decref(body);
    if (text == NULL)
        return job_say(job, EXIT_USAGE, "a ticket is not UTF-8");
    call.body = span_of(text);
    if (status == EXIT_DONE) {
        caller_make(job->caller, &call, 1, job->timeout_ms, -1);
        bool scanned = call.end == CALL_ANSWERED && value_at(call.json, "admit") != NULL;
        if (scanned || call_good(&call)) {
            status = call_good(&call) ? EXIT_DONE : EXIT_REFUSED;
            if (job_option(job, OPTION_JSON))
                job_put_raw(job, &call);
            else
                show_scan(job, &call);
        } else {
            status = job_failed(job, COMMAND_PAY, &call);
        }
    }
    sodium_memzero(text, strlen(text));
    free(text);
    call_free(&call);
    return status;
}

/* A ticket opens a door, so it is never an argument: scanners type one per line on standard input.
 * Each is answered at once; the exit status is that of the worst. */
int sale_checkin(struct job *job)
{
    bool undo = job_option(job, OPTION_UNDO);
    if (undo && job->why == NULL)
        return job_say(job, EXIT_USAGE,
                       "--why TEXT is missing: a check-in is taken back for a "
                       "reason");
    char line[TICKET_MAX];
    int status = EXIT_DONE;
    size_t count = 0;
    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] == '\0')
            continue;
        count++;
        int one = scan(job, line, undo);
        status = one > status ? one : status;
        if (one >= EXIT_USAGE)
            break;
    }
    sodium_memzero(line, sizeof(line));
    if (count == 0)
        return job_say(job, EXIT_USAGE, "no ticket came on the standard input");
    return status;
}

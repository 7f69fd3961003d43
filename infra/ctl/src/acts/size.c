/* size.c: reads the words into an ask, runs the sums of plan/size.h, and says what an operator does
 * with the result: how many machines, which settings, and when. All output is printed from one JSON
 * document, which --json prints unchanged. */
#include "acts/runs.h"

#include "base/json_in.h"
#include "base/rfc3339.h"
#include "plan/size.h"
#include "show/plain.h"
#include "show/value.h"

#include <math.h>

static const int64_t start_s = -3600, ready_s = -900, fewer_s = 900, home_s = 1800;

static bool number(const struct job *job, enum option_id id, uint64_t fallback, uint64_t max,
                   double *out)
{
    uint64_t value = fallback;
    bool good = job_number(job, id, 1, max, &value) == EXIT_DONE;
    *out = (double)value;
    return good;
}

static bool read_ask(const struct job *job, struct size_ask *ask)
{
    *ask = (struct size_ask){.cdn = job_option(job, OPTION_CDN), .pay_cores = SIZE_PAY_CORES};
    return number(job, OPTION_VISITORS, 0, 1000000000, &ask->visitors) &&
           number(job, OPTION_SEATS, 0, 10000000, &ask->seats) &&
           number(job, OPTION_WITHIN, 1, 86400, &ask->within_s) &&
           number(job, OPTION_PLACED, 10, 86400, &ask->placed_s) &&
           number(job, OPTION_CALLED, 50, 100000, &ask->rate_per_s) &&
           number(job, OPTION_EDGE_CORES, 16, 1024, &ask->edge_cores) &&
           number(job, OPTION_FRONT_CORES, 2, 1024, &ask->front_cores);
}

static json_t *whole(double value)
{
    return json_integer((json_int_t)value);
}

/* For each part: how many the opening needs, how many spares there are, cores, memory and disk of
 * each, and how many are enough afterwards. */
static json_t *parts_of(const struct size_ask *ask, const struct size *size)
{
    const double spare = SIZE_SPARE, disk = SIZE_DISK_GB;
    const struct {
        const char *name;
        double count, spare, cores, gb, disk_gb, then;
        const char *why;
    } parts[] = {
        {"edge", size->opening.edges, spare, ask->edge_cores, size->edge_gb, disk,
         size->after.edges,
         ask->cdn ? "requests and connections; the CDN has the handshakes"
                  : "handshakes; then connections and streams"},
        {"queue-front", size->opening.fronts, spare, ask->front_cores, size->front_gb, disk,
         size->after.fronts, "joins; then streams and polls"},
        {"shard of Redis", size->shards, SIZE_REPLICAS * size->shards, 1, size->redis_gb,
         size->redis_disk_gb, size->shards,
         "joins; the spares are replicas. More than 1: event made with shards="},
        {"seat-service", 1, spare, SIZE_SEAT_CORES, size->seats_gb, disk, 1,
         "one owns the event, the spare stands by"},
        {"payment-adapter", size->pays, spare, ask->pay_cores, size->pay_gb, disk, size->pays,
         "orders"},
        {"PostgreSQL", 1, spare, SIZE_SEAT_CORES, size->postgres_gb, size->postgres_disk_gb, 1,
         "the spare is its standby"},
    };
    json_t *rows = json_array();
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        json_array_append_new(
            rows,
            json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:s}", "part", parts[i].name, "count",
                      whole(parts[i].count), "spare", whole(parts[i].spare), "cores",
                      whole(parts[i].cores), "memory_gb", whole(parts[i].gb), "disk_gb",
                      whole(parts[i].disk_gb), "then", whole(parts[i].then), "why", parts[i].why));
    return rows;
}

static json_t *settings_of(const struct size_ask *ask, const struct size *size)
{
    const struct {
        const char *name;
        double least; /* 0: the value as it is */
        const char *why;
    } settings[] = {
        {"rate_per_s", ask->rate_per_s, "of the event: 10 as delivered"},
        {"max_active", size->max_active,
         "of the event: 1000 as delivered; visits of 51 s, more if they take longer"},
        {"shards", size->shards > 1 ? size->shards : 0, "of the event, when it is made"},
        {"psp.per_s", size->psp_per_s, "of all payment-adapters; ask the provider first"},
        {"users.queries_per_s", size->users_per_s,
         "of all of them, too; ask the owner of the user table first"},
        {"maxconn", size->connections, "of each edge, LimitNOFILE twice that"},
        {"LimitNOFILE", size->streams, "of each queue-front: a page has a stream"},
    };
    json_t *rows = json_array();
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        if (settings[i].least > 0)
            json_array_append_new(rows, json_pack("{s:s, s:o, s:s}", "setting", settings[i].name,
                                                  "least", whole(ceil(settings[i].least)), "why",
                                                  settings[i].why));
    return rows;
}

/* As a time of day if the opening is known, else as seconds relative to it. */
static void add_time(json_t *times, const uint64_t *opens_ms, int64_t at_s, const char *what)
{
    json_t *row = json_pack("{s:I, s:s}", "at_s", (json_int_t)at_s, "what", what);
    if (opens_ms != NULL) {
        char memory[RFC3339_LEN + 1];
        struct text text = text_on(memory, sizeof(memory));
        rfc3339_put(&text, (uint64_t)((int64_t)*opens_ms + at_s * 1000));
        json_object_set_new(row, "at", json_stringn(text.ptr, text.len));
    }
    json_array_append_new(times, row);
}

static json_t *times_of(const struct size_ask *ask, const struct size *size, const uint64_t *opens)
{
    json_t *times = json_array();
    int64_t placed_s = (int64_t)ceil(fmax(ask->placed_s, ask->within_s));
    int64_t sold_s = (int64_t)ceil(size->sold_s);
    add_time(times, opens, start_s, "start all of it");
    add_time(times, opens, ready_s,
             "all is ready: fairgate doctor; nothing is changed from here on");
    add_time(times, opens, 0, "the opening");
    add_time(times, opens, placed_s, "everybody has a place");
    int64_t next_s = placed_s > fewer_s ? placed_s : fewer_s;
    if (next_s < sold_s)
        add_time(times, opens, next_s,
                 "fewer, one at a time: edges first, then fronts, by edge/take-out and SIGTERM");
    add_time(times, opens, sold_s,
             "about sold out; seats that are not paid for come back for some minutes more");
    add_time(times, opens, (int64_t)ceil(size->shop_s),
             "the shop has the last order, if shop.per_s is as delivered");
    add_time(times, opens, sold_s + home_s, "back to the usual size");
    return times;
}

static json_t *advice_of(const struct size_ask *ask, const struct size *size)
{
    json_t *advice = json_array();
    const char *const always[] = {
        "keep connections for longer than the longest time between two polls, 30 s",
        "keep the edge's backlog small (4096): what waits outside it costs nothing when it comes "
        "again",
    };
    const char *const handshakes[] = {
        "a certificate with a P-256 key: RSA-2048 costs 1.4 times as much for each handshake",
        "all edges share the keys of session tickets (edge/ticket-keys): 0.83 of a handshake for "
        "those who come again",
        "a pre-queue (prequeue_at, ten minutes before) with a draw spreads the handshakes: "
        "--within 600 --placed 600 tells of it",
        "a CDN that ends TLS takes all of them: --cdn",
    };
    for (size_t i = 0; !ask->cdn && i < sizeof(handshakes) / sizeof(handshakes[0]); i++)
        json_array_append_new(advice, json_string(handshakes[i]));
    for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
        json_array_append_new(advice, json_string(always[i]));
    if (size->shards > 1)
        json_array_append_new(
            advice,
            json_string("the shards of an event are fixed when it is made; over a longer time "
                        "fewer are enough: --placed, or --within with a pre-queue and a draw"));
    if (size->short_of_shards)
        json_array_append_new(advice, json_string("more joins a second than 16 shards take: let "
                                                  "people come, or be placed, over a longer time"));
    return advice;
}

static json_t *document_of(const struct size_ask *ask, const struct size *size,
                           const uint64_t *opens)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o}",
                     "visitors", whole(ask->visitors), "seats", whole(ask->seats), "within_s",
                     whole(ask->within_s), "placed_s", whole(fmax(ask->placed_s, ask->within_s)),
                     "called_per_s", whole(ask->rate_per_s), "handshakes_per_s",
                     whole(size->handshakes_per_s), "polls_per_s", whole(size->polls_per_s),
                     "bytes_per_s", whole(size->bytes_per_s), "sold_out_s",
                     whole(ceil(size->sold_s)), "enough", !size->short_of_shards, "parts",
                     parts_of(ask, size), "settings", settings_of(ask, size), "times",
                     times_of(ask, size, opens), "advice", advice_of(ask, size));
}

static void put_document(const struct job *job, struct grow *out, const json_t *doc)
{
    bool dated = job_option(job, OPTION_OPENS);
    const struct {
        const char *member, *columns;
    } tables[] = {
        {"parts", "part:PART count:COUNT spare:SPARE cores:CORES_EACH memory_gb:GB_EACH "
                  "disk_gb:DISK_GB then:THEN why:WHY"},
        {"settings", "setting:SETTING least:AT_LEAST why:WHY"},
        {"times", dated ? "at:AT what:WHAT" : "at_s:SECONDS what:WHAT"},
    };
    value_fill(
        out,
        "{visitors} visitors within {within_s} s, {seats} seats, places within {placed_s} s, "
        "{called_per_s} called a second.\n"
        "At the edges: {handshakes_per_s} handshakes and ",
        doc);
    plain_format(out, "%.1f GB", value_number(doc, "bytes_per_s") / 1e9);
    value_fill(out, " a second, then {polls_per_s} polls a second.\n\n", doc);
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        value_rows(out, value_at(doc, tables[i].member), tables[i].columns, job->width);
        grow_add(out, span_of("\n"));
    }
    size_t at;
    json_t *one;
    json_array_foreach(value_at(doc, "advice"), at, one)
    {
        plain_format(out, "- %s\n", json_string_value(one));
    }
    grow_add(out, span_of("\nBy sums, from costs measured on small machines: infra/SCALE.md says "
                          "which, and what they leave out.\n"));
}

int size_run(struct job *job)
{
    struct size_ask ask;
    struct size size;
    uint64_t opens_ms = 0;
    const char *opens = job->args->option[OPTION_OPENS];
    if (!read_ask(job, &ask))
        return EXIT_USAGE;
    if (opens != NULL && !rfc3339_parse(span_of(opens), &opens_ms))
        return job_say(job, EXIT_USAGE, "--opens: a time such as 2027-05-01T11:00:00Z");
    if (opens != NULL && (opens_ms < 86400000 || opens_ms > RFC3339_MS_MAX / 2))
        return job_say(job, EXIT_USAGE, "--opens: not in this century");
    size_of(&ask, &size);
    json_t *doc = document_of(&ask, &size, opens != NULL ? &opens_ms : NULL);
    int status = job_put_document(job, doc, put_document);
    if (status == EXIT_DONE && job_option(job, OPTION_WRITE))
        status = size_write(job, job->args->option[OPTION_WRITE], &ask, &size);
    return status == EXIT_DONE && size.short_of_shards ? EXIT_REFUSED : status;
}

/* replay.c: reads [postgres] conninfo from the service's settings, takes no lock and writes
 * nothing, so it may run next to the owner. It never starts from a snapshot, because it has to
 * prove the journal without them. The same state always gives the same line of JSON, so the lines
 * of an event can be compared with diff. */
#include "replay.h"

#include "base/json_time.h"
#include "base/rfc3339.h"
#include "journal/follower.h"
#include "loop/events.h"
#include "render/render.h"
#include "settings.h"
#include "tables/migrate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_WRONG = 2 };

struct options {
    const char *config;
    const char *event;   /* NULL: all */
    uint64_t at_ms, seq; /* UINT64_MAX: to the end */
    bool seats;
};

struct replay {
    struct options options;
    struct engine *engine;
    struct store_head head; /* of the last applied change, and of its row */
    uint64_t last_ms;
    uint64_t kinds[CHANGE_KIND_COUNT];
};

static int apply(void *ctx, const struct change *change, const struct store_row *row,
                 struct err_slot *err)
{
    struct replay *replay = ctx;
    if (change->seq > replay->options.seq || change->at_ms > replay->options.at_ms)
        return 0; /* checks the rest of the chain without applying it */
    int rc = engine_apply(replay->engine, change, err);
    if (rc < 0)
        return rc;
    replay->head.seq = change->seq;
    replay->head.epoch = row->epoch;
    memcpy(replay->head.chain.bytes, row->chain.ptr, CHAIN_BYTES);
    replay->last_ms = change->at_ms;
    replay->kinds[change->kind] += 1;
    return 0;
}

static void put_seats(struct text *text, const struct plan *plan, const struct engine *engine)
{
    static const char *const names[] = {"free", "held", "sold", "blocked"};
    json_member_open(text, "seats", '{');
    for (uint32_t i = 0; i < plan_seat_count(plan); i++) {
        struct engine_seat seat = engine_seat(engine, i);
        if (seat.state == ENGINE_FREE)
            continue;
        json_str(text, plan_seat(plan, i).guid); /* a key that needs escaping */
        text_char(text, ':');
        text->comma = false;
        json_open(text, '{');
        json_member_cstr(text, "state", names[seat.state]);
        if (seat.hold != 0) {
            char hold[24];
            snprintf(hold, sizeof(hold), "%016" PRIx64, seat.hold);
            json_member_cstr(text, "hold", hold);
        }
        json_close(text, '}');
    }
    json_close(text, '}');
}

static void put_state(struct text *text, const struct replay *replay, const char *id,
                      const struct shown_plan *plan, uint64_t rows)
{
    char chain[2 * CHAIN_BYTES + 1];
    for (unsigned i = 0; i < CHAIN_BYTES; i++)
        snprintf(chain + 2 * (size_t)i, 3, "%02x", replay->head.chain.bytes[i]);
    struct render_event shown = {span_of(id), plan->plan, plan->hash, replay->engine,
                                 replay->last_ms};
    json_open(text, '{');
    json_member_cstr(text, "event", id);
    json_member_u64(text, "seq", replay->head.seq);
    json_member_u64(text, "epoch", replay->head.epoch);
    json_member_time(text, "at", replay->last_ms);
    json_member_cstr(text, "chain", chain);
    json_member_u64(text, "rows_checked", rows);
    char hash[24];
    snprintf(hash, sizeof(hash), "%016" PRIx64, engine_state_hash(replay->engine));
    json_member_cstr(text, "state_hash", hash);
    json_member_open(text, "changes", '{');
    for (unsigned kind = 1; kind < CHANGE_KIND_COUNT; kind++)
        json_member_u64(text, change_kind_name(kind), replay->kinds[kind]);
    json_close(text, '}');
    engine_publish(replay->engine, replay->head.seq, NULL, NULL);
    render_counts(text, &shown);
    if (replay->options.seats)
        put_seats(text, plan->plan, replay->engine);
    json_close(text, '}');
    text_char(text, '\n');
}

static int print_state(const struct replay *replay, const char *id, const struct shown_plan *plan,
                       uint64_t rows, struct err_slot *err)
{
    for (size_t cap = 256 * 1024;; cap *= 2) {
        char *memory = malloc(cap);
        if (memory == NULL)
            return err_set(err, ERR_NOMEM, "%zu bytes to print", cap);
        struct text text = text_on(memory, cap);
        put_state(&text, replay, id, plan, rows);
        if (!text.overflown)
            fwrite(text.ptr, 1, text.len, stdout);
        free(memory);
        if (!text.overflown)
            return 0;
    }
}

static int replay_event(struct pg *pg, const struct store_event *event,
                        const struct options *options, struct err_slot *err)
{
    struct store_document document;
    struct shown_plan *plan = NULL;
    struct replay replay = {.options = *options};
    int rc = store_document(pg, event->no, options->seq > 0 ? options->seq : 1, err, &document);
    while (rc == 0 && document.since > 1 && document.at_ms > options->at_ms) {
        free(document.body); /* a correction after that time */
        rc = store_document(pg, event->no, document.since - 1, err, &document);
    }
    if (rc < 0)
        return rc;
    rc = shown_plan_create((struct span){document.body, document.len}, err, &plan);
    free(document.body);
    if (rc < 0)
        return rc;
    struct engine_conf conf = {.plan = plan->plan,
                               .seed = 1,
                               .now_ms = 1,
                               .since = document.since,
                               .base = document.base,
                               .places = document.places};
    rc = engine_create(&conf, err, &replay.engine);
    if (rc == 0)
        engine_replay_begin(replay.engine);
    struct follower follower;
    follower_init(&follower, event->no, event->id);
    replay.head = follower.head;
    follower.apply = apply;
    follower.ctx = &replay;
    if (rc == 0)
        rc = follower_read(&follower, pg, err);
    if (rc == 0)
        engine_replay_end(replay.engine);
    if (rc == 0)
        rc = print_state(&replay, event->id, plan, follower.head.seq, err);
    engine_destroy(replay.engine);
    shown_plan_destroy(plan);
    return rc;
}

static int replay_all(const char *conninfo, const struct options *options, struct err_slot *err)
{
    struct pg_conf conf = {conninfo, "fairgate seat-service replay", MIGRATE_SCHEMA,
                           JOURNAL_CONNECT_MS, AUDITOR_ANSWER_MS};
    struct store_event events[EVENTS_MAX];
    struct store_changes all = {0};
    struct pg *pg;
    uint32_t len = 0, done = 0;
    int rc = pg_open(&conf, err, &pg);
    if (rc < 0)
        return rc;
    do {
        rc = store_events_changed(pg, &all, events, EVENTS_MAX, err, &len);
        for (uint32_t i = 0; rc == 0 && i < len; i++) {
            if (options->event != NULL && strcmp(options->event, events[i].id) != 0)
                continue;
            rc = replay_event(pg, &events[i], options, err);
            done += 1;
        }
    } while (rc == 0 && len == EVENTS_MAX && (options->event == NULL || done == 0));
    if (rc == 0 && done == 0 && options->event != NULL)
        rc = err_set(err, ERR_NOT_FOUND, "there is no event %s", options->event);
    pg_close(pg);
    return rc;
}

static const char usage[] =
    "seat-service replay --config FILE [--event E] [--at TIME | --seq N] [--seats]\n";

static bool read_options(int argc, char **argv, struct options *options)
{
    *options = (struct options){.at_ms = UINT64_MAX, .seq = UINT64_MAX};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seats") == 0) {
            options->seats = true;
            continue;
        }
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (value == NULL)
            return false;
        if (strcmp(argv[i], "--config") == 0)
            options->config = value;
        else if (strcmp(argv[i], "--event") == 0)
            options->event = value;
        else if (strcmp(argv[i], "--at") == 0 && rfc3339_parse(span_of(value), &options->at_ms))
            ;
        else if (strcmp(argv[i], "--seq") == 0 &&
                 span_u64(span_of(value), INT64_MAX, &options->seq))
            ;
        else
            return false;
        i += 1;
    }
    return options->config != NULL;
}

/* Reads only [postgres] conninfo: replay must work even if other settings are invalid. */
static int read_conninfo(const char *path, char out[CONFIG_STRING_MAX], struct err_slot *err)
{
    char line[CONFIG_STRING_MAX + 64], value[CONFIG_STRING_MAX];
    bool ours = false, found = false;
    const char *environment = getenv("FAIRGATE_POSTGRES_CONNINFO");
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return err_set(err, ERR_IO, "%s cannot be opened", path);
    while (!found && fgets(line, sizeof(line), file) != NULL) {
        if (line[0] == '[')
            ours = strncmp(line, "[postgres]", 10) == 0;
        found = ours && (sscanf(line, " conninfo = \"%1023[^\"]\"", value) == 1 ||
                         sscanf(line, " conninfo = %1023[^\n]", value) == 1);
    }
    fclose(file);
    if (environment == NULL && !found)
        return err_set(err, ERR_NOT_FOUND, "%s: [postgres] conninfo is missing", path);
    snprintf(out, CONFIG_STRING_MAX, "%s", environment != NULL ? environment : value);
    return 0;
}

int replay_main(int argc, char **argv)
{
    struct options options;
    struct err_slot err = {0};
    char conninfo[CONFIG_STRING_MAX];
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return EXIT_GOOD;
    }
    if (!read_options(argc, argv, &options)) {
        fputs(usage, stderr);
        return EXIT_WRONG;
    }
    int rc = read_conninfo(options.config, conninfo, &err);
    if (rc == 0)
        rc = replay_all(conninfo, &options, &err);
    if (rc == 0)
        return EXIT_GOOD;
    fprintf(stderr, "seat-service replay: %s\n", err.text);
    return EXIT_FAILED;
}

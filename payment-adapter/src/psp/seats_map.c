/* seats_map.c: a table of addresses by event, read as a whole from GET /internal/owners.
 *
 * Any process of seat-service returns it. The configured one is asked first; in case it died, those
 * that the map already knows follow one by one. A wrong entry is not removed: the process there
 * says so, or nobody answers, and the next reading corrects it. Events fall asleep and others wake,
 * so a full map forgets the event that no reading has had for longest. */
#include "psp/seats_map.h"

#include "base/json_in.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PLACES_MAX = 256, /* events: as many as seat-service has in a list */
    ADDRESS_MAX = 256,
    ID_MAX = 65,
    /* A repeated call has to end before its saga's lease does. Its time adds up from the first call
     * until it was misled, these readings, and its own timeout. */
    MISLED_US = 2500 * 1000,
    READ_MS = 500, /* per process */
    ASKED_MAX = 3,
    REPLY_MAX = PLACES_MAX * 1024,
};

struct place {
    char event[ID_MAX];
    char address[2][ADDRESS_MAX]; /* HOST:PORT by listener */
    uint64_t reading;             /* the last one that had it */
};

struct seats_map {
    struct seats_map_conf conf;
    struct place places[PLACES_MAX];
    uint32_t len;
    uint64_t readings;
};

static struct place *find(const struct seats_map *map, struct span event)
{
    for (uint32_t i = 0; i < map->len; i++)
        if (span_eq(span_of(map->places[i].event), event))
            return (struct place *)(uintptr_t)&map->places[i];
    return NULL;
}

void seats_map_put(const struct seats_map *map, enum seats_listener listener, struct span event,
                   struct text *url)
{
    const struct place *place = find(map, event);
    if (place != NULL)
        text_printf(url, "http://%s", place->address[listener]);
    else
        text_str(url, listener == SEATS_OPEN ? map->conf.url : map->conf.internal_url);
}

/* The process owns nothing: it follows, has another name, or its clock is wrong. If memory is too
 * short to parse the answer, it counts as any other 503, and the step is retried. */
static bool owns_nothing(const struct outcall_answer *answer)
{
    json_t *body;
    (void)json_in_read(answer->body, &body);
    const char *code = json_string_value(json_object_get(body, "code"));
    bool says =
        code != NULL && (strcmp(code, "standby") == 0 || strcmp(code, "instance-taken") == 0 ||
                         strcmp(code, "clock-apart") == 0);
    json_decref(body);
    return says;
}

/* ---- reading it ---- */

struct reading {
    struct seats_map *map;
    char event[ID_MAX];
    struct place before; /* the event's previous place */
    bool was_known;
    uint32_t asked; /* processes asked so far */
    void (*on_read)(void *ctx, bool found);
    void *ctx;
};

static struct place *room(struct seats_map *map)
{
    struct place *oldest = &map->places[0];
    if (map->len < PLACES_MAX)
        return &map->places[map->len++];
    for (uint32_t i = 1; i < PLACES_MAX; i++)
        if (map->places[i].reading < oldest->reading)
            oldest = &map->places[i];
    return oldest;
}

static void learn(struct seats_map *map, const json_t *row)
{
    const char *event = json_string_value(json_object_get(row, "event"));
    const char *address = json_string_value(json_object_get(row, "address"));
    const char *within = json_string_value(json_object_get(row, "private_address"));
    struct place place = {.reading = map->readings};
    if (event == NULL || address == NULL || within == NULL || *address == '\0' || *within == '\0')
        return;
    if (!span_to_cstr(span_of(event), place.event, sizeof(place.event)) ||
        !span_to_cstr(span_of(address), place.address[SEATS_OPEN], ADDRESS_MAX) ||
        !span_to_cstr(span_of(within), place.address[SEATS_PRIVATE], ADDRESS_MAX))
        return;
    struct place *known = find(map, span_of(event));
    if (known == NULL)
        known = room(map);
    *known = place;
}

static bool has_moved(const struct reading *reading)
{
    const struct place *place = find(reading->map, span_of(reading->event));
    return place != NULL &&
           (!reading->was_known ||
            strcmp(place->address[SEATS_PRIVATE], reading->before.address[SEATS_PRIVATE]) != 0);
}

static void end_reading(struct reading *reading, bool found)
{
    if (reading->on_read != NULL)
        reading->on_read(reading->ctx, found);
    free(reading);
}

static bool ask_next(struct reading *reading);

static void on_owners(void *ctx, const struct outcall_answer *answer)
{
    struct reading *reading = ctx;
    json_t *body = NULL;
    if (answer->rc == 0 && answer->status == 200)
        (void)json_in_read(answer->body, &body); /* if that fails, the next is asked */
    const json_t *events = json_object_get(body, "events"), *row;
    size_t i;
    reading->map->readings++;
    if (json_array_size(events) > 0) /* so the process has found PostgreSQL, and its time */
        seats_clock_read(reading->map->conf.clock, answer);
    json_array_foreach(events, i, row) learn(reading->map, row);
    json_decref(body);
    if (answer->rc == ERR_CLOSED)
        end_reading(reading, false);
    else if (events != NULL || !ask_next(reading))
        end_reading(reading, has_moved(reading));
}

/* The configured address, then the known ones, each once. */
static bool next_address(const struct seats_map *map, uint32_t nth, char out[ADDRESS_MAX + 8])
{
    for (uint32_t i = 0; i < map->len; i++) {
        const char *address = map->places[i].address[SEATS_PRIVATE];
        bool again = false;
        for (uint32_t k = 0; k < i; k++)
            again = again || strcmp(map->places[k].address[SEATS_PRIVATE], address) == 0;
        if (again || --nth > 0)
            continue;
        snprintf(out, ADDRESS_MAX + 8, "http://%s", address);
        return true;
    }
    return false;
}

static bool ask_next(struct reading *reading)
{
    struct seats_map *map = reading->map;
    char known[ADDRESS_MAX + 8], memory[1280], auth[320];
    const char *begin = map->conf.internal_url;
    if (reading->asked == ASKED_MAX)
        return false;
    if (reading->asked > 0) {
        if (!next_address(map, reading->asked, known))
            return false;
        begin = known;
    }
    reading->asked += 1;
    snprintf(memory, sizeof(memory), "%s/internal/owners", begin);
    snprintf(auth, sizeof(auth), "Authorization: Bearer %s", map->conf.service_token);
    struct outcall call = {.url = memory,
                           .headers = {auth},
                           .timeout_ms = READ_MS,
                           .reply_max = REPLY_MAX,
                           .on_done = on_owners,
                           .ctx = reading};
    outcall_send(map->conf.outcalls, &call);
    return true;
}

void seats_map_read(struct seats_map *map, struct span event,
                    void (*on_read)(void *ctx, bool found), void *ctx)
{
    struct reading *reading = calloc(1, sizeof(*reading));
    if (reading == NULL || !span_to_cstr(event, reading->event, sizeof(reading->event))) {
        free(reading);
        if (on_read != NULL)
            on_read(ctx, false);
        return;
    }
    const struct place *place = find(map, event);
    reading->map = map;
    reading->was_known = place != NULL;
    if (place != NULL)
        reading->before = *place;
    reading->on_read = on_read;
    reading->ctx = ctx;
    (void)ask_next(reading); /* the first is the configured one */
}

bool seats_map_misled(struct seats_map *map, struct span event, const struct outcall_answer *answer)
{
    seats_clock_read(map->conf.clock, answer);
    bool nobody = (answer->rc == ERR_PEER || answer->rc == ERR_TIMEOUT) && map->len > 0;
    bool wrong = answer->rc == 0 &&
                 (answer->status == 421 || (answer->status == 503 && owns_nothing(answer)));
    if (!nobody && !wrong)
        return false;
    if (answer->rc != ERR_TIMEOUT && answer->took_us < MISLED_US)
        return true;
    seats_map_read(map, event, NULL, NULL);
    return false;
}

int seats_map_create(const struct seats_map_conf *conf, struct err_slot *err,
                     struct seats_map **out)
{
    struct seats_map *map = calloc(1, sizeof(*map));
    if (map == NULL)
        return err_set(err, ERR_NOMEM, "the map of seats");
    map->conf = *conf;
    *out = map;
    return 0;
}

void seats_map_destroy(struct seats_map *map)
{
    free(map);
}

/* hall.c: a hall's plan in as little memory as possible.
 *
 * Ids and rows are arrays in the plan's order, and a seat is its index. All visitors of a process
 * share one plan: with a copy for each of a hundred thousand visitors, the run would be limited by
 * the crowd's memory instead of the service. */
#include "visitor/hall.h"

#include "base/json_in.h"

#include <stdlib.h>
#include <string.h>

struct hall {
    uint32_t len, cap;
    char **id;
    uint32_t *row; /* rows are numbered; a row's seats are contiguous; 0: reserved */
};

static int seat_add(struct hall *hall, const char *id, uint32_t row)
{
    if (hall->len == hall->cap) {
        uint32_t cap = hall->cap == 0 ? 4096 : hall->cap * 2;
        char **ids = realloc(hall->id, cap * sizeof(*ids));
        uint32_t *rows = realloc(hall->row, cap * sizeof(*rows));
        hall->id = ids != NULL ? ids : hall->id;
        hall->row = rows != NULL ? rows : hall->row;
        if (ids == NULL || rows == NULL)
            return ERR_NOMEM;
        hall->cap = cap;
    }
    hall->id[hall->len] = strdup(id);
    hall->row[hall->len] = row;
    if (hall->id[hall->len] == NULL)
        return ERR_NOMEM;
    hall->len++;
    return 0;
}

/* Whether the seat is reserved for a fan club, the organiser, wheelchair users or companions. The
 * map shows such seats, and other visitors do not choose them. */
static bool kept_for_some(const json_t *seat)
{
    size_t i;
    json_t *flag;
    json_array_foreach(json_object_get(seat, "flags"), i, flag)
    {
        const char *name = json_string_value(flag);
        if (name != NULL && (strcmp(name, "accessible") == 0 || strcmp(name, "companion") == 0))
            return true;
    }
    return json_object_get(seat, "channel") != NULL;
}

static int rows_read(struct hall *hall, const json_t *plan)
{
    uint32_t row_number = 0;
    size_t z, r, s;
    json_t *zone, *row, *seat;
    json_array_foreach(json_object_get(plan, "zones"), z, zone)
    {
        json_array_foreach(json_object_get(zone, "rows"), r, row)
        {
            row_number++;
            json_array_foreach(json_object_get(row, "seats"), s, seat)
            {
                const char *id = json_string_value(json_object_get(seat, "id"));
                if (id == NULL)
                    return ERR_SYNTAX;
                int rc = seat_add(hall, id, kept_for_some(seat) ? 0 : row_number);
                if (rc < 0)
                    return rc;
            }
        }
    }
    return 0;
}

int hall_parse(struct span plan, struct err_slot *err, struct hall **out)
{
    json_t *json;
    if (json_in_parse(plan, err, &json) < 0)
        return err_wrap(err, "the plan");
    struct hall *hall = calloc(1, sizeof(*hall));
    int rc = hall != NULL ? rows_read(hall, json) : ERR_NOMEM;
    json_decref(json);
    if (rc == ERR_NOMEM) {
        hall_destroy(hall);
        return err_set(err, ERR_NOMEM, "no memory for the plan");
    }
    if (rc < 0 || hall->len == 0) { /* a hall with only areas offers no seats to choose */
        hall_destroy(hall);
        return err_set(err, ERR_SYNTAX, "the plan has no seats that can be read");
    }
    *out = hall;
    return 0;
}

void hall_destroy(struct hall *hall)
{
    if (hall == NULL)
        return;
    for (uint32_t i = 0; i < hall->len; i++)
        free(hall->id[i]);
    free(hall->id);
    free(hall->row);
    free(hall);
}

const char *hall_seat_id(const struct hall *hall, uint32_t seat)
{
    return hall->id[seat];
}

static unsigned state_of(struct span states, uint32_t seat)
{
    return (unsigned)(unsigned char)states.ptr[seat / 4] >> (2 * (seat % 4)) & 3u;
}

bool hall_choose(const struct hall *hall, struct span states, uint32_t want, const struct rng *rng,
                 uint32_t *seats)
{
    if (states.len * 4 < hall->len)
        return false;
    /* The smaller of two random starts: seats at the front are wanted most. */
    uint64_t a = rng_below(rng, hall->len), b = rng_below(rng, hall->len);
    uint32_t start = (uint32_t)(a < b ? a : b), run = 0;
    for (uint32_t step = 0; step < hall->len + want; step++) { /* a run may lie across the start */
        uint32_t seat = (start + step) % hall->len;
        bool goes_on = run > 0 && seat > 0 && hall->row[seat] == hall->row[seat - 1];
        bool taken = state_of(states, seat) != 0 || hall->row[seat] == 0;
        run = taken ? 0 : goes_on ? run + 1 : 1;
        if (run == want) {
            for (uint32_t i = 0; i < want; i++)
                seats[i] = seat - want + 1 + i;
            return true;
        }
    }
    return false;
}

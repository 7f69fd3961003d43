#include "test_hall.h"

#include "base/rng.h"
#include "one_change.h"
#include "unit.h"

#include <assert.h>
#include <ctype.h>

struct making {
    struct plan_draft draft;
    uint32_t seats_max;
    struct plan_draft_seat *seats;
    uint8_t run_flags[4096];
    struct plan_category categories[PLAN_CATEGORIES_MAX];
    struct plan_channel channels[PLAN_CHANNELS_MAX];
    char (*guids)[16];
};

static uint32_t nearest_accessible(const struct plan_draft_seat *seats, uint32_t from, uint32_t to,
                                   uint32_t seat)
{
    uint32_t best = UINT32_MAX;
    for (uint32_t i = from; i < to; i++)
        if ((seats[i].flags & PLAN_SEAT_ACCESSIBLE) &&
            (best == UINT32_MAX || abs((int)i - (int)seat) < abs((int)best - (int)seat)))
            best = i;
    return best;
}

static void add_seat(struct making *making, char c, uint32_t run, uint32_t pos, float x, float y)
{
    uint32_t i = making->draft.seat_count++;
    assert(i < making->seats_max);
    snprintf(making->guids[i], sizeof(making->guids[i]), "s%u", i);
    struct plan_draft_seat *seat = &making->seats[i];
    *seat = (struct plan_draft_seat){.guid = span_of(making->guids[i]),
                                     .number = span_of(making->guids[i]),
                                     .row_label = SPAN("r"),
                                     .zone = SPAN("z"),
                                     .x = x,
                                     .y = y,
                                     .run = run,
                                     .pos = pos,
                                     .companion = UINT32_MAX};
    if (isalpha((unsigned char)c))
        seat->category = (uint8_t)(tolower((unsigned char)c) - 'a');
    if (isupper((unsigned char)c))
        seat->flags = PLAN_SEAT_ACCESSIBLE;
    if (c == '+')
        seat->flags = PLAN_SEAT_COMPANION;
    if (isdigit((unsigned char)c))
        seat->channel = (uint8_t)(c - '1');
    if (seat->category >= making->draft.category_count)
        making->draft.category_count = seat->category + 1u;
    if (seat->channel >= making->draft.channel_count)
        making->draft.channel_count = seat->channel + 1u;
}

static void add_row(struct making *making, const char *row, float y)
{
    uint8_t flags = 0;
    if (*row == '=')
        flags = PLAN_RUN_WHOLE | PLAN_RUN_TABLE;
    if (*row == '~')
        flags = PLAN_RUN_TABLE;
    if (flags != 0)
        row++;
    uint32_t from = making->draft.seat_count, pos = 0;
    float left = -(float)strlen(row) / 2;
    for (const char *c = row; *c != '\0'; c++) {
        if (*c == '_') {
            pos = 0;
            continue;
        }
        if (pos == 0)
            making->run_flags[making->draft.run_count++] = flags;
        add_seat(making, *c, making->draft.run_count - 1, pos++, left + (float)(c - row), y);
    }
    for (uint32_t i = from; i < making->draft.seat_count; i++)
        if (making->seats[i].flags & PLAN_SEAT_COMPANION)
            making->seats[i].companion =
                nearest_accessible(making->seats, from, making->draft.seat_count, i);
}

/* Seats within a run swap their numbers and keep their places. */
static void shuffle(struct making *making, uint64_t seed)
{
    struct plan_draft_seat *seats = making->seats;
    uint32_t *now = calloc(making->seats_max, sizeof(*now)); /* new number by old number */
    struct rng_seeded rng;
    rng_seeded_init(&rng, seed);
    for (uint32_t i = 0, first = 0; i < making->draft.seat_count; i++) {
        first = seats[i].run != seats[first].run ? i : first;
        uint32_t other = first + (uint32_t)rng_below(&rng.rng, i - first + 1);
        struct plan_draft_seat seat = seats[i];
        seats[i] = seats[other];
        seats[other] = seat;
    }
    for (uint32_t i = 0; i < making->draft.seat_count; i++)
        now[strtoul(seats[i].guid.ptr + 1, NULL, 10)] = i;
    for (uint32_t i = 0; i < making->draft.seat_count; i++)
        if (seats[i].companion != UINT32_MAX)
            seats[i].companion = now[seats[i].companion];
    free(now);
}

static void turn(float *x, float *y)
{
    float was = *x;
    *x = -*y;
    *y = was;
}

static struct plan *finish(struct making *making, const struct test_hall *hall)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    struct plan_draft *draft = &making->draft;
    struct plan_area area = {.id = SPAN("floor"), .name = SPAN("Floor")};
    if (draft->category_count == 0)
        draft->category_count = 1;
    if (hall->area_capacity > 0) {
        area.category = (uint8_t)draft->category_count++;
        area.capacity = hall->area_capacity;
        area.channel = hall->area_channel;
        draft->areas = &area;
        draft->area_count = 1;
    }
    for (uint32_t i = 0; i < draft->category_count; i++)
        making->categories[i] =
            (struct plan_category){.name = span_of(names[i]), .price = 1000 * (i + 1)};
    draft->categories = hall->categories != NULL ? hall->categories : making->categories;
    for (uint32_t i = 0; i < draft->channel_count; i++)
        making->channels[i] =
            (struct plan_channel){.id = span_of(names[i]), .name = span_of(names[i])};
    draft->channels = hall->channels != NULL ? hall->channels : making->channels;
    if (hall->channels != NULL)
        draft->channel_count = hall->channel_count;
    draft->name = SPAN("Test");
    draft->currency = SPAN("KRW");
    draft->limits = hall->limits;
    draft->charges = hall->charges;
    draft->seats = making->seats;
    draft->run_flags = making->run_flags;
    draft->focal_y = -1;
    if (hall->shuffled != 0)
        shuffle(making, hall->shuffled);
    for (unsigned i = 0; i < hall->turns; i++) {
        turn(&draft->focal_x, &draft->focal_y);
        for (uint32_t seat = 0; seat < draft->seat_count; seat++)
            turn(&making->seats[seat].x, &making->seats[seat].y);
    }
    const float apart = hall->apart != 0 ? hall->apart : 1;
    draft->focal_x *= apart;
    draft->focal_y *= apart;
    for (uint32_t seat = 0; seat < draft->seat_count; seat++) {
        making->seats[seat].x *= apart;
        making->seats[seat].y *= apart;
    }
    if (hall->hash != NULL)
        memcpy(draft->hash, hall->hash, sizeof(draft->hash));
    struct plan *plan;
    int rc = plan_create(draft, NULL, &plan);
    assert_int_equal(rc, 0);
    free(making->guids);
    free(making->seats);
    free(making);
    return plan;
}

struct plan *test_hall_plan(const struct test_hall *hall)
{
    struct making *making = calloc(1, sizeof(*making));
    assert_non_null(making);
    for (uint32_t i = 0; hall->rows[i] != NULL; i++)
        making->seats_max += (uint32_t)strlen(hall->rows[i]);
    /* Exactly the room that is needed: some tests create thousands of halls, and a sanitizer marks
     * all of the memory each time. */
    making->seats = calloc(making->seats_max + 1, sizeof(*making->seats));
    making->guids = calloc(making->seats_max + 1, sizeof(*making->guids));
    for (uint32_t i = 0; hall->rows[i] != NULL; i++)
        add_row(making, hall->rows[i], (float)i);
    return finish(making, hall);
}

struct plan *test_hall_block(uint32_t rows, uint32_t seats, struct plan_limits limits,
                             uint32_t area_capacity)
{
    const char **drawn = calloc(rows + 1, sizeof(*drawn));
    char row[PLAN_ROW_SEATS_MAX + 1] = "";
    assert(seats <= PLAN_ROW_SEATS_MAX);
    memset(row, 'a', seats);
    for (uint32_t i = 0; i < rows; i++)
        drawn[i] = row;
    struct plan *plan = test_hall_plan(
        &(struct test_hall){.rows = drawn, .limits = limits, .area_capacity = area_capacity});
    free(drawn);
    return plan;
}

struct engine *test_hall_engine(const struct plan *plan)
{
    return test_hall_engine_late(plan, 0);
}

struct engine *test_hall_engine_late(const struct plan *plan, uint32_t late_max)
{
    struct engine *engine;
    struct engine_conf conf = {
        .plan = plan, .seed = 7, .now_ms = TEST_NOW_MS, .late_max = late_max};
    int rc = engine_create(&conf, NULL, &engine);
    assert_int_equal(rc, 0);
    return engine;
}

struct plan_limits test_limits(void)
{
    return (struct plan_limits){.max_per_hold = 8, .hold_ttl_ms = 480000, .hold_max_ms = 900000};
}

struct engine_who test_who(uint64_t buyer)
{
    return (struct engine_who){.buyer = buyer, .session = buyer, .channels = 1};
}

struct engine_ask test_ask_seats(uint64_t buyer, const uint32_t *seats, uint32_t count)
{
    return (struct engine_ask){
        .who = test_who(buyer), .seats = seats, .seat_count = count, .area = ENGINE_AREA_NONE};
}

struct engine_ask test_ask_area(uint64_t buyer, uint32_t quantity)
{
    return (struct engine_ask){.who = test_who(buyer), .area = 0, .quantity = quantity};
}

struct engine_ask test_ask_best(uint64_t buyer, uint8_t category, uint32_t quantity, bool adjacent)
{
    return (struct engine_ask){.who = test_who(buyer),
                               .area = ENGINE_AREA_NONE,
                               .best = true,
                               .adjacent = adjacent,
                               .category = category,
                               .quantity = quantity};
}

uint64_t test_hold(struct engine *engine, uint64_t buyer, const uint32_t *seats, uint32_t count)
{
    struct engine_op op;
    struct engine_ask ask = test_ask_seats(buyer, seats, count);
    enum engine_verdict verdict = engine_hold(engine, &ask, TEST_NOW_MS, &op);
    assert_string_equal(engine_verdict_name(verdict), "ok");
    engine_settle(engine, &op);
    return op.change.hold;
}

struct test_bytes test_snapshot(const struct engine *engine)
{
    size_t room = engine_snapshot_size(engine);
    struct test_bytes bytes = {.at = malloc(room)};
    bytes.len = engine_snapshot_write(engine, bytes.at, room);
    return bytes;
}

struct engine *test_snapshot_read(const struct plan *plan, uint32_t late_max,
                                  struct test_bytes bytes)
{
    struct engine *engine = test_hall_engine_late(plan, late_max);
    struct err_slot err = {.text = ""};
    engine_replay_begin(engine);
    int rc = engine_snapshot_read(engine, bytes.at, bytes.len, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(rc, 0);
    return engine;
}

void test_apply(struct engine *engine, const uint8_t *bytes, size_t len)
{
    struct change change;
    struct err_slot err = {.text = ""};
    int rc = change_decode(bytes, len, &err, &change);
    if (rc == 0)
        rc = engine_apply(engine, &change, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(rc, 0);
}

uint64_t test_publish(struct engine *engine)
{
    return engine_publish(engine, engine_avail_version(engine) + 1, NULL, NULL);
}

const char *test_states(const struct engine *engine, uint32_t count, char *out)
{
    for (uint32_t i = 0; i < count; i++)
        out[i] = ".hs#"[engine_seat(engine, i).state];
    out[count] = '\0';
    return out;
}

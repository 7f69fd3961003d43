/* engine_revise.c: compares two plans by everything the journal names: indices of seats, areas,
 * categories. New ones must come after the existing ones.
 *
 * All of these stay, so a replay of the whole journal under the newest plan gives the same state.
 * Places taken under a larger capacity are replayed without a limit (engine->fits). */
#include "core/engine/engine_revise.h"

#include "core/engine/engine_internal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#define TEXT(SPAN) (int)(SPAN).len, (SPAN).ptr

__attribute__((format(printf, 3, 4))) static void add(struct engine_clashes *out, struct span path,
                                                      const char *format, ...)
{
    va_list args;
    assert(path.len > 0);
    assert(out->len <= ENGINE_CLASHES_MAX);
    if (out->len == ENGINE_CLASHES_MAX)
        return;
    struct engine_clash *clash = &out->list[out->len++];
    bool fits = span_to_cstr(path, clash->path, sizeof(clash->path));
    assert(fits);
    va_start(args, format);
    vsnprintf(clash->why, sizeof(clash->why), format, args);
    va_end(args);
}

/* Stops at the first difference: after it all numbers are shifted. */
static void compare_categories(const struct plan *was, const struct plan *next,
                               struct engine_clashes *out)
{
    if (plan_category_count(next) < plan_category_count(was)) {
        add(out, SPAN("/categories"), "must not be fewer than %u",
            (unsigned)plan_category_count(was));
        return;
    }
    assert(plan_category_count(was) <= PLAN_CATEGORIES_MAX);
    for (uint32_t i = 0; i < plan_category_count(was); i++) {
        const struct plan_category *a = plan_category(was, i), *b = plan_category(next, i);
        char path[sizeof(out->list->path)];
        snprintf(path, sizeof(path), "/categories/%u", (unsigned)i);
        if (!span_eq(a->name, b->name)) {
            add(out, span_of(path), "must stay %.*s", TEXT(a->name));
            return;
        }
        snprintf(path, sizeof(path), "/categories/%u/price", (unsigned)i);
        if (a->price != b->price)
            add(out, span_of(path), "must stay; POST price changes it");
    }
}

static void compare_areas(const struct engine *engine, const struct plan *next,
                          struct engine_clashes *out)
{
    const struct plan *was = engine->plan;
    if (plan_area_count(next) < plan_area_count(was)) {
        add(out, SPAN("/areas"), "must not be fewer than %u", (unsigned)plan_area_count(was));
        return;
    }
    for (uint32_t i = 0; i < plan_area_count(was); i++) {
        const struct plan_area *a = plan_area(was, i), *b = plan_area(next, i);
        char path[sizeof(out->list->path)];
        snprintf(path, sizeof(path), "/areas/%u", (unsigned)i);
        if (!span_eq(a->id, b->id) || a->category != b->category) {
            add(out, span_of(path), "must stay %.*s with its category", TEXT(a->id));
            return;
        }
        snprintf(path, sizeof(path), "/areas/%u/capacity", (unsigned)i);
        struct engine_area now = engine_area(engine, (uint16_t)i);
        if (b->capacity < now.capacity - now.free)
            add(out, span_of(path), "must not fall below %u, which are held, sold or blocked",
                (unsigned)(now.capacity - now.free));
    }
}

/* Returns whether the seat keeps its neighbours, and its run stays sold whole or not. */
static bool same_run(const struct plan_facts *a, const struct plan_facts *b, uint32_t seat)
{
    assert(seat < a->seat_count);
    assert(a->seat_count <= b->seat_count);
    const struct plan_run *was = &a->runs[a->run[seat]], *next = &b->runs[b->run[seat]];
    return a->run[seat] == b->run[seat] && plan_pos_of(a, seat) == plan_pos_of(b, seat) &&
           was->count == next->count && was->flags == next->flags;
}

static void compare_seats(const struct engine *engine, const struct plan *next,
                          struct engine_clashes *out)
{
    const struct plan *was = engine->plan;
    assert(was != next);
    const struct plan_facts *a = plan_facts(was), *b = plan_facts(next);
    const struct span path = SPAN("/plan");
    if (b->seat_count < a->seat_count || b->run_count < a->run_count) {
        add(out, path, "must not be fewer than %u seats in %u rows and tables",
            (unsigned)a->seat_count, (unsigned)a->run_count);
        return;
    }
    for (uint32_t i = 0; i < a->seat_count && out->len < ENGINE_CLASHES_MAX; i++) {
        struct span guid = plan_seat(was, i).guid, other = plan_seat(next, i).guid;
        if (!span_eq(guid, other)) {
            add(out, path, "seat %.*s must stay where seat %.*s is", TEXT(guid), TEXT(other));
            return;
        }
        if (a->category[i] != b->category[i])
            add(out, path, "seat %.*s must keep its category", TEXT(guid));
        if (!same_run(a, b, i))
            add(out, path, "seat %.*s must keep its neighbours", TEXT(guid));
        bool marks = plan_flags_of(a, i) != plan_flags_of(b, i) ||
                     plan_companion_of(was, i) != plan_companion_of(next, i);
        if (marks && engine_seat(engine, i).state != ENGINE_FREE)
            add(out, path, "seat %.*s is not free and must keep its marks", TEXT(guid));
    }
}

/* Has a late hold, or one that is not late? */
static bool is_held(const struct engine *engine, bool late)
{
    bool held = false;
    /* acquire: slots up to here have been given out */
    uint32_t fresh = atomic_load_explicit(&engine->holds.fresh, memory_order_acquire);
    assert(fresh <= engine->holds.max);
    for (uint32_t i = 1; !held && i <= fresh; i++) {
        const struct hold_slot *slot = &engine->holds.slots[i];
        held = hold_state_of(HOLD_GET(slot, word)) != HOLD_UNUSED &&
               (HOLD_GET(slot, status) == HOLD_LATE) == late;
    }
    return held;
}

static bool is_blocked(const struct engine *engine)
{
    bool blocked = false;
    assert(engine->facts == plan_facts(engine->plan));
    for (uint32_t i = 0; i < plan_area_count(engine->plan); i++)
        blocked = blocked || engine_area(engine, (uint16_t)i).blocked > 0;
    for (uint32_t i = 0; !blocked && i < engine->facts->seat_count; i++)
        blocked = engine_seat(engine, i).state == ENGINE_BLOCKED;
    return blocked;
}

bool engine_revise(const struct engine *engine, const struct plan *next, bool *whole,
                   struct engine_clashes *out)
{
    assert(next != NULL);
    out->len = 0;
    const struct plan *was = engine->plan;
    if (!span_eq(plan_currency(was), plan_currency(next)))
        add(out, SPAN("/currency"), "must stay");
    compare_categories(engine->plan, next, out);
    compare_areas(engine, next, out);
    compare_seats(engine, next, out);
    *whole = out->len > 0;
    if (*whole && !is_held(engine, false)) {
        out->len = 0;
        if (is_held(engine, true))
            add(out, SPAN("/"),
                "an order whose time ran out can be paid for two hours; then all of it may change");
        else if (is_blocked(engine))
            add(out, SPAN("/"),
                "what is blocked must be unblocked first, then all of it may change");
    }
    assert(out->len <= ENGINE_CLASHES_MAX);
    return out->len == 0;
}

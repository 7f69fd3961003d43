/* render.h: events, seats and holds as JSON. No decisions are made here. */
#ifndef FG_SEAT_SERVICE_RENDER_H
#define FG_SEAT_SERVICE_RENDER_H

#include "base/err.h"
#include "base/text.h"
#include "core/engine/engine.h"
#include "core/hall/plan.h"

/* Seat by seat, for programs; or row by row (rows.h), for phones. */
enum render_form { RENDER_SEATS, RENDER_ROWS, RENDER_FORMS };

/* The body of GET .../plan, malloced. Seats are in plan order: the n-th seat of the document is the
 * n-th of the availability picture. */
int render_geometry(const struct plan *plan, const char *hash, enum render_form form,
                    struct err_slot *err, char **out, size_t *len);

struct render_event {
    struct span id;
    const struct plan *plan;
    const char *plan_hash;
    const struct engine *engine;
    uint64_t now_ms;
};

/* Each of these writes members of an open object. */
void render_info(struct text *text, const struct render_event *event);
void render_counts(struct text *text, const struct render_event *event); /* categories, areas */
void render_count(struct text *text, uint32_t free, uint32_t held, uint32_t sold, uint32_t blocked);
void render_times(struct text *text, uint64_t now_ms); /* server_time */

/* A hold: name, event, state, seats with labels and prices (places) or an area, total, times. */
void render_hold(struct text *text, const struct render_event *event, const char *name,
                 const struct engine_hold_view *view);
/* adjacent, orphan, last_resort: `flags` of the change that chose the seats. */
void render_choice(struct text *text, unsigned flags);

/* free, held, sold, blocked: each a list of seats by their number in plan order. */
void render_changes(struct text *text, const struct engine_delta *deltas, int count);

/* The price of each category, in the plan's order. */
void render_prices(struct text *text, const struct plan *plan,
                   const uint64_t prices[PLAN_CATEGORIES_MAX]);

/* areas: the free places of each. There are few areas, so all are sent each time. */
void render_areas_free(struct text *text, const struct plan *plan, const struct engine *engine);

/* An array of guids. */
void render_guids(struct text *text, const struct plan *plan, const uint32_t *seats,
                  uint32_t count);

#endif

/* plan.h: a hall and its terms of sale, as checked by the import (plan_import.h).
 *
 * Immutable once made, so any thread may read it. A seat is named by its place in plan order
 * (zones, rows and seats in the order of the document), which is also its place in the
 * availability picture. Rows here are runs: seats that are neighbours, in the order in which people
 * sit; an aisle ends a run. They come from geometry, never from printed numbers. */
#ifndef FG_SEAT_CORE_PLAN_H
#define FG_SEAT_CORE_PLAN_H

#include "base/err.h"
#include "base/span.h"
#include "base/text.h"
#include "core/hall/plan_limits.h"
#include "core/limits.h"
#include "sale/fees.h"
#include "sale/show.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plan;

void plan_destroy(struct plan *plan);

/* The import body again, normalised to the new schema: importing it gives an equal plan, and
 * exporting that the same bytes. Borrowed until plan_destroy(). */
struct span plan_export(const struct plan *plan);

enum { PLAN_HASH_BYTES = 32 };

const uint8_t *plan_hash(const struct plan *plan); /* SHA-256 of the body it was imported from */
/* SHA-256 of the normalised document: equal for documents with the same meaning. */
const uint8_t *plan_content(const struct plan *plan);
struct span plan_name(const struct plan *plan);
struct span plan_currency(const struct plan *plan); /* ISO 4217, three letters */
const struct show *plan_show(const struct plan *plan);

const struct plan_limits *plan_limits(const struct plan *plan);

/* What is added to the prices, and the VAT in the total. */
struct plan_charges {
    struct fees fees;
    uint64_t vat_basis_points; /* 0: not given */
};

const struct plan_charges *plan_charges(const struct plan *plan);

struct plan_category {
    struct span name;
    struct span color;                /* absent if not given */
    uint64_t price;                   /* minor units */
    uint64_t on_sale_ms, off_sale_ms; /* 0: at once, for ever */
    uint32_t seats;                   /* number of seats */
};

uint32_t plan_category_count(const struct plan *plan);
const struct plan_category *plan_category(const struct plan *plan, uint32_t category);
int plan_category_find(const struct plan *plan, struct span name); /* -1: none */

struct plan_area {
    struct span id, name;
    uint8_t category;
    uint8_t channel;
    uint32_t capacity;
};

uint32_t plan_area_count(const struct plan *plan);
const struct plan_area *plan_area(const struct plan *plan, uint32_t area);
int plan_area_find(const struct plan *plan, struct span id);

struct plan_channel {
    struct span id, name;
    struct span code;    /* what the buyer has to enter; absent: the shell decides who may buy */
    uint64_t on_sale_ms; /* 0: as the category; otherwise replaces it (a presale) */
};

uint32_t plan_channel_count(const struct plan *plan); /* at least 1: number 0 is the public */
const struct plan_channel *plan_channel(const struct plan *plan, uint32_t channel);
bool plan_has_codes(const struct plan *plan);      /* there is a channel that a code opens */
bool plan_has_accessible(const struct plan *plan); /* there is an accessible seat */
int plan_channel_by_code(const struct plan *plan, struct span code); /* in constant time; -1 */

struct plan_view {
    struct span zone, address; /* a section's name, and a path on the page's own origin */
};

/* The address of a section's picture of the view; absent if there is none. */
struct span plan_view_of(const struct plan *plan, struct span zone);

enum plan_seat_flag {
    PLAN_SEAT_ACCESSIBLE = 1, /* a wheelchair place, or reserved for those who need it */
    PLAN_SEAT_COMPANION = 2,  /* goes with an accessible seat */
    PLAN_SEAT_RESTRICTED = 4, /* restricted view */
    PLAN_SEAT_AISLE = 8,      /* easy to get to */
};

/* The end of a row at which its label is drawn. */
enum plan_row_ends { PLAN_ROW_START, PLAN_ROW_END, PLAN_ROW_BOTH };

struct plan_seat {
    struct span guid, number, row_label, zone;
    struct span entrance, floor, sight; /* absent if not given */
    struct span label_form;             /* of its label on a ticket; absent if not given */
    enum plan_row_ends row_ends;
    uint8_t category;
    uint8_t channel;
    uint8_t flags;      /* enum plan_seat_flag */
    uint32_t companion; /* the accessible seat it goes with; UINT32_MAX: none */
};

uint32_t plan_seat_count(const struct plan *plan);
struct plan_seat plan_seat(const struct plan *plan, uint32_t seat);
void plan_seat_prefetch(const struct plan *plan, uint32_t seat);
/* "Stuhl %s" with the number in place of the first %s. */
void plan_label_put(struct text *text, struct span form, struct span number);
bool plan_seat_find(const struct plan *plan, struct span guid, uint32_t *seat);

enum plan_run_flag {
    PLAN_RUN_WHOLE = 1, /* a table that is sold whole */
    PLAN_RUN_TABLE = 2, /* no orphan rule: people sit around it */
};

struct plan_run {
    uint32_t base;  /* of its first place in `order`; runs are contiguous */
    uint16_t count; /* 1..PLAN_ROW_SEATS_MAX */
    uint8_t flags;  /* enum plan_run_flag */
};

/* The facts about seats that the engine decides by: plain arrays, by seat. */
struct plan_facts {
    uint32_t seat_count;
    uint32_t run_count;
    const uint16_t *run; /* the seat's run */
    const uint8_t *category;
    const uint8_t *kind; /* channel and flags, four bits each */
    const uint8_t *pos;  /* place in the run; NULL together with order */
    const float *x, *y;  /* read when an engine is created, never by requests */
    const struct plan_run *runs;
    const uint32_t *order; /* order[run.base + pos] = seat; NULL where it is the identity */
};

const struct plan_facts *plan_facts(const struct plan *plan);

static inline uint32_t plan_seat_at(const struct plan_facts *facts, uint32_t run, uint32_t pos)
{
    uint32_t place = facts->runs[run].base + pos;
    return facts->order != NULL ? facts->order[place] : place;
}

static inline uint32_t plan_pos_of(const struct plan_facts *facts, uint32_t seat)
{
    return facts->order != NULL ? facts->pos[seat] : seat - facts->runs[facts->run[seat]].base;
}

static inline uint32_t plan_channel_of(const struct plan_facts *facts, uint32_t seat)
{
    return facts->kind[seat] >> 4;
}

static inline uint8_t plan_flags_of(const struct plan_facts *facts, uint32_t seat)
{
    return facts->kind[seat] & 15;
}

/* The accessible seat that a companion seat goes with; UINT32_MAX: none. */
uint32_t plan_companion_of(const struct plan *plan, uint32_t seat);

/* What is drawn in addition to the seats, as JSON (plan_shape.c); "[]" or empty: nothing. */
struct span plan_shapes(const struct plan *plan);

/* Members of the document that are not used, as JSON: [{"path","why","count"}] by kind; or
 * empty. */
struct span plan_dropped(const struct plan *plan);

/* The point that people look at: seats nearest to it are the best. */
void plan_focal(const struct plan *plan, float *x, float *y);

/* ---- making one: the import, and tests that need a hall without a document ---- */

/* A row of the document that sets its seats' labels, or where its own label is. */
struct plan_row {
    uint32_t first, count; /* seats */
    struct span label_form;
    enum plan_row_ends ends;
};

struct plan_draft_seat {
    struct span guid, number, row_label, zone, entrance, floor, sight;
    float x, y;
    uint8_t category, channel, flags;
    uint32_t companion; /* UINT32_MAX: none */
    uint32_t run;       /* seats of a run have ascending runs in plan order */
    uint32_t pos;       /* place in the run: 0.. without gaps */
};

/* Everything is borrowed while plan_create() copies it. */
struct plan_draft {
    struct span name, currency;
    struct show show;
    struct plan_limits limits;
    struct plan_charges charges;
    float focal_x, focal_y;
    const struct plan_category *categories;
    uint32_t category_count;
    const struct plan_area *areas;
    uint32_t area_count;
    const struct plan_channel *channels;
    uint32_t channel_count; /* 0: only the public */
    const struct plan_view *views;
    uint32_t view_count;
    const struct plan_row *rows; /* in plan order */
    uint32_t row_count;
    const struct plan_draft_seat *seats;
    uint32_t seat_count;
    const uint8_t *run_flags; /* NULL: all 0 */
    uint32_t run_count;
    uint8_t hash[PLAN_HASH_BYTES], content[PLAN_HASH_BYTES];
    struct span text;   /* of plan_export() */
    struct span shapes; /* of plan_shapes() */
    struct span dropped;
};

/* Guids are unique, numbers in range, runs without gaps: asserted, since the import has checked it.
 * ERR_NOMEM. */
int plan_create(const struct plan_draft *draft, struct err_slot *err, struct plan **out);

#endif

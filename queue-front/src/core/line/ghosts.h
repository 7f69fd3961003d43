/* ghosts.h: the places before their call whose visitors have gone: one bit per place, in the pages
 * that Redis keeps. With them each visitor sees exactly how many people are really ahead. */
#ifndef FG_QUEUE_FRONT_CORE_GHOSTS_H
#define FG_QUEUE_FRONT_CORE_GHOSTS_H

#include "base/span.h"
#include "core/line/line_pages.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    GHOSTS_BLOCK_PLACES = 1024, /* counted together, so that a poll counts only one block itself */
    GHOSTS_PAGE_BLOCKS = SEEN_PAGE_PLACES / GHOSTS_BLOCK_PLACES,
};

struct ghosts {
    uint8_t *bits;    /* shown now: ghosts and places given up; layout as in seen.h */
    uint8_t *next;    /* from Redis, to be shown at its time */
    uint32_t *before; /* bits shown before each block */
    uint8_t *owed;    /* a flag per page: Redis may have lost the page shown here */
    uint32_t pages;
    uint32_t owed_len;             /* flags set */
    uint32_t owing[SEEN_SEND_MAX]; /* pages on their way back to Redis */
    uint32_t owing_len;
    uint64_t seq;     /* the newest change that has arrived */
    uint64_t newest;  /* the newest change in Redis */
    uint64_t whole;   /* all changes up to here must arrive before any is shown */
    uint64_t shown;   /* the newest that is shown */
    uint64_t at_ms;   /* when the arrived change may be shown */
    uint64_t judged;  /* places up to here have been judged */
    uint64_t waiting; /* ghosts before their call, without places given up */
    bool known;       /* all were shown once: this front agrees with the others */
};

/* Places that a heal skipped: assumed empty until a visitor shows up with one. */
struct line_gap {
    uint64_t from, upto;
};

void ghosts_deinit(struct ghosts *ghosts);

/* From a tick: the numbers, and when a complete change may be shown. */
struct ghosts_reply {
    uint64_t judged, waiting, seq, at_ms, whole;
};
void ghosts_take(struct ghosts *ghosts, struct ghosts_reply reply, uint64_t redis_ms);
/* Whether a change has not arrived yet. */
bool ghosts_behind(const struct ghosts *ghosts);
/* Takes the bits of a page. False: no memory, and everybody on that page counts as present; so does
 * everybody from SEEN_PAGES_MAX on. */
bool ghosts_take_page(struct ghosts *ghosts, uint64_t page, struct span bits);
/* Redis may have lost the bitmap, so send all pages again and apply the merged result. A page stays
 * shown until it has gone to Redis and come back. */
void ghosts_send_again(struct ghosts *ghosts);

/* Picks at most `limit` pages into `owing`. ghosts_paid() ends the round; pages that did not arrive
 * are picked again. */
uint32_t ghosts_pick_owed(struct ghosts *ghosts, uint32_t limit);
struct span ghosts_shown(const struct ghosts *ghosts, uint32_t page); /* without trailing zeros */
void ghosts_paid(struct ghosts *ghosts, bool arrived);

/* A heal has just skipped these places: they are shown before Redis sends their pages. */
void ghosts_add_gap(struct ghosts *ghosts, struct line_gap gap);

/* Whether this place is shown as empty. */
bool ghosts_has(const struct ghosts *ghosts, uint64_t place);
/* How many of the waiting places before this one are empty. NULL: none known. Never falls as
 * `place` rises, and never exceeds the number of places. */
uint64_t ghosts_before(const struct ghosts *ghosts, uint64_t serving, uint64_t place);
uint64_t ghosts_waiting(const struct ghosts *ghosts); /* in the whole line */

#endif

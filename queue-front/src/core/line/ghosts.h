/* ghosts.h: who of those before their call is not there: a bit for each place, as Redis keeps them
 * by pages; so that everybody can be told how many are really ahead, exactly. */
#ifndef FG_QUEUE_FRONT_CORE_GHOSTS_H
#define FG_QUEUE_FRONT_CORE_GHOSTS_H

#include "core/line/heard.h"

enum {
    GHOSTS_BLOCK_PLACES = 1024, /* counted together, so that a poll counts one block itself */
    GHOSTS_PAGE_BLOCKS = HEARD_PAGE_PLACES / GHOSTS_BLOCK_PLACES,
};

struct ghosts {
    uint8_t *bits;    /* ghosts, and who has left: what is shown; as in heard.h */
    uint8_t *next;    /* what has been told, shown from its time on */
    uint32_t *before; /* bits shown that stand before each block */
    uint8_t *owed;    /* a flag for each page: Redis may have lost what is shown of it */
    uint32_t pages;
    uint32_t owed_len;              /* flags set */
    uint32_t owing[HEARD_SEND_MAX]; /* pages on their way back to Redis */
    uint32_t owing_len;
    uint64_t seq;     /* the newest change that has been told */
    uint64_t told;    /* the newest that there is */
    uint64_t whole;   /* up to here it must be told before any of it is shown */
    uint64_t shown;   /* the newest that is shown */
    uint64_t at_ms;   /* when what is told may be shown */
    uint64_t judged;  /* places up to here have been judged */
    uint64_t waiting; /* ghosts before their call, without those who have left */
    bool known;       /* all have been shown once, so this front tells what the others tell */
};

/* Places that a heal left out: nobody has them, except those who show up. */
struct line_gap {
    uint64_t from, upto;
};

void ghosts_deinit(struct ghosts *ghosts);

/* What a tick tells: the numbers, and of a change that is known in whole whether its time has come.
 */
struct ghosts_told {
    uint64_t judged, waiting, seq, at_ms, whole;
};
void ghosts_take(struct ghosts *ghosts, struct ghosts_told told, uint64_t redis_ms);
/* Is there a change that was not told yet? */
bool ghosts_behind(const struct ghosts *ghosts);
/* The bits of a page; false without memory: then all of it count as there. */
bool ghosts_take_page(struct ghosts *ghosts, uint64_t page, struct span bits);
/* Redis may have lost them: they are told from the beginning, and it is told what is shown here.
 * Until a page has gone there and come back, whatever is shown of it stays. */
void ghosts_tell_again(struct ghosts *ghosts);

/* Picks at most `limit` pages into `owing`; ghosts_paid() ends it: if they did not arrive, they are
 * picked again. */
uint32_t ghosts_pick_owed(struct ghosts *ghosts, uint32_t limit);
struct span ghosts_shown(const struct ghosts *ghosts, uint32_t page); /* without the empty end */
void ghosts_paid(struct ghosts *ghosts, bool arrived);

/* A heal has left these out just now: to be shown before Redis has told their pages. */
void ghosts_add_gap(struct ghosts *ghosts, struct line_gap gap);

/* Is this place shown as away? */
bool ghosts_has(const struct ghosts *ghosts, uint64_t place);
/* Of the waiting places before this one, those that are away. NULL: none are known. Never falls as
 * `place` rises, never more than there are places. */
uint64_t ghosts_before(const struct ghosts *ghosts, uint64_t serving, uint64_t place);
uint64_t ghosts_waiting(const struct ghosts *ghosts); /* in the whole line */

#endif

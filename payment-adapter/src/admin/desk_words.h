/* desk_words.h: what somebody types into the help desk's search: a mail address, a seat, or one
 * word, which may be a number, a ticket's or an order's id, or a member's. */
#ifndef FG_PAY_ADMIN_DESK_WORDS_H
#define FG_PAY_ADMIN_DESK_WORDS_H

#include "base/span.h"

#include <stdbool.h>

enum { DESK_WORDS_MAX = 128 };

struct desk_words {
    char all[DESK_WORDS_MAX];                       /* trimmed */
    bool mail;                                      /* it is an address */
    char row[DESK_WORDS_MAX], seat[DESK_WORDS_MAX]; /* "": it names no seat */
    char zone[2 * DESK_WORDS_MAX];                  /* a pattern for ILIKE; "": of any */
};

/* False: it is too long. "Stalls, row A seat 12", "A12", "스탠딩 A열 12번" name seats. */
bool desk_words_read(struct span typed, struct desk_words *out);

#endif

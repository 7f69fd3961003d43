/* desk_words.h: parses the help desk's search text: a mail address, a seat, or one word, which may
 * be a number or the id of a ticket, an order or a member. */
#ifndef FG_PAY_ADMIN_DESK_WORDS_H
#define FG_PAY_ADMIN_DESK_WORDS_H

#include "base/span.h"

#include <stdbool.h>

enum { DESK_WORDS_MAX = 128 };

struct desk_words {
    char all[DESK_WORDS_MAX];                       /* trimmed */
    bool mail;                                      /* a mail address */
    char row[DESK_WORDS_MAX], seat[DESK_WORDS_MAX]; /* "": not a seat */
    char zone[2 * DESK_WORDS_MAX];                  /* a pattern for ILIKE; "": any */
};

/* False: too long. "Stalls, row A seat 12", "A12", "스탠딩 A열 12번" name seats. */
bool desk_words_read(struct span typed, struct desk_words *out);

#endif

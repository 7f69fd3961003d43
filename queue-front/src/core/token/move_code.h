/* move_code.h: the code that moves a place to another device: twelve letters and digits, read out
 * or typed as ABCD-EFGH-JKMN. Case, spaces and hyphens do not matter; O is 0, I and L are 1. The
 * last letter is a check, so a typing error is detected at once, without a Redis call. */
#ifndef FG_QUEUE_FRONT_CORE_MOVE_CODE_H
#define FG_QUEUE_FRONT_CORE_MOVE_CODE_H

#include "base/text.h"
#include "core/token/ticket.h"

enum {
    MOVE_CODE_LEN = 12,
    MOVE_CODE_TEXT_LEN = MOVE_CODE_LEN + 2, /* with hyphens */
    /* A code is valid for the rest of one window and all of the next: ten to twenty minutes. */
    MOVE_WINDOW_S = 600,
};

/* The code of a place in this window. It is derived from the ticket and a key, so a repeated
 * request gets the same one. Without the key it is one of 2^55. */
void move_code_make(const struct mac_ring *ring, struct span event, const struct ticket *ticket,
                    uint64_t now_s, char code[MOVE_CODE_LEN]);
uint64_t move_code_expires_s(uint64_t now_s);

void move_code_put(struct text *out, const char code[MOVE_CODE_LEN]);

/* False: mistyped or not a code. One wrong letter, or two swapped ones, are always detected. */
bool move_code_parse(struct span text, char code[MOVE_CODE_LEN]);

#endif

/* slots.h: fields of a test's own structs by name, for the rows of script.h:
 *
 *
 *     "set rate=20 wait=1/3 until=now+2500 list[3]=1 list[*]=0"
 *     "is rate 20 wait 0.3..0.4"
 *
 * A figure is a sum of products of numbers and other slots; numbers are compared to nine digits. */
#ifndef FG_UNIT_SLOTS_H
#define FG_UNIT_SLOTS_H

#include "script.h"

enum slot_kind { SLOT_REAL, SLOT_U64, SLOT_U32, SLOT_U8, SLOT_FLAG };

struct slot {
    const char *name;
    enum slot_kind kind;
    void *at;
    size_t stride; /* distance of a list's items */
    unsigned len;
};

#define SLOT(NAME, KIND, VALUE)                                                                    \
    {                                                                                              \
        NAME, KIND, (void *)&(VALUE), 0, 1                                                         \
    }
/* A member of each item in a list. */
#define SLOT_LIST(NAME, KIND, LIST, MEMBER)                                                        \
    {                                                                                              \
        NAME, KIND, &(LIST)[0] MEMBER, sizeof((LIST)[0]), sizeof(LIST) / sizeof((LIST)[0])         \
    }

/* Sets each word NAME=VALUE after the verb; words without '=' are left to the caller. The last slot
 * has no name. */
void slots_set(const struct script_line *line, const struct slot *slots);
/* The words after the verb are pairs of a name and a value or range. */
void slots_expect(const struct script_line *line, const struct slot *slots);
void slots_expect_figure(const struct script_line *line, const struct slot *slots, const char *want,
                         double got);

#endif

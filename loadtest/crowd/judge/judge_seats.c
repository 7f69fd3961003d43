/* judge_seats.c: a seat is surely somebody's from the instant at which they read that it is held
 * for them. It surely stays theirs until they sent it back, until the time told with it ran out, or
 * until it was ordered (from then on the saga may give it back, if the order fails); for ever, if
 * it was sold. Two such stretches of one seat must not overlap. That includes seats that were never
 * sold, so a hold that was lost or given away is found even if both buyers got some ticket in the
 * end. */
#include "judge/judge_internal.h"

#include <inttypes.h>
#include <stdlib.h>

struct stay {
    uint64_t seat, from_us, to_us;
    uint32_t visitor;
};

struct judge_seats {
    struct stay *stays;
    size_t len, cap;
    bool spoilt; /* by a lack of memory */
};

struct judge_seats *judge_seats_create(void)
{
    return calloc(1, sizeof(struct judge_seats));
}

void judge_seats_destroy(struct judge_seats *seats)
{
    if (seats != NULL)
        free(seats->stays);
    free(seats);
}

size_t judge_seats_held(struct judge_seats *seats, uint64_t seat, uint64_t from_us, uint64_t to_us,
                        uint32_t visitor)
{
    if (!judge_room((void **)&seats->stays, seats->len, &seats->cap, sizeof(*seats->stays))) {
        seats->spoilt = true;
        return 0;
    }
    seats->stays[seats->len] = (struct stay){seat, from_us, to_us, visitor};
    return seats->len++;
}

void judge_seats_given_back(struct judge_seats *seats, size_t number, uint64_t at_us)
{
    if (number < seats->len && at_us < seats->stays[number].to_us)
        seats->stays[number].to_us = at_us;
}

void judge_seats_sold(struct judge_seats *seats, size_t number)
{
    if (number < seats->len)
        seats->stays[number].to_us = UINT64_MAX;
}

static int by_seat(const void *a, const void *b)
{
    const struct stay *one = a, *two = b;
    if (one->seat != two->seat)
        return one->seat < two->seat ? -1 : 1;
    if (one->from_us != two->from_us)
        return one->from_us < two->from_us ? -1 : 1;
    return one->visitor < two->visitor ? -1 : one->visitor > two->visitor;
}

int judge_seats_judge(struct judge_seats *seats, struct err_slot *err,
                      struct judge_verdict *verdict)
{
    if (seats->spoilt)
        return err_set(err, ERR_NOMEM, "%zu stays at seats", seats->len);
    if (seats->len == 0)
        return 0;
    qsort(seats->stays, seats->len, sizeof(*seats->stays), by_seat);
    const struct stay *longest = &seats->stays[0]; /* of those of this seat so far */
    for (size_t i = 1; i < seats->len; i++) {
        const struct stay *stay = &seats->stays[i];
        bool same = stay->seat == longest->seat;
        if (same && stay->from_us < longest->to_us && stay->from_us < stay->to_us)
            judge_found(verdict, FOUND_OVERLAP,
                        "seat #%" PRIu64
                        " was held for visitor %u, and %.3f s later for visitor %u "
                        "as well",
                        stay->seat, longest->visitor,
                        (double)(stay->from_us - longest->from_us) / 1e6, stay->visitor);
        if (!same || stay->to_us > longest->to_us)
            longest = stay;
    }
    return 0;
}

/* judge_time.c: what only shows when all visitors are laid on one line of time. A client cannot see
 * when a number was given or a visit began, only between which instants it must have been; what is
 * judged here follows from that alone. */
#include "judge/judge_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int by_asked(const void *a, const void *b)
{
    const struct judge_join *one = a, *two = b;
    return one->asked_us < two->asked_us ? -1 : one->asked_us > two->asked_us;
}

static int by_told(const void *a, const void *b)
{
    const struct judge_join *one = a, *two = b;
    return one->told_us < two->told_us ? -1 : one->told_us > two->told_us;
}

int judge_joins(struct judge_join *joins, size_t len, const char *what, struct err_slot *err,
                struct judge_verdict *verdict)
{
    struct judge_join *told = malloc((len + 1) * sizeof(*told));
    if (told == NULL)
        return err_set(err, ERR_NOMEM, "%zu joins", len);
    memcpy(told, joins, len * sizeof(*told));
    qsort(told, len, sizeof(*told), by_told);
    qsort(joins, len, sizeof(*joins), by_asked);
    struct judge_join highest = {0};
    size_t next = 0;
    for (size_t i = 0; i < len; i++) {
        for (; next < len && told[next].told_us < joins[i].asked_us; next++) {
            if (told[next].number > highest.number)
                highest = told[next];
        }
        if (joins[i].number < highest.number)
            judge_found(verdict, FOUND_ORDER,
                        "visitor %u had %s %" PRIu64 " before visitor %u asked, who got %" PRIu64,
                        highest.visitor, what, highest.number, joins[i].visitor, joins[i].number);
    }
    free(told);
    return 0;
}

struct edge {
    uint64_t at_us;
    int step;
};

/* Those who leave make room for those who come in the same instant. */
static int by_instant(const void *a, const void *b)
{
    const struct edge *one = a, *two = b;
    if (one->at_us != two->at_us)
        return one->at_us < two->at_us ? -1 : 1;
    return one->step - two->step;
}

int judge_visits(struct judge_visit *visits, size_t len, struct err_slot *err, uint64_t *out)
{
    struct edge *edges = malloc((2 * len + 1) * sizeof(*edges));
    if (edges == NULL)
        return err_set(err, ERR_NOMEM, "%zu visits", len);
    for (size_t i = 0; i < len; i++) {
        edges[2 * i] = (struct edge){visits[i].from_us, 1};
        edges[2 * i + 1] = (struct edge){visits[i].to_us, -1};
    }
    qsort(edges, 2 * len, sizeof(*edges), by_instant);
    int64_t inside = 0, most = 0;
    for (size_t i = 0; i < 2 * len; i++) {
        inside += edges[i].step;
        most = inside > most ? inside : most;
    }
    free(edges);
    *out = (uint64_t)most;
    return 0;
}

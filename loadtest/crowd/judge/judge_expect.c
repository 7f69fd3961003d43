/* judge_expect.c: judges whether enough people got through, by what the scenario demands.
 *
 * Everything else that the judge checks is also true of a service that answers nobody: no seat
 * is sold twice, no promise is broken. So each scenario says how many must have been placed,
 * admitted and served. */
#include "judge/judge_internal.h"

#include <inttypes.h>

/* -> whether `part` is less than `share` in `whole_is` of `whole`. */
static bool is_less(uint64_t part, uint64_t whole, uint64_t share, uint64_t whole_is)
{
    return part * whole_is < whole * share;
}

static bool is_more(uint64_t part, uint64_t whole, uint64_t share, uint64_t whole_is)
{
    return part * whole_is > whole * share;
}

static void expect_came(const struct expect *expect, struct judge_verdict *verdict)
{
    const struct {
        enum judge_kind kind;
        uint64_t came, least;
        const char *what;
    } minima[] = {
        {FOUND_FEW_PLACED, verdict->places, expect->placed_min, "had a place"},
        {FOUND_FEW_PASSED, verdict->passes, expect->passed_min, "were let in"},
        {FOUND_FEW_DONE, verdict->ended[END_DONE], expect->done_min,
         "got as far as the journey goes"},
    };
    for (size_t i = 0; i < sizeof(minima) / sizeof(minima[0]); i++) {
        if (is_less(minima[i].came, verdict->visitors, minima[i].least, 100))
            judge_found(verdict, minima[i].kind,
                        "%" PRIu64 " of %" PRIu64 " visitors %s; %" PRIu64 " %% were expected",
                        minima[i].came, verdict->visitors, minima[i].what, minima[i].least);
    }
}

static void expect_not(const struct expect *expect, struct judge_verdict *verdict)
{
    const struct {
        enum judge_kind kind;
        uint64_t came, most, of;
        const char *what;
    } maxima[] = {
        {FOUND_LEFT_WAITING, verdict->ended[END_PATIENCE], expect->waiting_max, 100,
         "visitors still waited in the end"},
        {FOUND_TURNED_AWAY, verdict->ended[END_TURNED], expect->turned_max, 100,
         "visitors were refused for the moment until they gave up"},
        {FOUND_FAILED, verdict->ended[END_FAILED], expect->failed_max, 1000,
         "visitors met an answer that should not occur"},
    };
    for (size_t i = 0; i < sizeof(maxima) / sizeof(maxima[0]); i++) {
        if (is_more(maxima[i].came, verdict->visitors, maxima[i].most, maxima[i].of))
            judge_found(verdict, maxima[i].kind, "%" PRIu64 " %s, of %" PRIu64, maxima[i].came,
                        maxima[i].what, verdict->visitors);
    }
    if (is_more(verdict->lost, verdict->answered + verdict->lost, expect->lost_max, 1000))
        judge_found(verdict, FOUND_LOST, "%" PRIu64 " answers of %" PRIu64 " never came",
                    verdict->lost, verdict->answered + verdict->lost);
}

static void expect_eta(uint64_t kept, uint64_t least, const char *what,
                       struct judge_verdict *verdict)
{
    if (verdict->eta_judged >= JUDGE_WAITS_MIN && is_less(kept, verdict->eta_judged, least, 100))
        judge_found(verdict, FOUND_ETA,
                    "%" PRIu64 " of %" PRIu64
                    " waits were over by the %s told when joining; %" PRIu64 " %% were expected",
                    kept, verdict->eta_judged, what, least);
}

void judge_expect(const struct expect *expect, struct judge_verdict *verdict)
{
    expect_came(expect, verdict);
    expect_not(expect, verdict);
    expect_eta(verdict->eta_within_p50, expect->eta_p50_min, "p50", verdict);
    expect_eta(verdict->eta_within_p90, expect->eta_p90_min, "p90", verdict);
}

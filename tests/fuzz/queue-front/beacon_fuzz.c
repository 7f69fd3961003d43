/* beacon_fuzz.c: any bytes as the response of a drand relay. An accepted one is of the requested
 * round, and its value follows from its signature. */
#include "../fuzz.h"
#include "core/draw/beacon.h"

static void judge_round(struct span answer, uint64_t round)
{
    char signature[BEACON_SIGN_LEN + 1], value[BEACON_HASH_LEN + 1], again[BEACON_HASH_LEN + 1];
    if (beacon_drand_answer(answer, round, NULL, signature, value) < 0)
        return;
    assert(strlen(signature) == BEACON_SIGN_LEN);
    bool follows = beacon_drand_value(span_of(signature), again);
    assert(follows);
    assert(strcmp(value, again) == 0);
    bool of_another = beacon_drand_answer(answer, round + 1, NULL, signature, value) == 0;
    assert(!of_another);
}

static void fuzz(struct span answer)
{
    judge_round(answer, 1000);
}

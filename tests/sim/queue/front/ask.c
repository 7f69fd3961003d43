/* ask.c: names and proofs of work. */
#include "queue/front/ask.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

const char *ask_says(enum ask_kind kind)
{
    static const char *const says[] = {
        [ASK_JOIN] = "a join",     [ASK_ME] = "a look",        [ASK_PASS] = "a pass",
        [ASK_BEAT] = "a beat",     [ASK_LEAVE] = "a leaving",  [ASK_DONE] = "an end",
        [ASK_EXTEND] = "a wish",   [ASK_CODE] = "a code",      [ASK_TAKE] = "a take",
        [ASK_CREATE] = "an event", [ASK_PRESALE] = "a load",   [ASK_CHANGE] = "a change",
        [ASK_MOVE] = "an action",  [ASK_DELETE] = "a deletion"};
    return says[kind];
}

void ask_presale_text(uint64_t presale, char out[ASK_PRESALE_MAX])
{
    snprintf(out, ASK_PRESALE_MAX, "presale-%" PRIu64, presale);
}

static bool is_solved(const char *text, unsigned bits)
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, (const unsigned char *)text, strlen(text));
    unsigned zeros = 0;
    while (zeros < bits && (hash[zeros / 8] >> (7 - zeros % 8) & 1) == 0)
        zeros++;
    return zeros == bits;
}

void ask_solve(const struct ask *asked, char out[POW_SOLUTION_MAX + 1])
{
    uint64_t n = 0;
    do {
        snprintf(out, POW_SOLUTION_MAX + 1, "%s.%" PRIu64, asked->challenge, n++);
    } while (!is_solved(out, asked->bits));
}

/* ask.c: names. */
#include "queue/front/ask.h"

#include <string.h>

const char *ask_says(enum ask_kind kind)
{
    static const char *const says[] = {
        [ASK_JOIN] = "a join",     [ASK_ME] = "a look",       [ASK_PASS] = "a pass",
        [ASK_BEAT] = "a beat",     [ASK_LEAVE] = "a leaving", [ASK_DONE] = "an end",
        [ASK_EXTEND] = "a wish",   [ASK_CODE] = "a code",     [ASK_TAKE] = "a take",
        [ASK_CREATE] = "an event", [ASK_PRESALE] = "a load",  [ASK_CHANGE] = "a change",
        [ASK_MOVE] = "an action"};
    return says[kind];
}

void ask_spread(uint64_t number, uint8_t out[LINE_IDEM_BYTES])
{
    for (unsigned i = 0; i < 2; i++) {
        number = (number + i) * UINT64_C(0x9E3779B97F4A7C15);
        number ^= number >> 29;
        memcpy(out + 8 * i, &number, 8);
    }
}

void ask_digest(uint64_t presale, uint8_t out[LINE_CODE_BYTES])
{
    static_assert((int)LINE_CODE_BYTES == (int)LINE_IDEM_BYTES, "as wide as other names");
    ask_spread(presale ^ UINT64_C(0xC0DE000000000000), out);
}

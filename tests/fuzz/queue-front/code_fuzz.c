/* code_fuzz.c: text that visitors and operators type or paste: codes of a presale and lists of
 * them, invitations, codes that move a place to another device, references of slowed-down visitors.
 * Only codes made here are accepted (except references, whose check has 15 bits); an accepted code
 * reads the same in other case and with other spaces. Also solutions of proofs of work. */
#include "../fuzz.h"
#include "ring.h"

#include "base/rng.h"
#include "core/token/appeal.h"
#include "core/token/code32.h"
#include "core/token/invitation.h"
#include "core/token/move_code.h"
#include "core/token/pow.h"
#include "core/token/presale.h"

#include <ctype.h>

/* The same text as another person would type it. */
static struct span rewritten(struct span text, char *memory, size_t cap)
{
    struct text out = text_on(memory, cap);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        text_char(&out, (char)(islower(c) ? toupper(c) : tolower(c)));
        if (i % 5 == 4)
            text_char(&out, '-');
    }
    return out.overflown ? (struct span){NULL, 0} : text_span(&out);
}

static void try_presale(struct span text, struct span other)
{
    uint8_t sha[PRESALE_SHA_BYTES], again[PRESALE_SHA_BYTES];
    if (!presale_digest(text, sha))
        return;
    assert(text.len >= PRESALE_CODE_MIN);
    if (other.ptr != NULL) {
        bool same = presale_digest(other, again);
        assert(same && memcmp(sha, again, sizeof(sha)) == 0);
    }
    uint8_t mac[LINE_CODE_BYTES], twice[LINE_CODE_BYTES];
    presale_sign(ring(), SPAN("show"), sha, mac);
    presale_sign(ring(), SPAN("show"), sha, twice);
    assert(memcmp(mac, twice, sizeof(mac)) == 0);
}

static void try_move(struct span text, struct span other)
{
    char code[MOVE_CODE_LEN], again[MOVE_CODE_LEN], memory[MOVE_CODE_TEXT_LEN];
    if (!move_code_parse(text, code))
        return;
    struct text out = text_on(memory, sizeof(memory));
    move_code_put(&out, code);
    assert(!out.overflown);
    bool same = move_code_parse(text_span(&out), again);
    assert(same && memcmp(code, again, sizeof(code)) == 0);
    if (other.ptr != NULL) {
        same = move_code_parse(other, again);
        assert(same && memcmp(code, again, sizeof(code)) == 0);
    }
}

/* A whole list with a code per line, as an operator pastes it. */
static void try_list(struct span list)
{
    struct span line;
    while (list.ptr != NULL) {
        list = span_cut(list, '\n', &line);
        try_presale(line, (struct span){NULL, 0});
    }
}

static void fuzz(struct span text)
{
    char memory[4096];
    struct span other = rewritten(text, memory, sizeof(memory));
    try_presale(text, other);
    try_move(text, other);
    try_list(text);
    struct invitation invitation;
    int rc = invitation_parse(ring(), SPAN("show"), text, &invitation);
    assert(rc == ERR_SYNTAX || rc == ERR_AUTH);
    static const uint8_t site[16];
    const struct pow_bond bond = {SPAN("show"), site, false};
    struct pow_once once;
    rc = pow_check(ring(), &bond, text, 0, 1800000000, &once);
    assert(rc == ERR_SYNTAX || rc == ERR_AUTH);
    struct appeal appeal;
    rc = appeal_parse(ring(), SPAN("show"), text, 30000000, &appeal);
    assert(rc == 0 || rc == ERR_SYNTAX || rc == ERR_AUTH);
    assert(rc != 0 || (appeal.limit < APPEAL_LIMIT_COUNT && appeal.minute <= 30000000));
    assert(rc != ERR_SYNTAX || !appeal_looks_right(text)); /* shown references can be read */
}

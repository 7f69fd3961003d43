/* cut_fuzz.c: any bytes as cuts of a line, one per line of text; the first byte is the number of
 * shards. An accepted cut has one text, and each of its places belongs to one number or a gap. */
#include "../fuzz.h"
#include "core/line/cuts.h"

enum { PLACES_WALKED = 64 };

static void check_text(struct span text, const struct cut *cut, uint8_t shards)
{
    char memory[CUT_TEXT_MAX];
    struct text again = text_on(memory, sizeof(memory));
    cut_put(&again, cut, shards);
    assert(span_eq(text, text_span(&again)));
}

/* Checks places from both ends. */
static void check_places(const struct cuts *cuts)
{
    uint64_t places = cuts_places(cuts);
    for (uint64_t i = 0; i < places && i < PLACES_WALKED; i++) {
        uint64_t place = i % 2 == 0 ? 1 + i / 2 : places - i / 2;
        struct cuts_spot spot;
        bool there = cuts_spot(cuts, place, &spot);
        assert(there);
        assert(spot.kind == CUT_GAP ? spot.number == 0
                                    : cuts_place(cuts, spot.shard, spot.number) == place);
    }
}

static void fuzz(struct span in)
{
    if (in.len == 0)
        return;
    uint8_t shards = (uint8_t)(1 + (unsigned char)in.ptr[0] % CUT_SHARDS_MAX);
    struct cuts *cuts = cuts_create(shards);
    if (cuts == NULL)
        return;
    struct span rest = span_skip(in, 1);
    while (rest.ptr != NULL) {
        struct span text;
        struct cut cut;
        rest = span_cut(rest, '\n', &text);
        if (cut_parse(text, shards, &cut, NULL) < 0)
            continue;
        check_text(text, &cut, shards);
        int rc = cuts_add(cuts, cuts_count(cuts) + 1, &cut, NULL);
        assert(rc == 0 || rc == ERR_FULL || rc == ERR_NOMEM);
    }
    check_places(cuts);
    cuts_destroy(cuts);
}

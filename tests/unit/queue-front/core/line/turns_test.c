/* turns_test.c: the outcomes of visits, and the words of their log.
 *
 *   note KIND PLACES until= early   the front learns an outcome; `early`: not by the clock
 *   has KIND PLACES until= early=   expects what the front knows; until= is by default 1000 + place
 *       left=                       for kept places; left: the entry was given up
 *   kept LEN CAP, blocks N          expects the list of extended calls; the number of blocks
 *   log WORD F=N, bad WORD ...      expects the content of a log word; that it is refused
 *
 * PLACES is 3, 3..9, or 3..9/3 for every third of them. */
#include "core/line/turns.h"

#include "outcomes.h"

static struct turns turns;

struct range {
    uint64_t from, upto, step;
};

static struct range range_of(const struct script_line *line, unsigned at)
{
    char *end;
    struct range range = {.step = 1};
    range.from = range.upto = strtoull(script_word(line, at), &end, 10);
    if (*end == '.')
        range.upto = strtoull(end + 2, &end, 10);
    if (*end == '/')
        range.step = strtoull(end + 1, &end, 10);
    return range;
}

static uint64_t until(const struct script_line *line, enum turn_kind kind, uint64_t place)
{
    return script_value_or(line, "until", kind == TURN_KEPT ? 1000 + place : 0);
}

SCRIPT_VERB(note, "note")
{
    enum turn_kind kind = turn_at(line, 1);
    struct range range = range_of(line, 2);
    for (uint64_t place = range.from; place <= range.upto; place += range.step)
        turns_note(&turns, (struct turn){.place = place,
                                         .kind = kind,
                                         .until_ms = until(line, kind, place),
                                         .ended = script_has(line, "early")});
}

SCRIPT_VERB(expect, "has")
{
    enum turn_kind kind = turn_at(line, 1);
    struct range range = range_of(line, 2);
    for (uint64_t place = range.from; place <= range.upto; place += range.step) {
        struct turn turn = turns_of(&turns, place);
        if (turn.kind != kind || turn.until_ms != until(line, kind, place))
            fail_msg("%s: \"%s\": place %u", line->row, line->text, (unsigned)place);
        if (script_value(line, "early") != NULL)
            script_expect(line, script_value(line, "early"), turn.ended);
        if (script_value(line, "left") != NULL)
            script_expect(line, script_value(line, "left"), turns_gave_up(&turns, place));
    }
}

SCRIPT_VERB(expect_kept, "kept")
{
    script_expect(line, script_word(line, 1), turns.kept_len);
    script_expect(line, script_word(line, 2), turns.kept_cap);
}

/* Expects the number of blocks; same: the first one has not moved. */
SCRIPT_VERB(expect_blocks, "blocks")
{
    static const struct turns_block *first;
    uint64_t blocks = 0;
    for (uint32_t i = 0; i < TURNS_BLOCKS; i++)
        blocks += turns.block[i] != NULL;
    script_expect(line, script_word(line, 1), blocks);
    if (script_has(line, "same"))
        assert_ptr_equal(first, turns.block[0]);
    first = turns.block[0];
}

SCRIPT_VERB(expect_log, "log")
{
    struct turn turn = {.place = 3};
    assert_true(turn_parse(span_of(script_word(line, 1)), &turn));
    const struct script_field fields[SCRIPT_FIELDS] = {
        SCRIPT_NUMBER("place", turn.place),    SCRIPT_NUMBER("kind", turn.kind),
        SCRIPT_NUMBER("until", turn.until_ms), SCRIPT_NUMBER("times", turn.times),
        SCRIPT_NUMBER("early", turn.ended),
    };
    script_expect_values(line, 2, fields);
}

SCRIPT_VERB(expect_bad, "bad")
{
    struct turn turn = {.place = 3};
    for (unsigned i = 1; i < line->len; i++)
        assert_false(turn_parse(span_of(line->words[i]), &turn));
    assert_int_equal(3, turn.place);
}

/* 32 blocks of 16384 places are 524288 places; there are up to 65536 extended calls. */
static const struct script_row rows[] = {
    {"a place is found as it was noted last",
     "has none 7; note kept 7 until=90; has kept 7 until=90; note done 7; has done 7; has none 8"},
    {"the newest places are known and the oldest make room",
     "note ended 1..524287; has ended 1..524287; note done 524293; has done 524293;"
     "has none 1..16383; has ended 16384..524287;"
     /* An outcome that arrives late. */
     "note done 5; has none 1..16383; has none 524294..524328; has done 524293"},
    /* The scenario `hour` of loadtest/run.js limits the growth of a whole front. */
    {"a sale of sixteen thousand is one block from its first turn on",
     "note ended 1; blocks 1; note ended 2..16383; blocks 1 same; kept 0 0"},
    {"a turn that was taken back is unknown",
     "note none 7; blocks 0; note kept 7; note ended 8; note none 7; note none 8; has none 6..9;"
     "note kept 8; note ended 8; note kept 8; has kept 8; kept 1 1..1024"},
    {"places do not touch their neighbours",
     "note ended 1..200; note done 1..200/3; has done 1..200/3; has ended 2..200/3;"
     "has ended 3..200/3; note done 2..200/3; has done 1..200/3; has done 2..200/3;"
     "has ended 3..200/3"},
    {"extended calls are known until their visits are over",
     "note kept 1..1000; has kept 1..1000; kept 1000 1024; note ended 3..1000/3;"
     "has ended 3..1000/3; has kept 1..1000/3; has kept 2..1000/3; kept 667 1024;"
     "note ended 1..1000; kept 0 1024; has ended 1..1000"},
    {"the oldest extended calls make room",
     "note kept 1..65536; has kept 1..65536; note kept 7; kept 65536 65536; has kept 1..65536;"
     "note kept 65537..65546; has none 1..10; has kept 11..65546; kept 65536 65536; note ended 500;"
     "note kept 3; has kept 3; has kept 11..499"},
    /* Redis may have lost the extension of a visit; then its time is not over. */
    {"a visit that was ended differs from one that expired",
     "note ended 6; note ended 7 early; note done 8; has ended 6 early=0; has ended 7 early=1;"
     "has done 8 early=1; has none 9 early=0; note none 6..8; has none 6; has ended 7; has done 8;"
     /* Expired by the clock, after the visit had begun again elsewhere. */
     "note ended 7; note ended 8; has ended 7 early=1; has done 8; note done 7; has done 7"},
    {"an entry that was given up is not the place of its number",
     "has none 1..9 left=0; note given_up 7; has none 7 left=1; has none 6 left=0;"
     "has none 8 left=0; note ended 7; note none 9; has ended 7 left=1; has none 9 left=0;"
     "blocks 1"},
    {"entries far apart were given up and later ones are not known",
     "note given_up 65535..16777215/65536; has none 65535..16777215/65536 left=1;"
     "has none 65536..16777215/65536 left=0; note given_up 16777216; has none 16777216 left=0;"
     "blocks 0"},
    {"the log says which visits were ended",
     "log 7:2:0:0 kind=2 early=0; log 7:2:0:1 early=1; log 7:3:0:0 kind=3 early=1;"
     "log 7:0:0:0 kind=0 early=0; log 7:1:90:1 kind=1 early=0;"
     "log 7:4:0:0 kind=4 early=0"},
    {"a word of the log has a place, a kind, a time and a count",
     "log 1073741824:1:1763712000123:10 place=1073741824 kind=1 until=1763712000123 times=10"},
    {"any other word is refused",
     "bad 7 7:1 7:1:0 0:1:0:0 7:9:0:0 7:1:0:256; bad -7:1:0:0 7:1:0:0:0 7:1::0 7:x:0:0;"
     "bad 4294967296:1:0:0"},
};

static void end(void)
{
    turns_deinit(&turns);
    turns = (struct turns){0};
}

TEST_CASE(a_missing_table_or_an_invalid_word_is_no_turn)
{
    struct turn turn;
    assert_int_equal(TURN_NONE, turns_of(NULL, 7).kind);
    assert_false(turns_gave_up(NULL, 7));
    assert_false(turn_parse(SPAN(""), &turn));
    assert_false(turn_parse(SPAN("7:1:0:0 "), &turn));
}

_Static_assert(TURNS_BLOCK_PLACES == 16384 && TURNS_BLOCKS == 32 && TURNS_KEPT_MAX == 65536,
               "rows name them");

SCRIPT_TESTS_IN(rows, script_verbs, NULL, end)

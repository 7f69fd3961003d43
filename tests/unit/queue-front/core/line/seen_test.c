/* seen_test.c: the marks of visitors that a front has seen, and when it sends them to Redis.
 *
 *   turn EPOCH, reserve PLACES, mark PLACE ..., again   what happens to the front
 *   pick N EPOCH:PAGE ...   expects N pages to be sent, beginning with these
 *   sent, lost              the pages arrived, or did not
 *   has EPOCH PLACE ...     expects these marks; hasnt: expects that they are missing
 *   is FIELD=N ...          older, all: the older epoch, or everything, was sent; urgent: the next
 *                           tick may not wait; dirty0, dirty1: unsent pages of either epoch;
 *                           pages: the room in pages; bytes: length of the first page picked */
#include "core/line/seen.h"

#include "core/line/ghosts.h"
#include "script.h"

#include <inttypes.h>

static struct seen seen;
static struct ghosts ghosts;

static bool has(uint64_t epoch, uint64_t place)
{
    struct seen_page page = {epoch, (uint32_t)(place / SEEN_PAGE_PLACES)};
    struct span marks = seen_marks(&seen, page);
    uint64_t at = place % SEEN_PAGE_PLACES;
    return at / 8 < marks.len && ((uint8_t)marks.ptr[at / 8] & (0x80u >> at % 8)) != 0;
}

SCRIPT_DOES("turn", seen_turn(&seen, script_number_at(line, 1)))
SCRIPT_DOES("reserve", seen_reserve(&seen, script_number_at(line, 1)))

SCRIPT_VERB(mark, "mark")
{
    for (unsigned i = 1; i < line->len; i++)
        seen_mark(&seen, script_number(line->words[i]));
}

SCRIPT_DOES("again", seen_send_again(&seen))

SCRIPT_VERB(expect_pick, "pick")
{
    script_expect(line, script_word(line, 1), seen_pick(&seen));
    for (unsigned i = 2; i < line->len; i++) {
        char page[48];
        snprintf(page, sizeof(page), "%" PRIu64 ":%" PRIu32, seen.sent[i - 2].epoch,
                 seen.sent[i - 2].page);
        script_expect_text(line, line->words[i], page);
    }
}

SCRIPT_DOES("sent|lost", seen_sent(&seen, strcmp(line->words[0], "sent") == 0))

SCRIPT_VERB(expect_marks, "has|hasnt")
{
    bool want = strcmp(line->words[0], "has") == 0;
    for (unsigned i = 2; i < line->len; i++) {
        if (has(script_number_at(line, 1), script_number(line->words[i])) != want)
            fail_msg("%s: \"%s\": place %s", line->row, line->text, line->words[i]);
    }
}

SCRIPT_VERB(is, "is")
{
    const struct script_field fields[SCRIPT_FIELDS] = {
        SCRIPT_NUMBER("older", seen_last_sent(&seen)),
        SCRIPT_NUMBER("all", seen_all_sent(&seen)),
        SCRIPT_NUMBER("urgent", seen.urgent),
        SCRIPT_NUMBER("dirty0", seen.dirty_len[0]),
        SCRIPT_NUMBER("dirty1", seen.dirty_len[1]),
        SCRIPT_NUMBER("pages", seen.pages),
        SCRIPT_NUMBER("bytes", seen.sent_len > 0 ? seen_marks(&seen, seen.sent[0]).len : 0),
    };
    script_expect_values(line, 1, fields);
}

/* Redis sent that the place is a ghost. */
SCRIPT_VERB(add_ghost, "ghost")
{
    assert_int_equal(script_number_at(line, 1), 1);
    seen.ghosts = &ghosts;
    assert_true(ghosts_take_page(&ghosts, 0, SPAN("\x40")));
    ghosts.seq = 1;
    ghosts_take(&ghosts, (struct ghosts_reply){.seq = 1, .whole = 1}, 1);
}

/* Marks one more place in each of five pages, two of which are sent. */
#define BUSY(NTH, FIRST, SECOND)                                                                   \
    "mark 0+" NTH " 65536+" NTH " 131072+" NTH " 196608+" NTH " 262144+" NTH ";"                   \
    "pick 2 7:" FIRST " 7:" SECOND "; sent;"

/* A page has 65536 places: 131072 is the first of page 2. There are at most 256 pages. */
static const struct script_row rows[] = {
    {"a mark is sent with its page once an epoch",
     "turn 7; reserve 200000; pick 0; mark 131073 131074; pick 1 7:2; has 7 131073 131074;"
     "hasnt 7 131075; is bytes=1; sent; mark 131073; pick 0; turn 8; hasnt 8 131073; mark 131073;"
     "pick 1 8:2"},
    {"lost marks are sent again with those made meanwhile",
     "turn 7; reserve 1; mark 1; pick 1; mark 2; lost; pick 1; sent; pick 0"},
    {"marks outlive their epoch and are sent first",
     "turn 7; reserve 1; mark 5; pick 1; turn 8; lost; mark 6; is older=0; pick 2 7:0 8:0; has 7 5;"
     "hasnt 7 6; has 8 6; is older=1 all=1"},
    {"marks of two epochs ago are dropped",
     "turn 8; reserve 1; mark 6; pick 1; lost; turn 9; turn 10; is all=1; mark 6; turn 12;"
     "is all=1"},
    {"a place beyond the room is not marked",
     "mark 1; reserve 1073741824; mark 1073741824; pick 0"},
    {"a growing line keeps its marks",
     "turn 1; reserve 10; mark 10; reserve 1000; reserve 10000; reserve 100000; reserve 1000000;"
     "has 1 10; mark 1000000; pick 2"},
    {"the return of a ghost is urgent",
     "ghost 1; turn 1; reserve 10; mark 2; is urgent=0; mark 1; is urgent=1; mark 3;"
     "is urgent=1; pick 1; is urgent=0"},
    {"an epoch begins without the marks of the last but one",
     "turn 7; reserve 100000; mark 5 70000; pick 2; sent; turn 7; has 7 5 70000; turn 8;"
     "has 7 5 70000; hasnt 8 5 70000; turn 9; hasnt 9 5 70000; hasnt 8 5 70000; mark 70000;"
     "pick 1 9:1; sent; turn 11; hasnt 10 70000; hasnt 11 70000"},
    {"marks not sent in two epochs are not sent in the third",
     "turn 7; reserve 100000; mark 5; turn 8; mark 70000; turn 9; is older=0; pick 1 8:1; sent;"
     "mark 5; is all=0; pick 1; turn 10; turn 11; lost; is all=1"},
    {"a store that lost its data gets both epochs and no empty page",
     "again; is all=1; turn 7; reserve 300000; mark 0 200000; pick 2; sent; turn 8; mark 70000;"
     "pick 1; sent; again; is dirty0=1 dirty1=2; pick 2 7:0 7:3; sent; pick 1 8:1; sent; is all=1"},
    {"the last place of the room is marked",
     "reserve 1073741824; is pages=256; mark 16777215; pick 1 0:255"},
    {"every lost page of a full call is sent again",
     "turn 7; reserve 300000; mark 0 65536; pick 2; lost; is dirty0=2 dirty1=0; pick 2; sent;"
     "is all=1"},
    {"the older epoch is sent before the newer one",
     "turn 7; reserve 262144; mark 0 65536 131072 196608; turn 8; mark 0 65536 131072 196608;"
     "pick 2 7:0 7:1; sent; is older=0 all=0; pick 2 7:2 7:3; sent; is older=1 all=0;"
     "pick 2 8:0 8:1; sent; is older=1 all=0; pick 2 8:2 8:3; sent; is older=1 all=1"},
    {"busy pages do not delay the other pages",
     "turn 7; reserve 262143; is pages=5;" BUSY("0", "0", "1") BUSY("1", "2", "3")
         BUSY("2", "4", "0") BUSY("3", "1", "2") BUSY("4", "3", "4") BUSY("5", "0", "1")},
};

static void end(void)
{
    seen_deinit(&seen);
    ghosts_deinit(&ghosts);
    seen = (struct seen){0};
    ghosts = (struct ghosts){0};
}

/* The slowest tick of many fronts is 300 ms. A sign of life must arrive within a third of an epoch,
 * which is 90 s by default. */
TEST_CASE(ten_million_marks_are_sent_in_a_third_of_an_epoch)
{
    seen_turn(&seen, 7);
    seen_reserve(&seen, 10000000);
    for (uint64_t place = 1; place <= 10000000; place += 1024)
        seen_mark(&seen, place);
    unsigned calls = 0;
    for (; seen_pick(&seen) > 0; calls++)
        seen_sent(&seen, true);
    assert_true(calls * 300 <= 30000);
}

_Static_assert(SEEN_SEND_MAX == 2 && SEEN_PAGES_MAX == 256, "rows name them");

UNIT_BETWEEN(NULL, end)
SCRIPT_TESTS(rows, script_verbs)

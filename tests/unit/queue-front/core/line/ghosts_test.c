/* ghosts_test.c: how many places ahead are ghosts, for any place. */
#include "core/line/ghosts.h"

#include "core/line/place.h"
#include "unit.h"

static struct ghosts ghosts;

static void end(void)
{
    ghosts_deinit(&ghosts);
}

UNIT_BETWEEN(NULL, end)

static void set(uint8_t *bits, uint64_t place)
{
    bits[place / 8] |= (uint8_t)(0x80u >> place % 8);
}

static struct span page_of(const uint8_t *bits, uint64_t page)
{
    return (struct span){(const char *)bits + page * SEEN_PAGE_BYTES, SEEN_PAGE_BYTES};
}

/* Takes all pages of `bits`, and shows them at once. */
static void reply_with(const uint8_t *bits, uint64_t pages)
{
    for (uint64_t page = 0; page < pages; page++)
        assert_true(ghosts_take_page(&ghosts, page, page_of(bits, page)));
    ghosts.seq++;
    ghosts_take(&ghosts, (struct ghosts_reply){.seq = ghosts.seq, .whole = ghosts.seq}, 0);
}

TEST_CASE(no_place_is_a_ghost_before_the_first_check)
{
    assert_int_equal(ghosts_before(NULL, 0, 5000), 0);
    assert_int_equal(ghosts_before(&ghosts, 0, 5000), 0);
    assert_false(ghosts_has(NULL, 1));
    assert_false(ghosts_has(&ghosts, 1));
    ghosts_take(&ghosts, (struct ghosts_reply){0}, 1000);
    assert_int_equal(ghosts_before(&ghosts, 0, 5000), 0);
}

/* Compared with counting one by one, over pages and blocks, from any position. */
TEST_CASE(ahead_matches_a_count_place_by_place)
{
    enum { PLACES = 3 * SEEN_PAGE_PLACES };
    uint64_t seed = unit_seed() | 1;
    uint8_t *bits = calloc(PLACES / 8, 1);
    assert_non_null(bits);
    for (unsigned round = 0; round < 20; round++) {
        memset(bits, 0, PLACES / 8);
        for (uint64_t place = 1; place < PLACES; place++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            if ((seed >> 33) % 10 < round % 10)
                set(bits, place);
        }
        reply_with(bits, 3);
        uint64_t serving = (seed >> 20) % PLACES, away = 0;
        for (uint64_t place = serving + 1; place < PLACES + 100; place++) {
            assert_int_equal(ghosts_before(&ghosts, serving, place), away);
            away += place < PLACES && (bits[place / 8] & (0x80u >> place % 8)) != 0;
        }
    }
    free(bits);
}

TEST_CASE(ahead_leaves_ghosts_out_and_the_position_stays)
{
    uint8_t bits[SEEN_PAGE_BYTES] = {0};
    for (uint64_t place = 1100; place < 1500; place++)
        set(bits, place);
    reply_with(bits, 1);
    struct line_view view = {
        .state = LINE_OPEN, .issued = 5000, .serving = 1023, .ghosts = &ghosts};
    struct place place = place_at(&view, 3024, 0);
    assert_int_equal(place.position, 3024);
    assert_int_equal(place.ahead, 1600);
}

TEST_CASE(a_change_is_shown_in_whole_and_not_before_its_time)
{
    uint8_t bits[SEEN_PAGE_BYTES] = {0};
    struct ghosts_reply reply = {.seq = 2, .whole = 2, .at_ms = 1000, .waiting = 3, .judged = 9};
    ghosts_take(&ghosts, reply, 900);
    assert_true(ghosts_behind(&ghosts));
    set(bits, 5);
    assert_true(ghosts_take_page(&ghosts, 0, page_of(bits, 0)));
    ghosts.seq = 1; /* only the first of two pages has arrived */
    ghosts_take(&ghosts, reply, 1100);
    assert_int_equal(ghosts_before(&ghosts, 0, 70000), 0);
    assert_true(ghosts_take_page(&ghosts, 1, page_of(bits, 0)));
    ghosts.seq = 2;
    ghosts_take(&ghosts, reply, 999);
    assert_int_equal(ghosts_before(&ghosts, 0, 70000), 0);
    assert_false(ghosts_behind(&ghosts));
    ghosts_take(&ghosts, reply, 1000);
    assert_int_equal(ghosts_before(&ghosts, 0, 70000), 2);
    assert_int_equal(ghosts_waiting(&ghosts), 3);
}

TEST_CASE(lost_ghosts_are_shown_until_redis_sends_them_again)
{
    uint8_t bits[SEEN_PAGE_BYTES] = {0};
    set(bits, 5);
    reply_with(bits, 1);
    ghosts_send_again(&ghosts);
    struct ghosts_reply reply = {.seq = 7, .whole = 7};
    ghosts_take(&ghosts, reply, 1);
    assert_int_equal(ghosts_before(&ghosts, 0, 10), 1);
    set(bits, 6);
    assert_true(ghosts_take_page(&ghosts, 0, page_of(bits, 0)));
    ghosts.seq = 7;
    ghosts_take(&ghosts, reply, 1);
    assert_int_equal(ghosts_before(&ghosts, 0, 10), 2);
    ghosts_take(&ghosts, (struct ghosts_reply){0}, 1); /* wiped: it knows no ghosts */
    assert_int_equal(ghosts_before(&ghosts, 0, 10), 2);

    assert_int_equal(ghosts_pick_owed(&ghosts, SEEN_SEND_MAX), 1);
    assert_memory_equal(ghosts_shown(&ghosts, ghosts.owing[0]).ptr, bits, 1);
    ghosts_paid(&ghosts, false);
    assert_int_equal(ghosts_pick_owed(&ghosts, 0), 0);
    assert_int_equal(ghosts_pick_owed(&ghosts, 1), 1);
    ghosts_paid(&ghosts, true);
    assert_int_equal(ghosts_pick_owed(&ghosts, 1), 0);
    bits[0] = 0;
    set(bits, 5); /* place 6 gave a sign of life meanwhile */
    reply_with(bits, 1);
    assert_int_equal(ghosts_before(&ghosts, 0, 10), 1);
}

TEST_CASE(a_rolled_back_redis_without_ghosts_changes_nothing)
{
    ghosts.seq = ghosts.shown = 3;
    ghosts_take(&ghosts, (struct ghosts_reply){.seq = 1, .judged = 7}, 1);
    assert_true(ghosts_behind(&ghosts));
    assert_int_equal(ghosts.seq, 0); /* Redis must send all of them again */
    assert_int_equal(ghosts.judged, 7);
    assert_int_equal(ghosts_before(&ghosts, 0, 100), 0);
    assert_int_equal(ghosts_pick_owed(&ghosts, SEEN_SEND_MAX), 0);
}

TEST_CASE(a_page_beyond_the_bounds_is_skipped_or_refused)
{
    static char bits[SEEN_PAGE_BYTES + 1];
    assert_true(ghosts_take_page(&ghosts, SEEN_PAGES_MAX, SPAN("\xFF")));
    assert_int_equal(ghosts.pages, 0); /* it was skipped */
    assert_false(ghosts_take_page(&ghosts, 0, (struct span){bits, sizeof(bits)}));
}

TEST_CASE(places_of_a_gap_are_ghosts_at_once)
{
    static const struct line_gap gaps[] = {{3, 5},   {8, 15},  {17, 40},
                                           {63, 64}, {99, 99}, {65530, 65545}};
    uint64_t away = 0;
    for (unsigned i = 0; i < sizeof(gaps) / sizeof(gaps[0]); i++) {
        ghosts_add_gap(&ghosts, gaps[i]);
        away += gaps[i].upto - gaps[i].from + 1;
        assert_int_equal(ghosts_before(&ghosts, 0, 200000), away);
        assert_false(ghosts_has(&ghosts, gaps[i].from - 1));
        assert_true(ghosts_has(&ghosts, gaps[i].from));
        assert_true(ghosts_has(&ghosts, gaps[i].upto));
        assert_false(ghosts_has(&ghosts, gaps[i].upto + 1));
    }
    ghosts_add_gap(&ghosts, (struct line_gap){SEEN_PAGES_MAX * (uint64_t)SEEN_PAGE_PLACES,
                                              SEEN_PAGES_MAX * (uint64_t)SEEN_PAGE_PLACES});
    ghosts_add_gap(&ghosts, (struct line_gap){7, 6}); /* empty */
    assert_int_equal(ghosts_before(&ghosts, 0, 200000), away);
}

TEST_CASE(only_pages_with_ghosts_are_owed)
{
    uint8_t *bits = calloc(4, SEEN_PAGE_BYTES);
    ghosts_send_again(&ghosts); /* nothing is known, so nothing is sent */
    assert_int_equal(ghosts_pick_owed(&ghosts, SEEN_SEND_MAX), 0);
    set(bits, SEEN_PAGE_PLACES + 7);
    set(bits, 3 * SEEN_PAGE_PLACES + SEEN_PAGE_PLACES - 1);
    reply_with(bits, 4);
    assert_int_equal(ghosts_shown(&ghosts, 0).len, 0);
    assert_int_equal(ghosts_shown(&ghosts, 1).len, 1);
    assert_int_equal(ghosts_shown(&ghosts, 3).len, SEEN_PAGE_BYTES);
    ghosts_send_again(&ghosts);
    assert_int_equal(ghosts_pick_owed(&ghosts, SEEN_SEND_MAX), 2);
    assert_int_equal(ghosts.owing[0], 1);
    assert_int_equal(ghosts.owing[1], 3);
    ghosts_paid(&ghosts, true);
    assert_int_equal(ghosts_pick_owed(&ghosts, SEEN_SEND_MAX), 0);
    free(bits);
}

/* Known pages grow one by one, and the sums continue. */
TEST_CASE(a_new_page_has_no_ghosts)
{
    uint8_t *bits = calloc(3, SEEN_PAGE_BYTES);
    memset(bits, 0xFF, 10);
    reply_with(bits, 1);
    assert_int_equal(ghosts_before(&ghosts, 0, 3 * SEEN_PAGE_PLACES), 79);
    assert_true(ghosts_take_page(&ghosts, 2, SPAN("")));
    assert_int_equal(ghosts_before(&ghosts, 0, 3 * SEEN_PAGE_PLACES), 79);
    assert_int_equal(ghosts_shown(&ghosts, 2).len, 0);
    set(bits, 2 * SEEN_PAGE_PLACES);
    reply_with(bits, 3);
    assert_int_equal(ghosts_before(&ghosts, 0, 3 * SEEN_PAGE_PLACES), 80);
    free(bits);
}

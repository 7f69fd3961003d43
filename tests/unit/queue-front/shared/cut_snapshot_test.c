/* cut_snapshot_test.c: one loop reads, all loops share the result. */
#include "shared/cut_snapshot.h"

#include "unit.h"

#include <uv.h>

static struct line_view line_called(const char *id, const char *incarnation)
{
    struct line_view view = {.id = ""};
    snprintf(view.id, sizeof(view.id), "%s", id);
    snprintf(view.incarnation, sizeof(view.incarnation), "%s", incarnation);
    return view;
}

TEST_CASE(one_loop_per_slot_gets_the_claim)
{
    struct cut_snapshot *snapshot = cut_snapshot_create();
    struct line_view show = line_called("show", "1"), again = line_called("show", "2");
    assert_true(cut_snapshot_claim(snapshot, &show, 100, 20));
    assert_false(cut_snapshot_claim(snapshot, &show, 100, 20));
    assert_false(cut_snapshot_claim(snapshot, &show, 119, 20));
    assert_true(cut_snapshot_claim(snapshot, &show, 120, 20));
    assert_true(cut_snapshot_claim(snapshot, &again, 120, 20)); /* another event */
    assert_false(cut_snapshot_claim(snapshot, &show, 121, 20));
    cut_snapshot_destroy(snapshot);
    cut_snapshot_destroy(NULL);
}

TEST_CASE(all_loops_can_read_a_published_cut_for_a_while)
{
    struct cut_snapshot *snapshot = cut_snapshot_create();
    struct line_view show = line_called("show", "1"), again = line_called("show", "2");
    struct cut_note note = {.nth = 1, .sum = 7, .cut = {.grown = {3, 4}}}, read;
    cut_snapshot_put(snapshot, &show, &note); /* no loop has requested it */
    assert_false(cut_snapshot_get(snapshot, &show, 1, &read));
    assert_true(cut_snapshot_claim(snapshot, &show, 100, 20));
    assert_false(cut_snapshot_get(snapshot, &show, 0, &read));
    for (note.nth = 1; note.nth <= SNAPSHOT_CUTS_MAX; note.nth++)
        cut_snapshot_put(snapshot, &show, &note);
    assert_true(cut_snapshot_get(snapshot, &show, 1, &read));
    assert_int_equal(7, read.sum);
    assert_int_equal(4, read.cut.grown[1]);
    assert_false(cut_snapshot_get(snapshot, &show, SNAPSHOT_CUTS_MAX + 1, &read));
    assert_false(cut_snapshot_get(snapshot, &again, 1, &read));
    cut_snapshot_put(snapshot, &show, &note); /* replaces the first one */
    assert_false(cut_snapshot_get(snapshot, &show, 1, &read));
    assert_true(cut_snapshot_get(snapshot, &show, SNAPSHOT_CUTS_MAX + 1, &read));
    note.sum = 8; /* Redis lost this cut and has another one */
    cut_snapshot_put(snapshot, &show, &note);
    assert_true(cut_snapshot_get(snapshot, &show, SNAPSHOT_CUTS_MAX + 1, &read));
    assert_int_equal(8, read.sum);
    cut_snapshot_destroy(snapshot);
}

TEST_CASE(the_longest_idle_line_makes_room)
{
    struct cut_snapshot *snapshot = cut_snapshot_create();
    struct cut_note note = {.nth = 1, .sum = 7, .cut = {.grown = {3}}}, read;
    for (unsigned i = 0; i <= SNAPSHOT_LINES_MAX; i++) {
        char id[16];
        snprintf(id, sizeof(id), "show-%u", i);
        struct line_view view = line_called(id, "1");
        assert_true(cut_snapshot_claim(snapshot, &view, 1000 + i, 20));
        cut_snapshot_put(snapshot, &view, &note);
    }
    struct line_view first = line_called("show-0", "1"), second = line_called("show-1", "1");
    assert_false(cut_snapshot_get(snapshot, &first, 1, &read));
    assert_true(cut_snapshot_get(snapshot, &second, 1, &read));
    cut_snapshot_destroy(snapshot);
}

enum { LOOPS = 4, ROUNDS = 20000 };

struct reader {
    struct cut_snapshot *snapshot;
    uv_thread_t loop;
    uint32_t torn;
};

static void claim_and_read(void *arg)
{
    struct reader *reader = arg;
    struct cut_snapshot *snapshot = reader->snapshot;
    struct line_view show = line_called("show", "1");
    struct cut_note read;
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        if (cut_snapshot_claim(snapshot, &show, i, 1)) {
            struct cut_note note = {.nth = i, .sum = i, .cut = {.grown = {i, i}}};
            cut_snapshot_put(snapshot, &show, &note);
        }
        if (cut_snapshot_get(snapshot, &show, i, &read))
            reader->torn += read.sum != read.cut.grown[0] || read.sum != read.cut.grown[1];
    }
}

TEST_CASE(loops_that_read_at_once_see_whole_cuts)
{
    struct cut_snapshot *snapshot = cut_snapshot_create();
    struct reader reader[LOOPS];
    assert_non_null(snapshot);
    for (unsigned i = 0; i < LOOPS; i++) {
        reader[i] = (struct reader){.snapshot = snapshot};
        assert_int_equal(0, uv_thread_create(&reader[i].loop, claim_and_read, &reader[i]));
    }
    for (unsigned i = 0; i < LOOPS; i++) {
        assert_int_equal(0, uv_thread_join(&reader[i].loop));
        assert_int_equal(0, reader[i].torn);
    }
    cut_snapshot_destroy(snapshot);
}

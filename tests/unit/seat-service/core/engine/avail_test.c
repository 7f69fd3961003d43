/* avail_test.c: pictures of the hall, their versions, and the deltas between them. engine_script.h
 * documents the words of a row. */
#include "engine_script.h"

static const struct script_row rows[] = {
    {"a picture has the state of each seat",
     "hall (6)a floor=30; hold a u1 1; hold b u1 4; extend a o; confirm a o; block 3; publish 40;"
     "version 40; picture .s.#h.; counts 0 3 1 1 1; counts 1 30 0 0 0"},
    {"a picture keeps the version it was published with",
     "hall (8)a; version 0; publish 0; version 0; publish 5; version 5; hold a u1 1; publish 5;"
     "version 5; picture ........; publish 4; version 5; picture ........; publish 9; version 9;"
     "picture .h......"},
    {"an uncommitted change is not shown",
     "hall (8)a; hold a u1 1,2; begin hold b u2 4; begin change a u1 add=3 remove=1; begin block 6;"
     "publish 1; picture .hh.....; counts 0 6 2 0 0; commit 1; commit 2; undo 3; publish 2;"
     "picture ..hhh..."},
    {"deltas have each seat once with its newest state",
     "hall 2*(8)a; publish 10; hold a u1 9,2; publish 15; release a u1; hold a u1 2,5; publish 20;"
     "since 10 2=h 5=h 9=.; since 12 2=h 5=h 9=.; since 15 2=h 5=h 9=.; since 17 2=h 5=h 9=.;"
     "since 20 none"},
    {"a seat that was taken and given back between two pictures has a delta",
     "hall (8)a; publish 1; hold a u1 3; release a u1; publish 3; since 2 3=."},
    {"a seat has a delta once its hold is committed",
     "hall (8)a; publish 1; begin hold a u2 4; publish 2; commit; publish 3; since 2 4=h"},
    {"a seat that was shown early has a delta again", /* another process may not have shown it */
     "hall (8)a; publish 1 latest=1; hold a u1 3; publish 5 latest=7; since 5 3=h; since 1 3=h;"
     "publish 7 latest=7; since 5 3=h; since 7 none; hold b u1 5; publish 12 latest=7;"
     "since 11 5=h"},
    {"a reader of an unknown version takes the whole picture",
     "hall (8)a; since 0 behind; publish 100; since 0 behind; since 99 behind; since 101 behind;"
     "since 100 none; hold a u1 1,3; publish 101; since 100 behind room=1; since 100 1=h 3=h"},
    {"seats are counted by category",
     "hall abbccccc bbb; block 1,5,6,7,9,10; hold a u1 3; publish 1; counts 0 1 0 0 0;"
     "counts 1 2 0 0 3; counts 2 1 1 0 3; publish 2; counts 0 1 0 0 0; counts 1 2 0 0 3;"
     "counts 2 1 1 0 3"},
};

/* A picture has 32 seats a word, and is copied eight bytes at a time. */
TEST_CASE(halls_of_any_size_are_shown_and_counted)
{
    static const uint32_t sizes[] = {1, 31, 32, 33, 64, 65, 128, 250};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct engine_delta deltas[256];
        uint64_t version;
        uint32_t held = 0, blocked = 0;
        char picture[256] = "";
        engine_script("hall (%u)a; counts 0 %u 0 0 0; publish 1", sizes[i], sizes[i]);
        for (uint32_t seat = 0; seat < sizes[i]; seat++) {
            picture[seat] = "h..#."[seat % 5];
            held += picture[seat] == 'h';
            blocked += picture[seat] == '#';
            if (picture[seat] != '.')
                engine_script(picture[seat] == 'h' ? "hold a u1 %u" : "block %u", seat);
        }
        uint32_t all = held + blocked;
        for (unsigned published = 2; published < 5; published++) { /* nothing changes after 2 */
            engine_script("publish %u; version %u; picture %s", published, published, picture);
            engine_script("counts 0 %u %u 0 %u", sizes[i] - all, held, blocked);
            assert_int_equal(engine_avail_since(engine_world.engine, 1, deltas, all, &version),
                             all);
            for (uint32_t d = 0; d < all; d++) {
                assert_int_equal(deltas[d].seat, d / 2 * 5 + d % 2 * 3);
                assert_int_equal(deltas[d].state, d % 2 == 0 ? ENGINE_HELD : ENGINE_BLOCKED);
            }
            assert_int_equal(engine_avail_since(engine_world.engine, 1, deltas, all - 1, &version),
                             -1);
        }
    }
}

/* A small hall remembers 256 changes, a large one an eighth of its seats, rounded up. */
TEST_CASE(deltas_go_back_as_far_as_the_ring)
{
    static const struct {
        uint32_t rows, ring;
    } halls[] = {{8, 256}, {11, 512}};
    for (size_t i = 0; i < sizeof(halls) / sizeof(halls[0]); i++) {
        struct engine_delta deltas[600];
        uint64_t version;
        uint32_t ring = halls[i].ring;
        engine_script("hall %u*(250)a", halls[i].rows);
        struct engine *engine = engine_world.engine;
        for (uint32_t seat = 0; seat < ring; seat++)
            engine_script("publish %u; hold a u1 %u", 1 + seat, seat);
        engine_script("publish %u", 1 + ring);
        assert_int_equal(engine_avail_since(engine, 1, deltas, 600, &version), ring);
        engine_script("hold a u1 %u; publish %u", ring, 2 + ring);
        assert_int_equal(engine_avail_since(engine, 2, deltas, 600, &version), -1);
        assert_int_equal(engine_avail_since(engine, 3, deltas, 600, &version), ring - 1);
        assert_int_equal(deltas[0].seat, 2);
        assert_int_equal(deltas[ring - 2].seat, ring);
    }
}

UNIT_BETWEEN(NULL, engine_script_end)
SCRIPT_TESTS(rows, engine_script_verbs())

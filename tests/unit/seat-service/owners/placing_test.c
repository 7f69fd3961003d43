/* placing_test.c: living processes share free events evenly, wait once for members that are
 * starting, and take over an event that another process leaves. */
#include "owners/placing.h"
#include "unit.h"

enum { EVENTS = 7 };

/* The letters of the events that `self` should take. */
static const char *turns(struct placing placing, const struct placing_event *events)
{
    static char taken[EVENTS + 1];
    bool mine[EVENTS];
    uint32_t len = 0;
    placing_choose(&placing, events, EVENTS, mine);
    for (uint32_t i = 0; i < EVENTS; i++)
        if (mine[i])
            taken[len++] = (char)('a' + i);
    taken[len] = '\0';
    return taken;
}

/* Events are letters: o owned, l forlorn (no process took it), w waits for members, r waits for its
 * owner, u we are its wished owner, x another is, f as x and forlorn, y as u and owned, - free. */
static const struct {
    const char *name;
    uint32_t expected;
    const char *alive;
    uint32_t self, load_of_first;
    const char *events, *turns;
} shares[] = {
    {"one process takes all", 1, "0", 0, 0, "-------", "abcdefg"},
    {"at whatever place", 2, "3", 3, 0, "-------", "abcdefg"},
    {"three share evenly: the first", 3, "025", 0, 0, "-------", "adg"},
    {"three share evenly: the second", 3, "025", 2, 0, "-------", "be"},
    {"three share evenly: the third", 3, "025", 5, 0, "-------", "cf"},
    {"a process with fewer events takes more", 2, "01", 1, 2, "o---o--", "bcf"},
    {"and one with more takes fewer", 2, "01", 0, 2, "o---o--", "dg"},
    /* Process 1 also takes the turns of the missing members 0 and 2. */
    {"events without a first owner wait for members", 3, "1", 1, 0, "ww-wwww", "bc"},
    {"events whose owner may return are not taken", 1, "0", 0, 0, "rr-rrrr", "c"},
    {"forlorn events are for all", 2, "01", 0, 0, "-l-l---", "abcdeg"},
    {"forlorn events are for all, in each process", 2, "01", 1, 0, "-l-l---", "bdf"},
    {"a wanted process takes its event against its load", 2, "01", 0, 9, "ux-oooo", "a"},
    {"another leaves it, and takes what is its turn", 2, "01", 1, 9, "xx-oooo", "c"},
    {"a forlorn wish is for all", 2, "01", 1, 9, "xf-oooo", "bc"},
    {"a wished event stays where it is owned", 2, "01", 0, 9, "yx-oooo", ""},
};

TEST_CASE(free_events_are_shared)
{
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        struct placing placing = {.expected = shares[i].expected,
                                  .self = shares[i].self,
                                  .load = {shares[i].load_of_first}};
        struct placing_event events[EVENTS];
        for (const char *c = shares[i].alive; *c != '\0'; c++)
            placing.alive[*c - '0'] = true;
        for (unsigned e = 0; e < EVENTS; e++) {
            char c = shares[i].events[e];
            events[e] = (struct placing_event){.owned = c == 'o' || c == 'y',
                                               .forlorn = c == 'l' || c == 'f',
                                               .waits = c == 'w',
                                               .returns = c == 'r'};
            if (c == 'u' || c == 'y')
                events[e].wish = PLACING_WISH_US;
            if (c == 'x' || c == 'f')
                events[e].wish = PLACING_WISH_OTHER;
        }
        if (strcmp(turns(placing, events), shares[i].turns) != 0)
            fail_msg("%s: %s", shares[i].name, turns(placing, events));
    }
}

enum {
    LONG_MS = 60000,
    START_MS = OWNERS_WAIT_MS + OWNERS_FORLORN_MS,
    SETTLED_MS = OWNERS_RETURN_MS + OWNERS_FORLORN_MS,
};

/* The answer: r its owner may return, w waits for members, f forlorn, "" take it. */
static const struct {
    const char *name;
    struct placing_seen seen;
    const char *answer;
} seen[] = {
    {"a dead owner's event is taken at once", {.was_owned = true}, ""},
    {"its owner may return", {.was_owned = true, .again_ms = OWNERS_RETURN_MS - 1}, "r"},
    {"but not for ever", {.was_owned = true, .again_ms = OWNERS_RETURN_MS}, ""},
    {"and then it goes by turns",
     {.was_owned = true, .again_ms = SETTLED_MS - 1, .free_ms = LONG_MS},
     ""},
    {"for a while", {.was_owned = true, .again_ms = SETTLED_MS, .free_ms = LONG_MS}, "f"},
    {"an event without a first owner does not return", {.again_ms = 1}, ""},
    {"one that just started saw no break", {.was_owned = true, .here_ms = 10, .again_ms = 10}, ""},
    {"members are waited for at the start", {.here_ms = OWNERS_WAIT_MS - 1}, "w"},
    {"and then no longer", {.here_ms = OWNERS_WAIT_MS}, ""},
    {"not forlorn at once", {.was_owned = true, .free_ms = OWNERS_FORLORN_MS - 1}, ""},
    {"forlorn after a while", {.was_owned = true, .free_ms = OWNERS_FORLORN_MS}, "f"},
    {"without a first owner after a while, too", {.free_ms = OWNERS_FORLORN_MS}, "f"},
    {"at the start not", {.here_ms = START_MS - 1, .free_ms = START_MS - 1}, ""},
    {"at the start later", {.here_ms = START_MS, .free_ms = START_MS}, "f"},
    {"an owned event is not forlorn", {.owned = true, .free_ms = LONG_MS}, ""},
};

TEST_CASE(free_event_is_classified)
{
    for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++) {
        struct placing_seen one = seen[i].seen;
        char answer[4];
        one.here_ms = one.here_ms == 0 ? LONG_MS : one.here_ms;
        one.again_ms = one.again_ms == 0 ? LONG_MS : one.again_ms;
        struct placing_event event = placing_judge(&one);
        snprintf(answer, sizeof(answer), "%s%s%s", event.returns ? "r" : "", event.waits ? "w" : "",
                 event.forlorn ? "f" : "");
        if (strcmp(answer, seen[i].answer) != 0)
            fail_msg("%s: %s", seen[i].name, answer);
    }
}

TEST_CASE(every_free_event_is_the_turn_of_exactly_one_member)
{
    const struct rng *rng = unit_rng();
    for (unsigned round = 0; round < 2000; round++) {
        struct placing placing = {.expected = 1};
        struct placing_event events[EVENTS];
        uint32_t turns_of[EVENTS] = {0};
        memset(events, 0, sizeof(events));
        placing.alive[rng_below(rng, OWNERS_MAX)] = true;
        for (uint32_t place = 0; place < OWNERS_MAX; place++) {
            placing.alive[place] = placing.alive[place] || rng_below(rng, 4) == 0;
            placing.load[place] = placing.alive[place] ? (uint32_t)rng_below(rng, 5) : 0;
        }
        for (uint32_t i = 0; i < EVENTS; i++)
            events[i].owned = rng_below(rng, 3) == 0;
        for (uint32_t place = 0; place < OWNERS_MAX; place++) {
            struct placing its = placing;
            bool mine[EVENTS];
            its.self = place;
            if (placing.alive[place])
                placing_choose(&its, events, EVENTS, mine);
            for (uint32_t i = 0; placing.alive[place] && i < EVENTS; i++)
                turns_of[i] += mine[i];
        }
        for (uint32_t i = 0; i < EVENTS; i++)
            assert_int_equal(turns_of[i], events[i].owned ? 0 : 1);
    }
}

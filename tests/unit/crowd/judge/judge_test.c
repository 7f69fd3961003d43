/* judge_test.c: a true story passes, and each way of contradicting it is found.
 *
 * Statements of a row (script.h). Each record is 10 ms later than the one before.
 */
/* clang-format off */
/*   KIND VISITOR VALUE [xN] FIELD=VALUE...   a record, or N of them; words: value_of()
 *   each N KIND VALUE ...                    the same for the visitors 0 to N - 1
 *   waits VISITOR PLACE AHEAD                a wait of a place that was not called
 *   holds VISITOR SEAT SECONDS | buys VISITOR PLACE SEAT | sleep TIME
 *   edit VISITOR KIND[#N] FIELD=VALUE...     changes the Nth such record
 *   every KIND FIELD=VALUE...                changes all such records
 *   conf KEY=N...                            another configuration than `usual`
 *
 * A number that ends in + grows with the visitor, or with each of the N records; a change that
 * begins with + or - is relative. Expected are:
 *   only KIND|nothing    the only kind of finding
 *   says TEXT            part of the first finding
 *   found KIND N | sum NAME N
 *   tally NAME N         of the hoarders
 *   writes LINE...       the history, ' for ", from the time 0 of "epoch" on */
/* clang-format on */
#include "judge/judge.h"

#include "refuse_realloc.h"
#include "script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct judge_conf usual = {
    .rate_known = true,
    .rate_milli = 2000,
    .session_ttl_ms = 60000,
    .active_max = 2,
    .seats_max = 4,
    .expect = {.waiting_max = 100, .turned_max = 100, .ticket_within_ms = 60000},
};

static struct story {
    struct record record[256];
    size_t len;
    uint64_t now_us;
    struct judge_conf conf;
    struct judge_verdict verdict;
} story;

/* ---- records ---- */

static uint64_t value_of(const struct script_line *line, const char *word, uint32_t more)
{
    static const struct {
        const char *name;
        uint64_t value;
    } words[] = {
        {"done", END_DONE},
        {"left", END_LEFT},
        {"no-show", END_NO_SHOW},
        {"too-late", END_TOO_LATE},
        {"voided", END_VOIDED},
        {"turned", END_TURNED},
        {"patience", END_PATIENCE},
        {"ordered", SENT_ORDER},
        {"dropped", SENT_DROP},
        {"gone-call", GONE_CALL},
        {"gone-hold", GONE_HOLD},
        {"cancelled", VOID_CANCELLED},
        {"jump", TRICK_JUMP},
        {"forge", TRICK_FORGE},
        {"tab", TRICK_TAB},
        {"rejoin", TRICK_REJOIN},
        {"reuse", TRICK_REUSE},
        {"return", TRICK_RETURN},
        {"share", TRICK_SHARE},
        {"second", TRICK_SECOND},
        {"hold", SENT_HOLD},
        {"sold-out", END_SOLD_OUT},
        {"failed", END_FAILED},
        {"hoard", TRICK_HOARD},
        {"bot", 1u << MANNER_REUSER | 1u << MANNER_HOARDER},
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(words[i].name, word) == 0)
            return words[i].value;
    }
    if (word[0] < '0' || word[0] > '9')
        fail_msg("%s: \"%s\": what is %s?", line->row, line->text, word);
    return strtoull(word, NULL, 10) + (word[strlen(word) - 1] == '+' ? more : 0);
}

static enum record_kind kind_of(const struct script_line *line, const char *word)
{
    size_t len = strcspn(word, "#");
    for (unsigned kind = 0; kind < RECORD_KINDS; kind++) {
        if (strlen(record_kind_names[kind]) == len &&
            strncmp(record_kind_names[kind], word, len) == 0)
            return (enum record_kind)kind;
    }
    fail_msg("%s: \"%s\": %s is no kind", line->row, line->text, word);
    abort();
}

static uint64_t changed(uint64_t from, const char *to)
{
    if (to[0] == '+')
        return from + script_number(to + 1);
    return to[0] == '-' ? from - script_number(to + 1) : script_number(to);
}

static void set_fields(const struct script_line *line, struct record *record)
{
    const char *value = script_value(line, "value"), *more = script_value(line, "more"),
               *kind = script_value(line, "kind"), *at = script_value(line, "at"),
               *flags = script_value(line, "flags"), *promise = script_value(line, "promise");
    record->status = (uint16_t)script_value_or(line, "status", record->status);
    record->took_us = (uint32_t)script_value_or(line, "took", record->took_us);
    if (value != NULL)
        record->value = value[0] == '+' || value[0] == '-' ? changed(record->value, value)
                                                           : value_of(line, value, 0);
    if (more != NULL) /* relative to the time, in a new record */
        record->more = changed(record->at_us, more);
    if (kind != NULL)
        record->kind = (uint8_t)kind_of(line, kind);
    if (at != NULL)
        record->at_us = changed(record->at_us, at);
    if (promise != NULL) { /* p50/p90, seconds */
        char *p90;
        uint64_t p50 = strtoull(promise, &p90, 10);
        record->more = p50 << 32 | strtoull(p90 + 1, NULL, 10);
    }
    if (flags != NULL)
        record->flags = strcmp(flags, "early") == 0   ? RECORD_EARLY
                        : strcmp(flags, "stale") == 0 ? RECORD_WAITING | RECORD_STALE
                                                      : RECORD_WAITING;
}

static struct record *put(uint32_t visitor, enum record_kind kind, uint64_t value, uint64_t more)
{
    struct record *record = &story.record[story.len++];
    assert_true(story.len <= sizeof(story.record) / sizeof(story.record[0]));
    story.now_us += 10000;
    *record = (struct record){.at_us = story.now_us,
                              .visitor = visitor,
                              .kind = (uint8_t)kind,
                              .value = value,
                              .more = more,
                              .status = 200};
    return record;
}

/* The words from `at` on are a kind, perhaps "waits", and its values. */
static void put_line(const struct script_line *line, unsigned at, unsigned values, uint32_t visitor,
                     uint32_t more)
{
    const char *word = script_word(line, at);
    bool waits = strcmp(word, "waits") == 0;
    uint64_t value = value_of(line, script_word(line, values), more);
    uint64_t ahead = waits ? value_of(line, script_word(line, values + 1), more) : 0;
    struct record *record = put(visitor, waits ? RECORD_WAIT : kind_of(line, word), value, ahead);
    record->flags = waits ? RECORD_WAITING : 0;
    set_fields(line, record);
}

static uint32_t visitor_at(const struct script_line *line, unsigned at)
{
    return (uint32_t)script_number(script_word(line, at));
}

static void do_put(const struct script_line *line)
{
    uint32_t count = 1;
    if (line->len > 3 && line->words[3][0] == 'x')
        count = (uint32_t)script_number(line->words[3] + 1);
    for (uint32_t i = 0; i < count; i++)
        put_line(line, 0, 2, visitor_at(line, 1), i);
}

static void do_each(const struct script_line *line)
{
    for (uint32_t visitor = 0; visitor < visitor_at(line, 1); visitor++)
        put_line(line, 2, 3, visitor, visitor);
}

static void do_sleep(const struct script_line *line)
{
    story.now_us += script_number(script_word(line, 1));
}

static void do_holds(const struct script_line *line)
{
    uint32_t visitor = visitor_at(line, 1);
    put(visitor, RECORD_HOLD, 1, 0);
    put(visitor, RECORD_SEAT, visitor_at(line, 2), 0);
    put(visitor, RECORD_UNTIL, story.now_us + script_number(script_word(line, 3)) * 1000000,
        100 + visitor);
}

static void do_buys(const struct script_line *line)
{
    uint32_t visitor = visitor_at(line, 1), place = visitor_at(line, 2);
    put(visitor, RECORD_JOIN, place, 0);
    story.now_us += 1000000;
    put(visitor, RECORD_CALLED, place, 0);
    put(visitor, RECORD_PASS, place, 0);
    put(visitor, RECORD_HOLD, 1, 9900);
    put(visitor, RECORD_SEAT, visitor_at(line, 3), 0);
    put(visitor, RECORD_UNTIL, story.now_us + 60000000, 2000 + visitor);
    put(visitor, RECORD_SENT, SENT_ORDER, 0);
    put(visitor, RECORD_ORDER, 9900, 1000 + visitor);
    put(visitor, RECORD_BY, story.now_us + 60000000, 1000 + visitor);
    put(visitor, RECORD_PAID, 9900, 0);
    put(visitor, RECORD_TICKET, 1, 1000 + visitor);
    put(visitor, RECORD_END, END_DONE, 0);
}

static void do_edit(const struct script_line *line)
{
    const char *kind = script_word(line, 2), *number = strchr(kind, '#');
    unsigned skip = number != NULL ? (unsigned)strtoul(number + 1, NULL, 10) - 1 : 0;
    for (size_t i = 0; i < story.len; i++) {
        struct record *record = &story.record[i];
        if (record->visitor != visitor_at(line, 1) || record->kind != kind_of(line, kind))
            continue;
        if (skip-- == 0) {
            set_fields(line, record);
            return;
        }
    }
    fail_msg("%s: \"%s\": there is no such record", line->row, line->text);
}

static void do_every(const struct script_line *line)
{
    for (size_t i = 0; i < story.len; i++) {
        if (story.record[i].kind == kind_of(line, script_word(line, 1)))
            set_fields(line, &story.record[i]);
    }
}

static void do_conf(const struct script_line *line)
{
    struct judge_conf *conf = &story.conf;
    struct expect *expect = &conf->expect;
    conf->rate_known = script_value_or(line, "rate_known", conf->rate_known);
    const struct {
        const char *key;
        uint64_t *value;
    } keys[] = {
        {"burst", &conf->burst},
        {"gone_after_ms", &conf->gone_after_ms},
        {"placed_min", &expect->placed_min},
        {"passed_min", &expect->passed_min},
        {"done_min", &expect->done_min},
        {"waiting_max", &expect->waiting_max},
        {"turned_max", &expect->turned_max},
        {"lost_max", &expect->lost_max},
        {"void_max", &expect->void_max},
        {"eta_p90_min", &expect->eta_p90_min},
    };
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        *keys[i].value = script_value_or(line, keys[i].key, *keys[i].value);
}

/* ---- verdicts ---- */

static const struct judge_verdict *judged(void)
{
    struct err_slot err;
    assert_int_equal(judge(story.record, story.len, &story.conf, &err, &story.verdict), 0);
    return &story.verdict;
}

static void finds_only(const struct script_line *line)
{
    const struct judge_verdict *verdict = judged();
    const char *want = script_word(line, 1);
    for (uint32_t i = 0; i < verdict->written; i++) {
        if (strcmp(judge_kind_names[verdict->finding[i].kind], want) != 0)
            fail_msg("%s: \"%s\": found %s", line->row, line->text, verdict->finding[i].text);
    }
    assert_int_equal(verdict->findings == 0, strcmp(want, "nothing") == 0);
}

static void says_first(const struct script_line *line)
{
    const struct judge_verdict *verdict = judged();
    const char *text = verdict->findings > 0 ? verdict->finding[0].text : "nothing was found";
    if (strstr(text, script_rest(line, 0)) == NULL)
        fail_msg("%s: \"%s\": it is \"%s\"", line->row, line->text, text);
}

static void has_found(const struct script_line *line)
{
    const struct judge_verdict *verdict = judged();
    for (unsigned kind = 0; kind < FOUND_KINDS; kind++) {
        if (strcmp(judge_kind_names[kind], script_word(line, 1)) == 0)
            script_expect(line, script_word(line, 2), verdict->found[kind]);
    }
}

static void has_sum(const struct script_line *line)
{
    const struct judge_verdict *verdict = judged();
    const struct script_field fields[] = {
#define SUM(NAME) {.name = #NAME, .number = verdict->NAME},
        JUDGE_SUMS(SUM)
#undef SUM
            {.name = "findings", .number = verdict->findings},
        {.name = "done", .number = verdict->ended[END_DONE]},
        {.name = NULL},
    };
    script_expect_field(line, 1, fields);
}

static void has_tally(const struct script_line *line)
{
    const struct judge_tally *tally = &judged()->tally[MANNER_HOARDER];
    const struct script_field fields[] = {
#define TALLY(NAME, TITLE) {.name = #NAME, .number = tally->NAME},
        JUDGE_TALLIES(TALLY)
#undef TALLY
            {.name = NULL},
    };
    script_expect_field(line, 1, fields);
}

static void do_epoch(const struct script_line *line)
{
    (void)line;
    story.now_us = 0;
    story.conf = (struct judge_conf){.gone_after_ms = 5000};
}

static void writes(const struct script_line *line)
{
    static const char head[] = "{'history':1,'of':'a crowd','saga':'unseen','lag_us':2000000,"
                               "'gone_after_us':5000000}\n";
    char path[] = "/tmp/history-XXXXXX", text[4096], want[4096] = "";
    struct err_slot err;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(judge_history(story.record, story.len, &story.conf, path, &err), 0);
    ssize_t len = read(fd, text, sizeof(text) - 1);
    close(fd);
    unlink(path);
    assert_in_range(len, sizeof(head) - 1, sizeof(text) - 1);
    text[len] = '\0';
    for (char *quote = text; (quote = strchr(quote, '"')) != NULL;)
        *quote = '\'';
    for (unsigned i = 1; i < line->len; i++) {
        size_t end = strlen(want);
        snprintf(want + end, sizeof(want) - end, "%s\n", line->words[i]);
    }
    assert_memory_equal(text, head, sizeof(head) - 1);
    script_expect_text(line, want, text + sizeof(head) - 1);
}

static const struct script_verb verbs[] = {
    {"who", do_put},      {"entry", do_put},    {"join", do_put},    {"wait", do_put},
    {"waits", do_put},    {"called", do_put},   {"pass", do_put},    {"hold", do_put},
    {"seat", do_put},     {"sent", do_put},     {"paid", do_put},    {"sold", do_put},
    {"want", do_put},     {"until", do_put},    {"order", do_put},   {"ticket", do_put},
    {"taken", do_put},    {"step", do_put},     {"epoch", do_epoch}, {"writes", writes},
    {"gone", do_put},     {"trick", do_put},    {"other", do_put},   {"end", do_put},
    {"each", do_each},    {"sleep", do_sleep},  {"holds", do_holds}, {"buys", do_buys},
    {"edit", do_edit},    {"every", do_every},  {"conf", do_conf},   {"only", finds_only},
    {"says", says_first}, {"found", has_found}, {"sum", has_sum},    {"tally", has_tally},
    {NULL, NULL},
};

/* ---- rows ---- */

#define HONEST "buys 0 1 10; buys 1 2 11; "
#define BOT                                                                                        \
    HONEST                                                                                         \
    "edit 1 end kind=other; who 1 bot at=-60s; trick 1 reuse more=0; trick 1 hoard more=4; "       \
    "trick 1 share status=409; trick 1 return status=410; end 1 done; "

static const struct script_row rows[] = {
    {"true_story_passes", HONEST "sum findings 0; sum tickets 2; sum paid 19800; sum done 2"},
    {"place_of_two_visitors_is_found",
     HONEST "edit 1 join value=1; says place 1 was given to visitors 0 and 1"},
    {"seat_sold_to_two_visitors_is_found",
     HONEST "edit 1 seat value=10; says seat #10 was sold to visitors 0 and 1"},
    {"order_of_two_visitors_is_found",
     HONEST "edit 1 order more=1000; says visitors 0 and 1 have the same order"},
    {"second_place_of_a_visitor_is_found",
     HONEST "join 0 3; says visitor 0 got place 1 and later 3"},
    {"two_hundred_places_of_a_visitor_are_found",
     HONEST "join 0 1000+ x200; says visitor 0 got place 1 and later 1000"},
    {"pass_without_a_call_is_found", HONEST "edit 0 called kind=other; says without being called"},
    {"tickets_for_less_than_their_price_are_found",
     HONEST "edit 1 paid value=9800; says tickets for an order of 9900 and paid 9800"},
    {"tickets_without_a_payment_are_found", HONEST "edit 1 paid kind=other; says paid 0"},
    {"line_that_moves_too_fast_is_found",
     "each 4 join 900+; called 3 903; each 4 end no-show; says from 899 at most to 903: 4 calls; "
     "only rate; edit 0 end value=left; edit 1 end value=left; edit 2 end value=left; only rate; "
     "edit 3 called at=+250ms; only nothing"},
    {"rate_holds_in_each_window", "each 40 join 1+; sleep 60s; waits 39 40 39; each 40 called 1+; "
                                  "each 40 end patience; only rate; conf burst=40; only nothing"},
    {"visitor_let_in_before_those_in_front_is_found",
     "each 20 join 1+; sleep 10s; pass 9 10 flags=early; sleep 3s; waits 19 20 9; each 20 end "
     "patience; only nothing; edit 19 wait more=10; only jump; edit 9 pass kind=called; only jump; "
     "edit 19 wait flags=stale; only nothing; edit 19 wait flags=waiting at=-2500ms; only nothing"},
    {"pass_before_the_draw_is_found", "entry 0 1; pass 0 1 flags=early; end 0 done; only jump"},
    {"more_people_ahead_are_found_unless_some_may_have_come_back",
     "each 6 join 1+; waits 5 6 5; sleep 3s; waits 5 6 3; sleep 3s; waits 5 6 5; each 6 waits 1+ "
     "0; each 6 end patience; says visitor 5 with place 6 had 3 ahead and later 5; says 0 could "
     "have come back; only ahead-rose; conf gone_after_ms=6000; only nothing; conf "
     "gone_after_ms=0; edit 5 wait#2 flags=stale; only nothing"},
    {"place_of_a_stranger_may_come_back",
     "join 0 1; join 1 4; waits 1 4 1; sleep 3s; waits 1 4 3; each 2 end patience; only nothing; "
     "edit 1 wait#2 more=4; only ahead-rose"},
    {"seat_held_for_two_is_found_though_neither_buys_it",
     "holds 0 7 10; sleep 5s; holds 1 7 10; each 2 end patience; only overlapping-holds; edit 0 "
     "until value=-6s; only nothing; sum held_until_ms 1700000015050"},
    {"seat_given_back_may_be_held_for_another", "holds 0 7 10; sent 0 dropped; sleep 5s; holds 1 7 "
                                                "10; end 0 left; end 1 patience; only nothing"},
    {"sold_seat_held_for_another_is_found",
     "buys 0 1 10; sleep 600s; holds 1 10 10; end 1 left; only overlapping-holds; edit 1 seat "
     "value=11; only nothing"},
    {"seat_confirmed_without_money_is_sold",
     "holds 0 7 1; sleep 2s; sent 0 ordered; sold 0 1; end 0 done; holds 1 7 1; sleep 2s; sent 1 "
     "ordered; sold 1 1; end 1 done; says seat #7 was sold to visitors 0 and 1; found "
     "overlapping-holds 1; edit 1 seat value=8; only nothing; sum seats 2"},
    {"payer_without_a_ticket_is_found",
     HONEST "edit 1 ticket kind=void value=cancelled; edit 1 end value=voided; says visitor 1 paid "
            "9900 and has no ticket: the order was turned back; only paid-no-ticket; conf "
            "void_max=500; only nothing; conf void_max=0; edit 1 by value=-120s; only nothing"},
    {"payer_shortly_before_the_end_may_get_a_ticket_later", HONEST
     "edit 1 ticket kind=step; edit 1 end value=patience; sum unfinished 1; only nothing; edit 1 "
     "end at=+61s; only paid-no-ticket; edit 1 end at=-61s value=too-late; only paid-no-ticket"},
    {"hold_gone_before_its_time_is_found",
     "holds 0 7 10; sleep 8s; gone 0 gone-hold; end 0 left; says visitor 0's hold was gone 2.0 s "
     "before; only gone-early; edit 0 gone at=+3s; edit 0 end at=+3s; only nothing"},
    {"call_gone_before_its_time_is_found",
     "join 0 1; sleep 2s; called 0 1 more=+60s; gone 0 gone-call; end 0 too-late; only gone-early; "
     "edit 0 called more=0; only nothing"},
#define NO_ANSWER "each 10 other 0 status=503; each 10 end turned; "
    {"service_that_places_nobody_is_found", NO_ANSWER "conf placed_min=90; only few-placed"},
    {"service_that_admits_nobody_is_found", NO_ANSWER "conf passed_min=1; only few-passed"},
    {"service_that_serves_nobody_is_found", NO_ANSWER "conf done_min=1; only few-done"},
    {"service_that_turns_all_away_is_found", NO_ANSWER "conf turned_max=50; only turned-away"},
    {"service_that_leaves_all_waiting_is_found",
     NO_ANSWER "conf waiting_max=99; every end value=patience; only left-waiting"},
    {"answers_that_never_came_are_found", NO_ANSWER
     "conf lost_max=499; every other status=0; only lost-answers; sum lost 10; sum answered 10"},
    {"waits_longer_than_promised_are_found_though_nobody_is_called",
     "conf eta_p90_min=80; each 20 join 1+ promise=2/4; sleep 6s; each 20 waits 1+ 0+; each 20 end "
     "patience; only nothing; every wait at=+2s; only eta; sum eta_judged 20; sum eta_within_p90 "
     "0"},
    {"jump_that_worked_is_found", HONEST "trick 0 jump status=201; says \"jump the line\" worked"},
    {"second_tab_that_worked_is_found", HONEST "trick 0 tab more=7; says \"second tab\" worked"},
    {"trick_that_failed_is_not_found",
     HONEST "trick 0 forge more=1 status=401; trick 0 rejoin more=1; sum findings 0"},
    {"visitor_without_an_end_is_found",
     HONEST "edit 1 end kind=other; says visitor 1 came to no end"},
    {"only_the_last_hold_counts_when_seats_were_changed",
     "join 0 1; hold 0 1; seat 0 11; hold 0 1; seat 0 12; end 0 left; buys 1 2 11; sum findings 0"},
    {"lower_number_for_a_later_visitor_is_found",
     "join 0 7; join 1 6 took=9000; each 2 end patience; says visitor 0 had place 7 before visitor "
     "1 asked, who got 6; edit 1 join took=11000; sum findings 0"},
    {"place_that_changes_is_found", HONEST
     "wait 0 1 more=5; sum findings 0; wait 0 2 more=6; says visitor 0 with place 1 was shown 2"},
    {"draw_makes_places_of_entries_in_any_order",
     "each 3 entry 1+; join 0 3; join 1 2; join 2 1; each 3 end patience; sum findings 0; edit 2 "
     "join value=3; says place 3 was given to visitors 0 and 2; edit 2 join value=1; edit 2 entry "
     "value=1; says entry 1 was given to visitors 0 and 2"},
#define ENTERS(VISITOR, PLACE)                                                                     \
    "sleep 1s; join " VISITOR " " PLACE "; called " VISITOR " " PLACE "; pass " VISITOR " " PLACE  \
    " more=7" PLACE "; "
    {"more_inside_than_allowed_are_found",
     "conf void_max=1000 rate_known=0; " ENTERS("0", "1") "paid 0 0; end 0 done; " ENTERS(
         "1",
         "2") "end 1 done; " ENTERS("2",
                                    "3") "end 2 done; sum findings 0; sum active_most 2; edit 0 "
                                         "paid kind=other; only too-many-inside; sum active_most "
                                         "3; edit 0 pass at=-59500ms; edit 0 called at=-60s; edit "
                                         "0 join at=-60s; sum active_most 2"},
    {"bot_that_got_nothing_more_is_counted",
     BOT "sum findings 0; tally visitors 1; tally tickets 1; tally held_most 4; tally tried 4; "
         "tally worked 0"},
    {"second_visit_of_a_ticket_is_found",
     BOT "trick 1 reuse more=5; says \"second visit of a ticket\" worked; tally worked 1"},
    {"hoarded_seats_are_found",
     BOT "trick 1 hoard more=5; says \"hoard seats\" worked; tally worked 1"},
    {"order_of_a_shared_hold_is_found",
     BOT "trick 1 share; says \"order somebody else's hold\" worked; tally worked 1"},
    {"return_after_the_order_is_found",
     BOT "trick 1 return; says \"come back after the order\" worked; tally worked 1"},
    {"pass_used_after_its_order_is_found",
     BOT "trick 1 second; says \"pass used after its order\" worked; tally worked 1"},
    {"forged_ticket_that_worked_is_found",
     BOT "trick 1 forge; says \"forged ticket\" worked; tally worked 1"},
    {"two_visits_with_one_ticket_are_found", HONEST
     "pass 0 1; sum findings 0; pass 0 1 more=99; says visitor 0 has two visits with one ticket"},
    {"promised_waits_are_compared_with_the_real_ones",
     "join 0 1 promise=10/20; sleep 12500ms; waits 0 1 0; called 0 1; end 0 no-show; join 1 2 "
     "promise=10/20; sleep 40s; waits 1 2 0; called 1 2; end 1 no-show; sum findings 0; sum "
     "eta_judged 2; sum eta_within_p50 1; sum eta_within_p90 1; sum eta_off_p90_milli 700..800"},
};

static void begin(void)
{
    memset(&story, 0, sizeof(story));
    story.now_us = 1700000000000000;
    story.conf = usual;
}

static void run_row(void **state)
{
    begin();
    script_run(*state, verbs);
}

/* A judge without memory for what it saw says so rather than finding nothing. */
static void judge_without_memory_reports_it(void **state)
{
    (void)state;
    static const struct script_row honest = {"honest", HONEST};
    unsigned refused = 0;
    for (refused_at = 1;; refused_at++) {
        struct err_slot err;
        begin();
        script_run(&honest, verbs);
        grown = 0;
        int rc = judge(story.record, story.len, &usual, &err, &story.verdict);
        if (grown < refused_at)
            break;
        assert_int_equal(rc, ERR_NOMEM);
        refused++;
    }
    refused_at = 0;
    assert_true(refused >= 3); /* owners, sights of the line, stays at seats */
}

static void bad_records_and_files_are_reported(void **state)
{
    (void)state;
    struct record record = {.kind = RECORD_KINDS};
    struct err_slot err;
    assert_int_equal(judge(&record, 1, &usual, &err, &story.verdict), ERR_SYNTAX);
    assert_int_equal(judge_history(&record, 1, &usual, "/nowhere/history", &err), ERR_IO);
}

int main(void)
{
    const struct CMUnitTest functions[] = {
        cmocka_unit_test(judge_without_memory_reports_it),
        cmocka_unit_test(bad_records_and_files_are_reported),
    };
    return script_tests(functions, sizeof(functions) / sizeof(functions[0]), rows,
                        sizeof(rows) / sizeof(rows[0]), run_row);
}

/* ledger.c: see ledger.h. One row a place; the newest in a row is what counts.
 *
 * Fronts show pictures of different moments: a tick is every 50 to 150 ms, and a picture older than
 * a second says that it is stale. So what is told is held against what was told PICTURE_MS before,
 * by whom ever, and what was told since then waits in `fresh`. */
#include "queue/ledger.h"

#include "stage/faults.h"
#include "stage/invariant.h"
#include "stage/probes.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROWS_MAX = 4096, /* a power of two */
    FRESH_MAX = 12,
    PICTURE_MS = 1500,
    UNSEEN_MS = 2000, /* what a front was told last and others have not heard of */
    HEARD_MS = 20000,
    WAKING_MS = 10000, /* the longest stop, and what was told of that time */
    BURST_KEPT_MS = 10000,
    RULES_MAX = 256,
    PASSES_MAX = 4096,
};

#define KEY(name) "fg:{" FRONTS_EVENT "}:" name

/* That so many are ahead; `slack`: so many of them have come back since. */
struct told {
    uint64_t at_us;
    uint64_t before, ahead, slack;
    unsigned front;
    bool there;
};

struct row {
    uint64_t place, who, work;
    uint64_t given_us, shown_us;
    bool given, is_new, called, ghost, paid, entered, left, ended;
    struct told least, fresh[FRESH_MAX];
    struct {
        uint64_t at_us, expires_ms;
        unsigned front;
        bool there;
    } call, visit;
    uint64_t written_ms; /* until when Redis keeps the visit */
};

static struct {
    struct row rows[ROWS_MAX]; /* in the order in which they were heard of */
    uint32_t rows_len;
    uint32_t found[2 * ROWS_MAX]; /* by place: number in `rows`, from 1 */
    uint64_t served;              /* the highest place that was called, ever */
    uint64_t loss_us, losses, heal_us;
    uint64_t silent_us[FRONTS]; /* when each was silenced last */
    uint64_t faults, fault_us, stops, stop_us;
    uint32_t joined, entered, calls, visits_lost;
    struct {
        uint64_t at_us;
        unsigned front;
    } passes[PASSES_MAX]; /* given, in their order */
    uint32_t passes_len;
    /* the rate */
    double level, allowed, paid, rate, burst, burst_kept;
    uint64_t level_us, burst_kept_us;
    bool begun;
    /* knobs as Redis has them */
    uint64_t max_active, line_max, state;
    struct {
        uint64_t at_us;
        bool work;
    } rules[RULES_MAX];
    uint32_t rules_len;
} book;

/* NULL: nobody has heard of it. A heal leaves out many a place. */
static struct row *known_row(uint64_t place)
{
    uint32_t at = (uint32_t)(place * UINT64_C(0x9E3779B97F4A7C15) >> 40) % (2 * ROWS_MAX);
    while (book.found[at] != 0 && book.rows[book.found[at] - 1].place != place)
        at = (at + 1) % (2 * ROWS_MAX);
    return book.found[at] != 0 ? &book.rows[book.found[at] - 1] : NULL;
}

static struct row *row_of(uint64_t place)
{
    struct row *row = known_row(place);
    if (row != NULL)
        return row;
    if (book.rows_len == ROWS_MAX || place == 0)
        invariant_broken(INVARIANT_5, "place %" PRIu64 " in so small a world", place);
    row = &book.rows[book.rows_len++];
    row->place = place;
    row->called = place <= book.served;
    uint32_t at = (uint32_t)(place * UINT64_C(0x9E3779B97F4A7C15) >> 40) % (2 * ROWS_MAX);
    while (book.found[at] != 0)
        at = (at + 1) % (2 * ROWS_MAX);
    book.found[at] = book.rows_len;
    return row;
}

static uint64_t number_in(struct span text)
{
    uint64_t number = 0;
    (void)span_u64(text, UINT64_MAX, &number);
    return number;
}

/* The event's own clock, as the scripts reckon it. */
static uint64_t event_ms(void)
{
    struct span offset = keeper_field(KEY("cfg"), "clock_off_us");
    char text[32] = "0";
    (void)span_to_cstr(offset, text, sizeof(text));
    return (uint64_t)((int64_t)keeper_now_us() + strtoll(text, NULL, 10)) / SIM_MS;
}

static bool has_bit(struct span bits, uint64_t at)
{
    return at / 8 < bits.len && ((unsigned char)bits.ptr[at / 8] >> (7 - at % 8) & 1) != 0;
}

static uint64_t bits_of(struct span bits, uint64_t from, uint64_t upto)
{
    uint64_t n = 0;
    upto = upto < 8 * bits.len ? upto : 8 * bits.len;
    for (; from < upto && from % 8 != 0; from++)
        n += has_bit(bits, from);
    for (; from + 8 <= upto; from += 8)
        n += (unsigned)__builtin_popcount((unsigned char)bits.ptr[from / 8]);
    for (; from < upto; from++)
        n += has_bit(bits, from);
    return n;
}

/* A promise of this front, that nobody else may have known when Redis lost it. */
static bool may_be_forgotten(unsigned front, uint64_t at_us)
{
    return book.losses > 0 && book.loss_us + UNSEEN_MS * SIM_MS > at_us &&
           book.silent_us[front] + (uint64_t)10 * SIM_S > at_us && book.silent_us[front] > 0;
}

/* ---- the rate ---- */

static double room(void)
{
    bool keeps = sim_us() < book.burst_kept_us + BURST_KEPT_MS * SIM_MS;
    double burst = keeps && book.burst_kept > book.burst ? book.burst_kept : book.burst;
    return burst + 0.25 * book.rate;
}

static void refill(void)
{
    double more = (double)(sim_us() - book.level_us) / SIM_S * book.rate;
    book.level_us = sim_us();
    book.allowed += more;
    book.level += more;
    if (book.level > room())
        book.level = room();
}

static void set_rate(double rate, double burst)
{
    refill();
    if (!book.begun)
        book.allowed = book.level = burst + 0.25 * rate;
    book.begun = book.begun || (burst > 0 && rate > 0);
    if (rate > book.rate) { /* the next tick pays by the new one for a quarter of a second */
        book.level += 0.25 * (rate - book.rate);
        book.allowed += 0.25 * (rate - book.rate);
    }
    if (burst != book.burst) {
        book.burst_kept = book.burst;
        book.burst_kept_us = sim_us();
    }
    if (burst > book.burst)
        book.allowed += burst - book.burst;
    book.rate = rate;
    book.burst = burst;
}

static void on_step(int64_t us)
{
    if (us <= 0)
        return;
    book.level += 0.25 * book.rate;
    book.allowed += 0.25 * book.rate;
}

static void pay(uint64_t place)
{
    book.paid += 1;
    if (book.paid > book.allowed + 1e-6)
        invariant_broken(INVARIANT_6,
                         "%.0f were called by place %" PRIu64 ", and the rate allows %.2f ever",
                         book.paid, place, book.allowed);
}

/* ---- what Redis writes ---- */

static void call(struct row *row, uint64_t place)
{
    book.calls += 1;
    book.level -= 1;
    if (row != NULL)
        row->paid = true;
    pay(place);
    if (book.level < -1e-6)
        invariant_broken(INVARIANT_6,
                         "place %" PRIu64
                         " is called %.2f tokens before the rate allows it (%.3f a "
                         "second, burst %.0f)",
                         place, -book.level, book.rate, book.burst);
}

/* Ghosts are stepped over, and pay when they come back. */
static void pass(uint64_t place, struct span gone, struct span skipped)
{
    struct row *row = known_row(place);
    bool ghost = has_bit(skipped, place);
    if (row != NULL) {
        row->called = true;
        row->ghost = ghost && !has_bit(gone, place);
    }
    if (ghost)
        probe_reached(PROBE_LINE_GHOST);
    else if (!has_bit(gone, place))
        call(row, place);
}

static void on_serving(uint64_t serving)
{
    if (serving <= book.served)
        return; /* called again, after a loss */
    if (book.state != LINE_OPEN)
        invariant_broken(INVARIANT_6, "%" PRIu64 " are called in state %" PRIu64, serving,
                         book.state);
    refill();
    struct span gone = keeper_text(KEY("gone")), skipped = keeper_text(KEY("skipped"));
    for (uint64_t place = book.served + 1; place <= serving; place++)
        pass(place, gone, skipped);
    book.served = serving;
}

/* Those who wait and are there; whoever has left is away as well. */
static uint64_t waiting(uint64_t issued)
{
    uint64_t from = number_in(keeper_text(KEY("serving"))) + 1, n = issued + 1 - from;
    for (uint64_t page = from / HEARD_PAGE_PLACES; page <= issued / HEARD_PAGE_PLACES; page++) {
        char key[64];
        uint64_t first = page * HEARD_PAGE_PLACES;
        snprintf(key, sizeof(key), KEY("away:%" PRIu64), page);
        n -= bits_of(keeper_text(key), from > first ? from - first : 0, issued + 1 - first);
    }
    return n;
}

static void on_issued(uint64_t issued)
{
    if (book.line_max > 0 && waiting(issued) > book.line_max)
        invariant_broken(INVARIANT_6, "a join makes %" PRIu64 " of %" PRIu64 " who may wait",
                         waiting(issued), book.line_max);
}

static uint32_t inside(uint64_t now_ms)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < book.rows_len; i++) {
        const struct row *row = &book.rows[i];
        uint64_t until_ms = row->visit.there ? row->visit.expires_ms : 0;
        until_ms = row->written_ms > until_ms ? row->written_ms : until_ms;
        n += !row->ended && until_ms > now_ms;
    }
    return n;
}

/* The visit of this place begins, or begins again where Redis had lost it. */
static void on_entry(uint64_t place)
{
    struct row *row = row_of(place);
    uint64_t now_ms = event_ms();
    if (place > number_in(keeper_text(KEY("serving"))) || !row->called)
        invariant_broken(INVARIANT_6, "place %" PRIu64 " enters and was not called", place);
    uint32_t now_inside = inside(now_ms);
    bool is_back = row->visit.there && !row->ended;
    if (!is_back && book.max_active > 0 && now_inside > book.max_active + book.visits_lost)
        invariant_broken(INVARIANT_6,
                         "place %" PRIu64 " is the %uth inside, and %" PRIu64 " may be", place,
                         now_inside, book.max_active);
    if (is_back)
        probe_reached(PROBE_LINE_SLOT_LOST);
    if (row->ghost && !row->paid) {
        refill();
        row->paid = true;
        pay(place);
        probe_reached(PROBE_LINE_GHOST_ENTERED);
    }
    row->entered = true;
}

static void on_knob(struct span name, struct span value)
{
    if (span_eq(name, SPAN("rate_milli")))
        set_rate((double)number_in(value) / 1000, book.burst);
    else if (span_eq(name, SPAN("burst")))
        set_rate(book.rate, (double)number_in(value));
    else if (span_eq(name, SPAN("max_active")))
        book.max_active = number_in(value);
    else if (span_eq(name, SPAN("line_max")))
        book.line_max = number_in(value);
    else if (span_eq(name, SPAN("state")))
        book.state = number_in(value);
    else if (span_eq(name, SPAN("boot")))
        book.heal_us = sim_us();
    else if (span_eq(name, SPAN("clock_off_us")))
        probe_reached(PROBE_LINE_CLOCK);
}

/* Whether work is asked for, from here on. */
static void on_rules(struct span doc)
{
    struct event_doc_fault fault;
    struct event_doc *read = calloc(1, sizeof(*read));
    assert(read != NULL && book.rules_len < RULES_MAX);
    int rc = event_doc_load(doc, SPAN(FRONTS_EVENT), &fault, read);
    assert(rc == 0);
    book.rules[book.rules_len].at_us = sim_us();
    book.rules[book.rules_len++].work = read->pow_bits > 0;
    free(read);
}

static bool is_at(const struct span *words, const char *command, const char *key)
{
    return span_eq(words[0], span_of(command)) && span_eq(words[1], span_of(key));
}

static void on_active(const struct span *words, size_t len)
{
    bool begins = span_eq(words[0], SPAN("ZADD"));
    for (size_t i = begins ? 3 : 2; i < len; i += begins ? 2 : 1) {
        struct row *row = row_of(number_in(words[i]));
        row->written_ms = begins ? number_in(words[i - 1]) : 0;
    }
}

static void on_write(const struct span *words, size_t len)
{
    if (is_at(words, "SET", KEY("serving"))) {
        on_serving(number_in(words[2]));
    } else if (is_at(words, "SET", KEY("seq"))) {
        on_issued(number_in(words[2]));
    } else if (is_at(words, "SETBIT", KEY("called")) && span_eq(words[3], SPAN("1"))) {
        on_entry(number_in(words[2]));
    } else if (is_at(words, "ZADD", KEY("active")) || is_at(words, "ZREM", KEY("active"))) {
        on_active(words, len);
    } else if (is_at(words, "HSET", KEY("cfg"))) {
        for (size_t i = 2; i + 1 < len; i += 2) {
            on_knob(words[i], words[i + 1]);
            if (span_eq(words[i], SPAN("doc")))
                on_rules(words[i + 1]);
        }
    } else if (is_at(words, "MSET", KEY("seq"))) {
        probe_reached(PROBE_LINE_HEALED);
        if (number_in(words[4]) > book.served)
            invariant_broken(INVARIANT_6, "a heal calls place %" PRIu64 ", and %" PRIu64 " were",
                             number_in(words[4]), book.served);
    }
}

/* Visits that only one front knew, whose front is silent, have no slot kept for them. */
static void count_lost_visits(void)
{
    for (uint32_t i = book.passes_len; i > 0; i--) {
        uint64_t at_us = book.passes[i - 1].at_us;
        if (at_us + UNSEEN_MS * SIM_MS < book.loss_us)
            break;
        if (may_be_forgotten(book.passes[i - 1].front, at_us)) {
            book.visits_lost += 1;
            book.passes[i - 1].at_us = 0;
        }
    }
}

static void on_loss(void)
{
    book.loss_us = sim_us();
    book.losses += 1;
    for (uint32_t i = 0; i < book.rows_len; i++)
        book.rows[i].written_ms = 0; /* what was told counts */
    count_lost_visits();
    /* Knobs are what Redis has now; those of a change that was lost come back by a heal. */
    set_rate((double)number_in(keeper_field(KEY("cfg"), "rate_milli")) / 1000,
             (double)number_in(keeper_field(KEY("cfg"), "burst")));
}

static void on_silenced(unsigned front)
{
    book.silent_us[front] = sim_us();
    if (book.losses > 0 && book.loss_us + (uint64_t)5 * SIM_S > sim_us())
        count_lost_visits();
}

/* ---- what visitors are told ---- */

/* Somebody is there who may have counted as gone: those behind may be told one more. */
static void came_back(uint64_t place)
{
    for (uint32_t k = 0; k < book.rows_len; k++) {
        struct row *row = &book.rows[k];
        if (row->place <= place)
            continue;
        row->least.slack += 1;
        for (unsigned i = 0; i < FRESH_MAX; i++)
            row->fresh[i].slack += 1;
    }
}

static void on_shown(uint64_t place)
{
    struct row *row = row_of(place);
    uint64_t silent_us = sim_us() - row->shown_us;
    bool in_gap = book.losses > 0 && row->shown_us < book.heal_us;
    if (in_gap)
        probe_reached(PROBE_LINE_GAP_SHOWN);
    /* A mark reaches the scripts some seconds later, if no front stands in between. */
    if (silent_us + SIM_S > (uint64_t)FRONTS_GONE_AFTER_MS * SIM_MS || in_gap)
        came_back(place);
    row->shown_us = sim_us();
}

static void settle(struct row *row)
{
    for (unsigned i = 0; i < FRESH_MAX; i++) {
        struct told *told = &row->fresh[i];
        if (!told->there || told->at_us + PICTURE_MS * SIM_MS > sim_us())
            continue;
        uint64_t before = row->least.there ? row->least.before : UINT64_MAX;
        if (!row->least.there || told->ahead + told->slack <= row->least.ahead + row->least.slack)
            row->least = *told;
        row->least.before = told->before < before ? told->before : before;
        told->there = false;
    }
}

static void note(struct row *row, unsigned front, const struct ask *ask)
{
    struct told *at = &row->fresh[0];
    for (unsigned i = 0; i < FRESH_MAX && at->there; i++)
        at = &row->fresh[i];
    *at = (struct told){.at_us = sim_us(),
                        .before = ask->before,
                        .ahead = ask->place.ahead,
                        .front = front,
                        .there = true};
}

/* Who is gone is told to all fronts some time before they show it. One that could not hear of it in
 * that time shows it later; until then it tells more ahead than the others. */
static bool all_have_heard(void)
{
    uint64_t faults = 0;
    for (unsigned i = FAULT_REDIS_CUT; i <= FAULT_FRONT_LEAVE; i++)
        faults += fault_count((enum fault)i);
    if (faults != book.faults)
        book.fault_us = sim_us();
    book.faults = faults;
    if (fault_count(FAULT_FRONT_STOP) != book.stops)
        book.stop_us = sim_us();
    book.stops = fault_count(FAULT_FRONT_STOP);
    return faults == 0 || book.fault_us + HEARD_MS * SIM_MS < sim_us();
}

static void judge_ahead(const struct row *row, const struct ask *ask)
{
    const struct told *least = &row->least;
    /* On waking a front answers from the picture that it had (tests/README.md). */
    bool woken = book.stops > 0 && book.stop_us + WAKING_MS * SIM_MS > sim_us();
    if (ask->before > least->before && !woken)
        invariant_broken(INVARIANT_6,
                         "place %" PRIu64 " was told that %" PRIu64
                         " are called before it, and now "
                         "%" PRIu64,
                         ask->entry, least->before, ask->before);
    if (ask->place.ahead > least->ahead)
        probe_reached(PROBE_LINE_ROSE);
    if (ask->place.ahead > least->ahead + least->slack && all_have_heard())
        invariant_broken(INVARIANT_6,
                         "place %" PRIu64 " was told %" PRIu64 " ahead, and now %" PRIu64
                         "; %" PRIu64 " have come back",
                         ask->entry, least->ahead, ask->place.ahead, least->slack);
}

static void judge_place(unsigned front, const struct ask *ask)
{
    struct row *row = row_of(ask->entry);
    const struct place *place = &ask->place;
    (void)all_have_heard();
    if (ask->stale || ask->state < LINE_OPEN || ask->state == LINE_CLOSED)
        return;
    settle(row);
    if (row->least.there && may_be_forgotten(row->least.front, row->least.at_us))
        row->least.there = false;
    if (row->least.there)
        judge_ahead(row, ask);
    note(row, front, ask);
    if (place->state == PLACE_CALLED && place->call_expires_ms > 0) {
        row->call.at_us = sim_us();
        row->call.expires_ms = place->call_expires_ms;
        row->call.front = front;
        row->call.there = true;
    }
}

static bool asked_for_work(uint64_t from_us)
{
    bool always = book.rules_len > 0;
    for (uint32_t i = 0; i < book.rules_len; i++) {
        uint64_t until_us = i + 1 < book.rules_len ? book.rules[i + 1].at_us : UINT64_MAX;
        if (until_us >= from_us && !book.rules[i].work)
            always = false;
    }
    return always;
}

/* Places and what was worked for them stay with whoever had them first. */
static void judge_other_places(const struct ask *ask)
{
    for (uint32_t i = 0; i < book.rows_len; i++) {
        const struct row *row = &book.rows[i];
        if (!row->given || row->place == ask->entry || row->given_us <= book.loss_us)
            continue;
        if (ask->who != 0 && row->who == ask->who)
            invariant_broken(INVARIANT_6,
                             "visitor %" PRIu64 " gets place %" PRIu64 ", and has %" PRIu64,
                             ask->who, ask->entry, row->place);
        if (ask->work != 0 && ask->outcome == LINE_OK && row->work == ask->work &&
            row->who != ask->who)
            invariant_broken(INVARIANT_6,
                             "place %" PRIu64 " is given for work that place %" PRIu64
                             " was had by",
                             ask->entry, row->place);
    }
}

static void judge_join(unsigned front, const struct ask *ask)
{
    if (ask->outcome == LINE_FULL)
        probe_reached(PROBE_LINE_FULL_UP);
    if (ask->outcome == LINE_WORK_SPENT)
        probe_reached(PROBE_LINE_WORK_USED);
    if (ask->outcome == ANSWER_WORK)
        probe_reached(PROBE_LINE_WORK_ASKED);
    if (ask->outcome != LINE_OK && ask->outcome != LINE_SAME)
        return;
    struct row *row = row_of(ask->entry);
    /* The answer to the one who has it may come after the answer to whoever asked again. */
    if (row->given && (row->who != ask->who || (row->is_new && ask->outcome == LINE_OK)))
        invariant_broken(INVARIANT_6,
                         "place %" PRIu64 " is given to visitor %" PRIu64 ", and is %" PRIu64 "'s",
                         ask->entry, ask->who, row->who);
    if (ask->outcome == LINE_OK && ask->work == 0 && asked_for_work(ask->asked_us))
        invariant_broken(INVARIANT_6, "place %" PRIu64 " is had without work", ask->entry);
    judge_other_places(ask);
    if (ask->outcome == LINE_SAME)
        probe_reached(PROBE_LINE_AGAIN);
    book.joined += !row->given;
    row->is_new = row->is_new || ask->outcome == LINE_OK;
    row->given = true;
    row->given_us = sim_us();
    row->who = ask->who;
    row->work = ask->outcome == LINE_OK ? ask->work : row->work;
    judge_place(front, ask);
}

static void judge_pass(unsigned front, const struct ask *ask)
{
    struct row *row = row_of(ask->entry);
    bool called = row->call.there && row->call.expires_ms > event_ms() && !row->left;
    bool refused = ask->outcome == LINE_EXPIRED || ask->outcome == LINE_GONE;
    if (ask->outcome == LINE_NOT_YET && row->called)
        probe_reached(PROBE_LINE_DOOR);
    if (ask->outcome == LINE_EXPIRED && !row->entered)
        probe_reached(PROBE_LINE_MISSED);
    if (refused && called && !row->entered && !may_be_forgotten(row->call.front, row->call.at_us))
        invariant_broken(INVARIANT_6,
                         "place %" PRIu64 " is turned away %" PRIu64 " ms before its call ends",
                         ask->entry, row->call.expires_ms - event_ms());
    if (ask->outcome != LINE_OK && ask->outcome != LINE_SAME)
        return;
    if (!row->called || row->left)
        invariant_broken(INVARIANT_6, "place %" PRIu64 " is let in, and %s", ask->entry,
                         row->left ? "was given up" : "was not called");
    if (row->call.there && row->call.expires_ms < event_ms() && !row->visit.there)
        probe_reached(PROBE_LINE_LATE_ENTERED);
    book.entered += !row->visit.there;
    row->visit.there = true;
    row->visit.at_us = sim_us();
    row->visit.expires_ms = ask->expires_ms;
    row->visit.front = front;
    assert(book.passes_len < PASSES_MAX);
    book.passes[book.passes_len].at_us = sim_us();
    book.passes[book.passes_len++].front = front;
}

static void judge_beat(unsigned front, const struct ask *ask)
{
    struct row *row = row_of(ask->entry);
    if (ask->outcome == LINE_OK) {
        row->visit.expires_ms = ask->expires_ms;
        row->visit.at_us = sim_us();
        row->visit.front = front;
        return;
    }
    bool refused = ask->outcome == LINE_EXPIRED || ask->outcome == LINE_GONE;
    if (refused && row->visit.there && !row->ended && row->visit.expires_ms > event_ms() &&
        book.visits_lost == 0)
        invariant_broken(INVARIANT_6,
                         "the visit of place %" PRIu64 " ends %" PRIu64 " ms before its time",
                         ask->entry, row->visit.expires_ms - event_ms());
}

static void on_answer(unsigned front, const struct ask *ask)
{
    struct row *row = ask->entry > 0 ? row_of(ask->entry) : NULL;
    if (ask->kind == ASK_JOIN)
        judge_join(front, ask);
    else if (row == NULL)
        return; /* an operator's, or no ticket was read */
    else if (ask->kind == ASK_ME && ask->outcome == LINE_OK)
        judge_place(front, ask);
    else if (ask->kind == ASK_PASS)
        judge_pass(front, ask);
    else if (ask->kind == ASK_BEAT)
        judge_beat(front, ask);
    else if (ask->kind == ASK_DONE && ask->outcome == LINE_OK)
        row->ended = true;
    else if (ask->kind == ASK_LEAVE && ask->outcome == LINE_OK) {
        row->ended = true;
        row->left = !row->entered;
    } else if (ask->kind == ASK_EXTEND && ask->outcome == LINE_OK) {
        row->call.expires_ms = ask->expires_ms;
        row->call.at_us = sim_us();
        row->call.front = front;
        row->call.there = true;
        probe_reached(PROBE_LINE_EXTENDED);
    }
}

/* ---- the end ---- */

void ledger_judge_end(void)
{
    const struct line_view *view = fronts_view();
    uint64_t issued = number_in(keeper_text(KEY("seq")));
    if (view == NULL || view->stale)
        invariant_broken(INVARIANT_4, "no front has a picture of the line");
    if (keeper_items(KEY("active")) > 0 || keeper_items(KEY("door")) > 0)
        invariant_broken(INVARIANT_4, "%u visits and %u at the door are left over",
                         keeper_items(KEY("active")), keeper_items(KEY("door")));
    if (view->waiting != waiting(issued))
        invariant_broken(INVARIANT_6, "%" PRIu64 " are told to wait, and %" PRIu64 " do",
                         view->waiting, waiting(issued));
}

uint32_t ledger_entered(void)
{
    return book.entered;
}

uint32_t ledger_joined(void)
{
    return book.joined;
}

void ledger_begin(struct keeper_ears *keeper, struct fronts_ears *fronts)
{
    *keeper = (struct keeper_ears){on_write, on_loss, on_step};
    *fronts = (struct fronts_ears){on_answer, on_shown, on_silenced};
    book.state = LINE_DRAFT;
}

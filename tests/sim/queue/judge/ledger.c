/* ledger.c: see ledger.h. One row per place of any line; only its newest values count. The owner of
 * a place is known by its entry, and its order by its position. Until a draw, and for entries after
 * it, the two are the same number. */
#include "queue/judge/ledger.h"

#include "queue/judge/ahead.h"
#include "queue/judge/holders.h"
#include "queue/judge/losses.h"
#include "queue/judge/lots.h"
#include "queue/judge/presales.h"
#include "queue/judge/rate.h"
#include "stage/faults.h"
#include "stage/history.h"
#include "stage/invariant.h"
#include "stage/probes.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROWS_MAX = 4096,       /* a power of two */
    FAREWELL_MS = 2500,    /* until the seats know that a visit is over, */
    REPORTED_MS = 20000,   /* or after reports that failed, by a front that lives on */
    RETRIES_MS = 8000,     /* a retry this recent counts as at the door */
    CLOCK_STILL_MS = 5000, /* a tick within this time reduces the clock's offset */
    DOOR_KNOWN_MS = 3000,  /* until all fronts know that a place is at the door */
    SKEW_MS = 3000,        /* how far clocks differ */
    ROUNDED_MS = 1000,     /* after a loss only the pass may be left, which has whole seconds */
    RULES_MAX = 2048, /* operators set a line that does not open every half second for SETTLE_S */
    ACTS_MAX = 4096,
    PASSES_MAX = 4096,
    HEALER_BYTES = 64,
};

struct row {
    uint64_t number; /* lines_number() */
    uint64_t begun_us, ended_us, member;
    bool called, ghost, paid, entered, ended;
    struct {
        uint64_t at_us, expires_ms, since_us; /* since: when this end was first seen */
        unsigned front;
        bool there;
        bool has_run_out; /* expired; setting the clock back does not undo it */
    } call, visit;
    struct {
        uint64_t at_us;
        unsigned front; /* the front that reported it */
        bool there;
    } end;
    uint64_t written_ms;          /* the visit's end in Redis */
    uint64_t door_us, retried_us; /* at the door since, and last retry there; 0: never */
    uint32_t leaving;             /* requests to leave with unknown outcome */
};

/* Shared by the lines of one event. */
struct sale {
    uint64_t served[1 + EVENT_LANES]; /* highest place ever called */
    uint64_t heal_us[1 + EVENT_LANES];
    struct {
        char first[HEALER_BYTES]; /* front that reported first; "": none yet */
        bool others;
    } healers[1 + EVENT_LANES];
    bool is_healed; /* by the running script */
    uint32_t visits_lost;
    /* settings as Redis has them */
    uint64_t max_active, line_max, state, shards;
    uint64_t clock_us;  /* when its clock last came nearer to Redis's, or was freed from it */
    uint64_t turned_us; /* last entry, leave, expired call, or change of its dues */
    double rate, burst;
    uint64_t floor_milli, ceiling_milli; /* of the autopilot; no ceiling: it is off */
    unsigned lanes;                      /* without the general one */
    struct {
        uint64_t at_us;
        bool work;
        unsigned codes; /* a bit for each lane */
    } rules[RULES_MAX];
    uint32_t rules_len;
};

static struct {
    struct row rows[ROWS_MAX]; /* in the order of their first sight */
    uint32_t rows_len;
    uint32_t found[2 * ROWS_MAX]; /* by number: index in `rows`, from 1 */
    struct sale sales[EVENTS];
    uint32_t entered;
    enum { ACT_WRITTEN = 1, ACT_REFUSED } acts[ACTS_MAX]; /* of operators; 0: neither yet */
    struct {
        uint64_t at_us, number;
        unsigned front;
    } passes[PASSES_MAX]; /* in the order of their issue */
    uint32_t passes_len;
} book;

static struct sale *sale_of(uint64_t number)
{
    return &book.sales[lines_of(number).event];
}

/* The slot of the number in `found`, or the one to put it in. */
static uint32_t *slot_of(uint64_t number)
{
    uint32_t at = (uint32_t)(number * UINT64_C(0x9E3779B97F4A7C15) >> 40) % (2 * ROWS_MAX);
    while (book.found[at] != 0 && book.rows[book.found[at] - 1].number != number)
        at = (at + 1) % (2 * ROWS_MAX);
    return &book.found[at];
}

/* NULL: no visitor has the place. A heal skips many places. */
static struct row *known_row(uint64_t number)
{
    uint32_t found = *slot_of(number);
    return found != 0 ? &book.rows[found - 1] : NULL;
}

static struct row *row_of(uint64_t number)
{
    struct row *row = known_row(number);
    if (row != NULL)
        return row;
    if (book.rows_len == ROWS_MAX || lines_place(number) == 0)
        invariant_broken(INVARIANT_5, "place %s in so small a world", lines_says(number));
    uint32_t *slot = slot_of(number);
    row = &book.rows[book.rows_len++];
    row->number = number;
    row->called = lines_place(number) <= sale_of(number)->served[lines_of(number).lane];
    *slot = book.rows_len;
    return row;
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

/* Redis never reports the end of a place that it lost, and setting a clock back does not extend
 * it. */
static void note_run_out(uint64_t back_ms)
{
    for (uint32_t i = 0; i < book.rows_len; i++) {
        struct row *row = &book.rows[i];
        uint64_t before_ms = keeper_event_ms(lines_of(row->number).event) + back_ms;
        row->call.has_run_out |= row->call.there && row->call.expires_ms <= before_ms;
        row->visit.has_run_out |= row->visit.there && row->visit.expires_ms <= before_ms;
    }
}

static void on_step(int64_t us)
{
    if (us > 0)
        rate_on_step();
    else
        note_run_out((uint64_t)-us / SIM_MS);
}

/* The autopilot's rate, or else its floor, replaces the setting's. */
static double rate_of(unsigned event)
{
    const struct sale *sale = &book.sales[event];
    struct span own = keeper_field(lines_key((struct line_ref){event, 0}, "pilot"), "rate_milli");
    uint64_t milli = own.len > 0 ? lines_u64(own) : sale->floor_milli;
    milli = milli < sale->ceiling_milli ? milli : sale->ceiling_milli;
    return sale->ceiling_milli > 0 ? (double)milli / 1000 : sale->rate;
}

static void set_rate(unsigned event)
{
    const struct sale *sale = &book.sales[event];
    rate_set(event, rate_of(event), sale->burst, sale->lanes);
}

/* An operator may set any rate; the autopilot moves it between its floor and ceiling. */
static void on_piloted(unsigned event)
{
    const struct sale *sale = &book.sales[event];
    const char *key = lines_key((struct line_ref){event, 0}, "pilot");
    uint64_t milli = lines_u64(keeper_field(key, "rate_milli"));
    bool is_set = span_eq(keeper_field(key, "reason"), SPAN("set"));
    probe_reached(PROBE_LINE_PILOTED);
    if (!is_set && (milli < sale->floor_milli || milli > sale->ceiling_milli))
        invariant_broken(INVARIANT_6,
                         "the autopilot sets a rate of %" PRIu64 ", of %" PRIu64 " to %" PRIu64,
                         milli, sale->floor_milli, sale->ceiling_milli);
    set_rate(event);
}

/* ---- what Redis writes ---- */

/* Ghosts are skipped, and pay when they come back. */
static void pass(uint64_t number, struct span gone, struct span skipped)
{
    struct row *row = known_row(number);
    uint64_t place = lines_place(number);
    bool ghost = has_bit(skipped, place);
    if (row != NULL) {
        row->called = true;
        row->ghost = ghost && !has_bit(gone, place);
    }
    if (ghost)
        probe_reached(PROBE_LINE_GHOST);
    else if (!has_bit(gone, place))
        rate_call(number);
    if (row != NULL && !ghost && !has_bit(gone, place))
        row->paid = true;
}

static void on_serving(struct line_ref line, uint64_t serving)
{
    struct sale *sale = &book.sales[line.event];
    uint64_t *served = &sale->served[line.lane];
    if (serving <= *served)
        return; /* called again after a loss */
    if (sale->state != LINE_OPEN)
        invariant_broken(INVARIANT_6, "%" PRIu64 " are called in state %" PRIu64, serving,
                         sale->state);
    rate_refill(line.event);
    struct span gone = keeper_text(lines_key(line, "gone"));
    struct span skipped = keeper_text(lines_key(line, "skipped"));
    for (uint64_t place = *served + 1; place <= serving; place++)
        pass(lines_number(line, place), gone, skipped);
    *served = serving;
}

/* Places that are issued but not waiting: before a draw those of visitors who left have no position
 * yet, and gaps of a heal are only noted. */
static uint64_t not_in_yet(struct line_ref line, uint64_t issued)
{
    uint64_t n = keeper_items(lines_key(line, "early"));
    if (lines_u64(keeper_field(lines_key(line, "bucket"), "gap_pending")) == 0)
        return n;
    struct span gaps = keeper_text(lines_key(line, "gaps"));
    while (gaps.ptr != NULL && gaps.len > 0) {
        struct span one, from;
        gaps = span_cut(gaps, ',', &one);
        struct span upto = span_cut(one, ':', &from);
        uint64_t last = lines_u64(upto) < issued ? lines_u64(upto) : issued;
        n += last + 1 - lines_u64(from);
    }
    return n;
}

/* Visitors who wait and show signs of life; those who left are marked away, too. */
static uint64_t waiting(struct line_ref line, uint64_t issued)
{
    uint64_t from = lines_u64(keeper_text(lines_key(line, "serving"))) + 1, n = issued + 1 - from;
    for (uint64_t page = from / SEEN_PAGE_PLACES; page <= issued / SEEN_PAGE_PLACES; page++) {
        char name[32];
        uint64_t first = page * SEEN_PAGE_PLACES;
        snprintf(name, sizeof(name), "away:%" PRIu64, page);
        n -= bits_of(keeper_text(lines_key(line, name)), from > first ? from - first : 0,
                     issued + 1 - first);
    }
    return n - not_in_yet(line, issued);
}

static void on_issued(struct line_ref line, uint64_t issued)
{
    const struct sale *sale = &book.sales[line.event];
    if (sale->state == LINE_CLOSED)
        invariant_broken(INVARIANT_6, "place %" PRIu64 " of a closed event is given", issued);
    if (sale->shards > 1)
        return; /* each shard admits up to the room at the last cut */
    if (sale->line_max > 0 && waiting(line, issued) > sale->line_max)
        invariant_broken(INVARIANT_6, "a join makes %" PRIu64 " of %" PRIu64 " who may wait",
                         waiting(line, issued), sale->line_max);
}

static uint32_t inside(unsigned event, uint64_t now_ms)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < book.rows_len; i++) {
        const struct row *row = &book.rows[i];
        bool stays = row->visit.there && row->leaving == 0 && !row->visit.has_run_out;
        uint64_t until_ms = stays ? row->visit.expires_ms : 0;
        until_ms = row->written_ms > until_ms ? row->written_ms : until_ms;
        n += lines_is_of(row->number, event) && !row->ended && until_ms > now_ms;
    }
    return n;
}

/* Its end may be lost, so a front that does not know of it may continue the visit by its pass. */
static bool may_end_be_lost(const struct row *row)
{
    return losses_any() && row->ended_us <= losses_last_us();
}

/* The visit of this place begins, or begins again after Redis lost it. */
static void on_entry(struct line_ref line, struct row *row)
{
    struct sale *sale = &book.sales[line.event];
    uint64_t now_ms = keeper_event_ms(line.event);
    uint32_t now_inside = inside(line.event, now_ms);
    bool has_pass = may_end_be_lost(row) && row->visit.expires_ms + SKEW_MS > now_ms;
    bool is_back = row->visit.there && (!row->ended || has_pass);
    if (!is_back && sale->state == LINE_CLOSED)
        invariant_broken(INVARIANT_6, "place %s enters a closed event", lines_says(row->number));
    if (!is_back && sale->max_active > 0 && now_inside > sale->max_active + sale->visits_lost)
        invariant_broken(INVARIANT_6, "place %s is the %uth inside, and %" PRIu64 " may be",
                         lines_says(row->number), now_inside, sale->max_active);
    if (is_back)
        probe_reached(PROBE_LINE_SLOT_LOST);
    if (row->ghost && !row->paid) {
        rate_refill(line.event);
        row->paid = true;
        rate_pay(row->number);
        probe_reached(PROBE_LINE_GHOST_ENTERED);
    }
    if (line.lane > 0)
        probe_reached(PROBE_LINE_LANE);
    row->entered = true;
}

/* Redis records that a place entered: with its session, now, or without one, if a front restores a
 * finished visit that Redis lost. Then the place does not enter. */
static void on_came(struct line_ref line, uint64_t place)
{
    struct row *row = row_of(lines_number(line, place));
    if (place > lines_u64(keeper_text(lines_key(line, "serving"))) || !row->called)
        invariant_broken(INVARIANT_6, "place %s enters and was not called",
                         lines_says(row->number));
    if (row->written_ms > 0)
        on_entry(line, row);
    else
        probe_reached(PROBE_LINE_OVER_TOLD);
}

static void read_knob(unsigned event, struct span name, struct span value)
{
    struct sale *sale = &book.sales[event];
    if (span_eq(name, SPAN("rate_milli")))
        sale->rate = (double)lines_u64(value) / 1000;
    else if (span_eq(name, SPAN("burst")))
        sale->burst = (double)lines_u64(value);
    else if (span_eq(name, SPAN("shares")))
        sale->lanes = line_lanes(lines_u64(value));
    else if (span_eq(name, SPAN("max_active")))
        sale->max_active = lines_u64(value);
    else if (span_eq(name, SPAN("line_max")))
        sale->line_max = lines_u64(value);
    else if (span_eq(name, SPAN("state")))
        sale->state = lines_u64(value);
    else if (span_eq(name, SPAN("shards")))
        sale->shards = lines_u64(value);
    else if (span_eq(name, SPAN("pilot_floor_milli")))
        sale->floor_milli = lines_u64(value);
    else if (span_eq(name, SPAN("pilot_ceiling_milli")))
        sale->ceiling_milli = lines_u64(value);
}

static void on_knob(unsigned event, struct span name, struct span value)
{
    bool was_closed = book.sales[event].state == LINE_CLOSED;
    read_knob(event, name, value);
    if (was_closed && book.sales[event].state != LINE_CLOSED)
        invariant_broken(INVARIANT_6, "%s was closed, and runs again", lines_event(event));
    if (span_eq(name, SPAN("clock_off_us"))) {
        probe_reached(PROBE_LINE_CLOCK);
        book.sales[event].clock_us = sim_us();
    }
    if (span_eq(name, SPAN("rate_milli")) || span_eq(name, SPAN("burst")) ||
        span_eq(name, SPAN("shares")) || span_starts(name, SPAN("pilot_")))
        set_rate(event);
}

/* A refused act changes nothing, before or later. */
static void note_act(unsigned act, int as)
{
    assert(act < ACTS_MAX);
    if (book.acts[act] != 0 && (int)book.acts[act] != as)
        invariant_broken(INVARIANT_6, "an operator's act %u is refused, and done", act);
    book.acts[act] = as;
}

/* Records from when on joins need work and codes. */
static void on_rules(struct line_ref line, struct span doc)
{
    struct sale *sale = &book.sales[line.event];
    struct event_doc_fault fault;
    struct event_doc *read = sim_new(sizeof(*read));
    assert(sale->rules_len < RULES_MAX);
    int rc = event_doc_load(doc, span_of(lines_event(line.event)), &fault, read);
    assert(rc == 0);
    note_act((unsigned)strtoul(read->name, NULL, 10), ACT_WRITTEN);
    sale->rules[sale->rules_len].at_us = sim_us();
    sale->rules[sale->rules_len].codes = 0;
    for (unsigned lane = 0; lane <= read->lanes_len; lane++)
        sale->rules[sale->rules_len].codes |= (unsigned)event_doc_asks_code(read, lane) << lane;
    sale->rules[sale->rules_len++].work = read->pow_bits > 0;
    free(read);
}

/* A heal extends all visits that Redis still has, also finished ones, in place of those it lost.
 * The number of visits is right then; the responses say whose they are. */
static void on_active(unsigned event, const struct span *words, size_t len)
{
    bool begins = span_eq(words[0], SPAN("ZADD"));
    book.sales[event].turned_us = sim_us();
    if (begins && book.sales[event].is_healed)
        return;
    for (size_t i = begins ? 3 : 2; i < len; i += begins ? 2 : 1) {
        uint64_t session = lines_u64(words[i]);
        struct line_ref line = {event, line_lane_of(session)};
        struct row *row = row_of(lines_number(line, line_place_in_lane(session)));
        row->written_ms = begins ? lines_u64(words[i - 1]) : 0;
        row->visit.has_run_out = !begins && row->visit.expires_ms <= keeper_event_ms(event);
    }
}

/* A stretch "LAST:CALLED_MS:EXPIRES_MS" of calls whose time and grace are over. */
static void on_settled(struct line_ref line, struct span stretch)
{
    struct span upto;
    (void)span_cut(stretch, ':', &upto);
    uint64_t last = lines_number(line, lines_u64(upto)), now_ms = keeper_event_ms(line.event);
    book.sales[line.event].turned_us = sim_us();
    for (uint32_t i = 0; i < book.rows_len; i++) {
        struct row *row = &book.rows[i];
        bool is_of_line = lines_are_same(row->number, last) && row->number <= last;
        if (is_of_line && row->call.there && row->call.expires_ms <= now_ms)
            row->call.has_run_out = true;
    }
}

/* The event was lost with all fronts that knew it, and its operator has made another one. */
static void begin_again(unsigned event)
{
    probe_reached(PROBE_LINE_MADE_AGAIN);
    sim_note("%s is another event than it was", lines_event(event));
    book.sales[event] = (struct sale){.state = LINE_DRAFT};
    rate_forget(event);
    lots_forget(event);
    presales_forget(event);
}

static void on_fields(struct line_ref line, const struct span *words, size_t len)
{
    struct sale *sale = &book.sales[line.event];
    for (size_t i = 2; i + 1 < len; i += 2)
        if (span_eq(words[i], SPAN("incarnation")) && lines_made(line.event, words[i + 1]))
            begin_again(line.event);
    for (size_t i = 2; i + 1 < len; i += 2) {
        if (span_eq(words[i], SPAN("boot")))
            sale->heal_us[line.lane] = sim_us();
        if (line.lane == 0)
            on_knob(line.event, words[i], words[i + 1]);
        if (line.lane == 0 && span_eq(words[i], SPAN("doc")))
            on_rules(line, words[i + 1]);
    }
    lots_on_fields(line);
}

/* Fronts' reports are collected under their names. */
static void on_gathered(struct line_ref line, struct span field)
{
    struct sale *sale = &book.sales[line.event];
    char *first = sale->healers[line.lane].first;
    if (!span_starts(field, SPAN("since:")))
        return;
    if (first[0] == '\0' && span_to_cstr(field, first, HEALER_BYTES))
        return;
    sale->healers[line.lane].others |= !span_eq(field, span_of(first));
}

static void on_gathering_over(struct line_ref line)
{
    struct sale *sale = &book.sales[line.event];
    sale->healers[line.lane].first[0] = '\0';
    sale->healers[line.lane].others = false;
    sale->is_healed = false;
}

static void on_healed(struct line_ref line, uint64_t serving)
{
    uint64_t served = book.sales[line.event].served[line.lane];
    book.sales[line.event].is_healed = true;
    probe_reached(PROBE_LINE_HEALED);
    if (!book.sales[line.event].healers[line.lane].others)
        probe_reached(PROBE_LINE_HEALED_ALONE);
    if (serving > served)
        invariant_broken(INVARIANT_6, "a heal calls place %" PRIu64 ", and %" PRIu64 " were",
                         serving, served);
}

/* What a visitor was answered by may be over. */
static void on_counted(unsigned event, const struct span *words, size_t len)
{
    for (size_t i = 2; i + 1 < len; i += 2)
        if (span_eq(words[i], SPAN("settled")) || span_eq(words[i], SPAN("dues")))
            book.sales[event].turned_us = sim_us();
}

static void on_write(const struct span *words, size_t len)
{
    struct line_ref line;
    struct span name, command = words[0];
    if (len < 2 || !lines_read_key(words[1], &line, &name))
        return;
    if (span_eq(command, SPAN("SET")) && span_eq(name, SPAN("serving")))
        on_serving(line, lines_u64(words[2]));
    else if (span_eq(command, SPAN("SET")) && span_eq(name, SPAN("seq")))
        on_issued(line, lines_u64(words[2]));
    else if (span_eq(command, SPAN("SETBIT")) && span_eq(name, SPAN("called")) &&
             span_eq(words[3], SPAN("1")))
        on_came(line, lines_u64(words[2]));
    else if (span_starts(command, SPAN("Z")) && span_eq(name, SPAN("active")))
        on_active(line.event, words, len);
    else if (span_eq(name, SPAN("pilot")) && span_eq(command, SPAN("HSET")))
        on_piloted(line.event);
    else if (span_eq(name, SPAN("pilot")))
        set_rate(line.event);
    else if (span_eq(command, SPAN("ZREM")) && span_eq(name, SPAN("hist")))
        on_settled(line, words[2]);
    else if (span_eq(command, SPAN("HSET")) && span_eq(name, SPAN("bucket")))
        on_counted(line.event, words, len);
    else if (span_eq(command, SPAN("HSET")) && span_eq(name, SPAN("cfg")))
        on_fields(line, words, len);
    else if (span_eq(command, SPAN("HSET")) && span_eq(name, SPAN("heal")))
        on_gathered(line, words[2]);
    else if (span_eq(command, SPAN("DEL")) && span_eq(name, SPAN("heal")))
        on_gathering_over(line);
    else if (span_eq(command, SPAN("HSET")) && span_eq(name, SPAN("codes")))
        presales_on_written(line.event, words, len);
    else if (span_eq(command, SPAN("UNLINK")) && span_eq(name, SPAN("codes")))
        presales_on_dropped(line.event);
    else if (span_eq(command, SPAN("MSET")) && span_eq(name, SPAN("seq")))
        on_healed(line, lines_u64(words[4]));
}

/* A visit that only a silent front knew has no slot reserved. */
static void count_lost_visits(void)
{
    for (uint32_t i = book.passes_len; i > 0; i--) {
        uint64_t at_us = book.passes[i - 1].at_us;
        if (at_us + LOSSES_UNSEEN_MS * SIM_MS < losses_last_us())
            break;
        if (losses_may_forget(book.passes[i - 1].front, at_us)) {
            unsigned event = lines_of(book.passes[i - 1].number).event;
            book.sales[event].visits_lost += lines_is_of(book.passes[i - 1].number, event);
            book.passes[i - 1].at_us = 0;
        }
    }
}

static void on_loss(void)
{
    losses_happened();
    presales_on_loss();
    history_fact("'fact':'loss'");
    for (uint32_t i = 0; i < book.rows_len; i++)
        book.rows[i].written_ms = 0; /* the responses count */
    count_lost_visits();
    /* State and settings are Redis's current ones; a heal restores lost ones if a front has seen
     * them. */
    static const char *const names[] = {"state",      "rate_milli",        "burst",
                                        "max_active", "pilot_floor_milli", "pilot_ceiling_milli",
                                        "line_max"};
    for (unsigned i = 0; i < EVENTS; i++) {
        const char *cfg = lines_key((struct line_ref){i, 0}, "cfg");
        for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
            read_knob(i, span_of(names[k]), keeper_field(cfg, names[k]));
        if (!lines_is_newest(i, keeper_field(cfg, "incarnation")))
            book.sales[i].state = LINE_DRAFT; /* until a heal brings the newer event back */
        set_rate(i);
    }
}

static void on_silenced(unsigned front)
{
    losses_silenced(front);
    if (losses_any() && losses_last_us() + (uint64_t)5 * SIM_S > sim_us())
        count_lost_visits();
}

/* ---- answers to visitors ---- */

static void on_shown(uint64_t number)
{
    (void)row_of(number);
    ahead_on_shown(number, sale_of(number)->heal_us[lines_of(number).lane]);
}

bool ledger_is_sure(const struct ask *ask)
{
    return ahead_all_know() && ask->state >= LINE_OPEN && ask->state != LINE_CLOSED;
}

/* A call does not expire while its visitor retries at the door. */
static void judge_door(const struct row *row, const struct ask *ask)
{
    bool knocks = row->retried_us > 0 && row->retried_us + RETRIES_MS * SIM_MS > sim_us() &&
                  row->door_us + DOOR_KNOWN_MS * SIM_MS < sim_us() &&
                  row->door_us > losses_last_us();
    if (knocks && place_is_over(ask->place) && !row->entered && !row->ended && row->leaving == 0 &&
        !holders_has_left(ask))
        invariant_broken(INVARIANT_6, "place %s knocks at the door, and hears that it is over",
                         lines_says(row->number));
}

static void hear_of_call(struct row *row, unsigned front, uint64_t expires_ms)
{
    if (!row->call.there || row->call.expires_ms != expires_ms)
        row->call.since_us = sim_us();
    row->call.at_us = sim_us();
    row->call.expires_ms = expires_ms;
    row->call.front = front;
    row->call.there = true;
    row->call.has_run_out = false;
}

static void judge_place(unsigned front, const struct ask *ask)
{
    const struct place *place = &ask->place;
    (void)ahead_all_know();
    if (ask->stale || ask->state < LINE_OPEN || ask->state == LINE_CLOSED)
        return;
    lots_on_shown(front, ask->line, ask->entry, place->position);
    struct row *row = row_of(lines_number(ask->line, place->position));
    ahead_on_answer(front, ask);
    judge_door(row, ask);
    if (place->state == PLACE_CALLED && place->call_expires_ms > 0)
        hear_of_call(row, front, place->call_expires_ms);
}

/* Whether the rule was in force all the time since then. */
static bool asked_for(const struct sale *sale, uint64_t from_us, bool work, unsigned codes)
{
    bool always = sale->rules_len > 0;
    for (uint32_t i = 0; i < sale->rules_len; i++) {
        uint64_t until_us = i + 1 < sale->rules_len ? sale->rules[i + 1].at_us : UINT64_MAX;
        bool asked = (work && sale->rules[i].work) || (sale->rules[i].codes & codes) != 0;
        if (until_us >= from_us && !asked)
            always = false;
    }
    return always;
}

/* The number of an entry's place: they differ after a draw. UINT64_MAX: no front knows. */
static uint64_t place_of(uint64_t entry)
{
    struct line_ref line = lines_of(entry);
    const struct line_view *view = fronts_view(line);
    return view != NULL ? lines_number(line, place_position(view, lines_place(entry))) : UINT64_MAX;
}

static bool may_be_over(uint64_t entry)
{
    uint64_t place = place_of(entry);
    const struct row *row = known_row(place);
    if (row == NULL)
        return place == UINT64_MAX ||
               lines_place(place) <= sale_of(place)->served[lines_of(place).lane];
    return row->called || row->leaving > 0;
}

static bool is_over(uint64_t entry, uint64_t before_us)
{
    const struct row *row = known_row(place_of(entry));
    return row != NULL && row->ended && row->ended_us < before_us;
}

static void judge_join(unsigned front, const struct ask *ask)
{
    if (ask->outcome == LINE_FULL)
        probe_reached(PROBE_LINE_FULL_UP);
    if (ask->outcome == LINE_WORK_SPENT)
        probe_reached(PROBE_LINE_WORK_USED);
    if (ask->outcome == LINE_INVITATION_SPENT)
        probe_reached(PROBE_LINE_INVITED_TWICE);
    if (ask->outcome == ANSWER_WORK)
        probe_reached(PROBE_LINE_WORK_ASKED);
    const struct sale *sale = &book.sales[ask->line.event];
    uint64_t late_us = sale->shards > 1 ? SIM_S : 0; /* until a shard has new rules */
    uint64_t from_us = ask->asked_us > late_us ? ask->asked_us - late_us : 0;
    presales_on_join(ask, asked_for(sale, from_us, false, 1u << ask->line.lane));
    if (ask->outcome == ANSWER_MOVED)
        holders_on_moved(ask, is_over);
    if (ask->outcome == LINE_FULL || ask->outcome == LINE_LIMITED)
        holders_on_full(ask, may_be_over);
    if (ask->outcome != LINE_OK && ask->outcome != LINE_SAME)
        return;
    if (ask->outcome == LINE_SAME)
        probe_reached(PROBE_LINE_AGAIN);
    if (!ask->is_kept)
        holders_on_join(ask, asked_for(sale, from_us, true, 0), may_be_over);
    judge_place(front, ask);
}

/* A member may wait in several lanes, but is inside only once. */
static void judge_member(const struct row *row, const struct ask *ask)
{
    for (uint32_t i = 0; ask->member != 0 && i < book.rows_len; i++) {
        const struct row *other = &book.rows[i];
        bool may_be_over = other->ended || other->leaving > 0 || other->visit.has_run_out ||
                           other->begun_us <= losses_last_us() ||
                           other->visit.expires_ms <= keeper_event_ms(ask->line.event);
        if (other == row || other->member != ask->member || !other->visit.there || may_be_over ||
            !lines_is_of(other->number, ask->line.event))
            continue;
        invariant_broken(INVARIANT_6, "member %" PRIu64 " is inside with place %s, and with %s",
                         ask->member, lines_says(row->number), lines_says(other->number));
    }
}

static struct row *row_asked(const struct ask *ask)
{
    return row_of(lines_number(ask->line, ask->position));
}

/* The event has been empty since the request, and no slot is reserved. */
static bool is_hall_empty(const struct ask *ask)
{
    struct line_ref general = {ask->line.event, 0};
    struct span phantoms = keeper_field(lines_key(general, "bucket"), "phantoms");
    struct span doubted = keeper_field(lines_key(general, "bucket"), "doubted");
    return keeper_items(lines_key(general, "active")) == 0 && lines_u64(phantoms) == 0 &&
           lines_u64(doubted) == 0 && book.sales[ask->line.event].turned_us < ask->asked_us;
}

static uint64_t bucket_of(const struct ask *ask, const char *field)
{
    return lines_u64(keeper_field(lines_key(ask->line, "bucket"), field));
}

/* Whether an earlier place may wait at the door without owing a token, or with one reserved. */
static bool is_behind_somebody(const struct row *row, const struct ask *ask)
{
    uint64_t settled = bucket_of(ask, "settled"); /* who comes up to here is late, and owes one */
    bool may = bucket_of(ask, "dues") > 0;
    for (uint32_t i = 0; i < book.rows_len; i++) {
        const struct row *other = &book.rows[i];
        struct line_ref line = lines_of(other->number);
        may |= other->number < row->number && lines_place(other->number) > settled &&
               line.event == ask->line.event && line.lane == ask->line.lane && other->called &&
               !other->entered && !other->ended;
    }
    return may;
}

static void judge_refused(unsigned front, struct row *row, const struct ask *ask)
{
    uint64_t now_ms = keeper_event_ms(ask->line.event);
    bool called = row->call.there && !row->call.has_run_out && row->call.expires_ms > now_ms &&
                  row->leaving == 0 && !holders_has_left(ask);
    bool refused = ask->outcome == LINE_EXPIRED || ask->outcome == LINE_GONE;
    bool is_settled = lines_place(row->number) <= bucket_of(ask, "settled");
    if (ask->outcome == LINE_NOT_YET && row->called) {
        probe_reached(PROBE_LINE_DOOR);
        if (row->retried_us + RETRIES_MS * SIM_MS < sim_us())
            row->door_us = sim_us();
        row->retried_us = sim_us();
    }
    if (ask->outcome == LINE_NOT_YET && called && row->paid && is_hall_empty(ask) && !is_settled &&
        !is_behind_somebody(row, ask))
        invariant_broken(INVARIANT_6, "place %s is called and in time, and the empty hall is shut",
                         lines_says(row->number));
    if (ask->outcome == LINE_EXPIRED && !row->entered)
        probe_reached(PROBE_LINE_MISSED);
    if (ask->outcome == LINE_MEMBER_INSIDE)
        probe_reached(PROBE_LINE_MEMBER_INSIDE);
    /* After Redis lost an extension, by a retry or on request, only fronts that ran then know it.
     */
    bool is_at_door = row->door_us > 0 && row->door_us < row->call.since_us;
    uint64_t longer_us = is_at_door ? row->door_us : row->call.since_us;
    bool is_unknown = is_settled && longer_us <= losses_last_us() && front != row->call.front;
    if (refused && called && !row->entered && !is_unknown &&
        !losses_may_forget(row->call.front, row->call.at_us))
        invariant_broken(INVARIANT_6, "place %s is turned away %" PRIu64 " ms before its call ends",
                         lines_says(row->number), row->call.expires_ms - now_ms);
}

static void judge_pass(unsigned front, const struct ask *ask)
{
    struct row *row = row_asked(ask);
    judge_refused(front, row, ask);
    if (ask->outcome != LINE_OK && ask->outcome != LINE_SAME)
        return;
    if (!row->called || holders_has_left_for_good(ask))
        invariant_broken(INVARIANT_6, "place %s is let in, and %s", lines_says(row->number),
                         row->called ? "was given up" : "was not called");
    if (row->call.there && row->call.expires_ms < keeper_event_ms(ask->line.event) &&
        !row->visit.there)
        probe_reached(PROBE_LINE_LATE_ENTERED);
    holders_on_done(ask);
    judge_member(row, ask);
    presales_on_pass(ask);
    book.entered += !row->visit.there;
    if (!row->visit.there)
        row->begun_us = sim_us();
    row->visit.there = true;
    row->visit.at_us = sim_us();
    row->visit.expires_ms = ask->expires_ms;
    row->visit.front = front;
    row->member = ask->member;
    assert(book.passes_len < PASSES_MAX);
    book.passes[book.passes_len].at_us = sim_us();
    book.passes[book.passes_len].number = row->number;
    book.passes[book.passes_len++].front = front;
}

/* After a second loss the number of lost sessions is a guess. The end in a visitor's own pass
 * counts even then, but not the end in a response that was lost. */
static uint64_t visit_until_ms(const struct row *row, const struct ask *ask)
{
    if (!losses_came_twice(row->visit.at_us) || row->visit.expires_ms < ask->shown_ms)
        return row->visit.expires_ms;
    return ask->shown_ms;
}

static void judge_beat(unsigned front, const struct ask *ask)
{
    struct row *row = row_asked(ask);
    uint64_t now_ms = keeper_event_ms(ask->line.event);
    bool was_over = row->ended && row->ended_us < ask->asked_us && !may_end_be_lost(row);
    bool knows = row->end.there && row->end.front == front && row->end.at_us < ask->asked_us &&
                 !losses_was_silenced(front, row->end.at_us);
    if (ask->outcome == LINE_OK && (was_over || knows))
        invariant_broken(INVARIANT_6, "the visit of place %s was over, and goes on",
                         lines_says(row->number));
    if (ask->outcome == LINE_OK) {
        row->visit.expires_ms = ask->expires_ms;
        row->visit.at_us = sim_us();
        row->visit.front = front;
        return;
    }
    bool refused = ask->outcome == LINE_EXPIRED || ask->outcome == LINE_GONE;
    uint64_t until_ms = visit_until_ms(row, ask);
    if (refused && row->visit.there && !row->ended && row->leaving == 0 &&
        !row->visit.has_run_out && until_ms > now_ms + (losses_any() ? ROUNDED_MS : 0))
        invariant_broken(INVARIANT_6, "the visit of place %s ends %" PRIu64 " ms before its time",
                         lines_says(row->number), until_ms - now_ms);
}

/* Redis may lose the end, but not the front. */
static void hear_of_end(unsigned front, const struct ask *ask)
{
    struct row *row = row_asked(ask);
    bool is_known = row->begun_us > losses_last_us(); /* to Redis, whose reply says so */
    if (ask->outcome != LINE_OK || !(ask->kind == ASK_DONE ? is_known : ask->was_inside))
        return;
    row->end.at_us = sim_us();
    row->end.front = front;
    row->end.there = true;
}

static void judge_left(const struct ask *ask)
{
    struct row *row = row_asked(ask);
    holders_on_done(ask);
    if (row->entered && !row->ended) {
        row->ended = true;
        row->ended_us = sim_us();
    }
    if (!row->entered)
        holders_on_left(ask);
    if (ask->state == LINE_PRE_QUEUE)
        probe_reached(PROBE_LINE_LEFT_EARLY);
}

/* A leave after the visit has expired, which Redis lost, may free the slot of another lost
 * visit. */
static void on_leaving(uint64_t number)
{
    struct row *row = row_of(number);
    row->leaving += 1;
    if (losses_any() && row->visit.there && !row->ended &&
        row->visit.expires_ms <= keeper_event_ms(lines_of(number).event))
        sale_of(number)->visits_lost += 1;
}

static void hear_of_leaving(const struct ask *ask)
{
    struct row *row = row_asked(ask);
    if (ask->outcome != LINE_UNAVAILABLE && row->leaving > 0)
        row->leaving -= 1;
}

static void judge_done(const struct ask *ask)
{
    struct row *row = row_asked(ask);
    if (!row->ended)
        row->ended_us = sim_us();
    row->ended = true;
}

static void judge_longer_call(unsigned front, const struct ask *ask)
{
    hear_of_call(row_asked(ask), front, ask->expires_ms);
    probe_reached(PROBE_LINE_EXTENDED);
}

static void on_answer(unsigned front, const struct ask *ask)
{
    bool done = ask->outcome == LINE_OK;
    if ((ask->kind == ASK_LEAVE || ask->kind == ASK_DONE) && ask->entry != 0) {
        hear_of_leaving(ask);
        hear_of_end(front, ask);
    }
    if (ask->outcome == ANSWER_REFUSED)
        note_act(ask->act, ACT_REFUSED);
    if (ask->kind == ASK_JOIN)
        judge_join(front, ask);
    else if (ask->entry == 0)
        return; /* an operator's request, or the ticket was invalid */
    else if (ask->kind == ASK_ME && done)
        judge_place(front, ask);
    else if (ask->kind == ASK_PASS)
        judge_pass(front, ask);
    else if (ask->kind == ASK_BEAT)
        judge_beat(front, ask);
    else if (ask->kind == ASK_DONE && done)
        judge_done(ask);
    else if (ask->kind == ASK_LEAVE && done)
        judge_left(ask);
    else if (ask->kind == ASK_EXTEND && done)
        judge_longer_call(front, ask);
    else if (ask->kind == ASK_CODE && done)
        holders_on_done(ask);
    else if (ask->kind == ASK_TAKE && (done || ask->outcome == LINE_SAME))
        holders_on_taken(front, ask);
}

/* ---- at the seats ---- */

void ledger_on_shopping(uint64_t number)
{
    const struct row *row = row_of(number);
    uint64_t now_ms = sim_wall_ms(); /* as the seats see it */
    if (!row->entered || !row->visit.there)
        invariant_broken(INVARIANT_6, "place %s chooses seats, and was not let in",
                         lines_says(number));
    bool was_calm = fault_ended_us() > 0 && fault_ended_us() < row->ended_us;
    bool must_know = fault_ended_us() > 0 && fault_ended_us() + REPORTED_MS * SIM_MS < sim_us() &&
                     row->end.there && !losses_was_silenced(row->end.front, row->end.at_us);
    if (row->ended && (was_calm || must_know) && row->ended_us + FAREWELL_MS * SIM_MS < sim_us())
        invariant_broken(INVARIANT_6, "place %s chooses seats %" PRIu64 " ms after its visit ended",
                         lines_says(number), (sim_us() - row->ended_us) / SIM_MS);
    if (row->visit.expires_ms + SKEW_MS < now_ms)
        invariant_broken(INVARIANT_6,
                         "place %s chooses seats %" PRIu64 " ms after its pass has run out",
                         lines_says(number), now_ms - row->visit.expires_ms);
}

/* ---- the end ---- */

/* The clock's offset from Redis's is reduced step by step. */
static void judge_clock(unsigned event)
{
    struct span off = keeper_field(lines_key((struct line_ref){event, 0}, "cfg"), "clock_off_us");
    bool is_off = off.len > 0 && !span_eq(off, SPAN("0"));
    if (is_off && book.sales[event].clock_us + CLOCK_STILL_MS * SIM_MS < sim_us())
        invariant_broken(INVARIANT_4, "the clock of %s stays %.*s us apart", lines_event(event),
                         (int)off.len, off.ptr);
}

/* The services behind the line have been silent for long. */
static void judge_pilot(unsigned event)
{
    const struct sale *sale = &book.sales[event];
    if (sale->ceiling_milli > 0 && rate_of(event) * 1000 > (double)sale->floor_milli)
        invariant_broken(INVARIANT_4, "the autopilot keeps a rate of %.3f without readings",
                         rate_of(event));
}

static void judge_end_of(struct line_ref line)
{
    const struct line_view *view = fronts_view(line);
    uint64_t issued = lines_u64(keeper_text(lines_key(line, "seq")));
    if (view == NULL || view->stale)
        invariant_broken(INVARIANT_4, "no front has a picture of a line");
    uint32_t inside_n = keeper_items(lines_key(line, "active"));
    uint32_t door_n = keeper_items(lines_key(line, "door"));
    if (inside_n > 0 || door_n > 0)
        invariant_broken(INVARIANT_4, "%u visits and %u at the door are left over", inside_n,
                         door_n);
    if (view->waiting != waiting(line, issued))
        invariant_broken(INVARIANT_6, "%" PRIu64 " are shown as waiting, and %" PRIu64 " do",
                         view->waiting, waiting(line, issued));
}

void ledger_judge_end(void)
{
    for (unsigned event = 0; event < fronts_events(); event++) {
        judge_clock(event);
        judge_pilot(event);
        for (unsigned lane = 0; lane <= book.sales[event].lanes; lane++)
            judge_end_of((struct line_ref){event, lane});
    }
}

uint32_t ledger_entered(void)
{
    return book.entered;
}

uint32_t ledger_joined(void)
{
    return holders_len();
}

void ledger_begin(struct keeper_ears *keeper, struct ask_ears *fronts)
{
    *keeper = (struct keeper_ears){on_write, on_loss, on_step};
    *fronts = (struct ask_ears){on_answer, on_shown, on_leaving, on_silenced};
    for (unsigned i = 0; i < EVENTS; i++)
        book.sales[i].state = LINE_DRAFT;
}

/* presales.c: a row per code, and one per place that used a code.
 *
 * Uses that Redis lost may be used again, and dropped codes are over: only places requested since
 * then are counted. How often a code is good for may change during a join; then its highest value
 * counts. */
#include "queue/judge/presales.h"

#include "queue/front/fronts.h"
#include "queue/front/proc.h"
#include "queue/judge/losses.h"
#include "stage/invariant.h"
#include "stage/probes.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

enum { PLACES_MAX = 2048, CODE_UNKNOWN = UINT32_MAX };

struct code {
    bool loaded; /* at least once */
    unsigned lane;
    uint64_t uses, uses_max, used;
    uint64_t changed_us, dropped_us;
};

struct had {
    uint64_t number; /* of the entry */
    uint64_t code, asked_us;
};

static struct {
    struct code codes[EVENTS][1 + ASK_PRESALES];
    struct had places[PLACES_MAX];
    uint32_t places_len;
} book;

/* ---- what Redis writes ---- */

static struct code *by_digest(unsigned event, struct span digest)
{
    uint8_t name[LINE_CODE_BYTES];
    for (unsigned i = 1; i <= ASK_PRESALES; i++) {
        proc_digest(event, i, name);
        if (span_eq(digest, (struct span){(const char *)name, sizeof(name)}))
            return &book.codes[event][i];
    }
    invariant_broken(INVARIANT_6, "a code is written that nobody has loaded");
}

static uint64_t cut_number(struct span *rest)
{
    struct span one;
    *rest = span_cut(*rest, ':', &one);
    return lines_u64(one);
}

static void change(struct code *code, struct span value, bool is_load)
{
    unsigned lane = (unsigned)cut_number(&value);
    uint64_t uses = cut_number(&value), used = cut_number(&value);
    if (!is_load && used > uses)
        invariant_broken(INVARIANT_6, "a code is used for the %" PRIu64 "th time, of %" PRIu64,
                         used, uses);
    if (!is_load && lane != code->lane)
        invariant_broken(INVARIANT_6, "a code of lane %u is used in lane %u", code->lane, lane);
    /* A use that was returned, since there was no place, may have blocked another. */
    if (is_load || used < code->used)
        code->changed_us = sim_us();
    code->loaded = true;
    code->lane = lane;
    code->uses = uses;
    code->uses_max = uses > code->uses_max ? uses : code->uses_max;
    code->used = used;
}

/* A place uses one code; this world's operator loads several at once. */
void presales_on_written(unsigned event, const struct span *words, size_t len)
{
    for (size_t i = 2; i + 1 < len; i += 2)
        change(by_digest(event, words[i]), words[i + 1], len > 4);
}

void presales_on_dropped(unsigned event)
{
    for (unsigned i = 1; i <= ASK_PRESALES; i++) {
        struct code *code = &book.codes[event][i];
        code->dropped_us = code->changed_us = sim_us();
        code->used = 0;
    }
}

/* The books have what was written; Redis now has something older. */
void presales_on_loss(void)
{
    for (unsigned event = 0; event < EVENTS; event++) {
        for (unsigned i = 1; i <= ASK_PRESALES; i++) {
            struct code *code = &book.codes[event][i];
            code->changed_us = sim_us();
            code->uses = code->uses_max;
            code->used = UINT64_MAX; /* unknown */
        }
    }
}

void presales_forget(unsigned event)
{
    memset(book.codes[event], 0, sizeof(book.codes[event]));
}

/* ---- answers to visitors ---- */

static bool counts(const struct code *code, uint64_t asked_us)
{
    return asked_us > code->dropped_us && (!losses_any() || asked_us > losses_last_us());
}

static uint64_t had_by(const struct code *code, unsigned event, uint64_t number)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < book.places_len; i++)
        n += lines_is_of(book.places[i].number, event) && book.places[i].code == number &&
             counts(code, book.places[i].asked_us);
    return n;
}

/* Guesses share the row of a code that is never loaded. */
static const struct code *code_of(const struct ask *ask)
{
    return &book.codes[ask->line.event][ask->presale <= ASK_PRESALES ? ask->presale : 0];
}

/* Shards take a use before the place, perhaps while the code was good for more. */
static bool is_in_shards(unsigned event)
{
    const struct line_view *view = fronts_view((struct line_ref){event, 0});
    return view == NULL || view->knobs.shards > 1;
}

static const struct had *had_at(uint64_t number)
{
    for (uint32_t i = 0; i < book.places_len; i++)
        if (book.places[i].number == number)
            return &book.places[i];
    return NULL;
}

/* Redis gave the place, or in shards only took the code, for a join whose response was lost; that
 * code counts whichever is sent next, and is unknown. */
static void note_found(const struct ask *ask)
{
    uint64_t number = lines_number(ask->line, ask->entry);
    if (had_at(number) != NULL)
        return;
    assert(book.places_len < PLACES_MAX);
    book.places[book.places_len++] = (struct had){number, CODE_UNKNOWN, ask->asked_us};
}

/* Has the code been used more often than the known places by it? */
static bool has_unknown_use(const struct code *code, struct line_ref line, uint64_t number)
{
    bool opens_lane = code->loaded && code->lane == line.lane;
    return opens_lane && code->used > had_by(code, line.event, number);
}

static bool may_be_of_another_code(struct line_ref line)
{
    for (unsigned i = 1; i <= ASK_PRESALES; i++) {
        const struct code *code = &book.codes[line.event][i];
        bool was_dropped = code->loaded && code->lane == line.lane && code->dropped_us > 0;
        if (was_dropped || has_unknown_use(code, line, i))
            return true;
    }
    return false;
}

static void judge_place(const struct ask *ask)
{
    uint64_t number = lines_number(ask->line, ask->entry);
    const struct code *code = code_of(ask);
    bool opens_lane = code->loaded && code->lane == ask->line.lane;
    if (is_in_shards(ask->line.event) && !has_unknown_use(code, ask->line, ask->presale) &&
        may_be_of_another_code(ask->line)) {
        note_found(ask);
        return;
    }
    if (!opens_lane)
        invariant_broken(INVARIANT_6, "place %s is had by code %" PRIu64 ", which %s",
                         lines_says(number), ask->presale,
                         code->loaded ? "opens another lane" : "is unknown");
    assert(book.places_len < PLACES_MAX);
    book.places[book.places_len++] = (struct had){number, ask->presale, ask->asked_us};
    uint64_t had = had_by(code, ask->line.event, ask->presale);
    bool is_settled = ask->asked_us > code->changed_us && !is_in_shards(ask->line.event);
    uint64_t most = is_settled ? code->uses : code->uses_max;
    if (had > 1)
        probe_reached(PROBE_LINE_CODE_SHARED);
    if (counts(code, ask->asked_us) && had > most)
        invariant_broken(INVARIANT_6,
                         "place %s is the %" PRIu64 "th by code %" PRIu64
                         ", which is good for %" PRIu64,
                         lines_says(number), had, ask->presale, most);
}

static void judge_used_up(const struct ask *ask)
{
    const struct code *code = code_of(ask);
    probe_reached(PROBE_LINE_CODE_USED_UP);
    if (!code->loaded)
        invariant_broken(INVARIANT_6, "code %" PRIu64 " is used up, and is unknown", ask->presale);
    if (ask->asked_us > code->changed_us && code->used < code->uses)
        invariant_broken(INVARIANT_6,
                         "code %" PRIu64 " is used up, and was used %" PRIu64 " times of %" PRIu64,
                         ask->presale, code->used, code->uses);
}

void presales_on_join(const struct ask *ask, bool must_show)
{
    bool has_place = ask->outcome == LINE_OK;
    if (has_place && ask->presale == 0 && must_show)
        invariant_broken(INVARIANT_6, "place %s is had without a code",
                         lines_says(lines_number(ask->line, ask->entry)));
    if (has_place && ask->presale != 0)
        judge_place(ask);
    if (ask->outcome == LINE_SAME && ask->presale != 0)
        note_found(ask);
    if (has_place && ask->presale != 0 && ask->line.lane != ask->asked_lane)
        probe_reached(PROBE_LINE_CODE_LANE);
    if (ask->outcome == LINE_PRESALE_USED_UP)
        judge_used_up(ask);
    if (ask->outcome == LINE_PRESALE_UNKNOWN)
        probe_reached(PROBE_LINE_CODE_UNKNOWN);
    if (ask->outcome == LINE_PRESALE_GUESSES)
        probe_reached(PROBE_LINE_CODE_GUESSES);
    if (ask->outcome == LINE_PRESALE_MISSING)
        probe_reached(PROBE_LINE_CODE_MISSING);
}

/* Redis may lose what a code opened while a ticket keeps the place. */
void presales_on_pass(const struct ask *ask)
{
    uint64_t number = lines_number(ask->line, ask->entry);
    const struct had *had = had_at(number);
    const char *opened = had != NULL ? ASK_CHANNEL(ask->line.lane) : "";
    bool same = strcmp(opened, ask->channel) == 0;
    if (had != NULL && had->code == CODE_UNKNOWN && ask->channel[0] == '\0')
        return;
    if (opened[0] != '\0' && same)
        probe_reached(PROBE_LINE_CODE_CHANNEL);
    if (!same && !losses_any())
        invariant_broken(INVARIANT_6, "the pass of place %s opens '%s', and its code '%s'",
                         lines_says(number), ask->channel, opened);
}

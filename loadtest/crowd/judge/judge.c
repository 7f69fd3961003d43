/* judge.c: the rules. One pass over the records in the order of time, with a picture of each
 * visitor (one row of on_record[] for each kind of record), then what only shows when all visitors
 * are compared.
 *
 *   - no visitor has two places, no place has two visitors; a place returned again is the same
 *   - a visitor who got a number before another one asked has the lower one
 *   - a pass only after a call, or before anybody could have been called; one visit for a ticket
 *   - no visitor comes in before those in front, the line never moves faster than the operator
 *     allows, and `ahead` does not rise by itself (judge_line.c)
 *   - no more people are inside than allowed
 *   - no seat is two people's at the same time, sold or not; no visit has more seats than allowed
 *   - each visitor with a ticket has paid what the order said; each who paid in time has one
 *   - no trick worked
 *   - each visitor came to one end
 *   - as many got through as the scenario expects
 *
 * A client cannot see when a number was given or a visit began, only between which instants it must
 * have been; the rules follow from that alone. It also counts what people of each manner got, and
 * how far off the promised waits were. */
#include "judge/judge_internal.h"

#include "base/table.h"
#include "observe/histogram.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct picture {
    uint64_t place, entry;
    uint64_t number, asked_us, joined_us; /* the first entry or place, and when it was given */
    uint64_t promised;                    /* p50 << 32 | p90 */
    uint64_t heard_us;                    /* no later than their last sign of life */
    uint64_t waited_us;                   /* surely not called yet */
    uint64_t ahead, ahead_us, ahead_came; /* the fewest; when seen; where the line was then */
    uint64_t session, passed_us, inside_until_us;
    uint64_t call_until_us, hold, hold_until_us, ordered, by_us, paid, paid_us, order_id;
    uint64_t seat[VISITOR_SEATS_MAX]; /* hashes of their ids */
    size_t stay[VISITOR_SEATS_MAX];   /* and their indices in work.stays */
    uint16_t manner, visits;
    uint8_t seats, stays, how; /* it ended */
    bool called, ticketed, voided, ended, new_hold, ahead_known, silent;
};

/* What has one owner. Its first owner is remembered. */
enum thing { THING_ENTRY, THING_PLACE, THING_SEAT, THING_ORDER };

struct owner {
    uint64_t key;
    enum thing thing;
    uint32_t visitor;
};

/* A seat is surely a visitor's from the instant at which they read that it is held for them. It
 * surely stays theirs until they sent it back, until its announced time ran out, or until it was
 * ordered (from then on the saga may give it back, if the order fails); for ever, if it was sold.
 * That includes seats that were never sold, so a hold that was lost or given away is found even if
 * both buyers got some ticket in the end. */
struct stay {
    uint64_t seat, from_us, to_us;
    uint32_t visitor;
};

/* Something began or ended. What ends makes room for what begins in the same instant. */
struct moment {
    uint64_t at_us;
    bool begins;
    uint32_t visitor;
};

struct work {
    const struct judge_conf *conf;
    struct picture *pictures;
    struct moment *moments; /* room for two of each visitor */
    size_t len;
    struct table owners_by_key;
    struct owner *owners;
    struct stay *stays;
    size_t owners_len, owners_cap, stays_len, stays_cap;
    bool spoilt; /* by a lack of memory for those */
    struct judge_line *line;
    uint64_t end_us;          /* of the run */
    struct histogram eta_off; /* thousandths */
    struct judge_verdict *verdict;
};

/* ---- owners ---- */

static bool is_of(const void *ctx, uint32_t number, const void *key)
{
    const struct owner *owner = &((const struct work *)ctx)->owners[number], *wanted = key;
    return owner->key == wanted->key && owner->thing == wanted->thing;
}

/* The thing's owner: this visitor, unless it had another one before. */
static uint32_t claim(struct work *work, enum thing thing, uint64_t key, uint32_t visitor)
{
    const struct owner wanted = {key, thing, visitor};
    uint64_t hash = table_hash_u64(key + ((uint64_t)thing << 62));
    uint32_t number = table_find(&work->owners_by_key, hash, is_of, work, &wanted);
    if (number != TABLE_NONE)
        return work->owners[number].visitor;
    if (!judge_room((void **)&work->owners, work->owners_len, &work->owners_cap, sizeof(wanted)) ||
        table_add(&work->owners_by_key, hash, (uint32_t)work->owners_len, NULL) < 0) {
        work->spoilt = true;
        return visitor;
    }
    work->owners[work->owners_len++] = wanted;
    assert(work->owners_len < TABLE_NONE);
    return visitor;
}

/* ---- tallies ---- */

static bool is_theirs(const struct picture *who, unsigned manner)
{
    return manner == JUDGE_PLAIN ? who->manner == 0 : (who->manner >> manner & 1) != 0;
}

static void tally(struct work *work, const struct picture *who, size_t member, uint64_t by)
{
    for (unsigned manner = 0; manner <= MANNERS; manner++) {
        if (is_theirs(who, manner))
            *(uint64_t *)(void *)((char *)&work->verdict->tally[manner] + member) += by;
    }
}

#define TALLY(work_, who_, member_, by_)                                                           \
    tally(work_, who_, offsetof(struct judge_tally, member_), by_)

static void tally_held(struct work *work, const struct picture *who, uint64_t held)
{
    for (unsigned manner = 0; manner <= MANNERS; manner++) {
        struct judge_tally *of = &work->verdict->tally[manner];
        if (is_theirs(who, manner) && held > of->held_most)
            of->held_most = held;
    }
}

/* ---- in the line ---- */

static void on_who(struct work *work, const struct record *record, struct picture *who)
{
    who->manner = (uint16_t)record->value;
    TALLY(work, who, visitors, 1);
}

/* Only what leaves a mark in the line counts, and only from when it surely had: anyone silent for
 * long may count as gone. */
static void heard(struct work *work, const struct record *record, struct picture *who)
{
    if (!who->called && who->heard_us > 0 &&
        record->at_us - who->heard_us >= judge_gone_after_us(work->conf))
        who->silent = true;
    who->heard_us = record->at_us - record->took_us;
}

static void on_number(struct work *work, const struct record *record, uint64_t *own,
                      enum thing thing)
{
    const char *what = thing == THING_ENTRY ? "entry" : "place";
    heard(work, record, &work->pictures[record->visitor]);
    if (*own != 0 && *own != record->value)
        judge_found(work->verdict, FOUND_CHANGED, "visitor %u got %s %lu and later %lu",
                    record->visitor, what, *own, record->value);
    uint32_t other = claim(work, thing, record->value, record->visitor);
    if (other != record->visitor)
        judge_found(work->verdict, FOUND_TWO_OWNERS, "%s %lu was given to visitors %u and %u", what,
                    record->value, other, record->visitor);
    *own = record->value;
}

static void joined(struct work *work, const struct record *record, struct picture *who)
{
    who->number = who->number == 0 ? record->value : who->number;
    who->joined_us = record->at_us;
    who->asked_us = record->at_us - record->took_us;
    judge_line_below(work->line, who->asked_us, who->entry != 0 ? 0 : who->place - 1,
                     record->visitor); /* before a draw nobody is called */
}

static void on_entry(struct work *work, const struct record *record, struct picture *who)
{
    on_number(work, record, &who->entry, THING_ENTRY);
    joined(work, record, who);
}

static void on_join(struct work *work, const struct record *record, struct picture *who)
{
    bool first = who->place == 0;
    on_number(work, record, &who->place, THING_PLACE);
    if (!first)
        return;
    work->verdict->places++;
    TALLY(work, who, places, 1);
    if (who->entry != 0)
        return;
    who->promised = record->more;
    joined(work, record, who);
}

/* The fewest people ahead of a visitor, seen long enough ago that a later answer is surely
 * of a later picture. */
static void count_ahead(struct work *work, const struct record *record, struct picture *who)
{
    if (who->ahead_known && record->more > who->ahead) {
        if (who->waited_us >= who->ahead_us)
            judge_line_rose(work->line, who->place, who->ahead, record->more, who->ahead_came,
                            record->visitor);
        return;
    }
    who->ahead_known = true;
    who->ahead = record->more;
    who->ahead_us = record->at_us;
    who->ahead_came = judge_line_came(work->line);
}

static void on_wait(struct work *work, const struct record *record, struct picture *who)
{
    heard(work, record, who);
    if (record->value != 0 && record->value != who->place)
        judge_found(work->verdict, FOUND_CHANGED, "visitor %u with place %lu was shown %lu",
                    record->visitor, who->place, record->value);
    bool waits = (record->flags & RECORD_WAITING) != 0 && (record->flags & RECORD_STALE) == 0;
    if (!waits || record->value == 0)
        return;
    who->waited_us = record->at_us - record->took_us - JUDGE_LAG_US;
    uint64_t upto = record->more < record->value ? record->value - 1 - record->more : 0;
    judge_line_below(work->line, who->waited_us, upto, record->visitor);
    count_ahead(work, record, who);
}

/* A wait was longer than promised if its owner was surely not called when it should have been over.
 * Promises are whole seconds. */
static bool longer_than(const struct picture *who, uint64_t seconds)
{
    return who->waited_us > who->joined_us + (seconds + 1) * 1000000;
}

static void count_promise(struct work *work, const struct picture *who)
{
    work->verdict->eta_judged++;
    work->verdict->eta_within_p50 += !longer_than(who, who->promised >> 32);
    work->verdict->eta_within_p90 += !longer_than(who, (uint32_t)who->promised);
}

static void promise_kept(struct work *work, const struct record *record, const struct picture *who)
{
    uint64_t p50_us = (who->promised >> 32) * 1000000;
    uint64_t real_us = record->at_us - who->joined_us;
    if (p50_us == 0 || real_us < 2000000)
        return; /* nothing was promised, or nothing had to be waited for */
    uint64_t off_us = real_us > p50_us ? real_us - p50_us : p50_us - real_us;
    histogram_record(&work->eta_off, off_us * 1000 / real_us);
    count_promise(work, who);
}

/* The wait is over, by a call or by a pass. */
static void came_in(struct work *work, const struct record *record, struct picture *who)
{
    if (who->called)
        return;
    heard(work, record, who);
    who->called = true;
    promise_kept(work, record, who);
}

static void on_called(struct work *work, const struct record *record, struct picture *who)
{
    came_in(work, record, who);
    if (record->value != who->place)
        judge_found(work->verdict, FOUND_CHANGED, "visitor %u with place %lu was called as %lu",
                    record->visitor, who->place, record->value);
    who->call_until_us = record->more;
    judge_line_reached(work->line, record->at_us, record->value, record->visitor);
}

/* Read before the announced time, so it was over before. */
static void on_gone(struct work *work, const struct record *record, struct picture *who)
{
    bool call = record->value == GONE_CALL;
    uint64_t until_us = call ? who->call_until_us : who->hold_until_us;
    if (record->at_us < until_us)
        judge_found(work->verdict, FOUND_GONE_EARLY,
                    "visitor %u's %s was gone %.1f s before its announced time", record->visitor,
                    call ? "call" : "hold", (double)(until_us - record->at_us) / 1e6);
}

static void on_pass(struct work *work, const struct record *record, struct picture *who)
{
    bool early = (record->flags & RECORD_EARLY) != 0; /* whether too early, the line says */
    if (who->place == 0)
        judge_found(work->verdict, FOUND_JUMP, "visitor %u was let in without a place",
                    record->visitor);
    else if (!who->called && !early)
        judge_found(work->verdict, FOUND_UNCALLED, "visitor %u got a pass without being called",
                    record->visitor);
    came_in(work, record, who);
    if (who->place > 0)
        judge_line_reached(work->line, record->at_us, who->place, record->visitor);
    if (who->visits > 0 && who->session != record->more)
        judge_found(work->verdict, FOUND_TWO_VISITS, "visitor %u has two visits with one ticket",
                    record->visitor);
    if (who->visits == 0) {
        work->verdict->passes++;
        TALLY(work, who, passes, 1);
        who->passed_us = record->at_us;
        who->inside_until_us = record->at_us - record->took_us + work->conf->session_ttl_ms * 1000;
    }
    if (who->visits == 0 || who->session != record->more) {
        who->visits++;
        TALLY(work, who, visits, 1);
    }
    who->session = record->more;
}

/* ---- at the seats ---- */

static void on_hold(struct work *work, const struct record *record, struct picture *who)
{
    who->new_hold = true;
    tally_held(work, who, record->value);
    if (work->conf->seats_max > 0 && record->value > work->conf->seats_max)
        judge_found(work->verdict, FOUND_TOO_MANY, "visitor %u holds %lu seats", record->visitor,
                    record->value);
}

static void on_seat(struct work *work, const struct record *record, struct picture *who)
{
    if (who->new_hold) { /* the first seat of a new hold */
        who->new_hold = false;
        who->seats = 0;
    }
    if (who->seats == VISITOR_SEATS_MAX)
        judge_found(work->verdict, FOUND_TOO_MANY,
                    "visitor %u holds more seats than were asked for", record->visitor);
    else
        who->seat[who->seats++] = record->value;
}

/* The seats of the hold are known now. A repeated answer changes nothing. */
static void on_until(struct work *work, const struct record *record, struct picture *who)
{
    if (record->more == who->hold && who->stays > 0)
        return;
    who->seats = who->new_hold ? 0 : who->seats; /* of a standing area: none has a name */
    who->new_hold = false;
    who->hold = record->more;
    who->hold_until_us = record->value;
    who->stays = who->seats;
    for (uint8_t i = 0; i < who->seats; i++) {
        struct stay stay = {who->seat[i], record->at_us, record->value, record->visitor};
        if (!judge_room((void **)&work->stays, work->stays_len, &work->stays_cap, sizeof(stay))) {
            work->spoilt = true;
            who->stays = i;
            return;
        }
        who->stay[i] = work->stays_len;
        work->stays[work->stays_len++] = stay;
    }
    if (record->value / 1000 > work->verdict->held_until_ms)
        work->verdict->held_until_ms = record->value / 1000;
}

static void on_sent(struct work *work, const struct record *record, struct picture *who)
{
    if (record->value == SENT_HOLD)
        return;
    for (uint8_t i = 0; i < who->stays; i++) { /* from here on they may be anybody's */
        struct stay *stay = &work->stays[who->stay[i]];
        stay->to_us = record->at_us < stay->to_us ? record->at_us : stay->to_us;
    }
}

static void on_sold(struct work *work, const struct record *record, struct picture *who)
{
    struct judge_verdict *verdict = work->verdict;
    for (uint8_t i = 0; i < who->seats; i++) {
        uint32_t other = claim(work, THING_SEAT, who->seat[i], record->visitor);
        if (other != record->visitor)
            judge_found(verdict, FOUND_TWO_OWNERS, "seat #%lu was sold to visitors %u and %u",
                        who->seat[i], other, record->visitor);
        verdict->seats++;
        TALLY(work, who, seats, 1);
    }
    for (uint8_t i = 0; i < who->stays; i++)
        work->stays[who->stay[i]].to_us = UINT64_MAX;
}

static void on_ticket(struct work *work, const struct record *record, struct picture *who)
{
    struct judge_verdict *verdict = work->verdict;
    if (who->ticketed)
        return;
    who->ticketed = true;
    verdict->tickets++;
    TALLY(work, who, tickets, 1);
    if (who->paid == 0 || who->paid != who->ordered)
        judge_found(verdict, FOUND_UNPAID,
                    "visitor %u has tickets for an order of %lu and paid %lu", record->visitor,
                    who->ordered, who->paid);
    verdict->paid += who->paid;
    if (record->more != who->order_id)
        judge_found(verdict, FOUND_CHANGED, "visitor %u has tickets of another order",
                    record->visitor);
    on_sold(work, record, who);
}

static void on_order(struct work *work, const struct record *record, struct picture *who)
{
    uint32_t other = claim(work, THING_ORDER, record->more, record->visitor);
    if (other != record->visitor)
        judge_found(work->verdict, FOUND_TWO_OWNERS, "visitors %u and %u have the same order",
                    other, record->visitor);
    if (who->ordered == 0)
        work->verdict->orders++;
    who->ordered = record->value;
    who->order_id = record->more;
}

static void on_paid(struct work *work, const struct record *record, struct picture *who)
{
    uint64_t asked_us = record->at_us - record->took_us;
    work->verdict->payers += who->paid_us == 0;
    who->paid = record->value;
    who->paid_us = record->at_us;
    if (asked_us < who->inside_until_us) /* from here on the visit may be ended any moment */
        who->inside_until_us = asked_us;
}

/* ---- tricks ---- */

static bool trick_worked(const struct work *work, const struct record *record,
                         const struct picture *who)
{
    switch ((enum record_trick)record->value) {
    case TRICK_TAB:
    case TRICK_REJOIN:
        return record->status < 300 && record->more != who->place && record->more != who->entry;
    case TRICK_REUSE:
        return record->more != who->session;
    case TRICK_HOARD:
        return work->conf->seats_max > 0 && record->more > work->conf->seats_max;
    case TRICK_JUMP:
    case TRICK_FORGE:
    case TRICK_RETURN:
    case TRICK_SHARE:
    case TRICK_SECOND:
    case TRICKS:
        break;
    }
    return record->status > 0 && record->status < 400;
}

static void on_trick(struct work *work, const struct record *record, struct picture *who)
{
    TALLY(work, who, tried, 1);
    if (record->value == TRICK_HOARD)
        tally_held(work, who, record->more);
    if (!trick_worked(work, record, who))
        return;
    TALLY(work, who, worked, 1);
    judge_found(work->verdict, FOUND_TRICK, "visitor %u: \"%s\" worked (status %u, %lu)",
                record->visitor, record->value < TRICKS ? record_trick_names[record->value] : "?",
                record->status, record->more);
}

static void on_end(struct work *work, const struct record *record, struct picture *who)
{
    if (who->ended)
        judge_found(work->verdict, FOUND_NO_END, "visitor %u ended twice", record->visitor);
    who->ended = true;
    work->verdict->ended[record->value]++;
    who->how = (uint8_t)record->value;
}

/* Each answer once, and each that was lost: it is noted as a try that came to nothing. */
static void count_answer(struct judge_verdict *verdict, const struct record *record)
{
    unsigned class = record->status / 100;
    verdict->answers[record->kind][class < 6 ? class : 0]++;
    bool tried = record->kind == RECORD_OTHER || record->kind == RECORD_TRICK;
    bool repeats = record->kind == RECORD_CALLED || record->kind == RECORD_SEAT ||
                   record->kind == RECORD_UNTIL || record->kind == RECORD_BY ||
                   record->kind == RECORD_TAKEN;
    verdict->answered += record->status > 0 && !repeats;
    verdict->lost += record->status == 0 && tried;
}

static void on_by(struct work *work, const struct record *record, struct picture *who)
{
    (void)work;
    who->by_us = record->value;
}

static void on_void(struct work *work, const struct record *record, struct picture *who)
{
    (void)work, (void)record;
    who->voided = true;
}

/* Records of other kinds are only counted. */
static void (*const on_record[RECORD_KINDS])(struct work *work, const struct record *record,
                                             struct picture *who) = {
    [RECORD_WHO] = on_who,   [RECORD_ENTRY] = on_entry,   [RECORD_JOIN] = on_join,
    [RECORD_WAIT] = on_wait, [RECORD_CALLED] = on_called, [RECORD_PASS] = on_pass,
    [RECORD_HOLD] = on_hold, [RECORD_SEAT] = on_seat,     [RECORD_UNTIL] = on_until,
    [RECORD_SENT] = on_sent, [RECORD_ORDER] = on_order,   [RECORD_BY] = on_by,
    [RECORD_PAID] = on_paid, [RECORD_TICKET] = on_ticket, [RECORD_SOLD] = on_sold,
    [RECORD_GONE] = on_gone, [RECORD_VOID] = on_void,     [RECORD_TRICK] = on_trick,
    [RECORD_END] = on_end,
};

static void look_at(struct work *work, const struct record *record)
{
    count_answer(work->verdict, record);
    if (on_record[record->kind] != NULL)
        on_record[record->kind](work, record, &work->pictures[record->visitor]);
}

/* ---- all of them together ---- */

static int by_instant(const void *a, const void *b)
{
    const struct moment *one = a, *two = b;
    return judge_compare(one->at_us, two->at_us, one->begins, two->begins);
}

/* A visitor who got a number before another one even asked has the lower one. The places of a draw
 * have no order, its entries have. */
static void judge_order(struct work *work, bool draw)
{
    const struct picture *highest = NULL;
    size_t count = 0;
    for (size_t i = 0; i < work->len; i++) {
        const struct picture *who = &work->pictures[i];
        if (who->number == 0 || (who->entry != 0) != draw)
            continue;
        work->moments[count++] = (struct moment){who->asked_us, false, (uint32_t)i};
        work->moments[count++] = (struct moment){who->joined_us, true, (uint32_t)i};
    }
    qsort(work->moments, count, sizeof(*work->moments), by_instant);
    for (size_t i = 0; i < count; i++) {
        const struct picture *who = &work->pictures[work->moments[i].visitor];
        if (work->moments[i].begins)
            highest = highest == NULL || who->number > highest->number ? who : highest;
        else if (highest != NULL && who->number < highest->number)
            judge_found(work->verdict, FOUND_ORDER,
                        "visitor %zu had %s %lu before visitor %u asked, who got %lu",
                        (size_t)(highest - work->pictures), draw ? "entry" : "place",
                        highest->number, work->moments[i].visitor, who->number);
    }
}

static void judge_cap(struct work *work)
{
    size_t count = 0;
    for (size_t i = 0; i < work->len; i++) {
        const struct picture *who = &work->pictures[i];
        if (who->visits == 0 || who->inside_until_us <= who->passed_us)
            continue;
        work->moments[count++] = (struct moment){who->passed_us, true, (uint32_t)i};
        work->moments[count++] = (struct moment){who->inside_until_us, false, (uint32_t)i};
    }
    qsort(work->moments, count, sizeof(*work->moments), by_instant);
    uint64_t inside = 0, *most = &work->verdict->active_most;
    for (size_t i = 0; i < count; i++) {
        inside = work->moments[i].begins ? inside + 1 : inside - 1;
        *most = inside > *most ? inside : *most;
    }
    if (work->conf->active_max > 0 && *most > work->conf->active_max)
        judge_found(work->verdict, FOUND_CROWDED, "%lu were inside at the same time", *most);
}

static int by_seat(const void *a, const void *b)
{
    const struct stay *one = a, *two = b;
    int order = judge_compare(one->seat, two->seat, one->from_us, two->from_us);
    return order != 0 ? order : judge_compare(one->visitor, two->visitor, 0, 0);
}

/* Two stays at one seat must not overlap. Sorts: no index is good any more. */
static void judge_stays(struct work *work)
{
    if (work->stays_len == 0)
        return;
    qsort(work->stays, work->stays_len, sizeof(*work->stays), by_seat);
    const struct stay *longest = &work->stays[0]; /* so far, at this seat */
    for (size_t i = 1; i < work->stays_len; i++) {
        const struct stay *stay = &work->stays[i];
        bool same = stay->seat == longest->seat;
        if (same && stay->from_us < longest->to_us && stay->from_us < stay->to_us)
            judge_found(
                work->verdict, FOUND_OVERLAP,
                "seat #%lu was held for visitor %u, and %.3f s later for visitor %u as well",
                stay->seat, longest->visitor, (double)(stay->from_us - longest->from_us) / 1e6,
                stay->visitor);
        if (!same || stay->to_us > longest->to_us)
            longest = stay;
    }
}

static int judge_the_line(struct work *work, struct err_slot *err)
{
    struct judge_place *places = malloc((work->len + 1) * sizeof(*places));
    size_t count = 0;
    if (places == NULL)
        return err_set(err, ERR_NOMEM, "%zu places", work->len);
    for (size_t i = 0; i < work->len; i++) {
        const struct picture *who = &work->pictures[i];
        bool left =
            who->visits == 0 && (who->how == END_LEFT || (who->manner >> MANNER_LEAVER & 1) != 0);
        bool silent = who->silent || (!who->called && work->end_us - who->heard_us >=
                                                          judge_gone_after_us(work->conf));
        if (who->place != 0)
            places[count++] = (struct judge_place){who->place, left, silent && !left};
    }
    int rc = judge_line_judge(work->line, places, count, work->conf, err, work->verdict);
    free(places);
    return rc;
}

/* Those who waited longer than promised and were never called. */
static void judge_waits(struct work *work)
{
    for (size_t i = 0; i < work->len; i++) {
        const struct picture *who = &work->pictures[i];
        if (!who->called && who->promised >> 32 != 0 && longer_than(who, (uint32_t)who->promised))
            count_promise(work, who);
    }
    static struct histogram_view view;
    memset(&view, 0, sizeof(view));
    histogram_add_to(&work->eta_off, &view);
    work->verdict->eta_off_p50_milli = histogram_quantile(&view, 0.5);
    work->verdict->eta_off_p90_milli = histogram_quantile(&view, 0.9);
}

/* Paid in time and got no ticket. It is not the buyer's doing, as no visitor gives up an order. One
 * who paid just before the end of the run may still get it. */
static bool owed_a_ticket(struct work *work, const struct picture *who)
{
    if (who->paid_us == 0 || who->ticketed || (who->by_us > 0 && who->paid_us > who->by_us))
        return false;
    bool may_come = !who->voided && who->how == END_PATIENCE &&
                    work->end_us - who->paid_us < work->conf->expect.ticket_within_ms * 1000;
    work->verdict->unfinished += may_come;
    return !may_come;
}

static void judge_payers(struct work *work)
{
    struct judge_verdict *verdict = work->verdict;
    for (size_t i = 0; i < work->len; i++)
        verdict->voided += owed_a_ticket(work, &work->pictures[i]);
    if (verdict->voided * 1000 <= verdict->payers * work->conf->expect.void_max)
        return;
    verdict->unfinished = 0;
    for (size_t i = 0; i < work->len; i++) {
        const struct picture *who = &work->pictures[i];
        if (owed_a_ticket(work, who))
            judge_found(verdict, FOUND_NO_TICKET, "visitor %zu paid %lu and has no ticket: %s", i,
                        who->paid,
                        who->voided ? "the order was turned back" : record_end_names[who->how]);
    }
}

/* Whether enough people got through: each scenario says how many must have been placed, admitted
 * and served. */
static void judge_expect(const struct expect *expect, struct judge_verdict *verdict)
{
    uint64_t all = verdict->visitors, sent = verdict->answered + verdict->lost;
    uint64_t waits = verdict->eta_judged >= JUDGE_WAITS_MIN ? verdict->eta_judged : 0;
    const struct {
        enum judge_kind kind;
        uint64_t came, whole, least; /* percent */
        const char *what;
    } minima[] = {
        {FOUND_FEW_PLACED, verdict->places, all, expect->placed_min, "visitors had a place"},
        {FOUND_FEW_PASSED, verdict->passes, all, expect->passed_min, "visitors were let in"},
        {FOUND_FEW_DONE, verdict->ended[END_DONE], all, expect->done_min,
         "visitors got as far as the journey goes"},
        {FOUND_ETA, verdict->eta_within_p50, waits, expect->eta_p50_min,
         "waits were over by the p50 promised when joining"},
        {FOUND_ETA, verdict->eta_within_p90, waits, expect->eta_p90_min,
         "waits were over by the p90 promised when joining"},
    };
    const struct {
        enum judge_kind kind;
        uint64_t came, whole, most, of;
        const char *what;
    } maxima[] = {
        {FOUND_LEFT_WAITING, verdict->ended[END_PATIENCE], all, expect->waiting_max, 100,
         "visitors still waited in the end"},
        {FOUND_TURNED_AWAY, verdict->ended[END_TURNED], all, expect->turned_max, 100,
         "visitors were refused for the moment until they gave up"},
        {FOUND_FAILED, verdict->ended[END_FAILED], all, expect->failed_max, 1000,
         "visitors met an answer that should not occur"},
        {FOUND_LOST, verdict->lost, sent, expect->lost_max, 1000, "answers never came"},
    };
    for (size_t i = 0; i < sizeof(minima) / sizeof(minima[0]); i++) {
        if (minima[i].came * 100 < minima[i].whole * minima[i].least)
            judge_found(verdict, minima[i].kind, "%lu of %lu %s; %lu %% were expected",
                        minima[i].came, minima[i].whole, minima[i].what, minima[i].least);
    }
    for (size_t i = 0; i < sizeof(maxima) / sizeof(maxima[0]); i++) {
        if (maxima[i].came * maxima[i].of > maxima[i].whole * maxima[i].most)
            judge_found(verdict, maxima[i].kind, "%lu %s, of %lu", maxima[i].came, maxima[i].what,
                        maxima[i].whole);
    }
}

static void sum_up(struct work *work)
{
    struct judge_verdict *verdict = work->verdict;
    verdict->visitors = work->len;
    for (size_t i = 0; i < work->len; i++) {
        if (!work->pictures[i].ended)
            judge_found(verdict, FOUND_NO_END, "visitor %zu came to no end", i);
    }
    judge_waits(work);
    judge_payers(work);
    judge_expect(&work->conf->expect, verdict);
}

static int by_time(const void *a, const void *b)
{
    const struct record *one = a, *two = b;
    return judge_compare(one->at_us, two->at_us, one->order, two->order);
}

/* How many visitors there are, and when the last thing happened. */
static int survey(struct work *work, struct record *records, size_t len, struct err_slot *err)
{
    for (size_t i = 0; i < len; i++) {
        if (records[i].kind >= RECORD_KINDS || records[i].visitor >= CROWD_VISITORS_MAX)
            return err_set(err, ERR_SYNTAX, "record %zu is not a record", i);
        if (records[i].visitor >= work->len)
            work->len = records[i].visitor + 1u;
        if (records[i].kind == RECORD_END && records[i].value >= ENDS)
            return err_set(err, ERR_SYNTAX, "record %zu is no end", i);
        if (records[i].at_us > work->end_us)
            work->end_us = records[i].at_us;
        records[i].order = (uint32_t)i; /* a visitor may have several within one instant */
    }
    return 0;
}

int judge(struct record *records, size_t len, const struct judge_conf *conf, struct err_slot *err,
          struct judge_verdict *verdict)
{
    memset(verdict, 0, sizeof(*verdict));
    struct work *work = calloc(1, sizeof(*work));
    if (work == NULL)
        return err_set(err, ERR_NOMEM, "a judge");
    work->conf = conf;
    work->verdict = verdict;
    work->line = judge_line_create();
    int rc = survey(work, records, len, err);
    if (rc < 0)
        goto free_all;
    work->pictures = calloc(work->len + 1, sizeof(*work->pictures));
    work->moments = calloc(2 * (work->len + 1), sizeof(*work->moments));
    if (work->pictures == NULL || work->moments == NULL || work->line == NULL) {
        rc = err_set(err, ERR_NOMEM, "pictures of %zu visitors", work->len);
        goto free_all;
    }
    qsort(records, len, sizeof(*records), by_time);
    for (size_t i = 0; i < len; i++)
        look_at(work, &records[i]);
    /* What was not remembered would not be found a second time. */
    if (work->spoilt) {
        rc = err_set(err, ERR_NOMEM, "owners, and stays at seats");
        goto free_all;
    }
    judge_order(work, true);
    judge_order(work, false);
    judge_cap(work);
    rc = judge_the_line(work, err);
    judge_stays(work);
    sum_up(work);

free_all:
    judge_line_destroy(work->line);
    table_deinit(&work->owners_by_key);
    free(work->moments);
    free(work->owners);
    free(work->stays);
    free(work->pictures);
    free(work);
    return rc;
}

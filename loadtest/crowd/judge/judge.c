/* judge.c: one pass over the records in the order of time, with a picture of each visitor.
 *
 *   - nobody has two places, no place has two visitors; a place told again is the same
 *   - a visitor who was told a number before another one asked has the lower one (judge_time.c)
 *   - a pass only after a call, or before anybody could have been called; one visit for a ticket
 *   - nobody comes in before those in front, the line never moves faster than the operator allows,
 *     and `ahead` does not rise by itself (judge_line.c)
 *   - no more people are inside than allowed
 *   - no seat is two people's at the same time, sold or not (judge_seats.c), and no visit holds
 *     more seats than it may
 *   - everybody with a ticket has paid what the order said; everybody who paid in time has one
 *   - no trick worked
 *   - every visitor came to one end
 *   - as many got through as the scenario expects (judge_expect.c)
 *
 * It also counts what people of each manner got, and how far off the promised waits were. */
#include "judge/judge_internal.h"

#include "observe/histogram.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct picture {
    uint64_t place, entry;
    uint64_t joined_us, promised;         /* p50 << 32 | p90 */
    uint64_t asked_us;                    /* for the number */
    uint64_t heard_us;                    /* the line heard of them no earlier, when it did last */
    uint64_t waited_us;                   /* surely not called yet */
    uint64_t ahead, ahead_us, ahead_came; /* the fewest; when told; where the line was then */
    uint64_t session, passed_us, inside_until_us;
    uint64_t call_until_us, hold, hold_until_us, ordered, by_us, paid, paid_us, order_id;
    uint64_t seat[VISITOR_SEATS_MAX]; /* hashes of their ids */
    size_t stay[VISITOR_SEATS_MAX];   /* and how judge_seats.c calls them */
    uint16_t manner, visits;
    uint8_t seats, stays, how; /* it ended */
    bool here, called, ticketed, voided, ended, new_hold, ahead_known, silent;
};

struct work {
    const struct judge_conf *conf;
    struct picture *pictures;
    size_t len;
    struct judge_owners *entries, *places, *seats, *orders;
    struct judge_line *line;
    struct judge_seats *stays;
    uint64_t end_us;          /* of the run */
    struct histogram eta_off; /* thousandths */
    struct judge_verdict *verdict;
};

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
    who->here = true;
    who->manner = (uint16_t)record->value;
    TALLY(work, who, visitors, 1);
}

/* Only what leaves a mark in the line counts, and only from when it surely had: anyone silent for
 * long may count as gone. */
static void heard(struct work *work, const struct record *record, struct picture *who)
{
    uint64_t gone_after_ms =
        work->conf->gone_after_ms > 0 ? work->conf->gone_after_ms : JUDGE_GONE_AFTER_MS;
    if (!who->called && who->heard_us > 0 && record->at_us - who->heard_us >= gone_after_ms * 1000)
        who->silent = true;
    who->heard_us = record->at_us - record->took_us;
}

static void on_number(struct work *work, const struct record *record, uint64_t *own,
                      struct judge_owners *owners, const char *what)
{
    heard(work, record, &work->pictures[record->visitor]);
    if (*own != 0 && *own != record->value)
        judge_found(work->verdict, FOUND_CHANGED,
                    "visitor %u got %s %" PRIu64 " and later %" PRIu64, record->visitor, what, *own,
                    record->value);
    uint32_t other = judge_owners_claim(owners, record->value, record->visitor);
    if (other != record->visitor)
        judge_found(work->verdict, FOUND_TWO_OWNERS,
                    "%s %" PRIu64 " was given to visitors %u and %u", what, record->value, other,
                    record->visitor);
    *own = record->value;
}

static void on_entry(struct work *work, const struct record *record, struct picture *who)
{
    on_number(work, record, &who->entry, work->entries, "entry");
    who->joined_us = record->at_us;
    who->asked_us = record->at_us - record->took_us;
    judge_line_below(work->line, who->asked_us, 0, record->visitor); /* before the draw */
}

static void on_join(struct work *work, const struct record *record, struct picture *who)
{
    bool first = who->place == 0;
    on_number(work, record, &who->place, work->places, "place");
    if (!first)
        return;
    work->verdict->places++;
    TALLY(work, who, places, 1);
    if (who->entry != 0)
        return;
    who->joined_us = record->at_us;
    who->asked_us = record->at_us - record->took_us;
    who->promised = record->more;
    judge_line_below(work->line, who->asked_us, who->place - 1, record->visitor);
}

/* The fewest people ahead of somebody, of those told long enough ago that a later answer is surely
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
        judge_found(work->verdict, FOUND_CHANGED,
                    "visitor %u with place %" PRIu64 " was told %" PRIu64, record->visitor,
                    who->place, record->value);
    bool waits = (record->flags & RECORD_WAITING) != 0 && (record->flags & RECORD_STALE) == 0;
    if (!waits || record->value == 0)
        return;
    who->waited_us = record->at_us - record->took_us - JUDGE_LAG_US;
    uint64_t upto = record->more < record->value ? record->value - 1 - record->more : 0;
    judge_line_below(work->line, who->waited_us, upto, record->visitor);
    count_ahead(work, record, who);
}

/* A wait was longer than told if its owner was surely not called when it should have been over.
 * Whole seconds were told. */
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

/* The wait is over, by whatever name. */
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
        judge_found(work->verdict, FOUND_CHANGED,
                    "visitor %u with place %" PRIu64 " was called as %" PRIu64, record->visitor,
                    who->place, record->value);
    who->call_until_us = record->more;
    judge_line_reached(work->line, record->at_us, record->value, record->visitor);
}

/* Read before the time that was told, so it was over before. */
static void on_gone(struct work *work, const struct record *record, const struct picture *who)
{
    bool call = record->value == GONE_CALL;
    uint64_t until_us = call ? who->call_until_us : who->hold_until_us;
    if (record->at_us < until_us)
        judge_found(work->verdict, FOUND_GONE_EARLY,
                    "visitor %u's %s was gone %.1f s before the time that was told",
                    record->visitor, call ? "call" : "hold",
                    (double)(until_us - record->at_us) / 1e6);
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
        judge_found(work->verdict, FOUND_TOO_MANY, "visitor %u holds %" PRIu64 " seats",
                    record->visitor, record->value);
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

/* What is held is known now. The same hold told again is the same. */
static void on_until(struct work *work, const struct record *record, struct picture *who)
{
    if (record->more == who->hold && who->stays > 0)
        return;
    who->seats = who->new_hold ? 0 : who->seats; /* of a standing area: none has a name */
    who->new_hold = false;
    who->hold = record->more;
    who->hold_until_us = record->value;
    who->stays = who->seats;
    for (uint8_t i = 0; i < who->seats; i++)
        who->stay[i] = judge_seats_held(work->stays, who->seat[i], record->at_us, record->value,
                                        record->visitor);
    if (record->value > work->verdict->held_until_us)
        work->verdict->held_until_us = record->value;
}

static void on_sent(struct work *work, const struct record *record, const struct picture *who)
{
    if (record->value == SENT_HOLD)
        return;
    for (uint8_t i = 0; i < who->stays; i++)
        judge_seats_given_back(work->stays, who->stay[i], record->at_us);
}

static void sold(struct work *work, const struct record *record, const struct picture *who)
{
    struct judge_verdict *verdict = work->verdict;
    for (uint8_t i = 0; i < who->seats; i++) {
        uint32_t other = judge_owners_claim(work->seats, who->seat[i], record->visitor);
        if (other != record->visitor)
            judge_found(verdict, FOUND_TWO_OWNERS,
                        "seat #%" PRIu64 " was sold to visitors %u and %u", who->seat[i], other,
                        record->visitor);
        verdict->seats++;
        TALLY(work, who, seats, 1);
    }
    for (uint8_t i = 0; i < who->stays; i++)
        judge_seats_sold(work->stays, who->stay[i]);
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
                    "visitor %u has tickets for an order of %" PRIu64 " and paid %" PRIu64,
                    record->visitor, who->ordered, who->paid);
    verdict->paid += who->paid;
    if (record->more != who->order_id)
        judge_found(verdict, FOUND_CHANGED, "visitor %u has tickets of another order",
                    record->visitor);
    sold(work, record, who);
}

static void on_order(struct work *work, const struct record *record, struct picture *who)
{
    uint32_t other = judge_owners_claim(work->orders, record->more, record->visitor);
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

static void on_trick(struct work *work, const struct record *record, const struct picture *who)
{
    TALLY(work, who, tried, 1);
    if (record->value == TRICK_HOARD)
        tally_held(work, who, record->more);
    if (!trick_worked(work, record, who))
        return;
    TALLY(work, who, worked, 1);
    judge_found(work->verdict, FOUND_TRICK, "visitor %u: \"%s\" worked (status %u, %" PRIu64 ")",
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

static void look_at(struct work *work, const struct record *record)
{
    struct picture *who = &work->pictures[record->visitor];
    count_answer(work->verdict, record);
    switch ((enum record_kind)record->kind) {
    case RECORD_WHO:
        on_who(work, record, who);
        break;
    case RECORD_ENTRY:
        on_entry(work, record, who);
        break;
    case RECORD_JOIN:
        on_join(work, record, who);
        break;
    case RECORD_WAIT:
        on_wait(work, record, who);
        break;
    case RECORD_CALLED:
        on_called(work, record, who);
        break;
    case RECORD_PASS:
        on_pass(work, record, who);
        break;
    case RECORD_HOLD:
        on_hold(work, record, who);
        break;
    case RECORD_SEAT:
        on_seat(work, record, who);
        break;
    case RECORD_ORDER:
        on_order(work, record, who);
        break;
    case RECORD_PAID:
        on_paid(work, record, who);
        break;
    case RECORD_UNTIL:
        on_until(work, record, who);
        break;
    case RECORD_SENT:
        on_sent(work, record, who);
        break;
    case RECORD_BY:
        who->by_us = record->value;
        break;
    case RECORD_SOLD:
        sold(work, record, who);
        break;
    case RECORD_GONE:
        on_gone(work, record, who);
        break;
    case RECORD_VOID:
        who->voided = true;
        break;
    case RECORD_TICKET:
        on_ticket(work, record, who);
        break;
    case RECORD_TRICK:
        on_trick(work, record, who);
        break;
    case RECORD_END:
        on_end(work, record, who);
        break;
    case RECORD_STREAM:
    case RECORD_STEP:
    case RECORD_OTHER:
    case RECORD_WANT:
    case RECORD_TAKEN:
    case RECORD_KINDS:
        break;
    }
}

/* ---- all of them together ---- */

/* The numbers of one kind, in the order in which they were asked for and told. */
static int judge_order(struct work *work, const struct record *records, size_t len,
                       enum record_kind kind, const char *what, struct err_slot *err)
{
    struct judge_join *joins = malloc((work->len + 1) * sizeof(*joins));
    size_t count = 0;
    if (joins == NULL)
        return err_set(err, ERR_NOMEM, "%zu joins", work->len);
    for (size_t i = 0; i < len; i++) {
        const struct record *record = &records[i];
        struct picture *who = &work->pictures[record->visitor];
        if (record->kind != kind || who->asked_us == 0 ||
            (kind == RECORD_JOIN && who->entry != 0)) /* places of a draw have no order */
            continue;
        joins[count++] =
            (struct judge_join){who->asked_us, record->at_us, record->value, record->visitor};
        who->asked_us = 0; /* once each */
    }
    int rc = judge_joins(joins, count, what, err, work->verdict);
    free(joins);
    return rc;
}

static int judge_cap(struct work *work, struct err_slot *err)
{
    struct judge_visit *visits = malloc((work->len + 1) * sizeof(*visits));
    size_t count = 0;
    if (visits == NULL)
        return err_set(err, ERR_NOMEM, "%zu visits", work->len);
    for (size_t i = 0; i < work->len; i++) {
        const struct picture *who = &work->pictures[i];
        if (who->visits > 0 && who->inside_until_us > who->passed_us)
            visits[count++] = (struct judge_visit){who->passed_us, who->inside_until_us};
    }
    int rc = judge_visits(visits, count, err, &work->verdict->active_most);
    free(visits);
    if (rc == 0 && work->conf->active_max > 0 &&
        work->verdict->active_most > work->conf->active_max)
        judge_found(work->verdict, FOUND_CROWDED, "%" PRIu64 " were inside at the same time",
                    work->verdict->active_most);
    return rc;
}

static int judge_the_line(struct work *work, struct err_slot *err)
{
    uint64_t gone_after_ms =
        work->conf->gone_after_ms > 0 ? work->conf->gone_after_ms : JUDGE_GONE_AFTER_MS;
    struct judge_place *places = malloc((work->len + 1) * sizeof(*places));
    size_t count = 0;
    if (places == NULL)
        return err_set(err, ERR_NOMEM, "%zu places", work->len);
    for (size_t i = 0; i < work->len; i++) {
        const struct picture *who = &work->pictures[i];
        bool left =
            who->visits == 0 && (who->how == END_LEFT || (who->manner >> MANNER_LEAVER & 1) != 0);
        bool silent =
            who->silent || (!who->called && work->end_us - who->heard_us >= gone_after_ms * 1000);
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
            judge_found(verdict, FOUND_NO_TICKET,
                        "visitor %zu paid %" PRIu64 " and has no ticket: %s", i, who->paid,
                        who->voided ? "the order was turned back" : record_end_names[who->how]);
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
    if (one->at_us != two->at_us)
        return one->at_us < two->at_us ? -1 : 1;
    return one->order < two->order ? -1 : one->order > two->order;
}

static int judge_owners_of_all(const struct work *work, struct err_slot *err)
{
    int rc = judge_owners_end(work->entries, "entry", err);
    if (rc == 0)
        rc = judge_owners_end(work->places, "place", err);
    if (rc == 0)
        rc = judge_owners_end(work->seats, "seat", err);
    return rc == 0 ? judge_owners_end(work->orders, "order", err) : rc;
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
    work->stays = judge_seats_create();
    int rc = survey(work, records, len, err);
    if (rc < 0)
        goto free_all;
    work->pictures = calloc(work->len + 1, sizeof(*work->pictures));
    work->entries = judge_owners_create();
    work->places = judge_owners_create();
    work->seats = judge_owners_create();
    work->orders = judge_owners_create();
    if (work->pictures == NULL || work->line == NULL || work->stays == NULL ||
        work->entries == NULL || work->places == NULL || work->seats == NULL ||
        work->orders == NULL) {
        rc = err_set(err, ERR_NOMEM, "pictures of %zu visitors", work->len);
        goto free_all;
    }
    qsort(records, len, sizeof(*records), by_time);
    for (size_t i = 0; i < len; i++)
        look_at(work, &records[i]);
    rc = judge_owners_of_all(work, err);
    if (rc == 0)
        rc = judge_order(work, records, len, RECORD_ENTRY, "entry", err);
    if (rc == 0)
        rc = judge_order(work, records, len, RECORD_JOIN, "place", err);
    if (rc == 0)
        rc = judge_cap(work, err);
    if (rc == 0)
        rc = judge_the_line(work, err);
    if (rc == 0)
        rc = judge_seats_judge(work->stays, err, verdict);
    sum_up(work);

free_all:
    judge_line_destroy(work->line);
    judge_seats_destroy(work->stays);
    judge_owners_destroy(work->entries);
    judge_owners_destroy(work->places);
    judge_owners_destroy(work->seats);
    judge_owners_destroy(work->orders);
    free(work->pictures);
    free(work);
    return rc;
}

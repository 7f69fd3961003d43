/* judge.c: one pass over the records in the order of time, with a picture of each visitor.
 *
 *   - nobody has two places, no place has two visitors; a place told again is the same;
 *   - who was told a number before another asked has the lower one (judge_time.c);
 *   - a pass only after a call, and one visit for a ticket;
 *   - no seat is sold to two, and no visit holds more than it may;
 *   - who has a ticket has paid, and paid what the order said;
 *   - the line never moved faster than the operator allowed, nor were more inside than that;
 *   - no trick worked;
 *   - every visitor came to one end.
 *
 * Beside that it counts what people of each manner got, and how far off the waits were that they
 * were told. */
#include "judge_internal.h"

#include "observe/histogram.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct picture {
    uint64_t place, entry, ahead;
    uint64_t joined_us, promised; /* p50 << 32 | p90 */
    uint64_t asked_us;            /* for the number */
    uint64_t session, passed_us, inside_until_us;
    uint64_t ordered, paid, order_id;
    uint64_t seat[VISITOR_SEATS_MAX]; /* hashes of their ids */
    uint16_t manner, visits;
    uint8_t seats;
    bool here, called, ticketed, ended, new_hold;
};

struct owner { /* of a place, a seat or an order: number + 1 of the visitor */
    uint64_t key;
    uint32_t visitor;
};

struct table {
    struct owner *slot;
    size_t mask;
};

struct work {
    const struct judge_conf *conf;
    struct picture *pictures;
    size_t len;
    struct table entries, places, seats, orders;
    uint64_t first_us, first_place; /* others may have joined before this run */
    uint64_t left;            /* who gave their place up: the line moves past it for nothing */
    struct histogram eta_off; /* thousandths */
    struct judge_verdict *verdict;
};

void judge_found(struct judge_verdict *verdict, const char *format, ...)
{
    if (verdict->findings < JUDGE_FINDINGS_MAX) {
        va_list args;
        va_start(args, format);
        vsnprintf(verdict->finding[verdict->findings], sizeof(verdict->finding[0]), format, args);
        va_end(args);
    }
    verdict->findings++;
}

static bool table_init(struct table *table, size_t entries)
{
    size_t slots = 64;
    while (slots < entries * 2)
        slots *= 2;
    table->slot = calloc(slots, sizeof(*table->slot));
    table->mask = slots - 1;
    return table->slot != NULL;
}

/* Whom the key belongs to, after giving it to `visitor` if it was nobody's. */
static uint32_t table_claim(struct table *table, uint64_t key, uint32_t visitor)
{
    size_t at = (size_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> 20) & table->mask;
    while (table->slot[at].visitor != 0 && table->slot[at].key != key)
        at = (at + 1) & table->mask;
    if (table->slot[at].visitor == 0)
        table->slot[at] = (struct owner){key, visitor + 1};
    return table->slot[at].visitor - 1;
}

/* ---- tallies ---- */

/* Calls `add` for the tally of each of the visitor's manners. */
static void tally(struct work *work, const struct picture *who,
                  void (*add)(struct judge_tally *tally, uint64_t by), uint64_t by)
{
    struct judge_tally *tallies = work->verdict->tally;
    for (unsigned manner = 0; manner < MANNERS; manner++) {
        if ((who->manner >> manner & 1) != 0)
            add(&tallies[manner], by);
    }
    if (who->manner == 0)
        add(&tallies[JUDGE_PLAIN], by);
}

#define TALLY(member)                                                                              \
    static void add_##member(struct judge_tally *tally, uint64_t by)                               \
    {                                                                                              \
        tally->member += by;                                                                       \
    }
TALLY(visitors)
TALLY(places)
TALLY(passes)
TALLY(visits)
TALLY(tickets)
TALLY(seats)
TALLY(tried)
TALLY(worked)
#undef TALLY

static void add_held_most(struct judge_tally *tally, uint64_t held)
{
    tally->held_most = held > tally->held_most ? held : tally->held_most;
}

/* ---- in the line ---- */

static void on_who(struct work *work, const struct record *record, struct picture *who)
{
    who->here = true;
    who->manner = (uint16_t)record->value;
    tally(work, who, add_visitors, 1);
}

static void begin_line(struct work *work, const struct record *record)
{
    if (work->first_us == 0)
        work->first_us = record->at_us;
}

static void on_number(struct work *work, const struct record *record, uint64_t *own,
                      struct table *table, const char *what)
{
    begin_line(work, record);
    if (*own != 0 && *own != record->value)
        judge_found(work->verdict, "visitor %u got %s %" PRIu64 " and later %" PRIu64,
                    record->visitor, what, *own, record->value);
    uint32_t other = table_claim(table, record->value, record->visitor);
    if (other != record->visitor)
        judge_found(work->verdict, "%s %" PRIu64 " was given to visitors %u and %u", what,
                    record->value, other, record->visitor);
    *own = record->value;
}

static void on_entry(struct work *work, const struct record *record, struct picture *who)
{
    on_number(work, record, &who->entry, &work->entries, "entry");
    who->joined_us = record->at_us;
    who->asked_us = record->at_us - record->took_us;
}

static void on_join(struct work *work, const struct record *record, struct picture *who)
{
    bool first = who->place == 0;
    on_number(work, record, &who->place, &work->places, "place");
    if (!first)
        return;
    work->verdict->places++;
    tally(work, who, add_places, 1);
    if (who->entry != 0)
        return;
    who->joined_us = record->at_us;
    who->asked_us = record->at_us - record->took_us;
    who->promised = record->more;
}

static void on_wait(struct work *work, const struct record *record, struct picture *who)
{
    if (record->value != 0 && record->value != who->place)
        judge_found(work->verdict, "visitor %u with place %" PRIu64 " was told %" PRIu64,
                    record->visitor, who->place, record->value);
    work->verdict->ahead_rose += record->more > who->ahead && who->ahead > 0;
    who->ahead = record->more;
}

static void promise_kept(struct work *work, const struct record *record, const struct picture *who)
{
    uint64_t p50_us = (who->promised >> 32) * 1000000,
             p90_us = (uint32_t)who->promised * UINT64_C(1000000);
    uint64_t real_us = record->at_us - who->joined_us;
    if (p50_us == 0 || real_us < 2000000)
        return; /* nothing was promised, or nothing had to be waited for */
    uint64_t off_us = real_us > p50_us ? real_us - p50_us : p50_us - real_us;
    histogram_record(&work->eta_off, off_us * 1000 / real_us);
    work->verdict->eta_judged++;
    work->verdict->eta_within_p90 += real_us <= p90_us + 1000000;
}

static void on_called(struct work *work, const struct record *record, struct picture *who)
{
    const struct judge_conf *conf = work->conf;
    who->called = true;
    promise_kept(work, record, who);
    if (record->value != who->place)
        judge_found(work->verdict, "visitor %u with place %" PRIu64 " was called as %" PRIu64,
                    record->visitor, who->place, record->value);
    if (conf->rate_milli == 0)
        return;
    uint64_t since_us = record->at_us - work->first_us + 250000;
    uint64_t most =
        work->first_place + conf->rate_milli * since_us / 1000000000 + conf->burst + work->left;
    if (record->value > most)
        judge_found(work->verdict,
                    "place %" PRIu64 " was called %.2f s after the first join; at most %" PRIu64
                    " could be",
                    record->value, (double)(since_us - 250000) / 1e6, most);
}

static void on_pass(struct work *work, const struct record *record, struct picture *who)
{
    if (!who->called)
        judge_found(work->verdict, "visitor %u got a pass without being called", record->visitor);
    if (who->visits > 0 && who->session != record->more)
        judge_found(work->verdict, "visitor %u has two visits with one ticket", record->visitor);
    if (who->visits == 0) {
        work->verdict->passes++;
        tally(work, who, add_passes, 1);
        who->passed_us = record->at_us;
        who->inside_until_us = record->at_us - record->took_us + work->conf->session_ttl_ms * 1000;
    }
    if (who->visits == 0 || who->session != record->more) {
        who->visits++;
        tally(work, who, add_visits, 1);
    }
    who->session = record->more;
}

/* ---- at the seats ---- */

static void on_hold(struct work *work, const struct record *record, struct picture *who)
{
    who->new_hold = true;
    tally(work, who, add_held_most, record->value);
    if (work->conf->seats_max > 0 && record->value > work->conf->seats_max)
        judge_found(work->verdict, "visitor %u holds %" PRIu64 " seats", record->visitor,
                    record->value);
}

static void on_seat(struct work *work, const struct record *record, struct picture *who)
{
    if (who->new_hold) { /* the first seat of a new hold */
        who->new_hold = false;
        who->seats = 0;
    }
    if (who->seats == VISITOR_SEATS_MAX)
        judge_found(work->verdict, "visitor %u holds more seats than were asked for",
                    record->visitor);
    else
        who->seat[who->seats++] = record->value;
}

static void on_ticket(struct work *work, const struct record *record, struct picture *who)
{
    struct judge_verdict *verdict = work->verdict;
    if (who->ticketed)
        return;
    who->ticketed = true;
    verdict->tickets++;
    tally(work, who, add_tickets, 1);
    if (who->paid == 0 || who->paid != who->ordered)
        judge_found(verdict, "visitor %u has tickets for an order of %" PRIu64 " and paid %" PRIu64,
                    record->visitor, who->ordered, who->paid);
    verdict->paid += who->paid;
    if (record->more != who->order_id)
        judge_found(verdict, "visitor %u has tickets of another order", record->visitor);
    for (uint8_t i = 0; i < who->seats; i++) {
        uint32_t other = table_claim(&work->seats, who->seat[i], record->visitor);
        if (other != record->visitor)
            judge_found(verdict, "seat #%" PRIu64 " was sold to visitors %u and %u", who->seat[i],
                        other, record->visitor);
        verdict->seats++;
        tally(work, who, add_seats, 1);
    }
}

static void on_order(struct work *work, const struct record *record, struct picture *who)
{
    uint32_t other = table_claim(&work->orders, record->more, record->visitor);
    if (other != record->visitor)
        judge_found(work->verdict, "visitors %u and %u have the same order", other,
                    record->visitor);
    if (who->ordered == 0)
        work->verdict->orders++;
    who->ordered = record->value;
    who->order_id = record->more;
}

static void on_paid(const struct record *record, struct picture *who)
{
    uint64_t asked_us = record->at_us - record->took_us;
    who->paid = record->value;
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
    tally(work, who, add_tried, 1);
    if (record->value == TRICK_HOARD)
        tally(work, who, add_held_most, record->more);
    if (!trick_worked(work, record, who))
        return;
    tally(work, who, add_worked, 1);
    judge_found(work->verdict, "visitor %u: \"%s\" worked (status %u, %" PRIu64 ")",
                record->visitor, record->value < TRICKS ? record_trick_names[record->value] : "?",
                record->status, record->more);
}

static void on_end(struct work *work, const struct record *record, struct picture *who)
{
    if (who->ended)
        judge_found(work->verdict, "visitor %u ended twice", record->visitor);
    who->ended = true;
    if (record->value < ENDS)
        work->verdict->ended[record->value]++;
    work->left += record->value == END_LEFT && who->visits == 0;
}

static void look_at(struct work *work, const struct record *record)
{
    struct picture *who = &work->pictures[record->visitor];
    unsigned class = record->status / 100;
    work->verdict->answers[record->kind][class < 6 ? class : 0]++;
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
        on_paid(record, who);
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
        judge_found(work->verdict, "%" PRIu64 " were inside at the same time",
                    work->verdict->active_most);
    return rc;
}

static void sum_up(struct work *work)
{
    struct judge_verdict *verdict = work->verdict;
    verdict->visitors = work->len;
    for (size_t i = 0; i < work->len; i++) {
        if (!work->pictures[i].ended)
            judge_found(verdict, "visitor %zu came to no end", i);
    }
    if (verdict->ended[END_FAILED] > work->conf->failed_max)
        judge_found(verdict, "%" PRIu64 " visitors met an answer that should not be",
                    verdict->ended[END_FAILED]);
    static struct histogram_view view;
    memset(&view, 0, sizeof(view));
    histogram_add_to(&work->eta_off, &view);
    verdict->eta_off_p50_milli = histogram_quantile(&view, 0.5);
    verdict->eta_off_p90_milli = histogram_quantile(&view, 0.9);
}

static int by_time(const void *a, const void *b)
{
    const struct record *one = a, *two = b;
    if (one->at_us != two->at_us)
        return one->at_us < two->at_us ? -1 : 1;
    return one->order < two->order ? -1 : one->order > two->order;
}

/* How many visitors there are, and from which place on. */
static int survey(struct work *work, struct record *records, size_t len, struct err_slot *err)
{
    for (size_t i = 0; i < len; i++) {
        if (records[i].kind >= RECORD_KINDS || records[i].visitor >= CROWD_VISITORS_MAX)
            return err_set(err, ERR_SYNTAX, "record %zu is none", i);
        if (records[i].visitor >= work->len)
            work->len = records[i].visitor + 1u;
        if (records[i].kind == RECORD_JOIN && records[i].value < work->first_place)
            work->first_place = records[i].value;
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
    work->first_place = UINT64_MAX;
    int rc = survey(work, records, len, err);
    if (rc < 0)
        goto free_all;
    work->pictures = calloc(work->len + 1, sizeof(*work->pictures));
    if (work->pictures == NULL || !table_init(&work->places, work->len) ||
        !table_init(&work->entries, work->len) ||
        !table_init(&work->seats, work->len * VISITOR_SEATS_MAX) ||
        !table_init(&work->orders, work->len)) {
        rc = err_set(err, ERR_NOMEM, "pictures of %zu visitors", work->len);
        goto free_all;
    }
    qsort(records, len, sizeof(*records), by_time);
    for (size_t i = 0; i < len; i++)
        look_at(work, &records[i]);
    rc = judge_order(work, records, len, RECORD_ENTRY, "entry", err);
    if (rc == 0)
        rc = judge_order(work, records, len, RECORD_JOIN, "place", err);
    if (rc == 0)
        rc = judge_cap(work, err);
    sum_up(work);

free_all:
    free(work->entries.slot);
    free(work->places.slot);
    free(work->seats.slot);
    free(work->orders.slot);
    free(work->pictures);
    free(work);
    return rc;
}

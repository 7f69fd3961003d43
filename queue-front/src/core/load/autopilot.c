/* autopilot.c: computes the next rate from the services' readings.
 *
 * Each limit gives a pressure: the measured value divided by the limit. The highest decides.
 *
 *     above 1         cut to 0.7 of the rate, above 2 to half of it; then wait for the effect
 *     0.8 to 1        stay
 *     below 0.8       raise by a fiftieth of the ceiling
 *
 * The band without changes keeps the rate from swinging. The wait prevents a second cut for the
 * same overload, since people who were let in stay for a while; above twice the limit it does not
 * wait. From floor to ceiling takes fifty intervals: quick enough for a sale, and slow enough that
 * a service can complain before it is overrun.
 *
 * The rate does not climb while the line is empty or a full hall holds it back. Idle services prove
 * nothing about an unused rate, just as TCP does not grow a window that it does not fill. */
#include "core/load/autopilot.h"

#include <assert.h>
#include <math.h>

static const double AT_EASE = 0.8;
static const double CUT = 0.7;
static const double CUT_DEEP = 0.5;
static const double DEEP = 2.0;

enum { CLIMB_STEPS = 50 };

static const char *const names[AUTOPILOT_REASON_COUNT] = {
    [AUTOPILOT_SET] = "set",
    [AUTOPILOT_CLIMB] = "climb",
    [AUTOPILOT_CEILING] = "ceiling",
    [AUTOPILOT_STEADY] = "steady",
    [AUTOPILOT_UNUSED] = "unused",
    [AUTOPILOT_SETTLING] = "settling",
    [AUTOPILOT_LATENCY] = "latency",
    [AUTOPILOT_ERRORS] = "errors",
    [AUTOPILOT_HELD] = "held-seats",
    [AUTOPILOT_BACKLOG] = "saga-backlog",
    [AUTOPILOT_SILENT] = "no-feedback",
};

const char *autopilot_reason_name(enum autopilot_reason reason)
{
    assert(reason < AUTOPILOT_REASON_COUNT);
    return names[reason];
}

bool autopilot_reason_parse(struct span name, enum autopilot_reason *out)
{
    for (unsigned i = 0; i < AUTOPILOT_REASON_COUNT; i++) {
        if (span_eq(name, span_of(names[i]))) {
            *out = (enum autopilot_reason)i;
            return true;
        }
    }
    return false;
}

struct pressure {
    double worst;
    enum autopilot_reason of;
};

static void press(struct pressure *pressure, bool has, uint64_t value, uint64_t limit,
                  enum autopilot_reason of)
{
    if (!has || limit == 0) /* not reported, or not limited */
        return;
    assert(of >= AUTOPILOT_LATENCY && of <= AUTOPILOT_BACKLOG); /* the reasons for a cut */
    double now = (double)value / (double)limit;
    if (now > pressure->worst)
        *pressure = (struct pressure){now, of};
}

static struct pressure pressure_of(const struct event_doc *doc,
                                   const struct health_reading *reading)
{
    struct pressure pressure = {-1.0, AUTOPILOT_SILENT};
    press(&pressure, reading->has_p99, reading->p99_ms, doc->autopilot_target_p99_ms,
          AUTOPILOT_LATENCY);
    press(&pressure, reading->has_errors, reading->errors_milli, doc->autopilot_errors_max_milli,
          AUTOPILOT_ERRORS);
    press(&pressure, reading->has_held, reading->held, doc->autopilot_held_max, AUTOPILOT_HELD);
    press(&pressure, reading->has_backlog, reading->backlog, doc->autopilot_backlog_max,
          AUTOPILOT_BACKLOG);
    assert(pressure.worst >= 0.0 || pressure.of == AUTOPILOT_SILENT);
    return pressure;
}

bool autopilot_hears(const struct event_doc *doc, const struct health_reading *reading)
{
    return pressure_of(doc, reading).worst >= 0.0;
}

static struct autopilot_move wish(const struct autopilot_ask *ask)
{
    assert(ask->interval_ms > 0);
    struct autopilot_move stay = {AUTOPILOT_STEADY, ask->rate_milli};
    if (ask->reading == NULL || !autopilot_hears(ask->doc, ask->reading))
        return (struct autopilot_move){AUTOPILOT_SILENT, 0};
    struct pressure pressure = pressure_of(ask->doc, ask->reading);
    bool settling = ask->since_cut_ms < AUTOPILOT_SETTLE_INTERVALS * ask->interval_ms;
    if (pressure.worst > 1.0 && (!settling || pressure.worst > DEEP)) {
        double factor = pressure.worst > DEEP ? CUT_DEEP : CUT;
        assert(factor < 1.0 && pressure.of != AUTOPILOT_SILENT);
        return (struct autopilot_move){pressure.of, (uint64_t)((double)ask->rate_milli * factor)};
    }
    if (settling)
        stay.reason = AUTOPILOT_SETTLING;
    else if (pressure.worst < AT_EASE && !ask->used)
        stay.reason = AUTOPILOT_UNUSED;
    else if (pressure.worst < AT_EASE)
        return (struct autopilot_move){
            AUTOPILOT_CLIMB, ask->rate_milli + ask->doc->autopilot_ceiling_milli / CLIMB_STEPS + 1};
    return stay;
}

struct autopilot_move autopilot_decide(const struct autopilot_ask *ask)
{
    struct autopilot_move move = wish(ask);
    uint64_t ceiling = ask->doc->autopilot_ceiling_milli;
    uint64_t floor = ask->doc->autopilot_floor_milli;
    assert(ceiling > 0 && floor > 0); /* the pilot never stops the line */
    floor = floor < ceiling ? floor : ceiling;
    if (move.rate_milli < floor)
        move.rate_milli = floor;
    if (move.rate_milli >= ceiling) {
        if (move.reason == AUTOPILOT_CLIMB)
            move.reason = AUTOPILOT_CEILING;
        move.rate_milli = ceiling;
    }
    assert(move.rate_milli >= floor && move.rate_milli <= ceiling);
    assert(move.reason < AUTOPILOT_LATENCY || move.rate_milli <= ask->rate_milli ||
           move.rate_milli == floor); /* a cut never raises the rate */
    return move;
}

/* The reason for a cut, in thousandths: the measured value and the limit. */
struct weighed {
    uint64_t measured, limit;
};

static bool weigh(const struct autopilot_ask *ask, enum autopilot_reason reason,
                  struct weighed *out)
{
    const struct health_reading *reading = ask->reading;
    const struct event_doc *doc = ask->doc;
    bool is_cut = reason >= AUTOPILOT_LATENCY && reason <= AUTOPILOT_BACKLOG;
    assert(!is_cut || reading != NULL); /* every cut has a measurement */
    switch (reason) {
    case AUTOPILOT_LATENCY:
        *out = (struct weighed){reading->p99_ms * 1000, doc->autopilot_target_p99_ms * 1000};
        return true;
    case AUTOPILOT_ERRORS:
        *out = (struct weighed){reading->errors_milli, doc->autopilot_errors_max_milli};
        return true;
    case AUTOPILOT_HELD:
        *out = (struct weighed){reading->held * 1000, doc->autopilot_held_max * 1000};
        return true;
    case AUTOPILOT_BACKLOG:
        *out = (struct weighed){reading->backlog * 1000, doc->autopilot_backlog_max * 1000};
        return true;
    default:
        return false;
    }
}

static void put_milli(struct text *out, const char *before, uint64_t milli)
{
    assert(milli <= INT64_MAX);
    text_str(out, before);
    text_milli(out, (int64_t)milli);
}

void autopilot_why(struct text *out, const struct autopilot_ask *ask,
                   const struct autopilot_move *move)
{
    struct weighed of = {0};
    bool is_cut = weigh(ask, move->reason, &of);
    assert(!is_cut || of.measured > of.limit); /* a value within its limit causes no cut */
    switch (move->reason) {
    case AUTOPILOT_LATENCY:
        put_milli(out, "p99 ", of.measured);
        put_milli(out, " ms, target ", of.limit);
        TEXT_LIT(out, " ms");
        return;
    case AUTOPILOT_ERRORS:
        put_milli(out, "errors ", of.measured * 100);
        put_milli(out, " %, at most ", of.limit * 100);
        TEXT_LIT(out, " %");
        return;
    case AUTOPILOT_HELD:
        put_milli(out, "held seats ", of.measured);
        put_milli(out, ", at most ", of.limit);
        return;
    case AUTOPILOT_BACKLOG:
        put_milli(out, "open sagas ", of.measured);
        put_milli(out, ", at most ", of.limit);
        return;
    case AUTOPILOT_SILENT:
        TEXT_LIT(out, "the health pages are silent: floor");
        return;
    case AUTOPILOT_CLIMB:
    case AUTOPILOT_CEILING:
        TEXT_LIT(out, "all within limits");
        return;
    default:
        text_str(out, autopilot_reason_name(move->reason));
    }
}

void autopilot_because(struct text *out, const struct autopilot_ask *ask,
                       const struct autopilot_move *move)
{
    struct weighed of;
    json_open(out, '{');
    json_member_cstr(out, "reason", autopilot_reason_name(move->reason));
    if (weigh(ask, move->reason, &of)) {
        assert(of.measured > of.limit && of.limit > 0);
        json_member_milli(out, "measured", (int64_t)of.measured);
        json_member_milli(out, "limit", (int64_t)of.limit);
    } else {
        json_member_null(out, "measured");
        json_member_null(out, "limit");
    }
    json_close(out, '}');
}

bool autopilot_is_notable(const struct autopilot_ask *ask, const struct autopilot_move *move,
                          enum autopilot_reason before)
{
    assert(before < AUTOPILOT_REASON_COUNT && move->reason < AUTOPILOT_REASON_COUNT);
    if (move->rate_milli == ask->rate_milli)
        return false;
    return move->rate_milli < ask->rate_milli || move->reason == AUTOPILOT_CEILING ||
           before != AUTOPILOT_CLIMB;
}

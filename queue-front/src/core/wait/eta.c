/* eta.c: the rate is sampled in windows of five seconds and smoothed over a minute; the differences
 * between samples give the spread. With rate r and relative spread c of a window of W seconds,
 *
 *     t   = (ahead + 1) / r                                      the median wait
 *     p90 = t + 1.2816 * sqrt(t * W * c^2  +  t^2 * doubt^2)
 *
 * The first term under the root is chance in the windows, which evens out over a long wait. The
 * second is the doubt about r itself, which does not. Both grow with t, so the wait never falls
 * with the place, and p90 is never below p50.
 *
 * A window counts only if somebody was waiting throughout: an empty line is not a slow one. Pauses
 * are kept apart from the rate, or a pause of five minutes would look like a line that does
 * not move. While a pause lasts, it is expected to last as long again (half of the pauses that have
 * lasted T go on for another T, one in ten for 9 T). Afterwards its share of the last half hour
 * counts as unavailability, since an operator who paused once will pause again.
 *
 * When the operator lowers the rate, the measured rate follows in proportion at once. When it is
 * raised, the measured rate follows only if the knob was what held the line back. The meter then
 * pretends to have few samples, so that the next ones weigh more.
 *
 * What is known about the future is used. The schedule cuts it into stretches with a pace each: in
 * proportion to the knob where the knob holds the line back, unchanged where the hall does. The
 * hall is a limit of its own: visits take `inside / left` seconds (Little's law), so with
 * max_active slots no more than max_active of them end in that time. A faster line fills the free
 * slots and then moves at the pace of the hall.
 *
 * Before any measurement the knobs give a range: with free slots the line moves at rate_per_s;
 * without, as fast as sessions end, which is between session_ttl_s and session_max_s.
 *
 * Tried and dropped: a fit of serving against time (what AWS's sample page does) reacts slowly to a
 * changed knob and has no spread. Threading: none; one loop owns meter and model. */
#include "core/wait/eta.h"

#include "core/line/ghosts.h"

#include <assert.h>
#include <math.h>

static const double Z90 = 1.2816;         /* the normal distribution's 90th percentile */
static const double DRIFT = 0.10;         /* rates drift by this much, even if measured well */
static const double SPREAD_ASSUMED = 0.5; /* of a rate from Redis that we did not measure */
static const double KNOBS_CAUTION = 1.5;  /* an untried line is rarely faster than its knobs */
static const double AVAILABLE_MIN = 0.05;
static const double GONE_SHARE_MAX = 0.9;
static const double RATE_MIN = 1e-4; /* slower counts as standing still */
static const double KNOB_IS_BRAKE =
    0.8; /* at this share of the knob's rate, the knob limits the line */
static const double HALL_IS_FULL =
    0.95; /* at this share of the hall's rate, the hall limits the line */
static const double HALL_IS_SHUT = 0.98; /* with this share inside, each entry takes a departure */
static const double HALL_DOUBT = 1.05;   /* the length of a visit is no more certain than this */

const char *eta_basis_name(enum eta_basis basis)
{
    switch (basis) {
    case ETA_KNOBS:
        return "knobs";
    case ETA_MEASURED:
        return "measured";
    case ETA_UNKNOWN:
        break;
    }
    return "unknown";
}

void eta_meter_init(struct eta_meter *meter)
{
    *meter = (struct eta_meter){.available = 1.0};
}

/* Ghosts are skipped, not served: they would make the line look fast. */
static uint64_t people_served(const struct line_view *view)
{
    assert(view->skipped <= view->serving); /* checked by the reader of a tick */
    return view->serving - view->skipped;
}

/* Places that have an owner, present or not. */
static uint64_t places_waiting(const struct line_view *view)
{
    uint64_t places = view->issued > view->serving ? view->issued - view->serving : 0;
    return places > view->nobodys ? places - view->nobodys : 0;
}

/* Ghosts, skipped or not. Unowned places are not ghosts. */
static uint64_t ghosts_ever(const struct line_view *view)
{
    uint64_t away = view->skipped + ghosts_waiting(view->ghosts);
    uint64_t nobodys = view->nobodys + view->nobodys_passed;
    assert(view->nobodys_passed <= view->skipped);
    return away > nobodys ? away - nobodys : 0;
}

static void open_window(struct eta_meter *meter, const struct line_view *view)
{
    assert(!meter->window_open);
    meter->window_open = true;
    meter->window_at_ms = view->redis_ms;
    meter->window_served = people_served(view);
    meter->window_admitted = view->admitted;
    meter->window_active = view->active;
}

static void turn_rate(struct eta_meter *meter, double factor)
{
    assert(factor > 0.0);
    meter->rate *= factor;
    meter->variance *= factor * factor;
    if (meter->windows > ETA_WINDOWS_MIN)
        meter->windows = ETA_WINDOWS_MIN;
    meter->window_open = false;
}

/* The share of the calls that this line of the event gets. */
static double share_of(const struct line_view *view)
{
    return line_lane_share(view->knobs.shares, view->lane) / 100.0;
}

/* At rate 0 nothing is measured, so that the old rate is there to follow the next one. */
static void follow_knob(struct eta_meter *meter, const struct line_view *view)
{
    uint64_t rate_milli = view->knobs.rate_milli, before_milli = meter->knob_rate_milli;
    if (rate_milli == 0)
        return;
    meter->knob_rate_milli = rate_milli;
    if (before_milli == 0 || before_milli == rate_milli || meter->windows == 0)
        return;
    double before = (double)before_milli / 1000.0;
    double factor = (double)rate_milli / (double)before_milli;
    if (factor > 1.0 && meter->rate < KNOB_IS_BRAKE * share_of(view) * before)
        return;
    assert(isfinite(factor)); /* neither rate is 0 */
    turn_rate(meter, factor);
}

/* A full hall whose size has changed. */
static void follow_hall(struct eta_meter *meter, const struct line_view *view)
{
    double before = (double)meter->knob_max_active, now = (double)view->knobs.max_active;
    bool changed = meter->knob_max_active != view->knobs.max_active;
    meter->knob_max_active = view->knobs.max_active;
    if (!changed || meter->windows == 0 || before == 0.0 || meter->inside < HALL_IS_FULL * before)
        return;
    double knob = (double)view->knobs.rate_milli / 1000.0;
    double wanted = now > 0.0 ? fmin(meter->rate * now / before, knob) : knob;
    assert(wanted <= knob && before > 0.0);
    if (meter->rate > RATE_MIN && wanted > RATE_MIN)
        turn_rate(meter, wanted / meter->rate);
}

void eta_meter_plan(struct eta_meter *meter, const struct line_rate_at *steps, uint32_t len)
{
    assert(len <= EVENT_SCHEDULE_MAX);
    bool due = len <= meter->plan_len; /* the rest of the plan is unchanged */
    const struct line_rate_at *rest = meter->plan + (due ? meter->plan_len - len : 0);
    for (uint32_t i = 0; due && i < len; i++)
        due = rest[i].at_ms == steps[i].at_ms && rest[i].rate_milli == steps[i].rate_milli;
    meter->plan_changes += !due;
    memmove(meter->plan, steps, len * sizeof(*steps));
    meter->plan_len = len;
    assert(meter->plan_len <= EVENT_SCHEDULE_MAX);
}

struct sample {
    double rate, inside, entered, left;
};

/* Separates paused time from open time. */
static void watch_pause(struct eta_meter *meter, const struct line_view *view)
{
    bool open = view->state == LINE_OPEN;
    if (open)
        meter->paused_since_ms = 0;
    else if (meter->paused_since_ms == 0)
        meter->paused_since_ms = view->redis_ms;
    if (meter->seen_at_ms != 0 && view->redis_ms > meter->seen_at_ms) {
        double weight = (double)(view->redis_ms - meter->seen_at_ms) / ETA_AVAILABLE_MS;
        weight = weight > 1.0 ? 1.0 : weight;
        meter->available += weight * ((open ? 1.0 : 0.0) - meter->available);
        meter->available = fmax(meter->available, AVAILABLE_MIN);
        assert(meter->available <= 1.0);
    }
    meter->seen_at_ms = view->redis_ms;
}

void eta_meter_observe(struct eta_meter *meter, const struct line_view *view)
{
    if (view->stale)
        return;
    if (view->state != LINE_OPEN && !line_stands_still(view->state)) {
        meter->window_open = false;
        meter->seen_at_ms = meter->paused_since_ms = 0;
        return;
    }
    watch_pause(meter, view);
    /* Visitors who joined recently are expected to behave like the judged ones. */
    uint64_t judged = view->ghosts != NULL ? view->ghosts->judged : 0;
    if (judged >= GHOSTS_BLOCK_PLACES)
        meter->gone_share = fmin(GONE_SHARE_MAX, (double)ghosts_ever(view) / (double)judged);
    assert(meter->gone_share >= 0.0 && meter->gone_share <= GONE_SHARE_MAX);
    follow_knob(meter, view);
    follow_hall(meter, view);
    bool may_move =
        view->state == LINE_OPEN && view->knobs.rate_milli > 0 && places_waiting(view) > 0;
    bool goes_on = meter->window_open && may_move && view->redis_ms >= meter->window_at_ms &&
                   people_served(view) >= meter->window_served;
    if (!goes_on) {
        meter->window_open = false;
        if (may_move)
            open_window(meter, view);
        return;
    }
    uint64_t took_ms = view->redis_ms - meter->window_at_ms;
    if (took_ms < ETA_WINDOW_MS)
        return;
    assert(people_served(view) >= meter->window_served);
    double moved = (double)(people_served(view) - meter->window_served);
    double entered = view->admitted > meter->window_admitted
                         ? (double)(view->admitted - meter->window_admitted)
                         : 0.0;
    double left = entered + (double)meter->window_active - (double)view->active;
    struct sample sample = {
        .rate = moved * 1000.0 / (double)took_ms,
        .inside = (double)view->active,
        .entered = entered * 1000.0 / (double)took_ms,
        .left = fmax(0.0, left) * 1000.0 / (double)took_ms,
    };
    double windows = (double)took_ms / ETA_WINDOW_MS;
    assert(sample.rate >= 0.0 && sample.inside >= 0.0 && sample.left >= 0.0 && windows >= 1.0);
    if (meter->windows < ETA_WINDOWS_KEPT)
        meter->windows++;
    double weight = 1.0 - pow(1.0 - 1.0 / (double)meter->windows, windows);
    double off = sample.rate - meter->rate;
    meter->inside += weight * (sample.inside - meter->inside);
    meter->entered += weight * (sample.entered - meter->entered);
    meter->left += weight * (sample.left - meter->left);
    meter->rate += weight * off;
    /* The first sample has no spread. */
    if (meter->windows > 1)
        meter->variance = (1.0 - weight) * (meter->variance + weight * off * off);
    assert(meter->rate >= 0.0);
    assert(meter->variance >= 0.0);
    meter->window_open = false;
    open_window(meter, view);
}

/* ---- the model ---- */

/* False: the first call cannot be predicted. */
static bool set_delay(struct eta_model *model, const struct eta_meter *meter,
                      const struct line_view *view, uint64_t now_ms)
{
    if (view->state == LINE_SCHEDULED || view->state == LINE_PRE_QUEUE) {
        if (view->knobs.opens_at_ms == 0)
            return false;
        uint64_t opens_at_ms = view->knobs.opens_at_ms;
        uint64_t wait_ms = opens_at_ms > now_ms ? opens_at_ms - now_ms : 0;
        model->delay_p50_s = model->delay_p90_s = (double)wait_ms / 1000.0;
        assert(model->delay_p50_s >= 0.0);
        return true;
    }
    if (line_stands_still(view->state)) {
        uint64_t since_ms = meter->paused_since_ms;
        double paused_s =
            since_ms != 0 && now_ms > since_ms ? (double)(now_ms - since_ms) / 1000.0 : 0.0;
        model->delay_p50_s = paused_s;
        model->delay_p90_s = 9.0 * paused_s;
        assert(model->delay_p50_s >= 0.0);
        return true;
    }
    return view->state == LINE_OPEN;
}

static double pace_of(double rate)
{
    assert(!isnan(rate));
    return rate > RATE_MIN ? 1.0 / rate : HUGE_VAL;
}

static double slots_free(const struct line_view *view)
{
    uint64_t taken = view->active + view->outstanding;
    assert(taken >= view->active); /* neither is near the end of its range */
    return view->knobs.max_active > taken ? (double)(view->knobs.max_active - taken) : 0.0;
}

/* How long a visit takes. It is computed from departures, since a filling hall takes in more than
 * it lets out. Entries count half, because a hall that nobody has left yet will be left
 * eventually. */
static double stay_s(const struct eta_meter *meter)
{
    assert(meter->inside > 0.0 && (meter->left > 0.0 || meter->entered > 0.0));
    return meter->inside / fmax(meter->left, meter->entered / 2.0);
}

/* People per second that a full hall has room for. HUGE_VAL: no limit, or unknown. */
static double hall_rate(const struct eta_meter *meter, const struct line_view *view)
{
    if (view->knobs.max_active == 0 || meter->windows < ETA_WINDOWS_MIN ||
        meter->entered < RATE_MIN || meter->inside < 1.0)
        return HUGE_VAL;
    double show = fmax((double)view->show_up_milli / 1000.0, AVAILABLE_MIN);
    assert(show > 0.0);
    return (double)view->knobs.max_active / stay_s(meter) / show;
}

struct eta_hall eta_hall(const struct eta_meter *meter, const struct line_view *view)
{
    double slots = (double)view->knobs.max_active;
    if (view->knobs.max_active == 0)
        return (struct eta_hall){HUGE_VAL, HUGE_VAL};
    double measured = hall_rate(meter, view);
    assert(measured > 0.0 && slots > 0.0);
    double planned = slots * 1000.0 / (double)view->knobs.session_ttl_ms;
    return (struct eta_hall){slots_free(view), measured < HUGE_VAL ? measured : planned};
}

/* The rate after the knob is set so that this line's share is `then`. */
static double rate_at_knob(const struct eta_meter *meter, const struct line_view *view, double rate,
                           double then)
{
    double share = share_of(view), now = share * (double)view->knobs.rate_milli / 1000.0;
    assert(rate >= 0.0 && then >= 0.0);
    if (now < RATE_MIN)
        return then;
    if (rate < KNOB_IS_BRAKE * now * meter->available)
        return fmin(rate, then);
    return fmin(rate * then / now, then / share); /* other lines may leave it their calls */
}

static struct eta_pace measured_pace(double rate, double hall)
{
    assert(rate >= 0.0 && hall > 0.0);
    return (struct eta_pace){
        .quick = pace_of(rate),
        .p50 = pace_of(fmin(rate, hall)),
        .p90 = pace_of(fmin(rate, hall / HALL_DOUBT)),
    };
}

/* Until the hall is full the line moves faster than later. It fills towards rate / hall times its
 * size: quickly at first, when nobody leaves, and then more slowly. */
static double quick_places(const struct eta_meter *meter, const struct line_view *view, double rate,
                           double hall)
{
    double slots = (double)view->knobs.max_active, free = slots_free(view);
    if (rate <= hall || free <= 0.0)
        return 0.0;
    double beyond = slots * (rate / hall - 1.0);
    assert(beyond >= 0.0);
    return rate * stay_s(meter) * log1p(free / beyond);
}

/* The operator has lowered max_active below the number inside: nobody is called until enough of
 * them have left. */
static double empties_s(const struct eta_meter *meter, const struct line_view *view)
{
    assert(view->knobs.max_active > 0); /* without a cap there is nothing to wait for */
    if (view->active <= view->knobs.max_active)
        return 0.0;
    return stay_s(meter) * log((double)view->active / (double)view->knobs.max_active);
}

static bool set_measured(struct eta_model *model, const struct eta_meter *meter,
                         const struct line_view *view)
{
    double rate = meter->rate * meter->available;
    double spread2 = SPREAD_ASSUMED * SPREAD_ASSUMED;
    double windows = ETA_WINDOWS_MIN;
    if (meter->windows >= ETA_WINDOWS_MIN) {
        spread2 = meter->rate > RATE_MIN ? meter->variance / (meter->rate * meter->rate) : 0.0;
        windows = (double)meter->windows;
    } else if (view->service_rate_milli > 0) {
        rate = (double)view->service_rate_milli / 1000.0;
    } else {
        return false;
    }
    /* A burst after a lull is faster than the knob and does not last. A knob at 0 means no rate,
     * whatever was measured before. */
    rate = fmin(rate, (double)view->knobs.rate_milli / 1000.0);
    double hall = hall_rate(meter, view);
    /* The rate measured with a full hall already includes the hall's limit. */
    bool is_full = meter->inside >= HALL_IS_SHUT * (double)view->knobs.max_active;
    double brake = is_full && hall > HALL_IS_FULL * rate ? HUGE_VAL : hall;
    model->basis = ETA_MEASURED;
    model->pace = measured_pace(rate, brake);
    model->quick_places = quick_places(meter, view, rate, brake);
    for (uint32_t i = 0; i < model->steps_len; i++) {
        double then =
            rate_at_knob(meter, view, rate, 1.0 / model->step[i].pace.p50); /* the knob's */
        model->step[i].pace = measured_pace(then, hall);
        if (model->quick_places == 0.0)
            model->quick_places = quick_places(meter, view, then, hall);
    }
    if (hall < HUGE_VAL) {
        model->delay_p50_s += empties_s(meter, view);
        model->delay_p90_s += empties_s(meter, view);
    }
    model->wander_s2 = spread2 * ETA_WINDOW_MS / 1000.0;
    model->doubt2 = spread2 / windows + DRIFT * DRIFT;
    assert(model->wander_s2 >= 0.0 && model->doubt2 > 0.0);
    return true;
}

/* The knob's rate while slots are free, then the rate at which sessions end. */
static struct eta_pace knob_pace(const struct line_view *view, double s_per_place)
{
    struct eta_pace pace = {s_per_place, s_per_place, s_per_place};
    if (view->knobs.max_active == 0)
        return pace;
    double slots = (double)view->knobs.max_active;
    pace.p50 = fmax(s_per_place, (double)view->knobs.session_ttl_ms / 1000.0 / slots);
    pace.p90 = fmax(pace.p50, (double)view->knobs.session_max_ms / 1000.0 / slots);
    assert(pace.p90 >= pace.p50 && pace.p50 >= pace.quick);
    return pace;
}

static void set_knobs(struct eta_model *model, const struct line_view *view)
{
    model->basis = ETA_KNOBS;
    model->pace =
        knob_pace(view, pace_of(share_of(view) * (double)view->knobs.rate_milli / 1000.0));
    if (view->knobs.max_active > 0)
        model->quick_places = slots_free(view);
    for (uint32_t i = 0; i < model->steps_len; i++)
        model->step[i].pace = knob_pace(view, model->step[i].pace.p50);
    assert(model->quick_places >= 0.0);
}

/* The coming steps, at the paces of their rates alone. */
static void set_plan(struct eta_model *model, const struct eta_meter *meter,
                     const struct line_view *view, uint64_t now_ms)
{
    uint64_t ceiling_milli = view->knobs.pilot_ceiling_milli;
    assert(meter->plan_len <= EVENT_SCHEDULE_MAX);
    for (uint32_t i = 0; i < meter->plan_len; i++) {
        const struct line_rate_at *at = &meter->plan[i];
        uint64_t milli = at->rate_milli;
        if (ceiling_milli > 0 && milli > ceiling_milli)
            milli = ceiling_milli;
        model->step[i].from_s = at->at_ms > now_ms ? (double)(at->at_ms - now_ms) / 1000.0 : 0.0;
        model->step[i].pace.p50 = pace_of(share_of(view) * (double)milli / 1000.0);
        assert(i == 0 || model->step[i - 1].from_s <= model->step[i].from_s);
    }
    model->steps_len = meter->plan_len;
}

/* The line does not move, and no known step of the schedule changes that. */
static bool never_moves(const struct eta_model *model)
{
    assert(model->steps_len <= EVENT_SCHEDULE_MAX);
    bool moves = isfinite(model->pace.p50);
    for (uint32_t i = 0; i < model->steps_len; i++)
        moves = moves || isfinite(model->step[i].pace.p50);
    return !moves;
}

static double judged_ahead(const struct line_view *view)
{
    if (view->ghosts == NULL || view->ghosts->judged <= view->serving)
        return 0.0;
    double places = (double)(view->ghosts->judged - view->serving);
    assert(places > 0.0);
    double ghosts = (double)(ghosts_waiting(view->ghosts) - view->nobodys);
    return fmax(0.0, places - ghosts);
}

struct eta_model eta_model(const struct eta_meter *meter, const struct line_view *view,
                           uint64_t now_ms)
{
    struct eta_model model = {
        .basis = ETA_UNKNOWN,
        .scale = 1.0,
        .judged_ahead = judged_ahead(view),
        .gone_share = meter->gone_share,
        .plan_changes = meter->plan_changes,
    };
    if (!set_delay(&model, meter, view, now_ms))
        return model;
    set_plan(&model, meter, view, now_ms);
    /* Paused before anything was measured: neither the end of the pause nor the rate is known. */
    if (!set_measured(&model, meter, view) && !line_stands_still(view->state))
        set_knobs(&model, view);
    if (never_moves(&model))
        model.basis = ETA_UNKNOWN;
    assert(model.scale > 0.0 && model.judged_ahead >= 0.0);
    return model;
}

static double times(double places, double s_per_place)
{
    assert(s_per_place >= 0.0);
    return places > 0.0 ? places * s_per_place : 0.0; /* a line that does not move has no wait */
}

/* Seconds until this many are called, beginning at `from_s`, through the steps of the schedule.
 * Never falls as `places` rises, and a later beginning never means an earlier end. */
static double walk_s(const struct eta_model *model, double places, double from_s, bool late)
{
    assert(places > 0.0 && from_s >= 0.0);
    double at_s = from_s, left = places, slots = model->quick_places;
    const struct eta_pace *pace = &model->pace;
    for (uint32_t i = 0; i <= model->steps_len; i++) {
        double slow_s = late ? pace->p90 : pace->p50;
        double until_s = i < model->steps_len ? model->step[i].from_s : HUGE_VAL;
        double room_s = until_s - at_s;
        if (room_s > 0.0) {
            double quick = pace->quick < slow_s ? fmin(left, slots) : 0.0;
            double needs_s = times(quick, pace->quick) + times(left - quick, slow_s);
            if (needs_s <= room_s)
                return at_s + needs_s - from_s;
            double done = fmin(quick, room_s / pace->quick);
            room_s = fmax(0.0, room_s - times(done, pace->quick));
            slots -= done;
            left -= done;
            left -= done < quick ? 0.0 : fmin(left, room_s / slow_s);
            at_s = until_s;
        }
        if (i < model->steps_len)
            pace = &model->step[i].pace;
    }
    return HUGE_VAL;
}

double eta_people(const struct eta_model *model, uint64_t ahead)
{
    double known = fmin((double)ahead, model->judged_ahead);
    double people = known + ((double)ahead - known) * (1.0 - model->gone_share);
    assert(people >= 0.0 && people <= (double)ahead);
    return people;
}

static uint32_t whole_s(double s)
{
    assert(s >= 0.0);
    return s < ETA_MAX_S ? (uint32_t)s : ETA_MAX_S;
}

struct eta_range eta_range(const struct eta_model *model, uint64_t ahead)
{
    if (model->basis == ETA_UNKNOWN)
        return (struct eta_range){.known = false};
    double places = 1.0 + eta_people(model, ahead);
    double p50 = walk_s(model, places, model->delay_p50_s, false);
    if (!(p50 + model->delay_p50_s <= ETA_MAX_S))
        return (struct eta_range){.known = false};
    double p90 = walk_s(model, places, model->delay_p90_s, true);
    if (model->basis == ETA_MEASURED)
        p90 += model->scale * Z90 * sqrt(p50 * model->wander_s2 + p50 * p50 * model->doubt2);
    else
        p90 *= KNOBS_CAUTION;
    assert(p50 >= 0.0 && p90 >= 0.0);
    return (struct eta_range){
        .known = true, .p50_s = p50 + model->delay_p50_s, .p90_s = p90 + model->delay_p90_s};
}

struct eta eta_at(const struct eta_model *model, uint64_t ahead)
{
    struct eta_range range = eta_range(model, ahead);
    if (!range.known)
        return (struct eta){.basis = ETA_UNKNOWN};
    struct eta eta = {
        .basis = model->basis,
        .move_s = whole_s(range.p50_s - model->delay_p50_s + 0.5),
        .p50_s = whole_s(range.p50_s + 0.5),
        .p90_s = whole_s(ceil(range.p90_s)),
    };
    if (eta.p90_s < eta.p50_s)
        eta.p90_s = eta.p50_s;
    assert(eta.p50_s <= eta.p90_s && eta.p90_s <= ETA_MAX_S);
    return eta;
}

/* ---- why it moved ---- */

const char *eta_reason_name(enum eta_reason reason)
{
    static const char *const names[ETA_REASON_COUNT] = {
        [ETA_REASON_PAUSED] = "paused",
        [ETA_REASON_RESUMED] = "resumed",
        [ETA_REASON_RATE_CHANGED] = "rate-changed",
        [ETA_REASON_SLOWER] = "slower",
        [ETA_REASON_FASTER] = "faster",
        [ETA_REASON_PEOPLE_LEFT] = "people-left",
        [ETA_REASON_PEOPLE_BACK] = "people-back",
        [ETA_REASON_MEASURED] = "measured",
    };
    assert(reason < ETA_REASON_COUNT);
    return names[reason];
}

/* The largest change against the paces shown recently, as a factor. */
static double moved(const double shown[ETA_WATCH_STEPS], double now)
{
    double most = 1.0;
    for (unsigned i = 0; i < ETA_WATCH_STEPS; i++) {
        if (shown[i] > 0.0 && fabs(log(now / shown[i])) > fabs(log(most)))
            most = now / shown[i];
    }
    assert(most > 0.0);
    return most;
}

/* How far the line fell behind its pace, at worst, since any of the remembered moments. While
 * nobody waited, and before the opening, it could not fall behind, so moments up to then do not
 * count. */
static double lag_of(const struct eta_watch *watch, const struct line_view *view, double pace)
{
    double worst = 0.0;
    for (unsigned i = 0; i < ETA_WATCH_STEPS; i++) {
        if (watch->at_ms[i] <= watch->idle_ms || people_served(view) < watch->served[i])
            continue;
        double passed_s = (double)(view->redis_ms - watch->at_ms[i]) / 1000.0;
        double lag = passed_s - (double)(people_served(view) - watch->served[i]) * pace;
        worst = fabs(lag) > fabs(worst) ? lag : worst;
    }
    assert(isfinite(worst));
    return worst;
}

enum eta_reason eta_reason_at(const struct eta_model *model, const struct eta *eta)
{
    const double shown = 0.10;
    assert(model->reason < ETA_REASON_COUNT);
    if (model->reason != ETA_REASON_NONE || eta->basis == ETA_UNKNOWN ||
        fabs(model->lag_s) <= shown * (double)eta->p50_s)
        return model->reason;
    return model->lag_s > 0.0 ? ETA_REASON_SLOWER : ETA_REASON_FASTER;
}

static enum eta_reason reason_of(const struct eta_watch *watch, const struct line_view *view,
                                 double pace, struct eta_crowd crowd)
{
    assert(pace > 0.0);
    double line = fmax(1.0, (double)places_waiting(view));
    const double shown = 1.10;    /* well below the 20 % that must be explained */
    const double noticed = 0.003; /* if found in one block, a good part of those right behind it */
    uint64_t lately_ms = ETA_WATCH_STEP_MS * ETA_WATCH_STEPS, now_ms = view->redis_ms;
    if (view->state == LINE_PAUSED)
        return ETA_REASON_PAUSED;
    if (watch->resumed_ms != 0 && now_ms - watch->resumed_ms < lately_ms)
        return ETA_REASON_RESUMED;
    if (watch->rate_changed_ms != 0 && now_ms - watch->rate_changed_ms < lately_ms)
        return ETA_REASON_RATE_CHANGED;
    for (unsigned i = 0; i < ETA_WATCH_STEPS; i++) {
        double found = crowd.ghosts - watch->crowd[i].ghosts;
        double reckoned = crowd.gone_share * (crowd.judged - watch->crowd[i].judged);
        double moved = fabs(found) > noticed * line ? found : found - reckoned;
        if (fabs(moved) > noticed * line)
            return moved > 0.0 ? ETA_REASON_PEOPLE_LEFT : ETA_REASON_PEOPLE_BACK;
    }
    if (pace < 1.0 / shown || pace > shown)
        return pace > 1.0 ? ETA_REASON_SLOWER : ETA_REASON_FASTER;
    return ETA_REASON_NONE;
}

void eta_watch_observe(struct eta_watch *watch, const struct line_view *view,
                       struct eta_model *model)
{
    if (watch->rate_milli != 0 && watch->rate_milli != view->knobs.rate_milli)
        watch->rate_changed_ms = view->redis_ms;
    watch->rate_milli = view->knobs.rate_milli;
    if (watch->next_at_ms != 0 &&
        (watch->max_active != view->knobs.max_active || watch->plan_changes != model->plan_changes))
        watch->rate_changed_ms = view->redis_ms;
    watch->max_active = view->knobs.max_active;
    assert(watch->plan_changes <= model->plan_changes); /* a count that only rises */
    watch->plan_changes = model->plan_changes;
    if (view->state == LINE_PAUSED)
        watch->paused_ms = view->redis_ms;
    else if (watch->paused_ms != 0) {
        watch->resumed_ms = view->redis_ms;
        watch->paused_ms = 0;
    }
    bool called = view->state == LINE_OPEN || view->state == LINE_PAUSED;
    if (!called || places_waiting(view) == 0)
        watch->idle_ms = view->redis_ms;
    bool moves = model->basis != ETA_UNKNOWN && isfinite(model->pace.p50);
    double pace = moves ? model->pace.p50 : 0.0;
    /* Skipped ghosts stay in the sum, so it changes only when somebody goes or returns. Before a
     * place is judged, a share of it counts as gone. If its visitor is there after all, that share
     * has come back for everybody behind. */
    struct eta_crowd crowd = {
        .ghosts = (double)ghosts_ever(view),
        .judged = view->ghosts != NULL ? (double)view->ghosts->judged : 0.0,
        .gone_share = model->gone_share,
    };
    double changed = pace > 0.0 ? moved(watch->s_per_place, pace) : 1.0;
    model->reason = reason_of(watch, view, changed, crowd);
    model->lag_s = pace > 0.0 ? lag_of(watch, view, pace) : 0.0;
    bool was_knobs = false;
    for (unsigned i = 0; i < ETA_WATCH_STEPS; i++)
        was_knobs = was_knobs || watch->basis[i] == ETA_KNOBS;
    if (was_knobs && model->basis == ETA_MEASURED && model->reason != ETA_REASON_PAUSED)
        model->reason = ETA_REASON_MEASURED;
    if (view->redis_ms < watch->next_at_ms)
        return;
    watch->next_at_ms = view->redis_ms + ETA_WATCH_STEP_MS;
    watch->s_per_place[watch->at] = pace;
    watch->at_ms[watch->at] = view->redis_ms;
    watch->served[watch->at] = people_served(view);
    watch->crowd[watch->at] = crowd;
    watch->basis[watch->at] = (uint8_t)model->basis;
    assert(watch->at < ETA_WATCH_STEPS && pace >= 0.0);
    watch->at = (watch->at + 1) % ETA_WATCH_STEPS;
}

/* ---- on the wire ---- */

/* A value after its key, for each poll: see status_me_json(). */
void eta_json(struct text *out, struct eta eta)
{
    assert(eta.basis == ETA_UNKNOWN || eta.p50_s <= eta.p90_s);
    if (eta.basis == ETA_UNKNOWN) {
        TEXT_LIT(out, "{\"p50_s\":null,\"p90_s\":null,\"basis\":\"");
    } else {
        TEXT_LIT(out, "{\"p50_s\":");
        text_u64(out, eta.p50_s);
        TEXT_LIT(out, ",\"p90_s\":");
        text_u64(out, eta.p90_s);
        TEXT_LIT(out, ",\"basis\":\"");
    }
    text_str(out, eta_basis_name(eta.basis));
    TEXT_LIT(out, "\"}");
    out->comma = true;
}

static void table_row(struct text *out, const struct eta_model *model, uint64_t ahead)
{
    struct eta eta = eta_at(model, ahead);
    if (eta.basis == ETA_UNKNOWN)
        return;
    assert(eta.p50_s <= eta.p90_s);
    json_open(out, '[');
    json_u64(out, ahead);
    json_u64(out, eta.p50_s);
    json_u64(out, eta.p90_s);
    json_close(out, ']');
}

void eta_table_json(struct text *out, const struct eta_model *model, uint64_t waiting)
{
    static const uint64_t steps[] = {1, 2, 5};
    json_open(out, '[');
    table_row(out, model, 0);
    uint64_t ahead = 0;
    for (uint64_t ten = 1, row = 1; row < ETA_TABLE_ROWS_MAX && ahead < waiting; row++) {
        ahead = steps[(row - 1) % 3] * ten;
        if (row % 3 == 0)
            ten *= 10;
        table_row(out, model, ahead);
    }
    json_close(out, ']');
}

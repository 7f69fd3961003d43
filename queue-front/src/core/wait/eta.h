/* eta.h: the expected wait, as a range that can be checked against reality.
 *
 * A meter measures the line's progress from the positions served alone, so no-shows, pauses, full
 * halls and slow fronts are all included. Meter and knobs give a model, made again with each
 * picture of the line. The model gives the wait of any place in a few nanoseconds, cheap enough for
 * each poll. */
#ifndef FG_QUEUE_FRONT_CORE_ETA_H
#define FG_QUEUE_FRONT_CORE_ETA_H

#include "base/text.h"
#include "core/limits.h"
#include "core/line/line.h"

enum {
    ETA_WINDOW_MS = 5000,       /* one sample; long enough to see past the ticks of 100 ms */
    ETA_WINDOWS_KEPT = 12,      /* smoothing: a minute's worth of samples counts */
    ETA_WINDOWS_MIN = 3,        /* fewer samples are not a measurement */
    ETA_AVAILABLE_MS = 1800000, /* pauses count for half an hour */
    ETA_MAX_S = 7 * 24 * 3600,  /* nobody can predict further */
    ETA_TABLE_ROWS_MAX = 32,    /* rows of the shared table: 0, 1, 2, 5, 10, ... */
};

enum eta_basis {
    ETA_UNKNOWN,  /* unknown: draft, no opening time, sold out, closed */
    ETA_KNOBS,    /* estimated from the knobs; nothing was measured yet */
    ETA_MEASURED, /* from how the line moved recently */
};

const char *eta_basis_name(enum eta_basis basis);

/* One event's measurement on one front. Plain memory, no clean-up. */
struct eta_meter {
    double rate;      /* served a second while open, smoothed */
    double variance;  /* of a window's rate, smoothed */
    double available; /* share of time not paused, smoothed slowly */
    uint32_t windows; /* samples taken, at most ETA_WINDOWS_KEPT */
    bool window_open;
    uint64_t window_at_ms; /* Redis's clock at the window's start */
    uint64_t window_served;
    uint64_t seen_at_ms;      /* the last picture, open or paused; 0: none */
    uint64_t paused_since_ms; /* 0: not paused */
    double gone_share;        /* the share of the judged places that were ghosts */
    uint64_t knob_rate_milli; /* the knob's rate during the measurement */
    uint64_t knob_max_active;
    double inside;        /* sessions, smoothed; with the next, how long a visit takes */
    double entered, left; /* a second, smoothed */
    uint64_t window_admitted, window_active;
    struct line_rate_at plan[EVENT_SCHEDULE_MAX]; /* coming steps */
    uint32_t plan_len;
    uint32_t plan_changes; /* changes by the operator; steps that fell due do not count */
};

void eta_meter_init(struct eta_meter *meter);
/* Call with each new picture, in time order. Ignores stale pictures. */
void eta_meter_observe(struct eta_meter *meter, const struct line_view *view);
/* The schedule, whenever it may have changed; copied. */
void eta_meter_plan(struct eta_meter *meter, const struct line_rate_at *steps, uint32_t len);

/* Why the wait changed recently: shown with the new wait. */
enum eta_reason {
    ETA_REASON_NONE,
    ETA_REASON_PAUSED,
    ETA_REASON_RESUMED,
    ETA_REASON_RATE_CHANGED, /* by operator, schedule or autopilot; or the schedule itself or
                              * max_active */
    ETA_REASON_SLOWER,       /* slower than before: a full hall, no-shows */
    ETA_REASON_FASTER,
    ETA_REASON_PEOPLE_LEFT, /* ghosts were found ahead */
    ETA_REASON_PEOPLE_BACK,
    ETA_REASON_MEASURED, /* the first measurement replaced the knobs */
    ETA_REASON_COUNT,
};

const char *eta_reason_name(enum eta_reason reason); /* NULL: none */

enum {
    ETA_WATCH_STEP_MS = 5000,
    ETA_WATCH_STEPS = 13, /* longer than any interval between two polls */
};

/* Number of absent visitors, and of judged places. */
struct eta_crowd {
    double ghosts, judged, gone_share;
};

/* The waits of a little more than the last minute, to see how they change. */
struct eta_watch {
    double s_per_place[ETA_WATCH_STEPS]; /* 0: no wait was shown */
    struct eta_crowd crowd[ETA_WATCH_STEPS];
    uint8_t basis[ETA_WATCH_STEPS];
    uint64_t at_ms[ETA_WATCH_STEPS];
    uint64_t served[ETA_WATCH_STEPS];
    uint64_t idle_ms; /* the last time without waiting people, or before any call was due */
    uint32_t at;
    uint64_t next_at_ms;
    uint64_t rate_milli, rate_changed_ms, paused_ms, resumed_ms;
    uint64_t max_active;
    uint32_t plan_changes;
};

/* Seconds per place; HUGE_VAL: the line does not move. */
struct eta_pace {
    double quick; /* while free slots last */
    double p50, p90;
};

struct eta_step {
    double from_s; /* from now */
    struct eta_pace pace;
};

struct eta_model {
    enum eta_basis basis;
    enum eta_reason reason;
    double lag_s;        /* calls come this much later than promised; negative: earlier */
    double judged_ahead; /* people ahead who were judged present; behind them, */
    double gone_share;   /* this share is expected to have gone as well */
    double scale;        /* of the spread, from the promises checked so far; 1 before any */
    double delay_p50_s;  /* until the first call: the opening, the end of a pause */
    double delay_p90_s;
    struct eta_pace pace; /* now */
    double quick_places;  /* places that find a free slot; then the line moves as sessions end */
    struct eta_step step[EVENT_SCHEDULE_MAX]; /* by schedule, in time order */
    uint32_t steps_len;
    uint32_t plan_changes;
    double wander_s2; /* measured: variance per second of waiting, in s^2 */
    double doubt2;    /* measured: squared relative error of the rate itself */
};

struct eta_model eta_model(const struct eta_meter *meter, const struct line_view *view,
                           uint64_t now_ms);

struct eta {
    enum eta_basis basis; /* ETA_UNKNOWN: the numbers are invalid */
    uint32_t p50_s;
    uint32_t p90_s;
    uint32_t move_s; /* p50 without the rest of a pause: the earliest time */
};

/* The wait of a visitor with `ahead` people in front. Never falls as `ahead` rises; p50 <= p90. */
struct eta eta_at(const struct eta_model *model, uint64_t ahead);

/* The same before rounding, to check it later. */
struct eta_range {
    bool known;
    double p50_s, p90_s;
};
struct eta_range eta_range(const struct eta_model *model, uint64_t ahead);

/* How many people ahead will still be there at their turn, by estimate. */
double eta_people(const struct eta_model *model, uint64_t ahead);

/* How many more the hall takes in at once, and then per second as visits end: as measured, or by
 * session_ttl_s before that. No limit without max_active. */
struct eta_hall {
    double free, per_s;
};
struct eta_hall eta_hall(const struct eta_meter *meter, const struct line_view *view);

/* Sets model->reason if the wait changed noticeably from recent waits. Call with each new model, in
 * time order. */
void eta_watch_observe(struct eta_watch *watch, const struct line_view *view,
                       struct eta_model *model);

/* The reason to show with this wait: the line's own, or that the line is behind or ahead of its
 * promises by a good part of a wait this short. */
enum eta_reason eta_reason_at(const struct eta_model *model, const struct eta *eta);

/* {"p50_s":..,"p90_s":..,"basis":".."}; the numbers are null if unknown. */
void eta_json(struct text *out, struct eta eta);
/* [[ahead,p50_s,p90_s],...] up to the end of the line; [] if unknown. */
void eta_table_json(struct text *out, const struct eta_model *model, uint64_t waiting);

#endif

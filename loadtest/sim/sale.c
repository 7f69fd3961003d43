/* sale.c: steps of 100 ms. In each, what was promised goes before what is new: polls and passes,
 * then joins; a join that finds no time left at a front or at Redis has to come back when the
 * others before it will be through, spread over half of that time and half of it more. Visitors for
 * whom the edge has no time left stand at the door: their connection is not accepted yet, so
 * nothing can be said to them.
 *
 * A line is an array of blocks of BLOCK positions. The whole of a block waits, or its front part
 * has been called; so each block has one interval between polls, taken again once a second.
 *
 * Invariant, asserted at the end: nobody is made and nobody is lost. Everybody is still to come, at
 * the door, told to come back, waiting, or called. */
#include "sale.h"

#include "core/wait/poll.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum {
    STEP_MS = 100,
    STEPS_A_SECOND = 1000 / STEP_MS,
    SLICES_A_SECOND = 4,
    LATER_STEPS = 4096,   /* the furthest time to come back: nearly seven minutes */
    RUN_MAX_S = 6 * 3600, /* of virtual time; people without a place by then get none */
    TURNS_PER_S = 1000,   /* a busy loop's turns: each carries all its joins in one call */
    ETA_SPREAD_PERCENT = 20,
};

struct seconds {
    double joins, polls, bytes, work_ns[SALE_PARTS];
};

struct sale {
    const struct sale_ask *ask;
    struct sale_result *out;
    double capacity_ns[SALE_PARTS]; /* a step's */
    double left_ns[SALE_PARTS];     /* of this step */
    double to_come, door, later[LATER_STEPS];
    double told_later;     /* now waiting for their time */
    double issued, served; /* positions */
    uint64_t step;
    struct seconds second;
};

const char *sale_part_name(enum sale_part part)
{
    static const char *const names[SALE_PARTS] = {
        [SALE_EDGE] = "edge",
        [SALE_FRONT] = "fronts",
        [SALE_REDIS] = "Redis",
    };
    assert(part < SALE_PARTS);
    return names[part];
}

/* Does up to `wanted` things of `each_ns` at a part; answers how many found time. */
static double work(struct sale *sale, enum sale_part part, double wanted, double each_ns)
{
    double done = wanted;
    if (each_ns > 0 && wanted * each_ns > sale->left_ns[part])
        done = sale->left_ns[part] / each_ns;
    sale->left_ns[part] -= done * each_ns;
    if (sale->left_ns[part] < 0)
        sale->left_ns[part] = 0;
    sale->second.work_ns[part] += done * each_ns;
    return done;
}

static void send_bytes(struct sale *sale, double count, uint64_t each)
{
    sale->second.bytes += count * (double)each;
    sale->out->bytes += count * (double)each;
}

/* ---- those who wait ---- */

/* The mean time between two polls of somebody with that many ahead. */
static double interval_ms(const struct sale *sale, double ahead)
{
    uint32_t p50_s = (uint32_t)(ahead / (double)sale->ask->rate_per_s);
    const struct poll_ask poll = {
        .line = LINE_OPEN,
        .place = PLACE_WAITING,
        .ahead = (uint64_t)ahead,
        .eta = {.basis = ETA_MEASURED,
                .p50_s = p50_s,
                .p90_s = p50_s + p50_s * ETA_SPREAD_PERCENT / 100},
    };
    return poll_after_ms(&poll) * (1 - POLL_JITTER_PERCENT / 200.0);
}

/* In this step, of all who wait: slice by slice, until the interval does not grow any more. */
static double polls_due(const struct sale *sale)
{
    double waiting = sale->issued - sale->served, due = 0, ahead = 0;
    double slice = fmax(1, (double)sale->ask->rate_per_s / SLICES_A_SECOND);
    double longest_ms = POLL_FAR_MS * (1 - POLL_JITTER_PERCENT / 200.0);
    double each_ms = 0;
    while (ahead < waiting && each_ms < longest_ms) {
        each_ms = interval_ms(sale, ahead);
        due += fmin(slice, waiting - ahead) * STEP_MS / each_ms;
        ahead += slice;
    }
    if (ahead < waiting)
        due += (waiting - ahead) * STEP_MS / each_ms;
    return due;
}

static void serve_polls(struct sale *sale)
{
    const struct sale_costs *costs = &sale->ask->costs;
    double due = polls_due(sale);
    double again = due * (double)sale->ask->reconnect_percent / 100;
    double at_edge = (double)costs->edge_ns +
                     (double)costs->handshake_ns * (double)sale->ask->reconnect_percent / 100;
    double done = work(sale, SALE_EDGE, due, at_edge);
    done = work(sale, SALE_FRONT, done, (double)costs->poll_ns);
    sale->out->late_polls += due - done;
    sale->out->polls += done;
    sale->second.polls += due;
    send_bytes(sale, done, costs->poll_bytes);
    send_bytes(sale, again, costs->handshake_bytes);
}

/* ---- those who are called ---- */

static void call(struct sale *sale)
{
    const struct sale_ask *ask = sale->ask;
    double left = (double)ask->seats - sale->out->sold;
    if (left <= 0)
        return;
    double calls = fmin((double)ask->rate_per_s * STEP_MS / 1000.0, sale->issued - sale->served);
    sale->served += calls;
    sale->out->called += calls;
    sale->out->sold += fmin(left, calls * (double)ask->seats_percent / 100);
    work(sale, SALE_EDGE, calls, (double)ask->costs.edge_ns);
    work(sale, SALE_FRONT, calls, (double)ask->costs.pass_ns);
    work(sale, SALE_REDIS, calls, (double)ask->costs.redis_pass_ns);
    sale->out->redis_script_calls += calls;
}

static void tick(struct sale *sale)
{
    const struct sale_machines *machines = &sale->ask->machines;
    double ticks = (double)(machines->fronts * machines->front_cores) * STEP_MS / 100;
    work(sale, SALE_REDIS, ticks, (double)sale->ask->costs.redis_tick_ns);
    sale->out->redis_script_calls += ticks;
}

/* ---- those who come ---- */

static double arrivals(struct sale *sale)
{
    double steps = fmax(1, (double)sale->ask->within_ms / STEP_MS);
    double now = fmin(sale->to_come, (double)sale->ask->visitors / steps);
    if ((double)(sale->step + 1) >= steps)
        now = sale->to_come;
    sale->to_come -= now;
    return now;
}

/* They come back once those who were sent away before them are through, and not all at once. */
static void tell_later(struct sale *sale, double people, double joins_a_step)
{
    double pace = fmax(1, joins_a_step);
    double wait = fmin(fmax(STEPS_A_SECOND, (sale->told_later + people) / pace), LATER_STEPS / 2.0);
    uint64_t from = (uint64_t)(wait / 2), len = (uint64_t)wait;
    for (uint64_t i = 0; i < len; i++)
        sale->later[(sale->step + 1 + from + i) % LATER_STEPS] += people / (double)len;
    sale->told_later += people;
    sale->out->told_later += people;
}

/* Of `wanting`, who are through the edge: those who get a place now. */
static double place(struct sale *sale, double wanting)
{
    const struct sale_costs *costs = &sale->ask->costs;
    double fits = fmin(sale->left_ns[SALE_FRONT] / (double)costs->join_ns,
                       sale->left_ns[SALE_REDIS] / (double)costs->redis_join_ns);
    double placed = fmin(wanting, fits);
    work(sale, SALE_FRONT, placed, (double)costs->join_ns);
    work(sale, SALE_REDIS, placed, (double)costs->redis_join_ns);
    const struct sale_machines *machines = &sale->ask->machines;
    double turns =
        (double)(machines->fronts * machines->front_cores * TURNS_PER_S) * STEP_MS / 1000;
    sale->out->redis_script_calls += fmin(placed, turns);
    sale->issued += placed;
    sale->out->placed += placed;
    sale->second.joins += placed;
    send_bytes(sale, placed, costs->join_bytes);
    return placed;
}

static void let_in(struct sale *sale)
{
    const struct sale_costs *costs = &sale->ask->costs;
    sale->door += arrivals(sale);
    /* A page and a join on a new connection. */
    double through =
        work(sale, SALE_EDGE, sale->door, (double)(costs->handshake_ns + 2 * costs->edge_ns));
    sale->door -= through;
    send_bytes(sale, through, costs->handshake_bytes + costs->page_bytes);
    work(sale, SALE_FRONT, through, (double)costs->page_ns);

    double *due = &sale->later[sale->step % LATER_STEPS];
    double back = work(sale, SALE_EDGE, *due, (double)costs->edge_ns);
    sale->later[(sale->step + 1) % LATER_STEPS] += *due - back; /* the edge had no time for them */
    sale->told_later -= back;
    *due = 0;

    double wanting = through + back;
    double placed = place(sale, wanting);
    if (wanting - placed > 1e-6) {
        double before_shedding = placed;
        work(sale, SALE_FRONT, wanting - placed, (double)costs->shed_ns);
        send_bytes(sale, wanting - placed, costs->poll_bytes);
        tell_later(sale, wanting - placed, before_shedding);
    }
    if (sale->door > sale->out->door_peak)
        sale->out->door_peak = sale->door;
}

/* ---- the books ---- */

static void close_second(struct sale *sale)
{
    struct sale_result *out = sale->out;
    struct seconds *second = &sale->second;
    out->joins_per_s_peak = fmax(out->joins_per_s_peak, second->joins);
    out->polls_per_s_peak = fmax(out->polls_per_s_peak, second->polls);
    out->bytes_per_s_peak = fmax(out->bytes_per_s_peak, second->bytes);
    double busy_percent = (double)sale->ask->machines.busy_percent;
    for (enum sale_part part = 0; part < SALE_PARTS; part++) {
        double all_ns = sale->capacity_ns[part] * STEPS_A_SECOND * 100 / busy_percent;
        double busy = second->work_ns[part] / all_ns;
        out->busy[part] = fmax(out->busy[part], busy);
    }
    memset(second, 0, sizeof(*second));
}

static bool everybody_placed(const struct sale *sale)
{
    return sale->out->placed > (double)sale->ask->visitors - 0.5;
}

/* The part that had the least time left while people were still without a place. */
static void look_for_the_narrowest(const struct sale *sale, double wanting[SALE_PARTS])
{
    if (everybody_placed(sale))
        return;
    for (enum sale_part part = 0; part < SALE_PARTS; part++)
        wanting[part] += 1 - sale->left_ns[part] / sale->capacity_ns[part];
}

static void set_capacities(struct sale *sale)
{
    const struct sale_machines *machines = &sale->ask->machines;
    double core_ns = STEP_MS * 1e6 * (double)machines->busy_percent / 100;
    sale->capacity_ns[SALE_EDGE] = core_ns * (double)(machines->edges * machines->edge_cores);
    sale->capacity_ns[SALE_FRONT] = core_ns * (double)(machines->fronts * machines->front_cores);
    sale->capacity_ns[SALE_REDIS] = core_ns; /* one thread, whatever the machine */
}

void sale_run(const struct sale_ask *ask, struct sale_result *out)
{
    memset(out, 0, sizeof(*out));
    struct sale sale = {.ask = ask, .out = out, .to_come = (double)ask->visitors};
    set_capacities(&sale);

    double wanting[SALE_PARTS] = {0};
    bool over = false;
    for (; !over && sale.step < (uint64_t)RUN_MAX_S * STEPS_A_SECOND; sale.step++) {
        memcpy(sale.left_ns, sale.capacity_ns, sizeof(sale.left_ns));
        double now_s = (double)(sale.step + 1) / STEPS_A_SECOND;
        tick(&sale);
        serve_polls(&sale);
        call(&sale);
        let_in(&sale);
        look_for_the_narrowest(&sale, wanting);
        out->waiting_peak = fmax(out->waiting_peak, sale.issued - sale.served);
        if (out->placed_s == 0 && everybody_placed(&sale))
            out->placed_s = now_s;
        bool sold_out = out->sold >= (double)ask->seats - 0.5;
        bool line_empty = everybody_placed(&sale) && sale.issued - sale.served < 0.5;
        if (out->sold_out_s == 0 && (sold_out || line_empty))
            out->sold_out_s = now_s;
        over = out->sold_out_s > 0 && out->placed_s > 0;
        if (over || sale.step % STEPS_A_SECOND == STEPS_A_SECOND - 1)
            close_second(&sale);
        out->ended_s = now_s;
    }
    for (enum sale_part part = 0; part < SALE_PARTS; part++) {
        if (wanting[part] > wanting[out->narrowest])
            out->narrowest = part;
    }
    double everybody = sale.to_come + sale.door + sale.told_later + sale.issued;
    assert(fabs(everybody - (double)ask->visitors) < 1e-3 * (double)ask->visitors + 1);
}

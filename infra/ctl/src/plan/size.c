/* size.c: adds up three kinds of load on each station: the opening until everybody has a place, the
 * line each second, and what is held open. The constants are in figures.h. */
#include "plan/size.h"

#include "core/wait/poll.h"
#include "plan/figures.h"

#include <math.h>

static const double second_us = 1e6;

static double at_least_one(double machines)
{
    return fmax(1, ceil(machines - 1e-9));
}

/* The load on a station, in microseconds (bytes for the network). */
struct load {
    double edge, front, bytes;
};

static struct load opening_of_one(const struct size_ask *ask)
{
    double handshake =
        figure_edge_handshake_us * (1 - figure_people_resumed * (1 - figure_edge_resumed_ratio));
    struct load load = {
        .edge = figure_edge_request_us, .front = figure_front_join_us, .bytes = figure_join_bytes};
    if (!ask->cdn) {
        load.edge += handshake + figure_edge_request_us;
        load.front += figure_front_page_us;
        load.bytes += figure_handshake_bytes + figure_page_bytes;
    }
    return load;
}

/* A page that expects this wait polls again after half of the time that surely passes, less
 * jitter. */
static double interval_s(double wait_s)
{
    const double mean = 1 - POLL_JITTER_PERCENT / 200.0;
    double ms = floor(wait_s) * figure_poll_surely * 1000 / 2;
    return fmin(POLL_FAR_MS, fmax(POLL_NEAR_MS, ms)) * mean / 1000;
}

/* Sums the polls of the line in slices of one second's calls, until the interval stops growing. */
static double polls_per_s(double waiting, double rate_per_s)
{
    double far = POLL_FAR_MS * (1 - POLL_JITTER_PERCENT / 200.0) / 1000;
    double slice = fmax(1, rate_per_s), polls = 0, ahead = 0;
    double each = 0;
    while (ahead < waiting && each < far) {
        each = interval_s(ahead / slice);
        polls += fmin(slice, waiting - ahead) / each;
        ahead += slice;
    }
    return polls + fmax(0, waiting - ahead) / far;
}

static struct load line_a_second(const struct size_ask *ask, double polls)
{
    double again = ask->cdn ? 0 : figure_people_reconnect;
    return (struct load){
        .edge = polls * (figure_edge_request_us +
                         again * figure_edge_handshake_us * figure_edge_resumed_ratio),
        .front = polls * figure_front_poll_us +
                 ask->visitors * figure_people_streams * figure_front_stream_us_per_s,
    };
}

static double connections_of_an_edge(void)
{
    double each = figure_edge_connection_bytes + figure_kernel_connection_bytes;
    return fmin(figure_machine_edge_connections,
                floor(figure_machine_edge_gb * 1e9 * figure_memory_used / each));
}

/* Each pair of an edge and a front carries a limited number of streams, and a page holds one. This
 * adds edges or fronts, whichever needs fewer cores in total, but never more than `most`. */
static struct size_door with_streams(const struct size_ask *ask, double edges, double fronts,
                                     struct size_door most)
{
    double streams = ask->visitors * figure_people_streams, fewest = INFINITY;
    struct size_door best = most;
    for (int more = 0; more <= (int)figure_more_edges; more++) {
        struct size_door door = {.edges = edges + more};
        door.fronts = fmax(fronts, at_least_one(streams / (door.edges * figure_streams_between)));
        double cores = door.edges * ask->edge_cores + door.fronts * ask->front_cores;
        if (cores < fewest && door.edges <= most.edges && door.fronts <= most.fronts) {
            fewest = cores;
            best = door;
        }
    }
    return best;
}

/* The larger of: joins with half of the line already there, or the whole line alone. */
static double work(double opening_us, double line_us, double visitors, double placed_s)
{
    return fmax(visitors * opening_us * figure_room / placed_s + line_us / 2,
                line_us * figure_room);
}

static struct size_door door_for(const struct size_ask *ask, double polls, double placed_s,
                                 struct size_door most)
{
    struct load opening = opening_of_one(ask), line = line_a_second(ask, polls);
    double core_us = figure_machine_busy * second_us;
    double network = figure_machine_gigabits * 1e9 / 8;
    double edges = work(opening.edge, line.edge, ask->visitors, placed_s);
    double fronts = work(opening.front, line.front, ask->visitors, placed_s);
    edges = fmax(edges / (ask->edge_cores * core_us),
                 ask->visitors * opening.bytes * figure_room / placed_s / network);
    edges = fmax(edges, ask->visitors / connections_of_an_edge());
    return with_streams(ask, at_least_one(edges),
                        at_least_one(fronts / (ask->front_cores * core_us)), most);
}

/* The microseconds per second that a shard has left for joins after ticks and cuts. */
static double shard_us(const struct size_ask *ask, double fronts, double shards)
{
    double ticks =
        fmin(figure_loop_ticks_per_s * fronts * ask->front_cores, figure_ticks_most_per_s);
    double working = fmin(ticks, figure_ticks_work_per_s);
    double gone =
        working * figure_redis_tick_us + (ticks - working) * figure_redis_tick_repeated_us;
    if (shards > 1)
        gone += figure_cuts_per_s * figure_redis_cut_us +
                fronts / figure_reads_every_s * figure_redis_read_us;
    return fmax(0, figure_machine_busy * second_us - gone);
}

/* Limits with room above the sums. When Redis forks to rewrite its file, it may copy all memory;
 * its disk has the file, the new one and a snapshot. Dead rows may take as much as the others. */
static void fill_bounds(const struct size_ask *ask, double orders, struct size *size)
{
    const double gb = 1e9 * figure_memory_used, least = 2;
    double connection = figure_edge_connection_bytes + figure_kernel_connection_bytes;
    double stream = figure_front_stream_bytes + figure_kernel_connection_bytes;
    double place = figure_redis_place_bytes + figure_redis_address_bytes;
    size->maxconn = ceil(size->connections * figure_room);
    /* Two files for each connection, a tenth more for services among themselves (fairgate-edge). */
    size->edge_files = ceil(2 * (size->maxconn * 1.1 + 500));
    size->front_files = ceil(size->streams * figure_room + 1000);
    size->redis_bytes = fmax(256e6, ask->visitors / size->shards * place * figure_room * 2);
    size->seats_bytes = fmax(1e9, ask->seats * figure_seat_memory_bytes * figure_room * 2);
    size->edge_gb = fmax(least, ceil(size->connections * connection / gb));
    size->front_gb = fmax(least, ceil(size->streams * stream / gb));
    size->redis_gb = fmax(least, ceil(size->redis_bytes * 2 / gb));
    size->seats_gb = fmax(2 * least, ceil(size->seats_bytes * 2 / gb));
    size->pay_gb = least;
    size->postgres_gb = 4 * least;
    size->redis_disk_gb = SIZE_DISK_GB + ceil(size->redis_bytes * 3 / 1e9);
    size->postgres_disk_gb = SIZE_DISK_GB + SIZE_WAL_GB +
                             ceil(orders * figure_order_database_bytes * figure_room * 2 / 1e9);
}

static double shards_for(const struct size_ask *ask, double fronts, double placed_s, bool *enough)
{
    int shards = 0;
    do {
        shards++;
        double each = figure_redis_join_us * (shards > 1 ? figure_redis_shard_ratio : 1);
        double room_us = shards * shard_us(ask, fronts, shards);
        *enough = ask->visitors * each * figure_room / room_us <= placed_s;
    } while (!*enough && shards < SIZE_SHARDS_MAX);
    return shards;
}

void size_of(const struct size_ask *ask, struct size *out)
{
    double placed_s = fmax(ask->placed_s, ask->within_s);
    double polls = polls_per_s(ask->visitors, ask->rate_per_s);
    double orders_per_s = ask->rate_per_s * figure_orders_a_call;
    double orders =
        fmin(ask->seats / figure_people_seats_each, ask->visitors * figure_orders_a_call);
    const struct size_door any = {INFINITY, INFINITY};
    struct size_door opening = door_for(ask, polls, placed_s, any);
    struct size_door after = door_for(ask, polls, INFINITY, opening);
    double visit_s = figure_people_think_s + figure_people_fill_s + figure_psp_latency_s;
    bool enough;
    *out = (struct size){
        .opening = opening,
        .after = after,
        .pays = at_least_one(orders_per_s * figure_order_us * figure_room /
                             (figure_machine_busy * second_us * ask->pay_cores)),
        .max_active = ceil(ask->rate_per_s * visit_s * figure_room),
        .connections = ceil(ask->visitors / after.edges),
        .streams = ceil(ask->visitors * figure_people_streams / after.fronts),
        .psp_per_s = ceil(orders_per_s * figure_psp_calls_per_order *
                          (1 + figure_people_card_fails) * figure_room),
        .users_per_s =
            ceil(orders_per_s * figure_people_login * figure_room / figure_logins_of_queries),
        .handshakes_per_s = ask->cdn ? 0 : ask->visitors / placed_s,
        .polls_per_s = polls,
        .bytes_per_s = ask->visitors * opening_of_one(ask).bytes / placed_s,
        .sold_s = orders / orders_per_s,
        .shop_s = fmax(orders / orders_per_s, orders / figure_shop_orders_per_s),
    };
    out->shards = shards_for(ask, out->opening.fronts, placed_s, &enough);
    out->short_of_shards = !enough;
    fill_bounds(ask, orders, out);
}

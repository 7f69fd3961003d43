/* scale-sim_main.c: what an on-sale of a given size needs, and where it breaks first.
 *
 *   scale-sim [FILE] [VISITORS...]
 *
 * FILE sets the sale, the machines, what things cost (see --help); without it the defaults are
 * those that were measured. Each number of visitors is reckoned by sums and simulated; the two
 * stand side by side. */
#include "needed.h"

#include "base/span.h"
#include "config/config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

struct scale {
    struct sale_ask ask;
    uint64_t placed_within_ms;
    uint64_t machine_hour_cents, gigabyte_cents;
};

#define AT(member) offsetof(struct scale, member)
#define COST(key_, member, fallback_, help_)                                                       \
    {                                                                                              \
        .section = "costs", .key = key_, .kind = CONFIG_U64, .offset = AT(ask.costs.member),       \
        .fallback = fallback_, .min = 1, .max = 1000000000, .help = help_                          \
    }

static const struct config_setting settings[] = {
    {"sale", "within", CONFIG_DURATION, AT(ask.within_ms), "1s", 100, 86400000, NULL,
     "the time in which all of them come"},
    {"sale", "placed_within", CONFIG_DURATION, AT(placed_within_ms), "60s", 1000, 86400000, NULL,
     "the time in which everybody should have a place"},
    {"sale", "rate_per_s", CONFIG_U64, AT(ask.rate_per_s), "50", 1, 1000000, NULL,
     "people called a second"},
    {"sale", "seats", CONFIG_U64, AT(ask.seats), "50000", 1, 10000000, NULL, "to be sold"},
    {"sale", "seats_percent", CONFIG_U64, AT(ask.seats_percent), "120", 1, 10000, NULL,
     "seats that a hundred who are called take in all"},
    {"sale", "reconnect_percent", CONFIG_U64, AT(ask.reconnect_percent), "0", 0, 100, NULL,
     "of polls that need a new connection; 0: the edge keeps them all"},
    {"machines", "edges", CONFIG_U64, AT(ask.machines.edges), "0", 0, NEEDED_MACHINES_MAX, NULL,
     "how many; 0, for both kinds or none: as many as are needed"},
    {"machines", "fronts", CONFIG_U64, AT(ask.machines.fronts), "0", 0, NEEDED_MACHINES_MAX, NULL,
     "how many"},
    {"machines", "edge_cores", CONFIG_U64, AT(ask.machines.edge_cores), "16", 1, 1024, NULL,
     "of one edge"},
    {"machines", "front_cores", CONFIG_U64, AT(ask.machines.front_cores), "2", 1, 1024, NULL,
     "of one front, a loop each"},
    {"machines", "busy_percent", CONFIG_U64, AT(ask.machines.busy_percent), "70", 1, 100, NULL,
     "of a processor that may be used"},
    COST("handshake_ns", handshake_ns, "360000", "edge: a new TLS connection"),
    COST("edge_ns", edge_ns, "12300", "edge: a request passed on"),
    COST("page_ns", page_ns, "8800", "front: the waiting page"),
    COST("join_ns", join_ns, "6900", "front: a join"),
    COST("shed_ns", shed_ns, "5000", "front: a join told to come back"),
    COST("poll_ns", poll_ns, "9300", "front: a poll"),
    COST("pass_ns", pass_ns, "60000", "front: a pass with its signature"),
    COST("redis_join_ns", redis_join_ns, "4800", "Redis: a join, one of many in a call"),
    COST("redis_tick_ns", redis_tick_ns, "245000", "Redis: a tick of one loop"),
    COST("redis_pass_ns", redis_pass_ns, "50000", "Redis: a pass"),
    COST("page_bytes", page_bytes, "13000", "the waiting page, with headers"),
    COST("join_bytes", join_bytes, "1100", "the answer to a join"),
    COST("poll_bytes", poll_bytes, "700", "the answer to a poll"),
    COST("handshake_bytes", handshake_bytes, "2500", "TLS to the visitor"),
    {"money", "machine_hour_cents", CONFIG_U64, AT(machine_hour_cents), "40", 0, 1000000, NULL,
     "a machine for an hour; your price here"},
    {"money", "gigabyte_cents", CONFIG_U64, AT(gigabyte_cents), "8", 0, 1000000, NULL,
     "a gigabyte to the visitors; your price here"},
};

static int usage(void)
{
    static char memory[CONFIG_HELP_BYTES];
    struct text text = text_on(memory, sizeof(memory));
    static struct scale scale;
    const struct config_part part = {settings, sizeof(settings) / sizeof(settings[0]), &scale};
    config_help(&text, &part, 1);
    printf("usage: scale-sim [FILE] [VISITORS...]\n\n%.*s", (int)text.len, text.ptr);
    return 0;
}

static void print_sale(const struct scale *scale, uint64_t visitors)
{
    struct sale_ask ask = scale->ask;
    ask.visitors = visitors;
    printf("\n%" PRIu64 " visitors within %.1f s, %" PRIu64 " seats, %" PRIu64 " called a second\n",
           visitors, (double)ask.within_ms / 1000, ask.seats, ask.rate_per_s);
    struct needed needed = {.machines = ask.machines};
    if (ask.machines.edges > 0) {
        sale_run(&ask, &needed.sale);
    } else if (!needed_for(&ask, (double)scale->placed_within_ms / 1000, &needed)) {
        printf("  no number of machines is enough\n");
        return;
    }
    ask.machines = needed.machines;
    const struct sale_result *sale = &needed.sale;
    struct needed_sums sums = needed_sums_of(&ask);
    const struct sale_machines *machines = &needed.machines;
    printf("  machines           %" PRIu64 " edges of %" PRIu64 " cores, %" PRIu64
           " fronts of %" PRIu64 ", 1 Redis and its replica\n",
           machines->edges, machines->edge_cores, machines->fronts, machines->front_cores);
    if (sale->placed_s > 0)
        printf("  everybody placed   after %.1f s", sale->placed_s);
    else
        printf("  placed             %.0f in %.0f s, the others never", sale->placed,
               sale->ended_s);
    printf(" (by sums: %.1f s); the narrowest: %s\n", sums.placed_s,
           sale_part_name(sale->narrowest));
    printf("  sold out           after %.0f s (by sums: %.0f s)\n", sale->sold_out_s,
           sums.sold_out_s);
    printf(
        "  joins              %.0f a second at most; %.0f times told to come back; %.0f stood at "
        "the door\n",
        sale->joins_per_s_peak, sale->told_later, sale->door_peak);
    printf("  polls              %.0f a second at most (by sums: %.0f); %.0f million in all\n",
           sale->polls_per_s_peak, sums.polls_per_s, sale->polls / 1e6);
    printf("  to the visitors    %.0f MB/s at most; %.0f GB in all\n", sale->bytes_per_s_peak / 1e6,
           sale->bytes / 1e9);
    printf("  busiest second     edge %.0f %%, fronts %.0f %%, Redis %.0f %%\n",
           100 * sale->busy[SALE_EDGE], 100 * sale->busy[SALE_FRONT], 100 * sale->busy[SALE_REDIS]);
    printf("  Redis              %.0f joins, %.1f million script calls in all\n", sale->placed,
           sale->redis_script_calls / 1e6);
    double hours = sale->ended_s / 3600 + 1; /* one to get ready */
    double machine_hours = hours * (double)(machines->edges + machines->fronts + 2);
    double cents = machine_hours * (double)scale->machine_hour_cents +
                   sale->bytes / 1e9 * (double)scale->gigabyte_cents;
    printf("  money              %.2f at %" PRIu64 " cents a machine and hour, %" PRIu64
           " a gigabyte\n",
           cents / 100, scale->machine_hour_cents, scale->gigabyte_cents);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--help") == 0)
        return usage();
    static struct scale scale;
    const struct config_part part = {settings, sizeof(settings) / sizeof(settings[0]), &scale};
    uint64_t visitors;
    bool has_file = argc > 1 && !span_u64(span_of(argv[1]), UINT64_MAX, &visitors);
    struct err_slot err;
    err.text[0] = 0;
    if (config_load(has_file ? argv[1] : NULL, environ, &part, 1, &err) != 0) {
        fprintf(stderr, "scale-sim: %s\n", err.text);
        return 2;
    }
    if ((scale.ask.machines.edges == 0) != (scale.ask.machines.fronts == 0)) {
        fputs("scale-sim: [machines] edges and fronts are both given or both 0\n", stderr);
        return 2;
    }
    int first = has_file ? 2 : 1;
    for (int i = first; i < argc; i++) {
        if (!span_u64(span_of(argv[i]), 100000000, &visitors) || visitors == 0) {
            fprintf(stderr, "scale-sim: %s: a number of visitors is from 1 to 100000000\n",
                    argv[i]);
            return 2;
        }
        print_sale(&scale, visitors);
    }
    static const uint64_t usual[] = {100000, 1000000, 10000000};
    for (size_t i = 0; first == argc && i < sizeof(usual) / sizeof(usual[0]); i++)
        print_sale(&scale, usual[i]);
    return 0;
}

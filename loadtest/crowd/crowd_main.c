/* crowd_main.c: reads a scenario, starts the processes that run it, prints progress and a summary.
 *
 *   crowd SCENARIO [--i-own-this-host] [--quiet] [--print]
 *
 * Prints a line per second of the run. --print only prints the effective settings, as JSON.
 *
 * Every setting can be overridden by the environment: FAIRGATE_CROWD_VISITORS=500. SIGTERM and
 * SIGINT end the run at once, with the figures so far. */
#include "run.h"
#include "system/system.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t sum(const struct run_shared *shared, uint64_t parts, size_t offset)
{
    uint64_t total = 0;
    for (uint64_t i = 0; i < parts; i++)
        total += atomic_load_explicit(
            (_Atomic uint64_t *)(void *)((char *)(uintptr_t)&shared->stats[i] + offset),
            memory_order_relaxed);
    return total;
}

static volatile sig_atomic_t ended;

static void on_signal(int number)
{
    ended = number;
}

#define SUM(member) sum(shared, scenario->processes, offsetof(struct crowd_stats, member))

static struct histogram_view took(const struct run_shared *shared, uint64_t parts, size_t offset)
{
    static struct histogram_view view;
    memset(&view, 0, sizeof(view));
    for (uint64_t i = 0; i < parts; i++)
        histogram_add_to(
            (const struct histogram *)(const void *)((const char *)&shared->stats[i] + offset),
            &view);
    return view;
}

/* ---- while it runs ---- */

static void show(const struct scenario *scenario, const struct run_shared *shared, double seconds)
{
    uint64_t inside = 0;
    for (unsigned phase = PHASE_REPASS; phase < PHASE_LEAVE; phase++)
        inside += SUM(in[phase]);
    printf("%7.1f s  arrived %lu  joining %lu  waiting %lu  streams %lu  inside %lu  held %lu  "
           "sold %lu  done %lu  failed %lu\n",
           seconds, SUM(arrived), SUM(in[PHASE_PAGE]) + SUM(in[PHASE_JOIN]) + SUM(in[PHASE_SOLVE]),
           SUM(in[PHASE_WAIT]) + SUM(in[PHASE_LISTEN]) + SUM(in[PHASE_PASS]), SUM(streams), inside,
           SUM(seats_held), SUM(seats_sold), SUM(ended[END_DONE]), SUM(ended[END_FAILED]));
    fflush(stdout);
}

/* ---- afterwards ---- */

static void report_latency(const char *name, const struct histogram_view *view, struct text *json)
{
    json_member_open(json, name, '{');
    json_member_u64(json, "count", view->count);
    json_member_u64(json, "p50", histogram_quantile(view, 0.5));
    json_member_u64(json, "p90", histogram_quantile(view, 0.9));
    json_member_u64(json, "p99", histogram_quantile(view, 0.99));
    json_member_u64(json, "p999", histogram_quantile(view, 0.999));
    json_member_u64(json, "max", view->max);
    json_close(json, '}');
}

static void report_latencies(const struct scenario *scenario, const struct run_shared *shared,
                             struct text *json)
{
    json_member_open(json, "took_us", '{');
    for (unsigned phase = PHASE_PAGE; phase < PHASES; phase++) {
        struct histogram_view view =
            took(shared, scenario->processes,
                 offsetof(struct crowd_stats, took) + phase * sizeof(struct histogram));
        if (view.count > 0)
            report_latency(visitor_phase_name((enum phase)phase), &view, json);
    }
    const struct {
        const char *name;
        size_t offset;
    } others[] = {
        {"paid to ticket", offsetof(struct crowd_stats, ticketed)},
        {"tickets to visit's end", offsetof(struct crowd_stats, over)},
        {"said to told", offsetof(struct crowd_stats, noticed)},
        {"promised p50 to call", offsetof(struct crowd_stats, eta_error)},
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct histogram_view view = took(shared, scenario->processes, others[i].offset);
        if (view.count > 0)
            report_latency(others[i].name, &view, json);
    }
    json_close(json, '}');
}

/* Prints how fast all visitors got a place, and how accurate the promised waits were. */
static void report_waits(const struct scenario *scenario, const struct run_shared *shared,
                         struct text *json)
{
    uint64_t start_us = atomic_load(&shared->start_us), joined_us = start_us;
    for (uint64_t i = 0; i < scenario->processes; i++)
        if (atomic_load(&shared->stats[i].joined_us) > joined_us)
            joined_us = atomic_load(&shared->stats[i].joined_us);
    json_member_u64(json, "placed", SUM(placed));
    json_member_u64(json, "joined_milli", (joined_us - start_us) / 1000);
    json_member_u64(json, "waits", SUM(waits));
    json_member_u64(json, "within_p50", SUM(within_p50));
    json_member_u64(json, "within_p90", SUM(within_p90));
    struct rusage own = {0};
    getrusage(RUSAGE_CHILDREN, &own);
    json_member_u64(json, "cpu_milli",
                    (uint64_t)(own.ru_utime.tv_sec + own.ru_stime.tv_sec) * 1000 +
                        (uint64_t)(own.ru_utime.tv_usec + own.ru_stime.tv_usec) / 1000);
}

static void report(const struct scenario *scenario, const struct run_shared *shared, double seconds,
                   struct text *json)
{
    json_open(json, '{');
    json_member_u64(json, "seed", scenario->seed);
    json_member_u64(json, "visitors", scenario->visitors);
    json_member_u64(json, "seconds_milli", (uint64_t)(seconds * 1000));
    json_member_open(json, "ended", '{');
    for (unsigned how = 0; how < ENDS; how++)
        json_member_u64(json, record_end_names[how], SUM(ended[how]));
    json_close(json, '}');
    json_member_open(json, "tricks", '{');
    for (unsigned trick = 0; trick < TRICKS; trick++) {
        json_member_open(json, record_trick_names[trick], '{');
        json_member_u64(json, "met", SUM(tricks_met[trick]));
        json_member_u64(json, "worked", SUM(tricks_worked[trick]));
        json_close(json, '}');
    }
    json_close(json, '}');
    json_member_u64(json, "lost_answers", SUM(answers[0]));
    json_member_open(json, "answers", '{');
    for (unsigned status = 100; status < 600; status++) {
        char name[8];
        snprintf(name, sizeof(name), "%u", status);
        if (SUM(answers[status]) > 0)
            json_member_u64(json, name, SUM(answers[status]));
    }
    json_close(json, '}');
    report_waits(scenario, shared, json);
    json_member_u64(json, "seat_conflicts", SUM(conflicts));
    json_member_u64(json, "seats_held", SUM(seats_held));
    json_member_u64(json, "seats_sold", SUM(seats_sold));
    json_member_u64(json, "visits_unended", SUM(unended));
    json_member_u64(json, "streams_lost", SUM(streams_lost));
    json_member_u64(json, "events", SUM(events));
    report_latencies(scenario, shared, json);
    json_close(json, '}');
}

static int report_write(const struct scenario *scenario, const struct run_shared *shared,
                        double seconds)
{
    static char memory[65536];
    struct text json = text_on(memory, sizeof(memory));
    report(scenario, shared, seconds, &json);
    printf("%.*s\n", (int)json.len, json.ptr);
    if (scenario->report[0] == '\0')
        return 0;
    FILE *file = fopen(scenario->report, "w");
    if (file == NULL || fwrite(json.ptr, 1, json.len, file) != json.len || fclose(file) != 0) {
        fprintf(stderr, "crowd: %s: %s\n", scenario->report, strerror(errno));
        return 1;
    }
    return 0;
}

static double seconds_since(uint64_t start_us)
{
    return ((double)system_mono_us() - (double)start_us) / 1e6;
}

/* Starts the children together, shows their progress, and waits for their end. */
static int watch(const struct scenario *scenario, struct run_shared *shared, bool quiet)
{
    uint64_t started_us = system_mono_us();
    uint64_t shown_us = started_us;
    uint64_t running = scenario->processes;
    int status = 0;
    while (running > 0) {
        if (ended != 0)
            atomic_store(&shared->stopped, 1);
        if (atomic_load(&shared->start_us) == 0 &&
            atomic_load(&shared->ready) == scenario->processes) {
            started_us = system_mono_us() + 50000;
            atomic_store(&shared->start_us, started_us);
        }
        int child_status;
        pid_t pid = waitpid(-1, &child_status, WNOHANG);
        if (pid < 0) { /* fewer than needed could be started */
            status = 1;
            break;
        }
        if (pid > 0) {
            running--;
            bool bad = !WIFEXITED(child_status) || WEXITSTATUS(child_status) != 0;
            if (bad)
                atomic_fetch_add(&shared->failed, 1); /* the others end too */
            status = status != 0 || bad;
            continue;
        }
        if (!quiet && system_mono_us() - shown_us >= 1000000) {
            shown_us = system_mono_us();
            show(scenario, shared, seconds_since(started_us));
        }
        system_sleep_us(5000);
    }
    return report_write(scenario, shared, seconds_since(started_us)) != 0 || status;
}

static void usage(struct scenario *scenario)
{
    static char memory[CONFIG_HELP_BYTES];
    struct text text = text_on(memory, sizeof(memory));
    struct config_part part = {scenario_settings, scenario_settings_len, scenario};
    config_help(&text, &part, 1);
    printf("usage: crowd SCENARIO [--i-own-this-host] [--quiet] [--print]\n\n%.*s\n", (int)text.len,
           text.ptr);
}

static int print(const struct scenario *scenario)
{
    static char memory[65536];
    struct text text = text_on(memory, sizeof(memory));
    scenario_print(scenario, &text);
    printf("%.*s\n", (int)text.len, text.ptr);
    return text.overflown;
}

int main(int argc, char **argv)
{
    static struct scenario scenario;
    const char *path = NULL;
    bool foreign = false, quiet = false, printed = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--i-own-this-host") == 0) {
            foreign = true;
        } else if (strcmp(argv[i], "--quiet") == 0) {
            quiet = true;
        } else if (strcmp(argv[i], "--print") == 0) {
            printed = true;
        } else if (strcmp(argv[i], "--help") == 0) {
            usage(&scenario);
            return 0;
        } else if (argv[i][0] == '-' || path != NULL) {
            fprintf(stderr, "crowd: what is %s? (--help)\n", argv[i]);
            return 2;
        } else {
            path = argv[i];
        }
    }
    struct err_slot err;
    if (path == NULL || scenario_load(path, environ, foreign, &err, &scenario) < 0) {
        fprintf(stderr, "crowd: %s\n", path == NULL ? "which scenario? (--help)" : err.text);
        return 2;
    }
    if (printed)
        return print(&scenario);
    if (scenario.seed == 0)
        scenario.seed = system_mono_us();
    printf("seed %lu\n", scenario.seed);
    fflush(stdout);
    size_t shared_len = sizeof(struct run_shared) + scenario.processes * sizeof(struct crowd_stats);
    struct run_shared *shared =
        mmap(NULL, shared_len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        fprintf(stderr, "crowd: shared memory: %s\n", strerror(errno));
        return 1;
    }
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    for (uint32_t part = 0; part < scenario.processes; part++) {
        pid_t pid = fork();
        if (pid < 0)
            atomic_fetch_add(&shared->failed, 1);
        if (pid != 0)
            continue;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(run_part(&scenario, part, shared));
    }
    return watch(&scenario, shared, quiet);
}

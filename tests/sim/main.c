/* main.c: runs seeds. Each runs twice, at the same time, in two processes.
 *
 *     world [--seeds N] [--from SEED] [--fresh N] [--line | --whole] [--before]
 *           [--story | --find | --here] [--shrink S] [--history DIR]
 *
 *     --line       simulates the line instead of the seats
 *     --whole      simulates both: buyers come through the line
 *     --before     runs fronts of the previous version next to this one's, from ../lib/before.so
 *     --fresh N    also runs N new seeds, chosen by the time of day
 *     --story      prints all that happens
 *     --find       runs each seed once, up to the first failure: for planted bugs
 *     --here       runs one seed in this process: for a debugger
 *     --shrink S   shrinks a failing seed for S seconds (60; 0: never)
 *     --history    writes the answers to callers to DIR/SEED.jsonl, for tests/history/check.js
 *
 * A failing seed is run again with fewer faults and fewer buyers, as long as the same invariant
 * breaks and time is left; the smallest failing run is printed. The two runs of a seed must have
 * the same history; otherwise a run depends on more than its seed.
 *
 * One more run contains a false answer, the canary, and must fail. Its history is DIR/canary.
 *
 * Prints how many seeds passed, how often each fault occurred, and what a CPU hour simulates. Ends
 * with "N passed, N failed". */
#include "world.h"

#include "queue/queue.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { OUTPUT_MAX = 1 << 20, CPU_S_MAX = 180, SHRINK_S = 60, PATH_BYTES = 512 };

/* The result of one run. */
struct run {
    bool passed;
    struct world_end end;
    char broken[8]; /* "I2", "assert", or "hang" */
    char *output;   /* its output */
    pid_t child;    /* its process while it runs, */
    int words;      /* the pipe with its output, */
    int result;     /* and the pipe with its result */
};

static struct {
    uint64_t seeds, from, fresh, shrink_s;
    bool line, whole, before, story, find, here;
    const char *history; /* a folder; NULL: no histories */
} asked = {.seeds = 20, .from = 1, .shrink_s = SHRINK_S};

static void draw(uint64_t seed, struct world_conf *conf)
{
    world_draw(seed, asked.line, conf);
    conf->whole = asked.whole;
}

static void read_all(int fd, char *out, size_t cap)
{
    size_t len = 0;
    ssize_t got;
    char over[4096];
    while ((got = len + 1 < cap ? read(fd, out + len, cap - 1 - len)
                                : read(fd, over, sizeof(over))) > 0)
        len += len + 1 < cap ? (size_t)got : 0;
    out[len] = '\0';
}

static _Noreturn void be_world(const struct world_conf *conf, int words, int result)
{
    struct world_end end = {0};
    dup2(words, STDOUT_FILENO);
    dup2(words, STDERR_FILENO);
    /* A world that hangs is a failure, too. */
    setitimer(ITIMER_PROF, &(struct itimerval){.it_value.tv_sec = CPU_S_MAX}, NULL);
    world_run(conf, &end);
    fflush(stdout);
    ssize_t sent = write(result, &end, sizeof(end));
    _exit(sent == sizeof(end) ? 0 : 1);
}

static void judge_end(struct run *run, int status)
{
    run->passed = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    const char *line = strstr(run->output, "BROKEN ");
    if (line != NULL)
        sscanf(line, "BROKEN %7s", run->broken);
    else if (!run->passed)
        snprintf(run->broken, sizeof(run->broken),
                 WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF ? "hang" : "assert");
}

static void begin(const struct world_conf *conf, struct run *run)
{
    int words[2], result[2];
    *run = (struct run){.output = malloc(OUTPUT_MAX)};
    assert(run->output != NULL);
    int rc = pipe(words) < 0 ? -1 : pipe(result);
    assert(rc == 0);
    fflush(stdout);
    run->child = fork();
    assert(run->child >= 0);
    if (run->child == 0)
        be_world(conf, words[1], result[1]);
    close(words[1]);
    close(result[1]);
    run->words = words[0];
    run->result = result[0];
}

static void await_end(struct run *run)
{
    int status;
    read_all(run->words, run->output, OUTPUT_MAX);
    ssize_t got = read(run->result, &run->end, sizeof(run->end));
    (void)got;
    close(run->words);
    close(run->result);
    waitpid(run->child, &status, 0);
    judge_end(run, status);
}

static void run_once(const struct world_conf *conf, struct run *run)
{
    begin(conf, run);
    await_end(run);
}

/* ---- a seed that fails ---- */

static double wall_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A hanging world takes a while per attempt, so attempts stop at until_s. */
static bool still_fails(const struct world_conf *conf, const char *broken, double until_s)
{
    struct run run;
    if (wall_s() >= until_s)
        return false;
    run_once(conf, &run);
    bool same = !run.passed && strcmp(run.broken, broken) == 0;
    free(run.output);
    return same;
}

static void shrink(struct world_conf *conf, const char *broken)
{
    double until_s = wall_s() + (double)asked.shrink_s;
    for (unsigned i = 0; i < FAULT_COUNT; i++) {
        struct world_conf less = *conf;
        less.mix.per_million[i] = 0;
        if (conf->mix.per_million[i] > 0 && still_fails(&less, broken, until_s))
            *conf = less;
    }
    for (uint32_t cut = conf->buyers / 2; cut > 0; cut /= 2) {
        struct world_conf less = *conf;
        less.buyers = less.buyers > cut ? less.buyers - cut : 0;
        while (less.buyers > 0 && still_fails(&less, broken, until_s)) {
            *conf = less;
            less.buyers = less.buyers > cut ? less.buyers - cut : 0;
        }
    }
    if (wall_s() >= until_s)
        printf("not made any smaller: %" PRIu64 " s are over\n", asked.shrink_s);
}

static void tell_failure(const struct world_conf *drawn, const char *broken)
{
    struct world_conf conf = *drawn;
    struct run run;
    shrink(&conf, broken);
    run_once(&conf, &run);
    printf("\n%s\n", run.output);
    printf("seed %" PRIu64 ": %s is broken; left of %u buyers %u, and of the faults:\n", conf.seed,
           broken, drawn->buyers, conf.buyers);
    for (unsigned i = 0; i < FAULT_COUNT; i++)
        if (conf.mix.per_million[i] > 0)
            printf("    %-16s %s\n", fault_name((enum fault)i), fault_says((enum fault)i));
    printf("again: tests/sim/world%s%s --from %" PRIu64 " --seeds 1 --story\n",
           asked.whole  ? " --whole"
           : asked.line ? " --line"
                        : "",
           asked.before ? " --before" : "", conf.seed);
    free(run.output);
}

/* ---- all seeds ---- */

static struct {
    uint64_t passed, failed, orders, completed, events, us, faults[FAULT_COUNT],
        probes[PROBE_COUNT];
} sum;

static void add_up(const struct world_end *end)
{
    sum.orders += end->orders;
    sum.completed += end->completed;
    sum.events += end->events;
    sum.us += end->us;
    for (unsigned i = 0; i < FAULT_COUNT; i++)
        sum.faults[i] += end->faults[i];
    for (unsigned i = 0; i < PROBE_COUNT; i++)
        sum.probes[i] += end->probes[i];
}

static const char *history_of(const char *name, char path[PATH_BYTES])
{
    snprintf(path, PATH_BYTES, "%s/%s", asked.history != NULL ? asked.history : "", name);
    return asked.history != NULL ? path : NULL;
}

/* Returns false if the seed failed, and prints the reason. */
static bool judge_seed(uint64_t seed)
{
    struct world_conf conf;
    struct run run, again;
    char path[PATH_BYTES], name[32];
    draw(seed, &conf);
    conf.tells = asked.story;
    snprintf(name, sizeof(name), "%" PRIu64 ".jsonl", seed);
    conf.history = history_of(name, path);
    begin(&conf, &run);
    conf.history = NULL; /* must not affect the run */
    begin(&conf, &again);
    await_end(&run);
    await_end(&again);
    if (asked.story)
        fputs(run.output, stdout);
    bool agrees = run.passed == again.passed && run.end.hash == again.end.hash;
    if (run.passed)
        add_up(&run.end);
    if (!agrees)
        printf("seed %" PRIu64 " has two histories: %016" PRIx64 " and %016" PRIx64 "\n", seed,
               run.end.hash, again.end.hash);
    else if (!run.passed)
        tell_failure(&conf, run.broken);
    free(run.output);
    free(again.output);
    return run.passed && agrees;
}

static double cpu_s(void)
{
    struct rusage used;
    getrusage(RUSAGE_CHILDREN, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static bool is_of_world(enum probe probe)
{
    bool of_gate = probe >= PROBE_PASS_RUN_OUT && probe <= PROBE_PASS_FOREIGN;
    return asked.whole || (!of_gate && (probe >= PROBE_LINE_LOST) == asked.line);
}

static void tell_sums(void)
{
    double cpu = cpu_s();
    printf("faults:");
    for (unsigned i = 0; i < FAULT_COUNT; i++)
        printf(" %s %" PRIu64, fault_name((enum fault)i), sum.faults[i]);
    for (unsigned i = 0; i < PROBE_COUNT; i++)
        if (sum.probes[i] == 0 && is_of_world((enum probe)i))
            printf("\nnever reached: %s", probe_says((enum probe)i));
    printf(asked.line ? "\n%" PRIu64 " places, %" PRIu64 " of them entered"
                      : "\n%" PRIu64 " orders, %" PRIu64 " of them sold",
           sum.orders, sum.completed);
    printf("; %.1f hours of the world, %.1f million "
           "events, in %.0f s of CPU, %.1f s a seed\n",
           (double)sum.us / 3.6e9, (double)sum.events / 1e6, cpu,
           cpu / ((double)(sum.passed + sum.failed) + 1e-9));
    /* Each seed was run twice. */
    printf(asked.line ? "%.0f entries and %.0f hours of the world per CPU hour\n"
                      : "%.0f sales and %.0f hours of the world per CPU hour\n",
           cpu > 0 ? 2 * (double)sum.completed / cpu * 3600 : 0,
           cpu > 0 ? 2 * (double)sum.us / 1e6 / cpu : 0);
}

static bool read_options(int argc, char **argv)
{
    static const struct {
        const char *name;
        uint64_t *number; /* the next word; */
        bool *flag;       /* or no other word; */
        const char **text;
    } options[] = {
        {"--seeds", .number = &asked.seeds},   {"--from", .number = &asked.from},
        {"--fresh", .number = &asked.fresh},   {"--shrink", .number = &asked.shrink_s},
        {"--line", .flag = &asked.line},       {"--whole", .flag = &asked.whole},
        {"--before", .flag = &asked.before},   {"--story", .flag = &asked.story},
        {"--find", .flag = &asked.find},       {"--here", .flag = &asked.here},
        {"--history", .text = &asked.history},
    };
    const size_t len = sizeof(options) / sizeof(options[0]);
    for (int i = 1; i < argc; i++) {
        size_t at = 0;
        while (at < len && strcmp(argv[i], options[at].name) != 0)
            at++;
        if (at == len || (options[at].flag == NULL && ++i == argc))
            return false;
        if (options[at].flag != NULL)
            *options[at].flag = true;
        else if (options[at].number != NULL)
            *options[at].number = strtoull(argv[i], NULL, 10);
        else
            *options[at].text = argv[i];
    }
    return true;
}

/* For a debugger: one run, in this process. */
static int be_here(void)
{
    struct world_conf conf;
    struct world_end end = {0};
    draw(asked.from, &conf);
    conf.tells = true;
    world_run(&conf, &end);
    return 0;
}

/* Runs each seed once and prints how many the first failure took. */
static int find(void)
{
    for (uint64_t i = 0; i < asked.seeds; i++) {
        struct world_conf conf;
        struct run run;
        draw(asked.from + i, &conf);
        run_once(&conf, &run);
        const char *words = strstr(run.output, "BROKEN ");
        if (!run.passed) {
            printf("%" PRIu64 " seeds: %s", i + 1, words != NULL ? words + 7 : run.broken);
            printf(words != NULL ? "" : "\n");
            free(run.output);
            return 0;
        }
        free(run.output);
    }
    printf("not found in %" PRIu64 " seeds\n", asked.seeds);
    return 1;
}

/* A world with a lie in it has to fail; otherwise the checks do not work. */
static bool canary_is_found(uint64_t from)
{
    enum { WORLDS_MAX = 10 }; /* some worlds sell nothing */
    bool found = false;
    for (uint64_t i = 0; i < WORLDS_MAX && !found; i++) {
        struct world_conf conf;
        struct run run;
        char path[PATH_BYTES];
        draw(from + i, &conf);
        conf.canary = true;
        conf.history =
            asked.line ? NULL : history_of("canary", path); /* it shows no lie of a line */
        run_once(&conf, &run);
        found = !run.passed && strcmp(run.broken, asked.line ? "I6" : "I2") == 0;
        free(run.output);
    }
    printf(found ? "the canary was found\n" : "the canary was NOT found\n");
    return found;
}

static void judge_seeds(uint64_t from, uint64_t seeds)
{
    for (uint64_t i = 0; i < seeds && sum.failed == 0; i++) {
        if (judge_seed(from + i))
            sum.passed += 1;
        else
            sum.failed += 1;
    }
}

static bool load_before(const char *program)
{
    char path[PATH_BYTES];
    const char *end = strrchr(program, '/');
    int folder = end != NULL ? (int)(end - program) : 0;
    snprintf(path, sizeof(path), "%.*s/../lib/before.so", folder, program);
    return queue_load_before(path);
}

int main(int argc, char **argv)
{
    if (!read_options(argc, argv) || sodium_init() < 0) {
        fputs("usage: world [--seeds N] [--from SEED] [--fresh N] [--line | --whole] "
              "[--before] [--story | --find | --here] [--shrink S] [--history DIR]\n",
              stderr);
        return 2;
    }
    if (asked.before && !load_before(argv[0]))
        return 2;
    if (asked.here)
        return be_here();
    if (asked.find)
        return find();
    judge_seeds(asked.from, asked.seeds);
    if (asked.fresh > 0) {
        uint64_t from = (uint64_t)time(NULL) * 1000;
        printf("fresh seeds from %" PRIu64 "\n", from);
        judge_seeds(from, asked.fresh);
    }
    if (!canary_is_found(asked.from))
        sum.failed += 1;
    tell_sums();
    printf("%" PRIu64 " passed, %" PRIu64 " failed\n", sum.passed, sum.failed);
    return sum.failed > 0 ? 1 : 0;
}

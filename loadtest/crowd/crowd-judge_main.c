/* crowd-judge_main.c: judges the records of a run.
 *
 *   crowd-judge [--scenario FILE] [--rate R] [--burst B] [--active-max N] [--session-ttl S]
 *               [--seats-max N] [--gone-after S] [--json FILE] [--history FILE] RECORD...
 *
 * The scenario, with the environment that overrides it, says what the run must have achieved
 * ([expect]) and what the operator allowed ([stage]); options after it override that.
 *
 * --history writes the answers to visitors as tests/history/check.js reads them.
 *
 * Exit status 0: all answers to visitors can be true together, and enough visitors got through. 1:
 * not so, with the reasons. */
#include "judge/judge.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pile {
    struct record *records;
    size_t len;
};

static bool add_file(struct pile *pile, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        fprintf(stderr, "crowd-judge: %s: %s\n", path, strerror(errno));
        return false;
    }
    long size = ftell(file);
    rewind(file);
    size_t count = size > 0 ? (size_t)size / sizeof(struct record) : 0;
    struct record *grown = realloc(pile->records, (pile->len + count + 1) * sizeof(*pile->records));
    bool good = grown != NULL && (size_t)size % sizeof(struct record) == 0;
    if (grown != NULL)
        pile->records = grown;
    good = good && fread(pile->records + pile->len, sizeof(struct record), count, file) == count;
    fclose(file);
    if (!good) {
        fprintf(stderr, "crowd-judge: %s is no record, or was cut off\n", path);
        return false;
    }
    pile->len += count;
    return true;
}

static const char *name_of(unsigned manner)
{
    return manner < MANNERS ? manner_names[manner] : "plain";
}

static const struct {
    const char *name, *title;
    size_t offset;
} tallies[] = {
#define TALLY(NAME, TITLE) {#NAME, TITLE, offsetof(struct judge_tally, NAME)},
    JUDGE_TALLIES(TALLY)
#undef TALLY
};
enum { TALLIES = sizeof(tallies) / sizeof(tallies[0]) };

static const uint64_t *member(const struct judge_tally *tally, size_t offset)
{
    return (const uint64_t *)(const void *)((const char *)tally + offset);
}

static int print(const struct judge_verdict *verdict)
{
    printf("%lu visitors, %lu places, %lu passes, %lu orders, %lu with tickets for %lu seats, %lu "
           "paid\n",
           verdict->visitors, verdict->places, verdict->passes, verdict->orders, verdict->tickets,
           verdict->seats, verdict->paid);
    for (unsigned how = 0; how < ENDS; how++) {
        if (verdict->ended[how] > 0)
            printf("  %-12s %lu\n", record_end_names[how], verdict->ended[how]);
    }
    printf("  %-10s", "manner");
    for (size_t i = 0; i < TALLIES; i++)
        printf(" %8s", tallies[i].title);
    putchar('\n');
    for (unsigned manner = 0; manner <= MANNERS; manner++) {
        if (verdict->tally[manner].visitors == 0)
            continue;
        printf("  %-10s", name_of(manner));
        for (size_t i = 0; i < TALLIES; i++)
            printf(" %8" PRIu64, *member(&verdict->tally[manner], tallies[i].offset));
        putchar('\n');
    }
    printf("  surely inside at the same time: at most %lu\n", verdict->active_most);
    if (verdict->eta_judged > 0)
        printf("  waits promised when joining: %lu judged, p50 off by %.1f %% (median) and %.1f %% "
               "(p90); over by p50 %.1f %%, by p90 %.1f %%\n",
               verdict->eta_judged, (double)verdict->eta_off_p50_milli / 10.0,
               (double)verdict->eta_off_p90_milli / 10.0,
               100.0 * (double)verdict->eta_within_p50 / (double)verdict->eta_judged,
               100.0 * (double)verdict->eta_within_p90 / (double)verdict->eta_judged);
    printf("  answers: %lu, %lu lost; more people ahead than before: %lu times\n",
           verdict->answered, verdict->lost, verdict->ahead_rose);
    for (uint32_t i = 0; i < verdict->written; i++)
        printf("FOUND: %s: %s\n", judge_kind_names[verdict->finding[i].kind],
               verdict->finding[i].text);
    for (unsigned kind = 0; kind < FOUND_KINDS; kind++) {
        if (verdict->found[kind] > JUDGE_EXAMPLES_MAX)
            printf("... and %u more of %s\n", verdict->found[kind] - JUDGE_EXAMPLES_MAX,
                   judge_kind_names[kind]);
    }
    return verdict->findings > 0;
}

/* ---- the same for programs ---- */

static void put_tallies(const struct judge_verdict *verdict, struct text *json)
{
    json_key(json, "manners");
    json_open(json, '{');
    for (unsigned manner = 0; manner <= MANNERS; manner++) {
        const struct judge_tally *tally = &verdict->tally[manner];
        if (tally->visitors == 0)
            continue;
        json_key(json, name_of(manner));
        json_open(json, '{');
        for (size_t i = 0; i < TALLIES; i++)
            json_member_u64(json, tallies[i].name, *member(tally, tallies[i].offset));
        json_close(json, '}');
    }
    json_close(json, '}');
}

static void put_answers(const struct judge_verdict *verdict, struct text *json)
{
    json_key(json, "answers");
    json_open(json, '{');
    for (unsigned kind = 0; kind < RECORD_KINDS; kind++) {
        json_key(json, record_kind_names[kind]);
        json_open(json, '[');
        for (unsigned class = 0; class < 6; class ++)
            json_u64(json, verdict->answers[kind][class]);
        json_close(json, ']');
    }
    json_close(json, '}');
}

static int write_json(const struct judge_verdict *verdict, const char *path)
{
    static char memory[65536];
    struct text json = text_on(memory, sizeof(memory));
    json_open(&json, '{');
#define SUM(NAME) json_member_u64(&json, #NAME, verdict->NAME);
    JUDGE_SUMS(SUM)
#undef SUM
    put_tallies(verdict, &json);
    put_answers(verdict, &json);
    json_member_u64(&json, "findings", verdict->findings);
    json_key(&json, "kinds");
    json_open(&json, '{');
    for (unsigned kind = 0; kind < FOUND_KINDS; kind++) {
        if (verdict->found[kind] > 0)
            json_member_u64(&json, judge_kind_names[kind], verdict->found[kind]);
    }
    json_close(&json, '}');
    json_key(&json, "found");
    json_open(&json, '[');
    for (uint32_t i = 0; i < verdict->written; i++) {
        char text[256];
        int len = snprintf(text, sizeof(text), "%s: %s", judge_kind_names[verdict->finding[i].kind],
                           verdict->finding[i].text);
        json_str(&json, (struct span){text, (size_t)len});
    }
    json_close(&json, ']');
    json_close(&json, '}');
    FILE *file = fopen(path, "w");
    if (file == NULL || fwrite(json.ptr, 1, json.len, file) != json.len || fclose(file) != 0) {
        fprintf(stderr, "crowd-judge: %s: %s\n", path, strerror(errno));
        return 2;
    }
    return 0;
}

/* ---- arguments ---- */

struct option_ {
    const char *name;
    uint64_t *into;
    double times;
};

extern char **environ;

/* What the scenario says of the run that was. */
static bool take_scenario(const char *path, struct judge_conf *conf)
{
    static struct scenario scenario;
    struct err_slot err;
    if (scenario_load(path, environ, true, &err, &scenario) < 0) {
        fprintf(stderr, "crowd-judge: %s\n", err.text);
        return false;
    }
    conf->rate_known = true;
    conf->rate_milli = scenario.stage.rate_per_s * 1000;
    conf->burst = scenario.stage.burst;
    conf->active_max = scenario.stage.max_active;
    conf->session_ttl_ms = scenario.stage.session_ttl_ms;
    conf->expect = scenario.expect;
    return true;
}

static int usage(void)
{
    fprintf(stderr, "usage: crowd-judge [--scenario FILE] [--rate R] [--burst B] [--active-max N]\n"
                    "                   [--session-ttl S] [--seats-max N] [--gone-after S]\n"
                    "                   [--json FILE] [--history FILE] RECORD...\n");
    return 2;
}

int main(int argc, char **argv)
{
    struct judge_conf conf = {
        .session_ttl_ms = 300000,
        .expect = {.waiting_max = 100, .turned_max = 100, .ticket_within_ms = 60000},
    };
    const struct option_ options[] = {
        {"--rate", &conf.rate_milli, 1000},    {"--burst", &conf.burst, 1},
        {"--active-max", &conf.active_max, 1}, {"--session-ttl", &conf.session_ttl_ms, 1000},
        {"--seats-max", &conf.seats_max, 1},   {"--gone-after", &conf.gone_after_ms, 1000},
    };
    const char *json_path = NULL, *history_path = NULL;
    struct pile pile = {0};
    bool good = true;
    for (int i = 1; i < argc && good; i++) {
        size_t o = 0, count = sizeof(options) / sizeof(options[0]);
        while (o < count && strcmp(argv[i], options[o].name) != 0)
            o++;
        if (o < count && i + 1 < argc) {
            conf.rate_known |= options[o].into == &conf.rate_milli;
            *options[o].into = (uint64_t)(strtod(argv[++i], NULL) * options[o].times);
        } else if (strcmp(argv[i], "--scenario") == 0 && i + 1 < argc) {
            good = take_scenario(argv[++i], &conf);
        } else if (strcmp(argv[i], "--json") == 0 && i + 1 < argc) {
            json_path = argv[++i];
        } else if (strcmp(argv[i], "--history") == 0 && i + 1 < argc) {
            history_path = argv[++i];
        } else {
            good = argv[i][0] != '-' && add_file(&pile, argv[i]);
        }
    }
    if (!good || pile.len == 0) {
        free(pile.records);
        return usage();
    }
    static struct judge_verdict verdict;
    struct err_slot err;
    int rc = judge(pile.records, pile.len, &conf, &err, &verdict);
    if (rc == 0 && history_path != NULL)
        rc = judge_history(pile.records, pile.len, &conf, history_path, &err);
    if (rc < 0) {
        fprintf(stderr, "crowd-judge: %s\n", err.text);
        return 2;
    }
    free(pile.records);
    int status = print(&verdict);
    int wrote = json_path != NULL ? write_json(&verdict, json_path) : 0;
    return wrote != 0 ? wrote : status;
}

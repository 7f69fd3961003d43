/* scenario.c: the table of settings that a scenario file can have, and the rules between them.
 *
 * It uses the settings code of the services (common/config), with its defaults, bounds and error
 * messages. Rules between settings are checked after reading. The same file and seed give the same
 * visitors, at the same times, with the same wishes; the services' answers differ between runs. */
#include "scenario/scenario.h"

#include <arpa/inet.h>
#include <stdlib.h>

static const char *const arrivals_words[] = {"spike", "even", "poisson", NULL};
static const char *const journey_words[] = {"line", "pass", "hold", "back", "sold", "order", NULL};
static const char *const choice_words[] = {"best", "map", "mixed", NULL};
static const char *const begins_words[] = {"open", "paused", "pre-queue", "draw", NULL};

#define AT(member) offsetof(struct scenario, member)
#define PERCENT(key_, manner, help_)                                                               \
    {                                                                                              \
        .section = "people", .key = key_, .kind = CONFIG_U64,                                      \
        .offset = AT(share) + (manner) * sizeof(uint64_t), .fallback = "0", .max = 100,            \
        .help = "in a hundred " help_                                                              \
    }

#define EXPECT(key_, member, fallback_, max_, help_)                                               \
    {                                                                                              \
        .section = "expect", .key = key_, .kind = CONFIG_U64, .offset = AT(expect.member),         \
        .fallback = fallback_, .max = max_, .help = help_                                          \
    }

const struct config_setting scenario_settings[] = {
    {"crowd", "event", CONFIG_STRING, AT(event), "demo", 1, 64, NULL, "the event they come for"},
    {"crowd", "visitors", CONFIG_U64, AT(visitors), "1000", 1, CROWD_VISITORS_MAX, NULL,
     "how many come in all"},
    {"crowd", "within", CONFIG_DURATION, AT(within_ms), "1s", 0, 86400000, NULL,
     "from the first arrival to the last"},
    {"crowd", "arrivals", CONFIG_WORD, AT(arrivals), "spike", 0, 0, arrivals_words,
     "spike: half of them in the first tenth of the time"},
    {"crowd", "patience", CONFIG_DURATION, AT(patience_ms), "10m", 1000, 86400000, NULL,
     "the run ends after this long, even if people still wait"},
    {"crowd", "processes", CONFIG_U64, AT(processes), "1", 1, CROWD_PROCESSES_MAX, NULL,
     "that share the visitors"},
    {"crowd", "connections", CONFIG_U64, AT(connections), "256", 1, POOL_CONNECTIONS_MAX, NULL,
     "kept to each service by each process, as an edge would"},
    {"crowd", "seed", CONFIG_U64, AT(seed), "0", 0, UINT64_MAX, NULL,
     "of every choice made; 0: a new one, printed"},
    {"crowd", "record", CONFIG_STRING, AT(record), "", 0, 0, NULL,
     "write every answer to PATH.N, for the judge"},
    {"crowd", "report", CONFIG_STRING, AT(report), "", 0, 0, NULL,
     "write the figures to this file"},
    {"journey", "to", CONFIG_WORD, AT(journey), "order", 0, 0, journey_words,
     "how far a visitor goes"},
    {"journey", "page", CONFIG_BOOL, AT(page), "false", 0, 0, NULL, "begins with the waiting page"},
    {"journey", "choice", CONFIG_WORD, AT(choice), "mixed", 0, 0, choice_words,
     "how seats are chosen"},
    {"journey", "party_max", CONFIG_U64, AT(party_max), "4", 1, VISITOR_SEATS_MAX, NULL,
     "seats a visitor wants: 1 to this many"},
    {"journey", "code", CONFIG_STRING, AT(code), "", 0, 64, NULL,
     "the presale code that all of them show"},
    {"journey", "streams_within", CONFIG_DURATION, AT(streams_within_ms), "0s", 0, 86400000, NULL,
     "listeners open their streams once all have come, evenly in this time; 0: each after joining"},
    {"targets", "queue", CONFIG_STRING, AT(queue), "127.0.0.1:8081", 1, 0, NULL,
     "the waiting rooms, with commas: visitors are spread over them"},
    {"targets", "seats", CONFIG_STRING, AT(seats), "127.0.0.1:8082", 0, 0, NULL,
     "the seat service; empty: behind the addresses of the waiting rooms, an edge"},
    {"targets", "saga", CONFIG_STRING, AT(saga), "127.0.0.1:8092", 0, 0, NULL,
     "the seat service's private listener, for to = sold"},
    {"targets", "pay", CONFIG_STRING, AT(pay), "127.0.0.1:8083", 0, 0, NULL, "the payment adapter"},
    {"targets", "psp", CONFIG_STRING, AT(psp), "127.0.0.1:8084", 0, 0, NULL, "the PSP sandbox"},
    {"targets", "from", CONFIG_STRING, AT(from), "", 0, 0, NULL,
     "source addresses from here on, 256 for each process; empty: the kernel's choice"},
    {"targets", "tls", CONFIG_BOOL, AT(tls), "false", 0, 0, NULL,
     "speak TLS, and trust only a certificate for host"},
    {"targets", "host", CONFIG_STRING, AT(host), "crowd", 1, 253, NULL,
     "the host's name in requests"},
    {"targets", "ca", CONFIG_STRING, AT(ca), "", 0, 0, NULL,
     "PEM file of the authorities to trust; empty: the system's"},
    {"targets", "users_file", CONFIG_STRING, AT(users_file), "", 0, 0, NULL,
     "accounts of the shop: [{\"login\",\"password\"}] or [{\"token\"}]"},
    {"targets", "service_token_file", CONFIG_STRING, AT(service_token_file), "", 0, 0, NULL,
     "the key with which a saga would confirm, for to = sold"},
    {"targets", "passes_file", CONFIG_STRING, AT(passes_file), "", 0, 0, NULL,
     "passes, one a line: their owners need no waiting room; empty: all stand in line"},
    PERCENT("no_show", MANNER_NO_SHOW, "do not come when called"),
    PERCENT("leaver", MANNER_LEAVER, "leave the line"),
    PERCENT("impatient", MANNER_IMPATIENT, "join again and again"),
    PERCENT("two_tabs", MANNER_TWO_TABS, "join twice at once"),
    PERCENT("abandoner", MANNER_ABANDONER, "walk away from their held seats"),
    PERCENT("listener", MANNER_LISTENER, "wait at a stream instead of polling"),
    PERCENT("slow", MANNER_SLOW, "open a stream as well and read nothing of it for long"),
    PERCENT("jumper", MANNER_JUMPER, "ask for a pass before they are called"),
    PERCENT("forger", MANNER_FORGER, "change a letter of their ticket"),
    PERCENT("reuser", MANNER_REUSER, "ask for visit after visit with one ticket"),
    PERCENT("sharer", MANNER_SHARER, "hand their pass and their hold to another account"),
    PERCENT("hoarder", MANNER_HOARDER, "hold seats again and again and never pay"),
    {"stage", "begins", CONFIG_WORD, AT(stage.begins), "open", 0, 0, begins_words,
     "the line's state when the crowd comes; draw: pre-queue, drawn when all are in"},
    {"stage", "fronts", CONFIG_U64, AT(stage.fronts), "1", 1, CROWD_FRONTS_MAX, NULL,
     "waiting rooms"},
    {"stage", "rate_per_s", CONFIG_U64, AT(stage.rate_per_s), "100", 0, 100000, NULL,
     "called a second"},
    {"stage", "burst", CONFIG_U64, AT(stage.burst), "100", 1, 1000000, NULL,
     "calls that may be made up for at once"},
    {"stage", "max_active", CONFIG_U64, AT(stage.max_active), "0", 0, 10000000, NULL,
     "inside at the same time; 0: no cap"},
    {"stage", "pow_bits", CONFIG_U64, AT(stage.pow_bits), "0", 0, SOLVE_BITS_MAX, NULL,
     "work that a join costs"},
    {"stage", "kill_every", CONFIG_DURATION, AT(stage.kill_every_ms), "0s", 0, 86400000, NULL,
     "how often a part of the stack is killed, the seed says which; 0: never"},
    {"stage", "kill_for", CONFIG_DURATION, AT(stage.kill_for_ms), "0s", 0, 86400000, NULL,
     "how long, from the beginning; 0: as long as visitors are there"},
    {"stage", "notice_every", CONFIG_DURATION, AT(stage.notice_every_ms), "0s", 0, 86400000, NULL,
     "how often the operator changes the message, with the instant in it; 0: never"},
    {"stage", "hold_ttl", CONFIG_DURATION, AT(stage.hold_ttl_ms), "0s", 0, 86400000, NULL,
     "how long seats are held; 0: as the hall says"},
    {"stage", "buyer_max", CONFIG_U64, AT(stage.buyer_max), "4", 0, 1000, NULL,
     "seats of one account; above 0 each visitor has an account of their own"},
    EXPECT("min_placed", placed_min, "1", 100,
           "of a hundred visitors, at least how many have a place"),
    EXPECT("min_passed", passed_min, "0", 100,
           "of a hundred visitors, at least how many were let in"),
    EXPECT("min_done", done_min, "1", 100,
           "of a hundred visitors, at least how many went as far as the journey goes"),
    EXPECT("max_waiting", waiting_max, "100", 100,
           "of a hundred visitors, at most how many still wait in the end"),
    EXPECT("max_turned", turned_max, "100", 100,
           "of a hundred visitors, at most how many were refused until they gave up"),
    EXPECT("max_failed", failed_max, "0", 1000,
           "of a thousand visitors, at most how many met an answer that should not occur"),
    EXPECT("max_lost", lost_max, "0", 1000, "of a thousand answers, at most how many never came"),
    EXPECT("max_void", void_max, "0", 1000,
           "of a thousand who paid in time, at most how many had their order turned back"),
    EXPECT(
        "min_eta_p90", eta_p90_min, "0", 100,
        "of a hundred waits, at least how many were no longer than the p90 promised when joining"),
    EXPECT("max_growth", growth_max, "0", 1000,
           "of a thousand bytes that a program of ours has once it is warm, at most how many come "
           "to them by the end; 0: not looked at"),
};

const size_t scenario_settings_len = sizeof(scenario_settings) / sizeof(scenario_settings[0]);

/* ---- targets ---- */

static bool address_read(struct span text, struct sockaddr_in *out)
{
    struct span host, port = span_cut(span_trim(text), ':', &host);
    char address[64];
    uint64_t number;
    *out = (struct sockaddr_in){.sin_family = AF_INET};
    if (!span_to_cstr(host, address, sizeof(address)) || !span_u64(port, 65535, &number) ||
        inet_pton(AF_INET, address, &out->sin_addr) != 1)
        return false;
    out->sin_port = htons((uint16_t)number);
    return true;
}

bool scenario_target(const char *list, uint32_t n, struct sockaddr_in *out)
{
    struct span rest = span_of(list), one;
    for (uint32_t i = 0; rest.ptr != NULL; i++) {
        rest = span_cut(rest, ',', &one);
        if (i == n)
            return address_read(one, out);
    }
    return false;
}

/* Whether it is this machine, or in 198.18.0.0/15, which is reserved for load tests (RFC 2544) and
 * not routed, so that network namespaces can use it. */
static bool is_ours(struct in_addr address)
{
    uint32_t ip = ntohl(address.s_addr);
    return ip >> 24 == 127 || ip >> 17 == 0xC612 >> 1;
}

static int targets_judged(const char *name, const char *list, bool foreign_hosts_allowed,
                          struct err_slot *err)
{
    struct span rest = span_of(list), one;
    uint32_t count = 0;
    while (rest.ptr != NULL) {
        struct sockaddr_in to;
        rest = span_cut(rest, ',', &one);
        if (!address_read(one, &to))
            return err_set(err, ERR_SYNTAX, "[targets] %s = \"%s\": write ADDRESS:PORT, numeric",
                           name, list);
        if (!is_ours(to.sin_addr) && !foreign_hosts_allowed)
            return err_set(err, ERR_AUTH,
                           "[targets] %s = \"%s\" is not on this machine; --i-own-this-host if it "
                           "is yours",
                           name, list);
        count++;
    }
    bool many = strcmp(name, "queue") == 0;
    if (count > (many ? CROWD_FRONTS_MAX : 1))
        return err_set(err, ERR_RANGE, "[targets] %s: %u addresses; at most %d", name, count,
                       many ? CROWD_FRONTS_MAX : 1);
    return 0;
}

/* ---- rules between settings ---- */

static int keys_judged(const struct scenario *scenario, struct err_slot *err)
{
    struct in_addr from;
    bool has_passes = scenario->passes_file[0] != '\0';
    const struct {
        bool wrong;
        const char *why;
    } rules[] = {
        {scenario->journey == JOURNEY_ORDER && scenario->users_file[0] == '\0',
         "[journey] to = order needs [targets] users_file"},
        {scenario->journey == JOURNEY_SOLD && scenario->service_token_file[0] == '\0',
         "[journey] to = sold needs [targets] service_token_file"},
        {scenario->journey < JOURNEY_HOLD && has_passes,
         "[targets] passes_file begins behind the waiting room, where [journey] to ends"},
        {has_passes && scenario->share[MANNER_REUSER] > 0,
         "[people] reuser comes back to the waiting room, and with [targets] passes_file there is "
         "none"},
        {scenario->from[0] != '\0' && inet_pton(AF_INET, scenario->from, &from) != 1,
         "[targets] from: write an ADDRESS, numeric"},
        {scenario->visitors < scenario->processes, "[crowd] visitors is less than processes"},
    };
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (rules[i].wrong)
            return err_set(err, ERR_RANGE, "%s", rules[i].why);
    }
    return 0;
}

/* Each stream and each kept connection is an open file. */
static int files_judged(const struct scenario *scenario, struct err_slot *err)
{
    struct sockaddr_in to;
    uint64_t pools = 4;
    while (pools - 4 < CROWD_FRONTS_MAX &&
           scenario_target(scenario->queue, (uint32_t)pools - 4, &to))
        pools++;
    uint64_t share = scenario->share[MANNER_LISTENER] + scenario->share[MANNER_SLOW];
    uint64_t each = (scenario->visitors + scenario->processes - 1) / scenario->processes;
    uint64_t streams = each * (share < 100 ? share : 100) / 100;
    if (streams > 0 && streams + pools * scenario->connections > CROWD_FILES_MAX)
        return err_set(
            err, ERR_RANGE,
            "[crowd] processes = %lu: %lu streams and %lu connections each are more than "
            "the %d files of a process",
            scenario->processes, streams, pools * scenario->connections, CROWD_FILES_MAX);
    return 0;
}

int scenario_load(const char *path, char *const *environment, bool foreign_hosts_allowed,
                  struct err_slot *err, struct scenario *out)
{
    struct config_part part = {scenario_settings, scenario_settings_len, out};
    int rc = config_load(path, environment, &part, 1, err);
    const struct {
        const char *name, *text;
        bool needed;
    } targets[] = {
        {"queue", out->queue, out->passes_file[0] == '\0'},
        {"seats", out->seats,
         out->journey >= JOURNEY_HOLD && (out->seats[0] != '\0' || out->passes_file[0] != '\0')},
        {"saga", out->saga, out->journey == JOURNEY_SOLD},
        {"pay", out->pay, out->journey >= JOURNEY_ORDER},
        {"psp", out->psp, out->journey >= JOURNEY_ORDER},
    };
    for (size_t i = 0; rc == 0 && i < sizeof(targets) / sizeof(targets[0]); i++) {
        if (targets[i].needed)
            rc = targets_judged(targets[i].name, targets[i].text, foreign_hosts_allowed, err);
    }
    if (rc == 0)
        rc = keys_judged(out, err);
    return rc == 0 ? files_judged(out, err) : rc;
}

/* Each kind is an inverse: a share of the crowd, drawn evenly from 0 to 1, becomes the instant by
 * which that share has arrived. Given the total, the arrivals of a Poisson process are uniformly
 * random, so that kind is the share itself. */
uint64_t scenario_arrival_us(const struct scenario *scenario, uint32_t number,
                             const struct rng *rng)
{
    double share = (double)rng_below(rng, 1u << 30) / (double)(1u << 30);
    if (scenario->arrivals == ARRIVALS_EVEN)
        share = (double)number / (double)scenario->visitors;
    else if (scenario->arrivals == ARRIVALS_SPIKE)
        share = share < 0.5 ? share * 0.2 : 0.1 + (share - 0.5) * 1.8;
    return (uint64_t)((double)scenario->within_ms * 1000 * share);
}

void scenario_print(const struct scenario *scenario, struct text *out)
{
    const char *section = NULL;
    json_open(out, '{');
    for (size_t i = 0; i < scenario_settings_len; i++) {
        const struct config_setting *setting = &scenario_settings[i];
        const void *member = (const char *)scenario + setting->offset;
        if (section == NULL || strcmp(section, setting->section) != 0) {
            if (section != NULL)
                json_close(out, '}');
            section = setting->section;
            json_member_open(out, section, '{');
        }
        json_key(out, setting->key);
        if (setting->kind == CONFIG_STRING)
            json_str(out, span_of(member));
        else if (setting->kind == CONFIG_WORD)
            json_str(out, span_of(setting->words[*(const unsigned *)member]));
        else if (setting->kind == CONFIG_BOOL)
            json_bool(out, *(const bool *)member);
        else
            json_u64(out, *(const uint64_t *)member);
    }
    json_close(out, '}');
    json_close(out, '}');
}

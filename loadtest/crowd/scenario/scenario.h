/* scenario.h: the input of a run: who comes, when, to which services, and how visitors behave. Read
 * from a file in the form of config/config.h; an error for a misspelt key names file and line. */
#ifndef FG_CROWD_SCENARIO_H
#define FG_CROWD_SCENARIO_H

#include "base/rng.h"
#include "config/config.h"
#include "limits.h"

#include <netinet/in.h>

enum scenario_arrivals {
    ARRIVALS_SPIKE,   /* half of them in the first tenth of the time */
    ARRIVALS_EVEN,    /* at equal distances */
    ARRIVALS_POISSON, /* at independent random times */
};

/* How far a visitor goes. */
enum scenario_journey {
    JOURNEY_LINE, /* until it has a place in the line */
    JOURNEY_PASS,
    JOURNEY_HOLD,
    JOURNEY_BACK, /* gives the hold and the visit back */
    JOURNEY_SOLD, /* confirms the hold with the saga's calls to the seats only, without money */
    JOURNEY_ORDER,
};

enum scenario_choice {
    CHOICE_BEST, /* lets the service choose */
    CHOICE_MAP,  /* reads the availability and picks adjacent seats, best ones first */
    CHOICE_MIXED,
};

/* How a visitor behaves; one visitor may have several of these. */
enum manner {
    MANNER_NO_SHOW,   /* does not enter when called */
    MANNER_LEAVER,    /* leaves the line */
    MANNER_IMPATIENT, /* joins again and again */
    MANNER_TWO_TABS,  /* joins twice at once */
    MANNER_ABANDONER, /* abandons held seats */
    MANNER_LISTENER,  /* uses a stream instead of polling */
    MANNER_SLOW,      /* opens a stream and does not read from it for long */
    MANNER_JUMPER,    /* first of the bots: requests a pass before the call */
    MANNER_FORGER,    /* changes a character of the ticket */
    MANNER_REUSER,    /* starts several visits with one ticket */
    MANNER_SHARER,    /* gives pass and hold to another account */
    MANNER_HOARDER,   /* holds repeatedly and never pays */
    MANNERS,
};

/* The runner's part around the crowd (loadtest/run.js); the crowd itself only validates and prints
 * it. */
struct stage {
    unsigned begins;
    uint64_t fronts, rate_per_s, burst, max_active, pow_bits;
    uint64_t kill_every_ms, kill_for_ms, notice_every_ms, hold_ttl_ms, buyer_max;
};

/* The minimum that a run must achieve, and the maximum of failures: a service that does nothing
 * does nothing wrong. Shares of visitors, waits, answers and payments, so that they also hold for a
 * smaller crowd. */
struct expect {
    uint64_t placed_min, passed_min, done_min; /* per hundred visitors */
    uint64_t waiting_max, turned_max;          /* per hundred visitors */
    uint64_t failed_max;                       /* per thousand visitors */
    uint64_t lost_max;                         /* per thousand answers */
    uint64_t void_max;                         /* per thousand paying visitors */
    uint64_t eta_p90_min;                      /* per hundred waits */
    uint64_t growth_max; /* per thousand bytes of a process; checked by the runner */
};

struct scenario {
    char event[CONFIG_STRING_MAX];
    uint64_t visitors, processes, connections, seed;
    uint64_t within_ms, patience_ms, streams_within_ms;
    unsigned arrivals, journey, choice;
    bool page;
    uint64_t party_max;
    char queue[CONFIG_STRING_MAX], seats[CONFIG_STRING_MAX];
    char saga[CONFIG_STRING_MAX];
    char pay[CONFIG_STRING_MAX], psp[CONFIG_STRING_MAX];
    char from[CONFIG_STRING_MAX];
    char host[CONFIG_STRING_MAX], ca[CONFIG_STRING_MAX], code[CONFIG_STRING_MAX];
    bool tls;
    char users_file[CONFIG_STRING_MAX], service_token_file[CONFIG_STRING_MAX];
    char passes_file[CONFIG_STRING_MAX];
    char record[CONFIG_STRING_MAX], report[CONFIG_STRING_MAX];
    uint64_t share[MANNERS]; /* in a hundred */
    struct stage stage;
    struct expect expect;
};

extern const struct config_setting scenario_settings[];
extern const size_t scenario_settings_len;

/* Reads the file and checks the rules between settings. Targets outside this machine and the
 * network reserved for load tests (198.18.0.0/15) are refused unless `foreign_hosts_allowed`: a
 * load generator pointed at a stranger is an attack. */
int scenario_load(const char *path, char *const *environment, bool foreign_hosts_allowed,
                  struct err_slot *err, struct scenario *out);

/* The n-th ADDRESS:PORT of a comma-separated list that scenario_load() has checked; false past the
 * end. */
bool scenario_target(const char *list, uint32_t n, struct sockaddr_in *out);

/* Microseconds from the start until this visitor arrives. */
uint64_t scenario_arrival_us(const struct scenario *scenario, uint32_t number,
                             const struct rng *rng);

/* Prints the settings in force as JSON: {"section":{"key":value}}. */
void scenario_print(const struct scenario *scenario, struct text *out);

#endif

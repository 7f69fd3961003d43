/* scenario.h: what a run is to do: who comes, when, to which services, and how people behave. Read
 * from a file in the form of config/config.h; a misspelt key names file and line. */
#ifndef FG_CROWD_SCENARIO_H
#define FG_CROWD_SCENARIO_H

#include "base/rng.h"
#include "config/config.h"
#include "limits.h"

#include <netinet/in.h>

enum scenario_arrivals {
    ARRIVALS_SPIKE,   /* half of them in the first tenth of the time */
    ARRIVALS_EVEN,    /* one after the other, equally far apart */
    ARRIVALS_POISSON, /* each whenever they like */
};

/* How far a visitor goes. */
enum scenario_journey {
    JOURNEY_LINE, /* to a place in the line */
    JOURNEY_PASS,
    JOURNEY_HOLD,
    JOURNEY_BACK, /* gives the hold and the visit back */
    JOURNEY_SOLD, /* the hold is confirmed as the saga does it: the seats alone, without money */
    JOURNEY_ORDER,
};

enum scenario_choice {
    CHOICE_BEST, /* lets the service choose */
    CHOICE_MAP,  /* reads the availability and picks seats side by side, best ones first */
    CHOICE_MIXED,
};

/* How a visitor behaves; one visitor may have several of these. */
enum manner {
    MANNER_NO_SHOW,   /* does not come when called */
    MANNER_LEAVER,    /* leaves the line */
    MANNER_IMPATIENT, /* joins again and again */
    MANNER_TWO_TABS,  /* joins twice at once */
    MANNER_ABANDONER, /* walks away from held seats */
    MANNER_LISTENER,  /* waits at a stream instead of polling */
    MANNER_SLOW,      /* opens a stream and reads nothing of it for long */
    MANNER_JUMPER,    /* bots from here on: asks for a pass before the call */
    MANNER_FORGER,    /* changes a letter of the ticket */
    MANNER_REUSER,    /* makes several visits of one ticket */
    MANNER_SHARER,    /* hands pass and hold to another account */
    MANNER_HOARDER,   /* holds and holds and never pays */
    MANNERS,
};

enum stage_begins { STAGE_OPEN, STAGE_PAUSED, STAGE_PREQUEUE, STAGE_DRAW };

/* What the runner does around the crowd (loadtest/run.js); the crowd itself only judges and prints
 * it. */
struct stage {
    unsigned begins;
    uint64_t fronts, rate_per_s, burst, max_active, pow_bits;
    uint64_t kill_every_ms, kill_for_ms, notice_every_ms, hold_ttl_ms, buyer_max;
};

/* The least that a run must have achieved, and the most that may have gone wrong: a service that
 * does nothing does nothing wrong. Shares of visitors, waits, answers and payments, so that they
 * hold for a smaller crowd too. */
struct expect {
    uint64_t placed_min, passed_min, done_min; /* in a hundred visitors */
    uint64_t waiting_max, turned_max;          /* in a hundred visitors */
    uint64_t failed_max;                       /* in a thousand visitors */
    uint64_t lost_max;                         /* in a thousand answers */
    uint64_t void_max;                         /* in a thousand who paid */
    uint64_t eta_p90_min;                      /* in a hundred waits */
    uint64_t growth_max; /* in a thousand bytes of a process; the runner judges it */
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

/* Reads it and checks the rules between settings. Targets that are not on this machine, nor
 * in the network kept for load tests (198.18.0.0/15), are refused unless `foreign_hosts_allowed`: a
 * load generator pointed at a stranger is an attack. */
int scenario_load(const char *path, char *const *environment, bool foreign_hosts_allowed,
                  struct err_slot *err, struct scenario *out);

/* The n-th ADDRESS:PORT of a list with commas, which scenario_load() has judged; false: there is
 * none. */
bool scenario_target(const char *list, uint32_t n, struct sockaddr_in *out);

/* Microseconds from the start until the visitor with this number comes. */
uint64_t scenario_arrival_us(const struct scenario *scenario, uint32_t number,
                             const struct rng *rng);

/* What is in force, as JSON: {"section":{"key":value}}. */
void scenario_print(const struct scenario *scenario, struct text *out);

#endif

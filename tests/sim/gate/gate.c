/* gate.c: see gate.h. The feed of the waiting room's keys is the product's; here it lives on a loop
 * of its own, which begins anew with each life of its seat service. */
#include "gate/gate.h"

#include "stage/faults.h"
#include "stage/invariant.h"
#include "stage/probes.h"
#include "stage/sim.h"

#include "access/pass.h"
#include "outcall/jwks_feed.h"

#include <assert.h>
#include <string.h>

enum { GUESTS_MAX = 512, REVOKED_S = 600, FOREIGN_ONE_OF = 10 };
enum { REFRESH_MS = 60000, RETRY_MS = 1000, KEYS_KNOWN_S = 90 }; /* a new key, at the latest */

static struct {
    bool there;
    void (*comes)(struct guest *guest);
    struct {
        struct sim_proc proc;
        uv_loop_t loop;
        struct jwks_feed *feed;
        struct pass_cache *cache;
        struct pass_revoked *revoked;
    } services[GATE_SERVICES];
    struct guest *guests[GUESTS_MAX];
    bool told[GUESTS_MAX]; /* the seats know that this guest's visit is over */
    unsigned guests_len;
} gate;

/* ---- passes ---- */

static struct jwks_feed *open_feed(unsigned service)
{
    static const struct clock clock = {sim_mono_us, sim_mono_us, NULL};
    struct sim_proc *proc = &gate.services[service].proc;
    struct jwks_feed *feed;
    if (proc->alive)
        sim_proc_kill(proc, "begins anew");
    proc->name = "keys";
    sim_proc_start(proc);
    gate.services[service].loop = (uv_loop_t){.data = proc};
    const struct jwks_feed_conf conf = {.whose = "the waiting room's",
                                        .url = "http://line/.well-known/jwks.json",
                                        .refresh_ms = REFRESH_MS,
                                        .retry_max_ms = RETRY_MS,
                                        .doubt_ms = RETRY_MS,
                                        .loop = &gate.services[service].loop,
                                        .clock = &clock,
                                        .rng = sim_rng(SIM_SYSTEM)};
    int rc = jwks_feed_create(&conf, NULL, &feed);
    assert(rc == 0);
    return feed;
}

void gate_open(unsigned service, const struct clock *clock)
{
    if (!gate.there)
        return;
    struct pass_conf conf = {.keys = open_feed(service), .issuer = GUEST_ISSUER, .clock = clock};
    if (gate.services[service].revoked == NULL) {
        int rc = pass_revoked_create(NULL, &gate.services[service].revoked);
        assert(rc == 0);
    }
    conf.revoked = gate.services[service].revoked;
    int rc = pass_cache_create(&conf, NULL, &gate.services[service].cache);
    assert(rc == 0);
}

/* Some visitors have two windows open and first show the other window's pass. */
static void show_foreign(unsigned service, const struct guest *guest)
{
    struct pass pass;
    if (sim_below(SIM_CHOICES, FOREIGN_ONE_OF) != 0)
        return;
    enum pass_verdict verdict = pass_check(gate.services[service].cache, span_of(guest_event()),
                                           span_of(guest->foreign), &pass);
    probe_reached(PROBE_PASS_FOREIGN);
    if (verdict == PASS_OK)
        invariant_broken(INVARIANT_6, "the seats take a pass of another event");
}

static bool is_told(const struct guest *guest)
{
    for (unsigned i = 0; i < gate.guests_len; i++)
        if (gate.told[i] && gate.guests[i] == guest)
            return true;
    return false;
}

bool gate_admits(unsigned service, const struct guest *guest, const char *shown)
{
    struct pass pass;
    if (guest == NULL)
        return true;
    show_foreign(service, guest);
    enum pass_verdict verdict =
        pass_check(gate.services[service].cache, span_of(guest_event()), span_of(shown), &pass);
    if (verdict == PASS_OK) {
        if (is_told(guest))
            invariant_broken(INVARIANT_6,
                             "the seats take a pass after the end of its visit was reported");
        guest_shops(guest);
        return true;
    }
    sim_note("turns a pass away: %d", (int)verdict);
    if (verdict == PASS_NO_KEYS || verdict == PASS_INVALID) {
        probe_reached(PROBE_PASS_KEY_UNKNOWN);
        if (fault_ended_us() > 0 && fault_ended_us() + KEYS_KNOWN_S * (uint64_t)SIM_S < sim_us())
            invariant_broken(INVARIANT_6, "the seats do not know the key of a pass");
        return false;
    }
    if (verdict != PASS_ENDED && verdict != PASS_EXPIRED)
        invariant_broken(INVARIANT_6, "the seats turn a good pass away (%d)", (int)verdict);
    probe_reached(verdict == PASS_ENDED ? PROBE_PASS_ENDED : PROBE_PASS_RUN_OUT);
    return false;
}

/* ---- the end of a visit ---- */

/* Passes of a visitor without a guest were never shown here. */
static void on_left(const char *session)
{
    uint64_t hash = pass_hash(span_of(session));
    for (unsigned i = 0; i < gate.guests_len; i++)
        gate.told[i] = gate.told[i] || strcmp(gate.guests[i]->session, session) == 0;
    for (unsigned i = 0; i < GATE_SERVICES && gate.services[i].revoked != NULL; i++)
        pass_revoke(gate.services[i].revoked, hash, sim_wall_ms() / 1000 + REVOKED_S);
}

static const struct guest *guest_of(const char *session)
{
    for (unsigned i = 0; i < gate.guests_len; i++)
        if (strcmp(gate.guests[i]->session, session) == 0)
            return gate.guests[i];
    return NULL;
}

bool gate_says_goodbye(const char *session, bool at_seats, void (*on_known)(void *ctx), void *ctx)
{
    const struct guest *guest = guest_of(session);
    if (guest == NULL)
        return false;
    if (at_seats) {
        on_left(session);
        on_known(ctx);
    } else {
        guest_goodbye(guest, on_known, ctx);
    }
    return true;
}

/* ---- those inside ---- */

static void on_come(struct guest *guest)
{
    assert(gate.guests_len < GUESTS_MAX);
    gate.guests[gate.guests_len++] = guest;
    gate.comes(guest);
}

void gate_begin(void (*comes)(struct guest *guest))
{
    static const struct guest_host host = {on_come, on_left};
    gate.there = true;
    gate.comes = comes;
    guest_begin(&host);
}

/* gate.c: see gate.h. This file replaces jwks_feed.c, which brings the waiting room's keys to the
 * seats: here the keys are always present. */
#include "gate/gate.h"

#include "stage/faults.h"
#include "stage/invariant.h"
#include "stage/probes.h"
#include "stage/sim.h"

#include "access/pass.h"

#include <assert.h>
#include <string.h>

enum { GUESTS_MAX = 512, TELL_MAX_MS = 2000, REVOKED_S = 600, FOREIGN_ONE_OF = 10 };

struct jwks_feed {
    int unused;
};

static struct {
    bool there;
    void (*comes)(struct guest *guest);
    struct jwks_feed feed;
    struct {
        struct pass_cache *cache;
        struct pass_revoked *revoked;
    } services[GATE_SERVICES];
    struct guest *guests[GUESTS_MAX];
    unsigned guests_len;
} gate;

/* ---- the waiting room's keys ---- */

const struct jwks *jwks_feed_keys(const struct jwks_feed *feed)
{
    (void)feed;
    return guest_keys();
}

uint64_t jwks_feed_generation(const struct jwks_feed *feed)
{
    (void)feed;
    return 1;
}

bool jwks_feed_doubt(struct jwks_feed *feed)
{
    (void)feed;
    return false;
}

/* Fronts read the shop's keys from a file. */
int jwks_feed_create(const struct jwks_feed_conf *conf, struct err_slot *err,
                     struct jwks_feed **out)
{
    (void)conf;
    (void)out;
    return err_set(err, ERR_CLOSED, "there is no network");
}

void jwks_feed_close(struct jwks_feed *feed)
{
    (void)feed;
}

const struct jwks_feed_stats *jwks_feed_stats(const struct jwks_feed *feed)
{
    (void)feed;
    return NULL;
}

/* ---- passes ---- */

void gate_open(unsigned service, const struct clock *clock)
{
    struct pass_conf conf = {.keys = &gate.feed, .issuer = GUEST_ISSUER, .clock = clock};
    if (!gate.there)
        return;
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

bool gate_admits(unsigned service, const struct guest *guest, const char *shown)
{
    struct pass pass;
    if (guest == NULL)
        return true;
    show_foreign(service, guest);
    enum pass_verdict verdict =
        pass_check(gate.services[service].cache, span_of(guest_event()), span_of(shown), &pass);
    if (verdict != PASS_OK) {
        sim_note("turns a pass away: %d", (int)verdict);
        probe_reached(verdict == PASS_ENDED ? PROBE_PASS_ENDED : PROBE_PASS_RUN_OUT);
        return false;
    }
    guest_shops(guest);
    return true;
}

/* ---- the end of a visit ---- */

static void end_at_seats(void *ctx)
{
    const struct guest *guest = ctx;
    uint64_t session = pass_hash(span_of(guest->session));
    for (unsigned i = 0; i < GATE_SERVICES && gate.services[i].revoked != NULL; i++)
        pass_revoke(gate.services[i].revoked, session, SIM_EPOCH_S + sim_us() / SIM_S + REVOKED_S);
}

static void tell_seats(const struct guest *guest)
{
    sim_after(NULL, sim_between(SIM_MS, TELL_MAX_MS * SIM_MS), end_at_seats,
              (void *)(uintptr_t)guest);
}

static const struct guest *guest_of(const char *session)
{
    for (unsigned i = 0; i < gate.guests_len; i++)
        if (strcmp(gate.guests[i]->session, session) == 0)
            return gate.guests[i];
    return NULL;
}

/* Passes of a visitor without a guest were never shown here. */
static void on_left(const char *session)
{
    const struct guest *guest = guest_of(session);
    if (guest != NULL)
        tell_seats(guest);
}

bool gate_says_goodbye(const char *session, void (*on_known)(void *ctx), void *ctx)
{
    const struct guest *guest = guest_of(session);
    if (guest == NULL)
        return false;
    tell_seats(guest);
    guest_goodbye(guest, on_known, ctx);
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

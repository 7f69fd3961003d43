/* guest.c: see guest.h. */
#include "queue/guest.h"

#include "queue/front/fronts.h"
#include "queue/front/proc.h"
#include "queue/judge/ledger.h"
#include "queue/people.h"

#include <assert.h>
#include <string.h>

static_assert((int)GUEST_TICKET_MAX > (int)TICKET_LEN, "room for a ticket");

struct farewell {
    struct ask ask;
    struct sim_gate bell;
    void (*on_known)(void *ctx);
    void *ctx;
};

void guest_begin(const struct guest_host *host)
{
    proc_fleet_report(host->left);
    people_host(host);
}

const char *guest_event(void)
{
    return lines_event(0);
}

void guest_shops(const struct guest *guest)
{
    ledger_on_shopping(guest->number);
}

static void say(void *ctx)
{
    struct farewell *farewell = ctx;
    if (fronts_await(&farewell->ask) && farewell->ask.outcome == LINE_OK)
        farewell->on_known(farewell->ctx);
}

void guest_goodbye(const struct guest *guest, void (*on_known)(void *ctx), void *ctx)
{
    struct farewell *farewell = sim_new(sizeof(*farewell));
    farewell->on_known = on_known;
    farewell->ctx = ctx;
    farewell->ask.kind = ASK_DONE;
    farewell->ask.bell = &farewell->bell;
    memcpy(farewell->ask.ticket, guest->ticket, sizeof(farewell->ask.ticket));
    memcpy(farewell->ask.session, guest->session, sizeof(farewell->ask.session));
    (void)sim_spawn(NULL, say, farewell);
}

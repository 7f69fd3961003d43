/* settings.c: one row per setting, from which common/config reads the file, checks ranges, and
 * prints --help. Rules that involve several settings are checked after that and before anything
 * starts, so that a wrong setting does not fail only with the first visitor. */
#include "settings.h"

#include "shell_limits.h"

#include <stddef.h>

#define AT(member) offsetof(struct settings, member)

const struct config_setting settings_table[] = {
    {"postgres", "conninfo", CONFIG_STRING, AT(conninfo), NULL, 1, 0, NULL,
     "libpq connection string; passwords by passfile=, several hosts for a fail-over together with "
     "target_session_attrs=read-write"},
    {"journal", "events", CONFIG_STRING, AT(events), "", 0, 0, NULL,
     "ids of the events to own, separated by commas; empty: all"},
    {"journal", "instance", CONFIG_STRING, AT(instance), "seat-service", 1, 64, NULL,
     "this process's name in the owner's row"},
    {"journal", "batch_max", CONFIG_U64, AT(batch_max), "1024", 1, JOURNAL_BATCH_MAX, NULL,
     "changes in one transaction, at most"},
    {"journal", "snapshot_every", CONFIG_U64, AT(snapshot_every), "100000", 100, 100000000, NULL,
     "changes after which a new snapshot is made"},
    {"owner", "owners", CONFIG_U64, AT(owners), "1", 1, OWNERS_MAX, NULL,
     "processes that share the events; 1: one has them all, and others follow it"},
    {"owner", "address", CONFIG_STRING, AT(address), "", 0, OWNER_ADDRESS_MAX - 1, NULL,
     "HOST:PORT of our listener for visitors, for other processes inside; stored with each event "
     "that we own; empty: not stored"},
    {"owner", "private_address", CONFIG_STRING, AT(private_address), "", 0, OWNER_ADDRESS_MAX - 1,
     NULL, "the same for our private listener"},
    {"owner", "events", CONFIG_U64, AT(places), "256", EVENTS_SPARE + 1, EVENTS_MAX, NULL,
     "events in memory, of those in the database; the others sleep until they are requested"},
    {"owner", "memory", CONFIG_SIZE, AT(memory), "1g", 8 << 20, UINT64_C(1) << 40, NULL,
     "for events: 1 MB for each and twelve times its document, which is 2 MB for a theatre of "
     "1,000 seats and 70 MB for a stadium"},
    {"owner", "idle", CONFIG_DURATION, AT(idle_ms), "10s", 100, UINT64_C(30) * 24 * 3600 * 1000,
     NULL,
     "an event without a request for this long may be put to sleep if another needs its memory"},
    {"passes", "issuer", CONFIG_STRING, AT(issuer), "fairgate", 1, 256, NULL,
     "iss of the waiting room's passes"},
    {"passes", "keys_file", CONFIG_STRING, AT(keys_file), "", 0, 0, NULL,
     "the waiting room's public keys as a JWK set; or:"},
    {"passes", "keys_url", CONFIG_STRING, AT(keys_url), "", 0, 0, NULL,
     "where the waiting room serves them: http://HOST:PORT/.well-known/jwks.json"},
    {"passes", "keys_refresh", CONFIG_DURATION, AT(keys_refresh_ms), "1m", 1000, 24 * 3600 * 1000,
     NULL, "how often the keys are read again"},
    {"idempotency", "memory", CONFIG_SIZE, AT(idem_memory), "64m", 1 << 20, UINT64_C(64) << 30,
     NULL,
     "for repeated Idempotency-Keys: 16 MB for each 650 keyed changes a second keep them ten "
     "minutes"},
    {"holds", "keys_file", CONFIG_STRING, AT(hold_keys_file), NULL, 1, 0, NULL,
     "file (mode 0600) with the MAC keys of hold names, \"ID HEX\" a line, newest first"},
    {"retire", "after", CONFIG_DURATION, AT(retire_after_ms), "180d", 0,
     UINT64_C(3660) * 24 * 3600 * 1000, NULL,
     "how long an event stays in the database after its start"},
    BRAND_SETTINGS(AT(brand)),
};

#undef AT

const size_t settings_len = sizeof(settings_table) / sizeof(settings_table[0]);

int settings_check(void *target, struct err_slot *err)
{
    const struct settings *settings = target;
    if ((settings->keys_file[0] != '\0') == (settings->keys_url[0] != '\0'))
        return err_set(err, ERR_RANGE, "[passes]: give either keys_file or keys_url");
    if ((settings->address[0] == '\0') != (settings->private_address[0] == '\0'))
        return err_set(err, ERR_RANGE, "[owner]: give both address and private_address, or none");
    if (settings->owners > 1 && settings->address[0] == '\0')
        return err_set(err, ERR_RANGE,
                       "[owner] owners: processes that share events need address and "
                       "private_address");
    return brand_check(&settings->brand, err);
}

/* settings.c: one row a setting, by which common/config reads the file, checks the range, and
 * prints --help. Rules that involve two settings are checked after it, before anything starts: a
 * service that would only fail with its first visitor does not start. */
#include "settings.h"

#include "rim_limits.h"

#include <stddef.h>

#define FIELD(name) .offset = offsetof(struct settings, name)

const struct config_setting settings_table[] = {
    {.section = "postgres",
     .key = "conninfo",
     .kind = CONFIG_STRING,
     FIELD(conninfo),
     .min = 1,
     .help = "libpq connection string; passwords by passfile=, several hosts for a fail-over "
             "together with target_session_attrs=read-write"},
    {.section = "journal",
     .key = "events",
     .kind = CONFIG_STRING,
     FIELD(events),
     .fallback = "",
     .help = "ids of the events to own, with commas; empty: all"},
    {.section = "journal",
     .key = "instance",
     .kind = CONFIG_STRING,
     FIELD(instance),
     .fallback = "seat-service",
     .min = 1,
     .max = 64,
     .help = "name of this process in the owner's row"},
    {.section = "journal",
     .key = "batch_max",
     .kind = CONFIG_U64,
     FIELD(batch_max),
     .fallback = "1024",
     .min = 1,
     .max = JOURNAL_BATCH_MAX,
     .help = "changes in one transaction, at most"},
    {.section = "journal",
     .key = "snapshot_every",
     .kind = CONFIG_U64,
     FIELD(snapshot_every),
     .fallback = "100000",
     .min = 100,
     .max = 100000000,
     .help = "changes after which a new snapshot is made"},
    {.section = "owner",
     .key = "owners",
     .kind = CONFIG_U64,
     FIELD(owners),
     .fallback = "1",
     .min = 1,
     .max = OWNERS_MAX,
     .help = "processes that share the events; 1: one has them all, and others follow it"},
    {.section = "owner",
     .key = "address",
     .kind = CONFIG_STRING,
     FIELD(address),
     .fallback = "",
     .max = OWNER_ADDRESS_MAX - 1,
     .help = "HOST:PORT at which others inside reach our listener for visitors; it stands in the "
             "registry of the events that we own; empty: it does not"},
    {.section = "owner",
     .key = "private_address",
     .kind = CONFIG_STRING,
     FIELD(private_address),
     .fallback = "",
     .max = OWNER_ADDRESS_MAX - 1,
     .help = "HOST:PORT of our private listener, likewise"},
    {.section = "owner",
     .key = "events",
     .kind = CONFIG_U64,
     FIELD(places),
     .fallback = "256",
     .min = EVENTS_SPARE + 1,
     .max = EVENTS_MAX,
     .help = "events in memory, of those that the database has; the others are asleep until "
             "somebody asks for them"},
    {.section = "owner",
     .key = "memory",
     .kind = CONFIG_SIZE,
     FIELD(memory),
     .fallback = "1g",
     .min = 8 << 20,
     .max = UINT64_C(1) << 40,
     .help = "for events: 1 MB for each and twelve times its document, which is 2 MB for a theatre "
             "of 1,000 seats and 70 MB for a stadium"},
    {.section = "owner",
     .key = "idle",
     .kind = CONFIG_DURATION,
     FIELD(idle_ms),
     .fallback = "10s",
     .min = 100,
     .max = UINT64_C(30) * 24 * 3600 * 1000,
     .help =
         "an event for which nobody has asked for so long may be put to sleep where others need "
         "its place in memory"},
    {.section = "passes",
     .key = "issuer",
     .kind = CONFIG_STRING,
     FIELD(issuer),
     .fallback = "fairgate",
     .min = 1,
     .max = 256,
     .help = "iss of the waiting room's passes"},
    {.section = "passes",
     .key = "keys_file",
     .kind = CONFIG_STRING,
     FIELD(keys_file),
     .fallback = "",
     .help = "the waiting room's public keys as a JWK set; or:"},
    {.section = "passes",
     .key = "keys_url",
     .kind = CONFIG_STRING,
     FIELD(keys_url),
     .fallback = "",
     .help = "where the waiting room serves them: http://HOST:PORT/.well-known/jwks.json"},
    {.section = "passes",
     .key = "keys_refresh",
     .kind = CONFIG_DURATION,
     FIELD(keys_refresh_ms),
     .fallback = "1m",
     .min = 1000,
     .max = 24 * 3600 * 1000,
     .help = "how often they are read again"},
    {.section = "idempotency",
     .key = "memory",
     .kind = CONFIG_SIZE,
     FIELD(idem_memory),
     .fallback = "64m",
     .min = 1 << 20,
     .max = UINT64_C(64) << 30,
     .help =
         "for repeated Idempotency-Keys: 16 MB for each 650 keyed changes a second, to keep them "
         "for ten minutes"},
    {.section = "holds",
     .key = "keys_file",
     .kind = CONFIG_STRING,
     FIELD(hold_keys_file),
     .min = 1,
     .help = "file (mode 0600) with the MAC keys of hold names, \"ID HEX\" a line, newest first"},
    {.section = "retire",
     .key = "after",
     .kind = CONFIG_DURATION,
     FIELD(retire_after_ms),
     .fallback = "180d",
     .max = UINT64_C(3660) * 24 * 3600 * 1000,
     .help = "how long after it began an event stays in the database"},
    BRAND_SETTINGS(offsetof(struct settings, brand)),
};

#undef FIELD

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
                       "[owner] owners: those who share events have to tell where they are, by "
                       "address and private_address");
    return brand_check(&settings->brand, err);
}

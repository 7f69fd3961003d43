/* retiring.c: an event's tables, in the order of deletion: rows that refer to others go first.
 * `event` is last, because no_of() reads it for the other tables. `ended_session` is left out: its
 * rows belong to no event. */
#include "retiring.h"

#include "archive/retire.h"
#include "settings.h"
#include "tables/migrate.h"

#define OF_EVENT "t.event = no_of(current_setting('fairgate.retiring'))"

static const struct retire_table tables[] = {
    {"act", OF_EVENT},
    {"counted", OF_EVENT},
    {"snapshot", OF_EVENT},
    {"holds", OF_EVENT},
    {"sold", OF_EVENT},
    {"sold_area", OF_EVENT},
    {"journal", OF_EVENT},
    {"document", OF_EVENT},
    {"projected", OF_EVENT},
    {"owner", OF_EVENT},
    {"event", "t.id = current_setting('fairgate.retiring')"},
};

int retiring_run(const struct service_conf *conf, int argc, char **argv)
{
    const struct settings *settings = conf->config;
    const struct retire_conf retire = {
        .help = RETIRING_COMMANDS,
        .schema = MIGRATE_SCHEMA,
        .dsn = settings->conninfo,
        .after_ms = &settings->retire_after_ms,
        .tables = tables,
        .tables_len = sizeof(tables) / sizeof(tables[0]),
    };
    return retire_run(conf, &retire, argc, argv);
}

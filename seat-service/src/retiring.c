/* retiring.c: the tables of an event, in the order in which their rows may go: a row that refers to
 * another goes before it, and what tells whether the event may go is among the last. Sessions
 * that were ended early belong to no event. */
#include "retiring.h"

#include "archive/retire_service.h"
#include "settings.h"
#include "tables/migrate.h"

#define OF_EVENT "t.event = no_of(current_setting('fairgate.retiring'))"

static const struct retire_table tables[] = {
    {"act", {"event", "seq"}, OF_EVENT},
    {"counted", {"event", "at"}, OF_EVENT},
    {"snapshot", {"event", "seq"}, OF_EVENT},
    {"holds", {"event", "hold"}, OF_EVENT},
    {"sold", {"event", "seat"}, OF_EVENT},
    {"journal", {"event", "seq"}, OF_EVENT},
    {"document", {"event"}, OF_EVENT},
    {"projected", {"event"}, OF_EVENT},
    {"owner", {"event"}, OF_EVENT},
    {"event", {"no"}, "t.id = current_setting('fairgate.retiring')"},
};

int retiring_run(const struct service_conf *conf, int argc, char **argv)
{
    const struct settings *settings = conf->config;
    const struct retire_service of = {
        .help = RETIRING_COMMANDS,
        .schema = MIGRATE_SCHEMA,
        .dsn = settings->conninfo,
        .after_ms = &settings->retire_after_ms,
        .wait = "SELECT retire_wait($1)",
        .tables = tables,
        .tables_len = sizeof(tables) / sizeof(tables[0]),
    };
    return retire_service_run(conf, &of, argc, argv);
}

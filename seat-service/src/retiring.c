/* retiring.c: the tables of an event, in the order in which their rows may go: whoever refers to
 * another row goes before it, and what tells whether the event may go is among the last. Sessions
 * that were ended early are of no event. */
#include "retiring.h"

#include "archive/retire.h"
#include "settings.h"
#include "tables/migrate.h"

#include <stdio.h>

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
    struct retire_words words;
    struct err_slot err = {0};
    int code;
    if (!retire_words_read(&words, RETIRING_COMMANDS, argc, argv, &code))
        return code;
    if (words.verify == NULL && service_read_settings(conf, words.config, &err) < 0) {
        fprintf(stderr, "%s: %s\n", conf->name, err.text);
        return RETIRE_UNDONE;
    }
    const struct retire_conf retire = {
        .service = conf->name,
        .version = conf->version,
        .dsn = settings->conninfo,
        .schema = MIGRATE_SCHEMA,
        .after_ms = settings->retire_after_ms,
        .tables = tables,
        .tables_len = sizeof(tables) / sizeof(tables[0]),
    };
    return retire_run(&retire, &words);
}

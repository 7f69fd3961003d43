/* retire_service.c: an archive is verified without a database, so that alone needs no settings. */
#include "archive/retire_service.h"

#include <stdio.h>

int retire_service_run(const struct service_conf *conf, const struct retire_service *of, int argc,
                       char **argv)
{
    struct retire_words words;
    struct err_slot err = {0};
    int code;
    if (!retire_words_read(&words, of->help, argc, argv, &code))
        return code;
    if (words.verify == NULL && service_read_settings(conf, words.config, &err) < 0) {
        fprintf(stderr, "%s: %s\n", conf->name, err.text);
        return RETIRE_UNDONE;
    }
    const struct retire_conf retire = {
        .service = conf->name,
        .version = conf->version,
        .dsn = of->dsn,
        .schema = of->schema,
        .after_ms = *of->after_ms,
        .wait = of->wait,
        .tables = of->tables,
        .tables_len = of->tables_len,
    };
    return retire_run(&retire, &words);
}

/* retire_service.h: `PROGRAM retire` of a service: the words, the service's own settings, retire.h.
 */
#ifndef FG_ARCHIVE_RETIRE_SERVICE_H
#define FG_ARCHIVE_RETIRE_SERVICE_H

#include "archive/retire.h"
#include "service/service.h"

struct retire_service {
    const char *help;
    const char *schema;
    /* These lie in conf->config, which is filled before they are looked at. */
    const char *dsn;
    const uint64_t *after_ms;
    const char *wait; /* this and the rest as in struct retire_conf */
    const struct retire_table *tables;
    uint32_t tables_len;
};

/* Answers the exit code, one of retire.h's. */
int retire_service_run(const struct service_conf *conf, const struct retire_service *of, int argc,
                       char **argv);

#endif

/* retiring.h: `seat-service retire`: moves a past event's rows from the database to files
 * (archive/retire.h). Meanwhile processes may serve other events. */
#ifndef FG_SEAT_SERVICE_RETIRING_H
#define FG_SEAT_SERVICE_RETIRING_H

#include "service/service.h"

#define RETIRING_COMMANDS                                                                          \
    "seat-service retire EVENT --to DIR --config FILE\n"                                           \
    "    moves an event's rows to files below DIR; refused before [retire] after and while a\n"    \
    "    process uses the event. If it is killed, run it again\n"                                  \
    "seat-service retire --verify DIR\n"                                                           \
    "    are the files of an archive what was written? Needs no database\n"                        \
    "seat-service retire --restore DIR --config FILE\n"                                            \
    "    into a database that was made for it; the newest part first, if there are several\n"      \
    "seat-service retire --list --config FILE\n"                                                   \
    "    what was retired and where to, with its sums and the SHA-256 of its manifest\n"

/* `conf->config` is a struct settings. Returns an exit code of archive/retire.h. */
int retiring_run(const struct service_conf *conf, int argc, char **argv);

#endif

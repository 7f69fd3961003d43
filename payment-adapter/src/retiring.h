/* retiring.h: `payment-adapter retire`: moves what an event left in our database to files
 * (archive/retire.h). It reads the same configuration as the service, which may keep running. */
#ifndef FG_PAY_RETIRING_H
#define FG_PAY_RETIRING_H

#include "service/service.h"

/* `conf->config` is struct settings. Returns archive/retire.h's exit code. */
int retiring_run(const struct service_conf *conf, int argc, char **argv);

#endif

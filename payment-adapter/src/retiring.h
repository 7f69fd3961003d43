/* retiring.h: `payment-adapter retire`: what an event left in our database goes to files
 * (archive/retire.h). It reads the same configuration as the service, which may run meanwhile. */
#ifndef FG_PAY_RETIRING_H
#define FG_PAY_RETIRING_H

#include "service/service.h"

/* `conf->config` is struct settings. The exit code is archive/retire.h's. */
int retiring_run(const struct service_conf *conf, int argc, char **argv);

#endif

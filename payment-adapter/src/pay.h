/* pay.h: the payment adapter, put together: once for the process, once for each loop. */
#ifndef FG_PAY_PAY_H
#define FG_PAY_PAY_H

#include "pay_loop.h"

int pay_common_init(struct pay_common *common, const struct settings *settings,
                    struct err_slot *err);
void pay_common_deinit(struct pay_common *common);
int pay_open(struct service_loop *loop, struct pay_common *common, struct err_slot *err,
             struct pay **out);
/* After a reload: use the newest keys and knobs from now on. */
void pay_use_keys(struct pay *pay);
void pay_drain(struct pay *pay);
/* Closes every handle; the memory is freed once the loop has closed the last one. */
void pay_close(struct pay *pay);

#endif

/* sale_steps.h: the steps of sales and refunds that do not move money, for the table in
 * checkout.c. */
#ifndef FG_PAY_CORE_SALE_STEPS_H
#define FG_PAY_CORE_SALE_STEPS_H

#include "core/saga/saga_engine.h"

/* ctx: the checkout's conf. */
void sale_extend_hold(struct saga_call *call, void *ctx);
void sale_release_hold(struct saga_call *call, void *ctx); /* undoes it */
void sale_confirm_seats(struct saga_call *call, void *ctx);
void sale_free_seats(struct saga_call *call, void *ctx); /* undoes it; also a step of refunds */
void sale_issue_tickets(struct saga_call *call, void *ctx);
void sale_end_session(struct saga_call *call, void *ctx);
void sale_hand_over(struct saga_call *call, void *ctx); /* the order to the shop, and a mail */
void sale_revoke_tickets(struct saga_call *call, void *ctx);
void sale_tell_shop(struct saga_call *call, void *ctx); /* of the refund */
/* For a refund of a part; the saga's data names the part. */
void sale_revoke_part(struct saga_call *call, void *ctx);
void sale_free_part(struct saga_call *call, void *ctx);
void sale_tell_credit(struct saga_call *call, void *ctx);

#endif

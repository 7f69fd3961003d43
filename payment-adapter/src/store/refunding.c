/* refunding.c: locks the order's row first, so that the next statement sees what check-ins,
 * transfers and other refunds have committed. */
#include "store/refunding.h"

#include <assert.h>

static void add_letters(struct pg_job *job, const char *order)
{
    sql_order_refund_shop_add(job, &(struct sql_order_refund_shop_args){order});
    sql_order_refund_mail_add(job, &(struct sql_order_refund_mail_args){order});
}

void refunding_add_whole(struct pg_job *job, const struct sql_order_refund_args *args)
{
    assert(args->order != NULL);
    sql_order_lock_add(job, &(struct sql_order_lock_args){args->order});
    sql_order_refund_add(job, args);
    add_letters(job, args->order);
}

void refunding_add_part(struct pg_job *job, const struct sql_order_credit_args *args)
{
    assert(args->order != NULL);
    assert(args->seats != NULL || args->has_amount);
    sql_order_lock_add(job, &(struct sql_order_lock_args){args->order});
    sql_order_credit_add(job, args);
    add_letters(job, args->order);
}

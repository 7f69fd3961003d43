/* statements.c: how our connections plan: each statement once, for the connection's life, as
 * tests/integration/payment-adapter/plans.test.js sees it. */
#include "store/statements.h"

#include <assert.h>

#include "payment-adapter/sql/statements.c.inc"

/* Plans are made once, possibly while the tables are still empty, and each statement finds its rows
 * by an index. Without this, the plan for a small table, which reads all of it, would stay after
 * the table has grown. (It did: an order's timeline read all steps of all sagas, and buyers who
 * watched theirs kept the provider's webhooks waiting for seconds.) */
#define BY_INDEX                                                                                   \
    ", set_config('plan_cache_mode', 'force_generic_plan', false)"                                 \
    ", set_config('enable_seqscan', 'off', false)"

/* I3: a commit is an answer to somebody, so it waits for the disk, whatever the server's default
 * is: a company may have told its server not to wait. */
#define DURABLE ", set_config('synchronous_commit', 'on', false)"

/* JIT off: costs that look large to the planner, of a table that has grown or of a scan that is
 * disabled, make it compile a statement, which takes seconds to save milliseconds. */
const char statements_setup[] =
    "SELECT set_config('search_path', 'pay', false),"
    " set_config('statement_timeout', '8s', false), set_config('jit', 'off', false)" BY_INDEX
        DURABLE;

const struct pg_statement statements[SQL_STATEMENTS] = {
#include "payment-adapter/sql/statements.table.inc"
};

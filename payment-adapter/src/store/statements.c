/* statements.c: how our connections plan: each statement once per connection, as
 * tests/integration/payment-adapter/plans.test.js checks. */
#include "store/statements.h"

#include <assert.h>

#include "payment-adapter/sql/statements.c.inc"

/* Plans are made once, possibly while the tables are still empty, so each statement must find its
 * rows by an index. Otherwise a plan made for a small table, which reads all of it, would stay in
 * use after the table has grown. */
#define BY_INDEX                                                                                   \
    ", set_config('plan_cache_mode', 'force_generic_plan', false)"                                 \
    ", set_config('enable_seqscan', 'off', false)"

/* I3: an answer follows a commit, so a commit waits for the disk, whatever the server's default: a
 * company may have told its server not to wait. */
#define DURABLE ", set_config('synchronous_commit', 'on', false)"

/* JIT off: if the planner estimates high costs, for a large table or a disabled scan, JIT would
 * compile the statement, which takes seconds to save milliseconds. */
const char statements_setup[] =
    "SELECT set_config('search_path', 'pay', false),"
    " set_config('statement_timeout', '8s', false), set_config('jit', 'off', false)" BY_INDEX
        DURABLE;

const struct pg_statement statements[SQL_STATEMENTS] = {
#include "payment-adapter/sql/statements.table.inc"
};

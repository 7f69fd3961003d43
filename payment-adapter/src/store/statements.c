/* statements.c: how our connections plan. Requests are asked by key and have one generic plan for
 * the connection's life. The engine's connections plan each statement anew, which costs a commit of
 * a thousand moves less than a millisecond: a batch of one and a batch of a thousand want different
 * plans, and a plan made while the tables were new and empty would read them whole for as long as
 * the connection lives. (It did: a fresh database started at a quarter of its speed.) */
#include "store/statements.h"

#include <assert.h>

#include "payment-adapter/sql/statements.c.inc"

/* Requests plan once, possibly while the tables are still empty, and each of their statements finds
 * its rows by an index. Without this, the plan for a small table, which reads all of it, would stay
 * after the table has grown. (It did: an order's timeline read all steps of all sagas, and buyers
 * who watched theirs kept the provider's webhooks waiting for seconds.) */
#define BY_INDEX ", set_config('enable_seqscan', 'off', false)"

/* I3: a commit is an answer to somebody, so it waits for the disk, whatever the server's default
 * is: a company may have told its server not to wait. */
#define DURABLE ", set_config('synchronous_commit', 'on', false)"

/* JIT off: costs that look large to the planner, of a table that has grown or of a scan that is
 * disabled, make it compile a statement, which takes seconds to save milliseconds. */
#define SETUP(PLANS)                                                                               \
    "SELECT set_config('search_path', 'pay', false),"                                              \
    " set_config('statement_timeout', '8s', false), set_config('jit', 'off', false),"              \
    " set_config('plan_cache_mode', '" PLANS "', false)" DURABLE

const char statements_setup[] = SETUP("force_generic_plan") BY_INDEX;
const char statements_setup_engine[] = SETUP("force_custom_plan");

const struct pg_statement statements[SQL_STATEMENTS] = {
#include "payment-adapter/sql/statements.table.inc"
};

/* statements.c: see statements.h.
 *
 * Plans: what is asked by key has one plan for ever (generic). The engine's connections plan each
 * statement again, which costs a commit of a thousand moves less than a millisecond: a batch of one
 * and a batch of a thousand want different plans, and a plan made while the tables were new and
 * empty would read them whole for as long as the connection lives. (It was so: a fresh database
 * began at a quarter of its speed.) */
#include "store/statements.h"

#include <assert.h>

#include "payment-adapter/sql/statements.c.inc"

/* Requests plan once, at the latest when the tables are still empty, and every statement of theirs
 * finds its rows by an index: without this the plan of a small table, which reads it whole, stays
 * after it has grown. (It did: an order's timeline read all steps of all sagas, and buyers who
 * watched theirs kept the provider's webhooks from the database for seconds.) */
#define BY_INDEX ", set_config('enable_seqscan', 'off', false)"

/* A commit is an answer to somebody, so it waits for the disk, whatever the server's default is: a
 * company may have told its server not to wait. */
#define DURABLE ", set_config('synchronous_commit', 'on', false)"

/* Costs that the planner takes for large, of a table that it thinks has grown or of a scan that it
 * is to avoid, make it compile a statement: for seconds, to save milliseconds. */
#define SETUP(PLANS)                                                                               \
    "SELECT set_config('search_path', 'pay', false),"                                              \
    " set_config('statement_timeout', '8s', false), set_config('jit', 'off', false),"              \
    " set_config('plan_cache_mode', '" PLANS "', false)" DURABLE

const char statements_setup[] = SETUP("force_generic_plan") BY_INDEX;
const char statements_setup_engine[] = SETUP("force_custom_plan");

const struct pg_statement statements[SQL_STATEMENTS] = {
#include "payment-adapter/sql/statements.table.inc"
};

/* session.h: what the hosted page and an intent's acts need of checkout sessions. */
#ifndef FG_PSP_SANDBOX_SESSION_H
#define FG_PSP_SANDBOX_SESSION_H

#include "bank/bank.h"

bool session_is_open(const struct object *session, uint64_t now_s);
/* The session's intent, created if missing and `make`; NULL: the call has been answered. */
struct object *session_intent(struct desk_call *at, struct object *session, bool make);
/* After an act on the page: completes the intent's session if the buyer has agreed. */
void session_settle(struct desk_call *at, struct object *intent);

#endif

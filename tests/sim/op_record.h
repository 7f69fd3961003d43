/* op_record.h: writes calls of the seats and their responses to a history (stage/history.h). */
#ifndef FG_SIM_TOLD_H
#define FG_SIM_TOLD_H

#include "call.h"

void op_record_ask(const struct seat_call *call);
void op_record_answer(const struct seat_call *call);

#endif

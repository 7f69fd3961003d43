/* sql.h: the seats' tables in the world's PostgreSQL, for readers outside. */
#ifndef FG_SIM_SQL_H
#define FG_SIM_SQL_H

#include "core/engine/engine.h"

#include <stdbool.h>
#include <stdint.h>

/* Gets each committed change, each sale that only the key of `sold` rejected, and each time that an
 * event falls asleep until a hold ends at `due_ms` (0: no hold). Events count from 0, in the order
 * of their creation. */
struct sql_ears {
    void (*on_written)(unsigned event, const struct change *change);
    void (*on_walled)(uint32_t seat);
    void (*on_slept)(unsigned event, uint64_t due_ms);
};

/* Creates an event; the arguments are borrowed for good. `ears` may be NULL. */
void sql_begin(const char *id, const char *document, const struct sql_ears *ears);
/* Applies the whole journal to an engine in replay. */
void sql_replay(unsigned event, struct engine *engine);
/* Stores the state after `seq`, as the auditor does. Takes ownership of the bytes. */
void sql_keep_snapshot(unsigned event, uint64_t seq, uint8_t *body, size_t len);
uint64_t sql_epoch(unsigned event);
void sql_raise_epoch(unsigned event); /* out of turn: the owner notices at its next write */
void sql_refuse_rows(unsigned event, uint64_t us); /* of its journal, as a constraint would */
void sql_enlarge(unsigned event, uint64_t document_bytes); /* it is shown to be this long */
/* As `retire` does, which is undone after that time: the event turns out not to be over. */
void sql_retire(unsigned event, uint64_t us);
bool sql_is_asleep(unsigned event);
uint64_t sql_journal_len(unsigned event); /* in changes */

#endif

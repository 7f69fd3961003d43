/* sql.h: the seats' tables in the world's PostgreSQL, for readers outside. */
#ifndef FG_SIM_SQL_H
#define FG_SIM_SQL_H

#include "core/engine/engine.h"

#include <stdbool.h>
#include <stdint.h>

#define SQL_EVENT "gala"

/* Creates an event; id and document are borrowed for good. The callbacks get each committed change,
 * each sale that only the key of `sold` rejected, and each time the event falls asleep until a hold
 * ends at `due_ms` (0: no hold). They may be NULL. */
void sql_begin(const char *id, const char *document,
               void (*on_written)(const struct change *change), void (*on_walled)(uint32_t seat),
               void (*on_slept)(uint64_t due_ms));
/* Applies the whole journal to an engine in replay. */
void sql_replay(struct engine *engine);
/* Stores the state after `seq`, as the auditor does. Takes ownership of the bytes. */
void sql_keep_snapshot(uint64_t seq, uint8_t *body, size_t len);
uint64_t sql_epoch(const char *id);
void sql_raise_epoch(void); /* out of turn: the owner notices at its next write */
bool sql_is_asleep(const char *id);
uint64_t sql_journal_len(void); /* in changes */

#endif

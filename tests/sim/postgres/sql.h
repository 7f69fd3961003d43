/* sql.h: the seats' tables, as the world's PostgreSQL has them, for readers outside. */
#ifndef FG_SIM_SQL_H
#define FG_SIM_SQL_H

#include "core/engine/engine.h"

#include <stdbool.h>
#include <stdint.h>

#define SQL_EVENT "gala"

/* Of an event; the id is borrowed for good. The callbacks hear of all that is written for good, of
 * each sale that only the key of `sold` refused, and of the event that falls asleep, until a hold
 * ends at `due_ms` (0: none does); or NULL. */
void sql_begin(const char *id, void (*on_written)(const struct change *change),
               void (*on_walled)(uint32_t seat), void (*on_slept)(uint64_t due_ms));
/* Applies the whole journal to an engine that is in replay. */
void sql_replay(struct engine *engine);
/* The state after `seq`; as the auditor writes them. The bytes are taken. */
void sql_keep_snapshot(uint64_t seq, uint8_t *body, size_t len);
uint64_t sql_epoch(const char *id);
void sql_raise_epoch(void); /* as nobody should: the owner learns it from its next write */
bool sql_is_asleep(const char *id);
uint64_t sql_journal_len(void); /* in changes */

#endif

/* script.h: runs scripts like Redis: in Lua 5.1, with redis.call, bit, cjson and cmsgpack. A
 * script runs atomically, and its writes before a failure stay. */
#ifndef FG_SIM_REDIS_SCRIPT_H
#define FG_SIM_REDIS_SCRIPT_H

#include "redis-model/keyspace.h"

enum { SCRIPT_SHA_LEN = 40 };

/* Where a script's commands go. Each write is also passed to the callback. */
struct script_host {
    struct keyspace *keyspace;
    uint64_t now_us;
    bool full; /* out of memory: refuses commands that grow unless the script has written already */
    void (*on_write)(void *ctx, const struct span *words, size_t len);
    void *ctx;
};

struct scripts;

struct scripts *scripts_make(void);
void scripts_free(struct scripts *scripts);
/* Forgets all loaded scripts. */
void scripts_flush(struct scripts *scripts);
/* Returns false if the text is not valid Lua; the error is written. */
bool scripts_load(struct scripts *scripts, struct span text, char sha[SCRIPT_SHA_LEN + 1],
                  struct bytes *out);
/* Words: EVAL or EVALSHA, text or sha, number of keys, keys, arguments. */
void scripts_eval(struct scripts *scripts, const struct script_host *host, const struct span *words,
                  size_t len, struct bytes *out);

#endif

/* script.h: runs scripts as Redis does: in Lua 5.1, with its library redis.call, bit, cmsgpack and
 * cjson.decode. What a script does happens at once, and what it did before it failed stays. */
#ifndef FG_SIM_REDIS_SCRIPT_H
#define FG_SIM_REDIS_SCRIPT_H

#include "redis-model/keyspace.h"

enum { SCRIPT_SHA_LEN = 40 };

/* Where the commands of a script go: each that writes is passed on as it is. */
struct script_host {
    struct keyspace *keyspace;
    uint64_t now_us;
    bool full; /* no memory: what would grow is refused, unless the script has written already */
    void (*on_write)(void *ctx, const struct span *words, size_t len);
    void *ctx;
};

struct scripts;

struct scripts *scripts_make(void);
void scripts_free(struct scripts *scripts);
/* Forgets everything that was passed on. */
void scripts_flush(struct scripts *scripts);
/* False: it cannot be read as Lua; the answer has been written. */
bool scripts_load(struct scripts *scripts, struct span text, char sha[SCRIPT_SHA_LEN + 1],
                  struct bytes *out);
/* Words: EVAL or EVALSHA, text or sha, number of keys, keys, arguments. */
void scripts_eval(struct scripts *scripts, const struct script_host *host, const struct span *words,
                  size_t len, struct bytes *out);

#endif

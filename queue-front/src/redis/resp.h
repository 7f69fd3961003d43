/* resp.h: the part of Redis's protocol that this service needs: writes commands into our memory,
 * reads replies from hiredis's trees and checks every type and length. */
#ifndef FG_QUEUE_FRONT_RESP_H
#define FG_QUEUE_FRONT_RESP_H

#include "base/span.h"
#include "base/text.h"

#include <hiredis/hiredis.h>

/* A command is its number of words, then the words. Check text->overflown at the end. */
void resp_begin(struct text *text, uint64_t words);
void resp_word(struct text *text, struct span word);
void resp_cstr(struct text *text, const char *word);
void resp_u64(struct text *text, uint64_t number);
#define RESP_EMPTY "$0\r\n\r\n" /* an empty word, for TEXT_LIT() */

/* Reads element `at` of an array. False if the reply is not an array, has no such element, or the
 * element has another type; *out is written on success only. Integers may come as decimal text too,
 * as from a hash. */
bool resp_array(const redisReply *reply, size_t at, const redisReply **out);
bool resp_get_u64(const redisReply *reply, size_t at, uint64_t *out);
bool resp_get_str(const redisReply *reply, size_t at, struct span *out);
size_t resp_len(const redisReply *reply); /* 0 if not an array */

/* An error reply that begins with this word. */
bool resp_is_error(const redisReply *reply, const char *code);
struct span resp_text(const redisReply *reply); /* a string, status or error; else empty */

#endif

/* resp.h: Redis's protocol as this service needs it: commands written into memory of ours, replies
 * read out of hiredis's trees with every type and length looked at. */
#ifndef FG_QUEUE_FRONT_RESP_H
#define FG_QUEUE_FRONT_RESP_H

#include "base/span.h"
#include "base/text.h"

#include <hiredis/hiredis.h>

/* A command is its number of words, then the words. Judge text->overflown at the end. */
void resp_begin(struct text *text, uint64_t words);
void resp_word(struct text *text, struct span word);
void resp_cstr(struct text *text, const char *word);
void resp_u64(struct text *text, uint64_t number);
#define RESP_EMPTY "$0\r\n\r\n" /* a word without letters, for TEXT_LIT() */

/* Reads element `at` of an array. False if the reply is no array, has no such element, or the
 * element is not what was asked for; *out is written on success only. Integers may come as decimal
 * text too, as Redis returns what a hash holds. */
bool resp_array(const redisReply *reply, size_t at, const redisReply **out);
bool resp_get_u64(const redisReply *reply, size_t at, uint64_t *out);
bool resp_get_str(const redisReply *reply, size_t at, struct span *out);
size_t resp_len(const redisReply *reply); /* 0 for what is no array */

/* An error reply that begins with this word. */
bool resp_is_error(const redisReply *reply, const char *code);
struct span resp_text(const redisReply *reply); /* a string, status or error; else empty */

#endif

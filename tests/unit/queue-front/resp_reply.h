/* resp_reply.h: parses bytes of a Redis reply; free the result with freeReplyObject(). */
#ifndef FG_TEST_RESP_REPLY_H
#define FG_TEST_RESP_REPLY_H

#include "redis/resp.h"
#include "unit.h"

static inline redisReply *resp_reply(struct span resp)
{
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;
    assert_int_equal(REDIS_OK, redisReaderFeed(reader, resp.ptr, resp.len));
    assert_int_equal(REDIS_OK, redisReaderGetReply(reader, &reply));
    redisReaderFree(reader);
    assert_non_null(reply);
    return reply;
}

#endif

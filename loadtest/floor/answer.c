/* answer.c: finds where an HTTP answer ends, and nothing more.
 *
 * A generator that runs against the bare floor of the machine must cost next to nothing, so it
 * searches for the end of the head and for Content-Length and does not parse. That is enough for
 * servers that are known to send a length; chunked answers would never be whole. */
#include "answer.h"

#include <stdlib.h>
#include <string.h>

const char *answer_behind(const char *answer, size_t len, const char *name)
{
    const char *at = memmem(answer, len, name, strlen(name));
    return at != NULL ? at + strlen(name) : NULL;
}

bool answer_is_whole(const char *answer, size_t len)
{
    const char *body = answer_behind(answer, len, "\r\n\r\n");
    if (body == NULL)
        return false;
    size_t head = (size_t)(body - answer);
    const char *length = answer_behind(answer, head, "Content-Length: ");
    if (length == NULL)
        length = answer_behind(answer, head, "content-length: ");
    return len >= head + (length != NULL ? strtoul(length, NULL, 10) : 0);
}

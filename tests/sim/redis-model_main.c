/* redis-model_main.c: the model alone, for the test that compares it with the real Redis. It reads
 * commands in Redis's protocol from standard input and writes replies to standard output. Its clock
 * is the machine's. */
#include "redis-model/command.h"
#include "redis-model/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { WORDS_MAX = 8192 };

static uint64_t wall_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Returns false at the end of the input. */
static bool read_number(char sign, size_t *out)
{
    char line[32];
    if (fgets(line, sizeof(line), stdin) == NULL || line[0] != sign)
        return false;
    *out = strtoull(line + 1, NULL, 10);
    return true;
}

static bool read_word(struct span *out)
{
    size_t len;
    if (!read_number('$', &len))
        return false;
    char *text = malloc(len + 2);
    if (text == NULL || fread(text, 1, len + 2, stdin) != len + 2)
        exit(1);
    *out = (struct span){text, len};
    return true;
}

static void answer(struct keyspace *keyspace, struct scripts *scripts, const struct span *words,
                   size_t len, struct bytes *out)
{
    char sha[SCRIPT_SHA_LEN + 1];
    if (len == 3 && span_eq_nocase(words[0], SPAN("SCRIPT"))) {
        if (scripts_load(scripts, words[2], sha, out))
            reply_bulk(out, span_of(sha));
    } else if (len > 2 && (span_eq_nocase(words[0], SPAN("EVALSHA")) ||
                           span_eq_nocase(words[0], SPAN("EVAL")))) {
        const struct script_host host = {.keyspace = keyspace, .now_us = wall_us()};
        scripts_eval(scripts, &host, words, len, out);
    } else {
        command_do(keyspace, wall_us(), words, len, out);
    }
}

int main(void)
{
    static struct span words[WORDS_MAX];
    struct keyspace *keyspace = keyspace_make();
    struct scripts *scripts = scripts_make();
    struct bytes out = {0};
    size_t len;
    while (read_number('*', &len) && len <= WORDS_MAX) {
        for (size_t i = 0; i < len; i++)
            if (!read_word(&words[i]))
                return 1;
        out.len = 0;
        answer(keyspace, scripts, words, len, &out);
        fwrite(out.ptr, 1, out.len, stdout);
        fflush(stdout);
        for (size_t i = 0; i < len; i++)
            free((void *)(uintptr_t)words[i].ptr);
    }
    bytes_free(&out);
    scripts_free(scripts);
    keyspace_free(keyspace);
    return 0;
}

/* history.c: see history.h. A call's line is kept until its response is known. Lines without a
 * response come last: only the times in a history give its order. */
#include "stage/history.h"

#include "stage/sim.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPEN_MAX = 4096, LINE_MAX = 1024 };

static struct {
    FILE *file;
    const char *path;
    bool asked; /* a history was requested */
    struct {
        const void *call; /* NULL: unused */
        char *line;
    } open[OPEN_MAX];
    uint32_t open_len;
} history;

static void put(const char *format, va_list args)
{
    char line[LINE_MAX];
    int len = vsnprintf(line, sizeof(line), format, args);
    assert(len >= 0 && (size_t)len < sizeof(line));
    for (char *c = line; *c != '\0'; c++)
        if (*c == '\'')
            *c = '"';
    fputs(line, history.file);
}

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put(format, args);
    va_end(args);
}

void history_begin(const char *path, const char *settings)
{
    if (path == NULL)
        return;
    history.path = path;
    history.file = fopen(path, "w");
    if (history.file == NULL) {
        perror(path);
        exit(2);
    }
    say("{'history':1,%s}\n", settings);
}

void history_ask(const void *call, const char *format, ...)
{
    char line[LINE_MAX];
    if (history.file == NULL)
        return;
    history.asked = true;
    int len = snprintf(line, sizeof(line), "{'from':%" PRIu64 ",", sim_us());
    va_list args;
    va_start(args, format);
    vsnprintf(line + len, sizeof(line) - (size_t)len, format, args);
    va_end(args);
    uint32_t at = 0;
    while (at < history.open_len && history.open[at].call != NULL)
        at++;
    assert(at < OPEN_MAX);
    history.open_len += at == history.open_len;
    history.open[at].call = call;
    history.open[at].line = strdup(line);
}

void history_answer(const void *call, const char *answer, const char *format, ...)
{
    if (history.file == NULL)
        return;
    uint32_t at = 0;
    while (at < history.open_len && history.open[at].call != call)
        at++;
    if (at == history.open_len)
        return;
    say("%s,'to':%" PRIu64 ",'answer':'%s'", history.open[at].line, sim_us(), answer);
    va_list args;
    va_start(args, format);
    put(format, args);
    va_end(args);
    say("}\n");
    free(history.open[at].line);
    history.open[at].call = NULL;
}

void history_fact(const char *format, ...)
{
    if (history.file == NULL)
        return;
    say("{'at':%" PRIu64 ",", sim_us());
    va_list args;
    va_start(args, format);
    put(format, args);
    va_end(args);
    say("}\n");
}

void history_end(void)
{
    if (history.file == NULL)
        return;
    for (uint32_t i = 0; i < history.open_len; i++)
        if (history.open[i].call != NULL)
            say("%s,'answer':'unknown'}\n", history.open[i].line);
    bool bad = ferror(history.file) != 0;
    bad = fclose(history.file) != 0 || bad;
    assert(!bad);
    history.file = NULL;
    if (!history.asked)
        (void)remove(history.path); /* nothing to check */
}

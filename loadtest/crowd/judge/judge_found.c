/* judge_found.c: what all files of the judge use: findings by name, and arrays that grow. */
#include "judge/judge_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *const judge_kind_names[FOUND_KINDS] = {
#define JUDGE_KIND(NAME, WORD) [FOUND_##NAME] = (WORD),
    JUDGE_KINDS(JUDGE_KIND)
#undef JUDGE_KIND
};

void judge_found(struct judge_verdict *verdict, enum judge_kind kind, const char *format, ...)
{
    if (verdict->found[kind] < JUDGE_EXAMPLES_MAX) {
        struct judge_finding *finding = &verdict->finding[verdict->written++];
        va_list args;
        va_start(args, format);
        vsnprintf(finding->text, sizeof(finding->text), format, args);
        va_end(args);
        finding->kind = kind;
    }
    verdict->found[kind]++;
    verdict->findings++;
}

bool judge_room(void **array, size_t len, size_t *cap, size_t size)
{
    if (len < *cap)
        return true;
    size_t wanted = *cap == 0 ? 1024 : *cap * 2;
    void *grown = realloc(*array, wanted * size);
    if (grown == NULL)
        return false;
    *array = grown;
    *cap = wanted;
    return true;
}

uint64_t judge_gone_after_us(const struct judge_conf *conf)
{
    return (conf->gone_after_ms > 0 ? conf->gone_after_ms : JUDGE_GONE_AFTER_MS) * 1000;
}

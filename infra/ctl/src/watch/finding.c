/* finding.c: see finding.h. */
#include "watch/finding.h"

#include "show/plain.h"

#include <stdarg.h>
#include <stdio.h>

enum { SENTENCE_MAX = 512 };

void finding_add(json_t *findings, const char *level, const char *mend, const char *format, ...)
{
    char what[SENTENCE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    /* The end of a text that was cut may be a part of a letter, which JSON cannot have. */
    struct grow shown = {.ptr = NULL};
    plain_put(&shown, span_of(what));
    const char *text = grow_cstr(&shown);
    json_array_append_new(findings, json_pack("{s:s, s:s, s:s?}", "level", level, "what",
                                              text != NULL ? text : "no memory", "mend", mend));
    grow_free(&shown);
}

/* finding.c: see finding.h. */
#include "watch/finding.h"

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
    json_t *text = json_string(what);
    json_array_append_new(findings, json_pack("{s:s, s:o, s:s?}", "level", level, "what",
                                              text != NULL ? text : json_string("(not UTF-8)"),
                                              "mend", mend));
}

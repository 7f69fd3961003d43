/* command.c: the table of options, and functions that read a row of the commands. */
#include "words/command.h"

#include <string.h>

const struct option options[OPTION_COUNT] = {
#define OPTION(id, name, value, help, way, member) {name, value, help, OPTION_##way, member},
#include "words/options.h"
#undef OPTION
};

struct span command_name(const struct command *command)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz- ";
    return span_trim((struct span){command->form, strspn(command->form, letters)});
}

const struct command *command_find(const struct command_table *table, char **words, int words_len,
                                   int *name_len)
{
    const struct command *found = NULL;
    for (size_t i = 0; i < table->len; i++) {
        struct span first;
        struct span second = span_cut(command_name(&table->command[i]), ' ', &first);
        int len = second.ptr != NULL ? 2 : 1;
        if (words_len < len || !span_eq(first, span_of(words[0])) ||
            (len == 2 && !span_eq(second, span_of(words[1]))))
            continue;
        if (found == NULL || len > *name_len) {
            found = &table->command[i];
            *name_len = len;
        }
    }
    return found;
}

bool command_is_group(const struct command_table *table, const char *word)
{
    for (size_t i = 0; i < table->len; i++) {
        struct span first;
        struct span rest = span_cut(command_name(&table->command[i]), ' ', &first);
        if (rest.ptr != NULL && span_eq(first, span_of(word)))
            return true;
    }
    return false;
}

bool command_word(const struct command *command, size_t n, struct command_word *out)
{
    struct span rest = span_trim(span_skip(span_of(command->form), command_name(command).len));
    struct span one = {NULL, 0};
    for (size_t i = 0; i <= n; i++) {
        if (rest.ptr == NULL || rest.len == 0)
            return false;
        rest = span_cut(rest, ' ', &one);
    }
    *out = (struct command_word){one, false, false};
    if (span_starts(out->name, SPAN("["))) {
        out->optional = true;
        out->name = (struct span){one.ptr + 1, one.len - 2};
    }
    if (out->name.len > 3 && memcmp(out->name.ptr + out->name.len - 3, "...", 3) == 0) {
        out->several = true;
        out->name.len -= 3;
    }
    return true;
}

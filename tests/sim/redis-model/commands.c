/* commands.c: the table of commands. */
#include "redis-model/commands.h"

static const struct command_row *row_of(struct span name)
{
    const struct command_row *const tables[] = {texts_rows, hashes_rows, zsets_rows, others_rows};
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        for (const struct command_row *row = tables[i]; row->name != NULL; row++)
            if (command_word(name, row->name))
                return row;
    return NULL;
}

int commands_kind(struct span name)
{
    const struct command_row *row = row_of(name);
    return row != NULL ? row->kind : -1;
}

void commands_do(struct keyspace *keyspace, uint64_t now_us, const struct span *words, size_t len,
                 struct bytes *out)
{
    const struct command_row *row = len > 0 ? row_of(words[0]) : NULL;
    struct command command = {keyspace, words, len, out};
    keyspace_set_clock(keyspace, now_us);
    if (row == NULL)
        reply_error(out, "ERR unknown command");
    else if (row->words >= 0 ? len != (size_t)row->words : len < (size_t)-row->words)
        reply_error(out, "ERR wrong number of arguments");
    else
        row->run(&command);
}

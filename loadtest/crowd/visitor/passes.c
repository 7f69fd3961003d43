/* passes.c: prepared passes, one per line, for runs that begin after the waiting room.
 *
 * All are read at start, and a line that cannot be a pass ends the run before it begins. A visitor
 * takes the pass with its number; a crowd larger than the file starts again from the beginning. */
#include "visitor/passes.h"

#include "limits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct passes {
    uint32_t len;
    char *line[PASSES_MAX];
};

static int read_lines(struct passes *passes, FILE *file, const char *path, struct err_slot *err)
{
    char *line = NULL;
    size_t cap = 0;
    int rc = 0;
    for (ssize_t got; rc == 0 && (got = getline(&line, &cap, file)) >= 0;) {
        if (got > 0 && line[got - 1] == '\n')
            line[--got] = '\0';
        if (got == 0 || got >= VISITOR_TOKEN_MAX || passes->len == PASSES_MAX)
            rc = err_set(err, ERR_RANGE, "%s: line %u: %s", path, passes->len + 1,
                         got == 0                   ? "a pass is missing"
                         : got >= VISITOR_TOKEN_MAX ? "longer than a pass can be"
                                                    : "more passes than can be kept");
        else if ((passes->line[passes->len] = strdup(line)) == NULL)
            rc = err_set(err, ERR_NOMEM, "%s: %u passes", path, passes->len);
        else
            passes->len++;
    }
    free(line);
    if (rc == 0 && passes->len == 0)
        rc = err_set(err, ERR_RANGE, "%s: no pass in it", path);
    return rc;
}

int passes_read(const char *path, struct err_slot *err, struct passes **out)
{
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    struct passes *passes = calloc(1, sizeof(*passes));
    int rc = passes != NULL ? read_lines(passes, file, path, err)
                            : err_set(err, ERR_NOMEM, "%s: room for passes", path);
    fclose(file);
    if (rc < 0) {
        passes_destroy(passes);
        return rc;
    }
    *out = passes;
    return 0;
}

struct span passes_of(const struct passes *passes, uint32_t number)
{
    return span_of(passes->line[number % passes->len]);
}

void passes_destroy(struct passes *passes)
{
    for (uint32_t i = 0; passes != NULL && i < passes->len; i++)
        free(passes->line[i]);
    free(passes);
}

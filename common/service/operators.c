/* operators.c: a short list, read from a secret file. Each request compares its token with every
 * entry, so the time it takes does not reveal a near match.
 *
 * Separate from the admin token, which has no name: that one is for the first start, and for an
 * emergency in which this file is lost. */
#include "service/operators.h"

#include "base/secret_file.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct operator_row {
    char name[OPERATORS_NAME_BYTES_MAX + 1];
    char token[OPERATORS_TOKEN_BYTES_MAX];
    size_t token_len;
};

struct operators {
    size_t len;
    struct operator_row row[OPERATORS_MAX];
};

static bool is_name(struct span text)
{
    return text.len > 0 && text.len <= OPERATORS_NAME_BYTES_MAX &&
           span_is_of(text, SPAN_LETTERS SPAN_DIGITS "._@-");
}

/* The characters that a bearer header can carry. */
static bool is_token(struct span text)
{
    return text.len >= OPERATORS_TOKEN_BYTES_MIN && text.len <= OPERATORS_TOKEN_BYTES_MAX &&
           span_is_visible(text);
}

/* The error never quotes a line, as it contains a secret. */
static int take_line(struct operators *operators, struct span line, const char *path,
                     unsigned number, struct err_slot *err)
{
    struct span name, token = span_trim(span_cut(line, ' ', &name));
    if (!is_name(name) || !is_token(token))
        return err_set(
            err, ERR_SYNTAX,
            "%s:%u: wants NAME TOKEN: a name of at most %d letters, digits and \"._@-\", "
            "and a token of %d to %d visible characters",
            path, number, OPERATORS_NAME_BYTES_MAX, OPERATORS_TOKEN_BYTES_MIN,
            OPERATORS_TOKEN_BYTES_MAX);
    if (operators->len == OPERATORS_MAX)
        return err_set(err, ERR_FULL, "%s:%u: more than %d tokens", path, number, OPERATORS_MAX);
    if (operators_name(operators, token) != NULL)
        return err_set(err, ERR_EXISTS, "%s:%u: this token occurs above already", path, number);
    struct operator_row *row = &operators->row[operators->len++];
    bool fits = span_to_cstr(name, row->name, sizeof(row->name));
    assert(fits);
    memcpy(row->token, token.ptr, token.len);
    row->token_len = token.len;
    return 0;
}

int operators_read(const char *path, struct err_slot *err, struct operators **out)
{
    struct secret_file *file;
    int rc = secret_file_read(path, err, &file);
    if (rc < 0)
        return rc;
    struct operators *operators = calloc(1, sizeof(*operators));
    if (operators == NULL)
        rc = err_set(err, ERR_NOMEM, "the tokens of operators");
    struct span rest = secret_file_span(file), line;
    for (unsigned number = 1; rc == 0 && span_next(&rest, '\n', &line); number++) {
        if (span_trim(line).len > 0)
            rc = take_line(operators, span_trim(line), path, number, err);
    }
    secret_file_destroy(file);
    if (rc < 0)
        operators_destroy(operators);
    else
        *out = operators;
    return rc;
}

const char *operators_name(const struct operators *operators, struct span shown)
{
    const char *name = NULL;
    assert(operators->len <= OPERATORS_MAX);
    for (size_t i = 0; i < operators->len; i++) {
        const struct operator_row *row = &operators->row[i];
        if (span_eq_secret(shown, (struct span){row->token, row->token_len}))
            name = row->name;
    }
    return name;
}

void operators_destroy(struct operators *operators)
{
    if (operators == NULL)
        return;
    sodium_memzero(operators, sizeof(*operators));
    free(operators);
}

#include "plan_body.h"

#include "core/hall/plan_import.h"
#include "unit.h"

char *plan_body_quoted(const char *text)
{
    char *copy = strdup(text);
    for (char *c = copy; *c != '\0'; c++)
        if (*c == '\'')
            *c = '"';
    return copy;
}

static int read_body(const char *text, struct err_slot *err, struct plan **plan)
{
    char *body = plan_body_quoted(text);
    int rc = plan_import(span_of(body), err, plan);
    free(body);
    return rc;
}

struct plan *plan_body_taken(const char *text)
{
    struct err_slot err = {.text = ""};
    struct plan *plan = NULL;
    int rc = read_body(text, &err, &plan);
    assert_string_equal(err.text, "");
    assert_int_equal(rc, 0);
    return plan;
}

void plan_body_refused(const char *text, const char *says)
{
    struct err_slot err = {.text = ""};
    struct plan *plan = NULL;
    int rc = read_body(text, &err, &plan);
    if (strncmp(err.text, says, strlen(says)) != 0)
        fail_msg("%.300s: \"%s\" instead of \"%s\"", text, err.text, says);
    assert_true(rc == ERR_RANGE || rc == ERR_SYNTAX); /* the caller's fault */
    assert_null(plan);
}

/* form.c: two fields with one name are refused rather than settled by "the last one wins": with two
 * amounts in one body, nobody knows which one the caller meant. */
#include "form.h"

#include "http/http.h"
#include "must.h"

#include <stdio.h>

/* name := root ('[' anything but brackets ']')* */
static bool is_name(const char *name)
{
    size_t root = strcspn(name, "[]");
    const char *at = name + root;
    unsigned depth = 0;
    while (*at == '[' && depth++ < FORM_DEPTH_MAX) {
        at += 1 + strcspn(at + 1, "[]");
        if (*at != ']')
            return false;
        at++;
    }
    return root > 0 && *at == '\0';
}

static int add_field(struct span raw, struct err_slot *err, json_t *form)
{
    char name[FORM_KEY_MAX + 16], memory[FORM_BYTES_MAX];
    struct span raw_name, raw_value = span_cut(raw, '=', &raw_name);
    struct text key = text_on(name, FORM_KEY_MAX), value = text_on(memory, sizeof(memory));
    size_t count = json_object_size(form);
    if (count == FORM_FIELDS_MAX)
        return err_set(err, ERR_FULL, "form of more than %d fields", FORM_FIELDS_MAX);
    if (!http_url_decode(raw_name, true, &key) || memchr(name, '\0', key.len) != NULL)
        return err_set(err, ERR_SYNTAX, "a field name that is too long or not text");
    name[key.len] = '\0';
    if (!is_name(name))
        return err_set(err, ERR_SYNTAX, "a field name that is empty or has bad brackets");
    /* `expand[]` may be repeated: each is one more element. */
    if (key.len > 2 && strcmp(name + key.len - 2, "[]") == 0)
        snprintf(name + key.len - 1, sizeof(name) - key.len + 1, "%zu]", count);
    if (json_object_get(form, name) != NULL)
        return err_set(err, ERR_EXISTS, "%s is given twice", name);
    if (!http_url_decode(raw_value, true, &value))
        return err_set(err, ERR_SYNTAX, "a %% without two hex digits");
    if (memchr(memory, '\0', value.len) != NULL)
        return err_set(err, ERR_SYNTAX, "a field that holds a NUL");
    if (json_object_set_new(form, name, json_stringn(memory, value.len)) < 0)
        return err_set(err, ERR_SYNTAX, "a field that is not UTF-8 text");
    return 0;
}

int form_parse(struct span raw, struct err_slot *err, json_t *form)
{
    int rc = 0;
    while (raw.ptr != NULL && rc == 0) {
        struct span pair;
        raw = span_cut(raw, '&', &pair);
        if (pair.len > 0)
            rc = add_field(pair, err, form);
    }
    return rc;
}

json_t *form_read(const struct http_req *req, struct err_slot *err)
{
    json_t *form = must(json_object());
    if (form_parse(http_req_query(req), err, form) == 0 &&
        form_parse(http_req_body(req), err, form) == 0)
        return form;
    json_decref(form);
    return NULL;
}

bool form_inner(const char *name, const char *root, struct span *inner)
{
    size_t len = strlen(root);
    if (strncmp(name, root, len) != 0 || name[len] != '[')
        return false;
    struct span rest = span_cut(span_of(name + len + 1), ']', inner);
    return rest.ptr != NULL && rest.len == 0;
}

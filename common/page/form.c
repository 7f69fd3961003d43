/* form.c: pairs NAME=VALUE separated by &, percent-encoded. */
#include "page/form.h"

#include <stdlib.h>
#include <string.h>

static struct span form_body(const struct http_req *req)
{
    static const struct span form = {"application/x-www-form-urlencoded", 33};
    bool is = span_starts(http_req_header(req, HTTP_HEADER_CONTENT_TYPE), form);
    return is ? http_req_body(req) : (struct span){NULL, 0};
}

bool form_is(const struct http_req *req)
{
    return http_req_method(req) == HTTP_METHOD_POST && form_body(req).len > 0;
}

struct span form_field(const struct http_req *req, struct span name, struct text *memory)
{
    struct span rest = form_body(req), pair, key;
    while (rest.len > 0 && span_next(&rest, '&', &pair)) {
        struct span value = span_cut(pair, '=', &key);
        if (span_eq(key, name))
            return http_url_decode(value, true, memory) ? text_span(memory)
                                                        : (struct span){NULL, 0};
    }
    return (struct span){NULL, 0};
}

static int add_field(json_t *fields, struct span pair, struct text *memory, struct err_slot *err)
{
    struct span key;
    struct span value = span_cut(pair, '=', &key);
    size_t from = memory->len;
    bool decoded = http_url_decode(key, true, memory);
    struct span name = {memory->ptr + from, memory->len - from};
    from = memory->len;
    decoded = decoded && http_url_decode(value, true, memory);
    struct span text = {memory->ptr + from, memory->len - from};
    if (!decoded || memchr(text.ptr, '\0', text.len) != NULL ||
        memchr(name.ptr, '\0', name.len) != NULL ||
        json_object_getn(fields, name.ptr, name.len) != NULL ||
        json_object_size(fields) >= FORM_FIELDS_MAX)
        return err_set(err, ERR_SYNTAX, "a form has up to %d different fields of text",
                       FORM_FIELDS_MAX);
    json_t *item = json_stringn(text.ptr, text.len);
    if (item == NULL || json_object_setn_new(fields, name.ptr, name.len, item) < 0)
        return err_set(err, ERR_SYNTAX, "a field that is not UTF-8");
    return 0;
}

int form_read(const struct http_req *req, struct err_slot *err, json_t **out)
{
    struct span rest = form_body(req), pair;
    struct text memory = {0};
    char *bytes = malloc(rest.len + 1);
    json_t *fields = json_object();
    int rc = bytes != NULL && fields != NULL ? 0 : err_set(err, ERR_NOMEM, "a form");
    if (rc == 0)
        memory = text_on(bytes, rest.len + 1);
    while (rc == 0 && rest.len > 0 && span_next(&rest, '&', &pair))
        rc = add_field(fields, pair, &memory, err);
    free(bytes);
    if (rc == 0)
        *out = fields;
    else
        json_decref(fields);
    return rc;
}

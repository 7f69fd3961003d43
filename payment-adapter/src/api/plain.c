/* plain.c: after a form was accepted or refused, a redirect (303) leads back to a page, so a reload
 * repeats nothing. Redirects go only to plain paths of our own pages, whatever a form names. */
#include "api/plain.h"

#include "base/json_in.h"

#include <assert.h>

enum { PAGE_ADDRESS_MAX = 256, PAGE_LINES_MAX = 2048 };

static bool is_page(struct span path)
{
    return span_is_of(path, SPAN_LETTERS SPAN_DIGITS "_-/") && span_starts(path, SPAN("/pay/"));
}

bool plain_is(const struct http_req *req)
{
    char memory[PAGE_ADDRESS_MAX];
    struct text address = text_on(memory, sizeof(memory));
    return form_is(req) && is_page(form_field(req, SPAN("back"), &address));
}

void plain_go(struct http_req *req, struct span page, struct span headers)
{
    char memory[PAGE_LINES_MAX];
    struct text lines = text_on(memory, sizeof(memory));
    assert(page.len > 0 && page.ptr[0] == '/');
    http_header_add(&lines, "Location", page);
    TEXT_LIT(&lines, "Cache-Control: no-store\r\n");
    text_put(&lines, headers);
    assert(!lines.overflown);
    http_reply(req, &(struct http_reply){.status = 303, .headers = text_span(&lines)});
}

bool plain_go_to_field(struct http_req *req, struct span field, struct span headers)
{
    char memory[PAGE_ADDRESS_MAX];
    struct text address = text_on(memory, sizeof(memory));
    struct span page = form_field(req, field, &address);
    if (!plain_is(req) || !is_page(page))
        return false;
    plain_go(req, page, headers);
    return true;
}

bool plain_refuse(struct http_req *req, const char *code, unsigned retry_after_s)
{
    char memory[PAGE_ADDRESS_MAX + 64];
    struct text address = text_on(memory, PAGE_ADDRESS_MAX);
    assert(code[0] != '\0');
    if (!form_is(req) || !is_page(form_field(req, SPAN("back"), &address)))
        return false;
    address.cap = sizeof(memory);
    text_printf(&address, "?refused=%s", code);
    if (retry_after_s > 0)
        text_printf(&address, "&wait=%u", retry_after_s);
    assert(!address.overflown);
    http_bound_count(code);
    plain_go(req, text_span(&address), (struct span){NULL, 0});
    return true;
}

int plain_read(const struct http_req *req, struct err_slot *err, json_t **out)
{
    int rc = form_read(req, err, out);
    if (rc == 0) {
        json_object_del(*out, "back");
        json_object_del(*out, "next");
        static const char *const numbers[] = {"amount", "hold_version"};
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
            uint64_t number;
            if (span_u64(json_in_text_of(*out, numbers[i]), INT64_MAX, &number))
                json_object_set_new(*out, numbers[i], json_integer((json_int_t)number));
        }
    }
    return rc;
}

/* form_fuzz.c: any bytes as a form body. What is taken is text in well-formed fields that lie in
 * the form's memory, no name twice; what is refused is refused with a sentence. */
#include "core/form.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct form form;

static void check_field(const struct form_field *field)
{
    assert(field->root.len > 0 && field->name.len <= FORM_KEY_MAX);
    assert(field->name.len == field->root.len + field->rest.len);
    assert(memchr(field->root.ptr, '[', field->root.len) == NULL);
    assert(field->value.len == 0 || memchr(field->value.ptr, '\0', field->value.len) == NULL);
    assert(field->value.ptr >= form.memory);
    assert(field->value.ptr + field->value.len <= form.memory + form.used);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err_slot err = {.text = ""};
    form_clear(&form);
    if (form_parse(&form, (struct span){(const char *)data, size}, &err) < 0) {
        assert(strlen(err.text) > 3);
        return 0;
    }
    uint8_t digest[FORM_DIGEST_BYTES];
    form_digest(&form, SPAN("fuzz"), digest);
    unsigned at = 0;
    struct span inner;
    struct span value;
    while (form_next(&form, "metadata", &at, &inner, &value))
        assert(memchr(inner.ptr, ']', inner.len) == NULL);
    for (unsigned i = 0; i < form.count; i++)
        check_field(&form.fields[i]);
    return 0;
}

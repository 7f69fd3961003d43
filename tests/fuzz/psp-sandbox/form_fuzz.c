/* form_fuzz.c: any bytes as a form body. An accepted one has well-formed fields and no name twice;
 * a refused one gets an error with a sentence. */
#include "../fuzz.h"
#include "form.h"

static void fuzz(struct span in)
{
    struct err_slot err = {.text = ""};
    json_t *form = json_object();
    if (form_parse(in, &err, form) < 0)
        assert(strlen(err.text) > 3);
    assert(json_object_size(form) <= FORM_FIELDS_MAX);
    const char *name;
    json_t *value;
    json_object_foreach(form, name, value)
    {
        struct span inner;
        assert(name[0] != '\0' && name[0] != '[');
        assert(strlen(json_string_value(value)) == json_string_length(value));
        if (form_inner(name, "metadata", &inner))
            assert(memchr(inner.ptr, ']', inner.len) == NULL);
    }
    json_decref(form);
}

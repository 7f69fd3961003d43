/* json_in_fuzz.c: any bytes as a document. A parsed document can be written and then reads back as
 * the same, and applying it twice as a merge patch changes nothing the second time. */
#include "../fuzz.h"
#include "base/json_in.h"

static void read_something(json_t *doc)
{
    static const char *const words[] = {"a", "b", NULL};
    struct json_in in, child;
    struct err_slot err = {.text = ""};
    struct span text;
    uint64_t number = 0;
    unsigned word = 0;
    json_t *list;
    json_in_object(&in, doc, &err);
    json_in_u64(&in, "u", 1, 10, &number);
    assert(number <= 10);
    json_in_milli(&in, "m", 0, 5000, &number);
    assert(number <= 5000);
    json_in_word(&in, "w", words, &word);
    json_in_time(&in, "t", &number);
    if (json_in_str(&in, "s", 1, 4, &text))
        assert(text.len >= 1 && text.len <= 4);
    if (json_in_array(&in, "l", 0, 3, &list)) {
        for (size_t i = 0; i < json_array_size(list); i++)
            json_in_item_str(&in, "l", list, i, 0, 5, &text);
    }
    if (json_in_child(&in, "c", &child)) {
        json_in_u64(&child, "u", 1, 10, &number);
        json_in_end(&child);
    }
    int rc = json_in_end(&in);
    assert((rc == 0) == (err.text[0] == '\0'));
}

static void check_merge(json_t *patch)
{
    json_t *target = json_pack("{s:i, s:{s:[i]}}", "u", 1, "c", "l", 2);
    json_t *once, *twice;
    int rc = json_in_merge(target, patch, NULL, &once);
    assert(rc == 0);
    rc = json_in_merge(once, patch, NULL, &twice);
    assert(rc == 0);
    assert(json_equal(once, twice));
    json_decref(twice);
    json_decref(once);
    json_decref(target);
}

/* However json_in_parse() parses, the result is jansson's. */
static void check_plain(struct span in, json_t *doc)
{
    json_t *its = json_loadb(in.ptr, in.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    assert(its != NULL);
    assert(json_equal(doc, its));
    json_decref(its);
}

static void fuzz(struct span in)
{
    json_t *doc, *again;
    struct err_slot err;
    if (json_in_parse(in, &err, &doc) < 0)
        return;
    check_plain(in, doc);
    read_something(doc);
    check_merge(doc);

    size_t cap = 8 * in.len + 64;
    char *memory = malloc(cap);
    assert(memory != NULL);
    struct text text = text_on(memory, cap);
    json_in_put(&text, doc);
    assert(!text.overflown);
    int rc = json_in_parse(text_span(&text), &err, &again);
    assert(rc == 0);
    json_decref(again);
    json_decref(doc);
    free(memory);
}

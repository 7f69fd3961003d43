/* meta.c: a small array searched from front to back, since an object carries a handful of pairs.
 * Key and value share one allocation. A change is made in a way that either all of the new pairs
 * are there or none, so that a call that runs out of memory leaves the object as it was. */
#include "core/meta.h"

#include <assert.h>
#include <stdlib.h>

static const char root[] = "metadata";

static int find(const struct meta *meta, struct span key)
{
    for (unsigned i = 0; i < meta->count; i++) {
        if (span_eq(span_of(meta->pairs[i].key), key))
            return (int)i;
    }
    return -1;
}

int meta_check(const struct form *form, const struct meta *now, struct err_slot *err,
               struct span *name)
{
    unsigned at = 0;
    unsigned count = now != NULL ? now->count : 0;
    struct span key;
    struct span value;
    while (form_next(form, root, &at, &key, &value)) {
        *name = form->fields[at - 1].name;
        if (key.len == 0 || key.len > META_KEY_MAX)
            return err_set(err, ERR_RANGE, "Metadata keys can have up to %d characters.",
                           META_KEY_MAX);
        if (value.len > META_VALUE_MAX)
            return err_set(err, ERR_RANGE, "Metadata values can have up to %d characters.",
                           META_VALUE_MAX);
        if (value.len > 0 && (now == NULL || find(now, key) < 0))
            count++;
    }
    *name = SPAN("metadata");
    if (count > META_PAIRS_MAX)
        return err_set(err, ERR_RANGE, "Metadata can have up to %d keys.", META_PAIRS_MAX);
    for (unsigned i = 0; i < form->count; i++) {
        const struct form_field *field = &form->fields[i];
        bool plain = span_eq(field->name, span_of(root));
        if (plain && field->value.len > 0)
            return err_set(err, ERR_SYNTAX, "Invalid object");
        if (!plain && span_eq(field->root, span_of(root)) &&
            memchr(field->rest.ptr, ']', field->rest.len - 1) != NULL)
            return err_set(err, ERR_SYNTAX, "Metadata values have to be texts.");
    }
    return 0;
}

static void drop(struct meta *meta, unsigned at)
{
    free(meta->pairs[at].key);
    meta->count--;
    memmove(&meta->pairs[at], &meta->pairs[at + 1], (meta->count - at) * sizeof(meta->pairs[0]));
}

static int put(struct meta *meta, struct span key, struct span value, struct err_slot *err)
{
    assert(meta->count < META_PAIRS_MAX + FORM_FIELDS_MAX); /* new ones before old ones go */
    char *bytes = malloc(key.len + value.len + 2);
    struct meta_pair *grown = realloc(meta->pairs, (meta->count + 1) * sizeof(*grown));
    if (grown != NULL)
        meta->pairs = grown;
    if (bytes == NULL || grown == NULL) {
        free(bytes);
        return err_set(err, ERR_NOMEM, "metadata of %zu bytes", key.len + value.len);
    }
    struct meta_pair pair = {bytes, bytes + key.len + 1};
    memcpy(pair.key, key.ptr, key.len);
    pair.key[key.len] = '\0';
    if (value.len > 0)
        memcpy(pair.value, value.ptr, value.len);
    pair.value[value.len] = '\0';

    int at = find(meta, key);
    if (at >= 0) {
        free(meta->pairs[at].key);
        meta->pairs[at] = pair;
    } else {
        meta->pairs[meta->count++] = pair;
    }
    return 0;
}

int meta_set(struct meta *meta, struct span key, struct span value, struct err_slot *err)
{
    if (key.len == 0 || key.len > META_KEY_MAX)
        return err_set(err, ERR_RANGE, "Metadata keys can have up to %d characters.", META_KEY_MAX);
    if (value.len > META_VALUE_MAX)
        return err_set(err, ERR_RANGE, "Metadata values can have up to %d characters.",
                       META_VALUE_MAX);
    if (meta->count == META_PAIRS_MAX && find(meta, key) < 0)
        return err_set(err, ERR_FULL, "Metadata can have up to %d keys.", META_PAIRS_MAX);
    return put(meta, key, value, err);
}

int meta_merge(struct meta *meta, const struct form *form, struct err_slot *err)
{
    struct span value;
    if (form_get(form, root, &value)) {
        while (meta->count > 0)
            drop(meta, meta->count - 1);
    }
    unsigned at = 0;
    struct span key;
    while (form_next(form, root, &at, &key, &value)) {
        int place = find(meta, key);
        if (value.len == 0 && place >= 0)
            drop(meta, (unsigned)place);
        if (value.len == 0)
            continue;
        int rc = put(meta, key, value, err);
        if (rc < 0)
            return rc;
    }
    assert(meta->count <= META_PAIRS_MAX);
    return 0;
}

const char *meta_get(const struct meta *meta, const char *key)
{
    int at = find(meta, span_of(key));
    return at >= 0 ? meta->pairs[at].value : NULL;
}

void meta_deinit(struct meta *meta)
{
    while (meta->count > 0)
        drop(meta, meta->count - 1);
    free(meta->pairs);
    meta->pairs = NULL;
}

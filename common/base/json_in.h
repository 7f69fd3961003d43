/* json_in.h: reads JSON from outside into typed variables.
 *
 * An object is read without checks in between and validated once, at its end: json_in_end() also
 * refuses members that no getter asked for. A variable keeps its value if the member is absent. The
 * first failure stays in err, as JSON pointer and rule: "/rate_per_s: must be a number from 0 to
 * 1000000". The code is ERR_SYNTAX for invalid JSON, ERR_RANGE for values that break a rule. */
#ifndef FG_BASE_JSON_IN_H
#define FG_BASE_JSON_IN_H

#include "base/err.h"
#include "base/span.h"
#include "base/text.h"

#include <jansson.h>

enum {
    JSON_IN_DEPTH_MAX = 32,   /* deeper than all our documents, safe for any stack */
    JSON_IN_POINTER_MAX = 96, /* the pointer shares the err_slot with the rule */
    JSON_IN_MEMBERS_MAX = 64, /* different members read from one object */
};

/* One JSON text and nothing after it; duplicate keys and NULs are refused. The caller bounds the
 * length (a route's body_max). On success *out is the caller's, to end with json_decref(). Only
 * ERR_NOMEM leaves open whether the text is valid. */
int json_in_parse(struct span text, struct err_slot *err, json_t **out);

/* For text of another program: *out is NULL if it is not a JSON object or array. ERR_NOMEM: it was
 * not parsed, and *out is NULL. */
int json_in_read(struct span text, json_t **out);

/* For tests, before threads start: replaces the allocator of all JSON, normally malloc(). Do not
 * use json_set_alloc_funcs(): the parser would not notice failed allocations. */
void json_in_allocate(void *(*by)(size_t size));

struct json_in {
    json_t *object; /* borrowed from its document */
    struct err_slot *err;
    int rc; /* 0, or the first failure in this object or its children */
    struct json_in *parent;
    char pointer[JSON_IN_POINTER_MAX];
    const char *asked[JSON_IN_MEMBERS_MAX];
    unsigned asked_len;
};

/* Begins with the whole document, which must be an object. */
void json_in_object(struct json_in *in, json_t *doc, struct err_slot *err);

/* Ends an object: refuses unknown members and returns the first failure. Children end before
 * parents. */
int json_in_end(struct json_in *in);

bool json_in_has(struct json_in *in, const char *key);     /* present, and not null */
void json_in_require(struct json_in *in, const char *key); /* its absence is a failure */
void json_in_allow(struct json_in *in, const char *key);   /* known, but not used */

/* Reports the caller's own failure about one member: "must be later than opens_at". */
int json_in_refuse(struct json_in *in, const char *key, const char *rule, ...)
    __attribute__((format(printf, 3, 4)));

/* Each returns true if the member was present and valid, and only then writes *out. */
bool json_in_u64(struct json_in *in, const char *key, uint64_t min, uint64_t max, uint64_t *out);
/* A number with up to three decimals, in thousandths; min and max are thousandths too. */
bool json_in_milli(struct json_in *in, const char *key, uint64_t min, uint64_t max, uint64_t *out);
bool json_in_bool(struct json_in *in, const char *key, bool *out);
/* min and max in bytes; the span is borrowed from the document. */
bool json_in_str(struct json_in *in, const char *key, size_t min, size_t max, struct span *out);
/* Copies a required member of at least one byte. */
bool json_in_copy(struct json_in *in, const char *key, char *to, size_t cap);
/* min and max in characters of up to four bytes, so that every alphabet has the same room. */
bool json_in_chars(struct json_in *in, const char *key, size_t min, size_t max, struct span *out);
/* One of `words`, which ends with NULL; *out is its index. */
bool json_in_word(struct json_in *in, const char *key, const char *const *words, unsigned *out);
bool json_in_time(struct json_in *in, const char *key, uint64_t *unix_ms); /* RFC 3339 */
bool json_in_array(struct json_in *in, const char *key, size_t min, size_t max, json_t **out);
bool json_in_any(struct json_in *in, const char *key, json_t **out); /* any value except null */

/* A member that is an object: read through `child`, which ends with json_in_end(). */
bool json_in_child(struct json_in *in, const char *key, struct json_in *child);

/* Elements of an array from json_in_array(). */
bool json_in_item_child(struct json_in *in, const char *key, const json_t *array, size_t index,
                        struct json_in *child);
bool json_in_item_str(struct json_in *in, const char *key, const json_t *array, size_t index,
                      size_t min, size_t max, struct span *out);

/* For another program's document, where anything may be missing or of another type: the text is
 * then "not there", the number 0, the copy "" (and false, also if the text is empty or does not
 * fit). Spans are borrowed from the document. */
struct span json_in_words(const json_t *value);
struct span json_in_text_of(const json_t *object, const char *key);
uint64_t json_in_count_of(const json_t *object, const char *key);
bool json_in_copy_of(const json_t *object, const char *key, char *to, size_t cap);

/* RFC 7396: *out is a new document, `target` with `patch` applied; neither is changed. */
int json_in_merge(const json_t *target, const json_t *patch, struct err_slot *err, json_t **out);

/* The document as compact JSON, keys in their order; marks the text as overflown if too long. */
void json_in_put(struct text *text, const json_t *doc);

/* The same with jansson's flags, in memory that the caller frees. NULL: no document, or no memory.
 * Do not use json_dumps(): if its buffer cannot grow, it silently leaves out a key. */
char *json_in_text(const json_t *doc, size_t flags);

#endif

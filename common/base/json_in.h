/* json_in.h: JSON that came from outside, read into typed variables.
 *
 * An object is read without looking and judged once, at its end: json_in_end() also refuses members
 * that nobody asked for. A variable keeps its value if the member is absent. The first failure
 * stays in err, as JSON pointer and rule: "/rate_per_s: must be a number from 0 to 1000000". Code
 * is ERR_SYNTAX for text that is no JSON, ERR_RANGE for values against a rule. */
#ifndef FG_BASE_JSON_IN_H
#define FG_BASE_JSON_IN_H

#include "base/err.h"
#include "base/span.h"
#include "base/text.h"

#include <jansson.h>

enum {
    JSON_IN_DEPTH_MAX = 32,   /* deeper than any document of ours, shallower than any stack */
    JSON_IN_POINTER_MAX = 96, /* the pointer shares err_slot with the rule */
    JSON_IN_MEMBERS_MAX = 64, /* different members asked for in one object */
};

/* One JSON text and nothing after it; duplicate keys and NULs are refused. The length is bounded by
 * the caller (a route's body_max). On success *out is the caller's, to end with json_decref().
 * ERR_NOMEM, of these two alone: nobody knows whether the text is good. */
int json_in_parse(struct span text, struct err_slot *err, json_t **out);

/* For text of another program: *out is NULL if it is not a JSON object or array. ERR_NOMEM: it was
 * not parsed, and *out is NULL. */
int json_in_read(struct span text, json_t **out);

/* For tests, before there are threads: where all JSON gets its memory, malloc() otherwise. Not
 * json_set_alloc_funcs(), with which parsing would not hear of memory that was refused. */
void json_in_allocate(void *(*by)(size_t size));

struct json_in {
    json_t *object; /* borrowed from its document */
    struct err_slot *err;
    int rc; /* 0, or the first failure of this object and of those read through it */
    struct json_in *parent;
    char pointer[JSON_IN_POINTER_MAX];
    const char *asked[JSON_IN_MEMBERS_MAX];
    unsigned asked_len;
};

/* Begins with the whole document, which must be an object. */
void json_in_object(struct json_in *in, json_t *doc, struct err_slot *err);

/* Ends it: refuses unknown members and tells the first failure. Children end before parents. */
int json_in_end(struct json_in *in);

bool json_in_has(struct json_in *in, const char *key);     /* there, and not null */
void json_in_require(struct json_in *in, const char *key); /* being absent is a failure */
void json_in_allow(struct json_in *in, const char *key);   /* known, and of no interest here */

/* A failure of the caller's own making, about one member: "must be later than opens_at". */
int json_in_refuse(struct json_in *in, const char *key, const char *rule, ...)
    __attribute__((format(printf, 3, 4)));

/* Each answers true if the member was there and good, and only then writes *out. */
bool json_in_u64(struct json_in *in, const char *key, uint64_t min, uint64_t max, uint64_t *out);
/* A number with up to three decimals, in thousandths; min and max are thousandths too. */
bool json_in_milli(struct json_in *in, const char *key, uint64_t min, uint64_t max, uint64_t *out);
bool json_in_bool(struct json_in *in, const char *key, bool *out);
/* Length in bytes; the span is borrowed from the document. */
bool json_in_str(struct json_in *in, const char *key, size_t min, size_t max, struct span *out);
/* The same from one byte on, copied, of a member that has to be there. */
bool json_in_copy(struct json_in *in, const char *key, char *to, size_t cap);
/* Length in characters, so that no alphabet has less room; up to four bytes each. */
bool json_in_chars(struct json_in *in, const char *key, size_t min, size_t max, struct span *out);
/* One of `words`, which ends with NULL; *out is its index. */
bool json_in_word(struct json_in *in, const char *key, const char *const *words, unsigned *out);
bool json_in_time(struct json_in *in, const char *key, uint64_t *unix_ms); /* RFC 3339 */
bool json_in_array(struct json_in *in, const char *key, size_t min, size_t max, json_t **out);
bool json_in_any(struct json_in *in, const char *key, json_t **out); /* whatever it is; not null */

/* A member that is an object: read through `child`, which ends with json_in_end(). */
bool json_in_child(struct json_in *in, const char *key, struct json_in *child);

/* The elements of an array that json_in_array() gave. */
bool json_in_item_child(struct json_in *in, const char *key, const json_t *array, size_t index,
                        struct json_in *child);
bool json_in_item_str(struct json_in *in, const char *key, const json_t *array, size_t index,
                      size_t min, size_t max, struct span *out);

/* Of another program's document, in which anything may be missing or of another type: then the text
 * is "not there", the number 0, the copy "" (and false, as for one that is empty or does not fit).
 * Spans are borrowed from the document. */
struct span json_in_words(const json_t *value);
struct span json_in_text_of(const json_t *object, const char *key);
uint64_t json_in_count_of(const json_t *object, const char *key);
bool json_in_copy_of(const json_t *object, const char *key, char *to, size_t cap);

/* RFC 7396: *out is a new document, what `target` becomes by `patch`; neither is changed. */
int json_in_merge(const json_t *target, const json_t *patch, struct err_slot *err, json_t **out);

/* The document as compact JSON, keys in their order; marks the text as overflown if too long. */
void json_in_put(struct text *text, const json_t *doc);

/* The same with flags of jansson's, in memory for the caller to free(). NULL: no document, or no
 * memory. json_dumps() is not to be used: where its buffer cannot grow, it leaves out a key and
 * says nothing. */
char *json_in_text(const json_t *doc, size_t flags);

#endif

/* param.h: the parameters of a Stripe call as a table, checked before the op looks at any. */
#ifndef FG_PSP_SANDBOX_PARAM_H
#define FG_PSP_SANDBOX_PARAM_H

#include "bank/bank.h"

enum param_kind {
    PARAM_TEXT,        /* at most `max` bytes; 0: any */
    PARAM_EMPTY,       /* metadata= */
    PARAM_URL,         /* http(s), and nothing that could end a header's line or an attribute */
    PARAM_NUMBER,      /* from min to max */
    PARAM_AMOUNT,      /* from min to Stripe's largest */
    PARAM_WORD,        /* one of the words; currencies in either case */
    PARAM_META,        /* a metadata value within Stripe's bounds */
    PARAM_EXPAND,      /* a path that leads from call->kind along the links of kinds[] */
    PARAM_LIST_EXPAND, /* the same after "data." */
};

struct param {
    const char
        *pattern; /* of the whole name; # for digits or nothing, * for anything in brackets */
    enum param_kind kind;
    bool required;
    uint64_t min, max;
    const char *const *words; /* ended by NULL */
};

/* Checks that each parameter is in the table (ended by a row without a pattern) and good, and that
 * the required ones are there. False: the call has been answered. */
bool param_check(struct desk_call *at, const struct param *table);

/* "not there" if absent. */
struct span param_get(const struct desk_call *at, const char *name);
bool param_given(const struct desk_call *at, const char *name);
bool param_is(const struct desk_call *at, const char *name, const char *word);
int64_t param_number(const struct desk_call *at, const char *name, int64_t missing);
/* For json_pack(): the text, or NULL if it is absent or empty. */
const char *param_text(const struct desk_call *at, const char *name);
/* The currency that was checked to be one of param_currencies. */
const char *param_currency(const struct desk_call *at, const char *name);
/* The paths of expand[], without "data.". */
void param_expand(const struct desk_call *at, struct expand *out);
/* `now` (may be NULL) with the call's root[...] merged in: an empty value removes a pair, `root=`
 * all of them. A new object; NULL: too many pairs, and the call has been answered. */
json_t *param_metadata(struct desk_call *at, const char *root, json_t *now);

extern const char *const param_currencies[]; /* ended by NULL */
extern const char *const param_capture_methods[];

#define PARAM_METADATA                                                                             \
    {"metadata[*]", .kind = PARAM_META},                                                           \
    {                                                                                              \
        "metadata", .kind = PARAM_EMPTY                                                            \
    }

#endif

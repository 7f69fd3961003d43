/* param.h: parameters of a Stripe call, checked one by one. Each returns false after answering the
 * call with what is wrong; then the op returns. An absent parameter leaves *out alone. */
#ifndef FG_PSP_SANDBOX_PARAM_H
#define FG_PSP_SANDBOX_PARAM_H

#include "bank/bank.h"

/* Nothing but these (and `expand`) may be there; ends with NULL. */
bool param_only(struct desk_call *at, const char *const *known);
bool param_require(struct desk_call *at, const char *name);

bool param_amount(struct desk_call *at, const char *name, int64_t min, int64_t *out);
bool param_u64(struct desk_call *at, const char *name, uint64_t min, uint64_t max, uint64_t *out);
bool param_bool(struct desk_call *at, const char *name, bool *out);
/* One of the words, which end with NULL, in either case; *out is its index. */
bool param_word(struct desk_call *at, const char *name, const char *const *words, unsigned *out);
/* http(s), and nothing that could end a header's line or an attribute. */
bool param_url(struct desk_call *at, const char *name, struct span *out);
extern const char *const param_currencies[];
bool param_text(struct desk_call *at, const char *name, size_t max, struct span *out);
/* What expand[] asks for, of those in `allowed` (enum object_expand); in a list each begins with
 * "data.". */
bool param_expand(struct desk_call *at, bool in_list, unsigned allowed, unsigned *out);
/* automatic, automatic_async, manual; *out is an enum intent_capture. */
bool param_capture_method(struct desk_call *at, const char *name, unsigned *out);
/* payment_method_types[]: cards alone. */
bool param_method_types(struct desk_call *at);
/* payment_intent=: the place of the one that it names. */
bool param_intent(struct desk_call *at, uint32_t *out);
/* metadata[...] within its bounds, added to `now` (may be NULL). */
bool param_meta(struct desk_call *at, const struct meta *now);

#endif

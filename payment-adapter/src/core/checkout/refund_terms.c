/* refund_terms.c: an order keeps its terms as JSON from the day it was made, so the JSON may be
 * years old. Terms without `by`, or with an invalid percentage, are rejected; without `until` there
 * is no deadline. Invalid terms grant nothing; running out of memory is reported as ERR_NOMEM. */
#include "core/checkout/refund_terms.h"

#include "base/json_in.h"
#include "base/rfc3339.h"

#include <jansson.h>

int refund_terms_parse(struct span json, struct refund_terms *out)
{
    *out = (struct refund_terms){0};
    json_t *root;
    int rc = json_in_read(json, &root);
    if (rc < 0)
        return rc;
    const json_t *until = json_object_get(root, "until");
    const char *by = json_string_value(json_object_get(root, "by"));
    json_int_t percent = json_integer_value(json_object_get(root, "percent"));
    bool good = by != NULL && percent >= 0 && percent <= 100;
    out->by_buyer = good && strcmp(by, ACTOR_BUYER) == 0;
    out->handed_on = json_is_true(json_object_get(root, "handed_on"));
    out->percent = good ? (unsigned)percent : 0;
    if (json_is_string(until)) {
        struct span text = span_of(json_string_value(until));
        good = good && span_to_cstr(text, out->until, sizeof(out->until)) &&
               rfc3339_parse(text, &out->until_ms);
    }
    json_decref(root);
    return good ? 0 : ERR_SYNTAX;
}

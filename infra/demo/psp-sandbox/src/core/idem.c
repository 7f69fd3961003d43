/* idem.c: a JSON object keeps its members in the order in which they came, which is also the order
 * in which they expire, so the oldest is always the first. */
#include "core/idem.h"

#include "core/must.h"

#include <assert.h>

void idem_init(struct idem *idem)
{
    idem->kept = must(json_object());
}

static void drop_old(struct idem *idem, uint64_t now_s)
{
    void *oldest;
    while ((oldest = json_object_iter(idem->kept)) != NULL) {
        json_t *at = json_object_get(json_object_iter_value(oldest), "at");
        bool expired = now_s >= (uint64_t)json_integer_value(at) + IDEM_TTL_S;
        if (!expired && json_object_size(idem->kept) < IDEM_KEYS_MAX)
            return;
        json_object_deln(idem->kept, json_object_iter_key(oldest),
                         json_object_iter_key_len(oldest));
    }
}

bool idem_find(struct idem *idem, struct span key, uint64_t now_s, struct idem_answer *answer)
{
    drop_old(idem, now_s);
    const json_t *kept = json_object_getn(idem->kept, key.ptr, key.len);
    const json_t *body = json_object_get(kept, "body");
    if (kept == NULL)
        return false;
    *answer = (struct idem_answer){
        .status = (unsigned)json_integer_value(json_object_get(kept, "status")),
        .body = {json_string_value(body), json_string_length(body)},
        .digest = json_string_value(json_object_get(kept, "digest")),
    };
    return true;
}

void idem_keep(struct idem *idem, struct span key, uint64_t now_s, const struct idem_answer *answer)
{
    assert(json_object_getn(idem->kept, key.ptr, key.len) == NULL);
    json_t *kept =
        json_pack("{s:I,s:i,s:s,s:s%}", "at", (json_int_t)now_s, "status", (int)answer->status,
                  "digest", answer->digest, "body", answer->body.ptr, answer->body.len);
    int rc = json_object_setn_new(idem->kept, key.ptr, key.len, must(kept));
    assert(rc == 0);
}

void idem_deinit(struct idem *idem)
{
    json_decref(idem->kept);
}

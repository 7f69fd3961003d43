/* visitor.c: one keyed BLAKE2b per visitor. Its first part is the key of the join, the rest the id;
 * both come from the same source, so a repeated join leads to the same session as well.
 *
 * The input starts with a byte for the kind of source and the event's name with its length. So a
 * cookie never gives a member's hash, and a visitor cannot be recognised at another event. */
#include "core/token/visitor.h"

#include "base/base64.h"
#include "core/limits.h"

#include <assert.h>
#include <sodium.h>

/* 1 was a key without an owner, 3 one ended place. */
enum source { BY_COOKIE = 2, BY_MEMBER = 4, BY_INVITATION = 5, BY_KEY_OF = 6, AGAIN = 7 };

void visitor_key(const struct mac_ring_key *from, uint8_t key[VISITOR_KEY_BYTES])
{
    static const char purpose[] = "fairgate visitor";
    int rc = crypto_generichash(key, VISITOR_KEY_BYTES, (const uint8_t *)purpose, sizeof(purpose),
                                from->key, MAC_KEY_BYTES);
    assert(rc == 0);
}

void visitor_cookie_put(struct text *out, const struct rng *rng)
{
    uint8_t bytes[16];
    rng_fill(rng, bytes, sizeof(bytes));
    base64_put(out, bytes, sizeof(bytes));
    assert(!out->overflown); /* a truncated id belongs to no visitor */
    static_assert((sizeof(bytes) * 4 + 2) / 3 == VISITOR_COOKIE_LEN, "without padding");
}

bool visitor_cookie_ok(struct span cookie)
{
    uint8_t bytes[16];
    return base64_decode_exact(cookie, bytes, sizeof(bytes));
}

bool visitor_idem_ok(struct span idempotency_key)
{
    return idempotency_key.len > 0 && idempotency_key.len <= IDEM_KEY_BYTES_MAX &&
           span_is_visible(idempotency_key);
}

static struct visitor derive(const uint8_t key[VISITOR_KEY_BYTES], enum source source,
                             struct span event, struct span what)
{
    assert(event.len <= UINT8_MAX);
    assert(what.len > 0); /* otherwise all without one would be the same visitor */
    uint8_t hash[LINE_IDEM_BYTES + LINE_VISITOR_BYTES];
    uint8_t head[2] = {(uint8_t)source, (uint8_t)event.len};
    crypto_generichash_state state;
    int rc = crypto_generichash_init(&state, key, VISITOR_KEY_BYTES, sizeof(hash));
    rc |= crypto_generichash_update(&state, head, sizeof(head));
    rc |= crypto_generichash_update(&state, (const uint8_t *)event.ptr, event.len);
    rc |= crypto_generichash_update(&state, (const uint8_t *)what.ptr, what.len);
    rc |= crypto_generichash_final(&state, hash, sizeof(hash));
    assert(rc == 0);
    struct visitor visitor = {.has_idem = true};
    memcpy(visitor.idem, hash, LINE_IDEM_BYTES);
    memcpy(visitor.id, hash + LINE_IDEM_BYTES, LINE_VISITOR_BYTES);
    return visitor;
}

struct visitor visitor_by_key(const uint8_t key[VISITOR_KEY_BYTES], struct span event,
                              struct span whose, struct span idempotency_key)
{
    uint8_t what[1 + UINT8_MAX + IDEM_KEY_BYTES_MAX];
    assert(whose.len > 0 && whose.len <= UINT8_MAX);
    assert(idempotency_key.len <= IDEM_KEY_BYTES_MAX);
    what[0] = (uint8_t)whose.len;
    memcpy(what + 1, whose.ptr, whose.len);
    memcpy(what + 1 + whose.len, idempotency_key.ptr, idempotency_key.len);
    size_t len = 1 + whose.len + idempotency_key.len;
    return derive(key, BY_KEY_OF, event, (struct span){(const char *)what, len});
}

struct visitor visitor_by_cookie(const uint8_t key[VISITOR_KEY_BYTES], struct span event,
                                 struct span cookie)
{
    return derive(key, BY_COOKIE, event, cookie);
}

struct visitor visitor_again(const uint8_t key[VISITOR_KEY_BYTES], struct span event,
                             const struct ticket *ticket)
{
    assert(ticket->entry > 0);
    struct span what = {(const char *)ticket->visitor, LINE_VISITOR_BYTES};
    struct visitor visitor = derive(key, AGAIN, event, what);
    memcpy(visitor.id, ticket->visitor, LINE_VISITOR_BYTES);
    return visitor;
}

struct visitor visitor_by_invitation(const uint8_t key[VISITOR_KEY_BYTES], struct span event,
                                     struct invitation invitation)
{
    assert(invitation.lane >= 1);
    assert(invitation.number >= 1);
    uint8_t what[5] = {invitation.lane};
    for (unsigned i = 0; i < 4; i++)
        what[1 + i] = (uint8_t)(invitation.number >> (8 * i));
    return derive(key, BY_INVITATION, event, (struct span){(const char *)what, sizeof(what)});
}

struct visitor visitor_by_member(const uint8_t key[VISITOR_KEY_BYTES], struct span event,
                                 struct span member)
{
    return derive(key, BY_MEMBER, event, member);
}

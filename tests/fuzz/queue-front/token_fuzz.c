/* token_fuzz.c: any bytes as a visitor's headers: ticket, session, language, Idempotency-Key. A
 * token that was not signed here is never accepted. */
#include "../fuzz.h"
#include "ring.h"

#include "core/token/session.h"
#include "core/token/visitor.h"
#include "web/lang.h"

static void fuzz(struct span text)
{
    struct ticket ticket;
    struct session session;
    int rc = ticket_parse(ring(), SPAN("show"), text, 1800000000, 86400, &ticket);
    assert(rc == ERR_SYNTAX || rc == ERR_AUTH);
    rc = session_parse(ring(), text, &session);
    assert(rc == ERR_SYNTAX || rc == ERR_AUTH);

    size_t half = text.len / 2;
    enum lang lang = lang_choose((struct span){text.ptr, half}, span_skip(text, half), text);
    assert(lang < lang_count());

    uint8_t key[VISITOR_KEY_BYTES];
    visitor_key(&ring()->key[0], key);
    if (visitor_idem_ok(text)) {
        struct visitor one = visitor_by_key(key, SPAN("show"), SPAN("me"), text);
        struct visitor two = visitor_by_key(key, SPAN("show"), SPAN("me"), text);
        assert(one.has_idem && memcmp(one.idem, two.idem, LINE_IDEM_BYTES) == 0);
    }
}

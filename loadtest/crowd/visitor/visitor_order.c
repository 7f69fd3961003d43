/* visitor_order.c: handles the answers from the order to the tickets, and to the bots' tricks after
 * that.
 *
 * Each of these answers may be late or lost. A visitor retries with the same idempotency key, as a
 * browser does, and the checker verifies that nothing happened twice. Bots come back with the
 * tickets and passes of ended visits, or order another account's hold. The right answer to all
 * of these is a refusal. */
#include "visitor/visitor_internal.h"

#include "base/tag.h"

/* The last part of the provider's page address identifies the payment: a checkout session, or the
 * client secret of an intent. */
static bool page_shown(struct visitor *visitor, const struct pool_answer *answer)
{
    struct baggage *baggage = visitor->baggage;
    struct span url, page;
    if (baggage->page[0] != '\0' || !peek_str(answer->body, "checkout_url", &url))
        return false;
    (void)span_cut(url, '?', &url);
    const char *slash = url.len > 0 ? memrchr(url.ptr, '/', url.len) : NULL;
    if (slash == NULL)
        return false;
    page = span_skip(url, (size_t)(slash + 1 - url.ptr));
    return page.len > 0 && span_to_cstr(page, baggage->page, sizeof(baggage->page));
}

static void order_is_there(struct visitor *visitor, const struct pool_answer *answer)
{
    struct baggage *baggage = visitor->baggage;
    visitor_note(visitor, RECORD_ORDER, answer, baggage->amount, tag_hash(span_of(baggage->order)));
    visitor_note(visitor, RECORD_BY, answer, visitor_time_us(answer, "expires_at"),
                 tag_hash(span_of(baggage->order)));
    bool shares = visitor_is(visitor, MANNER_SHARER) && visitor->crowd->buyers_len > 1;
    visitor_soon(visitor, shares ? PHASE_SHARE : PHASE_PAY, 50, shares ? 200 : 1500);
}

void visitor_on_order(struct visitor *visitor, const struct pool_answer *answer)
{
    struct baggage *baggage = visitor->baggage;
    if (answer->status == 410) {
        visitor_note(visitor, RECORD_GONE, answer, GONE_HOLD, 0);
        visitor_end(visitor, END_TOO_LATE);
        return;
    }
    struct span order;
    if (answer->status >= 300 || !peek_str(answer->body, "order", &order) ||
        !span_to_cstr(order, baggage->order, sizeof(baggage->order))) {
        visitor_unexpected(visitor, answer);
        return;
    }
    peek_u64(answer->body, "amount", &baggage->amount);
    if (page_shown(visitor, answer)) {
        order_is_there(visitor, answer);
        return;
    }
    /* The payment is being prepared: the order gets its address a moment later. */
    visitor_step(visitor, answer);
    visitor_soon(visitor, PHASE_WATCH, 50, 150);
}

void visitor_on_share(struct visitor *visitor, const struct pool_answer *answer)
{
    visitor_trick(visitor, TRICK_SHARE, answer, answer->status < 300, 0);
    visitor_soon(visitor, PHASE_PAY, 50, 1000);
}

void visitor_on_pay(struct visitor *visitor, const struct pool_answer *answer)
{
    if (answer->status != 200 && answer->status != 303) { /* a page, or the way back */
        visitor_unexpected(visitor, answer);
        return;
    }
    visitor_note(visitor, RECORD_PAID, answer, visitor->baggage->amount, 0);
    visitor->baggage->paid = true;
    visitor->since_us = system_mono_us(); /* paid, now waiting for the tickets */
    visitor_later(visitor, PHASE_WATCH, 100);
}

/* How an order ended without tickets; VOIDS: it has not. */
static unsigned void_of(struct span status)
{
    unsigned how = 0;
    while (how < VOIDS && !span_eq(status, span_of(record_void_names[how])))
        how++;
    return how;
}

void visitor_on_watch(struct visitor *visitor, const struct pool_answer *answer)
{
    struct span status;
    if (!peek_str(answer->body, "status", &status)) {
        visitor_unexpected(visitor, answer);
        return;
    }
    visitor->tries = 0;
    visitor_step(visitor, answer);
    if (page_shown(visitor, answer)) {
        order_is_there(visitor, answer);
    } else if (span_eq(status, SPAN("completed"))) {
        visitor_later(visitor, PHASE_TICKETS, 0);
    } else if (void_of(status) < VOIDS) {
        visitor_note(visitor, RECORD_VOID, answer, void_of(status), 0);
        visitor_end(visitor, visitor->baggage->paid ? END_VOIDED : END_TOO_LATE);
    } else {
        visitor_soon(visitor, PHASE_WATCH, 100, 300);
    }
}

void visitor_through(struct visitor *visitor, uint64_t tried)
{
    visitor->manner &= (uint16_t) ~(1u << tried);
    if (visitor_is(visitor, MANNER_REUSER))
        visitor_soon(visitor, PHASE_RETURN, 0, 300);
    else if (visitor_is(visitor, MANNER_SHARER))
        visitor_soon(visitor, PHASE_SECOND, 0, 300);
    else
        visitor_end(visitor, END_DONE);
}

/* The visit ends some time after the tickets arrive, since the saga must first reach the seats and
 * the waiting room. Only from then on must its pass and its ticket be refused. The order's timeline
 * shows when: a fixed delay would be too short if a part was killed and restarted. */
void visitor_on_over(struct visitor *visitor, const struct pool_answer *answer)
{
    struct crowd_stats *stats = visitor->crowd->stats;
    bool settled;
    if (!peek_bool(answer->body, "settled", &settled)) {
        visitor_unexpected(visitor, answer);
        return;
    }
    visitor->tries = 0;
    visitor_step(visitor, answer);
    if (peek_step(answer->body, "end_session", "done")) {
        histogram_record(&stats->over, system_mono_us() - visitor->since_us);
        visitor_through(visitor, MANNERS);
    } else if (settled) { /* the saga ended without that step: the visit expires by itself */
        visitor_count(&stats->unended, 1);
        visitor_end(visitor, END_DONE);
    } else {
        visitor_soon(visitor, PHASE_OVER, 200, 600);
    }
}

void visitor_on_tickets(struct visitor *visitor, const struct pool_answer *answer)
{
    visitor_note(visitor, RECORD_TICKET, answer, visitor->baggage->held,
                 tag_hash(span_of(visitor->baggage->order)));
    histogram_record(&visitor->crowd->stats->ticketed, system_mono_us() - visitor->since_us);
    visitor_count(&visitor->crowd->stats->seats_sold, visitor->baggage->held);
    visitor->since_us = system_mono_us();
    if (visitor_is(visitor, MANNER_REUSER) || visitor_is(visitor, MANNER_SHARER))
        visitor_later(visitor, PHASE_OVER, 0);
    else
        visitor_end(visitor, END_DONE);
}

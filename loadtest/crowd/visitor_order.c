/* visitor_order.c: from the order to the tickets, and what bots try with what is left of them. */
#include "visitor_internal.h"

static bool secret_told(struct visitor *visitor, const struct pool_answer *answer)
{
    struct baggage *baggage = visitor->baggage;
    struct span secret;
    return baggage->secret[0] == '\0' && peek_str(answer->body, "client_secret", &secret) &&
           span_to_cstr(secret, baggage->secret, sizeof(baggage->secret));
}

static void order_is_there(struct visitor *visitor, const struct pool_answer *answer)
{
    struct baggage *baggage = visitor->baggage;
    visitor_note(visitor, RECORD_ORDER, answer, baggage->amount,
                 visitor_hash(span_of(baggage->order)));
    bool shares = visitor_is(visitor, MANNER_SHARER) && visitor->crowd->buyers_len > 1;
    visitor_later(visitor, shares ? PHASE_SHARE : PHASE_PAY,
                  visitor_between_ms(visitor, 50, shares ? 200 : 1500));
}

void visitor_on_order(struct visitor *visitor, const struct pool_answer *answer)
{
    struct baggage *baggage = visitor->baggage;
    if (visitor_is_for_later(answer)) {
        visitor_again(visitor, answer);
        return;
    }
    if (answer->status == 410) {
        visitor_step(visitor, answer);
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
    if (secret_told(visitor, answer)) {
        order_is_there(visitor, answer);
        return;
    }
    /* The payment is being made ready: the order tells its secret a moment later. */
    visitor_step(visitor, answer);
    visitor_later(visitor, PHASE_WATCH, visitor_between_ms(visitor, 50, 150));
}

void visitor_on_share(struct visitor *visitor, const struct pool_answer *answer)
{
    if (visitor_is_for_later(answer)) {
        visitor_again(visitor, answer);
        return;
    }
    visitor_trick(visitor, TRICK_SHARE, answer, answer->status < 300, 0);
    visitor_later(visitor, PHASE_PAY, visitor_between_ms(visitor, 50, 1000));
}

void visitor_on_pay(struct visitor *visitor, const struct pool_answer *answer)
{
    if (visitor_is_for_later(answer)) {
        visitor_again(visitor, answer);
        return;
    }
    if (answer->status != 200) {
        visitor_unexpected(visitor, answer);
        return;
    }
    visitor_note(visitor, RECORD_PAID, answer, visitor->baggage->amount, 0);
    visitor->since_us = visitor_now_us(); /* from here on: paid, waiting for the ticket */
    visitor_later(visitor, PHASE_WATCH, 100);
}

void visitor_on_watch(struct visitor *visitor, const struct pool_answer *answer)
{
    if (visitor_is_for_later(answer)) {
        visitor_again(visitor, answer);
        return;
    }
    struct span status;
    if (answer->status != 200 || !peek_str(answer->body, "status", &status)) {
        visitor_unexpected(visitor, answer);
        return;
    }
    visitor->tries = 0;
    visitor_step(visitor, answer);
    if (secret_told(visitor, answer)) {
        order_is_there(visitor, answer);
    } else if (span_eq(status, SPAN("completed"))) {
        visitor_later(visitor, PHASE_TICKETS, 0);
    } else if (span_eq(status, SPAN("expired")) || span_eq(status, SPAN("cancelled")) ||
               span_eq(status, SPAN("failed")) || span_eq(status, SPAN("refunded"))) {
        visitor_end(visitor, END_TOO_LATE);
    } else {
        visitor_later(visitor, PHASE_WATCH, visitor_between_ms(visitor, 100, 300));
    }
}

void visitor_through(struct visitor *visitor, uint64_t tried)
{
    visitor->manner &= (uint16_t) ~(1u << tried);
    if (visitor_is(visitor, MANNER_REUSER))
        visitor_later(visitor, PHASE_RETURN, visitor_between_ms(visitor, 0, 300));
    else if (visitor_is(visitor, MANNER_SHARER))
        visitor_later(visitor, PHASE_SECOND, visitor_between_ms(visitor, 0, 300));
    else
        visitor_end(visitor, END_DONE);
}

/* The visit ends after the tickets are there, as soon as seats and waiting room can be told; only
 * from then on are its pass and its ticket to be good for nothing. When that is, the saga says: a
 * guess by the clock would call a part that was just killed a liar. */
void visitor_on_over(struct visitor *visitor, const struct pool_answer *answer)
{
    struct crowd_stats *stats = visitor->crowd->stats;
    bool settled;
    if (visitor_is_for_later(answer)) {
        visitor_again(visitor, answer);
        return;
    }
    if (answer->status != 200 || !peek_bool(answer->body, "settled", &settled)) {
        visitor_unexpected(visitor, answer);
        return;
    }
    visitor->tries = 0;
    visitor_step(visitor, answer);
    if (peek_step(answer->body, "end_session", "done")) {
        histogram_record(&stats->over, visitor_now_us() - visitor->since_us);
        visitor_through(visitor, MANNERS);
    } else if (settled) { /* nobody could be told: the visit runs out by itself */
        visitor_count(&stats->unended, 1);
        visitor_end(visitor, END_DONE);
    } else {
        visitor_later(visitor, PHASE_OVER, visitor_between_ms(visitor, 200, 600));
    }
}

void visitor_on_tickets(struct visitor *visitor, const struct pool_answer *answer)
{
    if (visitor_is_for_later(answer)) {
        visitor_again(visitor, answer);
        return;
    }
    if (answer->status != 200) {
        visitor_unexpected(visitor, answer);
        return;
    }
    visitor_note(visitor, RECORD_TICKET, answer, visitor->baggage->held,
                 visitor_hash(span_of(visitor->baggage->order)));
    histogram_record(&visitor->crowd->stats->ticketed, visitor_now_us() - visitor->since_us);
    visitor_count(&visitor->crowd->stats->seats_sold, visitor->baggage->held);
    visitor->since_us = visitor_now_us();
    if (visitor_is(visitor, MANNER_REUSER) || visitor_is(visitor, MANNER_SHARER))
        visitor_later(visitor, PHASE_OVER, 0);
    else
        visitor_end(visitor, END_DONE);
}

/* drift_words.c: one row for each kind of drift: what it means and what to do. The kinds are those
 * of the comparing statements (sql/statements/reconcile.sql). The words are for an operator at
 * night, so each says whether anyone loses money or a seat, and how to end it: a command or call of
 * ours, in backticks, even if that only accepts the difference. */
#include "saga/drift_words.h"

static const struct {
    const char *kind, *means, *todo;
} meanings[] = {
    {"completed-without-money",
     "The order is completed and has tickets, but the provider's list shows no such capture.",
     "Look the payment up at the provider. If it has the money, `fairgate reconcile accept` this. "
     "If not, `fairgate refund ORDER --percent 100` takes tickets and seats back."},
    {"money-without-order", "The provider holds money for which no order is completed.",
     "If `fairgate sagas list --order ORDER` shows it on its way back, wait. Otherwise refund at "
     "the provider; orders that a restore lost, by `recover lost`."},
    {"given-back-without-refund",
     "The provider has given the money back, but the order is completed and its tickets are good.",
     "Somebody refunded at the provider. `fairgate refund ORDER` revokes the tickets and frees the "
     "seats; no money moves again. If a ticket was used, `fairgate refund ORDER --amount SUM` "
     "books it."},
    {"refunded-in-part",
     "The provider has given a part of the money back; the order is completed, all its tickets "
     "good.",
     "Somebody refunded at the provider. `fairgate refund ORDER --amount SUM` with the same sum "
     "books it; no money moves again. `fairgate refund ORDER` gives the rest back, too, and "
     "revokes the tickets."},
    {"given-back-too-much",
     "More money has left the payment than its order says: somebody refunded at the provider what "
     "was not owed, or the buyer's bank took what had been refunded.",
     "Compare the order's refund with the payment at the provider. Send a bank that disputes the "
     "payment the proof of the refund, or ask the buyer for what was paid twice. Then `fairgate "
     "reconcile accept` this."},
    {"refund-failed",
     "The provider could not give the money back after all: the buyer has neither seats nor money.",
     "See at the provider why (a closed card, an empty account), and refund again there. If the "
     "buyer is paid in another way, `fairgate reconcile accept` this."},
    {"disputed", "The buyer's bank asks for the money back.",
     "Answer at the provider before its date; the tickets stay good until it is decided, which "
     "ends this. `fairgate reconcile accept` silences it until then."},
    {"dispute-lost",
     "The buyer's bank has taken the money back, but the order is completed, its tickets good.",
     "`fairgate refund ORDER` revokes its tickets and frees its seats; no money moves again. If a "
     "ticket was used, `fairgate refund ORDER --amount SUM` books it."},
    {"after-retirement",
     "The provider tells something of a payment whose event has been retired: money was asked or "
     "given back late.",
     "Look the order up in the archive that is named, and act at the provider. `payment-adapter "
     "retire EVENT` once more archives this, too, which ends the report."},
    {"events-missed",
     "The provider no longer knew our position in its list; it was read again from the oldest "
     "event that it keeps. What happened before that and after the named time was not seen.",
     "If the given time is further back than the provider's list goes, compare these days by hand. "
     "This is reported for a week; `fairgate reconcile accept` ends it sooner."},
    {"captured-twice", "Besides the payment that the order names, this one holds money for it.",
     "Refund this payment at the provider; or, if it stays there, `fairgate reconcile accept` "
     "this."},
    {"authorisation-left", "The order is over, but the buyer's money is still reserved.",
     "Cancel the payment at the provider. It would run out by itself after some days; `fairgate "
     "reconcile accept` silences it until then."},
    {"moving-without-saga",
     "The order is on its way, being refunded or moved, but it has no open saga.",
     "The program alone cannot cause this. Check what was changed by hand, and `fairgate reconcile "
     "accept` it: the order stays as it is."},
    {"tickets-missing", "A completed order does not have one valid ticket for each seat.",
     "Find its saga by `fairgate sagas list --order ORDER`. If it is parked at issue_tickets, "
     "`fairgate sagas retry SAGA`. If it has ended, `fairgate refund ORDER`."},
    {"tickets-left", "An order that is over still has good tickets.",
     "`fairgate tickets revoke ORDER`; doors without a network would let their holders in."},
    {"parked", "A saga waits for a person.",
     "`fairgate sagas show SAGA` tells why; then `fairgate sagas retry SAGA` or, for a checkout "
     "above the pivot or a refund of a sum, `fairgate sagas compensate SAGA`. If neither helps, "
     "`fairgate reconcile accept` leaves it so until a run reads another sum at the provider, also "
     "if that money moved before."},
    {"not-at-shop", "The shop refuses an order or does not answer.",
     "Nothing is lost; it is tried again. See the error, and the shop's own log. Once it is "
     "parked, `fairgate letters retry LETTER` lets it go."},
    {"lost-at-shop",
     "The shop has taken this order, or this refund or move of it, and no longer lists it.",
     "`fairgate letters retry LETTER` hands it over again."},
    {"other-amount-at-shop", "The shop has this order with another amount.",
     "Ours is what was captured. Have it corrected there: the shop's list is read again every day, "
     "which ends this. `fairgate reconcile accept` silences it as long as it stays the same."},
    {"twice-at-shop", "The shop lists this order more than once: it may have booked it twice.",
     "Have one of them taken back there: the shop's list is read again every day, which ends this. "
     "`fairgate reconcile accept` silences it as long as it stays the same."},
    {"unknown-at-shop", "The shop lists an order under our name that is not ours.",
     "Ask the shop who submitted it; somebody else may have our key. `recover lost` settles what a "
     "restore lost. Otherwise `fairgate reconcile accept` this."},
    {"seat-not-sold", "A completed order has a seat that seat-service does not call sold to it.",
     "If another order has the seat, find out whose tickets are valid for it. `fairgate refund "
     "ORDER` gives the money of one of them back."},
    {"seats-not-compared",
     "The sold seats of this event could not be compared with its orders for a week after the last "
     "of them changed; this is no longer tried.",
     "See why seat-service does not list them: `fairgate halls export EVENT`. Compare the list "
     "with the event's orders by hand, then `fairgate reconcile accept` this."},
    {"sold-without-order", "seat-service calls a seat sold for which no order is completed.",
     "If a saga is about to free it, wait. Otherwise find its hold by `fairgate halls export "
     "EVENT`, and free it there: `POST /internal/events/EVENT/holds/HOLD/refund`."},
    {"places-differ",
     "A completed order has standing places, and seat-service has sold it another number of them, "
     "of another category or price, or none.",
     "`fairgate refund ORDER` gives back money and places; ask the buyer to order again."},
    {"places-without-order",
     "seat-service calls standing places sold for which no order is completed.",
     "If a saga is about to free them, wait. Otherwise find their hold by `fairgate halls export "
     "EVENT`, and free them there: `POST /internal/events/EVENT/holds/HOLD/refund`."},
    {"two-orders", "Two completed orders have the same seat.",
     "The seat is sold to one of them, which the other kinds of drift name. `fairgate refund "
     "ORDER` gives the other back; tell its buyer."},
    {"two-tickets", "Two good tickets are for the same seat: both open the door.",
     "`fairgate refund ORDER` revokes the ticket of the order to which the seat is not sold."},
    {"ticket-without-seat", "A good ticket is for a seat that is not sold to its order.",
     "Its holder has no seat: `fairgate refund ORDER`."},
};

bool drift_words(struct span kind, const char **means, const char **todo)
{
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
        if (span_eq(kind, span_of(meanings[i].kind))) {
            *means = meanings[i].means;
            *todo = meanings[i].todo;
            return true;
        }
    }
    return false;
}

/* drift_words.c: one row for each kind of drift: what it means and what to do. The kinds are those
 * of the statements that compare (sql/statements/reconcile.sql). The words are for an operator at
 * night, so each says whether somebody loses money or a seat, and which act ends it. */
#include "saga/drift_words.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *kind, *means, *todo;
} meanings[] = {
    {"completed-without-money",
     "The order is completed and has tickets, but the provider's list shows no such capture.",
     "Look the payment up at the provider; if it was not captured, refund or void by hand."},
    {"money-without-order", "The provider holds money for which no order is completed.",
     "If the order's saga is still undoing, wait for it; otherwise refund at the provider."},
    {"given-back-without-refund",
     "The provider has given the money back, but the order is completed and its tickets are good.",
     "Somebody refunded at the provider; refund the order here too, which frees its seats."},
    {"refunded-in-part",
     "The provider has given a part of the money back; the order is completed, all its tickets "
     "good.",
     "Somebody refunded at the provider. Give the rest back here, or write down why it is so."},
    {"given-back-too-much",
     "More money has left the payment than its order says: somebody refunded at the provider what "
     "was not owed, or the buyer's bank took what had been refunded.",
     "Compare the order's refund with the payment at the provider. Send a bank that disputes the "
     "payment the proof of the refund, or ask the buyer for what was paid twice."},
    {"refund-failed",
     "The provider could not give the money back after all: the buyer has neither seats nor money.",
     "See at the provider why (a closed card, an empty account), and pay the buyer back by hand."},
    {"disputed", "The buyer's bank asks for the money back.",
     "Answer at the provider before its date; the tickets stay good until it is decided."},
    {"dispute-lost",
     "The buyer's bank has taken the money back, but the order is completed, its tickets good.",
     "Refund the order here, which kills its tickets and frees its seats; no money moves again."},
    {"after-retirement",
     "The provider tells something of a payment whose event has been retired: money was asked or "
     "given back late.",
     "Look the order up in the archive that is named, act at the provider, and write it down; then "
     "`payment-adapter retire EVENT` once more archives this, too, which ends the report."},
    {"events-missed",
     "The provider no longer knew our position in its list; it was read again from the "
     "oldest event that it keeps. What happened before that and after the named time was not seen.",
     "If the given time is further back than the provider's list goes, compare these days by hand. "
     "This is reported for a week."},
    {"captured-twice", "Besides the payment that the order names, this one holds money for it.",
     "Refund this payment at the provider; or, if it stays there, `fairgate reconcile accept` "
     "this."},
    {"authorisation-left", "The order is over, but the buyer's money is still reserved.",
     "Cancel the payment at the provider; it would run out by itself after some days."},
    {"moving-without-saga", "The order says that it moves, but no saga moves it.",
     "The program alone cannot cause this; check what was changed by hand."},
    {"tickets-missing", "A completed order does not have one valid ticket for each seat.",
     "Look at the saga's timeline; `saga retry` if it stands at issue_tickets."},
    {"tickets-left", "An order that is over still has good tickets.",
     "`fairgate tickets revoke ORDER`; doors without a network would let their holders in."},
    {"parked", "A saga waits for a person.",
     "`saga show ID` tells why; then `saga retry` or, above the pivot, `saga compensate`."},
    {"not-at-shop", "The shop refuses an order or does not answer.",
     "Nothing is lost; it is tried again. See the error, and the shop's own log."},
    {"lost-at-shop", "The shop has taken this order and does not list it any more.",
     "`fairgate letters retry LETTER` hands it over again."},
    {"other-amount-at-shop", "The shop has this order with another amount.",
     "Ours is what was captured; have it corrected there."},
    {"unknown-at-shop", "The shop lists an order under our name that is not ours.",
     "Ask the shop who submitted it; somebody else may have our key."},
    {"seat-not-sold", "A completed order has a seat that seat-service does not call sold to it.",
     "If it is not sold at all, confirm it there or refund the order. If another order has it, "
     "find "
     "out whose tickets are valid for it, and refund one of the two."},
    {"sold-without-order", "seat-service calls a seat sold for which no order is completed.",
     "If a saga is about to free it, wait; otherwise free it by `refund` there."},
    {"places-differ",
     "A completed order has standing places, and seat-service has sold it another number of them, "
     "of another category or price, or none.",
     "Refund the order, which gives back money and places, and ask the buyer to order again."},
    {"places-without-order",
     "seat-service calls standing places sold for which no order is completed.",
     "If a saga is about to free them, wait. Otherwise find their hold by `fairgate halls export "
     "EVENT`, and free them there: POST /internal/events/EVENT/holds/HOLD/refund."},
    {"two-orders", "Two completed orders have the same seat.",
     "The seat is sold to one of them, which the other kinds of drift name. Refund the other, and "
     "tell its buyer."},
    {"two-tickets", "Two good tickets are for the same seat: both open the door.",
     "Refund the order to which the seat is not sold, which revokes its ticket; start the service "
     "again, and the database refuses such pairs."},
    {"ticket-without-seat", "A good ticket is for a seat that is not sold to its order.",
     "Its holder has no seat: refund the order, or have its seats confirmed."},
};

bool drift_words(const char *kind, const char **means, const char **todo)
{
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
        if (strcmp(meanings[i].kind, kind) == 0) {
            *means = meanings[i].means;
            *todo = meanings[i].todo;
            return true;
        }
    }
    return false;
}

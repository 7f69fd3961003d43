/* card.c: a table of test cards: the numbers and tokens that Stripe publishes for test mode, each
 * with the outcome of a payment. A number goes through the same checks as at a real provider
 * (characters, length, check digit) before the table is searched, so that a typo and an unknown
 * card fail differently. */
#include "card.h"

static const struct card cards[] = {
    {"pm_card_visa", "4242424242424242", "visa", false, NULL, NULL, NULL, NULL},
    {"pm_card_mastercard", "5555555555554444", "mastercard", false, NULL, NULL, NULL, NULL},
    {"pm_card_chargeDeclined", "4000000000000002", "visa", false, "card_declined",
     "generic_decline", "Your card was declined.", "REJECT_CARD_PAYMENT"},
    {"pm_card_chargeDeclinedInsufficientFunds", "4000000000009995", "visa", false, "card_declined",
     "insufficient_funds", "Your card has insufficient funds.", "REJECT_ACCOUNT_PAYMENT"},
    {"pm_card_chargeDeclinedExpiredCard", "4000000000000069", "visa", false, "expired_card", NULL,
     "Your card has expired.", "INVALID_CARD_EXPIRATION"},
    {"pm_card_authenticationRequired", "4000002500003155", "visa", true, NULL, NULL, NULL, NULL},
    {"pm_card_authenticationRequiredChargeDeclinedInsufficientFunds", "4000008260003178", "visa",
     true, "card_declined", "insufficient_funds", "Your card has insufficient funds.",
     "REJECT_ACCOUNT_PAYMENT"},
    {"pm_card_stranger", NULL, "unknown", false, "card_declined", "test_mode_live_card",
     "Your card was declined. Your request was in test mode, but used a non test card.",
     "NOT_REGISTERED_CARD"},
};

enum { CARDS = sizeof(cards) / sizeof(cards[0]), STRANGER = CARDS - 1 };

/* Stripe writes pm_card_visa_chargeDeclined where older pages write pm_card_chargeDeclined. */
const struct card *card_by_token(struct span token)
{
    static const struct span branded = {"pm_card_visa_", sizeof("pm_card_visa_") - 1};
    static const struct span plain = {"pm_card_", sizeof("pm_card_") - 1};
    size_t prefix = span_starts(token, branded) ? branded.len : plain.len;
    if (!span_starts(token, plain))
        return NULL;
    for (unsigned i = 0; i < CARDS; i++) {
        struct span known = span_of(cards[i].token);
        if (span_eq(span_skip(known, plain.len), span_skip(token, prefix)))
            return &cards[i];
    }
    return NULL;
}

/* Luhn: every second digit from the right counts twice, the sum ends in 0. */
static bool check_digit_holds(struct span digits)
{
    unsigned sum = 0;
    for (size_t i = 0; i < digits.len; i++) {
        unsigned digit = (unsigned)(digits.ptr[digits.len - 1 - i] - '0');
        if (i % 2 == 1)
            digit = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
        sum += digit;
    }
    return sum % 10 == 0;
}

const struct card *card_by_number(struct span typed)
{
    char digits[CARD_NUMBER_MAX];
    struct span number = {digits, 0};
    for (size_t i = 0; i < typed.len; i++) {
        char c = typed.ptr[i];
        if (c == ' ' || c == '-')
            continue;
        if (c < '0' || c > '9' || number.len == sizeof(digits))
            return NULL;
        digits[number.len++] = c;
    }
    if (number.len < 12 || !check_digit_holds(number))
        return NULL;
    unsigned i = 0;
    while (i < STRANGER && !span_eq(span_of(cards[i].number), number))
        i++;
    return &cards[i];
}

const char *card_last4(const struct card *card)
{
    return card->number != NULL ? card->number + strlen(card->number) - 4 : "0000";
}

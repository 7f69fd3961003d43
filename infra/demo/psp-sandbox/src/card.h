/* card.h: the test cards, and the outcome of a payment with each. No other card exists here: a
 * number that is not in the table gets the answer that Stripe's test mode gives to real cards. */
#ifndef FG_PSP_SANDBOX_CARD_H
#define FG_PSP_SANDBOX_CARD_H

#include "base/span.h"

struct card {
    const char *token;  /* pm_card_visa */
    const char *number; /* digits; NULL: the unknown card */
    const char *brand;
    bool asks;             /* the buyer has to authenticate first */
    const char *code;      /* NULL: approved. Otherwise the error's code, */
    const char *decline;   /* its decline_code (or NULL), */
    const char *says;      /* and its sentence for the buyer. */
    const char *toss_says; /* Toss's code for the same refusal */
};

enum { CARD_NUMBER_MAX = 19 };

/* Finds "pm_card_visa_chargeDeclined", with or without the brand; NULL: unknown. */
const struct card *card_by_token(struct span token);

/* Finds a number as a buyer types it, with spaces or dashes. NULL if it is not a card number at all
 * (length, characters, check digit); the unknown card if it is not in the table. */
const struct card *card_by_number(struct span typed);

/* The last four digits, as people know a card. */
const char *card_last4(const struct card *card);

#endif

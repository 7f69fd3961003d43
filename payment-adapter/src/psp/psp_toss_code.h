/* psp_toss_code.h: what Toss Payments means by its error codes. Two errors with the same status can
 * mean opposite things (400 is both "this card is blocked" and "try again in a minute"), so the
 * code decides, and an unknown code decides nothing. */
#ifndef FG_PAY_PSP_TOSS_CODE_H
#define FG_PAY_PSP_TOSS_CODE_H

enum toss_word {
    TOSS_SAYS_NOTHING,  /* unknown: ask again, the payment's state decides */
    TOSS_SAYS_NO,       /* to this buyer, card or refund, and nothing has happened */
    TOSS_SAYS_GONE,     /* the buyer's consent is over */
    TOSS_SAYS_NOBODY,   /* it knows no such payment */
    TOSS_SAYS_LATER,    /* trouble of its own, or of a bank */
    TOSS_SAYS_STRANGER, /* to us: key, contract, account. Says nothing about the order */
    TOSS_SAYS_BEFORE,   /* already done, most likely by us */
    TOSS_WORD_COUNT,
};

/* code: NULL if there was none. */
enum toss_word psp_toss_word(unsigned status, const char *code);

#endif

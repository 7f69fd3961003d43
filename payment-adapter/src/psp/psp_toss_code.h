/* psp_toss_code.h: what Toss Payments means by its error codes. Two errors with the same status can
 * mean opposite things (400 is both "this card is blocked" and "try again in a minute"), so the
 * code decides, and an unknown code decides nothing. */
#ifndef FG_PAY_PSP_TOSS_CODE_H
#define FG_PAY_PSP_TOSS_CODE_H

enum toss_word {
    TOSS_SAYS_NOTHING,  /* unknown: retry, the payment's state decides */
    TOSS_SAYS_NO,       /* to this buyer, card or refund; nothing has happened */
    TOSS_SAYS_GONE,     /* the buyer's consent has lapsed */
    TOSS_SAYS_NOBODY,   /* Toss knows no such payment */
    TOSS_SAYS_LATER,    /* trouble at Toss or a bank */
    TOSS_SAYS_STRANGER, /* rejects us: key, contract, account; says nothing about the order */
    TOSS_SAYS_BEFORE,   /* already done, most likely by us */
    TOSS_WORD_COUNT,
};

/* code: NULL if the answer has none. */
enum toss_word psp_toss_word(unsigned status, const char *code);

#endif

/* psp_toss_code.h: what Toss Payments means by the codes of its errors. Two errors of the same
 * status can mean opposite things (400 is both "this card is stopped" and "try again in a minute"),
 * so the code decides, and one that nobody here knows decides nothing. */
#ifndef FG_PAY_PSP_TOSS_CODE_H
#define FG_PAY_PSP_TOSS_CODE_H

enum toss_word {
    TOSS_SAYS_NOTHING,  /* not known: asked again, and the payment's state decides */
    TOSS_SAYS_NO,       /* to this buyer, this card, this refund; and nothing has happened */
    TOSS_SAYS_GONE,     /* the buyer's consent is over */
    TOSS_SAYS_NOBODY,   /* it knows no such payment */
    TOSS_SAYS_LATER,    /* trouble of its own, or of a bank */
    TOSS_SAYS_STRANGER, /* to us: key, contract, account. Says nothing about the order */
    TOSS_SAYS_BEFORE,   /* it was done already, most likely by ourselves */
    TOSS_WORD_COUNT,
};

/* code: NULL if there was none to read. */
enum toss_word toss_word(unsigned status, const char *code);

#endif

/* psp_toss_code.c: a table of codes, from Toss's lists of errors for confirm, read and cancel.
 * Families (REJECT_..., EXCEED_MAX_...) are matched by their prefix, since members are added to
 * them without notice; every member so far is a no to the buyer. A code that is not in the table
 * decides nothing: a wrong guess here could take money without a sale, or drop a sale that was
 * paid. */
#include "psp/psp_toss_code.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static const struct {
    const char *code; /* a trailing * stands for any ending */
    enum toss_word word;
} words[] = {
    /* our key or contract */
    {"INVALID_API_KEY", TOSS_SAYS_STRANGER},
    {"INVALID_AUTHORIZE_AUTH", TOSS_SAYS_STRANGER},
    {"UNAUTHORIZED_KEY", TOSS_SAYS_STRANGER},
    {"INCORRECT_BASIC_AUTH_FORMAT", TOSS_SAYS_STRANGER},
    {"FORBIDDEN_REQUEST", TOSS_SAYS_STRANGER},
    {"NOT_FOUND_TERMINAL_ID", TOSS_SAYS_STRANGER},
    {"NOT_REGISTERED_BUSINESS", TOSS_SAYS_STRANGER},
    {"INVALID_UNREGISTERED_SUBMALL", TOSS_SAYS_STRANGER},
    /* temporary trouble */
    {"PROVIDER_ERROR", TOSS_SAYS_LATER},
    {"CARD_PROCESSING_ERROR", TOSS_SAYS_LATER},
    {"COMMON_ERROR", TOSS_SAYS_LATER},
    {"UNKNOWN_PAYMENT_ERROR", TOSS_SAYS_LATER},
    {"FAILED_*", TOSS_SAYS_LATER},
    {"FORBIDDEN_CONSECUTIVE_REQUEST", TOSS_SAYS_LATER},
    {"IDEMPOTENT_REQUEST_PROCESSING", TOSS_SAYS_LATER},
    {"INVALID_IDEMPOTENCY_KEY", TOSS_SAYS_LATER},
    {"TOO_MANY_REQUESTS", TOSS_SAYS_LATER},
    {"FORBIDDEN_BANK_REFUND_REQUEST", TOSS_SAYS_LATER}, /* the bank's hours */
    {"NOT_MATCHES_REFUNDABLE_AMOUNT", TOSS_SAYS_LATER}, /* another refund is in progress */
    /* done, or in progress */
    {"ALREADY_*", TOSS_SAYS_BEFORE},
    {"DUPLICATED_ORDER_ID", TOSS_SAYS_BEFORE},
    /* not there */
    {"NOT_FOUND_PAYMENT_SESSION", TOSS_SAYS_GONE},
    {"NOT_FOUND_PAYMENT", TOSS_SAYS_NOBODY},
    {"NOT_FOUND", TOSS_SAYS_NOBODY},
    {"UNAPPROVED_ORDER_ID", TOSS_SAYS_NOBODY},
    /* refusals */
    {"REJECT_*", TOSS_SAYS_NO},
    {"EXCEED_MAX_*", TOSS_SAYS_NO},
    {"EXCEED_CANCEL_*", TOSS_SAYS_NO},
    {"INVALID_CARD_*", TOSS_SAYS_NO},
    {"INVALID_REJECT_CARD", TOSS_SAYS_NO},
    {"INVALID_STOPPED_CARD", TOSS_SAYS_NO},
    {"INVALID_PASSWORD", TOSS_SAYS_NO},
    {"INVALID_ACCOUNT_INFO_RE_REGISTER", TOSS_SAYS_NO},
    {"INVALID_REFUND_ACCOUNT_*", TOSS_SAYS_NO},
    {"NOT_SUPPORTED_*", TOSS_SAYS_NO},
    {"NOT_ALLOWED_*", TOSS_SAYS_NO},
    {"NOT_AVAILABLE_*",
     TOSS_SAYS_NO}, /* the buyer's bank is closed for longer than seats are kept */
    {"NOT_CANCELABLE_*", TOSS_SAYS_NO},
    {"RESTRICTED_TRANSFER_ACCOUNT", TOSS_SAYS_NO},
    {"REFUND_REJECTED", TOSS_SAYS_NO},
    {"BELOW_MINIMUM_AMOUNT", TOSS_SAYS_NO},
    {"FDS_ERROR", TOSS_SAYS_NO},
};

static bool fits(const char *pattern, const char *code)
{
    size_t len = strlen(pattern);
    if (pattern[len - 1] == '*')
        return strncmp(pattern, code, len - 1) == 0;
    return strcmp(pattern, code) == 0;
}

enum toss_word psp_toss_word(unsigned status, const char *code)
{
    if (status == 401)
        return TOSS_SAYS_STRANGER;
    if (status == 429 || status >= 500)
        return TOSS_SAYS_LATER;
    for (size_t i = 0; code != NULL && i < sizeof(words) / sizeof(words[0]); i++) {
        if (fits(words[i].code, code))
            return words[i].word;
    }
    /* Something in front of the API answered: a proxy, or another path. */
    return status == 403 ? TOSS_SAYS_STRANGER : TOSS_SAYS_NOTHING;
}

/* psp_list.h: the payment providers, one row each. NAME is used in orders, in webhook paths and in
 * the configuration; psp/psp_NAME.c holds its driver, psp_NAME. */
#ifndef FG_PAY_PSP_LIST_H
#define FG_PAY_PSP_LIST_H

#define PSP_LIST(ROW)                                                                              \
    ROW(stripe)                                                                                    \
    ROW(toss)

#define PSP_ONE_MORE(NAME) +1
enum { PSP_PROVIDERS = 0 PSP_LIST(PSP_ONE_MORE) };

extern const char *const psp_names[PSP_PROVIDERS + 1]; /* in the list's order; the last is NULL */

#endif

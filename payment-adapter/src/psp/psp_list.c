/* psp_list.c: the list's two arrays: names, which the configuration and the webhooks' paths are
 * checked against, and drivers. Both are made from the one list in the header, in its order, so a
 * provider has the same place in each and a row added there is all it takes. */
#include "psp/psp_list.h"

#include <stddef.h>

#define PSP_NAME(NAME) #NAME,

const char *const psp_names[PSP_PROVIDERS + 1] = {PSP_LIST(PSP_NAME) NULL};

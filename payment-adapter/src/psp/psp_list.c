/* psp_list.c: see psp_list.h. */
#include "psp/psp_list.h"

#include <stddef.h>

#define PSP_NAME(NAME) #NAME,

const char *const psp_names[PSP_PROVIDERS + 1] = {PSP_LIST(PSP_NAME) NULL};

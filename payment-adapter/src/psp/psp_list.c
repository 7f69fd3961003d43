/* psp_list.c: see psp_list.h. */
#include "psp/psp_list.h"

#include "psp/psp.h"

#define PSP_NAME(NAME)   #NAME,
#define PSP_DRIVER(NAME) &psp_##NAME,

const char *const psp_names[PSP_PROVIDERS + 1] = {PSP_LIST(PSP_NAME) NULL};
const struct psp_driver *const psp_drivers[PSP_PROVIDERS] = {PSP_LIST(PSP_DRIVER)};

/* psp_settings.h: what the configuration says about one provider. Its driver decides which of these
 * a provider has, and what they are called. */
#ifndef FG_PAY_PSP_SETTINGS_H
#define FG_PAY_PSP_SETTINGS_H

#include "config/config.h"

struct psp_settings {
    char url[CONFIG_STRING_MAX];            /* of the API; "": the provider is not used */
    char key[CONFIG_STRING_MAX];            /* file */
    char webhook_secret[CONFIG_STRING_MAX]; /* file */
    char checkout_url[CONFIG_STRING_MAX];
    unsigned flow; /* one of the driver's own words */
};

#endif

/* psp_settings.h: one provider's configuration. Its driver decides which of these settings it has,
 * and their names. */
#ifndef FG_PAY_PSP_SETTINGS_H
#define FG_PAY_PSP_SETTINGS_H

#include "config/config.h"

struct psp_settings {
    char url[CONFIG_STRING_MAX];            /* of the API; "": provider not in use */
    char key[CONFIG_STRING_MAX];            /* file */
    char webhook_secret[CONFIG_STRING_MAX]; /* file */
    char checkout_url[CONFIG_STRING_MAX];
    unsigned flow; /* one of the driver's own words */
};

#endif

/* settings.h: the sandbox's configuration. */
#ifndef FG_PSP_SANDBOX_SETTINGS_H
#define FG_PSP_SANDBOX_SETTINGS_H

#include "config/config.h"

struct settings {
    char secret_key[CONFIG_STRING_MAX];
    char webhook_secret[CONFIG_STRING_MAX];
    char public_url[CONFIG_STRING_MAX];
    char return_urls[CONFIG_STRING_MAX];
    char journal[CONFIG_STRING_MAX];
    char webhook_url[CONFIG_STRING_MAX];
    char webhook_events[CONFIG_STRING_MAX];
    uint64_t webhook_retry_ms;
    uint64_t webhook_attempts_max;
    char toss_webhook_url[CONFIG_STRING_MAX];
    uint64_t toss_retry_ms;
};

#endif

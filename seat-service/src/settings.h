/* settings.h: the settings of seat-service, in addition to those of every service. */
#ifndef FG_SEAT_SERVICE_SETTINGS_H
#define FG_SEAT_SERVICE_SETTINGS_H

#include "config/config.h"
#include "web/brand.h"

struct settings {
    char conninfo[CONFIG_STRING_MAX];
    char events[CONFIG_STRING_MAX];
    char instance[CONFIG_STRING_MAX];
    uint64_t owners;
    char address[CONFIG_STRING_MAX], private_address[CONFIG_STRING_MAX];
    uint64_t places, memory, idle_ms;
    uint64_t batch_max;
    uint64_t snapshot_every;
    uint64_t retire_after_ms;
    char issuer[CONFIG_STRING_MAX];
    char keys_file[CONFIG_STRING_MAX];
    char keys_url[CONFIG_STRING_MAX];
    uint64_t keys_refresh_ms;
    uint64_t idem_memory;
    char hold_keys_file[CONFIG_STRING_MAX];
    struct brand_settings brand;
};

extern const struct config_setting settings_table[];
extern const size_t settings_len;

/* Checks that span several settings. */
int settings_check(void *settings, struct err_slot *err);

#endif

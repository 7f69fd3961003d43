/* psp_list_test.c: each provider of the list is whole, and goes by one name everywhere. */
#include "unit.h"

#include "psp/psp.h"
#include "settings.h"

#include <stdio.h>
#include <string.h>

static void each_provider_has_its_name_from_the_list(void **state)
{
    (void)state;
    for (int i = 0; i < PSP_PROVIDERS; i++) {
        char label[64], prefix[32];
        const struct psp_driver *driver = psp_drivers[i];
        snprintf(label, sizeof(label), "provider=\"%s\"", psp_names[i]);
        int len = snprintf(prefix, sizeof(prefix), "%s_", psp_names[i]);
        assert_string_equal(driver->name, psp_names[i]);
        assert_string_equal(driver->label, label);
        assert_true(strlen(driver->name) < sizeof(((struct order *)0)->provider));
        assert_non_null(driver->check);
        assert_non_null(driver->start);
        assert_non_null(driver->webhook);
        assert_non_null(driver->events);
        assert_non_null(driver->is_lost);
        for (const struct config_setting *row = driver->settings; row->section != NULL; row++) {
            assert_string_equal(row->section, "psp");
            assert_int_equal(strncmp(row->key, prefix, (size_t)len), 0);
            assert_true(row->offset < sizeof(struct psp_settings));
        }
    }
    assert_null(psp_names[PSP_PROVIDERS]);
}

static void each_provider_is_configured_in_a_place_of_its_own(void **state)
{
    (void)state;
    struct config_setting list[SETTINGS_MAX];
    size_t len = settings_list(list);
    for (size_t i = 0; i < len; i++) {
        assert_true(list[i].offset < sizeof(struct settings));
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(list[i].offset, list[j].offset);
            assert_false(strcmp(list[i].section, list[j].section) == 0 &&
                         strcmp(list[i].key, list[j].key) == 0);
        }
    }
}

static void default_provider_must_be_configured(void **state)
{
    (void)state;
    static struct settings settings;
    struct err_slot err = {0};
    settings = (struct settings){.users_conninfo = "host=x", .psp_default = 1, .time_zone = "UTC"};
    assert_int_equal(settings_check(&settings, &err), ERR_RANGE);
    assert_says(&err, "psp.toss_url is not set");
    snprintf(settings.psp[1].url, sizeof(settings.psp[1].url), "http://toss.example");
    assert_int_equal(settings_check(&settings, &err), ERR_RANGE);
    assert_says(&err, "psp.toss_url needs toss_key");
    snprintf(settings.psp[1].key, sizeof(settings.psp[1].key), "/key");
    snprintf(settings.psp[1].checkout_url, sizeof(settings.psp[1].checkout_url),
             "http://w.example");
    assert_int_equal(settings_check(&settings, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_provider_has_its_name_from_the_list),
        cmocka_unit_test(each_provider_is_configured_in_a_place_of_its_own),
        cmocka_unit_test(default_provider_must_be_configured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

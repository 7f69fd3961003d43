/* verdicts_test.c: verdicts have distinct codes. Each refusal has a status and a detail, and each
 * sale rule has a sentence in every language of the hall page. */
#include "unit.h"

#include "core/engine/engine.h"

static const char *const pages[] = {
#include "seat-service/web/text.en.inc"
    ,
#include "seat-service/web/text.ko.inc"
};

static const struct {
    const char *code;
    unsigned status;
    const char *detail;
} rows[ENGINE_VERDICT_COUNT] = {
#define ROW(NAME, CODE, STATUS, TELLS, DETAIL) {CODE, STATUS, DETAIL},
    ENGINE_VERDICTS(ROW)
#undef ROW
};

TEST_CASE(each_refusal_has_a_code_of_its_own_a_status_and_a_sentence)
{
    for (unsigned i = 0; i < ENGINE_VERDICT_COUNT; i++) {
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(rows[i].code, rows[j].code);
        if (i == ENGINE_OK || i == ENGINE_SAME)
            continue;
        assert_in_range(rows[i].status, 400, 503);
        assert_true(strlen(rows[i].detail) > 0);
        assert_string_equal(rows[i].code, engine_verdict_name((enum engine_verdict)i));
    }
}

TEST_CASE(each_rule_of_the_sale_has_a_sentence_in_every_language)
{
    for (unsigned i = ENGINE_CHANNEL; i <= ENGINE_ORPHAN; i++) {
        char line[80];
        snprintf(line, sizeof(line), "\nerror.%s = ", rows[i].code);
        for (unsigned page = 0; page < sizeof(pages) / sizeof(pages[0]); page++)
            if (strstr(pages[page], line) == NULL)
                fail_msg("page %u says nothing to %s", page, rows[i].code);
    }
}

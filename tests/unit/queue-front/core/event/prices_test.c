/* prices_test.c: prices as an operator writes them, and as visitors see them. */
#include "core/event/prices.h"

#include "unit.h"

static int read(const char *json, struct prices *out)
{
    json_t *doc;
    struct err_slot err;
    assert_int_equal(0, json_in_parse(span_of(json), &err, &doc));
    struct json_in in;
    json_in_object(&in, doc, &err);
    prices_read(&in, "p", out);
    int rc = json_in_end(&in);
    json_decref(doc);
    return rc;
}

#define GOOD                                                                                       \
    "{\"currency\":\"KRW\",\"categories\":{\"VIP석\":{\"price\":165000,\"gone\":false},"          \
    "\"S\":{\"price\":99000,\"gone\":true}}}"

static void what_is_read_is_written_and_told(void **state)
{
    (void)state;
    struct prices prices;
    char memory[1024];
    assert_int_equal(0, read("{\"p\":" GOOD "}", &prices));
    struct text text = text_on(memory, sizeof(memory));
    prices_put(&text, &prices);
    assert_true(span_eq(text_span(&text), SPAN(GOOD)));
    text = text_on(memory, sizeof(memory));
    prices_tell(&text, &prices);
    assert_true(span_eq(
        text_span(&text),
        SPAN("{\"currency\":\"KRW\",\"from\":165000,\"to\":165000,\"categories\":[{\"name\":"
             "\"VIP석\",\"price\":165000,\"gone\":false},{\"name\":\"S\",\"price\":99000,"
             "\"gone\":true}]}")));
    prices.price[0].gone = true;
    text = text_on(memory, sizeof(memory));
    prices_tell(&text, &prices);
    assert_true(
        span_starts(text_span(&text), SPAN("{\"currency\":\"KRW\",\"from\":null,\"to\":null,")));
}

static void what_breaks_a_rule_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{\"p\":1}",
        "{\"p\":{\"currency\":\"KRW\"}}",
        "{\"p\":{\"categories\":{}}}",
        "{\"p\":{\"currency\":\"krw\",\"categories\":{}}}",
        "{\"p\":{\"currency\":\"KR\",\"categories\":{}}}",
        "{\"p\":{\"currency\":\"\",\"categories\":{}}}",
        "{\"p\":{\"currency\":\"KRWX\",\"categories\":{}}}",
        "{\"p\":{\"currency\":\"KRW\",\"categories\":{},\"from\":1}}",
        "{\"p\":{\"currency\":\"KRW\",\"categories\":{\"S\":5}}}",
        "{\"p\":{\"currency\":\"KRW\",\"categories\":{\"S\":{\"price\":1,\"gone\":0}}}}",
        "{\"p\":{\"currency\":\"KRW\",\"categories\":{\"a\\u001f\":{\"price\":1}}}}",
        "{\"p\":{\"currency\":\"KRW\",\"categories\":{\"a\\\\b\":{\"price\":1}}}}",
        "{\"p\":{\"currency\":\"KRW\",\"categories\":[]}}",
        "{\"p\":{\"currency\":\"KRW\",\"categories\":{\"S\":{}}}}",
        "{\"p\":{\"currency\":\"KRW\",\"categories\":{\"S\":{\"price\":-1}}}}",
        "{\"p\":{\"currency\":\"KRW\",\"categories\":{\"S\":{\"price\":1000000001}}}}",
        "{\"p\":{\"currency\":\"KRW\",\"categories\":{\"S\":{\"price\":1,\"x\":1}}}}",
        "{\"p\":{\"currency\":\"KRW\",\"categories\":{\"\":{\"price\":1}}}}",
        "{\"p\":{\"currency\":\"KRW\",\"categories\":{\"a\\\"b\":{\"price\":1}}}}",
        "{\"p\":{\"currency\":\"KRW\",\"categories\":{\"a\\nb\":{\"price\":1}}}}",
    };
    struct prices prices;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_true(read(bad[i], &prices) < 0);
    for (unsigned count = PRICES_MAX; count <= PRICES_MAX + 1; count++) {
        char memory[2048];
        struct text text = text_on(memory, sizeof(memory));
        TEXT_LIT(&text, "{\"p\":{\"currency\":\"EUR\",\"categories\":{");
        for (unsigned i = 0; i < count; i++)
            text_printf(&text, "%s\"%u\":{\"price\":1}", i > 0 ? "," : "", i);
        TEXT_LIT(&text, "}}}");
        memory[text.len] = '\0';
        assert_int_equal(read(memory, &prices) == 0, count == PRICES_MAX);
        assert_int_equal(prices.len, PRICES_MAX);
    }
}

static void what_is_just_within_its_rule_is_taken(void **state)
{
    (void)state;
    struct prices prices;
    assert_int_equal(0, read("{\"p\":{\"currency\":\"AZA\",\"categories\":{\" \":{\"price\":0},"
                             "\"~\":{\"price\":1000000000,\"gone\":true}}}}",
                             &prices));
    assert_string_equal(prices.currency, "AZA");
    assert_int_equal(prices.len, 2);
    assert_string_equal(prices.price[0].name, " ");
    assert_int_equal(prices.price[0].amount, 0);
    assert_false(prices.price[0].gone);
    assert_int_equal(prices.price[1].amount, 1000000000);
    assert_true(prices.price[1].gone);
    assert_int_equal(0, read("{\"p\":{\"currency\":\"EUR\",\"categories\":{}}}", &prices));
    assert_int_equal(prices.len, 0);
}

static void amounts_are_written_by_their_currency(void **state)
{
    (void)state;
    static const struct {
        const char *currency;
        uint32_t amount;
        const char *text;
    } rows[] = {{"KRW", 143000, "143,000"},
                {"EUR", 4550, "45.50"},
                {"EUR", 5, "0.05"},
                {"KWD", 1234567, "1,234.567"},
                {"JPY", 999, "999"},
                {"USD", 100000000, "1,000,000.00"},
                {"JPY", 1000, "1,000"},
                {"BIF", 1001, "1,001"},
                {"XPF", 7, "7"},
                {"BHD", 999, "0.999"},
                {"TND", 1000, "1.000"},
                {"USD", 99999, "999.99"},
                {"USD", 0, "0.00"},
                {"KRW", 0, "0"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char memory[32];
        struct text text = text_on(memory, sizeof(memory));
        prices_put_amount(&text, rows[i].currency, rows[i].amount);
        assert_true(span_eq(text_span(&text), span_of(rows[i].text)));
    }
}

static void the_shown_range_is_that_of_what_is_left(void **state)
{
    (void)state;
    static const struct {
        uint32_t amounts[3];
        bool gone[3];
        const char *told;
    } rows[] = {
        {{5, 9, 7}, {false, false, false}, "{\"currency\":\"EUR\",\"from\":5,\"to\":9,"},
        {{9, 5, 7}, {false, false, false}, "{\"currency\":\"EUR\",\"from\":5,\"to\":9,"},
        {{9, 5, 7}, {false, true, false}, "{\"currency\":\"EUR\",\"from\":7,\"to\":9,"},
        {{9, 5, 7}, {true, false, false}, "{\"currency\":\"EUR\",\"from\":5,\"to\":7,"},
        {{9, 5, 7}, {true, true, true}, "{\"currency\":\"EUR\",\"from\":null,\"to\":null,"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct prices prices = {.currency = "EUR", .len = 3};
        for (int k = 0; k < 3; k++)
            prices.price[k] = (struct price){"x", rows[i].amounts[k], rows[i].gone[k]};
        char memory[512];
        struct text text = text_on(memory, sizeof(memory));
        prices_tell(&text, &prices);
        assert_true(span_starts(text_span(&text), span_of(rows[i].told)));
    }
}

static void a_category_has_a_name_of_a_bounded_length(void **state)
{
    (void)state;
    for (int len = PRICE_NAME_MAX; len <= PRICE_NAME_MAX + 1; len++) {
        char name[PRICE_NAME_MAX + 2], json[512];
        memset(name, 'n', sizeof(name));
        struct text text = text_on(json, sizeof(json) - 1);
        text_printf(&text, "{\"p\":{\"currency\":\"KRW\",\"categories\":{\"%.*s\":{\"price\":1}}}}",
                    len, name);
        json[text.len] = '\0';
        struct prices prices;
        assert_int_equal(read(json, &prices) == 0, len <= PRICE_NAME_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_written_and_told),
        cmocka_unit_test(what_breaks_a_rule_is_refused),
        cmocka_unit_test(what_is_just_within_its_rule_is_taken),
        cmocka_unit_test(amounts_are_written_by_their_currency),
        cmocka_unit_test(the_shown_range_is_that_of_what_is_left),
        cmocka_unit_test(a_category_has_a_name_of_a_bounded_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* parts_test.c: the small parts of the sandbox: form bodies, faults, idempotency keys, cards. */
#include "unit.h"

#include "bank/form.h"
#include "base/json_in.h"
#include "core/card.h"
#include "core/fault.h"
#include "core/idem.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *name, *raw;
    const char *want; /* the fields as JSON, or the error */
    int rc;
} forms[] = {
    {"fields have their whole name and decoded text",
     "amount=132000&metadata[order]=7&metadata[name]=R%20%26&expand[0]=latest_charge&x=",
     "{\"amount\":\"132000\",\"metadata[order]\":\"7\",\"metadata[name]\":\"R &\","
     "\"expand[0]\":\"latest_charge\",\"x\":\"\"}",
     0},
    {"brackets and text may come escaped", "metadata%5Bk%5D=%EA%B0%92+x",
     "{\"metadata[k]\":\"값 x\"}", 0},
    {"empty brackets number their fields", "e[]=a&other=1&e[]=b&e[x][y]=deep",
     "{\"e[0]\":\"a\",\"other\":\"1\",\"e[2]\":\"b\",\"e[x][y]\":\"deep\"}", 0},
    {"empty pairs are skipped", "m[a]=1&m[b]=2&&", "{\"m[a]\":\"1\",\"m[b]\":\"2\"}", 0},
    {"a name is given once", "amount=1&amount=2", "amount is given twice", ERR_EXISTS},
    {"an escaped name is the same name", "m[a]=1&m%5Ba%5D=2", "m[a] is given twice", ERR_EXISTS},
    {"a percent sign needs two digits", "a%", "", ERR_SYNTAX},
    {"one digit is not enough", "a=%2", "hex digits", ERR_SYNTAX},
    {"letters beyond F are no digits", "a=%zz", "hex digits", ERR_SYNTAX},
    {"a name is not empty", "=1", "empty", ERR_SYNTAX},
    {"a name does not begin with a bracket", "[a]=1", "", ERR_SYNTAX},
    {"an open bracket is closed", "a[=1", "", ERR_SYNTAX},
    {"a closing bracket was opened", "a]=1", "", ERR_SYNTAX},
    {"an open bracket with text is closed", "a[b=1", "", ERR_SYNTAX},
    {"brackets hold no brackets", "a[[b]]", "", ERR_SYNTAX},
    {"nothing follows brackets", "a[b]c=1", "", ERR_SYNTAX},
    {"five brackets are too many", "a[1][2][3][4][5]=x", "", ERR_SYNTAX},
    {"text holds no NUL", "a=%00", "NUL", ERR_SYNTAX},
    {"a name holds no NUL", "a%00b=1", "", ERR_SYNTAX},
    {"FF is no UTF-8", "a=%ff", "UTF-8", ERR_SYNTAX},
    {"a longer form of NUL is no UTF-8", "a=%c0%80", "UTF-8", ERR_SYNTAX},
    {"a surrogate is no UTF-8", "a=%ed%a0%80", "UTF-8", ERR_SYNTAX},
    {"a cut sequence is no UTF-8", "a=%e2%82", "UTF-8", ERR_SYNTAX},
    {"a name is UTF-8", "%ff=1", "UTF-8", ERR_SYNTAX},
};

TEST_CASE(forms_are_read_or_refused)
{
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct err_slot err;
        json_t *form = json_object();
        int rc = form_parse(span_of(forms[i].raw), &err, form);
        char *text = json_in_text(form, 0);
        const char *got = rc == 0 ? text : err.text;
        if (rc != forms[i].rc || strstr(got, forms[i].want) == NULL)
            fail_msg("%s: %d, %s", forms[i].name, rc, got);
        free(text);
        json_decref(form);
    }
}

TEST_CASE(a_form_has_a_bounded_number_of_fields)
{
    struct err_slot err;
    char raw[FORM_FIELDS_MAX * 8];
    json_t *form = json_object();
    size_t len = 0;
    for (unsigned i = 0; i < FORM_FIELDS_MAX; i++)
        len += (size_t)snprintf(raw + len, sizeof(raw) - len, "k%u=1&", i);
    assert_int_equal(0, form_parse((struct span){raw, len}, &err, form));
    assert_int_equal(ERR_FULL, form_parse(SPAN("more=1"), &err, form));
    json_decref(form);
    form = json_object();
    memset(raw, 'k', FORM_KEY_MAX + 1);
    assert_int_equal(0, form_parse((struct span){raw, FORM_KEY_MAX}, &err, form));
    assert_int_equal(ERR_SYNTAX, form_parse((struct span){raw, FORM_KEY_MAX + 1}, &err, form));
    json_decref(form);
}

TEST_CASE(members_of_a_root_have_one_pair_of_brackets)
{
    struct span inner;
    assert_true(form_inner("metadata[order]", "metadata", &inner));
    assert_span(inner, "order");
    assert_true(form_inner("a[b][c]", "a[b]", &inner));
    assert_span(inner, "c");
    assert_false(form_inner("metadata[a][b]", "metadata", &inner));
    assert_false(form_inner("metadata", "metadata", &inner));
    assert_false(form_inner("metadatas[a]", "metadata", &inner));
}

/* ---- faults ---- */

TEST_CASE(invalid_fault_is_refused_with_the_reason)
{
    static const char *const bad[][2] = {
        {"", "no such operation"},           {"captur:lost", "no such operation"},
        {"capture", "no such kind"},         {"capture:duplicate", "no such kind"},
        {"webhook:drop", "no such kind"},    {"webhook/:lost", "no such operation"},
        {"capture:error=200", "400 to 599"}, {"capture:lost=1", "0 to 0"},
        {"capture:delay=0", "1 to 600000"},  {"capture:lost*0", "a count"},
        {"capture:lost*x", "a count"},       {"a:b,c:d", "no such operation"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct err_slot err;
        struct fault faults[FAULT_SPECS_MAX];
        unsigned count;
        assert_true(fault_parse(span_of(bad[i][0]), &err, faults, &count) < 0);
        assert_says(&err, bad[i][1]);
    }
}

/* Calls take a fault of their own name or of "any", webhooks one of their type or of "webhook". */
TEST_CASE(fault_is_taken_by_its_operation_as_often_as_it_says)
{
    static struct fault_list list;
    static const struct {
        const char *operation;
        enum fault_kind kind; /* FAULT_NONE: no fault strikes */
        uint32_t value;
    } takes[] = {
        {"webhook/charge.refunded", FAULT_NONE, 0},
        {"create", FAULT_LOST, 0},
        {"create", FAULT_NONE, 0},
        {"capture", FAULT_ERROR, 503},
        {"capture", FAULT_ERROR, 503},
        {"capture", FAULT_NONE, 0},
        {"webhook/charge.captured", FAULT_HOOK_DUPLICATE, 100},
    };
    struct err_slot err;
    struct fault fault;
    assert_int_equal(0, fault_list_add(&list,
                                       SPAN("any:lost, capture:error=503*2,"
                                            "webhook/charge.captured:duplicate"),
                                       &err));
    for (size_t i = 0; i < sizeof(takes) / sizeof(takes[0]); i++) {
        bool taken = fault_list_take(&list, span_of(takes[i].operation), &fault);
        assert_int_equal(taken, takes[i].kind != FAULT_NONE);
        assert_int_equal(taken ? fault.kind : FAULT_NONE, takes[i].kind);
        assert_int_equal(taken ? fault.value : 0, takes[i].value);
    }
    assert_int_equal(0, list.len);
    for (unsigned i = 0; i < FAULT_RULES_MAX; i++)
        assert_int_equal(0, fault_list_add(&list, SPAN("webhook:late=5"), &err));
    assert_int_equal(ERR_FULL, fault_list_add(&list, SPAN("get:lost"), &err));
    assert_true(fault_list_take(&list, SPAN("webhook/payment_intent.created"), &fault));
}

/* ---- idempotency keys and cards ---- */

TEST_CASE(answer_is_stored_for_a_day_and_the_oldest_key_makes_room)
{
    struct idem idem;
    struct idem_answer answer = {402, SPAN("{\"a\":1}"), "digest"};
    char key[16];
    idem_init(&idem);
    idem_keep(&idem, SPAN("k"), 1000, &answer);
    assert_false(idem_find(&idem, SPAN("K"), 1000, &answer));
    assert_true(idem_find(&idem, SPAN("k"), 1000 + IDEM_TTL_S - 1, &answer));
    assert_int_equal(402, answer.status);
    assert_span(answer.body, "{\"a\":1}");
    assert_string_equal("digest", answer.digest);
    assert_false(idem_find(&idem, SPAN("k"), 1000 + IDEM_TTL_S, &answer));
    for (unsigned i = 0; i < IDEM_KEYS_MAX; i++) {
        snprintf(key, sizeof(key), "key-%u", i);
        idem_keep(&idem, span_of(key), 1, &(struct idem_answer){200, SPAN(""), "digest"});
    }
    assert_true(idem_find(&idem, SPAN("key-1"), 1, &answer));
    assert_false(idem_find(&idem, SPAN("key-0"), 1, &answer));
    idem_deinit(&idem);
}

TEST_CASE(card_is_found_by_token_and_by_a_valid_number)
{
    static const char *const bad[] = {"4242424242424241", "4242", "4242x42424242424",
                                      "42424242424242424242424242"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_null(card_by_number(span_of(bad[i])));
    assert_ptr_equal(card_by_token(SPAN("pm_card_visa")),
                     card_by_number(SPAN("4242 4242-4242 4242")));
    assert_null(card_by_token(SPAN("pm_card_nobody")));
    const struct card *stranger = card_by_number(SPAN("4111111111111111"));
    assert_string_equal("test_mode_live_card", stranger->decline);
    assert_string_equal("0000", card_last4(stranger));
}

int main(void)
{
    return unit_run(NULL, NULL);
}

/* parts_test.c: the small parts of the sandbox: form bodies and faults. */
#include "unit.h"

#include "base/json_in.h"
#include "fault.h"
#include "form.h"

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

/* ---- faults ---- */

static struct faults faults;

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
        assert_true(fault_add(&faults, span_of(bad[i][0]), &err) < 0);
        assert_int_equal(0, faults.len);
        assert_says(&err, bad[i][1]);
    }
}

/* Calls take a fault of their own name or of "any", webhooks one of their type or of "webhook". */
TEST_CASE(fault_is_taken_by_its_operation_as_often_as_it_says)
{
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
    assert_int_equal(0, fault_add(&faults,
                                  SPAN("any:lost, capture:error=503*2,"
                                       "webhook/charge.captured:duplicate"),
                                  &err));
    for (size_t i = 0; i < sizeof(takes) / sizeof(takes[0]); i++) {
        bool taken = fault_take(&faults, span_of(takes[i].operation), &fault);
        assert_int_equal(taken, takes[i].kind != FAULT_NONE);
        assert_int_equal(taken ? fault.kind : FAULT_NONE, takes[i].kind);
        assert_int_equal(taken ? fault.value : 0, takes[i].value);
    }
    assert_int_equal(0, faults.len);
    for (unsigned i = 0; i < FAULT_RULES_MAX; i++)
        assert_int_equal(0, fault_add(&faults, SPAN("webhook:late=5"), &err));
    assert_int_equal(ERR_FULL, fault_add(&faults, SPAN("get:lost"), &err));
    assert_true(fault_take(&faults, SPAN("webhook/payment_intent.created"), &fault));
}

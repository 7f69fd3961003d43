/* nist_test.c: of a pulse everything counts that NIST signs, and nothing else. */
#include "core/draw/nist.h"

#include "a_pulse.h"
#include "unit.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static struct err_slot err;
static char value[NIST_VALUE_LEN + 1];

static struct nist_want wanted(void)
{
    return (struct nist_want){
        .certificate = SPAN(PULSE_CERTIFICATE), .chain = PULSE_CHAIN, .at_ms = PULSE_AT_MS};
}

static json_t *load(void)
{
    json_t *doc = json_load_file(PULSE_FILE, 0, NULL);
    assert_non_null(doc);
    json_t *pulse = json_incref(json_object_get(doc, "pulse"));
    json_decref(doc);
    return pulse;
}

/* Takes the pulse. */
static int check_for(json_t *pulse, const struct nist_want *want)
{
    char *text = json_dumps(pulse, 0);
    memset(value, 0, sizeof(value));
    int rc = nist_pulse_check(span_of(text), want, &err, value, NULL);
    free(text);
    json_decref(pulse);
    return rc;
}

static int check(json_t *pulse)
{
    struct nist_want want = wanted();
    return check_for(pulse, &want);
}

/* A member of the pulse, of what it tells of another source, or of the earlier pulse of that
 * number. */
struct member {
    const char *in, *name;
    size_t item;
};

static json_t *owner_of(json_t *pulse, const struct member *member)
{
    if (member->in == NULL)
        return pulse;
    json_t *in = json_object_get(pulse, member->in);
    return json_is_array(in) ? json_array_get(in, member->item) : in;
}

static const struct member signed_members[] = {
    {NULL, "uri", 0},
    {NULL, "version", 0},
    {NULL, "period", 0},
    {NULL, "certificateId", 0},
    {NULL, "pulseIndex", 0},
    {NULL, "localRandomValue", 0},
    {"external", "sourceId", 0},
    {"external", "statusCode", 0},
    {"external", "value", 0},
    {"listValues", "value", 0},
    {"listValues", "value", 1},
    {"listValues", "value", 2},
    {"listValues", "value", 3},
    {"listValues", "value", 4},
    {NULL, "precommitmentValue", 0},
    {NULL, "statusCode", 0},
};
enum { SIGNED_MEMBERS = sizeof(signed_members) / sizeof(signed_members[0]) };

static json_t *another(const json_t *was)
{
    if (json_is_integer(was))
        return json_integer(json_integer_value(was) + 1);
    json_t *now = json_string(json_string_value(was));
    char *text = (char *)json_string_value(now);
    text[0] = text[0] == '1' ? '2' : '1';
    return now;
}

static void the_pulse_that_was_signed_is_believed_and_what_is_published_of_it_is(void **state)
{
    (void)state;
    struct nist_want want = wanted();
    char memory[8192];
    json_t *doc = json_load_file(PULSE_FILE, 0, NULL);
    char *answer = json_dumps(doc, 0);
    struct text pulse = text_on(memory, sizeof(memory));
    assert_int_equal(0, nist_pulse_check(span_of(answer), &want, &err, value, &pulse));
    assert_string_equal(PULSE_VALUE, value);
    assert_int_equal(0, nist_pulse_check(text_span(&pulse), &want, &err, value, NULL));
    assert_string_equal(PULSE_VALUE, value);
    free(answer);
    json_decref(doc);
}

static void each_member_is_signed_and_none_may_be_missing(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SIGNED_MEMBERS; i++) {
        const struct member *member = &signed_members[i];
        json_t *pulse = load(), *owner = owner_of(pulse, member);
        json_object_set_new(owner, member->name, another(json_object_get(owner, member->name)));
        assert_int_equal(ERR_AUTH, check(pulse));
        assert_says(&err, "has not signed");

        pulse = load();
        json_object_del(owner_of(pulse, member), member->name);
        assert_int_equal(ERR_RANGE, check(pulse));
        assert_says(&err, member->name);
    }
}

static void what_nobody_signs_does_not_count(void **state)
{
    (void)state;
    json_t *pulse = load(), *list = json_object_get(pulse, "listValues");
    json_object_set_new(pulse, "more", json_integer(1));
    json_object_set_new(json_array_get(list, 0), "uri", json_string("elsewhere"));
    json_array_insert_new(list, 0, json_pack("{ss}", "type", "decade"));
    json_array_append(list, json_array_get(list, 1)); /* in any order, too */
    json_array_remove(list, 1);
    assert_int_equal(0, check(pulse));
    assert_string_equal(PULSE_VALUE, value);
}

static void each_of_the_five_earlier_pulses_is_needed_and_a_list_has_its_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        json_t *pulse = load();
        json_array_remove(json_object_get(pulse, "listValues"), i);
        assert_int_equal(ERR_RANGE, check(pulse));
        assert_says(&err, "lacks");
    }
    for (size_t len = 16; len <= 17; len++) {
        json_t *pulse = load(), *list = json_object_get(pulse, "listValues");
        while (json_array_size(list) < len)
            json_array_append_new(list, json_pack("{ss}", "type", "decade"));
        assert_int_equal(len == 16, check(pulse) == 0);
    }
}

static void a_pulse_of_another_time_chain_or_cipher_is_not_the_one_that_was_promised(void **state)
{
    (void)state;
    struct nist_want later = wanted(), other = wanted();
    later.at_ms++;
    other.chain++;
    assert_int_equal(ERR_RANGE, check_for(load(), &later));
    assert_int_equal(ERR_RANGE, check_for(load(), &other));
    struct nist_want first = wanted(); /* of the first chain, were it signed */
    first.chain = 0;
    json_t *pulse = load();
    json_object_set_new(pulse, "chainIndex", json_integer(0));
    assert_int_equal(ERR_AUTH, check_for(pulse, &first));
    pulse = load();
    json_object_set_new(pulse, "cipherSuite", json_integer(1));
    assert_int_equal(ERR_RANGE, check(pulse));
    assert_says(&err, "cipher suite");
}

static void a_signature_and_an_output_are_hex_and_the_output_follows_from_the_pulse(void **state)
{
    (void)state;
    static const struct {
        const char *name, *says;
    } rows[] = {{"signatureValue", "has not signed"}, {"outputValue", "does not follow"}};
    for (unsigned i = 0; i < 2; i++) {
        json_t *pulse = load();
        json_object_set_new(pulse, rows[i].name, another(json_object_get(pulse, rows[i].name)));
        assert_int_equal(ERR_AUTH, check(pulse));
        assert_says(&err, rows[i].says);

        pulse = load();
        const char *whole = json_string_value(json_object_get(pulse, rows[i].name));
        json_object_set_new(pulse, rows[i].name, json_stringn(whole, strlen(whole) - 2));
        assert_int_equal(ERR_AUTH, check(pulse));
        assert_says(&err, rows[i].says);

        pulse = load();
        whole = json_string_value(json_object_get(pulse, rows[i].name));
        json_object_set_new(pulse, rows[i].name, json_stringn(whole, strlen(whole) - 1));
        assert_int_equal(ERR_RANGE, check(pulse));
        assert_says(&err, "must be hex");
    }
}

static void a_signature_has_1024_bytes_at_most_and_a_time_is_one(void **state)
{
    (void)state;
    char zeros[2051];
    memset(zeros, '0', sizeof(zeros));
    for (size_t len = 2048; len <= 2050; len += 2) {
        json_t *pulse = load();
        json_object_set_new(pulse, "signatureValue", json_stringn(zeros, len));
        assert_int_equal(len == 2048 ? ERR_AUTH : ERR_RANGE, check(pulse));
    }
    json_t *pulse = load();
    json_object_set_new(pulse, "timeStamp", json_string("noon"));
    assert_int_equal(ERR_RANGE, check(pulse));
    assert_says(&err, "timeStamp");
}

static void what_is_no_pulse_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"[]", "{}", "1", "{\"pulse\":1}", "{\"pulse\":[]}"};
    struct nist_want want = wanted();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(ERR_RANGE, nist_pulse_check(span_of(bad[i]), &want, &err, value, NULL));
    assert_int_equal(ERR_SYNTAX, nist_pulse_check(SPAN("{"), &want, &err, value, NULL));
    want.certificate = SPAN("none");
    assert_int_equal(ERR_AUTH, check_for(load(), &want));
}

static void a_member_of_another_kind_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *in, *name, *json, *says; /* json: NULL for none */
    } rows[] = {
        {NULL, "uri", "5", "/uri: must be a text of 0 to 1024 bytes"},
        {NULL, "timeStamp", NULL, "/timeStamp: is missing"},
        {NULL, "cipherSuite", "4294967296", "/cipherSuite: must be a whole number from 0 to 42949"},
        {NULL, "cipherSuite", NULL, "/cipherSuite: is missing"},
        {NULL, "period", "4294967296", "/period: must be a whole number from 0 to 4294967295"},
        {NULL, "period", "-1", "/period: must be a whole number from 0 to 4294967295"},
        {NULL, "statusCode", "4294967296", "/statusCode: must be a whole number from 0 to 42949"},
        {NULL, "chainIndex", "-1", "/chainIndex: must be a whole number from 0 to 92233720"},
        {NULL, "chainIndex", NULL, "/chainIndex: is missing"},
        {NULL, "pulseIndex", "'7'", "/pulseIndex: must be a whole number from 0 to 92233720"},
        {NULL, "certificateId", "'zz'", "/certificateId: must be hex"},
        {NULL, "certificateId", "'0'", "/certificateId: must be hex"},
        {NULL, "certificateId", "'00 '", "/certificateId: must be hex"},
        {NULL, "certificateId", "5", "/certificateId: must be a text of 0 to 2048 bytes"},
        {NULL, "external", NULL, "/external: is missing"},
        {NULL, "external", "5", "/external: must be an object"},
        {"external", "statusCode", "4294967296", "/external/statusCode: must be a whole number"},
        {NULL, "listValues", NULL, "/listValues: is missing"},
        {NULL, "listValues", "[]", "/listValues: must be a list of 1 to 16 elements"},
        {NULL, "listValues", "[5]", "/listValues/0: must be an object"},
        {NULL, "listValues", "[{'type':5}]", "/listValues/0/type: must be a text of 0 to 16 bytes"},
        {NULL, "listValues", "[{'type':'seventeen letters'}]",
         "/listValues/0/type: must be a text"},
        {NULL, "listValues", "[{'type':'sixteen letters.'}]", "/listValues: lacks \"previous\""},
        {NULL, "signatureValue", NULL, "/signatureValue: is missing"},
        {NULL, "outputValue", NULL, "/outputValue: is missing"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct member member = {rows[i].in, rows[i].name, 0};
        json_t *pulse = load(), *owner = owner_of(pulse, &member);
        if (rows[i].json == NULL) {
            json_object_del(owner, rows[i].name);
        } else {
            char *json = strdup(rows[i].json);
            for (char *c = json; *c != '\0'; c++)
                *c = *c == '\'' ? '"' : *c;
            json_object_set_new(owner, rows[i].name, json_loads(json, JSON_DECODE_ANY, NULL));
            free(json);
        }
        assert_int_equal(ERR_RANGE, check(pulse));
        assert_says(&err, rows[i].says);
    }
}

static void a_text_has_1024_bytes_at_most(void **state)
{
    (void)state;
    char letters[1025];
    memset(letters, 'a', sizeof(letters));
    for (size_t len = 1024; len <= 1025; len++) {
        json_t *pulse = load();
        json_object_set_new(pulse, "uri", json_stringn(letters, len));
        assert_int_equal(len == 1024 ? ERR_AUTH : ERR_RANGE, check(pulse));
    }
}

/* What is published of it is what stands here. */
static void of_a_pulse_that_is_refused_nothing_is_handed_on(void **state)
{
    (void)state;
    struct nist_want want = wanted();
    char memory[8192];
    struct text pulse = text_on(memory, sizeof(memory));
    json_t *doc = load();
    json_object_set_new(doc, "period", json_integer(1));
    char *answer = json_dumps(doc, 0);
    memset(value, 0, sizeof(value));
    assert_int_equal(ERR_AUTH, nist_pulse_check(span_of(answer), &want, &err, value, &pulse));
    assert_int_equal(0, pulse.len);
    assert_string_equal("", value);
    free(answer);
    json_decref(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pulse_that_was_signed_is_believed_and_what_is_published_of_it_is),
        cmocka_unit_test(each_member_is_signed_and_none_may_be_missing),
        cmocka_unit_test(what_nobody_signs_does_not_count),
        cmocka_unit_test(each_of_the_five_earlier_pulses_is_needed_and_a_list_has_its_bounds),
        cmocka_unit_test(a_pulse_of_another_time_chain_or_cipher_is_not_the_one_that_was_promised),
        cmocka_unit_test(a_signature_and_an_output_are_hex_and_the_output_follows_from_the_pulse),
        cmocka_unit_test(a_signature_has_1024_bytes_at_most_and_a_time_is_one),
        cmocka_unit_test(what_is_no_pulse_is_refused),
        cmocka_unit_test(a_member_of_another_kind_is_named),
        cmocka_unit_test(a_text_has_1024_bytes_at_most),
        cmocka_unit_test(of_a_pulse_that_is_refused_nothing_is_handed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

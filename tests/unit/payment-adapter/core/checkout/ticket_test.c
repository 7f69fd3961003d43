/* ticket_test.c: signed, verified, forged; and the order that travels with a saga. */
#include "core/checkout/order.h"
#include "core/checkout/ticket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ticket_signer *signer_of(uint8_t first)
{
    uint8_t seed[TICKET_SEED_BYTES] = {first};
    struct ticket_signer *signer;
    assert_int_equal(ticket_signer_create(seed, NULL, &signer), 0);
    return signer;
}

static void sign(const struct ticket_signer *signer, char token[TICKET_TOKEN_MAX])
{
    struct ticket ticket = {.id = "t_1", .event = "gala", .seat = "A-1", .order = "o_1"};
    ticket_signer_holder(signer, "42", ticket.holder);
    assert_int_equal(ticket_sign(signer, &ticket, NULL, token), 0);
}

static void a_ticket_proves_itself_by_the_public_key_alone(void **state)
{
    (void)state;
    struct ticket_signer *signer = signer_of(1);
    char token[TICKET_TOKEN_MAX];
    sign(signer, token);
    struct ticket_keys keys = {.keys = {*ticket_signer_key(signer)}, .len = 1};
    struct ticket ticket;
    assert_int_equal(ticket_verify(&keys, span_of(token), NULL, &ticket), 0);
    assert_string_equal(ticket.seat, "A-1");
    assert_string_equal(ticket.order, "o_1");
    assert_string_equal(ticket.kid, ticket_signer_key(signer)->kid);
    ticket_signer_destroy(signer);
}

static void a_ticket_names_the_purchase_and_one_from_before_has_none(void **state)
{
    (void)state;
    struct ticket_signer *signer = signer_of(1);
    char token[TICKET_TOKEN_MAX], plain[TICKET_TOKEN_MAX];
    struct ticket bound = {.id = "t_1", .event = "gala", .seat = "A-1", .order = "o_1"}, ticket;
    ticket_signer_holder(signer, "42", bound.holder);
    memset(bound.purchase, 'B', sizeof(bound.purchase) - 1);
    assert_int_equal(ticket_sign(signer, &bound, NULL, token), 0);
    sign(signer, plain);
    struct ticket_keys keys = {.keys = {*ticket_signer_key(signer)}, .len = 1};
    assert_int_equal(ticket_verify(&keys, span_of(token), NULL, &ticket), 0);
    assert_string_equal(ticket.purchase, bound.purchase);
    assert_int_equal(ticket_verify(&keys, span_of(plain), NULL, &ticket), 0);
    assert_string_equal(ticket.purchase, "");
    ticket_signer_destroy(signer);
}

static void no_byte_of_a_ticket_can_be_changed(void **state)
{
    (void)state;
    struct ticket_signer *signer = signer_of(1);
    char token[TICKET_TOKEN_MAX];
    sign(signer, token);
    struct ticket_keys keys = {.keys = {*ticket_signer_key(signer)}, .len = 1};
    struct ticket ticket;
    size_t len = strlen(token);
    for (size_t i = 0; i < len; i++) {
        char kept = token[i];
        token[i] = kept == 'A' ? 'B' : 'A';
        assert_true(ticket_verify(&keys, span_of(token), NULL, &ticket) < 0);
        token[i] = kept;
        assert_true(ticket_verify(&keys, (struct span){token, i}, NULL, &ticket) < 0);
    }
    assert_int_equal(ticket_verify(&keys, span_of(token), NULL, &ticket), 0);
    ticket_signer_destroy(signer);
}

static void a_ticket_by_a_key_we_do_not_know_is_told_from_a_forged_one(void **state)
{
    (void)state;
    struct ticket_signer *ours = signer_of(1), *theirs = signer_of(2);
    char token[TICKET_TOKEN_MAX];
    sign(theirs, token);
    struct ticket_keys keys = {.keys = {*ticket_signer_key(ours)}, .len = 1};
    struct ticket ticket;
    assert_int_equal(ticket_verify(&keys, span_of(token), NULL, &ticket), ERR_NOT_FOUND);
    memcpy(keys.keys[0].kid, ticket_signer_key(theirs)->kid, TICKET_KID_MAX);
    assert_int_equal(ticket_verify(&keys, span_of(token), NULL, &ticket), ERR_AUTH);
    ticket_signer_destroy(ours);
    ticket_signer_destroy(theirs);
}

static void a_holder_is_the_same_for_one_member_and_tells_nothing(void **state)
{
    (void)state;
    struct ticket_signer *signer = signer_of(1), *other = signer_of(2);
    char a[TICKET_HOLDER_MAX], b[TICKET_HOLDER_MAX], c[TICKET_HOLDER_MAX];
    ticket_signer_holder(signer, "42", a);
    ticket_signer_holder(signer, "42", b);
    ticket_signer_holder(signer, "43", c);
    assert_string_equal(a, b);
    assert_string_not_equal(a, c);
    ticket_signer_holder(other, "42", c);
    assert_string_not_equal(a, c);
    ticket_signer_destroy(signer);
    ticket_signer_destroy(other);
}

static void published_keys_are_read_back(void **state)
{
    (void)state;
    struct ticket_signer *signer = signer_of(1);
    char x[64], json[256];
    sodium_bin2base64(x, sizeof(x), ticket_signer_key(signer)->public_key, TICKET_PUBLIC_BYTES,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    snprintf(json, sizeof(json),
             "{\"keys\":[{\"kid\":\"%s\",\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"},"
             "{\"kty\":\"EC\",\"crv\":\"P-256\"}]}",
             ticket_signer_key(signer)->kid, x);
    struct ticket_keys keys;
    assert_int_equal(ticket_keys_parse(span_of(json), NULL, &keys), 0);
    assert_int_equal(keys.len, 1);
    assert_memory_equal(keys.keys[0].public_key, ticket_signer_key(signer)->public_key,
                        TICKET_PUBLIC_BYTES);
    assert_int_equal(ticket_keys_parse(SPAN("{\"keys\":[]}"), NULL, &keys), ERR_SYNTAX);
    ticket_signer_destroy(signer);
}

static void an_order_travels_as_json_and_comes_back(void **state)
{
    (void)state;
    struct order order = {.id = "o_1", .event = "gala", .currency = "KRW", .amount = 154000};
    order.seats_len = ORDER_SEATS_MAX;
    for (int i = 0; i < ORDER_SEATS_MAX; i++)
        snprintf(order.seats[i], ORDER_SEAT_MAX, "row \"%d\"", i);
    char *json;
    assert_int_equal(order_dump(&order, NULL, &json), 0);
    struct order back;
    assert_int_equal(order_parse(span_of(json), NULL, &back), 0);
    assert_memory_equal(&order, &back, sizeof(order));
    free(json);
}

static void an_order_that_is_none_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"order\":1}",
        "{\"order\":\"o\",\"amount\":-1}",
        "{\"order\":\"o\",\"amount\":\"1\"}",
        "{\"order\":\"o\",\"seats\":[1]}",
        "{\"order\":\"0123456789012345678901234567890123456789\"}",
    };
    struct order order;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(order_parse(span_of(bad[i]), NULL, &order), ERR_SYNTAX);
    assert_int_equal(order_parse(SPAN("{\"order\":\"o\",\"later\":true}"), NULL, &order), 0);
}

static void a_new_signing_key_leaves_a_holder_as_it_is_under_a_key_of_its_own(void **state)
{
    (void)state;
    char holders[2][2][TICKET_HOLDER_MAX]; /* of the seed's key, of one of its own; by two seeds */
    const uint8_t key[TICKET_HOLDER_KEY_BYTES] = {7};
    for (uint8_t i = 0; i < 2; i++) {
        const uint8_t seed[TICKET_SEED_BYTES] = {(uint8_t)(i + 1)};
        struct ticket_signer *signer;
        assert_int_equal(ticket_signer_create(seed, NULL, &signer), 0);
        ticket_signer_holder(signer, "42", holders[0][i]);
        ticket_signer_use_holder_key(signer, key);
        ticket_signer_holder(signer, "42", holders[1][i]);
        ticket_signer_destroy(signer);
    }
    assert_string_not_equal(holders[0][0], holders[0][1]);
    assert_string_equal(holders[1][0], holders[1][1]);
    assert_string_not_equal(holders[1][0], holders[0][0]);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_signing_key_leaves_a_holder_as_it_is_under_a_key_of_its_own),
        cmocka_unit_test(a_ticket_proves_itself_by_the_public_key_alone),
        cmocka_unit_test(a_ticket_names_the_purchase_and_one_from_before_has_none),
        cmocka_unit_test(no_byte_of_a_ticket_can_be_changed),
        cmocka_unit_test(a_ticket_by_a_key_we_do_not_know_is_told_from_a_forged_one),
        cmocka_unit_test(a_holder_is_the_same_for_one_member_and_tells_nothing),
        cmocka_unit_test(published_keys_are_read_back),
        cmocka_unit_test(an_order_travels_as_json_and_comes_back),
        cmocka_unit_test(an_order_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

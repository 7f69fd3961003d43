/* ticket_test.c: tickets signed, verified and forged. */
#include "base/json_in.h"
#include "core/checkout/ticket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "FGT1."

static struct ticket_signer *signer_of(uint8_t first)
{
    uint8_t seed[TICKET_SEED_BYTES] = {first};
    struct ticket_signer *signer;
    assert_int_equal(ticket_signer_create(seed, NULL, &signer), 0);
    return signer;
}

static struct ticket_signer *signer; /* of all tests */
static struct ticket_keys keys;      /* its key alone */

static void sign(const struct ticket_signer *by, char token[TICKET_TOKEN_MAX])
{
    struct ticket ticket = {.id = "t_1", .event = "gala", .seat = "A-1", .order = "o_1"};
    ticket_signer_holder(by, "42", ticket.holder);
    assert_int_equal(ticket_sign(by, &ticket, NULL, token), 0);
}

static void ticket_is_verified_with_the_public_key_alone(void **state)
{
    (void)state;
    char token[TICKET_TOKEN_MAX];
    sign(signer, token);
    struct ticket ticket;
    assert_int_equal(ticket_verify(&keys, span_of(token), NULL, &ticket), 0);
    assert_string_equal(ticket.seat, "A-1");
    assert_string_equal(ticket.order, "o_1");
    assert_string_equal(ticket.kid, ticket_signer_key(signer)->kid);
}

static void ticket_names_its_purchase_and_an_old_one_has_none(void **state)
{
    (void)state;
    char token[TICKET_TOKEN_MAX], plain[TICKET_TOKEN_MAX];
    struct ticket bound = {.id = "t_1", .event = "gala", .seat = "A-1", .order = "o_1"}, ticket;
    ticket_signer_holder(signer, "42", bound.holder);
    memset(bound.purchase, 'B', sizeof(bound.purchase) - 1);
    assert_int_equal(ticket_sign(signer, &bound, NULL, token), 0);
    sign(signer, plain);
    assert_int_equal(ticket_verify(&keys, span_of(token), NULL, &ticket), 0);
    assert_string_equal(ticket.purchase, bound.purchase);
    assert_int_equal(ticket_verify(&keys, span_of(plain), NULL, &ticket), 0);
    assert_string_equal(ticket.purchase, "");
}

static void no_byte_of_a_ticket_can_be_changed(void **state)
{
    (void)state;
    char token[TICKET_TOKEN_MAX];
    sign(signer, token);
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
}

static void ticket_by_an_unknown_key_is_not_called_forged(void **state)
{
    (void)state;
    struct ticket_signer *theirs = signer_of(2), *again = signer_of(1);
    assert_string_equal(ticket_signer_key(again)->kid, keys.keys[0].kid);
    assert_string_not_equal(ticket_signer_key(again)->kid, ticket_signer_key(theirs)->kid);
    char token[TICKET_TOKEN_MAX];
    sign(theirs, token);
    struct ticket_keys renamed = keys;
    struct ticket ticket;
    assert_int_equal(ticket_verify(&keys, span_of(token), NULL, &ticket), ERR_NOT_FOUND);
    memcpy(renamed.keys[0].kid, ticket_signer_key(theirs)->kid, TICKET_KID_MAX);
    assert_int_equal(ticket_verify(&renamed, span_of(token), NULL, &ticket), ERR_AUTH);
    ticket_signer_destroy(theirs);
    ticket_signer_destroy(again);
}

static void holder_is_the_same_for_a_member_and_does_not_name_them(void **state)
{
    (void)state;
    struct ticket_signer *other = signer_of(2);
    char a[TICKET_HOLDER_MAX], b[TICKET_HOLDER_MAX], c[TICKET_HOLDER_MAX];
    ticket_signer_holder(signer, "42", a);
    ticket_signer_holder(signer, "42", b);
    ticket_signer_holder(signer, "43", c);
    assert_string_equal(a, b);
    assert_string_not_equal(a, c);
    ticket_signer_holder(other, "42", c);
    assert_string_not_equal(a, c);
    ticket_signer_destroy(other);
}

static void published_keys_are_read_back(void **state)
{
    (void)state;
    char x[64], json[256];
    sodium_bin2base64(x, sizeof(x), ticket_signer_key(signer)->public_key, TICKET_PUBLIC_BYTES,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    snprintf(json, sizeof(json),
             "{\"keys\":[{\"kid\":\"%s\",\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"},"
             "{\"kty\":\"EC\",\"crv\":\"P-256\"}]}",
             ticket_signer_key(signer)->kid, x);
    struct ticket_keys read;
    assert_int_equal(ticket_keys_parse(span_of(json), NULL, &read), 0);
    assert_int_equal(read.len, 1);
    assert_memory_equal(read.keys[0].public_key, ticket_signer_key(signer)->public_key,
                        TICKET_PUBLIC_BYTES);
    assert_int_equal(ticket_keys_parse(SPAN("{\"keys\":[]}"), NULL, &read), ERR_SYNTAX);
}

static void new_signing_key_keeps_holders_under_their_own_key(void **state)
{
    (void)state;
    char holders[2][2][TICKET_HOLDER_MAX]; /* of the seed's key, of one of its own; by two seeds */
    const uint8_t key[TICKET_HOLDER_KEY_BYTES] = {7};
    for (uint8_t i = 0; i < 2; i++) {
        struct ticket_signer *each = signer_of((uint8_t)(i + 1));
        ticket_signer_holder(each, "42", holders[0][i]);
        ticket_signer_use_holder_key(each, key);
        ticket_signer_holder(each, "42", holders[1][i]);
        ticket_signer_destroy(each);
    }
    assert_string_not_equal(holders[0][0], holders[0][1]);
    assert_string_equal(holders[1][0], holders[1][1]);
    assert_string_not_equal(holders[1][0], holders[0][0]);
}

/* A token of these claims with somebody's signature: claims are read before it is judged. */
static int claim(const char *claims, struct ticket *ticket)
{
    static const struct ticket_keys none = {.len = 0};
    char body[1024], token[2048], tail[128];
    const uint8_t signature[crypto_sign_BYTES] = {0};
    sodium_bin2base64(body, sizeof(body), (const uint8_t *)claims, strlen(claims),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_bin2base64(tail, sizeof(tail), signature, sizeof(signature),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    snprintf(token, sizeof(token), PREFIX "%s.%s", body, tail);
    return ticket_verify(&none, span_of(token), NULL, ticket);
}

static void incomplete_claims_are_refused(void **state)
{
    (void)state;
    static const char good[] = "{'t':'1','e':'2','s':'3','o':'4','h':'5','k':'6','p':'7'}";
    struct ticket ticket;
    char text[sizeof(good)];
    for (size_t i = 0; i < sizeof(good); i++)
        text[i] = good[i] == '\'' ? '"' : good[i];
    assert_int_equal(claim(text, &ticket), ERR_NOT_FOUND); /* all is there but the key */
    for (size_t i = 0; i < sizeof(good) - 1; i++) {
        if (text[i] < '1' || text[i] > '7')
            continue;
        char kept = text[i];
        text[i] = 1; /* no character of JSON */
        assert_int_equal(claim(text, &ticket), ERR_SYNTAX);
        text[i] = kept;
        if (i > 4 && kept != '7') { /* another claim's name in its place */
            text[i - 4] ^= 0x20;
            assert_int_equal(claim(text, &ticket), ERR_SYNTAX);
            text[i - 4] ^= 0x20;
        }
    }
    assert_int_equal(claim("[1]", &ticket), ERR_SYNTAX);
    assert_int_equal(
        claim("{\"t\":\"\",\"e\":\"2\",\"s\":\"3\",\"o\":\"4\",\"h\":\"5\",\"k\":\"6\"}", &ticket),
        ERR_SYNTAX);
    assert_int_equal(
        claim("{\"t\":1,\"e\":\"2\",\"s\":\"3\",\"o\":\"4\",\"h\":\"5\",\"k\":\"6\"}", &ticket),
        ERR_SYNTAX);
}

static void malformed_token_is_refused(void **state)
{
    (void)state;
    static const struct ticket_keys none = {.len = 0};
    char token[TICKET_TOKEN_MAX + 1];
    struct ticket ticket;
    memset(token, 'A', sizeof(token));
    memcpy(token, PREFIX, sizeof(PREFIX) - 1);
    assert_int_equal(ticket_verify(&none, (struct span){token, TICKET_TOKEN_MAX}, NULL, &ticket),
                     ERR_SYNTAX);
    static const char *const others[] = {"",
                                         "x",
                                         PREFIX,
                                         PREFIX "e30",
                                         PREFIX "e30.",
                                         PREFIX "e30.AAAA",
                                         PREFIX "?.AAAA",
                                         PREFIX "e30.?"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_int_equal(ticket_verify(&none, span_of(others[i]), NULL, &ticket), ERR_SYNTAX);
}

static void keys_of_another_kind_are_skipped(void **state)
{
    (void)state;
    static const char good[] = "{\"kid\":\"k\",\"crv\":\"Ed25519\","
                               "\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}";
    static const char *const others[] = {
        "1",
        "{\"crv\":\"Ed25519\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
        "{\"kid\":\"k\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
        "{\"kid\":\"k\",\"crv\":\"Ed25519\"}",
        "{\"kid\":\"k\",\"crv\":\"Ed25519\",\"x\":1}",
        "{\"kid\":\"k\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}",
        "{\"kid\":\"k\",\"crv\":\"Ed25519\",\"x\":\"?\"}",
        "{\"kid\":\"\",\"crv\":\"Ed25519\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
    };
    char json[2048];
    struct ticket_keys read;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        snprintf(json, sizeof(json), "{\"keys\":[%s,%s]}", others[i], good);
        assert_int_equal(ticket_keys_parse(span_of(json), NULL, &read), 0);
        assert_int_equal(read.len, 1);
        assert_string_equal(read.keys[0].kid, "k");
    }
    assert_int_equal(ticket_keys_parse(SPAN("{"), NULL, &read), ERR_SYNTAX);
    int len = snprintf(json, sizeof(json), "{\"keys\":[%s", good);
    for (unsigned i = 0; i < TICKET_KEYS_MAX; i++)
        len += snprintf(json + len, sizeof(json) - (size_t)len, ",%s", good);
    snprintf(json + len, sizeof(json) - (size_t)len, "]}");
    assert_int_equal(ticket_keys_parse(span_of(json), NULL, &read), 0);
    assert_int_equal(read.len, TICKET_KEYS_MAX);
    assert_non_null(ticket_keys_find(&read, "k"));
    assert_null(ticket_keys_find(&read, "l"));
}

/* Longer in JSON than a ticket has room for. */
static void ticket_that_does_not_fit_is_not_signed(void **state)
{
    (void)state;
    char token[TICKET_TOKEN_MAX] = "";
    struct err_slot err = {.text = ""};
    struct ticket ticket = {.id = "t_1", .event = "gala", .order = "o_1"};
    ticket_signer_holder(signer, "42", ticket.holder);
    memset(ticket.seat, 'x', sizeof(ticket.seat) - 1);
    memset(ticket.event, 'x', sizeof(ticket.event) - 1);
    assert_int_equal(ticket_sign(signer, &ticket, &err, token), 0);
    memset(ticket.seat, 1, sizeof(ticket.seat) - 1); /* six characters each */
    assert_int_equal(ticket_sign(signer, &ticket, &err, token), ERR_RANGE);
    ticket_signer_destroy(NULL);
}

static void *no_memory(size_t len)
{
    (void)len;
    return NULL;
}

static unsigned allocations, refused_at;

static void *refuse_one(size_t len)
{
    return allocations++ == refused_at ? NULL : malloc(len);
}

/* One without its purchase would pass for one from before there were any. */
static void ticket_is_signed_whole_or_not_at_all(void **state)
{
    (void)state;
    char token[TICKET_TOKEN_MAX], whole[TICKET_TOKEN_MAX];
    struct ticket ticket = {.id = "t_1", .event = "gala", .seat = "A-1", .order = "o_1"};
    memset(ticket.purchase, 'B', sizeof(ticket.purchase) - 1);
    assert_int_equal(ticket_sign(signer, &ticket, NULL, whole), 0);
    json_in_allocate(refuse_one);
    for (refused_at = 0;; refused_at++) {
        allocations = 0;
        int rc = ticket_sign(signer, &ticket, NULL, token);
        if (allocations <= refused_at)
            break;
        if (rc == 0)
            assert_string_equal(token, whole);
        else
            assert_int_equal(rc, ERR_NOMEM);
    }
    json_in_allocate(malloc);
    assert_true(refused_at > 10);
}

/* At the door, that would turn somebody away. */
static void without_memory_no_ticket_is_called_forged(void **state)
{
    (void)state;
    char token[TICKET_TOKEN_MAX];
    sign(signer, token);
    struct ticket ticket;
    struct ticket_keys read;
    json_in_allocate(no_memory);
    int rc = ticket_verify(&keys, span_of(token), NULL, &ticket);
    int keys_rc = ticket_keys_parse(SPAN("{\"keys\":[]}"), NULL, &read);
    json_in_allocate(malloc);
    assert_int_equal(rc, ERR_NOMEM);
    assert_int_equal(keys_rc, ERR_NOMEM);
}

/* Signed with the right key, and yet invalid. */
static void claim_of_the_longest_length_is_accepted_and_no_longer_one(void **state)
{
    (void)state;
    const struct ticket_key *key = ticket_signer_key(signer);
    uint8_t seed[TICKET_SEED_BYTES] = {1}, public_key[crypto_sign_PUBLICKEYBYTES],
            secret_key[crypto_sign_SECRETKEYBYTES], signature[crypto_sign_BYTES];
    crypto_sign_seed_keypair(public_key, secret_key, seed);
    for (int len = TICKET_ID_MAX - 1; len <= TICKET_ID_MAX; len++) {
        char id[TICKET_ID_MAX + 1], json[512], token[1024];
        memset(id, 'x', sizeof(id));
        int json_len = snprintf(json, sizeof(json),
                                "{\"t\":\"%.*s\",\"e\":\"gala\",\"s\":\"A-1\",\"o\":\"o_1\","
                                "\"h\":\"h\",\"k\":\"%s\"}",
                                len, id, key->kid);
        strcpy(token, PREFIX);
        sodium_bin2base64(token + strlen(token), 600, (const uint8_t *)json, (size_t)json_len,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING);
        crypto_sign_detached(signature, NULL, (const uint8_t *)token, strlen(token), secret_key);
        strcat(token, ".");
        sodium_bin2base64(token + strlen(token), 100, signature, sizeof(signature),
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING);
        struct ticket ticket;
        assert_int_equal(ticket_verify(&keys, span_of(token), NULL, &ticket) == 0,
                         len < TICKET_ID_MAX);
    }
}

static int start(void **state)
{
    (void)state;
    signer = signer_of(1);
    keys = (struct ticket_keys){.keys = {*ticket_signer_key(signer)}, .len = 1};
    return 0;
}

static int end(void **state)
{
    (void)state;
    ticket_signer_destroy(signer);
    return 0;
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_signing_key_keeps_holders_under_their_own_key),
        cmocka_unit_test(ticket_is_verified_with_the_public_key_alone),
        cmocka_unit_test(ticket_names_its_purchase_and_an_old_one_has_none),
        cmocka_unit_test(no_byte_of_a_ticket_can_be_changed),
        cmocka_unit_test(ticket_by_an_unknown_key_is_not_called_forged),
        cmocka_unit_test(holder_is_the_same_for_a_member_and_does_not_name_them),
        cmocka_unit_test(published_keys_are_read_back),
        cmocka_unit_test(incomplete_claims_are_refused),
        cmocka_unit_test(malformed_token_is_refused),
        cmocka_unit_test(keys_of_another_kind_are_skipped),
        cmocka_unit_test(ticket_that_does_not_fit_is_not_signed),
        cmocka_unit_test(ticket_is_signed_whole_or_not_at_all),
        cmocka_unit_test(without_memory_no_ticket_is_called_forged),
        cmocka_unit_test(claim_of_the_longest_length_is_accepted_and_no_longer_one),
    };
    return cmocka_run_group_tests(tests, start, end);
}

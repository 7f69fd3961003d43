/* ticket_test.c: tickets signed, verified and forged. */
#include "core/checkout/ticket.h"

#include "scarce.h"
#include "unit.h"

#include <jansson.h>
#include <sodium.h>

#define PREFIX   "FGT1."
#define X        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define GOOD_KEY "{\"kid\":\"k\",\"crv\":\"Ed25519\",\"x\":\"" X "\"}"

enum { BASE64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING };

static struct ticket_signer *signer; /* shared by all tests */
static struct ticket_keys keys;      /* only the signer's key */
static const struct ticket_keys no_keys;

static struct ticket_signer *signer_of(uint8_t first)
{
    uint8_t seed[TICKET_SEED_BYTES] = {first};
    struct ticket_signer *created;
    assert_int_equal(ticket_signer_create(seed, NULL, &created), 0);
    return created;
}

static struct ticket ticket_of(const char *purchase)
{
    struct ticket ticket = {.id = "t_1", .event = "gala", .seat = "A-1", .order = "o_1"};
    ticket_signer_holder(signer, "42", ticket.holder);
    memset(ticket.purchase, purchase[0], sizeof(ticket.purchase) - 1);
    return ticket;
}

static void sign(const struct ticket_signer *by, char token[TICKET_TOKEN_MAX])
{
    struct ticket ticket = ticket_of("");
    assert_int_equal(ticket_sign(by, &ticket, NULL, token), 0);
}

static int verify(const struct ticket_keys *by, const char *token)
{
    struct ticket ticket;
    return ticket_verify(by, span_of(token), NULL, &ticket);
}

TEST_CASE(ticket_is_read_with_the_public_key_alone)
{
    char token[TICKET_TOKEN_MAX];
    for (unsigned bound = 0; bound < 2; bound++) { /* to its purchase, which is optional */
        struct ticket ticket = ticket_of(bound ? "B" : ""), read;
        assert_int_equal(ticket_sign(signer, &ticket, NULL, token), 0);
        assert_int_equal(ticket_verify(&keys, span_of(token), NULL, &read), 0);
        assert_string_equal(read.seat, "A-1");
        assert_string_equal(read.order, "o_1");
        assert_string_equal(read.purchase, ticket.purchase);
        assert_string_equal(read.kid, ticket_signer_key(signer)->kid);
    }
}

TEST_CASE(no_byte_of_a_ticket_can_be_changed)
{
    char token[TICKET_TOKEN_MAX];
    struct ticket ticket;
    sign(signer, token);
    for (size_t i = 0; token[i] != '\0'; i++) {
        char kept = token[i];
        token[i] = kept == 'A' ? 'B' : 'A';
        assert_true(verify(&keys, token) < 0);
        token[i] = '\x80'; /* '_' to libsodium 1.0.18 */
        assert_true(verify(&keys, token) < 0);
        token[i] = kept;
        assert_true(ticket_verify(&keys, (struct span){token, i}, NULL, &ticket) < 0);
    }
    assert_int_equal(verify(&keys, token), 0);
}

TEST_CASE(ticket_by_an_unknown_key_is_not_called_forged)
{
    struct ticket_signer *theirs = signer_of(2), *again = signer_of(1);
    struct ticket_keys renamed = keys;
    char token[TICKET_TOKEN_MAX];
    assert_string_equal(ticket_signer_key(again)->kid, keys.keys[0].kid);
    assert_string_not_equal(ticket_signer_key(again)->kid, ticket_signer_key(theirs)->kid);
    sign(theirs, token);
    assert_int_equal(verify(&keys, token), ERR_NOT_FOUND);
    memcpy(renamed.keys[0].kid, ticket_signer_key(theirs)->kid, TICKET_KID_MAX);
    assert_int_equal(verify(&renamed, token), ERR_AUTH);
    ticket_signer_destroy(theirs);
    ticket_signer_destroy(again);
    ticket_signer_destroy(NULL);
}

TEST_CASE(holder_depends_on_the_member_and_the_holder_key)
{
    const uint8_t key[TICKET_HOLDER_KEY_BYTES] = {7};
    char again[TICKET_HOLDER_MAX], other[TICKET_HOLDER_MAX];
    char holders[2][2][TICKET_HOLDER_MAX]; /* by the seed's key, by one of its own; by two seeds */
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
    ticket_signer_holder(signer, "42", again);
    ticket_signer_holder(signer, "43", other);
    assert_string_equal(again, holders[0][0]);
    assert_string_not_equal(other, again);
}

/* ---- what is refused ---- */

/* A token of these claims with a signature of zeros: claims are read before it is checked. */
static int claim(const char *claims)
{
    char body[1024], token[2048], tail[128];
    const uint8_t signature[crypto_sign_BYTES] = {0};
    sodium_bin2base64(body, sizeof(body), (const uint8_t *)claims, strlen(claims), BASE64);
    sodium_bin2base64(tail, sizeof(tail), signature, sizeof(signature), BASE64);
    snprintf(token, sizeof(token), PREFIX "%s.%s", body, tail);
    return verify(&no_keys, token);
}

TEST_CASE(incomplete_claims_are_refused)
{
    char text[] = "{\"t\":\"1\",\"e\":\"2\",\"s\":\"3\",\"o\":\"4\",\"h\":\"5\",\"k\":\"6\","
                  "\"p\":\"7\"}";
    assert_int_equal(claim(text), ERR_NOT_FOUND); /* only the key is missing */
    for (char *at = text; *at != '\0'; at++) {
        if (*at < '1' || *at > '7')
            continue;
        char kept = *at;
        *at = 1; /* not a JSON character */
        assert_int_equal(claim(text), ERR_SYNTAX);
        *at = kept;
        if (kept == '7')
            continue;
        at[-4] ^= 0x20; /* replaces another claim's name */
        assert_int_equal(claim(text), ERR_SYNTAX);
        at[-4] ^= 0x20;
    }
#define CLAIMS(ID) "{\"t\":" ID ",\"e\":\"2\",\"s\":\"3\",\"o\":\"4\",\"h\":\"5\",\"k\":\"6\"}"
    assert_int_equal(claim("[1]"), ERR_SYNTAX);
    assert_int_equal(claim(CLAIMS("\"\"")), ERR_SYNTAX);
    assert_int_equal(claim(CLAIMS("1")), ERR_SYNTAX);
    assert_int_equal(claim(CLAIMS("\"" X X "\"")), ERR_SYNTAX); /* too long */
}

TEST_CASE(malformed_token_is_refused)
{
    static const char *const malformed[] = {"",
                                            "x",
                                            PREFIX,
                                            PREFIX "e30",
                                            PREFIX "e30.",
                                            PREFIX "e30.AAAA",
                                            PREFIX "?.AAAA",
                                            PREFIX "e30.?"};
    char token[TICKET_TOKEN_MAX + 1];
    memset(token, 'A', TICKET_TOKEN_MAX);
    token[TICKET_TOKEN_MAX] = '\0';
    memcpy(token, PREFIX, sizeof(PREFIX) - 1);
    assert_int_equal(verify(&no_keys, token), ERR_SYNTAX);
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
        assert_int_equal(verify(&no_keys, malformed[i]), ERR_SYNTAX);
}

/* Longer in JSON than a ticket has room for. */
TEST_CASE(ticket_that_does_not_fit_is_not_signed)
{
    char token[TICKET_TOKEN_MAX] = "";
    struct err_slot err = {.text = ""};
    struct ticket ticket = ticket_of("");
    memset(ticket.seat, 'x', sizeof(ticket.seat) - 1);
    memset(ticket.event, 'x', sizeof(ticket.event) - 1);
    assert_int_equal(ticket_sign(signer, &ticket, &err, token), 0);
    memset(ticket.seat, 1, sizeof(ticket.seat) - 1); /* six characters each */
    assert_int_equal(ticket_sign(signer, &ticket, &err, token), ERR_RANGE);
}

TEST_CASE(published_keys_are_read_and_others_skipped)
{
    static const char *const others[] = {
        "1",
        "{\"kty\":\"EC\",\"crv\":\"P-256\"}",
        "{\"crv\":\"Ed25519\",\"x\":\"" X "\"}",
        "{\"kid\":\"k\",\"x\":\"" X "\"}",
        "{\"kid\":\"k\",\"crv\":\"Ed25519\"}",
        "{\"kid\":\"k\",\"crv\":\"Ed25519\",\"x\":1}",
        "{\"kid\":\"k\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}",
        "{\"kid\":\"k\",\"crv\":\"Ed25519\",\"x\":\"?\"}",
        "{\"kid\":\"\",\"crv\":\"Ed25519\",\"x\":\"" X "\"}",
    };
    const struct ticket_key *own = ticket_signer_key(signer);
    char json[2048], x[64];
    struct ticket_keys read;
    sodium_bin2base64(x, sizeof(x), own->public_key, TICKET_PUBLIC_BYTES, BASE64);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        snprintf(json, sizeof(json),
                 "{\"keys\":[%s,{\"kid\":\"%s\",\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                 "\"x\":\"%s\"}]}",
                 others[i], own->kid, x);
        assert_int_equal(ticket_keys_parse(span_of(json), NULL, &read), 0);
        assert_int_equal(read.len, 1);
        assert_string_equal(read.keys[0].kid, own->kid);
        assert_memory_equal(read.keys[0].public_key, own->public_key, TICKET_PUBLIC_BYTES);
    }
    int len = snprintf(json, sizeof(json), "{\"keys\":[" GOOD_KEY);
    for (unsigned i = 0; i < TICKET_KEYS_MAX; i++)
        len += snprintf(json + len, sizeof(json) - (size_t)len, "," GOOD_KEY);
    snprintf(json + len, sizeof(json) - (size_t)len, "]}");
    assert_int_equal(ticket_keys_parse(span_of(json), NULL, &read), 0);
    assert_int_equal(read.len, TICKET_KEYS_MAX);
    assert_non_null(ticket_keys_find(&read, "k"));
    assert_null(ticket_keys_find(&read, "l"));
    assert_int_equal(ticket_keys_parse(SPAN("{"), NULL, &read), ERR_SYNTAX);
    assert_int_equal(ticket_keys_parse(SPAN("{\"keys\":[]}"), NULL, &read), ERR_SYNTAX);
}

/* ---- memory that runs out ---- */

/* A ticket without its purchase would pass for one sold without. A valid ticket reported as forged
 * would turn a visitor away. */
TEST_CASE(lack_of_memory_neither_shortens_nor_forges_a_ticket)
{
    char token[TICKET_TOKEN_MAX], whole[TICKET_TOKEN_MAX];
    struct ticket ticket = ticket_of("B");
    struct ticket_keys read;
    assert_int_equal(ticket_sign(signer, &ticket, NULL, whole), 0);
    bool lacking = true;
    unsigned nth = 0;
    for (; lacking; nth++) {
        scarce_nth(nth);
        int rc = ticket_sign(signer, &ticket, NULL, token);
        lacking = scarce_end();
        if (rc == 0)
            assert_string_equal(token, whole);
        else
            assert_int_equal(rc, lacking ? ERR_NOMEM : 0);
    }
    assert_true(nth > 10);
    scarce_nth(0);
    assert_int_equal(verify(&keys, whole), ERR_NOMEM);
    scarce_nth(0);
    assert_int_equal(ticket_keys_parse(SPAN("{\"keys\":[]}"), NULL, &read), ERR_NOMEM);
    scarce_end();
}

static void begin(void)
{
    signer = signer_of(1);
    keys = (struct ticket_keys){.keys = {*ticket_signer_key(signer)}, .len = 1};
}

static void end(void)
{
    ticket_signer_destroy(signer);
}

UNIT_BETWEEN(begin, end)

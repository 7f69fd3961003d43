/* nist.c: rebuilds the bytes that NIST signed from the JSON that it serves, and checks them.
 *
 * The bytes are the pulse's fields in their order: numbers in four or eight bytes, high byte first;
 * texts and byte strings with their length in four bytes before them (NISTIR 8213, 4.1):
 * uri, version, cipherSuite, period, certificateId, chainIndex, pulseIndex, timeStamp,
 * localRandomValue, external (source, status, value), the outputs of the previous pulse and of the
 * first ones of hour, day, month and year, precommitmentValue, statusCode. The signature is RSA,
 * PKCS #1 v1.5, over SHA-512; the output is the SHA-512 of the same bytes and the signature. */
#include "core/draw/nist.h"

#include "base/json_in.h"
#include "crypto/signed.h"

#include <assert.h>
#include <sodium.h>

enum { MESSAGE_MAX = 4096, FIELD_MAX = 1024 };

/* ---- what is signed ---- */

static void put_number(struct text *out, uint64_t value, unsigned bytes)
{
    assert(bytes == 4 || bytes == 8);
    assert(bytes == 8 || value >> 32 == 0);
    while (bytes-- > 0)
        text_char(out, (char)(value >> (8 * bytes)));
}

static void put_bytes(struct text *out, struct span bytes)
{
    assert(bytes.len <= FIELD_MAX);
    put_number(out, bytes.len, 4);
    text_put(out, bytes);
}

static void put_str(struct text *out, struct json_in *in, const char *key)
{
    struct span value = {NULL, 0};
    json_in_require(in, key);
    json_in_str(in, key, 0, FIELD_MAX, &value);
    put_bytes(out, value);
}

static void put_u64(struct text *out, struct json_in *in, const char *key, unsigned bytes)
{
    uint64_t value = 0;
    assert(bytes == 4 || bytes == 8);
    json_in_require(in, key);
    json_in_u64(in, key, 0, bytes == 4 ? UINT32_MAX : INT64_MAX, &value);
    put_number(out, value, bytes);
}

static size_t read_hex(struct json_in *in, const char *key, uint8_t *out, size_t cap)
{
    struct span hex = {NULL, 0};
    size_t len = 0;
    json_in_require(in, key);
    if (json_in_str(in, key, 0, 2 * cap, &hex) &&
        (sodium_hex2bin(out, cap, hex.ptr, hex.len, NULL, &len, NULL) != 0 || 2 * len != hex.len))
        json_in_refuse(in, key, "must be hex");
    assert(len <= cap);
    return len;
}

static void put_hex(struct text *out, struct json_in *in, const char *key)
{
    uint8_t bytes[FIELD_MAX];
    size_t len = read_hex(in, key, bytes, sizeof(bytes));
    put_bytes(out, (struct span){(const char *)bytes, len});
}

static void put_external(struct text *out, struct json_in *in)
{
    struct json_in external;
    json_in_require(in, "external");
    if (!json_in_child(in, "external", &external))
        return;
    put_hex(out, &external, "sourceId");
    put_u64(out, &external, "statusCode", 4);
    put_hex(out, &external, "value");
}

/* The outputs of earlier pulses, by name: the list may be in any order. */
static void put_earlier(struct text *out, struct json_in *in)
{
    static const char *const names[] = {"previous", "hour", "day", "month", "year"};
    json_t *list;
    json_in_require(in, "listValues");
    if (!json_in_array(in, "listValues", 1, 16, &list))
        return;
    assert(json_array_size(list) >= 1 && json_array_size(list) <= 16); /* json_in has looked */
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        bool found = false;
        for (size_t at = 0; at < json_array_size(list) && !found; at++) {
            struct json_in item;
            struct span type = {NULL, 0};
            if (!json_in_item_child(in, "listValues", list, at, &item))
                return;
            json_in_str(&item, "type", 0, 16, &type);
            found = span_eq(type, span_of(names[i]));
            if (found)
                put_hex(out, &item, "value");
        }
        if (!found)
            json_in_refuse(in, "listValues", "lacks \"%s\"", names[i]);
    }
}

static void put_message(struct text *out, struct json_in *in)
{
    put_str(out, in, "uri");
    put_str(out, in, "version");
    put_u64(out, in, "cipherSuite", 4);
    put_u64(out, in, "period", 4);
    put_hex(out, in, "certificateId");
    put_u64(out, in, "chainIndex", 8);
    put_u64(out, in, "pulseIndex", 8);
    put_str(out, in, "timeStamp");
    put_hex(out, in, "localRandomValue");
    put_external(out, in);
    put_earlier(out, in);
    put_hex(out, in, "precommitmentValue");
    put_u64(out, in, "statusCode", 4);
}

/* ---- judging ---- */

static int judge_which(struct json_in *in, const struct nist_want *want)
{
    uint64_t suite = 0, chain = 0, at_ms = 0;
    json_in_u64(in, "cipherSuite", 0, UINT32_MAX, &suite);
    json_in_u64(in, "chainIndex", 0, INT64_MAX, &chain);
    json_in_time(in, "timeStamp", &at_ms);
    if (in->rc < 0)
        return in->rc;
    if (suite != 0)
        return err_set(in->err, ERR_RANGE, "a pulse of another cipher suite than RSA and SHA-512");
    if (chain != want->chain || at_ms != want->at_ms)
        return err_set(in->err, ERR_RANGE, "a pulse of another time or chain");
    return 0;
}

static int judge(struct json_in *in, const struct nist_want *want, char value[NIST_VALUE_LEN + 1])
{
    char memory[MESSAGE_MAX];
    struct text message = text_on(memory, sizeof(memory));
    uint8_t signature[FIELD_MAX], output[crypto_hash_sha512_BYTES], told[FIELD_MAX];
    put_message(&message, in);
    size_t signature_len = read_hex(in, "signatureValue", signature, sizeof(signature));
    size_t told_len = read_hex(in, "outputValue", told, sizeof(told));
    int rc = in->rc < 0 ? in->rc : judge_which(in, want);
    if (rc < 0)
        return rc;
    struct span sign = {(const char *)signature, signature_len};
    if (message.overflown || !signed_by(want->certificate, text_span(&message), sign))
        return err_set(in->err, ERR_AUTH, "a pulse that the certificate has not signed");
    crypto_hash_sha512_state state;
    crypto_hash_sha512_init(&state);
    crypto_hash_sha512_update(&state, (const uint8_t *)message.ptr, message.len);
    crypto_hash_sha512_update(&state, signature, signature_len);
    crypto_hash_sha512_final(&state, output);
    assert(signature_len <= sizeof(signature) && told_len <= sizeof(told));
    if (told_len != sizeof(output) || memcmp(told, output, sizeof(output)) != 0)
        return err_set(in->err, ERR_AUTH, "a pulse whose output does not follow from it");
    static_assert(2 * sizeof(output) == NIST_VALUE_LEN, "all of the output, in hex");
    sodium_bin2hex(value, NIST_VALUE_LEN + 1, output, sizeof(output));
    assert(!message.overflown && in->rc == 0); /* nothing was left out of what is signed */
    return 0;
}

int nist_pulse_check(struct span json, const struct nist_want *want, struct err_slot *err,
                     char value[NIST_VALUE_LEN + 1], struct text *pulse)
{
    json_t *doc;
    struct json_in in;
    int rc = json_in_parse(json, err, &doc);
    if (rc < 0)
        return rc;
    json_t *inner = json_is_object(doc) ? json_object_get(doc, "pulse") : NULL;
    if (inner == NULL)
        inner = doc;
    json_in_object(&in, inner, err);
    rc = in.rc < 0 ? in.rc : judge(&in, want, value); /* further members are fine */
    if (rc == 0 && pulse != NULL)
        json_in_put(pulse, inner);
    json_decref(doc);
    assert(rc < 0 || strlen(value) == NIST_VALUE_LEN);
    return rc;
}

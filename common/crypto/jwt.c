/* jwt.c: a token is verified from the outside in; an inner part is read only after the parts around
 * it were found valid:
 *
 *   1. length, three parts, strict base64url
 *   2. the header: ES256 (or the key's algorithm, below), our type, a known key, no "crit" (no
 *      extension is supported here, so a token that requires one is refused)
 *   3. the signature
 *   4. the claims: issuer, audience, times
 *
 * The algorithm is compared with the key's, never chosen by the token, and our keys only do ES256:
 * "none", or an HMAC keyed with our public key, match nothing. "jwk", "jku" and "x5u" headers are
 * not read. The same holds for an outside issuer, whose keys have several algorithms: the key is
 * found by its name, and the token must name that key's algorithm. Expiry is checked last, so
 * ERR_TIMEOUT means that everything else was valid.
 *
 * jwt_verify() allocates (jansson's tree); checking the signature takes a hundred times longer. */
#include "crypto/jwt.h"

#include "base/base64.h"
#include "base/json_in.h"

#include <assert.h>

enum {
    HEADER_BYTES_MAX = 512,
    SIGNATURE_CHARS_MAX = (JWKS_SIGNATURE_BYTES_MAX * 4 + 2) / 3,
    TIME_S_MAX = INT32_MAX, /* 2038; a later time is a mistake, or an attack */
};

/* ---- signing ---- */

int jwt_sign(const struct jwks_key *key, const char *typ, const struct jwt_claims *claims,
             struct err_slot *err, struct text *out)
{
    assert(claims->iss.len > 0 && claims->iss.len <= JWT_CLAIM_MAX);
    assert(claims->aud.len > 0 && claims->aud.len <= JWT_CLAIM_MAX);
    assert(claims->iat_s > 0);
    assert(claims->exp_s > claims->iat_s);
    if (claims->sub.len > JWT_CLAIM_MAX || claims->jti.len > JWT_CLAIM_MAX)
        return err_set(err, ERR_RANGE, "a token's sub and jti have at most %d bytes",
                       JWT_CLAIM_MAX);
    char memory[JWT_BYTES_MAX];
    struct text token = text_on(memory, sizeof(memory));
    char header_memory[HEADER_BYTES_MAX];
    struct text header = text_on(header_memory, sizeof(header_memory));
    json_open(&header, '{');
    json_member_cstr(&header, "alg", "ES256");
    json_member_cstr(&header, "typ", typ);
    json_member_str(&header, "kid", jwks_key_kid(key));
    json_close(&header, '}');
    assert(!header.overflown);
    base64_put(&token, header.ptr, header.len);
    text_char(&token, '.');
    char payload_memory[JWT_BYTES_MAX];
    struct text payload = text_on(payload_memory, sizeof(payload_memory));
    json_open(&payload, '{');
    json_member_str(&payload, "iss", claims->iss);
    json_member_str(&payload, "aud", claims->aud);
    if (claims->sub.ptr != NULL)
        json_member_str(&payload, "sub", claims->sub);
    if (claims->jti.ptr != NULL)
        json_member_str(&payload, "jti", claims->jti);
    json_member_u64(&payload, "iat", claims->iat_s);
    if (claims->nbf_s != 0)
        json_member_u64(&payload, "nbf", claims->nbf_s);
    json_member_u64(&payload, "exp", claims->exp_s);
    if (claims->extra.len > 0)
        json_raw(&payload, claims->extra);
    json_close(&payload, '}');
    base64_put(&token, payload.ptr, payload.len);
    token.overflown |= payload.overflown;
    if (token.overflown)
        return err_set(err, ERR_FULL, "a token of more than %d bytes", JWT_BYTES_MAX);

    uint8_t signature[JWKS_SIGNATURE_BYTES];
    int rc = jwks_key_sign(key, text_span(&token), err, signature);
    if (rc < 0)
        return rc;
    text_char(&token, '.');
    base64_put(&token, signature, sizeof(signature));
    if (token.overflown || token.len > out->cap - out->len)
        return err_set(err, ERR_FULL, "a token of more than %zu bytes",
                       token.overflown ? (size_t)JWT_BYTES_MAX : out->cap - out->len);
    text_put(out, text_span(&token));
    return 0;
}

/* ---- verifying ---- */

/* Reports the fault and returns `rc`. */
static int at_fault(const struct jwt_rules *rules, enum jwt_fault fault, int rc)
{
    assert(rc < 0);
    if (rules->fault != NULL)
        *rules->fault = fault;
    return rc;
}

/* Decodes and parses one part, named by `whose`; the token bounds its length. */
static int parse_part(struct span part, const char *whose, const struct jwt_rules *rules,
                      struct err_slot *err, json_t **out)
{
    char memory[JWT_OUTSIDE_BYTES_MAX];
    size_t len;
    json_t *doc = NULL;
    bool decoded = part.len > 0 && base64_decode(part, memory, sizeof(memory), &len);
    if (decoded && json_in_parse((struct span){memory, len}, NULL, &doc) == ERR_NOMEM)
        return err_set(err, ERR_NOMEM, "token: no memory to read its %s", whose);
    if (!json_is_object(doc)) {
        json_decref(doc);
        return at_fault(
            rules, JWT_FAULT_FORM,
            err_set(err, ERR_SYNTAX, "token: its %s is no JSON object in base64url", whose));
    }
    *out = doc;
    return 0;
}

static int judge_alg(struct span alg, const struct jwt_rules *rules, struct err_slot *err)
{
    bool outside = rules->typ == NULL;
    if (span_eq(alg, SPAN("ES256")) ||
        (outside && (span_eq(alg, SPAN("RS256")) || span_eq(alg, SPAN("EdDSA")))))
        return 0;
    return at_fault(
        rules, JWT_FAULT_ALG,
        err_set(err, ERR_AUTH, "token: alg must be ES256%s", outside ? ", RS256 or EdDSA" : ""));
}

static int judge_type(const json_t *header, const struct jwt_rules *rules, struct err_slot *err)
{
    struct span is = json_in_text_of(header, "typ");
    if (rules->typ != NULL && span_eq_nocase(is, span_of(rules->typ)))
        return 0;
    if (rules->typ != NULL)
        return at_fault(rules, JWT_FAULT_FORM,
                        err_set(err, ERR_AUTH, "token: typ must be %s", rules->typ));
    if (json_object_get(header, "typ") == NULL || span_eq_nocase(is, SPAN("JWT")) ||
        span_eq_nocase(is, SPAN("at+jwt")) || span_eq_nocase(is, SPAN("application/at+jwt")))
        return 0;
    return at_fault(rules, JWT_FAULT_FORM,
                    err_set(err, ERR_AUTH, "token: typ must be JWT or at+jwt"));
}

static int judge_header(const json_t *header, const struct jwks *keys,
                        const struct jwt_rules *rules, struct err_slot *err,
                        const struct jwks_key **key)
{
    struct span alg = json_in_text_of(header, "alg");
    int rc = judge_alg(alg, rules, err);
    if (rc < 0)
        return rc;
    if (json_object_get(header, "crit") != NULL)
        return at_fault(
            rules, JWT_FAULT_FORM,
            err_set(err, ERR_AUTH, "token: crit names extensions that are not known here"));
    rc = judge_type(header, rules, err);
    if (rc < 0)
        return rc;
    if (json_in_text_of(header, "kid").len == 0)
        return at_fault(rules, JWT_FAULT_FORM, err_set(err, ERR_AUTH, "token: kid is missing"));
    *key = jwks_find(keys, json_in_text_of(header, "kid"));
    if (*key == NULL)
        return at_fault(rules, JWT_FAULT_KEY,
                        err_set(err, ERR_UNKNOWN, "token: kid is not of a key that is known here"));
    if (!span_eq(alg, span_of(jwks_key_alg(*key))))
        return at_fault(rules, JWT_FAULT_ALG,
                        err_set(err, ERR_AUTH, "token: alg is not that of its key"));
    return 0;
}

static int judge_signature(struct span signed_part, struct span signature_text,
                           const struct jwks_key *key, const struct jwt_rules *rules,
                           struct err_slot *err)
{
    uint8_t signature[JWKS_SIGNATURE_BYTES_MAX];
    size_t len;
    bool ours = strcmp(jwks_key_alg(key), "ES256") == 0;
    if (signature_text.len > SIGNATURE_CHARS_MAX ||
        !base64_decode(signature_text, signature, sizeof(signature), &len) ||
        (ours && len != JWKS_SIGNATURE_BYTES))
        return at_fault(rules, JWT_FAULT_ALG,
                        err_set(err, ERR_AUTH, "token: a signature is %s bytes in base64url",
                                ours ? "64" : "512 at most"));
    int rc = jwks_key_verify_own(key, signed_part, (struct span){(const char *)signature, len});
    if (rc == ERR_NOMEM)
        return err_set(err, ERR_NOMEM, "token: no memory to check its signature");
    if (rc < 0)
        return at_fault(rules, JWT_FAULT_SIGNATURE,
                        err_set(err, ERR_AUTH, "token: the signature is wrong"));
    return 0;
}

static bool take_audience(const json_t *payload, struct span want, struct span *out)
{
    const json_t *aud = json_object_get(payload, "aud");
    size_t n = json_is_array(aud) ? json_array_size(aud) : 1;
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_is_array(aud) ? json_array_get(aud, i) : aud;
        *out = json_in_words(item);
        if (span_eq(*out, want) && want.len > 0)
            return true;
    }
    return false;
}

static bool take_time(const json_t *payload, const char *name, bool needed, uint64_t *out)
{
    const json_t *value = json_object_get(payload, name);
    json_int_t seconds = json_integer_value(value);
    *out = 0;
    if (value == NULL)
        return !needed;
    if (!json_is_integer(value) || seconds <= 0 || seconds > TIME_S_MAX)
        return false;
    *out = (uint64_t)seconds;
    return true;
}

static bool take_text(const json_t *payload, const char *name, struct span *out)
{
    *out = json_in_text_of(payload, name);
    return json_object_get(payload, name) == NULL || (out->len > 0 && out->len <= JWT_CLAIM_MAX);
}

static int judge_claims(const json_t *payload, const struct jwt_rules *rules, struct err_slot *err,
                        struct jwt_claims *claims)
{
    claims->iss = json_in_text_of(payload, "iss");
    if (!span_eq(claims->iss, span_of(rules->iss)))
        return at_fault(rules, JWT_FAULT_ISSUER,
                        err_set(err, ERR_AUTH, "token: iss must be %s", rules->iss));
    if (!take_audience(payload, span_of(rules->aud), &claims->aud))
        return at_fault(rules, JWT_FAULT_AUDIENCE,
                        err_set(err, ERR_AUTH, "token: aud must be %s", rules->aud));
    if (!take_text(payload, "sub", &claims->sub) || !take_text(payload, "jti", &claims->jti))
        return at_fault(
            rules, JWT_FAULT_FORM,
            err_set(err, ERR_AUTH, "token: sub and jti are texts of 1 to %d bytes", JWT_CLAIM_MAX));
    if (!take_time(payload, "iat", true, &claims->iat_s) ||
        !take_time(payload, "exp", true, &claims->exp_s) ||
        !take_time(payload, "nbf", false, &claims->nbf_s))
        return at_fault(
            rules, JWT_FAULT_FORM,
            err_set(err, ERR_AUTH, "token: iat and exp (and nbf) are seconds since 1970"));
    uint64_t now_s = clock_wall_us(rules->clock) / 1000000;
    uint64_t leeway_s = rules->leeway_s;
    assert(leeway_s <= JWT_LEEWAY_S_MAX);
    if (claims->iat_s > now_s + leeway_s && !rules->iat_ahead_ok)
        return at_fault(rules, JWT_FAULT_TIME,
                        err_set(err, ERR_AUTH, "token: iat is in the future"));
    if (claims->nbf_s > now_s + leeway_s)
        return at_fault(rules, JWT_FAULT_TIME,
                        err_set(err, ERR_AUTH, "token: it is too early for nbf"));
    if (claims->exp_s <= claims->iat_s)
        return at_fault(rules, JWT_FAULT_TIME,
                        err_set(err, ERR_AUTH, "token: exp is not after iat"));
    if (rules->lifetime_s_max != 0 && claims->exp_s - claims->iat_s > rules->lifetime_s_max)
        return at_fault(rules, JWT_FAULT_TIME,
                        err_set(err, ERR_AUTH, "token: it lives longer than it may"));
    if (!rules->run_out_ok && claims->exp_s + leeway_s <= now_s)
        return at_fault(rules, JWT_FAULT_EXPIRED,
                        err_set(err, ERR_TIMEOUT, "token: it has run out"));
    return 0;
}

int jwt_verify(const struct jwks *keys, const struct jwt_rules *rules, struct span token,
               struct err_slot *err, struct jwt *out)
{
    assert(rules->iss != NULL && rules->aud != NULL && rules->clock != NULL);
    struct span header_part, payload_part, signature_part;
    struct span rest = span_cut(token, '.', &header_part);
    rest = rest.ptr != NULL ? span_cut(rest, '.', &payload_part) : rest;
    size_t bytes_max = rules->typ != NULL ? JWT_BYTES_MAX : JWT_OUTSIDE_BYTES_MAX;
    if (token.len > bytes_max || rest.ptr == NULL ||
        span_cut(rest, '.', &signature_part).ptr != NULL)
        return at_fault(rules, JWT_FAULT_FORM,
                        err_set(err, ERR_SYNTAX,
                                "token: it is not three parts of at most %zu bytes together",
                                bytes_max));

    json_t *header, *payload;
    int rc = parse_part(header_part, "header", rules, err, &header);
    if (rc < 0)
        return rc;
    const struct jwks_key *key = NULL;
    rc = judge_header(header, keys, rules, err, &key);
    json_decref(header);
    if (rc < 0)
        return rc;

    struct span signed_part = {token.ptr, header_part.len + 1 + payload_part.len};
    rc = judge_signature(signed_part, signature_part, key, rules, err);
    if (rc < 0)
        return rc;
    rc = parse_part(payload_part, "payload", rules, err, &payload);
    if (rc < 0)
        return rc;
    struct jwt_claims claims = {.iat_s = 0};
    rc = judge_claims(payload, rules, err, &claims);
    if (rc < 0) {
        json_decref(payload);
        return rc;
    }
    *out = (struct jwt){.claims = claims, .payload = payload};
    return 0;
}

void jwt_deinit(struct jwt *jwt)
{
    json_decref(jwt->payload);
    *jwt = (struct jwt){.payload = NULL};
}

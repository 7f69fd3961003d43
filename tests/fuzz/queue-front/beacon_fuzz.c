/* beacon_fuzz.c: any bytes as what a relay of drand and NIST's beacon answer. What is believed of
 * drand is of the round that was asked for, and the value follows from the signature; of NIST it is
 * the one pulse that this certificate has ever signed (its key is gone), which is in the corpus. */
#include "core/draw/beacon.h"
#include "core/draw/nist.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIDCTCCAfGgAwIBAgIULymz/jcwi8xj0PN3FtssuxDdpncwDQYJKoZIhvcNAQEL\n"
    "BQAwEzERMA8GA1UEAwwIYSBiZWFjb24wIBcNMjYxMTIxMTIzNzE2WhgPMjEyNjEw\n"
    "MjgxMjM3MTZaMBMxETAPBgNVBAMMCGEgYmVhY29uMIIBIjANBgkqhkiG9w0BAQEF\n"
    "AAOCAQ8AMIIBCgKCAQEArTYruWVbBsZyMRUBYKwiW7BS4oRcRZF6a1EkCIfLjEdd\n"
    "L2w2vJr54iChtQgaS4rVrsEKHkPGiWckss+Jh4PxOOk+VyBG5ndtW5SeK204TqDm\n"
    "xSKGSeUh1gzCR5JMfci5jhf5dF8sODXCyjuhIFP8DoFkNcRhT405b0gRIMOrgGlD\n"
    "N8MEfvj43B785ZqUdU7MMAGppwBkPTd9ASBdKZsOGOfGR2pt12QDYBEsp3g6VIYa\n"
    "c+pjRW7fM4QouWvx9QrNETDwHnRWIWqprEsMR/XZMRvIMJBq2uh14rOXOEBZzT5T\n"
    "PDT3b6S+uHSpz3lS+IWpV8gdaSk5Rc87OsFcsIiT7wIDAQABo1MwUTAdBgNVHQ4E\n"
    "FgQUCPTojFJ6wzyF0mAVDP7NFBnLPDQwHwYDVR0jBBgwFoAUCPTojFJ6wzyF0mAV\n"
    "DP7NFBnLPDQwDwYDVR0TAQH/BAUwAwEB/zANBgkqhkiG9w0BAQsFAAOCAQEARj3a\n"
    "jpfUqIndll7q56MEUm5FavwMkmAX6UO2Xk2DlcNTBNsM4cRV3kjaVr8fS703zTKx\n"
    "lPpSALOJyHMFrVKcpd4ioCuNf65RagJ0XpOI+YkICaaNYLbhU2i8QMWDkDLKbpQX\n"
    "PPWjlTykoDH795/bLHHA2yoE9lQfJfidtaM6j7e3PzzQ6ILTIFnlNbxdn0IjhUkK\n"
    "6yJhVvoxtwRRXg9OKZqnOzKoFCuIA0Bl2I/Bfkzz5+5Bi/wdPh8kDWXPUXQ668UP\n"
    "CGsz5ohjZOPi7q/zYeDJwRCbLpgvEQOzO2Tl6nmCaApgwdovB3lo27uhFPShY7sJ\n"
    "61BG6XPlGZw3Zmfs5w==\n"
    "-----END CERTIFICATE-----\n";
static const char only_value[] = "78d0a82dd3289cef47e2424d9432910a2b5ed4bdd8700804b43382ca869c8055"
                                 "5b3f0824c803fcb10c759d75522667e2c309764202ce456476a4798feaa691b2";

static void judge_round(struct span answer, uint64_t round)
{
    char signature[BEACON_SIGN_LEN + 1], value[BEACON_HASH_LEN + 1], again[BEACON_HASH_LEN + 1];
    if (!beacon_drand_answer(answer, round, signature, value))
        return;
    assert(strlen(signature) == BEACON_SIGN_LEN);
    bool follows = beacon_drand_value(span_of(signature), again);
    assert(follows);
    assert(strcmp(value, again) == 0);
    bool of_another = beacon_drand_answer(answer, round + 1, signature, value);
    assert(!of_another);
}

static void judge_pulse(struct span answer)
{
    const struct nist_want want = {
        .certificate = SPAN(certificate), .chain = 2, .at_ms = UINT64_C(1893456000000)};
    static char memory[65536];
    struct text pulse = text_on(memory, sizeof(memory));
    struct err_slot err = {.text = ""};
    char value[NIST_VALUE_LEN + 1];
    int rc = nist_pulse_check(answer, &want, &err, value, &pulse);
    if (rc < 0) {
        assert(rc == ERR_SYNTAX || rc == ERR_RANGE || rc == ERR_AUTH);
        assert(err.text[0] != '\0');
        assert(pulse.len == 0);
        return;
    }
    assert(strcmp(value, only_value) == 0);
    /* What is published of it is believed again. */
    rc = pulse.overflown ? 0 : nist_pulse_check(text_span(&pulse), &want, &err, value, NULL);
    assert(rc == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span answer = {(const char *)data, size};
    judge_round(answer, 1000);
    judge_pulse(answer);
    return 0;
}

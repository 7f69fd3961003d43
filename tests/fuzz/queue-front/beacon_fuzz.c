/* beacon_fuzz.c: any bytes as what a relay of drand and NIST's beacon answer. What is believed of
 * drand is of the round that was asked for, and the value follows from the signature; of NIST it is
 * the one pulse that this certificate has ever signed (its key is gone), which is in the corpus. */
#include "a_pulse.h"
#include "core/draw/beacon.h"
#include "core/draw/nist.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge_round(struct span answer, uint64_t round)
{
    char signature[BEACON_SIGN_LEN + 1], value[BEACON_HASH_LEN + 1], again[BEACON_HASH_LEN + 1];
    if (beacon_drand_answer(answer, round, NULL, signature, value) < 0)
        return;
    assert(strlen(signature) == BEACON_SIGN_LEN);
    bool follows = beacon_drand_value(span_of(signature), again);
    assert(follows);
    assert(strcmp(value, again) == 0);
    bool of_another = beacon_drand_answer(answer, round + 1, NULL, signature, value) == 0;
    assert(!of_another);
}

static void judge_pulse(struct span answer)
{
    const struct nist_want want = {
        .certificate = SPAN(PULSE_CERTIFICATE), .chain = PULSE_CHAIN, .at_ms = PULSE_AT_MS};
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
    assert(strcmp(value, PULSE_VALUE) == 0);
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

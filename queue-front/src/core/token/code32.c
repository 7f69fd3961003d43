/* code32.c: the check letter.
 *
 * The letters are the elements of GF(32), and a code is a polynomial that has the generator as a
 * root: sum of c[i] * g^(len - 1 - i) = 0. The weights g^0 .. g^30 all differ, so a single wrong
 * letter, or any two swapped letters, leave a remainder. From the 32nd letter on weights would
 * repeat, hence CODE32_LEN_MAX. */
#include "core/token/code32.h"

#include "core/line/line.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static_assert(sizeof(letters) - 1 == 32, "five bits a letter");

/* Times g, which is x, modulo x^5 + x^2 + 1 (primitive: its powers are all 31 elements). */
static unsigned times_g(unsigned element)
{
    assert(element < 32);
    element <<= 1;
    return element & 32 ? element ^ 37 : element;
}

void code32_make(const uint8_t *values, size_t len, char *code)
{
    assert(len >= 2 && len <= CODE32_LEN_MAX);
    unsigned rest = 0;
    for (size_t i = 0; i < len - 1; i++) {
        assert(values[i] < 32);
        rest = times_g(rest) ^ values[i];
        code[i] = letters[values[i]];
    }
    code[len - 1] = letters[times_g(rest)];
    char again[CODE32_LEN_MAX];
    assert(code32_parse((struct span){code, len}, len, again, NULL)); /* it can be read back */
}

void code32_put(struct text *out, const char *code, size_t len, size_t group)
{
    assert(group > 0 && len <= CODE32_LEN_MAX);
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && i % group == 0)
            text_char(out, '-');
        text_char(out, code[i]);
    }
}

/* -1: not a letter of a code. */
static int value_of(char c)
{
    if (c >= 'a' && c <= 'z')
        c = (char)(c - 'a' + 'A');
    if (c == 'O')
        c = '0';
    if (c == 'I' || c == 'L')
        c = '1';
    const char *at = c != '\0' ? strchr(letters, c) : NULL;
    assert(at == NULL || *at == c);
    return at != NULL ? (int)(at - letters) : -1;
}

bool code32_parse(struct span text, size_t len, char *code, uint8_t *values)
{
    assert(len >= 2 && len <= CODE32_LEN_MAX);
    size_t found = 0;
    unsigned rest = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '-' || text.ptr[i] == ' ')
            continue;
        int value = value_of(text.ptr[i]);
        if (value < 0 || found == len)
            return false;
        rest = times_g(rest) ^ (unsigned)value;
        if (values != NULL)
            values[found] = (uint8_t)value;
        code[found++] = letters[value];
    }
    return found == len && rest == 0;
}

uint64_t code32_sign(const struct mac_ring_key *key, const char *purpose, struct span event,
                     uint32_t head)
{
    struct mac_ring one = {.key[0] = *key, .len = 1};
    const uint32_t number = htole32(head);
    const struct span parts[] = {
        {purpose, strlen(purpose) + 1}, {(const char *)&number, sizeof(number)}, event};
    uint8_t mac[MAC_BYTES];
    uint64_t bits;
    assert(event.len <= LINE_EVENT_ID_MAX);
    mac_make(&one, parts, 3, mac);
    mac_ring_wipe(&one);
    memcpy(&bits, mac, sizeof(bits));
    return be64toh(bits);
}

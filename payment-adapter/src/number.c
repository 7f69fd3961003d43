/* number.c: 40 bits of a hash of the id, in an alphabet without look-alikes (Crockford's). Two ids
 * can share a number. A unique index rejects a second order with the same number, which is then
 * made under another id. Tickets have no such index: a search shows the orders of all tickets with
 * the number. */
#include "number.h"

#include <sodium.h>
#include <string.h>

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static void group(const char digits[NUMBER_CHARS], char out[NUMBER_MAX])
{
    memcpy(out, digits, 2);
    out[2] = '-';
    memcpy(out + 3, digits + 2, 3);
    out[6] = '-';
    memcpy(out + 7, digits + 5, 3);
    out[10] = '\0';
}

void number_of(struct span id, char out[NUMBER_MAX])
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    char digits[NUMBER_CHARS];
    crypto_hash_sha256(hash, (const uint8_t *)id.ptr, id.len);
    for (size_t i = 0; i < NUMBER_CHARS; i++)
        digits[i] = alphabet[hash[i] & 31];
    group(digits, out);
}

static char digit_of(char typed)
{
    char c = (char)(typed >= 'a' && typed <= 'z' ? typed - 'a' + 'A' : typed);
    if (c == 'O')
        return '0';
    return c == 'I' || c == 'L' ? '1' : c;
}

bool number_parse(struct span typed, char out[NUMBER_MAX])
{
    char digits[NUMBER_CHARS];
    size_t len = 0;
    for (size_t i = 0; i < typed.len; i++) {
        if (typed.ptr[i] == ' ' || typed.ptr[i] == '-')
            continue;
        char digit = digit_of(typed.ptr[i]);
        if (len == NUMBER_CHARS || digit == '\0' || strchr(alphabet, digit) == NULL)
            return false;
        digits[len++] = digit;
    }
    if (len < NUMBER_CHARS)
        return false;
    group(digits, out);
    return true;
}

/* currency.c: currencies in neither list have two digits. Providers write codes in lower case. */
#include "sale/currency.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

static unsigned digits_of(struct span currency)
{
    static const char none[] = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF";
    static const char three[] = "BHD IQD JOD KWD LYD OMR TND";
    char code[4] = "";
    if (currency.len != 3)
        return 2;
    for (int i = 0; i < 3; i++)
        code[i] = (char)toupper((unsigned char)currency.ptr[i]);
    return strstr(none, code) != NULL ? 0 : strstr(three, code) != NULL ? 3 : 2;
}

void currency_put(struct text *out, struct span currency, uint64_t minor)
{
    char number[24];
    size_t digits = digits_of(currency);
    int len =
        snprintf(number, sizeof(number), "%0*llu", (int)digits + 1, (unsigned long long)minor);
    assert(len > (int)digits);
    size_t whole = (size_t)len - digits;
    for (size_t i = 0; i < whole; i++) {
        if (i > 0 && (whole - i) % 3 == 0)
            text_char(out, ',');
        text_char(out, number[i]);
    }
    if (digits > 0) {
        text_char(out, '.');
        text_str(out, number + whole);
    }
}

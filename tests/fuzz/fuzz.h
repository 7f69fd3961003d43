/* fuzz.h: the frame of a target, which defines fuzz(): any bytes as what it reads. Whatever they
 * are, it returns. */
#ifndef FG_FUZZ_H
#define FG_FUZZ_H

#include "base/span.h"

#include <assert.h>
#include <stdlib.h>

static void fuzz(struct span in);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz((struct span){(const char *)data, size});
    return 0;
}

#endif

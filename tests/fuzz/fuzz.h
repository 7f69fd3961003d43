/* fuzz.h: the frame of a target, which defines fuzz(). It must return for any bytes. */
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

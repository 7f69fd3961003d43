/* strmap.h: texts to numbers. The owner keeps the texts; the map keeps a hash and a number, and
 * asks the owner to be sure. */
#ifndef FG_PSP_SANDBOX_STRMAP_H
#define FG_PSP_SANDBOX_STRMAP_H

#include "base/err.h"
#include "base/span.h"

struct strmap;

/* Returns the text for this number, which was put and not yet removed. */
typedef struct span strmap_text(void *ctx, uint32_t number);

int strmap_create(strmap_text *text_of, void *ctx, struct err_slot *err, struct strmap **out);
bool strmap_find(const struct strmap *map, struct span text, uint32_t *number);
/* The text must not be there yet, and the owner must already return it for this number. */
int strmap_put(struct strmap *map, uint32_t number, struct err_slot *err);
/* Makes an existing text point to another number with the same text. */
void strmap_set(struct strmap *map, uint32_t number);
void strmap_remove(struct strmap *map, struct span text); /* it is there */
uint32_t strmap_len(const struct strmap *map);
void strmap_destroy(struct strmap *map);

#endif

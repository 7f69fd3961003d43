/* view.h: draws what one sees of the stage from a seat. */
#ifndef HALLS_VIEW_H
#define HALLS_VIEW_H

#include "bowl.h"

#include <stdio.h>

/* An SVG of 3 to 10 KB, the same bytes each time. `height_m` is where the seat's feet are. */
void view_write(FILE *out, const struct bowl *bowl, struct point seat, double height_m);

#endif

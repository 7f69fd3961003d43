/* scarce.h: JSON whose memory runs out. */
#ifndef FG_UNIT_SCARCE_H
#define FG_UNIT_SCARCE_H

#include <stdbool.h>

/* From now on the nth allocation of JSON fails, counted from 0, and no other; or all from it on. */
void scarce_nth(unsigned nth);
void scarce_from(unsigned nth);
/* JSON has memory again. Did an allocation fail? */
bool scarce_end(void);

#endif

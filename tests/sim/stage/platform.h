/* platform.h: system.h as the world has it. A program that links this has no other. */
#ifndef FG_SIM_PLATFORM_H
#define FG_SIM_PLATFORM_H

void platform_begin(void); /* a call makes sure that this file is linked */

#endif

/* verify_draw.h: `queue-front verify-draw FILE|URL [--entry N]`: repeats a published draw and
 * reports whether it matches the promise. */
#ifndef FG_QUEUE_FRONT_VERIFY_DRAW_H
#define FG_QUEUE_FRONT_VERIFY_DRAW_H

/* argv[0] is "verify-draw". FILE is a saved body of GET fairness, "-" standard input. Exit code: 0
 * the draw is as promised; 1 it is not, or was not held yet; 2 nothing could be checked. */
int verify_draw_main(int argc, char **argv);

#endif

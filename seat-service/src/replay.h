/* replay.h: `seat-service replay`: an event's past state, computed from document and journal. */
#ifndef FG_SEAT_SERVICE_REPLAY_H
#define FG_SEAT_SERVICE_REPLAY_H

/* seat-service replay --config FILE [--event E] [--at TIME | --seq N] [--seats]
 *
 * Replays from the first row, checks the chain to its end, and prints the state as JSON: counts of
 * seats and changes, and with --seats each seat that is not free. Exit code 0: printed; 1: the
 * journal cannot be read or its chain is broken (names the first such row); 2: wrong options. */
int replay_main(int argc, char **argv);

#endif

/* replay.h: `seat-service replay`: an event's state at any time, from its journal alone. */
#ifndef FG_SEAT_SERVICE_REPLAY_H
#define FG_SEAT_SERVICE_REPLAY_H

/* seat-service replay --config FILE [--event E] [--at TIME | --seq N] [--seats]
 *
 * Replays from the first row, checks the chain on the way, and prints the state as JSON: counts,
 * holds, and with --seats each seat that is not free. Exit code 0; 1 where the journal cannot be
 * read or its chain is broken (the first broken row is named); 2 for wrong options. */
int replay_main(int argc, char **argv);

#endif

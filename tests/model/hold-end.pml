/* judges: seat */
/* hold-end.pml: a hold ends while other threads read it. Models hold.c, settle_ended() of
 * engine_settle.c and engine_hold_read() of engine_read.c, in every interleaving.
 *
 * One hold has seats 0 and 1, linked. Its owner ends it, or keeps it as late, without seats. A
 * taker takes a seat once it is free and links it into another hold. A reader walks the links and
 * accepts the result if the slot's word has not changed. One step is one atomic access in the code.
 * Memory is sequentially consistent; hold.c explains which releases and acquires ensure that a
 * reader of a new link also sees the word that was stored before it.
 *
 * Holds: a result that a reader accepts has exactly the hold's own seats.
 *
 * FREE_FIRST drops the guard: seats become free before the word says that the hold is changing. */

#define SEATS 2
#define FREE 0
#define OURS 1
#define THEIRS 2

mtype = { IDLE, WRITING, UNUSED, OPEN, LATE };

mtype state = IDLE; /* the slot's word: its state */
byte turn = 0;      /* ... and its turn */
mtype status = OPEN;
byte word[SEATS];
byte next[SEATS]; /* the next seat plus one, 0 at the end */
byte believed = 0;

proctype owner() {
    byte seat = 0;
#ifndef FREE_FIRST
    atomic { state = WRITING; turn++ }
#endif
    do
    :: seat < SEATS ->
        assert(word[seat] == OURS);
        word[seat] = FREE;
        seat++
    :: else -> break
    od;
    if
    :: true -> /* ended; the slot is reused */
        atomic { state = UNUSED; turn++ }
    :: true -> /* expired; remembered as late */
#ifdef FREE_FIRST
        atomic { state = WRITING; turn++ };
#endif
        status = LATE;
        atomic { state = IDLE; turn++ }
    fi
}

proctype taker(byte seat) {
    bool got = false;
    atomic {
        if
        :: word[seat] == FREE -> word[seat] = THEIRS; got = true
        :: else
        fi
    };
    if
    :: got -> next[seat] = 0
    :: else
    fi
}

proctype reader() {
    byte seen[SEATS];
    byte count = 0, at = 0, begun;
    mtype was;
    bool same;
    atomic { was = state; begun = turn };
    if
    :: was == IDLE ->
        if
        :: status == OPEN ->
            do
            :: count < SEATS && at < SEATS ->
                seen[count] = at;
                count++;
                at = next[at] - 1 /* 255 at the end */
            :: else -> break
            od
        :: else
        fi;
        atomic { same = state == IDLE && turn == begun };
        if
        :: same && count > 0 ->
            assert(count == SEATS && seen[0] == 0 && seen[1] == 1);
            believed++
        :: else
        fi
    :: else /* being written: retry; unused: no such hold */
    fi
}

init {
    word[0] = OURS;
    word[1] = OURS;
    next[0] = 2;
    next[1] = 0;
    atomic {
        run owner();
        run taker(0);
        run taker(1);
        run reader();
        run reader()
    }
}

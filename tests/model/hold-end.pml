/* judges: seat */
/* hold-end.pml: how a hold ends while others read it: hold.c, settle_ended() of engine_settle.c and
 * engine_hold_read() of engine_read.c, every interleaving of them.
 *
 * One hold has seats 0 and 1, linked. Its owner ends it, or keeps it as late (it then has no seats);
 * a taker gets a seat as soon as it is free and links it as his own; a reader walks the hold's links
 * and believes what he saw if the slot's word has not moved. One step here is one atomic access
 * there. Memory is sequentially consistent; hold.c says by which releases and acquires a reader who
 * saw a new link has seen the word before it.
 *
 * Holds: what a reader believes are the hold's own seats, and it is never about a hold that ended.
 *
 * FREE_FIRST leaves out the guard: the seats go free before the word says that the hold changes. */

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
    :: true -> /* it is over */
        atomic { state = UNUSED; turn++ }
    :: true -> /* it is remembered */
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
                at = next[at] - 1 /* 255 behind the end */
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
    :: else /* it is being written, or gone: come again, or there is none */
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

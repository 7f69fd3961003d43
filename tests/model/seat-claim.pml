/* judges: seat */
/* seat-claim.pml: how seat-service/src/core/seats/seats.c claims seats, in every interleaving.
 *
 * Threads share bitmaps (`picture`: free seats) and words (who has a seat). One step is one atomic
 * access in the code. Memory is sequentially consistent, as seats.c requires where order matters.
 *
 * CLAIM  three takers want overlapping sets of seats in two rows. A winner may give its seats back.
 *        Holds: the winner of a bit finds the word free; a seat has one owner; a taker gets all its
 *        seats or none; if no winner gives back, at least one taker wins.
 * RULE   two takers in one row of two bitmaps. Both takes together would leave a single seat.
 *        Holds: at most one succeeds.
 *
 * Each guard can be left out, and then the model fails: NO_SWAP (the bitmap is stored without a
 * compare), BIT_FIRST (a seat's bit is set before its word is free), NO_SECOND_LOOK (the rule is
 * not checked again after the swap). */

#if defined(CLAIM)
#define TAKERS 3
#define ROWS 2
#define SEATS 4 /* two per row */
#elif defined(RULE)
#define TAKERS 2
#define ROWS 2  /* the two bitmaps of one row */
#define SEATS 6 /* three per bitmap: 0 1 2 | 3 4 5 */
#endif

#define A_ROW (SEATS / ROWS)
#define FREE 255
#define FULL_ROW ((1 << A_ROW) - 1)

byte picture[ROWS]; /* bit: free */
byte word[SEATS];
byte won = 0, lost = 0, given = 0;
bool has[TAKERS];

inline turn_words(row, bits, from, to) {
    seat = 0;
    do
    :: seat < A_ROW ->
        if
        :: bits & (1 << seat) ->
            /* A load and a store are two steps: no other thread may write the word in between. */
            assert(word[row * A_ROW + seat] == from);
            atomic { assert(word[row * A_ROW + seat] == from); word[row * A_ROW + seat] = to }
        :: else
        fi;
        seat++
    :: else -> break
    od
}

inline put_back(row, bits) {
    atomic { picture[row] = picture[row] | bits }
}

inline swap(row, judged, bits, ok) {
#ifdef NO_SWAP
    picture[row] = judged & ~bits;
    ok = true
#else
    atomic {
        if
        :: picture[row] == judged -> picture[row] = judged & ~bits; ok = true
        :: else -> ok = false
        fi
    }
#endif
}

#ifdef CLAIM
inline give_back(row, bits) {
#ifdef BIT_FIRST
    put_back(row, bits);
    turn_words(row, bits, _pid, FREE)
#else
    turn_words(row, bits, _pid, FREE);
    put_back(row, bits)
#endif
}

proctype taker(byte me, want0, want1) {
    byte seen, seat, row = 0;
    byte want[2];
    bool ok;
    want[0] = want0;
    want[1] = want1;
    do
    :: row < ROWS && want[row] == 0 -> row++
    :: row < ROWS && want[row] != 0 ->
        seen = picture[row];
        if
        :: want[row] & ~seen -> break /* lost */
        :: else
        fi;
        swap(row, seen, want[row], ok);
        if
        :: ok -> turn_words(row, want[row], FREE, _pid); row++
        :: else /* check the row again */
        fi
    :: row == ROWS -> break
    od;
    if
    :: row == ROWS ->
        seat = 0; /* all wanted seats must be ours */
        do
        :: seat < SEATS ->
            assert(!(want[seat / A_ROW] & (1 << (seat % A_ROW))) || word[seat] == _pid);
            seat++
        :: else -> break
        od;
        won++;
        has[me] = true;
        if
        :: true /* keeps them */
        :: true ->
            given++;
            has[me] = false;
            row = ROWS;
            do
            :: row > 0 && want[row - 1] != 0 -> row--; give_back(row, want[row])
            :: row > 0 && want[row - 1] == 0 -> row--
            :: else -> break
            od
        fi
    :: else ->
        lost++;
        do /* give back the rows won so far */
        :: row > 0 && want[row - 1] != 0 -> row--; give_back(row, want[row])
        :: row > 0 && want[row - 1] == 0 -> row--
        :: else -> break
        od
    fi
}

init {
    byte i = 0;
    picture[0] = FULL_ROW;
    picture[1] = FULL_ROW;
    do
    :: i < SEATS -> word[i] = FREE; i++
    :: else -> break
    od;
    atomic {
        run taker(0, 3, 1); /* 0 1 | 2   */
        run taker(1, 2, 3); /*   1 | 2 3 */
        run taker(2, 1, 2)  /* 0   |   3 */
    }
    (_nr_pr == 1);
    assert(won + lost == TAKERS);
    assert(given > 0 || won > 0);
    /* Bitmaps and words agree, and a seat without an owner is free. */
    i = 0;
    do
    :: i < SEATS ->
        assert((word[i] == FREE) == ((picture[i / A_ROW] >> (i % A_ROW)) & 1));
        i++
    :: else -> break
    od;
    assert(has[0] || has[1] || has[2] || (picture[0] == FULL_ROW && picture[1] == FULL_ROW))
}
#endif

#ifdef RULE
/* The rule both takers check: whether free seat 3 would be single, between taken seats 2 and 4. */
#define SINGLE(low, high) (((high) & 1) && !((low) & 4) && !((high) & 2))

proctype taker(byte me, row, bits) {
    byte low, high, seat, tries = 0;
    bool ok;
    do
    :: tries == 3 -> break
    :: else ->
        tries++;
        low = picture[0];
        high = picture[1];
        /* the row as it would be after the take */
        if
        :: row == 0 && SINGLE(low & ~bits, high) -> break
        :: row == 1 && SINGLE(low, high & ~bits) -> break
        :: else
        fi;
        if
        :: row == 0 -> swap(0, low, bits, ok)
        :: else -> swap(1, high, bits, ok)
        fi;
        if
        :: !ok
        :: else ->
#ifndef NO_SECOND_LOOK
            low = picture[0];
            high = picture[1];
            if
            :: SINGLE(low, high) -> put_back(row, bits)
            :: else ->
#endif
                turn_words(row, bits, FREE, _pid);
                has[me] = true;
                break
#ifndef NO_SECOND_LOOK
            fi
#endif
        fi
    od
}

init {
    byte i = 0;
    picture[0] = FULL_ROW;
    picture[1] = FULL_ROW;
    do
    :: i < SEATS -> word[i] = FREE; i++
    :: else -> break
    od;
    atomic {
        run taker(0, 0, 6); /* 1 2 */
        run taker(1, 1, 6)  /* 4 5 */
    }
    (_nr_pr == 1);
    assert(!(has[0] && has[1]))
}
#endif

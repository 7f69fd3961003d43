/* judges: seat */
/* seat-claim.pml: the protocol of seat-service/src/core/seats/seats.c, every interleaving of it.
 *
 * Shared are pictures (a set of free seats each) and words (who has a seat). One step here is one
 * atomic access there. Memory is sequentially consistent, which is what seats.c asks for where it
 * matters.
 *
 * CLAIM  three takers of sets that overlap in two rows, and who give back if they like.
 *        Holds: a bit won means that the word is free; a seat belongs to one; a taker gets all or
 *        nothing; if nobody gives back, somebody wins.
 * RULE   two takers in one row of two pictures, whose takes leave a single seat between them if both
 *        succeed. Holds: they do not.
 *
 * Each guard can be left out, to see that the model notices: NO_SWAP (the picture is stored, not
 * compared), BIT_FIRST (a seat freed in its picture before its word), NO_SECOND_LOOK. */

#if defined(CLAIM)
#define TAKERS 3
#define ROWS 2
#define SEATS 4 /* two a row */
#elif defined(RULE)
#define TAKERS 2
#define ROWS 2  /* the two pictures of one row */
#define SEATS 6 /* three a picture: 0 1 2 | 3 4 5 */
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
            /* A load and a store, not one step: between them nobody else may write the word. */
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
        :: else /* judge again */
        fi
    :: row == ROWS -> break
    od;
    if
    :: row == ROWS ->
        seat = 0; /* all of them are ours */
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
        do /* roll back what was won before */
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
    /* Pictures and words agree, and what nobody has is free. */
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
/* Would seat 3 (taken by nobody) be single, between 2 and 4? The rule as the two takers see it. */
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
        /* as it would be with the take */
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

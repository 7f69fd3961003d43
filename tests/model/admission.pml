/* judges: place, entry */
/* admission.pml: two fronts, one line, and a Redis that loses data. Models the counters and sessions of
 * queue-front/lua, and the marks of the fronts (queue-front/src/line): the highest values they have seen. Each script
 * call is one step, as in Redis. The reply to a join is another step, or is lost.
 *
 * Redis fails over at most once, to a replica of any age, or an empty one. One front may die with all that only it
 * knew: at most two places, which the gap covers.
 *
 * Holds: no place is given twice. Nobody enters uncalled. Nobody enters twice, unless Redis lost the first entry. First
 * entries stay within the rate, however many fronts tick. Visitors inside may continue, and need no more slots than
 * there are. Exception: visitors whom the dead front let in since the other front's last tick may have no slot.
 *
 * Each guard can be left out: NO_BOOT (fronts trust any run of Redis), NO_MARKS (fronts do not send their marks),
 * NO_WINDOW (the first front's marks suffice), NO_GAP, NO_PHANTOMS (lost sessions hold no slots), NO_PASSES (sessions
 * newer than the last tick are not counted), NO_DOUBT (sessions that Redis still has cannot have ended), NO_KEEP (their
 * expiry is not extended), OLD_PICTURE (another front's tick is reused without later entries), TICK_TWICE (each tick
 * adds a token), DOOR_OPEN (a pass does not check `serving`), NO_SLOT (nor the slots), NO_CALLED (nor earlier entries),
 * GHOST_FREE (a skipped place pays no token). */

#ifndef JOINS
#define JOINS 3 /* joins in all */
#endif
#ifndef TIME
#define TIME 2
#endif
#ifndef CALLED
#define CALLED 0 /* places that are called at the start and have not entered */
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#define SLOTS 1
#ifndef BURST
#define BURST 1
#endif
#ifdef NO_GAP
#define GAP 0
#else
#define GAP 2
#endif

#define BIT(place) (1 << (place))
#define HAS(set, place) (((set) >> (place)) & 1)
#define UPTO(place) ((2 << (place)) - 1)
#define COUNT(set) (HAS(set, 1) + HAS(set, 2) + HAS(set, 3) + HAS(set, 4) + HAS(set, 5))
#define MORE(a, b) ((a) > (b) -> (a) : (b))
#define LESS(a, b) ((a) < (b) -> (a) : (b))

/* Redis and its replica. `sessions`, `called`, `skipped` and `gaps` are sets of places, as bits. */
byte issued = CALLED, serving = CALLED, sessions, called, skipped, gaps;
byte tokens = BURST, at, phantoms, doubted;
bool trusted = true; /* `boot` names this run of Redis */
byte old_issued, old_serving, old_sessions, old_called;
bool copied, lost, healed, died;

/* what each front knows; `passes` counts the entries since its last tick */
byte seen_issued[2] = CALLED, seen_serving[2] = CALLED, seen_sessions[2], passes[2];
bool alive[2] = true;
#ifdef OLD_PICTURE
byte picture;
#endif

/* the truth, as sets of places */
byte given = UPTO(CALLED) - 1, inside, came, unseen; /* `unseen`: let in by front 1 since front 0's last tick */
byte entered, joins, now, top = CALLED;
byte without; /* visitors inside whom only the dead front knew */

#ifdef NO_BOOT
#define BELIEVED true
#else
#define BELIEVED trusted /* prelude.lua: refusal() */
#endif
#define WORKS (alive[i] && BELIEVED && place == 0)

/* tick.lua: move_line(), which calls refill() and advance(), which calls pass_gap() */
inline move_line() {
#ifdef TICK_TWICE
    tokens = tokens + 1;
#else
    tokens = tokens + now - at;
#endif
    tokens = LESS(tokens, BURST);
    at = now;
    do
    :: serving < issued && HAS(gaps, serving + 1) ->
        serving++;
        skipped = skipped | BIT(serving)
    :: serving < issued && !HAS(gaps, serving + 1) && tokens > 0 ->
        serving++;
        tokens--
    :: else -> break
    od;
    top = MORE(top, serving)
}

/* The mark of a front that is dead or left out counts as 0. */
#ifdef NO_MARKS
#define TOLD(j, what) 0
#else
#ifdef NO_WINDOW
#define TOLD(j, what) (j == i -> what[j] : 0)
#else
#define TOLD(j, what) (alive[j] -> what[j] : 0)
#endif
#endif
#define MARK(what) MORE(TOLD(0, what), TOLD(1, what))

/* heal.lua: contribute() by each living front, then close() */
inline heal() {
    issued = MORE(issued, MORE(MARK(seen_issued), MARK(seen_serving)));
    gaps = UPTO(issued + GAP) & ~UPTO(issued);
    issued = issued + GAP;
    serving = MORE(serving, MARK(seen_serving));
    /* restore_slots(), keep_sessions() */
    known = MARK(seen_sessions);
#ifndef NO_PASSES
    known = known + TOLD(0, passes) + TOLD(1, passes);
#endif
#ifndef NO_PHANTOMS
    phantoms = (known > COUNT(sessions) -> known - COUNT(sessions) : 0);
#endif
#ifndef NO_DOUBT
    doubted = LESS(known, COUNT(sessions));
#endif
    known = 0;
    tokens = 0;
    at = now;
    trusted = true;
    healed = true
}

/* visit.lua: pass(). has_slot() finds a slot, pay_late() takes a ghost's token, session_start() opens the visit. */
inline enter() {
#ifndef GHOST_FREE
    tokens = tokens - HAS(skipped, place);
#endif
    assert(place <= top);
    assert(!HAS(came, place) || lost);
    entered = entered + !HAS(came, place);
    assert(entered <= now + BURST + CALLED);
    skipped = skipped & ~BIT(place);
    called = called | BIT(place);
    sessions = sessions | BIT(place);
    passes[i]++;
    came = came | BIT(place);
    inside = inside | BIT(place);
    unseen = (i == 1 -> unseen | BIT(place) : unseen);
    assert(COUNT(inside) <= SLOTS + without)
}

#ifdef DOOR_OPEN
#define IS_CALLED true
#else
#define IS_CALLED (p <= serving)
#endif
#ifdef NO_CALLED
#define IS_NEW true
#else
#define IS_NEW (!HAS(called, p))
#endif
#ifdef NO_SLOT
#define HAS_SLOT true
#else
#define HAS_SLOT (COUNT(sessions) + phantoms < SLOTS)
#endif
#ifdef GHOST_FREE
#define IS_PAID true
#else
#define IS_PAID (!HAS(skipped, p) || tokens > 0)
#endif

proctype front(byte i) {
    byte place, p, known;
end:
    do
    :: !alive[i] -> break
    :: d_step { alive[i] && !BELIEVED -> heal() }

    /* ---- join.lua; then its reply arrives and the ticket is sent: line_event_saw_place() ---- */
    :: atomic { WORKS && joins < JOINS && issued < 5 && issued < seen_issued[1 - i] + 2 ->
        joins++;
        issued++;
        place = issued }
    :: d_step { alive[i] && place > 0 ->
        assert(!HAS(given, place));
        given = given | BIT(place);
        seen_issued[i] = MORE(seen_issued[i], place);
        place = 0 }
    :: atomic { alive[i] && place > 0 && lost -> place = 0 } /* the reply is lost */

    /* ---- tick.lua, and take_numbers() ---- */
    :: d_step { WORKS ->
        move_line();
        seen_issued[i] = MORE(seen_issued[i], issued);
        seen_serving[i] = MORE(seen_serving[i], serving);
        seen_sessions[i] = COUNT(sessions) + phantoms;
#ifdef OLD_PICTURE
        picture = seen_sessions[i];
#endif
        passes[i] = 0;
        unseen = (i == 0 -> 0 : unseen);
        without = (lost -> without : 0) }
#ifdef OLD_PICTURE
    :: d_step { WORKS -> /* picture_of_another() */
        seen_sessions[i] = picture;
        passes[i] = 0;
        unseen = (i == 0 -> 0 : unseen) }
#endif

    /* ---- visit.lua: pass(), for a place that is not inside ---- */
    :: atomic { WORKS && (given & ~inside) != 0 && !HAS(inside, 0) ->
        select(p : 1 .. 5);
        if
        :: HAS(given & ~inside, p) && IS_CALLED && IS_NEW && HAS_SLOT && IS_PAID -> place = p; enter()
        :: else
        fi;
        place = 0;
        p = 0 }

    /* ---- visit.lua: heartbeat(), for a visit whose session Redis has lost: is_lost(), lost_back() ---- */
    :: atomic { WORKS && (inside & ~sessions) != 0 ->
        select(p : 1 .. 5);
        if
        :: !HAS(inside & ~sessions, p)
        :: HAS(inside & ~sessions, p) && phantoms > 0 ->
            phantoms--;
            sessions = sessions | BIT(p);
            called = called | BIT(p)
        :: HAS(inside & ~sessions, p) && phantoms == 0 && doubted > 0 && !HAS(called, p) ->
            doubted--;
            sessions = sessions | BIT(p);
            called = called | BIT(p)
        :: else ->
            assert(without > 0);
            inside = inside & ~BIT(p);
            without--
        fi;
        p = 0 }

    /* ---- visit.lua: finish(), session_close() ---- */
    :: atomic { WORKS && (inside & sessions) != 0 ->
        select(p : 1 .. 5);
        if
        :: HAS(inside & sessions, p) ->
            sessions = sessions & ~BIT(p);
            inside = inside & ~BIT(p);
            unseen = unseen & ~BIT(p)
        :: else
        fi;
        p = 0 }
    od
}

/* Time, the replica, and failures. */
proctype world() {
end:
    do
    :: d_step { now < TIME -> now++ }
    :: d_step { !lost && !copied ->
        copied = true;
        old_issued = issued;
        old_serving = serving;
        old_sessions = sessions;
        old_called = called }
    :: d_step { !lost ->
        lost = true;
        trusted = false;
        issued = old_issued;
        serving = old_serving;
        sessions = old_sessions;
        called = old_called;
        tokens = 0 }
    :: d_step { DEATHS > 0 && !died -> died = true; alive[1] = false; without = COUNT(unseen) }
    /* end_expired_sessions(): kept sessions and reserved slots expire once all visitors inside have theirs. */
#ifdef NO_KEEP
    :: d_step { healed && (sessions & ~inside) != 0 -> sessions = sessions & inside }
#endif
    :: d_step { healed && (inside & ~sessions) == 0 && (phantoms > 0 || doubted > 0 || sessions != inside) ->
        phantoms = 0;
        doubted = 0;
        sessions = sessions & inside }
    od
}

init {
    atomic {
        run front(0);
        run front(1);
        run world()
    }
}

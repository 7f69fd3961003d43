/* judges: seat, confirmed */
/* journal.pml: two seat services, one event, one PostgreSQL. Who may write, what is answered, and
 * what a takeover finds. Models committer.c, ownership.c, reader.c and the statements of store.c in
 * seat-service/src/journal. Each step names its function.
 *
 * A service is a committer and a reader, which share the same state as in the code. PostgreSQL is
 * the owner row, the journal, the event's advisory lock and its backends. A statement that writes
 * runs while its client waits, after the connection broke, or never. Interleaving includes
 * processes that pause at any step for any time.
 *
 * The journal is a number in base 4, one digit per change. So the chain's link, which identifies
 * all earlier changes, is the number itself. The state in a service's memory is such a number too.
 *
 * Holds: a change answered with yes is in the journal, once and for good. A change answered with no
 * never is. An answer from memory is no older than its query, and then memory equals the replayed
 * journal. A service ends only if another replaced it.
 *
 * LIES: how often the event's lock is lost while its owner is healthy. Without lies the lock alone
 * prevents many errors, since it lives as long as the session through which its owner writes.
 *
 * Each guard can be left out: NO_EPOCH, ANSWER_FIRST, BROKEN_IS_NO, BROKEN_IS_YES, NO_READ_BACK,
 * NO_RAISE, NO_OURS, NO_PROOF. */

#ifndef CHANGES
#define CHANGES 2
#endif
#ifndef LIES
#define LIES 0
#endif
#define BREAKS 1
#define EPOCHS 3
#define NONE 15
#define SLOTS 4 /* backends: two per committer, the current one and one that hangs */

mtype = { NOTHING, APPEND, RAISE, YES, NO, DONT_KNOW };

/* PostgreSQL */
byte row_epoch = 1, row_owner = 0, row_seq = 0;
byte journal = 0;
byte lock_of = NONE;
bool alive[SLOTS];
mtype sent[SLOTS] = NOTHING;
byte sent_epoch[SLOTS], sent_seq[SLOTS], sent_len[SLOTS];
byte sent_what[SLOTS];
bool done[SLOTS], found[SLOTS]; /* the result is there; the statement matched its row */


/* a service */
bool owned[2], locked[2], fenced[2];
byte locked_epoch[2], head_epoch[2], head_seq[2];
byte memory[2];

/* clients */
byte given = 0;         /* changes requested so far */
mtype answer[CHANGES + 1] = NOTHING;
bool asked[2];          /* a query that needs a proof of ownership */
byte asked_seq;
byte breaks = 0, lies = 0;

#define DIGIT(n)     (1 << (2 * (n)))
#define PREFIX(k)    (journal >> (2 * (row_seq - (k))))
#define BEGINS_AS(k, what) ((k) <= row_seq && PREFIX(k) == (what))

inline forget(k) { /* clears values no longer in use, so that fewer states differ */
    sent[k] = NOTHING;
    sent_epoch[k] = 0;
    sent_seq[k] = 0;
    sent_len[k] = 0;
    sent_what[k] = 0
}

inline end_backend(k) {
    alive[k] = false;
    forget(k);
    done[k] = false;
    found[k] = false;
    if
    :: lock_of == k -> lock_of = NONE
    :: else
    fi
}

/* A batch's statement is conditional on the epoch: statements/journal.sql, fence() and append_rows(). */
#ifdef NO_EPOCH
#define EPOCH_FITS(k) true
#else
#define EPOCH_FITS(k) (row_epoch == sent_epoch[k])
#endif

inline check_written(what, size) {
    n = 0;
    do
    :: n < size ->
        assert(answer[(what >> (2 * n)) & 3] != NO); /* a change answered with no is never written */
        m = 0;
        do
        :: m < row_seq -> assert(((journal >> (2 * m)) & 3) != ((what >> (2 * n)) & 3)); m++
        :: else -> break
        od;
        n++
    :: else -> break
    od
}

inline execute(k) {
    if
    :: sent[k] == APPEND -> /* store_commit() */
        found[k] = EPOCH_FITS(k) && row_seq == sent_seq[k];
        if
        :: found[k] ->
            check_written(sent_what[k], sent_len[k]);
            journal = journal * DIGIT(sent_len[k]) + sent_what[k];
            row_seq = row_seq + sent_len[k]
        :: else
        fi
    :: sent[k] == RAISE -> /* store_raise() */
        found[k] = row_epoch == sent_epoch[k] && row_epoch < EPOCHS;
        if
        :: found[k] -> row_epoch++; row_owner = k / 2
        :: else
        fi
    fi;
    forget(k);
    done[k] = true
}

/* The server runs each statement at any later moment, and loses the lock at most LIES times. */
proctype server() {
    byte k, n, m;
end:
    do
    :: atomic { sent[0] != NOTHING -> execute(0); n = 0; m = 0 }
    :: atomic { sent[1] != NOTHING -> execute(1); n = 0; m = 0 }
    :: atomic { sent[2] != NOTHING -> execute(2); n = 0; m = 0 }
    :: atomic { sent[3] != NOTHING -> execute(3); n = 0; m = 0 }
    :: atomic { lies < LIES && lock_of != NONE -> lies++; lock_of = NONE }
    od
}

/* A query that its owner answers from memory (pending_prove()). */
proctype caller() {
end:
    if
    :: atomic { owned[0] && !fenced[0] -> asked[0] = true; asked_seq = row_seq }
    :: atomic { owned[1] && !fenced[1] -> asked[1] = true; asked_seq = row_seq }
    fi
}

/* batch_answer_one() */
inline tell(what, size, verdict) {
    n = 0;
    do
    :: n < size ->
        assert(answer[(what >> (2 * n)) & 3] == NOTHING); /* each change is answered once */
        answer[(what >> (2 * n)) & 3] = verdict;
        m = 0;
        ok = false;
        do
        :: m < row_seq -> ok = ok || ((journal >> (2 * m)) & 3) == ((what >> (2 * n)) & 3); m++
        :: else -> break
        od;
        assert(verdict != YES || ok);
        assert(verdict != NO || !ok);
        n++
    :: else -> break
    od;
    n = 0;
    m = 0;
    ok = false
}

/* Sends a statement and waits for its result, or until the connection breaks. The statement may still run then. */
inline ask(kind, with_epoch, with_seq, with_what, with_len) {
    atomic {
        broken = !alive[at];
        if
        :: broken
        :: else ->
            sent_epoch[at] = with_epoch;
            sent_seq[at] = with_seq;
            sent_what[at] = with_what;
            sent_len[at] = with_len;
            done[at] = false;
            sent[at] = kind
        fi
    };
    if
    :: broken
    :: else ->
        if
        :: atomic { done[at] && alive[at] -> written = found[at]; done[at] = false; found[at] = false }
        :: atomic { !alive[at] -> broken = true }
        :: atomic { breaks < BREAKS -> breaks++; broken = true }
        fi
    fi
}

/* ownership_lose(), settle_fenced(): a batch written before the other epoch began still counts. Without a connection
 * its outcome stays unknown. A service that reads the event again later is like a new process. */
inline fence() {
    atomic {
        assert(!owned[i] || row_owner != i || row_epoch != head_epoch[i]); /* it was replaced */
        if
        :: open && connected && BEGINS_AS(head_seq[i] + size, memory[i] * DIGIT(size) + batch) -> tell(batch, size, YES)
        :: open && connected && !BEGINS_AS(head_seq[i] + size, memory[i] * DIGIT(size) + batch) -> tell(batch, size, NO)
        :: open && !connected -> tell(batch, size, DONT_KNOW)
        :: !open
        fi;
        open = false;
        size = 0;
        batch = 0;
        written = false;
        broken = false;
        epoch = 0;
        fenced[i] = true
    }
}

inline disconnect() {
    atomic {
        connected = false;
        locked[i] = false; /* role_set_connected() */
        locked_epoch[i] = 0;
        if
        :: alive[at] && sent[at] == NOTHING -> end_backend(at) /* it sees our pg_close() */
        :: else                                                /* its statement is still running */
        fi;
        at = 2 * i + 1 - at % 2;
        broken = false;
        written = false;
        epoch = 0
    }
}

proctype committer(byte i) {
    byte at = 2 * i, size = 0, n = 0, m = 0, epoch, other;
    byte batch = 0;
    bool connected = i == 0, open = false, broken = false, written = false, ok = false;
end:
    do
    :: fenced[i] -> break
    :: atomic { !fenced[i] && !connected && !alive[at] -> alive[at] = true; done[at] = false; connected = true };
        /* ---- reconnect(), ownership_regain(), regain() ---- */
        if
        :: !owned[i] /* nothing to regain */
        :: owned[i] ->
end_waits:
            do /* lock_again() */
            :: atomic {
                lock_of == NONE || lock_of == at ->
                lock_of = (alive[at] -> at : lock_of);
                break
            }
            :: atomic { lock_of != NONE && lock_of / 2 == i && lock_of != at -> /* end_own() */
                other = lock_of;
                end_backend(other);
                other = 0 }
#ifndef NO_OURS
            :: row_owner != i -> break /* look_at_epoch() */
#endif
            od;
            atomic { epoch = row_epoch; ok = row_owner == i };
            if
#ifndef NO_OURS
            :: !ok -> fence()
            :: ok ->
#else
            :: true ->
#endif
                ok = false;
#ifdef NO_RAISE
                broken = false;
                written = row_epoch == epoch;
#else
                ask(RAISE, epoch, 0, 0, 0); /* store_raise() */
#endif
                if
                :: broken -> disconnect()
                :: !broken && !written && row_epoch == EPOCHS -> goto out /* the model's epochs are used up */
                :: !broken && !written && row_epoch < EPOCHS -> fence()
                :: !broken && written ->
                    atomic {
                        /* ownership_is_written(), journal_same_place() */
#ifdef NO_RAISE
                        head_epoch[i] = epoch;
#else
                        head_epoch[i] = epoch + 1;
#endif
                        ok = open && BEGINS_AS(head_seq[i] + size, memory[i] * DIGIT(size) + batch);
#ifdef NO_READ_BACK
                        ok = false;
#endif
                        n = head_seq[i] + (ok -> size : 0);
                        written = row_seq == n && journal == (ok -> memory[i] * DIGIT(size) + batch : memory[i]);
                        n = 0
                    };
                    if
                    :: !written -> ok = false; fence()
                    :: else ->
                        if
                        :: atomic { open && ok ->
                            memory[i] = memory[i] * DIGIT(size) + batch;
                            head_seq[i] = row_seq;
                            ok = false;
                            open = false;
                            tell(batch, size, YES);
                            batch = 0;
                            size = 0;
                            written = false;
                            epoch = 0 }
                        :: atomic { open && !ok -> head_seq[i] = row_seq; epoch = 0; written = false; goto again }
                        :: atomic { !open -> head_seq[i] = row_seq; epoch = 0; written = false }
                        fi
                    fi
                fi
            fi
        fi
    :: atomic { connected && !alive[at] && !fenced[i] -> disconnect() }

    /* ---- a standby: ownership_watch(), try_events(), lock_events() ---- */
    :: connected && !owned[i] && !locked[i] && !fenced[i] ->
        atomic {
            if
            :: lock_of == NONE && alive[at] -> lock_of = at
            :: lock_of != NONE && lock_of / 2 != i && sent[lock_of] == NOTHING && !done[lock_of] ->
                other = lock_of;
                end_backend(other); /* store_end_silent() */
                other = 0
            :: else
            fi
        };
        atomic {
            if
            :: lock_of == at -> locked_epoch[i] = row_epoch; locked[i] = true
            :: else
            fi
        }

    /* ---- an owner: batch_gather(), commit() ---- */
    :: atomic {
        connected && owned[i] && !fenced[i] && given < CHANGES ->
        do
        :: given < CHANGES -> given++; size++; batch = batch * 4 + given
        :: size > 0 -> break
        od
    };
again:
        open = true;
#ifdef ANSWER_FIRST
        atomic { tell(batch, size, YES) };
#endif
        ask(APPEND, head_epoch[i], head_seq[i], batch, size);
        if
        :: broken ->
#ifdef BROKEN_IS_NO
            atomic { tell(batch, size, NO); open = false; batch = 0; size = 0 };
#endif
#ifdef BROKEN_IS_YES
            atomic { tell(batch, size, YES); open = false; batch = 0; size = 0 };
#endif
            disconnect()
        :: !broken && written -> /* judge_parts() */
            atomic {
                memory[i] = memory[i] * DIGIT(size) + batch;
                head_seq[i] = head_seq[i] + size;
                open = false;
#ifndef ANSWER_FIRST
                tell(batch, size, YES);
#endif
                written = false;
                batch = 0;
                size = 0
            };
            /* Later answers, such as a seat's state, come from memory. */
            assert(owned[i])
        :: !broken && !written ->
            atomic { open = false; tell(batch, size, NO); batch = 0; size = 0 };
            fence()
        fi

    /* ---- prove_one(): only after it is a query answered from memory ---- */
    :: connected && owned[i] && !fenced[i] && asked[i] ->
        atomic {
#ifdef NO_PROOF
            ok = true;
#else
            broken = !alive[at];
            ok = !broken && row_epoch == head_epoch[i] && row_seq == head_seq[i]; /* store_prove() */
#endif
#ifndef NO_PROOF
            assert(!ok || journal == memory[i])
#endif
        };
        if
        :: ok ->
            atomic {
                assert(head_seq[i] >= asked_seq && BEGINS_AS(head_seq[i], memory[i]));
                asked[i] = false;
                ok = false
            }
        :: !ok && broken -> disconnect()
        :: !ok && !broken -> fence()
        fi
    od;
    atomic {
        asked[i] = false;
        /* The process ends, and then the server ends its backends. */
        end_backend(2 * i);
        end_backend(2 * i + 1)
    };
out:
    skip
}

/* follow(), take_over(), give(): over a second connection, whose results may be lost as well. */
proctype reader(byte i) {
    byte epoch, seq;
    byte what;
    bool ok = false;
end:
    do
    :: owned[i] || fenced[i] -> break
    :: atomic { !owned[i] && !fenced[i] && locked[i] && row_epoch < EPOCHS -> epoch = locked_epoch[i] };
        atomic { /* store_raise() */
            ok = row_epoch == epoch && row_epoch < EPOCHS;
            if
            :: ok -> row_epoch++; row_owner = i; seq = row_seq; what = journal
            :: else
            fi
        };
        if
        :: atomic { !ok -> locked[i] = false; locked_epoch[i] = 0; epoch = 0 } /* forget_lock() */
        :: atomic { ok && breaks < BREAKS -> breaks++; ok = false; epoch = 0; seq = 0; what = 0 } /* the result is lost */
        :: ok ->
            atomic { memory[i] = journal; head_seq[i] = row_seq }; /* follow() */
            atomic {
                ok = head_seq[i] == seq && memory[i] == what; /* journal_same_place() */
                head_epoch[i] = epoch + 1
            };
            atomic { ok = ok && row_owner == i && row_epoch == head_epoch[i] }; /* give_raised() */
            atomic { /* give() */
                if
                :: ok && locked[i] && locked_epoch[i] <= head_epoch[i] && !fenced[i] -> owned[i] = true
                :: !ok -> locked[i] = false
                :: else
                fi;
                ok = false;
                epoch = 0;
                seq = 0;
                what = 0
            }
        fi
    od
}

init {
    atomic {
        owned[0] = true; /* the first owner */
        head_epoch[0] = 1;
        alive[0] = true;
        lock_of = 0;
        run server();
        run caller();
        run committer(0);
        run committer(1);
        run reader(0);
        run reader(1)
    }
}

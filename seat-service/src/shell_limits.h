/* shell_limits.h: every bound of seat-service outside the core, each with the reason for its size.
 * Those of the engine are in core/limits.h. */
#ifndef FG_SEAT_SERVICE_SHELL_LIMITS_H
#define FG_SEAT_SERVICE_SHELL_LIMITS_H

enum {
    /* Passes with a wrong signature, or for another event, per address, minute and loop: each costs
     * as much as hundreds of cached ones. Thousands of a carrier's customers may share an address,
     * and one of them must not lock the others out easily; 300 cost 20 ms. */
    PASSES_WRONG_MAX = 300,

    /* Wrong channel codes per minute, event and loop. A session has ten, since typing errors need
     * three or four. Once an address has made a hundred, each of its sessions has a single one:
     * customers of a carrier share the address, and guesses of others must not lock out those who
     * know the code. Each further guess of that minute then needs another pass. */
    CODES_WRONG_MAX = 10,
    CODES_WRONG_OF_ADDRESS_MAX = 100,
    CODES_WRONG_CROWDED_MAX = 1,

    /* ---- the journal ---- */

    /* Changes of one loop that may wait for their commit. At 100,000 changes a second and a flush
     * of 10 ms about 1,000 wait; 4,096 ride out a stall of 40 ms; beyond that it is better to have
     * callers retry than to keep them waiting. 6 MB per loop. */
    COMMIT_ENTRIES_PER_PORT = 4096,
    COMMIT_ENTRIES_PER_PORT_MAX = 65536,

    /* Changes of one transaction. Beyond 512 rows the cost of a row hardly falls (at 64 it is twice
     * as high), while the first of a batch waits for its last. */
    JOURNAL_BATCH_MAX = 1024,
    /* Buffer for the parameters of one transaction: a batch of short changes, or fewer long
     * ones. */
    JOURNAL_BATCH_BYTES = 2 * 1024 * 1024,

    /* A batch of this many changes is a rush: the next commit begins no sooner than JOURNAL_PACE_US
     * after this one did. A cloud disk flushes about a thousand times a second; one buyer, or a
     * few, never wait. */
    JOURNAL_PACED_FROM = 16,
    JOURNAL_PACE_US = 1000,

    /* A change that waited this long for a transaction is rejected (503): PostgreSQL is down or
     * slower than any buyer waits. */
    JOURNAL_WAIT_MS = 2000,
    /* If PostgreSQL takes longer to answer, the connection is given up. Longer than any healthy
     * flush, yet short enough that a fail-over is noticed. */
    JOURNAL_ANSWER_MS = 5000,
    JOURNAL_CONNECT_MS = 3000,
    /* How long a transaction waits for another session's lock. Then the blocked events are rejected
     * for a while, and the others are written. Twice this, for a transaction and then for one of
     * its events alone, is shorter than OWNER_SILENT_MS, so the process stays ready meanwhile. */
    JOURNAL_LOCK_MS = 400,
    /* If this many events in a row wait for a lock, the lock concerns all events, and the rest of
     * the batch is rejected without waiting. */
    JOURNAL_LOCK_WAITS_MAX = 2,
    /* For a schema step that runs before a rollout: an index on a hundred million rows takes a few
     * minutes. */
    MIGRATE_ALONE_MS = 1800 * 1000,
    /* After this time a call is answered with "outcome open". It is longer than JOURNAL_ANSWER_MS
     * and a reconnect. */
    OUTCOME_TELL_MS = 8000,
    /* Backoff between attempts to connect: doubled from the minimum to the maximum, with jitter. */
    JOURNAL_RETRY_MIN_MS = 50,
    JOURNAL_RETRY_MAX_MS = 400,

    /* The owner queries PostgreSQL at least this often, so that its backend is never silent for
     * long; a standby that finds it silent for OWNER_SILENT_MS while no statement runs takes its
     * place. A pause longer than that costs ownership, not seats. */
    OWNER_BEAT_MS = 200,
    OWNER_SILENT_MS = 1000,
    /* How long another process may hold the lock of our name before we log that two processes have
     * one name. It may be about to exit, or be cut off and soon found silent. */
    NAMESAKE_MS = 2 * OWNER_SILENT_MS,
    /* Processes that share one list of events. Each polls the locks of all ten times a second, and
     * follows the events of all others, so more of them gain nothing. */
    OWNERS_MAX = 16,
    /* How long a starting process leaves events that never had an owner to other expected
     * processes: longer than processes that are started together take to come up. */
    OWNERS_WAIT_MS = 5000,
    /* How long a process that has just reconnected leaves other processes' events free: PostgreSQL
     * was down for them, too, and they reconnect within JOURNAL_RETRY_MAX_MS and a connection's
     * time. Without it the first to reconnect would take everything and lock the others out. Short,
     * since an owner may have died in the same outage. */
    OWNERS_RETURN_MS = 800,
    /* An event that stays free for this long may be taken by any member: the one whose turn it was,
     * or which an operator wants to own it, is gone, cannot read it, or serves another list. A
     * member that can takes it within two polls. After a pause of its owner (OWNER_SILENT_MS) the
     * event is still taken over within two seconds. */
    OWNERS_FORLORN_MS = 500,
    /* How long a requested move of an event stays open: the target may first have to read a
     * stadium's plan. */
    MOVE_WAIT_MS = 10000,
    /* HOST:PORT and the terminating NUL. */
    OWNER_ADDRESS_MAX = 256,

    /* How often a standby follows the journal and tries the lock. */
    STANDBY_POLL_MS = 100,
    /* What a standby shows is never older than this: the interval of two polls, and as much again
     * for a slow one. Beyond it the standby rejects reads, since another process is fresh. */
    STANDBY_FRESH_MS = 250,
    /* How long a stream without news stays open: while an owner is replaced, and while another
     * event that takes long is read. Then its readers connect elsewhere. */
    STANDBY_STREAM_MS = 2000,

    /* An event that cannot be read is retried after the minimum, doubled up to the maximum: reading
     * one from its beginning is work, but its repair should show soon. One that cannot be written
     * is retried after the minimum. */
    EVENT_RETRY_MIN_MS = 1000,
    EVENT_RETRY_MAX_MS = 30000,
    /* How long the reader waits for another session's lock before it turns to other events. */
    READER_LOCK_MS = 2000,
    /* Documents from this size on are read on a separate thread: a stadium's, 7 MB, takes half a
     * second, and showing other events must not wait for it. */
    JOURNAL_LONG_BYTES = 512 * 1024,
    /* Rows of a journal per statement. The reader turns to other events once it has read one
     * journal for READER_PIECE_MS, and continues at its next turn: 100,000 changes without a
     * snapshot are half a second's work, and several times that on a slow machine. A statement's
     * rows are always read to their end, so READER_ROWS is smaller: as packs, 16,000 changes. */
    FOLLOW_ROWS = 1024,
    READER_ROWS = 128,
    READER_PIECE_MS = 50,
    /* A followed event that is behind by more changes than this is far behind: others are shown
     * before it. A tenth of a second (STANDBY_POLL_MS) of a rush is half of that. */
    READER_FAR_CHANGES = 2048,
    /* A journal's first change, and what is sent with it. */
    JOURNAL_FIRST_BYTES = 64 * 1024,
    /* Broken connections whose changes are not all settled, and whose backends may still be alive.
     * If there are more, the server has ended the oldest long ago. */
    JOURNAL_BACKENDS_MAX = 16,
    /* The name of a process and its life in the owner row. */
    JOURNAL_INSTANCE_MAX = 128,

    SNAPSHOT_LOOK_MS = 5000,
    /* From this many changes a second on, the auditor leaves the processor to other threads. */
    AUDITOR_BUSY_PER_S = 1000,
    /* ... until it is this many snapshots behind: a million changes, which a recovery replays in
     * less than a second, and more than a stadium's whole sale makes. */
    AUDITOR_BEHIND_MAX = 10,
    /* The auditor and replay read whole journals and write whole snapshots; no request waits for
     * them. */
    AUDITOR_ANSWER_MS = 60000,

    /* Writing a document of 64 MB, over a slow line to a slow disk; nothing else waits for it. */
    IMPORT_ANSWER_MS = 60000,
    /* From storing an import or correction to opening the event. After it, clients must retry. */
    IMPORT_OPEN_MS = 30000,
    /* How often a request that waits for a condition polls it. */
    OPERATION_LOOK_MS = 5,

    /* ---- the calls ---- */

    /* Valid passes that a loop caches, so that a signature is checked once and not for each
     * request. Somewhat more than the buyers who are inside at a time; 72 bytes each. */
    PASS_CACHE_SLOTS = 1 << 15,
    /* Sessions that ended by an order or by leaving, stored for a day. Four times as many as a
     * stadium has seats; if there are more, the oldest are dropped, whose passes expired long ago
     * unless all sessions ended within minutes. 4 MB. */
    PASS_REVOKED_MAX = 1 << 18,
    /* Ended sessions in one transaction, and as many that gather meanwhile: a second's orders. */
    ENDINGS_MAX = 1024,

    /* Outcomes of requests with an Idempotency-Key are stored for ten minutes, which is longer than
     * any client retries, if [idempotency] memory suffices. Entries are in sets of IDEM_WAYS. A
     * session uses IDEM_NEAR sets and owns at least a quarter of each, a thousand changes: few
     * enough that a busy session affects few others, and enough that the sets' loads even out. Sets
     * still fill unevenly: with the table six tenths full one change in a thousand is evicted
     * early, which is what the README assumes. */
    IDEM_WAYS = 32,
    IDEM_NEAR = 128,
    IDEM_LOCKS = 64, /* loops rarely contend for one */
    IDEM_KEEP_S = 10 * 60,
    IDEM_KEY_MAX = 255, /* bytes of the header */
    /* A repeated request waits this long for the first one's answer: longer than a change waits for
     * the journal (JOURNAL_WAIT_MS). A read at a standby that is behind what its client has seen
     * waits as long for the standby's next poll of the journal. */
    RETRY_WAIT_MS = 3000,
    /* Waiting requests: of a loop; reads of a loop; repeated changes of a session; reads of a
     * session. A page has a stream and a poll under way, in a tab or two. */
    RETRY_WAITERS_MAX = 256,
    RETRY_LOOKING_MAX = RETRY_WAITERS_MAX / 2,
    RETRY_OF_SESSION_MAX = 32,
    RETRY_LOOKS_OF_SESSION_MAX = 8,
    RETRY_LOOK_US = 10 * 1000, /* polling stays cheap, however many commits finish */

    /* Streams of one session, per loop: a page has one, in a tab or two, and those whose connection
     * broke are noticed within a minute. A page without a stream polls. */
    STREAMS_OF_SESSION_MAX = 8,

    /* Cells that count requests of a session: eight times the buyers who are inside at once, so
     * that few share one. */
    RATE_CELLS = 1 << 18,
    /* Bitmaps and distances that a search for the best seats may read as one request of the rate;
     * each further 4,096 count as another. They take 50 us, about as long as the rest of a request.
     * The most expensive search of a stadium counts as four. */
    SEARCH_OF_REQUEST = 4096,

    /* Body of a call by a buyer: 64 seats of 128 bytes and their quotes, and some room. */
    API_BODY_MAX = 16 * 1024,
    /* An answer about one hold: 64 seats, each named twice and described by seven more texts
     * (number, row, zone, category, label, entrance, floor) of at most 128 characters, and one may
     * need six bytes as JSON: 460 KB. An event with as many categories and areas as there may be
     * takes 280 KB. One buffer for each loop. Unbounded answers (proposals, JSON of a large hall)
     * are rejected when they are longer. */
    API_ANSWER_MAX = 512 * 1024,
    /* A list of a visitor's holds ends once it is this long, so the largest hold (460 KB) always
     * fits. One of eight seats takes 2 KB; the limit of eight seats makes eight holds. */
    HOLDS_LISTED_BYTES = 32 * 1024,
    ADMIN_BODY_MAX = 256 * 1024,

    /* Availability is published, and changes sent to streams, at most this often. */
    PUBLISH_MS = 200,
    /* Level of gzip for availability: the quickest. */
    AVAIL_LEVEL = 1,
    /* Changed seats in one delta; a reader that is further behind fetches everything again. */
    DELTA_MAX = 4096,
    /* Expired holds on their way to the journal; when a batch comes back, the next one goes. 30,000
     * that expire in one second are sixty such batches, and each leaves half of a transaction to
     * holds and payments that arrive meanwhile. */
    EXPIRE_OPEN_MAX = JOURNAL_BATCH_MAX / 2,
    /* After the journal could not be written for a while, holds that belong to an order do not
     * expire for this long: their confirms were rejected too, and payment-adapter retries within 30
     * s (its RETRY_CAP_MS) and gives each try 10 s. */
    CONFIRM_SPARED_MS = 45 * 1000,
    /* Counts over time: one point every ten seconds, for a day. */
    SERIES_POINTS = 8640,
    SERIES_MS = 10000,
    SERIES_RETRY_MS = 1000, /* until the next try to read an earlier process's points */

    /* Fetching the waiting room's keys. */
    KEYS_RETRY_MS = 1000,

    /* Events that a process has in memory at most, however small they are: a season of a venue.
     * Requests, commits and polls of the locks iterate over all of them. */
    EVENTS_MAX = 256,
    /* Memory per event: its tables at an owner, the auditor's second engine with its rows, and
     * EVENT_BYTES_TIMES its document. Measured on the release build, imports included: a small hall
     * 0.8 MB, 1,000 seats 1.5 MB with 0.09 MB of document, 64,000 seats 60 MB with 5.7 MB. */
    EVENT_BYTES = 1024 * 1024,
    EVENT_BYTES_TIMES = 12,
    /* Other events of its list: a ticket company's year. A process stores only their names. */
    EVENTS_ASLEEP_MAX = 10000,
    /* Places in memory that an owner keeps free, if enough of its events are idle, so that a
     * requested event need not wait for another to go: that takes seconds. */
    EVENTS_SPARE = 4,
    EVENTS_SPARE_PART = 16, /* ... and the memory for events, divided by this */
    /* Events woken at the same time because one of their holds has ended. A requested event waits
     * for at most this many, a tenth of a second's work. */
    EVENTS_DUE_MAX = 32,
    /* A process's shared locks are ignored once its reader, which polls ten times a second, has
     * been silent for this long: it hangs, or is cut off. Longer than reading a large hall
     * takes. */
    READER_SILENT_MS = 10 * 1000,
    /* How often a process checks how much room for events others have; it always does before it
     * wakes one. */
    ROOM_LOOK_MS = 500,
    /* For at least this long an owner sees that its event was read at another process. */
    EVENT_ASKED_MS = 5000,
    /* How long an event that was woken for a request counts as used, unless a request finds it
     * open before. A visitor returns within a second; a saga whose Retry-After is five comes
     * within nine, and its breaker and its budget of retries may add some. */
    EVENT_AWAITED_MS = 15 * 1000,
    /* Events that the visitors of an address keep awake at the same time: an eighth of all. */
    EVENTS_OF_ADDRESS_MAX = 32,
    /* The resolution of an event's last time of use. */
    EVENT_USED_MS = 250,
    EVENT_ID_MAX = 64,
};

#endif

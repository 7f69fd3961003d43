/* shell_limits.h: every bound of seat-service outside the core, each with the reason for its size.
 * Those of the engine are in core/limits.h. */
#ifndef FG_SEAT_SERVICE_SHELL_LIMITS_H
#define FG_SEAT_SERVICE_SHELL_LIMITS_H

enum {
    /* Passes with a wrong signature, or for another event, from one address in a minute, per loop:
     * each costs as much as hundreds of cached ones. Thousands of a carrier's customers may share
     * an address, and one of them must not lock the others out easily; 300 cost 20 ms. */
    PASSES_WRONG_MAX = 300,

    /* Wrong channel codes in a minute, for one event and per loop. A session has ten, since typing
     * errors need three or four. Beyond a hundred of one address each of its sessions has a single
     * one: customers of a carrier share the address, and guesses of others must not shut out those
     * who know the code. Each further guess of that minute then needs another pass. */
    CODES_WRONG_MAX = 10,
    CODES_WRONG_OF_ADDRESS_MAX = 100,
    CODES_WRONG_CROWDED_MAX = 1,
    /* The shortest code of a new import, in characters other than spaces. Eight digits make 10^8
     * codes: a hundred tries a minute find a given one within a month with a chance of 4 %. */
    CHANNEL_CODE_MIN = 8,

    /* ---- the journal ---- */

    /* Changes of one loop that may wait for their commit. At 100,000 changes a second and a flush
     * of 10 ms about 1,000 wait; 4,096 ride out a stall of 40 ms; beyond that it is better to tell
     * callers to come again than to keep them waiting. 6 MB per loop. */
    COMMIT_ENTRIES_PER_PORT = 4096,
    COMMIT_ENTRIES_PER_PORT_MAX = 65536,

    /* Changes of one transaction. Beyond 512 rows the cost of a row hardly falls (at 64 it is twice
     * as high), while the first of a batch waits for its last. */
    JOURNAL_BATCH_MAX = 1024,
    /* Parameters of one transaction, and what they are made in: a batch of short changes, or fewer
     * long ones. */
    JOURNAL_BATCH_BYTES = 2 * 1024 * 1024,

    /* A batch of this many changes is a rush: the next commit begins no sooner than JOURNAL_PACE_US
     * after this one did. A cloud disk flushes about a thousand times a second; one buyer, or a
     * few, never wait. */
    JOURNAL_PACED_FROM = 16,
    JOURNAL_PACE_US = 1000,

    /* A change that found no transaction for this long is refused (503): PostgreSQL is down or
     * slower than any buyer waits. */
    JOURNAL_WAIT_MS = 2000,
    /* If PostgreSQL takes longer to answer, the connection is given up. Longer than any healthy
     * flush, yet short enough that a fail-over is noticed. */
    JOURNAL_ANSWER_MS = 5000,
    JOURNAL_CONNECT_MS = 3000,
    /* How long a transaction waits for another session's lock. Then the events that are in the way
     * are refused for a while, and the others are written. Twice this, for a transaction and one of
     * its events alone, is shorter than OWNER_SILENT_MS, so the process stays ready meanwhile. */
    JOURNAL_LOCK_MS = 400,
    /* So many events that wait for a lock, one after the other, are not to blame: what is locked
     * concerns all, and the rest of the batch is refused without waiting. */
    JOURNAL_LOCK_WAITS_MAX = 2,
    /* A step of the schema that is made before a rollout: an index of a hundred million rows is
     * done in a few minutes. */
    MIGRATE_ALONE_MS = 1800 * 1000,
    /* After this time a call is answered with "outcome open". It is longer than ANSWER and a
     * reconnect. */
    OUTCOME_TELL_MS = 8000,
    /* Between attempts to connect: doubled from the first to the second, with jitter. */
    JOURNAL_RETRY_MIN_MS = 50,
    JOURNAL_RETRY_MAX_MS = 400,

    /* The owner asks PostgreSQL something at least this often, so that its backend is never silent
     * for long; a standby that finds it silent for OWNER_SILENT_MS while no statement runs takes
     * its place. A pause longer than that costs ownership, not seats. */
    OWNER_BEAT_MS = 200,
    OWNER_SILENT_MS = 1000,
    /* How long the lock of our name may be with another process that is about to end, or is cut off
     * and found silent, before it is logged that two have one name. */
    NAMESAKE_MS = 2 * OWNER_SILENT_MS,
    /* Processes that share the events of one list. Each looks at the locks of all ten times a
     * second, and follows the events of all others, so more of them gain nothing. */
    OWNERS_MAX = 16,
    /* How long a process that starts leaves events that never had an owner to others that are
     * expected: longer than processes that are started together take to come up. */
    OWNERS_WAIT_MS = 5000,
    /* How long a process that has just connected again leaves the events of others free: PostgreSQL
     * was away for them, too, and they come back within JOURNAL_RETRY_MAX_MS and a connection's
     * time. Without it the first to be back would take everything, and shut the others out. */
    OWNERS_RETURN_MS = 3000,
    /* An event that stays free for this long, though it was another's turn, may be taken by
     * any member: that one cannot read it, or serves another list. */
    OWNERS_FORLORN_MS = 2000,
    /* How long an event is wanted elsewhere that is to move: time to read a stadium's plan, should
     * the wanted one begin with that. */
    MOVE_WAIT_MS = 10000,
    /* HOST:PORT, and an empty end. */
    OWNER_ADDRESS_MAX = 256,

    /* How often a standby follows the journal and looks for the lock. */
    STANDBY_POLL_MS = 100,
    /* What a standby shows is never older than this: the distance of two looks, and as much again
     * for a slow one. Then it refuses, since somebody else is fresh. */
    STANDBY_FRESH_MS = 250,
    /* A stream that has nothing new to tell stays for this long: while an owner is replaced, and
     * while another event is read that takes long. Then its readers go elsewhere. */
    STANDBY_STREAM_MS = 2000,

    /* An event that cannot be read is tried again after the first of these, doubled up to the
     * second: reading one from its beginning is work, but its repair should show soon. One that
     * cannot be written is tried again after the first. */
    EVENT_RETRY_MIN_MS = 1000,
    EVENT_RETRY_MAX_MS = 30000,
    /* How long the reader waits for another's lock before it turns to other events. */
    READER_LOCK_MS = 2000,
    /* A document of this size and more is read on a thread of its own: that of a stadium, 7 MB,
     * takes half a second, and what is shown of other events must not wait for it. */
    JOURNAL_LONG_BYTES = 512 * 1024,
    /* Rows of a journal that are read by one statement. The reader goes on with other events once
     * it has read one journal for READER_PIECE_MS, and reads on at its next turn: 100,000 changes
     * that no snapshot has yet are half a second's work, and several times that on a slow machine.
     * A statement's rows are read to their end, so they are fewer there: as packs, 16,000 changes.
     */
    FOLLOW_ROWS = 1024,
    READER_ROWS = 128,
    READER_PIECE_MS = 50,
    /* An event of others that is behind by more changes than this is far behind: the others are
     * shown before it. A tenth of a second (STANDBY_POLL_MS) of a rush is half of that. */
    READER_FAR_CHANGES = 2048,
    /* The change that begins a journal, and what is sent with it. */
    JOURNAL_FIRST_BYTES = 64 * 1024,
    /* Our connections that broke, one after the other, before everything was settled, and whose
     * backends may still be alive. If there are more, the server has ended the oldest long ago. */
    JOURNAL_BACKENDS_MAX = 16,
    /* The name of a process and its life in the owner row. */
    JOURNAL_INSTANCE_MAX = 128,

    SNAPSHOT_LOOK_MS = 5000,
    /* From this many changes a second on, the auditor leaves the processor to others. */
    AUDITOR_BUSY_PER_S = 1000,
    /* ... until it is this many snapshots behind: a million changes, which a recovery replays in
     * less than a second, and more than a stadium's whole sale makes. */
    AUDITOR_BEHIND_MAX = 10,
    /* The auditor and replay read whole journals and write whole snapshots; nobody waits for them.
     */
    AUDITOR_ANSWER_MS = 60000,

    /* Writing a document of 64 MB, over a slow line to a slow disk; nobody else is kept waiting. */
    IMPORT_ANSWER_MS = 60000,
    /* From written to open: read back, and taken. Then the answer is to try again. */
    IMPORT_OPEN_MS = 30000,
    /* How often a request that waits for something to become so looks whether it has. */
    ERRAND_LOOK_MS = 5,

    /* ---- the calls ---- */

    /* Passes that a loop remembers as good, so that a signature is checked once and not for each
     * request. Somewhat more than the buyers who are inside at a time; 72 bytes each. */
    PASS_CACHE_SLOTS = 1 << 15,
    /* Sessions that were ended by an order or by leaving, remembered for a day. Four times as many
     * as a stadium has seats; should more leave, the oldest make room, whose passes ran out long
     * ago unless all of them left within minutes. 4 MB. */
    PASS_REVOKED_MAX = 1 << 18,
    /* Those that wait for one transaction, and as many that gather meanwhile: a second's orders. */
    ENDINGS_MAX = 1024,

    /* Outcomes of requests with an Idempotency-Key are kept for ten minutes, which is longer than
     * any client retries, if [idempotency] memory suffices. Places are in sets of IDEM_WAYS. A
     * session has IDEM_NEAR of these and at least a quarter of each to itself, a thousand changes:
     * few enough that a session in a hurry affects few others, and enough that their loads even
     * out. Sets fill unevenly all the same: with the table six tenths full one change in a thousand
     * is pushed out before its time, which is what the README assumes. */
    IDEM_WAYS = 32,
    IDEM_NEAR = 128,
    IDEM_LOCKS = 64, /* loops rarely meet at one */
    IDEM_KEEP_S = 10 * 60,
    IDEM_KEY_MAX = 255, /* bytes of the header */
    /* A repetition waits this long for the answer to the first: longer than a change waits for the
     * journal (JOURNAL_WAIT_MS) if there is one at all. Those who look at a standby and have seen
     * more elsewhere wait there, too, for its next look at the journal. */
    RETRY_WAIT_MS = 3000,
    /* Of a loop; those of them that only look; of one session, those that repeat a change, and
     * those that look. A page has a stream and a poll under way, in a tab or two. */
    RETRY_WAITERS_MAX = 256,
    RETRY_LOOKING_MAX = RETRY_WAITERS_MAX / 2,
    RETRY_OF_SESSION_MAX = 32,
    RETRY_LOOKS_OF_SESSION_MAX = 8,
    RETRY_LOOK_US = 10 * 1000, /* looking stays cheap, however many commits finish */

    /* Streams of one session, of each loop: a page has one, in a tab or two, and those whose
     * connection broke are noticed within a minute. A page without a stream polls. */
    STREAMS_OF_SESSION_MAX = 8,

    /* Cells that count requests of a session: eight times the buyers who are inside at once, so
     * that few share one. */
    RATE_CELLS = 1 << 18,
    /* Bitmaps and distances that best available may look at within one request of that rate; each
     * so many more count as another. They take 50 us, about as much as the rest of a request does.
     * The dearest search of a stadium counts as four. */
    SEARCH_OF_REQUEST = 4096,

    /* Body of a call by a buyer: 64 seats of 128 bytes and their quotes, and some room. */
    API_BODY_MAX = 16 * 1024,
    /* An answer about one hold: 64 seats, each named twice and told with seven more texts (number,
     * row, zone, category, label, entrance, floor) of at most 128 characters, and one may need six
     * bytes as JSON: 460 KB. An event with as many categories and areas as there may be takes 280
     * KB. One for each loop. What has no such bound (proposals, JSON of a large hall) is refused
     * when it is longer. */
    API_ANSWER_MAX = 512 * 1024,
    /* A list of a visitor's holds takes no further one once it is this long, so the largest (460
     * KB) always fits. One of eight seats takes 2 KB; the limit of eight seats makes eight holds.
     */
    HOLDS_LISTED_BYTES = 32 * 1024,
    ADMIN_BODY_MAX = 256 * 1024,

    /* Availability is published, and changes sent to streams, at most this often. */
    PUBLISH_MS = 200,
    /* Level of gzip for availability: the quickest. */
    AVAIL_LEVEL = 1,
    /* Changed seats in one delta; a reader that is further behind fetches everything again. */
    DELTA_MAX = 4096,
    /* Expired holds on their way to the journal: as one lot comes back, the next goes. 30,000 that
     * expire in one second are sixty such lots, and each leaves half of a batch to holds and
     * payments that arrive meanwhile. */
    EXPIRE_OPEN_MAX = JOURNAL_BATCH_MAX / 2,
    /* After the journal could not be written for a while, holds that belong to an order do not
     * expire for this long: their confirms were refused too, and payment-adapter asks again within
     * 30 s (its RETRY_CAP_MS) and gives each try 10 s. */
    CONFIRM_SPARED_MS = 45 * 1000,
    /* Counts over time: one point every ten seconds, for a day. */
    SERIES_POINTS = 8640,
    SERIES_MS = 10000,
    SERIES_RETRY_MS = 1000, /* points of an earlier life could not be read: ask again then */

    /* Fetching the waiting room's keys. */
    KEYS_RETRY_MS = 1000,

    /* Events that a process has in memory at most, however small they are: a season of a venue.
     * Requests, commits and looks at the locks go through the list of them. */
    EVENTS_MAX = 256,
    /* What one takes: its tables at an owner, the auditor's second engine with its rows, and
     * EVENT_BYTES_TIMES its document. Measured on the release build, imports included: a small hall
     * 0.8 MB, 1,000 seats 1.5 MB with 0.09 MB of document, 64,000 seats 60 MB with 5.7 MB. */
    EVENT_BYTES = 1024 * 1024,
    EVENT_BYTES_TIMES = 12,
    /* The others of its list: a ticket company's year. All that a process has of one is its name.
     */
    EVENTS_ASLEEP_MAX = 10000,
    /* Places of the first kind that an owner keeps free, if enough of its events are idle, so that
     * an event that is asked for need not wait until another has gone: that takes seconds. */
    EVENTS_SPARE = 4,
    EVENTS_SPARE_PART = 16, /* ... and such a part of the memory for events */
    /* Events that are woken at once because a hold of them has ended. What is asked for meanwhile
     * is behind so many at most: a tenth of a second's work. */
    EVENTS_DUE_MAX = 32,
    /* What a process shows of itself by shared locks is not believed once its reader, which looks
     * ten times a second, has been silent for this long: it hangs, or is cut off. Longer than
     * reading a large hall takes. */
    READER_SILENT_MS = 10 * 1000,
    /* How often a process looks whether others have room for events; each time before it wakes one.
     * How long it waits, once it has put one to sleep for their sake, until they have noticed. */
    ROOM_LOOK_MS = 500,
    ROOM_HELP_MS = 1000,
    /* For how long at least after the last read of another's event its owner sees that it is
     * read. */
    EVENT_ASKED_MS = 5000,
    /* How exactly it is known when an event was last used. */
    EVENT_USED_MS = 250,
    EVENT_ID_MAX = 64,
};

#endif

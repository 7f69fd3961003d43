/* commands.c: every command is a row here, and nowhere else. Arguments, help, manual and completion
 * follow from it. A row begins with the command's name, its words and what it does. Most rows say
 * which call they are; the others name a function. */
#include "acts/runs.h"
#include "acts/trail.h"
#include "words/command.h"

#define LINE(verb, at)  .service = COMMAND_LINE, .method = (verb), .path = (at)
#define SEATS(verb, at) .service = COMMAND_SEATS, .method = (verb), .path = (at)
#define PAY(verb, at)   .service = COMMAND_PAY, .method = (verb), .path = (at)
#define EVENT_AT        "/admin/events/{EVENT}"

/* A move of the line to another state. */
#define ACTION(verb, does, says, more, question)                                                   \
    {                                                                                              \
        .name = (verb), .takes = "EVENT", .brief = (does), .text = (more),                         \
        .options = OPT(WHY) | OPT(IF_VERSION), LINE("POST", EVENT_AT "/actions/" verb),            \
        .done = (says), .asks = (question)                                                         \
    }

static const struct command rows[] = {
    /* ---- the line ---- */
    {"events", "", "The events that run, with their live numbers", .options = OPT(NAMES),
     LINE(NULL, "/admin/events"), .rows = "events",
     .columns = "id:EVENT state:STATE live.waiting:WAITING live.active:INSIDE "
                "live.admitted:ADMITTED live.rate_per_s:RATE/S live.seats_left:SEATS_LEFT "
                "opens_at:OPENS name:NAME",
     .run = line_events},
    {"ended", "", "The events that are over, those that ended last first",
     .options = OPT(LIMIT) | OPT(SEARCH), LINE(NULL, "/admin/ended"), .rows = "events",
     .columns = "id:EVENT ended_at:ENDED issued:ISSUED admitted:ADMITTED name:NAME"},
    {"show", "EVENT", "Live numbers and all knobs of an event",
     .text = "With --json the document alone, as it can be given to create.", .run = line_show},
    {"knobs", "", "What can be set, from where to where", LINE(NULL, "/admin/knobs"),
     .rows = "knobs",
     .columns = "name:KNOB kind:KIND min:FROM max:TO default:DEFAULT unit:UNIT help:MEANS"},
    {"create", "EVENT [KNOB=VALUE...]", "Make an event, in draft", .options = OPT(WHY),
     LINE("PUT", EVENT_AT), .done = "{EVENT} is made.", .run = line_create},
    {"set", "EVENT KNOB=VALUE...", "Change knobs, all of them or none",
     .text = "A value is JSON where it can be (400, true, null, [..]), else a text; null sets the\n"
             "default again. message.ko=TEXT changes one language. It acts within a second.",
     .options = OPT(WHY) | OPT(IF_VERSION), LINE("PATCH", EVENT_AT), .done = "{EVENT} is changed.",
     .run = line_set},
    {"rate", "EVENT RATE", "How many are let in a second", .options = OPT(WHY) | OPT(IF_VERSION),
     LINE("PATCH", EVENT_AT), .done = "{EVENT} lets in {RATE} a second."},
    {"preview", "EVENT", "When the last of those who wait now enters", .options = OPT(RATE),
     LINE(NULL, EVENT_AT "/preview")},
    {"series", "EVENT", "The line over time, oldest first", .options = OPT(LIMIT),
     LINE(NULL, EVENT_AT "/series"), .rows = "series",
     .columns = "at:AT waiting:WAITING serving:SERVING active:INSIDE admitted:ADMITTED "
                "no_shows:NO_SHOWS rate_per_s:RATE/S errors:ERRORS"},
    ACTION("schedule", "Let it open at its time", "{EVENT} is scheduled.", NULL, NULL),
    ACTION("open", "Open the line now", "{EVENT} is opened.", NULL, NULL),
    ACTION("pause", "Call nobody new; those called may enter", "{EVENT} is paused.", NULL, NULL),
    ACTION("resume", "Call again", "{EVENT} goes on.", NULL, NULL),
    ACTION("freeze", "Stand still in an incident: nobody is called, nobody enters",
           "{EVENT} is frozen.", "People still join, no call runs out, and those inside go on.",
           NULL),
    ACTION("unfreeze", "Go back to what was frozen", "{EVENT} moves again.", NULL, NULL),
    {"draw", "EVENT", "Hold the draw of the pre-queue",
     .options = OPT(WHY) | OPT(IF_VERSION) | OPT(BEACON), LINE("POST", EVENT_AT "/actions/draw"),
     .done = "The draw is held.", .asks = "There is no way back from a draw. Hold it?"},
    ACTION("sold-out", "Say that nothing is left", "{EVENT} is sold out.", NULL,
           "Everybody who waits will see that it is sold out. Go on?"),
    ACTION("close", "Close it, for good", "{EVENT} is closed.", NULL,
           "There is no way back from closing. Close it?"),
    ACTION("undo", "Take back what was done last", "It is taken back.",
           "Undone again it is done. From a draw or a closing there is no way back.", NULL),
    {"archive", "EVENT FILE", "Keep what there is of an event in a file",
     .text =
         "The event is closed, or --running takes it as it stands. A closed one may be deleted\n"
         "afterwards.",
     .options = OPT(WHY) | OPT(RUNNING), LINE("POST", EVENT_AT "/actions/archive"),
     .run = line_archive},
    {"restore", "EVENT FILE", "Make an event again from its archive",
     .options = OPT(WHY) | OPT(REDRAW), .done = "{EVENT} is there again.",
     LINE("POST", EVENT_AT "/actions/restore"), .body = "application/x-ndjson"},
    {"delete", "EVENT", "Delete an event that is closed and archived",
     .options = OPT(WHY) | OPT(UNARCHIVED), .done = "{EVENT} is deleted.", LINE("DELETE", EVENT_AT),
     .asks = "Delete it?"},
    {"audit", "[EVENT]", "Who did what, when and why; newest first",
     .text =
         "Of an event: the trails of all three services as one. Without one: who deleted which.",
     .run = trail_audit},
    {"codes load", "EVENT FILE", "Load presale codes, one a line",
     .text = "- reads the standard input. A code that is loaded again keeps what was used of it.",
     .options = OPT(LANE) | OPT(CHANNEL) | OPT(USES), LINE("PUT", EVENT_AT "/codes"),
     .rows = "codes", .columns = "lane:LANE channel:CHANNEL codes:CODES uses:USES used:USED",
     .run = line_codes_load},
    {"codes list", "EVENT", "How many codes there are, and were used",
     LINE(NULL, EVENT_AT "/codes"), .rows = "codes",
     .columns = "lane:LANE channel:CHANNEL codes:CODES uses:USES used:USED"},
    {"codes drop", "EVENT", "Take all codes of an event away", LINE("DELETE", EVENT_AT "/codes"),
     .done = "{EVENT} has no codes any more.",
     .asks = "Unused codes will no longer work. Drop all codes?"},
    {"invitations", "EVENT LANE", "The codes that open a lane", .options = OPT(LIMIT) | OPT(FROM),
     LINE(NULL, EVENT_AT "/lanes/{LANE}/invitations"), .rows = "invitations",
     .columns = "number:NUMBER code:CODE"},
    {"appeal", "EVENT REFERENCE", "What slowed a visitor down, by the reference that they name",
     LINE(NULL, EVENT_AT "/appeals/{REFERENCE}")},
    {"fairness", "EVENT", "What is known of the draw; --verify judges it",
     .text = "A draw that does not fit, or was not held yet, ends with 1.",
     .options = OPT(VERIFY) | OPT(ENTRY) | OPT(COMMITMENT), LINE(NULL, EVENT_AT "/fairness"),
     .run = line_fairness},
    {"seats-left", "EVENT LEFT", "Tell the line how many seats are left",
     LINE("PUT", EVENT_AT "/seats-left"), .done = "The line knows of {LEFT}."},
    /* ---- the seats ---- */
    {"halls list", "", "The halls on sale, and who owns them", SEATS(NULL, "/admin/events"),
     .rows = "events",
     .columns = "event:EVENT state:STATE open:OPEN epoch:EPOCH seats:SEATS reason:REASON"},
    {"halls show", "EVENT", "A hall's categories, prices and seats", SEATS(NULL, EVENT_AT),
     .rows = "categories",
     .columns = "name:CATEGORY price:PRICE free:FREE held:HELD sold:SOLD blocked:BLOCKED"},
    {"halls import", "EVENT FILE", "Put a hall on sale, from a document",
     .text = "- reads the standard input. The same document again changes nothing.",
     .rows = "categories",
     .columns = "name:CATEGORY price:PRICE free:FREE held:HELD sold:SOLD blocked:BLOCKED",
     SEATS("PUT", EVENT_AT), .body = "application/json", .run = desk_import},
    {"halls document", "EVENT", "The document of a hall, as JSON",
     SEATS(NULL, EVENT_AT "/document")},
    {"halls counts", "EVENT", "How many seats are free, held and sold",
     SEATS(NULL, EVENT_AT "/counts"), .part = "now"},
    {"halls block", "EVENT [SEAT...]", "Take seats out of sale",
     .text = "All of them or none; or places of an area.",
     .options = OPT(WHY) | OPT(AREA) | OPT(QUANTITY), SEATS("POST", EVENT_AT "/block"),
     .done = "They are blocked."},
    {"halls unblock", "EVENT [SEAT...]", "Put blocked seats on sale again",
     .options = OPT(WHY) | OPT(AREA) | OPT(QUANTITY), SEATS("POST", EVENT_AT "/unblock"),
     .done = "They are on sale again."},
    {"halls price", "EVENT CATEGORY PRICE", "What new holds of a category pay, in minor units",
     .options = OPT(WHY), SEATS("POST", EVENT_AT "/price"),
     .done = "{CATEGORY} costs {PRICE} from now on.",
     .asks = "Buyers see the new price at once. Change it?"},
    {"halls place", "EVENT OWNER", "Have the seats of an event move to another process",
     .text =
         "To one that shares them; `halls list` at each tells what it has. Every hold goes along.\n"
         "Visitors wait for a moment.",
     SEATS("POST", EVENT_AT "/place"), .done = "{OWNER} has them."},
    {"halls export", "EVENT", "Every sold seat with its order", .options = OPT(CSV), .rows = "",
     .columns = "seat:SEAT zone:ZONE row:ROW number:NUMBER category:CATEGORY order:ORDER hold:HOLD",
     .run = desk_export},
    {"halls audit", "EVENT", "Seats that were blocked, prices that were changed, and by whom",
     SEATS(NULL, EVENT_AT "/audit"), .rows = "acts",
     .columns =
         "at:AT act:ACT quantity:QUANTITY area:AREA category:CATEGORY from:FROM to:TO who:WHO "
         "reason:WHY"},
    /* ---- the way out ---- */
    {"sagas list", "", "Checkouts and refunds under way, newest first",
     .options = OPT(STATE) | OPT(ORDER) | OPT(BEFORE) | OPT(LIMIT), PAY(NULL, "/admin/sagas"),
     .rows = "sagas",
     .columns = "saga:SAGA definition:KIND order:ORDER state:STATE step:STEP tries:TRIES "
                "started_at:STARTED cause:CAUSE"},
    {"sagas show", "SAGA", "One of them with its timeline", PAY(NULL, "/admin/sagas/{SAGA}")},
    {"sagas retry", "SAGA", "Let one go on now, parked or not", .options = OPT(WHY),
     .needs = OPT(WHY), PAY("POST", "/admin/sagas/{SAGA}/retry"), .done = "Saga {SAGA} goes on."},
    {"sagas compensate", "SAGA", "Turn a checkout back", .options = OPT(WHY), .needs = OPT(WHY),
     PAY("POST", "/admin/sagas/{SAGA}/compensate"), .done = "Saga {SAGA} is turned back.",
     .asks = "The buyer loses the seats of this checkout. Turn it back?"},
    {"letters list", "", "What the shop refused, and waits for a person",
     PAY(NULL, "/admin/letters"), .rows = "letters",
     .columns = "letter:LETTER order:ORDER kind:KIND tries:TRIES made_at:MADE error:ERROR"},
    {"letters retry", "LETTER", "Let one go to the shop again",
     PAY("POST", "/admin/letters/{LETTER}/retry"), .done = "Letter {LETTER} is on its way."},
    {"mails list", "", "Mails that were given up, and why", PAY(NULL, "/admin/mails"),
     .rows = "mails",
     .columns = "mail:MAIL order:ORDER kind:KIND tries:TRIES made_at:MADE error:ERROR"},
    {"mails retry", "MAIL", "Send one again, or \"all\" of the list",
     PAY("POST", "/admin/mails/{MAIL}/retry"), .done = "On its way again: {MAIL}."},
    {"reconcile show", "", "What the last reconciliation found",
     .text = "Ends with 1 if there is a difference.", PAY(NULL, "/admin/reconcile"),
     .run = desk_reconcile},
    {"reconcile now", "", "Compare seats, orders, provider and shop now",
     .text = "Ends with 1 if there is a difference.", PAY("POST", "/admin/reconcile"),
     .run = desk_reconcile},
    {"orders counts", "EVENT", "Orders and money since the sale began",
     PAY(NULL, EVENT_AT "/counts"), .part = "now"},
    {"refund", "ORDER", "Give an order back, whatever its terms",
     .options = OPT(WHY) | OPT(PERCENT), .needs = OPT(WHY),
     PAY("POST", "/admin/orders/{ORDER}/refund"), .done = "The refund of {ORDER} is under way.",
     .asks = "Its tickets open no door any more, its seats are on sale again and money goes back. "
             "Refund it?"},
    {"move", "ORDER FROM=TO...", "Seat buyers elsewhere, at the same price",
     .options = OPT(WHY) | OPT(OTHER_CATEGORY), .needs = OPT(WHY),
     PAY("POST", "/admin/orders/{ORDER}/move"), .done = "The move of {ORDER} is under way.",
     .asks = "The old tickets are void, and new ones are sent. Move the seats?", .run = desk_move},
    {"terms show", "EVENT", "Who gives orders back, until when",
     PAY(NULL, EVENT_AT "/refund-terms")},
    {"terms set", "EVENT TERM=VALUE...", "Change them, for new orders", .options = OPT(WHY),
     .needs = OPT(WHY), PAY("PUT", EVENT_AT "/refund-terms"),
     .done = "The terms of {EVENT} are changed.", .run = desk_terms_set},
    {"checkin", "EVENT GATE", "Let tickets in, read from the input",
     .text =
         "One ticket a line, as a scanner types it; each is answered at once. Ends with 1 if one\n"
         "was refused.",
     .options = OPT(UNDO) | OPT(WHY), .run = desk_checkin},
    {"scanners list", "EVENT", "The scanners of an event", PAY(NULL, EVENT_AT "/scanners"),
     .rows = "scanners",
     .columns = "scanner:SCANNER gate:GATE good:GOOD created_at:CREATED expires_at:EXPIRES "
                "revoked_at:REVOKED"},
    {"scanners create", "EVENT GATE", "A token that opens one gate",
     .text = "The token is shown only once.", .options = OPT(WHY) | OPT(EXPIRES), .needs = OPT(WHY),
     PAY("POST", EVENT_AT "/scanners")},
    {"scanners revoke", "EVENT SCANNER", "Its token opens nothing more", .options = OPT(WHY),
     .needs = OPT(WHY), PAY("POST", EVENT_AT "/scanners/{SCANNER}/revoke"),
     .done = "{SCANNER} is revoked."},
    {"doors", "EVENT", "How many are in, and who should not be", PAY(NULL, EVENT_AT "/doors")},
    /* ---- all of it ---- */
    {"top", "[EVENT]", "A live picture of one event, or of all",
     .text =
         "q quits. Piped, each look is a line of name=value pairs; with --json a document a line.",
     .options = OPT(ONCE) | OPT(INTERVAL), .run = top_run},
    {"report", "EVENT", "One page about a sale: line, waits, sold, money",
     .text = "And what was changed, by whom and why. It can be made as long as the event is there.",
     .run = report_run},
    {"doctor", "", "Is the installation in order, and what is to be mended?",
     .text =
         "Services, token, clocks, versions, keys, alerts, knobs, disk. Ends with 1 if something\n"
         "is bad.",
     .run = doctor_run},
    {"size", "", "How many machines a sale takes, and from when to when",
     .text = "Machines, settings and a timetable, by sums from measured costs (infra/SCALE.md). It "
             "asks\n"
             "no service. Ends with 1 if no number of machines is enough.",
     .options = OPT(VISITORS) | OPT(SEATS) | OPT(OPENS) | OPT(WITHIN) | OPT(PLACED) | OPT(CALLED) |
                OPT(EDGE_CORES) | OPT(FRONT_CORES) | OPT(CDN),
     .needs = OPT(VISITORS) | OPT(SEATS), .alone = true, .run = size_run},
    /* ---- the installation ---- */
    {"secrets", "FROM TO", "Copy secrets to where their owner alone can read them",
     .text =
         "Each file of a folder, as a service wants its secrets: readable by nobody else. For a\n"
         "container whose secrets are mounted for a group (Kubernetes). It asks no service.",
     .alone = true, .run = secrets_run},
    {"login", "", "Log in at the issuer that the profile names",
     .text =
         "An address and a code are shown: open the one, type the other, and say yes. The tokens\n"
         "are kept in a file of mode 0600 and renewed as they run out. A machine logs in by\n"
         "--client-credentials.",
     .options = OPT(CLIENT_CREDENTIALS), .tokenless = true, .run = person_login},
    {"logout", "", "Give the login back, and forget it", .tokenless = true, .run = person_logout},
    {"whoami", "", "Whose token it is, and what it opens", .run = person_whoami},
    {"version", "", "The version of this program", .alone = true, .run = house_version},
    {"help", "[COMMAND] [WORD]", "What a command does and takes", .alone = true, .run = house_help},
    {"completion", "SHELL", "Completion for bash or zsh, to be sourced", .alone = true,
     .run = house_completion},
    {"manual", "", "The page of the manual, as troff", .alone = true, .run = house_manual,
     .hidden = true},
};

const struct command_table commands = {rows, sizeof(rows) / sizeof(rows[0])};

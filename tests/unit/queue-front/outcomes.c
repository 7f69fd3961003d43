/* outcomes.c: see outcomes.h. */
#include "outcomes.h"

#include "core/event/event_state.h"

const char *const outcome_names[LINE_OUTCOME_COUNT + 1] = {
    [LINE_OK] = "ok",
    [LINE_SAME] = "same",
    [LINE_UNKNOWN] = "unknown",
    [LINE_WRONG_STATE] = "state",
    [LINE_LIMITED] = "limited",
    [LINE_NOT_YET] = "not-yet",
    [LINE_EXPIRED] = "expired",
    [LINE_GONE] = "gone",
    [LINE_CONFLICT] = "conflict",
    [LINE_UNAVAILABLE] = "unavailable",
    [LINE_MOVED] = "moved",
    [LINE_INSIDE] = "inside",
    [LINE_NO_CODE] = "no-code",
    [LINE_CODE_USED] = "code-used",
    [LINE_EXHAUSTED] = "exhausted",
    [LINE_RENEWED] = "renewed",
    [LINE_WORK_SPENT] = "work-spent",
    [LINE_INVITATION_SPENT] = "invitation-spent",
    [LINE_MEMBER_INSIDE] = "member-inside",
    [LINE_PRESALE_UNKNOWN] = "code-unknown",
    [LINE_PRESALE_USED_UP] = "code-used-up",
    [LINE_PRESALE_GUESSES] = "guesses",
    [LINE_PRESALE_MISSING] = "codes-missing",
    [LINE_PRESALE_LANE] = "other-lane",
    [LINE_FULL] = "full",
};

enum line_outcome outcome_at(const struct script_line *line, unsigned at)
{
    return (enum line_outcome)script_choice(line, script_word(line, at), outcome_names);
}

enum turn_kind turn_at(const struct script_line *line, unsigned at)
{
    static const char *const names[] = {"none", "kept", "ended", "done", "given_up", NULL};
    return (enum turn_kind)script_choice(line, script_word(line, at), names);
}

enum line_state state_named(const char *name)
{
    unsigned state = 0;
    while (strcmp(event_state_name((enum line_state)state), name) != 0)
        assert_true(++state < LINE_STATE_COUNT);
    return (enum line_state)state;
}

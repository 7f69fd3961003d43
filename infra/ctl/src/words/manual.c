/* manual.c: formats the command table; all texts are in the table. */
#include "words/manual.h"

#include <string.h>

static const char what[] = "the command line of Fairgate";

static const struct {
    enum command_exit status;
    const char *means;
} exits[] = {
    {EXIT_DONE, "done"},
    {EXIT_REFUSED, "the service refused, or what was judged is not good"},
    {EXIT_USAGE, "nothing was asked: the words, the profile or a file are wrong"},
    {EXIT_AWAY, "the service could not be reached; nothing happened"},
    {EXIT_UNKNOWN, "no answer came; whether it happened is not known"},
    {EXIT_TOKEN, "there is no token, or it was refused"},
    {EXIT_CHANGED, "somebody else changed it in the meantime; nothing was done"},
    {EXIT_CANCELLED, "the question was not answered by yes; nothing was done"},
};

static const char *const profiles[] = {
    "A profile says where an installation is and which token opens it. Profiles are sections of "
    "one "
    "file, $XDG_CONFIG_HOME/fairgate/profiles (~/.config/fairgate/profiles), or, without that, "
    "/etc/fairgate/profiles:",
    "[default]\n"
    "queue = \"http://127.0.0.1:8091\"    # private listeners of the three services\n"
    "seats = \"http://127.0.0.1:8092\"\n"
    "pay = \"http://127.0.0.1:8093\"\n"
    "edge = \"https://tickets.example\"   # what visitors open; doctor looks at it\n"
    "token_file = \"/etc/fairgate/me\"    # mode 0600; or\n"
    "token_command = \"pass fairgate\"    # prints it; FAIRGATE_TOKEN wins over both\n"
    "ca_file = \"/etc/fairgate/ca.pem\"   # of addresses that begin with https\n"
    "operator = \"kim\"                   # your name on the trail, where the token bears none",
    "Where operators are persons of an OpenID Connect issuer, the profile names it instead of a "
    "token, and fairgate login gets one:",
    "issuer = \"https://id.example\"\n"
    "client_id = \"fairgate-cli\"\n"
    "audience = \"https://fairgate.example\"   # as the services have it; not with every issuer\n"
    "scope = \"openid offline_access\"\n"
    "client_secret_file = \"/etc/fairgate/client\"   # mode 0600; of a machine\n"
    "login_file = \"/home/kim/.fairgate-login\"   # else below ~/.local/state/fairgate",
    "A token is never an argument, as arguments can be read by everybody on the machine.",
};

static void put_options(const struct command *command, uint64_t which, FILE *out)
{
    for (unsigned i = 0; i < OPTION_COUNT; i++) {
        if ((which & (UINT64_C(1) << i)) == 0)
            continue;
        char name[40];
        snprintf(name, sizeof(name), "--%s%s%s", options[i].name,
                 options[i].value != NULL ? " " : "",
                 options[i].value != NULL ? options[i].value : "");
        bool needed = command != NULL && (command->needs & (UINT64_C(1) << i)) != 0;
        fprintf(out, "  %-20s %s%s\n", name, options[i].help, needed ? " (must be given)" : "");
    }
}

static uint64_t global_options(void)
{
    uint64_t which = 0;
    for (unsigned i = 0; i < OPTION_COUNT; i++)
        if (options[i].way == OPTION_GLOBAL)
            which |= UINT64_C(1) << i;
    return which;
}

static void put_line(const struct command *command, FILE *out)
{
    fprintf(out, "  %-34s %s\n", command->form, command->brief);
}

void manual_list(const struct command_table *table, FILE *out)
{
    fprintf(out, "fairgate COMMAND ...: %s\n\n", what);
    for (size_t i = 0; i < table->len; i++)
        if (!table->command[i].hidden)
            put_line(&table->command[i], out);
    fputs("\nOf every command:\n", out);
    put_options(NULL, global_options(), out);
    fputs("\nfairgate help COMMAND says more of one, man fairgate all of it.\n", out);
}

void manual_of(const struct command *command, FILE *out)
{
    fprintf(out, "fairgate %s\n\n  %s.\n", command->form, command->brief);
    if (command->text != NULL)
        fprintf(out, "\n%s\n", command->text);
    if (command_options(command) != 0) {
        fputs("\n", out);
        put_options(command, command_options(command), out);
    }
}

bool manual_help(const struct command_table *table, const char *first, const char *second,
                 FILE *out)
{
    char *words[] = {(char *)(uintptr_t)first, (char *)(uintptr_t)second};
    int name_len = 0;
    const struct command *command = command_find(table, words, second != NULL ? 2 : 1, &name_len);
    if (command != NULL && (name_len == 2 || second == NULL)) {
        manual_of(command, out);
        return true;
    }
    if (second != NULL || !command_is_group(table, first))
        return false;
    for (size_t i = 0; i < table->len; i++) {
        struct span head;
        span_cut(command_name(&table->command[i]), ' ', &head);
        if (span_eq(head, span_of(first)))
            put_line(&table->command[i], out);
    }
    return true;
}

/* ---- troff ---- */

/* Escapes hyphens, backslashes, and lines that would begin as a request; `end` follows as it is. */
static void put_troff(const char *text, const char *end, FILE *out)
{
    bool begins = true;
    for (; *text != '\0'; text++) {
        if (begins && (*text == '.' || *text == '\''))
            fputs("\\&", out);
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-')
            fputs("\\-", out);
        else
            putc(*text, out);
        begins = *text == '\n';
    }
    fputs(end, out);
}

static void put_troff_options(uint64_t which, FILE *out)
{
    for (unsigned i = 0; i < OPTION_COUNT; i++) {
        if ((which & (UINT64_C(1) << i)) == 0)
            continue;
        fputs(".TP\n.B \\-\\-", out);
        put_troff(options[i].name, "", out);
        if (options[i].value != NULL)
            fprintf(out, " \\fI%s\\fR", options[i].value);
        fputs("\n", out);
        put_troff(options[i].help, "\n", out);
    }
}

static void put_troff_command(const struct command *command, FILE *out)
{
    fputs(".SS fairgate ", out);
    put_troff(command->form, "\n", out);
    put_troff(command->brief, ".\n", out);
    if (command->text != NULL) {
        fputs(".PP\n", out);
        put_troff(command->text, "\n", out);
    }
    put_troff_options(command_options(command), out);
}

void manual_page(const struct command_table *table, FILE *out)
{
    fprintf(out, ".TH FAIRGATE 1 \"\" Fairgate \"Fairgate\"\n.SH NAME\nfairgate \\- %s\n", what);
    fputs(".SH SYNOPSIS\n.B fairgate\n.I COMMAND\n[\\fIWORD\\fR ...] [\\fIOPTION\\fR ...]\n"
          ".SH DESCRIPTION\nOperates an installation by the private listeners of its three "
          "services. Times are UTC.\n.SH OPTIONS\nOf every command:\n",
          out);
    put_troff_options(global_options(), out);
    fputs(".SH COMMANDS\n", out);
    for (size_t i = 0; i < table->len; i++)
        if (!table->command[i].hidden)
            put_troff_command(&table->command[i], out);
    fputs(".SH PROFILES\n", out);
    for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
        fputs(i % 2 == 1 ? ".PP\n.nf\n" : ".PP\n", out); /* text and sample in turns */
        put_troff(profiles[i], i % 2 == 1 ? "\n.fi\n" : "\n", out);
    }
    fputs(".SH EXIT STATUS\n", out);
    for (size_t i = 0; i < sizeof(exits) / sizeof(exits[0]); i++) {
        fprintf(out, ".TP\n.B %d\n", exits[i].status);
        put_troff(exits[i].means, "\n", out);
    }
    fputs(".SH FILES\n.I ~/.config/fairgate/profiles\n.br\n.I /etc/fairgate/profiles\n", out);
}

/* ---- completion ---- */

/* The words that may follow `group` ("" : the first words), each once. */
static void put_words(const struct command_table *table, const char *group, FILE *out)
{
    struct span before = {"", 0};
    for (size_t i = 0; i < table->len; i++) {
        const struct command *command = &table->command[i];
        struct span first;
        struct span second = span_cut(command_name(command), ' ', &first);
        struct span word = group[0] == '\0' ? first : second;
        if (command->hidden || word.ptr == NULL || span_eq(word, before) ||
            (group[0] != '\0' && !span_eq(first, span_of(group))))
            continue;
        fprintf(out, " %.*s", (int)word.len, word.ptr);
        before = word;
    }
}

static void put_groups(const struct command_table *table, FILE *out)
{
    struct span before = {"", 0};
    for (size_t i = 0; i < table->len; i++) {
        struct span first;
        struct span second = span_cut(command_name(&table->command[i]), ' ', &first);
        char group[40];
        if (second.ptr == NULL || span_eq(first, before) ||
            !span_to_cstr(first, group, sizeof(group)))
            continue;
        fprintf(out, "    %s) words=\"", group);
        put_words(table, group, out);
        fputs("\" ;;\n", out);
        before = first;
    }
}

static void put_option_cases(const struct command_table *table, FILE *out)
{
    for (size_t i = 0; i < table->len; i++) {
        const struct command *command = &table->command[i];
        struct span name = command_name(command);
        if (command_options(command) == 0 || command->hidden)
            continue;
        fprintf(out, "    \"%.*s\") flags=\"", (int)name.len, name.ptr);
        for (unsigned n = 0; n < OPTION_COUNT; n++)
            if ((command_options(command) & (UINT64_C(1) << n)) != 0)
                fprintf(out, " --%s", options[n].name);
        fputs("\" ;;\n", out);
    }
}

static void put_event_cases(const struct command_table *table, FILE *out)
{
    const char *between = "    ";
    for (size_t i = 0; i < table->len; i++) {
        struct command_word word;
        struct span name = command_name(&table->command[i]);
        if (table->command[i].hidden || !command_word(&table->command[i], 0, &word) ||
            !span_eq(word.name, SPAN("EVENT")))
            continue;
        fprintf(out, "%s\"%.*s\"", between, (int)name.len, name.ptr);
        between = " | ";
    }
    fputs(") words=$(fairgate events --names 2>/dev/null) ;;\n", out);
}

bool manual_completion(const struct command_table *table, const char *shell, FILE *out)
{
    bool zsh = strcmp(shell, "zsh") == 0;
    if (!zsh && strcmp(shell, "bash") != 0)
        return false;
    if (zsh)
        fputs("#compdef fairgate\nautoload -U +X bashcompinit && bashcompinit\n", out);
    fputs("_fairgate() {\n"
          "  local here=\"${COMP_WORDS[COMP_CWORD]}\" first=\"${COMP_WORDS[1]}\" "
          "second=\"${COMP_WORDS[2]}\"\n"
          "  local words=\"\" flags=\"\" name=\"$first\" at=$((COMP_CWORD - 1))\n"
          "  COMPREPLY=()\n"
          "  case \"$first\" in\n",
          out);
    put_groups(table, out);
    fputs("  esac\n"
          "  if [ -n \"$words\" ] && [ \"$COMP_CWORD\" -gt 2 ]; then\n"
          "    name=\"$first $second\" at=$((COMP_CWORD - 2)) words=\"\"\n"
          "  fi\n"
          "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n    words=\"",
          out);
    put_words(table, "", out);
    fputs("\"\n  elif [ \"$at\" -eq 1 ]; then\n    case \"$name\" in\n", out);
    put_event_cases(table, out);
    fputs("    esac\n  fi\n  case \"$name\" in\n", out);
    put_option_cases(table, out);
    fputs("  esac\n  case \"$here\" in\n  -*) words=\"$flags", out);
    for (unsigned i = 0; i < OPTION_COUNT; i++)
        if (options[i].way == OPTION_GLOBAL)
            fprintf(out, " --%s", options[i].name);
    fputs("\" ;;\n  esac\n"
          "  COMPREPLY=($(compgen -W \"$words\" -- \"$here\"))\n"
          "  [ -n \"$words\" ] || COMPREPLY=($(compgen -f -- \"$here\"))\n"
          "}\ncomplete -F _fairgate fairgate\n",
          out);
    return true;
}

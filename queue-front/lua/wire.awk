# wire.awk: makes of wire.list what both sides are built from.
#
#   awk -f wire.awk -v make=names   wire.list    line_names.h: enums, numbers, knobs
#   awk -f wire.awk -v make=wire    wire.list    line_wire.h: what is asked and told, with writers and readers
#   awk -f wire.awk -v make=scripts wire.list    line_scripts.inc: the scripts as C strings
#   awk -f wire.awk -v make=NAME    wire.list    the text of one script
#
# In a script a name of the list is a number: no local is made for it when the script is called. Comments
# stay here. A name with the prefix of an ask, a tell, a cfg or the knobs that the list does not have is an error.

function fail(what) {
    print FILENAME ":" FNR ": " what > "/dev/stderr"
    failed = 1
    exit 1
}

function lua(name, value) {
    if (name in number) fail(name " stands for two things")
    number[name] = value
}

function close_enum(    last) {
    if (kind != "enum") return
    last = block
    sub(/^.*_/, "", last)
    names = names "    " prefix "_" toupper(last) "_COUNT,\n};\n"
}

# ---- reading the list ----

{
    comment = ""
    at = index($0, "-- ")
    if (at > 0) {
        comment = " /* " substr($0, at + 3) " */"
        $0 = substr($0, 1, at - 1)
    }
    indented = $0 ~ /^ /
    fields = split($0, field, " ")
}

fields == 0 || field[1] ~ /^#/ { next }

!indented {
    close_enum()
    kind = field[1]
    block = field[2]
    prefix = field[3]
    count = 0
    if (kind == "enum") {
        names = names "\nenum " block " {\n"
    } else if (kind == "ask" || kind == "tell") {
        whole = kind "_" block
        wholes[++wholes_len] = whole
        word = kind == "ask" ? 2 : 1
    } else if (kind == "cfg") {
        whole = kind "_" block
        word = 1
    } else if (kind !~ /^(numbers|knobs|scripts)$/) {
        fail("no such kind: " kind)
    }
    next
}

kind == "enum" {
    names = names "    " prefix "_" field[1] "," comment "\n"
    lua(field[2] == "as" ? field[3] : field[1], count++)
    next
}

kind == "numbers" {
    lua(field[2], field[1])
    if (field[3] == "") next
    if (field[1] >= 1073741824) names = names "\n#define " field[3] " UINT64_C(" field[1] ")" comment "\n"
    else names = names "\nenum { " field[3] " = " field[1] " };" comment "\n"
    next
}

kind == "knobs" {
    knob[++knobs] = field[1]
    knob_max[knobs] = field[2]
    knob_lines = knob_lines "    uint64_t " field[1] ";" comment "\n"
    knob_list = knob_list (knobs > 1 ? ", " : "") "'" field[1] "'"
    next
}

kind == "cfg" {
    for (i = 1; i <= fields; i++) {
        lua(whole "." field[i], word)
        list_of[whole] = list_of[whole] (word > 1 ? ", " : "") "'" field[i] "'"
        words[whole] = word++
    }
    next
}

kind == "scripts" {
    if (!(field[1] in parts)) script[++scripts] = field[1]
    for (i = 2; i <= fields; i++) parts[field[1]] = parts[field[1]] " " field[i]
    next
}

{
    n = ++len[whole]
    name[whole, n] = field[1]
    type[whole, n] = field[2]
    max[whole, n] = field[3]
    note[whole, n] = comment
    if (field[2] !~ /^(u64|u64\?|text|list|knobs)$/) fail("no such type: " field[2])
    lua(whole "." field[1], word)
    list_of[whole] = list_of[whole] (n > 1 ? ", " : "") "'" field[1] "'"
    word += field[2] == "knobs" ? knobs : 1
    words[whole] = word - 1
}

# ---- C ----

function put_names(    i) {
    print "/* Made of wire.list. */\n#ifndef FG_LINE_NAMES_H\n#define FG_LINE_NAMES_H\n\n#include <stdint.h>"
    printf "%s", names
    print "\n/* What the scripts need of an event's document, as numbers. The document itself is opaque to them. */"
    print "struct line_knobs {\n" knob_lines "};\n\nenum { LINE_KNOBS = " knobs " };\n\nenum line_script {"
    for (i = 1; i <= scripts; i++) print "    SCRIPT_" toupper(script[i]) ","
    print "    SCRIPT_COUNT,\n};\n\n#endif"
}

function c_type(of) {
    if (of == "text") return "struct span "
    if (of == "list") return "const redisReply *"
    return of == "knobs" ? "struct line_knobs " : "uint64_t "
}

function put_struct(whole,    i) {
    print "\nstruct " whole " {"
    for (i = 1; i <= len[whole]; i++) print "    " c_type(type[whole, i]) name[whole, i] ";" note[whole, i]
    print "};"
}

# Where each field stands, and how many words there are; knobs are more than one.
function put_positions(whole,    i) {
    print "\nenum {"
    for (i = 1; i <= len[whole]; i++) {
        print "    " toupper(whole "_" name[whole, i]) \
            (type[whole, i - 1] == "knobs" ? " = " toupper(whole "_" name[whole, i - 1]) " + LINE_KNOBS" : "") ","
    }
    print "    " toupper(whole) "_WORDS" (type[whole, i - 1] == "knobs" ? " = " toupper(whole "_" name[whole, i - 1]) " + LINE_KNOBS" : "") ",\n};"
}

function put_writer(whole,    i, at) {
    put_positions(whole)
    print "\nstatic inline void " whole "_put(struct text *command, const struct " whole " *ask)\n{"
    for (i = 1; i <= len[whole]; i++) {
        at = "ask->" name[whole, i]
        if (type[whole, i] == "text") print "    resp_word(command, " at ");"
        else if (type[whole, i] == "u64?") print "    wire_put_or_none(command, " at ");"
        else if (type[whole, i] == "knobs") print "    wire_put_knobs(command, &" at ");"
        else print "    resp_u64(command, " at ");"
    }
    print "}"
}

function put_reader(whole,    i, at, get, check) {
    put_positions(whole)
    print "\nstatic inline bool " whole "_read(const redisReply *reply, size_t at, struct " whole " *out)\n{"
    for (i = 1; i <= len[whole]; i++) {
        at = "out->" name[whole, i]
        get = type[whole, i] == "text" ? "resp_get_str" : type[whole, i] == "list" ? "resp_array" : \
            type[whole, i] == "u64?" ? "wire_get_or_none" : type[whole, i] == "knobs" ? "wire_get_knobs" : "resp_get_u64"
        check = ""
        if (max[whole, i] != "") {
            if (type[whole, i] == "text") check = " && " at ".len <= " max[whole, i]
            else if (type[whole, i] == "u64?") check = " && (" at " == WIRE_NONE || " at " <= " max[whole, i] ")"
            else check = " && " at " <= " max[whole, i]
        }
        print (i == 1 ? "    return " : "           ") get "(reply, at + " toupper(whole "_" name[whole, i]) ", &" at ")" check \
            (i == len[whole] ? ";" : " &&")
    }
    print "}"
}

function put_wire(    i) {
    print "/* Made of wire.list. */\n#ifndef FG_LINE_WIRE_H\n#define FG_LINE_WIRE_H\n"
    print "#include \"core/line/line.h\"\n#include \"core/line/moves.h\"\n#include \"core/line/turns.h\"\n#include \"line/line_limits.h\"\n#include \"redis/resp.h\"\n\n#include <assert.h>\n"
    print "/* Where there is no number: '' in Lua. */\n#define WIRE_NONE UINT64_MAX\n"
    print "static inline void wire_put_or_none(struct text *command, uint64_t number)\n{"
    print "    if (number == WIRE_NONE)\n        resp_word(command, (struct span){NULL, 0});\n    else\n        resp_u64(command, number);\n}\n"
    print "static inline bool wire_get_or_none(const redisReply *reply, size_t at, uint64_t *out)\n{\n    struct span text;"
    print "    *out = WIRE_NONE;\n    return (resp_get_str(reply, at, &text) && text.len == 0) || resp_get_u64(reply, at, out);\n}\n"
    print "static inline void wire_put_knobs(struct text *command, const struct line_knobs *knobs)\n{"
    for (i = 1; i <= knobs; i++) {
        if (knob_max[i] != "") print "    assert(knobs->" knob[i] " <= " knob_max[i] ");"
    }
    for (i = 1; i <= knobs; i++) print "    resp_u64(command, knobs->" knob[i] ");"
    print "}\n\nstatic inline bool wire_get_knobs(const redisReply *reply, size_t at, struct line_knobs *knobs)\n{"
    for (i = 1; i <= knobs; i++) {
        print (i == 1 ? "    return " : "           ") "resp_get_u64(reply, at + " i - 1 ", &knobs->" knob[i] ")" \
            (knob_max[i] != "" ? " && knobs->" knob[i] " <= " knob_max[i] : "") (i == knobs ? ";" : " &&")
    }
    print "}"
    for (i = 1; i <= wholes_len; i++) {
        put_struct(wholes[i])
        if (wholes[i] ~ /^ask/) put_writer(wholes[i])
        else put_reader(wholes[i])
    }
    print "\n#endif"
}

# ---- scripts ----

# Another list of fields gives another number.
function form(    i, j, text, sum) {
    for (i = 1; i <= wholes_len; i++) text = text wholes[i] list_of[wholes[i]]
    for (j = 1; j <= length(text); j++) {
        sum = (sum * 31 + index("abcdefghijklmnopqrstuvwxyz_', ", substr(text, j, 1))) % 1000003
    }
    return sum
}

function known(token,    of) {
    if (token in number) return number[token]
    if (token == "knobs.names") return knob_list
    if (token == "knobs.count") return knobs
    of = token
    sub(/\..*$/, "", of)
    if (of in words) {
        if (token == of ".words") return words[of]
        if (token == of ".form") return form()
        if (token == of ".names") return list_of[of]
        fail("no such field: " token)
    }
    return token
}

# A line with its names as numbers, without what stands behind "--".
function plain(line,    out, quote, i) {
    while (line != "") {
        if (substr(line, 1, 2) == "--") break
        if (match(line, /^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*/)) {
            out = out known(substr(line, 1, RLENGTH))
        } else if (match(line, /^'([^'\\]|\\.)*'/) || match(line, /^"([^"\\]|\\.)*"/)) {
            out = out substr(line, 1, RLENGTH)
        } else if (!match(line, /^[^A-Za-z_'"-]+/)) {
            match(line, /^./)
            out = out substr(line, 1, 1)
        } else {
            out = out substr(line, 1, RLENGTH)
        }
        line = substr(line, RLENGTH + 1)
    }
    sub(/[ \t]+$/, "", out)
    return out
}

function script_text(which,    files, n, i, file, line, out) {
    n = split(parts[which], files, " ")
    for (i = 1; i <= n; i++) {
        file = folder files[i] ".lua"
        while ((got = (getline line < file)) > 0) {
            line = plain(line)
            if (line ~ /^ *local ([A-Za-z_, ]*, )?[0-9']/) fail(file " has a local of the list: " line)
            if (line != "") out = out line "\n"
        }
        if (got < 0) fail("no such file: " file)
        close(file)
    }
    return out
}

function put_scripts(    i, n, j, lines) {
    for (i = 1; i <= scripts; i++) {
        print "SCRIPT_OF(" toupper(script[i]) ", \"" script[i] "\","
        n = split(script_text(script[i]), lines, "\n")
        for (j = 1; j < n; j++) {
            gsub(/\\/, "&&", lines[j])
            gsub(/"/, "\\\"", lines[j])
            gsub(/\?\?/, "?\\?", lines[j])
            print "\"" lines[j] "\\n\""
        }
        print ")"
    }
}

END {
    if (failed) exit 1
    folder = FILENAME
    sub(/[^\/]*$/, "", folder)
    if (make == "names") put_names()
    else if (make == "wire") put_wire()
    else if (make == "scripts") put_scripts()
    else if (make in parts) printf "%s", script_text(make)
    else fail("nothing to make: " make)
}

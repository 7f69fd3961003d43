# statements.awk: turns a service's sql/statements/*.sql into C. From one list of arguments and one of
# columns, which stand above each statement, come a struct for each, what binds and reads them, and
# what a test compares with the real server.
#
#   awk -f infra/statements.awk -v part=PART -v service=SERVICE SERVICE/sql/statements/*.sql
#
#     part=h      the enum of statements, the structs, the functions' declarations
#     part=c      the functions
#     part=table  rows of struct pg_statement: name and text
#     part=test   what types each statement takes and gives: STATEMENT(), and WORD()
#     part=list   a line for each statement: name, types of its arguments, text; tabs in between
#
# A service that says "-- connection: pg.h" in one of its files gets what that connection binds, in
# binary, and no table: seat-service/sql/README.md.
#
# payment-adapter/sql/README.md says how the files are written. Comments stay behind: what the server
# is sent is the statement alone.

function fail(what) {
    printf "%s: %s\n", (where != "" ? where : FILENAME ":" FNR), what >"/dev/stderr"
    failed = 1
    exit 1
}

# ---- reading the files ----

# How statements are sent decides what types there are, so it is looked for first.
BEGIN {
    for (i = 1; i < ARGC; i++)
        while (ARGV[i] ~ /\.sql$/ && (getline line < ARGV[i]) > 0)
            if (line == "-- connection: pg.h")
                blocking = 1
}

function open_block(what, name) {
    if (name !~ /^[a-z][a-z0-9_]*$/)
        fail("a " what " needs a name in small letters: " name)
    if ((what, name) in seen)
        fail(what " " name " is there twice")
    seen[what, name] = 1
    block = what
    current = name
    place[name] = FILENAME ":" FNR
}

# "-- statement: NAME [alone | prepared | copy]"
function open_statement() {
    open_block("statement", $3)
    alone[$3] = $4 == "alone"
    prepared[$3] = $4 == "prepared"
    copies[$3] = $4 == "copy"
    order[++statements] = $3
}

# "-- fragment: age_us(at)"
function open_fragment(head,    paren) {
    paren = index(head, "(")
    if (paren == 0 || head !~ /\)$/)
        fail("a fragment is NAME(ARGUMENTS), also without arguments")
    open_block("fragment", substr(head, 1, paren - 1))
    fragment_args[current] = substr(head, paren + 1, length(head) - paren - 1)
}

# "--> NAME TYPE [null] [signed] [enum NAME]", or "--> SHAPE.*"; of columns "--<".
function declare(way,    n, i) {
    if (block != "statement" && block != "shape")
        fail("no statement and no shape has begun")
    n = ++fields[current, way]
    field[current, way, n] = $2
    if ($2 ~ /\.\*$/)
        return
    type[current, way, n] = $3
    for (i = 4; i <= NF; i++) {
        if ($i == "null" || $i == "signed" || (blocking && $i == "borrow"))
            option[current, way, n, $i] = 1
        else if ($i == "enum" && i < NF)
            option[current, way, n, "enum"] = $(++i)
        else
            fail("what is `" $i "`?")
    }
    if (way == ">")
        number[current, $2] = n
    if (blocking)
        link_type(current, way, n)
    else
        c_type(current, way, n)
}

# "--= HEADER [FUNCTION]" opens a list of names, "--= NAME VALUE" is one of them.
function name_constant() {
    if ($2 ~ /\.h$/) {
        headers[++headers_len] = $2
        namer = $3
        return
    }
    if (NF != 3 || $2 !~ /^[A-Z][A-Z0-9_]*$/ || $2 in constant)
        fail("a name, once, and its value")
    constant[$2] = $3
    constants[++constants_len] = $2
    constant_namer[$2] = namer
}

function without_comment(line,    i, c, quote) {
    quote = ""
    for (i = 1; i <= length(line); i++) {
        c = substr(line, i, 1)
        if (quote != "")
            quote = c == quote ? "" : quote
        else if (c == "'" || c == "\"")
            quote = c
        else if (substr(line, i, 2) == "--")
            return substr(line, 1, i - 1)
    }
    return line
}

function add_text(line) {
    line = without_comment(line)
    sub(/[ \t]+$/, "", line)
    if (line == "")
        return
    if (block != "statement" && block != "fragment")
        fail("SQL outside of any statement: " line)
    body[block, current] = body[block, current] line "\n"
}

/^-- connection: /{ next }
/^-- statement: / { open_statement(); next }
/^-- shape: /     { open_block("shape", $3); shapes[++shapes_len] = $3; next }
/^-- fragment: /  { sub(/^-- fragment: /, ""); open_fragment($0); next }
/^--= /           { name_constant(); next }
/^--> /           { declare(">"); next }
/^--< /           { declare("<"); next }
                  { add_text($0) }

# ---- what stands for what ----

# The end of the parenthesis that opens at `from`.
function closing(text, from,    i, c, quote, depth) {
    for (i = from; i <= length(text); i++) {
        c = substr(text, i, 1)
        if (quote != "")
            quote = c == quote ? "" : quote
        else if (c == "'" || c == "\"")
            quote = c
        else if (c == "(")
            depth++
        else if (c == ")" && --depth == 0)
            return i
    }
    fail("a parenthesis stays open in " substr(text, from, 40))
}

function call_fragment(name, args, level,    names, values, i, n, rest, at, text) {
    if (!(("fragment", name) in seen))
        fail("there is no fragment " name)
    if (level > 8)
        fail("fragment " name " calls itself")
    n = split(fragment_args[name], names, /, */)
    rest = args
    for (i = 1; i <= n; i++) {
        at = i < n ? comma(rest) : length(rest) + 1
        values[i] = substr(rest, 1, at - 1)
        sub(/^[ \n]+/, "", values[i])
        text = expand(values[i], level)
        argument[level + 1, names[i]] = text
        rest = substr(rest, at + 1)
    }
    text = expand(body["fragment", name], level + 1)
    sub(/\n$/, "", text)
    for (i = 1; i <= n; i++)
        delete argument[level + 1, names[i]]
    return text
}

# The first comma that stands in no parenthesis and no quotes.
function comma(text,    i, c, quote, depth) {
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        if (quote != "")
            quote = c == quote ? "" : quote
        else if (c == "'" || c == "\"")
            quote = c
        else if (c == "(")
            depth++
        else if (c == ")")
            depth--
        else if (c == "," && depth == 0)
            return i
    }
    fail("a fragment has too few arguments: " text)
}

function parameter(name) {
    if (!((current, name) in number))
        fail(current " has no argument " name)
    used[current, name] = 1
    if (copying)
        return copied(name)
    return "$" number[current, name] "::" argument_type[current, name]
}

# :name is an argument, of the statement or of the fragment; :NAME is C's; :name(...) a fragment.
function expand(text, level,    out, i, c, name, end) {
    out = ""
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        if (c == "'" || c == "\"") {
            end = i + index(substr(text, i + 1), c)
            out = out substr(text, i, end - i + 1)
            i = end
        } else if (substr(text, i, 2) == "::") {
            out = out "::"
            i++
        } else if (c == "$") {
            fail("arguments are called by their names: " substr(text, i, 20))
        } else if (c != ":") {
            out = out c
        } else {
            match(substr(text, i + 1), /^[A-Za-z_][A-Za-z0-9_]*/)
            if (RLENGTH < 1)
                fail("what is `" substr(text, i, 20) "`?")
            name = substr(text, i + 1, RLENGTH)
            i += RLENGTH
            if (match(substr(text, i + 1), /^\.[a-z_]+/) && \
                    (current, name substr(text, i + 1, RLENGTH)) in number) {
                name = name substr(text, i + 1, RLENGTH)
                i += RLENGTH
            }
            if (substr(text, i + 1, 1) == "(") {
                end = closing(text, i + 1)
                out = out call_fragment(name, substr(text, i + 2, end - i - 2), level)
                i = end
            } else if ((level, name) in argument) {
                out = out argument[level, name]
            } else if (name in constant) {
                out = out constant[name]
            } else {
                out = out parameter(name)
            }
        }
    }
    return out
}

# The shapes that a list names are put in its place.
function flatten(name, way,    i, j, n, len, from, list, opts, o) {
    len = fields[name, way]
    for (i = 1; i <= len; i++) {
        from = field[name, way, i]
        if (from !~ /\.\*$/)
            continue
        sub(/\.\*$/, "", from)
        if (!(("shape", from) in seen))
            fail("there is no shape " from)
        if (i > 1)
            fail("a shape stands first: " from)
        shape_of[name, way] = from
    }
}

function has_fields(name, way) {
    return fields[name, way] > 0
}

# How many columns or parameters come from the shape.
function shape_len(name, way) {
    return (name, way) in shape_of ? fields[shape_of[name, way], way] : 0
}

# ---- types ----

function c_type(name, way, n,    sql, text, sign) {
    sql = type[name, way, n]
    text = way == ">" ? "const char *" : "struct span "
    sign = (name, way, n, "signed") in option ? "int" : "uint"
    if ((name, way, n, "enum") in option)
        return "enum " option[name, way, n, "enum"] " "
    if (sql == "text" || sql == "jsonb" || sql ~ /\[\]$/)
        return text
    if (sql == "bigint" || sql == "numeric")
        return sign "64_t "
    if (sql == "integer")
        return sign "32_t "
    if (sql == "smallint")
        return sign "16_t "
    if (sql == "boolean")
        return "bool "
    fail("the type `" sql "` is not known here")
}

function is_text(name, way, n) {
    return !((name, way, n, "enum") in option) && c_type(name, way, n) ~ /char|span/
}

# An enum that the database has as a word: C has NAME_name() and NAME_parse() for it.
function is_word(name, way, n) {
    return (name, way, n, "enum") in option && type[name, way, n] == "text"
}

# A number or a truth that may be NULL has a bool beside it.
function has_flag(name, way, n) {
    return (name, way, n, "null") in option && !is_text(name, way, n)
}

function args_type(name) {
    if (fields[name, ">"] == 1 && (name, ">") in shape_of)
        return "struct sql_" shape_of[name, ">"] "_args"
    return "struct sql_" name "_args"
}

function row_type(name) {
    if (fields[name, "<"] == 1 && (name, "<") in shape_of)
        return "struct sql_" shape_of[name, "<"] "_row"
    return "struct sql_" name "_row"
}

# ---- part=h ----

function put_struct(name, way, tag,    i) {
    printf "%s {\n", tag
    for (i = 1; i <= fields[name, way]; i++) {
        if (field[name, way, i] ~ /\.\*$/)
            printf "    struct sql_%s_%s %s;\n", shape_of[name, way], way == ">" ? "args" : "row", \
                shape_of[name, way]
        else {
            if (has_flag(name, way, i))
                printf "    bool has_%s;\n", field[name, way, i]
            printf "    %s%s;\n", c_type(name, way, i), field[name, way, i]
        }
    }
    printf "};\n\n"
}

function is_own(name, way) {
    return has_fields(name, way) && !(fields[name, way] == 1 && (name, way) in shape_of)
}

function signature(name, kind,    args) {
    args = has_fields(name, ">") ? "const " args_type(name) " *args" : ""
    if (kind == "alone")
        return "PGresult *sql_" name "(PGconn *pq" (args != "" ? ", " : "") args ")"
    if (kind == "add")
        return "void sql_" name "_add(struct pg_job *job" (args != "" ? ", " : "") args ")"
    if (kind == "send")
        return "void sql_" name "(struct pg_pool *pg, " args (args != "" ? ", " : "") \
            "pg_on_done *on_done, void *ctx)"
    return row_type(name) " sql_" name "_row(const PGresult *res, int row)"
}

function put_header(    i, name, guard) {
    guard = "FG_" toupper(service) "_SQL_STATEMENTS_H"
    gsub(/-/, "_", guard)
    printf "/* Made of %s/sql/statements/ by infra/statements.awk. */\n", service
    printf "#ifndef %s\n#define %s\n\n#include \"pg/pg_pool.h\"\n", guard, guard
    for (i = 1; i <= headers_len; i++)
        printf "#include \"%s\"\n", headers[i]
    printf "\nenum statement {\n"
    for (i = 1; i <= statements; i++)
        if (!alone[order[i]])
            printf "    SQL_%s,\n", toupper(order[i])
    printf "    SQL_STATEMENTS,\n};\n\n"
    for (i = 1; i <= shapes_len; i++) {
        name = shapes[i]
        if (has_fields(name, ">"))
            put_struct(name, ">", "struct sql_" name "_args")
        if (has_fields(name, "<")) {
            put_struct(name, "<", "struct sql_" name "_row")
            print "struct sql_" name "_row sql_" name "_row(const PGresult *res, int row);\n"
        }
    }
    for (i = 1; i <= statements; i++) {
        name = order[i]
        printf "/* %s */\n", place[name]
        if (is_own(name, ">"))
            put_struct(name, ">", args_type(name))
        if (is_own(name, "<"))
            put_struct(name, "<", row_type(name))
        if (alone[name]) {
            print signature(name, "alone") ";"
        } else {
            print signature(name, "add") ";"
            print signature(name, "send") ";"
        }
        if (is_own(name, "<"))
            print signature(name, "row") ";"
        print ""
    }
    print "#endif"
}

# ---- part=c ----

function put_words(name, from, args,    i, expr, fmt) {
    for (i = 1; i <= fields[name, ">"]; i++) {
        if (field[name, ">", i] ~ /\.\*$/) {
            put_words(shape_of[name, ">"], from, args shape_of[name, ">"] ".")
            continue
        }
        expr = args field[name, ">", i]
        if (is_word(name, ">", i)) {
            words[++words_len] = option[name, ">", i, "enum"] "_name(" expr ")"
            continue
        }
        if (is_text(name, ">", i)) {
            if (!((name, ">", i, "null") in option))
                asserts = asserts "    assert(" expr " != NULL);\n"
            words[++words_len] = expr
            continue
        }
        if (type[name, ">", i] == "boolean")
            words[++words_len] = "(" expr " ? \"true\" : \"false\")"
        else
            words[++words_len] = sprintf("pg_%s_text(&numbers[%d], (%s64_t)%s)", \
                (name, ">", i, "signed") in option ? "i64" : "u64", numbers_len++, \
                (name, ">", i, "signed") in option ? "int" : "uint", expr)
        if (has_flag(name, ">", i))
            words[words_len] = args "has_" field[name, ">", i] " ? " words[words_len] " : NULL"
    }
}

function put_params(name,    i, prefix) {
    words_len = numbers_len = 0
    asserts = ""
    # A shape alone is the arguments themselves.
    if (!is_own(name, ">") && has_fields(name, ">"))
        put_words(shape_of[name, ">"], "", "args->")
    else
        put_words(name, "", "args->")
    printf "%s", asserts
    if (numbers_len > 0)
        printf "    struct pg_number numbers[%d];\n", numbers_len
    printf "    const char *const params[] = {\n"
    for (i = 1; i <= words_len; i++)
        printf "        %s,\n", words[i]
    printf "    };\n"
}

function put_row(name, tag,    i, col, read, first) {
    printf "%s sql_%s_row(const PGresult *res, int row)\n{\n", tag, name
    printf "    return (%s){\n", tag
    first = shape_len(name, "<")
    if (first > 0)
        printf "        .%s = sql_%s_row(res, row),\n", shape_of[name, "<"], shape_of[name, "<"]
    col = first
    for (i = first > 0 ? 2 : 1; i <= fields[name, "<"]; i++) {
        if (is_word(name, "<", i))
            read = option[name, "<", i, "enum"] "_parse(pg_text(res, row, " col "))"
        else if (is_text(name, "<", i))
            read = "pg_text(res, row, " col ")"
        else if (type[name, "<", i] == "boolean")
            read = "pg_bool(res, row, " col ")"
        else
            read = "(" substr(c_type(name, "<", i), 1, length(c_type(name, "<", i)) - 1) ")" \
                ((name, "<", i, "signed") in option ? "pg_i64" : "pg_u64") "(res, row, " col ")"
        if (has_flag(name, "<", i)) {
            printf "        .has_%s = !pg_null(res, row, %d),\n", field[name, "<", i], col
            read = "pg_null(res, row, " col ") ? 0 : " read
        }
        printf "        .%s = %s,\n", field[name, "<", i], read
        col++
    }
    printf "    };\n}\n\n"
}

function put_functions(    i, name, value) {
    for (i = 1; i <= constants_len; i++)
        if (constant[constants[i]] !~ /^'/)
            printf "static_assert((int)%s == %s, \"sql/statements says otherwise\");\n", \
                constants[i], constant[constants[i]]
    print ""
    for (i = 1; i <= shapes_len; i++)
        if (has_fields(shapes[i], "<"))
            put_row(shapes[i], "struct sql_" shapes[i] "_row")
    for (i = 1; i <= statements; i++) {
        name = order[i]
        if (is_own(name, "<"))
            put_row(name, row_type(name))
        print signature(name, alone[name] ? "alone" : "add") "\n{"
        if (has_fields(name, ">"))
            put_params(name)
        else
            words_len = 0
        if (alone[name]) {
            printf "    return PQexecParams(pq, %s, %d, NULL, %s, NULL, NULL, 0);\n}\n\n", \
                c_string(text_of[name]), words_len, (words_len > 0 ? "params" : "NULL")
            continue
        }
        printf "    pg_job_add(job, SQL_%s, %d, %s);\n}\n\n", toupper(name), words_len, \
            (words_len > 0 ? "params" : "NULL")
        print signature(name, "send") "\n{"
        if (has_fields(name, ">")) {
            put_params(name)
            printf "    pg_pool_query(pg, SQL_%s, %d, params, on_done, ctx);\n}\n\n", \
                toupper(name), words_len
        } else
            printf "    pg_pool_query(pg, SQL_%s, 0, NULL, on_done, ctx);\n}\n\n", toupper(name)
    }
}

# ---- part=table, part=test ----

function c_string(text,    i, c, out) {
    out = ""
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        out = out (c == "\n" ? "\\n\"\n    \"" : c == "\"" || c == "\\" ? "\\" c : c)
    }
    return "\"" out "\""
}

function put_table(    i) {
    for (i = 1; i <= statements; i++)
        if (!alone[order[i]])
            printf "[SQL_%s] = {\"%s\",\n    %s},\n", toupper(order[i]), order[i], \
                c_string(text_of[order[i]])
}

function types_of(name, way,    i, list) {
    list = ""
    for (i = 1; i <= fields[name, way]; i++) {
        if (field[name, way, i] ~ /\.\*$/)
            list = list (list != "" ? ", " : "") types_of(shape_of[name, way], way)
        else
            list = list (list != "" ? ", " : "") (way == "<" ? field[name, way, i] " " : "") \
                sql_type(name, way, i)
    }
    return list
}

function put_list(    i, text) {
    for (i = 1; i <= statements; i++) {
        text = text_of[order[i]]
        gsub(/[ \n\t]+/, " ", text)
        printf "%s\t%s\t%s\n", order[i], types_of(order[i], ">"), text
    }
}

function put_test(    i, name) {
    for (i = 1; i <= statements; i++) {
        name = order[i]
        if (!alone[name])
            printf "STATEMENT(SQL_%s, \"%s\", \"%s\")\n", toupper(name), types_of(name, ">"), \
                types_of(name, "<")
    }
    for (i = 1; i <= constants_len; i++) {
        name = constants[i]
        if (constant[name] ~ /^'/)
            printf "WORD(%s, %s)\n", c_string(substr(constant[name], 2, length(constant[name]) - 2)), \
                constant_namer[name] != "" ? constant_namer[name] "(" name ")" : name
    }
}

# ---- a connection of pg.h ----

# An argument "rows.seq" is a column of a list: C has a struct of one element, with a field for each
# column, and the statement takes an array for each.
function list_of(name, way, n,    dot) {
    dot = index(field[name, way, n], ".")
    return dot == 0 || field[name, way, n] ~ /\.\*$/ ? "" : substr(field[name, way, n], 1, dot - 1)
}

function element_of(name, way, n) {
    return substr(field[name, way, n], index(field[name, way, n], ".") + 1)
}

function sql_type(name, way, n) {
    return type[name, way, n] (list_of(name, way, n) != "" ? "[]" : "")
}

# An argument that is an array by itself: its elements, and how many.
function is_array(name, way, n) {
    return type[name, way, n] ~ /\[\]$/
}

function base_type(name, way, n,    sql) {
    sql = type[name, way, n]
    sub(/\[\]$/, "", sql)
    return sql
}

function link_type(name, way, n,    sql, sign) {
    sql = base_type(name, way, n)
    sign = (name, way, n, "signed") in option ? "int" : "uint"
    if ((name, way, n, "enum") in option)
        return "enum " option[name, way, n, "enum"] " "
    if (sql == "text" || sql == "bytea")
        return "struct span "
    if (sql == "timestamptz")
        return "uint64_t "
    if (sql == "bigint")
        return sign "64_t "
    if (sql == "integer")
        return sign "32_t "
    if (sql == "smallint")
        return sign "16_t "
    if (sql == "boolean")
        return "bool "
    fail("the type `" sql "` is not known to a connection of pg.h")
}

function link_name(name, way, n) {
    return element_of(name, way, n) (type[name, way, n] == "timestamptz" ? "_ms" : "")
}

function link_is_span(name, way, n) {
    return link_type(name, way, n) == "struct span "
}

function link_flag(name, way, n) {
    return (name, way, n, "null") in option && !link_is_span(name, way, n)
}

function link_field(name, way, n) {
    if (link_flag(name, way, n))
        printf "    bool has_%s;\n", element_of(name, way, n)
    if (is_array(name, way, n))
        printf "    const %s*%s;\n    uint32_t %s_len;\n", link_type(name, way, n), \
            link_name(name, way, n), link_name(name, way, n)
    else
        printf "    %s%s;\n", link_type(name, way, n), link_name(name, way, n)
}

function link_list_struct(name, n,    i, list) {
    list = list_of(name, ">", n)
    printf "struct sql_%s_%s {\n", name, list
    for (i = n; i <= fields[name, ">"] && list_of(name, ">", i) == list; i++)
        link_field(name, ">", i)
    printf "};\n\n"
}

# The first column of a list, as they are listed.
function link_opens(name, n) {
    return list_of(name, ">", n) != "" && (n == 1 || list_of(name, ">", n - 1) != list_of(name, ">", n))
}

function link_struct(name, way, tag,    i) {
    for (i = 1; way == ">" && i <= fields[name, way]; i++)
        if (link_opens(name, i))
            link_list_struct(name, i)
    printf "%s {\n", tag
    for (i = 1; i <= fields[name, way]; i++) {
        if (field[name, way, i] ~ /\.\*$/)
            printf "    struct sql_%s_%s %s;\n", shape_of[name, way], way == ">" ? "args" : "row", \
                shape_of[name, way]
        else if (list_of(name, way, i) == "")
            link_field(name, way, i)
        else if (link_opens(name, i))
            printf "    const struct sql_%s_%s *%s;\n    uint32_t %s_len;\n", name, \
                list_of(name, way, i), list_of(name, way, i), list_of(name, way, i)
    }
    printf "};\n\n"
}

# With lists the arguments lie in memory of the caller's.
function link_has_lists(name,    i) {
    for (i = 1; i <= fields[name, ">"]; i++)
        if (list_of(name, ">", i) != "" || is_array(name, ">", i))
            return 1
    return (name, ">") in shape_of ? link_has_lists(shape_of[name, ">"]) : 0
}

function link_signature(name,    text) {
    text = "int sql_" name "(struct pg *pg"
    if (link_has_lists(name))
        text = text ", struct pg_args *bound"
    if (has_fields(name, ">"))
        text = text ", const " args_type(name) " *args"
    if (copies[name])
        return text ", int (*on_row)(void *ctx, struct span row), void *ctx, struct err_slot *err)"
    if (prepared[name])
        return text ", struct err_slot *err)"
    return text ", struct err_slot *err, " (has_fields(name, "<") ? "PGresult **out)" : "uint64_t *rows)")
}

function link_reader(name) {
    if (copies[name])
        return "bool sql_" name "_row(struct span bytes, " row_type(name) " *row)"
    return row_type(name) " sql_" name "_row(const PGresult *res, int row)"
}

function link_header(    i, name, guard) {
    guard = "FG_" toupper(service) "_SQL_STATEMENTS_H"
    gsub(/-/, "_", guard)
    printf "/* Made of %s/sql/statements/ by infra/statements.awk. */\n", service
    printf "#ifndef %s\n#define %s\n\n#include \"pg/pg.h\"\n\n", guard, guard
    for (i = 1; i <= headers_len; i++)
        printf "#include \"%s\"\n", headers[i]
    for (i = 1; i <= shapes_len; i++)
        if (has_fields(shapes[i], ">"))
            link_struct(shapes[i], ">", "struct sql_" shapes[i] "_args")
    for (i = 1; i <= statements; i++) {
        name = order[i]
        printf "/* %s */\n", place[name]
        if (is_own(name, ">"))
            link_struct(name, ">", args_type(name))
        if (has_fields(name, "<")) {
            link_struct(name, "<", row_type(name))
            print link_reader(name) ";"
        }
        print link_signature(name) ";\n"
    }
    print "/* On each connection, once. */"
    print "int sql_prepare(struct pg *pg, struct err_slot *err);\n\n#endif"
}

function link_kind(name, n,    sql) {
    sql = base_type(name, ">", n)
    return sql == "bigint" ? "i64" : sql == "integer" ? "i32" : sql == "smallint" ? "i16" : \
        sql == "timestamptz" ? "time" : sql == "boolean" ? "bool" : sql
}

function link_value(name, n, from,    kind) {
    kind = link_kind(name, n)
    if (kind ~ /^i/)
        return "(int" substr(kind, 2) "_t)" from
    return from
}

function link_bind_array(name, n, of,    put) {
    put = (link_is_span(name, ">", n) ? "bytes" : link_kind(name, n)) \
        "(bound, " link_value(name, n, of "[i]") ")"
    printf "    pg_array_open(bound, PG_ARRAY_%s, %s_len);\n", toupper(link_kind(name, n)), of
    printf "    for (uint32_t i = 0; i < %s_len; i++)\n        pg_array_%s;\n", of, put
    printf "    pg_array_close(bound);\n"
}

function link_bind_list(name, n, at,    i, list, kind, from, put) {
    list = list_of(name, ">", n)
    for (i = n; i <= fields[name, ">"] && list_of(name, ">", i) == list; i++) {
        kind = link_kind(name, i)
        from = at list "[i]."
        put = (link_is_span(name, ">", i) ? "pg_array_bytes" : "pg_array_" kind) \
            "(bound, " link_value(name, i, from link_name(name, ">", i)) ")"
        if ((name, ">", i, "null") in option)
            put = from (link_is_span(name, ">", i) ? link_name(name, ">", i) ".ptr != NULL" : \
                "has_" element_of(name, ">", i)) " ? " put " : pg_array_null(bound)"
        printf "    pg_array_open(bound, PG_ARRAY_%s, %s%s_len);\n", toupper(kind), at, list
        printf "    for (uint32_t i = 0; i < %s%s_len; i++)\n        %s;\n", at, list, put
        printf "    pg_array_close(bound);\n"
    }
}

function link_bind(name, at,    i, kind) {
    for (i = 1; i <= fields[name, ">"]; i++) {
        if (field[name, ">", i] ~ /\.\*$/) {
            link_bind(shape_of[name, ">"], is_own(name, ">") ? at shape_of[name, ">"] "." : at)
        } else if (list_of(name, ">", i) != "") {
            if (link_opens(name, i))
                link_bind_list(name, i, at)
        } else if (is_array(name, ">", i)) {
            link_bind_array(name, i, at link_name(name, ">", i))
        } else {
            kind = link_kind(name, i)
            if (kind == "i16" || kind == "time" || link_flag(name, ">", i))
                fail(name ": pg_args.h has no single " type[name, ">", i] " of that kind")
            printf "    pg_arg_%s%s(bound, %s);\n", kind, (name, ">", i, "borrow") in option ? "_borrow" : "", \
                link_value(name, i, at link_name(name, ">", i))
        }
    }
}

function link_read(name,    i, read, kind) {
    print link_reader(name) "\n{\n    return (" row_type(name) "){"
    for (i = 1; i <= fields[name, "<"]; i++) {
        kind = type[name, "<", i]
        if (link_is_span(name, "<", i))
            read = "pg_text(res, row, " i - 1 ")"
        else if (kind == "boolean")
            read = "pg_bool(res, row, " i - 1 ")"
        else if (kind == "timestamptz")
            read = "pg_time_ms(pg_i64(res, row, " i - 1 "))"
        else if (kind == "bigint" || kind == "integer")
            read = "(" substr(link_type(name, "<", i), 1, length(link_type(name, "<", i)) - 1) ")" \
                (kind == "bigint" ? "pg_i64" : "pg_i32") "(res, row, " i - 1 ")"
        else
            fail(name ": pg_value.h reads no " kind)
        if (link_flag(name, "<", i)) {
            printf "        .has_%s = !pg_null(res, row, %d),\n", field[name, "<", i], i - 1
            read = "pg_null(res, row, " i - 1 ") ? 0 : " read
        }
        printf "        .%s = %s,\n", link_name(name, "<", i), read
    }
    printf "    };\n}\n\n"
}

# Numbers are looked at by their lengths before they are read: a row came off a wire.
function link_read_copy(name,    i, kind, wide) {
    wide["bigint"] = wide["timestamptz"] = 8
    wide["integer"] = 4
    wide["smallint"] = 2
    print link_reader(name) "\n{"
    for (i = 1; i <= fields[name, "<"]; i++) {
        kind = type[name, "<", i]
        if (link_is_span(name, "<", i)) {
            printf "    if (!pg_field(&bytes, &row->%s))\n        return false;\n", field[name, "<", i]
            continue
        }
        if (!(kind in wide))
            fail(name ": a copy reads no " kind)
        printf "    struct span %s;\n", field[name, "<", i]
        printf "    if (!pg_field(&bytes, &%s) || %s.len != %d)\n        return false;\n", \
            field[name, "<", i], field[name, "<", i], wide[kind]
        printf "    row->%s = %s(pg_field_int(%s));\n", link_name(name, "<", i), \
            kind == "timestamptz" ? "pg_time_ms" : "(" substr(link_type(name, "<", i), 1, \
            length(link_type(name, "<", i)) - 1) ")", field[name, "<", i]
    }
    printf "    return true;\n}\n\n"
}

# COPY takes no parameters; numbers cannot carry anything but themselves.
function text_to_copy(text) {
    if (text ~ /%/)
        fail(current " is a copy, so it cannot have a %")
    copying = 1
    copy_words[current] = ""
    text = "COPY (" expand(text, 0) ") TO STDOUT (FORMAT binary)"
    copying = 0
    return text
}

function copied(name) {
    if (type[current, ">", number[current, name]] !~ /^(bigint|integer)$/)
        fail(current " is a copy, so its arguments are numbers")
    copy_words[current] = copy_words[current] ", (long long)args->" name
    return "%lld"
}

function link_body(name,    args) {
    if (copies[name]) {
        printf "    char sql[%d];\n", length(copy_text[name]) + 256
        printf "    int len = snprintf(sql, sizeof(sql), %s%s);\n", c_string(copy_text[name]), copy_words[name]
        printf "    assert(len > 0 && (size_t)len < sizeof(sql));\n    (void)len;\n"
        printf "    return pg_copy(pg, sql, on_row, ctx, err);\n"
        return
    }
    args = has_fields(name, ">") ? (link_has_lists(name) ? "bound" : "&own") : "NULL"
    if (args == "&own")
        printf "    uint8_t memory[1024];\n    struct pg_args own, *bound = &own;\n    pg_args_init(bound, memory, sizeof(memory));\n"
    link_bind(name, "args->")
    if (prepared[name])
        printf "    return pg_pipeline_add(pg, \"%s\", %s, err);\n", name, args
    else
        printf "    return %s(pg, %s, %s, err, %s);\n", has_fields(name, "<") ? "pg_query" : "pg_change", \
            c_string(text_of[name]), args, has_fields(name, "<") ? "out" : "rows"
}

function link_functions(    i, name) {
    for (i = 1; i <= statements; i++) {
        name = order[i]
        if (has_fields(name, "<") && copies[name])
            link_read_copy(name)
        else if (has_fields(name, "<"))
            link_read(name)
        print link_signature(name) "\n{"
        link_body(name)
        print "}\n"
    }
    print "int sql_prepare(struct pg *pg, struct err_slot *err)\n{\n    int rc = 0;"
    for (i = 1; i <= statements; i++)
        if (prepared[order[i]])
            printf "    if (rc == 0)\n        rc = pg_prepare(pg, \"%s\", %s, err);\n", order[i], \
                c_string(text_of[order[i]])
    print "    return rc;\n}"
}

function link_test(    i, name) {
    for (i = 1; i <= statements; i++) {
        name = order[i]
        printf "STATEMENT(\"%s\", %s, \"%s\", \"%s\")\n", name, c_string(text_of[name]), \
            types_of(name, ">"), types_of(name, "<")
    }
}

# ---- all of it ----

# Arguments are numbered as they are listed, those of a shape first.
function count_arguments(name,    i, shape, n) {
    n = 0
    if ((name, ">") in shape_of) {
        shape = shape_of[name, ">"]
        for (i = 1; i <= fields[shape, ">"]; i++) {
            number[name, field[shape, ">", i]] = ++n
            argument_type[name, field[shape, ">", i]] = sql_type(shape, ">", i)
        }
    }
    for (i = n > 0 ? 2 : 1; i <= fields[name, ">"]; i++) {
        number[name, field[name, ">", i]] = ++n
        argument_type[name, field[name, ">", i]] = sql_type(name, ">", i)
    }
}

function take_text(name,    text, key, parts) {
    current = name
    where = place[name]
    flatten(name, ">")
    flatten(name, "<")
    count_arguments(name)
    text = body["statement", name]
    if (text !~ /;\n$/)
        fail(name " does not end with a semicolon")
    sub(/;\n$/, "", text)
    text_of[name] = expand(text, 0)
    if (copies[name])
        copy_text[name] = text_to_copy(text)
    for (key in number) {
        split(key, parts, SUBSEP)
        if (parts[1] == name && !(key in used))
            fail(name " does not use its argument " parts[2])
    }
}

END {
    if (failed)
        exit 1
    for (i = 1; i <= statements; i++)
        take_text(order[i])
    where = ""
    if (part == "list")
        put_list()
    else if (blocking && part == "h")
        link_header()
    else if (blocking && part == "c")
        link_functions()
    else if (blocking && part == "test")
        link_test()
    else if (blocking && part == "table")
        exit 0
    else if (part == "h")
        put_header()
    else if (part == "c")
        put_functions()
    else if (part == "table")
        put_table()
    else if (part == "test")
        put_test()
    else
        fail("part=" part "?")
}

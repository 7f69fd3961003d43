/* script.c: see script.h. Replies of commands become Lua values, and a script's return value
 * becomes a reply, by the rules of Redis's manual: nil is false, a status or an error is a table, a
 * returned number loses its fraction, an array ends at its first nil. A number passed to a command
 * is written with 17 digits. */
#include "redis-model/script.h"

#include "redis-model/command.h"

#include <assert.h>
#include <lua5.1/lauxlib.h>
#include <lua5.1/lua-bitop.h>
#include <lua5.1/lua-cjson.h>
#include <lua5.1/lua.h>
#include <lua5.1/lualib.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 4096 };

struct scripts {
    lua_State *lua;
    const struct script_host *host; /* of the running script */
    bool has_written;
};

static struct scripts *of_state(lua_State *lua)
{
    lua_getfield(lua, LUA_REGISTRYINDEX, "scripts");
    struct scripts *scripts = lua_touserdata(lua, -1);
    lua_pop(lua, 1);
    return scripts;
}

static void sha_of(struct span text, char out[SCRIPT_SHA_LEN + 1])
{
    unsigned char digest[SHA_DIGEST_LENGTH];
    SHA1((const unsigned char *)text.ptr, text.len, digest);
    for (int i = 0; i < SHA_DIGEST_LENGTH; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

/* ---- a reply becomes a value ---- */

static const char *push_reply(lua_State *lua, const char *at);

static const char *push_table_of(lua_State *lua, const char *name, const char *at)
{
    const char *end = strstr(at, "\r\n");
    lua_newtable(lua);
    lua_pushlstring(lua, at, (size_t)(end - at));
    lua_setfield(lua, -2, name);
    return end + 2;
}

static const char *push_array(lua_State *lua, const char *at)
{
    char *end;
    long len = strtol(at, &end, 10);
    at = end + 2;
    lua_createtable(lua, (int)len, 0);
    for (long i = 1; i <= len; i++) {
        at = push_reply(lua, at);
        lua_rawseti(lua, -2, (int)i);
    }
    return at;
}

static const char *push_bulk(lua_State *lua, const char *at)
{
    char *end;
    long len = strtol(at, &end, 10);
    if (len < 0) {
        lua_pushboolean(lua, 0);
        return end + 2;
    }
    lua_pushlstring(lua, end + 2, (size_t)len);
    return end + 2 + len + 2;
}

static const char *push_reply(lua_State *lua, const char *at)
{
    char *end;
    luaL_checkstack(lua, 4, "replies");
    switch (*at++) {
    case '+':
        return push_table_of(lua, "ok", at);
    case '-':
        return push_table_of(lua, "err", at);
    case ':':
        lua_pushnumber(lua, (lua_Number)strtoll(at, &end, 10));
        return end + 2;
    case '*':
        return push_array(lua, at);
    default:
        return push_bulk(lua, at);
    }
}

/* ---- what scripts call ---- */

static struct span word_of(lua_State *lua, int at, char memory[64])
{
    size_t len;
    if (lua_type(lua, at) == LUA_TNUMBER) {
        int got = snprintf(memory, 64, "%.17g", (double)lua_tonumber(lua, at));
        return (struct span){memory, (size_t)got};
    }
    if (lua_type(lua, at) != LUA_TSTRING)
        luaL_error(lua, "ERR Lua redis lib command arguments must be strings or integers");
    const char *text = lua_tolstring(lua, at, &len);
    return (struct span){text, len};
}

static void do_command(struct scripts *scripts, const struct span *words, size_t len,
                       struct bytes *out)
{
    const struct script_host *host = scripts->host;
    int kind = command_kind(words[0]);
    if (kind > 0 && (kind & COMMAND_GROWS) != 0 && host->full && !scripts->has_written) {
        reply_error(out, "OOM command not allowed when used memory > 'maxmemory'.");
        return;
    }
    command_do(host->keyspace, host->now_us, words, len, out);
    if (kind <= 0 || (kind & COMMAND_WRITES) == 0 || out->ptr[0] == '-')
        return;
    scripts->has_written = true;
    if (host->on_write != NULL)
        host->on_write(host->ctx, words, len);
}

static int redis_call(lua_State *lua)
{
    static struct span words[WORDS_MAX];
    static char memory[WORDS_MAX][64];
    static struct bytes reply;
    int len = lua_gettop(lua);
    luaL_argcheck(lua, len > 0 && len <= WORDS_MAX, 1, "so many words");
    for (int i = 0; i < len; i++)
        words[i] = word_of(lua, i + 1, memory[i]);
    reply.len = 0;
    do_command(of_state(lua), words, (size_t)len, &reply);
    bytes_put(&reply, "", 1);
    (void)push_reply(lua, reply.ptr);
    if (reply.ptr[0] == '-')
        return lua_error(lua);
    return 1;
}

static int redis_sha1hex(lua_State *lua)
{
    char sha[SCRIPT_SHA_LEN + 1];
    struct span text;
    text.ptr = luaL_checklstring(lua, 1, &text.len);
    sha_of(text, sha);
    lua_pushstring(lua, sha);
    return 1;
}

static const luaL_Reg redis_library[] = {
    {"call", redis_call}, {"sha1hex", redis_sha1hex}, {NULL, NULL}};

/* ---- scripts ---- */

static void open_lua(struct scripts *scripts)
{
    lua_State *lua = scripts->lua = luaL_newstate();
    assert(lua != NULL);
    luaL_openlibs(lua);
    lua_getglobal(lua, "require");
    lua_pushliteral(lua, "mpack"); /* packs arrays into the same bytes as cmsgpack */
    lua_call(lua, 1, 1);
    lua_setglobal(lua, "cmsgpack");
    static const char *const gone[] = {"os", "io", "loadfile", "dofile", "require", "print"};
    for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++) {
        lua_pushnil(lua);
        lua_setglobal(lua, gone[i]);
    }
    luaL_register(lua, "redis", redis_library);
    (void)luaopen_bit(lua);
    lua_setglobal(lua, "bit");
    (void)luaopen_cjson(lua);
    lua_setglobal(lua, "cjson");
    lua_settop(lua, 0);
    lua_pushlightuserdata(lua, scripts);
    lua_setfield(lua, LUA_REGISTRYINDEX, "scripts");
    lua_newtable(lua); /* functions by their sha */
    lua_setfield(lua, LUA_REGISTRYINDEX, "loaded");
}

struct scripts *scripts_make(void)
{
    struct scripts *scripts = calloc(1, sizeof(*scripts));
    assert(scripts != NULL);
    open_lua(scripts);
    return scripts;
}

void scripts_free(struct scripts *scripts)
{
    lua_close(scripts->lua);
    free(scripts);
}

void scripts_flush(struct scripts *scripts)
{
    lua_close(scripts->lua);
    open_lua(scripts);
}

static bool find_loaded(lua_State *lua, const char *sha)
{
    lua_getfield(lua, LUA_REGISTRYINDEX, "loaded");
    lua_getfield(lua, -1, sha);
    lua_remove(lua, -2);
    if (lua_isfunction(lua, -1))
        return true;
    lua_pop(lua, 1);
    return false;
}

static void put_line(struct bytes *out, const char *before, const char *text)
{
    bytes_put(out, before, strlen(before));
    for (; *text != '\0' && *text != '\r' && *text != '\n'; text++)
        bytes_put(out, text, 1);
    bytes_put(out, "\r\n", 2);
}

bool scripts_load(struct scripts *scripts, struct span text, char sha[SCRIPT_SHA_LEN + 1],
                  struct bytes *out)
{
    lua_State *lua = scripts->lua;
    sha_of(text, sha);
    if (find_loaded(lua, sha)) {
        lua_pop(lua, 1);
        return true;
    }
    if (luaL_loadbuffer(lua, text.ptr, text.len, "@user_script") != 0) {
        put_line(out, "-ERR Error compiling script: ", lua_tostring(lua, -1));
        lua_pop(lua, 1);
        return false;
    }
    lua_getfield(lua, LUA_REGISTRYINDEX, "loaded");
    lua_pushvalue(lua, -2);
    lua_setfield(lua, -2, sha);
    lua_pop(lua, 2);
    return true;
}

static void set_words(lua_State *lua, const char *name, const struct span *words, size_t len)
{
    lua_createtable(lua, (int)len, 0);
    for (size_t i = 0; i < len; i++) {
        lua_pushlstring(lua, words[i].ptr, words[i].len);
        lua_rawseti(lua, -2, (int)(i + 1));
    }
    lua_setglobal(lua, name);
}

/* ---- a value becomes a reply ---- */

static void put_value(lua_State *lua, struct bytes *out);

static void put_array(lua_State *lua, struct bytes *out)
{
    int len = 0;
    for (;; len++) {
        lua_rawgeti(lua, -1, len + 1);
        bool ends = lua_isnil(lua, -1);
        lua_pop(lua, 1);
        if (ends)
            break;
    }
    reply_array(out, (size_t)len);
    for (int i = 1; i <= len; i++) {
        lua_rawgeti(lua, -1, i);
        put_value(lua, out);
        lua_pop(lua, 1);
    }
}

static bool put_named(lua_State *lua, const char *name, const char *sign, struct bytes *out)
{
    lua_getfield(lua, -1, name);
    bool has = lua_type(lua, -1) == LUA_TSTRING;
    if (has)
        put_line(out, sign, lua_tostring(lua, -1));
    lua_pop(lua, 1);
    return has;
}

static void put_value(lua_State *lua, struct bytes *out)
{
    size_t len;
    luaL_checkstack(lua, 4, "replies");
    switch (lua_type(lua, -1)) {
    case LUA_TSTRING: {
        const char *text = lua_tolstring(lua, -1, &len);
        reply_bulk(out, (struct span){text, len});
        return;
    }
    case LUA_TNUMBER:
        reply_integer(out, (int64_t)lua_tonumber(lua, -1));
        return;
    case LUA_TBOOLEAN:
        if (lua_toboolean(lua, -1))
            reply_integer(out, 1);
        else
            reply_null(out);
        return;
    case LUA_TTABLE:
        if (!put_named(lua, "err", "-", out) && !put_named(lua, "ok", "+", out))
            put_array(lua, out);
        return;
    default:
        reply_null(out);
    }
}

static void put_failure(lua_State *lua, struct bytes *out)
{
    if (lua_istable(lua, -1) && put_named(lua, "err", "-", out))
        return;
    const char *text = lua_tostring(lua, -1);
    put_line(out, "-ERR ", text != NULL ? text : "of no kind");
}

static bool find_function(struct scripts *scripts, const struct span *words, struct bytes *out)
{
    char sha[SCRIPT_SHA_LEN + 1];
    if (span_eq_nocase(words[0], SPAN("EVAL"))) {
        if (!scripts_load(scripts, words[1], sha, out))
            return false;
    } else if (!span_to_cstr(words[1], sha, sizeof(sha))) {
        sha[0] = '\0';
    }
    if (find_loaded(scripts->lua, sha))
        return true;
    reply_error(out, "NOSCRIPT No matching script. Please use EVAL.");
    return false;
}

void scripts_eval(struct scripts *scripts, const struct script_host *host, const struct span *words,
                  size_t len, struct bytes *out)
{
    lua_State *lua = scripts->lua;
    uint64_t keys;
    if (len < 3 || !span_u64(words[2], len - 3, &keys)) {
        reply_error(out, "ERR Number of keys can't be greater than number of args");
        return;
    }
    if (!find_function(scripts, words, out))
        return;
    set_words(lua, "KEYS", words + 3, keys);
    set_words(lua, "ARGV", words + 3 + keys, len - 3 - keys);
    scripts->host = host;
    scripts->has_written = false;
    if (lua_pcall(lua, 0, 1, 0) != 0)
        put_failure(lua, out);
    else
        put_value(lua, out);
    lua_settop(lua, 0);
}

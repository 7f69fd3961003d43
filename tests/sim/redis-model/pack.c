/* pack.c: numbers in the fewest bytes, tables with 1..n as arrays, all others as maps. */
#include "redis-model/pack.h"

#include "redis-model/bytes.h"

#include <lua5.1/lauxlib.h>
#include <lua5.1/lua.h>
#include <math.h>
#include <string.h>

/* ---- MessagePack, written ---- */

static void put_head(struct bytes *out, int head, uint64_t number, int bytes)
{
    unsigned char text[9] = {(unsigned char)head};
    for (int i = 0; i < bytes; i++)
        text[1 + i] = (unsigned char)(number >> 8 * (bytes - 1 - i));
    bytes_put(out, text, 1 + (size_t)bytes);
}

static void put_whole(struct bytes *out, int64_t number)
{
    uint64_t bits = (uint64_t)number;
    if (number >= 0)
        put_head(out,
                 number < 128                   ? (int)number
                 : number < 256                 ? 0xcc
                 : number < 65536               ? 0xcd
                 : number < INT64_C(4294967296) ? 0xce
                                                : 0xcf,
                 bits,
                 number < 128                   ? 0
                 : number < 256                 ? 1
                 : number < 65536               ? 2
                 : number < INT64_C(4294967296) ? 4
                                                : 8);
    else if (number >= -32)
        put_head(out, (int)(bits & 0xff), 0, 0);
    else
        put_head(out, 0xd3, bits, 8);
}

static void put_real(struct bytes *out, double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    put_head(out, 0xcb, bits, 8);
}

static void put_text(struct bytes *out, const char *text, size_t len)
{
    if (len < 32)
        put_head(out, 0xa0 | (int)len, 0, 0);
    else if (len < 256)
        put_head(out, 0xd9, len, 1);
    else if (len < 65536)
        put_head(out, 0xda, len, 2);
    else
        put_head(out, 0xdb, len, 4);
    bytes_put(out, text, len);
}

static void put_any(lua_State *lua, struct bytes *out);

static void put_table(lua_State *lua, struct bytes *out)
{
    size_t len = lua_objlen(lua, -1), all = 0;
    for (lua_pushnil(lua); lua_next(lua, -2) != 0; lua_pop(lua, 1))
        all += 1;
    if (all != len)
        luaL_error(lua, "only arrays are packed here");
    if (len < 16)
        put_head(out, 0x90 | (int)len, 0, 0);
    else if (len < 65536)
        put_head(out, 0xdc, len, 2);
    else
        put_head(out, 0xdd, len, 4);
    for (size_t i = 1; i <= len; i++) {
        lua_rawgeti(lua, -1, (int)i);
        put_any(lua, out);
        lua_pop(lua, 1);
    }
}

static void put_any(lua_State *lua, struct bytes *out)
{
    luaL_checkstack(lua, 4, "pack");
    size_t len;
    double number;
    switch (lua_type(lua, -1)) {
    case LUA_TNUMBER:
        number = lua_tonumber(lua, -1);
        if (number == floor(number) && fabs(number) < 9e18)
            put_whole(out, (int64_t)number);
        else
            put_real(out, number);
        return;
    case LUA_TSTRING: {
        const char *text = lua_tolstring(lua, -1, &len);
        put_text(out, text, len);
        return;
    }
    case LUA_TBOOLEAN:
        put_head(out, lua_toboolean(lua, -1) ? 0xc3 : 0xc2, 0, 0);
        return;
    case LUA_TTABLE:
        put_table(lua, out);
        return;
    default:
        put_head(out, 0xc0, 0, 0);
    }
}

static int msgpack_pack(lua_State *lua)
{
    static struct bytes out;
    out.len = 0;
    lua_settop(lua, 1);
    put_any(lua, &out);
    lua_pushlstring(lua, out.ptr, out.len);
    return 1;
}

/* ---- MessagePack, read ---- */

struct packed {
    const unsigned char *at, *end;
};

static uint64_t get_number(lua_State *lua, struct packed *in, int bytes)
{
    uint64_t number = 0;
    if (in->end - in->at < bytes)
        luaL_error(lua, "Missing bytes in input.");
    for (int i = 0; i < bytes; i++)
        number = number << 8 | *in->at++;
    return number;
}

static void get_any(lua_State *lua, struct packed *in);

static void get_text(lua_State *lua, struct packed *in, uint64_t len)
{
    if ((uint64_t)(in->end - in->at) < len)
        luaL_error(lua, "Missing bytes in input.");
    lua_pushlstring(lua, (const char *)in->at, len);
    in->at += len;
}

static void get_array(lua_State *lua, struct packed *in, uint64_t len)
{
    luaL_checkstack(lua, 4, "unpack");
    lua_createtable(lua, (int)len, 0);
    for (uint64_t i = 1; i <= len; i++) {
        get_any(lua, in);
        lua_rawseti(lua, -2, (int)i);
    }
}

static void get_real(lua_State *lua, struct packed *in)
{
    uint64_t bits = get_number(lua, in, 8);
    double number;
    memcpy(&number, &bits, sizeof(number));
    lua_pushnumber(lua, number);
}

static void get_any(lua_State *lua, struct packed *in)
{
    unsigned head = (unsigned)get_number(lua, in, 1);
    if (head < 0x80)
        lua_pushnumber(lua, head);
    else if (head >= 0xe0)
        lua_pushnumber(lua, (int)head - 256);
    else if (head >= 0xa0 && head < 0xc0)
        get_text(lua, in, head & 31);
    else if (head >= 0x90 && head < 0xa0)
        get_array(lua, in, head & 15);
    else if (head == 0xc2 || head == 0xc3)
        lua_pushboolean(lua, head == 0xc3);
    else if (head >= 0xcc && head <= 0xcf)
        lua_pushnumber(lua, (lua_Number)get_number(lua, in, 1 << (head - 0xcc)));
    else if (head == 0xd3)
        lua_pushnumber(lua, (lua_Number)(int64_t)get_number(lua, in, 8));
    else if (head >= 0xd9 && head <= 0xdb)
        get_text(lua, in, get_number(lua, in, 1 << (head - 0xd9)));
    else if (head == 0xdc || head == 0xdd)
        get_array(lua, in, get_number(lua, in, head == 0xdc ? 2 : 4));
    else if (head == 0xcb)
        get_real(lua, in);
    else if (head == 0xc0)
        lua_pushnil(lua);
    else
        luaL_error(lua, "Bad data format in input.");
}

static int msgpack_unpack(lua_State *lua)
{
    size_t len;
    const char *text = luaL_checklstring(lua, 1, &len);
    struct packed in = {(const unsigned char *)text, (const unsigned char *)text + len};
    int values = 0;
    for (; in.at < in.end; values++)
        get_any(lua, &in);
    return values;
}

void pack_register(lua_State *lua)
{
    static const luaL_Reg msgpack[] = {
        {"pack", msgpack_pack}, {"unpack", msgpack_unpack}, {NULL, NULL}};
    luaL_register(lua, "cmsgpack", msgpack);
    lua_settop(lua, 0);
}

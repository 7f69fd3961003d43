/* pack.h: cmsgpack.pack and cmsgpack.unpack: the subset of MessagePack that the scripts store. */
#ifndef FG_SIM_REDIS_PACK_H
#define FG_SIM_REDIS_PACK_H

struct lua_State;

void pack_register(struct lua_State *lua);

#endif

// Exports all helpers of the black-box tests; the header of each file says what it is for.

export { codesOf, Contract, OF_ALL_SERVICES, openContract } from './contract.js';
export { letIn, runCrowd, targetsOf } from './crowd.js';
export { openForgetfulDisk, openSmallDisk } from './disk.js';
export { assertProblem, assertStatus, client, CookieJar, mangled, request } from './http.js';
export { makeKeyPair } from './key-pair.js';
export { freePort, freePortBase } from './ports.js';
export { postgresBin, psqlPath, startPostgres, startPostgresReplica } from './postgres.js';
export { openProxy } from './proxy.js';
export { crlf, openRaw, rawExchange } from './raw.js';
export { startRedis } from './redis.js';
export * from './redis-groups.js';
export { openClock } from './clock.js';
export { openCollector } from './collector.js';
export { openMemory } from './memory.js';
export { seededRng } from './rng.js';
export { openScope } from './scope.js';
export { serve, startNginx } from './serve.js';
export * from './service.js';
export { openStream } from './sse.js';
export { buildWithLimits, fakeBuild, openStack, partOfBuild, processAlive } from './stack.js';
export { assertKept, assertPrompt, delay, until, within } from './wait.js';

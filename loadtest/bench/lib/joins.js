// Joins without a front, and what they cost Redis.

import { ask, scriptText } from '../../../tests/lib-js/wire.js';
import { SERVER_CORE } from './front.js';
import { runPinned } from './machine.js';

// Joins straight at Redis, `batch` of them in each call of the very script that fronts call, sent by
// redis-benchmark, 32 calls in flight if a call is one join. Keys are of its own making, as numbers of
// which the first eight digits choose one of as many buckets as the script has. redis-benchmark seeds
// its numbers with time XOR pid, so that two runs of one suite now and then draw the same ones, and
// nobody would get a place; hence the salt. With `addresses`, each join has one of that many.
const BUCKETS = 65_536 * 10_000;
const SCRIPT = scriptText('join');
const OUTCOMES = ['ok', 'same', 'unknown', 'wrong state', 'limited', 'not yet', 'expired', 'gone', 'conflict', 'heal'];
let salts = 0;

export async function joinDirectly(redis, { event, boot, joins: count, batch, addresses = false, script = SCRIPT }) {
  const sha = await redis.command('SCRIPT', 'LOAD', script);
  salts += 1;
  const words = (each) => [sha, '1', `fg:{${event}}:cfg`, boot,
    ...ask('join', { issued: '0', joins: String(each.length / 3), judged_by: '', shown: '0' }), ...each];
  const key = (number) => [number, `${salts.toString(36)}:${number}`, addresses ? number : ''];
  const before = await places(redis, event);
  await runPinned(SERVER_CORE, [
    'redis-benchmark', '-s', redis.socket, '-c', '1', '-P', batch === 1 ? '32' : '1', '-r', String(BUCKETS),
    '-n', String(Math.ceil(count / batch)), '-q',
    'EVALSHA', ...words(Array.from({ length: batch }, () => key('__rand_int__')).flat()),
  ]);
  const given = (await places(redis, event)) - before;
  if (given >= 0.99 * count) return;
  const [outcome] = await redis.command('EVALSHA', ...words(key('000000000000')));
  const why = outcome === 0 ? 'one more call is answered well: the keys had a place already'
    : `one more call is answered "${OUTCOMES[outcome] ?? outcome}"`;
  throw new Error(`not comparable: of ${count} joins of ${event} straight at Redis ${given} got a place; ${why}`);
}

export const places = async (redis, event) => Number(await redis.command('GET', `fg:{${event}}:seq`));

export async function redisCpuUs(redis) {
  const text = await redis.command('INFO', 'cpu');
  return ['user', 'sys'].reduce((sum, kind) =>
    sum + Number(new RegExp(`used_cpu_${kind}:([0-9.]+)`).exec(text)[1]) * 1e6, 0);
}

// Joins that are sent to Redis without a front, and their cost there.

import { ask, numbersOf, scriptText } from '../../../tests/lib-js/wire.js';
import { SERVER_CORE } from './front.js';
import { runPinned } from './machine.js';

// Sends joins straight to Redis with redis-benchmark: `batch` joins per call of the script that fronts call;
// 32 calls in flight if batch is 1. redis-benchmark generates the keys, numbers of twelve digits. It seeds them
// with time XOR pid, so two runs of a suite may draw the same keys, which would get no places; hence the salt.
// With `addresses`, each single join has one of 20,000 addresses: the first eight digits of the number.
const NUMBERS = 2_000_000_000;
const NUMBER = '__rand_int__';
const { KEY_BYTES } = numbersOf();
const SCRIPT = scriptText('join');
const OUTCOMES = ['ok', 'same', 'unknown', 'wrong state', 'limited', 'not yet', 'expired', 'gone', 'conflict', 'heal'];
let salts = 0;

export async function joinDirectly(redis, { event, boot, joins: count, batch, addresses = false }) {
  const sha = await redis.command('SCRIPT', 'LOAD', SCRIPT);
  salts += 1;
  const salt = salts.toString(36).padStart(KEY_BYTES - NUMBER.length, '-');
  const words = (number, many) => [sha, '1', `fg:{${event}}:cfg`, boot, ...ask('join', {
    issued: '0', joins: String(many), judged_by: '', shown: '0', keys: `${salt}${number}`.repeat(many),
    addresses: addresses ? number.repeat(many) : '',
  })];
  const before = await places(redis, event);
  await runPinned(SERVER_CORE, [
    'redis-benchmark', '-s', redis.socket, '-c', '1', '-P', batch === 1 ? '32' : '1', '-r', String(NUMBERS),
    '-n', String(Math.ceil(count / batch)), '-q',
    'EVALSHA', ...words(NUMBER, batch),
  ]);
  const given = (await places(redis, event)) - before;
  if (given >= 0.99 * count) return;
  const [outcome] = await redis.command('EVALSHA', ...words('0'.repeat(NUMBER.length), 1));
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

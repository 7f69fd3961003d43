// The Redis of tests/sim is a model. Here the model and a real Redis get the same random commands and scripts, and must give
// the same answers and have the same contents. FAIRGATE_SEED repeats a run.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { Duplex } from 'node:stream';
import test from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { Link, startRedis } from '../../lib-js/redis.js';
import { seededRng } from '../../lib-js/rng.js';
import { openScope } from '../../lib-js/scope.js';
import { programPath } from '../../lib-js/service.js';
import { Clockwork, Front, STATE } from './line.js';

const COMMANDS = Number(process.env.FAIRGATE_COMMANDS ?? 4000);
const STEPS = Number(process.env.FAIRGATE_STEPS ?? 300);
const scope = openScope(test);

// Stream ids contain each server's own clock; members of a set have no order.
function plain(value, words) {
  if (value instanceof Error) return `error ${value.message.split(' ')[0]}`;
  if (Array.isArray(value)) {
    const list = value.map((one) => plain(one, []));
    return ['SMEMBERS', 'HGETALL'].includes(words[0]) ? list.map(String).sort() : list;
  }
  return typeof value === 'string' ? value.replace(/\b\d{13}-\d+\b/g, 'id') : value;
}

class Both {
  constructor(real, model) {
    this.real = real;
    this.model = model;
  }

  async command(...words) {
    const [real, model] = await Promise.all([this.real, this.model].map((one) =>
      one.command(...words).catch((error) => error)));
    if (!isDeepStrictEqual(plain(real, words), plain(model, words)))
      assert.deepEqual(plain(model, words), plain(real, words), words.map(String).join(' ').slice(0, 200));
    if (real instanceof Error) throw real;
    return real;
  }

  // The contents are equal.
  async compare() {
    const reads = {
      string: (key) => ['GET', key], hash: (key) => ['HGETALL', key], set: (key) => ['SMEMBERS', key],
      zset: (key) => ['ZRANGE', key, 0, -1, 'WITHSCORES'], list: (key) => ['LRANGE', key, 0, -1],
      stream: (key) => ['XRANGE', key, '-', '+'],
    };
    const keys = await this.real.command('KEYS', '*');
    for (const key of keys) await this.command(...reads[await this.real.command('TYPE', key)](key));
    return keys.length;
  }
}
const real = await startRedis(scope);
const child = spawn(programPath('redis-model'), { stdio: ['pipe', 'pipe', 'inherit'] });
scope.defer(() => child.kill());
const pipes = Duplex.from({ readable: child.stdout, writable: child.stdin });
const link = new Link(pipes, () => {});
const both = new Both(real, { command: (...words) => link.command(words) });

// Keys of every kind, few of each, so that commands often meet the wrong kind.
function randomCommand(rng) {
  const key = () => rng.chance(0.05) ? rng.pick(['s1', 'h1', 'z1', 'm1', 'l1', 'x1']) : null;
  const of = (letter) => key() ?? `${letter}${rng.below(4)}`;
  const name = () => `n${rng.below(8)}`;
  const text = () => rng.pick(['', 'a', 'text', '0', '17', '-3', 'x'.repeat(rng.below(40))]);
  const number = () => rng.pick([0, 1, -1, 5, 100, 9007199254740991, 1.5]);
  const bound = () => rng.pick(['-inf', '+inf', '(1', '(5', 0, 1, 5, 100, 1.5]);
  const at = () => rng.between(-12, 40);
  return rng.pick([
    () => ['GET', of('s')], () => ['SET', of('s'), text()], () => ['SET', of('s'), text(), 'KEEPTTL'],
    () => ['SET', of('s'), text(), 'PX', 3_600_000], () => ['MGET', of('s'), of('s'), of('h')],
    () => ['MSET', of('s'), text(), of('s'), text()], () => ['GETRANGE', of('s'), at(), rng.between(-1, 40)],
    () => ['SETRANGE', of('s'), rng.below(30), text()], () => ['GETBIT', of('s'), rng.below(300)],
    () => ['SETBIT', of('s'), rng.below(300), rng.below(2)], () => ['BITCOUNT', of('s')],
    () => ['BITCOUNT', of('s'), at(), rng.between(-1, 40) * 8, 'BIT'],
    () => ['BITPOS', of('s'), rng.below(2), rng.below(50), 50 + rng.below(100), 'BIT'],
    () => ['BITOP', rng.pick(['AND', 'OR', 'XOR']), of('s'), of('s'), of('s')], () => ['BITOP', 'NOT', of('s'), of('s')],
    () => ['HGET', of('h'), name()], () => ['HSET', of('h'), name(), text(), name(), number()],
    () => ['HMGET', of('h'), name(), name()], () => ['HSETNX', of('h'), name(), text()],
    () => ['HINCRBY', of('h'), name(), rng.between(-5, 5)], () => ['HDEL', of('h'), name(), name()],
    () => ['HEXISTS', of('h'), name()], () => ['HLEN', of('h')], () => ['HGETALL', of('h')],
    () => ['ZADD', of('z'), number(), name(), number(), name()], () => ['ZADD', of('z'), 'NX', number(), name()],
    () => ['ZREM', of('z'), name(), name()], () => ['ZSCORE', of('z'), name()], () => ['ZCARD', of('z')],
    () => ['ZCOUNT', of('z'), bound(), bound()], () => ['ZRANGE', of('z'), at(), at()],
    () => ['ZRANGE', of('z'), at(), at(), 'WITHSCORES'], () => ['ZREVRANGE', of('z'), at(), at(), 'WITHSCORES'],
    () => ['ZRANGEBYSCORE', of('z'), bound(), bound(), 'LIMIT', rng.below(3), rng.below(4)],
    () => ['ZRANGEBYSCORE', of('z'), bound(), bound(), 'WITHSCORES', 'LIMIT', 0, 3],
    () => ['ZREVRANGEBYSCORE', of('z'), bound(), bound(), 'WITHSCORES'],
    () => ['ZREMRANGEBYSCORE', of('z'), bound(), bound()], () => ['ZREMRANGEBYRANK', of('z'), at(), at()],
    () => ['SADD', of('m'), name(), name()], () => ['SREM', of('m'), name()], () => ['SISMEMBER', of('m'), name()],
    () => ['SCARD', of('m')], () => ['SMEMBERS', of('m')], () => ['RPUSH', of('l'), text(), name()],
    () => ['LRANGE', of('l'), at(), at()], () => ['XADD', of('x'), '*', name(), text()],
    () => ['XADD', of('x'), 'MAXLEN', 3, '*', name(), text()], () => ['XADD', of('n'), `${rng.between(1, 50)}-0`, name(), text()], () => ['XTRIM', of('x'), 'MAXLEN', rng.below(5)],
    () => ['XRANGE', of('x'), '-', '+', 'COUNT', rng.between(1, 3)], () => ['XRANGE', of('x'), '(0-0', '+'],
    () => ['DEL', of('s'), of('h')], () => ['UNLINK', of('z')],
    () => ['EXISTS', of('l'), of('x')], () => ['PEXPIRE', of('s'), rng.pick([-1, 3_600_000])], () => ['PERSIST', of('s')],
  ])();
}

test('each command answers as the real one does, and keeps what it keeps', async (t) => {
  const rng = seededRng(t);
  for (let i = 0; i < COMMANDS; i += 1) await both.command(...randomCommand(rng)).catch((error) => {
    if (error instanceof assert.AssertionError) throw error;
  });
  assert.ok(await both.compare() > 10);
});

test('results of scripts are written as by the real Redis', async () => {
  const run = (text, ...args) => both.command('EVAL', text, 1, 'k', ...args).catch((error) => {
    if (error instanceof assert.AssertionError) throw error;
  });
  for (const text of [
    'return 3.99', 'return -3.99', 'return {1, "two", {3, {}}, true, false, 6}', 'return {1, nil, 3}', 'return nil',
    'return {err = "ODD of a kind"}', 'return {ok = "well"}', 'return 9007199254740991', 'error("x")', 'return {}',
    'redis.call("SET", KEYS[1], 1700000000123456) return redis.call("GET", KEYS[1])',
    'redis.call("SET", KEYS[1], 0.1) return redis.call("GET", KEYS[1])',
    'redis.call("SET", KEYS[1], 1e20) return redis.call("GET", KEYS[1])', 'return redis.call("GET", "none")',
    'return redis.call("HMGET", "none", "a", "b")', 'return redis.call("NOSUCH")', 'return redis.call("HSET", "h9", 1)',
    'redis.call("SET", "before", 1) return redis.call("LRANGE", "before", 0, 1)', 'return redis.call("GET", "before")',
    'return redis.sha1hex(ARGV[1])', 'return bit.band(172, 15) + bit.bor(1, 128)', 'return tostring(10 ^ 15)',
    'return cmsgpack.pack({1, -1, 200, 70000, 2 ^ 40, "text", {}, {true, false, "x"}})',
    'return cjson.decode(ARGV[2]).a[2]', 'return {unpack(cmsgpack.unpack(cmsgpack.pack({5, 6, {7}})))}',
  ]) await run(text, 'argument', '{"a": [1, "b"]}');
});

// The scripts as the build makes them, called as fronts do.
class Crowd {
  constructor(rng, clockwork) {
    this.rng = rng;
    this.clockwork = clockwork;
    this.fronts = [1, 2].map((i) => new Front(clockwork, 'show', { id: `front-${i}`, slotMs: i === 1 ? 50 : 0 }));
    this.last = 0;
  }

  get front() {
    return this.rng.pick(this.fronts);
  }

  async join() {
    const { places } = await this.front.join(Array.from({ length: this.rng.between(1, 5) }, () =>
      ({ key: this.rng.chance(0.8) ? `key ${this.rng.below(300)}` : undefined, ip: `ip ${this.rng.below(5)}` })));
    this.last = Math.max(this.last, ...places);
  }

  place() {
    return this.rng.between(1, Math.max(1, this.last));
  }

  async step() {
    const { rng } = this;
    const front = this.front;
    await rng.pick([
      () => this.join(), () => this.join(), () => front.tick(), () => front.tick(), () => front.tick(),
      () => front.pass(this.place()), () => front.pass(this.place()), () => front.pass(this.place()),
      () => front.visit(rng.pick(['heartbeat', 'end', 'done', 'leave', 'extend', 'look']), this.place()),
      () => front.hear([this.place(), this.place(), this.place()], { epochMs: 2000 }),
      () => front.change({ rate_milli: rng.pick([0, 5000, 50_000]), max_active: rng.pick([0, 3, 30]), call_ttl_ms: 2000,
        grace_ms: 1000, session_ttl_ms: 3000, line_max: rng.pick([0, 0, 40]), joins_per_ip_per_min: rng.pick([0, 9]) }),
      () => front.move(rng.pick([STATE.OPEN, STATE.PAUSED, STATE.SOLD_OUT]), rng.pick([STATE.OPEN, STATE.PAUSED])),
      () => front.heal({ windowMs: 500 }), () => this.forget(),
    ])();
    await this.clockwork.step(rng.pick([0, 10, 100, 100, 700]));
  }

  // A restart of Redis, with or without some of the data.
  async forget() {
    if (!this.rng.chance(0.2)) return;
    for (const front of this.fronts) front.runId = `run-${this.last}-${this.clockwork.us}`;
    const key = this.rng.pick(['seq', 'serving', 'bucket', 'called', 'hist', 'cfg', 'none']);
    await both.command('DEL', `fg:{show}:${key}`);
  }
}

test('the scripts do the same in both', async (t) => {
  const rng = seededRng(t);
  const clockwork = await new Clockwork(both).load();
  const crowd = new Crowd(rng, clockwork);
  await crowd.fronts[0].create({ call_ttl_ms: 2000, grace_ms: 1000, session_ttl_ms: 3000 });
  while (crowd.last <= 20) await crowd.join(); // so that there are people for any sequence of steps
  for (let i = 0; i < STEPS; i += 1) await crowd.step();
  assert.ok(await both.compare() > 10);
});

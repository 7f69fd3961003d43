// Simulates the loops of many fronts towards Redis: one connection each, with the commands of a real front's loop.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { until } from '../../../tests/lib-js/index.js';
import { scriptText } from '../../../tests/lib-js/wire.js';

// Captures a real front's call of this script. It can be repeated if its event clock is set to the current time (now()):
// Redis rejects a call that is seconds off, and a rejection costs next to nothing.
export async function wordsOf(redis, script) {
  const wanted = createHash('sha1').update(scriptText(script)).digest('hex');
  await redis.command('CONFIG', 'SET', 'slowlog-log-slower-than', 0);
  const words = await until(`a call of ${script}.lua to be seen`, async () => {
    const log = await redis.command('SLOWLOG', 'GET', 128);
    return log.map(([, , , all]) => all).find((all) => all[0] === 'EVALSHA' && all[1] === wanted);
  });
  await redis.command('CONFIG', 'SET', 'slowlog-log-slower-than', 10_000);
  return words;
}

const RUN = /^([0-9a-f]{40})@\d+/; // "RUN@MS:INCARNATION"
export const now = (words) => words.map((word) => word.replace(RUN, `$1@${Date.now()}`));

const resp = (words) => `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;

// A connection that repeats commands; `heard` gets the replies. Open connections one at a time: a Unix socket rejects
// those that do not fit into its backlog.
export class Loop {
  static async open(target, heard) {
    const loop = new Loop(target, heard);
    await once(loop.socket, 'connect');
    return loop;
  }

  constructor(target, heard) {
    this.socket = net.connect(target);
    this.socket.on('data', (bytes) => heard(bytes.toString('latin1')));
    this.timers = [];
  }

  say(words) {
    this.socket.write(resp(words));
  }

  // Random periods, so that loops drift apart as real ones do.
  each(ms, say) {
    this.timers.push(setInterval(() => say(this), ms * (0.9 + 0.2 * Math.random())));
  }

  rest() {
    this.timers.splice(0).forEach(clearInterval);
  }

  close() {
    this.rest();
    this.socket.destroy();
  }
}

// The tick period of each of `loops` loops, in ms (STORE_TICKERS, STORE_PERIODS_MAX).
export const tickPeriod = (loops) => 100 * Math.min(3, Math.max(1, loops / 128));

// Registers `wanted` loops, including the front's own, on Redis's lists of fronts, and removes the others of `most`.
// They expire far in the future.
export async function present(redis, event, wanted, most = wanted) {
  const names = Array.from({ length: most - 1 }, (_, n) => `loop-${n}`);
  for (const list of ['contacts', 'tellers']) {
    await redis.command('ZREM', `fg:{${event}}:${list}`, ...names);
    await redis.command('ZADD', `fg:{${event}}:${list}`, ...names.slice(0, wanted - 1).flatMap((name) => [Date.now() + 3_600_000, name]));
  }
}

// A front of a sharded line, which calls queue-front/lua/shard.lua and cut.lua as they require. Each step is one call, so a
// test can let the front die between any two.

import { ask, numbersOf, replyOf } from '../../lib-js/wire.js';
import { Front, OUTCOME, STATE, upTo } from './line.js';

const NO_SHARD = '';

// A shard's server: its address, and its run of Redis.
export class ShardServer {
  constructor(clockwork, runId) {
    this.clockwork = clockwork;
    this.runId = runId;
  }
}

const { SUM_BASE, SUM_PRIME } = numbersOf();

// The checksum of these cuts.
export const sumOf = (texts) => texts.flatMap((text) => [1 + 'chg'.indexOf(text[1]), ...text.slice(2).split(',').map(Number)])
  .reduce((sum, number) => (sum * SUM_BASE + number) % SUM_PRIME, 0);

// A naive reading of these cuts: the place of a shard's number, or null; numbers of a hole: {shard, number}; places of holes
// and gaps: [from, upto]; the number of places.
export class Cuts {
  constructor(texts, shards) {
    const upto = Array(shards).fill(0);
    this.places = 0;
    this.cuts = [];
    this.leftOut = [];
    for (const text of texts) {
      const grown = text.slice(2).split(',').map(Number);
      const before = this.places;
      this.places += grown.reduce((sum, of) => sum + of);
      if (text[1] !== 'c') this.leftOut.push([before + 1, this.places]);
      if (text[1] === 'g') continue;
      this.cuts.push({ grown, isHole: text[1] === 'h', before: [...upto], places: before });
      grown.forEach((of, shard) => (upto[shard] += of));
    }
  }

  place(shard, number) {
    const cut = this.cuts.find(({ grown, before }) => number > before[shard] && number <= before[shard] + grown[shard]);
    if (cut === undefined) return null;
    const nth = number - cut.before[shard];
    const when = (i, of) => (2 * i - 1) / (2 * of);
    return cut.places + cut.grown.reduce((rank, of, other) => rank + upTo(other === shard || cut.isHole ? 0 : of).filter((i) =>
      when(i, of) < when(nth, cut.grown[shard]) || (when(i, of) === when(nth, cut.grown[shard]) && other < shard)).length, nth);
  }

  people() {
    return this.cuts.filter(({ isHole }) => !isHole).flatMap(({ grown, before }) =>
      grown.flatMap((of, shard) => upTo(of).map((nth) => ({ shard, number: before[shard] + nth }))));
  }
}

export class ShardedFront {
  constructor(clockwork, event, servers, { runId = 'run-1' } = {}) {
    this.line = new Front(clockwork, event, { runId });
    this.event = event;
    this.servers = servers; // per shard, as this front believes
    this.forget();
  }

  forget() {
    this.line.forget();
    this.cuts = [];
    this.of = this.servers.map(() => ({ epoch: 0, upto: 0, lease: 0, opening: '' }));
    this.issued = this.servers.map(() => 0); // the highest number seen
    this.waiting = []; // {key, shard, number}
    this.document = { version: 1, era: 0, state: STATE.OPEN, joins_per_ip_per_min: 0, full_from: '', shares: 0 };
  }

  shard(k) {
    const { clockwork, runId } = this.servers[k];
    const front = new Front(clockwork, `${this.event}:${k}`, { runId });
    front.marks.issued = this.issued[k];
    return front;
  }

  // keys: visitors of this shard. Returns join.lua's answer.
  async join(k, keys, judgedBy = '') {
    const front = this.shard(k);
    const answer = await front.join(keys.map((key) => ({ key })), judgedBy);
    answer.places.forEach((number, i) => {
      if (number > 0 && number < 2 ** 30) this.waiting.push({ key: keys[i], shard: k, number });
    });
    this.issued[k] = front.marks.issued;
    return answer;
  }

  async look(k) {
    const { epoch, upto, lease, opening } = this.of[k];
    return replyOf('shard', await this.shard(k).run('shard', ...ask('shard', {
      issued: this.issued[k], epoch, upto, lease, opening, ...this.document,
    })));
  }

  // read: the shards' answers, by number. tell: all cuts that this front knows, from `first` on.
  async cut({ nth = 0, read = [], seal = NO_SHARD, opening = '', tell = null, slotMs = 0 } = {}) {
    const cuts = tell === null ? [] : this.cuts.slice(tell - 1);
    const answer = replyOf('cut', await this.line.run('cut', ...ask('cut', {
      shards: this.servers.length, known: this.cuts.length, sum: sumOf(this.cuts), nth, seal,
      seal_epoch: seal === NO_SHARD ? 0 : this.of[seal].epoch, opening, first: tell ?? 0, sent: cuts.length,
      before: sumOf(this.cuts.slice(0, Math.max(0, (tell ?? 0) - 1))),
      slot_ms: slotMs,
    }), ...cuts, ...this.servers.flatMap((_, k) => (read[k] ? [read[k].epoch, read[k].issued, read[k].lease, read[k].opened] : ['', '', '', '']))));
    if (answer.outcome === OUTCOME.CONFLICT) this.cuts = []; // it gets all of them again
    if (answer.shards === undefined || answer.outcome === OUTCOME.CONFLICT) return answer;
    this.of = this.servers.map((_, k) => {
      const [epoch, upto, lease, with_] = answer.shards.slice(4 * k, 4 * k + 4);
      return { epoch, upto, lease, opening: with_ };
    });
    if (answer.count >= this.cuts.length) this.cuts.push(...answer.cuts);
    this.line.marks.issued = Math.max(this.line.marks.issued, new Cuts(this.cuts, this.servers.length).places);
    answer.isBehind = answer.count < this.cuts.length;
    return answer;
  }

  // Opens a shard, after sealing it if necessary; returns the shard's last answer, or null.
  async open(k) {
    for (let i = 0; i < 4; i += 1) {
      const seen = await this.look(k);
      if (seen.outcome === OUTCOME.OK) return seen;
      if (seen.outcome === OUTCOME.CONFLICT) await this.cut({ read: this.servers.map((_, j) => (j === k ? seen : undefined)) });
      else await this.cut({ seal: k, opening: seen.opening, read: this.servers.map((_, j) => (j === k ? seen : undefined)) });
    }
    return null;
  }

  // A front's work every 20 ms: reads all shards, opens closed ones, makes the next cut.
  async turn() {
    await this.cut();
    const read = [];
    for (const k of this.servers.keys()) read[k] = (await this.open(k)) ?? undefined;
    return this.cut({ nth: this.cuts.length + 1, read });
  }

  // Joins whose places are known: [{key, place}]; the others keep waiting.
  answers() {
    const cuts = new Cuts(this.cuts, this.servers.length);
    const all = this.waiting.map((join) => ({ ...join, place: cuts.place(join.shard, join.number) }));
    const answered = all.filter(({ place }) => place !== null);
    this.waiting = all.filter(({ place }) => place === null);
    return answered;
  }
}

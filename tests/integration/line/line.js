// Calls the scripts of queue-front/lua as a front would, but one at a time and on the test's clock: the prelude's one read
// of Redis's clock is replaced by reading a key. Everything else runs as in production.

import { createHash } from 'node:crypto';
import { startRedis } from '../../lib-js/redis.js';
import { openScope } from '../../lib-js/scope.js';
import { ask, numbers, numbersOf, scripts, scriptText, replyOf } from '../../lib-js/wire.js';

const CLOCK = "call('TIME')";
const FAKE_CLOCK = "call('HMGET', 'clock', 's', 'us')";

export const OUTCOME = numbers('line_outcome');
export const TURN = numbers('turn_kind');
export const STATE = numbers('line_state');

const { KEY_BYTES, ADDRESS_BYTES, CLOCK_DOUBT_MS } = numbersOf();

export const KNOBS = {
  rate_milli: 50_000,
  burst: 10,
  max_active: 0,
  session_ttl_ms: 60_000,
  session_max_ms: 600_000,
  call_ttl_ms: 30_000,
  grace_ms: 10_000,
  joins_per_ip_per_min: 0,
  line_max: 0,
  opens_at_ms: 0,
  prequeue_at_ms: 0,
  pilot_ceiling_milli: 0,
  pilot_floor_milli: 0,
  shards: 0,
  shares: 0,
};

const SEAL = '1 1 of the fronts';
const SEED = '5e'.repeat(32);
const NO_BEACON = '';
const DRAW = JSON.stringify({ beacon: '', proof: '{"kind":"none"}', seeds: SEED });
const NO_DRAW = '';

export const upTo = (n) => Array.from({ length: n }, (_, i) => i + 1);

const PAGE = 65_536;
const BATCH_MAX = 512; // STORE_JOIN_BATCH_MAX of a front

// A Redis whose scripts take `us` for the time. Starts on a whole minute, so that tests of per-minute limits do not depend
// on the time of day.
export class Clockwork {
  constructor(redis) {
    this.redis = redis;
    this.us = 1_700_000_040_000_000;
    this.shas = new Map();
    this.events = 0;
  }

  static async open(test) {
    return new Clockwork(await startRedis(openScope(test))).load();
  }

  async load() {
    for (const name of scripts) {
      const text = scriptText(name);
      if (text.split(CLOCK).length !== 2) throw new Error(`${name} reads the clock elsewhere`);
      this.shas.set(name, await this.redis.command('SCRIPT', 'LOAD', text.replace(CLOCK, FAKE_CLOCK)));
    }
    await this.step(0);
    return this;
  }

  async step(ms) {
    this.us += Math.round(ms * 1000);
    const us = this.us % 1_000_000;
    await this.redis.command('HSET', 'clock', 's', (this.us - us) / 1_000_000, 'us', us);
  }

  get ms() {
    return Math.floor(this.us / 1000);
  }

  // A front of another event.
  front(options) {
    this.events += 1;
    return new Front(this, `event-${this.events}`, options);
  }

  // The number of Redis commands in the scripts that `work` runs.
  async commandsOf(work) {
    const sum = async () => Object.entries(await this.redis.commandCalls())
      .reduce((total, [name, calls]) => total + (/^(evalsha|info)$/.test(name) ? 0 : calls), 0);
    const before = await sum();
    await work();
    return (await sum()) - before;
  }
}

// One event, and what one front knows about it.
export class Front {
  constructor(clockwork, event,
    { runId = 'run-1', id = 'front-1', slotMs = 0, lane = 0, identity = '1-0123abcd', waitedMs = CLOCK_DOUBT_MS } = {}) {
    this.identity = identity; // offered to an event that has none
    this.clockwork = clockwork;
    this.event = event;
    this.runId = runId;
    this.id = id;
    this.line = `fg:{${event}}:${lane > 0 ? `@${lane}:` : ''}`;
    this.slotMs = slotMs; // the maximum age of another front's picture
    this.waitedMs = waitedMs; // how long visitors with unknown times have waited: long enough
    this.served = 0; // whether visitors inside are served: unknown
    this.forget();
  }

  forget() {
    this.marks = { issued: 0, serving: 0, version: 0, generation: 0, upto: 0, dead: 0, era: 0, digest: '' };
    this.view = null;
    this.passes = 0;
    this.visitsUntilMs = 0;
    this.callsUntilMs = 0;
    this.document = null;
    this.moved = []; // [entry, moves], the newest that it knows of
  }

  async run(script, ...args) {
    const sha = this.clockwork.shas.get(script);
    const expected = this.expectedMs === undefined ? '' : `@${this.expectedMs}`;
    return this.clockwork.redis.command('EVALSHA', sha, 1, this.key('cfg'), this.runId + expected, ...args);
  }

  key(name) {
    return this.line + name;
  }

  // ---- the operator ----

  async admin(call, { from = 0, to = 0, ifVersion = 0, knobs = null, doc = '{"id":"e"}', hallUntilMs = 0 } = {}) {
    return replyOf('change', await this.run('admin', ...ask('admin', {
      call, if_version: ifVersion, from, to, audit: '{"who":"test"}',
      doc: knobs === null && call !== 'create' ? '' : doc, seal: SEAL, draw: DRAW,
      hall_until_ms: hallUntilMs, ...KNOBS, ...knobs,
    })));
  }

  // Creates the event and moves it to the state; skips the caller's table of moves.
  async create(knobs = {}, state = STATE.OPEN) {
    await this.admin('create', { knobs });
    if (state !== STATE.DRAFT) await this.admin('transition', { from: STATE.DRAFT, to: state });
    return this;
  }

  async move(from, to, more = {}) {
    return this.admin('transition', { from, to, ...more });
  }

  async change(knobs) {
    return this.admin('change', { knobs });
  }

  // ---- visitors ----

  // joins: [{key, over: ended place of the key, ip, work: [minute, name]}] or a count of anonymous ones. Returns a place, 0 (limited) or the outcome.
  // `judgedBy`: the document version that a front checked them against.
  async join(joins, judgedBy = '') {
    const list = typeof joins === 'number' ? Array.from({ length: joins }, () => ({})) : joins;
    const all = await this.joinBatch(list.slice(0, BATCH_MAX), judgedBy);
    for (let at = BATCH_MAX; at < list.length && all.outcome === OUTCOME.OK; at += BATCH_MAX) {
      const { places, fresh } = await this.joinBatch(list.slice(at, at + BATCH_MAX), judgedBy);
      all.places.push(...places);
      all.fresh.push(...fresh);
    }
    return all;
  }

  async joinBatch(list, judgedBy) {
    const shown = list.flatMap(({ work, over }, i) => [
      ...(over === undefined ? [] : [[i, 'over', over, '']]), ...(work === undefined ? [] : [[i, 'work', ...work]])]);
    const [outcome, state, first, retryMs, ...odd] = await this.run('join', ...ask('join', {
      issued: this.marks.issued, joins: list.length, judged_by: judgedBy === '' ? '' : `${judgedBy}.0`, shown: shown.length,
      keys: list.map(({ key }) => keyOf(key)).join(''),
      addresses: list.some(({ ip }) => ip !== undefined) ? list.map(({ ip }) => hashOf(ip, ADDRESS_BYTES)).join('') : '',
    }), ...shown.flat());
    if (outcome !== OUTCOME.OK) return { outcome, state, places: [] };
    const places = list.map(() => null);
    const fresh = list.map(() => true);
    for (let i = 0; i < odd.length; i += 2) {
      places[odd[i]] = odd[i + 1];
      fresh[odd[i]] = false;
    }
    let next = first;
    for (let i = 0; i < places.length; i += 1) {
      if (fresh[i]) {
        places[i] = next;
        next += 1;
      }
    }
    this.marks.issued = Math.max(this.marks.issued, next - 1);
    return { outcome, state, places, fresh, retryMs };
  }

  async visit(call, place, { endsMs = 0, shownMs = 0, member = '', entry = '', moves = 0, turn = 0, ended = 0, keptMs = 0, times = 0, drawn = NO_DRAW } = {}) {
    const { outcome, state, ...of } = replyOf('visit', await this.run('visit', ...ask('visit', {
      serving: this.marks.serving, call, place, ends_ms: endsMs, shown_ms: shownMs, drawn,
      entry, moves, turn, ended, kept_ms: keptMs, times, member, // without an entry by no ticket in particular, so none that was handed on
    })));
    if (call === 'pass' && outcome === OUTCOME.OK) this.passes += 1;
    if (['pass', 'heartbeat'].includes(call) && [OUTCOME.OK, OUTCOME.SAME].includes(outcome)) {
      this.visitsUntilMs = Math.max(this.visitsUntilMs, of.expires_ms);
    }
    return { outcome, state, turn: of.turn, expiresMs: of.expires_ms, endsMs: of.ends_ms, retryMs: of.retry_ms };
  }

  pass(place) {
    return this.visit('pass', place);
  }

  // ---- who is there ----

  // Reports the signs of life in the epoch of `atMs`: everything heard until `toldMs`.
  async hear(places, { epochMs, atMs = this.clockwork.ms, sentMs = this.clockwork.ms, leaves = false }) {
    const pages = new Map();
    for (const place of places) {
      const page = Math.floor(place / PAGE);
      if (!pages.has(page)) pages.set(page, Buffer.alloc(PAGE / 8));
      pages.get(page)[(place % PAGE) >> 3] |= 0x80 >> place % 8;
    }
    const marks = [...pages].flatMap(([page, bits]) => [Math.floor(atMs / epochMs), page, bits]);
    return this.run('seen', ...ask('seen', {
      front: this.id, epoch_ms: epochMs, sent_ms: sentMs, leaves: leaves ? 1 : 0, seq: 0, pages_max: 0,
    }), ...marks);
  }

  // ---- the front itself ----

  // `early`: [entry, position] of visitors who left before the draw.
  async tick({ early = [] } = {}) {
    const { issued, serving, version, generation, upto, era, digest } = this.marks;
    const view = replyOf('tick', await this.run('tick', ...ask('tick', {
      issued, serving, version, generation, upto, slot_ms: this.slotMs, early_len: early.length,
      moves_run: 0, moves_seq: 0, moves_len: 0, join_judged: 0, join_kept: 0, join_error: 0,
      way_judged: 0, way_kept: 0, way_error: 0, errors: 0, turns_upto: '0-0', era, digest, identity: this.identity,
      served: this.served, waited_ms: this.waitedMs,
    }), ...early.flat()));
    if (view.outcome !== OUTCOME.OK) return view;
    const marks = this.marks;
    if (view.generation !== marks.generation) marks.upto = 0;
    for (const stretch of view.stretches) {
      const [upto, , expiresMs] = stretch.split(':').map(Number);
      marks.upto = Math.max(marks.upto, upto);
      this.callsUntilMs = Math.max(this.callsUntilMs, expiresMs);
    }
    if (view.document.length > 0) {
      this.document = replyOf('document', view.document);
      Object.assign(marks, { era: Number(this.document.era), digest: this.document.digest });
      this.frozenFrom = replyOf('draw', view.draw).frozen_from;
      view.identity = this.document.identity;
      this.eventIdentity = view.identity;
    }
    this.passes = 0;
    for (const name of ['issued', 'serving', 'version', 'generation', 'dead']) marks[name] = view[name];
    this.view = view;
    return view;
  }

  async heal({ windowMs = 1000, gap = 100 } = {}) {
    const view = this.view ?? {
      active: 0, outstanding: 0, admitted: 0, no_shows: 0, show_up_milli: 1000,
      service_rate_milli: 0, state: 0,
    };
    const { outcome, ms: waitMs } = replyOf('heal', await this.run('heal', ...ask('heal', {
      doc: '', ...KNOBS, ...this.document,
      window_ms: windowMs, gap, front: this.id, passes: this.passes,
      issued: this.marks.issued, serving: this.marks.serving, dead: this.marks.dead,
      active: view.active, outstanding: view.outstanding, admitted: view.admitted, no_shows: view.no_shows,
      stay_away_milli: 1000 - view.show_up_milli, service_rate_milli: view.service_rate_milli,
      stood_ms: view.stood_ms ?? 0, raised: view.gaps?.[3] ?? 0, visits_until_ms: this.visitsUntilMs,
      hall_until_ms: view.hall_until_ms ?? 0, calls_until_ms: this.callsUntilMs,
      version: this.marks.version, state: view.state, frozen_from: this.frozenFrom ?? STATE.PAUSED, seed: SEED,
      entries: NO_DRAW, beacon: NO_BEACON, drawn_ms: 0,
      sealed: SEAL, closed: NO_DRAW, closed_ms: 0, proof: '', gaps: view.gaps?.[2] ?? '', codes: 0,
      era: this.marks.era, identity: this.eventIdentity ?? '', moves_len: this.moved.length, waited_ms: this.waitedMs,
    }), ...this.moved.flat()));
    return { outcome, waitMs };
  }
}

// Hex, so that tests can read what Redis stores.
const hashOf = (text, bytes) => createHash('sha256').update(String(text)).digest('hex').slice(0, bytes);
const keyOf = (key) => (key === undefined ? '\0'.repeat(KEY_BYTES) : hashOf(key, KEY_BYTES));

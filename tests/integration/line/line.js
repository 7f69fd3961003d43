// The scripts of queue-front/lua as a front would call them, but from here, one at a time, and on a
// clock that the test owns: the prelude's one look at Redis's clock is replaced by a look at a key.
// All else runs as in production.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

const folder = new URL('../../../queue-front/lua/', import.meta.url);
const read = (name) => readFileSync(new URL(`${name}.lua`, folder), 'utf8');
const CLOCK = "call('TIME')";
const FAKE_CLOCK = "call('HMGET', 'clock', 's', 'us')";

export const OUTCOME = {
  OK: 0, SAME: 1, UNKNOWN: 2, WRONG_STATE: 3, LIMITED: 4, NOT_YET: 5, EXPIRED: 6, GONE: 7,
  CONFLICT: 8, HEAL: 9,
};
export const STATE = {
  DRAFT: 0, SCHEDULED: 1, PRE_QUEUE: 2, OPEN: 3, PAUSED: 4, SOLD_OUT: 5, CLOSED: 6,
};

export const KNOBS = {
  rate_milli: 50_000,
  burst: 10,
  max_active: 0,
  session_ttl_ms: 60_000,
  session_max_ms: 600_000,
  call_ttl_ms: 30_000,
  grace_ms: 10_000,
  joins_per_ip_per_min: 0,
  opens_at_ms: 0,
  prequeue_at_ms: 0,
  pilot_ceiling_milli: 0,
  pilot_floor_milli: 0,
  shares: 0,
};

const SEAL = '1 1 of the fronts';
const SEED = '5e'.repeat(32);
const NO_BEACON = '';
const DRAW = JSON.stringify({ beacon: '', proof: '{"kind":"none"}', seeds: SEED });
const NO_DRAW = '';

const VIEW = [
  'outcome', 'state', 'version', 'issued', 'serving', 'waiting', 'active', 'outstanding',
  'admitted', 'no_shows', 'show_up_milli', 'service_rate_milli', 'now_ms', 'dead', 'generation',
  'document', 'stretches', 'ghosts', 'drawn', 'early', 'seats', 'pilot', 'moves', 'odds', 'turns', 'gaps',
  'fronts', 'late_ms', 'stood_ms', 'clock_ahead_ms', 'clock_behind_ms',
];
const PAGE = 65_536;

// A Redis whose scripts believe in `us`. Start on a whole minute, so that tests of limits by the
// minute do not depend on when they run.
export class Clockwork {
  constructor(redis, { real = false } = {}) {
    this.redis = redis;
    this.real = real;
    this.us = 1_700_000_040_000_000;
    this.shas = new Map();
  }

  async load() {
    const prelude = read('prelude');
    if (prelude.split(CLOCK).length !== 2) throw new Error('the prelude reads the clock elsewhere');
    const start = this.real ? prelude : prelude.replace(CLOCK, FAKE_CLOCK);
    for (const name of ['join', 'tick', 'visit', 'admin', 'heal', 'heard']) {
      const sha = await this.redis.command('SCRIPT', 'LOAD', start + (name === 'join' ? '' : read('helpers')) + read(name));
      this.shas.set(name, sha);
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
}

// One event, and one front's memory of it.
export class Front {
  constructor(clockwork, event,
    { runId = 'run-1', id = 'front-1', slotMs = 0, lane = 0, identity = '1-0123abcd' } = {}) {
    this.identity = identity; // which it offers to an event that has none
    this.clockwork = clockwork;
    this.event = event;
    this.runId = runId;
    this.id = id;
    this.line = `fg:{${event}}:${lane > 0 ? `@${lane}:` : ''}`;
    this.slotMs = slotMs; // how old the picture of another's tick may be
    this.forget();
  }

  forget() {
    this.marks = { issued: 0, serving: 0, version: 0, generation: 0, upto: 0, dead: 0, era: 0, digest: '' };
    this.view = null;
    this.passes = 0;
    this.document = null;
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

  async admin(call, { from = 0, to = 0, ifVersion = 0, knobs = null, doc = '{"id":"e"}' } = {}) {
    const values = Object.values({ ...KNOBS, ...knobs });
    const [outcome, state, version] = await this.run('admin', call, ifVersion, from, to,
      '{"who":"test"}', knobs === null && call !== 'create' ? '' : doc, SEAL, DRAW, ...values);
    return { outcome, state, version };
  }

  // Made, and moved to where it is wanted; the caller's table is not asked here.
  async create(knobs = {}, state = STATE.OPEN) {
    await this.admin('create', { knobs });
    if (state !== STATE.DRAFT) await this.admin('transition', { from: STATE.DRAFT, to: state });
    return this;
  }

  async move(from, to) {
    return this.admin('transition', { from, to });
  }

  async change(knobs) {
    return this.admin('change', { knobs });
  }

  // ---- visitors ----

  // joins: [{key, ip}] or a count of nameless ones. Answers a place, 0 (limited) or the outcome.
  // `judgedBy`: the version of the document that a front judged them by.
  async join(joins, judgedBy = '') {
    const list = typeof joins === 'number' ? Array.from({ length: joins }, () => ({})) : joins;
    const args = list.flatMap(({ key, ip }) => [...idemArgs(key), ip ?? '']);
    const [outcome, state, first, retryMs, ...odd] = await this.run('join', this.marks.issued,
      list.length, judgedBy === '' ? '' : `${judgedBy}.0`, ...args);
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

  async visit(call, place, endsMs = 0) {
    const moved = ['', 0]; // by no ticket in particular, so none that was handed on
    const answer = await this.run('visit', this.marks.serving, call, place, endsMs, NO_DRAW, ...moved);
    const [outcome, state, expiresMs, sessionEndsMs, retryMs] = answer;
    if (call === 'pass' && outcome === OUTCOME.OK) this.passes += 1;
    return { outcome, state, expiresMs, endsMs: sessionEndsMs, retryMs };
  }

  pass(place) {
    return this.visit('pass', place);
  }

  // ---- who is there ----

  // Tells whom this front has heard in the epoch of `atMs`: of all that it had heard until `toldMs`.
  async hear(places, { epochMs, atMs = this.clockwork.ms, toldMs = this.clockwork.ms, leaves = false }) {
    const pages = new Map();
    for (const place of places) {
      const page = Math.floor(place / PAGE);
      if (!pages.has(page)) pages.set(page, Buffer.alloc(PAGE / 8));
      pages.get(page)[(place % PAGE) >> 3] |= 0x80 >> place % 8;
    }
    const marks = [...pages].flatMap(([page, bits]) => [Math.floor(atMs / epochMs), page, bits]);
    return this.run('heard', this.id, epochMs, toldMs, leaves ? 1 : 0, 0, 0, ...marks);
  }

  // ---- the front itself ----

  async tick() {
    const { issued, serving, version, generation, upto, era, digest } = this.marks;
    const early = [0];
    const moves = [0, 0, 0];
    const told = [0, 0, 0, 0, 0, 0, 0];
    const turns = ['0-0'];
    const answer = await this.run('tick', issued, serving, version, generation, upto, this.slotMs, ...early, ...moves,
      ...told, ...turns, era, digest, this.identity);
    const view = Object.fromEntries(VIEW.map((name, i) => [name, answer[i]]));
    if (view.outcome !== OUTCOME.OK) return view;
    const marks = this.marks;
    if (view.generation !== marks.generation) marks.upto = 0;
    for (const stretch of view.stretches) marks.upto = Math.max(marks.upto, Number(stretch.split(':')[0]));
    if (view.document.length > 0) {
      this.document = view.document.slice(0, -3);
      const [eraTold, digestTold, identity] = view.document.slice(-3);
      Object.assign(marks, { era: Number(eraTold), digest: digestTold });
      view.identity = identity;
      this.eventIdentity = identity;
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
    const [doc, ...knobs] = this.document ?? ['', ...Object.values(KNOBS)];
    const [outcome, waitMs] = await this.run('heal', windowMs, gap, this.id, this.passes,
      this.marks.issued, this.marks.serving, this.marks.dead, view.active, view.outstanding,
      view.admitted, view.no_shows, 1000 - view.show_up_milli, view.service_rate_milli,
      this.marks.version, view.state, doc, SEED, NO_DRAW, NO_BEACON, 0, ...knobs,
      SEAL, NO_DRAW, 0, '', view.gaps?.[2] ?? '', this.marks.era, this.eventIdentity ?? '');
    return { outcome, waitMs };
  }
}

function idemArgs(key) {
  if (key === undefined) return ['', ''];
  const hash = createHash('sha256').update(String(key)).digest();
  const digits = BigInt(`0x${hash.toString('hex', 0, 4)}`).toString(4).padStart(16, '0');
  return [digits.slice(0, 11), hash.toString('hex', 8, 16)];
}

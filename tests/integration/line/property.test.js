// Random lines: knobs turned, fronts ticking out of step, people joining, coming, leaving, asking
// twice. After every step the promises are held against what happened. FAIRGATE_SEED repeats a run.

import assert from 'node:assert/strict';
import test from 'node:test';
import { startRedis } from '../../lib-js/redis.js';
import { seededRng } from '../../lib-js/rng.js';
import { openScope } from '../../lib-js/scope.js';
import { Clockwork, Front, OUTCOME, STATE } from './line.js';

const LINES = Number(process.env.FAIRGATE_LINES ?? 6);
const STEPS = 400;
const scope = openScope(test);
const clockwork = await new Clockwork(await startRedis(scope)).load();

function randomKnobs(rng) {
  return {
    rate_milli: rng.pick([0, 1000, 20_000, 100_000, 777_777]),
    burst: rng.pick([0, 1, 5, 50]),
    max_active: rng.pick([0, 1, 3, 10, 40]),
    session_ttl_ms: rng.pick([500, 2000, 20_000]),
    session_max_ms: rng.pick([2000, 60_000]),
    call_ttl_ms: rng.pick([300, 2000, 10_000]),
    grace_ms: rng.pick([0, 1000, 5000]),
  };
}

// One line, and what an onlooker knows of it.
class Trial {
  constructor(rng, name) {
    this.rng = rng;
    this.fronts = [1, 2, 3].map((i) => new Front(clockwork, name, { id: `front-${i}` }));
    this.knobs = { ...randomKnobs(rng), rate_milli: 20_000 };
    this.state = STATE.OPEN;
    this.issued = 0;
    this.serving = 0;
    this.keys = new Map(); // key -> place
    this.left = new Set(); // gave up before coming in
    this.came = new Set();
    this.over = new Set(); // ended, or session lost
    this.calls = []; // {us, calls, rate, burst}
    this.knocks = new Map(); // place -> when it was last asked to retry
  }

  get front() {
    return this.rng.pick(this.fronts);
  }

  async start() {
    await this.fronts[0].create(this.knobs);
    await this.tick();
  }

  async join() {
    const joins = Array.from({ length: this.rng.between(1, 12) }, () =>
      this.rng.chance(0.5) ? {} : { key: `key ${this.rng.below(200)}` });
    const answer = await this.front.join(joins);
    if (this.state === STATE.SOLD_OUT) {
      assert.equal(answer.outcome, OUTCOME.WRONG_STATE);
      return;
    }
    joins.forEach(({ key }, i) => {
      const place = answer.places[i];
      if (key !== undefined && this.keys.has(key)) {
        assert.equal(place, this.keys.get(key), 'the same key, the same place');
        return;
      }
      this.issued += 1;
      assert.equal(place, this.issued, 'places are gap-free');
      if (key !== undefined) this.keys.set(key, place);
    });
  }

  async tick() {
    const { rng } = this;
    await clockwork.step(rng.pick([0, 1, 20, 50, 100, 150, 400, 2000]) * (0.5 + rng.unit()));
    const ahead = this.ahead();
    const view = await this.front.tick();
    assert.equal(view.outcome, OUTCOME.OK);
    assert.equal(view.issued, this.issued);
    assert.ok(view.serving >= this.serving && view.serving <= this.issued, 'serving only rises');
    let calls = 0;
    for (let place = this.serving + 1; place <= view.serving; place += 1) {
      if (!this.left.has(place)) calls += 1;
    }
    if (this.state !== STATE.OPEN) assert.equal(view.serving, this.serving);
    this.serving = view.serving;
    this.calls.push({ us: clockwork.us, calls, rate: this.knobs.rate_milli, burst: this.knobs.burst });
    this.checkRate();
    for (const [place, before_] of ahead) {
      assert.ok(this.aheadOf(place) <= before_, `place ${place} fell back`);
    }
    assert.equal(view.waiting, this.aheadOf(this.issued + 1), 'waiting are those who are still there');
    assert.equal(view.admitted, this.came.size);
    await this.checkOutstanding(view);
  }

  aheadOf(place) {
    let ahead = Math.max(0, place - 1 - this.serving);
    for (const gone of this.left) if (gone > this.serving && gone < place) ahead -= 1;
    return ahead;
  }

  ahead() {
    if (this.issued === 0) return [];
    const places = Array.from({ length: 5 }, () => this.rng.between(1, this.issued));
    return places.map((place) => [place, this.aheadOf(place)]);
  }

  // In no window more than rate * (T + 0.25 s) + burst.
  checkRate() {
    let calls = 0;
    let rate = 0;
    let burst = 1;
    const end = this.calls.at(-1).us;
    for (let i = this.calls.length - 1; i > 0; i -= 1) {
      calls += this.calls[i].calls;
      rate = Math.max(rate, this.calls[i].rate);
      burst = Math.max(burst, this.calls[i].burst, this.calls[i - 1].burst);
      const seconds = (end - this.calls[i].us) / 1e6;
      const bound = (rate / 1000) * (seconds + 0.25) + burst;
      assert.ok(calls <= bound + 1e-6, `${calls} calls in ${seconds} s, at most ${bound}`);
    }
  }

  async checkOutstanding(view) {
    const settled = Number(await clockwork.redis.command('HGET', this.fronts[0].key('bucket'), 'settled')) || 0;
    let outstanding = 0;
    for (let place = settled + 1; place <= this.serving; place += 1) {
      if (!this.left.has(place) && !this.came.has(place)) outstanding += 1;
    }
    assert.equal(view.outstanding, outstanding);
  }

  async active() {
    return clockwork.redis.command('ZCOUNT', this.fronts[0].key('active'), `(${clockwork.ms}`, '+inf');
  }

  async pass() {
    if (this.issued === 0) return;
    const near = this.serving > 0 && this.rng.chance(0.85);
    const place = near ? this.rng.between(Math.max(1, this.serving - 40), this.serving)
      : this.rng.between(1, this.issued);
    const { outcome, expiresMs } = await this.front.visit('pass', place);
    const knocked = this.knocks.get(place);
    if (outcome === OUTCOME.OK) {
      assert.ok(place <= this.serving && !this.came.has(place) && !this.left.has(place));
      assert.ok(this.state === STATE.OPEN || this.state === STATE.PAUSED);
      this.came.add(place);
      this.knocks.delete(place);
      const { max_active: max } = this.knobs;
      if (max > 0) assert.ok((await this.active()) <= max, 'no more inside than max_active');
      const again = await this.front.visit('pass', place);
      assert.deepEqual([again.outcome, again.expiresMs], [OUTCOME.SAME, expiresMs]);
    } else if (outcome === OUTCOME.NOT_YET && place <= this.serving) {
      this.knocks.set(place, clockwork.ms);
    } else if (outcome === OUTCOME.EXPIRED && !this.came.has(place)) {
      // The onlooker does not follow sold-out's stopped clock, so it judges by a fresh knock only.
      assert.ok(knocked === undefined || clockwork.ms - knocked > 9_999, 'one who knocks does not expire');
    } else if (outcome === OUTCOME.GONE) {
      assert.ok(this.left.has(place) || this.over.has(place));
    }
  }

  async leave() {
    if (this.issued === 0) return;
    const place = this.rng.between(1, this.issued);
    const call = this.rng.pick(['leave', 'leave', 'end']);
    const { outcome } = await this.front.visit(call, place);
    assert.ok(outcome === OUTCOME.OK || outcome === OUTCOME.SAME);
    if (this.came.has(place)) this.over.add(place);
    else this.left.add(place);
    this.knocks.delete(place);
    assert.equal((await this.front.visit(call, place)).outcome, OUTCOME.SAME);
  }

  async heartbeat() {
    const [place] = this.rng.shuffle([...this.came]);
    if (place === undefined) return;
    const { outcome, expiresMs, endsMs } = await this.front.visit('heartbeat', place);
    if (outcome !== OUTCOME.OK) {
      assert.ok(outcome === OUTCOME.EXPIRED || (outcome === OUTCOME.GONE && this.over.has(place)));
      return;
    }
    assert.ok(!this.over.has(place));
    assert.ok(expiresMs <= endsMs && expiresMs > clockwork.ms);
  }

  async turn() {
    this.knobs = randomKnobs(this.rng);
    assert.equal((await this.front.change(this.knobs)).outcome, OUTCOME.OK);
  }

  async move() {
    const to = this.rng.pick([STATE.OPEN, STATE.OPEN, STATE.PAUSED, STATE.SOLD_OUT]);
    if (to === this.state) return;
    const stale = await this.front.move(to, STATE.CLOSED);
    assert.equal(stale.outcome, OUTCOME.WRONG_STATE);
    assert.equal((await this.front.move(this.state, to)).outcome, OUTCOME.OK);
    this.state = to;
  }

  step() {
    const n = this.rng.below(100);
    if (n < 45) return this.tick();
    if (n < 58) return this.join();
    if (n < 83) return this.pass();
    if (n < 89) return this.leave();
    if (n < 95) return this.heartbeat();
    return n < 98 ? this.turn() : this.move();
  }
}

// judges: place, entry
test(`${LINES} random lines of ${STEPS} steps keep what they promise`, async (t) => {
  const rng = seededRng(t);
  const seen = { came: 0, served: 0 };
  for (let i = 0; i < LINES; i += 1) {
    const trial = new Trial(rng, `random-${i}`);
    await trial.start();
    for (let step = 0; step < STEPS; step += 1) await trial.step();
    seen.came += trial.came.size;
    seen.served += trial.serving;
  }
  assert.ok(seen.came > LINES && seen.served > 10 * LINES, `something happened: ${JSON.stringify(seen)}`);
});

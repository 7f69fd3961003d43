// Buyers who hold and give back without a pause, and a ledger of the responses. Whatever is killed: acknowledged
// changes must be found afterwards, and nothing else.

import assert from 'node:assert/strict';
import http from 'node:http';
import { until } from '../../lib-js/index.js';
import { picture, visitor } from '../../integration/seat-service/site.js';

// A request that failed while connecting cannot have reached the service.
const neverSent = (error) => error.syscall === 'connect';

// Some buyers let their holds expire, which takes longer than a test: more of them would fill the hall.
const LEFT_MAX = 10;

// A ledger is not stopped if its test fails, and must not keep the process alive.
const pause = () => new Promise((resolve) => setTimeout(resolve, 20).unref());

// An owner refuses requests for a hold while it is not sure to be the owner, which happens on a busy machine.
const sure = (ask) => until('an owner that is sure', async () => {
  const answer = await ask();
  return (answer.status !== 503 || answer.json.code === 'outcome-unknown') && answer;
});

export class Ledger {
  constructor(seats, event, rng) {
    this.seats = seats;
    this.event = event;
    this.rng = rng;
    this.held = new Map(); // hold -> {seats, buyer}: got 201, not given back
    this.released = new Set(); // got 204
    this.unknown = new Map(); // hold -> ...: a give-back without a response
    this.openSeats = 0; // perhaps held: the request may have arrived, but no response came
    this.refused = 0; // requests that were never sent: connecting failed
    this.answers = new Map(); // status -> count
    this.running = false;
    this.left = 0; // holds whose buyer has left
  }

  // Starts `workers` buyers, each with its own connection and session.
  start(workers) {
    this.running = true;
    this.workers = Array.from({ length: workers }, () => this.#buy());
  }

  async stop() {
    this.running = false;
    await Promise.all(this.workers);
  }

  async #buy() {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    let buyer = visitor(this.seats, this.event, { agent });
    let mine = [];
    while (this.running) {
      const give = mine.length > 0 && (mine.length > 4 || this.rng.unit() < 0.4);
      if (give) {
        await this.#release(buyer, mine.shift());
      } else {
        const hold = await this.#hold(buyer);
        if (hold !== null) mine.push(hold);
      }
      if (this.rng.unit() < 0.05 && this.left < LEFT_MAX) {
        this.left += mine.length;
        buyer = visitor(this.seats, this.event, { agent });
        mine = [];
      }
    }
    agent.destroy();
  }

  #count(status) {
    this.answers.set(status, (this.answers.get(status) ?? 0) + 1);
  }

  async #hold(buyer) {
    const quantity = 1 + Math.floor(this.rng.unit() * 4);
    try {
      const answer = await buyer.hold({ best_available: { quantity, adjacent: false } });
      this.#count(answer.status);
      if (answer.status !== 201) {
        if (answer.json?.code === 'outcome-unknown') this.openSeats += quantity;
        if (answer.status >= 500) await pause();
        return null;
      }
      const { hold, seats } = answer.json;
      this.held.set(hold, { seats, buyer });
      return hold;
    } catch (error) {
      if (error.code === 'ERR_ASSERTION') throw error;
      if (neverSent(error)) this.refused += 1;
      else this.openSeats += quantity;
      this.#count('none');
      await pause();
      return null;
    }
  }

  async #release(buyer, hold) {
    const entry = this.held.get(hold);
    this.held.delete(hold);
    this.unknown.set(hold, entry);
    try {
      const answer = await buyer.release(hold);
      this.#count(answer.status);
      if (answer.status === 204) {
        this.unknown.delete(hold);
        this.released.add(hold);
      } else if (answer.status === 503 && answer.json.code !== 'outcome-unknown') {
        this.unknown.delete(hold);
        this.held.set(hold, entry);
      } else {
        assert.notEqual(answer.status, 410, `${hold} was answered and is gone: ${answer.text}`);
        assert.notEqual(answer.status, 404, `${hold} was answered and is unknown`);
      }
    } catch (error) {
      if (error.code === 'ERR_ASSERTION') throw error;
      if (neverSent(error)) {
        this.refused += 1;
        this.unknown.delete(hold);
        this.held.set(hold, entry);
      }
      this.#count('none');
    }
  }

  // Checks that every response is true: held seats are held, given back ones are free, and no more seats than those of
  // requests without a response are held in addition.
  async judge(service, seatCount, { timeoutMs } = {}) {
    assert.ok(this.answers.get(201) > 0, 'nobody was ever answered a hold: there is nothing to judge');
    await this.#untilPublished(service, seatCount, timeoutMs);
    const ask = (entry, hold) =>
      service.http.get(`/v1/seats/${this.event}/holds/${hold}`, { token: entry.buyer.token });
    const known = new Set();
    for (const [hold, entry] of this.held) {
      const answer = await sure(() => ask(entry, hold));
      assert.equal(answer.status, 200, `hold ${hold} was answered, now: ${answer.text}`);
      assert.deepEqual(answer.json.seats, entry.seats);
      for (const seat of entry.seats) {
        assert.ok(!known.has(seat), `seat ${seat} is in two holds`);
        known.add(seat);
      }
    }
    let perhaps = this.openSeats;
    for (const entry of this.unknown.values()) perhaps += entry.seats.length;
    const looker = visitor(service, this.event);
    await until(`${known.size} to ${known.size + perhaps} seats to be held`, async () => {
      const taken = (await picture(looker, seatCount)).filter((state) => state === 'held').length;
      if (taken >= known.size && taken <= known.size + perhaps) return true;
      throw new Error(`${taken} are held, ${known.size} were answered, ${perhaps} more may be`);
    }, { timeoutMs });
    return { answered: this.held.size, released: this.released.size, perhaps, refused: this.refused };
  }

  // Pictures are published five times a second, and an old one may happen to show a legal number of seats. A picture
  // that shows a marker seat free has all changes made before that seat was given back.
  async #untilPublished(service, seatCount, timeoutMs) {
    const marker = visitor(service, this.event);
    if (this.held.size === 0) {
      const { status, json, text } = await sure(() => marker.hold({ best_available: { quantity: 1, adjacent: false } }));
      assert.equal(status, 201, text);
      this.held.set(json.hold, { seats: json.seats, buyer: marker });
    }
    const ids = [...(await sure(() => marker.plan())).text.matchAll(/"(r\d+s\d+)"/g)].map(([, id]) => id);
    assert.equal(ids.length, seatCount, 'the plan names each seat, in the order of pictures');
    const [[hold, { seats, buyer }]] = this.held;
    const at = ids.indexOf(seats[0]);
    const shown = (state) =>
      until(`a picture with ${seats[0]} ${state}`, async () => (await picture(marker, seatCount))[at] === state, { timeoutMs });
    await shown('held');
    const given = await sure(() => service.http.delete(`/v1/seats/${this.event}/holds/${hold}`, { token: buyer.token }));
    assert.equal(given.status, 204, `hold ${hold} was answered, now: ${given.text}`);
    this.held.delete(hold);
    this.released.add(hold);
    await shown('free');
  }
}

// Compares the projection with the unique constraint with the journal.
export function judgeJournal(postgres) {
  assert.notEqual(postgres.sql('SELECT count(*) FROM seats.journal', 'seats'), '0', 'something was written');
  const gaps = postgres.sql(
    `SELECT count(*) FROM (SELECT seq - lag(seq, 1, 0::bigint) OVER (PARTITION BY event ORDER BY seq)
       AS step, changes FROM seats.journal) s WHERE step <> changes`,
    'seats',
  );
  assert.equal(gaps, '0', 'the journal has no gaps');
}

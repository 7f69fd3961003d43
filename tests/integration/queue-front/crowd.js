// A crowd that joins under load and retries unanswered joins, and the invariants of its places afterwards, whatever happened
// meanwhile.

import assert from 'node:assert/strict';
import { client, delay, until } from '../../lib-js/index.js';

// Joins until stop(), or until the deployment closes after a failed test. It records each visitor's place and retries
// unanswered joins. `shows` returns what the n-th visitor sends in addition to its key; a 422 is final.
export class Crowd {
  constructor(site, width, { shows = () => ({}), name = 'visitor' } = {}) {
    this.ports = site.fronts.map(({ port }) => port);
    this.places = new Map(); // idempotency key -> place, or the entry in a draw
    this.refused = new Map(); // idempotency key -> code
    this.shows = shows;
    this.name = name;
    this.tickets = [];
    this.turned = 0; // 503s and broken connections, all retried
    this.next = 0;
    this.going = true;
    this.left = false; // open joins end without an answer
    site.scope.defer(() => {
      this.going = false;
      this.left = true;
    });
    this.runs = Array.from({ length: width }, (_, i) => this.run(i));
  }

  // A crowd with at least that many places.
  static async begun(places, ...how) {
    const crowd = new Crowd(...how);
    await crowd.untilPlaces(places);
    return crowd;
  }

  async run(i) {
    while (this.going) {
      const nth = this.next++;
      await this.join(`${this.name}-${nth}`, i, this.shows(nth));
    }
  }

  async join(key, i, { headers = {}, body } = {}) {
    for (let attempt = 0; !this.left; attempt += 1) {
      const port = this.ports[(i + attempt) % this.ports.length];
      try {
        const answer = await client({ port }).post('/v1/queue/show/join', {
          headers: { 'idempotency-key': key, ...headers },
          body,
          timeoutMs: 3000,
        });
        if (answer.status === 201 || answer.status === 200) {
          const place = answer.json.position ?? answer.json.entry;
          this.places.set(key, place);
          this.tickets.push({ ticket: answer.json.ticket, place });
          return;
        }
        if (answer.status === 422) {
          this.refused.set(key, answer.json.code);
          return;
        }
        assert.ok([503, 404].includes(answer.status), `${answer.status} ${answer.text}`);
      } catch (error) {
        if (error.code === 'ERR_ASSERTION') throw error;
      }
      this.turned += 1;
      await delay(20);
    }
  }

  async untilPlaces(n) {
    const from = this.places.size;
    await until(`${n} more places`, () => this.places.size >= from + n);
  }

  async stop() {
    this.going = false;
    await Promise.all(this.runs);
  }

  async stopAfter(n) {
    await this.untilPlaces(n);
    await this.stop();
  }

  assertNoPlaceTwice() {
    const places = [...this.places.values()];
    assert.ok(places.length > 0, 'nobody was given a place');
    assert.equal(new Set(places).size, places.length, 'a place was given twice');
  }

  // The first and the last ten still have the same places.
  async assertPlaces(site) {
    this.assertNoPlaceTwice();
    await assertEveryTicketStands(site, [...this.tickets.slice(0, 10), ...this.tickets.slice(-10)]);
  }
}

// The answer to `ask`, after retrying 503s: a busy machine's front may not reach Redis in time.
export const answered = (ask) => until('an answer', async () => {
  const answer = await ask();
  return answer.status !== 503 && answer;
});

export async function assertEveryTicketStands(site, tickets) {
  assert.ok(tickets.length > 0 && site.fronts.some(({ child }) => child.running), 'somebody to ask about, and somebody to ask');
  for (const { ticket, place } of tickets) {
    for (const front of site.fronts.filter(({ child }) => child.running)) {
      const me = await answered(() => front.http.get('/v1/queue/show/me', { token: ticket }));
      assert.equal(me.status, 200, me.text);
      assert.equal(me.json.position, place);
    }
  }
}

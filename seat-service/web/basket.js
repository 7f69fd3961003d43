// basket.js: the visitor's holds, as last confirmed by the server. `hold` is the one that changes apply to; the others
// may come from another browser of the same visit. Changes are sent one at a time, each after the response to the
// previous one, so every seat shown as the visitor's is committed.

import { call, kept, Refused } from './kit.js';

export class Basket {
  constructor(event, { onChange, needs }) {
    this.path = `/v1/seats/${event}/holds`;
    this.note = kept(`fg-hold-${event}`);
    this.onChange = onChange;
    this.holds = []; // open holds first
    this.needs = needs; // {access, code}: unlock accessible seats and seats behind a code
    this.last = Promise.resolve();
  }

  get hold() { return this.holds[0] ?? null; }

  get seats() { return this.hold?.seats ?? []; }

  get expiresAt() { return Math.min(...this.holds.map((hold) => Date.parse(hold.expires_at))); }

  get closed() { return this.hold !== null && this.hold.state !== 'open'; }

  take(holds) {
    this.holds = holds.filter(({ state }) => state === 'open' || state === 'paying').sort((a, b) => a.state.localeCompare(b.state));
    this.note.set(this.holds.map(({ hold, state, seats }) => [hold, state, seats])); // makes other tabs reload their holds
    this.onChange();
  }

  async restore() {
    this.take((await call('GET', this.path)).holds);
  }

  // Runs tasks one at a time; a failed one does not stop the next.
  queue(work) {
    const next = this.last.then(work, work);
    this.last = next.catch(() => {});
    return next;
  }

  // `work` resolves to the new or changed hold, or to null if `hold` (by default the current one) has ended.
  change(work, hold = null) {
    return this.queue(async () => {
      const was = hold ?? this.hold;
      const become = (next) => this.take([next, ...this.holds.filter((one) => one.hold !== (next ?? was)?.hold)].filter(Boolean));
      try {
        become(await work());
      } catch (error) {
        if (error instanceof Refused && error.status === 410) become(null);
        throw error;
      }
    });
  }

  add(ids) {
    return this.change(() => (this.hold
      ? call('PATCH', `${this.path}/${this.hold.hold}`, { add: ids, ...this.needs })
      : call('POST', this.path, { seats: ids, ...this.needs })));
  }

  // Exchanges all seats of the hold for others in one request.
  exchange(ids) {
    return this.change(() => call('PATCH', `${this.path}/${this.hold.hold}`, { add: ids, remove: this.seats, ...this.needs }));
  }

  async alternatives() {
    const { alternatives } = await call('GET', `${this.path}/${this.hold.hold}/alternatives`);
    return alternatives;
  }

  remove(id) {
    const hold = this.holds.find(({ seats }) => seats.includes(id));
    if (hold.seats.length <= 1) return this.giveBack(hold);
    return this.change(() => call('PATCH', `${this.path}/${hold.hold}`, { remove: [id] }), hold);
  }

  // Standing places, or another number of those that are held.
  area(area, quantity) {
    return this.change(() => (this.hold?.area === area
      ? call('PATCH', `${this.path}/${this.hold.hold}`, { quantity, ...this.needs })
      : call('POST', this.path, { area, quantity, ...this.needs })));
  }

  giveBack(hold) {
    return this.change(async () => {
      if (this.holds.some((one) => one.hold === hold.hold)) await call('DELETE', `${this.path}/${hold.hold}`);
      return null;
    }, hold);
  }
}

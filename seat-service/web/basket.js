// basket.js: the visitor's hold, as the server has it. Changes go one after the other, each answered
// before the next; every seat shown as ours is committed.

import { call, Refused } from './kit.js';

export class Basket {
  constructor(event, { onChange, needs }) {
    this.path = `/v1/seats/${event}/holds`;
    this.kept = `fg-hold-${event}`;
    this.onChange = onChange;
    this.hold = null;
    this.needs = needs; // {access, code}: unlock the seats kept for those who need or know it
    this.last = Promise.resolve();
  }

  get seats() { return this.hold?.seats ?? []; }

  get expiresAt() { return this.hold ? Date.parse(this.hold.expires_at) : 0; }

  get closed() { return this.hold !== null && this.hold.state !== 'open'; }

  take(hold) {
    this.hold = hold && (hold.state === 'open' || hold.state === 'paying') ? hold : null;
    try {
      if (this.hold) localStorage.setItem(this.kept, `${hold.hold} ${hold.state} ${hold.seats}`); // other tabs notice when this changes
      else localStorage.removeItem(this.kept);
    } catch { /* a browser without storage forgets on reload; the seats go back in time */ }
    this.onChange();
  }

  // After a reload, back from the checkout, or in a second tab, which shares these seats.
  async restore() {
    let hold = null;
    try { [hold] = localStorage.getItem(this.kept)?.split(' ') ?? [null]; } catch { /* see take() */ }
    if (hold && hold !== this.hold?.hold) this.hold = { hold, seats: [] };
    if (this.hold) await this.reread();
  }

  async reread() {
    try {
      this.take(await call('GET', `${this.path}/${this.hold.hold}`));
    } catch (error) {
      if (error.status !== 404 && error.status !== 410 && error.status !== 409) throw error;
      this.take(null);
    }
  }

  // One after the other, even after one that failed.
  queue(work) {
    const next = this.last.then(work, work);
    this.last = next.catch(() => {});
    return next;
  }

  change(work) {
    return this.queue(async () => {
      try {
        this.take(await work());
      } catch (error) {
        if (error instanceof Refused && error.status === 410) this.take(null);
        throw error;
      }
    });
  }

  add(ids) {
    return this.change(() => (this.hold
      ? call('PATCH', `${this.path}/${this.hold.hold}`, { add: ids, ...this.needs })
      : call('POST', this.path, { seats: ids, ...this.needs })));
  }

  // Exchanges all of them for others, in one step.
  exchange(ids) {
    return this.change(() => call('PATCH', `${this.path}/${this.hold.hold}`, { add: ids, remove: this.seats, ...this.needs }));
  }

  async alternatives() {
    const { alternatives } = await call('GET', `${this.path}/${this.hold.hold}/alternatives`);
    return alternatives;
  }

  remove(id) {
    if (this.seats.length <= 1) return this.giveBack();
    return this.change(() => call('PATCH', `${this.path}/${this.hold.hold}`, { remove: [id] }));
  }

  area(area, quantity) {
    return this.change(() => call('POST', this.path, { area, quantity, ...this.needs }));
  }

  giveBack() {
    return this.change(async () => {
      if (this.hold) await call('DELETE', `${this.path}/${this.hold.hold}`);
      return null;
    });
  }
}


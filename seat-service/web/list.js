// list.js: the same hall without a picture: choose a section, then a row, then seats. Each of these
// is an ordinary control, so keyboard and screen reader need nothing of ours.

import { byId, make, say } from './kit.js';
import { FREE, HELD, SOLD } from './plan.js';

export class SeatList {
  constructor(plan, { onTake, priceOf, marksOf, wayTo, mine, pending, wanted }) {
    this.plan = plan;
    this.onTake = onTake;
    this.priceOf = priceOf;
    this.marksOf = marksOf;
    this.wayTo = wayTo;
    this.mine = mine;
    this.pending = pending;
    this.wanted = wanted;
    this.zones = byId('list-zone');
    this.rows = byId('list-row');
    this.seats = byId('list-seats');
    this.zones.append(...plan.zones.map((zone, z) => make('option', { value: z })));
    this.zones.addEventListener('change', () => this.openZone(Number(this.zones.value), 0));
    this.rows.addEventListener('change', () => this.openRow(Number(this.rows.value)));
    this.seats.addEventListener('click', (event) => {
      const button = event.target.closest('button');
      if (button) this.onTake(Number(button.dataset.seat));
    });
    this.openZone(0, 0);
  }

  get zone() { return this.plan.zones[Number(this.zones.value)]; }

  openZone(z, row) {
    this.zones.value = String(z);
    this.rows.replaceChildren(...this.zone.rows.map((_, r) => make('option', { value: r })));
    this.openRow(row);
  }

  openRow(r) {
    this.rows.value = String(r);
    const row = this.zone.rows[r];
    const items = [];
    for (let i = row.from; i < row.to; i++) items.push(make('li', {}, make('button', { type: 'button', 'data-seat': i })));
    this.seats.replaceChildren(...items);
    const ways = new Set(Array.from({ length: row.to - row.from }, (_, n) => this.wayTo(row.from + n)));
    byId('list-way').textContent = [...ways].filter(Boolean).join(' / ');
    this.refresh();
  }

  show(seat) {
    this.openZone(this.plan.zoneOf[seat], this.plan.rowOf[seat]);
  }

  freeOf(row) {
    let free = 0;
    for (let i = row.from; i < row.to; i++) if (this.plan.state[i] === FREE && this.wanted[this.plan.category[i]]) free++;
    return free;
  }

  // What is there stays there and only its words change: the focus is never lost.
  refresh() {
    const put = (element, text) => { if (element.textContent !== text) element.textContent = text; };
    [...this.zones.options].forEach((option, z) => {
      const zone = this.plan.zones[z];
      put(option, say('list.zone', zone.name, zone.shown));
    });
    [...this.rows.options].forEach((option, r) => {
      const row = this.zone.rows[r];
      put(option, say('list.row', row.label, this.freeOf(row)));
    });
    for (const button of this.seats.querySelectorAll('button')) this.refreshSeat(button, put);
  }

  refreshSeat(button, put) {
    const i = Number(button.dataset.seat);
    const mine = this.mine.has(i);
    const state = this.plan.state[i];
    const free = state === FREE && this.wanted[this.plan.category[i]];
    button.setAttribute('aria-pressed', String(mine));
    // Not `disabled`: a seat that is taken while it has the focus would throw the focus away.
    button.setAttribute('aria-disabled', String(!mine && !free));
    const how = this.pending.has(i) ? say('seat.pending') : mine ? say('seat.mine') : free ? this.priceOf(i) : state === HELD ? say('seat.held') : state === SOLD ? say('seat.sold') : state === FREE ? say('seat.filtered') : say('seat.blocked');
    put(button, [say('list.seat', this.plan.numbers[i], how), ...this.marksOf(i)].join(' · '));
  }
}

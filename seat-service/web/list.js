// list.js: the hall as a list: choose a section, then a row, then seats. It uses only standard controls, so it works
// with keyboards and screen readers. The cheapest sections come first, each with its lowest price and its longest run
// of adjacent free seats.

import { byId, make, say } from './kit.js';
import { Compare } from './compare.js';
import { FREE } from './plan.js';

const CARDS = 6; // shown at first, and added by each press on "more"
const AISLE = 1.7; // in usual seat distances: seats farther apart are not neighbours

const put = (element, text) => { if (element.textContent !== text) element.textContent = text; };

export class SeatList {
  // {onTake, priceOf(i), priceOfCategory(c), offerOf, stateOf, marksOf, wayTo, mine, pending, wanted, pitch}
  constructor(plan, handlers) {
    Object.assign(this, { plan }, handlers);
    this.zones = byId('list-zone');
    this.rows = byId('list-row');
    this.seats = byId('list-seats');
    this.cards = byId('list-cards');
    this.zones.append(...this.cheapestFirst().map((z) => make('option', { value: z })));
    this.zones.addEventListener('change', () => this.openZone(Number(this.zones.value), 0));
    this.rows.addEventListener('change', () => this.openRow(Number(this.rows.value)));
    this.seats.addEventListener('click', (event) => {
      const seat = Number(event.target.closest('button')?.dataset.seat ?? NaN);
      if (seat >= 0 && !this.isFiltered(seat)) this.onTake(seat);
    });
    this.compare = new Compare(this);
    this.cards.addEventListener('click', (event) => {
      const button = event.target.closest('button');
      if (!button) return;
      if (button.dataset.compare) this.compare.pick(Number(button.dataset.compare));
      else this.choose(Number(button.dataset.zone));
    });
    byId('list-more').addEventListener('click', () => this.showCards(this.cards.children.length + CARDS));
    if (plan.n > 0) this.openZone(0, 0);
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

  // Moves the focus to the choice of sections.
  choose(z) {
    this.openZone(z, this.firstRow(this.plan.zones[z]));
    this.zones.focus();
  }

  show(seat) {
    this.openZone(this.plan.zoneOf[seat], this.plan.rowOf[seat]);
  }

  cheapestFirst() {
    const { prices, zones } = this.plan;
    const priceOf = ({ parts }) => Math.min(...parts.map(({ category }) => prices[category]));
    return zones.map((_, z) => z).sort((a, b) => priceOf(zones[a]) - priceOf(zones[b]) || a - b);
  }

  // Builds the cards of sections, cheapest first, when the list is opened or the filter changes. In between, cards keep
  // their places.
  showCards(count = CARDS) {
    const open = this.cheapestFirst().filter((z) => this.plan.zones[z].shown > 0);
    this.cards.replaceChildren(...open.slice(0, count).map((z) => make('li', {}, make('button', { type: 'button', 'data-zone': z }, make('b'), make('span'), make('small')), this.compare.button(z))));
    byId('list-more').hidden = open.length <= count;
    this.refresh();
  }

  isFree(i) { return this.plan.mayTake(i) && this.wanted[this.plan.category[i]]; }

  // Left out by the filter: its price is not shown, so it is not taken either.
  isFiltered(i) { return this.plan.state[i] === FREE && !this.mine.has(i) && !this.wanted[this.plan.category[i]]; }

  besides(i, row) {
    const { x, y } = this.plan;
    return i + 1 < row.to && Math.hypot(x[i + 1] - x[i], y[i + 1] - y[i]) <= AISLE * this.pitch;
  }

  // How many seats are free, and the longest run of adjacent free seats.
  freeOf(row) {
    let [free, together, run] = [0, 0, 0];
    for (let i = row.from; i < row.to; i++) {
      run = this.isFree(i) ? run + 1 : 0;
      if (run > 0) free++;
      together = Math.max(together, run);
      if (!this.besides(i, row)) run = 0;
    }
    return { free, together };
  }

  firstRow(zone) {
    return Math.max(0, zone.rows.findIndex((row) => this.freeOf(row).together > 1));
  }

  // Elements stay and only their texts change, so the focus is not lost.
  refresh() {
    if (byId('list-view').hidden) return;
    for (const option of this.zones.options) {
      const zone = this.plan.zones[option.value];
      put(option, zone.shown > 0 ? say('list.zone-from', zone.name, zone.shown, this.priceOfCategory(zone.cheapest)) : say('list.zone', zone.name, 0));
    }
    [...this.rows.options].forEach((option, r) => {
      const { free, together } = this.freeOf(this.zone.rows[r]);
      put(option, say(together > 1 ? 'list.row-together' : 'list.row', this.zone.rows[r].label, free, together));
    });
    for (const button of this.seats.querySelectorAll('button')) this.refreshSeat(button);
    for (const button of this.cards.querySelectorAll('[data-zone]')) this.refreshCard(button);
    this.compare.refresh();
  }

  togetherOf(zone) {
    return Math.max(...zone.rows.map((row) => this.freeOf(row).together));
  }

  refreshCard(button) {
    const zone = this.plan.zones[button.dataset.zone];
    const together = this.togetherOf(zone);
    const [name, price, left] = button.children;
    put(name, zone.name);
    put(price, zone.shown > 0 ? this.priceOfCategory(zone.cheapest) : say(zone.free > 0 ? 'seat.filtered' : 'seat.sold'));
    put(left, [say('map.left', zone.shown), together > 1 ? say('list.together', together) : ''].filter(Boolean).join(' · '));
  }

  refreshSeat(button) {
    const i = Number(button.dataset.seat);
    const mine = this.mine.has(i);
    const free = this.isFree(i);
    const filtered = this.isFiltered(i);
    const row = this.zone.rows[this.plan.rowOf[i]];
    button.setAttribute('aria-pressed', String(mine));
    // Not `disabled`: a focused seat that somebody else takes would lose the focus.
    button.setAttribute('aria-disabled', String(filtered || !this.offerOf(i)));
    button.parentElement.classList.toggle('joined', (free || mine) && this.besides(i, row) && (this.isFree(i + 1) || this.mine.has(i + 1)));
    const how = filtered ? say('seat.filtered') : free && !mine && !this.pending.has(i) ? this.priceOf(i) : this.stateOf(i);
    const label = this.plan.labelOf(i);
    put(button, [label ? `${label} – ${how}` : say('list.seat', this.plan.numberOf(i), how), ...this.marksOf(i)].join(' · '));
  }
}

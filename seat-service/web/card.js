// card.js: a card with a seat's name, price and facts, shown before the visitor takes it. It stays next to its seat as
// the map moves, on a side that the map's controls leave free.

import { DOUBLE_MS } from './fingers.js';
import { announce, byId } from './kit.js';

const GAP_PX = 8;
const EDGE_PX = 6;

export class Card {
  constructor(map) {
    this.map = map;
    this.box = byId('card');
    this.wide = this.high = 0;
  }

  // {name, price, facts, take: the button's label, empty to hide it, view: whether there is a picture}
  show(shown, byKey) {
    const opened = this.box.hidden;
    for (const [id, text] of [['card-name', shown.name], ['card-price', shown.price], ['card-facts', shown.facts], ['card-take', shown.take]]) {
      if (byId(id).textContent !== text) byId(id).textContent = text;
    }
    byId('card-take').hidden = !shown.take;
    byId('card-view').hidden = !shown.view;
    this.box.hidden = false;
    [this.wide, this.high] = [this.box.offsetWidth, this.box.offsetHeight];
    if (opened || this.seat !== this.map.asked) this.makeRoom();
    this.seat = this.map.asked;
    this.place();
    if (byKey) byId(shown.take ? 'card-take' : 'card-close').focus({ preventScroll: true });
    else if (opened) {
      announce([shown.name, shown.price, shown.facts].join(' · '));
      this.box.inert = true; // the second tap of a double tap is meant for the map
      setTimeout(() => { this.box.inert = false; }, DOUBLE_MS);
    }
  }

  hide() {
    this.box.hidden = true;
  }

  // Moves the map if the card fits on no side of its seat.
  makeRoom() {
    const { map } = this;
    if (!this.measure() || this.side() !== 'none') return;
    const up = Math.max(0, this.y + this.reach + this.high - this.bottom);
    const down = Math.max(0, this.top + this.high + this.reach - this.y);
    map.see({ ...map.view, y: map.view.y + (up <= down ? -up : down) });
  }

  // Sets the seat's position on the map, the card's distance from it, and the area for cards. Returns false if the seat
  // is out of view.
  measure() {
    const { map, map: { view, plan, taken } } = this;
    this.x = plan.x[map.asked] * view.k + view.x;
    this.y = plan.y[map.asked] * view.k + view.y;
    this.reach = Math.max(5, map.seatPx * 0.62) + GAP_PX;
    this.top = taken.top + EDGE_PX;
    this.right = map.width - taken.right - EDGE_PX;
    this.bottom = map.height - taken.bottom - EDGE_PX;
    return this.x >= 0 && this.y >= 0 && this.x <= map.width && this.y <= map.height;
  }

  side() {
    if (this.y + this.reach + this.high <= this.bottom) return 'below';
    if (this.y - this.reach - this.high >= this.top) return 'above';
    if (this.x + this.reach + this.wide <= this.right) return 'right';
    return this.x - this.reach - this.wide >= EDGE_PX ? 'left' : 'none';
  }

  // Called each time the map is drawn.
  place() {
    if (this.box.hidden || this.map.asked < 0) return;
    const seen = this.measure();
    this.box.style.visibility = seen ? '' : 'hidden';
    if (!seen) return;
    const side = this.side();
    const level = side === 'right' || side === 'left';
    const x = side === 'right' ? this.x + this.reach : side === 'left' ? this.x - this.reach - this.wide : this.x - this.wide / 2;
    const y = level ? this.y - this.high / 2 : side === 'above' ? this.y - this.reach - this.high : this.y + this.reach;
    const left = Math.round(Math.max(EDGE_PX, Math.min(this.right - this.wide, x)));
    const top = Math.round(Math.max(this.top, Math.min(this.bottom - this.high, y)));
    this.box.style.translate = `${left}px ${top}px`;
  }
}

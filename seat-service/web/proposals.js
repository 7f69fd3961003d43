// proposals.js: shows the best available seats with place and price, numbered on the map, before any of them is held.
// The nearest to the stage come first, or the cheapest, as the visitor prefers.

import { byId, make, money, say } from './kit.js';
import { FREE } from './plan.js';

const SHOWN_MAX = 3;

export class Proposals {
  // {plan, map, info, nameOf(places), listed(total), choose(ids, places), holding(): whether seats are held already}
  constructor(handlers) {
    Object.assign(this, handlers);
    this.shown = [];
    byId('proposals-close').addEventListener('click', () => this.close());
  }

  show(proposals, nearFirst) {
    const { plan } = this;
    const far = ({ places }) => places.reduce((sum, i) => sum + Math.hypot(plan.x[i] - plan.focal.x, plan.y[i] - plan.focal.y), 0);
    const found = proposals.map((one) => ({ ...one, places: one.seats.map((id) => plan.placeOf(id)) }));
    this.shown = found.sort((a, b) => (nearFirst ? far(a) - far(b) : a.total - b.total)).slice(0, SHOWN_MAX);
    byId('proposals-list').replaceChildren(...this.shown.map((one, n) => this.card(one, n + 1)));
    byId('proposals').hidden = false;
    this.map.offers.show(this.shown.map(({ places }) => places));
    byId('proposals-list').querySelector('.main').focus({ preventScroll: true });
  }

  card({ category, seats, places, total }, number) {
    const look = make('button', { type: 'button', className: 'look', textContent: number, 'aria-label': say('best.look', number) });
    const take = make('button', { type: 'button', className: 'main', textContent: say(this.holding() ? 'best.replace' : 'pick.take') });
    look.addEventListener('click', () => this.map.showSeats(places));
    take.addEventListener('click', () => { if (take.ariaDisabled !== 'true') this.choose(seats, places); });
    const sum = this.listed(total);
    const each = money(total / places.length, this.info.currency);
    return make('li', {}, look, make('span', {}, make('b', { textContent: this.nameOf(places) }), make('span', { textContent: `${category} · ${places.length > 1 ? say('best.each', sum, each) : sum}` })), take);
  }

  // Marks proposals that other visitors have taken meanwhile; a press exchanges seats if some are held. Not `disabled`:
  // that would lose the focus.
  refresh() {
    byId('proposals-list').querySelectorAll('.main').forEach((button, n) => {
      const gone = this.shown[n].places.some((i) => this.plan.state[i] !== FREE && !this.map.mine.has(i));
      const text = say(gone ? 'seat.sold-now' : this.holding() ? 'best.replace' : 'pick.take');
      button.setAttribute('aria-disabled', String(gone));
      if (button.textContent !== text) button.textContent = text;
    });
  }

  close() {
    if (byId('proposals').hidden) return;
    if (byId('proposals').contains(document.activeElement)) byId('best').querySelector('summary').focus({ preventScroll: true });
    byId('proposals').hidden = true;
    this.shown = [];
    byId('proposals-list').replaceChildren();
    this.map.offers.show([]);
  }
}

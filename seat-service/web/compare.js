// compare.js: compares two sections: prices, seats left, the longest run of adjacent free seats, distance to the stage,
// facts, the way, and the view. Picking a third section replaces the older of the two.

import { byId, make, say } from './kit.js';
import { sightOf } from './sight.js';

export class Compare {
  // `list`: the SeatList whose sections are compared
  constructor(list) {
    Object.assign(this, { list, plan: list.plan, picked: [] });
    this.box = byId('compare');
    this.nearness = null;
  }

  button(z) {
    const { name } = this.plan.zones[z];
    return make('button', { type: 'button', className: 'small', 'data-compare': z, textContent: say('compare.pick'), 'aria-label': `${say('compare.pick')}: ${name}`, 'aria-pressed': String(this.picked.includes(z)) });
  }

  pick(z) {
    this.picked = this.picked.includes(z) ? this.picked.filter((other) => other !== z) : [...this.picked.slice(-1), z];
    for (const button of this.list.cards.querySelectorAll('[data-compare]')) button.setAttribute('aria-pressed', String(this.picked.includes(Number(button.dataset.compare))));
    this.draw();
  }

  // The percentage of all seats that are at least as far from the stage as the section's median seat. A plan does not
  // say how long its unit is in metres.
  nearOf(zone) {
    const { n, x, y, focal } = this.plan;
    const far = (i) => Math.hypot(x[i] - focal.x, y[i] - focal.y);
    this.nearness ??= Float32Array.from({ length: n }, (_, i) => far(i)).sort();
    const own = Float32Array.from({ length: zone.to - zone.from }, (_, i) => far(zone.from + i)).sort();
    const middle = own[own.length >> 1];
    const nearer = this.nearness.findIndex((other) => other >= middle);
    return Math.round(100 * (1 - nearer / n));
  }

  factsOf(zone) {
    const { list, plan } = this;
    const prices = [...new Set(zone.parts.filter(({ shown }) => shown > 0).map(({ category }) => category))].map((c) => `${plan.categories[c].name} ${list.priceOfCategory(c)}`);
    const noted = (words) => [...new Set(Array.from({ length: zone.to - zone.from }, (_, i) => words(zone.from + i)).flat().filter(Boolean))].slice(0, 3).join(', ');
    return [
      ['compare.price', prices.join(', ')],
      ['compare.left', zone.shown],
      ['compare.together', list.togetherOf(zone)],
      ['compare.near', say('compare.near-share', this.nearOf(zone))],
      ['compare.know', noted(list.marksOf)],
      ['compare.way', noted(list.wayTo)],
    ];
  }

  draw() {
    const zones = this.picked.map((z) => this.plan.zones[z]);
    this.box.hidden = zones.length === 0;
    if (zones.length < 2) {
      this.box.replaceChildren(...zones.map(({ name }) => make('p', { role: 'status', textContent: say('compare.other', name) })));
      return;
    }
    const columns = zones.map((zone) => this.factsOf(zone));
    const line = (label, cells) => make('tr', {}, make('th', { scope: 'row', textContent: say(label) }), ...cells);
    const cell = (...content) => make('td', {}, ...content);
    const rows = columns[0].map(([label], n) => line(label, columns.map((facts) => cell(String(facts[n][1] || say('compare.none'))))));
    if (zones.some(({ view }) => view)) rows.push(line('compare.sight', zones.map((zone) => cell(zone.view ? sightOf(zone) : say('compare.none')))));
    const choose = this.picked.map((z) => {
      const button = make('button', { type: 'button', className: 'main', textContent: say('compare.choose'), 'aria-label': `${say('compare.choose')}: ${this.plan.zones[z].name}` });
      button.addEventListener('click', () => this.list.choose(z));
      return cell(button);
    });
    this.box.replaceChildren(make('table', {},
      make('thead', {}, make('tr', {}, make('td'), ...zones.map(({ name }) => make('th', { scope: 'col', textContent: name })))),
      make('tbody', {}, ...rows),
      make('tfoot', {}, make('tr', {}, make('td'), ...choose))));
    this.box.scrollIntoView({ block: 'nearest' });
  }

  // Updates only changed cells, because replacing the table would lose the focus on a button.
  refresh() {
    const rows = this.box.querySelectorAll('tbody tr');
    if (rows.length === 0) return;
    this.picked.forEach((z, n) => this.factsOf(this.plan.zones[z]).forEach(([, fact], row) => {
      const at = rows[row].cells[n + 1];
      const text = String(fact || say('compare.none'));
      if (at.textContent !== text) at.textContent = text;
    }));
  }
}

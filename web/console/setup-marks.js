// setup-marks.js: the wheelchair places of a hall from a file, each with its companions' seats, chosen by section, row and
// seat. The service never guesses them from the names in a plan.

import { accessibleIn, seatsByRow, withAccessible, withoutAccessible } from './blocks.js';
import { announce, make, say } from './kit.js';
import { button, fieldOf, number } from './ui.js';

// `sale()` is the sale to mark. Returns the section, and show() for after another sale was chosen.
export function marksOf(sale) {
  const [zone, row, place, companion] = ['zone', 'row', 'place', 'companion'].map((name) => make('select', { id: `mark-${name}` }));
  const title = make('summary', {});
  const list = make('ul', { id: 'marks', className: 'trail' });
  let plan = null; // whose sections and names these are:
  let sections = [];
  let names = new Map(); // of seats

  const fill = (select, all, chosen = select.value) => {
    select.replaceChildren(...all.map(([value, words]) => make('option', { value }, words)));
    select.value = all.some(([value]) => value === chosen) ? chosen : all[0]?.[0];
  };

  // A companion's seat is not accessible itself.
  function fillSeats() {
    const marked = accessibleIn(sale().base);
    const companions = new Set(marked.flatMap((one) => one.companions));
    const places = new Set(marked.map(({ guid }) => guid));
    const seats = sections[zone.value].rows[row.value].seats.map(({ guid, name }) => [guid, name]);
    fill(place, seats.filter(([guid]) => !companions.has(guid)));
    fill(companion, [['', say('setup.no-companion')], ...seats.filter(([guid]) => guid !== place.value && !companions.has(guid) && !places.has(guid))]);
    add.disabled = place.value === '';
  }

  function fillRows() {
    fill(row, sections[zone.value].rows.map(({ name }, n) => [String(n), name]), '0');
    fillSeats();
  }

  function show() {
    const { base } = sale();
    if (base.plan !== plan) {
      plan = base.plan;
      sections = seatsByRow(plan);
      names = new Map(sections.flatMap((section) => section.rows.flatMap(({ name, seats }) => seats.map((seat) => [seat.guid, say('seats.name', section.name, name, seat.name)]))));
      fill(zone, sections.map(({ name }, n) => [String(n), name]), '0');
      if (sections.length > 0) fillRows();
    }
    at.hidden = sections.length === 0;
    const marked = accessibleIn(base);
    const nameOf = (guid) => names.get(guid) ?? guid;
    title.textContent = `${say('setup.accessible')}: ${number(marked.length)}`;
    list.replaceChildren(...marked.map(({ guid, companions }) => make('li', { className: 'card row' },
      make('span', {}, [nameOf(guid), ...companions.map((one) => `${say('setup.companion')}: ${nameOf(one)}`)].join(' · ')),
      button(say('schedule.remove'), () => change(withoutAccessible(base, guid)), { className: 'quiet', 'aria-label': say('setup.remove', nameOf(guid)) }))));
  }

  function change(base) {
    sale().base = base;
    show();
    fillSeats();
    place.focus();
    announce(title.textContent);
  }

  const add = button(say('setup.mark'), () => change(withAccessible(sale().base, place.value, companion.value)), { id: 'mark' });
  for (const [select, fillNext] of [[zone, fillRows], [row, fillSeats], [place, fillSeats]]) select.addEventListener('change', fillNext);
  const at = make('details', { id: 'hall-marks' }, title, make('div', { className: 'stack' }, make('p', { className: 'small' }, say('setup.accessible-help')), list,
    make('div', { className: 'row end' }, fieldOf(zone, say('pick.zone')), fieldOf(row, say('pick.row')), fieldOf(place, say('setup.place')), fieldOf(companion, say('setup.companion')), add)));
  return { at, show };
}

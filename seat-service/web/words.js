// words.js: texts about seats: names, prices, states.

import { byId, info, inRuns, labelsInRuns, lang, map, mine, money, opened, plan, say, whyNot, FREE, HELD, SOLD } from './hall.js';

// The name of seats of one row.
function nameIn(places) {
  const zone = plan.zones[plan.zoneOf[places[0]]];
  const seats = places.map((i) => ({ number: plan.numberOf(i), label: plan.labelOf(i) }));
  const isLabelled = Boolean(seats[0].label);
  return say(isLabelled ? 'seat.labelled' : 'seat.name', zone.name, zone.rows[plan.rowOf[places[0]]].label, isLabelled ? labelsInRuns(seats) : inRuns(seats.map(({ number }) => number)));
}
export const nameOf = (i) => nameIn([i]);

// Several seats in one line, grouped by row.
export function nameOfAll(places) {
  const rows = new Map();
  for (const i of places) {
    const row = plan.zones[plan.zoneOf[i]].rows[plan.rowOf[i]];
    rows.set(row, [...rows.get(row) ?? [], i]);
  }
  return [...rows.values()].map(nameIn).join(' · ');
}
export const termsOf = (i) => info.categories[plan.category[i]]; // categories are in the plan's order
export const priceOf = (i) => money(termsOf(i).price, info.currency);

// One sentence about all fees; listed() adds a note to each sum.
export function tellFees() {
  const { per_seat: seat, per_order: order, basis_points: share } = info.fees ?? {};
  const parts = [seat && say('fees.seat', money(seat, info.currency)), share && say('fees.share', (share / 100).toLocaleString(lang)), order && say('fees.order', money(order, info.currency))];
  byId('fees').textContent = info.fees ? say('fees.told', parts.filter(Boolean).join(' + ')) : '';
}

// The price of one seat with its fees, followed by the fee per order.
export function allIn(i) {
  const { per_seat: seat = 0, per_order: order = 0, basis_points: share = 0 } = info.fees ?? {};
  const { price } = termsOf(i);
  const fees = seat + Math.round(price * share / 10_000);
  const due = money(price + fees, info.currency);
  return [fees > 0 ? say('cart.with-fees', due, money(fees, info.currency)) : due, order > 0 && `+ ${say('fees.order', money(order, info.currency))}`].filter(Boolean).join(' ');
}

export function listed(total) {
  const prices = money(total, info.currency);
  return info.fees ? say('fees.plus', prices) : prices;
}

// What the buyer should know before taking the seat. wayTo() says how to get to it.
export function marksOf(i) {
  const { flags = [], sight, channel } = plan.notes.get(i) ?? {};
  return [...flags.map((flag) => say(`flag.${flag}`)), channel && channel !== opened.channel ? say('flag.channel') : '', sight].filter(Boolean);
}

export function wayTo(i) {
  const { entrance, floor } = plan.notes.get(i) ?? {};
  return [entrance, floor].filter(Boolean).join(' · ');
}

// The seat's state, or why it is not available.
export function stateOf(i) {
  const state = plan.state[i];
  return map.pending.has(i) ? say('seat.pending') : mine.has(i) ? say('seat.mine') : state === FREE ? whyNot(i) || say('seat.free') : state === HELD ? say('seat.held') : state === SOLD ? say('seat.sold') : say('seat.blocked');
}

export function describe(i) {
  return [nameOf(i), `${termsOf(i).name} ${priceOf(i)}`, stateOf(i), ...marksOf(i), wayTo(i)].filter(Boolean).join(' · ');
}

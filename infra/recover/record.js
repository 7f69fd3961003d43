// record.js: what visitors were promised in answers, and which of it is gone.

import { until } from '../../tests/lib-js/wait.js';

export class Record {
  noted = []; // {at, what: place | order | sold | tickets, ...}

  // Called by visitors.js.
  note = (entry) => this.noted.push(entry);

  of(what, from = 0) {
    return this.noted.filter((each) => each.what === what && each.at > from);
  }

  // Waits for `many` of them since `from`.
  until(what, many, from = 0) {
    return until(`${many} of: ${what}`, () => this.of(what, from).length >= many, { timeoutMs: 180_000, everyMs: 50 });
  }

  // The promises that a place's books lack or contradict.
  async lost(place) {
    const orders = new Map(place.rows('payment_adapter', 'SELECT id, status, seats FROM pay.orders').map((row) => [row.id, row]));
    const tickets = new Set(place.rows('payment_adapter', 'SELECT id FROM pay.ticket WHERE revoked_at IS NULL').map(({ id }) => id));
    const exported = await place.admin('seats').get(`/admin/events/${place.event}/export`);
    const sold = new Set(exported.json.map(({ seat, order }) => `${order} ${seat}`));
    const there = {
      order: ({ order }) => orders.has(order),
      sold: ({ order, seats }) => orders.get(order)?.status === 'completed' && seats.every((seat) => orders.get(order).seats.includes(seat) && sold.has(`${order} ${seat}`)),
      tickets: (entry) => entry.tickets.every((ticket) => tickets.has(ticket)),
    };
    return this.noted.filter((entry) => entry.what in there && !there[entry.what](entry));
  }
}

const NAMES = { order: 'orders', sold: 'sales', tickets: "orders' tickets", place: 'places' };

// "3 orders, 2 sales" or "nothing".
export function counted(lost) {
  const words = Object.entries(NAMES).map(([what, name]) => [lost.filter((each) => each.what === what).length, name]).filter(([many]) => many > 0);
  return words.length === 0 ? 'nothing' : words.map(([many, name]) => `${many} ${name}`).join(', ');
}

// The age of the oldest loss at the moment of the failure: how much time was lost.
export const ageOf = (lost, at) => (lost.length === 0 ? 0 : Math.max(0, at - Math.min(...lost.map((each) => each.at))));

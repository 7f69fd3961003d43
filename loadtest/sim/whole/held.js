// held.js: compares the simulation with measurements. `flood`, `standing` and `onsale` are scenarios of loadtest (results in
// RESULTS.md), simulated with the same setup: everything on two cores, including the crowd.

import { askOf } from './ask.js';
import { runSale } from './sale.js';

const NO_EDGE = { edge_request_us: 0, front_page_us: 0 };
const s = (value) => `${value.toFixed(1)} s`;

// A million joins, half of them due in the first of ten seconds. Front and Redis share one core, the crowd has the other.
function flood() {
  const sale = runSale(askOf({
    visitors: 1_000_000, withinS: 10, arrivals: 'spike', ratePerS: 10, fronts: 2, frontCores: 1, sharedCores: 1, busy: 1, joinWaitS: Infinity,
    cdn: true, gigabits: 100, to: 'place', horizonS: 120, people: { streams: 0, leavePerHour: 3600 }, figures: NO_EDGE,
  }));
  return [
    ['flood', 'all have a place after', s(sale.placedS), '11.1 s'],
    ['flood', 'a wait, median', s(sale.waits.place.p50), '2.8 s'],
    ['flood', 'a wait, p99', s(sale.waits.place.p99), '4.8 s'],
    ['flood', 'the longest wait', s(sale.waits.place.most), '4.9 s'],
    ['flood', 'told to come back', `${sale.counts.sentLater}`, '0'],
  ];
}

// 250,000 waiting pages with open streams, on 15 fronts. A stream takes 336 bytes, as measured with 60,000 streams.
function standing() {
  const asked = {
    visitors: 250_000, withinS: 15, ratePerS: 0.001, fronts: 15, frontCores: 1, frontFiles: 20_000, sharedCores: 2, busy: 1, cdn: true, gigabits: 100, edges: 15,
    horizonS: 80, people: { leavePerHour: 0, reconnect: 0 }, figures: { ...NO_EDGE, front_stream_bytes: 336 },
  };
  const sale = runSale(askOf(asked));
  const few = runSale(askOf({ ...asked, fronts: 12 }));
  return [
    ['standing', 'all have a place after', s(sale.placedS), 'as they come, 15 s'],
    ['standing', 'open streams', `${sale.peaks.streams}`, '250,000'],
    ['standing', 'streams if there are 12 fronts', `${few.peaks.streams}`, 'refused: 20,000 files each'],
    ['standing', 'their memory in the fronts', `${((250_000 * 336) / 1e6).toFixed(0)} MB`, '93 MB'],
  ];
}

// A stadium and 200,000 people; 200 are called per second until it is sold out.
function onsale() {
  const sale = runSale(askOf({
    visitors: 200_000, withinS: 60, arrivals: 'spike', seats: 66_000, ratePerS: 200, sharedCores: 2, busy: 1, cdn: true, gigabits: 100, joinWaitS: Infinity,
    people: { streams: 0, leavePerHour: 0, noShow: 0.03, thinkS: 1, fillS: 1, seatsEach: 2.5, cardFails: 0, login: 0, reconnect: 0, holdTtlS: 120 },
    figures: { ...NO_EDGE, psp_calls_per_s: 1e6, psp_latency_s: 0.1, users_queries_per_s: 1e6, mails_per_s: 1e6, shop_orders_per_s: 1e6 },
  }));
  const nearly = sale.seconds.find(({ tickets }) => tickets >= 0.997 * sale.counts.orders);
  return [
    ['onsale', '99.7 % of the stadium are sold after', `${nearly.atS} s`, '162 s'],
    ['onsale', 'orders a second until then', (nearly.tickets / nearly.atS).toFixed(0), '163'],
    ['onsale', 'an order waits, median', s(sale.waits.ticket.p50), '12 s until it is answered'],
    ['onsale', 'the machine is busy', `${Math.round(100 * sale.busiest['the machine'])} %`, 'all of it'],
  ];
}

export const heldAgainst = () => [...flood(), ...standing(), ...onsale()];

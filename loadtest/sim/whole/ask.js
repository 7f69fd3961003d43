// ask.js: the input of a simulated sale. Machines and settings are the operator's; what people do is assumed, and
// can be changed here.

import { costs } from './figures.js';

const MACHINES = {
  edges: 1, edgeCores: 16, edgeGb: 32, edgeConnections: 500_000,
  fronts: 1, frontCores: 2, frontGb: 4, frontFiles: 1_048_576,
  shards: 1, // of the event's line, a core of a Redis each
  seatCores: 4, // of the owner; one owner and one stream of commits for an event
  pays: 1, payCores: 2, // what an order takes: adapter, stores and all
  databases: 1,
  gigabits: 10, // of an edge's network
  busy: 0.7, // of a processor that may be used; the rest is for bad luck
};

const SETTINGS = {
  cdn: false, // in front: it ends TLS, keeps the page, and keeps its connections to the edge
  joinWaitS: 2, // the edge's `timeout queue`
  backlog: 4096, // connections that an edge's kernel has taken in and HAProxy has not
  sharedCores: 0, // how many cores all stations share, as in a scenario here; 0: each has machines of its own
  to: 'ticket', // or 'place': the opening alone
};

// None of it is measured.
const PEOPLE = {
  reloadS: 8, // a page that does not come is asked for again after so long, or half as much more
  giveUpS: 180, // those who have not even a page go, one of e in so long
  leavePerHour: 0.2, // of those who wait in line
  noShow: 0.05, // of those who are called
  reconnect: 0.05, // of polls: another network, a phone that slept; the TLS session is taken up again
  streams: 1, // of those who wait: a page has one if there is room
  resumed: 0, // of new connections: took up a TLS session
  thinkS: 20, // from the hall on the screen to the first seats
  seatsEach: 2,
  picksStaleS: 2, // between what the picture showed and the hold
  popularity: 4, // how many times as often as by chance two want the same seat
  conflictsMax: 8, // then they go
  login: 0.3, // of buyers: by password, not by the shop's token
  fillS: 30, // from the hold to the order
  cardFails: 0.08, // of payments
  cardTries: 2,
  againS: 30, // until the other card
  holdTtlS: 300,
};

export function askOf({ people = {}, figures = {}, ...changes } = {}) {
  const ask = {
    seed: 1, visitors: 100_000, withinS: 1, arrivals: 'even', seats: 50_000, ratePerS: 50, maxActive: 0, horizonS: 6 * 3600,
    ...MACHINES, ...SETTINGS, ...changes,
  };
  for (const name of Object.keys(people)) if (!(name in PEOPLE)) throw new Error(`people have no ${name}`);
  return { ...ask, people: { ...PEOPLE, ...people }, cost: costs(figures) };
}

// What part of everybody has come t seconds after the opening.
const CURVES = {
  even: (part) => part,
  spike: (part) => (part < 0.1 ? part * 5 : 0.5 + (part - 0.1) * (0.5 / 0.9)), // half of them in the first tenth
  wave: (part) => part * part * (3 - 2 * part), // slowly, quickly, slowly
};

export function comeBy(ask, t) {
  if (!(ask.arrivals in CURVES)) throw new Error(`arrivals are even, spike or wave, not ${ask.arrivals}`);
  return Math.round(ask.visitors * CURVES[ask.arrivals](Math.min(1, Math.max(0, t / ask.withinS))));
}

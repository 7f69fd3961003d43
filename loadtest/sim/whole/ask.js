// ask.js: the input of a simulated sale. Machines and settings are the operator's. How people behave is assumed, and
// can be overridden.

import { costs } from './figures.js';

const MACHINES = {
  edges: 1, edgeCores: 16, edgeGb: 32, edgeConnections: 500_000,
  fronts: 1, frontCores: 2, frontGb: 4, frontFiles: 1_048_576,
  shards: 1, // of the event's line; each uses one core of a Redis
  seatCores: 4, // of the owner; an event has one owner and one stream of commits
  pays: 1, payCores: 2, // cores for orders: adapter, stores and everything else
  databases: 1,
  gigabits: 10, // of an edge's network
  busy: 0.7, // usable share of a processor; the rest is reserve
};

const SETTINGS = {
  cdn: false, // in front of the edge: terminates TLS, caches the page, keeps its connections to the edge
  joinWaitS: 2, // the edge's `timeout queue`
  backlog: 4096, // connections that an edge's kernel has accepted and HAProxy has not
  sharedCores: 0, // cores that all stations share, as in a scenario here; 0: each has its own machines
  to: 'ticket', // or 'place': only the opening
};

// Assumptions; none of these is measured.
const PEOPLE = {
  reloadS: 8, // a page that does not load is reloaded after 1 to 1.5 times this
  giveUpS: 180, // mean time until visitors without a page give up
  leavePerHour: 0.2, // share of the people in line
  noShow: 0.05, // of the people called
  reconnect: 0.05, // of polls: another network, a phone that slept; the TLS session is resumed
  streams: 1, // per person in line: a page has a stream if there is room
  resumed: 0, // of new connections: resume a TLS session
  thinkS: 20, // from the display of the hall to the first seats
  seatsEach: 2,
  picksStaleS: 2, // age of the picture at the time of the hold
  popularity: 4, // two visitors want the same seat this many times as often as by chance
  conflictsMax: 8, // then they give up
  login: 0.3, // of buyers: log in by password, not by the shop's token
  fillS: 30, // from the hold to the order
  cardFails: 0.08, // of payments
  cardTries: 2,
  againS: 30, // until the retry with another card
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

// The share of visitors who have arrived after a given part of withinS.
const CURVES = {
  even: (part) => part,
  spike: (part) => (part < 0.1 ? part * 5 : 0.5 + (part - 0.1) * (0.5 / 0.9)), // half of them in the first tenth
  wave: (part) => part * part * (3 - 2 * part), // slowly, quickly, slowly
};

export function comeBy(ask, t) {
  if (!(ask.arrivals in CURVES)) throw new Error(`arrivals are even, spike or wave, not ${ask.arrivals}`);
  return Math.round(ask.visitors * CURVES[ask.arrivals](Math.min(1, Math.max(0, t / ask.withinS))));
}

// closed.js: the same sale in closed form: work divided by capacity; the slowest part decides. `fairgate size` computes the
// same in C (infra/ctl/src/plan/size.c); a test compares the two, and the simulation with both.

import { askOf } from './ask.js';
import { RULES } from './figures.js';
import { pollsPerS } from './poll.js';
import { connectionsOf, joinUs, shardUs, waysOf } from './sale.js';

const { room: ROOM } = RULES;

// The cost of one visitor until they have a place: microseconds of edge and front, and bytes.
function openingUs({ cost, cdn, people }) {
  const handshake = cost.edge_handshake_us * (1 - people.resumed * (1 - cost.edge_resumed_ratio));
  return {
    edge: cdn ? cost.edge_request_us : handshake + 2 * cost.edge_request_us,
    front: cost.front_join_us + (cdn ? 0 : cost.front_page_us),
    bytes: cost.join_bytes + (cdn ? 0 : cost.handshake_bytes + cost.page_bytes),
  };
}

// The cost of a line per second once all have a place: microseconds of the edges and the fronts, and polls.
export function waitingUs(ask, waiting = ask.visitors) {
  const { cost, cdn, people } = ask;
  const polls = pollsPerS(waiting, ask.ratePerS);
  const handshakes = cdn ? 0 : people.reconnect;
  return {
    edge: polls * (cost.edge_request_us + handshakes * cost.edge_handshake_us * cost.edge_resumed_ratio),
    front: polls * cost.front_poll_us + waiting * people.streams * cost.front_stream_us_per_s,
    polls,
  };
}

// The time until everybody has a place, and the part that decides it.
export function placedS(ask) {
  const each = openingUs(ask);
  const us = (cores) => cores * ask.busy * 1e6;
  const parts = {
    edge: (ask.visitors * each.edge) / us(ask.edges * ask.edgeCores),
    fronts: (ask.visitors * each.front) / us(ask.fronts * ask.frontCores),
    Redis: (ask.visitors * joinUs(ask)) / (ask.shards * shardUs(ask)),
    network: (ask.visitors * each.bytes) / ((ask.edges * ask.gigabits * 1e9) / 8),
    arrivals: ask.withinS,
  };
  const [name, s] = Object.entries(parts).reduce((worst, one) => (one[1] > worst[1] ? one : worst));
  return { s, name };
}

const atLeastOne = (n) => Math.max(1, Math.ceil(n - 1e-9));

// Each pair of an edge and a front carries at most `streams_between` streams, so the edges and fronts that the work needs may
// be too few. Adds those that need the fewest cores in total, never more than `most`.
function doorOf(ask, edges, fronts, most) {
  const streams = ask.visitors * ask.people.streams;
  let best = { ...most, cores: Infinity };
  for (let more = 0; more <= RULES.moreEdges; more++) {
    const one = { edges: edges + more, fronts: Math.max(fronts, atLeastOne(streams / waysOf({ ...ask, edges: edges + more, fronts: 1 }))) };
    const cores = one.edges * ask.edgeCores + one.fronts * ask.frontCores;
    if (cores < best.cores && one.edges <= most.edges && one.fronts <= most.fronts) best = { ...one, cores };
  }
  return { edges: best.edges, fronts: best.fronts };
}

// Edges and fronts for both peaks: joins while half of the line polls, and the full line after the joins.
function doorFor(ask, placedInS, most = { edges: Infinity, fronts: Infinity }) {
  const each = openingUs(ask);
  const waiting = waitingUs(ask);
  const us = (cores) => cores * ask.busy * 1e6;
  const work = (one) => Math.max((ask.visitors * each[one] * ROOM) / placedInS + waiting[one] / 2, waiting[one] * ROOM);
  const bytes = (ask.visitors * each.bytes * ROOM) / placedInS / ((ask.gigabits * 1e9) / 8);
  const edges = Math.max(work('edge') / us(ask.edgeCores), bytes, ask.visitors / connectionsOf(ask));
  return doorOf(ask, atLeastOne(edges), atLeastOne(work('front') / us(ask.frontCores)), most);
}

// The fewest shards that take all joins in time; each has its own Redis.
function shardsFor(ask, placedInS, fronts) {
  for (let shards = 1; shards < RULES.shardsMax; shards++) {
    const one = { ...ask, shards, fronts };
    if ((ask.visitors * joinUs(one) * ROOM) / (shards * shardUs(one)) <= placedInS) return shards;
  }
  return RULES.shardsMax;
}

// From the pass to the tickets, for a visitor who is never delayed.
const visitS = ({ people, cost }) => people.thinkS + people.fillS + cost.psp_latency_s;

// Machines and settings with which everybody has a place in time and nothing is too slow for called visitors.
export function sizeOf(ask, aimS) {
  const placedInS = Math.max(aimS, ask.withinS);
  const { edges, fronts } = doorFor(ask, placedInS);
  const after = doorFor(ask, Infinity, { edges, fronts }); // what the line needs after the opening
  const orders = ask.ratePerS * RULES.ordersACall;
  const all = Math.min(ask.seats / ask.people.seatsEach, ask.visitors * RULES.ordersACall);
  const { cost } = ask;
  return {
    edges, fronts,
    shards: shardsFor(ask, placedInS, fronts),
    pays: atLeastOne((orders * cost.order_us * ROOM) / (ask.busy * 1e6 * ask.payCores)),
    pspPerS: Math.ceil(orders * cost.psp_calls_per_order * (1 + ask.people.cardFails) * ROOM),
    maxActive: Math.ceil(ask.ratePerS * visitS(ask) * ROOM),
    connections: Math.ceil(ask.visitors / after.edges), // per edge
    streams: Math.ceil((ask.visitors * ask.people.streams) / after.fronts), // per front
    usersPerS: Math.ceil((orders * ask.people.login * ROOM) / RULES.loginsOfQueries),
    after,
    pollsPerS: waitingUs(ask).polls,
    soldS: all / orders,
    postgresDiskGb: 44 + Math.ceil((all * cost.order_database_bytes * ROOM * 2) / 1e9), // 20 for the system, 24 for WAL
  };
}

// For the console: a place for everybody within ten seconds, like `fairgate size`.
export const sizeFor = (changes) => sizeOf(askOf(changes), 10);

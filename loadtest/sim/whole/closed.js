// closed.js: the same sale in closed form: work over capacity, the slowest part decides. `fairgate size` computes the same
// in C (infra/ctl/src/plan/size.c); a test compares the two, and the simulation with both.

import { askOf } from './ask.js';
import { RULES } from './figures.js';
import { pollsPerS } from './poll.js';
import { connectionsOf, joinUs, shardUs, waysOf } from './sale.js';

const { room: ROOM } = RULES;

// What one visitor takes of edge, fronts and a shard until there is a place, in microseconds.
function openingUs({ cost, cdn, people }) {
  const handshake = cost.edge_handshake_us * (1 - people.resumed * (1 - cost.edge_resumed_ratio));
  return {
    edge: cdn ? cost.edge_request_us : handshake + 2 * cost.edge_request_us,
    front: cost.front_join_us + (cdn ? 0 : cost.front_page_us),
    bytes: cost.join_bytes + (cdn ? 0 : cost.handshake_bytes + cost.page_bytes),
  };
}

// What a line takes of edge and fronts in a second, in microseconds, once all have a place.
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

// Until everybody has a place, and what decides it.
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

// Edges by what they do and keep, fronts by what they do; and each pair of them has `streams_between` streams. So there
// may have to be more of one of them, whichever makes fewer cores in all, and never more than `most`.
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

// Joins with half of the line there already; and at the end of it the line alone.
function doorFor(ask, placedInS, most = { edges: Infinity, fronts: Infinity }) {
  const each = openingUs(ask);
  const waiting = waitingUs(ask);
  const us = (cores) => cores * ask.busy * 1e6;
  const work = (one) => Math.max((ask.visitors * each[one] * ROOM) / placedInS + waiting[one] / 2, waiting[one] * ROOM);
  const bytes = (ask.visitors * each.bytes * ROOM) / placedInS / ((ask.gigabits * 1e9) / 8);
  const edges = Math.max(work('edge') / us(ask.edgeCores), bytes, ask.visitors / connectionsOf(ask));
  return doorOf(ask, atLeastOne(edges), atLeastOne(work('front') / us(ask.frontCores)), most);
}

// A Redis more is a shard more, and one does without.
function shardsFor(ask, placedInS, fronts) {
  for (let shards = 1; shards < RULES.shardsMax; shards++) {
    const one = { ...ask, shards, fronts };
    if ((ask.visitors * joinUs(one) * ROOM) / (shards * shardUs(one)) <= placedInS) return shards;
  }
  return RULES.shardsMax;
}

// From the pass to the tickets, for a visitor who never waits.
const visitS = ({ people, cost }) => people.thinkS + people.fillS + cost.psp_latency_s;

// Machines and settings so that everybody has a place in time, and who is called finds nothing too slow.
export function sizeOf(ask, aimS) {
  const placedInS = Math.max(aimS, ask.withinS);
  const { edges, fronts } = doorFor(ask, placedInS);
  const after = doorFor(ask, Infinity, { edges, fronts }); // what the line takes once the opening is over
  const orders = ask.ratePerS * RULES.ordersACall;
  const { cost } = ask;
  return {
    edges, fronts,
    shards: shardsFor(ask, placedInS, fronts),
    pays: atLeastOne((orders * cost.order_us * ROOM) / (ask.busy * 1e6 * ask.payCores)),
    pspPerS: Math.ceil(orders * cost.psp_calls_per_order * (1 + ask.people.cardFails) * ROOM),
    maxActive: Math.ceil(ask.ratePerS * visitS(ask) * ROOM),
    connections: Math.ceil(ask.visitors / after.edges), // of an edge
    streams: Math.ceil((ask.visitors * ask.people.streams) / after.fronts), // of a front
    usersPerS: Math.ceil((orders * ask.people.login * ROOM) / RULES.loginsOfQueries),
    after,
    handshakesPerS: ask.cdn ? 0 : ask.visitors / placedInS,
    pollsPerS: waitingUs(ask).polls,
    soldS: Math.min(ask.seats / ask.people.seatsEach, ask.visitors * RULES.ordersACall) / orders,
  };
}

// For the console: a place for everybody within ten seconds, as `fairgate size` has it.
export const sizeFor = (changes) => sizeOf(askOf(changes), 10);

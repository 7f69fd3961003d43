// sale.js: a whole sale of any size, in steps of a tenth of a second: door, places, line, hall, checkout, outbox. People are
// counted in groups and in whole numbers: each person has exactly one end, or is still there.
// The same input and seed give the same sale.

import { Checkout } from './checkout.js';
import { diceOf } from './dice.js';
import { RULES } from './figures.js';
import { Hall } from './hall.js';
import { Line } from './line.js';
import { Opening } from './opening.js';
import { Station, Waits } from './station.js';

const STEP_S = 0.1;
const STEPS_A_SECOND = 10;
const NEARLY = 0.97;
const WAITS = ['page', 'place', 'call', 'pass', 'hall', 'hold', 'login', 'provider', 'ticket'];
const ENDS = ['tickets', 'notPaid', 'noSeat', 'soldOutInLine', 'didNotCome', 'leftTheLine', 'neverSawThePage'];
const COUNTS = ['handshakes', 'deadHandshakes', 'reloads', 'sentLater', 'polls', 'called', 'conflicts', 'orders', 'bytes', 'requests', 'placedThisSecond'];

const zeros = (names) => Object.fromEntries(names.map((name) => [name, 0]));

// Streams that fit between edges and fronts.
export const waysOf = ({ edges, fronts, cost }) => edges * fronts * cost.streams_between;

// What a shard has left for joins, in microseconds per second.
export function shardUs(ask) {
  const { cost, fronts, frontCores, shards, busy } = ask;
  const ticks = Math.min(RULES.loopTicksPerS * fronts * frontCores, RULES.ticksMostPerS);
  const working = Math.min(ticks, RULES.ticksWorkPerS);
  const ticking = working * cost.redis_tick_us + (ticks - working) * cost.redis_tick_repeated_us;
  const cutting = shards > 1 ? RULES.cutsPerS * cost.redis_cut_us + (fronts / RULES.readsEveryS) * cost.redis_read_us : 0;
  return Math.max(0, busy * 1e6 - ticking - cutting);
}

export const joinUs = (ask) => ask.cost.redis_join_us * (ask.shards > 1 ? ask.cost.redis_shard_ratio : 1);

// How many connections an edge keeps: the configured number, if its memory is enough.
export function connectionsOf(ask) {
  const each = ask.cost.edge_connection_bytes + ask.cost.kernel_connection_bytes;
  return Math.min(ask.edgeConnections, Math.floor((ask.edgeGb * 1e9 * RULES.memoryUsed) / each));
}

function stationsOf(ask) {
  const { cost, busy } = ask;
  const us = (cores) => cores * busy * 1e6;
  const named = (name, perSecond) => new Station(name, perSecond, STEP_S);
  const shared = ask.sharedCores > 0 ? named('the machine', us(ask.sharedCores)) : undefined;
  return {
    edge: shared ?? named('edge', us(ask.edges * ask.edgeCores)),
    network: named('network', (ask.edges * ask.gigabits * 1e9) / 8),
    connections: named('connections', 0),
    streams: named('streams', 0),
    front: shared ?? named('fronts', us(ask.fronts * ask.frontCores)),
    redis: shared ?? named('Redis', ask.shards * shardUs(ask)),
    seats: shared ?? named('seats', us(ask.seatCores)),
    commits: named('commits of the seats', cost.seat_commits_per_s),
    users: named('user table', cost.users_queries_per_s),
    provider: named('provider', cost.psp_calls_per_s),
    pays: shared ?? named('orders', us(ask.pays * ask.payCores)),
    database: named('PostgreSQL', ask.databases * cost.database_commits_per_s),
    shop: named('shop', cost.shop_orders_per_s),
    mailer: named('mail', cost.mails_per_s),
  };
}

class World {
  constructor(ask) {
    this.ask = ask;
    this.stepS = STEP_S;
    this.step = 0;
    this.nowS = 0;
    this.dice = diceOf(ask.seed);
    this.stations = stationsOf(ask);
    this.each = [...new Set(Object.values(this.stations))];
    this.edgeConnections = connectionsOf(ask);
    this.ways = waysOf(ask);
    this.redisJoinUs = joinUs(ask);
    this.waits = Object.fromEntries(WAITS.map((name) => [name, new Waits()]));
    this.ends = zeros(ENDS);
    this.counts = zeros(COUNTS);
    this.peaks = zeros(['door', 'waiting', 'connections', 'streams', 'inside', 'joinsPerS', 'pollsPerS', 'bytesPerS']);
    this.seconds = [];
    this.bytesThisSecond = 0;
    this.ticketsEnd = 0;
    this.line = new Line(this);
    this.hall = new Hall(this);
    this.checkout = new Checkout(this);
    this.opening = new Opening(this);
  }

  peak(name, value) {
    if (value > this.peaks[name]) this.peaks[name] = value;
  }

  // Counts bytes sent to visitors in answer to this many requests. Bytes from a CDN's cache only count for the bill.
  send(bytes, requests, kept = false) {
    if (!kept) this.bytesThisSecond += bytes;
    this.counts.bytes += bytes;
    this.counts.requests += requests;
  }

  still() {
    return this.ask.visitors - this.opening.come + this.opening.waiting + this.line.waiting + this.hall.waiting + this.checkout.waiting;
  }

  over() {
    if (this.ask.to === 'place') return this.opening.come === this.ask.visitors && this.opening.waiting === 0;
    return this.still() === 0;
  }

  oneStep() {
    for (const station of this.each) station.begin();
    this.line.step();
    this.hall.step();
    this.checkout.step();
    this.opening.step();
    this.step += 1;
    this.nowS = this.step * STEP_S;
    if (this.step % STEPS_A_SECOND === 0) this.closeSecond();
  }

  closeSecond() {
    const busy = Object.fromEntries(this.each.map((station) => [station.name, station.closeSecond()]));
    this.peak('joinsPerS', this.counts.placedThisSecond);
    this.peak('bytesPerS', this.bytesThisSecond);
    if (this.hall.sold >= NEARLY * this.ask.seats) this.nearlyS ??= this.nowS;
    this.line.closeSecond();
    this.hall.closeSecond();
    this.peak('pollsPerS', this.line.pollsPerS);
    this.seconds.push({
      atS: Math.round(this.nowS), door: this.opening.atDoor, joining: this.opening.joins.length, later: this.opening.later.waiting, waiting: this.line.queue.length,
      inside: this.hall.inside, orders: this.checkout.orders.length, tickets: this.ends.tickets, free: this.hall.free(), bytes: this.bytesThisSecond, busy,
    });
    this.counts.placedThisSecond = 0;
    this.bytesThisSecond = 0;
  }
}

// The stations that were too small, in the order in which they fell short.
function brokenOf(world) {
  return world.each.filter(({ firstShortS }) => firstShortS !== undefined)
    .map(({ name, firstShortS, shortS, busiest }) => ({ name, atS: firstShortS, forS: shortS, busiest }))
    .sort((a, b) => a.atS - b.atS || b.forS - a.forS);
}

export function runSale(ask) {
  const world = new World(ask);
  while (!world.over() && world.nowS < ask.horizonS) world.oneStep();
  world.closeSecond();
  const { cost } = ask;
  const { shop, mails } = world.checkout;
  const { placedThisSecond, ...counts } = world.counts;
  return {
    placedS: world.opening.come === ask.visitors && world.opening.waiting === 0 ? world.waits.placeEnd ?? 0 : undefined,
    nearlyS: world.nearlyS, // when NEARLY of the seats were sold; the last seats are luck
    soldOutS: world.hall.soldOut() ? world.ticketsEnd : undefined,
    endedS: world.nowS,
    lettersS: world.nowS + Math.max(shop / cost.shop_orders_per_s, mails / Math.min(cost.mails_per_s, 0.625 * cost.users_queries_per_s)),
    sold: world.hall.sold, held: world.hall.held, ends: world.ends, still: world.still(), counts, peaks: world.peaks,
    waits: Object.fromEntries(WAITS.map((name) => [name, world.waits[name].summary()])),
    breaks: brokenOf(world), tightS: Object.fromEntries(world.each.map(({ name, tightS }) => [name, tightS])), busiest: Object.fromEntries(world.each.map(({ name, busiest }) => [name, busiest])),
    memory: {
      edgeGb: (world.peaks.connections / ask.edges) * (cost.edge_connection_bytes + cost.kernel_connection_bytes) / 1e9,
      frontGb: (world.peaks.streams / ask.fronts) * (cost.front_stream_bytes + cost.kernel_connection_bytes) / 1e9,
      redisGb: (ask.visitors / ask.shards) * (cost.redis_place_bytes + cost.redis_address_bytes) / 1e9,
      databaseGb: world.counts.orders * cost.order_database_bytes / 1e9,
      edgeFiles: Math.ceil((world.peaks.connections + world.peaks.streams) / ask.edges), frontFiles: Math.ceil(world.peaks.streams / ask.fronts),
    },
    seconds: world.seconds,
  };
}

// money.js: the cost of a sale and of a year. infra/aws/prices.json has the prices with their date and source.

import { readFileSync } from 'node:fs';

const prices = JSON.parse(readFileSync(new URL('../../../infra/aws/prices.json', import.meta.url), 'utf8'));
const { perHour, perMonth, perMillion, perGb } = prices;

const LEAD_H = 1; // machines run this long before the opening
const FULL_H = 0.25; // and all of them this long after it
const HOURS_A_MONTH = 730;

export const priced = () => `${prices.currency}, ${prices.region}, as of ${prices.asOf}`;

const machineHour = (cores, gb) => cores * perHour.fargateCpu + gb * perHour.fargateGb;
const doorHour = (ask, { edges, fronts }) => edges * machineHour(ask.edgeCores, ask.edgeGb) + fronts * machineHour(ask.frontCores, ask.frontGb);

// Redis with a replica for each shard, PostgreSQL with a standby for seats and for orders.
const storesHour = (shards) => 2 * shards * perHour['cache.r7g.large'] + 4 * perHour['db.r7g.large'];

export function moneyOf(ask, size, sale) {
  const hours = LEAD_H + sale.endedS / 3600;
  const full = Math.min(hours, LEAD_H + FULL_H);
  const behind = 2 * machineHour(ask.seatCores, 2 * ask.seatCores) + size.pays * machineHour(ask.payCores, 2 * ask.payCores);
  const bill = {
    door: full * doorHour(ask, size) + (hours - full) * doorHour(ask, { edges: Math.min(size.edges, size.after.edges), fronts: Math.min(size.fronts, size.after.fronts) }),
    behind: hours * behind,
    stores: hours * storesHour(size.shards),
    bytes: (sale.counts.bytes / 1e9) * perGb.cdn,
    requests: ask.cdn ? (sale.counts.requests / 1e6) * (perMillion.cdnRequests + perMillion.firewallRequests) : 0,
  };
  return { ...bill, all: Object.values(bill).reduce((sum, one) => sum + one, 0) };
}

// The given number of sales of each kind. The stores run all year, and their data is kept.
export function yearOf(kinds) {
  const sales = kinds.reduce((sum, { times, money }) => sum + times * (money.all - money.stores), 0);
  const shards = Math.max(...kinds.map(({ size }) => size.shards));
  const large = kinds.filter(({ size }) => size.shards > 1).reduce((sum, { times, money }) => sum + times * money.stores, 0);
  const grown = kinds.reduce((sum, { times, sale }) => sum + times * sale.memory.databaseGb, 0);
  return {
    sales: kinds.reduce((sum, { times }) => sum + times, 0), seats: kinds.reduce((sum, { times, sale }) => sum + times * sale.sold, 0), shards,
    money: { sales, stores: storesHour(1) * 12 * HOURS_A_MONTH + large, storage: (grown / 2) * 12 * perMonth.databaseGb }, grownGb: grown,
  };
}

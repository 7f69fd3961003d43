// cost.ts: what it costs: a month of being there, and one sale on top. `npm run cost`.
//
// Bytes and polls are those of infra/SCALE.md, machines those of sale.ts, prices those of prices.json, with their
// date. A sale is an opening with `warmMinutes` before it and `openMinutes` after it, as sale.json says.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { alarms, metrics } from './alerts.js';
import { burns, windowsOf } from './promises.js';
import { fileOf, HERE, QUIET, readSale, sizes, unitsFor, type Machines, type Sale, type Size } from './sale.js';

const HOURS = 730; // of a month
const FIRST_VIEW_KB = 16.6; // SCALE.md, Bytes
const POLL_KB = 0.7;
const FIRST_VIEW_REQUESTS = 2; // the page and the join: SCALE.md, The sums

export interface Prices {
  asOf: string;
  region: string;
  currency: string;
  source: string;
  perHour: Record<string, number>;
  perMonth: Record<string, number>;
  perMillion: Record<string, number>;
  perGb: Record<string, number>;
}

export const readPrices = (): Prices => JSON.parse(readFileSync(join(HERE, 'prices.json'), 'utf8')) as Prices;

export interface Row {
  visitors: number;
  edges: number;
  fronts: number;
  pollsPerS: number;
  gb: number;
}

// The rows of SCALE.md's table in which all come within one second: one for each size.
export function scaleRows(text = fileOf('infra/SCALE.md')): Row[] {
  const rows = [...text.matchAll(/^\| ([\d,]+) \| (\d+) edges?, (\d+) fronts? \| [^|]+ \| ([\d,]+) \([^|]+\| [^|]+ \| ([\d,]+) GB \|/gm)];
  const number = (one: string | undefined) => Number(one!.replaceAll(',', ''));
  const all = rows.map((row) => ({ visitors: number(row[1]), edges: number(row[2]), fronts: number(row[3]), pollsPerS: number(row[4]), gb: number(row[5]) }));
  return all.filter((row, i) => all.findIndex(({ visitors }) => visitors === row.visitors) === i); // later ones are of other assumptions
}

const price = (table: Record<string, number>, name: string): number => {
  const found = table[name];
  if (found === undefined) throw new Error(`prices.json has no ${name}`);
  return found;
};

const cpus = (machines: Machines): number => machines.cpu / 1024;
const hourOf = (prices: Prices, machines: Machines, count: number): number =>
  count * (cpus(machines) * price(prices.perHour, 'fargateCpu') + (machines.memoryMb / 1024) * price(prices.perHour, 'fargateGb'));

export type Bill = [what: string, money: number][];
export const sum = (bill: Bill): number => bill.reduce((all, [, money]) => all + money, 0);

// A month in which nobody sells anything: one region, and the stores of the second one if there is one.
export function month(prices: Prices, sale: Sale, size: Size): Bill {
  const hour = (name: string) => price(prices.perHour, name) * HOURS;
  const each = (name: string) => price(prices.perMonth, name);
  const places = sale.second === undefined ? 1 : 2;
  const tasks = hourOf(prices, size.edges, QUIET.edges) + hourOf(prices, size.fronts, QUIET.fronts) + hourOf(prices, size.pays, QUIET.pays)
    + hourOf(prices, size.seats, 2) + hourOf(prices, { count: 1, cpu: 512, memoryMb: 1024 }, 1);
  const all = alarms();
  const promised = burns();
  const windows = windowsOf(promised); // an alarm of metric math costs by the metric
  const alarming = (all.length + windows.flatMap((window) => window.metrics).length) * each('alarm') + promised.length * each('compositeAlarm');
  const endpoints = sale.shop.delivery === 'queue' ? 5 : 4;
  return [
    ['tasks (Fargate)', tasks * HOURS],
    ['Redis, a master and two replicas', 3 * hour(size.redis) * places],
    ['PostgreSQL, two of two', 4 * hour(size.database) * places],
    ['balancer, NAT, endpoints', (hour('balancer') + 3 * hour('nat') + endpoints * 3 * hour('endpointZone')) * places],
    ['keys, secrets, alarms, figures', 3 * each('key') + 18 * each('secret') * places + alarming + each('dashboard') + metrics([...all, ...windows]).length * 4 * each('metric')],
    ['firewall, name', each('firewall') + 4 * each('firewallRule') + each('dnsZone')],
  ];
}

export interface Traffic {
  gb: number;
  millions: number; // of requests
}

// Requests follow from the bytes: a first view is so large, and all the rest are polls.
export function traffic({ visitors, gb }: Row): Traffic {
  const polls = (gb * 1e6 - visitors * FIRST_VIEW_KB) / POLL_KB;
  return { gb, millions: (visitors * FIRST_VIEW_REQUESTS + polls) / 1e6 };
}

// What a sale adds.
export function once(prices: Prices, sale: Sale, size: Size, row: Row): Bill {
  const hours = (sale.warmMinutes + sale.openMinutes) / 60;
  const more = (machines: Machines, quiet: number) => hourOf(prices, machines, machines.count - Math.min(quiet, machines.count));
  const { gb, millions } = traffic(row);
  const million = (name: string) => price(prices.perMillion, name) * millions;
  return [
    ['more tasks', hours * (more(size.edges, QUIET.edges) + more(size.fronts, QUIET.fronts) + more(size.pays, QUIET.pays))],
    ['balancer made large', hours * unitsFor(size) * price(prices.perHour, 'balancerUnitReserved')],
    ['CloudFront, bytes', gb * price(prices.perGb, 'cdn')],
    ['CloudFront, requests', million('cdnRequests')],
    ['firewall, requests', million('firewallRequests')],
  ];
}

const WIDE = 14;
const money = (amount: number): string => amount.toFixed(0).replaceAll(/\B(?=(\d{3})+$)/g, ',').padStart(WIDE);
const line = (name: string, cells: string[]): string => `  ${name.padEnd(36)}${cells.join('')}`;

export function table(prices: Prices, sale: Sale): string {
  const rows = scaleRows();
  const cases = sizes().map((size) => ({ size, row: rows.find(({ visitors }) => visitors === size.visitors)! }));
  const bills = (make: (one: (typeof cases)[number]) => Bill): string[] => {
    const all = cases.map(make);
    return [...all[0]!.map(([what], i) => line(what, all.map((bill) => money(bill[i]![1])))), line('together', all.map((bill) => money(sum(bill))))];
  };
  return [
    `${prices.currency}, prices of ${prices.region} as of ${prices.asOf}: ${prices.source}.`, '',
    line('visitors', cases.map(({ size }) => money(size.visitors))),
    line('edges x cores, fronts x cores', cases.map(({ size }) => `${size.edges.count}x${cpus(size.edges)} ${size.fronts.count}x${cpus(size.fronts)}`.padStart(WIDE))),
    line('gigabytes to visitors', cases.map(({ row }) => money(row.gb))),
    line('requests, millions', cases.map(({ row }) => money(traffic(row).millions))), '',
    `a month of being there, of this size${sale.second === undefined ? '' : ', stores in two regions'}`, ...bills(({ size }) => month(prices, sale, size)), '',
    `one sale on top: ${sale.warmMinutes} minutes before the opening, ${sale.openMinutes} after it`, ...bills(({ size, row }) => once(prices, sale, size, row)),
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(table(readPrices(), readSale(process.argv[2])));

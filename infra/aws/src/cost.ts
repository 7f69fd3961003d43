// cost.ts: the costs of a month with either profile, and of one sale in addition. `npm run cost`.
//
// Machines and traffic come from sale.ts, prices and their date from prices.json. A sale lasts from `warmMinutes` before
// the opening to `openMinutes` after it (sale.json).

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fileOf, frontNames, HERE, QUIET, readSale, sizeFor, unitsFor, type Machines, type Sale, type Size } from './sale.js';
import { SECRETS } from './secrets.js';
import { RULES, SCRAPE_S } from './watch.js';

const HOURS = 730; // in a month
const ENDPOINTS = 5; // of AWS's services (network.ts)
const SAMPLES = 500; // of one task's /metrics, rounded up: 454, 369 and 437 in `make up`

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

// A month without an opening: one region, and the stores of the second one if there is one.
export function month(prices: Prices, sale: Sale, size: Size): Bill {
  const hour = (name: string) => price(prices.perHour, name) * HOURS;
  const each = (name: string) => price(prices.perMonth, name);
  const places = sale.second === undefined ? 1 : 2;
  const quiet = (kind: keyof typeof QUIET) => hourOf(prices, size[kind], Math.min(QUIET[kind], size[kind].count));
  const tasks = quiet('edges') + quiet('fronts') + quiet('pays')
    + hourOf(prices, size.seats, 2) + hourOf(prices, { count: 1, cpu: 512, memoryMb: 1024 }, 1);
  const scraped = Math.min(QUIET.fronts, size.fronts.count) + Math.min(QUIET.pays, size.pays.count) + 2;
  const samples = (scraped * SAMPLES * HOURS * 3600) / SCRAPE_S;
  // Alarms are charged per metric: two of each service, one of each group of rules, three others (watch.ts).
  const groups = Object.values(RULES).flatMap((file) => fileOf(file).match(/^ {2}- name: /gm) ?? []).length;
  const alarms = 2 * (frontNames(size).length + 5) + groups + 3;
  return [
    ['tasks (Fargate)', tasks * HOURS],
    ['Redis, a master and two replicas', 3 * size.shards * hour(size.redis) * places],
    ['PostgreSQL, two of two', 4 * hour(size.database) * places],
    ['balancer, NAT, endpoints', (hour('balancer') + 3 * hour('nat') + ENDPOINTS * 3 * hour('endpointZone')) * places],
    ['keys, secrets, alarms', 3 * each('key') + (SECRETS.length * each('secret') + alarms * each('alarm')) * places],
    ['figures', (samples / 1e6) * price(prices.perMillion, 'samples')],
    ['firewall, name', each('firewall') + 4 * each('firewallRule') + each('dnsZone')],
  ];
}

// The additional costs of a sale.
export function once(prices: Prices, sale: Sale, size: Size): Bill {
  const hours = (sale.warmMinutes + sale.openMinutes) / 60;
  const more = (kind: keyof typeof QUIET) => hourOf(prices, size[kind], size[kind].count - Math.min(QUIET[kind], size[kind].count));
  const { gb, millions } = size.traffic;
  const million = (name: string) => price(prices.perMillion, name) * millions;
  return [
    ['more tasks', hours * (more('edges') + more('fronts') + more('pays'))],
    ['balancer made large', hours * unitsFor(sale.visitors) * price(prices.perHour, 'balancerUnitReserved')],
    ['CloudFront, bytes', gb * price(prices.perGb, 'cdn')],
    ['CloudFront, requests', million('cdnRequests')],
    ['firewall, requests', million('firewallRequests')],
  ];
}

const WIDE = 14;
const money = (amount: number): string => amount.toFixed(0).replaceAll(/\B(?=(\d{3})+$)/g, ',').padStart(WIDE);
const line = (name: string, cells: string[]): string => `  ${name.padEnd(36)}${cells.join('')}`;

export const SALES = [100_000, 1_000_000, 10_000_000]; // visitors

export function table(prices: Prices, sale: Sale): string {
  const idle = sizeFor({ ...sale, profile: 'idle' });
  const sizes = SALES.map((visitors) => ({ visitors, size: sizeFor({ ...sale, profile: 'evening', visitors }) }));
  const bills = (make: (one: (typeof sizes)[number]) => Bill): string[] => {
    const all = sizes.map(make);
    return [...all[0]!.map(([what], i) => line(what, all.map((bill) => money(bill[i]![1])))), line('together', all.map((bill) => money(sum(bill))))];
  };
  return [
    `${prices.currency}, prices of ${prices.region} as of ${prices.asOf}: ${prices.source}.`, '',
    line('visitors', sizes.map(({ visitors }) => money(visitors))),
    line('edges x cores, fronts x cores', sizes.map(({ size }) => `${size.edges.count}x${cpus(size.edges)} ${size.fronts.count}x${cpus(size.fronts)}`.padStart(WIDE))),
    line('gigabytes to visitors', sizes.map(({ size }) => money(size.traffic.gb))),
    line('requests, millions', sizes.map(({ size }) => money(size.traffic.millions))), '',
    `a month with the evening profile${sale.second === undefined ? '' : ', stores in two regions'}`, ...bills(({ size }) => month(prices, sale, size)), '',
    'a month with the idle profile', ...bills(() => month(prices, sale, idle)), '',
    `one sale on top: ${sale.warmMinutes} minutes before the opening, ${sale.openMinutes} after it`, ...bills(({ visitors, size }) => once(prices, { ...sale, visitors }, size)),
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(table(readPrices(), readSale(process.argv[2])));

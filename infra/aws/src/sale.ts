// sale.ts: the settings of a sale: sale.json, checked, and the machines that its size needs.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { dirname, join } from 'node:path';

// What runs is compiled, and lies in infra/aws/made/{src,test}.
export const HERE = join(dirname(fileURLToPath(import.meta.url)), '../..');
export const ROOT = join(HERE, '../..');
export const fileOf = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

export interface Place {
  region: string;
  zones: [string, string, string];
  cidr: string;
}

export interface Shop {
  cidr: string;
  region: string;
  databaseHost: string;
  databaseName: string;
  databasePort: number;
  delivery: 'http' | 'queue'; // to the shop's API by peering, or into a queue that the shop reads
  ordersUrl: string;
  ordersPort: number;
}

// Operator accounts of the company's issuer. `keys` is its key set, in a file next to sale.json: the seats have no way out,
// by which they could ask for it.
export interface Operators {
  issuer: string;
  audience: string;
  keys: string;
  rolePrefix?: string;
}

export interface Sale {
  name: string;
  domain: string;
  event: string;
  awake: 'none' | 'first' | 'second'; // where programs run; none: while secrets and roles are not there yet
  visitors: number;
  opensAt: string;
  warmMinutes: number;
  openMinutes: number;
  timeZone: string;
  primary: Place;
  second?: Place;
  shop: Shop;
  outward: { provider: string[]; beacon: string[] };
  operators?: Operators; // without it the tokens among the secrets are all there is
  seatOwners?: 1 | 2; // 2: both processes of the seats share the events; otherwise one follows the other
}

export interface Machines {
  count: number;
  cpu: number; // of which a thousand and 24 are a virtual one
  memoryMb: number;
}

export interface Size {
  visitors: number;
  edges: Machines;
  fronts: Machines;
  seats: Machines; // each: there is one owner and one standby
  pays: Machines;
  redis: string;
  database: string;
}

// SCALE.md says how many cores of edges and fronts a crowd needs. In three zones, and with as many cores left
// when one of them is lost, that is half as much again; a test holds it against SCALE.md's table.
const SIZES: Size[] = [
  {
    visitors: 100_000,
    edges: { count: 3, cpu: 8192, memoryMb: 16384 }, fronts: { count: 3, cpu: 2048, memoryMb: 4096 },
    seats: { count: 1, cpu: 2048, memoryMb: 4096 }, pays: { count: 3, cpu: 1024, memoryMb: 2048 },
    redis: 'cache.r7g.large', database: 'db.r7g.large',
  },
  {
    visitors: 1_000_000,
    edges: { count: 3, cpu: 8192, memoryMb: 16384 }, fronts: { count: 3, cpu: 2048, memoryMb: 4096 },
    seats: { count: 1, cpu: 4096, memoryMb: 8192 }, pays: { count: 3, cpu: 2048, memoryMb: 4096 },
    redis: 'cache.r7g.large', database: 'db.r7g.large',
  },
  {
    visitors: 10_000_000,
    edges: { count: 9, cpu: 16384, memoryMb: 32768 }, fronts: { count: 6, cpu: 2048, memoryMb: 4096 },
    seats: { count: 1, cpu: 8192, memoryMb: 16384 }, pays: { count: 3, cpu: 4096, memoryMb: 8192 },
    redis: 'cache.r7g.xlarge', database: 'db.r7g.xlarge',
  },
];

// Between sales: what keeps the line, the seats and the orders reachable with a zone lost.
export const QUIET = { edges: 3, fronts: 3, pays: 2 };

export const sizes = (): readonly Size[] => SIZES;

// The smallest size that is large enough.
export function sizeFor(visitors: number): Size {
  const size = SIZES.find((one) => one.visitors >= visitors);
  if (size === undefined) throw new Error(`no size for ${visitors} visitors: measure, and add one to sale.ts`);
  return size;
}

// A capacity unit is 25 new connections, 3,000 kept ones, or a gigabyte an hour. CloudFront keeps its connections,
// so what counts is bytes: at most 2.8 GB/s of first views for ten million in a minute (SCALE.md).
export function unitsFor(size: Size): number {
  return Math.max(100, Math.ceil((size.visitors / 10_000_000) * 10_000));
}

export function times(sale: Sale): { up: number; down: number } {
  const opens = Date.parse(sale.opensAt);
  return { up: opens - sale.warmMinutes * 60_000, down: opens + sale.openMinutes * 60_000 };
}

function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`sale.json: ${what}`);
}

function checkPlace(place: Place, name: string): void {
  must(new Set(place.zones).size === 3 && place.zones.every((zone) => zone.startsWith(place.region)), `${name}.zones: three different ones of ${place.region}`);
  must(/^\d+\.\d+\.0\.0\/16$/.test(place.cidr), `${name}.cidr: a network of /16`);
}

interface Keys {
  keys: Record<string, string>[];
}
const PUBLIC = ['kty', 'kid', 'alg', 'use', 'crv', 'x', 'y', 'n', 'e'];

// What is public of the issuer's keys, and what a program reads of them: certificates would fill the task's description.
export function keysOf(operators: Operators): string {
  const { keys } = JSON.parse(readFileSync(join(HERE, operators.keys), 'utf8')) as Keys;
  return JSON.stringify({ keys: keys.map((key) => Object.fromEntries(PUBLIC.filter((name) => name in key).map((name) => [name, key[name]]))) });
}

function checkOperators(operators: Operators): void {
  must(/^https:\/\//.test(operators.issuer), 'operators.issuer: as its tokens have it, https://');
  must(operators.audience !== '', 'operators.audience');
  const { keys } = JSON.parse(keysOf(operators)) as Keys;
  must(keys.length > 0 && keys.every(({ kty, kid }) => kty !== undefined && kid !== undefined), 'operators.keys: a file with a key set');
}

export function checked(sale: Sale): Sale {
  must(/^[a-z][a-z0-9-]{1,15}$/.test(sale.name), 'name: 2 to 16 letters, digits, hyphens');
  must(/^[a-z0-9.-]+\.[a-z]+$/.test(sale.domain), 'domain');
  must(/^[A-Za-z0-9_-]+$/.test(sale.event), 'event');
  must(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(sale.opensAt) && !Number.isNaN(Date.parse(sale.opensAt)), 'opensAt: as 2027-05-01T11:00:00Z');
  must(sale.warmMinutes >= 30 && sale.openMinutes >= 60, 'warmMinutes: 30 at least, openMinutes: 60');
  must(['none', 'first', 'second'].includes(sale.awake), 'awake: none, first or second');
  must(sale.awake !== 'second' || sale.second !== undefined, 'awake: there is no second region');
  if (sale.operators !== undefined) checkOperators(sale.operators);
  must([undefined, 1, 2].includes(sale.seatOwners), 'seatOwners: 1 or 2');
  must(sale.shop.delivery === 'http' || sale.shop.delivery === 'queue', 'shop.delivery: http or queue');
  checkPlace(sale.primary, 'primary');
  const networks = [sale.primary.cidr, sale.shop.cidr];
  if (sale.second !== undefined) {
    checkPlace(sale.second, 'second');
    must(sale.second.region !== sale.primary.region, 'second.region: another one than primary.region');
    networks.push(sale.second.cidr);
  }
  must(new Set(networks).size === networks.length, 'cidr: peered networks must not overlap');
  sizeFor(sale.visitors);
  return sale;
}

export const readSale = (path = join(HERE, 'sale.json')): Sale => checked(JSON.parse(readFileSync(path, 'utf8')) as Sale);

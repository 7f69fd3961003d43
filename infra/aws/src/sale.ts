// sale.ts: reads and validates the settings of a sale (sale.json), and computes the machines that its size needs.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { dirname, join } from 'node:path';

// Paths are relative to the compiled code, in infra/aws/made/{src,test}.
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
  ordersUrl: string;
  ordersPort: number;
}

// Operator accounts of the company's issuer. `keys` is a file next to sale.json with its key set, because the seats have no
// outgoing connections to fetch it.
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
  awake: 'none' | 'first' | 'second'; // where programs run; none: until secrets and roles exist
  profile: 'evening' | 'idle'; // the machines that `visitors` need, or those that are enough between sales
  visitors: number;
  seats: number;
  opensAt: string;
  warmMinutes: number;
  openMinutes: number;
  timeZone: string;
  primary: Place;
  second?: Place;
  shop: Shop;
  outward: { provider: string[]; beacon: string[] };
  operators?: Operators; // without it, operators use the tokens among the secrets
  seatOwners?: 1 | 2; // 2: both processes of the seats share the events; otherwise one follows the other
}

export interface Machines {
  count: number;
  cpu: number; // 1,024 are one virtual CPU
  memoryMb: number;
}

export interface Size {
  edges: Machines;
  fronts: Machines;
  seats: Machines; // of each process: there is one owner and one standby
  pays: Machines;
  shards: number;
  redis: string;
  database: string;
  maxconn: number; // per edge
  pspPerS: number;
  usersPerS: number;
  traffic: { gb: number; millions: number }; // of a sale: data to visitors, and requests
}

// The part of the output of `fairgate size --json` that is used.
interface Sums {
  parts: { part: string; count: number; cores: number; memory_gb: number }[];
  settings: { setting: string; least: number }[];
  polls_per_s: number;
  sold_out_s: number;
}

export const BIN = join(process.env['FAIRGATE_BUILD_DIR'] ?? join(ROOT, 'build/release'), 'bin');
const CORES = { edge: 4, 'queue-front': 2, idle: 1 };
const CONNECTIONS_MAX = 400_000; // per edge: a task may open a million files, and each connection takes two
const VIEW_KB = 64; // SCALE.md: data to one visitor in the whole sale
const VIEW_REQUESTS = 3; // the page, the join, the stream

// The idle profile: a few people view what they bought, so one core for each process is enough.
export const IDLE: Pick<Sale, 'visitors' | 'seats'> = { visitors: 2000, seats: 1000 };

// Half as many tasks again, since a lost zone takes a third of them. Fargate needs at least 2 GB per core, in steps.
function machines(count: number, cores: number, gb: number): Machines {
  const step = cores >= 16 ? 8 : cores >= 8 ? 4 : 1;
  return { count: Math.ceil(count * 1.5), cpu: cores * 1024, memoryMb: Math.ceil(Math.max(2 * cores, gb) / step) * step * 1024 };
}

export function sizeFor({ profile, ...sale }: Pick<Sale, 'profile' | 'visitors' | 'seats'>): Size {
  const idle = profile === 'idle';
  const { visitors, seats } = idle ? IDLE : sale;
  const asked = { visitors, seats, placed: 60, 'edge-cores': idle ? CORES.idle : CORES.edge, 'front-cores': idle ? CORES.idle : CORES['queue-front'] };
  const { status, stdout, stderr, error } = spawnSync(join(BIN, 'fairgate'), ['size', '--cdn', '--json', ...Object.entries(asked).flatMap(([name, value]) => [`--${name}`, `${value}`])], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`no size for ${visitors} visitors: ${error?.message ?? (stderr || 'no number of machines is enough')}`);
  const sums = JSON.parse(stdout) as Sums;
  const part = (name: string) => sums.parts.find((one) => one.part === name)!;
  const least = (name: string): number => sums.settings.find(({ setting }) => setting === name)!.least;
  const of = (name: string, count = part(name).count): Machines => machines(count, idle ? CORES.idle : part(name).cores, part(name).memory_gb);
  const edges = Math.max(part('edge').count, Math.ceil(visitors / CONNECTIONS_MAX));
  const polls = sums.polls_per_s * sums.sold_out_s;
  return {
    edges: of('edge', edges), fronts: of('queue-front'), seats: of('seat-service'), pays: of('payment-adapter'),
    shards: part('shard of Redis').count, redis: `cache.r7g.${part('shard of Redis').memory_gb > 12 ? 'xlarge' : 'large'}`,
    database: `db.r7g.${!idle && part('PostgreSQL').cores > 2 ? 'xlarge' : 'large'}`,
    maxconn: Math.max(20_000, Math.ceil((visitors / edges) * 1.15)), pspPerS: least('psp.per_s'), usersPerS: least('users.queries_per_s'),
    traffic: { gb: (visitors * VIEW_KB) / 1e6, millions: (visitors * VIEW_REQUESTS + polls) / 1e6 },
  };
}

// Cloud Map returns at most eight addresses per name, so more than eight fronts have several names.
export const CLOUD_MAP_MAX = 8;
export const frontNames = ({ fronts }: Size): string[] => Array.from({ length: Math.ceil(fronts.count / CLOUD_MAP_MAX) }, (_, i) => `queue-front${i === 0 ? '' : `-${i + 1}`}`);

// Tasks between sales. They keep the line, the seats and the orders reachable if a zone is lost.
export const QUIET = { edges: 3, fronts: 3, pays: 2 };

// A capacity unit is 25 new connections per second, 3,000 open ones, or a gigabyte per hour. CloudFront reuses its
// connections, but each stream needs its own, and all visitors may open theirs within a minute.
export const unitsFor = (visitors: number): number => Math.max(100, Math.ceil(visitors / 60 / 25));

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

// Only the public members of the issuer's keys that programs read: certificates would fill the task definition.
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
  checkPlace(sale.primary, 'primary');
  const networks = [sale.primary.cidr, sale.shop.cidr];
  if (sale.second !== undefined) {
    checkPlace(sale.second, 'second');
    must(sale.second.region !== sale.primary.region, 'second.region: another one than primary.region');
    networks.push(sale.second.cidr);
  }
  must(new Set(networks).size === networks.length, 'cidr: peered networks must not overlap');
  must(['evening', 'idle'].includes(sale.profile), 'profile: evening or idle');
  sizeFor(sale);
  return sale;
}

export const readSale = (path = join(HERE, 'sale.json')): Sale => checked(JSON.parse(readFileSync(path, 'utf8')) as Sale);

// services.ts: the settings and the number of tasks of each program.
//
// Settings are those of infra/etc, adapted to AWS. They are in the environment as FAIRGATE_SECTION_KEY; a test looks
// each up in the program's own table.

import { Duration, type Stack } from 'aws-cdk-lib';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import * as sd from 'aws-cdk-lib/aws-servicediscovery';
import { edgeConfig, FILES, withoutComments } from './edge.js';
import { PORTS, type Group, type Network } from './network.js';
import { CLOUD_MAP_MAX, frontNames, keysOf, QUIET, type Sale, type Size } from './sale.js';
import type { SecretName } from './secrets.js';
import type { Stores } from './stores.js';
import { beside, HALTS, STOP_S, type File, type Image, type Task, type Tasks } from './task.js';

const path = (name: string): string => `${FILES}/${name}`;
const secret = (name: SecretName): File => ({ name, secret: name });
const passfile = (role: 'seat_service' | 'payment_adapter' | 'fairgate_reader'): File =>
  ({ name: `pgpass-${role}`, secret: `db-${role}`, before: `*:*:*:${role}:` });

export type Program = 'queue-front' | 'seat-service' | 'payment-adapter';
export const PROGRAMS: Record<string, Program> = { 'queue-front': 'queue-front', 'seats-a': 'seat-service', 'seats-b': 'seat-service', 'payment-adapter': 'payment-adapter' };

export interface Plan {
  stack: Stack;
  sale: Sale;
  size: Size;
  network: Network;
  stores: Stores;
  tasks: Tasks;
  names: sd.PrivateDnsNamespace;
  asleep: boolean; // services exist, but run no tasks
}

// Settings of every program. After SIGTERM it serves for drain_delay more, so that HAProxy notices first.
function common(plan: Plan, program: Program): Record<string, string | number> {
  return {
    'http.host': '0.0.0.0', 'http.port': PORTS[program].open,
    'http.drain_delay': '5s', 'http.drain_timeout': '20s',
    'http.trusted_proxies': plan.network.cidrs('inner').join(','),
    'private.host': '0.0.0.0', 'private.port': PORTS[program].private,
    'private.token_file': path('admin-token'), 'private.service_token_file': path('service-token'),
    ...persons(plan.sale),
  };
}

const JWKS = 'operators-jwks.json';

function persons({ operators }: Sale): Record<string, string> {
  if (operators === undefined) return {};
  const prefix: Record<string, string> = operators.rolePrefix === undefined ? {} : { 'operators.role_prefix': operators.rolePrefix };
  return { 'operators.issuer': operators.issuer, 'operators.audience': operators.audience, 'operators.keys': path(JWKS), ...prefix };
}

// The files by which every program authenticates operators and services.
function tokens({ operators }: Sale): File[] {
  const keys = operators === undefined ? [] : [{ name: JWKS, text: keysOf(operators) }];
  return [secret('admin-token'), secret('service-token'), ...keys];
}

const sharesSeats = (sale: Sale): boolean => sale.seatOwners === 2;
const loops = (cpu: number): number => Math.max(1, Math.floor(cpu / 1024));

function frontTask(plan: Plan): Task {
  const { sale, size, stores, names } = plan;
  const seats = ['seats-a', 'seats-b'].map((name) => `http://${name}.${names.namespaceName}:${PORTS['seat-service'].private}`);
  const pay = `http://payment-adapter.${names.namespaceName}:${PORTS['payment-adapter'].private}`;
  const host = stores.line.group.attrConfigurationEndPointAddress;
  return {
    name: 'queue-front', image: 'QueueFront', machines: size.fronts, alive: `http://127.0.0.1:${PORTS['queue-front'].private}`,
    files: [...tokens(plan.sale), secret('feed-token'), secret('ticket-keys'), secret('identity-keys'), secret('draw-keys'), secret('pass-es256.pem'), secret('redis-password')],
    settings: {
      ...common(plan, 'queue-front'), 'private.feed_token_file': path('feed-token'), 'http.loops': loops(size.fronts.cpu),
      // All nodes have certificates for *.NAME.REGION, whatever name or address the cluster reports for them.
      'redis.cluster': stores.line.seeds, 'redis.tls': 'true', 'redis.tls_name': host,
      'redis.user': 'fairgate', 'redis.password_file': path('redis-password'),
      'keys.tickets': path('ticket-keys'), 'keys.identities': path('identity-keys'), 'keys.draws': path('draw-keys'), 'keys.passes': path('pass-es256.pem'),
      'web.public_url': `https://${sale.domain}`, 'web.page_kept': '5s', // by CloudFront: KEPT in world.ts
      'visits.served_by': seats.map((at) => `${at}/metrics`).join(','), 'visits.ended_at': seats.join(','), 'visits.token_file': path('service-token'),
      'visits.paid_at': `${pay}/readyz`, 'autopilot.health': [...seats, pay].map((at) => `${at}/metrics`).join(','),
      'beacon.drand': sale.outward.beacon.map((relay) => `https://${relay}`).join(', '),
    },
  };
}

// libpq tries both instances and keeps the writable one; both have certificates of RDS's authority.
const conninfo = (hosts: string, port: number, role: string, database: string, authority: SecretName = 'rds-ca.pem'): string =>
  `host=${hosts} port=${port} dbname=${database} user=${role} passfile=${path(`pgpass-${role}`)} sslmode=verify-full sslrootcert=${path(authority)}`;
const WRITTEN_TO = ' target_session_attrs=read-write';

function seatsTask(plan: Plan, name: string): Task {
  const { size, stores, names } = plan;
  return {
    name, image: 'SeatService', machines: size.seats, alive: `http://127.0.0.1:${PORTS['seat-service'].private}`,
    files: [...tokens(plan.sale), secret('feed-token'), secret('hold-keys'), passfile('seat_service'), secret('rds-ca.pem')],
    settings: {
      ...common(plan, 'seat-service'), 'private.feed_token_file': path('feed-token'), 'http.loops': loops(size.seats.cpu),
      'postgres.conninfo': conninfo(stores.seats.hosts, PORTS.postgres, 'seat_service', 'seat_service') + WRITTEN_TO,
      'passes.keys_url': `http://queue-front.${names.namespaceName}:${PORTS['queue-front'].open}/.well-known/jwks.json`,
      'holds.keys_file': path('hold-keys'), 'journal.instance': name,
      ...(sharesSeats(plan.sale) && {
        'owner.owners': 2, 'owner.address': `${name}.${names.namespaceName}:${PORTS['seat-service'].open}`,
        'owner.private_address': `${name}.${names.namespaceName}:${PORTS['seat-service'].private}`,
      }),
    },
  };
}

function payTask(plan: Plan): Task {
  const { sale, size, stores } = plan;
  const inside = (port: number) => `http://127.0.0.1:${port}`; // the HAProxy in the same task, which finds the seats' owner
  return {
    name: 'payment-adapter', image: 'PaymentAdapter', machines: size.pays, alive: inside(PORTS['payment-adapter'].private),
    files: [
      ...tokens(plan.sale), secret('door-ed25519.pem'), secret('hash-key'), secret('psp-key'), secret('psp-webhook-secret'), secret('shop-api-key'),
      passfile('payment_adapter'), passfile('fairgate_reader'), secret('rds-ca.pem'), secret('shop-ca.pem'), ...edgeFiles(plan, '127.0.0.1:8080', '127.0.0.1'),
      secret('feed-token'), { name: 'profiles', text: `[default]\nqueue = "${inside(PORTS['queue-front'].private)}"\nseats = "${inside(PORTS['seat-service'].private)}"\ntoken_file = "${path('feed-token')}"` },
    ],
    settings: {
      ...common(plan, 'payment-adapter'), 'http.loops': loops(size.pays.cpu),
      'database.conninfo': conninfo(stores.orders.hosts, PORTS.postgres, 'payment_adapter', 'payment_adapter') + WRITTEN_TO,
      'users.conninfo': conninfo(sale.shop.databaseHost, sale.shop.databasePort, 'fairgate_reader', sale.shop.databaseName, 'shop-ca.pem'),
      'queue.url': inside(PORTS['queue-front'].open), 'queue.internal_url': inside(PORTS['queue-front'].private),
      'seats.url': inside(PORTS['seat-service'].open), 'seats.internal_url': inside(PORTS['seat-service'].private),
      'keys.service_token': path('service-token'), 'keys.seats_admin_token': path('admin-token'),
      'keys.tickets': path('door-ed25519.pem'), 'keys.hashes': path('hash-key'),
      'psp.stripe_url': `https://${sale.outward.provider[0]}`, 'psp.stripe_key': path('psp-key'), 'psp.stripe_webhook_secret': path('psp-webhook-secret'),
      // Rates agreed with provider and shop; all adapters share them.
      'psp.per_s': size.pspPerS, 'users.queries_per_s': size.usersPerS, 'saga.lease': '15s',
      'web.public_url': `https://${sale.domain}`, 'web.time_zone': sale.timeZone,
      'shop.url': sale.shop.ordersUrl, 'shop.key': path('shop-api-key'),
    },
  };
}

function edgeFiles(plan: Plan, bind: string, inside?: string): File[] {
  return [
    { name: 'edge.cfg', text: withoutComments(edgeConfig({ bind, inside, domain: plan.names.namespaceName, event: plan.sale.event, fronts: frontNames(plan.size), ...(inside === undefined && { maxconn: plan.size.maxconn, health: `:${PORTS.health}` }), shared: sharesSeats(plan.sale) })) },
    // The balancer's networks. It passes on CloudFront's header, whose last address is the visitor's (door.ts).
    { name: 'edge.trusted.lst', text: plan.network.cidrs('door').join('\n') },
  ];
}

// Replaces the image's own entry point. LD_PRELOAD: see infra/edge/allocator.conf.
const HAPROXY = { entryPoint: ['haproxy'], command: ['-db', '-f', path('edge.cfg')], environment: { LD_PRELOAD: 'libjemalloc.so.2' } };

export interface Running {
  service: ecs.FargateService;
  count: number;
  quiet: number; // tasks between openings
}

// If the seats are shared, the registry lists each process by its name, which must be unique. So the old task ends before the new
// one starts, and the other process owns its events meanwhile.
const replaced = (plan: Plan, group: Group): { minHealthyPercent: number; maxHealthyPercent: number } =>
  group === 'seats' && sharesSeats(plan.sale) ? { minHealthyPercent: 0, maxHealthyPercent: 100 } : { minHealthyPercent: 100, maxHealthyPercent: 200 };

// The balancer has the edges as targets; all other services are found by their names in Cloud Map.
function run(plan: Plan, definition: ecs.FargateTaskDefinition, group: Group, subnets: string, count: number, quiet: number, name = definition.node.id.slice('Task-'.length)): Running {
  const service = new ecs.FargateService(plan.stack, `Service-${name}`, {
    cluster: plan.tasks.at.cluster, taskDefinition: definition, desiredCount: plan.asleep ? 0 : count,
    securityGroups: [plan.network.groups[group]], vpcSubnets: { subnets: plan.network.subnets(subnets) }, assignPublicIp: false,
    ...replaced(plan, group), circuitBreaker: HALTS, enableExecuteCommand: false,
    ...(group === 'edge' ? {} : { cloudMapOptions: { cloudMapNamespace: plan.names, name, dnsRecordType: sd.DnsRecordType.A, dnsTtl: Duration.seconds(2) } }),
  });
  return { service, count, quiet };
}

export interface Services {
  edges: Running;
  all: Running[];
}

export function servicesOf(plan: Plan): Services {
  const { tasks, size } = plan;
  const image = (name: Image) => tasks.at.image(name);
  const edge = tasks.define({
    name: 'edge', image: 'Edge', machines: size.edges, ...HAPROXY, files: edgeFiles(plan, `:${PORTS.edge}`),
  });
  edge.findContainer('edge')!.addPortMappings({ containerPort: PORTS.edge });
  const pay = tasks.define(payTask(plan), (definition, first, logging) => {
    // Sends the number of free seats to the waiting room. Each adapter has such a feed; they send the same.
    beside(definition, first, 'feed', { image: image('Ctl'), command: ['--profiles', path('profiles'), 'feed'], logging, memoryLimitMiB: 64, essential: false, enableRestartPolicy: true });
    beside(definition, first, 'inside', { image: image('Edge'), ...HAPROXY, logging, memoryLimitMiB: 256, stopTimeout: Duration.seconds(STOP_S) });
  });
  const quiet = (kind: keyof typeof QUIET): number => Math.min(QUIET[kind], size[kind].count);
  const edges = run(plan, edge, 'edge', 'inner', size.edges.count, quiet('edges'));
  // Deployed one after the other, so that one process can own the seats meanwhile.
  const seats = ['seats-a', 'seats-b'].map((name) => run(plan, tasks.define(seatsTask(plan, name)), 'seats', 'inner', 1, 1));
  seats[1]!.service.node.addDependency(seats[0]!.service);
  if (size.pays.count > CLOUD_MAP_MAX) throw new Error(`Cloud Map names ${CLOUD_MAP_MAX} of ${size.pays.count} adapters`);
  const front = tasks.define(frontTask(plan));
  const names = frontNames(size);
  const fronts = names.map((name, i) => run(plan, front, 'line', 'line', Math.ceil(size.fronts.count / names.length), i === 0 ? quiet('fronts') : 0, name));
  const all = [edges, ...fronts, ...seats, run(plan, pay, 'pay', 'pay', size.pays.count, quiet('pays'))];
  return { edges, all };
}

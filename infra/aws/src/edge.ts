// edge.ts: infra/edge/haproxy.cfg and infra/ha/etc/inside.cfg, with their names filled in for this network.
//
// Fargate gives a task another address each time, so HAProxy finds the servers by names in Cloud Map, which
// answers with eight addresses at most: no service here has more tasks than that (CLOUD_MAP_MAX).

import { fileOf } from './sale.js';

export const CLOUD_MAP_MAX = 8;
export const FILES = '/run/fairgate';
const PAGES = '/usr/share/fairgate/edge';
// What the stack's own edge is given by default (infra/stack/parts/edge).
const BOUNDS = { CONNECTIONS: 1000, REQUESTS_PER_10S: 3000 };
const FINDS = 'resolvers vpc init-addr none resolve-prefer ipv4';

// Each name between @ is filled in, and none is left; a line of its own may become several.
export function filled(text: string, values: Record<string, string>): string {
  let out = text;
  for (const [name, value] of Object.entries(values)) {
    if (!out.includes(`@${name}@`)) throw new Error(`there is no @${name}@`);
    out = out.replaceAll(`@${name}@`, () => value);
  }
  const left = /@[A-Z_]+@/.exec(out);
  if (left !== null) throw new Error(`${left[0]} is not filled in`);
  return out;
}

const RESOLVERS = `
# Where the names of the tasks are answered: the network's own resolver.
resolvers vpc
    parse-resolv-conf
    accepted_payload_size 8192
    resolve_retries 3
    timeout resolve 1s
    timeout retry 500ms
    hold valid 2s
    hold nx 2s
    hold obsolete 2s
`;

const lines = (...all: string[]): string => all.join('\n    ');

// A proxy of ours that named the visitor is believed, up to the fourth (infra/README.md, Behind a CDN).
const hops = (): string => lines(...[1, 2, 3, 4].flatMap((n) => [
  `http-request set-var(txn.hops) int(${n}) if { var(txn.hops) -m int ${n - 1} } { var(txn.visitor) -m ip -f ${FILES}/edge.trusted.lst } { req.hdr_ip(x-forwarded-for,-${n}) -m found }`,
  `http-request set-var(txn.visitor) req.hdr_ip(x-forwarded-for,-${n}) if { var(txn.hops) -m int ${n} }`,
]));

export interface EdgeAt {
  bind: string;
  inside?: string; // an address at which services find each other
  domain: string; // of the names in Cloud Map
  event: string;
  shared?: boolean; // the processes of the seats share the events: each has its name, by which an event is found
}

// Many alike behind one name. Backends of pages ask for themselves: servers that come by name cannot be tracked.
const many = (name: string, domain: string, port: number, alone: boolean): string => lines(
  ...(alone ? ['option httpchk GET /healthz', 'default-server inter 300ms fastinter 200ms fall 2 rise 1'] : []),
  `server-template ${name}- ${CLOUD_MAP_MAX} ${name}.${domain}:${port} check port ${port < 8090 ? port + 10 : port} ${FINDS}`,
);

// Two seats, each with a name of its own: one owns, one follows, and only the owner is ready.
const SEATS = ['seats-a', 'seats-b'];
const seats = (domain: string, port: number, how: (name: string) => string): string[] =>
  SEATS.map((name) => `server ${name} ${name}.${domain}:${port} ${how(name)} ${FINDS}`);
const unproven = (domain: string): string[] =>
  SEATS.map((name) => `server ${name}-unproven ${name}.${domain}:8082 track seat-service-unproven/${name} backup ${FINDS}`);

const finders = (): string[] => filled(fileOf('infra/edge/owners.cfg'), { OWNERS: `${FILES}/owners.map` }).trim().split('\n').map((line) => line.trim());

// The whole of edge.cfg.
export function edgeConfig({ bind, inside, domain, event, shared = false }: EdgeAt): string {
  const finds = shared ? finders() : [];
  const edge = filled(fileOf('infra/edge/haproxy.cfg'), {
    BIND: bind, MAXCONN: '60000', SOCKET: `${FILES}/edge.sock`, EVENT: event, LISTS: FILES, PAGES, VIEWS: '',
    CLIENT_IP_HEADER: 'x-forwarded-for', HOPS: hops(),
    CONNECTIONS: `${BOUNDS.CONNECTIONS}`, CONNECTIONS_HARD: `${BOUNDS.CONNECTIONS * 2}`, NEW_CONNECTIONS: `${BOUNDS.CONNECTIONS * 2}`,
    REQUESTS_PER_10S: `${BOUNDS.REQUESTS_PER_10S}`, REQUESTS_HARD: `${BOUNDS.REQUESTS_PER_10S * 4}`,
    SEATS_CHECK: '/readyz',
    FRONTS: many('queue-front', domain, 8081, false), FRONT_PAGES: many('queue-front', domain, 8081, true),
    SEATS: lines(...finds, ...seats(domain, 8082, () => 'check port 8092'), ...unproven(domain)),
    SEAT_PAGES: lines(...finds, ...seats(domain, 8082, (name) => `track seat-service/${name}`), ...unproven(domain)),
    SEATS_UNPROVEN: lines(...seats(domain, 8082, () => 'check port 8092')),
    SEATS_SHOWN: lines(...seats(domain, 8082, () => 'check port 8092')),
    SEATS_SHOWN_STREAMS: lines(...seats(domain, 8082, (name) => `track seat-service-shown/${name}`)),
    PAY: many('payment-adapter', domain, 8083, false), PAY_PAGES: many('payment-adapter', domain, 8083, true),
  });
  const second = inside === undefined ? '' : filled(fileOf('infra/ha/etc/inside.cfg'), {
    INSIDE: inside, FRONTS_PRIVATE: many('queue-front', domain, 8091, true),
    SEATS_PRIVATE: lines(...finds, ...seats(domain, 8092, (name) => `track seat-service/${name}`)),
  });
  return edge + second + RESOLVERS;
}

// Comments are for readers of the source; a task's description has room for 64 KB.
export const withoutComments = (config: string): string => config.split('\n').filter((line) => !/^\s*(#|$)/.test(line)).join('\n') + '\n';

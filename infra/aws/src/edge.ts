// edge.ts: the edge's settings for this network, of which infra/edge/fairgate-edge makes HAProxy's configuration.
//
// Fargate gives a task another address each time, so HAProxy finds the servers by names in Cloud Map, which
// answers with eight addresses at most (CLOUD_MAP_MAX).

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { CLOUD_MAP_MAX, ROOT } from './sale.js';

export const FILES = '/run/fairgate';

export interface EdgeAt {
  bind: string;
  inside?: string; // an address at which services find each other
  domain: string; // of the names in Cloud Map
  event: string;
  fronts?: string[]; // names of the waiting room's services there
  maxconn?: number; // of visitors
  shared?: boolean; // the processes of the seats share the events: each has its name, by which an event is found
}

// The whole of edge.cfg. Two seats, each with a name of its own: one owns, one follows, and only the owner is ready.
export function edgeConfig({ bind, inside = '', domain, event, shared = false, fronts = ['queue-front'], maxconn = 60_000 }: EdgeAt): string {
  const settings = {
    listen: bind, inside, event, maxconn, socket: `${FILES}/edge.sock`, files: '/usr/share/fairgate/edge', slots: CLOUD_MAP_MAX,
    trusted: `${FILES}/edge.trusted.lst`, fronts: fronts.map((name) => `dns:${name}.${domain}`).join(' '), pay: `dns:payment-adapter.${domain}`,
    seats: ['seats-a', 'seats-b'].map((name) => `${name}=${name}.${domain}`).join(' '), owners: shared ? 'yes' : 'no',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`).join('');
  return execFileSync(join(ROOT, 'infra/edge/fairgate-edge'), ['/dev/stdin'], { input: lines, encoding: 'utf8' });
}

// Comments are for readers of the source; a task's description has room for 64 KB.
export const withoutComments = (config: string): string => config.split('\n').filter((line) => !/^\s*(#|$)/.test(line)).join('\n') + '\n';

// edge.ts: the edge's settings for this network, from which infra/edge/fairgate-edge makes HAProxy's configuration.
//
// A Fargate task gets a new address at each start, so HAProxy finds its servers by DNS names in Cloud Map, which
// returns at most eight addresses (CLOUD_MAP_MAX).

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { CLOUD_MAP_MAX, ROOT } from './sale.js';

export const FILES = '/run/fairgate';

export interface EdgeAt {
  bind: string;
  inside?: string; // an address where services find each other
  health?: string; // the address of its health check, which visitors cannot fill
  domain: string; // of the names in Cloud Map
  event: string;
  fronts?: string[]; // the waiting room's services in Cloud Map
  maxconn?: number; // of visitors
  shared?: boolean; // the seats' processes share the events: each event leads to its owner, by the process's name
}

// Returns edge.cfg. There are two seat-service processes, each with its own name: an owner and a standby, or two owners.
export function edgeConfig({ bind, inside = '', health = '', domain, event, shared = false, fronts = ['queue-front'], maxconn = 60_000 }: EdgeAt): string {
  const settings = {
    listen: bind, inside, health, event, maxconn, socket: `${FILES}/edge.sock`, files: '/usr/share/fairgate/edge', slots: CLOUD_MAP_MAX,
    trusted: `${FILES}/edge.trusted.lst`, fronts: fronts.map((name) => `dns:${name}.${domain}`).join(' '), pay: `dns:payment-adapter.${domain}`,
    seats: ['seats-a', 'seats-b'].map((name) => `${name}=${name}.${domain}`).join(' '), owners: shared ? 'yes' : 'no',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`).join('');
  return execFileSync(join(ROOT, 'infra/edge/fairgate-edge'), ['/dev/stdin'], { input: lines, encoding: 'utf8' });
}

// Comments are removed because a task definition may have at most 64 KB.
export const withoutComments = (config: string): string => config.split('\n').filter((line) => !/^\s*(#|$)/.test(line)).join('\n') + '\n';

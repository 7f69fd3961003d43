// The cost of a new connection at the edge: HAProxy's CPU time by certificate, and with or without a resumed session.
// One HAProxy has all the listeners and answers by itself, so only the handshakes differ. Each connection makes one
// request; the same without TLS is the baseline.

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, ROOT, until } from '../../tests/lib-js/index.js';
import { inTurns, ratio, sameWork, spread } from './lib/compare.js';
import { LOAD_CORE, SERVER_CORE } from './lib/front.js';
import { runPinned } from './lib/machine.js';

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 7);
const COUNT = Number(process.env.BENCH_CONNECTIONS ?? 400);
const CLIENT = join(ROOT, 'loadtest/bench/lib/handshakes.js');
const TICKET_KEYS = 3;
const TICKET_KEY_BYTES = 80;

const KEYS = { ecdsa: ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'], rsa: ['rsa:2048'] };

export function certificate(dir, kind) {
  const pem = join(dir, `${kind}.pem`);
  execFileSync('openssl', ['req', '-x509', '-newkey', ...KEYS[kind], '-nodes', '-subj', '/CN=localhost', '-days', '2', '-keyout', `${pem}.key`, '-out', `${pem}.crt`], { stdio: 'ignore' });
  writeFileSync(pem, readFileSync(`${pem}.crt`) + readFileSync(`${pem}.key`));
  return pem;
}

// CPU time in nanoseconds, of all threads.
const cpuNs = (pid) => readdirSync(`/proc/${pid}/task`).reduce((sum, task) =>
  sum + Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]), 0);

async function startEdge(scope) {
  const dir = scope.tempDir('tls-');
  const ports = Object.fromEntries(await Promise.all(['plain', 'ecdsa', 'ecdsaCache', 'rsa'].map(async (name) => [name, await freePort()])));
  const keys = join(dir, 'ticket-keys');
  writeFileSync(keys, Array.from({ length: TICKET_KEYS }, () => `${randomBytes(TICKET_KEY_BYTES).toString('base64')}\n`).join(''));
  const pems = { ecdsa: certificate(dir, 'ecdsa'), rsa: certificate(dir, 'rsa') };
  writeFileSync(join(dir, 'cfg'), `global
    nbthread 1
    maxconn 2000
    ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
    mode http
    timeout client 30s
    timeout server 30s
    timeout connect 5s
frontend all
    bind 127.0.0.1:${ports.plain}
    bind 127.0.0.1:${ports.ecdsa} ssl crt ${pems.ecdsa} tls-ticket-keys ${keys}
    bind 127.0.0.1:${ports.ecdsaCache} ssl crt ${pems.ecdsa} no-tls-tickets
    bind 127.0.0.1:${ports.rsa} ssl crt ${pems.rsa} tls-ticket-keys ${keys}
    http-request return status 200 content-type text/plain string ok
`);
  const child = scope.spawn('haproxy', ['taskset', '-c', String(SERVER_CORE), 'haproxy', '-db', '-f', join(dir, 'cfg')]);
  await until('haproxy to answer', async () => (await fetch(`http://127.0.0.1:${ports.plain}/`)).ok);
  return { pid: child.pid, ports };
}

// CPU time of the edge, in microseconds, for one connection with its request.
async function costs(edge, how) {
  const before = cpuNs(edge.pid);
  const counts = JSON.parse(await runPinned(LOAD_CORE, ['node', CLIENT, JSON.stringify({ count: COUNT, ...how })]));
  const used = cpuNs(edge.pid) - before;
  sameWork('the number of answers', { asked: COUNT, good: counts.good });
  if (how.resume) sameWork('sessions taken up', { asked: COUNT, reused: counts.reused });
  else if (counts.reused > 0) throw new Error(`not comparable: ${counts.reused} sessions were taken up`);
  return used / 1000 / COUNT;
}

export default async function suite({ scope, add }) {
  const edge = await startEdge(scope);
  const of = (name, how = {}) => () => costs(edge, { port: edge.ports[name], ...how });
  const v13 = { tls: 'TLSv1.3' };
  const taken = await inTurns({
    plain: of('plain'),
    plainAgain: of('plain'),
    ecdsa: of('ecdsa', v13),
    rsa: of('rsa', v13),
    ticket: of('ecdsa', { ...v13, resume: true }),
    cache: of('ecdsaCache', { ...v13, resume: true }),
    rsaTicket: of('rsa', { ...v13, resume: true }),
  }, ROUNDS);
  const us = (name) => `${spread(taken[name]).median.toFixed(0)} us`;
  const row = (name, a, b, bar = {}) => add({ name, value: ratio(taken, a, b), note: `${us(a)} and ${us(b)}`, ...bar });
  row('without TLS, of the same again', 'plain', 'plainAgain');
  row('P-256, full, of without TLS', 'ecdsa', 'plain');
  row('RSA-2048 of P-256, full', 'rsa', 'ecdsa', { atLeast: 1.2 });
  row('P-256, by ticket, of full', 'ticket', 'ecdsa', { atMost: 1 });
  row('P-256, by the edge\'s memory, of by ticket', 'cache', 'ticket');
  row('RSA-2048, by ticket, of full', 'rsaTicket', 'rsa', { atMost: 0.8 });
}

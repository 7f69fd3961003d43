// Hostile clients: what everybody else notices while some are slow, silent, half gone or without measure. At
// the front, the seat service and the payment adapter themselves, and at the edge by TLS, where HTTP/2 has
// attacks of its own. The figure is everybody else's p99 beside that of the quiet seconds before and after.
//
// All that serves shares core 0. Everybody else is a process on core 1, and so is the attacker, at the
// lowest priority: what is measured is the service, not two of our own programs that want one core. They
// come from different addresses, as they would; the edge bounds each by its own.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { letIn, openStack, ROOT } from '../../tests/lib-js/index.js';
import { LOAD_CORE, SERVER_CORE } from './lib/front.js';
import { rssKb, runPinned } from './lib/machine.js';

const SECONDS = Number(process.env.BENCH_SECONDS ?? 4);
const PER_S = 200;
const EVENT = 'demo';
const BAR = 2;
const GROWN_MB = 64; // of a process, over all attacks
const CLIENT = join(ROOT, 'loadtest/bench/lib/hostile.js');

const OF_HTTP1 = ['slow heads', 'slow bodies', 'readers that do not read', 'streams that nobody reads', 'floods of headers', 'floods of connections',
  'floods of pipelined requests', 'half-closed sockets'];
const OF_HTTP2 = ['rapid reset', 'CONTINUATION without end'];

const queue = { paths: [`/v1/queue/${EVENT}/status`], post: `/v1/queue/${EVENT}/move`, big: `/e/${EVENT}`, stream: `/v1/queue/${EVENT}/stream` };
const TARGETS = [
  { name: 'front', part: 'queue-front', offset: 1, ...queue },
  { name: 'seats', part: 'seat-service', offset: 2, paths: [`/seats/${EVENT}`], post: `/v1/seats/${EVENT}/holds`, big: `/seats/${EVENT}` },
  { name: 'adapter', part: 'payment-adapter', offset: 3, paths: ['/v1/pay/ticket-keys'], post: '/v1/pay/login', big: '/pay/checkout' },
  { name: 'edge', part: 'edge', offset: 0, tls: true, ...queue },
];

function certificate(scope) {
  const pem = join(scope.tempDir('tls-'), 'edge.pem');
  const argv = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=localhost', '-days', '2', '-keyout', pem, '-out', `${pem}.crt`];
  execFileSync('openssl', argv, { stdio: 'ignore' });
  execFileSync('sh', ['-c', `cat ${pem}.crt >>${pem}`]);
  return pem;
}

export default async function suite({ scope, add }) {
  const stack = await openStack(scope, { hashes: 'usual', env: { FAIRGATE_TLS_PEM: certificate(scope) }, wrap: ['taskset', '-c', String(SERVER_CORE)] });
  await stack.up();
  await letIn(stack, EVENT, { rate_per_s: 1, burst: 1 });
  const parts = await stack.parts();

  for (const { name, part, offset, ...how } of TARGETS) {
    const run = async (what, from, before = []) =>
      JSON.parse(await runPinned(LOAD_CORE, [...before, 'node', CLIENT, what, JSON.stringify({ ...how, port: stack.base + offset, seconds: SECONDS, perS: PER_S, from })]));
    const others = () => run('neighbour', ['127.0.0.1']);
    const grown = -rssKb(parts[part].pid);
    let quiet = await others();
    const attacks = [...OF_HTTP1, ...(how.tls ? OF_HTTP2 : [])].filter((what) => what !== 'streams that nobody reads' || how.stream);
    for (const what of attacks) {
      const [met, attacker] = await Promise.all([others(), run(what, ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5'], ['nice', '-n', '19'])]);
      if (attacker.opened + attacker.sent === 0) throw new Error(`${name}, ${what}: nobody attacked`);
      const after = await others();
      const calm = (quiet.p99 + after.p99) / 2;
      const note = `p99 ${met.p99.toFixed(1)} ms, quiet ${quiet.p99.toFixed(1)} and ${after.p99.toFixed(1)}; ${attacker.opened} connections, ${attacker.sent} sent, ${attacker.refused} refused`;
      add({ name: `${name}, ${what}: p99, of quiet`, value: met.p99 / calm, atMost: BAR, note });
      if (met.lost > 0) add({ name: `${name}, ${what}: not answered, of ${met.asked}`, value: met.lost, atMost: 0 });
      quiet = after;
    }
    add({ name: `${name}: memory grown over all of it`, value: (grown + rssKb(parts[part].pid)) / 1024, unit: 'MB', atMost: GROWN_MB });
  }
}

// Hostile clients: how much others notice while some clients are slow, silent, half-closed or flooding. Attacks the front, the
// seat service and the payment adapter directly, and the edge over TLS, where HTTP/2 allows more attacks.
//
// An attack takes CPU time from all programs on its machine, whatever its target. So the figure compares two p99 of the same
// neighbour at the same service: while that service is attacked, and while the same clients attack a second copy of the stack
// on the same cores. The ratio is the delay that the service itself causes. The copy gets only what is left of the core.
//
// All servers share core 0. The neighbour and the attacker are processes on core 1. If permitted, the neighbour and the
// services that it calls run with real-time priority, ahead of the attacker and the copy. The kernel then suspends a service
// that used the whole core for a second, for up to 50 ms. Requests during that time are left out; their share has a bar, and
// the note has the p99 of all. At the edge no request is left out, because there real-time services cause delays as well.
//
// Each attack comes from new addresses. The edge limits what an address may do within ten seconds, and the attack's burst is
// within the limits. So there the measurement begins after ten seconds of the attack; the figure of the first ten has no bar.
// Connections within the limits are TLS handshakes, which HAProxy does in order of arrival, one per turn of its loop. There
// the figure is the number of handshakes ahead (RESULTS.md).

import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { letIn, openStack, ROOT } from '../../tests/lib-js/index.js';
import { LOAD_CORE, SERVER_CORE } from './lib/front.js';
import { cpuUs, rssKb, runPinned } from './lib/machine.js';
import { certificate } from './tls.suite.js';

const SECONDS = Number(process.env.BENCH_SECONDS ?? 4);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 2);
const WINDOW_S = process.env.BENCH_SECONDS === undefined ? 10 : SECONDS; // of the edge's limits
const AT = process.env.AT?.split(','); // targets; default: all
const ATTACK = process.env.ATTACK?.split(','); // attacks; default: all
const PER_S = 200;
const PATIENCE_MS = 5000;
const EVENT = 'demo';
const BAR = 2;
const GROWN_MB = 64; // growth of a process over all attacks
export const minutes = 20;

const CLIENT = join(ROOT, 'loadtest/bench/lib/hostile.js');

const OF_HTTP1 = ['slow heads', 'slow bodies', 'readers that do not read', 'streams that nobody reads', 'floods of headers', 'floods of connections',
  'floods of pipelined requests', 'half-closed sockets'];
const OF_HTTP2 = ['rapid reset', 'CONTINUATION without end'];

const unknown = ATTACK?.find((what) => ![...OF_HTTP1, ...OF_HTTP2].includes(what));
if (unknown !== undefined) throw new Error(`ATTACK: there is no '${unknown}'`);

function attacksOn({ tls, stream }) {
  const all = [...OF_HTTP1, ...(tls ? OF_HTTP2 : [])].filter((what) => what !== 'streams that nobody reads' || stream);
  return ATTACK === undefined ? all : all.filter((what) => ATTACK.includes(what));
}

const queue = { paths: [`/v1/queue/${EVENT}/status`], post: `/v1/queue/${EVENT}/move`, big: `/e/${EVENT}`, stream: `/v1/queue/${EVENT}/stream` };
const TARGETS = [
  { name: 'front', part: 'queue-front', offset: 1, ...queue },
  { name: 'seats', part: 'seat-service', offset: 2, paths: [`/seats/${EVENT}`], post: `/v1/seats/${EVENT}/holds`, big: `/seats/${EVENT}` },
  { name: 'adapter', part: 'payment-adapter', offset: 3, paths: ['/v1/pay/ticket-keys'], post: '/v1/pay/login', big: '/pay/checkout' },
  { name: 'edge', part: 'edge', offset: 0, tls: true, ...queue },
];

const FIRST = ['chrt', '-r', '1'];
const LAST = ['nice', '-n', '19'];
const mayHurry = spawnSync(FIRST[0], [...FIRST.slice(1), 'true']).status === 0;
const URGENCY = { edge: '1', 'queue-front': '2', 'seat-service': '2', 'payment-adapter': '2' };
const KEPT_OFF_MS = 2; // a real-time service that waited this long for a CPU was suspended by the kernel
const LEFT_OUT = 0.1; // largest share of requests: the kernel suspends for a twentieth of the time, and queued ones count too

async function hurry(stack) {
  const parts = await stack.parts();
  for (const [name, urgency] of Object.entries(URGENCY)) execFileSync('chrt', ['-a', '-r', '-p', urgency, String(parts[name].pid)]);
}

const ATTACKERS = 4; // source addresses per attack
let attacks = 0;
const attackers = () => {
  attacks += 1;
  return Array.from({ length: ATTACKERS }, (_, i) => `127.0.${attacks}.${i + 2}`);
};

// If no request was answered: the neighbour's timeout.
const p99 = (took) => took.toSorted((a, b) => a - b)[Math.min(took.length - 1, Math.floor(took.length * 0.99))] ?? PATIENCE_MS;

async function openPinned(scope, name, pem) {
  const stack = await openStack(scope, { name, hashes: 'usual', env: { FAIRGATE_TLS_PEM: pem }, wrap: ['taskset', '-c', String(SERVER_CORE)] });
  await stack.up();
  await letIn(stack, EVENT, { rate_per_s: 1, burst: 1 });
  return stack;
}

// The neighbour's results at `stack` during one attack on `at`: {took, asked, lost, attacker, busy}. `took` has for each
// answer [when, how long, how long the service's loop waited for a CPU in that time].
async function meet({ stack, at, what, target: { part, offset, ...how }, lead }) {
  const seconds = lead > 0 ? lead + WINDOW_S : SECONDS;
  const run = async (client, port, from, before) =>
    JSON.parse(await runPinned(LOAD_CORE, [...before, 'node', CLIENT, client, JSON.stringify({ ...how, port: port + offset, seconds, perS: PER_S, patienceMs: PATIENCE_MS, from, pid: asked })]));
  const { pid } = (await at.parts())[part];
  const asked = (await stack.parts())[part].pid;
  const before = cpuUs(pid);
  const [others, attacker] = await Promise.all([run('neighbour', stack.base, ['127.0.0.1'], mayHurry ? FIRST : []), run(what, at.base, attackers(), mayHurry ? [] : LAST)]);
  if (attacker.opened + attacker.sent === 0) throw new Error(`${part}, ${what}: nobody attacked`);
  return { ...others, attacker, busy: (cpuUs(pid) - before) / (seconds * 1e6) };
}

const told = ({ attacker, busy }) => `${attacker.opened} connections, ${attacker.sent} sent, ${attacker.refused} refused, ${(busy * 100).toFixed(0)} % of the core`;

async function attack({ name, what, target, stack, copy, add }) {
  const lead = target.tls ? WINDOW_S : 0;
  const leavesOut = mayHurry && !target.tls;
  const met = { here: [], copy: [] };
  for (let round = 0; round < (lead > 0 ? 1 : ROUNDS); round += 1) {
    const sides = round % 2 === 0 ? ['copy', 'here'] : ['here', 'copy'];
    for (const side of sides) met[side].push(await meet({ stack, at: side === 'here' ? stack : copy, what, target, lead }));
  }
  const during = (side, from, to) => {
    const all = met[side].flatMap(({ took }) => took.filter(([at]) => at >= from * 1000 && at < to * 1000));
    const kept = leavesOut ? all.filter(([, , keptOff]) => keptOff < KEPT_OFF_MS) : all;
    const judged = kept.length > 0 ? kept : all;
    const ms = (of) => p99(of.map(([, took]) => took));
    const leftOut = all.length - kept.length;
    return { p99: ms(judged), p99OfAll: ms(all), leftOut, of: all.length, share: leftOut / Math.max(1, all.length) };
  };
  const figure = (from, to) => {
    const [here, beside] = [during('here', from, to), during('copy', from, to)];
    const leftOut = here.leftOut + beside.leftOut === 0 ? ''
      : `; left out ${here.leftOut} of ${here.of} and ${beside.leftOut} of ${beside.of}, p99 with them ${here.p99OfAll.toFixed(1)} and ${beside.p99OfAll.toFixed(1)} ms`;
    return { value: here.p99 / beside.p99, note: `p99 ${here.p99.toFixed(1)} ms, ${beside.p99.toFixed(1)} while the copy is attacked; here ${told(met.here[0])}; there ${told(met.copy[0])}${leftOut}` };
  };
  add({ name: `${name}, ${what}: p99, of the copy attacked`, ...figure(lead, Infinity), atMost: BAR });
  if (lead > 0) add({ name: `${name}, ${what}: the first ${lead} s`, ...figure(0, lead) });
  const share = Math.max(...['here', 'copy'].map((side) => during(side, lead, Infinity).share));
  if (share > 0) add({ name: `${name}, ${what}: left out, of all`, value: share, atMost: LEFT_OUT });
  const sum = (key) => met.here.reduce((all, one) => all + one[key], 0);
  if (sum('lost') > 0) add({ name: `${name}, ${what}: not answered, of ${sum('asked')}`, value: sum('lost'), atMost: 0 });
}

export default async function suite({ scope, add }) {
  const asked = TARGETS.filter((one) => (AT?.includes(one.name) ?? true) && attacksOn(one).length > 0);
  if (asked.length === 0) throw new Error(`AT='${AT ?? ''}' ATTACK='${ATTACK ?? ''}': there is no such attack`);
  const pem = certificate(scope.tempDir('tls-'), 'ecdsa');
  const stack = await openPinned(scope, 'attacked', pem);
  const copy = await openPinned(scope, 'copy', pem);
  const parts = await stack.parts();
  if (mayHurry) await hurry(stack);

  for (const { name, ...target } of asked) {
    const grown = -rssKb(parts[target.part].pid);
    for (const what of attacksOn(target)) await attack({ name, what, target, stack, copy, add });
    add({ name: `${name}: memory grown over all of it`, value: (grown + rssKb(parts[target.part].pid)) / 1024, unit: 'MB', atMost: GROWN_MB });
  }
}

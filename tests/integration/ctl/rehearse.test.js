// fairgate rehearse, with the release build on a whole stack behind an edge with TLS.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { client, openScope, openStack, programPath, runProgram, until } from '../../lib-js/index.js';
import { selfSign } from '../certificate.js';
import { cells, commandLine, done, EXIT, refused, servicesOf } from './fairgate.js';

const EVENT = 'fairgate-rehearsal';
const VISITORS = 300;

const scope = openScope(test);
const pem = join(scope.tempDir(), 'edge.pem');
selfSign(pem);
// Trusted, as README tells operators who rehearse with a larger crowd.
const stack = await openStack(scope, { env: { FAIRGATE_TLS_PEM: pem, FAIRGATE_EDGE_TRUSTED: '127.0.0.1/32' } });
await stack.up();
const services = servicesOf(stack, { edge: `https://localhost:${stack.base}`, ca_file: pem });
const fairgate = commandLine(scope, services);
const rehearse = (...words) => fairgate('rehearse', '--yes', '--anyway', ...words);
const FEW = ['--visitors', '10', '--within', '1'];

async function counted() {
  const [line, seats] = await Promise.all([11, 12].map(async (at) => (await client({ port: stack.base + at }).get('/metrics')).text));
  const figure = (text, name) => Number(text.split('\n').find((row) => row.startsWith(`${name} `)).split(' ')[1]);
  return {
    joins: figure(line, 'fairgate_joins_total{outcome="new"}'),
    waits: figure(line, 'fairgate_waits_judged_total'),
    holds: figure(seats, 'fairgate_seats_holds_total'),
  };
}

async function assertNothingLeft() {
  assert.doesNotMatch((await fairgate('events', '--names')).stdout, new RegExp(EVENT));
  assert.deepEqual((await fairgate('orders', 'list', EVENT, '--json')).json.orders, []);
  await until('no seat to be held', async () => (await fairgate('halls', 'counts', EVENT, '--json')).json.now.held === 0);
}

// A run with visitors in the line: {child, ended: its exit and its output}.
async function underWay() {
  const child = spawn(programPath('fairgate'), ['rehearse', '--yes', '--anyway', '--within', '600', '--visitors', '3000'], {
    env: { ...process.env, FAIRGATE_PROFILES: fairgate.profiles, HOME: '/nonexistent' },
  });
  scope.defer(() => child.kill('SIGKILL'));
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (more) => { text += more; });
  const ended = new Promise((resolve) => { child.on('close', (code) => resolve({ code, text })); });
  await until('visitors', async () => {
    assert.equal(child.exitCode, null, text);
    const { events } = (await fairgate('events', '--json')).json;
    return events.find(({ id }) => id === EVENT)?.live?.admitted > 0;
  });
  return { child, ended };
}

test('it is refused while something is on sale, and where nobody can be asked', async () => {
  refused(await fairgate('rehearse', '--yes', ...FEW), EXIT.refused, /demo is on sale or opens soon \(open\): not now, or --anyway/);
  refused(await fairgate('rehearse', '--anyway', ...FEW), EXIT.usage, /10 visitors come to https:.* Nobody can be asked here: say --yes/);
  refused(await rehearse('--visitors', '0'), EXIT.usage, /--visitors: a number from 1/);
  assert.doesNotMatch((await fairgate('events', '--names')).stdout, new RegExp(EVENT));
});

test('hundreds come by TLS, and the report has what the services count', async () => {
  const before = await counted();
  const { json } = done(await rehearse('--visitors', String(VISITORS), '--within', '8', '--called', '60', '--json'));
  const after = await counted();
  const calls = Object.fromEntries(json.calls.map((row) => [row.call, row]));
  assert.deepEqual(json.faults, []);
  assert.deepEqual([json.placed, json.ended.done], [VISITORS, VISITORS]);
  assert.deepEqual({ joins: after.joins - before.joins, holds: after.holds - before.holds }, { joins: VISITORS, holds: VISITORS });
  assert.equal(json.waits.judged, after.waits - before.waits);
  assert.ok(json.waits.within_p90 >= json.waits.within_p50);
  for (const call of ['page', 'join', 'poll', 'pass', 'hold']) assert.ok(calls[call].count > 0 && calls[call].p99_ms >= calls[call].p50_ms, call);
  assert.deepEqual([calls.page.count, calls.join.count], [VISITORS, VISITORS]);
  assert.equal(json.joins_offered_per_s, VISITORS / 8);
  assert.ok(json.joins_answered_per_s > 0);
  assert.deepEqual(json.services.map(({ service }) => service), ['queue-front', 'seat-service', 'payment-adapter']);
  assert.ok(json.services[0].cpu_s > 0);
  await assertNothingLeft();
});

test('the page for people ends with what went wrong', async () => {
  const { stdout } = done(await rehearse(...FEW));
  assert.match(stdout, /^10 visitors at https:\/\/localhost:\d+ within 1 s, 20 called a second; it took \d+ s$/m);
  assert.match(stdout, /^ {2}ended {5}.*"done":10/m);
  assert.ok(cells(stdout).some(([call, count]) => call === 'join' && count === '10'), stdout);
  assert.match(stdout, /\n\nAll went well\.\n$/);
});

test('of two rehearsals that begin at once one runs and one is refused', async () => {
  const [went, other] = (await Promise.all([rehearse(...FEW), rehearse(...FEW)])).sort((a, b) => a.status - b.status);
  assert.match(done(went).stdout, /All went well/);
  refused(other, EXIT.refused, /another rehearsal runs, or was cut off: fairgate close fairgate-rehearsal ends it/);
  await assertNothingLeft();
});

test('a second rehearsal is refused, and Ctrl-C ends the first with its figures', async () => {
  const { child, ended } = await underWay();
  refused(await rehearse(...FEW), EXIT.refused, /another rehearsal runs, or was cut off: fairgate close fairgate-rehearsal/);
  assert.ok(Date.parse((await fairgate('show', EVENT, '--json')).json.closes_at) > Date.now());
  child.kill('SIGINT');
  const { code, text } = await ended;
  assert.equal(code, EXIT.refused, text);
  assert.match(text, /^- it was stopped$/m);
  assert.match(text, /^join +\d+/m);
  await assertNothingLeft();
});

test('a killed rehearsal ends its crowd, and the next one deletes its event', async () => {
  const { child, ended } = await underWay();
  const [crowd] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ');
  child.kill('SIGKILL');
  await ended;
  await until('the crowd to be gone', () => !existsSync(`/proc/${crowd}`));
  done(await fairgate('close', EVENT, '--yes'));
  done(await rehearse(...FEW));
  await assertNothingLeft();
});

test('neither it nor its crowd takes another certificate', async () => {
  const trusting = commandLine(scope, { ...services, profile: { edge: services.profile.edge } });
  refused(await trusting('rehearse', '--yes', '--anyway', ...FEW), EXIT.refused, /the rehearsal stops at its page: the edge cannot be reached.*certificate/i);
  await assertNothingLeft();
  const env = {
    FAIRGATE_TARGETS_QUEUE: `127.0.0.1:${stack.base}`, FAIRGATE_TARGETS_TLS: 'true', FAIRGATE_TARGETS_HOST: 'tickets.example', FAIRGATE_TARGETS_CA: pem,
    FAIRGATE_JOURNEY_TO: 'line', FAIRGATE_CROWD_VISITORS: '1', FAIRGATE_CROWD_PATIENCE: '5s',
  };
  const { stdout, stderr } = runProgram('crowd', ['/dev/null', '--quiet'], { env });
  assert.match(stderr, /TLS with tickets\.example: .*the certificate is not for tickets\.example/);
  assert.match(stdout, /"answers":\{\}/);
});

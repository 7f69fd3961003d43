// A scenario's environment: its own stack, the given number of fronts, the operator's knobs, and the line's initial state.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { letIn, targetsOf } from '../../tests/lib-js/crowd.js';
import { client } from '../../tests/lib-js/http.js';
import { freePort, freePortBase } from '../../tests/lib-js/ports.js';
import { ROOT } from '../../tests/lib-js/service.js';
import { partOfBuild, Stack } from '../../tests/lib-js/stack.js';
import { delay, until } from '../../tests/lib-js/wait.js';
import { usual } from '../judge/rules.js';
import { makeAccounts } from './accounts.js';

const BUILD = join(ROOT, 'build/release');
const STACK_FRONTS_MAX = 8; // infra/stack's limit; further fronts are started outside the stack

function partsFor(journey) {
  const line = ['queue-front'];
  const seats = [...line, 'seat-service', 'halls'];
  if (journey === 'line' || journey === 'pass') return line;
  if (journey === 'hold' || journey === 'sold') return seats;
  return [...seats, 'payment-adapter', 'psp-sandbox', 'demo-shop'];
}

export async function openStage(scope, settings) {
  const { stage, journey, crowd } = settings;
  const base = process.env.FAIRGATE_PORT_BASE ? Number(process.env.FAIRGATE_PORT_BASE) : await freePortBase();
  const stack = new Stack(join(scope.dir(), 'run'), base, {
    FAIRGATE_BUILD_DIR: partOfBuild(scope, partsFor(journey.to)),
    FAIRGATE_QUEUE_FRONTS: String(Math.min(stage.fronts, STACK_FRONTS_MAX)),
  });
  stack.keepBy(scope, 'stage');
  scope.defer(() => stack.down());
  await stack.up();
  const opened = new Stage(stack, settings);
  for (let n = 1; n <= Math.min(stage.fronts, STACK_FRONTS_MAX); n += 1) {
    opened.fronts.push({ port: n === 1 ? base + 1 : base + 19 + n, privatePort: n === 1 ? base + 11 : base + 29 + n });
  }
  for (let n = STACK_FRONTS_MAX; n < stage.fronts; n += 1) opened.fronts.push(await extraFront(scope, stack, n + 1));
  await opened.begin(crowd.event);
  return opened;
}

// Starts another front of the same line with the first one's config.
async function extraFront(scope, stack, number) {
  const front = { port: await freePort(), privatePort: await freePort() };
  const env = {
    FAIRGATE_HTTP_PORT: String(front.port),
    FAIRGATE_PRIVATE_PORT: String(front.privatePort),
  };
  const argv = [join(BUILD, 'bin/queue-front'), '--config', join(stack.dir, 'conf/queue-front.conf')];
  front.child = scope.spawn(`front-${number}`, argv, { env });
  await until(`front ${number} to be ready`, async () => {
    front.child.assertRunning();
    return (await client({ port: front.privatePort }).get('/readyz')).status === 200;
  });
  return front;
}

export class Stage {
  constructor(stack, settings) {
    this.stack = stack;
    this.settings = settings;
    this.fronts = [];
    this.queue = stack.admin('queue', 30_000);
    this.seats = stack.admin('seats');
  }

  get event() {
    return this.settings.crowd.event;
  }

  async #asked(call, what) {
    const answer = await call;
    if (answer.status >= 300) throw new Error(`${what}: ${answer.status} ${answer.text}`);
    return answer;
  }

  act(action, body = {}) {
    return this.#asked(this.queue.post(`/admin/events/${this.event}/actions/${action}`, { body }), action);
  }

  turn(knobs) {
    return letIn(this.stack, this.event, knobs);
  }

  // Imports the sample event's hall with the scenario's limits.
  async #openHall(path) {
    const hall = JSON.parse(readFileSync(join(this.stack.dir, 'demo-hall.json'), 'utf8'));
    const { hold_ttl: ttlMs, buyer_max: buyerMax } = this.settings.stage;
    if (ttlMs > 0) hall.limits.hold_ttl_s = Math.ceil(ttlMs / 1000);
    hall.limits.max_per_buyer = buyerMax;
    await this.#asked(this.seats.put(path, { body: hall }), 'hall');
  }

  // Brings the line into the state that the scenario begins with.
  async begin(event) {
    const { stage } = this.settings;
    const path = `/admin/events/${event}`;
    if ((await this.queue.get(path)).status === 404) {
      await this.#asked(this.queue.put(path, { body: { name: 'The first night' } }), 'event');
      if (existsSync(join(this.stack.dir, 'demo-hall.json'))) await this.#openHall(path);
      if (stage.begins === 'open' || stage.begins === 'paused') await this.act('open');
    } else if (stage.hold_ttl > 0) {
      throw new Error(`[stage] hold_ttl: the hall of ${event} is there already, give the crowd an event of its own`);
    }
    await this.turn({
      rate_per_s: stage.rate_per_s,
      burst: stage.burst,
      max_active: stage.max_active,
      session_ttl_s: usual.session_ttl_ms / 1000,
      pow_bits: stage.pow_bits,
    });
    if (stage.begins === 'paused') await this.act('pause');
    if (stage.begins === 'pre-queue' || stage.begins === 'draw') {
      const at = (ms) => new Date(Date.now() + ms).toISOString();
      await this.turn({ prequeue_at: at(0), opens_at: at(86_400_000) });
      await this.act('schedule');
    }
    const state = { open: 'open', paused: 'paused', draw: 'pre-queue' }[stage.begins] ?? stage.begins;
    for (const front of this.fronts)
      await until(`a front to say ${state}`, async () =>
        (await client({ port: front.port }).get(`/v1/queue/${event}/status`)).json?.state === state);
  }

  // Returns the crowd's [targets] settings for this stack.
  targets() {
    const { journey, stage, crowd } = this.settings;
    const own = journey.to === 'order' && stage.buyer_max > 0;
    return {
      ...targetsOf(this.stack),
      queue: this.fronts.map(({ port }) => `127.0.0.1:${port}`).join(','),
      ...(own && { users_file: makeAccounts(this.stack, crowd.visitors) }),
    };
  }

  // Pids of the running fronts.
  async frontPids() {
    const parts = await this.stack.parts();
    const own = Object.entries(parts).filter(([name]) => name.startsWith('queue-front')).map(([, { pid }]) => pid);
    return [...own, ...this.fronts.flatMap(({ child }) => (child ? [child.pid] : []))];
  }

  // Returns whether any visitor has joined yet.
  async anybodyThere() {
    const answer = await client({ port: this.fronts[0].port, timeoutMs: 2000 }).get(`/v1/queue/${this.event}/status`).catch(() => null);
    return answer?.json?.issued > 0;
  }
}

// Acts as the operator during the run: notices, draw, sold-out. Returns over(), which stops and returns the stamps.
export function operate(stage, log) {
  const { settings } = stage;
  let stop = false;
  let gathered = { issued: 0, since: 0 };
  let hall = { taken: 0, since: 0 };
  const stamps = { notices: 0, drawn: false, soldOut: null };
  const began = Date.now();
  const every = (ms, work) => ms > 0 && (async () => {
    for (let n = 1; !stop; n += 1) {
      const wait = began + n * ms - Date.now();
      if (wait > 0) await delay(Math.min(wait, 250));
      if (Date.now() < began + n * ms) { n -= 1; continue; }
      if (!stop) await work().catch((error) => log(`operator: ${error.message}`));
    }
  })();
  const jobs = [
    every(settings.stage.notice_every, async () => {
      await stage.turn({ message: { en: `A word from the organiser @${Date.now()}000` } });
      stamps.notices += 1;
    }),
    settings.stage.begins === 'draw' && every(500, async () => {
      if (stamps.drawn) return;
      const { issued } = (await client({ port: stage.fronts[0].port }).get(`/v1/queue/${stage.event}/status`)).json;
      gathered = issued > 0 && issued === gathered.issued ? gathered : { issued, since: Date.now() };
      if (issued === 0 || Date.now() - gathered.since < 2500) return; // visitors are still entering
      await stage.act('draw');
      stamps.drawn = true;
      log(`operator: drawn, with ${issued} entries`);
    }),
    settings.journey.to === 'order' && every(1000, async () => {
      if (stamps.soldOut !== null) return;
      const { status, json } = await stage.seats.get(`/admin/events/${stage.event}/counts`);
      if (status !== 200) return; // the service is restarting
      const { now } = json;
      // Reserved seats (wheelchairs and companions) stay free in a sold-out hall.
      const taken = now.held + now.sold;
      hall = taken === hall.taken ? hall : { taken, since: Date.now() };
      if (now.sold < 10 * now.free || Date.now() - hall.since < 5000) return;
      await stage.act('sold-out');
      stamps.soldOut = (Date.now() - began) / 1000;
      log(`operator: sold out after ${stamps.soldOut.toFixed(1)} s`);
    }),
  ].filter(Boolean);
  return async () => {
    stop = true;
    await Promise.all(jobs);
    return stamps;
  };
}

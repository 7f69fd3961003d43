// Shared by the black-box tests of the waiting room: a deployment (Redis and some fronts) and visitors.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assertStatus, CookieJar, delay, makeSecrets, openScope, renderConfig, runProgram, startRedis, startService, until } from '../../lib-js/index.js';

const JOIN_TRIES = 5;

// Knobs: nobody is called; everybody is called at once.
export const STILL = { rate_per_s: 0 };
export const FAST = { rate_per_s: 1000, burst: 1000, max_active: 0 };

// A Redis and n fronts on it. `config` is merged into each front's sections. With more than one Redis, `scope` owns them and
// config.redis has their addresses.
export async function openSite(
  t,
  { fronts = 1, config = {}, redis: redisOptions = {}, scope = openScope(t), env = {} } = {},
) {
  const secrets = makeSecrets(scope);
  const elsewhere = ['sentinels', 'cluster', 'host', 'path'].some((way) => config.redis?.[way]);
  const redis = elsewhere ? null : await startRedis(scope, redisOptions);
  return startFronts({ scope, secrets, redis, env, fronts: [] }, fronts, config);
}

// Adds n fronts to the deployment. For a configuration that depends on it.
export async function startFronts(site, n, config) {
  for (let i = 0; i < n; i += 1) site.fronts.push(await startFront(site, config));
  [site.front] = site.fronts;
  return site;
}

// A front's configuration, with `config` merged into it.
const configOf = (secrets, redis, config, port = 0, privatePort = 0) => ({
  ...config,
  http: { port, ...config.http },
  private: {
    port: privatePort,
    token_file: secrets.path('admin-token'),
    service_token_file: secrets.path('service-token'),
    ...config.private,
  },
  redis: { path: redis?.socket, ...config.redis },
  keys: {
    tickets: secrets.path('ticket-keys'),
    identities: secrets.path('identity-keys'),
    draws: secrets.path('draw-keys'),
    passes: secrets.path('pass-es256.pem'),
    ...config.keys,
  },
});

// A front that ends by itself: by what is wrong with its configuration, or by an argument.
export function runFront(scope, secrets, config, ...argv) {
  const path = join(scope.tempDir('conf-'), 'front.conf');
  writeFileSync(path, renderConfig(configOf(secrets, null, config)));
  return runProgram('queue-front', ['--config', path, ...argv]);
}

export async function startFront({ scope, secrets, redis, env }, { ready, shipped, ...config } = {}) {
  const front = await startService(scope, {
    program: 'queue-front',
    adminToken: secrets.read('admin-token'),
    ready,
    shipped,
    env,
    config: ({ port, privatePort }) => configOf(secrets, redis, config, port, privatePort),
  });
  front.loops = config.http?.loops ?? 1;
  return front;
}

// `make soak` also runs over shards, with that many, the files that infra/test lists in over_shards().
const OVER = process.env.FAIRGATE_SHARDS === undefined ? {} : { shards: Number(process.env.FAIRGATE_SHARDS) };

// After this no shard accepts a join that was checked against an older document. Without shards Redis accepts none once
// the change is answered.
export const untilShardsHear = (site, id, version, shards = OVER.shards ?? 0) => until('all shards to hear of it', async () => (await Promise.all(
  Array.from({ length: shards }, (_, k) => site.redis.command('HGET', `fg:{${id}:${k}}:cfg`, 'version')))).every((each) => each === String(version)));

// Creates the event on the first front, once a deleted one of this id is gone, and waits until every front shows it.
export async function makeEvent(site, id, knobs = {}, { open = true } = {}) {
  const put = await until(`the id ${id} to be free`, async () => {
    const answer = await site.front.admin.put(`/admin/events/${id}`, { body: { ...OVER, ...knobs } });
    return answer.json?.code !== 'event-being-deleted' && answer;
  });
  if (put.status !== 201) throw new Error(`PUT ${id}: ${put.status} ${put.text}`);
  if (open) await act(site.front, id, 'open');
  const state = open ? 'open' : 'draft';
  for (const front of site.fronts) {
    await untilState(front, id, state);
    await untilEveryLoop(front, id, state);
  }
  return id;
}

export const at = (ms) => new Date(Date.now() + ms).toISOString();

// Creates the event and waits until every front shows its pre-queue; it opens in an hour.
export async function makePreQueue(site, id, knobs = {}, how = {}) {
  await makeEvent(site, id, { prequeue_at: at(0), opens_at: at(3_600_000), ...knobs }, { open: false });
  await act(site.front, id, 'schedule', how);
  for (const front of site.fronts) await untilState(front, id, 'pre-queue');
  return id;
}

// A deployment whose event `show` is open.
export async function openShow(t, knobs, options) {
  const site = await openSite(t, options);
  await makeEvent(site, 'show', knobs);
  return site;
}

// A deployment for many tests of a file. For each test: {...site, show}, a new open event of that test. Fronts tick for
// open events, so it is closed with the test.
export function shareSite(file, options) {
  const scope = openScope(file);
  let made, events = 0;
  return async (t, knobs) => {
    made ??= openSite(file, { ...options, scope });
    const site = await made;
    events += 1;
    const show = await makeEvent(site, `show-${events}`, knobs);
    t.after(() => site.front.admin.post(`/admin/events/${show}/actions/close`));
    return { ...site, show };
  };
}

// The kernel spreads connections over a front's loops; thirty reach each of three. Most fronts here have one.
export function untilEveryLoop(front, id, state) {
  return until(`every loop to show ${id}`, async () => {
    const answers = await Promise.all(
      Array.from({ length: front.loops === 1 ? 1 : 30 }, () => front.http.get(`/v1/queue/${id}/status`)));
    return answers.every(({ json }) => json.state === state);
  });
}

export async function act(front, id, action, options = {}) {
  const answer = await front.admin.post(`/admin/events/${id}/actions/${action}`, options);
  if (answer.status !== 200) throw new Error(`${action} ${id}: ${answer.status} ${answer.text}`);
  return answer.json;
}

export async function patch(front, id, body, headers = {}) {
  const answer = await front.admin.patch(`/admin/events/${id}`, { body, headers });
  if (answer.status !== 200) throw new Error(`PATCH ${id}: ${answer.status} ${answer.text}`);
  return answer.json;
}

// All parts of the event's archive.
export async function archiveOf(front, id, query = '') {
  let text = '';
  for (let next = `/admin/events/${id}/archive${query}`; next; ) {
    const part = assertStatus(await front.admin.get(next), 200);
    text += part.text;
    next = part.headers.link?.match(/^<([^>]+)>; rel="next"$/)?.[1];
  }
  return text;
}

// The codes of a lane's invitations.
export async function invitationsOf(front, id, lane = 'fans') {
  const answer = assertStatus(await front.admin.get(`/admin/events/${id}/lanes/${lane}/invitations?limit=1000`), 200);
  return answer.json.invitations.map(({ code }) => code);
}

export const fairnessOf = async (front, id = 'show', query = '') => (await front.http.get(`/v1/queue/${id}/fairness${query}`)).json;

export const untilDrawn = (front, id, query) => until('the draw', async () => {
  const shown = await fairnessOf(front, id, query);
  return shown.drawn && shown;
});

// Until every front shows the draw, and all of them the same one.
export async function untilDrawnEverywhere({ fronts }, id, query) {
  const shown = await Promise.all(fronts.map((front) => untilDrawn(front, id, query)));
  for (const one of shown) assert.deepEqual(one, shown[0], 'all fronts tell one draw');
  return shown[0];
}

// Until then the front may answer a visitor of a lane without a position.
export const untilLanes = (front, id) => until('the lanes', async () => {
  const { lanes } = (await front.http.get(`/v1/queue/${id}/status`)).json;
  return lanes?.length > 0 && lanes.every(({ issued }) => issued !== undefined);
});

export function untilState(front, id, state) {
  return until(`${id} to be ${state}`, async () => {
    const answer = await front.admin.get(`/admin/events/${id}`);
    return answer.status === 200 && answer.json.state === state;
  });
}

export async function live(front, id) {
  const answer = await front.admin.get('/admin/events');
  return answer.json.events.find((event) => event.id === id)?.live;
}

// For things that are counted per minute of Redis's clock. If a minute ends meanwhile, this retries with other addresses.
const MINUTES = 4;
export async function withinAMinute({ redis }, attempt) {
  const minute = async () => Math.floor(Number((await redis.command('TIME'))[0]) / 60);
  for (let n = 1; ; n += 1) {
    const began = await minute();
    try {
      return await attempt(n);
    } catch (error) {
      if (n === MINUTES || (await minute()) === began) throw error;
    }
  }
}

// A visitor with a browser. Each call goes to `front` unless another is given; cookies are kept.
//
// With a place, `first` is the answer to the join; inside, `visit` is the answer to the request for a pass.
export class Visitor {
  static async withPlace(front, event, options) {
    const visitor = new Visitor(front, event);
    visitor.first = await visitor.joined(options);
    return visitor;
  }

  static async inside(front, event, options) {
    const visitor = await Visitor.withPlace(front, event, options);
    visitor.visit = await visitor.entered();
    return visitor;
  }

  constructor(front, event) {
    this.front = front;
    this.event = event;
    this.jar = new CookieJar();
  }

  async call(method, call, { front = this.front, event = this.event, headers = {}, ...rest } = {}) {
    return this.jar.take(
      await front.http.call(method, `/v1/queue/${event}/${call}`, {
        ...rest,
        headers: { ...this.jar.headers, ...headers },
      }),
    );
  }

  join(options) {
    return this.call('POST', 'join', options);
  }

  // Returns a place, retrying if a front asks for it.
  async joined(options) {
    let answer = await this.join(options);
    for (let tried = 1; answer.status === 503 && tried < JOIN_TRIES; tried += 1) {
      await delay(1000 * Number(answer.headers['retry-after']));
      answer = await this.join(options);
    }
    if (answer.status !== 201) throw new Error(`join: ${answer.status} ${answer.text}`);
    return answer.json;
  }

  me(options) {
    return this.call('GET', 'me', options);
  }

  pass(options) {
    return this.call('POST', 'pass', options);
  }

  session(options) {
    return this.call('POST', 'session', options);
  }

  leave(options) {
    return this.call('POST', 'leave', options);
  }

  verify(options) {
    return this.call('GET', 'verify', options);
  }

  untilCalled(options) {
    return until('the call', async () => {
      const { json } = await this.me(options);
      return json?.called && json;
    });
  }

  // Waits for the call and enters; returns the pass's answer.
  async entered(options) {
    await this.untilCalled(options);
    return until('the pass', async () => {
      const answer = await this.pass(options);
      return answer.status === 201 && answer.json;
    });
  }
}

// n visitors with a place, who join one after the other, each at the next front.
export async function joinInTurn(site, event, n, options = () => ({})) {
  const visitors = [];
  for (let i = 0; i < n; i += 1) visitors.push(await Visitor.withPlace(site.fronts[i % site.fronts.length], event, options(i)));
  return visitors;
}

export function claims(jwt) {
  return JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url').toString('utf8'));
}

// The page's worker, loaded as a module: without `self` it exports its solver.
function loadSolver() {
  const module = { exports: {} };
  const source = readFileSync(new URL('../../../queue-front/web/pow.js', import.meta.url), 'utf8');
  new Function('module', source)(module);
  return module.exports.solve;
}
export const solve = loadSolver();

// A seat-service with PostgreSQL, a waiting room's key and a hall, for the tests of this folder and of
// tests/fault/seat-service.

import assert from 'node:assert/strict';
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  randomUUID,
  sign,
} from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assertStatus, makeKeyPair, makeSecrets, openContract, openProxy, openScope, openStream, psqlPath, runProgram, startPostgres, startService, until } from '../../lib-js/index.js';

// Every answer to a visitor, the saga or the operator is checked against the contract.
const contract = openContract('seat-service/openapi.yaml');
const checked = async (method, path, promise) => contract.check(method, path, await promise);

const base64url = (value) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

// The waiting room's signing key and the set that it publishes.
export class PassOffice {
  // `pem`: an existing key, such as that of a stack's waiting room.
  constructor(issuer = 'fairgate', pem = null) {
    this.issuer = issuer;
    const privateKey =
      pem === null
        ? makeKeyPair('ec', { namedCurve: 'P-256' }).privateKey
        : createPrivateKey(pem);
    const publicKey = createPublicKey(privateKey);
    this.privateKey = privateKey;
    const { crv, kty, x, y } = publicKey.export({ format: 'jwk' });
    const thumbprint = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest();
    this.kid = thumbprint.toString('base64url');
    this.jwk = { kty, crv, x, y, kid: this.kid, use: 'sig', alg: 'ES256' };
  }

  // A pass as queue-front issues it. `claims` and `header` override members.
  pass(event, { session = randomUUID(), claims = {}, header = {}, ttl = 600 } = {}) {
    const now = Math.floor(Date.now() / 1000);
    const head = { alg: 'ES256', typ: 'fairgate-pass+jwt', kid: this.kid, ...header };
    const body = { iss: this.issuer, aud: event, sub: session, iat: now, exp: now + ttl, ...claims };
    const text = `${base64url(head)}.${base64url(body)}`;
    const signature = sign('sha256', Buffer.from(text), {
      key: this.privateKey,
      dsaEncoding: 'ieee-p1363',
    });
    return `${text}.${signature.toString('base64url')}`;
  }
}

// A theatre: rows of seats, with a category per row; and optionally a standing area.
export function hall({
  rows = 10,
  seatsPerRow = 10,
  name = 'Test night',
  limits = {},
  area = 0,
  ...more
} = {}) {
  const seat = (row, nth) => ({
    seat_guid: `r${row}s${nth}`,
    seat_number: String(nth),
    position: { x: 10 + nth * 10, y: 0 },
    category: row <= rows / 2 ? 'Front' : 'Back',
  });
  const plan = {
    name,
    categories: [
      { name: 'Front', color: '#c0392b' },
      { name: 'Back', color: '#2980b9' },
    ],
    zones: [
      {
        name: 'Hall',
        position: { x: 0, y: 0 },
        rows: Array.from({ length: rows }, (_, r) => ({
          row_number: String(r + 1),
          position: { x: 0, y: 10 * (r + 1) },
          seats: Array.from({ length: seatsPerRow }, (__, s) => seat(r + 1, s + 1)),
        })),
        areas: [],
      },
    ],
    size: { width: 200, height: 200 },
  };
  return {
    name,
    currency: 'KRW',
    starts_at: '2030-05-01T18:00:00Z',
    time_zone: 'UTC',
    plan,
    categories: [
      { name: 'Front', price: 150000 },
      { name: 'Back', price: 99000 },
    ],
    areas: area > 0 ? [{ id: 'floor', category: 'Front', capacity: area }] : [],
    limits: {
      max_per_buyer: 0,
      max_per_hold: 8,
      hold_ttl_s: 300,
      hold_max_s: 900,
      rate_per_session_per_s: 0,
      ...limits,
    },
    ...more,
  };
}

// The service is an ordinary role that owns its database, as in production.
export const ROLE = 'seat_service';

export async function openPostgres(scope, settings = {}, disk = null, clock = null) {
  const postgres = await startPostgres(scope, { databases: ['seats'], settings, disk, clock });
  postgres.sql(`CREATE ROLE ${ROLE} LOGIN; GRANT pg_read_all_stats TO ${ROLE}; ALTER DATABASE seats OWNER TO ${ROLE}`);
  return postgres;
}

// PostgreSQL behind a wire that can fail. A process that connects through it cannot end before the wire is healed.
export async function openWired(scope, postgres, options) {
  const wire = await openProxy(scope, { to: { path: join(postgres.socketDir, `.s.PGSQL.${postgres.port}`) }, ...options });
  return { wire, conninfo: (name, user) => `host=127.0.0.1 port=${wire.port} dbname=${name} user=${user} sslmode=disable` };
}

// Changes rows of the journal, as a restore, a disk error, or somebody with database rights may.
export const tamper = (postgres, changes) => postgres.sql(`BEGIN;
  ALTER TABLE seats.journal DISABLE TRIGGER journal_is_append_only;
  ${changes};
  ALTER TABLE seats.journal ENABLE TRIGGER journal_is_append_only;
  COMMIT`, 'seats');

// Another transaction that holds the statement's locks until let go().
let holders = 0;
export async function holdLock(scope, postgres, lock, database = 'seats') {
  const name = `holder-${(holders += 1)}`;
  const psql = [psqlPath(), '-h', postgres.socketDir, '-p', String(postgres.port), '-U', 'postgres', '-d', database, '-XAtq'];
  const holder = scope.spawn(name, [...psql, '-c', `BEGIN; ${lock}; SELECT pg_sleep(600)`], { env: { PGAPPNAME: name } });
  const itself = `FROM pg_stat_activity WHERE application_name = '${name}' AND wait_event = 'PgSleep'`;
  await until(`the lock: ${lock}`, () => postgres.sql(`SELECT count(*) ${itself}`, database) === '1');
  return {
    letGo() {
      postgres.sql(`SELECT pg_terminate_backend(pid) ${itself}`, database);
      return holder.ends();
    },
  };
}

// Waits until a session waits for such a lock.
export const untilWaiting = (what, postgres, mode) =>
  until(what, () => Number(postgres.sql(`SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = '${mode}'`, 'seats')) > 0, { timeoutMs: 60_000 });

// A seat-service on that PostgreSQL. `office`, `secrets`: those of another instance, for a standby. `shares`: the number of
// processes that share the events and publish their addresses.
export async function openSeats(scope, postgres, { office, secrets, shares = 0, config = {}, ...options } = {}) {
  office ??= new PassOffice();
  secrets ??= makeSecrets(scope);
  const keysFile = join(scope.tempDir('jwks-'), 'jwks.json');
  writeFileSync(keysFile, JSON.stringify({ keys: [office.jwk] }));
  const seats = await startService(scope, {
    program: 'seat-service',
    adminToken: secrets.read('admin-token'),
    config: ({ port, privatePort }) => ({
      http: { port, loops: 2, ...config.http },
      private: {
        port: privatePort,
        token_file: secrets.path('admin-token'),
        service_token_file: secrets.path('service-token'),
        ...config.private,
      },
      postgres: { conninfo: postgres.conninfo('seats', ROLE) },
      passes: { keys_file: keysFile, ...config.passes },
      holds: { keys_file: secrets.path('hold-keys') },
      journal: { ...config.journal },
      idempotency: { ...config.idempotency },
      owner: { ...(shares > 0 && { owners: shares, address: `127.0.0.1:${port}`, private_address: `127.0.0.1:${privatePort}` }), ...config.owner },
      operators: { ...config.operators },
      log: { requests: 0 },
    }),
    ...options,
  });
  seats.office = office;
  seats.secrets = secrets;
  return seats;
}

// Another process on the database.
export const openAnother = (scope, postgres, { office, secrets }, options) => openSeats(scope, postgres, { office, secrets, ready: false, ...options });

// A database, and a process that serves these events from it.
export async function openSale(t, events, { document = hall(), ...options } = {}) {
  const scope = openScope(t);
  const postgres = await openPostgres(scope);
  const seats = await openSeats(scope, postgres, options);
  for (const event of events) await importHall(seats, event, document);
  return { scope, postgres, seats };
}

// A function that imports another hall of these events, with its operator and two visitors: tests do not interfere.
export function halls(seats, name) {
  let events = 0;
  return async (options) => {
    const event = `${name}-${(events += 1)}`;
    await importHall(seats, event, hall(options));
    return { event, boss: operator(seats, event), alice: visitor(seats, event), bob: visitor(seats, event) };
  };
}

export const roleOf = async (seats) => (await seats.private.get('/readyz')).json.role;

export const untilOwner = (seats) =>
  until('the owner to be connected, and sure of it', async () => {
    const { status, json } = await seats.private.get('/readyz');
    return status === 200 && json.role === 'owner';
  }, { timeoutMs: 60_000 });

// Another process, once it follows the owner.
export async function openFollower(scope, postgres, owner, options) {
  const standby = await openAnother(scope, postgres, owner, options);
  await until('the standby to follow', async () => (await roleOf(standby)) === 'standby');
  return standby;
}

// Whether this process has the event open.
export const opens = async (seats, event) => (await operator(seats).events()).json.events.some((one) => one.event === event && one.open);

// This many processes share the events of a database: seats1, seats2 and so on. `each(n)`: further options for one of them.
export async function openProcesses(scope, postgres, count, each = () => ({})) {
  const all = [];
  for (let n = 1; n <= count; n += 1) {
    const [{ office, secrets } = {}] = all;
    const { config, ...options } = each(n);
    const instance = `seats${n}`;
    all.push(Object.assign(await openSeats(scope, postgres, { shares: count, office, secrets, ...options, config: { journal: { instance }, ...config } }), { instance }));
  }
  return all;
}

export async function ownerOf(processes, event) {
  for (const one of processes) if (await opens(one, event).catch(() => false)) return one;
  return null;
}

// A process that is late to take its share loses it to another one, which then has to give it back.
export const untilOwnedBy = (owner, processes, event) =>
  until(`${event} to be owned by ${owner.instance}`, async () => {
    const now = await ownerOf(processes, event);
    if (now !== null && now !== owner) await operator(now, event).place(owner.instance);
    return now === owner;
  });

// Two processes that share: the first has the event "one", the second "two".
export async function openPair(t, { document = hall(), each } = {}) {
  const scope = typeof t.tempDir === 'function' ? t : openScope(t);
  const postgres = await openPostgres(scope);
  const pair = await openProcesses(scope, postgres, 2, each);
  const [first, second] = pair;
  for (const [event, owner] of [['one', first], ['two', second]]) {
    await operator(first, event).import(document);
    await untilOwnedBy(owner, pair, event);
  }
  return { scope, postgres, first, second };
}

// Imports a hall once there is room for it; throws the service's answer if it was refused.
export async function importHall(seats, event, body) {
  const answer = await until('room for an event', async () => {
    const given = await seats.admin.put(`/admin/events/${event}`, { body, timeoutMs: 300_000 });
    return given.json?.code !== 'events-full' && given;
  });
  if (answer.status !== 201 && answer.status !== 200) throw new Error(`import: ${answer.text}`);
  return answer;
}

// A visitor with a pass, for one service.
export function visitor(seats, event, { agent = false, ...options } = {}) {
  const token = seats.office.pass(event, options);
  const base = `/v1/seats/${event}`;
  const call = (method, path, more = {}) =>
    checked(
      method,
      `${base}${path}`,
      seats.http.call(method, `${base}${path}`, { token, agent, ...more }),
    );
  const keyed = (key) => (key === undefined ? {} : { 'idempotency-key': key });
  return {
    token,
    info: () => call('GET', ''),
    plan: (headers = {}, query = '') => call('GET', `/plan${query}`, { headers }),
    availability: (query = '', headers = {}) => call('GET', `/availability${query}`, { headers }),
    stream: (query = '', headers = {}) => openStream({ port: seats.port, path: `${base}/stream${query}`, headers: { authorization: `Bearer ${token}`, ...headers } }),
    code: (code) => call('POST', '/codes', { body: { code } }),
    propose: (wish, more = {}) => call('POST', '/proposals', { body: { best_available: wish, ...more } }),
    hold: (body, key) => call('POST', '/holds', { body, headers: keyed(key) }),
    holds: () => call('GET', '/holds'),
    read: (hold) => call('GET', `/holds/${hold}`),
    alternatives: (hold) => call('GET', `/holds/${hold}/alternatives`),
    change: (hold, body, key) => call('PATCH', `/holds/${hold}`, { body, headers: keyed(key) }),
    release: (hold, key) => call('DELETE', `/holds/${hold}`, { headers: keyed(key) }),
  };
}

// The saga's calls to the private listener, with the services' token.
export function saga(seats, event) {
  const token = seats.secrets.read('service-token');
  const act = (action) => (hold, order, more = {}) => {
    const path = `/internal/events/${event}/holds/${hold}/${action}`;
    const answer = seats.private.post(path, { token, body: { order, ...more } });
    return checked('POST', path, answer);
  };
  return {
    extend: act('extend'),
    confirm: act('confirm'),
    release: act('release'),
    refund: act('refund'),
    move: (hold, order, from, to) => act('move')(hold, order, { from, to }),
    movable: (hold, order, from, to) => act('movable')(hold, order, { from, to }),
    endSession: (session) => {
      const path = `/internal/sessions/${session}/end`;
      return checked('POST', path, seats.private.post(path, { token }));
    },
    read: (hold) => seats.private.get(`/internal/events/${event}/holds/${hold}`, { token }),
    known: () => checked('GET', `/internal/events/${event}`, seats.private.get(`/internal/events/${event}`, { token })),
  };
}

// Sells what the buyer wishes, or these seats, to an order; returns the hold.
export async function sell(seats, event, buyer, what, order = 'order-1') {
  const { hold } = (await buyer.hold(Array.isArray(what) ? { seats: what } : what)).json;
  assertStatus(await saga(seats, event).extend(hold, order), 200);
  assert.equal((await saga(seats, event).confirm(hold, order)).json.verdict, 'confirmed');
  return hold;
}

// A stream, once the visitor's process serves one.
export const follow = (who, query) => until('a stream', async () => {
  const stream = await who.stream(query);
  if (stream.status === 200) return stream;
  stream.close();
  return false;
});

// 2 bits per seat, lowest first.
export function states(octets, count) {
  const names = ['free', 'held', 'sold', 'blocked'];
  return Array.from({ length: count }, (_, i) => names[(octets[i >> 2] >> ((i & 3) * 2)) & 3]);
}

export const picture = async (who, count) => states((await who.availability('', { accept: 'application/octet-stream' })).body, count);

// The output of the journal's replay.
export const replay = (seats, event, ...args) => JSON.parse(runProgram('seat-service', ['replay', '--config', seats.configPath, '--event', event, ...args]).stdout);

// The operator's calls to the private listener.
export function operator(seats, event) {
  const call = (method, path, options) => {
    const whole = `/admin/events${event === undefined ? '' : `/${event}`}${path}`;
    return checked(method, whole, seats.admin.call(method, whole, options));
  };
  const change = (what) => (body) => call('POST', `/${what}`, { body });
  return {
    events: () => call('GET', ''),
    import: (body) => call('PUT', '', { body, timeoutMs: 300_000 }),
    correct: async (body, etag, why) => call('PUT', '', { body, headers: { 'if-match': etag ?? (await call('GET', '')).headers.etag, ...(why && { 'x-reason': why }) }, timeoutMs: 300_000 }),
    read: () => call('GET', ''),
    document: () => call('GET', '/document'),
    counts: () => call('GET', '/counts'),
    audit: (query = '') => call('GET', `/audit${query}`),
    exported: (query = '') => call('GET', `/export${query}`),
    block: change('block'),
    unblock: change('unblock'),
    price: change('price'),
    place: (owner) => call('POST', '/place', { body: { owner }, timeoutMs: 60_000 }),
  };
}

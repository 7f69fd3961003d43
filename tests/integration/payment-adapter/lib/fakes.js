// Minimal fakes of the payment adapter's neighbours that remember what they did: waiting room, seats, provider, shop, mail
// server. Each can misbehave on command.

import { createHash, createHmac, randomBytes, sign, verify } from 'node:crypto';
import http from 'node:http';
import net from 'node:net';
import { makeKeyPair } from '../../../lib-js/index.js';

const no = (status, code, more = {}) => ({ status, body: { code, detail: code, ...more } });
const b64 = (value) => Buffer.from(value).toString('base64url');

// A server whose `handler(call)` returns {status, body, headers}. `faults` come first: 'drop' (no effect, no answer), 'lost'
// (effect, no answer), 'cut' (half of the answer), {wait, told} (waits for that promise, after signalling `told`), a number
// or {status, headers} (that status, no effect), {after: 500} (effect, that status).
class Fake {
  constructor() {
    this.calls = [];
    this.faults = []; // [{match: 'POST /v1/...', fault, left}]
    this.agents = new Set();
  }

  now() {
    return Date.now();
  }

  async listen(scope) {
    this.server = http.createServer((req, res) => this.take(req, res));
    this.server.on('connection', (socket) => {
      this.agents.add(socket);
      socket.on('close', () => this.agents.delete(socket));
    });
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.port = this.server.address().port;
    this.url = `http://127.0.0.1:${this.port}`;
    scope.defer(() => this.close());
  }

  close() {
    for (const socket of this.agents) socket.destroy();
    return new Promise((resolve) => this.server.close(resolve));
  }

  fault(match, fault, left = 1) {
    this.faults.push({ match, fault, left });
  }

  heal() {
    this.faults = [];
  }

  // Makes the next such call wait: { reached, open }.
  gate(match) {
    const gate = {};
    gate.reached = new Promise((resolve) => { gate.told = resolve; });
    gate.wait = new Promise((resolve) => { gate.open = resolve; });
    this.fault(match, gate);
    return gate;
  }

  #faultOf(line) {
    const found = this.faults.find((f) => f.left > 0 && line.includes(f.match));
    if (found) found.left -= 1;
    return found?.fault;
  }

  async take(req, res) {
    const parts = [];
    for await (const part of req) parts.push(part);
    const body = Buffer.concat(parts).toString('utf8');
    const call = { at: Date.now(), method: req.method, path: req.url, headers: req.headers, body };
    this.calls.push(call);
    const fault = this.#faultOf(`${req.method} ${req.url}`);
    if (fault === 'drop') return req.socket.destroy();
    if (typeof fault === 'number') return this.#send(res, { status: fault, body: { code: 'fault' } });
    if (fault?.status) return this.#send(res, { body: { code: 'fault' }, ...fault }, fault.text);
    fault?.told?.();
    if (fault?.wait) await fault.wait;
    const answer = await this.handle(call);
    if (fault === 'lost') return req.socket.destroy();
    if (fault?.after) return this.#send(res, { status: fault.after, body: { code: 'fault' } });
    if (fault === 'cut') {
      const text = JSON.stringify(answer.body ?? { filler: 'so that there is a half' });
      res.writeHead(answer.status === 204 ? 200 : answer.status, { 'content-length': text.length });
      res.write(text.slice(0, text.length / 2), () => req.socket.destroy());
      return undefined;
    }
    return this.#send(res, answer);
  }

  #send(res, { status, body, headers = {} }, text = body === undefined ? '' : JSON.stringify(body)) {
    const date = new Date(this.now()).toUTCString();
    res.writeHead(status, { 'content-type': 'application/json', date, ...headers });
    res.end(text);
  }
}

// Time and place of the seats' event.
export const SHOW = {
  starts_at: '2027-06-12T10:00:00.000Z',
  doors_at: '2027-06-12T08:30:00.000Z',
  time_zone: 'Asia/Seoul',
  venue: { name: { en: 'Harbour Dome', ko: '하버돔' }, address: { en: 'Incheon', ko: '인천' } },
  picture: '/pictures/tour.webp',
};
export const SHOW_LINES = {
  en: 'Sat 12 June 2027, 19:00\u00a0· Harbour Dome, Incheon\u00a0· Doors 17:30',
  ko: '2027년 6월 12일 (토) 19:00\u00a0· 하버돔, 인천\u00a0· 입장 17:30',
};

export class FakeQueue extends Fake {
  constructor(issuer = 'fairgate') {
    super();
    this.issuer = issuer;
    this.ended = new Set();
    this.serviceToken = null; // null: none is valid
    this.oldToken = null; // also valid, during a rotation
    this.keys = [];
    this.addKey();
  }

  addKey() {
    const { privateKey, publicKey } = makeKeyPair('ec', { namedCurve: 'P-256' });
    const { x, y } = publicKey.export({ format: 'jwk' });
    const thumb = JSON.stringify({ crv: 'P-256', kty: 'EC', x, y });
    const kid = createHash('sha256').update(thumb).digest('base64url');
    this.keys.unshift({ privateKey, publicKey, jwk: { kty: 'EC', crv: 'P-256', x, y, kid, use: 'sig', alg: 'ES256' } });
  }

  token(claims, { typ, key = this.keys[0], alg = 'ES256' } = {}) {
    const head = b64(JSON.stringify({ alg, typ, kid: key.jwk.kid }));
    const body = b64(JSON.stringify(claims));
    const signature = sign('sha256', Buffer.from(`${head}.${body}`), {
      key: key.privateKey,
      dsaEncoding: 'ieee-p1363',
    });
    return `${head}.${body}.${b64(signature)}`;
  }

  pass(event, session, more = {}) {
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: this.issuer, aud: event, sub: session, jti: session, iat: now, exp: now + 900 };
    return this.token({ ...claims, place: 1, ...more }, { typ: 'fairgate-pass+jwt' });
  }

  // A pass's claims, or null.
  claims(token) {
    const [head, body, signature] = token.split('.');
    const good = this.keys.some(({ publicKey }) => verify('sha256', Buffer.from(`${head}.${body}`), { key: publicKey, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature ?? '', 'base64url')));
    return good ? JSON.parse(Buffer.from(body, 'base64url')) : null;
  }

  handle({ method, path, headers }) {
    if (path === '/.well-known/jwks.json')
      return { status: 200, body: { keys: this.keys.map(({ jwk }) => jwk) } };
    const end = /^\/internal\/sessions\/([^/]+)\/end$/.exec(path);
    if (method === 'POST' && end && ![this.serviceToken, this.oldToken].some((token) => headers.authorization === `Bearer ${token}`))
      return no(401, 'admin-token-required');
    if (method === 'POST' && end) {
      this.ended.add(decodeURIComponent(end[1]));
      return { status: 204 };
    }
    return { status: 404, body: { code: 'not-found' } };
  }
}

export class FakeSeats extends Fake {
  constructor(event, { token, adminToken }, queue) {
    super();
    this.event = event;
    this.token = token; // of the services
    this.adminToken = adminToken;
    this.oldToken = null; // also valid, during a rotation
    this.queue = queue;
    this.holds = new Map();
    this.ended = new Set(); // sessions whose passes are no longer valid
    this.listed = null; // the sold list, if it is not derived from these holds
    this.plan = null; // price by seat, each price a category; null: any seat, at hold()'s price
    this.count = 0;
    this.aheadMs = 0; // offset of its clock from ours
    this.show = { ...SHOW };
  }

  now() {
    return Date.now() + this.aheadMs;
  }

  hold(event, session, { seats, label, category = 'R석', area, total = 154000, currency = 'KRW', ttlMs = 600_000 } = {}) {
    this.count += 1;
    const hold = `h${this.count}`;
    this.holds.set(hold, {
      hold,
      event,
      session,
      paid: new Map(), // price by seat, of those that were moved
      label, // the hall's prefix of its seats' names
      area, // {area, area_name, category, quantity} instead of seats
      category,
      seats: seats ?? [`A-${2 * this.count}`, `A-${2 * this.count + 1}`],
      total,
      currency,
      expires: this.now() + ttlMs,
      state: 'open', // then paying, sold, gone
      version: 1,
      order: null,
      gone: false, // once it has expired, its seats are taken by another visitor
    });
    return hold;
  }

  view(hold) {
    const { total, currency, expires, event, state, version, fees, vat, vat_basis_points } = hold;
    const seats = hold.area ? [] : hold.seats;
    const expires_at = new Date(expires).toISOString();
    const places = seats.map((id) => ({ id, zone: '1층 <A>', row: id.split('-')[0], number: id.split('-')[1], category: hold.category, ...(hold.label && { label: `${hold.label} ${id.split('-')[1]}` }), price: total / seats.length }));
    return { hold: hold.hold, event, event_name: '갈라 & 친구들', ...this.show, state, version, seats, places, quantity: seats.length, ...hold.area, total, fees, vat, vat_basis_points, currency, expires_at };
  }

  sold() {
    return [...this.holds.values()].filter((hold) => hold.state === 'sold');
  }

  #isLate(hold) {
    return hold.state !== 'sold' && this.now() >= hold.expires;
  }

  // Whether this seat is taken.
  isTaken(seat) {
    return [...this.holds.values()].some((hold) => hold.state !== 'gone' && !hold.area && hold.seats.includes(seat) && !this.#isLate(hold));
  }

  #checkOrder(hold, order) {
    if (hold.order === null) return no(404, 'order-unknown');
    return hold.order === order ? null : no(409, 'other-order');
  }

  #done(verdict, hold) {
    const left = hold.state === 'gone' ? { hold: hold.hold, state: 'gone' } : this.view(hold);
    return { status: 200, body: { verdict, ...left } };
  }

  #differs(hold, purchase) {
    return purchase !== undefined && hold.purchase !== undefined && hold.purchase !== purchase.digest;
  }

  // Takes the adapter's digest; the real service computes it.
  #extend(hold, { order, purchase }) {
    const isFirst = hold.order === null;
    if (!isFirst && hold.order !== order) return no(409, 'other-order');
    if (this.#isLate(hold)) return no(410, 'hold-expired');
    if (!isFirst && this.#differs(hold, purchase)) return no(409, 'purchase-differs');
    if (isFirst) Object.assign(hold, { order, state: 'paying', version: hold.version + 1, purchase: purchase?.digest });
    return this.#done('extended', hold);
  }

  #confirm(hold, { order, purchase }) {
    const refusal = this.#checkOrder(hold, order);
    if (refusal) return refusal;
    if (this.#differs(hold, purchase)) return no(409, 'purchase-differs');
    if (this.#isLate(hold) && hold.gone) return no(409, 'seats-gone');
    const verdict = this.#isLate(hold) ? 'retaken' : 'confirmed';
    hold.state = 'sold';
    return this.#done(verdict, hold);
  }

  #release(hold, { order }) {
    if (hold.state === 'sold') return no(409, hold.order === order ? 'hold-sold' : 'other-order');
    if (hold.order !== null && hold.order !== order) return no(409, 'other-order');
    hold.state = 'gone';
    return this.#done('released', hold);
  }

  #price(hold, seat) {
    return hold.paid.get(seat) ?? this.plan?.get(seat);
  }

  #sum(hold) {
    if (this.plan) hold.total = hold.seats.reduce((sum, seat) => sum + this.#price(hold, seat), 0);
  }

  #refundPart(hold, seats) {
    if (hold.state !== 'sold') return no(409, 'hold-not-sold');
    if (hold.area) return no(422, 'seats-and-area');
    if (new Set(seats).size < seats.length) return no(422, 'seat-twice');
    const has = seats.filter((seat) => hold.seats.includes(seat));
    if (has.length > 0 && has.length < seats.length) return no(422, 'not-in-hold');
    hold.seats = hold.seats.filter((seat) => !seats.includes(seat));
    this.#sum(hold);
    if (hold.seats.length === 0) hold.state = 'gone';
    return this.#done('refunded', hold);
  }

  #refund(hold, { order, seats }) {
    const refusal = this.#checkOrder(hold, order);
    if (refusal) return refusal;
    if (seats) return this.#refundPart(hold, seats);
    const verdict = hold.state === 'sold' ? 'refunded' : 'released';
    hold.state = 'gone';
    return this.#done(verdict, hold);
  }

  #mayMove(hold, { order, from, to }) {
    if (hold.state !== 'sold') return no(409, 'hold-not-sold');
    if (hold.order !== order) return no(409, 'other-order');
    if (hold.area) return no(422, 'seats-and-area');
    const has = (seat) => hold.seats.includes(seat);
    if (to.every(has) && !from.some(has)) return null; // already moved
    if (!from.every(has)) return no(422, 'not-in-hold');
    const taken = to.filter((seat) => this.isTaken(seat));
    return taken.length > 0 ? no(409, 'seats-taken', { seats: taken }) : null;
  }

  #isSameCategory({ from, to }) {
    return from.every((seat, nth) => this.plan?.get(seat) === this.plan?.get(to[nth]));
  }

  #move(hold, doc) {
    const refusal = this.#mayMove(hold, doc);
    if (refusal) return refusal;
    const { from, to } = doc;
    if (to.every((seat) => hold.seats.includes(seat))) return this.#done('moved', hold); // already moved
    const paid = from.map((seat) => this.#price(hold, seat));
    from.forEach((seat) => hold.paid.delete(seat));
    to.forEach((seat, nth) => hold.paid.set(seat, paid[nth]));
    hold.seats = hold.seats.map((seat) => (from.includes(seat) ? to[from.indexOf(seat)] : seat));
    this.#sum(hold);
    return this.#done('moved', hold);
  }

  #act(event, name, action, text) {
    const acts = {
      extend: (hold, doc) => this.#extend(hold, doc),
      confirm: (hold, doc) => this.#confirm(hold, doc),
      release: (hold, doc) => this.#release(hold, doc),
      refund: (hold, doc) => this.#refund(hold, doc),
      move: (hold, doc) => this.#move(hold, doc),
      movable: (hold, doc) => this.#mayMove(hold, doc) ?? { status: 200, body: { same_category: this.#isSameCategory(doc) } },
    };
    if (!Object.hasOwn(acts, action)) return no(404, 'action-unknown');
    if (!this.#knows(event)) return no(404, 'event-unknown');
    const hold = this.holds.get(name);
    if (hold?.event !== event) return no(404, 'hold-unknown');
    const doc = JSON.parse(text);
    if (!doc.order || (doc.purchase && !/^[\w-]{43}$/.test(doc.purchase.digest))) return no(422, 'bad-field');
    if (this.plan && [doc.from, doc.to, doc.seats].flat().some((seat) => seat && !this.plan.has(seat))) return no(422, 'seat-unknown');
    if (hold.state !== 'gone') return acts[action](hold, doc);
    const verdict = { release: 'released', refund: 'refunded' }[action]; // these visitors already have their result
    return verdict ? this.#done(verdict, hold) : no(410, 'no-such-hold');
  }

  #knows(event) {
    return event === this.event || this.listed !== null || [...this.holds.values()].some((hold) => hold.event === event);
  }

  // As the real service: in the plan's order, then standing places; after `after`, at most `limit`.
  #page(event, query) {
    const sold = this.sold().filter((hold) => hold.event === event);
    const rows = this.listed ?? [
      ...sold.filter(({ area }) => !area).flatMap(({ seats, order, hold }) => seats.map((seat) => ({ seat, order, hold }))),
      ...sold.filter(({ area }) => area).map(({ area: { area, category, quantity }, total, order, hold }) =>
        ({ area, category, places: quantity, price: total / quantity, order, hold })),
    ];
    const first = query.has('after') ? rows.findIndex(({ seat, hold }) => (seat ?? hold) === query.get('after')) + 1 : 0;
    return rows.slice(first, first + Number(query.get('limit') ?? rows.length));
  }

  #read(event, name, token) {
    if (!this.#knows(event)) return no(404, 'event-unknown');
    if (!token) return no(401, 'pass-missing');
    const claims = this.queue.claims(token);
    if (claims === null) return no(401, 'pass-invalid');
    if (claims.aud !== event) return no(401, 'pass-foreign');
    if (this.ended.has(claims.sub)) return no(401, 'pass-ended');
    const hold = this.holds.get(name);
    if (hold?.event !== event) return no(404, 'hold-unknown');
    if (hold.state === 'gone') return no(410, 'no-such-hold'); // owned by nobody
    if (hold.session !== claims.sub) return no(404, 'hold-unknown');
    if (this.#isLate(hold)) return no(410, 'hold-expired');
    return { status: 200, body: this.view(hold) };
  }

  handle({ method, path, headers, body }) {
    const token = /^Bearer (.*)$/.exec(headers.authorization ?? '')?.[1];
    const [, own, hold] = /^\/v1\/seats\/([^/]+)\/holds\/([^/]+)$/.exec(path) ?? [];
    if (method === 'GET' && own) return this.#read(own, hold, token);
    const good = path.startsWith('/admin/') ? [this.adminToken] : [this.adminToken, this.token, this.oldToken];
    if (!good.includes(token)) return no(401, 'admin-token-required');
    const act = /^\/internal\/events\/([^/]+)\/holds\/([^/]+)\/(\w+)$/.exec(path);
    if (method === 'POST' && act) return this.#act(...act.slice(1), body);
    const end = /^\/internal\/sessions\/([^/]+)\/end$/.exec(path);
    if (method === 'POST' && end) {
      this.ended.add(decodeURIComponent(end[1]));
      return { status: 204 };
    }
    if (path === '/internal/owners') return { status: 200, body: { events: [{ event: this.event, here: true }] } };
    const sold = /^\/admin\/events\/([^/]+)\/export(?:\?(.*))?$/.exec(path);
    if (sold && !this.#knows(sold[1])) return no(404, 'event-unknown');
    if (path === `/admin/events/${this.event}`) return { status: 200, body: { event: this.event, ...this.show } };
    if (sold) return { status: 200, body: this.#page(sold[1], new URLSearchParams(sold[2])) };
    return no(404, 'not-found');
  }
}

// PaymentIntents with manual capture, as far as the driver uses them.
export class FakePsp extends Fake {
  constructor() {
    super();
    this.key = `sk_test_${randomBytes(8).toString('hex')}`;
    this.oldKey = null; // also valid, during a rotation
    this.webhookSecret = `whsec_${randomBytes(8).toString('hex')}`;
    this.intents = new Map();
    this.kept = new Map(); // idempotency key -> answer
    this.events = []; // oldest first
    this.captures = 0;
    this.autoPay = false;
    this.refuseCaptureOf = null; // an order id
    this.refuseRefundOf = null;
    this.failRefundOf = null; // an order id: its refund is made, and then fails
  }

  event(type, object) {
    const id = `evt_${this.events.length + 1}`;
    const event = { id, object: 'event', type, data: { object: structuredClone(object) } };
    this.events.push(event);
    return event;
  }

  // The buyer pays on the provider's page.
  authorise(id) {
    const intent = this.intents.get(id);
    if (!['requires_payment_method', 'requires_capture'].includes(intent.status))
      throw new Error(`cannot pay ${intent.status}`);
    intent.status = 'requires_capture';
    return this.event('payment_intent.amount_capturable_updated', intent);
  }

  of(order) {
    return [...this.intents.values()].filter((intent) => intent.metadata.order === order);
  }

  signed(event, { at = Math.floor(Date.now() / 1000), secret = this.webhookSecret } = {}) {
    const body = JSON.stringify(event);
    const mac = createHmac('sha256', secret).update(`${at}.${body}`).digest('hex');
    return { body, headers: { 'stripe-signature': `t=${at},v1=${mac}`, 'content-type': 'application/json' } };
  }

  handle(call) {
    if (![this.key, this.oldKey].some((key) => call.headers.authorization === `Bearer ${key}`))
      return { status: 401, body: { error: { type: 'invalid_request_error', message: 'key' } } };
    const key = call.headers['idempotency-key'];
    if (call.method === 'POST' && this.kept.has(key)) {
      const { asked, answer } = this.kept.get(key);
      if (asked !== `${call.path} ${call.body}`)
        return { status: 400, body: { error: { type: 'idempotency_error', message: 'another request had this key' } } };
      return { ...answer, headers: { 'idempotent-replayed': 'true' } };
    }
    const answer = this.#work(call);
    if (call.method === 'POST' && answer.status < 500) this.kept.set(key, { asked: `${call.path} ${call.body}`, answer: structuredClone(answer) });
    return answer;
  }

  #error(status, code, intent) {
    return {
      status,
      body: { error: { type: 'invalid_request_error', code, message: code, payment_intent: intent } },
    };
  }

  #work({ method, path, body }) {
    const form = new URLSearchParams(body);
    const url = new URL(path, this.url);
    if (method === 'POST' && url.pathname === '/v1/payment_intents') return this.#create(form);
    if (url.pathname === '/v1/events') return this.#list(url.searchParams);
    if (method === 'POST' && url.pathname === '/v1/refunds') return this.#refund(form);
    const [, , , id, act] = url.pathname.split('/');
    const intent = this.intents.get(id);
    if (!intent) return this.#error(404, 'resource_missing');
    if (act === 'capture') {
      if (intent.metadata.order === this.refuseCaptureOf) return this.#error(400, 'charge_expired_for_capture');
      if (intent.status !== 'requires_capture')
        return this.#error(400, 'payment_intent_unexpected_state', intent);
      intent.status = 'succeeded';
      intent.amount_received = intent.amount;
      this.captures += 1;
      this.event('payment_intent.succeeded', intent);
    } else if (act === 'cancel') {
      if (intent.status === 'succeeded')
        return this.#error(400, 'payment_intent_unexpected_state', intent);
      intent.status = 'canceled';
      this.event('payment_intent.canceled', intent);
    }
    return { status: 200, body: intent };
  }

  #create(form) {
    const id = `pi_${this.intents.size + 1}`;
    const intent = {
      id,
      object: 'payment_intent',
      amount: Number(form.get('amount')),
      amount_received: 0,
      currency: form.get('currency'),
      capture_method: form.get('capture_method'),
      client_secret: `${id}_secret_${randomBytes(4).toString('hex')}`,
      metadata: { order: form.get('metadata[order]') },
      status: this.autoPay ? 'requires_capture' : 'requires_payment_method',
      latest_charge: { id: `ch_${id}`, object: 'charge', payment_intent: id, amount_refunded: 0 },
    };
    this.intents.set(id, intent);
    this.event('payment_intent.created', intent);
    return { status: 200, body: intent };
  }

  #refund(form) {
    const intent = this.intents.get(form.get('payment_intent'));
    if (!intent || intent.status !== 'succeeded') return this.#error(400, 'charge_not_captured');
    if (intent.metadata.order === this.refuseRefundOf) return this.#error(400, 'charge_not_refundable');
    if (intent.metadata.order === this.failRefundOf) return { status: 200, body: { id: `re_${this.kept.size}`, object: 'refund', status: 'failed' } };
    const left = intent.amount - intent.latest_charge.amount_refunded;
    if (left === 0) return this.#error(400, 'charge_already_refunded');
    if (Number(form.get('amount') ?? left) > left) return this.#error(400, 'amount_too_large');
    intent.latest_charge.amount_refunded += Number(form.get('amount') ?? left);
    this.event('charge.refunded', { ...intent.latest_charge, metadata: intent.metadata });
    return { status: 200, body: { id: `re_${intent.id}_${left}`, object: 'refund', status: 'succeeded' } };
  }

  #list(query) {
    const limit = Number(query.get('limit') ?? 10);
    const all = [...this.events].reverse(); // newest first
    const before = query.get('ending_before');
    const after = query.get('starting_after');
    if (before) {
      const newer = all.slice(0, all.findIndex(({ id }) => id === before));
      return { status: 200, body: { object: 'list', has_more: newer.length > limit, data: newer.slice(-limit) } };
    }
    const rest = after ? all.slice(all.findIndex(({ id }) => id === after) + 1) : all;
    return { status: 200, body: { object: 'list', has_more: rest.length > limit, data: rest.slice(0, limit) } };
  }
}

export class FakeShop extends Fake {
  constructor() {
    super();
    this.key = randomBytes(8).toString('hex');
    this.orders = new Map(); // idempotency key -> body
    this.passedOver = new Set(); // orders that the list never had, as they were committed after later ones
    this.arrived = []; // every delivery, including repeated ones
  }

  #counted(order) {
    return { ...order, letters: [...this.orders.keys()].filter((key) => key.startsWith(`${order.external_id}-`)).length };
  }

  // The imported orders, in order of arrival.
  #list(query) {
    const after = Number(query.get('after') ?? 0);
    const all = [...this.orders.values()].filter(({ kind, external_id: id }) => kind === 'completed' && !this.passedOver.has(id));
    const orders = all.slice(after, after + Number(query.get('limit'))).map((order) => this.#counted(order));
    return { status: 200, body: { orders, next: after + orders.length } };
  }

  #get({ pathname, searchParams }) {
    const [, , id] = pathname.split('/');
    if (id === undefined) return this.#list(searchParams);
    const order = this.orders.get(`${id}-completed`);
    return order ? { status: 200, body: this.#counted(order) } : { status: 404, body: {} };
  }

  handle({ method, path, headers, body }) {
    if (headers.authorization !== `Bearer ${this.key}`) return { status: 401, body: {} };
    if (method === 'GET') return this.#get(new URL(path, this.url));
    const order = JSON.parse(body);
    const key = headers['idempotency-key'];
    this.arrived.push({ key, at: Date.now() });
    const first = !this.orders.has(key);
    if (first) this.orders.set(key, order);
    return { status: first ? 201 : 200, body: { ok: true } };
  }
}

// A mail's parts: {text, html}, in UTF-8, the plainest first.
export function formsOf({ text }) {
  const [, boundary] = /^Content-Type: multipart\/alternative;\s+boundary="?([^"\r\n]+)"?\r$/im.exec(text);
  const [, ...parts] = text.split(`--${boundary}`);
  if (parts.pop().trim() !== '--' || parts.length !== 2) throw new Error(`${parts.length} forms of a mail`);
  const [plain, html] = parts.map((part, n) => {
    const at = part.indexOf('\r\n\r\n');
    const head = part.slice(0, at);
    const type = ['plain', 'html'][n];
    if (!new RegExp(`^Content-Type: text/${type}; charset=utf-8\r?$`, 'im').test(head) || !/^Content-Transfer-Encoding: base64\r?$/im.test(head)) throw new Error(`what is this? ${head}`);
    const coded = part.slice(at + 4);
    if (coded.split('\r\n').some((line) => line.length > 76)) throw new Error('a line is too long');
    return Buffer.from(coded, 'base64').toString('utf8');
  });
  return { text: plain, html };
}

// A mail's text.
export const wordsOf = (mail) => formsOf(mail).text;

// A mail server that stores its mails.
export class FakeSmtp {
  constructor() {
    this.mails = []; // {from, to, text}
    this.tried = []; // recipients, refused or not
    this.refuses = {}; // the answer to a command, such as { RCPT: '550 no such user' }; GREETING, END (of DATA) too
    this.away = false; // cuts each connection
    this.begun = 0; // connections
    this.sockets = new Set();
  }

  async listen(scope) {
    this.server = net.createServer((socket) => this.serve(socket));
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.url = `smtp://127.0.0.1:${this.server.address().port}`;
    scope.defer(() => {
      for (const socket of this.sockets) socket.destroy();
      return new Promise((resolve) => this.server.close(resolve));
    });
  }

  serve(socket) {
    let buffer = '';
    let data = null;
    let challenged = false;
    const mail = {};
    const say = (line) => socket.write(`${line}\r\n`);
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('error', () => {});
    this.begun += 1;
    if (this.away) socket.destroy();
    say(this.refuses.GREETING ?? '220 fake ESMTP');
    socket.on('data', (bytes) => {
      buffer += bytes.toString('latin1');
      for (let at = buffer.indexOf('\r\n'); at >= 0; at = buffer.indexOf('\r\n')) {
        const line = buffer.slice(0, at);
        buffer = buffer.slice(at + 2);
        if (data !== null) {
          if (line === '.') {
            if (!this.refuses.END) this.mails.push({ ...mail, text: data });
            data = null;
            say(this.refuses.END ?? '250 kept');
          } else {
            data += `${line.startsWith('..') ? line.slice(1) : line}\r\n`;
          }
        } else if (/^EHLO|^HELO/i.test(line)) {
          socket.write('250-fake\r\n250 AUTH PLAIN\r\n');
        } else if (/^AUTH PLAIN$/i.test(line)) {
          challenged = true;
          say('334 ');
        } else if (challenged) {
          challenged = false;
          say(this.refuses.AUTH ?? '235 ok');
        } else if (/^MAIL FROM:<(.*?)>/i.test(line)) {
          mail.from = /<(.*?)>/.exec(line)[1];
          say(this.refuses.MAIL ?? '250 ok');
        } else if (/^RCPT TO:<(.*?)>/i.test(line)) {
          mail.to = /<(.*?)>/.exec(line)[1];
          this.tried.push(mail.to);
          say(this.refuses.RCPT ?? '250 ok');
        } else if (/^DATA/i.test(line)) {
          data = this.refuses.DATA ? null : '';
          say(this.refuses.DATA ?? '354 go on');
        } else if (/^QUIT/i.test(line)) {
          say('221 bye');
          socket.end();
        } else {
          say('250 ok');
        }
      }
    });
  }
}

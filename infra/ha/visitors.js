// visitors.js: a few visitors who never give up. Each wants one thing after another and retries until it succeeds. The time
// from the first attempt to the final answer is what a fault costs a visitor; waiting for an answer counts as much as a
// refusal with Retry-After.
//
//   poll     asks for its place, several times a second
//   join     a new visitor takes a place
//   picture  looks at which seats are free
//   hold     takes two seats and gives them back
//   buy      the whole visit: place, pass, seats, order, card, tickets
//
// Retries carry the same idempotency key. An answer is one of four: success; "later" (502, 503, 504, 429, or no answer at
// all); a normal part of the sale (seats taken by a faster visitor); or an error that a retry does not fix, which is a
// finding. A place that changes or is given twice, an acknowledged hold that is lost, and a paid order without tickets are
// findings, too. A visitor with a finding leaves, and another one takes its part, so that the next fault has as many
// witnesses.
//
// Callers that later compare answers with the books pass `site.record`, which receives each answer that promises something:
// a place, an order, sold seats, their tickets.

import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { CookieJar, request } from '../../tests/lib-js/http.js';
import { delay } from '../../tests/lib-js/wait.js';

const LATER = [429, 502, 503, 504];
// The same hold or request is still in progress: "try again".
const BUSY = ['hold-busy', 'request-in-progress'];
const AGAIN_MS = 100;
const PAUSE_MS = 300; // until another visitor takes over
const TRY_MS = 15_000; // browsers wait even longer
const GIVEN_UP_MS = 90_000;
const KINDS = ['poll', 'join', 'picture', 'hold', 'buy'];

export class Visitors {
  gaps = []; // {kind, what, from, ms, said: [the outcome of each attempt but the last]}
  findings = [];
  bought = []; // {order, seats, paid}
  #places = new Map();
  #owners = new Map(); // of seats that were bought
  #stop = false;
  #patient = true;
  #jobs = [];
  #count = 0;
  #reported = 0;
  #open = new Map(); // pending wishes and when they began

  constructor(site) {
    this.site = site;
    this.event = site.event;
    this.users = site.users();
  }

  find(what) {
    this.findings.push(`${new Date().toISOString().slice(11, 23)} ${what}`);
  }

  #note(what, facts) {
    this.site.record?.({ at: Date.now(), what, ...facts });
  }

  // The age of the oldest pending wish.
  waiting() {
    return Math.max(0, ...[...this.#open.values()].map((from) => Date.now() - from));
  }

  // Findings since the last call.
  report() {
    const fresh = this.findings.slice(this.#reported);
    this.#reported = this.findings.length;
    return fresh;
  }

  // A visitor at home: with a browser, kept-alive connections and an address of their own.
  #person(kind) {
    this.#count += 1;
    const n = this.#count;
    return { kind, jar: new CookieJar(), agent: new http.Agent({ keepAlive: true, maxSockets: 2 }), address: `12.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}` };
  }

  async #call(person, method, path, { to = this.site.visitors, headers = {}, ...rest } = {}) {
    const answer = await request({
      ...to, path, method, agent: person.agent, timeoutMs: TRY_MS,
      headers: { ...person.jar.headers, 'x-forwarded-for': person.address, ...headers }, ...rest,
    });
    person.jar.take(answer);
    return answer;
  }

  // Retries until there is an answer other than "later". null: it gave up, or we are closing.
  async #insist(person, what, method, path, options) {
    const from = Date.now();
    const said = [];
    this.#open.set(said, from);
    for (;;) {
      const answer = await this.#call(person, method, path, options).catch((error) => ({ status: 0, text: error.code ?? error.message }));
      if (answer.status !== 0 && !LATER.includes(answer.status) && !BUSY.includes(answer.json?.code)) {
        this.#open.delete(said);
        this.gaps.push({ kind: person.kind, what, from, ms: Date.now() - from, said });
        return Object.assign(answer, { repeated: said.length > 0 });
      }
      said.push(answer.status === 0 ? answer.text : `${answer.status} ${answer.json?.code ?? ''}`.trim());
      if (this.#stop) return null;
      if (Date.now() - from > GIVEN_UP_MS) {
        this.#open.delete(said);
        this.gaps.push({ kind: person.kind, what, from, ms: Date.now() - from, said });
        this.find(`${person.kind}: ${what} was not to be had for ${GIVEN_UP_MS / 1000} s: ${said.at(-1)}`);
        return null;
      }
      await delay(AGAIN_MS);
    }
  }

  async #must(person, what, wanted, method, path, options) {
    const answer = await this.#insist(person, what, method, path, options);
    if (answer === null) return null;
    if (wanted.includes(answer.status) && (answer.json !== undefined || answer.text === '')) return answer;
    this.#unexpected(person, what, answer);
    return null;
  }

  #unexpected(person, what, answer) {
    this.find(`${person.kind}: ${what} was answered ${answer.status} ${answer.text.slice(0, 200)}`);
  }

  async #joined(person) {
    const answer = await this.#must(person, 'join', [200, 201], 'POST', `/v1/queue/${this.event}/join`, { headers: { 'idempotency-key': randomUUID() } });
    if (answer === null) return null;
    const { position } = answer.json;
    if (this.#places.has(position)) this.find(`place ${position} was given to two visitors`);
    this.#places.set(position, person);
    this.#note('place', { position });
    return position;
  }

  async #entered(person) {
    if ((await this.#joined(person)) === null) return null;
    const deadline = Date.now() + GIVEN_UP_MS;
    while (!this.#stop && Date.now() < deadline) {
      const answer = await this.#insist(person, 'pass', 'POST', `/v1/queue/${this.event}/pass`);
      if (answer === null) return null;
      if ([200, 201].includes(answer.status) && answer.json?.pass) return answer.json.pass;
      if (answer.status !== 409) {
        this.#unexpected(person, 'pass', answer);
        return null;
      }
      await delay(100); // not called yet
    }
    return null;
  }

  // ---- what each does -----------------------------------------------------------------------------------

  // One visitor after another, each until it has finished or found something.
  async #come(kind, n) {
    while (!this.#stop) {
      const person = this.#person(kind);
      await this[kind](person, n).catch((error) => this.find(`${kind}: ${error.stack}`));
      person.agent.destroy();
      if (!this.#stop) await delay(PAUSE_MS);
    }
  }

  async poll(person) {
    const position = await this.#joined(person);
    while (!this.#stop && position !== null) {
      const answer = await this.#must(person, 'me', [200], 'GET', `/v1/queue/${this.event}/me`);
      if (answer === null) return;
      if (answer.json.position !== position) {
        this.find(`place ${position} became ${answer.json.position}`);
        return;
      }
      await delay(150);
    }
  }

  async join(person) {
    await this.#joined(person);
  }

  async picture(person) {
    const pass = await this.#entered(person);
    while (!this.#stop && pass !== null) {
      if ((await this.#must(person, 'availability', [200], 'GET', `/v1/seats/${this.event}/availability`, { token: pass })) === null) return;
      await delay(200);
    }
  }

  async hold(person) {
    const pass = await this.#entered(person);
    while (!this.#stop && pass !== null) {
      const hold = await this.#held(person, pass);
      if (hold === null || !(await this.#released(person, pass, hold.hold))) return;
      await delay(250);
    }
  }

  async buy(person, n) {
    await this.#bought(person, this.users[n % this.users.length]);
  }

  async #held(person, pass) {
    const body = { best_available: { quantity: 2, adjacent: true } };
    const answer = await this.#must(person, 'hold', [200, 201], 'POST', `/v1/seats/${this.event}/holds`, { token: pass, body, headers: { 'idempotency-key': randomUUID() } });
    return answer?.json ?? null;
  }

  // After a retry it may have been done by the first attempt, whose answer was lost.
  async #released(person, pass, hold) {
    const answer = await this.#insist(person, 'release', 'DELETE', `/v1/seats/${this.event}/holds/${hold}`, { token: pass });
    if (answer === null) return false;
    if ([200, 204].includes(answer.status) || (answer.repeated && answer.status === 410)) return true;
    this.#unexpected(person, 'release', answer);
    return false;
  }

  async #bought(person, user) {
    if ((await this.#must(person, 'login', [200, 204], 'POST', '/v1/pay/login', { body: user })) === null) return;
    const pass = await this.#entered(person);
    const hold = pass === null ? null : await this.#held(person, pass);
    if (hold === null) return;
    const headers = { 'idempotency-key': randomUUID() };
    const made = await this.#must(person, 'order', [200, 201], 'POST', '/v1/pay/orders', { token: pass, headers, body: { event: this.event, hold: hold.hold } });
    if (made === null) return;
    this.#note('order', { order: made.json.order });
    const path = `/v1/pay/orders/${made.json.order}`;
    const payable = await this.#until(person, path, 'to be payable', (order) => order.payment?.checkout_url);
    if (payable === null) return;
    const url = new URL(payable.payment.checkout_url);
    const to = { host: url.hostname, port: Number(url.port) };
    const card = { body: 'number=4242424242424242&exp=12%2F34&cvc=123', headers: { 'content-type': 'application/x-www-form-urlencoded' } };
    const paid = await this.#insist(person, 'card', 'POST', url.pathname, { to, ...card });
    if (paid === null) return;
    const done = await this.#until(person, path, 'tickets', (order) => order.status === 'completed');
    if (done === null) return;
    const seats = hold.seats.map((seat) => seat.seat ?? seat);
    for (const seat of seats) {
      if (this.#owners.has(seat)) this.find(`seat ${seat} was sold twice, to ${this.#owners.get(seat)} and ${made.json.order}`);
      this.#owners.set(seat, made.json.order);
    }
    this.bought.push({ order: made.json.order, seats, paid: done.amount });
    this.#note('sold', { order: made.json.order, seats, paid: done.amount });
    if (this.site.record) await this.#shown(person, made.json.order, path);
  }

  async #shown(person, order, path) {
    const answer = await this.#must(person, 'tickets shown', [200], 'GET', `${path}/tickets`);
    if (answer !== null) this.#note('tickets', { order, tickets: answer.json.tickets.map(({ ticket }) => ticket) });
  }

  // Queries every place that was given; returns [{position, said}] of those that have changed or are gone.
  async displaced() {
    const found = [];
    const stopped = this.#stop;
    this.#stop = false; // so that they retry until they are answered
    for (const [position, person] of this.#places) {
      const answer = await this.#insist(person, 'me again', 'GET', `/v1/queue/${this.event}/me`);
      if (answer?.status !== 200 || answer.json.position !== position) found.push({ position, said: `${answer?.status} ${answer?.json?.position ?? answer?.json?.code}` });
    }
    this.#stop = stopped;
    return found;
  }

  get places() {
    return this.#places.size;
  }

  // Polls until an order has the wanted state; the whole time counts as one wish.
  async #until(person, path, what, there) {
    const from = Date.now();
    const wish = {};
    this.#open.set(wish, from);
    try {
      return await this.#looked(person, path, what, there, from);
    } finally {
      this.#open.delete(wish);
    }
  }

  async #looked(person, path, what, there, from) {
    while (!this.#stop || (this.#patient && Date.now() - from < GIVEN_UP_MS)) {
      const answer = await this.#must(person, 'order asked for', [200], 'GET', path);
      if (answer !== null && there(answer.json)) {
        this.gaps.push({ kind: person.kind, what, from, ms: Date.now() - from, said: [] });
        return answer.json;
      }
      if (answer !== null && ['cancelled', 'expired', 'failed', 'refunded', 'parked'].includes(answer.json.status)) {
        this.find(`buy: order ${answer.json.order}, that was to come to ${what}, is ${answer.json.status}, ${answer.json.reason}`);
        return null;
      }
      if (Date.now() - from > GIVEN_UP_MS) {
        this.find(`buy: ${what} took longer than ${GIVEN_UP_MS / 1000} s`);
        return null;
      }
      await delay(100);
    }
    return null;
  }

  // ---- all of them ---------------------------------------------------------------------------------------

  come({ poll = 3, join = 1, picture = 2, hold = 2, buy = 2 } = {}) {
    const many = { poll, join, picture, hold, buy };
    for (const kind of KINDS) for (let n = 0; n < many[kind]; n += 1) this.#jobs.push(this.#come(kind, n));
  }

  async go() {
    this.#stop = true;
    await Promise.all(this.#jobs);
  }

  // Stops in the middle, as people whose browsers show nothing any longer.
  async giveUp() {
    this.#patient = false;
    await this.go();
  }

  // The longest wait of each kind that began or was pending between these instants: {what: {ms, said}}.
  longest(from, to) {
    const longest = {};
    for (const gap of this.gaps) {
      if (gap.from + gap.ms < from || gap.from > to) continue;
      if (!longest[gap.what] || longest[gap.what].ms < gap.ms) longest[gap.what] = gap;
    }
    return longest;
  }
}

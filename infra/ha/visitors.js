// visitors.js: a few visitors who never give up. Each wants one thing after the other and asks for it again
// until it has it; how long that took, from the first wish to the answer, is what a fault costs them. Waiting
// for an answer counts as much as a refusal with Retry-After.
//
//   poll     asks for its place, several times a second
//   join     a new visitor takes a place
//   picture  looks at which seats are free
//   hold     takes two seats and gives them back
//   buy      the whole visit: place, pass, seats, order, card, tickets
//
// What is repeated carries its idempotency key. An answer is one of four: what was wanted; one that says "later"
// (502, 503, 504, 429, or no answer at all); one that is part of the sale (seats taken by somebody faster);
// anything else is an error that repeating does not mend, and is a finding, as is a place that changes or is
// given twice, a hold that was answered and is gone, and a paid order without tickets. A visitor who has found something
// goes, and somebody else comes for the same: there is as much to see at the next fault.
//
// A caller that later compares what was answered with what is there gives `site.record`, which gets each answer that
// promises something: a place, an order, seats that are sold, their tickets.

import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { CookieJar, request } from '../../tests/lib-js/http.js';
import { delay } from '../../tests/lib-js/wait.js';

const LATER = [429, 502, 503, 504];
// The same hold's change, or the same request, is still under way: "try again".
const BUSY = ['hold-busy', 'request-in-progress'];
const AGAIN_MS = 100;
const PAUSE_MS = 300; // until somebody else comes
const TRY_MS = 15_000; // a browser waits longer still
const GIVEN_UP_MS = 90_000;
const KINDS = ['poll', 'join', 'picture', 'hold', 'buy'];

export class Visitors {
  gaps = []; // {kind, what, from, ms, said: [what each try but the last came to]}
  findings = [];
  bought = []; // {order, seats, paid}
  #places = new Map();
  #owners = new Map(); // of seats that were bought
  #stop = false;
  #patient = true;
  #jobs = [];
  #count = 0;
  #told = 0;
  #open = new Map(); // wishes that are not fulfilled yet: since when

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

  // How long the oldest wish has been waiting that is not fulfilled yet.
  waiting() {
    return Math.max(0, ...[...this.#open.values()].map((from) => Date.now() - from));
  }

  // Those since it was asked last.
  told() {
    const fresh = this.findings.slice(this.#told);
    this.#told = this.findings.length;
    return fresh;
  }

  // Somebody at home: a browser of their own, with kept connections, at an address of their own.
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

  // Again and again, until there is an answer that is none of "later". null: it was given up, or we are closing.
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

  // One after the other, each until they have done what they came for, or found something.
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

  // Asked again, it may have been done the first time, though nobody could say so.
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

  // Asks for every place that was given: [{position, said}] of those whose answer is another one, or none.
  async displaced() {
    const found = [];
    const stopped = this.#stop;
    this.#stop = false; // they ask until they are answered
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

  // An order comes to where it is to come to; the time counts as one wish.
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

  // In the middle of what they do, as people whose browsers show nothing any more.
  async giveUp() {
    this.#patient = false;
    await this.go();
  }

  // The longest of each wish that began, or was still open, between these instants: {what: {ms, said}}.
  longest(from, to) {
    const longest = {};
    for (const gap of this.gaps) {
      if (gap.from + gap.ms < from || gap.from > to) continue;
      if (!longest[gap.what] || longest[gap.what].ms < gap.ms) longest[gap.what] = gap;
    }
    return longest;
  }
}

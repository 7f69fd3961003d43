// watch.js: polls everything that the console shows about one event. The line comes from the service that served the
// page, which stores its history of the whole sale. The hall and the orders come from their services. It also polls the
// health of each part. The views only show the data, which outlives them, so that switching views loses nothing.

import { allHealth, call, get, hasPart, metrics } from './api.js';
import { checklist } from './checklist.js';
import { perMinute, quietMs, rates } from './figures.js';
import { againstPlan, forecast } from './forecast.js';
import { alarms, frontsKept, isFull, verdict } from './verdict.js';

const COUNTS_EVERY = 3; // refreshes
const SERIES_EVERY = 30; // the whole series; in between only the newest samples
const PREVIEW_EVERY = 15;
const SERIES_MAX = 5000; // samples of the line; the service's limit
const NEWEST = 60;
const NOTED_MAX = 1800;
const ACTS_MAX = [100, 1000]; // newest entries to read, and if the act that made this version is not among them
const LISTED_MS = 4000; // how old a list of halls may be
const CHECKED_MS = 2000; // how long a view waits for the parts
const ABSENT_MS = 5 * 60_000; // between requests for an absent hall, whatever the list says

// Most test events have no hall, so theirs is not requested every few seconds. The list of halls shows whether an
// absent hall exists by now: it is in the list, or the number of sleeping halls has changed.
const absent = new Map(); // event -> {asleep, at}: sleeping halls at the last request
let listed = { at: -Infinity, answer: null };

// null if unavailable: an operator limited to some events may not read it.
function halls() {
  if (performance.now() - listed.at > LISTED_MS) {
    const answer = get('seats', '/admin/events').then(({ events, asleep }) => ({ names: events.map(({ event }) => event), asleep }), () => null);
    listed = { at: performance.now(), answer };
  }
  return listed.answer;
}

async function hasNoHall(id) {
  const asked = absent.get(id);
  if (asked === undefined || performance.now() - asked.at > ABSENT_MS) return false;
  const all = await halls();
  return all === null || (!all.names.includes(id) && all.asleep === asked.asleep);
}

// A part's data about an event. null: unknown or silent; {out}: out of service.
export async function ofEvent(part, id, end = '') {
  const ofHalls = part === 'seats';
  if (!hasPart(part) || (ofHalls && await hasNoHall(id))) return null;
  try {
    const reply = await get(part, `/admin/events/${id}${end}`);
    if (ofHalls) absent.delete(id);
    return reply;
  } catch (error) {
    if (ofHalls && error.code === 'event-out') absent.delete(id);
    if (error.code === 'event-out') return { out: error.message };
    if (ofHalls && error.status === 404) absent.set(id, { asleep: (await halls())?.asleep, at: performance.now() });
    return null;
  }
}

// Sums over a hall's categories, standing places included, and the price of what is sold. null: the hall is unknown or
// its part does not answer. {out}: the hall itself cannot be read, with the reason.
export async function seatSums(id) {
  const hall = await ofEvent('seats', id);
  if (hall === null || hall.out) return hall;
  const sum = (of) => hall.categories.reduce((total, category) => total + of(category), 0);
  const [free, held, sold, blocked] = ['free', 'held', 'sold', 'blocked'].map((name) => sum((category) => category[name]));
  return { seats: free + held + sold + blocked, free, held, sold, blocked, worth: sum((category) => category.sold * category.price), currency: hall.currency };
}

// A part's counts of an event over time, up to now.
async function countsOf(part, id) {
  const counts = await ofEvent(part, id, '/counts');
  if (counts === null || counts.out) return null;
  const rows = counts.points.map((point) => Object.fromEntries(counts.columns.map((name, n) => [name, point[n]])));
  return [...rows, { ...counts.now, at: Math.max(Date.parse(counts.server_time), rows.at(-1)?.at ?? 0) }];
}

// Each part, and why this event is out of service there.
export const partsFor = (health, id) => health.map(({ name, ready, out = [] }) => ({ name, ready, reason: out.find(({ event }) => event === id)?.reason }));

const soon = (asked) => Promise.race([asked, new Promise((resolve) => { setTimeout(resolve, CHECKED_MS); })]);
// The seat service's data about an event: null without a hall, undefined if it does not answer soon.
export const hallSoon = (id) => soon(get('seats', `/admin/events/${id}`).catch(({ status }) => (status === 404 ? null : undefined)));

// What the event still needs before it opens.
export async function readChecklist({ id, doc, watch }) {
  const ofPay = (path) => (hasPart('pay') ? soon(get('pay', path).catch(() => undefined)) : undefined);
  const [hall, health = watch.health, terms] = await Promise.all([hasPart('seats') ? hallSoon(id) : undefined, soon(allHealth()), ofPay(`/admin/events/${id}/refund-terms`)]);
  const setup = hall && await ofPay(`/admin/setup?currency=${hall.currency}`);
  return checklist({ doc, hall, parts: partsFor(health, id), terms, isTaken: setup?.findings.every(({ code }) => code !== 'currency') });
}

const watched = new Map();

export function watchOf(id) {
  if (!watched.has(id)) watched.set(id, new Watch(id));
  return watched.get(id);
}
// The next operator to sign in must see nothing that another has read.
export function forgetAll() {
  for (const all of [watched, absent]) all.clear();
  listed = { at: -Infinity, answer: null };
}

class Watch {
  constructor(id) {
    this.id = id;
    this.doc = null;
    this.etag = '';
    this.live = null;
    this.shut = null;
    this.fronts = [];
    this.seenAt = {}; // when seats and pay last answered;
    this.asOf = {}; // the same for a part that does not answer now: its figures are from then
    this.readAt = Date.now(); // when the waiting room last answered
    this.history = []; // from the service
    this.noted = []; // samples recorded here
    this.hall = null;
    this.orders = null;
    this.sums = null;
    this.acts = []; // of operators, newest first
    this.health = [];
    this.drift = 0;
    this.planned = null; // when the line would be empty at the set rate
    this.calledAt = null; // the last call, or the last time without a reason to call
    this.since = new Map(); // alarm -> when it was first seen
    this.turns = 0;
  }

  async readDoc() {
    const { json, etag } = await call('queue', 'GET', `/admin/events/${this.id}`);
    this.readAt = Date.now(); // this response counts, too
    const isOther = this.etag !== etag;
    this.doc = json;
    this.etag = etag;
    if (isOther) await this.readActs();
  }

  // The autopilot's moves are not acts.
  async readActs() {
    for (const limit of ACTS_MAX) {
      const reply = await get('queue', `/admin/events/${this.id}/audit?limit=${limit}`).catch(() => null);
      if (reply === null) return;
      this.acts = reply.audit.filter(({ who }) => who !== 'autopilot');
      if (reply.audit.length < limit || reply.audit.some(({ version }) => version < this.doc.version)) return;
    }
  }

  // True if the document has changed.
  async read() {
    const { events: [mine], fronts = [] } = await get('queue', `/admin/events?id=${this.id}`);
    this.readAt = Date.now();
    this.fronts = frontsKept(fronts);
    if (mine === undefined) { // it ended long ago, or does not exist
      await this.readDoc();
      return true;
    }
    const isOther = this.doc === null || mine.version !== this.doc.version || mine.state !== this.doc.state;
    if (isOther) await this.readDoc();
    this.note(mine);
    const turn = this.turns++;
    if (turn % COUNTS_EVERY === 0) {
      await Promise.all([
        this.readSeries(turn % SERIES_EVERY === 0 ? SERIES_MAX : NEWEST), this.readHall(), this.readOrders(), this.readHealth(),
        turn % PREVIEW_EVERY === 0 ? this.readPlanned() : null,
      ]);
    }
    return isOther;
  }

  note({ live, shut }) {
    const { doc } = this;
    const before = this.live;
    this.live = live;
    this.shut = shut ?? null;
    const mayCall = doc.state === 'open' && live.waiting > 0 && live.rate_per_s > 0 && !isFull({ doc, live }) && !live.stale;
    if (!mayCall || this.calledAt === null || live.serving > (before?.serving ?? 0)) this.calledAt = this.readAt;
    this.noted = [...this.noted.slice(1 - NOTED_MAX), { rate_per_s: doc.rate_per_s, ...live, at: this.readAt }];
  }

  async readSeries(limit) {
    const reply = await get('queue', `/admin/events/${this.id}/series?limit=${limit}`).catch(() => null);
    if (reply === null) return; // Redis may be down: continue with old data and the live numbers
    const rows = reply.series.map((row) => ({ ...row, at: Date.parse(row.at) }));
    const from = rows[0]?.at ?? Infinity;
    this.history = [...this.history.filter((row) => row.at < from), ...rows];
  }

  // Records when each part last answered.
  seen(part, answers) {
    if (answers) {
      this.seenAt[part] = Date.now();
      delete this.asOf[part];
    } else if (part in this.seenAt) {
      this.asOf[part] = this.seenAt[part];
    }
  }

  async readHall() {
    const [sums, hall] = await Promise.all([seatSums(this.id), countsOf('seats', this.id)]);
    this.seen('seats', sums !== null && hall !== null);
    this.sums = sums ?? this.sums;
    this.hall = hall ?? this.hall;
  }

  async readOrders() {
    const orders = await countsOf('pay', this.id);
    this.seen('pay', orders !== null);
    this.orders = orders ?? this.orders;
  }

  async readHealth() {
    this.health = await allHealth();
    if (hasPart('pay')) this.drift = await metrics('pay').then((metric) => metric('fairgate_drift') ?? 0, () => this.drift);
  }

  async readPlanned() {
    const reply = await get('queue', `/admin/events/${this.id}/preview`).catch(() => null);
    this.planned = reply?.last_enters_at ? Date.parse(reply.last_enters_at) : null;
  }

  // Of the general lane: the service stores no other history.
  get rows() {
    const last = this.history.at(-1)?.at ?? 0;
    return [...this.history, ...this.noted.filter(({ at }) => at > last).map((row) => ({ ...row, ...row.general }))];
  }

  // The time planned for the end: the operator's own, or when the event closes by itself, or else the time that the set
  // rate gives.
  get plan() {
    const { planned_end_at: aim, closes_at: asked } = this.doc;
    if (aim) return { at: Date.parse(aim), by: 'aim' };
    return asked ? { at: Date.parse(asked), by: 'asked' } : { at: this.planned, by: 'set' };
  }

  // The input of verdict.js.
  facts(now = Date.now()) {
    const { live, doc } = this;
    const rows = live.lanes ? this.noted : this.rows;
    const end = forecast({ now, state: doc.state, waiting: live.waiting, rows });
    const orders = this.orders === null ? null : {
      completed: perMinute(this.orders, 'completed') ?? 0, failed: perMinute(this.orders, 'failed') ?? 0,
      parked: this.orders.at(-1).parked ?? 0, open: this.orders.at(-1).open ?? 0,
    };
    return {
      now, doc, live, shut: this.shut, home: location.host, silentMs: now - this.readAt, fronts: this.fronts,
      parts: partsFor(this.health, this.id),
      pace: { joined: perMinute(rows, 'joined'), called: perMinute(rows, 'serving'), admitted: perMinute(rows, 'admitted') },
      stalledMs: this.calledAt === null ? 0 : this.readAt - this.calledAt,
      errors: { queue: perMinute(this.history, 'errors') ?? 0, seats: perMinute(this.hall ?? [], 'errors') ?? 0, pay: perMinute(this.orders ?? [], 'errors') ?? 0 },
      orders, quietMs: quietMs(this.orders ?? [], now), seats: this.sums?.out ? null : this.sums, drift: this.drift,
      forecast: end, plan: againstPlan(end, this.plan.at),
    };
  }

  // {facts, found, verdict}: each alarm with the time since which it has held.
  judged() {
    const facts = this.facts();
    const found = alarms(facts);
    const keyOf = ({ key, values }) => `${key} ${values[0]?.word ?? ''}`;
    const keys = new Set(found.map(keyOf));
    for (const key of this.since.keys()) if (!keys.has(key)) this.since.delete(key);
    for (const alarm of found) {
      if (!this.since.has(keyOf(alarm))) this.since.set(keyOf(alarm), facts.now);
      alarm.since = this.since.get(keyOf(alarm));
    }
    return { facts, found, verdict: verdict(facts, found) };
  }

  // How much a count of orders rises per minute.
  ordersPerMinute(key) {
    return rates(this.orders ?? [], key).map((rate) => (rate === null ? null : rate * 60));
  }
}

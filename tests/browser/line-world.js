// line-world.js: a waiting room alone, with an event in each state, and ways to bring visitors there.

import { until } from '../lib-js/index.js';
import { act, at, makeEvent, makePreQueue, openSite, patch, Visitor as Caller } from '../integration/queue-front/support.js';
import { Visitor } from './world.js';

const HOUR = 3600_000;
const MESSAGE = { ko: '공연장 사정으로 시작이 10분 늦어집니다.\n양해 부탁드립니다.', en: 'The show begins ten minutes late.\nThank you for your patience.' };
const BEFORE = 120; // people already in line where a visitor waits

// The others never poll: without this setting a slow machine would make them ghosts during the tests.
export async function openLine(scope, options = {}) {
  const site = await openSite(null, { scope, config: { line: { gone_after: '1h' }, web: { shop_url: 'http://localhost' } }, ...options });
  return new Line(site);
}

class Line {
  #made = new Map();

  constructor(site) {
    this.site = site;
    this.front = site.front;
    this.base = site.front.port;
    this.at = `http://localhost:${this.base}`;
  }

  visitor(browser, options) {
    return Visitor.open(browser, this, { deviceScaleFactor: 1, ...options });
  }

  // The name of an event made once, by `make`.
  event(id, make) {
    if (!this.#made.has(id)) this.#made.set(id, make(id));
    return this.#made.get(id);
  }

  async open(id, knobs = {}) {
    await makeEvent(this.site, id, { name: 'The first night', rate_per_s: 0, max_active: 0, ...knobs });
    return id;
  }

  // Other visitors, who joined before.
  async crowd(id, count) {
    const people = Array.from({ length: count }, () => new Caller(this.front, id));
    for (let i = 0; i < count; i += 40) await Promise.all(people.slice(i, i + 40).map((one) => one.joined()));
  }

  async busy(id, knobs = {}) {
    await this.open(id, { message: MESSAGE, ...knobs });
    await act(this.front, id, 'pause');
    await this.crowd(id, BEFORE);
    // So slow that the wait has two digits of minutes throughout the test.
    await patch(this.front, id, { rate_per_s: 0.1, burst: 1 });
    await act(this.front, id, 'resume');
    return id;
  }

  async go(visitor, id) {
    visitor.event = id;
    await visitor.page.goto(`${this.at}/e/${id}`);
  }

  async join(visitor) {
    await visitor.page.click('#join button');
    await visitor.view('draw', 'waiting', 'called', 'expired');
  }

  async enter(visitor, id) {
    await this.go(visitor, id);
    await this.join(visitor);
  }

  // The visitor's page in the state of this name.
  async bring(visitor, state) {
    const make = {
      soon: (id) => makeEvent(this.site, id, { name: 'The first night', prequeue_at: at(26 * HOUR), opens_at: at(27 * HOUR) }, { open: false })
        .then(() => act(this.front, id, 'schedule')).then(() => id),
      join: (id) => this.open(id),
      draw: (id) => makePreQueue(this.site, id, { name: 'The first night', rate_per_s: 0.2, opens_at: at(HOUR + 754_000) })
        .then(() => this.crowd(id, 24)).then(() => id),
      waiting: (id) => this.busy(id),
      paused: (id) => this.busy(id).then(() => act(this.front, id, 'pause')).then(() => id),
      frozen: (id) => this.busy(id).then(() => act(this.front, id, 'freeze')).then(() => id),
      called: (id) => this.open(id, { rate_per_s: 1000, call_ttl_s: 600 }),
      late: (id) => this.open(id, { rate_per_s: 1000, call_ttl_s: 1, grace_s: 6000 }),
      expired: (id) => this.open(id, { rate_per_s: 1000, call_ttl_s: 1, grace_s: 0 }),
      closed: (id) => this.open(id).then(() => act(this.front, id, 'close')).then(() => id),
    };
    const from = { 'join-draw': 'draw', admitted: 'called', done: 'called' }[state] ?? state;
    // Sold out after the visitor has a place: needs a separate event for each visitor.
    if (state === 'sold-out') return this.bringSoldOut(visitor);
    if (state === 'notfound') return this.go(visitor, 'nothing');
    const id = await this.event(`show-${from}`, make[from]);
    // The notice that the line moves again lasts a minute, less than the tests of a file take.
    if (state === 'waiting') for (const action of ['pause', 'resume']) await act(this.front, id, action);
    await this.go(visitor, id);
    if (['soon', 'join', 'join-draw', 'closed'].includes(state)) return visitor.view(state === 'join-draw' ? 'join' : state);
    await this.join(visitor);
    const view = { paused: 'waiting', frozen: 'waiting', late: 'called', admitted: 'called', done: 'called' }[state] ?? state;
    // Without a script the page reloads by itself, but too rarely for a test.
    while (!visitor.scripted && await visitor.page.getAttribute('#line', 'data-view') !== view) await visitor.page.reload();
    await visitor.view(view);
    if (state === 'late') await visitor.page.locator('#called-text', { hasText: /you are next|다음 차례/ }).waitFor();
    if (state === 'admitted' || state === 'done') {
      await this.pass(visitor);
      await visitor.view('admitted');
    }
    if (state === 'done') await this.order(visitor);
  }

  // Into the hall, and back to the waiting page.
  async pass(visitor) {
    await visitor.page.click('#pass button');
    await visitor.page.waitForURL(/\/seats\//);
    await this.go(visitor, visitor.event);
  }

  // Does what the checkout does after the payment.
  async order(visitor) {
    const session = await visitor.page.evaluate((id) => JSON.parse(atob(sessionStorage.getItem(`fg_pass_${id}`).split('.')[1].replace(/-/g, '+').replace(/_/g, '/'))).sub, visitor.event);
    await this.front.admin.post(`/internal/sessions/${session}/end`, { body: { order: 'o_1' } });
    await until('the front to know', async () => {
      await visitor.page.reload();
      return await visitor.page.getAttribute('#line', 'data-over') === 'done';
    });
    await visitor.view('expired');
  }

  #soldOut = 0;
  async bringSoldOut(visitor) {
    const id = await this.open(`sold-out-${this.#soldOut += 1}`);
    await this.enter(visitor, id);
    await act(this.front, id, 'sold-out');
    if (!visitor.scripted) await visitor.page.reload();
    await visitor.view('sold-out');
  }
}

export { act, at, makeEvent, makePreQueue, patch };

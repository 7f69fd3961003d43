// live.js: one event as it is now and as it went. The line's history comes from the service,
// which keeps it over the whole sale, with the waits it told against the real ones; so do the counts of
// the orders, and those of the hall for a day. Each of the three tells its own errors with them.

import { get, hasPart } from './api.js';
import { make, say } from './kit.js';
import { Chart } from './chart.js';
import { fact, number, percent, show } from './ui.js';

const SERIES_EVERY = 30; // refreshes; in between, the live numbers go on with it
const COUNTS_EVERY = 3;
const SERIES_MAX = 5000; // samples of the line, which are all there are
const NEWEST = 60; // those read with the counts
const NOTED_MAX = 1800;
const JUDGED_OVER_MS = 60_000; // of the waits that were told: this much of the calls is judged together
const OVER_MS = 10_000; // a rate is the difference over at least this long
const ERROR_STEPS = 240; // points of the errors' chart
const TILES = ['waiting', 'active', 'outstanding', 'issued', 'serving', 'admitted', 'no_shows', 'streams'];

// Notes outlive the view, so that going to the knobs and back loses nothing.
const noted = new Map(); // event -> rows

// How much a counter rises a second; null at the beginning and where it was set back.
function rates(rows, key) {
  let from = 0;
  return rows.map((row, i) => {
    while (from + 1 < i && row.at - rows[from + 1].at >= OVER_MS) from++;
    const before = rows[from];
    const ms = row.at - before.at;
    const rise = row[key] - before[key];
    return ms <= 0 || !(rise >= 0) ? null : rise * 1000 / ms;
  });
}

// The share of those called lately who came.
function showUp(rows) {
  let from = 0;
  return rows.map((row, i) => {
    if (typeof row.show_up === 'number') return row.show_up;
    while (from + 1 < i && row.at - rows[from + 1].at >= 60_000) from++;
    const came = row.admitted - rows[from].admitted;
    const missed = row.no_shows - rows[from].no_shows;
    return came + missed > 0 ? came / (came + missed) : null;
  });
}

// Of the waits told at joining and on the way: which share of the people was called by the p90, and how
// far the p50 was off, among those who were called lately.
function toldWaits(rows) {
  const sum = (row, key) => (row.eta_join?.[key] ?? 0) + (row.eta_way?.[key] ?? 0);
  let from = 0;
  const pairs = rows.map((row, i) => {
    while (from + 1 < i && row.at - rows[from + 1].at >= JUDGED_OVER_MS) from++;
    const judged = sum(row, 'judged') - sum(rows[from], 'judged');
    return judged > 0 ? ['kept', 'error_sum'].map((key) => (sum(row, key) - sum(rows[from], key)) / judged) : [null, null];
  });
  return [0, 1].map((n) => pairs.map((pair) => pair[n]));
}

const times = (rows) => rows.map((row) => row.at / 1000);
const column = (rows, key) => rows.map((row) => row[key] ?? null);

// Errors a minute of each part. They count at times of their own, so all are read off one scale, which
// ends now; nothing between two of its points is left out.
function errorsOf(lists) {
  const known = lists.filter((rows) => rows.length > 0);
  if (known.length === 0) return [[], ...lists.map(() => [])];
  const from = Math.min(...known.map((rows) => rows[0].at));
  const to = Math.max(...known.map((rows) => rows.at(-1).at));
  const step = Math.max(OVER_MS, (to - from) / ERROR_STEPS);
  const count = Math.floor((to - from) / step) + 1;
  const scale = Array.from({ length: count }, (_, n) => to - (count - 1 - n) * step);
  const perMinute = (rows) => {
    let next = 0;
    let sum = null;
    return scale.map((at) => {
      const before = sum;
      for (; next < rows.length && rows[next].at <= at; next++) sum = rows[next].errors ?? sum;
      return before === null || sum < before ? null : (sum - before) * 60_000 / step;
    });
  };
  return [scale.map((at) => at / 1000), ...lists.map(perMinute)];
}

// A part's counts of an event over time, up to now; null where it does not tell any, or does not answer.
async function countsOf(part, id) {
  const counts = await get(part, `/admin/events/${id}/counts`).catch(() => null);
  if (counts === null) return null;
  const rows = counts.points.map((point) => Object.fromEntries(counts.columns.map((name, n) => [name, point[n]])));
  return [...rows, { ...counts.now, at: Math.max(Date.parse(counts.server_time), rows.at(-1)?.at ?? 0) }];
}

function charts() {
  const line = (label, kind) => ({ label: say(label), kind });
  return {
    line: new Chart({ title: say('chart.line'), lines: [line('live.issued', 'one'), line('live.serving', 'two')] }),
    people: new Chart({ title: say('chart.people'), lines: [line('live.waiting', 'one'), line('live.active', 'two')] }),
    rate: new Chart({ title: say('chart.rate'), lines: [line('live.admitted_per_s', 'one'), line('knob.rate_per_s', 'two')] }),
    show: new Chart({ title: say('chart.show'), lines: [line('live.show_up', 'one')], format: percent }),
    eta: new Chart({ title: say('chart.eta'), note: say('chart.eta-note'), lines: [line('live.kept', 'one'), line('live.wait_error', 'two')], format: percent }),
    seats: new Chart({ title: say('chart.seats'), lines: [line('seats.held', 'two'), line('seats.sold', 'one')] }),
    orders: new Chart({ title: say('chart.orders'), lines: [line('live.orders_per_min', 'one'), line('live.orders_open', 'two'), line('live.orders_parked', 'bad')] }),
    lost: new Chart({ title: say('chart.lost'), lines: [line('live.let_go_per_min', 'one'), line('live.refunded_per_min', 'two'), line('live.failed_per_min', 'bad')] }),
    errors: new Chart({ title: say('chart.errors'), note: say('chart.errors-note'), lines: [line('part.queue', 'one'), line('part.seats', 'two'), line('part.pay', 'bad')] }),
  };
}

export async function open(body, event) {
  const { id } = event;
  const all = charts();
  const facts = make('dl', { id: 'live', className: 'facts' });
  body.replaceChildren(facts, make('div', { className: 'charts' }, ...Object.values(all).map((chart) => chart.at)));
  if (!hasPart('pay')) for (const chart of [all.orders, all.lost]) chart.at.hidden = true;
  let history = [];
  let hall = null;
  let orders = null;
  let turns = 0;

  async function readSeries(limit) {
    const told = await get('queue', `/admin/events/${id}/series?limit=${limit}`).catch(() => null);
    if (told === null) return; // Redis may be away: what is known goes on with the live numbers
    const rows = told.series.map((row) => ({ ...row, at: Date.parse(row.at) }));
    const from = rows[0]?.at ?? Infinity;
    history = [...history.filter((row) => row.at < from), ...rows];
    const last = history.at(-1)?.at ?? 0;
    noted.set(id, noted.get(id).filter((row) => row.at > last));
  }

  async function readSeats() {
    if (hasPart('seats')) hall = await countsOf('seats', id) ?? hall;
    all.seats.at.hidden = hall === null;
    if (hall !== null) all.seats.set([times(hall), column(hall, 'held'), column(hall, 'sold')]);
  }

  async function readOrders() {
    if (hasPart('pay')) orders = await countsOf('pay', id) ?? orders;
    if (orders === null) return;
    const t = times(orders);
    const perMinute = (key) => rates(orders, key).map((rate) => (rate === null ? null : rate * 60));
    for (const row of orders) row.let_go = row.cancelled + row.expired;
    all.orders.set([t, perMinute('completed'), column(orders, 'open'), column(orders, 'parked')]);
    all.lost.set([t, perMinute('let_go'), perMinute('refunded'), perMinute('failed')]);
  }

  function showLine() {
    const rows = [...history, ...noted.get(id)];
    const t = times(rows);
    all.line.set([t, column(rows, 'issued'), column(rows, 'serving')]);
    all.people.set([t, column(rows, 'waiting'), column(rows, 'active')]);
    all.rate.set([t, rates(rows, 'admitted'), column(rows, 'rate_per_s')]);
    all.show.set([t, showUp(rows)]);
    all.eta.set([times(history), ...toldWaits(history)]);
  }

  function showFacts() {
    const { live } = event;
    const left = live.seats_left === null ? [] : [fact(say('live.seats_left'), number(live.seats_left))];
    show(facts, ...TILES.map((name) => fact(say(`live.${name}`), number(live[name]))),
      fact(say('live.show_up'), percent(live.show_up)), fact(say('live.service_rate_per_s'), number(live.service_rate_per_s)), ...left);
  }

  return {
    async refresh() {
      const now = { rate_per_s: event.doc.rate_per_s, ...event.live, at: Date.now() };
      noted.set(id, [...(noted.get(id) ?? []).slice(1 - NOTED_MAX), now]);
      showFacts();
      if (turns % COUNTS_EVERY === 0) {
        await Promise.all([readSeries(turns % SERIES_EVERY === 0 ? SERIES_MAX : NEWEST), readSeats(), readOrders()]);
        all.errors.set(errorsOf([history, hall ?? [], orders ?? []]));
      }
      turns++;
      showLine();
    },
    close() {
      for (const chart of Object.values(all)) chart.close();
    },
  };
}

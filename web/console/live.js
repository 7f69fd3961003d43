// live.js: one event, now and over time. First the vital figures, the alarms, and the forecast compared with the plan.
// Below, the line's history of the whole sale with predicted and real waits; the counts of orders, and of the hall for
// a day. Each of the three services reports its own errors.

import { hasPart } from './api.js';
import { make, money, say } from './kit.js';
import { Chart } from './chart.js';
import { whoOf } from './change.js';
import { column, errorsOf, rates, showUp, times, promisedWaits } from './figures.js';
import { spark, strip } from './spark.js';
import { fact, icon, levelWords, moment, number, percent, reasonOf, show, timeAt, wordsOr } from './ui.js';
import { TODO } from './verdict.js';
import { planInWords, vitals } from './vital.js';

const TILES = ['issued', 'serving', 'no_shows', 'streams'];
const RANGES_MIN = [0, 15, 60, 360]; // 0: the whole sale
const COUNTS_EVERY = 3; // refreshes per redraw of counts
// A tile before its figure has arrived, to keep its room.
const BLANK = { id: '', label: ' ', value: '–', note: '', lines: [] };

const tile = ({ id, label, value, note, lines, full, level = '', share }) => make('div', { id: `vital-${id}`, className: `vital ${level}` },
  make('dt', {}, label), make('dd', { className: 'value' }, value), make('dd', { className: 'small' }, note), make('dd', { className: 'spark-at' }, lines ? spark(lines, share) : strip(full)));

function alarmRow(id, alarm) {
  const at = ['parts', 'orders'].includes(alarm.where) ? `#/${alarm.where}` : `#/events/${id}/${alarm.where}`;
  return make('li', { className: `alarm ${alarm.level}` }, icon(alarm.level),
    make('div', {}, make('strong', {}, levelWords(alarm.level)), ` ${reasonOf(alarm)}`,
      make('span', { className: 'small' }, ' ', say('alarms.since'), ' ', timeAt(new Date(alarm.since).toISOString()), ...(alarm.where === 'live' ? [] : [' · ', make('a', { href: at }, say(`alarms.to.${alarm.where}`))]), ' · ', make('a', { href: `#/events/${id}/runbook/${encodeURIComponent(TODO[alarm.key])}` }, say('alarms.todo'))),
      ...(alarm.hides ? [make('details', {}, make('summary', {}, say('alarms.hides', alarm.hides.length)), make('ul', {}, ...alarm.hides.map((one) => make('li', {}, reasonOf(one)))))] : [])));
}

// An act as the charts show it: the new rate, or what was done.
function markOf(act) {
  const done = wordsOr(`act.${act.what}`, act.what);
  const rate = act.to?.rate_per_s;
  return { at: Date.parse(act.at) / 1000, words: rate === undefined || act.to.state !== undefined ? done : number(rate), whole: `${done}, ${whoOf(act)}` };
}

function charts() {
  const line = (label, kind) => ({ label: say(label), kind });
  return {
    line: new Chart({ title: say('chart.line'), lines: [line('live.issued', 'one'), line('live.serving', 'two')] }),
    people: new Chart({ title: say('chart.people'), lines: [line('live.waiting', 'one'), line('live.active', 'two')] }),
    rate: new Chart({ title: say('live.admitted_per_s'), lines: [line('live.admitted_per_s', 'one'), line('knob.rate_per_s', 'two')] }),
    show: new Chart({ title: say('live.show_up'), lines: [line('live.show_up', 'one')], format: percent }),
    eta: new Chart({ title: say('chart.eta'), note: say('chart.eta-note'), lines: [line('live.kept', 'one'), line('live.wait_error', 'two')], format: percent }),
    seats: new Chart({ title: say('view.seats'), lines: [line('seats.held', 'two'), line('seats.sold', 'one')] }),
    orders: new Chart({ title: say('menu.orders'), lines: [line('live.orders_per_min', 'one'), line('orders.open', 'two'), line('orders.parked', 'bad')] }),
    lost: new Chart({ title: say('chart.lost'), lines: [line('live.let_go_per_min', 'one'), line('live.refunded_per_min', 'two'), line('live.failed_per_min', 'bad')] }),
    errors: new Chart({ title: say('chart.errors'), note: say('chart.errors-note'), lines: [line('part.queue', 'one'), line('part.seats', 'two'), line('part.pay', 'bad')] }),
  };
}

// Columns from a time on.
function since(columns, from) {
  const first = columns[0].findIndex((at) => at >= from);
  return columns.map((column) => (first < 0 ? [] : column.slice(first)));
}

// How far back the charts go; initially all of it.
function rangeField() {
  const field = make('select', { id: 'range' }, ...RANGES_MIN.map((minutes) => make('option', { value: minutes }, say(`range.${minutes}`))));
  return { field, from: () => (Number(field.value) > 0 ? Date.now() / 1000 - Number(field.value) * 60 : 0) };
}

export async function open(body, event) {
  const { id, watch } = event;
  const all = charts();
  const tiles = make('dl', { id: 'vitals', className: 'vitals' });
  const wrong = make('ul', { id: 'alarms', className: 'lines' });
  const plan = make('div', { id: 'plan' });
  const facts = make('dl', { id: 'live', className: 'facts' });
  const box = (title, at) => make('section', { className: 'card' }, make('h2', {}, say(title)), at);
  const range = rangeField();
  const marks = () => watch.acts.map(markOf).reverse();
  // `parts`: the sources of the lines, one for all or one for each.
  const draw = (chart, columns, ...parts) => chart.set(since(columns, range.from()), chart.lines.map((_, n) => watch.asOf[parts[n] ?? parts[0]]), marks());
  body.replaceChildren(tiles, make('div', { className: 'beside' }, box('alarms.title', wrong), box('plan.title', plan)), make('div', { className: 'row over-time' }, make('h2', {}, say('live.over-time')), make('span', { className: 'small marked' }, say('live.marks')), make('label', {}, say('range.label'), range.field)), make('div', { className: 'charts' }, ...Object.values(all).map((chart) => chart.at)), make('h2', {}, say('live.more')), facts);
  show(tiles, ...Array.from({ length: 6 + ['seats', 'pay'].filter(hasPart).length }, () => tile(BLANK)));
  if (!hasPart('seats')) all.seats.at.hidden = true;
  if (!hasPart('pay')) for (const chart of [all.orders, all.lost]) chart.at.hidden = true;
  let turns = 0;

  function showOrders() {
    const { orders } = watch;
    if (orders === null) return;
    for (const row of orders) row.let_go = row.cancelled + row.expired;
    const t = times(orders);
    draw(all.orders, [t, watch.ordersPerMinute('completed'), column(orders, 'open'), column(orders, 'parked')], 'pay');
    draw(all.lost, [t, watch.ordersPerMinute('let_go'), watch.ordersPerMinute('refunded'), watch.ordersPerMinute('failed')], 'pay');
  }

  function showHall() {
    const { hall } = watch;
    if (hall !== null) draw(all.seats, [times(hall), column(hall, 'held'), column(hall, 'sold')], 'seats');
  }

  function showLine() {
    const { history, rows } = watch;
    const t = times(rows);
    draw(all.line, [t, column(rows, 'issued'), column(rows, 'serving')]);
    draw(all.people, [t, column(rows, 'waiting'), column(rows, 'active')]);
    draw(all.rate, [t, rates(rows, 'admitted'), column(rows, 'rate_per_s')]);
    draw(all.show, [t, showUp(rows)]);
    draw(all.eta, [times(history), ...promisedWaits(history)]);
  }

  const showErrors = () => draw(all.errors, errorsOf([watch.history, watch.hall ?? [], watch.orders ?? []]), 'queue', 'seats', 'pay');
  range.field.addEventListener('change', () => {
    for (const redraw of [showHall, showOrders, showLine, showErrors]) redraw();
  });

  function showFacts() {
    const { live, orders, sums } = watch;
    const last = orders?.at(-1);
    const old = watch.asOf.pay ? ` (${say('verdict.as-of', moment(new Date(watch.asOf.pay)))})` : '';
    const sum = (name, value) => fact(say(`live.${name}`), money(value, sums.currency) + old);
    const takings = last?.captured === undefined || !sums?.currency ? [] : [sum('captured', last.captured), sum('given_back', last.given_back), sum('takings', last.captured - last.given_back)];
    const isJudged = live.admitted + live.no_shows > 0; // no share before the first call
    show(facts, ...TILES.map((name) => fact(say(`live.${name}`), number(live[name]))),
      fact(say('live.show_up'), percent(isJudged ? live.show_up : null)), fact(say('live.service_rate_per_s'), number(live.service_rate_per_s)), ...takings);
  }

  return {
    // Also if nothing could be read: that is an alarm in itself.
    judged() {
      const { judged } = event;
      show(tiles, ...vitals(watch, judged).map(tile));
      show(wrong, ...(judged.found.length === 0 ? [make('li', { className: 'alarm fine' }, icon('fine'), make('p', {}, say('alarms.none')))] : judged.found.map((alarm) => alarmRow(id, alarm))));
      show(plan, ...planInWords({ facts: judged.facts, plan: watch.plan }).map((words) => make('p', {}, words)),
        make('p', { className: 'small' }, make('a', { href: `#/events/${id}/knobs` }, say('plan.choose'))));
    },
    refresh() {
      if (watch.live === null) return;
      showFacts();
      if (turns++ % COUNTS_EVERY === 0) {
        showHall();
        showOrders();
        showErrors();
      }
      showLine();
    },
    close() {
      for (const chart of Object.values(all)) chart.close();
    },
  };
}

// orders.js: orders, found by what a caller knows (desk.js), and the list of sagas. One saga is shown as a graph with
// its timeline, and can be retried or compensated with a reason. Also what reconciliation found between seats, orders
// and money.

import { call, get, hasPart } from './api.js';
import { openFinder, openOrder } from './desk.js';
import { announce, make, say } from './kit.js';
import { draw } from './spark.js';
import { SKIPPED, badge, blame, button, confirmed, fact, guarded, moment, number, scrollBox, show, taken, timeAt, wordsOr } from './ui.js';

const LIMIT = 50;
const STATES = ['open', 'parked', 'all'];
const EVERY = 2; // refreshes

const MARKS = { done: '✓', failed: '✕', turned: '↩', skipped: '–', unknown: '?', ongoing: '…', operator: '!' };

// A completed refund must not look like a second sale.
const kindOf = ({ definition }) => wordsOr(`saga.of.${definition.split('.')[0]}`, definition);
const step = (name) => wordsOr(`step.${name}`, name);

// ---- the list ----

function row(saga) {
  return make('li', { className: `card saga ${saga.state}` },
    make('p', {}, badge(saga.state), ' ', make('strong', {}, kindOf(saga)), ' ', make('a', { href: `#/orders/${saga.saga}` }, `${say('orders.order')} ${saga.order}`)),
    make('p', { className: 'small' }, `${step(saga.step)}${saga.way === 'undo' ? ` (${say('orders.undoing')})` : ''} · ${say('orders.tries', saga.tries)} · `, timeAt(saga.started_at), ...(saga.cause ? [` · ${saga.cause}`] : [])));
}

// In the page's own words if it has any, else in the service's.
function drift({ difference, kind, order, payment, means, todo, detail, accepted }) {
  const whose = order ? make('button', { type: 'button', className: 'quiet', value: order }, order) : payment;
  const act = accepted ? 'withdraw' : 'accept';
  return make('li', { className: 'card' },
    make('p', {}, make('strong', {}, wordsOr(`drift.kind.${kind}`, kind)), ' ', whose),
    make('p', {}, accepted ? say('drift.accepted-by', accepted.who ?? '–', moment(accepted.at), accepted.reason) : wordsOr(`drift.means.${kind}`, means ?? detail)),
    ...(todo && !accepted ? [make('p', {}, `${say('drift.todo')} ${wordsOr(`drift.todo.${kind}`, todo)}`)] : []),
    ...(means ? [make('p', { className: 'small' }, detail)] : []),
    make('button', { type: 'button', name: act, value: difference }, say(`drift.${act}`)));
}

async function openList(main) {
  const state = make('select', { id: 'saga-state' }, ...STATES.map((value) => make('option', { value }, say(`orders.${value}`))));
  const order = make('input', { id: 'saga-order', autocomplete: 'off', maxLength: 64 });
  const list = make('ol', { id: 'sagas', className: 'trail' });
  const none = make('p', { hidden: true }, say('none'));
  const more = button(say('more'), () => read(true), { hidden: true });
  const report = make('section', { id: 'reconcile', className: 'card stack' });
  const found = make('div');
  let sagas = [];
  let turns = 0;
  let wanted = { state: STATES[0] }; // the list that is shown, or is being read
  let reads = 0;

  async function read(further = false) {
    const mine = ++reads;
    const query = new URLSearchParams({ ...wanted, limit: LIMIT, ...(further ? { before: sagas.at(-1).saga } : {}) });
    const page = (await get('pay', `/admin/sagas?${query}`)).sagas;
    if (mine !== reads) return;
    sagas = further ? [...sagas, ...page] : page;
    more.hidden = page.length < LIMIT;
    none.hidden = sagas.length > 0;
    show(list, ...sagas.map(row));
  }

  function choose() {
    wanted = { state: state.value, ...(order.value.trim() === '' ? {} : { order: order.value.trim() }) };
    return read();
  }

  async function find(whose) {
    [state.value, order.value] = ['all', whose];
    await choose();
    order.focus();
  }

  function showReport({ at, drift: count, items, accepted, foreign, not_reached: silent }) {
    show(found,
      make('p', { className: count > 0 ? 'wrong' : silent.length > 0 || at === null ? '' : 'good' }, at === null ? say('drift.never') : say(count > 0 ? 'drift.found' : 'drift.nothing', number(count), moment(at))),
      ...(silent.length > 0 ? [make('p', { className: 'wrong' }, say('drift.silent', silent.join(', ')))] : []),
      ...(foreign?.payments > 0 ? [make('p', { className: 'small' }, say('drift.foreign', number(foreign.payments)))] : []),
      make('ul', { className: 'trail' }, ...items.map(drift)),
      ...(accepted?.count > 0 ? [make('details', {}, make('summary', {}, say('drift.accepted', number(accepted.count))), make('ul', { className: 'trail' }, ...accepted.items.map(drift)))] : []));
  }
  async function reconcile() {
    const { json } = await call('pay', 'POST', '/admin/reconcile', { body: {} });
    showReport(json);
    announce(say(json.drift > 0 ? 'drift.found' : 'drift.nothing', number(json.drift), moment(json.at)));
  }
  async function decide({ name: act, value: difference }) {
    const sure = await confirmed({ title: say(`drift.${act}-sure`), text: say(`drift.${act}-means`), yes: say(`drift.${act}`), why: { needed: true } });
    if (!sure) return;
    await call('pay', 'POST', `/admin/reconcile/${difference}/${act}`, { body: { reason: sure.why } });
    await reconcile();
  }
  found.addEventListener('click', ({ target }) => {
    if (target.nodeName === 'BUTTON') guarded(() => (target.name ? decide(target) : find(target.value)))();
  });
  report.append(make('h2', {}, say('drift.title')), make('p', { className: 'small' }, say('drift.help')), found, button(say('drift.now'), reconcile, { id: 'reconcile-now' }));

  const form = make('form', { className: 'row end' }, make('label', { className: 'field' }, say('orders.show'), state), make('label', { className: 'field' }, say('orders.order'), order), make('button', { id: 'saga-find' }, say('orders.show')));
  form.addEventListener('submit', guarded(choose));
  state.addEventListener('change', guarded(choose));
  main.replaceChildren(make('h1', {}, say('menu.orders')), await openFinder(), make('h2', {}, say('orders.title')), form, none, list, more, report);
  return {
    async refresh() {
      if (turns++ % EVERY !== 0) return SKIPPED;
      if (sagas.length <= LIMIT) await read();
      return showReport(await get('pay', '/admin/reconcile'));
    },
  };
}

// ---- one, as a graph ----

// For each step and direction: the last result, the number of tries, the time taken.
function lanes(saga) {
  // Steps that the definition lacks (from a newer version) go at the end.
  const known = saga.steps ?? [];
  const names = [...known, ...new Set([saga.step, ...saga.timeline.map((entry) => entry.step)].filter((name) => name !== '?' && !known.includes(name)))];
  return names.map((name) => {
    const of = (way) => {
      const entries = saga.timeline.filter((entry) => entry.step === name && entry.way === way);
      if (entries.length === 0) return null;
      const marks = entries.filter(({ result }) => result !== 'operator');
      return { result: marks.at(-1)?.result ?? 'operator', tries: marks.length, us: entries.reduce((sum, entry) => sum + (entry.took_us ?? 0), 0), code: entries.at(-1).code };
    };
    const here = saga.step === name && !['completed', 'undone'].includes(saga.state);
    return { name, done: of('do'), undone: of('undo'), here };
  });
}

// Top to bottom, in the order of the steps: a phone is tall. The way back is on the right.
function graph(saga) {
  const rows = lanes(saga);
  const [top, high, left, right] = [22, 56, 26, 196];
  const back = rows.some((row) => row.undone !== null);
  const height = top * 2 + high * (rows.length - 1);
  const svg = draw('svg', { viewBox: `0 0 320 ${height}`, class: 'graph', 'aria-hidden': 'true' });
  rows.forEach((row, n) => {
    const y = top + n * high;
    if (n + 1 < rows.length) svg.append(draw('line', { x1: left, x2: left, y1: y + 12, y2: y + high - 12, class: rows[n + 1].done ? 'way walked' : 'way' }));
    if (row.name === saga.pivot) svg.append(draw('line', { x1: 4, x2: 316, y1: y + high / 2, y2: y + high / 2, class: 'pivot' }));
    svg.append(draw('rect', { x: left - 11, y: y - 11, width: 22, height: 22, rx: 4, class: `node ${row.done?.result ?? 'not-yet'}${row.here && row.undone === null ? ' here' : ''}` }));
    svg.append(draw('text', { x: left, y: y + 4.5, class: 'mark' }, MARKS[row.done?.result] ?? ''));
    svg.append(draw('text', { x: left + 20, y: y - 1, class: 'name' }, step(row.name)));
    const note = row.done === null ? '' : `${wordsOr(`result.${row.done.result}`, row.done.result)}${row.done.tries > 1 ? ` ×${row.done.tries}` : ''}`;
    svg.append(draw('text', { x: left + 20, y: y + 14, class: 'note' }, note));
    if (row.undone !== null) {
      svg.append(draw('rect', { x: right + 9, y: y - 11, width: 22, height: 22, rx: 4, class: `node undo ${row.undone.result}${row.here ? ' here' : ''}` }));
      svg.append(draw('text', { x: right + 20, y: y + 4.5, class: 'mark' }, row.undone.result === 'done' ? '↩' : MARKS[row.undone.result] ?? ''));
      svg.append(draw('text', { x: right + 40, y: y + 4.5, class: 'note' }, wordsOr(`result.${row.undone.result}`, row.undone.result)));
      if (n > 0 && rows[n - 1].undone !== null) svg.append(draw('line', { x1: right + 20, x2: right + 20, y1: y - 12, y2: y - high + 12, class: 'way walked' }));
    }
  });
  const at = make('figure', { className: 'card' }, make('figcaption', {}, make('h2', {}, say('saga.graph')), make('p', { className: 'small' }, say('saga.pivot'))));
  at.append(svg);
  // The same for screen readers.
  at.append(make('ol', { className: 'unseen' }, ...rows.map((row) => make('li', {}, `${step(row.name)}: ${row.done ? wordsOr(`result.${row.done.result}`, row.done.result) : say('result.not-yet')}${row.undone ? `, ${say('orders.undoing')}: ${wordsOr(`result.${row.undone.result}`, row.undone.result)}` : ''}${row.here ? `, ${say('saga.here')}` : ''}`))));
  at.classList.toggle('with-back', back);
  return at;
}

function entry({ step: name, way, result, try: tried, took_us: took, code, detail, who, at }) {
  return make('li', {}, timeAt(at), ' ', make('strong', {}, step(name)), ` ${way === 'undo' ? `(${say('orders.undoing')}) ` : ''}${wordsOr(`result.${result}`, result)}`,
    make('span', { className: 'small' }, ` · ${say('saga.try', tried)}${took ? ` · ${number(took / 1000)}\u00a0ms` : ''}${code ? ` · ${code}` : ''}${who ? ` · ${who}` : ''}`),
    ...(detail ? [make('p', { className: 'small' }, detail)] : []));
}

const isCredit = ({ definition }) => definition.startsWith('credit.');

// A checkout at or before its pivot that is not being undone; a parked refund of a sum.
function canTurnBack(saga) {
  const { definition, way, state, step: name, steps, pivot } = saga;
  if (isCredit(saga)) return state === 'parked' && name === 'refund_payment';
  return definition.startsWith('checkout.') && way === 'do' && steps?.includes(name) === true && steps.indexOf(name) <= steps.indexOf(pivot);
}

async function openOne(main, id) {
  const head = make('div');
  const reason = make('input', { id: 'saga-reason', maxLength: 200, autocomplete: 'off', required: true, 'aria-describedby': 'wrong-saga-reason' });
  const wrong = make('span', { className: 'wrong', id: 'wrong-saga-reason', role: 'alert' });
  const drawing = make('div');
  const trail = make('ol', { id: 'timeline', className: 'lines' });
  const data = make('code');
  const acts = make('section', { id: 'saga-acts', className: 'card stack' });
  const help = make('p', { className: 'small' });
  const turnBack = button('', () => act('compensate'), { id: 'compensate', className: 'danger' });
  const turnBackMeans = make('p', { className: 'small' });
  let saga = null;
  let turns = 0;

  const verbOf = (what) => (what === 'compensate' && isCredit(saga) ? 'give-up' : what);

  function showSaga() {
    const ended = saga.ended_at !== undefined;
    show(head, make('p', {}, make('a', { href: '#/orders' }, say('orders.back'))), make('h1', {}, make('a', { href: `#/orders/${saga.order}` }, `${say('orders.order')} ${saga.order}`)),
      make('p', { id: 'saga-state' }, badge(saga.state), ` ${saga.definition} · ${say('saga.number', saga.saga)}`),
      make('dl', { className: 'facts' }, fact(say('saga.step'), step(saga.step)), fact(say('saga.tries'), number(saga.tries)), fact(say('saga.started'), timeAt(saga.started_at)),
        ...(ended ? [fact(say('saga.ended'), timeAt(saga.ended_at))] : saga.next_try_at ? [fact(say('saga.next'), timeAt(saga.next_try_at))] : []), ...(saga.cause ? [fact(say('saga.cause'), saga.cause)] : [])));
    show(drawing, graph(saga));
    show(trail, ...saga.timeline.map(entry));
    data.textContent = JSON.stringify(saga.data, null, 1);
    acts.hidden = ended;
    help.textContent = say(saga.way === 'undo' ? 'saga.acts-help-back' : 'saga.acts-help');
    turnBack.parentElement.hidden = !canTurnBack(saga);
    turnBack.textContent = say(`saga.${verbOf('compensate')}`);
    turnBackMeans.textContent = say(`saga.${verbOf('compensate')}-means`);
  }

  async function act(what) {
    if (!blame(reason, reason.value.trim() === '' ? say('saga.reason-needed') : '')) {
      reason.focus();
      return;
    }
    const verb = verbOf(what);
    if (what === 'compensate' && !(await confirmed({ title: say(`saga.${verb}-sure`, saga.order), text: say(`saga.${verb}-means`), yes: say(`saga.${verb}`) }))) return;
    const emptyReason = taken(reason);
    saga = (await call('pay', 'POST', `/admin/sagas/${id}/${what}`, { body: { reason: reason.value.trim() } })).json;
    emptyReason();
    announce(say(`saga.${verb}-done`));
    showSaga();
  }

  acts.append(make('h2', {}, say('saga.acts')), help, make('label', { className: 'field' }, say('saga.reason'), reason), wrong,
    make('div', { className: 'row' }, button(say('saga.retry'), () => act('retry'), { id: 'retry', className: 'main' })), make('div', { className: 'ending' }, turnBack, turnBackMeans));

  async function read() {
    saga = await get('pay', `/admin/sagas/${id}`);
    showSaga();
  }
  await read();
  main.replaceChildren(head, make('div', { className: 'saga-view' }, drawing, make('div', {}, acts, make('section', { className: 'card' }, make('h2', {}, say('saga.timeline')), trail), make('details', {}, make('summary', {}, say('saga.data')), scrollBox(say('saga.data'), {}, data)))));
  return {
    async refresh() {
      if (turns++ % EVERY !== 1) return SKIPPED;
      return read();
    },
  };
}

export async function open(main, [id]) {
  if (!hasPart('pay')) {
    main.replaceChildren(make('h1', {}, say('orders.title')), make('p', {}, say('orders.no-part')));
    return {};
  }
  if (id === undefined) return openList(main);
  return /^\d+$/.test(id) ? openOne(main, id) : openOrder(main, id);
}


// parts.js: the health of every part: its own report (/readyz), its latency, and its activity. If a part needs another
// token, it is entered here.

import { get, health, metrics, parts, setToken } from './api.js';
import { make, say } from './kit.js';
import { button, fact, guarded, number, show, timeAt, wordsOr } from './ui.js';
import { frontGone, frontsKept, LIMITS } from './verdict.js';

const EVERY = 2; // refreshes

async function look({ name, at }) {
  const [state, metric, token] = await Promise.all([
    health(name),
    metrics(name).catch(() => null),
    get(name, /^(queue|front|seat)/.test(name) ? '/admin/events' : '/admin/sagas?limit=1').then(() => true, (error) => error.status !== 401),
  ]);
  return { name, at: at || location.origin, state, metric, token };
}

function facts(metric) {
  if (metric === null) return [];
  const all = [
    ['part.requests', metric('fairgate_http_requests_total')], ['part.errors', metric('fairgate_http_responses_total', { class: '5xx' })],
    ['part.connections', metric('fairgate_http_connections')], ['part.parked', metric('fairgate_sagas_parked')], ['part.lag', metric('fairgate_shop_lag_orders')],
    ['part.drift', metric('fairgate_drift')], ['part.journal', metric('fairgate_journal_waiting')],
  ];
  return [make('dl', { className: 'facts' }, ...all.filter(([, value]) => value !== null).map(([key, value]) => fact(say(key), number(value))))];
}

function card({ name, at, state, metric, token }) {
  const kind = state.silent ? 'silent' : state.ready ? 'ready' : 'not-ready';
  return make('section', { className: `card part ${kind}`, id: `part-${name}` },
    make('h2', {}, wordsOr(`part.${name}`, name)),
    make('p', {}, make('strong', { className: `badge ${kind}` }, say(`part.is.${kind}`)), state.role ? ` ${wordsOr(`part.role.${state.role}`, state.role)}` : ''),
    make('p', { className: 'small' }, state.silent ? at : `${at} · ${say('part.took', number(state.took_ms))}`),
    ...((state.reasons ?? []).length > 0 ? [make('ul', {}, ...state.reasons.map(({ condition, reason }) => make('li', {}, `${condition}: ${reason}`)))] : []),
    ...(state.silent ? [make('p', { className: 'wrong' }, say('part.silent-means'))] : []),
    ...((state.out ?? []).length > 0 ? [make('ul', { className: 'wrong out' }, ...state.out.map(({ event, reason }) => make('li', {}, say('part.out', event, reason))))] : []),
    ...facts(metric),
    ...(token || state.silent ? [] : [make('p', { className: 'wrong' }, say('part.token-refused'))]));
}

// All fronts, as they report to Redis; the one that served this page has its own card.
function frontRow({ place, silent_ms: ms }, read) {
  const kind = ms >= LIMITS.front_ms ? 'silent' : 'ready';
  const away = button(say('part.front-gone'), async () => {
    frontGone(place);
    await read();
  }, { className: 'quiet', hidden: kind === 'ready', 'aria-label': `${place}: ${say('part.front-gone')}` });
  return make('li', {}, make('strong', { className: `badge ${kind}` }, say(`part.is.${kind}`)), ` ${place} `, make('span', { className: 'small' }, say('part.front-seen', number(ms / 1000))), away);
}

function tokenForm(name, done) {
  const input = make('input', { type: 'password', autocomplete: 'off', required: true });
  const form = make('form', { className: 'row end', id: `token-${name}` }, make('label', { className: 'field' }, say('part.token', wordsOr(`part.${name}`, name)), input), make('button', {}, say('part.token-button')));
  form.addEventListener('submit', guarded(async () => {
    setToken(name, input.value.trim());
    await done();
  }));
  return form;
}

export async function open(main) {
  const list = make('div', { id: 'parts-list', className: 'cards' });
  const tokens = make('div');
  const looked = make('p', { id: 'as-of', className: 'small' }, say('part.looked'));
  let turns = 0;
  async function read() {
    const [all, { fronts: known = [] }] = await Promise.all([Promise.all(parts.map(look)), get('queue', '/admin/events?id=-').catch(() => ({}))]);
    const fronts = make('section', { className: 'card' }, make('h2', {}, say('part.fronts')), make('ul', { id: 'fronts', className: 'lines' }, ...frontsKept(known).map((front) => frontRow(front, read))));
    show(list, ...all.map(card), fronts);
    looked.replaceChildren(say('part.looked'), ' ', timeAt(new Date().toISOString()));
    const refused = all.filter(({ token, state, name }) => !token && !state.silent && name !== 'queue').map(({ name }) => name);
    if (tokens.dataset.of !== refused.join()) {
      tokens.dataset.of = refused.join();
      tokens.replaceChildren(...refused.map((name) => tokenForm(name, read)));
    }
  }
  main.replaceChildren(make('h1', {}, say('menu.parts')), looked, list, tokens);
  return {
    async refresh() {
      if (turns++ % EVERY === 0) await read();
    },
  };
}

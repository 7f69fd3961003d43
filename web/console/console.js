// console.js: the operator's page. It has no data of its own: all comes from the private listeners, and every change is
// one call that can also be made with curl. This file signs in and out, and selects and refreshes the view.
//
//   #/events  #/events/ID[/live|knobs|lanes|codes|prices|message|draw|seats|doors|audit|runbook|setup|big]  #/orders[/SAGA]  #/parts

import { allHealth, get, hasPart, loaded, metrics, operator, setWhose, signedIn, signIn, signOut, whose } from './api.js';
import { openKeys } from './keys.js';
import { announce, byId, make, say } from './kit.js';
import { isDark, onScheme } from './scheme.js';
import { SKIPPED, button, drawn, guarded, icon, notice, sayTrouble, zoneName } from './ui.js';
import { forgetAll } from './watch.js';

const REFRESH_MS = 2000;
const REFRESH_HIDDEN_MS = 15000;
const WATCH_EVERY = 5; // refreshes; the menu of every view shows parked orders and silent parts
const VIEWS = {
  events: () => import('./events.js'),
  event: () => import('./event.js'),
  big: () => import('./big.js'),
  orders: () => import('./orders.js'),
  parts: () => import('./parts.js'),
};

const main = byId('main');
let view = null; // {refresh, close} of the current view; a refresh without a request returns SKIPPED
let timer = 0;
let turn = 0; // counts routes, to drop a module that arrives late
let beats = 0;

// ---- signing in ----

function showSignIn(text = '') {
  const tell = make('p', { id: 'sign-in-trouble', className: 'wrong', role: 'alert' }, text);
  const token = make('input', { id: 'token', type: 'password', autocomplete: 'off', required: true, 'aria-describedby': 'sign-in-trouble' });
  const name = make('input', { id: 'operator', autocomplete: 'name', maxLength: 80, value: operator(), 'aria-describedby': 'sign-in-name-help' });
  const form = make('form', { id: 'sign-in', className: 'card stack' },
    make('div', { className: 'sign-in-head' }, icon('locked'), make('h1', {}, say('sign-in.title'))),
    make('p', {}, say('sign-in.text')),
    tell,
    make('label', { className: 'field' }, say('sign-in.token'), token),
    make('label', { className: 'field' }, say('sign-in.name'), name),
    make('div', { className: 'small', id: 'sign-in-name-help' }, say('sign-in.name-help')),
    make('button', { className: 'main' }, say('sign-in.title')));
  form.addEventListener('submit', guarded(async () => {
    signIn(token.value.trim(), '');
    let proved;
    try {
      proved = await get('queue', '/admin/whoami');
    } catch (error) {
      signOut();
      if (error.status === 401) {
        token.setAttribute('aria-invalid', 'true');
        token.select();
        token.focus();
      }
      throw error;
    }
    if (proved.name === undefined && name.value.trim() === '') {
      signOut();
      tell.textContent = say('sign-in.name-needed');
      name.setAttribute('aria-invalid', 'true');
      name.focus();
      return;
    }
    signIn(token.value.trim(), proved.name === undefined ? name.value.trim() : '');
    setWhose(proved);
    await route();
    announce(say('sign-in.done'));
  }, (words) => { tell.textContent = words; }));
  main.replaceChildren(form);
  (text === '' ? token : tell).focus();
  token.focus();
}

function leave(words = '') {
  signOut();
  forgetAll();
  close();
  forget();
  frame();
  showSignIn(words);
}

// ---- which view ----

function frame() {
  const inside = signedIn();
  byId('menu').hidden = !inside;
  byId('sign-out').hidden = !inside;
  byId('shortcuts').hidden = !inside;
  const { name, role } = whose();
  byId('whose').hidden = !inside || name === undefined;
  byId('whose').textContent = name === undefined ? '' : say('whose', name, say(`role.${role}`));
  const at = location.hash.split('/')[1] || 'events';
  for (const link of byId('menu').children) {
    if (link.getAttribute('href') === `#/${at}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

function close() {
  clearTimeout(timer);
  view?.close?.();
  view = null;
}

async function route() {
  const mine = ++turn;
  close();
  forget();
  frame();
  if (!signedIn()) {
    showSignIn();
    return;
  }
  const [, name = 'events', ...rest] = location.hash.split('/').map(decodeURIComponent);
  const which = name === 'events' && rest.length > 0 ? (rest[1] === 'big' ? 'big' : 'event') : name in VIEWS ? name : 'events';
  async function begin() {
    const { open } = await loaded(VIEWS[which]());
    if (mine !== turn) return;
    const opened = await open(main, rest);
    if (mine !== turn) {
      opened.close?.();
      return;
    }
    view = opened;
    document.title = `${main.querySelector('h1')?.textContent ?? ''} · ${say('title')}`;
  }
  await begin().catch((error) => {
    if (!('problem' in error)) throw error;
    if (mine !== turn) return;
    const isLost = error.status === 0;
    main.replaceChildren(make('h1', {}, say(isLost ? 'lost.title' : 'title')),
      drawn(isLost ? 'lost' : 'empty', isLost ? say('lost.head') : sayTrouble(error), isLost ? say('lost.text') : '',
        make('div', { className: 'row' }, button(say('lost.again'), () => refresh(), { className: 'main' }), make('a', { href: '#/events', className: 'button' }, say('events.title')))));
    let isShown = false; // the error was shown; later refreshes retry
    view = {
      refresh: async () => {
        if (!isShown) {
          isShown = true;
          throw error;
        }
        if (!error.problem.isFile) return begin();
        await get('queue', '/admin/whoami');
        return location.reload();
      },
    };
  });
  if (mine === turn) await refresh();
}

// ---- keeping it true ----

let shown = '';
function tell(words) {
  if (words !== shown) notice(words);
  shown = words;
}

// For another view, which must show the same error again.
function forget() {
  shown = '';
  notice('');
}

async function refresh() {
  clearTimeout(timer);
  const mine = turn;
  try {
    const answer = await view?.refresh?.();
    if (mine === turn && answer !== SKIPPED && shown !== '') tell('');
  } catch (error) {
    if (mine !== turn) return;
    if (error.status === 401 && !(await tokenStands())) {
      leave(sayTrouble(error));
      return;
    }
    if (!('problem' in error)) throw error;
    tell(sayTrouble(error));
  } finally {
    if (mine === turn && signedIn()) again();
  }
}

// Refreshing goes on after any failure, since a frozen page looks calm.
function again() {
  if (beats++ % WATCH_EVERY === 0) watch();
  timer = setTimeout(refresh, document.hidden ? REFRESH_HIDDEN_MS : REFRESH_MS);
}

const tokenStands = () => get('queue', '/admin/events').then(() => true, (error) => error.status !== 401);

function count(id, value, words) {
  byId(id).hidden = value === 0;
  byId(id).textContent = value;
  byId(id).title = words;
  byId(id).setAttribute('aria-label', words);
}

async function watch() {
  const states = await allHealth();
  const down = states.filter(({ ready, out = [] }) => !ready || out.length > 0).length;
  count('down', down, say('menu.down', down));
  if (!hasPart('pay')) return;
  const parked = await metrics('pay').then((metric) => metric('fairgate_sagas_parked') ?? 0, () => 0);
  count('parked', parked, say('menu.parked', parked));
}

// ---- the page's own controls ----

openKeys({ refresh, isInside: signedIn });
function showNight() {
  byId('night').setAttribute('aria-pressed', String(isDark()));
}
onScheme(showNight);
showNight();
byId('zone').textContent = `(${zoneName()})`;

byId('sign-out').addEventListener('click', () => leave());
byId('skip').addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});
for (const link of byId('languages').children) {
  link.addEventListener('click', () => { link.hash = location.hash; });
}
addEventListener('hashchange', () => {
  announce('');
  const from = document.activeElement;
  route().then(() => {
    // Keyboard users who moved on while the view was loading keep their place.
    if ([from, document.body].includes(document.activeElement)) main.focus({ preventScroll: true });
  });
});
document.addEventListener('visibilitychange', () => { if (!document.hidden && view !== null) refresh(); });
route();

// keys.js: shortcuts. Each is one key without a modifier, and moves to an element of the page or follows its link. They
// do nothing while the operator types, on the map of the hall (which has its own keys), or while a dialog is open. No
// shortcut changes the sale by itself: a pause takes one key to focus its button, and Enter. They can be turned off,
// since speech input may type unintended letters.

import { announce, byId, kept, make, say } from './kit.js';
import { choose, isDark } from './scheme.js';
import { button } from './ui.js';

const TYPING = 'input:not([type=checkbox]), textarea, select, [contenteditable], [role=application]';

const at = (selector) => [...document.querySelectorAll(selector)].find((one) => one.checkVisibility()) ?? null;
const focus = (selector) => () => {
  const found = at(selector);
  found?.scrollIntoView({ block: 'nearest' });
  found?.focus();
  found?.select?.();
  return found !== null;
};
const press = (selector) => () => {
  const found = at(selector);
  found?.click();
  return found !== null;
};

function toBig() {
  const [, view, id, which] = location.hash.split('/');
  if (view !== 'events' || !id) return false;
  location.hash = `#/events/${id}${which === 'big' ? '' : '/big'}`;
  if (which !== 'big') document.documentElement.requestFullscreen?.().catch(() => {}); // the figures are large without it too
  return true;
}

function leaveBig() {
  return document.documentElement.classList.contains('is-big') && toBig();
}

function night() {
  choose(!isDark());
  return true;
}

const view = (n) => press(`#tabs a:nth-child(${n})`);

// {keys, words, run}: run returns whether it did anything.
const table = ({ refresh }) => [
  { keys: ['e'], words: 'events.title', run: press('#menu a[href="#/events"]') },
  { keys: ['o'], words: 'menu.orders', run: press('#menu a[href="#/orders"]') },
  { keys: ['h'], words: 'menu.parts', run: press('#menu a[href="#/parts"]') },
  { keys: ['1', '2', '3', '4', '5', '6', '7', '8', '9', '0'], words: 'keys.views', run: (key) => view(Number(key) || 10)() },
  { keys: ['r'], words: 'keys.rate', run: focus('#quick-rate') },
  { keys: ['p'], words: 'keys.pause', run: focus('#act-pause, #act-resume, #act-unfreeze') },
  { keys: ['w'], words: 'keys.why', run: focus('#why') },
  { keys: ['u'], words: 'keys.refresh', run: () => { refresh(); announce(say('keys.refreshed')); return true; } },
  { keys: ['b'], words: 'keys.big', run: toBig },
  { keys: ['n'], words: 'keys.night', run: night },
  { keys: ['?'], words: 'keys.help', run: () => { showHelp(); return true; } },
];

// On a layout without Latin letters, the letter on the key: a Korean operator need not switch layouts.
function keyOf({ key, code }) {
  if (/^[a-z0-9?]$/i.test(key)) return key.toLowerCase();
  return /^Key[A-Z]$/.test(code) && key !== 'Escape' ? code.slice(3).toLowerCase() : key;
}

const switchedOff = kept('fg_keys');
let isOn = !switchedOff.get();

let dialog = null;
let all = [];

function turn(on) {
  isOn = on;
  switchedOff.set(on ? null : true);
}

function makeHelp() {
  const rows = all.map(({ keys, words }) => make('div', {}, make('dt', {}, make('kbd', {}, keys.length > 1 ? `${keys[0].toUpperCase()} – ${keys.at(-1)}` : keys[0].toUpperCase())), make('dd', {}, say(words))));
  const escape = make('div', {}, make('dt', {}, make('kbd', {}, 'Esc')), make('dd', {}, say('keys.escape')));
  const on = make('input', { type: 'checkbox', id: 'keys-on', checked: isOn });
  on.addEventListener('change', () => turn(on.checked));
  const made = make('dialog', { id: 'keys', 'aria-labelledby': 'keys-title' }, make('h2', { id: 'keys-title' }, say('keys.title')), make('dl', { className: 'keys' }, ...rows, escape),
    make('p', { className: 'small' }, say('keys.never')), make('p', {}, make('label', {}, on, say('keys.on'))),
    make('div', { className: 'row' }, button(say('keys.close'), () => made.close(), { id: 'keys-close' })));
  document.body.append(made);
  return made;
}

function showHelp() {
  dialog ??= makeHelp();
  dialog.showModal();
  byId('keys-close').focus();
}

export function openKeys(context) {
  all = table(context);
  byId('shortcuts').addEventListener('click', showHelp);
  byId('night').addEventListener('click', night);
  addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.isComposing || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.(TYPING) || document.querySelector('dialog[open]')) return;
    if (event.key === 'Escape' && leaveBig()) return;
    const key = keyOf(event);
    if (!context.isInside() || (!isOn && key !== '?')) return;
    const found = all.find(({ keys }) => keys.includes(key));
    if (found?.run(key)) event.preventDefault();
  });
}

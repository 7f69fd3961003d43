// console-audit.js: who did what, when, from what to what, and why; newest first.

import { get } from './console-api.js';
import { make, say } from './kit.js';
import { button, show, timeAt, told, wordsOr } from './console-ui.js';

const PAGE = 50;
const LONG = 90;
const EVERY = 3; // refreshes

// A change of knobs reads as the knobs do; what stays too long for that is folded away as it came.
function inWords(value) {
  if (value === null) return '–';
  if (typeof value === 'string') return wordsOr(`state.${value}`, value);
  if (typeof value !== 'object' || Array.isArray(value)) return told(value);
  const one = ([name, to]) => (name === 'version' ? say('event.version', to) : name === 'state' ? wordsOr(`state.${to}`, to) : `${wordsOr(`knob.${name}`, name)}: ${told(to)}`);
  return Object.entries(value).map(one).join(' · ');
}

function side(label, value) {
  const text = inWords(value);
  if (text.length <= LONG) return make('div', {}, make('dt', {}, label), make('dd', {}, text));
  return make('div', {}, make('dt', {}, label), make('dd', {}, make('details', {}, make('summary', {}, say('audit.document')), make('code', {}, JSON.stringify(value)))));
}

function entry({ at, version, who, what, from, to, why }) {
  return make('li', { className: 'card' },
    make('p', {}, timeAt(at), ' ', make('strong', {}, wordsOr(`act.${what}`, what)), ` ${who}`, make('span', { className: 'small' }, ` · ${say('event.version', version)}`)),
    make('dl', { className: 'sides' }, side(say('audit.from'), from), side(say('audit.to'), to)),
    ...(why ? [make('p', {}, `${say('audit.why')} ${why}`)] : []));
}

export async function open(body, event) {
  const list = make('ol', { id: 'audit', className: 'trail' });
  let limit = PAGE;
  let turns = 0;
  const more = button(say('more'), async () => {
    limit = Math.min(1000, limit * 4);
    await read();
  });
  async function read() {
    const { audit } = await get('queue', `/admin/events/${event.id}/audit?limit=${limit}`);
    more.hidden = audit.length < limit || limit === 1000;
    show(list, ...audit.map(entry));
  }
  body.replaceChildren(make('h2', {}, say('view.audit')), list, more);
  await read();
  const again = () => read();
  event.listeners.add(again);
  return {
    async refresh() {
      if (++turns % EVERY === 0) await read();
    },
    close: () => event.listeners.delete(again),
  };
}

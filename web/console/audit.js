// audit.js: who did what, when, from what to what, and why; newest first.

import { get } from './api.js';
import { lookUp } from './appeal.js';
import { make, say } from './kit.js';
import { becauseOf, changeList, inWords, tooLong, whoOf } from './change.js';
import { button, show, timeAt, wordsOr } from './ui.js';

const PAGE = 50;
const MANY = 8; // changes; more are folded away
const EVERY = 3; // refreshes

function changed(sides) {
  if (tooLong(sides)) return make('p', {}, say('audit.too-long'));
  const all = inWords(sides.from, sides.to);
  return all.length > MANY ? make('details', {}, make('summary', {}, say('audit.changes', all.length)), changeList(all)) : changeList(all);
}

function entry({ at, version, who, what, why, because, ...sides }) {
  const reason = becauseOf({ because, why });
  return make('li', { className: 'card' },
    make('p', {}, timeAt(at), ' ', make('strong', {}, wordsOr(`act.${what}`, what)), ` ${whoOf({ who, because })}`, make('span', { className: 'small' }, ` · ${say('event.version', version)}`)),
    changed(sides),
    ...(reason ? [make('p', {}, `${say('audit.why')} ${reason}`)] : []));
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
  body.replaceChildren(lookUp(event), make('h2', {}, say('view.audit')), list, more);
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

// event.js: one event: its name, its state, what may be done with it, and its views below.

import { call, get } from './api.js';
import { announce, make, say } from './kit.js';
import { inWords, tooLong, whoOf } from './change.js';
import { archive, remove } from './end.js';
import { badge, button, clockOff, codesMissing, confirmed, moment, show, visitsHalted, wordsOr } from './ui.js';

const VIEWS = {
  live: () => import('./live.js'),
  knobs: () => import('./knobs.js'),
  lanes: () => import('./lanes.js'),
  codes: () => import('./codes.js'),
  prices: () => import('./prices.js'),
  message: () => import('./message.js'),
  draw: () => import('./draw.js'),
  seats: () => import('./seats.js'),
  doors: () => import('./doors.js'),
  audit: () => import('./audit.js'),
};

// What may be done from where; the service has the last word.
const ACTIONS = {
  draft: ['schedule', 'open', 'close', 'delete'],
  scheduled: ['open', 'close'],
  'pre-queue': ['open', 'close'], // the draw has a view of its own
  open: ['pause', 'freeze', 'sold-out', 'close'],
  paused: ['resume', 'freeze', 'sold-out', 'close'],
  frozen: ['unfreeze', 'sold-out', 'close'],
  'sold-out': ['open', 'close'],
  closed: ['archive', 'delete'],
};
// These are asked about first. A closing has no way back: its event is typed out.
const DANGEROUS = ['freeze', 'sold-out', 'close', 'delete'];

export async function open(main, [id, which = 'live']) {
  const event = { id, doc: null, etag: '', live: null, listeners: new Set() };
  const head = make('div', { id: 'event-head' });
  const actions = make('div', { id: 'actions', className: 'row' });
  const why = make('input', { id: 'why', maxLength: 400, autocomplete: 'off' });
  const tabs = make('nav', { id: 'tabs' });
  tabs.setAttribute('aria-label', say('event.views'));
  const body = make('div', { id: 'view' });
  const name = which in VIEWS ? which : 'live';

  event.why = () => why.value.trim();
  event.said = (words) => {
    why.value = '';
    announce(words);
  };
  // Reads the document again, and says so to whoever shows it.
  event.read = async () => {
    const { json, etag } = await call('queue', 'GET', `/admin/events/${id}`);
    event.doc = json;
    event.etag = etag;
    showHead();
    for (const listener of event.listeners) listener();
  };
  event.act = async (action, body = {}) => {
    const reason = event.why();
    await call('queue', 'POST', `/admin/events/${id}/actions/${action}`, { body: reason === '' ? body : { ...body, why: reason } });
    await event.read();
    event.said(say('act.done', wordsOr(`act.${action}`, action)));
  };

  async function end(action) {
    const { name, state } = event.doc;
    if (action === 'archive') {
      await archive(id, event.etag, event.why(), (parts) => announce(say('act.archive.parts', parts)));
      await event.read();
      event.said(say('act.done', say('act.archive')));
    } else if (await remove({ id, name, state, etag: event.etag, why: event.why() })) {
      location.hash = '#/events';
      announce(say('act.done', say('act.delete')));
    }
  }

  async function press(action) {
    if (action === 'archive' || action === 'delete') {
      await end(action);
      return;
    }
    if (DANGEROUS.includes(action)) {
      const sure = await confirmed({
        title: say('act.sure', wordsOr(`act.${action}`, action), event.doc.name),
        text: wordsOr(`act.${action}.means`, ''),
        yes: wordsOr(`act.${action}`, action),
        word: action === 'close' ? id : undefined,
      });
      if (!sure) return;
    }
    await event.act(action);
  }

  // The last act, told before it is taken back, with what will be then. The autopilot's moves are no acts.
  async function undo() {
    const { audit } = await get('queue', `/admin/events/${id}/audit?limit=100`);
    const last = audit.find(({ who }) => who !== 'autopilot');
    const back = last === undefined || last.from === null || tooLong(last) ? [] : inWords(last.to, last.from);
    const lines = last === undefined ? [] : [say('undo.last', wordsOr(`act.${last.what}`, last.what), whoOf(last), moment(last.at)), ...back.map(([name, words]) => `${name}: ${words}`)];
    if (!(await confirmed({ title: say('undo.title'), text: say('undo.text'), lines, yes: say('undo.button') }))) return;
    await event.act('undo');
  }

  function showHead() {
    const { doc } = event;
    const stale = event.live?.stale ? ` ${say('live.stale')}` : '';
    const off = clockOff(event.live);
    show(head, make('p', {}, make('a', { href: '#/events' }, say('event.all'))), make('h1', {}, doc.name),
      make('p', { id: 'event-state' }, badge(doc.state), ` ${id} · ${say('event.version', doc.version)}`, make('span', { className: 'wrong' }, stale)),
      ...(off ? [make('p', { id: 'event-clock', className: 'wrong' }, off)] : []),
      ...(codesMissing(event.live) ? [make('p', { id: 'event-codes', className: 'wrong' }, codesMissing(event.live))] : []),
      ...(visitsHalted(event.live) ? [make('p', { id: 'event-visits', className: 'wrong' }, visitsHalted(event.live))] : []));
    const wanted = `${doc.state} ${doc.version}`;
    if (actions.dataset.of === wanted) return;
    const had = actions.contains(document.activeElement) ? document.activeElement.id : '';
    actions.dataset.of = wanted;
    actions.replaceChildren(...(ACTIONS[doc.state] ?? []).map((action) =>
      button(wordsOr(`act.${action}`, action), () => press(action), { id: `act-${action}`, className: DANGEROUS.includes(action) ? 'danger' : '' })),
    button(say('undo.button'), undo, { id: 'act-undo' }));
    if (had !== '') (document.getElementById(had) ?? actions.firstElementChild).focus();
  }

  tabs.append(...Object.keys(VIEWS).map((key) => {
    const link = make('a', { href: `#/events/${id}/${key}` }, say(`view.${key}`));
    if (key === name) link.setAttribute('aria-current', 'page');
    return link;
  }));
  await event.read();
  const controls = make('section', { className: 'controls' }, actions, make('label', { className: 'field' }, say('event.why'), why));
  controls.setAttribute('aria-label', say('event.controls'));
  main.replaceChildren(head, controls, tabs, body);
  tabs.querySelector('[aria-current]').scrollIntoView({ block: 'nearest', inline: 'center' });
  window.scrollTo(0, 0);
  const view = await (await VIEWS[name]()).open(body, event);

  return {
    async refresh() {
      const { events: [mine] } = await get('queue', `/admin/events?id=${id}`);
      if (mine === undefined) {
        await event.read(); // it ended long ago and is called up again; or it is gone
        return;
      }
      event.live = mine.live;
      if (mine.version !== event.doc.version || mine.state !== event.doc.state) await event.read();
      showHead();
      await view.refresh?.();
    },
    close: () => view.close?.(),
  };
}

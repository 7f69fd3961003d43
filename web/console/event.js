// event.js: one event: the bar with its state and the operator's acts, the menu of its views, the verdict, and the
// current view.

import { call, loaded, publicUrl, withReason } from './api.js';
import { make, say } from './kit.js';
import { openActs } from './acts.js';
import { byVerdict, moment, show, zoneName } from './ui.js';
import { watchOf } from './watch.js';

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
  runbook: () => import('./runbook.js'),
  setup: () => import('./setup.js'),
};

export async function open(main, [id, which = 'live', part]) {
  const watch = watchOf(id);
  const event = {
    id, watch, listeners: new Set(),
    get doc() { return watch.doc; },
    get etag() { return watch.etag; },
    get live() { return watch.live; },
  };
  const line = make('div', { id: 'verdict', className: 'verdict rest', role: 'status' });
  const page = publicUrl(`/e/${id}`);
  const asOf = make('p', { id: 'as-of', className: 'small' });
  const tabs = make('nav', { id: 'tabs', 'aria-label': say('event.views') });
  const body = make('div', { id: 'view' });
  const name = which in VIEWS ? which : 'live';
  const acts = openActs(event);

  // Reads the document again, and notifies every view that shows it.
  event.read = async () => {
    await watch.readDoc();
    changed();
  };
  // Applies a merge patch to the version that the operator saw, and reads the document again. Returns the etag of the
  // version that the patch made.
  event.save = async (patch, reason = event.why()) => {
    const { etag } = await call('queue', 'PATCH', `/admin/events/${id}`, { body: patch, headers: { 'If-Match': event.etag, ...withReason(reason) } });
    await event.read();
    return etag;
  };
  // Calls `work` at every version after this one. Returns the function that ends it.
  event.onVersion = (work) => {
    let seen = event.doc.version;
    const listener = () => {
      if (event.doc.version === seen) return;
      seen = event.doc.version;
      work();
    };
    event.listeners.add(listener);
    return () => event.listeners.delete(listener);
  };
  function changed() {
    acts.show();
    for (const listener of event.listeners) listener();
  }

  function showVerdict() {
    if (event.live === null) { // it ended long ago, and no front counts it now
      if (event.doc.state === 'closed') show(line, ...byVerdict({ level: 'rest', key: 'closed', values: [] }));
      line.className = 'verdict rest';
      return;
    }
    event.judged = watch.judged();
    const { verdict, found } = event.judged;
    line.className = `verdict ${verdict.level}`;
    const toSetup = event.doc.state === 'draft' && name !== 'setup' ? [' ', make('a', { href: `#/events/${id}/setup` }, say('view.setup'))] : [];
    const more = name === 'live' || found.length < 2 ? [] : [' ', make('a', { href: `#/events/${id}` }, say('verdict.more', found.length - 1))];
    show(line, ...byVerdict(verdict, ...toSetup, ...more));
  }

  function showTime() {
    const late = Date.now() - watch.readAt > 10_000;
    show(asOf, make('span', { className: late ? 'wrong' : '' }, say('verdict.as-of', moment(new Date(watch.readAt)))), ` · ${zoneName()} · ${id} · ${say('event.version', event.doc.version)} · `,
      make('a', { id: 'to-big', href: `#/events/${id}/big`, 'aria-keyshortcuts': 'B' }, say('big.open')), ...(page === null ? [] : [' · ', make('a', { id: 'to-page', href: page }, say('event.page'))]));
  }

  tabs.append(...Object.keys(VIEWS).map((key, n) => {
    const link = make('a', { href: `#/events/${id}/${key}`, ...(n < 10 ? { 'aria-keyshortcuts': String((n + 1) % 10) } : {}) }, say(`view.${key}`));
    if (key === name) link.setAttribute('aria-current', 'page');
    return link;
  }));
  await watch.readDoc();
  changed();
  showTime();
  main.replaceChildren(acts.bar, tabs, make('section', { className: 'verdict-at' }, line, make('div', { className: 'below' }, asOf, acts.reason)), body, acts.fold);
  tabs.querySelector('[aria-current]').scrollIntoView({ block: 'nearest', inline: 'center' });
  window.scrollTo(0, 0);
  const view = await (await loaded(VIEWS[name]())).open(body, event, part);

  return {
    // The verdict is shown even if reading failed: missing data must not look calm.
    async refresh() {
      try {
        if (await watch.read()) changed();
      } finally {
        showVerdict();
        showTime();
        if (event.judged) view.judged?.();
      }
      await view.refresh?.();
    },
    close: () => view.close?.(),
  };
}

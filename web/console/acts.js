// acts.js: what an operator can do with the line, in two places. The bar is visible in every view: the state, the rate,
// a pause, the emergency stop (with confirmation), and an undo that shows what it reverts. Acts that end a sale are
// folded at the foot of the page, each with its meaning. Closing and deleting need a reason.

import { call, roleAt } from './api.js';
import { announce, byId, make, say } from './kit.js';
import { inWords, tooLong, whoOf } from './change.js';
import { danger } from './danger.js';
import { binding, missing } from './checklist.js';
import { archive, remove } from './end.js';
import { badge, blame, button, checkWords, confirmed, hour, moment, number, rateFault, saving, show, taken, wordsOr } from './ui.js';
import { readChecklist } from './watch.js';

// The acts offered in each state; the service decides.
const DAILY = {
  draft: ['schedule', 'open'],
  scheduled: ['open'],
  'pre-queue': ['open'], // the draw has its own view
  open: ['pause'],
  paused: ['resume'],
  frozen: ['unfreeze'],
  'sold-out': ['open'],
  closed: ['archive'],
};
const BRAKE = { open: ['freeze'], paused: ['freeze'] };
const ENDINGS = {
  draft: ['close', 'delete'],
  scheduled: ['close'],
  'pre-queue': ['close'],
  open: ['sold-out', 'close'],
  paused: ['sold-out', 'close'],
  frozen: ['sold-out', 'close'],
  'sold-out': ['close'],
  closed: ['delete'],
};
// These need confirmation. Closing cannot be undone: the operator types the event's id and a reason.
const ASKED = ['open', 'freeze', 'sold-out', 'close'];
const RATED = ['draft', 'scheduled', 'pre-queue', 'open', 'paused', 'frozen', 'sold-out'];

export function openActs(event) {
  const { id } = event;
  const title = make('div', { id: 'event-state' });
  const daily = make('div', { id: 'actions' });
  const target = make('small', { id: 'undo-target' });
  const ends = make('div', { className: 'endings' });
  const why = make('input', { id: 'why', maxLength: 400, autocomplete: 'off' });
  const rate = make('input', { id: 'quick-rate', type: 'number', step: 'any', min: 0, max: 100000, inputMode: 'decimal', required: true, 'aria-keyshortcuts': 'R', 'aria-describedby': 'wrong-quick-rate' });
  const wrong = make('span', { id: 'wrong-quick-rate', className: 'wrong', role: 'alert' });
  let filled = null; // the rate that was filled in; a typed one stays

  let emptyWhy = taken(why);
  event.why = () => {
    emptyWhy = taken(why);
    return why.value.trim();
  };
  event.said = (words) => {
    emptyWhy();
    announce(words);
  };
  const send = (action, body, reason, headers) => call('queue', 'POST', `/admin/events/${id}/actions/${action}`, { body: reason === '' ? body : { ...body, why: reason }, headers });

  // A sale without its hall or payment begins only after the operator has typed the event's id and a reason.
  async function anyway(action, { missing }, reason) {
    return confirmed({
      title: say('act.sure', wordsOr(`act.${action}`, action), event.doc.name), text: missing.map((part) => say(`act.missing.${part}`)).join(' '), lines: touched(),
      yes: wordsOr(`act.${action}.yes`, wordsOr(`act.${action}`, action)), word: id, why: { text: reason, needed: true },
    });
  }

  event.act = async (action, body = {}, reason = event.why(), headers = {}) => {
    try {
      await send(action, body, reason, headers);
    } catch (error) {
      if (error.code !== 'sale-incomplete') throw error;
      const sure = await anyway(action, error.problem, reason);
      if (!sure) return;
      await send(action, { ...body, without: error.problem.missing }, sure.why, headers);
    }
    await event.read();
    event.said(say('act.done', wordsOr(`act.${action}`, action)));
  };

  // Undoes the version that the operator saw, and no newer one.
  const undoOf = (etag) => event.act('undo', {}, event.why(), { 'If-Match': etag });

  // Announces that a change was applied. Shows it at a place, with a button to undo it, until there is another version.
  // `etag`: the version that the change made.
  event.applied = (at, etag, words, attributes, undone = () => {}) => {
    event.said(words);
    const back = button(say('act.undo'), async () => {
      await undoOf(etag);
      at.replaceChildren(say('knobs.undone'));
      undone();
    }, attributes);
    at.replaceChildren(words, ' ', back);
    const onVersion = () => {
      if (event.etag === etag) return;
      event.listeners.delete(onVersion);
      if (at.contains(back)) at.replaceChildren();
    };
    event.listeners.add(onVersion);
    onVersion();
  };

  // ---- the rate ----

  const form = make('form', { id: 'quick', noValidate: true }, make('label', {}, make('span', { className: 'unseen' }, say('knob.rate_per_s')), rate, make('small', {}, say('unit.people/s'))), make('button', { id: 'quick-set' }, say('quick.set')), wrong);
  form.addEventListener('submit', saving(async () => {
    if (!blame(rate, rateFault(rate))) {
      rate.focus();
      return;
    }
    const value = Number(rate.value);
    const from = event.doc.rate_per_s;
    const asks = danger('rate_per_s', from, value);
    let reason = event.why();
    if (asks !== '') {
      const lines = inWords({ rate_per_s: from }, { rate_per_s: value }).map(([knob, words]) => `${knob}: ${words}`);
      const sure = await confirmed({ title: say('knobs.sure'), text: asks, lines, yes: say('knobs.apply'), why: { text: reason } });
      if (!sure) return;
      reason = sure.why;
    }
    await event.save({ rate_per_s: value }, reason);
    filled = value;
    event.said(say('knobs.applied', event.doc.version));
  }));

  // ---- acts ----

  // How many people are affected now.
  function touched() {
    const { live } = event;
    return live === null ? [] : [say('act.touches', number(live.waiting), number(live.active))];
  }

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
    if (!ASKED.includes(action)) {
      await event.act(action);
      return;
    }
    const items = action === 'open' ? await readChecklist(event) : [];
    const sure = await confirmed({
      title: say('act.sure', wordsOr(`act.${action}`, action), event.doc.name),
      text: wordsOr(`act.${action}.means`, ''),
      lines: [...touched(), ...[...missing(items), ...binding(items)].map(checkWords)],
      yes: wordsOr(`act.${action}.yes`, wordsOr(`act.${action}`, action)),
      word: action === 'close' ? id : undefined,
      why: { text: event.why(), needed: action === 'close' },
    });
    if (sure) await event.act(action, {}, sure.why);
  }

  // What an act changed between two of its sides, as "Rate: 90 → 120".
  const changes = (act, from, to) => (act.from === null || tooLong(act) ? [] : inWords(act[from], act[to]).map(([name, words]) => `${name}: ${words}`));

  // The act that made this version: codes, for example, are loaded without a new one.
  const newest = () => event.watch.acts.findLast(({ version }) => version === event.doc.version);

  function showTarget() {
    const last = newest();
    if (last === undefined) show(target);
    else show(target, make('b', {}, changes(last, 'from', 'to')[0] ?? wordsOr(`act.${last.what}`, last.what)), make('span', {}, `${whoOf(last)}, ${hour(last.at)}`));
  }

  // Shows the last act and what undoing it changes, then undoes it.
  async function undo() {
    await event.read();
    await event.watch.readActs();
    const { etag } = event;
    const last = newest();
    const lines = last === undefined ? [] : [say('undo.last', wordsOr(`act.${last.what}`, last.what), whoOf(last), moment(last.at)), ...changes(last, 'to', 'from')];
    if (!(await confirmed({ title: say('undo.title'), text: say('undo.text'), lines, yes: say('act.undo') }))) return;
    await undoOf(etag);
  }

  const control = (action, className = '') => {
    const made = button(wordsOr(`act.${action}`, action), () => press(action), { id: `act-${action}`, className });
    if (['pause', 'resume', 'unfreeze'].includes(action)) made.setAttribute('aria-keyshortcuts', 'P');
    return made;
  };

  // An act that ends the sale, with its meaning.
  const ending = (action) => make('div', { className: 'ending' }, control(action, 'danger'), make('p', { className: 'small' }, wordsOr(`act.${action}.means`, '')));

  const fold = make('details', { id: 'endings', className: 'card' }, make('summary', {}, say('endings.title')), make('p', { className: 'small' }, say('endings.help')), ends);
  const mayAct = ['operator', 'admin'].includes(roleAt(id));
  fold.hidden = !mayAct;
  const bar = make('section', { id: 'controls', 'aria-label': say('event.controls') }, title, ...(mayAct ? [form, daily] : [make('p', {}, say(['desk', 'finance'].includes(roleAt(id)) ? 'role.not-line' : 'role.only-looks'))]));
  const reason = make('label', { id: 'reason', hidden: !mayAct }, say('event.why'), why);
  const back = make('div', { id: 'undo' }, button(say('act.undo'), undo, { id: 'act-undo' }), target);

  return {
    bar,
    reason,
    fold,
    show() {
      const { name, state, version, rate_per_s: now } = event.doc;
      if (filled !== now && (filled === null || [filled, now].includes(Number(rate.value))) && document.activeElement !== rate) {
        rate.value = now;
        filled = now;
      }
      show(title, make('h1', {}, name), badge(state));
      showTarget();
      const wanted = `${state} ${version}`;
      if (daily.dataset.of === wanted) return;
      const had = bar.contains(document.activeElement) ? document.activeElement.id : '';
      daily.dataset.of = wanted;
      form.hidden = !RATED.includes(state);
      daily.replaceChildren(...(DAILY[state] ?? []).map((action) => control(action)), ...(BRAKE[state] ?? []).map((action) => control(action, 'danger')), back);
      ends.replaceChildren(...(ENDINGS[state] ?? []).map(ending));
      if (had !== '') (byId(had) ?? daily.querySelector('button')).focus();
    },
  };
}

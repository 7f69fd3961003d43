// doors.js: an event's doors: scanners, who is inside but should not be, mistaken check-ins. Also messages and mails that
// nobody accepted, another date, and a cancellation (cancel.js). The reason at the top is
// recorded with every act but a retry; another date and a cancellation ask for it.

import { call, get, hasPart, roleAt } from './api.js';
import { cancelling } from './cancel.js';
import { announce, byId, locale, make, Refused, say } from './kit.js';
import { fromPlace } from './place.js';
import { readHall, saveShow, zoneOf } from './setup.js';
import { confirmed, fact, guarded, moment, number, saving, sayTrouble, show, taken, timeAt, wordsOr } from './ui.js';

const EVERY = 3; // refreshes
const HOUR_S = 3600;

const field = (words, input) => make('label', { className: 'field' }, words, input);
const text = (id, properties = {}) => make('input', { id, autocomplete: 'off', required: true, ...properties });

function section(id, title, help, ...children) {
  return make('section', { id, className: 'card stack' }, make('h2', {}, say(title)), ...(help ? [make('p', { className: 'small' }, say(help))] : []), ...children);
}

function formOf(id, work, ...children) {
  const form = make('form', { id, className: 'stack' }, ...children);
  form.addEventListener('submit', saving(work));
  return form;
}

// ---- at the doors ----

function inside() {
  const sums = make('dl', { id: 'door-sums', className: 'facts' });
  const conflicts = make('ul', { id: 'conflicts', className: 'trail' });
  const none = make('p', {}, say('none'));
  const at = section('doors', 'doors.title', null, sums, make('h3', {}, say('doors.conflicts')), make('p', { className: 'small' }, say('doors.conflicts-help')), none, conflicts);
  return {
    at,
    show(doors) {
      show(sums, fact(say('doors.entered'), number(doors.entered)), fact(say('doors.inside'), number(doors.inside)));
      none.hidden = doors.conflicts.length > 0;
      show(conflicts, ...doors.conflicts.map(({ seat, order, gate, scanned_at: scanned, reason }) => make('li', { className: 'card' },
        make('p', {}, make('strong', {}, wordsOr(`doors.why.${reason}`, reason)), ' ', timeAt(scanned)),
        make('p', { className: 'small' }, `${say('doors.conflict', seat, gate)} · ${say('orders.order')} ${order}`))));
    },
  };
}

function slip({ id, reasonFor, event }) {
  const token = text('undo-token', { maxLength: 1024 });
  const gate = text('undo-gate', { maxLength: 63 });
  return section('undo-in', 'undo-in.title', 'undo-in.help', formOf('undo-form', async () => {
    const body = { event: id, gate: gate.value.trim(), token: token.value.trim(), reason: reasonFor() };
    const emptyToken = taken(token);
    await call('pay', 'POST', '/admin/checkin/undo', { body });
    emptyToken();
    event.said(say('undo-in.done'));
  }, field(say('undo-in.token'), token), field(say('scanners.gate'), gate), make('button', {}, say('undo-in.button'))));
}

// ---- scanners ----

function scannerRow({ scanner, gate, expires_at: until, revoked_at: revoked, good }) {
  const state = revoked ? [say('scanners.revoked'), timeAt(revoked)] : [say(good ? 'scanners.good' : 'scanners.over'), timeAt(until)];
  return make('li', { className: 'card row' },
    make('p', {}, make('strong', {}, say('scanners.at', gate)), ` ${state[0]} `, state[1]),
    ...(good ? [make('button', { type: 'button', className: 'danger', value: scanner, name: gate }, say('scanners.revoke'))] : []));
}

function scanners({ path, reasonFor, event, read }) {
  const list = make('ul', { id: 'scanner-list', className: 'trail' });
  const none = make('p', {}, say('none'));
  const gate = text('scanner-gate', { maxLength: 63 });
  const hours = text('scanner-hours', { type: 'number', min: 1, max: 720, value: 24 });
  const note = make('div', { id: 'scanner-told', className: 'told', hidden: true });

  async function revoke({ value, name }) {
    const reason = reasonFor();
    if (!(await confirmed({ title: say('scanners.revoke-sure', name), text: say('scanners.revoke-means'), yes: say('scanners.revoke') }))) return;
    await call('pay', 'POST', `${path}/scanners/${value}/revoke`, { body: { reason } });
    await read();
    event.said(say('scanners.revoke-done', name));
  }
  list.addEventListener('click', ({ target }) => {
    if (target.nodeName === 'BUTTON') guarded(() => revoke(target))();
  });

  const form = formOf('scanner-form', async () => {
    const body = { gate: gate.value.trim(), expires_in_s: hours.valueAsNumber * HOUR_S, reason: reasonFor() };
    const emptyGate = taken(gate);
    const { json } = await call('pay', 'POST', `${path}/scanners`, { body });
    note.hidden = false;
    note.replaceChildren(make('p', {}, say('scanners.token', json.gate, moment(json.expires_at))), make('code', { id: 'scanner-token' }, json.token), make('p', { className: 'small' }, say('scanners.once')));
    emptyGate();
    await read();
    event.said(say('scanners.issued', json.gate));
  }, make('div', { className: 'row end' }, field(say('scanners.gate'), gate), field(say('scanners.hours'), hours), make('button', {}, say('scanners.issue'))));
  return {
    at: section('scanners', 'scanners.title', 'scanners.help', form, note, none, list),
    show(all) {
      none.hidden = all.length > 0;
      show(list, ...all.map(scannerRow));
    },
  };
}

// ---- another date ----

function postponing({ path, event }, zone) {
  const there = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short', timeZone: zone });
  const momentThere = (iso) => `${there.format(new Date(iso))} (${zone})`;
  const input = (id, required = true) => make('input', { id, type: 'datetime-local', required });
  const now = make('p', { id: 'postpone-now', hidden: true });
  const mayCorrect = ['operator', 'admin'].includes(roleAt(event.id));
  const [starts, doors, until] = [input('postpone-starts'), input('postpone-doors', false), input('postpone-until')];
  function showNow({ at, starts_at: to, refund_until: back, reason, mails_waiting: mails }) {
    now.hidden = at === null;
    if (at !== null) show(now, make('strong', {}, say('postpone.to', momentThere(to))), ` ${say('postpone.back', momentThere(back))} · ${say('postpone.mails', number(mails))} · ${reason} · `, timeAt(at));
  }

  const form = formOf('postpone-form', async () => {
    const body = { starts_at: fromPlace(starts.value, zone), refund_until: fromPlace(until.value, zone), ...(doors.value === '' ? {} : { doors_at: fromPlace(doors.value, zone) }) };
    const open = body.doors_at === undefined ? say('postpone.no-doors') : say('postpone.open', momentThere(body.doors_at));
    const lines = [say('postpone.to', momentThere(body.starts_at)), open, say('postpone.back', momentThere(body.refund_until)), ...(mayCorrect ? [say('postpone.hall')] : [])];
    const sure = await confirmed({ title: say('postpone.sure', event.doc.name), text: say('postpone.means'), lines, yes: say('postpone.button'), why: { text: event.why(), needed: true } });
    if (!sure) return;
    if ((await get('pay', `${path}/cancellation`)).at !== null) throw new Refused(409, { code: 'event-cancelled' });
    // The hall comes first, but only where nothing else is in the way: new orders show its dates, waiting pages the line's.
    const put = () => call('pay', 'PUT', `${path}/postponement`, { body: { ...body, reason: sure.why } });
    const early = await put().catch((error) => {
      if (error.code !== 'hall-has-another-date') throw error;
      return null;
    });
    if (mayCorrect) {
      await saveShow(event, await readHall(event.id), { starts_at: body.starts_at, doors_at: body.doors_at ?? null, time_zone: zone }, { why: sure.why });
    }
    showNow((early ?? await put()).json);
    event.said(say('postpone.done'));
  }, field(say('postpone.starts', zone), starts), field(say('postpone.doors', zone), doors), field(say('postpone.until', zone), until),
  make('div', { className: 'ending' }, make('button', { className: 'danger' }, say('postpone.button')), make('p', { className: 'small', hidden: !mayCorrect }, say('postpone.hall'))));
  return { at: section('postpone', 'postpone.title', 'postpone.help', now, form), read: async () => showNow(await get('pay', `${path}/postponement`)) };
}

// ---- messages that were given up ----

// Of all events: a role for some events may not read them.
const messagesOrNull = (box) => get('pay', `/admin/${box}`).catch((error) => {
  if (error.status === 403) return null;
  throw error;
});

// `one`: 'letter' to the shop, or 'mail'. Mails show only if there are any.
function givenUp(one, title, help, read) {
  const box = `${one}s`;
  const list = make('ul', { id: box, className: 'trail' });
  const none = make('p', {}, say('none'));
  const again = (value, words) => make('button', { type: 'button', value }, words);
  list.addEventListener('click', ({ target }) => {
    if (target.nodeName !== 'BUTTON') return;
    guarded(async () => {
      const { json } = await call('pay', 'POST', `/admin/${box}/${target.value}/retry`, { body: {} });
      await read();
      announce(json.order ? say('letters.retried', json.order) : say('mails.retried', number(json.mails.length)));
    })();
  });
  const at = section(`parked-${box}`, title, help, none, list);
  return {
    at,
    show(answer) {
      const all = answer?.[box] ?? [];
      const isMail = one === 'mail';
      at.hidden = answer === null || (isMail && all.length === 0);
      none.hidden = all.length > 0;
      show(list, ...(isMail && all.length > 1 ? [make('li', { className: 'row' }, again('all', say('mails.all')))] : []),
        ...all.map(({ [one]: id, order, kind, tries, error, made_at: since }) => make('li', { className: 'card row' },
          make('p', {}, make('strong', {}, `${say('orders.order')} ${order}`), ` ${wordsOr(`letters.kind.${kind}`, wordsOr(`desk.kind.${kind}`, kind))} `, timeAt(since), make('span', { className: 'small' }, ` · ${say('orders.tries', tries)} · ${error}`)),
          again(id, say('letters.retry')))));
    },
  };
}

export async function open(body, event) {
  if (!hasPart('pay')) {
    body.replaceChildren(make('p', {}, say('orders.no-part')));
    return {};
  }
  const here = {
    event,
    id: event.id,
    path: `/admin/events/${event.id}`,
    reasonFor() {
      const reason = event.why();
      if (reason !== '') return reason;
      byId('why').focus();
      throw new Refused(400, { code: 'why-needed' });
    },
    read: () => read(),
  };
  const [doors, scanning, parked, unsent] = [inside(), scanners(here), givenUp('letter', 'letters.title', 'letters.help', () => read()), givenUp('mail', 'mails.title', 'mails.help', () => read())];
  const hall = !event.doc.time_zone && hasPart('seats') ? await get('seats', here.path).catch(() => null) : null;
  const [later, off] = [postponing(here, zoneOf(event, hall)), cancelling(here)];
  async function read() {
    const [now, { scanners: all }, letters, mails] = await Promise.all([get('pay', `${here.path}/doors`), get('pay', `${here.path}/scanners`), messagesOrNull('letters'), messagesOrNull('mails'), later.read(), off.read()]);
    doors.show(now);
    scanning.show(all);
    parked.show(letters);
    unsent.show(mails);
  }
  try {
    await read();
  } catch (error) {
    if (!('problem' in error)) throw error;
    body.replaceChildren(make('p', { id: 'doors-trouble', className: 'wrong' }, `${say('part.pay')}: ${sayTrouble(error)}`));
    return {};
  }
  body.replaceChildren(make('div', { className: 'cards' }, doors.at, scanning.at, slip(here), parked.at, unsent.at, later.at, off.at));
  let turns = 0;
  return {
    async refresh() {
      if (++turns % EVERY === 0) await read();
    },
  };
}

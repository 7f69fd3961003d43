// lanes.js: the lanes of an event in addition to the general one: how many wait in each, its share of the calls, and
// its invitation codes. The set of lanes is fixed once visitors can join; names, shares and invitations can still
// change.

import { get } from './api.js';
import { byId, make, say } from './kit.js';
import { blame, button, fieldOf, guarded, number, saving, scrollBox, show, tableOf } from './ui.js';

const LANES_MAX = 4;
const CODES_MAX = 1000; // per request
const ID = /^[a-z0-9-]{1,24}$/;
const OPEN = ['draft', 'scheduled']; // lanes can still be made

export async function open(body, event) {
  const table = scrollBox(say('view.lanes'), { id: 'lanes-now' });
  const list = make('ol', { id: 'lanes' });
  const rest = make('p', { id: 'lanes-rest', role: 'status' });
  const applied = make('p', { id: 'applied', role: 'status' });
  const fixed = make('p', { className: 'small', id: 'lanes-fixed' }, say('lanes.fixed'));
  let lanes = [];
  let was = ''; // the document's lanes as filled in

  const left = () => 100 - lanes.reduce((sum, { share }) => sum + share, 0);
  const changed = () => JSON.stringify(lanes) !== was;
  const free = () => OPEN.includes(event.doc.state);

  // ---- fields ----

  function field(n, name, properties) {
    const input = make('input', { id: `lane-${name}-${n}`, autocomplete: 'off', value: lanes[n][name] ?? '', ...properties });
    input.addEventListener('input', () => {
      lanes[n][name] = input.type === 'number' ? Number(input.value) : input.value.trim();
      judge();
    });
    return fieldOf(input, say(`lanes.${name}`));
  }

  // Included only if it is on, as the service does, so that unchanged values compare equal.
  function ticked(n) {
    const input = make('input', { type: 'checkbox', id: `lane-coded-${n}`, checked: lanes[n].code_required ?? false });
    input.addEventListener('change', () => {
      delete lanes[n].code_required;
      if (input.checked) lanes[n].code_required = true;
    });
    return make('div', { className: 'field tick' }, make('label', { htmlFor: input.id }, say('knob.code_required')), input);
  }

  function fill() {
    list.replaceChildren(...lanes.map((lane, n) => {
      const known = event.doc.lanes.find(({ id }) => id === lane.id);
      const gone = button(say('schedule.remove'), () => {
        lanes.splice(n, 1);
        fill();
        (byId(`lane-name-${Math.min(n, lanes.length - 1)}`) ?? byId('lane-add')).focus();
      }, { className: 'quiet', hidden: !free(), 'aria-label': say('lanes.remove-one', lane.name || n + 1) });
      const codes = make('details', { className: 'codes', hidden: !known || known.invitations === 0 }, make('summary', {}, say('lanes.codes', lane.name)));
      codes.addEventListener('toggle', guarded(() => (codes.open ? showCodes(codes, known, 1) : undefined)));
      return make('li', { className: 'card' },
        field(n, 'name', { maxLength: 80 }),
        field(n, 'id', { maxLength: 24, disabled: !free() || Boolean(known), spellcheck: false }),
        field(n, 'share', { type: 'number', min: 1, max: 99, inputMode: 'numeric' }),
        field(n, 'invitations', { type: 'number', min: 0, max: 1000000, inputMode: 'numeric' }), ticked(n), gone, codes);
    }));
    byId('lane-add').hidden = !free() || lanes.length >= LANES_MAX;
    fixed.hidden = free();
    byId('lanes-none').hidden = lanes.length > 0;
    byId('lanes-apply').hidden = lanes.length === 0 && event.doc.lanes.length === 0;
    judge();
  }

  function faultOf(name, value, n) {
    if (name === 'name') return value === '' ? say('lanes.wrong-name') : '';
    if (name === 'id') {
      if (!ID.test(value) || value === 'general') return say('lanes.wrong-id');
      return lanes.findIndex(({ id }) => id === value) === n ? '' : say('lanes.wrong-twice');
    }
    const [low, high] = name === 'share' ? [1, 99] : [0, 1000000];
    return Number.isInteger(value) && value >= low && value <= high ? '' : say('rule.range', number(low), number(high));
  }

  function judge() {
    let good = left() >= 1;
    lanes.forEach((lane, n) => {
      for (const name of ['name', 'id', 'share', 'invitations']) {
        good = blame(byId(`lane-${name}-${n}`), faultOf(name, lane[name], n)) && good;
      }
    });
    rest.textContent = lanes.length === 0 ? '' : say(left() >= 1 ? 'lanes.left' : 'lanes.none-left', number(left()));
    rest.classList.toggle('wrong', left() < 1);
    return good;
  }

  // ---- invitations ----

  async function showCodes(box, lane, from) {
    const { invitations, good } = await get('queue', `/admin/events/${event.id}/lanes/${lane.id}/invitations?from=${from}&limit=${CODES_MAX}`);
    const text = make('textarea', { className: 'code', readOnly: true, rows: 6, cols: 26, wrap: 'off', value: invitations.map(({ code }) => code).join('\n'), 'aria-label': say('lanes.codes', lane.name) });
    const last = from + invitations.length - 1;
    const more = button(say('lanes.codes-more'), () => showCodes(box, lane, last + 1), { hidden: last >= good });
    box.querySelector('div')?.remove();
    box.append(make('div', {}, make('p', { className: 'small' }, say('lanes.codes-shown', number(from), number(last), number(good))), text, more));
  }

  // ---- applying ----

  async function apply() {
    applied.replaceChildren();
    if (!judge()) {
      (body.querySelector('[aria-invalid]') ?? byId('lane-share-0'))?.focus();
      return;
    }
    if (!changed()) {
      applied.textContent = say('knobs.unchanged');
      return;
    }
    const etag = await event.save({ lanes });
    take();
    event.applied(applied, etag, say('knobs.applied', event.doc.version), { id: 'undo-lanes' }, take);
  }

  function take() {
    lanes = event.doc.lanes.map((lane) => ({ ...lane }));
    was = JSON.stringify(lanes);
    fill();
  }

  // ---- the page ----

  function showNow() {
    const { live, doc } = event;
    const counts = new Map((live?.lanes ?? []).map((lane) => [lane.id, lane]));
    const row = (name, share, of) => make('tr', {}, make('th', { scope: 'row' }, name), ...[`${number(share)} %`, ...['waiting', 'serving', 'issued'].map((key) => number(of?.[key] ?? null))].map((text) => make('td', {}, text)));
    const general = 100 - doc.lanes.reduce((sum, { share }) => sum + share, 0);
    const heads = ['lanes.lane', 'lanes.share', 'live.waiting', 'live.serving', 'live.issued'].map((key) => say(key));
    show(table, tableOf(heads, [row(say('lanes.general'), general, live?.general ?? live), ...doc.lanes.map((lane) => row(lane.name, lane.share, counts.get(lane.id)))]));
  }

  const form = make('form', { id: 'lanes-form', noValidate: true, className: 'stack' },
    make('h2', {}, say('view.lanes')), make('p', { className: 'small' }, say('lanes.help')), table,
    make('p', { id: 'lanes-none' }, say('lanes.none')), fixed, list, rest,
    make('div', { className: 'row' }, make('button', { className: 'main', id: 'lanes-apply' }, say('knobs.apply')), button(say('lanes.add'), () => {
      lanes.push({ id: '', name: '', share: Math.max(1, Math.min(10, left() - 1)), invitations: 0 });
      fill();
      byId(`lane-name-${lanes.length - 1}`).focus();
    }, { id: 'lane-add' })), applied);
  form.addEventListener('submit', saving(apply));
  body.replaceChildren(form);
  take();

  const close = event.onVersion(() => {
    if (!changed()) take();
    else if (JSON.stringify(event.doc.lanes) !== was) applied.textContent = say('knobs.elsewhere');
  });
  return { refresh: async () => showNow(), close };
}

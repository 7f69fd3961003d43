// knobs.js: every knob of the service's table: its range checked during typing, a preview of a rate, a confirmation
// before a dangerous change, and undo. The schedule of rates and the autopilot are here too, since they change the same
// knob.

import { get, hasPart } from './api.js';
import { byId, make, say } from './kit.js';
import { becauseOf, inWords } from './change.js';
import { danger } from './danger.js';
import { blame, button, confirmed, fact, fieldOf, fromLocal, hour, languageOf, moment, number, percent, rateFault, saving, show, timeAt, toLocal, wordsOr, zone } from './ui.js';
import { hallSoon } from './watch.js';

const THINK_MS = 250; // the pause in typing before a preview is requested
const GROUPS = {
  flow: ['rate_per_s', 'burst', 'max_active'],
  times: ['opens_at', 'prequeue_at', 'planned_end_at', 'closes_at'],
  visit: ['call_ttl_s', 'grace_s', 'session_ttl_s', 'session_max_s'],
  defence: ['line_max', 'joins_per_ip_per_min', 'pow_bits', 'pow_bits_max', 'member_required', 'code_required', 'appeal'],
  seats: ['seats_left', 'auto_reopen'],
  told: ['name', 'starts_at', 'doors_at', 'time_zone', 'venue', 'about', 'picture'],
};
const OF_LINE = ['about']; // of these, what no hall's document says
const ELSEWHERE = ['message', 'schedule', 'autopilot', 'lanes', 'beacon', 'prices'];
const LANGUAGES = document.documentElement.dataset.languages.split(' '); // languages for visitors
const TEXT_BYTES_MAX = { texts: 240, venue: 120, zone: 40, path: 120 };
const CONTACT = /^(https:\/\/|mailto:|tel:)[^\s"<>]+$/;

const bytesOf = (text) => new TextEncoder().encode(text).length;

const label = (name) => wordsOr(`knob.${name}`, name);

// '' if the field's text is a valid value of this knob; otherwise why not.
function fault(input, { kind, min, max }) {
  const text = input.value.trim();
  if (kind in TEXT_BYTES_MAX) return bytesOf(text) <= TEXT_BYTES_MAX[kind] ? '' : say('rule.bytes', number(bytesOf(text)), number(TEXT_BYTES_MAX[kind]));
  if (kind === 'contacts') return text === '' || CONTACT.test(text) ? '' : say('rule.contact');
  if (kind !== 'number' && kind !== 'decimal') return input.validity.badInput ? say('rule.time') : '';
  if (text === '' && !input.validity.badInput) return '';
  const value = Number(text);
  if (input.validity.badInput || !Number.isFinite(value)) return say('rule.number');
  if (value < min || value > max) return say('rule.between', number(min), number(max));
  if (kind === 'number' && !Number.isInteger(value)) return say('rule.whole');
  if (kind === 'decimal' && Math.round(value * 1000) !== value * 1000) return say('rule.milli');
  return '';
}

export async function open(body, event) {
  const [{ knobs }, hall] = await Promise.all([get('queue', '/admin/knobs'), hasPart('seats') ? hallSoon(event.id) : null]);
  const table = new Map([['name', { name: 'name', kind: 'text', unit: '', help: '' }], ...knobs.map((knob) => [knob.name, knob])]);
  const fields = new Map();
  const applied = make('p', { id: 'applied', role: 'status' });
  const preview = make('div', { id: 'preview', role: 'status' });
  let schedule = [];
  let was = {}; // the document's schedule and autopilot as filled in, as text

  // ---- fields ----

  function makeField(knob) {
    const { name, kind, unit, help } = knob;
    const input = make('input', { id: `knob-${name}`, autocomplete: 'off' });
    if (kind === 'bool') input.type = 'checkbox';
    else if (kind === 'number' || kind === 'decimal') {
      input.type = 'number';
      input.step = 'any';
      input.inputMode = 'decimal';
    } else if (kind === 'time') {
      input.type = 'datetime-local';
      input.step = '1';
    } else {
      input.maxLength = 160;
    }
    const words = unit ? `${label(name)} (${wordsOr(`unit.${unit}`, unit)})` : label(name);
    const range = make('span', { className: 'whole range' }, kind === 'number' || kind === 'decimal' ? say('rule.range', number(knob.min), number(knob.max)) : '');
    const at = fieldOf(input, words, wordsOr(`help.${name}`, help), ' ', range);
    fields.set(name, { knob, input, at });
    return at;
  }

  // One text or address per language: each is a field of its own, and together they are one knob. A venue's text may be
  // one for all languages.
  const textsOf = ({ name }, part) => (part === undefined ? event.doc[name] : event.doc[name]?.[part] ?? {});
  function makeTexts(knob, part) {
    const { kind, help } = knob;
    const name = part === undefined ? knob.name : `${knob.name}-${part}`;
    const words = label(part === undefined ? knob.name : `${knob.name}.${part}`);
    const hint = make('p', { className: 'small', id: `help-${name}` }, part === 'name' ? '' : wordsOr(`help.${knob.name}`, help));
    const texts = textsOf(knob, part);
    const tags = typeof texts === 'string' ? [''] : [...new Set([...LANGUAGES, ...Object.keys(texts)])];
    const each = tags.map((tag) => {
      const input = make('input', { id: `knob-${name}-${tag}`, type: kind === 'contacts' ? 'url' : 'text', autocomplete: 'off', spellcheck: false, lang: tag });
      const at = fieldOf(input, tag === '' ? words : `${words} (${languageOf(tag)})`);
      input.setAttribute('aria-describedby', `${hint.id} wrong-${input.id}`);
      fields.set(`${name}/${tag}`, { knob, part, tag, input, at });
      return at;
    });
    return make('div', { className: 'contacts' }, ...each, hint);
  }

  const makeVenue = (knob) => make('div', {}, makeTexts(knob, 'name'), makeTexts(knob, 'address'));

  function valueOf({ knob: { kind }, input }) {
    if (['contacts', 'texts', 'venue', 'zone', 'path'].includes(kind)) return input.value.trim() || null;
    if (kind === 'bool') return input.checked;
    if (kind === 'time') return fromLocal(input.value);
    if (kind === 'text') return input.value;
    return input.value.trim() === '' ? null : Number(input.value);
  }

  // `isKept`: what the operator has changed stays.
  function fill(isKept = false) {
    const typedNow = isKept ? changes() : {};
    for (const field of fields.values()) {
      const { knob, knob: { kind }, part, tag, input } = field;
      const typed = isKept && valueOf(field) !== field.was ? [input.value, input.checked] : null;
      const value = tag ? textsOf(knob, part)[tag] : textsOf(knob, part);
      if (kind === 'bool') input.checked = value;
      else input.value = kind === 'time' ? toLocal(value) : value ?? '';
      field.was = valueOf(field);
      if (typed !== null) [input.value, input.checked] = typed;
    }
    if (typedNow.schedule === undefined) {
      schedule = event.doc.schedule.map((step) => ({ ...step }));
      showSchedule();
    }
    if (typedNow.autopilot === undefined) fillAutopilot();
    was = { schedule: JSON.stringify(event.doc.schedule), autopilot: JSON.stringify(autopilotOf(event.doc)) };
    judge();
  }

  function changes() {
    const patch = {};
    for (const field of fields.values()) {
      const now = valueOf(field);
      if (now === field.was) continue;
      const { name } = field.knob;
      const into = (was, tag) => (tag ? { ...was, [tag]: now } : now);
      patch[name] = field.part === undefined ? into(patch[name], field.tag) : { ...patch[name], [field.part]: into(patch[name]?.[field.part], field.tag) };
    }
    if (JSON.stringify(schedule) !== was.schedule) patch.schedule = schedule;
    const pilot = readAutopilot();
    if (JSON.stringify(pilot) !== was.autopilot) patch.autopilot = pilot;
    return patch;
  }

  function judge() {
    let good = true;
    for (const { input, knob } of [...fields.values(), ...pilotFields]) good = blame(input, fault(input, knob)) && good;
    for (const [at, rate] of stepInputs()) good = [blame(at, at.value === '' ? say('rule.time') : ''), blame(rate, rateFault(rate))].every((is) => is) && good;
    for (const field of fields.values()) field.at.classList.toggle('changed', valueOf(field) !== field.was);
    const count = Object.keys(changes()).length;
    byId('changes').textContent = count === 0 ? say('knobs.unchanged') : say('knobs.changed', count);
    return good;
  }

  // ---- the preview ----

  // When the last visitor enters; with lanes, also the last one of each.
  function forecastOf(tag, { rate_per_s: per_s, last_enters_at: last, waiting, lanes = [] }) {
    const words = waiting === 0 ? say('preview.nobody') : last === null ? say('preview.never', number(per_s)) : say('preview.last', number(per_s), hour(last), number(waiting));
    const nameOf = (id) => event.doc.lanes.find((lane) => lane.id === id)?.name ?? say('lanes.general');
    const inLane = (lane) => (lane.waiting === 0 ? say('preview.lane-nobody', nameOf(lane.id))
      : lane.last_enters_at === null ? say('preview.lane-never', nameOf(lane.id), number(lane.waiting))
        : say('preview.lane', nameOf(lane.id), hour(lane.last_enters_at), number(lane.waiting)));
    const each = waiting === 0 ? [] : lanes.map((lane) => make('li', {}, make(tag, {}, inLane(lane))));
    return [make('p', {}, make(tag, {}, words)), ...(each.length > 0 ? [make('ul', {}, ...each)] : [])];
  }

  let asked = 0;
  let thinking = 0;
  async function think() {
    if (!preview.isConnected && asked > 0) return; // the operator left the view
    const mine = ++asked;
    const field = fields.get('rate_per_s');
    const now = valueOf(field);
    const rate = now !== null && fault(field.input, field.knob) === '' ? now : event.doc.rate_per_s;
    const path = `/admin/events/${event.id}/preview`;
    const ask = async (query) => get('queue', path + query);
    const [as_is, then] = await Promise.all([ask(''), rate === event.doc.rate_per_s ? null : ask(`?rate_per_s=${rate}`)]).catch(() => [null, null]);
    if (mine !== asked) return;
    if (as_is === null) {
      thinking = setTimeout(think, 4 * THINK_MS);
      return;
    }
    show(preview, ...forecastOf('span', as_is), ...(then === null || then.waiting === 0 ? [] : forecastOf('strong', then)));
  }
  const thinkSoon = () => {
    clearTimeout(thinking);
    thinking = setTimeout(think, THINK_MS);
  };

  // ---- the rate by time ----

  const rows = make('ol', { id: 'schedule' });
  const stepInputs = () => [...rows.children].map((row) => row.querySelectorAll('input'));
  function showSchedule() {
    rows.replaceChildren(...schedule.map((step, n) => {
      const at = make('input', { type: 'datetime-local', step: '1', value: toLocal(step.at), id: `step-at-${n}`, required: true });
      const rate = make('input', { type: 'number', step: 'any', min: 0, max: 100000, value: step.rate_per_s, id: `step-rate-${n}`, required: true });
      at.addEventListener('change', () => {
        if (at.value === '') return;
        step.at = fromLocal(at.value);
        schedule.sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
        showSchedule();
        judge();
      });
      rate.addEventListener('input', () => {
        step.rate_per_s = Number(rate.value);
        judge();
      });
      const gone = button(say('schedule.remove'), () => {
        schedule.splice(n, 1);
        showSchedule();
        judge();
        (byId(`step-at-${Math.min(n, schedule.length - 1)}`) ?? byId('schedule-add')).focus();
      }, { className: 'quiet', 'aria-label': say('schedule.remove-at', moment(step.at)) });
      return make('li', {}, fieldOf(at, say('schedule.at')), fieldOf(rate, say('schedule.rate')), gone);
    }));
    byId('schedule-none')?.toggleAttribute('hidden', schedule.length > 0);
  }
  const addStep = () => {
    const after = schedule.length > 0 ? Date.parse(schedule.at(-1).at) : Math.ceil(Date.now() / 60000) * 60000;
    schedule.push({ at: new Date(after + 15 * 60000).toISOString(), rate_per_s: schedule.at(-1)?.rate_per_s ?? event.doc.rate_per_s });
    showSchedule();
    judge();
    byId(`step-at-${schedule.length - 1}`).focus();
  };

  // ---- the autopilot ----

  const pilotOn = make('input', { type: 'checkbox', id: 'autopilot-on' });
  const pilotNow = make('div', { id: 'autopilot-now', role: 'status' });
  const pilotFields = table.get('autopilot').members.map((knob) => {
    const { name } = knob;
    const input = make('input', { type: 'number', step: 'any', inputMode: 'decimal', id: `autopilot-${name}` });
    return { name, input, knob, at: fieldOf(input, say(`autopilot.${name}`)) };
  });
  const autopilotOf = ({ autopilot }) => ({ on: autopilot.on ?? false, ...Object.fromEntries(pilotFields.map(({ name }) => [name, autopilot[name] ?? null])) });
  const readAutopilot = () => ({ on: pilotOn.checked, ...Object.fromEntries(pilotFields.map(({ name, input }) => [name, input.value === '' ? null : Number(input.value)])) });
  function fillAutopilot() {
    const { autopilot } = event.doc;
    pilotOn.checked = autopilot.on ?? false;
    for (const { name, input } of pilotFields) input.value = autopilot[name] ?? '';
  }

  // ---- applying ----

  async function apply() {
    applied.replaceChildren();
    if (!judge()) {
      body.querySelector('[aria-invalid]').focus(); // the first; its message is next to it
      return;
    }
    const patch = changes();
    const names = Object.keys(patch);
    if (names.length === 0) {
      applied.textContent = say('knobs.unchanged');
      return;
    }
    let reason = event.why();
    const why = names.map((name) => danger(name, event.doc[name], patch[name])).filter((words) => words !== '');
    if (why.length > 0) {
      const lines = names.flatMap((name) => inWords({ [name]: event.doc[name] }, { [name]: patch[name] })).map(([knob, words]) => `${knob}: ${words}`);
      const sure = await confirmed({ title: say('knobs.sure'), text: why.join(' '), lines, yes: say('knobs.apply'), why: { text: reason } });
      if (!sure) return;
      reason = sure.why;
    }
    let etag;
    try {
      etag = await event.save(patch, reason);
    } catch (error) {
      const field = fields.get(error.problem?.pointer?.slice(1)) ?? fields.get(error.problem?.pointer?.split('/')[1]);
      if (field === undefined) throw error;
      blame(field.input, say('rule.refused', error.problem.rule));
      field.input.focus();
      return;
    }
    fill();
    event.applied(applied, etag, say('knobs.applied', event.doc.version), { id: 'undo-knobs' });
    thinkSoon();
  }

  // ---- the page ----

  const known = new Set(Object.values(GROUPS).flat());
  const others = [...table.keys()].filter((name) => !known.has(name) && !ELSEWHERE.includes(name));
  const group = (key, names) => make('fieldset', { className: 'group' }, make('legend', {}, say(`group.${key}`)), ...names.filter((name) => table.has(name)).map((name) => ({ contacts: makeTexts, texts: makeTexts, venue: makeVenue }[table.get(name).kind] ?? makeField)(table.get(name))));
  const flow = group('flow', GROUPS.flow);
  flow.children[1].after(preview); // right below the rate
  // What the hall's document says as well is changed in both, in the setup.
  const told = group('told', hall === null ? GROUPS.told : OF_LINE);
  if (hall !== null) told.append(make('a', { href: `#/events/${event.id}/setup/event` }, say('setup.event')));
  const groups = make('div', { className: 'groups' }, flow,
    make('fieldset', { className: 'group wide' }, make('legend', {}, say('knob.schedule')), make('p', { className: 'small' }, say('schedule.help', zone())), make('p', { id: 'schedule-none' }, say('schedule.none')), rows, button(say('schedule.add'), addStep, { id: 'schedule-add' })),
    make('fieldset', { className: 'group wide' }, make('legend', {}, say('knob.autopilot')), make('p', { className: 'small' }, say('autopilot.help')),
      make('div', { className: 'field tick' }, make('label', { htmlFor: 'autopilot-on' }, say('autopilot.on')), pilotOn),
      pilotNow, ...pilotFields.map(({ at }) => at)),
    told, group('times', GROUPS.times), group('visit', GROUPS.visit), group('defence', GROUPS.defence), group('seats', GROUPS.seats), ...(others.length > 0 ? [group('more', others)] : []));
  const form = make('form', { id: 'knob-form', noValidate: true }, groups,
    make('div', { className: 'apply' }, make('button', { className: 'main', id: 'apply' }, say('knobs.apply')), button(say('knobs.reset'), () => { fill(); applied.replaceChildren(); thinkSoon(); }), make('span', { id: 'changes' }), applied));
  form.addEventListener('submit', saving(apply));
  form.addEventListener('input', ({ target }) => {
    judge();
    if (target.id === 'knob-rate_per_s') thinkSoon();
  });
  body.replaceChildren(form);
  fill();
  await think();

  const unheard = event.onVersion(() => {
    fill(true);
    if (Object.keys(changes()).length > 0) applied.textContent = say('knobs.elsewhere');
  });

  // What the autopilot does and why, from the service. Its moves do not change the document's version, so they are read
  // separately.
  async function showPilot() {
    const { autopilot_state: now } = await get('queue', `/admin/events/${event.id}`);
    if (!now) {
      show(pilotNow);
      return;
    }
    const { reading, last_move: move } = now;
    show(pilotNow,
      make('p', {}, make('strong', {}, say('pilot.now', number(now.rate_per_s), wordsOr(now.reason === 'errors' ? 'pilot.errors-above' : `pilot.${now.reason}`, now.reason)))),
      ...(move?.at && move.from_per_s !== move.to_per_s ? [make('p', {}, say('pilot.moved', moment(move.at), number(move.from_per_s), number(move.to_per_s), becauseOf(move)))] : []),
      make('dl', { className: 'facts' }, fact(say('pilot.p99'), reading?.p99_ms == null ? '–' : `${number(reading.p99_ms)} ms`), fact(say('pilot.errors'), percent(reading?.error_share)),
        fact(say('pilot.held'), number(reading?.held)), fact(say('pilot.backlog'), number(reading?.backlog)), fact(say('pilot.heard'), now.heard_at ? timeAt(now.heard_at) : '–')));
  }

  let beats = 0;
  return {
    async refresh() {
      await showPilot();
      if (++beats % 5 === 0) await think();
    },
    close() {
      clearTimeout(thinking);
      unheard();
    },
  };
}


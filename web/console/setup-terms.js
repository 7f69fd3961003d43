// setup-terms.js: the refund terms of orders made from now on.

import { call } from './api.js';
import { make, say } from './kit.js';
import { readPlace } from './place.js';
import { formOf, goOn, judged, timeFault, timeInput } from './setup.js';
import { confirmed, fieldOf, number, zone as deviceZone } from './ui.js';

const HOUR_S = 3600;
const MOST = { percent: 100, before: 8784 };

export async function open(body, nav, event) {
  const path = `/admin/events/${event.id}/refund-terms`;
  const { json: terms, etag } = await call('pay', 'GET', path);
  const zone = event.doc.time_zone ?? deviceZone();
  const by = make('select', { id: 'terms-by' }, ...['buyer', 'operator'].map((value) => make('option', { value, selected: value === terms.by }, say(`terms.by.${value}`))));
  const percent = make('input', { id: 'terms-percent', type: 'number', min: 1, max: MOST.percent, inputMode: 'numeric', value: terms.percent });
  const before = make('input', { id: 'terms-before', type: 'number', step: 'any', min: 0, max: MOST.before, inputMode: 'decimal', value: terms.before_start_s === null ? '' : terms.before_start_s / HOUR_S });
  const until = timeInput('terms-until', terms.until, zone);
  const handedOn = make('input', { id: 'terms-handed-on', type: 'checkbox', checked: terms.handed_on });

  async function save(form) {
    const inRange = ({ valueAsNumber: value, min, max }) => (value >= Number(min) && value <= Number(max) ? '' : say('rule.between', number(Number(min)), number(Number(max))));
    const isEmpty = before.value === '' && !before.validity.badInput;
    if (!judged(form, [[percent, inRange(percent) || (Number.isInteger(percent.valueAsNumber) ? '' : say('rule.whole'))], [until, timeFault(until)], [before, isEmpty ? '' : inRange(before)]])) return;
    const wanted = { by: by.value, until: readPlace(until.value, terms.until, zone), before_start_s: isEmpty ? null : Math.round(before.valueAsNumber * HOUR_S), percent: percent.valueAsNumber, handed_on: handedOn.checked };
    if (Object.entries(wanted).some(([name, value]) => value !== terms[name])) {
      const isDraft = event.doc.state === 'draft';
      const sure = isDraft ? { why: event.why() || say('view.setup') } : await confirmed({ title: say('terms.sure', event.doc.name), text: say('terms.help'), yes: say('knobs.apply'), why: { text: event.why(), needed: true } });
      if (!sure) return;
      await call('pay', 'PUT', path, { body: { ...wanted, reason: sure.why }, headers: { 'If-Match': etag } });
    }
    goOn(event, 'terms');
  }

  body.replaceChildren(nav, formOf({}, save, [make('h2', {}, say('setup.terms')), make('p', { className: 'small' }, say('terms.help')),
    fieldOf(by, say('terms.by')), fieldOf(percent, say('terms.percent')), fieldOf(until, say('terms.until', zone)), fieldOf(before, say('terms.before')), fieldOf(handedOn, say('terms.handed-on')),
    make('p', { id: 'terms-version', className: 'small' }, terms.version === 0 ? say('terms.default') : say('event.version', terms.version))]));
}

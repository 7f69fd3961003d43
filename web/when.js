// when.js: when and where the show is, in one line, in the venue's time zone, and in this device's if that differs. A
// time without a zone is shown in this device's zone, with its name.

import { lang, locale, say } from './kit.js';

const PARTS = { weekday: 'short', day: 'numeric', month: 'long', year: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };

function formatOf(zone) {
  try {
    return new Intl.DateTimeFormat(lang, { ...PARTS, timeZone: zone });
  } catch { // a browser that does not know the zone
    return new Intl.DateTimeFormat(lang, { ...PARTS, timeZone: 'UTC' });
  }
}

// `form` is an strftime pattern, as in the services; {0} is the weekday.
function clock(at, zone, form) {
  const parts = Object.fromEntries(formatOf(zone).formatToParts(new Date(at)).map(({ type, value }) => [type, value]));
  const number = (type) => Number.parseInt(parts[type], 10); // in Korean a month is "6월"
  const two = (type) => String(number(type)).padStart(2, '0');
  const written = { B: parts.month, m: number('month'), d: number('day'), Y: number('year'), H: two('hour'), M: two('minute') };
  return form.replace('{0}', parts.weekday).replace(/%-?([A-Za-z])/g, (all, letter) => written[letter] ?? all);
}

export function timeOf(at, there) {
  if (there) return withHere(clock(at, there, say('show.form')), at, there);
  const time = new Date(at);
  const zone = new Intl.DateTimeFormat(locale, { timeZoneName: 'short' }).formatToParts(time).find(({ type }) => type === 'timeZoneName').value;
  return `${new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'short' }).format(time)} ${zone}`;
}

export function showTime(element, at, there) {
  element.dateTime = at;
  element.textContent = timeOf(at, there);
}

// In this device's zone; empty if it shows the same.
export function hereOf(at, zone, form) {
  const [there, here] = [zone, undefined].map((its) => clock(at, its, form));
  return there === here ? '' : here;
}

// Translates the time that a line begins with; the date only if it differs.
export function withHere(line, at, zone) {
  const here = hereOf(at, zone, hereOf(at, zone, '%d') ? say('show.form') : '%H:%M');
  return here ? line.replace(/(?=\u00a0·|$)/, ` (${say('show.here', here)})`) : line;
}

// One text for all languages, or one per language.
const inWords = (text) => (typeof text === 'object' ? text[lang] ?? text.en ?? Object.values(text)[0] : text);

export function lineOf({ starts_at: starts, doors_at: doors, time_zone: zone, venue }) {
  const when = starts && (zone ? clock(starts, zone, say('show.form')) : timeOf(starts));
  const where = venue && [venue.name, venue.address].filter(Boolean).map(inWords).join(', ');
  const open = doors && zone && say('show.doors', clock(doors, zone, '%H:%M'));
  const line = [when, where, open].filter(Boolean).join('\u00a0· '); // no line begins with the dot
  return starts && zone ? withHere(line, starts, zone) : line;
}

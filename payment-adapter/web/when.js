// when.js: when something begins, in this device's time zone; and which zone that is, since the
// hall may be in another.

import { locale } from './kit.js';

const format = new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'short' });
const zones = new Intl.DateTimeFormat(locale, { timeZoneName: 'short' });

export function timeOf(at) {
  const time = new Date(at);
  const zone = zones.formatToParts(time).find(({ type }) => type === 'timeZoneName').value;
  return `${format.format(time)} ${zone}`;
}

export function showTime(element, at) {
  element.dateTime = at;
  element.textContent = timeOf(at);
}

// when.js: when something begins, as people say it where this device is; and which zone that is, since
// the hall may be elsewhere.

import { lang } from './kit.js';

const format = new Intl.DateTimeFormat(lang, { dateStyle: 'full', timeStyle: 'short' });
const zones = new Intl.DateTimeFormat(lang, { timeZoneName: 'short' });

export function showTime(element, at) {
  const time = new Date(at);
  const zone = zones.formatToParts(time).find(({ type }) => type === 'timeZoneName').value;
  element.dateTime = at;
  element.textContent = `${format.format(time)} ${zone}`;
}

// place.js: times in a venue's zone, for fields of the type datetime-local, which have no zone.

export function isZone(zone) {
  try {
    return Boolean(new Intl.DateTimeFormat('en', { timeZone: zone })) && zone !== '';
  } catch {
    return false;
  }
}

// "2027-05-01T19:00"
export function toPlace(iso, zone) {
  if (!iso) return '';
  return new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'short' }).format(new Date(iso)).replace(' ', 'T');
}

// The second guess is right if clocks change between the first guess and the time itself.
export function fromPlace(text, zone) {
  if (text === '') return null;
  const shown = Date.parse(`${text}Z`);
  const behind = (at) => Date.parse(`${toPlace(at, zone)}Z`) - at;
  return new Date(shown - behind(shown - behind(shown))).toISOString();
}

// The field's time; if unchanged, the original, to the second.
export const readPlace = (text, was, zone) => (was !== null && text === toPlace(was, zone) ? was : fromPlace(text, zone));

// When a run of `make mutants` fails: below its floor, or if nothing was checked.

/** Parses a share in percent, and throws if it is not a number. */
export function percentOf(text) {
  const percent = Number(text);
  if (text.trim() === '' || !(percent >= 0 && percent <= 100)) throw new Error(`${text} is no percentage`);
  return percent;
}

/** How many of these have failed: all that went unnoticed, if the noticed ones are below the floor. */
export function failedOf({ noticed, lived }, least) {
  if (noticed + lived === 0) return 1; // with a broken compiler every change is broken
  return 100 * noticed < least * (noticed + lived) ? lived : 0;
}

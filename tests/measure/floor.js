// Where a run of `make mutants` is red: below its floor, and where nothing was judged.

/** Parses a share in percent, and throws if it is not a number. */
export function percentOf(text) {
  const percent = Number(text);
  if (text.trim() === '' || !(percent >= 0 && percent <= 100)) throw new Error(`${text} is no percentage`);
  return percent;
}

/** How many of these have failed: all that went unnoticed, if what was noticed is below the floor. */
export function failedOf({ noticed, lived }, least) {
  if (noticed + lived === 0) return 1; // a compiler that is broken breaks every change
  return 100 * noticed < least * (noticed + lived) ? lived : 0;
}

// Decides whether a run of `make mutants` fails: if too few changes were noticed, or if none was tried.

/** Parses a share in percent, and throws if it is not a number. */
export function percentOf(text) {
  const percent = Number(text);
  if (text.trim() === '' || !(percent >= 0 && percent <= 100)) throw new Error(`${text} is no percentage`);
  return percent;
}

/** The number of failures: all unnoticed changes if the share of noticed ones is below the floor, otherwise 0. */
export function failedOf({ noticed, lived }, least) {
  if (noticed + lived === 0) return 1; // with a broken compiler every change is broken
  return 100 * noticed < least * (noticed + lived) ? lived : 0;
}

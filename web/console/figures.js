// figures.js: figures from counts over time: rates, shares, predicted waits compared with the real ones. Rows are
// objects with `at` in milliseconds, oldest first. Nothing here depends on the page, so tests call it directly.

const OVER_MS = 10_000; // a rate is the difference over at least this long
const MINUTE_MS = 60_000;
const JUDGED_OVER_MS = 60_000; // predicted waits are compared over this much time
const ERROR_STEPS = 240; // points of the errors' chart
const SILENT_MS = 30_000; // older counts mean that the part is silent
const LEAST_MS = 20_000; // less time says nothing about a minute

export const times = (rows) => rows.map((row) => row.at / 1000);
export const column = (rows, key) => rows.map((row) => row[key] ?? null);

// How much a counter rises per second; null at the start and after a reset.
export function rates(rows, key) {
  let from = 0;
  return rows.map((row, i) => {
    while (from + 1 < i && row.at - rows[from + 1].at >= OVER_MS) from++;
    const before = rows[from];
    const ms = row.at - before.at;
    const rise = row[key] - before[key];
    return ms <= 0 || !(rise >= 0) ? null : rise * 1000 / ms;
  });
}

// The rise in the last minute, extrapolated if less is known; null if too little is known.
export function perMinute(rows, key, overMs = MINUTE_MS) {
  const last = rows.at(-1);
  if (last === undefined) return null;
  const before = rows.findLast((row) => last.at - row.at >= overMs) ?? rows[0];
  const ms = last.at - before.at;
  const rise = last[key] - before[key];
  return ms < LEAST_MS || !(rise >= 0) ? null : rise * MINUTE_MS / ms;
}

// How long no order has been completed, as far as is known; 0 before the first one.
export function quietMs(rows, now) {
  const completed = rows.at(-1)?.completed;
  return completed > 0 ? now - (rows.findLast((row) => row.completed < completed) ?? rows[0]).at : 0;
}

// The share of recently called visitors who came.
export function showUp(rows) {
  let from = 0;
  return rows.map((row, i) => {
    if (typeof row.show_up === 'number') return row.admitted + row.no_shows > 0 ? row.show_up : null;
    while (from + 1 < i && row.at - rows[from + 1].at >= MINUTE_MS) from++;
    const came = row.admitted - rows[from].admitted;
    const missed = row.no_shows - rows[from].no_shows;
    return came + missed > 0 ? came / (came + missed) : null;
  });
}

// For the waits predicted at joining and later: among recent calls, the share called by the p90, and the mean error of
// the p50.
export function promisedWaits(rows) {
  const sum = (row, key) => (row.eta_join?.[key] ?? 0) + (row.eta_way?.[key] ?? 0);
  let from = 0;
  const pairs = rows.map((row, i) => {
    while (from + 1 < i && row.at - rows[from + 1].at >= JUDGED_OVER_MS) from++;
    const judged = sum(row, 'judged') - sum(rows[from], 'judged');
    return judged > 0 ? ['kept', 'error_sum'].map((key) => (sum(row, key) - sum(rows[from], key)) / judged) : [null, null];
  });
  return [0, 1].map((n) => pairs.map((pair) => pair[n]));
}

// Errors per minute of each part. The parts count at different times, so all are read on one scale, which ends at the
// newest count. No rise between two points is lost.
export function errorsOf(lists) {
  const known = lists.filter((rows) => rows.length > 0);
  if (known.length === 0) return [[], ...lists.map(() => [])];
  const from = Math.min(...known.map((rows) => rows[0].at));
  const to = Math.max(...known.map((rows) => rows.at(-1).at));
  const step = Math.max(OVER_MS, (to - from) / ERROR_STEPS);
  const count = Math.floor((to - from) / step) + 1;
  const scale = Array.from({ length: count }, (_, n) => to - (count - 1 - n) * step);
  const each = (rows) => {
    let next = 0;
    let sum = null;
    return scale.map((at) => {
      const before = sum;
      for (; next < rows.length && rows[next].at <= at; next++) sum = rows[next].errors ?? sum;
      if (at - (rows.at(-1)?.at ?? 0) > Math.max(SILENT_MS, step)) return null; // its counts end there
      return before === null || sum < before ? null : (sum - before) * MINUTE_MS / step;
    });
  };
  return [scale.map((at) => at / 1000), ...lists.map(each)];
}

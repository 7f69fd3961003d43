// shown.js: rounds a wait for display: core/wait/shown.c in JavaScript, line for line. The page without a script shows
// the same.

const MINUTE_S = 60;
const HOUR_S = 3600;
const DAY_S = 86_400;
const MINUTE_MS = 60_000;
const NEAR_S = 180;
const FAR_S = 1800;

const nearest = (s, unit) => Math.floor((s + unit / 2) / unit);
const floor = (ms, step) => Math.floor(ms / step) * step;

export function shownWait({ p50_s: p50, p90_s: p90 }, now) {
  if (p50 === null) return { advice: 'unknown' };
  const [unit, unitS] = p50 >= DAY_S ? ['day', DAY_S] : p50 >= 2 * HOUR_S - MINUTE_S / 2 ? ['hour', HOUR_S] : ['minute', MINUTE_S];
  const backS = 2 * p50 - p90;
  const advice = p50 < NEAR_S ? 'near' : backS < NEAR_S ? 'unsure' : backS < DAY_S ? 'back' : 'later';
  const shown = { unit, number: Math.max(1, nearest(p50, unitS)), advice };
  if (advice === 'back') shown.back = floor(now + 1000 * backS, backS > FAR_S ? 5 * MINUTE_MS : MINUTE_MS);
  if (p90 >= DAY_S) return shown;
  return { ...shown, likely: floor(now + 1000 * p50 + MINUTE_MS / 2, MINUTE_MS), latest: floor(now + 1000 * p90 + MINUTE_MS - 1, MINUTE_MS) };
}

// The wait with this many people ahead, interpolated in the status's table [[ahead, p50_s, p90_s], ...]; {} beyond its
// end.
export function waitAt(rows, ahead) {
  if (rows.length === 0) return { p50_s: null, p90_s: null };
  const next = rows.findIndex(([people]) => people >= ahead);
  if (next < 0) return {};
  const [to, from] = [rows[next], rows[Math.max(0, next - 1)]];
  const part = to === from ? 0 : (ahead - from[0]) / (to[0] - from[0]);
  const [, p50, p90] = from.map((was, i) => Math.round(was + part * (to[i] - was)));
  return { p50_s: p50, p90_s: p90 };
}

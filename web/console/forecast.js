// forecast.js: predicts, as a range, when the line will be empty, from the recent pace of calls. The early end assumes
// that nobody else joins and that calls are at their fastest; the late end that people keep joining and calls are slow.
// It is compared with the plan: the time set for the end, or else the time that the set rate gives.

const OVER_MS = 5 * 60_000; // older data predicts little
const STEP_MS = 15_000;
const STEPS_MIN = 3;
const WIDE = 1.28; // standard errors to each side: 80 % of cases
const WIDE_LEAST = 0.05; // a line varies more than in its last minutes
const FAR_MS = 24 * 3600_000; // later than this is shown as "not in a day"
const LATE_MS = 10 * 60_000; // this far behind the plan needs attention

// How much a counter rose per millisecond, in each step of the measured period.
function paces(rows, key) {
  const last = rows.at(-1)?.at ?? 0;
  const found = [];
  let from = rows.findIndex((row) => last - row.at <= OVER_MS);
  for (let i = from + 1; from >= 0 && i < rows.length; i++) {
    const ms = rows[i].at - rows[from].at;
    if (ms < STEP_MS) continue;
    const rise = rows[i][key] - rows[from][key];
    if (rise >= 0) found.push(rise / ms);
    from = i;
  }
  return found;
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);

function band(values) {
  const middle = mean(values);
  const variance = values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / Math.max(1, values.length - 1);
  const off = Math.max(WIDE * Math.sqrt(variance / values.length), WIDE_LEAST * middle);
  return [Math.max(0, middle - off), middle + off];
}

// {kind: 'empty' | 'stopped' | 'unknown' | 'never' | 'grows' | 'ends', early, late, joined, called}: times in
// milliseconds, late is null if unknown; how many joined and were called per minute. `rows` have joined and serving.
export function forecast({ now, state, waiting, rows }) {
  if (waiting === 0) return { kind: 'empty' };
  if (state !== 'open') return { kind: 'stopped' };
  const called = paces(rows, 'serving');
  if (called.length < STEPS_MIN) return { kind: 'unknown' };
  const [slow, fast] = band(called);
  if (fast === 0) return { kind: 'never' };
  const joining = mean(paces(rows, 'joined'));
  const early = now + waiting / fast;
  const late = slow > joining ? now + waiting / (slow - joining) : Infinity;
  if (early - now > FAR_MS) return { kind: 'never' };
  const isNear = late - now <= FAR_MS;
  const [perMinIn, perMinOut] = [joining, mean(called)].map((pace) => Math.round(pace * 60_000));
  return { kind: perMinOut > perMinIn ? 'ends' : 'grows', early, late: isNear ? late : null, joined: perMinIn, called: perMinOut };
}

// {kind: 'none' | 'in-time' | 'close' | 'late', byMs}: the forecast against the time planned for the end.
export function againstPlan({ kind, early, late }, plan) {
  if (plan === null || plan === undefined || !['ends', 'grows'].includes(kind)) return { kind: 'none' };
  if (early > plan) return { kind: early - plan >= LATE_MS ? 'late' : 'close', byMs: early - plan };
  return late !== null && late <= plan ? { kind: 'in-time', byMs: plan - late } : { kind: 'close', byMs: 0 };
}

// Takes measurements in turns, and reports their median and spread.

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// Converts {name: microseconds} to milliseconds.
export const inMs = (took) => Object.fromEntries(Object.entries(took).map(([name, us]) => [name, us / 1e3]));

export function spread(values) {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

// measures: {name: async (round) => number}. Every round runs `prepare(round)`, then each measure once. Every other round is
// reversed, so that a machine that slows down affects all of them. Returns {name: [number, ...]}.
export async function inTurns(measures, rounds, prepare = async () => {}) {
  const names = Object.keys(measures);
  const taken = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    const order = round % 2 === 0 ? names : [...names].reverse();
    await prepare(round);
    for (const name of order) taken[name].push(await measures[name](round));
  }
  return taken;
}

// The ratio a/b, computed per round: changes of the machine's speed affect both sides of a round.
export function ratio(taken, a, b) {
  return spread(taken[a].map((value, round) => value / taken[b][round]));
}

// Throws unless all sides did the same amount of work: each within `slack` of the largest one, and
// that one above zero. `sides`: {name: amount}.
export function sameWork(what, sides, slack = 0) {
  const amounts = Object.values(sides);
  const most = Math.max(...amounts);
  if (most > 0 && amounts.every((amount) => Number.isFinite(amount) && amount >= most * (1 - slack))) return;
  throw new Error(`not comparable: ${what} differs: ${JSON.stringify(sides)}`);
}

// Throws unless all sides answer with 200 and bodies of the same size, within `slack`. `sides`:
// {name: [url, headers]}.
export async function sameAnswer(what, sides, slack = 0) {
  const sizes = {};
  for (const [name, [url, headers = {}]] of Object.entries(sides)) {
    const answer = await fetch(url, { headers: { 'accept-encoding': 'identity', ...headers } });
    sizes[name] = answer.status === 200 ? (await answer.arrayBuffer()).byteLength : NaN;
  }
  sameWork(`the body of ${what}`, sizes, slack);
}

// line.js: the line as all visitors together saw it. Each answer says something about how far the line had come. A visitor who
// is called, or let in, shows that it had come as far as their place (a floor). A visitor with n people ahead shows that it had
// not come past the place before those (a ceiling). A ceiling is from a picture that may be LAG_US old, and is moved back
// by that much.
//
//   - A jump: a visitor was called, or let in, and later the line had still not come to them. It does not matter under what
//     name they came in.
//   - The rate: between a ceiling and a later floor the line moved at least so far. It moves for free past people who left,
//     people who may have counted as gone, and places that we know nothing about. Every other place costs a token, and there
//     are rate * (T + 0.25 s) + burst of them in any window of T seconds (queue-front/lua/tick.lua). Windows are all pairs
//     of a ceiling and a floor.
//   - The number ahead may rise by those in front who may have counted as gone meanwhile, or whom we know nothing about.
//     Latecomers who had been called were not counted by anybody, so they change nothing.

// An answer of a front shows the line as it was up to a second before: then the front says that its picture is stale. Twice
// that, for a front that its machine did not let run and that does not know yet how old its picture is.
export const LAG_US = 2_000_000;
const REFILL_CAP_S = 0.25; // a stall of the ticks makes up for no more than that

export class Line {
  ceilings = [];
  floors = [];
  rises = [];
  came = 0; // the furthest place that the line had surely come to so far

  // In the order in which visitors got their answers: at `at_us` it had surely not come past `place`; it had surely come as far.
  below(at_us, place, visitor) { this.ceilings.push({ at_us, place, visitor }); }

  reached(at_us, place, visitor) {
    this.floors.push({ at_us, place, visitor });
    this.came = Math.max(this.came, place);
  }

  // A visitor was shown more people ahead than before, when the line had come to `came`.
  rose(rise) { this.rises.push(rise); }

  // `known`: [{place, left, silent}] of all whose owners are known: left by them, so that the line moves past for nothing, or
  // silent for long enough to have counted as gone, and come back.
  judge(known, conf, found) {
    const byTime = (a, b) => a.at_us - b.at_us || a.place - b.place;
    this.ceilings.sort(byTime);
    this.floors.sort(byTime);
    const places = new Places(known);
    this.#judgeJumps(found);
    if (conf.rate_milli !== undefined) this.#judgeRate(places, conf, found);
    this.#judgeRises(places, found);
  }

  // From the end backwards, with the lowest ceiling that came later.
  #judgeJumps(found) {
    let lowest = null;
    let next = this.ceilings.length;
    for (const floor of [...this.floors].reverse()) {
      for (; next > 0 && this.ceilings[next - 1].at_us >= floor.at_us; next -= 1)
        if (lowest === null || this.ceilings[next - 1].place < lowest.place) lowest = this.ceilings[next - 1];
      if (lowest !== null && floor.place > lowest.place)
        found('jump', `visitor ${floor.visitor} with place ${floor.place} was let in; ${((lowest.at_us - floor.at_us) / 1e6).toFixed(1)} s later ` +
          `the line had come to ${lowest.place} at most, as visitor ${lowest.visitor} saw`);
    }
  }

  #judgeRate(places, { rate_milli, burst }, found) {
    const rate = rate_milli / 1000;
    // Tokens that the line had surely paid, less those that the time brought.
    const paid = ({ at_us, place }) => places.paying(place) - (rate * (at_us - this.ceilings[0].at_us)) / 1e6;
    let from = null;
    let [low, most, worst] = [0, 1e-7, null];
    let next = 0;
    for (const floor of this.ceilings.length > 0 ? this.floors : []) {
      for (; next < this.ceilings.length && this.ceilings[next].at_us <= floor.at_us; next += 1) {
        const at = paid(this.ceilings[next]);
        if (from !== null && at >= low) continue;
        low = at;
        from = this.ceilings[next];
      }
      const over = from === null ? 0 : paid(floor) - low - burst - rate * REFILL_CAP_S;
      if (over <= most) continue;
      most = over;
      worst = { from, floor };
    }
    if (worst === null) return;
    const seconds = (worst.floor.at_us - worst.from.at_us) / 1e6;
    found('rate', `within ${seconds.toFixed(2)} s the line came from ${worst.from.place} at most to ${worst.floor.place}: ` +
      `${places.paying(worst.floor.place) - places.paying(worst.from.place)} calls; ${(rate * (seconds + REFILL_CAP_S) + burst).toFixed(1)} were allowed`);
  }

  #judgeRises(places, found) {
    for (const { place, from, to, came, visitor } of this.rises) {
      if (came + 1 >= place) continue; // a jump, if anything
      const mayReturn = place - 1 - came - (places.steady(place - 1) - places.steady(came));
      if (to - from > mayReturn)
        found('ahead-rose', `visitor ${visitor} with place ${place} had ${from} ahead and later ${to}; ${mayReturn} could have come back`);
    }
  }
}

// How many of the known places up to one are neither left nor silent (paying), or are not silent (steady). A place of two owners
// counts once.
class Places {
  constructor(known) {
    const sorted = known.sort((a, b) => a.place - b.place);
    this.place = sorted.map(({ place }) => place);
    this.counts = { paying: [0], steady: [0] };
    sorted.forEach(({ place, left, silent }, i) => {
      const isFirst = place !== this.place[i - 1];
      this.counts.paying.push(this.counts.paying[i] + Number(isFirst && !left && !silent));
      this.counts.steady.push(this.counts.steady[i] + Number(isFirst && !silent));
    });
  }

  #upto(counts, place) {
    let [low, high] = [0, this.place.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.place[middle] <= place) low = middle + 1;
      else high = middle;
    }
    return counts[low];
  }

  paying(place) { return this.#upto(this.counts.paying, place); }

  steady(place) { return this.#upto(this.counts.steady, place); }
}

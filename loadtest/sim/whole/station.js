// station.js: a station does a bounded amount of work per step. Its queues, and measured waits.

const SHORT_S = 1;

// Each step has a budget of CPU time (or bytes, commits, calls). If the next piece of work does not fit into the rest of
// the budget, the rest is carried over to the next step, so that pieces longer than a step get done.
export class Station {
  constructor(name, perSecond, stepS) {
    this.name = name;
    this.perSecond = perSecond;
    this.stepS = stepS;
    this.left = 0;
    this.used = 0; // in this second
    this.busiest = 0; // load of the busiest second, as a share of the capacity
    this.short = false;
    this.firstShortS = undefined;
    this.shortS = 0; // total time with more than SHORT_S of work waiting
    this.tightS = 0; // total time with any work left for the next step
  }

  begin() {
    const step = this.perSecond * this.stepS;
    this.left = step + (this.short ? this.left : 0);
    this.short = false;
  }

  fits(each) {
    return each > 0 ? Math.floor(this.left / each + 1e-9) : Infinity;
  }

  spend(amount) {
    this.left = Math.max(0, this.left - amount);
    this.used += amount;
  }

  // It is normal that some work waits for the next step. Only more than SHORT_S of work counts as a shortage.
  lacked(nowS, amount = Infinity) {
    if (!this.short) this.tightS += this.stepS;
    this.short = true;
    if (amount <= this.perSecond * SHORT_S) return;
    this.shortS += this.stepS;
    this.firstShortS ??= nowS;
  }

  closeSecond() {
    const busy = this.perSecond > 0 ? this.used / this.perSecond : 0;
    this.busiest = Math.max(this.busiest, busy);
    this.used = 0;
    return busy;
  }
}

// Does work that needs several stations, costs = [[station, each], ...]. Returns how many of the `wanted` were done;
// marks the station that was the limit as short.
export function together(costs, wanted, nowS) {
  if (wanted === 0) return 0;
  const parts = [];
  for (const [station, each] of costs) {
    const same = parts.find(([one]) => one === station); // stations may share a machine
    if (same === undefined) parts.push([station, each]);
    else same[1] += each;
  }
  let done = wanted;
  for (const [station, each] of parts) done = Math.min(done, station.fits(each));
  for (const [station, each] of parts) {
    if (done < wanted && station.fits(each) === done) station.lacked(nowS, (wanted - done) * each);
    station.spend(done * each);
  }
  return done;
}

// A FIFO of groups of people, each with the time at which its wait began.
export class Queue {
  constructor() {
    this.groups = [];
    this.head = 0;
    this.length = 0;
  }

  put(sinceS, n) {
    if (n <= 0) return;
    const last = this.groups.at(-1);
    if (this.groups.length > this.head && last.sinceS === sinceS) last.n += n;
    else this.groups.push({ sinceS, n });
    this.length += n;
  }

  // Takes up to n people; calls each(sinceS, n) for every group.
  take(n, each = () => {}) {
    let wanted = Math.min(n, this.length);
    this.length -= wanted;
    while (wanted > 0) {
      const group = this.groups[this.head];
      const now = Math.min(wanted, group.n);
      each(group.sinceS, now);
      group.n -= now;
      wanted -= now;
      if (group.n === 0) this.head += 1;
    }
    if (this.head > 1024 && this.head * 2 > this.groups.length) {
      this.groups = this.groups.slice(this.head);
      this.head = 0;
    }
  }

  // Takes the groups whose wait began at or before a time; they are at the head.
  takeOlder(beforeS, each) {
    while (this.head < this.groups.length && this.groups[this.head].sinceS <= beforeS) this.take(this.groups[this.head].n, each);
  }

  // Removes of(group) people from each group, from the head.
  thin(of) {
    for (let i = this.head; i < this.groups.length; i++) {
      const group = this.groups[i];
      const gone = of(group);
      group.n -= gone;
      this.length -= gone;
    }
    while (this.head < this.groups.length && this.groups[this.head].n === 0) this.head += 1;
  }
}

const SPREAD = 64;

// People whose next action is in a later step.
export class Later {
  constructor() {
    this.at = new Map();
    this.waiting = 0;
  }

  put(step, n) {
    if (n <= 0) return;
    this.at.set(step, (this.at.get(step) ?? 0) + n);
    this.waiting += n;
  }

  // n people, spread evenly over the steps that follow `from`, in at most SPREAD groups.
  spread(from, steps, n) {
    const len = Math.max(1, Math.round(steps));
    const groups = Math.min(len, n, SPREAD);
    for (let i = 0, gone = 0; i < groups; i++) {
      const upTo = Math.floor(((i + 1) * n) / groups);
      this.put(from + Math.floor(((i + 0.5) * len) / groups), upTo - gone);
      gone = upTo;
    }
  }

  take(step) {
    const n = this.at.get(step) ?? 0;
    this.at.delete(step);
    this.waiting -= n;
    return n;
  }
}

// A histogram of waits with at most four percent of error: each bucket is 1.04 times as wide as the one before.
const GROW = Math.log(1.04);
const LEAST_S = 0.01;
export class Waits {
  constructor() {
    this.boxes = new Float64Array(512);
    this.n = 0;
    this.most = 0;
  }

  add(waitS, n) {
    const box = waitS <= LEAST_S ? 0 : Math.min(511, 1 + Math.floor(Math.log(waitS / LEAST_S) / GROW));
    this.boxes[box] += n;
    this.n += n;
    this.most = Math.max(this.most, waitS);
  }

  at(part) {
    let before = 0;
    for (let box = 0; box < this.boxes.length; box++) {
      before += this.boxes[box];
      if (before >= part * this.n && before > 0) return box === 0 ? 0 : Math.min(this.most, LEAST_S * Math.exp((box - 0.5) * GROW));
    }
    return this.most;
  }

  summary() {
    return { p50: this.at(0.5), p99: this.at(0.99), most: this.most, n: this.n };
  }
}

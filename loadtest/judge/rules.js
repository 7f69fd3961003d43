// rules.js: checks that all answers to all visitors can be true together, and that enough visitors got through: a service
// that refuses every request contradicts nothing.
//
// The checker of histories (tests/history) checks the answers about places, seats and money: a place has one visitor, places
// are in order, the line is never faster than allowed, a seat has one hold, tickets are paid. Rules that need these records or
// the scenario are checked here, in one pass with the state of each visitor:
//
//   - a pass only after a call, or before anybody could have been called; one visit per ticket of the line
//   - no more people are inside than allowed; no visit has more seats than allowed; no call ends early
//   - each visitor who paid in time has a ticket
//   - no trick worked, each visitor has exactly one end, and as many got through as the scenario expects
//
// It also counts the results of each manner, and the error of the promised waits.

import { check } from '../../tests/history/check.js';
import { wholeOf } from '../../tests/history/record.js';
import { historyOf, LAG_US } from './history.js';
import { END, FLAG, GONE, KIND, TRICK, endNames, kindNames, mannerNames, trickNames } from './records.js';

const EXAMPLES_MAX = 4; // printed per kind, so that many of one kind do not hide the only one of another; all are counted
const WAITS_MIN = 20; // with fewer waits, the share of kept promises means nothing
const SEATS_MAX = 8; // most seats that a visitor of the crowd asks for
const TALLIES = ['visitors', 'places', 'passes', 'visits', 'tickets', 'seats', 'held_most', 'tried', 'worked'];

/** Default limits and expectations. Without rate_milli the line's rate is not checked; 0 is no limit. */
export const usual = {
  rate_milli: undefined, burst: 0, active_max: 0, session_ttl_ms: 300_000, seats_max: 0, gone_after_ms: 90_000,
  expect: { min_placed: 0, min_passed: 0, min_done: 0, max_waiting: 100, max_turned: 100, max_failed: 0, max_lost: 0, max_void: 0, min_eta_p90: 0, ticket_within: 60_000 },
};

class Judge {
  orders = new Map(); // order -> its first owner
  eta_off = []; // thousandths
  kinds = {}; // of findings -> how many
  found = [];
  findings = 0;
  sums = {
    visitors: 0, places: 0, passes: 0, orders: 0, tickets: 0, seats: 0, paid: 0,
    active_most: 0, // the most visitors who were surely inside at the same time
    payers: 0,
    voided: 0, // payers without a ticket, through no fault of theirs
    unfinished: 0, // paid shortly before the end, no ticket yet
    answered: 0, lost: 0, // answers that never came
    held_until_ms: 0, // when the last hold expires
    eta_judged: 0, eta_within_p50: 0, eta_within_p90: 0, eta_off_p50_milli: 0, eta_off_p90_milli: 0,
  };

  constructor(records, conf) {
    this.conf = conf;
    this.records = records;
    this.people = Array.from({ length: records.visitors }, (_, number) => ({
      number, place: 0, entry: 0, promise: { p50: 0, p90: 0 }, waited_us: 0, visits: 0, passed_us: 0, inside_until_us: 0,
      call_until_us: 0, ordered: 0, by_us: 0, paid: 0, paid_us: 0, order: 0, seats: [], manner: 0, how: 0,
    }));
    this.ended = endNames.map(() => 0);
    this.answers = kindNames.map(() => [0, 0, 0, 0, 0, 0]);
    this.manners = [...mannerNames, 'plain'].map((name) => ({ name, ...Object.fromEntries(TALLIES.map((tally) => [tally, 0])) }));
  }

  find = (kind, text) => {
    this.kinds[kind] = (this.kinds[kind] ?? 0) + 1;
    this.findings += 1;
    if (this.kinds[kind] <= EXAMPLES_MAX) this.found.push(`${kind}: ${text}`);
  };

  // A visitor with several manners counts in each of them.
  * #talliesOf({ manner }) {
    if (manner === 0) yield this.manners.at(-1);
    for (let i = 0; i < mannerNames.length; i += 1) if ((manner >> i) & 1) yield this.manners[i];
  }

  tally(who, name) {
    for (const of of this.#talliesOf(who)) of[name] += 1;
  }

  tallyHeld(who, held) {
    for (const of of this.#talliesOf(who)) of.held_most = Math.max(of.held_most, held);
  }

  // ---- in the line ----

  // A wait was longer than promised if the visitor was surely still waiting when it should have ended. Promises are whole seconds.
  countPromise(who) {
    const isLonger = (seconds) => who.waited_us > who.joined_us + (seconds + 1) * 1_000_000;
    this.sums.eta_judged += 1;
    this.sums.eta_within_p50 += Number(!isLonger(who.promise.p50));
    this.sums.eta_within_p90 += Number(!isLonger(who.promise.p90));
  }

  // A call or a pass ends the wait.
  cameIn(record, who) {
    if (who.called) return;
    who.called = true;
    const real_us = record.at_us - who.joined_us;
    if (who.promise.p50 === 0 || !(real_us >= 2_000_000)) return; // no promise, or hardly any wait
    this.eta_off.push(Math.trunc((Math.abs(real_us - who.promise.p50 * 1_000_000) * 1000) / real_us));
    this.countPromise(who);
  }

  // ---- at the seats ----

  sell(who) {
    this.sums.seats += who.seats.length;
    for (let n = 0; n < who.seats.length; n += 1) this.tally(who, 'seats');
  }

  trickWorked({ value, more, status }, who) {
    if (value === TRICK.TAB || value === TRICK.REJOIN) return status < 300 && more !== who.place && more !== who.entry;
    if (value === TRICK.REUSE) return more !== (who.session ?? 0);
    if (value === TRICK.HOARD) return this.conf.seats_max > 0 && more > this.conf.seats_max;
    return status > 0 && status < 400;
  }

  // Counts each answer once. A lost answer is recorded as OTHER or TRICK with status 0.
  count({ kind, status }) {
    const hundreds = Math.trunc(status / 100);
    this.answers[kind][hundreds < 6 ? hundreds : 0] += 1;
    const repeats = [KIND.CALLED, KIND.SEAT, KIND.UNTIL, KIND.BY, KIND.TAKEN].includes(kind);
    this.sums.answered += Number(status > 0 && !repeats);
    this.sums.lost += Number(status === 0 && (kind === KIND.OTHER || kind === KIND.TRICK));
  }

  // ---- all visitors together ----

  judgeCap() {
    const moments = this.people.filter(({ visits, inside_until_us, passed_us }) => visits > 0 && inside_until_us > passed_us)
      .flatMap(({ passed_us, inside_until_us }) => [{ at_us: passed_us, by: 1 }, { at_us: inside_until_us, by: -1 }]);
    let inside = 0;
    for (const { by } of moments.sort((a, b) => a.at_us - b.at_us || a.by - b.by)) {
      inside += by;
      this.sums.active_most = Math.max(this.sums.active_most, inside);
    }
    const { active_most } = this.sums;
    if (this.conf.active_max > 0 && active_most > this.conf.active_max) this.find('too-many-inside', `${active_most} were inside at the same time`);
  }

  judgeHistory() {
    const [first, ...lines] = historyOf(this.records, this.conf);
    const { found, wide } = check(wholeOf(first, lines));
    for (const { kind, what } of found) this.find(kind, what);
    for (const what of wide) this.find('too-wide', what);
  }

  // Visitors who waited longer than promised and were never called count as well.
  judgeWaits() {
    for (const who of this.people)
      if (!who.called && who.promise.p50 !== 0 && who.waited_us > who.joined_us + (who.promise.p90 + 1) * 1_000_000) this.countPromise(who);
    const offs = this.eta_off.sort((a, b) => a - b);
    const quantile = (q) => offs[Math.max(0, Math.ceil(q * offs.length) - 1)] ?? 0;
    Object.assign(this.sums, { eta_off_p50_milli: quantile(0.5), eta_off_p90_milli: quantile(0.9) });
  }

  // Finds buyers who paid in time and got no ticket. No visitor gives up an order, so it is not their doing. Buyers who paid
  // just before the end of the run may still get theirs.
  judgePayers() {
    const { expect } = this.conf;
    const owed = this.people.filter((who) => who.paid_us > 0 && !who.ticketed && !(who.by_us > 0 && who.paid_us > who.by_us));
    const mayCome = ({ voided, how, paid_us }) => !voided && how === END.PATIENCE && this.records.end_us - paid_us < expect.ticket_within * 1000;
    const late = owed.filter((who) => !mayCome(who));
    this.sums.unfinished = owed.length - late.length;
    this.sums.voided = late.length;
    if (late.length * 1000 <= this.sums.payers * expect.max_void) return;
    for (const { number, paid, voided, how } of late)
      this.find('paid-no-ticket', `visitor ${number} paid ${paid} and has no ticket: ${voided ? 'the order was turned back' : endNames[how]}`);
  }

  // Checks that enough people got through: each scenario sets how many must be placed, admitted and served.
  judgeExpect() {
    const { sums, ended, conf: { expect } } = this;
    const waits = sums.eta_judged >= WAITS_MIN ? sums.eta_judged : 0;
    const least = (kind, came, whole, percent, what) => {
      if (came * 100 < whole * percent) this.find(kind, `${came} of ${whole} ${what}; ${percent} % were expected`);
    };
    const most = (kind, came, whole, share, of, what) => {
      if (came * of > whole * share) this.find(kind, `${came} ${what}, of ${whole}`);
    };
    least('few-placed', sums.places, sums.visitors, expect.min_placed, 'visitors had a place');
    least('few-passed', sums.passes, sums.visitors, expect.min_passed, 'visitors were let in');
    least('few-done', ended[END.DONE], sums.visitors, expect.min_done, 'visitors got as far as the journey goes');
    least('eta', sums.eta_within_p90, waits, expect.min_eta_p90, 'waits were over by the p90 promised when joining');
    most('left-waiting', ended[END.PATIENCE], sums.visitors, expect.max_waiting, 100, 'visitors still waited in the end');
    most('turned-away', ended[END.TURNED], sums.visitors, expect.max_turned, 100, 'visitors were refused for the moment until they gave up');
    most('failed', ended[END.FAILED], sums.visitors, expect.max_failed, 1000, 'visitors met an answer that should not occur');
    most('lost-answers', sums.lost, sums.answered + sums.lost, expect.max_lost, 1000, 'answers never came');
  }

  all() {
    for (const record of this.records) {
      this.count(record);
      ON_RECORD[record.kind]?.(this, record, this.people[record.visitor]);
    }
    this.judgeHistory();
    this.judgeCap();
    this.sums.visitors = this.people.length;
    for (const { number } of this.people.filter(({ ended }) => !ended)) this.find('no-end', `visitor ${number} came to no end`);
    this.judgeWaits();
    this.judgePayers();
    this.judgeExpect();
    const { sums, ended, answers, findings, kinds, found } = this;
    const manners = this.manners.filter(({ visitors }) => visitors > 0);
    return { ...sums, ended, manners, answers, findings, kinds, found };
  }
}

// Records of other kinds are only counted.
const ON_RECORD = {
  [KIND.WHO]: (judge, { value }, who) => {
    who.manner = value;
    judge.tally(who, 'visitors');
  },
  [KIND.ENTRY]: (judge, { value }, who) => { who.entry ||= value; },
  [KIND.JOIN]: (judge, { at_us, value, promise }, who) => {
    const isFirst = who.place === 0;
    who.place = value;
    if (!isFirst) return;
    judge.sums.places += 1;
    judge.tally(who, 'places');
    if (who.entry === 0) Object.assign(who, { promise, joined_us: at_us });
  },
  [KIND.WAIT]: (judge, { asked_us, value, flags, visitor }, who) => {
    if (value !== 0 && value !== who.place) judge.find('changed', `visitor ${visitor} with place ${who.place} was shown ${value}`);
    if ((flags & FLAG.WAITING) !== 0 && (flags & FLAG.STALE) === 0 && value !== 0) who.waited_us = asked_us - LAG_US;
  },
  [KIND.CALLED]: (judge, record, who) => {
    const { value, more, visitor } = record;
    judge.cameIn(record, who);
    if (value !== who.place) judge.find('changed', `visitor ${visitor} with place ${who.place} was called as ${value}`);
    who.call_until_us = more;
  },
  [KIND.PASS]: (judge, record, who) => {
    const { at_us, asked_us, more, flags, visitor } = record;
    const isEarly = (flags & FLAG.EARLY) !== 0; // passed without a call; the history's checker decides whether too early
    if (who.place === 0) judge.find('jump', `visitor ${visitor} was let in without a place`);
    else if (!who.called && !isEarly) judge.find('uncalled-pass', `visitor ${visitor} got a pass without being called`);
    judge.cameIn(record, who);
    const isOther = who.session !== more;
    if (who.visits > 0 && isOther) judge.find('two-visits', `visitor ${visitor} has two visits with one ticket`);
    if (who.visits === 0) {
      judge.sums.passes += 1;
      judge.tally(who, 'passes');
      who.passed_us = at_us;
      who.inside_until_us = asked_us + judge.conf.session_ttl_ms * 1000;
    }
    if (who.visits === 0 || isOther) {
      who.visits += 1;
      judge.tally(who, 'visits');
    }
    who.session = more;
  },
  [KIND.HOLD]: (judge, { value, visitor }, who) => {
    who.isNew = true;
    judge.tallyHeld(who, value);
    if (judge.conf.seats_max > 0 && value > judge.conf.seats_max) judge.find('too-many-seats', `visitor ${visitor} holds ${value} seats`);
  },
  [KIND.SEAT]: (judge, { value_id, visitor }, who) => {
    if (who.isNew) who.seats = []; // the first seat of a new hold
    who.isNew = false;
    if (who.seats.length === SEATS_MAX) judge.find('too-many-seats', `visitor ${visitor} holds more seats than were asked for`);
    else who.seats.push(value_id);
  },
  // The seats of the hold are known now. A repeated answer changes nothing.
  [KIND.UNTIL]: (judge, { value }, who) => {
    if (who.isNew) who.seats = []; // a standing area: its places have no names
    who.isNew = false;
    judge.sums.held_until_ms = Math.max(judge.sums.held_until_ms, Math.trunc(value / 1000));
  },
  [KIND.SOLD]: (judge, record, who) => judge.sell(who),
  [KIND.TICKET]: (judge, record, who) => {
    const { visitor, more } = record;
    if (who.ticketed) return;
    who.ticketed = true;
    judge.sums.tickets += 1;
    judge.tally(who, 'tickets');
    judge.sums.paid += who.paid;
    if (more !== who.order) judge.find('changed', `visitor ${visitor} has tickets of another order`);
    judge.sell(who);
  },
  [KIND.ORDER]: (judge, { value, more, visitor }, who) => {
    if (!judge.orders.has(more)) judge.orders.set(more, visitor);
    const other = judge.orders.get(more);
    if (other !== visitor) judge.find('two-owners', `visitors ${other} and ${visitor} have the same order`);
    if (who.ordered === 0) judge.sums.orders += 1;
    who.ordered = value;
    who.order = more;
  },
  [KIND.BY]: (judge, { value }, who) => { who.by_us = value; },
  [KIND.PAID]: (judge, { at_us, asked_us, value }, who) => {
    judge.sums.payers += Number(who.paid_us === 0);
    who.paid = value;
    who.paid_us = at_us;
    who.inside_until_us = Math.min(who.inside_until_us, asked_us); // from here on the visit may end at any moment
  },
  // A call that is gone before its announced time ended early.
  [KIND.GONE]: (judge, { at_us, value, visitor }, who) => {
    const left_us = who.call_until_us - at_us;
    if (value === GONE.CALL && left_us > 0)
      judge.find('gone-early', `visitor ${visitor}'s call was gone ${(left_us / 1e6).toFixed(1)} s before its announced time`);
  },
  [KIND.VOID]: (judge, record, who) => { who.voided = true; },
  [KIND.TRICK]: (judge, record, who) => {
    const { value, more, status, visitor } = record;
    judge.tally(who, 'tried');
    if (value === TRICK.HOARD) judge.tallyHeld(who, more);
    if (!judge.trickWorked(record, who)) return;
    judge.tally(who, 'worked');
    judge.find('trick', `visitor ${visitor}: "${trickNames[value] ?? '?'}" worked (status ${status}, ${more})`);
  },
  [KIND.END]: (judge, { value, visitor }, who) => {
    if (who.ended) judge.find('no-end', `visitor ${visitor} ended twice`);
    who.ended = true;
    judge.ended[value] += 1;
    who.how = value;
  },
};

/** Returns sums, and contradictions by kind: {visitors, places, ..., ended, manners, answers, findings, kinds, found} */
export const judge = (records, conf) => new Judge(records, { ...usual, ...conf, expect: { ...usual.expect, ...conf.expect } }).all();

export { TALLIES };

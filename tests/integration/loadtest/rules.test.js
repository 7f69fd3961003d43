// The judge of a crowd (loadtest/judge): a true story passes, and each way of contradicting it is found.
//
// Statements of a row. Each record is 10 ms later than the one before.
//
//   KIND VISITOR VALUE [xN] FIELD=VALUE...   a record, or N of them; words: WORDS
//   each N KIND VALUE ...                    the same for the visitors 0 to N - 1
//   waits VISITOR PLACE AHEAD                a wait of a place that was not called
//   holds VISITOR SEAT SECONDS | buys VISITOR PLACE SEAT | sleep TIME
//   edit VISITOR KIND[#N] FIELD=VALUE...     changes the Nth such record
//   every KIND FIELD=VALUE...                changes all such records
//   conf KEY=N...                            another configuration than CONF
//
// A number that ends in + grows with the visitor, or with each of the N records; a change that begins with + or - is relative.
// Expected are:
//
//   only KIND|nothing    the only kind of finding
//   says TEXT            part of the first finding
//   found KIND N | sum NAME N | sum NAME N..N
//   tally NAME N         of the hoarders

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { historyOf } from '../../../loadtest/judge/history.js';
import { END, FLAG, GONE, KIND, MANNER, Records, SENT, TRICK, VOID } from '../../../loadtest/judge/records.js';
import { judge } from '../../../loadtest/judge/rules.js';

const CONF = { rate_milli: 2000, session_ttl_ms: 60_000, active_max: 2, seats_max: 4 };
const lower = (rows) => Object.fromEntries(Object.entries(rows).map(([name, number]) => [name.toLowerCase().replaceAll('_', '-'), number]));
const WORDS = {
  ...lower(VOID), ...lower(TRICK), ...lower(END), ...lower(SENT),
  'ordered': SENT.ORDER, 'dropped': SENT.DROP, 'gone-call': GONE.CALL, 'gone-hold': GONE.HOLD, 'bot': (1 << MANNER.REUSER) | (1 << MANNER.HOARDER),
};
const KINDS = lower(KIND);
const FLAGS = { early: FLAG.EARLY, waiting: FLAG.WAITING, stale: FLAG.WAITING | FLAG.STALE };
const UNITS = { s: 1_000_000, ms: 1000 };

function number(word, more = 0) {
  const [, digits, unit, grows] = /^(\d+)(ms|s)?(\+)?$/.exec(word);
  return Number(digits) * (UNITS[unit] ?? 1) + (grows ? more : 0);
}
const valueOf = (word, more) => WORDS[word] ?? number(word, more);
const changed = (from, to) => (/^[+-]/.test(to) ? from + Math.sign(`${to[0]}1`) * number(to.slice(1)) : valueOf(to));

class Story {
  records = [];
  now_us = 1_700_000_000_000_000;
  conf = { ...CONF, expect: {} };

  put(kind, visitor, value, more = 0) {
    this.now_us += 10_000;
    const record = { at_us: this.now_us, kind: KINDS[kind], visitor, value, more, took_us: 0, status: 200, flags: 0 };
    this.records.push(record);
    return record;
  }

  putLine(kind, visitor, [value, ...rest], more) {
    const isWait = kind === 'waits';
    const record = this.put(isWait ? 'wait' : kind, visitor, valueOf(value, more), isWait ? valueOf(rest[0], more) : 0);
    if (isWait) record.flags = FLAG.WAITING;
    this.set(record, rest);
  }

  set(record, words) {
    for (const [name, to] of words.filter((word) => word.includes('=')).map((word) => word.split('='))) {
      if (name === 'kind') record.kind = KINDS[to];
      else if (name === 'flags') record.flags = FLAGS[to];
      else if (name === 'promise') record.promise = to.split('/').map(Number);
      else if (name === 'status') record.status = number(to);
      else if (name === 'took') record.took_us = number(to);
      else if (name === 'at') record.at_us = changed(record.at_us, to);
      else if (name === 'more') record.more = changed(record.at_us, to); // relative to the time
      else record.value = changed(record.value, to);
    }
  }

  holds(visitor, seat, seconds) {
    this.put('hold', visitor, 1);
    this.put('seat', visitor, seat);
    this.put('until', visitor, this.now_us + seconds * 1_000_000, 100 + visitor);
  }

  buys(visitor, place, seat) {
    this.put('join', visitor, place);
    this.now_us += 1_000_000;
    this.put('called', visitor, place);
    this.put('pass', visitor, place);
    this.put('hold', visitor, 1, 9900);
    this.put('seat', visitor, seat);
    this.put('until', visitor, this.now_us + 60_000_000, 2000 + visitor);
    this.put('sent', visitor, SENT.ORDER);
    this.put('order', visitor, 9900, 1000 + visitor);
    this.put('by', visitor, this.now_us + 60_000_000, 1000 + visitor);
    this.put('paid', visitor, 9900);
    this.put('ticket', visitor, 1, 1000 + visitor);
    this.put('end', visitor, END.DONE);
  }

  of(kind) { return this.records.filter((record) => record.kind === KINDS[kind]); }

  get read() {
    const bytes = Buffer.alloc(40 * this.records.length);
    this.records.forEach(({ at_us, kind, visitor, value, more, promise, took_us, status, flags }, i) => {
      const at = 40 * i;
      [at_us, value, more].forEach((each, n) => bytes.writeBigUInt64LE(BigInt(each), at + 8 * n));
      if (promise) promise.forEach((each, n) => bytes.writeUInt32LE(each, at + 20 - 4 * n));
      [visitor, took_us].forEach((each, n) => bytes.writeUInt32LE(each, at + 24 + 4 * n));
      bytes.writeUInt16LE(status, at + 32);
      bytes.set([kind, flags], at + 34);
    });
    return new Records([{ path: 'a story', bytes }]);
  }

  get verdict() { return judge(this.read, this.conf); }

  run(text) {
    const [verb, ...words] = text.split(/\s+/);
    const expect = (got, want) => {
      const [least, most = least] = want.split('..').map(Number);
      assert.ok(got >= least && got <= most, `${text}: ${got}`);
    };
    const { verdict } = ['only', 'says', 'found', 'sum', 'tally'].includes(verb) ? this : {};
    if (verb === 'only') assert.deepEqual(Object.keys(verdict.kinds), words[0] === 'nothing' ? [] : words, `${text}: ${verdict.found}`);
    else if (verb === 'says') assert.ok(verdict.found[0]?.includes(words.join(' ')), `${text}: ${verdict.found[0]}`);
    else if (verb === 'found') expect(verdict.kinds[words[0]], words[1]);
    else if (verb === 'sum') expect(words[0] === 'done' ? verdict.ended[END.DONE] : verdict[words[0]], words[1]);
    else if (verb === 'tally') expect(verdict.manners.find(({ name }) => name === 'hoarder')[words[0]], words[1]);
    else if (verb === 'sleep') this.now_us += number(words[0]);
    else if (verb === 'holds' || verb === 'buys') this[verb](...words.map(Number));
    else if (verb === 'every') this.of(words[0]).forEach((record) => this.set(record, words));
    else if (verb === 'edit') {
      const [kind, nth = 1] = words[1].split('#');
      this.set(this.of(kind).filter(({ visitor }) => visitor === Number(words[0]))[nth - 1], words);
    } else if (verb === 'conf') {
      for (const [name, to] of words.map((word) => word.split('='))) {
        if (name === 'rate_known') this.conf.rate_milli = undefined;
        else if (name === 'burst' || name === 'gone_after_ms') this.conf[name] = Number(to);
        else this.conf.expect[name] = Number(to);
      }
    } else if (verb === 'each') for (let n = 0; n < Number(words[0]); n += 1) this.putLine(words[1], n, words.slice(2), n);
    else for (let n = 0; n < Number(/^x(\d+)$/.exec(words[2])?.[1] ?? 1); n += 1) this.putLine(verb, Number(words[0]), words.slice(1), n);
  }
}

const HONEST = 'buys 0 1 10; buys 1 2 11;';
const BOT = `${HONEST} edit 1 end kind=other; who 1 bot at=-60s; trick 1 reuse more=0; trick 1 hoard more=4;
    trick 1 share status=409; trick 1 return status=410; end 1 done;`;
const NO_ANSWER = 'each 10 other 0 status=503; each 10 end turned;';

const ROWS = [
  ['true story passes', `${HONEST} sum findings 0; sum tickets 2; sum paid 19800; sum done 2`],
  ['place of two visitors is found', `${HONEST} edit 1 join value=1; edit 1 called value=1; says place 1 was given to visitor-0 and to visitor-1`],
  ['seat sold to two visitors is found', `${HONEST} edit 1 seat value=10; only two-owners; says seat 000000000000000a`],
  ['order of two visitors is found', `${HONEST} edit 1 order more=1000; says visitors 0 and 1 have the same order`],
  ['second place of a visitor is found', `${HONEST} join 0 3; says visitor-0 got place 1 and later 3`],
  ['two hundred places of a visitor are found', `${HONEST} join 0 1000+ x200; says visitor-0 got place 1 and later 1000`],
  ['pass without a call is found', `${HONEST} edit 0 called kind=other; says without being called`],
  ['tickets for less than their price are found', `${HONEST} edit 1 paid value=9800; says costs 9900, and 9800 were paid for its tickets`],
  ['tickets without a payment are found', `${HONEST} edit 1 paid kind=other; says nobody paid for it`],
  ['line that moves too fast is found', `
    each 4 join 900+; called 3 903; each 4 end no-show; says from 899 at most to 903: 4 calls; only rate; edit 0 end value=left;
    edit 1 end value=left; edit 2 end value=left; only rate; edit 3 called at=+250ms; only nothing`],
  ['rate holds in each window', `
    each 40 join 1+; sleep 60s; waits 39 40 39; each 40 called 1+; each 40 end patience; only rate; conf burst=40; only nothing`],
  ['visitor let in before those in front is found', `
    each 20 join 1+; sleep 10s; pass 9 10 flags=early; sleep 3s; waits 19 20 9; each 20 end patience; only nothing; edit 19 wait more=10;
    only jump; edit 9 pass kind=called; only jump; edit 19 wait flags=stale; only nothing; edit 19 wait flags=waiting at=-2500ms; only nothing`],
  ['pass before the draw is found', 'conf rate_known=0; entry 0 1; pass 0 1 flags=early; end 0 done; only jump'],
  ['more people ahead are found unless some may have come back', `
    each 6 join 1+; waits 5 6 5; sleep 3s; waits 5 6 3; sleep 3s; waits 5 6 5; each 6 waits 1+ 0; each 6 end patience;
    says visitor-5 with place 6 had 3 ahead and later 5; says 0 can have come back; only ahead-rose; conf gone_after_ms=6000; only nothing;
    conf gone_after_ms=90000; edit 5 wait#2 flags=stale; only nothing`],
  ['place of a stranger may come back', `
    join 0 1; join 1 4; waits 1 4 1; sleep 3s; waits 1 4 3; each 2 end patience; only nothing; edit 1 wait#2 more=4; only ahead-rose`],
  ['seat held for two is found though neither buys it', `
    holds 0 7 10; sleep 5s; holds 1 7 10; each 2 end patience; only two-owners; edit 0 until value=-6s; only nothing;
    sum held_until_ms 1700000015050`],
  ['seat given back may be held for another', 'holds 0 7 10; sent 0 dropped; sleep 5s; holds 1 7 10; end 0 left; end 1 patience; only nothing'],
  ['sold seat held for another is found', `
    buys 0 1 10; sleep 600s; holds 1 10 10; end 1 left; only two-owners; edit 1 seat value=11; only nothing`],
  ['seat confirmed without money is sold', `
    holds 0 7 1; sleep 2s; sent 0 ordered; sold 0 1; end 0 done; holds 1 7 1; sleep 2s; sent 1 ordered; sold 1 1; end 1 done;
    only two-owners; says seat 0000000000000007; edit 1 seat value=8; only nothing; sum seats 2`],
  ['payer without a ticket is found', `
    ${HONEST} edit 1 ticket kind=void value=cancelled; edit 1 end value=voided;
    says visitor 1 paid 9900 and has no ticket: the order was turned back; only paid-no-ticket; conf max_void=500; only nothing;
    conf max_void=0; edit 1 by value=-120s; only nothing`],
  ['payer shortly before the end may get a ticket later', `
    ${HONEST} edit 1 ticket kind=step; edit 1 end value=patience; sum unfinished 1; only nothing; edit 1 end at=+61s; only paid-no-ticket;
    edit 1 end at=-61s value=too-late; only paid-no-ticket`],
  ['hold gone before its time is found', `
    holds 0 7 10; sleep 8s; gone 0 gone-hold; end 0 left; only gone-early; edit 0 gone at=+3s;
    edit 0 end at=+3s; only nothing`],
  ['call gone before its time is found', `
    join 0 1; sleep 2s; called 0 1 more=+60s; gone 0 gone-call; end 0 too-late; only gone-early; edit 0 called more=0; only nothing`],
  ['service that places nobody is found', `${NO_ANSWER} conf min_placed=90; only few-placed`],
  ['service that admits nobody is found', `${NO_ANSWER} conf min_passed=1; only few-passed`],
  ['service that serves nobody is found', `${NO_ANSWER} conf min_done=1; only few-done`],
  ['service that turns all away is found', `${NO_ANSWER} conf max_turned=50; only turned-away`],
  ['service that leaves all waiting is found', `${NO_ANSWER} conf max_waiting=99; every end value=patience; only left-waiting`],
  ['answers that never came are found', `${NO_ANSWER} conf max_lost=499; every other status=0; only lost-answers; sum lost 10; sum answered 10`],
  ['waits longer than promised are found though nobody is called', `
    conf min_eta_p90=80; each 20 join 1+ promise=2/4; sleep 6s; each 20 waits 1+ 0+; each 20 end patience; only nothing; every wait at=+2s;
    only eta; sum eta_judged 20; sum eta_within_p90 0`],
  ['jump that worked is found', `${HONEST} trick 0 jump status=201; says "jump the line" worked`],
  ['second tab that worked is found', `${HONEST} trick 0 tab more=7; says "second tab" worked`],
  ['trick that failed is not found', `${HONEST} trick 0 forge more=1 status=401; trick 0 rejoin more=1; sum findings 0`],
  ['visitor without an end is found', `${HONEST} edit 1 end kind=other; says visitor 1 came to no end`],
  ['only the last hold counts when seats were changed', `
    join 0 1; hold 0 1; seat 0 11; hold 0 1; seat 0 12; end 0 left; buys 1 2 11; sum findings 0`],
  ['lower number for a later visitor is found', `
    join 0 7; join 1 6 took=9000; each 2 end patience; says visitor-0 got place 7 before visitor-1 asked, who got 6; edit 1 join took=11000;
    sum findings 0`],
  ['place that changes is found', `${HONEST} wait 0 1 more=5; sum findings 0; wait 0 2 more=6; says visitor 0 with place 1 was shown 2`],
  ['draw makes places of entries in any order', `
    each 3 entry 1+; join 0 3; join 1 2; join 2 1; each 3 end patience; sum findings 0; edit 2 join value=3;
    says place 3 was given to visitor-0 and to visitor-2; edit 2 join value=1; edit 2 entry value=1; says entry 1 was given to visitor-0 and to visitor-2`],
  ['more inside than allowed are found', `
    conf max_void=1000 rate_known=0; sleep 1s; join 0 1; called 0 1; pass 0 1 more=71; paid 0 0; end 0 done; sleep 1s; join 1 2; called 1 2;
    pass 1 2 more=72; end 1 done; sleep 1s; join 2 3; called 2 3; pass 2 3 more=73; end 2 done; sum findings 0; sum active_most 2;
    edit 0 paid kind=other; only too-many-inside; sum active_most 3; edit 0 pass at=-59500ms; edit 0 called at=-60s; edit 0 join at=-60s;
    sum active_most 2`],
  ['bot that got nothing more is counted', `
    ${BOT} sum findings 0; tally visitors 1; tally tickets 1; tally held_most 4; tally tried 4; tally worked 0`],
  ['second visit of a ticket is found', `${BOT} trick 1 reuse more=5; says "second visit of a ticket" worked; tally worked 1`],
  ['hoarded seats are found', `${BOT} trick 1 hoard more=5; says "hoard seats" worked; tally worked 1`],
  ['order of a shared hold is found', `${BOT} trick 1 share; says "order somebody else's hold" worked; tally worked 1`],
  ['return after the order is found', `${BOT} trick 1 return; says "come back after the order" worked; tally worked 1`],
  ['pass used after its order is found', `${BOT} trick 1 second; says "pass used after its order" worked; tally worked 1`],
  ['forged ticket that worked is found', `${BOT} trick 1 forge; says "forged ticket" worked; tally worked 1`],
  ['two visits with one ticket are found', `${HONEST} pass 0 1; sum findings 0; pass 0 1 more=99; says visitor 0 has two visits with one ticket`],
  ['promised waits are compared with the real ones', `
    join 0 1 promise=10/20; sleep 12500ms; waits 0 1 0; called 0 1; end 0 no-show; join 1 2 promise=10/20; sleep 40s; waits 1 2 0; called 1 2;
    end 1 no-show; sum findings 0; sum eta_judged 2; sum eta_within_p50 1; sum eta_within_p90 1; sum eta_off_p90_milli 700..800`],
];

for (const [name, script] of ROWS) {
  test(name, () => {
    const story = new Story();
    for (const statement of script.trim().split(/;\s*/).filter(Boolean)) story.run(statement.trim());
  });
}

test('records of no kind, and files that were cut off, are refused', () => {
  const bytes = Buffer.alloc(40);
  bytes[34] = 99;
  assert.throws(() => new Records([{ path: 'a', bytes }]), /record 0 is not a record/);
  assert.throws(() => new Records([{ path: 'a', bytes: bytes.subarray(1) }]), /a is no record, or was cut off/);
});

test('a history has a line for each operation', () => {
  const story = new Story();
  story.now_us = 0;
  for (const statement of `${HONEST} sent 0 hold; want 0 7; taken 0 7; other 0 0 status=409; sent 0 dropped; step 0 0`.split('; ')) story.run(statement.replace(/;$/, ''));
  const [head, ...lines] = historyOf(story.read, { gone_after_ms: 5 });
  assert.deepEqual(head, { history: 1, of: 'a crowd', saga: 'unseen', lag_us: 2_000_000, gone_after_us: 5000, exact: true });
  assert.deepEqual(lines.filter(({ by }) => by === 'visitor-0').map(({ op, answer }) => `${op} ${answer}`),
    ['join ok', 'called ok', 'enter ok', 'hold ok', 'order ok', 'paid ok', 'ticket ok', 'hold refused', 'release ok']);
  assert.deepEqual(lines.find(({ op }) => op === 'hold'),
    { op: 'hold', by: 'visitor-0', from: 1_040_000, seats: ['000000000000000a'], hold: '00000000000007d0', until: 61_050_000, answer: 'ok', to: 1_040_000 });
});

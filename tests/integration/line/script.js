// Tests of a line as rows of a name and a script of statements, separated by semicolons or new lines:
//
//   create rate_milli=1000 in paused     an event and its front `one`; open, unless a state is named
//   front two lane=1                     another front of it, which acts from here on
//   one; two                             that front acts from here on
//   join 20; join a b@1.1.1.1 = 1* 0     visitors by number, key or key@address, and their places; *: had it before
//   tick; step 100; run 3000 500         run: ticks for 3000 ms, 500 ms apart (100 unless named)
//   calls 5 5 4                          the number called by each tick of the last run
//   view serving=5 active=3..7           fields of the last tick's answer
//   is document.burst=33                 fields of the front itself
//   answer retryMs=1..1000               fields of the last visit's answer, or heal's
//   keep a; heartbeat 1 by=a             what a pass of that answer says, and a call with such a pass; {a.shownMs+5} is five behind its end
//   knows issued=40; set slotMs=50       sets what the front remembers, and what it is
//   redis HGET cfg burst = 10            a command on a key of the line, and its answer, or `none`
//   enter 1 2                            these places get a pass
//   pass 1..3 not-yet; leave 2 ok same   a call for each of these places, once for each outcome
//   8 times: pass 4 not-yet, tick        the statements behind the colon, repeated
//   change max_active=2; move paused     knobs that are not named stay
//
// {ms+5000} is five seconds from now.

import assert from 'node:assert/strict';
import { Front, OUTCOME, STATE } from './line.js';

export const FULL = 1_073_741_831; // LINE_FULL of lua/wire.list

const named = (table, word) => table[word.replaceAll('-', '_').toUpperCase()];
const isPair = (word) => /^\w+=/.test(word);
export const pairsOf = (words) => Object.fromEntries(words.filter(isPair).map((word) => word.split('='))
  .map(([name, value]) => [name, /^-?\d+$/.test(value) ? Number(value) : value]));

export const range = (word) => {
  const [from, to = from] = word.split('..').map(Number);
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
};

const joinOf = (word) => {
  const [key, ip] = word.split('@');
  return { ...(key && { key }), ...(ip && { ip }) };
};

function assertFits(name, got, want) {
  const [, from, to] = /^(-?\d+)\.\.(-?\d+)$/.exec(want) ?? [];
  assert.ok(from === undefined ? String(got ?? '') === want : got >= Number(from) && got <= Number(to), `${name} is ${got}`);
}

export function assertFields(of, words) {
  for (const [name, want] of words.map((word) => word.split('='))) {
    const got = name.split('.').reduce((at, part) => at[part], of);
    assertFits(name, got, name === 'state' ? String(named(STATE, want)) : want);
  }
}

async function tick({ line, calls }) {
  const from = line.view?.serving ?? 0;
  const { outcome } = await line.tick();
  calls.push(line.view?.serving - from);
  return outcome;
}

async function visit(script, call, words) {
  const outcomes = words.filter((word) => /^[a-z-]+$/.test(word));
  const { by, ...given } = pairsOf(words);
  for (const place of words.filter((word) => /^\d/.test(word)).flatMap(range)) {
    for (const wanted of outcomes.length > 0 ? outcomes : [null]) {
      script.answer = await script.line.visit(call, place, { ...script.kept[by], ...given });
      if (wanted !== null) assert.equal(script.answer.outcome, named(OUTCOME, wanted), `place ${place}`);
    }
  }
}

const VERBS = {
  front(script, [name, ...words]) {
    script.line = new Front(script.clockwork, script.event, { id: `front-${name}`, ...pairsOf(words) });
    script.fronts[name] = script.line;
  },
  async create(script, words) {
    script.knobs = pairsOf(words);
    script.state = words.at(-2) === 'in' ? words.at(-1) : 'open';
    VERBS.front(script, ['one']);
    await script.line.create(script.knobs, named(STATE, script.state));
  },
  knows: ({ line }, words) => Object.assign(line.marks, pairsOf(words)),
  set: ({ line }, words) => Object.assign(line, pairsOf(words)),
  keep({ answer: { expiresMs, endsMs }, kept }, [name]) {
    kept[name] = { expiresMs, endsMs, shownMs: Math.floor(expiresMs / 1000) * 1000 }; // whole seconds
  },
  change: ({ line, knobs }, words) => line.change(Object.assign(knobs, pairsOf(words))),
  async move(script, [state, ...words]) {
    assert.equal((await script.line.move(named(STATE, script.state), named(STATE, state), pairsOf(words))).outcome, OUTCOME.OK);
    script.state = state;
  },
  async join({ line }, who, wanted) {
    const { outcome, places, fresh } = await line.join(/^\d/.test(who[0]) ? Number(who[0]) : who.map(joinOf));
    if (outcome !== OUTCOME.OK) assert.equal(outcome, named(OUTCOME, wanted[0]));
    else if (wanted.length > 0) {
      const told = places.map((place, i) => (place === FULL ? 'full' : `${place}${fresh[i] || place === 0 ? '' : '*'}`));
      assert.deepEqual(told, wanted.flatMap((word) => (word.includes('..') ? range(word).map(String) : word)));
    }
  },
  async tick(script, [wanted = 'ok']) {
    assert.equal(await tick(script), named(OUTCOME, wanted));
  },
  step: ({ clockwork }, [ms]) => clockwork.step(Number(ms)),
  async run(script, [ms, everyMs = 100]) {
    script.calls = [];
    for (let passed = 0; passed < Number(ms); passed += Number(everyMs)) {
      await script.clockwork.step(Number(everyMs));
      await tick(script);
    }
  },
  calls: ({ calls }, words) => assert.deepEqual(calls, words.map(Number)),
  view: ({ line }, words) => assertFields(line.view, words),
  is: ({ line }, words) => assertFields(line, words),
  answer: ({ answer }, words) => assertFields(answer, words),
  async redis({ clockwork, line }, [command, key, ...more], wanted) {
    const name = line.key(key.replace('{minute}', Math.floor(clockwork.ms / 60_000)));
    const got = await clockwork.redis.command(command, name, ...more);
    if (wanted.length > 0) assertFits(key, [got].flat().join(' '), wanted.join(' ').replace(/^none$/, ''));
  },
  enter: (script, words) => visit(script, 'pass', [...words, 'ok']),
};
for (const call of ['pass', 'heartbeat', 'end', 'leave', 'done', 'extend']) VERBS[call] = (script, words) => visit(script, call, words);

let names = 0;

const statementsOf = (text) => text.split(/[;\n]/).map((one) => one.trim()).filter(Boolean).flatMap((one) => {
  const [, times, what] = /^(\d+) times: (.*)/.exec(one) ?? [];
  return times === undefined ? [one] : Array.from({ length: Number(times) }, () => what.split(', ')).flat();
});

// `verbs`: the caller's own statements, each (script, words, expected words) => work.
export async function runScript(clockwork, text, verbs = {}) {
  const script = { clockwork, event: `row-${(names += 1)}`, fronts: {}, calls: [], kept: {} };
  for (const written of statementsOf(text)) {
    const statement = written.replace(/\{ms([+-]\d+)\}/g, (_, more) => clockwork.ms + Number(more))
      .replace(/\{(\w+)\.(\w+)([+-]\d+)?\}/g, (_, name, field, more = 0) => script.kept[name][field] + Number(more));
    const [left, right = ''] = statement.split(' = ');
    const [verb, ...words] = left.split(/\s+/);
    try {
      if (verb in script.fronts) script.line = script.fronts[verb];
      else await { ...VERBS, ...verbs }[verb](script, words, right.split(' ').filter(Boolean));
    } catch (error) {
      error.message = `${statement}: ${error.message}`;
      throw error;
    }
  }
  return script;
}

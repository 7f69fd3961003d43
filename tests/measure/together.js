// together.js: many changes of a file in one program, which selects one at its start (choice.c). So a file is compiled
// and linked once for all its changes, and a test's program is not restarted.
//
// Bytes become `(change_chosen == 7 ? replacement : original)`, so a range may contain other changes. Compile-time
// constants cannot be selected, nor can operands without a common C type.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const OUTER_FIRST = ['loop', 'jump', 'deed', 'value', 'constant'];
const order = (a, b) => a.from - b.from || b.until - a.until || OUTER_FIRST.indexOf(a.kind) - OUTER_FIRST.indexOf(b.kind);

const KINDS = {
  value: (before, changes) => `(${changes.map(({ number, to }) => `change_chosen == ${number} ? (${to}) : `).join('')}(${before}))`,
  deed: (before, [{ number }]) => `(change_chosen == ${number} ? (void)0 : (void)(${before}))`,
  jump: (before, [{ number }]) => `if (change_chosen != ${number}) ${before}; else (void)0`,
  loop: (before, [{ number }]) => `{ ${before} if (change_chosen == ${number}) break; }`,
};

/** A file's text with these changes in it, numbered from 1. Lines keep their numbers. */
export function blend(text, changes) {
  const places = new Map();
  changes.forEach(({ at, end, text: into, kind, from, until }, i) => {
    const key = `${from} ${until} ${kind}`;
    const to = (text.slice(from, at) + into + text.slice(end, until)).replaceAll('\n', ' ');
    const place = places.get(key) ?? { kind, from, until, changes: [] };
    place.changes.push({ number: i + 1, to });
    places.set(key, place);
  });
  const rest = [...places.values()].sort(order);
  const copy = (from, until) => {
    let out = '';
    for (let at = from; ; ) {
      const next = rest[0];
      if (next === undefined || next.until > until) return out + text.slice(at, until);
      if (next.from < at) throw new Error(`two changes cross at byte ${at}`);
      rest.shift();
      out += text.slice(at, next.from) + KINDS[next.kind](copy(next.from, next.until), next.changes);
      at = next.until;
    }
  };
  return `extern int change_chosen;\n#line 1\n${copy(0, text.length)}`;
}

export const canBeChosen = ({ kind }) => kind !== 'constant';

/** The changes that are not where the compiler reported an error. */
export function withoutFaults(text, changes, said) {
  const lines = [...said.matchAll(/:(\d+):\d+: error: /g)].map(([, line]) => Number(line));
  const lineAt = (at) => text.slice(0, at).split('\n').length;
  return changes.filter(({ from, until }) => {
    const [first, last] = [lineAt(from), lineAt(until)];
    return !lines.some((line) => first <= line && line <= last);
  });
}

/** A test's program with many changes in it, which tries one after another. */
export class Chooser {
  constructor(program, env) {
    this.child = spawn(program, [], { env: { ...env, FAIRGATE_CHOICES: '1' }, stdio: ['pipe', 'pipe', 'ignore'] });
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  async run(number, cpuS) {
    this.child.stdin.write(`${number} ${Math.ceil(1000 * cpuS)}\n`);
    const { value, done } = await this.lines.next();
    if (done) throw new Error('the program that runs the tests has ended');
    const [ok, ms] = value.split(' ').map(Number);
    return { ok: ok === 1, cpuS: ms / 1000 };
  }

  end() {
    this.child.stdin.end();
  }
}

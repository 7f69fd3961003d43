// The test runners: after a crash in any test the run fails, and only tests/shaky.md excuses a test. Each case is a separate
// run over test files written for it.

import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { judge } from '../../infra/test-reporter.js';
import { openScope, processAlive, ROOT, until } from '../lib-js/index.js';
import { failedOf, percentOf } from '../measure/floor.js';

const scope = openScope(test);

const CRASHES = `
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
static void *idle(void *ctx)
{
    return ctx;
}
int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";
    volatile int four = 4;
    if (strcmp(how, "abort") == 0)
        abort();
    assert(strcmp(how, "assert") != 0);
    void *volatile kept = strcmp(how, "leak") == 0 ? malloc(10) : NULL;
    kept = NULL;
    if (strcmp(how, "overflow") == 0)
        memset(malloc(3), 7, (size_t)four);
    if (strcmp(how, "overrun") == 0)
        return four + 0x7fffffff;
    if (strcmp(how, "null") == 0)
        memcpy((void *)(size_t)(four - 4), how, 4);
    pthread_t thread;
    if (strcmp(how, "thread") == 0)
        return pthread_create(&thread, NULL, idle, NULL) + pthread_join(thread, NULL);
    return 0;
}
`;

const programs = {};
const dir = scope.tempDir('crash-');
writeFileSync(join(dir, 'crash.c'), CRASHES);
const sanitized = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-D_GNU_SOURCE', join(ROOT, 'tests/unit/lib/threads.c')];
for (const [variant, flags] of Object.entries({ plain: [], asan: sanitized })) {
  programs[variant] = join(dir, variant);
  execFileSync('cc', ['-g', '-O1', '-w', ...flags, '-o', programs[variant], join(dir, 'crash.c')]);
}

// A folder for a run's leftovers, for test files that see the helpers as $LIB and the folder as $DIR.
class Run {
  constructor(files, { shaky = '', env = {} } = {}) {
    this.env = env;
    this.dir = scope.tempDir('run-');
    this.findings = join(this.dir, 'findings');
    this.shaky = join(this.dir, 'shaky.md');
    writeFileSync(this.shaky, shaky);
    this.paths = Object.entries(files).map(([name, text]) => {
      const path = join(this.dir, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, `${PREAMBLE}${text}`.replaceAll('$LIB', join(ROOT, 'tests/lib-js')).replaceAll('$DIR', this.dir));
      return path;
    });
  }

  // -> {status, text, found: [text]}
  start(program = process.execPath, args = [join(ROOT, 'infra/black-box.js'), ...this.paths], cwd = this.dir) {
    const env = { ...process.env, FAIRGATE_FINDINGS: this.findings, FAIRGATE_SHAKY_LIST: this.shaky, ...this.env };
    for (const name of ['NODE_TEST_CONTEXT', 'FAIRGATE_TIMES', 'FAIRGATE_SEED', 'FAIRGATE_TEST_SEED']) if (!(name in this.env)) delete env[name];
    mkdirSync(this.findings, { recursive: true });
    return new Promise((resolve) => {
      const child = execFile(program, args, { env, cwd }, (_, stdout, stderr) =>
        resolve({ status: child.exitCode, text: stdout + stderr, found: stdout.split('\n').filter((line) => line.startsWith('FOUND  ')) }));
      this.child = child;
      scope.defer(() => child.kill('SIGKILL')); // if the test failed
    });
  }
}

const PREAMBLE = `
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import test, { after, before, describe } from 'node:test';
import { fakeBuild, openScope, openStack, seededRng, until } from '$LIB/index.js';
const failOnce = (name) => {
  if (existsSync('$DIR/' + name)) return;
  writeFileSync('$DIR/' + name, '');
  throw new Error('only now');
};
`;

const closing = (text) => /^(\d+) passed, (\d+) failed$/m.exec(text).slice(1).map(Number);

test('each kind of crash is found although the test bodies pass', async () => {
  const ways = ['abort', 'assert', 'overflow', 'overrun', 'null', 'leak'].map((how) => ['asan', how]);
  ways.push(['plain', 'abort'], ['plain', 'assert'], ['plain', 'null']);
  const bodies = ways.map(([variant, how]) => `
    test('${variant} ${how}', async () => {
      await scope.spawn('${variant}-${how}', ['${programs[variant]}', '${how}']).ends();
    });`);
  const { status, text, found } = await new Run({
    'ways.test.js': `const scope = openScope();\n${bodies.join('')}\nafter(() => scope.close().catch(() => {}));`,
  }).start();
  assert.equal(status, 1, text);
  for (const [variant, how] of ways) {
    const one = found.filter((line) => line.includes(`: ${variant}-${how} (pid`));
    assert.equal(one.length, 1, `${variant} ${how}: ${text}`);
  }
  assert.match(text, /heap-buffer-overflow/, 'its report is printed');
  assert.match(text, /runtime error: signed integer overflow/);
  assert.match(text, /Assertion `strcmp\(how, "assert"\) != 0' failed/);
});

for (const [variant, how] of [['asan', 'overflow'], ['plain', 'abort']]) {
  test(`${variant}, ${how}: found as well where the body fails too and passes when it is run again`, async () => {
    const run = new Run({
      'twice.test.js': `
        test('a body', async (t) => {
          const scope = openScope(t);
          if (!existsSync('$DIR/once')) await scope.spawn('victim', ['${programs[variant]}', '${how}']).ends();
          failOnce('once');
        });`,
    });
    const first = await run.start();
    assert.equal(first.status, 1, first.text);
    assert.equal(first.found.length, 1, first.text);
    assert.doesNotMatch(first.text, /once more/, 'a finding is no reason to look again');
  });
}

for (const signal of ['SIGTERM', 'SIGINT'])
  test(`asked to end by ${signal}, a run begins nothing more, and what it began ends what it started`, async () => {
    const body = `
      let goOn;
      const tried = new Promise((resolve) => { goOn = resolve; });
      let endFirst;
      test('a body that waits', async () => {
        const scope = openScope();
        scope.defer(async () => { endFirst(); await tried; });
        scope.defer(() => writeFileSync('$DIR/' + process.pid + '.tidied', ''));
        const { pid } = scope.spawn('service', ['sleep', '600'], { stays: true });
        writeFileSync('$DIR/' + process.pid + '.began', String(pid));
        const beat = setInterval(() => {}, 1000);
        await new Promise((resolve) => { endFirst = resolve; });
        clearInterval(beat);
      });
      test('one that is begun while the file tidies up', () => {
        try {
          openScope();
          writeFileSync('$DIR/' + process.pid + '.late', '');
        } finally {
          goOn();
        }
      });`;
    const atOnce = 4;
    const run = new Run(Object.fromEntries(Array.from({ length: 9 }, (_, n) => [`${n}.test.js`, body])), { env: { FAIRGATE_OTHERS: atOnce } });
    const ended = run.start();
    const began = () => readdirSync(run.dir).filter((name) => name.endsWith('.began') && readFileSync(join(run.dir, name), 'utf8') !== '');
    await until('as many to run as run at once', () => began().length === atOnce);
    run.child.kill(signal);
    await until('it to be heard', () => readdirSync(run.dir).some((name) => name.endsWith('.tidied')));
    run.child.kill('SIGTERM'); // a second signal must be ignored
    const { status, text } = await ended;
    assert.equal(status, signal === 'SIGTERM' ? 143 : 130, text);
    assert.equal(began().length, atOnce, 'nothing more was begun');
    for (const name of began()) {
      const file = name.replace('.began', '');
      assert.ok(existsSync(join(run.dir, `${file}.tidied`)), 'what was deferred was done');
      assert.ok(!existsSync(join(run.dir, `${file}.late`)), 'no scope is opened that nobody would close');
      for (const pid of [file, readFileSync(join(run.dir, name), 'utf8')]) assert.ok(!processAlive(pid), `${pid} has ended`);
    }
  });

const setpriv = execFileSync('sh', ['-c', 'command -v setpriv'], { encoding: 'utf8' }).trim();

// A run that is killed at once has started programs that have not yet set pdeathsig.
for (const [how, askedAfterS] of [['a run that is killed', 0], ['a run that is killed at once', 0.5]])
  test(`${how} leaves nothing of what it began`, async () => {
    const bin = scope.tempDir('bin-');
    writeFileSync(join(bin, 'setpriv'), `#!/bin/sh\nsleep ${askedAfterS}\nexec ${setpriv} "$@"\n`, { mode: 0o755 });
    const run = new Run({
      'waits.test.js': `
        test('a body that waits', async () => {
          const { pid } = openScope().spawn('service', ['sleep', '600'], { stays: true });
          writeFileSync('$DIR/began', process.pid + ' ' + pid + '.');
          setInterval(() => {}, 1000);
          await new Promise(() => {});
        });`,
    }, { env: { PATH: `${bin}:${process.env.PATH}` } });
    const ended = run.start();
    const began = await until('its file to run', () => existsSync(join(run.dir, 'began')) && /^(\d+) (\d+)\.$/.exec(readFileSync(join(run.dir, 'began'), 'utf8')));
    run.child.kill('SIGKILL');
    await until('all of it to have ended', () => !began.slice(1).some(processAlive));
    await ended;
  });

test('a run that is killed leaves no stack of what it began, though that runs in the background', async () => {
  const run = new Run({
    'waits.test.js': `
      test('a body that waits', async () => {
        const stack = await openStack(openScope(), { env: { FAIRGATE_BUILD_DIR: fakeBuild(openScope(), ['queue-front']) } });
        await stack.up();
        writeFileSync('$DIR/began', stack.processes().map((line) => parseInt(line, 10)).join(' ') + '.');
        setInterval(() => {}, 1000);
        await new Promise(() => {});
      });`,
  });
  const ended = run.start();
  const began = () => existsSync(join(run.dir, 'began')) && readFileSync(join(run.dir, 'began'), 'utf8');
  const pids = (await until('its stack to be up', () => began().endsWith?.('.') && began())).slice(0, -1).split(' ');
  assert.ok(pids.length > 5, pids.join(' '));
  run.child.kill('SIGKILL');
  await until('all of it to have ended', () => !pids.some(processAlive));
  await ended;
});

test('each file is run by the Node that runs all of them, whichever the PATH has', async () => {
  const bin = scope.tempDir('bin-');
  writeFileSync(join(bin, 'node'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  const run = new Run({ 'good.test.js': `test('this Node', () => {
    assert.equal(process.execPath, '${process.execPath}');
    assert.equal(process.env.FAIRGATE_NODE, undefined);
  });` }, { env: { PATH: `${bin}:${process.env.PATH}` } });
  const { status, text } = await run.start();
  assert.equal(status, 0, text);
});

test('a program with `stays` that ends by itself is a finding', async () => {
  const stays = (name, what, then) => `test('${name}', async (t) => {
    const scope = openScope(t);
    const child = scope.spawn('${name}', ['sh', '-c', '${what}'], { stays: true });
    ${then}
  });`;
  const bad = await new Run({
    'bad.test.js': `${stays('well', 'exit 0', 'await child.ends();')}
      ${stays('badly', 'exit 3', 'await child.ends();')}
      ${stays('asked', 'trap "exit 4" TERM; echo up; while :; do sleep 0.01; done', "await until('it', () => child.log() !== ''); await child.stop().catch(() => {});")}`,
  }).start();
  assert.equal(bad.status, 1);
  assert.match(bad.text, /FOUND .*: well \(pid \d+\) ended by itself \(status 0\)/);
  assert.match(bad.text, /FOUND .*: badly \(pid \d+\) ended by itself \(status 3\)/);
  assert.match(bad.text, /FOUND .*: asked \(pid \d+\) was asked to end, and ended badly \(status 4\)/);

  const good = await new Run({
    'good.test.js': `${stays('killed', 'sleep 60', 'await child.kill();')}
      ${stays('allowed', 'exit 1', 'child.mayEnd = true; await child.ends();')}
      ${stays('kept', 'sleep 60', '')}`,
  }).start();
  assert.deepEqual([good.status, ...closing(good.text)], [0, 3, 0], good.text);
});

test('an abort in a stack is a finding although the part restarts at once', async () => {
  const body = (then) => `
    test('a stack', async (t) => {
      const scope = openScope(t);
      const stack = await openStack(scope, { env: { FAIRGATE_BUILD_DIR: fakeBuild(scope, ['queue-front']) } });
      await stack.up();
      const { pid } = (await stack.parts())['queue-front'];
      ${then}
      await until('it to be back', async () => {
        const part = (await stack.parts())['queue-front'];
        return part.ready && part.pid !== pid;
      });
      failOnce('once');
    });`;
  const planned = await new Run({ 'planned.test.js': body("await stack.kill('queue-front');").replace("failOnce('once');", '') }).start();
  assert.deepEqual([planned.status, ...closing(planned.text)], [0, 1, 0], planned.text);
  const aborts = body("if (!existsSync('$DIR/once')) await stack.edge.get('/e/abort').catch(() => {}); else await stack.kill('queue-front');");
  for (const text of [aborts, aborts.replace("failOnce('once');", '')]) {
    const run = await new Run({ 'aborts.test.js': text }).start();
    assert.equal(run.status, 1, run.text);
    assert.match(run.text, /FOUND .*: queue-front died in a stack: \d+ queue-front signal 6/);
    assert.doesNotMatch(run.text, /once more/);
  }
});

test('a crash of a part that was asked to end is written down, an end is not', () => {
  const run = scope.tempDir('finish-');
  const folder = join(run, 'service/part');
  mkdirSync(folder, { recursive: true });
  mkdirSync(join(run, 'log'));
  for (const [status, signal] of [[0, 0], [-1, 15], [-1, 11], [-1, 6], [1, 0], [99, 0]]) {
    writeFileSync(join(folder, 'planned'), '');
    execFileSync(join(ROOT, 'infra/stack/finish'), ['part', folder, String(status), String(signal)]);
    assert.ok(!existsSync(join(folder, 'planned')));
  }
  const told = readFileSync(join(run, 'log/deaths'), 'utf8').trim().split('\n').map((line) => line.replace(/^\d+ part /, ''));
  assert.deepEqual(told, ['signal 11', 'signal 6', 'status 1', 'status 99'].map((why) => `${why}, when it was asked to end`));
});

const SHAKY = { 'shaky.test.js': "test('a name', () => failOnce('once'));" };

const day = (fromNow) => new Date(Date.now() + fromNow * 24 * 3600 * 1000).toISOString().slice(0, 10);
const rowOf = (file, name, { cause = 'slow machines', owner = 'ann', until: end = day(3) } = {}) => `| ${relative(ROOT, file)} | ${name} | ${cause} | ${owner} | ${end} |\n`;

test('a test that failed is red, and the run says whether it passes alone', async () => {
  const { status, text } = await new Run({ ...SHAKY, 'bad.test.js': "test('never', () => assert.fail('always'));" }).start();
  assert.deepEqual([status, ...closing(text)], [1, 0, 2], text);
  assert.match(text, /^ {2}alone shaky\.test\.js: a name: passes$/m);
  assert.match(text, /^ {2}alone bad\.test\.js: never: fails, too$/m);
});

test('a row of the list excuses its test until its day, and no other test', async () => {
  for (const [what, row, [excused, passed, lost]] of [
    ['the test', {}, [0, 1, 0]],
    ['its last day', { until: day(0) }, [0, 1, 0]],
    ['the day after', { until: day(-1) }, [1, 1, 1]],
    ['another test', { name: 'another' }, [1, 1, 1]],
  ]) {
    const run = new Run({ 'shaky.test.js': "test('fine', () => {}); test('a name', () => failOnce('once'));" });
    writeFileSync(run.shaky, rowOf(run.paths[0], row.name ?? 'a name', row));
    const { status, text } = await run.start();
    assert.deepEqual([status, ...closing(text)], [excused, passed, lost], `${what}: ${text}`);
  }
});

test('a row without a cause, an owner or a near end, or of a promise, is an error', async () => {
  for (const [row, file] of [[{ cause: '' }], [{ owner: '' }], [{ until: '' }], [{ until: day(16) }], [{}, join(ROOT, 'tests/promises/times.test.js')]]) {
    const run = new Run({ 'good.test.js': "test('a name', () => {});" });
    writeFileSync(run.shaky, rowOf(file ?? run.paths[0], 'a name', row));
    const { status, text } = await run.start();
    assert.equal(status, 1, text);
    assert.match(text, /shaky\.md: (it|a promise) .*: \| /);
  }
});

const DRAWS = `test('draws', (t) => {
  const drawn = seededRng(t).below(1e9);
  appendFileSync('$DIR/drawn', drawn + ' ');
  failOnce('once');
});`;

test('a rerun has the same printed seed; repeated runs have new seeds', async () => {
  const drawn = async (run) => {
    const { text } = await run.start();
    return { text, all: readFileSync(join(run.dir, 'drawn'), 'utf8').trim().split(' ') };
  };
  const free = await drawn(new Run({ 'draws.test.js': DRAWS }));
  assert.deepEqual([free.all.length, new Set(free.all).size], [2, 1], free.text);
  const seed = /^FAIRGATE_SEED=(\d+) draws the same again$/m.exec(free.text)[1];
  const named = await drawn(new Run({ 'draws.test.js': DRAWS }, { env: { FAIRGATE_SEED: seed } }));
  assert.deepEqual(named.all, free.all, named.text);
  const often = await drawn(new Run({ 'draws.test.js': DRAWS }, { env: { FAIRGATE_TIMES: '3' } }));
  assert.equal(new Set(often.all).size, 3, often.text);
});

test('a file that times out fails and is not run again', async () => {
  const { status, text } = await new Run({ 'endless.test.js': "test('a name', () => new Promise(() => { setInterval(() => {}, 1000); }));" }, { env: { FAIRGATE_FILE_MAX_S: '1' } }).start();
  assert.equal(status, 1, text);
  assert.match(text, /timed out after 1000ms/);
  assert.doesNotMatch(text, /once more/);
});

test('six files that failed are few enough to be run again, seven are not', async () => {
  for (const [count, again] of [[6, 6], [7, 0]]) {
    const files = Array.from({ length: count }, (_, n) => [`${n}.test.js`, `test('${n}', () => failOnce('once-${n}'));`]);
    const { status, text } = await new Run(Object.fromEntries(files)).start();
    assert.deepEqual([status, ...closing(text), text.match(/: passes$/gm)?.length ?? 0], [1, 0, count, again], text);
  }
});

test('events with a file URL and with a path are about the same file', async () => {
  const path = '/tests/one.test.js', address = `file://${path}`;
  const events = [
    ['test:enqueue', { file: path, name: path, nesting: 0 }], ['test:enqueue', { file: address, name: 'a', nesting: 0 }],
    ['test:pass', { file: address, name: 'a', nesting: 0, details: { duration_ms: 1 } }],
  ].map(([type, data]) => ({ type, data }));
  const told = [];
  for await (const { test: verdict } of judge(events)) if (verdict) told.push([verdict.file, verdict.name, verdict.passed]);
  assert.deepEqual(told, [[path, 'a', true]]);
});

test('a file or test that did not run fails', async () => {
  const cases = {
    'an empty file': '',
    'an early end': "test('first', () => {}); test('second', () => process.exit(0)); test('third', () => {});",
    'a skipped test': "test.skip('later', () => {});",
    'an error behind the end': "test('fine', () => { setTimeout(() => { throw new Error('late'); }, 20); });",
  };
  for (const [what, text] of Object.entries(cases)) {
    const run = await new Run({ 'one.test.js': text }).start();
    assert.equal(run.status, 1, `${what}: ${run.text}`);
    assert.ok(closing(run.text)[1] > 0, `${what}: ${run.text}`);
  }
});

// A folder with programs that imitate cmocka's, for infra/run-unit.
async function runUnit(programs_, { shaky = '', variant = 'x' } = {}) {
  const run = new Run({}, { shaky });
  const out = join(run.dir, 'build', variant);
  for (const at of [join(out, 'tests/unit/part'), join(run.dir, 'tests/unit/part')]) mkdirSync(at, { recursive: true });
  for (const [name, script] of Object.entries(programs_)) {
    const path = join(out, `tests/unit/part/${name}_test`);
    writeFileSync(path, `#!/bin/sh\necho '[ RUN      ] works'\n${script.replaceAll('$DIR', run.dir)}\n`);
    chmodSync(path, 0o755);
    writeFileSync(join(run.dir, `tests/unit/part/${name}_test.c`), '');
  }
  for (const name of ['run-unit', 'memory', 'shaky.js']) cpSync(join(ROOT, 'infra', name), join(run.dir, 'infra', name));
  const verdict = await run.start(join(run.dir, 'infra/run-unit'), [`build/${variant}`]);
  const marked = readdirSync(join(out, 'tests/unit/part')).filter((name) => name.endsWith('.threads'));
  return { ...verdict, threaded: marked.map((name) => name.replace('_test.threads', '')) };
}

const OK = "echo '[       OK ] works'";
// Fails, but passes when it is rerun with the same seed.
const ONCE = `[ -e $DIR/once ] || { echo "$FAIRGATE_TEST_SEED" >$DIR/once; echo '[  FAILED  ] works'; exit 1; }
grep -qx '[0-9][0-9]*' $DIR/once && [ "$(cat $DIR/once)" = "$FAIRGATE_TEST_SEED" ] && ${OK}`;

test('unit tests: a crash is found, also of a child whose parent passes', async () => {
  const good = await runUnit({ good: OK });
  assert.deepEqual([good.status, ...closing(good.text)], [0, 1, 0], good.text);
  for (const [what, script] of Object.entries({
    'a signal': 'kill -ABRT $$',
    'the status of a sanitizer': `${OK}; exit 99`,
    'a report on stderr': `echo 'x.c:1:2: runtime error: shift' >&2; ${OK}`,
    'what a child said': `${programs.asan} overflow 2>/dev/null; ${OK}`,
    "an exception that cmocka caught": "echo 'Test failed with exception: Segmentation fault(11)'; exit 1",
    'no test at all': 'true',
    'an end before the last verdict': `${OK}; echo '[ RUN      ] other'`,
  })) {
    const run = await runUnit({ bad: script, good: OK });
    assert.deepEqual([run.status, ...closing(run.text)], [1, 1, 1], `${what}: ${run.text}`);
  }
});

test('unit tests: only tests with threads run under the thread sanitizer', async () => {
  const run = await runUnit({ one: `${programs.asan} none; ${OK}`, many: `${programs.asan} thread; ${OK}` }, { variant: 'asan' });
  assert.deepEqual([run.status, ...closing(run.text)], [0, 2, 0], run.text);
  assert.deepEqual(run.threaded, ['many']);
});

test('unit tests: a program that failed is red and run once more; the list excuses it', async () => {
  const first = await runUnit({ once: ONCE, good: OK });
  assert.deepEqual([first.status, ...closing(first.text)], [1, 1, 1], first.text);
  assert.match(first.text, /once more, alone: part\/once_test\n {2}ok {4}part\/once_test/);
  const listed = await runUnit({ once: ONCE, good: OK }, { shaky: rowOf(join(ROOT, 'tests/unit/part/once_test.c'), 'works') });
  assert.deepEqual([listed.status, ...closing(listed.text)], [0, 1, 0], listed.text);
  const other = await runUnit({ once: ONCE, good: OK }, { shaky: rowOf(join(ROOT, 'tests/unit/part/other_test.c'), 'works') });
  assert.equal(other.status, 1, other.text);
  const crashed = await runUnit({ once: ONCE, bad: 'kill -SEGV $$' });
  assert.equal(crashed.status, 1);
  assert.doesNotMatch(crashed.text, /once more/, 'a finding is no reason to look again');
});

// infra/test alone: make and all that it runs are scripts that record their name and their priority. Actually lowering it
// would take minutes on a busy machine, so chrt only lists its process group. Starting processes is expensive, so these
// scripts start none.
const STAND_IN = `#!/bin/sh
name=\${0##*/}
read -r _ _ _ _ group _ </proc/$$/stat
policy=SCHED_OTHER
while read -r idle; do [ "$idle" != "$group" ] || policy=SCHED_IDLE; done <"$NOTES.idle"
echo "$name $* by $policy" >>"$NOTES"
case "$name $*" in *tidy-list*) echo one; exit ;; $BREAKS) echo 'make: *** [Makefile:1: build/tidy/x.ok] Error 1'; exit 1 ;; esac
[ -z "$LOST" ] || echo "  FAIL  a test of $name"
case $name in world) echo '7 passed, 0 failed' ;; *) echo "2 passed, \${LOST:-0} failed" ;; esac
`;
const CHRT = `#!/bin/sh
[ "$1 $2" = '--idle --pid' ] && read -r _ _ _ _ group _ </proc/$4/stat && echo "$group" >>"$NOTES.idle"
`;

function runStages(what, breaks = '-', more = {}) {
  const dir = scope.tempDir('stages-');
  for (const name of ['infra/test', 'infra/run-unit', 'infra/run-fuzz', 'infra/rules', 'infra/weight', 'tests/model/run', 'tests/sim/world', 'bin/make', 'bin/node', 'bin/clang-format', 'node_modules/.bin/eslint']) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    if (name === 'infra/test') cpSync(join(ROOT, name), join(dir, name));
    else writeFileSync(join(dir, name), STAND_IN, { mode: 0o755 });
  }
  for (const name of ['common', 'seat-service', 'payment-adapter']) mkdirSync(join(dir, 'build/asan/tests/unit', name), { recursive: true });
  for (const name of ['tests/integration', 'tests/fault', 'tests/browser', 'common', 'queue-front', 'seat-service', 'payment-adapter', 'loadtest']) mkdirSync(join(dir, name));
  for (const name of ['infra/one.c', 'infra/openapi.yaml']) writeFileSync(join(dir, name), '');
  const notes = join(dir, 'notes');
  writeFileSync(`${notes}.idle`, '');
  writeFileSync(join(dir, 'bin/chrt'), CHRT, { mode: 0o755 });
  const env = { ...process.env, PATH: `${join(dir, 'bin')}:${process.env.PATH}`, NOTES: notes, BREAKS: breaks, ...more };
  return new Promise((resolve) => {
    const child = execFile(join(dir, 'infra/test'), [what], { env, cwd: dir }, (_, stdout, stderr) =>
      resolve({ status: child.exitCode, text: stdout + stderr, last: stdout.trim().split('\n').at(-1), notes: readFileSync(notes, 'utf8').trim().split('\n') }));
  });
}

test('background stages have idle priority and can fail the run', async () => {
  const good = await runStages('all');
  assert.deepEqual([good.status, good.last], [0, '6 passed, 0 failed'], good.text);
  const beside = good.notes.filter((note) => note.endsWith(' by SCHED_IDLE')).map((note) => note.replace(/-j\d+/, '-j'));
  assert.deepEqual(beside.sort(), [
    'make --no-print-directory -j -k tidy by SCHED_IDLE', 'make --no-print-directory -j VARIANT=fuzz fuzz-programs by SCHED_IDLE',
    'make --no-print-directory -j VARIANT=release stack-programs by SCHED_IDLE', 'make --no-print-directory -j VARIANT=tsan by SCHED_IDLE',
    'make -s tidy-list by SCHED_IDLE', ...['lines', 'wholes', 'worlds'].map((name) => `node tests/history/check.js --quiet build/histories/${name} by SCHED_IDLE`),
    'run  by SCHED_IDLE', 'world --line --seeds 2 --fresh 2 --history build/histories/lines by SCHED_IDLE',
    'world --seeds 40 --fresh 20 --history build/histories/worlds by SCHED_IDLE', 'world --whole --seeds 1 --fresh 1 --history build/histories/wholes by SCHED_IDLE']);
  assert.match(good.notes.at(-1), /^node infra\/black-box\.js tests\/promises.* by SCHED_OTHER$/);
  for (const row of ['lines', 'whole sales', 'worlds']) assert.match(good.text, new RegExp(`^ +7 worlds +${row}$`, 'm'), 'not so many histories');
  const ways = ['*-k tidy', 'run *', 'world --seeds *', 'world --line *', 'world --whole *', 'make *VARIANT=release*', 'make *VARIANT=fuzz*'];
  const [quick, lost, ...bad] = await Promise.all([runStages('quick'), runStages('all', '-', { LOST: '1' }), ...ways.map((breaks) => runStages('all', breaks))]);
  assert.deepEqual([quick.status, quick.last], [0, '6 passed, 0 failed'], quick.text);
  assert.deepEqual(quick.notes.filter((note) => /VARIANT=(tsan|fuzz)|run-fuzz/.test(note)), []);
  assert.match(lost.text, /^ +6 worlds +lines: 1 FAILED$[^]*^  FAIL  a test of world$[^]*^failed: lines$/m, lost.text);
  for (const [n, { status, text, last }] of bad.entries()) {
    assert.equal(status, 1, `${ways[n]}: ${text}`);
    assert.match(last, /^\d+ passed, 1 failed$/, `${ways[n]}: ${text}`);
  }
});

test('mutants fail below the floor, and if none was tried', () => {
  assert.equal(failedOf({ noticed: 82, lived: 18 }, 82), 0, 'the floor itself will do');
  assert.equal(failedOf({ noticed: 81, lived: 19 }, 82), 19);
  assert.equal(failedOf({ noticed: 199, lived: 1 }, 100), 1);
  assert.equal(failedOf({ noticed: 200, lived: 0 }, 100), 0);
  assert.equal(failedOf({ noticed: 0, lived: 5 }, 0), 0);
  assert.equal(failedOf({ noticed: 0, lived: 0 }, 82), 1);
  assert.deepEqual(['0', '82', '99.5', '100'].map(percentOf), [0, 82, 99.5, 100]);
  for (const none of ['', ' ', 'many', '-1', '101', 'NaN']) assert.throws(() => percentOf(none), /is no percentage/);
});

// nth.js OUT [PATTERN]: runs the unit tests of OUT (built by `make nth`) over and over; each run fails one call that can
// fail (tests/unit/lib/nth.c). Each code path that allocates, writes or connects fails twice: on its first call and, in
// another test if possible, on its last call. In the module's own tests it fails up to eight times.
//
// Each run has one of these outcomes; only the last one is wrong:
//
//   clean           the test failed: it got the error, and nothing leaked
//   without effect  the test passed: the call was retried or was not needed
//   set-up          the test's own code called, or crashed on a result that it did not check
//   on purpose      the program exits and names what it had no memory for (base/bug.h)
//   not come to     the call was not reached: another thread was faster, or the machine too slow
//   listed          would be a finding, but tests/measure/nth.tsv says why it is right
//   found           a crash, assert, sanitizer report, leak or hang in the code; or half of a request was sent
//                   ("FOUND:" from a test's peer)
//
// A failing test is stopped at the failure, while it still owns its objects: any memory without an owner then has leaked.
//
// Tests with PostgreSQL mostly wait, so enough of them run at once to use all processors, up to RUNS_MAX. Their databases
// are in memory if there is room (infra/memory).
//
// FAIRGATE_NTH_DRAW=n: n random failures of each program.
// FAIRGATE_NTH_AT='add_effects': only calls whose name or trail (functions and files) contains these words.

import { spawn, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { availableParallelism, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { OwnTime } from '../tests/lib-js/own-time.js';
import { seededRng } from '../tests/lib-js/rng.js';
import { rowsOf } from '../tests/measure/cores.js';

// In the test's own time: five times what the slowest test takes, so a test's own time limits fire first.
const HANG_MS = 25_000;
const AGAIN = 3; // this many times longer on the second try
const LAST_WORDS_MS = 10_000;
const SLOW_MS = 60_000; // a slower test is computing, and is skipped
const LOOK_MS = 100;
const TURN_MS = 10;
const TRIES = 2; // per path, in the fastest tests that reach it
const OWN_TRIES = 8; // in the module's own tests
const CORES = availableParallelism();
const RUNS_MAX = 16 * CORES;
const COMPONENTS = ['common', 'queue-front', 'seat-service', 'payment-adapter', 'infra', 'loadtest'];
const KINDS = [['libuv', /^uv_/], ['hiredis', /^redis/], ['libpq', /^PQ/], ['libcurl', /^curl_/], ['jansson', /^json_/],
  ['TLS, keys, packing', /^(EVP|BIO|BN|SSL|sodium|deflate)/], ['memory', /^(m|c|re|aligned_)alloc$|^strn?dup$/], ['the system', /./]];
const OUTCOMES = ['clean', 'without effect', 'set-up', 'on purpose', 'not come to', 'listed', 'found'];
const LIST = 'tests/measure/nth.tsv';

const out = process.argv[2];
const pattern = new RegExp(process.argv[3] ?? '.');
const draw = Number(process.env.FAIRGATE_NTH_DRAW ?? 0);
const about = new RegExp(process.env.FAIRGATE_NTH_AT ?? '');
process.env.TMPDIR = execFileSync('infra/memory', { encoding: 'utf8' }).trim();
const dir = mkdtempSync(join(tmpdir(), 'fairgate-nth-'));
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
setPriority(15);

// Long sources first, as in run-unit: these are mostly the modules' own tests, and paths tried there need not be tried by
// others.
const sizeOf = (name) => statSync(`tests/unit/${name}.c`).size;
const programs = readdirSync(`${out}/tests/unit`, { recursive: true })
  .filter((name) => name.endsWith('_test') && existsSync(`tests/unit/${name}.c`) && pattern.test(name)).sort((a, b) => sizeOf(b) - sizeOf(a));

const linesOf = (file) => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter((line) => line !== '') : []);

function signal(pid, name) {
  try {
    process.kill(pid, name);
  } catch { /* it has already exited */ }
}

// One program, started once; each test that is requested runs in a forked child.
class Server {
  static made = 0;
  static cpuMs = 0;

  constructor(program) {
    Server.made += 1;
    this.dir = join(dir, `${Server.made}`);
    mkdirSync(this.dir);
    const options = `exitcode=99:log_path=${this.dir}/report`;
    const crashes = 'handle_abort=2:handle_segv=2:handle_sigbus=2:handle_sigill=2:handle_sigfpe=2';
    const env = {
      ...process.env,
      FAIRGATE_SOAK: undefined, // long forms reach the same paths as short ones
      FAIRGATE_SHORT: '1',
      FAIRGATE_NTH: 'serve',
      FAIRGATE_TEST_SEED: '1',
      ASAN_OPTIONS: `${options}:${crashes}:detect_leaks=1`,
      UBSAN_OPTIONS: `${options}:print_stacktrace=1`,
    };
    this.child = spawn(`${out}/tests/unit/${program}`, { env, stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  async answer() {
    const { value, done } = await this.lines.next();
    if (done) throw new Error('the program that runs the tests has ended');
    return value.split(' ').slice(1).map(Number);
  }

  // `how`: the value of FAIRGATE_NTH without the file.
  async run(test, how, hangMs = 300_000) {
    const words = join(this.dir, 'words');
    const noted = join(this.dir, 'told');
    rmSync(noted, { force: true });
    this.child.stdin.write(`${test} ${words} ${how}${noted}\n`);
    const [pid] = await this.answer();
    const time = new OwnTime(pid);
    this.time = time;
    let hangs = false;
    const looking = setInterval(() => {
      const late = time.look() - hangMs;
      if (late >= 0 && (!hangs || late > LAST_WORDS_MS)) signal(pid, hangs ? 'SIGKILL' : 'SIGABRT'); // SIGABRT first, so that it reports where it hangs
      hangs ||= late >= 0;
    }, LOOK_MS);
    const [status, cpuMs] = await this.answer();
    clearInterval(looking);
    time.look();
    Server.cpuMs += cpuMs;
    const reports = readdirSync(this.dir).filter((name) => name.startsWith('report.')).map((name) => join(this.dir, name));
    const said = [...reports, words].map((file) => linesOf(file).join('\n')).join('\n\n');
    reports.forEach((file) => rmSync(file));
    const lines = linesOf(noted);
    const made = lines.filter((line) => line.startsWith('made ')).map((line) => line.slice(5));
    for (const path of made.filter((name) => name.startsWith('/tmp/') || name.startsWith(`${tmpdir()}/`))) rmSync(path, { recursive: true, force: true });
    return { status, hangs, said, ms: time.ms, noted: lines.filter((line) => !line.startsWith('made ')) };
  }

  end() {
    this.child.stdin.end();
  }
}

const busy = new Set(); // servers
const wanted = () => [...busy].reduce((sum, { time }) => sum + time.wants, 0);

// Starts `act(server, item)` for each item on servers of the program. Returns { answers }, a promise, once all have
// started: the last ones may wait for a minute, during which other programs can run.
async function begin(program, items, act) {
  const [answers, idle] = [[], []];
  for (const item of items) {
    while (busy.size > 0 && (busy.size >= RUNS_MAX || wanted() >= CORES)) await pause(TURN_MS);
    const server = idle.pop() ?? new Server(program);
    server.time = { wants: 1 };
    busy.add(server);
    const answer = act(server, item).finally(() => busy.delete(server) && idle.push(server));
    answer.catch(() => {}); // the caller handles it with Promise.all()
    answers.push(answer);
  }
  return { answers: Promise.all(answers).finally(() => idle.forEach((server) => server.end())) };
}

// A compiler cache may hold another folder's name, so paths are made relative to the tree.
const inTree = (path) => path.replace(new RegExp(`^/.*?/(?=(?:${COMPONENTS.join('|')}|tests)/)`), '');
const componentOf = (where) => COMPONENTS.find((name) => where.startsWith(`${name}/`));
const isTests = (where) => where.startsWith('tests/');

// The source positions of these addresses.
function placesOf(program, addresses) {
  const input = addresses.map((at) => `0x${(BigInt(at) - 1n).toString(16)}`).join('\n');
  const lines = execFileSync('addr2line', ['-f', '-e', `${out}/tests/unit/${program}`], { input, encoding: 'utf8', maxBuffer: 1 << 28 }).split('\n');
  return new Map(addresses.map((at, i) => [at, { what: lines[2 * i], where: inTree(lines[2 * i + 1].replace(/ \(.*/, '')) }]));
}

// Each test of a program, with the paths that it reaches when it runs alone.
async function testsOf(program) {
  const [names] = await (await begin(program, ['names'], async (server) => (await server.run(0, '?')).noted)).answers;
  const listing = await begin(program, names.map((name, test) => ({ test, name: name.slice(5) })), async (server, { test, name }) => {
    let result = await server.run(test, '+', SLOW_MS);
    if (result.status !== 0 && !result.hangs) result = await server.run(test, '+', SLOW_MS);
    const { status, hangs, noted, said, ms } = result;
    if (hangs) console.log(`${program}: ${name} takes too long, and is left out`);
    if (hangs) return { program, test, name, ms, paths: [] };
    if (status !== 0) throw new Error(`${program}: ${name} fails, run alone\n${said}`);
    const paths = noted.map((line) => line.split(' ')).map(([key, call, count, ...frames]) => ({ key, call, count: Number(count), frames }));
    return { program, test, name, ms, paths };
  });
  return listing.answers;
}

// All paths that a program's tests reach, one by one.
async function pathsOf(program) {
  const tests = await testsOf(program);
  const places = placesOf(program, [...new Set(tests.flatMap(({ paths }) => paths.flatMap(({ frames }) => frames)))]);
  return tests.flatMap(({ paths, ...test }) => paths.filter(({ frames }) => frames.length > 0).map(({ key, call, count, frames }) => {
    const trail = frames.map((at) => places.get(at));
    return { ...test, key, call, count, trail, component: componentOf(trail[0].where) };
  }));
}

// Paths with the same code are one path, whichever test they started in. The first call is tried in the fastest test, the
// last call in the next one. A module's own tests detect errors best, so they try more calls.
const tries = new Map();
const moduleOf = (path) => path.replace(/:.*/, '').replace(/.*\//, '').replace(/(_test)?(\.c)?$/, '');
function failuresOf(paths) {
  const groups = new Map();
  for (const path of paths) {
    const code = path.trail.filter(({ where }) => componentOf(where)).map(({ where }) => where);
    const group = path.component ? `${path.call} ${code.join(' ')}` : `${path.program} ${path.trail[0].where}`;
    const own = code.some((where) => moduleOf(where) === moduleOf(path.program));
    groups.set(group, [...groups.get(group) ?? [], { ...path, group, own }]);
  }
  return [...groups].flatMap(([name, group]) => {
    const tests = [...new Map(group.sort((a, b) => b.ms - a.ms).map((path) => [path.test, path])).values()].reverse();
    if (!tests[0].component) return [tests[0]];
    const many = tests[0].own ? OWN_TRIES : TRIES - (tries.get(name) ?? 0);
    const chosen = tests.map((path, i) => ({ ...path, nth: i === 1 ? path.count : 1 }));
    if (tests.length === 1 && tests[0].count > 1) chosen.push({ ...tests[0], nth: tests[0].count });
    tries.set(name, TRIES);
    return chosen.slice(0, many);
  });
}

// The frames of a report's stacks, as [file:line, ...].
const stacksOf = (report) => report.split(/\n\s*\n/).map((part) =>
  [...part.matchAll(/^\s*#\d+ \S+ in \S+ (\S+)$/gm)].map(([, where]) => inTree(where))).filter((stack) => stack.length > 0);
const isLib = (where) => where.startsWith('tests/unit/lib/nth.c');
const ownFrame = (stack) => stack.find((where) => (isTests(where) || componentOf(where)) && !isLib(where) && !where.startsWith('common/system/'));

// The crash was in another call by the same test function whose call failed: it passed on the failed result.
function handedOn(one, said) {
  const from = one.trail.find(({ where }) => isTests(where) && !isLib(where));
  const crash = /^\s*#\d+ \S+ in \S+ \S+$/gm;
  const [stack] = said.split(/\n\s*\n/).map((part) => part.match(crash)).filter((frames) => frames !== null);
  const at = stack?.map((line) => line.trim().split(/\s+/)).find((words) => isTests(inTree(words[4])) && !isLib(inTree(words[4])));
  return from !== undefined && at !== undefined && at[3] === from.what && inTree(at[4]) !== from.where;
}

function judge(one, { status, hangs, said, noted }) {
  if (!noted.some((line) => line.startsWith('failed '))) return ['not come to', ''];
  if (/^FOUND: /m.test(said)) return ['found', 'does half of what it was asked'];
  if (/^what: no memory for /m.test(said)) return ['on purpose', /^what: (.*)/m.exec(said)[1]];
  if (hangs) return ['found', 'hangs'];
  if (/ERROR: AddressSanitizer|runtime error: /.test(said)) {
    const [stack = []] = stacksOf(said);
    if (isTests(ownFrame(stack) ?? '')) return ['set-up', 'does not look at what it was given'];
    return handedOn(one, said) ? ['set-up', 'hands on what it was given'] : ['found', 'crashes'];
  }
  if (status < 0) return ['found', `dies by signal ${-status}`];
  if (/LeakSanitizer/.test(said)) return ['found', noted.some((line) => line.startsWith('noticed ')) ? 'leaks' : 'leaks without a report'];
  return status === 0 ? ['without effect', ''] : ['clean', ''];
}

const listed = new Set(rowsOf(LIST).map((row) => row.slice(0, -1).join(' ')));
const isListed = ({ call, trail: [{ where, what }] }, why) => listed.has(`${where.replace(/:.*/, '')} ${what} ${call} ${why.split('\n')[0]}`);

async function tryOne(server, one) {
  if (one.component === undefined) return { ...one, outcome: 'set-up' };
  const fail = (ms) => server.run(one.test, `${one.key}:${one.nth},`, ms);
  const hangMs = HANG_MS + 5 * one.ms;
  let result = await fail(hangMs);
  if (result.hangs) result = await fail(AGAIN * hangMs); // so that a slow disk does not count as a hang
  const [judged, why] = judge(one, result);
  const outcome = judged === 'found' && isListed(one, why) ? 'listed' : judged;
  if (outcome === 'found') {
    const [place] = one.trail;
    const trail = one.trail.map(({ what, where }) => `${what}() ${where}`).join(' < ');
    console.log(`FOUND  ${place.where}: ${one.call} in ${place.what}(), call ${one.nth} in ${one.program}, ${one.name}: ${why}\n  ${trail}`);
    console.log(`${result.said.slice(0, 4000)}\n`);
  }
  return { ...one, outcome, why };
}

const kindOf = (call) => KINDS.find(([, names]) => names.test(call))[0];

function table(tried) {
  const rows = [...new Set(tried.map(({ component, call }) => `${component ?? 'tests'} | ${kindOf(call)}`))].sort();
  console.log(`| component | calls | ${OUTCOMES.join(' | ')} |\n|${'---|'.repeat(OUTCOMES.length + 2)}`);
  for (const row of rows) {
    const own = tried.filter(({ component, call }) => `${component ?? 'tests'} | ${kindOf(call)}` === row);
    console.log(`| ${row} | ${OUTCOMES.map((name) => own.filter(({ outcome }) => outcome === name).length).join(' | ')} |`);
  }
}

// Runs one program until all of its failures have been started; the promise of their outcomes joins the others.
const ends = [];
async function tryProgram(program) {
  const began = Date.now();
  const failures = failuresOf(await pathsOf(program)).filter(({ call, trail }) => about.test(`${call} ${trail.map(({ what, where }) => `${what} ${where}`).join(' ')}`));
  const drawn = draw > 0 ? seededRng().shuffle(failures).slice(0, draw) : failures;
  const { answers } = await begin(program, drawn, tryOne);
  ends.push(answers.then((own) => {
    console.log(`${program}: ${own.length} of ${failures.length} in ${Math.round((Date.now() - began) / 1000)} s`);
    return own;
  }));
}

const started = Date.now();
for (const program of programs) await tryProgram(program);
const tried = (await Promise.all(ends)).flat();
table(tried);
const count = (name) => tried.filter(({ outcome }) => outcome === name).length;
for (const why of [...new Set(tried.filter(({ outcome }) => outcome === 'on purpose').map((one) => one.why))].sort()) console.log(`on purpose: ${why}`);
const places = new Set(tried.filter(({ component }) => component).map(({ trail }) => trail[0].where)).size;
console.log(`${places} places in the code, ${tried.length} failures in ${Math.round((Date.now() - started) / 1000)} s, ` +
  `of processors ${Math.round(Server.cpuMs / 1000)} s: ` +
  OUTCOMES.map((name) => `${count(name)} ${name}`).join(', '));
console.log(`${count('clean') + count('without effect') + count('on purpose')} passed, ${count('found')} failed`);
process.exitCode = count('found') > 0 || tried.length === 0 ? 1 : 0;

// nth.js OUT [PATTERN]: runs the unit tests of OUT (built by `make nth`) over and over, each time with
// one call failing that can fail: every place in the code that allocates, writes, connects, once as it
// is first come to and once as it is come to last (tests/unit/lib/nth.c).
//
// A test that then fails has noticed, which is right. What no failure may do: crash, trip an assert
// or a sanitizer, hang, or leak. A leak is laid at the code's door if the same call of the test made
// both the leak and the failure.

import { spawn, execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRng } from '../tests/lib-js/rng.js';

const HANG_MS = 120_000;
const out = process.argv[2];
const pattern = new RegExp(process.argv[3] ?? '.');
const draw = Number(process.env.FAIRGATE_NTH_DRAW ?? 0); // so many places, drawn; 0: all
const dir = mkdtempSync(join(tmpdir(), 'fairgate-nth-'));
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));

const programs = readdirSync(`${out}/tests/unit`, { recursive: true })
  .filter((name) => name.endsWith('_test') && existsSync(`tests/unit/${name}.c`) && pattern.test(name)).sort();

let runs = 0;
function run(program, how) {
  const nth = runs += 1;
  const options = `exitcode=99:log_path=${dir}/report-${nth}`;
  const crashes = 'handle_abort=2:handle_segv=2:handle_sigbus=2:handle_sigill=2:handle_sigfpe=2';
  const env = {
    ...process.env,
    FAIRGATE_NTH: how,
    FAIRGATE_TEST_SEED: '1',
    ASAN_OPTIONS: `${options}:${crashes}:detect_leaks=1`,
    UBSAN_OPTIONS: `${options}:print_stacktrace=1`,
  };
  return new Promise((done) => {
    let said = '';
    const child = spawn(`${out}/tests/unit/${program}`, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.on('data', (text) => { said += text; });
    child.stderr.on('data', (text) => { said += text; });
    const timer = setTimeout(() => child.kill('SIGKILL'), HANG_MS);
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      const reports = readdirSync(dir).filter((name) => name.startsWith(`report-${nth}.`))
        .map((name) => { const text = readFileSync(join(dir, name), 'utf8'); rmSync(join(dir, name)); return text; });
      done({ status, signal, said, report: reports.join('\n') });
    });
  });
}

// A compiler's cache may have kept another folder's name, so a path is cut to what lies in the tree.
const inTree = (path) => path.replace(/^\/.*?\/(?=(?:common|queue-front|seat-service|payment-adapter|infra|loadtest|tests)\/)/, '');

// Where in the sources these addresses lie: the file and line of each, innermost first.
function sourcesOf(program, addresses) {
  if (addresses.length === 0) return [];
  const input = addresses.map((at) => `0x${(BigInt(at) - 1n).toString(16)}`).join('\n');
  const lines = execFileSync('addr2line', ['-f', '-e', `${out}/tests/unit/${program}`], { input, encoding: 'utf8' }).trim().split('\n');
  return addresses.map((at, i) => ({ at, what: lines[2 * i], where: inTree(lines[2 * i + 1].replace(/ \(.*/, '')) }));
}

const isOurs = ({ where }) => /^(common|queue-front|seat-service|payment-adapter|infra|loadtest)\//.test(where);
const isTests = (where) => /(^|\/)tests\//.test(where);

async function sitesOf(program) {
  const file = join(dir, `${program.replaceAll('/', '-')}.sites`);
  await run(program, `+${file}`);
  if (!existsSync(file)) return [];
  const calls = new Map();
  for (const [at, name, count] of readFileSync(file, 'utf8').trim().split('\n').map((line) => line.split(' '))) {
    const known = calls.get(at);
    calls.set(at, { name, count: Math.max(Number(count), known?.count ?? 0) });
  }
  return sourcesOf(program, [...calls.keys()]).filter(isOurs).flatMap((site) => {
    const { name, count } = calls.get(site.at);
    return (count > 1 ? [1, count] : [1]).map((call) => ({ ...site, name, call, program }));
  });
}

// The frames of a report's stacks, as [file:line, ...].
const stacksOf = (report) => report.split(/\n\s*\n/).map((part) =>
  [...part.matchAll(/^\s*#\d+ \S+ in \S+ (\S+)$/gm)].map(([, where]) => inTree(where))).filter((stack) => stack.length > 0);

// The line of the test from which a stack came, if it came from one.
const lineOfTest = (stack) => stack.find((where) => isTests(where) && !where.includes('/lib/nth.c'));

function judge(site, result, trail) {
  const words = result.report + result.said;
  if (result.signal === 'SIGKILL') return ['hangs', ''];
  if (/^FOUND: /m.test(words)) return ['does half of what it was asked', words];
  if (/^what: no memory for /m.test(words)) return null; // it says so and ends, where nobody could be told
  if (/ERROR: AddressSanitizer|runtime error: /.test(words)) {
    const [stack] = stacksOf(words);
    const first = stack?.find((where) => !where.startsWith('common/system/') && /^(tests|common|queue-front|seat-service|payment-adapter|infra|loadtest)\//.test(where) && !where.includes('/lib/nth.c'));
    return isTests(first ?? '') ? null : ['crashes', words];
  }
  if (result.signal !== null) return [`dies by ${result.signal}`, words];
  if (/LeakSanitizer/.test(words)) {
    const from = lineOfTest(trail.map(({ where }) => where));
    const leaks = words.split(/\n(?=(?:Direct|Indirect) leak|SUMMARY)/).filter((part) => /^Direct leak/.test(part));
    const own = leaks.filter((leak) => lineOfTest(stacksOf(leak)[0] ?? []) === from);
    const passed = !/\[  (FAILED|ERROR) /.test(words);
    if (passed && leaks.length > 0) return ['leaks', words];
    if (from !== undefined && own.length > 0) return ['leaks', own.join('\n')];
  }
  return null;
}

async function tryOne(site) {
  const file = join(dir, `told-${runs}`);
  const result = await run(site.program, `${site.at}:${site.call},${file}`);
  if (!existsSync(file)) return { ...site, missed: true };
  const told = readFileSync(file, 'utf8').trim().split('\n');
  rmSync(file);
  const trail = sourcesOf(site.program, told[0].split(' ').slice(1));
  const found = judge(site, result, trail);
  return { ...site, trail, found, noticed: result.status !== 0 };
}

async function all(items, act) {
  const answers = [];
  const queue = [...items];
  await Promise.all(Array.from({ length: availableParallelism() }, async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) answers.push(await act(item));
  }));
  return answers;
}

let sites = (await all(programs, sitesOf)).flat();
console.log(`${programs.length} programs, ${sites.length} failures to be had`);
if (draw > 0) sites = seededRng().shuffle(sites).slice(0, draw);
const tried = await all(sites, async (site) => {
  const one = await tryOne(site);
  if (one.found) console.log(`FOUND  ${one.where}: ${one.name} in ${one.what}() (call ${one.call}, in ${one.program}) ${one.found[0]}\n${one.found[1].slice(0, 3000)}\n`);
  return one;
});
const count = (test) => tried.filter(test).length;
const places = new Set(tried.map(({ where }) => where)).size;
console.log(`${places} places in the code, ${tried.length} failures: ${count((one) => one.noticed)} noticed by a test, ` +
  `${count((one) => !one.noticed && !one.missed)} without an effect, ${count((one) => one.missed)} not come to, ${count((one) => one.found)} found`);
const found = count((one) => one.found);
console.log(`${tried.length - found} passed, ${found} failed`);
process.exitCode = found > 0 || tried.length === 0 ? 1 : 0;

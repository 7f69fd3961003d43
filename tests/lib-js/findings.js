// Findings must not happen in any test: a sanitizer's report, a failed assert, a crashed program, or a program that ended
// unasked. Each one is written to a folder at once, because a test's own report can get lost: Node drops the error of a hook
// if the body failed before, and a file that passes when it is rerun is excused.
//
// The folder is FAIRGATE_FINDINGS, which infra/test empties before each stage and reads after it. A process without one
// makes its own, prints its findings at the end, and fails.
//
// Importing this sets the sanitizers' options for every program that is started later: a crash ends with a status that no
// program of ours uses, and its report is in the folder even if nobody reads the program's output. (The undefined-behaviour
// sanitizer reports only to stderr.)

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative, resolve } from 'node:path';

// What a program prints when it cannot continue.
export const FOUND = /ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error: |Assertion .* failed/;
export const SANITIZER_STATUS = 99;
// No test ends a program with these signals: they are crashes.
export const CRASHES = ['SIGABRT', 'SIGSEGV', 'SIGBUS', 'SIGILL', 'SIGFPE', 'SIGTRAP', 'SIGSYS'];

const OWN = process.env.FAIRGATE_FINDINGS === undefined;
const FOLDER = resolve(process.env.FAIRGATE_FINDINGS ?? mkdtempSync(join(tmpdir(), 'fairgate-findings-')));
mkdirSync(FOLDER, { recursive: true });
process.env.FAIRGATE_FINDINGS = FOLDER;

const REPORT = 'sanitizer'; // the sanitizers append a dot and the pid
const OPTIONS = `exitcode=${SANITIZER_STATUS}:log_path=${join(FOLDER, REPORT)}`;
// Appended to existing options: the last one of a name counts.
const alsoSet = (name, more) => { process.env[name] = [process.env[name], OPTIONS, more].filter(Boolean).join(':'); };
alsoSet('ASAN_OPTIONS', 'handle_abort=2:handle_segv=2:handle_sigbus=2:handle_sigill=2:handle_sigfpe=2');
alsoSet('UBSAN_OPTIONS', 'print_stacktrace=1');
alsoSet('TSAN_OPTIONS', 'halt_on_error=1');

let written = 0;

// Writes a finding; returns its first sentence, for an error message.
export function keepFinding(what, text) {
  const where = process.argv[1] === undefined ? '' : `${relative('', process.argv[1])}: `;
  written += 1;
  const file = `${basename(process.argv[1] ?? 'node', '.js')}-${process.pid}-${written}.txt`;
  writeFileSync(join(FOLDER, file), `${where}${what}\n${text.trimEnd()}\n`);
  return what;
}

// The sanitizers' reports of one process, which then belong to the caller.
export function takeReports(pid) {
  const path = join(FOLDER, `${REPORT}.${pid}`);
  if (!existsSync(path)) return '';
  const text = readFileSync(path, 'utf8');
  rmSync(path);
  return text;
}

// Every finding so far, of any process: [{file, text}].
export function findings() {
  return readdirSync(FOLDER).sort().map((name) => ({ file: join(FOLDER, name), text: readFileSync(join(FOLDER, name), 'utf8') }));
}

process.on('exit', () => {
  if (!OWN) {
    if (written > 0) process.exitCode = 1;
    return;
  }
  const found = findings();
  for (const { text } of found) process.stderr.write(`FOUND  ${text}\n`);
  if (found.length > 0) process.exitCode = 1;
  rmSync(FOLDER, { recursive: true, force: true });
});

// What may not happen in any test: a sanitizer's report, a failed assert, a program
// that crashed, or that ended though nobody had asked it to. Each such finding becomes a file of a
// folder in the moment it is seen, because what a test says of itself can get lost: node drops the error
// of a hook where the body had failed before, and a file that passes when it is run again is excused.
//
// The folder is FAIRGATE_FINDINGS, which infra/test empties before each stage and reads behind it. A
// process without one makes its own, tells what lies in it at its end, and fails.
//
// Importing this sets the sanitizers' options for every program that is started from here on: a crash
// ends with a status that no program of ours uses, and its report lies in the folder even if nobody
// reads what the program said. (The report of the undefined-behaviour sanitizer goes to stderr only.)

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative, resolve } from 'node:path';

// What a program says when it may not go on.
export const FOUND = /ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error: |Assertion .* failed/;
export const SANITIZER_STATUS = 99;
// No test ends a program by these: a program does so itself.
export const CRASHES = ['SIGABRT', 'SIGSEGV', 'SIGBUS', 'SIGILL', 'SIGFPE', 'SIGTRAP', 'SIGSYS'];

const OWN = process.env.FAIRGATE_FINDINGS === undefined;
const FOLDER = resolve(process.env.FAIRGATE_FINDINGS ?? mkdtempSync(join(tmpdir(), 'fairgate-findings-')));
mkdirSync(FOLDER, { recursive: true });
process.env.FAIRGATE_FINDINGS = FOLDER;

const REPORT = 'sanitizer'; // and the pid behind a dot, as the sanitizers have it
const OPTIONS = `exitcode=${SANITIZER_STATUS}:log_path=${join(FOLDER, REPORT)}`;
// Behind what is set already: of an option that is named twice the last one counts.
const alsoSet = (name, more) => { process.env[name] = [process.env[name], OPTIONS, more].filter(Boolean).join(':'); };
alsoSet('ASAN_OPTIONS', 'handle_abort=2:handle_segv=2:handle_sigbus=2:handle_sigill=2:handle_sigfpe=2');
alsoSet('UBSAN_OPTIONS', 'print_stacktrace=1');
alsoSet('TSAN_OPTIONS', 'halt_on_error=1');

let written = 0;

// Keeps one; answers the sentence that opens it, for an error.
export function keepFinding(what, text) {
  const where = process.argv[1] === undefined ? '' : `${relative('', process.argv[1])}: `;
  written += 1;
  const file = `${basename(process.argv[1] ?? 'node', '.js')}-${process.pid}-${written}.txt`;
  writeFileSync(join(FOLDER, file), `${where}${what}\n${text.trimEnd()}\n`);
  return what;
}

// The sanitizers' report of one process, which then belongs to the caller.
export function takeReports(pid) {
  const path = join(FOLDER, `${REPORT}.${pid}`);
  if (!existsSync(path)) return '';
  const text = readFileSync(path, 'utf8');
  rmSync(path);
  return text;
}

// Every finding so far, of whichever process: [{file, text}].
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

// Properties of every program that runs in production.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'node:test';
import { ROOT } from '../lib-js/service.js';

const librariesOf = (program) =>
  execFileSync('ldd', [join(ROOT, 'build/release/bin', program)], { encoding: 'utf8' });

for (const [program, ...commands] of [
  ['queue-front', 'verify-draw'],
  ['seat-service', 'replay', 'retire'],
  ['payment-adapter', 'verify-ticket', 'retire'],
]) {
  test(`${program} --help names what it does besides serving`, () => {
    const helpOf = (...words) => execFileSync(join(ROOT, 'build/release/bin', program), [...words, '--help'], { encoding: 'utf8' });
    for (const command of commands) for (const help of [helpOf(), helpOf(command)]) assert.ok(help.includes(`${program} ${command}`), command);
  });
}

test('queue-front does not link libpq', () => {
  assert.doesNotMatch(librariesOf('queue-front'), /libpq\.so/);
  assert.match(librariesOf('seat-service'), /libpq\.so/);
});

// Hardening by the compiler and the linker. Flags in the Makefile may get lost (for one object, a library, another linker),
// so this reads the binaries.
const read = (what, ...argv) => execFileSync(what, argv, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' }, maxBuffer: 1 << 26 });

for (const program of ['queue-front', 'seat-service', 'payment-adapter', 'fairgate']) {
  const path = join(ROOT, 'build/release/bin', program);

  test(`${program} allocates by jemalloc`, () => assert.match(librariesOf(program), /libjemalloc\.so/));

  test(`${program} is position independent with full RELRO`, () => {
    assert.match(read('readelf', '-hW', path), /Type: +DYN/);
    const dynamic = read('readelf', '-dW', path);
    assert.match(dynamic, /FLAGS_1\).*\bPIE\b/);
    assert.match(dynamic, /FLAGS\).*\bBIND_NOW\b/);
    assert.doesNotMatch(dynamic, /TEXTREL|RPATH|RUNPATH/);
    assert.match(read('readelf', '-lW', path), /GNU_RELRO/);
  });

  test(`${program} has no memory that is both writable and executable`, () => {
    const segments = read('readelf', '-lW', path).split('\n').filter((line) => /^ +(LOAD|GNU_STACK) /.test(line));
    const flags = segments.map((line) => /0x\w+ +0x\w+ ([R ][W ][E ]) /.exec(line)[1].replaceAll(' ', ''));
    assert.ok(segments.some((line) => line.includes('GNU_STACK')), segments.join('\n'));
    for (const flag of flags) assert.ok(!flag.includes('WE'), segments.join('\n'));
    assert.ok(flags.includes('RE') && flags.includes('RW'), 'what it is read from is understood');
  });

  test(`${program} has stack protectors and fortified libc calls`, () => {
    const symbols = read('readelf', '-W', '--dyn-syms', path);
    assert.match(symbols, /__stack_chk_fail/);
    assert.match(symbols, /__v?snprintf_chk|__mem\w+_chk|__v?fprintf_chk/);
  });

  // The linker sets the mark for the whole file only if all objects have it, and Debian 12's C start files lack it. So our
  // own functions are checked.
  test(`${program} marks indirect branch targets`, { skip: process.arch !== 'x64' && 'of x86-64 alone' }, () => {
    assert.match(read('objdump', '-d', '--no-show-raw-insn', '--disassemble=main', path), /<main>:\n[^\n]*\bendbr64\b/);
  });
}

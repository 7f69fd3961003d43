// The results of earlier runs, so that a report can draw a figure over the last commits. One line of JSON per run, in the
// user's cache folder: `make clean` keeps it, and all clones share it.

import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

const COMMITS = 20;
const file = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'fairgate', 'bench.jsonl');

// The commit of this tree, with a + if there are uncommitted changes; '' without git.
export const commitHere = () => (spawnSync('git', ['describe', '--always', '--exclude=*', '--dirty=+'], { encoding: 'utf8' }).stdout ?? '').trim();

// run: {commit, machine, figures: {name: number}}
export function remember(run) {
  try {
    mkdirSync(dirname(file), { recursive: true });
    appendFileSync(file, `${JSON.stringify(run)}\n`);
  } catch (error) {
    process.stderr.write(`bench: later reports will not show this run: ${error.message}\n`);
  }
}

// A run that was killed while writing leaves half a line, which is skipped.
function runOf(line) {
  try {
    return [JSON.parse(line)];
  } catch {
    return [];
  }
}

// A figure's history on this machine model: (name) => [[commit, number], ...], oldest first. A commit's last run counts.
export function past(machine) {
  const runs = existsSync(file) ? readFileSync(file, 'utf8').split('\n').flatMap(runOf) : [];
  return (name) => {
    const found = new Map();
    for (const { commit, figures, machine: there } of runs) {
      if (there !== machine || !(name in figures)) continue;
      found.delete(commit);
      found.set(commit, figures[name]);
    }
    return [...found].slice(-COMMITS);
  };
}

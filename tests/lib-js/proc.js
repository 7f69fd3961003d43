// proc.js: what the kernel tells of a process, which may end at any moment: '' of one that is gone.

import { readFileSync } from 'node:fs';

export function procText(pid, path) {
  try {
    return readFileSync(`/proc/${pid}/${path}`, 'latin1');
  } catch {
    return '';
  }
}

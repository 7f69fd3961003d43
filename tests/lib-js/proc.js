// proc.js: reads files of /proc for a process that may exit at any moment; '' if it is gone.

import { readFileSync } from 'node:fs';

export function procText(pid, path) {
  try {
    return readFileSync(`/proc/${pid}/${path}`, 'latin1');
  } catch {
    return '';
  }
}

// verdicts.js: pages that passed axe, by a hash of their features (world.js). The list is in the folder of the caches of
// ccache and eslint; without that folder nothing is stored.

import { mkdirSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const KEPT_MS = 30 * 24 * 3600_000; // since its last use

export function openVerdicts() {
  const { HOME, XDG_CACHE_HOME = HOME && join(HOME, '.cache') } = process.env;
  const folder = XDG_CACHE_HOME && join(XDG_CACHE_HOME, 'fairgate-axe');
  if (folder === undefined) return { has: () => false, add: () => {} };
  const attempt = (work) => {
    try {
      work();
      return true;
    } catch {
      return false; // missing, or not writable: run axe
    }
  };
  const now = new Date();
  attempt(() => {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(folder)) if (now - statSync(join(folder, name)).mtimeMs > KEPT_MS) rmSync(join(folder, name), { force: true });
  });
  return {
    has: (page) => attempt(() => utimesSync(join(folder, page), now, now)),
    add: (page) => attempt(() => writeFileSync(join(folder, page), '')),
  };
}

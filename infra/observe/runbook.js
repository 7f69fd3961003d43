// runbook.js: adds the commands to the Korean runbook. Only docs/operate/runbook.md has them, so each Korean section is
// followed by those of the English one. The handbook, the console and the packages use it; run, it prints it.

import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const sectionsOf = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8').split(/^(?=##+ )/m);
const nameOf = (section) => /^###? (.*)/.exec(section)?.[1] ?? '';

export function koreanRunbook() {
  const commands = new Map(sectionsOf('docs/operate/runbook.md').map((section) => [nameOf(section), section.match(/^```[^]*?^```$/gm) ?? []]));
  const made = sectionsOf('docs/ko/operate/runbook.md').map((section) => {
    const words = section.trimEnd().replace('\n**조치:**', '\n\n**조치:**');
    return [words, ...(commands.get(nameOf(section)) ?? [])].join('\n\n');
  });
  return `${made.join('\n\n')}\n`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.stdout.write(koreanRunbook());

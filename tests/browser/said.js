// said.js: records what pages say in each of their states. The texts are written to build/words for people to read, and no
// sentence may serve two states.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';

const ROOT = new URL('../../', import.meta.url);

// The texts of a file that are at least a sentence, each as a pattern for a page.
export function sentencesOf(file) {
  const rows = readFileSync(new URL(file, ROOT), 'utf8').split('\n').filter((row) => /^[a-z].* = .*[.!]$/.test(row)).map((row) => row.split(/ = (.*)/));
  const pattern = (text) => text.replace(/[.*+?^$()[\]\\|]/g, '\\$&').replace(/\{\d\}/g, '.+?');
  return rows.map(([id, text]) => [id, new RegExp(pattern(text))]);
}

export function writeWords(name, rows) {
  const folder = new URL('build/words/', ROOT);
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL(`${name}.txt`, folder), rows.map((row) => `${row.join(' | ')}\n`).sort().join(''));
}

// `facts` are texts that are true whenever they are shown.
export function openSaid(name, service, facts) {
  const said = []; // [state, language, words]; variants of a state follow a slash
  return {
    async note(page, state, lang, at) {
      said.push([state, lang, (await page.locator(at).first().innerText()).replace(/\s+/g, ' ')]);
    },
    judge() {
      writeWords(name, said);
      for (const lang of new Set(said.map(([, its]) => its))) {
        const states = new Map();
        for (const [id, pattern] of sentencesOf(`${service}/web/text.${lang}`)) {
          for (const [state, its, words] of said) if (its === lang && !facts.test(id) && pattern.test(words)) states.set(id, (states.get(id) ?? new Set()).add(state.split('/')[0]));
        }
        assert.ok(states.size > 0, lang);
        assert.deepEqual([...states].filter(([, of]) => of.size > 1), [], lang);
      }
    },
  };
}

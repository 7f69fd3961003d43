// slowed.js: a join that is slowed down or refused: the proof of work that the line requires, the contact with a reference,
// and the page that says why. wait.js loads it when a response requires it.

import { byId, lang, make, moreWords, say } from './kit.js';

const WORK_LONG_MS = 8000; // after this time the contact is shown

export async function showAppeal({ reference, appeal }) {
  if (!reference) return;
  await moreWords();
  const href = appeal[lang] ?? appeal.en ?? Object.values(appeal)[0];
  byId('appeal').replaceChildren(`${say('more.appeal', reference)} `, make('a', { href, textContent: href }));
  byId('appeal').hidden = false;
}

// A worker computes it, and the page shows the progress.
function solve({ challenge, bits }) {
  const bar = make('progress', { id: 'work-bar', max: 100, value: 0 });
  byId('work').replaceChildren(make('label', { htmlFor: 'work-bar' }, say('more.work')), bar);
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('pow.js', import.meta.url));
    worker.onerror = reject;
    worker.onmessage = ({ data }) => {
      // Tries are independent: this is the share of such searches that would have ended by now.
      bar.value = data.solution ? 100 : 100 * (1 - Math.exp(-data.tried / 2 ** bits));
      if (!data.solution) return;
      worker.terminate();
      resolve(data.solution);
    };
    worker.postMessage({ challenge, bits });
  });
}

export async function work(task) {
  await moreWords();
  const late = setTimeout(showAppeal, WORK_LONG_MS, task);
  byId('work').hidden = false;
  try {
    return await solve(task);
  } catch (error) {
    showAppeal(task);
    throw error;
  } finally {
    clearTimeout(late);
    byId('work').hidden = true;
  }
}

// The page that says why has the code of the form again, to be corrected (move.js).
export async function refuse(answer, home, form) {
  const { code, reference = '' } = await answer.json();
  const typed = form ? `#${new URLSearchParams(new FormData(form))}&refused` : '';
  location.replace(`${home}?notice=${code}&reference=${reference}${typed}`);
}

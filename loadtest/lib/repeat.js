// Repeats a check while a crowd is running.

import { delay } from '../../tests/lib-js/wait.js';

// Returns over(), which stops after the current check.
export function repeat(everyMs, look) {
  let stop = false;
  const job = (async () => {
    while (!stop) {
      await look();
      for (let waited = 0; !stop && waited < everyMs; waited += 200) await delay(200);
    }
  })();
  return async () => {
    stop = true;
    await job;
  };
}

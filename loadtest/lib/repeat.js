// Repeats a check while a crowd is running.

import { delay } from '../../tests/lib-js/wait.js';

// -> over(): ends it, once the look that is under way is done
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

// Waiting for a condition with a deadline, in place of sleeping and hoping.

export const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Calls `probe` until it answers something truthy and gives that back. An exception counts as
// "not yet" and is told if time runs out. `what` ends the sentence "waited N ms for ...".
export async function until(what, probe, { timeoutMs = 30_000, everyMs = 20 } = {}) {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    let why = '';
    try {
      const answer = await probe();
      if (answer) return answer;
    } catch (error) {
      if (error.fatal) throw error; // waiting longer cannot help: the process is gone
      why = `: ${error.message}`;
    }
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}${why}`);
    await delay(everyMs);
  }
}

// The promise, or an error that says what did not come in time.
export function within(timeoutMs, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${timeoutMs} ms for ${what}`)), timeoutMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// hold.js PORT COUNT PATH: opens many streams and keeps them open, to measure the cost of a waiting visitor.
//
// Requests PATH on COUNT connections, and prints {"ready":COUNT} once each has received its first bytes. For each line on
// standard input it prints the open connections, and the reads since the last line: {"open":n,"reads":n}. Exits at the end
// of standard input.

import { connect } from 'node:net';
import { createInterface } from 'node:readline';

const UNDER_WAY_MAX = 256;
const [port, count, path] = process.argv.slice(2);
const print = (line) => console.log(JSON.stringify(line));
let [dialled, greeted, open, reads] = [0, 0, 0, 0];

function dial() {
  if (dialled === Number(count)) return;
  dialled += 1;
  open += 1;
  const socket = connect(Number(port), '127.0.0.1');
  socket.write(`GET ${path} HTTP/1.1\r\nHost: hold\r\nAccept: text/event-stream\r\n\r\n`);
  socket.once('data', (bytes) => {
    if (!bytes.toString().startsWith('HTTP/1.1 200')) throw new Error(`hold: ${bytes}`);
    greeted += 1;
    if (greeted === Number(count)) print({ ready: greeted });
    dial();
  });
  socket.on('data', () => { reads += 1; });
  socket.on('close', () => { open -= 1; });
}

for (let i = 0; i < UNDER_WAY_MAX; i += 1) dial();
createInterface({ input: process.stdin }).on('close', () => process.exit()).on('line', () => {
  print({ open, reads });
  reads = 0;
});

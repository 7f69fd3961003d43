// handshakes.js JSON: new connections one after the other, some at a time, each with one request; a process of its own,
// so that it can have a core of its own. Prints how many came through and how many took up an earlier session.
//
//   {port, count, atOnce, tls: 'TLSv1.3' | 'TLSv1.2' | none, resume: take up the session of a first connection}

import net from 'node:net';
import tls from 'node:tls';

const { port, count, atOnce = 8, tls: version, resume = false } = JSON.parse(process.argv[2]);
const REQUEST = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';

function once(session) {
  return new Promise((resolve, reject) => {
    const at = { port, host: '127.0.0.1' };
    const socket = version === undefined ? net.connect(at)
      : tls.connect({ ...at, minVersion: version, maxVersion: version, session, rejectUnauthorized: false, ecdhCurve: 'X25519:P-256' });
    let latest;
    let reused = false;
    let text = '';
    socket.on('secureConnect', () => { reused = socket.isSessionReused(); });
    socket.on('session', (given) => { latest = given; });
    socket.on('data', (bytes) => { text += bytes; });
    socket.on('error', reject);
    socket.on('close', () => resolve({ good: text.startsWith('HTTP/1.1 200'), reused, session: latest }));
    socket.write(REQUEST);
  });
}

const { session } = resume ? await once() : {};
let left = count;
const told = { good: 0, reused: 0 };
await Promise.all(Array.from({ length: atOnce }, async () => {
  while (left-- > 0) {
    const { good, reused } = await once(session);
    told.good += Number(good);
    told.reused += Number(reused);
  }
}));
process.stdout.write(JSON.stringify(told));

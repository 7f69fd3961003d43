// handshakes.js JSON: opens `count` connections, `atOnce` at a time, with one request each. A process of its own, so that it
// can have its own core. Prints how many succeeded and how many resumed a session.
//
//   {port, count, atOnce, tls: 'TLSv1.3' | 'TLSv1.2' | none, resume: resume the session of a first connection}

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
const counts = { good: 0, reused: 0 };
await Promise.all(Array.from({ length: atOnce }, async () => {
  while (left-- > 0) {
    const { good, reused } = await once(session);
    counts.good += Number(good);
    counts.reused += Number(reused);
  }
}));
process.stdout.write(JSON.stringify(counts));

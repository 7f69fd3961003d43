// reservation.js PORT HOST_OF_POSTGRES PORT_OF_POSTGRES DATABASE: holds seats the way most teams would
// first write it: Node, a connection pool, a row lock, one transaction per request. It serves the same
// request as the seat service, POST .../holds {"seats":["r1s1"]}, so both can take the same load;
// it checks neither passes nor rules.

import http from 'node:http';
import pg from 'pg';

const [port, host, pgPort, database] = process.argv.slice(2);
const pool = new pg.Pool({ host, port: Number(pgPort), database, user: 'postgres', max: 16 });

async function hold(seat) {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const found = await client.query(
      { name: 'look', text: 'SELECT id, state FROM seat WHERE label = $1 FOR UPDATE', values: [seat] });
    if (found.rows[0]?.state !== 'free') {
      await client.query('ROLLBACK');
      return null;
    }
    await client.query(
      { name: 'take', text: "UPDATE seat SET state = 'held' WHERE id = $1", values: [found.rows[0].id] });
    const made = await client.query({
      name: 'hold',
      text: "INSERT INTO hold (seat, expires_at) VALUES ($1, now() + interval '10 minutes') RETURNING id, expires_at",
      values: [found.rows[0].id],
    });
    await client.query('COMMIT');
    return made.rows[0];
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  } finally {
    client.release();
  }
}

function bodyOf(request) {
  return new Promise((resolve, reject) => {
    let text = '';
    request.on('data', (bytes) => (text += bytes));
    request.on('end', () => resolve(JSON.parse(text)));
    request.on('error', reject);
  });
}

function answer(response, status, body) {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

http
  .createServer(async (request, response) => {
    try {
      if (request.method !== 'POST') return answer(response, 200, {});
      const { seats } = await bodyOf(request);
      const held = await hold(seats[0]);
      if (held === null) return answer(response, 409, { code: 'seats-taken', seats });
      return answer(response, 201, { hold: held.id, seats, expires_at: held.expires_at });
    } catch (error) {
      return answer(response, 500, { detail: error.message });
    }
  })
  .listen(Number(port), '127.0.0.1');

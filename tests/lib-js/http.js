// An HTTP client for tests: one call, one answer, all headers as received, no redirects followed, no retries, and pooling
// only on request.

import assert from 'node:assert/strict';
import http from 'node:http';
import https from 'node:https';

// request({port, path, method, headers, body, token, agent, timeoutMs}):
//   body      a string or Buffer is sent unchanged; anything else is sent as JSON
//   token     becomes Authorization: Bearer
//   tls       what https.request() needs beyond the address, such as {ca}
// Returns {status, headers, body, text, json}; `json` is undefined if the body is not JSON.
export function request({
  port,
  host = '127.0.0.1',
  path,
  method = 'GET',
  headers = {},
  body,
  token,
  agent = false,
  tls,
  timeoutMs = 60_000,
}) {
  const send = { ...headers };
  let payload = body;
  if (body !== undefined && typeof body !== 'string' && !Buffer.isBuffer(body)) {
    payload = JSON.stringify(body);
    send['content-type'] ??= 'application/json';
  }
  if (payload !== undefined) send['content-length'] ??= Buffer.byteLength(payload);
  else if (method !== 'GET' && method !== 'HEAD') send['content-length'] ??= 0;
  if (token !== undefined) send.authorization ??= `Bearer ${token}`;
  return new Promise((resolve, reject) => {
    const call = (tls === undefined ? http : https).request(
      { ...tls, host, port, path, method, headers: send, agent, timeout: timeoutMs }, // also while it connects
      (answer) => {
        const parts = [];
        answer.on('data', (part) => parts.push(part));
        answer.on('error', reject);
        answer.on('end', () => {
          try {
            resolve(shape(answer, Buffer.concat(parts)));
          } catch (error) {
            reject(new Error(`${method} ${path}: ${answer.statusCode} with a body that is not what it says: ${error.message}`));
          }
        });
      },
    );
    call.on('timeout', () =>
      call.destroy(new Error(`${method} ${path}: no answer in ${timeoutMs} ms`)),
    );
    call.on('error', reject);
    call.end(payload);
  });
}

function shape(answer, body) {
  const text = body.toString('utf8');
  const type = answer.headers['content-type'] ?? '';
  const plain = answer.headers['content-encoding'] === undefined && text !== '';
  const json = /[/+]json\b/.test(type) && plain ? JSON.parse(text) : undefined;
  const { statusCode: status, headers } = answer;
  return { status, headers, body, text, json };
}

// A client of one address: `const front = client({port})`, `await front.get('/healthz')`. Defaults given here (token,
// headers, agent) apply to each call; a call may override them.
export function client(defaults) {
  const call = (method, path, options = {}) =>
    request({
      ...defaults,
      ...options,
      method,
      path,
      headers: { ...defaults.headers, ...options.headers },
    });
  return {
    get: (path, options) => call('GET', path, options),
    head: (path, options) => call('HEAD', path, options),
    post: (path, options) => call('POST', path, options),
    put: (path, options) => call('PUT', path, options),
    patch: (path, options) => call('PATCH', path, options),
    delete: (path, options) => call('DELETE', path, options),
    call,
  };
}

// The visitor's cookies: reads Set-Cookie, sends Cookie. Attributes can be inspected.
export class CookieJar {
  #cookies = new Map();

  take(answer) {
    for (const line of answer.headers['set-cookie'] ?? []) {
      const [pair, ...attributes] = line.split(';').map((part) => part.trim());
      const at = pair.indexOf('=');
      const name = pair.slice(0, at);
      const lower = attributes.map((a) => a.toLowerCase());
      if (lower.includes('max-age=0')) this.#cookies.delete(name);
      else this.#cookies.set(name, { value: pair.slice(at + 1), attributes: lower });
    }
    return answer;
  }

  get(name) {
    return this.#cookies.get(name);
  }

  get headers() {
    if (this.#cookies.size === 0) return {};
    return { cookie: [...this.#cookies].map(([name, c]) => `${name}=${c.value}`).join('; ') };
  }
}

// The same token with another first character.
export const mangled = (token) => (token.startsWith('A') ? 'B' : 'A') + token.slice(1);

// Returns the answer if it has this status.
export function assertStatus(answer, status) {
  assert.equal(answer.status, status, answer.text);
  return answer;
}

// Checks for an RFC 9457 answer with this status and stable code; returns the parsed problem.
export function assertProblem(answer, status, code) {
  const seen = `${answer.status} ${answer.text}`;
  assert.equal(answer.status, status, seen);
  assert.match(answer.headers['content-type'] ?? '', /^application\/problem\+json\b/, seen);
  assert.equal(answer.json.code, code, seen);
  assert.equal(answer.json.status, status, `"status" repeats the status: ${seen}`);
  assert.ok(answer.json.title, `a person wants a title: ${seen}`);
  assert.notEqual(answer.json.title, code, `a title is for people, RFC 9457: ${seen}`);
  if (status === 429 || status === 503) {
    assert.match(answer.headers['retry-after'] ?? '', /^\d+$/, `Retry-After: ${seen}`);
  }
  return answer.json;
}

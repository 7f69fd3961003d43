#!/usr/bin/env node
// A stand-in for a service in tests of the stack and the edge: reads its two listeners from the stack's config, reports
// health, echoes its requests, and dies on command.

import { readFileSync } from 'node:fs';
import http from 'node:http';

const text = readFileSync(process.argv[process.argv.indexOf('--config') + 1], 'utf8');

function port(section) {
  const body = text.split(`[${section}]`)[1]?.split('\n[')[0] ?? '';
  return Number(/^port = (\d+)$/m.exec(body)?.[1] ?? 0);
}

const events = new Map();

function admin(request, answer) {
  const [, name, action] = /^\/admin\/events\/([^/]+)(\/actions\/.*)?$/.exec(request.url) ?? [];
  if (name === undefined) return answer.writeHead(404).end();
  if (!request.headers.authorization?.startsWith('Bearer ')) return answer.writeHead(401).end();
  if (request.method === 'PUT') events.set(name, 'draft');
  if (!events.has(name)) return answer.writeHead(404).end();
  if (action !== undefined) events.set(name, action.slice('/actions/'.length));
  return answer.writeHead(200).end(events.get(name));
}

function onPrivate(request, answer) {
  if (request.url === '/readyz') return answer.writeHead(200).end('{"status":"ready","role":"owner"}');
  if (/^\/(healthz|metrics)$/.test(request.url)) return answer.writeHead(200).end('ok\n');
  return admin(request, answer);
}

function onPublic(request, answer) {
  if (request.url === '/e/abort') process.abort();
  if (request.url === '/e/nonsense') return request.socket.end('this is no HTTP\r\n\r\n');
  if (request.url === '/healthz') return answer.writeHead(200).end('ok\n');
  if (request.url.endsWith('/verify')) {
    const inside = /pass=good/.test(request.headers.cookie ?? '');
    return answer.writeHead(inside ? 204 : 401).end();
  }
  if (request.url.endsWith('/stream')) {
    answer.writeHead(200, { 'content-type': 'text/event-stream' });
    return answer.write('data: {"first":true}\n\n');
  }
  const owner = new URL(request.url, 'http://here').searchParams.get('owner'); // the owner that this service names for the seats
  answer.writeHead(200, { 'content-type': 'application/json', ...(owner !== null && { 'fairgate-owner': owner }) });
  const { method, url, headers } = request;
  return answer.end(JSON.stringify({ pid: process.pid, port: port('http'), method, url, headers }));
}

const listeners = [
  ['http', onPublic],
  ['private', onPrivate],
];
for (const [section, handler] of listeners) {
  if (port(section) === 0) continue;
  http.createServer(handler).listen(port(section), '127.0.0.1');
}
process.on('SIGTERM', () => process.exit(0));

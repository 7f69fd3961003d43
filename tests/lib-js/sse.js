// A reader of server-sent events: stores every event, in order.

import http from 'node:http';
import { hopeless, until } from './wait.js';

class EventStream {
  constructor(call, answer) {
    this.call = call;
    this.status = answer.statusCode;
    this.headers = answer.headers;
    this.events = []; // {event, id, retry, data, json}
    this.ended = false;
    this.error = null;
    this.answer = answer;
    let rest = '';
    answer.setEncoding('utf8');
    answer.on('data', (text) => {
      const blocks = (rest + text).split(/\r?\n\r?\n/);
      rest = blocks.pop();
      for (const block of blocks) this.#take(block);
    });
    const end = (error = null) => {
      this.ended = true;
      this.error ??= error;
    };
    answer.on('end', () => end());
    answer.on('close', () => end());
    answer.on('error', end);
  }

  #take(block) {
    const event = { event: 'message', id: null, retry: null, data: '' };
    const data = [];
    for (const line of block.split(/\r?\n/)) {
      const [, field, value] = /^([a-z]+):? ?(.*)$/.exec(line) ?? [];
      if (field === 'data') data.push(value);
      else if (field !== undefined) event[field] = value;
    }
    if (data.length === 0) return;
    event.data = data.join('\n');
    try {
      event.json = JSON.parse(event.data);
    } catch {
      event.json = undefined;
    }
    this.events.push(event);
  }

  // The first event from index `from` on that `wanted` accepts.
  async find(what, wanted, { from = 0, timeoutMs = 60_000 } = {}) {
    return until(
      what,
      () => {
        const found = this.events.slice(from).find(wanted);
        if (found === undefined && this.ended) throw hopeless(`the stream ended before ${what}`);
        return found;
      },
      { timeoutMs, everyMs: 5 },
    );
  }

  pause() {
    this.answer.pause(); // a reader that stops reading
  }

  resume() {
    this.answer.resume();
  }

  close() {
    this.call.destroy();
  }
}

// openStream({port, path, headers, token}) resolves when the response head has arrived; check .status.
export function openStream({ port, host = '127.0.0.1', path, headers = {}, token }) {
  return new Promise((resolve, reject) => {
    const call = http.request({
      host,
      port,
      path,
      agent: false,
      headers: {
        accept: 'text/event-stream',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
    });
    call.once('error', reject);
    call.once('response', (answer) => {
      call.off('error', reject);
      call.on('error', () => {}); // our own close() arrives here
      resolve(new EventStream(call, answer));
    });
    call.end();
  });
}

// A collector of OTLP over HTTP: {url, spans, of(traceId)}. A span is {service, traceId, spanId, parentSpanId, name, attributes, ...}.

import { json } from 'node:stream/consumers';
import { serve } from './serve.js';

export async function openCollector(scope) {
  const spans = [];
  const server = await serve(scope, async (req, res) => {
    for (const { resource, scopeSpans } of (await json(req)).resourceSpans) {
      const { service } = plain(resource.attributes, { 'service.name': 'service' });
      for (const { spans: some } of scopeSpans) spans.push(...some.map((span) => ({ ...span, service, attributes: plain(span.attributes) })));
    }
    res.setHeader('content-type', 'application/json');
    res.end('{}');
  });
  return { url: server.url, spans, of: (traceId) => spans.filter((span) => span.traceId === traceId) };
}

const plain = (attributes, names = {}) => Object.fromEntries(attributes.map(({ key, value }) => [names[key] ?? key, value.stringValue ?? Number(value.intValue)]));

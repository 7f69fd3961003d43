// A collector of OTLP over HTTP: {url, spans, of(traceId)}. A span is {service, traceId, spanId, parentSpanId, name, attributes, ...}.

import { createServer } from 'node:http';

export async function openCollector(scope) {
  const spans = [];
  const server = createServer(async (req, res) => {
    let body = '';
    for await (const chunk of req) body += chunk;
    for (const { resource, scopeSpans } of JSON.parse(body).resourceSpans) {
      const { service } = plain(resource.attributes, { 'service.name': 'service' });
      for (const { spans: some } of scopeSpans) spans.push(...some.map((span) => ({ ...span, service, attributes: plain(span.attributes) })));
    }
    res.setHeader('content-type', 'application/json');
    res.end('{}');
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  scope.defer(() => { server.closeAllConnections(); server.close(); });
  return { url: `http://127.0.0.1:${server.address().port}`, spans, of: (traceId) => spans.filter((span) => span.traceId === traceId) };
}

const plain = (attributes, names = {}) => Object.fromEntries(attributes.map(({ key, value }) => [names[key] ?? key, value.stringValue ?? Number(value.intValue)]));

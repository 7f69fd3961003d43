// An HTTP server of a test's own, on this machine, for as long as the scope lasts.

import { createServer } from 'node:http';

// -> {port, url, server}. With no port named, any free one.
export async function serve(scope, onRequest, { port = 0 } = {}) {
  const server = createServer(onRequest);
  await new Promise((resolve) => { server.listen(port, '127.0.0.1', resolve); });
  scope.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port: own } = server.address();
  return { port: own, url: `http://127.0.0.1:${own}`, server };
}

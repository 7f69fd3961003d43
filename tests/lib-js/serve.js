// A test's own HTTP server on this machine; it closes with the scope.

import { createServer } from 'node:http';

// Returns {port, url, server}. Port 0: any free one.
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

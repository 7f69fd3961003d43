// sw.js: shows the notification of a call if the page itself may not, as on most phones. A tap on the notification
// brings the page to the front. It caches nothing and handles no requests, so it controls no page, not even the one it
// opens.

addEventListener('notificationclick', (event) => {
  const { notification } = event;
  notification.close();
  event.waitUntil((async () => {
    const pages = await clients.matchAll({ type: 'window', includeUncontrolled: true });
    const open = pages.find(({ url }) => new URL(url).pathname === notification.data);
    return open ? open.focus() : clients.openWindow(notification.data);
  })());
});

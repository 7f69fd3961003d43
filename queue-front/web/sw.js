// sw.js: shows the notification of a call where a page may not show it by itself, which is on most
// phones, and brings the page to the front when it is touched. It caches nothing and handles no
// requests, so it controls no page either: the page to bring back is one that it does not control.

addEventListener('notificationclick', (event) => {
  const { notification } = event;
  notification.close();
  event.waitUntil((async () => {
    const pages = await clients.matchAll({ type: 'window', includeUncontrolled: true });
    const open = pages.find(({ url }) => new URL(url).pathname === notification.data);
    return open ? open.focus() : clients.openWindow(notification.data);
  })());
});

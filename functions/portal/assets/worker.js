// Says that there is no connection, in the portal's own words. No page with
// anybody's data is ever kept.
'use strict';
const cache = 'portal-VERSION';
const root = self.location.pathname.replace(/\/worker\.js$/, '');
const kept = [root + '/offline', root + '/assets/style.css?v=VERSION', root + '/assets/icon.svg?v=VERSION', root + '/assets/script.js?v=VERSION'];

self.addEventListener('install', e => e.waitUntil(
  caches.open(cache).then(c => c.addAll(kept.map(u => new Request(u, { credentials: 'omit' })))).then(() => self.skipWaiting())));

self.addEventListener('activate', e => e.waitUntil(
  caches.keys().then(names => Promise.all(names.filter(n => n !== cache).map(n => caches.delete(n)))).then(() => self.clients.claim())));

self.addEventListener('fetch', e => {
  if (e.request.mode === 'navigate' && e.request.method === 'GET') {
    e.respondWith(fetch(e.request).catch(() => caches.match(root + '/offline')));
  } else if (kept.includes(new URL(e.request.url).pathname + new URL(e.request.url).search)) {
    e.respondWith(caches.match(e.request).then(hit => hit || fetch(e.request)));
  }
});

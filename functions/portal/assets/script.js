// What makes the pages quicker to use. Each works without it.
'use strict';

// A form is sent once, however often its button is pressed.
addEventListener('submit', e => {
  const form = e.target;
  if (!form.matches('[data-once]')) return;
  if (form.dataset.sent) { e.preventDefault(); return; }
  form.dataset.sent = '1';
  for (const b of form.querySelectorAll('button')) b.setAttribute('aria-disabled', 'true');
});

// A page that the back button brings back may send its forms again.
addEventListener('pageshow', e => {
  if (!e.persisted) return;
  for (const form of document.querySelectorAll('[data-sent]')) {
    delete form.dataset.sent;
    for (const b of form.querySelectorAll('button')) b.removeAttribute('aria-disabled');
  }
});

// The progress of an application, while somebody looks at it.
async function follow() {
  const quick = 700, slow = 5000, patience = 60 * 1000, began = Date.now();
  const address = new URL(location.href);
  address.searchParams.set('live', '1');
  let live;
  while ((live = document.querySelector('#live[data-live]'))) {
    await new Promise(done => setTimeout(done, Date.now() - began < patience ? quick : slow));
    if (document.hidden) continue;
    try {
      const answer = await fetch(address, { headers: { Accept: 'text/html' }, redirect: 'manual' });
      if (answer.type === 'opaqueredirect') { location.reload(); return; }
      if (!answer.ok) { await new Promise(done => setTimeout(done, slow)); continue; }
      const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html').getElementById('live');
      if (!fresh) { location.reload(); return; }
      if (fresh.textContent === live.textContent) continue;
      // It stays itself, so that a screen reader says what is new in it.
      live.replaceChildren(...fresh.childNodes);
      if (!('live' in fresh.dataset)) delete live.dataset.live;
    } catch { /* no network for the moment: the next try will tell */ }
  }
}
follow();

// The number is copied without its spaces.
for (const b of document.querySelectorAll('[data-copy]')) {
  if (!navigator.clipboard) break;
  const name = b.textContent, ru = document.documentElement.lang !== 'en';
  let back;
  b.classList.add('works');
  b.setAttribute('aria-live', 'polite');
  b.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(b.dataset.copy);
      b.textContent = ru ? 'Скопировано' : 'Copied';
    } catch { // the browser does not allow it
      b.textContent = ru ? 'Не скопировано' : 'Not copied';
    }
    clearTimeout(back); // of an earlier click
    back = setTimeout(() => { b.textContent = name; }, 2000);
  });
}

const root = document.body.dataset.root;
navigator.serviceWorker?.register(root + '/worker.js', { scope: root + '/' }).catch(() => {});

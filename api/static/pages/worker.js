// Keeps the pages for when there is no network. The server puts VERSION and FILES in front.
// What is kept is only ever shown where the network does not answer.

const NAME = `sijill-pages-${VERSION}`;
const PATIENCE_MS = 6000;
const LANGUAGES = ["ar", "ckb", "en"];

self.addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(NAME);
    await cache.addAll(FILES.map((file) => new Request(file, { cache: "reload" })));
    await self.skipWaiting();
  })());
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith("sijill-pages-") && name !== NAME) await caches.delete(name);
    }
    await self.clients.claim();
  })());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin) return;
  if (request.mode === "navigate") event.respondWith(page(request, pathname));
  else if (FILES.includes(pathname)) event.respondWith(file(request, pathname));
});

async function fromNetwork(request) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), PATIENCE_MS);
  try {
    return await fetch(request, { signal: stop.signal });
  } finally {
    clearTimeout(timer);
  }
}

async function file(request, pathname) {
  try {
    return await fromNetwork(request);
  } catch (error) {
    const kept = await (await caches.open(NAME)).match(pathname);
    if (kept) return kept;
    throw error;
  }
}

async function page(request, pathname) {
  try {
    return await fromNetwork(request);
  } catch (error) {
    const cache = await caches.open(NAME);
    const kept = await cache.match(pathname) ?? await cache.match(stand(pathname));
    if (kept) return kept;
    throw error;
  }
}

// What is shown in a page's place: the shell of a verdict for a code, else the start.
function stand(pathname) {
  const found = /^(?:\/(ar|ckb|en))?\/(v\/)?/i.exec(pathname);
  const spoken = self.navigator.languages.map((one) => one.split("-")[0]);
  const language = found?.[1] ?? spoken.find((one) => LANGUAGES.includes(one)) ?? LANGUAGES[0];
  return `/${language}/${found?.[2] ? "shell" : ""}`;
}

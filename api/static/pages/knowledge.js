// What this device keeps so that it needs no network: the ledger's keys, the trust list, the status
// lists and the catalogue of types. Nothing is kept that was not verified, and no document is.
import { hex } from "./credential.js";
import { openToken } from "./statuslists.js";
import { old, openList } from "./trust.js";

const STORE = "sijill-knowledge-1";
const MAX_LISTS = 256;
export const REFRESH_SECONDS = 3600;
const JWT = "application/statuslist+jwt";

const store = () => caches.open(STORE);
const address = (name) => `/kept/${name}`;
export const nowSeconds = () => Math.floor(Date.now() / 1000);

async function keep(name, value) {
  const body = JSON.stringify({ at: nowSeconds(), value });
  await (await store()).put(address(name), new Response(body));
}

async function kept(name) {
  const found = await (await store()).match(address(name));
  return found ? found.json() : null;
}

async function get(path, headers = {}) {
  const answer = await fetch(path, { headers, cache: "no-cache" });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer;
}

// The ledger's keys as they were first met. A ledger that changes its key still names the old one;
// another ledger, or one that disowns a key, is not believed on this device.
async function rooted(said) {
  const before = (await kept("root"))?.value;
  const root = {
    ledger: said.ledger, origin: said.origin, log_vkeys: said.log_vkeys,
    receipts_vkey: said.receipts_vkey, founders: before?.founders,
  };
  const disowned = before && (before.ledger !== root.ledger
    || !before.log_vkeys.every((key) => root.log_vkeys.includes(key)));
  if (disowned) throw new Error("another ledger than the one that this device knows");
  await keep("root", root);
  return root;
}

// Fetches and verifies everything. Throws where the network or a signature fails; what was kept
// before stays then.
export async function refresh() {
  const root = await rooted(await (await get("/v1/ledger")).json());
  await keep("types", (await (await get("/v1/certificate-types")).json()).items);
  const trust = await (await get("/v1/trust")).json();
  await opened(trust, root, (await kept("seen"))?.value);
  await keep("trust", trust);
  const { status_lists: names } = await (await get("/v1/status-lists")).json();
  for (const name of names.slice(0, MAX_LISTS)) await fetchList(Number(name.split("/").at(-1)), root);
  await keep("refreshed", null);
}

async function opened(trust, root, seen) {
  const content = new TextEncoder().encode(canonical(trust.content));
  const founders = root.founders ?? trust.content?.founders;
  const found = await openList({ ...trust, content, root: { ...root, founders }, seen });
  // Whoever founded the ledger is learned from the first list, and never again.
  if (!root.founders) await keep("root", { ...root, founders });
  const { size, root: tree } = found.checkpoint;
  if (seen === undefined || size > seen.size) await keep("seen", { size, root: hex(tree) });
  return found;
}

// RFC 8785, of what has no fractions: members in the order of their names.
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.keys(value).sort()
    .map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`);
  return `{${members.join(",")}}`;
}

async function fetchList(number, root) {
  const token = await (await get(`/v1/status-lists/${number}`, { Accept: JWT })).text();
  const list = await openToken(token, { number, root });
  await keep(`status/${number}`, token);
  return list;
}

// {trusted, types} as kept on this device, or null.
export async function known() {
  const [root, trust, types] = await Promise.all(["root", "trust", "types"].map(kept));
  if (!root || !trust || !types) return null;
  const trusted = await opened(trust.value, root.value);
  return { trusted, types: types.value, root: root.value };
}

// What the kept status list says of a place: {value, issued, size}, or null. A list past its own
// end says nothing.
export async function listed({ list, index }, root, now = nowSeconds()) {
  const token = await kept(`status/${list}`);
  if (!token) return null;
  const opened_ = await openToken(token.value, { number: list, root });
  const value = opened_.status(index);
  if (value === null || now >= opened_.expires) return null;
  return { value, issued: opened_.issued, size: opened_.size };
}

// How old the lists are: {trust, trustOld, status, refreshed} in seconds, null where there is none.
export async function ages(now = nowSeconds()) {
  const knowledge = await known().catch(() => null);
  const refreshed = await kept("refreshed");
  const issued = [];
  for (const request of await (await store()).keys()) {
    const number = /\/kept\/status\/(\d+)$/.exec(request.url)?.[1];
    if (!number || !knowledge) continue;
    const token = (await kept(`status/${number}`)).value;
    const list = await openToken(token, { number: Number(number), root: knowledge.root })
      .catch(() => null);
    if (list) issued.push(list.issued);
  }
  const since = (moment) => Math.max(now - moment, 0);
  return {
    trust: knowledge ? since(knowledge.trusted.issued) : null,
    trustOld: knowledge ? old(knowledge.trusted, now) : false,
    status: issued.length ? since(Math.min(...issued)) : null,
    lists: issued.length,
    refreshed: refreshed ? since(refreshed.at) : null,
  };
}

// In the background of any page: once an hour at most, and not on somebody's last megabytes.
export async function refreshInTurn() {
  if (navigator.connection?.saveData || !navigator.onLine) return;
  const refreshed = await kept("refreshed");
  if (!refreshed || nowSeconds() - refreshed.at > REFRESH_SECONDS) await refresh();
}


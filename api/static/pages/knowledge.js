// What this device keeps so that it needs no network: the ledger's keys, the trust list, the status
// lists and the catalogue of types. Nothing is kept that was not verified, and no document is.
import { Refused, fromHex, hex } from "./credential.js";
import { canonical, continues, followed, opened as opening } from "./growing.js";
import { openToken } from "./statuslists.js";
import { old, openList } from "./trust.js";

const STORE = "sijill-knowledge-1";
const MAX_LISTS = 256;
export const REFRESH_SECONDS = 3600;
// How old a trust list may be under a verdict that the register has a part in.
const FRESH_SECONDS = 60;
// A trust list may be megabytes, and a road slow: only one that brings nothing for so long is left.
const STALLED_MS = 30000;
const JWT = "application/statuslist+jwt";
const VALID = 0;

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

async function forget(name) {
  await (await store()).delete(address(name));
}

async function get(path, headers = {}) {
  const stop = new AbortController();
  let timer;
  const moves = () => {
    clearTimeout(timer);
    timer = setTimeout(() => stop.abort(), STALLED_MS);
  };
  moves();
  try {
    const answer = await fetch(path, { headers, cache: "no-cache", signal: stop.signal });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return new Response(await whole(answer.body.getReader(), moves));
  } finally {
    clearTimeout(timer);
  }
}

// The whole body; `moves` is called as each piece of it comes.
async function whole(reader, moves) {
  const pieces = [];
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    moves();
    pieces.push(piece.value);
  }
  return new Blob(pieces);
}

// The ledger and its keys as they were first met: the root of trust of this device. Another ledger
// is not believed here, nor a key of the log that the known one does not vouch for.
async function rooted(said) {
  if (typeof said?.ledger !== "string" || !Array.isArray(said.log_vkeys)) {
    throw new Refused("ledger_malformed");
  }
  const before = (await kept("root"))?.value;
  const root = {
    ledger: said.ledger, origin: said.origin, log_vkeys: said.log_vkeys,
    receipts_vkey: said.receipts_vkey, founders: before?.founders,
  };
  if (before) {
    const other = ["ledger", "origin", "receipts_vkey"].some((one) => before[one] !== root[one]);
    if (other) throw new Refused("ledger_foreign");
    await followed(before.log_vkeys.at(-1), said, opening);
    root.log_vkeys = [...before.log_vkeys,
      ...said.log_vkeys.slice(said.log_vkeys.indexOf(before.log_vkeys.at(-1)) + 1)];
  }
  await keep("root", root);
  return root;
}

// Fetches and verifies everything. Throws where the network or a signature fails; what was kept
// before stays then. Why a ledger was refused is kept, until one is believed again. Status lists
// may be left out: beside an answer of the register they say nothing.
export async function refresh({ lists = true } = {}) {
  try {
    await fetched(lists);
    await forget("refused");
  } catch (error) {
    // What is no answer of a ledger at all may be anybody's between here and there.
    const against = error instanceof Refused && !error.code.endsWith("_malformed");
    if (against) await keep("refused", error.code);
    throw error;
  }
}

// The code by which this device refused what the address told last, or null.
export async function refused() {
  return (await kept("refused"))?.value ?? null;
}

async function fetched(lists) {
  const root = await rooted(await (await get("/v1/ledger")).json());
  await keep("types", (await (await get("/v1/certificate-types")).json()).items);
  const trust = await (await get("/v1/trust")).json();
  if (await opened(trust, root, (await kept("seen"))?.value)) await keep("trust", trust);
  if (!lists) return;
  const { status_lists: names } = await (await get("/v1/status-lists")).json();
  for (const name of names.slice(0, MAX_LISTS)) await fetchList(Number(name.split("/").at(-1)), root);
  await keep("refreshed", null);
}

// Whether the trust list was fetched just now; an older one knows nothing of a theft since.
export async function fresh(now = nowSeconds()) {
  const trust = await kept("trust").catch(() => null);
  return trust !== null && Math.abs(now - trust.at) <= FRESH_SECONDS;
}

// The list, or null where it is an older one than that of the checkpoint `seen`: two doors of one
// ledger may be a minute apart. Whichever is the smaller tree, the larger must continue it.
async function opened(trust, root, seen) {
  const content = new TextEncoder().encode(canonical(trust.content));
  const founders = root.founders ?? trust.content?.founders;
  const found = await openList({ ...trust, content, root: { ...root, founders } });
  const { size, root: tree } = found.checkpoint;
  if (seen) {
    const trees = [{ size: seen.size, root: fromHex(seen.root) }, found.checkpoint];
    if (size < seen.size) trees.reverse();
    const grown = size === seen.size ? hex(tree) === seen.root : await continues(...trees);
    if (!grown) throw new Refused("log_inconsistent");
    if (size < seen.size) return null;
  }
  // Whoever founded the ledger is learned from the first list, and never again.
  if (!root.founders) await keep("root", { ...root, founders });
  if (seen === undefined || size > seen.size) await keep("seen", { size, root: hex(tree) });
  return found;
}

// An older list, as another door may still hand it out, does not take the place of a newer one.
async function fetchList(number, root) {
  const token = await (await get(`/v1/status-lists/${number}`, { Accept: JWT })).text();
  const list = await openToken(token, { number, root });
  const before = await kept(`status/${number}`);
  const held = before && await openToken(before.value, { number, root }).catch(() => null);
  const older = held
    && (list.size < held.size || (list.size === held.size && list.issued < held.issued));
  if (!older) await keep(`status/${number}`, token);
}

// {trusted, types} as kept on this device, or null.
export async function known() {
  const [root, trust, types] = await Promise.all(["root", "trust", "types"].map(kept));
  if (!root || !trust || !types) return null;
  const trusted = await opened(trust.value, root.value);
  return { trusted, types: types.value, root: root.value };
}

// What the kept status list says of a place: {value, issued, size}, or null. A list past its own
// end says *valid* of nothing; what was withdrawn hardly ever comes back.
export async function listed({ list, index }, root, now = nowSeconds()) {
  const token = await kept(`status/${list}`);
  if (!token) return null;
  const opened_ = await openToken(token.value, { number: list, root });
  const value = opened_.status(index);
  if (value === null || (value === VALID && now >= opened_.expires)) return null;
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
  const due = !refreshed || nowSeconds() - refreshed.at > REFRESH_SECONDS;
  // A warning stands until the known ledger answers again: it is asked on every page.
  if (due || await refused() !== null) await refresh();
}


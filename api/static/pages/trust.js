// Trust lists, and what one says of a credential: infrastructure/proofs/trust.py and offline.py.
import { Refused, fromHex, hex, thumbprint, verify } from "./credential.js";
import { openCheckpoint, openNote, refused, same, sha256, verifierKey } from "./notes.js";
import { judgeCredential } from "./verdict.js";

const SKEW_SECONDS = 300;
const INTEGER = "(0|[1-9][0-9]{0,15})";
const FORM = new RegExp(
  `^sijill-trust/v1\\n([0-9a-f]{64})\\n${INTEGER}\\n([0-9a-f]{64})\\n([0-9a-f]{64})\\n`
  + `${INTEGER}\\n${INTEGER}\\n$`,
);
const LISTED = ["valid", "invalid", "suspended", "superseded"];

// {list, issued, expires, checkpoint} of a list with everything that vouches for it. `content` is
// its bytes; `seen` the checkpoint {size, root} of the list held before.
export async function openList({ content, note, checkpoint, root, seen }) {
  const list = read(content);
  const digest = hex(await sha256(content));
  let word;
  let head;
  try {
    word = FORM.exec(await openNote(note, [await verifierKey(root.receipts_vkey)]));
    if (!word) throw refused("trust_malformed");
    const keys = await Promise.all(root.log_vkeys.map(verifierKey));
    head = await openCheckpoint(checkpoint, root.origin, keys);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    throw refused("trust_unsigned");
  }
  const other = list.ledger !== root.ledger || list.origin !== root.origin
    || JSON.stringify(list.founders) !== JSON.stringify(root.founders);
  if (other) throw refused("trust_foreign");
  const [, ledger, size, tree, about, issued, expires] = word;
  const agree = ledger === list.ledger && Number(size) === list.size && about === digest
    && tree === hex(head.root) && head.size === list.size;
  if (!agree) throw refused("trust_unsigned");
  const back = seen && head.size <= seen.size
    && !(head.size === seen.size && same(head.root, fromHex(seen.root)));
  if (back) throw refused("trust_rolled_back");
  return { list, issued: Number(issued), expires: Number(expires), checkpoint: head };
}

function read(content) {
  let said;
  try {
    said = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(content));
  } catch {
    throw refused("trust_malformed");
  }
  const whole = said?.v === 1 && typeof said.ledger === "string" && typeof said.origin === "string"
    && Number.isSafeInteger(said.size) && Array.isArray(said.founders)
    && Array.isArray(said.agencies) && Array.isArray(said.keys);
  if (!whole) throw refused("trust_malformed");
  return said;
}

export function old(trusted, now) {
  return now >= trusted.expires || now < trusted.issued - SKEW_SECONDS;
}

// The facts that a trust list and a credential make together.
export async function gather(signed, list) {
  const said = signed.credential;
  const own = said.ledger === list.ledger.slice(0, 16);
  const [signer, key] = own ? await signerOf(signed, list) : ["unknown", null];
  return {
    code: said.code,
    agency: said.agency,
    type: said.type,
    index: said.index,
    effective_date: said.effective_date ?? said.date,
    expiry_date: said.expiry_date,
    own_ledger: own,
    signer,
    custodial: Boolean(key?.scopes.includes("custodial")),
    void_from: key?.void_from ?? null,
  };
}

async function signerOf(signed, list) {
  const said = signed.credential;
  const issuer = list.agencies.find((one) => one.id === said.agency);
  // Who answers for what the issuer did: itself, and its heirs, each since an index.
  const answering = new Map([[said.agency, 0]]);
  for (const heir of issuer?.heirs ?? []) answering.set(heir.agency, heir.since_index);
  const fitting = [];
  for (const key of list.keys.filter((one) => answering.has(one.agency))) {
    const name = await thumbprint(key.jwk);
    if (hex(name.subarray(0, 8)) === hex(signed.keyId)) fitting.push(key);
  }
  if (!fitting.length) return ["unknown", null];
  let key;
  try {
    key = await verify(signed, fitting);
  } catch (error) {
    if (error instanceof Refused) return ["forged", null];
    throw error;
  }
  const since = answering.get(key.agency);
  const by = since <= said.index
    ? [key.agency] : [...answering.keys()].filter((one) => answering.get(one) <= said.index);
  const linked = issuer !== undefined && by.some((one) => linkedAt(list, one, said.index));
  // An heir signs anew what was issued before it answered for it, by a key that it still had.
  const retired = key.retired_index !== undefined
    && key.retired_index <= Math.max(said.index, since);
  const ended = key.not_after !== undefined && said.issued_at > key.not_after + SKEW_SECONDS;
  const entitled = linked && key.scopes.includes("issue") && !retired && !ended;
  return [entitled ? "entitled" : "not_entitled", key];
}

function linkedAt(list, agency, index) {
  const standings = list.agencies.find((one) => one.id === agency)?.standings ?? [];
  return standings.filter((one) => one.since_index <= index).at(-1)?.standing === "linked";
}

// The verdict with no network, at a moment (seconds) of a day of Baghdad. `listed` is what a status
// list whose signature was verified says: {value, issued, size}, or null.
export async function assess(signed, trusted, listed, { now, today, maxStatusAge }) {
  const usable = listed !== null && listed.issued <= now + SKEW_SECONDS ? listed : null;
  const facts = await gather(signed, trusted.list);
  const knowledge = {
    trust_size: trusted.list.size,
    trust_old: old(trusted, now),
    listed: usable ? LISTED[usable.value] ?? null : null,
    status_size: usable?.size ?? null,
    status_age_seconds: usable ? Math.max(now - usable.issued, 0) : null,
  };
  return { ...judgeCredential(facts, knowledge, { today, maxStatusAge }), facts, knowledge };
}

export function namesOn(list, agency, day) {
  const names = list.agencies.find((one) => one.id === agency)?.names ?? [];
  const held = names.filter((one) => one.since <= day);
  return (held.at(-1) ?? names[0])?.value ?? null;
}


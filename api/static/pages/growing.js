// That a log only grew: a larger tree continues a smaller one, and a new log key is vouched for by
// the one before it. As infrastructure/proofs/merkle.py and sijill/client/rotation.py.
import { joined } from "./cbor.js";
import { fromHex, hex } from "./credential.js";
import { fromBase64, openNote, refused, same, sha256, verifierKey } from "./notes.js";

const node = (left, right) => sha256(joined(Uint8Array.of(1), left, right));

// RFC 9162, section 2.1.4.2; trees are {size, root}.
export async function consistent(old, head, proof) {
  if (old.size === head.size) return proof.length === 0 && same(old.root, head.root);
  if (old.size === 0) return proof.length === 0;
  const path = [...proof];
  if (Number.isInteger(Math.log2(old.size))) path.unshift(old.root);
  if (!path.length) return false;
  let fn = BigInt(old.size) - 1n;
  let sn = BigInt(head.size) - 1n;
  while (fn & 1n) {
    fn >>= 1n;
    sn >>= 1n;
  }
  let fr = path[0];
  let sr = path[0];
  for (const hash of path.slice(1)) {
    if (sn === 0n) return false;
    if (fn & 1n || fn === sn) {
      fr = await node(hash, fr);
      sr = await node(hash, sr);
      while (fn && !(fn & 1n)) {
        fn >>= 1n;
        sn >>= 1n;
      }
    } else {
      sr = await node(sr, hash);
    }
    fn >>= 1n;
    sn >>= 1n;
  }
  return sn === 0n && same(fr, old.root) && same(sr, head.root);
}

// Whether the log proves that the tree `head` holds everything of the tree `old`.
export async function continues(old, head) {
  if (old.size > head.size) return false;
  const answer = await fetch(`/v1/proofs/consistency?from=${old.size}&to=${head.size}`);
  // Only a proof that does not hold speaks against a log: whatever else answers, a proxy that knows
  // no such address or a portal that asks for a password, has said nothing of it.
  if (!answer.ok) throw new TypeError("no proof can be had now");
  const hashes = await answer.json().then((proof) => proof?.hashes, () => null);
  if (!Array.isArray(hashes)) throw new TypeError("no proof can be had now");
  return consistent(old, head, hashes.map(fromHex));
}

// Returns where every key after `known` is vouched for by the one before it; `told` is the answer
// of `/v1/ledger`, `opening(index)` gets an event's opening.
export async function followed(known, told, opening) {
  const place = told.log_vkeys.indexOf(known);
  if (place < 0 || told.log_key_indexes.length !== told.log_vkeys.length) {
    throw refused("log_key_unknown");
  }
  for (let at = place + 1; at < told.log_vkeys.length; at += 1) {
    const body = (await opening(told.log_key_indexes[at])).body ?? "";
    await vouched(told, told.log_vkeys[at - 1], told.log_vkeys[at], fromBase64(body));
  }
}

// A rotation's body holds two notes over the same words, by the old key and by the new one.
async function vouched({ ledger }, before, after, body) {
  let said;
  try {
    said = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw refused("log_key_unknown");
  }
  const statement = new TextEncoder().encode(canonical(said?.statement ?? null));
  const digest = hex(await sha256(joined(Uint8Array.of(0), statement)));
  const words = `sijill-rotation/v1\n${ledger}\n${digest}\n`;
  const notes = said?.notes;
  const whole = Array.isArray(notes) && notes.length === 2 && before !== after
    && said.statement?.log_key === after && notes.every((one) => typeof one === "string");
  if (!whole) throw refused("log_key_unknown");
  for (const [note, key] of [[notes[0], before], [notes[1], after]]) {
    if (await openNote(note, [await verifierKey(key)]) !== words) throw refused("log_key_unknown");
  }
}

// RFC 8785, of what has no fractions: members in the order of their names.
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.keys(value).sort()
    .map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`);
  return `{${members.join(",")}}`;
}

// The opening of one event, as far as everybody may have it.
export async function opened(index) {
  const answer = await fetch(`/v1/log/openings?from=${index}&to=${index + 1}`);
  if (!answer.ok) throw new TypeError("no opening can be had now");
  return (await answer.json()).openings[0] ?? {};
}

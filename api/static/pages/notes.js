// Signed notes and checkpoints (C2SP), as infrastructure/proofs/note.py and checkpoint.py.
import { Refused, joined } from "./cbor.js";

const MAX_NOTE_BYTES = 1000000;
const MAX_SIGNATURES = 100;
const NAME = /^[^\s+\u0000-\u001f]+$/u;
const VKEY = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/;
const encoder = new TextEncoder();

export const refused = (code) => new Refused(code);

export function fromBase64(text) {
  let bytes;
  try {
    bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  } catch {
    throw refused("base64_malformed");
  }
  if (toBase64(bytes) !== text) throw refused("base64_malformed");
  return bytes;
}

export function toBase64(bytes) {
  return btoa(String.fromCharCode(...bytes));
}

export async function sha256(data) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", data));
}

export const same = (one, other) =>
  one.length === other.length && one.every((byte, at) => byte === other[at]);

// {name, id, key} of a verifier key's text, whose id has to be its own.
export async function verifierKey(text) {
  const found = VKEY.exec(text);
  const material = found ? fromBase64(found[3]) : new Uint8Array();
  if (material.length !== 33 || material[0] !== 1) throw refused("vkey_malformed");
  const digest = await sha256(joined(encoder.encode(`${found[1]}\n`), material));
  const id = digest.subarray(0, 4);
  const written = [...id].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  if (written !== found[2]) throw refused("vkey_malformed");
  const raw = material.subarray(1);
  const key = await crypto.subtle.importKey("raw", raw, { name: "Ed25519" }, false, ["verify"]);
  return { name: found[1], id, key };
}

// The text of a note that at least one of the keys signed; a wrong signature by a known key of it
// is worse than none.
export async function openNote(note, keys) {
  const odd = note.length > MAX_NOTE_BYTES || /[\u0000-\u0009\u000b-\u001f]/.test(note);
  const split = note.lastIndexOf("\n\n");
  if (odd || split < 0 || !note.endsWith("\n")) throw refused("note_malformed");
  const text = note.slice(0, split + 1);
  const lines = note.slice(split + 2, -1).split("\n");
  if (lines.length > MAX_SIGNATURES) throw refused("note_malformed");
  let signed = false;
  for (const line of lines) {
    const [dash, name, blob, ...more] = line.split(" ");
    if (dash !== "—" || !NAME.test(name ?? "") || more.length) throw refused("note_malformed");
    const bytes = fromBase64(blob ?? "");
    const known = keys.find((key) => key.name === name && same(key.id, bytes.subarray(0, 4)));
    if (!known) continue;
    const signature = bytes.subarray(4);
    if (!await crypto.subtle.verify("Ed25519", known.key, signature, encoder.encode(text))) {
      throw refused("signature_invalid");
    }
    signed = true;
  }
  if (!signed) throw refused("note_unsigned");
  return text;
}

// {origin, size, root} of a checkpoint that a key of this log signed.
export async function openCheckpoint(note, origin, keys) {
  const text = await openNote(note, keys.filter((key) => key.name === origin));
  const lines = text.split("\n");
  if (lines.pop() || lines.length < 3 || !lines.every(Boolean)) {
    throw refused("checkpoint_malformed");
  }
  const size = Number(lines[1]);
  if (!Number.isSafeInteger(size) || size < 0 || String(size) !== lines[1]) {
    throw refused("checkpoint_malformed");
  }
  const root = fromBase64(lines[2]);
  if (root.length !== 32) throw refused("checkpoint_malformed");
  if (lines[0] !== origin) throw refused("checkpoint_origin_mismatch");
  return { origin, size, root };
}

// The credential in a QR code, as infrastructure/proofs/credential.py and qr.py; no second opinion:
// tests run both over the same vectors. It proves that a key signed these values, and no more.
import { Refused, Tagged, head, joined, loads } from "./cbor.js";
import { fromBytes } from "./codes.js";

export { Refused };

const MAX_BYTES = 1024;
const MAX_PAYLOAD_BYTES = 300;
const MAX_TEXT_CHARACTERS = 640;
const FORM = new RegExp(
  "^([Hh][Tt][Tt][Pp][Ss]?)://([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?)"
  + "/[Vv]/([0-9A-Z]{17})#([A-Z2-7]+)$",
);
const LOOPBACK = /^(?:LOCALHOST|127\.0\.0\.1)(?::[0-9]{1,5})?$/;
const KINDS = new Map([[-7, "P-256"], [-9, "P-256"], [-8, "Ed25519"], [-19, "Ed25519"]]);
const REFUSED =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]/;
const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const DAY_SECONDS = 86400;
const BAGHDAD_SECONDS = 3 * 3600;
const FIRST_DAY = Date.UTC(1800, 0, 1) / 1000 / DAY_SECONDS;
const LAST_DAY = Date.UTC(2199, 11, 31) / 1000 / DAY_SECONDS;
const PRIVATE = -65537;
const malformed = () => new Refused("credential_malformed");
const foreign = () => new Refused("credential_foreign");

// {host, code, data, signed} of a QR text; nothing of it is verified yet.
export async function parseText(text) {
  if (text.length > MAX_TEXT_CHARACTERS) throw new Refused("qr_too_large");
  const found = FORM.exec(text);
  if (!found) throw new Refused("qr_foreign");
  const host = found[2].toUpperCase();
  if (found[1].toUpperCase() === "HTTP" && !LOOPBACK.test(host)) throw new Refused("qr_foreign");
  const data = await unpack(base32(found[4]));
  const signed = decode(data);
  if (signed.credential.code !== found[3]) throw new Refused("qr_code_mismatch");
  return { host, code: found[3], data, signed };
}

// The credential in the fragment of a page's address, whose path may be in another spelling.
export function parseFragment(code, fragment, host = "SIJILL.EXAMPLE") {
  return parseText(`HTTPS://${host}/V/${code}#${fragment}`);
}

function base32(text) {
  const bytes = new Uint8Array(Math.floor(text.length * 5 / 8));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const symbol of text) {
    bits = ((bits << 5) | BASE32.indexOf(symbol)) & 0xfff;
    held += 5;
    if (held >= 8) {
      held -= 8;
      bytes[at] = (bits >> held) & 255;
      at += 1;
    }
  }
  // What is left are bits of no byte: fewer than five, and none of them set.
  if (held >= 5 || bits & ((1 << held) - 1)) throw new Refused("qr_malformed");
  return bytes;
}

async function unpack(payload) {
  if (payload.length > MAX_PAYLOAD_BYTES) throw new Refused("qr_payload_too_large");
  if (payload[0] === 0xd2) return payload;
  if (payload[0] !== 0x78) throw new Refused("qr_malformed");
  const data = await inflate(payload);
  if (data.length <= payload.length) throw new Refused("qr_malformed");
  return data;
}

async function inflate(payload) {
  const reader = new Blob([payload]).stream()
    .pipeThrough(new DecompressionStream("deflate")).getReader();
  let data = new Uint8Array();
  for (;;) {
    let piece;
    try {
      piece = await reader.read();
    } catch {
      throw new Refused("qr_malformed");
    }
    if (piece.done) return data;
    data = joined(data, piece.value);
    if (data.length > MAX_BYTES) {
      reader.cancel().catch(() => {});
      throw new Refused("qr_payload_too_large");
    }
  }
}

// {credential, algorithm, keyId, signature, signedBytes}; its claims are not to be believed yet.
export function decode(data) {
  const value = loads(data, MAX_BYTES);
  if (!(value instanceof Tagged) || value.tag !== 18) throw malformed();
  const parts = value.value;
  if (!Array.isArray(parts) || parts.length !== 4) throw malformed();
  const [protectedBytes, unprotected, payload, signature] = parts;
  const kinds = isBytes(protectedBytes) && unprotected instanceof Map
    && isBytes(payload) && isBytes(signature);
  if (!kinds) throw malformed();
  if (unprotected.size || signature.length !== 64) throw foreign();
  const headers = loads(protectedBytes, MAX_BYTES);
  const algorithm = headers instanceof Map ? headers.get(1) : undefined;
  const keyId = headers instanceof Map ? headers.get(4) : undefined;
  const known = headers instanceof Map && headers.size === 2 && KINDS.has(algorithm)
    && isBytes(keyId) && keyId.length === 8;
  if (!known) throw foreign();
  const credential = read(loads(payload, MAX_BYTES));
  const signedBytes = joined(
    Uint8Array.of(0x84), head(3, 10), new TextEncoder().encode("Signature1"),
    head(2, protectedBytes.length), protectedBytes, head(2, 0), head(2, payload.length), payload,
  );
  return { credential, algorithm, keyId, signature, signedBytes };
}

function read(value) {
  if (!(value instanceof Map) || !value.has(PRIVATE)) throw foreign();
  const said = value.get(PRIVATE);
  if (!(said instanceof Map)) throw malformed();
  exactly(value, [1, 6, 7, PRIVATE], [4, 5]);
  exactly(said, [1, 2, 3, 4, 6, 7, 8], [5]);
  const status = said.get(6);
  if (!Array.isArray(status) || status.length !== 2) throw malformed();
  status.forEach((one) => integer(one));
  const date = day(said.get(3));
  const begins = value.has(5) ? dayOf(value.get(5)) : null;
  if (begins === date) throw malformed();
  return {
    agency: matching(/^[a-z][a-z0-9-]{1,47}$/, value.get(1)),
    code: fromBytes(bytes(value.get(7), 10)),
    type: matching(/^[a-z][a-z0-9_]{1,47}$/, said.get(1)),
    number: text(said.get(2)),
    date,
    fields: fields(said.get(4)),
    status: { list: status[0], index: status[1] },
    index: integer(said.get(7)),
    issued_at: integer(value.get(6)),
    ledger: hex(bytes(said.get(8), 8)),
    effective_date: begins,
    expiry_date: value.has(4) ? dayOf(value.get(4), 1) : null,
    document: said.has(5) ? hex(bytes(said.get(5), 32)) : null,
  };
}

function exactly(map, required, optional) {
  const fits = required.every((name) => map.has(name))
    && [...map.keys()].every((name) => required.includes(name) || optional.includes(name));
  if (!fits) throw malformed();
}

function fields(value) {
  if (!(value instanceof Map)) throw malformed();
  return Object.fromEntries([...value].map(([place, said]) => [integer(place, 63), text(said)]));
}

const isBytes = (value) => value instanceof Uint8Array;

function integer(value, most = Number.MAX_SAFE_INTEGER) {
  if (typeof value !== "number" || value < 0 || value > most) throw malformed();
  return value;
}

function bytes(value, count) {
  if (!isBytes(value) || value.length !== count) throw malformed();
  return value;
}

function text(value) {
  if (typeof value !== "string" || !value) throw malformed();
  // Letters beyond the first plane are two surrogates to JavaScript; lone ones are no UTF-8.
  const whole = value.replace(/[\ud800-\udbff][\udc00-\udfff]/g, "");
  if (REFUSED.test(whole) || value !== value.normalize("NFC")) throw new Refused("credential_text");
  return value;
}

function matching(form, value) {
  if (typeof value !== "string" || !form.test(value)) throw malformed();
  return value;
}

function day(days) {
  if (typeof days !== "number" || days < FIRST_DAY || days > LAST_DAY) throw malformed();
  return new Date(days * DAY_SECONDS * 1000).toISOString().slice(0, 10);
}

function dayOf(moment, before = 0) {
  const counted = typeof moment === "number" ? moment + BAGHDAD_SECONDS : 1;
  if (counted % DAY_SECONDS) throw malformed();
  return day(counted / DAY_SECONDS - before);
}

export function hex(data) {
  return [...data].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function fromHex(text_) {
  return Uint8Array.from(text_.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

// RFC 7638, of the two kinds of key that there are.
export async function thumbprint(jwk) {
  const name = jwk.kty === "OKP"
    ? `{"crv":"${jwk.crv}","kty":"OKP","x":"${jwk.x}"}`
    : `{"crv":"${jwk.crv}","kty":"EC","x":"${jwk.x}","y":"${jwk.y}"}`;
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(name)));
}

// The one of the keys that signed, as it was given; a key is {jwk, …}.
export async function verify(signed, keys) {
  const fitting = [];
  for (const key of keys) {
    const name = await thumbprint(key.jwk);
    if (hex(name.subarray(0, 8)) === hex(signed.keyId)) fitting.push(key);
  }
  if (!fitting.length) throw new Refused("credential_key_unknown");
  for (const key of fitting) {
    if (key.jwk.crv === KINDS.get(signed.algorithm) && await signedBy(signed, key.jwk)) return key;
  }
  throw new Refused("signature_invalid");
}

async function signedBy({ signature, signedBytes }, jwk) {
  const [how, check] = jwk.crv === "Ed25519"
    ? [{ name: "Ed25519" }, { name: "Ed25519" }]
    : [{ name: "ECDSA", namedCurve: "P-256" }, { name: "ECDSA", hash: "SHA-256" }];
  // A key is public: whatever else a register says of it is not WebCrypto's business.
  const { kty, crv, x, y } = jwk;
  const members = kty === "OKP" ? { kty, crv, x } : { kty, crv, x, y };
  const key = await crypto.subtle.importKey("jwk", members, how, false, ["verify"]);
  return crypto.subtle.verify(check, key, signature, signedBytes);
}

// Token Status Lists (draft-ietf-oauth-status-list-21) in JWT form, as docs/reference/status-lists.md.
import { Refused } from "./cbor.js";
import { openNote, verifierKey } from "./notes.js";

const MAX_LIST_BYTES = 2 ** 20;
const MAX_TOKEN_CHARACTERS = 600000;
const DELEGATION = /^sijill-status-key\/v1\n([0-9a-f]{64})\n([^\n]{1,400})\n(0|[1-9][0-9]{0,14})\n$/;
const malformed = () => new Refused("status_list_malformed");
const unsigned = () => new Refused("status_list_unsigned");

// {issued, expires, size, status(index)} of the list of this number, which a key signed that the
// log's key names. How old it may be is the caller's to say.
export async function openToken(token, { number, root }) {
  if (token.length > MAX_TOKEN_CHARACTERS) throw malformed();
  const parts = token.split(".");
  if (parts.length !== 3) throw malformed();
  const [head, claims] = parts.slice(0, 2).map(json);
  if (head?.alg !== "EdDSA" || head.typ !== "statuslist+jwt") throw malformed();
  const ours = claims?.sijill;
  const whole = [claims?.iat, claims?.exp, ours?.size].every(Number.isSafeInteger)
    && typeof ours.key === "string" && typeof claims.status_list?.lst === "string";
  if (!whole) throw malformed();
  const { ledger, key, until } = await delegated(ours.key, root);
  const signed = new TextEncoder().encode(`${parts[0]}.${parts[1]}`);
  if (!await crypto.subtle.verify("Ed25519", key.key, base64url(parts[2]), signed)) throw unsigned();
  const name = `https://${root.origin}/v1/status-lists/${number}`;
  const own = ledger === root.ledger && ours.ledger === root.ledger && claims.iss === root.origin
    && claims.sub === name && key.name === `${root.origin}/status`;
  if (!own) throw new Refused("status_list_foreign");
  if (claims.iat > until) throw unsigned();
  const { bits, lst } = claims.status_list;
  if (![1, 2, 4, 8].includes(bits)) throw malformed();
  const data = await unfold(base64url(lst));
  return {
    issued: claims.iat,
    expires: claims.exp,
    size: ours.size,
    status(index) {
      const each = 8 / bits;
      if (!(index >= 0 && index < data.length * each)) return null;
      return (data[Math.floor(index / each)] >> ((index % each) * bits)) & ((1 << bits) - 1);
    },
  };
}

async function delegated(note, root) {
  try {
    // By the log's present key: rotating that is what calls a note back.
    const newest = await verifierKey(root.log_vkeys.at(-1));
    const word = DELEGATION.exec(await openNote(note, [newest]));
    if (!word) throw unsigned();
    return { ledger: word[1], key: await verifierKey(word[2]), until: Number(word[3]) };
  } catch (error) {
    if (error instanceof Refused) throw unsigned();
    throw error;
  }
}

function json(part) {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(base64url(part)));
  } catch {
    throw malformed();
  }
}

function base64url(text) {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) throw malformed();
  const plain = text.replaceAll("-", "+").replaceAll("_", "/");
  try {
    return Uint8Array.from(atob(plain), (sign) => sign.charCodeAt(0));
  } catch {
    throw malformed();
  }
}

async function unfold(compressed) {
  const reader = new Blob([compressed]).stream()
    .pipeThrough(new DecompressionStream("deflate")).getReader();
  const pieces = [];
  let size = 0;
  for (;;) {
    let piece;
    try {
      piece = await reader.read();
    } catch {
      throw malformed();
    }
    if (piece.done) break;
    size += piece.value.length;
    if (size > MAX_LIST_BYTES) {
      reader.cancel().catch(() => {});
      throw malformed();
    }
    pieces.push(piece.value);
  }
  const data = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    data.set(piece, at);
    at += piece.length;
  }
  return data;
}

// "Remember this checkpoint": kept on this device, and compared whenever the log is looked at.
import { fromHex } from "./credential.js";
import { openCheckpoint, same, sha256, verifierKey } from "./notes.js";
import { joined } from "./cbor.js";
import { t } from "./texts.js";

const NAME = "sijill-checkpoint";

function stored() {
  try {
    return JSON.parse(localStorage.getItem(NAME));
  } catch {
    return null;
  }
}

export async function remember(section) {
  const line = document.getElementById("remembered");
  const button = document.getElementById("remember-button");
  const note = document.getElementById("note").textContent;
  const vkey = document.getElementById("vkey").textContent.trim();
  const before = stored();
  button.hidden = false;
  button.addEventListener("click", () => {
    localStorage.setItem(NAME, JSON.stringify({ note, vkey }));
    line.textContent = t("page.remember.kept", { size: section.dataset.size });
  });
  if (!before) return;
  const size = before.note.split("\n")[1];
  try {
    const proved = await continues(before, { note, vkey });
    line.textContent = t(proved ? "page.remember.consistent" : "page.remember.broken", { size });
    line.className = proved ? "right" : "wrong";
  } catch (error) {
    if (!(error instanceof TypeError)) {
      line.textContent = t("page.remember.broken", { size });
      line.className = "wrong";
    }
  }
}

// Whether the log that is shown now holds everything that the kept checkpoint covers.
async function continues(before, now) {
  const name = (one) => one.vkey.split("+")[0];
  const open = async (one) => openCheckpoint(one.note, name(one), [await verifierKey(one.vkey)]);
  const [old, head] = [await open(before), await open(now)];
  if (old.origin !== head.origin || old.size > head.size) return false;
  const answer = await fetch(`/v1/proofs/consistency?from=${old.size}&to=${head.size}`);
  const proof = await answer.json();
  if (!answer.ok) return false;
  return consistent(old, head, proof.hashes.map(fromHex));
}

const node = (left, right) => sha256(joined(Uint8Array.of(1), left, right));

// RFC 9162, section 2.1.4.2.
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

// "Remember this checkpoint": kept on this device, and compared whenever the log is looked at.
import { Refused } from "./cbor.js";
import { continues, followed, opened } from "./growing.js";
import { openCheckpoint, verifierKey } from "./notes.js";
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
  // Where nothing can be verified, nothing is promised, and no log accused.
  const able = await verifierKey(vkey).then(() => true, (error) => error instanceof Refused);
  if (!able) {
    line.textContent = t("page.remember.unable");
    return;
  }
  button.hidden = false;
  button.addEventListener("click", () => {
    localStorage.setItem(NAME, JSON.stringify({ note, vkey }));
    line.textContent = t("page.remember.kept", { size: section.dataset.size });
  });
  if (!before) return;
  const size = before.note.split("\n")[1];
  const says = (text, right) => {
    line.textContent = t(text, { size });
    line.className = right ? "right" : "wrong";
  };
  try {
    const proved = await holds(before, { note, vkey });
    says(proved ? "page.remember.consistent" : "page.remember.broken", proved);
  } catch (error) {
    if (error instanceof Refused && error.code === "log_key_unknown") says("page.remember.key");
    // Whatever else went wrong, a portal's page or a cut line, says nothing of the log.
    else if (error instanceof Refused) says("page.remember.broken");
  }
}

// Whether the log that is shown now holds everything that the kept checkpoint covers.
async function holds(before, now) {
  const name = (one) => one.vkey.split("+")[0];
  const open = async (one) => openCheckpoint(one.note, name(one), [await verifierKey(one.vkey)]);
  const old = await open(before);
  // Right after its key changed a log's newest checkpoint still bears the key before it.
  const head = await open(now).catch(() => open({ ...now, vkey: before.vkey }));
  if (now.vkey !== before.vkey) {
    const answer = await fetch("/v1/ledger", { cache: "no-cache" });
    if (!answer.ok) throw new TypeError("the keys cannot be had now");
    await followed(before.vkey, await answer.json(), opened);
  }
  return old.origin === head.origin && continues(old, head);
}

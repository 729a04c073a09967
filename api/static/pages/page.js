// What a page does beyond its forms; each part only where the page has a place for it.
import { camera, photograph } from "./camera.js";
import { normalise, grouped } from "./codes.js";
import { draw } from "./drawing.js";
import { dropping } from "./dropping.js";
import { refreshInTurn, refused } from "./knowledge.js";
import { offline } from "./offline.js";
import { check, fragment } from "./paper.js";
import { remember } from "./remember.js";
import { load, t } from "./texts.js";
import { unreadable } from "./verdict.js";
import { watch } from "./watching.js";

const at = (id) => document.getElementById(id);
const language = document.documentElement.lang;

const print = at("print");
if (print) {
  print.hidden = false;
  print.addEventListener("click", () => window.print());
}

// The other languages show the same document: what stands in the fragment goes along.
if (fragment()) {
  for (const link of document.querySelectorAll(".languages a, #again")) link.hash = fragment();
}
window.addEventListener("hashchange", () => location.reload());
// Where a paper stands in the fragment, a link to the page's own address loads nothing.
at("again")?.addEventListener("click", (event) => {
  if (!location.hash || event.currentTarget.href !== location.href) return;
  event.preventDefault();
  location.reload();
});
// Nor does the way past the header put another fragment in the paper's place.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  at("content").focus();
});

if ("serviceWorker" in navigator) {
  // The page's policy lets no script be named by a text but this one.
  const worker = "/sw.js";
  const policy = window.trustedTypes?.createPolicy("worker", { createScriptURL: () => worker });
  const script = policy ? policy.createScriptURL(worker) : worker;
  navigator.serviceWorker.register(script, { updateViaCache: "none" }).catch(() => {});
}

await load(language);

if (at("camera")) camera(at("camera"), language);
if (at("by-file")) {
  photograph(at("by-file"), language);
  dropping(at("by-file"));
}
if (at("remember")) remember(at("remember"));
if (at("offline-get")) offline(at("offline-get"));

const result = at("result");
if (result) {
  const code = result.dataset.code ?? shellCode();
  if (code && fragment() && result.dataset.compared !== "yes") await check(result, code);
  else if (result.dataset.code) watch(result);
  document.documentElement.dataset.checked = "yes";
}

const warn = async () => {
  at("refused").hidden = await refused().catch(() => null) === null;
};
await warn();
refreshInTurn().catch(() => {}).then(warn).then(() => {
  document.documentElement.dataset.warned = "yes";
});

// Without a network the same shell stands for every address: the code is in the address alone.
function shellCode() {
  const found = /\/v\/([^/]+)$/i.exec(location.pathname);
  if (!found) return null;
  const code = normalise(decodeURIComponent(found[1]));
  if (!code) {
    draw(unreadable("qr_malformed"));
    return null;
  }
  const line = at("ages");
  line.textContent = `${t("page.record.code")}: ${grouped(code)}`;
  line.hidden = false;
  result.dataset.code = code;
  return code;
}

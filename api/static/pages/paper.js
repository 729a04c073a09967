// A document whose QR code brought its credential along: verified here, then asked about.
import { parseFragment, Refused } from "./credential.js";
import { draw, question } from "./drawing.js";
import * as knowledge from "./knowledge.js";
import { age, day, t } from "./texts.js";
import { assess, namesOn } from "./trust.js";
import { combined, unreadable } from "./verdict.js";
import { ask, says, stays, watch } from "./watching.js";

const PATIENCE_MS = 5000;
const at = (id) => document.getElementById(id);

// From the address, or from a file in which the server read it.
export function fragment() {
  const found = at("result")?.dataset.payload ?? location.hash.slice(1);
  return found.length > 8 ? found : "";
}

// Draws the verdict on what the fragment holds; `code` is the one in the address.
export async function check(result, code) {
  let read;
  try {
    read = await parseFragment(code, fragment());
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    draw(unreadable(error.code));
    return;
  }
  const { signed } = read;
  // What the server found in the paper, where it read it.
  const drawn = result.dataset.payload ? { ...at("verdict").dataset } : {};
  // A list that does not know the key may be older than the key: ask once more before saying so.
  let local = await judged(signed);
  const unsure = ["trust_list_old", "issuer_not_known_yet", "issuer_unknown"];
  let learning = null;
  if (!local || unsure.includes(local.reason)) {
    // The status lists say nothing yet: the register is asked first.
    learning = newer();
    await Promise.race([learning, patience()]);
    local = await judged(signed) ?? local;
  } else if (navigator.onLine) {
    local = await renewed(signed, local);
  }
  // The shell that stands for every address has no code of its own to ask about.
  result.dataset.code = code;
  if (!local) {
    const stop = watch(result);
    until(() => judged(signed)).then(async () => {
      stop();
      delete result.dataset.standing;
      await check(result, code);
    });
    return;
  }
  if (!stays(drawn, local)) await show(signed.credential, local);
  const tell = (found) => {
    if (stays(drawn, found)) question("in_force", found.questions.in_force);
    else draw(found);
  };
  let last = null;
  const told = async (verdict) => {
    last = verdict;
    let found = combined(local, verdict, signed.credential);
    if (found.outcome === "valid" && !await knowledge.fresh()) {
      found = { ...combined(doubted(local), verdict, signed.credential), coming: true };
    }
    // Another answer came meanwhile, and is told.
    if (last !== verdict) return;
    if (found.questions.unchanged === "differs") at("paper").hidden = true;
    tell(found);
  };
  // Nobody waited to its end for the list that comes slowly: by it the paper is judged again.
  let settling = null;
  const settle = () => {
    settling ??= until(knowledge.fresh).then(async () => {
      settling = null;
      local = await judged(signed) ?? local;
      if (!stays(drawn, local)) await show(signed.credential, local);
      await told(last);
    });
  };
  const news = async (verdict) => {
    const before = result.dataset.standing;
    const standing = `${verdict.questions.in_force} ${verdict.questions.issuer}`;
    if (standing === before || (!before && verdict.reason === "store_unavailable")) return;
    result.dataset.standing = standing;
    if (before) says(t("page.changed"));
    else for (const line of ["changed", "ages"]) at(line).hidden = true;
    const valid = combined(local, verdict, signed.credential).outcome === "valid";
    if (before && valid) local = await renewed(signed, local);
    await told(verdict);
    if (!await knowledge.fresh()) settle();
  };
  if (await knowledge.refused()) {
    // Whoever answers here now is not the ledger that this device knows.
    await offline(local, tell);
    return;
  }
  const server = await asked(code, result.dataset.language);
  if (server === null) await offline(local, tell);
  else await news(server);
  if (server === null && learning) {
    // Who comes for the first time has no status lists yet, and nobody else tells of the force.
    await Promise.race([knowledge.refresh().catch(() => {}), patience()]);
    local = await judged(signed) ?? local;
    await offline(local, tell);
  }
  watch(result, news);
}

// The newest list, as it comes; whoever stops waiting for it lets it come for the next.
let coming = null;

function newer() {
  coming ??= knowledge.refresh({ lists: false }).catch(() => {}).finally(() => { coming = null; });
  return coming;
}

// Once `done` holds of what is here: on a slow road later than anybody waits, and asked for again
// where it did not come. Without keys, a forged paper would be none.
async function until(done) {
  await coming;
  for (let pause = PATIENCE_MS; !await done(); pause *= 2) {
    await new Promise((resolve) => { setTimeout(resolve, pause); });
    await newer();
  }
}

async function judged(signed) {
  const known = await knowledge.known().catch(() => null);
  if (!known) return null;
  const type = known.types.find((one) => one.id === signed.credential.type);
  const listed = await knowledge.listed(signed.credential.status, known.root).catch(() => null);
  const how = {
    now: knowledge.nowSeconds(),
    today: today(),
    // Of a type that this device does not know no list tells the force.
    maxStatusAge: type?.max_status_age_seconds ?? 0,
  };
  return assess(signed, known.trusted, listed, how);
}

// Judged by a list of just now, where one can be had.
async function renewed(signed, local) {
  if (await knowledge.fresh()) return local;
  await Promise.race([newer(), patience()]);
  return await judged(signed) ?? local;
}

// Beside the register's word nothing is valid by the keys of another day.
function doubted(local) {
  return { ...local, knowledge: { ...local.knowledge, trust_old: true } };
}

const patience = () => new Promise((resolve) => { setTimeout(resolve, PATIENCE_MS, null); });

export function today(date = new Date()) {
  return new Intl.DateTimeFormat("en-CA", { timeZone: "Asia/Baghdad" }).format(date);
}

async function asked(code, language) {
  const answer = ask(code, language).catch(() => null);
  const verdict = await Promise.race([answer, patience()]);
  return verdict?.outcome && verdict.reason !== "store_unavailable" ? verdict : null;
}

async function offline(local, tell) {
  tell(local);
  const { trust, status } = await knowledge.ages();
  const line = at("ages");
  line.hidden = false;
  line.textContent = [
    t("page.offline.now"),
    `${t("page.offline.trust")}: ${trust === null ? t("page.offline.none") : age(trust, "page")}.`,
    `${t("page.offline.status")}: ${status === null ? t("page.offline.none") : age(status, "page")}.`,
  ].join(" ");
}

// What the paper says, to be compared by eye: only where its signature is genuine.
async function show(credential, local) {
  if (local.questions.unchanged !== "signed") return;
  const known = await knowledge.known();
  const { language } = at("result").dataset;
  const named = (names) => names?.[language] ?? names?.ar ?? Object.values(names ?? {})[0];
  const type = known.types.find((one) => one.id === credential.type);
  const issuer = named(namesOn(known.trusted.list, credential.agency, credential.date));
  const lines = Object.entries(credential.fields).map(([place, value]) => [
    named(type?.fields[place]?.names) ?? place, value,
  ]);
  const rows = [
    [t("page.record.issuer"), issuer ?? credential.agency],
    [t("page.record.type"), named(type?.names) ?? credential.type],
    ...lines,
    [t("page.field.number"), credential.number],
    [t("page.field.date"), day(credential.date)],
  ];
  if (credential.effective_date) rows.push([t("page.paper.from"), day(credential.effective_date)]);
  if (credential.expiry_date) rows.push([t("page.paper.expires"), day(credential.expiry_date)]);
  const list = at("paper-says");
  list.replaceChildren(...rows.map(row));
  at("paper").hidden = false;
  if (local.facts.custodial) at("custodial").hidden = false;
}

function row([label, value]) {
  const [box, term, told, text] = ["div", "dt", "dd", "bdi"].map((one) => document.createElement(one));
  term.textContent = label;
  text.textContent = value;
  told.append(text);
  box.append(term, told);
  return box;
}

// Asks again while a verdict is looked at, so that a withdrawal shows within two seconds.
import { draw, question } from "./drawing.js";
import { clock, t } from "./texts.js";

const EVERY_MS = 1000;
// A page that nobody closes is not asked about for ever; its time of checking stands on it.
const FOR_MS = 15 * 60 * 1000;
const LOST_AFTER_MS = 8000;

// What says nothing of the paper, nor of its record.
const AWAY = new Set(["status_stale", "store_unavailable"]);

// Whether what the server found in the paper itself stays beside `verdict`, which is no worse.
export function stays({ outcome, reason }, verdict) {
  if (outcome === "not_valid") return verdict.outcome !== "not_valid";
  const open = outcome === "could_not_check" && !AWAY.has(reason);
  return open && ["valid", "could_not_check"].includes(verdict.outcome);
}

export async function ask(code, language) {
  const headers = { "Accept-Language": language };
  // An answer that never comes is none; the oldest browsers wait for it all the same.
  const signal = AbortSignal.timeout?.(LOST_AFTER_MS);
  const answer = await fetch(`/v1/verify/${code}`, { headers, cache: "no-cache", signal });
  return await answer.json();
}

// Returns what stops it.
export function watch(result, onNews = (verdict) => news(result, verdict)) {
  const { code, language } = result.dataset;
  const line = document.getElementById("changed");
  let until = Date.now() + FOR_MS;
  let answeredAt = Date.now();
  // What the line said before the connection was lost: it says so again afterwards.
  let before = null;
  const round = async () => {
    if (Date.now() > until) return;
    if (!document.hidden) {
      try {
        const verdict = await ask(code, language);
        if (until && verdict.outcome) {
          answeredAt = Date.now();
          if (before !== null) {
            line.textContent = before;
            line.hidden = !before;
            before = null;
          }
          await onNews(verdict);
        }
      } catch {
        // Said below, once it lasts.
      }
      if (until && Date.now() - answeredAt > LOST_AFTER_MS) {
        before ??= line.hidden ? "" : line.textContent;
        says(t("page.connection_lost", { time: clock(new Date(answeredAt)) }));
      }
    }
    setTimeout(round, EVERY_MS);
  };
  setTimeout(round, EVERY_MS);
  return () => { until = 0; };
}

export function says(text) {
  const line = document.getElementById("changed");
  if (line.textContent !== text || line.hidden) {
    line.textContent = text;
    line.hidden = false;
  }
}

// The server judged the paper's own signature, and this device cannot: the record alone is news.
function beside(result, verdict) {
  const shown = document.getElementById("verdict").dataset;
  const { in_force: force, issuer } = verdict.questions;
  const before = result.dataset.standing ?? result.dataset.state;
  result.dataset.standing = force;
  const valid = verdict.outcome === "valid" && shown.outcome === "valid";
  const kept = valid || stays(shown, verdict);
  if (force === before && (kept || verdict.reason === shown.reason)) return;
  says(t("page.changed"));
  if (kept) question("in_force", force);
  else draw({ ...verdict, questions: { in_force: force, issuer } });
}

// What a comparison said of the paper stays; what the register says of the record is renewed.
function news(result, verdict) {
  const shown = document.getElementById("verdict").dataset;
  const compared = result.dataset.compared === "yes";
  if (result.dataset.payload) {
    beside(result, verdict);
    return;
  }
  const state = `${verdict.questions.in_force} ${verdict.questions.issuer}`;
  const before = result.dataset.standing ?? `${result.dataset.state} ${result.dataset.issuer}`;
  result.dataset.standing = state;
  if (state === before && (compared || verdict.reason === shown.reason)) return;
  says(t("page.changed"));
  if (compared && shown.reason === "content_mismatch") {
    // A paper that says something else stays the worse news.
    question("in_force", verdict.questions.in_force);
    question("issuer", verdict.questions.issuer);
  } else if (compared) {
    draw({ ...verdict, questions: { in_force: verdict.questions.in_force,
      issuer: verdict.questions.issuer } });
  } else {
    draw(verdict);
  }
}

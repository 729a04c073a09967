// Draws a verdict into the page: the same looks as api/pages/results.py, which a test compares.
import { age, moment, t } from "./texts.js";

const LOOKS = {
  valid: "good", not_valid: "bad", withdrawn: "bad",
  not_in_its_time: "late", unreadable: "unsure", could_not_check: "unsure",
};
const YES = new Set(["matches", "signed", "authorised", "in_force"]);
const OPEN = new Set(["not_compared", "could_not_compare", "unknown"]);

export function look(outcome, reason) {
  return reason === "in_force_paper_not_compared" ? "record" : LOOKS[outcome] ?? "unsure";
}

export function answered(word) {
  return YES.has(word) ? "yes" : OPEN.has(word) ? "open" : "no";
}

const at = (id) => document.getElementById(id);

export function draw(verdict, checked = new Date()) {
  const seen = look(verdict.outcome, verdict.reason);
  const article = at("verdict");
  article.className = `verdict look-${seen}`;
  article.dataset.outcome = verdict.outcome;
  article.dataset.reason = verdict.reason;
  at("sign").setAttribute("href", `#sign-${seen}`);
  const [headline, text, advice] = words(verdict);
  at("headline").textContent = headline;
  document.title = `${headline} · ${t("page.brand")}`;
  at("text").textContent = text;
  at("advice").textContent = advice;
  at("reason-code").textContent = verdict.reason;
  for (const [name, word] of Object.entries(verdict.questions)) question(name, word);
  if (verdict.basis && at("basis-index")) {
    at("basis-index").textContent = verdict.basis.index;
    at("basis-age").textContent = age(verdict.basis.age_seconds);
  }
  at("checked").textContent = t("page.checked", { time: moment(checked) });
}

// A list that is only not of just now is not past its end, and is on its way: `coming`.
function words({ reason, coming }) {
  return coming
    ? [t("page.trust_coming"), t("page.trust_coming.why"), t("page.trust_coming.advice")]
    : [t(`page.headline.${reason}`), t(`verdict.reason.${reason}`), t(`verdict.advice.${reason}`)];
}

export function question(name, word, because = t(`verdict.${name}.${word}`)) {
  const line = document.querySelector(`[data-question="${name}"]`);
  const answer = answered(word);
  line.className = `answer-${answer}`;
  line.querySelector("use").setAttribute("href", `#answer-${answer}`);
  line.querySelector(".answer").textContent = answer === "open" ? "" : t(`page.answer.${answer}`);
  line.querySelector(".because").textContent = because;
}

// Words for people, from the same catalogue as the pages of the server.

let texts = {};
let language = "ar";

// gettext's rules of the three catalogues, in the order of their forms.
const FORMS = {
  ar: (n) => n === 0 ? 0 : n === 1 ? 1 : n === 2 ? 2
    : n % 100 >= 3 && n % 100 <= 10 ? 3 : n % 100 >= 11 ? 4 : 5,
  ckb: (n) => n === 1 ? 0 : 1,
  en: (n) => n === 1 ? 0 : 1,
};

export async function load(wanted) {
  language = wanted;
  texts = await (await fetch(`/${wanted}/texts.json`)).json();
}

export function t(id, values = {}) {
  const found = texts[id] ?? id;
  const text = Array.isArray(found) ? found[FORMS[language](values.count ?? 1)] : found;
  return text.replace(/\{([a-z_]+)\}/g, (mark, name) => values[name] ?? mark);
}

// Days and ages are read, so they are in the language's own digits; codes and indexes are not.
export function digits(text) {
  if (language === "en") return text;
  return text.replace(/[0-9]/g, (digit) => String.fromCharCode(0x660 + Number(digit)));
}

export function age(seconds) {
  if (seconds < 60) return digits(t("verdict.age.seconds", { count: Math.max(0, seconds) }));
  if (seconds < 3600) return digits(t("verdict.age.minutes", { count: Math.floor(seconds / 60) }));
  return digits(t("verdict.age.hours", { count: Math.floor(seconds / 3600) }));
}

const LOCALES = { ar: "ar-IQ-u-nu-latn", ckb: "ar-IQ-u-nu-latn", en: "en-GB" };

// A clock time of today, as in "19:39".
export function clock(date = new Date()) {
  const parts = { timeZone: "Asia/Baghdad", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  return digits(new Intl.DateTimeFormat("en-GB", parts).format(date));
}

export function moment(date) {
  const day = { timeZone: "Asia/Baghdad", day: "numeric", month: "long", year: "numeric" };
  const locale = language === "ckb" ? "en-GB" : LOCALES[language];
  const said = language === "ckb"
    ? new Intl.DateTimeFormat("en-CA", { timeZone: "Asia/Baghdad" }).format(date)
    : new Intl.DateTimeFormat(locale, day).format(date);
  return digits(`${said}${language === "en" ? "," : "،"} ${clock(date)}`);
}
